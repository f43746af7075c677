"""Occasions -> who is thought of on which day: birthdays, contracts, complaints, debts, silence, events."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Care, Policy
from crcm_lib.decisions.working_days import list_unannounced, name_holidays
from crcm_lib.models.interaction import INACTIVE

DAYS = 90  # ahead
FACTS = ["points", "owed", "days_overdue"]  # of an occasion, beside its day
COLUMNS = ["customer_id", "action", "occasion", "day", *FACTS, "channel", "owner_role", "cost"]
BEGAN_BEFORE = (
    "second_order",
    "silence",
)  # occasions that last: due at once where they began before the plan
FIRST_STAGES = {"new", "one order"}  # an action for these alone is one for who has just begun


def plan_care(
    tiers: pd.Series,
    days: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
    objectors: set[str],
    refusing: dict[str, set[str]],
    actions: pd.DataFrame | None = None,
    situation: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The table `care`: what is done for whom on which of their days, in the `DAYS` after `as_of`.

    Parameters
    ----------
    tiers
        Each customer's tier, by `customer_id`.
    days
        From `features.care_days.list_care_days`.
    policy
        Its `care` and the country of its `calendar`.
    as_of
        The last day before the plan begins.
    objectors
        Who gets the standard offer only: no greeting, but what belongs to a contract or a complaint.
    refusing
        Who refuses each channel, which nothing overrides.
    actions
        The table `actions`: who is approached by the same channel for being new is not asked about the second
        order besides. None: there is no plan.
    situation
        From `strategy.describe_situation`: who has spent more gets the seats of an event, and who is a member
        of the loyalty programme; None: seats go by tier alone, and nobody is one.

    Returns
    -------
    One row per customer and entry of the policy, the first day where there are several: `action` (its name),
    `occasion`, `day` (when it is due: days before or after that of the occasion; of a silence or a second
    order overdue that began before, the first day of the plan), `points` (of a points expiry), `owed` and
    `days_overdue` (of an overdue), `channel`, `owner_role`, `cost`. Who is approached about a complaint that
    nobody answered is not asked besides whether it stayed resolved; who is called about what they owe gets no
    greeting and no survey. To an event so many are invited as it has seats, and nobody once the day of the
    invitation is over.
    """
    start = pd.Timestamp(as_of).normalize()
    end = start + pd.Timedelta(days=DAYS)
    parts, owing = [], find_owing(days, tiers, policy)
    for entry in policy.care:
        barred = _bar(entry, objectors | owing, refusing)
        if entry.occasion == "event":
            found = list_guests(entry, tiers, policy, barred=barred, situation=situation)
            found = found.iloc[: entry.seats]
        else:
            found = _holidays(entry, tiers, start, end, policy) if entry.occasion == "holiday" else days
        found = found[found["occasion"] == entry.occasion]
        kept = found[found["customer_id"].map(tiers).isin(entry.tiers).to_numpy(bool)]
        kept = kept[~kept["customer_id"].isin(barred)]
        if entry.occasion == "second_order" and actions is not None:
            kept = kept[~kept["customer_id"].isin(_find_welcomed(actions, policy, entry.channel))]
        due = kept["day"] + pd.Timedelta(days=entry.days_after - entry.days_before)
        if entry.occasion in BEGAN_BEFORE:
            due = due.where(due > start, start + pd.Timedelta(days=1))
        kept = kept.assign(day=due, action=entry.name, channel=entry.channel)
        kept = kept.assign(owner_role=entry.owner_role, cost=float(entry.cost))
        kept = kept[(kept["day"] > start) & (kept["day"] <= end)]
        parts.append(kept.sort_values("day").drop_duplicates("customer_id"))
    planned = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    waiting = planned.loc[planned["occasion"] == "unanswered_complaint", "customer_id"]
    planned = planned[(planned["occasion"] != "complaint") | ~planned["customer_id"].isin(waiting)]
    planned = planned.reindex(columns=COLUMNS).astype(dict.fromkeys(FACTS, "float64"))
    planned["day"] = pd.to_datetime(planned["day"]).astype("datetime64[us]")
    return planned.sort_values(["day", "customer_id", "action"], ignore_index=True)


def find_owing(days: pd.DataFrame, tiers: pd.Series, policy: Policy) -> set[str]:
    """Who is called about what they owe: an overdue of `days`, in a tier for which `care` has the entry."""
    called = {tier for entry in policy.care if entry.occasion == "overdue" for tier in entry.tiers}
    late = days.loc[days["occasion"] == "overdue", "customer_id"]
    return set(late[late.map(tiers).isin(called).to_numpy(bool)])


