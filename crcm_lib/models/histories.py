"""Customers -> the weighted histories that likelihoods run over, and averages that need no model.

A likelihood is a sum over the *different* histories, each weighted by the number of customers who have it, so
that its cost grows with the variety of a customer base and not with its size.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
HISTORY_COLUMNS = ("days_first_to_last", "days_observed")  # t_x and T of a purchase history
MIN_REGULAR_CUSTOMERS = 30  # customers with three gaps, below which regularity is not measured


@dataclass(frozen=True)
class WeightedHistories:
    """The different rows among some columns, in sorted order.

    Attributes
    ----------
    columns
        One array per column, shape (different rows,).
    weight
        How many of the original rows are equal to each different row.
    which
        For each original row the position of its different row.
    """

    columns: tuple[Numbers, ...]
    weight: Numbers
    which: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weight)


def weighted_histories(*columns: Numbers) -> WeightedHistories:
    """Count equal rows once; the result does not depend on the order of the rows.

    Examples
    --------
    >>> different = weighted_histories(np.array([2., 0., 2.]), np.array([7., 1., 7.]))
    >>> different.weight.tolist(), different.which.tolist()
    ([1.0, 2.0], [1, 0, 1])
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    values = []
    for column in columns:
        codes, levels = pd.factorize(np.asarray(column, dtype=float), sort=True)
        key = key * max(len(levels), 1) + codes
        values.append(levels)
    which, keys = pd.factorize(key, sort=True)
    rows = []
    for levels in reversed(values):
        keys, codes = np.divmod(keys, max(len(levels), 1))
        rows.append(levels[codes])
    weight = np.bincount(which, minlength=len(keys)).astype(float)
    return WeightedHistories(tuple(reversed(rows)), weight, which)


def purchase_histories(buyers: pd.DataFrame) -> WeightedHistories:
    """The different (x, t_x, T) of customers who have bought: repeat purchases, days, days."""
    x = buyers["purchases"].to_numpy(float) - 1
    return weighted_histories(x, *(buyers[column].to_numpy(float) for column in HISTORY_COLUMNS))


def mean_spend(buyers: pd.DataFrame) -> Numbers:
    """Mean spend per purchase day (currency), the first one included; NaN unless it is above zero."""
    if "spend_mean" in buyers:
        mean = buyers["spend_mean"].to_numpy(float)
    else:
        mean = buyers["spend_total"].to_numpy(float) / buyers["purchases"].to_numpy(float)
    return np.where(mean > 0, mean, np.nan)


def measure_regularity(buyers: pd.DataFrame) -> float | None:
    """Erlang shape k of the days between purchases; 1 is a Poisson process, more is more regular.

    By the method of moments: of n gaps of shape k, the sum of squares over the squared sum has the
    expectation (k + 1) / (n k + 1). None where fewer than 30 customers have three gaps.
    """
    if "gap_spread_days" not in buyers:
        return None
    regular = buyers[(buyers["purchases"] >= 4) & (buyers["gap_mean_days"] > 0)]
    n = regular["purchases"].to_numpy(float) - 1
    if len(regular) < MIN_REGULAR_CUSTOMERS:
        return None
    variation = (regular["gap_spread_days"] / regular["gap_mean_days"]).to_numpy(float)
    observed = float(((1 + variation**2 * (n - 1) / n) / n).mean())
    shapes = np.exp(np.linspace(np.log(0.2), np.log(50), 400))
    expected = np.array([((k + 1) / (n * k + 1)).mean() for k in shapes])
    return float(np.interp(-observed, -expected, shapes))


def margin_rate(buyers: pd.DataFrame) -> float | None:
    """Margin per unit of spend, over the part of all spend whose cost is known; None where none is."""
    if "margin_total" not in buyers or buyers["margin_total"].isna().all():
        return None
    costed = buyers[buyers["margin_total"].notna()]
    spend = float((costed["spend_total"] * costed.get("cost_known_share", 1.0)).sum())
    return float(costed["margin_total"].sum()) / spend if spend > 0 else None
