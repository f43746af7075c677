"""New customers: when they order again, which channel wins better ones, what is due, who is like the best."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import care, newcomer_plan, proxies
from crcm_lib.features import arrivals as features
from crcm_lib.features import care_days, early_tickets
from crcm_lib.models import satisfaction
from crcm_lib.models.newcomers import acquisition_channels as channels
from crcm_lib.models.newcomers import ideal_profile as ideal
from crcm_lib.models.newcomers.second_order import compare_cohorts
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text import first_ninety_days as words
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import ROOT
from crcm_lib.survival import compare_groups, compare_in_order, follow_events

AS_OF = pd.Timestamp("2025-12-31")
GOLDEN = ROOT / "data/sample/golden"
POLICY = read_policy("policy.yaml")
CHANNELS = ("fair", "search", "social", "walk-in")


def open_frames(**frames: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """An engine with these tables: whole days as dates, other times as they are, amounts as decimals."""
    engine = duckdb.connect()
    for name, frame in frames.items():
        engine.register(f"given_{name}", frame)
        times = frame.select_dtypes("datetime")
        kinds = {column: "date" for column in times if (times[column] == times[column].dt.normalize()).all()}
        kinds |= {column: "decimal(18, 4)" for column in ("amount", "cost") if column in frame}
        wanted = [f'cast("{c}" as {kinds[c]}) as "{c}"' if c in kinds else f'"{c}"' for c in frame]
        engine.execute(f"create table {name} as select {', '.join(wanted)} from given_{name}")
    return engine


def arrive(
    seed: int, customers: int = 600, *, rates=None, later: float = 1.0, days: int = 900
) -> pd.DataFrame:
    """Newcomers over 900 days whose second order comes after exponential days, 1 / 80 a day on average.

    `rates` are factors by channel, `later` the factor of the last comers against the first.
    """
    random = np.random.default_rng(seed)
    index = pd.Index([f"c{n:04d}" for n in range(customers)], name="customer_id")
    followed = random.integers(0, days, customers)
    channel = random.choice(CHANNELS, customers)
    factor = np.array([(rates or {}).get(name, 1.0) for name in channel]) * later ** (1 - followed / days)
    own = random.gamma(2.0, 1 / 2.0, customers) * factor / 80
    again = 1 + np.floor(random.exponential(1 / own))
    spend = random.lognormal(5, 1.2, customers) * (1 + np.minimum(followed, 180) * own)
    return pd.DataFrame(
        {
            "first_day": AS_OF - pd.to_timedelta(followed, unit="D"),
            "is_certain": True,
            "is_kept": True,
            "days_followed": followed,
            "again_after_days": np.where(again <= followed, again, np.nan),
            "acquisition_channel": channel,
            "spend_180d": spend,
            "margin_180d": spend * 0.3,
        },
        index=index,
    )


def verdicts_of(frame: pd.DataFrame) -> dict[str, str]:
    found = channels.compare_channels(frame).channels.set_index("channel")
    return {**found["again"].add_prefix("again "), **found["money"].add_prefix("money ")}


def attributes_of(seed: int, customers: int = 900, *, effect: float = 0.0, joint: bool = False):
    """Attributes of customers, and who is in the best tier: one in twelve, by log odds of two of them."""
    random = np.random.default_rng(seed)
    index = pd.Index([f"c{n:04d}" for n in range(customers)], name="customer_id")
    facts = pd.DataFrame({f"a{n}": random.choice(list("xyz"), customers) for n in range(6)}, index)
    log = effect * (facts["a0"] == "x") - effect * (facts["a1"] == "y") * joint
    best = random.random(customers) < 1 / (1 + 11 * np.exp(-(log - log.mean())))
    return facts, pd.Series(best, index)


def serve(seed: int, customers: int = 400, *, early: float = 1.0) -> pd.DataFrame:
    """Sums of service over a year; newcomers wait `early` times as long; some customers complain more."""
    random = np.random.default_rng(seed)
    rows = []
    for is_early, share in ((True, 0.3), (False, 0.9)):
        who = np.flatnonzero(random.random(customers) < share)
        own = np.random.default_rng([seed, 1]).gamma(0.5, 2.0, customers)[who]
        days, tickets = 1 + random.poisson(3, len(who)), random.poisson(0.4 * own)
        hours = (
            random.gamma(np.maximum(tickets, 1e-9) * 1.5, 5.0)
            * (early if is_early else 1.0)
            * (0.5 + own / 2)
        )
        sums = {"complaints": random.binomial(tickets, 0.3), "response_hours": hours * (tickets > 0)}
        sums |= {"resolution_hours": hours * 4 * (tickets > 0), "satisfaction": tickets * 3.0}
        counts = {"purchase_days": days, "responses": tickets, "resolutions": tickets, "marks": tickets}
        index = pd.Index([f"c{n:04d}" for n in who], name="customer_id")
        rows.append(pd.DataFrame(sums | counts, index).assign(is_early=is_early))
    return pd.concat(rows).set_index("is_early", append=True)


# When they order again


def test_the_share_is_kaplan_and_meiers_until_fewer_than_ten_are_followed():
    days, happened = np.arange(1, 21), np.arange(1, 21) <= 8
    curve = follow_events(days, happened)
    assert curve["share"].iloc[8] == pytest.approx(8 / 20)
    assert curve["days"].iloc[-1] == 11  # ten are followed so long
    assert (curve["low"].dropna() < curve["share"][curve["low"].notna()]).all()
    assert follow_events(np.arange(5), np.ones(5, dtype=bool)).empty


def test_nine_in_ten_intervals_hold_the_truth():
    held = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        again, followed = random.exponential(60, 200).astype(int), random.integers(0, 200, 200)
        row = follow_events(np.minimum(again, followed), again <= followed).iloc[90]
        held.append(row["low"] <= 1 - np.exp(-91 / 60) <= row["high"])
    assert np.mean(held) >= 0.9


def test_who_is_followed_for_a_short_time_counts_for_that_time_only():
    """A cohort of the last month looks no worse than one of a year ago with the same habits."""
    cohorts = compare_cohorts(arrive(1, 3000)).cohorts
    assert cohorts["within_30d"].std() < 0.05
    assert cohorts["within_90d"].isna().to_list() == [False] * (len(cohorts) - 1) + [True]


def test_later_cohorts_are_found_where_they_differ_and_not_else():
    better, alike, worse = (compare_cohorts(arrive(2, later=factor)) for factor in (3.0, 1.0, 1 / 3))
    assert better.p_trend <= 0.05 < alike.p_trend
    assert better.trend > 0 > worse.trend
    assert min(compare_cohorts(arrive(seed)).p_differ for seed in range(10)) > 0.001
    assert "order again sooner" in words.caption_cohorts(better)
    assert "later, or more seldom" in words.caption_cohorts(worse)
    assert "Chance explains" in words.caption_cohorts(alike)


@pytest.mark.slow
def test_cohorts_that_are_alike_are_said_to_differ_in_one_of_twenty_worlds_at_most():
    found = [compare_cohorts(arrive(seed)) for seed in range(200)]
    assert np.mean([min(each.p_differ, each.p_trend) <= 0.05 for each in found]) <= 0.075


def test_few_second_orders_compare_no_cohorts():
    few = compare_cohorts(arrive(3, 20))
    assert np.isnan(few.p_differ)
    assert "Too few second orders" in words.caption_cohorts(few)
    one = compare_cohorts(arrive(3, 100, days=60).query("first_day >= '2025-12-01'"))
    assert "none to compare it with" in words.caption_cohorts(one)
    assert compare_groups(np.array([1, 2]), np.array([True, True]), np.array([0, 1])) != 0
    assert np.isnan(compare_in_order(np.array([1, 2]), np.array([True, True]), np.array([0, 1]))[1])


def shop(*firsts: tuple, channel: dict | None = None, **more) -> dict[str, pd.DataFrame]:
    """Sales: customer and day, of 10 yuan that cost 4."""
    lines = pd.DataFrame(firsts, columns=["customer_id", "day"])
    day = pd.to_datetime(lines["day"])
    lines = lines.assign(day=day, purchase_day=day, kind="sale", amount=10.0, cost=4.0)
    known = pd.DataFrame(
        {"customer_id": list(channel or {}), "acquisition_channel": list((channel or {}).values())}
    )
    return {"transactions": lines} | ({"customers": known} if channel else {}) | more


def test_whoever_came_in_the_first_tenth_of_the_record_may_not_be_new():
    rows = [("old", "2025-01-01"), ("new", "2025-06-01"), ("new", "2025-07-01"), ("late", "2025-12-01")]
    engine = open_frames(**shop(*rows, ("later", "2026-01-01"), channel={"new": " fair ", "late": None}))
    found = features.list_arrivals(engine, as_of=AS_OF)
    assert found.index.to_list() == ["late", "new", "old"]
    assert found["is_certain"].to_list() == [True, True, False]
    assert found.loc["new", ["days_followed", "again_after_days", "acquisition_channel"]].to_list() == [
        213,
        30,
        "fair",
    ]
    assert found.loc["new", ["spend_180d", "margin_180d"]].to_list() == [20, 12]
    assert found["acquisition_channel"].isna().to_list() == [True, False, True]
    assert compare_cohorts(found).uncertain == 1


def test_margin_is_known_only_where_every_sale_has_a_cost():
    frames = shop(("a", "2025-06-01"), ("a", "2025-06-05"), ("b", "2025-06-01"))
    frames["transactions"].loc[1, "cost"] = np.nan
    found = features.list_arrivals(open_frames(**frames), as_of=AS_OF)
    assert found["margin_180d"].isna().to_list() == [True, False]
    frames["transactions"] = frames["transactions"].drop(columns="cost")
    assert features.list_arrivals(open_frames(**frames), as_of=AS_OF)["margin_180d"].isna().all()


# Whose second order is overdue


def test_the_usual_day_is_that_by_which_so_many_have_ordered_again():
    curve = pd.DataFrame({"days": range(201), "at_risk": 100, "share": np.linspace(0, 0.5, 201)})
    assert features.find_usual_day(curve, 0.5) == 100
    assert features.find_usual_day(curve, 0.9) == 180
    assert features.find_usual_day(curve.head(180), 0.5) is None  # who comes back later is not known yet
    assert features.find_usual_day(curve.assign(share=curve["share"] / 2), 0.5) is None  # of 25
    assert features.find_usual_day(curve.iloc[:0], 0.5) is None


def overdue_shop() -> dict[str, pd.DataFrame]:
    """A hundred who came back after 1 to 100 days, twelve who never did, and four who have not yet."""
    rows = [("old", "2024-01-01")]
    for n in range(100):
        day = pd.Timestamp("2024-10-01") + pd.Timedelta(days=n)
        rows += [(f"k{n}", f"{day:%Y-%m-%d}"), (f"k{n}", f"{day + pd.Timedelta(days=1 + n):%Y-%m-%d}")]
    rows += [(f"never{n}", "2025-01-15") for n in range(12)]
    waiting = {"today": "2025-10-25", "soon": "2025-12-01", "before": "2025-10-15", "long ago": "2025-05-01"}
    return shop(*rows, *waiting.items())


def test_an_overdue_second_order_is_an_occasion_for_a_month():
    engine = open_frames(**overdue_shop())
    due = features.list_late_second_orders(engine, as_of=AS_OF, days=60, share=0.67).set_index("customer_id")[
        "day"
    ]
    usual = int((due["soon"] - pd.Timestamp("2025-12-01")).days) - 1
    assert 60 <= usual <= 90
    assert list(due.index) == ["before", "today", "soon"]
    assert (
        features.list_late_second_orders(engine, as_of=AS_OF, days=10, share=0.67)["customer_id"].to_list()[
            -1
        ]
        != "soon"
    )
    assert len(features.list_late_second_orders(open_frames(), as_of=AS_OF, days=10, share=0.67)) == 0
    listed = care_days.list_care_days(engine, as_of=AS_OF, days=60, policy=POLICY)
    assert set(listed.loc[listed["occasion"] == "second_order", "customer_id"]) == set(due.index)


def plan_second_orders(actions=None, objectors=frozenset(), refusing=None) -> dict[str, str]:
    days = pd.DataFrame({"customer_id": list("abc"), "occasion": "second_order", "points": np.nan})
    days["day"] = pd.to_datetime(["2025-12-10", "2026-01-15", "2026-03-01"])
    planned = care.plan_care(
        pd.Series("key", list("abc")),
        days,
        POLICY,
        as_of=AS_OF,
        objectors=set(objectors),
        refusing=refusing or {},
        actions=actions,
    )
    tables.check(planned, "care")
    called = planned[planned["occasion"] == "second_order"]
    return {row.customer_id: f"{row.day:%m-%d}" for row in called.itertuples()}


def test_who_is_overdue_is_called_unless_they_are_called_as_newcomers_anyway():
    assert plan_second_orders() == {"a": "01-01", "b": "01-15", "c": "03-01"}
    assert set(plan_second_orders(objectors={"a"}, refusing={"phone": {"c"}})) == {"b"}
    actions = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "action": ["promising start", "second order", "regular care"]}
    )
    assert set(plan_second_orders(actions)) == {"b", "c"}  # by phone; by email; not for being new


# Which channel brings better ones


def test_the_better_and_the_worse_channel_are_found_and_no_other():
    found = verdicts_of(arrive(4, 700, rates={"fair": 3.0, "social": 0.4}))
    assert found["again fair"] == "better"
    assert found["again social"] == "worse"
    assert found["again search"] == found["again walk-in"] == "cannot_tell"


def test_where_channels_are_alike_nothing_is_said_of_them():
    claims = [any(v != "cannot_tell" for v in verdicts_of(arrive(seed, 150)).values()) for seed in range(10)]
    assert sum(claims) <= 2


@pytest.mark.slow
def test_shuffled_channels_of_the_sample_are_told_apart_in_one_of_twenty_worlds_at_most():
    known, claims = features.list_arrivals(open_engine(GOLDEN), as_of=AS_OF), []
    for seed in range(200):
        shuffled = np.random.default_rng(seed).permutation(known["acquisition_channel"])
        verdicts = verdicts_of(known.assign(acquisition_channel=shuffled))
        claims.append(any(verdict != "cannot_tell" for verdict in verdicts.values()))
    assert np.mean(claims) <= 0.075


def test_the_sample_wins_better_customers_at_trade_fairs_and_worse_ones_by_social_media():
    found = verdicts_of(features.list_arrivals(open_engine(GOLDEN), as_of=AS_OF))
    assert found["again trade fair"] == "better"
    assert found["again social media"] == "worse"
    assert {name for name, verdict in found.items() if verdict != "cannot_tell"} <= {
        *(f"{kind} {name}" for kind in ("again", "money") for name in ("trade fair", "social media"))
    }


def test_all_are_followed_as_long_as_what_is_counted_takes():
    frame = arrive(5, 800)
    recent = frame["days_followed"] < 90
    changed = frame.assign(again_after_days=frame["again_after_days"].mask(recent, 1.0))
    one, other = (channels.compare_channels(each).channels for each in (frame, changed))
    pd.testing.assert_frame_equal(one, other)
    assert one["followed"].sum() == frame["days_followed"].between(90, 454).sum()
    assert one["newcomers"].sum() == (frame["days_followed"] < 365).sum()


def test_a_channel_of_few_is_compared_in_no_money_and_hidden_where_shown():
    frame = arrive(6, 400)
    frame.iloc[:4, frame.columns.get_loc("acquisition_channel")] = "rare"
    compared = channels.compare_channels(frame)
    rare = compared.channels.set_index("channel").loc["rare"]
    assert np.isnan(rare["p_money"])
    shown = hide_small(words.write_verdicts(compared.channels, "again"), money=["again_share", "low", "high"])
    assert shown.set_index("channel").loc["rare", ["customers", "again_share"]].isna().all()


def test_spend_stands_where_margin_is_not_known_and_the_policy_gives_no_rate():
    frame = arrive(7, 400).assign(margin_180d=np.nan)
    spend = channels.compare_channels(frame)
    margin = channels.compare_channels(frame, margin_rate=0.5)
    assert (spend.measure, margin.measure) == ("spend", "margin")
    assert margin.channels["money_mean"].sum() == pytest.approx(spend.channels["money_mean"].sum() / 2)
    none = channels.compare_channels(frame.assign(acquisition_channel=None))
    assert none.channels.empty
    assert "acquisition_channel" in words.explain_no_channels(frame.assign(acquisition_channel=None))


def test_cost_is_of_twelve_months_over_the_newcomers_of_the_same():
    months = ["2024-11-01", "2024-12-15", "2025-11-01", "2025-12-01"]
    costs = pd.DataFrame(
        {"channel": "fair", "month": pd.to_datetime(months), "cost": [1.0, 20.0, 40.0, 500.0]}
    )
    engine = open_frames(acquisition=costs)
    spent = features.sum_acquisition_costs(engine, as_of="2025-12-30")  # December is not over
    assert spent["cost"].to_dict() == {"fair": 60.0}
    frame = arrive(8, 400).assign(acquisition_channel="fair")
    frame["first_day"] = pd.to_datetime("2025-11-15")
    frame.iloc[:2, 0] = pd.to_datetime("2025-12-15")
    compared = channels.compare_channels(frame)
    table = channels.cost_newcomers(frame, compared, spent, {"fair": 7.0, "web": 3.0}, as_of="2025-12-30")
    by_channel = table.set_index("channel")
    assert by_channel.loc["fair", "cost_each"] == pytest.approx(60 / 398)
    assert by_channel.loc["web", "cost_each"] == 3.0
    ratio = by_channel.loc["fair", "money_mean"] / by_channel.loc["fair", "cost_each"]
    assert by_channel.loc["fair", "money_per_cost"] == pytest.approx(ratio)
    assert features.sum_acquisition_costs(open_frames(), as_of=AS_OF).empty


# The first ninety days


def newcomers() -> pd.DataFrame:
    """Day 0, 30, 31 (who has ordered again), 90 and 91 since the first purchase, and one who sent it back."""
    followed = [0, 30, 31, 90, 91, 40]
    frame = arrive(9, 6).assign(days_followed=followed, again_after_days=np.nan)
    frame["first_day"] = AS_OF - pd.to_timedelta(followed, unit="D")
    frame.loc["c0002", "again_after_days"] = 5.0
    frame.loc["c0005", "is_kept"] = False
    return frame


CALENDAR = pd.DataFrame(
    {
        "day": pd.to_datetime(["2026-01-05", "2026-03-30", "2026-04-01", "2026-01-02"]),
        "customer_id": ["c0000", "c0000", "c0000", "c0004"],
        "action": ["welcome programme", "promising start", "nurture plan", "welcome programme"],
        "occasion": 1,
        "channel": "email",
        "owner_role": "service representative",
    }
)


def plan_of(approached: pd.Series | None = None) -> pd.DataFrame:
    ids = pd.Index([f"c{n:04d}" for n in range(4)], name="customer_id")
    known = {"newcomers": pd.DataFrame({"class": ["promising", "modest", "ordinary", "modest"]}, ids)}
    known["tiers"] = pd.DataFrame({"tier_in_force": "watch"}, ids)
    plan = newcomer_plan.plan_first_days(newcomers(), known, CALENDAR, approached, as_of=AS_OF, usual_day=60)
    tables.check(plan, "newcomer_plan")
    return plan


def test_everybody_in_the_first_ninety_days_has_a_phase_a_class_and_what_is_due():
    plan = plan_of()
    assert plan["phase"].to_dict() == {"c0003": "61-90", "c0002": "31-60", "c0001": "0-30", "c0000": "0-30"}
    assert plan.loc["c0002", "class"] == "ordered_again"
    assert plan.loc["c0000", ["class", "planned", "next_action"]].to_list() == [
        "promising",
        2,
        "welcome programme",
    ]
    assert plan["overdue_from"].notna().sum() == 3  # not of who ordered again
    assert newcomer_plan.count_overdue(plan, as_of=AS_OF) == 1
    assert plan["approached"].isna().all()
    steps = newcomer_plan.list_steps(plan, CALENDAR)
    assert steps["action"].to_list() == ["welcome programme", "promising start"]
    assert steps["after"].to_list() == [5, 89]


def test_who_has_been_approached_or_will_be_is_counted_apart_from_who_has_had_nothing():
    counts = newcomer_plan.count_reached(plan_of(pd.Series({"c0003": 2, "c0000": 0})))
    states = counts[counts["attribute"] == "state"].set_index("level")["customers"].to_dict()
    assert states == {"approached": 1, "planned": 1, "nothing": 2}
    assert counts.groupby("attribute")["customers"].sum().to_dict() == {"class": 4, "phase": 4, "state": 4}


def test_we_have_approached_whom_we_contacted_since_the_first_purchase_but_for_campaigns():
    rows = [("c0001", "2025-11-30", "phone", "outbound"), ("c0001", "2025-12-02", "phone", "outbound")]
    rows += [("c0001", "2025-12-03", "campaign", "outbound"), ("c0001", "2025-12-03", "phone", "inbound")]
    rows += [("c0003", "2026-01-01", "phone", "outbound")]
    contacts = pd.DataFrame(rows, columns=["customer_id", "time", "channel", "direction"])
    contacts["time"] = pd.to_datetime(contacts["time"])
    made = early_tickets.count_outbound(open_frames(contacts=contacts), newcomers(), as_of=AS_OF)
    assert made[made > 0].to_dict() == {"c0001": 1}
    silent = open_frames(contacts=contacts.drop(columns="direction"))
    assert early_tickets.count_outbound(silent, newcomers(), as_of=AS_OF) is None


def test_without_newcomers_and_without_contacts_there_is_an_empty_plan():
    known = {"tiers": pd.DataFrame({"tier_in_force": pd.Series(dtype="str")})}
    for calendar in (CALENDAR, CALENDAR.iloc[:0]):
        given = {"as_of": AS_OF, "usual_day": 60}
        plan = newcomer_plan.plan_first_days(newcomers().iloc[:0], known, calendar, None, **given)
        tables.check(plan, "newcomer_plan")
        assert (
            len(plan)
            == len(newcomer_plan.count_reached(plan))
            == len(newcomer_plan.list_steps(plan, calendar))
            == 0
        )


def test_the_sample_plans_the_ninety_days_of_every_newcomer(sample_run):
    plan, calendar = tables.read(sample_run, "newcomer_plan"), tables.read(sample_run, "calendar")
    assert len(plan) > 30
    assert plan["days_since"].between(0, 90).all()
    due = calendar[calendar["customer_id"].isin(plan.index[plan["planned"] > 0])]
    first = due.groupby("customer_id")["day"].min()
    assert first.reindex(plan.index).dropna().to_dict() == plan["next_day"].dropna().to_dict()
    called = tables.read(sample_run, "care").query("occasion == 'second_order'")
    assert len(called)
    tasks = pd.read_csv(sample_run / "private/exports/tasks.csv", dtype=str)
    assert set(called["customer_id"]) <= set(tasks.loc[tasks["action"] == "second order call", "customer_id"])


# Whom prospects are like


def test_one_attribute_ranks_alone_where_it_alone_tells_the_best_tier():
    facts, best = attributes_of(5, 600, effect=2.5)
    learned = ideal.learn_profile(facts, best)
    assert (learned.reason, [one.name for one in learned.attributes]) == ("single", ["a0"])
    ranked = ideal.rank_prospects(learned, facts.head(50))
    tables.check(ranked, "prospect_fit")
    first = facts.loc[ranked.index[ranked["rank"] == 1], "a0"]
    assert set(first) == {"x"}
    assert (ranked.loc[first.index, "part"] > 0).all()
    assert ranked["expected_share"].is_monotonic_decreasing


def test_all_attributes_rank_where_they_beat_the_best_single_one():
    facts, best = attributes_of(12, 900, effect=2.0, joint=True)
    learned = ideal.learn_profile(facts, best)
    assert (learned.reason, len(learned.attributes)) == ("better", 6)
    assert learned.gain_low > 0
    grades = learned.grades.set_index("rule")
    assert grades.loc["all", "auc"] > grades.loc["a0", "auc"] > 0.6
    assert grades["in_use"].to_dict() == {"all": True, "a0": False}


def test_where_spend_as_in_04_orders_better_no_prospect_is_ranked_anew():
    """Of ten attributes five tell: 04 learns them from everybody's spend, the tier from few customers."""
    random = np.random.default_rng(13)
    index = pd.Index([f"c{n:04d}" for n in range(500)], name="customer_id")
    facts = pd.DataFrame({f"a{n}": random.choice(list("vwxyz"), 500) for n in range(10)}, index)
    known = (facts.iloc[:, :5] == "x").sum(axis=1) + 0.5 * (facts.iloc[:, :5] == "y").sum(axis=1)
    best = (known + random.normal(0, 0.3, 500)).rank(pct=True) > 0.95
    spend = pd.Series(random.poisson(np.exp(3 + 0.8 * known)), index).astype(float)
    learned = ideal.learn_profile(facts, best, spend=spend)
    assert learned.reason == "spend"
    assert not learned.grades["in_use"].any()
    assert len(ideal.rank_prospects(learned, facts)) == 0
    assert "its classes stay the rule" in words.caption_grades(learned, "strategic")
    assert "No prospect is ranked anew" in words.explain_unranked(learned, 9, "strategic")


