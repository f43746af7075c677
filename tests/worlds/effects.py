"""Actions that do nothing, and tiers without an order: is any effect or order claimed? And their twins."""

from functools import partial

import numpy as np
import pandas as pd
from scipy.special import ndtr

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import outcomes
from crcm_lib.schema.tables import ROOT
from worlds import World, at_most_5_percent

POLICY = read_policy(ROOT / "policy.yaml")
ACTIONS = [f"action {number:02d}" for number in range(24)]  # as many as a full playbook has
TIERS = {"strategic": 50, "key": 150, "growth": 200, "regular": 250, "watch": 350}
SKEW = 1.2  # standard deviation of the logarithm of what a buyer spends
LASTING = 0.7  # share of the variance of a customer's luck that is the same on all days
DAY = pd.Timestamp("2025-07-04")
SEEDS, TWINS = 400, 100


def spend_of(random: np.random.Generator, buys: np.ndarray, level: np.ndarray | float = 1.0) -> np.ndarray:
    """Skewed spend: zero for those who do not buy, else lognormal with the median `30 * level`."""
    customers = len(buys)
    return np.where(random.random(customers) < buys, 30 * level * random.lognormal(0, SKEW, customers), 0)


def draw_waves(random: np.random.Generator, action: str, customers: int, spend: np.ndarray) -> pd.DataFrame:
    """Customers of an action in two waves, of which the second spends more and has more controls."""
    second = random.random(customers) < 0.3
    control = random.random(customers) < np.where(second, 0.3, 0.1)
    chosen = np.where(second, 2.5, 1.0) * random.choice(spend, customers, replace=False)
    return pd.DataFrame(
        {
            "action": action,
            "start": np.where(second, "2025-06-01", "2025-03-01"),
            "arm": np.where(control, "control", "treatment"),
            "spend": chosen,
            "bought_again": (chosen > 0).astype(float),
        }
    )


def claims_of(verdicts: pd.Series, upward: str, downward: str) -> dict[str, float]:
    """1 where anything is claimed in a report, and by direction."""
    up, down = (float((verdicts == name).any()) for name in (upward, downward))
    return {"claimed": max(up, down), upward: up, downward: down}


def measure_no_effect(seed: int) -> dict[str, float]:
    """One report on the default playbook; all actions draw on the same customers, and none does anything."""
    random = np.random.default_rng(seed)
    spend = spend_of(random, np.full(1500, random.uniform(0.15, 0.95)))
    waves = [draw_waves(random, action, random.integers(40, 400), spend) for action in ACTIONS]
    return claims_of(outcomes.compare_arms(pd.concat(waves), seed=seed)["verdict"], "higher", "lower")


def measure_effects(seed: int) -> dict[str, float]:
    """The same, but one action of 400 lets 80 instead of 45 % buy, and one of 2,000 triples their spend."""
    random = np.random.default_rng(seed)
    spend = spend_of(random, np.full(2000, 0.45))
    waves = {action: draw_waves(random, action, random.integers(40, 400), spend) for action in ACTIONS[2:]}
    for action, customers, buys, level in ((ACTIONS[0], 400, 0.8, 1.0), (ACTIONS[1], 2000, 0.45, 3.0)):
        wave = draw_waves(random, action, customers, spend)
        treated = wave["arm"] == "treatment"
        drawn = spend_of(random, np.where(treated, buys, 0.45), np.where(treated, level, 1.0))
        waves[action] = wave.assign(spend=drawn, bought_again=(drawn > 0).astype(float))
    found = outcomes.compare_arms(pd.concat(waves.values()), seed=seed).set_index(["action", "outcome"])
    verdicts = found["verdict"]
    others = verdicts.drop(index=[ACTIONS[0], ACTIONS[1]], level="action")
    return {
        "buying_found": float(verdicts[ACTIONS[0], "bought_again"] == "higher"),
        "spend_found": float(verdicts[ACTIONS[1], "spend"] == "higher"),
        "others_claimed": float(others.isin(("higher", "lower")).any()),
    }


def draw_tiers(seed: int, buys: dict[str, float], levels: dict[str, float]) -> pd.DataFrame:
    """Tiers whose customers buy again by `buys` and spend by `levels`, followed from one day."""
    random = np.random.default_rng(seed)
    names = np.repeat(list(TIERS), list(TIERS.values()))
    spend = spend_of(random, *(pd.Series(names).map(each).to_numpy(float) for each in (buys, levels)))
    return as_followed(names, spend, DAY)


