"""Value and risk of each customer side by side: how many and how much in each cell, and what it gets."""

import numpy as np
import pandas as pd

from crcm_lib.models.receivables import MAX_DOMINANT_SHARE
from crcm_lib.privacy import hide_small

LIKELY = 0.5  # P(no purchase) from which leaving is likely, as in 05
LEVELS = {  # of each kind of risk, the gravest first; they are never added up
    "leaving": ("gone_silent", "likely", "less_likely"),
    "credit": ("terms_withheld", "overdue", "in_order"),
}
NOT_KNOWN = "not_known"
COLUMNS = ["risk", "tier", "level", "customers", "value", "largest_share"]


def place_risks(
    tiers: pd.DataFrame, churn: pd.DataFrame, overdue: pd.Index, invoiced: pd.Index
) -> pd.DataFrame:
    """The level of each customer in each kind of risk.

    Parameters
    ----------
    tiers
        The table `tiers`: `tier_in_force`, `terms_withheld`.
    churn
        The table `churn`.
    overdue
        Customers who owe what the policy calls about, from `open_invoices.list_overdue`.
    invoiced
        Customers who were ever invoiced where payments are known.

    Returns
    -------
    By `customer_id`, those of `tiers`: `tier`; `leaving`: `gone_silent` (bought nothing for longer than the
    horizon of 05), `likely` (P(no purchase) one half or more) or `less_likely`; `credit`: `terms_withheld` by
    the policy's `terms_from`, `overdue`, or `in_order`; each `NOT_KNOWN` where the data tell nothing.
    """
    known = churn.reindex(tiers.index)
    silent = known["silent_beyond_horizon"].eq(True).to_numpy()
    p = known["p_no_purchase"].to_numpy("float64")
    leaving = np.select(
        [np.isnan(p), silent, p >= LIKELY], [NOT_KNOWN, *LEVELS["leaving"][:2]], "less_likely"
    )
    withheld = tiers["terms_withheld"].to_numpy(bool)
    owes, seen = tiers.index.isin(overdue), tiers.index.isin(invoiced)
    credit = np.select([withheld, owes, seen], LEVELS["credit"], NOT_KNOWN)
    return pd.DataFrame({"tier": tiers["tier_in_force"], "leaving": leaving, "credit": credit}, tiers.index)


def cross_risks(placed: pd.DataFrame, value: pd.Series, order: list[str]) -> pd.DataFrame:
    """Value-risk matrix (价值风险矩阵): customers and predicted value of each tier by level, for each kind.

    Parameters
    ----------
    placed
        From `place_risks`.
    value
        Predicted value by `customer_id` (currency); who has none counts 0.
    order
        The tiers, best first.

    Returns
    -------
    One row per `risk`, `tier` and `level` (those of `LEVELS`, then `NOT_KNOWN`): `customers`, `value`,
    `largest_share` (part of it that the largest customer is expected to bring). A kind of which nothing is
    known of anybody has no rows.
    """
    amounts = value.reindex(placed.index).fillna(0.0).clip(lower=0).rename("value")
    parts = []
    for risk, levels in LEVELS.items():
        if (placed[risk] == NOT_KNOWN).all():
            continue
        places = pd.MultiIndex.from_product([order, [*levels, NOT_KNOWN]], names=["tier", "level"])
        cells = amounts.groupby([placed["tier"], placed[risk].rename("level")])
        sums = pd.DataFrame({"customers": cells.size(), "value": cells.sum(), "largest": cells.max()})
        sums = sums.reindex(places).fillna(0.0).reset_index()
        share = (sums.pop("largest") / sums["value"].where(sums["value"] > 0)).fillna(0.0)
        parts.append(sums.assign(risk=risk, largest_share=share))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return found[COLUMNS].astype({"customers": "int64"})


