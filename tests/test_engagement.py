"""Engagement: the journey, trouble, teaching, word of mouth, community, ideas; and what actions changed."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import kpi_effects
from crcm_lib.decisions.outcomes import follow_arms
from crcm_lib.errors import PolicyError
from crcm_lib.features import arrivals, engagement, journey_steps
from crcm_lib.features.holdout_windows import Holdout, hold_out_windows
from crcm_lib.models import education, journey, tier_engagement, word_of_mouth
from crcm_lib.models.matched_comparison import NOTHING
from crcm_lib.reporting.text import engaged_customers as words
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT

AS_OF = pd.Timestamp("2025-12-31")
GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = read_policy("policy.yaml")
TIERS = ["strategic", "key", "growth", "regular", "watch"]


def open_times(**frames: pd.DataFrame):
    """An engine with these tables, times as they are."""
    engine = duckdb.connect()
    for name, frame in frames.items():
        engine.register(f"given_{name}", frame)
        engine.execute(f"create table {name} as select * from given_{name}")
    return engine


def days(*given) -> pd.Series:
    return pd.Series(pd.to_datetime(list(given), format="ISO8601"))


def contacts(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "time", "channel", "outcome"])
    return frame.assign(time=pd.to_datetime(frame["time"], format="ISO8601"), direction="inbound")


def tickets(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "opened", "kind"])
    return frame.assign(opened=pd.to_datetime(frame["opened"], format="ISO8601"))


# What is counted


def test_trainings_community_ideas_and_interviews_are_contacts_by_their_channel():
    rows = contacts(
        ("a", "2025-05-01 10:00", "Training ", "attended"),
        ("a", "2025-05-02 10:00", "webinar", "not attended"),
        ("a", "2025-05-03 10:00", "社区", None),
        ("b", "2025-05-04 10:00", "idea", "已采纳"),
        ("b", "2025-05-05 10:00", "suggestion", "not adopted"),
        ("b", "2025-05-06 10:00", "访谈", "interviewed"),
        ("b", "2025-05-07 10:00", "phone", "adopted"),
        ("b", "2026-01-01 00:00", "idea", "adopted"),
    )
    found = engagement.list_dealings(open_frames(contacts=rows), as_of=AS_OF)
    assert found["kind"].to_list() == ["training", "community", "idea", "idea", "interview"]
    assert found["adopted"].to_list() == [False, False, True, False, False]
    plain = rows.drop(columns=["outcome", "direction"])
    assert len(engagement.list_dealings(open_frames(contacts=plain), as_of=AS_OF)) == 6


def test_each_count_looks_back_as_far_as_its_name_says():
    engine = open_times(
        contacts=contacts(
            ("a", "2024-12-31 23:59", "training", "attended"),
            ("b", "2025-01-01 00:00", "training", "attended"),
            ("c", "2025-08-01 00:00", "training", "attended"),
            ("c", "2025-03-01 00:00", "idea", "adopted"),
        ),
        tickets=tickets(
            ("b", "2025-07-04 23:59", "request"),
            ("b", "2025-07-05 00:00", "request"),
            ("b", "2025-07-05 00:00", "complaint"),
            ("c", "2025-07-31 23:59", "question"),
            ("c", "2025-08-01 00:01", "question"),
            ("c", "2026-01-01 00:00", "question"),
        ),
        referrals=pd.DataFrame(
            {
                "customer_id": ["a", "a", "b"],
                "referred_id": ["x", "x", "y"],
                "date": days("2025-01-01", "2025-02-01", "2024-12-31"),
            }
        ),
        surveys=pd.DataFrame(
            {
                "customer_id": ["a", "b", "b", "c"],
                "time": days("2025-01-01", "2025-01-01", "2025-02-01", "2024-12-31"),
                "instrument": "nps",
                "score": [9.0, 10.0, 8.0, 10.0],
            }
        ),
    )
    found = engagement.summarise_engagement(engine, as_of=AS_OF)
    assert found["trainings_365d"].to_dict() == {"a": 0, "b": 1, "c": 1}
    assert found["adopted_365d"].to_dict() == {"a": 0, "b": 0, "c": 1}
    assert found["questions_180d"].to_dict() == {"a": 0, "b": 1, "c": 2}
    assert found["open_questions"].to_dict() == {"a": 0, "b": 1, "c": 1}
    assert found["recommended_365d"].to_dict() == {"a": 1, "b": 0, "c": 0}
    assert found["is_promoter"].to_dict() == {"a": True, "b": False, "c": False}
    assert found["is_advocate"].to_dict() == {"a": True, "b": False, "c": False}
    assert len(tables.check(found.reset_index(), "engagement")) == 3


def test_what_the_data_lack_is_no_column_and_is_said():
    engine = open_frames(tickets=tickets(("a", "2025-12-01", "request")))
    found = engagement.summarise_engagement(engine, as_of=AS_OF)
    assert list(found) == ["questions_180d", "open_questions"]
    lacking = engagement.list_lacking(engine)
    assert lacking == {"contacts", "surveys", "referrals"}
    assert words.explain_missing(lacking, "contacts") == "Not available: no `contacts` table that says it."
    assert words.explain_missing(lacking, "contacts", "referrals").startswith("Not available: none of")
    assert words.explain_missing(lacking, "contacts", "tickets") == ""
    assert engagement.summarise_engagement(open_frames(), as_of=AS_OF).empty


def test_a_kpi_counts_its_events_between_two_days():
    engine = open_frames(
        contacts=contacts(("a", "2025-01-02", "phone", None), ("a", "2025-01-03", "phone", None)).assign(
            direction=["inbound", "outbound"]
        ),
        tickets=tickets(
            ("a", "2025-01-02", "complaint"), ("a", "2025-01-03", "request"), ("a", "2025-01-04", None)
        ),
        referrals=pd.DataFrame({"customer_id": ["b"], "referred_id": ["x"], "date": days("2025-01-02")}),
    )
    for kpi in engagement.KPIS:
        events = engagement.list_events(engine, kpi, as_of=AS_OF)
        assert len(events) == 1, kpi
        after, until = events["time"][0] - pd.Timedelta(days=1), events["time"][0]
        assert engagement.count_between(events, ["a", "b"], after=after, until=until).sum() == 1
        assert engagement.count_between(events, ["a", "b"], after=until, until=AS_OF).sum() == 0
        assert engagement.list_events(open_frames(), kpi, as_of=AS_OF) is None


# The journey


def sales(*rows: tuple) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "day"])
    day = pd.to_datetime(frame["day"])
    return frame.assign(day=day, purchase_day=day, time=day, kind="sale", amount=10.0)


def test_steps_are_the_first_days_of_their_kind():
    engine = open_frames(
        transactions=sales(
            ("a", "2025-03-01"),
            ("a", "2025-03-01"),
            ("a", "2025-04-01"),
            ("b", "2025-05-01"),
            ("z", "2024-01-01"),
        ),
        customers=pd.DataFrame(
            {"customer_id": ["a", "b", "c"], "signup": days("2025-02-01", "2025-06-01", "2025-07-01")}
        ),
        contacts=contacts(("a", "2025-01-15 09:00", "phone", None), ("c", "2026-01-05", "phone", None)),
        contracts=pd.DataFrame({"customer_id": ["a", "a"], "start": days("2025-03-01", "2025-12-01")}),
    )
    steps = journey_steps.list_steps(engine, as_of=AS_OF)
    of_a = steps[steps["customer_id"] == "a"].set_index("step")["day"].dt.strftime("%m-%d").to_dict()
    assert of_a == {
        "known": "01-15",
        "first_order": "03-01",
        "contract": "03-01",
        "second_order": "04-01",
        "next_contract": "12-01",
    }
    assert set(steps.loc[steps["customer_id"] == "b", "step"]) == {"first_order"}  # signed up after it
    assert set(steps.loc[steps["customer_id"] == "c", "step"]) == {"known"}
    ways = journey_steps.trace_transitions(engine, steps, as_of=AS_OF).set_index(["customer_id", "step"])
    assert ways.loc[("a", "known"), ["days", "reached"]].to_list() == [45, True]
    assert ways.loc[("c", "known"), ["days", "reached"]].to_list() == [183, False]
    assert ways.loc[("a", "contract"), ["days", "reached"]].to_list() == [275, True]
    assert "z" not in ways.index.get_level_values(0)  # may have bought before the record began
    observed = journey_steps.find_observed(engine, as_of=AS_OF, days=30)
    assert observed.loc["a"].dt.strftime("%m-%d").to_list() == ["03-01", "05-01"]


def test_the_journey_has_the_second_orders_that_the_page_of_newcomers_has():
    found = arrivals.list_arrivals(open_engine(GOLDEN), as_of=tables.read_about(GOLDEN).as_of)
    curve = arrivals.follow_second_orders(found)
    step = tables.read(GOLDEN, "journey").set_index("step").loc["first_order"]
    assert step["customers"] == found["is_certain"].sum()
    for mark in (30, 90, 180):
        assert step[f"within_{mark}d"] == pytest.approx(curve["share"].iloc[mark])


def ways_of(seed: int, customers: int = 250, reach=(0.8, 0.8, 0.8)) -> pd.DataFrame:
    """Each step is left for the next by a share `reach`, after 60 days on average, some of them not over."""
    random, parts = np.random.default_rng(seed), []
    for (step, later), share in zip(journey_steps.TRANSITIONS, reach, strict=True):
        wait = np.where(random.random(customers) < share, random.exponential(60, customers), 10_000).astype(
            int
        )
        followed = random.integers(0, 900, customers)
        rows = {"customer_id": [f"{step}{n}" for n in range(customers)], "step": step, "next_step": later}
        parts.append(pd.DataFrame(rows | {"days": np.minimum(wait, followed), "reached": wait <= followed}))
    return pd.concat(parts, ignore_index=True)


def read(ways: pd.DataFrame) -> pd.DataFrame:
    return journey.read_journey(journey.follow_journey(ways), ways)


def test_the_share_that_goes_on_is_that_of_the_world_though_many_are_not_followed():
    ways = ways_of(1, customers=6000)
    found = read(ways)
    assert len(tables.check(found, "journey")) == 3
    truth = [0.8 * (1 - np.exp(-mark / 60)) for mark in journey.MARKS]
    for row in found.itertuples():
        assert [row.within_30d, row.within_90d, row.within_180d, row.within_365d] == pytest.approx(
            truth, abs=0.025
        )
        assert row.low < row.within_365d < row.high
    assert ways["reached"].mean() < 0.76  # which plain counting would take it to be


def test_the_narrowest_step_is_named_where_it_is_and_nowhere_else():
    assert journey.find_narrowest(read(ways_of(2, reach=(0.8, 0.5, 0.8))))["step"] == "first_order"
    assert journey.find_narrowest(read(ways_of(2))) is None
    assert journey.find_narrowest(read(ways_of(2)).head(1)) is None


def troubled(seed: int, customers: int = 400, *, after: float = 1.0, burst: int = 1) -> pd.DataFrame:
    """Complaints at a customer's own rate, in bursts; `after` times it after the second order."""
    random = np.random.default_rng(seed)
    length = random.integers(120, 900, customers)
    second = random.integers(1, 90, customers)
    ids = [f"c{n}" for n in range(customers)]
    start = AS_OF - pd.to_timedelta(length, unit="D")
    rate = random.gamma(0.5, 0.003, customers)
    rows = []
    for n in range(customers):
        weight = np.ones(length[n] + 1)
        weight[second[n] : second[n] + journey.WINDOW] *= after
        for day in random.choice(
            len(weight), random.poisson(rate[n] * weight.sum()), p=weight / weight.sum()
        ):
            spread = np.minimum(day + random.integers(0, 5, burst), length[n])
            rows += [(ids[n], start[n] + pd.Timedelta(days=int(each))) for each in spread]
    complaints = pd.DataFrame(rows, columns=["customer_id", "time"])
    observed = pd.DataFrame({"start": start, "end": AS_OF}, index=pd.Index(ids, name="customer_id"))
    steps = pd.DataFrame(
        {
            "customer_id": ids * 2,
            "step": np.repeat(["first_order", "second_order"], customers),
            "day": [*start, *(start + pd.to_timedelta(second, unit="D"))],
        }
    )
    return journey.compare_complaints(complaints, steps, observed, seed=seed).set_index("step")


