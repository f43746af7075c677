"""Tables that people may read: no small cells, and none that could be computed from the rest.

Small cells are hidden by the threshold rule (fewer than `at_least` customers) and the dominance or (n, k)
rule with n = 1 (one customer brings more than `MAX_DOMINANT_SHARE` of the money), then by complementary
suppression, so that a total less what is shown reveals nothing: Hundepool et al. (2012), Statistical
Disclosure Control, Wiley, chapters 4 and 5 (the audit of two-way tables by linear programmes too). What this
does not stop: a reader who knows sizes from elsewhere, compares two tables that overlap in part, or reasons
about why the rule chose a group.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.i18n import _

MAX_DOMINANT_SHARE = 0.8  # of a cell's money
LARGEST_SHARE = "largest_share"


def hide_small(
    frame: pd.DataFrame,
    *,
    counts: str | Sequence[str] = "customers",
    money: Sequence[str] = (),
    at_least: int = 5,
) -> pd.DataFrame:
    """The table as people may see it: what would tell of a few customers is missing.

    Parameters
    ----------
    frame
        One row per group; groups do not overlap. No total row.
    counts
        The column with the number of customers in the group. Several columns mean a two-way table of counts.
    money
        Every column that tells of the groups' money: a sum first, then its shares, means. If the frame has a
        column `largest_share` (share of that sum that the group's largest customer brings), groups that one
        customer dominates are hidden too; the column itself never comes back.
    at_least
        Groups of 1 to `at_least` - 1 customers are hidden.

    Returns
    -------
    A copy. In a row whose count is hidden every number and date is missing, shares and means too. A total (of
    a two-way table: of a row or column) may be shown beside it if it is at least `at_least` and something of
    what it adds up is shown.

    Examples
    --------
    >>> groups = pd.DataFrame({"customers": [40, 2, 9], "spend": [900.0, 80.0, 200.0]}, index=list("abc"))
    >>> hide_small(groups, money=["spend"])
       customers  spend
    a         40  900.0
    b       <NA>    NaN
    c       <NA>    NaN
    """
    if not isinstance(counts, str):
        return _blank(frame, list(counts), _hide_two_way(frame[list(counts)].to_numpy(), at_least))
    people = frame[counts].fillna(0).to_numpy()
    hidden = _hide_list(people, _small(people, at_least), at_least)
    covered = hidden.copy()
    if money and LARGEST_SHARE in frame:
        share = frame[LARGEST_SHARE].fillna(0).to_numpy()
        covered = _hide_dominated(frame[money[0]].abs().fillna(0).to_numpy(), share, hidden)
    shown = frame.drop(columns=LARGEST_SHARE, errors="ignore")
    numbers = list(shown.select_dtypes(["number", "datetime"]))
    return _blank(_blank(shown, numbers, hidden), list(money), covered)


def say_hidden(frame: pd.DataFrame, shown: pd.DataFrame, *, at_least: int = 5) -> str:
    """A sentence that says how many numbers `hide_small` hid; empty if none."""
    hidden = int((shown.isna() & frame[shown.columns].notna()).to_numpy().sum())
    if not hidden:
        return ""
    return _(
        "{hidden} number(s) are hidden, because they tell of fewer than {at_least} customers or of one "
        "dominating customer, or because others could be computed from them."
    ).format(hidden=f"{hidden:,}", at_least=at_least)


def _small(people: np.ndarray, at_least: int) -> np.ndarray:
    return (people > 0) & (people < at_least)


def _is_safe(people: np.ndarray, hidden: np.ndarray, at_least: int) -> bool:
    """Given the total, could each hidden group have `at_least` customers, if the others have one each?"""
    return hidden.sum() > 1 and people[hidden].sum() - (hidden.sum() - 1) >= at_least


def _hide_list(people: np.ndarray, hidden: np.ndarray, at_least: int) -> np.ndarray:
    """Hide further groups, the smallest first with all their equals, until the total reveals none."""
    if people.sum() < at_least:
        return hidden  # a total as small as this is hidden itself
    while hidden.any() and not hidden.all() and not _is_safe(people, hidden, at_least):
        hidden = _hide_next(people, hidden)
    return hidden


def _hide_next(people: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hide the smallest groups still shown; empty ones only when nothing else is."""
    order = np.where(hidden, np.inf, np.where(people > 0, people, np.finfo(float).max))
    return hidden | (order == order.min())


def _hide_dominated(size: np.ndarray, share: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hide money that one customer dominates, and more until none dominates all that is hidden together."""
    hidden = hidden | ((share > MAX_DOMINANT_SHARE) & (size > 0))
    while hidden.any() and not hidden.all():
        largest = (size * share)[hidden].max()
        if largest <= MAX_DOMINANT_SHARE * size[hidden].sum():
            break
        hidden = _hide_next(size, hidden)
    return hidden


def _hide_two_way(people: np.ndarray, at_least: int) -> np.ndarray:
    """Hide further cells until no row, no column and no combination of them tells that a cell is small."""
    people = np.nan_to_num(people.astype(float))
    hidden, before = _small(people, at_least), None
    while before is None or (hidden != before).any():
        before = hidden.copy()
        for row, line in enumerate(people):
            hidden[row] = _hide_list(line, hidden[row], at_least)
        for column, line in enumerate(people.T):
            hidden[:, column] = _hide_list(line, hidden[:, column], at_least)
        for row, column in _disclosed_by_totals(people, hidden, at_least):
            if not hidden[row].all():
                hidden[row] = _hide_next(people[row], hidden[row])
            elif not hidden[:, column].all():
                hidden[:, column] = _hide_next(people[:, column], hidden[:, column])
    return hidden


def _disclosed_by_totals(people: np.ndarray, hidden: np.ndarray, at_least: int) -> list[tuple[int, int]]:
    """Small cells that all totals that may be shown tell to be small: the most they can be is too little."""
    from scipy.optimize import linprog

    cells = np.argwhere(hidden)
    sums = np.vstack(
        [np.equal.outer(np.arange(side), cells[:, axis]) for axis, side in enumerate(hidden.shape)]
    )
    totals = np.concatenate([people.sum(axis=1), people.sum(axis=0)])
    shown = np.concatenate([~hidden.all(axis=1), ~hidden.all(axis=0)]) & (totals >= at_least)
    if not shown.any():
        return []
    rests = (people * hidden).sum(axis=1), (people * hidden).sum(axis=0)
    facts = {"A_eq": sums[shown].astype(float), "b_eq": np.concatenate(rests)[shown]}
    bounds = (0 if (people[hidden] == 0).any() else 1, people.sum())
    told = []
    for place, cell in enumerate(cells):
        if _small(people[tuple(cell)], at_least):
            most = linprog(-np.eye(len(cells))[place], bounds=bounds, **facts).x[place]
            told += [tuple(cell)] if most < at_least - 1e-6 else []
    return told


def _blank(frame: pd.DataFrame, columns: list[str], mask: np.ndarray) -> pd.DataFrame:
    """A copy with missing values where the mask (per row, or per row and column) holds."""
    shown = frame.copy()
    for place, column in enumerate(columns):
        values = frame[column]
        if pd.api.types.is_integer_dtype(values):
            values = values.astype("Int64")
        shown[column] = values.mask(mask if mask.ndim == 1 else mask[:, place])
    return shown
