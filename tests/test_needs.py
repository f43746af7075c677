"""Needs: said only of whose purchases are beyond what chance gives somebody with so many."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import strategy
from crcm_lib.empirical_bayes import fit_rates
from crcm_lib.features.purchase_mix import sum_purchase_mix
from crcm_lib.models import needs
from crcm_lib.models.needs import BEYOND, NEEDS, classify_needs, compare_years, count_days_needed
from crcm_lib.reporting.text import customer_needs as words
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT

SHARES = {"common": 0.5, "rare": 0.1, "top_price": 1 / 3, "discounted": 0.25}
YEAR = {"after": "2024-12-31", "until": "2025-12-31"}


def lines(*rows: tuple) -> pd.DataFrame:
    """Sales: customer, day, product, price of a piece, discount."""
    columns = ["customer_id", "day", "product_id", "unit_price", "discount"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        day=pd.to_datetime(frame["day"]), kind="sale", category="tea", amount=frame["unit_price"]
    )


def world(seed: int, customers: int = 600, spread: float | None = None, planted: float = 0.0):
    """Purchases of customers whose true shares are all alike, spread (beta), or for some 90 % at top "
    "prices."""
    random = np.random.default_rng(seed)
    days = 1 + random.poisson(random.gamma(1.2, 5, customers))
    index = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    mix, truth = pd.DataFrame({"days": days}, index), {}
    for kind, mean in SHARES.items():
        share = np.full(customers, mean)
        share = random.beta(mean * spread, (1 - mean) * spread, customers) if spread else share
        if kind == "top_price":
            share = np.where(random.random(customers) < planted, 0.9, share)
        truth[kind], mix[kind] = share, random.binomial(days, share)
    return mix, truth


# What is counted


def test_common_rare_dear_and_discounted_are_shares_of_a_days_items():
    """Of 20 lines 10 are of p1, 6 of p2, 3 of p3, 1 of p4: p1 is common, p3 and p4 end beyond nine tenths."""
    rows = [(f"b{n}", "2025-05-01", "p1", 10, 0) for n in range(9)]
    rows += [(f"b{n}", "2025-05-02", "p2", 20, 0) for n in range(6)]
    rows += [("b0", "2025-05-03", "p3", 30, 0), ("b1", "2025-05-03", "p3", 30, 0)]
    rows += [
        ("a", "2025-05-01", "p1", 10, 1),
        ("a", "2025-05-01", "p3", 30, 0),
        ("a", "2025-06-01", "p4", 40, 2),
    ]
    mix = sum_purchase_mix(open_frames(transactions=lines(*rows)), **YEAR)
    assert mix.loc["a"].to_dict() == {
        "days": 2,
        "common": 0.5,
        "rare": 1.5,
        "top_price": 1.5,
        "discounted": 1.5,
    }
    assert mix.loc["b0"].to_dict() == {"days": 3, "common": 1, "rare": 1, "top_price": 1, "discounted": 0}


def test_only_the_days_asked_for_count_and_returns_do_not():
    rows = lines(
        ("a", "2024-12-31", "p", 1, 0), ("a", "2025-01-01", "p", 1, 0), ("a", "2026-01-01", "p", 1, 0)
    )
    assert sum_purchase_mix(open_frames(transactions=rows), **YEAR)["days"].to_list() == [1]
    returned = rows.assign(kind="return")
    assert len(sum_purchase_mix(open_frames(transactions=returned), **YEAR)) == 0


@pytest.mark.parametrize(
    ("gone", "kept"),
    [
        ([], ["common", "rare", "top_price", "discounted"]),
        (["discount"], ["common", "rare", "top_price"]),
        (["unit_price"], ["common", "rare", "discounted"]),
        (["product_id"], ["common", "rare", "top_price", "discounted"]),
        (["product_id", "category"], []),
    ],
)
def test_what_the_data_do_not_name_is_not_counted(gone, kept):
    rows = lines(("a", "2025-01-01", "p", 1, 0)).drop(columns=gone)
    mix = sum_purchase_mix(open_frames(transactions=rows), **YEAR)
    assert [name for name in mix if name != "days"] == kept
    assert len(classify_needs(mix)) == len(kept[:1])


