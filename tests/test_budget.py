"""Budgets are kept, sums agree to the cent, published terms reach all who meet the rule."""

import datetime

import numpy as np
import pandas as pd
import pytest
from test_strategy import AS_OF, POLICY, choice, consent

from crcm_lib.config.policy import Budget, Terms, read_policy
from crcm_lib.decisions import calendar, efficiency, plan_summary, strategy, terms
from crcm_lib.decisions.limits import list_choices
from crcm_lib.reporting.text import actions as text
from crcm_lib.reporting.text import budget as words
from crcm_lib.schema.tables import ROOT, check

ACTIONS = {action.name: action for action in POLICY.playbook}
NO_CONTROLS = POLICY.model_copy(update={"control": POLICY.control.model_copy(update={"share": 0.0})})


def limited(policy=POLICY, **budget):
    return policy.model_copy(update={"budget": Budget(**budget)})


def treated(found) -> pd.DataFrame:
    rows = found.rows[found.rows["arm"] == "treatment"]
    facts = [ACTIONS[name] for name in rows["action"]]
    return rows.assign(
        lever=[action.lever for action in facts],
        role=[action.owner_role for action in facts],
        hours=[action.hours * action.occasions for action in facts],
    )


@pytest.mark.parametrize("total", [50.0, 900.0, 4000.0])
def test_no_plan_costs_more_than_its_budget_and_a_budget_that_binds_is_used(situation, total):
    found = choice(situation, limited(total=total))
    assert 0.97 * total < round(treated(found)["cost"].sum(), 6) <= total
    assert found.allocation.gap < 0.01


def test_with_a_budget_of_nothing_nothing_but_the_standard_offer_is_planned(situation):
    found = choice(situation, limited(total=0.0))
    assert set(strategy.list_actions(found.rows, situation, POLICY)["action"]) == {"standard offer"}
    assert set(found.rows["state"]) <= {"no_budget", "not_worth_its_cost", "terms_for_companies"}
    curve, free = (efficiency.trace_efficiency(each) for each in (found, choice(situation)))
    assert curve["gain"].iloc[0] == 0
    pd.testing.assert_frame_equal(curve, free)  # what a budget would bring does not depend on the one set


def test_money_by_lever_and_tier_and_hours_by_role_are_limits_too(situation):
    budget = {"levers": {"product": 30.0}, "tiers": {"key": 400.0}, "hours": {"key account manager": 50.0}}
    found = choice(situation, limited(**budget))
    rows = treated(found)
    tier = rows["customer_id"].map(situation["tier"])
    assert 25 < rows.loc[rows["lever"] == "product", "cost"].sum() <= 30
    assert 350 < rows.loc[tier == "key", "cost"].sum() <= 400
    assert 45 < rows.loc[rows["role"] == "key account manager", "hours"].sum() <= 50
    assert {"no_budget", "no_hours"} <= set(found.rows["state"])
    free = choice(situation)
    assert free.rows["state"].isin(["no_budget", "no_hours"]).sum() == 0


def test_more_budget_never_gains_less(situation):
    gains = [
        choice(situation, limited(NO_CONTROLS, total=total)).allocation.gain
        for total in (100, 300, 900, 2700)
    ]
    assert gains == sorted(gains)


def test_a_scarce_budget_goes_where_a_unit_of_money_gains_most(situation):
    """Of one action at two costs nothing else differs: the cheap one is given first."""
    cheap = ACTIONS["next category"].model_copy(
        update={"name": "cheap", "cost": 1.0, "capacity": None, "tiers": ("key",), "stages": ()}
    )
    dear = cheap.model_copy(update={"name": "dear", "cost": 5.0, "tiers": ("regular",)})
    playbook = (cheap, dear, ACTIONS["standard offer"])
    policy = limited(NO_CONTROLS, total=100.0).model_copy(update={"playbook": playbook})
    alike = situation.assign(value=1000.0)
    chosen = choice(alike, policy).rows.query("state == 'chosen'")
    assert chosen["action"].value_counts().to_dict() == {"cheap": 100}


def test_what_is_promised_of_one_customer_is_never_more_than_the_customer(situation):
    strong = tuple(a.model_copy(update={"effect": 0.0 if a.standard else 0.9}) for a in POLICY.playbook)
    rows = treated(choice(situation, POLICY.model_copy(update={"playbook": strong})))
    claims = (rows["gain"] + rows["cost"]).groupby(rows["customer_id"]).sum()
    most = situation.loc[claims.index, ["value", "value_at_risk"]].sum(axis=1)
    assert (claims <= most + 1e-6).all()
    assert (claims > 0.95 * situation.loc[claims.index, "value"]).any()


