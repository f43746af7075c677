"""What customers report: complaints, their causes, how long they wait."""

from typing import Any

import numpy as np
import pandas as pd

from crcm_lib.empirical_bayes import shrink_rates as shrink_rates
from crcm_lib.features.customer_sql import days_between, end_of
from crcm_lib.privacy import SMALL_GROUPS
from crcm_lib.schema.engine import Engine, columns_of

TICKETS = {"kind": "varchar", "responded": "timestamp", "resolved": "timestamp"}
AGES = {"up_to_7_days": 7, "up_to_30_days": 30, "longer": float("inf")}  # days
STEPS = {"responded": "first_response", "resolved": "resolution"}


def list_causes(engine: Engine, *, as_of) -> pd.DataFrame:
    """Complaints (all tickets where there is no column `kind`) per customer and cause.

    Columns: customer_id, cause (missing where none was given), tickets. No rows where tickets have no causes.
    """
    present = columns_of(engine, "tickets")
    if "cause" not in present:
        return pd.DataFrame(columns=["customer_id", "cause", "tickets"])
    only = "kind = 'complaint'" if "kind" in present else "true"
    return engine.execute(f"""
        select customer_id, cause, count(*) as tickets
        from tickets
        where opened < {end_of(as_of)} and {only}
        group by customer_id, cause
        order by customer_id, cause
    """).df()


