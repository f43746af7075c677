"""Service against what was promised, complaints that come again or wait for a word, who buys no more."""

import json
import shutil

import duckdb
import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from test_planted import shown_values

from crcm_lib.config.policy import read_policy
from crcm_lib.config.service_policy import ServiceLevel
from crcm_lib.errors import PolicyError
from crcm_lib.features.care_days import list_care_days
from crcm_lib.features.unanswered_complaints import list_lacking, list_unanswered
from crcm_lib.models import satisfaction as service
from crcm_lib.models.satisfaction import complaints
from crcm_lib.reporting.takeaway import Takeaway
from crcm_lib.reporting.text import service_feedback as text
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT, find_problems
from crcm_lib.stats import count_effective

AS_OF = "2024-06-30"
DAY = pd.Timestamp(AS_OF)


def engine_with(**frames):
    engine = duckdb.connect()
    for name, frame in frames.items():
        engine.register("given", frame)
        engine.execute(f"create table {name} as from given")
    return engine


def tickets(*rows, columns=("customer_id", "opened", "responded", "resolved")):
    frame = pd.DataFrame(rows, columns=list(columns)).assign(kind="complaint")
    times = frame.columns.intersection(["opened", "responded", "resolved"])
    return frame.assign(**{name: pd.to_datetime(frame[name], format="ISO8601") for name in times})


# What was promised

LEVEL = ServiceLevel(first_response_hours=4, resolution_hours=24, reached=0.9, satisfaction_floor=3.0)


def waits_of(kept, customers, hours=4.0):
    waited = np.where(np.array(kept, bool), hours, hours + 1)
    frame = pd.DataFrame({"customer_id": customers, "waited": waited, "age": 999.0, "done": True})
    return frame.assign(step="first_response")


def attained(kept, customers=None, target=0.9):
    who = [f"c{n}" for n in range(len(kept))] if customers is None else customers
    level = {"key": ServiceLevel(first_response_hours=4, reached=target)}
    found = service.measure_attainment(waits_of(kept, who), pd.Series("key", pd.Index(who).unique()), level)
    return found.iloc[0]


def test_a_share_that_was_kept_has_the_binomials_p_and_wilsons_interval():
    found = attained([1] * 14 + [0] * 6)
    assert found["kept_share"] == 0.7
    assert found["p_value"] == pytest.approx(binom.cdf(14, 20, 0.9))
    assert (found["low"], found["high"]) == pytest.approx((0.481, 0.855), abs=5e-4)  # Wilson 1927
    assert found["verdict"] == "below"
    assert attained([1] * 17 + [0] * 3)["verdict"] == "near"
    assert attained([1] * 18 + [0] * 2)["verdict"] == "reached"
    assert attained([1] * 5 + [0] * 4)["verdict"] == "too_few"


def test_tickets_of_one_customer_count_as_fewer():
    """Ten customers with three alike tickets each: the variance of the ratio is 10/9 · 18.9 / 30²."""
    apart = attained([1] * 21 + [0] * 9)
    together = attained([1] * 21 + [0] * 9, np.repeat([f"c{n}" for n in range(10)], 3))
    effective = count_effective(np.array([3.0] * 7 + [0.0] * 3), np.full(10, 3.0))
    assert effective == pytest.approx(30 * 0.21 / 29 / (10 / 9 * 18.9 / 900), abs=1e-5)
    assert together["p_value"] > 10 * apart["p_value"]
    assert together["low"] < apart["low"]


