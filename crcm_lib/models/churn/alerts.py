"""Predictions, value and the cost of a call -> the table `churn`."""

import numpy as np
import pandas as pd

from crcm_lib.models.churn.absence import measure_decline, measure_rhythm
from crcm_lib.models.churn.candidates import REASONS
from crcm_lib.models.churn.churn_backtest import FALSE_ALERTS, find_unusual
from crcm_lib.models.churn.churn_model import ONCE, ChurnModel
from crcm_lib.models.churn.past_alerts import BY_ABSENCE, BY_ALERT, BY_DAYS
from crcm_lib.schema.tables import check

ALERTS = ("none", "watch", "warning", "urgent")
PRESSING = ("urgent", "warning")
SILENT, WITHIN, NOT_RAISED = "silent_beyond_horizon", "within_usual_gap", "alerts_not_raised"
CALL_COST, CALL_SUCCESS = 6.0, 0.10  # as in policy.yaml, for use without one
LIKELY = 0.5  # P(no purchase) from which an alert that pays is urgent
COUNTS_AS_REASON = 0.1  # log odds: a tenth more


def score_churn(
    model: ChurnModel,
    customers: pd.DataFrame,
    more: pd.DataFrame,
    value: pd.DataFrame,
    *,
    margin: float = 1.0,
    call_cost: float = CALL_COST,
    call_success: float = CALL_SUCCESS,
    false_alerts: float = FALSE_ALERTS,
) -> pd.DataFrame:
    """How likely each customer who has bought is not to buy, whether that is leaving, and what it costs.

    Parameters
    ----------
    model
        Of the same day.
    customers
        The `customer_features` table.
    more
        From `features.relationship_signs`.
    value
        The `value` table for the model's horizon: `spend_if_stays`.
    margin
        Per unit of spend, as in `value`: `ValueModel.margin_used`.
    call_cost, call_success
        What a call costs (currency), and the share of those who leave whom it is assumed to keep.
    false_alerts
        The share of those who came back at earlier days who had been away as improbably long, up to which
        an absence is unusual.

    Returns
    -------
    The `churn` table, indexed by `customer_id`. An alert asks for an unusual absence and an excess of
    `p_no_purchase` over `p_if_active`, of customers who bought within the horizon: `watch`; `warning` where
    `call_success` × `value_at_risk` is more than `call_cost`; `urgent` where also P(no purchase) is one half
    or more. `value_at_risk` (currency, margin or spend as `value`) is what the customer brings within the
    horizon if still there, times the chance to have left, (p - own) / (1 - own); 0 where the last purchase
    is longer ago than the horizon: that is gone. `reason` joins by "+" what raises the probability above that
    of the own rate, the absence first; without an alert it says why there is none.
    """
    buyers = customers[customers["purchases"] > 0]
    said, away = model.predict(buyers, more), buyers["days_since_last"]
    p, own, gone = said["p_no_purchase"], said["p_if_active"], away > model.horizon_days
    unusual = find_unusual(said, away, model.horizon_days, false_alerts)
    left = ((p - own) / (1 - own)).clip(lower=0).mask(gone, 0.0)
    at_risk = value["spend_if_stays"].reindex(buyers.index).fillna(0.0) * margin * left
    pays = call_success * at_risk > call_cost
    level = unusual * (1 + pays * (1 + (p >= LIKELY).astype(int))) * model.alerts_hold
    why = pd.Series(np.select([gone, unusual], [SILENT, NOT_RAISED], WITHIN), index=buyers.index, dtype="str")
    why[level > 0] = _join_reasons(said[level > 0], buyers[level > 0])
    churn = pd.DataFrame(
        {
            "alert": pd.Series(np.array(ALERTS)[level.astype(int)], index=buyers.index, dtype="str"),
            "reason": why,
            **said[["p_no_purchase", "p_if_active", "as_unusual_share"]],
            "silent_beyond_horizon": gone,
            "value_at_risk": at_risk,
            **measure_rhythm(buyers, model.usual_gap_days)[["overdue_ratio", "gap_days"]],
            **measure_decline(buyers, model.usual_gap_days),
        }
    )
    return check(churn, "churn")


def _join_reasons(said: pd.DataFrame, buyers: pd.DataFrame) -> np.ndarray:
    """The ids of what raises the log odds, joined by "+"; the absence first, then the largest."""
    parts = said[[name for name in REASONS if name != "overdue"]].to_numpy(float)
    names = np.array([name for name in REASONS if name != "overdue"])
    first = np.where(buyers["purchases"] == 1, ONCE, "overdue")
    order = np.argsort(-parts, axis=1, kind="stable")
    raised = np.take_along_axis(parts, order, axis=1) > COUNTS_AS_REASON
    return np.array(
        ["+".join([lead, *names[row[up]]]) for lead, row, up in zip(first, order, raised, strict=True)],
        object,
    )


