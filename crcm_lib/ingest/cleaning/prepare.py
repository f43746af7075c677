"""Parts opened: their raw tables and lookups, and every problem that keeps one from being read."""

from dataclasses import dataclass, field

import duckdb

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import expressions, formats
from crcm_lib.ingest.sources.description import File, Part, Source
from crcm_lib.ingest.sources.expression_sql import ColumnSql, compile_sql, result_kind, sql_identifier
from crcm_lib.ingest.sources.expressions import ExpressionError, Node
from crcm_lib.ingest.sources.readers import RawTable, read_raw
from crcm_lib.schema.columns import Column
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS


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
        return unknown_name(_("column"), column, self.columns) + (hint if mark else "")

    def locate(self, column: str) -> tuple[RawTable, File, str]:
        """Where a column comes from: its raw table, how that is written, and the column's name in SQL."""
        lookup, _dot, name = column.partition(".")
        if column in self.raw.columns or not name:
            return self.raw, self.part, f"r.{sql_identifier(column)}"
        sql = f"{sql_identifier(lookup)}.{sql_identifier(name)}"
        return self.lookups[lookup], self.part.lookups[lookup], sql


def prepare(
    engine: duckdb.DuckDBPyConnection, source: Source, table: str, number: int, limit: int = 0
) -> PreparedPart:
    """Open a part of an input table and its lookups, and list what is wrong with its columns and formats.

    Parameters
    ----------
    number
        The part's place among those of the table.
    limit
        Read only so many records of each file; 0: all.
    """
    part, key = source.tables[table][number], f"{table}_{number}"
    raw = read_raw(engine, part, source, f"raw_{key}", limit)
    formats.create_number_macro(engine, part, key)
    prepared = PreparedPart(
        table=table,
        part=part,
        raw=raw,
        key=key,
        columns=formats.list_columns(raw, part, key),
        types=dict(raw.columns),
        zones=(part.times_in, source.time_zone),
        currency=source.currency,
    )
    for lookup in part.lookups:
        _prepare_lookup(engine, source, prepared, lookup)
    _find_problems(engine, prepared)
    return prepared


def _prepare_lookup(
    engine: duckdb.DuckDBPyConnection, source: Source, prepared: PreparedPart, name: str
) -> None:
    lookup = prepared.part.lookups[name]
    key = f"{prepared.key}_{name}"
    raw = read_raw(engine, lookup, source, f"raw_{key}")
    lookup_keys, part_keys = list(lookup.keys.values()), list(lookup.keys)
    for file, keys, columns in (
        ("lookup", lookup_keys, raw.columns),
        ("file", part_keys, prepared.raw.columns),
    ):
        prepared.problems += [
            f"lookups.{name}: {file}: {unknown_name(_('column'), column, columns)}"
            for column in keys
            if column not in columns
        ]
    if prepared.problems:
        return
    repeated = engine.execute(f"""
        select count(*) from (
            select 1 from {sql_identifier(raw.name)}
            group by {", ".join(f"{sql_identifier(column)}::varchar" for column in lookup_keys)}
            having count(*) > 1
        )
    """).fetchone()[0]
    if repeated:
        problem = _("lookups.{lookup}: {count} keys stand there more than once; a lookup has one row per key")
        prepared.problems.append(problem.format(lookup=name, count=repeated))
    formats.create_number_macro(engine, lookup, key)
    prepared.columns |= formats.list_columns(raw, lookup, key, sql_identifier(name), f"{name}.")
    prepared.lookups[name] = raw
    prepared.types |= {f"{name}.{column}": sql_type for column, sql_type in raw.columns.items()}


def _find_problems(engine: Engine, prepared: PreparedPart) -> None:
    part, schema = prepared.part, INPUTS[prepared.table].columns
    written = [(column, text, required_kind(schema.get(column))) for column, text in part.columns.items()]
    written += [("returns", part.returns, "flag")] if part.returns else []
    written += [(f"exclude.{n + 1}.when", row.when, "flag") for n, row in enumerate(part.exclude)]
    for column, text, kind in written:
        try:
            node = prepared.parse(text)
            # A flag column may also be filled from words such as yes and no.
            is_word = column in part.columns and result_kind(node, prepared.columns) == "text"
            compile_sql(node, "text" if kind == "flag" and is_word else kind, prepared.columns)
            problems = _find_ambiguous(engine, prepared, column, node, kind)
        except ExpressionError as error:
            problems = [f"{column}: {error}"]
        prepared.problems += [f"{prepared.table}: {problem}" for problem in problems if problem]


def _find_ambiguous(engine: Engine, prepared: PreparedPart, column: str, node: Node, kind: str) -> list[str]:
    """Text that could be read in two ways, in the columns that an expression reads; "" means none."""
    texts = [name for name in sorted(node.columns()) if prepared.types[name] == "VARCHAR"]
    if kind == "number":
        return [formats.check_numbers(engine, *prepared.locate(name), f"{column} ({name})") for name in texts]
    if kind != "time" or not texts or result_kind(node, prepared.columns) != "text":
        return []
    raw, _file, _sql = prepared.locate(texts[0])
    if {prepared.locate(name)[0].name for name in node.columns()} != {raw.name}:
        problem = _("{column}: a time is put together from the file or from a lookup, not from both")
        return [problem.format(column=column)]
    alias = "r" if raw is prepared.raw else sql_identifier(texts[0].partition(".")[0])
    sql, form = compile_sql(node, "time", prepared.columns), prepared.part.format_of(column)
    return [formats.check_times(engine, (raw, alias), sql, form, column)]


def required_kind(column: Column | None) -> str:
    """What an expression has to give for a column: text, number, flag or time."""
    kinds = {"text": "text", "flag": "flag", "time": "time", "day": "time"}
    return kinds.get(column.kind, "number") if column else "text"
