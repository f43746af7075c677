"""How the text of a file becomes numbers: declared in the description, or proven by the data.

The numbers of a column are read as a whole. Text that is a number in a form which the description does not
declare stops the run with a message that says what to declare: such numbers are never a random few, but the
refunds, or the large orders. Nothing is guessed.
"""

import re
from collections.abc import Iterator

from crcm_lib.i18n import _
from crcm_lib.ingest.sources.currency_signs import may_be_one
from crcm_lib.ingest.sources.description import File
from crcm_lib.ingest.sources.expression_sql import NUMBER, ColumnSql, sql_identifier, sql_literal
from crcm_lib.ingest.sources.expressions import Node
from crcm_lib.ingest.sources.readers import RawTable
from crcm_lib.ingest.sources.text import BLANKS, OddTexts, is_error_sql, mask, strip_sql
from crcm_lib.schema.engine import Engine

INTEGER_TYPES = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
FLOAT_TYPES = ("FLOAT", "DOUBLE")
NOT_FINITE = r"^[+-]?(nan|inf|infinity)$"
FULL_WIDTH = "０１２３４５６７８９．，－＋"
HALF_WIDTH = "0123456789.,-+"
MINUS = "−"  # U+2212, as typesetters and some spreadsheets write it
GROUP_MARKS = {"": "", " ": f"[{BLANKS}]", "'": "['’]", ".": "[.]", ",": "[,]"}
# Signs and codes of currencies as they stand around amounts.
SIGNS = r"[A-Z]{3}|[A-Z]{0,2}[$]|[€£¥￥₩₹₽₺฿₫₱₴₦₪]|元|円|圆|圓|원|kr\.?|zł|Kč|Ft|Fr\.|Rs\.?|руб\.?"
BODY = f"[0-9]+([.,'’{BLANKS}]+[0-9]+)*[.,]?|[.,][0-9]+"
# A number with little around it, in SQL: what stands there otherwise is no number in another form.
SHAPE = rf"^[^0-9０-９]{{0,6}}[0-9０-９][0-9０-９.,．，'’{BLANKS}]*([eE][+-]?[0-9]+)?[^0-9０-９]{{0,6}}$"
SIGN_FORMS = {  # form: what it looks like, and the key and word of the description that read it
    "full width": ("[０-９．，－＋]", "number_format", "full_width"),
    "parentheses": (r"^\(.*\)$", "negative", "(1)"),
    "trailing minus": ("[0-9０-９].*-$", "negative", "1-"),
    "apostrophe": ("^['’]", "negative", "'-1"),
    "minus sign": (MINUS, "negative", "−1"),
    "percent": ("[%％]$", "number_format", "percent"),
    "scientific": ("[0-9][eE][+-]?[0-9]+$", "number_format", "scientific"),
}
MAX_SHAPES = 1000
Cure = tuple[str, str]  # a key of the description and its value
MIXED = ("", "")  # two conventions in one column: no line of a description reads them


def list_columns(
    raw: RawTable, file: File, key: str, odd: OddTexts, alias: str = "r", prefix: str = ""
) -> dict[str, ColumnSql]:
    """The columns of a raw table as expressions may read them; `key` names the file's number macro.

    Texts of some columns have odd blanks around them, which are taken off, or are error values, which are
    missing.
    """
    columns = {}
    for name, sql_type in raw.columns.items():
        sql = f"{alias}.{sql_identifier(name)}"
        if sql_type == "VARCHAR":
            exact, reader = strip_sql(sql) if name in odd.blanks else sql, sql_identifier(f"number_{key}")
            filled = _without_missing(exact, file.missing)
            if has_errors := name in odd.errors:
                filled = f"(case when not {is_error_sql(exact)} then {filled} end)"
            column = ColumnSql(filled, "text", f"{reader}({filled})", exact, reader, has_errors)
        elif sql_type in FLOAT_TYPES:
            finite = f"case when isfinite({sql}) then {sql} end"
            column = ColumnSql(finite, "number", f"try_cast({finite} as {NUMBER})", sql)
        elif sql_type in INTEGER_TYPES or sql_type.startswith("DECIMAL"):
            column = ColumnSql(sql, "number", f"try_cast({sql} as {NUMBER})")
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
    """Make the macro that reads a file's text as a number: in the forms that it declares, and no other.

    Plain numbers, which most are, take the first branch; the forms are looked at only where it fails.
    """
    mark, name = file.decimal or ".", sql_identifier(f"number_{key}")
    plain = rf"^[+-]?([0-9]+(\{mark}[0-9]*)?|\{mark}[0-9]+)$"
    number = "replace(trim(t), ',', '.')" if mark == "," else "trim(t)"
    branches = f"when regexp_matches(trim(t), {sql_literal(plain)}) then try_cast({number} as {NUMBER})"
    if file.has_number_forms:
        bare = sql_identifier(f"bare_{key}")
        engine.execute(f"create or replace macro {bare}(t) as {_bare_sql('t', file)}")
        is_number = f"regexp_matches({bare}(t), {sql_literal(_pattern(file))})"
        branches += f" when {is_number} then {_parsed_sql(f'{bare}(t)', file)}"
    engine.execute(f"create or replace macro {name}(t) as case {branches} end")


