"""Movements of points -> the account of each member of the loyalty programme, oldest points spent first."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.schema.engine import Engine, columns_of, has

# Words of the reason why points were taken off; every other movement below zero is a redemption.
EXPIRED = ("expir", "lapse", "forfeit", "过期", "失效", "到期", "清零")
REVERSED = ("return", "refund", "revers", "correct", "cancel", "退货", "退款", "冲正", "撤销", "更正")
KINDS = ("redeemed", "reversed", "expired")
YEAR = 365  # days
AHEAD = 90  # days in which points are said to expire soon


@dataclass(frozen=True)
class PointsAccounts:
    """What became of every point earned by a day.

    Attributes
    ----------
    members
        Indexed by `customer_id`, all who ever had a movement: `member_since` (day of the first), `earned`,
        `redeemed`, `reversed`, `expired`, `balance` (points left; below zero where more was taken than
        earned), `earned_365d`, `redeemed_365d` (points in the last 365 days), `days_since_points` (days since
        the last movement of their own: earned or redeemed), `expiring_90d` (points that expire in the 90
        days ahead, unless used; missing where points do not expire).
    pieces
        Points earned at one time that went one way at one time: `customer_id`, `earned` (time), `points`,
        `way` (redeemed, reversed, expired, or left), `gone` (time; missing for what is left).
    expire_days
        After how many days points expire; None where they do not.
    recorded
        True where the movements themselves say what expired; else expiry is computed from `expire_days`.
    """

    members: pd.DataFrame
    pieces: pd.DataFrame
    expire_days: int | None
    recorded: bool
    as_of: pd.Timestamp

    @cached_property
    def expiries(self) -> pd.DataFrame:
        """What is left and will expire: `customer_id`, `day` (the last on which it can be used), `points`."""
        left = self.pieces[self.pieces["way"] == "left"]
        if self.expire_days is None:
            return pd.DataFrame(columns=["customer_id", "day", "points"])
        last = left["earned"].dt.normalize() + pd.Timedelta(days=self.expire_days - 1)
        ahead = left.assign(day=last)[last > self.as_of]
        summed = ahead.groupby(["customer_id", "day"], as_index=False)["points"].sum()
        return summed.sort_values(["day", "customer_id"], ignore_index=True)


def read_movements(engine: Engine, *, as_of) -> pd.DataFrame:
    """The movements of points by the end of `as_of`: `customer_id`, `time`, `points`, `way`, in order.

    `way` is `earned`, or one of `KINDS`, from the words of `reason`. No rows without the table `loyalty`.
    """
    columns = ["customer_id", "time", "points", "reason"]
    if has(engine, "loyalty"):
        reason = "reason" if "reason" in columns_of(engine, "loyalty") else "''"
        moves = engine.execute(f"""
            select customer_id, time, points, coalesce({reason}, '') as reason
            from loyalty where time < {end_of(as_of)} and points <> 0
            order by customer_id, time, points desc
        """).df()
    else:
        moves = pd.DataFrame(columns=columns)
    moves = moves.astype({"time": "datetime64[us]", "points": "float64"})
    ways = {word: _way(word.lower()) for word in moves["reason"].unique()}
    taken = moves["reason"].map(ways).astype("object")
    return moves.assign(way=taken.where(moves["points"] < 0, "earned")).drop(columns="reason")


def _way(reason: str) -> str:
    if any(word in reason for word in EXPIRED):
        return "expired"
    return "reversed" if any(word in reason for word in REVERSED) else "redeemed"


def summarise_points(engine: Engine, *, as_of) -> pd.DataFrame:
    """What members earned and redeemed, as the movements have it.

    Returns
    -------
    Indexed by `customer_id`: `earned_365d` and `redeemed_365d` (points of the last 365 days),
    `redeemed_share` (0…1, of all points ever earned), `days_since_points` (days since the last point was
    earned or redeemed).
    """
    end = pd.Timestamp(as_of).normalize()
    moves = read_movements(engine, as_of=end)
    moves = moves[moves["way"].isin(["earned", "redeemed"])]
    points, earned = moves["points"].abs().astype("float64"), moves["way"] == "earned"
    late = moves["time"] >= end - pd.Timedelta(days=YEAR - 1)
    who = moves["customer_id"]
    sums = pd.DataFrame(
        {
            "earned_365d": points.where(earned & late, 0.0).groupby(who).sum(),
            "redeemed_365d": points.where(~earned & late, 0.0).groupby(who).sum(),
        }
    )
    total, used = points.where(earned, 0.0).groupby(who).sum(), points.where(~earned, 0.0).groupby(who).sum()
    sums["redeemed_share"] = (used / total.where(total > 0)).clip(upper=1.0)
    last = pd.to_datetime(moves.groupby("customer_id")["time"].max()).dt.normalize()
    sums["days_since_points"] = (end - last).dt.days.astype("float64")
    return sums.rename_axis("customer_id").sort_index()


def find_members(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """Since when each member has had points, `member_since` by `customer_id`; None without the table."""
    if not has(engine, "loyalty"):
        return None
    first = "select customer_id, min(time) as time from loyalty where time < {} group by customer_id"
    since = engine.execute(first.format(end_of(as_of))).df().set_index("customer_id")["time"].dt.normalize()
    return since.rename("member_since").to_frame().sort_index()


def trace_points(moves: pd.DataFrame, *, as_of, expire_days: int | None) -> PointsAccounts:
    """Follow every point from the day it was earned: redeemed, taken back, expired, or left.

    The oldest points are spent first. All points of a member lie on one line in the order they were earned,
    and whatever takes points off takes the next piece of that line. Just before each such movement at time
    t, all that was earned by t less `expire_days` is gone: with E the points earned by a time and B those
    taken before t, max over the times so far of E(t − expire_days) − B(t) have expired.

    Parameters
    ----------
    moves
        From `read_movements`.
    as_of
        The last day known; points can be used on it.
    expire_days
        Points can be used for so many days, the day they were earned included; None: they do not expire.
        Where movements say what has expired, those alone tell the past.
    """
    end = pd.Timestamp(as_of).normalize()
    recorded = bool((moves["way"] == "expired").any())
    line = _place_on_line(moves, end, None if recorded else expire_days)
    pieces = _cut(line, end, None if recorded else expire_days)
    members = _sum_up(moves, pieces, end)
    accounts = PointsAccounts(members, pieces, expire_days, recorded, end)
    return PointsAccounts(_with_expiries(members, accounts), pieces, expire_days, recorded, end)


def trace_points_back(engine: Engine, *, as_of, days: int, expire_days: int | None) -> PointsAccounts:
    """The accounts as they were known so many days before `as_of`."""
    then = pd.Timestamp(as_of).normalize() - pd.Timedelta(days=days)
    return trace_points(read_movements(engine, as_of=then), as_of=then, expire_days=expire_days)


def _place_on_line(moves: pd.DataFrame, end: pd.Timestamp, expire_days: int | None) -> pd.DataFrame:
    """Each movement with the piece of the line that it adds or takes: `low`, `high`; all members in a row."""
    who = moves["customer_id"].astype("category").cat.codes.to_numpy("int64")
    points = moves["points"].to_numpy("float64")
    gain, loss = np.maximum(points, 0.0), np.maximum(-points, 0.0)
    by = pd.Series(who)
    earned = pd.Series(gain).groupby(by).cumsum().to_numpy()
    taken = (pd.Series(loss).groupby(by).cumsum() - loss).to_numpy()
    expired = np.zeros(len(moves))
    if expire_days is not None and len(moves):
        since = moves["time"].dt.normalize() - moves["time"].min().normalize()
        day = since.dt.days.to_numpy("int64")
        span = int(day.max()) + expire_days + 2
        key = who * span + day
        before = np.searchsorted(key, who * span + np.maximum(day - expire_days, -1), side="right") - 1
        own = (before >= 0) & (who[np.maximum(before, 0)] == who)
        due = np.where(own, earned[np.maximum(before, 0)], 0.0)
        over = pd.Series(np.maximum(due - taken, 0.0)).groupby(by)
        expired = over.cummax().to_numpy()
    low = np.where(gain > 0, earned - gain, taken + expired)
    high = np.where(gain > 0, earned, taken + expired + loss)
    reach = pd.Series(high).groupby(by).max()
    base = (reach.cumsum() - reach).reindex(who).to_numpy() if len(moves) else np.zeros(0)
    return moves.assign(low=low + base, high=high + base)


def _cut(line: pd.DataFrame, end: pd.Timestamp, expire_days: int | None) -> pd.DataFrame:
    """The pieces: the line cut wherever points were earned or taken."""
    columns = ["customer_id", "earned", "points", "way", "gone"]
    if line.empty:
        empty = pd.DataFrame(columns=columns)
        return empty.astype({"earned": "datetime64[us]", "gone": "datetime64[us]", "points": "float64"})
    lots, taken = line[line["way"] == "earned"], line[line["way"] != "earned"]
    marks = np.unique(np.concatenate([lots["low"], lots["high"], taken["low"], taken["high"]]))
    low, high = marks[:-1], marks[1:]
    middle = (low + high) / 2
    lot, in_lot = _find_within(lots, middle)
    move, in_move = _find_within(taken, middle)
    kept = in_lot & (high - low > 1e-9)
    lot, move, in_move = lot[kept], move[kept], in_move[kept]
    pieces = lots.iloc[lot][["customer_id", "time"]].rename(columns={"time": "earned"}).reset_index(drop=True)
    pieces["points"] = (high - low)[kept]
    gone = pd.Series(pd.NaT, pieces.index, dtype="datetime64[us]")
    way = pd.Series("left", pieces.index, dtype="object")
    if in_move.any():
        way[in_move] = taken["way"].to_numpy()[move[in_move]]
        gone[in_move] = taken["time"].to_numpy("datetime64[us]")[move[in_move]]
    if expire_days is not None:
        last = pieces["earned"].dt.normalize() + pd.Timedelta(days=expire_days)
        over = (way == "left") & (last <= end)
        way, gone = way.mask(over, "expired"), gone.mask(over, last)
    return pieces.assign(way=way, gone=gone).astype({"earned": "datetime64[us]", "gone": "datetime64[us]"})


def _find_within(rows: pd.DataFrame, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each place on the line the row whose piece holds it, and whether there is one."""
    if rows.empty:
        return np.zeros(len(at), dtype=int), np.zeros(len(at), dtype=bool)
    found = np.searchsorted(rows["low"].to_numpy(), at, side="right") - 1
    place = np.maximum(found, 0)
    return place, (found >= 0) & (at < rows["high"].to_numpy()[place])


