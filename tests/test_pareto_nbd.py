"""Pareto/NBD against published results, lifetimes, brute force and simulated customers."""

from importlib.util import find_spec
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from crcm_lib.models import mle
from crcm_lib.models.clv import lifetimes_adapter, pareto_nbd
from crcm_lib.models.clv.pareto_nbd import ParetoNBD
from crcm_lib.models.histories import weighted_histories

MODEL = ParetoNBD()
PARAMS = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
AWKWARD = [
    PARAMS,
    {"r": 0.05, "alpha": 0.01, "s": 1.0, "beta": 1.0},  # the closed form divides by s - 1
    {"r": 30.0, "alpha": 50.0, "s": 0.05, "beta": 1e-3},
    {"r": 2.0, "alpha": 1.0, "s": 20.0, "beta": 4000.0},
    {"r": 0.3, "alpha": 90.0, "s": 1e-4, "beta": 1e4},  # nobody leaves: NBD
]


@pytest.fixture(scope="module")
def cdnow():
    (folder,) = find_spec("lifetimes").submodule_search_locations
    rows = pd.read_csv(Path(folder) / "datasets" / "cdnow_customers_summary.csv")
    assert len(rows) == 2357
    return weighted_histories(*(rows[name].to_numpy(float) for name in ("frequency", "recency", "T")))


def simulate(customers: int, seed: int, params=PARAMS, weeks: float = 60.0, ahead: float = 0.0):
    """Purchases after the first one by `weeks`, the last of them, and purchases in the weeks `ahead`."""
    random = np.random.default_rng(seed)
    pace = random.gamma(params["r"], 1 / params["alpha"], customers)
    leaves = random.exponential(1 / random.gamma(params["s"], 1 / params["beta"], customers))
    lives = np.minimum(leaves, weeks)
    x = random.poisson(pace * lives).astype(float)
    # The last of n uniform moments
    t_x = np.where(x > 0, lives * random.random(customers) ** (1 / np.maximum(x, 1)), 0.0)
    return x, t_x, np.full(customers, weeks), random.poisson(pace * np.clip(leaves - weeks, 0, ahead))


def test_cdnow_is_the_published_fit(cdnow):
    """Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2."""
    fit = MODEL.fit(cdnow)
    found = [fit.params[name] for name in MODEL.param_names]
    assert found == pytest.approx([0.553, 10.578, 0.606, 11.669], abs=0.0011)
    assert fit.loglik == pytest.approx(-9595.0, abs=0.05)
    assert fit.problems == ()


