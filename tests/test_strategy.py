"""Actions within consent, terms, worth, capacity and contact cap; controls that order cannot change."""

import duckdb
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from crcm_lib.config.policy import Terms, read_policy
from crcm_lib.decisions import (
    action_choice,
    arms,
    calendar,
    experiments,
    outcomes,
    plan_summary,
    strategy,
)
from crcm_lib.reporting.text import actions as text
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
AS_OF = "2025-12-31"


def choose(situation: pd.DataFrame, policy=POLICY, seed: int = 0, **given) -> pd.DataFrame:
    return choice(situation, policy, seed, **given).rows


def choice(situation: pd.DataFrame, policy=POLICY, seed: int = 0, **given) -> action_choice.Choice:
    candidates = strategy.list_candidates(situation, policy, as_of=AS_OF, **given)
    return action_choice.choose_actions(candidates, situation, policy, seed=seed)


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
    tiers = pd.DataFrame({"tier_in_force": "key"}, index=pd.Index(["a", "b"], name="customer_id"))
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
    """Repeats count: a nurture plan is four contacts; who is left out of it is not called instead."""
    contacts = {action.name: action.contacts for action in POLICY.playbook}
    assert contacts["nurture plan"] == 4
    mine = chosen[chosen["state"] == "chosen"]
    each = mine["action"].map(contacts).groupby(mine["customer_id"]).sum()
    assert each.max() == POLICY.contact.max_contacts


def test_no_more_are_treated_than_there_is_capacity_for(chosen):
    treated = chosen[chosen["arm"] == "treatment"].groupby("action").size()
    for action in POLICY.playbook:
        if action.capacity is not None:
            assert treated.get(action.name, 0) <= action.capacity
    assert treated["account manager review"] == 60


def test_those_who_gain_most_come_first(situation):
    """Of all who could get it, if it were the only action: others' values change what it adds."""
    only = [
        action for action in POLICY.playbook if action.name == "account manager review" or action.standard
    ]
    mine = choose(situation, POLICY.model_copy(update={"playbook": tuple(only)}))
    full = mine[mine["state"] == "no_capacity"]
    assert mine.loc[mine["state"] == "chosen", "gain"].min() >= full["gain"].max() > 0


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
    drawn = chosen["arm"].dropna()
    expected, spread = POLICY.control.share, np.sqrt(0.1 * 0.9 / len(drawn))
    assert abs((drawn == "control").mean() - expected) < 4 * spread
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
    running = pd.DataFrame([one[["customer_id", "action", "arm"]].to_dict() | {"end": pd.Timestamp(AS_OF)}])
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


def without_value(situation: pd.DataFrame) -> pd.DataFrame:
    spend = np.random.default_rng(1).gamma(1, 900, len(situation)).round(0)
    return situation.assign(value=np.nan, spend_expected=np.nan, value_at_risk=np.nan, spend_total=spend)


def test_where_no_value_is_predicted_tier_and_spend_so_far_decide(situation):
    blind = without_value(situation)
    chosen = choose(blind)
    assert chosen["gain"].isna().all()
    assert not set(chosen["state"]) & {"not_worth_its_cost", "gain_unknown"}
    taken = chosen.assign(
        rank=chosen["customer_id"].map(blind["tier"]).map({t.name: n for n, t in enumerate(POLICY.tiers)}),
        spend=chosen["customer_id"].map(blind["spend_total"]),
    )
    calls = taken[taken["action"] == "executive visit"]
    order = calls.sort_values(["rank", "spend"], ascending=[True, False])
    open_to = order[~order["state"].isin(["contact_cap"])]
    assert (open_to["state"] == "chosen").is_monotonic_decreasing  # until the capacity is used up
    assert set(open_to["state"]) == {"chosen", "no_capacity"}
    actions = check(strategy.list_actions(chosen, blind, POLICY), "actions")
    first = actions[actions["priority"] == 1]
    best = blind[blind["tier"] == "strategic"]["spend_total"].idxmax()
    assert set(first["customer_id"]) == {best}


