"""Pareto/NBD: everyone buys at a pace of their own and leaves, unseen, at a moment of their own.

The likelihood integrates over the moment of leaving by Gauss-Legendre quadrature instead of two
hypergeometric functions: it has no 0/0, no overflow for heavy buyers, and an exact gradient.
"""

from functools import cache

import numpy as np

from crcm_lib.models.mle import Fit, Numbers, Objective, WeightedHistories, fit_histories

NAMES = ("r", "alpha", "s", "beta")
NODES = 16
BLOCK = 8192  # histories at a time
MAX_EXPONENT = 40.0  # exponents beyond which what is left of the integral cannot be seen


def fit(histories: WeightedHistories, *, seed: int = 0) -> Fit:
    """Fit Pareto/NBD by maximum likelihood.

    Parameters
    ----------
    histories
        Different (x, t_x, T): purchases after the first one, days from first to last purchase, days observed.
    seed
        Of the starting points.

    Returns
    -------
    r, alpha, s, beta (alpha and beta in the unit of T); the log-likelihood; problems and remarks in words.
    That s or beta ran to its limit (nobody is seen to leave, or all are equally likely to) is a remark.

    References
    ----------
    Schmittlein, Morrison & Colombo (1987), Management Science 33(1); Fader & Hardie (2005), A note on
    deriving the Pareto/NBD model, brucehardie.com/notes/009, eq. 18.
    """
    return fit_histories(objective, histories, NAMES, seed, may_run_off=("s", "beta"))


def objective(x: Numbers, t_x: Numbers, age: Numbers, weight: Numbers) -> Objective:
    """The negative mean log-likelihood and its gradient, as a function of log(r, alpha, s, beta)."""
    from scipy.special import digamma, gammaln

    counts, which = np.unique(x, return_inverse=True)
    tally, total = np.bincount(which, weights=weight), weight.sum()
    blocks = _blocks(x, t_x, age, weight)

    def value_and_gradient(logs: Numbers) -> tuple[float, Numbers]:
        r, alpha, s, beta = params = np.exp(logs)
        common = gammaln(r + counts) - gammaln(r)
        by_count = tally @ common + total * (r * np.log(alpha) + s * np.log(beta))
        found = sum(_add_up(params, *block) for block in blocks)
        alike = [  # slopes of what depends on no moment
            tally @ (digamma(r + counts) - digamma(r)) + total * np.log(alpha),
            total * r / alpha, total * np.log(beta), total * s / beta,
        ]  # fmt: skip
        slopes = (found[1:] + np.array(alike)) * params
        return -float(by_count + found[0]) / total, -slopes / total

    return value_and_gradient


def _add_up(params: Numbers, x: Numbers, t_x: Numbers, age: Numbers, weight: Numbers) -> Numbers:
    """The log-likelihood of having stayed or left, and its slopes in r, alpha, s and beta, added up."""
    r, alpha, s, beta = params
    stayed, left, moments, parts, log_seen, log_here = _split(params, x, t_x, age)
    either = np.logaddexp(stayed, left)
    stay = weight * np.exp(stayed - either)
    go = weight - stay
    share = parts * go  # of what is averaged over the moment of leaving, by its weights at the nodes
    return np.array([
        weight @ either,
        -stay @ np.log(alpha + age) - (share * log_seen).sum(),
        -stay @ ((r + x) / (alpha + age)) - (share / (alpha + moments)).sum(axis=0) @ (r + x),
        -stay @ np.log(beta + age) + go.sum() / s - (share * log_here).sum(),
        -s * (stay @ (1 / (beta + age))) - (s + 1) * (share / (beta + moments)).sum(),
    ])  # fmt: skip


def _blocks(*columns: Numbers) -> list[tuple[Numbers, ...]]:
    """The rows in blocks whose nodes fit into a processor's cache."""
    starts = range(0, len(columns[0]), BLOCK)
    return [tuple(column[start : start + BLOCK] for column in columns) for start in starts]


def probability_alive(params: dict[str, float], x: Numbers, t_x: Numbers, age: Numbers) -> Numbers:
    """Probability that a customer has not left: between 0 and 1, also for the heaviest buyers."""
    found = [np.zeros(0)]
    for block in _blocks(x, t_x, age):
        stayed, left, *_nodes = _split([params[name] for name in NAMES], *block)
        found.append(1 / (1 + np.exp(np.minimum(left - stayed, 700))))
    return np.concatenate(found)


