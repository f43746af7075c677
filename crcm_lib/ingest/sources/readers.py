"""Files and database queries -> raw tables in the engine: every record in its order, none validated.

A raw table has `_file` (the file's name), `_record` (1 for the first record after the header), `_at` (a
number that no other record has), `_whole` (whether the record has as many fields as the header) and the
file's own columns; columns of text files are text, exactly as they stand there.
"""

import codecs
import csv
import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.ingest.sources.encodings import codec_of, refuse_wrong_encoding
from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.ingest.sources.paths import delimiter_of, find_files
from crcm_lib.schema.engine import Engine

BATCH = 50_000  # records read at a time
MAX_COLUMNS = 500
MAX_FIELD = 1_000_000  # characters
MAX_WORKBOOK = 2**31  # bytes, unpacked
NULL_TEXT = "\x02\x03"  # a text that no file holds, so that no field of a file is read as missing
RAW_COLUMNS = ("_file", "_at", "_record", "_whole")


@dataclass(frozen=True)
class RawTable:
    """A raw table: its name in the engine, its columns with their SQL types, its records by file."""

    name: str
    columns: dict[str, str]
    records: dict[str, int]


def read_raw(
    engine: duckdb.DuckDBPyConnection, file: File, source: Source, table: str, limit: int = 0
) -> RawTable:
    """Make the raw table `table` of a `File`; with `limit`, of the first records at each path only."""
    paths = find_files(file, source)
    labels = _label_paths(paths)
    selects = []
    for number, path in enumerate(paths):
        piece = f"{table}_{number}"
        _read_file(engine, file, path, piece, limit)
        selects.append(f"""
            select {sql_literal(labels[path])} as _file, {number << 36} + _record as _at, *
            from {sql_identifier(piece)}
        """)
    view = sql_identifier(table)
    engine.execute(f"create view {view} as {' union all by name '.join(selects)}")
    described = engine.execute(f"describe {view}").fetchall()
    columns = {row[0]: row[1] for row in described if row[0] not in RAW_COLUMNS}
    counts = engine.execute(f"select _file, count(*) from {view} group by all order by all").fetchall()
    return RawTable(table, columns, dict.fromkeys(labels.values(), 0) | dict(counts))


def _label_paths(paths: list[Path]) -> dict[Path, str]:
    """The names of files; those that several folders hold with their folder."""
    names = [path.name for path in paths]
    return {
        path: path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        for path in paths
    }


def _read_file(engine: duckdb.DuckDBPyConnection, file: File, path: Path, table: str, limit: int) -> None:
    if path.stat().st_size == 0:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    suffix = path.suffix.lower()
    if file.database:
        header, rows = _query(path, file.query, limit)
        return _stage(engine, table, header, rows)
    if suffix == ".parquet":
        return _read_parquet(engine, path, table, limit)
    if suffix == ".xlsx":
        return _stage(engine, table, *_split_header(_sheet_rows(path, file), file, path), limit)
    delimiter = delimiter_of(file, path)
    refuse_wrong_encoding(file.encoding, path)
    if not limit and _read_regular(engine, file, path, table, delimiter):
        return None
    return _stage(engine, table, *_split_header(_text_rows(path, file, delimiter), file, path), limit)


def _read_parquet(engine: Engine, path: Path, table: str, limit: int) -> None:
    view = sql_identifier(table)
    try:
        engine.execute(f"""
            create view {view} as
            select file_row_number + 1 as _record, true as _whole, * exclude (file_row_number)
            from read_parquet({sql_literal(str(path))}, file_row_number=true)
            {f"limit {limit}" if limit else ""}
        """)
        names = [row[0] for row in engine.execute(f"describe {view}").fetchall()]
    except duckdb.Error as error:
        problem = _("{file}: cannot be read as Parquet: {why}")
        raise DataError(problem.format(file=path.name, why=_without_values(error))) from None
    if len(names) > MAX_COLUMNS or any(column.startswith(RAW_COLUMNS) for column in names[2:]):
        problem = _("{file}: at most {most} columns, and none of them named {own}")
        raise DataError(problem.format(file=path.name, most=MAX_COLUMNS, own=", ".join(RAW_COLUMNS)))


def _without_values(error: Exception) -> str:
    """The first line of the engine's message, without what it quotes: that could be a customer's value."""
    return re.sub(r"""'[^']*'|"[^"]*\"""", "…", str(error).splitlines()[0])


def _read_regular(engine: Engine, file: File, path: Path, table: str, delimiter: str) -> bool:
    """Let the engine read a regular UTF-8 file, which is fast; False if a line of it is irregular."""
    if codecs.lookup(file.encoding).name != "utf-8" or file.widths or delimiter == " " or file.skip_lines:
        return False
    header, _rows = _split_header(_text_rows(path, file, delimiter), file, path)
    types = ", ".join(f"{sql_literal(column)}: 'varchar'" for column in header)
    try:
        engine.execute(f"""
            create table {sql_identifier(table)} as
            select row_number() over () as _record, true as _whole, *
            from read_csv(
                {sql_literal(str(path))}, auto_detect=false, header={str(file.header).lower()},
                columns={{{types}}}, delim={sql_literal(delimiter)}, quote='"', escape='"',
                nullstr={sql_literal(NULL_TEXT)}, strict_mode=true, max_line_size={MAX_FIELD}
            )
        """)
    except duckdb.Error:
        engine.execute(f"drop table if exists {sql_identifier(table)}")
        return False
    return True


