"""Arms that add up over runs, a holdout of the whole programme, effects that replace assumptions."""

import numpy as np
import pandas as pd
import pytest
from worlds import at_most_5_percent, quarters

from crcm_lib.config.policy import Terms, read_policy
from crcm_lib.decisions import assignment_history, experiments, outcomes, programme_holdout, strategy
from crcm_lib.reporting.text import monitoring
from crcm_lib.schema.tables import About, check

POLICY = read_policy("policy.yaml")
IDS = pd.Index([f"k{n}" for n in range(4000)], name="customer_id")
NOTHING_DONE = pd.DataFrame(columns=["customer_id", "action", "arm", "start", "end"])


def about(day: str) -> About:
    return About("shop", "shop", day, "2024-01-01", "EUR", synthetic=True)


@pytest.fixture(scope="module")
def lived():
    return quarters.live_through(0, quarters.TRUTH)


def test_what_works_is_found_and_gains_budget_and_what_does_nothing_loses_it():
    """One seed; 200 are in the table of worlds."""
    found = quarters.measure_quarters(0)
    assert [found[name] for name in ("works_found", "works_gains_budget", "nothing_loses_budget")] == [
        1,
        1,
        1,
    ]
    assert [found[name] for name in ("nothing_claimed", "controls_treated")] == [0, 0]


def test_each_plan_carries_all_assignments_on_and_keeps_its_contract(lived):
    _company, plans = lived
    sizes = [len(check(plan.history, "assignment_history")) for plan in plans]
    assert sizes == sorted(set(sizes))
    kept = plans[-1].history.merge(plans[0].history, how="inner")
    assert len(kept) == len(plans[0].history)


def test_who_was_drawn_keeps_the_arm_and_the_days_while_they_last(lived):
    """A plan a week later: the same controls, and nobody of them is treated."""
    company, plans = lived
    first, policy = plans[-1].history, quarters.make_policy()
    later = company.as_of + pd.Timedelta(days=7)
    running = assignment_history.gather_assignments(NOTHING_DONE, first, company.ids)
    value = pd.DataFrame({"value": 500.0, "spend_expected": 900.0}, index=company.ids)
    tiers = pd.DataFrame({"tier_in_force": "key"}, index=company.ids)
    situation = strategy.describe_situation(tiers, value=value)
    candidates = strategy.list_candidates(situation, policy, as_of=later, running=running)
    chosen = quarters.action_choice.choose_actions(
        candidates, situation, policy, seed=5, wave=f"{later:%Y-%m-%d}"
    ).rows
    planned = strategy.list_assignments(chosen, policy, as_of=later, running=running)
    keys = ["customer_id", "action"]
    before = first[first["end"] >= later].set_index(keys)
    both = planned.set_index(keys).join(before[["drawn", "wave"]], how="inner")
    assert len(both) > 500
    assert (both["arm"] == both["drawn"]).all()
    assert (both["start"] == both["wave"]).all()


def history_of(*rows) -> pd.DataFrame:
    """Rows of customer, arm drawn, and first day."""
    frame = pd.DataFrame(rows, columns=["customer_id", "drawn", "wave"]).assign(action="call")
    frame["wave"] = pd.to_datetime(frame["wave"])
    frame = frame.assign(arm=frame["drawn"], start=frame["wave"], end=frame["wave"] + pd.Timedelta(days=89))
    return frame.assign(control_share=0.1, stake=10.0, cost=1.0, reported=False)


def test_what_was_done_wins_over_what_was_planned_and_the_draw_is_kept():
    planned = history_of(("a", "control", "2025-01-01"), ("b", "treatment", "2025-01-01"))
    done = pd.DataFrame(
        {"customer_id": ["a", "c"], "action": "call", "arm": "treatment"}
        | {"start": pd.Timestamp("2025-01-20"), "end": pd.Timestamp("2025-01-21")}
    )
    found = assignment_history.gather_assignments(done, planned, pd.Index(["a", "b", "c"]))
    known = check(found, "assignment_history").set_index("customer_id")
    assert known["arm"].to_dict() == {"a": "treatment", "b": "treatment", "c": "treatment"}
    assert known.loc["a", ["drawn", "start", "reported"]].to_list() == [
        "control",
        pd.Timestamp("2025-01-20"),
        True,
    ]
    assert assignment_history.read_as_drawn(found).set_index("customer_id").loc["a", "arm"] == "control"
    again = assignment_history.gather_assignments(done, found, pd.Index(["a", "b", "c"]))
    pd.testing.assert_frame_equal(again, found)  # reported twice is known once


