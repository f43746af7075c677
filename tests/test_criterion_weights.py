"""Weights that past days would have chosen: recovered where there is something to learn, never used."""

import numpy as np
import pandas as pd
import pytest
from worlds.tiering import POLICY

from crcm_lib.decisions.criterion_weights import POLICY_SHARE, judge_weights, learn_weights
from crcm_lib.decisions.tier_backtest import Origin
from crcm_lib.reporting.text.classification import describe_learned_weights, write_learned_weights

WEIGHTS = {"contribution": 0.5, "loyalty": 0.3, "credit": 0.2}


def draw_days(
    truth: dict[str, float], *, days: int = 3, customers: int = 1500, seed: int = 0
) -> list[Origin]:
    """Days on which later spend follows the criteria's points by these weights, with noise."""
    random, origins = np.random.default_rng(seed), []
    index = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    for day in range(days):
        card = pd.DataFrame({name: 100 * random.beta(1, 3, customers) for name in WEIGHTS}, index)
        score = sum(card[name] * weight for name, weight in WEIGHTS.items())
        best = score.rank(ascending=False) <= 0.05 * customers
        placed = pd.DataFrame({"tier": np.where(best, "strategic", "watch")}, index)
        meant = sum(card[name] * weight for name, weight in truth.items())
        later = pd.DataFrame({"spend": meant * random.gamma(4, 1 / 4, customers)}, index)
        start = pd.Timestamp("2025-10-01") - pd.Timedelta(days=90 * day)
        origins.append(Origin(start, start + pd.Timedelta(days=90), placed, later, card))
    return origins


def test_what_later_spend_follows_is_found_and_nothing_falls_to_nothing():
    learned = learn_weights(draw_days({"loyalty": 1.0}), WEIGHTS)
    assert sum(learned.values()) == pytest.approx(1)
    assert learned["loyalty"] == pytest.approx(POLICY_SHARE * 0.3 + (1 - POLICY_SHARE), abs=0.05)
    assert min(learned.values()) >= POLICY_SHARE * 0.2 - 1e-9


def test_where_nothing_was_spent_the_weights_are_the_policys():
    days = draw_days({"loyalty": 0.0})
    assert learn_weights(days, WEIGHTS) == pytest.approx(WEIGHTS)


def test_learned_weights_are_judged_on_the_day_that_they_have_not_seen():
    days = draw_days({"loyalty": 1.0})
    judged = judge_weights(days, WEIGHTS, "strategic").set_index("weights")
    assert judged.loc["learned", "loyalty"] == learn_weights(days[1:], WEIGHTS)["loyalty"]
    assert judged.loc["learned", "low"] > 0
    assert "learned weights would have chosen better" in describe_learned_weights(judged.reset_index())
    assert pd.isna(judged.loc["policy", "difference"])


def test_a_criterion_that_no_past_day_knew_changes_nothing():
    days = draw_days({"loyalty": 1.0})
    known = judge_weights(days, WEIGHTS, "strategic").set_index("weights")["caught"]
    more = judge_weights(days, WEIGHTS | {"strategic fit": 0.25}, "strategic").set_index("weights")["caught"]
    assert more["policy"] == known["policy"]


def test_what_one_day_shows_is_nothing_to_learn_from():
    nothing = judge_weights(draw_days({"loyalty": 1.0}, days=1), WEIGHTS, "strategic")
    assert nothing.empty
    assert "nothing can be learned" in describe_learned_weights(nothing)
    assert judge_weights(draw_days({"loyalty": 1.0}), WEIGHTS, "nobody's").empty


def test_other_weights_are_said_to_choose_better_only_beyond_chance():
    said = []
    for seed in range(60):
        judged = judge_weights(draw_days(WEIGHTS, customers=400, seed=seed), WEIGHTS, "strategic")
        said.append("better (" in describe_learned_weights(judged))
        assert write_learned_weights(judged)["weights"].notna().all()
    print(f"said in {sum(said)} of {len(said)} worlds")
    assert sum(said) <= 8  # the 99 % point of Binomial(60, .05)


def test_criteria_are_the_policys_own():
    assert set(WEIGHTS) <= {criterion.name for criterion in POLICY.criteria}
