"""Rounding of numbers of persons, so that of two reports one subtracted from the other tells of no few.

Hiding small cells protects one report. A second one, a month later, shows the same cell of other size, and
the difference may be one person. Cells that cross persons with an attribute, a label or an answer are
therefore rounded: counts by unbiased random rounding (Hundepool et al. 2012, Statistical Disclosure Control,
Wiley, section 5.4: up or down to a multiple of the base, up with probability rest / base), other numbers to a
step of about what one large customer makes of them. The random part follows from a key, the day and the
count alone: within a report the same number is rounded alike wherever it stands, a run that is made again
rounds as before, and from one report to the next the draws are independent.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crcm_lib.privacy.pseudonyms import keyed_hash, load_key
from crcm_lib.schema.tables import About


def round_count(count: int, about: About, *, base: int) -> int:
    """A count as a multiple of `base`, up or down at random, right on average.

    >>> demo = About("s", "t", "2025-12-31", "2025-01-01", "CNY", synthetic=True)
    >>> [round_count(count, demo, base=5) for count in (0, 5, 22, 22, 23)]
    [0, 5, 20, 20, 25]
    """
    draw = int(keyed_hash(load_key(about), f"rounding {about} {count}")[:12], 16) % base
    return base * ((count + draw) // base)


def round_cells(
    cells: pd.DataFrame,
    about: About,
    *,
    base: int,
    counts: Sequence[str] = ("customers",),
    ranges: Mapping[str, float | pd.Series] | None = None,
) -> pd.DataFrame:
    """Cells of persons, rounded; small ones are hidden before, by `suppression.hide_small`.

    Parameters
    ----------
    cells
        One row per cell. What is missing stays so.
    about
        Whose data and which day: the draws follow from it.
    base
        Counts become multiples of it. Of a sum, or a share or mean of sums, the step is what so many average
        customers of the cell make of it, as one large customer may.
    counts
        Columns of whole numbers; the first counts the customers of the cell.
    ranges
        For numbers that one customer can change by at most a fixed range divided by the customers of the
        cell, like a mean of answers 1 to 5: that range, here 4. The step is that change.

    Returns
    -------
    A copy; steps are 1, 2 or 5 times a power of ten.
    """
    people, known = cells[counts[0]].astype("float64"), ranges or {}
    rounded = cells.copy()
    for name in counts:
        whole = [
            value if pd.isna(value) else round_count(int(value), about, base=base) for value in cells[name]
        ]
        rounded[name] = pd.Series(whole, cells.index, "Int64")
    for name in cells.select_dtypes("number").columns.difference(list(counts)):
        values = cells[name].astype("float64")
        rounded[name] = round_to_step(values, known.get(name, base * values.abs()) / people)
    return rounded


def round_to_step(values: pd.Series, size: pd.Series) -> pd.Series:
    """Each value as a multiple of the largest 1, 2 or 5 times a power of ten that is not above its `size`.

    >>> round_to_step(pd.Series([1234.5, 0.337, 7.0]), pd.Series([300.0, 0.02, 0.0])).to_list()
    [1200.0, 0.34, 7.0]
    """
    given: np.ndarray = size.to_numpy("float64")
    positive = np.where((given > 0) & np.isfinite(given), given, 1.0)
    power = 10.0 ** np.floor(np.log10(positive) + 1e-9)
    leading = positive / power
    factor = np.select([leading >= 5 - 1e-9, leading >= 2 - 1e-9], [5.0, 2.0], 1.0)
    steps = factor * power
    rounded = (values / steps).round() * steps
    return rounded.round(10).where(given > 0, values)
