"""Candidates -> the actions chosen within budget, capacities and contacts, and who of them is a control.

Whether a pair of customer and action is chosen never depends on its own arm: controls are a random part of
the chosen.
"""

import hmac
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.util import hash_array

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.allocation import Allocation, Filling, allocate, find_excess
from crcm_lib.decisions.allocation_problem import Problem, combine_effects
from crcm_lib.decisions.limits import list_choices, list_limits, measure_usage

BASES = ("value", "value_at_risk")
REFUSALS = {"capacity": "no_capacity", "hours": "no_hours"}  # of limits in money: no_budget
NOTHING = 1e-9  # stands for a limit that is used up
Places = tuple[np.ndarray, np.ndarray]  # customers and actions, as numbers


@dataclass(frozen=True)
class Choice:
    """What `choose_actions` found.

    Attributes
    ----------
    rows
        The candidates with `state`: `chosen`, or why not (as `barred`, or `contact_cap`, `no_capacity`,
        `no_hours`, `no_budget`, or `nothing_left_to_gain` beside the customer's other actions); for those
        chosen `arm` (treatment or control); `gain`: of those treated their part of what the customer's
        actions win together, of all others what they would gain alone.
    limits
        From `list_limits`.
    allocation
        Of what was left to be chosen once the published terms were given, each limit divided by `treated`.
    treated
        By limit, the share of those chosen for what it limits who are expected to be treated.
    without_budget
        The same problem as if there were money for everything, its limits not divided.
    terms_cost, terms_gain
        Of published terms, which all who meet the rule get.
    """

    rows: pd.DataFrame
    limits: pd.DataFrame
    allocation: Allocation
    treated: np.ndarray
    without_budget: Problem
    terms_cost: float
    terms_gain: float


def choose_actions(
    candidates: pd.DataFrame,
    situation: pd.DataFrame,
    policy: Policy,
    *,
    seed: int,
    controls: pd.Series | None = None,
    wave: str = "",
) -> Choice:
    """Choose the actions that are expected to gain most within all limits, and draw the controls.

    Published terms go to all who meet the rule, before anything else. What has no known gain comes last, by
    the customers' standing. Equals are taken in a random order that depends on customer, action and `seed`
    alone, so that neither the order of the rows nor the alphabet decides. A control uses up nothing but
    counts as contacts, so that the two arms differ in nothing but the action.

    Parameters
    ----------
    candidates
        From `strategy.list_candidates`.
    situation
        From `strategy.describe_situation`.
    policy
        Its budget, playbook, `contact` and `control`.
    seed
        Of both draws.
    controls
        By action, the chance of being a control, from `arms.plan_tests`; without it the policy's
        `control.share` for all.
    wave
        The day of the plan: each wave is drawn anew, but that whoever was drawn before and is not through
        keeps their arm.
    """
    names = pd.Index([action.name for action in list_choices(policy)])
    customers, known = pd.factorize(candidates["customer_id"], sort=True)
    known = pd.Index(known)
    places = customers, names.get_indexer(pd.Index(candidates["action"]))
    granted, measured, by_standing = _sort_out(candidates)
    limits = list_limits(policy)
    everything = max(float(candidates["cost"].sum()), 1.0)  # as much as money without limit can buy
    enough = limits.assign(available=limits["available"].replace(np.inf, everything))
    problem = _pose_problem(_select(places, measured), situation.reindex(known), policy, enough)
    order = _order_equals(known, names, seed)
    given = Filling(problem, order)
    given.take(*_select(places, granted))
    posed = _take_off(problem, given)
    chances = pd.Series(policy.control.share, names) if controls is None else controls.reindex(names)
    expected = _expect_treated(limits, posed.open, 1 - chances.fillna(0.0))
    allocation = allocate(replace(posed, limits=posed.limits / expected), order)
    ids, called, chance = known.to_numpy(object), names.to_numpy(object), chances.fillna(0.0).to_numpy(float)
    kept = np.full(posed.open.shape, "", dtype=object)
    kept[places] = _find_kept(candidates)

    def is_control(who: np.ndarray, what: np.ndarray) -> np.ndarray:
        pairs = zip(called[what], ids[who], strict=True)
        drawn = np.array([draw(seed, "control", wave, *pair) for pair in pairs], dtype=float) < chance[what]
        arms: np.ndarray = np.where(kept[who, what] == "", drawn, kept[who, what] == "control")
        return arms

    filling = Filling(posed, order, allocation.prices, is_control)
    filling.fill(allocation.taken)
    filling.top_up()
    filling.take_in_order(*_select(places, by_standing), -candidates["standing"].to_numpy(float)[by_standing])
    treated = given.taken | (filling.taken & ~filling.control)
    rows = _write_states(candidates, places, filling, limits, given.taken)
    rows["gain"] = _share_gain(rows, places, problem, treated)
    terms = [float(column[granted].sum(skipna=False)) for column in (rows["cost"], rows["gain"])]
    without = _take_off(_set_budget(problem, everything), given)
    return Choice(rows, limits, allocation, expected, without, *terms)


