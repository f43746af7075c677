"""How the text of a file becomes numbers and times: declared in the description, or proven by the data.

Text that could be read in two ways stops the run with a message that says what to declare; nothing is
guessed.
"""

from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.expression_sql import DECIMAL, ColumnSql, sql_identifier, sql_literal
from crcm_lib.ingest.sources.expressions import Node
from crcm_lib.ingest.sources.readers import RawTable
from crcm_lib.schema.engine import Engine

INTEGER_TYPES = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)
FLOAT_TYPES = ("FLOAT", "DOUBLE")
NOT_FINITE = r"^[+-]?(nan|inf|infinity)$"
UTC_OFFSET = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    rf"({UTC_OFFSET})?)?$"
)
ENDS_IN_OFFSET = rf"[0-9]:[0-9]{{2}}(:[0-9.]+)?{UTC_OFFSET}$"
# Formats that are suggested when the times of a file do not fit.
DAY_FORMATS = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%Y%m%d",
    "%Y年%m月%d日",
)
CLOCK_FORMATS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MAX_SUGGESTIONS = 4


def list_columns(
    raw: RawTable, file: File, key: str, alias: str = "r", prefix: str = ""
) -> dict[str, ColumnSql]:
    """The columns of a raw table as expressions may read them; `key` names the file's number macro."""
    columns = {}
    for name, sql_type in raw.columns.items():
        sql = f"{alias}.{sql_identifier(name)}"
        if sql_type == "VARCHAR":
            filled = _without_missing(sql, file.missing)
            column = ColumnSql(filled, "text", f"number_{key}({filled})")
        elif sql_type in FLOAT_TYPES:
            finite = f"case when isfinite({sql}) then {sql} end"
            column = ColumnSql(finite, "number", f"try_cast({finite} as {DECIMAL})")
        elif sql_type in INTEGER_TYPES or sql_type.startswith("DECIMAL"):
            column = ColumnSql(sql, "number", f"try_cast({sql} as {DECIMAL})")
        elif sql_type == "BOOLEAN":
            column = ColumnSql(sql, "flag", f"cast({sql} as integer)")
        elif sql_type.startswith(("TIMESTAMP", "DATE")):
            column = ColumnSql(sql, "time", "null")
        else:
            column = ColumnSql(f"cast({sql} as varchar)", "text", "null")
        columns[prefix + name] = column
    return columns


def _without_missing(sql: str, missing: list[str]) -> str:
    """A text, null where it is one of the declared words for missing."""
    literals = ", ".join(sql_literal(word) for word in missing)
    return f"(case when trim({sql}) not in ({literals}) then {sql} end)" if literals else sql


def create_number_macro(engine: Engine, file: File, key: str) -> None:
    """Make the macro that reads a file's text as a number: its decimal mark, its thousands mark, no other."""
    mark, thousands = file.decimal or ".", file.thousands
    plain, digits = "trim(t)", "[0-9]+"
    if thousands:
        plain = f"replace({plain}, {sql_literal(thousands)}, '')"
        digits = rf"([0-9]+|[0-9]{{1,3}}(\{thousands}[0-9]{{3}})+)"
    if mark == ",":
        plain = f"replace({plain}, ',', '.')"
    pattern = rf"^[+-]?({digits}(\{mark}[0-9]*)?|\{mark}[0-9]+)([eE][+-]?[0-9]{{1,3}})?$"
    engine.execute(f"""
        create or replace macro number_{key}(t) as
        case when regexp_matches(trim(t), {sql_literal(pattern)}) then try_cast({plain} as {DECIMAL}) end
    """)


def time_sql(sql: str, kind: str, sql_type: str, form: str, zones: tuple[str, str]) -> str:
    """The SQL of a local time.

    Parameters
    ----------
    sql
        A time or a text that holds one.
    kind
        Which of the two: `time`, `text`.
    sql_type
        The type of a time.
    form
        The declared format of a text, "" for ISO 8601.
    zones
        The time zone that the source writes in, and the company's.
    """
    company_zone = sql_literal(zones[1])
    if kind == "time":
        if sql_type.startswith("TIMESTAMP WITH"):
            return f"({sql} at time zone {company_zone})"
        timestamp = f"cast({sql} as timestamp)"
        return timestamp if sql_type == "DATE" else _to_company_zone(timestamp, zones)
    text = f"trim({sql})"
    parsed = f"try_strptime({text}, {sql_literal(form)})"
    if "%z" in form:
        return f"({parsed} at time zone 'UTC' at time zone {company_zone})"
    if form:
        return _to_company_zone(parsed, zones) if "%H" in form or "%I" in form else parsed
    return f"""
        case when not regexp_matches({text}, {sql_literal(ISO)}) then null
             when length({text}) = 10 then try_cast({text} as timestamp)
             when regexp_matches({text}, {sql_literal(ENDS_IN_OFFSET)})
             then try_cast({text} as timestamptz) at time zone {company_zone}
             else {_to_company_zone(f"try_cast({text} as timestamp)", zones)} end
    """


