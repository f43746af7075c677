"""How long customers are away, against their own rhythm; and who buys less, but still buys."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.models.clv.purchase_models import PURCHASE_MODELS
from crcm_lib.models.histories import Numbers

WINDOWS = (365, 180, 90, 30)  # days; a drop is measured over the shortest in which it can be seen
MIN_EXPECTED_PURCHASES = 5  # expected at the own rhythm in a window, for a drop to be measured over it
PRIOR_GAPS = 1  # gaps of the usual length in every customer's mean gap
QUANTILES = 2000  # places kept of the absences of those who came back


def usual_gap(buyers: pd.DataFrame) -> float:
    """The median of repeat buyers' mean gaps (days).

    Where nobody bought twice, the median time since the first purchase is all there is.
    """
    gaps, span = buyers["purchases"] - 1, buyers["days_first_to_last"]
    usual = float((span / gaps.where(gaps > 0)).median())
    if usual > 0:
        return usual
    return max(float(buyers["days_since_last"].median()) if len(buyers) else 1.0, 1.0)


def measure_rhythm(buyers: pd.DataFrame, usual: float | None = None) -> pd.DataFrame:
    """Each customer's usual gap between purchases (days), and how many such gaps the last purchase is ago.

    The usual gap is the mean of the customer's own gaps and one gap of the length `usual`, by default that of
    `usual_gap`, so that it lies near the median after few purchases and near the own mean after many.

    Returns
    -------
    `gap_days`, and `overdue_ratio`: days since the last purchase / gap_days.

    Examples
    --------
    >>> two = pd.DataFrame({"purchases": [5, 1], "days_first_to_last": [40.0, 0.0], "days_since_last": 30.0})
    >>> measure_rhythm(two).to_numpy().tolist()
    [[10.0, 3.0], [10.0, 3.0]]
    """
    usual = usual_gap(buyers) if usual is None else usual
    gaps, span = buyers["purchases"] - 1, buyers["days_first_to_last"]
    gap = (PRIOR_GAPS * usual + span) / (PRIOR_GAPS + gaps)
    return pd.DataFrame({"gap_days": gap, "overdue_ratio": buyers["days_since_last"] / gap})


def absence_probability(name: str, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
    """P(away for as long as T - t_x) of customers who are still there and bought x times again until t_x.

    ((alpha + t_x) / (alpha + T))^(r + k x): with r = alpha = 0 and k = 1 Solow's (1993) p-value.
    """
    k = PURCHASE_MODELS[name].k
    return ((params["alpha"] + t_x) / (params["alpha"] + T)) ** (params["r"] + k * x)


def thin(values: Sequence[float] | Numbers) -> tuple[float, ...]:
    """The values in rising order; of more than `QUANTILES` as many of their quantiles."""
    rising = np.sort(np.asarray(values, float))
    if len(rising) > QUANTILES:
        rising = np.quantile(rising, (np.arange(QUANTILES) + 0.5) / QUANTILES, method="inverted_cdf")
    return tuple(rising.tolist())


def share_as_unusual(chance: Numbers, came_back: Sequence[float]) -> Numbers:
    """For each absence: the share of those who came back whose own was as improbable, or more so.

    (1 + as many) / (1 + all): a conformal p-value, which holds for any way of buying.

    >>> share_as_unusual(np.array([0.0, 0.4]), [0.1, 0.4, 0.9]).tolist()
    [0.25, 0.75]
    """
    return (1 + np.searchsorted(np.asarray(came_back, float), chance, side="right")) / (1 + len(came_back))


def measure_decline(buyers: pd.DataFrame, usual: float | None = None) -> pd.DataFrame:
    """By how much customers spend less than they did; a decline, which does not say that they leave.

    `usual` as for `measure_rhythm`.

    Returns
    -------
    `spend_drop`, 1 - recent spend per day / earlier spend per day, and `spend_drop_days`, the recent days:
    the shortest window in which the customer's own rhythm gives enough expected purchases, for customers
    known at least twice as long; both columns are missing for all others. A one-time buyer's absence is no
    drop.
    """
    gap = measure_rhythm(buyers, usual)["gap_days"]
    drop, days = pd.Series(np.nan, buyers.index), pd.Series(np.nan, buyers.index)
    again = buyers["purchases"] > 1
    for window in WINDOWS:
        if f"spend_{window}d" not in buyers:
            continue
        spend = buyers[f"spend_{window}d"].astype(float)
        earlier = (buyers["spend_total"].astype(float) - spend) / (buyers["days_observed"] - window)
        measurable = again & (buyers["days_observed"] >= 2 * window) & (earlier > 0)
        measurable &= window / gap >= MIN_EXPECTED_PURCHASES
        drop = drop.mask(measurable, 1 - spend.clip(lower=0) / window / earlier)
        days = days.mask(measurable, window)
    return pd.DataFrame({"spend_drop": drop, "spend_drop_days": days})
