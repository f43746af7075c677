"""The numbers of a run's first page beside those of the runs before it."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.kpis import Card
from crcm_lib.reporting.text.numbers import fill

MAX_RUNS = 24  # kept: two years of monthly runs
WIDTH, HEIGHT = 100, 24  # of a sparkline, in its own units


class Trend(NamedTuple):
    """What became of a number since the run before: words, and the points of a line over all runs."""

    words: str = ""
    points: str = ""


def extend(earlier: list[dict], run: str, as_of: str, cards: Iterable[Card]) -> list[dict]:
    """The history with this run's numbers at its end, as `run.json` keeps it.

    Returns
    -------
    A record per run, the earliest first: `run`, `as_of`, `numbers` by the name of their card; hidden ones are
    left out. Of more than `MAX_RUNS` the latest.
    """
    numbers = {card.name: float(card.number) for card in cards if card.name and pd.notna(card.number)}
    return [*earlier, {"run": run, "as_of": as_of, "numbers": numbers}][-MAX_RUNS:]


def find_trend(card: Card, history: list[dict]) -> Trend:
    """How a card's number differs from that of the run before; nothing where either is not known.

    Shares differ by points, everything else by per cent.
    """
    known = [(each["as_of"], each["numbers"][card.name]) for each in history if card.name in each["numbers"]]
    if len(known) < 2 or known[-1][1] != card.number or card.name not in history[-2]["numbers"]:
        return Trend()
    (day, before), (_day, now) = known[-2:]
    if card.name.endswith("_share"):
        change, template = 100 * (now - before), _("{arrow} {size:points} points since {day}")
    elif before > 0:
        change, template = now / before - 1, _("{arrow} {size:share} since {day}")
    else:
        return Trend(points=_draw([value for _day, value in known]))
    arrow = "▲" if change > 0 else "▼" if change < 0 else "="
    return Trend(
        fill(template, arrow=arrow, size=abs(change), day=day), _draw([value for _day, value in known])
    )


def _draw(values: list[float]) -> str:
    """The points of a line from the left to the right; the lowest value is at the bottom."""
    low, high = min(values), max(values)
    span = high - low or 1.0
    places = [
        (WIDTH * n / (len(values) - 1), HEIGHT - 2 - (HEIGHT - 4) * (value - low) / span)
        for n, value in enumerate(values)
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
