"""Raw records -> judged records: our columns, typed, each record with the rule it breaks (or none) and its remarks.

A rule sets a record aside; a remark keeps it. The first rule that holds counts, in the order of `_rules`:
summary line, field count, control character, missing id, declared exclusions, unreadable required values,
values outside the schema's limits.
"""

from dataclasses import dataclass, field

import duckdb

from crcm_lib.data import expressions, formats
from crcm_lib.data.expressions import Field, Node, compile_sql, name, quote
from crcm_lib.data.readers import Raw, read_raw
from crcm_lib.data.schema import INPUTS, Column
from crcm_lib.data.sources import Part, Source
from crcm_lib.errors import unknown_name
from crcm_lib.language import _

IDS = ("customer_id", "order_id", "product_id", "invoice_id")
CONTROL = r"[\x00-\x1f\x7f\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]"
CONTROL_IN_TEXT = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{202a}-\x{202e}\x{2066}-\x{2069}]"
TOTALS = r"(?i)^\s*(grand total|sub-? ?total|total|sum|合计|小计|总计|共计|合計|小計|總計)\s*[:：]?\s*$"
TYPES = {"text": "varchar", "flag": "boolean", "time": "timestamp", "day": "date", "integer": "bigint",
         "number": "double", "money": "decimal(18,4)"}  # fmt: skip
YES, NO = ("true", "t", "yes", "y", "1", "是"), ("false", "f", "no", "n", "0", "否")
# A record with a pair in the wrong order is set aside if both are required, otherwise remarked upon.
ORDERED = {
    "contracts": (("start", "end"),), "assignments": (("start", "end"),), "invoices": (("issued", "due"), ("issued", "paid")),
    "tickets": (("opened", "responded"), ("opened", "resolved")),
}  # fmt: skip


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

    def alias(self, column: str) -> str:
        """The plain SQL of a raw column, missing words included."""
        table, _dot, rest = column.partition(".")
        return (
            f"{name(table)}.{name(rest)}" if column not in self.raw.columns and rest else f"r.{name(column)}"
        )


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
        ready.problems.append(_("lookups.{lookup}: {count} keys stand there more than once; a lookup has one row per key").format(
            lookup=lookup, count=repeated))  # fmt: skip
    formats.define_number(
        engine,
        Part(path="-", columns={}, decimal=described.decimal, thousands=described.thousands),
        f"{ready.key}_{lookup}",
    )
    ready.fields |= formats.list_fields(found, described, f"{ready.key}_{lookup}", name(lookup), f"{lookup}.")
    ready.types |= {f"{lookup}.{column}": kind for column, kind in found.columns.items()}


def _find_problems(engine, ready: Prepared) -> None:
    part, schema = ready.part, INPUTS[ready.table].columns
    written = [(column, text, _want(schema.get(column))) for column, text in part.columns.items()]
    written += [("returns", part.returns, "flag")] if part.returns else []
    written += [(f"exclude.{n + 1}.when", row.when, "flag") for n, row in enumerate(part.exclude)]
    for column, text, want in written:
        try:
            node = ready.parse(text)
            is_word = want == "flag" and column in part.columns and expressions.kind_of(node, ready.fields) == "text"
            compile_sql(node, "text" if is_word else want, ready.fields)
        except expressions.ExpressionError as error:
            ready.problems.append(f"{ready.table}: {column}: {error}")
            continue
        ready.problems += [
            f"{ready.table}: {p}" for p in _find_ambiguous(engine, ready, column, node, want) if p
        ]


def _find_ambiguous(engine, ready: Prepared, column: str, node: Node, want: str) -> list[str]:
    """Formats that the data do not prove; checked on the columns of the file itself."""
    own = [read for read in sorted(node.columns()) if ready.raw.columns.get(read) == "VARCHAR"]
    if want == "time":
        sql = compile_sql(node, "time", ready.fields)
        alone = (
            node.columns() <= ready.raw.columns.keys() and expressions.kind_of(node, ready.fields) == "text"
        )
        return (
            [formats.prove_time(engine, ready.raw, sql, ready.part.format_of(column), column)]
            if alone and own
            else []
        )
    if want == "number":
        return [
            formats.prove_number(engine, ready.raw, ready.fields[read].sql, ready.part, f"{column} ({read})")
            for read in own
        ]
    return []


def _want(column: Column | None) -> str:
    kinds = {"text": "text", "flag": "flag", "time": "time", "day": "time"}
    return kinds.get(column.kind, "number") if column else "text"


