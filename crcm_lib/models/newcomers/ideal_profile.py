"""The ideal customer profile (理想客户画像): who is in the best tier, and which prospects are like them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.newcomers.poisson_model import (
    PRIOR_SD_LOG,
    Attribute,
    cut_into_groups,
    fit_poisson,
    indicate_groups,
)
from crcm_lib.stats import LEVEL, Z_95, exact_p, holm, normal_p, wilson

MIN_BEST = 20  # customers in the best tier, and others, at least
FOLDS = 10
DRAWS = 499  # permutations of who is in the best tier
MAX_CUSTOMERS = 20_000  # drawn at random of more
MAX_DRAWN = 5_000_000  # customers times permutations; never fewer than FEWEST_DRAWS of these
FEWEST_DRAWS = 199
TOGETHER, SPEND = "all", "spend"  # the rule of all attributes, and that of 04
MORE, FEWER, UNKNOWN = "more", "fewer", "cannot_tell"
PROFILE = ["attribute", "level", "customers", "share_of_best", "low", "high", "share_of_all", "p", "verdict"]
GRADES = ["rule", "auc", "low", "high", "in_use"]


@dataclass(frozen=True)
class IdealProfile:
    """How well attributes tell customers of the best tier from others, out of sample.

    Attributes
    ----------
    grades
        One row per rule: `rule` (`all`; the best single attribute by its name; `spend`, the early spend
        expected as in 04), `auc` with its 95 % interval `low`, `high` (DeLong; the chance that a customer of
        the best tier comes before another), `in_use`.
    p
        The chance of so high an auc of any rule but `spend` if attributes had nothing to do with the tier.
    gain, gain_low, gain_high
        The auc of all attributes less that of the best single one.
    attributes, parts
        Those of the rule in use, and of each what its groups add to the share of customers who are in the
        best tier; none where no rule is in use.
    share
        The share of customers who are in the best tier, 0…1.
    reason
        `better` (all attributes are in use), `single`, `spend` (this one orders better), `chance`; or what is
        missing: `no_attributes`, `too_few_best`.
    best, others
        Customers compared (counts).
    """

    grades: pd.DataFrame
    p: float
    gain: float
    gain_low: float
    gain_high: float
    attributes: tuple[Attribute, ...]
    parts: tuple[np.ndarray, ...]
    share: float
    reason: str
    best: int
    others: int

    @property
    def is_known(self) -> bool:
        """Whether any rule beats chance."""
        return len(self.attributes) > 0


def learn_profile(
    attributes: pd.DataFrame, is_best: pd.Series, *, spend: pd.Series | None = None, seed: int = 0
) -> IdealProfile:
    """Learn who belongs to the best tier from attributes known before the first purchase.

    The rules are linear discriminants: least squares on an indicator of the class has the direction of
    Fisher's (Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, exercise 4.2), here
    with the ridge of a normal prior on log odds, as one step of penalised logistic regression from the mean.
    Each is judged by cross-validation in ten folds. Chance is what the best of them reaches when who is in
    the best tier is permuted (maximum statistic: Westfall & Young 1993, Resampling-Based Multiple Testing,
    section 2.6). All attributes together are used only where they beat the best single one beyond chance
    (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837-845), else that one; and neither where the early
    spend expected by 04's regression, learned in the same folds, orders better beyond chance.

    Parameters
    ----------
    attributes
        From `features.arrivals.read_attributes`, of customers at least.
    is_best
        Whether each customer is in the best tier; who has never bought is not among them.
    spend
        Early spend of each of these customers (currency); None: 04's regression is not compared.
    seed
        Of folds and permutations.
    """
    known = is_best[is_best.index.isin(attributes.index)].sort_index()
    random = np.random.default_rng(seed)
    if len(known) > MAX_CUSTOMERS:
        known = known.iloc[np.sort(random.choice(len(known), MAX_CUSTOMERS, replace=False))]
    best, others = int(known.sum()), int((~known).sum())
    facts = attributes.loc[known.index]
    usable = [one for name in facts if (one := cut_into_groups(facts[name])) is not None]
    if not usable or min(best, others) < MIN_BEST:
        reason = "too_few_best" if usable else "no_attributes"
        return _nothing(reason, best, others)
    blocks = [indicate_groups(one, one.find_groups(facts)) for one in usable]
    y = known.to_numpy(float)
    draws = int(np.clip(MAX_DRAWN // len(y), FEWEST_DRAWS, DRAWS))
    permuted = random.permuted(np.tile(y, (draws, 1)), axis=1).T
    wanted = np.column_stack([y, permuted])
    fold = random.permutation(np.arange(len(y)) % FOLDS)
    rules = {TOGETHER: np.hstack(blocks)} if len(usable) > 1 else {}
    rules |= {one.name: block for one, block in zip(usable, blocks, strict=True)}
    judged = {name: _cross_validate(points, wanted, fold) for name, points in rules.items()}
    aucs = np.array([auc for _scores, auc in judged.values()])
    highest = aucs.max(axis=0)
    p = float((highest >= highest[0] - 1e-12).mean())
    order = dict(zip(rules, aucs[:, 0], strict=True))
    single = max((name for name in rules if name != TOGETHER), key=order.__getitem__)
    seen = {name: judged[name][0] for name in dict.fromkeys([*list(rules)[:1], single])}
    gain, low, high, p_gain = _compare_aucs(seen.get(TOGETHER, seen[single]), seen[single], y, fold)
    used = TOGETHER if gain > 0 and p_gain <= LEVEL else single
    reason = "chance" if p > LEVEL else ("better" if used == TOGETHER else "single")
    expected = _expect_spend(facts, spend, fold)
    if expected is not None:
        seen[SPEND] = expected
        ahead, _low, _high, p_ahead = _compare_aucs(expected, seen[used], y, fold)
        reason = SPEND if reason != "chance" and ahead > 0 and p_ahead <= LEVEL else reason
    used = used if reason in ("better", "single") else ""
    rows = [
        {"rule": name, **dict(zip(("auc", "low", "high"), _interval(each, y, fold), strict=True))}
        for name, each in seen.items()
    ]
    grades = pd.DataFrame(rows, columns=GRADES[:-1])
    grades["in_use"] = grades["rule"] == used
    kept = [n for n, one in enumerate(usable) if used in (TOGETHER, one.name)]
    parts = _fit([blocks[n] for n in kept], [usable[n] for n in kept], y)
    chosen = tuple(usable[n] for n in kept)
    return IdealProfile(grades, p, gain, low, high, chosen, parts, best / len(y), reason, best, others)


def rank_prospects(learned: IdealProfile, attributes: pd.DataFrame) -> pd.DataFrame:
    """The table `prospect_fit`: prospects, the one most like customers of the best tier first.

    Parameters
    ----------
    learned
        From `learn_profile`; no rows where no rule beats chance.
    attributes
        Of the prospects.

    Returns
    -------
    Indexed by `customer_id`: `rank` (1 is the first; equal ones share it), `expected_share` (0…1, of
    customers like them in the best tier), and what changes it most: `attribute`, `level` ("" for not known),
    `part` (what it adds to the share of all customers).
    """
    columns = ["rank", "expected_share", "attribute", "level", "part"]
    if not learned.is_known or attributes.empty:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="customer_id", dtype="str"))
    groups = [one.find_groups(attributes) for one in learned.attributes]
    added = np.column_stack(
        [np.append(part, 0.0)[group] for part, group in zip(learned.parts, groups, strict=True)]
    )
    total, most = added.sum(axis=1), np.abs(added).argmax(axis=1)
    rows = np.arange(len(attributes))
    named = [
        learned.attributes[k].name_group(groups[k][row]) if groups[k][row] >= 0 else ""
        for row, k in zip(rows, most, strict=True)
    ]
    table = pd.DataFrame(
        {
            "rank": pd.Series(-total.round(9)).rank(method="min").astype("int64").to_numpy(),
            "expected_share": (learned.share + total).clip(0, 1),
            "attribute": [learned.attributes[k].name for k in most],
            "level": named,
            "part": added[rows, most],
        },
        index=attributes.index,
    )
    return table.sort_values(["rank", "customer_id"])


def describe_best(attributes: pd.DataFrame, is_best: pd.Series) -> pd.DataFrame:
    """The profile of the best tier: the share of each group in it beside its share in all customers.

    Returns
    -------
    One row per attribute and group: `attribute`, `level` ("" for not known), `customers` (in the best tier),
    `share_of_best` (0…1) with its 95 % interval `low`, `high` (Wilson), `share_of_all` (0…1), `p` (Fisher's
    exact test, Holm over all rows) and `verdict`: more or fewer of the best tier than of the others, or
    cannot_tell. No rows with fewer than `MIN_BEST` customers in the best tier.
    """
    known = is_best[is_best.index.isin(attributes.index)]
    facts, best = attributes.loc[known.index], int(known.sum())
    rows = []
    for name in facts if min(best, len(known) - best) >= MIN_BEST else []:
        one = cut_into_groups(facts[name])
        groups = one.find_groups(facts) if one else np.zeros(0)
        for group in range(one.groups if one else 0):
            of_it = groups == group
            hits, size = int((of_it & known.to_numpy()).sum()), int(of_it.sum())
            p, least = exact_p(hits, [(len(known), best, size)])
            row = {
                "attribute": name,
                "level": one.name_group(group),
                "customers": hits,
                "p": p,
                "least": least,
            }
            shares = {"share_of_best": hits / best, "share_of_all": size / len(known)}
            rows.append(row | shares | dict(zip(("low", "high"), wilson(hits, best), strict=True)))
    found = pd.DataFrame(rows, columns=[*PROFILE[:-1], "least"])
    adjusted = holm(found["p"].to_numpy("float64"), found["least"].to_numpy("float64"))
    more, beyond = found["share_of_best"] > found["share_of_all"], adjusted <= LEVEL
    verdict = np.where(beyond & more, MORE, np.where(beyond, FEWER, UNKNOWN))
    return found.assign(p=adjusted, verdict=verdict)[PROFILE]


def _nothing(reason: str, best: int, others: int) -> IdealProfile:
    grades = pd.DataFrame(columns=GRADES)
    return IdealProfile(grades, *[np.nan] * 4, (), (), np.nan, reason, best, others)


def _ridge(share: float) -> float:
    """Of the indicator's slopes, so that log odds have a normal prior with sd `PRIOR_SD_LOG`."""
    return 1 / (PRIOR_SD_LOG**2 * share * (1 - share))


