"""Words of the satisfaction notebook: what was answered and who is silent, complaints, waits."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows


def describe_missing(missing: list[str]) -> str:
    """Which tables are not there; "" where all are."""
    return "; ".join(fill(_("not available: no `{table}` table"), table=table) for table in missing)


def tabulate_measures(promoters: Mapping, csat: Mapping) -> pd.DataFrame:
    """NPS and mean csat with 95 % intervals and how many `customers` answered; empty without an answer.

    Parameters
    ----------
    promoters, csat
        From `net_promoter_score` and `mean_answer`.
    """
    rows = [(_("NPS"), promoters["nps"], promoters), (_("mean csat, 1 to 5"), csat["mean"], csat)]
    measures = [(name, value, score["low"], score["high"], score["answers"]) for name, value, score in rows]
    frame = pd.DataFrame(measures, columns=["measure", "value", "low", "high", "customers"])
    frame.loc[frame["customers"] == 0, ["value", "low", "high"]] = float("nan")
    return frame


def write_coverage(coverage: pd.DataFrame) -> pd.DataFrame:
    """`measure_coverage` with the two kinds of buyers in words."""
    words = coverage["answered"].map({True: _("answered"), False: _("silent")}).astype("str")
    return coverage.assign(answered=words).rename(columns={"answered": "buyers"})


def describe_promoters(groups: pd.DataFrame, why: str) -> str:
    """What the points of NPS by group show, or why there are none; small groups are missing."""
    if groups["nps"].isna().all():
        return why or _("Too few answers.")
    words = _("{group} {nps:count} ({low:count} to {high:count}, {customers:count} answered)")
    parts = [
        fill(_("{group} hidden") if pd.isna(row["nps"]) else words, **row)
        for row in groups.to_dict("records")
    ]
    return fill(_("Dots with intervals, NPS. {parts}."), parts="; ".join(parts))


def describe_trend(months: pd.DataFrame, why: str) -> str:
    """What the monthly lines show, or why there are none; months with too few answers are left out."""
    if months.empty:
        return why or _("Too few answers.")
    by_measure = months.groupby("measure", sort=False)
    lines = by_measure["score"].agg(months="size", first=lambda scores: scores.iloc[0])
    part = _(
        "{measure}: {months} months, first {first:points}, last {score:points} ({low:points} to "
        "{high:points})"
    )
    parts = fill_rows(part, lines.join(by_measure.tail(1).set_index("measure")))
    return fill(_("Lines with 95 % intervals per month. {parts}."), parts=parts)


def write_causes(causes: pd.DataFrame) -> pd.DataFrame:
    """`count_causes` with words where no cause was stated."""
    return causes.assign(cause=causes["cause"].fillna(_("not stated")).astype("str"))


def describe_causes(causes: pd.DataFrame, why: str) -> str:
    """What the bars of complaints show, or why there are none; small cells are missing."""
    shown = causes.dropna(subset="tickets")
    if shown.empty:
        return why or _("No causes given, or too few complaints.")
    parts = fill_rows("{cause} {tickets:count} ({cumulative_share:share})", shown)
    return fill(_("Bars, complaints by cause with running share. {parts}."), parts=parts)


def write_waits(waits: pd.DataFrame) -> pd.DataFrame:
    """`measure_waits` with the steps in words."""
    words = {"first_response": _("first response"), "resolution": _("resolution")}
    return waits.replace({"step": words})


def write_ages(ages: pd.DataFrame) -> pd.DataFrame:
    """`age_open` with the ages in words."""
    words = {"up_to_7_days": _("up to a week"), "up_to_30_days": _("up to 30 days"), "longer": _("longer")}
    return ages.replace({"age": words})


def describe_satisfaction(
    promoters: Mapping, waits: pd.DataFrame, causes: pd.DataFrame, missing: list[str], *, at_least: int = 5
) -> Takeaway:
    """What was answered, how long people wait, what they complain of; and what is not available.

    Parameters
    ----------
    promoters, waits, causes, missing
        From `net_promoter_score`, `measure_waits`, `count_causes` and `list_missing`.
    at_least
        What fewer customers said is left out.
    """
    words = [fill(_("Satisfaction {why}."), why=describe_missing([table])) for table in missing]
    values: dict[str, object] = {}
    if promoters["answers"] >= at_least:
        words.append(
            _(
                "NPS is **{nps:count}** (95 % between {low:count} and {high:count}; {answers:count} "
                "customers answered, the silent ones may think otherwise)."
            )
        )
        values |= promoters
    known = waits.dropna().iloc[-1:]
    if len(known) and known["tickets"].iloc[0] >= at_least:
        words.append(
            _(
                "Half of the tickets take {p50_hours:count} hours or less until {step}, one in ten more than "
                "{p90_hours:count}."
            )
        )
        values |= write_waits(known).iloc[0].to_dict()
    if len(causes) and causes["customers"].iloc[0] >= at_least:
        words.append(_("Most frequent cause of complaint: **{cause}** ({share:share})."))
        values |= write_causes(causes).iloc[0][["cause", "share"]].to_dict()
    return takeaway(" ".join(words) or _("Too few tickets and answers to say anything."), **values)
