"""Words on indicators that stand for a protected attribute."""

import pandas as pd

from crcm_lib.decisions.proxies import STRONG
from crcm_lib.i18n import _
from crcm_lib.reporting.text.numbers import fill, fill_rows
from crcm_lib.reporting.text.profile import name_groups

MOST = 3  # indicators that a sentence names


def describe_proxies(found: pd.DataFrame) -> str:
    """Which indicators, or profiles that actions ask for, stand for a protected attribute.

    `found` is from `proxies.scan_proxies`.
    """
    if found.empty:
        return _("The data have none of the attributes that the policy both protects and audits.")
    found = found.assign(group=name_groups(found["group"]).astype("str"), by=(found["auc"] - 0.5).abs())
    found = found.assign(auc=0.5 + found["by"]).sort_values("by", ascending=False, kind="stable")
    named = fill_rows("{indicator} ({attribute} {group}, {auc:number})", found[found["is_proxy"]].head(MOST))
    if named:
        words = _(
            "Scored or asked for by an action, yet it tells a protected attribute apart, beyond chance and "
            "at {strong:number} or more (0.5: not at all, 1: always): {named}. Take it out of the policy, or "
            "write down why it stays."
        )
        return fill(words, strong=STRONG, named=named)
    words = _(
        "No scored indicator, nor the score or a profile that an action asks for, tells a protected "
        "attribute apart beyond chance and at {strong:number} or more (0.5: not at all, 1: always). "
        "The most is {indicator}, of {attribute} {group}: {auc:number}."
    )
    return fill(words, strong=STRONG, **found.iloc[0][["indicator", "attribute", "group", "auc"]])
