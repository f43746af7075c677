"""Twelve monthly runs after a first one: how often tiers in force change, where nobody changes or spend does.

Whoever waits for a named person is approved before the next run, so that every change that the runs ask for
is made: with a person who looks, there are fewer.
"""

import numpy as np
import pandas as pd
from fixtures.decided import decide

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import approvals, scorecard
from crcm_lib.decisions.standings import Learned
from crcm_lib.features.customers import summarise_customers
from crcm_lib.models.clv import fit_value
from crcm_lib.schema.engine import Engine, open_frames
from worlds import World
from worlds.movement import AS_OF, CUSTOMERS, HISTORIES, NOTHING_LEARNED, draw_history

POLICY = read_policy("policy.yaml")
PLACES = {tier.name: number for number, tier in enumerate(POLICY.tiers)}
DAYS = [AS_OF - pd.DateOffset(months=12 - month) for month in range(13)]
THREE_YEARS, SEEDS = 1095, 20
CHANGED = 1  # the first run whose tables show doubled or halved spend
PROMPTLY, SOON = 2, 3  # runs


def propose(engine: Engine, day: pd.Timestamp) -> pd.DataFrame:
    """What a run of that day proposes, with everything learned on that day."""
    customers = summarise_customers(engine, as_of=day)
    value = fit_value(customers, purchase_model="BG/NBD", seed=0)
    raw = Learned(POLICY, value, NOTHING_LEARNED).gather(customers)
    model = scorecard.fit_scorecard(raw, POLICY, learned_on=f"{day:%Y-%m-%d}")
    return Learned(POLICY, value, model).measure(raw).tiers.drop(columns="tier_in_force")


def follow_runs(proposals: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """The table `tiers` of each run; who waits in one is approved on its next day."""
    runs: list[pd.DataFrame] = []
    for proposed, day in zip(proposals, DAYS, strict=True):
        waiting = runs[-1].index[runs[-1]["state"] == approvals.WAITS] if runs else ()
        signed = {name: {"decision": "approve", "day": day - pd.Timedelta(days=1)} for name in waiting}
        earlier = runs[-1] if runs else None
        runs.append(approvals.put_in_force(proposed, earlier, decide(**signed), POLICY, as_of=day))
    return runs


def measure_unchanged(seed: int) -> dict[str, float]:
    """Nobody changes: who changes tier in force within the year, at least once."""
    history = HISTORIES[seed % 5] | {"days": THREE_YEARS}
    engine = open_frames(transactions=draw_history(np.random.default_rng(seed), **history))
    runs = follow_runs([propose(engine, day) for day in DAYS])
    known = runs[0].index
    place = pd.DataFrame({n: run["tier_in_force"].map(PLACES).reindex(known) for n, run in enumerate(runs)})
    waited = pd.DataFrame({n: run["state"].eq(approvals.WAITS).reindex(known) for n, run in enumerate(runs)})
    fell = place.diff(axis=1) > 0
    in_queue = waited.shift(axis=1, fill_value=False)
    return {
        "flipped": float((place.diff(axis=1).iloc[:, 1:] != 0).any(axis=1).mean()),
        "waited": float((in_queue | ~fell).all(axis=None)),
        "queue": float(waited.iloc[:, 1:].mean(axis=None)),
        "proposed_otherwise": float((runs[-1]["tier_proposed"] != runs[-1]["tier_in_force"]).mean()),
    }


def measure_changed(seed: int) -> dict[str, float]:
    """From the second run on the tables show twice the spend of a tenth, and half the spend of another."""
    random = np.random.default_rng(seed)
    history = HISTORIES[seed % 5] | {"days": THREE_YEARS}
    before = draw_history(random, **history)
    factor = pd.Series(
        random.choice([2.0, 0.5, 1.0], CUSTOMERS, p=[0.1, 0.1, 0.8]),
        pd.Index([f"c{n:04}" for n in range(CUSTOMERS)]),
    )
    after = before.assign(amount=before["amount"] * before["customer_id"].map(factor))
    engines = open_frames(transactions=before), open_frames(transactions=after)
    proposals = [propose(engines[number >= CHANGED], day) for number, day in enumerate(DAYS)]
    runs = follow_runs(proposals)
    known = runs[0].index
    tiers = {
        column: pd.DataFrame({n: run[column].map(PLACES).reindex(known) for n, run in enumerate(runs)})
        for column in ("tier_proposed", "tier_in_force")
    }
    proposed = tiers["tier_proposed"]
    old, new = (part.mode(axis=1)[0] for part in (proposed.loc[:, : CHANGED - 1], proposed.loc[:, CHANGED:]))
    step = np.sign(old - new)  # above 0: to a better tier
    moved = (np.sign(np.log2(factor.reindex(known))) == step) & (step != 0)
    soon = proposed.loc[moved, CHANGED : CHANGED + PROMPTLY - 1].eq(new[moved], axis=0).any(axis=1)
    held, step = tiers["tier_in_force"].loc[moved], step[moved]
    followed = np.sign(held.rsub(held[CHANGED - 1], axis=0)).eq(step, axis=0)
    sides = {"up": followed[step > 0], "down": followed[step < 0]}
    return {
        "proposed": float(soon.mean()),
        **{f"{side}_soon": float(found[CHANGED + SOON - 1].mean()) for side, found in sides.items()},
        **{f"{side}_in_a_year": float(found[12].mean()) for side, found in sides.items()},
    }


ANY = (0, 1)
YEAR_OF_RUNS = (
    World(
        "year_nobody_changes",
        SEEDS,
        measure_unchanged,
        {"flipped": (0, 0.02), "waited": (1, 1), "queue": (0, 0.02), "proposed_otherwise": ANY},
    ),
    World(
        "year_spend_changes",
        SEEDS,
        measure_changed,
        {"proposed": (0.8, 1), "up_soon": (0.1, 1), "down_soon": (0.1, 1)}
        | dict.fromkeys(("up_in_a_year", "down_in_a_year"), (0.3, 1)),
    ),
)