def test_the_price_of_a_piece_may_follow_from_amount_and_quantity():
    rows = lines(*[("a", "2025-01-01", "p", price, 0) for price in (1, 2, 3)]).assign(quantity=1)
    stated = sum_purchase_mix(open_frames(transactions=rows), **YEAR)
    computed = sum_purchase_mix(open_frames(transactions=rows.drop(columns="unit_price")), **YEAR)
    pd.testing.assert_frame_equal(stated, computed)


# What is said of a customer


def test_where_all_buy_alike_nobody_shows_a_need():
    assert sum((classify_needs(world(seed)[0])["need"] != "").sum() for seed in range(20)) == 0


def test_of_those_said_to_have_a_need_nine_in_ten_have_it():
    right, said = 0, 0
    for seed in range(12):
        mix, truth = world(seed, spread=5)
        found = classify_needs(mix)
        for need, kind in NEEDS.items():
            named = (found["need"] == need).to_numpy()
            right += (truth[kind][named] > SHARES[kind] + BEYOND * (1 - SHARES[kind])).sum()
            said += named.sum()
    assert said > 400
    assert right / said >= 0.9


def test_those_who_buy_at_top_prices_are_found_and_nobody_else():
    mix, truth = world(1, planted=0.15)
    premium = classify_needs(mix)["need"] == "premium"
    planted = truth["top_price"] == 0.9
    often = planted & (mix["days"].to_numpy() >= 4)
    assert premium[often].mean() > 0.6
    assert premium[~planted].sum() == 0


def test_one_purchase_shows_nothing_and_how_many_it_takes_is_told():
    mix, _truth = world(2, planted=0.15)
    once = classify_needs(mix)[mix["days"] == 1]
    assert (once["need"] == "").all()
    fewest = count_days_needed(mix)
    assert fewest > 1
    only = pd.DataFrame(
        {"days": [fewest, fewest - 1], "top_price": [fewest, fewest - 1]}, index=["enough", "few"]
    )
    a, b = fit_rates(mix["top_price"], mix["days"])
    found = classify_needs(pd.concat([mix[["days", "top_price"]], only]))
    assert found.loc["few", "need"] == ""
    assert found.loc["enough", "probability"] > found.loc["few", "probability"] > a / (a + b) / 2


def test_rows_in_another_order_and_other_ids_change_nothing():
    mix, _truth = world(3, spread=5)
    found = classify_needs(mix)
    pd.testing.assert_frame_equal(found, classify_needs(mix.sample(frac=1, random_state=0)).loc[mix.index])


def test_the_beta_distribution_that_shares_are_drawn_from_is_met():
    random = np.random.default_rng(4)
    trials = pd.Series(random.integers(5, 40, 4000))
    events = pd.Series(random.binomial(trials, random.beta(2.0, 6.0, 4000)))
    a, b = fit_rates(events, trials)
    assert (a, b) == pytest.approx((2.0, 6.0), rel=0.08)
    assert fit_rates(events * 0, trials) is None


# Whether needs change


def named(**counts: int) -> pd.DataFrame:
    names = [need for need, count in counts.items() for _each in range(count)]
    return pd.DataFrame({"need": [need.replace("none", "") for need in names]})


def test_years_are_compared_by_those_who_began_and_ended():
    now, before = named(premium=12, none=88), named(none=100)
    years = compare_years(now, before).set_index("need")
    assert years.loc["premium", ["customers", "before", "now", "began", "ended"]].to_list() == [
        100,
        0,
        12,
        12,
        0,
    ]
    assert years.loc["premium", "p"] == pytest.approx(4 * 2 * 0.5**12)
    assert compare_years(now, now)["p"].to_list() == [1, 1, 1, 1]
    apart = compare_years(now, before.set_index(pd.RangeIndex(500, 600)))
    assert len(apart) == 0
    assert "no change can be seen" in words.caption_years(apart)


