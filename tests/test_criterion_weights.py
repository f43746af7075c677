"""Other weights of the criteria: found where past days show them, silent where they do not, never used."""

import numpy as np
import pandas as pd
import pytest
from worlds.tiering import POLICY

from crcm_lib.config.policy import Condition, Policy, Weighting, read_policy
from crcm_lib.decisions.criterion_weights import (
    POLICY_SHARE,
    compare_methods,
    find_weights,
    judge_weights,
    learn_weights,
)
from crcm_lib.decisions.scorecard import Scale, fit_scorecard, refit_cutoffs, score
from crcm_lib.decisions.tier_backtest import Origin
from crcm_lib.reporting.text.weighting import describe_comparisons, describe_methods, write_methods

WEIGHTS = {"contribution": 0.5, "loyalty": 0.3, "credit": 0.2}
AHP = {"loyalty": {"contribution": 9, "credit": 9}, "contribution": {"credit": 1}}


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
    assert "learned weights would have chosen better" in describe_methods(judged.reset_index())
    assert pd.isna(judged.loc["policy", "difference"])


def test_a_criterion_that_no_past_day_knew_changes_nothing():
    days = draw_days({"loyalty": 1.0})
    known = judge_weights(days, WEIGHTS, "strategic").set_index("weights")["caught"]
    more = judge_weights(days, WEIGHTS | {"strategic fit": 0.25}, "strategic").set_index("weights")["caught"]
    assert more["policy"] == known["policy"]


def test_what_one_day_shows_is_nothing_to_learn_from():
    nothing = judge_weights(draw_days({"loyalty": 1.0}, days=1), WEIGHTS, "strategic")
    assert nothing.empty
    assert "no past day tells" in describe_methods(nothing)
    assert judge_weights(draw_days({"loyalty": 1.0}), WEIGHTS, "nobody's").empty


def test_other_weights_are_said_to_choose_better_only_beyond_chance():
    said = []
    for seed in range(100):
        judged = judge_weights(draw_days(WEIGHTS, customers=400, seed=seed), WEIGHTS, "strategic", AHP)
        said.append("better (" in describe_methods(judged))
        assert write_methods(judged)["weights"].notna().all()
    print(f"said in {sum(said)} of {len(said)} worlds")
    assert sum(said) <= 10  # the 98.9 % point of Binomial(100, .05)


def test_comparisons_that_say_what_later_spend_follows_would_have_chosen_better():
    judged = judge_weights(draw_days({"loyalty": 1.0}), WEIGHTS, "strategic", AHP).set_index("weights")
    assert list(judged.index) == ["policy", "equal", "entropy", "critic", "ahp", "learned"]
    assert judged.loc["ahp", "loyalty"] == pytest.approx(9 / 11)
    assert judged.loc["ahp", "low"] > 0
    assert "AHP weights would have chosen better" in describe_methods(judged.reset_index())


def test_without_comparisons_or_past_days_their_methods_are_absent():
    card = draw_days(WEIGHTS, days=1, customers=50)[0].card
    assert list(find_weights(card, WEIGHTS, {}, [])) == ["policy", "equal", "entropy", "critic"]


# Who would change tier -------------------------------------------------------------------------------------

TOP, FIFTY = ({"score": Condition(**asked)} for asked in ({"top_share": 0.25}, {"at_least": 50}))


def two_tiers(ahp: dict, when: dict) -> Policy:
    """A policy of two criteria; who meets the condition is strategic, everyone else is watched."""
    criteria = tuple(
        each.model_copy(update={"weight": 0.5, "indicators": each.indicators[:1]})
        for each in POLICY.criteria[:2]
    )
    tiers = (POLICY.tiers[0].model_copy(update={"when": when}), POLICY.tiers[-1])
    return POLICY.model_copy(update={"criteria": criteria, "tiers": tiers, "weighting": Weighting(ahp=ahp)})


def compare_four(ahp: dict, when: dict, *, withheld: tuple = ()) -> pd.DataFrame:
    """Of four customers a leads by contribution and b by loyalty: a by the policy, b by the comparisons."""
    policy = two_tiers(ahp, when)
    names = [criterion.indicators[0].name for criterion in policy.criteria]
    raw = pd.DataFrame([[100, 50], [30, 90], [10, 60], [0, 0]], list("abcd"), names).astype(float)
    model = fit_scorecard(raw, policy, learned_on="")
    line = Scale(raw=(0.0, 100.0), points=(0.0, 100.0))
    model = model.model_copy(update={"scales": dict.fromkeys(names, line)})
    card = score(raw, policy, model)
    model = refit_cutoffs(card, policy, model, model.weights[0]).withhold(withheld)
    return compare_methods(card, card.index, [], policy, model).set_index("weights")


def test_who_would_change_tier_by_hand():
    """By the comparisons a has 55 points and b 84: b comes up, a goes down."""
    found = compare_four({"loyalty": {"contribution": 9}}, TOP)
    assert found.loc["ahp", ["contribution", "loyalty"]].to_list() == pytest.approx([0.1, 0.9])
    assert found.loc["ahp", ["rise", "fall"]].to_list() == [0.25, 0.25]
    assert found.loc[["policy", "equal"], ["rise", "fall"]].to_numpy().sum() == 0
    assert found["caught"].isna().all()
    assert "learned" not in found.index


def test_who_rises_and_who_falls_are_told_apart():
    """c has 35 points by the policy and 55 by the comparisons; a and b keep more than 50 under both."""
    found = compare_four({"loyalty": {"contribution": 9}}, FIFTY)
    assert found.loc["ahp", ["rise", "fall"]].to_list() == [0.25, 0]
    other = compare_four({"contribution": {"loyalty": 9}}, FIFTY)
    assert other.loc["ahp", ["rise", "fall"]].to_list() == [0, 0.25]  # b has 36


def test_a_tier_that_nobody_is_given_stays_so_under_any_weights():
    found = compare_four({"loyalty": {"contribution": 9}}, TOP, withheld=("strategic",))
    assert found[["rise", "fall"]].to_numpy().sum() == 0


def test_comparisons_that_contradict_each_other_are_said_to():
    circle = {"contribution": {"loyalty": 3}, "loyalty": {"credit": 3}, "credit": {"contribution": 3}}
    assert "contradict each other" in describe_comparisons(circle, list(WEIGHTS))
    assert describe_comparisons(AHP, list(WEIGHTS)).startswith("The policy's comparisons agree: ")
    assert describe_comparisons({}, list(WEIGHTS)) == ""
    given = read_policy("policy.yaml")
    names = [criterion.name for criterion in given.criteria]
    assert "comparisons agree" in describe_comparisons(given.weighting.ahp, names)


def test_criteria_are_the_policys_own():
    assert set(WEIGHTS) <= {criterion.name for criterion in POLICY.criteria}
