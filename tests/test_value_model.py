"""The value model against published results, against lifetimes, against the truth, and on paper."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crcm_lib.errors import DataError
from crcm_lib.models.clv import (
    ValueModel,
    compare_scenarios,
    fit_value,
    lifetimes_adapter,
    sum_tenths,
)
from crcm_lib.models.clv.gamma_gamma import fit_gamma_gamma, gamma_gamma_objective
from crcm_lib.models.clv.purchase_models import BGNBD, PURCHASE_MODELS
from crcm_lib.models.histories import weighted_histories
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.text.clv import describe_model, describe_reason

MODEL = PURCHASE_MODELS[BGNBD]
PARAMS = {"r": 0.243, "alpha": 30.9, "a": 0.793, "b": 2.426}
SPEND = 6.25, 3.74, 15.44
AWKWARD = [
    PARAMS,
    {"r": 1.41, "alpha": 9.7, "a": 0.16, "b": 220.0},
    {"r": 0.5, "alpha": 5.0, "a": 1.0, "b": 3.0},  # lifetimes divides by a - 1
    {"r": 0.3, "alpha": 3.0, "a": 1.0 + 1e-12, "b": 0.4},  # and loses its digits close by
    {"r": 0.01, "alpha": 1.0, "a": 0.2, "b": 0.2},  # and is not a number for newcomers here
    {"r": 2.0, "alpha": 50.0, "a": 9000.0, "b": 9900.0},
    {"r": 3.0, "alpha": 0.5, "a": 1e-4, "b": 1e4},
]


def cdnow_file(name: str) -> Path:
    (folder,) = find_spec("lifetimes").submodule_search_locations
    return Path(folder) / "datasets" / name


def as_customers(x, t_x, age, mean) -> pd.DataFrame:
    """A `customers` table of histories."""
    return pd.DataFrame(
        {
            "purchases": np.asarray(x, dtype=int) + 1,
            "days_since_last": np.asarray(age, float) - t_x,
            "days_first_to_last": np.asarray(t_x, float),
            "days_observed": np.asarray(age, float),
            "spend_total": (np.asarray(x) + 1.0) * mean,
            "spend_mean": np.asarray(mean, float),
        },
        index=pd.Index([f"c{i:06d}" for i in range(len(x))], name="customer_id"),
    )


def simulate(n: int, seed: int, spend=SPEND) -> pd.DataFrame:
    """Customers who buy by BG/NBD and spend by Gamma-Gamma, whole days not enforced."""
    return simulate_ahead(n, seed, ahead=0.0, spend=spend)[0]


def simulate_ahead(n: int, seed: int, *, ahead: float, spend=SPEND, days=730.0) -> tuple[pd.DataFrame, float]:
    """Such customers, and what they then spend in the days `ahead`."""
    rng = np.random.default_rng(seed)
    pace = rng.gamma(PARAMS["r"], 1 / PARAMS["alpha"], n)
    lives = rng.geometric(np.maximum(rng.beta(PARAMS["a"], PARAMS["b"], n), 1e-12))
    age = rng.integers(days // 3, days, n).astype(float)
    x, t_x, later, now = np.zeros((4, n))
    active = np.arange(n)
    while len(active):
        now[active] += rng.exponential(1 / np.maximum(pace[active], 1e-12))
        active = active[now[active] <= age[active] + ahead]
        seen = now[active] <= age[active]
        x[active] += seen
        later[active] += ~seen
        t_x[active[seen]] = now[active[seen]]
        active = active[(x + later)[active] < lives[active]]
    p, q, v = spend
    scale = rng.gamma(q, 1 / v, n)
    customers = as_customers(x, t_x, age, rng.gamma(p * (x + 1)) / scale / (x + 1))
    return customers, float((rng.gamma(p * later) / scale).sum())


@pytest.fixture(scope="module")
def simulated() -> pd.DataFrame:
    return simulate(6000, seed=1)


@pytest.fixture(scope="module")
def model(simulated) -> ValueModel:
    return fit_value(simulated, purchase_model=BGNBD)


# Published results


def test_bgnbd_on_cdnow_is_fader_hardie_lee_2005_table_2():
    cdnow = pd.read_csv(cdnow_file("cdnow_customers_summary.csv"))
    assert len(cdnow) == 2357
    fit = MODEL.fit(weighted_histories(*(cdnow[name].to_numpy() for name in ("frequency", "recency", "T"))))
    found = [round(fit.params[name], 3) for name in ("r", "alpha", "a", "b")]
    assert found == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=0.0011)
    assert fit.loglik == pytest.approx(-9582.4, abs=0.05)
    assert fit.problems == ()


def test_gamma_gamma_on_cdnow_is_fader_hardie_2013_note_025():
    cdnow = pd.read_csv(cdnow_file("cdnow_customers_summary_with_transactions.csv")).query("x > 0")
    fit = fit_gamma_gamma(weighted_histories(cdnow["x"].to_numpy(), cdnow["zbar"].to_numpy()))
    found = [fit.params[name] for name in ("p", "q", "v")]
    assert found == pytest.approx([6.25, 3.74, 15.44], abs=0.011)
    assert fit.problems == ()


# lifetimes


# lifetimes 0.11.3 on its own CDNOW file, `fit(…, tol=1e-9)`, where its optimiser converges (numpy 2.4 with
# OpenBLAS's Haswell kernels). With other kernels it raises ConvergenceError, so its answers are kept here.
LIFETIMES_BGNBD = {"r": 0.242592907, "alpha": 4.413531558, "a": 0.792886152, "b": 2.425753445}
LIFETIMES_GAMMA_GAMMA = {"p": 6.248802490, "q": 3.744588453, "v": 15.447748010}


def test_parameters_are_those_of_lifetimes_own_fits_to_four_digits():
    cdnow = pd.read_csv(cdnow_file("cdnow_customers_summary_with_transactions.csv"))
    ours = MODEL.fit(weighted_histories(*(cdnow[name].to_numpy() for name in ("x", "t_x", "T")))).params
    assert ours == pytest.approx(LIFETIMES_BGNBD, rel=1e-4)
    again = cdnow.query("x > 0")
    ours = fit_gamma_gamma(weighted_histories(again["x"].to_numpy(), again["zbar"].to_numpy())).params
    assert ours == pytest.approx(LIFETIMES_GAMMA_GAMMA, rel=1e-4)


def test_predictions_are_those_of_lifetimes_where_its_formula_is_safe():
    x, age = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(20), np.arange(30, 700, 30)))
    t_x = np.where(x > 0, 0.7 * age, 0.0)
    theirs = lifetimes_adapter.purchase_fitter(PARAMS)
    theirs = theirs.conditional_expected_number_of_purchases_up_to_time(90, x, t_x, age)
    alive = MODEL.p_alive(PARAMS, x, t_x, age)
    for expected in (
        lifetimes_adapter.expected_purchases_if_alive,
        lifetimes_adapter.stable_purchases_if_alive,
    ):
        assert alive * expected(PARAMS, x, age, np.full_like(x, 90.0)) == pytest.approx(theirs, rel=1e-9)


def test_using_lifetimes_leaves_warnings_and_pandas_as_they_were():
    script = (
        "import warnings, pandas; from crcm_lib.models.clv import lifetimes_adapter\n"
        "def world(): return list(warnings.filters), pandas.options.mode.copy_on_write, "
        "pandas.options.mode.chained_assignment\n"
        "warnings.simplefilter('ignore', DeprecationWarning); before = world()\n"
        "lifetimes_adapter.purchase_fitter({'r': 1.0, 'alpha': 1.0, 'a': 1.0, 'b': 1.0})\n"
        "assert world() == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# On paper


def test_gradient_is_the_slope_of_the_likelihood():
    rng = np.random.default_rng(0)
    columns = [rng.integers(1, 9, 50).astype(float), rng.gamma(2, 1, 50), np.ones(50)]
    point, step = np.array([0.3, -0.2, 0.5]), 1e-6
    mean_loss = gamma_gamma_objective(*columns)
    slope = [
        (mean_loss(point + step * way)[0] - mean_loss(point - step * way)[0]) / (2 * step)
        for way in np.eye(3)
    ]
    assert mean_loss(point)[1] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("params", AWKWARD)
def test_expectations_equal_a_simulation_of_the_remaining_customer(params):
    rng = np.random.default_rng(0)
    x, age, days, n = 4.0, 100.0, 365.0, 200_000
    pace = rng.gamma(params["r"] + x, 1 / (params["alpha"] + age), n)
    leave = rng.beta(params["a"], params["b"] + x, n)
    leave = np.maximum(leave, 1e-15)
    bought = -np.expm1(-pace * leave * days) / leave  # mean of a Poisson process that stops
    expected = float(lifetimes_adapter.expected_purchases_if_alive(params, x, age, days))
    assert expected == pytest.approx(bought.mean(), abs=4 * bought.std() / n**0.5)


@pytest.mark.parametrize("params", AWKWARD)
def test_the_form_without_traps_is_the_one_that_is_handed_out(params):
    x, age = (grid.ravel() for grid in np.meshgrid([0.0, 1, 5, 90], [0.0, 40, 900]))
    found = lifetimes_adapter.expected_purchases_if_alive(params, x, age, 365.0)
    safe = lifetimes_adapter.stable_purchases_if_alive(params, x, age, np.full_like(x, 365.0))
    assert found == pytest.approx(safe, rel=1e-8)


@pytest.mark.parametrize("params", AWKWARD)
def test_no_prediction_is_missing_even_for_the_heaviest_buyers(params):
    x, age = (grid.ravel() for grid in np.meshgrid([0.0, 1, 5, 90, 400, 3000], [0.0, 1, 40, 900]))
    for days in (1.0, 365.0, 3650.0):
        plain = lifetimes_adapter.expected_purchases_if_alive(params, x, age, days)
        discounted = MODEL.expected_purchases(params, x, x, age, days, 0.1 / 365)
        ceiling = (params["r"] + x) / (params["alpha"] + age) * days
        assert np.isfinite(plain).all()
        assert np.isfinite(discounted).all()
        assert (plain >= 0).all()
        assert (plain <= ceiling * (1 + 1e-9)).all()
        assert (discounted <= plain * (1 + 1e-9)).all()


def test_discounting_counts_each_purchase_from_its_own_day():
    days, rate = 365.0, np.log(1.2) / 365
    edges = np.linspace(0, days, 20_001)
    bought = lifetimes_adapter.expected_purchases_if_alive(PARAMS, 3.0, 100.0, edges)
    by_hand = float((np.diff(bought) * np.exp(-rate * (edges[1:] + edges[:-1]) / 2)).sum())
    found = float(MODEL.expected_purchases(PARAMS, *np.array([[3.0], [80.0], [100.0]]), days, rate)[0])
    assert found == pytest.approx(by_hand, rel=1e-7)


def test_spend_of_many_purchases_is_the_own_mean_and_of_none_known_the_population_mean(model):
    many, unknown = model.expected_spend(np.array([1e9, 1.0]), np.array([77.0, np.nan]))
    assert many == pytest.approx(77.0)
    assert unknown == pytest.approx(model.spend_params["population_mean"])
    p, q, v = (model.spend_params[name] for name in "pqv")
    assert model.spend_params["population_mean"] == pytest.approx(p * v / (q - 1))


def test_one_purchase_counts_as_stated(model):
    mean, weight = model.spend_params["population_mean"], model.spend_params["prior_weight"]
    spend = model.expected_spend(np.array([1.0]), np.array([100.0]))
    assert spend == pytest.approx((100 + weight * mean) / (1 + weight))


def test_expected_counts_are_shares_and_match_the_simulated_customers(model, simulated):
    shares = model.count_distribution(simulated)
    actual = np.bincount(np.minimum(simulated["purchases"] - 1, 7), minlength=8) / len(simulated)
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(actual, abs=0.012)


# Truth and invariance


def test_parameters_and_totals_to_come_are_recovered_from_simulated_customers():
    params, spends, off = [], [], []
    for seed in range(20):
        customers, later = simulate_ahead(8000, seed, ahead=182.0)
        found = fit_value(customers, purchase_model=BGNBD)
        params.append([found.params[name] for name in PARAMS])
        spends.append([found.spend_params[name] for name in "pqv"])
        off.append(found.predict(customers, horizon_days=182)["spend_expected"].sum() / later - 1)
    assert np.mean(params, axis=0) == pytest.approx(list(PARAMS.values()), rel=0.03)
    assert np.mean(spends, axis=0) == pytest.approx(SPEND, rel=0.03)
    assert np.abs(off).mean() < 0.05
    assert abs(np.mean(off)) < 0.02


def test_row_order_ids_and_amounts_do_not_change_the_answer(model, simulated):
    settings = {"horizon_days": 365, "annual_discount_rate": 0.1}
    value = model.predict(simulated, **settings)
    shuffled = simulated.sample(frac=1, random_state=3)
    again = fit_value(shuffled, purchase_model=BGNBD)
    assert again == model
    pd.testing.assert_frame_equal(again.predict(shuffled, **settings).loc[value.index], value)
    renamed = simulated.set_axis(pd.Index([f"x{i}" for i in range(len(simulated))], name="customer_id"))
    assert fit_value(renamed, purchase_model=BGNBD) == model
    dearer = simulated.assign(
        spend_total=simulated["spend_total"] * 7.3, spend_mean=simulated["spend_mean"] * 7.3
    )
    times = fit_value(dearer, purchase_model=BGNBD).predict(dearer, **settings)["value"] / value["value"]
    assert times.to_numpy() == pytest.approx(7.3, rel=1e-8)


def test_the_unit_of_time_does_not_change_the_answer(simulated):
    x, t_x, age = (simulated["purchases"] - 1, simulated["days_first_to_last"], simulated["days_observed"])
    days, weeks = (MODEL.fit(weighted_histories(x, t_x / unit, age / unit)) for unit in (1, 7))
    assert weeks.params["alpha"] * 7 == pytest.approx(days.params["alpha"], rel=1e-7)
    assert weeks.params["a"] == pytest.approx(days.params["a"], rel=1e-7)
    assert weeks.loglik == pytest.approx(days.loglik + np.log(7) * x.sum())


def test_one_customer_alone_gets_the_same_value_later(model, simulated):
    kept = ValueModel.from_json(model.to_json())
    together = kept.predict(simulated, horizon_days=200, annual_discount_rate=0.1)
    alone = kept.predict(simulated.iloc[[17]], horizon_days=200, annual_discount_rate=0.1)
    pd.testing.assert_frame_equal(alone, together.iloc[[17]], rtol=1e-12)


def test_a_model_of_another_release_is_refused_in_words(model):
    for version in (None, 1):
        state = json.loads(model.to_json()) | {"schema_version": version}
        with pytest.raises(DataError, match=f"schema_version is {version}, and this release reads 2"):
            ValueModel.from_json(json.dumps(state))


def test_one_time_buyers_have_no_p_alive(model, simulated):
    value = model.predict(simulated, horizon_days=365)
    once = simulated["purchases"] == 1
    assert value.loc[once, "p_alive"].isna().all()
    assert value.loc[~once, "p_alive"].notna().all()


def test_margin_rate_scales_value_and_a_known_cost_sets_it(model, simulated):
    value = model.predict(simulated, horizon_days=365, annual_discount_rate=0.1)["value"]
    half = model.predict(simulated, horizon_days=365, annual_discount_rate=0.1, margin_rate=0.5)["value"]
    assert half.to_numpy() == pytest.approx(value.to_numpy() / 2)
    costed = simulated.assign(margin_total=0.2 * simulated["spend_total"])
    assert fit_value(costed).margin == pytest.approx(0.2)


def test_tenths_of_value_add_up_and_say_what_the_largest_customer_brings():
    value = pd.Series([*range(1, 25), 700.0], index=[f"c{n}" for n in range(25)])
    tenths = sum_tenths(value)
    assert tenths["tenth"].to_list() == [*range(1, 11)]
    assert tenths["customers"].sum() == 25
    assert tenths["value"].sum() == value.sum()
    assert tenths["value_share"].sum() == pytest.approx(1)
    assert (tenths["value"] / tenths["customers"]).is_monotonic_decreasing
    assert tenths["largest_share"].iloc[0] == 700 / (700 + 24 + 23)
    assert sum_tenths(value.iloc[:0]).empty


# Steps down


def degenerate() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(5)
    n = 400
    age = rng.integers(100, 600, n).astype(float)
    x = rng.poisson(rng.gamma(1, 3, n)).astype(float)
    t_x = np.where(x > 0, rng.uniform(0.3, 1, n) * age, 0)
    mean = rng.gamma(2, 10, n)
    nobody = as_customers(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))
    return {
        "bought more than once": as_customers(np.zeros(n), np.zeros(n), age, mean),
        "r ran to its limit": as_customers(age // 30, age // 30 * 30, age, mean),
        "1 customers": as_customers([3], [100.0], [200.0], [9.0]),
        "0 customers": nobody,
        "20 customers": as_customers(x[:20], t_x[:20], age[:20], mean[:20]),
        "60 days of history": as_customers(x, t_x / age * 60, np.full(n, 60.0), mean),
        "p ran to its limit": as_customers(x, t_x, age, np.full(n, 12.0)),
        "spend depends on frequency": as_customers(x, t_x, age, np.exp(3 + 0.6 * np.log(x + 1) + mean / 40)),
    }


@pytest.mark.parametrize("why", degenerate())
def test_what_the_data_cannot_carry_ends_in_a_stated_step_down(why):
    customers = degenerate()[why]
    model = fit_value(customers)
    assert any(why in describe_reason(reason) for reason in model.reasons), model.reasons
    assert "constant_rate" in model.name or "shrunken_mean" in model.name
    value = model.predict(customers, horizon_days=365, annual_discount_rate=0.1, margin_rate=0.4)
    assert np.isfinite(value.drop(columns=["p_alive", "model", "growth_expected"]).to_numpy(float)).all()
    assert ValueModel.from_json(model.to_json()) == model
    assert len(describe_model(model)) >= 6
    scenarios = compare_scenarios(model, customers, horizon_days=365, annual_discount_rate=0.1)
    assert np.isfinite(scenarios["total"]).all()


def test_prospects_and_customers_who_returned_everything_have_no_row(model):
    customers = as_customers([0, 2], [0.0, 40.0], [50.0, 60.0], [10.0, 10.0])
    prospect = pd.DataFrame(
        {"purchases": [0], "spend_total": [0.0]}, index=pd.Index(["p"], name="customer_id")
    )
    value = model.predict(pd.concat([customers, prospect]), horizon_days=30)
    assert list(value.index) == list(customers.index)


def test_missing_durations_are_named(simulated):
    with pytest.raises(DataError, match="days_observed missing"):
        fit_value(simulated.drop(columns="days_observed"))


def test_spends_too_different_for_gamma_gamma_step_down_to_own_means():
    few = simulate(1500, seed=2, spend=(1.2, 0.8, 100.0))
    model = fit_value(few)
    facts = {"model": "Gamma-Gamma", "problems": ["mean_not_finite"]}
    assert model.reasons == (Reason("model_does_not_fit", facts),)
    assert "Gamma-Gamma does not fit" in describe_reason(model.reasons[0])
    value = model.predict(few, horizon_days=365)
    total = (value["expected_spend_per_purchase"] * few["purchases"]).sum()
    assert total == pytest.approx(few["spend_total"].sum(), rel=0.02)
