"""Contracts -> subscriptions: contracts that follow each other, as known at the end of one day."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.features.customer_sql import date, days_between, query
from crcm_lib.schema.engine import Engine, columns_of, has

SLACK = 0.1  # of the usual length: by how much a contract's length and its renewal's start may be off
COLUMNS = {
    "customer_id": "str",
    "since": "datetime64[us]",
    "renewals": "int64",
    "lost": "bool",
    "next_end": "datetime64[us]",
    "value": "float64",
}
COUNTED = ("contracts", "of_usual_length", "silent", "contradicted", "value_unknown", "side_by_side")


@dataclass(frozen=True)
class Subscriptions:
    """Contracts in a row.

    Attributes
    ----------
    rows
        One row per subscription: `customer_id`; `since` (first day of its first contract); `renewals`
        (count); `lost` (the last contract of the usual length was not renewed); `next_end` (last day of the
        contract that is running or waits to be renewed; empty where there is none, or where it has another
        length); `value` (source currency, of the latest contract; empty where unknown).
    period_days
        The usual length of a contract, in days; 0 where there is none.
    counts
        `contracts` begun, and those `of_usual_length` of them; contracts taken as not renewed as nothing
        followed (`silent`), and marked as not renewed though one followed (`contradicted`); subscriptions
        whose `value_unknown`; customers left out because they hold contracts `side_by_side`.
    missing
        Why there is no contract: `no_contracts_table` or `no_contract_begun`; empty where there is one.
    """

    rows: pd.DataFrame
    period_days: int
    counts: dict[str, int]
    missing: str = ""

    @property
    def running(self) -> pd.DataFrame:
        """The subscriptions under contract, indexed by `customer_id`."""
        return self.rows[self.rows["next_end"].notna()].set_index("customer_id")


def trace_subscriptions(engine: Engine, *, as_of, period_days: int = 0) -> Subscriptions:
    """Contracts strung together into subscriptions, as known at the end of `as_of`.

    A contract follows another if it starts within a tenth of the usual length of the other's end. One that
    has ended was renewed if another follows, else if `renewed` says so; where neither is known, it was
    not once that tenth has passed, and waits until then. A contract of another length (more than a tenth off)
    ends what is known of its subscription: that it was signed is a renewal, what comes of it is not counted.

    Parameters
    ----------
    engine
        Holds the clean table `contracts`; without it, or without rows, the result is empty.
    as_of
        Last day known, inclusive. No later start counts, nor what became of a contract that ends later.
    period_days
        The usual length in days; 0 takes the median of the data.
    """
    day = date(pd.Timestamp(as_of).normalize())
    if not has(engine, "contracts"):
        return _no_subscriptions("no_contracts_table")
    begun = {"begun": _begun(columns_of(engine, "contracts"), day)}
    median = "select percentile_disc(0.5) within group (order by days) as days from begun"
    usual = engine.execute(query(begun, median)).df()["days"].item()
    if pd.isna(usual):
        return _no_subscriptions("no_contract_begun")
    period = int(period_days or usual)
    parts = begun | _chains(period, round(period * SLACK), day)
    rows = engine.execute(query(parts, _subscriptions(period, day))).df()
    counts = engine.execute(query(parts, COUNTS)).df().iloc[0]
    return Subscriptions(rows.astype(COLUMNS), period, {name: int(counts[name]) for name in COUNTED})


def _no_subscriptions(reason: str) -> Subscriptions:
    rows = pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    return Subscriptions(rows, 0, dict.fromkeys(COUNTED, 0), reason)


def _begun(given: set[str], day: str) -> str:
    """Contracts begun by then; what is known of their renewal only where they have ended."""
    renewed = f'case when "end" <= {day} then renewed end' if "renewed" in given else "cast(null as boolean)"
    value = "cast(value as decimal(18, 4))" if "value" in given else "cast(null as decimal(18, 4))"
    return f"""
        select
            customer_id,
            cast(start as date) as first_day,
            cast("end" as date) as last_day,
            {days_between("cast(start as date)", 'cast("end" as date)')} + 1 as days,
            {renewed} as renewed,
            {value} as value
        from contracts
        where start <= {day} and start <= "end" """


def _chains(period: int, slack: int, day: str) -> dict[str, str]:
    """Contracts with their chain, what became of them, and how many of another length came until then."""
    mine = "partition by customer_id order by first_day, last_day, value"
    chain = "partition by customer_id, chain order by first_day, last_day"
    return {
        "ordered": f"""
            select
                *,
                case when abs(days - {period}) <= {slack} then 0 else 1 end as other,
                lag(last_day) over ({mine}) as before,
                lead(first_day) over ({mine}) as after
            from begun""",
        "parallel": f"select distinct customer_id from ordered where first_day < before - {slack}",
        "chained": f"""
            select
                *,
                sum(case when first_day <= before + {slack} then 0 else 1 end) over ({mine}) as chain,
                case when after <= last_day + {slack} then 1 else 0 end as followed
            from ordered
            where customer_id not in (select customer_id from parallel)""",
        "judged": f"""
            select
                *,
                case
                    when followed = 1 then 1
                    when last_day > {day} then null
                    when renewed then 1
                    when not renewed then 0
                    when last_day + {slack} < {day} then 0
                end as outcome,
                row_number() over ({chain}) as place,
                sum(other) over ({chain} rows between unbounded preceding and current row) as others
            from chained""",
        "counted": """
            select *, max(place) over (partition by customer_id, chain) as latest
            from judged
            where others = 0""",
    }


def _subscriptions(period: int, day: str) -> str:
    """One row per chain; a renewal without a contract yet is taken to run for the usual length."""
    presumed = f"cast(last_day + {period} as date)"
    return f"""
        select
            customer_id,
            min(first_day) as since,
            count(case when outcome = 1 then 1 end) as renewals,
            count(case when outcome = 0 then 1 end) > 0 as lost,
            max(case
                when place < latest then null
                when outcome is null then last_day
                when after is null and outcome = 1 and {presumed} >= {day} then {presumed}
            end) as next_end,
            max(case when place = latest then value end) as value
        from counted
        group by customer_id, chain
        order by customer_id, chain"""


COUNTS = """
    select
        (select count(*) from begun) as contracts,
        (select count(case when other = 0 then 1 end) from ordered) as of_usual_length,
        count(case when outcome = 0 and renewed is null then 1 end) as silent,
        count(case when followed = 1 and not renewed then 1 end) as contradicted,
        count(case when place = latest and value is null then 1 end) as value_unknown,
        (select count(*) from parallel) as side_by_side
    from counted"""
