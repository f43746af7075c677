"""Three quarters of plans: is the action that works found, does it gain budget; and one that does nothing?

Two actions of equal cost and equal assumed effect share a budget that is enough for half of what they are
for. One wins twice what its arms can show, the other nothing. Each quarter the decisions are made as 09 makes
them, from the assignments carried on, and the customers then buy. `make demo` prints one such company.
"""

from dataclasses import dataclass, field
from functools import cache

import duckdb
import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.decisions import (
    action_choice,
    arms,
    assignment_history,
    experiments,
    outcomes,
    programme_holdout,
    strategy,
)
from crcm_lib.features.customers import spend_between
from crcm_lib.schema.tables import ROOT, About
from worlds import World, at_most_5_percent

CUSTOMERS, QUARTERS, DAYS, PAST = 2000, 3, 91, 6  # customers, quarters planned, days of each, quarters known
LEVELS, LUCK, BUY = 0.6, 0.5, 0.9  # logarithmic spread of customers and of a quarter, chance to buy at all
EFFECT, MARGIN = 0.15, 0.3
WORKS, DOES_NOTHING = "visit", "letter"
TRUTH = {WORKS: 2 * EFFECT, DOES_NOTHING: 0.0}
FIRST_DAY = pd.Timestamp("2024-12-31")
SEEDS = 200


@cache
def make_policy() -> Policy:
    """The default policy with two actions alike and money for half of what they are for."""
    policy = read_policy(ROOT / "policy.yaml")
    standard = next(action for action in policy.playbook if action.standard)
    alike = {"tiers": ("key",), "stages": (), "alerts": (), "cost": 10.0, "effect": EFFECT, "days": 90}
    alike |= {"capacity": None, "terms": False, "every_weeks": None, "lever": "marketing", "of": "value"}
    one = next(action for action in policy.playbook if not action.standard)
    playbook = tuple(one.model_copy(update=alike | {"name": name}) for name in TRUTH)
    budget = policy.budget.model_copy(update={"total": 10.0 * CUSTOMERS})
    control = policy.control.model_copy(update={"holdout_share": 0.1})
    changes = {"playbook": (*playbook, standard), "budget": budget, "control": control}
    return policy.model_copy(update=changes)


@dataclass
class Company:
    """Customers whose spend varies and lasts, and what they buy quarter after quarter."""

    random: np.random.Generator
    as_of: pd.Timestamp = FIRST_DAY
    lines: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self):
        self.ids = pd.Index([f"k{n:04d}" for n in range(CUSTOMERS)], name="customer_id")
        self.level = 300 * self.random.lognormal(-(LEVELS**2) / 2, LEVELS, CUSTOMERS)
        self.as_of -= pd.Timedelta(days=PAST * DAYS)
        for _quarter in range(PAST):
            self.live(np.ones(CUSTOMERS))

    def live(self, raised: np.ndarray) -> None:
        """A quarter goes by; `raised`: by how much their actions multiply what customers spend."""
        luck = self.random.lognormal(-(LUCK**2) / 2, LUCK, CUSTOMERS)
        spend = self.level * raised * luck * (self.random.random(CUSTOMERS) < BUY)
        day = self.as_of + pd.to_timedelta(self.random.integers(1, DAYS, CUSTOMERS), unit="D")
        lines = pd.DataFrame({"customer_id": self.ids, "day": day, "purchase_day": day, "kind": "sale"})
        self.lines.append(lines.assign(amount=spend.round(2))[spend > 0])
        self.as_of += pd.Timedelta(days=DAYS)

    def open(self) -> duckdb.DuckDBPyConnection:
        """An engine with all that was bought."""
        engine = duckdb.connect(config={"threads": 1})
        engine.register("lines", pd.concat(self.lines))
        engine.execute(
            "create table transactions as select customer_id, day::date as day, kind, "
            "purchase_day::date as purchase_day, amount::decimal(18, 4) as amount from lines"
        )
        return engine


