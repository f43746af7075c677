"""Actions -> who contacts whom on which working day, within what each role can do in a day."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.working_days import list_working_days

ONE_WEEK = pd.Timedelta(weeks=1)
COLUMNS = ["day", "customer_id", "action", "occasion", "channel", "owner_role"]


def find_begun(
    calendar: pd.DataFrame | None,
    running: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
    objectors: set[str],
    refusing: Mapping[str, set[str]],
    owing: set[str] | None = None,
) -> pd.DataFrame:
    """The contacts after `as_of` of actions that an earlier run began and that are reported as going on.

    Parameters
    ----------
    calendar
        The table `calendar` of the earlier run; None: there is none.
    running
        From `assignment_history.gather_assignments`: whom an action is reported to be done for, until when.
    policy
        Of an action that its playbook no longer has nothing is to come.
    as_of
        The last day that is known.
    objectors
        Customers who may not be approached any more.
    refusing
        Customers who refuse a channel, by channel.
    owing
        Customers who are called about what they owe, from `care.find_owing`: nothing is sold to them.

    Returns
    -------
    Columns of `calendar`, and `cost` of each contact, which an earlier plan has counted.
    """
    playbook = {action.name: action for action in policy.playbook if action.contact and not action.standard}
    if calendar is None or running.empty:
        return pd.DataFrame(columns=[*COLUMNS, "cost"])
    on = running["reported"].astype(bool) & (running["arm"] == "treatment")
    on &= (running["end"] >= pd.Timestamp(as_of)) & ~running["customer_id"].isin(objectors)
    keys = running.loc[on, ["customer_id", "action"]].drop_duplicates()
    to_come = calendar[(calendar["day"] > pd.Timestamp(as_of)) & calendar["action"].isin(playbook)]
    begun = to_come.merge(keys, on=["customer_id", "action"])
    for channel, customers in refusing.items():
        begun = begun[(begun["channel"] != channel) | ~begun["customer_id"].isin(customers)]
    selling = [name for name, action in playbook.items() if action.sells]
    begun = begun[~(begun["action"].isin(selling) & begun["customer_id"].isin(owing or set()))]
    cost = begun["action"].map({name: float(action.cost) for name, action in playbook.items()})
    return begun[COLUMNS].assign(cost=cost.astype("float64")).reset_index(drop=True)


def plan_calendar(
    actions: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
    care: pd.DataFrame | None = None,
    begun: pd.DataFrame | None = None,
    quiet: pd.Series | None = None,
) -> pd.DataFrame:
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
        Its playbook, `contact` and `calendar`.
    as_of
        The last day before the plan begins.
    care
        The table `care`: an occasion has its day before anything else is planned, the working day before
        where it is none or is full, and only where all of these are full a later one.
    begun
        From `find_begun`: these keep their days, and what else is planned has the room that is left.
    quiet
        From `interaction_counts.find_quiet`: until which day a customer is not approached anew. What would
        come earlier comes as soon as that is over, an occasion too; service keeps its day.
    """
    begun = pd.DataFrame(columns=COLUMNS) if begun is None else begun
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
    planned = planned.assign(wished=wished.astype("datetime64[us]"), occasion=step + 1, is_care=False)
    if care is not None and len(care):
        days = care[["customer_id", "action", "channel", "owner_role"]].assign(wished=care["day"], occasion=1)
        planned = pd.concat([days.assign(priority=0, is_care=True), planned], ignore_index=True)
    planned = planned.assign(earliest=_find_earliest(planned, policy, quiet))
    later = planned["wished"].where(planned["is_care"], planned[["wished", "earliest"]].max(axis=1))
    planned = planned.assign(wished=later)
    planned = planned.sort_values(["wished", "priority", "customer_id", "action"], ignore_index=True)
    planned["day"] = _find_days(planned, policy, first, begun)
    if len(begun):
        planned = pd.concat([begun.assign(priority=0), planned], ignore_index=True)
    return planned.sort_values(["day", "priority", "customer_id", "action"], ignore_index=True)[COLUMNS]


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