def test_who_has_no_tier_any_more_is_not_carried_on():
    planned = history_of(("a", "control", "2025-01-01"), ("b", "treatment", "2025-01-01"))
    found = assignment_history.gather_assignments(NOTHING_DONE, planned, pd.Index(["b"]))
    assert set(found["customer_id"]) == {"b"}


# The holdout of the whole programme


def test_the_holdout_is_drawn_once_and_stays_whatever_the_run_and_the_order():
    first = check(programme_holdout.draw_holdout(IDS, 0.05, about("2025-01-31")), "programme_holdout")
    given = {"earlier": first}
    later = programme_holdout.draw_holdout(
        IDS[::-1].append(pd.Index(["new"])), 0.05, about("2025-02-28"), **given
    )
    held = programme_holdout.find_held_out(first)
    assert abs(len(held) / 4000 - 0.05) < 0.014
    assert set(held) == set(programme_holdout.find_held_out(later)) - {"new"}
    since = later.set_index("customer_id")["since"]
    assert (since[IDS] == pd.Timestamp("2025-02-01")).all()
    assert since["new"] == pd.Timestamp("2025-03-01")
    other = programme_holdout.draw_holdout(IDS, 0.1, about("2025-02-28"), earlier=first)
    assert set(held) < set(programme_holdout.find_held_out(other))
    assert (other["since"] == pd.Timestamp("2025-03-01")).all()  # another share: all begin anew
    assert programme_holdout.draw_holdout(IDS, 0.0, about("2025-01-31")).empty


def test_held_out_customers_get_service_and_published_terms_and_nothing_else(situation):
    rule = Terms(approver="Board", disclosure="on the website", start="2025-01-01", end="2026-12-31")
    playbook = tuple(a.model_copy(update={"for_persons": rule}) if a.terms else a for a in POLICY.playbook)
    policy = POLICY.model_copy(update={"playbook": playbook})
    held = situation.index[::3]
    found = strategy.list_candidates(situation, policy, as_of="2025-12-31", held_out=held)
    mine = found[found["customer_id"].isin(held)]
    lever = mine["action"].map({action.name: action.lever for action in policy.playbook})
    out = mine["barred"] == "held_out"
    assert out.any()
    assert not out[(lever == "service") | mine["granted"]].any()
    assert (mine.loc[(lever != "service") & ~mine["granted"], "barred"] != "").all()
    others = found[~found["customer_id"].isin(held)]
    assert "held_out" not in set(others["barred"])


def followed(seed: int, customers: int = 600, share: float = 0.2) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    before, after = random.lognormal(3, 1, (2, customers))
    arm = np.where(random.random(customers) < share, "control", "treatment")
    known = {"action": "programme", "arm": arm, "start": pd.Timestamp("2025-01-01"), "stratum": "2025 1"}
    seen = {"spend": after, "bought_again": 1.0, "spend_before": before, "control_share": share}
    return pd.DataFrame({"customer_id": [f"k{n}" for n in range(customers)]} | known | seen)


def test_arms_that_were_not_drawn_as_said_are_not_read():
    """Half of the controls are lost; or the draw went to those who had spent more."""
    sound = followed(1)
    assert outcomes.check_arms(sound)["sound"].all()
    lost = sound.drop(sound.index[sound["arm"] == "control"][::2])
    skewed = sound.assign(arm=np.where(sound["spend_before"].rank() > 480, "control", "treatment"))
    for broken, check_of in ((lost, "ratio_p"), (skewed, "balance_p")):
        checks = outcomes.check_arms(broken)
        assert not checks["sound"].any()
        assert checks[check_of].item() < 0.001
        read = programme_holdout.compare_programme(broken, seed=0)
        assert set(read["verdict"]) == {"unsound"}
        assert read[["difference", "cuped", "total", "p"]].isna().all(axis=None)
        assert "not what was drawn" in monitoring.describe_programme(read).markdown
        assert monitoring.caption_programme(read, checks, "EUR").startswith("Not read: ")


