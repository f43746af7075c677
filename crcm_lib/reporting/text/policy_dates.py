"""Words on the days of the policy that have passed or are near."""

import pandas as pd

from crcm_lib.decisions.review_dates import NOTICE_DAYS
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def name_kinds() -> dict[str, str]:
    """What a day of `review_dates.list_dates` is the end of."""
    return {
        "policy": _("the policy"),
        "terms": _("terms of natural persons by a published rule"),
        "approval_rule": _("rule that releases moves"),
        "improvement": _("measure of improvement"),
        "benchmark": _("benchmark"),
        "outlook": _("outlook of a market"),
        "region_note": _("note on a region"),
        "inventory": _("entry of the data inventory"),
    }


def list_due(due: pd.DataFrame) -> list[str]:
    """A sentence for each day that has passed or is near, with who answers for it and the policy's key.

    Parameters
    ----------
    due
        From `review_dates.find_due`.
    """
    passed = _("Overdue since {day:day}: {kind}, {name} (`{key}`); {role} answers for it.")
    near = _("Due by {day:day}: {kind}, {name} (`{key}`); {role} answers for it.")
    kinds = name_kinds()
    return [
        fill(passed if row["state"] == "passed" else near, **row | {"kind": kinds[row["kind"]]})
        for row in due.to_dict("records")
    ]


def list_overdue(overdue: pd.DataFrame) -> list[str]:
    """A sentence for each table with records older than they may be kept, with what answers it.

    Parameters
    ----------
    overdue
        From `retention.count_overdue`.
    """
    words = _(
        "Kept too long: {overdue:count} of the records of `{table}` are older than {retention_days:days} "
        "days. "
        "Delete them in the source; `crcm purge` then removes the runs that hold them, `crcm forget` one "
        "customer."
    )
    return [fill(words, **row) for row in overdue[overdue["overdue"] > 0].to_dict("records")]


def caption_dates(dates: pd.DataFrame) -> str:
    """How many days of the policy have passed, and how many are near.

    Parameters
    ----------
    dates
        From `review_dates.judge_dates`.
    """
    counts = {state: int((dates["state"] == state).sum()) for state in ("passed", "near")}
    words = _("Days that the policy names: {passed:count} passed, {near:count} within {days:days} days.")
    if not any(counts.values()):
        words = _("None of the days that the policy names has passed or comes within {days:days} days.")
    return fill(words, **counts, days=NOTICE_DAYS)


def write_dates(dates: pd.DataFrame) -> pd.DataFrame:
    """`review_dates.judge_dates` in words."""
    states = {"passed": _("passed"), "near": _("near"), "later": _("later")}
    shown = dates.assign(kind=dates["kind"].map(name_kinds()), state=dates["state"].map(states))
    return shown[["day", "state", "kind", "name", "key", "role"]]
