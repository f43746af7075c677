"""Raw files -> clean tables + rejects, with every record and every cent accounted for."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crcm_lib.errors import DataError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning import ledger
from crcm_lib.ingest.cleaning.duplicates import note_changes
from crcm_lib.ingest.cleaning.ledger import EVENT
from crcm_lib.ingest.cleaning.prepare import Prepared, prepare
from crcm_lib.ingest.cleaning.readiness import give_verdict
from crcm_lib.ingest.cleaning.returns import match_returns
from crcm_lib.ingest.cleaning.validate import judge
from crcm_lib.ingest.sources.description import Source
from crcm_lib.ingest.sources.expressions import name, quote
from crcm_lib.ingest.sources.readers import open_staging
from crcm_lib.schema import tables
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import About

# What a record says about days after as_of was not known on as_of: these columns are left empty then.
LAZY_IMPORTS = {
    "tickets": {"responded": "responded", "resolved": "resolved", "satisfaction": "resolved"},
    "invoices": {"paid": "paid"},
    "contracts": {"renewed": "end"},
}
GROUP = 122_880  # rows of a Parquet row group
RESULTS = ("rejects", "row_account", "money_account", "quality", "verdict")


def clean(source: Source, output_dir: str | Path, *, as_of: str = "", threads: int | None = None) -> About:
    """Read a source, set aside what cannot be used, and write the clean tables and their accounts.

    Parameters
    ----------
    source
        From `sources.read_source`.
    output_dir
        The working folder; `clean/`, five results tables and `about.json` appear in it when all went well.
    as_of
        The last day that is known, `YYYY-MM-DD`; empty: the source's `last_day`, or else the last day in its
        transactions.
    threads
        Threads of the engine; empty: as many as there are processors. The result is the same.

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
    with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=folder) as draft:
        with open_staging(Path(draft), threads) as engine:
            about = _clean(engine, source, Path(draft), day)
        _publish(Path(draft), folder)
    return about


def check_source(source: Source) -> list[str]:
    """What keeps a source from being read: files, columns, expressions, formats, on the first records."""
    problems = []
    with tempfile.TemporaryDirectory() as draft, open_staging(Path(draft)) as engine:
        for table, parts in source.tables.items():
            for number in range(len(parts)):
                try:
                    problems += prepare(engine, source, table, number, limit=10_000).problems
                except DataError as error:
                    problems.append(f"{table}: {error}")
    return list(dict.fromkeys(problems))


def _clean(engine: duckdb.DuckDBPyConnection, source: Source, draft: Path, as_of: str) -> About:
    parts = _prepare_all(engine, source)
    files: dict[str, dict[str, int]] = {}
    for table in source.tables:
        own = [ready for ready in parts if ready.table == table]
        files[table] = {}
        for ready in own:
            for file, records in ready.raw.records.items():
                files[table][file] = files[table].get(file, 0) + records
        union = " union all by name ".join(
            f"select {n} as _part, * replace ({n << 48} + _at as _at) from {judge(engine, ready)}"
            for n, ready in enumerate(own)
        )
        engine.execute(f"create view judged_{table} as {union}")
    as_of = as_of or _last_day(engine)
    for table in source.tables:
        _finish(engine, table, [ready for ready in parts if ready.table == table], as_of)
    _refuse_empty(engine, as_of)
    rows = {table: _write(engine, table, draft) for table in source.tables}
    first = engine.execute("select min(day) from final_transactions where _rule is null").fetchone()[0]
    about = About(source=source.name, title=source.title, as_of=as_of, first_day=str(first),
    currency=source.currency,
                  synthetic=source.synthetic, tables={table: n for table,
                  n in rows.items() if n})  # fmt: skip
    results = {
        "rejects": ledger.list_rejects(engine, list(source.tables)),
        "row_account": ledger.account_rows(engine, files),
        "money_account": ledger.account_money(engine, source.currency),
        "quality": ledger.score_quality(engine, source, as_of),
        "verdict": give_verdict(engine, list(source.tables), as_of),
    }
    for result, frame in results.items():
        tables.write(frame, draft, result)
    tables.write_about(about, draft)
    return about


def _check_day(as_of: str) -> str:
    if not as_of:
        return ""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", as_of):
            raise ValueError
        return str(pd.Timestamp(as_of).date())
    except ValueError:
        raise UsageError(
            _("as_of: {given!r} is not a day; write YYYY-MM-DD, or leave it empty").format(given=as_of)
        ) from None


def _prepare_all(engine, source: Source) -> list[Prepared]:
    """Open every part; report what is wrong with any of them at once."""
    parts, problems = [], []
    for table, described in source.tables.items():
        for number in range(len(described)):
            try:
                parts.append(prepare(engine, source, table, number))
            except DataError as error:
                problems.append(f"{table}: {error}")
    problems += [problem for ready in parts for problem in ready.problems]
    if problems:
        raise DataError(list_problems(source.path.name, list(dict.fromkeys(problems))))
    return parts


