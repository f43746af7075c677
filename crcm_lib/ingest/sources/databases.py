"""One SELECT on a SQLite or DuckDB file, read-only and without reach outside it -> batches of text."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb
import numpy as np
import pyarrow as pa

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import batches, headers

SQLITE, DUCKDB = b"SQLite format 3\0", b"DUCK"  # a SQLite file begins so; a DuckDB file after eight bytes
MAX_FIELD = 1_000_000  # characters
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
Batches = Iterator[pa.Table]


def run_query(path: Path, query: str) -> tuple[list[str], Batches]:
    """Run one SELECT on a database file.

    Returns
    -------
    The names of its columns, and its rows as `batches.stage` takes them: exact text, "" for none.

    Raises
    ------
    DataError
        At once or with a batch, if the file is no database, or the query is anything but one SELECT or fails.
    """
    with open(path, "rb") as stream:
        start = stream.read(16)
    if start == SQLITE:
        header, rows = _query_sqlite(path, query)
    elif start[8:12] == DUCKDB:
        header, rows = _query_duckdb(path, query)
    else:
        raise DataError(_("{file}: is neither a SQLite nor a DuckDB file").format(file=path.name))
    headers.check_header(header, path.name, _("Name each column in the query: `… as name`."))
    return header, rows


def _query_duckdb(path: Path, query: str) -> tuple[list[str], Batches]:
    settings = {"enable_external_access": "false", "memory_limit": "1500MB"}
    try:
        database = duckdb.connect(str(path), read_only=True, config=settings)
        database.execute("set TimeZone = 'UTC'")
        database.execute("set lock_configuration = true")
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise DataError(_describe_statements(path))
        asked = query.rstrip("; \n")  # on lines of its own, as a comment at its end ends with its line
        result = database.sql(f"select columns(*)::varchar from (\n{asked}\n)")
        names = result.columns
    except duckdb.Error as error:
        raise DataError(_describe_failure(path, error)) from None

    def read() -> Batches:
        with database:
            try:
                for batch in result.to_arrow_reader(batches.BATCH):
                    columns = [column.fill_null("") for column in batch.columns]
                    yield pa.table([pa.array(np.ones(len(batch), bool)), *columns], ["_whole", *names])
            except duckdb.Error as error:
                raise DataError(_describe_failure(path, error)) from None

    return names, read()


def _query_sqlite(path: Path, query: str) -> tuple[list[str], Batches]:
    _refuse_unwritten(path)
    try:
        # Immutable: SQLite writes no file beside it, and a folder that cannot be written to will do.
        database = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_FIELD)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        database.set_authorizer(_authorize)
        cursor = database.execute(query)
    except sqlite3.Error as error:
        is_other = "authoriz" in str(error) or "one statement" in str(error)
        raise DataError(_describe_statements(path) if is_other else _describe_failure(path, error)) from None
    if cursor.description is None:
        raise DataError(_describe_statements(path))
    names = [column[0] for column in cursor.description]

    def read() -> Batches:
        with closing(database):
            try:
                rows = ([_sqlite_text(value, path) for value in row] for row in cursor)
                yield from batches.from_rows(names, rows)
            except sqlite3.Error as error:
                raise DataError(_describe_failure(path, error)) from None

    return names, read()


def _refuse_unwritten(path: Path) -> None:
    """Refuse a SQLite file whose last changes stand in a file beside it, where they would not be seen."""
    for ending in ("-wal", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.is_file() and beside.stat().st_size:
            problem = _(
                "{file}: {beside} holds changes that are not in it yet; close the program that writes to "
                "it, or copy it with `sqlite3 {file} '.backup copy.sqlite'`"
            )
            raise DataError(problem.format(file=path.name, beside=beside.name))


def _authorize(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
    loads = action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    return sqlite3.SQLITE_OK if action in READING and not loads else sqlite3.SQLITE_DENY


def _sqlite_text(value: object, path: Path) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        raise DataError(_("{file}: the query gives binary values; cast them as text").format(file=path.name))
    text = str(value)
    return text.removesuffix(".0") if isinstance(value, float) else text


def _describe_statements(path: Path) -> str:
    return _("{file}: the query should be one SELECT").format(file=path.name)


def _describe_failure(path: Path, error: Exception) -> str:
    return _("{file}: the query fails: {why}").format(file=path.name, why=without_values(error))


def without_values(error: Exception) -> str:
    """The first line of an engine's message, without what it quotes: that could be a customer's value."""
    return re.sub(r"""'[^']*'|"[^"]*\"""", "…", str(error).splitlines()[0]) if str(error) else ""
