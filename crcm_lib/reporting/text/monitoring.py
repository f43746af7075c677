"""Words of the monitoring notebook: who moved and why, what chance would move, what came after."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.decisions.tier_moves import Movement
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, fill_rows, write, write_rows

MEASURES = ["treated_mean", "control_mean", "difference", "low", "high"]


def write_reasons(moves: pd.DataFrame) -> pd.Series:
    """The change of score, and the criteria that changed most, of each row of `moves`."""
    return write_rows(moves, _write_reason)


def _write_reason(row: Mapping) -> str:
    changed = [(row[f"criterion_{number}"], row[f"change_{number}"]) for number in (1, 2, 3)]
    named = [f"{name} {write(change, 'points_change')}" for name, change in changed if pd.notna(name)]
    words = _("score {score_before:points} → {score_now:points}; {changes}")
    return fill(words, changes=named or _("no criterion moved"), **row)


def describe_matrix(cells: pd.DataFrame) -> str:
    """What the matrix of tier before by tier now shows; small cells are missing."""
    rows = fill_cells("{value:count}", cells, missing=_("hidden"))
    words = _("Matrix, tier before by tier now ({tiers}). {rows}.")
    return fill(words, tiers=list(cells.columns), rows=rows)


def describe_chance(summary: pd.DataFrame) -> str:
    """What the bars of movement beside chance show; too small tiers are left out of `summary`."""
    if summary.empty:
        return _("No tier had enough customers to compare.")
    row = _(
        "{tier_before}: stayed {stayed:share} ({stayed_by_chance:share}), rose {rose:share} "
        "({rose_by_chance:share}), fell {fell:share} ({fell_by_chance:share})"
    )
    words = _("Bars per past tier, with a mark for chance alone. {rows}.")
    return fill(words, rows=fill_rows(row, summary))


def describe_order(followed: pd.DataFrame, currency: str) -> str:
    """What the points of later spend and retention show; tiers that are too small are left out."""
    if followed.empty:
        return _("No tier had enough customers to follow.")
    row = _("{tier_before}: {spend_later_mean:money} {currency}, {retained_share:share}")
    words = _("Points with intervals per past tier: mean spend since, share who bought again. {rows}.")
    return fill(words, rows=fill_rows(row, followed, currency=currency))


def write_verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_neighbours` or `measure_actions` in words: amounts as money, buying again as a share."""
    outcomes = {"spend": _("spend"), "bought_again": _("bought again")}
    kinds = {"spend": "money", "bought_again": "share"}
    written = {
        name: write_rows(compared, lambda row, name=name: write(row[name], kinds[row["outcome"]]))
        for name in compared.columns.intersection(MEASURES)
    }
    return compared.assign(**written).replace({"outcome": outcomes, "verdict": _verdicts()})


def caption_actions(effects: pd.DataFrame, currency: str) -> str:
    """What the table of earlier actions holds, or that there is none."""
    if effects.empty:
        return _("Not available: no `assignments` table, so no earlier action can be judged.")
    words = _("Earlier actions: treated beside controls; spend in {currency}, buying again as a share")
    return fill(words, currency=currency)


def describe_movement(moved: float, customers: int, movement: Movement, past: pd.Timestamp) -> str:
    """How many changed tier, beside how many had nobody changed, and whether customers buy at another pace.

    Parameters
    ----------
    moved
        Share of the `customers` who have a tier on both days.
    movement
        From `tier_moves.judge_movement`.
    past
        The comparison day.
    """
    who = _("Since {past:day}, {moved:share} of {n:count} customers changed tier")
    beside = {
        "more": _(": more than the {chance:share} that chance alone would move."),
        "fewer": _(": fewer than the {chance:share} that chance alone would move."),
        "as_by_chance": _(", about as many as chance alone would move ({chance:share})."),
        "cannot_tell": _("; there are too few to tell that from chance."),
    }
    pace = {
        "more": _(" More of them than by chance now buy more or less often than before."),
        "fewer": _(" They keep to their own pace more evenly than by chance."),
    }
    words = who + beside[movement.moved] + pace.get(movement.pace, "")
    return fill(words, past=past, moved=moved, n=customers, chance=movement.share_by_chance)


def describe_monitoring(
    moves: pd.DataFrame, movement: Movement, orders: Mapping[str, str], past: pd.Timestamp
) -> Takeaway:
    """How many moved beside chance, whether the past tiers kept their order, and who waits for a person.

    Parameters
    ----------
    moves, movement
        From `compare_tiers` and `judge_movement`.
    orders
        `tier_order_verdict` by outcome.
    past
        The comparison day.
    """
    moved = float((moves["tier_before"] != moves["tier_now"]).mean()) if len(moves) else 0.0
    words = _(
        "{movement:text} Did the past tiers keep their order? Later spend: **{spend}**; buying again: "
        "**{again}**. {down:count} moves down wait for a named person."
    )
    return takeaway(
        words,
        movement=describe_movement(moved, len(moves), movement, past),
        spend=_verdicts()[orders["spend"]],
        again=_verdicts()[orders["bought_again"]],
        down=moves["waits_for_review"].sum(),
    )


def _verdicts() -> dict[str, str]:
    return {
        "kept": _("kept"),
        "reversed": _("reversed"),
        "partly": _("partly"),
        "cannot_tell": _("cannot tell"),
        "higher": _("higher with the action"),
        "lower": _("lower with the action"),
        "no_controls": _("no control group: nothing can be said of an effect"),
        "too_few": _("too few to compare"),
    }