def test_nothing_that_is_known_ranks_anybody_where_it_tells_nothing():
    learned = [ideal.learn_profile(*attributes_of(seed, 300), seed=seed) for seed in range(5)]
    assert sum(one.is_known for one in learned) <= 1
    unknown = next(one for one in learned if not one.is_known)
    assert len(ideal.rank_prospects(unknown, attributes_of(1)[0])) == 0
    assert "none beats chance" in words.caption_grades(unknown, "strategic")
    assert "no better than chance" in words.explain_unranked(unknown, 9, "strategic")


@pytest.mark.slow
def test_attributes_that_tell_nothing_are_used_in_one_of_twenty_worlds_at_most():
    worlds = [attributes_of(seed, 500) for seed in range(100)]
    assert np.mean([ideal.learn_profile(*world).is_known for world in worlds]) <= 0.1
    described = [ideal.describe_best(*world)["verdict"].ne("cannot_tell").any() for world in worlds]
    assert np.mean(described) <= 0.1


def test_too_few_in_the_best_tier_and_no_attribute_are_said_to_be_so():
    facts, best = attributes_of(14, 200)
    few = ideal.learn_profile(facts, best & (np.arange(200) < 40))
    assert (few.reason, len(few.grades)) == ("too_few_best", 0)
    assert "Too few customers in strategic" in words.explain_no_profile("strategic", few)
    none = ideal.learn_profile(facts[[]], best)
    assert none.reason == "no_attributes"
    assert words.explain_unranked(none, 3, "strategic").startswith("Not available")
    assert ideal.describe_best(facts, best & (np.arange(200) < 40)).empty


