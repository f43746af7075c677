"""Pictures of the tiers (08) and of the actions (09)."""


import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.i18n import _
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.charts.style import (
    INK,
    MUTED,
    PALETTE,
    Picture,
    Takeaway,
    empty_figure,
    new_figure,
    takeaway,
)

BINS = np.arange(0, 101, 4)  # points
SHARES = {
    "customers_share": _("share of customers"), "spend_share": _("share of last year's spend"),
    "value_share": _("share of predicted value"),
}  # fmt: skip


def hide_tiers(summary: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """The tiers' sizes and amounts as people may see them."""
    money = [name for name in ("spend", "spend_share", "value", "value_share") if name in summary]
    return hide_small(summary, money=money, at_least=at_least)


def show_tiers(shown: pd.DataFrame) -> Picture:
    """Share of customers beside share of spend and of value, per tier, the best on top.

    `shown` comes from `tiers.summarise_tiers`, after `hide_tiers`.
    """
    columns = [column for column in SHARES if column in shown]
    figure, axes = new_figure(height=1.4 + 0.75 * len(shown))
    places, height = np.arange(len(shown)), 0.8 / len(columns)
    for step, (column, colour) in enumerate(zip(columns, PALETTE, strict=False)):
        shares = shown[column].to_numpy(dtype=float, na_value=np.nan)
        at = places + height * (step - (len(columns) - 1) / 2)
        axes.barh(at, np.nan_to_num(shares), height=height * 0.92, color=colour, label=SHARES[column])
        for place, share in zip(at, shares, strict=True):
            axes.annotate(_share(share), (np.nan_to_num(share), place), xytext=(3, 0),
                          textcoords="offset points", va="center", fontsize=10, color=MUTED)  # fmt: skip
    axes.set_yticks(places, [f"{name}\n{zh}" for name, zh in zip(shown["tier"], shown["zh"], strict=True)])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.14)
    _percent(axes.xaxis)
    axes.set_xlabel(_("share of all, 0 to 100 %"))
    _legend_above(figure, axes)
    told = "; ".join(
        f"{row['tier']}: " + ", ".join(f"{SHARES[column]} {_share(row[column])}" for column in columns)
        for _place, row in shown.iterrows()
    )
    return Picture(figure, _("Bars per tier. {told}.").format(told=told))


def show_scores(tiers: pd.DataFrame, policy: Policy, ruler) -> Picture:
    """How the scores spread, coloured by tier, with the borders that ask for the score alone."""
    figure, axes = new_figure(height=4.2)
    least, below = policy.privacy.min_cell, np.zeros(len(BINS) - 1)
    for tier, colour in zip(policy.tiers, PALETTE, strict=False):
        counts, _edges = np.histogram(tiers.loc[tiers["tier"] == tier.name, "score"], BINS)
        counts = np.where(counts < least, 0, counts)
        axes.bar(BINS[:-1], counts, width=3.7, align="edge", bottom=below, color=colour, label=tier.name)
        below += counts
    borders = {
        name: asked["score"].at_least
        for name, asked in ruler.borders[0].items()
        if list(asked) == ["score"] and asked["score"].at_least <= 100
    }
    for name, border in borders.items():
        axes.axvline(border, color=INK, linewidth=1, linestyle="--")
        axes.annotate(_("{name} from {border:.1f}").format(name=name, border=border), (border, 0.99),
                      xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points",
                      rotation=90, va="top", fontsize=10, color=INK,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85})  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_ylim(0, max(below.max(), 1) * 1.35)
    axes.set_xlabel(_("score, 0 to 100 points"))
    axes.set_ylabel(_("customers per 4 points"))
    _legend_above(figure, axes)
    told = ", ".join(f"{name} {border:.1f}" for name, border in borders.items()) or _("none")
    middle = f"{tiers['score'].median():.1f}" if len(tiers) >= least else _("hidden")
    return Picture(
        figure,
        _("Columns of customers by score, coloured by tier; median {middle} points. Borders: {told}. "
          "Columns of fewer than {least} customers are not drawn.").format(
              middle=middle, told=told, least=least),
    )  # fmt: skip