def count_causes(causes: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """Complaints by cause, most frequent first.

    Parameters
    ----------
    causes
        From `list_causes`.
    at_least
        Causes of fewer customers are one, `SMALL_GROUPS`, the last: a cause can name who complained.

    Returns
    -------
    Columns: cause (missing where none was given), tickets, customers, share of all complaints.
    """
    customers = causes.groupby("cause", dropna=False)["customer_id"].transform("nunique")
    folded = causes.assign(cause=causes["cause"].mask(customers < at_least, SMALL_GROUPS))
    by_cause = folded.groupby("cause", dropna=False)
    counts = by_cause.agg(tickets=("tickets", "sum"), customers=("customer_id", "nunique")).reset_index()
    last = counts["cause"] == SMALL_GROUPS
    counts = counts.assign(last=last).sort_values(["last", "tickets", "cause"], ascending=[True, False, True])
    counts = counts.assign(share=counts["tickets"] / counts["tickets"].sum())
    return counts.drop(columns="last").reset_index(drop=True)


def find_leading_causes(causes: pd.DataFrame, *, at_least: int = 5) -> dict[str, Any]:
    """The cause, or the tied causes, that most complaints state, and whether chance explains the lead.

    The first cause is compared with the second by an exact sign test over the customers who complained more
    often of one than of the other, because the complaints of one customer are not independent. For the
    winner against the runner-up no correction for having chosen them is needed (Hung & Fithian 2019, The
    Annals of Statistics 47, 758-782: rank verification).

    Parameters
    ----------
    causes
        From `list_causes`.
    at_least
        Causes of fewer customers are left out.

    Returns
    -------
    `causes` (several in a tie; none where no cause has enough customers), `tickets` (of each),
    `complaints` (all, of whatever cause), `p_value` (1 for a tie).
    """
    from scipy.stats import binomtest

    shown = count_causes(causes, at_least=at_least).dropna(subset="cause")
    shown = shown[shown["cause"] != SMALL_GROUPS]
    leading = shown.loc[shown["tickets"] == shown["tickets"].max(), "cause"].to_list()
    found = {"causes": leading, "tickets": shown["tickets"].max() if leading else 0, "p_value": 1.0}
    found["complaints"] = int(causes["tickets"].sum())
    if len(leading) == 1:
        sides = causes[causes["cause"].isin(shown["cause"].head(2))]
        signed = sides["tickets"].where(sides["cause"] == leading[0], -sides["tickets"])
        ahead = np.sign(signed.groupby(sides["customer_id"]).sum())
        found["p_value"] = float(binomtest(int((ahead > 0).sum()), max(int((ahead != 0).sum()), 1)).pvalue)
    return found


def wait_quantiles(hours: np.ndarray, done: np.ndarray, shares: tuple[float, ...]) -> list[float]:
    """Kaplan-Meier quantiles of waiting times, of which some are not over.

    >>> wait_quantiles(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, True]), (0.5, 0.9))
    [2.0, 4.0]
    """
    times = np.unique(hours[done])
    waiting = len(hours) - np.searchsorted(np.sort(hours), times, side="left")
    ended = np.diff(np.searchsorted(np.sort(hours[done]), [*times, np.inf], side="left"))
    left = np.cumprod(1 - ended / waiting) if len(times) else np.array([])
    reached = [np.flatnonzero(left <= 1 - share + 1e-12) for share in shares]
    return [float(times[at[0]]) if len(at) else float("nan") for at in reached]


def age_open(engine: Engine, *, as_of) -> pd.DataFrame:
    """Tickets not resolved on `as_of`, by how long they have been open: age, tickets, customers."""
    columns = ["age", "tickets", "customers"]
    if "resolved" not in columns_of(engine, "tickets"):
        return pd.DataFrame(columns=columns)
    until = end_of(as_of)
    waiting = engine.execute(f"""
        select customer_id, {hours_since_opened(until)} / 24 as days from tickets
        where opened < {until} and (resolved is null or resolved >= {until})""").df()
    bins = pd.cut(waiting["days"], [0, *AGES.values()], labels=list(AGES), include_lowest=True)
    ages = waiting.groupby(bins, observed=False)["customer_id"].agg(["size", "nunique"])
    ages.index = ages.index.astype("str")
    return ages.reset_index().set_axis(columns, axis=1)


def tickets_per_customer(engine: Engine, until: str) -> pd.DataFrame:
    """Per customer with an order or a ticket: tickets, complaints, median waits, open ones, orders."""
    present, bought = columns_of(engine, "tickets"), columns_of(engine, "transactions")
    column = {name: name if name in present else f"cast(null as {kind})" for name, kind in TICKETS.items()}
    wanted = {"complaints": "kind", "hours_to_response": "responded"}
    wanted |= dict.fromkeys(("hours_to_resolution", "open_tickets"), "resolved")
    done = "case when {0} >= opened and {0} < {1} then {0} end"
    responded, resolved = (done.format(column[name], until) for name in ("responded", "resolved"))
    median = "percentile_cont(0.5) within group (order by {})"
    orders = "count(distinct order_id)" if "order_id" in bought else "count(distinct purchase_day)"
    frame = engine.execute(f"""
        with served as (
            select customer_id, count(*) as tickets,
                sum(case when {column["kind"]} = 'complaint' then 1 else 0 end) as complaints,
                {median.format(hours_since_opened(responded))} as hours_to_response,
                {median.format(hours_since_opened(resolved))} as hours_to_resolution,
                sum(case when {resolved} is null then 1 else 0 end) as open_tickets
            from tickets where opened < {until} group by customer_id),
        bought as (
            select customer_id, {orders} as orders from transactions
            where kind = 'sale' and time < {until} group by customer_id)
        select coalesce(served.customer_id, bought.customer_id) as customer_id, tickets, complaints,
            hours_to_response, hours_to_resolution, open_tickets, coalesce(orders, 0) as orders
        from served full join bought on served.customer_id = bought.customer_id
        order by 1
    """).df()
    frame = frame.set_index("customer_id")
    return frame.drop(columns=[name for name, source in wanted.items() if source not in present])


def hours_since_opened(moment: str) -> str:
    """SQL: the hours from opening to a moment, in whole seconds, from parts that every engine can extract."""
    days = days_between("cast(opened as date)", f"cast({moment} as date)")
    hours, minutes, seconds = (
        f"(floor(extract({part} from {moment})) - floor(extract({part} from opened)))"
        for part in ("hour", "minute", "second")
    )
    return f"(86400 * {days} + 3600 * {hours} + 60 * {minutes} + {seconds}) / 3600.0"
