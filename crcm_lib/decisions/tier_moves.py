"""Who moved between tiers since a past day, and what chance alone would have moved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.stats import LEVEL, Z_95, exceed_copies, holm

Day = str | pd.Timestamp
Score = Callable[[pd.DataFrame], pd.DataFrame]

MIN_CHANGE = 0.05  # points of a criterion that count as a change
MAX_CHANGES = 3  # criteria that are named as changed
MIN_CUSTOMERS = 30  # of whom movement is judged
ONLY_GROW = {  # columns that only grow with time: to have more of them than before is no movement
    ("customer_features", column)
    for column in (
        *("purchases", "orders", "products", "categories", "channels", "spend_total", "margin_total"),
        *("days_observed", "days_first_to_last"),
    )
}


@dataclass(frozen=True)
class Movement:
    """How many customers changed tier, and what may be said beside chance.

    Attributes
    ----------
    customers
        On whom chance was measured.
    share_by_chance
        Of them, the share that would have moved had nobody changed.
    low, high
        The 95 % interval of the share that moved less that share.
    moved, pace
        "more", "fewer", "as_by_chance" or "cannot_tell": of the moves, and of how often customers buy.
    """

    customers: int
    share_by_chance: float
    low: float
    high: float
    moved: str
    pace: str


@dataclass(frozen=True)
class Measured:
    """Customers as measured on a day: raw indicators, and the scorecard made of them."""

    raw: pd.DataFrame
    card: pd.DataFrame


def choose_past(first_day: Day, as_of: Day, *, compare_days: int) -> pd.Timestamp:
    """The day to compare with: `compare_days` before `as_of`, or the middle of a shorter history.

    >>> choose_past("2024-01-01", "2024-01-31", compare_days=180).date().isoformat()
    '2024-01-16'
    """
    start, end = pd.Timestamp(first_day), pd.Timestamp(as_of)
    return max(end - pd.Timedelta(days=compare_days), start + (end - start).days // 2 * pd.Timedelta(days=1))


def compare_tiers(
    before: pd.DataFrame, now: pd.DataFrame, cards: Sequence[pd.DataFrame], policy: Policy
) -> pd.DataFrame:
    """The table `moves`: everyone with a tier on both days.

    Parameters
    ----------
    before, now
        The table `tiers` on either day.
    cards
        The scorecards of either day: `criterion_1` to `criterion_3` name the criteria whose points changed
        most, `change_1` to `change_3` say by how much, from 0.05 points on.
    policy
        Orders the tiers; a move down waits for a named person.
    """
    both = before.index.intersection(now.index)
    order = {tier.name: number for number, tier in enumerate(policy.tiers)}
    moves = pd.DataFrame({"tier_before": before["tier"].reindex(both), "tier_now": now["tier"].reindex(both)})
    moves["waits_for_review"] = moves["tier_now"].map(order) > moves["tier_before"].map(order)
    moves["score_before"], moves["score_now"] = (frame["score"].reindex(both) for frame in (before, now))
    names = [name.name for name in policy.criteria if name.name in cards[0] and name.name in cards[1]]
    changes = cards[1].reindex(both)[names] - cards[0].reindex(both)[names]
    return moves.join(_largest_changes(changes))


def _largest_changes(changes: pd.DataFrame) -> pd.DataFrame:
    """The names and sizes of the `MAX_CHANGES` largest changes of each row."""
    values = np.pad(changes.to_numpy(float), ((0, 0), (0, MAX_CHANGES)), constant_values=np.nan)
    names = np.array([*changes.columns, *[None] * MAX_CHANGES], dtype=object)
    sizes = np.where(np.abs(values) >= MIN_CHANGE, np.abs(values), 0.0)
    order = np.argsort(-sizes, axis=1, kind="stable")[:, :MAX_CHANGES]
    changed = np.take_along_axis(sizes, order, axis=1) > 0
    ranked = np.where(changed, np.take_along_axis(values, order, axis=1), np.nan)
    columns: dict[str, pd.Series] = {}
    for number in range(MAX_CHANGES):
        named = pd.Series(names[order[:, number]], index=changes.index).where(changed[:, number])
        columns[f"criterion_{number + 1}"] = named.astype("str")
        columns[f"change_{number + 1}"] = pd.Series(ranked[:, number], index=changes.index)
    return pd.DataFrame(columns)


def cross_moves(moves: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Tier before (rows) by tier now (columns): how many customers."""
    order = [tier.name for tier in policy.tiers]
    crossed = pd.crosstab(moves["tier_before"], moves["tier_now"])
    return crossed.reindex(index=order, columns=order, fill_value=0)


