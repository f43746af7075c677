"""Buyers of whom nobody leaves, in four ways of buying, and a company of whom some do: who is alerted?

A purchase history is drawn to the day and described without SQL, as `summarise_customers` would.
"""

from functools import partial

import numpy as np
import pandas as pd

from crcm_lib.models.churn.absence import measure_rhythm
from crcm_lib.models.churn.churn_backtest import FALSE_ALERTS, backtest_origins, find_unusual
from crcm_lib.models.churn.origins import describe_origin
from worlds import World, at_most_5_percent

DAYS, HORIZON, ORIGINS = 720, 90, 3
SEASON = 0.8  # the rate moves by this share around its mean within a year
WINDOWS = (30, 90, 180)


def draw_purchases(
    way: str, customers: int, leave: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Customer and day of each purchase, sorted, one per day at most; the day on which each customer left.

    `fast_slow`: half of them buy every 6 days and half every 300, Poisson. `clumped`: bursts of three on
    average within days, and then silence. `seasonal`: Poisson with a yearly wave, of any phase. `similar`:
    Poisson with gamma rates around one in ten days. A share `leave` leaves on any day since the first.
    """
    random = np.random.default_rng(seed)
    first = random.integers(0, DAYS // 2, customers).astype(float)
    gap = np.where(random.random(customers) < 0.5, 6.0, 300.0)
    if way != "fast_slow":
        gap = np.clip(1 / random.gamma(2.0, 1 / 25.0, customers), 2, 400)
    left = np.where(random.random(customers) < leave, first + random.random(customers) * (DAYS - first), DAYS)
    size = random.poisson((DAYS - first) / gap * {"clumped": 0.4, "seasonal": 1 + SEASON}.get(way, 1.0))
    who = np.repeat(np.arange(customers), size)
    when = first[who] + random.random(len(who)) * (DAYS - first[who])
    if way == "clumped":
        burst = np.repeat(np.arange(len(who)), 1 + random.poisson(2, len(who)))
        who, when = who[burst], when[burst] + random.exponential(3, len(burst))
    if way == "seasonal":
        level = 1 + SEASON * np.sin(2 * np.pi * (when / 365 + random.random()))
        kept = random.random(len(when)) * (1 + SEASON) < level
        who, when = who[kept], when[kept]
    who, when = np.append(np.arange(customers), who), np.floor(np.append(first, when))
    kept = (when < DAYS) & ((when < left[who]) | (when == first[who]))
    packed = np.unique(who[kept] * DAYS + when[kept].astype(int))
    return packed // DAYS, packed % DAYS, left


def describe_buyers(who: np.ndarray, when: np.ndarray, day: int) -> pd.DataFrame:
    """The columns of `customer_features` that churn is predicted from, as known at the end of a day."""
    names = pd.Index(who).map("c{:05d}".format)
    seen = pd.DataFrame({"customer_id": names, "day": when})[when <= day]
    groups = seen.groupby("customer_id")["day"]
    first, last, purchases = groups.min(), groups.max(), groups.size()
    gaps = groups.diff().groupby(seen["customer_id"])
    columns = {
        "purchases": purchases,
        "days_since_last": (day - last).astype(float),
        "days_first_to_last": (last - first).astype(float),
        "days_observed": (day - first).astype(float),
        "spend_total": 10.0 * purchases,
        "gap_mean_days": gaps.mean(),
        "gap_spread_days": gaps.std(),
        "gap_last_days": gaps.last(),
    }
    for days in WINDOWS:
        columns[f"purchases_{days}d"] = (seen["day"] > day - days).groupby(seen["customer_id"]).sum()
        columns[f"spend_{days}d"] = 10.0 * columns[f"purchases_{days}d"]
    return pd.DataFrame(columns)


def describe_company(who: np.ndarray, when: np.ndarray):
    """The origins of a company, today the last."""
    days = [DAYS - 1 - HORIZON * back for back in range(ORIGINS, -1, -1)]
    tables = [describe_buyers(who, when, day) for day in days]
    nothing, origins = pd.DataFrame(index=pd.Index([], name="customer_id")), []
    for day, now, later in zip(days, tables, [*tables[1:], None], strict=True):
        missed = None
        if later is not None:
            missed = (later["purchases"].reindex(now.index) == now["purchases"]).to_numpy(float)
        origins.append(describe_origin(pd.Timestamp(day, unit="D"), now, nothing, HORIZON, missed))
    return origins


def alert_today(origins, backtest) -> pd.Series:
    """Who is alerted today, whether or not alerts are raised."""
    customers = origins[-1].customers
    said = backtest.model.predict(customers, pd.DataFrame(index=customers.index[:0]))
    return find_unusual(said, customers["days_since_last"], HORIZON, FALSE_ALERTS)


def measure_silence(way: str, seed: int) -> dict[str, float]:
    """The share of repeat buyers alerted, and what is claimed of alerts, where nobody leaves."""
    who, when, _left = draw_purchases(way, 400, 0.0, seed)
    origins = describe_company(who, when)
    backtest = backtest_origins(origins, HORIZON)
    again = origins[-1].customers["purchases"] > 1
    found = {"alerted": alert_today(origins, backtest)[again].mean()}
    if way == "fast_slow":
        more = backtest.alerts.set_index("chosen").loc["by_recency"]
        rule = backtest.reason.rule  # what is said of recency is said where alerts are beyond chance
        found["raised"] = rule == "alerts_hold"
        found["more_than_recency"] = rule == "alerts_hold" and more["more_low"] > 0
        found["fewer_than_recency"] = rule == "not_beyond_recency" and more["more_high"] < 0
        found["called_all_the_same"] = backtest.reason.facts["calls_by"] in (
            "days_since_last",
            "unusual_absence",
        )
    return found


def measure_voice(seed: int) -> dict[str, float]:
    """Three of ten customers leave, on any day: who is found, and what is claimed of alerts.

    Found are to be half of those who left and have been away for five of their own gaps.
    """
    who, when, left = draw_purchases("similar", 800, 0.3, seed)
    origins = describe_company(who, when)
    backtest, customers = backtest_origins(origins, HORIZON), origins[-1].customers
    gone = pd.Series(left < DAYS, pd.RangeIndex(len(left)).map("c{:05d}".format)).reindex(customers.index)
    gone &= customers["purchases"] > 1
    away = customers["days_since_last"].le(HORIZON) & measure_rhythm(customers)["overdue_ratio"].ge(5)
    found = alert_today(origins, backtest)[gone & away]
    raised, more = backtest.model.alerts_hold, backtest.alerts.set_index("chosen").loc["by_recency"]
    claims = {"raised": raised, "more_than_recency": raised and more["more_low"] > 0}
    return {"half_of_leavers_found": found.mean() >= 0.5, **claims}


FALSE = (0, at_most_5_percent(400))
VOICE = ("half_of_leavers_found", "raised", "more_than_recency")
CLAIMS = dict.fromkeys(["raised", "more_than_recency", "fewer_than_recency", "called_all_the_same"], FALSE)
LEAVING = (
    World(
        "nobody_leaves_fast_slow",
        400,
        partial(measure_silence, "fast_slow"),
        {"alerted": (0, 0.02), **CLAIMS},
    ),
    World("nobody_leaves_clumped", 200, partial(measure_silence, "clumped"), {"alerted": (0, 0.02)}),
    World("nobody_leaves_seasonal", 200, partial(measure_silence, "seasonal"), {"alerted": (0, 0.02)}),
    World("nobody_leaves_similar", 200, partial(measure_silence, "similar"), {"alerted": (0, 0.02)}),
    World("some_leave", 100, measure_voice, dict.fromkeys(VOICE, (0.8, 1))),
)
