"""Words of engagement: the journey and its trouble, who learns, who speaks for us, what actions changed."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.i18n import _
from crcm_lib.models.journey import WINDOW, find_narrowest
from crcm_lib.models.matched_comparison import MatchedComparison
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_rows

SURE = 0.05
BALANCED = 0.1  # standardised mean difference
SCORED = "referrals"  # the table by which a policy may score recommendations


def explain_missing(lacking: set[str], *tables: str) -> str:
    """That the data have none of these tables with what is asked of them; "" where they have one."""
    if not set(tables) <= lacking:
        return ""
    words = _("Not available: no `{name}` table that says it.")
    if len(tables) > 1:
        words = _("Not available: none of the tables {name}.")
    return fill(words, name=", ".join(tables) if len(tables) > 1 else tables[0])


# The journey -----------------------------------------------------------------------------------------------


def name_step(step: str) -> str:
    """A step of the journey in words."""
    words = {
        "known": _("sign-up or first contact"),
        "first_order": _("first order"),
        "second_order": _("second order"),
        "contract": _("first contract"),
        "next_contract": _("next contract"),
    }
    return words[step]


def write_journey(journey: pd.DataFrame) -> pd.DataFrame:
    """`read_journey` in words."""
    names = {column: journey[column].map(name_step) for column in ("step", "next_step")}
    return journey.assign(**names).drop(columns="by_day")


def caption_journey(journey: pd.DataFrame) -> str:
    """What the shares and their interval are."""
    words = _(
        "Share that takes the next step within so many days (Kaplan & Meier), those not followed "
        "so long as far "
        "as they are; 95 % interval of the last"
    )
    return words if len(journey) else explain_no_steps()


def explain_no_steps() -> str:
    """Why there is no journey to show."""
    return _("No step of the journey can be followed: the history is too short.")


def write_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """`follow_journey` with a column `way`, the two steps in words."""
    way = [
        fill(_("{one} to {other}"), one=name_step(one), other=name_step(other))
        for one, other in zip(curves["step"], curves["next_step"], strict=True)
    ]
    return curves.assign(way=pd.Series(way, curves.index, dtype="str"))


def describe_curves(written: pd.DataFrame, why: str = "") -> str:
    """What the lines of the journey show, or why there are none."""
    if written.empty:
        return why or explain_no_steps()
    last = written.groupby("way", sort=False).tail(1)
    parts = fill_rows(_("{way}: {share:share} within {days:days} days"), last)
    return fill(_("Lines with 95 % intervals, share that took the next step. {parts}."), parts=parts)


def write_trouble(trouble: pd.DataFrame) -> pd.DataFrame:
    """`compare_complaints` in words."""
    return trouble.assign(step=trouble["step"].map(name_step), verdict=write_verdicts(trouble["verdict"]))


def write_verdicts(verdicts: pd.Series) -> pd.Series:
    """What can be said of a comparison, in words."""
    words = {
        "more": _("more, beyond chance"),
        "fewer": _("fewer, beyond chance"),
        "cannot_tell": _("cannot tell"),
        "too_few": _("too few to compare"),
        "not_tried": _("not tried yet"),
        "not_known": _("the data lack what it counts"),
        "no_controls": _("no controls: cannot tell"),
        "unsound": _("the arms are not what was drawn: nothing is read"),
    }
    return verdicts.map(words)


def explain_no_complaints() -> str:
    """Why there is nothing to compare with steps."""
    return _("No complaint is known.")


def caption_trouble() -> str:
    """What is compared with what."""
    words = _(
        "Complaints in the {days} days from a step on, and how many there would be if those "
        "customers' complaints "
        "fell on any of their days (95 % of the draws between low and high)"
    )
    return fill(words, days=WINDOW)


# Education -------------------------------------------------------------------------------------------------


def caption_teaching(policy: Policy) -> str:
    """Who counts as asking for help."""
    asked = [action for action in policy.playbook if action.asks_for_help]
    words = _("Customers who asked in the last 180 days, and those of them without a training since")
    if not asked:
        return words + _("; no action of the playbook asks for it")
    parts = [
        fill(_("{name} from {least} on"), name=action.name, least=action.asks_for_help) for action in asked
    ]
    return fill(words + _("; {parts}"), parts=parts)


def write_measures(comparison: MatchedComparison) -> pd.DataFrame:
    """The measures of `compare_trained` in words."""
    words = {"questions": _("questions"), "complaints": _("complaints")}
    return comparison.measures.replace({"measure": words}).rename(columns={"members": "trained"})


def caption_trained(comparison: MatchedComparison, windows: list[Holdout]) -> str:
    """Who was compared over the first of these windows, and how alike they were; "" where there is none."""
    if not windows:
        return ""
    words = _(
        "Per customer in the {days:days} days from {start:day} on: {matched_members:count} of "
        "{members:count} who attended a training in the half-year before, and {matched_others:count} of "
        "{others:count} others in the same strata; {balance}"
    )
    worst = comparison.balance["after"].abs().max() if len(comparison.balance) else float("nan")
    alike = _("they differ by at most {worst:number} standard deviations (up to 0.1 is called alike)")
    apart = _("they still differ by {worst:number} standard deviations (up to 0.1 is called alike)")
    sizes = ("members", "matched_members", "others", "matched_others")
    facts = {name: getattr(comparison, name) for name in sizes}
    balance = fill(alike if worst <= BALANCED else apart, worst=worst)
    start = windows[0].start + pd.Timedelta(days=1)
    return fill(words, days=windows[0].days, start=start, balance=balance, **facts)


def explain_uncompared(comparison: MatchedComparison, why: str) -> str:
    """Why those trained are not compared with others."""
    words = _("Too few were trained ({members:count}) beside others like them ({others:count}) to compare.")
    return why or fill(words, members=comparison.members, others=comparison.others)


def write_trained(comparison: MatchedComparison) -> str:
    """The sentence on the questions of those trained and of others like them."""
    row = comparison.measures.set_index("measure").loc["questions"].to_dict()
    if row["p"] > SURE:
        words = _(
            "Those trained asked {members:number} questions each and others like them {others:number}: "
            "chance "
            "explains the difference."
        )
        return fill(words, **row)
    fewer = _(
        "**Those trained asked fewer questions** than others like them ({members:number} against "
        "{others:number})."
    )
    more = _(
        "**Those trained asked more questions** than others like them ({members:number} against "
        "{others:number})."
    )
    caveat = _(
        " Who comes to a training may differ in ways that nobody recorded: a control group would say more."
    )
    return fill((more if row["difference"] > 0 else fewer) + caveat, **row)


# Word of mouth, community, ideas ---------------------------------------------------------------------------


def write_shares(shares: pd.DataFrame) -> pd.DataFrame:
    """`share_by_group`, small cells hidden, in words; of what is hidden no verdict is given."""
    verdict = write_verdicts(shares["verdict"]).where(shares["showing"].notna(), "")
    return shares.assign(verdict=verdict).rename(columns={"group": "tier"})


def caption_recommenders(policy: Policy) -> str:
    """What is counted, and that a score which counts recommendations itself goes by them."""
    words = _(
        "Customers who recommended somebody in the last 365 days, with 95 % interval; beside all others"
    )
    scored = any(one.table == SCORED for criterion in policy.criteria for one in criterion.indicators)
    return words + (
        _("; recommendations are part of the score, so better tiers have more by it") if scored else ""
    )


def write_recommended(compared: pd.DataFrame) -> pd.DataFrame:
    """`compare_recommended` in words."""
    words = {
        "again_90d": _("share with a second order within 90 days"),
        "spend_180d": _("spend of the first 180 days"),
    }
    return compared.replace({"measure": words})


def caption_recommended(currency: str) -> str:
    """What is compared, in which money."""
    words = _("Recommended newcomers beside others of the same quarter; spend in {currency}")
    return fill(words, currency=currency)


def explain_few_recommended(why: str) -> str:
    """Why recommended customers are not compared with others."""
    return why or _("Too few were recommended beside others of the same quarters to compare.")


def describe_recommended(compared: pd.DataFrame) -> str:
    """The sentence on customers who were recommended; "" where nothing is compared."""
    if compared.empty:
        return ""
    sure = compared[compared["p"] <= SURE]
    if sure.empty:
        return _(
            "Customers who were recommended differ from others of their quarter neither in second "
            "orders nor in "
            "early spend, beyond chance."
        )
    parts = []
    for row in sure.to_dict("records"):
        kind = "share" if row["measure"] == "again_90d" else "money"
        name = {
            "again_90d": _("a second order within 90 days"),
            "spend_180d": _("spend of the first 180 days"),
        }[row["measure"]]
        template = "{name}: {recommended_mean:KIND} against {others_mean:KIND}".replace("KIND", kind)
        parts.append(fill(template, **row | {"name": name}))
    words = _(
        "**Customers who were recommended differ** from others of the same quarter ({parts}), "
        "whatever the reason."
    )
    return fill(words, parts="; ".join(parts))


def describe_quarters(quarters: pd.DataFrame, why: str) -> str:
    """What the lines of the community show, or why there are none; hidden quarters are left out."""
    if quarters.empty:
        return why or _("Too few customers of any tier were in the community in a quarter to show.")
    last = quarters.groupby("tier", sort=False).tail(1)
    parts = fill_rows(_("{tier} {customers:count} in {quarter}"), last)
    return fill(_("Lines, customers in the community by quarter and tier. The last: {parts}."), parts=parts)


def caption_community() -> str:
    """What is counted of the community."""
    return _(
        "Customers in the community in the last 365 days, with 95 % interval, beside all others; "
        "who could be invited"
    )


def explain_none(dealings: pd.DataFrame, kind: str) -> str:
    """That the data have no idea or interview; "" where they have one."""
    words = {
        "idea": _("No contact is an idea: its channel would be called idea, suggestion, 创意 or 建议."),
        "interview": _("No contact is an interview: its channel would be called interview or 访谈."),
    }
    return "" if (dealings["kind"] == kind).any() else words[kind]


def caption_ideas() -> str:
    """What is counted of ideas."""
    return _("Ideas of the last 365 days, and the share adopted so far, with 95 % interval")


def caption_interviews() -> str:
    """What is counted of interviews."""
    return _("Customers interviewed in the last 365 days by lifecycle stage, those who are lost too")


# What actions changed --------------------------------------------------------------------------------------


def name_kpi(kpi: str) -> str:
    """What a KPI counts."""
    words = {
        "questions": _("questions"),
        "complaints": _("complaints"),
        "recommendations": _("recommendations"),
        "contacts": _("contacts begun by the customer"),
    }
    return words[kpi]


def write_kpis(effects: pd.DataFrame, policy: Policy, actions: pd.DataFrame) -> pd.DataFrame:
    """`compare_kpis` in words, with how many customers each action is planned for."""
    due = actions.groupby("action")["customer_id"].nunique()
    written = effects.assign(
        kpi=effects["kpi"].map(name_kpi),
        verdict=write_verdicts(effects["verdict"]),
        planned_for=effects["action"].map(due).fillna(0).astype("int64"),
        because=effects["action"].map({action.name: action.because for action in policy.playbook}),
    )
    shown = ["action", "kpi", "planned_for", "treated", "controls", "treated_mean", "control_mean"]
    return written[[*shown, "difference", "low", "high", "p", "verdict", "because"]]


def caption_kpis(effects: pd.DataFrame) -> str:
    """What is compared, and what is not."""
    if effects.empty:
        return _("No action of the playbook names a KPI.")
    tried = int((effects["customers"] > 0).sum())
    words = _(
        "Events per customer while the action ran, of those treated and of the controls; {tried:count} of "
        "{named:count} actions with a KPI were tried before"
    )
    return fill(words, tried=tried, named=len(effects))


def describe_kpis(effects: pd.DataFrame) -> str:
    """The actions whose KPI is another with them than without, beyond chance; "" where there is none."""
    found = effects[effects["verdict"].isin(["more", "fewer"])]
    if found.empty:
        return ""
    written = found.assign(
        kpi=found["kpi"].map(name_kpi), way=found["verdict"].map({"more": _("more"), "fewer": _("fewer")})
    )
    parts = fill_rows(
        _("{action}: {way} {kpi} ({treated_mean:number} against {control_mean:number})"), written
    )
    return fill(_("Beside controls drawn by lot, {parts}."), parts=parts)


# Takeaway --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngagementFacts:
    """What the takeaway is made of: tables of `models.journey`, `compare_trained`, `compare_recommended`,
    `compare_kpis`, and the table `engagement`."""

    journey: pd.DataFrame
    trouble: pd.DataFrame
    engagement: pd.DataFrame
    trained: MatchedComparison
    recommended: pd.DataFrame
    kpis: pd.DataFrame


def describe_engagement(facts: EngagementFacts, why: str = "", *, at_least: int = 5) -> Takeaway:
    """Where the journey loses most, what trouble begins where, who asks, who speaks for us, what helped.

    Parameters
    ----------
    why
        From `explain_missing`, where the data have none of the tables.
    at_least
        Of fewer customers nothing is said.
    """
    if why:
        return takeaway(why)
    said = [_describe_narrowest(facts.journey), _describe_trouble(facts.trouble)]
    said += [_describe_asking(facts.engagement, at_least)]
    said += [write_trained(facts.trained) if len(facts.trained.measures) else ""]
    said += [_describe_advocates(facts.engagement, at_least), describe_recommended(facts.recommended)]
    said += [describe_kpis(facts.kpis)]
    text = " ".join(filter(None, said))
    return takeaway(text or _("Too few customers deal with us to say anything."))


def _describe_narrowest(journey: pd.DataFrame) -> str:
    row = find_narrowest(journey)
    if row is None:
        return ""
    words = _(
        "**The journey loses most after the {step}**: within a year {within_365d:share} ({low:share} to "
        "{high:share}) come to the {next_step}."
    )
    named = {column: name_step(row[column]) for column in ("step", "next_step")}
    return fill(words, **row.to_dict() | named)


def _describe_trouble(trouble: pd.DataFrame) -> str:
    more = trouble[trouble["verdict"] == "more"]
    if more.empty:
        return ""
    words = _("{step} ({after_step:count} against {expected:count})")
    parts = fill_rows(words, more.assign(step=more["step"].map(name_step)))
    return fill(
        _("**Complaints come more often in the {days} days after**: {parts}."), days=WINDOW, parts=parts
    )


def _describe_asking(engagement: pd.DataFrame, at_least: int) -> str:
    if "open_questions" not in engagement:
        return ""
    asking = int((engagement["open_questions"] > 0).sum())
    words = _("{n:count} customers asked something in the last half-year and were not trained since.")
    return fill(words, n=asking) if asking >= at_least else ""


def _describe_advocates(engagement: pd.DataFrame, at_least: int) -> str:
    if "is_advocate" not in engagement:
        return ""
    speaks = engagement["is_advocate"]
    outside = speaks & ~(engagement.get("community_365d", pd.Series(0, engagement.index)) > 0)
    if outside.sum() < at_least or (speaks & ~outside).sum() in range(1, at_least):
        return ""
    words = _("{n:count} customers speak for us; {outside:count} of them could be invited to the community.")
    return fill(words, n=int(speaks.sum()), outside=int(outside.sum()))
