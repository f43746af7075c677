"""Drawings of the classification notebook: how scores spread over the tiers."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import INK, PAPER
from crcm_lib.reporting.text.numbers import fill


def draw_scores(ax: Axes, counts: pd.DataFrame, borders: Mapping[str, float]) -> Axes:
    """Customers by score, stacked by tier, and the lowest score of tiers that ask for the score alone.

    Parameters
    ----------
    ax
        Where to draw.
    counts
        Customers by the start of each range of points (rows) and tier (columns); small cells 0.
    borders
        Points by tier.
    """
    width = counts.index[1] - counts.index[0]
    cells = counts.reset_index(names="score").melt("score", var_name="tier", value_name="customers")
    edges = [*counts.index, counts.index[-1] + width]
    stack = {"hue": "tier", "hue_order": list(counts.columns), "multiple": "stack", "alpha": 1}
    sns.histplot(cells, x="score", weights="customers", bins=edges, ax=ax, **stack)
    top = counts.sum(axis=1).max()
    for name, border in borders.items():
        ax.axvline(border, color=INK, linewidth=1, linestyle="--")
        words = fill(_("{name} from {border:number}"), name=name, border=border)
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1, "alpha": 0.85}
        ax.text(border + 0.6, 1.33 * max(top, 1), words, rotation=90, va="top", fontsize=10, bbox=box)
    ax.set(xlim=(0, 100), ylim=(0, 1.35 * max(top, 1)), xlabel=_("score, 0 to 100 points"))
    ax.set_ylabel(_("customers per {width} points").format(width=width))
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.5, 1), ncols=5, title="")
    return ax
