"""Words of the strategy notebook: the playbook, whom to approach, what is planned, what is left undone."""

from collections.abc import Mapping

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.plan_summary import LEVERS
from crcm_lib.i18n import _
from crcm_lib.reporting.takeaway import Takeaway, takeaway
from crcm_lib.reporting.text.numbers import fill, fill_cells, fill_rows, write_rows


def write_consents(counts: pd.DataFrame) -> pd.DataFrame:
    """`count_consents` in words."""
    kinds = {"company": _("companies"), "person": _("natural persons")}
    words = {
        "may_be_approached": _("may be approached"),
        "standard_offer_only": _("standard offer only"),
        "unknown": _("objections unknown"),
    }
    return counts.replace({"subject_type": kinds, "consent": words})


def caption_consents(consents: pd.DataFrame | None) -> str:
    """How many customers' latest word is known, or that nobody's is."""
    if consents is None:
        return _(
            "Not available: no `consents` table, so nobody's objection is known. Check before any contact."
        )
    refused = consents[consents["status"] == "refused"]
    words = _("Latest word of {customers:count} customers; {refused:count} refuse something")
    known = consents["customer_id"].nunique()
    return fill(words, customers=known, refused=refused["customer_id"].nunique())


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


def describe_actions(planned: pd.DataFrame) -> str:
    """What the bars of treated customers and controls show; small actions are left out of `planned`."""
    if planned.empty:
        return _("No action is planned for enough customers to show.")
    words = _("Bars, customers treated and left out, per action. Treated: {rows}.")
    return fill(words, rows=fill_rows("{action}: {treated:count}", planned))


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
        "running": _("already running"),
        "not_worth_its_cost": _("not worth its cost"),
        "contact_cap": _("contact cap reached"),
        "no_capacity": _("no capacity left"),
    }
    return reasons.replace({"reason": words})


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


def describe_plan(
    summary: pd.DataFrame, shown: pd.DataFrame, objectors: int, currency: str, *, late: int = 0
) -> Takeaway:
    """What is planned, its cost and assumed gain, for how many nothing may be done, and what comes late.

    Parameters
    ----------
    summary
        From `summarise_actions`, nothing hidden.
    shown
        The same with small numbers hidden. Costs and gains are its sums: with the playbook's cost of each
        action, the whole cost would tell how many of a hidden action there are.
    objectors, late
        How many customers get the standard offer only; how many first contacts come too late to compare.
    """
    treated = int(summary["treated"].sum())
    words = _(
        "{treated:count} actions are planned at a cost of {cost:count} {currency}, for an assumed gain of "
        "{gain:count} {currency}; {control:count} customers chosen at random are left out, to see if it "
        "works."
    )
    if shown["cost"].isna().any():
        words = _(
            "{treated:count} actions are planned; those that are shown cost {cost:count} {currency}, for an "
            "assumed gain of {gain:count} {currency}; {control:count} customers chosen at random are left "
            "out, to see if it works."
        )
    if treated and not shown["treated"].sum():
        words = _("Too few actions are planned to show them.")
    if objectors:
        words += _(" {objectors:count} customers refused or never consented and get the standard offer.")
    if late:
        words += _(
            " {late:count} first contacts fit only after their comparison ends: lower `capacity` or raise "
            "`per_day`."
        )
    values = {"treated": treated, "control": summary["control"].sum(), **shown[["cost", "gain"]].sum()}
    return takeaway(words, currency=currency, objectors=objectors, late=late, **values)