def test_trouble_after_a_step_is_found_and_after_others_none_is_claimed():
    found = troubled(1, after=4.0)
    assert found.loc["second_order", "verdict"] == "more"
    assert found.loc["second_order", "after_step"] > found.loc["second_order", "high"]
    assert (troubled(2, burst=3)["verdict"] == "cannot_tell").all()
    assert (troubled(3, customers=20)["verdict"] == "too_few").all()


# Teaching


def taught(seed: int, customers: int = 900, *, asks_after: float = 1.0):
    """Who has asked more is trained more often; those trained then ask `asks_after` times as much."""
    random = np.random.default_rng(seed)
    rate = random.gamma(0.8, 0.8, customers)  # questions of a year
    asked = random.poisson(rate)
    trained = random.random(customers) < 1 / (1 + np.exp(1.5 - 0.8 * asked))
    later = random.poisson(rate / 2 * np.where(trained, asks_after, 1.0))
    ids = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    start = AS_OF - pd.Timedelta(days=180)
    before, within = start - pd.Timedelta(days=300), start + pd.Timedelta(days=30)
    rows = [
        (who, day, "request")
        for who, n, m in zip(ids, asked, later, strict=True)
        for day in [before] * n + [within] * m
    ]
    given = contacts(*[(who, start - pd.Timedelta(days=60), "training", "attended") for who in ids[trained]])
    engine = open_frames(contacts=given, tickets=tickets(*rows))
    state = pd.DataFrame(
        {
            "purchases_365d": random.poisson(4, customers),
            "days_since_last": random.integers(0, 90, customers),
        },
        ids,
    )
    spend = pd.Series(0.0, ids)
    return education.compare_trained(engine, [Holdout(start, AS_OF, state, spend, spend)], seed=seed)


