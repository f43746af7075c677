"""Cohorts of newcomers: how soon they order again, and whether cohorts differ beyond chance."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.stats import holm
from crcm_lib.survival import compare_groups, compare_in_order, follow_events

MARKS = (30, 60, 90)  # days
COLUMNS = ["cohort", "newcomers", *(f"within_{mark}d" for mark in MARKS), "low", "high"]


@dataclass(frozen=True)
class CohortComparison:
    """Second orders by quarter of the first purchase.

    Attributes
    ----------
    cohorts
        One row per quarter, the first one first: `cohort` (like 2025-Q1), `newcomers` (count), `within_30d`,
        `within_60d` and `within_90d` (share with a second order by then; empty where fewer than ten are
        followed so long), `low` and `high` (95 % interval of the last of these).
    p_differ
        Of the log-rank test that all cohorts order again alike in the first 90 days; NaN where no two have
        enough second orders.
    p_trend, trend
        Of the test for trend, and its z: above 0 where later cohorts order again sooner. Both p are adjusted
        for being two (Holm).
    uncertain
        How many customers are left out, as they may have bought before the record began (count).
    """

    cohorts: pd.DataFrame
    p_differ: float
    p_trend: float
    trend: float
    uncertain: int


def compare_cohorts(arrivals: pd.DataFrame) -> CohortComparison:
    """Compare cohorts by Kaplan & Meier's estimate and log-rank tests, censored at the last day known.

    Parameters
    ----------
    arrivals
        From `features.arrivals.list_arrivals`.
    """
    new = arrivals[arrivals["is_certain"]]
    last = MARKS[-1]
    again, followed = new["again_after_days"].to_numpy("float64"), new["days_followed"].to_numpy("float64")
    days = np.minimum(np.minimum(np.nan_to_num(again, nan=np.inf), followed), last).astype("int64")
    happened = again <= last
    quarter = new["first_day"].dt.to_period("Q")
    number = quarter.dt.year.to_numpy("int64") * 4 + quarter.dt.quarter.to_numpy("int64")
    rows = []
    for cohort in np.unique(number):
        of_it = number == cohort
        row = {"cohort": f"{quarter[of_it].iloc[0]}".replace("Q", "-Q"), "newcomers": int(of_it.sum())}
        rows.append(row | _read_marks(follow_events(days[of_it], happened[of_it])))
    trend, p_trend = compare_in_order(days, happened, number)
    p_differ = compare_groups(days, happened, number)
    adjusted = holm(np.array([p_differ, p_trend]))
    return CohortComparison(
        pd.DataFrame(rows, columns=COLUMNS).astype({"newcomers": "int64"}),
        float(adjusted[0]),
        float(adjusted[1]),
        trend,
        len(arrivals) - len(new),
    )


def _read_marks(curve: pd.DataFrame) -> dict[str, float]:
    """The share at each mark that is still followed, and the interval of the last of them."""
    known = [mark for mark in MARKS if mark < len(curve)]
    shares = {f"within_{mark}d": float(curve["share"].iloc[mark]) for mark in known}
    ends = {name: float(curve[name].iloc[known[-1]]) for name in ("low", "high")} if known else {}
    return shares | ends
