"""What a document is made of, and how numbers stand in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import ScorecardModel
from crcm_lib.reporting.documents.chinese_terms import BASES, COLUMNS, TABLES

BLANK = {"en": "________ (to be filled in)", "zh": "________（待填写）"}


@dataclass(frozen=True)
class Part:
    """A section: paragraphs, and perhaps a table with its head; `is_folded` hides it until it is opened."""

    title: str
    paragraphs: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    is_folded: bool = False


@dataclass(frozen=True)
class Document:
    """A title, what it is in a sentence, and its parts."""

    title: str
    lead: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Facts:
    """What documents are written from.

    Attributes
    ----------
    policy
        The policy that the run kept.
    model
        What its 08 learned: the borders of the tiers; None where it has none.
    run
        The content of `run.json`.
    inventory, retention
        From `data_inventory.list_inventory` and `retention.count_overdue`.
    """

    policy: Policy
    model: ScorecardModel | None
    run: Mapping[str, Any]
    inventory: pd.DataFrame
    retention: pd.DataFrame

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return str(self.run.get("currency", ""))


def choose(language: str) -> Callable[[str, str], str]:
    """A function that takes the English and the Chinese words and gives those of the language.

    >>> choose("zh")("goal", "目标")
    '目标'
    """
    return lambda english, chinese: chinese if language == "zh" else english


def share(value: float) -> str:
    """A share of 0…1 in per cent.

    >>> share(0.1333), share(0.5)
    ('13.3%', '50%')
    """
    return f"{100 * value:.3g}%"


def number(value: float | None, missing: str = "–") -> str:
    """A number as short as it is exact.

    >>> number(1234.5), number(30.0), number(None)
    ('1,234.5', '30', '–')
    """
    return missing if value is None else f"{value:,.10g}"


def either(value: Any, language: str) -> str:
    """The value, or the place where it is to be filled in."""
    return BLANK[language] if value is None or value == "" else str(value)


def name_columns(columns: Iterable[str], language: str, *, both: bool = False) -> str:
    """Columns in words, those of a source's own as they are; `both`: with the name that the data have.

    >>> name_columns(["unit_price", "colour"], "en"), name_columns(["unit_price"], "zh", both=True)
    ('unit price, colour', '单价（unit_price）')
    """
    words = [(each, COLUMNS.get(each, each)) for each in columns]
    if language == "en":
        return ", ".join(each.replace("_", " ") for each, _chinese in words)
    named = [f"{chinese}（{each}）" if both and chinese != each else chinese for each, chinese in words]
    return "、".join(dict.fromkeys(named))


def name_basis(basis: str, is_confirmed: bool, language: str) -> str:
    """The lawful ground with its articles; what only the product proposes is called so."""
    w, words = choose(language), BASES[basis][language == "zh"]
    return words if is_confirmed or basis == "to confirm" else w(f"proposed: {words}", f"建议：{words}")


def list_processing(
    facts: Facts, language: str, write_basis: Callable[[str, bool, str], str]
) -> Iterator[tuple[pd.DataFrame, tuple[str, str, str, str]]]:
    """Each table that the run read: its inventory, and in words its name, columns, purpose and grounds."""
    w, read = choose(language), facts.inventory
    read = read[read["is_read"]] if len(read) else read
    for table, part in read.groupby("table", sort=False) if len(read) else ():
        grounds = zip(part["basis"], part["is_confirmed"], strict=True)
        yield (
            part,
            (
                w(str(table), TABLES[str(table)]),
                name_columns(part["column"], language),
                w(part["purpose"].iloc[0], part["purpose_zh"].iloc[0]),
                "; ".join(sorted({write_basis(*pair, language) for pair in grounds})),
            ),
        )


def why(entry: Any, language: str) -> str:
    """Why a tier or an action is there: in Chinese its `because_zh`, where it has one."""
    return str((entry.because_zh if language == "zh" else "") or entry.because)


def name(entry: Any, language: str) -> str:
    """A named thing of the policy: in Chinese its `zh` where it has one, with the name that the data have."""
    if language == "zh" and getattr(entry, "zh", ""):
        return f"{entry.zh}（{entry.name}）"
    return str(entry.name)
