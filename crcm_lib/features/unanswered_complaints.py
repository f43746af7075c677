"""Complaints after which nobody has approached the customer: who is still waiting for a word."""

import pandas as pd

from crcm_lib.features.customer_sql import days_between, end_of
from crcm_lib.features.interaction_counts import OUTBOUND, is_one_of
from crcm_lib.schema.engine import Engine, columns_of

WAITING = 90  # days after which a complaint is no longer answered by a call, but is history
NEEDED = {"tickets": ("kind",), "contacts": ("direction",)}
COLUMNS = ["customer_id", "complaints", "days_waiting", "is_open"]


def list_lacking(engine: Engine) -> list[str]:
    """What the data lack to say who is waiting: tables, or columns as `table.column`."""
    lacking = []
    for table, columns in NEEDED.items():
        known = columns_of(engine, table)
        lacking += [f"{table}.{name}" for name in columns if name not in known] if known else [table]
    return lacking


def list_unanswered(engine: Engine, *, as_of) -> pd.DataFrame:
    """Who complained in the `WAITING` days until the end of `as_of` and was not approached since.

    Approached is who has an outbound contact later than the complaint (outbound in the words by which 12
    counts contacts), on any channel but a campaign, which is no answer to anybody. What the ticket itself
    says, a first response or that it is resolved, is none either: it may be automatic, and the customer may
    not know.

    Returns
    -------
    One row per customer: `complaints` (count, since the last contact), `days_waiting` (days since the first
    of them), `is_open` (one of them is not resolved). No rows where the data lack what `list_lacking` says.
    """
    if list_lacking(engine):
        return pd.DataFrame(columns=COLUMNS)
    end = pd.Timestamp(as_of).normalize()
    until, start = end_of(end), end_of(end - pd.Timedelta(days=WAITING))
    is_open = "max(1)"
    if "resolved" in columns_of(engine, "tickets"):
        is_open = f"max(case when resolved is null or resolved >= {until} then 1 else 0 end)"
    waiting = engine.execute(f"""
        select tickets.customer_id as customer_id, count(*) as complaints,
            {days_between("cast(min(opened) as date)", f"date '{end:%Y-%m-%d}'")} as days_waiting,
            {is_open} as is_open
        from tickets left join (
            select customer_id, max(time) as last from contacts
            where time < {until} and {is_one_of("direction", OUTBOUND)} and channel <> 'campaign'
            group by customer_id) as approached on approached.customer_id = tickets.customer_id
        where kind = 'complaint' and opened < {until} and opened >= {start}
            and (last is null or last < opened)
        group by tickets.customer_id order by tickets.customer_id""").df()
    return waiting.assign(is_open=waiting["is_open"].astype(bool))[COLUMNS]
