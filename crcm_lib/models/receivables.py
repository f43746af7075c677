"""Open invoices -> what is owed by age and by tier, and how much of it hangs on how few customers."""

import numpy as np
import pandas as pd

from crcm_lib.features.open_invoices import add_up
from crcm_lib.privacy import hide_small

BUCKETS = ("not_due", "1_30", "31_60", "61_90", "over_90")  # days overdue (账龄)
LAST_DAYS = (0, 30, 60, 90)  # of each bucket but the last
ALL = "all"  # in place of a tier
NO_TIER = "no_tier"  # of who is invoiced and stands in no tier
MAX_DOMINANT_SHARE = 0.8  # as in privacy.suppression


def place_buckets(days_overdue: pd.Series) -> pd.Series:
    """The bucket of each age in days since the day an invoice was due.

    >>> place_buckets(pd.Series([-3, 0, 1, 30, 31, 90, 91])).to_list()
    ['not_due', 'not_due', '1_30', '1_30', '31_60', '61_90', 'over_90']
    """
    place = np.searchsorted(LAST_DAYS, days_overdue.to_numpy(), side="left")
    return pd.Series(np.array(BUCKETS, dtype=object)[place], days_overdue.index, name="bucket")


def age_receivables(owed: pd.DataFrame, tiers: pd.Series, order: list[str]) -> pd.DataFrame:
    """What is owed by tier and by days overdue (账龄分析).

    Parameters
    ----------
    owed
        From `open_invoices.list_open`.
    tiers
        Each customer's tier in force; who has none is under `NO_TIER`.
    order
        The tiers, best first.

    Returns
    -------
    One row per tier (those without a customer who owes too) and bucket, and per bucket one for `ALL`: `tier`,
    `bucket`, `customers`, `owed` (currency, credit notes taken off; exact), `largest_share` (part of the
    larger amounts that the largest customer owes).
    """
    tier = owed["customer_id"].map(tiers).astype("object")
    known = owed.assign(tier=tier.where(tier.notna(), NO_TIER), bucket=place_buckets(owed["days_overdue"]))
    names = [*order, *([NO_TIER] if (known["tier"] == NO_TIER).any() else [])]
    places = pd.MultiIndex.from_product([names, BUCKETS], names=["tier", "bucket"])
    whole = pd.MultiIndex.from_product([[ALL], BUCKETS], names=["tier", "bucket"])
    by_tier = _size(known, ["tier", "bucket"]).reindex(places)
    in_all = _size(known.assign(tier=ALL), ["tier", "bucket"]).reindex(whole)
    return pd.concat([by_tier, in_all]).fillna(0.0).astype({"customers": "int64"}).reset_index()