@dataclass(frozen=True)
class _Cells:
    """Customers of a fold with equal attributes, and how many of each column's wanted ones are among them."""

    fold: np.ndarray
    points: np.ndarray
    sizes: np.ndarray
    ones: np.ndarray
    which: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, wanted: np.ndarray, fold: np.ndarray) -> "_Cells":
        """From a row of indicators, a row of what is wanted, and the fold of each customer."""
        cells, which = np.unique(np.column_stack([fold, points]), axis=0, return_inverse=True)
        which = which.ravel()
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(cells)))
        ones = np.add.reduceat(wanted[order], starts, axis=0)
        sizes = np.bincount(which).astype(float)
        return cls(cells[:, 0].astype("int64"), cells[:, 1:], sizes, ones, which)

    def solve(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean of the indicators and the ridge slopes of each column, learned from these cells."""
        points, sizes, ones = self.points[inside], self.sizes[inside], self.ones[inside]
        mean = sizes @ points / sizes.sum()
        centred = points - mean
        share = float(np.clip(ones.sum() / (sizes.sum() * ones.shape[1]), 1e-9, 1 - 1e-9))
        inner = (centred * sizes[:, np.newaxis]).T @ centred + _ridge(share) * np.eye(points.shape[1])
        return mean, np.linalg.solve(inner, centred.T @ ones)


def _cross_validate(
    points: np.ndarray, wanted: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each customer's score by what was learned from the other folds; and the auc for each wanted column."""
    cells = _Cells.of(points, wanted, fold)
    scores = np.empty(cells.ones.shape)
    for k in range(FOLDS):
        own = cells.fold == k
        mean, slopes = cells.solve(~own)
        scores[own] = (cells.points[own] - mean) @ slopes
    return scores[cells.which, 0].round(12), _auc(scores, cells)


def _auc(scores: np.ndarray, cells: _Cells) -> np.ndarray:
    """The chance that a wanted one has a higher score than another of the same fold, for each column.

    Of the same fold, as a fold with more of the wanted ones has scores from folds with fewer. In a cell each
    is as likely; cells with equal scores keep their order, which knows nothing of who is wanted.
    """
    total, wanted = np.zeros(scores.shape[1]), np.zeros(scores.shape[1])
    for k in range(FOLDS):
        own = cells.fold == k
        order = np.argsort(scores[own], axis=0, kind="stable")
        ones = np.take_along_axis(cells.ones[own], order, 0)
        others = np.take_along_axis(cells.sizes[own][:, np.newaxis] - cells.ones[own], order, 0)
        below = others.cumsum(axis=0) - others / 2
        all_others = others.sum(axis=0)
        total += np.divide(
            (ones * below).sum(axis=0), all_others, out=np.zeros_like(total), where=all_others > 0
        )
        wanted += np.where(all_others > 0, ones.sum(axis=0), 0)
    return total / wanted


def _placements(scores: np.ndarray, wanted: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each wanted one the share of others of its fold below; of each other that of wanted ones above."""
    from scipy.stats import rankdata

    ones = wanted == 1
    above, below = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    for k in np.unique(fold):
        inside, outside = ones & (fold == k), ~ones & (fold == k)
        if inside.any() and outside.any():
            both = rankdata(np.append(scores[inside], scores[outside]))
            above[inside] = (both[: inside.sum()] - rankdata(scores[inside])) / outside.sum()
            below[outside] = 1 - (both[inside.sum() :] - rankdata(scores[outside])) / inside.sum()
    return above[ones & ~np.isnan(above)], below[~ones & ~np.isnan(below)]


def _interval(scores: np.ndarray, wanted: np.ndarray, fold: np.ndarray) -> tuple[float, float, float]:
    above, below = _placements(scores, wanted, fold)
    auc = float(above.mean())
    half = Z_95 * float(np.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)))
    return auc, max(0.0, auc - half), min(1.0, auc + half)


def _compare_aucs(
    one: np.ndarray, other: np.ndarray, wanted: np.ndarray, fold: np.ndarray
) -> tuple[float, float, float, float]:
    """The difference of two aucs of the same customers, its 95 % interval and p."""
    first, second = _placements(one, wanted, fold), _placements(other, wanted, fold)
    above, below = (a - b for a, b in zip(first, second, strict=True))
    error = float(np.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)))
    gain = float(above.mean())
    return gain, gain - Z_95 * error, gain + Z_95 * error, normal_p(gain, error)


def _expect_spend(facts: pd.DataFrame, spend: pd.Series | None, fold: np.ndarray) -> np.ndarray | None:
    """The early spend expected of each by a regression on the other folds; None where all are alike."""
    if spend is None:
        return None
    known = spend.reindex(facts.index).fillna(0.0).to_numpy("float64")
    expected = np.zeros(len(facts))
    for k in range(FOLDS):
        out = fold == k
        model = fit_poisson(facts[~out], known[~out], names=list(facts.columns))
        expected[out] = model.predict(facts[out]) / model.mean if model.mean > 0 else 1.0
    return expected.round(12) if np.ptp(expected) > 1e-9 else None


def _fit(blocks: list[np.ndarray], chosen: list[Attribute], y: np.ndarray) -> tuple[np.ndarray, ...]:
    """What each group of each attribute adds to the share in the best tier; 0 of the average customer."""
    if not blocks:
        return ()
    cells = _Cells.of(np.hstack(blocks), y[:, np.newaxis], np.zeros(len(y)))
    slopes = cells.solve(np.ones(len(cells.sizes), dtype=bool))[1][:, 0]
    parts = np.split(slopes, np.cumsum([block.shape[1] for block in blocks])[:-1])
    fitted = []
    for one, block, part in zip(chosen, blocks, parts, strict=True):
        whole = np.append(0.0, np.cumsum(part)) if one.cuts else part
        fitted.append(whole - float((block @ part).mean()))
    return tuple(fitted)
