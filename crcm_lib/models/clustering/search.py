"""Customers -> natural groups, or the finding that there are none."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.models.clustering.group_model import GroupModel, choose_features, find_traits, learn_scales
from crcm_lib.models.clustering.null_reference import (
    REFERENCES,
    adjusted_rand,
    compare_with_references,
    cross,
    fit_mixture,
    silhouette,
)
from crcm_lib.models.reasons import Reason

MIN_CUSTOMERS, SAMPLE, FIT_SAMPLE, FINAL_RESAMPLES = 60, 1_000, 10_000, 20
CLEARLY_STABLER = 0.02  # ARI; below that, the simpler method stays
CONFIRMATIONS = 3  # further samples, disjoint, in which the chosen k must pass too
RECURS = 0.6  # Jaccard; a group below it is not to be trusted


@dataclass(frozen=True)
class ClusteringResult:
    """What the search found, and the evidence.

    `features`: from `choose_features`. `criteria`: one row per k with silhouette, stability, gap and bic,
    what 5 % and 95 % of the references reach (`silhouette permuted low`, …), `passes` and `votes`. `jaccard`:
    the stability of each group. `sample`: how many buyers the search used. `reason`: the rule `found`,
    `too_few` (with `buyers` and `features` that differ), `no_better_than_chance` or `not_reproduced`.
    """

    model: GroupModel
    features: pd.DataFrame
    criteria: pd.DataFrame
    jaccard: pd.Series
    sample: int
    reason: Reason

    @property
    def found(self) -> bool:
        """Are there natural groups?"""
        return bool(self.model.traits)


def find_clusters(
    customers: pd.DataFrame, *, seed: int = 0, protected: tuple[str, ...] = (), most: int = 8
) -> ClusteringResult:
    """Look for natural groups of buyers, and believe in them only where chance does not do as well.

    A sample of at most 1,000 buyers is clustered by k-means for every k from 2 to `most`, and so are 19
    references of each of two kinds that have no groups: every column permuted independently (no relation
    between columns), and one cloud with the same columns and the same correlations (a Gaussian copula, Cario
    & Nelson 1997; one cloud as the null: Liu et al. 2008). The second matters: a cloud that is long in one
    direction is stable at k = 2, and permuted columns do not show it.

    k passes if its silhouette (Rousseeuw 1987) is above every reference, its stability (ARI, Hubert & Arabie
    1985) is at least 0.75 and at least what half of the references reach, and its smallest group has 1 % of
    buyers. Groups are found if some k passes and no reference has a standardised lead in silhouette, largest
    over k, like that of the data: where one of the nulls holds, the chance of finding groups is at most 1/20.
    Among the k that pass, silhouette, gap (Tibshirani et al. 2001), stability and the mixture's BIC vote; the
    lead in silhouette breaks ties. The first k all of whose groups reappear in resamples with a mean Jaccard
    overlap of 0.6 or more is taken (Hennig 2007: 0.75 is stable, below 0.6 is not to be trusted), if it also
    passes in up to three further samples, where there are so many buyers: a finding that hangs on who was
    drawn is none.

    Parameters
    ----------
    customers
        The `customer_features` table. Prospects (no purchase) are not clustered.
    protected
        Columns that must not be used.

    References
    ----------
    Cario & Nelson (1997), Modeling and generating random vectors with arbitrary marginal distributions and
    correlation matrix, Northwestern University. Hennig (2007), Computational Statistics & Data Analysis 52,
    258-271. Hubert & Arabie (1985), Journal of Classification 2, 193-218. Liu, Hayes, Nobel & Marron (2008),
    JASA 103, 1281-1293. Rousseeuw (1987), Journal of Computational and Applied Mathematics 20, 53-65.
    Tibshirani, Walther & Hastie (2001), JRSS B 63, 411-423.
    """
    import sklearn.cluster
    import sklearn.mixture  # noqa: F401  before the limit, which holds for loaded libraries only
    from threadpoolctl import threadpool_limits

    buyers = customers[customers["purchases"] > 0].sort_index()
    features = choose_features(buyers, protected=protected)
    used = features.loc[features["used"], "column"]
    unfitted = GroupModel(learn_scales(buyers, used))
    points = unfitted.measure(buyers) if len(used) else np.empty((len(buyers), 0))
    rng = np.random.default_rng(seed)
    sample, *others = _disjoint_samples(points, rng)
    top = min(most, len(np.unique(sample, axis=0)) // 10)
    too_few = Reason("too_few", {"buyers": len(buyers), "features": len(used)})
    evidence = ClusteringResult(
        unfitted, features, pd.DataFrame(), pd.Series(dtype=float), len(sample), too_few
    )
    if len(buyers) < MIN_CUSTOMERS or len(used) < 2 or top < 2:
        return evidence
    with threadpool_limits(1):  # sums in one order: the same bits on every machine size
        criteria, chance = compare_with_references(sample, range(2, top + 1), rng)
        evidence = replace(evidence, criteria=criteria)
        if not criteria["passes"].any() or chance > 1 / (REFERENCES + 1):
            return replace(evidence, reason=Reason("no_better_than_chance"))
        for k in criteria[criteria["passes"]].sort_values(["votes", "lead"], ascending=False).index:
            model, jaccard = _fit(unfitted, points, sample, int(k), rng)
            repeated = (compare_with_references(other, range(k, k + 1), rng)[0] for other in others)
            again = (criteria["passes"].all() for criteria in repeated)
            if jaccard.min() >= RECURS and all(again):
                model, order = _ordered(model, buyers["spend_total"].astype(float), points)
                overlap = pd.Series(jaccard[order], pd.RangeIndex(1, k + 1, name="group"))
                return replace(evidence, model=model, jaccard=overlap, reason=Reason("found"))
    return replace(evidence, reason=Reason("not_reproduced"))


def _disjoint_samples(points: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """A sample of at most 1,000, and up to three more that share no customer with it or each other."""
    order = rng.permutation(len(points))
    many = max(min(1 + CONFIRMATIONS, len(points) // SAMPLE), 1)
    return [points[np.sort(order[n * SAMPLE : (n + 1) * SAMPLE])] for n in range(many)]


def _fit(
    unfitted: GroupModel, points: np.ndarray, sample: np.ndarray, k: int, rng: np.random.Generator
) -> tuple[GroupModel, np.ndarray]:
    """Fit both methods to at most 10,000 buyers, and measure how stable each of their groups is.

    The mixture is kept only if it is clearly more stable and separates no worse: a mixture that puts a narrow
    shape on one repeated value (returns of zero, say) is perfectly stable, and no group.
    """
    points = points[np.sort(rng.permutation(len(points))[:FIT_SAMPLE])]
    found = [_measured(method, unfitted, points, sample, k, rng) for method in (_by_kmeans, _by_mixture)]
    (plain, stable, apart, jaccard), mixture = found
    if mixture[1] > stable + CLEARLY_STABLER and mixture[2] >= apart:
        return mixture[0], mixture[3]
    return plain, jaccard


def _measured(method, unfitted, points, sample, k, rng) -> tuple[GroupModel, float, float, np.ndarray]:
    """A fitted model, mean ARI with fits to resamples, silhouette, each group's mean Jaccard overlap."""
    from scipy.spatial.distance import cdist

    model = method(unfitted, points, k, rng, starts=10)
    labels, agreed, overlaps = model.label(sample) - 1, [], []
    for _i in range(FINAL_RESAMPLES):
        drawn = sample[rng.integers(len(sample), size=len(sample))]
        table = cross(labels, method(unfitted, drawn, k, rng).label(sample) - 1, k)
        union = table.sum(axis=1, keepdims=True) + table.sum(axis=0) - table
        overlaps.append((table / union.clip(1)).max(axis=1))
        agreed.append(adjusted_rand(table))
    return model, np.mean(agreed), silhouette(cdist(sample, sample), labels, k), np.mean(overlaps, axis=0)