def test_the_profile_says_what_is_more_and_what_is_less_frequent_in_the_best_tier():
    found = ideal.describe_best(*attributes_of(15, effect=2.5)).set_index(["attribute", "level"])
    assert found.loc[("a0", "x"), "verdict"] == "more"
    assert found.loc[("a0", "y"), "verdict"] == "fewer"
    assert found.loc["a2", "verdict"].eq("cannot_tell").all()
    row = found.loc[("a0", "x")]
    assert row["low"] < row["share_of_best"] < row["high"]
    shown = words.write_profile(words.hide_by_attribute(found.reset_index(), hide_small, ["share_of_best"]))
    assert set(shown["attribute"]) == {"a0"}


def test_what_is_protected_or_stands_for_it_does_not_count():
    random = np.random.default_rng(16)
    index = pd.Index([f"c{n}" for n in range(400)], name="customer_id")
    gender = random.choice(["f", "m"], 400)
    known = pd.DataFrame({"customer_id": index, "gender": gender, "club": np.where(gender == "f", "a", "b")})
    known = known.assign(
        industry=random.choice(["x", "y"], 400), founded=pd.Timestamp("2020-01-01"), owner="S1"
    )
    frames = shop(("a", "2025-01-01")) | {"customers": known}
    protected = POLICY.fairness.protected
    facts = features.read_attributes(open_frames(**frames), as_of=AS_OF, protected=protected)
    assert list(facts) == ["club", "industry", "company_age"]
    assert set(facts["company_age"]) == {"5 to 14"}
    stand = proxies.find_proxy_attributes(facts, known.set_index("customer_id"), POLICY, as_of=AS_OF)
    assert stand == ["club"]


