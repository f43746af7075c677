"""Pareto/NBD: each customer has a purchase rate and a dropout rate of their own.

The likelihood integrates over the moment of dropout by Gauss-Legendre quadrature instead of two
hypergeometric functions: it has no 0/0, no overflow for heavy buyers, and an exact gradient.

References
----------
Schmittlein, Morrison & Colombo (1987), Management Science 33(1).
Fader & Hardie (2005), A note on deriving the Pareto/NBD model, brucehardie.com/notes/009, eq. 18.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from crcm_lib.models.histories import Numbers, WeightedHistories
from crcm_lib.models.mle import Fit, Objective, fit_histories

NODES = 16  # of the quadrature over the moment of dropout
COUNT_NODES = 48  # of the quadrature for the distribution of counts
BLOCK = 8192  # histories at a time, so that their nodes fit into a processor's cache
MAX_EXPONENT = 40.0  # decline of the integrand, in logarithms, beyond which the rest is left out


@dataclass(frozen=True)
class ParetoNBD:
    """Pareto/NBD; a `PurchaseModel`, whose docstrings say what its methods take and give."""

    name = "Pareto/NBD"
    k = 1
    param_names = ("r", "alpha", "s", "beta")

    def fit(self, histories: WeightedHistories, *, seed: int = 0) -> Fit:
        """Fit by maximum likelihood.

        Returns
        -------
        r, alpha, s, beta (alpha and beta in the unit of T). That s or beta is at its bound (no dropout is
        seen, or all customers are equally likely to drop out) is a remark.
        """
        return fit_histories(self.objective, histories, self.param_names, seed, may_reach_bound=("s", "beta"))

    def objective(self, x: Numbers, t_x: Numbers, T: Numbers, weight: Numbers) -> Objective:
        """The negative mean log-likelihood and its gradient, as a function of log(r, alpha, s, beta)."""
        from scipy.special import digamma, gammaln

        counts, which = np.unique(x, return_inverse=True)
        tally, total = np.bincount(which, weights=weight), weight.sum()
        blocks = _blocks(x, t_x, T, weight)

        def value_and_gradient(logs: Numbers) -> tuple[float, Numbers]:
            r, alpha, s, beta = params = np.exp(logs)
            common = tally @ (gammaln(r + counts) - gammaln(r)) + total * (
                r * np.log(alpha) + s * np.log(beta)
            )
            d_common = [
                tally @ (digamma(r + counts) - digamma(r)) + total * np.log(alpha),
                total * r / alpha,
                total * np.log(beta),
                total * s / beta,
            ]
            loglik, *d_loglik = sum(_sum_over_dropout(params, *block) for block in blocks)
            gradient = (np.array(d_loglik) + np.array(d_common)) * params
            return -float(common + loglik) / total, -gradient / total

        return value_and_gradient

    def p_alive(self, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
        """P(active at T): between 0 and 1, also for the heaviest buyers."""
        shares = [np.zeros(0)]
        for block in _blocks(x, t_x, T):
            active, dropped, *_nodes = _log_terms([params[name] for name in self.param_names], *block)
            shares.append(1 / (1 + np.exp(np.minimum(dropped - active, 700))))
        return np.concatenate(shares)

    def expected_purchases(
        self, params: dict[str, float], x, t_x, T, horizon_days, discount_rate: float = 0.0
    ) -> Numbers:
        """Expected purchases within the horizon of customers who are active at T; `t_x` does not matter.

        The rate (r + x) / (alpha + T) times the integral of exp(-rate u) ((beta+T) / (beta+T+u))^s over u.
        """
        r, alpha, s, beta = (params[name] for name in self.param_names)
        x, T, days = np.broadcast_arrays(
            *(np.asarray(values, dtype=float) for values in (x, T, horizon_days))
        )
        scale = beta + T
        reach = np.log1p(days / scale)
        if discount_rate == 0:
            active_days = scale * reach * _ratio(-np.expm1((1 - s) * reach), (s - 1) * reach)
        else:
            nodes, weights = _legendre(NODES)
            step = np.multiply.outer(nodes, reach)
            heights = np.exp((1 - s) * step - discount_rate * scale * np.expm1(step))
            active_days = scale * reach * np.tensordot(weights, heights, 1)
        return (r + x) / (alpha + T) * np.minimum(active_days, days)

    def p_no_purchase(self, params: dict[str, float], x, t_x, T, horizon_days: float) -> Numbers:
        """P(no purchase within the horizon) of customers who are active at T; `t_x` does not matter.

        The likelihood of silence until T + horizon, still active or dropped out after T, over that of being
        active at T.
        """
        values, parts = [params[name] for name in self.param_names], [np.zeros(0)]
        r, alpha, s, beta = values
        for bought, known in _blocks(x, T):
            active, dropped, *_nodes = _log_terms(values, bought, known, known + horizon_days)
            today = -(r + bought) * np.log(alpha + known) - s * np.log(beta + known)
            parts.append(np.exp(np.logaddexp(active, dropped) - today))
        return np.minimum(np.concatenate(parts), 1.0)

    def count_distribution(self, params: dict[str, float], T: Numbers, weight, max_count: int) -> Numbers:
        """Share of customers expected to have 0, 1, … `max_count` or more repeat purchases by T."""
        from scipy.special import gammaln

        r, alpha, s, beta = (params[name] for name in self.param_names)
        n = np.arange(max_count, dtype=float)[:, None]

        def nbd(days: Numbers) -> Numbers:
            with np.errstate(divide="ignore", invalid="ignore"):
                power = np.where(n == 0, 0.0, n * np.log(days / (alpha + days)))
            return np.exp(gammaln(r + n) - gammaln(r) - gammaln(n + 1) - r * np.log1p(days / alpha) + power)

        nodes, weights = _legendre(COUNT_NODES)
        reach = np.log1p(T / beta)
        by_history = nbd(T) * np.exp(-s * reach)
        for node, share in zip(nodes, weights, strict=True):
            dropout = beta * np.expm1(node * reach)
            by_history = by_history + share * s * reach * np.exp(-s * node * reach) * nbd(dropout)
        shares = by_history @ weight / max(weight.sum(), 1)
        return np.append(shares, max(0.0, 1 - shares.sum()))

    def sample(self, params: dict[str, float], x, t_x, T, horizon_days, rate_factor, random) -> Numbers:
        """Poisson purchases until dropout or the end of the horizon: one draw for each active customer."""
        dropout = random.gamma(params["s"], size=len(x)) / (params["beta"] + T)
        lifetime = random.exponential(size=len(x)) / np.maximum(dropout, 1e-300)
        rate = random.gamma(params["r"] + x) / (params["alpha"] + T)
        return random.poisson(rate_factor * rate * np.minimum(horizon_days, lifetime))


def _sum_over_dropout(params: Numbers, x: Numbers, t_x: Numbers, T: Numbers, weight: Numbers) -> Numbers:
    """Shape (5,): the log-likelihood of being active or not, summed, and its slopes in r, alpha, s, beta."""
    r, alpha, s, beta = params
    active, dropped, moments, shares, log_alpha, log_beta = _log_terms(params, x, t_x, T)
    either = np.logaddexp(active, dropped)
    w_active = weight * np.exp(active - either)
    w_dropped = weight - w_active
    w_nodes = shares * w_dropped
    d_r = -w_active @ np.log(alpha + T) - (w_nodes * log_alpha).sum()
    d_alpha = -w_active @ ((r + x) / (alpha + T)) - (w_nodes / (alpha + moments)).sum(axis=0) @ (r + x)
    d_s = -w_active @ np.log(beta + T) + w_dropped.sum() / s - (w_nodes * log_beta).sum()
    d_beta = -s * (w_active @ (1 / (beta + T))) - (s + 1) * (w_nodes / (beta + moments)).sum()
    return np.array([weight @ either, d_r, d_alpha, d_s, d_beta])


def _blocks(*columns: Numbers) -> list[tuple[Numbers, ...]]:
    """The rows, `BLOCK` at a time."""
    starts = range(0, len(columns[0]), BLOCK)
    return [tuple(column[start : start + BLOCK] for column in columns) for start in starts]


def _log_terms(params, x: Numbers, t_x: Numbers, T: Numbers):
    """Log-likelihood of being active at T and of dropout in (t_x, T), without the factors that both share.

    With y the moment of dropout, the second is s times the integral over (t_x, T) of
    (alpha + y)^-(r+x) (beta + y)^-(s+1). In u = log((m + y) / (m + t_x)), m the smaller of alpha and beta,
    the integrand declines everywhere at least as fast as at its start, so that a few nodes over the part
    that counts are enough.

    Returns
    -------
    active, dropped, shape (n,); for each node (first axis) the moment y, its share of the integral, and the
    logarithms of alpha + y and beta + y.
    """
    r, alpha, s, beta = params
    nodes, weights = _legendre(NODES)
    active = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    least = min(alpha, beta) + t_x
    decline = (r + x) * least / (alpha + t_x) + (s + 1) * least / (beta + t_x) - 1
    reach = np.minimum(np.log1p((T - t_x) / least), MAX_EXPONENT / np.maximum(decline, 1e-9))
    step = np.multiply.outer(nodes, reach)
    moments = t_x + least * np.expm1(step)
    log_alpha, log_beta = np.log(alpha + moments), np.log(beta + moments)
    heights = step - (r + x) * log_alpha - (s + 1) * log_beta
    top = heights.max(axis=0)
    terms = weights[:, None] * np.exp(heights - top)
    sums = terms.sum(axis=0)
    with np.errstate(divide="ignore"):
        dropped = np.log(s) + top + np.log(sums) + np.log(reach) + np.log(least)
    return active, dropped, moments, terms / sums, log_alpha, log_beta


def _ratio(top: Numbers, bottom: Numbers) -> Numbers:
    """top / bottom, and 1 where both are 0."""
    safe = np.where(bottom == 0, 1.0, bottom)
    return np.where(abs(bottom) < 1e-12, 1.0, top / safe)


@cache
def _legendre(count: int) -> tuple[Numbers, Numbers]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(count)
    return (nodes + 1) / 2, weights / 2
