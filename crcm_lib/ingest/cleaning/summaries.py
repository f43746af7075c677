"""Summaries of what cleaning wrote: records by rule, money by state, transactions by month."""

import pandas as pd

from crcm_lib.ingest.cleaning.consents import NOT_PROFILED
from crcm_lib.ingest.cleaning.forgotten_records import FORGOTTEN
from crcm_lib.schema.engine import Engine

STATES_KEPT = ("sales", "returns matched", "returns unmatched")  # of the money account
POOLED = "pooled"  # the state of rules that stand together because each has few records


def count_rules(rejects: pd.DataFrame, severity: str) -> pd.DataFrame:
    """Records that each rule set aside (`reject`) or that have each remark (`remark`), most frequent first.

    Returns
    -------
    `table`, `rule`, `records`, and as an example to look up the first `file` and the first `record` in it; of
    the forgotten there is no example.
    """
    chosen = rejects[rejects["severity"] == severity].sort_values(["table", "rule", "file", "record"])
    counts = chosen.groupby(["table", "rule"], as_index=False).agg(
        records=("record", "size"), file=("file", "first"), record=("record", "first")
    )
    is_forgotten = counts["rule"] == FORGOTTEN
    if is_forgotten.any():
        counts["file"] = counts["file"].mask(is_forgotten)
        counts["record"] = counts["record"].astype("Int64").mask(is_forgotten)
    counts = counts.sort_values(["records", "table", "rule"], ascending=[False, True, True])
    return counts.reset_index(drop=True)


def is_balanced(money_account: pd.DataFrame) -> bool:
    """Whether the money read of each currency was kept or set aside, to 1/10,000 of it."""
    units = money_account.assign(units=(money_account["amount"] * 10_000).round().astype("int64"))
    read = units["state"] == "read"
    totals, parts = (
        rows.groupby("currency")[["records", "units"]].sum() for rows in (units[read], units[~read])
    )
    return totals.equals(parts)


def summarise_money(money_account: pd.DataFrame, *, at_least: int, not_profiled: int = 0) -> pd.DataFrame:
    """The money account without amounts that could be those of one customer.

    Parameters
    ----------
    at_least
        Rules with fewer records are added up (state `pooled`), with further ones until they have so many
        records. An amount over fewer records is missing, and the total that would give it away too.
    not_profiled
        How many customers object to profiling: fewer than `at_least` have no amount either. The forgotten
        never have one.

    Returns
    -------
    `currency`, `state` (read, kept, then the rules, most records first), `rules` (how many a row adds up),
    `records`, `amount`.
    """
    hidden = {FORGOTTEN, NOT_PROFILED} if not_profiled < at_least else {FORGOTTEN}
    parts = [
        _summarise_currency(part, at_least, hidden) for _currency, part in money_account.groupby("currency")
    ]
    return pd.concat(parts, ignore_index=True)


def _summarise_currency(account: pd.DataFrame, at_least: int, few_customers: set[str]) -> pd.DataFrame:
    by_state = account.set_index("state").assign(rules=1)
    aside = by_state.drop(["read", *STATES_KEPT], errors="ignore").sort_values("records", kind="stable")
    few = int((aside["records"] < at_least).sum())
    while 0 < few < len(aside) and aside["records"].iloc[:few].sum() < at_least:
        few += 1
    first = by_state.loc[[state for state in ("read", *STATES_KEPT) if state in by_state.index]]
    rows = [first, aside.iloc[few:][::-1]]
    if few:
        pooled = aside.iloc[:few][["rules", "records", "amount"]].sum().to_frame().T
        state = POOLED if few > 1 else aside.index[0]
        rows.append(pooled.assign(currency=account["currency"].iloc[0]).set_axis([state]))
    summary = pd.concat(rows).rename_axis("state").reset_index()
    summary = summary.astype({"records": "int64", "rules": "int64"})
    is_small = summary["records"].between(1, at_least - 1) | summary["state"].isin(few_customers)
    hidden = is_small | (is_small.any() & (summary["state"] == "read"))
    summary["amount"] = summary["amount"].mask(hidden)
    return summary[["currency", "state", "rules", "records", "amount"]]


def count_months(engine: Engine, as_of: pd.Timestamp) -> pd.DataFrame:
    """Transaction lines and their customers in each month up to a day; `partial` where it is not over."""
    counts = engine.execute("""
        select
            extract(year from day) as year, extract(month from day) as month,
            count(*) as lines, count(distinct customer_id) as customers
        from transactions group by extract(year from day), extract(month from day)
    """).df()
    start = pd.to_datetime(counts[["year", "month"]].assign(day=1))
    every = pd.date_range(start.min(), as_of, freq="MS")
    months = counts[["lines", "customers"]].set_index(start).reindex(every, fill_value=0).rename_axis("month")
    days = (as_of - months.index).days + 1
    return months.assign(partial=days < months.index.days_in_month).reset_index()
