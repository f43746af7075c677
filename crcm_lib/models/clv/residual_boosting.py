"""What a purchase model misses of a customer, learned from earlier windows of the same history.

A purchase model knows frequency, recency and age. Gradient-boosted trees learn by which factor customers with
a certain trend, breadth, returns or discounts exceeded its predictions (Poisson loss of actual / predicted
spend, weighted by predicted spend). The prediction is a weighted mean of the model's and the corrected one,
the latter with as much weight as there are windows it was learned from; the total stays the model's.

scikit-learn grows the trees; their nodes are kept as JSON and evaluated here, although scikit-learn offers no
public way to read them. Kept with skops (0.16), a correction of 60 trees and 30 covariates takes 340 kB of
binary instead of 50 kB of JSON, loads in 30 ms instead of 0.8 ms, and names a private class of scikit-learn
that must be trusted and must still exist when the file is read. `_tree_nodes` alone touches the private
structure, at learning; `tests/test_residual_boosting.py` fails if a release of scikit-learn changes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.histories import Numbers

WINDOWS = (30, 90, 180)  # days
TREES, LEAVES, MIN_SAMPLES_LEAF, BINS, LEARNING_RATE, L2 = 60, 8, 50, 32, 0.05, 30.0
MAX_DEVIATIONS = 5.0  # standard deviations above its prediction at which a spend is cut off
BATCH = 50_000  # customers predicted at a time
BREADTH = ("categories", "products")
SHARES = ("discount_share", "returns_share", "channel_main_share")
NODE_FIELDS = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "value", "is_leaf")


@dataclass(frozen=True)
class TrainingWindow:
    """A window that is over: covariates at its start, predicted and actual spend in it (currency)."""

    covariates: pd.DataFrame
    predicted: Numbers
    actual: Numbers


@dataclass(frozen=True)
class Correction:
    """Trees that predict by which factor a customer's expected purchases are to be changed.

    Attributes
    ----------
    names
        The covariates, in the order of the trees' `feature_idx`.
    trees
        Each tree's nodes, one list per field of `NODE_FIELDS`.
    log_level
        Logarithm of the factor that is common to all customers.
    weight
        Of what the trees predict beside the model's own prediction, 0…1.
    """

    names: tuple[str, ...]
    trees: tuple[dict[str, list], ...]
    log_level: float
    weight: float

    @classmethod
    def from_state(cls, state: dict) -> "Correction":
        """The correction whose fields came back from JSON."""
        return cls(tuple(state["names"]), tuple(state["trees"]), state["log_level"], state["weight"])

    def factor(self, covariates: pd.DataFrame) -> Numbers:
        """The factor of each customer: the weighted mean of 1 and what the trees predict."""
        points = covariates.reindex(columns=list(self.names)).to_numpy(float)
        trees = [{name: np.asarray(column) for name, column in tree.items()} for tree in self.trees]
        starts = range(0, len(points), BATCH)
        parts = [self._log_factor(points[start : start + BATCH], trees) for start in starts]
        return 1 + self.weight * np.expm1(np.concatenate(parts or [np.zeros(0)]))

    def _log_factor(self, points: Numbers, trees: list[dict[str, np.ndarray]]) -> Numbers:
        total, rows = np.full(len(points), self.log_level), np.arange(len(points))
        for tree in trees:
            node = np.zeros(len(points), dtype=np.int64)
            while not tree["is_leaf"][node].all():
                values = points[rows, tree["feature_idx"][node]]
                below = values <= tree["num_threshold"][node]
                goes_left = np.where(np.isnan(values), tree["missing_go_to_left"][node] == 1, below)
                child = np.where(goes_left, tree["left"][node], tree["right"][node])
                node = np.where(tree["is_leaf"][node] == 1, node, child)
            total += tree["value"][node]
        return total


def describe_covariates(
    buyers: pd.DataFrame, rate: Numbers, p_alive: Numbers, typical_spend: float
) -> pd.DataFrame:
    """What a correction may rest on: ratios and days, never amounts, attributes or ids.

    Parameters
    ----------
    buyers
        Rows of `customer_features` with a purchase; a column that it lacks gives no covariate.
    rate, p_alive
        The model's expected purchases per day while active, and P(active).
    typical_spend
        The population mean of spend per purchase (currency), which amounts are divided by.
    """
    column = {name: buyers[name].to_numpy(float) for name in buyers.select_dtypes("number")}
    purchases, age = column["purchases"], column["days_observed"] + 1
    recency, spend = column["days_since_last"], column["spend_total"].clip(0)
    covariates = {
        "rate": np.log(rate),
        "p_alive": p_alive,
        "purchases": purchases,
        "age": age,
        "recency": recency,
        "recency_share": recency / age,
        "basket": np.log(np.maximum(spend / purchases / typical_spend, 1e-3)),
    }
    if "gap_mean_days" in column:
        covariates |= {
            "recency_gaps": recency / column["gap_mean_days"],
            "gap_variation": column["gap_spread_days"] / column["gap_mean_days"],
            "last_gap": column["gap_last_days"] / column["gap_mean_days"],
        }
    for days in WINDOWS:
        if f"purchases_{days}d" in column:
            observed = np.minimum(days, age)
            usual, usual_spend = observed * purchases / age, observed * spend / typical_spend / age
            covariates[f"purchases_{days}d"] = column[f"purchases_{days}d"] / (usual + 0.5)
            covariates[f"spend_{days}d"] = column[f"spend_{days}d"] / typical_spend / (usual_spend + 0.5)
    for name in BREADTH:
        if name in column:
            covariates |= {name: np.log1p(column[name]), f"{name}_per_purchase": column[name] / purchases}
    covariates |= {name: column[name] for name in SHARES if name in column}
    if "orders" in column:
        covariates["orders_per_purchase"] = column["orders"] / purchases
    return pd.DataFrame(covariates, index=buyers.index).replace([np.inf, -np.inf], np.nan)


def learn_correction(
    windows: Sequence[TrainingWindow], covariates: pd.DataFrame, predicted: Numbers, *, seed: int = 0
) -> Correction:
    """Learn from windows that are over; the factors of `covariates` leave the total of `predicted` as it is.

    Each window's predictions are first brought to its actual total, so that a season is not learned as a
    property of customers. A spend more than five standard deviations above its prediction counts as five.

    Parameters
    ----------
    windows
        At least one, with spend in it.
    covariates, predicted
        Of the customers to be predicted, by the model that is to be corrected (currency).

    Returns
    -------
    The correction, whose trees have the weight n / (n + 1) after n windows.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    expected, actual = (np.concatenate(parts) for parts in zip(*map(_bring_to_total, windows), strict=True))
    points = pd.concat([window.covariates for window in windows], join="inner")
    points = points.dropna(axis="columns", how="all")
    names = [name for name in covariates if name in points]
    boosting = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=MIN_SAMPLES_LEAF,
        max_bins=BINS,
        l2_regularization=L2,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):  # The sums must not depend on how threads share them.
        weight = expected / expected.mean()
        boosting.fit(points[names].to_numpy(float), actual / expected, sample_weight=weight)
    trees = tuple(_tree_nodes(tree) for (tree,) in boosting._predictors)
    factors = Correction(tuple(names), trees, 0.0, 1.0).factor(covariates)
    log_level = float(np.log(predicted.sum() / (predicted @ factors)))
    return Correction(tuple(names), trees, log_level, len(windows) / (len(windows) + 1))


def _bring_to_total(window: TrainingWindow) -> tuple[Numbers, Numbers]:
    """Predicted spend brought to the actual total, and actual spend without its extremes."""
    actual = window.actual.clip(0)
    predicted = np.maximum(window.predicted * actual.sum() / window.predicted.sum(), 1e-12)
    dispersion = ((actual - predicted) ** 2).sum() / predicted.sum()
    return predicted, np.minimum(actual, predicted + MAX_DEVIATIONS * np.sqrt(dispersion * predicted))


def _tree_nodes(tree) -> dict[str, list]:
    """A tree's nodes, out of scikit-learn's private structure.

    JSON knows no infinity: an infinite threshold (only missing values go right) becomes the largest number.
    """
    nodes = {name: tree.nodes[name] for name in NODE_FIELDS}
    nodes["num_threshold"] = np.minimum(nodes["num_threshold"], np.finfo(float).max)
    return {name: column.tolist() for name, column in nodes.items()}
