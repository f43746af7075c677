"""Measures of predictions, on paper."""

import numpy as np
import pandas as pd

from crcm_lib.models import metrics


def test_normalised_gini_on_paper():
    actual = np.array([0.0, 0.0, 0.0, 8.0])
    assert metrics.normalised_gini(actual, np.array([1.0, 2, 3, 4])) == 1
    assert metrics.normalised_gini(actual, np.array([4.0, 3, 2, 1])) == -1
    assert metrics.normalised_gini(actual, np.ones(4)) == 0  # ties say nothing


def test_customers_who_tie_share_a_decile():
    table = metrics.tabulate_deciles(np.arange(20.0), np.r_[np.ones(12), np.arange(2.0, 10.0)])
    assert table["customers"].max() == 12
    assert table["customers"].sum() == 20


def grade(spends, bias=0.0, buyers=100):
    """The grade of the model `ours` against the rule `naive`."""
    standings, _selected = metrics.rank_models([spends], ["ours"], ["naive"])
    return metrics.grade([spends], standings.assign(bias=bias), "ours", ["naive"], buyers)


def draw_spends(noise_ours: float, noise_naive: float, customers=2000, seed=0) -> pd.DataFrame:
    """Actual spend, and predictions that are the truth times a noise."""
    random = np.random.default_rng(seed)
    truth = random.gamma(1, 100, customers)
    noise = random.normal(size=(2, customers)) * np.array([[noise_ours], [noise_naive]])
    ours, naive = truth * np.exp(noise)
    return pd.DataFrame({"actual": random.gamma(2, truth / 2), "ours": ours, "naive": naive})


def test_good_is_better_than_the_best_simple_rule_beyond_chance():
    better = draw_spends(0.1, 0.6)
    assert grade(better).grade == "good"
    assert grade(better, bias=0.2).grade == "fair"
    assert grade(better, buyers=3).grade == "cannot_tell"
    assert grade(draw_spends(0.6, 0.1)).grade == "weak"
    assert grade(draw_spends(0.3, 0.3)).grade == "tie"
