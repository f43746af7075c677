"""Input tables -> what a decision needs to know of each customer beside the result tables, as of a day.

Nothing dated after `as_of` counts: an invoice paid later is still open, a later consent is not yet given.
"""

import pandas as pd

from crcm_lib.features import indicator_tables
from crcm_lib.features.customer_sql import date
from crcm_lib.privacy.consent_words import find_latest, match_ids
from crcm_lib.schema.engine import Engine, has

CONSENTS = """
    select customer_id, purpose, status, max(date) as date from consents
    where date is null or date <= {day}
    group by customer_id, purpose, status, case when date is null then 1 else 0 end"""
ARMS = """
    select customer_id, action, arm, start, max("end") as "end"
    from assignments where start <= {day}
    group by customer_id, action, arm, start order by customer_id, action, start, arm"""


def derive(engine: Engine, *, as_of) -> dict[str, pd.DataFrame]:
    """The tables of `schema.indicators.INDICATORS` that the input tables give, each indexed by `customer_id`.

    An absent input gives no table, and neither does one in which nobody is by `as_of`.
    """
    made = {name: make(engine, as_of=as_of) for name, make in indicator_tables.MAKERS.items()}
    return {name: table for name, table in made.items() if table is not None and len(table)}


def find_consents(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """Each customer's latest consent per purpose: `customer_id`, `purpose`, `status`; None without the table.

    See `consent_words.find_latest`: it fails closed.
    """
    if not has(engine, "consents"):
        return None
    records = _ask(engine, CONSENTS, as_of)
    return find_latest(records, _list_customers(engine, records))


def count_unmatched_consents(engine: Engine) -> int:
    """How many ids of the consents are of nobody who is a customer or a prospect."""
    if not has(engine, "consents"):
        return 0
    given = engine.execute("select distinct customer_id from consents").df()
    matched = match_ids(given["customer_id"], _list_customers(engine, given))
    return len(given) - matched["given"].nunique()


def count_not_profiled(engine: Engine) -> int:
    """How many customers object to profiling; they stand in no table."""
    if not has(engine, "not_profiled"):
        return 0
    (count,) = engine.execute("select customers from not_profiled").fetchone() or (0,)
    return int(count)


def find_arms(engine: Engine, *, as_of) -> pd.DataFrame:
    """Treatments and controls begun by `as_of`: `customer_id`, `action`, `arm`, `start`, `end`."""
    if not has(engine, "assignments"):
        return pd.DataFrame(columns=["customer_id", "action", "arm", "start", "end"])
    arms = _ask(engine, ARMS, as_of)
    return arms.assign(start=pd.to_datetime(arms["start"]), end=pd.to_datetime(arms["end"]))


def find_approvals(engine: Engine, *, as_of) -> pd.DataFrame:
    """Each customer's latest decision on a tier, signed by `as_of`; cleaning refuses two of one day.

    Returns
    -------
    By `customer_id`: `decision`, `by`, `day`, `reason`; `tier` and `until` where the decision names them.
    """
    columns = {"decision": "str", "by": "str", "reason": "str", "tier": "str"}
    columns |= dict.fromkeys(("day", "until"), "datetime64[us]")
    if not has(engine, "approvals"):
        return pd.DataFrame(columns=["customer_id", *columns]).astype(columns).set_index("customer_id")
    given = engine.execute("select * from approvals order by customer_id, day").df()
    given = given.reindex(columns=["customer_id", *columns]).astype(columns)
    signed = given[given["day"] <= pd.Timestamp(as_of)]
    return signed.groupby("customer_id").tail(1).set_index("customer_id")


def find_attributes(engine: Engine) -> pd.DataFrame | None:
    """What the input table `customers` says of each, indexed by `customer_id`; None without the table."""
    if not has(engine, "customers"):
        return None
    return engine.execute("select * from customers").df().set_index("customer_id")


def _list_customers(engine: Engine, consents: pd.DataFrame) -> pd.Series:
    """The ids of all customers and prospects; those of the consents where there is no other table."""
    tables = [table for table in ("transactions", "customers") if has(engine, table)]
    if not tables:
        return consents["customer_id"]
    return engine.execute(" union ".join(f"select customer_id from {table}" for table in tables)).df()[
        "customer_id"
    ]


def _ask(engine: Engine, query: str, as_of, **parts: str) -> pd.DataFrame:
    return engine.execute(query.format(day=date(pd.Timestamp(as_of)), **parts)).df()
