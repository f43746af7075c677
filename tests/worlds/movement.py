"""Customers none of whom changes, and twins in which a fifth does: what is said of movement between tiers?"""

from functools import partial

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Condition, Criterion, Indicator, Tier, read_policy
from crcm_lib.decisions import scorecard, tier_moves
from crcm_lib.decisions.standings import Learned, MeasuredDay, PublishedDay, reach
from crcm_lib.features.customers import purchase_gaps, summarise_customers
from crcm_lib.features.redrawn_histories import (
    FEWEST_COPIES,
    gather_copies,
    redraw_histories,
    split_copies,
    summarise_redrawn,
)
from crcm_lib.models import lifecycle, rfm
from crcm_lib.models.clv import fit_value
from crcm_lib.schema.engine import Engine, open_frames
from worlds import World, at_most_5_percent

AS_OF = pd.Timestamp("2025-12-31")
CUSTOMERS, COPIES, SEEDS, TWINS = 1000, 4, 400, 50
TWO_YEARS, ELEVEN_MONTHS, MONTH = 730, 330, 23  # days
LATELY = 180  # days, in which a fifth of a twin's customers changes
INDICATORS = {  # criterion -> its indicators: table, column, what is better
    "contribution": [("customer_features", "spend_365d", "higher"), ("value", "value", "higher")],
    "loyalty": [
        ("customer_features", "purchases_365d", "higher"),
        ("customer_features", "days_observed", "higher"),
        ("customer_features", "days_since_last", "lower"),
    ],
    "potential": [
        ("customer_features", "spend_trend", "higher"),
        ("value", "expected_purchases", "higher"),
    ],
}
CRITERIA = tuple(
    Criterion(
        name=name,
        zh="",
        weight=weight,
        indicators=tuple(
            Indicator(name=column, table=table, column=column, better=better, weight=1 / len(reads))
            for table, column, better in reads
        ),
    )
    for (name, reads), weight in zip(INDICATORS.items(), (0.5, 0.3, 0.2), strict=True)
)
WHEN = {
    "strategic": {"score": 0.05},
    "key": {"score": 0.2},
    "growth": {"potential": 0.3, "score": 0.7},
    "regular": {"score": 0.6},
    "watch": {},
}
TIERS = tuple(
    Tier(name=name, zh="", when={of: Condition(top_share=share) for of, share in when.items()}, because="-")
    for name, when in WHEN.items()
)
# The policy's margin moves hardly anybody; what is judged here is the statistics of movement, at none.
NO_MARGIN = '{"approvals.margin": 0}'
POLICY = read_policy("policy.yaml", NO_MARGIN).model_copy(update={"criteria": CRITERIA, "tiers": TIERS})

HISTORIES = ({}, {"days": ELEVEN_MONTHS}, {"shape": 4.0}, {"shape": 0.5}, {"season": 0.5})
NOTHING_LEARNED = scorecard.ScorecardModel(
    policy_version=1, learned_on="", customers=0, scales={}, weights=(), cutoffs=()
)


def draw_history(
    random: np.random.Generator, *, days: int = TWO_YEARS, shape: float = 1.0, factor=1.0, season: float = 0.0
) -> pd.DataFrame:
    """Purchases of customers with a pace of their own and gamma gaps; lately `factor` times that pace.

    With a season the pace of all swings by this share over the year.
    """
    gap = 20 / random.gamma(2, 0.5, CUSTOMERS).clip(0.05)
    steps = int((days * np.max(factor) / gap).max() * 2 + 30)
    waited = random.gamma(shape, gap[:, None] / shape, (CUSTOMERS, steps))
    waited[:, 0] *= random.random(CUSTOMERS)
    own_time = np.cumsum(waited, axis=1)
    lately = days - LATELY
    speed = np.maximum(np.broadcast_to(factor, CUSTOMERS), 1e-9)[:, None]
    moment = np.where(own_time < lately, own_time, lately + (own_time - lately) / speed)
    year = np.arange(days + 1)
    even = np.cumsum(1 + season * np.sin(2 * np.pi * year / 365 + random.uniform(0, 2 * np.pi)))
    moment = np.interp(moment, (even - even[0]) / (even[-1] - even[0]) * days, year, right=np.inf)
    customer, step = np.nonzero(moment < days)
    return as_transactions(customer, moment[customer, step].astype(int), days, random)