def hide_cells(cells: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`cross_risks` without small cells, and without the money of those that one customer dominates."""
    parts = []
    for _risk, mine in cells.groupby("risk", sort=False):
        shown = _find_shown(mine, mine["customers"], at_least)
        dominated = (mine["largest_share"] > MAX_DOMINANT_SHARE) & (mine["customers"] > 0)
        money = shown & _find_shown(mine, mine["customers"].mask(dominated, 1), at_least)
        customers = mine["customers"].astype("Int64").where(shown)
        parts.append(mine.assign(customers=customers, value=mine["value"].where(money)))
    found = pd.concat(parts) if parts else cells
    return found.drop(columns="largest_share")


def _find_shown(cells: pd.DataFrame, counts: pd.Series, at_least: int) -> pd.Series:
    """Which cells of a two-way table may be shown."""
    wide = cells.assign(n=counts).pivot_table(
        index="tier", columns="level", values="n", sort=False, aggfunc="sum"
    )
    wide = wide.astype("int64")
    shown = hide_small(wide, counts=list(wide.columns), at_least=at_least).notna()
    rows, columns = shown.index.get_indexer(cells["tier"]), shown.columns.get_indexer(cells["level"])
    return pd.Series(shown.to_numpy()[rows, columns], cells.index)


def list_answers(placed: pd.DataFrame, done: pd.DataFrame, *, at_least: int, most: int = 2) -> pd.DataFrame:
    """What the playbook does in each cell: the actions that most of its customers get.

    Parameters
    ----------
    placed
        From `place_risks`.
    done
        Rows of `customer_id` and `action`: the tables `actions`, without standard offers, and `care`.

    Returns
    -------
    One row per `risk`, `tier` and `level`, and action, most customers first: `action`, `customers`; at most
    `most` per cell, none that fewer than `at_least` get.
    """
    pairs = done[["customer_id", "action"]].drop_duplicates()
    pairs = pairs[pairs["customer_id"].isin(placed.index)]
    parts = []
    for risk in LEVELS:
        cell = placed.loc[pairs["customer_id"], ["tier", risk]].set_axis(["tier", "level"], axis=1)
        counts = (
            cell.assign(action=pairs["action"].to_numpy()).value_counts().rename("customers").reset_index()
        )
        parts.append(counts.assign(risk=risk))
    found = pd.concat(parts, ignore_index=True)
    found = found[(found["customers"] >= at_least) & (found["level"] != NOT_KNOWN)]
    found = found.sort_values(["customers", "action"], ascending=[False, True])
    found = found.groupby(["risk", "tier", "level"], sort=False).head(most)
    return found[["risk", "tier", "level", "action", "customers"]].reset_index(drop=True)


def count_called(care: pd.DataFrame) -> pd.DataFrame:
    """Whom 09 has called about what they owe, by who calls: `owner_role`, `action`, `customers`, `owed`.

    `care` is the table; `days_overdue` is the mean over customers of their oldest invoice, `largest_share`
    the largest customer's part of `owed`. No rows where nobody is called.
    """
    mine = care[care["occasion"] == "overdue"].groupby(["owner_role", "action"])
    called = pd.DataFrame(
        {
            "customers": mine["customer_id"].nunique(),
            "owed": mine["owed"].sum().round(4),
            "days_overdue": mine["days_overdue"].mean(),
            "largest_share": mine["owed"].max() / mine["owed"].sum(),
        }
    )
    return called.reset_index()


def count_withheld(
    tiers: pd.DataFrame, exposure: pd.DataFrame, value: pd.Series, order: list[str]
) -> pd.DataFrame:
    """By tier, whose terms are withheld for credit: `customers`, `value`, `exposure`, `largest_share`.

    `largest_share` is the largest customer's part of `value`; `exposure` is missing where nobody's is known.
    No rows where nobody's terms are withheld.
    """
    mine = tiers[tiers["terms_withheld"].astype(bool)]
    amounts = value.reindex(mine.index).fillna(0.0).clip(lower=0)
    debts = exposure["exposure"].reindex(mine.index).fillna(0.0 if len(exposure) else np.nan)
    tier = mine["tier_in_force"].rename("tier")
    sums = pd.DataFrame(
        {
            "customers": tier.groupby(tier).size(),
            "value": amounts.groupby(tier).sum(),
            "exposure": debts.groupby(tier).sum(min_count=1).round(4),
            "largest_share": amounts.groupby(tier).max() / amounts.groupby(tier).sum(),
        }
    ).fillna({"largest_share": 0.0})
    return sums.reindex([name for name in order if name in sums.index]).rename_axis("tier").reset_index()


def join_risks(
    placed: pd.DataFrame,
    exposure: pd.DataFrame,
    warned: pd.DataFrame,
    watch: pd.DataFrame,
    invoiced: pd.Index,
) -> pd.DataFrame:
    """The table `risk`, one row per customer with a tier.

    Parameters
    ----------
    placed, exposure, warned, watch
        From `place_risks`, `receivables.measure_exposure`, `early_warnings.find_warned` and
        `growth_watch.watch_growth`.
    invoiced
        Customers who were ever invoiced: who of them owes nothing owes 0, of all others it is not known.
    """
    owes = exposure.reindex(placed.index)[["owed", "overdue", "days_overdue", "exposure"]]
    seen = placed.index.isin(invoiced)
    owes = owes.where(owes.notna() | ~seen[:, None], 0.0).astype("float64")
    owes["days_overdue"] = owes["days_overdue"].where(owes["overdue"] > 0)
    joined = warned.groupby("customer_id")["warning"].agg("+".join).reindex(placed.index)
    grown = watch["development"].reindex(placed.index)
    risk = placed[["leaving", "credit"]].join(owes)
    risk = risk.assign(warnings=joined.astype("object"), development=grown.astype("object"))
    return risk.astype({"leaving": "str", "credit": "str"})
