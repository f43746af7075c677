"""The loyalty programme: what is owed, levels, members beside others like them; and its sentences."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import CensoredData, ecdf

from crcm_lib.config.policy import LoyaltyProgramme
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.features.points_accounts import PointsAccounts, read_movements, trace_points
from crcm_lib.models import loyalty_programme as programme
from crcm_lib.models.matched_comparison import NOTHING, MatchedComparison, compare_matched
from crcm_lib.reporting.text import membership as words
from crcm_lib.schema.engine import open_frames

AS_OF = pd.Timestamp("2025-12-31")
RULES = LoyaltyProgramme(
    point_value=0.2, expire_days=365, levels={"gold": 100, "silver": 40}, remind_points=20
)


def accounts_of(seed: int, members: int = 300, *, daily: float = 0.003, expire_days: int | None = 365):
    """Members who earn once and redeem all of it at a constant rate per day, whatever the age of the "
    "points."""
    random = np.random.default_rng(seed)
    earned = AS_OF - pd.to_timedelta(random.integers(0, 700, members), unit="D")
    wait = random.geometric(daily, members)
    points, who = random.integers(10, 200, members), [f"m{n:04d}" for n in range(members)]
    rows = pd.DataFrame({"customer_id": who, "time": earned, "points": points, "reason": "purchase"})
    used = rows.assign(time=earned + pd.to_timedelta(wait, unit="D"), points=-points, reason="redeemed")
    if expire_days is not None:
        used = used[wait < expire_days]
    engine = open_frames(loyalty=pd.concat([rows, used[used["time"] <= AS_OF]], ignore_index=True))
    return engine, trace(engine, AS_OF, expire_days)


def trace(engine, as_of: pd.Timestamp, expire_days: int | None = 365) -> PointsAccounts:
    return trace_points(read_movements(engine, as_of=as_of), as_of=as_of, expire_days=expire_days)


# What is still owed


def test_redemption_is_kaplan_and_meiers():
    """One point each, so that scipy's estimate of survival is the same curve."""
    _engine, accounts = accounts_of(1, expire_days=None)
    accounts.pieces["points"] = 1.0
    ages = (accounts.pieces["gone"].fillna(AS_OF) - accounts.pieces["earned"]).dt.days
    used = accounts.pieces["way"] == "redeemed"
    known = ecdf(CensoredData(uncensored=ages[used], right=ages[~used])).sf
    curve = programme.follow_redemption(accounts).curve.set_index("days")["share"]
    assert curve[[30, 100, 300]].to_list() == pytest.approx(list(1 - known.evaluate([30, 100, 300])))


def test_a_constant_rate_says_how_much_of_each_age_will_be_used():
    _engine, accounts = accounts_of(2, members=20_000)
    redemption = programme.follow_redemption(accounts)
    assert redemption.curve["share"].iloc[-1] == pytest.approx(1 - 0.997**364, abs=0.01)
    left = accounts.pieces[accounts.pieces["way"] == "left"]
    to_come = 364 - (AS_OF - left["earned"]).dt.days
    assert redemption.expected == pytest.approx((left["points"] * (1 - 0.997**to_come)).sum(), rel=0.02)
    assert redemption.left == left["points"].sum()


@pytest.mark.slow
def test_the_interval_holds_the_truth_in_nine_of_ten_companies():
    covered = 0
    for seed in range(120):
        _engine, accounts = accounts_of(seed)
        redemption = programme.follow_redemption(accounts)
        left = accounts.pieces[accounts.pieces["way"] == "left"]
        to_come = 364 - (AS_OF - left["earned"]).dt.days
        covered += redemption.low <= (left["points"] * (1 - 0.997**to_come)).sum() <= redemption.high
    assert covered >= 108


def test_what_it_said_half_a_year_ago_is_held_against_what_came():
    engine, accounts = accounts_of(4, members=4000)
    check = programme.check_redemption(trace(engine, AS_OF - pd.Timedelta(days=180)), accounts)
    assert check["actual"] > 0
    assert check["expected"] == pytest.approx(check["actual"], rel=0.1)
    emptied = programme.check_redemption(trace(engine, AS_OF - pd.Timedelta(days=1000)), accounts)
    assert emptied == {"left": 0.0, "expected": 0.0, "actual": 0.0}