@dataclass(frozen=True)
class Quarter:
    """What was learned by its first day, what was planned for it, and all assignments with this plan."""

    learned: pd.DataFrame
    followed: pd.DataFrame
    actions: pd.DataFrame
    history: pd.DataFrame
    holdout: pd.DataFrame


def plan_quarter(company: Company, before: Quarter | None, policy: Policy, seed: int) -> Quarter:
    """The decisions of 09."""
    engine, as_of = company.open(), company.as_of
    about = About("demo", "demo", f"{as_of:%Y-%m-%d}", "2023-01-01", "EUR", synthetic=True)
    year = spend_between(engine, after=as_of - pd.Timedelta(days=365), until=as_of)["spend"]
    spend = year.reindex(company.ids).fillna(0.0).astype(float)
    value = pd.DataFrame({"value": spend * MARGIN, "spend_expected": spend})
    tiers = pd.DataFrame({"tier_in_force": "key"}, index=company.ids)
    situation = strategy.describe_situation(tiers, value=value).assign(subject_type="company")
    earlier = {"earlier": before.holdout} if before else {}
    holdout = programme_holdout.draw_holdout(company.ids, policy.control.holdout_share, about, **earlier)
    nothing = pd.DataFrame(columns=["customer_id", "action", "arm", "start", "end"])
    carried = before.history if before else None
    running = assignment_history.gather_assignments(nothing, carried, company.ids)
    followed = outcomes.follow_arms(engine, assignment_history.read_as_drawn(running), as_of=as_of)
    learned = experiments.learn_effects(experiments.measure_effects(followed, policy), situation, policy)
    rules = experiments.apply_effects(policy, learned)
    given = {"running": running, "held_out": programme_holdout.find_held_out(holdout)}
    candidates = strategy.list_candidates(situation, rules, as_of=as_of, **given)
    known = learned.set_index("action")["information"]
    tests = arms.plan_tests(engine, candidates, situation, rules, as_of=as_of, known=known)
    chances = tests.set_index("action")["control_share"]
    draws = {"seed": seed, "controls": chances, "wave": f"{as_of:%Y-%m-%d}"}
    chosen = action_choice.choose_actions(candidates, situation, rules, **draws).rows
    planned = strategy.list_assignments(chosen, policy, as_of=as_of, running=running)
    history = assignment_history.extend_assignments(running, planned, chances, situation, rules)
    actions = strategy.list_actions(chosen, situation, policy)
    return Quarter(learned, followed, actions, history, holdout)


def raise_spend(company: Company, actions: pd.DataFrame, truth: dict[str, float]) -> np.ndarray:
    """By how much what was done multiplies each customer's spend."""
    raised = np.ones(CUSTOMERS)
    for action, effect in truth.items():
        treated = actions.loc[actions["action"] == action, "customer_id"]
        raised *= np.where(company.ids.isin(treated), 1 + effect, 1.0)
    return raised


def live_through(
    seed: int, truth: dict[str, float], quarters: int = QUARTERS
) -> tuple[Company, list[Quarter]]:
    """The quarters one after another, and the plan that follows them."""
    company, policy, told = Company(np.random.default_rng(seed)), make_policy(), []
    for _quarter in range(quarters):
        told.append(plan_quarter(company, told[-1] if told else None, policy, seed))
        company.live(raise_spend(company, told[-1].actions, truth))
    return company, [*told, plan_quarter(company, told[-1], policy, seed)]


def read_programme(company: Company, last: Quarter, seed: int) -> pd.DataFrame:
    """What 10 says of the whole programme after the last quarter."""
    sides = programme_holdout.read_as_arms(last.holdout, company.as_of)
    followed = outcomes.follow_arms(company.open(), sides, as_of=company.as_of)
    return programme_holdout.compare_programme(followed, seed=seed).set_index("outcome")


def count_treated_controls(quarters: list[Quarter]) -> int:
    """Controls who were on an action list for what they control, while they did; held out ones on any."""
    wrong = 0
    for quarter in quarters:
        done = quarter.actions[quarter.actions["action"].isin(list(TRUTH))]
        start = quarter.history["start"].max()
        now = quarter.history[(quarter.history["end"] >= start) & (quarter.history["drawn"] == "control")]
        wrong += len(done.merge(now, on=["customer_id", "action"]))
        wrong += int(done["customer_id"].isin(programme_holdout.find_held_out(quarter.holdout)).sum())
    return wrong