def expected_purchases_if_alive(
    params: dict[str, float], x: Numbers, age: Numbers, days: Numbers, rate: float = 0.0
) -> Numbers:
    """Expected purchases in the coming `days` of customers who are still there, each discounted at `rate`.

    The pace (r + x) / (alpha + T) times the integral of exp(-rate u) ((beta+T) / (beta+T+u))^s over u.

    Parameters
    ----------
    rate
        Continuous discount rate per day.
    """
    r, alpha, s, beta = (params[name] for name in NAMES)
    x, age, days = np.broadcast_arrays(*(np.asarray(values, dtype=float) for values in (x, age, days)))
    here = beta + age
    reach = np.log1p(days / here)
    if rate == 0:
        lasting = here * reach * _relative(-np.expm1((1 - s) * reach), (s - 1) * reach)
    else:
        nodes, weights = _legendre(NODES)
        step = np.multiply.outer(nodes, reach)
        lasting = (
            here * reach * np.tensordot(weights, np.exp((1 - s) * step - rate * here * np.expm1(step)), 1)
        )
    return (r + x) / (alpha + age) * np.minimum(lasting, days)


def count_shares(params: dict[str, float], age: Numbers, weight: Numbers, up_to: int) -> Numbers:
    """Share of customers expected to have 0, 1, … `up_to` or more purchases after their first one."""
    from scipy.special import gammaln

    r, alpha, s, beta = (params[name] for name in NAMES)
    n = np.arange(up_to, dtype=float)[:, None]

    def bought(days: Numbers) -> Numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            power = np.where(n == 0, 0.0, n * np.log(days / (alpha + days)))
        return np.exp(gammaln(r + n) - gammaln(r) - gammaln(n + 1) - r * np.log1p(days / alpha) + power)

    nodes, weights = _legendre(48)
    reach = np.log1p(age / beta)
    shares = bought(age) * np.exp(-s * reach)
    for node, share in zip(nodes, weights, strict=True):
        left = beta * np.expm1(node * reach)
        shares = shares + share * s * reach * np.exp(-s * node * reach) * bought(left)
    found = shares @ weight / max(weight.sum(), 1)
    return np.append(found, max(0.0, 1 - found.sum()))


def _split(params, x: Numbers, t_x: Numbers, age: Numbers):
    """Log-likelihood of having stayed and of having left since t_x, without what both share.

    With y the moment of leaving, the second is s times the integral over (t_x, T) of
    (alpha + y)^-(r+x) (beta + y)^-(s+1). In u = log((m + y) / (m + t_x)), m the smaller of alpha and beta, it
    falls off at least as fast as where it starts, so that a few nodes over the part that counts are enough.

    Returns
    -------
    stayed, left, and for each node (first axis) the moment y, its share of the integral, and the logarithms
    of alpha + y and beta + y.
    """
    r, alpha, s, beta = params
    nodes, weights = _legendre(NODES)
    stayed = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    least = min(alpha, beta) + t_x
    steep = (r + x) * least / (alpha + t_x) + (s + 1) * least / (beta + t_x) - 1
    reach = np.minimum(np.log1p((age - t_x) / least), MAX_EXPONENT / np.maximum(steep, 1e-9))
    step = np.multiply.outer(nodes, reach)
    moments = t_x + least * np.expm1(step)
    log_seen, log_here = np.log(alpha + moments), np.log(beta + moments)
    heights = step - (r + x) * log_seen - (s + 1) * log_here
    top = heights.max(axis=0)
    terms = weights[:, None] * np.exp(heights - top)
    sums = terms.sum(axis=0)
    with np.errstate(divide="ignore"):
        left = np.log(s) + top + np.log(sums) + np.log(reach) + np.log(least)
    return stayed, left, moments, terms / sums, log_seen, log_here


def _relative(top: Numbers, bottom: Numbers) -> Numbers:
    """top / bottom, and 1 where both are 0."""
    safe = np.where(bottom == 0, 1.0, bottom)
    return np.where(abs(bottom) < 1e-12, 1.0, top / safe)


@cache
def _legendre(count: int) -> tuple[Numbers, Numbers]:
    """Nodes and weights on (0, 1)."""
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(count)
    return (nodes + 1) / 2, weights / 2
