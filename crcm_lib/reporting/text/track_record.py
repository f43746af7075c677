"""Words of what earlier runs promised, and what came of it."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.decisions.promises import RANGE
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows, write_rows
from crcm_lib.stats import LEVEL


def write_promises(rows: pd.DataFrame, currency: str) -> pd.DataFrame:
    """The table `promises` in words, those graded latest first, then those that are not due.

    Parameters
    ----------
    rows
        The table `promises` without this run's own; numbers of small groups are missing.
    currency
        Of its amounts.
    """
    ordered = rows.assign(later=rows["verdict"] == "not_due")
    ordered = ordered.sort_values(
        ["later", "due", "day"], ascending=[True, False, False], kind="stable", ignore_index=True
    )
    return pd.DataFrame(
        {
            "promised_on": ordered["day"],
            "customers": ordered["customers"],
            "promise": write_rows(ordered, lambda row: _write_promise(row, currency)),
            "what_came": write_rows(ordered, _write_outcome),
            "verdict": ordered["verdict"].map(_verdicts()),
        }
    )


def _write_promise(row: Mapping, currency: str) -> str:
    less = row["what"] == "difference" and row["promised"] < 0
    words = {
        ("spend", "all"): _("all buyers spend {promised:money} {currency}, {low:money} to {high:money}"),
        ("alerts", "alerted"): _("of the alerted {promised:share} buy again, {low:share} to {high:share}"),
        ("alerts", "not_alerted"): _(
            "of those not alerted {promised:share} buy again, {low:share} to {high:share}"
        ),
        ("alerts", "difference"): _("the alerted buy again less often than those not alerted")
        if less
        else _("the alerted buy again more often than those not alerted"),
        ("tiers", row["what"]): _("{what} spends more per customer than {beside}"),
        ("actions", row["what"]): _("{what} is assumed to bring {promised:money} {currency} per customer"),
    }
    return fill(words[row["kind"], row["what"]], currency=currency, **row)


def _write_outcome(row: Mapping) -> str:
    if row["verdict"] == "not_due":
        return fill(_("due on {due:day}"), **row)
    if pd.isna(row["came"]):
        return _("nothing that could be compared")
    if row["kind"] == "alerts":
        share = _("{came:share}") if row["what"] != "difference" else _("{came:change}")
        interval = _(" ({came_low:change} to {came_high:change})") if row["what"] == "difference" else ""
        return fill(share + interval, **row)
    interval = "" if row["kind"] == "spend" else _(" ({came_low:money} to {came_high:money})")
    return fill(_("{came:money}") + interval, **row)


def caption_promises(rows: pd.DataFrame) -> str:
    """What the table of promises shows; a sentence where nothing is due, or nothing was promised before."""
    if rows.empty:
        return _("Nothing is due yet: no earlier run has promised anything; the next one grades this one.")
    graded = rows[rows["verdict"] != "not_due"]
    if graded.empty:
        words = _("Nothing is due yet; the first of {n:count} promises of earlier runs is due on {due:day}")
        return fill(words, n=len(rows), due=rows["due"].min())
    return _(
        "Promises of earlier runs, the latest due first. A range is to hold {share} times in 100, so that "
        "one missed is no failure; beside a difference stands its own 95 % interval"
    ).format(share=round(100 * RANGE))


def describe_record(record: pd.DataFrame) -> Takeaway:
    """How many promises were kept by kind, and whether fewer ranges held than were to.

    `record` is from `promises.summarise_record`; "" where nothing is due.
    """
    due = record[record[["kept", "not_kept", "cannot_tell"]].sum(axis=1) > 0]
    if due.empty:
        return takeaway(_("Nothing that earlier runs promised is due yet."))
    kinds = due["kind"].map(_kinds())
    row = _("{kind}: kept {kept:count}, not kept {not_kept:count}, cannot tell {cannot_tell:count}")
    words = _("What earlier runs promised: {counts}.")
    said = [takeaway(words, counts=fill_rows(row, due.assign(kind=kinds)))]
    missed = due[due["p"] <= LEVEL]
    if len(missed):
        row = _("{kind} ({missed:count} missed of {apart:count} that do not overlap)")
        words = _("The ranges were too narrow, beyond chance: {missed}.")
        said.append(takeaway(words, missed=fill_rows(row, missed.assign(kind=kinds[missed.index]))))
    return Takeaway(" ".join(part.markdown for part in said))


def _kinds() -> dict[str, str]:
    return {
        "spend": _("total spend"),
        "alerts": _("buying again by alert"),
        "tiers": _("order of tiers"),
        "actions": _("assumed effects of actions"),
    }


def _verdicts() -> dict[str, str]:
    return {
        "kept": _("kept"),
        "not_kept": _("not kept"),
        "cannot_tell": _("cannot tell"),
        "not_due": _("not due yet"),
    }
