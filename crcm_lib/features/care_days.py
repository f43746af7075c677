"""Days in the life of a relationship: birthdays, anniversaries, contracts, complaints resolved, silences."""

import pandas as pd

from crcm_lib.features.customer_sql import date, end_of
from crcm_lib.schema.engine import Engine, columns_of, has

OCCASIONS = ("birthday", "anniversary", "contract_end", "complaint", "silence")
RECENT = 30  # days after which a complaint that was resolved is no longer followed up


def list_care_days(engine: Engine, *, as_of, days: int, silent_days: int | None = None) -> pd.DataFrame:
    """Every occasion of a customer in the days after `as_of`, and silences that began before.

    Parameters
    ----------
    engine
        Holds any of the clean tables `customers` (birthday, signup), `contracts`, `tickets` (kind, resolved),
        `contacts`.
    as_of
        The last day known: what is dated later is not.
    days
        How many days ahead.
    silent_days
        Of no contact, either way, after which a customer who has bought is silent; None: nobody is.

    Returns
    -------
    `customer_id`, `occasion` (one of `OCCASIONS`), `day`, each once, by day. A birthday and an anniversary
    (of the sign-up, from the first on) have the month and day of the year, 29 February being the 28th where
    there is none; no age and no year follow from them. A contract's end is that of one that is not renewed
    yet; a complaint's day is that on which it was resolved, in the `RECENT` days before `as_of`; the day of
    a silence that on which it began to be one, perhaps long ago: counted from the last contact, without any
    from the first purchase. Without the table `contacts` nobody is silent.
    """
    start = pd.Timestamp(as_of).normalize()
    parts = [
        _yearly(engine, "birthday", "birthday", start, days),
        _yearly(engine, "signup", "anniversary", start, days),
        _contract_ends(engine, start, days),
        _complaints(engine, start),
        _silences(engine, start, days, silent_days),
    ]
    found = pd.concat([part for part in parts if len(part)] or [parts[0]], ignore_index=True)
    found = found.drop_duplicates().sort_values(["day", "customer_id", "occasion"], ignore_index=True)
    return found[["customer_id", "occasion", "day"]].astype({"day": "datetime64[us]"})


def _yearly(engine: Engine, column: str, occasion: str, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """The days of this year and the next on which a date comes round."""
    if column not in columns_of(engine, "customers"):
        return pd.DataFrame(columns=["customer_id", "occasion", "day"])
    known = engine.execute(
        f"select customer_id, {column} as first from customers where {column} is not null"
    ).df()
    first = pd.to_datetime(known["first"])
    parts = []
    for year in range(start.year, (start + pd.Timedelta(days=days)).year + 1):
        leap = pd.Timestamp(year=year, month=1, day=1).is_leap_year
        day_of_month = first.dt.day.where((first.dt.month != 2) | (first.dt.day != 29) | leap, 28)
        day = pd.to_datetime(pd.DataFrame({"year": year, "month": first.dt.month, "day": day_of_month}))
        parts.append(known[["customer_id"]].assign(occasion=occasion, day=day.where(first < day)))
    found = pd.concat(parts, ignore_index=True)
    return found[(found["day"] > start) & (found["day"] <= start + pd.Timedelta(days=days))]


def _contract_ends(engine: Engine, start: pd.Timestamp, days: int) -> pd.DataFrame:
    known = columns_of(engine, "contracts")
    if not known:
        return pd.DataFrame(columns=["customer_id", "occasion", "day"])
    open_ = "and coalesce(renewed, false) = false" if "renewed" in known else ""
    return engine.execute(f"""
        select customer_id, 'contract_end' as occasion, cast("end" as timestamp) as day
        from contracts as ending
        where start <= {date(start)} and "end" > {date(start)}
            and "end" <= {date(start + pd.Timedelta(days=days))} {open_}
            and "end" = (
                select max("end") from contracts as known
                where known.customer_id = ending.customer_id and known.start <= {date(start)})
    """).df()


def _complaints(engine: Engine, start: pd.Timestamp) -> pd.DataFrame:
    if not {"kind", "resolved"} <= columns_of(engine, "tickets"):
        return pd.DataFrame(columns=["customer_id", "occasion", "day"])
    return engine.execute(f"""
        select customer_id, 'complaint' as occasion, cast(cast(max(resolved) as date) as timestamp) as day
        from tickets where kind = 'complaint' and resolved < {end_of(start)}
            and resolved >= {end_of(start - pd.Timedelta(days=RECENT))}
        group by customer_id
    """).df()


def _silences(engine: Engine, start: pd.Timestamp, days: int, silent_days: int | None) -> pd.DataFrame:
    if silent_days is None or not (has(engine, "contacts") and has(engine, "transactions")):
        return pd.DataFrame(columns=["customer_id", "occasion", "day"])
    known = engine.execute(f"""
        select bought.customer_id, 'silence' as occasion, cast(coalesce(last, first) as timestamp) as day
        from (
            select customer_id, min(day) as first from transactions
            where kind = 'sale' and day <= {date(start)} group by customer_id) as bought
        left join (
            select customer_id, cast(max(time) as date) as last from contacts
            where time < {end_of(start)} group by customer_id) as spoken
        on spoken.customer_id = bought.customer_id
    """).df()
    begun = known.assign(day=pd.to_datetime(known["day"]) + pd.Timedelta(days=silent_days + 1))
    return begun[begun["day"] <= start + pd.Timedelta(days=days)]