def test_the_same_sums_to_the_cent_in_headline_tables_calendar_and_lists(situation):
    policy = limited(total=3000.0)
    found = choice(situation, policy)
    actions = strategy.list_actions(found.rows, situation, policy)
    summary = plan_summary.summarise_actions(found.rows, policy)
    plan = plan_summary.add_up(summary, actions)
    planned = calendar.plan_calendar(actions, policy, as_of=AS_OF)
    contacted = planned["action"].map({name: action.cost for name, action in ACTIONS.items()}).sum()
    silent = actions.loc[[not ACTIONS[name].contact for name in actions["action"]], "cost"].sum()
    assigned = strategy.list_assignments(found.rows, policy, as_of=AS_OF)["cost"].sum()
    sums = [plan["cost"], summary["cost"].sum(), actions["cost"].sum(), contacted + silent, assigned]
    priced = efficiency.price_limits(found, actions, policy, at_least=1).set_index("kind")
    sums += [priced.loc["total", "used"]]
    assert {f"{value:.2f}" for value in sums} == {f"{sums[0]:.2f}"}
    assert plan["gain"] == pytest.approx(treated(found)["gain"].sum(), abs=0.005)
    assert plan["customers"] == treated(found)["customer_id"].nunique() < plan["treated"]


# What more would bring


def test_the_curve_rises_ever_less_and_ends_where_more_money_gains_nothing(situation):
    free = choice(situation, NO_CONTROLS)
    curve = efficiency.trace_efficiency(free)
    slopes = np.diff(curve["gain"]) / np.diff(curve["budget"])
    assert (slopes >= 0).all()
    assert (np.diff(slopes) <= 1e-3 * slopes[0]).all()
    assert curve["gain"].iloc[-1] == pytest.approx(free.allocation.bound, rel=2e-3)
    middle = curve.iloc[5]
    there = choice(situation, limited(NO_CONTROLS, total=middle["budget"])).allocation
    assert there.gain <= middle["gain"] * (1 + 1e-9)
    assert there.gain == pytest.approx(middle["gain"], rel=5e-3)


def test_a_tenth_more_brings_what_a_plan_with_a_tenth_more_gains(situation):
    found = choice(situation, limited(NO_CONTROLS, total=1000.0))
    actions = strategy.list_actions(found.rows, situation, POLICY)
    priced = efficiency.price_limits(found, actions, POLICY, at_least=5).set_index("kind")
    more = choice(situation, limited(NO_CONTROLS, total=1100.0)).allocation.gain - found.allocation.gain
    assert priced.loc["total", "gain_of_tenth"] == pytest.approx(more, rel=0.1)
    assert priced.loc["total", "gain_of_tenth"] <= 100 * priced.loc["total", "gain_per_unit"] + 1e-9
    assert priced.loc["total", ["available", "used"]].to_list() == pytest.approx([1000, 1000], rel=0.01)
    slack = choice(situation, limited(NO_CONTROLS, total=1e6))
    actions = strategy.list_actions(slack.rows, situation, POLICY)
    assert "total" not in set(efficiency.price_limits(slack, actions, POLICY, at_least=5)["kind"])


def test_a_limit_of_what_a_few_get_is_not_shown(situation):
    few = tuple(
        a.model_copy(update={"capacity": 3}) if a.name == "win back call" else a for a in POLICY.playbook
    )
    policy = POLICY.model_copy(update={"playbook": few})
    found = choice(situation, policy)
    actions = strategy.list_actions(found.rows, situation, policy)
    every, shown = (efficiency.price_limits(found, actions, policy, at_least=n) for n in (1, 5))
    assert "win back call" in set(every["of"])
    assert "win back call" not in set(shown["of"])


