"""Measures of predictions, on paper."""

import numpy as np

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


def test_a_model_worse_than_naive_is_called_weak():
    good = {"rmse": 1.0, "gini": 0.9, "bias": 0.0}
    poor = {"rmse": 1.2, "gini": 0.8, "bias": 0.0}
    assert metrics.grade(good, [poor], 100).grade == "good"
    assert metrics.grade({**good, "bias": 0.2}, [poor], 100).grade == "fair"
    assert metrics.grade(poor, [good], 100).grade == "weak"
    assert metrics.grade(good, [poor], 3).grade == "cannot_tell"
