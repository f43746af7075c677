"""Scorecard -> tiers: ordered rules, a reason per customer, the way to the next tier, how firm it is."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy

if TYPE_CHECKING:
    from crcm_lib.decisions.scorecard import Cutoff, ScorecardModel

    Cutoffs = Mapping[str, Mapping[str, Cutoff]]  # tier -> criterion or "score" -> cutoff

LAST_TIER, CONDITIONS_MET, NOTHING_KNOWN = "last_tier", "conditions_met", "nothing_known"  # reasons
A_SHARE, B_SHARE = 0.80, 0.95  # of the spend: A customers make the first 80 %, B the next 15 %, C the rest


def assign_tiers(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """Give each customer the first tier whose `when` holds.

    Parameters
    ----------
    card
        The scorecard, indexed by `customer_id`.
    policy
        Names the tiers, best first; the last takes everyone else.
    model
        What `scorecard.fit_scorecard` kept: `weights` and `cutoffs`.

    Returns
    -------
    What the table `tiers` has of today's points alone: `tier_proposed` and its bounds, `score`, `reason`
    (`conditions_met`, `last_tier`: no better tier's conditions hold, or `nothing_known`); `next_tier`, the
    better tier that is nearest, and `to_next_tier`, the points of the score that are missing to it (of a
    criterion: times its weight); `firmness`, the share of the weight variations that give the same tier;
    `terms_withheld`. A condition on what is unknown is not met. `approvals.put_in_force` adds the tier in
    force.
    """
    places = _place(card, card["score"], policy, model.cutoffs[0])
    same = [
        _place(card, _reweigh(card, weights), policy, cutoffs) == places
        for weights, cutoffs in zip(model.weights[1:], model.cutoffs[1:], strict=True)
    ]
    known = card[list(model.weights[0])].notna().any(axis=1)
    reason = np.where(places < len(policy.tiers) - 1, CONDITIONS_MET, LAST_TIER)
    next_tier, to_next_tier = _find_next(card, places, policy, model)
    return pd.DataFrame(
        {
            **bound_tiers(card, policy, model),
            "score": card["score"],
            "reason": pd.Series(np.where(known, reason, NOTHING_KNOWN), index=card.index, dtype="str"),
            "next_tier": next_tier,
            "to_next_tier": to_next_tier,
            "firmness": np.mean(same, axis=0).round(6) if len(card) else 0.0,
            "terms_withheld": find_withheld_terms(card, policy),
        },
        index=card.index,
    )


def name_tiers(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.Series:
    """The tier of each customer of a scorecard, as in `assign_tiers`, and nothing else."""
    names = np.array([tier.name for tier in policy.tiers], dtype=object)
    return pd.Series(names[place(card, policy, model)], index=card.index, name="tier", dtype="str")


def place(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> np.ndarray:
    """The place of each customer's tier in the policy, 0 for the best."""
    return _place(card, card["score"], policy, model.cutoffs[0])


def bound_tiers(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """The tiers that a customer's points give, and those that they would give within the policy's margin.

    Returns
    -------
    `tier_proposed`, as in `assign_tiers`; `tier_lowest`, were all borders `approvals.margin` points higher;
    `tier_highest`, were they as many lower; `tier_spared` and `score_spared`, the tier proposed and the score
    were the criteria that take terms away (`terms_from`) unknown. The highest is that with these criteria or
    without, whichever is better. Customers with equal points have equal tiers in all of them.
    """
    names = np.array([tier.name for tier in policy.tiers], dtype=object)
    spared = {criterion.name for criterion in policy.criteria if criterion.terms_from is not None}
    weights = {name: weight for name, weight in model.weights[0].items() if name not in spared}
    without = _reweigh(card, weights) if len(weights) < len(model.weights[0]) else card["score"]
    margin, score = policy.approvals.margin, card["score"]

    def put(points: pd.Series, shift: float = 0.0) -> np.ndarray:
        return _place(card, points, policy, _shift(model.cutoffs[0], shift))

    placed = {
        "tier_proposed": put(score),
        "tier_lowest": put(score, margin),
        "tier_highest": np.minimum(put(score, -margin), put(without, -margin)),
        "tier_spared": put(without),
    }
    bounds = pd.DataFrame({name: names[places] for name, places in placed.items()}, card.index, dtype="str")
    return bounds.assign(score_spared=without)


def find_withheld_terms(card: pd.DataFrame, policy: Policy) -> pd.Series:
    """Whether a customer has fewer points in a criterion than its `terms_from`; unknown withholds none."""
    withheld = pd.Series(data=False, index=card.index)
    for criterion in policy.criteria:
        if criterion.terms_from is not None and criterion.name in card:
            withheld |= card[criterion.name] < criterion.terms_from
    return withheld


def _shift(cutoffs: "Cutoffs", points: float) -> "Cutoffs":
    """The same borders, so many points higher."""
    return {
        tier: {
            column: cutoff.model_copy(
                update={
                    name: border + points
                    for name, border in (("at_least", cutoff.at_least), ("below", cutoff.below))
                    if border is not None
                }
            )
            for column, cutoff in asked.items()
        }
        for tier, asked in cutoffs.items()
    }


def compare_weights(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """Who would change tier if one criterion weighed 10 % more, or 10 % less, with cutoffs learned anew.

    Returns
    -------
    One row per criterion: `criterion`, `weight` (share of the score here), `changed_up` and `changed_down`
    (shares of customers).
    """
    places = _place(card, card["score"], policy, model.cutoffs[0])
    changed = [
        float(np.mean(_place(card, _reweigh(card, weights), policy, cutoffs) != places))
        for weights, cutoffs in zip(model.weights, model.cutoffs, strict=True)
    ]
    base = model.weights[0]
    return pd.DataFrame(
        {
            "criterion": list(base),
            "weight": list(base.values()),
            "changed_up": changed[1 : 1 + 2 * len(base) : 2],
            "changed_down": changed[2 : 2 + 2 * len(base) : 2],
        }
    )


def explain_customer(
    card: pd.DataFrame, customer_id: str, policy: Policy, model: "ScorecardModel"
) -> pd.DataFrame:
    """One customer's score, added up: `criterion`, `zh`, `points`, `weight` used for them, `adds` (points).

    `adds` sums to the score; a criterion that is unknown of the customer has no points and no weight.
    """
    return explain_scores(card.loc[[customer_id]], policy, model).drop(columns="customer_id")


def explain_scores(card: pd.DataFrame, policy: Policy, model: "ScorecardModel") -> pd.DataFrame:
    """The score of every customer of a scorecard, added up: as `explain_customer`, with `customer_id`.

    By customer in the order of `card`, then by criterion in the order of the policy.
    """
    base = model.weights[0]
    known = (card[list(base)].notna() * pd.Series(base)).sum(axis="columns")
    parts = [
        pd.DataFrame(
            {
                "customer_id": card.index,
                "criterion": criterion.name,
                "zh": criterion.zh,
                "points": card[criterion.name].to_numpy(),
                "weight": (base[criterion.name] / known).to_numpy(),
            }
        )
        for criterion in policy.criteria
        if criterion.name in base
    ]
    table = pd.concat(parts).sort_index(kind="stable").dropna(subset="points").reset_index(drop=True)
    return table.assign(adds=table["points"] * table["weight"])


def choose_examples(tiers: pd.DataFrame, policy: Policy) -> list[str]:
    """One customer per tier in force: the one in the middle of its scores; the first id among equals."""
    chosen = []
    for tier in policy.tiers:
        members = tiers[tiers["tier_in_force"] == tier.name]
        if len(members):
            ordered = members.reset_index().sort_values(["score", "customer_id"], kind="stable")
            chosen.append(str(ordered["customer_id"].iloc[len(ordered) // 2]))
    return chosen


def summarise_tiers(tiers: pd.DataFrame, policy: Policy, **amounts: pd.Series) -> pd.DataFrame:
    """Size of each tier in force, its share of the customers, and each amount's total and share.

    Parameters
    ----------
    tiers
        The table `tiers`.
    policy
        Names all tiers, also those that nobody reached.
    amounts
        Amounts per customer by name, in the data's currency; an unknown amount adds nothing, and a total of
        unknown amounts only is missing.

    Returns
    -------
    One row per tier, best first: `tier`, `zh`, `customers`, `customers_share`, `score_mean`, `firmness_mean`,
    and `<amount>`, `<amount>_share` for each amount; `largest_share`, what the largest customer brings of the
    first amount (for `privacy.hide_small`).
    """
    groups = tiers.groupby("tier_in_force")
    order = [tier.name for tier in policy.tiers]
    sizes = groups.size().reindex(order, fill_value=0)
    summary = pd.DataFrame(
        {
            "zh": [tier.zh for tier in policy.tiers],
            "customers": sizes,
            "customers_share": sizes / max(sizes.sum(), 1),
            "score_mean": groups["score"].mean().reindex(order),
            "firmness_mean": groups["firmness"].mean().reindex(order),
        }
    )
    for name, amount in amounts.items():
        known = amount.reindex(tiers.index).groupby(tiers["tier_in_force"]).sum(min_count=1).reindex(order)
        totals = known if known.isna().all() else known.mask(sizes == 0, 0.0)
        summary[name] = totals
        summary[f"{name}_share"] = totals / totals.sum() if totals.sum() > 0 else np.nan
    if amounts:
        parts = next(iter(amounts.values())).reindex(tiers.index).abs().groupby(tiers["tier_in_force"])
        summary["largest_share"] = (parts.max() / parts.sum().where(parts.sum() > 0)).reindex(order)
    return summary.rename_axis("tier").reset_index()


def classify_abc(spend: pd.Series) -> pd.Series:
    """The single-criterion baseline: A makes the first 80 % of the spend, B the next 15 %, C the rest.

    Equal spend gives equal class: a class is decided by the spend of all who spend more.

    >>> classify_abc(pd.Series([80.0, 10.0, 5.0, 5.0, 0.0])).to_list()
    ['A', 'B', 'B', 'B', 'C']
    """
    spent = spend.fillna(0.0).clip(lower=0.0)
    by_amount = spent.groupby(spent).sum().sort_index(ascending=False)
    before = (by_amount.cumsum() - by_amount) / max(by_amount.sum(), 1e-12)
    classes = np.where(before < A_SHARE, "A", np.where(before < B_SHARE, "B", "C"))
    named = spent.map(pd.Series(classes, index=by_amount.index)).where(spent > 0, "C")
    return named.astype("str")


def count_scores(tiers: pd.DataFrame, policy: Policy, *, width: int = 4) -> pd.DataFrame:
    """How many customers have which score: a row per `width` points, a column per tier in force."""
    starts = pd.Index(range(0, 100, width), name="score")
    bins = (tiers["score"] // width * width).clip(upper=100 - width).astype("int64")
    order = [tier.name for tier in policy.tiers]
    return pd.crosstab(bins, tiers["tier_in_force"]).reindex(index=starts, columns=order, fill_value=0)


def _reweigh(card: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    """The score under other weights, over the criteria known of each customer."""
    total, known = pd.Series(0.0, index=card.index), pd.Series(0.0, index=card.index)
    for name, weight in weights.items():
        total = total + card[name].fillna(0.0) * weight
        known = known + card[name].notna() * weight
    return (total / known.where(known > 0)).round(6).fillna(0.0)


def _place(card: pd.DataFrame, score: pd.Series, policy: Policy, cutoffs: "Cutoffs") -> np.ndarray:
    """The number of each customer's tier, 0 for the best: the first all of whose conditions hold."""
    places = np.full(len(card), len(policy.tiers) - 1)
    for number in reversed(range(len(policy.tiers))):  # last first, so that the first match has the last word
        holds = np.ones(len(card), dtype=bool)
        for column, cutoff in cutoffs[policy.tiers[number].name].items():
            points = _points(card, score, column)
            holds &= cutoff.at_least is not None and points >= cutoff.at_least
            if cutoff.below is not None:
                holds &= points < cutoff.below
        places[holds] = number
    return places


def _points(card: pd.DataFrame, score: pd.Series, column: str) -> np.ndarray:
    if column == "score":
        return score.to_numpy()
    return card[column].to_numpy() if column in card else np.full(len(card), np.nan)


def _find_next(
    card: pd.DataFrame, places: np.ndarray, policy: Policy, model: "ScorecardModel"
) -> tuple[pd.Series, pd.Series]:
    """The better tier that the fewest points of the score are missing to, and how many."""
    least, tier = np.full(len(card), np.inf), np.full(len(card), None, dtype=object)
    for number in reversed(range(len(policy.tiers) - 1)):  # of two equally near, the one just above
        name = policy.tiers[number].name
        asked = model.cutoffs[0][name]
        missing = [
            (cutoff.at_least - _points(card, card["score"], column)) * model.weights[0].get(column, 1.0)
            for column, cutoff in asked.items()
            if cutoff.at_least is not None
        ]
        if len(missing) < len(asked):
            continue
        furthest = np.max(missing, axis=0)  # unknown stays unknown: never nearer
        nearer = (places > number) & (furthest > 0) & (furthest < least)
        least[nearer], tier[nearer] = furthest[nearer], name
    distance = pd.Series(np.where(np.isfinite(least), least, np.nan), index=card.index).round(6)
    return pd.Series(tier, index=card.index, dtype="str"), distance
