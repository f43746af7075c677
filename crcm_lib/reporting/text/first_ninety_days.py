"""Words of new customers: when they order again, what wins them at what cost, what is due, whom to seek."""

from collections.abc import Callable, Sequence

import pandas as pd

from crcm_lib.features.arrivals import CHANNEL, YEAR
from crcm_lib.features.early_tickets import PERIOD
from crcm_lib.i18n import _
from crcm_lib.models.newcomers.acquisition_channels import (
    AGAIN,
    BETTER,
    MARGIN,
    MIN_MONEY,
    ChannelComparison,
)
from crcm_lib.models.newcomers.ideal_profile import (
    FEWER,
    MIN_BEST,
    MORE,
    SPEND,
    TOGETHER,
    UNKNOWN,
    IdealProfile,
)
from crcm_lib.models.newcomers.second_order import MARKS, CohortComparison
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows
from crcm_lib.stats import LEVEL

SHOWN = 10  # rows of lists under pseudonyms


def explain_no_orders(curve: pd.DataFrame) -> str:
    """Why nothing is said of second orders; "" where something is."""
    return "" if len(curve) else _("Fewer than ten customers are known to have come since the record began.")


def describe_curve(curve: pd.DataFrame, usual: int | None, share: float) -> str:
    """What the line of second orders shows, or why there is none."""
    if curve.empty:
        return explain_no_orders(curve)
    places = curve[curve["days"].isin([*MARKS, 180, YEAR])]
    parts = fill_rows(_("{share:share} within {days:days} days"), places if len(places) else curve.tail(1))
    words = _(
        "Line with 95 % interval, newcomers who have ordered again by the days since the first: {parts}."
    )
    said = fill(words, parts=parts)
    if usual is None:
        return said + " " + _("Too few are followed for long enough to say which day is usual.")
    marked = _("Mark, day {usual}: by then {share:share} of those who order again have done it.")
    return said + " " + fill(marked, usual=usual, share=share)


def caption_cohorts(compared: CohortComparison) -> str:
    """Whether cohorts differ beyond chance, and who is left out."""
    if len(compared.cohorts) == 1:
        words = _("One cohort alone is known, and there is none to compare it with")
    elif pd.isna(compared.p_differ):
        words = _("Too few second orders to compare cohorts")
    elif compared.p_trend <= LEVEL:
        sooner = _("Later cohorts order again sooner than earlier ones (p {p_trend:p})")
        later = _("Later cohorts order again later, or more seldom, than earlier ones (p {p_trend:p})")
        words = sooner if compared.trend > 0 else later
    elif compared.p_differ <= LEVEL:
        words = _(
            "Cohorts differ beyond chance (p {p_differ:p}), but later ones order again neither sooner nor "
            "later than earlier ones; the season may be why"
        )
    else:
        words = _("Chance explains how cohorts differ (p {p_differ:p})")
    said = fill(words, p_differ=compared.p_differ, p_trend=compared.p_trend)
    said += _("; the interval is that of the last share known") if len(compared.cohorts) else ""
    if not compared.uncertain:
        return said
    one = _("{n:count} customer who may have bought before the record began is left out")
    many = _("{n:count} customers who may have bought before the record began are left out")
    return said + "; " + fill(one if compared.uncertain == 1 else many, n=compared.uncertain)


def explain_no_channels(arrivals: pd.DataFrame) -> str:
    """Why newcomers are not compared by channel; "" where they are."""
    if arrivals[CHANNEL].isna().all():
        return _("Not available: `customers` have no column `acquisition_channel`.")
    known = arrivals["is_certain"] & arrivals[CHANNEL].notna() & (arrivals["days_followed"] >= AGAIN)
    return "" if known.any() else _("No newcomer whose channel is known has been followed for 90 days.")


