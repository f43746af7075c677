"""Early spend of customers: a mean, and a factor for each group of each attribute.

A ridge Poisson regression on few indicators per attribute. The ridge grows with the variance of customers'
spends, so that factors which the data do not support are close to 1.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

MIN_PER_LEVEL = 30  # customers in an indicator, at least
MAX_LEVELS = 12  # of a text attribute; the rest are one level
NUMBER_GROUPS = {"first_amount": 5}  # equal groups that a number is cut into
OTHER_NUMBER_GROUPS = 3
PRIOR_SD_LOG = 0.5  # standard deviation of the prior of a log factor; exp(0.5) = 1.6
MIN_VARIANCE = 0.01  # residual variance over mean of spend / mean spend, at least
MIN_LOG_FACTOR = 0.05  # smaller log factors are not given as a reason
OTHER = "other"
REASON_KINDS = {"reason": "str"} | {
    f"{part}_{place}": "float64" if part == "factor" else "str"
    for place in (1, 2)
    for part in ("attribute", "level", "factor")
}


@dataclass(frozen=True)
class Attribute:
    """One attribute's groups, and the log factor of each against the average customer.

    Attributes
    ----------
    name
        The column.
    cuts
        Of a number: group k holds those at or above k of the cuts, in the attribute's own unit.
    levels
        Of text: one group for each, and where there is one log factor more, a last one for all others.
    log_factors
        One per group.
    """

    name: str
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    log_factors: tuple[float, ...] = ()

    @property
    def groups(self) -> int:
        """The number of groups."""
        return len(self.log_factors)

    def find_groups(self, facts: pd.DataFrame) -> np.ndarray:
        """Each customer's group; -1 where it is unknown: no such column, no number, a level never seen."""
        if self.name not in facts:
            return np.full(len(facts), -1)
        if self.cuts:
            values = pd.to_numeric(facts[self.name]).to_numpy(float)
            return np.where(np.isnan(values), -1, np.searchsorted(self.cuts, values, side="right"))
        places = pd.Index(self.levels).get_indexer(_as_text(facts[self.name]))
        return np.where(places < 0, len(self.levels) if self.groups > len(self.levels) else -1, places)

    def sum_log_factors(self, facts: pd.DataFrame) -> np.ndarray:
        """Each customer's log factor; 0 where the group is unknown."""
        return np.append(self.log_factors, 0.0)[self.find_groups(facts)]

    def name_group(self, group: int) -> str:
        """The group as an interval, like "≥ 20, < 40", or as its level; `other` where it has none."""
        if not self.cuts:
            return self.levels[group] if group < len(self.levels) else OTHER
        low = [f"≥ {self.cuts[group - 1]:,.4g}"] if group else []
        high = [f"< {self.cuts[group]:,.4g}"] if group < len(self.cuts) else []
        return ", ".join(low + high)


