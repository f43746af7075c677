"""Words of the customer profile: groups, learned windows, why a customer is in a stage, the takeaway."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.lifecycle import Windows
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows, write, write_rows


def name_groups(groups: pd.Index | pd.Series) -> pd.Index | pd.Series:
    """The groups of `models.customer_base` in words; other names, like levels of the data, stay."""
    names = {
        "bought_on_several_days": _("bought on several days"),
        "bought_on_one_day": _("bought on one day"),
        "prospect_or_returned_all": _("prospect, or returned all"),
        "top_1_percent": _("top 1 %"),
        "next_9_percent": _("next 9 %"),
        "next_10_percent": _("next 10 %"),
        "next_30_percent": _("next 30 %"),
        "lower_half": _("other half"),
        "under_30": _("under 30"),
        "30_to_44": _("30 to 44"),
        "45_to_59": _("45 to 59"),
        "60_and_over": _("60 and over"),
        "not_given": _("(not given)"),
        "small_groups": _("(small groups)"),
    }
    return groups.map(lambda group: names.get(group, group))


def describe_windows(windows: Windows) -> pd.DataFrame:
    """The learned windows in words: `window`, `learned`, `unit`."""
    days, gaps, times = _("days"), _("gaps"), _("× own mean gap")
    rows = [
        (_("new: first purchase not longer ago than"), windows.new_days, days),
        (_("at risk: absent longer than, for a customer without a rhythm"), windows.at_risk_days, days),
        (_("lost: absent longer than, for a customer without a rhythm"), windows.lost_days, days),
        (_("at risk: absent longer than, for a customer with many gaps"), windows.at_risk_ratio, times),
        (_("lost: absent longer than, for a customer with many gaps"), windows.lost_ratio, times),
        (_("gaps at which the own rhythm has half of the weight"), windows.credibility_gaps, gaps),
        (_("learned from customers who came back"), windows.customers, _("customers")),
        (_("learned from days between purchases"), windows.gaps, gaps),
    ]
    return pd.DataFrame(rows, columns=["window", "learned", "unit"]).astype({"learned": "float64"})


def describe_absences(windows: Windows) -> str:
    """What the picture of the days between purchases shows."""
    if windows.at_risk_days is None:
        return _("No curve: nobody has come back yet.")
    words = _(
        "Curve of the share of absences that are over, by days. Windows: new {new_days:days} days, at risk "
        "{at_risk_days:days} days, "
    )
    lost = _("lost {lost_days:days} days.")
    if windows.lost_days is None:
        lost = _("lost none: no earlier day shows an absence after which most stayed away.")
    return fill(words + lost, **asdict(windows))


def describe_shares(groups: pd.DataFrame) -> str:
    """What paired bars of groups show: each group's shares of customers and spend, or that it is hidden."""
    parts = _("{name}: {customer_share:share}, {spend_share:share}")
    rows = fill_rows(parts, groups.rename_axis("name"), missing=_("hidden"))
    return fill(_("Bars, share of customers and of spend. {groups}."), groups=rows)


def describe_concentration(curve: pd.DataFrame, measures: dict[str, float]) -> str:
    """What the Lorenz curve shows: the lower half's share of spend, and the Gini coefficient."""
    if curve.empty:
        return _("No curve: too few have bought.")
    half = float(np.interp(0.5, curve["share_of_customers"], curve["share_of_spend"]))
    words = _("Lorenz curve. The lower half of buyers brings {half:share} of spend; Gini {gini:number}.")
    return fill(words, half=half, gini=measures["gini"])


def describe_retention(cohorts: pd.DataFrame) -> str:
    """What the map of cohorts shows: the share of all cohorts together that bought again, by months.

    `cohorts` comes from `customer_base.hide_small_cohorts`.
    """
    seen = cohorts[~cohorts["hidden"]]
    if seen.empty:
        return _("No map: no later month can be shown yet.")
    sums = seen.groupby("months_later")[["active", "customers"]].sum()
    shares = sums["active"] / sums["customers"]
    parts = [f"{month}: {write(shares[month], 'share')}" for month in (1, 3, 6, 12, 24) if month in shares]
    return fill(
        _("Map of {cohorts} monthly cohorts. Share that bought again, by months after the first: {shares}."),
        cohorts=cohorts["cohort"].nunique(),
        shares=parts,
    )


def describe_attributes(groups: pd.DataFrame) -> str:
    """What the dots per attribute show: the level with the highest mean spend of each attribute."""
    if groups.empty:
        return _("No dots: these data have no such attributes.")
    parts = []
    for attribute, levels in groups[groups["level"] != "not_given"].groupby("attribute", sort=False):
        means = levels.set_index(name_groups(levels["level"]))["spend_mean"].dropna()
        best = means.idxmax() if len(means) else None
        part = _("{name}: most spend per customer in {best:text}")
        parts.append(fill(part, name=attribute.replace("_", " "), best=best))
    return fill(_("Dots, share of customers and of spend. {parts}."), parts="; ".join(parts))


