"""Contribution in words: what the data cannot give, who contributes and who costs, past predictions."""

import pandas as pd

from crcm_lib.features.cost_to_serve import ContributionWaterfall, UnavailablePart
from crcm_lib.i18n import _
from crcm_lib.models.profitability import WhaleCurve
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text import numbers


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
        "cost_rarely_known": _("cost is known for {share} of the sales"),
    }
    reason = reasons[part.reason].format(
        tables=", ".join(f"`{table}`" for table in part.tables),
        column=part.column,
        share=numbers.share(part.known_share),
    )
    return _("Not available: {part} ({reason}).").format(part=names[part.part], reason=reason)


def _describe_unknown(count: float, spend: float, currency: str, min_cell: int) -> str:
    many = _("fewer than {n}").format(n=min_cell) if pd.isna(count) else numbers.count(count)
    template = _("Set aside: {many} customers, the cost of most of whose sales is unknown{spent}.")
    spent = _("; they spent {amount} {currency}")
    spent = "" if pd.isna(spend) else spent.format(amount=numbers.money(spend), currency=currency)
    return template.format(many=many, spent=spent)


def describe_bars(bars: pd.DataFrame, currency: str) -> str:
    """The bars of a waterfall, or why there are none.

    Parameters
    ----------
    bars
        From `charts.margin.waterfall_bars`.
    """
    if bars.empty:
        return _("No picture: too few customers, or one dominates them.")
    names = step_names()
    parts = [
        f"{names[row.step]} {numbers.money(row.amount)} ({numbers.share(row.amount_share)})"
        for row in bars.itertuples()
    ]
    template = _("Bars, from gross sales to what remains, in {currency}: {parts}.")
    return template.format(currency=currency, parts="; ".join(parts))


def caption_reconciliation(sums: pd.DataFrame, currency: str) -> str:
    """Which days were held out, or that none could be.

    Parameters
    ----------
    sums
        From `models.profitability.reconcile`.
    """
    if sums.empty:
        return _("No window of the past could be held out.")
    first = sums.iloc[0]
    template = _("Held out: the {days} days after {start}; amounts in {currency}")
    days = numbers.days((first["end"] - first["start"]).days)
    return template.format(days=days, start=numbers.day(first["start"]), currency=currency)


def describe_curve(curve: WhaleCurve, points: pd.DataFrame, currency: str) -> str:
    """The points of a whale curve, or why there are none.

    Parameters
    ----------
    points
        From `models.profitability.curve_points`.
    """
    if not curve.known:
        return _("No picture: cost is unknown, so what remains of each customer's sales is unknown.")
    if points.empty:
        return _("No picture: too few customers, or one dominates them.")
    parts = [
        f"{numbers.share(row.customer_share)}: {numbers.money(row.cumulative)}"
        for row in points.iloc[1:].itertuples()
    ]
    template = _(
        "Line, contribution added up in {currency} by share of customers, who contribute most first. {parts}."
    )
    return template.format(currency=currency, parts="; ".join(parts))


def describe_whale(curve: WhaleCurve, min_cell: int) -> str:
    """Who contributes and who costs; the number of a few customers is hidden."""
    if not curve.known:
        return _("Cost is unknown, so what remains of each customer's sales is unknown.")
    if curve.negative == 0:
        return _("No customer costs more than they bring.")
    if curve.negative < min_cell:
        return _("Fewer than {n} customers cost more than they bring.").format(n=min_cell)
    template = _(
        "{share} of {n} customers cost more than they bring; without them contribution would be {peak}."
    )
    peak = _("{peak} of today's") if curve.total > 0 else "{peak}"
    amount = numbers.share(curve.peak_share) if curve.total > 0 else numbers.money(curve.peak)
    return template.format(
        share=numbers.share(curve.negative_share),
        n=numbers.count(curve.customers),
        peak=peak.format(peak=amount),
    )


def caption_unprofitable(unprofitable: pd.DataFrame, currency: str) -> str:
    """What the large customers who cost money cost together, or that there are none.

    Parameters
    ----------
    unprofitable
        From `models.profitability.list_unprofitable`.
    """
    if unprofitable.empty:
        return _("None of the fifth with the largest gross sales.")
    template = _("Together they cost {lost} {currency} more than they bring")
    return template.format(lost=numbers.money(-unprofitable["contribution"].sum()), currency=currency)


def write_reasons(unprofitable: pd.DataFrame) -> pd.Series:
    """What takes off more of each large customer's gross sales than of everybody's."""
    names = step_names()
    template = _("{step}: {own} of gross sales, {usual} of everybody's")
    columns = unprofitable[["main_step", "main_step_share", "usual_share"]]
    reasons = [
        template.format(step=names[step], own=numbers.share(own), usual=numbers.share(usual))
        for step, own, usual in columns.itertuples(index=False)
    ]
    return pd.Series(reasons, index=unprofitable.index, name="because", dtype="str")


def describe_profitability(bars: pd.DataFrame, curve: WhaleCurve, renewals: str, min_cell: int) -> Takeaway:
    """The share of gross sales that remains, who costs money, and what renewals are worth.

    Parameters
    ----------
    bars
        From `charts.margin.waterfall_bars`.
    renewals
        From `text.subscriptions.describe_renewals`.
    min_cell
        The fewest customers whose number may be said.
    """
    left = bars.set_index("step")["amount_share"].get("contribution")
    sentence = (
        "{curve} {renewals}" if left is None else _("**{left}** of gross sales remain. {curve} {renewals}")
    )
    return takeaway(
        sentence,
        left="" if left is None else numbers.share(left),
        curve=describe_whale(curve, min_cell),
        renewals=renewals,
    )
