"""Intervals and tests: scipy's where it has them, with the limiting cases that it warns of or lacks."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from crcm_lib import stats
from crcm_lib.permutation import DRAWS, compare_means


def test_the_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).normal(10, 3, 12)
    low, high = scipy_stats.ttest_1samp(values, 0).confidence_interval()
    assert stats.student(values) == pytest.approx((values.mean(), low, high), rel=1e-9)


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (20, 20)])
def test_the_interval_of_none_or_all_stays_between_0_and_1(hits, trials):
    low, high = stats.wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    assert high - low > 0.1


# Several claims at once


def test_holms_own_example_of_ordered_p():
    """Each p times how many are left, never below an earlier one, never above 1."""
    adjusted = stats.holm(np.array([0.4, 0.001, 0.02, 0.01]))
    assert adjusted.tolist() == pytest.approx([0.4, 0.004, 0.04, 0.03])
    assert stats.holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_what_could_not_have_reached_the_level_is_not_counted():
    smallest = np.array([1e-4, 0.2, 1.0])
    assert stats.holm(np.array([0.04, 0.2, 1.0]), smallest)[0] == 0.04
    assert np.isnan(stats.holm(np.array([0.04, 0.2, 1.0]), smallest)[1:]).all()


def test_of_equals_that_cannot_all_reach_the_level_none_is_counted():
    assert np.isnan(stats.holm(np.array([0.02, 0.02]), np.array([0.02, 0.03]))).tolist() == [False, True]
    assert np.isnan(stats.holm(np.array([0.03, 0.03]), np.array([0.03, 0.03]))).all()


def test_what_was_not_compared_is_not_counted():
    adjusted = stats.holm(np.array([np.nan, 0.03]))
    assert np.isnan(adjusted[0])
    assert adjusted[1] == 0.03


# Shares


def test_the_exact_p_is_twice_the_smaller_tail_of_the_hypergeometric():
    p, smallest = stats.exact_p(9, [(60, 20, 15)])
    law = scipy_stats.hypergeom(60, 20, 15)
    assert p == pytest.approx(2 * law.sf(8))
    assert smallest == pytest.approx(2 * min(law.pmf(0), law.pmf(15)))
    assert stats.exact_p(2, [(60, 20, 15)])[0] == pytest.approx(2 * law.cdf(2))


def test_over_strata_the_exact_p_is_that_of_all_their_draws():
    strata, random = [(30, 12, 10), (20, 15, 5)], np.random.default_rng(0)
    sums = sum(random.hypergeometric(hits, n - hits, drawn, 200_000) for n, hits, drawn in strata)
    assert stats.exact_p(11, strata)[0] == pytest.approx(2 * (sums >= 11).mean(), abs=0.005)


def test_where_nobody_or_everybody_has_it_no_p_is_possible_but_1():
    assert stats.exact_p(0, [(40, 0, 10)]) == (1.0, 1.0)
    assert stats.exact_p(10, [(40, 40, 10)]) == (1.0, 1.0)


def test_of_one_stratum_the_interval_is_newcombes():
    ones = [np.repeat([1.0, 0.0], counts) for counts in ([56, 14], [48, 32])]
    first = np.arange(150) < 70
    compared = stats.compare_shares(np.concatenate(ones), first, np.zeros(150))
    assert compared[:3] == pytest.approx(stats.newcombe(*ones))


def test_strata_with_other_shares_of_controls_are_not_mixed():
    """The second wave buys more and has more controls: pooled, the treated would look worse."""
    strata = np.repeat([0, 1], [100, 100])
    first = np.concatenate([np.arange(100) >= 10, np.arange(100) >= 50])
    values = np.where(strata == 0, np.arange(200) % 10 < 2, np.arange(200) % 10 < 8).astype(float)
    assert values[first].mean() < values[~first].mean() - 0.1
    for compared in (
        stats.compare_shares(values, first, strata),
        compare_means(values, first, strata, claims=1, seed=0),
    ):
        assert compared.difference == pytest.approx(0)
        assert compared.low < 0 < compared.high
        assert compared.p == 1


# Means


def skewed(seed: int, customers: int, controls: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spend of which a third is zero, and some of ten times the median; who is treated; one stratum."""
    random = np.random.default_rng(seed)
    spend = np.where(random.random(customers) < 0.33, 0, random.lognormal(3, 1.2, customers))
    return spend, np.arange(customers) >= controls, np.zeros(customers)


def test_few_permutations_are_all_compared():
    values, first, strata = skewed(0, customers=10, controls=4)
    two_sided = scipy_stats.permutation_test(
        (values[first], values[~first]),
        lambda one, other: scipy_stats.ttest_ind(one, other, equal_var=False).statistic,
        n_resamples=np.inf,
    )
    compared = compare_means(values, first, strata, claims=1, seed=0)
    assert compared.p == pytest.approx(two_sided.pvalue)
    assert compared.smallest_p == pytest.approx(2 / 210)
    assert compared == compare_means(values, first, strata, claims=1, seed=1)


