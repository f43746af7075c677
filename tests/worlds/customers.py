"""Customers who follow Pareto/NBD and Gamma-Gamma: do the 80 % intervals of their spend hold what came?"""

import numpy as np
import pandas as pd

from crcm_lib.models.clv import fit_value
from crcm_lib.models.clv.prediction_intervals import coverage, predict_intervals
from worlds import World

PURCHASES = {"r": 0.8, "alpha": 60.0, "s": 1.2, "beta": 300.0}
SPEND = {"p": 4.0, "q": 4.0, "v": 60.0}
HORIZON = 180


def draw_customers(customers: int, seed: int, futures: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers who follow Pareto/NBD and Gamma-Gamma, and what they spend in possible futures, one per row.

    What the past leaves open of a customer is drawn anew for each future: their pace, their scale of spend,
    and how long those who are still there stay.
    """
    random, many = np.random.default_rng(seed), (futures, customers)
    r, alpha, s, beta = PURCHASES.values()
    p, q, v = SPEND.values()
    age = random.integers(150, 400, customers).astype(float)
    leaves = random.exponential(1 / random.gamma(s, 1 / beta, customers))
    lives = np.minimum(leaves, age)
    x = random.poisson(random.gamma(r, 1 / alpha, customers) * lives)
    t_x = np.where(x > 0, lives * random.random(customers) ** (1 / np.maximum(x, 1)), 0)
    paid = random.gamma(p * (x + 1)) / random.gamma(q, 1 / v, customers)
    table = pd.DataFrame(
        {
            "purchases": x + 1,
            "days_since_last": age - t_x,
            "days_first_to_last": t_x,
            "days_observed": age,
            "spend_total": paid,
            "spend_mean": paid / (x + 1),
        },
        index=pd.Index([f"c{n:05d}" for n in range(customers)], name="customer_id"),
    )
    stays = random.exponential((beta + age) / random.gamma(s, size=many)).clip(max=HORIZON) * (leaves > age)
    later = random.poisson(random.gamma(r + x, size=many) / (alpha + lives) * stays)
    spend = random.gamma(p * later) / (random.gamma(q + p * (x + 1), size=many) / (v + paid))
    return table, pd.DataFrame(spend, columns=table.index)


def measure_intervals(seed: int) -> dict[str, float]:
    """The shares of customers, and of fifty futures' totals, that lie in their intervals."""
    customers, later = draw_customers(1000, seed, futures=50)
    intervals = predict_intervals(
        fit_value(customers), customers, horizon_days=HORIZON, total_error=0, seed=seed
    )
    everybody = intervals.totals.iloc[-1]
    inside = later.sum(axis=1).between(everybody["spend_low"], everybody["spend_high"])
    not_only_zero = (
        intervals.customers["spend_high"] > 0
    )  # an interval that is nothing but 0 holds more often
    some = intervals.customers[not_only_zero]
    return {"customers_inside": coverage(later.loc[0, not_only_zero], some), "totals_inside": inside.mean()}


INTERVALS = World(
    "prediction_intervals",
    400,
    measure_intervals,
    {"customers_inside": (0.78, 0.82), "totals_inside": (0.76, 0.84)},
)
