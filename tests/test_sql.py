"""The library's SQL outside `ingest` is what PostgreSQL and Spark read too, and mean the same by."""

import pandas as pd
import pytest
from fixtures.sql import Call, RecordingEngine, find_unportable, list_sites
from test_indicator_tables import DEFAULTS, MEASURES, OPPORTUNITIES, REFERRALS

from crcm_lib.config.policy import read_policy
from crcm_lib.features import (
    arrivals,
    care_days,
    contract_periods,
    cost_to_serve,
    customers,
    decision_inputs,
    early_tickets,
    engagement,
    feedback_texts,
    first_purchase,
    holdout_windows,
    interaction_counts,
    journey_steps,
    open_invoices,
    period_sums,
    points_accounts,
    redrawn_histories,
    relationship_signs,
    retention,
    risk_signs,
    unanswered_complaints,
)
from crcm_lib.models import customer_base, needs, satisfaction
from crcm_lib.models.clv import diagnostics
from crcm_lib.models.newcomers import classes
from crcm_lib.models.recommendation import past_offers, upgrades
from crcm_lib.models.satisfaction import answers, complaints, items, service, service_levels
from crcm_lib.reporting import kpis
from crcm_lib.reporting.exports import task_list
from crcm_lib.reporting.workspace import open_workspace
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
DAY = pd.Timestamp("2025-12-31")


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Every text that the library sends to the engine of the sample, with the function that sends it."""
    calls: list[Call] = []
    engine = RecordingEngine(open_engine(GOLDEN), calls)
    customers.summarise_purchases(engine, as_of=DAY)
    customers.purchase_gaps(engine, as_of=DAY)
    customers.list_purchase_days(engine, as_of=DAY)
    cost_to_serve.contribution_waterfall(engine, as_of=DAY, annual_interest_rate=0.1)
    contract_periods.trace_subscriptions(engine, as_of=DAY)
    customers.list_sales(engine, as_of=DAY)
    first_purchase.summarise_first_days(engine, as_of=DAY, days=90)
    decision_inputs.derive(engine, as_of=DAY)
    fewer = {"referrals": REFERRALS, "defaults": DEFAULTS, "measures": MEASURES}
    decision_inputs.derive(
        RecordingEngine(open_frames(**fewer, opportunities=OPPORTUNITIES), calls), as_of=DAY
    )
    decision_inputs.find_approvals(engine, as_of=DAY)
    policy = read_policy(ROOT / "policy.yaml")
    care_days.list_care_days(engine, as_of=DAY, days=180, policy=policy)
    care_days.find_answered(engine, as_of=DAY, days=180)
    past_offers.judge_offers(engine, as_of=DAY)
    upgrades.judge_upgrades(engine, as_of=DAY)
    decision_inputs.find_consents(engine, as_of=DAY)
    decision_inputs.count_unmatched_consents(engine)
    objecting = open_frames(not_profiled=pd.DataFrame({"customers": [9], "day": [DAY]}))
    assert decision_inputs.count_not_profiled(RecordingEngine(objecting, calls)) == 9
    signed = open_frames(approvals=pd.DataFrame({"customer_id": ["a"], "day": [DAY]}))
    assert len(decision_inputs.find_approvals(RecordingEngine(signed, calls), as_of=DAY)) == 1
    decision_inputs.find_arms(engine, as_of=DAY)
    decision_inputs.find_attributes(engine)
    holdout_windows.hold_out_latest(engine, as_of=DAY)
    retention.count_overdue(engine, {"customers": 365, "tickets": 365}, as_of=DAY)
    came = arrivals.list_arrivals(engine, as_of=DAY)
    arrivals.sum_acquisition_costs(engine, as_of=DAY)
    arrivals.read_attributes(engine, as_of=DAY)
    early_tickets.sum_early_service(engine, came, as_of=DAY)
    early_tickets.count_outbound(engine, came, as_of=DAY)
    points_accounts.find_members(engine, as_of=DAY)
    interaction_counts.count_by_channel(engine, as_of=DAY)
    interaction_counts.count_purchases_by_channel(engine, as_of=DAY)
    interaction_counts.list_unknown_words(engine, as_of=DAY)
    interaction_counts.list_latest_contacts(engine, as_of=DAY)
    interaction_counts.find_quiet(engine, as_of=DAY, days=7)
    needs.find_needs(engine, as_of=DAY)
    engagement.summarise_engagement(engine, as_of=DAY)
    engagement.list_recommended(engine, as_of=DAY)
    for kpi in engagement.KPIS:
        engagement.list_events(engine, kpi, as_of=DAY)
    journey_steps.list_steps(engine, as_of=DAY)
    period_sums.sum_two_years(engine, as_of=DAY)
    period_sums.sum_places(engine, as_of=DAY)
    period_sums.sum_under_contract(engine, as_of=DAY)
    period_sums.sum_answers(engine, after=DAY - pd.Timedelta(days=90), until=DAY)
    period_sums.sum_treatments(engine, as_of=DAY)
    period_sums.count_prices(engine, as_of=DAY)
    period_sums.reach_back(engine, day=DAY, days=90)
    objecting = pd.DataFrame({"day": [DAY], "amount": [5.0]})
    period_sums.sum_not_profiled(RecordingEngine(open_frames(daily_not_profiled=objecting), calls), as_of=DAY)
    relationship_signs.summarise_signs(engine, as_of=DAY)
    relationship_signs.find_last_contacts(engine, as_of=DAY)
    customer_base.follow_cohorts(engine, as_of=DAY)
    customer_base.sum_categories(engine, as_of=DAY)
    classes.read_facts(engine, as_of=DAY, days=90)
    diagnostics.count_months(engine, as_of=DAY)
    satisfaction.summarise_satisfaction(engine, as_of=DAY)
    service.list_causes(engine, as_of=DAY)
    service.age_open(engine, as_of=DAY)
    service_levels.list_waits(engine, as_of=DAY)
    complaints.list_repeats(engine, as_of=DAY)
    complaints.list_complaints(engine, as_of=DAY)
    feedback_texts.list_texts(engine, as_of=DAY)
    unanswered_complaints.list_unanswered(engine, as_of=DAY)
    open_invoices.list_overdue(engine, as_of=DAY, rules=policy.receivables)
    open_invoices.sum_uninvoiced(engine, as_of=DAY)
    risk_signs.list_signs(
        engine, customers.summarise_customers(engine, as_of=DAY), as_of=DAY, days=90, decline=0.5
    )
    answers.trend_by_month(engine, as_of=DAY)
    answers.count_off_scale(engine, as_of=DAY)
    items.list_answers(engine, as_of=DAY)
    redrawn_histories.redraw_histories(engine, past=DAY - pd.Timedelta(days=90), as_of=DAY, seed=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holdout_windows, "SAMPLE", 100)
        holdout_windows.hold_out_windows(engine, end=DAY, days=90, count=1, seed=3)
        patch.setattr(kpis, "open_engine", lambda folder: engine)
        kpis.cards(GOLDEN, {"currency": "CNY", "policy": {"min_cell": 5, "horizon_days": 365}})
        patch.setattr(task_list, "open_engine", lambda folder: engine)
        task_list.list_tasks(GOLDEN, read_policy(ROOT / "policy.yaml", "{}"))
    workspace = open_workspace(str(GOLDEN), str(GOLDEN))
    workspace.__dict__["engine"] = engine
    assert workspace.has_persons
    return calls


def test_every_function_that_asks_an_engine_is_reached(calls):
    assert list_sites() == {call.site for call in calls}


def test_postgresql_and_spark_read_every_text(calls):
    problems = {call.site: found for call in set(calls) if (found := find_unportable(call.text))}
    assert problems == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("select datediff('day', due, issued) from invoices", "the function"),
        ("select date_diff('day', due, issued) from invoices", "the function"),
        ("select quantile_disc(amount, 0.5) from invoices", "the function"),
        ("select quantile_cont(amount, 0.5) from invoices", "the function"),
        ("select min_by(amount, day) from transactions", "the function"),
        ("select list_sort(list(amount)) from invoices", "the function"),
        ("describe invoices", "the statement"),
        ("summarize invoices", "the statement"),
        ("select * exclude (amount) from invoices", "a star with exclude"),
        ("select * replace (1 as amount) from invoices", "a star with exclude"),
        ("select * from invoices qualify row_number() over (order by due) = 1", "qualify"),
        ("select extract(epoch from time) from transactions", "extract epoch"),
        ("select day - purchase_day from transactions", "a bare difference of days"),
        ("select due - date '2025-01-01' from invoices", "a bare difference of days"),
        ("with a as (select min(day) as first from transactions) select first - first from a", "a bare"),
        ("select time - opened from transactions, tickets", "a bare difference of days"),
        ("select * from (select amount from invoices)", "a subquery without alias"),
        ("select cast(amount as varchar) from invoices", "varchar without a length"),
        ("select amount::double from invoices", "a cast by ::"),
        ("select customer_id, count(*) from invoices group by all", "group or order by all"),
        ("select * from invoices order by all", "group or order by all"),
        ("select sum(amount) filter (amount > 0) from invoices", "filter"),
        ("select * from invoices where customer_id = ?", "a parameter"),
        ("select * from invoices semi join customers using (customer_id)", "a SEMI join"),
        ("select 1; select 2", "2 statements"),
    ],
)
def test_what_one_of_them_does_not_read_is_found(text, problem):
    problems = find_unportable(text)
    assert any(found.startswith(problem) for found in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "select cast(day - purchase_day as bigint) from transactions",
        "select day - 30, amount - amount from transactions",
        "select * from (select amount from invoices) as listed",
        "select count(case when amount > 0 then 1 end), extract(year from due) from invoices group by 2",
    ],
)
def test_what_all_of_them_read_is_not(text):
    assert find_unportable(text) == []
