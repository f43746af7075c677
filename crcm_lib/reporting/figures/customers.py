"""Pictures of the customer base (02) and of the RFM scores (03)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.data.privacy import hide_small
from crcm_lib.language import _
from crcm_lib.reporting.figures.style import MUTED, PALETTE, Picture, new_figure

MOST_COHORTS = 24
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
    _percent(axes.yaxis)
    told = ", ".join(f"{name} {days:,.0f}" for name, days in borders.items())
    return Picture(
        figure,
        _("Curve of the share of absences that are over, by days. Windows in days: {told}.").format(
            told=told
        ),
    )


def show_lorenz(points: pd.DataFrame, measures: dict[str, float]) -> Picture:
    """The Lorenz curve of spend, beside the line on which everybody spends the same."""
    figure, axes = new_figure(height=4.6)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", label=_("everybody spends the same"))
    axes.plot(points["share_of_customers"], points["share_of_spend"], color=PALETTE[0], linewidth=2.5,
              label=_("these customers"))  # fmt: skip
    axes.fill_between(points["share_of_customers"], points["share_of_spend"], points["share_of_customers"],
                      color=PALETTE[0], alpha=0.12)  # fmt: skip
    axes.set_xlabel(_("share of buyers, smallest spenders first"))
    axes.set_ylabel(_("share of spend"))
    _percent(axes.xaxis)
    _percent(axes.yaxis)
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
    drawn = axes.imshow(shares.to_numpy(), aspect="auto", cmap="YlGnBu", vmin=0)
    _ticks(axes, [f"{day:%Y-%m}" for day in shares.index], [str(month) for month in shares.columns])
    axes.set_xlabel(_("months after the first purchase"))
    axes.set_ylabel(_("month of the first purchase"))
    bar = figure.colorbar(drawn, label=_("share that bought"))
    _percent(bar.ax.yaxis)
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
        height=1.2 + 0.36 * sum(heights) + 0.5 * len(heights), nrows=len(attributes), squeeze=False,
        sharex=True, height_ratios=[height + 1 for height in heights],
    )  # fmt: skip
    told = []
    for axes, name in zip(grid[:, 0], attributes, strict=True):
        levels = shown[shown["attribute"] == name].set_index("level")
        _paired_bars(axes, levels)
        axes.set_title(name.replace("_", " "), fontsize=11)
        best = levels["spend_mean"].idxmax() if levels["spend_mean"].notna().any() else "–"
        told.append(_("{name}: most spend per customer in {best}").format(name=name, best=best))
    grid[0, 0].legend(loc="lower right")
    grid[-1, 0].set_xlabel(_("share of all, 0 to 100 %"))
    return Picture(figure, _("Bars, share of customers and of spend. {told}.").format(told="; ".join(told)))


def show_scores(scores: pd.DataFrame) -> Picture:
    """How many customers have each score; where many tie, a score stays empty."""
    names = [name for name in scores if name.endswith("_score")]
    figure, grid = new_figure(height=3.2, ncols=len(names), sharey=True)
    told, top = [], int(scores[names].max().max())
    for axes, name, colour in zip(np.ravel(grid), names, PALETTE, strict=False):
        share = scores[name].value_counts(normalize=True).reindex(range(1, top + 1), fill_value=0.0)
        axes.bar(share.index, share, color=colour)
        axes.set_title(name.removesuffix("_score"), fontsize=11)
        axes.set_xticks(share.index)
        axes.set_xlabel(_("score, {best} is best").format(best=top))
        told.append(f"{name.removesuffix('_score')} " + ", ".join(f"{s}: {v:.0%}" for s, v in share.items()))
    np.ravel(grid)[0].set_ylabel(_("share of buyers"))
    _percent(np.ravel(grid)[0].yaxis)
    return Picture(figure, _("Bars, share of buyers by score. {told}.").format(told="; ".join(told)))


def show_map(scores: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """Customers by recency and frequency score, the best in the upper right corner; small cells hidden."""
    top = int(scores[["recency_score", "frequency_score"]].max().max())
    every = range(1, top + 1)
    cells = pd.crosstab(scores["frequency_score"], scores["recency_score"]).reindex(
        index=every, columns=every, fill_value=0
    )
    figure, axes = new_figure(height=4.4)
    _counts(axes, cells.iloc[::-1], at_least)
    axes.set_xlabel(_("recency score, {best} came last").format(best=top))
    axes.set_ylabel(_("frequency score"))
    shown = _hide(cells, at_least)
    told = _("best on both {best}, worst on both {worst}").format(
        best=_number(shown.iloc[-1, -1]), worst=_number(shown.iloc[0, 0])
    )
    return Picture(figure, _("Map of customers by recency and frequency score: {told}.").format(told=told))


def show_moves(moves: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """From which segment (rows) to which (columns) customers moved; small cells hidden."""
    figure, axes = new_figure(height=2.4 + 0.34 * len(moves))
    _counts(axes, moves, at_least)
    axes.tick_params(axis="x", rotation=45)
    for label in axes.get_xticklabels():
        label.set_ha("right")
        label.set_rotation_mode("anchor")
    axes.set_xlabel(_("segment now (customers)"))
    axes.set_ylabel(_("segment then"))
    both = moves.loc[moves.index.isin(moves.columns), :]
    stayed = sum(int(both.loc[name, name]) for name in both.index)
    return Picture(
        figure,
        _(
            "Map of moves between {count} segments: of {then:,} customers then, {stayed:,} are in the same."
        ).format(count=len(moves.columns), then=int(both.to_numpy().sum()), stayed=stayed),
    )


def hide_per_attribute(broken: pd.DataFrame, attributes: Sequence[str], *, at_least: int = 5) -> pd.DataFrame:
    """The rows of these attributes, in this order, each attribute's small and dominated groups hidden."""
    money = ["spend_total", "spend_share", "spend_mean"]
    parts = [
        hide_small(broken[broken["attribute"] == name], money=money, at_least=at_least) for name in attributes
    ]
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else broken.iloc[:0].drop(columns="largest_share")


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
    _percent(axes.xaxis)


