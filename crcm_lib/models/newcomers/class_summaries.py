"""Sums over the classes of newcomers: what is expected of them, and what earlier ones spent."""

import numpy as np
import pandas as pd

from crcm_lib.models.newcomers.classes import NEWCOMER, PROSPECT
from crcm_lib.models.newcomers.holdout import CLASSES, UNKNOWN, HoldoutResult
from crcm_lib.privacy import LARGEST_SHARE

EXPECTED_MONEY = ("spend_expected_total", "spend_expected_mean", "p_buys")
HOLDOUT_MONEY = ("spend_total", "spend_expected_mean", "spend_mean", "spend_low", "spend_high")


def summarise_classes(newcomers: pd.DataFrame) -> pd.DataFrame:
    """How many newcomers and prospects are in each class, and what is expected of them.

    Parameters
    ----------
    newcomers
        The table `newcomers`.

    Returns
    -------
    One row per kind and class that has customers: `kind`, `class`, `customers` (count); `p_buys`, the mean
    chance that a prospect buys at all; `spend_expected_mean` (currency per customer), of prospects if they
    buy; `spend_expected_total` (currency), of prospects by each one's chance, missing where one of them has
    none; `largest_share`, the part of the total that the largest customer brings, which small-cell
    suppression needs.
    """
    groups = [newcomers["kind"], newcomers["class"]]
    is_prospect = newcomers["kind"] == PROSPECT
    counted = newcomers["spend_expected"].mask(is_prospect, newcomers["spend_to_come"])
    chances = newcomers["p_buys"].groupby(groups).mean()
    summary = newcomers["spend_expected"].groupby(groups).agg(customers="size", spend_expected_mean="mean")
    summary.insert(1, "p_buys", chances)
    known = counted.notna().groupby(groups).all()
    summary["spend_expected_total"] = counted.groupby(groups).sum().where(known)
    summary[LARGEST_SHARE] = _largest_share(counted.fillna(newcomers["spend_expected"]).groupby(groups))
    order = pd.MultiIndex.from_product([(NEWCOMER, PROSPECT), (*CLASSES, UNKNOWN)], names=["kind", "class"])
    return summary.reindex(order[order.isin(summary.index)]).reset_index()


def summarise_holdout(result: HoldoutResult) -> pd.DataFrame:
    """What the later newcomers of each class spent in the validation, against what was expected of them.

    Returns
    -------
    One row per class that has customers: `class`, `customers` (count); `spend_total`, `spend_expected_mean`,
    `spend_mean` and its 95 % t interval, `spend_low` to `spend_high` (currency); `again_share`, who spent
    after the first day; `largest_share`, the part of the total that the largest customer brings, which
    small-cell suppression needs.
    """
    from scipy.stats import t

    grouped = result.compared.groupby("class")
    spend = grouped["actual"]
    summary = spend.agg(customers="size", spend_total="sum")
    summary["spend_expected_mean"] = grouped["predicted"].mean()
    summary["spend_mean"] = spend.mean()
    counts = summary["customers"]
    half = t.ppf(0.975, (counts - 1).clip(lower=1)) * spend.std() / np.sqrt(counts)
    summary["spend_low"] = (summary["spend_mean"] - half).clip(lower=0)
    summary["spend_high"] = summary["spend_mean"] + half
    summary["again_share"] = grouped["again"].mean()
    summary[LARGEST_SHARE] = _largest_share(spend)
    return summary.reindex([name for name in CLASSES if name in summary.index]).reset_index()


def _largest_share(money) -> pd.Series:
    """The part of each group's sum that its largest customer brings."""
    return money.max() / money.sum().clip(lower=1e-300)
