"""Contribution per group and over the customers: who contributes, and which large customers cost money.

Where cost is unknown there is no contribution, and the functions return what is known without it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.cost_to_serve import COSTS, ContributionWaterfall, contribution_waterfall
from crcm_lib.privacy import LARGEST_SHARE
from crcm_lib.schema.engine import Engine

UNITS = 10_000  # of the smallest amount in one of the currency: sums of whole numbers do not depend on order
LARGE_QUANTILE = 0.8  # large customers are the top fifth by gross sales
ALL, NO_GROUP = "all", "none"


@dataclass(frozen=True)
class WhaleCurve:
    """Cumulative contribution over the customers, the largest contribution first.

    Attributes
    ----------
    groups
        Groups of about equal size, the largest contributions first: `customers` (count), `contribution`
        (currency), `largest_share` (part of it that the largest customer brings); `customer_share` and
        `cumulative` (currency) up to the end of the group.
    total, peak
        Contribution of all customers, and of those with a contribution above zero (currency).
    negative
        Customers whose contribution is below zero (count).
    known
        False where cost is unknown; then there are no groups.
    """

    groups: pd.DataFrame
    total: float
    peak: float
    negative: int
    known: bool = True

    @property
    def customers(self) -> int:
        """Customers whose contribution is known (count)."""
        return int(self.groups["customers"].sum())

    @property
    def peak_share(self) -> float:
        """The peak as a share of the total; missing unless the total is above zero."""
        return self.peak / self.total if self.total > 0 else np.nan

    @property
    def negative_share(self) -> float:
        """Share of the customers whose contribution is below zero."""
        return self.negative / max(self.customers, 1)


def sum_waterfall(waterfall: ContributionWaterfall, groups: pd.Series | None = None) -> pd.DataFrame:
    """Gross sales, what each step takes off, and what remains, summed over all customers or per group.

    Parameters
    ----------
    waterfall
        From `contribution_waterfall`.
    groups
        A group's name (tier, segment) per `customer_id`; who has none is counted under "none". Left out: one
        row for all.

    Returns
    -------
    One row per group, the largest gross sales first: `group`, `customers` (with any amount), `gross_sales`,
    the known steps, `spend_total` and, where cost is known, `contribution` (all in the currency) and
    `contribution_share` of gross sales; `largest_share` of gross sales, which small-cell suppression needs.
    Of a customer the cost of most of whose sales is unknown all revenue stands under `sales_of_unknown_cost`
    and no cost is counted. The rows add up exactly.
    """
    rows = _set_unknown_aside(waterfall)
    rows = rows[(rows != 0).any(axis=1)]
    names = pd.Series(ALL, index=rows.index) if groups is None else groups.reindex(rows.index)
    names = names.astype("object").where(names.notna(), NO_GROUP).rename("group")
    sums = (rows * UNITS).round().astype("int64").groupby(names).sum() / UNITS
    gross = sums["gross_sales"].where(sums["gross_sales"] > 0)
    largest = rows["gross_sales"].groupby(names).max() / gross
    sums.insert(0, "customers", rows.groupby(names).size())
    if waterfall.known:
        sums["contribution_share"] = sums["contribution"] / gross
    sums[LARGEST_SHARE] = largest.fillna(1.0)
    return sums.sort_values(["gross_sales", "customers"], ascending=False, kind="stable").reset_index()


def _set_unknown_aside(waterfall: ContributionWaterfall) -> pd.DataFrame:
    """The rows, where customers whose cost is mostly unknown have no cost and a contribution of zero."""
    rows = waterfall.rows
    if not waterfall.known:
        return rows
    unknown = rows["contribution"].isna()
    costs = {step: rows[step].mask(unknown, 0.0) for step in waterfall.steps if step in COSTS}
    costs["sales_of_unknown_cost"] = rows["sales_of_unknown_cost"].mask(unknown, rows["spend_total"])
    return rows.assign(**costs, contribution=rows["contribution"].fillna(0.0))


def summarise_unknown(waterfall: ContributionWaterfall) -> pd.DataFrame:
    """The customers without a contribution, because the cost of most of their sales is unknown.

    Returns
    -------
    One row: `customers` (count), `spend_total` (currency) and `largest_share`, the part of it that the
    largest brings, which small-cell suppression needs. No rows where there is no such customer or no cost.
    """
    rows = waterfall.rows
    spend = (
        rows.loc[rows["contribution"].isna(), "spend_total"] if waterfall.known else pd.Series(dtype=float)
    )
    largest = spend.abs().max() / max(spend.abs().sum(), 1 / UNITS)
    summary = {"customers": len(spend), "spend_total": spend.sum(), LARGEST_SHARE: largest}
    return pd.DataFrame([summary]).iloc[: len(spend)]


def whale_curve(waterfall: ContributionWaterfall, *, min_group: int = 5, most_groups: int = 20) -> WhaleCurve:
    """The whale curve of cumulative contribution.

    Parameters
    ----------
    waterfall
        From `contribution_waterfall`; customers without known contribution are left out.
    min_group
        Customers in a group, at least, if there are as many.
    most_groups
        Groups, at most.

    References
    ----------
    Kaplan & Narayanan (2001), Measuring and managing customer profitability, Journal of Cost Management
    15(5), 5-15.
    """
    contribution = waterfall.rows["contribution"].dropna() if waterfall.known else pd.Series(dtype=float)
    ranked = np.sort((contribution.to_numpy(float) * UNITS).round().astype("int64"))[::-1]
    count = max(min(most_groups, len(ranked) // max(min_group, 1)), 1)
    number = np.arange(len(ranked)) * count // max(len(ranked), 1) + 1
    by_group = pd.Series(ranked / UNITS, name="contribution").groupby(number)
    groups = by_group.agg(customers="size", contribution="sum").rename_axis("group").reset_index()
    groups[LARGEST_SHARE] = [one.abs().max() / max(one.abs().sum(), 1 / UNITS) for _number, one in by_group]
    ends = groups["customers"].cumsum().to_numpy(int)
    groups["customer_share"] = ends / max(len(ranked), 1)
    groups["cumulative"] = ranked.cumsum()[ends - 1] / UNITS
    total, peak = ranked.sum() / UNITS, ranked[ranked > 0].sum() / UNITS
    return WhaleCurve(groups, float(total), float(peak), int((ranked < 0).sum()), waterfall.known)


def curve_points(groups: pd.DataFrame) -> pd.DataFrame:
    """The points of a whale curve that may be shown: `customer_share` and `cumulative`, from the origin on.

    Parameters
    ----------
    groups
        `WhaleCurve.groups`, the `contribution` of groups that must not be shown made missing. A point next to
        such a group is left out, except the last one, the total; where fewer than two ends of groups remain
        there are no points.
    """
    hidden = groups["contribution"].isna().to_numpy(bool)
    beside_hidden = hidden | np.append(hidden[1:], False)[: len(hidden)]
    last = np.arange(len(groups)) == len(groups) - 1
    ends = groups.loc[~beside_hidden | last, ["customer_share", "cumulative"]]
    if hidden.all() or len(ends) < 2:
        return ends.iloc[:0]
    return pd.concat([pd.DataFrame({"customer_share": [0.0], "cumulative": [0.0]}), ends], ignore_index=True)


def list_unprofitable(waterfall: ContributionWaterfall, *, most: int = 10) -> pd.DataFrame:
    """Customers in the top fifth by gross sales whose contribution is below zero, the lowest first.

    Returns
    -------
    Indexed by `customer_id`: `gross_sales`, `spend_total`, `contribution` (currency); `main_step`, the step
    whose share of gross sales is furthest above that of all customers, `main_step_share`, its share of the
    customer's gross sales, and `usual_share`, its share of everybody's. No rows where cost is unknown.
    """
    columns = ["gross_sales", "spend_total", "contribution", "main_step", "main_step_share", "usual_share"]
    rows = waterfall.rows
    if not waterfall.known:
        return rows.iloc[:0].reindex(columns=columns)
    size = rows.loc[rows["gross_sales"] > 0, "gross_sales"].rank(pct=True)
    large = rows.loc[size.index[size > LARGE_QUANTILE]]
    large = large.sort_values(["contribution", "gross_sales"], kind="stable")
    listed = large[large["contribution"] < 0].head(most)
    if listed.empty:
        return listed.reindex(columns=columns)
    usual = rows[waterfall.steps].sum() / rows["gross_sales"].sum()
    shares = listed[waterfall.steps].div(listed["gross_sales"], axis=0)
    main = (shares - usual).idxmax(axis=1)
    own = [shares.loc[customer, step] for customer, step in main.items()]
    return listed.assign(main_step=main, main_step_share=own, usual_share=usual[main].to_numpy())[columns]


def reconcile(engine: Engine, holdout: pd.DataFrame, *, annual_interest_rate: float) -> pd.DataFrame:
    """Sums of predicted and actual spend and contribution over the days that were held out.

    Both are of the customers known at the window's start and of the days after it. The prediction of
    contribution is that of spend times the margin rate known at the start, which leaves out cost to serve and
    late payment; it is compared for the customers the cost of most of whose sales is known.

    Parameters
    ----------
    engine
        As for `contribution_waterfall`.
    holdout
        The table `holdout`; no rows where no window of the past could be held out.
    annual_interest_rate
        As for `contribution_waterfall`.

    Returns
    -------
    One row for `spend` and, where cost was known at the start and at the end, one for `contribution`: `what`,
    `start` and `end` (days), `customers` (count), `predicted` and `actual` (currency), `bias` (predicted /
    actual − 1; empty unless the actual sum is above zero). No rows without a window.
    """
    columns = ["what", "start", "end", "customers", "predicted", "actual"]
    if holdout.empty:
        return pd.DataFrame(columns=[*columns, "bias"])
    start, end = holdout["start"].iloc[0], holdout["end"].iloc[0]
    before, by_then = (
        contribution_waterfall(engine, as_of=day, annual_interest_rate=annual_interest_rate).rows
        for day in (start, end)
    )
    actual = (by_then - before).reindex(holdout.index)
    pairs = {"spend": (holdout["spend_predicted"], actual["spend_total"])}
    margin = holdout["margin_predicted"]
    if "contribution" in before and margin.notna().any():
        contribution = actual["contribution"].dropna()
        pairs["contribution"] = (margin[contribution.index], contribution)
    rows = [
        (what, start, end, len(actual), predicted.sum(), actual.sum())
        for what, (predicted, actual) in pairs.items()
        if len(actual)
    ]
    sums = pd.DataFrame(rows, columns=columns)
    return sums.assign(bias=sums["predicted"] / sums["actual"].where(sums["actual"] > 0) - 1)
