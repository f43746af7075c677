"""Are there groups at all? The same search on the data and on references that have none."""

import warnings
from functools import partial

import numpy as np
import pandas as pd

NULLS = ("permuted", "one cloud")
REFERENCES, RESAMPLES, REFERENCE_RESAMPLES = 19, 20, 1
STABLE, SMALLEST_SHARE = 0.75, 0.01
LATENT_COPIES, LATENT_STEPS = 5, 8


def compare_with_references(
    sample: np.ndarray, ks: range, rng: np.random.Generator
) -> tuple[pd.DataFrame, float]:
    """The criteria for each k beside what chance reaches, and the chance of such a lead without groups."""
    real = measure_groupings(sample, ks, rng, RESAMPLES)
    latent = fit_latent_normal(sample, rng)
    makers = (permute_columns, partial(single_component_reference, latent=latent))
    null = np.array(
        [
            [measure_groupings(make(sample, rng), ks, rng, REFERENCE_RESAMPLES) for _i in range(REFERENCES)]
            for make in makers
        ]
    )  # kind, reference, k, measure
    table = pd.DataFrame(real, pd.Index(ks, name="k"), ["silhouette", "stability", "scatter", "smallest"])
    table["gap"] = (null[..., 2].mean(axis=1) - real[:, 2]).min(axis=0)
    table["lead"] = (real[:, 0] - null[..., 0].mean(axis=1)).min(axis=0)
    table["bic"] = [fit_mixture(sample, k, rng).bic(sample) / len(sample) for k in ks]
    for column, measure in (("silhouette", 0), ("stability", 1)):
        for kind, values in zip(NULLS, null[..., measure], strict=True):
            low, high = np.quantile(values, [0.05, 0.95], axis=0)
            table[f"{column} {kind} low"], table[f"{column} {kind} high"] = low, high
    table["passes"] = (
        (real[:, 0] > null[..., 0].max(axis=(0, 1)))
        & (real[:, 1] >= np.median(null[..., 1], axis=1).max(axis=0).clip(STABLE))
        & (real[:, 3] >= SMALLEST_SHARE)
    )
    ballots = {c: table[c] for c in ("silhouette", "stability", "gap")} | {"bic": -table["bic"]}
    chosen = [votes[table["passes"]].idxmax() for votes in ballots.values() if table["passes"].any()]
    table["votes"] = [chosen.count(k) for k in ks]
    return table.drop(columns="scatter"), max(_chance(real[:, 0], kind[..., 0]) for kind in null)


def _chance(real: np.ndarray, references: np.ndarray) -> float:
    """A p-value: the rank of the real data's largest standardised lead among itself and the references'."""
    everything = np.vstack([real, references])
    spread = everything.std(axis=0)
    lead = ((everything - everything.mean(axis=0)) / np.where(spread > 0, spread, 1)).max(axis=1)
    return float((lead >= lead[0]).mean())


