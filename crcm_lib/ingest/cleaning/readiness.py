"""The sufficiency verdict: what this data can carry, said in words before any model runs.

The borders are conventions, stated here once: 30 is where a mean begins to behave, 200 customers where
quintiles hold
40 each, 100 repeat buyers where the BG/NBD likelihood has a definite optimum in practice, 180 days where a
hold-out of
half the history still spans a quarter.
"""

from dataclasses import dataclass, field

import duckdb
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.ledger import measure_freshness

FEW, SOME, MANY = 30, 100, 200
SHORT, LONG = 180, 365  # days
LADDER = ("no", "limited", "yes")


@dataclass(frozen=True)
class Facts:
    """What was counted in the clean transactions and beside them."""

    customers: int
    repeat: int
    days: int
    gap: int
    usual: int
    returns: int
    matched: int
    columns: frozenset[str]
    tables: dict[str, int]
    attributes: int = 0
    unusable: dict[str, int] = field(default_factory=dict)


def give_verdict(engine: duckdb.DuckDBPyConnection, described: list[str], as_of: str) -> pd.DataFrame:
    """The results table `verdict`: yes, limited or no for every capability, and why, in plain words."""
    facts = count_facts(engine, described, as_of)
    rows = [(capability, *rule(facts)) for capability, rule in CAPABILITIES.items()]
    return pd.DataFrame(rows, columns=["capability", "verdict", "because"])


def count_facts(engine: duckdb.DuckDBPyConnection, described: list[str], as_of: str) -> Facts:
    """Count what the verdict rests on; tables that hold no usable record count as absent."""
    customers, repeat = engine.execute(
        "select count(*), count(*) filter (days > 1) from (select customer_id, count(distinct day) as days "
        "from final_transactions where _rule is null and kind = 'sale' and amount > 0 group by 1)"
    ).fetchone()
    days, returns, matched = engine.execute(
        f"select date '{as_of}' - min(day) + 1, count(*) filter (kind = 'return'), "
        "count(*) filter (kind = 'return' and purchase_day is not null) from final_transactions where "
        "_rule is null"
    ).fetchone()
    fresh = measure_freshness(engine, "transactions", as_of)
    columns = {row[0] for row in engine.execute("describe final_transactions").fetchall()}
    counts = {
        table: engine.execute(
            f"select count(*), count(*) filter (_rule is null) from final_{table}"
        ).fetchone()
        for table in described
    }
    attributes = 0
    if "customers" in described:
        own = {row[0] for row in engine.execute("describe final_customers").fetchall()}
        attributes = len(
            [c for c in own if not c.startswith("_") and c not in ("customer_id", "signup", "owner")]
        )
    return Facts(customers, repeat, days, fresh.get("gap", 0), fresh.get("usual", 1), returns, matched,
                 frozenset(columns), {table: kept for table, (_read, kept) in counts.items() if kept},
                 attributes,
                 {table: read for table, (read, kept) in counts.items() if not kept})  # fmt: skip


def _by_number(count: int, few: int, enough: int) -> str:
    return "yes" if count >= enough else "limited" if count >= few else "no"


def _rfm(f: Facts) -> tuple[str, str]:
    said = _("{customers} customers bought; scores of five levels want {many} or more")
    return _by_number(f.customers, 5, MANY), said.format(customers=f"{f.customers:,}", many=MANY)


def _value(f: Facts) -> tuple[str, str]:
    verdict = min(_by_number(f.repeat, FEW, SOME), _by_number(f.days, 60, SHORT), key=LADDER.index)
    said = _(
        "{repeat} customers bought on more than one day, over {days} days; a purchase model wants {some} "
        "and {short}"
    )
    if verdict == "no":
        said += _("; ranking by recency, frequency and spend stands in for it")
    return verdict, said.format(repeat=f"{f.repeat:,}", days=f.days, some=SOME, short=SHORT)


def _backtest(f: Facts) -> tuple[str, str]:
    verdict = min(_by_number(f.repeat, SOME, MANY), _by_number(f.days, SHORT, LONG), key=LADDER.index)
    said = _("{days} days of history; a hold-out that spans the seasons wants {long}")
    return verdict, said.format(days=f.days, long=LONG)


