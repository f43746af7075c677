"""Spend per purchase: Gamma-Gamma, and the shrunken mean where its assumptions fail.

Gamma-Gamma: what a customer spends on a purchase varies around a mean of their own, which does not depend on
how often they buy.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.clv.lifetimes_adapter import spend_fitter
from crcm_lib.models.histories import Numbers, WeightedHistories, weighted_histories
from crcm_lib.models.mle import Fit, Objective, maximise
from crcm_lib.models.reasons import Reason
from crcm_lib.stats import Z_95

GAMMA_GAMMA, SHRUNKEN_MEAN, OWN_MEAN = "Gamma-Gamma", "shrunken_mean", "own_mean"
PARAM_NAMES = ("p", "q", "v")
MIN_SPEND_CUSTOMERS = 30  # repeat buyers whose spend is known, below which Gamma-Gamma is not fitted
MAX_RANK_CORRELATION = 0.3  # above this |Spearman rho| of frequency and spend, independence fails
MAX_PRIOR_TO_MEAN = 1.5  # fitted population mean over the observed mean, above which the fit is not used
MIN_PRIOR_WEIGHT = 0.01  # pseudo-purchases


@dataclass(frozen=True)
class SpendFit:
    """What was learned about spend per purchase; fields of a `ValueModel` and what they rest on."""

    spend_model: str
    params: dict[str, float]
    facts: dict[str, float]
    reasons: tuple[Reason, ...]


def fit_spend(n: Numbers, mean: Numbers, *, seed: int = 0) -> SpendFit:
    """Fit Gamma-Gamma to all purchases, the first one included, or the shrunken mean where it does not suit.

    Parameters
    ----------
    n, mean
        Purchases of each customer and their mean amount (currency), NaN where it is unknown.

    Returns
    -------
    `params`: p, q, v of Gamma-Gamma where it is used; `population_mean` (currency), `slope` (of the logarithm
    of spend on that of n) and `prior_weight` (pseudo-purchases) of the mean that customers are shrunk to.
    """
    n, mean = n[np.isfinite(mean)], mean[np.isfinite(mean)]
    facts, slope, prior_weight = frequency_spend_correlation(n, mean), 0.0, 1.0
    repeaters = int((n > 1).sum())
    if repeaters < MIN_SPEND_CUSTOMERS:
        few = Reason("too_few_spends", {"repeaters": repeaters, "needed": MIN_SPEND_CUSTOMERS})
        return SpendFit(SHRUNKEN_MEAN, _mean_params(n, mean, slope, prior_weight), facts, (few,))
    fit = fit_gamma_gamma(weighted_histories(n, mean), seed=seed)
    facts["loglik_spend"] = fit.loglik
    p, q, v = (fit.params[name] for name in PARAM_NAMES)
    if not fit.problems or q <= 1:
        prior_weight = max((q - 1) / p, MIN_PRIOR_WEIGHT)
    reasons = tuple(_why_not_gamma_gamma(fit, float(mean.mean()), facts["spend_correlation"]))
    if not reasons:
        params = {
            **fit.params,
            "population_mean": p * v / (q - 1),
            "slope": 0.0,
            "prior_weight": prior_weight,
        }
        return SpendFit(GAMMA_GAMMA, params, facts, ())
    if abs(facts["spend_correlation"]) > MAX_RANK_CORRELATION:
        slope = float(np.polyfit(np.log(n), np.log(mean), 1)[0])
    return SpendFit(SHRUNKEN_MEAN, _mean_params(n, mean, slope, prior_weight), facts, reasons)


def fit_shrunken_mean(n: Numbers, mean: Numbers) -> SpendFit:
    """The shrunken mean without asking for Gamma-Gamma: each customer's mean, and one purchase at all's."""
    n, mean = n[np.isfinite(mean)], mean[np.isfinite(mean)]
    return SpendFit(SHRUNKEN_MEAN, _mean_params(n, mean, 0.0, 1.0), {}, ())


def take_own_mean(spend: SpendFit) -> SpendFit:
    """Each customer's own mean as it is, with the population mean of `spend` where it is unknown."""
    return SpendFit(OWN_MEAN, spend.params | {"slope": 0.0, "prior_weight": 0.0}, spend.facts, ())


def expected_spend(spend_model: str, params: dict[str, float], n: Numbers, mean: Numbers) -> Numbers:
    """Expected spend per purchase (currency) of customers with n purchases of this mean; see `fit_spend`.

    The customer's mean and the prior mean, weighted by n and `prior_weight`: a one-time buyer's mean has the
    weight 1 / (1 + `prior_weight`), an unknown mean has none.
    """
    known = np.isfinite(mean) & (mean > 0)
    population_mean, slope, weight = (params[name] for name in ("population_mean", "slope", "prior_weight"))
    prior = population_mean * np.maximum(n, 1) ** slope
    if spend_model == GAMMA_GAMMA:
        fitter = spend_fitter({name: params[name] for name in PARAM_NAMES})
        own = fitter.conditional_expected_average_profit(n, np.where(known, mean, population_mean))
        return np.where(known, own, prior)
    own_share = np.where(known, n / (n + weight), 0.0)
    return prior + own_share * (np.where(known, mean, prior) - prior)


