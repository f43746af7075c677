"""Which indicators of the policy the data carry, which they do not and why, and where their weight went."""

from collections.abc import Mapping
from difflib import get_close_matches

import pandas as pd

from crcm_lib.config.policy import Indicator, Policy
from crcm_lib.decisions.scorecard import criterion_weights, indicator_weights
from crcm_lib.schema.indicators import OF_A_NAME


def explain_weights(raw: pd.DataFrame, policy: Policy, **frames: pd.DataFrame) -> pd.DataFrame:
    """Every indicator with its weight: nothing is spread in silence.

    Parameters
    ----------
    raw
        From `scorecard.gather_indicators`.
    policy
        Names each indicator's table and column.
    frames
        Tables by name, those that `raw` was gathered from.

    Returns
    -------
    One row per indicator: `criterion`, `indicator`, `weight` (share of the score in the policy), `used`
    (share of the score here; 0 if absent), `known` (share of customers for whom it is known), and `absence`:
    `no_table`, `no_column`, `no_value`, `words` (no number, and the policy gives no points to words) or
    empty, with the indicator's `table` and `column`, and the `nearest` name where the data give the names of
    columns and have no such one ("" if none is near).
    """
    weights, rows = criterion_weights(raw, policy), []
    for criterion in policy.criteria:
        here = indicator_weights(raw, criterion)
        for indicator in criterion.indicators:
            absence = find_absence(indicator, frames)
            is_near = absence == "no_column"
            rows.append(
                {
                    "criterion": criterion.name,
                    "zh": criterion.zh,
                    "indicator": indicator.name,
                    "weight": criterion.weight * indicator.weight,
                    "used": weights.get(criterion.name, 0.0) * here.get(indicator.name, 0.0),
                    "known": float(raw[indicator.name].notna().mean()) if indicator.name in raw else 0.0,
                    "absence": "" if indicator.name in raw else absence or "no_value",
                    "table": indicator.table,
                    "column": indicator.column,
                    "nearest": find_nearest(indicator, frames) if is_near else "",
                }
            )
    return pd.DataFrame(rows)


def find_absence(indicator: Indicator, frames: Mapping[str, pd.DataFrame]) -> str:
    """Why tables do not give an indicator, see `explain_weights`; "" where they do."""
    if indicator.table not in frames:
        return "no_table"
    if indicator.column not in frames[indicator.table]:
        return "no_column"
    values = frames[indicator.table][indicator.column].dropna()
    if values.empty:
        return "no_value"
    has_words = indicator.levels is None and pd.to_numeric(values, errors="coerce").isna().any()
    return "words" if has_words else ""


def find_nearest(indicator: Indicator, frames: Mapping[str, pd.DataFrame]) -> str:
    """Of names that the data give, the nearest to the indicator's; "" where none is near."""
    if indicator.table not in OF_A_NAME:
        return ""
    names = [str(name) for name in frames[indicator.table]]
    return next(iter(get_close_matches(indicator.column, names, n=1)), "")


def list_unknown_names(policy: Policy, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The indicators whose table the data have, but not the column, or not as a number.

    Returns
    -------
    `criterion`, `indicator`, `table`, `column`, `absence` (`no_column` or `words`) and `nearest`, as in
    `explain_weights`.
    """
    rows = [
        {
            "criterion": criterion.name,
            "indicator": indicator.name,
            "table": indicator.table,
            "column": indicator.column,
            "absence": absence,
            "nearest": find_nearest(indicator, frames) if absence == "no_column" else "",
        }
        for criterion in policy.criteria
        for indicator in criterion.indicators
        if (absence := find_absence(indicator, frames)) in ("no_column", "words")
    ]
    columns = ["criterion", "indicator", "table", "column", "absence", "nearest"]
    return pd.DataFrame(rows, columns=columns)
