"""The purchase models behind one interface: how each is fitted, and what its parameters say of a history."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crcm_lib.models.value import expectations, pareto
from crcm_lib.models.value.likelihoods import bgnbd_objective, fit_bgnbd
from crcm_lib.models.value.search import Distinct, Fit, Numbers, Objective

RATE, BGNBD, PARETO = "simple rate", "BG/NBD", "Pareto/NBD"
YEAR = 365.0


@dataclass(frozen=True)
class Process:
    """A model of when customers buy and when they stop.

    Attributes
    ----------
    fit
        Different (x, t_x, T) in days -> parameters.
    alive
        (params, x, t_x, T) -> probability that a customer has not left; NaN where it is not modelled.
    stays
        (params, x, T, days, rate) -> purchases in the coming `days` of a customer who is still there, each
        discounted at the continuous daily `rate`.
    counts
        (params, T, weight, n) -> share of customers expected to have 0, 1, … n or more purchases after the
        first one.
    sample
        (params, x, T, days, pace, random) -> one draw of `stays` for each customer, undiscounted; `pace`
        makes a customer buy that many times as fast.
    objective
        Makes, from (x, t_x, T, weight), the negative mean log-likelihood and its gradient; None where the
        model is not fitted by likelihood.
    names
        The parameters, in the order of `objective`.
    """

    name: str
    fit: Callable[..., Fit]
    alive: Callable[..., Numbers]
    stays: Callable[..., Numbers]
    counts: Callable[..., Numbers]
    sample: Callable[..., Numbers]
    objective: Callable[..., Objective] | None = None
    names: tuple[str, ...] = ()


def fit_rate(histories: Distinct, *, seed: int = 0) -> Fit:
    """A simple rate: purchases weighed against one purchase at everybody's pace, and nobody leaves.

    Half a purchase in a year is added, so that what was not seen is not impossible. `seed` changes nothing.
    """
    x, _t_x, age = histories.columns
    pace = (histories.weight @ x + 0.5) / (histories.weight @ age + YEAR)
    return Fit({"r": 1.0, "alpha": float(1 / pace)}, float("nan"))


def _rate_stays(params, x, age, days, rate=0.0) -> Numbers:
    return (params["r"] + x) / (params["alpha"] + age) * annuity(days, rate)


def _rate_counts(params, age, weight, up_to) -> Numbers:
    return expectations.count_shares({"a": 1e-12, "b": 1.0, **params}, age, weight, up_to)


def _draw_pace(params, x, age, random) -> Numbers:
    return random.gamma(params["r"] + x) / (params["alpha"] + age)


def _sample_rate(params, x, age, days, pace, random) -> Numbers:
    return random.poisson(pace * _draw_pace(params, x, age, random) * days)


def _sample_bgnbd(params, x, age, days, pace, random) -> Numbers:
    """Poisson purchases, cut off at the one after which the customer leaves."""
    leave = random.beta(params["a"], params["b"] + x)
    return np.minimum(
        _sample_rate(params, x, age, days, pace, random), random.geometric(np.clip(leave, 1e-12, 1))
    )


def _sample_pareto(params, x, age, days, pace, random) -> Numbers:
    """Poisson purchases until the customer leaves or the days are over."""
    leave = random.gamma(params["s"], size=len(x)) / (params["beta"] + age)
    lasts = np.minimum(days, random.exponential(size=len(x)) / np.maximum(leave, 1e-300))
    return random.poisson(pace * _draw_pace(params, x, age, random) * lasts)


def annuity(days, rate: float):
    """The days ahead, each discounted at the continuous daily rate, added up."""
    return days if rate == 0 else -np.expm1(-rate * days) / rate


PROCESSES = {
    process.name: process
    for process in (
        Process(
            RATE,
            fit_rate,
            lambda params, x, t_x, age: np.full(len(x), np.nan),
            _rate_stays,
            _rate_counts,
            _sample_rate,
        ),
        Process(
            BGNBD,
            fit_bgnbd,
            expectations.probability_alive,
            expectations.discounted_alive_purchases,
            expectations.count_shares,
            _sample_bgnbd,
            bgnbd_objective,
            ("r", "alpha", "a", "b"),
        ),
        Process(
            PARETO,
            pareto.fit,
            pareto.probability_alive,
            pareto.alive_purchases,
            pareto.count_shares,
            _sample_pareto,
            pareto.objective,
            pareto.NAMES,
        ),
    )
}  # from the simplest to the least simple