def _counts(axes, cells: pd.DataFrame, at_least: int) -> None:
    """A map of counts with the numbers in the cells; a dot where there is something too small to show."""
    shown = _hide(cells, at_least).astype("float64").to_numpy()
    top = np.nanmax(shown) if np.isfinite(shown).any() else 1
    axes.imshow(np.sqrt(np.nan_to_num(shown)), aspect="auto", cmap="Blues", vmin=0, vmax=np.sqrt(max(top, 1)))
    for (row, column), count in np.ndenumerate(shown):
        words = "·" if np.isnan(count) else "" if count == 0 else f"{count:,.0f}"
        axes.text(column, row, words, ha="center", va="center", fontsize=10,
                  color="white" if np.nan_to_num(count) > top * 0.35 else "black")  # fmt: skip
    _ticks(axes, [str(name) for name in cells.index], [str(name) for name in cells.columns])


def _hide(cells: pd.DataFrame, at_least: int) -> pd.DataFrame:
    return hide_small(cells, counts=list(cells.columns), at_least=at_least)


def _ticks(axes, rows: list[str], columns: list[str]) -> None:
    """A label for every row, and for as many columns as fit."""
    step = 1 + len(columns) // 13
    axes.set_xticks(range(0, len(columns), step), columns[::step])
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    axes.tick_params(labelsize=10)


def _percent(axis) -> None:
    axis.set_major_formatter(lambda value, _place: f"{value:.0%}")


def _number(value) -> str:
    return _("hidden") if pd.isna(value) else f"{value:,.0f}"


def _tell_shares(name: str, row: pd.Series) -> str:
    shares = [_("hidden") if pd.isna(row[column]) else f"{row[column]:.1%}" for column, _words in SHARES]
    return f"{name}: {shares[0]}, {shares[1]}"
