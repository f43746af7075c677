"""Records that repeat: exact copies, further records of a key, ids that a normalisation made equal."""

import duckdb

from crcm_lib.ingest.cleaning.ids import flag_nearly_equal
from crcm_lib.ingest.cleaning.prepare import PreparedPart
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS, names_customers

# Equal lines of a receipt may be two equal purchases; in every other table a copy is a copy.
COPIES_KEPT = ("transactions",)


def flag_duplicates(
    engine: duckdb.DuckDBPyConnection, table: str, parts: list[PreparedPart], columns: list[str]
) -> None:
    """Make `flagged_<table>`: `dated_<table>` with the rules and remarks on records that repeat others.

    Parameters
    ----------
    parts
        The parts of the table, in the order of their numbers in `_part`.
    columns
        The columns of the input table that are there.
    """
    engine.execute("create or replace temp table flags (_at bigint, rule varchar, remark varchar)")
    for number, prepared in enumerate(parts):
        _flag_copies(engine, table, number, prepared)
    if key := INPUTS[table].key:
        _flag_repeated_keys(engine, table, key, columns)
    if names_customers(table):
        if any(prepared.part.id_format != "exact" for prepared in parts):
            _flag_merged_ids(engine, table)
        flag_nearly_equal(engine, table)
    if not engine.execute("select count(*) from flags").fetchone()[0]:
        engine.execute(f"create view flagged_{table} as from dated_{table}")
        return
    engine.execute(f"""
        create table flags_{table} as
        select _at, min(rule) as rule, list_sort(list(remark)) as remarks from flags group by _at
    """)
    engine.execute(f"""
        create view flagged_{table} as
        select d.* replace (
            coalesce(_rule, f.rule) as _rule, list_concat(_remarks, coalesce(f.remarks, [])) as _remarks
        )
        from dated_{table} d left join flags_{table} f using (_at)
    """)


def _flag_copies(engine: Engine, table: str, number: int, prepared: PreparedPart) -> None:
    """Flag records of one part that repeat an earlier one in every field of the file.

    Only records whose hash is not unique are compared field by field.
    """
    policy = prepared.part.duplicates or ("keep" if table in COPIES_KEPT else "reject")
    rule, remark = ("'exact duplicate'", "null") if policy == "reject" else ("null", "'exact duplicate'")
    offset = number << 48
    engine.execute(f"""
        create or replace temp table suspects as
        with usable as (from dated_{table} where _part = {number} and _rule is null)
        select _at - {offset} as _at from usable
        where _hash in (select _hash from usable group by 1 having count(*) > 1)
    """)
    fields = ", ".join(
        f"coalesce(r.{sql_identifier(column)}::varchar, chr(30))" for column in sorted(prepared.raw.columns)
    )
    engine.execute(f"""
        insert into flags
        with compared as (
            select _at, md5(concat_ws(chr(31), {fields})) as content
            from {sql_identifier(prepared.raw.name)} r semi join suspects using (_at)
        ),
        numbered as (
            select _at, row_number() over (partition by content order by _at) as n from compared
        )
        select _at + {offset}, {rule}, {remark} from numbered where n > 1
    """)


def _flag_repeated_keys(engine: Engine, table: str, key: tuple[str, ...], columns: list[str]) -> None:
    """Flag all records of a key but the one with most values; among equals the content decides."""
    filled = " + ".join(f"({sql_identifier(column)} is not null)::integer" for column in columns)
    content = ", ".join(map(sql_identifier, columns))
    engine.execute(f"""
        insert into flags
        with usable as (
            from dated_{table} where _rule is null and _at not in (select _at from flags)
        ),
        numbered as (
            select _at, row_number() over (
                partition by {", ".join(map(sql_identifier, key))} order by {filled} desc, {content}
            ) as n
            from usable
        )
        select _at, 'repeated key', null from numbered where n > 1
    """)


def _flag_merged_ids(engine: Engine, table: str) -> None:
    """Flag records whose id is written otherwise than in other records of the same normalised id."""
    engine.execute(f"""
        insert into flags
        with usable as (
            select _at, customer_id, coalesce(_raw_id, customer_id) as raw
            from dated_{table} where _rule is null
        )
        select _at, null, 'id merged' from usable
        where raw <> customer_id and customer_id in (
            select customer_id from usable group by all having count(distinct raw) > 1
        )
    """)