def write_stage_reasons(stages: pd.DataFrame, customers: pd.DataFrame) -> pd.Series:
    """A sentence per customer that says why they are in their stage, with their own numbers.

    Parameters
    ----------
    stages
        Rows of the table `stages`, as few as are shown.
    customers
        `customer_features` of at least these customers.
    """
    sentences = {
        "no_purchase": _("has not bought yet, or returned everything"),
        "absent_beyond_lost": _(
            "absent for {days_since_last:lasting}; by own rhythm lost after {lost_after_days:days}"
        ),
        "absent_beyond_at_risk": _(
            "absent for {days_since_last:lasting}; by own rhythm at risk after {at_risk_after_days:days}, "
            "lost after {lost_after_days:days}"
        ),
        "returned_after_lost": _(
            "came back after {gap_last_days:lasting}; lost would have been after {lost_before_days:days}"
        ),
        "bought_once": _("first purchase {days_observed:ago}, none since"),
        "first_purchase_recent": _("first purchase {days_observed:ago}, purchases so far: {purchases:count}"),
        "many_purchases_over_long": _(
            "{purchases:count} purchases over {days_first_to_last:lasting}, the last {days_since_last:ago}"
        ),
        "came_back": _(
            "came back; {purchases:count} purchases over {days_first_to_last:lasting} so far, the last "
            "{days_since_last:ago}"
        ),
    }
    sentences["absent_beyond_at_risk_only"] = _(
        "absent for {days_since_last:lasting}; by own rhythm at risk after {at_risk_after_days:days}"
    )
    known = stages["lost_after_days"].notna() | (stages["reason"] != "absent_beyond_at_risk")
    stages = stages.assign(reason=stages["reason"].where(known, "absent_beyond_at_risk_only"))
    own = ["purchases", "days_since_last", "days_first_to_last", "days_observed", "gap_last_days"]
    facts = stages.join(customers[own])
    return write_rows(facts, lambda row: fill(sentences[row["reason"]], **row), "why")


def describe_returns(returns: pd.DataFrame, names: list[str], *, at_least: int = 5) -> str:
    """Of those in the groups `names` on an earlier day, how many bought again; "" where they are too few.

    Parameters
    ----------
    returns
        The table `stage_returns`, or one like it by another group, indexed by group, nothing hidden.
    """
    named = returns.reindex(names)
    named = named[named["customers_then"] >= at_least]
    if named.empty:
        return ""
    parts = fill_rows(_("{name}: {bought_again_share:share}"), named.rename_axis("name"))
    words = _("Of those so named on {day:day}, so many bought again within {days:days} days: {parts}.")
    return fill(words, day=named["day"].iloc[0], days=named["days"].iloc[0], parts=parts)


def caption_returns(day: pd.Timestamp, days: int, returns: pd.DataFrame) -> str:
    """What the table of those so named on an earlier day shows, or why there is none.

    `returns` with small cells hidden. Of which names fewer came back than of the lost is said where the
    intervals say so: a milder name is no better chance.
    """
    words = _(
        "Those so named on {day:day}, and the share who bought again within {days:days} days (95 % intervals)"
    )
    if returns.empty:
        words = _("Cannot be told yet: the history is too short to hold out four weeks and look back.")
    of_lost = returns["low"].get("lost", 0.0)
    if less := list(returns.index[returns["high"] < of_lost]):
        words += _(". Of these fewer came back than of the lost: {names}")
    return fill(words, day=day, days=days, names=less)


def describe_base(
    by_stage: pd.DataFrame, measures: dict[str, float], returns: pd.DataFrame, *, at_least: int = 5
) -> Takeaway:
    """How many have bought, in which stage most are, how many are at risk or lost, how concentrated spend is.

    What is hidden in the table of stages is not said here either, so that no hidden stage follows from both.

    Parameters
    ----------
    by_stage
        From `customer_base.size_groups` by stage, nothing hidden.
    measures
        From `customer_base.measure_concentration`.
    returns
        The table `stage_returns`, indexed by stage.
    """
    buyers = by_stage.drop(index="prospect")
    shown = hide_small(by_stage, money=("spend_total",), at_least=at_least).drop(index="prospect")
    largest = buyers["customers"].idxmax()
    if pd.isna(shown.loc[largest, "customers"]):
        return takeaway(_("Too few customers have bought to show their stages."))
    people, spend = (shown[name] / buyers[name].sum() for name in ("customers", "spend_total"))
    absent = people[["at risk", "lost"]].sum(skipna=False)
    named = _("; {absent:share} are at risk or lost.")
    if by_stage.loc["lost", "customers"] == 0:
        named = _("; {absent:share} are at risk, and nobody is called lost.")
    sentence = _("{buyers:count} customers have bought. ")
    sentence += _("Most are **{stage}**") if people[largest] > 0.5 else _("The largest stage is **{stage}**")
    sentence += _(" ({people:share} of buyers")
    sentence += ")" if pd.isna(spend[largest]) else _(", {spend:share} of spend)")
    sentence += "." if pd.isna(absent) else named
    came_back = describe_returns(returns, ["at risk", "lost"], at_least=at_least)
    if came_back:
        sentence += " {came_back:text}"
    if pd.notna(measures["top_10_share"]):
        sentence += _(" The top tenth brings {top:share} of spend.")
    return takeaway(
        sentence,
        buyers=buyers["customers"].sum(),
        stage=largest,
        people=people[largest],
        spend=spend[largest],
        absent=absent,
        came_back=came_back,
        top=measures["top_10_share"],
    )