def test_all_points_have_gone_some_way_and_months_add_up():
    _engine, accounts = accounts_of(5)
    ways = programme.total_ways(accounts)
    assert ways["points"].sum() == accounts.members["earned"].sum()
    assert ways["share"].sum() == pytest.approx(1)
    months = programme.count_months(accounts, months=30)
    earned = accounts.pieces[accounts.pieces["earned"] < "2026-01-01"]
    assert months.loc[months["way"] == "earned", "points"].sum() == earned["points"].sum()
    assert programme.count_expiries(accounts)["points"].sum() == accounts.expiries["points"].sum() > 0


def test_levels_are_those_of_the_policy_by_the_points_of_a_year():
    members = pd.DataFrame(
        {"earned_365d": [100, 99.9, 40, 0], "redeemed_365d": 0, "balance": 5.0}, index=list("abcd")
    )
    assert programme.place_levels(members, RULES.levels).to_list() == ["gold", "silver", "silver", ""]
    spend = pd.Series({"a": 10.0, "b": 20.0, "d": 5.0})
    table = programme.summarise_levels(members, RULES.levels, spend)
    assert table[["level", "members", "spend"]].to_numpy().tolist() == [
        ["gold", 1, 10.0],
        ["silver", 2, 20.0],
        ["", 1, 5.0],
    ]
    tiers = pd.Series(["key", "key", "watch"], index=["a", "x", "d"])
    assert programme.count_tiers(members, tiers, ["key", "watch"])["share"].to_list() == [0.5, 1.0]


# Members beside others


def world(seed: int, *, effect: float = 0.0, customers: int = 600, seen: bool = True) -> MatchedComparison:
    """Who buys often joins more often; members then buy `effect` more. Unless `seen`, why they join is not "
    "recorded."""
    random = np.random.default_rng(seed)
    rate = random.gamma(1.5, 2, customers)
    past, basket = random.poisson(rate), random.gamma(4, 10, customers)
    why = past if seen else 4 * np.log1p(rate) * random.normal(1, 0.1, customers)
    joined = random.random(customers) < 1 / (1 + np.exp(1 - 0.35 * why))
    later = random.poisson(rate * (1 + effect * joined))
    state = pd.DataFrame(
        {
            "purchases_365d": past,
            "spend_365d": past * basket,
            "days_since_last": random.exponential(60 / (0.2 + rate)),
            "subject_type": random.choice(["person", "company"], customers),
        }
    )
    outcomes = pd.DataFrame({"purchases": later, "spend": later * basket})
    return compare_matched(
        outcomes, pd.Series(joined), state, numbers=programme.NUMBERS, words=["subject_type"], seed=seed
    )


@pytest.mark.slow
def test_members_who_were_alike_do_not_differ_though_the_plain_means_always_do():
    worlds = [world(seed) for seed in range(200)]
    claimed = sum((found.measures["p"] <= 0.05).any() for found in worlds)
    plain = sum(found.measures["unmatched"].iloc[0] > 0.5 for found in worlds)
    assert claimed <= 14  # of 200: 5 % and what chance adds to it
    assert plain == 200


@pytest.mark.slow
def test_what_strata_leave_is_adjusted_for_so_that_many_customers_claim_no_more_than_few():
    worlds = [world(seed, customers=4000) for seed in range(60)]
    assert sum((found.measures["p"] <= 0.05).any() for found in worlds) <= 6
    assert abs(np.mean([found.measures["difference"].iloc[0] for found in worlds])) < 0.04


@pytest.mark.slow
def test_members_who_buy_a_quarter_more_are_found():
    worlds = [world(seed, effect=0.25, customers=1500) for seed in range(40)]
    assert sum(found.measures["p"].iloc[0] <= 0.05 for found in worlds) >= 32


