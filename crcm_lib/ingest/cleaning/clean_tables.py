"""Raw files -> clean tables + rejects, with every record and every cent accounted for.

Each input table passes through views of the staging engine, and only its last is written:
`validated_<table>` (all parts, typed, rules and remarks) -> `dated_` (nothing later than as_of) -> `flagged_`
(repeated records) -> `final_` (returns with the day of their sale).
"""

import contextlib
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crcm_lib.errors import DataError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning import consents, gate, ids, ledger, signed_decisions
from crcm_lib.ingest.cleaning.check_report import describe_source
from crcm_lib.ingest.cleaning.duplicates import flag_duplicates
from crcm_lib.ingest.cleaning.forgotten_records import set_aside_forgotten
from crcm_lib.ingest.cleaning.prepare import PreparedPart, prepare
from crcm_lib.ingest.cleaning.readiness import assess_readiness
from crcm_lib.ingest.cleaning.returns import match_returns
from crcm_lib.ingest.cleaning.unread_status import find_unread_status
from crcm_lib.ingest.cleaning.validate import validate
from crcm_lib.ingest.sources.description import Source
from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.ingest.sources.paths import find_files
from crcm_lib.ingest.sources.progress import current_listener
from crcm_lib.ingest.sources.readers import open_staging
from crcm_lib.schema import tables
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import EVENT_DATE, INPUTS, names_customers
from crcm_lib.schema.tables import READY, About

# Columns that were not known before the day in another column: they are left empty if it is after as_of.
KNOWN_SINCE = {
    "tickets": {"responded": "responded", "resolved": "resolved", "satisfaction": "resolved"},
    "invoices": {"paid": "paid"},
    "contracts": {"renewed": "end"},
    "opportunities": {"closed": "closed", "lost_reason": "closed"},
}
# Columns that say what is so on the day of the export: empty if that changed after as_of, on the day named.
UNCHANGED_UNTIL = {"opportunities": {"stage": "closed"}}
COMPARED = ("consents", "approvals")  # with the customers of the other tables
KEPT_ALWAYS = ("transactions", *COMPARED)  # whatever ids they have in common
BORN = {"customers": ("birthday", "founded")}
ROW_GROUP = 122_880  # rows of a Parquet row group
RESULT_TABLES = ("rejects", "row_account", "money_account", "set_aside_limits", "quality", "verdict")
FAR_DAY = "9999-12-31"
# What is far beyond the rest: days after it, times its longest gap; how many records may be, of how many.
FAR_DAYS, FAR_TIMES, FEW_BEYOND, MANY_BEFORE = 90, 5, 3, 20


def clean(source: Source, output_dir: str | Path, *, as_of: str = "", threads: int | None = None) -> About:
    """Read a source, set aside what cannot be used, and write the clean tables and their accounts.

    Parameters
    ----------
    source
        From `sources.read_source`.
    output_dir
        The working folder; `clean/`, six result tables and `about.json` are written to it at the end.
    as_of
        The last day that is known, `YYYY-MM-DD`; "" for the source's `last_day`, or else the last day in its
        transactions.
    threads
        Threads of the engine; None for as many as there are processors. The result is the same.

    Returns
    -------
    What the folder describes.

    Raises
    ------
    DataError
        If the source breaks its contract; nothing is written then.
    """
    day = _check_day(as_of or source.last_day)
    folder = tables.resolve(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / READY).exists():  # the check of this run has done it
        _publish(folder / READY, folder)
        shutil.rmtree(folder / READY)
        return tables.read_about(folder)
    with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=folder) as draft:
        with open_staging(Path(draft), threads) as engine:
            about, _parts = _clean(engine, source, Path(draft), day)
        _publish(Path(draft), folder)
    return about


def check(source: Source, output_dir: str | Path, *, as_of: str = "") -> list[dict]:
    """Clean a source as `clean` does, and report what was read.

    Returns
    -------
    The report, see `check_report.describe_source`.

    Raises
    ------
    DataError
        If the source breaks its contract; nothing is written then.
    """
    day = _check_day(as_of or source.last_day)
    with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=output_dir) as draft:
        with open_staging(Path(draft)) as engine:
            _about, parts = _clean(engine, source, Path(draft), day)
            report = describe_source(engine, parts)
        _publish(Path(draft), Path(output_dir))
    return report