def judge(engine: duckdb.DuckDBPyConnection, ready: Prepared) -> str:
    """Make the judged table of a part; returns its name."""
    table = f"judged_{ready.key}"
    typed = ", ".join(_typed_columns(ready))
    joins = " ".join(
        f"left join {name(f'raw_{ready.key}_{lookup}')} as {name(lookup)} on " + " and ".join(
            f"r.{name(ours)}::varchar = {name(lookup)}.{name(theirs)}::varchar" for ours, theirs in described.keys.items())
        for lookup, described in ready.part.lookups.items()
    )  # fmt: skip
    columns = list(ready.part.columns)
    if ready.table == "transactions":
        signed = f"select *, {_kind(ready)} as _kind from typed"
    else:
        signed = "select * from typed"
    kept = ", ".join(_kept(ready, column) for column in columns if column != "kind")
    kept += ", _kind as kind" if ready.table == "transactions" else ""
    engine.execute(
        f"create table {name(table)} as with typed as (select {typed} from {name(ready.raw.table)} r {joins}), "
        f"signed as ({signed}) select _file, _record, _hash, _raw_id, {kept}, "
        f"case {' '.join(f'when {test} then {quote(rule)}' for rule, test in _rules(ready))} end as _rule, "
        f"list_filter([{', '.join(f'case when {test} then {quote(remark)} end' for remark, test in _remarks(ready))}], "
        "lambda x: x is not null) as _remarks from signed"
    )
    return table


def _typed_columns(ready: Prepared) -> list[str]:
    part, schema = ready.part, INPUTS[ready.table].columns
    texts = [f"r.{name(column)}::varchar" for column in sorted(ready.raw.columns)]
    sql = ["r._file as _file", "r._record as _record", "r._whole as _whole",
           f"md5_number(concat_ws(chr(31), {', '.join(f'coalesce({text}, chr(30))' for text in texts)})) as _hash"]  # fmt: skip
    own = [f"r.{name(column)}" for column, kind in ready.raw.columns.items() if kind == "VARCHAR"]
    sql.append(_totals(own))
    for column, text in part.columns.items():
        node, spec = ready.parse(text), schema.get(column, Column("text", "", ""))
        value, filled = _value(ready, column, node, spec), _filled(ready, node)
        sql += [f"{value} as {name(column)}", f"{filled} as {name(column + '?')}"]
        if _want(spec) == "number":
            aliases = {read: ready.alias(read) for read in node.columns()}
            sql.append(
                f"({formats.not_finite_sql(node, ready.types, ready.fields, aliases)}) as {name(column + '~')}"
            )
        if column == "customer_id":
            sql.append(f"{_text(ready, column, node)} as _raw_id")
    for n, row in enumerate(part.exclude):
        sql.append(
            f"coalesce({compile_sql(ready.parse(row.when), 'flag', ready.fields)}, false) as _exclude_{n}"
        )
    if part.returns:
        sql.append(
            f"coalesce({compile_sql(ready.parse(part.returns), 'flag', ready.fields)}, false) as _return"
        )
    return sql


def _totals(columns: list[str]) -> str:
    tests = " or ".join(f"coalesce(regexp_matches({column}, {quote(TOTALS)}), false)" for column in columns)
    return f"({tests or 'false'}) as _total"


def _filled(ready: Prepared, node: Node) -> str:
    """Do all columns that an expression reads hold something?"""
    texts = (f"coalesce(trim({compile_sql(Node('column', read), 'text', ready.fields)}), '') <> ''"
             for read in sorted(node.columns()))  # fmt: skip
    return f"({' and '.join(texts) or 'true'})"


def _text(ready: Prepared, column: str, node: Node) -> str:
    """Text as given; ids also where the text is one of the declared words for missing."""
    if column in IDS and node.kind == "column" and ready.types[node.value] == "VARCHAR":
        return ready.alias(node.value)
    return compile_sql(node, "text", ready.fields)


def _value(ready: Prepared, column: str, node: Node, spec: Column) -> str:
    if spec.kind in ("time", "day"):
        kind = expressions.kind_of(node, ready.fields)
        sql_type = ready.types.get(node.value, "VARCHAR") if node.kind == "column" else "TIMESTAMP"
        zones = ready.zones if spec.kind == "time" else ("", ready.zones[1])
        sql = compile_sql(node, "time", ready.fields)
        return f"cast({formats.time_sql(sql, kind, sql_type, ready.part.format_of(column), zones)} as {TYPES[spec.kind]})"
    if spec.kind == "flag":
        if expressions.kind_of(node, ready.fields) == "flag":
            return compile_sql(node, "flag", ready.fields)
        text = f"lower(trim({compile_sql(node, 'text', ready.fields)}))"
        return f"case when {text} in {YES} then true when {text} in {NO} then false end"
    if spec.kind != "text":
        return f"try_cast({compile_sql(node, 'number', ready.fields)} as {TYPES[spec.kind]})"
    text = _text(ready, column, node)
    if column == "customer_id":
        text = {
            "exact": "{}",
            "trimmed": "trim({})",
            "integer": r"regexp_replace(trim({}), '^([0-9]+)\.0+$', '\1')",
        }[ready.part.id_format].format(text)
    return f"case when trim({text}) <> '' then {text} end" if column in IDS else f"nullif(trim({text}), '')"


