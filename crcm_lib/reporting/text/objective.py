"""Words on the objective of the policy: what it changes, and for how many."""

import pandas as pd

from crcm_lib.config.governance_policy import OBJECTIVES_ZH
from crcm_lib.config.policy import Policy
from crcm_lib.decisions.objectives import count_changed
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def describe_objective(tiers: pd.DataFrame, policy: Policy, *, at_least: int) -> str:
    """What the objective in force changes, and for how many; "" where the policy has none.

    Parameters
    ----------
    tiers
        The table `tiers`, with `tier_without_objective`.
    policy
        Its objective and what that multiplies.
    at_least
        Fewer customers than these are not counted in public.
    """
    if policy.objective is None:
        return ""
    counts = count_changed(tiers, policy)
    words = _(
        "The objective is {objective}: {changes}. Because of it {up} are proposed a better tier and {down} a "
        "worse one; who, the table `tiers` says."
    )
    if not sum(counts.values()):
        words = _("The objective is {objective}: {changes}. Nobody is proposed another tier because of it.")
    few = fill(_("fewer than {least:count}"), least=at_least)
    said = {name: few if 0 < n < at_least else fill("{n:count}", n=n) for name, n in counts.items()}
    return fill(words, objective=policy.objective, changes=write_emphasis(policy), **said)


def summarise_emphasis(policy: Policy) -> dict:
    """What the first page says of the objective in force, and what comes first on it; empty without one."""
    if policy.objective is None:
        return {}
    words = _(
        "Objective of the policy: {objective} {zh}. It changes the weights of criteria, and what stands "
        "first "
        "here: {changes}. Who has another tier because of it, 08 says."
    )
    facts = {"objective": policy.objective, "zh": OBJECTIVES_ZH[policy.objective]}
    return {
        "words": fill(words, **facts, changes=write_emphasis(policy)),
        "cards": list(policy.emphasis.cards),
        "answers": list(policy.emphasis.answers),
    }


def write_emphasis(policy: Policy) -> list[str]:
    """Each criterion whose weight the objective changes: from which share of the score to which."""
    words = _("{name} × {times:number} ({before:share} → {after:share})")
    before, after = policy.weigh(None), policy.weights
    return [
        fill(words, name=name, times=times, before=before[name], after=after[name])
        for name, times in policy.emphasis.multipliers.items()
    ] or [_("no weight changes")]
