"""Words of the strategy notebook: the playbook, whom to approach, what is planned, what is left undone."""

from collections.abc import Callable, Mapping

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.experiments import Expected
from crcm_lib.decisions.plan_summary import LEVERS, SEVERAL
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.no_rows import explain_no_rows
from crcm_lib.reporting.text.numbers import fill, fill_cells, write, write_rows


def write_consents(counts: pd.DataFrame) -> pd.DataFrame:
    """`count_consents` in words."""
    kinds = {"company": _("companies"), "person": _("natural persons")}
    words = {
        "may_be_approached": _("may be approached"),
        "standard_offer_only": _("standard offer only"),
        "unknown": _("objections unknown"),
    }
    return counts.replace({"subject_type": kinds, "consent": words})


def caption_consents(
    consents: pd.DataFrame | None, round_count: Callable[[int], int], unmatched: int = 0
) -> str:
    """How many customers' latest word is known, or that nobody's is.

    Parameters
    ----------
    consents
        From `decision_inputs.find_consents`.
    round_count
        How a count of persons by an answer is shown.
    unmatched
        How many ids of the table are of no customer.
    """
    if consents is None:
        return _(
            "Not available: no `consents` table, so nobody's objection is known. Check before any contact."
        )
    refused = consents.loc[consents["status"] == "refused", "customer_id"].nunique()
    words = _("Latest word of {customers:count} customers; {refused:count} refuse something")
    if unmatched:
        words += _("; {unmatched:count} ids of the table are of no customer")
    known = round_count(consents["customer_id"].nunique())
    return fill(words, customers=known, refused=round_count(refused), unmatched=unmatched)


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
        "held_out": _("held out of the whole programme, to see what it brings"),
        "terms_for_companies": _("terms are off for natural persons"),
        "terms_withheld": _("terms are withheld for credit"),
        "owes_overdue": _("owes what is overdue, and is called about that first"),
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


def caption_arms(people: Mapping[str, int]) -> str:
    """`count_people` in words: customers, each counted once, and not their assignments."""
    if not people["treated"] and not people["left_out"]:
        return _("Nobody is treated, and nobody left out.")
    words = _(
        "{treated:count} customers are treated; {left_out:count} are left out of an action at random, and "
        "{left_out_treated:count} of these get another one"
    )
    return fill(words, **people)


def write_experiments(experiments: pd.DataFrame) -> pd.DataFrame:
    """The table `experiments` in words: what an action is assumed to win, what was measured, what is next."""
    advice = {
        "keep": _("keep: it pays even at the low end"),
        "stop": _("stop: it does not pay even at the high end"),
        "change": _("change: it wins less than assumed"),
        "test_on": _("test on: cannot tell yet"),
        "assumed": _("nothing measured yet"),
    }
    plans = {
        "one_wave": _("tested in this plan"),
        "waves": _("tested over {waves:count} plans together"),
        "known": _("earlier plans have told enough"),
        "none": _("no test planned: would need {needed:count} customers"),
        "no_value": _("not sized: no value is predicted"),
        "short_history": _("not sized: the history is shorter than the comparison"),
        "nobody_bought": _("not sized: nobody bought lately"),
    }
    range_ = _("{used:share} ({used_low:share} to {used_high:share})")
    known = experiments["measured"].notna()
    shown = experiments[["action", "assumed", "measured"]].assign(
        used=write_rows(experiments, lambda row: fill(range_, **row)).where(known, None),
        advice=experiments["advice"].map(advice),
        control_share=experiments["control_share"],
    )
    shown["used"] = shown["used"].fillna(write_rows(experiments, lambda row: write(row["used"], "share")))
    next_test = write_rows(
        experiments, lambda row: fill(plans.get(row["plan"], _("nobody to test on")), **row)
    )
    return shown.assign(next_test=next_test)


def caption_experiments(experiments: pd.DataFrame) -> str:
    """What the table of experiments holds: effects as shares of what is at stake."""
    if experiments["measured"].notna().any():
        return _(
            "Effects as shares of what is at stake: assumed by the policy, measured beside controls, and "
            "what plans count on (both together, with a 95 % interval)"
        )
    return _(
        "Effects as shares of what is at stake: all are assumed, as no earlier plan had arms that can be "
        "compared"
    )


def describe_tests(experiments: pd.DataFrame) -> str:
    """For how many actions so many are left out as the assumed effect needs, or how many customers it takes.

    Parameters
    ----------
    experiments
        From `experiments.tabulate`.
    """
    planned = experiments[experiments["plan"].notna()]
    sized = planned[planned["plan"].isin(("known", "one_wave", "waves", "none"))]
    tested = sized[sized["plan"].isin(("one_wave", "waves"))]
    pooled = int((tested["plan"] == "waves").sum())
    short = sized[sized["plan"] == "none"]
    if planned.empty:
        return explain_no_rows("arms")
    if sized.empty:
        return _("How many must be left out to see an effect is unknown.")
    if len(tested) and pooled:
        words = _(
            "{tested:count} of {actions:count} actions are tested, with as many controls as the assumed "
            "effect needs; {pooled:count} of them over several plans together."
        )
    elif len(tested):
        words = _(
            "{tested:count} of {actions:count} actions are tested, with as many controls as the assumed "
            "effect needs."
        )
    elif short.empty:
        words = _("Earlier plans have told enough of the assumed effects.")
    else:
        words = _(
            "No action is tested alone: the nearest, {nearest}, would need {needed:count} customers to show "
            "its assumed effect."
        )
    nearest = short.sort_values(["needed", "action"]).head(1)
    values = {"nearest": "".join(nearest["action"]), "needed": nearest["needed"].min()}
    return fill(words, tested=len(tested), actions=len(sized), pooled=pooled, **values)


