"""Churn alerts: overdue, spend drop, P(alive); reasons; revenue at risk; what became of earlier alerts."""

import re

import numpy as np
import pandas as pd
import pytest

from crcm_lib.models import churn
from crcm_lib.models.churn import (
    backtest_alerts,
    measure_rhythm,
    score_churn_risk,
    summarise_alerts,
    vary_limits,
)
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text.churn_warning import (
    describe_alerts,
    describe_backtest,
    describe_churn,
    describe_intervals,
    write_reasons,
)
from crcm_lib.schema.tables import check

COLUMNS = ["purchases", "days_since_last", "days_first_to_last", "days_observed", "spend_total", "spend_90d"]


def make(**rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`customers` and `value` of named customers: COLUMNS, then P(alive) and what they spend if they stay."""
    index = pd.Index(rows, name="customer_id")
    frame = pd.DataFrame(
        list(rows.values()), index=index, columns=[*COLUMNS, "p_alive", "spend_if_stays"], dtype=float
    )
    alive = frame["p_alive"].fillna(1)
    value = frame[["p_alive", "spend_if_stays"]].assign(spend_expected=frame["spend_if_stays"] * alive)
    return frame[COLUMNS].astype({"purchases": int}), value


@pytest.fixture
def company():
    """Everybody's gap is ten days, so the prior changes nobody."""
    return make(
        punctual=(11, 5, 100, 105, 1100, 900, 0.95, 500.0),
        late=(11, 30, 100, 130, 1100, 700, 0.9, 500.0),
        gone=(31, 200, 300, 500, 3100, 0, 0.05, 800.0),
        quieter=(41, 5, 400, 405, 4100, 300, 0.97, 900.0),
        doubted=(11, 12, 100, 112, 1100, 900, 0.35, 400.0),
        once=(1, 400, 0, 400, 50, 0, np.nan, 20.0),
        twice=(2, 4, 10, 14, 60, 60, 0.8, 90.0),
    )


def test_each_measure_raises_its_alert_and_is_its_reason(company):
    found = check(score_churn_risk(*company), "churn")
    assert found["alert"].to_dict() == {
        "punctual": "none",
        "late": "warning",  # three times its gap
        "gone": "urgent",
        "quieter": "warning",  # 3.3 a day, after 12.1 a day
        "doubted": "warning",  # P(alive) below 0.4
        "once": "watch",
        "twice": "none",
    }
    assert found["reason"].to_dict() == {
        "punctual": "within_usual_gap",
        "late": "overdue",
        "gone": "overdue+spend_drop+low_p_alive",
        "quieter": "spend_drop",
        "doubted": "low_p_alive",
        "once": "bought_once",
        "twice": "within_usual_gap",
    }
    because = write_reasons(found)
    assert because["late"] == "last purchase 30 days ago, 3.00 times the usual 10"
    assert because["quieter"] == "spend down 72.4% in 90 days"
    assert because["doubted"] == "35.0% likely to be still a customer"
    assert because["once"] == "bought once, 400 days ago; those who come back do so after about 10"
    assert because["gone"].count(";") == 2
    assert because["punctual"] == "within the usual gap between purchases"


def test_a_one_time_buyer_is_watched_and_never_more(company):
    customers, value = company
    for away in (10.0, 100.0, 10_000.0):
        found = score_churn_risk(customers.assign(days_since_last=away), value)
        assert found.loc["once", "alert"] in ("none", "watch")
        assert np.isnan(found.loc["once", "p_alive"])


def test_revenue_at_risk_is_spend_if_stayed_times_the_chance_of_having_left(company):
    found = score_churn_risk(*company)
    assert found.loc["gone", "revenue_at_risk"] == pytest.approx(800 * 0.95)
    assert found.loc["once", "revenue_at_risk"] == pytest.approx(20 * (1 - 10 / 400))  # 40 gaps overdue
    assert (found["revenue_at_risk"] >= 0).all()


def test_few_purchases_are_drawn_to_everybodys_rhythm_and_many_stand_for_themselves():
    customers, _value = make(
        one=(2, 0, 30, 30, 0, 0, 1, 0),
        two=(2, 0, 10, 10, 0, 0, 1, 0),
        many=(1001, 0, 30_000, 30_000, 0, 0, 1, 0),
    )
    gaps = measure_rhythm(customers)["gap_days"]  # the median of 30, 10, 30 is 30
    assert gaps["two"] == pytest.approx((30 + 10) / 2)
    assert gaps["many"] == pytest.approx(30, abs=0.01)


def test_a_quiet_window_says_nothing_of_a_rare_buyer():
    customers, value = make(
        rare=(4, 120, 360, 480, 400, 0, 0.9, 100.0), usual=(2, 1, 120, 121, 20, 20, 0.9, 10.0)
    )
    assert np.isnan(score_churn_risk(customers, value).loc["rare", "spend_drop"])


def test_the_shortest_window_that_can_show_a_drop_is_used(company):
    customers, value = company
    spends = customers.assign(spend_30d=customers["spend_90d"] / 3, spend_180d=customers["spend_90d"] * 2)
    assert score_churn_risk(spends, value).loc["quieter", "spend_drop_days"] == 90
    assert "in 90 days" in write_reasons(score_churn_risk(spends, value))["quieter"]
    faster = spends.assign(days_first_to_last=spends["days_first_to_last"] / 4)
    assert score_churn_risk(faster, value).loc["quieter", "spend_drop_days"] == 30
    assert "in 30 days" in write_reasons(score_churn_risk(faster, value))["quieter"]


def test_limits_come_from_the_caller_and_a_missing_measure_does_not_count(company):
    lax = {name: {"overdue_ratio": 1e6, "spend_drop": None} for name in churn.ALERTS[1:]}
    assert set(score_churn_risk(*company, lax)["alert"]) == {"none"}
    strict = {"urgent": {"overdue_ratio": 0.0}}
    found = score_churn_risk(*company, strict).drop("once")
    assert (found["alert"] == "urgent").all()
    assert (found["reason"] == "overdue").all()


def test_row_order_and_units_of_money_do_not_change_an_alert(company):
    customers, value = company
    found = score_churn_risk(customers, value)
    turned = score_churn_risk(customers[::-1], value)
    pd.testing.assert_frame_equal(turned.loc[found.index], found)
    money = [column for column in customers if column.startswith("spend")]
    dearer = score_churn_risk(
        customers.assign(**customers[money] * 9), value.assign(spend_if_stays=value["spend_if_stays"] * 9)
    )
    assert dearer["alert"].equals(found["alert"])
    assert dearer["revenue_at_risk"].to_numpy() == pytest.approx(9 * found["revenue_at_risk"].to_numpy())


def test_summary_counts_everybody_once_most_pressing_first(company):
    found = summarise_alerts(score_churn_risk(*company))
    assert found["alert"].to_list() == ["urgent", "warning", "watch", "none"]
    assert found["customers"].sum() == 7


def test_pressing_customers_are_listed_by_revenue_at_risk(company):
    found = churn.list_urgent(score_churn_risk(*company), most=2)
    assert found.index.to_list() == ["gone", "doubted"]


def test_the_backtest_counts_who_bought_again_with_wilson_intervals():
    index = pd.Index([f"c{i}" for i in range(200)], name="customer_id")
    alerts = pd.DataFrame({"alert": ["urgent"] * 100 + ["none"] * 90 + ["watch"] * 10}, index=index)
    customers = pd.DataFrame({"purchases": [3] * 190 + [1] * 10}, index=index)
    later = pd.Series([1.0] * 10 + [0.0] * 90 + [2.0] * 90, index=index[:190])
    found = backtest_alerts(alerts, customers, later)
    again = found.set_index("alert")["bought_again_share"]
    assert again.to_dict() == {"none": 1.0, "urgent": 0.1, "bought_once": 0.0}
    interval = found.set_index("alert").loc["urgent", ["low", "high"]]
    assert interval.to_list() == pytest.approx([0.0552, 0.1744], abs=1e-4)
    assert describe_backtest(found) == (
        "Looking back, 10.0% of those with alert urgent bought again; of those with none, 100.0%."
    )
    assert "too little history" in describe_backtest(found.assign(bought_again_share=np.nan))  # all hidden


def test_where_there_is_no_history_to_look_back_on_that_is_said():
    nobody = pd.DataFrame({"alert": pd.Series(dtype="str"), "purchases": pd.Series(dtype=float)})
    found = backtest_alerts(nobody, nobody, pd.Series(dtype=float))
    assert found.empty
    assert "too little history" in describe_backtest(found)


def test_stricter_limits_alert_more_customers(company):
    counts = vary_limits(*company)
    assert counts["limits"].to_list() == ["stricter", "policy", "looser"]
    assert counts["none"].is_monotonic_increasing
    assert (counts[list(churn.ALERTS)].sum(axis=1) == 7).all()


def test_no_customers_no_repeat_buyers_no_windows_end_without_a_traceback(company):
    customers, value = company
    assert score_churn_risk(customers[:0], value[:0]).empty
    once = customers.loc[["once"]]
    assert score_churn_risk(once, value)["alert"].to_list() == [
        "none"
    ]  # away as long as everybody: the usual
    bare = score_churn_risk(customers.drop(columns="spend_90d"), value)
    assert bare["spend_drop"].isna().all()
    assert bare.loc["gone", "alert"] == "urgent"


def test_nothing_that_is_said_of_alerts_gives_a_small_one_away():
    alerts = pd.DataFrame(
        {
            "alert": ["urgent", "warning", "watch", "none"],
            "customers": [3, 50, 60, 100],
            "revenue_at_risk": [333.0, 500.0, 600.0, 100.0],
        }
    )
    again = pd.DataFrame(
        {
            "alert": ["none", "urgent"],
            "customers": [100, 3],
            "bought_again_share": [0.9, 0.1],
            "low": [0.8, 0.0],
            "high": [0.95, 0.3],
        }
    )
    shown, shown_again = hide_small(alerts, money=["revenue_at_risk"]), hide_small(again)
    headline = describe_churn(shown, shown_again, "EUR").markdown
    said = [describe_alerts(shown, "EUR"), describe_intervals(shown_again), headline]
    assert "urgent: hidden customers, hidden EUR" in said[0]
    assert said[1].startswith("No picture")
    assert not re.search(r"\b(3|53|333|833)\b", " ".join(said))
    assert "watch: 60 customers, 600 EUR" in said[0]
    large = describe_churn(alerts.assign(customers=50), again, "EUR").markdown
    assert large.startswith("**100** customers have the alert urgent or warning, with **833 EUR** at risk.")