@dataclass(frozen=True)
class PoissonModel:
    """Expected early spend: the mean times the factors of a customer's groups.

    Attributes
    ----------
    mean
        Mean spend of the customers that it was fitted on, in currency: the naive baseline.
    customers
        How many these were.
    intercept
        Log factor of the average customer on `mean`.
    attributes
        Those with factors. None: everybody is expected to spend the mean.
    borders
        Tertiles of these customers' own predictions, in currency: modest up to the first, promising above the
        second.
    """

    mean: float
    customers: int
    intercept: float = 0.0
    attributes: tuple[Attribute, ...] = ()
    borders: tuple[float, float] = (-np.inf, np.inf)

    def predict(self, facts: pd.DataFrame) -> np.ndarray:
        """Expected spend of each customer, in currency."""
        total = np.full(len(facts), self.intercept)
        for attribute in self.attributes:
            total += attribute.sum_log_factors(facts)
        return self.mean * np.exp(total)

    def explain(self, facts: pd.DataFrame) -> pd.DataFrame:
        """The two attributes that change each customer's expectation most.

        Returns
        -------
        Indexed like `facts`: `reason`, an id: `attributes`, `close_to_mean` (no factor differs from 1 by
        5 %), `mean_of_all` (there are no factors) or `no_earlier_customers`; `attribute_1`, the column whose
        log factor is furthest from 0, `level_1`, the customer's group in it, `factor_1`; likewise
        `attribute_2`, `level_2`, `factor_2`; empty where there is no such attribute.
        """
        if not self.attributes:
            reason = "mean_of_all" if self.customers else "no_earlier_customers"
            return _as_reasons([(reason, [])], np.zeros(len(facts), dtype=int), facts.index)
        groups = np.column_stack([attribute.find_groups(facts) for attribute in self.attributes])
        different, which = np.unique(groups, axis=0, return_inverse=True)
        return _as_reasons([self._explain_groups(row) for row in different], which.ravel(), facts.index)

    def _explain_groups(self, groups: np.ndarray) -> tuple[str, list[tuple[str, str, float]]]:
        logs = np.array(
            [
                attribute.log_factors[group] if group >= 0 else 0.0
                for attribute, group in zip(self.attributes, groups, strict=True)
            ]
        )
        largest = [k for k in np.argsort(-abs(logs), kind="stable")[:2] if abs(logs[k]) >= MIN_LOG_FACTOR]
        named = [(self.attributes[k].name, self.attributes[k].name_group(groups[k])) for k in largest]
        factors = [(*name, float(np.exp(logs[k]))) for k, name in zip(largest, named, strict=True)]
        return "attributes" if factors else "close_to_mean", factors

    def to_state(self) -> dict:
        """The fitted model for JSON; an unknown mean and infinite borders become empty."""
        mean = self.mean if np.isfinite(self.mean) else None
        borders = [border if np.isfinite(border) else None for border in self.borders]
        return asdict(self) | {"borders": borders, "mean": mean}

    @classmethod
    def from_state(cls, state: dict) -> "PoissonModel":
        """The model that `to_state` wrote."""
        listed = [{k: v if k == "name" else tuple(v) for k, v in one.items()} for one in state["attributes"]]
        low, high = state["borders"]
        borders = (-np.inf if low is None else low, np.inf if high is None else high)
        mean = np.nan if state["mean"] is None else state["mean"]
        attributes = tuple(Attribute(**one) for one in listed)
        return cls(**{**state, "attributes": attributes, "borders": borders, "mean": mean})


def _as_reasons(reasons: list, which: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """The reason of each row, spread over columns; `which` is its place among the different reasons."""
    rows = []
    for reason, factors in reasons:
        row = {"reason": reason}
        for place, (attribute, level, factor) in enumerate(factors, start=1):
            row |= {f"attribute_{place}": attribute, f"level_{place}": level, f"factor_{place}": factor}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(REASON_KINDS)).astype(REASON_KINDS).iloc[which].set_axis(index)


def fit_poisson(facts: pd.DataFrame, spend: np.ndarray, *, names: list[str]) -> PoissonModel:
    """Fit early spend on attributes that were known before.

    Parameters
    ----------
    facts
        One row per customer: the attributes `names`, numbers or text.
    spend
        Each customer's later spend, in currency; below zero counts as nothing.
    names
        Columns of `facts`.

    Returns
    -------
    The mean, with factors for each attribute of which at least two groups have enough customers.
    """
    spend = spend.clip(0)
    baseline = fit_mean(spend)
    attributes = [one for name in names if (one := cut_into_groups(facts[name])) is not None]
    if not baseline.mean > 0 or not attributes or np.ptp(spend) == 0:
        return baseline
    groups = [attribute.find_groups(facts) for attribute in attributes]
    order = np.lexsort((*groups, spend))  # sorted, so that neither row order nor ids can change a digit
    groups = [group[order] for group in groups]
    intercept, fitted = _regress(attributes, groups, spend[order] / baseline.mean)
    model = replace(baseline, intercept=intercept, attributes=fitted)
    low, high = np.quantile(model.predict(facts), [1 / 3, 2 / 3], method="inverted_cdf")
    return replace(model, borders=(float(low), float(high)))


