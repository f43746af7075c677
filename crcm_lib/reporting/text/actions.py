"""Words of the strategy notebook: the playbook, whom to approach, what is planned, what is left undone."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.plan_summary import LEVERS, SEVERAL
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.no_rows import explain_no_rows
from crcm_lib.reporting.text.numbers import fill, fill_cells, write_rows


def write_consents(counts: pd.DataFrame) -> pd.DataFrame:
    """`count_consents` in words."""
    kinds = {"company": _("companies"), "person": _("natural persons")}
    words = {
        "may_be_approached": _("may be approached"),
        "standard_offer_only": _("standard offer only"),
        "unknown": _("objections unknown"),
    }
    return counts.replace({"subject_type": kinds, "consent": words})


def caption_consents(consents: pd.DataFrame | None, unmatched: int = 0) -> str:
    """How many customers' latest word is known, or that nobody's is.

    Parameters
    ----------
    unmatched
        How many ids of the table are of no customer.
    """
    if consents is None:
        return _(
            "Not available: no `consents` table, so nobody's objection is known. Check before any contact."
        )
    refused = consents[consents["status"] == "refused"]
    words = _("Latest word of {customers:count} customers; {refused:count} refuse something")
    if unmatched:
        words += _("; {unmatched:count} ids of the table are of no customer")
    known = consents["customer_id"].nunique()
    return fill(words, customers=known, refused=refused["customer_id"].nunique(), unmatched=unmatched)


def tabulate_playbook(policy: Policy) -> pd.DataFrame:
    """The playbook as a matrix: lever by tier, the names of the actions; terms are marked."""
    cells = {(lever, tier.name): [] for lever in LEVERS for tier in policy.tiers}
    for action in policy.playbook:
        for tier in action.tiers:
            cells[action.lever, tier].append(action.name + (_(" (terms)") if action.terms else ""))
    rows = [
        {"lever": lever} | {tier.name: ", ".join(cells[lever, tier.name]) or "–" for tier in policy.tiers}
        for lever in LEVERS
    ]
    return pd.DataFrame(rows)


def write_reasons(actions: pd.DataFrame, policy: Policy) -> pd.Series:
    """Why each row of the table `actions` is there: tier, stage and the playbook's words."""
    because = {action.name: action.because for action in policy.playbook}
    words = _("{place}: {because}")

    def write_reason(row: Mapping) -> str:
        place = [part for part in (row["tier"], row["stage"]) if pd.notna(part)]
        return fill(words, place=place, because=because[row["action"]])

    return write_rows(actions, write_reason)


def write_left_undone(reasons: pd.DataFrame) -> pd.DataFrame:
    """`count_reasons` in words."""
    words = {
        "objection": _("refused, or never consented"),
        "channel_refused": _("refused the channel"),
        "terms_for_companies": _("terms are off for natural persons"),
        "terms_withheld": _("terms are withheld for credit"),
        "running": _("already running"),
        "not_worth_its_cost": _("not worth its cost"),
        "gain_unknown": _("what it is worth cannot be told: no value is predicted"),
        "contact_cap": _("contact cap reached"),
        "no_capacity": _("no capacity left"),
        "no_hours": _("no hours of the role left"),
        "no_budget": _("no budget left"),
        "nothing_left_to_gain": _("not worth its cost beside the customer's other actions"),
        SEVERAL: _("several reasons together"),
    }
    return reasons.replace({"reason": words})


def describe_none_undone(at_least: int) -> str:
    """What stands in place of the reasons where hardly anything was left undone."""
    words = _("Fewer than {n} customers go without an action that the playbook has for them.")
    return fill(words, n=at_least)


def describe_workload(workload: pd.DataFrame) -> str:
    """What the columns of contacts per week and role show; small cells are 0 in `workload`."""
    workload = workload.loc[:, workload.sum() > 0]
    if workload.empty:
        return _("No contact is planned for enough customers to show.")
    roles = fill_cells("{value:count}", workload.agg(["sum", "max"]).T)
    words = _(
        "Columns per week, stacked by role, from {first:day} to {last:day}. Contacts in all, in the fullest "
        "week: {roles}."
    )
    return fill(words, first=workload.index[0], last=workload.index[-1], roles=roles)


def caption_arms(people: Mapping[str, int], *, at_least: int = 5) -> str:
    """`count_people` in words: customers, each counted once, and not their assignments."""
    if not people["treated"] and not people["left_out"]:
        return _("Nobody is treated, and nobody left out.")
    if min(people["treated"], people["left_out"]) < at_least:
        return _("Too few customers to say how many are left out of an action.")
    words = _(
        "{treated:count} customers are treated; {left_out:count} are left out of an action at random, and "
        "{left_out_treated:count} of these get another one"
    )
    others = people["left_out"] - people["left_out_treated"]
    if 0 < people["left_out_treated"] < at_least or 0 < others < at_least:
        words = _(
            "{treated:count} customers are treated; {left_out:count} are left out of an action at random"
        )
    return fill(words, **people)


