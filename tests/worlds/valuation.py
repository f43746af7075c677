"""Claims of 04: that a model is better than the simple rule, and that customers won early and late differ."""

import numpy as np
import pandas as pd

from crcm_lib.models import metrics
from crcm_lib.models.clv import fit_value
from crcm_lib.models.clv.diagnostics import FAILS, _check_cohorts, compare_cohorts
from worlds import World, at_most_5_percent
from worlds.customers import draw_customers

MODELS = [f"model {number}" for number in range(5)]
CUSTOMERS = 300


def grade_best(noise: float, seed: int) -> str:
    """The grade of the best of five models: predictions are the truth times a noise, the rule's of 0.4."""
    random = np.random.default_rng(seed)
    truth = random.gamma(1, 100, CUSTOMERS)
    spread = np.array([noise] * len(MODELS) + [0.4])
    predicted = truth[:, None] * np.exp(random.normal(size=(CUSTOMERS, len(spread))) * spread)
    spends = pd.DataFrame(predicted, columns=[*MODELS, "rule"]).assign(actual=random.gamma(2, truth / 2))
    standings, best = metrics.rank_models([spends], MODELS, ["rule"])
    return metrics.grade([spends], standings.assign(bias=0.0), best, ["rule"], CUSTOMERS).grade


def measure_ties(seed: int) -> dict[str, float]:
    """Whether one of five models as noisy as the rule is called better, or worse."""
    grade = grade_best(0.4, seed)
    return {"called_better": grade == metrics.GOOD, "called_worse": grade == metrics.WEAK}


def measure_better(seed: int) -> dict[str, float]:
    """Whether the best of five models that know the truth is called better than a rule that does not."""
    return {"called_better": grade_best(0.0, seed) == metrics.GOOD}


def measure_cohorts(faster: float, seed: int) -> float:
    """Whether customers won early are said to differ: they bought `faster` times as much as the others."""
    customers, _later = draw_customers(CUSTOMERS, seed)
    early = (customers["days_observed"] > customers["days_observed"].quantile(2 / 3)).to_numpy()
    more = np.random.default_rng(seed).poisson((faster - 1) * (customers["purchases"] - 1) * early)
    customers["purchases"] += np.where(customers["purchases"] > 1, more, 0)
    model = fit_value(customers)
    return float(_check_cohorts(model, compare_cohorts(model, customers)).status == FAILS)


TIES = World(
    "no_better_than_the_rule",
    400,
    measure_ties,
    {"called_better": (0, at_most_5_percent(400)), "called_worse": (0, at_most_5_percent(400))},
)
BETTER = World("better_than_the_rule", 100, measure_better, {"called_better": (0.8, 1)})
ALIKE_COHORTS = World(
    "alike_cohorts",
    400,
    lambda seed: {"said_to_differ": measure_cohorts(1.0, seed)},
    {"said_to_differ": (0, at_most_5_percent(400))},
)
UNLIKE_COHORTS = World(
    "unlike_cohorts",
    100,
    lambda seed: {"said_to_differ": measure_cohorts(2.5, seed)},
    {"said_to_differ": (0.8, 1)},
)
