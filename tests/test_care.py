"""Occasions of customers: found in their tables, greeted with consent, on a working day that has room."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import calendar, care
from crcm_lib.errors import PolicyError
from crcm_lib.features.care_days import list_care_days
from crcm_lib.schema.tables import check

AS_OF = "2026-01-31"
POLICY = read_policy("policy.yaml")
CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["leap", "old", "unknown"],
        "birthday": pd.to_datetime(["1996-02-29", "1970-03-01", None]),
        "signup": pd.to_datetime([None, "2024-04-01", "2026-01-15"]),
    }
)
CONTRACTS = pd.DataFrame(
    {
        "customer_id": ["ends", "renewed", "followed", "followed", "over", "later"],
        "start": pd.to_datetime(["2025-04-01"] * 3 + ["2026-01-01", "2024-01-01", "2026-02-01"]),
        "end": pd.to_datetime(["2026-03-31"] * 3 + ["2026-12-31", "2025-12-31", "2026-03-31"]),
        "renewed": [None, True, None, None, False, None],
    }
)
TICKETS = pd.DataFrame(
    {
        "customer_id": ["cross", "cross", "asked", "long ago", "open", "tomorrow"],
        "kind": ["complaint", "complaint", "request", "complaint", "complaint", "complaint"],
        "opened": pd.to_datetime(["2025-12-01"] * 6),
        "resolved": pd.to_datetime(
            ["2026-01-10 09:00", "2026-01-20 17:30", "2026-01-20", "2025-12-15", None, "2026-02-01 08:00"],
            format="ISO8601",
        ),
    }
)


def found(days=100, **tables):
    engine = duckdb.connect()
    for name, frame in tables.items():
        engine.register(f"given_{name}", frame)
        engine.execute(f"create table {name} as select * from given_{name}")
    rows = list_care_days(engine, as_of=AS_OF, days=days)
    return [(who, what, f"{day:%Y-%m-%d}") for who, what, day, *_facts in rows.itertuples(index=False)]


# Which days


def test_birthdays_and_anniversaries_come_round():
    assert found(customers=CUSTOMERS) == [
        ("leap", "birthday", "2026-02-28"),
        ("old", "birthday", "2026-03-01"),
        ("old", "anniversary", "2026-04-01"),
    ]
    assert ("unknown", "anniversary", "2027-01-15") in found(days=400, customers=CUSTOMERS)
    assert ("leap", "birthday", "2027-02-28") in found(days=400, customers=CUSTOMERS)


def test_a_contract_ends_unless_it_is_renewed_followed_or_not_begun():
    assert found(contracts=CONTRACTS) == [("ends", "contract_end", "2026-03-31")]
    assert found(days=30, contracts=CONTRACTS) == []


def test_a_complaint_counts_once_from_the_day_it_was_resolved():
    assert found(tickets=TICKETS) == [("cross", "complaint", "2026-01-20")]


def test_without_such_tables_there_are_no_days():
    assert found() == []
    assert found(customers=CUSTOMERS[["customer_id"]]) == []


def test_without_days_of_any_customer_nothing_is_planned_and_nothing_stops():
    """A shop that has neither birthdays nor contracts nor tickets."""
    none = list_care_days(duckdb.connect(), as_of=AS_OF, days=100)
    people = pd.Series("watch", index=pd.Index(["a"], name="customer_id"))
    assert care.plan_care(people, none, POLICY, as_of=AS_OF, objectors=set(), refusing={}).empty


# What is done


def plan(days, tiers="strategic", objectors=(), refusing=None, policy=POLICY, as_of=AS_OF):
    rows = pd.DataFrame(days, columns=["customer_id", "occasion", "day"])
    rows["day"] = pd.to_datetime(rows["day"])
    people = pd.Series(tiers, index=pd.Index(["a", "b"], name="customer_id"))
    made = care.plan_care(
        people, rows, policy, as_of=as_of, objectors=set(objectors), refusing=refusing or {}
    )
    return check(made, "care") if len(made) else made


def without_events():
    return POLICY.model_copy(update={"care": tuple(each for each in POLICY.care if each.occasion != "event")})


def names(planned):
    return [(who, what) for who, what in planned[["customer_id", "action"]].itertuples(index=False)]


def test_each_entry_has_its_day_before_or_after_the_occasion():
    days = [("a", "contract_end", "2026-04-30"), ("b", "complaint", "2026-01-20")]
    planned = plan(days)
    of_days = planned[~planned["occasion"].isin(["holiday", "event"])].set_index("action")["day"]
    assert of_days.dt.strftime("%Y-%m-%d").to_dict() == {
        "complaint follow-up": "2026-02-03",
        "contract talk": "2026-03-01",
        "contract reminder": "2026-03-31",
    }


def test_a_festival_is_greeted_once_before_it_in_the_tiers_named():
    festival = plan([], policy=without_events())
    assert names(festival) == [("a", "festival greeting"), ("b", "festival greeting")]
    assert set(festival["day"]) == {pd.Timestamp("2026-02-14")}  # two days before New Year's Eve
    assert plan([], tiers="watch").empty
    assert plan([], policy=POLICY.model_copy(update={"care": ()})).empty


def test_who_objects_to_marketing_gets_no_greeting_but_a_call_about_a_contract_or_complaint():
    days = [("a", "birthday", "2026-02-10"), ("a", "complaint", "2026-01-20")]
    assert ("a", "birthday greeting") in names(plan(days))
    assert names(plan(days, objectors=["a", "b"])) == [("a", "complaint follow-up")]
    assert ("a", "complaint follow-up") not in names(plan(days, refusing={"phone": {"a"}}))


def test_a_customer_has_an_entry_once_though_the_occasion_comes_twice():
    days = [("a", "contract_end", "2026-04-30"), ("a", "contract_end", "2026-05-30")]
    talks = plan(days).query("action == 'contract talk'")
    assert talks["day"].to_list() == [pd.Timestamp("2026-03-01")]


def test_years_that_are_not_announced_are_those_of_the_plan():
    assert care.list_unknown_years(POLICY, as_of="2026-03-01") == []
    assert care.list_unknown_years(POLICY, as_of="2040-12-15") == [2040, 2041]


# When


def test_an_occasion_keeps_its_day_or_comes_before_it_and_the_rest_goes_round_it():
    people = [f"K{n:02d}" for n in range(12)]
    days = pd.DataFrame({"customer_id": people, "action": "complaint follow-up", "channel": "phone"})
    days = days.assign(owner_role="service representative", day=pd.Timestamp("2026-02-08"))  # a Sunday
    planned = calendar.plan_calendar(others(people), POLICY, as_of=AS_OF, care=days)
    occasions = planned[planned["action"] == "complaint follow-up"]["day"].dt.strftime("%m-%d").value_counts()
    assert occasions.to_dict() == {"02-06": 8, "02-05": 4}  # 8 calls a day
    busiest = planned[planned["channel"] == "phone"].groupby(["owner_role", "day"]).size()
    assert busiest.max() == 8


def others(people):
    rows = [(who, "personal call", "phone", "service representative", 1) for who in people for _n in range(5)]
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "channel", "owner_role", "priority"])
    return frame.drop_duplicates(["customer_id"])


def test_without_room_before_its_day_an_occasion_comes_as_soon_as_there_is_some():
    days = pd.DataFrame({"customer_id": [f"K{n}" for n in range(10)], "action": "call", "channel": "phone"})
    days = days.assign(owner_role="r", day=pd.Timestamp("2026-02-02"))
    nothing = others([])
    planned = calendar.plan_calendar(nothing, POLICY, as_of=AS_OF, care=days)
    assert planned["day"].dt.strftime("%m-%d").value_counts().to_dict() == {"02-02": 8, "02-03": 2}


def test_places_before_and_after_are_those_of_one_after_the_other():
    random = np.random.default_rng(1)
    for _n in range(200):
        rooms = random.integers(0, 4, 30)
        rooms[-1] = 40
        wishes = np.sort(random.integers(0, 30, 20))
        assert calendar.place_after(wishes, rooms).tolist() == one_by_one(wishes, rooms)
        backwards = calendar.place_before(wishes, rooms)
        expected = one_by_one(29 - wishes[::-1], np.append(rooms[::-1], 40))
        assert sorted(backwards) == sorted(-1 if day > 29 else 29 - day for day in expected)
        assert (backwards <= wishes).all()


def one_by_one(wishes, rooms):
    left, days = list(rooms), []
    for wish in wishes:
        day = next(n for n in range(wish, len(left)) if left[n])
        left[day] -= 1
        days.append(day)
    return days


# The policy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('{"care.festival greeting.holidays": []}', "name the `holidays`"),
        ('{"calendar.country": null}', "whose holidays"),
        ('{"care.contract talk.tiers": ["strategik"]}', "Did you mean 'strategic'"),
        ('{"care.contract talk.name": "win back message"}', "an action of the playbook too"),
    ],
)
def test_what_does_not_fit_is_said(change, words):
    with pytest.raises(PolicyError, match=words):
        read_policy("policy.yaml", change)


def test_who_complained_and_heard_nothing_is_approached_at_once_and_about_nothing_else():
    days = [("a", "complaint", "2026-01-20"), ("b", "complaint", "2026-01-20")]
    planned = plan([*days, ("a", "unanswered_complaint", "2026-02-01")], tiers="watch", objectors=["a", "b"])
    assert names(planned) == [("a", "unanswered complaint call"), ("b", "complaint follow-up")]
    assert planned["day"].to_list()[0] == pd.Timestamp("2026-02-01")


# Gifts and events of ours


def invited(
    people, *, seats=None, as_of=AS_OF, members_only=False, objectors=(), refusing=None, situation=None
):
    """The invitations to an event on 2026-03-20, six weeks before it, and how many wait for a seat."""
    entry = next(each for each in POLICY.care if each.occasion == "event")
    changed = entry.model_copy(update={"seats": seats, "members_only": members_only})
    policy = POLICY.model_copy(update={"care": (changed,)})
    tiers = pd.Series(people).rename_axis("customer_id")
    given = {"as_of": as_of, "objectors": set(objectors), "refusing": refusing or {}, "situation": situation}
    nothing = pd.DataFrame(columns=["customer_id", "occasion", "day"])
    planned = care.plan_care(tiers, nothing, policy, **given)
    if len(planned):
        check(planned, "care")
    return planned, care.count_waiting(tiers, nothing, policy, **given)


PEOPLE = {"a": "growth", "b": "strategic", "c": "growth", "d": "watch", "e": "key"}
SPENT = pd.DataFrame(
    {
        "spend_total": [5.0, 1.0, 9.0, 99.0, 1.0],
        "member_since": pd.to_datetime([None, "2025-01-01", None, None, None]),
    },
    index=list("abcde"),
)


def test_who_is_called_about_a_debt_is_neither_invited_nor_waits_for_a_seat():
    event = next(each for each in POLICY.care if each.occasion == "event")
    call = next(each for each in POLICY.care if each.occasion == "overdue")
    policy = POLICY.model_copy(update={"care": (event.model_copy(update={"seats": 1}), call)})
    tiers = pd.Series(dict.fromkeys("abc", "strategic")).rename_axis("customer_id")
    owes = pd.DataFrame({"customer_id": ["b"], "occasion": ["overdue"], "day": [pd.Timestamp("2026-02-01")]})
    given = {"as_of": AS_OF, "objectors": set(), "refusing": {}}
    planned = care.plan_care(tiers, owes, policy, **given)
    assert set(planned.loc[planned["occasion"] == "event", "customer_id"]) == {"a"}
    assert care.count_waiting(tiers, owes, policy, **given) == {event.name: 1}


def test_seats_go_to_the_better_tier_then_to_who_has_spent_more_and_the_rest_wait():
    planned, waiting = invited(PEOPLE, seats=3, situation=SPENT)
    assert set(planned["customer_id"]) == {"b", "e", "c"}
    assert set(planned["day"]) == {pd.Timestamp("2026-02-06")}
    assert waiting == {"customer day": 1}
    everybody, nobody_waits = invited(PEOPLE, situation=SPENT)
    assert set(everybody["customer_id"]) == set("abce")  # not of a tier that is not named
    assert nobody_waits == {}


def test_who_objects_or_refuses_the_channel_takes_no_seat():
    planned, waiting = invited(PEOPLE, seats=2, objectors=["b"], refusing={"email": {"e"}})
    assert set(planned["customer_id"]) == {"a", "c"}
    assert waiting == {}


def test_an_event_of_members_invites_members_alone():
    planned, _waiting = invited(PEOPLE, members_only=True, situation=SPENT)
    assert planned["customer_id"].to_list() == ["b"]
    assert invited(PEOPLE, members_only=True)[0].empty


def test_an_event_whose_invitations_are_over_or_far_ahead_invites_nobody():
    for day in ("2026-02-06", "2025-10-31"):
        planned, waiting = invited(PEOPLE, seats=1, as_of=day)
        assert planned.empty
        assert waiting == {}


def test_invitations_have_a_working_day_in_the_calendar():
    planned, _waiting = invited(PEOPLE)
    placed = calendar.plan_calendar(others([]), POLICY, as_of=AS_OF, care=planned)
    assert set(placed["day"]) == {pd.Timestamp("2026-02-06")}
    assert set(placed["customer_id"]) == set("abce")


def test_an_anniversary_of_the_best_tier_brings_a_gift_with_its_cost():
    gift = plan([("a", "anniversary", "2026-03-02")], policy=without_events()).set_index("action")
    assert gift.loc["anniversary gift", "cost"] == 40
    assert (
        "anniversary gift" not in plan([("a", "anniversary", "2026-03-02")], tiers="key")["action"].to_list()
    )
