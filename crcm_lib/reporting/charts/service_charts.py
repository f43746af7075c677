"""What tiers were promised of service, beside what they got."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import INK, PALETTE


def draw_levels(ax, attainment: pd.DataFrame) -> None:
    """A dot with its interval for each tier and step, and an upright mark where the promise lies.

    `attainment` is `write_levels` without hidden rows; the first row comes on top. Without rows nothing is
    drawn, as the axes then say why.
    """
    if attainment.empty:
        return
    names = attainment["tier"].astype(str) + ", " + attainment["step"].astype(str)
    rows = list(range(len(names)))
    numbers = attainment[["low", "high", "kept_share", "target_share"]].astype("float64")
    ax.hlines(rows, numbers["low"], numbers["high"], color=PALETTE[4], linewidth=6)
    ax.scatter(numbers["kept_share"], rows, color=INK, s=45, zorder=3, label=_("kept"))
    ax.scatter(
        numbers["target_share"], rows, marker="|", s=260, linewidth=2.5, color=PALETTE[5], label=_("promised")
    )
    ax.set(yticks=rows, yticklabels=names, ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.02))
    ax.set(xlabel=_("share of tickets that kept the promised hours, 95 % interval"), ylabel="")
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)


def draw_quarters(ax, quarters: pd.DataFrame) -> None:
    """A line for each topic: its share of texts by quarter; nothing without rows."""
    import seaborn as sns

    if quarters.empty:
        return
    kinds = {"hue": "topic", "style": "topic", "hue_order": list(quarters["topic"].unique())}
    sns.lineplot(quarters, x="quarter", y="share", markers=True, dashes=False, ax=ax, **kinds)
    ax.set(ylim=(0, None), xlabel=_("quarter"), ylabel=_("share of texts"))
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.tick_params(axis="x", rotation=35)
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)


def draw_priorities(ax, ranked: pd.DataFrame) -> None:
    """A dot with its interval for each item's share of importance, the highest priority on top, alone in its
    colour where it comes first; nothing without rows.
    """
    if ranked.empty:
        return
    rows = list(range(len(ranked)))
    numbers = ranked[["importance", "low", "high"]].astype("float64")
    names = [f"{item} ({mean:.1f})" for item, mean in zip(ranked["item"], ranked["mean"], strict=True)]
    ax.hlines(rows, numbers["low"], numbers["high"], color=PALETTE[4], linewidth=6)
    first = ranked["verdict"].eq("first").map({True: PALETTE[5], False: INK})
    ax.scatter(numbers["importance"], rows, color=list(first), s=60, zorder=3)
    ax.set(yticks=rows, yticklabels=names, ylim=(len(rows) - 0.4, -0.6), xlim=(0, None), ylabel="")
    ax.set_xlabel(_("share of importance with 95 % interval; mean answer in brackets"))
    ax.xaxis.set_major_formatter("{x:.0%}")
