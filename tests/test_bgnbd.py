"""BG/NBD, MBG/NBD and (M)BG/CNBD-k against lifetimes, brute force, simulated truth and limiting cases."""

import functools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crcm_lib.models.clv import lifetimes_adapter
from crcm_lib.models.clv.bgnbd import BGCNBD
from crcm_lib.models.clv.purchase_models import PURCHASE_MODELS, regular_model
from crcm_lib.models.histories import weighted_histories

BG, MBG = BGCNBD(1, 0), BGCNBD(1, 1)
PARAMS = {"r": 0.8, "alpha": 12.0, "a": 0.9, "b": 4.0}
FAMILY = [BGCNBD(k, first_dropout) for k in (1, 2, 4) for first_dropout in (0, 1)]


def simulate(model: BGCNBD, n: int, *, seed: int, days=300.0, params=PARAMS):
    """Purchase days after the first one, by the model: one array each; who is still there at the end."""
    random = np.random.default_rng(seed)
    speed = random.gamma(params["r"], 1 / params["alpha"], n)
    leave = random.beta(params["a"], params["b"], n)
    chances = random.geometric(np.maximum(leave, 1e-12)) - model.first_dropout  # purchases until leaving
    pauses = random.gamma(model.k, 1 / np.maximum(speed, 1e-9)[:, None], (n, 200))
    when = pauses.cumsum(axis=1)
    place = np.arange(1, 201)
    bought = (when <= days) & (place <= chances[:, None])
    return [row[keep] for row, keep in zip(when, bought, strict=True)], bought.sum(axis=1) < chances


def as_histories(moments, until):
    """(x, t_x, T) of purchase moments known until a day."""
    known = [when[when <= until] for when in moments]
    x = np.array([len(when) for when in known], float)
    t_x = np.array([when[-1] if len(when) else 0.0 for when in known])
    return x, t_x, np.full(len(x), float(until))


@functools.cache
def draw_grid():
    """Paces and chances to leave, each as probable as the other."""
    from scipy.stats import beta, gamma

    middle = (np.arange(200_000) + 0.5) / 200_000
    return (
        gamma.ppf(middle, PARAMS["r"], scale=1 / PARAMS["alpha"]),
        beta.ppf(middle, PARAMS["a"], PARAMS["b"]),
    )


def brute_force(model: BGCNBD, x: float, t_x: float, age: float):
    """Likelihoods of having stayed and of having left, by fine grids over pace and the chance to leave."""
    from scipy.stats import gamma

    speed, leave = draw_grid()
    bought = np.exp(model.k * x * np.log(speed) - speed * t_x)
    waits = gamma.sf(age - t_x, model.k, scale=1 / speed)
    asked = x + model.first_dropout
    stayed = (bought * waits).mean() * ((1 - leave) ** asked).mean()
    return stayed, bought.mean() * (leave * (1 - leave) ** (asked - 1)).mean() if asked else 0.0


# lifetimes


# lifetimes 0.11.3's own fit of the CDNOW summary it packs, `fit(…, tol=1e-9)`; kept, because its optimiser
# raises ConvergenceError with some of OpenBLAS's kernels.
LIFETIMES_MBG = {"r": 0.524837982, "alpha": 6.182992015, "a": 0.891356155, "b": 1.613999338}


def test_mbg_on_cdnow_is_lifetimes_own_fit():
    from lifetimes import ModifiedBetaGeoFitter

    (folder,) = find_spec("lifetimes").submodule_search_locations
    cdnow = pd.read_csv(Path(folder) / "datasets" / "cdnow_customers_summary.csv")
    columns = [cdnow[name].to_numpy() for name in ("frequency", "recency", "T")]
    theirs = ModifiedBetaGeoFitter()
    ours = MBG.fit(weighted_histories(*columns))
    assert ours.problems == ()
    assert ours.params == pytest.approx(LIFETIMES_MBG, rel=1e-4)
    assert list(ours.params.values()) == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=0.0011)
    x, t_x, age = (column[:300].astype(float) for column in columns)
    alive = MBG.p_alive(ours.params, x, t_x, age)
    theirs.params_ = pd.Series(ours.params)
    assert alive == pytest.approx(theirs.conditional_probability_alive(x, t_x, age), rel=1e-9)
    ahead = theirs.conditional_expected_number_of_purchases_up_to_time(39, x, t_x, age)
    assert alive * MBG.expected_purchases(ours.params, x, t_x, age, 39.0) == pytest.approx(ahead, rel=1e-8)


