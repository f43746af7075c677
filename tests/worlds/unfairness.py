"""Tiers shuffled at random: is any group called different? And a twin in which one has half the chance."""

import numpy as np
import pandas as pd

from crcm_lib.decisions.fairness import audit_tiers
from worlds import World, at_most_5_percent
from worlds.effects import POLICY

GROUPS = {"subject_type": 2, "region": 6, "industry": 8, "size": 4, "gender": 2, "income": 5}
SEEDS, TWINS = 400, 100


def draw_company(seed: int, customers: int = 1000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tiers that depend on nothing, and customers of 27 groups of very different sizes."""
    random = np.random.default_rng(seed)
    index = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    groups = {}
    for attribute, count in GROUPS.items():
        sizes = random.dirichlet(np.full(count, 2.0))
        groups[attribute] = random.choice([f"{attribute} {n}" for n in range(count)], customers, p=sizes)
    names, better = [tier.name for tier in POLICY.tiers], random.uniform(0.15, 0.45)
    tiers = random.choice(names, customers, p=[better / 4, 3 * better / 4, *[(1 - better) / 3] * 3])
    return pd.DataFrame({"tier_in_force": tiers}, index), pd.DataFrame(groups, index)


def measure_shuffled(seed: int) -> dict[str, float]:
    """1 where any group of a report is called different, and by direction."""
    tiers, customers = draw_company(seed)
    found = set(audit_tiers(tiers, customers, POLICY, as_of="2025-12-31")["finding"])
    directions = {name: float(name in found) for name in ("fewer", "more")}
    return {"claimed": max(directions.values()), **directions}


def measure_unfair(seed: int) -> dict[str, float]:
    """A group of 150 of 1,000 customers has a share of 20 % in the better tiers, everyone else 40 %."""
    random = np.random.default_rng(seed)
    tiers, customers = draw_company(seed)
    disfavoured = pd.Series(random.permutation(len(customers)) < 150, customers.index)
    better = random.random(len(customers)) < np.where(disfavoured, 0.2, 0.4)
    tiers["tier_in_force"] = np.where(better, POLICY.tiers[1].name, POLICY.tiers[-1].name)
    customers["region"] = np.where(disfavoured, "south", random.choice(["north", "east"], len(customers)))
    audit = audit_tiers(tiers, customers, POLICY, as_of="2025-12-31").set_index(["attribute", "group"])
    others = audit.drop(index="region", level="attribute")
    return {
        "found": float(audit.loc[("region", "south"), "finding"] == "fewer"),
        "others_claimed": float(others["finding"].isin(("fewer", "more")).any()),
    }


FALSE = (0, at_most_5_percent(SEEDS))
SHUFFLED = World(
    "shuffled_tiers", SEEDS, measure_shuffled, dict.fromkeys(("claimed", "fewer", "more"), FALSE)
)
UNFAIR = World(
    "unfair_tiers",
    TWINS,
    measure_unfair,
    {"found": (0.8, 1), "others_claimed": (0, at_most_5_percent(TWINS))},
)
