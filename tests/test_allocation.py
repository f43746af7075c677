"""No limit is ever exceeded, nothing is promised twice, and what was missed is no more than the gap says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from crcm_lib.decisions import exact_allocation
from crcm_lib.decisions.allocation import Filling, allocate, find_excess
from crcm_lib.decisions.allocation_problem import Problem, combine_effects
from crcm_lib.decisions.lagrangian_bound import Dual, find_envelope


def draw_problem(seed: int, customers: int = 14, actions: int = 4, scarce: float = 0.4) -> Problem:
    """Values, effects, costs, contacts and limits at random; the last action is for the value at risk."""
    random = np.random.default_rng(seed)
    at_risk = np.where(random.random(customers) < 0.5, random.gamma(1, 300, customers), 0)
    amounts = np.column_stack([random.gamma(0.8, 800, customers), at_risk]).round(2)
    effect, cost = random.uniform(0.02, 0.3, actions), random.gamma(2, 8, actions).round(2)
    base = np.array([0] * (actions - 1) + [1])
    usage = np.zeros((2, actions, 3 + actions))
    usage[:, :, 0] = cost
    usage[1, :, 1] = cost  # money for the second tier
    usage[:, ::2, 2] = random.choice([0.5, 1.0, 4.0], len(cost[::2]))  # hours of one role
    usage[:, :, 3:] = np.eye(actions)
    may = (random.random((customers, actions)) < 0.8) & (amounts[:, base] * effect > cost)
    tier = random.integers(0, 2, customers)
    everything = np.einsum("na,nar->r", may, usage[tier])
    problem = Problem(
        amounts,
        tier,
        may,
        effect,
        cost,
        random.choice([0, 1, 1, 2, 4], actions),
        base,
        usage,
        np.maximum((everything * scarce * random.uniform(0.5, 2, 3 + actions)).round(), 1),
        3,
    )
    return replace(problem, open=may & ~find_excess(problem))


def order(problem: Problem, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(problem.open.shape)


def list_columns(problem: Problem) -> list[tuple[int, np.ndarray, float]]:
    """Customer, bundle and its gain, written out one by one."""
    columns = []
    for customer, may in enumerate(problem.open):
        for bundle in product((False, True), repeat=len(may)):
            taken = np.array(bundle)
            if (taken & ~may).any() or taken @ problem.contacts > problem.max_contacts:
                continue
            left = np.ones(2)
            for action in np.flatnonzero(taken):
                left[problem.base[action]] *= 1 - problem.effect[action]
            gain = problem.amounts[customer] @ (1 - left) - taken @ problem.cost
            columns.append((customer, taken, gain))
    return columns


def programme(problem: Problem):
    columns = list_columns(problem)
    gains = np.array([gain for _who, _what, gain in columns])
    one = np.array([[float(who == n) for who, _what, _gain in columns] for n in range(len(problem.open))])
    used = np.array([taken @ problem.usage[problem.tier[who]] for who, taken, _gain in columns]).T
    return gains, np.vstack([one, used]), np.concatenate([np.ones(len(one)), problem.limits])


def assert_kept(problem: Problem, taken: np.ndarray) -> None:
    used = np.einsum("na,nar->r", taken, problem.usage[problem.tier])
    assert (used <= problem.limits * (1 + 1e-9)).all()
    assert (taken @ problem.contacts <= problem.max_contacts).all()
    assert not (taken & ~problem.open).any()


@pytest.mark.parametrize("exact", [True, False])
def test_no_limit_is_exceeded_and_the_gap_to_the_best_is_no_more_than_is_said(monkeypatch, exact):
    """Forty companies at random, against a mixed-integer programme over every bundle of every customer."""
    if not exact:
        monkeypatch.setattr(exact_allocation, "MAX_COLUMNS", 0)
    shares = []
    for seed in range(40):
        problem = draw_problem(seed, scarce=[0.1, 0.3, 0.6][seed % 3])
        gains, rows, most = programme(problem)
        best = -milp(
            -gains,
            integrality=np.ones(len(gains)),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(rows, ub=most),
            options={"mip_rel_gap": 0},
        ).fun
        found = allocate(problem, order(problem))
        assert_kept(problem, found.taken)
        assert found.gain == pytest.approx(problem.gain(found.taken).sum())
        assert found.gain <= best + 1e-6
        assert best <= found.bound * (1 + 1e-9) + 1e-6
        assert 1 - found.gain / best <= found.gap + 1e-6 if best > 0 else found.gain == 0
        shares.append(found.gain / best if best > 0 else 1.0)
    assert np.mean(shares) > (0.9999 if exact else 0.97)
    assert min(shares) > (0.999 if exact else 0.8)


def test_the_bound_is_that_of_the_linear_programme_over_bundles():
    """Strong duality: Lagrangian and linear relaxation of the programme are equal (Geoffrion 1974)."""
    for seed in range(12):
        problem = draw_problem(seed, customers=30)
        gains, rows, most = programme(problem)
        relaxed = -linprog(-gains, A_ub=rows, b_ub=most, bounds=(0, 1)).fun
        bound = Dual(problem).minimise(problem.limits)
        assert bound.value == pytest.approx(relaxed, rel=2e-4)
        assert bound.value >= relaxed - 1e-6


def test_any_prices_bound_the_gain_also_where_bundles_are_too_many_to_list(monkeypatch):
    problem = draw_problem(3, customers=30)
    whole = Dual(problem).minimise(problem.limits).value
    monkeypatch.setattr("crcm_lib.decisions.allocation_problem.MAX_BUNDLES", 3)
    parts = Dual(problem).minimise(problem.limits).value
    assert parts >= whole > 0
    found = allocate(problem, order(problem))
    assert_kept(problem, found.taken)
    assert found.gain <= whole <= found.bound


def test_many_customers_are_allocated_to_within_a_thousandth_of_the_bound():
    problem = draw_problem(1, customers=3000, actions=6)
    found = allocate(problem, order(problem))
    assert_kept(problem, found.taken)
    assert 0 < found.gap < 0.001


def test_two_actions_with_the_same_claim_never_promise_more_than_the_customer():
    """Each claims 80 % of 100; both together 96, never 160."""
    limits, usage = np.array([10.0]), np.zeros((1, 2, 1))
    twice = Problem(
        np.array([[100.0, 0.0]]),
        np.zeros(1, int),
        np.ones((1, 2), bool),
        np.array([0.8, 0.8]),
        np.ones(2),
        np.zeros(2, int),
        np.zeros(2, int),
        usage,
        limits,
        1,
    )
    assert allocate(twice, order(twice)).gain == pytest.approx(96 - 2)
    dear = replace(twice, cost=np.array([1.0, 17.0]))  # the second adds 16
    assert allocate(dear, order(dear)).taken.tolist() == [[True, False]]
    for effects in np.random.default_rng(0).random((20, 5)):
        won = combine_effects(np.ones((1, 5), bool), effects, np.array([0, 0, 0, 1, 1]))
        assert (won <= 1).all()
        assert (won >= [[effects[:3].max(), effects[3:].max()]]).all()


def test_equal_customers_are_told_apart_by_the_draw_alone():
    """Five of twenty equals: another draw takes others, another order of the rows takes the same."""
    alike = Problem(
        np.full((20, 2), [100.0, 0.0]),
        np.zeros(20, int),
        np.ones((20, 1), bool),
        np.array([0.5]),
        np.ones(1),
        np.ones(1, int),
        np.zeros(1, int),
        np.ones((1, 1, 1)),
        np.array([5.0]),
        1,
    )
    first, other = (allocate(alike, order(alike, seed)).taken[:, 0] for seed in (0, 1))
    assert first.sum() == other.sum() == 5
    assert first.tolist() == (order(alike)[:, 0].argsort().argsort() < 5).tolist()
    assert (first != other).any()
    again = allocate(alike, order(alike)[::-1]).taken[:, 0]
    assert again[::-1].tolist() == first.tolist()


def test_whether_a_customer_is_taken_does_not_depend_on_the_own_arm():
    """Each is made a control in turn, with the treated as many as before: nobody leaves who came before."""
    problem = replace(draw_problem(2), usage=np.zeros((2, 4, 7)))
    free = Filling(problem, order(problem))
    free.top_up()
    for control in range(len(problem.open)):
        drawn = Filling(problem, order(problem), 0.0, lambda who, what, control=control: who == control)
        drawn.top_up()
        assert (drawn.taken == free.taken).all()
    scarce = draw_problem(4, customers=200, scarce=0.1)
    treated, control = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        filling = Filling(scarce, order(scarce), 0.0, lambda who, what, r=random: r.random(len(who)) < 0.5)
        filling.top_up()
        value = np.broadcast_to(scarce.amounts[:, :1], scarce.open.shape)
        treated.append(value[filling.taken & ~filling.control].mean())
        control.append(value[filling.control].mean())
    apart = np.array(treated) - np.array(control)
    assert abs(apart.mean()) < 3 * apart.std() / np.sqrt(len(apart))
    used = np.einsum("na,nar->r", filling.taken & ~filling.control, scarce.usage[scarce.tier])
    assert (used <= scarce.limits * (1 + 1e-9)).all()


def test_the_envelope_is_the_highest_line_everywhere():
    random = np.random.default_rng(0)
    for _case in range(100):
        slopes = np.sort(random.integers(0, 12, random.integers(1, 15)) / 10.0)
        costs = random.integers(0, 30, len(slopes)).astype(float)
        kept, breaks = find_envelope(slopes, costs)
        at = random.gamma(1, 40, 200)
        chosen = kept[np.searchsorted(breaks, at, side="right")]
        assert slopes[chosen] * at - costs[chosen] == pytest.approx(
            (slopes * at[:, None] - costs).max(axis=1)
        )
