"""Subscriptions by sBG: does the 80 % interval of what renewals bring hold what came?"""

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.models.subscriptions.renewals import Horizon, value_renewals
from crcm_lib.models.subscriptions.sbg import fit_retention
from worlds import World

AS_OF = pd.Timestamp("2025-12-31")
HORIZON = 800  # days
COUNTS = ("contracts", "of_usual_length", "silent", "contradicted", "value_unknown", "side_by_side")


def as_subscriptions(renewals, lost, value=100.0, period_days=365) -> Subscriptions:
    """Subscriptions of which everyone but the lost is under contract, 100 days before its end."""
    renewals, lost = np.asarray(renewals, dtype="int64"), np.asarray(lost, dtype=bool)
    next_end = pd.Series(AS_OF + pd.Timedelta(days=100), index=range(len(lost))).where(~lost)
    rows = pd.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in range(len(lost))],
            "since": AS_OF - pd.to_timedelta((renewals + 1) * period_days, unit="D"),
            "renewals": renewals,
            "lost": lost,
            "next_end": next_end,
            "value": np.full(len(lost), float(value)),
        }
    )
    return Subscriptions(rows, period_days, dict.fromkeys(COUNTS, 0))


def draw_subscriptions(n: int, seed: int) -> tuple[Subscriptions, float]:
    """Subscriptions by sBG, and what the renewals of the next 800 days will bring."""
    rng = np.random.default_rng(seed)
    leave = rng.beta(1.2, 4.0, n)
    until_leaving = np.minimum(rng.geometric(leave), 10_000) - 1  # renewals
    asked, waits = rng.integers(1, 7, n), rng.integers(1, 365, n)
    lost = until_leaving < asked
    found = as_subscriptions(np.minimum(until_leaving, asked), lost)
    values = rng.gamma(4, 25, n)
    next_end = (AS_OF + pd.to_timedelta(waits, unit="D")).to_series(index=range(n)).where(~lost)
    ahead = np.minimum(until_leaving - asked, 1 + (HORIZON - waits) // 365)
    rows = found.rows.assign(value=values, next_end=next_end)
    return Subscriptions(rows, 365, found.counts), float((values * ahead)[~lost].sum())


def measure_interval(seed: int) -> dict[str, float]:
    """1 where the interval holds what came, 0 otherwise."""
    subscriptions, came = draw_subscriptions(300, seed)
    ahead = value_renewals(fit_retention(subscriptions), subscriptions, Horizon(AS_OF, HORIZON), seed=seed)
    return {"inside": ahead.low <= came <= ahead.high}


RENEWALS = World("renewal_intervals", 400, measure_interval, {"inside": (0.76, 0.86)})
