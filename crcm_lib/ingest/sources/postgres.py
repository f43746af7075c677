"""One SELECT on a PostgreSQL database -> a text file that holds what the database held at one moment.

The file is made once for a run, so that what is checked, hashed and read is the same. The password is never
written: it comes from the environment (`PGPASSWORD`, `PGPASSFILE`) or from a service file.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.databases import without_values
from crcm_lib.schema.snapshots import snapshot_folder

SCHEMES = ("postgresql://", "postgres://")
CONNECT_SECONDS, QUERY_SECONDS = 10, 1800
# Every value in its exact and unambiguous text, whatever the server's or the role's settings.
SETTINGS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}


def is_postgres(database: str) -> bool:
    """Whether a description's database is an address of a PostgreSQL server."""
    return database.startswith(SCHEMES)


def take_snapshot(database: str, query: str) -> Path:
    """The rows of one SELECT as a CSV file, read in one read-only transaction; made once for a run.

    Parameters
    ----------
    database
        `postgresql://user@host:port/name` or `postgresql://?service=name`, without a password.
    query
        One SELECT.

    Raises
    ------
    DataError
        If the address holds a password, psycopg is not installed, the server cannot be reached or refuses, or
        the query is no single SELECT, fails, or takes longer than half an hour.
    """
    name = _refuse_password(database)
    content = hashlib.sha256(f"{database}\0{query}".encode()).hexdigest()
    path = snapshot_folder() / f"{name}-{content[:12]}.csv"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        try:
            with _in_words(name):
                _copy(database, query, draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _refuse_password(database: str) -> str:
    """A name for messages and files; an address that holds a password is refused, and not printed."""
    try:
        address = urlsplit(database)
        keys = dict(parse_qsl(address.query, keep_blank_values=True))
        has_password = address.password is not None
    except ValueError:
        raise DataError(_("database: is no address; write postgresql://user@host/name")) from None
    if has_password or any("password" in key.lower() for key in keys):
        raise DataError(
            _(
                "database: take the password out of the description; give it in PGPASSWORD, in the file that "
                "PGPASSFILE names, or in a service file (postgresql://?service=…)"
            )
        )
    name = address.path.strip("/") or keys.get("dbname") or keys.get("service") or ""
    return "".join(sign if sign.isalnum() else "_" for sign in name)[:40] or "postgresql"


def _copy(database: str, query: str, path: Path) -> None:
    try:
        import psycopg
    except ImportError:
        problem = _("database: PostgreSQL needs psycopg; install it with `pip install 'crcm[postgres]'`")
        raise DataError(problem) from None
    asked = query.rstrip("; \n").encode()
    with psycopg.connect(database, connect_timeout=CONNECT_SECONDS, application_name="crcm") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for setting, value in SETTINGS.items():
            connection.execute("select set_config(%s, %s, false)", (setting, value))
        connection.execute(
            "select set_config('statement_timeout', %s, false) "
            "where current_setting('statement_timeout') = '0'",
            (f"{QUERY_SECONDS}s",),
        )
        # Preparing proves that the text is one complete statement: nothing in it can end the COPY.
        prepared = connection.pgconn.prepare(b"crcm", asked)
        if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(prepared)
        described = connection.pgconn.describe_prepared(b"crcm")
        if not described.nfields or described.nparams:
            raise DataError(_describe_statements(path.stem))
        command = b"copy (\n%s\n) to stdout (format csv, header)" % asked
        with connection.cursor() as cursor, cursor.copy(command) as rows, open(path, "wb") as stream:
            os.chmod(path, 0o600)
            for block in rows:
                stream.write(block)


def _describe_statements(name: str) -> str:
    return _("{name}: the query should be one SELECT").format(name=name)


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Turn what the server or the connection raises into words."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        raise DataError(_describe_failure(name, error)) from None


def _describe_failure(name: str, error: Any) -> str:
    """The words for an error of psycopg; what it quotes is kept only where it is the query's own text."""
    state = error.sqlstate or ""
    if state == "25006" or "multiple commands" in str(error):
        return _describe_statements(name)
    if state == "57014":
        return _("{name}: the query took longer than the server or CRCM allows (statement_timeout)").format(
            name=name
        )
    if state.startswith("42"):  # a syntax error, or a name that is not there: words of the query
        return _("{name}: the query fails: {why}").format(name=name, why=error.diag.message_primary)
    if state.startswith("28"):
        problem = _("{name}: the server refuses user or password (PGUSER, PGPASSWORD, PGPASSFILE): {why}")
        return problem.format(name=name, why=without_values(error))
    if not state or state.startswith(("08", "57")):
        problem = _("{name}: no connection, or it was lost: {why}")
        return problem.format(name=name, why=without_values(error))
    return _("{name}: the query fails: {why}").format(name=name, why=without_values(error))
