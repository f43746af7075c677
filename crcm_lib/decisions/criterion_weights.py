"""Other weights of the criteria: who would change tier, and what they would have caught. Never used."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.objectives import list_weights
from crcm_lib.decisions.scorecard import ScorecardModel, refit_cutoffs, weigh
from crcm_lib.decisions.tier_backtest import Origin, compare_picks, pick_as_many
from crcm_lib.decisions.tiers import place
from crcm_lib.decisions.weighting_methods import (
    complete,
    weigh_by_comparisons,
    weigh_by_critic,
    weigh_by_entropy,
)
from crcm_lib.stats import holm

FULL_POINTS_SHARE = 0.99  # of the customers spend less later than the spend that has 100 points
POLICY_SHARE = 0.5  # of the policy's weights in the learned ones: no criterion falls to nothing


def learn_weights(origins: Sequence[Origin], weights: dict[str, float]) -> dict[str, float]:
    """Weights under which the score would have been closest to later spend, drawn half way to the policy's.

    Non-negative least squares (Lawson & Hanson 1974, Solving Least Squares Problems, ch. 23) of later spend,
    in points in proportion to the amount, on the points of the criteria, over all days together.

    Parameters
    ----------
    origins
        Past days; at least one.
    weights
        The policy's, of the criteria that the data have.
    """
    from scipy.optimize import nnls

    names, points, later = list(weights), [], []
    for origin in origins:
        spend = origin.later["spend"].to_numpy(float).clip(0)
        full = float(np.quantile(spend, FULL_POINTS_SHARE)) or 1.0
        card = origin.card.reindex(columns=names)
        points.append(card.fillna(card.mean()).fillna(0.0).to_numpy(float))
        later.append(100 * np.minimum(spend / full, 1.0))
    found, _residual = nnls(np.concatenate(points), np.concatenate(later))
    learned = found / found.sum() if found.sum() > 0 else np.array(list(weights.values()))
    mixed = POLICY_SHARE * np.array(list(weights.values())) + (1 - POLICY_SHARE) * learned
    return dict(zip(names, mixed.tolist(), strict=True))


def find_weights(
    card: pd.DataFrame,
    weights: dict[str, float],
    ahp: Mapping[str, Mapping[str, float]],
    earlier: Sequence[Origin],
) -> dict[str, dict[str, float]]:
    """The weights that each method gives: `policy`, `equal`, `entropy`, `critic`, `ahp`, `learned`.

    Parameters
    ----------
    card
        A scorecard; `entropy` and `critic` follow from its points.
    weights
        The policy's, of the criteria that the data have.
    ahp
        The policy's comparisons; without any there is no `ahp`.
    earlier
        Past days to learn from; without any nothing is `learned`.
    """
    names = list(weights)
    points = card.reindex(columns=names)
    kinds = {"policy": weights, "equal": dict.fromkeys(names, 1 / len(names))}
    kinds |= {"entropy": weigh_by_entropy(points), "critic": weigh_by_critic(points)}
    if ahp:
        kinds["ahp"] = weigh_by_comparisons(complete(ahp, names)).weights
    if earlier:
        kinds["learned"] = learn_weights(earlier, weights)
    return kinds


def judge_weights(
    origins: Sequence[Origin],
    weights: dict[str, float],
    best_tier: str,
    ahp: Mapping[str, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """The weights of each method, found on the earlier days, judged on the latest one.

    Compared are as many customers as the best tier then held, those of the highest score under each.

    Parameters
    ----------
    origins
        From `tier_backtest.score_origins`, the latest first.
    weights
        The policy's, of the criteria that the data have.
    best_tier
        The policy's first tier.
    ahp
        The policy's comparisons, where it has any.

    Returns
    -------
    One row per method of `find_weights`: `weights` (the method), a column for each criterion, `customers`
    (compared), `caught` (share of the later spend that they brought), and for all but the policy's the
    `difference` to the policy's with its 95 % interval `low`, `high`, and `p`, adjusted (Holm). No rows with
    fewer than two days: nothing could be learned before the day that judges.
    """
    columns = ["weights", *weights, "customers", "caught", "difference", "low", "high", "p"]
    if len(origins) < 2:
        return pd.DataFrame(columns=columns)
    latest, earlier = origins[0], origins[1:]
    kinds = find_weights(latest.card, weights, ahp or {}, earlier)
    count = int((latest.placed["tier"] == best_tier).sum())
    if not count:
        return pd.DataFrame(columns=columns)
    card = latest.card.reindex(columns=list(weights))  # what was unknown then counts for nobody
    picks = {kind: pick_as_many(weigh(card, each), count) for kind, each in kinds.items()}
    rows = []
    for kind, each in kinds.items():
        found = compare_picks([latest], "spend", [picks[kind]], [picks["policy"]])
        row = {"weights": kind, **each, "customers": count, "caught": found.get("ours", np.nan)}
        if kind != "policy":
            row |= {name: found[name] for name in ("difference", "low", "high", "p") if name in found}
        rows.append(row)
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p=holm(table["p"].to_numpy(float)))


def compare_methods(
    card: pd.DataFrame,
    buyers: pd.Index,
    origins: Sequence[Origin],
    policy: Policy,
    model: ScorecardModel,
) -> pd.DataFrame:
    """Who would change tier under the weights of each method, beside what these would have caught before.

    Parameters
    ----------
    card
        Today's scorecard.
    buyers
        The customers from whom cutoffs are learned.
    origins
        From `tier_backtest.score_origins`, the latest first.
    policy, model
        Of today; a tier that the model gives to nobody stays so.

    Returns
    -------
    One row per method, and one per objective of the policy that is not in force: `weights` and a column for
    each criterion, as of today (`learned` on all past days); `rise` and `fall`, shares of the customers who
    would be proposed a better tier, or a worse one, with cutoffs learned anew; then `customers` to `p` of
    `judge_weights`, found without the day that judges, and missing where that says nothing. An objective is
    a choice of what is wanted: no past day judges it.
    """
    weights, ahp = model.weights[0], policy.weighting.ahp
    withheld, rows = model.list_withheld(), []
    now = place(card, policy, model)
    kinds = find_weights(card.loc[buyers], weights, ahp, origins) | list_weights(policy, list(weights))
    for kind, each in kinds.items():
        under = refit_cutoffs(card.loc[buyers], policy, model, each).withhold(withheld)
        moved = place(card.assign(score=weigh(card, each)), policy, under) - now
        rows.append({"weights": kind, **each, "rise": np.mean(moved < 0), "fall": np.mean(moved > 0)})
    judged = judge_weights(origins, weights, policy.tiers[0].name, ahp).drop(columns=list(weights))
    return pd.DataFrame(rows).merge(judged, how="left", on="weights")
