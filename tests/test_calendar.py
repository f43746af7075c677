"""Every contact on a working day, within a role's day, repeated as the playbook says."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import calendar
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml", '{"calendar.country": null, "care": []}')
AS_OF = "2025-12-31"  # a Wednesday


@pytest.fixture(scope="module")
def actions() -> pd.DataFrame:
    """Fifty customers for each action, with equal priorities among them."""
    rows = [
        {
            "customer_id": f"K{number:03d}",
            "action": action.name,
            "channel": action.channel,
            "owner_role": action.owner_role,
            "priority": 1 + number // 10,
        }
        for action in POLICY.playbook
        for number in range(50)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def planned(actions) -> pd.DataFrame:
    return check(calendar.plan_calendar(actions, POLICY, as_of=AS_OF), "calendar")


def test_everyone_who_is_to_be_approached_has_a_first_day(planned, actions):
    wanted = {action.name for action in POLICY.playbook if action.contact and not action.standard}
    first = planned[planned["occasion"] == 1]
    assert set(first["action"]) == wanted
    assert len(first) == 50 * len(wanted)


def test_nothing_is_planned_on_a_weekend_or_before_the_plan_begins(planned):
    assert planned["day"].dt.day_of_week.max() <= 4
    assert planned["day"].min() == pd.Timestamp("2026-01-01")
    friday = calendar.plan_calendar(_one("personal call"), POLICY, as_of="2026-01-02")
    assert friday["day"].to_list() == [pd.Timestamp("2026-01-05")]


def test_no_role_does_more_than_its_day_allows(planned):
    busiest = planned.groupby(["day", "owner_role", "channel"]).size().groupby("channel").max()
    for channel, most in POLICY.contact.per_day.items():
        assert busiest[channel] <= most
    assert busiest["visit"] == POLICY.contact.per_day["visit"]  # and the days are full


def test_first_things_come_first(planned):
    first = planned[(planned["occasion"] == 1) & (planned["action"] == "framework terms")]
    assert first["day"].is_monotonic_increasing
    assert first["customer_id"].to_list() == sorted(first["customer_id"])


def test_an_action_is_repeated_until_its_days_are_over():
    nurture = calendar.plan_calendar(_one("nurture plan"), POLICY, as_of=AS_OF)
    apart = nurture["day"].diff().dropna().dt.days
    assert nurture["occasion"].to_list() == [1, 2, 3, 4]  # weeks 0, 4, 8 and 12 of 90 days
    assert set(apart) == {28}


def test_the_order_of_the_rows_changes_nothing(actions, planned):
    shuffled = actions.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(calendar.plan_calendar(shuffled, POLICY, as_of=AS_OF), planned)


def test_contacts_that_come_too_late_are_counted():
    many = pd.concat([_one("executive visit").assign(customer_id=f"K{number:03d}") for number in range(300)])
    planned = calendar.plan_calendar(many, POLICY, as_of=AS_OF)
    fits = 3 * np.busday_count("2026-01-01", "2026-04-01")  # 90 days after as_of, three visits a day
    assert calendar.count_late(planned, POLICY, as_of=AS_OF) == 300 - fits


def test_a_week_without_contacts_is_shown_as_such():
    nurture = calendar.plan_calendar(_one("nurture plan"), POLICY, as_of=AS_OF)
    weeks = calendar.count_workload(nurture)
    assert weeks["marketing manager"].to_list() == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert set(weeks.index.day_name()) == {"Monday"}


def test_no_actions_no_calendar(actions):
    planned = check(calendar.plan_calendar(actions.head(0), POLICY, as_of=AS_OF), "calendar")
    assert planned.empty
    assert calendar.count_workload(planned).empty


def _one(name: str) -> pd.DataFrame:
    action = next(action for action in POLICY.playbook if action.name == name)
    row = {"customer_id": "K", "action": name, "channel": action.channel, "owner_role": action.owner_role}
    return pd.DataFrame([row | {"priority": 1}])
