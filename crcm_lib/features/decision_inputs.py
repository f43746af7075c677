"""Input tables -> what a decision needs to know of each customer beside the result tables, as of a day.

Nothing dated after `as_of` counts: an invoice paid later is still open, a later consent is not yet given.
"""

import pandas as pd

from crcm_lib.schema.engine import has

PAYMENTS = """
    select customer_id,
        avg(case when paid <= due then 1.0 else 0.0 end) as paid_on_time_share,
        avg(case when paid <= due then 0 else datediff('day', due, least(coalesce(paid, {day}), {day})) end)
            as days_late_mean
    from invoices where due < {day} and issued <= {day} group by customer_id"""
RENEWALS = """
    select customer_id, avg(case when renewed then 1.0 else 0.0 end) as renewed_share
    from contracts where "end" <= {day} and renewed is not null group by customer_id"""
LATEST = """
    select customer_id, {what}, {word}
    from {table} as said
    where date <= {day} and date = (
        select max(date) from {table} as later
        where later.customer_id = said.customer_id and later.{what} = said.{what} and date <= {day})
    group by customer_id, {what} order by customer_id, {what}"""
ARMS = """
    select customer_id, action, arm, min(start) as start, max("end") as "end",
        sum({cost}) as cost
    from assignments where start <= {day}
    group by customer_id, action, arm order by customer_id, action, arm"""


def derive(engine, *, as_of) -> dict[str, pd.DataFrame]:
    """The tables an indicator may read that are made from input tables; an absent input gives no table.

    Returns
    -------
    Frames indexed by `customer_id`:

    - `payments`: `paid_on_time_share` (0…1) of the invoices due before `as_of`, `days_late_mean` (days; an
      open invoice is late until `as_of`)
    - `renewals`: `renewed_share` (0…1) of the contracts that ended by `as_of`
    - `judgements`: the latest judgement (0…100) per indicator; several on its day are averaged
    """
    found = {}
    for name, source, query in (("payments", "invoices", PAYMENTS), ("renewals", "contracts", RENEWALS)):
        if has(engine, source):
            found[name] = _ask(engine, query, as_of).set_index("customer_id").sort_index()
    if has(engine, "judgements"):
        words = {"table": "judgements", "what": "indicator", "word": "avg(value) as value"}
        judged = _ask(engine, LATEST, as_of, **words)
        found["judgements"] = judged.set_index(["customer_id", "indicator"])["value"].unstack()  # noqa: PD010
    return found


def find_consents(engine, *, as_of) -> pd.DataFrame | None:
    """Each customer's latest word per purpose: `customer_id`, `purpose`, `status`; None without the table.

    Where both were given on one day, refused (the later word of the alphabet) wins.
    """
    words = {"table": "consents", "what": "purpose", "word": "max(status) as status"}
    return _ask(engine, LATEST, as_of, **words) if has(engine, "consents") else None


def find_arms(engine, *, as_of) -> pd.DataFrame:
    """Treatments and controls begun by `as_of`: `customer_id`, `action`, `arm`, `start`, `end`, `cost`."""
    if not has(engine, "assignments"):
        return pd.DataFrame(columns=["customer_id", "action", "arm", "start", "end", "cost"])
    columns = {column[0] for column in engine.execute("select * from assignments limit 0").description}
    arms = _ask(engine, ARMS, as_of, cost="coalesce(cost, 0)" if "cost" in columns else "0")
    return arms.assign(
        start=pd.to_datetime(arms["start"]),
        end=pd.to_datetime(arms["end"]),
        cost=arms["cost"].astype("float64"),
    )


def _ask(engine, query: str, as_of, **parts: str) -> pd.DataFrame:
    return engine.execute(query.format(day=f"date '{pd.Timestamp(as_of):%Y-%m-%d}'", **parts)).df()