@pytest.mark.slow
def test_a_programme_that_does_nothing_is_claimed_to_in_at_most_one_of_twenty_draws():
    claimed = [
        programme_holdout.compare_programme(followed(seed), seed=seed)["verdict"]
        .isin(("higher", "lower"))
        .any()
        for seed in range(200)
    ]
    assert np.mean(claimed) <= at_most_5_percent(200)


def test_sound_arms_are_refused_in_hardly_any_draw():
    refused = [not outcomes.check_arms(followed(seed))["sound"].all() for seed in range(300)]
    assert np.mean(refused) <= 0.01


# Effects


def test_what_was_measured_and_what_was_assumed_become_one_number():
    """Gelman et al. 2013, eq. 2.10: as exact as the prior, the measurement counts for half."""
    action = next(action for action in POLICY.playbook if action.name == "early access")
    found = pd.DataFrame(
        {"action": [action.name], "measured": [0.06], "error": [action.effect], "information": [100.0]}
    )
    situation = pd.DataFrame({"tier": ["key"], "value": [1000.0], "value_at_risk": [0.0]})
    learned = experiments.learn_effects(found, situation, POLICY).set_index("action")
    mine = learned.loc[action.name]
    assert mine["used"] == pytest.approx((0.06 + action.effect) / 2)
    assert (mine["used_high"] - mine["used_low"]) / 2 / 1.959964 == pytest.approx(action.effect / np.sqrt(2))
    others = learned.drop(index=action.name)
    assert (others["used"] == others["assumed"]).all()
    assert set(others["advice"]) == {"assumed"}
    used = {
        each.name: each.effect for each in experiments.apply_effects(POLICY, learned.reset_index()).playbook
    }
    assert used[action.name] == mine["used"]


@pytest.mark.parametrize(
    ("measured", "error", "advice"),
    [(0.02, 0.002, "keep"), (-0.02, 0.002, "stop"), (0.001, 0.004, "change"), (0.02, 0.05, "test_on")],
)
def test_the_advice_follows_the_interval_and_what_pays(measured, error, advice):
    found = pd.DataFrame(
        {"action": ["early access"], "measured": measured, "error": error, "information": 100.0}
    )
    situation = pd.DataFrame({"tier": ["key"], "value": [1000.0], "value_at_risk": [0.0]})
    learned = experiments.learn_effects(found, situation, POLICY).set_index("action")
    assert learned.loc["early access", "advice"] == advice
    assert learned.loc["early access", "used"] >= 0


def test_earlier_spend_makes_the_interval_narrower_and_does_not_move_it():
    random = np.random.default_rng(0)
    lasting = random.lognormal(3, 1, 600)
    arms = followed(3).assign(spend_before=lasting, spend=lasting * random.lognormal(0, 0.2, 600))
    found = outcomes.compare_arms(arms, seed=0).set_index("outcome").loc["spend"]
    assert found["cuped_high"] - found["cuped_low"] < 0.4 * (found["high"] - found["low"])
    assert found["low"] < found["cuped"] < found["high"]


SPEND = {"treated": 100, "controls": 20, "total": 500.0, "total_low": 100.0, "total_high": 900.0}


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("higher", "the programme brought 500 more in spend (100 to 900)"),
        ("lower", "customers of the programme spent less"),
        ("cannot_tell", "Whether the programme pays cannot be told yet"),
        ("too_few", "Too few customers are held out to tell whether the programme pays"),
        ("no_controls", "Nobody is held out, so whether the programme pays is unknown"),
        ("unsound", "nothing is said of the whole programme"),
    ],
)
def test_what_the_programme_brought_is_said_only_by_its_verdict(verdict, said):
    rows = pd.DataFrame([{"outcome": "spend", "verdict": verdict, **SPEND}])
    assert said in monitoring.describe_programme(rows).markdown
    other = "too_few" if verdict != "too_few" else "higher"
    assert said not in monitoring.describe_programme(rows.assign(verdict=other)).markdown
    assert monitoring.describe_programme(rows.head(0)).markdown == ""


