"""Pictures of what remains of gross sales, and of how subscriptions last (04)."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.profitability import STEP_NAMES, WhaleCurve
from crcm_lib.privacy import hide_small, say_hidden
from crcm_lib.reporting.charts.style import (
    INK,
    MUTED,
    PALETTE,
    Picture,
    TableView,
    add_subtitle,
    empty_figure,
    new_figure,
    table,
)

WHOLE, TAKEN, LEFT, COSTLY = PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[5]


def show_waterfall(sums: pd.DataFrame, held_out: str, currency: str, *, at_least: int = 5) -> Picture:
    """From gross sales to what remains: what each step takes off, for one row of `sum_waterfall`.

    `held_out` says how far off predictions were, from `describe_reconciliation`.
    """
    shown = _hide(sums.head(1), at_least)
    if shown.empty or pd.isna(shown["gross_sales"].iloc[0]):
        return empty_figure(
            _("too few customers, or one dominates them: what remains of gross sales is hidden")
        )
    bars = list_bars(shown.iloc[0])
    figure, axes = new_figure(height=1.3 + 0.42 * len(bars))
    colours = {"whole": WHOLE, "taken": TAKEN, "left": LEFT}
    low, high = bars[["start", "end"]].min(axis=1), bars[["start", "end"]].max(axis=1)
    shades = list(bars["kind"].map(colours))  # an edge, so that the thinnest step can be seen
    axes.barh(bars["name"], high - low, left=low, color=shades, edgecolor=shades, linewidth=1.5)
    beside = {"xytext": (5, 0), "textcoords": "offset points", "va": "center", "fontsize": 10}
    for place, (edge, words) in enumerate(zip(high, bars["words"], strict=True)):
        axes.annotate(words, (edge, place), color=MUTED, **beside)
    axes.invert_yaxis()
    axes.margins(x=0.28)
    axes.set_xlim(left=1.05 * min(float(low.min()), 0.0))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(_("{currency}, and share of gross sales").format(currency=currency))
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(_short)
    axes.grid(visible=False, axis="y")
    told = "; ".join(f"{name}: {words}" for name, words in zip(bars["name"], bars["words"], strict=True))
    add_subtitle(figure, held_out)
    text = _("Bars, from gross sales to what remains in {currency}, {n:,} customers. {told}. {held_out}")
    people = shown["customers"].iloc[0]
    return Picture(figure, text.format(currency=currency, n=people, told=told, held_out=held_out))


def list_bars(row: pd.Series) -> pd.DataFrame:
    """The bars of a waterfall: `name`, `kind` (whole, taken, left), `start` and `end` (currency), `words`."""
    gross, level, bars = float(row["gross_sales"]), 0.0, []
    for column in (name for name in row.index if name in {"gross_sales", "spend_total", "contribution"} | {
            *STEP_NAMES}):  # fmt: skip
        amount = float(row[column])
        if column in STEP_NAMES:
            if amount:
                bars.append((STEP_NAMES[column], "taken", level, level - amount, -amount))
            level -= amount
        else:
            name = {"gross_sales": _("gross sales"), "spend_total": _("spend received"),
                    "contribution": _("contribution")}[column]  # fmt: skip
            bars.append((name, "left" if column == "contribution" else "whole", 0.0, amount, amount))
            level = amount
    found = pd.DataFrame(bars, columns=["name", "kind", "start", "end", "amount"])
    found["words"] = [f"{amount:,.0f} ({amount / gross:.1%})" if gross else f"{amount:,.0f}"
                      for amount in found["amount"]]  # fmt: skip
    return found


def table_waterfall(sums: pd.DataFrame, unknown: str, currency: str, *, at_least: int = 5) -> TableView:
    """What remains of gross sales by group, small groups and those that one customer dominates hidden.

    `unknown` says what is not known, from `describe_waterfall`.
    """
    shown = _hide(sums, at_least)
    empty = [step for step in STEP_NAMES if step in shown and not sums[step].any()]
    money = [c for c in shown if c not in ("group", "customers", "contribution_share")]
    caption = _("Amounts in {currency}. {unknown} {hidden}").format(
        currency=currency, unknown=unknown, hidden=say_hidden(sums, shown, at_least=at_least)
    )
    formats = dict.fromkeys(money, "money") | {"contribution_share": "share", "customers": "count"}
    return table(shown.drop(columns=empty), " ".join(caption.split()), **formats)


def show_whale(
    whale: WhaleCurve | None, costly: pd.DataFrame, currency: str, *, at_least: int = 5
) -> Picture:  # fmt: skip
    """Contribution added up over the customers, who contribute most first; below it, who of the large cost.

    `costly` comes from `list_unprofitable`, its index made pseudonyms.
    """
    if whale is None:
        return empty_figure(_("cost is unknown, so what remains of each customer's sales cannot be told"))
    points = list_points(whale, at_least=at_least)
    if len(points) < 3:
        return empty_figure(
            _("too few customers, or one dominates them: who contributes and who costs is hidden")
        )
    heights = [3.8, 0.9 + 0.5 * len(costly)][: 1 + (len(costly) > 0)]
    figure, panels = new_figure(height=sum(heights), nrows=len(heights), height_ratios=heights, squeeze=False)
    _draw_curve(panels[0, 0], points, whale, currency)
    if len(costly):
        _draw_costly(panels[1, 0], costly, currency)
    summary = (
        f"{tell_whale(whale, at_least)} {tell_costly(costly, currency)}"
        if whale.negative
        else tell_whale(whale)
    )
    add_subtitle(figure, summary)
    told = "; ".join([
        *(f"{row.customer_share:.0%}: {row.cumulative:,.0f}" for row in points.iloc[1:].itertuples()),
        *(f"{row.Index}: {row.contribution:,.0f} ({row.mostly})" for row in costly.itertuples()),
    ])  # fmt: skip
    words = _("Line, contribution added up in {currency} by share of customers, who contribute most first. "
              "{summary} {told}.")  # fmt: skip
    return Picture(figure, words.format(currency=currency, told=told, summary=summary))


def _draw_curve(axes, points: pd.DataFrame, whale: WhaleCurve, currency: str) -> None:
    axes.plot(points["customer_share"], points["cumulative"], "o-", color=WHOLE, linewidth=2.5, markersize=5)
    axes.axhline(whale.total, color=MUTED, linestyle="--", linewidth=1.5)
    level = _("all together: {total:,.0f}").format(total=whale.total)
    above = {"xytext": (0, 5), "textcoords": "offset points", "ha": "left", "zorder": 1}  # behind the line
    axes.annotate(level, (0.02, whale.total), color=MUTED, backgroundcolor="white", **above)
    axes.set(xlim=(0, 1.02), xlabel=_("share of the customers, who contribute most first"))
    axes.set_ylabel(_("contribution added up, {currency}").format(currency=currency))
    axes.margins(y=0.12)
    axes.xaxis.set_major_formatter(lambda share, _place: f"{share:.0%}")
    axes.yaxis.set_major_formatter(_short)


def _draw_costly(axes, costly: pd.DataFrame, currency: str) -> None:
    """A bar for each, with its reason written above it."""
    lost = -costly["contribution"].to_numpy(float)
    places = np.arange(len(costly))
    axes.barh(places, lost, height=0.4, color=COSTLY)
    beside = {"textcoords": "offset points", "color": MUTED, "fontsize": 10}
    for place, (amount, why) in enumerate(zip(lost, costly["mostly"], strict=True)):
        axes.annotate(f"{amount:,.0f}", (amount, place), xytext=(5, 0), va="center", **beside)
        axes.annotate(why, (0, place - 0.22), xytext=(2, 1), va="bottom", **beside)
    sold = costly["gross_sales"].map(_("gross sales {:,.0f}").format)
    axes.set_yticks(places, [f"{name}\n{gross}" for name, gross in sold.items()], fontsize=10)
    axes.set_ylim(len(costly) - 0.6, -0.8)
    axes.margins(x=0.15)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(_short)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("cost beyond what they bring, {currency}: large customers").format(currency=currency))


def list_points(whale: WhaleCurve, *, at_least: int = 5) -> pd.DataFrame:
    """The points of the curve that may be shown: `customer_share` and `cumulative`.

    Between two points lie at least `at_least` customers, of whom none brings most of the contribution.
    """
    groups = whale.groups[["customers", "contribution", "largest_share"]]
    hidden = hide_small(groups, money=["contribution"], at_least=at_least)["contribution"].isna().to_numpy()
    beside_hidden = hidden | np.append(hidden[1:], False)
    ends = whale.groups[["customer_share", "cumulative"]]
    kept = ends[~beside_hidden | (np.arange(len(ends)) == len(ends) - 1)]
    if hidden.all():
        kept = kept.iloc[:0]
    return pd.concat([pd.DataFrame({"customer_share": [0.0], "cumulative": [0.0]}), kept], ignore_index=True)


def tell_whale(whale: WhaleCurve | None, at_least: int = 5) -> str:
    """Who carries and who costs, in a sentence; numbers of a few customers are hidden."""
    if whale is None:
        return _("Cost is unknown, so what remains of each customer's sales cannot be told.")
    if whale.negative == 0:
        return _("No customer costs more than they bring.")
    if whale.negative < at_least:
        return _("Fewer than {n} customers cost more than they bring.").format(n=at_least)
    words = _("{share:.1%} of {n:,} customers cost more than they bring; without them contribution would be "
              "{peak}.")  # fmt: skip
    peak = f"{whale.peak_share:.1%}" if whale.total > 0 else f"{whale.peak:,.0f}"
    of_all = _("{peak} of today's") if whale.total > 0 else "{peak}"
    return words.format(share=whale.negative_share, n=whale.customers, peak=of_all.format(peak=peak))


def tell_costly(costly: pd.DataFrame, currency: str) -> str:
    """Whether any of the large customers costs money, in a sentence."""
    if costly.empty:
        return _("None of the fifth with the largest gross sales does.")
    words = _("Of the fifth with the largest gross sales, the {n} below cost {lost:,.0f} {currency} more "
              "than they bring.")  # fmt: skip
    return words.format(n=len(costly), lost=-costly["contribution"].sum(), currency=currency)


def show_retention(survival: pd.DataFrame, worth: str, *, at_least: int = 5) -> Picture:
    """How subscriptions last: the share who renewed at least so often, actual and as projected.

    `worth` says what renewals are worth, or why nothing can be said, from `describe_renewals`.
    """
    if survival.empty:
        return empty_figure(worth)
    shown = hide_small(survival, at_least=at_least)[["actual"]].assign(renewals=survival["renewals"])
    known = shown.dropna()
    if known.empty:
        return empty_figure(_("too few contracts have come up for renewal to show how they last"))
    figure, axes = new_figure()
    actual = np.r_[1.0, known["actual"].to_numpy(float)]
    if "expected" in survival:
        expected = np.r_[1.0, survival["expected"].to_numpy(float)]
        axes.plot(np.r_[0, survival["renewals"]], expected, "s--", color=TAKEN, linewidth=2, label=_("model"))
    axes.plot(np.r_[0, known["renewals"]], actual, "o-", color=WHOLE, linewidth=2.5, label=_("actual"))
    axes.set(
        ylim=(0, 1.05), xlabel=_("number of renewals"), ylabel=_("share of customers who renewed so often")
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda share, _place: f"{share:.0%}")
    axes.legend()
    add_subtitle(figure, worth)
    told = "; ".join(_tell_renewal(shown.loc[place, "actual"], row) for place, row in survival.iterrows())
    text = _("Lines, share of customers by renewals, actual and by the model. {told}. {worth}")
    return Picture(figure, text.format(told=told, worth=worth))


def _tell_renewal(actual, row: pd.Series) -> str:
    seen = f"{actual:.1%}" if pd.notna(actual) else _("hidden") if row["customers"] else _("not seen yet")
    model = _(", model {share:.1%}").format(share=row["expected"]) if "expected" in row else ""
    return f"{row['renewals']:.0f}: {seen}{model}"


def _hide(sums: pd.DataFrame, at_least: int) -> pd.DataFrame:
    money = [column for column in sums if column not in ("group", "customers", "largest_share")]
    return hide_small(sums, money=money, at_least=at_least)


def _short(amount: float, _place) -> str:
    """An amount on an axis: thousands as k, millions as M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:,.3g}{unit}"
    return f"{amount:,.0f}"
