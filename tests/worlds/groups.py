"""One cloud of customers, in which there are no groups, and its twin with three planted ones."""

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from crcm_lib.models.clustering import find_clusters
from worlds import World, at_most_5_percent

CENTRES = np.array([[1.3, 1, -1, 1, -1], [-1, 1, 1, -1, 1], [-1, -1, -1, 1, 1.0]]) * 1.2
SEEDS = 400


def as_customers(scores: np.ndarray) -> pd.DataFrame:
    """Customers whose behaviour has these standard scores, on the scales that groups are looked for on."""
    scores = scores / scores.std(axis=0)
    frame = pd.DataFrame(
        {
            "purchases": np.exp(2 + scores[:, 0] * 0.8).round().clip(1).astype("int64"),
            "spend_mean": np.exp(3 + scores[:, 1] * 0.7),
            "days_since_last": np.exp(3.5 + scores[:, 2] * 0.7).round(),
            "categories": np.exp(2 + scores[:, 3] * 0.5).round().astype("int64"),
            "discount_share": 0.4 / (1 + np.exp(1 - scores[:, 4])),
        },
        index=pd.Index([f"c{i:04}" for i in range(len(scores))], name="customer_id"),
    )
    return frame.assign(spend_total=frame["purchases"] * frame["spend_mean"])


def draw_groups(seed: int, size: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of three groups, and the group of each."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=size)
    return as_customers(CENTRES[truth] + 0.6 * rng.standard_normal((size, 5))), truth


def draw_cloud(seed: int, related: float, size: int = 300) -> pd.DataFrame:
    """Customers of one cloud, all pairs of whose traits have the correlation `related`."""
    correlation = np.full((5, 5), related) + (1 - related) * np.eye(5)
    rng = np.random.default_rng(seed)
    return as_customers(rng.standard_normal((size, 5)) @ np.linalg.cholesky(correlation).T)


def measure_cloud(seed: int) -> dict[str, float]:
    """1 where groups are claimed; clouds of even seeds are round, those of odd seeds long."""
    findings = find_clusters(draw_cloud(seed, related=0.7 * (seed % 2)), most=4)
    return {"claimed": float(findings.found)}


def measure_groups(seed: int) -> dict[str, float]:
    """1 where exactly the planted three are found and nearly everyone is in the right one."""
    customers, truth = draw_groups(seed)
    findings = find_clusters(customers, most=4)
    right = adjusted_rand_score(truth, findings.model.assign(customers)["group"]) > 0.9
    return {"found": float(len(findings.model.traits) == 3 and right)}


CLOUD = World("one_cloud", SEEDS, measure_cloud, {"claimed": (0, at_most_5_percent(SEEDS))})
GROUPS = World("three_groups", 100, measure_groups, {"found": (0.8, 1)})