def test_where_nobody_is_held_out_the_page_says_why():
    assert "four weeks" in monitoring.explain_no_programme(0.05)
    assert "holds nobody out" in monitoring.explain_no_programme(0.0)


# What a plan is expected to gain, and how far that may lie


def plan_of(*actions):
    """Rows of a plan: an action's name, cost and gain less the cost."""
    return pd.DataFrame(actions, columns=["action", "cost", "gain"])


def known(**effects):
    """The columns of the table `experiments` by which a range is made."""
    rows = [[name, *used] for name, used in effects.items()]
    return pd.DataFrame(rows, columns=["action", "used", "used_low", "used_high", "measured"])


def test_a_gain_lies_between_what_its_effects_ends_bring_and_the_cost_is_paid_in_any_case():
    found = experiments.expect_gain(plan_of(["call", 10.0, 90.0]), known(call=[0.1, 0.0, 0.3, np.nan]))
    assert found == experiments.Expected(90.0, pytest.approx(-10.0), pytest.approx(290.0), 1, 0)


def test_one_action_errs_for_all_its_customers_alike_and_two_actions_apart():
    effects = known(call=[0.1, 0.0, 0.2, 0.1], mail=[0.1, 0.0, 0.2, np.nan])
    alike = experiments.expect_gain(plan_of(["call", 0.0, 30.0], ["call", 0.0, 40.0]), effects)
    apart = experiments.expect_gain(plan_of(["call", 0.0, 30.0], ["mail", 0.0, 40.0]), effects)
    assert (alike.low, alike.high, alike.measured) == (pytest.approx(0.0), pytest.approx(140.0), 1)
    assert (apart.low, apart.high, apart.measured) == (pytest.approx(20.0), pytest.approx(120.0), 1)
    assert (alike.actions, apart.actions) == (1, 2)


def test_an_unknown_gain_has_no_range_and_is_not_counted():
    effects = known(call=[0.1, 0.0, 0.2, np.nan])
    nothing = experiments.expect_gain(plan_of(["call", 1.0, np.nan]), effects)
    assert np.isnan([nothing.gain, nothing.low, nothing.high]).all()
    some = experiments.expect_gain(plan_of(["call", 1.0, np.nan], ["call", 1.0, 9.0]), effects)
    assert some.gain == 9.0


def test_what_costs_and_does_nothing_has_no_range():
    found = experiments.expect_gain(plan_of(["call", 5.0, -5.0]), known(call=[0.0, -0.1, 0.1, 0.0]))
    assert (found.gain, found.low, found.high) == (-5.0, -5.0, -5.0)


def test_the_range_holds_what_comes_in_nineteen_of_twenty_worlds():
    """Effects are drawn as the policy's spread says; four actions share 300 customers of uneven worth."""
    random = np.random.default_rng(0)
    names, effect, spread = np.array(list("abcd")), np.array([0.02, 0.05, 0.1, 0.01]), 1.0
    effects = known(
        **{
            name: [one, one * (1 - 1.96 * spread), one * (1 + 1.96 * spread), np.nan]
            for name, one in zip(names, effect, strict=True)
        }
    )
    held = []
    for _world in range(500):
        action, stake = random.integers(0, 4, 300), random.lognormal(4, 1, 300)
        true = effect * (1 + spread * random.standard_normal(4))
        plan = pd.DataFrame({"action": names[action], "cost": 0.5, "gain": stake * effect[action] - 0.5})
        found = experiments.expect_gain(plan, effects)
        held.append(found.low <= (stake * true[action]).sum() - 150.0 <= found.high)
    assert 0.92 < np.mean(held) < 0.98  # three standard errors of 500 worlds
