"""Movement beside chance, and what came after past tiers and earlier actions, with intervals."""

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from crcm_lib import open_workspace
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import outcomes, tier_moves
from crcm_lib.decisions.standings import Standing, restate
from crcm_lib.features import redrawn_histories
from crcm_lib.features.customers import spend_between, summarise_purchases
from crcm_lib.reporting.text import monitoring
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT, check, read
from crcm_lib.stats import LEVEL, exceed_copies

POLICY = read_policy("policy.yaml")
GOLDEN = ROOT / "data" / "sample" / "golden"
NAMES = [tier.name for tier in POLICY.tiers]


def placed(tiers: list[str], scores: list[float]) -> pd.DataFrame:
    index = pd.Index([f"K{n:03d}" for n in range(len(tiers))], name="customer_id")
    bounds = dict.fromkeys(
        ("tier_proposed", "tier_lowest", "tier_highest", "tier_spared", "tier_in_force"), tiers
    )
    facts = {"reached": tiers, "state": "agrees", "came_by": "first", "signed_by": None, "score": scores}
    facts |= dict.fromkeys(("score_spared", "score_then"), scores)
    return pd.DataFrame(bounds | facts | {"in_force_since": pd.Timestamp("2025-01-31")}, index=index)


def matrix(counts) -> pd.DataFrame:
    return pd.DataFrame(counts, index=pd.Index(NAMES, name="tier_before"), columns=NAMES)


@pytest.fixture
def engine():
    """Three customers: one purchase, a purchase with its return, and forty purchases."""
    rows = [("one", "2025-01-05", 9.0), ("two", "2025-01-06", 8.0), ("two", "2025-02-01", 5.0)]
    rows += [("many", f"2025-0{month}-{day:02d}", 4.0) for month in range(1, 5) for day in range(1, 11)]
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    log["day"] = pd.to_datetime(log["day"]).dt.date
    returned = {"customer_id": "two", "day": pd.Timestamp("2025-02-20").date(), "amount": -5.0}
    log = pd.concat(
        [log.assign(purchase_day=log["day"]), pd.DataFrame([returned | {"purchase_day": log["day"][2]}])]
    )
    engine = duckdb.connect()
    engine.register("log", log)
    engine.execute("""
        create table transactions as
        select customer_id, day::timestamp as time, amount::decimal(18, 4) as amount,
            case when amount < 0 then 'return' else 'sale' end as kind, day, purchase_day from log""")
    return engine


def test_moves_name_both_tiers_the_change_and_what_waits_for_a_person():
    before = placed(["key", "watch", "growth"], [80, 20, 50])
    now = placed(["regular", "watch", "key"], [60, 21, 82])
    now = now.assign(state=["waits", "agrees", "agrees"], tier_in_force=["key", "watch", "key"])
    cards = (before.assign(loyalty=[90.0, 20.0, 50.0]), now.assign(loyalty=[55.0, 20.0, np.nan]))
    moves = check(tier_moves.compare_tiers(before, now, cards, POLICY), "moves")
    assert moves["waits_for_review"].to_list() == [True, False, False]
    assert moves.loc["K000", ["criterion_1", "change_1"]].to_list() == ["loyalty", -35.0]
    assert moves["criterion_1"].isna().to_list() == [False, True, True]
    assert moves["tier_now"].to_list() == ["key", "watch", "key"]
    assert moves["reached"].to_list() == ["regular", "watch", "key"]
    assert (
        tier_moves.cross_moves(moves["proposed_before"], moves["reached"], POLICY).loc["key", "regular"] == 1
    )


def test_the_tier_now_is_the_one_that_08_published_for_everyone():
    moves, tiers = (read(GOLDEN, name) for name in ("moves", "tiers"))
    assert len(moves) > 1000
    assert moves["tier_now"].equals(tiers["tier_in_force"].reindex(moves.index).rename("tier_now"))


def test_only_who_was_known_on_both_days_is_compared():
    before, now = placed(["key"] * 2, [80, 80]), placed(["key"] * 3, [80, 80, 80])
    assert len(tier_moves.compare_tiers(before, now, (before, now), POLICY)) == 2


def test_the_past_day_lies_inside_a_short_history():
    assert tier_moves.choose_past("2025-01-01", "2025-12-31", compare_days=180) == pd.Timestamp("2025-07-04")
    assert tier_moves.choose_past("2025-12-01", "2025-12-31", compare_days=180) == pd.Timestamp("2025-12-16")
    assert tier_moves.choose_past("2025-12-31", "2025-12-31", compare_days=180) == pd.Timestamp("2025-12-31")
    published = tier_moves.choose_past("2025-01-01", "2025-12-31", compare_days=180, published="2025-11-30")
    assert published == pd.Timestamp("2025-11-30")


