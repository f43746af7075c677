"""Raw records -> validated records: the columns of the input table, typed, with rules broken and remarks.

A rule sets a record aside; a remark keeps it. The first rule that holds counts, in the order of
`_list_rules`: summary line, field count, missing id, control character, declared exclusions, unreadable
required values, values outside the schema's limits.
"""

from crcm_lib.ingest.cleaning.prepare import PreparedPart, required_kind
from crcm_lib.ingest.cleaning.unread_status import NO_SALE, write_condition
from crcm_lib.ingest.sources import number_formats
from crcm_lib.ingest.sources.expression_sql import compile_sql, result_kind, sql_identifier, sql_literal
from crcm_lib.ingest.sources.expressions import Node
from crcm_lib.ingest.sources.readers import RAW_COLUMNS
from crcm_lib.ingest.sources.text import is_error_sql, is_total_sql
from crcm_lib.schema.columns import Column
from crcm_lib.schema.engine import Engine
from crcm_lib.schema.inputs import INPUTS, names_customers

IDS = ("customer_id", "order_id", "product_id", "invoice_id", "return_of", "referred_id")
# Control characters, and what nobody can see: soft hyphens, joiners, directions, variation selectors, tags.
CONTROL_IN_ID = (
    r"[\x00-\x1f\x7f-\x{9f}\x{ad}\x{34f}\x{61c}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180e}\x{200b}-\x{200f}"
    r"\x{2028}-\x{202e}\x{2060}-\x{206f}\x{3164}\x{fe00}-\x{fe0f}\x{feff}\x{ffa0}\x{fff9}-\x{fffb}\x{e0000}-\x{e0fff}]"
)
CONTROL_IN_TEXT = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{202a}-\x{202e}\x{2066}-\x{2069}]"
TYPES = {
    "text": "varchar",
    "flag": "boolean",
    "time": "timestamp",
    "day": "date",
    "integer": "bigint",
    "number": "double",
    "money": "decimal(18,4)",
}
SMALL_NUMBER = "decimal(18,10)"  # below 10^8
TRUE_WORDS = ("true", "t", "yes", "y", "1", "是")
FALSE_WORDS = ("false", "f", "no", "n", "0", "否")
# Days that databases and forms write where none is known.
PLACEHOLDERS = (
    *("0001-01-01", "1601-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01"),
    *("2099-12-31", "2999-12-31", "9999-12-31"),
)
# A record with a pair in the wrong order is set aside if both are required, otherwise remarked upon.
ORDERED = {
    "contracts": (("start", "end"),),
    "assignments": (("start", "end"),),
    "invoices": (("issued", "due"), ("issued", "paid")),
    "tickets": (("opened", "responded"), ("opened", "resolved")),
    "opportunities": (("opened", "closed"),),
}
FREE_TEXT = Column("text", "", "")  # what a column is that the schema does not declare
ID_FORMATS = {
    "exact": "{}",
    "trimmed": "trim({})",
    "integer": r"regexp_replace(trim({}), '^([0-9]+)\.0+$', '\1')",
}


def validate(engine: Engine, prepared: PreparedPart) -> str:
    """Make the table of a part's validated records.

    Returns
    -------
    The table's name. It has the columns of the input table that the part declares, `_at`, `_file`, `_record`
    as in the raw table, `_hash` of the raw fields, `_rule` (the rule that sets the record aside, or null),
    `_remarks` (a list of texts) and, where `id_format` changes ids, `_raw_id` (as it stands in the file).
    """
    table = sql_identifier(f"validated_{prepared.key}")
    is_sales = prepared.table == "transactions"
    columns = [column for column in prepared.part.columns if not is_sales or column != "kind"]
    cases = "\n".join(f"when {test} then {sql_literal(rule)}" for rule, test in _list_rules(prepared))
    engine.execute(f"""
        create table {table} as
        with typed as (
            select {", ".join(_typed_columns(prepared))}
            from {sql_identifier(prepared.raw.name)} r {prepared.joins_sql()}
        ),
        signed as (select *, {_kind_sql(prepared) if is_sales else "null"} as _kind from typed)
        select
            _at, _file, _record, _hash, {"_raw_id," if _changes_ids(prepared) else ""}
            {", ".join(_usable_value(prepared, column) for column in columns)},
            {"_kind as kind," if is_sales else ""}
            case {cases} end as _rule,
            {_remarks_sql(_list_remarks(prepared))} as _remarks
        from signed
    """)
    return table


def _changes_ids(prepared: PreparedPart) -> bool:
    """Whether ids are read otherwise than they stand in the file."""
    return names_customers(prepared.table) and prepared.part.id_format != "exact"


