"""Drawings of the clustering notebook: criteria beside what data without groups reach, and centres."""

import textwrap

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from crcm_lib.i18n import _
from crcm_lib.models.clustering.null_reference import NULLS
from crcm_lib.reporting.charts.style import INK, MUTED, PALETTE, empty_axes, new_axes


def draw_criteria(criteria: pd.DataFrame, chosen: int | None, why: str):
    """Silhouette and stability by number of groups, with bands of 5 % to 95 % of the references.

    Parameters
    ----------
    criteria
        From `find_clusters`; empty where nothing was searched.
    chosen
        The number of groups that was taken, if any.
    why
        What to say where there is nothing to draw.

    Returns
    -------
    The Axes.
    """
    if criteria.empty:
        return empty_axes(why)
    axes = new_axes(1, 2, height=4.4)
    measures = {"silhouette": _("silhouette"), "stability": _("stability (adjusted Rand index)")}
    for ax, (measure, words) in zip(axes, measures.items(), strict=True):
        _draw_bands(ax, criteria, measure)
        sns.lineplot(criteria, x="k", y=measure, marker="o", color=PALETTE[0], label=_("these buyers"), ax=ax)
        if chosen:
            ax.axvline(chosen, color=INK, linestyle=":", label=_("chosen"))
        ax.set(xlabel=_("number of groups k"), ylabel=words, xticks=criteria.index, ylim=(0, None))
    handles, labels = axes[0].get_legend_handles_labels()
    for ax in axes:
        ax.get_legend().remove()
    axes[0].figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=10)
    return axes


def _draw_bands(ax: Axes, criteria: pd.DataFrame, measure: str) -> None:
    names = dict(zip(NULLS, (_("columns permuted"), _("one cloud")), strict=True))
    for (kind, name), colour in zip(names.items(), (MUTED, PALETTE[1]), strict=True):
        low, high = criteria[f"{measure} {kind} low"], criteria[f"{measure} {kind} high"]
        ax.fill_between(criteria.index, low, high, color=colour, alpha=0.3, linewidth=0, label=name)


def draw_centres(centres: pd.DataFrame, why: str) -> Axes:
    """Groups (rows) by columns, in standard deviations above (+) or below (−) the mean of all buyers."""
    if centres.empty:
        return empty_axes(why)
    ax = new_axes(height=1.8 + 0.6 * len(centres))
    wrapped = centres.set_axis([textwrap.fill(name, 26) for name in centres.index])
    wrapped = wrapped.set_axis([name.replace(" ", "\n") for name in wrapped.columns], axis=1)
    sns.heatmap(wrapped, annot=True, fmt="+.1f", cmap="PuOr_r", vmin=-2, vmax=2, cbar=False, ax=ax)
    ax.set_xlabel(_("standard deviations from the mean of all buyers"))
    ax.tick_params(axis="both", rotation=0, labelsize=10)
    ax.grid(visible=False)
    return ax