def draw_monthly(random: np.random.Generator) -> pd.DataFrame:
    """Purchases of customers who buy once in each of their own months, of 15 to 60 days, on any day of it."""
    month = random.integers(15, 60, CUSTOMERS)
    customer, number = np.nonzero(np.arange(50)[None, :] < (TWO_YEARS // month)[:, None])
    day = ((number + random.random(len(number))) * month[customer]).astype(int)
    return as_transactions(customer, day, TWO_YEARS, random)


def as_transactions(
    customer: np.ndarray, day: np.ndarray, days: int, random: np.random.Generator
) -> pd.DataFrame:
    """The clean table: one line a day, amounts about each customer's own."""
    usual = np.exp(random.normal(3.5, 0.6, CUSTOMERS))
    amount = usual[customer] * np.exp(random.normal(0, 0.4, len(customer)))
    when = AS_OF - pd.to_timedelta(days - 1 - day, unit="D")
    ids = pd.Index([f"c{n:04}" for n in range(CUSTOMERS)])[customer]
    rows = pd.DataFrame({"customer_id": ids, "day": when, "amount": amount.round(2)})
    once = rows.groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    return once.assign(purchase_day=once["day"], kind="sale")


def learn(customers: pd.DataFrame, day: pd.Timestamp) -> PublishedDay:
    """What a run of that day would have published."""
    value = fit_value(customers, purchase_model="BG/NBD", seed=0)
    raw = Learned(POLICY, value, NOTHING_LEARNED).gather(customers)
    learned = Learned(POLICY, value, scorecard.fit_scorecard(raw, POLICY, learned_on=f"{day:%Y-%m-%d}"))
    return PublishedDay(learned.measure(raw), learned)


def judge(
    engine: Engine, days: int, seed: int, *, published: bool = False, copies: int = COPIES
) -> dict[str, float]:
    """What 10 says of the movement of these customers, and how it is tilted.

    With `published`, the tiers of the past day are those that a run of that day gave.
    """
    dates = (tier_moves.choose_past(AS_OF - pd.Timedelta(days=days), AS_OF, compare_days=LATELY), AS_OF)
    known = [summarise_customers(engine, as_of=day) for day in dates]
    redrawn = redraw_histories(engine, past=dates[0], as_of=AS_OF, seed=seed, copies=copies)
    again = [summarise_redrawn(redrawn, each, as_of=day) for each, day in zip(known, dates, strict=True)]
    now = learn(known[1], AS_OF)
    then = learn(known[0], dates[0]) if published else MeasuredDay(now.learned.gather(known[0]))
    stood, copies = then.beside(now).tiers, then.place_copies(again, now)
    after = reach(stood, now.standing.tiers, POLICY)
    before = stood["tier_proposed"].loc[after.index]
    seen, moved = after != before, [one != other for one, other in copies]
    place_of = {name: number for number, name in enumerate(WHEN)}
    steps = after.map(place_of) - before.map(place_of)
    counts = [split_copies(each[["purchases"]]) for each in again]
    since = [(b["purchases"] - a["purchases"]).dropna() for a, b in zip(*counts, strict=True)]
    bought = (known[1]["purchases"] - known[0]["purchases"]).dropna()
    movement = tier_moves.judge_movement(gather_copies(seen, moved), gather_copies(bought, since))
    said = {movement.moved, movement.pace}
    return {
        "off": abs(float(seen.mean()) - movement.share_by_chance),
        "tilted": abs(float((steps < 0).mean() - (steps > 0).mean())),
        "more": float("more" in said),
        "fewer": float("fewer" in said),
        "moved_more": float(movement.moved == "more"),
    }


def judge_segments(engine: Engine, days: int, seed: int) -> dict[str, float]:
    """What 03 says of the movement of these customers between segments."""
    dates = (tier_moves.choose_past(AS_OF - pd.Timedelta(days=days), AS_OF, compare_days=LATELY), AS_OF)
    known = [summarise_customers(engine, as_of=day) for day in dates]
    windows = lifecycle.learn_windows(purchase_gaps(engine, as_of=AS_OF))
    redrawn = redraw_histories(engine, past=dates[0], as_of=AS_OF, seed=seed, copies=FEWEST_COPIES)
    again = [summarise_redrawn(redrawn, each, as_of=day) for each, day in zip(known, dates, strict=True)]

    def name(customers: pd.DataFrame) -> pd.Series:
        absence = lifecycle.grade_absence(customers, lifecycle.assign_stages(customers, windows))
        return rfm.segment_customers(customers, absence, POLICY.rfm)

    named = [
        [name(each) for each in (*split_copies(copies), seen)]
        for copies, seen in zip(again, known, strict=True)
    ]
    *changed, moved = [after.loc[before.index] != before for before, after in zip(*named, strict=True)]
    days_before = days - (AS_OF - dates[0]).days
    movement = rfm.judge_moves(gather_copies(moved, changed), days_before=days_before)
    return {
        "off": abs(movement.moved - movement.by_chance),
        "more": float(movement.verdict == "more"),
    }


def measure_segments(seed: int) -> dict[str, float]:
    """Nobody changes; histories are long or short, at random, regular, clumped, or of a season."""
    history = HISTORIES[seed % 5]
    engine = open_frames(transactions=draw_history(np.random.default_rng(seed), **history))
    return judge_segments(engine, history.get("days", TWO_YEARS), seed)


def measure_segments_leaving(seed: int) -> dict[str, float]:
    """Three of ten buy nothing more."""
    random = np.random.default_rng(seed)
    factor = random.choice([0.0, 1.0], CUSTOMERS, p=[0.3, 0.7])
    return judge_segments(open_frames(transactions=draw_history(random, factor=factor)), TWO_YEARS, seed)


def measure_unchanged(seed: int, **history) -> dict[str, float]:
    """Nobody changes."""
    random = np.random.default_rng(seed)
    engine = open_frames(transactions=draw_history(random, **history))
    return judge(engine, history.get("days", TWO_YEARS), seed)


def measure_month(seed: int) -> dict[str, float]:
    """Nobody changes; most have bought once, so that many equal customers cross a border together."""
    engine = open_frames(transactions=draw_history(np.random.default_rng(seed), days=MONTH))
    return judge(engine, MONTH, seed, copies=FEWEST_COPIES)


def measure_published(seed: int) -> dict[str, float]:
    """Nobody changes, beside published tiers; histories as in `measure_segments`."""
    history = HISTORIES[seed % 5]
    engine = open_frames(transactions=draw_history(np.random.default_rng(seed), **history))
    return judge(engine, history.get("days", TWO_YEARS), seed, published=True)


def measure_rhythm(seed: int) -> dict[str, float]:
    """Nobody changes: in turn purchases are regular, clumped, or of a season."""
    return measure_unchanged(seed, **({"shape": 4.0}, {"shape": 0.5}, {"season": 0.5})[seed % 3])


def measure_pace(seed: int) -> dict[str, float]:
    """A tenth buys twice as often lately, another tenth half as often."""
    random = np.random.default_rng(seed)
    factor = random.choice([2.0, 0.5, 1.0], CUSTOMERS, p=[0.1, 0.1, 0.8])
    return judge(open_frames(transactions=draw_history(random, factor=factor)), TWO_YEARS, seed)


def measure_leaving(seed: int, *, published: bool = False) -> dict[str, float]:
    """A fifth buys nothing more."""
    random = np.random.default_rng(seed)
    factor = random.choice([0.0, 1.0], CUSTOMERS, p=[0.2, 0.8])
    engine = open_frames(transactions=draw_history(random, factor=factor))
    return judge(engine, TWO_YEARS, seed, published=published)


def measure_monthly(seed: int) -> dict[str, float]:
    """The number of purchases hardly varies, though the days between them do."""
    return judge(open_frames(transactions=draw_monthly(np.random.default_rng(seed))), TWO_YEARS, seed)


SELDOM, ANY = (0, at_most_5_percent(SEEDS)), (0, 1)
UNCHANGED = {"off": (0, 0.03), "tilted": (0, 0.03), "more": SELDOM, "fewer": SELDOM, "moved_more": SELDOM}
CHANGED = dict.fromkeys(UNCHANGED, ANY)
MOVEMENT = (
    World("nobody_changes", SEEDS, measure_unchanged, UNCHANGED),
    World("nobody_changes_short", SEEDS, partial(measure_unchanged, days=ELEVEN_MONTHS), UNCHANGED),
    World("nobody_changes_rhythm", SEEDS, measure_rhythm, UNCHANGED),
    World("nobody_changes_month", SEEDS, measure_month, UNCHANGED | {"tilted": ANY}),
    World("published_nobody_changes", SEEDS, measure_published, UNCHANGED | {"tilted": ANY}),
    World(
        "published_a_fifth_leaves",
        TWINS,
        partial(measure_leaving, published=True),
        CHANGED | {"moved_more": (0.8, 1), "fewer": (0, 0.05)},
    ),
    World("a_fifth_changes_pace", TWINS, measure_pace, CHANGED | {"more": (0.8, 1), "fewer": (0, 0.05)}),
    World("a_fifth_leaves", TWINS, measure_leaving, CHANGED | {"moved_more": (0.8, 1), "fewer": (0, 0.05)}),
    World("once_a_month", TWINS, measure_monthly, CHANGED | {"fewer": (0.8, 1), "more": (0, 0.05)}),
    World(
        "segments_nobody_changes",
        SEEDS,
        measure_segments,
        {"off": (0, 0.03), "more": SELDOM},
    ),
    World(
        "segments_three_of_ten_leave",
        TWINS,
        measure_segments_leaving,
        {"off": ANY, "more": (0.8, 1)},
    ),
)