def test_a_quick_world_of_each_kind():
    null, planted = world(1), world(2, effect=0.4, customers=1500)
    assert null.measures["p"].min() > 0.05
    assert planted.measures["p"].iloc[0] <= 0.05
    assert planted.measures["low"].iloc[0] > 0
    assert planted.balance["after"].abs().max() < 0.15 < planted.balance["before"].abs().max()
    assert planted.matched_members <= planted.members


def test_what_nobody_recorded_stays_in_so_that_the_sentence_never_speaks_of_an_effect():
    found = world(3, customers=3000, seen=False)
    assert found.measures["p"].iloc[0] <= 0.05  # without any effect
    said = words.write_difference(found)
    assert "not what the programme does" in said
    assert not any(word in said for word in ("because", "effect", "brings", "makes"))


def test_strata_weigh_the_others_as_members_are_spread():
    """Two strata: 30 members and 30 others at 10 and 0; 60 members and 300 others at 4 and 3."""
    kind = np.repeat(["a", "b"], [60, 360])
    joined = np.concatenate([np.tile([True, False], 30), np.arange(360) < 60])
    values = np.where(kind == "a", np.where(joined, 10.0, 0.0), np.where(joined, 4.0, 3.0))
    values += np.tile([0.5, 0.5, -0.5, -0.5], 105)
    state = pd.DataFrame({"kind": kind, "flat": 1.0})
    found = compare_matched(
        pd.DataFrame({"spend": values}), pd.Series(joined), state, numbers=["flat"], words=["kind"]
    )
    row = found.measures.iloc[0]
    assert row["difference"] == pytest.approx((30 * 10 + 60 * 1) / 90, abs=0.05)
    assert (row["members"], row["others"]) == pytest.approx((6.0, 2.0), abs=0.1)


def test_too_few_alike_are_not_compared():
    state = pd.DataFrame({"flat": np.ones(40)})
    joined = pd.Series(np.arange(40) < 10)
    found = compare_matched(pd.DataFrame({"spend": np.ones(40)}), joined, state, numbers=["flat"])
    assert len(found.measures) == 0
    assert "Too few members (10) or others (30)" in words.explain_uncompared(found, "")


def test_who_joins_during_the_window_is_no_member_of_it():
    ids = pd.Index([f"c{n}" for n in range(200)], name="customer_id")
    start = pd.Timestamp("2025-07-01")
    customers = pd.DataFrame(
        {"purchases_365d": 1.0, "spend_365d": 10.0, "days_since_last": 5.0, "subject_type": "person"}, ids
    )
    window = Holdout(start, AS_OF, customers, pd.Series(1.0, ids), pd.Series(1.0, ids))
    since = pd.Series(start, ids[:90]).mask(np.arange(90) >= 50, start + pd.Timedelta(days=1))
    accounts = PointsAccounts(pd.DataFrame({"member_since": since}), pd.DataFrame(), 365, False, AS_OF)
    found = programme.compare_members(accounts, [window])
    assert (found.members, found.others) == (50, 150)
    assert programme.compare_members(accounts, []) is NOTHING


# Sentences


def write_takeaway(accounts, comparison=NOTHING, rules=RULES, why="", at_least=5) -> str:
    redemption = programme.follow_redemption(accounts)
    return words.describe_programme(
        accounts, redemption, comparison, rules, "CNY", why=why, at_least=at_least
    ).markdown


def test_the_takeaway_says_what_is_owed_and_what_expires():
    _engine, accounts = accounts_of(6)
    said = write_takeaway(accounts)
    redemption = programme.follow_redemption(accounts)
    assert f"**{redemption.left:,.0f} points**" in said
    assert f"({redemption.low:,.0f} to {redemption.high:,.0f})" in said
    assert "still owed" in said
    assert "In the next 90 days" in said
    assert "still owed" not in write_takeaway(accounts, rules=LoyaltyProgramme(expire_days=365))
    assert "In the next 90 days" not in write_takeaway(accounts_of(6, expire_days=None)[1])
    few = PointsAccounts(accounts.members.head(10), accounts.pieces.head(10), 365, False, AS_OF)
    assert "will be redeemed" not in write_takeaway(few)  # too few members for an interval
    assert write_takeaway(few, at_least=11) == "Too few members to say anything."
    assert write_takeaway(accounts, why="Not available.") == "Not available."


