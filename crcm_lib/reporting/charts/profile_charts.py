"""Drawings of the customer profile that are more than a seaborn call."""

import numpy as np
import pandas as pd
import seaborn as sns

from crcm_lib.models.lifecycle import Windows
from crcm_lib.reporting.charts.style import HIDDEN, PALETTE, empty_axes, new_axes

MAX_COHORTS = 36  # the latest so many, and so many months after the first


def draw_windows(ax, windows: Windows):
    """Mark the learned windows, in days, by labelled vertical lines; none where nobody has come back yet."""
    lines = {"new": windows.new_days, "at risk": windows.at_risk_days, "lost": windows.lost_days}
    for (name, days), colour in zip(lines.items(), PALETTE[1:], strict=False):
        if days is None:
            continue
        ax.axvline(days, color=colour, linestyle="--")
        ax.annotate(
            f"{name}: {days:,.0f} days",
            (days, 0.03),
            xycoords=ax.get_xaxis_transform(),  # days across, share of the height upwards
            xytext=(4, 0),
            textcoords="offset points",
            rotation=90,
            color=colour,
            fontsize=10,
            va="bottom",
        )
    return ax


def draw_retention(cohorts: pd.DataFrame):
    """Map of the share that bought again, a row per cohort and a column per month after the first.

    Parameters
    ----------
    cohorts
        From `customer_base.hide_small_cohorts`. A hidden cell is grey; a month that is not over is empty.
    """
    months = cohorts[cohorts["months_later"] <= MAX_COHORTS]
    months = months.assign(
        cohort=months["cohort"].dt.strftime("%Y-%m"), hidden=months["hidden"].map({True: 1.0})
    )
    shares, hidden = (
        months.pivot_table(name, "cohort", "months_later", dropna=False).tail(MAX_COHORTS)
        for name in ("retained_share", "hidden")
    )
    if shares.isna().all(axis=None):
        return empty_axes("no later month can be shown yet")
    ax = new_axes(height=1.6 + 0.22 * max(len(shares), 6))
    sns.heatmap(hidden, cmap=[HIDDEN], vmin=0, vmax=1, cbar=False, ax=ax)
    bar = {"label": "share that bought", "format": "{x:.0%}"}
    step = 1 + len(shares.columns) // 13  # so that the months stand side by side
    sns.heatmap(shares, cmap="YlGnBu", vmin=0, xticklabels=step, yticklabels=True, cbar_kws=bar, ax=ax)
    ax.set(xlabel="months after the first purchase (grey: too few to show)", ylabel="first purchase")
    ax.tick_params(labelsize=10, rotation=0)
    ax.grid(visible=False)
    return ax


def draw_attributes(groups: pd.DataFrame):
    """Share of customers and of spend by level, one panel per attribute; figure-level like seaborn's catplot.

    Parameters
    ----------
    groups
        From `customer_base.hide_per_attribute`; a level without dots is hidden.
    """
    if groups.empty:
        return empty_axes("these data have no such attributes")
    names = {"customer_share": "of customers", "spend_share": "of spend"}
    shares = groups.rename(columns=names).melt(
        ["attribute", "level"], list(names.values()), var_name="share", value_name="value"
    )
    levels = groups.groupby("attribute", sort=False).size()
    height = 1.3 + 0.27 * levels.sum() + 0.4 * len(levels)
    axes = np.ravel(new_axes(len(levels), height=height, sharex=True, height_ratios=levels + 0.4))
    for ax, (attribute, rows) in zip(axes, shares.groupby("attribute", sort=False), strict=True):
        order = rows["level"].unique()
        sns.stripplot(rows, y="level", x="value", hue="share", order=order, jitter=False, size=9, ax=ax)
        ax.set(title=attribute.replace("_", " "), xlabel="share of all (no dots: too few to show)", ylabel="")
        ax.get_legend().remove()
    axes[0].xaxis.set_major_formatter("{x:.0%}")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return axes
