"""Scorecard -> tiers: ordered rules, a reason per customer, the way to the next tier, how firm it is."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _

A_SHARE, B_SHARE = 0.80, 0.95  # of the spend: A customers make the first 80 %, B the next 15 %, C the rest


def assign_tiers(card: pd.DataFrame, policy: Policy, ruler) -> pd.DataFrame:
    """Give each customer the first tier whose `when` holds, and say why.

    Parameters
    ----------
    card
        The scorecard, indexed by `customer_id`.
    policy
        Names the tiers, best first; the last takes everyone else.
    ruler
        What `scorecard.fit_scorecard` kept: `weights` and `borders`.

    Returns
    -------
    The table `tiers`: `tier`, `score`, `because`; `next_tier`, the better tier that is fewest points away,
    `to_next_tier` (points, in the condition furthest from met) and `next_needs` (in words); `firmness`, the
    share of the weight variations that give the same tier. A condition on what is unknown is not met.
    """
    places = _place(card, card["score"], policy, ruler.borders[0])
    same = [
        _place(card, _reweigh(card, weights), policy, borders) == places
        for weights, borders in zip(ruler.weights[1:], ruler.borders[1:], strict=True)
    ]
    names = np.array([tier.name for tier in policy.tiers], dtype=object)
    following = _find_next(card, places, policy, ruler.borders[0])
    return pd.DataFrame(
        {
            "tier": pd.Series(names[places], index=card.index, dtype="str"),
            "score": card["score"],
            "because": pd.Series(_give_reasons(card, places, policy, ruler), index=card.index, dtype="str"),
            **following,
            "firmness": np.mean(same, axis=0).round(6) if len(card) else 0.0,
        },
        index=card.index,
    )


def compare_weights(card: pd.DataFrame, policy: Policy, ruler) -> pd.DataFrame:
    """Who would change tier if one criterion weighed 10 % more, or 10 % less, with borders learned anew.

    Returns
    -------
    One row per criterion: `criterion`, `weight` (share of the score here), `changed_up` and `changed_down`
    (shares of customers).
    """
    places = _place(card, card["score"], policy, ruler.borders[0])
    changed = [
        float(np.mean(_place(card, _reweigh(card, weights), policy, borders) != places))
        for weights, borders in zip(ruler.weights, ruler.borders, strict=True)
    ]
    base = ruler.weights[0]
    return pd.DataFrame(
        {
            "criterion": list(base),
            "weight": list(base.values()),
            "changed_up": changed[1 : 1 + 2 * len(base) : 2],
            "changed_down": changed[2 : 2 + 2 * len(base) : 2],
        }
    )


def explain_customer(card: pd.DataFrame, customer_id: str, policy: Policy, ruler) -> pd.DataFrame:
    """One customer's score, added up: `criterion`, `zh`, `points`, `weight` used for them, `adds` (points).

    `adds` sums to the score; a criterion that is unknown of the customer has no points and no weight.
    """
    row, base = card.loc[customer_id], ruler.weights[0]
    known = sum(weight for name, weight in base.items() if pd.notna(row[name]))
    parts = [
        (criterion.name, criterion.zh, row[criterion.name], base[criterion.name] / known)
        for criterion in policy.criteria
        if criterion.name in base and pd.notna(row[criterion.name])
    ]
    shown = pd.DataFrame(parts, columns=["criterion", "zh", "points", "weight"])
    return shown.assign(adds=shown["points"] * shown["weight"])


def choose_examples(tiers: pd.DataFrame, policy: Policy) -> list[str]:
    """One customer per tier: the one in the middle of its scores; the first id among equals."""
    chosen = []
    for tier in policy.tiers:
        members = tiers[tiers["tier"] == tier.name]
        if len(members):
            ordered = members.reset_index().sort_values(["score", "customer_id"], kind="stable")
            chosen.append(str(ordered["customer_id"].iloc[len(ordered) // 2]))
    return chosen


def summarise_tiers(tiers: pd.DataFrame, policy: Policy, **amounts: pd.Series) -> pd.DataFrame:
    """Size of each tier of the policy, its share of the customers, and each amount's total and share.

    Parameters
    ----------
    tiers
        The table `tiers`.
    policy
        Names all tiers, also those that nobody reached.
    amounts
        Amounts per customer by name, in the data's currency; an unknown amount adds nothing.

    Returns
    -------
    One row per tier, best first: `tier`, `zh`, `customers`, `customers_share`, `score_mean`, `firmness_mean`,
    and `<amount>`, `<amount>_share` for each amount; `largest_share`, what the largest customer brings of the
    first amount (for `privacy.hide_small`).
    """
    groups = tiers.groupby("tier")
    order = [tier.name for tier in policy.tiers]
    sizes = groups.size().reindex(order, fill_value=0)
    shown = pd.DataFrame(
        {
            "zh": [tier.zh for tier in policy.tiers],
            "customers": sizes,
            "customers_share": sizes / max(sizes.sum(), 1),
            "score_mean": groups["score"].mean().reindex(order),
            "firmness_mean": groups["firmness"].mean().reindex(order),
        }
    )
    for name, amount in amounts.items():
        totals = amount.reindex(tiers.index).groupby(tiers["tier"]).sum().reindex(order, fill_value=0.0)
        shown[name] = totals
        shown[f"{name}_share"] = totals / totals.sum() if totals.sum() > 0 else np.nan
    for amount in [*amounts.values()][:1]:
        parts = amount.reindex(tiers.index).abs().groupby(tiers["tier"])
        shown["largest_share"] = (parts.max() / parts.sum().where(parts.sum() > 0)).reindex(order)
    return shown.rename_axis("tier").reset_index()


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


def _reweigh(card: pd.DataFrame, weights: dict[str, float]) -> pd.Series:
    """The score under other weights, over the criteria known of each customer."""
    total = known = 0.0
    for name, weight in weights.items():
        total = total + card[name].fillna(0.0) * weight
        known = known + card[name].notna() * weight
    return (total / known.where(known > 0)).round(6).fillna(0.0)


def _place(card: pd.DataFrame, score: pd.Series, policy: Policy, borders) -> np.ndarray:
    """The number of each customer's tier, 0 for the best: the first whose borders all hold."""
    places = np.full(len(card), len(policy.tiers) - 1)
    for number in reversed(range(len(policy.tiers))):  # last first, so that the first match has the last word
        holds = np.ones(len(card), dtype=bool)
        for column, border in borders[policy.tiers[number].name].items():
            points = _points(card, score, column)
            holds &= (points >= border.at_least) & (points < border.below)
        places[holds] = number
    return places