def fit_mean(spend: np.ndarray) -> PoissonModel:
    """The naive baseline: everybody is expected to spend the mean, in currency; missing for no customers."""
    return PoissonModel(float(np.sort(spend.clip(0)).mean()) if len(spend) else np.nan, len(spend))


def cut_into_groups(values: pd.Series) -> Attribute | None:
    """The groups of an attribute with enough customers; None if there are not two, as in free text."""
    return _cut_numbers(values) if pd.api.types.is_numeric_dtype(values) else _choose_levels(values)


def _cut_numbers(values: pd.Series) -> Attribute | None:
    name, ranked = str(values.name), np.sort(values.dropna().to_numpy(float))
    parts = NUMBER_GROUPS.get(name, OTHER_NUMBER_GROUPS)
    candidates = ranked[len(ranked) * np.arange(1, parts) // parts] if len(ranked) else []
    cuts: list[float] = []
    for cut in np.unique(candidates):
        below, before = np.searchsorted(ranked, cut), np.searchsorted(ranked, cuts[-1]) if cuts else 0
        if min(below - before, len(ranked) - below) >= MIN_PER_LEVEL:
            cuts.append(float(cut))
    return Attribute(name, tuple(cuts), log_factors=(0.0,) * (len(cuts) + 1)) if cuts else None


def _choose_levels(values: pd.Series) -> Attribute | None:
    name, counts = str(values.name), _as_text(values).value_counts()
    counts = counts[counts >= MIN_PER_LEVEL].sort_index().sort_values(ascending=False, kind="stable")
    chosen = counts.head(MAX_LEVELS)
    others = len(values) - int(chosen.sum()) >= MIN_PER_LEVEL
    if chosen.sum() < len(values) / 2 or len(chosen) + others < 2:
        return None
    return Attribute(name, levels=tuple(sorted(chosen.index)), log_factors=(0.0,) * (len(chosen) + others))


def _regress(attributes: list[Attribute], groups: list[np.ndarray], ratio: np.ndarray):
    """Poisson regression of spend / mean; the ridge is a normal prior on log factors, sd `PRIOR_SD_LOG`.

    Returns the intercept, and the attributes with their log factors, each centred on the average customer.
    """
    from sklearn.linear_model import PoissonRegressor

    blocks = [indicate_groups(one, group) for one, group in zip(attributes, groups, strict=True)]
    points, variance = np.hstack(blocks), float(ratio.var())
    for _round in range(2):  # the residual variance, which sets the ridge, is known only after a first fit
        alpha = variance / (len(ratio) * PRIOR_SD_LOG**2)
        ridge = PoissonRegressor(alpha=alpha, solver="newton-cholesky", tol=1e-10, max_iter=200)
        expected = ridge.fit(points, ratio).predict(points)
        variance = max(float(((ratio - expected) ** 2 / expected).mean()), MIN_VARIANCE)
    parts = np.split(ridge.coef_, np.cumsum([block.shape[1] for block in blocks])[:-1])
    intercept, fitted = float(ridge.intercept_), []
    for one, block, part in zip(attributes, blocks, parts, strict=True):
        logs = np.append(0.0, np.cumsum(part)) if one.cuts else part
        average = float((block @ part).mean())
        intercept += average
        fitted.append(replace(one, log_factors=tuple(float(log - average) for log in logs)))
    return intercept, tuple(fitted)


def indicate_groups(attribute: Attribute, groups: np.ndarray) -> np.ndarray:
    """Indicators: of a number "at or above cut k", of text one per group; the average where unknown."""
    numbers = np.arange(attribute.groups)
    indicators = groups[:, None] >= numbers[1:] if attribute.cuts else groups[:, None] == numbers
    indicators = indicators.astype(float)
    unknown = groups < 0
    indicators[unknown] = indicators[~unknown].mean(axis=0)
    return indicators


def _as_text(values: pd.Series) -> pd.Series:
    return values.astype("str").where(values.notna(), "")
