"""Who gets which actions within all limits: the largest gain that can be found, and the most there could be.

Small problems are solved exactly (mixed-integer programme over bundles of actions, HiGHS by `scipy`); large
ones from the prices of `lagrangian_bound`: every customer's best bundle at these prices, the dearest first
until a limit is reached, then whatever still fits. The difference to the bound is the gap.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.decisions.allocation_problem import Problem, combine_effects
from crcm_lib.decisions.exact_allocation import solve_exactly
from crcm_lib.decisions.lagrangian_bound import Dual

GAP = 1e-6  # relative; below it nothing is left to improve
AT_A_TIME = 50_000  # pairs that are put in order, of those that still fit
DIGITS = 6  # of money, so that no processor's last bit decides
Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]  # customers, actions -> who of them is a control


@dataclass(frozen=True)
class Allocation:
    """What is taken, (n, A); its gain, the most any could gain, the limits' prices, (R,), and the dual."""

    taken: np.ndarray
    gain: float
    bound: float
    prices: np.ndarray
    dual: Dual

    @property
    def gap(self) -> float:
        """The share of the bound that may have been missed."""
        return max(0.0, 1 - self.gain / self.bound) if self.bound > 0 else 0.0


def allocate(problem: Problem, order: np.ndarray) -> Allocation:
    """The allocation of the largest gain that can be found.

    Parameters
    ----------
    problem
        No action is open whose use alone goes beyond a limit.
    order
        (n, A) or broadcastable to it: of equal pairs the lower goes first, such as random draws.
    """
    dual = Dual(problem)
    bound = dual.minimise(problem.limits)
    prices = np.array([float(f"{price:.9g}") for price in bound.prices])
    filling = Filling(problem, order, prices)
    filling.fill(dual.choose(prices))
    filling.top_up()
    gain = float(problem.gain(filling.taken).sum())
    best = Allocation(filling.taken, gain, max(bound.value, gain), prices, dual)
    if best.gap > GAP and (exact := solve_exactly(dual, order)) is not None:
        taken, most = exact
        gain = float(problem.gain(taken).sum())
        if gain > best.gain:
            best = replace(best, taken=taken, gain=gain)
        best = replace(best, bound=max(best.gain, min(best.bound, most)))
    return best


def find_excess(problem: Problem) -> np.ndarray:
    """(n, A): actions whose use for one customer is more than a limit as a whole."""
    too_much: np.ndarray = np.any(problem.usage > problem.limits * (1 + 1e-9), axis=2)
    excess: np.ndarray = too_much[problem.tier]
    return excess


