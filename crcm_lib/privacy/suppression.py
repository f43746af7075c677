"""Suppression of small cells in tables that people read, and of cells from which one could be computed.

Small cells are hidden by the threshold rule (fewer than `at_least` customers) and the dominance or (n, k)
rule with n = 1 (one customer brings more than `MAX_DOMINANT_SHARE` of the money), then by complementary
suppression, so that a total less what is shown reveals nothing: Hundepool et al. (2012), Statistical
Disclosure Control, Wiley, chapters 4 and 5 (the audit of two-way tables by linear programmes too). It does
not protect against a reader who knows sizes from another source, compares two tables that overlap in part, or
infers why the rule chose a group.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

MAX_DOMINANT_SHARE = 0.8  # of a cell's money
LARGEST_SHARE = "largest_share"
SMALL_GROUPS = "small_groups"  # stands for those whose very name could tell of somebody


def hide_small(
    frame: pd.DataFrame,
    *,
    counts: str | Sequence[str] = "customers",
    money: Sequence[str] = (),
    at_least: int = 5,
) -> pd.DataFrame:
    """The table as people may see it: values that would disclose something of a few customers are missing.

    Parameters
    ----------
    frame
        One row per group; groups do not overlap. No total row.
    counts
        The column with the number of customers in the group. Several columns mean a two-way table of counts.
    money
        Every column that depends on the groups' money: a sum first, then its shares, means. If the frame has
        a column `largest_share` (share of that sum that the group's largest customer brings), groups that one
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
        cells = frame[list(counts)].astype("float64").to_numpy()
        return _blank(frame, list(counts), _hide_two_way(cells, at_least))
    people = frame[counts].fillna(0).to_numpy()
    hidden = _hide_list(people, _is_small(people, at_least), at_least)
    hidden_money = hidden.copy()
    if money and LARGEST_SHARE in frame:
        share = frame[LARGEST_SHARE].fillna(0).to_numpy()
        hidden_money = _hide_dominated(frame[money[0]].abs().fillna(0).to_numpy(), share, hidden)
    published = frame.drop(columns=LARGEST_SHARE, errors="ignore")
    numbers = [str(name) for name in published.select_dtypes(["number", "datetime"])]
    return _blank(_blank(published, numbers, hidden), list(money), hidden_money)


def count_hidden(frame: pd.DataFrame, published: pd.DataFrame) -> int:
    """How many values of a table `hide_small` made missing."""
    return int((published.isna() & frame[published.columns].notna()).to_numpy().sum())


def _is_small(people: np.ndarray, at_least: int) -> np.ndarray:
    return (people > 0) & (people < at_least)


def _is_safe(people: np.ndarray, hidden: np.ndarray, at_least: int) -> bool:
    """Given the total, could each hidden group have `at_least` customers, if the others have one each?"""
    return bool(hidden.sum() > 1 and people[hidden].sum() - (hidden.sum() - 1) >= at_least)


def _hide_list(people: np.ndarray, hidden: np.ndarray, at_least: int) -> np.ndarray:
    """Hide further groups, the smallest first with all of equal size, until the total reveals none."""
    if people.sum() < at_least:
        return hidden  # such a small total is hidden itself
    while hidden.any() and not hidden.all() and not _is_safe(people, hidden, at_least):
        hidden = _hide_next(people, hidden)
    return hidden


def _hide_next(people: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hide the smallest groups still shown; empty ones only when nothing else is."""
    order: np.ndarray = np.where(hidden, np.inf, np.where(people > 0, people, np.finfo(float).max))
    extended: np.ndarray = hidden | (order == order.min())
    return extended


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
    """Hide further cells until no row, no column and no combination of them reveals a small cell."""
    people = np.nan_to_num(people.astype(float))
    hidden, before = _is_small(people, at_least), None
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
    """Small cells of which the totals that may be shown reveal an upper bound below `at_least`.

    The bound is the maximum of a linear programme over all tables with the same totals and shown cells.
    """
    from scipy.optimize import linprog

    cells = np.argwhere(hidden)
    sums = np.vstack(
        [np.equal.outer(np.arange(side), cells[:, axis]) for axis, side in enumerate(hidden.shape)]
    )
    totals = np.concatenate([people.sum(axis=1), people.sum(axis=0)])
    public_totals = np.concatenate([~hidden.all(axis=1), ~hidden.all(axis=0)]) & (totals >= at_least)
    if not public_totals.any():
        return []
    rests = (people * hidden).sum(axis=1), (people * hidden).sum(axis=0)
    constraints = {"A_eq": sums[public_totals].astype(float), "b_eq": np.concatenate(rests)[public_totals]}
    bounds = (0 if (people[hidden] == 0).any() else 1, people.sum())
    disclosed = []
    for place, cell in enumerate(cells):
        if _is_small(people[tuple(cell)], at_least):
            upper = linprog(-np.eye(len(cells))[place], bounds=bounds, **constraints).x[place]
            disclosed += [tuple(cell)] if upper < at_least - 1e-6 else []
    return disclosed


def _blank(frame: pd.DataFrame, columns: list[str], mask: np.ndarray) -> pd.DataFrame:
    """A copy with missing values where the mask (per row, or per row and column) holds."""
    published = frame.copy()
    for place, column in enumerate(columns):
        values = frame[column]
        if pd.api.types.is_integer_dtype(values):
            values = values.astype("Int64")
        published[column] = values.mask(mask if mask.ndim == 1 else mask[:, place])
    return published
