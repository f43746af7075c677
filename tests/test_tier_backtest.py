"""The best tiers beside rules of one number, at past days: on paper, and from the tables of the sample."""

import numpy as np
import pandas as pd
import pytest
from worlds.tiering import POLICY, draw_origins

from crcm_lib.decisions.tier_backtest import (
    Origin,
    compare_rules,
    follow_growth,
    list_past_tiers,
    pick_as_many,
    score_origins,
)
from crcm_lib.reporting.text.classification import describe_growth, describe_rules, write_rules
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import check

GOLDEN = tables.ROOT / "data/sample/golden"


def one_day(tier: list[str], spend: list[float], later: list[float]) -> Origin:
    index = pd.Index([f"c{n}" for n in range(len(tier))], name="customer_id")
    placed = pd.DataFrame({"tier": tier, "spend_365d": spend, "value": spend, "rfm": spend}, index)
    came = pd.DataFrame({"spend": later, "bought_again": np.sign(later)}, index, dtype=float)
    return Origin(pd.Timestamp("2025-01-01"), pd.Timestamp("2025-03-01"), placed, came)


def test_on_paper_the_tiers_caught_two_thirds_and_last_years_spend_a_third():
    origin = one_day(["strategic", "key", "watch", "watch"], [10, 90, 5, 1], [60, 30, 0, 0])
    found = compare_rules([origin], POLICY).set_index(["tiers", "rule", "outcome"])
    one = found.loc[(1, "spend_365d", "spend")]
    assert (one["ours"], one["theirs"], one["customers"]) == pytest.approx((60 / 90, 30 / 90, 1))
    both = found.loc[(2, "spend_365d", "spend")]
    assert (both["ours"], both["theirs"]) == (1, 1)
    assert found.loc[(1, "spend_365d", "bought_again"), "difference"] == 0


def test_where_everybody_bought_again_ties_at_the_border_do_not_add_up_to_more_than_all():
    spend = (
        np.random.default_rng(4).integers(0, 9, 600).astype(float)
    )  # shares of the place: 77.00000000000003
    origin = one_day(["strategic"] * 77 + ["watch"] * 523, spend, np.ones(600))
    table = compare_rules([origin], POLICY)
    assert check(table, "tier_backtest")["theirs"].max() == 1.0


def test_the_interval_of_the_difference_is_that_of_resampled_customers():
    origins = draw_origins(1, noise=0.4, others=0.4, growth=1)[:1]
    one = compare_rules(origins, POLICY).iloc[0]
    later, random = origins[0].later["spend"].to_numpy(), np.random.default_rng(0)
    ours = (origins[0].placed["tier"] == "strategic").to_numpy(float)
    theirs = pick_as_many(origins[0].placed["spend_365d"], ours.sum())
    rows = random.integers(len(later), size=(4000, len(later)))
    drawn = (later[rows] * (ours - theirs)[rows]).sum(axis=1) / later[rows].sum(axis=1)
    assert one["high"] - one["low"] == pytest.approx(2 * 1.96 * drawn.std(), rel=0.1)


def test_equal_selections_prove_nothing():
    origins = draw_origins(2, noise=0.0, others=0.0, growth=1)
    table = compare_rules(origins, POLICY)
    assert (table["difference"] == 0).all()
    assert set(table["verdict"]) == {"cannot_tell"}


def test_row_order_and_the_unit_of_money_change_nothing():
    origins = draw_origins(3, noise=0.2, others=0.8, growth=1.5)
    changed = [
        Origin(one.start, one.end, one.placed.sample(frac=1, random_state=0), one.later) for one in origins
    ]
    changed = [
        Origin(
            one.start,
            one.end,
            one.placed.assign(spend_365d=100 * one.placed["spend_365d"]),
            one.later.reindex(one.placed.index).assign(spend=lambda table: 100 * table["spend"]),
        )
        for one in changed
    ]
    rules = compare_rules(origins, POLICY), compare_rules(changed, POLICY)
    same = ["ours", "theirs", "low", "high", "verdict"]
    pd.testing.assert_frame_equal(
        rules[0].query("outcome == 'spend'")[same], rules[1].query("outcome == 'spend'")[same]
    )
    growth = follow_growth(origins, POLICY), follow_growth(changed, POLICY)
    pd.testing.assert_frame_equal(
        growth[0][["ratio", "low", "verdict"]], growth[1][["ratio", "low", "verdict"]]
    )


def test_what_is_said_follows_the_verdict_and_not_the_difference():
    better = compare_rules(draw_origins(4, noise=0.1, others=1.5, growth=1), POLICY)
    said = describe_rules(better, POLICY)
    assert "the criteria choose better" in said
    tied = better.assign(verdict="cannot_tell")
    assert "the criteria choose better" not in describe_rules(tied, POLICY)
    assert "chance may explain the difference" in describe_rules(tied, POLICY)
    worse = compare_rules(draw_origins(4, noise=1.5, others=0.1, growth=1), POLICY)
    assert "the criteria cost" in describe_rules(worse, POLICY)
    assert "No window of the past" in describe_rules(better.iloc[:0], POLICY)
    assert not write_rules(better, POLICY)[["tiers", "rule", "outcome", "verdict"]].isna().any(axis=None)


def test_nobody_is_said_to_grow_where_past_days_do_not_show_it():
    grew = follow_growth(draw_origins(5, noise=0.3, others=0.3, growth=2), POLICY)
    assert grew["verdict"].tolist() == ["grows"]
    assert "times as much" in describe_growth(grew)
    still = follow_growth(draw_origins(5, noise=0.3, others=0.3, growth=1), POLICY)
    assert still["verdict"].tolist() == ["not_shown"]
    assert "nobody is called growth" in describe_growth(still)
    assert follow_growth([], POLICY)["verdict"].tolist() == ["not_shown"]


def test_to_spend_more_than_the_next_tier_is_not_to_grow():
    random = np.random.default_rng(6)
    spend = random.gamma(2, 100, 600)
    tier = np.where(spend > np.median(spend), "growth", "regular")
    found = follow_growth([one_day(list(tier), list(spend), list(spend))], POLICY).iloc[0]
    assert found["mean"] > 2 * found["mean_below"]
    assert found["verdict"] == "not_shown"


def test_past_days_of_the_sample_are_scored_from_what_was_known_then():
    value_past = tables.read(GOLDEN, "value_past")
    origins = score_origins(open_engine(GOLDEN), POLICY, value_past)
    assert [one.start for one in origins] == sorted(value_past["start"].unique(), reverse=True)
    assert all(later.end == earlier.start for later, earlier in zip(origins[1:], origins[:-1], strict=True))
    check(compare_rules(origins, POLICY), "tier_backtest")
    given, withheld = (list_past_tiers(origins, POLICY, names) for names in ((), ("growth",)))
    assert given["tier"].to_list() == [tier for one in origins for tier in one.placed["tier"]]
    assert set(check(withheld, "past_tiers")["tier"]) == set(given["tier"]) - {"growth"}
    assert withheld.loc[given["tier"] == "growth", "tier"].isin(["regular", "watch"]).all()
    changed = value_past.assign(value=value_past["value"].where(value_past["start"] < origins[0].start, 0.0))
    again = score_origins(open_engine(GOLDEN), POLICY, changed)
    pd.testing.assert_frame_equal(again[1].placed, origins[1].placed)
    assert not again[0].placed["tier"].equals(origins[0].placed["tier"])
