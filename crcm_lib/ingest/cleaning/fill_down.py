"""Fields that stand on the first line of a group only: filled down where that is declared, told where not."""

from collections.abc import Collection
from dataclasses import replace

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import FillDown
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.ingest.sources.headers import describe_unknown_column
from crcm_lib.ingest.sources.readers import RawTable
from crcm_lib.ingest.sources.text import is_total_sql
from crcm_lib.schema.engine import Engine

MIN_HEADS = 10  # orders of several lines that show that a column stands on the first line only


def fill_down(engine: Engine, raw: RawTable, fill: FillDown) -> RawTable:
    """A raw table whose empty fields hold what stands above them; lines of totals stay as they are."""
    for column in [*fill.columns, *([fill.within] if fill.within else [])]:
        if column not in raw.columns:
            raise DataError(f"fill_down: {describe_unknown_column(column, raw.columns, raw.hint)}")
    within = f", {sql_identifier(fill.within)}" if fill.within else ""
    window = f"(partition by _file{within} order by _record rows unbounded preceding)"
    texts = [sql_identifier(column) for column, kind in raw.columns.items() if kind == "VARCHAR"]
    filled = []
    for column in fill.columns:
        name = sql_identifier(column)
        value = f"case when trim({name}) <> '' then {name} end" if name in texts else name
        above = f"last_value({value} ignore nulls) over {window}"
        filled.append(f"case when {is_total_sql(texts)} then {name} else {above} end as {name}")
    table = f"filled_{raw.name}"
    engine.execute(f"""
        create table {sql_identifier(table)} as
        select * replace ({", ".join(filled)}) from {sql_identifier(raw.name)}
    """)
    return replace(raw, name=table)


def find_heads(engine: Engine, raw: RawTable, order: str, columns: Collection[str]) -> list[str]:
    """Say which of the text columns are filled on the first line of an order only, and what to declare."""
    heads = count_heads(engine, raw, order, columns)
    problem = _(
        "{columns}: filled on the first line of an order only, in {count} orders of several lines; declare "
        "fill_down: {{columns: [{columns}], within: {order}}}, or fill_down: [] if the blanks are meant"
    )
    listed = ", ".join(heads)
    return [problem.format(columns=listed, count=max(heads.values()), order=order)] if heads else []


def count_heads(engine: Engine, raw: RawTable, order: str, columns: Collection[str]) -> dict[str, int]:
    """The text columns that are filled on the first line of an order only, and in how many orders.

    `order` is the column of the order's number; where there is none, nothing can be said.
    """
    texts = sorted(name for name in columns if name != order and raw.columns.get(name) == "VARCHAR")
    if order not in raw.columns or not texts:
        return {}
    table, key = sql_identifier(raw.name), sql_identifier(order)
    blank = ", ".join(f"count(*) filter (coalesce(trim({sql_identifier(name)}), '') = '')" for name in texts)
    blanks = engine.execute(f"select {blank} from {table}").fetchone()
    texts = [name for name, count in zip(texts, blanks, strict=True) if count >= MIN_HEADS]
    if not texts:
        return {}
    filled = ", ".join(
        f"count(*) filter (n = 1 and lines > 1 and trim({sql_identifier(name)}) <> ''), "
        f"count(*) filter (n > 1 and trim({sql_identifier(name)}) <> '')"
        for name in texts
    )
    found = engine.execute(f"""
        with numbered as (
            select *, row_number() over (partition by _file, {key} order by _record) as n,
                count(*) over (partition by _file, {key}) as lines
            from {table} where _whole and trim({key}::varchar) <> ''
        )
        select {filled} from numbered
    """).fetchone()
    return {
        name: found[2 * n]
        for n, name in enumerate(texts)
        if found[2 * n] >= MIN_HEADS and not found[2 * n + 1]
    }
