"""One way to write each kind of number, alone or in a sentence."""

import re
import string
from collections.abc import Callable
from functools import cache
from numbers import Number
from typing import Any

import pandas as pd

from crcm_lib.i18n import _

MISSING = "–"
YEAR = 365  # days
FORMATS = {
    "count": ",.0f",  # of things
    "units": ",.0f",  # an amount of money, in whole units of the currency
    "cents": ",.2f",  # an amount of money
    "share": ",.1%",  # of 0…1
    "change": "+,.1%",  # relative
    "days": ",.0f",  # a duration
    "number": ",.2f",  # any other
    "points": ",.1f",  # of a score
    "points_change": "+,.1f",  # in points of a score or in standard deviations
    "p": ".3f",  # of a test
}
SMALLEST_P = 0.001  # smaller ones are only said to be
KINDS = {*FORMATS, "money", "day", "text", "ago", "lasting"}  # money: in units from 100 on, with cents below


def write(value: Any, kind: str = "", *, missing: str = MISSING) -> str:
    """A value as people read it; `kind` is one of `KINDS`, or "" for what the value is.

    >>> write(None), write(True), write(pd.Timestamp("2025-12-31")), write(12345), write(-0.001)
    ('–', 'yes', '2025-12-31', '12,345', '0.00')
    >>> write(1234.5, "money"), write(-3.456, "money"), write(30.4, "days"), write(80.04, "points")
    ('1,234', '-3.46', '30', '80.0')
    >>> write(0.1234, "share"), write(0.1234, "change"), write(-0.0001, "change"), write(3, "points_change")
    ('12.3%', '+12.3%', '0.0%', '+3.0')
    >>> write(0.0416, "p"), write(0.0004, "p")
    ('0.042', '< 0.001')
    >>> write(0, "ago"), write(1.2, "ago"), write(30.0, "ago"), write(1, "lasting"), write(1200, "lasting")
    ('today', 'yesterday', '30 days ago', '1 day', '1,200 days')
    """
    if pd.isna(value):
        return missing
    if pd.api.types.is_bool(value):
        return _("yes") if value else _("no")
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if not isinstance(value, Number) or kind == "text":
        return str(value)
    if kind in ("ago", "lasting"):
        return _write_days(round(value), kind)
    if kind == "p" and value < SMALLEST_P:
        return f"< {SMALLEST_P}"
    if kind == "money":
        kind = "units" if abs(value) >= 100 else "cents"
    words = format(value, FORMATS[kind or ("count" if pd.api.types.is_integer(value) else "number")])
    return words if words[0] not in "+-" or re.search("[1-9]", words) else words.lstrip("+-")


def _write_days(days: int, kind: str) -> str:
    """How long ago something was, or how long it lasted, in whole days."""
    if kind == "lasting":
        words = _("1 day") if days == 1 else _("{days} days")
    else:
        words = {0: _("today"), 1: _("yesterday")}.get(days, _("{days} days ago"))
    return words.format(days=format(days, FORMATS["days"]))


@cache
def _parse(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """A template's words, each with the field after it and the kind of number that it asks for."""
    return tuple(string.Formatter().parse(template))


def _write_field(value: Any, kind: str, missing: str) -> str:
    if isinstance(value, list):
        return ", ".join(_write_field(each, kind, missing) for each in value)
    return write(value, kind, missing=missing) if kind in KINDS else format(value, kind)


def fill(template: str, /, *, missing: str = MISSING, **values: Any) -> str:
    """A sentence with its values, each in the form that its field names; a list is joined by commas.

    >>> fill("{who} of {n:count} spend {sums:money}", who="Two", n=1200, sums=[99.5, None])
    'Two of 1,200 spend 99.50, –'
    """
    parts = []
    for words, name, kind, _conversion in _parse(template):
        parts.append(words)
        if name is not None:
            parts.append(_write_field(values[name], kind or "", missing))
    return "".join(parts)


def fill_rows(template: str, rows: pd.DataFrame, /, *, missing: str = MISSING, **values: Any) -> str:
    """The template filled with each row's columns, and its index where that has a name; "; " between.

    >>> fill_rows("{tier}: {spend:money}", pd.DataFrame({"tier": ["A", "B"], "spend": [12.0, 900.0]}))
    'A: 12.00; B: 900'
    """
    named = rows if rows.index.name is None else rows.reset_index()
    return "; ".join(fill(template, missing=missing, **values, **row) for row in named.to_dict("records"))


def fill_cells(template: str, grid: pd.DataFrame, *, missing: str = MISSING) -> str:
    """The template filled with each cell's `column` and `value`, in a list per row of a table.

    >>> fill_cells("{column} {value:count}", pd.DataFrame({"new": [1, 2], "lost": [3, 4]}, index=["A", "B"]))
    'A: new 1, lost 3; B: new 2, lost 4'
    """
    lists = []
    for name, row in grid.iterrows():
        cells = [fill(template, missing=missing, column=column, value=row[column]) for column in grid]
        lists.append(f"{name}: {', '.join(cells)}")
    return "; ".join(lists)


def write_rows(rows: pd.DataFrame, write_row: Callable[[dict], str], name: str = "because") -> pd.Series:
    """A sentence for each row; give only the rows that are shown, because each is formatted."""
    return pd.Series([write_row(row) for row in rows.to_dict("records")], rows.index, "str", name)


def name_year_spend(history_days: int) -> str:
    """The spend of the last 365 days; of a shorter history the days are named.

    >>> name_year_spend(365), name_year_spend(23)
    ("last year's spend", 'the spend of 23 days')
    """
    words = _("last year's spend") if history_days >= YEAR else _("the spend of {n} days")
    return fill(words, n=history_days)


def describe_few(at_least: int) -> str:
    """What stands for any sentence on all customers where they are fewer than `at_least`."""
    words = _("Fewer than {n} customers have bought: what is true of them all would tell of each.")
    return fill(words, n=at_least)


def describe_hidden(hidden: int, *, at_least: int) -> str:
    """How many numbers `privacy.hide_small` hid, and why; "" where none."""
    if not hidden:
        return ""
    words = _(
        "{hidden:count} number(s) are hidden, because they tell of fewer than {at_least} customers or of one "
        "dominating customer, or because others could be computed from them."
    )
    return fill(words, hidden=hidden, at_least=at_least)


def describe_rounded(base: int) -> str:
    """How `privacy.round_cells` rounded a table."""
    words = _(
        "Counts are rounded to multiples of {base}, up or down at random, and other numbers to about what "
        "one large customer makes of them, so that two reports subtracted tell of nobody."
    )
    return fill(words, base=base)
