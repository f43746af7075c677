"""What may be chosen for whom, what it wins and uses up, and the bundles of actions one customer may get.

Several actions on one amount win 1 - (1 - e1)(1 - e2)… of it, never more than all of it; what actions win of
different amounts is added up. So what a bundle of actions wins is linear in a customer's amounts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

MAX_BUNDLES = 10_000  # of one kind of customer; of more actions parts are bounded one by one


@dataclass(frozen=True)
class Problem:
    """n customers, A actions, T tiers, R limits.

    Attributes
    ----------
    amounts
        (n, 2), not negative: value and value at risk, in money.
    tier
        (n,), numbers from 0.
    open
        (n, A): whether the action may be taken.
    effect, cost, contacts
        (A,): the share of its amount that an action wins, money, how often the customer is approached.
    base
        (A,): which amount an action wins a share of.
    usage
        (T, A, R): what an action for a customer of a tier uses up of a limit.
    limits
        (R,), all positive.
    max_contacts
        Of one customer.
    """

    amounts: np.ndarray
    tier: np.ndarray
    open: np.ndarray
    effect: np.ndarray
    cost: np.ndarray
    contacts: np.ndarray
    base: np.ndarray
    usage: np.ndarray
    limits: np.ndarray
    max_contacts: int

    def gain(self, taken: np.ndarray) -> np.ndarray:
        """What each customer's actions, (n, A), win together, less their cost."""
        won = combine_effects(taken, self.effect, self.base)
        gain: np.ndarray = (self.amounts * won).sum(axis=1) - taken @ self.cost
        return gain

    def used(self, taken: np.ndarray) -> np.ndarray:
        """What is used up of each limit."""
        tiers = range(len(self.usage))
        counts = np.array([taken[self.tier == tier].sum(axis=0) for tier in tiers])
        used: np.ndarray = np.einsum("ta,tar->r", counts, self.usage)
        return used


@dataclass(frozen=True)
class Bundles:
    """Sets of actions that win the same share of the value at risk, by the share of value that they win."""

    taken: np.ndarray  # (bundles, A)
    value_share: np.ndarray  # rising
    risk_share: float


@dataclass(frozen=True)
class Alike:
    """Customers of one tier to whom the same actions are open, by their value, and what they may get."""

    customers: np.ndarray
    tier: int
    bundles: tuple[Bundles, ...]


def combine_effects(taken: np.ndarray, effect: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The shares of both amounts that sets of actions win together, (sets, 2).

    >>> both = combine_effects(np.array([[True, True]]), np.array([0.5, 0.5]), np.array([0, 0]))
    >>> both.tolist()
    [[0.75, 0.0]]
    """
    left = np.ones((len(taken), 2))
    for action in range(taken.shape[1]):
        left[:, base[action]] *= np.where(taken[:, action], 1 - effect[action], 1.0)
    return 1 - left


def group_alike(problem: Problem) -> list[Alike]:
    """Customers with the same choice; a choice of too many bundles is cut into parts, each for all."""
    code = problem.tier.astype("int64")
    for action in range(problem.open.shape[1]):
        code = pd.factorize(2 * code + problem.open[:, action], sort=True)[0]
    order = np.lexsort((problem.amounts[:, 0], code))
    groups = np.split(order, np.flatnonzero(np.diff(code[order])) + 1) if len(order) else []
    known: dict[bytes, list[tuple[Bundles, ...]]] = {}
    alike = []
    for customers in groups:
        may = problem.open[customers[0]]
        if may.any():
            parts = known.setdefault(may.tobytes(), [_arrange(problem, part) for part in _list(problem, may)])
            alike += [Alike(customers, int(problem.tier[customers[0]]), part) for part in parts]
    return alike


def _list(problem: Problem, may: np.ndarray) -> Iterator[np.ndarray]:
    """The sets of some actions within the contacts, (bundles, A), in one part or in several."""
    actions, contacts = np.flatnonzero(may), problem.contacts
    sizes = np.zeros(problem.max_contacts + 1)
    sizes[0] = 1  # how many sets have so many contacts
    for action in actions:
        more = sizes[: len(sizes) - contacts[action]] if contacts[action] < len(sizes) else sizes[:0]
        sizes[len(sizes) - len(more) :] = sizes[len(sizes) - len(more) :] + more
    if sizes.sum() > MAX_BUNDLES:
        for half in np.array_split(actions, 2):
            yield from _list(problem, np.isin(np.arange(len(may)), half))
        return
    bundles = np.zeros((1, len(may)), dtype=bool)
    for action in actions:
        more = bundles.copy()
        more[:, action] = True
        bundles = np.vstack([bundles, more[more @ contacts <= problem.max_contacts]])
    yield bundles


def _arrange(problem: Problem, bundles: np.ndarray) -> tuple[Bundles, ...]:
    won = combine_effects(bundles, problem.effect, problem.base)
    risk = won[:, 1].round(12)
    parts = []
    for share in np.unique(risk):
        mine = np.flatnonzero(risk == share)
        mine = mine[np.argsort(won[mine, 0], kind="stable")]
        parts.append(Bundles(bundles[mine], won[mine, 0], float(share)))
    return tuple(parts)
