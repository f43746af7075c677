"""Indicators -> points: scales are learned once and kept, every later customer is measured with them."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from crcm_lib.config.bands import Strict
from crcm_lib.config.policy import Condition, Criterion, Indicator, Policy
from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.schema import learned_state

SCHEMA_VERSION = 1  # of the JSON of a ScorecardModel
KNOTS = 200  # places kept of a learned percentile curve, half a percentile apart
FULL_POINTS_SHARE = 0.99  # of the customers have less than the amount that has 100 points
VARIATION = 0.10  # how far each criterion's weight is moved, to see how firm a tier is


class Scale(Strict):
    """How a raw number becomes points: straight lines between knots, level outside; or words."""

    raw: tuple[float, ...] = ()
    points: tuple[float, ...] = ()
    levels: dict[str, float] | None = None

    def reach(self, points: np.ndarray) -> np.ndarray:
        """The raw numbers nearest to the present ones that have so many points; NaN: none, or words.

        >>> Scale(raw=(0.0, 10.0), points=(0.0, 100.0)).reach(np.array([40, 101]))
        array([ 4., nan])
        """
        if self.levels is not None or not self.points:
            return np.full(len(points), np.nan)
        rises = self.points[-1] >= self.points[0]
        line = (self.points, self.raw) if rises else (self.points[::-1], self.raw[::-1])
        return np.where(points > max(self.points), np.nan, np.interp(points, *line))

    def measure(self, values: pd.Series) -> pd.Series:
        """Points of 0…100; unknown stays unknown, and so does a word without points."""
        if self.levels is not None:
            return values.map(self.levels).astype("float64")
        raw = values.astype("float64")
        points = pd.Series(np.interp(raw, self.raw, self.points), index=values.index)
        return points.where(raw.notna()).round(6)


class Cutoff(Strict):
    """The points that a tier asks of a criterion or of the score.

    Nobody reaches a cutoff whose `at_least` is None; without `below` there is no upper limit.
    """

    at_least: float | None = 0.0
    below: float | None = None


class ScorecardModel(Strict):
    """What 08 learned: scales of the indicators the data have, and the tiers' cutoffs in points.

    `weights[0]` and `cutoffs[0]` are the policy's, over what the data have. The others are weight variations:
    each criterion alone 10 % up, then down, in order; after those, all of them together in every combination.
    """

    policy_version: int
    learned_on: str
    customers: int
    scales: dict[str, Scale]
    weights: tuple[dict[str, float], ...]
    cutoffs: tuple[dict[str, dict[str, Cutoff]], ...]

    def withhold(self, tiers: Iterable[str]) -> "ScorecardModel":
        """The same, but nobody reaches these tiers: their customers have the next whose conditions hold."""
        withheld = set(tiers)
        cutoffs = tuple(
            {
                name: dict.fromkeys(asked, Cutoff(at_least=None)) if name in withheld else asked
                for name, asked in each.items()
            }
            for each in self.cutoffs
        )
        return self.model_copy(update={"cutoffs": cutoffs})

    def list_withheld(self) -> list[str]:
        """The tiers that nobody reaches, whatever the points."""
        return [
            tier
            for tier, asked in self.cutoffs[0].items()
            if asked and any(cutoff.at_least is None for cutoff in asked.values())
        ]

    def to_json(self) -> str:
        """The learned state as JSON."""
        state = self.model_dump(mode="json")
        ordered = {"criteria": list(self.weights[0]), "tiers": list(self.cutoffs[0])}
        return learned_state.to_json(state | ordered, SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "ScorecardModel":
        """The learned state that `to_json` wrote; DataError if another release did."""
        kind, notebook = "scorecard", "08_classification"
        state = learned_state.from_json(text, SCHEMA_VERSION, model=kind, notebook=notebook)
        criteria, tiers = state.pop("criteria"), state.pop("tiers")
        state["weights"] = [{name: each[name] for name in criteria} for each in state["weights"]]
        state["cutoffs"] = [{name: each[name] for name in tiers} for each in state["cutoffs"]]
        return cls.model_validate(state)


def gather_indicators(policy: Policy, **frames: pd.DataFrame) -> pd.DataFrame:
    """The raw indicators of every customer, one column per indicator that the data have.

    Parameters
    ----------
    policy
        Names each indicator's table and column.
    frames
        Tables by name, indexed by `customer_id`; `customer_features` says who there is. An indicator is left
        out where its table or column is absent or empty, or holds words to which the policy gives no points;
        a customer without a row is unknown, not zero.

    Raises
    ------
    DataError
        If the data have none of the policy's indicators.
    """
    everyone = frames["customer_features"].index
    columns = {
        indicator.name: _read(frames[indicator.table][indicator.column].reindex(everyone), indicator)
        for criterion in policy.criteria
        for indicator in criterion.indicators
        if indicator.column in frames.get(indicator.table, ())
    }
    raw = pd.DataFrame(columns, index=everyone).dropna(axis="columns", how="all")
    if raw.columns.empty:
        raise DataError(
            _("customer_features: none of the policy's indicators is there; see `criteria` in the policy")
        )
    return raw


def _read(values: pd.Series, indicator: Indicator) -> pd.Series:
    """The column as the indicator scores it: words where it has `levels`, else numbers, be they written out.

    All unknown where numbers are asked and some are words.
    """
    if indicator.levels is not None:
        return values.astype("str").where(values.notna())
    if pd.api.types.is_numeric_dtype(values):
        return values
    numbers = pd.to_numeric(values, errors="coerce")
    is_of_numbers = numbers.notna().equals(values.notna())
    return numbers.astype("float64") if is_of_numbers else pd.Series(np.nan, index=values.index)


def fit_scorecard(raw: pd.DataFrame, policy: Policy, *, learned_on: str) -> ScorecardModel:
    """Learn scales and cutoffs from these customers (the buyers), to keep.

    A condition given as `top_share` becomes the lowest points that at most this share of these customers
    reach; where ties let more of them reach even the best points, nobody does.
    """
    scales = {
        indicator.name: fit_scale(raw[indicator.name], indicator)
        for criterion in policy.criteria
        for indicator in criterion.indicators
        if indicator.name in raw
    }
    weights = _vary_weights(criterion_weights(raw, policy))
    without_cutoffs = ScorecardModel(
        policy_version=policy.version,
        learned_on=learned_on,
        customers=len(raw),
        scales=scales,
        weights=tuple(weights),
        cutoffs=(),
    )
    card = score(raw, policy, without_cutoffs)
    cutoffs = tuple(_fit_cutoffs(card.assign(score=weigh(card, variation)), policy) for variation in weights)
    return without_cutoffs.model_copy(update={"cutoffs": cutoffs})


def refit_cutoffs(
    card: pd.DataFrame, policy: Policy, model: ScorecardModel, weights: dict[str, float]
) -> ScorecardModel:
    """The model with these weights of the criteria, and cutoffs learned anew from these customers."""
    cutoffs = _fit_cutoffs(card.assign(score=weigh(card, weights)), policy)
    return model.model_copy(update={"weights": (weights,), "cutoffs": (cutoffs,)})


def score(raw: pd.DataFrame, policy: Policy, model: ScorecardModel) -> pd.DataFrame:
    """The scorecard: `points_<indicator>`, one column per criterion (both 0…100), `weight_known`, `score`.

    What is unknown of a customer is left out of that customer's means, and `weight_known` (0…1) says how much
    of the weight is known; a customer of whom nothing is known has 0 points.
    """
    card, known = pd.DataFrame(index=raw.index), pd.Series(0.0, index=raw.index)
    for criterion in policy.criteria:
        names = [indicator.name for indicator in criterion.indicators if indicator.name in model.scales]
        if not names:
            continue
        for name in names:
            values = raw[name] if name in raw else pd.Series(np.nan, index=raw.index)
            card[f"points_{name}"] = model.scales[name].measure(values)
        shares = {indicator.name: indicator.weight for indicator in criterion.indicators}
        card[criterion.name], measured = mean_points({name: card[f"points_{name}"] for name in names}, shares)
        known += model.weights[0][criterion.name] * measured / sum(shares[name] for name in names)
    return card.assign(weight_known=known.clip(0, 1).round(6), score=weigh(card, model.weights[0]))


def change_points(
    card: pd.DataFrame, criterion: Criterion, name: str, points: pd.Series, model: ScorecardModel
) -> pd.DataFrame:
    """What a scorecard would say of its criteria and of the `score` if one indicator had these points.

    The same as `score` of other raw numbers, without measuring the indicators that stay as they are.
    """
    names = [indicator.name for indicator in criterion.indicators if indicator.name in model.scales]
    shares = {indicator.name: indicator.weight for indicator in criterion.indicators}
    of_criterion = {each: points if each == name else card[f"points_{each}"] for each in names}
    changed = card[list(model.weights[0])].assign(**{criterion.name: mean_points(of_criterion, shares)[0]})
    return changed.assign(score=weigh(changed, model.weights[0]))


def weigh(card: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    """The weighted score of a scorecard's criteria, over those known of each customer."""
    total, _measured = mean_points({name: card[name] for name in weights}, weights)
    return total.fillna(0.0)


