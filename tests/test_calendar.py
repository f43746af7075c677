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


# What an earlier plan began

MONTH_LATER = "2026-01-31"


def treat(*customers, **facts):
    """Assignments of the nurture plan that are reported as going on until March."""
    until = {"start": pd.Timestamp("2026-01-01"), "end": pd.Timestamp("2026-03-31"), "reported": True}
    rows = {"customer_id": list(customers), "action": "nurture plan", "arm": "treatment"} | until | facts
    return pd.DataFrame(rows)


def find_begun(running, earlier=None, **facts):
    plans = [_one("nurture plan").assign(customer_id=name) for name in ("K1", "K2")]
    earlier = calendar.plan_calendar(pd.concat(plans), POLICY, as_of=AS_OF) if earlier is None else earlier
    known = {"objectors": set(), "refusing": {}} | facts
    return calendar.find_begun(earlier, running, POLICY, as_of=MONTH_LATER, **known)


def test_what_an_earlier_plan_began_is_still_to_come_with_its_number_day_and_cost():
    begun = find_begun(treat("K1"))
    assert begun["customer_id"].to_list() == ["K1", "K1"]
    assert begun["occasion"].to_list() == [3, 4]
    assert begun["day"].min() > pd.Timestamp(MONTH_LATER)
    assert begun["cost"].to_list() == [0.3, 0.3]


@pytest.mark.parametrize(
    ("running", "facts"),
    [
        (treat("K1", reported=False), {}),  # drawn, but nobody says that it was done: it is planned anew
        (treat("K1", arm="control"), {}),
        (treat("K1", end=pd.Timestamp("2026-01-15")), {}),
        (treat("K1", action="early access"), {}),
        (treat("K1"), {"objectors": {"K1"}}),
        (treat("K1"), {"refusing": {"email": {"K1"}}}),
        (treat(), {}),
    ],
)
def test_who_was_not_begun_is_over_or_may_not_be_approached_any_more_has_nothing_to_come(running, facts):
    assert find_begun(running, **facts).empty


def test_without_an_earlier_plan_nothing_is_to_come():
    none = calendar.find_begun(None, treat("K1"), POLICY, as_of=MONTH_LATER, objectors=set(), refusing={})
    assert list(none) == list(find_begun(treat("K1")))
    assert none.empty


def test_what_was_begun_keeps_its_day_and_others_have_the_room_that_is_left():
    day, room = pd.Timestamp("2026-02-02"), POLICY.contact.per_day["visit"]
    visits = pd.concat([_one("executive visit").assign(customer_id=f"K{n}") for n in range(room)])
    begun = calendar.plan_calendar(visits.head(1), POLICY, as_of=MONTH_LATER).assign(
        customer_id="B", action="executive visit", day=day, cost=1.0
    )
    planned = check(calendar.plan_calendar(visits, POLICY, as_of=MONTH_LATER, begun=begun), "calendar")
    assert planned.loc[planned["customer_id"] == "B", "day"].to_list() == [day]
    assert planned.groupby("day").size().to_list() == [room, 1]


def test_no_actions_no_calendar(actions):
    planned = check(calendar.plan_calendar(actions.head(0), POLICY, as_of=AS_OF), "calendar")
    assert planned.empty
    assert calendar.count_workload(planned).empty


def _one(name: str) -> pd.DataFrame:
    action = next(action for action in POLICY.playbook if action.name == name)
    row = {"customer_id": "K", "action": name, "channel": action.channel, "owner_role": action.owner_role}
    return pd.DataFrame([row | {"priority": 1}])