def expect_chosen(candidates: pd.DataFrame, situation: pd.DataFrame, policy: Policy) -> pd.Series:
    """By action, how many would be chosen if nobody were left out: what a test can draw its arms from.

    Whoever keeps an arm of an earlier draw is not counted.
    """
    names = [action.name for action in list_choices(policy)]
    free = candidates[(candidates["barred"] == "") & ~candidates["granted"].astype(bool)]
    budget = policy.budget
    if budget.total is not None or budget.levers or budget.tiers or budget.hours:
        nobody = pd.Series(0.0, names)
        rows = choose_actions(candidates, situation, policy, seed=0, controls=nobody).rows
        free = rows[(rows["state"] == "chosen") & ~rows["granted"].astype(bool)]
    free = free[_find_kept(free) == ""]
    room = {a.name: np.inf if a.capacity is None else a.capacity for a in list_choices(policy)}
    sizes = free.groupby("action").size().reindex(names).fillna(0)
    counts: pd.Series = sizes.clip(upper=pd.Series(room)).astype("int64").rename_axis("action")
    return counts


def _expect_treated(limits: pd.DataFrame, is_open: np.ndarray, treated: pd.Series) -> np.ndarray:
    """By limit, the share of those chosen who are treated: of its action, or averaged over all open."""
    sizes = is_open.sum(axis=0)
    weights = sizes if sizes.any() else None
    mean = float(np.average(treated, weights=weights)) if len(treated) else 1.0
    mine = limits["kind"] == "capacity"
    shares: np.ndarray = limits["of"].where(mine).map(treated).fillna(mean).to_numpy("float64")
    return shares


def _find_kept(candidates: pd.DataFrame) -> np.ndarray:
    """The arm that a candidate keeps from an earlier draw; empty: none."""
    if "kept_arm" not in candidates:
        return np.full(len(candidates), "", dtype=object)
    return candidates["kept_arm"].to_numpy(object)