def _sum_up(moves: pd.DataFrame, pieces: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """The points of each member by the way they went, and what of it is of the last year."""
    who, points = moves["customer_id"], moves["points"].abs().astype("float64")
    ways = {way: points.where(moves["way"] == way, 0.0).groupby(who).sum() for way in ("earned", *KINDS)}
    members = pd.DataFrame(ways).rename_axis("customer_id").sort_index()
    if not (moves["way"] == "expired").any():
        expired = pieces.loc[pieces["way"] == "expired"].groupby("customer_id")["points"].sum()
        members["expired"] = expired.reindex(members.index).fillna(0.0)
    members["balance"] = members["earned"] - members[list(KINDS)].sum(axis=1)
    late = moves["time"] >= end - pd.Timedelta(days=YEAR - 1)
    for way in ("earned", "redeemed"):
        year = points.where((moves["way"] == way) & late, 0.0).groupby(who).sum()
        members[f"{way}_365d"] = year.reindex(members.index)
    own = moves[moves["way"].isin(["earned", "redeemed"])].groupby("customer_id")["time"].max()
    members["days_since_points"] = (end - own.dt.normalize()).dt.days.reindex(members.index).astype("float64")
    first = moves.groupby("customer_id")["time"].min().dt.normalize()
    members.insert(0, "member_since", first.reindex(members.index).astype("datetime64[us]"))
    return members


def _with_expiries(members: pd.DataFrame, accounts: PointsAccounts) -> pd.DataFrame:
    if accounts.expire_days is None:
        return members.assign(expiring_90d=np.nan)
    soon = accounts.expiries[accounts.expiries["day"] <= accounts.as_of + pd.Timedelta(days=AHEAD)]
    points = soon.groupby("customer_id")["points"].sum().astype("float64")
    return members.assign(expiring_90d=points.reindex(members.index).fillna(0.0))
