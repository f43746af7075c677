"""Who moved between tiers since a past day, and what chance alone would have moved."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.models.reasons import Reason
from crcm_lib.schema.engine import Engine, open_beside

Model = TypeVar("Model")
Day = str | pd.Timestamp

SLICES = 400  # per tier, of the normal distribution that chance is drawn from
MIN_CHANGE = 0.05  # points of a criterion that count as a change
MAX_CHANGES = 3  # criteria that are named as changed
YEAR = 365  # days that the scorecard's longest sums look back


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


def choose_scorecard_model(models: Sequence[Model], *, first_day: Day, past: Day) -> tuple[Model, Reason]:
    """The scorecard model to measure today with, and why.

    The past day's model, unless the history was then shorter than the year that the scorecard looks back:
    sums over a year would grow for everyone, and everyone would seem to rise. Then today's own model: what is
    compared is the standing among the customers of the day.

    Parameters
    ----------
    models
        What was learned on the past day, and today.
    first_day, past
        First day of the history, and the day to compare with.

    Returns
    -------
    The model, and the rule "one_model" or "model_of_each_day" with `past` and the `history_days` before it.
    """
    days = (pd.Timestamp(past) - pd.Timestamp(first_day)).days
    facts: dict[str, float | str | list[object]] = {
        "past": f"{pd.Timestamp(past):%Y-%m-%d}",
        "history_days": days,
    }
    if days >= YEAR:
        return models[0], Reason("one_model", facts)
    return models[1], Reason("model_of_each_day", facts)


def split_history(engine: Engine, *, as_of: Day, seed: int) -> list[Engine]:
    """Two engines with a random half of every customer's repeat purchases: the same behaviour, seen twice.

    Both see the first purchase day, which makes someone a customer, and the other input tables. A later
    purchase day, with all its lines, goes to one half by a hash of customer, day and `seed`.
    """
    day, halves = f"date '{pd.Timestamp(as_of):%Y-%m-%d}'", []
    columns = ", ".join(f'"{name}"' for name in engine.execute("select * from transactions limit 0").df())
    for number in (0, 1):
        half = open_beside(engine, f"half_{number}_of_{seed}")
        half.execute(f"""
            create or replace view transactions as
            select {columns}
            from (
                select *, min(bought) over (partition by customer_id) as first_bought
                from (
                    select *, coalesce(purchase_day, day) as bought
                    from main.transactions
                    where day <= {day}
                ) as lines
            ) as dated
            where bought = first_bought
                or {number} = ascii(md5(customer_id || '|' || bought || '|{seed}')) % 2
        """)
        halves.append(half)
    return halves


def measure_reliability(one: pd.Series, other: pd.Series) -> float:
    """How well a score repeats itself on another sample of the same behaviour, 0…1; NaN if unseen.

    The rank correlation of the two halves' scores, stepped up to the full history by Spearman and Brown
    (1910, British Journal of Psychology 3, 271-322).
    """
    both = one.index.intersection(other.index)
    ranks = [scores.reindex(both).rank() for scores in (one, other)]
    if min(rank.nunique() for rank in ranks) < 2:
        return float("nan")
    correlation = float(np.clip(ranks[0].corr(ranks[1]), 0, 1))
    return round(2 * correlation / (1 + correlation), 6)


def expected_autocorrelation(reliability: float, *, days_apart: int, window_days: int = YEAR) -> float:
    """Correlation of two measurements of an unchanged customer whose windows of `window_days` overlap.

    What both windows saw is in both measurements; only the rest is drawn anew.

    >>> expected_autocorrelation(0.6, days_apart=365), round(expected_autocorrelation(0.6, days_apart=73), 2)
    (0.6, 0.92)
    """
    overlap = max(0.0, 1 - days_apart / window_days)
    return reliability + (1 - reliability) * overlap


def expect_moves(crossed: pd.DataFrame, correlation: float) -> pd.DataFrame:
    """The movement matrix that chance alone would show: nobody changed, everyone is merely measured again.

    Two measurements of an unchanged customer are taken as bivariate normal with this `correlation`,
    the tiers as steps of one scale with the sizes they had before. That is regression to the mean: the
    top tier can only lose.
    """
    from scipy.special import ndtr, ndtri

    sizes = crossed.sum(axis=1).to_numpy(dtype=float)
    edges = np.append(0.0, np.cumsum(sizes) / max(sizes.sum(), 1.0))
    cuts, spread = ndtri(np.clip(edges, 0, 1)), np.sqrt(max(1 - correlation**2, 1e-12))
    expected = np.zeros((len(sizes), len(sizes)))
    for row in np.flatnonzero(sizes):
        inside = edges[row] + (np.arange(SLICES) + 0.5) / SLICES * (edges[row + 1] - edges[row])
        reached = ndtr((cuts - correlation * ndtri(inside)[:, None]) / spread)
        expected[row] = sizes[row] * np.diff(reached, axis=1).mean(axis=0)
    return pd.DataFrame(expected, index=crossed.index, columns=crossed.columns).round(6)


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
