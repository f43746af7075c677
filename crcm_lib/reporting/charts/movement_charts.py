"""Drawings of the monitoring notebook: movement between tiers beside what chance alone would move."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import INK, empty_axes, new_axes

WAYS = ("stayed", "rose", "fell")


def draw_movement(summary: pd.DataFrame, why: str) -> Axes:
    """Bars per past tier: the shares that stayed, rose and fell; a mark on each for chance alone.

    Parameters
    ----------
    summary
        From `tier_moves.summarise_moves`, without the tiers that are too small to show.
    why
        What to say where there is nothing to draw.
    """
    if summary.empty:
        return empty_axes(why)
    seen = summary.melt("tier_before", WAYS, var_name="way", value_name="share")
    by_chance = seen.assign(share=summary[[f"{way}_by_chance" for way in WAYS]].to_numpy().ravel("F"))
    names = {"stayed": _("stayed"), "rose": _("rose"), "fell": _("fell")}
    ax = new_axes(height=1.6 + 0.7 * len(summary))
    shared = {"x": "share", "y": "tier_before", "hue": "way", "dodge": True, "ax": ax}
    mark = {"palette": [INK] * len(WAYS), "marker": "|", "size": 14, "linewidth": 2.5, "jitter": False}
    sns.barplot(seen.replace({"way": names}), **shared)
    sns.stripplot(by_chance, legend=False, **mark, **shared)
    ax.set(xlim=(0, 1), xlabel=_("share of the past tier (dark mark: by chance alone)"), ylabel="")
    ax.xaxis.set_major_formatter("{x:.0%}")
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.5, 1), ncols=3, title="")
    return ax
