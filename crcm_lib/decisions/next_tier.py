"""The way to the next tier, in what a customer can do: each indicator alone, all else as it is."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Indicator, Policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.tiers import name_tiers
from crcm_lib.schema.results import RESULTS

OWN_DEEDS = ("customer_features", "payments", "satisfaction")  # tables of what customers do themselves
NOT_ASKED = ("days_observed", "categories")  # comes with time alone; fewer would be the better
WHOLE = "integer"
STEPS = 101  # places between the present points and 100 that are tried


def find_changes(
    customer_id: str, raw: pd.DataFrame, tiers: pd.DataFrame, policy: Policy, model: scorecard.ScorecardModel
) -> pd.DataFrame:
    """What would bring one customer to the next tier or better: found by trying, so that it holds.

    Only what customers do themselves is asked, nothing that is predicted, judged, or comes with time alone.

    Parameters
    ----------
    raw
        From `scorecard.gather_indicators`.
    tiers
        The table `tiers`.

    Returns
    -------
    One row per indicator that suffices alone, the one of which fewest points are asked first: `indicator`,
    `column`, `now` and `needed` (in the column's unit; counts are whole), `points` (of the indicator, more
    than now). No rows in the best tier, or where no single indicator suffices.
    """
    row, wanted, rows = raw.loc[[customer_id]], tiers.loc[customer_id, "next_tier"], []
    for indicator in (each for criterion in policy.criteria for each in criterion.indicators):
        own = indicator.table in OWN_DEEDS and indicator.column not in NOT_ASKED
        if own and indicator.name in model.scales and isinstance(wanted, str):
            rows.append(_try_indicator(row, indicator, policy, model, wanted))
    columns = ["indicator", "column", "now", "needed", "points"]
    changes = pd.DataFrame([each for each in rows if each is not None], columns=columns)
    return changes.sort_values("points", kind="stable", ignore_index=True)


def _try_indicator(
    row: pd.DataFrame, indicator: Indicator, policy: Policy, model: scorecard.ScorecardModel, wanted: str
) -> dict[str, object] | None:
    """The least change of one indicator that gives the tier wanted; None where there is none."""
    scale, now = model.scales[indicator.name], row[indicator.name].iloc[0]
    if scale.levels is not None or pd.isna(now):
        return None
    points = float(scale.measure(row[indicator.name]).iloc[0])
    aims = np.linspace(points, max(scale.points), STEPS)[1:]
    needed = np.array([scale.reach(aim) for aim in aims])
    column = RESULTS[indicator.table].columns.get(indicator.column) if indicator.table in RESULTS else None
    if column is not None and column.kind == WHOLE:
        needed = np.ceil(needed) if indicator.better == "higher" else np.floor(needed)
    tried = pd.concat([row] * len(aims), ignore_index=True).assign(**{indicator.name: needed})
    names = [tier.name for tier in policy.tiers]
    placed = name_tiers(scorecard.score(tried, policy, model), policy, model).map(names.index)
    reached = np.flatnonzero(placed <= names.index(wanted))
    if not len(reached):
        return None
    first = reached[0]
    numbers = {"now": float(now), "needed": float(needed[first]), "points": float(aims[first]) - points}
    return {"indicator": indicator.name, "column": indicator.column, **numbers}