def _kind(ready: Prepared) -> str:
    if ready.part.returns:
        return "case when _return then 'return' else 'sale' end"
    by_sign = "case when amount < 0 then 'return' else 'sale' end"
    return (
        f"coalesce(case when kind in ('sale', 'return') then kind end, {by_sign})"
        if "kind" in ready.part.columns
        else by_sign
    )


def _kept(ready: Prepared, column: str) -> str:
    """A column as it is kept: optional values that the schema does not allow are left empty (and remarked upon)."""
    spec = INPUTS[ready.table].columns.get(column, Column("text", "", ""))
    sql = name(column)
    if not spec.required and (test := _outside(column, spec)):
        sql = f"case when not coalesce({test}, false) then {sql} end"
    if spec.kind == "text" and column not in IDS:
        sql = f"nullif(trim(regexp_replace({sql}, {quote(CONTROL_IN_TEXT)}, '', 'g')), '')"
    if column == "amount" and ready.table == "transactions":
        sql = "case when _whole then case when _kind = 'return' then -abs(amount) else amount end end"
    return f"{sql} as {name(column)}"


def _outside(column: str, spec: Column) -> str:
    if spec.one_of:
        return f"{name(column)} not in ({', '.join(map(quote, spec.one_of))})"
    tests = [f"{name(column)} < {spec.at_least}"] if spec.at_least is not None else []
    tests += [f"{name(column)} > {spec.at_most}"] if spec.at_most is not None else []
    return " or ".join(tests)


def _rules(ready: Prepared) -> list[tuple[str, str]]:
    schema, columns = INPUTS[ready.table].columns, ready.part.columns
    required = [
        column
        for column in columns
        if column in schema and schema[column].required and column != "customer_id"
    ]
    clocks = [column for column in required if schema[column].kind in ("time", "day")]
    unread = " and ".join(f"{name(column)} is null" for column in clocks) or "customer_id is null"
    rules = [("summary line", f"_total and ({unread})"), ("wrong field count", "not _whole"),
             ("customer_id missing", "customer_id is null"),
             ("control character in customer_id", f"regexp_matches(customer_id, {quote(CONTROL)})")]  # fmt: skip
    rules += [(f"excluded: {row.reason}", f"_exclude_{n}") for n, row in enumerate(ready.part.exclude)]
    for column in required:
        if schema[column].kind in ("money", "number"):
            rules.append((f"{column} not finite", f"{name(column)} is null and {name(column + '~')}"))
        rules.append((f"{column} missing", f"{name(column)} is null and not {name(column + '?')}"))
        rules.append((f"{column} not readable", f"{name(column)} is null"))
        if test := _outside(column, schema[column]):
            rules.append((f"{column} not allowed", test))
    rules += [
        (f"{column} not plausible", f"year({name(column)}) not between 1900 and 2199") for column in clocks
    ]
    rules += [
        (f"{b} before {a}", f"{name(b)} < {name(a)}")
        for a, b in _pairs(ready)
        if a in required and b in required
    ]
    if ready.table == "transactions":
        rules += [("negative amount that is no return", "_kind = 'sale' and amount < 0"),
                  ("return without an amount", "_kind = 'return' and amount = 0")]  # fmt: skip
    if "currency" in columns:
        rules.append(
            ("other currency", f"coalesce(currency, {quote(ready.currency)}) <> {quote(ready.currency)}")
        )
    return rules


def _pairs(ready: Prepared) -> list[tuple[str, str]]:
    return [pair for pair in ORDERED.get(ready.table, ()) if set(pair) <= ready.part.columns.keys()]


def _remarks(ready: Prepared) -> list[tuple[str, str]]:
    schema, remarks = INPUTS[ready.table].columns, []
    optional = [
        column for column in ready.part.columns if column not in schema or not schema[column].required
    ]
    for column in optional:
        spec = schema.get(column, Column("text", "", ""))
        if spec.kind != "text":
            remarks.append((f"{column} not readable", f"{name(column)} is null and {name(column + '?')}"))
        elif column not in IDS:
            remarks.append(
                (
                    f"control character in {column}",
                    f"regexp_matches({name(column)}, {quote(CONTROL_IN_TEXT)})",
                )
            )
        if test := _outside(column, spec):
            remarks.append((f"{column} not allowed", test))
    remarks += [
        (f"{b} before {a}", f"{name(b)} < {name(a)}")
        for a, b in _pairs(ready)
        if not (schema[a].required and schema[b].required)
    ]
    if ready.table == "transactions" and (ready.part.returns or "kind" in ready.part.columns):
        remarks.append(("return with a positive amount", "_kind = 'return' and amount > 0"))
    return remarks or [("", "false")]