def draw(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on the words and the seed alone (HMAC-SHA-256).

    >>> draw(0, "control", "call", "a") == draw(0, "control", "call", "a") != draw(1, "control", "call", "a")
    True
    """
    digest = hmac.digest(str(seed).encode(), "\0".join(words).encode(), "sha256")
    return int.from_bytes(digest[:6], "big") / 2**48


def _sort_out(candidates: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which candidates are given to all, which are chosen by their gain, and which by standing."""
    free = (candidates["barred"] == "").to_numpy()
    granted = candidates["granted"].to_numpy(bool)
    known = candidates["gain"].notna().to_numpy()
    return free & granted, free & ~granted & known, free & ~granted & ~known


def _select(places: Places, where: np.ndarray) -> Places:
    return places[0][where], places[1][where]


def _pose_problem(open_at: Places, situation: pd.DataFrame, policy: Policy, limits: pd.DataFrame) -> Problem:
    """The problem of the customers of `situation`, by number."""
    actions = list_choices(policy)
    tiers = {tier.name: place for place, tier in enumerate(policy.tiers)}
    is_open = np.zeros((len(situation), len(actions)), dtype=bool)
    is_open[open_at] = True
    cost = np.array([action.cost * action.occasions for action in actions])
    return Problem(
        amounts=situation[list(BASES)].fillna(0.0).clip(lower=0.0).to_numpy(float).round(6),
        tier=situation["tier"].map(tiers).to_numpy(int),
        open=is_open,
        effect=np.array([action.effect for action in actions]),
        cost=cost,
        contacts=np.array([action.contacts for action in actions], dtype=int),
        base=np.array([BASES.index(action.of) for action in actions], dtype=int),
        usage=measure_usage(policy, limits),
        limits=limits["available"].to_numpy(float),
        max_contacts=policy.contact.max_contacts,
    )


def _set_budget(problem: Problem, total: float) -> Problem:
    return replace(problem, limits=np.concatenate([[total], problem.limits[1:]]))


def _take_off(problem: Problem, given: Filling) -> Problem:
    """What is left of a problem, once some actions are given; what no longer fits is closed."""
    room = np.maximum(problem.limits - problem.used(given.taken), NOTHING)
    left = replace(problem, amounts=problem.amounts * given.left, limits=room)
    return replace(left, open=left.open & ~find_excess(left))


def _order_equals(customers: pd.Index, names: pd.Index, seed: int) -> np.ndarray:
    """A random number for each customer and action: keyed hashes, mixed by splitmix64 (Steele 2014)."""
    key = hmac.digest(str(seed).encode(), b"order", "sha256").hex()[:16]
    ours, theirs = (hash_array(words.to_numpy(object), hash_key=key) for words in (customers, names))
    mixed = ours[:, None] ^ (theirs * np.uint64(0x9E3779B97F4A7C15))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    order: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return order


def _write_states(
    candidates: pd.DataFrame, places: Places, filling: Filling, limits: pd.DataFrame, given: np.ndarray
) -> pd.DataFrame:
    """The candidates with `state` and `arm`."""
    taken = (filling.taken | given)[places]
    state = candidates["barred"].to_numpy(object).copy()
    left = ~taken & (state == "")
    state[taken] = "chosen"
    known = candidates["gain"].notna().to_numpy()[left]
    state[left] = _explain(filling, limits["kind"].to_numpy(), _select(places, left), known)
    arm = np.where(filling.control[places], "control", "treatment").astype(object)
    arm[~taken] = None
    return candidates.drop(columns=["barred"]).assign(
        state=state, arm=pd.Series(arm, candidates.index, dtype="object")
    )


def _explain(filling: Filling, kinds: np.ndarray, places: Places, known: np.ndarray) -> np.ndarray:
    """Why pairs were not taken, the customer's own reasons before those of the limits."""
    problem, (customers, actions) = filling.problem, places
    tier = problem.tier[customers]
    words = np.full(len(customers), "no_budget", dtype=object)
    for kind, word in reversed(REFUSALS.items()):
        over = problem.usage > filling.room * (1 + NOTHING) + NOTHING
        lacks: np.ndarray = np.any(over[:, :, kinds == kind], axis=2)
        words[lacks[tier, actions]] = word
    gain, _key = filling.measure(customers, actions)
    words[known & (gain <= 0)] = "nothing_left_to_gain"
    words[problem.contacts[actions] > filling.slots[customers]] = "contact_cap"
    return words


def _share_gain(rows: pd.DataFrame, places: Places, problem: Problem, treated: np.ndarray) -> pd.Series:
    """The gain of those treated as parts of what a customer's actions win together, as their effects are."""
    won = combine_effects(treated, problem.effect, problem.base)
    alone = np.column_stack(
        [treated @ np.where(problem.base == base, problem.effect, 0.0) for base in (0, 1)]
    )
    part = np.divide(won, alone, out=np.ones_like(won), where=alone > 0)
    customers, actions = places
    base = problem.base[actions]
    claim = problem.amounts[customers, base] * problem.effect[actions]
    together = claim * part[customers, base] - problem.cost[actions]
    shared = treated[places] & rows["gain"].notna().to_numpy()
    gain: pd.Series = rows["gain"].mask(shared, pd.Series(together, rows.index)).round(6)
    return gain