def _bar(entry: Care, unasked: set[str], refusing: dict[str, set[str]]) -> set[str]:
    """Who is left out of an entry: who refuses its channel, and, save of service, who is not to be asked."""
    return refusing.get(entry.channel, set()) | (set() if entry.is_service else unasked)


def list_guests(
    entry: Care,
    tiers: pd.Series,
    policy: Policy,
    *,
    barred: set[str],
    situation: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Who could be invited to an event, those who get a seat first: `customer_id`, `occasion`, `day`.

    The better tier comes first, then who has spent more, then the id; parameters as in `plan_care`.
    """
    known = pd.DataFrame(index=tiers.index) if situation is None else situation.reindex(tiers.index)
    able = tiers[tiers.isin(entry.tiers) & ~tiers.index.isin(list(barred))]
    if entry.members_only:
        able = (
            able[known.loc[able.index, "member_since"].notna()] if "member_since" in known else able.iloc[:0]
        )
    order = {tier.name: place for place, tier in enumerate(policy.tiers)}
    rank = pd.DataFrame(
        {"tier": able.map(order).astype("float64"), "id": able.index.astype("str")}, able.index
    )
    rank["less"] = -known.loc[able.index, "spend_total"].fillna(0.0) if "spend_total" in known else 0.0
    ids = rank.sort_values(["tier", "less", "id"]).index
    return pd.DataFrame({"customer_id": ids, "occasion": "event", "day": pd.Timestamp(entry.day or "NaT")})


def count_waiting(
    tiers: pd.Series,
    days: pd.DataFrame,
    policy: Policy,
    *,
    as_of: str | pd.Timestamp,
    objectors: set[str],
    refusing: dict[str, set[str]],
    situation: pd.DataFrame | None = None,
) -> dict[str, int]:
    """How many have no seat at each event whose invitations `plan_care` plans, and could come otherwise.

    Parameters as in `plan_care`; events where nobody waits are left out.
    """
    start, waiting = pd.Timestamp(as_of).normalize(), {}
    objectors = objectors | find_owing(days, tiers, policy)
    for entry in policy.care:
        if entry.occasion != "event" or entry.seats is None:
            continue
        due = pd.Timestamp(entry.day or "NaT") - pd.Timedelta(days=entry.days_before)
        barred = _bar(entry, objectors, refusing)
        able = len(list_guests(entry, tiers, policy, barred=barred, situation=situation))
        if start < due <= start + pd.Timedelta(days=DAYS) and able > entry.seats:
            waiting[str(entry.name)] = able - entry.seats
    return waiting


def drop_inactive(days: pd.DataFrame, stages: pd.Series) -> pd.DataFrame:
    """The occasions without the silences of customers who are lost or have never bought.

    Parameters
    ----------
    days
        From `features.care_days.list_care_days`.
    stages
        Each customer's stage; whoever has none is dropped too.
    """
    active = stages.index[stages.notna() & ~stages.isin(INACTIVE)]
    return days[(days["occasion"] != "silence") | days["customer_id"].isin(active)]


def count_days_ahead(policy: Policy) -> int:
    """How many days after `as_of` an occasion may lie of which something is due within `DAYS`."""
    return DAYS + max((entry.days_before for entry in policy.care), default=0)


def list_unknown_years(policy: Policy, *, as_of: str | pd.Timestamp) -> list[int]:
    """The years of the plan whose public holidays the policy's country has not announced yet."""
    start = np.datetime64(pd.Timestamp(as_of), "D")
    return list_unannounced(start, start + DAYS, policy.calendar.country)


def _find_welcomed(actions: pd.DataFrame, policy: Policy, channel: str) -> set[str]:
    """Whom the plan approaches by this channel with an action for newcomers alone."""
    names = [
        action.name
        for action in policy.playbook
        if action.contact and action.channel == channel and action.stages and {*action.stages} <= FIRST_STAGES
    ]
    return set(actions.loc[actions["action"].isin(names), "customer_id"])


def _holidays(
    entry: Care, tiers: pd.Series, start: pd.Timestamp, end: pd.Timestamp, policy: Policy
) -> pd.DataFrame:
    """The first day of the holidays that an entry names, for every customer."""
    last = end + pd.Timedelta(days=entry.days_before)
    named = name_holidays(np.datetime64(start, "D"), np.datetime64(last, "D"), policy.calendar.country)
    first: dict[str, pd.Timestamp] = {}
    for wanted in entry.holidays:
        of_it = [day for day, name in named.items() if wanted.lower() in name.lower()]
        first |= {wanted: min(of_it)} if of_it else {}
    rows = [pd.DataFrame({"customer_id": tiers.index, "day": day}) for day in first.values()]
    found = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["customer_id", "day"])
    return found.assign(occasion="holiday", day=pd.to_datetime(found["day"]))
