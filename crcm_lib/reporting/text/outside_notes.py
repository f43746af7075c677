"""What the policy says of a customer's industry and region, and of whose the customer is."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crcm_lib.config.governance_policy import Dated
from crcm_lib.config.policy import Policy
from crcm_lib.i18n import IS_CHINESE, _
from crcm_lib.reporting.text.numbers import fill


def list_notes(customer: Mapping[str, Any] | None, policy: Policy, day: pd.Timestamp) -> list[str]:
    """Outlooks of the customer's industry, size and region, and notes on the region, with source and day.

    Parameters
    ----------
    customer
        What the table of customers says: `industry`, `size` and `region`, where it has them.
    policy
        Its `markets` and `region_notes`.
    day
        The last day known: what is older than its `valid_days` is called old.

    Returns
    -------
    Empty where the policy says nothing of them.
    """
    here = customer or {}
    words = _("Outlook of {level}: {outlook} of 100, 50 is as all. {because} ({source}, {day}{old})")
    lines = [
        fill(
            words,
            **_facts(each, each.because, each.because_zh, day),
            level=each.segment[1],
            outlook=f"{each.outlook:g}",
        )
        for each in policy.markets
        if each.segment[1] == here.get(each.segment[0])
    ]
    words = _("Region {region}, {kind}: {note} ({source}, {day}{old})")
    kinds = {"culture": _("culture"), "law": _("law"), "market": _("market")}
    return lines + [
        fill(words, **_facts(each, each.note, each.note_zh, day), region=each.region, kind=kinds[each.kind])
        for each in policy.region_notes
        if each.region == here.get("region")
    ]


def _facts(each: Dated, words: str, words_zh: str, day: pd.Timestamp) -> dict[str, str]:
    """What a sentence needs of an outlook or a note."""
    said = (words_zh if IS_CHINESE else "") or words
    old = _(", old") if each.until < day.date() else ""
    return {"note": said, "because": said, "source": each.source, "day": str(each.day), "old": old}


def describe_ownership(owner: Any, policy: Policy) -> list[str]:
    """Whose the customer is, and the rule where two claim it; empty where the policy has no rule.

    Parameters
    ----------
    owner
        As the table of customers names it; missing where it names nobody.
    policy
        Its `account_ownership`.
    """
    rule = policy.account_ownership
    if rule is None:
        return []
    words = _("Owner: {owner}. Where two claim the customer: {rule}. {role} decides within {days:days} days.")
    if owner is None or pd.isna(owner):
        words = _("No owner is named. The rule: {rule}. {role} decides within {days:days} days.")
    said = (rule.rule_zh if IS_CHINESE else "") or rule.rule
    return [fill(words, owner=owner, rule=said, role=rule.decided_by, days=rule.within_days)]
