"""What a purchase model misses of a customer, learned from earlier windows of the same history.

A purchase model knows how often and how long ago. Trend, breadth, returns and discounts it does not know:
here trees learn by which factor customers of such kinds exceeded the model's prediction (Poisson boosting of
actual / predicted spend, weighted by predicted). The average of the model and its corrected self is what
predicts; the total stays the model's own.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.mle import Numbers

WINDOWS = (30, 90, 180)  # days
TREES, LEAVES, MIN_SAMPLES_LEAF, BINS, RATE, RIDGE = 60, 8, 50, 32, 0.05, 30.0
MAX_LOG_FACTOR = 5.0  # standard deviations beyond which a spend teaches no more
BATCH = 50_000  # customers scored at a time
BREADTH = ("categories", "products")
SHARES = ("discount_share", "returns_share", "channel_main_share")
KEPT = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "value", "is_leaf")


@dataclass(frozen=True)
class TrainingWindow:
    """A window that is over: customers' traits at its start, predicted and actual spend in it."""

    traits: pd.DataFrame
    predicted: Numbers
    actual: Numbers


@dataclass(frozen=True)
class Correction:
    """Trees that say by which factor a customer's prediction is to be changed.

    Attributes
    ----------
    names
        The traits, in the order of the trees' columns.
    trees
        Each tree's nodes, as columns; JSON keeps them.
    level
        Logarithm of the factor that everybody starts from.
    """

    names: tuple[str, ...]
    trees: tuple[dict[str, list], ...]
    level: float

    def factor(self, traits: pd.DataFrame) -> Numbers:
        """The factor for each customer: the mean of 1 and what the trees say."""
        points = traits.reindex(columns=list(self.names)).to_numpy(float)
        trees = [{name: np.asarray(column) for name, column in tree.items()} for tree in self.trees]
        starts = range(0, len(points), BATCH)
        parts = [self._log_factor(points[start : start + BATCH], trees) for start in starts]
        return (1 + np.exp(np.concatenate(parts or [np.zeros(0)]))) / 2

    def _log_factor(self, points: Numbers, trees: list[dict[str, np.ndarray]]) -> Numbers:
        found, rows = np.full(len(points), self.level), np.arange(len(points))
        for tree in trees:
            node = np.zeros(len(points), dtype=np.int64)
            while not tree["is_leaf"][node].all():
                seen = points[rows, tree["feature_idx"][node]]
                left = np.where(np.isnan(seen), tree["missing_go_to_left"][node] == 1,
                                seen <= tree["num_threshold"][node])  # fmt: skip
                ahead = np.where(left, tree["left"][node], tree["right"][node])
                node = np.where(tree["is_leaf"][node] == 1, node, ahead)
            found += tree["value"][node]
        return found

    def to_state(self) -> dict:
        """The learned state for JSON."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict) -> "Correction":
        """The correction that `to_state` kept."""
        return cls(tuple(state["names"]), tuple(state["trees"]), state["level"])


def describe_covariates(customers: pd.DataFrame, pace: Numbers, alive: Numbers, level: float) -> pd.DataFrame:
    """What a correction may rest on: ratios and days, never amounts, attributes or ids.

    Parameters
    ----------
    customers
        Buyers of the `customers` table; what it lacks is not among the traits.
    pace, alive
        Expected purchases a day while the customer stays, and the probability of that, by the model.
    level
        Spend per purchase of a typical customer, in currency.
    """
    column = {name: customers[name].to_numpy(float) for name in customers.select_dtypes("number")}
    bought, known = column["purchases"], column["days_observed"] + 1
    since, spend = column["days_since_last"], column["spend_total"].clip(0)
    traits = {
        "pace": np.log(pace), "alive": alive, "purchases": bought, "known": known,
        "silent": since, "silent_share": since / known,
        "basket": np.log(np.maximum(spend / bought / level, 1e-3)),
    }  # fmt: skip
    if "gap_mean_days" in column:
        traits |= {
            "silent_gaps": since / column["gap_mean_days"],
            "irregular": column["gap_spread_days"] / column["gap_mean_days"],
            "last_gap": column["gap_last_days"] / column["gap_mean_days"],
        }
    for days in WINDOWS:
        seen = np.minimum(days, known)
        if f"purchases_{days}d" in column:
            traits[f"purchases_{days}d"] = column[f"purchases_{days}d"] / (seen * bought / known + 0.5)
            traits[f"spend_{days}d"] = column[f"spend_{days}d"] / level / (seen * spend / level / known + 0.5)
    for name in BREADTH:
        if name in column:
            traits |= {name: np.log1p(column[name]), f"{name}_a_purchase": column[name] / bought}
    traits |= {name: column[name] for name in SHARES if name in column}
    if "orders" in column:
        traits["orders_a_purchase"] = column["orders"] / bought
    return pd.DataFrame(traits, index=customers.index).replace([np.inf, -np.inf], np.nan)


def learn(
    lessons: list[TrainingWindow], traits: pd.DataFrame, predicted: Numbers, *, seed: int = 0
) -> Correction:
    """Learn from windows that are over; the factors of `traits` leave the total of `predicted` as it is.

    Each window's predictions are first brought to its actual total: a season is nobody's trait. A spend more
    than five standard deviations above its prediction counts as five.

    Parameters
    ----------
    lessons
        At least one, with spend in it.
    traits, predicted
        Of the customers to be scored, by the model that is to be corrected.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    bounded = [_bound(lesson) for lesson in lessons]
    expected = np.concatenate([part[0] for part in bounded])
    actual = np.concatenate([part[1] for part in bounded])
    known = pd.concat([lesson.traits for lesson in lessons], join="inner").dropna(axis="columns", how="all")
    names = [name for name in traits if name in known]
    trees = HistGradientBoostingRegressor(
        loss="poisson", max_iter=TREES, learning_rate=RATE, max_leaf_nodes=LEAVES,
        min_samples_leaf=MIN_SAMPLES_LEAF, max_bins=BINS, l2_regularization=RIDGE, early_stopping=False,
        random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1):  # sums must not depend on how threads share them
        trees.fit(known[names].to_numpy(float), actual / expected, sample_weight=expected / expected.mean())
    found = Correction(tuple(names), tuple(_keep(tree) for (tree,) in trees._predictors), 0.0)
    factors = 2 * found.factor(traits) - 1
    return Correction(found.names, found.trees, float(np.log(predicted.sum() / (predicted @ factors))))


def _bound(lesson: TrainingWindow) -> tuple[Numbers, Numbers]:
    """Predicted spend brought to the actual total, and actual spend without its extremes."""
    actual = lesson.actual.clip(0)
    predicted = np.maximum(lesson.predicted * actual.sum() / lesson.predicted.sum(), 1e-12)
    dispersion = ((actual - predicted) ** 2).sum() / predicted.sum()
    return predicted, np.minimum(actual, predicted + MAX_LOG_FACTOR * np.sqrt(dispersion * predicted))


def _keep(tree) -> dict[str, list]:
    """A tree's nodes; an infinite threshold (only what is missing goes right) as the largest number."""
    nodes = {name: tree.nodes[name] for name in KEPT}
    nodes["num_threshold"] = np.minimum(nodes["num_threshold"], np.finfo(float).max)
    return {name: column.tolist() for name, column in nodes.items()}
