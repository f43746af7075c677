"""Words for the order of tasks: by tier, worth and risk, or by what was measured to work in whose tier."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def describe_order(by_tier: pd.DataFrame) -> str:
    """Whether tasks go by measured effects: of which actions these differ between tiers beyond chance.

    `by_tier` is the table `effects_by_tier`.
    """
    if by_tier.empty:
        return _("No effect can be measured by tier yet.")
    if not by_tier["differs"].any():
        return _("Effects measured by tier do not differ by more than chance, so no order follows them.")
    parts = [
        fill(_("{action} ({effects})"), action=name, effects=_list_effects(rows))
        for name, rows in by_tier[by_tier["differs"]].groupby("action", sort=False)
    ]
    words = _(
        "Measured effects differ between tiers by more than chance, so tasks go by the effect in the "
        "customer's tier times worth: {parts}."
    )
    return fill(words, parts="; ".join(parts))


def _list_effects(rows: pd.DataFrame) -> list[str]:
    return [fill("{tier} {used:share}", **row) for row in rows.to_dict("records")]


def note_order(by_tier: pd.DataFrame, actions: set[str]) -> list[str]:
    """What a list says of its order: by worth and risk, and of which of its `actions` by measured effects."""
    notes = [
        _(
            "Who is likely to leave is not who will respond. A list goes by tier, worth and risk, with "
            "assumed effects; what a call does is known only once customers left out at random have shown it."
        )
    ]
    mine = by_tier[by_tier["differs"].astype(bool) & by_tier["action"].isin(actions)]
    return [*notes, describe_order(mine)] if len(mine) else notes
