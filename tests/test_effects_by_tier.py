"""Tasks go by the effect measured in the customer's tier where tiers differ beyond chance, and only there."""

import numpy as np
import pandas as pd
import pytest
from worlds import at_most_5_percent

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import effects_by_tier, strategy
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
ACTION = next(action for action in POLICY.playbook if not action.standard and action.of == "value")
LEVELS = {"key": 300.0, "growth": 100.0, "regular": 40.0}


def draw(random, effects: dict[str, float], *, arm: int = 150, action=ACTION.name):
    """Treated and controls of three tiers whose spend is skewed and lasts; effects are shares of it."""
    parts = []
    for tier, effect in effects.items():
        usual = LEVELS[tier] * random.lognormal(-0.5, 1.0, 2 * arm)
        treated = np.arange(2 * arm) % 2 == 0
        noise = random.lognormal(-0.18, 0.6, (2, 2 * arm))
        part = pd.DataFrame(
            {"action": action, "tier": tier, "arm": np.where(treated, "treatment", "control")}
        )
        part["spend"] = usual * noise[0] * np.where(treated, 1 + effect, 1)
        parts.append(part.assign(spend_before=usual * noise[1], stake=LEVELS[tier], followed_share=1.0))
    frame = pd.concat(parts, ignore_index=True).assign(start=pd.Timestamp("2025-04-01"), stratum="2025 2 0.5")
    return frame.assign(customer_id=[f"k{n}" for n in frame.index], control_share=0.5, bought_again=1.0)


def measure(followed):
    return effects_by_tier.measure_by_tier(followed, followed["tier"], POLICY)


def test_effects_are_those_planted_and_drawn_towards_each_other():
    found = measure(draw(np.random.default_rng(3), {"key": 0.0, "growth": 0.6, "regular": 0.0}, arm=4000))
    rows = check(found, "effects_by_tier").set_index("tier")
    assert rows["differs"].all()
    assert rows["measured"].to_numpy() == pytest.approx([0, 0.6, 0], abs=4 * rows["error"].max())
    mean = np.average(rows["measured"], weights=1 / rows["error"] ** 2)
    spread = ACTION.effect * POLICY.control.effect_spread
    weight = spread**2 / (spread**2 + rows["error"] ** 2)
    expected = (mean + weight * (rows["measured"] - mean)).clip(lower=0)
    assert rows["used"].to_numpy() == pytest.approx(expected.to_numpy())


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_where_tiers_respond_alike_a_difference_is_claimed_in_at_most_one_report_of_twenty(effect):
    """Two actions a report; tiers differ in spend eightfold, in response not at all."""
    reports = 300
    claimed = 0
    for seed in range(reports):
        random = np.random.default_rng(seed)
        waves = [draw(random, dict.fromkeys(LEVELS, effect), action=name) for name in NAMES]
        waves = pd.concat(waves, ignore_index=True)
        claimed += measure(waves)["differs"].any()
    assert claimed / reports <= at_most_5_percent(reports)


NAMES = [action.name for action in POLICY.playbook if not action.standard and action.of == "value"][:2]


def test_where_one_tier_responds_and_others_do_not_it_is_found_in_most():
    planted = {"key": 0.0, "growth": 0.5, "regular": 0.0}
    found = [measure(draw(np.random.default_rng(seed), planted, arm=300)) for seed in range(30)]
    assert sum(each["differs"].any() for each in found) >= 24


def test_small_arms_one_tier_or_unsound_arms_tell_nothing():
    random = np.random.default_rng(0)
    assert measure(draw(random, dict.fromkeys(LEVELS, 0.5), arm=29)).empty
    assert measure(draw(random, {"key": 0.5})).empty
    unsound = draw(random, dict.fromkeys(LEVELS, 0.5)).assign(control_share=0.1)
    assert measure(unsound).empty
    assert measure(unsound.head(0)).empty


def test_the_tier_is_that_before_the_wave_and_never_one_that_came_of_it():
    followed = pd.DataFrame(
        {"customer_id": ["b", "a", "c"], "start": pd.Timestamp("2025-04-01")}, index=[5, 6, 7]
    )
    days = ["2025-01-31", "2025-03-31", "2025-04-01", "2025-04-30"]
    tiers = ["watch", "regular", "growth", "key"]
    history = pd.DataFrame({"customer_id": "a", "day": pd.to_datetime(days), "tier_in_force": tiers})
    found = effects_by_tier.find_tiers_before(followed, history)
    assert found.loc[6] == "regular"
    assert found.loc[[5, 7]].isna().all()
    assert effects_by_tier.find_tiers_before(followed, None).isna().all()


def make_plan():
    index = pd.Index(list("abcd"), name="customer_id")
    situation = pd.DataFrame(
        {"tier": ["key", "growth", "key", "growth"], ACTION.of: [500.0, 400, 100, 90]}, index
    )
    situation = situation.assign(stage="loyal")
    gain = ACTION.effect * situation[ACTION.of] - 1
    chosen = pd.DataFrame(
        {"customer_id": index, "action": ACTION.name, "gain": gain.to_numpy(), "standing": np.nan}
    )
    return chosen.assign(arm="treatment", cost=1.0), situation


def order_of(by_tier):
    chosen, situation = make_plan()
    ordered = effects_by_tier.order_by_effect(chosen, situation, POLICY, by_tier)
    actions = strategy.list_actions(ordered, situation, POLICY)
    return "".join(actions[actions["action"] == ACTION.name].sort_values("priority")["customer_id"])


def say(differs: bool):
    rows = {"action": ACTION.name, "tier": ["key", "growth"], "measured": [0.01, 0.6], "error": 0.1}
    return pd.DataFrame(rows | {"used": [0.01, 0.6], "p_adjusted": 0.01, "differs": differs})


def test_the_order_follows_effect_times_value_where_effects_differ_and_stays_elsewhere():
    assert order_of(say(differs=False)) == "abcd"
    assert order_of(say(differs=True)) == "bdac"  # 240, 54, 5 and 1 instead of by value alone
    chosen, situation = make_plan()
    same = effects_by_tier.order_by_effect(chosen, situation, POLICY, say(differs=True).head(0))
    pd.testing.assert_frame_equal(same, chosen)


def test_the_gain_it_goes_by_is_the_tiers_effect_times_value_less_the_cost():
    chosen, situation = make_plan()
    ordered = effects_by_tier.order_by_effect(chosen, situation, POLICY, say(differs=True))
    assert ordered["goes_by"].to_list() == pytest.approx(
        [500 * 0.01 - 1, 400 * 0.6 - 1, 100 * 0.01 - 1, 90 * 0.6 - 1]
    )


def test_lists_add_up_to_the_gain_of_the_plan_whatever_their_order_goes_by():
    chosen, situation = make_plan()
    ordered = effects_by_tier.order_by_effect(chosen, situation, POLICY, say(differs=True))
    actions = strategy.list_actions(ordered, situation, POLICY)
    keys = ["customer_id", "action"]
    planned = chosen[chosen["arm"] == "treatment"].set_index(keys)["gain"].sort_index()
    listed = actions[actions["action"] == ACTION.name].set_index(keys)["gain"].sort_index()
    pd.testing.assert_series_equal(listed, planned)