# How they are served


def test_longer_waits_of_new_customers_are_found_and_nothing_else():
    found = satisfaction.compare_early_service(serve(17, 3000, early=3.0)).set_index("measure")
    assert found.loc["response_hours", "verdict"] == found.loc["resolution_hours", "verdict"] == "more"
    assert found.loc["complaints", "verdict"] == found.loc["satisfaction", "verdict"] == "cannot_tell"
    alike = [satisfaction.compare_early_service(serve(seed))["verdict"] for seed in range(10)]
    assert sum(each.isin(["more", "less"]).any() for each in alike) <= 3


def test_tickets_count_by_the_day_they_were_opened_and_what_is_known_by_the_last_day():
    rows = [("new", "2025-11-01"), ("new", "2025-12-30"), ("old", "2025-01-01"), ("old", "2025-12-01")]
    rows += [("first", "2024-01-01")]
    tickets = pd.DataFrame(
        {
            "customer_id": ["new", "new", "old", "nobody"],
            "kind": ["complaint", "request", "complaint", "complaint"],
        }
    )
    tickets["opened"] = pd.to_datetime(
        ["2025-11-02 08:00", "2025-12-31 09:00", "2025-06-01 07:00", "2025-06-01 07:00"]
    )
    tickets["responded"] = pd.to_datetime(["2025-11-02 10:00", "2026-01-01 00:00", "2025-06-03 07:00", None])
    tickets["resolved"] = pd.to_datetime(["2025-11-03 08:00", None, None, None])
    tickets["satisfaction"] = [4.0, np.nan, 2.0, 1.0]
    engine = open_frames(**shop(*rows, tickets=tickets))
    arrivals = features.list_arrivals(engine, as_of=AS_OF)
    sums = early_tickets.sum_early_service(engine, arrivals, as_of=AS_OF)
    new = sums.loc[("new", True)]
    assert new[["complaints", "purchase_days", "responses", "response_hours"]].to_list() == [1, 2, 1, 2]
    assert new[["resolutions", "resolution_hours", "marks", "satisfaction"]].to_list() == [1, 24, 1, 4]
    assert sums.loc[("old", False), ["complaints", "response_hours", "marks"]].to_list() == [1, 48, 0]
    assert set(sums.index.get_level_values(0)) == {"new", "old"}
    few = satisfaction.compare_early_service(sums)
    assert set(few["verdict"]) == {"too_few"}
    assert early_tickets.list_lacking(open_frames()) == ["tickets"]
    without = early_tickets.sum_early_service(open_frames(**shop(*rows)), arrivals, as_of=AS_OF)
    assert satisfaction.compare_early_service(without).empty


