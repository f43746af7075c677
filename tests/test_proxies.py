"""Does what is scored stand for what is protected? Found where planted, silent where there is nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions.proxies import scan_proxies
from crcm_lib.reporting.text import protected_attributes as text
from crcm_lib.schema.tables import ROOT

POLICY = read_policy(ROOT / "policy.yaml")
DAY = "2025-12-31"


def draw_company(seed: int, *, customers: int = 300, stands_for: float = 0.0) -> tuple:
    """Five indicators and attributes drawn apart; one leans on gender by so many standard deviations."""
    random = np.random.default_rng(seed)
    index = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    points = 100 * random.beta(2, 3, (customers, 5))
    points[:, 1] = np.round(points[:, 1] / 25) * 25  # with many ties
    card = pd.DataFrame(points, index, [f"points_i{n}" for n in range(5)])
    card.loc[index[::3], "points_i2"] = np.nan
    attributes = pd.DataFrame(
        {
            "gender": random.choice(["f", "m"], customers),
            "income": random.choice(["low", "middle", "high", "top"], customers, p=[0.5, 0.3, 0.17, 0.03]),
            "birthday": pd.Timestamp("1960-01-01")
            + pd.to_timedelta(random.integers(0, 15_000, customers), "D"),
            "region": random.choice(["N", "S"], customers),
        },
        index,
    )
    card["points_i0"] += stands_for * 20 * (attributes["gender"] == "f")
    return card.assign(score=card.mean(axis=1)), attributes


def scan(card: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    return scan_proxies(card, attributes, POLICY, as_of=DAY)


def test_a_planted_proxy_is_found_and_named_with_what_it_stands_for():
    found = scan(*draw_company(1, stands_for=2.0))
    proxy = found[found["is_proxy"]]
    assert proxy["indicator"].to_list() == ["i0", "score"]  # a fifth of the score is the planted one
    assert set(proxy["attribute"]) == {"gender"}
    assert "i0 (gender f, 0." in text.describe_proxies(found)


def test_in_a_company_without_proxies_a_warning_is_rarer_than_one_in_twenty():
    warned = [scan(*draw_company(seed, customers=100))["is_proxy"].any() for seed in range(200)]
    print(f"warned in {sum(warned)} of {len(warned)} worlds")
    assert sum(warned) <= 10


def test_a_difference_beyond_chance_that_is_not_strong_is_no_proxy():
    found = scan(*draw_company(3, customers=4000, stands_for=0.3)).set_index(["indicator", "attribute"])
    weak = found.loc[("i0", "gender")]
    assert weak["p_adjusted"] < 0.001
    assert 0.5 < weak["auc"] < 0.7
    assert not found["is_proxy"].any()
    assert "No scored indicator" in text.describe_proxies(found.reset_index())


def test_auc_and_p_are_those_of_the_rank_sum_test():
    card, attributes = draw_company(4)
    found = scan(card, attributes).set_index(["indicator", "attribute", "group"])
    for indicator in ("i0", "i1", "score"):
        points = card[indicator if indicator == "score" else f"points_{indicator}"]
        one, other = points[attributes["gender"] == "f"], points[attributes["gender"] == "m"]
        expected = mannwhitneyu(one, other, use_continuity=False, method="asymptotic")
        row = found.loc[(indicator, "gender", "f")]
        assert row["auc"] == pytest.approx(expected.statistic / (len(one) * len(other)))
        assert row["p"] == pytest.approx(expected.pvalue)


def test_by_hand_three_against_two():
    card = pd.DataFrame({"points_i0": [1.0, 3, 4, 2, 5], "score": 1.0}, index=list("abcde"))
    policy = POLICY.model_copy(update={"privacy": POLICY.privacy.model_copy(update={"min_cell": 2})})
    gender = pd.DataFrame({"gender": ["f", "f", "f", "m", "m"]}, index=list("abcde"))
    found = scan_proxies(card, gender, policy, as_of=DAY).set_index("indicator")
    assert found.loc["i0", "auc"] == pytest.approx(2 / 6)  # of the six pairs two have more points for f
    assert found.loc["score", ["auc", "p"]].to_list() == [0.5, 1.0]


def test_only_what_is_protected_and_audited_is_scanned_and_small_groups_are_put_together():
    card, attributes = draw_company(5)
    attributes.loc[attributes.index[:3], "income"] = "secret"
    found = scan(card, attributes)
    assert set(found["attribute"]) == {"gender", "income", "age"}
    assert "secret" not in set(found["group"])
    assert (found[["customers", "others"]] >= POLICY.privacy.min_cell).all(axis=None)


def test_without_attributes_nothing_is_scanned_and_the_page_says_so():
    card, attributes = draw_company(6)
    nothing = scan(card, attributes[["region"]])
    assert nothing.empty
    assert "none of the attributes" in text.describe_proxies(nothing)


def test_the_order_of_customers_does_not_matter():
    card, attributes = draw_company(7)
    pd.testing.assert_frame_equal(scan(card, attributes), scan(card.iloc[::-1], attributes.iloc[::-1]))
