"""What 06 and 07 show: natural groups with their evidence; service and answers."""

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.privacy import count_hidden, hide_small
from crcm_lib.reporting.charts.style import (
    INK,
    MUTED,
    PALETTE,
    Picture,
    TableView,
    Takeaway,
    new_figure,
    table,
    takeaway,
)
from crcm_lib.reporting.text.numbers import describe_hidden
from crcm_lib.schema import tables

SHARES = {"customer_share": "share", "spend_share": "share", "share": "share", "cumulative_share": "share"}
NULLS = {"permuted": (MUTED, _("columns permuted")), "one cloud": (PALETTE[1], _("one cloud"))}


def show_evidence(findings) -> Picture | Takeaway:
    """Separation and stability for each number of groups, beside what data without groups reach."""
    criteria = findings.criteria
    if criteria.empty:
        return _say(findings.because)
    figure, panels = new_figure(height=4.6, ncols=2)
    measures = {"silhouette": _("silhouette"), "stability": _("stability (ARI)")}
    for axes, (measure, words) in zip(panels, measures.items(), strict=True):
        for kind, (colour, name) in NULLS.items():
            low, high = criteria[f"{measure} {kind} low"], criteria[f"{measure} {kind} high"]
            axes.fill_between(criteria.index, low, high, color=colour, alpha=0.3, linewidth=0, label=name)
        axes.plot(criteria.index, criteria[measure], "o-", color=PALETTE[0], label=_("these customers"))
        if findings.found:
            axes.axvline(len(findings.model.names), color=INK, linestyle=":", label=_("chosen"))
        axes.set(xlabel=_("number of groups k"), ylabel=words, xticks=criteria.index)
        axes.set_ylim(0, None)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, fontsize=10)
    told = "; ".join(
        _("k {k}: {real:.2f} against {chance:.2f}, stability {stable:.2f} against {other:.2f}").format(
            k=k, real=row["silhouette"], chance=row["silhouette one cloud high"],
            stable=row["stability"], other=row["stability one cloud high"])
        for k, row in criteria.iterrows())  # fmt: skip
    words = _("Lines, silhouette and stability against the upper edge of one cloud. {told}.")
    return Picture(figure, words.format(told=told))


def table_evidence(findings) -> TableView:
    """The criteria for each number of groups, who voted for which, and which pass."""
    if findings.criteria.empty:
        return _absent(findings.because)
    wanted = ["silhouette", "stability", "gap", "lead", "bic", "smallest", "passes", "votes"]
    caption = _("Sample of {sample:,} buyers. Gap and lead: ahead of the nearer of the two kinds of chance.")
    return table(findings.criteria[wanted], caption.format(sample=findings.sample), smallest="share")


def show_centres(findings) -> Picture | Takeaway:
    """What makes each group: how far its centre lies from the mean of all buyers."""
    if not findings.found:
        return _say(findings.because)
    centres, columns = np.array(findings.model.centres), list(findings.model.scales)
    figure, axes = new_figure(height=1.6 + 0.55 * len(centres))
    axes.imshow(centres, cmap="PuOr_r", vmin=-2, vmax=2, aspect="auto")
    for (row, column), value in np.ndenumerate(centres):
        colour = "white" if abs(value) > 1.3 else INK
        axes.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize=10, color=colour)
    labels = [f"{i}: {name}" for i, name in enumerate(findings.model.names, start=1)]
    axes.set_yticks(range(len(centres)), [_wrap(label) for label in labels], fontsize=10)
    axes.set_xticks(range(len(columns)), [c.replace("_", "\n") for c in columns], fontsize=10)
    axes.set_xlabel(_("standard deviations above (+) or below (−) the mean of all buyers"))
    axes.grid(visible=False)
    told = "; ".join(
        f"{label}: " + ", ".join(f"{c} {v:+.1f}" for c, v in zip(columns, centre, strict=True))
        for label, centre in zip(labels, centres, strict=True))  # fmt: skip
    return Picture(figure, _("Map of the groups' centres in standard deviations. {told}.").format(told=told))


def table_profile(profile: pd.DataFrame, findings, currency: str, *, at_least: int = 5) -> TableView:
    """Sizes and medians of each group beside all buyers, small groups hidden, with each group's stability."""
    parts, everyone = profile.iloc[:-1], profile.iloc[[-1]].drop(columns="largest_share")
    shown = hide_small(parts, money=["spend_share"], at_least=at_least)
    both = pd.concat([shown, hide_small(everyone, at_least=at_least)], ignore_index=True).convert_dtypes()
    if findings.found:
        both.insert(1, "jaccard", pd.array([*findings.jaccard, None], dtype="Float64"))
    days = [column for column in both if str(column).endswith("_days") or str(column).startswith("days_")]
    formats = SHARES | dict.fromkeys(days, "days") | {"spend_mean": "money", "customers": "count"}
    caption = _("Medians; spend in {currency}. {hidden}").format(
        currency=currency, hidden=describe_hidden(count_hidden(parts, shown), at_least=at_least))  # fmt: skip
    return table(both, caption.strip(), **formats)