# Sentences


def curve_of(seed: int = 21) -> pd.DataFrame:
    return features.follow_second_orders(arrive(seed))


def write_takeaway(frame: pd.DataFrame, learned, ranked, plan=None, at_least: int = 5) -> str:
    compared = channels.compare_channels(frame).channels
    plan = plan_of() if plan is None else plan
    return words.describe_newcomers(curve_of(), compared, plan, learned, ranked, at_least=at_least).markdown


def test_the_takeaway_says_only_what_is_beyond_chance():
    facts, best = attributes_of(5, 600, effect=2.5)
    learned = ideal.learn_profile(facts, best)
    ranked = ideal.rank_prospects(learned, facts.head(9))
    told = write_takeaway(arrive(4, 700, rates={"fair": 3.0, "social": 0.4}), learned, ranked, at_least=3)
    assert "order again within 90 days**" in told
    assert "Those won by fair do so more often" in told
    assert "those won by social less often" in told
    assert "4 customers are in their first ninety days; 3 of them have neither" in told
    assert "ranked by a0 alone" in told
    nothing = ideal.learn_profile(*attributes_of(3, 400), seed=3)
    quiet = write_takeaway(arrive(4, 300), nothing, ranked.head(0))
    assert "No channel brings newcomers" in quiet
    assert "Too few customers are in their first ninety days" in quiet
    assert "Prospects are not ranked" in quiet
    none = write_takeaway(arrive(4, 300).assign(acquisition_channel=None), nothing, ranked.head(0))
    assert "channel" not in none


