"""Does a scored indicator stand for a protected attribute, though the attribute itself is never scored?"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.fairness import group_attribute, pool_small
from crcm_lib.decisions.profiles import list_conditions
from crcm_lib.stats import LEVEL, holm, normal_p

# Hosmer, Lemeshow & Sturdivant (2013), Applied Logistic Regression, section 5.2.4: acceptable discrimination.
STRONG = 0.70
SCORE = "score"
COLUMNS = ["indicator", "attribute", "group", "customers", "others", "auc", "p"]


def scan_proxies(
    card: pd.DataFrame, customers: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp
) -> pd.DataFrame:
    """How well each indicator, the score, and profiles that actions ask for tell a protected group apart.

    Compared are the points that are scored, among customers of whom indicator and attribute are known, and
    whether a customer meets the industries, sizes, regions and company age that an action asks for. An
    attribute is scanned if the policy protects and audits it; groups below the policy's `min_cell` are put
    together, and left out if they are still too few.

    Parameters
    ----------
    card
        The scorecard: `points_<indicator>` and `score`.
    customers
        Their attributes: the table `customer_features`.
    policy
        Names the attributes.
    as_of
        The day, for ages.

    Returns
    -------
    One row per indicator (`score` for the whole, `for` and the name of an action for its profile), attribute
    and group: `indicator`, `attribute`, `group`, `customers` (in it), `others`; `auc`, the chance that a
    customer of the group has more points than one of the others, equal points counting half (0.5: the
    indicator says nothing of the group; Hanley & McNeil 1982, Radiology 143, 29-36); `p` of the rank sum test
    with its correction for ties (Lehmann 1975, Nonparametrics, eq. 1.36), `p_adjusted` over all rows (Holm),
    and `is_proxy`: at least 0.70, or at most 0.30, and more than chance. Of two groups one row is both.
    """
    protected = {name.lower() for name in policy.fairness.protected}
    scored = {
        name.removeprefix("points_"): card[name]
        for name in card.columns.astype("str")
        if name.startswith("points_")
    }
    asked = list_conditions(customers.reindex(card.index), policy, as_of=as_of)
    scored |= {SCORE: card[SCORE]} | {str(name): met for name, met in asked.items()}
    rows = []
    for attribute in policy.fairness.audit:
        values = (
            group_attribute(customers, attribute, as_of=as_of) if attribute.lower() in protected else None
        )
        if values is None:
            continue
        groups = pool_small(values.reindex(card.index), policy.privacy.min_cell).dropna()
        for name, points in scored.items():
            pairs = _compare(points[groups.index], groups, policy.privacy.min_cell)
            rows += [{"indicator": name, "attribute": attribute} | pair for pair in pairs]
    found = pd.DataFrame(rows, columns=COLUMNS)
    adjusted = holm(found["p"].to_numpy(float))
    strong = (found["auc"] - 0.5).abs() >= STRONG - 0.5
    return found.assign(p_adjusted=adjusted, is_proxy=strong & (adjusted <= LEVEL))


def find_proxy_attributes(
    attributes: pd.DataFrame, customers: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp
) -> list[str]:
    """Which attributes have a group that stands for a group of a protected attribute, by `scan_proxies`.

    Parameters
    ----------
    attributes
        One row per customer: attributes as text, compared by whether a customer is in each of their groups.
    customers, policy, as_of
        As in `scan_proxies`.
    """
    points, of = {}, {}
    for attribute in attributes:
        for level in attributes[attribute].dropna().unique():
            of[name := f"{attribute}: {level}"] = attribute
            points[f"points_{name}"] = attributes[attribute].eq(level).astype(float)
    card = pd.DataFrame(points | {SCORE: pd.Series(0.0, attributes.index)}, index=attributes.index)
    found = scan_proxies(card, customers, policy, as_of=as_of)
    stand = {of[name] for name in found.loc[found["is_proxy"], "indicator"] if name in of}
    return [str(name) for name in attributes if name in stand]


def _compare(points: pd.Series, groups: pd.Series, least: int) -> list[dict[str, object]]:
    """The rank sums of each group of at least so many customers, with as many others."""
    from scipy.stats import rankdata

    known = points.notna().to_numpy()
    codes, names = pd.factorize(groups[known], sort=True)
    ranks, count = rankdata(points.to_numpy(float)[known]), int(known.sum())
    sizes = np.unique(ranks, return_counts=True)[1].astype(float)  # of ties
    spread = (count + 1) - (sizes**3 - sizes).sum() / max(count * (count - 1), 1)
    members, sums = np.bincount(codes), np.bincount(codes, weights=ranks)
    rows: list[dict[str, object]] = []
    for name, n, total in zip(names, members.tolist(), sums.tolist(), strict=True):
        others = count - n
        if min(n, others) >= least:
            auc = (total - n * (n + 1) / 2) / (n * others)
            p = normal_p(auc - 0.5, float(np.sqrt(spread / (12 * n * others))))
            rows.append({"group": name, "customers": n, "others": others, "auc": auc, "p": p})
    return rows[:1] if len(names) == 2 else rows