def choose_calls(churn: pd.DataFrame, calls_by: str) -> pd.DataFrame:
    """The customers who may be called, first things first: rows of `churn`, with `days_since_last`.

    `calls_by` is the fact of `past_alerts.judge_past`. Those alerted, or unusually long away, come with the
    most value at risk first; by the days since the last purchase whoever bought within the horizon, the
    longest away first.
    """
    rows = churn.assign(days_since_last=churn["overdue_ratio"] * churn["gap_days"]).sort_index()
    if calls_by == BY_DAYS:
        within = rows[~rows["silent_beyond_horizon"]]
        return within.sort_values("days_since_last", ascending=False, kind="stable")
    chosen = {BY_ALERT: rows["alert"] != "none", BY_ABSENCE: rows["reason"] == NOT_RAISED}
    found = rows[chosen[calls_by]] if calls_by in chosen else rows.iloc[:0]
    return found.sort_values("value_at_risk", ascending=False, kind="stable")


def select_profitable(rows: pd.DataFrame, *, call_cost: float, call_success: float) -> pd.DataFrame:
    """Those of whom a call is assumed to keep more than it costs (currency), in the order given."""
    return rows[call_success * rows["value_at_risk"] > call_cost]


def summarise_states(churn: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers by alert, and those already gone: how many, the value at risk, and what they spent so far.

    Returns
    -------
    `state` (an alert, or silent_beyond_horizon), `customers` (count), `expected_not_to_buy` (their mean
    P(no purchase)), `value_at_risk` and `spend_so_far` (currency); `largest_share` of the largest customer in
    the latter, which small-cell suppression needs. The most pressing first.
    """
    state = churn["alert"].mask(churn["silent_beyond_horizon"], SILENT).rename("state")
    spend = customers["spend_total"].reindex(churn.index).astype(float).clip(lower=0)
    rows = churn.assign(spend=spend).groupby(state)
    found = rows.agg(
        customers=("alert", "size"),
        expected_not_to_buy=("p_no_purchase", "mean"),
        value_at_risk=("value_at_risk", "sum"),
        spend_so_far=("spend", "sum"),
        largest=("spend", "max"),
    ).reindex([*ALERTS[::-1], SILENT])
    counted = ["customers", "value_at_risk", "spend_so_far"]
    found[counted] = found[counted].fillna(0)
    found["largest_share"] = found.pop("largest") / found["spend_so_far"].where(found["spend_so_far"] > 0)
    return found.astype({"customers": int}).reset_index()


def vary_cost(rows: pd.DataFrame, *, call_cost: float, call_success: float) -> pd.DataFrame:
    """How many of these customers are worth a call if a call costs half, as much, or twice.

    Returns
    -------
    One row per cost: `call_cost` (currency), `customers` worth a call (count) and their `value_at_risk`.
    """
    found = []
    for cost in (call_cost / 2, call_cost, 2 * call_cost):
        at_risk = select_profitable(rows, call_cost=cost, call_success=call_success)["value_at_risk"]
        found.append({"call_cost": cost, "customers": len(at_risk), "value_at_risk": at_risk.sum()})
    return pd.DataFrame(found)


def list_declines(churn: pd.DataFrame, customers: pd.DataFrame, *, at_least: float) -> pd.DataFrame:
    """Who still buys as the own rhythm has it but spends less, the largest amount first; nobody alerted.

    Returns
    -------
    Indexed by `customer_id`: `spend_drop` (share, `at_least` or more), `spend_drop_days`, and `spend_missing`
    (currency): what the own earlier spend per day would have brought in those days beyond what came.
    """
    rows = churn[(churn["spend_drop"] >= at_least) & (churn["reason"] == WITHIN)]
    known = customers.loc[rows.index]
    days, spend = rows["spend_drop_days"], known["spend_total"].astype(float)
    # With e the earlier spend per day: total = e (observed - days) + (1 - drop) e days.
    usual = spend / (known["days_observed"] - days * rows["spend_drop"]) * days
    found = rows[["spend_drop", "spend_drop_days"]].assign(spend_missing=usual * rows["spend_drop"])
    return found.sort_index().sort_values("spend_missing", ascending=False, kind="stable")
