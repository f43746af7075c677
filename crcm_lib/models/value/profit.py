"""What remains of gross sales: summed per group, ranked by customer, and who of the large ones costs money.

Where cost is unknown there is nothing to say beyond revenue, and every function says so in words.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.data.costs import COSTS, Remains
from crcm_lib.data.privacy import LARGEST_SHARE
from crcm_lib.language import _

UNITS = 10_000  # of the smallest amount in one of the currency: sums of whole numbers do not depend on order
LARGE = 0.8  # large: in the top fifth by gross sales
STEP_NAMES = {
    "discounts": _("discounts"),
    "returns": _("returns"),
    "sales_of_unknown_cost": _("sales of unknown cost"),
    "cost_of_goods": _("cost of goods"),
    "cost_to_serve": _("cost to serve"),
    "late_payment": _("late payment"),
}


@dataclass(frozen=True)
class Whale:
    """Contribution added up over the customers, the one who contributes most first.

    Attributes
    ----------
    groups
        `customers` (count) in groups of about equal size, the first contributes most; `contribution` of each
        (currency), `largest_share` of its largest customer; `customer_share` and `cumulative` (currency) up
        to its end.
    total, peak
        Contribution of all, and of those only who do not cost money (currency).
    negative
        Customers whose contribution is below zero (count).
    """

    groups: pd.DataFrame
    total: float
    peak: float
    negative: int

    @property
    def customers(self) -> int:
        """Whose contribution is known."""
        return int(self.groups["customers"].sum())

    @property
    def peak_share(self) -> float:
        """The peak as a share of the total; missing unless the total is above zero."""
        return self.peak / self.total if self.total > 0 else np.nan

    @property
    def negative_share(self) -> float:
        """Share of the customers whose contribution is below zero."""
        return self.negative / max(self.customers, 1)


def sum_remains(remains: Remains, groups: pd.Series | None = None) -> pd.DataFrame:
    """Gross sales, what is taken off, and what remains, summed over everybody or per group.

    Parameters
    ----------
    remains
        From `trace_remains`.
    groups
        A group's name (tier, segment) per `customer_id`; who has none is counted under "none". Left out: one
        row for all.

    Returns
    -------
    One row per group, the largest gross sales first: `group`, `customers` (with any amount), `gross_sales`,
    the known steps, `spend_total` and, where cost is known, `contribution` (all in the currency) and
    `contribution_share` of gross sales; `largest_share`, which `hide_small` needs. Of a customer the cost of
    most of whose sales is unknown all revenue stands under `sales_of_unknown_cost` and no cost is counted.
    The rows add up exactly.
    """
    rows = _set_unknown_aside(remains)
    rows = rows[(rows != 0).any(axis=1)]
    names = pd.Series(_("all"), index=rows.index) if groups is None else groups.reindex(rows.index)
    names = names.astype("object").where(names.notna(), _("none")).rename("group")
    whole = (rows * UNITS).round().astype("int64")
    sums = whole.groupby(names).sum() / UNITS
    largest = rows["gross_sales"].groupby(names).max() / sums["gross_sales"].where(sums["gross_sales"] > 0)
    sums.insert(0, "customers", rows.groupby(names).size())
    if remains.known:
        share = sums["contribution"] / sums["gross_sales"].where(sums["gross_sales"] > 0)
        sums["contribution_share"] = share
    sums[LARGEST_SHARE] = largest.fillna(1.0)
    return sums.sort_values(["gross_sales", "customers"], ascending=False, kind="stable").reset_index()


def _set_unknown_aside(remains: Remains) -> pd.DataFrame:
    rows = remains.rows
    if not remains.known:
        return rows
    unknown = rows["contribution"].isna()
    aside = {step: rows[step].mask(unknown, 0.0) for step in remains.steps if step in COSTS}
    aside["sales_of_unknown_cost"] = rows["sales_of_unknown_cost"].mask(unknown, rows["spend_total"])
    return rows.assign(**aside, contribution=rows["contribution"].fillna(0.0))


def trace_whale(remains: Remains, *, at_least: int = 5, most_groups: int = 20) -> Whale | None:
    """The whale curve: who contributes, who costs; None where cost is unknown.

    Parameters
    ----------
    remains
        From `trace_remains`; customers without known contribution are left out.
    at_least
        Customers in a group, at least.
    most_groups
        Groups, at most.

    References
    ----------
    Kaplan & Narayanan (2001), Measuring and managing customer profitability, Journal of Cost Management
    15(5), 5-15.
    """
    if not remains.known:
        return None
    known = remains.rows["contribution"].dropna()
    ranked = np.sort((known.to_numpy(float) * UNITS).round().astype("int64"))[::-1]
    count = max(min(most_groups, len(ranked) // max(at_least, 1)), 1)
    groups = pd.DataFrame({"contribution": ranked / UNITS, "group": np.arange(len(ranked)) * count})
    groups["group"] = groups["group"] // max(len(ranked), 1) + 1
    found = groups.groupby("group")["contribution"]
    largest = found.agg(lambda one: one.abs().max() / max(one.abs().sum(), 1 / UNITS))
    table = pd.DataFrame({"customers": found.size(), "contribution": found.sum(), LARGEST_SHARE: largest})
    table["customer_share"] = table["customers"].cumsum() / max(len(ranked), 1)
    ends = table["customers"].cumsum().to_numpy() - 1
    table["cumulative"] = ranked.cumsum()[ends] / UNITS
    return Whale(
        table.reset_index(), float(ranked.sum() / UNITS), float(ranked[ranked > 0].sum() / UNITS),
        int((ranked < 0).sum()),
    )  # fmt: skip


def list_unprofitable(remains: Remains, *, most: int = 10) -> pd.DataFrame:
    """Customers in the top fifth by gross sales whose contribution is below zero, the costliest first.

    Returns
    -------
    Indexed by `customer_id` (show pseudonyms): `gross_sales`, `spend_total`, `contribution` (currency) and
    `mostly`, the step that takes off more than it does of everybody's sales. No rows where cost is unknown.
    """
    columns = ["gross_sales", "spend_total", "contribution", "mostly"]
    rows = remains.rows
    if not remains.known:
        return rows.iloc[:0].reindex(columns=columns)
    size = rows.loc[rows["gross_sales"] > 0, "gross_sales"].rank(pct=True)
    large = rows.loc[size.index[size > LARGE]].sort_values(["contribution", "gross_sales"], kind="stable")
    found = large[large["contribution"] < 0].head(most)
    return found.assign(mostly=_say_why(found, rows, remains.steps))[columns]


def _say_why(found: pd.DataFrame, rows: pd.DataFrame, steps: list[str]) -> list[str]:
    """The step whose share of gross sales is furthest above everybody's."""
    usual = rows[steps].sum() / rows["gross_sales"].sum()
    shares = found[steps].div(found["gross_sales"], axis=0)
    worst = (shares - usual).idxmax(axis=1) if len(found) else pd.Series(dtype="str")
    return [
        _("{step}: {own:.0%} of gross sales, {usual:.0%} of everybody's").format(
            step=STEP_NAMES[step], own=shares.loc[customer, step], usual=usual[step])
        for customer, step in worst.items()
    ]  # fmt: skip


def tell_remains(remains: Remains) -> pd.DataFrame:
    """What is known of the way from gross sales to what remains, and what is not: `what` and `found`."""
    if not remains.known:
        found = [(_("revenue only"), words) for words in remains.absent]
        return pd.DataFrame(found, columns=["what", "found"])
    rows = remains.rows
    unknown = rows["contribution"].isna()
    steps = ", ".join(STEP_NAMES[step] for step in remains.steps if (rows[step] != 0).any())
    found = [(_("taken off gross sales"), steps)]
    if unknown.any():
        words = _("{n:,} customers with {spend:,.0f} of spend: the cost of most of their sales is unknown")
        found.append(
            (_("set aside"), words.format(n=unknown.sum(), spend=rows["spend_total"][unknown].sum()))
        )
    found += [(_("remark"), words) for words in remains.absent]
    return pd.DataFrame(found, columns=["what", "found"])
