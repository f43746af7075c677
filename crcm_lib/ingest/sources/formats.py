"""How the text of a file becomes numbers and times: declared in the description, or proven by the data.

Text that could be read in two ways stops the run and says what to declare; nothing is guessed.
"""

import duckdb

from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.expressions import DECIMAL, Field, Node, name, quote
from crcm_lib.ingest.sources.readers import Raw

NUMERIC = (
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
FLOATING = ("FLOAT", "DOUBLE")
NOT_FINITE = r"^[+-]?(nan|inf|infinity)$"
ZONE = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
ISO = (
    rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?({ZONE})?)?$"
)
OFFSET = rf"[0-9]:[0-9]{{2}}(:[0-9.]+)?{ZONE}$"
DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y",
    "%m/%d/%y", "%Y%m%d",
    "%Y年%m月%d日",
)  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


def list_fields(raw: Raw, file: File, key: str, alias: str = "r", prefix: str = "") -> dict[str, Field]:
    """The columns of a raw table as expressions may read them; `key` names the file's macro."""
    fields = {}
    for column, sql_type in raw.columns.items():
        sql = f"{alias}.{name(column)}"
        if sql_type == "VARCHAR":
            shown = _without_missing(sql, file.missing)
            field = Field(shown, "text", f"number_{key}({shown})")
        elif sql_type in FLOATING:
            shown = f"case when isfinite({sql}) then {sql} end"
            field = Field(shown, "number", f"try_cast({shown} as {DECIMAL})")
        elif sql_type in NUMERIC or sql_type.startswith("DECIMAL"):
            field = Field(sql, "number", f"try_cast({sql} as {DECIMAL})")
        elif sql_type == "BOOLEAN":
            field = Field(sql, "flag", f"cast({sql} as integer)")
        elif sql_type.startswith(("TIMESTAMP", "DATE")):
            field = Field(sql, "time", "null")
        else:
            field = Field(f"cast({sql} as varchar)", "text", "null")
        fields[prefix + column] = field
    return fields


def _without_missing(sql: str, missing: list[str]) -> str:
    words = ", ".join(quote(word) for word in missing)
    return f"(case when trim({sql}) not in ({words}) then {sql} end)" if words else sql


def define_number(engine: duckdb.DuckDBPyConnection, file: File, key: str) -> None:
    """Make the macro that reads a file's text as a number: its decimal mark, its thousands mark, no other."""
    mark, thousands = file.decimal or ".", file.thousands
    plain, digits = "trim(t)", "[0-9]+"
    if thousands:
        plain = f"replace({plain}, {quote(thousands)}, '')"
        digits = rf"([0-9]+|[0-9]{{1,3}}(\{thousands}[0-9]{{3}})+)"
    if mark == ",":
        plain = f"replace({plain}, ',', '.')"
    pattern = rf"^[+-]?({digits}(\{mark}[0-9]*)?|\{mark}[0-9]+)([eE][+-]?[0-9]{{1,3}})?$"
    engine.execute(
        f"create or replace macro number_{key}(t) as "
        f"case when regexp_matches(trim(t), {quote(pattern)}) then try_cast({plain} as {DECIMAL}) end"
    )


def time_sql(sql: str, kind: str, sql_type: str, form: str, zones: tuple[str, str]) -> str:
    """The SQL of a local time; `zones` are the zone that the source writes in and the zone of the company."""
    if kind == "time":
        if sql_type.startswith("TIMESTAMP WITH"):
            return f"({sql} at time zone {quote(zones[1])})"
        return (
            f"cast({sql} as timestamp)" if sql_type == "DATE" else _shift(f"cast({sql} as timestamp)", zones)
        )
    text = f"trim({sql})"
    if "%z" in form:
        return f"(try_strptime({text}, {quote(form)}) at time zone 'UTC' at time zone {quote(zones[1])})"
    if form:
        read = f"try_strptime({text}, {quote(form)})"
        return _shift(read, zones) if "%H" in form or "%I" in form else read
    return (
        f"case when not regexp_matches({text}, {quote(ISO)}) then null "
        f"when length({text}) = 10 then try_cast({text} as timestamp) "
        f"when regexp_matches({text}, {quote(OFFSET)}) "
        f"then try_cast({text} as timestamptz) at time zone {quote(zones[1])} "
        f"else {_shift(f'try_cast({text} as timestamp)', zones)} end"
    )


