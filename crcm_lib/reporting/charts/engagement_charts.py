"""How many go on from step to step, and who is in the community."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import PALETTE

MARKERS = "osD^v"


def draw_journey(ax, curves: pd.DataFrame) -> None:
    """A rising line with its interval for each pair of steps; nothing without rows.

    `curves` is from `text.engaged_customers.write_curves`.
    """
    if curves.empty:
        return
    dashes = ("-", "--", ":")
    for place, (way, curve) in enumerate(curves.groupby("way", sort=False)):
        colour, numbers = PALETTE[place], curve[["days", "share", "low", "high"]].astype("float64")
        ends = {
            "low": numbers["low"].fillna(numbers["share"]),
            "high": numbers["high"].fillna(numbers["share"]),
        }
        ax.fill_between(
            numbers["days"], ends["low"], ends["high"], color=colour, alpha=0.2, linewidth=0, step="post"
        )
        ax.step(
            numbers["days"],
            numbers["share"],
            dashes[place],
            where="post",
            color=colour,
            linewidth=2.2,
            label=way,
        )
    ax.set(
        xlabel=_("days since the step"),
        ylabel=_("share that took the next step"),
        ylim=(0, 1),
        xlim=(0, None),
    )
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=1)


def draw_community(ax, quarters: pd.DataFrame, order: list[str]) -> None:
    """A line of customers for each tier by quarter; hidden quarters leave a gap; nothing without rows."""
    if quarters.empty:
        return
    names = sorted(quarters["quarter"].unique())
    tiers = [tier for tier in order if (quarters["tier"] == tier).any()]
    for place, tier in enumerate(tiers):
        known = quarters[quarters["tier"] == tier].set_index("quarter")["customers"].astype("float64")
        style = {"color": PALETTE[place % len(PALETTE)], "marker": MARKERS[place % len(MARKERS)]}
        ax.plot(range(len(names)), known.reindex(names), label=tier, markersize=7, **style)
    ax.set_xticks(range(len(names)), names, rotation=35)
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set(ylim=(0, None), xlabel="", ylabel=_("customers in the community"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3)
