"""What each tier contributes, of the whole history and of the last year, and how few of it bring most."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.privacy import LARGEST_SHARE

UNITS = 10_000  # of the smallest amount in one of the currency: sums of whole numbers do not depend on order
TOP = 0.1  # of a tier's customers
NO_TIER = "none"
STEPS = ["spend_total", "cost_to_serve", "contribution"]
COLUMNS = ["tier", "customers", "customers_share", *STEPS, "contribution_share", "per_customer"]


def summarise_profit(profit: pd.DataFrame, year: pd.Series, tiers: pd.Series, policy: Policy) -> pd.DataFrame:
    """What each tier paid, cost to serve and contributed; customers without a tier stand under "none".

    Parameters
    ----------
    profit
        The table `profit`.
    year
        What each customer contributed in the last year, from `tier_development.contribute_by_year`.
    tiers
        The tier in force, by `customer_id`.
    policy
        Names the tiers, in whose order the rows are.

    Returns
    -------
    One row per tier: `customers` (with any amount), `customers_share`; to date, in currency, `spend_total`,
    and where known `cost_to_serve` and `contribution`, its `contribution_share` of all and `per_customer`,
    `contribution_year`, `year_share` of all; `top_share`: of the tier's contribution, what the best tenth of
    its customers bring (missing unless it is above zero); `largest_share` of one customer. The sums are those
    of `profit`, to the cent.
    """
    known = profit["contribution"] if "contribution" in profit else pd.Series(np.nan, profit.index)
    rows = profit.reindex(columns=["spend_total", "cost_to_serve"]).assign(contribution=known)
    rows["contribution_year"] = year.reindex(profit.index)
    rows = rows[(rows.fillna(0) != 0).any(axis=1)]
    names = tiers.reindex(rows.index).astype("object").fillna(NO_TIER).rename("tier")
    order = [tier.name for tier in policy.tiers] + [NO_TIER] * bool((names == NO_TIER).any())
    whole = (rows.fillna(0) * UNITS).round().astype("int64").groupby(names).sum() / UNITS
    table = whole.reindex(order, fill_value=0.0)
    empty = rows.columns[rows.isna().all()]
    table[empty] = np.nan
    table.insert(0, "customers", rows.groupby(names).size().reindex(order, fill_value=0))
    table.insert(1, "customers_share", table["customers"] / max(table["customers"].sum(), 1))
    for amount, share in (("contribution", "contribution_share"), ("contribution_year", "year_share")):
        total = table[amount].sum()
        table[share] = table[amount] / total if total > 0 else np.nan
    table["per_customer"] = table["contribution"] / table["customers"].where(table["customers"] > 0)
    by_tier = rows["contribution"].groupby(names)
    table["top_share"] = by_tier.apply(_share_of_top).reindex(order)
    spend = rows["spend_total"].abs().groupby(names)
    table[LARGEST_SHARE] = (spend.max() / spend.sum().where(spend.sum() > 0)).reindex(order).fillna(1.0)
    extra = ["contribution_year", "year_share", "top_share", LARGEST_SHARE]
    return table.rename_axis("tier").reset_index()[[*COLUMNS, *extra]]


def _share_of_top(contribution: pd.Series) -> float:
    """What the best tenth, at least one, bring of the sum; missing unless that is above zero."""
    ranked = np.sort(contribution.dropna().to_numpy(float))[::-1]
    total = ranked.sum()
    return float(ranked[: max(round(len(ranked) * TOP), 1)].sum() / total) if total > 0 else np.nan
