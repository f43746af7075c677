"""Words of the monitoring notebook: who moved and why, what chance would move, what came after."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.reasons import Reason
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers

MEASURES = ["treated_mean", "control_mean", "difference", "low", "high"]


def describe_model(reason: Reason) -> str:
    """Whether both days are measured with one scorecard model; `reason` is `choose_scorecard_model`'s."""
    if reason.rule == "one_model":
        return _("Both days are measured with the scorecard of {past}.").format(**reason.facts)
    words = _(
        "On {past} the history was {history_days} days long, less than the year that the scorecard looks "
        "back: with one scorecard everyone would seem to rise. Each day has its own, so this compares "
        "standings."
    )
    return words.format(**reason.facts)


def write_reasons(moves: pd.DataFrame) -> pd.Series:
    """The change of score, and the criteria that changed most, of each row of `moves`; give those shown."""
    reasons = [_write_reason(row) for row in moves.to_dict("records")]
    return pd.Series(reasons, index=moves.index, name="because", dtype="str")


def _write_reason(row: Mapping) -> str:
    changed = [(row[f"criterion_{number}"], row[f"change_{number}"]) for number in (1, 2, 3)]
    named = ", ".join(f"{name} {numbers.points_change(change)}" for name, change in changed if pd.notna(name))
    return _("score {before} → {now}; {changes}").format(
        before=numbers.points(row["score_before"]),
        now=numbers.points(row["score_now"]),
        changes=named or _("no criterion moved"),
    )


def describe_matrix(cells: pd.DataFrame) -> str:
    """What the matrix of tier before by tier now shows; small cells are missing."""
    rows = "; ".join(
        f"{name}: " + ", ".join(_("hidden") if pd.isna(cell) else numbers.count(cell) for cell in row)
        for name, row in zip(cells.index, cells.to_numpy(), strict=True)
    )
    return _("Matrix, tier before by tier now ({tiers}). {rows}.").format(
        tiers=", ".join(cells.columns), rows=rows
    )


def name_directions() -> dict[str, str]:
    """Headings of the shares that `summarise_moves` gives."""
    return {"stayed": _("stayed"), "rose": _("rose"), "fell": _("fell")}


def describe_chance(summary: pd.DataFrame) -> str:
    """What the bars of movement beside chance show; too small tiers are left out of `summary`."""
    if summary.empty:
        return _("No tier had enough customers to compare.")
    rows = "; ".join(
        f"{row['tier_before']}: "
        + ", ".join(
            f"{words} {numbers.share(row[name])} ({numbers.share(row[f'{name}_by_chance'])})"
            for name, words in name_directions().items()
        )
        for row in summary.to_dict("records")
    )
    return _("Bars per past tier, with a mark for chance alone. {rows}.").format(rows=rows)


def describe_order(followed: pd.DataFrame, currency: str) -> str:
    """What the points of later spend and retention show; tiers that are too small are left out."""
    if followed.empty:
        return _("No tier had enough customers to follow.")
    row = _("{tier}: {spend} {currency}, {again}")
    rows = "; ".join(
        row.format(
            tier=tier.tier_before,
            spend=numbers.money(tier.spend_later_mean),
            currency=currency,
            again=numbers.share(tier.retained_share),
        )
        for tier in followed.itertuples()
    )
    return _("Points with intervals per past tier: mean spend since, share who bought again. {rows}.").format(
        rows=rows
    )


def write_verdicts(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_neighbours` or `measure_actions` in words: amounts as money, buying again as a share."""
    outcomes = {"spend": _("spend"), "bought_again": _("bought again")}
    kinds = compared["outcome"].map({"spend": "money", "bought_again": "share"})
    words = {"outcome": compared["outcome"].map(outcomes), "verdict": compared["verdict"].map(_verdicts())}
    for name in compared.columns.intersection(MEASURES):
        written = [numbers.write(*each) for each in zip(compared[name], kinds, strict=True)]
        words[name] = pd.Series(written, index=compared.index)
    return compared.assign(**{name: column.astype("str") for name, column in words.items()})


def caption_actions(effects: pd.DataFrame, currency: str) -> str:
    """What the table of earlier actions holds, or that there is none."""
    if effects.empty:
        return _("Not available: no `assignments` table, so no earlier action can be judged.")
    words = _("Earlier actions: treated beside controls; spend in {currency}, buying again as a share")
    return words.format(currency=currency)


def describe_monitoring(
    moves: pd.DataFrame, summary: pd.DataFrame, orders: Mapping[str, str], past: pd.Timestamp
) -> Takeaway:
    """How many moved, how many chance alone would move, and whether the past tiers kept their order.

    Parameters
    ----------
    moves, summary
        From `compare_tiers` and `summarise_moves`.
    orders
        `tier_order_verdict` by outcome.
    past
        The comparison day.
    """
    sizes = summary["customers"]
    moved, by_chance = (
        1 - float((summary[column].fillna(0) * sizes).sum()) / max(sizes.sum(), 1)
        for column in ("stayed", "stayed_by_chance")
    )
    words = _("Since {past}, {moved} of {count} customers changed tier")
    if summary["stayed_by_chance"].notna().any():
        words += _("; chance alone would move about {chance}")
    words += _(
        ". Did the past tiers keep their order? Later spend: **{spend}**; buying again: **{again}**. "
        "{down} moves down wait for a named person."
    )
    return takeaway(
        words,
        past=numbers.day(past),
        moved=numbers.share(moved),
        count=numbers.count(sizes.sum()),
        chance=numbers.share(by_chance),
        spend=_verdicts()[orders["spend"]],
        again=_verdicts()[orders["bought_again"]],
        down=numbers.count(moves["waits_for_review"].sum()),
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