def test_an_unknown_gain_is_no_gain_of_zero(situation):
    blind = without_value(situation)
    chosen = choose(blind)
    summary = plan_summary.summarise_actions(chosen, POLICY)
    assert summary.loc[summary["treated"] > 0, "gain"].isna().all()
    actions = strategy.list_actions(chosen, blind, POLICY)
    plan = plan_summary.add_up(summary, actions)
    assert np.isnan(plan["gain"])
    assert plan["unknown"] == plan["treated"] > 0
    words = describe(plan, PEOPLE, plans_of("one_wave"))
    assert "repeats included. What they gain is unknown, as no value is predicted" in words
    assert "gain of" not in words
    mixed = plan_summary.summarise_actions(choose(situation), POLICY)
    mixed.loc[mixed["action"] == "priority service", "gain"] = np.nan
    plan = plan_summary.add_up(mixed, actions)
    assert plan["gain"] == pytest.approx(mixed["gain"].sum())
    known = describe(plan, PEOPLE, plans_of("one_wave"))
    assert f"that of {plan['unknown']:,.0f} is unknown." in known
    assert "What they gain is unknown" not in known


def test_of_a_customer_without_prediction_beside_others_the_worth_is_said_to_be_unknown(situation):
    blind = situation.index[situation["tier"] == "strategic"]
    chosen = choose(situation.assign(value=situation["value"].mask(situation.index.isin(blind))))
    theirs = chosen[chosen["customer_id"].isin(blind) & (chosen["action"] == "priority service")]
    assert set(theirs["state"]) == {"gain_unknown"}
    assert "gain_unknown" not in set(choose(situation)["state"])


def test_the_overview_adds_up(chosen, situation):
    summary = plan_summary.summarise_actions(chosen, POLICY)
    reasons = plan_summary.count_reasons(chosen, at_least=1)
    taken = summary["treated"].sum() + summary["control"].sum()
    assert taken + reasons["actions"].sum() == len(chosen) == summary["asked"].sum()
    actions = strategy.list_actions(chosen, situation, POLICY)
    assert summary["cost"].sum() == pytest.approx(actions["cost"].sum())
    reached = plan_summary.cross_tiers(actions, summary, POLICY)
    tiers = [tier.name for tier in POLICY.tiers]
    assert reached.columns.to_list() == ["lever", "action", *tiers]
    assert reached[tiers].to_numpy().sum() == summary["treated"].sum()


def test_a_repeated_action_costs_as_often_as_it_is_planned(chosen, situation):
    """An account manager calls at once and eight weeks later, within the 90 days: twice 30."""
    actions = strategy.list_actions(chosen, situation, POLICY)
    planned = calendar.plan_calendar(actions, POLICY, as_of=AS_OF)
    costs = {action.name: action.cost for action in POLICY.playbook}
    contacts = planned["action"].value_counts()
    by_action = actions.groupby("action")["cost"].sum()
    for name in contacts.index:
        assert by_action[name] == pytest.approx(contacts[name] * costs[name]), name
    assert actions.loc[actions["action"] == "account manager review", "cost"].eq(60).all()
    treated = chosen[chosen["arm"] == "treatment"].set_index(["customer_id", "action"])["cost"]
    assignments = strategy.list_assignments(chosen, POLICY, as_of=AS_OF).query("arm == 'treatment'")
    assert assignments["cost"].sum() == pytest.approx(treated.sum()) == pytest.approx(actions["cost"].sum())


def test_an_action_that_is_not_worth_its_repeats_is_not_taken():
    """Four times 0.3 is 1.2: of a customer worth 20, 3 % is 0.6; once, 0.3, would have paid."""
    tiers = pd.DataFrame({"tier_in_force": "growth"}, index=pd.Index(["a"], name="customer_id"))
    value = pd.DataFrame({"value": [20.0], "spend_expected": [20.0]}, index=tiers.index)
    found = choose(strategy.describe_situation(tiers, value=value)).set_index("action")
    assert found.loc["nurture plan", ["state", "cost"]].to_list() == ["not_worth_its_cost", 1.2]


