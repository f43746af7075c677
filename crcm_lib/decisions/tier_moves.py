"""Who moved between tiers since a past day, and what chance alone would have moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.stats import LEVEL, exceed_alone, exceed_copies, holm

Day = str | pd.Timestamp

HISTORY = ["tier_proposed", "tier_in_force", "in_force_since", "came_by", "signed_by", "score"]
MIN_CHANGE = 0.05  # points of a criterion that count as a change
MAX_CHANGES = 3  # criteria that are named as changed
MIN_CUSTOMERS = 30  # of whom movement is judged
MIN_EXCESS = 0.005  # of the customers: a smaller difference from chance is nil in practice


@dataclass(frozen=True)
class Movement:
    """How many customers changed tier, and what may be said beside chance.

    Attributes
    ----------
    customers
        On whom chance was measured.
    share, share_by_chance
        Of them, the share that moved, and that would have moved had nobody changed.
    moved, pace
        "more", "fewer", "as_by_chance" or "cannot_tell": of the moves, and of how often customers buy.
    """

    customers: int
    share: float
    share_by_chance: float
    moved: str
    pace: str


def choose_past(
    first_day: Day, as_of: Day, *, compare_days: int, published: Day | None = None
) -> pd.Timestamp:
    """The day to compare with: that of the tiers published; without any, `compare_days` before `as_of`.

    Of a history shorter than twice that, its middle.

    >>> choose_past("2024-01-01", "2024-01-31", compare_days=180).date().isoformat()
    '2024-01-16'
    """
    if published is not None:
        return pd.Timestamp(published)
    start, end = pd.Timestamp(first_day), pd.Timestamp(as_of)
    return max(end - pd.Timedelta(days=compare_days), start + (end - start).days // 2 * pd.Timedelta(days=1))


def extend_history(
    tiers: pd.DataFrame, day: Day, earlier: pd.DataFrame | None = None, run: str = ""
) -> pd.DataFrame:
    """The table `tier_history`: this day's tiers after those of earlier runs, of who has a tier today.

    Whoever has none objects to profiling by now, or was deleted: an earlier tier is not carried on.

    Parameters
    ----------
    tiers
        The table `tiers` of `day`.
    earlier
        `tier_history` of the earlier run, where there is one.
    run
        Its name, which it could not know itself.
    """
    ours = tiers[HISTORY].assign(day=pd.Timestamp(day), run="").reset_index()
    if earlier is not None:
        earlier = earlier[earlier["customer_id"].isin(tiers.index)]
        ours = pd.concat([earlier.assign(run=earlier["run"].replace("", run)), ours], ignore_index=True)
    return ours[["customer_id", "day", "run", *HISTORY]]


def compare_tiers(
    before: pd.DataFrame, now: pd.DataFrame, cards: Sequence[pd.DataFrame], policy: Policy
) -> pd.DataFrame:
    """The table `moves`: everyone with a tier on both days.

    Parameters
    ----------
    before, now
        `standings.Standing.tiers` of either day; `now` of the published ones, with `reached`, from
        `standings.reach`.
    cards
        The scorecards of either day: `criterion_1` to `criterion_3` name the criteria whose points changed
        most, `change_1` to `change_3` say by how much, from 0.05 points on.
    policy
        Names the criteria.
    """
    both = before.index.intersection(now.index)
    before, now = before.loc[both], now.loc[both]
    moves = pd.DataFrame(
        {
            "tier_before": before["tier_in_force"],
            "tier_now": now["tier_in_force"],
            "proposed_before": before["tier_proposed"],
            "reached": now["reached"],
            "waits_for_review": now["state"] == "waits",
        }
    )
    moves["score_before"], moves["score_now"] = (frame["score"] for frame in (before, now))
    return moves.join(name_changes(cards[0], cards[1].reindex(both), policy))


def name_changes(before: pd.DataFrame, now: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """The criteria whose points changed most between two scorecards: `criterion_1`, `change_1` and so on.

    By the index of `now`; of who is not in `before` none.
    """
    names = [each.name for each in policy.criteria if each.name in before and each.name in now]
    return _largest_changes(now[names] - before[names].reindex(now.index))


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


def cross_moves(before: pd.Series, now: pd.Series, policy: Policy) -> pd.DataFrame:
    """Tier before (rows) by tier now (columns): how many customers."""
    order = [tier.name for tier in policy.tiers]
    crossed = pd.crosstab(before.rename("tier_before"), now)
    return crossed.reindex(index=order, columns=order, fill_value=0)


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
    "as_by_chance"; "cannot_tell" of fewer than 30 customers. A difference of less than half a customer in a
    hundred is none.
    """
    from scipy.stats import rankdata

    if len(moved) < MIN_CUSTOMERS:
        return Movement(len(moved), float("nan"), float("nan"), "cannot_tell", "cannot_tell")
    distance = rankdata(np.abs(bought - bought.mean(axis=1, keepdims=True)).round(9), axis=1)
    tested = [exceed_copies(moved), exceed_alone(distance)]
    adjusted = holm(np.array([p for _excess, _error, p in tested]))
    verdicts = [
        "as_by_chance" if p > LEVEL or abs(excess) < least else "more" if excess > 0 else "fewer"
        for (excess, _error, _p), p, least in zip(tested, adjusted, (MIN_EXCESS, 0.0), strict=True)
    ]
    return Movement(len(moved), float(moved[:, 0].mean()), float(moved[:, 1:].mean()), *verdicts)


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
