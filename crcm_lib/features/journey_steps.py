"""Input tables -> the steps of the customer journey: becoming known, first and second order, contracts."""

import pandas as pd

from crcm_lib.features.arrivals import LEFT_CENSORED_SHARE, list_arrivals
from crcm_lib.features.customer_sql import date, end_of
from crcm_lib.features.customers import list_purchase_days
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.schema.engine import Engine, columns_of, has

STEPS = ("known", "first_order", "second_order", "contract", "next_contract")
TRANSITIONS = (("known", "first_order"), ("first_order", "second_order"), ("contract", "next_contract"))


def list_steps(engine: Engine, *, as_of) -> pd.DataFrame:
    """When each customer reached each step for the first time, by the end of `as_of`.

    Known is who signed up or had a contact, whichever came first, but no order before; orders are the first
    and second day with a purchase, as in `arrivals.list_arrivals`; contracts those of one and of the next.

    Returns
    -------
    `customer_id`, `step` (one of `STEPS`), `day`; by customer and day. Steps for which the data have no table
    are missing.
    """
    end = pd.Timestamp(as_of).normalize()
    arrivals = list_arrivals(engine, as_of=end)
    first = arrivals["first_day"]
    again = first + pd.to_timedelta(arrivals["again_after_days"], unit="D")
    parts = {"first_order": first, "second_order": again.dropna()}
    known = _find_known(engine, end)
    if len(known):
        bought = first.reindex(known.index)
        parts["known"] = known[bought.isna() | (known <= bought)]
    parts |= _find_contracts(engine, end)
    rows = [
        pd.DataFrame({"customer_id": found.index, "step": step, "day": found.to_numpy()})
        for step in STEPS
        if len(found := parts.get(step, pd.Series(dtype="datetime64[us]")))
    ]
    steps = (
        pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["customer_id", "step", "day"])
    )
    return steps.astype({"day": "datetime64[us]"}).sort_values(
        ["customer_id", "day", "step"], ignore_index=True
    )


def trace_transitions(engine: Engine, steps: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """For each pair of steps: who reached the first, and after how many days the next, if they did.

    A first step in the first tenth of the history is left out, as it may be no first one.

    Parameters
    ----------
    steps
        From `list_steps`.

    Returns
    -------
    `customer_id`, `step` (the first of the pair), `next_step`, `day`, `days` (to the next step, or to
    `as_of` where it has not come), `reached` (flag). Who took the next step before the first is left out.
    """
    end = pd.Timestamp(as_of).normalize()
    start = history_start(engine, end)
    certain = start + pd.Timedelta(days=LEFT_CENSORED_SHARE * (end - start).days)
    by_step = {step: rows.set_index("customer_id")["day"] for step, rows in steps.groupby("step")}
    parts = []
    for step, later in TRANSITIONS:
        if step not in by_step or (later not in by_step and later != "next_contract"):
            continue
        began = by_step[step][by_step[step] > certain]
        came = by_step.get(later, began.head(0)).reindex(began.index)
        days = (came.fillna(end) - began).dt.days
        rows = {"customer_id": began.index, "step": step, "next_step": later, "day": began.to_numpy()}
        part = pd.DataFrame(rows | {"days": days.to_numpy(), "reached": came.notna().to_numpy()})
        parts.append(part[part["days"] >= 0])
    columns = ["customer_id", "step", "next_step", "day", "days", "reached"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def find_observed(engine: Engine, *, as_of, days: int) -> pd.DataFrame:
    """From when to when each customer who has bought could have had trouble with us.

    From the first purchase to `days` after the last one, so that the quiet of those who have left does not
    stand against the steps of those who buy.

    Returns
    -------
    By `customer_id`: `start`, `end` (days, both included).
    """
    end = pd.Timestamp(as_of).normalize()
    bought = list_purchase_days(engine, as_of=end).groupby("customer_id")["day"].agg(["min", "max"])
    last = (bought["max"] + pd.Timedelta(days=days)).clip(upper=end)
    return pd.DataFrame({"start": bought["min"], "end": last}).rename_axis("customer_id")


def _find_known(engine: Engine, end: pd.Timestamp) -> pd.Series:
    """The first of sign-up and contact."""
    parts = []
    if "signup" in columns_of(engine, "customers"):
        parts.append(f"""
            select customer_id, cast(signup as date) as day from customers
            where signup is not null and signup <= {date(end)}""")
    if has(engine, "contacts"):
        parts.append(
            f"select customer_id, cast(time as date) as day from contacts where time < {end_of(end)}"
        )
    if not parts:
        return pd.Series(dtype="datetime64[us]")
    found = engine.execute(f"""
        select customer_id, cast(min(day) as timestamp) as day from ({" union all ".join(parts)}) as first
        group by customer_id order by customer_id""").df()
    return found.astype({"customer_id": "str"}).set_index("customer_id")["day"]


def _find_contracts(engine: Engine, end: pd.Timestamp) -> dict[str, pd.Series]:
    if not has(engine, "contracts"):
        return {}
    found = engine.execute(f"""
        select distinct customer_id, cast(start as timestamp) as day from contracts
        where start <= {date(end)} order by 1, 2""").df()
    nth = found.groupby("customer_id").cumcount()
    names = {"contract": 0, "next_contract": 1}
    return {step: found[nth == place].set_index("customer_id")["day"] for step, place in names.items()}
