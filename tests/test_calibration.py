"""Errors of earlier windows' totals recalibrate as far as they are expected to last."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_model_selection import AS_OF, FIRST, change_amounts, draw_orders, engine_of

from crcm_lib.features.customers import summarise_customers
from crcm_lib.models.clv import select_model
from crcm_lib.models.clv.calibration import CalibrationError, calibration_factor, measure_calibration_error
from crcm_lib.models.clv.purchase_models import PARETO


@pytest.fixture(scope="module")
def growing():
    """Orders that become larger by half each year, and the selection 80 days before they end."""
    orders = change_amounts(draw_orders(900, seed=6), lambda days: np.exp(0.4 * days / 365))
    end = FIRST + pd.Timedelta(days=650)
    return orders, end, select_model(engine_of(orders), as_of=end, horizon_days=92)


def test_totals_that_were_always_too_low_are_raised_and_then_closer(growing):
    orders, end, selection = growing
    customers = summarise_customers(engine_of(orders), as_of=end)
    model = selection.refit(customers)
    later = orders.loc[orders["day"] > end, "amount"].sum()
    off = [
        abs(one.predict(customers, horizon_days=79)["spend_expected"].sum() / later - 1)
        for one in (model, replace(model, recalibration=1.0))
    ]
    assert model.recalibration > 1.05
    assert off[0] < 0.6 * off[1]
    assert model.reasons[-1].rule == "recalibrated"
    assert model.reasons[-1].facts["change"] == model.recalibration - 1


def test_a_season_is_not_taken_for_a_trend():
    wave = change_amounts(draw_orders(700, seed=1), lambda days: 1 + 0.5 * np.sin(2 * np.pi * days / 365))
    selection = select_model(engine_of(wave), as_of=AS_OF, horizon_days=92)
    assert selection.judged == 4
    assert selection.refit(summarise_customers(engine_of(wave), as_of=AS_OF)).recalibration == 1


@pytest.mark.parametrize(
    ("actual", "days", "factor"),
    [
        ([120, 120, 120], 122, 1.2),  # a year of windows that agree
        ([80, 80, 80, 80], 100, 0.8),
        ([240, 101, 101], 122, 1.0198),  # windows that hardly agree
        ([120, 120, 99], 122, 1.0),  # not all in one direction: seasons
        ([120, 115, 90], 100, 1.2**0.2),  # less than a year: a fifth of the latest
        ([120], 500, 1.2**0.2),
        ([120, 99], 500, 1.0),  # unless the one before was off in the other direction
        ([100, 120], 100, 1.0),
        ([], 0, 1.0),
    ],
)
def test_what_lasts_of_errors_recalibrates(actual, days, factor):
    errors = [CalibrationError(days, np.log(total / 100), 0.0) for total in actual]
    assert calibration_factor(errors) == pytest.approx(factor, rel=1e-4)


def test_an_error_within_chance_recalibrates_nothing():
    random = np.random.default_rng(8)
    expected = np.full(400, 10.0)
    errors = [measure_calibration_error(random.exponential(10.0, 400), expected, 90) for _world in range(300)]
    size, variance = (np.array([getattr(one, name) for one in errors]) for name in ("log_error", "variance"))
    assert variance.mean() == pytest.approx(size.var(), rel=0.2)
    factors = np.array([calibration_factor([one]) for one in errors])
    assert (factors == 1).mean() > 0.6
    assert abs(factors - 1).max() < 0.04
    assert measure_calibration_error(np.zeros(3), np.ones(3), 90) is None


def test_windows_are_recalibrated_by_earlier_ones_alone(growing):
    latest, *earlier = growing[-1].windows
    for name, model in latest.models.items():
        errors = [window.errors[name if name in latest.errors else PARETO] for window in earlier]
        assert model.recalibration == calibration_factor(errors) > 1
        again = model.predict(latest.holdout.customers, horizon_days=latest.holdout.days)["spend_expected"]
        pd.testing.assert_series_equal(again, latest.spends[name], check_names=False)
