"""Ranges hold as often as they say, where the model is true."""

import numpy as np
import pandas as pd
import pytest
from worlds.customers import HORIZON, draw_customers

from crcm_lib.models.clv import fit_value
from crcm_lib.models.clv.prediction_intervals import COVERAGE, predict_intervals, relative_totals
from crcm_lib.models.clv.purchase_models import BGNBD, PURCHASE_MODELS
from crcm_lib.models.histories import weighted_histories
from crcm_lib.models.mle import sample_parameters
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.style import new_axes
from crcm_lib.reporting.charts.value_charts import MAX_CHANGE, draw_intervals
from crcm_lib.reporting.text.clv import describe_totals


@pytest.fixture(scope="module")
def world():
    customers, later = draw_customers(3000, seed=0)
    return customers, later, fit_value(customers)


def test_who_hardly_buys_again_has_a_range_from_zero(world):
    customers, later, model = world
    found = predict_intervals(model, customers, horizon_days=HORIZON, total_error=0).customers
    assert (found["spend_low"] <= found["spend_high"]).all()
    silent = found["spend_high"] == 0
    assert 0.2 < silent.mean() < 0.9
    assert (later.loc[0, silent] == 0).mean() > COVERAGE


def test_groups_add_up_to_the_total(world):
    customers, _later, model = world
    groups = pd.Series(np.where(customers["purchases"] > 2, "often", "seldom"), index=customers.index)
    totals = predict_intervals(model, customers, horizon_days=HORIZON, total_error=0, groups=groups).totals
    assert totals["group"].to_list() == ["often", "seldom", ""]
    assert totals["customers"].to_list()[-1] == len(customers)
    assert totals["spend_expected"].iloc[:2].sum() == pytest.approx(totals["spend_expected"].iloc[2])
    widths = totals["spend_high"] - totals["spend_low"]
    assert widths.iloc[2] < widths.iloc[:2].sum()


def test_the_expected_total_lies_in_the_middle_of_its_range(world):
    customers, _later, model = world
    everybody = predict_intervals(model, customers, horizon_days=HORIZON, total_error=0).totals.iloc[-1]
    assert everybody["spend_low"] < everybody["spend_expected"] < everybody["spend_high"]


def test_totals_are_as_wide_as_past_windows_were_off_and_have_no_limits_without_them(world):
    customers, _later, model = world
    groups = pd.Series(np.where(customers["purchases"] > 2, "often", "seldom"), index=customers.index)
    given = {"horizon_days": HORIZON, "groups": groups}
    wide = predict_intervals(model, customers, total_error=np.log(1.5), **given).totals.set_index("group")
    everybody = wide.loc[""]
    assert everybody["spend_high"] / everybody["spend_expected"] == pytest.approx(1.5)
    assert everybody["spend_expected"] / everybody["spend_low"] == pytest.approx(1.5)
    assert (wide["spend_high"] / wide["spend_expected"]).loc[["often", "seldom"]].gt(1.5).all()
    unknown = predict_intervals(model, customers, total_error=None, **given).totals
    assert unknown[["spend_low", "spend_high"]].isna().all(axis=None)


def test_equal_customers_have_equal_intervals(world):
    customers, _later, model = world
    twins = pd.concat([customers, customers.set_axis("twin" + customers.index)])
    found = predict_intervals(model, twins, horizon_days=HORIZON, total_error=0).customers
    halves = found.iloc[: len(customers)], found.iloc[len(customers) :]
    np.testing.assert_array_equal(*halves)


def test_the_same_seed_draws_the_same_and_amounts_scale(world):
    customers, _later, model = world
    given = {"horizon_days": 90, "total_error": 0, "seed": 4}
    first, again = (predict_intervals(model, customers, **given).customers for _i in range(2))
    pd.testing.assert_frame_equal(first, again)
    larger = customers.assign(**{name: customers[name] * 100 for name in ("spend_total", "spend_mean")})
    ranges = predict_intervals(fit_value(larger), larger, **given).customers
    np.testing.assert_allclose(ranges.quantile(0.9), 100 * first.quantile(0.9), rtol=0.05)


@pytest.mark.parametrize("many", [0, 1, 40])
def test_few_customers_have_ranges_too(many):
    customers, _later = draw_customers(max(many, 1), seed=1)
    customers = customers.head(many)
    found = predict_intervals(fit_value(customers), customers, horizon_days=90, total_error=0)
    assert len(found.customers) == many
    assert np.isfinite(found.customers.to_numpy()).all()
    assert np.isfinite(found.totals[["spend_low", "spend_high"]].to_numpy(float)).all()