def test_the_three_criteria_that_changed_most_are_named_the_largest_first():
    before, now = placed(["key"], [80]), placed(["watch"], [20])
    names = [criterion.name for criterion in POLICY.criteria]
    changes = [-1.0, 4.0, -0.04, -3.0, np.nan, 2.0]
    cards = (
        before.assign(**dict.fromkeys(names, 50.0)),
        now.assign(**{name: 50 + change for name, change in zip(names, changes, strict=True)}),
    )
    move = check(tier_moves.compare_tiers(before, now, cards, POLICY), "moves").iloc[0]
    assert [move[f"criterion_{n}"] for n in (1, 2, 3)] == [names[1], names[3], names[5]]
    assert [move[f"change_{n}"] for n in (1, 2, 3)] == [4.0, -3.0, 2.0]


# Standings: what moves nobody


def add_up(raw: pd.DataFrame) -> pd.DataFrame:
    """A scorecard of one criterion: half of the spend in a year and of the time with us."""
    points = (raw["spend in a year"] + raw["time with us"]) / 2
    return pd.DataFrame({"contribution": points, "score": points}, index=raw.index)


ADDING = SimpleNamespace(
    policy=POLICY, score=add_up, stand=lambda raw, card: Standing(raw, card, card[["score"]])
)


def measured(spend, tenure) -> Standing:
    raw = pd.DataFrame({"spend in a year": spend, "time with us": tenure}, index=list("abcd"))
    return ADDING.stand(raw, add_up(raw))


def test_growth_of_all_and_a_longer_look_back_move_nobody():
    now = measured([40.0, 30.0, 20.0, 10.0], [40.0, 30.0, 20.0, 10.0])
    half_of_it = now.raw.assign(**{"spend in a year": now.raw["spend in a year"] / 2 - 4})
    then = restate(half_of_it, now, ADDING)
    assert then.card.equals(now.card)


def test_what_only_grows_is_no_movement_and_what_was_unknown_is_as_now():
    now = measured([40.0, 30.0, 20.0, 10.0], [40.0, 30.0, 20.0, 10.0])
    other = now.raw.assign(**{"time with us": [1.0, 2.0, 3.0, 4.0], "spend in a year": [40, np.nan, 20, 10]})
    assert restate(other, now, ADDING).card.equals(now.card)


def test_who_spends_more_than_another_did_moves_past_them_and_the_points_stay_the_same():
    now = measured([40.0, 30.0, 20.0, 10.0], [25.0] * 4)
    swapped = now.raw.assign(**{"spend in a year": [300.0, 400.0, 20.0, 10.0]})
    then = restate(swapped, now, ADDING)
    assert then.card["score"].to_list() == [27.5, 32.5, 22.5, 17.5]


def test_only_customers_of_both_days_have_a_standing():
    now = measured([40.0, 30.0, 20.0, 10.0], [25.0] * 4)
    assert list(restate(now.raw.rename({"d": "z"}), now, ADDING).card.index) == list("abc")


# Chance


def test_chance_is_the_mean_of_the_copies_on_the_sizes_seen():
    crossed = matrix(np.diag([2, 10, 0, 0, 8]))
    stay = pd.Series(["strategic", "key", "watch"])
    swap = pd.Series(["key", "strategic", "watch"])
    expected = tier_moves.expect_moves(crossed, [(stay, stay), (stay, swap)])
    assert expected.loc["strategic"].to_list() == [1, 1, 0, 0, 0]
    assert expected.loc["key"].to_list() == [5, 5, 0, 0, 0]
    assert expected.loc["watch", "watch"] == 8
    summary = tier_moves.summarise_moves(crossed, expected).set_index("tier_before")
    assert summary.loc["strategic", ["stayed", "fell_by_chance", "rose_by_chance"]].to_list() == [1, 0.5, 0]


def judged(moved_share: float, seed: int = 0, *, fifth: int = 0, noise: float = 1.0):
    """Movement of 1,000 customers whose copies move in a third and buy 10 times on average."""
    random = np.random.default_rng(seed)
    moved = random.random((1000, 6)) < np.r_[moved_share, [1 / 3] * 5]
    bought = random.normal(10, np.r_[noise, [1.0] * 5], (1000, 6))
    bought[:200, 0] += fifth
    return tier_moves.judge_movement(moved.astype(float), bought)


def test_movement_is_judged_in_both_directions_and_as_chance_between():
    assert [judged(share).moved for share in (0.5, 1 / 3, 0.2)] == ["more", "as_by_chance", "fewer"]
    assert judged(0.5).share == pytest.approx(0.5, abs=0.05)
    assert judged(0.5).share_by_chance == pytest.approx(1 / 3, abs=0.05)


def test_the_pace_is_judged_beside_the_moves():
    assert [judged(1 / 3, fifth=3).pace, judged(1 / 3).pace] == ["more", "as_by_chance"]
    assert judged(1 / 3, noise=0.5).pace == "fewer"


def test_a_difference_that_is_nil_in_practice_is_none_however_many_customers_there_are():
    moved = np.zeros((20_000, 9))
    moved[:40, 0], moved[40:44, 1:] = 1, 1  # a fifth of a customer in a hundred, far beyond chance
    bought = np.random.default_rng(0).normal(10, 1, moved.shape)
    assert tier_moves.judge_movement(moved, bought).moved == "as_by_chance"
    moved[:400, 0] = 1
    assert tier_moves.judge_movement(moved, bought).moved == "more"