def _remarks_sql(remarks: list[tuple[str, str]]) -> str:
    """The list of remarks; the list is made only where there is one, which saves most of its time."""
    texts = ", ".join(f"case when {test} then {sql_literal(remark)} end" for remark, test in remarks)
    return f"""
        case when {" or ".join(test for _remark, test in remarks) or "false"}
             then list_filter([{texts}]::varchar[], lambda x: x is not null)
             else []::varchar[] end
    """


def _typed_columns(prepared: PreparedPart) -> list[str]:
    """Each column typed (`c`), and tests: is it filled (`c?`), not finite (`c~`), not zero (`c#`)?

    And where some texts are error values: is one read here (`c!`)?
    """
    part, schema, raw = prepared.part, INPUTS[prepared.table].columns, prepared.raw
    fields = ", ".join(f"r.{sql_identifier(column)}" for column in sorted(raw.columns))
    texts = [f"r.{sql_identifier(column)}" for column, kind in raw.columns.items() if kind == "VARCHAR"]
    sql = [f"r.{column} as {column}" for column in RAW_COLUMNS]
    sql += [f"hash({fields}) as _hash", f"{is_total_sql(texts)} as _total"]
    sql.append(f"{_is_header(raw.columns)} as _header")
    for column, text in part.columns.items():
        node, spec = prepared.parse(text), schema.get(column, FREE_TEXT)
        sql.append(f"{typed_value(prepared, column, node, spec)} as {sql_identifier(column)}")
        sql.append(f"{is_filled(prepared, node)} as {sql_identifier(column + '?')}")
        if reads_errors(prepared, column):
            sql.append(f"{_is_error(prepared, node)} as {sql_identifier(column + '!')}")
        if required_kind(spec) == "number":
            test = number_formats.not_finite_sql(node, prepared.types, prepared.columns)
            sql.append(f"({test}) as {sql_identifier(column + '~')}")
        if spec.kind == "money" and spec.required:
            whole = f"{compile_sql(node, 'number', prepared.columns)} <> 0"
            sql.append(f"({whole}) as {sql_identifier(column + '#')}")
        if column == "customer_id" and _changes_ids(prepared):
            sql.append(f"{_text_value(prepared, column, node)} as _raw_id")
    sql += [f"{condition_sql(prepared, row.when)} as _exclude_{n}" for n, row in enumerate(part.exclude)]
    if part.returns:
        sql.append(f"{condition_sql(prepared, part.returns)} as _return")
    if prepared.unread_status:
        sql.append(f"{condition_sql(prepared, write_condition(prepared.unread_status))} as _no_sale")
    return sql


def condition_sql(prepared: PreparedPart, text: str) -> str:
    """The SQL of a condition; what cannot be said does not hold."""
    return f"coalesce({compile_sql(prepared.parse(text), 'flag', prepared.columns)}, false)"


def is_filled(prepared: PreparedPart, node: Node) -> str:
    """Whether all columns that an expression reads hold something, be it an error value."""
    tests = []
    for name in sorted(node.columns()):
        column = prepared.columns[name]
        if prepared.types[name] == "VARCHAR":
            text = compile_sql(Node("column", name), "text", prepared.columns)
            is_error = f" or coalesce({is_error_sql(column.exact)}, false)" if column.has_errors else ""
            tests.append(f"(coalesce(trim({text}), '') <> ''{is_error})")
        else:
            tests.append(f"{prepared.columns[name].sql} is not null")
    return f"({' and '.join(tests) or 'true'})"


def reads_errors(prepared: PreparedPart, column: str) -> bool:
    """Whether a column of the input table is read from a column that holds error values."""
    read = prepared.parse(prepared.part.columns[column]).columns()
    return any(prepared.columns[name].has_errors for name in read)


def _is_error(prepared: PreparedPart, node: Node) -> str:
    read = (prepared.columns[name] for name in sorted(node.columns()))
    return " or ".join(f"coalesce({is_error_sql(each.exact)}, false)" for each in read if each.has_errors)


def _text_value(prepared: PreparedPart, column: str, node: Node) -> str:
    """Text as it stands there; of ids also a text that is declared to mean missing."""
    if column in IDS and node.kind == "column" and prepared.types[node.value] == "VARCHAR":
        exact, has_errors = prepared.columns[node.value].exact, prepared.columns[node.value].has_errors
        if has_errors and column != "customer_id":  # which has a rule of its own
            return f"(case when not {is_error_sql(exact)} then {exact} end)"
        return exact
    return compile_sql(node, "text", prepared.columns)


