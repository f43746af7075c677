"""Actions within consent, terms, worth, capacity and contact cap; controls that order cannot change."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import Terms, read_policy
from crcm_lib.decisions import plan_summary, strategy
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text import actions as text
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
AS_OF = "2025-12-31"


@pytest.fixture(scope="module")
def situation() -> pd.DataFrame:
    """Two thousand customers of all tiers and stages, half of them companies."""
    random, count = np.random.default_rng(7), 2000
    index = pd.Index([f"K{n:04d}" for n in range(count)], name="customer_id")
    tiers = pd.DataFrame({"tier": random.choice([tier.name for tier in POLICY.tiers], count)}, index=index)
    value = pd.DataFrame({"value": random.gamma(1, 900, count).round(0)}, index=index)
    value["spend_expected"] = value["value"] * 3
    stages = pd.DataFrame({"stage": random.choice(["new", "loyal", "at risk"], count)}, index=index)
    churn = pd.DataFrame(
        {"alert": random.choice(["none", "urgent"], count), "value_at_risk": 300.0}, index=index
    )
    kinds = pd.DataFrame({"subject_type": random.choice(["company", "person", None], count)}, index=index)
    return strategy.describe_situation(
        tiers, value=value, stages=stages, churn=churn, customer_features=kinds
    )


def choose(situation: pd.DataFrame, policy=POLICY, seed: int = 0, **given) -> pd.DataFrame:
    return strategy.choose_actions(
        strategy.list_candidates(situation, policy, as_of=AS_OF, **given), policy, seed=seed
    )


@pytest.fixture(scope="module")
def chosen(situation):
    return choose(situation)


def consent(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "purpose", "status"])


def test_everyone_gets_an_action_and_the_tables_keep_their_contracts(chosen, situation):
    actions = check(strategy.list_actions(chosen, situation, POLICY), "actions")
    check(strategy.list_assignments(chosen, POLICY, as_of=AS_OF), "planned_assignments")
    assert set(actions["customer_id"]) == set(situation.index)


def test_an_unknown_subject_type_counts_as_a_person():
    tiers = pd.DataFrame({"tier": "key"}, index=pd.Index(["a", "b"], name="customer_id"))
    known = pd.DataFrame({"subject_type": ["company", None]}, index=tiers.index)
    assert strategy.describe_situation(tiers, customer_features=known)["subject_type"].to_list() == [
        "company",
        "person",
    ]
    assert set(strategy.describe_situation(tiers)["subject_type"]) == {"person"}


def test_terms_never_reach_natural_persons(chosen, situation):
    terms = {action.name for action in POLICY.playbook if action.terms}
    given = chosen[chosen["action"].isin(terms) & (chosen["state"] == "chosen")]
    assert len(given) > 0
    assert (given["customer_id"].map(situation["subject_type"]) == "company").all()


@pytest.mark.parametrize(("end", "open_to_persons"), [("2026-06-30", True), ("2025-12-30", False)])
def test_terms_reach_persons_only_under_a_published_rule_and_within_its_dates(
    situation, end, open_to_persons
):
    rule = Terms(approver="Board", disclosure="on the website", start="2025-01-01", end=end)
    playbook = tuple(a.model_copy(update={"for_persons": rule}) if a.terms else a for a in POLICY.playbook)
    chosen = choose(situation, POLICY.model_copy(update={"playbook": playbook}))
    given = chosen[(chosen["action"] == "framework terms") & (chosen["state"] == "chosen")]
    assert given["customer_id"].map(situation["subject_type"]).eq("person").any() == open_to_persons


@pytest.mark.parametrize("purpose", ["profiling", "marketing"])
def test_who_refuses_gets_the_standard_offer_and_nothing_else(situation, purpose):
    companies = situation.index[situation["subject_type"] == "company"][:50]
    refused = consent(*[(customer, purpose, "refused") for customer in companies])
    actions = strategy.list_actions(choose(situation, consents=refused), situation, POLICY)
    theirs = actions[actions["customer_id"].isin(companies)]
    assert set(theirs["action"]) == {"standard offer"}
    assert len(theirs) == len(companies)


def test_where_consents_are_recorded_a_person_without_one_gets_the_standard_offer(situation):
    persons = situation.index[situation["subject_type"] == "person"]
    granted = consent(*[(customer, "marketing", "granted") for customer in persons[:100]])
    chosen = choose(situation, consents=granted)
    reached = set(chosen.loc[chosen["state"] == "chosen", "customer_id"]) & set(persons)
    assert reached
    assert reached <= set(persons[:100])


def test_a_refused_channel_is_not_used(situation):
    companies = situation.index[situation["subject_type"] == "company"]
    refused = consent(*[(customer, "email", "refused") for customer in companies])
    chosen = choose(situation, consents=refused)
    channel = {action.name: action.channel for action in POLICY.playbook}
    mine = chosen[(chosen["state"] == "chosen") & chosen["customer_id"].isin(companies)]
    assert len(mine)
    assert "email" not in set(mine["action"].map(channel))


def test_nobody_is_contacted_more_often_than_the_cap_allows(chosen):
    contacts = {action.name for action in POLICY.playbook if action.contact}
    mine = chosen[(chosen["state"] == "chosen") & chosen["action"].isin(contacts)]
    assert mine.groupby("customer_id").size().max() == POLICY.contact.max_actions


def test_no_more_are_treated_than_there_is_capacity_for(chosen):
    treated = chosen[chosen["arm"] == "treatment"].groupby("action").size()
    for action in POLICY.playbook:
        if action.capacity is not None:
            assert treated.get(action.name, 0) <= action.capacity
    assert treated["account manager review"] == 60


def test_those_who_gain_most_come_first(chosen):
    mine = chosen[chosen["action"] == "account manager review"]
    full = mine[mine["state"] == "no_capacity"]
    assert mine.loc[mine["state"] == "chosen", "gain"].min() >= full["gain"].max()


def test_nothing_is_done_at_a_loss(chosen):
    assert (chosen.loc[chosen["state"] == "chosen", "gain"] > 0).all()


def test_neither_row_order_nor_other_customers_change_who_is_a_control(situation, chosen):
    shuffled = choose(situation.sample(frac=1, random_state=1))
    key = ["customer_id", "action"]
    pd.testing.assert_frame_equal(
        shuffled.sort_values(key, ignore_index=True), chosen.sort_values(key, ignore_index=True)
    )
    fewer = choose(situation.iloc[:300])
    both = fewer.merge(chosen, on=key, suffixes=("", "_all")).dropna(subset=["arm", "arm_all"])
    assert (both["arm"] == both["arm_all"]).all()


def test_the_control_group_has_the_policys_share_and_another_seed_draws_another(situation, chosen):
    arms = chosen["arm"].dropna()
    expected, spread = POLICY.control.share, np.sqrt(0.1 * 0.9 / len(arms))
    assert abs((arms == "control").mean() - expected) < 4 * spread
    other = choose(situation, seed=1)
    assert not chosen["arm"].equals(other["arm"])


def test_a_control_is_on_no_action_list_and_costs_nothing(chosen, situation):
    actions = strategy.list_actions(chosen, situation, POLICY)
    assignments = strategy.list_assignments(chosen, POLICY, as_of=AS_OF)
    controls = assignments[assignments["arm"] == "control"]
    assert (controls["cost"] == 0).all()
    listed = pd.MultiIndex.from_frame(actions[["customer_id", "action"]])
    assert not pd.MultiIndex.from_frame(controls[["customer_id", "action"]]).isin(listed).any()


def test_assignments_start_the_day_after_and_last_as_the_policy_says(chosen):
    assignments = strategy.list_assignments(chosen, POLICY, as_of=AS_OF)
    assert set(assignments["start"]) == {pd.Timestamp("2026-01-01")}
    assert ((assignments["end"] - assignments["start"]).dt.days + 1 == 90).all()


def test_a_running_assignment_is_not_interrupted(situation, chosen):
    one = chosen[chosen["state"] == "chosen"].iloc[0]
    running = pd.DataFrame(
        [{"customer_id": one["customer_id"], "action": one["action"], "end": pd.Timestamp(AS_OF)}]
    )
    again = choose(situation, running=running).set_index(["customer_id", "action"])
    assert again.loc[(one["customer_id"], one["action"]), "state"] == "running"


def test_equal_expected_gains_share_a_priority(chosen, situation):
    actions = strategy.list_actions(chosen, situation, POLICY)
    gains = chosen.set_index(["customer_id", "action"])["gain"]
    treated = actions[actions["action"] != "standard offer"]
    keys = pd.MultiIndex.from_frame(treated[["customer_id", "action"]])
    expected = gains.reindex(keys).rank(method="min", ascending=False)
    assert expected.duplicated().any()
    assert treated["priority"].to_list() == expected.to_list()


def test_without_value_stage_or_alert_only_the_standard_offer_is_left():
    tiers = pd.DataFrame({"tier": ["strategic", "watch"]}, index=pd.Index(["a", "b"], name="customer_id"))
    situation = strategy.describe_situation(tiers)
    actions = strategy.list_actions(choose(situation), situation, POLICY)
    assert set(actions["action"]) == {"standard offer"}


def test_the_overview_adds_up(chosen, situation):
    summary = plan_summary.summarise_actions(chosen, POLICY)
    reasons = plan_summary.count_reasons(chosen)
    taken = summary["treated"].sum() + summary["control"].sum()
    assert taken + reasons["actions"].sum() == len(chosen) == summary["asked"].sum()
    actions = strategy.list_actions(chosen, situation, POLICY)
    levers = plan_summary.cross_levers(actions, situation, POLICY)
    assert levers.drop(columns="lever").to_numpy().sum() == summary["treated"].sum()


def test_the_playbook_matrix_names_every_action_under_its_lever_and_tiers():
    matrix = text.tabulate_playbook(POLICY).set_index("lever")
    assert "framework terms (terms)" in matrix.loc["price", "strategic"]
    assert matrix.loc["price", "watch"] == "–"
    assert "standard offer" in matrix.loc["service", "watch"]


# In words


def test_every_action_is_written_with_tier_stage_and_the_playbooks_reason(chosen, situation):
    actions = strategy.list_actions(chosen, situation, POLICY)
    one = actions[actions["action"] == "early access"].head(3)
    because = next(action.because for action in POLICY.playbook if action.name == "early access")
    places = zip(one["tier"], one["stage"], strict=True)
    assert text.write_reasons(one, POLICY).to_list() == [
        f"{tier}, {stage}: {because}" for tier, stage in places
    ]
    nowhere = text.write_reasons(one.assign(stage=None), POLICY)
    assert nowhere.to_list() == [f"{tier}: {because}" for tier in one["tier"]]


def test_every_reason_for_doing_nothing_has_words(situation):
    companies = situation.index[situation["subject_type"] == "company"]
    consents = consent(
        *[(customer, "profiling", "refused") for customer in companies[:50]],
        *[(customer, "email", "refused") for customer in companies[50:300]],
        *[(customer, "marketing", "granted") for customer in situation.index[200:]],
    )
    first = choose(situation, consents=consents)
    one = first[first["state"] == "chosen"].iloc[0]
    running = pd.DataFrame(
        [{"customer_id": one["customer_id"], "action": one["action"], "end": pd.Timestamp(AS_OF)}]
    )
    reasons = plan_summary.count_reasons(choose(situation, consents=consents, running=running))
    assert set(reasons["reason"]) == {
        "objection",
        "channel_refused",
        "terms_for_companies",
        "running",
        "not_worth_its_cost",
        "contact_cap",
        "no_capacity",
    }
    assert text.write_left_undone(reasons)["reason"].notna().all()


def test_consents_are_counted_by_kind_of_customer_and_written(situation):
    counts = plan_summary.count_consents(situation, None, set())
    assert set(counts["consent"]) == {"unknown"}
    assert counts["customers"].sum() == len(situation)
    assert set(text.write_consents(counts)["consent"]) == {"objections unknown"}
    objectors = set(situation.index[:300])
    counts = plan_summary.count_consents(situation, consent(("K0000", "marketing", "refused")), objectors)
    assert counts.loc[counts["consent"] == "standard_offer_only", "customers"].sum() == 300
    assert text.write_consents(counts)["subject_type"].isin(["companies", "natural persons"]).all()


def test_the_detectable_difference_is_cohens_for_two_equal_groups():
    """Cohen 1988, table 6.4.1: two groups of 392 find h = .20 with a power of .80; at 50 % h is double."""
    rows = pd.DataFrame({"action": "next category", "arm": ["treatment", "control"] * 392, "gain": 0.0})
    summary = plan_summary.summarise_actions(rows, POLICY).set_index("action")
    assert 2 * summary.loc["next category", "detectable"] == pytest.approx(0.20, abs=0.002)


def test_the_takeaway_says_what_is_planned_and_keeps_silent_of_few(chosen):
    summary = plan_summary.summarise_actions(chosen, POLICY)
    words = text.describe_plan(summary, summary, 12, "EUR", late=3).markdown
    assert f"{summary['treated'].sum():,} actions are planned" in words
    assert "12 customers refused" in words
    assert "3 first contacts fit only after" in words
    few = summary.assign(treated=0)
    few.loc[0, "treated"] = 3
    hidden = hide_small(few, counts="treated", money=["cost", "gain"])
    assert text.describe_plan(few, hidden, 0, "EUR").markdown == "Too few actions are planned to show them."


def test_the_whole_cost_does_not_tell_how_many_of_a_hidden_action_there_are(chosen):
    summary = plan_summary.summarise_actions(chosen, POLICY)
    summary.loc[summary["action"] == "executive visit", ["treated", "cost"]] = [3, 450.0]
    shown = hide_small(summary, counts="treated", money=["cost", "gain"])
    assert shown["cost"].isna().any()
    words = text.describe_plan(summary, shown, 0, "EUR").markdown
    assert f"those that are shown cost {shown['cost'].sum():,.0f} EUR" in words
    assert f"{summary['cost'].sum():,.0f}" not in words
