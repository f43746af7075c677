"""The limits of a plan: money in all, by lever and by tier, hours by role, customers by action."""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Action, Policy

KINDS = ("total", "lever", "tier", "hours", "capacity")


def list_limits(policy: Policy) -> pd.DataFrame:
    """The budget and the capacities that the policy sets.

    Returns
    -------
    `kind` (one of `KINDS`), `of` (the lever, tier, owner role or action) and `available`: money, hours or
    customers treated. The first row is `total`, without limit (infinite) where the policy has none.
    """
    budget = policy.budget
    rows = [("total", "", np.inf if budget.total is None else budget.total)]
    rows += [("lever", str(lever), amount) for lever, amount in budget.levers.items()]
    rows += [("tier", tier, amount) for tier, amount in budget.tiers.items()]
    rows += [("hours", role, amount) for role, amount in budget.hours.items()]
    rows += [("capacity", a.name, a.capacity) for a in list_choices(policy) if a.capacity is not None]
    return pd.DataFrame(rows, columns=["kind", "of", "available"]).astype({"available": "float64"})


def list_choices(policy: Policy) -> list[Action]:
    """The playbook but for the standard offer."""
    return [action for action in policy.playbook if not action.standard]


def measure_usage(policy: Policy, limits: pd.DataFrame) -> np.ndarray:
    """(tiers, actions, limits): what an action, all of its occasions, uses up for a customer of a tier."""
    actions, tiers = list_choices(policy), [tier.name for tier in policy.tiers]
    costs = np.array([action.cost * action.occasions for action in actions])
    hours = np.array([(action.hours or 0.0) * action.occasions for action in actions])
    usage = np.zeros((len(tiers), len(actions), len(limits)))
    for place, (kind, of) in enumerate(zip(limits["kind"], limits["of"], strict=True)):
        used = {
            "total": costs,
            "tier": costs,
            "lever": np.where([action.lever == of for action in actions], costs, 0.0),
            "hours": np.where([action.owner_role == of for action in actions], hours, 0.0),
            "capacity": np.array([float(action.name == of) for action in actions]),
        }[kind]
        usage[:, :, place] = used
        if kind == "tier":
            usage[[tier != of for tier in tiers], :, place] = 0.0
    return usage
