"""Words of the RFM notebook: what its pictures show, and the takeaway."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.rfm import MIN_DAYS_BEFORE, NOT_YET, SegmentMoves
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, write


def describe_scores(by_score: pd.DataFrame) -> str:
    """What the bars of scores show: buyers by criterion (rows) and score (columns), small cells missing."""
    parts = fill_cells("{column}: {value:count}", by_score, missing=_("hidden"))
    return fill(_("Bars, buyers by score. {parts}."), parts=parts)


def describe_cells(cells: pd.DataFrame) -> str:
    """What the map of recency and frequency shows: its best corner, upper right, and its worst."""
    words = _(
        "Map of customers by recency and frequency score: best on both {best:count}, worst on both "
        "{worst:count}."
    )
    return fill(words, best=cells.iloc[0, -1], worst=cells.iloc[-1, 0], missing=_("hidden"))


def describe_moves(moves: pd.DataFrame, *, at_least: int = 5) -> str:
    """What the map of moves shows: how many there were then, and how many are in the same segment now.

    `moves` comes from `models.rfm.count_moves`, nothing hidden.
    """
    buyers, stayed = _count_stayed(moves)
    if buyers < at_least or 0 < stayed < at_least or 0 < buyers - stayed < at_least:
        return fill(_("Map of moves between {segments} segments."), segments=len(moves.columns))
    words = _(
        "Map of moves between {segments} segments: of {buyers:count} customers then, {stayed:count} are in "
        "the same."
    )
    return fill(words, segments=len(moves.columns), buyers=buyers, stayed=stayed)


def describe_segments(
    by_segment: pd.DataFrame,
    movement: SegmentMoves,
    day_before: pd.Timestamp,
    *,
    history_days: int,
    at_least: int = 5,
) -> Takeaway:
    """The segment with most spend, its size, and who changed segment since, beside chance.

    Parameters
    ----------
    by_segment
        From `customer_base.size_groups` by segment, nothing hidden.
    movement
        From `models.rfm.judge_moves`.
    day_before
        The comparison day.
    history_days
        Days from the first to the last one in the data, both counted.
    """
    if history_days == 1:
        return takeaway(_("All purchases are of one day: who is recent, or frequent, cannot be told yet."))
    spend, people = by_segment["spend_total"], by_segment["customers"]
    largest = spend.idxmax() if spend.sum() else None
    if largest is None or people[largest] < at_least:
        return takeaway(_("Too few buyers, or too little spend, to compare segments."))
    sentence = _("**{segment}** bring {spend:share} of spend and are {people:share} of buyers.")
    few = movement.buyers < at_least or movement.buyers * movement.moved < at_least
    if movement.verdict == "short_history" or not few:
        sentence += " {moves:text}"
    return takeaway(
        sentence,
        segment=largest,
        spend=spend[largest] / spend.sum(),
        people=people[largest] / people.sum(),
        moves=describe_movement(movement, day_before),
    )


def describe_movement(movement: SegmentMoves, day_before: pd.Timestamp) -> str:
    """How many of a day's buyers have changed segment, and how many chance alone would have moved."""
    if movement.verdict == "short_history":
        words = _(
            "Who changed segment cannot be told: fewer than {least:days} days are known before {day:day}."
        )
        return fill(words, least=MIN_DAYS_BEFORE, day=day_before)
    who = _("Since {day:day}, {moved:share} of {n:count} buyers of that day changed segment")
    if movement.sampled:
        who = _("Since {day:day}, {moved:share} of a sample of {n:count} buyers of that day changed segment")
    beside = {
        "more": _(": more than the {chance:share} that chance alone would move."),
        "as_by_chance": _(", not clearly more than chance alone would move ({chance:share})."),
        "hardly_more": _(", clearly but hardly more than chance alone would move."),
        "cannot_tell": _("; there are too few to tell that from chance."),
    }
    alike = write(movement.moved, "share") == write(movement.by_chance, "share")
    verdict = "hardly_more" if movement.verdict == "more" and alike else movement.verdict
    words = who + beside[verdict]
    return fill(words, day=day_before, moved=movement.moved, n=movement.buyers, chance=movement.by_chance)


def _count_stayed(moves: pd.DataFrame) -> tuple[int, int]:
    """Buyers of the comparison day, and those of them who are in the same segment now."""
    then = moves.drop(index=NOT_YET)
    return int(then.to_numpy().sum()), sum(int(then.loc[name, name]) for name in then.columns)
