"""What cleaning counted, in words: quality of the input tables, and what the data can carry."""

from collections.abc import Iterable

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.summaries import POOLED, STATES_KEPT
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers
from crcm_lib.schema.tables import About

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
            "the newest purchase is {gap_days} days before as_of; alarms would reflect the age of the data"
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


def write_scores(grid: pd.DataFrame) -> pd.DataFrame:
    """Shares in words; one that is below 1 never reads as 1."""
    return grid.map(_write_share)


def _write_share(share: float) -> str:
    return numbers.write(share if share == 1 else min(share, 0.999), "share")


def name_states(money: pd.DataFrame) -> pd.Series:
    """The names of the states of `summaries.summarise_money`; rules are named as what they set aside."""
    named = money["state"].where(
        money["state"].isin(["read", *STATES_KEPT]),
        [_write_rule(state, rules) for state, rules in zip(money["state"], money["rules"], strict=True)],
    )
    return named.rename("state")


def _write_rule(state: str, rules: int) -> str:
    rule = _("{count} other reasons").format(count=numbers.count(rules)) if state == POOLED else state
    return _("set aside: {rule}").format(rule=rule)


def describe_rows(rows: pd.DataFrame) -> str:
    """Of each table's records, how many were set aside; `rows` has `read` and `set_aside` by table."""
    parts = [
        _("{table}: {aside} of {read} records set aside").format(
            table=row.Index, aside=numbers.count(row.set_aside), read=numbers.count(row.read)
        )
        for row in rows.itertuples()
    ]
    return _("Bars, share of records set aside by table. {parts}.").format(parts="; ".join(parts))


def describe_rules(records: pd.Series) -> str:
    """How many records each rule set aside; `records` by rule."""
    if records.empty:
        return _("No bars: no record was set aside.")
    parts = "; ".join(f"{rule}: {numbers.count(count)}" for rule, count in records.items())
    return _("Bars, records set aside by rule. {parts}.").format(parts=parts)


def describe_scores(grid: pd.DataFrame) -> str:
    """The quality scores; `grid` has a row for each table and a column for each dimension."""
    parts = [
        f"{table}: "
        + ", ".join(f"{dimension} {_write_share(score)}" for dimension, score in row.dropna().items())
        for table, row in grid.iterrows()
    ]
    return _("Grid of quality scores, 100 % is perfect. {parts}.").format(parts="; ".join(parts))


def describe_months(months: pd.DataFrame) -> str:
    """Transaction lines by month; months that are hidden have no number."""
    parts = "; ".join(
        f"{month:%Y-%m}: {numbers.write(lines, 'count')}"
        for month, lines in zip(months["month"], months["lines"], strict=True)
    )
    words = _("Bars, transaction lines by month. {parts}.").format(parts=parts)
    return words + (_(" The last month is not over.") if months["partial"].iloc[-1] else "")


def describe_data(about: About, rows: pd.DataFrame, verdict: pd.DataFrame, quality: pd.DataFrame) -> Takeaway:
    """How much of what came in is used, how good it is, and what it can carry: three sentences."""
    sums = rows.sum()
    levels = verdict["verdict"].value_counts().reindex(LEVELS, fill_value=0)
    # Tables that are seldom written to are old without being bad, so that only that of purchases counts.
    scores = quality[(quality["dimension"] != "timeliness") | (quality["table"] == "transactions")]
    worst = scores.loc[scores["score"].idxmin()]
    absent = sorted(name_capabilities(verdict.loc[verdict["verdict"] == "no", "capability"]))
    return takeaway(
        _(
            "**{kept} of {read} records** ({share}) of {title} are used, from {first} to {last}; {aside} "
            "set aside, each with its reason. The lowest quality score is {dimension} of {worst}, {score}. "
            "The data carry **{yes} of {all} parts of the report in full** and {limited} with limits; "
            "not available: {missing}."
        ),
        kept=numbers.count(sums["kept"]),
        read=numbers.count(sums["read"]),
        aside=numbers.count(sums["set_aside"]),
        share=_write_share(sums["kept"] / max(sums["read"], 1)),
        title=about.title,
        first=about.first_day,
        last=about.as_of,
        dimension=worst["dimension"],
        worst=worst["table"],
        score=_write_share(worst["score"]),
        yes=int(levels["yes"]),
        all=len(verdict),
        limited=int(levels["limited"]),
        missing=", ".join(absent) or _("nothing"),
    )