def test_equal_customers_who_cross_a_border_together_are_no_sign_of_change():
    """Twenty groups of thirty that move as one: each customer alone would make it significant too often."""
    found = []
    for seed in range(300):
        groups = np.random.default_rng(seed).random((20, 9)) < 0.4
        found.append(exceed_copies(np.repeat(groups.astype(float), 30, axis=0))[2] <= LEVEL)
    assert sum(found) <= binom.ppf(0.99, 300, 0.05)


def test_of_few_customers_nothing_is_said():
    movement = tier_moves.judge_movement(np.eye(29, 5), np.ones((29, 5)))
    assert (movement.moved, movement.pace) == ("cannot_tell", "cannot_tell")


# Histories redrawn


@pytest.fixture
def redrawn(engine):
    dates = {"past": "2025-04-01", "as_of": "2025-12-31"}
    return redrawn_histories.redraw_histories(engine, seed=0, copies=3, **dates)


def test_redrawn_histories_keep_the_first_day_and_the_purchases_and_nothing_lies_after_the_day(
    engine, redrawn
):
    seen = summarise_purchases(engine, as_of="2025-12-31")
    copies = redrawn_histories.split_copies(summarise_purchases(redrawn, as_of="2025-12-31"))
    assert len(copies) == 3
    for copy in copies:
        same = ["purchases", "first_day", "spend_total"]
        assert copy[same].equals(seen.loc[copy.index, same])
        assert (copy["last_day"] <= pd.Timestamp("2025-12-31")).all()
    assert copies[0].loc["many", "last_day"] != seen.loc["many", "last_day"]


def test_the_first_purchase_keeps_its_amount_and_the_later_ones_change_theirs():
    days = pd.to_datetime("2025-01-01") + pd.to_timedelta(range(0, 300, 10), unit="D")
    log = pd.DataFrame({"customer_id": "a", "day": days, "amount": range(1, 31), "kind": "sale"})
    seen = open_frames(transactions=log.assign(purchase_day=days))
    again = redrawn_histories.redraw_histories(seen, past="2025-06-30", as_of="2025-12-31", seed=0, copies=9)
    first = again.execute("select amount from transactions where day = date '2025-01-01'").df()["amount"]
    assert set(first) == {1}
    place = "row_number() over (partition by customer_id order by day) as place"
    fifth = f"select amount from (select *, {place} from transactions) where place = 5"
    assert again.execute(fifth).df()["amount"].nunique() > 3


def test_equal_seeds_draw_equal_histories_whatever_the_order_of_the_lines(engine):
    other = duckdb.connect()
    other.register("log", engine.execute("select * from transactions order by amount, day desc").df())
    other.execute("""create table transactions as select customer_id, amount::decimal(18, 4) as amount, kind,
        day::date as day, purchase_day::date as purchase_day from log""")
    days = {"past": "2025-04-01", "as_of": "2025-12-31", "copies": 2}
    drawn = [redrawn_histories.redraw_histories(each, seed=5, **days) for each in (engine, other)]
    found = [summarise_purchases(each, as_of="2025-12-31") for each in drawn]
    assert found[0].equals(found[1])


def test_what_was_bought_until_a_year_before_the_past_day_stays(engine):
    again = redrawn_histories.redraw_histories(
        engine, past="2026-03-01", as_of="2026-06-30", seed=0, copies=1
    )
    kept = again.execute("select count(*) as n from transactions where day <= date '2025-03-01'").df()
    assert (
        kept["n"].item() == 23
    )  # 20 of `many`, and the purchases of `one` and `two`, whose return undid one
    copy = redrawn_histories.split_copies(summarise_purchases(again, as_of="2025-03-01"))[0]
    assert copy["purchases"].equals(summarise_purchases(engine, as_of="2025-03-01")["purchases"])


def test_later_days_change_no_history_redrawn_for_an_earlier_one(engine):
    days = {"past": "2025-02-01", "as_of": "2025-03-31", "seed": 1, "copies": 2}
    before = summarise_purchases(redrawn_histories.redraw_histories(engine, **days), as_of="2025-03-31")
    engine.execute("delete from transactions where day > date '2025-03-31'")
    after = summarise_purchases(redrawn_histories.redraw_histories(engine, **days), as_of="2025-03-31")
    assert before.equals(after)


def follow(before: pd.DataFrame, later: pd.DataFrame, start: str = "2025-07-04") -> pd.DataFrame:
    """The table `past_tiers` of one day."""
    return check(
        outcomes.follow_day(before["tier_in_force"], later, start=start, end="2025-12-31"), "past_tiers"
    )