def _size(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Customers, what they owe and the largest one's share, by group; exact."""
    groups = [rows[name] for name in by]
    each = add_up(rows["amount"], [*groups, rows["customer_id"]])
    levels = list(range(len(by)))
    positive = each.clip(lower=0).groupby(level=levels)
    largest = positive.max() / positive.sum().where(positive.sum() > 0)
    counts = each.groupby(level=levels).size()
    return pd.DataFrame(
        {"customers": counts, "owed": add_up(rows["amount"], groups), "largest_share": largest}
    )


def hide_ages(ages: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`age_receivables` as people may see it: one row per tier, one column per bucket, and their total.

    A cell is missing where it, or what could be computed by taking the others off a total, tells of fewer
    than `at_least` customers or of one who dominates it.
    """
    dominated = (ages["largest_share"] > MAX_DOMINANT_SHARE) & (ages["customers"] > 0)
    counted = ages.assign(customers=ages["customers"].mask(dominated, 1))  # hidden like a single customer
    counts = counted.pivot_table(
        index="tier", columns="bucket", values="customers", sort=False, aggfunc="sum"
    )
    sums = ages.pivot_table(index="tier", columns="bucket", values="owed", sort=False, aggfunc="sum")
    counts, sums = counts.reindex(columns=BUCKETS).astype("int64"), sums.reindex(columns=BUCKETS)
    parts = hide_small(counts.drop(index=ALL), counts=list(BUCKETS), at_least=at_least)
    whole = hide_small(counts.loc[[ALL]].T.set_axis(["customers"], axis=1), at_least=at_least)
    shown = sums.astype("float64").where(pd.concat([parts, whole.T.set_axis([ALL])]).notna())
    total = sums.sum(axis=1).round(4).where(counts.sum(axis=1).ge(at_least) | counts.sum(axis=1).eq(0))
    return shown.assign(total=total.where(shown.notna().any(axis=1))).rename_axis(columns=None).reset_index()


def measure_exposure(owed: pd.DataFrame, uninvoiced: pd.Series) -> pd.DataFrame:
    """What a customer would cost if they paid nothing any more.

    Parameters
    ----------
    owed, uninvoiced
        From `open_invoices`: `list_open` and `sum_uninvoiced`.

    Returns
    -------
    By `customer_id`, who owes or has bought since the last invoice: `owed`, `overdue` (part of it, after the
    day it was due), `days_overdue` (of the oldest; 0 where nothing is), `uninvoiced` (missing: not known) and
    `exposure`, owed and not yet invoiced together, never below 0.
    """
    late = owed[owed["days_overdue"] > 0]
    known = pd.DataFrame(
        {
            "owed": add_up(owed["amount"], owed["customer_id"]),
            "overdue": add_up(late["amount"], late["customer_id"]),
            "days_overdue": late.groupby("customer_id")["days_overdue"].max(),
            "uninvoiced": uninvoiced[uninvoiced > 0] if len(uninvoiced) else uninvoiced,
        }
    ).astype("float64")
    filled = known.fillna(dict.fromkeys(["owed", "overdue", "days_overdue"], 0.0))
    filled["uninvoiced"] = uninvoiced.reindex(filled.index)
    exposure = (filled["owed"] + filled["uninvoiced"].fillna(0.0)).clip(lower=0).round(4)
    return filled.assign(exposure=exposure).rename_axis("customer_id").sort_index()


def group_exposure(exposure: pd.DataFrame, tiers: pd.Series, order: list[str]) -> pd.DataFrame:
    """By tier `customers` who owe, `owed`, `overdue`, `exposure`, `exposure_share`, `largest_share`."""
    tier = exposure.index.to_series().map(tiers).astype("object")
    tier = tier.where(tier.notna(), NO_TIER).rename("tier")
    names = [*order, *([NO_TIER] if (tier == NO_TIER).any() else [])]
    sums = {name: add_up(exposure[name], tier) for name in ("owed", "overdue", "exposure")}
    table = pd.DataFrame({"customers": tier.groupby(tier).size(), **sums}).reindex(names).fillna(0.0)
    total = table["exposure"].sum()
    table["exposure_share"] = table["exposure"] / (total or np.nan)
    largest = exposure["exposure"].groupby(tier).max().reindex(names)
    table["largest_share"] = (largest / table["exposure"].where(table["exposure"] > 0)).fillna(0.0)
    return table.astype({"customers": "int64"}).rename_axis("tier").reset_index()


def measure_debtors(exposure: pd.Series, *, at_least: int) -> dict[str, float]:
    """How much of all exposure hangs on how few customers.

    Returns
    -------
    `customers`, `exposure` (currency), `herfindahl` (sum of squared shares: Hirschman 1964, American Economic
    Review 54, 761-762), `equal_customers` (its reciprocal: as many of equal size would give it),
    `largest_share` (of the `at_least` largest together, so that no single one is shown) and how many these
    are, `largest`. Missing where fewer than twice `at_least` customers owe.
    """
    positive = exposure[exposure > 0].sort_values(ascending=False)
    total = float(positive.sum())
    found = {"customers": float(len(positive)), "exposure": total, "largest": float(at_least)}
    if len(positive) < 2 * at_least:
        return found | dict.fromkeys(["herfindahl", "equal_customers", "largest_share"], float("nan"))
    shares = positive / total
    index = float((shares**2).sum())
    first = float(shares.iloc[:at_least].sum())
    return found | {"herfindahl": index, "equal_customers": 1 / index, "largest_share": first}
