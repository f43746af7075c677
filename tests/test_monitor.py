"""Movement beside chance, and what came after past tiers and earlier actions, with intervals."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from crcm_lib import open_workspace
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import outcomes, tier_moves
from crcm_lib.features.customers import spend_between, summarise_purchases
from crcm_lib.reporting.text import monitoring
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
NAMES = [tier.name for tier in POLICY.tiers]
GOLDEN = tables.ROOT / "data/sample/golden"


def placed(tiers: list[str], scores: list[float]) -> pd.DataFrame:
    index = pd.Index([f"K{n:03d}" for n in range(len(tiers))], name="customer_id")
    return pd.DataFrame({"tier": tiers, "score": scores}, index=index)


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
    cards = (before.assign(loyalty=[90.0, 20.0, 50.0]), now.assign(loyalty=[55.0, 20.0, np.nan]))
    moves = check(tier_moves.compare_tiers(before, now, cards, POLICY), "moves")
    assert moves["waits_for_review"].to_list() == [True, False, False]
    assert monitoring.write_reasons(moves).to_list() == [
        "score 80.0 → 60.0; loyalty -35.0",
        "score 20.0 → 21.0; no criterion moved",
        "score 50.0 → 82.0; no criterion moved",
    ]
    assert tier_moves.cross_moves(moves, POLICY).loc["key", "regular"] == 1


def test_only_who_was_known_on_both_days_is_compared():
    before, now = placed(["key"] * 2, [80, 80]), placed(["key"] * 3, [80, 80, 80])
    assert len(tier_moves.compare_tiers(before, now, (before, now), POLICY)) == 2


def test_the_past_day_lies_inside_a_short_history():
    assert tier_moves.choose_past("2025-01-01", "2025-12-31", compare_days=180) == pd.Timestamp("2025-07-04")
    assert tier_moves.choose_past("2025-12-01", "2025-12-31", compare_days=180) == pd.Timestamp("2025-12-16")
    assert tier_moves.choose_past("2025-12-31", "2025-12-31", compare_days=180) == pd.Timestamp("2025-12-31")


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


def test_a_short_history_is_measured_with_each_days_own_scorecard_which_is_said():
    past = pd.Timestamp("2025-07-04")
    assert tier_moves.choose_scorecard_model(("then", "now"), first_day="2023-01-01", past=past)[0] == "then"
    model, reason = tier_moves.choose_scorecard_model(("then", "now"), first_day="2025-01-01", past=past)
    assert model == "now"
    assert reason.rule == "model_of_each_day"
    assert "184 days" in monitoring.describe_model(reason)


def test_chance_moves_nobody_when_a_score_repeats_itself_perfectly():
    crossed = matrix(np.diag([5, 20, 30, 40, 60]))
    expected = tier_moves.expect_moves(crossed, 1.0)
    assert np.allclose(expected, crossed, atol=0.2)


def test_chance_places_everyone_at_random_when_a_score_never_repeats_itself():
    sizes = np.array([5, 20, 30, 40, 60])
    expected = tier_moves.expect_moves(matrix(np.diag(sizes)), 0.0)
    assert np.allclose(expected, np.outer(sizes, sizes) / sizes.sum(), rtol=1e-3)


def test_chance_agrees_with_a_simulation_of_two_measurements():
    random, sizes, r = np.random.default_rng(3), np.array([50, 150, 150, 250, 400]), 0.7
    truth = random.standard_normal(400_000)
    one, two = (np.sqrt(r) * truth + np.sqrt(1 - r) * random.standard_normal(400_000) for _draw in range(2))
    edges = np.quantile(one, np.cumsum(sizes)[:-1] / sizes.sum())
    seen = pd.crosstab(np.searchsorted(edges, one), np.searchsorted(edges, two)).to_numpy() / 400
    assert np.allclose(tier_moves.expect_moves(matrix(np.diag(sizes)), r), seen, atol=1.5)


def test_the_extremes_fall_back_by_chance_alone():
    crossed = matrix(np.diag([50, 150, 150, 250, 400]))
    summary = tier_moves.summarise_moves(crossed, tier_moves.expect_moves(crossed, 0.8)).set_index(
        "tier_before"
    )
    assert summary.loc["strategic", "fell_by_chance"] > 0.2
    assert summary.loc["strategic", "rose_by_chance"] == 0
    assert (summary["stayed"] == 1).all()
    assert np.allclose(summary.filter(like="by_chance").sum(axis=1), 1, atol=1e-6)


def test_windows_that_overlap_repeat_themselves_more():
    assert tier_moves.expected_autocorrelation(0.5, days_apart=0) == 1
    assert tier_moves.expected_autocorrelation(0.5, days_apart=400) == 0.5


def test_each_half_has_the_first_purchase_and_every_later_one_is_in_exactly_one(engine):
    halves = tier_moves.split_history(engine, as_of="2025-12-31", seed=0)
    found = [summarise_purchases(half, as_of="2025-12-31")["purchases"] for half in halves]
    assert [half["one"] for half in found] == [1, 1]
    assert found[0]["many"] + found[1]["many"] == 41
    assert 10 < found[0]["many"] < 31
    assert [half["two"] for half in found] == [1, 1]  # its second purchase was returned, in the same half


def test_halves_do_not_look_past_the_day(engine):
    halves = tier_moves.split_history(engine, as_of="2025-02-28", seed=0)
    assert max(half.execute("select max(day) from transactions").fetchone()[0] for half in halves).month == 2


def test_reliability_of_halves_is_stepped_up_to_the_whole():
    random = np.random.default_rng(0)
    truth = random.standard_normal(20_000)
    halves = [pd.Series(truth + random.standard_normal(20_000)) for _half in range(2)]
    assert tier_moves.measure_reliability(*halves) == pytest.approx(2 / 3, abs=0.02)  # half: 1/2, whole: 2/3
    assert np.isnan(tier_moves.measure_reliability(pd.Series([1.0, 1.0]), pd.Series([1.0, 2.0])))


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
    shown = check(outcomes.follow_tiers(before, later, POLICY), "effects").set_index("tier_before")
    assert shown["customers"].to_list() == [60, 60]
    assert shown.loc["strategic", "spend_later_mean"] == pytest.approx(100, abs=5)
    assert shown.loc["watch", "retained_share"] == 0.5
    assert (shown["spend_later_low"] < shown["spend_later_mean"]).all()
    assert shown.loc["watch", "retained_low"] < 0.5 < shown.loc["watch", "retained_high"]


def test_who_did_not_buy_again_counts_as_zero(followed):
    before, later = followed
    shown = outcomes.follow_tiers(before, later, POLICY).set_index("tier_before")
    assert shown.loc["watch", "spend_later_mean"] == pytest.approx(later["spend"].iloc[60:].sum() / 60)


def compare(before: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    return outcomes.compare_neighbours(before, later, outcomes.follow_tiers(before, later, POLICY), seed=0)


def verdicts(*found: str) -> pd.DataFrame:
    return pd.DataFrame({"outcome": "spend", "verdict": found})


def test_the_order_of_a_planted_difference_is_kept_and_of_nobody_who_buys_unknown(followed):
    before, later = followed
    pairs = compare(before, later)
    assert set(pairs["verdict"]) == {"kept"}
    assert (pairs["p_adjusted"] >= pairs["p"]).all()
    assert set(compare(before, later.iloc[:0])["verdict"]) == {"cannot_tell"}


def test_a_tier_below_that_spends_more_is_reversed(followed):
    before, later = followed
    turned = before.assign(tier=before["tier"].replace({"strategic": "watch", "watch": "strategic"}))
    assert set(compare(turned, later)["verdict"]) == {"reversed"}


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
    alone = before["tier"].isin(NAMES[:2])
    assert compare(before[alone], later).set_index("outcome").loc["spend", "verdict"] == "kept"
    among_all = compare(before, later).set_index(["tier", "outcome"]).loc[(NAMES[0], "spend")]
    assert among_all["low"] > 0
    assert among_all["verdict"] == "cannot_tell"


def test_one_tier_alone_has_no_order():
    before = placed(["watch"] * 3, [1, 2, 3])
    later = pd.DataFrame({"spend": [1.0], "purchases": [1]}, index=before.index[:1])
    assert compare(before, later).empty


def arms(*rows, start="2025-03-01", end="2025-03-31") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "arm"])
    return frame.assign(start=pd.Timestamp(start), end=pd.Timestamp(end))


def measure(engine, given: pd.DataFrame) -> pd.DataFrame:
    shown = outcomes.measure_actions(engine, given, as_of="2025-12-31", seed=0)
    return check(shown, "action_effects")


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
    planned = tables.read(GOLDEN, "planned_assignments").reset_index()
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
    assert "strategic: " in monitoring.describe_order(outcomes.follow_tiers(before, later, POLICY), "EUR")
    assert monitoring.describe_order(pd.DataFrame(), "EUR") == "No tier had enough customers to follow."


def test_the_caption_counts_the_comparisons_and_is_silent_where_there_are_none():
    assert "could have shown anything (2, Holm)" in monitoring.caption_actions(
        effects(HIGHER, COUNTED, FEW), "EUR"
    )
    assert "could have shown anything (2, Holm)" in monitoring.caption_order(
        effects(HIGHER, COUNTED, FEW), "EUR"
    )
    assert "comparisons" not in monitoring.caption_actions(effects(FEW, ALONE), "EUR")


def test_the_takeaway_says_who_moved_what_chance_moves_and_who_waits():
    crossed = matrix(np.diag([50, 150, 150, 250, 400]) + np.diag([0, 10, 0, 0], 1))
    summary = tier_moves.summarise_moves(crossed, tier_moves.expect_moves(crossed, 0.8))
    moves = pd.DataFrame({"waits_for_review": [True] * 10 + [False] * 1000})
    past = pd.Timestamp("2025-07-04")
    orders = {"spend": "kept", "bought_again": "cannot_tell"}
    words = monitoring.describe_monitoring(moves, summary, orders, effects(ALONE), past).markdown
    assert "Since 2025-07-04, 1.0% of 1,010 customers changed tier; chance alone would move about" in words
    assert "Later spend: **kept**; buying again: **cannot tell**. 10 moves down wait" in words
    assert words.endswith(
        "for a named person. No earlier action had a control group, so nothing is said of what they did."
    )
    assert monitoring.describe_monitoring(moves, summary, orders, effects(), past).markdown.endswith(
        "person."
    )
