"""Data readiness: which parts of the report the data can carry, decided before any model runs.

The thresholds are conventions. 30 observations are where the distribution of a mean is near normal; 200
customers give quintiles of 40 each; with 100 repeat buyers the BG/NBD likelihood has a definite optimum in
practice; of 180 days a hold-out of half still spans a quarter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from crcm_lib.ingest.cleaning import ids
from crcm_lib.ingest.cleaning.ids import Population
from crcm_lib.ingest.cleaning.ledger import measure_freshness
from crcm_lib.schema.engine import Engine

FEW, SOME, MANY = 30, 100, 200  # customers, or rows of a table
MIN_DAYS, SHORT, LONG = 60, 180, 365  # days of history
MIN_CUSTOMERS, MIN_CLUSTERED = 5, 50
MIN_OLD_GAP = 7  # days; a newer purchase is never too old
LEVELS = ("no", "limited", "yes")
COUNTS = ("counted", "needed", "related", "history_days", "needed_days", "gap_days", "usual_gap_days")


@dataclass(frozen=True)
class Facts:
    """What was counted in the clean transactions and beside them.

    Attributes
    ----------
    customers, repeat_buyers
        Customers with a purchase, and with purchases on two days or more. A day counts as 02 counts it
        (`features.customer_sql.daily`): not where all that was bought on it was returned later.
    history_days
        Days from the first record to as_of, both included.
    gap_days, usual_gap_days
        See `ledger.Freshness`.
    returns, matched_returns
        Lines that are returns, and those of them that match a sale.
    columns
        The columns of the transactions.
    rows
        Usable records of each table that has any.
    unusable_rows
        Records of each table of which none is usable.
    attributes
        Columns of the customers table that describe the customers.
    unrelated
        Ids of each table that has none in common with the transactions.
    population
        The ids of the transactions.
    """

    customers: int
    repeat_buyers: int
    history_days: int
    gap_days: int
    usual_gap_days: int
    returns: int
    matched_returns: int
    columns: frozenset[str]
    rows: dict[str, int]
    unusable_rows: dict[str, int] = field(default_factory=dict)
    attributes: int = 0
    unrelated: dict[str, int] = field(default_factory=dict)
    population: Population = field(default_factory=lambda: Population(0, 0, 0, 0, 0))


def assess_readiness(engine: Engine, tables: list[str], unrelated: set[str], as_of: str) -> pd.DataFrame:
    """The table `verdict`: yes, limited or no for every capability, the rule that decided, its numbers.

    `unrelated` are the tables that have no id in common with the transactions.
    """
    facts = count_facts(engine, tables, unrelated, as_of)
    rows = [{"capability": capability, **assess(facts)} for capability, assess in CAPABILITIES.items()]
    verdict = pd.DataFrame(rows).reindex(columns=["capability", "verdict", "reason", "subject", *COUNTS])
    return verdict.astype({"subject": "str"} | dict.fromkeys(COUNTS, "Int64"))


def count_facts(engine: Engine, tables: list[str], unrelated: set[str], as_of: str) -> Facts:
    """Count what the readiness depends on; tables that hold no usable record count as absent."""
    customers, repeat_buyers = engine.execute("""
        with purchases as (
            select customer_id, purchase_day from final_transactions
            where _rule is null and purchase_day is not null group by 1, 2
            having sum(amount) > 0 or count(*) filter (kind = 'return') = 0
        ), buyers as (select customer_id, count(*) as days from purchases group by 1)
        select count(*), count(*) filter (days > 1) from buyers
    """).fetchone()
    history_days, returns, matched_returns = engine.execute(f"""
        select
            date '{as_of}' - min(day) + 1,
            count(*) filter (kind = 'return'),
            count(*) filter (kind = 'return' and purchase_day is not null)
        from final_transactions where _rule is null
    """).fetchone()
    counts = {
        table: engine.execute(f"""
            select count(*), count(*) filter (_rule is null) from final_{table}
        """).fetchone()
        for table in tables
    }
    freshness = measure_freshness(engine, "transactions", as_of)
    return Facts(
        customers=customers,
        repeat_buyers=repeat_buyers,
        history_days=history_days,
        gap_days=freshness.gap_days if freshness else 0,
        usual_gap_days=freshness.usual_gap_days if freshness else 1,
        returns=returns,
        matched_returns=matched_returns,
        columns=frozenset(_columns(engine, "transactions")),
        rows={
            table: usable for table, (_records, usable) in counts.items() if usable and table not in unrelated
        },
        unusable_rows={table: records for table, (records, usable) in counts.items() if not usable},
        attributes=_count_attributes(engine) if "customers" in tables else 0,
        unrelated={table: ids.count_shared(engine, table)[0] for table in unrelated},
        population=ids.describe_population(engine),
    )


def _columns(engine: Engine, table: str) -> list[str]:
    return [row[0] for row in engine.execute(f"describe final_{table}").fetchall()]


def _count_attributes(engine: Engine) -> int:
    columns = [column for column in _columns(engine, "customers") if not column.startswith("_")]
    return len(set(columns) - {"customer_id", "signup", "owner"})


def _grade(count: int, few: int, enough: int) -> str:
    return "yes" if count >= enough else "limited" if count >= few else "no"


def _worse(*verdicts: str) -> str:
    return min(verdicts, key=LEVELS.index)


def _customers(few: int, enough: int) -> Callable[[Facts], dict]:
    def assess(facts: Facts) -> dict:
        verdict = _grade(facts.customers, few, enough)
        return {"verdict": verdict, "reason": "customers", "counted": facts.customers, "needed": enough}

    return assess


def _repeat_buyers(buyers: tuple[int, int], days: tuple[int, int]) -> Callable[[Facts], dict]:
    """Repeat buyers and days of history; of each, how many are few and how many are enough."""

    def assess(facts: Facts) -> dict:
        return {
            "verdict": _worse(_grade(facts.repeat_buyers, *buyers), _grade(facts.history_days, *days)),
            "reason": "repeat_buyers",
            "counted": facts.repeat_buyers,
            "needed": buyers[1],
            "history_days": facts.history_days,
            "needed_days": days[1],
        }

    return assess


def _churn(facts: Facts) -> dict:
    if facts.gap_days > max(2 * facts.usual_gap_days, MIN_OLD_GAP):
        return {"verdict": "limited", "reason": "old_data", **_gaps(facts)}
    return _repeat_buyers((FEW, SOME), (MIN_DAYS, SHORT))(facts)


def _cohorts(facts: Facts) -> dict:
    return {
        "verdict": _grade(facts.history_days, MIN_DAYS, LONG),
        "reason": "history",
        "history_days": facts.history_days,
        "needed_days": LONG,
    }


def _freshness(facts: Facts) -> dict:
    gap, usual = facts.gap_days, facts.usual_gap_days
    verdict = "yes" if gap <= usual else "limited" if gap <= max(MIN_OLD_GAP, 3 * usual) else "no"
    return {"verdict": verdict, "reason": "gap", **_gaps(facts)}


def _gaps(facts: Facts) -> dict:
    return {"gap_days": facts.gap_days, "usual_gap_days": facts.usual_gap_days}


def _returns(facts: Facts) -> dict:
    if not facts.returns:
        return {"verdict": "no", "reason": "no_returns"}
    return {
        "verdict": "yes" if 2 * facts.matched_returns >= facts.returns else "limited",
        "reason": "returns",
        "counted": facts.returns,
        "related": facts.matched_returns,
    }


def _column(column: str) -> Callable[[Facts], dict]:
    def assess(facts: Facts) -> dict:
        there = column in facts.columns
        return {
            "verdict": "yes" if there else "no",
            "reason": "column" if there else "no_column",
            "subject": column,
        }

    return assess


def _table(table: str, enough: int = FEW) -> Callable[[Facts], dict]:
    def assess(facts: Facts) -> dict:
        if rows := facts.rows.get(table):
            verdict = "yes" if rows >= enough else "limited"
            return {
                "verdict": verdict,
                "reason": "table",
                "subject": table,
                "counted": rows,
                "needed": enough,
            }
        if table in facts.unusable_rows:
            records = facts.unusable_rows[table]
            return {"verdict": "no", "reason": "no_usable_record", "subject": table, "counted": records}
        if table in facts.unrelated:
            return _unrelated(facts, table)
        return {"verdict": "no", "reason": "no_table", "subject": table}

    return assess


def _unrelated(facts: Facts, table: str) -> dict:
    own = facts.unrelated[table]
    return {
        "verdict": "no",
        "reason": "no_ids_in_common",
        "subject": table,
        "counted": own,
        "related": 0,
    }


def _customer_ids(facts: Facts) -> dict:
    found = facts.population
    if found.has_giant:
        return {
            "verdict": "limited",
            "reason": "one_id_of_many_records",
            "counted": found.largest,
            "related": found.records,
        }
    if found.nearly_equal:
        counts = {"counted": found.nearly_equal, "related": found.ids}
        return {"verdict": "limited", "reason": "nearly_equal_ids", **counts}
    return {"verdict": "yes", "reason": "ids", "counted": found.ids}


def _attributes(facts: Facts) -> dict:
    if "customers" in facts.unrelated:
        return _unrelated(facts, "customers")
    if "customers" not in facts.rows:
        return {"verdict": "no", "reason": "no_table", "subject": "customers"}
    described = facts.rows["customers"]
    return {
        "verdict": "yes" if described >= facts.customers else "limited",
        "reason": "attributes",
        "counted": described,
        "needed": facts.customers,
        "related": facts.attributes,
    }


CAPABILITIES: dict[str, Callable[[Facts], dict]] = {
    "rfm_scores": _customers(MIN_CUSTOMERS, MANY),
    "predicted_value": _repeat_buyers((FEW, SOME), (MIN_DAYS, SHORT)),
    "backtest": _repeat_buyers((SOME, MANY), (SHORT, LONG)),
    "churn_rhythm": _churn,
    "clusters": _customers(MIN_CLUSTERED, MANY),
    "cohorts": _cohorts,
    "freshness": _freshness,
    "returns": _returns,
    "category_breadth": _column("category"),
    "channels": _column("channel"),
    "margin": _column("cost"),
    "discounts": _column("discount"),
    "customer_ids": _customer_ids,
    "attributes": _attributes,
    "satisfaction": _table("surveys"),
    "service": _table("tickets"),
    "contacts": _table("contacts"),
    "contracts": _table("contracts"),
    "payment": _table("invoices"),
    "loyalty_points": _table("loyalty"),
    "human_judgement": _table("judgements", enough=1),
    "action_effects": _table("assignments", enough=2 * SOME),
    "consent": _table("consents", enough=1),
}