def mean_points(points: dict[str, pd.Series], weights: dict[str, float]) -> tuple[pd.Series, pd.Series]:
    """Weighted mean over what is known, and the weight of what is known.

    Added column by column, so that a customer's score never depends on the other rows.
    """
    index = next(iter(points.values())).index
    total, measured = np.zeros(len(index)), np.zeros(len(index))
    for name, values in points.items():
        numbers = values.to_numpy("float64")
        is_known = ~np.isnan(numbers)
        total = total + np.where(is_known, numbers, 0.0) * weights[name]
        measured = measured + is_known * weights[name]
    mean = total / np.where(measured > 0, measured, np.nan)
    return pd.Series(mean, index=index).round(6), pd.Series(measured, index=index)


def fit_scale(values: pd.Series, indicator: Indicator) -> Scale:
    """How the raw numbers of one indicator become 0…100 points, learned from the values given."""
    if indicator.levels is not None:
        return Scale(levels=dict(indicator.levels))
    if indicator.points is not None:
        anchors = tuple(zip(*indicator.points, strict=True))
        return Scale(raw=anchors[0], points=anchors[1])
    counts = values.dropna().astype("float64").value_counts().sort_index()
    if counts.empty:  # nobody to learn from: everyone in the middle
        return Scale(raw=(0.0,), points=(50.0,))
    if indicator.scale == "proportional":
        full = float(np.quantile(values.dropna().astype("float64"), FULL_POINTS_SHARE))
        return Scale(raw=(0.0, full), points=(0.0, 100.0)) if full > 0 else Scale(raw=(0.0,), points=(0.0,))
    percentiles = 100 * (counts.cumsum() - counts / 2) / counts.sum()
    step = (percentiles * KNOTS / 100).astype("int64")
    kept = (step.diff() != 0) | (percentiles == percentiles.iloc[-1])
    points = percentiles if indicator.better == "higher" else 100 - percentiles
    return Scale(raw=tuple(percentiles.index[kept]), points=tuple(points[kept]))