def test_those_taught_who_ask_less_are_found_and_where_they_only_asked_more_before_nothing_is_said():
    found = taught(1, asks_after=0.3).measures.set_index("measure").loc["questions"]
    assert found["p"] <= 0.05
    assert found["high"] < 0
    null = taught(3)
    assert null.measures["p"].min() > 0.05
    assert null.measures["unmatched"].iloc[0] > 0.1  # which plain means take for more questions
    assert null.balance["after"].abs().max() < 0.1


def test_who_is_trained_in_the_window_itself_is_nobodys_other():
    ids = pd.Index([f"c{n}" for n in range(120)], name="customer_id")
    start = AS_OF - pd.Timedelta(days=180)
    state = pd.DataFrame({"purchases_365d": 1.0, "days_since_last": 5.0}, ids)
    window = Holdout(start, AS_OF, state, pd.Series(0.0, ids), pd.Series(0.0, ids))
    rows = [(who, start - pd.Timedelta(days=5), "training", "attended") for who in ids[:40]]
    rows += [(who, start + pd.Timedelta(days=5), "training", "attended") for who in ids[40:50]]
    engine = open_frames(contacts=contacts(*rows), tickets=tickets(("c1", "2025-01-01", "request")))
    found = education.compare_trained(engine, [window])
    assert (found.members, found.others) == (40, 70)
    assert education.compare_trained(engine, []) is NOTHING
    assert education.compare_trained(open_frames(contacts=contacts(*rows)), [window]) is NOTHING


