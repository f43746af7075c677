"""Drawings of growth: the waterfall from one year's sales to the next's, tiers then and now."""

import pandas as pd
import seaborn as sns

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import HIDDEN, INK, MUTED, PALETTE
from crcm_lib.reporting.text.growth import part_names
from crcm_lib.reporting.text.numbers import fill, write

LEVEL, UP, DOWN = PALETTE[0], PALETTE[2], PALETTE[5]
LEVELS = ("year_before", "last_year")
REST = "hidden"


def growth_bars(before: float, now: float, bridge: pd.DataFrame) -> pd.DataFrame:
    """The bars from one year's sales to the next's.

    Parameters
    ----------
    before, now
        Sales of either year (currency).
    bridge
        From `models.sales_growth.bridge_sales`, small cells hidden: what is hidden becomes one bar.

    Returns
    -------
    `part`, `start` and `end` of the bar (currency), `amount` (currency, below zero where it takes off). No
    bars where every change is hidden.
    """
    shown = bridge.dropna(subset="change")
    columns = ["part", "start", "end", "amount"]
    if shown.empty:
        return pd.DataFrame(columns=columns)
    bars, level = [("year_before", 0.0, before, before)], before
    steps = [(part, float(change)) for part, change in zip(shown["part"], shown["change"], strict=True)]
    if len(shown) < len(bridge):
        steps.append((REST, round(now - before - sum(change for _part, change in steps), 4)))
    for part, change in steps:
        bars.append((part, level, level + change, change))
        level += change
    return pd.DataFrame([*bars, ("last_year", 0.0, now, now)], columns=columns)


def draw_growth(axes, bars: pd.DataFrame, currency: str):
    """Draw the bars of `growth_bars` with their amounts beside them; nothing where there are none."""
    if bars.empty:
        return axes
    names = part_names()
    low, high = bars[["start", "end"]].min(axis=1), bars[["start", "end"]].max(axis=1)
    levels = bars["part"].isin(LEVELS)
    colours = [
        LEVEL if level else UP if amount > 0 else DOWN
        for level, amount in zip(levels, bars["amount"], strict=True)
    ]
    drawn = axes.barh(
        [names[part] for part in bars["part"]], high - low, left=low, color=colours, edgecolor=colours
    )
    amounts = [
        write(amount, "money") if level or amount <= 0 else "+" + write(amount, "money")
        for level, amount in zip(levels, bars["amount"], strict=True)
    ]
    axes.bar_label(drawn, amounts, padding=5, color=MUTED, fontsize=10)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_xlim(left=1.05 * min(float(low.min()), 0.0))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(fill(_("{currency} a year (green: adds, orange: takes off)"), currency=currency))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(visible=False, axis="y")
    return axes


def draw_periods(axes, rows: pd.DataFrame, currency: str):
    """Each tier's spend per customer in both periods, and a line between them, grey where it may be chance.

    `rows` are those of `tier_development.compare_periods` of one measure.
    """
    if rows.empty:
        return axes
    places = range(len(rows))
    colours = rows["verdict"].isin(["rises", "falls"]).map({True: PALETTE[4], False: HIDDEN})
    axes.hlines(places, rows["before"], rows["now"], color=colours, linewidth=4, zorder=1)
    axes.scatter(rows["before"], places, color=MUTED, s=60, marker="o", label=_("a year before"), zorder=2)
    axes.scatter(rows["now"], places, color=LEVEL, s=80, marker="D", label=_("now"), zorder=3)
    axes.set_yticks(list(places), rows["tier"])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel(fill(_("spend per customer, {currency} (grey line: cannot tell)"), currency=currency))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return axes


def draw_shares(axes, shares: pd.DataFrame):
    """Bars per tier, one for each column of shares of all; nothing where there are no rows."""
    if shares.empty:
        return axes
    melted = shares.melt("tier", var_name="share", value_name="of_all")
    sns.barplot(melted, y="tier", x="of_all", hue="share", ax=axes)
    axes.set(xlabel=_("share of all"), ylabel="")
    axes.xaxis.set_major_formatter("{x:.0%}")
    sns.move_legend(axes, "lower center", bbox_to_anchor=(0.4, 1), ncols=3, title="")
    return axes