def test_effort_and_value_are_shares_of_all_tiers(situation):
    actions = strategy.list_actions(choice(situation).rows, situation, POLICY)
    effort = efficiency.compare_effort(actions, situation, POLICY, at_least=5)
    assert effort["tier"].to_list() == [tier.name for tier in POLICY.tiers]
    assert effort[["cost_share", "hours_share", "value_share"]].sum().to_list() == pytest.approx([1, 1, 1])
    strategic = actions[(actions["tier"] == "strategic") & (actions["action"] != "standard offer")]
    assert effort.loc[0, "treated"] == strategic["customer_id"].nunique()
    assert effort.loc[0, "cost_share"] == pytest.approx(strategic["cost"].sum() / actions["cost"].sum())
    few = actions[(actions["tier"] != "watch") | (actions["action"] == "standard offer")]
    few = pd.concat(
        [few, actions[(actions["tier"] == "watch") & (actions["action"] != "standard offer")].head(2)]
    )
    hidden = efficiency.compare_effort(few, situation, POLICY, at_least=5).set_index("tier")
    assert hidden.loc["watch", ["treated", "cost_share", "hours_share", "value_share"]].isna().all()
    blind = efficiency.compare_effort(actions, situation.assign(value=np.nan), POLICY, at_least=5)
    assert blind["value_share"].isna().all()
    assert words.describe_effort(blind) == "Whether effort goes where the value is cannot be told."


def test_a_plan_without_any_action_has_no_curve_and_no_price(situation):
    policy = POLICY.model_copy(update={"playbook": (ACTIONS["standard offer"],)})
    found = choice(situation, policy)
    assert efficiency.trace_efficiency(found).empty
    actions = strategy.list_actions(found.rows, situation, policy)
    assert efficiency.price_limits(found, actions, policy, at_least=5).empty
    assert len(actions) == len(situation)


# Published terms


def published(**changes):
    """Framework terms for all strategic and key customers, in force; hardly anybody would gain from them."""
    rule = Terms(approver="Board", disclosure="on the website", start="2025-01-01", end="2026-06-30")
    update = {"for_persons": rule, "contact": False, "capacity": None, "cost": 500.0} | changes
    return tuple(a.model_copy(update=update) if a.name == "framework terms" else a for a in POLICY.playbook)


def with_terms(**changes):
    return POLICY.model_copy(update={"playbook": published(**changes)})


def test_published_terms_are_the_same_for_all_who_meet_the_rule(situation):
    """No control group, no gain, no budget, no objection to marketing, no refused channel decides."""
    consents = consent(
        *[(customer, "marketing", "refused") for customer in situation.index[:400]],
        *[(customer, "visit", "refused") for customer in situation.index[400:800]],
    )
    for budget in (None, 100.0):
        policy = with_terms().model_copy(update={"budget": Budget(total=budget)})
        found = choice(situation, policy, consents=consents)
        mine = found.rows[found.rows["action"] == "framework terms"]
        meet = situation.index[situation["tier"].isin(["strategic", "key"])]
        assert set(mine["customer_id"]) == set(meet)
        assert set(mine["arm"]) == {"treatment"}
        assert mine["gain"].min() < 0
        assert found.terms_cost == 500.0 * len(meet)
    others = found.rows[(found.rows["action"] != "framework terms") & (found.rows["state"] == "chosen")]
    assert others.empty  # what the terms cost is taken off the budget first
    planned = calendar.plan_calendar(
        strategy.list_actions(found.rows, situation, policy), policy, as_of=AS_OF
    )
    assert "framework terms" not in set(planned["action"])


def test_who_has_published_terms_keeps_them_and_who_was_a_control_gets_them(situation):
    key = situation.index[situation["tier"] == "key"]
    running = pd.DataFrame(
        {"customer_id": key[:2], "action": "framework terms", "arm": ["treatment", "control"]}
    )
    found = choice(situation, with_terms(), running=running.assign(end=pd.Timestamp(AS_OF)))
    mine = found.rows[found.rows["action"] == "framework terms"].set_index("customer_id")["state"]
    assert mine[key[:2]].to_list() == ["running", "chosen"]
    register = terms.register_terms(found.rows, situation, with_terms(), as_of=AS_OF)
    assert set(key[:2]) <= set(register["customer_id"])


def test_what_terms_win_is_not_promised_again_by_other_actions(situation):
    found = choice(situation, with_terms(effect=1.0, cost=1.0))
    others = found.rows[found.rows["action"].isin(["priority service", "account manager review"])]
    assert set(others["state"]) == {"nothing_left_to_gain", "not_worth_its_cost"}