@pytest.fixture
def followed():
    """Two tiers of sixty, the better one spending more and buying again more often."""
    random = np.random.default_rng(2)
    before = placed(["strategic"] * 60 + ["watch"] * 60, [90] * 60 + [20] * 60)
    spend = np.append(random.normal(100, 10, 60), random.normal(50, 10, 60))
    later = pd.DataFrame({"spend": spend, "purchases": [1] * 60 + [1, 0] * 30}, index=before.index)
    return before, later[later["purchases"] > 0]


def test_past_tiers_are_followed_with_intervals(followed):
    before, later = followed
    shown = check(outcomes.follow_tiers(follow(before, later), POLICY), "effects").set_index("tier_before")
    assert shown["customers"].to_list() == [60, 60]
    assert shown.loc["strategic", "spend_later_mean"] == pytest.approx(100, abs=5)
    assert shown.loc["watch", "retained_share"] == 0.5
    assert (shown["spend_later_low"] < shown["spend_later_mean"]).all()
    assert shown.loc["watch", "retained_low"] < 0.5 < shown.loc["watch", "retained_high"]


def test_who_did_not_buy_again_counts_as_zero(followed):
    before, later = followed
    shown = outcomes.follow_tiers(follow(before, later), POLICY).set_index("tier_before")
    assert shown.loc["watch", "spend_later_mean"] == pytest.approx(later["spend"].iloc[60:].sum() / 60)


def compare(*days: pd.DataFrame) -> pd.DataFrame:
    followed = pd.concat(days)
    tiers = outcomes.follow_tiers(followed, POLICY)["tier_before"]
    return outcomes.compare_neighbours(followed, list(tiers), seed=0)


def verdicts(*found: str) -> pd.DataFrame:
    return pd.DataFrame({"outcome": "spend", "verdict": found})


def test_the_order_of_a_planted_difference_is_kept_and_of_nobody_who_buys_unknown(followed):
    before, later = followed
    pairs = compare(follow(before, later))
    assert set(pairs["verdict"]) == {"kept"}
    assert (pairs["p_adjusted"] >= pairs["p"]).all()
    assert set(compare(follow(before, later.iloc[:0]))["verdict"]) == {"cannot_tell"}


def test_the_same_customers_on_three_days_prove_no_more_than_on_one(followed):
    before, later = followed
    alike = np.random.default_rng(5).normal(50, 10, 120) + 2 * (before["tier_in_force"] == "strategic")
    one = follow(before, later.reindex(before.index).fillna(0).assign(spend=alike))
    days = [one.assign(start=pd.Timestamp(day)) for day in ("2025-03-01", "2025-05-01", "2025-07-04")]
    alone, thrice = compare(one), compare(*days)
    same = ["difference", "low", "high", "p"]  # but for the draws of the permutations
    assert thrice[same].to_numpy() == pytest.approx(alone[same].to_numpy(), abs=0.02)
    assert 0.05 < alone.set_index("outcome").loc["spend", "p"] < 0.5
    assert outcomes.follow_tiers(pd.concat(days), POLICY)["customers"].to_list() == [60, 60]


def test_days_that_differ_are_averaged_and_one_without_the_tier_is_left_out(followed):
    before, later = followed
    half = follow(before, later.assign(spend=later["spend"] / 2), start="2025-03-01")
    both = pd.concat([half[half["tier"] == "strategic"], follow(before, later)])
    effects = outcomes.follow_tiers(both, POLICY).set_index("tier_before")
    mean = later["spend"].iloc[:60].mean()
    assert effects.loc["strategic", "spend_later_mean"] == pytest.approx(0.75 * mean)
    assert effects["days"].to_list() == [2, 1]
    assert compare(both)["difference"].to_list() == compare(follow(before, later))["difference"].to_list()


def test_without_a_past_day_nobody_is_followed_and_this_is_said():
    nothing = read(GOLDEN, "past_tiers").iloc[:0]
    effects = check(outcomes.follow_tiers(nothing, POLICY), "effects")
    assert effects.empty
    assert outcomes.compare_neighbours(nothing, list(effects["tier_before"]), seed=0).empty
    assert monitoring.caption_followed(nothing, "EUR").startswith("No past day could be scored")


@pytest.mark.parametrize(("days", "enough"), [(27, False), (28, True)])
def test_what_an_earlier_run_published_is_followed_once_four_weeks_have_passed(followed, days, enough):
    past = follow(*followed)
    start = pd.Timestamp("2025-12-31") - pd.Timedelta(days=days)
    published = past.assign(start=start)
    assert outcomes.choose_followed(published, past) is (published if enough else past)
    assert outcomes.choose_followed(None, past) is past


def test_10_follows_the_tiers_that_08_gave_on_past_days(followed):
    past, effects = read(GOLDEN, "past_tiers"), read(GOLDEN, "effects")
    again = outcomes.follow_tiers(past, POLICY).sort_values("tier_before", ignore_index=True)
    pd.testing.assert_frame_equal(again, effects, check_dtype=False)
    said = monitoring.caption_followed(past, "EUR")
    assert said.count(" to ") == past["start"].nunique() == 3
    assert "No past day" not in said


