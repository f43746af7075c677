"""Words for questionnaires: items and what comes first, what goes with satisfaction, modes, weights."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, fill_rows

DIFFERS = 0.05  # of saying that modes differ where they do not


def _name_items(items: pd.Series) -> pd.Series:
    return items.replace({"ces": _("CES, 1 to 7")}).astype("str")


def write_items(items: pd.DataFrame) -> pd.DataFrame:
    """`measure_items` with CES in words."""
    return items.assign(item=_name_items(items["item"]))


def write_priorities(ranked: pd.DataFrame) -> pd.DataFrame:
    """`rank_items` with verdicts in words."""
    words = {"first": _("first, beyond chance"), "next": _("after it"), "cannot_tell": _("cannot tell")}
    return ranked.assign(verdict=ranked["verdict"].map(words).astype("str"))


def describe_priorities(ranked: pd.DataFrame, why: str) -> str:
    """What the dots of items by importance and mean show, or why there are none."""
    if ranked.empty:
        return why or _("Too few customers answered several items and overall satisfaction.")
    parts = fill_rows("{item} {mean:points}, {importance:share}", ranked)
    words = _("Dots, mean answer of an item and its share of importance: {parts}.")
    return fill(words, parts=parts)


def write_expectations(pairs: pd.DataFrame) -> pd.DataFrame:
    """`measure_expectations` with verdicts in words, without p."""
    words = {
        "falls_short": _("falls short, beyond chance"),
        "exceeds": _("exceeds, beyond chance"),
        "cannot_tell": _("cannot tell"),
    }
    return pairs.drop(columns="p_value").assign(verdict=pairs["verdict"].map(words).astype("str"))


def write_drivers(drivers: pd.DataFrame) -> pd.DataFrame:
    """`fit_drivers` in words, without p."""
    names = {
        "complained": _("complained"),
        "still_open": _("a ticket is still open"),
        "pays_late": _("pays a week late or more"),
        "slow_response": _("first response takes twice as long"),
        "slow_resolution": _("resolution takes twice as long"),
    }
    words = {
        "lower": _("lower, beyond chance"),
        "higher": _("higher, beyond chance"),
        "cannot_tell": _("cannot tell"),
    }
    written = drivers.drop(columns="p_value").assign(verdict=drivers["verdict"].map(words).astype("str"))
    return written.assign(driver=drivers["driver"].map(names).astype("str"))


def write_modes(modes: pd.DataFrame) -> pd.DataFrame:
    """`compare_modes` with instruments in words, without p."""
    words = {"nps": _("NPS"), "csat": _("mean csat, 1 to 5")}
    return modes.drop(columns="p_value").assign(instrument=modes["instrument"].map(words).astype("str"))


def caption_modes(modes: pd.DataFrame) -> str:
    """Whether answers differ by how they were asked for; a sentence where there is nothing to compare."""
    if modes.empty:
        return _("Answers were asked for in one way only, or nobody says how.")
    if modes["p_value"].min() < DIFFERS:
        return _("Answers differ by how they were asked for, beyond chance: compare within a mode")
    return _("By how they were asked for; answers differ no more than chance explains")


def write_weighted(weighted: pd.DataFrame) -> pd.DataFrame:
    """`weigh_answers` with measures in words."""
    words = {"nps": _("NPS"), "csat": _("mean csat, 1 to 5")}
    return weighted.assign(measure=weighted["measure"].map(words).astype("str"))


def say_first_item(ranked: pd.DataFrame) -> str:
    """Which item comes first; "" where that cannot be told."""
    first = ranked[ranked["verdict"] == "first"]
    if first.empty:
        return ""
    words = _(
        "Of the items {item} comes first: it has {importance:share} of the importance, at {mean:points}."
    )
    return fill_rows(words, first)


def say_drivers(drivers: pd.DataFrame) -> str:
    """What goes with lower satisfaction beyond chance; "" where nothing does."""
    lower = drivers[drivers["verdict"] == "lower"]
    if lower.empty:
        return ""
    parts = fill_rows("{driver} ({difference:points_change})", write_drivers(lower))
    return fill(_("With lower satisfaction goes, in points of csat: {parts}."), parts=parts)
