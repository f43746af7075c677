"""The records of forgotten customers, set aside whenever the same file comes again."""

from collections.abc import Iterable

import duckdb
import pandas as pd

from crcm_lib.ingest.cleaning.prepare import PreparedPart
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.privacy import read_forgotten
from crcm_lib.privacy.consent_words import match_ids
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import CUSTOMER_IDS

FORGOTTEN = "forgotten"  # the rule


def set_aside_forgotten(engine: duckdb.DuckDBPyConnection, parts: dict[str, list[PreparedPart]]) -> None:
    """Set aside every record of a forgotten customer, before the last day is chosen.

    An id is the same if it is so exactly; in consents also if it is written otherwise and is nobody else's.

    Raises
    ------
    UsageError
        If the list of the forgotten cannot be read.
    """
    forgotten = read_forgotten()
    if not forgotten.hashes:
        return
    ids = {table: _list_ids(engine, table) for table in parts}
    found = forgotten.select(set().union(*ids.values()))
    if not found:
        return
    _set_aside(engine, [part for prepared in parts.values() for part in prepared], found)
    if "consents" in parts:
        known = set().union(*(each for table, each in ids.items() if table != "consents"))
        written = match_ids(sorted(ids["consents"] - known), found)["given"]
        _set_aside(engine, parts["consents"], written)


def _list_ids(engine: Engine, table: str) -> set[str]:
    """Every id of a table, as in the file and as it was read."""
    columns = _id_columns(engine, f"validated_{table}")
    if not columns:
        return set()
    rows = engine.execute(f"""
        select distinct unnest([{", ".join(columns)}]) as id from validated_{table}
    """).fetchall()
    return {id_ for (id_,) in rows if id_ is not None}


def _set_aside(engine: duckdb.DuckDBPyConnection, parts: list[PreparedPart], ids: Iterable[str]) -> None:
    engine.register("texts", pd.DataFrame({"id": list(ids)}, dtype="str"))
    engine.execute("create or replace temp table forgotten_ids as from texts")
    engine.unregister("texts")
    for part in parts:
        table = sql_identifier(f"validated_{part.key}")
        if columns := _id_columns(engine, table):
            theirs = " or ".join(f"{column} in (from forgotten_ids)" for column in columns)
            engine.execute(f"update {table} set _rule = '{FORGOTTEN}' where {theirs}")


def _id_columns(engine: Engine, table: str) -> list[str]:
    """The columns of a table that hold ids of customers; none where its rows belong to nobody."""
    there = {row[0] for row in engine.execute(f"describe {table}").fetchall()}
    return [column for column in (*CUSTOMER_IDS, "_raw_id") if column in there]
