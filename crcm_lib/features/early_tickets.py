"""Tickets, purchases and contacts of customers, by whether they lie in their first ninety days."""

import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.features.customers import list_purchase_days
from crcm_lib.features.interaction_counts import OUTBOUND, is_one_of
from crcm_lib.schema.engine import Engine, columns_of, has

FIRST = 90  # days from the first purchase on
PERIOD = 365  # days until as_of that are looked at
HOUR = pd.Timedelta(hours=1)
MEASURES = {  # name -> what must be known of a ticket (or purchase day) for it to count
    "complaints": "purchase_days",
    "response_hours": "responses",
    "resolution_hours": "resolutions",
    "satisfaction": "marks",
}


def list_lacking(engine: Engine) -> list[str]:
    """What the data lack to speak of service: the table `tickets`; nothing where it is there."""
    return [] if has(engine, "tickets") else ["tickets"]


def sum_early_service(engine: Engine, arrivals: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """What customers were served in the last 365 days: within their first 90 days, and after them.

    Parameters
    ----------
    engine
        Holds the clean tables `transactions` and `tickets` (kind, responded, resolved, satisfaction).
    arrivals
        From `arrivals.list_arrivals`. What lies in the first 90 days of customers who may not be new is left
        out; so are tickets of who has not bought.
    as_of
        Last day known; a response or resolution after it is not.

    Returns
    -------
    One row per `customer_id` and `is_early` (index): sums `complaints` (count), `response_hours`,
    `resolution_hours` (hours), `satisfaction` (marks added up), and what they are divided by, the counts
    `purchase_days`, `responses`, `resolutions`, `marks`. Columns whose ticket column is missing are all 0.
    """
    end = pd.Timestamp(as_of).normalize()
    bought = list_purchase_days(engine, as_of=end)
    bought = bought[bought["day"] > end - pd.Timedelta(days=PERIOD)].assign(purchase_days=1.0)
    tickets = _read_tickets(engine, end)
    events = pd.concat([bought, tickets], ignore_index=True)
    of = events.join(arrivals[["first_day", "is_certain"]], on="customer_id", how="inner")
    of = of.reset_index(drop=True)
    early = of["day"] <= of["first_day"] + pd.Timedelta(days=FIRST)
    kept = of[~early | of["is_certain"]].assign(is_early=early)
    columns = [*MEASURES, *MEASURES.values()]
    kept = kept.reindex(columns=["customer_id", "is_early", *columns])
    return kept.groupby(["customer_id", "is_early"])[columns].sum()


def count_outbound(engine: Engine, arrivals: pd.DataFrame, *, as_of) -> pd.Series | None:
    """How often we have approached each customer since their first purchase day, by the end of `as_of`.

    From `contacts` begun by us, campaigns left out; None where the data have no `contacts` or no `direction`.
    """
    if "direction" not in columns_of(engine, "contacts"):
        return None
    made = engine.execute(f"""
        select customer_id, cast(time as date) as day from contacts
        where time < {end_of(as_of)} and {is_one_of("direction", OUTBOUND)} and channel <> 'campaign'
        order by customer_id, time""").df()
    made = made.join(arrivals["first_day"], on="customer_id", how="inner").reset_index(drop=True)
    late = made[pd.to_datetime(made["day"]) >= made["first_day"]]
    return late.groupby("customer_id").size().reindex(arrivals.index).fillna(0).astype("int64")


def _read_tickets(engine: Engine, end: pd.Timestamp) -> pd.DataFrame:
    """The tickets of the period with what is known of each by the end of the last day."""
    known = columns_of(engine, "tickets")
    if not known:
        return pd.DataFrame({"customer_id": pd.Series(dtype="str"), "day": pd.to_datetime([])})
    given = [name for name in ("kind", "responded", "resolved", "satisfaction") if name in known]
    rows = engine.execute(f"""
        select {", ".join(["customer_id", "opened", *given])} from tickets
        where opened < {end_of(end)} and opened >= {end_of(end - pd.Timedelta(days=PERIOD))}
        order by customer_id, opened""").df()
    opened, after = pd.to_datetime(rows["opened"]), end + pd.Timedelta(days=1)
    tickets = pd.DataFrame({"customer_id": rows["customer_id"], "day": opened.dt.normalize()})
    if "kind" in rows:
        tickets["complaints"] = rows["kind"].eq("complaint").astype(float)
    for column, hours, count in (
        ("responded", "response_hours", "responses"),
        ("resolved", "resolution_hours", "resolutions"),
    ):
        if column in rows:
            done = pd.to_datetime(rows[column])
            tickets[hours] = ((done - opened) / HOUR).where((done < after) & (done >= opened))
            tickets[count] = tickets[hours].notna().astype(float)
    if "satisfaction" in rows:
        over = tickets["resolutions"] > 0 if "resolutions" in tickets else True
        tickets["satisfaction"] = rows["satisfaction"].astype("float64").where(over)
        tickets["marks"] = tickets["satisfaction"].notna().astype(float)
    return tickets