def test_value_at_risk_is_taken_as_it_is_in_the_money_of_value(situation):
    assert situation["value_at_risk"].to_numpy() == pytest.approx(300)


def test_where_no_action_pays_everybody_gets_the_standard_offer_and_nothing_breaks(situation):
    poor = situation.assign(value=0.001, value_at_risk=0.001)
    chosen = choose(poor)
    actions = check(strategy.list_actions(chosen, poor, POLICY), "actions")
    assignments = check(strategy.list_assignments(chosen, POLICY, as_of=AS_OF), "planned_assignments")
    summary = plan_summary.summarise_actions(chosen, POLICY)
    assert set(actions["action"]) == {"standard offer"}
    assert plan_summary.cross_tiers(actions, summary, POLICY).empty
    assert arms.compare_arms(assignments, poor).empty
    power = plans_of()
    people = arms.count_people(assignments)
    plan = plan_summary.add_up(summary, actions)
    assert text.caption_arms(people) == "Nobody is treated, and nobody left out."
    assert describe(plan, people, power) == "Nothing is planned beyond the standard offer."


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


def left_undone(**customers: int) -> pd.DataFrame:
    """So many customers without an action, by reason, each counted once."""
    states = [state for state, count in customers.items() for _n in range(count)]
    return pd.DataFrame({"customer_id": [f"K{n}" for n in range(len(states))], "state": states})


def test_reasons_of_few_stand_together_until_they_are_enough():
    chosen = left_undone(chosen=50, no_capacity=40, running=9, contact_cap=1, not_worth_its_cost=1)
    reasons = plan_summary.count_reasons(chosen, at_least=5).set_index("reason")["customers"]
    assert reasons.to_dict() == {"no_capacity": 40, "several": 11}
    enough = plan_summary.count_reasons(left_undone(running=3, contact_cap=2, no_capacity=9), at_least=5)
    assert enough.set_index("reason")["customers"].to_dict() == {"no_capacity": 9, "several": 5}
    assert text.write_left_undone(enough)["reason"].to_list() == [
        "no capacity left",
        "several reasons together",
    ]
    alone = plan_summary.count_reasons(left_undone(running=7, contact_cap=6), at_least=5)
    assert alone["reason"].to_list() == ["running", "contact_cap"]
    assert plan_summary.count_reasons(left_undone(chosen=9, running=2, contact_cap=2), at_least=5).empty


