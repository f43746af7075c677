"""What BG/NBD and Gamma-Gamma parameters say of a history. Only here is lifetimes known.

lifetimes' fitter objects predict wherever their formulas are safe. Where they are not (their hypergeometric
function overflows for heavy buyers, their fraction is 0/0 at a = 1), an equal form without those traps does.
"""

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


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


def expected_purchases_if_alive(params: dict[str, float], x: Numbers, age: Numbers, days: Numbers) -> Numbers:
    """Expected purchases in the coming `days` of customers who are still there today.

    Depends on x and T alone: when the last purchase was matters only for being there (eq. 10 of Fader, Hardie
    & Lee 2005 without its denominator), so that equal x and T share the hypergeometric function.

    Parameters
    ----------
    params
        r, alpha, a, b.
    x, age
        Purchases after the first one; days observed (T).
    days
        How far to look ahead: a number, or an array that broadcasts against x and age.

    Returns
    -------
    Purchase days, in the broadcast shape; always finite, between 0 and what a customer who never leaves buys.
    """
    x, age, days = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (x, age, days)))
    fitter = purchase_fitter(params)
    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    with np.errstate(all="ignore"):
        expected = fitter.conditional_expected_number_of_purchases_up_to_time(days, x, age, age)
        expected = expected * np.where(x > 0, 1 + a / (b + np.maximum(x, 1) - 1), 1.0)
    ceiling = (r + x) / (alpha + age) * days
    unsafe = ~((expected >= 0) & (expected <= ceiling * (1 + 1e-9)))
    unsafe = np.atleast_1d(unsafe | (abs(a - 1) < 1e-3) | (a > 50) | (b > 500))
    if unsafe.any():
        x, age, days, expected = (np.atleast_1d(values).copy() for values in (x, age, days, expected))
        expected[unsafe] = stable_purchases_if_alive(params, x[unsafe], age[unsafe], days[unsafe])
    return np.clip(expected, 0, ceiling).reshape(ceiling.shape)


def stable_purchases_if_alive(params: dict[str, float], x: Numbers, age: Numbers, days: Numbers) -> Numbers:
    """The same expectation as the integral of the coming purchase rate, which has no singularity.

    With u = s / (alpha + T), the rate at s days from now is (r+x)/(alpha+T) E[(1 + p u)^-(r+x+1)] over
    p ~ Beta(a, b+x), that is (1+u)^-a 2F1(a, a+b-1-r; a+b+x; u/(1+u)) by Pfaff's transformation.
    """
    from scipy.special import hyp2f1, roots_legendre

    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    nodes, weights = roots_legendre(24)
    reach = np.log1p(days / (alpha + age))
    step = np.multiply.outer((nodes + 1) / 2, reach)
    with np.errstate(all="ignore"):
        slowing = hyp2f1(a, a + b - 1 - r, a + b + x, -np.expm1(-step))
        expected = (r + x) * reach / 2 * np.tensordot(weights, np.exp((1 - a) * step) * slowing, 1)
    ceiling = (r + x) / (alpha + age) * days
    lost = ~((expected >= 0) & (expected <= ceiling * (1 + 1e-9))) | (a > 50)
    if lost.any():
        expected[lost] = _integrate_over_dropout(params, x[lost], np.expm1(reach[lost]))
    return expected


def _integrate_over_dropout(params: dict[str, float], x: Numbers, ahead: Numbers) -> Numbers:
    """Average (1 - (1 + p u)^-(r+x)) / p over p ~ Beta(a, b+x), for parameters too large for 2F1."""
    from scipy.special import betaincinv, roots_legendre

    nodes, weights = roots_legendre(64)
    shares = betaincinv(params["a"], params["b"] + x, np.multiply.outer((nodes + 1) / 2, np.ones_like(x)))
    shares = np.maximum(shares, 1e-300)
    bought = -np.expm1(-(params["r"] + x) * np.log1p(shares * ahead)) / shares
    return np.tensordot(weights / 2, bought, 1)


def discount_purchases(purchases: Callable[[Numbers], Numbers], scale: Numbers, days, rate: float) -> Numbers:
    """Expected purchases in the coming `days`, each discounted from its own day.

    By parts: the integral of exp(-rate s) dE(s) is exp(-rate H) E(H) + rate times that of exp(-rate s) E(s).

    Parameters
    ----------
    purchases
        Purchases expected within so many days: an array whose last axis is the customers'.
    scale
        Days after which the expected pace has changed notably (alpha + T).
    rate
        Continuous discount rate per day.
    """
    from scipy.special import roots_legendre

    plain = purchases(days)
    if rate == 0:
        return plain
    latest = np.exp(-rate * days) * plain
    nodes, weights = roots_legendre(6)
    reach = np.log1p(days / scale)
    step = np.multiply.outer((nodes + 1) / 2, reach)
    ahead = scale * np.expm1(step)
    before = purchases(ahead) * np.exp(step - rate * ahead)
    found = latest + rate * scale * reach / 2 * np.tensordot(weights, before, 1)
    return np.clip(found, *np.sort([latest, plain], axis=0))