def write_verdicts(channels: pd.DataFrame, kind: str) -> pd.DataFrame:
    """One kind of verdict of `compare_channels` in words: `again` or `money`."""
    words = {"better": _("better than the others"), "worse": _("worse than the others")}
    shown = {
        "again": ["channel", "customers", "again_share", "low", "high", "verdict"],
        "money": ["channel", "customers", "money_mean", "low", "high", "verdict", "largest_share"],
    }
    counted = channels.drop(columns="customers") if kind == "again" else channels
    named = counted.rename(columns={"followed": "customers"} if kind == "again" else {})
    ends = {f"{kind}_{end}": end for end in ("low", "high")}
    found = named.rename(columns=ends).assign(verdict=named[kind].map(words).fillna(_("cannot tell")))
    return found[shown[kind]]


def caption_again(compared: ChannelComparison) -> str:
    """What the table of second orders by channel counts."""
    words = _(
        "Newcomers of the year that ended {days:days} days ago: the share with a second order within as many "
        "days, and 95 % interval; a verdict is against all other channels, and beyond chance (Fisher's exact "
        "test, Holm)"
    )
    said = fill(words, days=AGAIN)
    if not compared.unknown:
        return said
    one = _("{n:count} newcomer of the last year has no channel")
    many = _("{n:count} newcomers of the last year have no channel")
    return said + "; " + fill(one if compared.unknown == 1 else many, n=compared.unknown)


def describe_channels(shown: pd.DataFrame, why: str) -> str:
    """What the marks of the channels show, or why there are none."""
    known = shown.dropna(subset="again_share")
    if known.empty:
        return why or _("Too few newcomers of any channel to show.")
    words = _("Mark with 95 % interval per channel, newcomers with a second order within 90 days: {parts}.")
    return fill(words, parts=fill_rows(_("{channel} {again_share:share}"), known))