def _clean(
    engine: duckdb.DuckDBPyConnection, source: Source, draft: Path, as_of: str
) -> tuple[About, dict[str, list[PreparedPart]]]:
    parts, problems = _prepare_all(engine, source)
    if problems:
        raise DataError(list_problems(source.path.name, problems))
    for table, prepared in parts.items():
        _validate_all(engine, table, prepared)
    if not source.synthetic:  # nobody in it is real
        set_aside_forgotten(engine, parts)
    problems = [
        problem
        for table, prepared in parts.items()
        if names_customers(table)
        for number, part in enumerate(prepared)
        for problem in ids.find_spoiled(engine, table, number, part)
    ]
    later = "after as_of"
    if not as_of:
        as_of, later = choose_last_day(engine)
    for table, prepared in sorted(parts.items(), key=lambda item: item[0] in COMPARED):  # these come last
        _apply_table_rules(engine, table, prepared, as_of, later)
        problems += gate.find_large_shares(engine, table, prepared)
    if "approvals" in parts:
        problems += signed_decisions.find_problems(engine)
    if problems:
        raise DataError(list_problems(source.path.name, problems))
    personal = [table for table in parts if names_customers(table)]
    not_profiled = consents.set_aside_not_profiled(engine, personal) if "consents" in parts else 0
    _refuse_empty(engine, as_of)
    unrelated = _find_unrelated(engine, personal)
    rows = {table: _write_clean(engine, table, draft) for table in parts if table not in unrelated}
    first_day = engine.execute("select min(day) from final_transactions where _rule is null").fetchone()[0]
    about = About(
        source=source.name,
        title=source.title,
        as_of=as_of,
        first_day=str(first_day),
        currency=source.currency,
        synthetic=source.synthetic,
        tables={table: count for table, count in rows.items() if count},
    )
    for name, query in consents.describe_not_profiled(not_profiled).items():
        _write_parquet(engine, query, draft / "clean" / f"{name}.parquet")
    for name, frame in {
        "rejects": ledger.list_rejects(engine, list(parts)),
        "row_account": ledger.account_rows(engine, _count_records(parts)),
        "money_account": ledger.account_money(engine, source.currency),
        "set_aside_limits": pd.concat([gate.list_limits(engine, *item) for item in parts.items()]),
        "quality": ledger.score_quality(engine, source, as_of),
        "verdict": assess_readiness(engine, list(parts), unrelated, as_of),
    }.items():
        tables.write(frame, draft, name)
    tables.write_about(about, draft)
    return about, parts


def _check_day(as_of: str) -> str:
    if not as_of:
        return ""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", as_of):
            raise ValueError
        return str(pd.Timestamp(as_of).date())
    except ValueError:
        problem = _("as_of: {given!r} is not a day; write YYYY-MM-DD, or leave it empty")
        raise UsageError(problem.format(given=as_of)) from None


def confine(engine: Engine, source: Source) -> None:
    """Let the engine read the files that are described, and no other; databases are not read by it."""
    parts = [part for parts in source.tables.values() for part in parts]
    files = [file for part in parts for file in (part, *part.lookups.values()) if not file.database]
    paths = []
    for file in files:
        with contextlib.suppress(DataError):  # told where the file is read
            paths += find_files(file, source)
    listed = ", ".join(sql_literal(str(path)) for path in dict.fromkeys(paths))
    engine.execute(f"set allowed_paths = [{listed}]")
    engine.execute("set enable_external_access = false")


def _prepare_all(
    engine: duckdb.DuckDBPyConnection, source: Source
) -> tuple[dict[str, list[PreparedPart]], list[str]]:
    """All parts by table, and what is wrong with any of them."""
    parts: dict[str, list[PreparedPart]] = {table: [] for table in source.tables}
    problems: list[str] = []
    confine(engine, source)
    for table, described in source.tables.items():
        for number in range(len(described)):
            try:
                prepared = prepare(engine, source, table, number)
            except DataError as error:
                problems.append(f"{table}: {error}")
            else:
                parts[table].append(prepared)
                problems += prepared.problems
                if not prepared.problems:
                    prepared.unread_status = find_unread_status(engine, prepared)
    return parts, list(dict.fromkeys(problems))