def test_a_tier_below_that_spends_more_is_reversed(followed):
    before, later = followed
    turned = before.assign(
        tier_in_force=before["tier_in_force"].replace({"strategic": "watch", "watch": "strategic"})
    )
    assert set(compare(follow(turned, later))["verdict"]) == {"reversed"}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (("kept", "kept"), "kept"),
        (("kept", "cannot_tell"), "kept_in_part"),
        (("kept", "too_few"), "kept_in_part"),
        (("kept", "reversed"), "mixed"),
        (("reversed", "cannot_tell"), "reversed"),
        (("cannot_tell", "too_few"), "cannot_tell"),
        ((), "cannot_tell"),
    ],
)
def test_the_order_of_all_tiers_is_said_in_one_word(found, said):
    assert outcomes.tier_order_verdict(verdicts(*found), "spend") == said
    assert outcomes.tier_order_verdict(verdicts(*found), "bought_again") == "cannot_tell"


def test_a_difference_of_one_pair_is_nothing_where_many_pairs_are_compared():
    """A pair that alone would be kept, beside three of which nothing can be told."""
    tiers = np.repeat(NAMES, 40)
    before = placed(list(tiers), [0.0] * 200)
    spend = np.tile(np.arange(40) % 7 + 1.0, 5) + np.where(tiers == NAMES[0], 0.95, 0)
    later = pd.DataFrame({"spend": spend, "purchases": 1}, before.index)
    alone = before["tier_in_force"].isin(NAMES[:2])
    assert compare(follow(before[alone], later)).set_index("outcome").loc["spend", "verdict"] == "kept"
    among_all = compare(follow(before, later)).set_index(["tier", "outcome"]).loc[(NAMES[0], "spend")]
    assert among_all["low"] > 0
    assert among_all["verdict"] == "cannot_tell"


def test_one_tier_alone_has_no_order():
    before = placed(["watch"] * 3, [1, 2, 3])
    later = pd.DataFrame({"spend": [1.0], "purchases": [1]}, index=before.index[:1])
    assert compare(follow(before, later)).empty


def arms(*rows, start="2025-03-01", end="2025-03-31") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "arm"])
    return frame.assign(start=pd.Timestamp(start), end=pd.Timestamp(end))


def measure(engine, given: pd.DataFrame) -> pd.DataFrame:
    shown = outcomes.measure_actions(engine, given, as_of="2025-12-31", seed=0)
    return check(shown, "action_effects")


def publish(engine, given: pd.DataFrame) -> pd.DataFrame:
    waves = outcomes.follow_arms(engine, given, as_of="2025-12-31")
    return outcomes.hide_small_actions(outcomes.compare_arms(waves, seed=0), waves, at_least=5)


def test_the_label_of_an_action_for_few_is_not_shown(shop):
    few = arms(("T0", "call Ms Zhang of 12 Harbour Road", "treatment"), ("T1", "visit", "treatment"))
    shown = publish(shop, pd.concat([treat(30, 30), few]))
    assert set(shown["action"]) == {"call", "small_groups"}
    assert len(shown) == 4  # one row for each outcome
    small = shown[shown["action"] == "small_groups"]
    assert small.drop(columns=["action", "outcome", "verdict"]).isna().all(axis=None)
    assert "(small groups)" in set(monitoring.write_verdicts(shown)["action"])


def test_a_mean_that_one_customer_makes_is_not_shown(shop):
    shown = publish(shop, treat(30, 30)).set_index("outcome")
    assert shown.loc["spend", "treated_mean"] > 0
    shop.execute("update transactions set amount = 90000 where customer_id = 'T3'")
    giant = publish(shop, treat(30, 30)).set_index("outcome")
    assert giant.loc["spend", ["treated_mean", "control_mean", "difference", "low", "high"]].isna().all()
    assert giant.loc["bought_again"].equals(shown.loc["bought_again"])
    assert giant.attrs["hidden"] > 0


def test_without_earlier_actions_there_is_nothing_to_hide(shop):
    assert publish(shop, arms()).empty


def test_without_a_control_group_nothing_is_said_of_an_effect(engine):
    shown = measure(engine, arms(("many", "call", "treatment")))
    assert set(shown["verdict"]) == {"no_controls"}
    assert shown["difference"].isna().all()


@pytest.fixture
def shop():
    """A hundred T who buy for 50 to 52 in March, and a hundred C who buy for 50 in May."""
    engine = duckdb.connect()
    engine.execute("""
        create table transactions as select 'T' || n as customer_id, timestamp '2025-03-10' as time,
            50::decimal(18, 4) + n % 3 as amount, 'sale' as kind, date '2025-03-10' as day,
            date '2025-03-10' as purchase_day from range(100) as t(n)
        union all select 'C' || n, timestamp '2025-05-10', 50, 'sale', date '2025-05-10', date '2025-05-10'
            from range(100) as t(n)""")
    return engine