def test_of_the_sample_those_trained_ask_less_as_is_planted():
    engine = open_engine(GOLDEN)
    windows = hold_out_windows(engine, end=AS_OF, days=180, count=1, seed=0)
    found = education.compare_trained(engine, windows).measures.set_index("measure")
    assert found.loc["questions", "p"] <= 0.05
    assert found.loc["questions", "members"] < 0.6 * found.loc["questions", "others"]
    assert found.loc["complaints", "p"] > 0.05


# Word of mouth, community, ideas


def brought(seed: int, customers: int = 900, *, more: float = 1.0) -> pd.DataFrame:
    """Later quarters bring more recommended newcomers, and dearer ones; these spend `more` times as much."""
    random = np.random.default_rng(seed)
    ago = random.integers(0, 700, customers)
    recommended = random.random(customers) < np.where(ago < 365, 0.3, 0.1)
    spend = (
        random.lognormal(4, 1, customers) * np.where(ago < 365, 2.0, 1.0) * np.where(recommended, more, 1.0)
    )
    again = random.exponential(120, customers)
    ids = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    first = AS_OF - pd.to_timedelta(ago, unit="D")
    frame = pd.DataFrame(
        {"first_day": first, "again_after_days": np.where(again <= ago, again, np.nan), "spend_180d": spend},
        ids,
    )
    return word_of_mouth.compare_recommended(frame, set(ids[recommended]), as_of=AS_OF, seed=seed)


def test_recommended_newcomers_are_compared_with_those_of_their_quarter():
    planted = brought(1, more=2.0).set_index("measure")
    assert planted.loc["spend_180d", "p"] <= 0.05
    assert planted.loc["again_90d", "p"] > 0.05
    assert brought(2)["p"].min() > 0.05  # though later quarters bring more of both
    assert brought(2, customers=30).empty