def _pattern(file: File) -> str:
    """What is a number once signs and marks of currency are taken off."""
    mark, group = file.decimal or ".", GROUP_MARKS[file.thousands]
    # In groups of three, or as in India of two before the last three: 1,23,456.
    in_groups = rf"[0-9]{{1,3}}({group}[0-9]{{3}})+|[0-9]{{1,2}}({group}[0-9]{{2}})+{group}[0-9]{{3}}"
    digits = f"([0-9]+|{in_groups})" if group else "[0-9]+"
    exponent = "([eE][+-]?[0-9]{1,3})?" if "scientific" in file.number_format else ""
    percent = f"[{BLANKS}]*%?" if "percent" in file.number_format else ""
    return rf"^[+-]?({digits}(\{mark}[0-9]*)?|\{mark}[0-9]+){exponent}{percent}$"


def _parsed_sql(bare: str, file: File) -> str:
    """The number that a text of `_pattern` is."""
    number = f"regexp_replace({bare}, '[{BLANKS}%]', '', 'g')"
    if file.thousands.strip():
        number = f"regexp_replace({number}, {sql_literal(GROUP_MARKS[file.thousands])}, '', 'g')"
    if file.decimal == ",":
        number = f"replace({number}, ',', '.')"
    parsed = f"try_cast({number} as {NUMBER})"
    if "percent" not in file.number_format:
        return parsed
    return f"case when contains({bare}, '%') then cast({parsed} * 0.01 as {NUMBER}) else {parsed} end"


def _bare_sql(text: str, file: File) -> str:
    """A text with the declared signs in their usual place: `(¥1,234.50)` becomes `-1,234.50`."""
    sql = strip_sql(text)
    if "full_width" in file.number_format:
        sql = f"translate({sql}, '{FULL_WIDTH}', '{HALF_WIDTH}')"
    if "−1" in file.negative:
        sql = f"replace({sql}, '{MINUS}', '-')"
    if "'-1" in file.negative:
        sql = f"regexp_replace({sql}, '^[''’]', '')"
    for sign in file.currency_sign:
        escaped = re.escape(sign).replace("'", "''")
        before = rf"regexp_replace({sql}, '^([-+(]*)[{BLANKS}]*{escaped}[{BLANKS}]*', '\1')"
        sql = rf"regexp_replace({before}, '[{BLANKS}]*{escaped}[{BLANKS}]*([-)]*)$', '\1')"
    if "(1)" in file.negative:
        sql = rf"regexp_replace({sql}, '^\([{BLANKS}]*([^-].*)\)$', '-\1')"
    if "1-" in file.negative:
        sql = rf"regexp_replace({sql}, '^([^-].*)-$', '-\1')"
    return strip_sql(sql)


def find_unread(engine: Engine, texts: str, number: str, file: File, column: str) -> list[str]:
    """What is wrong with texts that are to be numbers: forms that are not declared, marks of two meanings.

    Parameters
    ----------
    texts
        A query that gives them as `t`, without empty ones.
    number
        The SQL that reads `t` as a number.
    file
        How they are written.
    column
        The name of the column that the messages name.
    """
    source = f"({texts})"
    if not file.decimal and (problem := _find_two_meanings(engine, source, file, column)):
        return [problem]
    counts = count_unread(engine, source, number, file)
    filled = engine.execute(f"select count(*) from {source}").fetchone()[0] if counts else 0
    message = _("{column}: {count} of {filled} numbers ({share}) are written as {shape}; {cure}")
    signs = {word for cures in counts for key, word in cures if key == "currency_sign"} | {
        *file.currency_sign
    }
    several = _(
        "{column}: signs of several currencies ({signs}); read each with a column of its own, and its code"
    )
    mixed = [] if may_be_one(signs) else [several.format(column=column, signs=", ".join(sorted(signs)))]
    return mixed + [
        message.format(
            column=column,
            count=count,
            filled=filled,
            share=f"{count / filled:.1%}",
            shape=mask(shape),
            cure=_describe_cures(cures),
        )
        for cures, (count, shape) in counts.items()
    ]


def count_unread(
    engine: Engine, source: str, number: str, file: File
) -> dict[tuple[Cure, ...], tuple[int, str]]:
    """By what would read them, the numbers that are not read: how many, and the form of one.

    `source` is a query or table of texts `t`, `number` the SQL that reads one.
    """
    shapes = engine.execute(f"""
        select regexp_replace(regexp_replace(t, '[0-9]', '9', 'g'), '[０-９]', '９', 'g') as shape, count(*)
        from {source} where {number} is null and regexp_matches(t, {sql_literal(SHAPE)})
        group by all order by 2 desc, 1 limit {MAX_SHAPES}
    """).fetchall()
    counts: dict[tuple[Cure, ...], tuple[int, str]] = {}
    for shape, count in shapes:
        if cures := tuple(_list_cures(shape, file)):
            before, example = counts.get(cures, (0, shape))
            counts[cures] = before + count, example
    return counts


