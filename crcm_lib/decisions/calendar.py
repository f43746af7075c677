"""Actions -> who contacts whom on which working day, within what each role can do in a day."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.working_days import list_working_days

ONE_WEEK = pd.Timedelta(weeks=1)


def plan_calendar(actions: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """The table `calendar`: every planned contact, first things first, on working days after `as_of`.

    Working days are those of the country that the policy's `calendar` names. A role does at most
    `contact.per_day` of a channel in a day; what does not fit moves to its next working day. An action with
    `every_weeks` is repeated until its `days` are over. Standard offers and actions that need no approach are
    not on it.

    Parameters
    ----------
    actions
        The table `actions`.
    policy
        Its playbook and `contact`.
    as_of
        The last day before the plan begins.
    """
    playbook = {action.name: action for action in policy.playbook if action.contact and not action.standard}
    listed = actions.loc[
        actions["action"].isin(playbook), ["customer_id", "action", "channel", "owner_role", "priority"]
    ]
    listed = listed.reset_index(drop=True)
    first = np.datetime64(pd.Timestamp(as_of), "D") + 1
    repeats = {name: action.occasions for name, action in playbook.items()}
    planned = listed.loc[listed.index.repeat(listed["action"].map(repeats).astype("int64"))]
    step = planned.groupby(level=0).cumcount()
    weeks = planned["action"].map({name: action.every_weeks or 0 for name, action in playbook.items()})
    wished = pd.Timestamp(first) + (step * weeks).astype("int64") * ONE_WEEK
    planned = planned.assign(wished=wished.astype("datetime64[us]"), occasion=step + 1)
    planned = planned.sort_values(["wished", "priority", "customer_id", "action"], ignore_index=True)
    planned["day"] = _find_days(planned, policy.contact.per_day, policy.calendar.country)
    planned = planned.sort_values(["day", "priority", "customer_id", "action"], ignore_index=True)
    return planned[["day", "customer_id", "action", "occasion", "channel", "owner_role"]]


def count_workload(calendar: pd.DataFrame) -> pd.DataFrame:
    """How much work each week brings: a row per week (its Monday), a column per owner role, `contacts`."""
    week = calendar["day"].dt.to_period("W-SUN").dt.start_time.rename("week")
    counts = calendar.groupby([week, "owner_role"]).size().unstack(fill_value=0)  # noqa: PD010
    weeks = pd.date_range(week.min(), week.max(), freq="W-MON", name="week") if len(week) else counts.index
    return counts.reindex(weeks, fill_value=0).rename_axis(columns=None)


def count_late(calendar: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp) -> int:
    """How many first contacts come only after their action's comparison with the control group is over."""
    lasting = calendar["action"].map({action.name: action.days for action in policy.playbook})
    end = pd.Timestamp(as_of).normalize() + pd.to_timedelta(lasting.astype("float64"), unit="D")
    return int(((calendar["day"] > end) & (calendar["occasion"] == 1)).sum())


def _find_days(planned: pd.DataFrame, per_day: dict[str, int], country: str | None) -> np.ndarray:
    """Give each wish, in order, the first working day on which its role has room on its channel."""
    wishes = planned["wished"].to_numpy().astype("datetime64[D]")
    days = np.empty(len(planned), dtype="datetime64[D]")
    for rows in planned.groupby(["owner_role", "channel"]).indices.values():
        room = per_day.get(planned["channel"].iloc[rows[0]], len(rows))
        days[rows] = _queue(wishes[rows], room, country)
    return days.astype("datetime64[us]")


def _queue(wishes: np.ndarray, room: int, country: str | None = None) -> np.ndarray:
    """First come, first served, `room` a working day: wishes are sorted, and so is what comes back.

    >>> print(_queue(np.array(["2026-01-02"] * 3 + ["2026-01-07"], dtype="datetime64[D]"), 2))
    ['2026-01-02' '2026-01-02' '2026-01-05' '2026-01-07']
    """
    longest = 40 + 2 * -(-len(wishes) // room)  # days that hold so many places, long holidays included
    working = list_working_days(wishes[0], wishes[-1] + longest, country)
    ahead = np.searchsorted(working, wishes)  # working days from the first one to the wished day
    # A wish is served no earlier than wished, and `room` places after the wish `room` before it.
    place = np.arange(len(wishes))
    slots = np.maximum.accumulate(ahead * room - place) + place
    return working[slots // room]
