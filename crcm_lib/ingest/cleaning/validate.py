"""Raw records -> judged records: our columns, typed, each record with the rule it breaks and its remarks.

A rule sets a record aside; a remark keeps it. The first rule that holds counts, in the order of `_rules`:
summary line, field count, control character, missing id, declared exclusions, unreadable required values,
values outside the schema's limits.
"""

import duckdb

from crcm_lib.ingest.cleaning.prepare import Prepared, want_of
from crcm_lib.ingest.sources import expressions, formats
from crcm_lib.ingest.sources.expressions import Node, compile_sql, name, quote
from crcm_lib.ingest.sources.readers import OWN
from crcm_lib.schema.columns import Column
from crcm_lib.schema.inputs import INPUTS

IDS = ("customer_id", "order_id", "product_id", "invoice_id")
CONTROL = r"[\x00-\x1f\x7f\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]"
CONTROL_IN_TEXT = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{202a}-\x{202e}\x{2066}-\x{2069}]"
TOTALS = r"(?i)^\s*(grand total|sub-? ?total|total|sum|合计|小计|总计|共计|合計|小計|總計)\s*[:：]?\s*$"
TYPES = {"text": "varchar", "flag": "boolean", "time": "timestamp", "day": "date", "integer": "bigint",
         "number": "double", "money": "decimal(18,4)"}  # fmt: skip
YES, NO = ("true", "t", "yes", "y", "1", "是"), ("false", "f", "no", "n", "0", "否")
# A record with a pair in the wrong order is set aside if both are required, otherwise remarked upon.
ORDERED = {
    "contracts": (("start", "end"),), "assignments": (("start", "end"),), "invoices": (("issued", "due"),
    ("issued", "paid")),
    "tickets": (("opened", "responded"), ("opened", "resolved")),
}  # fmt: skip


def judge(engine: duckdb.DuckDBPyConnection, ready: Prepared) -> str:
    """Make the judged table of a part; returns its name."""
    table = f"judged_{ready.key}"
    typed = ", ".join(_typed_columns(ready))
    joins = " ".join(
        f"left join {name(f'raw_{ready.key}_{lookup}')} as {name(lookup)} on " + " and ".join(
            f"r.{name(ours)}::varchar = {name(lookup)}.{name(theirs)}::varchar" for ours,
            theirs in described.keys.items())
        for lookup, described in ready.part.lookups.items()
    )  # fmt: skip
    columns = [c for c in ready.part.columns if (ready.table, c) != ("transactions", "kind")]
    if ready.table == "transactions":
        signed = f"select *, {_kind(ready)} as _kind from typed"
    else:
        signed = "select * from typed"
    kept = ", ".join(_kept(ready, column) for column in columns)
    kept += ", _kind as kind" if ready.table == "transactions" else ""
    engine.execute(
        f"create table {name(table)} as with typed as (select {typed} from {name(ready.raw.table)} r "
        f"{joins}), "
        f"signed as ({signed}) select _at, _file, _record, _hash, _raw_id, {kept}, "
        f"case {' '.join(f'when {test} then {quote(rule)}' for rule, test in _rules(ready))} end as _rule, "
        f"{_list_sql(_remarks(ready))} as _remarks from signed"
    )
    return table


def _list_sql(remarks: list[tuple[str, str]]) -> str:
    said = ", ".join(f"case when {test} then {quote(remark)} end" for remark, test in remarks)
    return (
        f"case when {' or '.join(test for _remark, test in remarks) or 'false'} "
        f"then list_filter([{said}]::varchar[], lambda x: x is not null) else []::varchar[] end"
    )


def _typed_columns(ready: Prepared) -> list[str]:
    part, schema = ready.part, INPUTS[ready.table].columns
    fields = ", ".join(f"r.{name(column)}" for column in sorted(ready.raw.columns))
    sql = [f"r.{own} as {own}" for own in OWN] + [f"hash({fields}) as _hash"]
    own = [f"r.{name(column)}" for column, kind in ready.raw.columns.items() if kind == "VARCHAR"]
    sql.append(_totals(own))
    for column, text in part.columns.items():
        node, spec = ready.parse(text), schema.get(column, Column("text", "", ""))
        value, filled = _value(ready, column, node, spec), _filled(ready, node)
        sql += [f"{value} as {name(column)}", f"{filled} as {name(column + '?')}"]
        if want_of(spec) == "number":
            aliases = {read: ready.home(read)[2] for read in node.columns()}
            sql.append(
                f"({formats.not_finite_sql(node, ready.types, ready.fields, aliases)}) as "
                f"{name(column + '~')}"
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
    tests = []
    for read in sorted(node.columns()):
        sql = compile_sql(Node("column", read), "text", ready.fields)
        is_text = ready.types[read] == "VARCHAR"
        tests.append(
            f"coalesce(trim({sql}), '') <> ''" if is_text else f"{ready.fields[read].sql} is not null"
        )
    return f"({' and '.join(tests) or 'true'})"


def _text(ready: Prepared, column: str, node: Node) -> str:
    """Text as given; ids also where the text is one of the declared words for missing."""
    if column in IDS and node.kind == "column" and ready.types[node.value] == "VARCHAR":
        return ready.home(node.value)[2]
    return compile_sql(node, "text", ready.fields)


def _value(ready: Prepared, column: str, node: Node, spec: Column) -> str:
    if spec.kind in ("time", "day"):
        kind = expressions.kind_of(node, ready.fields)
        sql_type = ready.types.get(node.value, "VARCHAR") if node.kind == "column" else "TIMESTAMP"
        zones = ready.zones if spec.kind == "time" else ("", ready.zones[1])
        sql = compile_sql(node, "time", ready.fields)
        read = formats.time_sql(sql, kind, sql_type, ready.part.format_of(column), zones)
        return f"cast({read} as {TYPES[spec.kind]})"
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
    """A column as it is kept: optional values that the schema does not allow are left empty."""
    spec = INPUTS[ready.table].columns.get(column, Column("text", "", ""))
    sql = name(column)
    if not spec.required and (test := _outside(column, spec)):
        sql = f"case when not coalesce({test}, false) then {sql} end"
    if spec.kind == "text" and column not in IDS:
        cut = f"nullif(trim(regexp_replace({sql}, {quote(CONTROL_IN_TEXT)}, '', 'g')), '')"
        sql = f"case when regexp_matches({sql}, {quote(CONTROL_IN_TEXT)}) then {cut} else {sql} end"
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
             ("control character in customer_id",
             f"regexp_matches(customer_id, {quote(CONTROL)})")]  # fmt: skip
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
    return remarks
