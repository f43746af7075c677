"""What the models take for granted is measured, each on data where the truth is known."""

import numpy as np
import pandas as pd
import pytest
from test_model_selection import AS_OF, draw_orders, engine_of

from crcm_lib.features.customers import summarise_customers
from crcm_lib.models.clv import check_assumptions, diagnostics, fit_value
from crcm_lib.models.histories import measure_regularity
from crcm_lib.reporting.text.clv_assumptions import describe_assumptions


def gaps_of(shape: float, seed: int = 0) -> pd.DataFrame:
    """Customers with three to nine pauses between purchases, Erlang of this shape."""
    random = np.random.default_rng(seed)
    rows = []
    for _customer in range(3000):
        pauses = random.gamma(shape, random.gamma(3, 5), random.integers(3, 10))
        rows.append((len(pauses) + 1, pauses.mean(), pauses.std(ddof=1)))
    return pd.DataFrame(rows, columns=["purchases", "gap_mean_days", "gap_spread_days"])


@pytest.mark.parametrize("shape", [0.6, 1.0, 3.0])
def test_the_regularity_of_purchases_is_recovered(shape):
    assert measure_regularity(gaps_of(shape)) == pytest.approx(shape, rel=0.1)


@pytest.mark.parametrize("factor", [1.0, 1.3])
def test_a_change_of_purchases_size_is_recovered(factor):
    random = np.random.default_rng(1)
    recent, earlier = random.integers(1, 6, 4000), random.integers(1, 6, 4000)
    typical = random.gamma(4, 20, 4000)
    now = factor * typical * random.gamma(50, 1 / 50, 4000)
    rows = pd.DataFrame(
        {
            "purchases": recent + earlier,
            "purchases_180d": recent,
            "spend_180d": recent * now,
            "spend_total": recent * now + earlier * typical * random.gamma(50, 1 / 50, 4000),
        }
    )
    middle, low, high = diagnostics.measure_drift(rows)
    assert low < factor - 1 < high
    assert middle == pytest.approx(factor - 1, abs=0.02)


def test_a_season_is_found_where_there_is_one():
    months = pd.period_range("2022-01", periods=30, freq="M")
    growth = np.exp(0.03 * np.arange(30)) * np.random.default_rng(2).normal(1000, 15, 30)
    december = np.where(months.month == 12, 1.6, 1.0)
    correlation, lead = diagnostics.measure_season(pd.Series(growth * december, months))
    assert correlation > 0.9
    assert 0.3 < lead < 0.6
    assert diagnostics.measure_season(pd.Series(growth, months))[0] < diagnostics.MIN_SEASON_CORRELATION
    assert np.isnan(diagnostics.measure_season(pd.Series(growth[:23], months[:23]))).all()


def test_a_cohort_that_buys_twice_as_often_is_seen():
    random = np.random.default_rng(3)
    age = np.repeat([600.0, 500.0, 400.0], 600)
    pace = random.gamma(1.0, 0.01, 1800) * np.repeat([2.0, 1.0, 1.0], 600)
    x = random.poisson(pace * age)
    rows = pd.DataFrame(
        {
            "purchases": x + 1,
            "days_observed": age,
            "days_since_last": 0.0,
            "spend_total": 10.0 * (x + 1),
            "days_first_to_last": np.where(x > 0, age * random.random(1800) ** (1 / np.maximum(x, 1)), 0),
        },
        index=pd.Index([f"c{n}" for n in range(1800)], name="customer_id"),
    )
    (early, middle, late), _half_widths = diagnostics.compare_cohorts(fit_value(rows), rows)
    assert early > 1.25 * max(middle, late)


def test_months_that_are_not_over_are_not_counted():
    engine = engine_of(draw_orders(50, seed=3))
    months = diagnostics.count_months(engine, as_of="2024-06-15")
    assert str(months.index[0]) == "2023-02"  # the first may be cut off
    assert str(months.index[-1]) == "2024-05"


@pytest.mark.parametrize("customers", [1, 300])
def test_every_assumption_has_a_finding_and_a_consequence(customers):
    orders = draw_orders(customers, seed=4)
    engine = engine_of(orders)
    rows = summarise_customers(engine, as_of=AS_OF)
    checks = check_assumptions(fit_value(rows), rows, engine, as_of=AS_OF)
    assert len(checks) == 6
    assert all(bool(check.measured) or check.status == diagnostics.UNKNOWN for check in checks)
    assert all(np.isfinite(number).all() for check in checks for number in check.measured.values())
    words = describe_assumptions(checks)
    assert (words.map(len) > 0).all(axis=None)
    assert not words["measured"].str.contains("nan").any()