def test_a_channel_with_a_hostile_name_cannot_script():
    frame = arrive(4, 900, rates={"fair": 3.0}).replace({"acquisition_channel": {"fair": "<img src=x>{n}"}})
    nothing = ideal.learn_profile(*attributes_of(3, 400), seed=3)
    told = write_takeaway(frame, nothing, ideal.rank_prospects(nothing, pd.DataFrame()))
    assert "<img" not in told
    assert "more often" in told


def test_captions_say_what_is_known_and_from_where():
    curve, frame = curve_of(), arrive(21)
    assert "Mark, day 60: by then 67.0%" in words.describe_curve(curve, 60, 0.67)
    assert "Too few are followed for long enough" in words.describe_curve(curve, None, 0.67)
    assert words.describe_curve(curve.iloc[:0], None, 0.67) == words.explain_no_orders(curve.iloc[:0])
    assert words.explain_no_orders(curve) == ""
    compared = channels.compare_channels(frame)
    costs = channels.cost_newcomers(
        frame, compared, features.sum_acquisition_costs(open_frames(), as_of=AS_OF), {}, as_of=AS_OF
    )
    money = words.write_verdicts(compared.channels, "money")
    assert "neither `acquisition` nor the policy" in words.caption_money(compared, costs, "CNY")
    assert "cost_each" not in words.join_costs(money, costs)
    assumed = channels.cost_newcomers(
        frame,
        compared,
        features.sum_acquisition_costs(open_frames(), as_of=AS_OF),
        {"fair": 9.0},
        as_of=AS_OF,
    )
    assert "is the policy's where" in words.caption_money(compared, assumed, "CNY")
    assert words.join_costs(money, assumed).set_index("channel").loc["fair", "cost_each"] == 9.0
    recorded = assumed.assign(cost=90.0)
    assert "twelve months over the newcomers of these" in words.caption_money(compared, recorded, "CNY")
    assert "Spend of the first 180 days" in words.caption_money(
        channels.compare_channels(frame.assign(margin_180d=np.nan)), costs, "CNY"
    )
    half = frame.assign(acquisition_channel=frame["acquisition_channel"].mask(frame["days_followed"] < 9))
    assert "of the last year have no channel" in words.caption_again(channels.compare_channels(half))
    assert "no channel" not in words.caption_again(compared)
    young = frame[frame["days_followed"] < 50]
    assert (
        words.explain_no_channels(young)
        == "No newcomer whose channel is known has been followed for 90 days."
    )
    assert words.explain_no_channels(frame) == ""
    assert words.describe_channels(words.write_verdicts(compared.channels, "again").iloc[:0], "").startswith(
        "Too few"
    )


