"""Weights of criteria by the methods of the literature: from how points spread, or from comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Mean consistency index of random reciprocal matrices of 1, 2, … 10 criteria: Saaty (1980), table 1.
RANDOM_INDEX = (0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)
CONSISTENT = 0.10  # the consistency ratio up to which Saaty takes comparisons as they are


def weigh_by_entropy(points: pd.DataFrame) -> dict[str, float]:
    """A criterion weighs more, the less evenly its points are spread over the customers.

    One less Shannon's entropy of each customer's share of the points, over its most (Hwang & Yoon 1981,
    Multiple Attribute Decision Making, section 3.1.1.2). Of each criterion those customers count of whom it
    is known.

    Parameters
    ----------
    points
        One column per criterion, zero or above; unknown is missing.

    Returns
    -------
    The weight of each criterion, in all 1; equal ones where all are spread evenly.

    Examples
    --------
    >>> weigh_by_entropy(pd.DataFrame({"even": [50.0, 50.0], "uneven": [0.0, 100.0]}))
    {'even': 0.0, 'uneven': 1.0}
    """
    spread = {}
    for name in points.columns.astype("str"):
        known = points[name].dropna().to_numpy(float)
        shares = known[known > 0] / known.sum() if known.sum() > 0 else np.array([])
        entropy = -(shares * np.log(shares)).sum() / np.log(len(known)) if len(known) > 1 else 1.0
        spread[name] = max(round(float(1.0 - entropy), 12), 0.0) if len(shares) else 0.0
    return _share(spread)


def weigh_by_critic(points: pd.DataFrame) -> dict[str, float]:
    """A criterion weighs more, the more its points differ and the less the other criteria say the same.

    CRITIC (Diakoulaki, Mavrotas & Papayannakis 1995, Computers & Operations Research 22, 763-770): the
    standard deviation of the points, from 0 for the least to 1 for the most, times the sum over all criteria
    of 1 less the correlation. A correlation is taken over the customers of whom both are known; one that
    cannot be computed counts as 0.

    Parameters
    ----------
    points
        One column per criterion; unknown is missing.

    Returns
    -------
    The weight of each criterion, in all 1; equal ones where nothing differs.
    """
    spans = points.max() - points.min()
    scaled = (points - points.min()) / spans.where(spans > 0)
    conflict = (1 - scaled.corr().fillna(0.0)).to_numpy(copy=True)
    np.fill_diagonal(conflict, 0.0)
    spread = scaled.std(ddof=0).fillna(0.0).to_numpy() * conflict.sum(axis=1)
    return _share(dict(zip(points.columns.astype("str"), spread.tolist(), strict=True)))


@dataclass(frozen=True)
class ComparedWeights:
    """Weights from pairwise comparisons, and how far these agree with each other.

    `consistency_ratio` is 0 where they agree; above 0.10 Saaty would have them looked at again.
    """

    weights: dict[str, float]
    consistency_ratio: float

    @property
    def is_consistent(self) -> bool:
        """Whether the comparisons agree well enough to be taken as they are."""
        return self.consistency_ratio <= CONSISTENT


def weigh_by_comparisons(matrix: pd.DataFrame) -> ComparedWeights:
    """The analytic hierarchy process: weights that explain best how criteria compare in pairs.

    The principal eigenvector of the matrix, and its consistency ratio: (λ − n) / (n − 1) over the mean of
    random matrices of that size (Saaty 1980, The Analytic Hierarchy Process, chapter 3).

    Parameters
    ----------
    matrix
        From `complete`: how many times more the criterion of the row matters than that of the column.

    Examples
    --------
    >>> found = weigh_by_comparisons(complete({"a": {"b": 3.0}}, ["a", "b"]))
    >>> {name: round(weight, 6) for name, weight in found.weights.items()}, found.consistency_ratio
    ({'a': 0.75, 'b': 0.25}, 0.0)
    """
    values, vectors = np.linalg.eig(matrix.to_numpy(float))
    first = int(np.argmax(values.real))
    weights, count = np.abs(vectors[:, first].real), len(matrix)
    index = (values[first].real - count) / (count - 1) if count > 1 else 0.0
    random = RANDOM_INDEX[min(count, len(RANDOM_INDEX)) - 1]
    ratio = round(max(index, 0.0) / random, 6) if random else 0.0
    return ComparedWeights(
        dict(zip(matrix.columns.astype("str"), (weights / weights.sum()).tolist(), strict=True)), ratio
    )


def complete(comparisons: Mapping[str, Mapping[str, float]], criteria: list[str]) -> pd.DataFrame:
    """The reciprocal matrix of comparisons, each pair given once, over these criteria.

    Parameters
    ----------
    comparisons
        Row, column: how many times more the first matters, from 1/9 to 9.
    criteria
        In the order wanted; the policy's check has made sure that all their pairs are compared.
    """
    matrix = pd.DataFrame(np.eye(len(criteria)), index=criteria, columns=criteria)
    for one, others in comparisons.items():
        for other, times in others.items():
            if one in matrix and other in matrix:
                matrix.loc[one, other], matrix.loc[other, one] = times, 1 / times
    return matrix


def _share(numbers: dict[str, float]) -> dict[str, float]:
    """The numbers as shares of their sum; equal ones where it is 0."""
    total = sum(numbers.values())
    return {name: number / total if total > 0 else 1 / len(numbers) for name, number in numbers.items()}
