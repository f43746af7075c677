"""Sums of two years, and of two equal periods of two years, per customer: what growth is made of."""

import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.schema.engine import Engine, columns_of, has, open_beside

YEAR = 365  # days
WINDOW = pd.Timedelta(days=YEAR)
PLACES = ("category", "region", "channel")  # columns of `transactions` by which growth is split


def sum_two_years(engine: Engine, *, as_of) -> pd.DataFrame:
    """Spend and purchases of each customer in the last 365 days and in the 365 before.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day known, inclusive. A return counts on the day of its sale, as in `customer_features`.

    Returns
    -------
    Indexed by `customer_id`, of all who have a line: `spend_before`, `spend` (currency; the latter is
    `spend_365d` of `customer_features`), `spend_earlier` (of all days before both; the three add up to
    `spend_total`), `purchases_before`, `purchases` (purchase days), `first_day` (of all purchases).
    """
    end = pd.Timestamp(as_of).normalize()
    last, before = (sql.date(end - pd.Timedelta(days=years * YEAR)) for years in (1, 2))
    amount, day = sql.money("amount"), sql.SPEND_DAY
    kept = {
        "spend": f"{day} > {last}",
        "spend_before": f"{day} <= {last} and {day} > {before}",
        "spend_earlier": f"{day} <= {before}",
    }
    sums = {name: f"case when {when} then {amount} else 0 end" for name, when in kept.items()}
    bought = "count(case when is_purchase = 1 and {} then 1 end)"
    select = f"""
        select customer_id, {", ".join(f"sum({name}) as {name}" for name in sums)},
            {bought.format(f"purchase_day > {last}")} as purchases,
            {bought.format(f"purchase_day <= {last} and purchase_day > {before}")} as purchases_before
        from daily group by customer_id order by customer_id"""
    found = engine.execute(sql.query(sql.daily(end, sums), select)).df().set_index("customer_id")
    columns = dict.fromkeys(["spend_earlier", "spend_before", "spend"], "float64")
    columns |= dict.fromkeys(["purchases_before", "purchases"], "int64")
    return found.astype(columns)[list(columns)]


def sum_not_profiled(engine: Engine, *, as_of) -> tuple[float, float]:
    """Money of customers who object to profiling: of the year before, and of the last year (currency)."""
    if not has(engine, "daily_not_profiled"):
        return 0.0, 0.0
    end = pd.Timestamp(as_of).normalize()
    last, before = (sql.date(end - pd.Timedelta(days=years * YEAR)) for years in (1, 2))
    amount = sql.money("amount")
    row = engine.execute(f"""
        select sum(case when day > {before} and day <= {last} then {amount} end),
            sum(case when day > {last} then {amount} end)
        from daily_not_profiled where day <= {sql.date(end)}""").fetchone() or (0, 0)
    return float(row[0] or 0), float(row[1] or 0)


def sum_places(engine: Engine, *, as_of) -> pd.DataFrame:
    """Spend of each customer in both years by category, region and channel, as far as transactions say.

    Returns
    -------
    `by` (one of `PLACES`), `place` (its value; missing where a line has none), `customer_id`, `spend_before`,
    `spend` (currency). Of each `by` they add up to those of `sum_two_years`.
    """
    end = pd.Timestamp(as_of).normalize()
    last, before = (sql.date(end - pd.Timedelta(days=years * YEAR)) for years in (1, 2))
    amount, day, frames = sql.money("amount"), sql.SPEND_DAY, []
    for by in PLACES:
        if by in columns_of(engine, "transactions"):
            frame = engine.execute(f"""
                select {by} as place, customer_id,
                    sum(case when {day} <= {last} then {amount} else 0 end) as spend_before,
                    sum(case when {day} > {last} then {amount} else 0 end) as spend
                from transactions where day <= {sql.date(end)} and {day} > {before}
                group by {by}, customer_id order by {by}, customer_id""").df()
            frames.append(frame.assign(by=by))
    columns = {"by": "str", "place": "str", "customer_id": "str", "spend_before": "float64"}
    columns |= {"spend": "float64"}
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(columns))
    return found.astype(columns)[list(columns)]


