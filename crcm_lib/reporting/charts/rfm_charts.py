"""What 03 shows: scores, segments and moves, in pictures and a takeaway."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.rfm import NOT_YET
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.profile import label_cells, percent
from crcm_lib.reporting.charts.style import PALETTE, Picture, Takeaway, new_figure, takeaway


def show_scores(scores: pd.DataFrame) -> Picture:
    """How many customers have each score; where many tie, a score stays empty."""
    names = [name for name in scores if name.endswith("_score")]
    figure, grid = new_figure(height=3.2, ncols=len(names), sharey=True)
    told, top = [], _best(scores[names])
    for axes, name, colour in zip(np.ravel(grid), names, PALETTE, strict=False):
        share = scores[name].value_counts(normalize=True).reindex(range(1, top + 1), fill_value=0.0)
        axes.bar(share.index, share, color=colour)
        axes.set_title(name.removesuffix("_score"), fontsize=11)
        axes.set_xticks(share.index)
        axes.set_xlabel(_("score, {best} is best").format(best=top))
        told.append(f"{name.removesuffix('_score')} " + ", ".join(f"{s}: {v:.0%}" for s, v in share.items()))
    np.ravel(grid)[0].set_ylabel(_("share of buyers"))
    percent(np.ravel(grid)[0].yaxis)
    return Picture(figure, _("Bars, share of buyers by score. {told}.").format(told="; ".join(told)))


def recency_frequency_heatmap(scores: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """Customers by recency and frequency score, the best in the upper right corner; small cells hidden."""
    top = _best(scores[["recency_score", "frequency_score"]])
    every = range(1, top + 1)
    cells = pd.crosstab(scores["frequency_score"], scores["recency_score"]).reindex(
        index=every, columns=every, fill_value=0
    )
    figure, axes = new_figure(height=4.4)
    _count_cells(axes, cells.iloc[::-1], at_least)
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
    _count_cells(axes, moves, at_least)
    axes.tick_params(axis="x", rotation=45)
    for label in axes.get_xticklabels():
        label.set_ha("right")
        label.set_rotation_mode("anchor")
    axes.set_xlabel(_("segment now (customers; · too few to show)"))
    axes.set_ylabel(_("segment then"))
    both = moves.loc[moves.index.isin(moves.columns), :]
    stayed = sum(int(both.loc[name, name]) for name in both.index)
    return Picture(
        figure,
        _(
            "Map of moves between {count} segments: of {then:,} customers then, {stayed:,} are in the same."
        ).format(count=len(moves.columns), then=int(both.to_numpy().sum()), stayed=stayed),
    )


def tell_segments(
    by_segment: pd.DataFrame, moves: pd.DataFrame, day_before: pd.Timestamp, *, at_least: int = 5
) -> Takeaway:
    """The segment with most spend, its size, and the share of earlier buyers who changed segment since."""
    spend, people = by_segment["spend_total"], by_segment["customers"]
    then = moves.drop(index=NOT_YET)
    stayed = sum(int(then.loc[name, name]) for name in then.columns)
    known = int(then.to_numpy().sum())
    most = spend.idxmax() if spend.sum() else None
    if most is None or people[most] < at_least:
        return takeaway(_("Too few buyers, or too little spend, to compare segments."))
    words = _("**{most}** bring {spend:.0%} of spend and are {people:.0%} of buyers.")
    if known >= at_least and known - stayed >= at_least:
        words += _(" Since {day:%Y-%m-%d}, {moved:.0%} of the buyers of that day have changed segment.")
    return takeaway(
        words, most=most, spend=spend[most] / spend.sum(), people=people[most] / people.sum(),
        day=day_before, moved=1 - stayed / max(known, 1),
    )  # fmt: skip


def _count_cells(axes, cells: pd.DataFrame, at_least: int) -> None:
    """A map of counts with the numbers in the cells; a dot where there is something too small to show."""
    shown = _hide(cells, at_least).astype("float64").to_numpy()
    top = np.nanmax(shown) if np.isfinite(shown).any() else 1
    axes.imshow(np.sqrt(np.nan_to_num(shown)), aspect="auto", cmap="Blues", vmin=0, vmax=np.sqrt(max(top, 1)))
    for (row, column), count in np.ndenumerate(shown):
        words = "·" if np.isnan(count) else "" if count == 0 else f"{count:,.0f}"
        axes.text(column, row, words, ha="center", va="center", fontsize=10,
                  color="white" if np.nan_to_num(count) > top * 0.45 else "black")  # fmt: skip
    label_cells(axes, [str(name) for name in cells.index], [str(name) for name in cells.columns])


def _hide(cells: pd.DataFrame, at_least: int) -> pd.DataFrame:
    named = cells.set_axis(cells.columns.astype(str), axis=1)
    return hide_small(named, counts=list(named.columns), at_least=at_least)


def _number(value) -> str:
    return _("hidden") if pd.isna(value) else f"{value:,.0f}"


def _best(scores: pd.DataFrame) -> int:
    return int(scores.max(axis=None)) if len(scores) else 1
