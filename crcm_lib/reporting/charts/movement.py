"""Pictures of what moved and what came after (10)."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.style import (
    INK,
    PALETTE,
    Picture,
    Takeaway,
    empty_figure,
    new_figure,
    takeaway,
)

WAYS = {"stayed": _("stayed"), "rose": _("rose"), "fell": _("fell")}


def show_moves(crossed: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """Tier before (rows) by tier now (columns): customers, shaded by the row's share."""
    shown = hide_small(crossed.rename_axis(None), counts=list(crossed.columns), at_least=at_least)
    counts = shown.to_numpy(dtype=float, na_value=np.nan)
    sizes = crossed.sum(axis=1).to_numpy(dtype=float)
    shares = counts / np.where(sizes > 0, sizes, np.nan)[:, None]
    figure, axes = new_figure(height=4.6)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        words = _("hidden") if np.isnan(count) else f"{count:,.0f}"
        if np.isfinite(share) and count:
            words += f"\n{share:.0%}"
        axes.text(column, row, words, ha="center", va="center", fontsize=10.5,
                  color="white" if np.isfinite(share) and share > 0.55 else INK)  # fmt: skip
    axes.set_xticks(range(len(crossed.columns)), crossed.columns)
    axes.set_yticks(range(len(crossed.index)), crossed.index)
    axes.grid(visible=False)
    axes.set_xlabel(_("tier now"))
    axes.set_ylabel(_("tier before"))
    told = "; ".join(
        f"{name}: " + ", ".join(_("hidden") if np.isnan(c) else f"{c:,.0f}" for c in row)
        for name, row in zip(crossed.index, counts, strict=True)
    )
    columns = ", ".join(crossed.columns)
    return Picture(figure, _("Matrix, tier before by tier now ({columns}). {told}.").format(
        columns=columns, told=told))  # fmt: skip


def show_chance(summary: pd.DataFrame, *, at_least: int = 5) -> Picture:
    """Share of each past tier that stayed, rose and fell, beside what chance alone would move."""
    shown = summary[summary["customers"] >= at_least].reset_index(drop=True)
    if shown.empty:
        return empty_figure(_("no tier had enough customers to compare"))
    figure, panels = new_figure(height=1.6 + 0.5 * len(shown), ncols=3, sharey=True)
    places = np.arange(len(shown))
    for axes, (way, words) in zip(panels, WAYS.items(), strict=True):
        axes.barh(places, shown[way], height=0.62, color=PALETTE[0], label=_("seen"))
        axes.scatter(shown[f"{way}_by_chance"], places, marker="|", s=340, linewidth=3, color=PALETTE[1],
                     label=_("by chance alone"), zorder=3)  # fmt: skip
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _place: f"{value:.0%}")
        axes.set_xticks([0, 0.4, 0.8])
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(_("share that {way}").format(way=words))
    panels[0].set_yticks(places, shown["tier_before"])
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    told = "; ".join(_tell_ways(row) for row in shown.to_dict("records"))
    return Picture(figure, _("Bars per past tier, with a mark for chance alone. {told}.").format(told=told))


def show_order(effects: pd.DataFrame, currency: str, *, at_least: int = 5) -> Picture:
    """Later spend and share who bought again, per past tier, with 95 % intervals."""
    shown = effects[effects["customers"] >= at_least].reset_index(drop=True)
    if shown.empty:
        return empty_figure(_("no tier had enough customers to follow"))
    figure, panels = new_figure(height=1.5 + 0.45 * len(shown), ncols=2, sharey=True)
    places = np.arange(len(shown))
    spend = ("spend_later_mean", "spend_later_low", "spend_later_high")
    again = ("retained_share", "retained_low", "retained_high")
    for axes, (middle, low, high), colour in zip(panels, (spend, again), PALETTE, strict=False):
        axes.hlines(places, shown[low], shown[high], color=colour, linewidth=3, alpha=0.6)
        axes.scatter(shown[middle], places, color=colour, s=48, zorder=3)
        axes.set_xlim(left=0)
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.grid(visible=False, axis="y")
    panels[0].set_yticks(places, shown["tier_before"])
    panels[0].invert_yaxis()
    panels[0].set_xlabel(_("mean spend since, {currency}").format(currency=currency))
    panels[0].locator_params(axis="x", nbins=5)
    panels[0].xaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    panels[1].set_xlabel(_("share who bought again"))
    panels[1].set_xlim(0, 1.03)
    panels[1].xaxis.set_major_formatter(lambda value, _place: f"{value:.0%}")
    told = "; ".join(
        _("{tier}: {spend:,.2f} {currency}, {again:.1%}").format(
            tier=row.tier_before, spend=row.spend_later_mean, currency=currency, again=row.retained_share
        )
        for row in shown.itertuples()
    )
    return Picture(figure, _("Points with intervals per past tier: mean spend since, share who bought again. "
                             "{told}.").format(told=told))  # fmt: skip


def tell_moves(moves: pd.DataFrame, summary: pd.DataFrame, orders: tuple[str, str], past) -> Takeaway:
    """How many moved, how many chance alone would move, and whether the past tiers kept their order."""
    sizes = summary["customers"]
    moved = 1 - float((summary["stayed"].fillna(0) * sizes).sum()) / max(sizes.sum(), 1)
    chance = 1 - float((summary["stayed_by_chance"].fillna(0) * sizes).sum()) / max(sizes.sum(), 1)
    words = _("Since {past}, {moved:.0%} of {count:,} customers changed tier")
    if summary["stayed_by_chance"].notna().any():
        words += _("; chance alone would move about {chance:.0%}")
    words += _(
        ". Did the past tiers keep their order? Later spend: **{spend}**; buying again: **{again}**. "
        "{down:,} moves down wait for a named person."
    )
    return takeaway(
        words, past=f"{past:%Y-%m-%d}", moved=moved, count=int(sizes.sum()), chance=chance,
        spend=orders[0], again=orders[1], down=int(moves["waits_for_review"].sum()),
    )  # fmt: skip


def _tell_ways(row: dict) -> str:
    seen = ", ".join(f"{words} {row[way]:.0%} ({row[f'{way}_by_chance']:.0%})" for way, words in WAYS.items())
    return f"{row['tier_before']}: {seen}"