@pytest.mark.parametrize("seed", range(3))
def test_many_permutations_are_drawn_and_agree_with_scipys(seed):
    values, first, strata = skewed(seed, customers=80, controls=20)
    exact = scipy_stats.permutation_test(
        (values[first], values[~first]),
        lambda one, other, axis: scipy_stats.ttest_ind(one, other, axis=axis, equal_var=False).statistic,
        n_resamples=9999,
        vectorized=True,
        rng=seed,
    )
    compared = compare_means(values, first, strata, claims=25, seed=seed)
    assert compared.p == pytest.approx(exact.pvalue, abs=0.06)
    assert compared == compare_means(values, first, strata, claims=25, seed=seed)


@pytest.mark.parametrize("shift", [-60, -30, 0, 30, 60])
def test_the_interval_holds_zero_unless_p_is_at_most_5_percent(shift):
    values, first, strata = skewed(4, customers=200, controls=30)
    compared = compare_means(values + shift * first, first, strata, claims=10, seed=0)
    assert (compared.low <= 0 <= compared.high) == (compared.p > 0.05)
    assert compared.low < compared.difference < compared.high


def test_the_unit_of_money_does_not_matter():
    values, first, strata = skewed(5, customers=100, controls=15)
    cents = compare_means(100 * values, first, strata, claims=1, seed=0)
    assert np.array(cents[:3]) / 100 == pytest.approx(
        compare_means(values, first, strata, claims=1, seed=0)[:3]
    )


@pytest.mark.parametrize("customers", [12, 100])
def test_which_arm_is_first_turns_the_sign_alone(customers):
    values, first, strata = skewed(6, customers, controls=5)
    one, other = (compare_means(values, arm, strata, claims=1, seed=0) for arm in (first, ~first))
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.p == pytest.approx(other.p)


def test_what_all_spend_beside_changes_nothing():
    values, first, strata = skewed(6, customers=100, controls=20)
    one, other = (compare_means(values + more, first, strata, claims=1, seed=0) for more in (0, 1e8))
    assert other == pytest.approx(one, rel=1e-5)


def test_of_many_customers_in_strata_of_unlike_size_the_interval_is_the_normal_one():
    random = np.random.default_rng(0)
    strata = np.repeat([0, 1], [4000, 1000])
    first = random.random(5000) < np.where(strata == 0, 0.5, 0.9)
    values = random.normal(10 * strata, 3)
    compared = compare_means(values, first, strata, claims=1, seed=0)
    weights = [np.mean(strata[first] == stratum) for stratum in (0, 1)]
    variances = [9 / (first & (strata == s)).sum() + 9 / (~first & (strata == s)).sum() for s in (0, 1)]
    error = np.sqrt(sum(w**2 * v for w, v in zip(weights, variances, strict=True)))
    assert compared.high - compared.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_clear_difference_has_a_p_as_small_as_the_number_of_claims_asks():
    values, first, strata = skewed(7, customers=400, controls=40)
    clear = values + 300 * first
    assert compare_means(clear, first, strata, claims=1, seed=0).p == 2 / (1 + DRAWS)
    assert compare_means(clear, first, strata, claims=100, seed=0).p < 0.05 / 100


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 7.3])
def test_without_any_spread_there_is_no_difference_and_no_interval(value):
    compared = compare_means(np.full(60, value), np.arange(60) > 9, np.zeros(60), claims=1, seed=0)
    assert (compared.difference, compared.p) == (0, 1)
    assert np.isnan([compared.low, compared.high]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spend", [7.14, 365.54])
def test_controls_who_all_bought_nothing_are_compared(spend):
    """Of 60 treated two bought, as in most draws: so the interval ends at zero, not by rounding above it."""
    values = np.append(np.zeros(70), [spend, 1.3 * spend])
    compared = compare_means(values, np.arange(72) > 11, np.zeros(72), claims=1, seed=0)
    assert compared.p == 1
    assert compared.low == 0 < compared.high


@pytest.mark.slow
@pytest.mark.parametrize("times", [1.0, 2.0])
def test_the_interval_covers_skewed_spend_with_many_zeros_and_few_controls(times):
    """400 seeds, 10 % of 400 customers as controls; Welch's interval covers 87 to 93 % of these."""
    random, mean, inside = np.random.default_rng(0), 0.3 * np.exp(3 + 1.2**2 / 2), 0
    first = np.arange(400) >= 40
    for seed in range(400):
        buys = random.random(400) < 0.3
        values = np.where(buys, random.lognormal(3, 1.2, 400) * np.where(first, times, 1), 0)
        compared = compare_means(values, first, np.zeros(400), claims=1, seed=seed)
        inside += compared.low <= (times - 1) * mean <= compared.high
    assert 0.92 <= inside / 400 <= 0.98
