"""What each customer spent in the last year and in the one before, where the history reaches so far."""

import pandas as pd

from crcm_lib.features.customers import spend_between
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.schema.engine import Engine

YEAR = 365  # days


def sum_two_years(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """Spend of the last 365 days and of the 365 before; None where the history is shorter than both.

    Returns
    -------
    By `customer_id` of who bought or returned something in either: `now` and `before` (policy currency,
    returns taken off), `bought_before`: whether there was a purchase day in the earlier year.
    """
    end = pd.Timestamp(as_of).normalize()
    middle, start = (end - pd.Timedelta(days=days) for days in (YEAR, 2 * YEAR))
    if history_start(engine, end) > start + pd.Timedelta(days=1):
        return None
    now = spend_between(engine, after=middle, until=end)
    before = spend_between(engine, after=start, until=middle)
    index = now.index.union(before.index).rename("customer_id")
    both = pd.DataFrame(index=index)
    both["now"] = now["spend"].reindex(index).astype("float64").fillna(0.0)
    both["before"] = before["spend"].reindex(index).astype("float64").fillna(0.0)
    return both.assign(bought_before=before["purchases"].reindex(index).fillna(0) > 0)
