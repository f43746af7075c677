"""What cleaning counted, in words: quality of the input tables, and what the data can carry."""

from collections.abc import Iterable

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text import numbers

LEVELS = ("yes", "limited", "no")
TEXTS = ("capability", "verdict", "reason", "subject")  # columns of `verdict` that are no numbers


def write_counts(quality: pd.DataFrame) -> pd.Series:
    """What each score of the `quality` table is the result of."""
    words = [_write_count(row) for row in quality.to_dict("records")]
    return pd.Series(words, index=quality.index, name="counted", dtype="str")


def _write_count(row: dict) -> str:
    counted, failing = numbers.count(row["counted"]), numbers.count(row["failing"])
    if row["dimension"] == "completeness":
        filled = numbers.count(row["counted"] - row["failing"])
        words = _("{filled} of {cells} cells filled").format(filled=filled, cells=counted)
        if pd.isna(row["worst_column"]):
            return words
        most = _("; most gaps in {column}: {gaps}")
        return words + most.format(column=row["worst_column"], gaps=numbers.count(row["worst_gaps"]))
    if row["dimension"] == "timeliness":
        return _write_freshness(row)
    words = {
        "validity": _("{failing} of {records} records break a rule on their values"),
        "uniqueness": _("{failing} of {records} records repeat an earlier one"),
    }
    return words[row["dimension"]].format(failing=failing, records=counted)


def _write_freshness(row: dict) -> str:
    words = _(
        "newest record {newest}, {gap} days before as_of; {empty} of {span} days hold no record"
    ).format(
        newest=numbers.day(row["newest_day"]),
        gap=numbers.days(row["gap_days"]),
        empty=numbers.count(row["failing"]),
        span=numbers.count(row["counted"]),
    )
    as_of = row["newest_day"] + pd.Timedelta(days=row["gap_days"])
    if as_of.is_month_end:
        return words
    partial = _("; the last month is partial ({day} of {days} days)")
    return words + partial.format(day=as_of.day, days=as_of.days_in_month)


def write_reasons(verdict: pd.DataFrame) -> pd.Series:
    """Why the data can carry each capability of the `verdict` table, or why not."""
    words = [_write_reason(row) for row in verdict.to_dict("records")]
    return pd.Series(words, index=verdict.index, name="because", dtype="str")


def _write_reason(row: dict) -> str:
    templates = _reasons()
    template = templates.get((row["capability"], row["reason"])) or templates[row["reason"]]
    facts = {name: numbers.write(value, "count") for name, value in row.items() if name not in TEXTS}
    words = template.format(**facts, subject=row["subject"])
    if row["reason"] == "no_column":
        words += "; " + _missing_columns()[row["subject"]]
    if row["capability"] == "predicted_value" and row["verdict"] == "no":
        words += "; " + _("ranking by recency, frequency and spend stands in for it")
    return words


def _reasons() -> dict[str | tuple[str, str], str]:
    """Templates by reason; by capability and reason where the same count matters for another cause."""
    return {
        "customers": _("{counted} customers bought; scores of five levels want {needed} or more"),
        ("clusters", "customers"): _("{counted} customers; stable groups want {needed} or more"),
        "repeat_buyers": _(
            "{counted} customers bought on more than one day, over {history_days} days; a purchase model "
            "wants {needed} and {needed_days}"
        ),
        ("backtest", "repeat_buyers"): _(
            "{history_days} days of history; a hold-out that spans the seasons wants {needed_days}"
        ),
        ("churn_rhythm", "repeat_buyers"): _(
            "{counted} customers have a rhythm of their own (two purchase days or more), over {history_days} "
            "days"
        ),
        "old_data": _(
            "the newest purchase is {gap_days} days before as_of; alarms would tell of the data's age"
        ),
        "history": _("{history_days} days of history; monthly cohorts want {needed_days}"),
        "gap": _(
            "the newest purchase is {gap_days} day(s) before as_of; usual gaps are up to {usual_gap_days}"
        ),
        "no_returns": _("no line is a return"),
        "returns": _("{counted} lines are returns; {related} of them match a sale"),
        "column": _("transactions have {subject}"),
        "no_column": _("not available: transactions have no {subject}"),
        "table": _("{counted} {subject}"),
        "no_table": _("not available: no {subject} table"),
        "no_usable_record": _("not available: none of {counted} records of {subject} can be used"),
        "attributes": _("{related} attributes of {counted} customers; {needed} bought"),
    }


def _missing_columns() -> dict[str, str]:
    return {
        "category": _("needs cannot be told apart"),
        "channel": _("where customers buy is unknown"),
        "cost": _("value is spend, not profit"),
        "discount": _("who buys at a discount is unknown"),
    }


def name_capabilities(capabilities: Iterable[str]) -> list[str]:
    """The names of capabilities."""
    names = {
        "rfm_scores": _("RFM scores"),
        "predicted_value": _("predicted value"),
        "backtest": _("back-test"),
        "churn_rhythm": _("churn rhythm"),
        "clusters": _("clusters"),
        "cohorts": _("cohorts"),
        "freshness": _("freshness"),
        "returns": _("returns"),
        "category_breadth": _("breadth of categories"),
        "channels": _("channels"),
        "margin": _("margin"),
        "discounts": _("discounts"),
        "attributes": _("attributes"),
        "satisfaction": _("satisfaction"),
        "service": _("service"),
        "contacts": _("contacts"),
        "contracts": _("contracts"),
        "payment": _("payment"),
        "loyalty_points": _("loyalty points"),
        "human_judgement": _("human judgement"),
        "action_effects": _("effect of actions"),
        "consent": _("consent"),
    }
    return [names.get(capability, capability) for capability in capabilities]


def write_verdict(verdict: pd.DataFrame) -> pd.DataFrame:
    """What the data can carry, in words, the certain first: `capability`, `verdict`, `because`."""
    words = _write_rows(verdict)
    order = words["verdict"].map(LEVELS.index)
    words = words.assign(order=order).sort_values(["order", "capability"])
    return words.drop(columns="order").reset_index(drop=True)


def list_limits(verdict: pd.DataFrame) -> pd.DataFrame:
    """What the data do not carry, then what they carry in part; columns as in `write_verdict`."""
    words = _write_rows(verdict[verdict["verdict"] != "yes"])
    return words.sort_values("verdict", ascending=False, kind="stable")


def list_warnings(verdict: pd.DataFrame) -> list[str]:
    """A sentence for everything that the data carry only in part or not at all."""
    return [f"{row.capability}: {row.because}" for row in list_limits(verdict).itertuples(index=False)]


def _write_rows(verdict: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "capability": name_capabilities(verdict["capability"]),
            "verdict": verdict["verdict"],
            "because": write_reasons(verdict),
        }
    )
