"""The most that any allocation could gain, and the prices of its limits: the Lagrangian dual.

With a price on each limit every customer is decided alone: at given prices the best bundle is a step function
of the customer's value, the upper envelope of as many lines as there are bundles. Any prices give an upper
bound (Geoffrion 1974, Mathematical Programming Study 2, theorem 1); the best ones are found by cutting planes
within a trust region (Kelley 1960; Marsten, Hogan & Blankenship 1975, the boxstep method). Their cost depends
on how many kinds of customers there are, hardly on how many customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crcm_lib.decisions.allocation_problem import Alike, Bundles, Problem, group_alike

ITERATIONS, TOLERANCE = 200, 1e-5  # relative to the bound


@dataclass(frozen=True)
class Bound:
    """The least upper bound found, in money, and the price of one more unit of each limit, (R,)."""

    value: float
    prices: np.ndarray


@dataclass(frozen=True)
class Cut:
    """At some prices: what customers gain at most when they pay them, and what they use up, (R,)."""

    prices: np.ndarray
    value: float
    used: np.ndarray


class Dual:
    """The dual of a problem: evaluated at prices, minimised over them.

    What is learned at some prices holds for any limits, so that further limits cost few evaluations.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self.alike = _sort_groups(problem)
        zero = np.zeros(len(problem.limits))
        self.cuts = [Cut(zero, *self.evaluate(zero))]

    def minimise(self, limits: np.ndarray, *, tolerance: float = TOLERANCE) -> Bound:
        """The best bound, were the limits these, all positive; relative to it `tolerance` may be missing."""
        if (self.cuts[0].used <= limits * (1 + 1e-9)).all():
            return Bound(self.cuts[0].value, self.cuts[0].prices)
        # Prices are counted in money for the whole of a limit, so that all are of one size.
        best, center = self._find_best(limits)
        radius = 0.1 * best
        for _round in range(ITERATIONS):
            least, priced, inside = _minimise_cuts(self.cuts, limits, center, radius)
            if best - least <= tolerance * best:
                if inside:
                    break
                radius = 4 * radius
                continue
            cut = Cut(priced / limits, *self.evaluate(priced / limits))
            self.cuts.append(cut)
            value = cut.value + priced.sum()
            radius = radius * (1 if inside else 2) if value < best - 0.1 * (best - least) else radius / 2
            best, center = min((best, center), (value, priced), key=lambda pair: pair[0])
        return Bound(best, center / limits)

    def _find_best(self, limits: np.ndarray) -> tuple[float, np.ndarray]:
        """The best bound among the prices seen so far, and these in money for the whole of each limit."""
        bounds = [cut.value + cut.prices @ limits for cut in self.cuts]
        best = int(np.argmin(bounds))
        return float(bounds[best]), self.cuts[best].prices * limits

    def evaluate(self, prices: np.ndarray) -> tuple[float, np.ndarray]:
        """What all customers gain at most, what they pay for the limits taken off, and what they use up."""
        value, used = 0.0, np.zeros(len(prices))
        for group in self.alike:
            usage = self.problem.usage[group.kind.tier]
            paid = self.problem.cost + usage @ prices
            gained, counts = group.count(paid)
            value += gained
            used += counts @ usage
        return value, used

    def choose(self, prices: np.ndarray) -> np.ndarray:
        """Every customer's best bundle at these prices, (n, A)."""
        taken = np.zeros(self.problem.open.shape, dtype=bool)
        for group in self.alike:
            paid = self.problem.cost + self.problem.usage[group.kind.tier] @ prices
            taken[group.kind.customers] |= group.choose(paid)
        return taken


