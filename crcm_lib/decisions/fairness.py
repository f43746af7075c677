"""Are the tiers spread alike over groups of customers? What is compared here is never scored."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.age_groups import assign_age_groups
from crcm_lib.stats import LEVEL, POWER_80, Z_95, exact_p, holm, wilson

MAX_GROUPS = 8  # an attribute with more numbers than this is compared in four equal parts
SMALL_GROUPS = "small_groups"
FOUR_FIFTHS = 0.8  # Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D
HALF = 0.5  # of the others' share: what a group must be large enough to show


def audit_tiers(
    tiers: pd.DataFrame, customers: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp
) -> pd.DataFrame:
    """Share of each group in the better tiers, beside that of all other customers of the same attribute.

    The better tiers are the policy's first two. A difference is something to look into, not yet a wrong:
    groups may differ in what they buy.

    Returns
    -------
    One row per audit attribute of the policy that the data have, and group: `attribute`, `group`,
    `customers`, their `share` with its own 95 % interval (Wilson) from `low` to `high`, `others_share`, the
    `ratio` of the two, `p` (Fisher's exact test: what shuffled tiers would give), `p_adjusted` over all
    groups of the report (Holm; empty where nothing could have reached 5 %), and a `finding`:

    - `fewer` or `more` than the others in the better tiers, where `p_adjusted` is at most 5 %
    - `too_small`: even half the others' chance would give p <= 5 % in fewer than 80 % of cases
    - `below_four_fifths` of the others' share, in a group large enough, though within chance
    - `alike`: within chance

    Notes
    -----
    29 CFR 1607.4 D takes less than four fifths of the highest group's share as a sign to look into, unless
    numbers are small. Of a dozen groups one is the highest by chance, so here a group is compared with all
    others. A ratio below four fifths is a fact of these customers, and only `fewer` is more than chance.

    Groups below the policy's `min_cell`, and who is in no known group if so few, are put together as
    `small_groups`, with the smallest of the other groups while they are still too few: so none follows from
    the rest. A group that leaves no others is left out.
    """
    better = tiers["tier_in_force"].isin([tier.name for tier in policy.tiers[:2]])
    rows = []
    for attribute in policy.fairness.audit:
        values = group_attribute(customers, attribute, as_of=as_of)
        if values is not None:
            rows += _audit(attribute, values.reindex(tiers.index), better, policy.privacy.min_cell)
    columns = ["attribute", "group", "customers", "share", "low", "high", "others_share", "others"]
    return _judge(pd.DataFrame(rows, columns=[*columns, "p", "smallest_p"]))


def group_attribute(
    customers: pd.DataFrame, attribute: str, *, as_of: str | pd.Timestamp
) -> pd.Series | None:
    """An attribute as groups of text, age from `birthday` where need be; None where absent."""
    if attribute == "age" and "age" not in customers and "birthday" in customers:
        return assign_age_groups(customers["birthday"], as_of)
    if attribute not in customers or customers[attribute].isna().all():
        return None
    values = customers[attribute]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MAX_GROUPS:
        values = pd.qcut(values, 4, duplicates="drop")
    return values.astype("str").where(values.notna())


def _audit(attribute: str, values: pd.Series, better: pd.Series, least: int) -> list[dict[str, object]]:
    groups = pool_small(values, least)
    better = better[groups.notna()]
    rows: list[dict[str, object]] = []
    total, total_better = len(better), int(better.sum())
    for group, members in better.groupby(groups):
        count, hits = len(members), int(members.sum())
        if count == total:
            continue
        low, high = wilson(hits, count)
        p, smallest_p = exact_p(hits, [(total, total_better, count)])
        own = {"attribute": attribute, "group": group, "customers": count, "share": hits / count}
        others = {"others": total - count, "others_share": (total_better - hits) / (total - count)}
        rows.append({**own, "low": low, "high": high, **others, "p": p, "smallest_p": smallest_p})
    return rows


def pool_small(values: pd.Series, least: int) -> pd.Series:
    """Small groups as one of at least so many customers; no known group is missing, unless they are many."""
    sizes = values.fillna("").value_counts().sort_values(kind="stable")
    pooled = int((sizes < least).sum())
    if pooled and sizes.iloc[:pooled].sum() < least:
        pooled += 1
    return values.fillna("").replace(dict.fromkeys(sizes.index[:pooled], SMALL_GROUPS)).replace("", None)


def _judge(audit: pd.DataFrame) -> pd.DataFrame:
    share, others = audit["share"], audit["others_share"]
    by_attribute = audit.groupby("attribute", sort=False)
    mirrored = (by_attribute["group"].transform("size") == 2) & audit.duplicated("attribute")
    adjusted = holm(audit["p"].mask(mirrored).to_numpy(float), audit["smallest_p"].to_numpy(float))
    of_first = audit.assign(adjusted=adjusted).groupby("attribute", sort=False)["adjusted"].transform("first")
    adjusted = np.where(mirrored, of_first, adjusted)  # of two groups, both are one comparison
    less = HALF * others
    error = np.sqrt(less * (1 - less) / audit["customers"] + others * (1 - others) / audit["others"])
    too_small = ~(others - less >= (Z_95 + POWER_80) * error) | (others == 0)
    ratio = (share / others).where(others > 0).round(9)  # so that four fifths are not less
    claimed = adjusted <= LEVEL
    conditions = [claimed & (share < others), claimed & (share > others), too_small, ratio < FOUR_FIFTHS]
    finding = np.select(conditions, ["fewer", "more", "too_small", "below_four_fifths"], "alike")
    judged = audit.drop(columns=["smallest_p", "others"])
    return judged.assign(p_adjusted=adjusted, finding=finding).assign(ratio=ratio)
