"""The best allocation of a small problem, by a mixed-integer programme over bundles of actions (HiGHS)."""

from typing import Any

import numpy as np
import pandas as pd

from crcm_lib.decisions.allocation_problem import Problem, combine_effects
from crcm_lib.decisions.lagrangian_bound import Dual

MAX_COLUMNS, MAX_NODES, GAP = (
    2_000,
    500,
    1e-6,
)  # of the programme, of its search tree, relative to its optimum
DIGITS = 6  # of amounts that count as equal


def solve_exactly(dual: Dual, order: np.ndarray) -> tuple[np.ndarray, float] | None:
    """What is taken, (n, A), and the most that can be gained; None where the problem is too large.

    Equal customers share one integer column for each bundle; who of them gets which is decided by `order`.
    """
    problem = dual.problem
    if len(problem.open) > MAX_COLUMNS:
        return None
    kinds = [group.kind for group in dual.alike]
    customers = sum(len(kind.customers) for kind in kinds)
    if customers > problem.open.any(axis=1).sum():  # some choices are in parts
        return None
    rows = [
        (equal, np.vstack([part.taken for part in kind.bundles]))
        for kind in kinds
        for equal in _split_equal(problem, kind.customers)
    ]
    if not rows or sum(len(sets) for _equal, sets in rows) > MAX_COLUMNS:
        return None
    found = _solve(problem, rows)
    if found.x is None:
        return None
    numbers = np.split(found.x.round().astype(int), np.cumsum([len(sets) for _equal, sets in rows])[:-1])
    taken = np.zeros(problem.open.shape, dtype=bool)
    for (equal, sets), number in zip(rows, numbers, strict=True):
        best = np.argsort(-_measure(problem, equal[0], sets), kind="stable")
        given = np.repeat(sets[best], number[best], axis=0)
        drawn = equal[np.argsort(order[equal, 0], kind="stable")]
        taken[drawn[: len(given)]] = given
    return taken, -float(found.mip_dual_bound)


def _solve(problem: Problem, rows: list[tuple[np.ndarray, np.ndarray]]) -> Any:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, vstack

    gains = np.concatenate([_measure(problem, equal[0], sets) for equal, sets in rows])
    usage = np.vstack([sets @ problem.usage[problem.tier[equal[0]]] for equal, sets in rows])
    row = np.repeat(np.arange(len(rows)), [len(sets) for _equal, sets in rows])
    counts = np.array([len(equal) for equal, _sets in rows], dtype=float)
    one_each = csr_array((np.ones(len(row)), (row, np.arange(len(row)))), shape=(len(rows), len(row)))
    return milp(
        -gains,
        integrality=np.ones(len(row)),
        bounds=Bounds(0, counts[row]),
        constraints=LinearConstraint(
            vstack([one_each, csr_array(usage.T)]), ub=np.concatenate([counts, problem.limits])
        ),
        options={"mip_rel_gap": GAP, "node_limit": MAX_NODES},
    )


def _measure(problem: Problem, customer: int, sets: np.ndarray) -> np.ndarray:
    """What each bundle gains of a customer."""
    won = combine_effects(sets, problem.effect, problem.base)
    gain: np.ndarray = won @ problem.amounts[customer] - sets @ problem.cost
    return gain


def _split_equal(problem: Problem, customers: np.ndarray) -> list[np.ndarray]:
    amounts = pd.DataFrame(problem.amounts[customers].round(DIGITS))
    return [customers[rows] for rows in amounts.groupby([0, 1]).indices.values()]