def show_reasons(parts: pd.DataFrame) -> Picture:
    """Example customers' scores, added up from their criteria.

    `parts` has the columns `customer` (a pseudonym and the tier), `criterion`, `adds` (points).
    """
    customers = list(dict.fromkeys(parts["customer"]))
    figure, axes = new_figure(height=1.9 + 0.55 * len(customers))
    adds = parts.pivot_table(index="customer", columns="criterion", values="adds", sort=False, dropna=False)
    adds, left = adds.reindex(customers), np.zeros(len(customers))
    for criterion, colour in zip(dict.fromkeys(parts["criterion"]), PALETTE, strict=False):
        widths = adds[criterion].fillna(0).to_numpy()
        axes.barh(np.arange(len(customers)), widths, left=left, color=colour, label=criterion, height=0.62)
        for place, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width >= 5:
                axes.text(start + width / 2, place, f"{width:.0f}", ha="center", va="center",
                          color="white", fontsize=10.5)  # fmt: skip
        left = left + widths
    for place, total in enumerate(left):
        axes.annotate(f"{total:.1f}", (total, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(np.arange(len(customers)), customers)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("points that each criterion adds to the score"))
    _legend_above(figure, axes)
    told = "; ".join(f"{name} {total:.1f}" for name, total in zip(customers, left, strict=True))
    told = told.replace("\n", ", ")
    return Picture(figure, _("Bars, the scores of example customers added up: {told}.").format(told=told))


def show_sensitivity(changes: pd.DataFrame) -> Picture:
    """Share of customers whose tier would change if one criterion weighed 10 % more, or less."""
    figure, axes = new_figure(height=1.4 + 0.55 * len(changes))
    places = np.arange(len(changes))
    sides = (("changed_up", _("weighs 10 % more"), -0.2), ("changed_down", _("weighs 10 % less"), 0.2))
    for (column, words, shift), colour in zip(sides, PALETTE, strict=False):
        axes.barh(places + shift, changes[column], height=0.36, color=colour, label=words)
        for place, share in zip(places, changes[column], strict=True):
            axes.annotate(f"{share:.1%}", (share, place + shift), xytext=(3, 0), textcoords="offset points",
                          va="center", fontsize=10, color=MUTED)  # fmt: skip
    names = [f"{row.criterion} ({row.weight:.0%})" for row in changes.itertuples()]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.14)
    _percent(axes.xaxis, 1)
    axes.set_xlabel(_("share of customers whose tier changes"))
    _legend_above(figure, axes)
    told = "; ".join(
        f"{name} {row.changed_up:.1%} / {row.changed_down:.1%}"
        for name, row in zip(names, changes.itertuples(), strict=True)
    )
    return Picture(figure, _("Bars, tiers changed by 10 % more / less weight: {told}.").format(told=told))


def show_audit(audit: pd.DataFrame) -> Picture:
    """Share of each group in the two best tiers, with 95 % intervals, beside everyone else's share."""
    if audit.empty:
        return empty_figure(_("the data have none of the policy's audit attributes"))
    figure, axes = new_figure(height=1.3 + 0.34 * len(audit))
    places = np.arange(len(audit))
    colours = np.where(audit["differs"], PALETTE[5], PALETTE[0])
    axes.hlines(places, audit["low"], audit["high"], color=colours, linewidth=2.5)
    axes.scatter(audit["share"], places, color=colours, s=42, zorder=3, label=_("this group"))
    axes.scatter(audit["others_share"], places, marker="|", s=160, color=INK, label=_("everyone else"))
    axes.set_yticks(places, [f"{row.attribute}: {row.group}" for row in audit.itertuples()], fontsize=10)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    _percent(axes.xaxis)
    axes.set_xlabel(_("share in the two best tiers, with 95 % interval"))
    _legend_above(figure, axes)
    different = [f"{r.attribute} {r.group} {r.share:.1%}" for r in audit[audit["differs"]].itertuples()]
    told = ", ".join(different) or _("none")
    return Picture(
        figure,
        _("Points with intervals for {groups} groups. Clearly different from everyone else: {told}.").format(
            groups=len(audit), told=told),
    )  # fmt: skip


def tell_tiers(shown: pd.DataFrame, tiers: pd.DataFrame) -> Takeaway:
    """How large the best two tiers are, what they bring, and how firm all tiers are."""
    top = shown.head(2)
    names = _(" and ").join(top["tier"])
    firm = float((tiers["firmness"] == 1).mean()) if len(tiers) else 0.0
    if top[["customers_share", "spend_share"]].isna().any(axis=None):
        words = _("{count:,} customers have a tier and a reason; **{names}** are too few to be shown. ")
    else:
        words = _(
            "**{names}** are {people:.0%} of {count:,} customers and {spend:.0%} of last year's spend. "
        )
    return takeaway(
        words + _("{firm:.0%} keep their tier under every 10 % change of the weights."),
        names=names, count=len(tiers), people=float(top["customers_share"].sum()), firm=firm,
        spend=float(top["spend_share"].sum()),
    )  # fmt: skip


def _legend_above(figure, axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)


def _percent(axis, digits: int = 0) -> None:
    axis.set_major_formatter(lambda value, _place: f"{value:.{digits}%}")


def _share(share) -> str:
    return _("hidden") if pd.isna(share) else f"{share:.1%}"
