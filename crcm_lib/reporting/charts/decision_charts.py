"""Drawings of tiers and plans: scores over tiers, movement beside chance, the work that each week brings."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import INK, PAPER, empty_axes, new_axes
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
    ax.set_ylabel(fill(_("customers per {width} points"), width=width))
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.5, 1), ncols=5, title="")
    return ax


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
    names = {"stayed": _("stayed"), "rose": _("rose"), "fell": _("fell")}
    seen = summary.melt("tier_before", list(names), var_name="way", value_name="share")
    by_chance = seen.assign(share=summary[[f"{way}_by_chance" for way in names]].to_numpy().ravel("F"))
    ax = new_axes(height=1.6 + 0.7 * len(summary))
    shared = {"x": "share", "y": "tier_before", "hue": "way", "dodge": True, "ax": ax}
    mark = {"palette": [INK] * len(names), "marker": "|", "size": 14, "linewidth": 2.5, "jitter": False}
    sns.barplot(seen.replace({"way": names}), **shared)
    sns.stripplot(by_chance, legend=False, **mark, **shared)
    ax.set(xlim=(0, 1), xlabel=_("share of the past tier (dark mark: by chance alone)"), ylabel="")
    ax.xaxis.set_major_formatter("{x:.0%}")
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.5, 1), ncols=3, title="")
    return ax


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


def draw_efficiency(curve: pd.DataFrame, plan: Mapping[str, float], currency: str, why: str) -> Axes:
    """The most that can be gained for each budget, and the plan beside it.

    Parameters
    ----------
    curve
        From `efficiency.trace_efficiency`.
    plan
        From `plan_summary.add_up`: `cost` and `gain`.
    currency
        Of both axes.
    why
        What to say where there is nothing to draw.
    """
    if curve.empty:
        return empty_axes(why)
    ax = new_axes(height=3.4)
    sns.lineplot(curve, x="budget", y="gain", marker="o", ax=ax, label=_("the most that can be gained"))
    ax.plot([plan["cost"]], [plan["gain"]], "D", color=INK, markersize=9, label=_("this plan"))
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.set_xlabel(fill(_("budget, {currency}"), currency=currency))
    ax.set_ylabel(fill(_("expected gain, {currency}"), currency=currency))
    ax.legend(loc="lower right")
    return ax
