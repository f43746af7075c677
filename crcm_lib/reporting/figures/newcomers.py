"""The picture of newcomers (04): what earlier newcomers of each class then spent."""

import pandas as pd

from crcm_lib.language import _
from crcm_lib.reporting.figures.style import INK, PALETTE, Picture, new_figure, nothing

COLOURS = {"promising": PALETTE[2], "ordinary": PALETTE[0], "modest": PALETTE[6]}


def show_classes(classes: pd.DataFrame, currency: str, *, days: int, kind: str = "newcomer") -> Picture:
    """Would the classes have been right: what those judged spent, with 95 % intervals, and what was expected.

    Parameters
    ----------
    classes
        From `summarise_classes`, so small groups are hidden already.
    currency
        As it is written on the axis.
    days
        How many early days were looked at.
    kind
        newcomer or prospect.
    """
    past = ["past_mean", "past_low", "past_high", "past_expected"]
    shown = classes[classes["kind"] == kind].dropna(subset=past)
    if shown.empty:
        return nothing(_("too few earlier newcomers to look back on"))
    figure, axes = new_figure(height=1.6 + 0.5 * len(shown))
    mean, low, high, expected = (shown[name].to_numpy(float) for name in past)
    axes.hlines(shown["class"], low, high, color=[COLOURS[name] for name in shown["class"]], linewidth=6)
    axes.scatter(mean, shown["class"], color=INK, zorder=3, s=28, label=_("spent, with 95 % interval"))
    axes.scatter(
        expected,
        shown["class"],
        color=INK,
        zorder=3,
        s=150,
        marker="|",
        linewidths=2,
        label=_("expected before"),
    )
    axes.set_xlim(left=0)
    axes.margins(y=0.25)
    axes.invert_yaxis()
    axes.set_xlabel(_("mean spend in the {days} early days, {currency}").format(days=days, currency=currency))
    axes.xaxis.set_major_formatter(lambda money, _place: f"{money:,.0f}")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=2)
    words = _("{name}: {mean:,.0f} ({low:,.0f} – {high:,.0f}), expected {expected:,.0f}, n = {n:,.0f}")
    told = "; ".join(
        words.format(
            name=row["class"], mean=row["past_mean"], low=row["past_low"], high=row["past_high"],
            expected=row["past_expected"], n=row["past_customers"],
        )
        for _place, row in shown.iterrows()
    )  # fmt: skip
    return Picture(
        figure,
        _("Points with intervals, mean {currency} that earlier newcomers spent by class. {told}.").format(
            currency=currency, told=told
        ),
    )