def draw_waits(seed, *, late, customers=250):
    """Two tickets of each customer by three teams: D3 is late as often as said, the others are at 0.2."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), 2)
    team = random.choice(["D1", "D2", "D3"], len(who))
    own = random.normal(0, 0.1, customers)[who]  # a customer's tickets go together
    is_late = random.random(len(who)) < np.clip(np.where(team == "D3", late, 0.2) + own, 0, 1)
    waited = np.where(is_late, 50.0, 3.0)
    names = pd.Index([f"c{n}" for n in who])
    frame = {"customer_id": names, "step": "first_response", "waited": waited, "age": 99.0, "done": True}
    return pd.DataFrame(frame | {"team": team})


def compare_teams(waits):
    tiers = pd.Series("key", index=waits["customer_id"].unique())
    return service.compare_teams(waits, tiers, {"key": LEVEL}).set_index("team")


def test_a_team_that_is_late_more_often_is_found_and_hardly_any_null_world_names_one():
    found = compare_teams(draw_waits(0, late=0.5))
    assert found["verdict"].to_dict() == {"D1": "keeps_more", "D2": "keeps_more", "D3": "keeps_less"}
    assert found.loc["D3", "difference"] == pytest.approx(-0.3, abs=0.1)
    assert found.loc["D3", "low"] < -0.3 < found.loc["D3", "high"]
    claimed = [
        compare_teams(draw_waits(seed, late=0.2))["verdict"].isin(["keeps_less", "keeps_more"]).any()
        for seed in range(100)
    ]
    assert sum(claimed) <= 9


def test_teams_of_few_customers_are_not_compared_and_one_team_has_no_others():
    waits = draw_waits(0, late=0.9, customers=8)
    assert set(compare_teams(waits)["verdict"]) == {"too_few"}
    assert len(compare_teams(waits.assign(team="D1"))) == 0
    assert len(compare_teams(waits.drop(columns="team"))) == 0


def test_waits_of_a_group_are_those_of_its_tickets_and_the_ones_that_wait_count():
    log = pd.DataFrame(
        [
            ("a", "complaint", "2024-06-20 08:00", "2024-06-20 10:00"),
            ("a", "complaint", "2024-06-21 08:00", "2024-06-21 12:00"),
            ("b", "complaint", "2024-06-22 08:00", None),
            ("b", "request", "2024-06-23 08:00", "2024-06-23 09:00"),
        ],
        columns=["customer_id", "kind", "opened", "responded"],
    )
    for column in ("opened", "responded"):
        log[column] = pd.to_datetime(log[column])
    waits = service.list_waits(engine_with(tickets=log), as_of=AS_OF)
    found = service.measure_waits_by_group(waits, pd.Series({"a": "key"})).set_index(["by", "group"])
    assert found.loc[("kind", "complaint"), ["customers", "tickets", "waiting", "p50_hours"]].to_list() == [
        2,
        3,
        1,
        4,
    ]
    assert np.isnan(found.loc[("kind", "complaint"), "p90_hours"])
    assert found.loc[("tier", "key"), "tickets"] == 2
    assert found.loc[("kind", "request"), "p90_hours"] == 1
    assert ("channel", "phone") not in found.index
    teams = pd.DataFrame({"team": ["D1"], "verdict": ["keeps_less"]})
    written = text.write_waits(found.reset_index().replace({"request": "D1", "kind": "team"}), teams)
    assert written["by"].to_list() == ["all", "tier", "team", "team"]
    assert written["first response p50"].to_list() == [2, 2, 4, 1]
    assert written["in_time"].to_list() == ["", "", "", "less often than the others, beyond chance"]


def test_a_ticket_that_still_waits_has_missed_its_hours_and_a_young_one_is_not_judged():
    log = tickets(
        ("a", "2024-06-30 08:00", "2024-06-30 11:00", None),  # answered in time; resolution still has time
        ("b", "2024-06-28 08:00", None, None),  # missed both
        ("c", "2024-06-30 22:00", "2024-06-30 23:00", None),  # two hours old at the end
        ("d", "2024-06-20 08:00", "2024-06-20 13:00", "2024-07-01 09:00"),  # resolved after as_of: missed
        ("e", "2024-07-01 08:00", None, None),  # after as_of
    )
    waits = service.list_waits(engine_with(tickets=log), as_of=AS_OF)
    tiers = pd.Series("key", index=list("abcde"))
    found = service.measure_attainment(waits, tiers, {"key": LEVEL}).set_index("step")
    assert found["tickets"].to_dict() == {"first_response": 3, "resolution": 2}
    assert found.loc["first_response", "kept_share"] == pytest.approx(1 / 3)
    assert found.loc["resolution", "kept_share"] == 0


def test_what_is_dated_later_and_how_rows_are_ordered_change_nothing():
    days = [f"2024-06-{n + 1:02d}" for n in range(20)]
    log = tickets(*[(f"c{n}", f"{day} 08:00", f"{day} 1{n % 9}:00", None) for n, day in enumerate(days)])
    tiers, levels = pd.Series("key", index=[f"c{n}" for n in range(20)]), {"key": LEVEL}
    later = log.assign(
        resolved=pd.Timestamp("2024-07-05"), opened=log["opened"].where(log.index < 19, "2024-07-02")
    )
    cut = log[log.index < 19]
    found = [
        service.measure_attainment(service.list_waits(engine_with(tickets=frame), as_of=AS_OF), tiers, levels)
        for frame in (cut, later, cut.sample(frac=1, random_state=1))
    ]
    pd.testing.assert_frame_equal(found[0], found[1])
    pd.testing.assert_frame_equal(found[0], found[2])


def test_tickets_of_a_year_ago_and_of_tiers_without_a_promise_are_not_judged():
    log = tickets(("a", "2023-06-01 08:00", None, None), ("b", "2024-06-01 08:00", None, None))
    waits = service.list_waits(engine_with(tickets=log), as_of=AS_OF)
    assert set(waits["customer_id"]) == {"b"}
    assert service.measure_attainment(waits, pd.Series({"b": "watch"}), {"key": LEVEL}).empty
    assert service.measure_attainment(waits, pd.Series({"b": "key"}), {}).empty


def draw_attainment(seed, truth, customers=20):
    """Tickets of five tiers, of which `truth` is kept; those of a customer go together."""
    rng = np.random.default_rng(seed)
    who = np.array([f"{tier}{n}" for tier in "abcde" for n in range(customers)])
    often = 1 + rng.geometric(0.5, len(who))
    own = np.repeat(rng.beta(4 * truth, 4 * (1 - truth), len(who)), often)
    waits = waits_of(rng.random(len(own)) < own, np.repeat(who, often))
    levels = {tier: ServiceLevel(first_response_hours=4, reached=0.9) for tier in "abcde"}
    tiers = pd.Series([name[0] for name in who], who)
    return service.measure_attainment(waits, tiers, levels)["verdict"].eq("below")


def test_where_all_keep_what_was_promised_it_is_seldom_said_that_they_do_not():
    alarms = sum(draw_attainment(seed, 0.9).any() for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_where_a_third_of_what_was_promised_is_missed_it_is_found():
    found = [draw_attainment(seed, 0.6) for seed in range(15)]
    assert np.mean([each.any() for each in found]) == 1
    assert np.mean([each.mean() for each in found]) > 0.8


def floors_of(answers, floor=3.0):
    table = pd.DataFrame({"csat": answers}, index=[f"c{n}" for n in range(len(answers))])
    levels = {"key": ServiceLevel(satisfaction_floor=floor)}
    return service.measure_floors(table, pd.Series("key", index=table.index), levels).iloc[0]


def test_a_floor_is_judged_by_students_test_on_one_side():
    answers = [2.0, 3.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0]
    t = -0.5 / (np.std(answers, ddof=1) / 10**0.5)
    from scipy.stats import t as student

    found = floors_of(answers)
    assert found["p_value"] == pytest.approx(student.cdf(t, 9))
    assert found["verdict"] == "below"
    assert floors_of(answers, 2.6)["verdict"] == "near"
    assert floors_of(answers, 2.5)["verdict"] == "reached"
    assert floors_of(answers[:9])["verdict"] == "too_few"


def test_where_answers_lie_at_the_floor_it_is_seldom_said_that_they_are_below():
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        who = [f"{tier}{n}" for tier in "abcde" for n in range(25)]
        table = pd.DataFrame({"csat": rng.choice([1, 2, 3, 4, 5], len(who))}, index=who)
        levels = {tier: ServiceLevel(satisfaction_floor=3) for tier in "abcde"}
        found = service.measure_floors(table, pd.Series([name[0] for name in who], who), levels)
        alarms += found["verdict"].eq("below").any()
    assert alarms <= binom.ppf(0.99, 100, 0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"service_levels": {"strategik": {"reached": 0.9}}}, "Did you mean 'strategic'"),
        ({"service_levels.key": {"first_response_hours": 9, "resolution_hours": 8}}, "comes after a resol"),
        ({"service_levels.key": {"reached": 1.0}}, "less than 1"),
        ({"service_levels.key": {"satisfaction_floor": 6}}, "less than or equal to 5"),
        ({"service_levels.key": {"hours": 6}}, "resolution_hours"),
    ],
)
def test_what_does_not_fit_in_the_policy_is_said(change, words):
    with pytest.raises(PolicyError, match=words):
        read_policy("policy.yaml", json.dumps(change))


@pytest.mark.parametrize("path", ["policy.yaml", "policies/retail.yaml", "policies/b2b.yaml"])
def test_every_policy_promises_each_tier_something(path):
    policy = read_policy(path)
    assert list(policy.service_levels) == [tier.name for tier in policy.tiers]


# Again


def test_a_repeat_is_the_same_cause_within_the_days():
    log = tickets(
        ("a", "2024-01-01", "late"),
        ("a", "2024-03-31", "late"),  # 90 days later
        ("a", "2024-04-01", "broken"),
        ("b", "2024-01-01", "late"),
        ("b", "2024-04-01", "late"),  # 91 days later
        ("c", "2024-05-01", None),
        ("c", "2024-05-02", None),  # no cause: cannot be told
        ("d", "2024-06-01", "late"),
        ("d", "2024-07-01", "late"),  # after as_of
        columns=("customer_id", "opened", "cause"),
    )
    found = service.list_repeats(engine_with(tickets=log), as_of=AS_OF)
    assert found.set_index(["customer_id", "cause"])["repeats"].to_dict() == {
        ("a", "broken"): 0,
        ("a", "late"): 1,
        ("b", "late"): 0,
        ("d", "late"): 0,
    }
    counted = service.count_repeats(found, at_least=2).set_index("cause")
    assert counted.loc["late"].to_dict() == {"complaints": 5, "repeats": 1, "customers": 1, "share": 0.2}
    few = text.write_repeats(service.count_repeats(found, at_least=4))
    assert few["cause"].to_list() == ["(small groups)"]
    assert service.list_repeats(engine_with(), as_of=AS_OF).empty


# Who is still waiting for a word

CONTACTS = pd.DataFrame(
    {
        "customer_id": ["called", "before", "wrote", "mailing", "again", "tomorrow"],
        "time": pd.to_datetime(
            ["2024-06-20", "2024-06-01", "2024-06-20", "2024-06-20", "2024-06-12", "2024-07-02"]
        ),
        "direction": ["outbound", "outbound", "inbound", "outbound", "outbound", "outbound"],
        "channel": ["phone", "phone", "email", "campaign", "email", "phone"],
    }
)
COMPLAINTS = tickets(
    *[(who, "2024-06-10 09:00", None, None) for who in ("called", "before", "wrote", "mailing", "tomorrow")],
    ("again", "2024-06-10 09:00", None, "2024-06-11"),
    ("again", "2024-06-15 09:00", None, "2024-06-16"),
    ("again", "2024-06-25 09:00", None, "2024-06-26"),
    ("long ago", "2024-03-01", None, None),
    ("later", "2024-07-01", None, None),
)


def test_who_was_not_approached_since_is_waiting():
    found = list_unanswered(engine_with(tickets=COMPLAINTS, contacts=CONTACTS), as_of=AS_OF)
    assert found.set_index("customer_id").to_dict("index") == {
        "again": {"complaints": 2, "days_waiting": 15, "is_open": False},
        "before": {"complaints": 1, "days_waiting": 20, "is_open": True},
        "mailing": {"complaints": 1, "days_waiting": 20, "is_open": True},
        "tomorrow": {"complaints": 1, "days_waiting": 20, "is_open": True},
        "wrote": {"complaints": 1, "days_waiting": 20, "is_open": True},
    }
    assert find_problems(found, RESULTS["unanswered_complaints"]) == []


def test_a_word_that_12_reads_as_outbound_is_one_here_too():
    said = CONTACTS.assign(direction=CONTACTS["direction"].replace({"outbound": "呼出", "inbound": "呼入"}))
    found = [
        list_unanswered(engine_with(tickets=COMPLAINTS, contacts=contacts), as_of=AS_OF)
        for contacts in (CONTACTS, said)
    ]
    pd.testing.assert_frame_equal(*found)


def test_they_are_an_occasion_on_the_first_day_that_can_be_used():
    days = list_care_days(engine_with(tickets=COMPLAINTS, contacts=CONTACTS), as_of=AS_OF, days=90)
    due = days[days["occasion"] == "unanswered_complaint"]
    assert set(due["day"]) == {pd.Timestamp("2024-07-01")}
    assert len(due) == 5


def test_without_contacts_nobody_is_said_to_wait():
    for frames, lacking in (
        ({}, ["tickets", "contacts"]),
        ({"tickets": COMPLAINTS}, ["contacts"]),
        ({"tickets": COMPLAINTS, "contacts": CONTACTS.drop(columns="direction")}, ["contacts.direction"]),
    ):
        engine = engine_with(**frames)
        assert list_lacking(engine) == lacking
        assert list_unanswered(engine, as_of=AS_OF).empty
    assert text.explain_lacking(["contacts.direction"]) == "Not available: no `contacts.direction`."
    assert text.explain_lacking([]) == ""


def test_waiting_customers_are_counted_by_tier():
    waiting = list_unanswered(engine_with(tickets=COMPLAINTS, contacts=CONTACTS), as_of=AS_OF)
    tiers = pd.Series({"again": "key", "before": "watch", "mailing": "watch", "wrote": "watch"})
    found = service.group_waiting(waiting, tiers)
    assert found.to_dict("records") == [
        {"tier": "watch", "customers": 3, "open": 3, "days_waiting": 20.0},
        {"tier": "key", "customers": 1, "open": 0, "days_waiting": 15.0},
    ]


# Who buys no more


def test_buyers_of_half_a_year_ago_are_followed_until_today():
    start = DAY - pd.Timedelta(days=180)
    sales = pd.DataFrame(
        {
            "customer_id": ["left", "stays", "stays", "new", "gone", "stays"],
            "time": [
                start,
                start - pd.Timedelta(days=40),
                start + pd.Timedelta(days=1),
                start + pd.Timedelta(days=1),
                start - pd.Timedelta(days=365),
                start - pd.Timedelta(days=60),
            ],
            "amount": 9.0,
            "kind": "sale",
        }
    )
    engine = open_frames(transactions=sales.assign(day=sales["time"], purchase_day=sales["time"]))
    found = service.follow_buyers(engine, as_of=AS_OF)
    assert found["left"].to_dict() == {"left": True, "stays": False}
    assert found["stratum"].to_dict() == {"left": 0, "stays": 11}  # once, today; more often, 31 to 90 days


def followed(seed, more_of_those_who_complained, customers=240):
    """Buyers of whom those in a later band leave more often and complain less."""
    rng = np.random.default_rng(seed)
    band = rng.integers(0, 3, customers)
    complained = rng.random(customers) < 0.3 - 0.05 * band
    chance = 0.15 + 0.2 * band + more_of_those_who_complained * complained
    buyers = pd.DataFrame({"stratum": band, "left": rng.random(customers) < chance})
    buyers.index = [f"c{n}" for n in range(customers)]
    who = buyers.index[complained]
    subject = rng.choice(["late", "price"], len(who))
    return service.compare_leaving(buyers, pd.DataFrame({"customer_id": who, "subject": subject}))


def test_where_a_complaint_says_nothing_of_leaving_it_is_seldom_said_to():
    found = [followed(seed, 0.0)["verdict"].isin(["more", "fewer"]) for seed in range(100)]
    assert sum(each.iloc[0] for each in found) <= binom.ppf(0.99, 100, 0.05)
    assert sum(each.iloc[1:].any() for each in found) <= binom.ppf(0.99, 100, 0.05)


def test_where_those_who_complain_leave_twice_as_often_it_is_found():
    found = [followed(seed, 0.35).iloc[0] for seed in range(12)]
    assert np.mean([row["verdict"] == "more" for row in found]) > 0.9
    assert np.mean([row["difference"] for row in found]) == pytest.approx(0.35, abs=0.07)
    assert np.mean([row["low"] <= 0.35 <= row["high"] for row in found]) > 0.8


def test_a_cause_of_few_is_not_named_and_few_are_not_compared():
    buyers = pd.DataFrame({"stratum": 0, "left": [True, False] * 50}, index=[f"c{n}" for n in range(100)])
    named = pd.DataFrame({"customer_id": buyers.index[:30], "subject": ["late"] * 21 + ["Xu_Mei"] * 9})
    found = service.compare_leaving(buyers, named)
    assert found["subject"].to_list() == ["all", "late"]
    assert service.compare_leaving(buyers, named, at_least=22)["subject"].to_list() == ["all"]
    staying = service.compare_leaving(buyers.assign(left=~buyers.index.isin(named["customer_id"])), named)
    assert staying["verdict"].to_list() == ["fewer", "fewer"]
    none = service.compare_leaving(buyers, named.head(0))
    assert none["verdict"].to_list() == ["too_few"]
    assert text.write_leaving(none).empty
    assert text.write_leaving(found)["subject"].to_list() == ["any of these", "late"]


def test_complaints_of_the_half_year_before_are_those_compared():
    start = DAY - pd.Timedelta(days=180)
    log = tickets(
        ("a", start, "late"),
        ("b", start + pd.Timedelta(days=1), "late"),
        ("c", start - pd.Timedelta(days=179), "late"),
        ("d", start - pd.Timedelta(days=180), "late"),
        columns=("customer_id", "opened", "cause"),
    )
    found = service.list_complaints(engine_with(tickets=log), as_of=AS_OF)
    assert found["customer_id"].to_list() == ["a", "c"]
    bare = service.list_complaints(engine_with(tickets=log.drop(columns="cause")), as_of=AS_OF)
    assert bare["subject"].isna().all()
    assert complaints.list_complaints(engine_with(tickets=log.drop(columns="kind")), as_of=AS_OF).empty


# In words

WAITS = pd.DataFrame({"step": ["resolution"], "tickets": [9], "p50_hours": [4.0], "p90_hours": [9.0]})
CAUSES = pd.DataFrame({"cause": ["late"], "tickets": [9], "share": [1.0], "cumulative_share": [1.0]})
ROW = {"tier": "key", "step": "resolution", "target_hours": 24, "target_share": 0.9, "tickets": 30}
ROW |= {"customers": 25, "kept_share": 0.7, "low": 0.5, "high": 0.85, "p_value": 0.01}
LEFT = {"subject": "all", "customers": 30, "others": 90, "left_share": 0.5, "others_left_share": 0.2}
LEFT |= {"difference": 0.3, "low": 0.1, "high": 0.5, "p_value": 0.001}


TEAM = {"team": "D3", "kept_share": 0.6, "others_kept_share": 0.8}
RISE = {"topic": "price", "share_before": 0.1, "share_now": 0.3}


def say(attained="reached", floor="reached", left="cannot_tell", missing=(), **known):
    waiting, waits = known.pop("waiting", None), known.pop("waits", WAITS)
    team = known.pop("team", "cannot_tell")
    leading = {"causes": ["late"], "p_value": 0.9, "tickets": 9, "complaints": 20} | known
    floors = pd.DataFrame([{"tier": "key", "floor": 3.0, "mean": 2.5, "verdict": floor}])
    facts = text.ServiceFacts(
        waits,
        pd.DataFrame([ROW | {"verdict": attained}]),
        floors,
        leading,
        pd.DataFrame([LEFT | {"verdict": left}]),
        pd.DataFrame([TEAM | {"verdict": team}]),
        pd.DataFrame([RISE | {"verdict": known.pop("change", "cannot_tell")}]),
        waiting,
    )
    return text.describe_service(facts, list(missing)).markdown


def silent(**changes):
    return say(attained="too_few", waits=WAITS.head(0), causes=[], **changes)


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        ("Half of the tickets take 4 hours", {}, {"waits": WAITS.assign(tickets=4)}),
        ("in time, beyond chance (promised): key, resolution: 70.0% (90.0%).", {"attained": "below"}, {}),
        ("in time, beyond chance", {"attained": "below"}, {"attained": "near"}),
        ("No tier's tickets were later than promised beyond", {"attained": "near"}, {"attained": "too_few"}),
        (
            "Satisfaction is below its floor, beyond chance, in: key 2.5 (3.0).",
            {"floor": "below"},
            {"floor": "near"},
        ),
        ("**5 customers** complained in the last 90 days and nobody", {"waiting": 5}, {"waiting": 4}),
        ("nobody has approached them", {"waiting": 5}, {"waiting": None}),
        ("Team **D3** is in time less often", {"team": "keeps_less"}, {"team": "cannot_tell"}),
        ("60.0% of its steps against 80.0%", {"team": "keeps_less"}, {"team": "keeps_more"}),
        ("**late** leads the causes", {"p_value": 0.04}, {"p_value": 0.05}),
        ("each: no cause leads", {"causes": ["late", "price"]}, {}),
        ("no more beyond the next cause than chance", {}, {"p_value": 0.04}),
        ("Of 30 buyers who complained half a year ago or before, 50.0% bought no", {"left": "more"}, {}),
        ("or before, only 50.0% bought no more", {"left": "fewer"}, {"left": "too_few"}),
        ("More texts than half a year before are about: price 10.0% → 30.0%.", {"change": "rises"}, {}),
        ("More texts than half", {"change": "rises"}, {"change": "falls"}),
        ("table. More texts", {"missing": ["tickets"], "change": "rises"}, {"missing": ["tickets"]}),
        ("Not available: no `tickets` table.", {"missing": ["tickets"]}, {"missing": ["surveys"]}),
    ],
)
def test_each_sentence_is_said_where_it_holds_and_not_where_it_does_not(words, said, unsaid):
    assert words in say(**said)
    assert words not in say(**unsaid)


def test_of_few_tickets_nothing_is_said():
    assert silent() == "Too few tickets to say anything."
    assert silent(left="more") != silent()


def test_levels_and_causes_in_words_and_pictures_say_what_they_show():
    hidden = ROW | {"tier": "watch", "kept_share": None, "verdict": "too_few"}
    rows = pd.DataFrame([ROW | {"verdict": "below"}, hidden])
    assert text.write_levels(rows)["verdict"].to_list() == ["below, beyond chance", "too few customers"]
    assert "key, resolution 70.0% (50.0% to 85.0%), promised 90.0%." in text.describe_levels(rows, "")
    assert text.describe_levels(rows.tail(1), "") == "Too few tickets for any tier."
    assert text.describe_levels(rows.head(0), "no table") == "no table"
    assert text.describe_causes(CAUSES.head(0), "") == "No causes given, or too few complaints."
    assert text.describe_causes(CAUSES, "").startswith("Bars, complaints by cause")
    assert text.write_causes(CAUSES.assign(cause=None))["cause"].item() == "not stated"
    for name, words in {"near": "below, within chance", "reached": "reached"}.items():
        assert text.write_levels(rows.assign(verdict=name))["verdict"].iloc[0] == words
    for name, words in {"more": "more, beyond chance", "cannot_tell": "cannot tell"}.items():
        left = text.write_leaving(pd.DataFrame([LEFT | {"verdict": name}]))
        assert left["verdict"].to_list() == [words]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["07_satisfaction", "14_service_feedback"])
@pytest.mark.parametrize("removed", ["tickets", "surveys", "both"])
def test_without_tickets_or_surveys_the_pages_say_so_and_the_rest_of_them(tmp_path, name, removed):
    folder, gone = tmp_path / "golden", ["tickets", "surveys"] if removed == "both" else [removed]
    shutil.copytree(ROOT / "data" / "sample" / "golden", folder)
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    headlines = []
    for tables in ([], gone):
        for table in tables:
            (folder / "clean" / f"{table}.parquet").unlink()
        place = tmp_path / f"scratch{len(tables)}"
        _names, shown = shown_values(code, {"input_dir": str(folder), "output_dir": str(place)})
        headlines.append(next(value.markdown for value in shown if isinstance(value, Takeaway)))
    assert headlines[0] != headlines[1]
    assert ("Not available" in headlines[1]) == (name[:2] == "07" or "tickets" in gone)
