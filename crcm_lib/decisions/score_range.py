"""How far a customer's score and tier could be from what they are, were all known that is not.

An unknown indicator may have any points from 0 to 100, whatever those of other customers are: worst-case
bounds, which assume nothing of why it is unknown (Manski 2003, Partial Identification of Probability
Distributions, chapter 1). They are no confidence interval.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import mean_points, weigh

if TYPE_CHECKING:
    from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel

LOWEST, HIGHEST = 0.0, 100.0  # points


def bound_scores(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """The lowest and the highest score that a customer could have, were everything known.

    Parameters
    ----------
    card
        The scorecard.
    policy, model
        Say which indicators there are, and their weights. What the data do not have at all stays out: the
        bounds are about what is known of other customers and not of this one.

    Returns
    -------
    `score_low` and `score_high`, 0…100, on the index of `card`; both the `score` where everything is known.
    """
    low, high = (fill_unknown(card, policy, model, points)["score"] for points in (LOWEST, HIGHEST))
    return pd.DataFrame({"score_low": low, "score_high": high})


def bound_tiers(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """The worst and the best tier that a customer could be proposed, were everything known.

    Returns
    -------
    `tier_low` and `tier_high`. The best is the first tier whose conditions could all hold, the worst the
    first whose conditions hold whatever the unknown is.
    """
    low, high = (fill_unknown(card, policy, model, points) for points in (LOWEST, HIGHEST))
    names = np.array([tier.name for tier in policy.tiers], dtype=object)
    last = len(names) - 1
    best, worst = np.full(len(card), last), np.full(len(card), last)
    for number in reversed(range(last)):
        asked = model.cutoffs[0][policy.tiers[number].name]
        possible, certain = np.ones(len(card), dtype=bool), np.ones(len(card), dtype=bool)
        for column, cutoff in asked.items():
            possible &= _holds(cutoff, low=high, high=low, column=column)
            certain &= _holds(cutoff, low=low, high=high, column=column)
        best[possible], worst[certain] = number, number
    placed = {"tier_low": names[worst], "tier_high": names[best]}
    return pd.DataFrame(placed, index=card.index, dtype="str")


def fill_unknown(card: pd.DataFrame, policy: Policy, model: "ScorecardModel", points: float) -> pd.DataFrame:
    """The criteria and the `score` if every unknown indicator had these points."""
    filled = pd.DataFrame(index=card.index)
    for criterion in policy.criteria:
        given = {each.name: each.weight for each in criterion.indicators if each.name in model.scales}
        if given:
            known = {name: card[f"points_{name}"].fillna(points) for name in given}
            filled[criterion.name] = mean_points(known, given)[0]
    return filled.assign(score=weigh(filled, model.weights[0]))


def summarise_ranges(tiers: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Per tier proposed: for how many customers it is the same whatever the unknown is.

    Parameters
    ----------
    tiers
        With `tier_proposed`, `tier_low`, `tier_high`.

    Returns
    -------
    In the policy's order: `tier`, `customers`, and the shares of them (0…1) whose tier is the `same` whatever
    the unknown is, who `could_rise`, who `could_fall`; the last two may both hold.
    """
    place = {tier.name: number for number, tier in enumerate(policy.tiers)}
    now, low, high = (tiers[name].map(place) for name in ("tier_proposed", "tier_low", "tier_high"))
    shares = pd.DataFrame({"same": (low == high), "could_rise": high < now, "could_fall": low > now}).astype(
        float
    )
    by_tier = shares.groupby(tiers["tier_proposed"])
    order = [name for name in place if name in set(tiers["tier_proposed"])]
    counts = by_tier.size().rename("customers").to_frame().join(by_tier.mean())
    return counts.reindex(order).rename_axis("tier").reset_index()


def _holds(cutoff: "Cutoff", *, low: pd.DataFrame, high: pd.DataFrame, column: str) -> np.ndarray:
    """Whether points from `low` to `high` keep both limits of a cutoff; swapped: whether some of them may."""
    if cutoff.at_least is None or column not in low:
        return np.zeros(len(low), dtype=bool)
    holds = low[column].to_numpy() >= cutoff.at_least
    if cutoff.below is not None:
        holds &= high[column].to_numpy() < cutoff.below
    return np.asarray(holds)
