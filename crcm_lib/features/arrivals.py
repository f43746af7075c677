"""Newcomers since the record began: when they came, by which channel, when they ordered again, what of it."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.features.age_groups import whole_years
from crcm_lib.features.first_purchase import find_first, read_profile, summarise_first_days
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.schema.engine import Engine, columns_of, has
from crcm_lib.survival import follow_events

LEFT_CENSORED_SHARE = 0.1  # part of the history whose first purchases may not be first ones
CHANNEL = "acquisition_channel"
EARLY = 180  # days whose spend and margin are added up
YEAR = 365  # days that second orders are waited for, at most
FOLLOWED = 180  # days that newcomers are followed, at least, before a day is usual
MIN_AGAIN = 30  # customers who ordered again, at least, before a day is usual
LATE = 30  # days after which an order that is overdue is no longer asked about
COMPANY_AGES = (0, 5, 15, 10_000)  # years; a group is [from, below)
MONTHS = 12  # whole ones whose costs are added up


def list_arrivals(engine: Engine, *, as_of) -> pd.DataFrame:
    """Everybody who had bought by the end of `as_of`, from their first purchase on.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`, and `customers` with the column `acquisition_channel` where it
        is known.
    as_of
        Last day known; nothing dated later counts.

    Returns
    -------
    Indexed and ordered by `customer_id`: `first_day`; `is_certain` (flag: not so early in the record that
    they may have bought before it, which the first tenth of the history is); `is_kept` (flag: not everything
    of the first day was returned); `days_followed` (days since the first day); `again_after_days` (days to
    the second day with a purchase; empty if there was none); `acquisition_channel` (empty: not known);
    `spend_180d` and `margin_180d` (currency, of the first day and the 180 days after it as far as they are
    over; margin only where every sale has a cost).
    """
    end = pd.Timestamp(as_of).normalize()
    first = summarise_first_days(engine, as_of=end, days=EARLY)
    start = history_start(engine, end)
    until = start + pd.Timedelta(days=LEFT_CENSORED_SHARE * (end - start).days)
    sums = _sum_early(engine, end).reindex(first.index)
    costed = sums["uncosted"].eq(0) if len(sums) else sums["uncosted"].astype("bool")
    return pd.DataFrame(
        {
            "first_day": first["first_day"],
            "is_certain": first["first_day"] > until,
            "is_kept": first["is_kept"].astype("bool"),
            "days_followed": (end - first["first_day"]).dt.days,
            "again_after_days": first["again_after_days"].astype("float64"),
            CHANNEL: _read_channels(engine).reindex(first.index),
            "spend_180d": sums["spend"].astype("float64"),
            "margin_180d": sums["margin"].astype("float64").where(costed),
        }
    )


def sum_acquisition_costs(engine: Engine, *, as_of) -> pd.DataFrame:
    """What each channel cost in the last twelve months that are over by `as_of`.

    Returns
    -------
    Indexed by `channel`: `cost` (currency), `first` and `last` (first day of the first and of the last month
    added up, of all channels). No rows without the table `acquisition`, or where it has none of these months.
    """
    columns = ["cost", "first", "last"]
    if not has(engine, "acquisition"):
        return pd.DataFrame(columns=columns, index=pd.Index([], name="channel", dtype="str"))
    start, after = acquisition_year(as_of)
    rows = engine.execute(f"""
        select channel, sum({sql.money("cost")}) as cost from acquisition
        where month >= {sql.date(start)} and month < {sql.date(after)}
        group by channel order by channel""").df()
    costs = rows.set_index("channel").astype({"cost": "float64"})
    return costs.assign(first=start, last=after - pd.DateOffset(months=1))[columns]


def acquisition_year(as_of) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The first day of the last twelve months that are over by the end of `as_of`, and the day after them.

    >>> [f"{day:%Y-%m-%d}" for day in acquisition_year("2025-12-30")]
    ['2024-12-01', '2025-12-01']
    """
    after = (pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)).to_period("M").to_timestamp()
    return after - pd.DateOffset(months=MONTHS), after


def follow_second_orders(arrivals: pd.DataFrame) -> pd.DataFrame:
    """The share of newcomers who have ordered again by each day since their first purchase, a year at most.

    From `list_arrivals`; those who may not be new are left out, and those who have not ordered again count as
    far as they are followed: see `survival.follow_events`.
    """
    new = arrivals[arrivals["is_certain"]]
    waited = np.minimum(new["again_after_days"].fillna(np.inf), new["days_followed"])
    happened = new["again_after_days"].le(YEAR).to_numpy(bool)
    return follow_events(waited.clip(upper=YEAR).to_numpy("int64"), happened)


def find_usual_day(curve: pd.DataFrame, share: float) -> int | None:
    """The day by which so many of those who ever order again have done it, within what is followed.

    Parameters
    ----------
    curve
        From `follow_second_orders`.
    share
        0…1 of all who have ordered again by its last day.

    Returns
    -------
    Days after the first purchase; None where fewer than `MIN_AGAIN` ordered again, or newcomers are followed
    for less than `FOLLOWED` days.
    """
    if len(curve) <= FOLLOWED or curve["share"].iloc[-1] * curve["at_risk"].iloc[0] < MIN_AGAIN:
        return None
    return int(curve.loc[curve["share"] >= share * curve["share"].iloc[-1], "days"].iloc[0])


def list_late_second_orders(engine: Engine, *, as_of, days: int, share: float) -> pd.DataFrame:
    """Whose second order becomes overdue in the `days` after `as_of`, or became so in the `LATE` before.

    Overdue is the day after the usual one (`find_usual_day`). Not listed is who ordered again, or returned
    all of the first order.

    Returns
    -------
    `customer_id`, `day`, by day.
    """
    end = pd.Timestamp(as_of).normalize()
    empty = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "day": pd.to_datetime([])})
    if not has(engine, "transactions"):
        return empty
    arrivals = list_arrivals(engine, as_of=end)
    usual = find_usual_day(follow_second_orders(arrivals), share)
    if usual is None:
        return empty
    waiting = arrivals[arrivals["again_after_days"].isna() & arrivals["is_kept"]]
    day = waiting["first_day"] + pd.Timedelta(days=usual + 1)
    near = day.between(end - pd.Timedelta(days=LATE - 1), end + pd.Timedelta(days=days))
    listed = day[near].rename("day").reset_index()
    return listed.sort_values(["day", "customer_id"], ignore_index=True)


def read_attributes(engine: Engine, *, as_of, protected: Collection[str] = ()) -> pd.DataFrame:
    """What is known of customers and prospects before they buy: `read_profile`, and how old a company is.

    Parameters
    ----------
    engine
        Holds the clean table `customers`, where there is one.
    as_of
        The last day known; `company_age` is in whole years on it, under 5, 5 to 14, or 15 and over.
    protected
        Columns that must not count (the policy's `fairness.protected`).
    """
    profile = read_profile(engine, as_of=as_of, protected=protected)
    barred = {name.lower() for name in protected}
    if "founded" not in columns_of(engine, "customers") or "founded" in barred:
        return profile
    rows = engine.execute("select customer_id, founded from customers order by customer_id").df()
    years = whole_years(rows.set_index("customer_id")["founded"].reindex(profile.index), as_of)
    named = pd.cut(years, COMPANY_AGES, right=False, labels=["under 5", "5 to 14", "15 and over"])
    return profile.assign(company_age=named.astype("str").where(years.notna()))


def _read_channels(engine: Engine) -> pd.Series:
    if CHANNEL not in columns_of(engine, "customers"):
        return pd.Series(dtype="str", index=pd.Index([], name="customer_id", dtype="str"))
    known = f"select customer_id, trim({CHANNEL}) as {CHANNEL} from customers where {CHANNEL} is not null"
    channels = engine.execute(f"{known} order by customer_id").df().set_index("customer_id")[CHANNEL]
    return channels[channels != ""]


def _sum_early(engine: Engine, end: pd.Timestamp) -> pd.DataFrame:
    """Spend and margin of the first days, and how many of their sales have no cost."""
    amount, has_cost = sql.money("amount"), "cost" in columns_of(engine, "transactions")
    margin = f"sum({amount} - {sql.money('cost')})" if has_cost else "null"
    uncosted = "count(case when kind = 'sale' and cost is null then 1 end)" if has_cost else "1"
    within = f"{sql.days_between('first_day', 'day')} <= {EARLY}"
    select = f"""
        select transactions.customer_id, sum({amount}) as spend, {margin} as margin, {uncosted} as uncosted
        from transactions join first on first.customer_id = transactions.customer_id
        where day >= first_day and day <= {sql.date(end)} and {within}
        group by transactions.customer_id order by transactions.customer_id"""
    return engine.execute(sql.query(find_first(end), select)).df().set_index("customer_id")
