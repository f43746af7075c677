"""How much is bought at a discount, by group: what can be said of price without an experiment."""

from collections.abc import Sequence

import pandas as pd

from crcm_lib.stats import share_of_events

COLUMNS = ["group", "customers", "purchase_days", "discounted_share", "low", "high"]


def share_discounted(mix: pd.DataFrame, groups: pd.Series, order: Sequence[str]) -> pd.DataFrame:
    """The share of purchases at a discount in each group, with 95 % intervals.

    It is no price elasticity: whom a discount reached was not drawn at random.

    Parameters
    ----------
    mix
        From `features.purchase_mix.sum_purchase_mix`.
    groups
        A group's name per `customer_id`.
    order
        The groups, in the order of the rows.

    Returns
    -------
    One row per group with purchases: `group`, `customers`, `purchase_days`, `discounted_share` of them (0…1,
    each day by the share of its items), `low`, `high` (customers as units, `stats.share_of_events`). No rows
    where the data name no discount.
    """
    if "discounted" not in mix:
        return pd.DataFrame(columns=COLUMNS)
    named, rows = groups.reindex(mix.index), []
    for group in order:
        ours = mix[named == group]
        if len(ours):
            found = share_of_events(ours["discounted"].to_numpy(float), ours["days"].to_numpy(float))
            rows.append((group, len(ours), int(ours["days"].sum()), *found))
    return pd.DataFrame(rows, columns=COLUMNS)
