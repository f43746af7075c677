"""What 02 shows: the customer base, in pictures, tables and a takeaway."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.customer_base import NOT_GIVEN
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.style import (
    GRID,
    MUTED,
    PALETTE,
    Picture,
    TableView,
    Takeaway,
    new_figure,
    table,
    takeaway,
)
from crcm_lib.schema.tables import About

MOST_COHORTS = 36
FORMATS = {"customer_share": "share", "spend_total": "money", "spend_share": "share", "spend_mean": "money"}
SHARES = (("customer_share", _("share of customers")), ("spend_share", _("share of spend")))


def show_shares(sizes: pd.DataFrame) -> Picture:
    """Share of customers and of spend of each group: paired bars, the first group on top.

    `sizes` comes from `cohorts.size_groups` or `break_down`, after `privacy.hide_small`.
    """
    figure, axes = new_figure(height=1.1 + 0.42 * len(sizes))
    _paired_bars(axes, sizes)
    axes.set_xlabel(_("share of all, 0 to 100 %"))
    axes.legend(loc="lower right")
    told = "; ".join(_tell_shares(name, row) for name, row in sizes.iterrows())
    return Picture(figure, _("Bars, share of customers and of spend. {told}.").format(told=told))


def show_absences(gaps: pd.DataFrame, windows) -> Picture:
    """How soon customers come back: share of the days between purchases that are over, with the windows."""
    figure, axes = new_figure()
    borders = {
        _("new"): windows.new_days,
        _("at risk"): windows.at_risk_days,
        _("lost"): windows.lost_days,
    }
    if gaps.empty:
        axes.text(0.5, 0.5, _("nobody has come back yet"), ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return Picture(figure, _("No curve: nobody has come back yet."))
    weight = (gaps["gaps"] / gaps["gaps_of_customer"]).groupby(gaps["gap_days"]).sum()
    reached = weight.cumsum() / weight.sum()
    axes.step(reached.index, reached, where="post", color=PALETTE[0], linewidth=2)
    for (name, days), colour in zip(borders.items(), PALETTE[1:], strict=False):
        axes.axvline(days, color=colour, linestyle="--")
        axes.annotate(
            _("{name}: {days:,.0f} days").format(name=name, days=days), (days, 0.03), xytext=(4, 0),
            textcoords="offset points", rotation=90, color=colour, fontsize=10, va="bottom",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    axes.set_xlabel(_("days between purchases (log scale)"))
    axes.set_ylabel(_("share over by then"))
    percent(axes.yaxis)
    told = ", ".join(f"{name} {days:,.0f}" for name, days in borders.items())
    return Picture(
        figure,
        _("Curve of the share of absences that are over, by days. Windows in days: {told}.").format(
            told=told
        ),
    )


def show_lorenz(points: pd.DataFrame, measures: dict[str, float]) -> Picture:
    """The Lorenz curve of spend, beside the line on which everybody spends the same."""
    figure, axes = new_figure()
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", label=_("everybody spends the same"))
    axes.plot(points["share_of_customers"], points["share_of_spend"], color=PALETTE[0], linewidth=2.5,
              label=_("these customers"))  # fmt: skip
    axes.set_xlabel(_("share of buyers, smallest spenders first"))
    axes.set_ylabel(_("share of spend"))
    percent(axes.xaxis)
    percent(axes.yaxis)
    axes.legend(loc="upper left")
    half = float(np.interp(0.5, points["share_of_customers"], points["share_of_spend"]))
    return Picture(
        figure,
        _("Lorenz curve. The lower half of buyers brings {half:.1%} of spend; Gini {gini:.2f}.").format(
            half=half, gini=measures["gini"]
        ),
    )


def show_cohorts(cohorts: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """Of each monthly cohort, the share that bought again in each later month; the latest cohorts.

    Months that `as_of` cuts short are left out, and so are 1 to `at_least` - 1 customers.
    """
    few = cohorts["active"].between(1, at_least - 1) | (cohorts["customers"] < at_least)
    seen = cohorts[cohorts["complete"] & (cohorts["months_later"] > 0)].assign(few=few)
    seen = seen[seen["months_later"] <= MOST_COHORTS]
    shares = seen.assign(retained_share=seen["retained_share"].mask(seen["few"])).pivot_table(
        index="cohort", columns="months_later", values="retained_share", dropna=False
    ).tail(MOST_COHORTS)  # fmt: skip
    figure, axes = new_figure(height=1.6 + 0.22 * max(len(shares), 6))
    if shares.empty or shares.isna().all(axis=None):
        axes.text(0.5, 0.5, _("no later month to look at yet"), ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return Picture(figure, _("No map: no later month to look at yet."))
    hidden = seen.assign(few=seen["few"].astype(float)).pivot_table(
        index="cohort", columns="months_later", values="few"
    ).tail(MOST_COHORTS)  # fmt: skip
    axes.imshow(hidden.where(hidden == 1), aspect="auto", cmap="Greys", vmin=0, vmax=5)
    drawn = axes.imshow(shares.to_numpy(), aspect="auto", cmap="YlGnBu", vmin=0)
    label_cells(axes, [f"{day:%Y-%m}" for day in shares.index], [str(month) for month in shares.columns])
    axes.set_xlabel(_("months after the first purchase (grey: too few to show)"))
    axes.set_ylabel(_("month of the first purchase"))
    bar = figure.colorbar(drawn, label=_("share that bought"))
    percent(bar.ax.yaxis)
    sums = seen[~seen["few"]].groupby("months_later")[["active", "customers"]].sum()
    told = ", ".join(
        f"{m}: {sums.active[m] / sums.customers[m]:.1%}" for m in (1, 3, 6, 12, 24) if m in sums.index
    )
    return Picture(
        figure,
        _(
            "Map of {cohorts} monthly cohorts. Share that bought again, by months after the first: {told}."
        ).format(cohorts=len(shares), told=told),
    )


def show_groups(shown: pd.DataFrame) -> Picture:
    """Share of customers and of spend by level, one attribute below the other.

    `shown` has the columns `attribute`, `level` and those of `cohorts.size_groups`, small groups hidden.
    """
    attributes = list(dict.fromkeys(shown["attribute"]))
    if not attributes:
        figure, axes = new_figure(height=1.2)
        axes.text(0.5, 0.5, _("no such attributes in this data"), ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return Picture(figure, _("No bars: no such attributes in this data."))
    heights = [int((shown["attribute"] == name).sum()) for name in attributes]
    figure, grid = new_figure(
        height=1.3 + 0.27 * sum(heights) + 0.4 * len(heights), nrows=len(attributes), squeeze=False,
        sharex=True, height_ratios=[height + 0.4 for height in heights],
    )  # fmt: skip
    told = []
    for axes, name in zip(grid[:, 0], attributes, strict=True):
        levels = shown[shown["attribute"] == name].set_index("level")
        _paired_dots(axes, levels)
        axes.set_title(name.replace("_", " "))
        means = levels["spend_mean"].drop(index=NOT_GIVEN, errors="ignore").dropna()
        best = means.idxmax() if len(means) else "–"
        told.append(_("{name}: most spend per customer in {best}").format(name=name, best=best))
    widest = shown[[column for column, _words in SHARES]].max(axis=None)
    grid[0, 0].set_xlim(-0.01, 0.02 + (1.0 if pd.isna(widest) else widest))
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    grid[-1, 0].set_xlabel(_("share of all, 0 to 100 %"))
    return Picture(figure, _("Dots, share of customers and of spend. {told}.").format(told="; ".join(told)))


def hide_groups(sizes: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """Groups of customers as people may see them; `sizes` has the columns of `cohorts.size_groups`."""
    money = [name for name in ("spend_total", "spend_share", "spend_mean") if name in sizes]
    return hide_small(sizes, money=money, at_least=at_least)


def hide_per_attribute(broken: pd.DataFrame, attributes: Sequence[str], *, at_least: int = 5) -> pd.DataFrame:
    """The rows of these attributes, in this order, each attribute's small and dominated groups hidden."""
    parts = [hide_groups(broken[broken["attribute"] == name], at_least=at_least) for name in attributes]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else broken.iloc[:0].drop(columns="largest_share")


