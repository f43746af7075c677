"""Monthly runs of one company, each remembering the one before: calm, limits, arms, effects, histories."""

import numpy as np
import pandas as pd
import pytest
from worlds import year_figures, year_in_runs

MONTHS, CUSTOMERS = 7, 600
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    return year_in_runs.live_through(tmp_path_factory.mktemp("year"), customers=CUSTOMERS, months=MONTHS)


def test_who_does_not_change_keeps_the_tier_and_every_fall_had_waited_and_was_approved(year):
    found = year_figures.measure_tiers(year)
    assert found["flipped"] <= 0.03
    assert found["falls"] >= 1
    assert found["falls_waited"] == 1.0
    assert found["queue"] <= 0.02 * CUSTOMERS


def test_no_plan_costs_more_than_its_budget_in_all_by_lever_and_by_role(year):
    budget = year_figures.measure_budget(year)
    left = budget.filter(regex="^(total|lever .*|hours .*)$").round(6)
    assert len(left.columns) == 3
    assert (left >= 0).all(axis=None)
    limits = [budget_limit(year.policy.budget, name) for name in left]
    assert ((left / limits).min(axis=1) <= 0.01).all()  # some limit binds, so that the line above can fail


def budget_limit(budget, name):
    kind, _, of = name.partition(" ")
    return budget.total if kind == "total" else getattr(budget, {"lever": "levers"}.get(kind, kind))[of]


def test_every_plan_has_the_same_sums_in_tables_lists_and_headline(year):
    sums = year_figures.measure_budget(year)
    equal = {"cost_of_tasks": "cost", "cost_assigned": "cost", "actions_in_tasks": "actions"}
    for one, other in (equal | {"care_in_tasks": "care"}).items():
        assert sums[one].to_list() == sums[other].to_list()
    assert sums["hours_of_tasks"].to_list() == pytest.approx(sums["hours"].to_list(), abs=0.011)
    said = sums.loc[sums["few"] == 0]
    assert len(said) >= 2
    assert ((said["cost_said"] - said["cost"]).abs() <= 0.5).all()
    assert (said["actions_said"] == said["actions"]).all()
    assert (said["customers_said"] == said["customers"]).all()


def test_what_a_plan_began_stands_in_the_next_lists_until_it_is_done(year):
    begun = year_figures.follow_begun(year)
    assert (begun["to_come"] > 0).sum() >= 3
    assert begun["listed"].to_list() == begun["to_come"].to_list() == begun["said"].to_list()
    assert (begun["others"] == 0).all()


def test_no_control_is_ever_treated_by_what_they_control_for_and_nobody_held_out_by_anything(year):
    assert sum((month["planned_assignments"]["arm"] == "control").sum() for month in year.months) > 50
    assert year_figures.count_treated_controls(year) == 0


def test_what_works_is_measured_counted_on_and_found_and_what_does_not_is_not_claimed(year):
    effects = year_figures.follow_effects(year)
    first, *_, last = (effects[effects["month"] == month].set_index("action") for month in range(MONTHS))
    works, nothing = year_in_runs.WORKS, year_in_runs.DOES_NOTHING
    assert first["measured"].isna().all()
    assert (first["used"] == year_in_runs.ASSUMED).all()
    for action, effect in year_in_runs.TRUTH.items():
        error = last.loc[action, "error"]
        assert last.loc[action, "measured"] == pytest.approx(effect * year_in_runs.DONE, abs=2.6 * error)
    assert last.loc[nothing, "used"] < year_in_runs.ASSUMED < last.loc[works, "used"]
    errors = effects.loc[effects["action"] == works, "error"].dropna()
    assert errors.iloc[-1] < 0.7 * errors.iloc[0]
    assert last.loc[works, "advice"] == "keep"
    assert last.loc[nothing, "advice"] != "keep"
    assert (
        last["verdict"].loc[[works, nothing]] != "lower"
    ).all()  # `year_figures` shows the larger world, where it is said
    others = pd.concat([month["action_effects"] for month in year.months]).query("action != @works")
    assert not others["verdict"].isin(["higher", "lower"]).any()


def test_histories_grow_run_by_run_though_only_the_run_before_is_there(year):
    told = year_figures.describe_history(year)
    assert told["previous"].to_list() == ["none", *told["run"][:-1]]
    assert told["days"].to_list() == list(range(1, MONTHS + 1))
    assert (np.diff(told["rows"]) == [len(month["tiers"]) for month in year.months[1:]]).all()
    assert (np.diff(told["assignments"]) > 0).all()
    assert (np.diff(told["promises"]) > 0).all()
    assert told["holdout_kept"].all()
    assert not told["lost"].any()