@dataclass(frozen=True)
class _Group:
    """Customers with the same choice, by rising value, with the sums of their values so far."""

    kind: Alike
    value: np.ndarray
    at_risk: np.ndarray
    sums: np.ndarray

    def count(self, paid: np.ndarray) -> tuple[float, np.ndarray]:
        """What they gain at most where each action costs so much, and how often each is taken, (A,)."""
        if len(self.kind.bundles) > 1:
            gained, taken = self._best(paid)
            return float(gained.sum()), taken.sum(axis=0)
        bundles = self.kind.bundles[0]
        costs = bundles.taken @ paid
        kept, breaks = find_envelope(bundles.value_share, costs)
        edges = np.concatenate([[0], np.searchsorted(self.value, breaks), [len(self.value)]])
        counts, sums = np.diff(edges), np.diff(self.sums[edges])
        gained = bundles.value_share[kept] @ sums - costs[kept] @ counts
        return float(gained), counts @ bundles.taken[kept]

    def choose(self, paid: np.ndarray) -> np.ndarray:
        return self._best(paid)[1]

    def _best(self, paid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        best = np.full(len(self.value), -np.inf)
        taken = np.zeros((len(self.value), len(paid)), dtype=bool)
        for bundles in self.kind.bundles:
            gained, chosen = self._place(bundles, paid)
            better = gained > best
            best = np.where(better, gained, best)
            taken[better] = bundles.taken[chosen[better]]
        return best, taken

    def _place(self, bundles: Bundles, paid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        costs = bundles.taken @ paid
        kept, breaks = find_envelope(bundles.value_share, costs)
        chosen = kept[np.searchsorted(breaks, self.value, side="right")]
        gained = bundles.value_share[chosen] * self.value - costs[chosen]
        return gained + bundles.risk_share * self.at_risk, chosen


def _sort_groups(problem: Problem) -> list[_Group]:
    """`group_alike` with the amounts at hand."""
    groups = []
    for kind in group_alike(problem):
        value, at_risk = problem.amounts[kind.customers].T
        groups.append(_Group(kind, value, at_risk, np.concatenate([[0.0], np.cumsum(value)])))
    return groups


def find_envelope(slopes: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the lines `slope * x - cost` are the highest for some x >= 0, and where each takes over.

    `slopes` rise; so do those of the lines that come back, whose first begins at 0.

    >>> find_envelope(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 9.0, 4.0]))
    (array([0, 1, 3]), array([1. , 1.5]))
    """
    cheapest = np.minimum.accumulate(costs[::-1])[::-1]
    candidates = np.flatnonzero(np.append(costs[:-1] < cheapest[1:], True))
    kept: list[int] = []
    breaks: list[float] = []
    for line in candidates.tolist():
        if kept and slopes[line] == slopes[kept[-1]]:
            continue  # costs rise along the candidates
        start = 0.0
        while kept:
            start = (costs[line] - costs[kept[-1]]) / (slopes[line] - slopes[kept[-1]])
            if start > (breaks[-1] if breaks else 0.0):
                break
            kept.pop()
            if breaks:
                breaks.pop()
        if kept:
            breaks.append(start)
        kept.append(line)
    return np.array(kept), np.array(breaks)


def _minimise_cuts(
    cuts: Sequence[Cut], limits: np.ndarray, center: np.ndarray, radius: float
) -> tuple[float, np.ndarray, bool]:
    """The least of the highest cut within the box, where it is, and whether the box does not bind there."""
    from scipy.optimize import linprog

    used = np.array([cut.used for cut in cuts])
    heights = np.array([cut.value + cut.used @ cut.prices for cut in cuts])
    scale = max(np.abs(heights).max(), 1e-9)
    rows = np.column_stack([1 - used / limits, -np.ones(len(cuts))])
    low, high = np.maximum(center - radius, 0), center + radius
    bounds = [*zip(low / scale, high / scale, strict=True), (None, None)]
    aim = [*np.zeros(len(center)), 1]
    found = linprog(aim, A_ub=rows, b_ub=-heights / scale, bounds=bounds, method="highs")
    at = np.clip(found.x[:-1] * scale, low, high)
    edge = (np.isclose(at, high) | (np.isclose(at, low) & (low > 0))).any()
    return float(found.x[-1] * scale), at, not edge
