"""What cleaning counted, in words: quality of the input tables, and what the data can carry."""

from collections.abc import Iterable

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.consents import NOT_PROFILED
from crcm_lib.ingest.cleaning.summaries import POOLED, STATES_KEPT
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, fill_rows, write, write_rows
from crcm_lib.schema.tables import About

LEVELS = ("yes", "limited", "no")
OF_PEOPLE = {  # reason -> its numbers that count customers
    "customers": ("counted",),
    "repeat_buyers": ("counted",),
    "attributes": ("counted", "needed"),
    "ids": ("counted",),
    "nearly_equal_ids": ("counted",),
    "no_ids_in_common": ("counted",),
}


def write_counts(quality: pd.DataFrame) -> pd.Series:
    """What each score of the `quality` table is the result of."""
    return write_rows(quality, _write_count, "counted")


def _write_count(row: dict) -> str:
    sentences = {
        "completeness": _("{filled:count} of {counted:count} cells filled"),
        "timeliness": _(
            "newest record {newest_day:day}, {gap_days:days} days before as_of; {failing:count} of "
            "{counted:count} days hold no record"
        ),
        "validity": _("{failing:count} of {counted:count} records break a rule on their values"),
        "uniqueness": _("{failing:count} of {counted:count} records repeat an earlier one"),
    }
    words, facts = sentences[row["dimension"]], {**row, "filled": row["counted"] - row["failing"]}
    if row["dimension"] == "completeness" and pd.notna(row["worst_column"]):
        words += _("; most gaps in {worst_column}: {worst_gaps:count}")
    if row["dimension"] == "timeliness":
        as_of = row["newest_day"] + pd.Timedelta(days=row["gap_days"])
        words += "" if as_of.is_month_end else _("; the last month is partial ({day} of {days} days)")
        facts |= {"day": as_of.day, "days": as_of.days_in_month}
    return fill(words, **facts)


def write_reasons(verdict: pd.DataFrame, *, at_least: int = 5) -> pd.Series:
    """Why the data can carry each capability of the table `verdict`, or why not; a few are not counted."""
    return write_rows(verdict, lambda row: _write_reason(row, at_least))


def _write_reason(row: dict, at_least: int) -> str:
    templates = _reasons()
    template = templates.get((row["capability"], row["reason"])) or templates[row["reason"]]
    few = [name for name in OF_PEOPLE.get(row["reason"], ()) if 0 < row[name] < at_least]
    clauses = [fill(template, **row | dict.fromkeys(few, fill(_("fewer than {n}"), n=at_least)))]
    if row["reason"] == "no_column":
        clauses.append(_missing_columns()[row["subject"]])
    if row["capability"] == "predicted_value" and row["verdict"] == "no":
        clauses.append(_("ranking by recency, frequency and spend stands in for it"))
    return "; ".join(clauses)