def test_newcomers_have_their_first_half_year_and_are_no_early_record():
    rows = [
        ("a", "2025-06-01"),
        ("a", "2025-07-01"),
        ("a", "2025-12-30"),
        ("old", "2024-01-01"),
        ("old", "2025-12-31"),
    ]
    found = arrivals.list_arrivals(open_frames(transactions=sales(*rows)), as_of=AS_OF).query("is_certain")
    assert found.index.to_list() == ["a"]
    assert found.loc["a", ["again_after_days", "spend_180d"]].to_list() == [30, 20.0]


def grouped(seed: int, customers: int = 600, *, planted: float = 1.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    ids = [f"c{n}" for n in range(customers)]
    tier = pd.Series(random.choice(TIERS, customers), ids)
    shows = pd.Series(random.random(customers) < 0.08 * np.where(tier == "key", planted, 1.0), ids)
    return tier_engagement.share_by_group(shows, tier, TIERS).set_index("group")


def test_a_tier_that_speaks_for_us_more_is_found_and_none_where_all_are_alike():
    assert grouped(1, planted=4.0).loc["key", "verdict"] == "more"
    assert set(grouped(2)["verdict"]) == {"cannot_tell"}
    assert (grouped(3, customers=12)["verdict"] != "more").all()


def test_ideas_are_those_of_the_year_and_their_adopted_share_has_a_range():
    rows = [(f"c{n}", "2025-02-01", "idea", "adopted" if n < 3 else "not adopted") for n in range(10)]
    rows += [("c1", "2024-12-31", "idea", "adopted"), ("c2", "2025-03-01", "community", "posted")]
    dealings = engagement.list_dealings(open_frames(contacts=contacts(*rows)), as_of=AS_OF)
    tiers = pd.Series("key", [f"c{n}" for n in range(10)])
    since = AS_OF - pd.Timedelta(days=365)
    found = tier_engagement.share_adopted(dealings, tiers, TIERS, since=since).set_index("tier")
    assert found.loc["key", ["customers", "ideas", "adopted", "adopted_share"]].to_list() == [10, 10, 3, 0.3]
    assert found.loc["key", "low"] < 0.3 < found.loc["key", "high"]
    assert found.loc["watch", "ideas"] == 0
    quarters = tier_engagement.count_quarters(dealings, tiers, as_of=AS_OF)
    assert quarters.to_dict("records") == [
        {"quarter": "2025-Q1", "tier": "key", "customers": 1, "contacts": 1}
    ]


def test_candidates_of_the_community_are_advocates_outside_it():
    frame = pd.DataFrame(
        {"is_advocate": [True, True, False], "community_365d": [1, 0, 0]}, index=["in", "out", "no"]
    )
    tiers = pd.Series("key", frame.index)
    shares = tier_engagement.share_by_group(frame["community_365d"] > 0, tiers, TIERS)
    assert tier_engagement.add_candidates(shares, frame, tiers)["could_be_invited"].to_list() == [
        0,
        1,
        0,
        0,
        0,
    ]
    assert tier_engagement.add_candidates(shares, frame[[]], tiers)["could_be_invited"].sum() == 0
    sums = tier_engagement.sum_by_tier(frame.assign(questions_180d=[3, 0, 1]), tiers, TIERS).set_index("tier")
    assert sums.loc["key", ["customers", "questions_180d", "questions_180d_by"]].to_list() == [3, 4, 2]
    asking = tier_engagement.pick_asking(sums.reset_index()).set_index("tier")
    assert asking.loc["key"].to_list() == [2, 4, 0, 0]


# What actions changed


def tried(
    seed: int, customers: int = 300, *, asks: float = 1.0, controls: float = 0.3, kind: str = "request"
):
    """A wave of product training; those treated ask `asks` times as much."""
    random = np.random.default_rng(seed)
    ids = [f"c{n}" for n in range(customers)]
    treated = random.random(customers) >= controls
    start = pd.Timestamp("2025-07-01")
    arms = pd.DataFrame(
        {"customer_id": ids, "action": "product training", "arm": np.where(treated, "treatment", "control")}
    )
    arms = arms.assign(start=start, end=start + pd.Timedelta(days=90))
    asked = random.poisson(random.gamma(0.8, 1.0, customers) * np.where(treated, asks, 1.0))
    rows = [
        (who, start + pd.Timedelta(days=int(random.integers(0, 90))), kind)
        for who, n in zip(ids, asked, strict=True)
        for _n in range(n)
    ]
    rows += [(who, start - pd.Timedelta(days=1), "request") for who in ids[:50]]  # before it began
    engine = open_frames(tickets=tickets(*rows), transactions=sales(*[(who, "2025-01-01") for who in ids]))
    followed = kpi_effects.follow_kpis(engine, follow_arms(engine, arms, as_of=AS_OF), POLICY, as_of=AS_OF)
    return kpi_effects.compare_kpis(followed, POLICY, seed=seed).set_index("action")


def test_what_an_action_changes_is_found_beside_its_controls_and_nothing_where_it_changes_nothing():
    found = tried(1, asks=0.3)
    assert found.loc["product training", "verdict"] == "fewer"
    assert found.loc["product training", "high"] < 0
    assert found.loc["community invitation", "verdict"] == "not_tried"
    assert tried(2).loc["product training", "verdict"] == "cannot_tell"
    assert len(tables.check(found.reset_index(), "kpi_effects")) == 4


def test_what_cannot_be_compared_is_said():
    assert tried(3, controls=0.0).loc["product training", "verdict"] == "no_controls"
    assert tried(4, customers=6).loc["product training", "verdict"] in ("too_few", "cannot_tell")
    only_complaints = tried(5, kind="complaint").loc["product training"]
    assert only_complaints["treated_mean"] == only_complaints["control_mean"] == 0
    engine = open_frames(transactions=sales(("a", "2025-01-01")))
    arms = pd.DataFrame({"customer_id": [f"c{n}" for n in range(40)], "action": "product training"})
    arms = arms.assign(
        arm=["treatment", "control"] * 20, start=pd.Timestamp("2025-07-01"), end=pd.Timestamp("2025-09-01")
    )
    followed = kpi_effects.follow_kpis(engine, follow_arms(engine, arms, as_of=AS_OF), POLICY, as_of=AS_OF)
    assert (
        kpi_effects.compare_kpis(followed, POLICY, seed=0)
        .set_index("action")
        .loc["product training", "verdict"]
        == "not_known"
    )


def test_an_arm_of_few_shows_no_number():
    effects = tried(6, customers=60, controls=0.1).reset_index()
    effects.loc[effects["action"] == "product training", "controls"] = 3
    shown = kpi_effects.hide_small_arms(effects, at_least=5).set_index("action").loc["product training"]
    assert shown["verdict"] == "too_few"
    assert shown[["treated", "controls", "treated_mean", "difference"]].isna().all()
    alone = tried(6, controls=0.0).reset_index()
    assert kpi_effects.hide_small_arms(alone, at_least=5)["verdict"].to_list() == alone["verdict"].to_list()


# Worlds without anything to find


CLAIMS = {
    "narrowest": lambda seed: journey.find_narrowest(read(ways_of(seed))) is not None,
    "trouble": lambda seed: troubled(seed, customers=150, burst=2)["verdict"].isin(["more", "fewer"]).any(),
    "taught": lambda seed: taught(seed, customers=500).measures["p"].le(0.05).any(),
    "recommended": lambda seed: brought(seed, customers=500)["p"].le(0.05).any(),
    "tiers": lambda seed: grouped(seed)["verdict"].isin(["more", "fewer"]).any(),
    "kpis": lambda seed: tried(seed)["verdict"].isin(["more", "fewer"]).any(),
}


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS)
def test_hardly_any_world_without_anything_to_find_says_something(claim):
    assert sum(CLAIMS[claim](seed) for seed in range(100)) <= 10  # 5 %, and what chance adds to it