def _why_not_gamma_gamma(fit: Fit, mean: float, correlation: float):
    if fit.problems:
        yield Reason("model_does_not_fit", {"model": GAMMA_GAMMA, "problems": list(fit.problems)})
    else:
        p, q, v = (fit.params[name] for name in PARAM_NAMES)
        population_mean = p * v / (q - 1)
        if population_mean > MAX_PRIOR_TO_MEAN * mean:
            yield Reason("spends_too_different", {"population_mean": population_mean, "observed_mean": mean})
    if abs(correlation) > MAX_RANK_CORRELATION:
        yield Reason(
            "spend_depends_on_frequency", {"correlation": correlation, "limit": MAX_RANK_CORRELATION}
        )


def _mean_params(n: Numbers, mean: Numbers, slope: float, prior_weight: float) -> dict[str, float]:
    """The population mean at which the expected spends add up to all the spend observed."""
    population_mean = float((n * mean).sum() / (n * n**slope).sum()) if len(n) else 0.0
    return {"population_mean": population_mean, "slope": slope, "prior_weight": prior_weight}


def frequency_spend_correlation(n: Numbers, mean: Numbers) -> dict[str, float]:
    """Spearman correlation of purchases and mean spend among repeat buyers, with its 95 % interval.

    The interval is Fisher's z's. Gamma-Gamma assumes that there is no correlation.
    """
    repeat = n > 1
    if repeat.sum() < 4 or np.ptp(n[repeat]) == 0 or np.ptp(mean[repeat]) == 0:
        rho, low, high = 0.0, -1.0, 1.0
    else:
        rho = float(np.corrcoef(pd.Series(n[repeat]).rank(), pd.Series(mean[repeat]).rank())[0, 1])
        half = Z_95 / np.sqrt(repeat.sum() - 3)
        middle = np.arctanh(np.clip(rho, -0.999999, 0.999999))
        low, high = float(np.tanh(middle - half)), float(np.tanh(middle + half))
    return {"spend_correlation": rho, "spend_correlation_low": low, "spend_correlation_high": high}


def fit_gamma_gamma(spends: WeightedHistories, *, seed: int = 0) -> Fit:
    """Fit the Gamma-Gamma model of spend per purchase by maximum likelihood.

    Parameters
    ----------
    spends
        Different (n, mean): purchases and their mean amount, both above zero.
    seed
        Of the starting points.

    Returns
    -------
    p, q, v (in the unit of the amounts); q of 1 or below, where mean spend has no finite expectation, is the
    problem `mean_not_finite`.

    References
    ----------
    Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025, eq. 1a.
    """
    n, mean = spends.columns
    scale = float(np.average(mean, weights=spends.weight))
    best = maximise(gamma_gamma_objective, (n, mean / scale, spends.weight), PARAM_NAMES, seed)
    problems = (*best.problems, "mean_not_finite") if best.params["q"] <= 1 else best.problems
    params = {**best.params, "v": best.params["v"] * scale}
    return Fit(params, best.loglik - float(spends.weight.sum() * np.log(scale)), problems)


def gamma_gamma_objective(n: Numbers, mean: Numbers, weight: Numbers) -> Objective:
    """The negative mean log-likelihood of Gamma-Gamma and its gradient, as a function of log(p, q, v)."""
    from scipy.special import digamma, gammaln

    counts, which = np.unique(n, return_inverse=True)
    tally, total = np.bincount(which, weights=weight), weight.sum()
    log_mean, amount = np.log(mean), n * mean
    mean_log = np.bincount(which, weights=weight * log_mean)

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        p, q, v = np.exp(logs)
        shape, log_sum = p * counts, np.log(amount + v)
        log_sums = np.bincount(which, weights=weight * log_sum)
        by_count = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) + shape * np.log(counts)
        loglik = tally @ by_count + mean_log @ (shape - 1) - log_sums @ (shape + q)
        both = digamma(shape + q)
        d_p = counts @ (tally * (both - digamma(shape) + np.log(counts)) + mean_log - log_sums)
        d_q = tally @ (both - digamma(q) + np.log(v)) - log_sums.sum()
        d_v = total * q / v - weight @ ((p * n + q) / (amount + v))
        return -float(loglik) / total, -np.array([d_p * p, d_q * q, d_v * v]) / total

    return objective
