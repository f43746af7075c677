"""Words for decisions on tiers that changed nothing."""

import pandas as pd

from crcm_lib.decisions.idle_decisions import WHY
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def name_reasons() -> dict[str, str]:
    """Why a decision changed nothing, by `why_idle`."""
    return {
        "agreed": _("the tier proposed was in force, so nothing was to be decided"),
        "in_force_already": _("the tier set was in force already; it is held there until the day named"),
        "ended": _("what was signed had ended before this run"),
        "lapsed": _("the wait that it was signed in had lapsed"),
        "too_early": _("signed before the tiers differed"),
        "turned": _("the points have turned since, so that what was approved is no move any more"),
    }


def caption_idle(idle: pd.DataFrame, decided: int) -> str:
    """How many of the new decisions changed no tier, by reason; "" where nobody has decided anything.

    Parameters
    ----------
    idle
        The table `idle_decisions`.
    decided
        How many decisions are new.
    """
    if not decided:
        return ""
    if idle.empty:
        return fill(_("Decisions since the last run: {n:count}; each did what it says."), n=decided)
    counts, names = idle["why_idle"].value_counts(), name_reasons()
    parts = [fill("{n:count}: {why}", n=counts[each], why=names[each]) for each in WHY if each in counts]
    words = _("Decisions since the last run: {n:count}. {idle:count} changed no tier ({parts}).")
    return fill(words, n=decided, idle=len(idle), parts="; ".join(parts))
