"""The first ninety days: which newcomer is where in them, what is due and when, and who has had nothing."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

NINETY = 90  # days from the first purchase on
PHASES = ("0-30", "31-60", "61-90")  # days since the first purchase
STATES = ("approached", "planned", "nothing")
AGAIN = "ordered_again"  # in place of a class: who has ordered again needs none
UNKNOWN = "cannot_tell"
CLASSES = ("promising", "ordinary", "modest", UNKNOWN, AGAIN)
COLUMNS = [
    *("first_day", "days_since", "phase", "class", "tier", "stage", "need", "approached", "planned"),
    *("next_action", "next_day", "overdue_from"),
]


def plan_first_days(
    arrivals: pd.DataFrame,
    known: Mapping[str, pd.DataFrame],
    calendar: pd.DataFrame,
    approached: pd.Series | None,
    *,
    as_of: str | pd.Timestamp,
    usual_day: int | None,
) -> pd.DataFrame:
    """The table `newcomer_plan`: everybody whose first purchase is at most ninety days ago.

    Parameters
    ----------
    arrivals
        From `features.arrivals.list_arrivals`; who may not be new, or returned all of the first order, is
        left out.
    known
        Tables by name, those that were written: `newcomers` (class), `tiers`, `stages`, `needs`.
    calendar
        The table `calendar`: planned contacts, occasions included.
    approached
        From `features.early_tickets.count_outbound`; None: the data do not say.
    as_of
        The last day before the plan begins.
    usual_day
        From `features.arrivals.find_usual_day`; None: not known.

    Returns
    -------
    Indexed by `customer_id`, the newest last: `first_day`; `days_since` (days); `phase` (one of `PHASES`);
    `class` (of 04, or `ordered_again`); `tier` in force, `stage`, `need` (empty: not known or none shown);
    `approached` (count of contacts begun by us since; empty: not known); `planned` (count of contacts until
    the ninety days are over); `next_action` and `next_day` (the first of these); `overdue_from` (the day from
    which a second order is overdue; empty once there is one).
    """
    end = pd.Timestamp(as_of).normalize()
    new = arrivals[arrivals["is_certain"] & arrivals["is_kept"] & (arrivals["days_followed"] <= NINETY)]
    since = new["days_followed"]
    phase = pd.Series(np.array(PHASES)[np.searchsorted([30, 60], since)], new.index, dtype="str")
    again = new["again_after_days"].notna()
    due = find_due(new, calendar)
    first = due.drop_duplicates("customer_id").set_index("customer_id")
    overdue = new["first_day"] + pd.Timedelta(days=usual_day + 1) if usual_day is not None else pd.NaT
    named = {name: _pick(known, *source, new.index) for name, source in SOURCES.items()}
    counted = due.groupby("customer_id").size().reindex(new.index).fillna(0)
    plan = pd.DataFrame(
        {
            "first_day": new["first_day"],
            "days_since": since,
            "phase": phase,
            "class": named["class"].fillna(UNKNOWN).mask(again, AGAIN),
            "tier": named["tier"],
            "stage": named["stage"],
            "need": named["need"].replace("", np.nan),
            "approached": np.nan if approached is None else approached.reindex(new.index).astype("float64"),
            "planned": counted.astype("int64"),
            "next_action": first["action"].reindex(new.index),
            "next_day": first["day"].reindex(new.index),
            "overdue_from": pd.Series(overdue, new.index, dtype="datetime64[us]").where(~again),
        },
        index=new.index,
    )
    assert (plan["next_day"].isna() | (plan["next_day"] > end)).all()
    return plan.sort_values(["first_day", "customer_id"])[COLUMNS]


SOURCES = {  # column of the plan -> table and column
    "class": ("newcomers", "class"),
    "tier": ("tiers", "tier_in_force"),
    "stage": ("stages", "stage"),
    "need": ("needs", "need"),
}


def find_due(newcomers: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """The planned contacts of newcomers until their ninety days are over, in order.

    Returns
    -------
    The rows of `calendar`, with `after` (days from the first purchase to the contact).
    """
    rows = calendar.join(newcomers["first_day"], on="customer_id", how="inner").reset_index(drop=True)
    rows = rows.assign(after=(rows["day"] - rows["first_day"]).dt.days).drop(columns="first_day")
    return rows[rows["after"] <= NINETY].sort_values(["day", "customer_id", "action"], ignore_index=True)


def count_reached(plan: pd.DataFrame) -> pd.DataFrame:
    """How many newcomers there are by phase, by class, and by whether we have reached or will reach them.

    Returns
    -------
    One row per `attribute` (phase, class, state) and `level` that somebody is in: `customers` (count). The
    states are `approached` by us since the first purchase; `planned`, of the others, with a contact to come
    within their ninety days; `nothing`.
    """
    states = np.select([plan["approached"].gt(0), plan["planned"].gt(0)], STATES[:2], STATES[2])
    groups = {"phase": (plan["phase"], PHASES), "class": (plan["class"], CLASSES)}
    groups["state"] = (pd.Series(states, plan.index), STATES)
    rows = [
        {"attribute": attribute, "level": level, "customers": int((values == level).sum())}
        for attribute, (values, levels) in groups.items()
        for level in levels
    ]
    counts = pd.DataFrame(rows)
    return counts[counts["customers"] > 0].reset_index(drop=True)


def count_overdue(plan: pd.DataFrame, *, as_of: str | pd.Timestamp) -> int:
    """Of how many newcomers the second order is overdue on the day `as_of`."""
    return int((plan["overdue_from"] <= pd.Timestamp(as_of)).sum())


def list_steps(plan: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """The ninety-day plan of each class: which contacts are to come for how many, by when in the ninety days.

    Returns
    -------
    One row per class and action, in the order in which they come: `class`, `action`, `customers` (count),
    `after` (median of the days from the first purchase to the contact), `first` and `last` (days on which it
    is due), `channel`, `owner_role`.
    """
    due = find_due(plan, calendar).assign(**{"class": lambda rows: rows["customer_id"].map(plan["class"])})
    grouped = due.groupby(["class", "action", "channel", "owner_role"], observed=True)
    steps = grouped.agg(
        customers=("customer_id", "nunique"),
        after=("after", "median"),
        first=("day", "min"),
        last=("day", "max"),
    ).reset_index()
    place = steps["class"].map({name: place for place, name in enumerate(CLASSES)})
    steps = steps.assign(place=place).sort_values(["place", "after", "action"], ignore_index=True)
    columns = ["class", "action", "customers", "after", "first", "last", "channel", "owner_role"]
    return steps[columns]


def _pick(known: Mapping[str, pd.DataFrame], table: str, column: str, customers: pd.Index) -> pd.Series:
    """A column of a table for these customers; all missing where there is no such table."""
    if table not in known:
        return pd.Series(np.nan, customers, dtype="str")
    return known[table][column].reindex(customers).astype("str")
