"""Gamma-Gamma: what everyone spends on a purchase varies around a mean of their own."""

import numpy as np

from crcm_lib.i18n import _
from crcm_lib.models.mle import Fit, Numbers, Objective, WeightedHistories, maximise


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
    p, q, v (in the unit of the amounts); the log-likelihood; and problems in words.

    References
    ----------
    Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value, brucehardie.com/notes/025, eq. 1a.
    """
    n, mean = spends.columns
    scale = float(np.average(mean, weights=spends.weight))
    best = maximise(gamma_gamma_objective, (n, mean / scale, spends.weight), ("p", "q", "v"), seed)
    problems = best.problems
    if best.params["q"] <= 1:
        problems += (_("q is {q:.2f}: at 1 or below, mean spend has no finite expectation").format(
            q=best.params["q"]),)  # fmt: skip
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
        loglik = (
            tally
            @ (gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) + shape * np.log(counts))
            + mean_log @ (shape - 1)
            - log_sums @ (shape + q)
        )
        both = digamma(shape + q)
        slope_p = counts @ (tally * (both - digamma(shape) + np.log(counts)) + mean_log - log_sums)
        slope_q = tally @ (both - digamma(q) + np.log(v)) - log_sums.sum()
        slope_v = total * q / v - weight @ ((p * n + q) / (amount + v))
        return -float(loglik) / total, -np.array([slope_p * p, slope_q * q, slope_v * v]) / total

    return objective
