"""Prediction intervals of groups side by side, relative to what is expected of each."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import PALETTE
from crcm_lib.reporting.text.numbers import write

MAX_CHANGE = 3.0  # times the expectation above it, where the axis ends; the amounts stand beside


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
    ax.set_xlabel(words.format(currency=currency))
    ax.xaxis.set_major_formatter(lambda share, _place: write(share, "change").replace(".0%", "%"))
    ax.locator_params(axis="x", nbins=5)
    return ax
