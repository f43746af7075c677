"""Words of the satisfaction notebook: what was answered and who is silent, complaints, waits."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.privacy import SMALL_GROUPS
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

SURE = 0.05  # of finding a leading cause where two are alike


def describe_missing(missing: list[str], table: str) -> str:
    """That this table is one of those that are not there; "" where it is."""
    return fill(_("Not available: no `{table}` table."), table=table) if table in missing else ""


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


def name_measure(groups: pd.DataFrame) -> str:
    """What `compare_groups` compares: NPS, or mean csat where there are no NPS answers."""
    return _("mean csat, 1 to 5") if "csat" in set(groups["measure"]) else _("NPS, −100 to 100")


def describe_groups(groups: pd.DataFrame, why: str) -> str:
    """What the points by group show, or why there are none; small groups are missing."""
    if groups["score"].isna().all():
        return why or _("Too few answers.")
    words = _("{group} {score:count} ({low:count} to {high:count}, {customers:count} answered)")
    if "csat" in set(groups["measure"]):
        words = _("{group} {score:points} ({low:points} to {high:points}, {customers:count} answered)")
    parts = [
        fill(_("{group} hidden") if pd.isna(row["score"]) else words, **row)
        for row in groups.to_dict("records")
    ]
    words = _("Dots with 95 % intervals, {measure}. {parts}.")
    return fill(words, measure=name_measure(groups), parts="; ".join(parts))


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
    """`count_causes` with words where no cause was stated or few customers did, and the running share."""
    named = (
        causes["cause"].astype("object").fillna(_("not stated")).replace(SMALL_GROUPS, _("(small groups)"))
    )
    tickets, share = causes["tickets"], causes["share"]
    if tickets.notna().all():
        share = tickets.astype("float64") / tickets.sum()  # so that what is shown adds up to the whole
    return causes.assign(cause=named.astype("str"), share=share, cumulative_share=share.cumsum())


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


def write_leading_causes(leading: Mapping) -> str:
    """The sentence on `find_leading_causes`, to be filled with it; ties and chance are said as such."""
    if leading["p_value"] < SURE:
        return _("**{causes}** leads the causes of complaint: {tickets:count} of {complaints:count}.")
    if len(leading["causes"]) > 1:
        return _("Of {complaints:count} complaints, {causes} have {tickets:count} each: no cause leads.")
    return _(
        "Of {complaints:count} complaints, {causes} has {tickets:count}, no more beyond the next cause than "
        "chance explains."
    )


def describe_satisfaction(
    measures: pd.DataFrame,
    waits: pd.DataFrame,
    leading: Mapping,
    missing: list[str],
    *,
    at_least: int = 5,
) -> Takeaway:
    """What was answered, how long people wait, what they complain of; and what is not available.

    Parameters
    ----------
    measures
        From `tabulate_measures`, small cells hidden and rounded as shown; the mean is said where there are
        too few NPS answers.
    waits, leading, missing
        From `measure_waits`, `find_leading_causes` and `list_missing`.
    at_least
        What fewer customers said is left out.
    """
    absent = _(" and ").join(fill(_("no {table} table"), table=table) for table in missing)
    words = [fill(_("Not available: {absent}."), absent=absent)] if missing else []
    values: dict[str, object] = {}
    nps, csat = measures.to_dict("records")
    if pd.notna(nps["value"]):
        words.append(
            _(
                "NPS is **{value:count}** (95 % between {low:count} and {high:count}; {customers:count} "
                "customers answered, the silent ones may think otherwise)."
            )
        )
        values |= nps
    elif pd.notna(csat["value"]):
        words.append(
            _(
                "Mean satisfaction is **{value:points}** of 5 (95 % between {low:points} and {high:points}; "
                "{customers:count} customers answered, the silent ones may think otherwise)."
            )
        )
        values |= csat
    known = waits.dropna().iloc[-1:]
    if len(known) and known["tickets"].iloc[0] >= at_least:
        words.append(
            _(
                "Half of the tickets take {p50_hours:count} hours or less until {step}, one in ten more than "
                "{p90_hours:count}."
            )
        )
        values |= write_waits(known).iloc[0].to_dict()
    if leading["causes"]:
        words.append(write_leading_causes(leading))
        values |= {**leading, "causes": _(" and ").join(leading["causes"])}
    return takeaway(" ".join(words) or _("Too few tickets and answers to say anything."), **values)
