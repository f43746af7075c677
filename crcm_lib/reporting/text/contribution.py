"""Contribution in words: what the data cannot give, who contributes and who costs, past predictions."""

from dataclasses import asdict

import pandas as pd

from crcm_lib.features.cost_to_serve import ContributionWaterfall, UnavailablePart
from crcm_lib.i18n import _
from crcm_lib.models.profitability import WhaleCurve
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows, write, write_rows


def step_names() -> dict[str, str]:
    """The name of each amount of the waterfall."""
    return {
        "gross_sales": _("gross sales"),
        "discounts": _("discounts"),
        "returns": _("returns"),
        "spend_total": _("spend received"),
        "sales_of_unknown_cost": _("sales of unknown cost"),
        "cost_of_goods": _("cost of goods"),
        "cost_to_serve": _("cost to serve"),
        "late_payment": _("late payment"),
        "contribution": _("contribution"),
    }


def list_remarks(
    waterfall: ContributionWaterfall, unknown: pd.DataFrame, currency: str, min_cell: int
) -> pd.DataFrame:
    """What the data cannot give of the way from gross sales to contribution: one `remark` a row.

    Parameters
    ----------
    unknown
        From `models.profitability.summarise_unknown`, small cells hidden.
    min_cell
        The fewest customers whose number may be said.
    """
    remarks = [_describe_part(part) for part in waterfall.unavailable]
    if len(unknown):
        remarks.append(_describe_unknown(*unknown.iloc[0][["customers", "spend_total"]], currency, min_cell))
    return pd.DataFrame({"remark": remarks}, dtype="str")


def _describe_part(part: UnavailablePart) -> str:
    names = {
        "discounts": _("discounts"),
        "contribution": _("what remains after cost"),
        "cost_to_serve": _("cost to serve"),
        "late_payment": _("cost of late payment"),
    }
    reasons = {
        "no_table": _("no table {tables}"),
        "no_column": _("no `{column}` in {tables}"),
        "cost_rarely_known": _("cost is known for {known_share:share} of the sales"),
    }
    facts = asdict(part) | {"tables": [f"`{table}`" for table in part.tables]}
    reason = fill(reasons[part.reason], **facts)
    return fill(_("Not available: {part} ({reason})."), part=names[part.part], reason=reason)


def _describe_unknown(count: float, spend: float, currency: str, min_cell: int) -> str:
    many = write(count, "count", missing=fill(_("fewer than {n}"), n=min_cell))
    spent = "" if pd.isna(spend) else _("; they spent {spend:money} {currency}")
    words = _("Set aside: {many} customers, the cost of most of whose sales is unknown{spent}.")
    return fill(words, many=many, spent=fill(spent, spend=spend, currency=currency))


def describe_bars(bars: pd.DataFrame, currency: str) -> str:
    """The bars of a waterfall, from `charts.value_charts.waterfall_bars`, or why there are none."""
    if bars.empty:
        return _("No picture: too few customers, or one dominates them.")
    parts = fill_rows("{step} {amount:money} ({amount_share:share})", bars.replace({"step": step_names()}))
    return fill(
        _("Bars, from gross sales to what remains, in {currency}: {parts}."), currency=currency, parts=parts
    )


def caption_reconciliation(sums: pd.DataFrame, currency: str) -> str:
    """Which days were held out, or that none could be; `sums` is from `models.profitability.reconcile`."""
    if sums.empty:
        return _("No window of the past could be held out.")
    start, end = sums.iloc[0][["start", "end"]]
    words = _("Held out: the {days:days} days after {start:day}; amounts in {currency}")
    return fill(words, days=(end - start).days, start=start, currency=currency)


def describe_curve(curve: WhaleCurve, points: pd.DataFrame, currency: str) -> str:
    """The points of a whale curve, from `models.profitability.curve_points`, or why there are none."""
    if not curve.known:
        return _("No picture: cost is unknown, so what remains of each customer's sales is unknown.")
    if points.empty:
        return _("No picture: too few customers, or one dominates them.")
    words = _(
        "Line, contribution added up in {currency} by share of customers, who contribute most first. {parts}."
    )
    parts = fill_rows("{customer_share:share}: {cumulative:money}", points.iloc[1:])
    return fill(words, currency=currency, parts=parts)


def describe_whale(curve: WhaleCurve, min_cell: int) -> str:
    """Who contributes and who costs; the number of a few customers is hidden."""
    if not curve.known:
        return _("Cost is unknown, so what remains of each customer's sales is unknown.")
    if curve.negative == 0:
        return _("No customer costs more than they bring.")
    if curve.negative < min_cell:
        return fill(_("Fewer than {n} customers cost more than they bring."), n=min_cell)
    words = _("{share:share} of {n:count} customers cost more than they bring; ")
    without = _("without them contribution would be {peak:money}.")
    if curve.total > 0:
        without = _("without them contribution would be {peak_share:share} of today's.")
        if write(curve.peak_share, "share") == write(1, "share"):
            without = _("together that is hardly anything of what remains.")
    peak = {"peak": curve.peak, "peak_share": curve.peak_share}
    return fill(words + without, share=curve.negative_share, n=curve.customers, **peak)


def caption_unprofitable(unprofitable: pd.DataFrame, curve: WhaleCurve, currency: str) -> str:
    """What customers of `models.profitability.list_unprofitable` cost together, or that there are none."""
    if not curve.known:
        return _("Cost is unknown, and so is who costs more than they bring.")
    if unprofitable.empty:
        return _("None of the fifth with the largest gross sales.")
    words = _("Together they cost {lost:money} {currency} more than they bring")
    return fill(words, lost=-unprofitable["contribution"].sum(), currency=currency)


def write_reasons(unprofitable: pd.DataFrame) -> pd.Series:
    """What takes off more of each large customer's gross sales than of everybody's."""
    words = _("{main_step}: {main_step_share:share} of gross sales, {usual_share:share} of everybody's")
    named = unprofitable.replace({"main_step": step_names()})
    return write_rows(named, lambda row: fill(words, **row))


def describe_profitability(bars: pd.DataFrame, curve: WhaleCurve, renewals: str, min_cell: int) -> Takeaway:
    """The share of gross sales that remains, who costs money, and what renewals are worth.

    Parameters
    ----------
    bars
        From `charts.value_charts.waterfall_bars`.
    renewals
        From `text.subscriptions.describe_renewals`.
    min_cell
        The fewest customers whose number may be said.
    """
    left = bars.set_index("step")["amount_share"].get("contribution")
    words = "{curve} {renewals}"
    if left is not None:
        words = _("**{left:share}** of gross sales remain. {curve} {renewals}")
    return takeaway(words, left=left, curve=describe_whale(curve, min_cell), renewals=renewals)
