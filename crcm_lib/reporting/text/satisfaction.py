"""Words of the satisfaction notebook: what was answered and who is silent."""

from collections.abc import Mapping, Sequence

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows


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


def describe_satisfaction(measures: pd.DataFrame, missing: list[str], found: Sequence[str] = ()) -> Takeaway:
    """What was answered, and what is not available.

    Parameters
    ----------
    measures
        From `tabulate_measures`, small cells hidden and rounded as shown; the mean is said where there are
        too few NPS answers.
    missing
        From `list_missing`.
    found
        What else is said, in sentences of `text.questionnaire`.
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
    said = " ".join([*words, *(f"{{found_{n}}}" for n, each in enumerate(found) if each)])
    values |= {f"found_{n}": each for n, each in enumerate(found)}
    return takeaway(said or _("Too few answers to say anything."), **values)
