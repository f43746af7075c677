"""Value beside risk, and warnings beside what came."""

import numpy as np
import pandas as pd
import seaborn as sns

from crcm_lib.i18n import _
from crcm_lib.reporting.charts.style import HIDDEN, INK, PALETTE, new_axes


def draw_matrix(cells: pd.DataFrame, order: list[str], titles: dict[str, str]):
    """A panel for each kind of risk, one below the other: tiers by levels, coloured by customers.

    Parameters
    ----------
    cells
        From `value_risk.hide_cells` in words: `risk`, `tier`, `level`, `customers`, `value`; hidden ones are
        grey.
    order
        The tiers, best first.
    titles
        Of each panel, by `risk`.
    """
    kinds = list(cells["risk"].unique())
    axes = np.atleast_1d(new_axes(rows=len(kinds), height=0.6 + 3.8 * len(kinds)))
    for ax, kind in zip(axes, kinds, strict=True):
        mine = cells[cells["risk"] == kind]
        levels = list(mine["level"].unique())
        counts, value = (
            mine.pivot_table(index="tier", columns="level", values=name, dropna=False, aggfunc="first")
            .reindex(index=order, columns=levels)
            .astype("float64")
            for name in ("customers", "value")
        )
        words = counts.copy().astype("object")
        for level in levels:
            pairs = zip(counts[level], value[level], strict=True)
            words[level] = [_write_cell(count, money) for count, money in pairs]
        sns.heatmap(
            np.log1p(counts),
            annot=words,
            fmt="",
            cmap=sns.light_palette(PALETTE[0], as_cmap=True, reverse=False),
            vmin=0,
            vmax=1.6 * float(np.log1p(cells["customers"].astype("float64")).max()),
            cbar=False,
            linewidths=2,
            annot_kws={"color": INK, "fontsize": 14.5},
            ax=ax,
        )
        ax.set_facecolor(HIDDEN)
        ax.set(title=titles[kind], xlabel="", ylabel="")
        ax.tick_params(rotation=0, labelsize=13.5)
        ax.grid(visible=False)
    axes[-1].set_xlabel(_("grey: too few to show"))
    return axes


def _write_cell(count: float, money: float) -> str:
    """Customers, and their value in thousands below."""
    if np.isnan(count):
        return ""
    if not count:
        return "0"
    return f"{count:,.0f}" if np.isnan(money) or not money else f"{count:,.0f}\n{money / 1000:,.1f}k"


def draw_warnings(ax, grades: pd.DataFrame) -> None:
    """For each sign a dot with its interval, to how many it came, and an upright mark for those without it.

    `grades` is `write_grades` without hidden rows; the first row comes on top. Without rows nothing is drawn.
    """
    if grades.empty:
        return
    rows = list(range(len(grades)))
    numbers = grades[["came", "low", "high", "others_came"]].astype("float64")
    ax.hlines(rows, numbers["low"], numbers["high"], color=PALETTE[4], linewidth=6)
    ax.scatter(numbers["came"], rows, color=INK, s=50, zorder=3, label=_("with the sign"))
    ax.scatter(
        numbers["others_came"], rows, marker="|", s=280, linewidth=3, color=PALETTE[5], label=_("without it")
    )
    ax.set(yticks=rows, yticklabels=grades["warning"], ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.02))
    ax.set(xlabel=_("share to whom it came, 95 % interval"), ylabel="")
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=2)


def draw_rates(ax, rates: pd.DataFrame, constant: float) -> None:
    """A dot with its interval for each bucket's share lost, and a line where one rate for all would be."""
    if rates.empty:
        return
    rows = list(range(len(rates)))
    numbers = rates[["rate", "low", "high"]].astype("float64")
    ax.hlines(rows, numbers["low"], numbers["high"], color=PALETTE[4], linewidth=6)
    ax.scatter(numbers["rate"], rows, color=INK, s=50, zorder=3)
    ax.axvline(constant, color=PALETTE[5], linestyle="--", linewidth=2, label=_("one rate for all"))
    ax.set(yticks=rows, yticklabels=rates["age"], ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.02))
    ax.set(xlabel=_("share of the amount lost in the end, 95 % interval"), ylabel=_("days overdue"))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0))
