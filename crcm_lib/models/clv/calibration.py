"""How far totals were off before, and how much of that is taken to last.

By how much a total was off may be a season or chance, which do not last, or what the model overlooks, which
does. A window that is over shows the sum of both.
"""

from dataclasses import dataclass

import numpy as np

from crcm_lib.i18n import _
from crcm_lib.models.mle import Numbers

CARRYOVER = 0.2  # share of one window's surprise that is taken to last
MIN_WINDOWS, YEAR = 3, 365  # windows and days between them from which on seasons can be told from the rest


@dataclass(frozen=True)
class CalibrationError:
    """One window of the past, predicted from what was known before it.

    Attributes
    ----------
    days
        Its length.
    off
        Logarithm of actual / predicted total.
    chance
        Variance of `off` by the chance of who buys and how much alone.
    """

    days: int
    off: float
    chance: float


def measure_calibration_error(actual: Numbers, predicted: Numbers, days: int) -> CalibrationError | None:
    """By how much a window's total surprised; None where nothing was spent or expected.

    Parameters
    ----------
    actual, predicted
        Spend of each customer in the window (currency).
    """
    total, expected = float(actual.sum()), float(predicted.sum())
    if not (total > 0 and expected > 0):
        return None
    error = actual - predicted * (total / expected)
    return CalibrationError(days, float(np.log(total / expected)), float((error**2).sum()) / total**2)


def calibration_factor(surprises: list[CalibrationError]) -> float:
    """The factor on the totals to come.

    Of the latest window's surprise a fifth is taken to last, as far as it is more than chance and unless the
    window before was off in the other direction. Where there are three windows or more that cover a year
    between them, they decide: if all were off in the same direction, by their mean, shrunk by how much they
    disagree, otherwise not at all. Both are shrunk by 1 - (variance) / (square), as far as that is above 0
    (James & Stein 1961).

    Parameters
    ----------
    surprises
        The latest first.

    Examples
    --------
    >>> once = CalibrationError(100, np.log(1.2), 0.0)
    >>> round(calibration_factor([once]), 4), round(calibration_factor(4 * [once]), 4)
    (1.0371, 1.2)
    """
    if not surprises:
        return 1.0
    off = np.array([one.off for one in surprises])
    if len(off) < MIN_WINDOWS or sum(one.days for one in surprises) < YEAR:
        agreed, lasting = off[:2], CARRYOVER * _shrink(off[0], surprises[0].chance)
    else:
        agreed, lasting = off, _shrink(off.mean(), off.var(ddof=1) / len(off))
    if not (agreed > 0).all() and not (agreed < 0).all():
        return 1.0  # windows that contradict each other speak of seasons
    return float(np.exp(lasting))


def _shrink(value: float, variance: float) -> float:
    return value * max(0.0, 1 - variance / value**2) if value else 0.0


def describe_calibration(factor: float, surprises: list[CalibrationError]) -> str:
    """Why totals are changed, in a sentence."""
    off = ", ".join(f"{np.expm1(-one.off):+.1%}" for one in surprises)
    words = _("totals are recalibrated by {change:+.1%}: in the windows of the past they were off by {off}, "
              "the latest first")  # fmt: skip
    return words.format(change=factor - 1, off=off)