def test_the_spread_of_parameters_is_that_of_refitted_resamples(world):
    customers, _later, _model = world
    columns = [customers["purchases"].to_numpy(float) - 1]
    columns += [customers[name].to_numpy() / 250 for name in ("days_first_to_last", "days_observed")]
    random = np.random.default_rng(2)
    fitted = PURCHASE_MODELS[BGNBD].fit(weighted_histories(*columns)).params
    different = weighted_histories(*columns)
    drawn = sample_parameters(
        PURCHASE_MODELS[BGNBD].objective,
        (*different.columns, different.weight),
        fitted,
        random,
        draws=2000,
        sample=20_000,
    )
    refitted = []
    for _resample in range(40):
        rows = random.integers(len(customers), size=len(customers))
        refitted.append(
            PURCHASE_MODELS[BGNBD].fit(weighted_histories(*(column[rows] for column in columns))).params
        )
    ours, theirs = (np.log(pd.DataFrame(some)).std() for some in (drawn, refitted))
    assert ours[["r", "alpha"]].to_list() == pytest.approx(theirs[["r", "alpha"]].to_list(), rel=0.35)


# The picture


def as_totals(**groups: tuple[int, float, float, float]) -> pd.DataFrame:
    """Customers, spend expected, low and high of each group; the last one is all."""
    columns = ["customers", "spend_expected", "spend_low", "spend_high"]
    table = pd.DataFrame.from_dict(groups, orient="index", columns=columns).rename_axis("group").reset_index()
    return table.replace({"group": {"everybody": ""}})


def prepare(totals: pd.DataFrame) -> pd.DataFrame:
    """What 04 draws of the totals."""
    money = ["spend_expected", "spend_low", "spend_high"]
    return relative_totals(hide_small(totals.iloc[:-1], money=money), totals.iloc[-1:])


def draw_bars(totals: pd.DataFrame) -> tuple[object, list[tuple[float, float]]]:
    """The axes, and from where to where each bar goes, top first."""
    ax = draw_intervals(new_axes(), totals, "EUR")
    return ax, [tuple(path.vertices[:, 0].round(3)) for path in ax.collections[0].get_paths()]


def test_a_small_groups_range_is_drawn_as_wide_as_a_large_ones():
    totals = as_totals(
        lost=(50, 100, 80, 130), loyal=(50, 1e6, 8e5, 1.3e6), everybody=(100, 1000100, 9e5, 1.2e6)
    )
    shown = prepare(totals)
    assert draw_bars(shown)[1][:2] == [(-0.2, 0.3), (-0.2, 0.3)]
    alt = describe_totals(shown, "EUR", "")
    assert "lost: 100 (80.00 – 130); all: 1,000,100 (900,000 – 1,200,000)." in alt


def test_a_group_of_few_is_not_drawn_nor_what_would_tell_of_it():
    totals = as_totals(
        few=(2, 7, 1, 9), also=(9, 8, 1, 9), loyal=(50, 90, 80, 99), everybody=(61, 105, 90, 120)
    )
    shown = prepare(totals)
    assert shown["group"].to_list() == ["loyal", ""]
    alt = describe_totals(shown, "EUR", "")
    assert "loyal: 90.00 (80.00 – 99.00); all: 105" in alt
    assert "few" not in alt
    assert "also" not in alt
    nothing = prepare(totals.iloc[[0, 3]])
    assert nothing.empty
    assert describe_totals(nothing, "EUR", "no range").startswith("No picture: there are too few customers")
    assert not draw_intervals(new_axes(), nothing, "EUR").collections


def test_a_group_of_whom_nothing_is_expected_is_not_drawn():
    totals = as_totals(none=(40, 0, 0, 0), loyal=(50, 90, 80, 99), everybody=(90, 90, 80, 99))
    assert "none" not in describe_totals(prepare(totals), "EUR", "")
    assert len(draw_bars(prepare(totals))[1]) == 2


def test_a_range_without_measure_does_not_squeeze_the_others():
    totals = as_totals(odd=(40, 1, 0, 90), loyal=(50, 90, 80, 100), everybody=(90, 91, 80, 120))
    assert draw_bars(prepare(totals))[0].get_xlim()[1] == MAX_CHANGE