def tell_groups(findings, profile: pd.DataFrame, *, at_least: int = 5) -> Takeaway:
    """Which groups there are and how firm they are, or that there are none and why."""
    if not findings.found:
        return takeaway(
            _("**No natural groups**: {because}. Use stages, scores and tiers; do not invent types."),
            because=findings.because,
        )
    parts = hide_small(profile.iloc[:-1], money=["spend_share"], at_least=at_least)
    top, known = parts.iloc[0], parts["spend_share"].notna().iloc[0]
    words = _(
        "Buyers fall into **{k} groups** that chance does not explain ({method}; Jaccard overlap with "
        "resamples at least {weakest:.2f}). "
    )
    words += _("**{name}** is {people:.0%} of buyers and {spend:.0%} of spend.") if known else ""
    return takeaway(words, k=len(findings.model.names), method=findings.model.method,
                    weakest=findings.jaccard.min(), name=top["group"],
                    people=float(top["customer_share"]) if known else 0.0,
                    spend=float(top["spend_share"]) if known else 0.0)  # fmt: skip


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column, or one without values where the data do not have it."""
    return frame[name] if name in frame else pd.Series(np.nan, index=frame.index, dtype=float)


def group_names(folder, customers: pd.Index) -> pd.Series:
    """Each customer's natural group as 06 wrote it; everyone alike where it did not."""
    if not tables.exists(folder, "groups"):
        return pd.Series(_("all customers"), index=customers)
    return tables.read(folder, "groups")["group_name"].reindex(customers)


def show_promoters(groups: pd.DataFrame, *, absent: str = "", at_least: int = 5) -> Picture | Takeaway:
    """NPS of each group with its interval; groups with too few answers are hidden."""
    shown = hide_small(groups, at_least=at_least).astype(dict.fromkeys(("nps", "low", "high"), float))
    if shown["nps"].isna().all():
        return _say(absent or _("too few answers"))
    figure, axes = new_figure(height=1.4 + 0.5 * len(shown))
    told = []
    for place, row in enumerate(shown.itertuples()):
        if np.isnan(row.nps):
            axes.text(0, place, _("hidden"), va="center", fontsize=10, color=MUTED)
            told.append(_("{group} hidden").format(group=row.group))
            continue
        axes.hlines(place, row.low, row.high, color=PALETTE[0], linewidth=2)
        axes.plot(row.nps, place, "o", color=PALETTE[0])
        words = _("{group} {nps:.0f} ({low:.0f} to {high:.0f}, {customers} answered)")
        told.append(words.format(**row._asdict() | {"nps": round(row.nps) + 0}))
    names = [_wrap(r.group) + ("" if np.isnan(r.nps) else f" ({r.customers})") for r in shown.itertuples()]
    axes.set_yticks(range(len(shown)), names, fontsize=10)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.set_xlabel(_("NPS, −100 to 100, with 95 % interval (number who answered)"))
    return Picture(figure, _("Dots with intervals, NPS. {told}.").format(told="; ".join(told)))


def show_trend(months: pd.DataFrame, *, absent: str = "", at_least: int = 5) -> Picture | Takeaway:
    """NPS and mean csat per month with intervals; months with too few answers are left open."""
    shown = months[months["customers"] >= at_least]
    if shown.empty:
        return _say(absent or _("too few answers"))
    figure, panels = new_figure(height=5.2, nrows=2, sharex=True)
    told, measures = [], {"nps": _("NPS"), "csat": _("mean csat, 1 to 5")}
    for axes, (measure, words) in zip(panels, measures.items(), strict=True):
        part = shown[shown["measure"] == measure].set_index("month").astype({"value": float})
        if part.empty:
            axes.text(0.5, 0.5, _("too few answers"), ha="center", transform=axes.transAxes)
            continue
        every = part.asfreq("MS")
        axes.vlines(every.index, every["low"], every["high"], color=PALETTE[0], alpha=0.25, linewidth=5)
        axes.plot(every.index, every["value"], "o-", color=PALETTE[0], markersize=4)
        axes.set_ylabel(words)
        last = dict(part.iloc[-1][["value", "low", "high"]])
        words = _("{measure}: {months} months, first {first:.1f}, last {value:.1f} ({low:.1f} to {high:.1f})")
        told.append(words.format(measure=measure, months=len(part), first=part["value"].iloc[0], **last))
    panels[-1].tick_params(axis="x", rotation=30)
    return Picture(figure, _("Lines with 95 % intervals per month. {told}.").format(told="; ".join(told)))


