"""Likelihoods of purchase and spend histories, and their maxima.

Every likelihood runs over the *different* histories, each with the number of customers who have it, so that
its cost follows the variety of a customer base and not its size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crcm_lib.language import _

Numbers = NDArray[np.float64]
Objective = Callable[[Numbers], tuple[float, Numbers]]
LIMIT = np.log(1e4)  # of a log parameter, in scaled units: beyond it, a fit has run away
PILOT = 4000  # different histories on which the starting points compete
STEEP = 1e-5  # largest gradient of the mean log-likelihood at an optimum


@dataclass(frozen=True)
class Distinct:
    """The different rows among some columns, in sorted order."""

    columns: tuple[Numbers, ...]
    weight: Numbers  # how many rows are like this one
    which: NDArray[np.int64]  # for each original row, the number of its different row

    def __len__(self) -> int:
        return len(self.weight)


def find_distinct(*columns: Numbers) -> Distinct:
    """Collect the different rows; their order does not depend on the order of the rows.

    Examples
    --------
    >>> different = find_distinct(np.array([2., 0., 2.]), np.array([7., 1., 7.]))
    >>> different.weight.tolist(), different.which.tolist()
    ([1.0, 2.0], [1, 0, 1])
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    values = []
    for column in columns:
        codes, levels = pd.factorize(np.asarray(column, dtype=float), sort=True)
        key = key * max(len(levels), 1) + codes
        values.append(levels)
    which, keys = pd.factorize(key, sort=True)
    rows = []
    for levels in reversed(values):
        keys, codes = np.divmod(keys, max(len(levels), 1))
        rows.append(levels[codes])
    return Distinct(tuple(reversed(rows)), np.bincount(which, minlength=len(keys)).astype(float), which)


@dataclass(frozen=True)
class Fit:
    """A maximum of a likelihood, what is wrong with it if anything, and what else there is to know of it."""

    params: dict[str, float]
    loglik: float
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


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
    best = _search(bgnbd_objective, scaled, ("r", "alpha", "a", "b"), seed)
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
    best = _search(gamma_gamma_objective, (n, mean / scale, spends.weight), ("p", "q", "v"), seed)
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


def _search(likelihood, columns: tuple[Numbers, ...], names: tuple[str, ...], seed: int) -> Fit:
    """Let several starting points compete on a part of the histories; climb from the best on all of them.

    On one thread: the sums are short, and how many threads share them must not show in the last digit.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _search_alone(likelihood, columns, names, seed)


def _search_alone(likelihood, columns: tuple[Numbers, ...], names: tuple[str, ...], seed: int) -> Fit:
    rng = np.random.default_rng(seed)
    part = columns
    if len(columns[0]) > PILOT:
        some = np.sort(rng.choice(len(columns[0]), PILOT, replace=False))
        part = tuple(column[some] for column in columns)
    starts = [np.zeros(len(names)), *rng.uniform(-1.5, 1.5, (4, len(names)))]
    pilot = likelihood(*part)
    ends = [_climb(pilot, start, steps=60) for start in starts]
    objective = likelihood(*columns)
    point = _polish(objective, _climb(objective, min(ends, key=lambda end: pilot(end)[0])))
    height, slope = objective(point)
    return Fit(
        dict(zip(names, np.exp(point).tolist(), strict=True)),
        float(-height * columns[-1].sum()),
        tuple(_find_problems(point, slope, names)),
        tuple(_at_limit(point, names, ("a", "b"))),
    )


def _climb(objective: Objective, start: Numbers, steps: int = 500) -> Numbers:
    from scipy.optimize import minimize

    box = [(-LIMIT, LIMIT)] * len(start)
    options = {"maxiter": steps, "ftol": 1e-13, "gtol": 1e-8}
    return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=box, options=options).x


def _polish(objective: Objective, point: Numbers, step: float = 1e-4) -> Numbers:
    """A few Newton steps, so that the optimum does not depend on the path that led there."""
    for _round in range(4):
        slope = objective(point)[1]
        if abs(slope).max() < 1e-11 or abs(point).max() > LIMIT - 0.01:
            break
        moves = step * np.eye(len(point))
        bend = np.array([objective(point + move)[1] - objective(point - move)[1] for move in moves])
        bend = (bend + bend.T) / (4 * step)
        if not np.isfinite(bend).all() or np.linalg.eigvalsh(bend).min() <= 0:
            break
        better = point - np.linalg.solve(bend, slope)
        if not abs(better).max() < LIMIT or not abs(objective(better)[1]).max() < abs(slope).max():
            break
        point = better
    return point


def _find_problems(point: Numbers, slope: Numbers, names: tuple[str, ...]):
    if not np.isfinite(np.append(point, slope)).all():
        yield _("the likelihood is not a number")
        return
    yield from _at_limit(point, names, set(names) - {"a", "b"})
    free = abs(point) <= LIMIT - 0.01
    if abs(slope[free]).max(initial=0) > STEEP:
        yield _("no maximum was found, the steepest slope is {slope:.1e}").format(
            slope=abs(slope[free]).max()
        )


def _at_limit(point: Numbers, names: tuple[str, ...], among):
    for name, log in zip(names, point, strict=True):
        if name in among and abs(log) > LIMIT - 0.01:
            yield _("{name} ran to its limit").format(name=name)