def restate(raw: pd.DataFrame, now: Measured, policy: Policy, score: Score) -> Measured:
    """Another day's indicators, or those of redrawn histories, as standings among the same customers now.

    Every number becomes the one that has the same rank among these customers in `now`, and so do the points
    of the criteria and the score: the days' distributions are equal, and a longer look back, a season, or
    growth of all moves nobody. An indicator that only grows with time is as in `now`, and so is what is
    unknown in `raw`.

    Parameters
    ----------
    raw
        From `scorecard.gather_indicators`; customers that are not in `now` are left out.
    now
        What they are compared with.
    policy
        Says which table and column an indicator reads.
    score
        Raw indicators -> scorecard, by what 08 learned.
    """
    both = raw.index.intersection(now.raw.index)
    today, points = now.raw.loc[both], now.card.loc[both]
    reads = {i.name: (i.table, i.column) for criterion in policy.criteria for i in criterion.indicators}
    moving = [str(name) for name in today if name in raw and reads[str(name)] not in ONLY_GROW]
    numbers = [name for name in moving if pd.api.types.is_numeric_dtype(today[name])]
    then = {name: raw.loc[both, name].fillna(today[name]) for name in numbers}
    restated = today.assign(**{name: _take_ranks(values, today[name]) for name, values in then.items()})
    card = score(restated)
    names = [*(criterion.name for criterion in policy.criteria if criterion.name in card), "score"]
    return Measured(restated, card.assign(**{name: _take_ranks(card[name], points[name]) for name in names}))


def _take_ranks(values: pd.Series, target: pd.Series) -> pd.Series:
    """For each value the target's of the same rank; equal values get equal ones; unknown where either is.

    >>> _take_ranks(pd.Series([5.0, 1.0, 5.0]), pd.Series([10.0, 30.0, 20.0])).to_list()
    [25.0, 10.0, 25.0]
    """
    known = values.notna() & target.notna()
    ordered = np.sort(target[known].to_numpy(float))
    taken = np.interp(values[known].astype("float64").rank() - 1, np.arange(len(ordered)), ordered)
    return pd.Series(taken, values.index[known]).reindex(values.index)


def judge_movement(moved: np.ndarray, bought: np.ndarray) -> Movement:
    """Whether more customers moved, or changed how often they buy, than chance alone would have made.

    Parameters
    ----------
    moved
        From `redrawn_histories.gather_copies`: 1 where the tier changed.
    bought
        From `gather_copies`: purchase days since the comparison day. Changed has who is further from what
        their own pace gives, the mean of the row, than their own copies.

    Returns
    -------
    The shares, and what may be said of each at 5 % for both together (Holm): "more", "fewer" or
    "as_by_chance"; "cannot_tell" of fewer than 30 customers.
    """
    from scipy.stats import rankdata

    if len(moved) < MIN_CUSTOMERS:
        return Movement(len(moved), float("nan"), float("nan"), float("nan"), "cannot_tell", "cannot_tell")
    distance = rankdata(np.abs(bought - bought.mean(axis=1, keepdims=True)).round(9), axis=1)
    tested = [exceed_copies(measured) for measured in (moved, distance)]
    verdicts = [
        "as_by_chance" if p > LEVEL else "more" if excess > 0 else "fewer"
        for (excess, _error, _p), p in zip(tested, holm(np.array([each[2] for each in tested])), strict=True)
    ]
    excess, error, _p = tested[0]
    return Movement(
        len(moved), float(moved[:, 1:].mean()), excess - Z_95 * error, excess + Z_95 * error, *verdicts
    )


def expect_moves(crossed: pd.DataFrame, copies: Sequence[tuple[pd.Series, pd.Series]]) -> pd.DataFrame:
    """The movement matrix that chance alone would show: the mean of the copies', with the sizes of `crossed`.

    `copies` are the tiers then and now of each copy.
    """
    then = pd.concat([pair[0] for pair in copies], ignore_index=True)
    now = pd.concat([pair[1] for pair in copies], ignore_index=True)
    shares: pd.DataFrame = pd.crosstab(then, now, normalize="index")
    return shares.reindex(index=crossed.index, columns=crossed.columns, fill_value=0.0).mul(
        crossed.sum(axis=1), axis=0
    )


def summarise_moves(crossed: pd.DataFrame, chance: pd.DataFrame) -> pd.DataFrame:
    """Per tier: customers before, the shares that stayed, rose and fell, each beside chance's."""
    counts, expected = crossed.to_numpy(dtype=float), chance.to_numpy(dtype=float)
    sizes = counts.sum(axis=1)
    share = np.where(sizes > 0, 1 / np.maximum(sizes, 1), np.nan)
    shown = {"tier_before": list(crossed.index), "customers": sizes.astype(int)}
    for name, part in (("stayed", np.diag), ("rose", _lower), ("fell", _upper)):
        shown[name], shown[f"{name}_by_chance"] = part(counts) * share, part(expected) * share
    return pd.DataFrame(shown)


def _lower(matrix: np.ndarray) -> np.ndarray:
    below: np.ndarray = np.tril(matrix, -1).sum(axis=1)
    return below


def _upper(matrix: np.ndarray) -> np.ndarray:
    above: np.ndarray = np.triu(matrix, 1).sum(axis=1)
    return above
