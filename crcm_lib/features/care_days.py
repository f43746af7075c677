"""Days in a relationship: birthdays, anniversaries, ends of contracts and points, complaints, debts."""

import pandas as pd

from crcm_lib.config.credit_policy import Receivables
from crcm_lib.config.policy import LoyaltyProgramme, Policy
from crcm_lib.features.arrivals import list_late_second_orders
from crcm_lib.features.customer_sql import date, end_of
from crcm_lib.features.interaction_counts import find_quiet_since
from crcm_lib.features.open_invoices import list_overdue
from crcm_lib.features.points_accounts import read_movements, trace_points
from crcm_lib.features.unanswered_complaints import list_unanswered
from crcm_lib.schema.engine import Engine, columns_of

OCCASIONS = (
    *("birthday", "anniversary", "contract_end", "complaint", "unanswered_complaint", "points_expiry"),
    *("overdue", "second_order", "silence"),
)
RECENT = 30  # days after which a complaint that was resolved is no longer followed up


def list_care_days(engine: Engine, *, as_of, days: int, policy: Policy | None = None) -> pd.DataFrame:
    """Every occasion of a customer in the days after `as_of`, and silences that began before.

    Parameters
    ----------
    engine
        Holds any of the clean tables `customers` (birthday, signup), `contracts`, `tickets` (kind, resolved),
        `contacts` (direction), `loyalty`, `invoices` (paid) with `defaults`.
    as_of
        The last day known: what is dated later is not.
    days
        How many days ahead.
    policy
        Says when points expire, of how many a member is told, when a second order is overdue, after how many
        days without contact (`contact.silent_days`) a customer is silent, and when somebody calls about what
        is owed (`receivables`); None: none of these occasions.

    Returns
    -------
    `customer_id`, `occasion` (one of `OCCASIONS`), `day`, each once, by day; `points` that expire in the
    month of a `points_expiry`; `owed` (currency) and `days_overdue` of an `overdue`, from
    `open_invoices.list_overdue`, whose day is the first that can still be used. A birthday and an anniversary
    (of the sign-up, from the first on) have the month and day of the year, 29 February being the 28th where
    there is none; no age and no year follow from them. A contract's end is that of one that is not renewed
    yet; a complaint's day is that on which it was resolved, in the `RECENT` days before `as_of`; the day of
    one after which nobody was approached is the first that can still be used, that after `as_of`; that of
    points the last day on which the first of those of a month can be used; that of a second order the first
    on which it is overdue (`arrivals.list_late_second_orders`), perhaps a month ago; that of a silence the
    one on which it began to be one, perhaps long ago: counted from the last contact, without any from the
    first purchase. Without `contacts` nobody is silent.
    """
    start = pd.Timestamp(as_of).normalize()
    parts = [
        _yearly(engine, "birthday", "birthday", start, days),
        _yearly(engine, "signup", "anniversary", start, days),
        _contract_ends(engine, start, days),
        _complaints(engine, start),
        _unanswered(engine, start),
    ]
    if policy is not None:
        parts.append(_expiries(engine, start, days, policy.loyalty_programme))
        share = policy.newcomers.overdue_share
        parts.append(
            list_late_second_orders(engine, as_of=start, days=days, share=share).assign(
                occasion="second_order"
            )
        )
        parts.append(_silences(engine, start, days, policy.contact.silent_days))
        parts.append(_overdue(engine, start, policy.receivables))
    found = pd.concat([part for part in parts if len(part)] or [parts[0]], ignore_index=True)
    found = found.drop_duplicates().sort_values(["day", "customer_id", "occasion"], ignore_index=True)
    facts = ["points", "owed", "days_overdue"]
    found = found.reindex(columns=["customer_id", "occasion", "day", *facts])
    return found.astype({"day": "datetime64[us]", **dict.fromkeys(facts, "float64")})


def find_answered(engine: Engine, *, as_of, days: int) -> set[str]:
    """Who has answered a survey in the last `days` until the end of `as_of`; nobody without `surveys`."""
    if not columns_of(engine, "surveys"):
        return set()
    end = pd.Timestamp(as_of).normalize()
    answered = engine.execute(f"""
        select distinct customer_id from surveys
        where time < {end_of(end)} and time >= {end_of(end - pd.Timedelta(days=days))}
        order by customer_id""").df()
    return set(answered["customer_id"])


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


def _expiries(engine: Engine, start: pd.Timestamp, days: int, programme: LoyaltyProgramme) -> pd.DataFrame:
    moves = read_movements(engine, as_of=start)
    accounts = trace_points(moves, as_of=start, expire_days=programme.expire_days)
    rows = accounts.expiries
    by_month = rows.groupby(["customer_id", pd.to_datetime(rows["day"]).dt.to_period("M")])
    months = by_month.agg(day=("day", "min"), points=("points", "sum")).reset_index("customer_id")
    enough = (months["points"] >= programme.remind_points) & (
        months["day"] <= start + pd.Timedelta(days=days)
    )
    return months[enough].assign(occasion="points_expiry")


def _unanswered(engine: Engine, start: pd.Timestamp) -> pd.DataFrame:
    waiting = list_unanswered(engine, as_of=start)[["customer_id"]]
    return waiting.assign(occasion="unanswered_complaint", day=start + pd.Timedelta(days=1))


def _overdue(engine: Engine, start: pd.Timestamp, rules: Receivables) -> pd.DataFrame:
    late = list_overdue(engine, as_of=start, rules=rules).reset_index()
    return late.assign(occasion="overdue", day=start + pd.Timedelta(days=1))


def _silences(engine: Engine, start: pd.Timestamp, days: int, silent_days: int) -> pd.DataFrame:
    since = find_quiet_since(engine, as_of=start)
    begun = since.rename("day").reset_index().assign(occasion="silence")
    begun["day"] += pd.Timedelta(days=silent_days + 1)
    return begun[begun["day"] <= start + pd.Timedelta(days=days)]
