"""Were past alerts right? Beside as many customers by the probability, by recency, and beside everybody."""

import numpy as np
import pandas as pd

from crcm_lib.models.histories import Numbers
from crcm_lib.models.reasons import Reason
from crcm_lib.stats import Z_95, wilson

MIN_ALERTS = 10  # past alerts below which nothing is said of them
BY_ALERT, BY_DAYS, BY_ABSENCE, BY_NOTHING = "alert", "days_since_last", "unusual_absence", "nothing"
SETS = ALERTED, BY_PROBABILITY, BY_RECENCY, EVERYBODY = (
    "alerted",
    "by_probability",
    "by_recency",
    "everybody",
)
COLUMNS = (
    *("customers", "missed", "low", "high", "own_rate", "beyond"),
    *("beyond_more", "more_low", "more_high", "above_low"),
)
NO_ALERTS = pd.DataFrame(columns=["chosen", *COLUMNS])


def judge_alerts(predictions: pd.DataFrame) -> pd.DataFrame:
    """What became of the customers alerted at earlier origins, beside as many chosen in another way.

    All are chosen among those who had bought within the horizon, as many at each origin as were alerted
    there; customers who tie at the border count in part.

    Parameters
    ----------
    predictions
        One row per customer (index) and `origin`: `p_no_purchase`, `p_if_active`, `days_since_last`, `within`
        (bought within the horizon before), `alerted`, `missed` (1 who bought nothing in the horizon after).

    Returns
    -------
    One row for each of `SETS` (`chosen`): `customers` (count), `missed` (share) with its 95 % interval `low`
    and `high` (Wilson); `own_rate`, the share that would have bought nothing by the own rate; `beyond`, the
    share missed beyond it; `beyond_more`, by how much that is more for those alerted than for this set, with
    its 95 % interval `more_low`, `more_high` (a customer's origins stand together); `above_low`, the lower
    end of that of this set's `beyond` less everybody's.
    """
    pool = predictions[predictions["within"]]
    weights = {name: _choose(pool, name) for name in SETS}
    beyond = (pool["missed"] - pool["p_if_active"]).to_numpy(float)
    alerted, rows = weights[ALERTED], []
    for name, weight in weights.items():
        count = weight.sum()
        missed = _mean(pool["missed"].to_numpy(float), weight)
        low, high = wilson(round(missed * count), round(count)) if count else (np.nan, np.nan)
        difference, half = _difference(beyond, alerted, weight, pool.index)
        row = {"chosen": name, "customers": round(count), "missed": missed, "low": low, "high": high}
        row |= {
            "own_rate": _mean(pool["p_if_active"].to_numpy(float), weight),
            "beyond": _mean(beyond, weight),
        }
        row |= {"beyond_more": difference, "more_low": difference - half, "more_high": difference + half}
        above, around = _difference(beyond, weight, weights[EVERYBODY], pool.index)
        rows.append(row | {"above_low": above - around})
    return pd.DataFrame(rows, columns=["chosen", *COLUMNS])


def judge_past(alerts: pd.DataFrame, facts: dict) -> Reason:
    """Whether alerts are raised: past ones must be beyond chance and beyond recency, by the whole interval.

    What counts is who bought nothing beyond what the own rates give: that is what an alert is about. By the
    longest absence one finds more who buy nothing, but many of those buy seldom and have not left.

    The fact `calls_by` says by what a list of calls is made: by alerts where they hold; else by the days
    since the last purchase, if that simple rule found more than chance; else by unusual absences, if these
    did.
    """
    rows = alerts.set_index("chosen")
    facts = facts | {"alerts": int(rows.loc[ALERTED, "customers"]), "calls_by": BY_NOTHING}
    if facts["alerts"] < MIN_ALERTS:
        return Reason("few_past_alerts", facts)
    by_days = {"calls_by": BY_DAYS} if rows.loc[BY_RECENCY, "above_low"] > 0 else {}
    if not rows.loc[ALERTED, "above_low"] > 0:
        return Reason("not_beyond_chance", facts | by_days)
    if not rows.loc[BY_RECENCY, "more_low"] > 0:
        return Reason("not_beyond_recency", facts | {"calls_by": BY_ABSENCE} | by_days)
    return Reason("alerts_hold", facts | {"calls_by": BY_ALERT})


def _choose(pool: pd.DataFrame, name: str) -> Numbers:
    """The weight of each row in a set: 1, 0, or a part where customers tie at the border."""
    if name == EVERYBODY:
        return np.ones(len(pool))
    if name == ALERTED:
        return pool["alerted"].to_numpy(float)
    column = {BY_PROBABILITY: "p_no_purchase", BY_RECENCY: "days_since_last"}[name]
    by_origin = pool.groupby("origin", sort=False)
    asked = by_origin["alerted"].transform("sum").to_numpy(float)
    least = by_origin[column].rank(method="min", ascending=False).to_numpy() - 1
    most = by_origin[column].rank(method="max", ascending=False).to_numpy()
    return np.clip((asked - least) / (most - least), 0, 1)


def _mean(values: Numbers, weight: Numbers) -> float:
    return float(values @ weight / weight.sum()) if weight.sum() else np.nan


def _difference(values: Numbers, one: Numbers, other: Numbers, customers: pd.Index) -> tuple[float, float]:
    """Difference of two weighted means, and half its 95 % interval, customers drawn as a whole."""
    if not one.sum() or not other.sum():
        return np.nan, np.nan
    a, b = _mean(values, one), _mean(values, other)
    influence = one * (values - a) / one.sum() - other * (values - b) / other.sum()
    return a - b, Z_95 * float(np.sqrt((pd.Series(influence).groupby(customers).sum() ** 2).sum()))
