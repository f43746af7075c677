"""Claims of 08: that the criteria choose better than one number, and that those said to grow do."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.decisions.tier_backtest import Origin, compare_rules, follow_growth
from crcm_lib.schema.tables import ROOT
from worlds import World, at_most_5_percent

CUSTOMERS, ORIGINS = 800, 3
POLICY: Policy = read_policy(ROOT / "policy.yaml")


def draw_origins(seed: int, *, noise: float, others: float, growth: float) -> list[Origin]:
    """Past days on which tiers follow the customers' worth with one noise, and single numbers with another.

    The best 5 % by the noisy worth are strategic, the next 15 % key. Of the others a random third, of any
    spend, is called growth, and later spends `growth` times as much as its worth says.
    """
    random, origins = np.random.default_rng(seed), []
    worth = random.gamma(1, 100, CUSTOMERS)
    index = pd.Index([f"c{n:04d}" for n in range(CUSTOMERS)], name="customer_id")
    for number in range(ORIGINS):
        seen = worth * np.exp(noise * random.normal(size=CUSTOMERS))
        place = pd.Series(seen, index).rank(ascending=False, pct=True)
        lot = random.random(CUSTOMERS)
        rest = np.select([lot < 1 / 3, lot < 2 / 3], ["growth", "regular"], "watch")
        tier = np.select([place <= 0.05, place <= 0.20], ["strategic", "key"], rest)
        picks = worth[:, None] * np.exp(others * random.normal(size=(CUSTOMERS, 3)))
        placed = pd.DataFrame(picks, index, ["spend_365d", "value", "rfm"]).assign(tier=tier)
        spend = random.gamma(2, worth * np.where(tier == "growth", growth, 1) / 2)
        later = pd.DataFrame({"spend": spend, "bought_again": (spend > 60).astype(float)}, index)
        start = pd.Timestamp("2025-10-01") - pd.Timedelta(days=90 * number)
        origins.append(Origin(start, start + pd.Timedelta(days=90), placed, later))
    return origins


def measure_rules(noise: float, others: float, seed: int) -> dict[str, float]:
    """Whether the criteria are said to choose better, or worse, than any single number."""
    verdicts = set(compare_rules(draw_origins(seed, noise=noise, others=others, growth=1), POLICY)["verdict"])
    return {"said_better": "better" in verdicts, "said_worse": "worse" in verdicts}


def measure_growth(growth: float, seed: int) -> dict[str, float]:
    """Whether customers called growth are said to grow."""
    found = follow_growth(draw_origins(seed, noise=0.3, others=0.3, growth=growth), POLICY)
    return {"said_to_grow": found["verdict"].iloc[0] == "grows"}


NEVER_MORE = (0, at_most_5_percent(400))
NO_BETTER_CRITERIA = World(
    "criteria_no_better",
    400,
    lambda seed: measure_rules(0.4, 0.4, seed),
    {"said_better": NEVER_MORE, "said_worse": NEVER_MORE},
)
BETTER_CRITERIA = World(
    "criteria_better",
    100,
    lambda seed: {"said_better": measure_rules(0.2, 0.8, seed)["said_better"]},
    {"said_better": (0.8, 1)},
)
WORSE_CRITERIA = World(
    "criteria_worse",
    100,
    lambda seed: {"said_worse": measure_rules(0.8, 0.2, seed)["said_worse"]},
    {"said_worse": (0.8, 1)},
)
NO_GROWTH = World("nobody_grows", 400, lambda seed: measure_growth(1.0, seed), {"said_to_grow": NEVER_MORE})
GROWTH = World("some_grow", 100, lambda seed: measure_growth(1.5, seed), {"said_to_grow": (0.8, 1)})
