"""Parts opened: their raw tables and lookups, and every problem that keeps one from being read."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import duckdb

from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning.fill_down import fill_down, find_heads
from crcm_lib.ingest.sources import expressions, number_formats, time_formats
from crcm_lib.ingest.sources.description import File, Part, Source
from crcm_lib.ingest.sources.expression_sql import (
    ColumnSql,
    compile_sql,
    list_texts_as_numbers,
    number_of_text,
    result_kind,
    sql_identifier,
)
from crcm_lib.ingest.sources.expressions import ExpressionError, Node
from crcm_lib.ingest.sources.headers import describe_unknown_column
from crcm_lib.ingest.sources.readers import RawTable, read_raw
from crcm_lib.ingest.sources.text import find_odd_texts
from crcm_lib.schema.columns import Column
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS

MIN_HEADS = 10  # orders of several lines that show that a column stands on the first line only


@dataclass
class PreparedPart:
    """A part whose files are open.

    Attributes
    ----------
    table
        The input table that it fills.
    part
        Its description.
    raw
        Its raw table.
    key
        What the names of its tables and macros in the engine end in.
    columns
        The columns that its expressions may read, those of lookups as `lookup.column`.
    types
        The SQL types of these columns.
    zones
        The time zone that the source writes in, and the company's.
    currency
        The company's currency.
    lookups
        The raw tables of its lookups.
    problems
        What keeps it from being read, in words.
    unread_status
        From `unread_status.find_unread_status`.
    """

    table: str
    part: Part
    raw: RawTable
    key: str
    columns: dict[str, ColumnSql]
    types: dict[str, str]
    zones: tuple[str, str]
    currency: str
    lookups: dict[str, RawTable] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unread_status: dict[str, list[str]] = field(default_factory=dict)

    def parse(self, text: str) -> Node:
        """An expression over the columns.

        Raises
        ------
        ExpressionError
            If it cannot be read, or names a column that is not there.
        """
        node = expressions.parse(text, tuple(self.columns))
        for column in sorted(node.columns() - self.columns.keys()):
            raise ExpressionError(self._describe_unknown(column))
        return node

    def _describe_unknown(self, column: str) -> str:
        header = list(self.raw.columns)
        mark = next((mark for mark in ",;\t|" if len(header) == 1 and mark in header[0]), "")
        hint = _(" The header is one piece with {mark!r} in it; declare delimiter.").format(mark=mark)
        said = describe_unknown_column(column, self.columns, self.raw.hint)
        return said + (hint if mark else "")

    def locate(self, column: str) -> tuple[RawTable, File, str]:
        """Where a column comes from: its raw table, how that is written, and the column's name in SQL."""
        lookup, _dot, name = column.partition(".")
        if column in self.raw.columns or not name:
            return self.raw, self.part, f"r.{sql_identifier(column)}"
        sql = f"{sql_identifier(lookup)}.{sql_identifier(name)}"
        return self.lookups[lookup], self.part.lookups[lookup], sql

    def rows_sql(self, columns: Iterable[str]) -> str:
        """What follows `from` where these columns are to be read: one file, or the part with its lookups."""
        sources = {self.locate(column)[0].name for column in columns}
        for name, raw in self.lookups.items():
            if sources == {raw.name}:
                return f"{sql_identifier(raw.name)} as {sql_identifier(name)}"
        joins = "" if sources <= {self.raw.name} else self.joins_sql()
        return f"{sql_identifier(self.raw.name)} r {joins}"

    def joins_sql(self) -> str:
        """A left join for each lookup, in their order: a key may be a column of an earlier one."""
        joins = []
        for name, lookup in self.part.lookups.items():
            if name in self.lookups:
                pairs = (
                    f"{self.columns[ours].sql}::varchar = {self.columns[f'{name}.{theirs}'].sql}::varchar"
                    for ours, theirs in lookup.keys.items()
                )
                table = sql_identifier(self.lookups[name].name)
                joins.append(f"left join {table} as {sql_identifier(name)} on {' and '.join(pairs)}")
        return " ".join(joins)

    def time_sql(self, column: str, node: Node, *, is_day: bool) -> str:
        """The SQL of an expression as a local time (or day) for a column of the input table."""
        form, zones = self.part.format_of(column), ("", self.zones[1]) if is_day else self.zones
        if time_formats.is_number_form(form):
            return time_formats.time_sql(compile_sql(node, "number", self.columns), "number", "", form, zones)
        kind = "time" if form != time_formats.SERIAL else "text"
        sql_type = self.types.get(node.value, "VARCHAR") if node.kind == "column" else "TIMESTAMP"
        given = result_kind(node, self.columns) if kind == "time" else "text"
        return time_formats.time_sql(compile_sql(node, kind, self.columns), given, sql_type, form, zones)


def prepare(engine: duckdb.DuckDBPyConnection, source: Source, table: str, number: int) -> PreparedPart:
    """Open a part of an input table and its lookups, and list what is wrong with its columns and formats.

    Parameters
    ----------
    number
        The part's place among those of the table.
    """
    part, key = source.tables[table][number], f"{table}_{number}"
    raw = _read(engine, part, source, key)
    prepared = PreparedPart(
        table=table,
        part=part,
        raw=raw,
        key=key,
        columns=number_formats.list_columns(raw, part, key, find_odd_texts(engine, raw.name, raw.columns)),
        types=dict(raw.columns),
        zones=(part.times_in, source.time_zone),
        currency=source.currency,
    )
    for lookup in part.lookups:
        _prepare_lookup(engine, source, prepared, lookup)
    if not prepared.problems:
        _find_problems(engine, prepared)
    if not prepared.problems and part.fill_down is None:
        prepared.problems += _find_heads(engine, prepared)
    return prepared


