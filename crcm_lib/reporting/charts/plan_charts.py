"""Drawings of the strategy notebook: the work that each week brings each role."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import empty_axes, new_axes


def draw_workload(workload: pd.DataFrame, why: str) -> Axes:
    """Contacts per week (rows), stacked by role (columns), the busiest role at the bottom.

    `why` is said where there is nothing to draw. Cells that are too small to show are 0.
    """
    sums = workload.sum().sort_values(kind="stable")
    roles = list(sums.index[sums > 0])
    if not roles:
        return empty_axes(why)
    weeks = workload[roles].set_axis(workload.index.strftime("%d %b")).rename_axis("week").reset_index()
    contacts = weeks.melt("week", var_name="role", value_name="contacts")
    ax = new_axes(height=3.8)
    stack = {"multiple": "stack", "shrink": 0.85, "alpha": 1, "discrete": True}
    sns.histplot(contacts, x="week", weights="contacts", hue="role", hue_order=roles, ax=ax, **stack)
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.45, 1), ncols=3, title="", reverse=True)
    ax.set(xlabel=_("week that begins on"), ylabel=_("contacts per week"))
    ax.tick_params(axis="x", rotation=60)
    ax.grid(visible=False, axis="x")
    return ax
