"""Records that repeat: exact copies, further records of a key, ids that a normalisation made equal."""

import duckdb

from crcm_lib.ingest.cleaning.prepare import Prepared
from crcm_lib.ingest.sources.expressions import name, quote
from crcm_lib.schema.inputs import INPUTS

KEEP = ("transactions",)  # equal lines of a receipt may be two equal purchases; elsewhere a copy is a copy


def note_changes(
    engine: duckdb.DuckDBPyConnection, table: str, parts: list[Prepared], own: list[str]
) -> None:
    """Make `noted_<table>`: `dated_<table>` with the rules and remarks that need the whole table."""
    engine.execute("create or replace temp table noted (_at bigint, rule varchar, remark varchar)")
    _note_copies(engine, table, parts)
    if key := INPUTS[table].key:
        _note_keys(engine, table, key, own)
    if any(ready.part.id_format != "exact" for ready in parts):
        _note_merged_ids(engine, table)
    if not engine.execute("select count(*) from noted").fetchone()[0]:
        engine.execute(f"create view noted_{table} as from dated_{table}")
        return
    engine.execute(
        f"create table changes_{table} as select _at, min(rule) as rule, list_sort(list(remark)) as "
        f"remarks from noted "
        "group by _at"
    )
    engine.execute(
        f"create view noted_{table} as select d.* replace (coalesce(_rule, c.rule) as _rule, "
        f"list_concat(_remarks, coalesce(c.remarks, [])) as _remarks) "
        f"from dated_{table} d left join changes_{table} c using (_at)"
    )


def _note_copies(engine, table: str, parts: list[Prepared]) -> None:
    """Records of one part that repeat an earlier one in every field of the file."""
    for number, ready in enumerate(parts):
        what = ready.part.duplicates or ("keep" if table in KEEP else "reject")
        rule, remark = ("'exact duplicate'", "null") if what == "reject" else ("null", "'exact duplicate'")
        engine.execute(
            f"create or replace temp table suspects as select _at - {number << 48} as _at from dated_{table} "
            f"where _part = {number} and _rule is null and _hash in (select _hash from dated_{table} "
            f"where _part = {number} and _rule is null group by 1 having count(*) > 1)"
        )
        texts = (f"coalesce(r.{name(column)}::varchar, chr(30))" for column in sorted(ready.raw.columns))
        engine.execute(
            f"insert into noted with compared as (select _at, md5(concat_ws(chr(31), {', '.join(texts)})) "
            f"as content "
            f"from {name(ready.raw.table)} r semi join suspects using (_at)), "
            "numbered as (select _at, row_number() over (partition by content order by _at) as n from "
            "compared) "
            f"select _at + {number << 48}, {rule}, {remark} from numbered where n > 1"
        )


def _note_keys(engine, table: str, key: tuple[str, ...], own: list[str]) -> None:
    """Of several records with one key the fullest is kept; among equals the content decides."""
    filled = " + ".join(f"({name(column)} is not null)::integer" for column in own)
    engine.execute(
        f"insert into noted with usable as (from dated_{table} where _rule is null and _at not in (select "
        f"_at from noted)), "
        f"numbered as (select _at, row_number() over (partition by {', '.join(map(name, key))} "
        f"order by {filled} desc, {', '.join(map(name, own))}) as n from usable) "
        f"select _at, {quote('repeated key')}, null from numbered where n > 1"
    )


def _note_merged_ids(engine, table: str) -> None:
    """Records whose id was written differently from the other records of the same normalised id."""
    engine.execute(
        f"insert into noted select _at, null, 'id merged' from dated_{table} "
        f"where _rule is null and _raw_id <> customer_id and customer_id in (select customer_id "
        f"from dated_{table} where _rule is null group by all having count(distinct _raw_id) > 1)"
    )
