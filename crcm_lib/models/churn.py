"""Customers and their value -> alerts: who is churning, for which reason, and the revenue at risk."""

from collections.abc import Mapping
from itertools import compress, product

import numpy as np
import pandas as pd

from crcm_lib.schema.tables import check
from crcm_lib.stats import wilson

ALERTS = ("none", "watch", "warning", "urgent")
GRADES = {  # the same as in policy.yaml, for use without one
    "watch": {"overdue_ratio": 1.5, "spend_drop": 0.3, "p_alive": 0.6},
    "warning": {"overdue_ratio": 2.5, "spend_drop": 0.5, "p_alive": 0.4},
    "urgent": {"overdue_ratio": 4.0, "spend_drop": 0.75, "p_alive": 0.2},
}
REASONS = {"overdue_ratio": "overdue", "spend_drop": "spend_drop", "p_alive": "low_p_alive"}
BOUGHT_ONCE, WITHIN_USUAL_GAP = "bought_once", "within_usual_gap"
WINDOWS = (365, 180, 90, 30)  # days; a drop is measured over the shortest in which it can be seen
MIN_EXPECTED_PURCHASES = 5  # expected at the own rhythm in a window, for a drop to be measured over it
PRIOR_GAPS = 1  # gaps of the usual length in every customer's mean gap

Grades = Mapping[str, Mapping[str, float | None]]


def score_churn_risk(customers: pd.DataFrame, value: pd.DataFrame, grades: Grades = GRADES) -> pd.DataFrame:
    """The churn alert of each customer who has bought, its reason, and the revenue at risk.

    The alert is the highest grade that one of three measures reaches: overdue against the customer's own
    rhythm, drop of spend against the customer's own earlier spend, and P(alive). One-time buyers have neither
    a rhythm nor a P(alive) of their own: compared with the rhythm of all, they are graded `watch` at most.

    Parameters
    ----------
    customers
        The `customer_features` table; `spend_90d` and its like are needed for the drop, which is missing
        where they are absent.
    value
        The `value` table of the same customers.
    grades
        For watch, warning, urgent: `overdue_ratio` at least, `spend_drop` at least, `p_alive` below; a
        measure that is missing or None does not count.

    Returns
    -------
    The `churn` table, indexed by `customer_id`. `revenue_at_risk` (currency) is the spend over the value's
    horizon of a customer who stays, times the probability of having left: 1 − P(alive), or, where the model
    gives none, 1 − 1 / overdue_ratio once overdue. `reason` joins the ids of all measures that reach a grade
    by "+": overdue (or bought_once), spend_drop, low_p_alive; without an alert it is within_usual_gap.
    """
    buyers = customers[customers["purchases"] > 0]
    measures = measure_rhythm(buyers).join(value["p_alive"].reindex(buyers.index))
    measures = measures.join(_measure_drop(buyers, measures["gap_days"]))
    once = buyers["purchases"] == 1
    level = _grade(measures, grades).mask(once, lambda place: place.clip(upper=1))
    p_left = (1 - measures["p_alive"]).fillna(1 - 1 / measures["overdue_ratio"].clip(lower=1))
    stays = value.get("spend_if_stays", value["spend_expected"]).reindex(buyers.index).fillna(0)
    churn = pd.DataFrame(
        {
            "alert": pd.Series(np.array(ALERTS)[level], index=buyers.index, dtype="str"),
            "reason": _join_reasons(measures, once, level, grades),
            "overdue_ratio": measures["overdue_ratio"],
            "gap_days": measures["gap_days"],
            "p_alive": measures["p_alive"],
            "spend_drop": measures["spend_drop"],
            "spend_drop_days": measures["spend_drop_days"],
            "revenue_at_risk": stays * p_left,
        }
    )
    return check(churn, "churn")


def measure_rhythm(buyers: pd.DataFrame) -> pd.DataFrame:
    """Each customer's usual gap between purchases (days), and how many such gaps the last purchase is ago.

    The usual gap is the mean of the customer's own gaps and one gap of the usual length (the median of repeat
    buyers' mean gaps), so that it lies near the median after few purchases and near the own mean after many.

    Returns
    -------
    `gap_days`, and `overdue_ratio`: days since the last purchase / gap_days.

    Examples
    --------
    >>> two = pd.DataFrame({"purchases": [5, 1], "days_first_to_last": [40.0, 0.0], "days_since_last": 30.0})
    >>> measure_rhythm(two).to_numpy().tolist()
    [[10.0, 3.0], [10.0, 3.0]]
    """
    gaps, span = buyers["purchases"] - 1, buyers["days_first_to_last"]
    usual = (span / gaps.where(gaps > 0)).median()
    if not usual > 0:  # nobody bought twice, so that the median time since the first purchase is all there is
        usual = max(float(buyers["days_since_last"].median()) if len(buyers) else 1.0, 1.0)
    gap = (PRIOR_GAPS * usual + span) / (PRIOR_GAPS + gaps)
    return pd.DataFrame({"gap_days": gap, "overdue_ratio": buyers["days_since_last"] / gap})


def _measure_drop(buyers: pd.DataFrame, gap: pd.Series) -> pd.DataFrame:
    """`spend_drop`, 1 − recent spend per day / earlier spend per day; `spend_drop_days`, the recent days.

    The recent days are the shortest window in which the customer's own rhythm gives enough expected
    purchases, for customers known at least twice as long; both columns are missing for all others. A one-time
    buyer's absence is no drop.
    """
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