@pytest.mark.parametrize(
    ("difference", "p", "said", "unsaid"),
    [
        (1.0, 0.01, "bought on more days", "fewer days"),
        (-1.0, 0.01, "bought on fewer days", "more days"),
        (1.0, 0.2, "which chance explains", "more days"),
    ],
)
def test_a_difference_is_said_only_beyond_chance(difference, p, said, unsaid):
    row = {"measure": "purchases", "members": 3.0, "others": 2.0, "difference": difference, "low": -1.0}
    measures = pd.DataFrame([row | {"high": 2.0, "p": p, "unmatched": 2.0}])
    found = MatchedComparison(measures, pd.DataFrame(), 100, 90, 100, 90)
    sentence = write_takeaway(accounts_of(6)[1], found)
    assert said in sentence
    assert unsaid not in sentence


def test_captions_say_how_expiry_is_known():
    _engine, accounts = accounts_of(7)
    captions = {
        "computed from the policy's 365 days": accounts,
        "the policy says that they do not expire": accounts_of(7, expire_days=None)[1],
        "as the movements record it": PointsAccounts(accounts.members, accounts.pieces, 365, True, AS_OF),
    }
    for said, each in captions.items():
        caption = words.caption_ways(each, "CNY", RULES)
        assert said in caption
        assert sum(other in caption for other in captions) == 1
    assert "money in CNY" in words.caption_ways(accounts, "CNY", RULES)
    assert "money" not in words.caption_ways(accounts, "CNY", LoyaltyProgramme())
    assert "do not expire" in words.caption_expiries(LoyaltyProgramme(), "CNY")
    assert "from 20 a month on" in words.caption_expiries(RULES, "CNY")


def test_owed_points_add_up_in_points_and_in_money():
    _engine, accounts = accounts_of(8)
    owed = words.tabulate_liability(programme.follow_redemption(accounts), RULES)
    assert owed["points"].iloc[1:].sum() == pytest.approx(owed["points"].iloc[0])
    assert owed["money"].to_list() == pytest.approx((owed["points"] * 0.2).to_list())
    assert owed["low"].iloc[2] == pytest.approx(owed["points"].iloc[0] - owed["high"].iloc[1])
    assert "before they expire" in owed["of_the_points"].iloc[1]
    endless = programme.follow_redemption(accounts_of(8, expire_days=None)[1])
    assert "within 69" in words.tabulate_liability(endless, LoyaltyProgramme())["of_the_points"].iloc[1]


def test_alike_is_said_only_of_who_is_alike():
    _engine, accounts = accounts_of(9)
    window = Holdout(AS_OF - pd.Timedelta(days=90), AS_OF, pd.DataFrame(), pd.Series(), pd.Series())
    for after, said in ((0.05, "they differ by at most 0.05"), (0.3, "they still differ by 0.30")):
        found = MatchedComparison(pd.DataFrame(), pd.DataFrame({"after": [after]}), 9, 8, 7, 6)
        caption = words.caption_comparison(found, [window], "CNY")
        assert said in caption
        assert "8 of 9 members" in caption
    assert words.caption_comparison(NOTHING, [], "CNY") == ""
    assert words.caption_redemption({"left": 0.0}, 90).startswith("Nothing was left")
    check = {"left": 10.0, "expected": 4.0, "actual": 5.0}
    assert "expected 4 to be redeemed by now; 5 were" in words.caption_redemption(check, 90)
    assert words.explain_absence(pd.DataFrame()).startswith("Not available")
    assert words.explain_absence(accounts.members) == ""
    months = programme.count_months(accounts)
    assert "earned" in words.describe_months(months, "")
    assert words.describe_months(months.iloc[:0], "") == "Too few members moved points in any month to show."
    assert "365 days" in words.describe_curve(programme.follow_redemption(accounts), "")
    empty = programme.follow_redemption(trace(open_frames(), AS_OF))
    assert words.describe_curve(empty, "") == "No points have been earned yet."
