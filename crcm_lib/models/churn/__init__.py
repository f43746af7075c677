"""Churn: the probability of no purchase, who has been silent for longer than their own rate explains, alerts.

Predicted is *no purchase within h days of a day*, given what was known on that day, of everybody who has
bought, one-time buyers too. h is `churn.horizon_days`: by default the longest of 30, 60, 90 and 180 days that
leaves three origins. An origin is a past day whose outcome window, the h days after it, ends where that of
the next origin starts (`origins`).

Two numbers are kept apart:

- `p_no_purchase`, whose *order* says who will not come. Candidates (`candidates`) are days since the last
  purchase alone; P(no purchase) of a purchase model; the same, recalibrated; a logistic regression on the
  customer's own signs; and the mean of their log odds. Each is learned on earlier origins and judged on the
  next by log loss, with the share of earlier origins as the naive baseline; the mean is selected, unless
  another is better beyond chance, learned again on all origins and used (`churn_backtest`).
- the *alert*, which is about leaving. Who buys once a year will hardly buy within 90 days and has not left.
  `p_if_active` is P(no purchase) of a customer with the own rate who is certainly still there, and the excess
  is what `p_no_purchase` has beyond it. An alert asks for an excess and for an absence that, given the own
  rate, is as improbable as that of at most a hundredth of those who were away at an earlier origin and came
  back: Solow's test of an extinction (1993, Ecology 74, 962-964: (t_x / T)^x under a constant rate), with the
  rate's uncertainty as in the NBD and its null distribution measured on the customers themselves (a conformal
  p-value), so that clumps, pauses and regular buyers are judged by how these customers pause (`absence`).
  What the alert then says follows from the value at stake and the cost of a call (`alerts`).

So an order by `p_no_purchase` catches more of those who do not buy, and alerts catch more of those who do not
buy *although they used to*: `judge_alerts` measures both beside as many customers by days since the last
purchase. Whose last purchase is longer ago than h days has nothing at risk any more: that money is gone.
"""

from crcm_lib.models.churn.absence import measure_decline, measure_rhythm
from crcm_lib.models.churn.alerts import (
    ALERTS,
    choose_calls,
    list_declines,
    score_churn,
    select_profitable,
    summarise_states,
    vary_cost,
)
from crcm_lib.models.churn.churn_backtest import (
    FALSE_ALERTS,
    ChurnBacktest,
    backtest_churn,
    find_unusual,
)
from crcm_lib.models.churn.churn_model import ChurnModel

__all__ = [
    "ALERTS",
    "FALSE_ALERTS",
    "ChurnBacktest",
    "ChurnModel",
    "backtest_churn",
    "choose_calls",
    "find_unusual",
    "list_declines",
    "measure_decline",
    "measure_rhythm",
    "score_churn",
    "select_profitable",
    "summarise_states",
    "vary_cost",
]
