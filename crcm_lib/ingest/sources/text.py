"""The text of a field: blanks around it, and its form without its content."""

from collections.abc import Sequence

from crcm_lib.ingest.sources.expression_sql import sql_identifier, sql_literal
from crcm_lib.schema.engine import Engine

# Blanks that exports write beside the ordinary one: tab, no-break, thin, narrow, ideographic.
ODD_BLANKS = "\t\u00a0\u2007\u2009\u202f\u3000"
BLANKS = f" {ODD_BLANKS}"


# What a spreadsheet writes where a formula has failed.
ERROR_VALUES = (
    *("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA"),
    *("#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!"),
)
TOTALS = r"(?i)^\s*(grand total|sub-? ?total|total|sum|合计|小计|总计|共计|合計|小計|總計)\s*[:：]?\s*$"


def is_total_sql(texts: Sequence[str]) -> str:
    """The SQL of: is any text of the record a word for a total?"""
    tests = " or ".join(f"coalesce(regexp_matches({text}, {sql_literal(TOTALS)}), false)" for text in texts)
    return f"({tests or 'false'})"


def strip_sql(sql: str) -> str:
    """The SQL of a text without blanks of any kind around it; about three times the cost of `trim`."""
    return f"trim({sql}, {sql_literal(BLANKS)})"


def find_odd_blanks(engine: Engine, table: str, columns: dict[str, str]) -> set[str]:
    """The text columns of a raw table, given with their types, that hold a blank other than the usual one."""
    texts = [column for column, kind in columns.items() if kind == "VARCHAR"]
    tests = [
        " or ".join(f"contains({sql_identifier(column)}, {sql_literal(blank)})" for blank in ODD_BLANKS)
        for column in texts
    ]
    if not tests:
        return set()
    found = engine.execute(
        f"select {', '.join(f'bool_or({test})' for test in tests)} from {sql_identifier(table)}"
    ).fetchone()
    return {column for column, odd in zip(texts, found, strict=True) if odd}


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
