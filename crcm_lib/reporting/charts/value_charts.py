"""Pictures of predicted value (04)."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.style import MUTED, PALETTE, Picture, empty_figure, new_figure

TENTHS = 10
WIDEST = 3.0  # times the expectation above it: what is wider leaves the drawing, its amounts stand beside


def show_tenths(value: pd.Series, currency: str, *, at_least: int = 5) -> Picture:
    """Who carries the value: the share of all predicted value in each tenth of the customers, top first."""
    shown = hide_small(sum_tenths(value), money=["value", "share"], at_least=at_least)
    if shown["share"].isna().all():
        return empty_figure(_("too few customers to show who carries the value"))
    figure, axes = new_figure()
    bars = axes.bar(shown["tenth"], shown["share"].astype(float).fillna(0), color=PALETTE[0])
    axes.bar_label(
        bars, [_percent_or_hidden(share) for share in shown["share"]], fontsize=10, color=MUTED, padding=2
    )
    axes.set_xlabel(_("tenths of the customers, the most valuable first"))
    axes.set_ylabel(_("share of the predicted value"))
    axes.yaxis.set_major_formatter(lambda share, _place: f"{share:.0%}")
    axes.grid(visible=False, axis="x")
    told = ", ".join(_percent_or_hidden(share) for share in shown["share"])
    return Picture(
        figure,
        _("Bars, share of {total:,.0f} {currency} predicted value by tenth of customers: {told}.").format(
            total=value.sum(), currency=currency, told=told
        ),
    )


def show_ranges(totals: pd.DataFrame, currency: str, *, at_least: int = 5) -> Picture:
    """How sure: how far each group's spend may be from what is expected of it, in four of five futures.

    In shares, because one group may be expected to spend a hundred times as much as another; amounts stand
    beside. `totals` comes from `predict_intervals`; the row of all customers, the last one, is drawn last.
    """
    money = ["spend_expected", "spend_low", "spend_high"]
    shown = hide_small(totals.iloc[:-1], money=money, at_least=at_least).dropna(subset=money)
    shown = shown[shown["spend_expected"] > 0].sort_values("spend_expected", ascending=False)
    if shown.empty:
        return empty_figure(_("too few customers, or nothing expected of them, to show ranges"))
    shown = pd.concat([shown, totals.iloc[-1:].assign(group=_("all"))], ignore_index=True)
    figure, axes = new_figure(height=1.2 + 0.52 * len(shown))
    expected, low, high = (shown[name].to_numpy(float) for name in money)
    places = np.arange(len(shown))
    least, most = low / expected - 1, high / expected - 1
    axes.hlines(places, least, most, color=PALETTE[4], linewidth=9)
    axes.axvline(0, color=PALETTE[0], linewidth=2.5)
    axes.set_yticks(places, [f"{row.group}\n{row.spend_expected:,.0f}" for row in shown.itertuples()])
    ends = [f"{row.spend_low:,.0f} –\n{row.spend_high:,.0f}" for row in shown.itertuples()]
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, ends)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(1.08 * min(float(least.min()), -0.01), min(1.08 * max(float(most.max()), 0.01), WIDEST))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("off what is expected; left: expected spend, right: its range, {currency}").format(
        currency=currency))  # fmt: skip
    axes.xaxis.set_major_formatter(lambda share, _place: f"{share:+.0%}" if round(share, 9) else "0%")
    axes.locator_params(axis="x", nbins=5)
    told = "; ".join(
        f"{row.group}: {row.spend_expected:,.0f} ({row.spend_low:,.0f} – {row.spend_high:,.0f})"
        for row in shown.itertuples()
    )
    return Picture(
        figure,
        _("80 % ranges around what is expected, {currency} per group. {told}.").format(
            currency=currency, told=told
        ),
    )


def sum_tenths(value: pd.Series) -> pd.DataFrame:
    """Customers and predicted value of each tenth, the most valuable first; its largest customer's share."""
    ranked = np.sort(value.to_numpy(float))[::-1]
    tenth = np.arange(len(ranked)) * TENTHS // max(len(ranked), 1) + 1
    found = (
        pd.DataFrame({"tenth": tenth, "value": ranked}).groupby("tenth")["value"].agg(["size", "sum", "max"])
    )
    total = max(float(ranked.sum()), 1e-300)
    return pd.DataFrame(
        {
            "tenth": found.index.astype(str), "customers": found["size"].to_numpy(),
            "value": found["sum"].to_numpy(),
            "share": found["sum"].to_numpy() / total,
            "largest_share": (found["max"] / found["sum"].clip(lower=1e-300)).to_numpy(),
        }
    )  # fmt: skip


def show_deciles(deciles: pd.DataFrame, currency: str, *, at_least: int = 5) -> Picture:
    """Would we have been right: mean spend in the days held out, predicted and actual, by tenth."""
    named = deciles.assign(decile=deciles["decile"].map("{:.0f}".format))
    shown = hide_small(named, money=["actual", "predicted"], at_least=at_least)
    if shown.empty or shown["actual"].isna().all():
        return empty_figure(_("too little to compare"))
    figure, axes = new_figure()
    _pairs(
        axes,
        shown["decile"],
        {_("predicted"): shown["predicted"], _("actual"): shown["actual"]},
    )
    axes.set_xlabel(_("tenths of the customers, the highest prediction first"))
    axes.set_ylabel(_("mean spend, {currency}").format(currency=currency))
    axes.yaxis.set_major_formatter(lambda money, _place: f"{money:,.0f}")
    told = "; ".join(
        f"{row.decile}: {row.predicted:,.0f}, {row.actual:,.0f}"
        for row in shown.dropna().itertuples()
    )  # fmt: skip
    return Picture(
        figure,
        _("Bars, mean {currency} per customer by tenth, predicted and actual. {told}.").format(
            currency=currency, told=told
        ),
    )


def _pairs(axes, names, columns: dict[str, pd.Series]) -> None:
    places = np.arange(len(names))
    for shift, colour, (label, values) in zip((-0.2, 0.2), PALETTE, columns.items(), strict=False):
        axes.bar(places + shift, values.astype(float).fillna(0), 0.4, color=colour, label=label)
    axes.set_xticks(places, names)
    axes.legend()
    axes.grid(visible=False, axis="x")


def _percent_or_hidden(share) -> str:
    return _("hidden") if pd.isna(share) else f"{share:.1%}"
