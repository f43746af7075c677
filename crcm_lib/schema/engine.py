"""The engine behind every `engine` argument: SQL in, Arrow tables or data frames out.

DuckDB in memory is the only implementation. SQL outside `ingest` and this module keeps to what PostgreSQL
and Spark also read, which `tests/test_sql.py` checks. What each engine does in a way of its own is here: how
it is opened, how it is seen with other tables, and how it says which tables there are.
"""

from pathlib import Path
from typing import Any, Protocol

import duckdb
import pandas as pd
import pyarrow as pa

from crcm_lib.schema.tables import resolve


class Result(Protocol):
    """The rows of a query."""

    def df(self) -> pd.DataFrame:
        """All rows as a data frame."""
        ...

    def to_arrow_table(self) -> pa.Table:
        """All rows as an Arrow table."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None after the last."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows as tuples."""
        ...


class Engine(Protocol):
    """Something that answers SQL over the clean input tables."""

    def execute(self, query: str, parameters: object = ...) -> Result:
        """Run one statement; values for its `?` come in `parameters`."""
        ...

    def cursor(self) -> "Engine":
        """The same database seen by a session of its own."""
        ...


def open_engine(*folders: str | Path, threads: int | None = None) -> Engine:
    """Open DuckDB in memory with one view per clean input table, each from the first folder that has it."""
    engine: Engine = duckdb.connect(config={"threads": threads} if threads else {})
    files: dict[str, Path] = {}
    for folder in reversed(folders):
        files |= {file.stem: file for file in (resolve(folder) / "clean").glob("*.parquet")}
    for name, file in sorted(files.items()):
        path = str(file).replace("'", "''")
        engine.execute(f"create view {name} as from read_parquet('{path}')")
    return engine


def open_frames(**tables: pd.DataFrame) -> Engine:
    """Open DuckDB in memory with these tables; times become dates, an `amount` an exact decimal."""
    engine = duckdb.connect()
    for name, frame in tables.items():
        engine.register(f"given_{name}", frame)
        dates = [f'cast("{c}" as date) as "{c}"' for c in frame.select_dtypes("datetime")]
        money = ["cast(amount as decimal(18, 4)) as amount"] if "amount" in frame else []
        changed = ", ".join([*dates, *money])
        engine.execute(f"create table {name} as select * replace ({changed}) from given_{name}")
        engine.unregister(f"given_{name}")
    return engine


def open_beside(engine: Engine, schema: str) -> Engine:
    """The same engine seen with other tables: those made here go to `schema` and come before its own."""
    engine.execute(f"create schema if not exists {schema}")
    cursor = engine.cursor()
    cursor.execute(f"set search_path = '{schema},main'")
    return cursor


def columns_of(engine: Engine, table: str) -> set[str]:
    """The columns of an input table; none where it is absent."""
    if not has(engine, table):
        return set()
    return {str(name) for name in engine.execute(f"select * from {table} limit 0").df()}


def has(engine: Engine, table: str) -> bool:
    """Whether this input table is there."""
    query = "select count(*) from information_schema.tables where table_name = ?"
    row = engine.execute(query, [table]).fetchone()
    return row is not None and row[0] > 0
