"""Calibration of totals: how far they were off in earlier windows, how much of that is expected to last, and
how wide an interval of the next total must be.

An error is the logarithm of actual / predicted total. It is the sum of season and chance, which do not last,
and of what the model misses, which does.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.models.histories import Numbers

WINDOWS = 4  # the latest windows, whose errors count
PRIOR_WINDOWS = 4  # windows without an error that are taken to have been seen as well
MAX_REACH = 4  # times the length of a window that an interval may reach ahead


def log_error(actual: Numbers | pd.Series, predicted: Numbers | pd.Series) -> float | None:
    """Logarithm of actual / predicted total of a window; None where nothing was spent or expected.

    Parameters
    ----------
    actual, predicted
        Spend of each customer in the window (currency).
    """
    total, expected = float(actual.sum()), float(predicted.sum())
    return float(np.log(total / expected)) if total > 0 and expected > 0 else None


def calibration_factor(errors: Sequence[float]) -> float:
    """The factor on the totals to come: the past errors' mean, shrunk towards none.

    After four windows half of the mean error is expected to last, which is the mean of the two forecasts that
    one could make: that the model is right, and that it will be off as before (Bates & Granger 1969,
    Operational Research Quarterly 20, 451-468). After fewer windows it is less.

    Parameters
    ----------
    errors
        Of the windows before, the latest first; from `log_error`.

    Examples
    --------
    >>> round(calibration_factor([np.log(1.2)]), 4), round(calibration_factor(4 * [np.log(1.2)]), 4)
    (1.0371, 1.0954)
    """
    latest = errors[:WINDOWS]
    return float(np.exp(sum(latest) / (len(latest) + PRIOR_WINDOWS)))


def largest_error(errors: Sequence[float]) -> float | None:
    """How far the next total may be off, up or down, with a probability of 80 %; None without four windows.

    The largest size of the last four windows' errors, each calibrated by the three others, and at least that
    of the latest window as it was told. If the next error is one of a kind with the four, it is the largest
    of the five with a probability of one in five, whatever their distribution (Barber, Candès, Ramdas &
    Tibshirani 2021, Annals of Statistics 49, 486-507, the jackknife+, of windows); three windows could give
    no more than three in four.

    Parameters
    ----------
    errors
        The latest window first.

    Examples
    --------
    >>> round(largest_error([0.1, -0.1, 0.0, 0.2]), 3), largest_error([0.1, -0.1, 0.0])
    (0.2, None)
    """
    if len(errors) < WINDOWS:
        return None
    latest = np.array(errors[:WINDOWS])
    others = [np.log(calibration_factor(np.delete(latest, place).tolist())) for place in range(WINDOWS)]
    before = np.log(calibration_factor(errors[1 : WINDOWS + 1]))
    return float(max(abs(latest - others).max(), abs(latest[0] - before)))