def test_where_nobody_changes_hardly_any_world_says_so():
    claims = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        share = random.beta(1.25, 3.75, 400)
        years = []
        for _each in range(2):
            days = 1 + random.poisson(6, 400)
            mix = pd.DataFrame({"days": days, "discounted": random.binomial(days, share)})
            years.append(classify_needs(mix))
        claims += (compare_years(*years)["p"] <= 0.05).any()
    assert claims <= 3


# What follows


def test_an_action_may_ask_for_a_need():
    policy = read_policy("policy.yaml")
    ids = pd.Index(["rare", "cheap", "none", "unknown"], name="customer_id")
    tiers = pd.DataFrame({"tier_in_force": "regular"}, ids)
    value = pd.DataFrame({"value": 900.0}, ids)
    known = pd.DataFrame({"need": ["personalised", "price_led", ""]}, ids[:3])
    situation = strategy.describe_situation(tiers, value=value, needs=known)
    rows = strategy.list_candidates(situation, policy, as_of="2025-12-31")
    for action, who in (("specialist advice", ["rare"]), ("promotion notice", ["cheap"])):
        assert rows.loc[rows["action"] == action, "customer_id"].to_list() == who


def test_on_the_sample_the_need_is_that_of_its_group():
    """Project buyers buy what few others do, bargain hunters at a discount; the others neither."""
    found = needs.find_needs(open_engine(ROOT / "data/sample/golden"), as_of="2025-12-31")
    truth = pd.read_csv(
        ROOT / "data/sample/truth/customers.csv", dtype={"customer_id": str}, keep_default_na=False
    )
    group = truth.set_index("customer_id")["group"].reindex(found.index)
    assert set(group[found["need"] == "personalised"]) == {"project buyers"}
    assert (group[found["need"] == "price_led"] == "bargain hunters").mean() > 0.9


# Sentences

SUMMARY = pd.DataFrame({"need": ["premium", "price_led", ""], "customers": [3.0, 9.0, 80.0]})
YEARS = pd.DataFrame({"need": ["premium"], "customers": [70], "before": [4], "now": [20], "p": [0.001]})


def test_the_takeaway_names_needs_that_are_shown_and_changes_beyond_chance():
    said = words.describe_needs(SUMMARY, YEARS, "").markdown
    assert "Of 92 customers with purchases this year **12 show a need of their own**: 9 price-led" in said
    assert "premium: from the top prices is shown by 20 of those who bought in both years, 4 before." in said
    assert "Of the others it cannot be told." in said
    steady = words.describe_needs(SUMMARY, YEARS.assign(p=0.2), "").markdown
    assert "both years" not in steady
    nobody = words.describe_needs(SUMMARY.assign(customers=[0.0, np.nan, 80.0]), YEARS, "").markdown
    assert nobody.startswith("Nobody's purchases show a need")
    assert words.describe_needs(SUMMARY, YEARS, "Not available.").markdown == "Not available."


def test_captions_claim_a_change_only_beyond_chance():
    assert "; beyond chance changed: premium" in words.caption_years(YEARS)
    assert "no need is shown by more or fewer of them beyond chance" in words.caption_years(
        YEARS.assign(p=0.2)
    )
    assert "from 7 purchase days on" in words.caption_needs(7)
    assert words.explain_absence(SUMMARY) == ""
    assert words.explain_absence(SUMMARY.iloc[:0]).startswith("Not available")
    spread = needs.spread_shares(classify_needs(world(1)[0]))
    assert "eight in ten customers between" in words.describe_shares(spread, "")
    assert words.describe_shares(spread.iloc[:0], "why") == "why"


def test_the_playbooks_answers_stand_beside_the_need():
    actions = pd.DataFrame({"customer_id": ["a", "b"], "action": "promotion notice"})
    rows = words.list_answers(read_policy("policy.yaml"), actions).set_index("action")
    assert rows.loc["promotion notice", "customers"] == 2
    assert rows.loc["specialist advice", "customers"] == 0