def test_the_register_says_who_has_terms_why_by_whom_and_until_when(situation):
    found = choice(situation, with_terms(cost=1.0))
    register = check(terms.register_terms(found.rows, situation, with_terms(), as_of=AS_OF), "terms_register")
    register = register[register["action"] == "framework terms"]
    assert set(register["customer_id"]) == set(situation.index[situation["tier"].isin(["strategic", "key"])])
    assert set(register["subject_type"]) == {"company", "person"}
    assert set(register["approver"]) == {"Board"}
    assert set(register["disclosure"]) == {"on the website"}
    assert set(register["end"]) == {pd.Timestamp("2026-06-30")}
    counts = terms.count_terms(register)
    assert counts["customers"].sum() == len(register)
    assert set(words.write_terms(counts)["subject_type"]) == {"companies", "natural persons"}


def test_terms_of_companies_are_answered_for_by_the_owner_and_controls_are_on_no_register(situation):
    found = choice(situation)
    register = check(terms.register_terms(found.rows, situation, POLICY, as_of=AS_OF), "terms_register")
    named = [action.name for action in POLICY.playbook if action.terms]
    drawn = found.rows[found.rows["action"].isin(named)].dropna(subset="arm")
    assert "control" in set(drawn["arm"])
    key = ["customer_id", "action"]
    treated = drawn.loc[drawn["arm"] == "treatment", key]
    assert set(map(tuple, register[key].to_numpy())) == set(map(tuple, treated.to_numpy()))
    assert set(register["subject_type"]) == {"company"}
    assert set(register["approver"]) == {POLICY.owner}
    assert register["disclosure"].isna().all()
    assert set(register["end"]) == {pd.Timestamp("2026-03-31")}
    none = terms.register_terms(found.rows.head(0), situation, POLICY, as_of=AS_OF)
    assert check(none, "terms_register").empty


def test_terms_whose_rule_is_not_in_force_are_of_companies_as_before(situation):
    later = Terms(
        approver="Board", disclosure="x", start=datetime.date(2026, 1, 1), end=datetime.date(2026, 6, 30)
    )
    found = choice(situation, with_terms(for_persons=later, cost=1.0))
    mine = found.rows[found.rows["action"] == "framework terms"]
    assert (
        mine.loc[mine["state"] == "chosen", "customer_id"].map(situation["subject_type"]).eq("company").all()
    )
    assert "control" in set(mine["arm"])


# In words


def test_limits_are_written_with_their_units():
    rows = [("total", "", 1000.0, 998.5, 2.5, 240.0), ("hours", "sales director", 40.0, 40.0, 11.0, 44.0)]
    rows += [
        ("capacity", "executive visit", 15.0, 14.0, 90.0, 130.0),
        ("tier", "watch", 50.0, 50.0, 1.0, 5.0),
    ]
    rows += [("lever", "marketing", 500.0, 499.0, 1.0, 49.0)]
    names = ["kind", "of", "available", "used", "gain_per_unit", "gain_of_tenth"]
    written = words.write_limits(pd.DataFrame(rows, columns=names), "EUR")
    assert written["limit"].to_list() == [
        "money in all",
        "hours of sales director",
        "customers of executive visit",
        "money for the tier watch",
        "money for marketing",
    ]
    assert written["available"].to_list() == [
        "1,000 EUR",
        "40.0 hours",
        "15 customers",
        "50.00 EUR",
        "500 EUR",
    ]
    assert words.caption_limits(written, "EUR") == (
        "What keeps the plan from gaining more: a tenth more money in all would gain up to 240 EUR"
    )


def test_the_budget_that_is_left_is_said_where_the_policy_sets_one():
    people = {"treated": 90, "left_out": 12, "left_out_treated": 6}
    plan = {"treated": 120.0, "customers": 90, "cost": 640.0, "gain": 900.0, "unknown": 0.0}
    aside = {"objectors": 0, "late": 0, "budget": 1000.0, "terms_cost": 0.0}
    aside |= {"occasions": 0, "occasions_cost": 0.0, "low": 200.0, "high": 1600.0, "begun": 0}
    power = pd.DataFrame(columns=["action", "plan", "needed"])

    def headline(**changes):
        given = {name: changes.pop(name, value) for name, value in aside.items()}
        return text.describe_plan(plan | changes, people, power, given, "EUR").markdown

    assert " 360 EUR of the budget is left." in headline()
    assert "of the budget" not in headline(budget=None)
    assert "cost more than the budget" in headline(terms_cost=1200.0)


@pytest.mark.parametrize("path", ["policy.yaml", *sorted((ROOT / "policies").glob("*.yaml"))], ids=str)
def test_every_action_of_the_playbook_says_what_hours_it_takes(path):
    assert all(action.hours is not None for action in list_choices(read_policy(path)))