def typed_value(prepared: PreparedPart, column: str, node: Node, spec: Column) -> str:
    """An expression as the type that the schema gives the column; null where it cannot be read as that."""
    kind = result_kind(node, prepared.columns)
    if spec.kind in ("time", "day"):
        time = prepared.time_sql(column, node, is_day=spec.kind == "day")
        return f"cast({time} as {TYPES[spec.kind]})"
    if spec.kind == "flag":
        if kind == "flag":
            return compile_sql(node, "flag", prepared.columns)
        word = f"lower(trim({compile_sql(node, 'text', prepared.columns)}))"
        return f"case when {word} in {TRUE_WORDS} then true when {word} in {FALSE_WORDS} then false end"
    if spec.kind != "text":
        number = compile_sql(node, "number", prepared.columns)
        value = f"try_cast({number} as {TYPES[spec.kind]})"
        # Ten decimals become four in half a second per million lines, a twentieth of that where 18 digits do.
        small = f"cast(try_cast({number} as {SMALL_NUMBER}) as {TYPES['money']})"
        return f"coalesce({small}, {value})" if spec.kind == "money" else value
    text = _text_value(prepared, column, node)
    if column == "customer_id":
        text = ID_FORMATS[prepared.part.id_format].format(text)
    return f"case when trim({text}) <> '' then {text} end" if column in IDS else f"nullif(trim({text}), '')"


KIND = "lower(trim(kind))"


def _kind_sql(prepared: PreparedPart) -> str:
    """Sale or return: as declared, or by the sign of the amount."""
    if prepared.part.returns:
        return "case when _return then 'return' else 'sale' end"
    by_sign = "case when amount < 0 then 'return' else 'sale' end"
    if "kind" not in prepared.part.columns:
        return by_sign
    return f"coalesce(case when {KIND} in ('sale', 'return') then {KIND} end, {by_sign})"


def _usable_value(prepared: PreparedPart, column: str) -> str:
    """A column of the validated table: optional values that the schema does not allow are left empty."""
    spec, sql = INPUTS[prepared.table].columns.get(column, FREE_TEXT), sql_identifier(column)
    if not spec.required and (test := _outside_limits(column, spec)):
        sql = f"case when not coalesce({test}, false) then {sql} end"
    if spec.kind == "text" and column not in IDS:
        control = sql_literal(CONTROL_IN_TEXT)
        stripped = f"nullif(trim(regexp_replace({sql}, {control}, '', 'g')), '')"
        sql = f"case when regexp_matches({sql}, {control}) then {stripped} else {sql} end"
    if column == "amount" and prepared.table == "transactions":
        sql = "case when _whole then case when _kind = 'return' then -abs(amount) else amount end end"
    return f"{sql} as {sql_identifier(column)}"


def _outside_limits(column: str, spec: Column) -> str:
    """The test for a value that the schema does not allow, "" where it allows all."""
    sql = sql_identifier(column)
    if spec.one_of:
        return f"{sql} not in ({', '.join(map(sql_literal, spec.one_of))})"
    if spec.kind in ("time", "day"):
        return _is_placeholder(column)
    tests = [f"{sql} < {spec.at_least}"] if spec.at_least is not None else []
    tests += [f"{sql} > {spec.at_most}"] if spec.at_most is not None else []
    return " or ".join(tests)


def _is_header(columns: dict[str, str]) -> str:
    """Whether a record is the header once more, as where files were put one after the other."""
    texts = [column for column, kind in columns.items() if kind == "VARCHAR"][:3]
    tests = " and ".join(f"r.{sql_identifier(column)} = {sql_literal(column)}" for column in texts)
    return f"coalesce({tests}, false)" if len(texts) > 1 else "false"


def _is_placeholder(column: str) -> str:
    days = ", ".join(f"date {sql_literal(day)}" for day in PLACEHOLDERS)
    return f"{sql_identifier(column)}::date in ({days})"