def _find_two_meanings(engine: Engine, source: str, file: File, column: str) -> str:
    """A comma, or a point before three digits throughout, where the decimal mark is not declared."""
    filled, commas, dots, grouped = engine.execute(f"""
        select
            count(*),
            count(*) filter (regexp_matches(t, '^[^0-9]*[0-9.]*,[0-9]+')),
            count(*) filter (t like '%.%'),
            count(*) filter (regexp_matches(t, '^[^0-9]*[1-9][0-9]{{0,2}}([.][0-9]{{3}})+[^0-9]*$'))
        from {source}
    """).fetchone()
    if commas and not file.thousands:
        problem = _(
            "{column}: {commas} of {filled} numbers hold a comma; declare what it means "
            "(decimal or thousands): {candidates}"
        )
        candidates = _count_candidates(engine, source, filled)
        return problem.format(column=column, commas=commas, filled=filled, candidates=candidates)
    if dots and dots == grouped:
        problem = _(
            "{column}: every one of {dots} dots stands before three digits; declare what it means "
            "(decimal or thousands)"
        )
        return problem.format(column=column, dots=dots)
    return ""


def _count_candidates(engine: Engine, source: str, filled: int) -> str:
    """How many numbers either pair of marks would read."""
    pairs = [(".", ","), (",", ".")]
    bodies = [
        rf"^[^0-9]*([0-9]{{1,3}}(\{group}[0-9]{{3}})+|[0-9]+)(\{mark}[0-9]*)?[^0-9]*$"
        for mark, group in pairs
    ]
    tests = ", ".join(f"count(*) filter (regexp_matches(t, {sql_literal(body)}))" for body in bodies)
    counts = engine.execute(f"select {tests} from {source}").fetchone()
    cure = _('decimal: "{mark}", thousands: "{group}" reads {count} of {filled}')
    return "; ".join(
        cure.format(mark=mark, group=group, count=count, filled=filled)
        for (mark, group), count in zip(pairs, counts, strict=True)
    )


def _list_cures(shape: str, file: File) -> Iterator[Cure]:
    """What in a description would read numbers of a shape; nothing where it is no number.

    >>> list(_list_cures("(999.99)", File(path="a.csv", decimal=".")))
    [('negative', '(1)')]
    """
    for pattern, key, word in SIGN_FORMS.values():
        if re.search(pattern, shape) and word not in getattr(file, key):
            yield key, word
    bare = shape.translate(str.maketrans(FULL_WIDTH, HALF_WIDTH))
    body = re.search(BODY, bare)[0]
    for sign in dict.fromkeys(re.findall(SIGNS, re.sub("[eE][-+]?[0-9]+", "", bare.replace(body, " ", 1)))):
        if sign not in file.currency_sign:
            yield "currency_sign", sign
    yield from _list_mark_cures(body, file)


def _list_mark_cures(body: str, file: File) -> Iterator[Cure]:
    """What the marks within a number's digits ask for."""
    marks = re.sub("[^.,]", "", body)
    for group, pattern in (("'", "['’]"), (" ", f"[{BLANKS}]")):
        if re.search(f"9{pattern}9", body) and file.thousands != group:
            yield "thousands", group
    decimal, thousands = file.decimal or ".", {".": ",", ",": "."}
    if len(set(marks)) == 2:
        if marks[-1] != decimal:
            yield MIXED if file.decimal else ("decimal", marks[-1])
        if file.thousands != marks[0]:
            yield "thousands", marks[0]
    elif marks and marks[0] != decimal and file.thousands != marks[0]:
        mark = f"[{marks[0]}]"
        grouped = re.fullmatch(f"9{{1,3}}({mark}999)+|9{{1,2}}({mark}99)+{mark}999", body)
        yield ("thousands", thousands[decimal]) if grouped else MIXED
    elif marks and marks[0] == decimal and len(marks) > 1:
        yield MIXED


def _describe_cures(cures: tuple[Cure, ...]) -> str:
    lines = [
        f"{key}: {word}" if key == "number_format" else f'{key}: "{word}"'
        for key, word in (cure for cure in cures if cure != MIXED)
    ]
    mixed = _("the column mixes two conventions; correct these or put them into a file of their own")
    declare = _("declare {lines}").format(lines=", ".join(lines))
    return "; ".join(([declare] if lines else []) + ([mixed] if MIXED in cures else []))


def not_finite_sql(node: Node, sql_types: dict[str, str], columns: dict[str, ColumnSql]) -> str:
    """The SQL of: does any number that an expression reads stand for no finite number?

    Parameters
    ----------
    sql_types, columns
        By column: its type, and what expressions read.
    """
    tests = []
    for name in sorted(node.columns()):
        sql_type = sql_types.get(name, "")
        if sql_type in FLOAT_TYPES:
            tests.append(f"not isfinite({columns[name].exact})")
        elif sql_type == "VARCHAR":
            tests.append(f"regexp_matches(lower(trim({columns[name].sql})), {sql_literal(NOT_FINITE)})")
    return " or ".join(f"coalesce({test}, false)" for test in tests) or "false"
