"""Who gets which of twenty actions, within a budget, hours, capacities and contacts: seconds and the gap.

The peer is the linear relaxation of the same choice over pairs of customer and action, by HiGHS
(`scipy.optimize.linprog`), at a size that it manages; it adds gains up where ours combines them. A million
customers go through `list_candidates` and `choose_actions` as in 09, to states, arms and gains. Seconds are
of the clock and of the processor.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from crcm_lib.config.policy import Action, Budget, Policy, read_policy
from crcm_lib.decisions.action_choice import choose_actions
from crcm_lib.decisions.allocation import allocate
from crcm_lib.decisions.allocation_problem import Problem
from crcm_lib.decisions.strategy import describe_situation, list_candidates

ACTIONS, ROLES, LEVERS = 20, 5, ("product", "service", "communication", "marketing")
PEER_SIZE, SIZES = 20_000, (10_000, 100_000, 1_000_000)


def make_policy(customers: int, policy: Policy) -> Policy:
    """Twenty actions for two or three tiers each, five roles; about a third of what pays can be done."""
    random = np.random.default_rng(0)
    tiers = [tier.name for tier in policy.tiers]
    standard = next(action for action in policy.playbook if action.standard)
    actions = [
        Action(
            name=f"action {n}",
            lever=LEVERS[n % len(LEVERS)],
            tiers=tuple(random.choice(tiers, random.integers(2, 4), replace=False).tolist()),
            channel="email",
            owner_role=f"role {n % ROLES}",
            cost=round(random.gamma(1, 4), 2),
            hours=float(random.choice([0.02, 0.1, 0.25])),
            capacity=int(customers * random.uniform(0.02, 0.2)),
            effect=float(random.uniform(0.005, 0.06)),
            of="value_at_risk" if n >= ACTIONS - 2 else "value",
            every_weeks=8 if n % 5 == 0 else None,
            because="benchmark",
        )
        for n in range(ACTIONS)
    ]
    budget = Budget(
        total=2.0 * customers, hours={"role 0": 0.02 * customers}, tiers={"watch": 0.1 * customers}
    )
    return policy.model_copy(update={"playbook": (*actions, standard), "budget": budget})


def make_situation(customers: int, policy: Policy) -> pd.DataFrame:
    """Skewed values; a tenth of the customers have value at risk."""
    random = np.random.default_rng(1)
    ids = pd.Index([f"K{n:07d}" for n in range(customers)], name="customer_id")
    tier = random.choice([tier.name for tier in policy.tiers], customers, p=[0.05, 0.15, 0.2, 0.3, 0.3])
    risk = np.where(random.random(customers) < 0.1, random.gamma(1, 300, customers), 0)
    value = pd.DataFrame({"value": random.gamma(0.7, 900, customers), "spend_expected": 1.0}, index=ids)
    churn = pd.DataFrame({"alert": "none", "value_at_risk": risk}, index=ids)
    return describe_situation(pd.DataFrame({"tier_in_force": tier}, index=ids), value=value, churn=churn)


def relax(problem: Problem) -> float:
    """The optimum of the linear programme over pairs."""
    who, what = np.nonzero(problem.open)
    claims = problem.amounts[who, problem.base[what]] * problem.effect[what] - problem.cost[what]
    usage = csr_array(problem.usage[problem.tier[who], what].T)
    contacts = csr_array((problem.contacts[what].astype(float), (who, np.arange(len(who)))))
    most = np.concatenate([problem.limits, np.full(contacts.shape[0], float(problem.max_contacts))])
    return -linprog(-claims, A_ub=vstack([usage, contacts]), b_ub=most, bounds=(0, 1), method="highs").fun


def watch(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What comes of it, and seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    given = read_policy("policy.yaml")
    print("| customers | candidates | seconds: candidates | choice | processor: both | gap to the bound |")
    print("|---:|---:|---:|---:|---:|---:|")
    for customers in SIZES:
        policy = make_policy(customers, given)
        situation = make_situation(customers, policy)
        candidates, *first = watch(lambda s=situation, p=policy: list_candidates(s, p, as_of="2025-12-31"))
        choice, *then = watch(lambda c=candidates, s=situation, p=policy: choose_actions(c, s, p, seed=0))
        cells = [f"{first[0]:.1f}", f"{then[0]:.1f}", f"{first[1] + then[1]:.1f}"]
        cells = [f"{customers:,}", f"{len(candidates):,}", *cells, f"{choice.allocation.gap:.3%}"]
        print(f"| {' | '.join(cells)} |", flush=True)
    policy = make_policy(PEER_SIZE, given)
    situation = make_situation(PEER_SIZE, policy)
    candidates = list_candidates(situation, policy, as_of="2025-12-31")
    problem = choose_actions(candidates, situation, policy, seed=0).allocation.dual.problem
    found, _clock, ours = watch(lambda: allocate(problem, np.zeros((1, 1))))
    most, _clock, peer = watch(lambda: relax(problem))
    print(f"\n{PEER_SIZE:,} customers, processor seconds: ours {ours:.1f}, linprog {peer:.1f},", end=" ")
    print(f"ratio {peer / ours:.1f}; ours gains {found.gain / most:.2%} of the relaxation", end=" ")
    print(f"that adds gains up and {1 - found.gap:.3%} of our own bound")


if __name__ == "__main__":
    main()