class Filling:
    """Pairs of customer and action, taken in the order of their gain less prices while they fit.

    A pair is taken if it fits as one to be treated; if `draw` then makes it a control it uses up nothing. So
    whether a pair is taken never depends on its own arm.
    """

    def __init__(
        self,
        problem: Problem,
        order: np.ndarray,
        prices: np.ndarray | float = 0.0,
        draw: Draw | None = None,
    ):
        self.problem, self.draw = problem, draw
        self.paid = problem.cost + (problem.usage * prices).sum(axis=2)  # (T, A)
        self.order = np.broadcast_to(order, problem.open.shape)
        self.taken = np.zeros(problem.open.shape, dtype=bool)
        self.control = np.zeros(problem.open.shape, dtype=bool)
        self.left = np.ones((len(problem.amounts), 2))  # of both amounts, after what is taken
        self.slots = np.full(len(problem.amounts), problem.max_contacts)
        self.room = problem.limits.astype("float64")

    def fill(self, wanted: np.ndarray) -> None:
        """Take what fits of whole bundles, (n, A), those first without which most would be missed."""
        customers, actions = np.nonzero(wanted & self.problem.open)
        effect, base = self.problem.effect, self.problem.base
        rest = 1 - combine_effects(wanted, effect, base)
        others = rest[customers, base[actions]] / np.maximum(1 - effect[actions], 1e-12)
        won = self.problem.amounts[customers, base[actions]] * others * effect[actions]
        key = (won - self.paid[self.problem.tier[customers], actions]).round(DIGITS)
        self.take_in_order(customers, actions, key)

    def take_in_order(self, customers: np.ndarray, actions: np.ndarray, key: np.ndarray) -> None:
        """Take what fits of these pairs, the highest key first."""
        while len(customers):
            fits = self._fit(customers, actions)
            customers, actions, key = customers[fits], actions[fits], key[fits]
            accepted = self._accept(customers, actions, key)
            customers, actions, key = (part[~accepted] for part in (customers, actions, key))

    def top_up(self) -> None:
        """Take what still fits and still gains, for each customer the best first."""
        customers, actions = np.nonzero(self.problem.open & ~self.taken)
        while len(customers):
            fits = self._fit(customers, actions)
            customers, actions = customers[fits], actions[fits]
            gain, key = self.measure(customers, actions)
            customers, actions, key = (part[gain > 0] for part in (customers, actions, key))
            best = np.flatnonzero(key >= _find_nth(key, AT_A_TIME))
            order = np.lexsort((self.order[customers[best], actions[best]], -key[best]))
            first = best[order[~pd.Series(customers[best][order]).duplicated().to_numpy()]]
            self._accept(customers[first], actions[first], key[first])
            left = ~self.taken[customers, actions]
            customers, actions = customers[left], actions[left]

    def take(self, customers: np.ndarray, actions: np.ndarray) -> None:
        """Take these pairs, which fit; draw who is a control."""
        problem = self.problem
        self.taken[customers, actions] = True
        treated = np.ones(len(customers), dtype=bool)
        if self.draw is not None:
            treated = ~self.draw(customers, actions)
            self.control[customers, actions] = ~treated
        np.multiply.at(self.left, (customers, problem.base[actions]), 1 - problem.effect[actions])
        np.subtract.at(self.slots, customers, problem.contacts[actions])
        self.room = self.room - problem.usage[problem.tier[customers], actions][treated].sum(axis=0)

    def measure(self, customers: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What pairs would gain beside what is taken, and that less the prices."""
        problem, base = self.problem, self.problem.base[actions]
        won = problem.amounts[customers, base] * self.left[customers, base] * problem.effect[actions]
        gain = (won - problem.cost[actions]).round(DIGITS)
        return gain, (won - self.paid[problem.tier[customers], actions]).round(DIGITS)

    def _fit(self, customers: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Which pairs would fit, each alone."""
        problem = self.problem
        few = problem.contacts[actions] <= self.slots[customers]
        fits: np.ndarray = few & self._has_room()[problem.tier[customers], actions]
        return fits

    def _has_room(self) -> np.ndarray:
        """(T, A): for which actions one more customer of a tier fits into the limits."""
        fits = self.problem.usage <= self.room + 1e-9 * self.problem.limits
        room: np.ndarray = np.all(fits, axis=2)
        return room

    def _accept(self, customers: np.ndarray, actions: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Take pairs in order as long as all before them fit too; which ones those are."""
        problem, tier = self.problem, self.problem.tier
        order = np.lexsort((self.order[customers, actions], -key))
        who, what = customers[order], actions[order]
        contacts = problem.contacts[what]
        fits = np.ones(len(order), dtype=bool)
        if (np.bincount(who, contacts, len(self.slots)) > self.slots).any():
            fits = pd.Series(contacts).groupby(who).cumsum().to_numpy() <= self.slots[who]
        for limit, room in enumerate(self.room):
            usage = problem.usage[tier[who], what, limit]
            if usage.any():
                fits &= (usage == 0) | (np.cumsum(usage) <= room + 1e-9 * problem.limits[limit])
        accepted = np.zeros(len(order), dtype=bool)
        accepted[order[fits]] = True
        self.take(customers[accepted], actions[accepted])
        return accepted


def _find_nth(values: np.ndarray, n: int) -> float:
    """The n-th largest value; the smallest where there are fewer."""
    if len(values) <= n:
        return -np.inf
    return float(np.partition(values, len(values) - n)[len(values) - n])
