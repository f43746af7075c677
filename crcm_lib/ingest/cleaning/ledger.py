"""Where every record and every cent went, and how good the tables are: the results tables of cleaning."""

import duckdb
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import Part, Source
from crcm_lib.ingest.sources.expressions import name, quote

FORM_RULES = (
    "summary line",
    "exact duplicate",
    "repeated key",
    "after as_of",
)  # rules that do not doubt a value
EVENT = {
    "transactions": "time", "contacts": "time", "tickets": "opened", "surveys": "time", "invoices": "issued",
    "contracts": "start", "loyalty": "time", "judgements": "date", "assignments": "start", "consents": "date",
    "customers": "signup",
}  # fmt: skip


def list_rejects(engine: duckdb.DuckDBPyConnection, tables: list[str]) -> pd.DataFrame:
    """Every record set aside, and every remark on a record kept."""
    parts = []
    for table in tables:
        amount = "amount" if table in ("transactions", "invoices") else "null"
        parts.append(
            f'select {quote(table)} as "table", _file as file, _record as record, _rule as rule, '
            f"'reject' as severity, "
            f"{amount}::double as amount from final_{table} where _rule is not null "
            f"union all select {quote(table)}, _file, _record, unnest(_remarks), 'remark', {amount}::double "
            f"from final_{table} where _rule is null and len(_remarks) > 0"
        )
    rejects = engine.execute(f"{' union all '.join(parts)} order by all").df()
    return rejects.astype({"table": "str", "file": "str", "record": "int64", "rule": "str", "severity": "str",
                           "amount": "float64"})  # fmt: skip


def account_rows(engine: duckdb.DuckDBPyConnection, files: dict[str, dict[str, int]]) -> pd.DataFrame:
    """How many records of each file were read, kept, and set aside by which rule; they add up."""
    rows = [
        (table, file, "read", records) for table, found in files.items() for file, records in found.items()
    ]
    for table in files:
        rows += [
            (table, *row)
            for row in engine.execute(
                f"select _file, coalesce(_rule, 'kept'), count(*) from final_{table} group by all order "
                f"by all"
            ).fetchall()
        ]
    return pd.DataFrame(rows, columns=["table", "file", "state", "records"]).astype({"records": "int64"})


def account_money(engine: duckdb.DuckDBPyConnection, currency: str) -> pd.DataFrame:
    """How much money of each currency was read, kept and set aside; it adds up to the cent.

    Records without a readable amount count with none.
    """
    columns = {row[0] for row in engine.execute("describe final_transactions").fetchall()}
    code = f"coalesce(currency, {quote(currency)})" if "currency" in columns else quote(currency)
    state = (
        "case when _rule is not null then _rule when kind = 'sale' then 'sales' "
        "when purchase_day is null then 'returns unmatched' else 'returns matched' end"
    )
    return engine.execute(
        f"with lines as (select {code} as currency, {state} as state, amount from final_transactions) "
        "select currency, state, count(*) as records, coalesce(sum(amount), 0)::double as amount from "
        "(from lines union all select currency, 'read', amount from lines) group by all order by all"
    ).df().astype({"currency": "str", "state": "str", "records": "int64", "amount": "float64"})  # fmt: skip


def score_quality(engine: duckdb.DuckDBPyConnection, source: Source, as_of: str) -> pd.DataFrame:
    """Completeness, validity, uniqueness and (where a table has dates) timeliness of each input table."""
    rows = []
    for table, parts in source.tables.items():
        rows += [(table, *row) for row in (
            ("completeness", *_completeness(engine, table, parts)), ("validity", *_validity(engine, table)),
            ("uniqueness", *_uniqueness(engine, table)))]  # fmt: skip
        if timeliness := measure_freshness(engine, table, as_of):
            rows.append((table, "timeliness", timeliness["score"], describe_freshness(timeliness)))
    return pd.DataFrame(rows, columns=["table", "dimension", "score", "because"])


def _completeness(engine, table: str, parts: list[Part]) -> tuple[float, str]:
    """Filled cells of the cells that a part declares; a column that it does not have is no gap."""
    records, filled, gaps = 0, 0, {}
    for number, part in enumerate(parts):
        counts = ", ".join(f"count({name(column)})" for column in part.columns)
        rows, *found = engine.execute(
            f"select count(*), {counts} from final_{table} where _part = {number}"
        ).fetchone()
        records, filled = records + rows * len(found), filled + sum(found)
        for column, count in zip(part.columns, found, strict=True):
            gaps[column] = gaps.get(column, 0) + rows - count
    worst = max(gaps, key=gaps.get)
    because = _("{filled} of {cells} cells filled").format(filled=f"{filled:,}", cells=f"{records:,}")
    if gaps[worst]:
        because += _("; most gaps in {column}: {gaps}").format(column=worst, gaps=f"{gaps[worst]:,}")
    return (filled / records if records else 1.0), because


def _validity(engine, table: str) -> tuple[float, str]:
    forms = ", ".join(map(quote, FORM_RULES))
    breach = (
        f"(_rule not in ({forms}) and not starts_with(_rule, 'excluded: ')) or (_rule is null "
        "and len(_remarks) > 0 and list_has_any(_remarks, ['exact duplicate', 'id merged']) = false)"
    )
    return _share_without(
        engine, table, breach, _("{found} of {records} records break a rule on their values")
    )


def _uniqueness(engine, table: str) -> tuple[float, str]:
    copy = "_rule in ('exact duplicate', 'repeated key') or list_contains(_remarks, 'exact duplicate')"
    return _share_without(engine, table, copy, _("{found} of {records} records repeat an earlier one"))


def _share_without(engine, table: str, condition: str, words: str) -> tuple[float, str]:
    """Share of the records for which a condition does not hold, and how many those are for which it does."""
    records, found = engine.execute(
        f"select count(*), count(*) filter ({condition}) from final_{table}"
    ).fetchone()
    return 1 - found / max(records, 1), words.format(found=f"{found:,}", records=f"{records:,}")


def measure_freshness(engine: duckdb.DuckDBPyConnection, table: str, as_of: str) -> dict:
    """How new a table is: days and counts, or nothing where it has no dates.

    The score is 1 while the gap between the newest record and `as_of` is no longer than the gaps that this
    table
    usually shows (their 99 % quantile), and falls as usual / gap beyond that.
    """
    column = EVENT[table]
    if column not in {row[0] for row in engine.execute(f"describe final_{table}").fetchall()}:
        return {}
    newest, oldest, active, usual = engine.execute(
        f"with days as (select distinct {column}::date as d from final_{table} where _rule is null and "
        f"{column} is not null), "
        "gaps as (select d, d - lag(d) over (order by d) as gap from days) "
        "select max(d), min(d), count(*), quantile_disc(gap, 0.99) from gaps"
    ).fetchone()
    if newest is None or usual is None:
        return {}
    gap = (pd.Timestamp(as_of).date() - newest).days
    span = (newest - oldest).days + 1
    last = pd.Timestamp(as_of)
    return {"newest": str(newest), "oldest": str(oldest), "gap": gap, "span": span, "missing": span - active,
            "usual": usual, "score": min(1.0, usual / gap) if gap > 0 else 1.0,
            "month_day": last.day, "month_days": last.days_in_month}  # fmt: skip


def describe_freshness(found: dict) -> str:
    """The words for `measure_freshness`."""
    said = _(
        "newest record {newest}, {gap} days before as_of; {missing} of {span} days hold no record"
    ).format(**found)
    if found["month_day"] < found["month_days"]:
        said += _("; the last month is partial ({month_day} of {month_days} days)").format(**found)
    return said