def measure_groupings(points: np.ndarray, ks: range, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """For each k: silhouette, stability (mean ARI with bootstrap fits), log scatter, smallest share."""
    from scipy.cluster.vq import vq
    from scipy.spatial.distance import cdist

    apart, rows = cdist(points, points), []
    for k in ks:
        centres = fit_quickly(points, k, rng)
        labels, distances = vq(points, centres)
        draws = [points[rng.integers(len(points), size=len(points))] for _i in range(resamples)]
        again = [vq(points, fit_quickly(draw, k, rng))[0] for draw in draws]
        rows.append(
            [
                silhouette(apart, labels, k),
                np.mean([adjusted_rand(cross(labels, other, k)) for other in again]),
                np.log(max((distances**2).sum(), 1e-12)),
                np.bincount(labels, minlength=k).min() / len(points),
            ]
        )
    return np.array(rows)


def fit_quickly(points: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Centres of the better of two short k-means runs: thousands are needed, none of them is kept."""
    from scipy.cluster.vq import kmeans2, vq

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # its centre stays where it was
        runs = [kmeans2(points, k, iter=12, minit="++", rng=rng, check_finite=False)[0] for _i in range(2)]
    return min(runs, key=lambda centres: float((vq(points, centres, check_finite=False)[1] ** 2).sum()))


def silhouette(apart: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Mean silhouette (Rousseeuw 1987) from all pairs' distances; a customer alone in a group counts 0.

    Called thousands of times: on 1,000 points 7 times as fast as `sklearn.metrics.silhouette_score`.
    """
    members = np.eye(k)[labels]
    sizes = members.sum(axis=0)
    total = apart @ members
    own = np.arange(len(labels)), labels
    within = total[own] / (sizes[labels] - 1).clip(1)
    mean = np.where(sizes > 0, total / sizes.clip(1), np.inf)
    mean[own] = np.inf
    nearest = mean.min(axis=1)
    larger = np.maximum(within, nearest)
    real = np.isfinite(nearest) & (larger > 0) & (sizes[labels] > 1)
    return float(np.where(real, np.where(real, nearest - within, 0) / np.where(real, larger, 1), 0).mean())


def cross(labels: np.ndarray, other: np.ndarray, k: int) -> np.ndarray:
    """How many customers have each pair of labels (0…k-1) in two groupings."""
    return np.bincount(labels * k + other, minlength=k * k).reshape(k, k)


def adjusted_rand(table: np.ndarray) -> float:
    """Agreement of two groupings from their cross table: 0 by chance, 1 when equal (Hubert & Arabie 1985).

    >>> adjusted_rand(np.array([[3, 0], [0, 3]]))
    1.0
    """
    pairs, rows, columns, everyone = (
        float((n * (n - 1) / 2).sum()) for n in (table, table.sum(axis=1), table.sum(axis=0), table.sum())
    )
    expected, most = rows * columns / everyone, (rows + columns) / 2
    return 1.0 if most == expected else (pairs - expected) / (most - expected)


def permute_columns(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same columns, each in an order of its own: no relation between columns, so no groups."""
    return np.column_stack([rng.permutation(column) for column in points.T])


def single_component_reference(
    points: np.ndarray, rng: np.random.Generator, latent: np.ndarray
) -> np.ndarray:
    """The same columns with the same correlations, joined by a Gaussian copula: one cloud, no groups."""
    size, direction = np.linalg.eigh(latent)
    drawn = rng.standard_normal(points.shape) @ (direction * np.sqrt(size.clip(0))).T
    return np.take_along_axis(np.sort(points, axis=0), drawn.argsort(axis=0).argsort(axis=0), axis=0)


def fit_latent_normal(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The normal correlations with which `single_component_reference` has the correlations of `points`.

    Columns with many equal values lose correlation on the way from normal to observed, so the normal ones
    are corrected until the observed ones agree (NORTA: Cario & Nelson 1997). Without that the reference
    would be rounder than the data, and a long cloud would pass for groups.
    """
    wanted = np.corrcoef(points, rowvar=False)
    latent, many = wanted.copy(), np.repeat(points, LATENT_COPIES, axis=0)
    for _i in range(LATENT_STEPS):
        latent += wanted - np.corrcoef(single_component_reference(many, rng, _proper(latent)), rowvar=False)
        latent = latent.clip(-0.995, 0.995)
        np.fill_diagonal(latent, 1)
    return _proper(latent)


def _proper(matrix: np.ndarray) -> np.ndarray:
    """The correlation matrix next to a symmetric one: no negative eigenvalue, ones on the diagonal."""
    size, direction = np.linalg.eigh(matrix)
    nearest = (direction * size.clip(1e-6)) @ direction.T
    spread = np.sqrt(np.diagonal(nearest))
    return nearest / np.outer(spread, spread)


def fit_mixture(points: np.ndarray, k: int, rng: np.random.Generator, starts: int = 1):
    """A mixture of `k` Gaussians with shapes of their own, seeded from `rng`."""
    from sklearn.mixture import GaussianMixture

    seed = int(rng.integers(2**31))
    return GaussianMixture(k, n_init=starts, reg_covar=1e-2, random_state=seed).fit(points)