def _count_records(parts: dict[str, list[PreparedPart]]) -> dict[str, dict[str, int]]:
    """How many records each file of each table holds."""
    counts: dict[str, dict[str, int]] = {}
    for table, prepared_parts in parts.items():
        counts[table] = {}
        for prepared in prepared_parts:
            for file, records in prepared.raw.records.items():
                counts[table][file] = counts[table].get(file, 0) + records
    return counts


def _validate_all(engine: Engine, table: str, parts: list[PreparedPart]) -> None:
    """Make `validated_<table>`: the records of all parts, `_part` and `_at` telling them apart."""
    current_listener()({"event": "checking", "table": table})
    selects = [
        f"select {n} as _part, * replace ({n << 48} + _at as _at) from {validate(engine, prepared)}"
        for n, prepared in enumerate(parts)
    ]
    engine.execute(f"create view validated_{table} as {' union all by name '.join(selects)}")


def choose_last_day(engine: Engine) -> tuple[str, str]:
    """The last day of the transactions, and the rule that sets later records aside.

    A few records far beyond the rest, such as those of a mistyped year, do not decide what day it is.
    """
    days = engine.execute("""
        select time::date, count(*) from validated_transactions where _rule is null and time is not null
        group by 1 order by 1
    """).fetchall()
    if not days:
        return FAR_DAY, "after as_of"  # no record is usable on any day, which `_refuse_empty` reports
    gaps = [(after - before).days for (before, _n), (after, _m) in itertools.pairwise(days)]
    records, beyond = sum(count for _day, count in days), 0
    for number in range(len(days) - 1, 0, -1):
        beyond += days[number][1]
        if beyond > min(FEW_BEYOND, records / MANY_BEFORE):
            break
        if gaps[number - 1] > max(FAR_DAYS, FAR_TIMES * max(gaps[: number - 1], default=0)):
            return str(days[number - 1][0]), "time far beyond the rest"
    return str(days[-1][0]), "after as_of"


def _find_unrelated(engine: Engine, personal: list[str]) -> set[str]:
    """Tables that have no customer in common with the transactions: they say nothing of anybody here."""
    shared = {table: ids.count_shared(engine, table) for table in personal if table not in KEPT_ALWAYS}
    return {table for table, (own, common) in shared.items() if own >= ids.FEW_IDS and not common}


def _refuse_empty(engine: Engine, as_of: str) -> None:
    """Without a single usable transaction there is nothing to report on."""
    rules = engine.execute("""
        select _rule, count(*) from final_transactions group by all order by 2 desc, 1
    """).fetchall()
    if not rules:
        raise DataError(_("transactions: the files hold a header and no records"))
    if all(rule is not None for rule, _count in rules):
        problem = _("transactions: none of {records} records can be used: {reasons} (as_of: {as_of})")
        records = sum(count for _rule, count in rules)
        reasons = "; ".join(f"{rule} {count}" for rule, count in rules)
        raise DataError(problem.format(records=records, reasons=reasons, as_of=as_of))


def _apply_table_rules(
    engine: duckdb.DuckDBPyConnection, table: str, parts: list[PreparedPart], as_of: str, later: str
) -> None:
    """Apply the rules that need the whole table: the day, copies, repeated keys, merged ids, returns."""
    described = engine.execute(f"describe validated_{table}").fetchall()
    columns = [row[0] for row in described if not row[0].startswith("_")]
    event = EVENT_DATE[table]
    is_later = f"{sql_identifier(event)}::date > date {sql_literal(as_of)}" if event in columns else "false"
    given = consents.fold_consents(engine) if table == "consents" else f"validated_{table}"
    replaced = [
        f"coalesce(_rule, case when {is_later} then {sql_literal(later)} end) as _rule",
        *_empty_unless_known(table, columns, as_of),
        *_bring_births_back(table, parts, columns, as_of),
    ]
    engine.execute(f"""
        create view dated_{table} as select * replace ({", ".join(replaced)}) from {given}
    """)
    flag_duplicates(engine, table, parts, columns)
    if table != "transactions":
        engine.execute(f"create view final_{table} as from flagged_{table}")
        return
    match_returns(engine, "flagged_transactions", [sql_identifier(column) for column in columns])
    engine.execute("""
        create view final_transactions as
        select
            l.*, time::date as day,
            case when kind = 'sale' then time::date else purchase_day end as purchase_day
        from flagged_transactions l left join matched using (_at)
    """)


