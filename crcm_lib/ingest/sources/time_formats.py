"""How the text and the numbers of a file become times: declared in the description, or ISO 8601.

Text that could be read in two ways stops the run with a message that says what to declare; nothing is
guessed. What is tested and what is read later are one SQL expression.
"""

import re
from collections.abc import Iterator

from crcm_lib.i18n import _
from crcm_lib.ingest.sources.expression_sql import sql_literal
from crcm_lib.ingest.sources.text import mask
from crcm_lib.schema.engine import Engine

UTC_OFFSET = " ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    rf"({UTC_OFFSET})?)?$"
)
ENDS_IN_OFFSET = rf"[0-9]:[0-9]{{2}}(:[0-9.]+)?{UTC_OFFSET}$"
EPOCH = {"unix": 1, "unix_ms": 1000}  # forms of numbers that count from 1970-01-01 UTC, and units per second
SERIAL = "excel"  # days since 1899-12-30 as spreadsheets count them; ISO 8601 where a cell kept its date
SERIAL_NUMBER = r"^[1-9][0-9]{4}(\.[0-9]+)?$"  # 10,000 to 99,999: the years 1927 to 2173
SPECIFIERS = "aAbBdfgGHIjmMnpSuUVwWyYz%"
# Formats that are suggested when the times of a file do not fit.
DAY_FORMATS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%Y%m%d", "%Y年%m月%d日"),
    *("%b %d, %Y", "%b %d %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %d, %Y", "%d %B %Y", "%d. %B %Y"),
)
CLOCK_FORMATS = (
    *("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %I:%M %p", ", %H:%M"),
    *(" %H:%M:%S.%f", " %H:%M:%S %z", "%H%M%S", " %H时%M分%S秒"),
)
# A text with 9 for each digit and a for letters; three hundred formats at once are slow, few have an outline.
OUTLINE_SQL = r"regexp_replace(regexp_replace(t, '[0-9]', '9', 'g'), '\p{L}+', 'a', 'g')"
OUTLINES = {
    "Y": "9{4}",
    "b": "a",
    "B": "a",
    "p": "a",
    "f": "9+",
    "z": "[-+:9a]+",
}  # any other: one or two digits
MAX_SUGGESTIONS = 4
MAX_TEXTS = 10_000  # distinct texts on which formats are tried
TOLERATED = (
    0.02  # of the times, where a declared format does not fit; more may mean another order of day and month
)


def find_bad_format(form: str) -> str:
    """What keeps a text from being a format of times; "" for none.

    >>> find_bad_format("%d/%m/%Y"), find_bad_format("unix")
    ('', '')
    """
    if form in ("", SERIAL, *EPOCH):
        return ""
    codes = re.findall("%-?(.?)", form)
    unknown = [code for code in codes if code not in SPECIFIERS or not code]
    if unknown:
        return _("%{code} is no code of a time format").format(code=unknown[0])
    if not codes:
        return _("{form!r}: no time format; write for example %d/%m/%Y, unix, unix_ms or excel").format(
            form=form
        )
    return ""


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
    if form in EPOCH:
        return f"(to_timestamp({sql} / {EPOCH[form]}) at time zone {company_zone})"
    text = f"trim({sql})"
    if form == SERIAL:
        days = f"try_cast({text} as double)"
        serial = f"(timestamp '1899-12-30' + to_milliseconds(cast(round({days} * 86400000) as bigint)))"
        return f"""
            case when regexp_matches({text}, {sql_literal(SERIAL_NUMBER)})
                 then {_to_company_zone(serial, zones)}
                 else {_iso_sql(text, zones)} end"""
    if not form:
        return _iso_sql(text, zones)
    if "%z" in form:
        numeric = f"regexp_replace({text}, 'Z$', '+0000')"
        return f"(try_strptime({numeric}, {sql_literal(form)}) at time zone {company_zone})"
    parsed = f"try_strptime({text}, {sql_literal(form)})"
    return _to_company_zone(parsed, zones) if "%H" in form or "%I" in form else parsed


def is_number_form(form: str) -> bool:
    """Whether times of this form are numbers."""
    return form in EPOCH