def _find_earliest(planned: pd.DataFrame, policy: Policy, quiet: pd.Series | None) -> pd.Series:
    """The first day on which each contact may be: the day after a quiet time, for service any."""
    service = [action.name for action in policy.playbook if action.lever == "service"]
    service += [entry.name for entry in policy.care if entry.is_service]
    until = planned["customer_id"].map({} if quiet is None else quiet.to_dict())
    day = pd.to_datetime(until).astype("datetime64[us]") + pd.Timedelta(days=1)
    return day.where(~planned["action"].isin(service)).fillna(pd.Timestamp("1970-01-01"))


def _find_days(
    planned: pd.DataFrame, policy: Policy, first: np.datetime64, begun: pd.DataFrame
) -> np.ndarray:
    """Give each wish, in order, a working day on which its role has room on its channel beside `begun`."""
    wishes = planned["wished"].to_numpy().astype("datetime64[D]")
    care = planned["is_care"].to_numpy(bool)
    earliest = planned["earliest"].to_numpy().astype("datetime64[D]")
    days = np.empty(len(planned), dtype="datetime64[D]")
    for rows in map(np.asarray, planned.groupby(["owner_role", "channel"]).indices.values()):
        role, channel = planned.loc[rows[0], ["owner_role", "channel"]]
        room = policy.contact.per_day.get(channel, len(rows))
        mine = begun.loc[(begun["owner_role"] == role) & (begun["channel"] == channel), "day"]
        longest = 40 + 2 * -(-(len(rows) + len(mine)) // room)  # days that hold so many, holidays included
        end = max(wishes[rows].max(), earliest[rows].max(), first) + longest
        working = list_working_days(first, end, policy.calendar.country)
        kept = np.isin(taken := mine.to_numpy().astype("datetime64[D]"), working)
        used = np.bincount(np.searchsorted(working, taken[kept]), minlength=len(working))
        rooms = np.maximum(room - used, 0)
        before = rows[care[rows]]
        placed = place_before(np.searchsorted(working, wishes[before], "right") - 1, rooms)
        fits = (placed >= 0) & (working[placed] >= earliest[before])
        days[before[fits]] = working[placed[fits]]
        rooms = rooms - np.bincount(placed[fits], minlength=len(working))
        after = np.union1d(rows[~care[rows]], before[~fits])
        wished = np.maximum(wishes[after], earliest[after])
        order = np.argsort(wished, kind="stable")
        days[after[order]] = working[place_after(np.searchsorted(working, wished[order]), rooms)]
    return days.astype("datetime64[us]")


def place_after(wishes: np.ndarray, rooms: np.ndarray) -> np.ndarray:
    """First come, first served: the first day from the wished one on that has room.

    Parameters
    ----------
    wishes
        Number of each wished day, never falling.
    rooms
        How many places each day has; enough in all.

    Examples
    --------
    >>> place_after(np.array([0, 0, 0, 3]), np.array([2, 2, 2, 2])).tolist()
    [0, 0, 1, 3]
    """
    places = np.concatenate([[0], np.cumsum(rooms)])  # taken by the days before each
    order = np.arange(len(wishes))
    taken = np.maximum.accumulate(places[wishes] - order) + order
    days: np.ndarray = np.searchsorted(places, taken, side="right") - 1
    return days


def place_before(wishes: np.ndarray, rooms: np.ndarray) -> np.ndarray:
    """The last day up to the wished one that has room, the latest wishes first; -1 where there is none.

    >>> place_before(np.array([0, 0, 0, 3, 3]), np.array([2, 1, 1, 1])).tolist()
    [0, 0, -1, 3, 2]
    """
    backwards, last = rooms[::-1], len(rooms) - 1
    order = np.argsort(-wishes, kind="stable")
    asked = last - wishes[order]
    unasked = asked > last  # before the first day
    found = place_after(np.where(unasked, last, asked), np.append(backwards, len(wishes)))
    days = np.empty(len(wishes), dtype=int)
    days[order] = np.where(unasked | (found > last), -1, last - found)
    return days
