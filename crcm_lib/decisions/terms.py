"""The register of terms: who gets what others do not, for which reason, approved by whom, until when."""

import pandas as pd

from crcm_lib.config.policy import Policy

REASONS = ["action", "tier", "because", "approver", "disclosure", "start", "end"]


def register_terms(
    rows: pd.DataFrame, situation: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp
) -> pd.DataFrame:
    """The table `terms_register`: every customer who gets price, discount, fee or credit terms.

    Terms under a published rule (`for_persons`) are those of everybody in their tiers, also of those who have
    them from an earlier run; other terms are of the companies they were chosen for, controls left out, and
    the policy's owner answers for them.

    Parameters
    ----------
    rows
        From `action_choice.Choice`.
    situation
        From `strategy.describe_situation`.
    policy
        Its terms and rules.
    as_of
        The last day before the plan begins.
    """
    start = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)
    parts = []
    for action in policy.playbook:
        rule = action.for_persons
        published = rule is not None and rule.start <= pd.Timestamp(as_of).date() <= rule.end
        if not action.terms:
            continue
        mine = rows[rows["action"] == action.name]
        has = mine["arm"] == "treatment"
        ids = mine.loc[has | (mine["state"] == "running") if published else has, "customer_id"]
        facts = {"approver": policy.owner, "disclosure": None, "start": start}
        facts["end"] = start + pd.Timedelta(days=action.days - 1)
        if published and rule is not None:
            facts |= {"approver": rule.approver, "disclosure": rule.disclosure}
            facts |= {"start": pd.Timestamp(rule.start), "end": pd.Timestamp(rule.end)}
        part = pd.DataFrame({"customer_id": ids, "action": action.name, "because": action.because, **facts})
        parts.append(part)
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["customer_id", *REASONS])
    known = situation.reindex(found["customer_id"])[["tier", "subject_type"]].reset_index(drop=True)
    found = found.assign(tier=known["tier"], subject_type=known["subject_type"].fillna("person"))
    text = dict.fromkeys(["action", "because", "approver", "tier", "subject_type"], "str")
    days = dict.fromkeys(["start", "end"], "datetime64[us]")
    found = found[["customer_id", "subject_type", *REASONS]].astype({**text, **days, "disclosure": "object"})
    return found.sort_values(["action", "customer_id"], ignore_index=True)


def count_terms(register: pd.DataFrame) -> pd.DataFrame:
    """How many customers get which terms for which reason: the register without its customers."""
    kinds = ["action", "subject_type", "tier", "because", "approver", "end"]
    counts = register.groupby(kinds, sort=False)["customer_id"].nunique()
    return counts.rename("customers").reset_index()
