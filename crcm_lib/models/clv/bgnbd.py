"""BG/NBD and its relatives: everyone buys at a pace of their own and may leave, unseen, after each purchase.

BG/NBD: at random moments, and nobody leaves right after the first purchase. MBG/NBD: that too. (M)BG/CNBD-k:
the days between purchases follow an Erlang distribution of shape k, so that customers have a rhythm.

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
from crcm_lib.models.mle import Fit, Numbers, Objective, WeightedHistories, fit_histories, weighted_histories

NAMES = ("r", "alpha", "a", "b")
SMALL = 1e-9  # share of the purchases found so far below which those still to come are not looked for


@dataclass(frozen=True)
class BGCNBD:
    """One model of the family. Its methods are those that `processes.Process` describes.

    Attributes
    ----------
    k
        Erlang shape of the days between purchases; 1 is wholly random.
    chances
        How often a customer of x repeat purchases could have left, beyond x: 1 if also right after the
        first purchase, otherwise 0.
    """

    k: int
    chances: int

    def fit(self, histories: WeightedHistories, *, seed: int = 0) -> Fit:
        """Fit by maximum likelihood.

        Parameters
        ----------
        histories
            Different (x, t_x, T): purchases after the first one, days from first to last, days observed.
        seed
            Of the starting points.

        Returns
        -------
        r, alpha (in the unit of T), a, b; the log-likelihood in the unit of T, for k > 1 without the factors
        of the pauses between purchases, on which no parameter acts; problems, and remarks, in words. That a
        or b ran to its limit (nobody is seen to leave, or all are equally likely to) is a remark: a simpler
        model lies there. That r or alpha did (all buy at one pace) is a problem.
        """
        edge = ("a", "b")
        return fit_histories(self.objective, histories, NAMES, seed, may_run_off=edge, phases=self.k)

    def objective(self, x: Numbers, t_x: Numbers, age: Numbers, weight: Numbers) -> Objective:
        """The negative mean log-likelihood and its gradient, as a function of log(r, alpha, a, b)."""
        from scipy.special import digamma, gammaln

        counts, which = np.unique(x, return_inverse=True)
        tally, total = np.bincount(which, weights=weight), weight.sum()
        bought, asked = self.k * counts, counts + self.chances
        left = asked + (asked == 0)  # but 1 for those who have not been able to leave
        seen, never = self.k * x, (asked == 0)[which]

        def value_and_gradient(logs: Numbers) -> tuple[float, Numbers]:
            r, alpha, a, b = np.exp(logs)
            log_seen = np.log(alpha + t_x)
            stayed, more, log_age = self._stayed(r, alpha, seen, t_x, age)
            quit_ = (np.log(a) - np.log(b + left - 1))[which] - (r + seen) * log_seen
            quit_ = np.where(never, -np.inf, quit_)
            either = np.logaddexp(stayed, quit_)
            by_count = (
                gammaln(r + bought) - gammaln(r) + r * np.log(alpha)
                + gammaln(a + b) + gammaln(b + asked) - gammaln(b) - gammaln(a + b + asked)
            )  # fmt: skip
            stay = weight * np.exp(stayed - either)
            go = weight - stay
            gone = np.bincount(which, weights=go)
            slope_r = tally @ (digamma(r + bought) - digamma(r) + np.log(alpha)) - stay @ log_age
            slope_r += stay @ more[1] - go @ log_seen
            slope_alpha = total * r / alpha - (r + seen) @ (stay / (alpha + age) + go / (alpha + t_x))
            slope_alpha -= stay @ (more[0] / (alpha + age))
            common = digamma(a + b) - digamma(a + b + asked)
            slope_a = tally @ common + gone.sum() / a
            slope_b = tally @ (common + digamma(b + asked) - digamma(b)) - gone @ (1 / (b + left - 1))
            gradient = np.array([slope_r * r, slope_alpha * alpha, slope_a * a, slope_b * b])
            return -float(tally @ by_count + weight @ either) / total, -gradient / total

        return value_and_gradient

    def _stayed(self, r: float, alpha: float, seen: Numbers, t_x: Numbers, age: Numbers):
        """Log-likelihood of having stayed; the phases' mean and their mean slope in r; log(alpha + T).

        Between two purchases of shape k lie k - 1 phases that nobody sees; j of them may have passed.
        """
        log_age = np.log(alpha + age)
        if self.k == 1:
            return -(r + seen) * log_age, (0.0, np.zeros(len(seen))), log_age
        logs, slopes = self._phases(r, alpha, seen, t_x, age)
        total = np.logaddexp.reduce(logs, axis=0)
        shares = np.exp(logs - total)
        phase = np.tensordot(np.arange(self.k, dtype=float), shares, 1)
        return total - (r + seen) * log_age, (phase, (shares * slopes).sum(axis=0)), log_age

    def _phases(self, r: float, alpha: float, seen: Numbers, t_x: Numbers, age: Numbers):
        """Unnormalised log-probability of each phase (first axis) of who has stayed; its slope in r."""
        logs, slopes = [np.zeros(len(seen))], [np.zeros(len(seen))]
        with np.errstate(divide="ignore"):
            quiet = np.log((age - t_x) / (alpha + age))
        for j in range(1, self.k):
            logs.append(logs[-1] + quiet + np.log((r + seen + j - 1) / j))
            slopes.append(slopes[-1] + 1 / (r + seen + j - 1))
        return np.array(logs), np.array(slopes)

    def alive(self, params: dict[str, float], x: Numbers, t_x: Numbers, age: Numbers) -> Numbers:
        """Probability that a customer has not left; 1 for one-time buyers where the first is no chance."""
        r, alpha, a, b = (params[name] for name in NAMES)
        stayed, *_rest = self._stayed(r, alpha, self.k * x, t_x, age)
        asked = x + self.chances
        left = np.log(a / (b + np.maximum(asked, 1) - 1)) - (r + self.k * x) * np.log(alpha + t_x)
        return np.where(asked > 0, 1 / (1 + np.exp(np.minimum(left - stayed, 700))), 1.0)

    def stays(self, params: dict[str, float], x, t_x, age, days, rate: float = 0.0) -> Numbers:
        """Expected purchases in the coming `days` of who is still there, discounted at the daily `rate`."""
        x, t_x, age, days = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (x, t_x, age, days)))
        later = params | {"b": params["b"] + self.chances}
        found = weighted_histories(
            x, age, days
        )  # when the last purchase was tells only in which phase they are
        if self.k == 1:
            return lifetimes_adapter.discount_purchases(
                lambda ahead: lifetimes_adapter.expected_purchases_if_alive(later, *found.columns[:2], ahead),
                params["alpha"] + found.columns[1], found.columns[2], rate,
            )[found.which]  # fmt: skip
        r, alpha = params["r"], params["alpha"]
        logs, _slopes = self._phases(r, alpha, self.k * x, t_x, age)
        shares = np.exp(logs - np.logaddexp.reduce(logs, axis=0))
        by_phase = np.array([
            lifetimes_adapter.discount_purchases(
                lambda ahead, j=j: self._count_ahead(later, j, *found.columns[:2], ahead),
                alpha + found.columns[1], found.columns[2], rate,
            )[found.which]
            for j in range(self.k)
        ])  # fmt: skip
        return (shares * by_phase).sum(axis=0)

    def _count_ahead(self, params: dict[str, float], phase: int, x, age, days) -> Numbers:
        """Expected purchases in the coming `days` of who is still there and in this phase.

        The sum over n of the chances that the n-th has happened in time, and that none before it was the
        last: I(n k - j; r + k x + j) B(a, b + x + n - 1) / B(a, b + x), at days / (alpha + T + days).
        """
        from scipy.special import betainc, betaln

        a, later = params["a"], params["b"] + x
        odds = days / (params["alpha"] + age + days)
        shape, later, chance = (
            np.broadcast_to(values, odds.shape).ravel()
            for values in (params["r"] + self.k * x + phase, later, odds)
        )
        found, rows, whole = np.zeros(odds.size), np.arange(odds.size), betaln(a, later)
        for number, width in zip(*_dropout_steps(), strict=True):
            stays = np.exp(betaln(a, later[rows] + number - 1) - whole[rows])
            term = width * stays * betainc(number * self.k - phase, shape[rows], chance[rows])
            found[rows] += term
            rest = term / np.maximum(1 - chance[rows] ** self.k, 1e-12)
            rows = rows[rest > SMALL * found[rows]]
            if not len(rows):
                break
        return found.reshape(odds.shape)

    def counts(self, params: dict[str, float], age: Numbers, weight: Numbers, up_to: int) -> Numbers:
        """Share of customers expected to have 0, 1, … `up_to` or more purchases after their first one."""
        from scipy.special import betainc, betaln

        r, alpha, a, b = (params[name] for name in NAMES)
        n = np.arange(up_to + 1, dtype=float)[:, None]
        reached = np.where(n > 0, betainc(np.maximum(self.k * n, 1), r, age / (alpha + age)), 1.0)
        asked = n[:-1] + self.chances
        stays = np.exp(betaln(a, b + asked) - betaln(a, b))
        leaves = np.exp(betaln(a + 1, b + np.maximum(asked, 1) - 1) - betaln(a, b)) * (asked > 0)
        exact = stays * (reached[:-1] - reached[1:]) + leaves * reached[:-1]
        shares = exact @ weight / max(weight.sum(), 1)
        return np.append(shares, max(0.0, 1 - shares.sum()))

    def sample(self, params: dict[str, float], x, t_x, age, days, pace, random) -> Numbers:
        """One draw of the purchases in the coming `days` of each customer who is still there."""
        phase = self._draw_phase(params, x, t_x, age, random)
        speed = random.gamma(params["r"] + self.k * x + phase) / (params["alpha"] + age)
        steps = random.poisson(pace * speed * days)
        leave = random.beta(params["a"], params["b"] + self.chances + x)
        return np.minimum((steps + phase) // self.k, random.geometric(np.clip(leave, 1e-12, 1)))

    def _draw_phase(self, params: dict[str, float], x, t_x, age, random) -> Numbers:
        if self.k == 1:
            return np.zeros(len(x), dtype=np.int64)
        logs, _slopes = self._phases(params["r"], params["alpha"], self.k * x, t_x, age)
        below = np.exp(logs - np.logaddexp.reduce(logs, axis=0)).cumsum(axis=0)
        return (random.random(len(x)) > below[:-1]).sum(axis=0)


@cache
def _dropout_steps() -> tuple[Numbers, Numbers]:
    """1, 2, … 256, then the middles of ever wider steps (1/64), and how many numbers each stands for."""
    edges = [*range(1, 258)]
    while edges[-1] < 1e9:
        edges.append(edges[-1] + edges[-1] // 64)
    starts, ends = np.array(edges[:-1], float), np.array(edges[1:], float)
    return (starts + ends - 1) / 2, ends - starts