def _fit_cutoffs(card: pd.DataFrame, policy: Policy) -> dict[str, dict[str, Cutoff]]:
    return {
        tier.name: {column: _fit_cutoff(card, column, condition) for column, condition in tier.when.items()}
        for tier in policy.tiers
    }


def _fit_cutoff(card: pd.DataFrame, column: str, condition: Condition) -> Cutoff:
    if column not in card:  # nobody meets a condition on what the data do not have
        return Cutoff(at_least=None)
    if condition.top_share:
        return Cutoff(at_least=_fit_top_share(card[column], condition.top_share))
    return Cutoff(at_least=condition.at_least or 0.0, below=condition.below)


def _fit_top_share(points: pd.Series, share: float) -> float | None:
    """The lowest points that at most `share` of the customers reach; None where more reach even the best.

    >>> _fit_top_share(pd.Series([10.0, 20.0, 30.0, 40.0]), 0.5)
    30.0
    >>> _fit_top_share(pd.Series([10.0, 40.0, 40.0, 40.0]), 0.5) is None
    True
    """
    counts = points.value_counts().sort_index(ascending=False)
    reached = counts.index[counts.cumsum() <= share * len(points) + 1e-9]
    return float(reached[-1]) if len(reached) else None


def criterion_weights(raw: pd.DataFrame, policy: Policy) -> dict[str, float]:
    """The share of the score of each criterion of which the data have an indicator, by the objective."""
    shares = policy.weights
    here = {
        criterion.name: shares[criterion.name]
        for criterion in policy.criteria
        if indicator_weights(raw, criterion)
    }
    return {name: weight / sum(here.values()) for name, weight in here.items()}


def indicator_weights(raw: pd.DataFrame, criterion: Criterion) -> dict[str, float]:
    """The share of each indicator that the data have in its criterion."""
    here = {indicator.name: indicator.weight for indicator in criterion.indicators if indicator.name in raw}
    return {name: weight / sum(here.values()) for name, weight in here.items()}


def _vary_weights(weights: dict[str, float]) -> list[dict[str, float]]:
    """The weights; each criterion alone 10 % up and down; then all at once, every combination. Sums: 1."""
    alone = [{name: sign} for name in weights for sign in (1 + VARIATION, 1 - VARIATION)]
    together = [
        dict(zip(weights, signs, strict=True))
        for signs in product((1 + VARIATION, 1 - VARIATION), repeat=len(weights))
    ]
    varied = [weights]
    for moves in alone + together:
        moved = {name: weight * moves.get(name, 1.0) for name, weight in weights.items()}
        varied.append({name: weight / sum(moved.values()) for name, weight in moved.items()})
    return varied
