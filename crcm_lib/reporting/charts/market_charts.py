"""Segments of customers beside each other, with how sure each is."""

import pandas as pd

from crcm_lib.reporting.charts.style import INK, PALETTE, empty_axes, new_axes


def draw_segments(rows: pd.DataFrame, xlabel: str, why: str, *, share: bool = False):
    """A dot with its 95 % interval for each segment; orange where it differs beyond chance.

    Parameters
    ----------
    rows
        From `attractive_markets.label_segments`: `label`, `attribute`, `shrunk`, `low`, `high`, `overall`,
        `verdict`.
    xlabel
        What is measured, with its unit.
    why
        What stands in place of a picture without rows.
    share
        Whether the measure is relative; else it is an amount.
    """
    if rows.empty:
        return empty_axes(why)
    ax = new_axes(height=1.5 + 0.34 * len(rows))
    colours = (rows["verdict"] != "cannot_tell").map({True: PALETTE[5], False: PALETTE[0]})
    ax.hlines(rows["label"], rows["low"], rows["high"], color=colours, linewidth=3)
    ax.scatter(rows["shrunk"], rows["label"], color=colours, s=42, zorder=3)
    ax.plot(rows["overall"], rows["label"], "|", color=INK, ms=14, mew=2)
    ax.set(xlabel=f"{xlabel}\n(mark: all; orange: beyond chance)", ylabel="")
    ax.xaxis.set_major_formatter("{x:+.0%}" if share else "{x:,.0f}")
    ax.invert_yaxis()
    return ax