def test_one_phase_is_bg_nbd():
    x, t_x, age = np.array([0.0, 1, 7, 90]), np.array([0.0, 20, 80, 280]), np.full(4, 300.0)
    theirs = lifetimes_adapter.purchase_fitter(PARAMS)
    assert BG.p_alive(PARAMS, x, t_x, age) == pytest.approx(
        theirs.conditional_probability_alive(x, t_x, age), rel=1e-12
    )
    assert BG.expected_purchases(PARAMS, x, t_x, age, 90.0) == pytest.approx(
        lifetimes_adapter.expected_purchases_if_alive(PARAMS, x, age, 90.0), rel=1e-12
    )


# On paper


@pytest.mark.parametrize("model", FAMILY)
def test_gradient_is_the_slope_of_the_likelihood(model):
    random = np.random.default_rng(0)
    x = random.poisson(2, 50).astype(float)
    mean_loss = model.objective(x, np.where(x > 0, 5.0, 0.0), np.full(50, 9.0), np.ones(50))
    point, step = np.array([0.3, -0.2, 0.5, 0.1]), 1e-6
    slope = [
        (mean_loss(point + step * way)[0] - mean_loss(point - step * way)[0]) / (2 * step)
        for way in np.eye(4)
    ]
    assert mean_loss(point)[1] == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("model", FAMILY)
@pytest.mark.parametrize(("x", "t_x", "age"), [(0, 0, 60), (1, 25, 60), (6, 50, 60), (6, 20, 60)])
def test_likelihood_and_presence_equal_a_brute_force_integral(model, x, t_x, age):
    one = (np.array([float(x)]), np.array([float(t_x)]), np.array([float(age)]))
    stayed, left = brute_force(model, *(float(v[0]) for v in one))
    found = model.objective(*one, np.ones(1))(np.log(list(PARAMS.values())))[0]
    assert np.exp(-found) == pytest.approx(stayed + left, rel=1e-3)
    assert model.p_alive(PARAMS, *one)[0] == pytest.approx(stayed / (stayed + left), abs=1e-4)


@pytest.mark.parametrize("model", FAMILY)
def test_the_many_who_look_alike_buy_as_expected(model):
    """Simulated customers, grouped by what is known on day 150, against the expectation for the next 150."""
    moments, _here = simulate(model, 20_000, seed=1)
    x, t_x, age = as_histories(moments, 150.0)
    later = np.array([(when > 150).sum() for when in moments], float)
    expected = model.p_alive(PARAMS, x, t_x, age) * model.expected_purchases(PARAMS, x, t_x, age, 150.0)
    groups = pd.Series(np.minimum(x, 6) * 2 + (t_x > 100))
    for name, rows in groups.groupby(groups).groups.items():
        off = (later - expected)[rows]
        assert len(rows) < 300 or abs(off.mean()) < 4 * off.std() / np.sqrt(len(rows)) + 1e-3, name
    counts = np.bincount(np.minimum(x, 4).astype(int), minlength=5) / len(x)
    shares = model.count_distribution(PARAMS, age[:1], np.ones(1), 4)
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(counts, abs=4.5 * np.sqrt(0.25 / len(x)))


@pytest.mark.parametrize("model", FAMILY)
def test_draws_average_to_the_expectation(model):
    random = np.random.default_rng(2)
    x, t_x, age = (np.repeat(v, 40_000) for v in ([0.0, 4.0, 4.0], [0.0, 30.0, 88.0], [10.0, 90.0, 90.0]))
    drawn = model.sample(PARAMS, x, t_x, age, 120.0, 1.0, random).reshape(3, -1)
    expected = model.expected_purchases(PARAMS, x, t_x, age, 120.0).reshape(3, -1)[:, 0]
    assert abs(drawn.mean(axis=1) - expected) / (drawn.std(axis=1) / 200) == pytest.approx([0, 0, 0], abs=4)


