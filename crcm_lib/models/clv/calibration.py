"""Calibration of totals: how far they were off in earlier windows, and how much of that is expected to last.

A window's error is the sum of season and chance, which do not last, and of what the model misses, which does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crcm_lib.models.histories import Numbers

CARRYOVER = 0.2  # share of one window's error that is expected to last
MIN_WINDOWS, YEAR = 3, 365  # windows, and days that they cover, from which on seasons show


@dataclass(frozen=True)
class CalibrationError:
    """The error of one window's total, predicted from what was known before it.

    Attributes
    ----------
    days
        Its length.
    log_error
        Logarithm of actual / predicted total.
    variance
        Variance of `log_error` by the chance of who buys and how much alone.
    """

    days: int
    log_error: float
    variance: float


def measure_calibration_error(actual: Numbers, predicted: Numbers, days: int) -> CalibrationError | None:
    """The error of a window's total; None where nothing was spent or expected.

    Parameters
    ----------
    actual, predicted
        Spend of each customer in the window (currency).
    """
    total, expected = float(actual.sum()), float(predicted.sum())
    if not (total > 0 and expected > 0):
        return None
    residuals = actual - predicted * (total / expected)
    return CalibrationError(days, float(np.log(total / expected)), float((residuals**2).sum()) / total**2)


def calibration_factor(errors: Sequence[CalibrationError]) -> float:
    """The factor on the totals to come.

    A fifth of the latest window's error is expected to last, as far as it is more than chance and unless the
    window before was off in the other direction. Three windows or more that together cover a year decide
    instead: if all were off in the same direction, by their mean, shrunk by how much they disagree, otherwise
    not at all. Both are shrunk by 1 - (variance) / (square), as far as that is above 0 (James & Stein 1961).

    Parameters
    ----------
    errors
        The latest window first.

    Examples
    --------
    >>> error = CalibrationError(100, np.log(1.2), 0.0)
    >>> round(calibration_factor([error]), 4), round(calibration_factor(4 * [error]), 4)
    (1.0371, 1.2)
    """
    if not errors:
        return 1.0
    log_errors = np.array([error.log_error for error in errors])
    if len(errors) < MIN_WINDOWS or sum(error.days for error in errors) < YEAR:
        compared, lasting = log_errors[:2], CARRYOVER * _shrink(log_errors[0], errors[0].variance)
    else:
        compared, lasting = log_errors, _shrink(log_errors.mean(), log_errors.var(ddof=1) / len(errors))
    if not (compared > 0).all() and not (compared < 0).all():
        return 1.0  # Windows that contradict each other are seasons.
    return float(np.exp(lasting))


def _shrink(value: float, variance: float) -> float:
    return value * max(0.0, 1 - variance / value**2) if value else 0.0
