"""What remains of gross sales: summed per group, ranked by customer, and who of the large ones costs money.

Where cost is unknown there is nothing to say beyond revenue, and every function says so in words.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.cost_to_serve import COSTS, ContributionWaterfall, contribution_waterfall
from crcm_lib.i18n import _
from crcm_lib.models.clv.backtest import BacktestWindow
from crcm_lib.privacy import LARGEST_SHARE, hide_small

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
class WhaleCurve:
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


def sum_waterfall(remains: ContributionWaterfall, groups: pd.Series | None = None) -> pd.DataFrame:
    """Gross sales, what is taken off, and what remains, summed over everybody or per group.

    Parameters
    ----------
    remains
        From `contribution_waterfall`.
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


def _set_unknown_aside(remains: ContributionWaterfall) -> pd.DataFrame:
    rows = remains.rows
    if not remains.known:
        return rows
    unknown = rows["contribution"].isna()
    aside = {step: rows[step].mask(unknown, 0.0) for step in remains.steps if step in COSTS}
    aside["sales_of_unknown_cost"] = rows["sales_of_unknown_cost"].mask(unknown, rows["spend_total"])
    return rows.assign(**aside, contribution=rows["contribution"].fillna(0.0))


def whale_curve(
    remains: ContributionWaterfall, *, at_least: int = 5, most_groups: int = 20
) -> WhaleCurve | None:
    """The whale curve: who contributes, who costs; None where cost is unknown.

    Parameters
    ----------
    remains
        From `contribution_waterfall`; customers without known contribution are left out.
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
    return WhaleCurve(
        table.reset_index(), float(ranked.sum() / UNITS), float(ranked[ranked > 0].sum() / UNITS),
        int((ranked < 0).sum()),
    )  # fmt: skip


def list_unprofitable(remains: ContributionWaterfall, *, most: int = 10) -> pd.DataFrame:
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


def describe_waterfall(remains: ContributionWaterfall, *, at_least: int = 5) -> str:
    """What is not known of the way from gross sales to what remains, in sentences; empty where all is."""
    if not remains.known:
        return " ".join(map(_as_sentence, remains.absent))
    aside = remains.rows.loc[remains.rows["contribution"].isna(), "spend_total"]
    return " ".join(map(_as_sentence, [*_tell_aside(aside, at_least), *remains.absent]))


def _tell_aside(spend: pd.Series, at_least: int):
    if spend.empty:
        return
    largest = spend.abs().max() / max(spend.abs().sum(), 1 / UNITS)
    one = pd.DataFrame({"customers": [len(spend)], "spend": spend.sum(), LARGEST_SHARE: largest})
    count, total = hide_small(one, money=["spend"], at_least=at_least).iloc[0]
    many = _("fewer than {n}").format(n=at_least) if pd.isna(count) else f"{count:,.0f}"
    words = _("set aside: {many} customers, the cost of most of whose sales is unknown")
    yield words.format(many=many) + ("" if pd.isna(total) else _("; they spent {n:,.0f}").format(n=total))


def _as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def reconcile(
    engine, look: BacktestWindow | None, champion: str, *, annual_interest_rate: float
) -> pd.DataFrame:
    """What the champion had predicted for a window of the past, and what those days really brought.

    Both are of the customers known at the cut and of the days after it. The prediction of contribution is
    that of spend times the margin known at the cut, which leaves out cost to serve and late payment; it is
    made for the customers the cost of most of whose sales is known.

    Parameters
    ----------
    engine
        As for `contribution_waterfall`.
    look
        The latest window held out; None where there is none.
    annual_interest_rate
        As for `contribution_waterfall`.

    Returns
    -------
    One row for `spend` and, where cost was known at the cut and at the end, one for `contribution`: `what`,
    `after` and `until` (days), `customers` (count), `predicted` and `actual` (currency), `off` (share of the
    actual sum; empty unless that is above zero). No rows without a window.
    """
    columns = ["what", "after", "until", "customers", "predicted", "actual", "off"]
    if look is None:
        return pd.DataFrame(columns=columns)
    before, by_then = (
        contribution_waterfall(engine, as_of=day, annual_interest_rate=annual_interest_rate).rows
        for day in (look.cut, look.until)
    )
    came = (by_then - before).reindex(look.customers.index)
    predicted, margin = look.spends[champion], look.models[champion].margin
    pairs = {"spend": (predicted, came["spend_total"])}
    if "contribution" in before and margin is not None:
        known = came["contribution"].dropna()
        pairs["contribution"] = (margin * predicted[known.index], known)
    rows = [
        (what, look.cut, look.until, len(actual), ours.sum(), actual.sum())
        for what, (ours, actual) in pairs.items()
        if len(actual)
    ]
    found = pd.DataFrame(rows, columns=columns[:-1])
    return found.assign(off=found["predicted"] / found["actual"].where(found["actual"] > 0) - 1)


def describe_reconciliation(found: pd.DataFrame, currency: str, *, at_least: int = 5) -> str:
    """The table of `reconcile` in a sentence."""
    if found.empty:
        return _("How far off predictions were cannot be told: no window of the past could be held out.")
    if found["customers"].min() < at_least:
        return _("How far off predictions were is hidden: too few customers were known before.")
    names = {"spend": _("of spend"), "contribution": _("of contribution")}
    parts = [
        _("{predicted:,.0f} {currency} {what} had been predicted and {actual:,.0f} came ({off})").format(
            predicted=row.predicted, actual=row.actual, currency=currency, what=names[row.what],
            off="–" if pd.isna(row.off) else f"{row.off:+.1%}")
        for row in found.itertuples()
    ]  # fmt: skip
    first = found.iloc[0]
    words = _("Held out, the {days} days after {after:%Y-%m-%d}, {n:,} customers known by then: {told}.")
    return words.format(
        days=(first["until"] - first["after"]).days, after=first["after"], n=first["customers"],
        told="; ".join(parts),
    )  # fmt: skip
