"""How customers stand on two days, so that only what they did since moves them; and redrawn histories alike.

Where an earlier run published tiers, these are compared with today's, and the redrawn histories of either day
are measured with what that day's run had learned. Where there is none, both days are measured with what was
learned today, and the past day's numbers become standings among today's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.approvals import hold_tiers
from crcm_lib.decisions.tiers import bound_tiers
from crcm_lib.features import decision_inputs
from crcm_lib.features.redrawn_histories import split_copies
from crcm_lib.models.churn import measure_decline, measure_rhythm
from crcm_lib.models.clv import ValueModel
from crcm_lib.schema.engine import Engine

TABLES = ("customer_features", "rfm", "value", "churn", "satisfaction", "scorecard", "tiers")
MODELS = ("value", "tiers")
# Of one copy of the customers, those known on both days: the tier proposed then, and the one reached since.
Pair = tuple[pd.Series, pd.Series]
ONLY_GROW = {  # columns that only grow with time: to have more of them than before is no movement
    ("customer_features", column)
    for column in (
        *("purchases", "orders", "products", "categories", "channels", "spend_total", "margin_total"),
        *("days_observed", "days_first_to_last"),
    )
}


@dataclass(frozen=True)
class Standing:
    """Customers of a day: raw indicators, the scorecard made of them, and the tiers that it gives.

    `tiers` has the columns of `tiers.bound_tiers`, `tier_in_force` (of a day without published tiers the one
    proposed) and `score`.
    """

    raw: pd.DataFrame
    card: pd.DataFrame
    tiers: pd.DataFrame


@dataclass(frozen=True)
class Learned:
    """What customers are measured with: the policy, and what 04 and 08 learned."""

    policy: Policy
    value: ValueModel
    scorecard: scorecard.ScorecardModel

    def gather(self, customers: pd.DataFrame, /, **others: pd.DataFrame) -> pd.DataFrame:
        """The raw indicators that purchases show, and those of `others`, tables by name."""
        terms = self.policy.model_dump(include={"horizon_days", "annual_discount_rate", "margin_rate"})
        rhythm = measure_rhythm(customers).join(measure_decline(customers))
        seen = {"customer_features": customers, "value": self.value.predict(customers, **terms)}
        return scorecard.gather_indicators(self.policy, **seen, churn=rhythm, **others)

    def measure(self, raw: pd.DataFrame) -> Standing:
        """How customers with these indicators stand."""
        return self.stand(raw, self.score(raw))

    def score(self, raw: pd.DataFrame) -> pd.DataFrame:
        """The scorecard of these indicators."""
        return scorecard.score(raw, self.policy, self.scorecard)

    def stand(self, raw: pd.DataFrame, card: pd.DataFrame) -> Standing:
        """The same of a scorecard at hand."""
        bounds = bound_tiers(card, self.policy, self.scorecard)
        return Standing(raw, card, bounds.assign(tier_in_force=bounds["tier_proposed"], score=card["score"]))


@dataclass(frozen=True)
class PublishedDay:
    """A day whose tiers a run published, and what they were measured with."""

    standing: Standing
    learned: Learned

    @classmethod
    def read(
        cls,
        policy: Policy,
        engine: Engine,
        tables: Mapping[str, pd.DataFrame],
        models: Iterable[str],
        as_of: pd.Timestamp,
    ) -> Self:
        """From the tables `TABLES` and the models `MODELS`, as JSON, of a run that knew all until `as_of`."""
        value, tiers = models
        learned = Learned(policy, ValueModel.from_json(value), scorecard.ScorecardModel.from_json(tiers))
        known = {**tables, **decision_inputs.derive(engine, as_of=as_of)}
        standing = learned.stand(scorecard.gather_indicators(policy, **known), tables["scorecard"])
        published = tables["tiers"][["tier_proposed", "tier_in_force", "state", "score"]]
        return cls(replace(standing, tiers=standing.tiers.assign(**published)), learned)

    def beside(self, now: "PublishedDay") -> Standing:
        """How its customers stood: as was published."""
        return self.standing

    def place_copies(self, copies: Sequence[pd.DataFrame], now: "PublishedDay") -> list[Pair]:
        """The tiers of redrawn histories on both days, see `MeasuredDay.place_copies`: as those published.

        Each day's copies are measured with what its run had learned, as standings among that day's customers,
        so that each tier has the size that was published.
        """
        then, today = (
            [
                restate(_fill(copy, day.standing.raw), day.standing, day.learned).tiers
                for copy in day.split(drawn)
            ]
            for day, drawn in zip((self, now), copies, strict=True)
        )
        return _pair(then, today, now.learned.policy)

    def split(self, drawn: pd.DataFrame) -> list[pd.DataFrame]:
        """The raw indicators of redrawn histories, a frame for each copy of the customers."""
        copies = split_copies(self.learned.gather(drawn))
        return [copy.loc[copy.index.intersection(self.standing.raw.index)] for copy in copies]


@dataclass(frozen=True)
class MeasuredDay:
    """A day of which no tiers were published: the raw indicators known then, in today's measures."""

    raw: pd.DataFrame

    @classmethod
    def of(cls, engine: Engine, customers: pd.DataFrame, past: pd.Timestamp, now: PublishedDay) -> Self:
        """From the table `customer_features` of that day."""
        return cls(now.learned.gather(customers, **decision_inputs.derive(engine, as_of=past)))

    def beside(self, now: PublishedDay) -> Standing:
        """How its customers stood, with what was learned today, among those known on both days."""
        return restate(self.raw, now.standing, now.learned)

    def place_copies(self, copies: Sequence[pd.DataFrame], now: PublishedDay) -> list[Pair]:
        """The tiers of redrawn histories: proposed on the day, and clearly reached today.

        `copies` are from `summarise_redrawn`, of the day and of today.
        """
        then, today = (now.split(drawn) for drawn in copies)
        after = [restate(copy, now.standing, now.learned) for copy in today]
        before = [
            restate(_fill(copy, self.raw), each, now.learned) for copy, each in zip(then, after, strict=True)
        ]
        tiers_before, tiers_after = ([each.tiers for each in day] for day in (before, after))
        return _pair(tiers_before, tiers_after, now.learned.policy)