def test_what_is_planned_is_said_with_the_usual_day_and_the_overdue():
    plan = plan_of()
    assert "`contacts` do not say" in words.caption_reached(plan, 60, 9, at_least=5)
    assert "overdue after day 60, as 9 are" in words.caption_reached(plan, 60, 9, at_least=5)
    assert "as 4 are" not in words.caption_reached(plan, 60, 4, at_least=5)
    assert "overdue" not in words.caption_reached(plan, None, 0, at_least=5)
    assert words.explain_no_steps(plan.iloc[:0], 5) == words.explain_no_newcomers()
    assert words.explain_no_steps(plan, 5) == "No contact is planned for 5 or more of one class."
    steps = words.write_steps(newcomer_plan.list_steps(plan, CALENDAR))
    assert steps["class"].to_list() == ["promising", "promising"]
    written = words.write_reached(newcomer_plan.count_reached(plan))
    assert "neither approached nor planned for" in written["group"].to_list()


def test_words_of_service_and_of_prospects():
    compared = satisfaction.compare_early_service(serve(17, 3000, early=3.0))
    written = words.write_service(compared).set_index("measure")
    assert written.loc["hours to the first response", "verdict"] == "more than later"
    rate = compared.set_index("measure").loc["complaints", "new"]
    assert written.loc["complaints per 100 purchase days", "new"] == pytest.approx(100 * rate)
    assert words.explain_no_service(["tickets"]) == "Not available: no `tickets` table."
    assert words.explain_no_service([]).startswith("No ticket")
    facts, best = attributes_of(5, 600, effect=2.5)
    learned = ideal.learn_profile(facts, best)
    ranked = ideal.rank_prospects(learned, facts.head(30))
    listed = words.write_prospects(ranked, pd.DataFrame({"class": "promising"}, facts.index[:3]))
    assert len(listed) == words.SHOWN
    assert listed["because"].iloc[0].startswith("a0: x (+")
    assert "The first of 30 prospects" in words.caption_prospects(ranked, learned, "strategic")
    assert words.explain_unranked(learned, 0, "strategic") == "No prospect is known."
    assert words.explain_unranked(learned, 9, "strategic") == ""
    assert "ranks prospects" in words.write_grades(learned)["in_use"].to_list()
    assert "one attribute alone is used" in words.caption_grades(learned, "strategic")
    proxied = words.caption_profile("strategic", 50, ["club"])
    assert "stand for a protected attribute: club" in proxied
