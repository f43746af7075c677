"""Predictions of BG/NBD and Gamma-Gamma by lifetimes, the only module that imports it.

lifetimes' fitter objects predict wherever their formulas are safe. Where they are not (their hypergeometric
function overflows for heavy buyers, their fraction is 0/0 at a = 1), an equal form without those traps is
evaluated instead.
"""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from crcm_lib.models.histories import Numbers


@cache
def _lifetimes():
    """Import lifetimes and undo what its import changes for everyone: warning filters and a pandas option."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        option = pd.get_option("mode.chained_assignment")
        import lifetimes

        pd.set_option("mode.chained_assignment", option)
    return lifetimes


def purchase_fitter(params: dict[str, float]):
    """lifetimes' BetaGeoFitter, with these parameters as if it had found them."""
    fitter = _lifetimes().BetaGeoFitter()
    fitter.params_ = pd.Series(params)
    return fitter


def spend_fitter(params: dict[str, float]):
    """lifetimes' GammaGammaFitter, with these parameters as if it had found them."""
    fitter = _lifetimes().GammaGammaFitter()
    fitter.params_ = pd.Series(params)
    return fitter


def expected_purchases_if_alive(params: dict[str, float], x: Numbers, T: Numbers, days: Numbers) -> Numbers:
    """Expected purchases in the coming `days` of customers who are active today.

    Eq. 10 of Fader, Hardie & Lee (2005) without its denominator, which is 1 / P(active): it depends on x and
    T alone.

    Parameters
    ----------
    params
        r, alpha, a, b.
    x, T
        Repeat purchases; days from the first purchase to the last day observed.
    days
        The horizon: a number, or an array that broadcasts against x and T.

    Returns
    -------
    Purchase days, in the broadcast shape; finite, between 0 and the expectation without dropout.
    """
    x, T, days = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (x, T, days)))
    fitter = purchase_fitter(params)
    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    with np.errstate(all="ignore"):
        expected = fitter.conditional_expected_number_of_purchases_up_to_time(days, x, T, T)
        expected = expected * np.where(x > 0, 1 + a / (b + np.maximum(x, 1) - 1), 1.0)
    ceiling = (r + x) / (alpha + T) * days
    unsafe = ~((expected >= 0) & (expected <= ceiling * (1 + 1e-9)))
    unsafe = np.atleast_1d(unsafe | (abs(a - 1) < 1e-3) | (a > 50) | (b > 500))
    if unsafe.any():
        x, T, days, expected = (np.atleast_1d(values).copy() for values in (x, T, days, expected))
        expected[unsafe] = stable_purchases_if_alive(params, x[unsafe], T[unsafe], days[unsafe])
    return np.clip(expected, 0, ceiling).reshape(ceiling.shape)


def stable_purchases_if_alive(params: dict[str, float], x: Numbers, T: Numbers, days: Numbers) -> Numbers:
    """The same expectation as the integral of the expected purchase rate, which has no singularity.

    With u = s / (alpha + T), the rate at s days from now is (r+x)/(alpha+T) E[(1 + p u)^-(r+x+1)] over
    p ~ Beta(a, b+x), that is (1+u)^-a 2F1(a, a+b-1-r; a+b+x; u/(1+u)) by Pfaff's transformation.
    """
    from scipy.special import hyp2f1, roots_legendre

    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    nodes, weights = roots_legendre(24)
    reach = np.log1p(days / (alpha + T))
    step = np.multiply.outer((nodes + 1) / 2, reach)
    with np.errstate(all="ignore"):
        slowing = hyp2f1(a, a + b - 1 - r, a + b + x, -np.expm1(-step))
        expected = (r + x) * reach / 2 * np.tensordot(weights, np.exp((1 - a) * step) * slowing, 1)
    ceiling = (r + x) / (alpha + T) * days
    failed = ~((expected >= 0) & (expected <= ceiling * (1 + 1e-9))) | (a > 50)
    if failed.any():
        expected[failed] = _integrate_over_dropout(params, x[failed], np.expm1(reach[failed]))
    return expected


def _integrate_over_dropout(params: dict[str, float], x: Numbers, ahead: Numbers) -> Numbers:
    """Average (1 - (1 + p u)^-(r+x)) / p over p ~ Beta(a, b+x), for parameters too large for 2F1."""
    from scipy.special import betaincinv, roots_legendre

    nodes, weights = roots_legendre(64)
    shares = betaincinv(params["a"], params["b"] + x, np.multiply.outer((nodes + 1) / 2, np.ones_like(x)))
    shares = np.maximum(shares, 1e-300)
    bought = -np.expm1(-(params["r"] + x) * np.log1p(shares * ahead)) / shares
    return np.tensordot(weights / 2, bought, 1)


def annuity(days, discount_rate: float):
    """The integral of exp(-discount_rate u) over the coming `days`: days, discounted."""
    return days if discount_rate == 0 else -np.expm1(-discount_rate * days) / discount_rate


def discount_purchases(
    expected: Callable[[Numbers], Numbers], scale: Numbers, days, discount_rate: float
) -> Numbers:
    """Expected purchases in the coming `days`, each discounted from its own day.

    By parts: the integral of exp(-rate s) dE(s) is exp(-rate H) E(H) + rate times that of exp(-rate s) E(s).

    Parameters
    ----------
    expected
        Days -> purchases expected within them: an array whose last axis is the customers'.
    scale
        Days after which the expected purchase rate has changed notably (alpha + T).
    discount_rate
        Continuous discount rate per day.
    """
    from scipy.special import roots_legendre

    undiscounted = expected(days)
    if discount_rate == 0:
        return undiscounted
    at_end = np.exp(-discount_rate * days) * undiscounted
    nodes, weights = roots_legendre(6)
    reach = np.log1p(days / scale)
    step = np.multiply.outer((nodes + 1) / 2, reach)
    moments = scale * np.expm1(step)
    heights = expected(moments) * np.exp(step - discount_rate * moments)
    discounted = at_end + discount_rate * scale * reach / 2 * np.tensordot(weights, heights, 1)
    return np.clip(discounted, *np.sort([at_end, undiscounted], axis=0))
