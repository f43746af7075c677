"""Files and database queries -> raw tables in the engine: every record, in its order, nothing judged.

A raw table has `_file` (the file's name), `_record` (1 for the first record after the header), `_at` (a
number of its
own for each record), `_whole` (has the record as many fields as the header?) and the file's own columns;
columns of
text files are text, exactly as given.
"""

import codecs
import csv
import itertools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.ingest.sources.encodings import codec_of, refuse_wrong_encoding
from crcm_lib.ingest.sources.expressions import name, quote
from crcm_lib.ingest.sources.paths import delimiter_of, find_files

BATCH = 50_000  # records read at a time
WIDEST, LONGEST, UNPACKED = (
    500,
    1_000_000,
    2**31,
)  # columns; characters of a field; bytes of an unpacked workbook
NOTHING = "\x02\x03"  # a text that no file holds, so that no field of a file is read as missing
OWN = ("_file", "_at", "_record", "_whole")


@dataclass(frozen=True)
class Raw:
    """A raw table: its name in the engine, its columns with their SQL types, its files and their records."""

    table: str
    columns: dict[str, str]
    records: dict[str, int]


def read_raw(
    engine: duckdb.DuckDBPyConnection, file: File, source: Source, table: str, limit: int = 0
) -> Raw:
    """Make the raw table `table` of a file entry; with `limit`, of the first records of each file only."""
    paths = find_files(file, source)
    labels = _labels(paths)
    pieces = []
    for number, path in enumerate(paths):
        piece = f"{table}_{number}"
        _read_file(engine, file, path, piece, limit)
        pieces.append(
            f"select {quote(labels[path])} as _file, {number << 36} + _record as _at, * from {name(piece)}"
        )
    engine.execute(f"create view {name(table)} as {' union all by name '.join(pieces)}")
    described = engine.execute(f"describe {name(table)}").fetchall()
    columns = {row[0]: row[1] for row in described if row[0] not in OWN}
    counted = engine.execute(
        f"select _file, count(*) from {name(table)} group by all order by all"
    ).fetchall()
    return Raw(table, columns, dict.fromkeys(labels.values(), 0) | dict(counted))


def _labels(paths: list[Path]) -> dict[Path, str]:
    names = [path.name for path in paths]
    return {
        path: path.name if names.count(path.name) == 1 else f"{path.parent.name}/{path.name}"
        for path in paths
    }


def _read_file(engine, file: File, path: Path, piece: str, limit: int) -> None:
    if path.stat().st_size == 0:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    if file.database:
        header, rows = _query(path, file.query, limit)
        return _stage(engine, piece, header, rows)
    if path.suffix.lower() == ".parquet":
        return _read_parquet(engine, path, piece, limit)
    if path.suffix.lower() == ".xlsx":
        return _stage(engine, piece, *_split_header(_sheet(path, file), file, path), limit)
    delimiter = delimiter_of(file, path)
    refuse_wrong_encoding(file.encoding, path)
    if not limit and _read_fast(engine, file, path, piece, delimiter):
        return None
    return _stage(engine, piece, *_split_header(_text_rows(path, file, delimiter), file, path), limit)


def _read_parquet(engine, path: Path, piece: str, limit: int) -> None:
    try:
        engine.execute(
            f"create view {name(piece)} as select file_row_number + 1 as _record, true as _whole, "
            f"* exclude (file_row_number) from read_parquet({quote(str(path))}, file_row_number=true)"
            + (f" limit {limit}" if limit else "")
        )
        named = [row[0] for row in engine.execute(f"describe {name(piece)}").fetchall()]
    except duckdb.Error as error:
        raise DataError(_("{file}: cannot be read as Parquet: {why}").format(
            file=path.name, why=_without_values(error))) from None  # fmt: skip
    if len(named) > WIDEST or any(column.startswith(OWN) for column in named[2:]):
        raise DataError(_("{file}: at most {most} columns, and none of them named {own}").format(
            file=path.name, most=WIDEST, own=", ".join(OWN)))  # fmt: skip


def _without_values(error: Exception) -> str:
    """The first line of a message of the engine, without what it quotes: that could be a customer's value."""
    return re.sub(r"""'[^']*'|"[^"]*\"""", "…", str(error).splitlines()[0])


def _read_fast(engine, file: File, path: Path, piece: str, delimiter: str) -> bool:
    """Let the engine read a regular UTF-8 file; anything irregular is left to the exact reader."""
    if codecs.lookup(file.encoding).name != "utf-8" or file.widths or delimiter == " " or file.skip_lines:
        return False
    header, _rows = _split_header(_text_rows(path, file, delimiter), file, path)
    columns = "{" + ", ".join(f"{quote(column)}: 'varchar'" for column in header) + "}"
    skip = "true" if file.header else "false"
    try:
        engine.execute(
            f"create table {name(piece)} as select row_number() over () as _record, true as _whole, * "
            f"from read_csv("
            f"{quote(str(path))}, auto_detect=false, header={skip}, columns={columns}, "
            f"delim={quote(delimiter)}, "
            f"quote='\"', escape='\"', nullstr={quote(NOTHING)}, strict_mode=true, max_line_size={LONGEST})"
        )
    except duckdb.Error:
        engine.execute(f"drop table if exists {name(piece)}")
        return False
    return True