# The policy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('{"playbook.product training.asks_for_help": 0}', "asks_for_help"),
        ('{"playbook.product training.kpi": "question"}', "kpi"),
        ('{"care.customer day.day": null}', "on which day is the event"),
        ('{"care.customer day.days_after": 3}', "nobody is invited after an event"),
        ('{"care.birthday greeting.seats": 3}', "'seats' is of an `occasion: event`"),
        ('{"care.customer day.seats": 0}', "seats"),
    ],
)
def test_what_does_not_fit_is_an_error(change, said):
    with pytest.raises(PolicyError, match=said):
        read_policy("policy.yaml", change)


# Sentences


def shown(**facts) -> words.EngagementFacts:
    given = {
        "journey": read(ways_of(2)),
        "trouble": troubled(2, customers=60).reset_index(),
        "engagement": pd.DataFrame(index=pd.Index([], name="customer_id")),
        "trained": NOTHING,
        "recommended": brought(2, customers=30),
        "kpis": tried(2).reset_index(),
    }
    return words.EngagementFacts(**given | facts)


def takeaway(why: str = "", **facts) -> str:
    return words.describe_engagement(shown(**facts), why).markdown


def test_the_takeaway_says_what_is_beyond_chance_and_nothing_else():
    assert takeaway() == "Too few customers deal with us to say anything."
    assert takeaway("Not available.") == "Not available."
    narrow = takeaway(journey=read(ways_of(2, reach=(0.8, 0.5, 0.8))))
    assert narrow.startswith("**The journey loses most after the first order**: within a year")
    assert "come to the second order" in narrow
    assert "**Complaints come more often in the 30 days after**: second order (" in takeaway(
        trouble=troubled(1, after=4.0).reset_index()
    )
    assert "Beside controls drawn by lot, product training: fewer questions (" in takeaway(
        kpis=tried(1, asks=0.3).reset_index()
    )


