"""The text of a field: blanks around it, and its form without its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.schema.engine import Engine

# Blanks that exports write beside the ordinary one: tab, no-break, thin, narrow, ideographic.
ODD_BLANKS = "\t\u00a0\u2007\u2009\u202f\u3000"
BLANKS = f" {ODD_BLANKS}"


# What a spreadsheet writes where a formula has failed; saved as text, in the language of the spreadsheet.
ERROR_VALUES = (
    *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"),
    *("#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!"),
    *("#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!"),
    *("#N/D", "#¡REF!", "#¡VALOR!", "#¿NOMBRE?", "#¡NUM!", "#¡DIV/0!", "#¡NULO!"),
)
TOTALS = r"(?i)^\s*(grand total|sub-? ?total|total|sum|合计|小计|总计|共计|合計|小計|總計)\s*[:：]?\s*$"


def is_total_sql(texts: Sequence[str]) -> str:
    """The SQL of: is any text of the record a word for a total?"""
    tests = " or ".join(f"coalesce(regexp_matches({text}, {sql_literal(TOTALS)}), false)" for text in texts)
    return f"({tests or 'false'})"


def strip_sql(sql: str) -> str:
    """The SQL of a text without blanks of any kind around it; about three times the cost of `trim`."""
    return f"trim({sql}, {sql_literal(BLANKS)})"


def is_error_sql(sql: str) -> str:
    """The SQL of: is the text what a spreadsheet writes where a formula has failed?

    Texts without the sign that all of these begin with, which most are, are not trimmed and compared; a long
    list after `in` would be joined to every record.
    """
    among = f"list_contains({list(ERROR_VALUES)}, trim({sql}))"
    return f"(case when contains({sql}, '#') then {among} else false end)"


@dataclass(frozen=True)
class OddTexts:
    """The text columns of a raw table that hold blanks other than the usual one, and error values."""

    blanks: set[str]
    errors: set[str]


def find_odd_texts(engine: Engine, table: str, columns: dict[str, str]) -> OddTexts:
    """Look through the text columns of a raw table, which are given with their types."""
    texts = [column for column, kind in columns.items() if kind == "VARCHAR"]
    if not texts:
        return OddTexts(set(), set())
    tests = ", ".join(
        f"bool_or({test(sql_identifier(column))})"
        for test in (_has_odd_blank_sql, is_error_sql)
        for column in texts
    )
    found = engine.execute(f"select {tests} from {sql_identifier(table)}").fetchone()
    blanks, errors = found[: len(texts)], found[len(texts) :]
    return OddTexts(set(compress(texts, blanks)), set(compress(texts, errors)))


def _has_odd_blank_sql(sql: str) -> str:
    """The SQL of: does the text hold an odd blank? All of them but the tab take several bytes."""
    wide = " or ".join(f"contains({sql}, {sql_literal(blank)})" for blank in ODD_BLANKS[1:])
    return f"contains({sql}, '{ODD_BLANKS[0]}') or case when strlen({sql}) > length({sql}) then {wide} end"


def mask(text: str) -> str:
    """The form of a value without the value: 9 for a digit, a for a letter; at most 30 characters.

    >>> mask("13/02/2011 08:26")
    '99/99/9999 99:99'
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in text[:30])


def mask_sql(sql: str) -> str:
    """The SQL of `mask`."""
    digits = rf"regexp_replace(left({sql}, 30), '\p{{Nd}}', '9', 'g')"
    return rf"regexp_replace({digits}, '\p{{L}}', 'a', 'g')"
