"""Are the tiers spread alike over groups of customers? What is compared here is never scored."""

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.age_groups import assign_age_groups
from crcm_lib.stats import wilson

MAX_GROUPS = 8  # an attribute with more numbers than this is compared in four equal parts
SMALL_GROUPS = "small_groups"


def audit_tiers(
    tiers: pd.DataFrame, customers: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp
) -> pd.DataFrame:
    """Share of each group in the better tiers, beside everyone else's, with intervals.

    The better tiers are the policy's first two. A group's share is compared with that of all other customers
    of the same attribute: two 95 % Wilson intervals that do not touch are a difference to look into, not yet
    a wrong; several attributes are compared, so some differ by chance.

    Returns
    -------
    One row per audit attribute of the policy that the data have, and group: `attribute`, `group`,
    `customers`, `share`, `low`, `high`, `others_share`, `differs`. Groups below the policy's `min_cell` are
    put together as `small_groups`; what is then still below it, or leaves fewer others, is left out.
    """
    better = tiers["tier"].isin([tier.name for tier in policy.tiers[:2]])
    rows = []
    for attribute in policy.fairness.audit:
        values = group_attribute(customers, attribute, as_of=as_of)
        if values is not None:
            rows += _audit(attribute, values.reindex(tiers.index), better, policy.privacy.min_cell)
    columns = ["attribute", "group", "customers", "share", "low", "high", "others_share", "differs"]
    return pd.DataFrame(rows, columns=columns)


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
    known = values.notna()
    values, better = values[known], better[known]
    sizes = values.value_counts()
    small = sizes.index[sizes < least]
    values = values.where(~values.isin(small), SMALL_GROUPS)
    rows, total, total_better = [], len(values), int(better.sum())
    for group, members in better.groupby(values):
        count, hits = len(members), int(members.sum())
        if count < least or total - count < least:
            continue
        low, high = wilson(hits, count)
        others_low, others_high = wilson(total_better - hits, total - count)
        others_share = (total_better - hits) / (total - count)
        differs = bool(low > others_high or high < others_low)
        own = {"attribute": attribute, "group": group, "customers": count, "share": hits / count}
        rows.append(own | {"low": low, "high": high, "others_share": others_share, "differs": differs})
    return rows