def _to_company_zone(sql: str, zones: tuple[str, str]) -> str:
    source_zone, company_zone = zones
    if source_zone in ("", company_zone):
        return sql
    return f"(({sql} at time zone {sql_literal(source_zone)}) at time zone {sql_literal(company_zone)})"


def check_times(engine: Engine, table: tuple[RawTable, str], sql: str, form: str, column: str) -> str:
    """What is wrong with the times of a text column: "", or what to declare.

    Parameters
    ----------
    table
        The raw table and its alias in `sql`.
    sql
        The text that holds the times.
    form
        Its declared format, "" for ISO 8601.
    column
        The name of the column that the message names.
    """
    raw, alias = table
    texts = f"""(
        select trim({sql}) as t from {sql_identifier(raw.name)} {alias}
        where _whole and trim({sql}) <> ''
    )"""
    fits = (
        f"try_strptime(t, {sql_literal(form)}) is not null"
        if form
        else f"regexp_matches(t, {sql_literal(ISO)})"
    )
    filled, fitting, example = engine.execute(f"""
        select count(*), count(*) filter ({fits}), min(t) filter (not ({fits})) from {texts}
    """).fetchone()
    if fitting == filled or not filled:
        return ""
    others = _find_fitting_formats(engine, f"select distinct t from {texts} where not ({fits})", form)
    if fitting and (form or not others):
        return ""
    suggestions = ", ".join(f'"{other}" ({count})' for other, count in others)
    problem = _(
        "{column}: {bad} of {filled} times are not {form}, for example {shape}; they fit {known}. "
        "Declare time_format."
    )
    return problem.format(
        column=column,
        bad=filled - fitting,
        filled=filled,
        form=form or "ISO 8601",
        shape=mask(example),
        known=suggestions or _("none of the usual formats"),
    )


def _find_fitting_formats(engine: Engine, texts: str, form: str) -> list[tuple[str, int]]:
    """The usual formats that read most of the texts, with how many they read."""
    formats = [day + clock for day in DAY_FORMATS for clock in CLOCK_FORMATS if day + clock != form]
    counts = ", ".join(
        f"count(*) filter (try_strptime(t, {sql_literal(other)}) is not null)" for other in formats
    )
    counted = engine.execute(f"select {counts} from ({texts} order by t limit 10000)").fetchone()
    fitting = [(other, count) for other, count in zip(formats, counted, strict=True) if count]
    return [(other, count) for other, count in fitting if count == max(counted)][:MAX_SUGGESTIONS]


def check_numbers(engine: Engine, raw: RawTable, file: File, sql: str, column: str) -> str:
    """What is wrong with the numbers of a text column: "", or what to declare."""
    if file.decimal:
        return ""
    alias = sql.partition(".")[0]
    filled, commas, dots, grouped = engine.execute(f"""
        select
            count(*),
            count(*) filter (regexp_matches(t, '^[+-]?[0-9.]*,[0-9]+')),
            count(*) filter (t like '%.%'),
            count(*) filter (regexp_matches(t, '^[+-]?[1-9][0-9]{{0,2}}([.][0-9]{{3}})+$'))
        from (
            select trim({sql}) as t from {sql_identifier(raw.name)} {alias}
            where _whole and trim({sql}) <> ''
        )
    """).fetchone()
    if commas and not file.thousands:
        problem = _(
            "{column}: {commas} of {filled} numbers hold a comma; declare what it means "
            "(decimal or thousands)"
        )
        return problem.format(column=column, commas=commas, filled=filled)
    if dots and dots == grouped:
        problem = _(
            "{column}: every one of {dots} dots stands before three digits; declare what it means "
            "(decimal or thousands)"
        )
        return problem.format(column=column, dots=dots)
    return ""


def mask(text: str) -> str:
    """The form of a value without the value: 9 for a digit, a for a letter.

    >>> mask("13/02/2011 08:26")
    '99/99/9999 99:99'
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in text[:30])


def not_finite_sql(
    node: Node, sql_types: dict[str, str], columns: dict[str, ColumnSql], raw_sql: dict[str, str]
) -> str:
    """The SQL of: does any number that an expression reads stand for no finite number?

    Parameters
    ----------
    sql_types, columns, raw_sql
        By column: its type, what expressions read, and the column as it is in the file.
    """
    tests = []
    for name in sorted(node.columns()):
        sql_type = sql_types.get(name, "")
        if sql_type in FLOAT_TYPES:
            tests.append(f"not isfinite({raw_sql[name]})")
        elif sql_type == "VARCHAR":
            tests.append(f"regexp_matches(lower(trim({columns[name].sql})), {sql_literal(NOT_FINITE)})")
    return " or ".join(f"coalesce({test}, false)" for test in tests) or "false"
