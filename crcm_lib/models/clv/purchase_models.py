"""The purchase models behind one interface: how each is fitted, and what its parameters say of a history."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crcm_lib.i18n import _
from crcm_lib.models.clv import pareto_nbd
from crcm_lib.models.clv.bgnbd import BGCNBD, NAMES
from crcm_lib.models.mle import Fit, Numbers, Objective, WeightedHistories

RATE, BGNBD, MBGNBD, PARETO = "simple rate", "BG/NBD", "MBG/NBD", "Pareto/NBD"
REGULAR = "MBG/CNBD-k"
PLAIN = (BGNBD, MBGNBD, PARETO, REGULAR)  # the simplest first
CORRECTED = _("{model}, corrected").format(model=PARETO)
CANDIDATES = (*PLAIN, CORRECTED)
SAME_RATE, LAST_PERIOD = "same rate as before", "last period × ratio"
BASELINES = (SAME_RATE, LAST_PERIOD)
MAX_ERLANG_SHAPE = 8  # Erlang shapes, at most
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
        (params, x, t_x, T, days, rate) -> purchases in the coming `days` of a customer who is still there,
        each discounted at the continuous daily `rate`.
    counts
        (params, T, weight, n) -> share of customers expected to have 0, 1, … n or more purchases after the
        first one.
    sample
        (params, x, t_x, T, days, pace, random) -> one draw of `stays` for each customer, undiscounted; `pace`
        makes a customer buy that many times as fast.
    objective
        Makes, from (x, t_x, T, weight), the negative mean log-likelihood and its gradient; None where the
        model is not fitted by likelihood.
    names
        The parameters, in the order of `objective`.
    k
        Erlang shape of the days between purchases; 1 is wholly random.
    """

    name: str
    fit: Callable[..., Fit]
    alive: Callable[..., Numbers]
    stays: Callable[..., Numbers]
    counts: Callable[..., Numbers]
    sample: Callable[..., Numbers]
    objective: Callable[..., Objective] | None = None
    names: tuple[str, ...] = ()
    k: int = 1


def fit_constant_rate(histories: WeightedHistories, *, seed: int = 0) -> Fit:
    """A simple rate: purchases weighed against one purchase at everybody's pace, and nobody leaves.

    Half a purchase in a year is added, so that what was not seen is not impossible. `seed` changes nothing.
    """
    x, _t_x, age = histories.columns
    pace = (histories.weight @ x + 0.5) / (histories.weight @ age + YEAR)
    return Fit({"r": 1.0, "alpha": float(1 / pace)}, float("nan"))


def _rate_stays(params, x, _t_x, age, days, rate=0.0) -> Numbers:
    return (params["r"] + x) / (params["alpha"] + age) * annuity(days, rate)


def _rate_counts(params, age, weight, up_to) -> Numbers:
    return BGCNBD(1, 0).counts({"a": 1e-12, "b": 1.0, **params}, age, weight, up_to)


def _draw_pace(params, x, age, random) -> Numbers:
    return random.gamma(params["r"] + x) / (params["alpha"] + age)


def _sample_rate(params, x, _t_x, age, days, pace, random) -> Numbers:
    return random.poisson(pace * _draw_pace(params, x, age, random) * days)


def _sample_pareto(params, x, _t_x, age, days, pace, random) -> Numbers:
    """Poisson purchases until the customer leaves or the days are over."""
    leave = random.gamma(params["s"], size=len(x)) / (params["beta"] + age)
    lasts = np.minimum(days, random.exponential(size=len(x)) / np.maximum(leave, 1e-300))
    return random.poisson(pace * _draw_pace(params, x, age, random) * lasts)


def annuity(days, rate: float):
    """The days ahead, each discounted at the continuous daily rate, added up."""
    return days if rate == 0 else -np.expm1(-rate * days) / rate


def _pareto_stays(params, x, _t_x, age, days, rate=0.0) -> Numbers:
    return pareto_nbd.expected_purchases_if_alive(params, x, age, days, rate)


def _process(name: str, model: BGCNBD) -> Process:
    return Process(
        name, model.fit, model.alive, model.stays, model.counts, model.sample, model.objective, NAMES, model.k
    )


def name_cnbd(shape: float) -> str:
    """The model of customers whose pauses are as even as those of an Erlang distribution of this shape.

    Examples
    --------
    >>> name_cnbd(2.4), name_cnbd(0.7)
    ('MBG/CNBD-2', 'MBG/NBD')
    """
    k = int(np.clip(np.floor(shape + 0.5), 1, MAX_ERLANG_SHAPE))
    return MBGNBD if k == 1 else REGULAR.replace("k", str(k))


PROCESSES = {
    process.name: process
    for process in (
        Process(
            RATE,
            fit_constant_rate,
            lambda params, x, t_x, age: np.full(len(x), np.nan),
            _rate_stays,
            _rate_counts,
            _sample_rate,
        ),
        _process(BGNBD, BGCNBD(1, 0)),
        _process(MBGNBD, BGCNBD(1, 1)),
        Process(
            PARETO,
            pareto_nbd.fit,
            pareto_nbd.probability_alive,
            _pareto_stays,
            pareto_nbd.count_shares,
            _sample_pareto,
            pareto_nbd.objective,
            pareto_nbd.NAMES,
        ),
        *(_process(f"BG/CNBD-{k}", BGCNBD(k, 0)) for k in range(2, MAX_ERLANG_SHAPE + 1)),
        *(_process(name_cnbd(k), BGCNBD(k, 1)) for k in range(2, MAX_ERLANG_SHAPE + 1)),
    )
}