def table_groups(shown: pd.DataFrame, about: About) -> TableView:
    """Groups of customers as a table; says so where these data have none."""
    if shown.empty:
        return table(pd.DataFrame({"not_available": [_("these data have no such columns")]}))
    return table(shown, _("Spend in {currency}").format(currency=about.currency), **FORMATS)


def tell_base(
    customers: pd.DataFrame, by_stage: pd.DataFrame, measures: dict[str, float], *, at_least: int = 5
) -> Takeaway:
    """How many there are, in which stage most are, how many slip away, and how concentrated the spend is."""
    buyers, stages = int((customers["purchases"] > 0).sum()), by_stage.drop(index="prospect")
    most = stages["customers"].idxmax()
    if stages.loc[most, "customers"] < at_least:
        return takeaway(_("Too few customers have bought to tell of their stages."))
    people, spend = (stages[name] / stages[name].sum() for name in ("customers", "spend_total"))
    words = _(
        "{buyers:,} customers have bought. Most are **{most}** ({most_share:.0%} of buyers, {most_spend:.0%} "
        "of spend); {away:.0%} are at risk or lost."
    )
    if not np.isnan(measures["top_10_share"]):
        words += _(" The top tenth brings {top:.0%} of spend.")
    return takeaway(
        words, buyers=buyers, most=most, most_share=people[most], most_spend=spend.fillna(0.0)[most],
        away=people[["at risk", "lost"]].sum(), top=measures["top_10_share"],
    )  # fmt: skip


