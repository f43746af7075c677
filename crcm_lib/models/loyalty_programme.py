"""Points accounts -> what the programme has given and still owes, who uses it, and who joined it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.features.points_accounts import PointsAccounts
from crcm_lib.models.matched_comparison import NOTHING, MatchedComparison, compare_matched

GROUPS = 20  # of members, for the jackknife
STUDENT_95 = 2.093  # of a t distribution with GROUPS - 1 degrees of freedom
LONGEST = 730  # days that redemption is followed where points do not expire
NUMBERS = ("purchases_365d", "spend_365d", "days_since_last")  # that members and others are matched on
WAYS = ("redeemed", "expired", "reversed", "left")
ALIKE = "subject_type"


@dataclass(frozen=True)
class Redemption:
    """How many of the points earned are redeemed by each age, and what that says of those left.

    Attributes
    ----------
    curve
        `days` since they were earned and `share` of points redeemed by then, with 95 % interval `low`,
        `high`.
    until
        The age in days to which redemption is followed: when points expire, else the oldest known, at most
        730.
    left
        Points left, of whatever age.
    expected, low, high
        How many of them will be redeemed before `until`, with its 95 % interval; missing with fewer than
        `GROUPS` members.
    """

    curve: pd.DataFrame
    until: int
    left: float
    expected: float
    low: float
    high: float


def total_ways(accounts: PointsAccounts) -> pd.DataFrame:
    """Where the points earned have gone: `way` (one of `WAYS`), `members`, `points`, `share` of all "
    "earned."""
    by_way = accounts.pieces.groupby("way")
    rows = pd.DataFrame(
        {"members": by_way["customer_id"].nunique(), "points": by_way["points"].sum()}, index=list(WAYS)
    ).fillna(0)
    rows["share"] = rows["points"] / max(rows["points"].sum(), 1e-12)
    return rows.rename_axis("way").reset_index().astype({"members": "int64"})


def count_months(accounts: PointsAccounts, *, months: int = 24) -> pd.DataFrame:
    """Points earned, redeemed and expired in each of the last months that are over.

    Columns: `month`, `way`, `members`, `points`, `largest_share` (part of them that one member moved).
    """
    end = (accounts.as_of + pd.Timedelta(days=1)).to_period("M")
    pieces, parts = accounts.pieces, []
    for way, column in (("earned", "earned"), ("redeemed", "gone"), ("expired", "gone")):
        moved = pieces if way == "earned" else pieces[pieces["way"] == way]
        month = moved[column].dt.to_period("M")
        shown = moved[(month < end) & (month >= end - months)]
        each = shown.groupby([month[shown.index].rename("month"), "customer_id"])["points"].sum()
        parts.append(sum_members(each, "month").assign(way=way))
    found = pd.concat(parts, ignore_index=True)
    columns = ["month", "way", "members", "points", "largest_share"]
    month = pd.PeriodIndex(found["month"], freq="M").to_timestamp()
    typed = found.assign(month=month).astype(
        {"members": "int64", "points": "float64", "largest_share": "float64"}
    )
    return typed[columns]


def count_expiries(accounts: PointsAccounts) -> pd.DataFrame:
    """Points that expire in each month ahead unless used: `month`, `members`, `points`, `largest_share`."""
    rows = accounts.expiries
    month = pd.to_datetime(rows["day"]).dt.strftime("%Y-%m").rename("month")
    return sum_members(rows.groupby([month, "customer_id"])["points"].sum().astype("float64"), "month")


def sum_members(points: pd.Series, by: str) -> pd.DataFrame:
    """Points of each group and member, summed to one row per group, with the part of the largest member."""
    by_group = points.groupby(level=by)
    rows = by_group.agg(members="size", points="sum", most="max").reset_index()
    rows["largest_share"] = rows["most"] / rows["points"].where(rows["points"] > 0)
    return rows.drop(columns="most")


def follow_redemption(accounts: PointsAccounts) -> Redemption:
    """The share of points redeemed by age, those not over counted as far as they are known.

    Kaplan & Meier (1958, JASA 53, 457-481) with points as weights; points taken back, expired or still left
    are followed to the day on which they were. Points of one member are not independent: the intervals are a
    jackknife over 20 groups of members (Shao & Tu 1995, The Jackknife and Bootstrap, section 2.2).
    """
    pieces = accounts.pieces
    oldest = int((accounts.as_of - pieces["earned"].min()).days) if len(pieces) else 0
    until = accounts.expire_days or min(oldest, LONGEST)
    if pieces.empty or until < 1:
        nothing = pd.DataFrame(columns=["days", "share", "low", "high"], dtype="float64")
        return Redemption(nothing, until, 0.0, *[np.nan] * 3)
    last = pieces["gone"].fillna(accounts.as_of)
    age = (last.dt.normalize() - pieces["earned"].dt.normalize()).dt.days.to_numpy().clip(0, until)
    group = pieces["customer_id"].astype("category").cat.codes.to_numpy("int64") % GROUPS
    redeemed = (pieces["way"] == "redeemed").to_numpy()
    points = pieces["points"].to_numpy("float64")
    ended = _add_up(group, age, points, until)
    used = _add_up(group[redeemed], age[redeemed], points[redeemed], until)
    left = (pieces["way"] == "left").to_numpy()
    still = _add_up(group[left], age[left], points[left], until).sum(axis=0)
    whole = _redeem(used.sum(axis=0), ended.sum(axis=0))
    each = np.array(
        [_redeem(used.sum(axis=0) - used[g], ended.sum(axis=0) - ended[g]) for g in range(GROUPS)]
    )
    expected = _expect(whole, still)
    if len(accounts.members) < GROUPS:
        ends = np.full((2, until + 1), np.nan)
        low = high = np.nan
    else:
        ends = _interval(whole, each, 1.0)
        low, high = _interval(expected, np.array([_expect(curve, still) for curve in each]), still.sum())
    curve = {"days": np.arange(until + 1), "share": whole, "low": ends[0], "high": ends[1]}
    return Redemption(pd.DataFrame(curve), until, float(still.sum()), expected, float(low), float(high))