def draw_tiers_of_days(seed: int, buys: dict[str, float], levels: dict[str, float]) -> pd.DataFrame:
    """The same, followed from three days: the same customers in the same tiers, most of whose luck lasts."""
    random = np.random.default_rng(seed)
    names = np.repeat(list(TIERS), list(TIERS.values()))
    often, much = (pd.Series(names).map(each).to_numpy(float) for each in (buys, levels))
    lasting = random.normal(size=(2, len(names)))
    days = []
    for number in range(3):
        luck = np.sqrt(LASTING) * lasting + np.sqrt(1 - LASTING) * random.normal(size=lasting.shape)
        spend = np.where(ndtr(luck[0]) < often, 30 * much * np.exp(SKEW * luck[1]), 0)
        days.append(as_followed(names, spend, DAY - pd.Timedelta(days=90 * number)))
    return pd.concat(days)


def as_followed(names: np.ndarray, spend: np.ndarray, start: pd.Timestamp) -> pd.DataFrame:
    """The table `past_tiers`, of one day."""
    index = pd.Index([f"c{n}" for n in range(len(names))])
    later = pd.DataFrame({"spend": spend, "purchases": (spend > 0).astype(int)}, index)
    end = start + pd.Timedelta(days=90)
    return outcomes.follow_day(pd.Series(names, index), later, start=start, end=end)


def judge_order(followed: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each tier against the one below."""
    return outcomes.compare_neighbours(followed, list(TIERS), seed=seed)


def measure_no_order(seed: int, draw=draw_tiers) -> dict[str, float]:
    """Five tiers of customers who are all alike."""
    buys = dict.fromkeys(TIERS, np.random.default_rng(seed).uniform(0.15, 0.95))
    pairs = judge_order(draw(seed, buys, dict.fromkeys(TIERS, 1.0)), seed)
    return claims_of(pairs["verdict"], "kept", "reversed")


def measure_equal_means(seed: int) -> dict[str, float]:
    """Five tiers that spend alike on average: in the best 95 % buy, in the last 20 %, but far more each.

    Who spends most is in few samples: so what is falsely claimed is nearly always that the order was kept.
    """
    buys = dict(zip(TIERS, (0.95, 0.8, 0.6, 0.4, 0.2), strict=True))
    pairs = judge_order(draw_tiers(seed, buys, {name: 1 / share for name, share in buys.items()}), seed)
    return claims_of(pairs.loc[pairs["outcome"] == "spend", "verdict"], "kept", "reversed")


def measure_order(seed: int, draw=draw_tiers) -> dict[str, float]:
    """Five tiers, each spending twice as much as the one below and 15 points more buying again."""
    buys = dict(zip(TIERS, (0.95, 0.8, 0.65, 0.5, 0.35), strict=True))
    pairs = judge_order(draw(seed, buys, dict(zip(TIERS, (16, 8, 4, 2, 1), strict=True))), seed)
    said = {name: outcomes.tier_order_verdict(pairs, name) for name in outcomes.OUTCOMES}
    found = {f"{name}_kept": float(verdict in ("kept", "kept_in_part")) for name, verdict in said.items()}
    return found | {"reversed": float((pairs["verdict"] == "reversed").any())}


FALSE = (0, at_most_5_percent(SEEDS))
NO_EFFECT = World("no_effect", SEEDS, measure_no_effect, dict.fromkeys(("claimed", "higher", "lower"), FALSE))
EFFECTS = World(
    "planted_effects",
    TWINS,
    measure_effects,
    {"buying_found": (0.8, 1), "spend_found": (0.8, 1), "others_claimed": (0, at_most_5_percent(TWINS))},
)
CLAIMS = dict.fromkeys(("claimed", "kept", "reversed"), FALSE)
FOUND = {"spend_kept": (0.8, 1), "bought_again_kept": (0.8, 1), "reversed": (0, at_most_5_percent(TWINS))}
NO_ORDER = World("no_tier_order", SEEDS, measure_no_order, CLAIMS)
NO_ORDER_OF_DAYS = World(
    "no_tier_order_of_days", SEEDS, partial(measure_no_order, draw=draw_tiers_of_days), CLAIMS
)
EQUAL_MEANS = World("tiers_of_equal_means", SEEDS, measure_equal_means, CLAIMS)
ORDER = World("tier_order", TWINS, measure_order, FOUND)
ORDER_OF_DAYS = World("tier_order_of_days", TWINS, partial(measure_order, draw=draw_tiers_of_days), FOUND)