def _paired_bars(axes, sizes: pd.DataFrame) -> None:
    places = np.arange(len(sizes))
    for step, ((column, words), colour) in enumerate(zip(SHARES, PALETTE, strict=False)):
        shares = sizes[column].to_numpy(dtype=float, na_value=np.nan)
        axes.barh(places + 0.38 * (step - 0.5), np.nan_to_num(shares), height=0.36, color=colour, label=words)
        for place, share in zip(places, shares, strict=True):
            words_here = _("hidden") if np.isnan(share) else f"{share:.1%}"
            axes.annotate(words_here, (np.nan_to_num(share), place + 0.38 * (step - 0.5)), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=9, color=MUTED)  # fmt: skip
    axes.set_yticks(places, [str(name) for name in sizes.index])
    axes.set_ylim(len(sizes) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    percent(axes.xaxis)


def _paired_dots(axes, levels: pd.DataFrame) -> None:
    places = np.arange(len(levels))
    pair = levels[[column for column, _words in SHARES]].to_numpy(dtype=float, na_value=np.nan)
    axes.hlines(places, pair.min(axis=1), pair.max(axis=1), color=GRID, linewidth=4)
    for step, ((_column, words), colour) in enumerate(zip(SHARES, PALETTE, strict=False)):
        axes.plot(pair[:, step], places, "o", color=colour, label=words)
    for place in places[np.isnan(pair).all(axis=1)]:
        axes.text(0.002, place, _("hidden"), va="center", fontsize=10, color=MUTED)
    axes.set_yticks(places, [str(name) for name in levels.index])
    axes.set_ylim(len(levels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    percent(axes.xaxis)


def label_cells(axes, rows: list[str], columns: list[str]) -> None:
    """A label for every row, and for as many columns as fit."""
    step = 1 + len(columns) // 13
    axes.set_xticks(range(0, len(columns), step), columns[::step])
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    axes.tick_params(labelsize=10)


def percent(axis) -> None:
    """Label an axis of shares in per cent."""
    axis.set_major_formatter(lambda value, _place: f"{value:.0%}")


def _tell_shares(name: str, row: pd.Series) -> str:
    shares = [_("hidden") if pd.isna(row[column]) else f"{row[column]:.1%}" for column, _words in SHARES]
    return f"{name}: {shares[0]}, {shares[1]}"