def _fill(copy: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """With what purchases do not show."""
    return copy.join(known[known.columns.difference(copy.columns, sort=False)])


def reach(then: pd.DataFrame, now: pd.DataFrame, policy: Policy) -> pd.Series:
    """The tier that each customer known on both days has clearly reached, from the one proposed then.

    Both are `Standing.tiers`.
    """
    both = then.index.intersection(now.index)
    tier, score = then.loc[both, "tier_proposed"], then.loc[both, "score_spared"]
    return hold_tiers(tier, score, now.loc[both], policy)


def _pair(before: Sequence[pd.DataFrame], after: Sequence[pd.DataFrame], policy: Policy) -> list[Pair]:
    reached = [reach(one, other, policy) for one, other in zip(before, after, strict=True)]
    return [(one.loc[each.index, "tier_proposed"], each) for one, each in zip(before, reached, strict=True)]


def restate(raw: pd.DataFrame, now: Standing, learned: Learned) -> Standing:
    """Another day's indicators, or those of redrawn histories, as standings among the same customers now.

    Every number becomes the one that has the same rank among these customers in `now`, and so do the points
    of the criteria and the score: the days' distributions are equal, and a longer look back, a season, or
    growth of all moves nobody. An indicator that only grows with time is as in `now`, and so is what is
    unknown in `raw`.

    Parameters
    ----------
    raw
        From `scorecard.gather_indicators`; customers that are not in `now` are left out.
    now
        What they are compared with.
    learned
        Says which table and column an indicator reads, and scores.
    """
    both = raw.index.intersection(now.raw.index)
    today, points = now.raw.loc[both], now.card.loc[both]
    reads = {
        i.name: (i.table, i.column) for criterion in learned.policy.criteria for i in criterion.indicators
    }
    moving = [str(name) for name in today if name in raw and reads[str(name)] not in ONLY_GROW]
    numbers = [name for name in moving if pd.api.types.is_numeric_dtype(today[name])]
    then = {name: raw.loc[both, name].fillna(today[name]) for name in numbers}
    restated = today.assign(**{name: _take_ranks(values, today[name]) for name, values in then.items()})
    card = learned.score(restated)
    names = [*(criterion.name for criterion in learned.policy.criteria if criterion.name in card), "score"]
    card = card.assign(**{name: _take_ranks(card[name], points[name]) for name in names})
    return learned.stand(restated, card)


def _take_ranks(values: pd.Series, target: pd.Series) -> pd.Series:
    """For each value the target's of the same rank; equal values get equal ones; unknown where either is.

    >>> _take_ranks(pd.Series([5.0, 1.0, 5.0]), pd.Series([10.0, 30.0, 20.0])).to_list()
    [25.0, 10.0, 25.0]
    """
    known = values.notna() & target.notna()
    ordered = np.sort(target[known].to_numpy(float))
    taken = np.interp(values[known].astype("float64").rank() - 1, np.arange(len(ordered)), ordered)
    return pd.Series(taken, values.index[known]).reindex(values.index)
