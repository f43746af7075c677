"""BG/NBD and its relatives: each customer has a purchase rate of their own and may drop out after a purchase.

BG/NBD: purchases are a Poisson process, and nobody drops out right after the first one. MBG/NBD: that too.
(M)BG/CNBD-k: the days between purchases follow an Erlang distribution of shape k, that is, they are regular.

References
----------
Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284.
Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer base
analysis, International Journal of Research in Marketing 24(3), 201-209.
Reutterer, Platzer & Schröder (2021), Leveraging purchase regularity for predicting customer behavior the easy
way, International Journal of Research in Marketing 38(1), 194-215.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from crcm_lib.models.clv import lifetimes_adapter
from crcm_lib.models.histories import Numbers, WeightedHistories, weighted_histories
from crcm_lib.models.mle import Fit, Objective, fit_histories

SERIES_RTOL = 1e-9  # share of the sum so far below which the rest of a series is left out


@dataclass(frozen=True)
class BGCNBD:
    """A model of the family; a `PurchaseModel`, whose docstrings say what its methods take and give.

    Attributes
    ----------
    k
        Erlang shape of the days between purchases; 1 is a Poisson process.
    first_dropout
        Dropout opportunities before the first repeat purchase: 0 (BG/NBD) or 1 (MBG/NBD).
    """

    k: int
    first_dropout: int
    param_names = ("r", "alpha", "a", "b")

    @property
    def name(self) -> str:
        """The model's name in the papers: BG/NBD, MBG/NBD, BG/CNBD-k or MBG/CNBD-k."""
        family = "MBG" if self.first_dropout else "BG"
        return f"{family}/NBD" if self.k == 1 else f"{family}/CNBD-{self.k}"

    def fit(self, histories: WeightedHistories, *, seed: int = 0) -> Fit:
        """Fit by maximum likelihood.

        Returns
        -------
        r, alpha (in the unit of T), a, b. The log-likelihood is in the unit of T; for k > 1 it leaves out the
        factors of the days between purchases, on which no parameter acts. That a or b is at its bound (no
        dropout is seen, or all customers are equally likely to drop out) is a remark; that r or alpha is (all
        have one purchase rate) is a problem.
        """
        return fit_histories(
            self.objective, histories, self.param_names, seed, may_reach_bound=("a", "b"), phases=self.k
        )

    def objective(self, x: Numbers, t_x: Numbers, T: Numbers, weight: Numbers) -> Objective:
        """The negative mean log-likelihood and its gradient, as a function of log(r, alpha, a, b)."""
        from scipy.special import digamma, gammaln

        counts, which = np.unique(x, return_inverse=True)
        tally, total = np.bincount(which, weights=weight), weight.sum()
        events, chances = self.k * counts, counts + self.first_dropout
        last_chance = chances + (chances == 0)  # 1 instead of 0, where the term below is not used
        seen, no_chance = self.k * x, (chances == 0)[which]

        def value_and_gradient(logs: Numbers) -> tuple[float, Numbers]:
            r, alpha, a, b = np.exp(logs)
            log_last = np.log(alpha + t_x)
            active, (phase, slope_phase), log_T = self._log_active(r, alpha, seen, t_x, T)
            dropped = (np.log(a) - np.log(b + last_chance - 1))[which] - (r + seen) * log_last
            dropped = np.where(no_chance, -np.inf, dropped)
            either = np.logaddexp(active, dropped)
            common = gammaln(r + events) - gammaln(r) + r * np.log(alpha)
            common = common + gammaln(a + b) + gammaln(b + chances) - gammaln(b) - gammaln(a + b + chances)
            w_active = weight * np.exp(active - either)
            w_dropped = weight - w_active
            dropped_by_count = np.bincount(which, weights=w_dropped)
            d_r = tally @ (digamma(r + events) - digamma(r) + np.log(alpha)) - w_active @ log_T
            d_r += w_active @ slope_phase - w_dropped @ log_last
            d_alpha = total * r / alpha - (r + seen) @ (w_active / (alpha + T) + w_dropped / (alpha + t_x))
            d_alpha -= w_active @ (phase / (alpha + T))
            d_both = digamma(a + b) - digamma(a + b + chances)
            d_a = tally @ d_both + dropped_by_count.sum() / a
            d_b = tally @ (d_both + digamma(b + chances) - digamma(b))
            d_b -= dropped_by_count @ (1 / (b + last_chance - 1))
            gradient = np.array([d_r * r, d_alpha * alpha, d_a * a, d_b * b])
            return -float(tally @ common + weight @ either) / total, -gradient / total

        return value_and_gradient

    def _log_active(self, r: float, alpha: float, seen: Numbers, t_x: Numbers, T: Numbers):
        """Log-likelihood of being active at T; mean phase and its mean slope in r; log(alpha + T).

        Between two purchases of shape k lie k - 1 phases that are not observed; j of them may have passed.
        """
        log_T = np.log(alpha + T)
        if self.k == 1:
            return -(r + seen) * log_T, (0.0, np.zeros(len(seen))), log_T
        logs, slopes = self._log_phases(r, alpha, seen, t_x, T)
        total = np.logaddexp.reduce(logs, axis=0)
        shares = np.exp(logs - total)
        phase = np.tensordot(np.arange(self.k, dtype=float), shares, 1)
        return total - (r + seen) * log_T, (phase, (shares * slopes).sum(axis=0)), log_T

    def _log_phases(self, r: float, alpha: float, seen: Numbers, t_x: Numbers, T: Numbers):
        """Unnormalised log-probability of each phase (first axis) of active customers; its slope in r."""
        logs, slopes = [np.zeros(len(seen))], [np.zeros(len(seen))]
        with np.errstate(divide="ignore"):
            log_silent = np.log((T - t_x) / (alpha + T))
        for j in range(1, self.k):
            logs.append(logs[-1] + log_silent + np.log((r + seen + j - 1) / j))
            slopes.append(slopes[-1] + 1 / (r + seen + j - 1))
        return np.array(logs), np.array(slopes)

    def _phase_shares(self, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
        """Probability of each phase (first axis) of active customers."""
        logs, _slopes = self._log_phases(params["r"], params["alpha"], self.k * x, t_x, T)
        return np.exp(logs - np.logaddexp.reduce(logs, axis=0))

    def p_alive(self, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
        """P(active at T); 1 for customers without a dropout opportunity so far."""
        r, alpha, a, b = (params[name] for name in self.param_names)
        active, *_rest = self._log_active(r, alpha, self.k * x, t_x, T)
        chances = x + self.first_dropout
        dropped = np.log(a / (b + np.maximum(chances, 1) - 1)) - (r + self.k * x) * np.log(alpha + t_x)
        return np.where(chances > 0, 1 / (1 + np.exp(np.minimum(dropped - active, 700))), 1.0)

    def expected_purchases(
        self, params: dict[str, float], x, t_x, T, horizon_days, discount_rate: float = 0.0
    ) -> Numbers:
        """Expected purchases within the horizon of customers who are active at T."""
        x, t_x, T, horizon_days = np.broadcast_arrays(
            *(np.asarray(values, dtype=float) for values in (x, t_x, T, horizon_days))
        )
        later = params | {"b": params["b"] + self.first_dropout}
        # t_x says only in which phase a customer is, so that equal (x, T) share the costly functions.
        pairs = weighted_histories(x, T, horizon_days)
        *history, horizon = pairs.columns
        scale = params["alpha"] + history[1]

        def discounted(expected) -> Numbers:
            return lifetimes_adapter.discount_purchases(expected, scale, horizon, discount_rate)[pairs.which]

        if self.k == 1:
            expected = lifetimes_adapter.expected_purchases_if_alive
            return discounted(lambda days: expected(later, *history, days))
        by_phase = [
            discounted(lambda days, j=j: self._expected_from_phase(later, j, *history, days))
            for j in range(self.k)
        ]
        return (self._phase_shares(params, x, t_x, T) * np.array(by_phase)).sum(axis=0)

    def _expected_from_phase(self, params: dict[str, float], phase: int, x, T, days) -> Numbers:
        """Expected purchases in the coming `days` of active customers in phase j.

        The sum over n of the probability that the n-th purchase happens in time and that none before it was
        the last: I(n k - j; r + k x + j) B(a, b + x + n - 1) / B(a, b + x), with the regularised incomplete
        beta function I at days / (alpha + T + days).
        """
        from scipy.special import betainc, betaln

        a, b = params["a"], params["b"] + x
        odds = days / (params["alpha"] + T + days)
        shape, b, chance = (
            np.broadcast_to(values, odds.shape).ravel()
            for values in (params["r"] + self.k * x + phase, b, odds)
        )
        total, rows, norm = np.zeros(odds.size), np.arange(odds.size), betaln(a, b)
        for number, width in zip(*_series_steps(), strict=True):
            survives = np.exp(betaln(a, b[rows] + number - 1) - norm[rows])
            term = width * survives * betainc(number * self.k - phase, shape[rows], chance[rows])
            total[rows] += term
            rest = term / np.maximum(1 - chance[rows] ** self.k, 1e-12)
            rows = rows[rest > SERIES_RTOL * total[rows]]
            if not len(rows):
                break
        return total.reshape(odds.shape)

    def p_no_purchase(self, params: dict[str, float], x, t_x, T, horizon_days: float) -> Numbers:
        """P(no purchase within the horizon) of customers who are active at T.

        Nobody drops out between purchases, so that it is the chance that fewer phases pass than are missing
        to the next purchase: a negative binomial distribution function, mixed over the phase.
        """
        from scipy.special import betainc

        stays = (params["alpha"] + T) / (params["alpha"] + T + horizon_days)
        shares = self._phase_shares(params, x, t_x, T)
        seen = params["r"] + self.k * x
        return sum(shares[j] * betainc(seen + j, self.k - j, stays) for j in range(self.k))

    def count_distribution(self, params: dict[str, float], T: Numbers, weight, max_count: int) -> Numbers:
        """Share of customers expected to have 0, 1, … `max_count` or more repeat purchases by T."""
        from scipy.special import betainc, betaln

        r, alpha, a, b = (params[name] for name in self.param_names)
        n = np.arange(max_count + 1, dtype=float)[:, None]
        reached = np.where(n > 0, betainc(np.maximum(self.k * n, 1), r, T / (alpha + T)), 1.0)
        chances = n[:-1] + self.first_dropout
        survives = np.exp(betaln(a, b + chances) - betaln(a, b))
        drops = np.exp(betaln(a + 1, b + np.maximum(chances, 1) - 1) - betaln(a, b)) * (chances > 0)
        exact = survives * (reached[:-1] - reached[1:]) + drops * reached[:-1]
        shares = exact @ weight / max(weight.sum(), 1)
        return np.append(shares, max(0.0, 1 - shares.sum()))

    def sample(self, params: dict[str, float], x, t_x, T, horizon_days, rate_factor, random) -> Numbers:
        """One draw of each active customer's purchases within the horizon."""
        phase = self._draw_phase(params, x, t_x, T, random)
        rate = random.gamma(params["r"] + self.k * x + phase) / (params["alpha"] + T)
        phases = random.poisson(rate_factor * rate * horizon_days)
        dropout = random.beta(params["a"], params["b"] + self.first_dropout + x)
        return np.minimum((phases + phase) // self.k, random.geometric(np.clip(dropout, 1e-12, 1)))

    def _draw_phase(self, params: dict[str, float], x, t_x, T, random) -> Numbers:
        if self.k == 1:
            return np.zeros(len(x), dtype=np.int64)
        cumulative = self._phase_shares(params, x, t_x, T).cumsum(axis=0)
        return (random.random(len(x)) > cumulative[:-1]).sum(axis=0)


@cache
def _series_steps() -> tuple[Numbers, Numbers]:
    """Numbers n at which the series is evaluated, and how many terms each stands for.

    1, 2, … 256, then the middles of steps that widen by 1/64 each.
    """
    edges = [*range(1, 258)]
    while edges[-1] < 1e9:
        edges.append(edges[-1] + edges[-1] // 64)
    starts, ends = np.array(edges[:-1], float), np.array(edges[1:], float)
    return (starts + ends - 1) / 2, ends - starts
