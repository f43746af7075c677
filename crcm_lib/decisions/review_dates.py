"""Every day that a policy names as an end: of itself, its rules, measures, benchmarks and notes."""

import pandas as pd

from crcm_lib.config.policy import Policy

NOTICE_DAYS = 30  # so long before the day it is said


def list_dates(policy: Policy) -> pd.DataFrame:
    """Each thing of the policy that ends or is to be looked at again on a day, and who answers for it.

    Returns
    -------
    By day: `kind` (`policy`, `terms`, `approval_rule`, `improvement`, `benchmark`, `outlook`, `region_note`,
    `inventory`), `name`, `key` (its path in the policy), `day` (the last good one), `role`.
    """
    owner = policy.owner
    rows = [("policy", f"version {policy.version}", "review_by", policy.review_by, owner)]
    for action in policy.playbook:
        if rule := action.for_persons:
            rows.append(("terms", action.name, f"playbook.{action.name}", rule.end, rule.approver))
    for number, move in enumerate(policy.approvals.rules, 1):
        name = f"{move.before} → {move.after}"
        rows.append(("approval_rule", name, f"approvals.rules.{number}", move.until, move.by))
    for each in policy.improvements:
        if each.review_by is not None:
            key = f"improvements.{each.name}"
            rows.append(("improvement", each.name, key, each.review_by, each.owner_role or owner))
    for other in policy.benchmarks:
        rows.append(("benchmark", other.name, f"benchmarks.{other.name}", other.until, owner))
    for number, market in enumerate(policy.markets, 1):
        rows.append(("outlook", market.segment[1], f"markets.{number}", market.until, owner))
    for number, note in enumerate(policy.region_notes, 1):
        rows.append(("region_note", note.region, f"region_notes.{number}", note.until, owner))
    for place, entry in policy.privacy.inventory.items():
        if entry.review_by is not None:
            answers = policy.privacy.officer or owner
            rows.append(("inventory", place, f"privacy.inventory.{place}", entry.review_by, answers))
    found = pd.DataFrame(rows, columns=["kind", "name", "key", "day", "role"])
    found = found.assign(day=pd.to_datetime(found["day"]))
    return found.sort_values(["day", "key"], ignore_index=True)


def judge_dates(policy: Policy, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """`list_dates` with `state`: `passed` by the last day known, `near` within `NOTICE_DAYS`, or `later`.

    The day itself has not passed.
    """
    dates, today = list_dates(policy), pd.Timestamp(as_of).normalize()
    near, passed = dates["day"] <= today + pd.Timedelta(days=NOTICE_DAYS), dates["day"] < today
    state = pd.Series("later", index=dates.index).mask(near, "near").mask(passed, "passed")
    return dates.assign(state=state.astype("str"))


def find_due(policy: Policy, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The rows of `judge_dates` that are to be warned of: those that have passed or are near."""
    dates = judge_dates(policy, as_of)
    return dates[dates["state"] != "later"].reset_index(drop=True)
