"""How customers moved between tiers, as shapes of a flow diagram: before on the left, now on the right."""

from typing import NamedTuple

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, write

WIDTH, HEIGHT, NODE, GAP = 640, 300, 14, 10  # of the diagram, in its own units
LABEL = 130  # left and right of it


class Node(NamedTuple):
    """A tier on one side: a bar with a label beside it."""

    x: float
    y: float
    height: float
    rank: int
    label: str
    text_x: float
    anchor: str


class Band(NamedTuple):
    """Customers of one tier before and one now: a shape from a bar to another, and what it says."""

    path: str
    rank: int
    moved: bool
    words: str


class Flow(NamedTuple):
    """The diagram; `words` say what it shows."""

    nodes: list[Node]
    bands: list[Band]
    words: str


def draw_flow(moves: pd.DataFrame, tiers: list[str]) -> Flow | None:
    """The flow of customers between tiers; None where nobody has a tier on both days.

    Parameters
    ----------
    moves
        The table `moves`: `tier_before`, `tier_now`.
    tiers
        The tiers of the policy, the best first.
    """
    crossed = pd.crosstab(moves["tier_before"], moves["tier_now"]).reindex(
        index=tiers, columns=tiers, fill_value=0
    )
    total = int(crossed.to_numpy().sum())
    if not total:
        return None
    scale = (HEIGHT - GAP * (len(tiers) - 1)) / total
    left, right = _stack(crossed.sum(axis=1), scale), _stack(crossed.sum(axis=0), scale)
    nodes = [
        *_nodes(crossed.sum(axis=1), left, scale, LABEL, "end"),
        *_nodes(crossed.sum(axis=0), right, scale, WIDTH - LABEL - NODE, "start"),
    ]
    bands, from_y, to_y = [], dict(left), dict(right)
    words = _("{count:count} from {before} to {now}")
    for rank, before in enumerate(tiers):
        for now in tiers:
            if count := int(crossed.loc[before, now]):
                path = _band(from_y[before], to_y[now], count * scale)
                said = fill(words, count=count, before=before, now=now)
                bands.append(Band(path, rank, before != now, said))
            from_y[before] += count * scale
            to_y[now] += count * scale
    rose, fell = (sum(int(part.sum()) for part in half) for half in _halves(crossed))
    summary = _(
        "Of {total:count} customers {same:count} are in the same tier, {rose:count} in a better and "
        "{fell:count} in a worse one."
    )
    return Flow(nodes, bands, fill(summary, total=total, same=total - rose - fell, rose=rose, fell=fell))


def _halves(crossed: pd.DataFrame) -> tuple[list, list]:
    """Of each tier before: those in a better one now, those in a worse one."""
    values = crossed.to_numpy()
    return [row[:n] for n, row in enumerate(values)], [row[n + 1 :] for n, row in enumerate(values)]


def _stack(sizes: pd.Series, scale: float) -> dict[str, float]:
    """Where each tier's bar begins, from the top."""
    places, y = {}, 0.0
    for name, size in sizes.items():
        places[str(name)] = y
        y += size * scale + GAP
    return places


def _nodes(sizes: pd.Series, places: dict[str, float], scale: float, x: float, anchor: str) -> list[Node]:
    text_x = x - 6 if anchor == "end" else x + NODE + 6
    return [
        Node(x, places[str(name)], size * scale, rank, f"{name} {write(int(size), 'count')}", text_x, anchor)
        for rank, (name, size) in enumerate(sizes.items())
        if size
    ]


def _band(y0: float, y1: float, height: float) -> str:
    """A curved shape of one height from the left bars to the right ones."""
    x0, x1 = LABEL + NODE, WIDTH - LABEL - NODE
    middle = (x0 + x1) / 2
    upper = f"M{x0} {y0:.1f}C{middle} {y0:.1f} {middle} {y1:.1f} {x1} {y1:.1f}"
    lower = (
        f"V{y1 + height:.1f}C{middle} {y1 + height:.1f} {middle} {y0 + height:.1f} {x0} {y0 + height:.1f}Z"
    )
    return upper + lower
