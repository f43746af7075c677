"""Simulated worlds: companies whose truth is known, drawn from a seed, to see how often a statement is right.

A world has two parts: `measure` draws the company of a seed, lets the library say something of it and
returns numbers; `limits` says where the mean of each number over all seeds must lie. `make worlds` measures
every seed and keeps all numbers in `table.csv`; `make test-slow` repeats a fixed tenth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from scipy.stats import binom

TABLE = Path(__file__).parent / "table.csv"
KEY = ["world", "seed", "measure"]


@dataclass(frozen=True)
class World:
    """How to measure the company of one seed, and what must hold over all.

    Attributes
    ----------
    name
        A name for the table.
    seeds
        The seeds are 0 to `seeds` - 1.
    measure
        The numbers of a seed, each from 0 to 1.
    limits
        For each number, the lowest and the highest mean over all seeds.
    """

    name: str
    seeds: int
    measure: Callable[[int], dict[str, float]]
    limits: dict[str, tuple[float, float]]

    @property
    def tenth(self) -> range:
        """The seeds that `make test-slow` repeats: every tenth, of fewer than fifty five at least."""
        return range(0, self.seeds, max(1, min(10, self.seeds // 5)))


def at_most_5_percent(seeds: int) -> float:
    """The share of false statements up to which a true rate of 5 % is believed: its 99 % point.

    >>> round(at_most_5_percent(400) * 400), round(at_most_5_percent(1000) * 1000)
    (31, 67)
    """
    return float(binom.ppf(0.99, seeds, 0.05)) / seeds


def run_seed(world: World, seed: int) -> list[dict]:
    """The rows of the table for one seed."""
    numbers = world.measure(seed)
    return [
        {"world": world.name, "seed": seed, "measure": name, "value": float(value)}
        for name, value in numbers.items()
    ]


def read_table() -> pd.DataFrame:
    """The committed table: `value` by world, seed and measure."""
    return pd.read_csv(TABLE).set_index(KEY)


def summarise(rows: pd.DataFrame, worlds: tuple[World, ...]) -> pd.DataFrame:
    """Per world and measure: the number of seeds, the mean, where it must lie, and whether it does."""
    lines = []
    for world in worlds:
        for name, (low, high) in world.limits.items():
            values = rows["value"].xs((world.name, name), level=("world", "measure"))
            line = {"world": world.name, "measure": name, "seeds": len(values), "mean": values.mean()}
            lines.append(line | {"low": low, "high": high, "holds": low <= values.mean() <= high})
    return pd.DataFrame(lines)