def _points(card: pd.DataFrame, score: pd.Series, column: str) -> np.ndarray:
    if column == "score":
        return score.to_numpy()
    return card[column].to_numpy() if column in card else np.full(len(card), np.nan)


def _find_next(card: pd.DataFrame, places: np.ndarray, policy: Policy, borders) -> dict[str, pd.Series]:
    """The better tier that the fewest points are missing to, how many, and in what."""
    least = np.full(len(card), np.inf)
    tier, needs = (np.full(len(card), None, dtype=object) for _n in range(2))
    for number in reversed(range(len(policy.tiers) - 1)):  # of two equally near, the one just above
        name = policy.tiers[number].name
        missing = {
            column: border.at_least - _points(card, card["score"], column)
            for column, border in borders[name].items()
            if border.at_least <= 100
        }
        if len(missing) < len(borders[name]):
            continue
        furthest = np.max([*missing.values()], axis=0)  # unknown stays unknown: never nearer
        nearer = (places > number) & (furthest > 0) & (furthest < least)
        least[nearer], tier[nearer] = furthest[nearer], name
        needs[nearer] = _say_needs({column: values[nearer] for column, values in missing.items()})
    index, found = card.index, np.isfinite(least)
    return {
        "next_tier": pd.Series(tier, index=index, dtype="str"),
        "to_next_tier": pd.Series(np.where(found, least, np.nan), index=index).round(6),
        "next_needs": pd.Series(needs, index=index, dtype="str"),
    }


def _say_needs(missing: dict[str, np.ndarray]) -> list[str]:
    columns = list(missing)
    return [
        ", ".join(f"{name} +{points:.2f}" for name, points in zip(columns, row, strict=True) if points > 0)
        for row in zip(*missing.values(), strict=True)
    ]


def _give_reasons(card: pd.DataFrame, places: np.ndarray, policy: Policy, ruler) -> list[str]:
    """The tier's sentence, the score against the borders, and the parts that add up to the score."""
    weights = ruler.weights[0]
    against = [_say_borders(policy, ruler.borders[0], number) for number in range(len(policy.tiers))]
    said = [tier.because for tier in policy.tiers]
    template = _("{because}; score {score:.2f} ({borders}) = {parts}")
    rows = zip(places, card["score"], *(card[name] for name in weights), strict=True)
    return [
        template.format(
            because=said[place], score=score, borders=against[place], parts=_say_parts(weights, points)
        )
        for place, score, *points in rows
    ]


def _say_borders(policy: Policy, borders, number: int) -> str:
    """The tier's own conditions and those of the better tiers, so that anyone can check the rule by hand."""
    conditions = []
    for tier in policy.tiers[number::-1]:
        asked = " & ".join(_say_border(column, border) for column, border in borders[tier.name].items())
        conditions.append(_("{tier}: {asked}").format(tier=tier.name, asked=asked or _("everyone else")))
    return "; ".join(conditions)


def _say_border(column: str, border) -> str:
    if border.at_least > 100:
        return _("{name} out of reach").format(name=column)
    upper = f" < {border.below:.2f}" if border.below <= 100 else ""
    return f"{column} ≥ {border.at_least:.2f}{upper}"


def _say_parts(weights: dict[str, float], points: list[float]) -> str:
    known = {name: value for name, value in zip(weights, points, strict=True) if value == value}
    total = sum(weights[name] for name in known)
    parts = [f"{name} {value:.1f} × {weights[name] / total:.1%}" for name, value in known.items()]
    unknown = [name for name in weights if name not in known]
    tail = _("; not known: {names}").format(names=", ".join(unknown)) if unknown else ""
    return (" + ".join(parts) or _("nothing known")) + tail