def _by_kmeans(unfitted, points, k, rng, starts=2) -> GroupModel:
    from sklearn.cluster import KMeans

    fit = KMeans(k, n_init=starts, random_state=int(rng.integers(2**31))).fit(points)
    shapes = np.broadcast_to(np.eye(points.shape[1]), (k, points.shape[1], points.shape[1]))
    return _rounded(unfitted, "k-means", fit.cluster_centers_, shapes, np.zeros(k))


def _by_mixture(unfitted, points, k, rng, starts=2) -> GroupModel:
    fit = fit_mixture(points, k, rng, min(starts, 3))
    shapes = fit.precisions_cholesky_
    offsets = np.log(fit.weights_) + np.log(np.diagonal(shapes, axis1=1, axis2=2)).sum(axis=1)
    return _rounded(unfitted, "Gaussian mixture", fit.means_, shapes, offsets)


def _rounded(unfitted: GroupModel, method: str, centres, shapes, offsets) -> GroupModel:
    """Six digits: more than the data carry, without the last bits, which differ between machines."""
    lists = [np.round(values, 6).tolist() for values in (centres, shapes, offsets)]
    return replace(unfitted, method=method, **dict(zip(("centres", "shapes", "offsets"), lists, strict=True)))


def _ordered(model: GroupModel, spend: pd.Series, points: np.ndarray) -> tuple[GroupModel, list[int]]:
    """Number the groups by falling median spend (ties by centre) and name them: the fit's order is chance."""
    median = spend.groupby(model.label(points)).median()
    order = sorted(range(len(model.centres)), key=lambda g: (-median.get(g + 1, -np.inf), model.centres[g]))
    parts = {name: tuple(getattr(model, name)[g] for g in order) for name in ("centres", "shapes", "offsets")}
    traits = find_traits(np.array(parts["centres"]), list(model.scales))
    return replace(model, traits=traits, **parts), order