def _last_day(engine) -> str:
    day = engine.execute("select max(time::date) filter (_rule is null) from judged_transactions").fetchone()[
        0
    ]
    return str(day) if day else "9999-12-31"  # nothing is usable, whatever the day; `_refuse_empty` says so


def _refuse_empty(engine, as_of: str) -> None:
    """Without a single transaction there is nothing to report on."""
    records, kept = engine.execute(
        "select count(*), count(*) filter (_rule is null) from final_transactions"
    ).fetchone()
    if not records:
        raise DataError(_("transactions: the files hold a header and no records"))
    if not kept:
        reasons = engine.execute(
            "select _rule, count(*) from final_transactions group by all order by 2 desc, 1"
        ).fetchall()
        said = _("transactions: none of {records} records can be used: {reasons} (as_of: {as_of})")
        raise DataError(said.format(
            records=records, reasons="; ".join(f"{rule} {count}" for rule, count in reasons),
            as_of=as_of))  # fmt: skip


def _finish(engine, table: str, parts: list[Prepared], as_of: str) -> None:
    """Judge what needs the whole table: the day, copies, repeated keys, merged ids, matched returns."""
    columns = [row[0] for row in engine.execute(f"describe judged_{table}").fetchall()]
    own = [column for column in columns if not column.startswith("_")]
    event = EVENT[table]
    after = f"{name(event)}::date > date {quote(as_of)}" if event in own else "false"
    unknown = "".join(_unknown_yet(table, own, as_of))
    rule = f"coalesce(_rule, case when {after} then 'after as_of' end) as _rule"
    engine.execute(f"create view dated_{table} as select * replace ({rule}{unknown}) from judged_{table}")
    note_changes(engine, table, parts, own)
    if table == "transactions":
        match_returns(engine, "noted_transactions", [name(column) for column in own])
        purchase_day = "case when kind = 'sale' then time::date else purchase_day end as purchase_day"
        more = f", time::date as day, {purchase_day}"
        engine.execute(
            f"create view final_{table} as select l.*{more} from noted_{table} l left join matched using "
            f"(_at)"
        )
    else:
        engine.execute(f"create view final_{table} as from noted_{table}")


def _write(engine, table: str, draft: Path) -> int:
    """Write a clean table in an order of its own; a table without a usable record is not written."""
    given = {row[0] for row in engine.execute(f"describe final_{table}").fetchall()}
    known = [column for column in INPUTS[table].columns if column in given]
    columns = known + sorted(column for column in given - set(known) if not column.startswith("_"))
    rows = engine.execute(f"select count(*) from final_{table} where _rule is null").fetchone()[0]
    if rows:
        (draft / "clean").mkdir(exist_ok=True)
        query = (
            f"select {', '.join(map(name, columns))} from final_{table} where _rule is null "
            f"order by {_order(table, columns)}"
        )
        _write_parquet(engine, query, draft / "clean" / f"{table}.parquet")
    return rows


def _write_parquet(engine, query: str, path: Path) -> None:
    """Write rows in groups of a fixed size: equal rows give equal bytes, which `copy` does not promise."""
    with engine.cursor() as own:
        reader = own.sql(query).to_arrow_reader(GROUP)
        with pq.ParquetWriter(path, reader.schema) as writer:
            waiting = reader.schema.empty_table()
            for batch in reader:
                waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
                while len(waiting) >= GROUP:
                    writer.write_table(waiting.slice(0, GROUP).combine_chunks(), row_group_size=GROUP)
                    waiting = waiting.slice(GROUP)
            if len(waiting):
                writer.write_table(waiting.combine_chunks(), row_group_size=GROUP)


def _unknown_yet(table: str, columns: list[str], as_of: str):
    for column, told in LAZY_IMPORTS.get(table, {}).items():
        if {column, told} <= set(columns):
            known = f"{name(told)}::date <= date {quote(as_of)}"
            yield f", case when {known} then {name(column)} end as {name(column)}"


def _order(table: str, columns: list[str]) -> str:
    """The order of a clean table: by customer, time, everything else; equal content gives equal bytes."""
    first = ["customer_id", EVENT[table]]
    return ", ".join(
        name(c) for c in [*(c for c in first if c in columns), *(c for c in columns if c not in first)]
    )


def _publish(draft: Path, folder: Path) -> None:
    """Move the finished tables to their places; tables of an earlier source go."""
    shutil.rmtree(folder / "clean", ignore_errors=True)
    os.replace(draft / "clean", folder / "clean")
    (folder / "tables").mkdir(exist_ok=True)
    for result in RESULTS:
        os.replace(tables.table_path(draft, result), tables.table_path(folder, result))
    os.replace(draft / "about.json", folder / "about.json")