def treat(treated: int, controls: int) -> pd.DataFrame:
    return arms(
        *[(f"T{n}", "call", "treatment") for n in range(treated)],
        *[(f"C{n}", "call", "control") for n in range(controls)],
    )


def test_a_planted_effect_is_found(shop):
    shown = measure(shop, treat(100, 100)).set_index("outcome")
    assert shown.loc["bought_again", "difference"] == 1  # the controls bought only after the wave's end
    assert set(shown["verdict"]) == {"higher"}
    swapped = treat(100, 100).replace({"arm": {"treatment": "control", "control": "treatment"}})
    assert set(measure(shop, swapped)["verdict"]) == {"lower"}


def test_a_few_customers_are_not_compared(shop):
    few = measure(shop, treat(2, 3))
    assert set(few["verdict"]) == {"too_few"}
    assert few["p"].isna().all()


def test_arms_that_could_not_reach_the_level_are_too_few_and_are_not_counted(shop):
    """Of five and five 252 draws are possible: p is at least 0.008, too much for one of twenty claims."""
    assert set(measure(shop, treat(5, 5))["verdict"]) == {"higher"}
    ten = pd.concat([treat(5, 5).assign(action=f"call {n}") for n in range(10)])
    shown = measure(shop, ten)
    assert set(shown["verdict"]) == {"too_few"}
    assert shown["p_adjusted"].isna().all()
    with_large = measure(shop, pd.concat([ten, treat(100, 100)])).set_index("action")
    assert set(with_large.loc["call", "verdict"]) == {"higher"}
    assert (with_large.loc["call", "p_adjusted"] <= 2 * with_large.loc["call", "p"] + 1e-12).all()


def test_where_all_did_the_same_nothing_can_be_told_however_many_they_are(shop):
    given = treat(100, 0).assign(arm=["control"] * 20 + ["treatment"] * 80)
    shown = measure(shop, given).set_index("outcome")
    assert shown.loc["bought_again", "verdict"] == "cannot_tell"
    assert np.isnan(shown.loc["bought_again", "p_adjusted"])


def test_each_wave_is_compared_with_its_own_controls(shop):
    """Nobody gains: in May, when half are controls, everyone buys; in April, with few controls, nobody."""
    names = [f"C{n}" for n in range(100)]
    may = arms(*[(name, "call", "control" if n % 2 else "treatment") for n, name in enumerate(names)])
    may = may.assign(start=pd.Timestamp("2025-05-01"), end=pd.Timestamp("2025-05-31"))
    april = arms(*[(f"T{n}", "call", "treatment" if n % 10 else "control") for n in range(100)])
    april = april.assign(start=pd.Timestamp("2025-04-01"), end=pd.Timestamp("2025-04-30"))
    shown = measure(shop, pd.concat([april, may])).set_index("outcome")
    assert shown["difference"].tolist() == pytest.approx([0, 0])
    assert shown["treated_mean"].tolist() == pytest.approx(shown["control_mean"].tolist())
    assert set(shown["verdict"]) == {"cannot_tell"}


def test_a_customers_first_wave_counts_and_contradictions_do_not(shop):
    given = treat(60, 60)
    later = given.head(50).assign(arm="control", start=pd.Timestamp("2025-05-01"), end="2025-05-31")
    again = pd.concat([given, later.astype({"end": "datetime64[us]"})])
    pd.testing.assert_frame_equal(measure(shop, again), measure(shop, given))
    both = pd.concat([given, given.head(10).assign(arm="control")])
    assert measure(shop, both)["treated"].tolist() == [50, 50]


def test_all_of_a_wave_are_followed_to_its_last_end(shop):
    """Otherwise those whom an action drove away would be looked at for a shorter time."""
    given = treat(30, 30)
    given.loc[given["arm"] == "treatment", "end"] = pd.Timestamp("2025-03-05")
    assert measure(shop, given).set_index("outcome").loc["bought_again", "treated_mean"] == 1


def test_no_earlier_actions_give_an_empty_table(engine):
    assert measure(engine, arms()).empty


@pytest.mark.slow
def test_the_arms_of_a_run_that_did_nothing_yet_claim_nothing():
    """An A/A test: the planned arms of the sample shuffled 200 times, on the last 90 days before the plan."""
    planned = read(GOLDEN, "planned_assignments").reset_index()
    planned["arm"] = np.where(np.arange(len(planned)) % 10, "treatment", "control")
    later = spend_between(open_engine(GOLDEN), after="2025-10-02", until="2025-12-31")
    of_each = later.reindex(planned["customer_id"]).fillna(0)
    spend, again = of_each["spend"].to_numpy(float), (of_each["purchases"] > 0).to_numpy(float)
    followed, random, found = planned.assign(spend=spend, bought_again=again), np.random.default_rng(0), []
    for seed in range(200):
        shuffled = followed.groupby("action")["arm"].transform(lambda arm: random.permutation(arm.to_numpy()))
        found.append(set(outcomes.compare_arms(followed.assign(arm=shuffled), seed=seed)["verdict"]))
    higher, lower = (sum(name in verdicts for verdicts in found) for name in ("higher", "lower"))
    assert sum(bool(verdicts & {"higher", "lower"}) for verdicts in found) <= binom.ppf(0.99, 200, 0.05)
    assert max(higher, lower) <= binom.ppf(0.99, 200, 0.025)