def describe_holdout(held_out: int, share: float, *, at_least: int = 5) -> str:
    """How many customers stay out of the whole programme; "" where the policy holds nobody out."""
    if not share > 0:
        return ""
    if held_out < at_least:
        return _("Too few customers are held out of the whole programme to see what it brings.")
    words = _(
        "{held_out:count} customers, {share:share} by a draw kept from run to run, stay out of the whole "
        "programme but service."
    )
    return fill(words, held_out=held_out, share=share)


def describe_advice(experiments: pd.DataFrame) -> Takeaway:
    """What to do with the actions of which something was measured; "" where nothing was."""
    advice = {
        "keep": _("{actions} pay even at the low end of what was measured: keep them."),
        "stop": _("{actions} do not pay even at the high end: stop them."),
        "change": _("{actions} win less than assumed, and whether they pay is open: change them."),
        "test_on": _("Whether {actions} pay cannot be told yet: test on."),
    }
    said = []
    for kind, words in advice.items():
        names = sorted(experiments.loc[experiments["advice"] == kind, "action"])
        if names:
            said.append(takeaway(words, actions=", ".join(names)).markdown)
    return Takeaway(" ".join(said))


def describe_expected(expected: Expected, currency: str, measure: str) -> str:
    """What actions are expected to gain after their cost, its range, and on whose word.

    Parameters
    ----------
    expected
        From `experiments.expect_gain`.
    currency
        Of the gain.
    measure
        What it is counted in: margin, or spend.
    """
    if pd.isna(expected.gain):
        return _("What they gain is unknown, as no value is predicted.")
    words = _(
        "They are expected to gain {gain:units} {currency} of {measure} beyond their cost; {low:units} to "
        "{high:units} is likely."
    )
    if not expected.measured:
        words += _(" No action's effect is measured yet: all are assumed.")
    elif expected.measured < expected.actions:
        words += _(
            " Of {actions:count} actions the effects of {measured:count} are measured, the others assumed."
        )
    else:
        words += _(" All effects are measured.")
    return fill(words, currency=currency, measure=measure, **expected._asdict())


def describe_plan(
    plan: Mapping[str, float],
    people: Mapping[str, int],
    experiments: pd.DataFrame,
    aside: Mapping[str, float],
    currency: str,
    *,
    at_least: int = 5,
) -> Takeaway:
    """What is planned, its cost and assumed gain, what its arms can show, and for whom nothing may be done.

    Parameters
    ----------
    plan
        From `add_up`.
    people
        From `count_people`.
    experiments
        From `experiments.tabulate`.
    aside
        `low` and `high`, the range of the gain; `objectors`, who get no action but published terms; `late`,
        first contacts that come too late to compare; `occasions` of customers and `occasions_cost`; `begun`
        contacts of earlier plans and `begun_cost`; `budget` (currency) where the policy sets one;
        `terms_cost` of published terms.
    """
    words = _(
        "{customers:count} customers get {treated:count} actions that cost {cost:count} {currency}, repeats "
        "included"
    )
    if pd.isna(plan["gain"]):
        words += _(". What they gain is unknown, as no value is predicted: tier and spend so far decide.")
    elif plan["unknown"]:
        words += _(
            ", for an expected gain of {gain:count} {currency} ({low:count} to {high:count}); that of "
            "{unknown:count} is unknown."
        )
    else:
        words += _(", for an expected gain of {gain:count} {currency} ({low:count} to {high:count}).")
    if not plan["treated"]:
        words = _("Nothing is planned beyond the standard offer.")
    if plan["treated"] and people["left_out"]:
        words += _(" {left_out:count} customers are left out of an action at random. {power}")
    elif plan["treated"]:
        words += " {power}"
    budget = aside.get("budget")
    if budget is not None and aside["terms_cost"] > budget:
        words += _(" Published terms alone, which all who meet the rule get, cost more than the budget.")
    elif budget is not None:
        words += _(" {left:count} {currency} of the budget is left.")
    if aside["occasions"] >= at_least:
        words += _(
            " Besides, {occasions:count} occasions of customers cost {occasions_cost:count} {currency}."
        )
    if aside["begun"]:
        words += _(
            " {begun:count} contacts of actions that earlier plans began are still to come; they cost "
            "{begun_cost:count} {currency}."
        )
    if aside["objectors"] >= at_least:
        words += _(" {objectors:count} customers refused or never consented and get the standard offer.")
    if aside["late"]:
        words += _(
            " {late:count} first contacts fit only after their comparison ends: lower `capacity` or raise "
            "`per_day`."
        )
    values = {**plan, "left_out": people["left_out"], "power": describe_tests(experiments)}
    values["left"] = (budget or 0.0) - plan["cost"]
    return takeaway(words, currency=currency, **values, **aside)