def measure_quarters(seed: int) -> dict[str, float]:
    """What is claimed after three quarters, and where the budget went."""
    company, quarters = live_through(seed, TRUTH)
    worked = outcomes.compare_arms(quarters[-1].followed, seed=seed)
    found = worked.set_index(["action", "outcome"])["verdict"]
    treated = [quarter.actions["action"].value_counts() for quarter in (quarters[0], quarters[-1])]
    first, last = (counts.reindex(list(TRUTH)).fillna(0) for counts in treated)
    advice = quarters[-1].learned.set_index("action")["advice"]
    programme = read_programme(company, quarters[-1], seed)
    return {
        "works_found": float(found[WORKS, "spend"] == "higher"),
        "works_gains_budget": float(last[WORKS] > first[WORKS]),
        "works_kept": float(advice[WORKS] == "keep"),
        "nothing_claimed": float(found[DOES_NOTHING].isin(("higher", "lower")).any()),
        "nothing_loses_budget": float(last[DOES_NOTHING] < first[DOES_NOTHING]),
        "nothing_kept": float(advice[DOES_NOTHING] == "keep"),
        "programme_found": float(programme.loc["spend", "verdict"] == "higher"),
        "controls_treated": float(count_treated_controls(quarters) > 0),
    }


FALSE, TRUE = (0, at_most_5_percent(SEEDS)), (0.8, 1)
LEARNING = World(
    "three_quarters",
    SEEDS,
    measure_quarters,
    {
        **dict.fromkeys(("works_found", "works_gains_budget", "works_kept"), TRUE),
        **dict.fromkeys(("nothing_claimed", "nothing_kept"), FALSE),
        **{"nothing_loses_budget": TRUE, "programme_found": TRUE, "controls_treated": (0, 0)},
    },
)


def print_demo(seed: int = 0) -> None:
    """Three quarters of one company, as a table that a manager reads."""
    company, quarters = live_through(seed, TRUTH)
    print(
        f"{CUSTOMERS:,} customers, two actions that cost the same and are assumed to win {EFFECT:.0%}. In "
        f"truth the {WORKS} wins {TRUTH[WORKS]:.0%} and the {DOES_NOTHING} nothing; the plan does not know.\n"
    )
    print(f"{'plan of':11}{'action':9}{'treated':>9}{'left out':>9}{'measured':>10}{'counts on':>10}  advice")
    for number, quarter in enumerate(quarters, 1):
        start = quarter.history["start"].max()
        now = quarter.history[quarter.history["start"] == start].groupby(["action", "drawn"]).size()
        for row in quarter.learned.itertuples():
            treated, control = (int(now.get((row.action, arm), 0)) for arm in arms.ARMS)
            measured = "–" if np.isnan(row.measured) else f"{row.measured:.0%}"
            words = f"{'quarter ' + str(number):11}{row.action:9}{treated:>9,}{control:>9,}{measured:>10}"
            print(f"{words}{row.used:>10.0%}  {row.advice.replace('_', ' ')}")
    worked = outcomes.compare_arms(quarters[-1].followed, seed=seed)
    print("\nAfter three quarters, spend of treated beside controls, all plans together:")
    for row in worked[worked["outcome"] == "spend"].itertuples():
        known = f"{row.cuped:+.0f} EUR a customer ({row.cuped_low:+.0f} to {row.cuped_high:+.0f})"
        print(f"  {row.action:8} {known}: {row.verdict.replace('_', ' ')}")
    spend = read_programme(company, quarters[-1], seed).loc["spend"]
    total = f"{spend['total']:,.0f} EUR ({spend['total_low']:,.0f} to {spend['total_high']:,.0f})"
    verdict = spend["verdict"].replace("_", " ")
    print(f"  all      {total} beside {int(spend['controls'])} customers held out: {verdict}")


if __name__ == "__main__":
    print_demo()