def sum_under_contract(engine: Engine, *, as_of) -> pd.Series | None:
    """Spend of the last 365 days on days on which the customer had a contract; None without contracts.

    By `customer_id`, in currency; both ends of a contract count to it.
    """
    if not has(engine, "contracts"):
        return None
    end = pd.Timestamp(as_of).normalize()
    last, day = sql.date(end - pd.Timedelta(days=YEAR)), sql.SPEND_DAY
    found = engine.execute(f"""
        with lines as (
            select customer_id, {day} as spent_on, sum({sql.money("amount")}) as amount
            from transactions where day <= {sql.date(end)} and {day} > {last}
            group by customer_id, {day}),
        covered as (
            select distinct lines.customer_id, spent_on, lines.amount
            from lines join contracts on contracts.customer_id = lines.customer_id
            where spent_on >= cast(start as date) and spent_on <= cast("end" as date)
                and cast(start as date) <= {sql.date(end)})
        select customer_id, sum(amount) as spend from covered group by customer_id order by customer_id""")
    return found.df().set_index("customer_id")["spend"].astype("float64")


def sum_answers(engine: Engine, *, after, until) -> pd.DataFrame | None:
    """Satisfaction of 1 to 5 that customers gave in (after, until]: `answers` and their `points` in all.

    Answers to csat surveys and marks for resolved tickets, by `customer_id`; None where the data have
    neither.
    """
    start, end = (sql.end_of(pd.Timestamp(day).normalize()) for day in (after, until))
    parts = []
    if has(engine, "surveys"):
        parts.append("select customer_id, time, score from surveys where instrument = 'csat'")
    if {"satisfaction", "resolved"} <= columns_of(engine, "tickets"):
        parts.append("select customer_id, resolved as time, satisfaction as score from tickets")
    if not parts:
        return None
    found = engine.execute(f"""
        select customer_id, count(*) as answers, sum(score) as points
        from ({" union all ".join(parts)}) as given
        where score between 1 and 5 and time >= {start} and time < {end}
        group by customer_id order by customer_id""")
    return found.df().set_index("customer_id").astype({"answers": "float64", "points": "float64"})


def reach_back(engine: Engine, *, day, days: int) -> Engine:
    """The engine seen with the transactions of the `days` up to `day` alone.

    So that what is known of customers on two days reaches equally far back. A return whose sale is older
    than that is left out with it.
    """
    end = pd.Timestamp(day).normalize()
    schema = f"known_{end:%Y%m%d}_{days}"
    seen = open_beside(engine, schema)
    first = sql.date(end - pd.Timedelta(days=days))
    # Made by the engine given, which may itself see other transactions than `main` holds.
    engine.execute(f"""
        create or replace table {schema}.transactions as select * from transactions
        where day <= {sql.date(end)} and {sql.SPEND_DAY} > {first}""")
    return seen


def count_prices(engine: Engine, *, as_of) -> dict[str, int]:
    """How often one item had several prices on one day, in the last 365 days.

    Returns
    -------
    `item_days` (days on which two customers or more bought an item) and `varied` (of them with more than one
    unit price). Nothing where transactions name no product or no unit price.
    """
    if not {"product_id", "unit_price"} <= columns_of(engine, "transactions"):
        return {}
    end = pd.Timestamp(as_of).normalize()
    row = engine.execute(f"""
        select count(*), count(case when prices > 1 then 1 end)
        from (
            select product_id, day, count(distinct unit_price) as prices
            from transactions
            where kind = 'sale' and product_id is not null and unit_price is not null
                and day <= {sql.date(end)} and day > {sql.date(end - pd.Timedelta(days=YEAR))}
            group by product_id, day having count(distinct customer_id) >= 2) as item_days""").fetchone()
    counted = row or (0, 0)
    return {"item_days": int(counted[0]), "varied": int(counted[1])}


def sum_treatments(engine: Engine, *, as_of) -> pd.Series:
    """What treating customers cost so far, by `action` (currency); empty where `assignments` has no cost."""
    if "cost" not in columns_of(engine, "assignments"):
        return pd.Series(dtype="float64", name="cost").rename_axis("action")
    end = sql.date(pd.Timestamp(as_of).normalize())
    found = engine.execute(f"""
        select action, sum({sql.money("cost")}) as cost from assignments
        where arm = 'treatment' and cast(start as date) <= {end} group by action order by action""")
    return found.df().set_index("action")["cost"].astype("float64")
