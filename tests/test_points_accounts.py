"""Points are followed from the day they were earned, the oldest spent first; nothing later counts."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import LoyaltyProgramme, read_policy
from crcm_lib.decisions import care, strategy
from crcm_lib.errors import PolicyError
from crcm_lib.features import care_days
from crcm_lib.features.points_accounts import (
    find_members,
    read_movements,
    summarise_points,
    trace_points,
    trace_points_back,
)
from crcm_lib.schema.engine import open_frames

AS_OF = "2025-12-31"


def loyalty(*rows: tuple, reason: bool = True) -> pd.DataFrame:
    columns = ["customer_id", "time", "points", "reason"]
    frame = pd.DataFrame(rows, columns=columns).assign(time=lambda f: pd.to_datetime(f["time"]))
    return frame if reason else frame.drop(columns="reason")


def trace(*rows: tuple, expire_days: int | None = 365, as_of: str = AS_OF):
    moves = read_movements(open_frames(loyalty=loyalty(*rows)), as_of=as_of)
    return trace_points(moves, as_of=as_of, expire_days=expire_days)


def by_hand(moves: pd.DataFrame, as_of: str, expire_days: int | None) -> pd.DataFrame:
    """The same, one movement after the other: what a clerk would do."""
    end, rows = pd.Timestamp(as_of), {}
    for customer, own in moves.groupby("customer_id"):
        lots, debt, expired = [], 0.0, 0.0
        for move in [*own.itertuples(), None]:
            day = end if move is None else move.time.normalize()
            for lot in lots:
                if expire_days is not None and lot[0] + pd.Timedelta(days=expire_days) <= day:
                    expired, lot[1] = expired + lot[1], 0.0
            if move is not None and move.points > 0:
                lots.append([day, move.points - min(debt, move.points)])
                debt -= min(debt, move.points)
            elif move is not None:
                wanted = -move.points
                for lot in lots:
                    taken = min(wanted, lot[1])
                    lot[1], wanted = lot[1] - taken, wanted - taken
                debt += wanted
        rows[customer] = {"expired": expired, "left": sum(lot[1] for lot in lots)}
    return pd.DataFrame(rows).T


def random_moves(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    count = random.integers(1, 50)
    day = pd.Timestamp("2024-06-01") + pd.to_timedelta(random.integers(0, 570, count), unit="D")
    time = day + pd.to_timedelta(random.integers(0, 86_000, count), unit="s")
    points = random.choice([*range(-12, 0), *range(1, 13)], count).astype(float)
    who = random.choice(["a", "b", "ü"], count)
    reason = random.choice(["purchase", "redeemed", "return"], count)
    return loyalty(*zip(who, time, points, reason, strict=True))


def test_the_oldest_points_are_spent_first_and_the_rest_expires():
    accounts = trace(
        ("a", "2024-10-01 09:00", 100, "purchase"),
        ("a", "2025-02-01 09:00", 50, "purchase"),
        ("a", "2025-03-01 09:00", -120, "redeemed"),  # 100 of October, 20 of February
        ("a", "2025-11-01 09:00", 10, "purchase"),
        ("b", "2024-12-31 23:59", 7, "welcome"),  # 365 days later is today: gone
        ("b", "2025-01-01 00:00", 5, "purchase"),  # can be used today for the last time
    )
    rows = accounts.members
    assert rows.loc["a", ["earned", "redeemed", "expired", "balance"]].to_list() == [160, 120, 0, 40]
    assert rows.loc["b", ["earned", "redeemed", "expired", "balance"]].to_list() == [12, 0, 7, 5]
    assert accounts.pieces.loc[accounts.pieces["way"] == "redeemed", "points"].to_list() == [100, 20]
    expired = accounts.pieces[accounts.pieces["way"] == "expired"].squeeze()
    assert (expired["points"], expired["gone"]) == (7, pd.Timestamp("2025-12-31"))
    assert rows.loc["a", "days_since_points"] == 60
    assert rows.loc["a", "member_since"] == pd.Timestamp("2024-10-01")
    assert rows.loc["a", "expiring_90d"] == 30  # of February, on 31 January
    assert accounts.expiries.to_dict("list") == {
        "customer_id": ["a", "a"],
        "day": [pd.Timestamp("2026-01-31"), pd.Timestamp("2026-10-31")],
        "points": [30.0, 10.0],
    }


@pytest.mark.parametrize("expire_days", [None, 1, 30, 365])
def test_follows_every_point_as_a_clerk_would(expire_days):
    parts = [random_moves(seed) for seed in range(25)]
    named = [part.assign(customer_id=part["customer_id"] + f"{n:02d}") for n, part in enumerate(parts)]
    moves = read_movements(open_frames(loyalty=pd.concat(named)), as_of=AS_OF)
    accounts = trace_points(moves, as_of=AS_OF, expire_days=expire_days)
    wanted = by_hand(moves, AS_OF, expire_days)
    ways = accounts.pieces.pivot_table("points", "customer_id", "way", aggfunc="sum")
    ways = ways.reindex(index=wanted.index, columns=["left", "expired"]).fillna(0.0)
    pd.testing.assert_frame_equal(ways, wanted[["left", "expired"]], check_names=False)
    assert accounts.members["expired"].to_list() == pytest.approx(wanted["expired"].to_list())


def test_what_a_movement_is_follows_from_its_reason_in_both_languages():
    accounts = trace(
        ("a", "2025-01-05", 100, "消费"),
        ("a", "2025-02-05", -10, "积分过期"),
        ("a", "2025-03-05", -20, "Points expired"),
        ("a", "2025-04-05", -5, "退货扣回"),
        ("a", "2025-05-05", -15, "兑换"),
        ("a", "2025-05-06", -1, None),
    )
    assert accounts.recorded
    ways = accounts.members.loc["a", ["redeemed", "reversed", "expired", "balance"]]
    assert ways.to_list() == [16, 5, 30, 49]


def test_recorded_expiry_alone_tells_the_past():
    rows = [("a", "2024-01-01", 100, "purchase"), ("b", "2024-01-01", 100, "purchase")]
    computed = trace(*rows).members["expired"]
    recorded = trace(*rows, ("b", "2025-06-01", -100, "expired")).members["expired"]
    assert (computed.to_list(), recorded.to_list()) == ([100, 100], [0, 100])


def test_more_redeemed_than_earned_is_a_debt_that_later_points_pay():
    accounts = trace(("a", "2025-01-01", -30, "redeemed"), ("a", "2025-02-01", 50, "purchase"))
    assert accounts.members.loc["a", "balance"] == 20
    assert accounts.pieces.loc[accounts.pieces["way"] == "left", "points"].sum() == 20
    only_debt = trace(("a", "2025-01-01", -30, "redeemed"))
    assert only_debt.members.loc["a", "balance"] == -30


def test_nothing_later_and_no_order_of_rows_changes_anything():
    moves = random_moves(3)
    early = moves[moves["time"] < "2025-07-01"]

    def members(frame: pd.DataFrame) -> pd.DataFrame:
        return trace_points_back(open_frames(loyalty=frame), as_of=AS_OF, days=184, expire_days=90).members

    known = members(early)
    pd.testing.assert_frame_equal(known, members(moves))
    pd.testing.assert_frame_equal(known, members(moves.sample(frac=1, random_state=1)))


def test_without_a_table_or_before_the_first_movement_there_are_no_members():
    for engine in (open_frames(), open_frames(loyalty=loyalty(("a", "2026-01-01", 9, "purchase")))):
        accounts = trace_points_back(engine, as_of=AS_OF, days=0, expire_days=365)
        assert (len(accounts.members), len(accounts.pieces), len(accounts.expiries)) == (0, 0, 0)
    assert find_members(open_frames(), as_of=AS_OF) is None
    assert len(summarise_points(open_frames(), as_of=AS_OF)) == 0


def test_movements_without_reasons_are_redemptions():
    frame = loyalty(("a", "2025-01-01", 10, ""), ("a", "2025-02-01", -4, ""), reason=False)
    assert read_movements(open_frames(loyalty=frame), as_of=AS_OF)["way"].to_list() == ["earned", "redeemed"]


def test_a_year_and_a_share_are_summed_as_the_movements_have_them():
    engine = open_frames(
        loyalty=loyalty(
            ("a", "2024-12-31", 40, "purchase"),
            ("a", "2025-01-01", 60, "purchase"),
            ("a", "2025-12-21", -25, "redeemed"),
            ("b", "2024-01-01", 10, "purchase"),
        )
    )
    points = summarise_points(engine, as_of=AS_OF)
    assert points.loc["a"].to_list() == [60, 25, 0.25, 10]
    assert points.loc["b"].to_list() == [0, 0, 0, 730]
    assert find_members(engine, as_of=AS_OF)["member_since"].to_list() == [
        pd.Timestamp("2024-12-31"),
        pd.Timestamp("2024-01-01"),
    ]


# What is done about it


def expiry_days(remind_points: float) -> list[tuple]:
    rows = [("a", "2025-02-10", 15, "x"), ("a", "2025-02-20", 9, "x"), ("b", "2025-02-10", 10, "x")]
    programme = LoyaltyProgramme(expire_days=365, remind_points=remind_points)
    policy = read_policy("policy.yaml").model_copy(update={"loyalty_programme": programme})
    found = care_days.list_care_days(
        open_frames(loyalty=loyalty(*rows)), as_of=AS_OF, days=120, policy=policy
    )
    return [(row.customer_id, f"{row.day:%m-%d}", row.points) for row in found.itertuples()]


def test_who_has_enough_points_that_expire_in_a_month_has_an_occasion():
    assert expiry_days(20) == [("a", "02-09", 24.0)]
    assert expiry_days(25) == []
    assert expiry_days(0) == [("a", "02-09", 24.0), ("b", "02-09", 10.0)]


def test_members_are_reminded_a_month_before_unless_they_refuse_the_channel():
    policy = read_policy("policy.yaml")
    days = pd.DataFrame({"customer_id": list("abc"), "occasion": "points_expiry", "points": 30.0})
    days["day"] = pd.Timestamp("2026-03-02")
    tiers = pd.Series("watch", list("abc"))
    planned = care.plan_care(tiers, days, policy, as_of=AS_OF, objectors={"b"}, refusing={"email": {"c"}})
    rows = planned[["customer_id", "action", "day", "points"]].to_dict("list")
    assert rows["customer_id"] == ["a", "b"]  # it is theirs, so that no consent to marketing is needed
    assert set(rows["action"]) == {"points expiry reminder"}
    assert rows["day"] == [pd.Timestamp("2026-01-31")] * 2
    assert rows["points"] == [30.0] * 2


def test_nobody_is_invited_who_is_a_member_already():
    policy = read_policy("policy.yaml")
    ids = pd.Index(["in", "out"], name="customer_id")
    tiers = pd.DataFrame({"tier_in_force": "key"}, ids)
    stages, value = pd.DataFrame({"stage": "loyal"}, ids), pd.DataFrame({"value": 900.0}, ids)
    members = pd.DataFrame({"member_since": pd.to_datetime(["2025-01-01"])}, ids[:1])

    def invited(**known) -> list[str]:
        situation = strategy.describe_situation(tiers, stages=stages, value=value, **known)
        rows = strategy.list_candidates(situation, policy, as_of=AS_OF)
        return rows.loc[rows["action"] == "loyalty programme", "customer_id"].to_list()

    assert invited(members=members) == ["out"]
    assert invited() == ["in", "out"]  # no table: nobody is known as a member


def test_an_occasion_of_expiry_needs_to_know_when_points_expire():
    with pytest.raises(PolicyError, match="when do points expire"):
        read_policy("policy.yaml", '{"loyalty_programme.expire_days": null}')