def _find_heads(engine: Engine, prepared: PreparedPart) -> list[str]:
    """Columns that stand on the first line of an order only, where they decide on every line."""
    written = [
        text
        for column, text in prepared.part.columns.items()
        if required_kind(INPUTS[prepared.table].columns.get(column)) != "number"
    ]
    written += [prepared.part.returns] if prepared.part.returns else []
    written += [row.when for row in prepared.part.exclude]
    decided = {name for text in written for name in prepared.parse(text).columns()}
    order = prepared.part.columns.get("order_id", "").strip("`")
    return [f"{prepared.table}: {problem}" for problem in find_heads(engine, prepared.raw, order, decided)]


def _read(engine: duckdb.DuckDBPyConnection, file: File, source: Source, key: str) -> RawTable:
    """The raw table of a file, filled down, and its number macro."""
    raw = read_raw(engine, file, source, f"raw_{key}")
    number_formats.create_number_macro(engine, file, key)
    return fill_down(engine, raw, file.fill_down) if file.fill_down and file.fill_down.columns else raw


def _prepare_lookup(
    engine: duckdb.DuckDBPyConnection, source: Source, prepared: PreparedPart, name: str
) -> None:
    lookup = prepared.part.lookups[name]
    key = f"{prepared.key}_{name}"
    raw = _read(engine, lookup, source, key)
    lookup_keys = list(lookup.keys.values())
    for file, keys, columns in (
        ("lookup", lookup_keys, raw.columns),
        ("file", list(lookup.keys), prepared.columns),
    ):
        prepared.problems += [
            f"lookups.{name}: {file}: {describe_unknown_column(column, columns)}"
            for column in keys
            if column not in columns
        ]
    if prepared.problems:
        return
    alias, odd = sql_identifier(name), find_odd_texts(engine, raw.name, raw.columns)
    columns = number_formats.list_columns(raw, lookup, key, odd, alias, f"{name}.")
    compared = ", ".join(f"{columns[f'{name}.{column}'].sql}::varchar" for column in lookup_keys)
    repeated = engine.execute(f"""
        select count(*) from (
            select 1 from {sql_identifier(raw.name)} as {alias} group by {compared} having count(*) > 1
        )
    """).fetchone()[0]
    if repeated:
        problem = _("lookups.{lookup}: {count} keys stand there more than once; a lookup has one row per key")
        prepared.problems.append(problem.format(lookup=name, count=repeated))
    prepared.columns |= columns
    prepared.lookups[name] = raw
    prepared.types |= {f"{name}.{column}": sql_type for column, sql_type in raw.columns.items()}


def _find_problems(engine: Engine, prepared: PreparedPart) -> None:
    part, schema = prepared.part, INPUTS[prepared.table].columns
    written = [(column, text, required_kind(schema.get(column))) for column, text in part.columns.items()]
    written += [("returns", part.returns, "flag")] if part.returns else []
    written += [(f"exclude.{n + 1}.when", row.when, "flag") for n, row in enumerate(part.exclude)]
    read: set[Node] = set()
    for column, text, kind in written:
        try:
            problems = _find_unread(engine, prepared, column, prepared.parse(text), kind, read)
        except ExpressionError as error:
            problems = [f"{column}: {error}"]
        prepared.problems += [f"{prepared.table}: {problem}" for problem in problems if problem]


def _find_unread(
    engine: Engine, prepared: PreparedPart, column: str, node: Node, kind: str, read: set[Node]
) -> list[str]:
    """Text that is not declared well enough to be read, in what an expression reads; "" means none.

    Texts in `read` were found to be numbers before; those that are found so now are added.
    """
    columns, form = prepared.columns, prepared.part.format_of(column)
    given = result_kind(node, columns)
    counts_time = time_formats.is_number_form(form)
    if kind == "time" and given == "number" and not counts_time and form != time_formats.SERIAL:
        numbers_read = (
            f"select {compile_sql(node, 'number', columns)} as n from {prepared.rows_sql(node.columns())}"
        )
        return [time_formats.describe_number(engine, numbers_read, column)]
    if kind == "time" and counts_time:
        kind = "number"
    # A flag column may also be filled from words such as yes and no.
    is_word = column in prepared.part.columns and given == "text"
    compile_sql(node, "text" if kind == "flag" and is_word else kind, columns)
    if kind == "time" and given == "text":
        time = time_formats.time_sql("t", "text", "", form, prepared.zones)
        return [time_formats.find_unread(engine, texts_sql(prepared, node), time, form, column)]
    problems = []
    for text in list_texts_as_numbers(node, kind, columns):
        if text in read or not text.columns():
            continue
        read.add(text)
        _raw, file, _sql = prepared.locate(min(text.columns()))
        reader = number_of_text(Node("column", "t"), {"t": replace(columns[min(text.columns())], sql="t")})
        name = f"{column} ({', '.join(sorted(text.columns()))})"
        problems += number_formats.find_unread(engine, texts_sql(prepared, text), reader, file, name)
    return problems


def texts_sql(prepared: PreparedPart, node: Node) -> str:
    """The query of the texts that an expression gives, as `t`, without empty ones."""
    text, names = compile_sql(node, "text", prepared.columns), node.columns()
    whole = " and ".join(
        f"{alias}._whole" for alias in sorted({prepared.locate(name)[2].partition(".")[0] for name in names})
    )
    filled = f"{whole or 'true'} and trim({text}) <> ''"
    return f"select trim({text}) as t from {prepared.rows_sql(names)} where {filled}"


def required_kind(column: Column | None) -> str:
    """What an expression has to give for a column: text, number, flag or time."""
    kinds = {"text": "text", "flag": "flag", "time": "time", "day": "time"}
    return kinds.get(column.kind, "number") if column else "text"
