"""Decisions on tiers that changed nothing, and why: whoever signed one is to learn of it."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.approvals import APPROVE, APPROVED, DECISION, KEEP, KEPT, LAPSED, SET, Day

# Why: nothing was to be decided; the tier set was in force already; what was signed had ended by the run's
# day; the wait that it was signed in had lapsed; it was signed before the tiers differed; the points have
# turned since, so that what was approved is no move any more.
AGREED, IN_FORCE_ALREADY, ENDED, LAPSED_BEFORE, TOO_EARLY, TURNED = (
    *("agreed", "in_force_already", "ended", "lapsed", "too_early", "turned"),
)
WHY = (AGREED, IN_FORCE_ALREADY, ENDED, LAPSED_BEFORE, TOO_EARLY, TURNED)


def choose_new(decisions: pd.DataFrame, known: pd.DataFrame | None) -> pd.DataFrame:
    """The decisions that the earlier run did not know; all of them without one.

    Both are from `decision_inputs.find_approvals`; of a customer the latest counts, and no other.
    """
    decisions = decisions.astype(DECISION)
    if known is None:
        return decisions
    before = known.astype(DECISION).reindex(decisions.index)
    same = decisions.eq(before) | (decisions.isna() & before.isna())
    return decisions[~same.all(axis=1)]


def list_idle(
    tiers: pd.DataFrame, earlier: pd.DataFrame | None, new: pd.DataFrame, policy: Policy, *, as_of: Day
) -> pd.DataFrame:
    """The new decisions that changed no tier, each with why.

    A `set` to the tier that was in force already is one though it holds that tier until its end: who signed
    it may have meant another.

    Parameters
    ----------
    tiers
        The table `tiers` that `approvals.put_in_force` gave.
    earlier
        That of the earlier run; None: there is none.
    new
        From `choose_new`.
    policy
        Its `decision_days`.
    as_of
        The day of the run.

    Returns
    -------
    The table `idle_decisions` by `customer_id`: `decision`, `by`, `day`, `reason`, `tier` as signed, `until`
    (the last day that it holds; missing where it has none), `why_idle` (one of `WHY`).
    """
    lasts = new["day"] + pd.Timedelta(days=policy.approvals.decision_days)
    new = new.assign(until=new["until"].fillna(lasts).mask(new["decision"] == APPROVE))
    new = new[new.index.isin(tiers.index)]
    now, columns = tiers.loc[new.index], ["tier_in_force", "state", "state_since"]
    was = (tiers.head(0) if earlier is None else earlier)[columns].reindex(new.index)
    held = was["tier_in_force"].where(was["tier_in_force"].notna(), now["tier_proposed"])
    causes = {
        IN_FORCE_ALREADY: (now["state"] == SET) & (new["tier"] == held),
        "": _find_effective(new, now, pd.Timestamp(as_of)),
        ENDED: new["until"] < pd.Timestamp(as_of),
        AGREED: now["tier_proposed"] == held,
        LAPSED_BEFORE: (was["state"] == LAPSED) & (new["day"] < was["state_since"]),
        TOO_EARLY: ~(new["day"] >= was["state_since"]),
    }
    why = pd.Series(np.select(list(causes.values()), list(causes), TURNED), new.index, dtype="str")
    return new.assign(why_idle=why)[why != ""].sort_index()


def _find_effective(new: pd.DataFrame, now: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series:
    """Whether the tier in force, or that it is not the one proposed, is the decision's doing."""
    moved = (now["came_by"] == APPROVED) & (now["in_force_since"] == as_of)
    return (
        ((new["decision"] == APPROVE) & moved)
        | ((new["decision"] == KEEP) & (now["state"] == KEPT))
        | ((new["decision"] == SET) & (now["state"] == SET))
    )