def _list_rules(prepared: PreparedPart) -> list[tuple[str, str]]:
    """The rules for a part's records, the first to be tested first: the rule and its test in SQL."""
    schema, columns = INPUTS[prepared.table].columns, prepared.part.columns
    required = [
        column
        for column in columns
        if column in schema and schema[column].required and column != "customer_id"
    ]
    dates = [column for column in required if schema[column].kind in ("time", "day")]
    undated = " and ".join(f"{sql_identifier(column)} is null" for column in dates) or "customer_id is null"
    anonymous = prepared.part.anonymous
    rules = [
        ("repeated header", "_header"),
        ("summary line", f"_total and ({undated})"),
        ("wrong field count", "not _whole"),
    ]
    if names_customers(prepared.table):
        rules += [] if anonymous else [("customer_id missing", "customer_id is null")]
        control = f"regexp_matches(customer_id, {sql_literal(CONTROL_IN_ID)})"
        rules.append(("control character in customer_id", control))
        rules.append(("error value in customer_id", is_error_sql("customer_id")))
    rules += [(row.rule, f"_exclude_{n}") for n, row in enumerate(prepared.part.exclude)]
    for column in required:
        rules += _list_value_rules(column, schema[column])
    rules += [
        (f"{column} not plausible", f"year({sql_identifier(column)}) not between 1900 and 2199")
        for column in dates
    ]
    rules += [_order_rule(a, b) for a, b in _declared_pairs(prepared) if a in required and b in required]
    if "kind" in columns and prepared.table == "transactions" and not prepared.part.returns:
        rules.append(("kind not allowed", f"{KIND} not in ('sale', 'return')"))
    if prepared.table == "transactions":
        rules.append(("negative amount that is no return", "_kind = 'sale' and amount < 0"))
        rules.append(("return without an amount", "_kind = 'return' and amount = 0"))
    if "currency" in columns:
        currency = sql_literal(prepared.currency)
        rules += [("currency missing", "currency is null"), ("other currency", f"currency <> {currency}")]
    if anonymous:
        known = f"customer_id in ({', '.join(map(sql_literal, anonymous.ids))})" if anonymous.ids else "false"
        rules.append((anonymous.rule, f"customer_id is null or {known}"))
    return rules


def _name_breach(column: str, spec: Column) -> str:
    """The rule that a value outside the schema's limits breaks."""
    words = "is a placeholder" if spec.kind in ("time", "day") else "not allowed"
    return f"{column} {words}"


def _list_value_rules(column: str, spec: Column) -> list[tuple[str, str]]:
    """The rules for the value of a required column."""
    value, filled, not_finite = (sql_identifier(column + mark) for mark in ("", "?", "~"))
    rules = []
    if spec.kind in ("money", "number"):
        rules.append((f"{column} not finite", f"{value} is null and {not_finite}"))
    rules.append((f"{column} missing", f"{value} is null and not {filled}"))
    rules.append((f"{column} not readable", f"{value} is null"))
    if test := _outside_limits(column, spec):
        rules.append((_name_breach(column, spec), test))
    return rules


def _declared_pairs(prepared: PreparedPart) -> list[tuple[str, str]]:
    """The pairs of days that have to follow each other, of which the part declares both."""
    return [pair for pair in ORDERED.get(prepared.table, ()) if set(pair) <= prepared.part.columns.keys()]


def _order_rule(earlier: str, later: str) -> tuple[str, str]:
    return f"{later} before {earlier}", f"{sql_identifier(later)} < {sql_identifier(earlier)}"


def _list_remarks(prepared: PreparedPart) -> list[tuple[str, str]]:
    """The remarks on a part's records: the remark and its test in SQL."""
    schema, remarks = INPUTS[prepared.table].columns, []
    for column in prepared.part.columns:
        spec, sql = schema.get(column, FREE_TEXT), sql_identifier(column)
        if spec.kind == "money" and spec.required:
            remarks.append((f"{column} rounds to zero", f"{sql} = 0 and {sql_identifier(column + '#')}"))
        if spec.required or (column == "kind" and prepared.table == "transactions"):
            continue
        if spec.kind != "text":
            filled = sql_identifier(column + "?")
            remarks.append((f"{column} not readable", f"{sql} is null and {filled}"))
        elif column not in IDS:
            test = f"regexp_matches({sql}, {sql_literal(CONTROL_IN_TEXT)})"
            remarks.append((f"control character in {column}", test))
        if spec.kind == "text" and reads_errors(prepared, column):
            remarks.append((f"error value in {column}", f"{sql} is null and {sql_identifier(column + '!')}"))
        if test := _outside_limits(column, spec):
            remarks.append((_name_breach(column, spec), test))
    remarks += [
        _order_rule(a, b)
        for a, b in _declared_pairs(prepared)
        if not (schema[a].required and schema[b].required)
    ]
    if prepared.table == "transactions" and (prepared.part.returns or "kind" in prepared.part.columns):
        remarks.append(("return with a positive amount", "_kind = 'return' and amount > 0"))
    if prepared.unread_status:
        remarks.append((NO_SALE, "_no_sale"))
    return remarks