def test_every_reason_for_doing_nothing_has_words(situation):
    companies = situation.index[situation["subject_type"] == "company"]
    consents = consent(
        *[(customer, "profiling", "refused") for customer in companies[:50]],
        *[(customer, "email", "refused") for customer in companies[50:300]],
        *[(customer, "marketing", "granted") for customer in situation.index[200:]],
    )
    first = choose(situation, consents=consents)
    one = first[first["state"] == "chosen"].iloc[0]
    running = pd.DataFrame([one[["customer_id", "action", "arm"]].to_dict() | {"end": pd.Timestamp(AS_OF)}])
    reasons = plan_summary.count_reasons(choose(situation, consents=consents, running=running), at_least=1)
    assert set(reasons["reason"]) == {
        "objection",
        "channel_refused",
        "terms_for_companies",
        "running",
        "not_worth_its_cost",
        "contact_cap",
        "no_capacity",
        "nothing_left_to_gain",
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


def test_customers_are_counted_once_however_many_actions_they_are_drawn_for(chosen):
    assignments = strategy.list_assignments(chosen, POLICY, as_of=AS_OF)
    people = arms.count_people(assignments)
    treated, control = (set(assignments.query("arm == @arm")["customer_id"]) for arm in arms.ARMS)
    assert people == {
        "treated": len(treated),
        "left_out": len(control),
        "left_out_treated": len(treated & control),
    }
    assert people["left_out"] < (assignments["arm"] == "control").sum()  # assignments, not customers
    words = text.caption_arms(people)
    assert words.startswith(f"{len(treated):,} customers are treated; {len(control):,} are left out")
    few = text.caption_arms({"treated": 90, "left_out": 3, "left_out_treated": 1})
    assert few.startswith("90 customers are treated; 3 are left out of an action at random, and 1 of these")


def test_the_arms_are_compared_action_by_action():
    """Pooled, treatment would look richer; within each action both arms are alike."""
    people = [("dear", "treatment", 100.0)] * 9 + [("dear", "control", 100.0)]
    people += [("cheap", "treatment", 10.0)] * 5 + [("cheap", "control", 10.0)] * 5
    rows = pd.DataFrame(people, columns=["action", "arm", "value"])
    rows["customer_id"] = [f"k{n}" for n in rows.index]
    found = arms.compare_arms(rows, rows.set_index("customer_id")).set_index("action")
    assert found[["treated", "control"]].to_numpy().tolist() == [[9, 1], [5, 5]]
    assert found["difference"].to_list() == [0, 0]
    one = arms.compare_arms(
        rows.assign(value=np.arange(20.0)), rows.assign(value=np.arange(20.0)).set_index("customer_id")
    )
    wide = one.set_index("action").loc["cheap"]
    assert wide["difference"] == -5
    assert wide[["low", "high"]].to_list() == pytest.approx([-5 - 1.96, -5 + 1.96], abs=0.01)  # s = 1.58


def no_purchases():
    engine = duckdb.connect()
    engine.execute(
        "create table transactions (customer_id varchar, day date, purchase_day date, kind varchar, "
        "amount decimal(18, 4))"
    )
    return engine


def draw_spend(seed, customers=1200, again=0.0):
    """What customers spent in the last 90 days and in the year before, correlated so, and in the next 90."""
    random = np.random.default_rng(seed)
    lasting = random.gamma(2, 50, customers)
    before, last, after = (
        again * lasting + (1 - again) * random.gamma(2, 50, customers) for _period in range(3)
    )
    return [part.round(2) * (random.random(customers) < 0.7) for part in (last, before, after)]


def plan(spend_expected, first_day="2024-01-02", *, buying=True, again=0.0, policy=POLICY, known=None):
    """The test of 'next category' for 1,200 customers who are each expected to spend so much in a year.

    Without `buying` all of them bought on the first day only.
    """
    last, before, _after = draw_spend(0, again=again)
    situation, engine = worth(len(last), spend_expected).assign(stage="growing"), no_purchases()
    days = {"2025-11-15": last, "2025-03-15": before, first_day: last}
    for day, spend in list(days.items())[0 if buying else 2 :]:
        bought = pd.DataFrame({"customer_id": situation.index, "amount": spend}).query("amount > 0")
        engine.register("bought", bought)
        engine.execute(
            f"insert into transactions select customer_id, '{day}', '{day}', 'sale', amount from bought"
        )
    candidates = strategy.list_candidates(situation, policy, as_of=AS_OF)
    candidates = candidates[candidates["action"] == "next category"].assign(barred="")
    wide = tuple(action.model_copy(update={"capacity": None}) for action in policy.playbook)
    policy = policy.model_copy(update={"playbook": wide})
    given = {"as_of": AS_OF, "known": None if known is None else pd.Series({"next category": known})}
    return arms.plan_tests(engine, candidates, situation, policy, **given).iloc[0]


def worth(customers, spend):
    ids = pd.Index([f"k{n}" for n in range(customers)], name="customer_id")
    value = pd.DataFrame({"value": spend * 0.3, "spend_expected": spend}, index=ids)
    return strategy.describe_situation(pd.DataFrame({"tier_in_force": "key"}, index=ids), value=value)


def expect_to_win(rise):
    """The spend in a year of which the action's 2 % are so much in 90 days."""
    return rise / 0.02 * 365 / 90


@pytest.mark.parametrize("again", [0.0, 0.9])
def test_the_share_of_controls_is_what_a_test_needs_to_find_the_effect_four_times_out_of_five(again):
    """Drawn 400 times with the assumed effect, Welch's test of spend finds it in 76 to 84 %.

    Where spend lasts, earlier spend is taken off, and fewer controls are enough.
    """
    rise, hits = 15.0, 0
    found = plan(expect_to_win(rise), again=again)
    assert found["plan"] == "one_wave"
    assert 0.1 < found["control_share"] < (0.25 if again == 0 else 0.16)
    for seed in range(1, 401):
        random = np.random.default_rng(seed)
        _last, before, after = draw_spend(seed, again=again)
        control = random.random(len(after)) < found["control_share"]
        both = pd.DataFrame({"spend": after + np.where(control, 0, rise), "spend_before": before, "start": 0})
        left = outcomes.take_off_earlier(both).to_numpy()
        hits += scipy.stats.ttest_ind(left[~control], left[control], equal_var=False).pvalue < 0.05
    assert 0.75 <= hits / 400 <= 0.85


def test_the_assumed_effect_is_said_in_the_spend_of_the_comparisons_days():
    """2 % of 400 a year are 8, and 90 days are 90/365 of them, whatever part of spend is margin."""
    assert plan(400.0)["spend_assumed"] == pytest.approx(0.02 * 400 * 90 / 365)


def test_a_company_too_small_for_a_test_leaves_nobody_out_and_says_how_many_it_would_take():
    small = plan(expect_to_win(1.0))
    assert (small["plan"], small["control_share"]) == ("none", 0.0)
    enough = plan(expect_to_win(10.0))
    ratio = small["needed"] / enough["needed"]
    assert ratio == pytest.approx(100, rel=0.01)  # a tenth of the effect takes a hundred times as many
    words = text.write_experiments(experiments_of(small))["next_test"].item()
    assert words == f"no test planned: would need {small['needed']:,.0f} customers"


def test_several_plans_are_pooled_up_to_as_many_as_the_policy_says():
    pooled = plan(expect_to_win(8.0))
    assert pooled["plan"] == "waves"
    assert pooled["waves"] == np.ceil(pooled["needed"] / 1200)
    assert pooled["control_share"] <= POLICY.control.most
    alone = POLICY.model_copy(update={"control": POLICY.control.model_copy(update={"waves": 1})})
    single = plan(expect_to_win(8.0), policy=alone)  # as many more who buy would be seen in one
    assert (single["plan"], single["sized_on"]) == ("one_wave", "bought_again")


def test_what_earlier_waves_have_told_is_not_asked_again():
    first = plan(expect_to_win(15.0))
    told = first["needed"] / 4  # information of so many customers, half of them controls
    half = plan(expect_to_win(15.0), known=told / 2)
    assert half["needed"] == pytest.approx(first["needed"] / 2, abs=2)
    assert half["control_share"] < first["control_share"]
    enough = plan(expect_to_win(15.0), known=told + 1)
    assert (enough["plan"], enough["control_share"]) == ("known", POLICY.control.share)


def test_what_cannot_be_sized_is_drawn_as_the_policy_says_and_the_reason_is_told():
    """Of the 90 days to 2025-12-31 the first is 2025-10-03."""
    reasons = {
        "no_value": plan(np.nan),
        "short_history": plan(40_000.0, first_day="2025-10-04", buying=False),
        "nobody_bought": plan(400.0, buying=False),
    }
    for reason, found in reasons.items():
        assert found["plan"] == reason
        assert found["control_share"] == POLICY.control.share
        assert text.write_experiments(experiments_of(found))["next_test"].item().startswith("not sized")


def experiments_of(test: pd.Series) -> pd.DataFrame:
    nothing = pd.DataFrame(columns=experiments.MEASURED)
    learned = experiments.learn_effects(nothing, worth(9, 400.0), POLICY)
    table = experiments.tabulate(learned, test.to_frame().T)
    return table[table["action"] == test["action"]]


def describe(plan, people, power, **aside):
    return text.describe_plan(
        plan,
        people,
        power,
        {"objectors": 0, "late": 0, "occasions": 0, "occasions_cost": 0.0, "begun": 0, **RANGE, **aside},
        "EUR",
    ).markdown


PLAN = {"treated": 120.0, "customers": 90, "cost": 640.0, "gain": 900.0, "unknown": 0.0}
RANGE = {"low": 200.0, "high": 1600.0}  # of the gain
PEOPLE = {"treated": 90, "left_out": 12, "left_out_treated": 6}


def plans_of(*plans, needed=900.0):
    """The columns of the table `experiments` that the takeaway reads; `needed` rises with each action."""
    names = [f"action {n}" for n, _plan in enumerate(plans, 1)]
    sizes = [needed * n for n, _plan in enumerate(plans, 1)]
    return pd.DataFrame({"action": names, "plan": list(plans), "needed": sizes}).astype({"plan": "object"})


def test_the_takeaway_says_how_many_actions_are_tested_and_what_the_others_would_need():
    none = describe(PLAN, PEOPLE | {"left_out": 0}, plans_of("none", "none"))
    assert none == (
        "90 customers get 120 actions that cost 640 EUR, repeats included, for an expected gain of 900 EUR "
        "(200 to 1,600). No action is tested alone: the nearest, action 1, would need 900 customers to show "
        "its assumed effect."
    )
    some = describe(PLAN, PEOPLE, plans_of("one_wave", "none"))
    assert " 12 customers are left out of an action at random." in some
    assert some.endswith("1 of 2 actions are tested, with as many controls as the assumed effect needs.")
    pooled = describe(PLAN, PEOPLE, plans_of("one_wave", "waves"))
    assert pooled.endswith("effect needs; 1 of them over several plans together.")
    known = describe(PLAN, PEOPLE, plans_of("known"))
    assert known.endswith("Earlier plans have told enough of the assumed effects.")
    nobody = describe(PLAN, PEOPLE, plans_of(None))
    assert nobody.endswith("No action has two arms that are large enough to compare.")
    blind = describe(PLAN, PEOPLE, plans_of("no_value", "short_history"))
    assert blind.endswith("How many must be left out to see an effect is unknown.")


def test_the_takeaway_counts_objectors_only_where_there_are_enough_and_late_contacts_exactly():
    power = plans_of("one_wave")
    assert "refused" not in describe(PLAN, PEOPLE, power, objectors=4)
    assert "12 customers refused" in describe(PLAN, PEOPLE, power, objectors=12)
    assert "fit only after" not in describe(PLAN, PEOPLE, power, late=0)
    assert "3 first contacts fit only after" in describe(PLAN, PEOPLE, power, late=3)
    assert "30 first contacts fit only after" in describe(PLAN, PEOPLE, power, late=30)


def test_the_plans_own_counts_are_exact_however_few_customers_an_action_is_for(chosen, situation):
    """Welcome programme: 3 treated. They are counted in every sum, and by tier."""
    kept = chosen[(chosen["action"] != "welcome programme") | (chosen["state"] != "chosen")]
    few = pd.concat([kept, chosen.query("action == 'welcome programme' and arm == 'treatment'").head(3)])
    summary = plan_summary.summarise_actions(few, POLICY)
    assert summary.set_index("action").loc["welcome programme", "treated"] == 3
    actions = strategy.list_actions(few, situation, POLICY)
    plan = plan_summary.add_up(summary, actions)
    assert plan["treated"] == (few["arm"] == "treatment").sum()
    assert plan["cost"] == pytest.approx(few.loc[few["arm"] == "treatment", "cost"].sum())
    reached = plan_summary.cross_tiers(actions, summary, POLICY).set_index("action")
    assert reached.loc["welcome programme"].drop("lever").sum() == 3
