"""95 % intervals: those of scipy where it has them, with the limiting cases that it warns of or lacks."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from crcm_lib import stats


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_a_difference_is_scipys(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(10, 3, 12), rng.gamma(2, 4, 40)
    interval = scipy_stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert stats.welch(one, other) == pytest.approx((one.mean() - other.mean(), *interval), rel=1e-9)


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).normal(10, 3, 12)
    low, high = scipy_stats.ttest_1samp(values, 0).confidence_interval()
    assert stats.student(values) == pytest.approx((values.mean(), low, high), rel=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("one", "other"), [([1.0], [1.0, 2.0]), ([3.0, 3.0], [1.0, 1.0, 1.0])])
def test_without_spread_or_with_one_value_the_interval_is_unknown(one, other):
    difference, low, high = stats.welch(np.array(one), np.array(other))
    assert difference == np.mean(one) - np.mean(other)
    assert np.isnan([low, high]).all()


@pytest.mark.filterwarnings("error")
def test_a_constant_side_still_has_an_interval():
    _difference, low, high = stats.welch(np.zeros(20), np.array([1.0, 2.0, 4.0]))
    assert low < -7 / 3 < high


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (20, 20)])
def test_the_interval_of_none_or_all_stays_between_0_and_1(hits, trials):
    low, high = stats.wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    assert high - low > 0.1