def _reasons() -> dict[str | tuple[str, str], str]:
    """Templates by reason; by capability and reason where the same count matters for another cause."""
    return {
        "customers": _("{counted:count} customers bought; scores of five levels want {needed:count} or more"),
        ("clusters", "customers"): _("{counted:count} customers; stable groups want {needed:count} or more"),
        "repeat_buyers": _(
            "{counted:count} customers bought on more than one day, over {history_days:days} days; a "
            "purchase model wants {needed:count} and {needed_days:days}"
        ),
        ("backtest", "repeat_buyers"): _(
            "{history_days:days} days of history; a hold-out that spans the seasons wants {needed_days:days}"
        ),
        ("churn_rhythm", "repeat_buyers"): _(
            "{counted:count} customers have a rhythm of their own (two purchase days or more), over "
            "{history_days:days} days"
        ),
        "old_data": _(
            "the newest purchase is {gap_days:days} days before as_of; alarms would reflect the age of the "
            "data"
        ),
        "history": _("{history_days:days} days of history; monthly cohorts want {needed_days:days}"),
        "gap": _(
            "the newest purchase is {gap_days:days} day(s) before as_of; usual gaps are up to "
            "{usual_gap_days:days}"
        ),
        "no_returns": _("no line is a return"),
        "returns": _("{counted:count} lines are returns; {related:count} of them match a sale"),
        "column": _("transactions have {subject}"),
        "no_column": _("not available: transactions have no {subject}"),
        "table": _("{counted:count} {subject}"),
        "no_table": _("not available: no {subject} table"),
        "no_usable_record": _("not available: none of {counted:count} records of {subject} can be used"),
        "no_ids_in_common": _(
            "not available: none of the {counted:count} ids of {subject} is in the transactions; compare how "
            "both write them"
        ),
        "ids": _("{counted:count} ids"),
        "nearly_equal_ids": _(
            "{counted:count} of {related:count} ids differ from another only in leading zeros, capitals, "
            "width, blanks or letters that are drawn alike"
        ),
        "one_id_of_many_records": _(
            "one id has {counted:count} of {related:count} records, ten times as many as any other; if it "
            "stands for many people, exclude it"
        ),
        "attributes": _("{related:count} attributes of {counted:count} customers; {needed:count} bought"),
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
        "customer_ids": _("customer ids"),
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


def write_verdict(verdict: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """What the data can carry, in words, the certain first: `capability`, `verdict`, `because`."""
    words = _write_rows(verdict, at_least).sort_values("capability")
    return pd.concat([words[words["verdict"] == level] for level in LEVELS], ignore_index=True)


def list_limits(verdict: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """What the data do not carry, then what they carry in part; columns as in `write_verdict`."""
    words = _write_rows(verdict[verdict["verdict"] != "yes"], at_least)
    return words.sort_values("verdict", ascending=False, kind="stable")


def list_warnings(verdict: pd.DataFrame, *, at_least: int = 5) -> list[str]:
    """A sentence for everything that the data carry only in part or not at all."""
    limits = list_limits(verdict, at_least=at_least)
    return [f"{row.capability}: {row.because}" for row in limits.itertuples(index=False)]


def _write_rows(verdict: pd.DataFrame, at_least: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "capability": name_capabilities(verdict["capability"]),
            "verdict": verdict["verdict"],
            "because": write_reasons(verdict, at_least=at_least),
        }
    )


def write_scores(grid: pd.DataFrame) -> pd.DataFrame:
    """Shares in words; one that is below 1 never reads as 1."""
    return grid.map(_write_share)


def _write_share(share: float) -> str:
    return write(share if share == 1 else min(share, 0.999), "share")


def name_states(money: pd.DataFrame) -> pd.Series:
    """The names of the states of `summaries.summarise_money`; rules are named as what they set aside."""
    return write_rows(money, _name_state, "state")


def _name_state(row: dict) -> str:
    if row["state"] in ("read", *STATES_KEPT):
        return row["state"]
    if row["state"] == NOT_PROFILED:
        return _("revenue of customers who object to profiling")
    rule = fill(_("{rules:count} other reasons"), **row) if row["state"] == POOLED else row["state"]
    return fill(_("set aside: {rule}"), rule=rule)


def describe_rows(rows: pd.DataFrame) -> str:
    """Of each table's records, how many were set aside; `rows` has `read` and `set_aside` by table."""
    if not rows["set_aside"].any():
        return fill(_("Nothing was set aside: all {n:count} records are kept."), n=rows["read"].sum())
    part = _("{table}: {set_aside:count} of {read:count} records set aside")
    parts = fill_rows(part, rows.rename_axis("table"))
    return fill(_("Bars, share of records set aside by table. {parts}."), parts=parts)


def describe_rules(records: pd.Series) -> str:
    """How many records each rule set aside; `records` by rule."""
    if records.empty:
        return _("No rule set a record aside.")
    parts = fill_cells("{value:count}", records.to_frame())
    return fill(_("Bars, records set aside by rule. {parts}."), parts=parts)


def describe_scores(grid: pd.DataFrame) -> str:
    """The quality scores; `grid` has a row for each table and a column for each dimension."""
    parts = [
        f"{table}: "
        + ", ".join(f"{dimension} {_write_share(score)}" for dimension, score in row.dropna().items())
        for table, row in grid.iterrows()
    ]
    return fill(_("Grid of quality scores, 100 % is perfect. {parts}."), parts="; ".join(parts))


def describe_months(months: pd.DataFrame) -> str:
    """Transaction lines by month; months that are hidden have no number."""
    words = _("Bars, transaction lines by month. {parts}.")
    if months["partial"].iloc[-1]:
        words += _(" The last month is not over.")
    return fill(words, parts=fill_rows("{month:%Y-%m}: {lines:count}", months))


def describe_not_profiled(customers: int, *, at_least: int) -> str:
    """How many customers object to profiling, and what that means; "" where none does."""
    if not customers:
        return ""
    count = _("{n:count} customers") if customers >= at_least else _("fewer than {least} customers")
    words = _(
        "{count} object to profiling: they are in no score, group, tier, list or model; their money counts"
    )
    return fill(words, count=fill(count, n=customers, least=at_least))


def caption_money(not_profiled: int, *, at_least: int) -> str:
    """What the table of money shows, and who is in no other."""
    objecting = describe_not_profiled(not_profiled, at_least=at_least)
    return ". ".join(filter(None, [_("Money read, kept and set aside"), objecting]))


def describe_data(about: About, rows: pd.DataFrame, verdict: pd.DataFrame, quality: pd.DataFrame) -> Takeaway:
    """How much of what came in is used, how good it is, and what it can carry: three sentences."""
    sums = rows.sum()
    levels = verdict["verdict"].value_counts().reindex(LEVELS, fill_value=0)
    # Tables that are seldom written to are old without being bad, so that only that of purchases counts.
    scores = quality[(quality["dimension"] != "timeliness") | (quality["table"] == "transactions")]
    worst = scores.loc[scores["score"].idxmin()]
    absent = sorted(name_capabilities(verdict.loc[verdict["verdict"] == "no", "capability"]))
    return takeaway(
        _used(sums["set_aside"])
        + _scored(worst["score"])
        + _(
            "The data carry **{yes} of {all} parts of the report in full** and {limited} with limits; not "
            "available: {absent}."
        ),
        **sums[["kept", "read", "set_aside"]],
        share=_write_share(sums["kept"] / max(sums["read"], 1)),
        title=about.title,
        first_day=about.first_day,
        as_of=about.as_of,
        **worst[["dimension", "table"]],
        score=_write_share(worst["score"]),
        all=len(verdict),
        **levels[["yes", "limited"]],
        absent=", ".join(absent) or _("nothing"),
    )


def _used(set_aside: int) -> str:
    if set_aside:
        return _(
            "**{kept:count} of {read:count} records** ({share}) of {title} are used, from {first_day} to "
            "{as_of}; {set_aside:count} set aside, each with its reason. "
        )
    return _(
        "**All {kept:count} records** of {title} are used, from {first_day} to {as_of}: none set aside. "
    )


def _scored(worst: float) -> str:
    if worst == 1:
        return _("Every quality score is 100 %. ")
    return _("The lowest quality score is {dimension} of {table}, {score}. ")