def _empty_unless_known(table: str, columns: list[str], as_of: str) -> Iterator[str]:
    """Columns that are empty while what they hold was not known on as_of."""
    for column, since in KNOWN_SINCE.get(table, {}).items():
        if {column, since} <= set(columns):
            is_known = f"{sql_identifier(since)}::date <= date {sql_literal(as_of)}"
            yield f"case when {is_known} then {sql_identifier(column)} end as {sql_identifier(column)}"
    for column, until in UNCHANGED_UNTIL.get(table, {}).items():
        if {column, until} <= set(columns):
            is_changed = f"coalesce({sql_identifier(until)}::date > date {sql_literal(as_of)}, false)"
            yield f"case when not {is_changed} then {sql_identifier(column)} end as {sql_identifier(column)}"


def _bring_births_back(
    table: str, parts: list[PreparedPart], columns: list[str], as_of: str
) -> Iterator[str]:
    """Days of birth and foundation, none after as_of: a year of two digits is of the century before then."""
    for column in BORN.get(table, ()):
        if column in columns:
            name = sql_identifier(column)
            short = [str(n) for n, each in enumerate(parts) if "%y" in each.part.format_of(column)]
            century = f"when _part in ({', '.join(short)}) then ({name} - interval 100 year)::date"
            is_past = f"when {name} <= date {sql_literal(as_of)} then {name}"
            yield f"case {is_past} {century if short else ''} end as {name}"


def _write_clean(engine: duckdb.DuckDBPyConnection, table: str, draft: Path) -> int:
    """Write a clean table; returns the number of records. One without a usable record is not written.

    Consents are: nobody having consented is not the same as nobody having been asked.
    """
    usable = f"from final_{table} where _rule is null"
    rows = engine.execute(f"select count(*) {usable}").fetchone()[0]
    if rows or table == "consents":
        described = {row[0] for row in engine.execute(f"describe final_{table}").fetchall()}
        declared = [column for column in INPUTS[table].columns if column in described]
        extra = sorted(c for c in described - set(declared) if not c.startswith("_"))
        columns = ", ".join(map(sql_identifier, declared + extra))
        (draft / "clean").mkdir(exist_ok=True)
        query = f"select {columns} {usable} order by {_order(table, declared + extra)}"
        _write_parquet(engine, query, draft / "clean" / f"{table}.parquet")
    return rows


def _write_parquet(engine: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write rows in groups of a fixed size: equal rows give equal bytes, which `copy` does not promise."""
    with engine.cursor() as cursor:
        reader = cursor.sql(query).to_arrow_reader(ROW_GROUP)
        with pq.ParquetWriter(path, reader.schema) as writer:
            waiting = reader.schema.empty_table()
            for batch in reader:
                waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
                while len(waiting) >= ROW_GROUP:
                    writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks(), row_group_size=ROW_GROUP)
                    waiting = waiting.slice(ROW_GROUP)
            if len(waiting):
                writer.write_table(waiting.combine_chunks(), row_group_size=ROW_GROUP)


def _order(table: str, columns: list[str]) -> str:
    """The order of a clean table: by customer, time, everything else; equal content gives equal bytes."""
    first = [column for column in ("customer_id", EVENT_DATE[table]) if column in columns]
    return ", ".join(map(sql_identifier, dict.fromkeys(first + columns)))


def _publish(draft: Path, folder: Path) -> None:
    """Move the finished tables to their places; tables of an earlier source are removed."""
    shutil.rmtree(folder / "clean", ignore_errors=True)
    os.replace(draft / "clean", folder / "clean")
    (folder / "tables").mkdir(exist_ok=True)
    for name in RESULT_TABLES:
        os.replace(tables.table_path(draft, name), tables.table_path(folder, name))
    os.replace(draft / "about.json", folder / "about.json")