def _text_rows(path: Path, file: File, delimiter: str) -> Iterator[list[str]]:
    with open(path, encoding=codec_of(file.encoding), newline="") as stream:
        for _skipped in range(file.skip_lines):
            stream.readline()
        if file.widths:
            ends = list(itertools.accumulate(file.widths))
            spans = list(zip([0, *ends], ends, strict=False))
            yield from ([line[a:b].strip() for a, b in spans] for line in stream if line.strip())
        elif delimiter == " ":
            yield from (fields for line in stream if (fields := line.split()))
        else:
            csv.field_size_limit(LONGEST)
            try:
                yield from (row for row in csv.reader(stream, delimiter=delimiter, strict=True) if row)
            except csv.Error as error:
                raise DataError(_("{file}: cannot be read as delimited text: {why}").format(
                    file=path.name, why=error)) from None  # fmt: skip


def _split_header(rows: Iterator[list[str]], file: File, path: Path) -> tuple[list[str], Iterator[list[str]]]:
    first = next(rows, None)
    if first is None:
        raise DataError(_("{file}: empty; it has not even a header").format(file=path.name))
    if not file.header and not file.names:
        raise DataError(_("{file}: header: false needs names: [...]").format(file=path.name))
    header = file.names or [column.strip() for column in first]
    if not file.header:
        rows = itertools.chain([first], rows)
    repeated = sorted({column for column in header if header.count(column) > 1})
    if len(header) > WIDEST:
        raise DataError(
            _("{file}: {count} columns; {most} at most").format(
                file=path.name, count=len(header), most=WIDEST
            )
        )
    if repeated or not all(header) or set(OWN) & set(header):
        said = _("{file}: every column of the header needs a name of its own; repeated or empty: {names}")
        raise DataError(said.format(
            file=path.name, names=", ".join(map(repr, repeated)) or "''"))  # fmt: skip
    if len({column.lower() for column in header}) < len(header):
        raise DataError(
            _("{file}: two columns differ in capital letters only; rename one").format(file=path.name)
        )
    return header, rows


def _stage(engine, piece: str, header: list[str], rows: Iterator[list[str]], limit: int = 0) -> None:
    """Write rows of text to a table, a batch at a time; rows of another length are marked."""
    columns = ", ".join(f"{name(column)} varchar" for column in header)
    engine.execute(f"create table {name(piece)} (_record bigint, _whole boolean, {columns})")
    width, record = len(header), 0
    rows = itertools.islice(rows, limit) if limit else rows
    while batch := list(itertools.islice(rows, BATCH)):
        whole = [len(row) == width for row in batch]
        even = [row if fits else (row + [""] * width)[:width] for row, fits in zip(batch, whole, strict=True)]
        arrays = [
            pa.array(range(record + 1, record + len(batch) + 1), pa.int64()),
            pa.array(whole, pa.bool_()),
        ]
        arrays += [pa.array(values, pa.string()) for values in zip(*even, strict=True)]
        engine.register("batch", pa.table(arrays, ["_record", "_whole", *header]))
        engine.execute(f"insert into {name(piece)} from batch")
        engine.unregister("batch")
        record += len(batch)


def _sheet(path: Path, file: File) -> Iterator[list[str]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > UNPACKED:
            raise DataError(_("{file}: unpacks to {size} bytes; {most} at most").format(
                file=path.name, size=unpacked, most=UNPACKED))  # fmt: skip
        book = load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            _("{file}: cannot be read as XLSX: {why}").format(file=path.name, why=error)
        ) from None
    if not file.sheet and len(book.sheetnames) > 1:
        raise DataError(_("{file}: has several sheets; declare which (sheet: …): {names}").format(
            file=path.name, names=", ".join(book.sheetnames)))  # fmt: skip
    if file.sheet and file.sheet not in book.sheetnames:
        raise DataError(_("{file}: no sheet {sheet!r}. Known: {names}.").format(
            file=path.name, sheet=file.sheet, names=", ".join(book.sheetnames)))  # fmt: skip
    sheet = book[file.sheet or book.sheetnames[0]]
    for row in sheet.iter_rows(min_row=1 + file.skip_lines, values_only=True):
        cells = [_cell(value) for value in row]
        if any(cells):
            yield cells
    book.close()


def _cell(value) -> str:
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
        with duckdb.connect(str(path), read_only=True, config=settings) as base:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise DataError(_("{file}: the query should be one SELECT").format(file=path.name))
            bare = query.strip().rstrip(";")
            table = base.execute(
                f"select columns(*)::varchar from ({bare})" + (f" limit {limit}" if limit else "")
            )
            header = [column[0] for column in table.description]
            rows = [["" if cell is None else cell for cell in row] for row in table.fetchall()]
    except duckdb.Error as error:
        raise DataError(_("{file}: the query fails: {why}").format(
            file=path.name, why=_without_values(error))) from None  # fmt: skip
    return header, iter(rows)


def open_staging(folder: Path, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database of its own on disk, so that files larger than memory can be read."""
    engine = duckdb.connect(str(folder / "staging.duckdb"), config={"threads": threads} if threads else {})
    engine.execute(f"set temp_directory = {quote(str(folder / 'spill'))}")
    engine.execute("set memory_limit = '1500MB'")
    engine.execute("set TimeZone = 'UTC'")
    return engine
