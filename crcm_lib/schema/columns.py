"""What a table and a column are: kind, unit, meaning, limits; and short ways to write the usual ones."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its kind, its unit, what it means, and what it may hold."""

    kind: str  # text, flag, time, day, integer, number, money
    unit: str
    meaning: str
    required: bool = False
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    label: str = ""  # the heading for people; "" for the name with spaces


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key, who writes it, its columns; an open table may hold others too.

    `lights` are the notebooks that show something else where an input table is there.
    """

    row: str
    key: tuple[str, ...]
    written_by: str
    columns: dict[str, Column]
    open: bool = False
    lights: tuple[str, ...] = ()


def share_column(meaning: str, required: bool = False) -> Column:
    """A share, 0…1."""
    return Column("number", "0…1", meaning, required, at_least=0, at_most=1)


def count_column(meaning: str, required: bool = False) -> Column:
    """A number of things, zero or above."""
    return Column("integer", "count", meaning, required, at_least=0)


def days_column(meaning: str, required: bool = False) -> Column:
    """A duration in days, zero or above."""
    return Column("number", "days", meaning, required, at_least=0)


def money_column(meaning: str, required: bool = False, at_least: float | None = None) -> Column:
    """An amount in the policy's currency."""
    return Column("money", "policy currency", meaning, required, at_least)


def text_column(meaning: str, required: bool = False, one_of: tuple[str, ...] = ()) -> Column:
    """A text, perhaps one of a few."""
    return Column("text", "", meaning, required, one_of=one_of)


ID = text_column("the customer's id, as exact text (00123 is not 123)", required=True)
CURRENCY = "source currency"