def _shift(sql: str, zones: tuple[str, str]) -> str:
    given, ours = zones
    return sql if given in ("", ours) else f"(({sql} at time zone {quote(given)}) at time zone {quote(ours)})"


def prove_time(engine, place: tuple[Raw, str], sql: str, form: str, column: str) -> str:
    """What is wrong with the times of a text column: nothing (empty), or what to declare."""
    source = (
        f"(select trim({sql}) as t from {name(place[0].table)} {place[1]} where _whole and trim({sql}) <> '')"
    )
    good = f"try_strptime(t, {quote(form)}) is not null" if form else f"regexp_matches(t, {quote(ISO)})"
    filled, fitting, example = engine.execute(
        f"select count(*), count(*) filter ({good}), min(t) filter (not ({good})) from {source}"
    ).fetchone()
    if fitting == filled or not filled:
        return ""
    others = _fitting_formats(engine, source, form, good)
    if fitting and (form or not others):
        return ""
    known = ", ".join(f'"{other}" ({count})' for other, count in others) or _("none of the usual formats")
    return _("{column}: {bad} of {filled} times are not {form}, for example {shape}; they fit {known}. "
             "Declare time_format.").format(
        column=column, bad=filled - fitting, filled=filled, form=form or "ISO 8601", shape=shape(example),
        known=known)  # fmt: skip


def _fitting_formats(engine, source: str, form: str, good: str) -> list[tuple[str, int]]:
    tried = [day + clock for day in DAYS for clock in CLOCKS if day + clock != form]
    counts = ", ".join(f"count(*) filter (try_strptime(t, {quote(other)}) is not null)" for other in tried)
    sample = f"(select distinct t from {source} where not ({good}) order by t limit 10000)"
    found = engine.execute(f"select {counts} from {sample}").fetchone()
    most = max(found)
    return [(other, count) for other, count in zip(tried, found, strict=True) if count and count == most][:4]


def prove_number(engine, raw: Raw, file: File, sql: str, column: str) -> str:
    """What is wrong with the numbers of a text column: nothing (empty), or what to declare."""
    if file.decimal:
        return ""
    filled, commas, dots, grouped = engine.execute(
        f"select count(*), count(*) filter (regexp_matches(t, '^[+-]?[0-9.]*,[0-9]+')), count(*) filter "
        f"(t like '%.%'), "
        f"count(*) filter (regexp_matches(t, '^[+-]?[1-9][0-9]{{0,2}}([.][0-9]{{3}})+$')) from "
        f"(select trim({sql}) as t from {name(raw.table)} {sql.partition('.')[0]} where _whole and "
        f"trim({sql}) <> '')"
    ).fetchone()
    if commas and not file.thousands:
        return _("{column}: {commas} of {filled} numbers hold a comma; declare what it means "
                 "(decimal or thousands)").format(column=column, commas=commas, filled=filled)  # fmt: skip
    if dots and dots == grouped:
        return _("{column}: every one of {dots} dots stands before three digits; declare what it means "
                 "(decimal or thousands)").format(column=column, dots=dots)  # fmt: skip
    return ""


def shape(text: str) -> str:
    """The form of a value without the value: 9 for a digit, a for a letter.

    >>> shape("13/02/2011 08:26")
    '99/99/9999 99:99'
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in text[:30])


def not_finite_sql(
    node: Node, raw_types: dict[str, str], fields: dict[str, Field], aliases: dict[str, str]
) -> str:
    """Does any number that an expression reads stand for no finite number?"""
    tests = []
    for column in sorted(node.columns()):
        sql_type, sql = raw_types.get(column, ""), aliases.get(column, "")
        if sql_type in FLOATING:
            tests.append(f"not isfinite({sql})")
        elif sql_type == "VARCHAR":
            tests.append(f"regexp_matches(lower(trim({fields[column].sql})), {quote(NOT_FINITE)})")
    return " or ".join(f"coalesce({test}, false)" for test in tests) or "false"