def show_causes(causes: pd.DataFrame, *, absent: str = "", at_least: int = 5) -> Picture | Takeaway:
    """Complaints by cause, most frequent first, with the running share."""
    shown = hide_small(causes, at_least=at_least).dropna(subset=["tickets"])
    if shown.empty:
        return _say(absent or _("no causes given, or too few complaints"))
    figure, axes = new_figure(height=1.4 + 0.45 * len(shown))
    places = range(len(shown))
    axes.barh(places, shown["tickets"].astype(float), color=PALETTE[0])
    for place, row in zip(places, shown.itertuples(), strict=True):
        words = _("{share:.0%}, together {sum:.0%}").format(share=row.share, sum=row.cumulative_share)
        axes.annotate(words, (row.tickets, place), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=10, color=MUTED)  # fmt: skip
    axes.set_yticks(places, [_wrap(cause) for cause in shown["cause"]])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.margins(x=0.35)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(_("complaints"))
    told = "; ".join(f"{r.cause} {int(r.tickets)} ({r.cumulative_share:.0%})" for r in shown.itertuples())
    return Picture(figure, _("Bars, complaints by cause with running share. {told}.").format(told=told))


def table_or_say(frame: pd.DataFrame, caption: str, *, absent: str = "", at_least: int = 5) -> TableView:
    """A table with small cells hidden, or the words that say why there is none."""
    if frame.empty or absent:
        return _absent(absent or _("too few records"))
    counted = next((name for name in ("customers", "tickets") if name in frame), None)
    shown = hide_small(frame, counts=counted, at_least=at_least) if counted else frame
    formats = SHARES | {"spend_total": "money", "p50_hours": "number", "p90_hours": "number"}
    return table(shown, caption, **formats)


def table_measures(promoters: dict, csat: dict, *, at_least: int = 5) -> TableView:
    """NPS and mean csat with 95 % intervals, one customer one voice; hidden where too few answered."""
    rows = [(_("NPS"), promoters["nps"], promoters), (_("mean csat, 1 to 5"), csat["mean"], csat)]
    frame = pd.DataFrame([{"measure": name, "value": value, "low": found["low"], "high": found["high"],
                           "customers": found["answers"]} for name, value, found in rows])  # fmt: skip
    frame.loc[frame["customers"] == 0, ["value", "low", "high"]] = np.nan
    return table(hide_small(frame, at_least=at_least), _("One customer, one voice; 95 % intervals"))


def tell_satisfaction(
    promoters: dict, waits: pd.DataFrame, causes: pd.DataFrame, missing: dict, *, at_least: int = 5
) -> Takeaway:
    """What was answered, how long people wait, what they complain of; and what is not available."""
    words = [_("Satisfaction {why}.").format(why=why) for why in missing.values() if why]
    values = {}
    if promoters["answers"] >= at_least:
        words.append(_(
            "NPS is **{nps:.0f}** (95 % between {low:.0f} and {high:.0f}; {answers:,} customers answered, "
            "the silent ones may think otherwise)."))  # fmt: skip
        values |= promoters | {"nps": round(promoters["nps"]) + 0}
    known = waits.dropna().iloc[-1:]
    if len(known) and known["tickets"].iloc[0] >= at_least:
        words.append(_(
            "Half of the tickets take {p50_hours:,.0f} hours or less until {step}, one in ten more than "
            "{p90_hours:,.0f}."))  # fmt: skip
        values |= known[["p50_hours", "p90_hours", "step"]].iloc[0].to_dict()
    if len(causes) and causes["customers"].iloc[0] >= at_least:
        words.append(_("Most frequent cause of complaint: **{cause}** ({share:.0%})."))
        values |= {"cause": causes["cause"].iloc[0], "share": causes["share"].iloc[0]}
    return takeaway(" ".join(words) or _("Too few tickets and answers to tell."), **values)


def _say(words: str) -> Takeaway:
    return takeaway("{words}.", words=words[:1].upper() + words[1:])


def _absent(words: str) -> TableView:
    return table(pd.DataFrame({_("not available"): [words]}))


def _wrap(words: str, width: int = 26) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(str(words), width))
