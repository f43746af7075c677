"""Those in a programme beside others who were like them when the comparison began: what differs, no cause."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.permutation import compare_means
from crcm_lib.stats import holm

BINS = 4  # of a number, by quantiles of those in the programme
MIN_PER_ARM = 2  # customers of both kinds in a stratum
MIN_MATCHED = 30  # of both kinds, else nothing is compared


@dataclass(frozen=True)
class MatchedComparison:
    """What came of members and of others like them.

    Attributes
    ----------
    measures
        One row per outcome: `measure`, `members` and `others` (means, the others weighted as the members are
        spread over the strata), `difference` with its 95 % interval `low`, `high`, adjusted for what still
        differs within strata, `p` (all outcomes counted, Holm), `unmatched` (the difference of the plain
        means, nobody matched). No rows where too few could be matched.
    balance
        One row per number matched on: `number`, `before` and `after` (standardised mean difference without
        and with the matching; Austin 2009, Statistics in Medicine 28, 3083-3107, takes .1 as balanced).
    members, matched_members, others, matched_others
        How many customers.
    """

    measures: pd.DataFrame
    balance: pd.DataFrame
    members: int
    matched_members: int
    others: int
    matched_others: int


NOTHING = MatchedComparison(pd.DataFrame(), pd.DataFrame(), 0, 0, 0, 0)


def compare_matched(
    outcomes: pd.DataFrame,
    is_member: pd.Series,
    state: pd.DataFrame,
    *,
    numbers: Sequence[str],
    words: Sequence[str] = (),
    seed: int = 0,
) -> MatchedComparison:
    """Compare members with others of the same stratum, and adjust for what differs within it.

    Coarsened exact matching (Iacus, King & Porro 2012, Political Analysis 20, 1-24): strata are crossed bins
    of what was known when the comparison began, those with members and others are kept, and the others are
    weighted as the members are spread. What is left of the numbers within strata is taken out by least
    squares (Ho, Imai, King & Stuart 2007, Political Analysis 15, 199-236). p and interval come from
    permuting within strata.

    Parameters
    ----------
    outcomes
        What came after, by customer: one column per measure.
    is_member
        Whether each was a member when the comparison began.
    state
        What was known then, by customer; whoever lacks a number is in a stratum of their own kind.
    numbers, words
        Columns of `state` to match on.
    seed
        Of the permutations.
    """
    joined = is_member.to_numpy(bool)
    strata = _cross(state, joined, numbers, words)
    sizes = (
        pd.DataFrame({"stratum": strata, "joined": joined}).groupby("stratum")["joined"].agg(["sum", "size"])
    )
    both = sizes.index[(sizes["sum"] >= MIN_PER_ARM) & (sizes["size"] - sizes["sum"] >= MIN_PER_ARM)]
    kept = np.isin(strata, both)
    known = np.log1p(state[list(numbers)].astype("float64").clip(lower=0)).fillna(0.0)
    counts = (
        int(joined.sum()),
        int((joined & kept).sum()),
        int((~joined).sum()),
        int((~joined & kept).sum()),
    )
    if min(counts[1], counts[3]) < MIN_MATCHED:
        return MatchedComparison(pd.DataFrame(), pd.DataFrame(), *counts)
    arms, of = joined[kept], strata[kept]
    weights = _weigh(arms, of)
    rows = []
    for measure in outcomes:
        values = outcomes[measure].to_numpy("float64")
        adjusted = _adjust(values[kept], known.to_numpy()[kept], arms, of)
        found = compare_means(adjusted, arms, of, claims=outcomes.shape[1], seed=seed)
        members, others = values[kept][arms].mean(), np.average(values[kept][~arms], weights=weights[~arms])
        row = {"measure": measure, "members": members, "others": others, **found._asdict()}
        rows.append(row | {"unmatched": values[joined].mean() - values[~joined].mean()})
    measures = pd.DataFrame(rows).drop(columns="smallest_p")
    measures["p"] = holm(measures["p"].to_numpy("float64"))
    return MatchedComparison(measures, _balance(known, joined, kept, weights), *counts)


def _cross(
    state: pd.DataFrame, joined: np.ndarray, numbers: Sequence[str], words: Sequence[str]
) -> np.ndarray:
    """The stratum of each customer, as a number."""
    parts = {word: state[word].astype("object").fillna("") for word in words}
    for number in numbers:
        values = state[number].astype("float64")
        edges = np.unique(values[joined].dropna().quantile(np.linspace(0, 1, BINS + 1)[1:-1]))
        parts[number] = pd.Series(np.searchsorted(edges, values, side="left"), state.index).where(
            values.notna(), -1
        )
    return pd.DataFrame(parts).groupby(list(parts), sort=True, dropna=False).ngroup().to_numpy()


def _weigh(arms: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """1 for a member; for others members over others of the stratum."""
    members = pd.Series(arms).groupby(strata).transform("sum").to_numpy("float64")
    others = pd.Series(~arms).groupby(strata).transform("sum").to_numpy("float64")
    return np.where(arms, 1.0, members / others)


def _adjust(values: np.ndarray, known: np.ndarray, arms: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """The outcome less what the numbers explain within strata and arms, so that the arms stay apart."""
    cells = pd.Series(strata).astype(str) + "|" + pd.Series(arms).astype(str)

    def centre(column: np.ndarray) -> np.ndarray:
        return column - pd.Series(column).groupby(cells).transform("mean").to_numpy()

    both = np.column_stack([known, np.expm1(known)])  # the logarithms and the numbers themselves
    within = np.column_stack([centre(column) for column in both.T])
    slopes, *_rest = np.linalg.lstsq(within, centre(values), rcond=None)
    return values - both @ slopes


def _balance(known: pd.DataFrame, joined: np.ndarray, kept: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    arms, rows = joined[kept], []
    for number in known:
        values = known[number].to_numpy()
        spread = np.sqrt((values[joined].var() + values[~joined].var()) / 2) or 1.0
        matched = values[kept]
        after = matched[arms].mean() - np.average(matched[~arms], weights=weights[~arms])
        before = values[joined].mean() - values[~joined].mean()
        rows.append({"number": number, "before": before / spread, "after": after / spread})
    return pd.DataFrame(rows)