def join_costs(shown: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """The money by channel with what winning one cost, where that is known; both with small cells hidden."""
    of = costs.set_index("channel")
    joined = shown.assign(cost_each=shown["channel"].map(of["cost_each"]))
    names = {"money_per_cost": "money_per_cost", "low": "per_cost_low", "high": "per_cost_high"}
    joined = joined.assign(**{name: shown["channel"].map(of[column]) for column, name in names.items()})
    joined.attrs = dict(shown.attrs)
    ratio = list(names.values())
    joined[ratio] = joined[ratio].where(joined["money_mean"].notna())
    return joined if costs["cost_each"].notna().any() else joined.drop(columns=["cost_each", *ratio])


def caption_money(compared: ChannelComparison, costs: pd.DataFrame, currency: str) -> str:
    """What the money is, and where the cost comes from."""
    earned = _(
        "Margin of the first 180 days in {currency}, of newcomers of the year that ended 180 days ago, with "
        "95 % interval"
    )
    spent = _(
        "Spend of the first 180 days in {currency}, of newcomers of the year that ended 180 days ago, with "
        "95 % interval"
    )
    words = earned if compared.measure == MARGIN else spent
    if costs["cost_each"].isna().all():
        words += _("; neither `acquisition` nor the policy says what winning one cost")
    elif costs["cost"].isna().any():
        words += _("; the cost of winning one is the policy's where `acquisition` has none")
    else:
        words += _("; the cost of winning one is that of twelve months over the newcomers of these")
    few = _("; compared are channels of at least {least} newcomers")
    return fill(words + few, currency=currency, least=MIN_MONEY)


def name_class(name: str) -> str:
    """A newcomer's class in words."""
    words = {
        "promising": _("promising"),
        "ordinary": _("ordinary"),
        "modest": _("modest"),
        "cannot_tell": _("cannot tell"),
        "ordered_again": _("ordered again"),
    }
    return words[name]


def write_reached(counts: pd.DataFrame) -> pd.DataFrame:
    """`count_reached`, small cells hidden, in words."""
    names = {"phase": _("days since the first purchase"), "class": _("class"), "state": _("so far")}
    states = {
        "approached": _("approached by us"),
        "planned": _("not yet, but a contact is planned"),
        "nothing": _("neither approached nor planned for"),
    }
    level = [
        states[row.level]
        if row.attribute == "state"
        else row.level
        if row.attribute == "phase"
        else name_class(row.level)
        for row in counts.itertuples()
    ]
    written = counts.assign(attribute=counts["attribute"].map(names), level=level)
    written.attrs = dict(counts.attrs)
    return written.rename(columns={"attribute": "newcomers_by", "level": "group"})


def caption_reached(plan: pd.DataFrame, usual: int | None, overdue: int, *, at_least: int) -> str:
    """What the table counts; how many second orders are overdue."""
    words = _(
        "Customers whose first purchase is at most ninety days ago, by days, by class, and by whether we "
        "have approached them since or will within their ninety days"
    )
    if len(plan) and plan["approached"].isna().all():
        words += _("; `contacts` do not say whom we have approached")
    if usual is not None:
        words += _("; a second order is overdue after day {usual}")
        words += _(", as {overdue:count} are") if overdue >= at_least else ""
    return fill(words, usual=usual, overdue=overdue)


def explain_no_newcomers() -> str:
    """That nobody is in the first ninety days."""
    return _("Nobody is known to have bought for the first time in the last 90 days.")


def write_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """`list_steps`, small cells hidden, in words: those shown; `after` is the median day of the ninety."""
    shown = steps[steps["customers"].notna()].reset_index(drop=True)
    named = shown.assign(**{"class": shown["class"].map(name_class)}).rename(columns={"after": "median_day"})
    named.attrs = dict(steps.attrs)
    return named


def caption_steps() -> str:
    """What the steps are, and where the names stand."""
    return _(
        "Contacts planned within the ninety days by class, but for those of few customers, and the median "
        "day since the first purchase; whom to contact on which day is in the lists and in the table "
        "`newcomer_plan`"
    )


def explain_no_steps(plan: pd.DataFrame, at_least: int) -> str:
    """Why no step is shown."""
    if plan.empty:
        return explain_no_newcomers()
    return fill(_("No contact is planned for {least} or more of one class."), least=at_least)


def hide_by_attribute(
    profile: pd.DataFrame, hide: Callable[..., pd.DataFrame], money: Sequence[str] = ()
) -> pd.DataFrame:
    """Groups of several attributes, small cells hidden; those of one add up, those of two overlap."""
    parts = [hide(part, money=money) for _name, part in profile.groupby("attribute", sort=False)]
    if not parts:
        return hide(profile, money=money)
    shown = pd.concat(parts, ignore_index=True)
    shown.attrs = {**parts[0].attrs, "hidden": sum(part.attrs.get("hidden", 0) for part in parts)}
    return shown


def write_profile(shown: pd.DataFrame) -> pd.DataFrame:
    """The rows of `describe_best` that are beyond chance, in words, furthest from all customers first."""
    words = {MORE: _("more than of the others"), FEWER: _("fewer than of the others")}
    beyond = shown[(shown["verdict"] != UNKNOWN) & shown["customers"].notna()]
    ratio = (beyond["share_of_best"] / beyond["share_of_all"]).sort_values(ascending=False, kind="stable")
    rows = beyond.loc[ratio.index]
    level = rows["level"].replace({"": _("not given")})
    named = rows.assign(level=level, verdict=rows["verdict"].map(words)).drop(columns="p")
    named = named.reset_index(drop=True)
    named.attrs = dict(shown.attrs)
    return named


def caption_profile(tier: str, best: int, proxies: Sequence[str]) -> str:
    """Which tier is described, and which attributes are left out."""
    words = _(
        "Customers of {tier} ({best:count}) by attribute: their share of the tier with 95 % interval, beside "
        "the share of all buyers; only what is beyond chance (Fisher's exact test, Holm)"
    )
    if proxies:
        words += _("; left out, as they stand for a protected attribute: {proxies}")
    return fill(words, tier=tier, best=best, proxies=list(proxies))


def explain_no_profile(tier: str, learned: IdealProfile) -> str:
    """Why the best tier has no profile."""
    if learned.reason == "no_attributes":
        return _("Not available: `customers` have no attribute that may be used and has two groups.")
    if learned.reason == "too_few_best":
        words = _("Too few customers in {tier} to describe them: fewer than {least}, or fewer others.")
        return fill(words, tier=tier, least=MIN_BEST)
    return fill(_("Nothing known of customers in {tier} differs from the others beyond chance."), tier=tier)


def write_grades(learned: IdealProfile) -> pd.DataFrame:
    """The rules by which prospects could be ranked, in words."""
    words = {TOGETHER: _("all attributes"), SPEND: _("spend expected as in 04")}
    single = _("{name} alone")
    rules = [words.get(name) or fill(single, name=name) for name in learned.grades["rule"]]
    used = learned.grades["in_use"].map({True: _("ranks prospects"), False: ""})
    return learned.grades.assign(rule=rules, in_use=used)


def caption_grades(learned: IdealProfile, tier: str) -> str:
    """What is graded, and which rule is used."""
    words = _(
        "The chance that a customer of {tier} comes before another, by ten-fold cross-validation, with 95 % "
        "interval; 50.0% is chance"
    )
    said = {
        "better": _("all attributes together are used, as they beat the best single one beyond chance"),
        "single": _("one attribute alone is used, as all together do not beat it beyond chance"),
        SPEND: _("what 04 expects orders better beyond chance, so that its classes stay the rule"),
        "chance": _("none beats chance (p {p:p}), and none is used"),
    }
    words = f"{words}; {said[learned.reason]}" if learned.reason in said else words
    return fill(words, tier=tier, p=learned.p)


def explain_unranked(learned: IdealProfile, prospects: int, tier: str) -> str:
    """Why no prospect is ranked."""
    if learned.reason == SPEND:
        return _("No prospect is ranked anew: the classes of 04 order customers better beyond chance.")
    if not learned.is_known and learned.reason != "chance":
        return explain_no_profile(tier, learned)
    if not learned.is_known:
        return _(
            "No prospect is ranked: what is known of customers tells the best tier no better than chance."
        )
    return "" if prospects else _("No prospect is known.")


def write_prospects(ranked: pd.DataFrame, newcomers: pd.DataFrame) -> pd.DataFrame:
    """The first of `rank_prospects` with their class of 04 and why."""
    named = newcomers["class"].reindex(ranked.index).map(name_class, na_action="ignore").fillna("")
    why = _("{attribute}: {level} ({part:change})")
    missing = _("not given")
    reasons = [
        fill(why, attribute=row.attribute, level=row.level or missing, part=row.part)
        for row in ranked.itertuples()
    ]
    table = ranked[["rank", "expected_share"]].assign(because=reasons)
    table["class"] = named
    return table.head(SHOWN).reset_index()


def caption_prospects(ranked: pd.DataFrame, learned: IdealProfile, tier: str) -> str:
    """How many are ranked, and by what."""
    words = _(
        "The first of {n:count} prospects: the share of customers like them in {tier}, and what adds most to "
        "the {share:share} of all customers; equal ones share a rank"
    )
    return fill(words, n=len(ranked), tier=tier, share=learned.share)


def write_service(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_early_service` in words."""
    names = {
        "complaints": _("complaints per 100 purchase days"),
        "response_hours": _("hours to the first response"),
        "resolution_hours": _("hours to the resolution"),
        "satisfaction": _("mark for the handling, 1 to 5"),
    }
    words = {"more": _("more than later"), "less": _("less than later"), "cannot_tell": _("cannot tell")}
    few = _("too few to compare")
    verdict = compared["verdict"].map(words).fillna(few)
    means = ["new", "rest", "difference", "low", "high"]
    per_hundred = compared["measure"].eq("complaints").map({True: 100.0, False: 1.0})
    compared = compared.assign(**{name: compared[name] * per_hundred for name in means})
    return compared.assign(measure=compared["measure"].map(names), verdict=verdict).drop(columns="p")


def caption_service() -> str:
    """What is compared."""
    words = _(
        "Means of the last {days:days} days: customers in their first 90 days, and all later ones; "
        "difference with 95 % interval, verdicts beyond chance (Holm)"
    )
    return fill(words, days=PERIOD)


def explain_no_service(lacking: Sequence[str]) -> str:
    """Why nothing is said of service."""
    if lacking:
        return _("Not available: no `tickets` table.")
    return _("No ticket of the last year is known of anybody who has bought.")


def _say_cohorts(curve: pd.DataFrame) -> str:
    known = curve[curve["days"] == MARKS[-1]]
    if known.empty:
        return _("Newcomers have not been followed for 90 days yet.")
    words = _("Of newcomers **{share:share} order again within 90 days** ({low:share} to {high:share}).")
    return fill(words, **known.iloc[0].to_dict())


def _say_channels(channels: pd.DataFrame) -> str:
    if channels.empty:
        return ""
    found = channels[channels["again"] != UNKNOWN]
    if found.empty:
        return _("No channel brings newcomers who order again more or less often beyond chance.")
    better = _("Those won by {channel} do so more often ({again_share:share})")
    worse = _("those won by {channel} less often ({again_share:share})")
    parts = [fill(better if row["again"] == BETTER else worse, **row) for row in found.to_dict("records")]
    said = "; ".join(parts)
    return said[0].upper() + said[1:] + "."


def _say_plan(plan: pd.DataFrame, at_least: int) -> str:
    if len(plan) < at_least:
        return _("Too few customers are in their first ninety days to say anything of them.")
    nothing = int((~plan["approached"].gt(0) & plan["planned"].eq(0)).sum())
    words = _("{n:count} customers are in their first ninety days")
    if nothing >= at_least:
        words += _("; {nothing:count} of them have neither been approached nor have a contact planned")
    return fill(words + ".", n=len(plan), nothing=nothing)


def _say_profile(learned: IdealProfile, ranked: pd.DataFrame) -> str:
    if learned.reason == "chance":
        return _("Prospects are not ranked, as nothing known of them tells the best tier beyond chance.")
    if not len(ranked):
        return ""
    used = learned.grades[learned.grades["in_use"]].iloc[0]
    one = _(
        "Prospects are ranked by {rule} alone, which puts a customer of the best tier before another in "
        "{auc:share} of pairs ({low:share} to {high:share})."
    )
    every = _(
        "Prospects are ranked by what is known of them, which puts a customer of the best tier before "
        "another in {auc:share} of pairs ({low:share} to {high:share})."
    )
    return fill(every if used["rule"] == TOGETHER else one, **used.to_dict())


def describe_newcomers(
    curve: pd.DataFrame,
    channels: pd.DataFrame,
    plan: pd.DataFrame,
    learned: IdealProfile,
    ranked: pd.DataFrame,
    *,
    at_least: int = 5,
) -> Takeaway:
    """How many order again, by which channel more often, who is in the first ninety days, who is ranked.

    Parameters
    ----------
    curve, plan, learned, ranked
        From `follow_second_orders`, `plan_first_days`, `learn_profile`, `rank_prospects`.
    channels
        Of `compare_channels`, small cells hidden; no rows where channels are not known.
    at_least
        Of fewer customers nothing is said.
    """
    shown = channels.dropna(subset="again_share") if len(channels) else channels
    said = {
        "channels": _say_channels(shown),
        "plan": _say_plan(plan, at_least),
        "profile": _say_profile(learned, ranked),
    }
    fields = "".join(f" {{{name}}}" for name, words in said.items() if words)
    return takeaway(_say_cohorts(curve) + fields, **said)