def _churn(f: Facts) -> tuple[str, str]:
    if f.gap > 2 * f.usual and f.gap > 7:
        return "limited", _(
            "the newest purchase is {gap} days before as_of; alarms would tell of the data's age"
        ).format(gap=f.gap)
    verdict = min(_by_number(f.repeat, FEW, SOME), _by_number(f.days, 60, SHORT), key=LADDER.index)
    said = _("{repeat} customers have a rhythm of their own (two purchase days or more), over {days} days")
    return verdict, said.format(repeat=f"{f.repeat:,}", days=f.days)


def _clusters(f: Facts) -> tuple[str, str]:
    said = _("{customers} customers; stable groups want {many} or more")
    return _by_number(f.customers, 50, MANY), said.format(customers=f"{f.customers:,}", many=MANY)


def _cohorts(f: Facts) -> tuple[str, str]:
    return _by_number(f.days, 60, LONG), _("{days} days of history; monthly cohorts want {long}").format(
        days=f.days, long=LONG
    )


def _returns(f: Facts) -> tuple[str, str]:
    if not f.returns:
        return "no", _("no line is a return")
    said = _("{returns} lines are returns; {matched} of them match a sale").format(
        returns=f"{f.returns:,}", matched=f"{f.matched:,}")  # fmt: skip
    return ("yes" if 2 * f.matched >= f.returns else "limited"), said


def _column(column: str, words: str):
    def judge(f: Facts) -> tuple[str, str]:
        if column in f.columns:
            return "yes", _("transactions have {column}").format(column=column)
        return "no", _("not available: transactions have no {column}; {words}").format(
            column=column, words=words
        )

    return judge


def _table(*names: str, few: int = FEW):
    def judge(f: Facts) -> tuple[str, str]:
        there = {table: f.tables[table] for table in names if table in f.tables}
        if not there and (unusable := {t: f.unusable[t] for t in names if t in f.unusable}):
            table, read = next(iter(unusable.items()))
            return "no", _("not available: none of {read} records of {table} can be used").format(
                read=read, table=table)  # fmt: skip
        if not there:
            return "no", _("not available: no {tables} table").format(tables=_(" or ").join(names))
        said = ", ".join(
            _("{rows} {table}").format(rows=f"{rows:,}", table=table) for table, rows in there.items()
        )
        return ("yes" if sum(there.values()) >= few else "limited"), said

    return judge


def _attributes(f: Facts) -> tuple[str, str]:
    if "customers" not in f.tables:
        return "no", _("not available: no customers table")
    known = f.tables["customers"]
    verdict = "yes" if known >= f.customers else "limited"
    return verdict, _("{attributes} attributes of {known} customers; {customers} bought").format(
        attributes=f.attributes, known=f"{known:,}", customers=f"{f.customers:,}")  # fmt: skip


def _freshness(f: Facts) -> tuple[str, str]:
    verdict = "yes" if f.gap <= f.usual else "limited" if f.gap <= max(7, 3 * f.usual) else "no"
    said = _("the newest purchase is {gap} day(s) before as_of; usual gaps are up to {usual}")
    return verdict, said.format(gap=f.gap, usual=f.usual)


CAPABILITIES = {
    "RFM scores": _rfm,
    "predicted value": _value,
    "back-test": _backtest,
    "churn rhythm": _churn,
    "clusters": _clusters,
    "cohorts": _cohorts,
    "freshness": _freshness,
    "returns": _returns,
    "breadth of categories": _column("category", _("needs cannot be told apart")),
    "channels": _column("channel", _("where customers buy is unknown")),
    "margin": _column("cost", _("value is spend, not profit")),
    "discounts": _column("discount", _("who buys at a discount is unknown")),
    "attributes": _attributes,
    "satisfaction": _table("surveys"),
    "service": _table("tickets"),
    "contacts": _table("contacts"),
    "contracts": _table("contracts"),
    "payment": _table("invoices"),
    "loyalty points": _table("loyalty"),
    "human judgement": _table("judgements", few=1),
    "effect of actions": _table("assignments", few=2 * SOME),
    "consent": _table("consents", few=1),
}
