"""Sources opened: the raw table of each part, its lookups, and everything that keeps it from being read."""

from dataclasses import dataclass, field

import duckdb

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import expressions, formats
from crcm_lib.ingest.sources.description import File, Part, Source
from crcm_lib.ingest.sources.expressions import Field, Node, compile_sql, name
from crcm_lib.ingest.sources.readers import Raw, read_raw
from crcm_lib.schema.columns import Column
from crcm_lib.schema.inputs import INPUTS


@dataclass
class Prepared:
    """A part whose files are open: its raw table, its fields, and where expressions find them."""

    table: str
    part: Part
    raw: Raw
    key: str
    fields: dict[str, Field]
    types: dict[str, str]
    zones: tuple[str, str]
    currency: str
    lookups: dict[str, Raw] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def parse(self, text: str) -> Node:
        """An expression over the fields, every column known."""
        node = expressions.parse(text, tuple(self.fields))
        for column in sorted(node.columns() - self.fields.keys()):
            raise expressions.ExpressionError(self.unknown(column))
        return node

    def unknown(self, column: str) -> str:
        """Say that a column is not in the header, and what may be the matter."""
        said = unknown_name(_("column"), column, self.fields)
        header = list(self.raw.columns)
        other = next((mark for mark in ",;\t|" if len(header) == 1 and mark in header[0]), "")
        return said + (
            _(" The header is one piece with {mark!r} in it; declare delimiter.").format(mark=other)
            if other
            else ""
        )

    def home(self, column: str) -> tuple[Raw, File, str]:
        """Where a column comes from: its raw table, how that is written, and its name in SQL."""
        lookup, _dot, rest = column.partition(".")
        if column in self.raw.columns or not rest:
            return self.raw, self.part, f"r.{name(column)}"
        return self.lookups[lookup], self.part.lookups[lookup], f"{name(lookup)}.{name(rest)}"


def prepare(
    engine: duckdb.DuckDBPyConnection, source: Source, table: str, number: int, limit: int = 0
) -> Prepared:
    """Open a part of an input table and its lookups, and list what is wrong with its columns and formats."""
    part, key = source.tables[table][number], f"{table}_{number}"
    raw = read_raw(engine, part, source, f"raw_{key}", limit)
    formats.define_number(engine, part, key)
    ready = Prepared(table, part, raw, key, formats.list_fields(raw, part, key), dict(raw.columns),
                     (part.times_in, source.time_zone), source.currency)  # fmt: skip
    for lookup in part.lookups:
        _prepare_lookup(engine, source, ready, lookup, limit)
    _find_problems(engine, ready)
    return ready


def _prepare_lookup(engine, source: Source, ready: Prepared, lookup: str, limit: int) -> None:
    described = ready.part.lookups[lookup]
    found = read_raw(engine, described, source, f"raw_{ready.key}_{lookup}")
    theirs, ours = list(described.keys.values()), list(described.keys)
    for kind, keys, known in (("lookup", theirs, found.columns), ("file", ours, ready.raw.columns)):
        ready.problems += [
            f"lookups.{lookup}: {kind}: {unknown_name(_('column'), key, known)}"
            for key in keys
            if key not in known
        ]
    if ready.problems:
        return
    listed = ", ".join(f"{name(key)}::varchar" for key in theirs)
    repeated = engine.execute(
        f"select count(*) from (select 1 from {name(found.table)} group by {listed} having count(*) > 1)"
    ).fetchone()[0]
    if repeated:
        said = _("lookups.{lookup}: {count} keys stand there more than once; a lookup has one row per key")
        ready.problems.append(said.format(
            lookup=lookup, count=repeated))  # fmt: skip
    formats.define_number(engine, described, f"{ready.key}_{lookup}")
    ready.fields |= formats.list_fields(found, described, f"{ready.key}_{lookup}", name(lookup), f"{lookup}.")
    ready.lookups[lookup] = found
    ready.types |= {f"{lookup}.{column}": kind for column, kind in found.columns.items()}


def _find_problems(engine, ready: Prepared) -> None:
    part, schema = ready.part, INPUTS[ready.table].columns
    written = [(column, text, want_of(schema.get(column))) for column, text in part.columns.items()]
    written += [("returns", part.returns, "flag")] if part.returns else []
    written += [(f"exclude.{n + 1}.when", row.when, "flag") for n, row in enumerate(part.exclude)]
    for column, text, want in written:
        try:
            node = ready.parse(text)
            is_word = (
                want == "flag"
                and column in part.columns
                and expressions.kind_of(node, ready.fields) == "text"
            )
            compile_sql(node, "text" if is_word else want, ready.fields)
        except expressions.ExpressionError as error:
            ready.problems.append(f"{ready.table}: {column}: {error}")
            continue
        ready.problems += [
            f"{ready.table}: {p}" for p in _find_ambiguous(engine, ready, column, node, want) if p
        ]


def _find_ambiguous(engine, ready: Prepared, column: str, node: Node, want: str) -> list[str]:
    """Text that could be read in two ways, in the columns that an expression reads."""
    texts = [read for read in sorted(node.columns()) if ready.types[read] == "VARCHAR"]
    if want == "number":
        return [formats.prove_number(engine, *ready.home(read), f"{column} ({read})") for read in texts]
    if want != "time" or not texts or expressions.kind_of(node, ready.fields) != "text":
        return []
    sql, form = compile_sql(node, "time", ready.fields), ready.part.format_of(column)
    raw, _file, _sql = ready.home(texts[0])
    alias = "r" if raw is ready.raw else name(texts[0].partition(".")[0])
    if {id(ready.home(read)[0]) for read in node.columns()} != {id(raw)}:
        return [
            _("{column}: a time is put together from the file or from a lookup, not from both").format(
                column=column
            )
        ]
    return [formats.prove_time(engine, (raw, alias), sql, form, column)]


def want_of(column: Column | None) -> str:
    """What an expression has to give for a column: text, number, flag or time."""
    kinds = {"text": "text", "flag": "flag", "time": "time", "day": "time"}
    return kinds.get(column.kind, "number") if column else "text"
