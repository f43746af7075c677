"""One way to write each kind of number."""

import re
from collections.abc import Callable
from numbers import Number
from typing import Any

import pandas as pd

from crcm_lib.i18n import _

MISSING = "–"


def count(value: float) -> str:
    """A number of things.

    >>> count(12345)
    '12,345'
    """
    return f"{value:,.0f}"


def money(value: float) -> str:
    """An amount, in whole units of the currency from 100 on and with cents below.

    >>> money(1234.5), money(-3.456)
    ('1,234', '-3.46')
    """
    return _no_minus_zero(f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}")


def share(value: float) -> str:
    """A share of 0…1, in per cent with one decimal.

    >>> share(0.1234)
    '12.3%'
    """
    return _no_minus_zero(f"{value:.1%}")


def change(value: float) -> str:
    """A relative change, in per cent with one decimal and its sign.

    >>> change(0.1234), change(-0.05), change(-0.0001)
    ('+12.3%', '-5.0%', '0.0%')
    """
    words = f"{value:+.1%}"
    return words if re.search("[1-9]", words) else words[1:]


def days(value: float) -> str:
    """A duration, in whole days.

    >>> days(30.4)
    '30'
    """
    return f"{value:,.0f}"


def number(value: float) -> str:
    """Any other number, with two decimals.

    >>> number(-0.001)
    '0.00'
    """
    return _no_minus_zero(f"{value:,.2f}")


def points(value: float) -> str:
    """Points of a score, with one decimal.

    >>> points(80.04)
    '80.0'
    """
    return _no_minus_zero(f"{value:,.1f}")


def points_change(value: float) -> str:
    """A change in points or in standard deviations, with one decimal and its sign.

    >>> points_change(3), points_change(-0.04)
    ('+3.0', '0.0')
    """
    words = f"{value:+,.1f}"
    return words if re.search("[1-9]", words) else words[1:]


def day(value: pd.Timestamp) -> str:
    """A calendar day.

    >>> day(pd.Timestamp("2025-12-31"))
    '2025-12-31'
    """
    return f"{value:%Y-%m-%d}"


FORMATTERS: dict[str, Callable[[Any], str]] = {
    "count": count,
    "money": money,
    "units": lambda value: _no_minus_zero(f"{value:,.0f}"),
    "cents": lambda value: _no_minus_zero(f"{value:,.2f}"),
    "share": share,
    "days": days,
    "number": number,
    "day": day,
    "text": str,
}


def write(value: Any, kind: str = "") -> str:
    """A value of a table as people read it; `kind` is a key of `FORMATTERS`, or "" for what the value is.

    >>> write(None), write(True), write(1200, "count"), write(0.5, "share")
    ('–', 'yes', '1,200', '50.0%')
    """
    if pd.isna(value):
        return MISSING
    if pd.api.types.is_bool(value):
        return _("yes") if value else _("no")
    if isinstance(value, pd.Timestamp):
        return day(value)
    if pd.api.types.is_number(value) or isinstance(value, Number):
        return FORMATTERS[kind or ("count" if pd.api.types.is_integer(value) else "number")](value)
    return str(value)


def describe_hidden(hidden: int, *, at_least: int) -> str:
    """How many numbers `privacy.hide_small` hid, and why; "" where none."""
    if not hidden:
        return ""
    words = _(
        "{hidden} number(s) are hidden, because they tell of fewer than {at_least} customers or of one "
        "dominating customer, or because others could be computed from them."
    )
    return words.format(hidden=count(hidden), at_least=at_least)


def _no_minus_zero(words: str) -> str:
    return words.removeprefix("-") if not re.search("[1-9]", words) else words