def test_the_takeaway_counts_those_who_ask_and_those_who_speak_for_us():
    rows = {
        "open_questions": [1] * 6 + [0] * 24,
        "is_advocate": [True] * 20 + [False] * 10,
        "community_365d": [1] * 8 + [0] * 22,
    }
    frame = pd.DataFrame(rows, index=[f"c{n}" for n in range(30)])
    said = takeaway(engagement=frame)
    assert "6 customers asked something in the last half-year and were not trained since." in said
    assert "20 customers speak for us; 12 of them could be invited to the community." in said
    few = takeaway(engagement=frame.assign(open_questions=0, is_advocate=[True] * 10 + [False] * 20))
    assert "asked something" not in few
    assert "speak for us" not in few  # two outside the community would be seen


@pytest.mark.parametrize(
    ("asks", "said", "unsaid"),
    [
        (0.3, "**Those trained asked fewer questions**", "more"),
        (3.0, "**Those trained asked more questions**", "fewer"),
        (1.0, "chance explains", "**"),
    ],
)
def test_questions_of_those_trained_are_fewer_or_more_only_beyond_chance(asks, said, unsaid):
    sentence = words.write_trained(taught(3, asks_after=asks))
    assert said in sentence
    assert unsaid not in sentence.replace("would say more", "")
    assert ("control group" in sentence) == ("**" in sentence)
    assert not any(word in sentence for word in ("because", "effect", "thanks to"))


def test_the_captions_say_who_is_compared_and_why_nobody_is():
    window = Holdout(pd.Timestamp("2025-07-04"), AS_OF, pd.DataFrame(), pd.Series(), pd.Series())
    comparison = taught(3)
    said = words.caption_trained(comparison, [window])
    assert "in the 180 days from 2025-07-05 on" in said
    assert "they differ by at most" in said
    apart = comparison.__class__(**comparison.__dict__ | {"balance": pd.DataFrame({"after": [0.4]})})
    assert "they still differ by 0.40" in words.caption_trained(apart, [window])
    assert words.caption_trained(NOTHING, []) == ""
    assert words.explain_uncompared(NOTHING, "why") == "why"
    assert words.explain_uncompared(NOTHING, "").startswith("Too few were trained (0)")
    assert list(words.write_measures(comparison)["measure"]) == ["questions", "complaints"]


def test_recommended_customers_are_said_to_differ_only_beyond_chance():
    planted = words.describe_recommended(brought(1, more=2.0))
    assert planted.startswith(
        "**Customers who were recommended differ** from others of the same quarter (spend of the "
        "first 180 days: "
    )
    assert "second order" not in planted
    assert "differ from others of their quarter neither" in words.describe_recommended(brought(2))
    assert words.describe_recommended(brought(2, customers=30)) == ""
    assert words.explain_few_recommended("").startswith("Too few were recommended")
    assert words.write_recommended(brought(2))["measure"].to_list() == [
        "share with a second order within 90 days",
        "spend of the first 180 days",
    ]
    assert "spend in CNY" in words.caption_recommended("CNY")
    scored = words.caption_recommenders(POLICY)
    assert "part of the score" in scored
    unscored = POLICY.model_copy(update={"criteria": POLICY.criteria[:1]})
    assert "part of the score" not in words.caption_recommenders(unscored)