def write_power(power: pd.DataFrame) -> pd.DataFrame:
    """`measure_power` with what the arms can show in words."""
    words = {True: _("can show the assumed effect"), False: _("cannot")}
    verdicts = power["can_show"].map(words)
    verdicts = verdicts.where(power["spend_assumed"].notna(), _("unknown what it may win"))
    verdicts = verdicts.where(power["spend_detectable"].notna(), _("unknown: nobody bought lately"))
    verdicts = verdicts.where(power["bought_share"].notna(), _("the history is shorter"))
    columns = [
        "action",
        "spend_mean",
        "spend_assumed",
        "spend_detectable",
        "bought_share",
        "bought_detectable",
    ]
    return power[columns].assign(these_arms=verdicts.astype("str"))


def describe_power(power: pd.DataFrame) -> str:
    """Whether the arms can show what the policy assumes; if none can, how large an effect would have to be.

    Parameters
    ----------
    power
        From `measure_power`, of the actions whose arms may be shown.
    """
    known = power[(power["spend_assumed"] > 0) & power["spend_detectable"].notna()]
    if len(power) and power["bought_share"].isna().all():
        return _("The history is shorter than the comparisons, so what their arms can show is unknown.")
    if len(power) and power["spend_detectable"].isna().all():
        return _("Nobody chosen has bought lately, so what the arms can show is unknown.")
    if known.empty and len(power):
        return _("What an action may win is unknown, so whether its arms can show it is, too.")
    if known.empty:
        return explain_no_rows("arms")
    able = int(known["can_show"].sum())
    times = known["spend_detectable"] / known["spend_assumed"]
    words = _(
        "None of the {actions} comparisons can show an effect of the assumed size; the nearest, {nearest}, "
        "could show one {times:points} times as large."
    )
    if able:
        words = _(
            "{able} of {actions} comparisons can show an effect of the assumed size, the others cannot."
        )
    if able == len(known):
        words = _("The arms can show effects of the assumed size.")
    nearest = known.loc[times.round(1) == times.min().round(1), "action"].to_list()
    return fill(words, able=able, actions=len(known), nearest=nearest, times=times.min())


def describe_plan(
    plan: Mapping[str, float],
    people: Mapping[str, int],
    power: pd.DataFrame,
    aside: Mapping[str, float],
    currency: str,
    *,
    at_least: int = 5,
) -> Takeaway:
    """What is planned, its cost and assumed gain, what its arms can show, and for whom nothing may be done.

    Parameters
    ----------
    plan
        From `add_up`: of the actions that are shown only.
    people
        From `count_people`, of the same actions.
    power
        From `measure_power`, of the actions of which both arms are shown.
    aside
        `objectors`, who get no action but published terms; `late`, first contacts that come too late to
        compare; `occasions` of customers and `occasions_cost`; `budget` (currency) where the policy sets
        one; `terms_cost` of published terms.
    """
    words = _(
        "{customers:count} customers get {treated:count} actions that cost {cost:count} {currency}, repeats "
        "included"
    )
    if pd.isna(plan["gain"]):
        words += _(". What they gain is unknown, as no value is predicted: tier and spend so far decide.")
    elif plan["unknown"]:
        words += _(", for an assumed gain of {gain:count} {currency}; that of {unknown:count} is unknown.")
    else:
        words += _(", for an assumed gain of {gain:count} {currency}.")
    if not plan["treated"]:
        words = _("Nothing is planned beyond the standard offer.")
        if plan["hidden"]:
            words = _("Too few actions are planned to show them.")
    elif plan["hidden"]:
        words += _(" Actions for too few customers to show are not counted.")
    if plan["treated"] and people["left_out"] >= at_least:
        words += _(" {left_out:count} customers are left out of an action at random. {power}")
    elif plan["treated"]:
        words += _(" Too few are left out at random to see any effect.")
    budget = aside.get("budget")
    if budget is not None and aside["terms_cost"] > budget:
        words += _(" Published terms alone, which all who meet the rule get, cost more than the budget.")
    elif budget is not None and not plan["hidden"]:
        words += _(" {left:count} {currency} of the budget is left.")
    if aside["occasions"] >= at_least:
        words += _(
            " Besides, {occasions:count} occasions of customers cost {occasions_cost:count} {currency}."
        )
    if aside["objectors"] >= at_least:
        words += _(" {objectors:count} customers refused or never consented and get the standard offer.")
    if aside["late"] >= at_least:
        words += _(
            " {late:count} first contacts fit only after their comparison ends: lower `capacity` or raise "
            "`per_day`."
        )
    values = {**plan, "left_out": people["left_out"], "power": describe_power(power)}
    values["left"] = (budget or 0.0) - plan["cost"]
    return takeaway(words, currency=currency, **values, **aside)


def warn_of_risk() -> str:
    """What a list of calls says of itself: it goes by risk and worth, not by who will respond."""
    return _(
        "Who is likely to leave is not who will respond. A list goes by tier, worth and risk, with "
        "assumed effects; what a call does is known only once customers left out at random have shown it."
    )