# In words


def test_verdicts_are_written_with_amounts_as_money_and_buying_again_as_a_share(engine):
    few = measure(engine, arms(("many", "call", "treatment")))
    words = monitoring.write_verdicts(few).set_index("outcome")
    assert set(words["verdict"]) == {"no control group: nothing can be said of an effect"}
    assert words.loc["bought again", "treated_mean"].endswith("%")
    assert not words.loc["spend", "treated_mean"].endswith("%")


def test_without_earlier_actions_the_caption_says_so_and_the_takeaway_nothing(engine):
    nothing = measure(engine, arms())
    assert "no `assignments` table" in monitoring.caption_actions(nothing, "EUR")
    assert monitoring.describe_actions(nothing).markdown == ""


def effects(*rows) -> pd.DataFrame:
    """Actions of which the spend was compared: verdict, interval and adjusted p."""
    frame = pd.DataFrame(rows, columns=["action", "verdict", "low", "high", "p_adjusted"])
    known = frame["p_adjusted"].where(~frame["verdict"].isin(["no_controls", "too_few"]))
    return frame.assign(outcome="spend", p=known, p_adjusted=known, treated_mean=1.0, control_mean=1.0)


HIGHER = ("call", "higher", 1.0, 9.0, 0.01)
NOTHING = ("visit", "cannot_tell", -1.0, 9.0, 0.4)
COUNTED = ("visit", "cannot_tell", 1.0, 9.0, 0.09)
FEW = ("letter", "too_few", np.nan, np.nan, np.nan)
ALONE = ("letter", "no_controls", np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            (HIGHER, NOTHING),
            "More than chance, beside controls drawn at random: call (spend higher with the ",
        ),
        ((NOTHING, COUNTED, ALONE), "earlier actions (1) no difference is more than chance."),
        ((FEW, ALONE), "The control groups of earlier actions are too small to tell"),
        ((ALONE,), "No earlier action had a control group, so nothing is said of what they did."),
    ],
)
def test_what_actions_did_is_said_only_where_controls_show_it(rows, said):
    words = monitoring.describe_actions(effects(*rows)).markdown
    assert said in words
    assert ("drawn at random" in words) == (HIGHER in rows)


def test_a_difference_that_only_counting_makes_chance_is_called_so():
    words = monitoring.write_verdicts(effects(HIGHER, NOTHING, COUNTED))
    assert words["verdict"].tolist() == [
        "higher with the action",
        "cannot tell",
        "within chance once all are counted",
    ]
    assert words["p_adjusted"].tolist() == ["0.010", "0.400", "0.090"]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("higher", "higher with the action"),
        ("lower", "lower with the action"),
        ("kept", "kept"),
        ("reversed", "reversed"),
        ("cannot_tell", "cannot tell"),
        ("no_controls", "no control group: nothing can be said of an effect"),
        ("too_few", "too few to tell: even the clearest difference could be chance"),
    ],
)
def test_every_verdict_has_its_words(verdict, words):
    assert monitoring.write_verdicts(effects(("call", verdict, -1.0, 1.0, 0.5)))["verdict"].tolist() == [
        words
    ]


@pytest.mark.parametrize("sizes", [(3, 200), (200, 3), (3, 0), (0, 3)])
def test_arms_of_a_few_customers_are_not_shown(tmp_path, sizes):
    """As 10 hides them: by either arm, so that neither a size nor a mean of a few is on the page."""
    ws = open_workspace(str(GOLDEN), str(tmp_path), policy="policy.yaml")
    actions = [("letter", *sizes), ("call", 100, 50), ("visit", 90, 60)]
    worked = pd.DataFrame(actions, columns=["action", "treated", "controls"]).assign(
        outcome="spend", treated_mean=123.4, control_mean=1.0, low=0.0, high=0.0, p=0.5, p_adjusted=0.5
    )
    worked["verdict"] = "cannot_tell"
    shown = ws.hide(ws.hide(worked, counts="controls"), counts="treated")
    words = monitoring.write_verdicts(shown).set_index("action")
    assert words.loc["letter", "treated_mean"] == "–"
    assert pd.isna(words.loc["letter", ["treated", "controls"]].where([size > 0 for size in sizes])).all()
    assert shown.attrs["hidden"] >= 5


def test_the_picture_of_past_tiers_says_when_none_is_large_enough(followed):
    before, later = followed
    assert "strategic: " in monitoring.describe_order(
        outcomes.follow_tiers(follow(before, later), POLICY), "EUR"
    )
    assert monitoring.describe_order(pd.DataFrame(), "EUR") == "No tier had enough customers to follow."


