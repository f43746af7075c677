"""Likelihoods of BG/NBD and Gamma-Gamma."""

import numpy as np

from crcm_lib.language import _
from crcm_lib.models.value.search import Distinct, Fit, Numbers, Objective, maximise


def fit_bgnbd(histories: Distinct, *, seed: int = 0) -> Fit:
    """Fit BG/NBD by maximum likelihood.

    Parameters
    ----------
    histories
        Different (x, t_x, T): purchases after the first one, days from first to last purchase, days observed.
    seed
        Of the starting points.

    Returns
    -------
    r, alpha (in the unit of T), a, b; the log-likelihood in the unit of T; problems, and remarks, in words.
    That a or b ran to its limit (nobody is seen to leave, or all are equally likely to) is a remark: BG/NBD
    is then the simpler model within it. That r or alpha did (all buy at one pace) is a problem.

    References
    ----------
    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), eq. 6.
    """
    x, t_x, age = histories.columns
    scale = float(np.average(age, weights=histories.weight)) or 1.0
    scaled = (x, t_x / scale, age / scale, histories.weight)
    best = maximise(bgnbd_objective, scaled, ("r", "alpha", "a", "b"), seed, may_run_off=("a", "b"))
    shift = float(histories.weight @ x) * np.log(
        scale
    )  # a density per scaled time is `scale` times one per day
    params = {**best.params, "alpha": best.params["alpha"] * scale}
    return Fit(params, float(best.loglik - shift), best.problems, best.remarks)


def bgnbd_objective(x: Numbers, t_x: Numbers, age: Numbers, weight: Numbers) -> Objective:
    """The negative mean log-likelihood of BG/NBD and its gradient, as a function of log(r, alpha, a, b)."""
    from scipy.special import digamma, gammaln

    counts, which = np.unique(x, return_inverse=True)
    tally, total = np.bincount(which, weights=weight), weight.sum()
    left = counts + (counts == 0)  # x, but 1 where x is 0: those customers have not been able to leave
    again = x > 0

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        r, alpha, a, b = np.exp(logs)
        log_age, log_seen = np.log(alpha + age), np.log(alpha + t_x)
        stayed = -(r + x) * log_age
        quit_ = np.where(again, (np.log(a) - np.log(b + left - 1))[which] - (r + x) * log_seen, -np.inf)
        either = np.logaddexp(stayed, quit_)
        by_count = (
            gammaln(r + counts) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + counts) - gammaln(b) - gammaln(a + b + counts)
        )  # fmt: skip
        stay = weight * np.exp(stayed - either)
        go = weight - stay
        gone = np.bincount(which, weights=go)
        slope_r = tally @ (digamma(r + counts) - digamma(r) + np.log(alpha)) - stay @ log_age - go @ log_seen
        slope_alpha = total * r / alpha - (r + x) @ (stay / (alpha + age) + go / (alpha + t_x))
        common = digamma(a + b) - digamma(a + b + counts)
        slope_a = tally @ common + gone.sum() / a
        slope_b = tally @ (common + digamma(b + counts) - digamma(b)) - gone @ (1 / (b + left - 1))
        gradient = np.array([slope_r * r, slope_alpha * alpha, slope_a * a, slope_b * b])
        return -float(tally @ by_count + weight @ either) / total, -gradient / total

    return objective


def fit_gamma_gamma(spends: Distinct, *, seed: int = 0) -> Fit:
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