def test_tables_are_written_in_words():
    ways = ways_of(2)
    found = words.write_journey(read(ways))
    assert found["step"].to_list() == ["sign-up or first contact", "first order", "first contract"]
    assert "Kaplan & Meier" in words.caption_journey(found)
    assert words.caption_journey(found.head(0)) == words.explain_no_steps()
    curves = words.write_curves(journey.follow_journey(ways))
    assert "first order to second order: " in words.describe_curves(curves)
    assert words.describe_curves(curves.head(0)) == words.explain_no_steps()
    trouble = words.write_trouble(troubled(1, after=4.0).reset_index())
    assert trouble["verdict"].iloc[1] == "more, beyond chance"
    assert "in the 30 days from a step on" in words.caption_trouble()
    assert words.explain_no_complaints() == "No complaint is known."
    hidden = grouped(2).reset_index()
    hidden.loc[0, "showing"] = np.nan
    assert words.write_shares(hidden)["verdict"].to_list()[:2] == ["", "cannot tell"]
    assert words.write_verdicts(pd.Series(["no_controls"]))[0] == "no controls: cannot tell"


def test_what_is_planned_and_what_was_tried_is_said_of_each_kpi():
    actions = pd.DataFrame({"action": ["product training"] * 3, "customer_id": list("abc")})
    written = words.write_kpis(tried(2).reset_index(), POLICY, actions).set_index("action")
    assert written.loc["product training", "planned_for"] == 3
    assert written.loc["community invitation", "verdict"] == "not tried yet"
    assert written.loc["win back message", "kpi"] == "contacts begun by the customer"
    assert "1 of 4 actions with a KPI were tried before" in words.caption_kpis(tried(2))
    assert words.caption_kpis(tried(2).head(0)) == "No action of the playbook names a KPI."
    assert words.describe_kpis(tried(2)) == ""
    assert "product training from 1 on" in words.caption_teaching(POLICY)
    none = POLICY.model_copy(update={"playbook": POLICY.playbook[:1]})
    assert "no action of the playbook asks for it" in words.caption_teaching(none)


def test_ideas_interviews_and_the_community_say_what_they_count_and_why_there_is_nothing():
    none = pd.DataFrame({"kind": ["training"]})
    assert words.explain_none(none, "idea").startswith("No contact is an idea")
    assert words.explain_none(none, "interview").startswith("No contact is an interview")
    assert words.explain_none(pd.DataFrame({"kind": ["idea"]}), "idea") == ""
    assert "adopted so far" in words.caption_ideas()
    assert "those who are lost too" in words.caption_interviews()
    assert "could be invited" in words.caption_community()
    lines = pd.DataFrame({"quarter": ["2025-Q3", "2025-Q4"], "tier": "key", "customers": [6.0, 8.0]})
    assert "key 8 in 2025-Q4" in words.describe_quarters(lines, "")
    assert (
        words.describe_quarters(lines.head(0), "")
        == "Too few customers of any tier were in the community in a quarter to show."
    )
    assert words.describe_quarters(lines.head(0), "why") == "why"


def test_without_any_table_of_engagement_every_part_has_no_rows_and_none_stops():
    engine = open_frames(transactions=sales(("a", "2025-01-01"), ("a", "2025-06-01"), ("b", "2025-09-01")))
    steps = journey_steps.list_steps(engine, as_of=AS_OF)
    observed = journey_steps.find_observed(engine, as_of=AS_OF, days=30)
    trouble = journey.compare_complaints(
        engagement.list_events(engine, "complaints", as_of=AS_OF), steps, observed
    )
    assert words.write_trouble(trouble).empty
    dealings, tiers = engagement.list_dealings(engine, as_of=AS_OF), pd.Series("key", ["a", "b"])
    assert tier_engagement.count_quarters(dealings, tiers, as_of=AS_OF).empty
    assert tier_engagement.share_adopted(dealings, tiers, TIERS, since=AS_OF)["ideas"].sum() == 0
    frame = engagement.summarise_engagement(engine, as_of=AS_OF)
    assert list(frame) == []
    assert (
        tier_engagement.pick_asking(tier_engagement.sum_by_tier(frame, tiers, TIERS))["questions"].sum() == 0
    )
    assert takeaway(engagement=frame, trouble=trouble) == "Too few customers deal with us to say anything."
