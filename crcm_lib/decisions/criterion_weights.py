"""Weights that past days would have chosen, judged on a later day: shown beside the policy's, never used."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.decisions.scorecard import weigh
from crcm_lib.decisions.tier_backtest import Origin, compare_picks, pick_as_many
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


def judge_weights(origins: Sequence[Origin], weights: dict[str, float], best_tier: str) -> pd.DataFrame:
    """The policy's weights, equal ones, and those learned on the earlier days, on the latest day.

    Compared are as many customers as the best tier then held, those of the highest score under each.

    Parameters
    ----------
    origins
        From `tier_backtest.score_origins`, the latest first.
    weights
        The policy's, of the criteria that the data have.
    best_tier
        The policy's first tier.

    Returns
    -------
    One row per kind of weights, `policy`, `equal` and `learned`: `weights` (the kind), a column for each
    criterion, `customers` (compared), `caught` (share of the later spend that they brought), and for the
    other two the `difference` to the policy's with its 95 % interval `low`, `high`, and `p`, adjusted (Holm).
    No rows with fewer than two days: nothing could be learned before the day that judges.
    """
    columns = ["weights", *weights, "customers", "caught", "difference", "low", "high", "p"]
    if len(origins) < 2:
        return pd.DataFrame(columns=columns)
    latest, earlier = origins[0], origins[1:]
    kinds = {
        "policy": weights,
        "equal": dict.fromkeys(weights, 1 / len(weights)),
        "learned": learn_weights(earlier, weights),
    }
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
