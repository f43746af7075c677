"""Drawings of money: prediction intervals side by side, the waterfall from gross sales to contribution."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import INK, MUTED, PALETTE
from crcm_lib.reporting.text.contribution import step_names
from crcm_lib.reporting.text.numbers import fill, write

MAX_CHANGE = 3.0  # times the expectation above it, where the axis ends; the amounts stand beside
LEVELS = {"gross_sales": PALETTE[0], "spend_total": PALETTE[0], "contribution": PALETTE[2]}
STEP = PALETTE[1]


def draw_intervals(ax, totals: pd.DataFrame, currency: str):
    """Draw the intervals of `models.clv.relative_totals`; nothing where there are no rows.

    In shares of the expected spend, because one group may be expected to spend a hundred times as much as
    another; the amounts stand left and right of the axes.
    """
    if totals.empty:
        return ax
    places, low, high = np.arange(len(totals)), totals["low_change"], totals["high_change"]
    ax.hlines(places, low, high, color=PALETTE[4], linewidth=9)
    ax.axvline(0, color=PALETTE[0], linewidth=2.5)
    money = totals[["spend_expected", "spend_low", "spend_high"]].map(write, kind="money")
    ax.set_yticks(places, totals["group"].replace("", _("all")) + "\n" + money["spend_expected"])
    right = ax.secondary_yaxis("right")
    right.set_yticks(places, money["spend_low"] + " –\n" + money["spend_high"])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    ax.set_ylim(len(totals) - 0.5, -0.5)
    ax.set_xlim(1.08 * min(low.min(), -0.01), min(1.08 * max(high.max(), 0.01), MAX_CHANGE))
    ax.grid(visible=False, axis="y")
    words = _("relative to what is expected; left: expected spend, right: its interval, {currency}")
    ax.set_xlabel(fill(words, currency=currency))
    ax.xaxis.set_major_formatter(lambda share, _place: write(share, "change").replace(".0%", "%"))
    ax.locator_params(axis="x", nbins=5)
    return ax


def waterfall_bars(sums: pd.DataFrame) -> pd.DataFrame:
    """The bars of a waterfall, from gross sales down.

    Parameters
    ----------
    sums
        One row of `models.profitability.sum_waterfall`, small cells hidden.

    Returns
    -------
    `step`, `start` and `end` of the bar (currency), `amount` (currency, below zero where it is taken off) and
    `amount_share` of gross sales; steps of nothing are left out. No bars where the amounts are hidden.
    """
    amounts = sums.iloc[0].reindex(step_names()).dropna() if len(sums) else pd.Series(dtype=float)
    bars, level = [], 0.0
    for step, amount in amounts.items():
        if step in LEVELS:
            level = float(amount)
            bars.append((step, 0.0, level, level))
        elif amount:
            bars.append((step, level, level - amount, -amount))
            level -= amount
    table = pd.DataFrame(bars, columns=["step", "start", "end", "amount"])
    gross = amounts.get("gross_sales", 0.0)
    return table.assign(amount_share=table["amount"] / gross if gross else float("nan"))


def draw_waterfall(axes, bars: pd.DataFrame, currency: str):
    """Draw the bars of `waterfall_bars` with their amounts, and shares of gross sales, beside them."""
    if bars.empty:
        return axes
    names = step_names()
    low, high = bars[["start", "end"]].min(axis=1), bars[["start", "end"]].max(axis=1)
    colours = [LEVELS.get(step, STEP) for step in bars["step"]]
    # The edge has the bar's colour, so that the thinnest step can be seen.
    drawn = axes.barh(
        [names[step] for step in bars["step"]], high - low, left=low, color=colours, edgecolor=colours
    )
    axes.bar_label(drawn, list_amounts(bars), padding=5, color=MUTED, fontsize=10)
    axes.invert_yaxis()
    axes.margins(x=0.28)
    axes.set_xlim(left=1.05 * min(float(low.min()), 0.0))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(fill(_("{currency}, and share of gross sales"), currency=currency))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="y")
    return axes


def list_amounts(bars: pd.DataFrame) -> list[str]:
    """Each bar's amount, and its share of gross sales where there are any."""
    shares = ["" if pd.isna(share) else f" ({write(share, 'share')})" for share in bars["amount_share"]]
    return [write(amount, "money") + share for amount, share in zip(bars["amount"], shares, strict=True)]
