"""Customers -> recency, frequency and monetary scores, and the named segment of a customer's scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from crcm_lib.config.bands import Segment, all_hold
from crcm_lib.config.policy import RFM
from crcm_lib.errors import DataError, PolicyError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema import learned_state
from crcm_lib.stats import exceed_copies

SCHEMA_VERSION = 1  # of the JSON of RFMScorer
SCORES = {  # column of `customer_features`: its score, and whether a higher value is better
    "days_since_last": ("recency_score", False),
    "purchases": ("frequency_score", True),
    "spend_total": ("monetary_score", True),
}
MIN_CUSTOMERS = 30  # of whom movement is judged
MIN_DAYS_BEFORE = 28  # of history up to the comparison day
MAX_P = 0.05 / 3  # a report makes three claims of movement: this one, and the two of 10 (Bonferroni)
NOT_YET = "not yet a customer"  # the segment before the first purchase


class RFMScorer(TransformerMixin, BaseEstimator):
    """Score recency, frequency and spend of buyers from 1 (worst) to best.

    The cut points are learned by `fit` and kept, so that customers of another day are scored on the same
    scale. Equal values always get equal scores; where many customers tie, some score may have no customers.

    Parameters
    ----------
    n_bins
        Number of score levels, at least 2; the learned cut points are the quantiles 1/n, 2/n, …, (n - 1)/n.
    cuts
        Cut points to use instead of learned ones, for any of `days_since_last` (days), `purchases` (count)
        and `spend_total` (policy currency), each increasing; k cut points give the scores 1 … k + 1.

    Attributes
    ----------
    cuts_ : dict
        Column -> its cut points, increasing, in the column's own unit.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"days_since_last": [50, 40, 3], "purchases": [1, 1, 9], "spend_total": [10.0, 30.0, 20.0]}
    ... )
    >>> RFMScorer(n_bins=2).fit_transform(customers).to_numpy().tolist()
    [[1, 1, 1], [1, 1, 2], [2, 2, 1]]
    """

    def __init__(self, n_bins: int = 5, cuts: Mapping[str, Sequence[float]] | None = None):
        self.n_bins = n_bins
        self.cuts = cuts

    def fit(self, customers: pd.DataFrame, y=None):
        """Learn the cut points that are not given; none where there are no customers. Returns self."""
        given = self.cuts or {}
        if problems := _find_problems(self.n_bins, given):
            raise ValueError(list_problems("RFMScorer", problems))
        _check(customers)
        shares = np.linspace(0, 1, self.n_bins + 1)[1:-1]
        self.cuts_ = {
            column: [float(cut) for cut in given.get(column, _quantiles(customers[column], shares))]
            for column in SCORES
        }
        return self

    def transform(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return `recency_score`, `frequency_score` and `monetary_score`, on the index of `customers`."""
        check_is_fitted(self)
        _check(customers)
        scores = {
            score: 1 + _cuts_beaten(customers[column], self.cuts_[column], more_is_better)
            for column, (score, more_is_better) in SCORES.items()
        }
        return pd.DataFrame(scores, index=customers.index)

    def to_json(self) -> str:
        """The learned state as JSON."""
        check_is_fitted(self)
        state = {"n_bins": self.n_bins, "cuts": self.cuts, "cuts_": self.cuts_}
        return learned_state.to_json(state, SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "RFMScorer":
        """The fitted scorer that `to_json` wrote; DataError if another release did."""
        state = learned_state.from_json(text, SCHEMA_VERSION, model="RFM scorer", notebook="03_rfm")
        scorer = cls(n_bins=state["n_bins"], cuts=state["cuts"])
        scorer.cuts_ = state["cuts_"]
        return scorer


def name_segments(scores: pd.DataFrame, segments: Sequence[Segment]) -> pd.Series:
    """The segment of each row of scores: the first whose `when` holds; the last one holds for everyone.

    Raises
    ------
    PolicyError
        If the rules are not complete, or name a score that does not exist.

    Examples
    --------
    >>> from crcm_lib.config.bands import Band
    >>> segments = [
    ...     Segment(name="recent", when={"recency_score": Band(at_least=4)}, because="came lately"),
    ...     Segment(name="others", because="everyone else"),
    ... ]
    >>> name_segments(pd.DataFrame({"recency_score": [5, 4, 3]}), segments).to_list()
    ['recent', 'recent', 'others']
    """
    if problems := find_segment_problems(segments, scores.columns):
        raise PolicyError(list_problems("rfm.segments", problems))
    held = [all_hold(segment.when, scores).to_numpy() for segment in segments]
    names = np.array([segment.name for segment in segments], dtype=object)
    first = np.argmax(np.stack(held), axis=0) if len(scores) else np.empty(0, dtype=int)
    return pd.Series(names[first], index=scores.index, name="segment", dtype="str")


def find_segment_problems(segments: Sequence[Segment], scores: Sequence[str]) -> list[str]:
    """Problems of the rules: none given, no last one for everyone, a name twice, an unknown score."""
    if not segments:
        return [_("list at least one segment")]
    problems = [
        f"{segment.name}: {unknown_name('score', score, scores)}"
        for segment in segments
        for score in segment.when
        if score not in scores
    ]
    if segments[-1].when:
        problems.append(
            _("{name}: the last segment has a `when`; leave it out, so that everybody has a segment").format(
                name=segments[-1].name
            )
        )
    for place, segment in enumerate(segments[:-1]):
        if not segment.when:
            problems.append(
                _("{name}: has no `when`, so that the {count} after it are never reached").format(
                    name=segment.name, count=len(segments) - place - 1
                )
            )
    names = [segment.name for segment in segments]
    problems += [
        _("{name}: named twice").format(name=name) for name in sorted(set(names)) if names.count(name) > 1
    ]
    return problems


def tabulate_cuts(scorer: RFMScorer) -> pd.DataFrame:
    """The cut points of a fitted scorer, in each column's own unit.

    Returns
    -------
    Indexed by `column`: `more_is_better`, then `cut_1`, `cut_2`, … A customer's score is one plus the number
    of cut points that they are better than.
    """
    check_is_fitted(scorer)
    cuts = pd.DataFrame({column: pd.Series(points) for column, points in scorer.cuts_.items()}).T
    cuts.columns = [f"cut_{place + 1}" for place in cuts]
    cuts.insert(0, "more_is_better", [SCORES[column][1] for column in cuts.index])
    return cuts.rename_axis("column")


def segment_customers(customers: pd.DataFrame, absence: pd.DataFrame, rules: RFM) -> pd.Series:
    """Each buyer's segment on a day, by cut points learned on that day, or those that the rules give.

    Parameters
    ----------
    customers
        Buyers as known on the day.
    absence
        From `lifecycle.grade_absence`, of at least these customers.
    rules
        The policy's `rfm`.
    """
    scores = RFMScorer(n_bins=rules.bins, cuts=rules.cuts).fit_transform(customers)
    return name_segments(scores.join(absence), rules.segments)


@dataclass(frozen=True)
class SegmentMoves:
    """How many of a day's buyers are in another segment now, beside how many had nobody changed.

    Attributes
    ----------
    buyers
        Who had bought by the comparison day; of many a sample.
    moved, by_chance
        The share of them in another segment, and the share by chance alone; NaN where that cannot be told.
    verdict
        "more" than by chance, "as_by_chance", "cannot_tell" of fewer than 30, or "short_history".
    """

    buyers: int
    moved: float
    by_chance: float
    verdict: str
    sampled: bool = False


def judge_moves(moved: np.ndarray, *, days_before: int, sampled: bool = False) -> SegmentMoves:
    """Whether more buyers changed segment than chance alone would have moved.

    That fewer did is not said: of customers with a regular rhythm the redrawn histories move too many.

    Parameters
    ----------
    moved
        From `redrawn_histories.gather_copies`: 1 where the segment changed.
    days_before
        Of history up to the comparison day; of fewer than 28 hardly anybody can have come back, and scores
        and segments are those of a first purchase.
    sampled
        Whether these are not all who had bought by then.
    """
    share = float(moved[:, 0].mean()) if len(moved) else float("nan")
    if days_before < MIN_DAYS_BEFORE:
        return SegmentMoves(len(moved), float("nan"), float("nan"), "short_history")
    if len(moved) < MIN_CUSTOMERS:
        return SegmentMoves(len(moved), share, float("nan"), "cannot_tell", sampled)
    excess, _error, p = exceed_copies(moved)
    verdict = "more" if excess > 0 and p <= MAX_P else "as_by_chance"
    return SegmentMoves(len(moved), share, float(moved[:, 1:].mean()), verdict, sampled)


def count_moves(now: pd.Series, before: pd.Series, order: Sequence[str]) -> pd.DataFrame:
    """Customers by segment before (rows) and segment now (columns), both in the order given.

    A customer without a segment before is in the row `NOT_YET`.
    """
    earlier = before.reindex(now.index).fillna(NOT_YET)
    moves = pd.crosstab(earlier, now)
    return moves.reindex(index=[*order, NOT_YET], columns=list(order), fill_value=0).rename_axis(
        index="segment_before", columns="segment"
    )


def _quantiles(values: pd.Series, shares: np.ndarray) -> np.ndarray:
    return np.quantile(values.to_numpy(dtype=float), shares) if len(values) else shares[:0]


def _cuts_beaten(values: pd.Series, cuts: Sequence[float], more_is_better: bool) -> np.ndarray:
    """For each value, the number of cut points that it is strictly better than."""
    if more_is_better:
        return np.searchsorted(cuts, values, side="left")
    return len(cuts) - np.searchsorted(cuts, values, side="right")


def _check(customers: pd.DataFrame) -> None:
    """Raise DataError for missing columns and missing values (a prospect has no recency)."""
    problems = [_("{column}: missing").format(column=column) for column in SCORES if column not in customers]
    problems += [
        _("{column}: empty for {gaps} of {rows}; score buyers only (purchases at least 1)").format(
            column=column, gaps=gaps, rows=len(customers)
        )
        for column in SCORES
        if column in customers and (gaps := int(customers[column].isna().sum()))
    ]
    if problems:
        raise DataError(list_problems("customers", problems))


def _find_problems(n_bins: int, given: Mapping[str, Sequence[float]]) -> list[str]:
    problems = [] if n_bins >= 2 else [_("n_bins must be at least 2, got {n}").format(n=n_bins)]
    for column, cuts in given.items():
        if column not in SCORES:
            problems.append(unknown_name("column", column, SCORES))
        elif not cuts or not np.all(np.diff(cuts) > 0) or not np.all(np.isfinite(cuts)):
            message = _("cuts of {column} must be finite and increasing, got {cuts}")
            problems.append(message.format(column=column, cuts=list(cuts)))
    return problems
