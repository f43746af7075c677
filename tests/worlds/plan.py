"""A test of an action is planned where its assumed effect can be seen: and is it said where it cannot?"""

import duckdb
import numpy as np
import pandas as pd

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import arms, strategy
from worlds import World, at_most_5_percent

POLICY = read_policy("policy.yaml")
AS_OF = pd.Timestamp("2025-12-31")
CUSTOMERS, ACTION, SEEDS = 1200, "next category", 100
WAVES, MOST = POLICY.control.waves, POLICY.control.most
BUY, SHAPE, SCALE = 0.7, 2.0, 50.0  # share who buy in the days before, and the gamma of what they spend
SPREAD = np.sqrt(BUY * SHAPE * (1 + SHAPE) * SCALE**2 - (BUY * SHAPE * SCALE) ** 2)
ERROR = SPREAD / np.sqrt(CUSTOMERS * WAVES * MOST * (1 - MOST))  # of the difference, all waves together
WITH_POWER_95, WITH_POWER_40 = (1.96 + 1.645) * ERROR, (1.96 - 0.253) * ERROR


def say_cannot(seed: int, effect: float) -> bool:
    """Whether no test on spend is planned of a rise of `effect` in 90 days, as too many would be needed."""
    random = np.random.default_rng(seed)
    ids = pd.Index([f"k{n}" for n in range(CUSTOMERS)], name="customer_id")
    spend = (random.gamma(SHAPE, SCALE, CUSTOMERS) * (random.random(CUSTOMERS) < BUY)).round(2)
    bought = pd.DataFrame({"customer_id": ids, "kind": "sale", "amount": spend})[spend > 0]
    days = (AS_OF - pd.Timedelta(days=back) for back in (40, 600))  # within the days before, and known long
    engine = duckdb.connect()
    lines = pd.concat([bought.assign(day=day, purchase_day=day) for day in days])
    engine.register("transactions", lines)
    playbook = [a.model_copy(update={"capacity": None}) for a in POLICY.playbook]
    policy = POLICY.model_copy(update={"playbook": tuple(playbook)})
    action = next(action for action in playbook if action.name == ACTION)
    year = effect / action.effect * POLICY.horizon_days / action.days  # the spend whose effect that is
    value = pd.DataFrame({"value": year * 0.3, "spend_expected": year}, index=ids)
    situation = strategy.describe_situation(pd.DataFrame({"tier_in_force": "key"}, index=ids), value=value)
    situation["stage"] = "growing"
    candidates = strategy.list_candidates(situation, policy, as_of=AS_OF)
    candidates = candidates[candidates["action"] == ACTION].assign(barred="")
    tests = arms.plan_tests(engine, candidates, situation, policy, as_of=AS_OF)
    return tests["plan"].item() == "none" or tests["sized_on"].item() != "spend"


def measure_enough(seed: int) -> dict[str, float]:
    """1 where it is said of an effect that a test finds in 95 % of the largest arms."""
    return {"claimed": say_cannot(seed, WITH_POWER_95)}


def measure_too_small(seed: int) -> dict[str, float]:
    """1 where it is said of an effect that a test finds in 40 % of the largest arms."""
    return {"claimed": say_cannot(seed, WITH_POWER_40)}


ENOUGH = World("arms_large_enough", SEEDS, measure_enough, {"claimed": (0, at_most_5_percent(SEEDS))})
TOO_SMALL = World("arms_too_small", SEEDS, measure_too_small, {"claimed": (0.8, 1)})