def _grade(measures: pd.DataFrame, grades: Grades) -> pd.Series:
    """0 for none … 3 for urgent; a missing number reaches no grade."""
    level = pd.Series(0, index=measures.index)
    for place, name in enumerate(ALERTS[1:], start=1):
        for reached in _reached(measures, grades.get(name, {})).values():
            level = level.mask(reached, place)
    return level


def _reached(measures: pd.DataFrame, limits: Mapping[str, float | None]) -> dict[str, pd.Series]:
    """For each measure that has a limit: who reaches it."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    reached = {
        name: measures[name] >= given[name] for name in ("overdue_ratio", "spend_drop") if name in given
    }
    if "p_alive" in given:
        reached["p_alive"] = measures["p_alive"] < given["p_alive"]
    return reached


def _join_reasons(measures: pd.DataFrame, once: pd.Series, level: pd.Series, grades: Grades) -> pd.Series:
    """The ids of the measures that reach at least one grade, joined by "+"."""
    counts = {name: np.zeros(len(measures), dtype=bool) for name in REASONS}
    for name in ALERTS[1:]:
        for measure, reached in _reached(measures, grades.get(name, {})).items():
            counts[measure] |= reached.to_numpy()
    counts["overdue_ratio"] |= once.to_numpy()
    ids = list(REASONS.values())
    labels = np.array(
        [
            ["+".join(compress(names, which)) for which in product((False, True), repeat=len(ids))]
            for names in (ids, [BOUGHT_ONCE, *ids[1:]])
        ]
    )
    places = np.ravel_multi_index([counts[name].astype(int) for name in REASONS], (2,) * len(ids))
    reasons = np.where(level == 0, WITHIN_USUAL_GAP, labels[once.astype(int), places])
    return pd.Series(reasons, index=measures.index, dtype="str")


def summarise_alerts(churn: pd.DataFrame) -> pd.DataFrame:
    """How many customers have each alert, and the revenue at risk with them; the most pressing first.

    Returns
    -------
    `alert`, `customers` (count) and `revenue_at_risk` (currency).
    """
    grouped = churn.groupby("alert")["revenue_at_risk"]
    alerts = grouped.agg(customers="size", revenue_at_risk="sum").reindex(ALERTS[::-1], fill_value=0)
    return alerts.rename_axis("alert").reset_index()


def list_urgent(churn: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """The urgent alerts and warnings with most revenue at risk, the largest first."""
    pressing = churn[churn["alert"].isin(ALERTS[2:])].sort_index()
    return pressing.sort_values("revenue_at_risk", ascending=False, kind="stable").head(most)


def backtest_alerts(churn: pd.DataFrame, customers: pd.DataFrame, bought_later: pd.Series) -> pd.DataFrame:
    """The share of customers with each earlier alert who bought again, with its 95 % interval (Wilson).

    Parameters
    ----------
    churn
        The `churn` table of an earlier day.
    customers
        The `customer_features` table of that day.
    bought_later
        Purchase days since then, per customer; who is missing bought nothing. Empty where it is not known,
        and then there are no rows.

    Returns
    -------
    One row per alert and one for those who had bought once (`bought_once`), as far as there are any:
    `alert`, `customers` (count), `bought_again_share`, `low` and `high` (0…1).
    """
    if bought_later.empty:
        churn = churn.iloc[:0]
    once = customers["purchases"].reindex(churn.index).eq(1)
    group = churn["alert"].mask(once, BOUGHT_ONCE).rename("alert")
    again = bought_later.reindex(churn.index).fillna(0).gt(0)
    counts = again.groupby(group).agg(customers="size", again="sum")
    counts = counts.reindex([*ALERTS, BOUGHT_ONCE]).dropna().astype(int)
    intervals = [wilson(*row) for row in counts[["again", "customers"]].itertuples(index=False)]
    low, high = np.array(intervals).reshape(-1, 2).T
    return pd.DataFrame(
        {
            "alert": counts.index.astype("str"),
            "customers": counts["customers"].to_numpy(),
            "bought_again_share": (counts["again"] / counts["customers"]).to_numpy(),
            "low": low,
            "high": high,
        }
    )


def vary_limits(
    customers: pd.DataFrame, value: pd.DataFrame, grades: Grades = GRADES, *, by: float = 0.25
) -> pd.DataFrame:
    """How many customers have each alert if every limit is reached sooner or later by a share.

    Returns
    -------
    One row for each of `stricter`, `policy` and `looser` (`limits`): `limits_changed_by` (share), and the
    count of customers with each alert.
    """
    rows = {}
    for limits, change in (("stricter", -by), ("policy", 0.0), ("looser", by)):
        alerts = score_churn_risk(customers, value, _scale(grades, 1 + change))["alert"]
        counts = alerts.value_counts().reindex(ALERTS, fill_value=0)
        rows[limits] = {"limits_changed_by": change, **counts.to_dict()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("limits").reset_index()


def _scale(grades: Grades, factor: float) -> dict[str, dict[str, float]]:
    """Limits of overdue and drop times the factor, those of P(alive) divided by it; a drop is at most 1."""
    scaled = {
        "overdue_ratio": lambda limit: limit * factor,
        "spend_drop": lambda limit: min(limit * factor, 1.0),
        "p_alive": lambda limit: limit / factor,
    }
    return {
        grade: {name: scaled[name](limit) for name, limit in limits.items() if limit is not None}
        for grade, limits in grades.items()
    }