@pytest.mark.parametrize("point", [np.zeros(4), [-0.5, 1, 0.3, -2.0], [1, -2, 0.3, 3.0], [2, 3, -3, 5]])
def test_gradient_is_the_slope_of_the_likelihood(cdnow, point):
    x, t_x, age = cdnow.columns
    objective = MODEL.objective(x, t_x / 27, age / 27, cdnow.weight)
    slopes = [
        (objective(np.add(point, move))[0] - objective(np.subtract(point, move))[0]) / 2e-5
        for move in 1e-5 * np.eye(4)
    ]
    assert objective(np.array(point, dtype=float))[1] == pytest.approx(slopes, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("params", AWKWARD)
def test_the_integral_over_the_moment_of_dropout_is_exact(params):
    values = [params[name] for name in MODEL.param_names]
    r, alpha, s, beta = values
    edges = np.array([0, 1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.4, 0.7, 1])
    for x, t_x in [(0.0, 0.0), (1.0, 0.5), (1.0, 0.99), (200.0, 0.5), (200.0, 0.999)]:
        start = -(r + x) * np.log(alpha + t_x) - (s + 1) * np.log(beta + t_x)

        def height(y, x=x, start=start):
            return np.exp(-(r + x) * np.log(alpha + y) - (s + 1) * np.log(beta + y) - start)

        parts = t_x + (1 - t_x) * edges
        whole = sum(quad(height, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in pairwise(parts))
        left = pareto_nbd._log_terms(values, np.array([x]), np.array([t_x]), np.array([1.0]))[1]
        assert left[0] == pytest.approx(np.log(s) + start + np.log(whole), abs=1e-9)


def test_predictions_are_those_of_lifetimes_where_its_formula_is_safe(cdnow):
    fitter = lifetimes_adapter._lifetimes().ParetoNBDFitter()
    fitter.params_ = pd.Series(PARAMS)
    x, t_x, age = cdnow.columns
    alive = MODEL.p_alive(PARAMS, x, t_x, age)
    assert alive == pytest.approx(fitter.conditional_probability_alive(x, t_x, age), rel=1e-9)
    ahead = alive * MODEL.expected_purchases(PARAMS, x, t_x, age, 39.0)
    theirs = fitter.conditional_expected_number_of_purchases_up_to_time(39.0, x, t_x, age)
    assert ahead == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("params", AWKWARD)
def test_no_prediction_is_missing_even_for_the_heaviest_buyers(params):
    x, share, age = np.array([*product([0.0, 1.0, 90.0, 5000.0], [0.01, 1], [1, 900])]).T
    t_x = np.where(x > 0, share * age, 0)
    alive = MODEL.p_alive(params, x, t_x, age)
    ahead = MODEL.expected_purchases(params, x, t_x, age, 365.0)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert ((ahead >= 0) & (ahead <= (params["r"] + x) / (params["alpha"] + age) * 365 * (1 + 1e-9))).all()


def test_parameters_are_recovered_from_simulated_customers():
    *columns, _later = simulate(60_000, seed=3)
    found = MODEL.fit(weighted_histories(*columns)).params
    assert list(found.values()) == pytest.approx(list(PARAMS.values()), rel=0.1)


def test_expected_purchases_are_those_of_simulated_customers():
    x, t_x, age, later = simulate(200_000, seed=4, ahead=39.0)
    expected = MODEL.p_alive(PARAMS, x, t_x, age) * MODEL.expected_purchases(PARAMS, x, t_x, age, 39.0)
    for group in (x == 0, x == 1, x >= 5):
        assert expected[group].mean() == pytest.approx(
            later[group].mean(), abs=4 * later[group].std() / np.sqrt(group.sum())
        )


def test_no_purchase_is_as_likely_as_it_is_often_simulated():
    x, t_x, age, later = simulate(200_000, seed=6, ahead=39.0)
    alive, stays = MODEL.p_alive(PARAMS, x, t_x, age), MODEL.p_no_purchase(PARAMS, x, t_x, age, 39.0)
    for group in (x == 0, x == 1, x >= 5):
        expected = (1 - alive * (1 - stays))[group].mean()
        assert (later[group] == 0).mean() == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(group.sum()))


@pytest.mark.parametrize("params", AWKWARD)
def test_no_purchase_within_no_time_is_certain_and_becomes_less_likely(params):
    x, age = np.array([0.0, 3.0, 300.0]), np.full(3, 200.0)
    chances = [MODEL.p_no_purchase(params, x, age, age, days) for days in (1e-9, 1.0, 30.0, 1e6)]
    assert chances[0] == pytest.approx(np.ones(3))
    assert (np.diff(chances, axis=0) <= 1e-12).all()


def test_expected_counts_are_those_of_simulated_customers():
    x, _t_x, age, _later = simulate(200_000, seed=5)
    shares = MODEL.count_distribution(PARAMS, age[:1], np.ones(1), 7)
    seen = np.bincount(np.minimum(x, 7).astype(int)) / len(x)
    assert shares == pytest.approx(seen, abs=0.005)
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("params", AWKWARD)
def test_discounting_counts_each_purchase_from_its_own_day(params):
    rate, days = 0.002, np.linspace(0, 365, 4001)
    bought = MODEL.expected_purchases(params, np.full(4001, 3.0), 0.0, np.full(4001, 200.0), days)
    discounted = (np.diff(bought) * np.exp(-rate * (days[:-1] + days[1:]) / 2)).sum()
    found = MODEL.expected_purchases(params, np.array([3.0]), 0.0, np.array([200.0]), 365.0, rate)
    assert found[0] == pytest.approx(discounted, rel=1e-4)


def test_the_unit_of_time_does_not_change_the_answer(cdnow):
    x, t_x, age = cdnow.columns
    weeks, days = MODEL.fit(cdnow), MODEL.fit(weighted_histories(x, 7 * t_x, 7 * age))
    # the same different histories, each once
    one = MODEL.fit(weighted_histories(x, t_x, age))
    assert days.params["alpha"] == pytest.approx(7 * one.params["alpha"], rel=1e-5)
    assert days.params["r"] == pytest.approx(one.params["r"], rel=1e-5)
    assert weeks.problems == days.problems == ()


def test_where_nobody_drops_out_that_is_a_remark_and_not_a_problem():
    random = np.random.default_rng(0)
    x = random.poisson(random.gamma(2, 3, 3000)).astype(float)
    t_x = np.where(x > 0, random.random(3000) ** (1 / np.maximum(x, 1)), 0)
    fit = MODEL.fit(weighted_histories(x, t_x, np.ones(3000)))
    assert fit.problems == ()
    assert fit.remarks
    assert MODEL.p_alive(fit.params, np.array([3.0]), np.array([0.9]), np.array([1.0]))[0] > 0.97


@pytest.mark.parametrize("back", [0.1, 0.5, 2.0])
def test_a_flat_ridge_is_followed_to_its_end_wherever_the_search_before_has_stopped(back):
    """All leave at one rate: s and beta grow together, and rounding decides where a search stops."""
    x, t_x, age, _after = simulate(2000, 1, PARAMS | {"s": 4000.0, "beta": 80_000.0})
    columns, _unit = mle.scale_histories(weighted_histories(x, t_x, age))
    objective = MODEL.objective(*columns)
    end = mle.newton_polish(objective, mle.minimise(objective, np.array([-0.5, -1.0, 8.0, 8.0])))
    assert end.max() == mle.LOG_PARAM_BOUND
    stopped = end - [0, 0, back, back]
    np.testing.assert_allclose(mle.newton_polish(objective, stopped), end, atol=1e-8)


@pytest.mark.parametrize("start", [-1.8, 0.3, 2.4])
def test_newtons_method_leaves_a_place_that_curves_the_wrong_way(start):
    def bell(x):
        height = np.exp(-(x[0] ** 2) / 2)
        return -height, np.array([x[0] * height])

    assert mle.newton_polish(bell, np.array([start])) == pytest.approx(0, abs=1e-9)