@pytest.mark.parametrize("model", FAMILY)
def test_no_purchase_is_as_likely_as_it_is_often_drawn(model):
    x, t_x, age = (np.repeat(v, 40_000) for v in ([0.0, 4.0, 4.0], [0.0, 30.0, 88.0], [10.0, 90.0, 90.0]))
    drawn = model.sample(PARAMS, x, t_x, age, 60.0, 1.0, np.random.default_rng(3)).reshape(3, -1)
    expected = model.p_no_purchase(PARAMS, x, t_x, age, 60.0).reshape(3, -1)[:, 0]
    assert (drawn == 0).mean(axis=1) == pytest.approx(expected, abs=4 * 0.5 / 200)


def test_who_has_a_rhythm_buys_next_when_it_is_time():
    """The same four purchases in 90 days: right after the last one a regular buyer first waits."""
    weekly = BGCNBD(5, 0)
    params = {"r": 8.0, "alpha": 40.0, "a": 0.01, "b": 4.0}
    x, age = np.full(2, 20.0), np.full(2, 500.0)
    fresh, due = weekly.expected_purchases(params, x, np.array([500.0, 480.0]), age, 5.0)
    assert fresh < 0.2 * due


def test_discounting_counts_each_purchase_from_its_own_day():
    days, rate, model = 365.0, np.log(1.2) / 365, BGCNBD(3, 1)
    edges, history = np.linspace(0, days, 4001), ([3.0], [80.0], [100.0])
    bought = model.expected_purchases(PARAMS, *history, edges)
    by_hand = float((np.diff(bought) * np.exp(-rate * (edges[1:] + edges[:-1]) / 2)).sum())
    found = model.expected_purchases(PARAMS, *history, days, rate)
    assert found == pytest.approx(by_hand, rel=1e-5)


# Truth and limits


@pytest.mark.parametrize("model", [BGCNBD(1, 1), BGCNBD(2, 0), BGCNBD(3, 1)])
def test_parameters_are_recovered_from_simulated_customers(model):
    found = []
    for seed in range(3):
        moments, _here = simulate(model, 8000, seed=seed)
        fit = model.fit(weighted_histories(*as_histories(moments, 300.0)))
        assert fit.problems == ()
        found.append(list(fit.params.values()))
    assert np.mean(found, axis=0) == pytest.approx(list(PARAMS.values()), rel=0.1)


def test_the_unit_of_time_is_no_news():
    moments, _here = simulate(BGCNBD(3, 1), 2000, seed=5)
    x, t_x, age = as_histories(moments, 300.0)
    days, weeks = (BGCNBD(3, 1).fit(weighted_histories(x, t_x / unit, age / unit)) for unit in (1, 7))
    assert weeks.params["alpha"] * 7 == pytest.approx(days.params["alpha"], rel=1e-6)
    assert weeks.loglik - 3 * x.sum() * np.log(7) == pytest.approx(days.loglik, rel=1e-9)


@pytest.mark.parametrize("model", FAMILY)
@pytest.mark.parametrize(
    "params",
    [PARAMS, {"r": 0.01, "alpha": 1.0, "a": 0.2, "b": 0.2}, {"r": 3.0, "alpha": 0.5, "a": 1e-4, "b": 1e4}],
)
def test_no_prediction_is_missing_even_for_the_heaviest_buyers(model, params):
    x, age = (grid.ravel() for grid in np.meshgrid([0.0, 1, 5, 90, 700], [0.0, 1, 40, 900]))
    for t_x in (np.where(x > 0, age, 0.0), np.where(x > 0, 0.5 * age, 0.0)):
        alive = model.p_alive(params, x, t_x, age)
        plain = model.expected_purchases(params, x, t_x, age, 365.0)
        discounted = model.expected_purchases(params, x, t_x, age, 365.0, 0.1 / 365)
        assert ((alive >= 0) & (alive <= 1)).all()
        assert (np.isfinite(plain) & (plain >= 0)).all()
        assert (np.isfinite(discounted) & (discounted <= plain * (1 + 1e-9))).all()


def test_each_name_is_its_model():
    assert PURCHASE_MODELS["BG/NBD"] == BG
    assert PURCHASE_MODELS["MBG/NBD"] == MBG
    assert PURCHASE_MODELS[regular_model(3.2)] == BGCNBD(3, 1)
    assert PURCHASE_MODELS["BG/CNBD-4"] == BGCNBD(4, 0)
    assert regular_model(99.0) == "MBG/CNBD-8"
    assert all(model.name == name for name, model in PURCHASE_MODELS.items())