def test_the_caption_counts_the_comparisons_and_is_silent_where_there_are_none():
    assert "could have shown anything (2, Holm)" in monitoring.caption_actions(
        effects(HIGHER, COUNTED, FEW), "EUR"
    )
    assert "could have shown anything (2, Holm)" in monitoring.caption_order(
        effects(HIGHER, COUNTED, FEW), "EUR"
    )
    assert "comparisons" not in monitoring.caption_actions(effects(FEW, ALONE), "EUR")


MOVED = tier_moves.Movement(1010, 0.34, 0.3, "more", "as_by_chance")
DAY = pd.Timestamp("2025-07-04")


@pytest.mark.parametrize(
    ("movement", "said", "not_said"),
    [
        (
            {"moved": "more"},
            "the tier proposed then: more than the 30.0% that chance",
            ["fewer", "about as many"],
        ),
        (
            {"moved": "fewer"},
            "the tier proposed then: fewer than the 30.0% that would",
            ["more", "about as many"],
        ),
        ({"moved": "as_by_chance"}, "about as many as chance alone would move (30.0%).", ["more", "fewer"]),
        ({"moved": "as_by_chance", "pace": "more"}, "More of them than by chance now buy", ["fewer"]),
        ({"moved": "as_by_chance", "pace": "fewer"}, "more evenly than by chance.", ["More of them"]),
    ],
)
def test_movement_is_told_beside_chance_and_nothing_else(movement, said, not_said):
    words = monitoring.describe_movement(replace(MOVED, **movement), 1010, DAY)
    assert words.startswith(
        "Since 2025-07-04, 34.0% of 1,010 customers who had bought by then have clearly left"
    )
    assert said in words
    assert not [each for each in not_said if each in words.replace(said, "")]


def test_of_too_few_no_share_is_told_and_a_sample_is_called_one():
    few = monitoring.describe_movement(replace(MOVED, moved="cannot_tell"), 3, DAY)
    assert few == "Too few customers had bought by 2025-07-04 to tell movement from chance."
    assert "34.0% of 1,010 buyers drawn from 5,000 have clearly left" in monitoring.describe_movement(
        MOVED, 5000, DAY
    )


NO_PROGRAMME = pd.DataFrame({"outcome": [], "verdict": []})


def test_the_takeaway_says_who_moved_whether_the_order_held_and_who_waits():
    moves = pd.DataFrame({"waits_for_review": [True] * 10 + [False] * 1000})
    pairs = pd.DataFrame({"outcome": ["spend", "bought_again"], "verdict": ["kept", "cannot_tell"]})
    words = monitoring.describe_monitoring(
        moves, "A third moved.", pairs, effects(ALONE), NO_PROGRAMME
    ).markdown
    assert words == (
        "A third moved. Did the past tiers keep their order? Later spend: **kept**; buying again: "
        "**cannot tell**. Moves down that wait for a named person: 10. No earlier action had a control "
        "group, so nothing is said of what they did."
    )
    nobody = monitoring.describe_monitoring(
        moves, "A third moved.", pairs.iloc[:0], effects(), NO_PROGRAMME
    ).markdown
    assert nobody == (
        "A third moved. Whether tiers keep their order cannot be told yet. "
        "Moves down that wait for a named person: 10."
    )


@pytest.mark.parametrize(
    ("earlier", "same_policy", "said"),
    [
        ("shop-2025-06-30-1a2b3c4d", True, "the tiers in force by the run shop-2025-06-30-1a2b3c4d"),
        ("shop-2025-06-30-1a2b3c4d", False, "by another policy; so 2025-07-04 and today are measured by one"),
        ("", False, "There is no earlier run to compare with; so 2025-07-04 and today"),
    ],
)
def test_what_is_compared_and_why_is_said(earlier, same_policy, said):
    words = monitoring.describe_comparison(earlier, DAY, same_policy=same_policy)
    assert said in words
    assert ("tiers in force by" in words, "another policy" in words, "no earlier run" in words) == (
        same_policy,
        bool(earlier) and not same_policy,
        not earlier,
    )


def test_the_history_of_tiers_grows_by_a_day_and_names_earlier_runs():
    first = tier_moves.extend_history(placed(["key", "watch"], [80, 20]), "2025-03-31")
    second = tier_moves.extend_history(placed(["watch"] * 3, [20] * 3), "2025-06-30", first, "shop-a")
    third = tier_moves.extend_history(placed(["key"] * 3, [90] * 3), DAY, second, "shop-b")
    assert check(third, "tier_history").groupby("day")["run"].agg(["first", "size"]).to_numpy().tolist() == [
        ["shop-a", 2],
        ["shop-b", 3],
        ["", 3],
    ]
    assert third.set_index("customer_id").loc["K000", "tier_in_force"].to_list() == ["key", "watch", "key"]


def test_the_history_of_who_has_no_tier_any_more_is_not_carried_on():
    first = tier_moves.extend_history(placed(["key", "watch"], [80, 20]), "2025-03-31")
    second = tier_moves.extend_history(placed(["key"], [90]), DAY, first, "shop-a")
    assert set(second["customer_id"]) == {"K000"}