def _iso_sql(text: str, zones: tuple[str, str]) -> str:
    """ISO 8601; an offset may stand after a blank and without a colon, as interfaces write it."""
    joined = f"regexp_replace({text}, ' (Z|[+-][0-9:]+)$', '\\1')"
    offset = f"regexp_replace({joined}, '([+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    return f"""
        case when not regexp_matches({text}, {sql_literal(ISO)}) then null
             when length({text}) = 10 then try_cast({text} as timestamp)
             when regexp_matches({text}, {sql_literal(ENDS_IN_OFFSET)})
             then try_cast({offset} as timestamptz) at time zone {sql_literal(zones[1])}
             else {_to_company_zone(f"try_cast({text} as timestamp)", zones)} end
    """


def _to_company_zone(sql: str, zones: tuple[str, str]) -> str:
    source_zone, company_zone = zones
    if source_zone in ("", company_zone):
        return sql
    return f"(({sql} at time zone {sql_literal(source_zone)}) at time zone {sql_literal(company_zone)})"


def find_unread(engine: Engine, texts: str, time: str, form: str, column: str) -> str:
    """What is wrong with texts that are to be times: "", or what to declare.

    Parameters
    ----------
    texts
        A query that gives them as `t`, without empty ones.
    time
        The SQL that reads `t`.
    form
        Its declared format, "" for ISO 8601.
    column
        The name of the column that the message names.
    """
    filled, fitting, example = engine.execute(f"""
        select count(*), count(*) filter (time is not null), min(t) filter (time is null)
        from (select t, {time} as time from ({texts}))
    """).fetchone()
    if fitting == filled or not filled:
        return ""
    misfits = f"select distinct t from ({texts}) where {time} is null order by t limit {MAX_TEXTS}"
    others = list(count_fitting(engine, misfits, form))
    if fitting and (not others or (form and filled - fitting <= TOLERATED * filled)):
        return ""
    most = max((count for _form, count in others), default=0)
    suggestions = [f'"{other}" ({count})' for other, count in others if count == most][:MAX_SUGGESTIONS]
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
        known=", ".join(suggestions) or _("none of the usual formats"),
    )


def count_fitting(engine: Engine, texts: str, form: str) -> Iterator[tuple[str, int]]:
    """The usual formats that read any of the texts, with how many they read."""
    outlines = {row[0] for row in engine.execute(f"select distinct {OUTLINE_SQL} from ({texts})").fetchall()}
    tests = {
        other: f"year(try_strptime(t, {sql_literal(other)})) between 1900 and 2199"
        for other in (day + clock for day in DAY_FORMATS for clock in CLOCK_FORMATS)
        if other != form and any(map(_outline_of(other).fullmatch, outlines))
    }
    tests[SERIAL] = f"regexp_matches(t, {sql_literal(SERIAL_NUMBER)})"
    tests["unix"] = "regexp_matches(t, '^1[0-9]{9}([.][0-9]+)?$')"
    tests["unix_ms"] = "regexp_matches(t, '^1[0-9]{12}$')"
    counts = ", ".join(f"count(*) filter ({test})" for test in tests.values())
    counted = engine.execute(f"select {counts} from ({texts})").fetchone()
    return ((other, count) for other, count in zip(tests, counted, strict=True) if count)


def _outline_of(form: str) -> re.Pattern[str]:
    """The outlines that texts of a format have.

    >>> bool(_outline_of("%d. %B %Y").fullmatch("99. a 9999"))
    True
    """
    pieces = re.findall(r"%([a-zA-Z])|([^\W\d_]+)|( )|(.)", form)
    return re.compile(
        "".join(
            OUTLINES.get(code, "9{1,2}") if code else "a" if word else " *" if blank else re.escape(sign)
            for code, word, blank, sign in pieces
        )
    )


def describe_number(engine: Engine, numbers: str, column: str) -> str:
    """What to declare where a time is needed and numbers, `n` of a query, are there."""
    units = {
        "unix": "to_timestamp({})",
        "unix_ms": "to_timestamp({} / 1000)",
        SERIAL: "date '1899-12-30' + floor({})::integer",
    }
    days = ", ".join(
        f"try(cast({unit.format(end)} as date))::varchar"
        for unit in units.values()
        for end in ("low", "high")
    )
    ends = f"select min(n)::double as low, max(n)::double as high from ({numbers})"
    found = engine.execute(f"select {days} from ({ends})").fetchone()
    plausible = [
        f"{form} ({found[2 * n]} … {found[2 * n + 1]})"
        for n, form in enumerate(units)
        if all("1971" < str(day) < "2150" for day in found[2 * n : 2 * n + 2])
    ]
    problem = _(
        "{column}: numbers where times are needed; declare time_format: unix (seconds since 1970), unix_ms "
        "(milliseconds) or excel (days since 1900). Plausible: {known}"
    )
    known = ", ".join(plausible) or _("none of them")
    return problem.format(column=column, known=known)
