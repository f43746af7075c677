"""Where every record and every cent went, and how good the tables are: the result tables of cleaning."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from crcm_lib.ingest.cleaning.consents import NOT_PROFILED
from crcm_lib.ingest.cleaning.forgotten_records import FORGOTTEN
from crcm_lib.ingest.cleaning.unread_status import NO_SALE
from crcm_lib.ingest.sources.description import ANONYMOUS, EXCLUDED, Part, Source
from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import EVENT_DATE

# Rules that set a record aside without doubting one of its values.
FORM_RULES = (
    *("repeated header", "summary line", "exact duplicate", "repeated key"),
    *("after as_of", "time far beyond the rest", NOT_PROFILED),
)
# Remarks that doubt none of a record's values.
NO_DOUBT = ("exact duplicate", "id merged", "id nearly equal to another", NO_SALE)
USUAL_GAP_QUANTILE = 0.99


def list_rejects(engine: Engine, tables: list[str]) -> pd.DataFrame:
    """The table `rejects`: every record set aside, and every remark on a record kept."""
    selects = []
    for table in tables:
        amount = "amount" if table in ("transactions", "invoices") else "null"
        selects.append(f"""
            select
                {sql_literal(table)} as "table", _file as file, _record as record, _rule as rule,
                'reject' as severity, {amount}::double as amount
            from final_{table} where _rule is not null
            union all
            select {sql_literal(table)}, _file, _record, unnest(_remarks), 'remark', {amount}::double
            from final_{table} where _rule is null and len(_remarks) > 0
        """)
    rejects = engine.execute(f"{' union all '.join(selects)} order by all").df()
    texts = dict.fromkeys(["table", "file", "rule", "severity"], "str")
    return rejects.astype(texts | {"record": "int64", "amount": "float64"})


def account_rows(engine: Engine, records: dict[str, dict[str, int]]) -> pd.DataFrame:
    """The table `row_account`: the records of each file that were read, kept, set aside by each rule.

    Those kept and set aside add up to those read.

    Parameters
    ----------
    records
        How many records each file of each table holds.
    """
    rows = [(table, file, "read", count) for table, files in records.items() for file, count in files.items()]
    for table in records:
        counts = engine.execute(f"""
            select _file, coalesce(_rule, 'kept'), count(*) from final_{table} group by all order by all
        """).fetchall()
        rows += [(table, *row) for row in counts]
    return pd.DataFrame(rows, columns=["table", "file", "state", "records"]).astype({"records": "int64"})


def account_money(engine: Engine, currency: str) -> pd.DataFrame:
    """The table `money_account`: the money of each currency that was read, kept and set aside, to the cent.

    Records without a readable amount count with none.
    """
    columns = {row[0] for row in engine.execute("describe final_transactions").fetchall()}
    literal = sql_literal(currency)
    code = f"coalesce(currency, {literal})" if "currency" in columns else literal
    account = engine.execute(f"""
        with lines as (
            select
                {code} as currency, amount,
                case when _rule is not null then _rule
                     when kind = 'sale' then 'sales'
                     when purchase_day is null then 'returns unmatched'
                     else 'returns matched' end as state
            from final_transactions
        ),
        accounted as (
            select currency, state, amount from lines
            union all
            select currency, 'read', amount from lines
        )
        select currency, state, count(*) as records, coalesce(sum(amount), 0)::double as amount
        from accounted group by all order by all
    """).df()
    return account.astype({"currency": "str", "state": "str", "records": "int64", "amount": "float64"})


def score_quality(engine: Engine, source: Source, as_of: str) -> pd.DataFrame:
    """The table `quality`: completeness, validity, uniqueness, timeliness of each input table, 1 is perfect.

    A table without dates has no timeliness.
    """
    rows = []
    for table, parts in source.tables.items():
        rows.append(_measure_completeness(engine, table, parts))
        rows.append(_measure_validity(engine, table))
        rows.append(_measure_uniqueness(engine, table))
        if freshness := measure_freshness(engine, table, as_of):
            rows.append(
                {
                    "table": table,
                    "dimension": "timeliness",
                    "score": freshness.score,
                    "counted": freshness.span_days,
                    "failing": freshness.empty_days,
                    "newest_day": pd.Timestamp(freshness.newest),
                    "gap_days": freshness.gap_days,
                    "usual_gap_days": freshness.usual_gap_days,
                }
            )
    optional = ["worst_column", "worst_gaps", "newest_day", "gap_days", "usual_gap_days"]
    quality = pd.DataFrame(rows).reindex(
        columns=["table", "dimension", "score", "counted", "failing", *optional]
    )
    counts = ["counted", "failing", "worst_gaps", "gap_days", "usual_gap_days"]
    return quality.astype(
        {"worst_column": "str", "newest_day": "datetime64[us]"} | dict.fromkeys(counts, "Int64")
    )


def _measure_completeness(engine: Engine, table: str, parts: list[Part]) -> dict:
    """Filled cells of the cells that a part declares; a column that a part does not have is no gap."""
    cells, gaps = 0, {}
    for number, part in enumerate(parts):
        counts = ", ".join(f"count({sql_identifier(column)})" for column in part.columns)
        records, *filled = engine.execute(f"""
            select count(*), {counts} from final_{table}
            where _part = {number} and _rule is distinct from '{FORGOTTEN}'
        """).fetchone()
        cells += records * len(filled)
        for column, count in zip(part.columns, filled, strict=True):
            gaps[column] = gaps.get(column, 0) + records - count
    worst = max(sorted(gaps), key=gaps.get)
    return {
        "table": table,
        "dimension": "completeness",
        "score": (cells - sum(gaps.values())) / cells if cells else 1.0,
        "counted": cells,
        "failing": sum(gaps.values()),
        "worst_column": worst if gaps[worst] else None,
        "worst_gaps": gaps[worst] or None,
    }


def _measure_validity(engine: Engine, table: str) -> dict:
    breach = f"""
        (_rule not in ({", ".join(map(sql_literal, FORM_RULES))}) and not starts_with(_rule, '{EXCLUDED}')
            and not starts_with(_rule, '{ANONYMOUS}'))
        or (
            _rule is null and len(_remarks) > 0
            and not list_has_any(_remarks, {list(NO_DOUBT)})
        )
    """
    return {"table": table, "dimension": "validity", **_count_failing(engine, table, breach)}


def _measure_uniqueness(engine: Engine, table: str) -> dict:
    copy = "_rule in ('exact duplicate', 'repeated key') or list_contains(_remarks, 'exact duplicate')"
    return {"table": table, "dimension": "uniqueness", **_count_failing(engine, table, copy)}


def _count_failing(engine: Engine, table: str, condition: str) -> dict:
    """How many records fulfil a condition that they should not, of how many; the share of the others."""
    records, failing = engine.execute(f"""
        select count(*), count(*) filter ({condition}) from final_{table}
        where _rule is distinct from '{FORGOTTEN}'
    """).fetchone()
    return {"score": 1 - failing / max(records, 1), "counted": records, "failing": failing}


@dataclass(frozen=True)
class Freshness:
    """How new a table is.

    Attributes
    ----------
    newest
        The day of the newest record.
    gap_days
        Days from the newest record to as_of.
    usual_gap_days
        The 99 % quantile of the days between two successive days with records.
    span_days
        Days from the oldest to the newest record, both included.
    empty_days
        Days among these without a record.
    """

    newest: date
    gap_days: int
    usual_gap_days: int
    span_days: int
    empty_days: int

    @property
    def score(self) -> float:
        """1 while the gap is no longer than usual, beyond that usual / gap."""
        return min(1.0, self.usual_gap_days / self.gap_days) if self.gap_days > 0 else 1.0


def measure_freshness(engine: Engine, table: str, as_of: str) -> Freshness | None:
    """How new a table is on a day; None where it has no dates, or records of one day only."""
    column = EVENT_DATE[table]
    if column not in {row[0] for row in engine.execute(f"describe final_{table}").fetchall()}:
        return None
    newest, oldest, active_days, usual_gap = engine.execute(f"""
        with days as (
            select distinct {column}::date as d from final_{table}
            where _rule is null and {column} is not null
        ),
        gaps as (select d, d - lag(d) over (order by d) as gap from days)
        select max(d), min(d), count(*), quantile_disc(gap, {USUAL_GAP_QUANTILE}) from gaps
    """).fetchone()
    if newest is None or usual_gap is None:
        return None
    span_days = (newest - oldest).days + 1
    return Freshness(
        newest=newest,
        gap_days=(pd.Timestamp(as_of).date() - newest).days,
        usual_gap_days=usual_gap,
        span_days=span_days,
        empty_days=span_days - active_days,
    )
