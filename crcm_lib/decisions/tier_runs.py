"""Loyalty of each tier from run to run: who had bought again, how long they are with us, what came."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.tier_development import Development, contribute_between
from crcm_lib.features.customers import spend_between, summarise_purchases
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import student, wilson

MOST = 4  # days that are shown, the latest
COLUMNS = ["day", "until", "source", "tier", "customers", "repeat_share", "repeat_low", "repeat_high"]
COLUMNS += ["tenure_days", "tenure_low", "tenure_high", "bought_share", "bought_low", "bought_high"]
COLUMNS += ["contribution_mean", "contribution_low", "contribution_high"]
NONE = (float("nan"),) * 3


@dataclass(frozen=True)
class TierDay:
    """Who had which tier on a day, by `customer_id`, until when they are followed, and how that is known.

    `source` is `run` (tiers in force in a run) or `measured` (what purchases of that day give).
    """

    day: pd.Timestamp
    until: pd.Timestamp
    tiers: pd.Series
    source: str


def list_days(history: pd.DataFrame, development: Development, *, as_of: str | pd.Timestamp) -> list[TierDay]:
    """The days whose tiers are known: of the latest runs; of a first run those measured, and its own.

    Each is followed until the next; the last one's own future is not known yet.

    Parameters
    ----------
    history
        The table `tier_history`.
    development
        From `tier_development.follow_two_periods`.
    """
    end = pd.Timestamp(as_of).normalize()
    seen = [pd.Timestamp(day) for day in np.sort(history.loc[history["day"] <= end, "day"].unique())[-MOST:]]
    tiers = [history[history["day"] == day].set_index("customer_id")["tier_in_force"] for day in seen]
    runs = [
        TierDay(day, until, ours, "run")
        for day, until, ours in zip(seen, [*seen[1:], end], tiers, strict=True)
    ]
    if len(runs) > 1:
        return runs
    periods = [each for each in (development.before, development.now) if each is not None]
    return [TierDay(each.start, each.end, each.tiers, "measured") for each in periods] + runs


def follow_days(engine: Engine, days: list[TierDay], policy: Policy) -> pd.DataFrame:
    """The table `tier_runs`: the customers of each tier on each day, and what they did until the next.

    Returns
    -------
    One row per day and tier: `day`, `until`, `source`, `tier`, `customers` (who had bought by then);
    `repeat_share`, those who had bought on more than one day by then, with its 95 % interval (Wilson);
    `tenure_days`, median of the days since their first purchase, with its interval by order statistics
    (David & Nagaraja 2003, Order Statistics, section 7.1); `bought_share`, those who bought by `until`, and
    `contribution_mean`, what they contributed each, with intervals; missing where `until` is the day itself.
    """
    rows = []
    for one in days:
        known = summarise_purchases(engine, as_of=one.day)
        known = known[known["purchases"] > 0]
        came, contributed = None, None
        if one.until > one.day:
            came = spend_between(engine, after=one.day, until=one.until)["purchases"]
            contributed = contribute_between(engine, policy, one.day, one.until)
        for tier in policy.tiers:
            ours = known.loc[known.index.intersection(one.tiers.index[one.tiers == tier.name])]
            numbers = _measure(ours, came, contributed)
            rows.append((one.day, one.until, one.source, tier.name, len(ours), *numbers))
    return pd.DataFrame(rows, columns=COLUMNS)


def _measure(ours: pd.DataFrame, came: pd.Series | None, contributed: pd.Series | None) -> tuple[float, ...]:
    if ours.empty:
        return NONE * 4
    repeat, bought, contribution = int((ours["purchases"] > 1).sum()), NONE, NONE
    if came is not None:
        again = int((came.reindex(ours.index).fillna(0) > 0).sum())
        bought = (again / len(ours), *wilson(again, len(ours)))
    if contributed is not None:
        values = contributed.reindex(ours.index).dropna().to_numpy(float)
        contribution = student(values) if len(values) else NONE
    share = (repeat / len(ours), *wilson(repeat, len(ours)))
    return (*share, *bound_median(ours["days_observed"].to_numpy(float)), *bought, *contribution)


def bound_median(values: np.ndarray) -> tuple[float, float, float]:
    """The median and its 95 % interval by order statistics; unknown ends of fewer than six values.

    >>> bound_median(np.arange(1.0, 101.0))
    (50.5, 40.0, 61.0)
    """
    from scipy.stats import binom

    ordered, count = np.sort(values), len(values)
    place = int(binom.ppf(0.025, count, 0.5))
    if place < 1:
        return float(np.median(ordered)), float("nan"), float("nan")
    return float(np.median(ordered)), float(ordered[place - 1]), float(ordered[count - place])