def _add_up(group: np.ndarray, age: np.ndarray, points: np.ndarray, until: int) -> np.ndarray:
    """Points by group of members and by age."""
    flat = np.bincount(group * (until + 1) + age, weights=points, minlength=GROUPS * (until + 1))
    return flat.reshape(GROUPS, until + 1)


def _redeem(used: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """The share redeemed by each age: one less the product of what is not redeemed at each."""
    at_risk = np.maximum(ended[::-1].cumsum()[::-1], 1e-12)
    return 1 - np.cumprod(1 - np.clip(used / at_risk, 0, 1))


def _expect(redeemed: np.ndarray, still: np.ndarray) -> float:
    """How many of the points left will be redeemed, those of each age as others of that age were."""
    kept = 1 - redeemed
    later = 1 - np.divide(kept[-1], kept, out=np.ones_like(kept), where=kept > 0)
    return float((still * later).sum())


def _interval(whole: np.ndarray | float, each: np.ndarray, most: float) -> np.ndarray:
    spread = (GROUPS - 1) / GROUPS * ((each - each.mean(axis=0)) ** 2).sum(axis=0)
    width = STUDENT_95 * np.sqrt(spread)
    return np.clip(np.array([whole - width, whole + width]), 0.0, most)


def check_redemption(then: PointsAccounts, now: PointsAccounts) -> dict[str, float]:
    """What redemption until an earlier day said of the points left on it, against what came of them since.

    Returns
    -------
    `left` (points on that day), `expected` (to be redeemed by today, at most until they expire), `actual`.
    """
    seen = follow_redemption(then)
    ahead = int((now.as_of - then.as_of).days)
    rest = then.pieces[then.pieces["way"] == "left"]
    age = (then.as_of - rest["earned"].dt.normalize()).dt.days.to_numpy().clip(0, seen.until)
    kept = 1 - seen.curve["share"].to_numpy() if len(seen.curve) else np.ones(1)
    later = kept[np.minimum(age + ahead, seen.until)]
    expected = (rest["points"] * (1 - later / np.maximum(kept[age], 1e-12))).sum()
    since = now.pieces[
        (now.pieces["way"] == "redeemed") & (now.pieces["earned"] <= then.as_of + pd.Timedelta(days=1))
    ]
    actual = since.loc[since["gone"] >= then.as_of + pd.Timedelta(days=1), "points"].sum()
    return {"left": float(rest["points"].sum()), "expected": float(expected), "actual": float(actual)}


def place_levels(members: pd.DataFrame, levels: dict[str, float]) -> pd.Series:
    """Each member's level by the points earned in a year: the highest that they reach, or "" for none.

    Parameters
    ----------
    members
        Of `PointsAccounts`.
    levels
        The policy's, name -> points earned in 365 days.
    """
    placed = pd.Series("", members.index, dtype="str", name="level")
    for name, points in sorted(levels.items(), key=lambda level: level[1]):
        placed = placed.mask(members["earned_365d"] >= points, name)
    return placed


def summarise_levels(members: pd.DataFrame, levels: dict[str, float], spend: pd.Series) -> pd.DataFrame:
    """Members by level, the highest first: `level` ("" for none), members, points earned and redeemed in a "
    "year, spend."""
    frame = members.assign(level=place_levels(members, levels), spend=spend.reindex(members.index))
    order = [name for name, _points in sorted(levels.items(), key=lambda level: -level[1])]
    sums = {"earned": ("earned_365d", "sum"), "redeemed": ("redeemed_365d", "sum")}
    sums |= {name: (name, "sum") for name in ("balance", "spend")}
    by_level = frame.groupby("level").agg(members=("balance", "size"), **sums)
    return by_level.reindex([*order, ""]).fillna(0).astype({"members": "int64"}).reset_index()


def count_tiers(members: pd.DataFrame, tiers: pd.Series, order: list[str]) -> pd.DataFrame:
    """Members among the customers of each tier: `tier`, `members`, `customers`, `share`."""
    is_member = tiers.index.isin(members.index)
    by_tier = (
        pd.Series(is_member, tiers.index).groupby(tiers.astype("str")).agg(["sum", "size"]).reindex(order)
    )
    counts = by_tier.fillna(0).astype("int64").set_axis(["members", "customers"], axis=1)
    share = counts["members"] / counts["customers"].where(counts["customers"] > 0)
    return counts.assign(share=share).rename_axis("tier").reset_index()


def compare_members(accounts: PointsAccounts, windows: list[Holdout], *, seed: int = 0) -> MatchedComparison:
    """Members on the day a window began beside others of that day who were like them.

    Who was a member is asked on that day and not later, because whoever buys on has more time to join
    (immortal time; Suissa 2008, American Journal of Epidemiology 167, 492-499). Compared are the purchase
    days and the spend of the first of these windows, per customer, by `compare_matched`; without a window
    nobody is compared.
    """
    if not windows:
        return NOTHING
    window = windows[0]
    customers = window.customers
    since = accounts.members["member_since"].reindex(customers.index)
    outcomes = pd.DataFrame({"purchases": window.purchases, "spend": window.spend}, index=customers.index)
    words = [ALIKE] if ALIKE in customers else []
    numbers = [name for name in NUMBERS if name in customers]
    return compare_matched(
        outcomes.fillna(0.0), since <= window.start, customers, numbers=numbers, words=words, seed=seed
    )
