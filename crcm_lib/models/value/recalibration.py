"""Totals that were off in the same direction again and again are brought nearer to what came.

One window that was off may be a season or chance. Only where every window of the past was off in the same
direction, and the windows cover a whole year between them, is the next total expected to be off as well.
"""

import numpy as np

from crcm_lib.language import _
from crcm_lib.models.value.search import Numbers

FEWEST_WINDOWS, FEWEST_DAYS = 3, 365


def find_factor(predicted: Numbers, actual: Numbers, days: float) -> float:
    """The factor on totals: the mean logarithm of actual / predicted, shrunk by how much windows disagree.

    Shrinkage is 1 - (variance of the mean) / (mean squared), as far as that is above 0 (James & Stein 1961).

    Parameters
    ----------
    predicted, actual
        Totals of windows of the past, each predicted from what was known before it; in currency.
    days
        That the windows cover between them.

    Returns
    -------
    1 where there are fewer than three windows or less than a year, or where they do not agree.

    Examples
    --------
    >>> find_factor(np.array([100.0, 100, 100]), np.array([110.0, 110, 110]), 400)
    1.1
    >>> find_factor(np.array([100.0, 100, 100]), np.array([110.0, 110, 98]), 400)
    1.0
    """
    if len(actual) < FEWEST_WINDOWS or days < FEWEST_DAYS or not ((predicted > 0) & (actual > 0)).all():
        return 1.0
    off = np.log(actual / predicted)
    if not (off > 0).all() and not (off < 0).all():
        return 1.0
    mean, variance = off.mean(), off.var(ddof=1) / len(off)
    return round(float(np.exp(mean * max(0.0, 1 - variance / mean**2))), 12)


def tell_factor(factor: float, predicted: Numbers, actual: Numbers) -> str:
    """Why totals are changed, in a sentence."""
    off = ", ".join(f"{share:+.1%}" for share in predicted / actual - 1)
    words = _("totals are recalibrated by {change:+.1%}: in the windows of the past they were off by {off}, "
              "the latest first")  # fmt: skip
    return words.format(change=factor - 1, off=off)