def _text_rows(path: Path, file: File, delimiter: str) -> Iterator[list[str]]:
    with open(path, encoding=codec_of(file.encoding), newline="") as stream:
        for _skipped in range(file.skip_lines):
            stream.readline()
        if file.widths:
            spans = list(itertools.pairwise([0, *itertools.accumulate(file.widths)]))
            yield from ([line[a:b].strip() for a, b in spans] for line in stream if line.strip())
        elif delimiter == " ":
            yield from (fields for line in stream if (fields := line.split()))
        else:
            csv.field_size_limit(MAX_FIELD)
            try:
                yield from (row for row in csv.reader(stream, delimiter=delimiter, strict=True) if row)
            except csv.Error as error:
                problem = _("{file}: cannot be read as delimited text: {why}")
                raise DataError(problem.format(file=path.name, why=error)) from None


def _split_header(rows: Iterator[list[str]], file: File, path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns, checked, and the rows of data."""
    first = next(rows, None)
    if first is None:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    if not file.header and not file.names:
        raise DataError(_("{file}: header: false needs names: [...]").format(file=path.name))
    header = file.names or [column.strip() for column in first]
    if not file.header:
        rows = itertools.chain([first], rows)
    repeated = sorted({column for column in header if header.count(column) > 1})
    if len(header) > MAX_COLUMNS:
        problem = _("{file}: {count} columns; {most} at most")
        raise DataError(problem.format(file=path.name, count=len(header), most=MAX_COLUMNS))
    if repeated or not all(header) or set(RAW_COLUMNS) & set(header):
        problem = _("{file}: every column of the header needs a name of its own; repeated or empty: {names}")
        raise DataError(problem.format(file=path.name, names=", ".join(map(repr, repeated)) or "''"))
    if len({column.lower() for column in header}) < len(header):
        problem = _("{file}: two columns differ in capital letters only; rename one")
        raise DataError(problem.format(file=path.name))
    return header, rows


def _stage(
    engine: duckdb.DuckDBPyConnection,
    table: str,
    header: list[str],
    rows: Iterator[list[str]],
    limit: int = 0,
) -> None:
    """Write rows of text to a table, a batch at a time; rows of another length than the header are marked."""
    columns = ", ".join(f"{sql_identifier(column)} varchar" for column in header)
    engine.execute(f"create table {sql_identifier(table)} (_record bigint, _whole boolean, {columns})")
    width, record = len(header), 0
    rows = itertools.islice(rows, limit) if limit else rows
    while batch := list(itertools.islice(rows, BATCH)):
        whole = [len(row) == width for row in batch]
        even = [row if fits else (row + [""] * width)[:width] for row, fits in zip(batch, whole, strict=True)]
        arrays = [
            pa.array(range(record + 1, record + len(batch) + 1), pa.int64()),
            pa.array(whole, pa.bool_()),
            *(pa.array(values, pa.string()) for values in zip(*even, strict=True)),
        ]
        engine.register("batch", pa.table(arrays, ["_record", "_whole", *header]))
        engine.execute(f"insert into {sql_identifier(table)} from batch")
        engine.unregister("batch")
        record += len(batch)


def _sheet_rows(path: Path, file: File) -> Iterator[list[str]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_WORKBOOK:
            problem = _("{file}: unpacks to {size} bytes; {most} at most")
            raise DataError(problem.format(file=path.name, size=size, most=MAX_WORKBOOK))
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        problem = _("{file}: cannot be read as XLSX: {why}")
        raise DataError(problem.format(file=path.name, why=error)) from None
    sheets = ", ".join(book.sheetnames)
    if not file.sheet and len(book.sheetnames) > 1:
        problem = _("{file}: has several sheets; declare which (sheet: …): {names}")
        raise DataError(problem.format(file=path.name, names=sheets))
    if file.sheet and file.sheet not in book.sheetnames:
        problem = _("{file}: no sheet {sheet!r}. Known: {names}.")
        raise DataError(problem.format(file=path.name, sheet=file.sheet, names=sheets))
    sheet = book[file.sheet or book.sheetnames[0]]
    for row in sheet.iter_rows(min_row=1 + file.skip_lines, values_only=True):
        cells = [_cell_text(value) for value in row]
        if any(cells):
            yield cells
    book.close()


def _cell_text(value: Any) -> str:
    """A cell as exact text: whole numbers without a decimal point, days and times in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "day") else str(value)


def _query(path: Path, query: str, limit: int) -> tuple[list[str], Iterator[list[str]]]:
    """Run one SELECT on a DuckDB file, read-only and without reach outside it; values as text."""
    settings = {"enable_external_access": "false", "lock_configuration": "true"}
    try:
        with duckdb.connect(str(path), read_only=True, config=settings) as database:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise DataError(_("{file}: the query should be one SELECT").format(file=path.name))
            select = f"select columns(*)::varchar from ({query.strip().rstrip(';')})"
            result = database.execute(f"{select} limit {limit}" if limit else select)
            header = [column[0] for column in result.description]
            rows = [["" if cell is None else cell for cell in row] for row in result.fetchall()]
    except duckdb.Error as error:
        problem = _("{file}: the query fails: {why}")
        raise DataError(problem.format(file=path.name, why=_without_values(error))) from None
    return header, iter(rows)


def open_staging(folder: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database of its own on disk, so that files larger than memory can be read."""
    engine = duckdb.connect(str(folder / "staging.duckdb"), config={"threads": threads} if threads else {})
    engine.execute(f"set temp_directory = {sql_literal(str(folder / 'spill'))}")
    engine.execute("set memory_limit = '1500MB'")
    engine.execute("set TimeZone = 'UTC'")
    return engine
