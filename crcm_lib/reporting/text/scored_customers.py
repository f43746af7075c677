"""Scored customers in words for a terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.need_shift import RECENT_DAYS
from crcm_lib.reporting.text.numbers import fill

if TYPE_CHECKING:
    from crcm_lib.pipeline.scoring import Scored


def describe_scored(scored: "Scored") -> list[str]:
    """The lines that `crcm score` prints, with ids; what was left out stands first."""
    lines = [fill(_("by what {run} has learned, as of {day}"), run=scored.run, day=scored.as_of)]
    if scored.known_events:
        words = _("{n:count} events are of days that the run knows; its own records count")
        lines.append(fill(words, n=scored.known_events))
    if scored.skipped:
        words = _("not scored, as the run does not know them: {n:count} customers")
        lines.append(fill(words, n=len(scored.skipped)))
    shifts = {str(name): rows for name, rows in scored.shifts.groupby("customer_id")}
    for row in scored.rows.join(scored.in_force).reset_index().to_dict("records"):
        lines += ["", *_describe_customer(row, shifts.get(row["customer_id"], scored.shifts.head(0)))]
    clean = ("".join(sign if sign.isprintable() else " " for sign in line) for line in lines)
    return list(clean)


def _describe_customer(row: Mapping, shifts: pd.DataFrame) -> list[str]:
    scores = [row[f"{name}_score"] for name in ("recency", "frequency", "monetary")]
    rfm = _("RFM {scores}, {segment}") if pd.notna(scores[0]) else _("RFM: not told of who has not bought")
    is_known = row["weight_known"] > 0
    score = (
        _("score {score:points} of 100, from {weight_known:share} of the weight")
        if is_known
        else _("score: nothing that it needs is known")
    )
    tier = _("tier proposed: {tier_proposed}")
    if pd.notna(row["tier_in_force"]):
        tier += _("; in force by the run: {tier_in_force}")
    if pd.notna(row["next_tier"]):
        tier += _("; {to_next_tier:points} points to {next_tier}")
    stage = _("stage: {stage}; {purchases:count} purchase days, the last {days_since_last:ago}")
    written = "-".join("–" if pd.isna(each) else f"{each:.0f}" for each in scores)
    lines = [fill(words, scores=written, **row) for words in (rfm, stage, score, tier)]
    return [row["customer_id"], *(f"  {line}" for line in [*lines, _describe_shifts(shifts)])]


def _describe_shifts(shifts: pd.DataFrame) -> str:
    """Which needs have changed beyond chance; that none has; or that too little is known to tell."""
    if shifts.empty:
        return _("needs: too few purchases to tell a change from chance")
    found = shifts[shifts["is_beyond_chance"]]
    if found.empty:
        names = {"absence": _("absence"), "rhythm": _("rhythm"), "mix": _("categories")}
        words = _("needs: no change beyond chance ({tests})")
        return fill(words, tests=[names[test] for test in shifts["test"]])
    said = [_describe_shift(row) for row in found.to_dict("records")]
    return fill(_("needs changed, beyond chance: {changes}"), changes="; ".join(said))


def _describe_shift(row: Mapping) -> str:
    comes_more = row["test"] == "rhythm" and row["recent"] > row["expected"]
    words = {
        "absence": _("away for unusually long (p {p_adjusted:p})"),
        "rhythm": _(
            "comes more often: on {recent:count} of {days} days, not {expected:points} (p {p_adjusted:p})"
        )
        if comes_more
        else _(
            "comes less often: on {recent:count} of {days} days, not {expected:points} (p {p_adjusted:p})"
        ),
        "mix": _(
            "buys otherwise: {category} {share_before:share} of lines, now {share_now:share} in {days} days "
            "(p {p_adjusted:p})"
        ),
    }
    return fill(words[row["test"]], days=RECENT_DAYS, **row)
