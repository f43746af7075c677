"""Words on what is unknown of customers: how far it could move their tiers."""

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill


def describe_ranges(tiers: pd.DataFrame, card: pd.DataFrame) -> str:
    """For how many customers the tier proposed is the same whatever the unknown is.

    Parameters
    ----------
    tiers
        The table `tiers`: `tier_low` and `tier_high` of each customer.
    card
        The table `scorecard`: `score_low` and `score_high`.
    """
    width = card["score_high"] - card["score_low"]
    if not (width > 0).any():
        return _("Everything that these data measure is known of every customer: no score has a range.")
    words = _(
        "Of {some:share} of {n:count} customers something is unknown that could have 0 or 100 points "
        "(worst-case bounds, Manski 2003), and half of their scores have a range of {width:points} points or "
        "more. Whatever it is, {same:share} of all would be proposed the same tier"
    )
    same, some = (tiers["tier_low"] == tiers["tier_high"]).mean(), (width > 0).mean()
    return fill(words, some=some, same=same, n=len(tiers), width=width[width > 0].median())
