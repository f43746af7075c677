"""Churn: P(no purchase) on rolling origins, unusual absences, alerts that follow from cost, their words."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from worlds.leaving import HORIZON, describe_buyers, describe_company, draw_purchases

from crcm_lib.errors import DataError
from crcm_lib.features.relationship_signs import summarise_signs
from crcm_lib.models.churn import (
    ChurnModel,
    backtest_churn,
    choose_calls,
    churn_backtest,
    find_unusual,
    list_declines,
    measure_decline,
    measure_rhythm,
    score_churn,
    select_profitable,
    summarise_states,
    vary_cost,
)
from crcm_lib.models.churn.absence import absence_probability, share_as_unusual
from crcm_lib.models.churn.candidates import (
    CANDIDATES,
    LEARNED,
    MEMBERS,
    MODEL,
    POOLED,
    REASONS,
    RECENCY,
    PurchaseFit,
    describe_signs,
    fit_candidate,
    fit_logistic,
    fit_purchase_model,
    measure_standard,
)
from crcm_lib.models.churn.churn_backtest import backtest_origins
from crcm_lib.models.churn.churn_model import absences_that_ended, learn
from crcm_lib.models.churn.origins import choose_horizon, describe_origin
from crcm_lib.models.churn.past_alerts import judge_alerts, judge_past
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text import churn_warning as words
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import ROOT, check

NOTHING = pd.DataFrame(index=pd.Index([], name="customer_id"))
PARAMS = {"r": 1.0, "alpha": 10.0, "a": 0.5, "b": 2.0}
GOLDEN = ROOT / "data" / "sample" / "golden"


@pytest.fixture(scope="module")
def origins():
    """800 customers, of whom three of ten leave on any day; three origins and today."""
    who, when, _left = draw_purchases("similar", 800, 0.3, seed=1)
    return describe_company(who, when)


@pytest.fixture(scope="module")
def backtest(origins):
    return backtest_origins(origins, HORIZON)


@pytest.fixture
def today(origins):
    return origins[-1].customers


@pytest.fixture
def value(today):
    return pd.DataFrame({"spend_if_stays": 100.0}, index=today.index)


def score(backtest, customers, value, **terms):
    return score_churn(backtest.model, customers, NOTHING, value, **terms)


# What is predicted, and for which days


@pytest.mark.parametrize(
    ("history", "horizon", "origins"), [(720, 180, 3), (719, 90, 5), (361, 90, 3), (239, 30, 5), (119, 30, 2)]
)
def test_the_horizon_is_the_longest_that_leaves_three_origins(history, horizon, origins):
    assert choose_horizon(history) == (horizon, origins)


def test_a_horizon_that_was_asked_for_is_kept_however_short_the_history():
    assert choose_horizon(100, asked=60) == (60, 0)


def test_logistic_regression_without_prior_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    points = random.normal(size=(500, 2))
    outcome = (random.random(500) < 1 / (1 + np.exp(-points @ [1.0, -2.0]))).astype(float)
    for prior, penalty in ((np.inf, np.inf), (0.5, 0.25)):
        theirs = LogisticRegression(C=penalty, tol=1e-10).fit(points, outcome)
        found = fit_logistic(points, outcome, np.zeros(500), prior=prior)
        assert found == pytest.approx([*theirs.intercept_, *theirs.coef_[0]], abs=1e-4)


def test_more_days_without_a_purchase_are_never_less_likely_to_go_on():
    signs = pd.DataFrame({"recency": [3.0, 3.0, 1.0, 1.0], "model": 0.0, "once": 0.0})
    found = fit_candidate(RECENCY, [signs], [np.array([0.0, 1.0, 1.0, 1.0])], [measure_standard(signs)])
    assert found.recency == 0.0


def test_what_is_learned_from_few_customers_stays_near_the_purchase_model(origins):
    few = origins[0].signs[:5]
    found = fit_candidate(LEARNED, [few], [np.array([1.0, 0, 0, 1, 0])], [measure_standard(few)])
    assert abs(found.slope - 1) < 0.3
    assert max(map(abs, found.coefficients.values())) < 0.3


def test_the_pooled_log_odds_are_the_mean_of_those_of_its_members_up_to_two_levels(origins):
    given = [origins[1].signs], [origins[1].missed], [origins[1].standard]
    pooled, *members = (fit_candidate(name, *given) for name in (POOLED, *MEMBERS))
    mean = sum(each.log_odds(origins[2].signs, origins[2].standard) for each in members) / len(members)
    shift = pooled.log_odds(origins[2].signs, origins[2].standard) - mean
    once = origins[2].customers["purchases"] == 1
    assert shift[~once].std() == pytest.approx(0, abs=1e-9)
    assert shift[once].to_numpy() == pytest.approx(shift[~once].mean() + pooled.once)


def test_one_time_buyers_have_a_level_of_their_own(origins):
    """Here one in four counts as a one-time buyer and never comes again, which no rhythm tells."""
    once = np.arange(len(origins[1].signs)) % 4 == 0
    signs, missed = origins[1].signs.assign(once=once.astype(float)), np.where(once, 1.0, origins[1].missed)
    pooled = fit_candidate(POOLED, [signs], [missed], [origins[1].standard])
    p = 1 / (1 + np.exp(-pooled.log_odds(signs, origins[1].standard)))
    assert p[once].mean() > 0.7
    assert p[~once].mean() == pytest.approx(missed[~once].mean(), abs=0.08)


def test_a_longer_history_or_a_season_of_all_moves_nobody(origins):
    """Signs are standardised among the customers of their own day."""
    signs, standard = origins[1].signs, origins[1].standard
    found = fit_candidate(LEARNED, [signs], [origins[1].missed], [standard])
    moved = signs.assign(purchases_lately=signs["purchases_lately"] + 1, rate=signs["rate"] * 2)
    pd.testing.assert_series_equal(
        found.log_odds(moved, measure_standard(moved)), found.log_odds(signs, standard)
    )


# The comparison


def test_every_candidate_and_the_base_rate_are_judged_at_every_later_origin(origins, backtest):
    losses = backtest.losses
    assert set(losses["candidate"]) == {"base_rate", *CANDIDATES}
    days = [f"{origin.day:%Y-%m-%d}" for origin in origins[1:-1]]
    assert losses[days].mean(axis=1).to_numpy() == pytest.approx(losses["loss"])
    assert losses["loss"].is_monotonic_increasing
    assert losses.set_index("candidate")["loss"].idxmax() == "base_rate"
    assert losses.set_index("candidate").loc["base_rate", "auc"] == 0.5


@pytest.mark.parametrize(("customers", "selected"), [(0, POOLED), (1, POOLED), (400, MODEL)])
def test_the_pooled_candidate_is_used_unless_another_is_better_beyond_chance(origins, customers, selected):
    """All say 40 %, but the purchase model foretells what some customers did."""
    judged = origins[1:3]
    said = {name: [np.full(len(o.missed), 0.4) for o in judged] for name in ("base_rate", *CANDIDATES)}
    foretold = [np.arange(len(o.missed)) < customers for o in judged]
    said[MODEL] = [np.where(f, o.missed.clip(0.1, 0.9), 0.4) for f, o in zip(foretold, judged, strict=True)]
    losses, name = churn_backtest._compare(said, judged)
    assert name == selected
    assert losses["candidate"].iloc[0] == (MODEL if customers else "base_rate")


def test_the_order_of_the_selected_candidate_is_no_worse_than_days_since_the_last_purchase(backtest):
    auc = backtest.losses.set_index("candidate")["auc"]
    assert auc[backtest.model.candidate.name] > auc[RECENCY] - 0.005


def test_probabilities_held_out_are_right_by_tenth(backtest):
    calibration = backtest.calibration()
    tenths = calibration[calibration["group"].str.isnumeric()]
    assert tenths["customers"].sum() == len(backtest.predictions)
    assert tenths["predicted"].between(tenths["low"] - 0.05, tenths["high"] + 0.05).all()
    assert set(calibration["group"]) - set(tenths["group"]) == {"bought_once", "bought_again"}


def test_an_origin_is_predicted_by_what_was_learned_at_earlier_ones_alone(origins, backtest):
    for place in (1, 2):
        origin, missed = origins[place], origins[place].missed
        said = {
            name: 1 / (1 + np.exp(-learn(name, origins[:place]).log_odds(origin.signs, origin.standard)))
            for name in CANDIDATES
        }
        losses = backtest.losses.set_index("candidate")[f"{origin.day:%Y-%m-%d}"]
        for name, p in said.items():
            expected = -(missed * np.log(p) + (1 - missed) * np.log(1 - p)).mean()
            assert losses[name] == pytest.approx(expected, rel=1e-3), name
        rows = backtest.predictions[backtest.predictions["origin"] == origin.day]
        expected = said[backtest.model.candidate.name].to_numpy()
        assert rows["p_no_purchase"].to_numpy() == pytest.approx(expected, abs=1e-4)


def test_nothing_dated_later_changes_anything():
    who, when, _left = draw_purchases("similar", 150, 0.3, seed=2)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(when, unit="D")
    lines = {"customer_id": [f"c{n}" for n in who], "day": days, "purchase_day": days, "kind": "sale"}
    log, day = (
        pd.DataFrame(lines).assign(amount=10.0, time=days),
        pd.Timestamp("2024-01-01") + pd.Timedelta(days=500),
    )
    found = []
    for rows in (log, log[log["day"] <= day]):
        engine = open_engine()
        engine.register("transactions", rows)
        found.append(backtest_churn(engine, describe(engine, day), as_of=day, horizon_days=90))
    assert found[0].model.to_json() == found[1].model.to_json()
    pd.testing.assert_frame_equal(found[0].losses, found[1].losses)


def describe(engine, day):
    from crcm_lib.features.customers import summarise_customers

    return summarise_customers(engine, as_of=day)


def test_too_short_a_history_selects_nothing_and_raises_no_alert(origins):
    found = backtest_origins(origins[-2:], HORIZON)
    assert (found.reason.rule, found.model.candidate.name) == ("too_few_origins", MODEL)
    assert not found.model.alerts_hold
    assert found.calibration().empty
    customers = origins[-1].customers
    churn = score(found, customers, pd.DataFrame({"spend_if_stays": 9.0}, index=customers.index))
    assert set(churn["alert"]) == {"none"}


def test_a_purchase_model_at_its_edge_is_named_and_its_p_alive_is_not_used():
    who, when, _left = draw_purchases("similar", 400, 0.0, seed=3)
    customers = describe_buyers(who, when, 700)
    fit = fit_purchase_model(customers)
    assert fit.edge != ""
    signs = describe_signs(customers, fit, HORIZON, NOTHING, 10.0)
    assert signs["model"].to_numpy() == pytest.approx(signs["own"].to_numpy())
    seen = describe_signs(customers, PurchaseFit(fit.name, fit.params | {"a": 0.5}), HORIZON, NOTHING, 10.0)
    assert (seen["model"] > seen["own"]).all()


def test_the_table_of_candidates_says_on_how_many_days_the_model_was_at_an_edge(backtest):
    assert not words.name_candidates(replace(backtest, edges=(0, 4)))["candidate"].str.contains("edge").any()
    named = words.name_candidates(replace(backtest, edges=(2, 4)))["candidate"]
    assert named.str.contains("at an edge on 2 of 4 days, where its P\\(alive\\) is not used").sum() == 1


# How unusual an absence is


def test_with_a_constant_rate_and_no_prior_it_is_solows_test():
    chance = absence_probability(
        "MBG/NBD", PARAMS | {"r": 0.0, "alpha": 0.0}, *np.array([[5.0], [80.0], [100.0]])
    )
    assert chance == pytest.approx(0.8**5)


def test_of_those_who_came_back_the_same_share_is_alerted_whatever_way_they_buy():
    random = np.random.default_rng(0)
    for power in (0.1, 1.0, 10.0):  # chances that are far too small, right, far too large
        known, new = random.random(4999) ** power, random.random(20_000) ** power
        assert (share_as_unusual(new, np.sort(known)) <= 0.01).mean() == pytest.approx(0.01, abs=0.004)


def test_an_absence_counts_as_ended_only_if_they_bought_until_the_day_that_is_known(origins):
    found = absences_that_ended(origins[:1], origins[2])
    before, later = origins[0].customers["purchases"], origins[2].customers["purchases"]
    assert len(found["bought_again"]) == ((before > 1) & (later.reindex(before.index) > before)).sum()
    assert absences_that_ended(origins[:1], origins[0]) == {"bought_again": (), "bought_once": ()}


def test_who_buys_seldom_is_not_alerted_for_the_absence_of_a_frequent_buyer(origins, backtest):
    frequent = origins[-1].customers.iloc[[0, 0]].assign(days_first_to_last=300.0, days_since_last=60.0)
    both = frequent.assign(purchases=[101, 4], days_observed=360.0).set_axis(pd.Index(["often", "seldom"]))
    said = backtest.model.predict(both.rename_axis("customer_id"), NOTHING)
    assert said.loc["often", "as_unusual_share"] < 0.01 < said.loc["seldom", "as_unusual_share"]
    assert said.loc["often", "p_if_active"] < 0.01 < 0.2 < said.loc["seldom", "p_if_active"]


# The alert


def test_one_customer_alone_and_rows_in_any_order_are_scored_as_all_of_them(backtest, today, value):
    found = score(backtest, today, value)
    kept = ChurnModel.from_json(backtest.model.to_json())
    for rows in (today.sample(frac=1, random_state=0), today.iloc[[7]]):
        again = score_churn(kept, rows, NOTHING, value)
        pd.testing.assert_frame_equal(again, found.loc[rows.index])


def test_another_release_s_model_is_refused(backtest):
    with pytest.raises(DataError, match="Run 05_churn_warning again"):
        ChurnModel.from_json(backtest.model.to_json().replace('"schema_version": 1', '"schema_version": 0'))


def test_the_unit_of_money_changes_no_alert(backtest, today, value):
    money = [name for name in today if name.startswith("spend")]
    found = score(backtest, today, value)
    dearer = score(backtest, today.assign(**today[money] * 9), value * 9, call_cost=9 * 6.0)
    assert dearer["alert"].equals(found["alert"])
    assert dearer["p_no_purchase"].to_numpy() == pytest.approx(found["p_no_purchase"].to_numpy())
    assert dearer["value_at_risk"].to_numpy() == pytest.approx(9 * found["value_at_risk"].to_numpy())


def test_the_reasons_add_up_to_what_the_probability_has_beyond_the_own_rate(backtest, today):
    said = backtest.model.predict(today, NOTHING)

    def log_odds(p):
        return np.log(p / (1 - p))

    inside = said["p_no_purchase"].between(0.001, 0.999)
    excess = log_odds(said["p_no_purchase"]) - log_odds(said["p_if_active"])
    assert said[list(REASONS)].sum(axis=1)[inside].to_numpy() == pytest.approx(excess[inside].to_numpy())


def test_an_alert_asks_for_an_unusual_absence_an_excess_and_a_purchase_within_the_horizon(
    backtest, today, value
):
    assert backtest.model.alerts_hold
    churn = check(score(backtest, today, value), "churn")
    alerted = churn[churn["alert"] != "none"]
    assert len(alerted) > 5
    assert (alerted["as_unusual_share"] <= 0.01).all()
    assert (alerted["p_no_purchase"] > alerted["p_if_active"]).all()
    assert not alerted["silent_beyond_horizon"].any()
    others = churn.drop(alerted.index)
    asked = (others["as_unusual_share"] <= 0.01) & (others["p_no_purchase"] > others["p_if_active"])
    assert others.loc[asked, "silent_beyond_horizon"].all()


@pytest.mark.parametrize(
    ("away", "p", "share", "alerted"),
    [(30, 0.5, 0.01, True), (31, 0.5, 0.01, False), (30, 0.2, 0.01, False), (30, 0.5, 0.011, False)],
)
def test_each_of_the_three_is_asked_for(away, p, share, alerted):
    said = pd.DataFrame({"p_no_purchase": [p], "p_if_active": 0.2, "as_unusual_share": share})
    assert find_unusual(said, pd.Series([away]), 30, 0.01).item() is alerted


def test_the_level_follows_from_the_cost_of_a_call_and_the_probability(backtest, today, value):
    found = set()
    for shift in np.arange(0.0, -6.0, -0.25):  # log odds; so that the alerted have all sorts of probabilities
        likely_less = replace(backtest.model.candidate, intercept=backtest.model.candidate.intercept + shift)
        moved = replace(backtest, model=replace(backtest.model, candidate=likely_less))
        churn = score(moved, today, 3 * value)
        unusual = churn["alert"] != "none"
        pays, likely = 0.1 * churn["value_at_risk"] > 6, churn["p_no_purchase"] >= 0.5
        expected = np.select([~unusual, ~pays, ~likely], ["none", "watch", "warning"], "urgent")
        assert churn["alert"].tolist() == expected.tolist()
        found |= set(churn["alert"])
    assert found == {"none", "watch", "warning", "urgent"}
    churn = score(backtest, today, value)
    unusual = churn["alert"] != "none"
    free = score(backtest, today, value, call_cost=0.0)["alert"]
    assert set(free[unusual]) <= {"warning", "urgent"}
    assert set(score(backtest, today, value, call_cost=1e9)["alert"]) == {"none", "watch"}


def test_at_risk_is_what_a_customer_brings_times_the_chance_to_have_left_in_the_measure_of_value(
    backtest, today, value
):
    churn = score(backtest, today, value, margin=0.3)
    left = ((churn["p_no_purchase"] - churn["p_if_active"]) / (1 - churn["p_if_active"])).clip(lower=0)
    expected = (100 * 0.3 * left).mask(churn["silent_beyond_horizon"], 0)
    assert churn["value_at_risk"].to_numpy() == pytest.approx(expected.to_numpy())


def test_money_that_has_stopped_is_not_at_risk(backtest, today, value):
    churn = score(backtest, today, value)
    silent = today["days_since_last"] > HORIZON
    assert churn["silent_beyond_horizon"].equals(silent)
    assert (churn.loc[silent, "value_at_risk"] == 0).all()
    assert set(churn.loc[silent, "alert"]) == {"none"}
    states = summarise_states(churn, today).set_index("state")
    assert states.loc["silent_beyond_horizon", "customers"] == silent.sum()
    assert states.loc["silent_beyond_horizon", "spend_so_far"] == pytest.approx(
        today.loc[silent, "spend_total"].sum()
    )
    assert states["customers"].sum() == len(churn)


def test_where_alerts_do_not_hold_none_is_raised_and_it_is_said_why(backtest, today, value):
    quiet = replace(backtest, model=replace(backtest.model, alerts_hold=False))
    churn, before = score(quiet, today, value), score(backtest, today, value)
    assert set(churn["alert"]) == {"none"}
    assert (churn.loc[before["alert"] != "none", "reason"] == "alerts_not_raised").all()
    assert choose_calls(churn, "nothing").empty
    assert set(choose_calls(churn, "unusual_absence").index) == set(before.index[before["alert"] != "none"])
    calls = choose_calls(churn, "days_since_last")
    assert set(calls.index) == set(churn.index[~churn["silent_beyond_horizon"]])
    assert calls["days_since_last"].is_monotonic_decreasing
    known = today.loc[calls.index, "days_since_last"]
    assert calls["days_since_last"].to_numpy() == pytest.approx(known.to_numpy())


def test_where_alerts_hold_those_alerted_are_called_the_most_value_at_risk_first(backtest, today, value):
    churn = score(backtest, today, value)
    calls = choose_calls(churn, "alert")
    assert set(calls.index) == set(churn.index[churn["alert"] != "none"])
    assert calls["value_at_risk"].is_monotonic_decreasing
    assert set(select_profitable(calls, call_cost=6.0, call_success=0.1)["alert"]) <= {"urgent", "warning"}


def test_one_time_buyers_are_judged_too(backtest, today, value):
    once = today.iloc[[0]].assign(
        purchases=1, days_first_to_last=0.0, days_since_last=HORIZON, days_observed=HORIZON
    )
    model = replace(
        backtest.model,
        came_back={"bought_again": (), "bought_once": tuple(np.linspace(0.9, 1, 200).tolist())},
    )
    churn = score_churn(model, once, NOTHING, value * 1e6)
    assert 0 < churn["p_no_purchase"].item() < 1
    assert churn["alert"].item() in ("warning", "urgent")
    assert churn["reason"].item().startswith("bought_once")


def test_a_company_without_buyers_or_with_one_ends_without_a_traceback(backtest, today, value):
    assert score(backtest, today[:0], value).empty
    assert score(backtest, today.assign(purchases=0), value).empty
    lonely = backtest_origins([describe_origin("2025-01-01", today[:1], NOTHING, 30)], 30)
    assert len(score(lonely, today[:1], value)) == 1


def test_what_a_call_costs_decides_how_many_are_worth_one(backtest, today, value):
    churn = score(backtest, today, value)
    rows = vary_cost(choose_calls(churn, "alert"), call_cost=6.0, call_success=0.1)
    assert rows["call_cost"].to_list() == [3.0, 6.0, 12.0]
    assert rows["customers"].is_monotonic_decreasing
    assert rows["customers"][1] == churn["alert"].isin(["warning", "urgent"]).sum()


# Past alerts


def rows_of(**columns) -> pd.DataFrame:
    """Ten customers at one origin, all within the horizon, nobody alerted."""
    base = {"origin": 1, "p_no_purchase": 0.5, "p_if_active": 0.25, "days_since_last": 10.0}
    frame = pd.DataFrame(base | {"within": True, "alerted": False, "missed": 0.0}, index=range(10))
    return frame.assign(**columns)


def test_alerts_are_compared_with_as_many_others_and_ties_count_in_part():
    rows = rows_of(
        alerted=[True] * 2 + [False] * 8,
        missed=[1.0, 0.0, 1.0] + [0.0] * 7,
        days_since_last=[1.0] * 2 + [50.0, 20.0, 20.0] + [1.0] * 5,
        p_if_active=[0.0] * 2 + [0.5] * 8,
    )
    found = judge_alerts(rows).set_index("chosen")
    assert found["customers"].to_dict() == {
        "alerted": 2,
        "by_probability": 2,
        "by_recency": 2,
        "everybody": 10,
    }
    assert found["missed"].to_dict() == {
        "alerted": 0.5,
        "by_probability": 0.2,  # all tie
        "by_recency": 0.5,  # the longest absence, and half of each of two who tie
        "everybody": 0.2,
    }
    assert found.loc["alerted", "beyond"] == 0.5
    assert found.loc["by_recency", "beyond"] == 0.0
    assert found.loc["by_recency", "beyond_more"] == 0.5


def test_whose_money_has_stopped_is_in_no_comparison():
    rows = rows_of(
        within=[True] * 9 + [False], days_since_last=[10.0] * 9 + [999.0], missed=[0.0] * 9 + [1.0]
    )
    found = judge_alerts(rows.assign(alerted=[True] + [False] * 9)).set_index("chosen")
    assert found.loc["everybody", "customers"] == 9
    assert found.loc["by_recency", "missed"] == 0


@pytest.mark.parametrize(
    ("count", "chance", "recency", "rule", "by_days", "otherwise"),
    [
        (9, 0.1, 0.1, "few_past_alerts", "nothing", "nothing"),
        (10, -0.01, 0.1, "not_beyond_chance", "days_since_last", "nothing"),
        (10, 0.1, -0.01, "not_beyond_recency", "days_since_last", "unusual_absence"),
        (10, 0.1, 0.1, "alerts_hold", "alert", "alert"),
    ],
)
def test_alerts_are_raised_where_the_whole_interval_is_beyond_chance_and_recency(
    count, chance, recency, rule, by_days, otherwise
):
    rows = judge_alerts(rows_of()).set_index("chosen")
    rows.loc["alerted", "customers"] = count
    rows.loc["alerted", "above_low"], rows.loc["by_recency", "more_low"] = chance, recency
    for above, calls_by in ((0.01, by_days), (-0.01, otherwise)):
        rows.loc["by_recency", "above_low"] = above
        found = judge_past(rows.reset_index(), {})
        assert (found.rule, found.facts["calls_by"]) == (rule, calls_by)


# Rhythm and decline


def make(**rows) -> pd.DataFrame:
    columns = [
        "purchases",
        "days_since_last",
        "days_first_to_last",
        "days_observed",
        "spend_total",
        "spend_90d",
    ]
    frame = pd.DataFrame(
        list(rows.values()), index=pd.Index(rows, name="customer_id"), columns=columns, dtype=float
    )
    return frame.astype({"purchases": int})


def test_few_purchases_are_drawn_to_everybodys_rhythm_and_many_stand_for_themselves():
    customers = make(one=(2, 0, 30, 30, 0, 0), two=(2, 0, 10, 10, 0, 0), many=(1001, 0, 30_000, 30_000, 0, 0))
    gaps = measure_rhythm(customers)["gap_days"]  # the median of 30, 10, 30 is 30
    assert gaps["two"] == pytest.approx((30 + 10) / 2)
    assert gaps["many"] == pytest.approx(30, abs=0.01)


def test_a_quiet_window_says_nothing_of_a_rare_buyer():
    customers = make(rare=(4, 120, 360, 480, 400, 0), usual=(2, 1, 120, 121, 20, 20))
    assert np.isnan(measure_decline(customers).loc["rare", "spend_drop"])


def test_the_shortest_window_that_can_show_a_decline_is_used():
    customers = make(quieter=(41, 5, 400, 405, 4100, 300), usual=(11, 5, 100, 105, 1100, 900))
    spends = customers.assign(spend_30d=100.0, spend_180d=600.0)
    assert measure_decline(spends).loc["quieter", "spend_drop_days"] == 90
    faster = spends.assign(days_first_to_last=spends["days_first_to_last"] / 4)
    assert measure_decline(faster).loc["quieter", "spend_drop_days"] == 30


def test_a_decline_is_told_with_its_amount_and_raises_no_alert(backtest, today, value):
    steady = today[(today["purchases"] > 30) & (today["days_since_last"] < 5)].iloc[[0]]
    days = steady["days_observed"].item()
    quieter = steady.assign(spend_total=10.0 * (days - 90) + 300.0, spend_90d=300.0, spend_30d=100.0)
    churn = score(backtest, quieter.drop(columns="spend_30d"), value)
    assert churn["alert"].item() == "none"
    row = list_declines(churn, quieter, at_least=0.5).iloc[0]
    assert row["spend_drop"] == pytest.approx(2 / 3)  # 3.33 a day after 10 a day
    assert row["spend_missing"] == pytest.approx(600.0)
    assert list_declines(churn, quieter, at_least=0.7).empty


# Signs from other tables


def test_signs_of_the_sample_are_those_known_on_the_day():
    engine = open_engine(GOLDEN)
    early, late = (summarise_signs(engine, as_of=day) for day in ("2024-06-30", "2025-12-31"))
    assert list(late) == ["complaints", "contacts", "nps", "days_late", "contract_days_left"]
    for signs, since, until in ((late, "2025-07-05", "2026-01-01"), (early, "2024-01-03", "2024-07-01")):
        counts = engine.execute(f"""
            select customer_id, count(*) as n from tickets where kind = 'complaint'
            and opened >= timestamp '{since}' and opened < timestamp '{until}' group by 1""").df()
        known = signs.loc[signs["complaints"] > 0, "complaints"]
        assert known.to_dict() == counts.set_index("customer_id")["n"].to_dict()
    assert len(early) < len(late)
    assert late["nps"].dropna().between(0, 10).all()


def test_without_other_tables_there_are_no_signs():
    engine = open_engine()
    assert summarise_signs(engine, as_of="2025-12-31").empty


# Words


def test_the_page_says_how_many_of_100_alerts_were_right_beside_recency(backtest):
    said = words.describe_past(backtest, backtest.alerts)
    rows = backtest.alerts.set_index("chosen")
    assert said.startswith(
        f"Of 100 alerts on earlier days {100 * rows.loc['alerted', 'missed']:.0f} bought nothing"
    )
    assert f"with the longest absence {100 * rows.loc['by_recency', 'missed']:.0f}, where it gives" in said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.05, 0.2, "found 12 more of 100 (5 to 20)"),
        (-0.1, 0.2, "cannot be told"),
        (-0.3, -0.1, "12 fewer of 100 (10 to 30)"),
    ],
)
def test_more_or_fewer_than_recency_is_only_said_where_the_interval_says_so(backtest, low, high, said):
    change = np.sign(low + high) * 0.12
    alerts = backtest.alerts.assign(beyond_more=change, more_low=low, more_high=high)
    assert said in words.describe_past(backtest, alerts)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("alerts_hold", ""),
        ("too_few_origins", "the history is too short to hold out 90 days more than once"),
        ("few_past_alerts", "too few customers were away for unusually long"),
        ("not_beyond_chance", "did not find clearly more than chance does"),
        ("not_beyond_recency", "than as many by days since the last purchase"),
    ],
)
def test_why_no_alert_is_raised_is_said_and_nothing_where_they_are(backtest, rule, said):
    found = words.describe_silence(replace(backtest, reason=replace(backtest.reason, rule=rule)))
    assert found == "" if rule == "alerts_hold" else said in found


def test_a_reason_is_written_with_the_customers_own_numbers(today):
    row = today.iloc[[0]].assign(
        purchases=41, days_observed=179.0, purchases_90d=2, spend_90d=20.0, spend_total=410.0
    )
    churn = pd.DataFrame(
        {
            "reason": "overdue+comes_less+spends_less+complaints+contacts+answer+late_payment+contract_end",
            "overdue_ratio": 5.0,
            "gap_days": 6.0,
            "p_no_purchase": 0.7,
            "p_if_active": 0.001,
        },
        index=row.index,
    )
    signs = {"complaints": 2.0, "contacts": 3.0, "nps": 4.0, "days_late": 12.0, "contract_days_left": -5.0}
    said = words.write_reasons(churn, row, pd.DataFrame(signs, index=row.index)).item()
    assert said.split("; ") == [
        "last purchase 30 days ago, 5.00 times the usual 6 days",
        "2 purchase days in the last 90, 20.5 by the own average",
        "spent 20.00 in the last 90 days, 205 by the own average",
        "complaints in half a year: 2",
        "contacts in half a year: 3",
        "would recommend: 4 of 10",
        "pays 12 days late on average",
        "days until the contract ends: -5",
        "70.0% likely not to buy, under 1% by the own rate",
    ]


def test_the_comparison_claims_a_lead_only_where_the_interval_says_so(backtest):
    name = backtest.model.candidate.name
    for high, said in (
        (-0.01, "better than days since the last purchase by more than chance"),
        (0.01, "cannot be told"),
    ):
        losses = backtest.losses.assign(
            high=backtest.losses["high"].mask(backtest.losses["candidate"] == name, high)
        )
        assert said in words.describe_comparison(replace(backtest, losses=losses))


def test_nothing_that_is_said_of_alerts_gives_a_small_group_away(backtest):
    states = pd.DataFrame(
        {
            "state": ["urgent", "warning", "watch", "none", "silent_beyond_horizon"],
            "customers": [3, 50, 60, 100, 0],
            "value_at_risk": [333.0, 500.0, 600.0, 100.0, 0.0],
        }
    )
    shown = hide_small(states, money=["value_at_risk"])
    cost = pd.DataFrame({"customers": [9] * 3, "value_at_risk": 9.0})
    unit = words.name_unit("margin", "EUR")
    said = words.describe_churn(shown, backtest, backtest.alerts, cost, unit).markdown
    assert not re.search(r"\b(3|53|333|833)\b", said.split("Of 100")[0])
    large = words.describe_churn(states.assign(customers=50), backtest, backtest.alerts, cost, unit).markdown
    assert large.startswith(
        "**100** customers are worth a call (urgent or warning), with **833** EUR of margin"
    )
    assert "50 customers have bought nothing for longer than 90 days" in large


@pytest.mark.parametrize(
    ("customers", "calls_by", "said"),
    [
        (0, "days_since_last", ""),
        (None, "days_since_last", ""),
        (12, "days_since_last", "By that simple rule 12 customers are worth a call, with 345 EUR of spend"),
        (12, "unusual_absence", "make 12 customers worth a call, with 345 EUR of spend"),
    ],
)
def test_without_alerts_the_headline_calls_whom_another_rule_finds_worth_it(
    backtest, customers, calls_by, said
):
    quiet = replace(backtest, model=replace(backtest.model, alerts_hold=False))
    facts = backtest.reason.facts | {"calls_by": calls_by}
    quiet = replace(quiet, reason=replace(backtest.reason, rule="not_beyond_recency", facts=facts))
    states = pd.DataFrame({"state": ["urgent", "none"], "customers": [0, 50], "value_at_risk": [0.0, 9.0]})
    cost = pd.DataFrame({"customers": [99, customers, 9], "value_at_risk": [9.0, 345.0, 9.0]})
    found = words.describe_churn(states, quiet, backtest.alerts, cost, "EUR of spend").markdown
    assert found.startswith("No alerts are raised")
    assert said in found
    assert ("worth a call" in found) is bool(said)


@pytest.mark.parametrize(
    ("calls_by", "hidden", "said"),
    [
        ("days_since_last", False, "by that simple rule"),
        ("unusual_absence", False, "the unusual absences for which a call pays"),
        ("days_since_last", True, ""),  # too few to tell how well it did
        ("nothing", False, ""),
    ],
)
def test_the_list_of_calls_says_by_which_rule_it_is(backtest, calls_by, hidden, said):
    assert "most value at risk first" in words.describe_calls(backtest, backtest.alerts)
    reason = replace(backtest.reason, rule="not_beyond_recency", facts={"calls_by": calls_by})
    quiet = replace(backtest, model=replace(backtest.model, alerts_hold=False), reason=reason)
    alerts = backtest.alerts.assign(missed=np.nan) if hidden else backtest.alerts
    found = words.describe_calls(quiet, alerts)
    assert found.startswith("No alerts are raised")
    assert said in found if said else "list" not in found


@pytest.mark.parametrize(
    ("rule", "calls_by", "silence", "pays"),
    [
        ("alerts_hold", "alert", False, True),
        ("not_beyond_recency", "unusual_absence", True, True),
        ("not_beyond_chance", "nothing", True, False),
    ],
)
def test_where_nobody_is_called_it_is_said_whether_calls_do_not_pay_or_no_rule_is_known(
    backtest, rule, calls_by, silence, pays
):
    found = words.describe_no_calls(
        replace(backtest, reason=replace(backtest.reason, rule=rule, facts={"calls_by": calls_by}))
    )
    assert found.startswith("No alerts are raised") is silence
    assert found.endswith("that a call pays.") is pays


def test_one_time_buyers_are_said_to_be_judged_wrongly_only_where_the_interval_says_so():
    kinds = pd.DataFrame({"group": ["bought_again", "bought_once"], "predicted": [0.05, 0.39]})
    kinds = kinds.assign(observed=[0.05, 0.49], low=[0.04, 0.4], high=[0.06, 0.58])
    assert "off: of those who bought once 39.0% were said" in words.describe_kinds(kinds)
    assert "again 5.0%" not in words.describe_kinds(kinds)
    assert "lies within" in words.describe_kinds(kinds.assign(predicted=[0.05, 0.41]))
    assert "Too little history" in words.describe_kinds(kinds.assign(predicted=np.nan))


def test_probabilities_that_nothing_has_tested_are_said_to_be_so(backtest):
    assert "nothing has tested" not in words.caption_states(backtest, "EUR")
    assert "nothing has tested" in words.caption_states(replace(backtest, losses=pd.DataFrame()), "EUR")
