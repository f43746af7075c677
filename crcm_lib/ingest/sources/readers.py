"""Files and database queries -> raw tables in the engine: every record in its order, none validated.

A raw table has `_file` (the file's name), `_record` (1 for the first record after the header), `_at` (a
number that no other record has), `_whole` (whether the record has as many fields as the header) and the
file's own columns; columns of text files are text, exactly as they stand there.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import batches, databases
from crcm_lib.ingest.sources.databases import without_values
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.ingest.sources.encodings import refuse_wrong_encoding
from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.ingest.sources.headers import MAX_COLUMNS, RAW_COLUMNS
from crcm_lib.ingest.sources.paths import find_files
from crcm_lib.ingest.sources.postgres import is_postgres
from crcm_lib.ingest.sources.text_files import TextFile
from crcm_lib.ingest.sources.workbooks import Worksheet
from crcm_lib.schema.engine import Engine


@dataclass(frozen=True)
class RawTable:
    """A raw table.

    Attributes
    ----------
    name
        Its name in the engine.
    columns
        Its columns with their SQL types.
    records
        Its records by file.
    remarks
        What readers of the report should know of its files: cells that hold errors, hidden rows and sheets.
    hint
        Which line of a file seems to be the header instead of the one that was taken; "" if none does.
    """

    name: str
    columns: dict[str, str]
    records: dict[str, int]
    remarks: tuple[str, ...] = ()
    hint: str = ""


def read_raw(engine: duckdb.DuckDBPyConnection, file: File, source: Source, table: str) -> RawTable:
    """Make the raw table `table` of a `File`."""
    paths = find_files(file, source)
    _refuse_equal(paths)
    labels = _label_paths(paths)
    selects, remarks, hint = [], [], ""
    for number, path in enumerate(paths):
        piece = f"{table}_{number}"
        try:
            said, proposed = _read_file(engine, file, path, piece)
        except OSError as error:
            problem = _("{file}: cannot be read: {why}")
            raise DataError(problem.format(file=labels[path], why=error.strerror)) from None
        remarks += said
        hint = hint or proposed
        selects.append(f"""
            select {sql_literal(labels[path])} as _file, {number << 36} + _record as _at, *
            from {sql_identifier(piece)}
        """)
    view = sql_identifier(table)
    engine.execute(f"create view {view} as {' union all by name '.join(selects)}")
    described = engine.execute(f"describe {view}").fetchall()
    columns = {row[0]: row[1] for row in described if row[0] not in RAW_COLUMNS}
    counts = engine.execute(f"select _file, count(*) from {view} group by all order by all").fetchall()
    records = dict.fromkeys(labels.values(), 0) | dict(counts)
    return RawTable(table, columns, records, tuple(remarks), hint)


def _label_paths(paths: list[Path]) -> dict[Path, str]:
    """The names of files; those that several folders hold with their folder."""
    names = [path.name for path in paths]
    return {
        path: path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        for path in paths
    }


def _refuse_equal(paths: list[Path]) -> None:
    """Refuse a pattern that matches two files of the same content: it would double all that they hold."""
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        sizes[path.stat().st_size].append(path)
    first: dict[bytes, Path] = {}
    equal = []
    for path in (path for same in sizes.values() if len(same) > 1 for path in same):
        with open(path, "rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        if content in first:
            equal.append(_("{first} and {second}").format(first=first[content].name, second=path.name))
        first.setdefault(content, path)
    if equal:
        problem = _("files of equal content would count twice; remove one of each: {names}")
        raise DataError(problem.format(names="; ".join(equal[:5])))


def _read_file(
    engine: duckdb.DuckDBPyConnection, file: File, path: Path, table: str
) -> tuple[list[str], str]:
    """Stage one file; what should be said of it, and which line seems to be its header instead."""
    if path.stat().st_size == 0:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    suffix = path.suffix.lower()
    if is_postgres(file.database):
        file = File(path=path.name)  # a snapshot of the database, as text
    if file.database:
        header, rows = databases.run_query(path, file.query)
        batches.stage(engine, table, header, rows, path.name)
    elif suffix == ".parquet":
        _read_parquet(engine, path, table)
    elif suffix == ".xlsx":
        sheet = Worksheet(path, file)
        batches.stage(engine, table, sheet.header, sheet.batches(), path.name)
        return sheet.close(), sheet.hint
    else:
        refuse_wrong_encoding(file.encoding, path)
        text = TextFile(path, file)
        batches.stage(engine, table, text.header, text.batches(), path.name)
        return [], text.hint
    return [], ""


def _read_parquet(engine: Engine, path: Path, table: str) -> None:
    view = sql_identifier(table)
    try:
        engine.execute(f"""
            create view {view} as
            select file_row_number + 1 as _record, true as _whole, * exclude (file_row_number)
            from read_parquet({sql_literal(str(path))}, file_row_number=true)
        """)
        names = [row[0] for row in engine.execute(f"describe {view}").fetchall()]
    except duckdb.Error as error:
        problem = _("{file}: cannot be read as Parquet: {why}")
        raise DataError(problem.format(file=path.name, why=without_values(error))) from None
    if len(names) > MAX_COLUMNS or any(column.startswith(RAW_COLUMNS) for column in names[2:]):
        problem = _("{file}: at most {most} columns, and none of them named {own}")
        raise DataError(problem.format(file=path.name, most=MAX_COLUMNS, own=", ".join(RAW_COLUMNS)))


def open_staging(folder: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database of its own on disk, so that files larger than memory can be read."""
    engine = duckdb.connect(str(folder / "staging.duckdb"), config={"threads": threads} if threads else {})
    engine.execute(f"set temp_directory = {sql_literal(str(folder / 'spill'))}")
    engine.execute("set memory_limit = '1500MB'")
    engine.execute("set TimeZone = 'UTC'")
    return engine
