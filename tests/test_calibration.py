"""Errors of earlier windows' totals recalibrate as far as they are expected to last."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_model_selection import AS_OF, FIRST, change_amounts, draw_orders, engine_of

from crcm_lib.features.customers import summarise_customers
from crcm_lib.models.clv import select_model
from crcm_lib.models.clv.calibration import WINDOWS, calibration_factor, largest_error, log_error
from crcm_lib.models.clv.purchase_models import PARETO


@pytest.fixture(scope="module")
def growing():
    """Orders that become larger by half each year, and the selection 80 days before they end."""
    orders = change_amounts(draw_orders(900, seed=6), lambda days: np.exp(0.4 * days / 365))
    end = FIRST + pd.Timedelta(days=650)
    return orders, end, select_model(engine_of(orders), as_of=end, horizon_days=92)


def test_totals_that_were_always_too_low_are_raised_and_then_closer(growing):
    orders, end, selection = growing
    customers = summarise_customers(engine_of(orders), as_of=end)
    model = selection.refit(customers)
    later = orders.loc[orders["day"] > end, "amount"].sum()
    off = [
        abs(one.predict(customers, horizon_days=79)["spend_expected"].sum() / later - 1)
        for one in (model, replace(model, recalibration=1.0))
    ]
    assert model.recalibration > 1.05
    assert off[0] < 0.8 * off[1]
    assert model.reasons[-1].rule == "recalibrated"
    assert model.reasons[-1].facts["change"] == model.recalibration - 1


def test_a_season_is_not_taken_for_a_trend():
    wave = change_amounts(draw_orders(700, seed=1), lambda days: 1 + 0.5 * np.sin(2 * np.pi * days / 365))
    selection = select_model(engine_of(wave), as_of=AS_OF, horizon_days=92)
    assert selection.judged == 4
    factor = selection.refit(summarise_customers(engine_of(wave), as_of=AS_OF)).recalibration
    assert factor == pytest.approx(1, abs=0.04)  # single windows are off by up to a half
    assert max(abs(window.errors[PARETO]) for window in selection.windows) > 0.25


@pytest.mark.parametrize(
    ("actual", "factor"),
    [
        ([120, 120, 120, 120], 1.2**0.5),  # half of what four windows agree on
        ([120, 120, 120, 120, 300], 1.2**0.5),  # the four latest count
        ([120, 120], 1.2 ** (1 / 3)),
        ([120], 1.2**0.2),
        ([120, 100 / 1.2], 1.0),
        ([], 1.0),
    ],
)
def test_what_lasts_of_errors_recalibrates(actual, factor):
    assert calibration_factor([np.log(total / 100) for total in actual]) == pytest.approx(factor)


def test_an_error_within_chance_hardly_recalibrates():
    random = np.random.default_rng(8)
    expected = np.full(400, 10.0)
    errors = [log_error(random.exponential(10.0, 400), expected) for _world in range(300)]
    factors = np.array([calibration_factor([one]) for one in errors])
    assert abs(factors - 1).max() < 0.04
    assert factors.mean() == pytest.approx(1, abs=0.003)
    assert log_error(np.zeros(3), np.ones(3)) is None


def test_the_largest_of_four_errors_holds_the_next_in_four_of_five_worlds():
    """Split conformal prediction: exact for errors of one kind, whatever their distribution."""
    random = np.random.default_rng(3)
    for draw in (random.normal, lambda size: random.standard_t(2, size=size)):
        worlds = draw(size=(4000, 6))
        held = [abs(one[0] - np.log(calibration_factor(one[1:]))) <= largest_error(one[1:]) for one in worlds]
        print(f"held in {np.sum(held)} of {len(held)} worlds")
        assert np.mean(held) == pytest.approx(0.80, abs=0.02)


def test_fewer_than_four_windows_give_no_range():
    assert largest_error([0.1] * (WINDOWS - 1)) is None
    assert largest_error([0.1] * WINDOWS) == pytest.approx(0.1 * (1 - 3 / 7))  # told with three before it


def test_the_range_is_never_narrower_than_the_last_miss():
    random = np.random.default_rng(4)
    for errors in random.normal(size=(200, 5)):
        missed = abs(errors[0] - np.log(calibration_factor(errors[1:])))
        assert largest_error(list(errors)) >= missed


def test_windows_are_recalibrated_by_earlier_ones_alone(growing):
    latest, *earlier = growing[-1].windows
    for name, model in latest.models.items():
        errors = [window.errors[name if name in latest.errors else PARETO] for window in earlier]
        assert model.recalibration == calibration_factor(errors)
        again = model.predict(latest.holdout.customers, horizon_days=latest.holdout.days)["spend_expected"]
        pd.testing.assert_series_equal(again, latest.spends[name], check_names=False)
