"""The way to the next tier, in what customers can do: each indicator alone, all else as it is."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Criterion, Indicator, Policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.tiers import place
from crcm_lib.schema.results import RESULTS

OWN_DEEDS = ("customer_features", "payments", "satisfaction")  # tables of what customers do themselves
NOT_ASKED = ("days_observed", "categories")  # comes with time alone; fewer would be the better
WHOLE = "integer"
STEPS = 100  # equal steps from the present points of an indicator to its most: the first that suffices counts
Suffices = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of rows and their steps: which suffice
COLUMNS = ["customer_id", "indicator", "column", "now", "needed", "points"]


def find_changes(
    raw: pd.DataFrame, tiers: pd.DataFrame, policy: Policy, model: scorecard.ScorecardModel
) -> pd.DataFrame:
    """What would bring each customer to the next tier or better: found by scoring, so that it holds.

    Only what customers do themselves is asked, nothing that is predicted, judged, or comes with time alone.

    Parameters
    ----------
    raw
        From `scorecard.gather_indicators`, of at least these customers.
    tiers
        Rows of the table `tiers`: `next_tier` is what is wanted.

    Returns
    -------
    One row per customer and indicator that suffices alone, in the order of `tiers`, the one of which fewest
    points are asked first: `customer_id`, `indicator`, `column`, `now` and `needed` (in the column's unit;
    counts are whole), `points` (of the indicator, more than now). No rows of a customer in the best tier, or
    for whom no single indicator suffices.
    """
    places = {tier.name: number for number, tier in enumerate(policy.tiers)}
    wanted = tiers["next_tier"].dropna().map(places).astype("int64")
    asked = raw.loc[wanted.index]
    card = scorecard.score(asked, policy, model)
    parts = [
        _try_indicator(asked[indicator.name].dropna(), card, wanted, (criterion, indicator), policy, model)
        for criterion in policy.criteria
        for indicator in criterion.indicators
        if indicator.table in OWN_DEEDS
        and indicator.column not in NOT_ASKED
        and indicator.name in raw
        and indicator.name in model.scales
        and model.scales[indicator.name].levels is None
    ]
    found = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=COLUMNS)])
    order = pd.Series(range(len(tiers)), index=tiers.index)
    found = found.assign(order=found["customer_id"].map(order))
    return found.sort_values(["order", "points"], kind="stable", ignore_index=True)[COLUMNS]


def _try_indicator(
    values: pd.Series,
    card: pd.DataFrame,
    wanted: pd.Series,
    of: tuple[Criterion, Indicator],
    policy: Policy,
    model: scorecard.ScorecardModel,
) -> pd.DataFrame:
    """The least change of one indicator that gives each customer the tier wanted, where there is one."""
    criterion, indicator = of
    scale, target = model.scales[indicator.name], wanted[values.index].to_numpy()
    card = card.loc[values.index]
    now, most = scale.measure(values).to_numpy(), max(scale.points)
    round_up = np.ceil if indicator.better == "higher" else np.floor

    def aim(rows: np.ndarray, step: np.ndarray) -> np.ndarray:
        return np.where(step == STEPS, most, now[rows] + step * ((most - now[rows]) / STEPS))

    def change(rows: np.ndarray, step: np.ndarray) -> np.ndarray:
        needed = scale.reach(aim(rows, step))
        return round_up(needed) if _is_whole(indicator) else needed

    def suffices(rows: np.ndarray, step: np.ndarray) -> np.ndarray:
        tried = card.iloc[rows]
        points = scale.measure(pd.Series(change(rows, step), index=tried.index))
        tried = scorecard.change_points(tried, criterion, indicator.name, points, model)
        enough: np.ndarray = place(tried, policy, model) <= target[rows]
        return enough

    rows, step = _find_first(len(values), suffices, is_ordered=not _has_upper_limits(model))
    numbers = {
        "now": values.to_numpy("float64")[rows],
        "needed": change(rows, step),
        "points": aim(rows, step) - now[rows],
    }
    known = {"customer_id": values.index[rows], "indicator": indicator.name, "column": indicator.column}
    return pd.DataFrame(known | numbers, columns=COLUMNS)


def _is_whole(indicator: Indicator) -> bool:
    """Whether the numbers of an indicator are counts."""
    columns = RESULTS[indicator.table].columns if indicator.table in RESULTS else {}
    return indicator.column in columns and columns[indicator.column].kind == WHOLE


def _find_first(count: int, suffices: Suffices, *, is_ordered: bool) -> tuple[np.ndarray, np.ndarray]:
    """The rows for which some step suffices, and the first that does.

    `is_ordered`: whoever has enough at a step has so at every later one. Then steps are halved, and what is
    returned has been tried; else every step is tried in turn.
    """
    rows = np.arange(count)
    if not is_ordered:
        first = np.full(count, 0)
        for step in range(1, STEPS + 1):
            left = rows[first == 0]
            first[left[suffices(left, np.full(len(left), step))]] = step
        return rows[first > 0], first[first > 0]
    rows = rows[suffices(rows, np.full(count, STEPS))]
    low, high = np.full(len(rows), 0), np.full(len(rows), STEPS)
    while len(rows) and (high - low).max() > 1:
        middle = (low + high + 1) // 2  # never the present points, which need no trying
        enough = suffices(rows, middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return rows, high


def _has_upper_limits(model: scorecard.ScorecardModel) -> bool:
    """Whether a tier asks anywhere for fewer points than some: then more points may give a worse one."""
    return any(cut.below is not None for asked in model.cutoffs[0].values() for cut in asked.values())
