"""Prospects of whom half never buy: does the range of how many will hold what came?"""

import numpy as np
import pandas as pd

from crcm_lib.models.newcomers.conversion import learn_conversion
from worlds import World

START, END = pd.Timestamp("2023-01-01"), pd.Timestamp("2024-12-31")
DAYS = 90


def draw_signups(customers: int, seed: int) -> pd.DataFrame:
    """Signups over two years: half never buy, the others after an exponential time with a mean of 60 days."""
    random = np.random.default_rng(seed)
    signup = START + pd.to_timedelta(random.integers(0, 730, customers), unit="D")
    waits = np.ceil(random.exponential(60, customers))
    first = pd.Series(signup + pd.to_timedelta(waits, unit="D")).where(random.random(customers) < 0.5)
    ids = pd.Index([f"p{n}" for n in range(customers)], name="customer_id")
    return pd.DataFrame({"signup": signup, "first_day": first.where(first <= END)}).set_index(ids)


def measure_check(seed: int) -> dict[str, float]:
    """1 where as many prospects bought as was said 90 days before; and where fewer did than expected."""
    check = learn_conversion(draw_signups(800, seed), start=START, end=END, days=DAYS).check
    return {
        "inside": check["low"] <= check["came"] <= check["high"],
        "fewer": check["came"] < check["expected"],
    }


# The range leaves out that the chances are estimates, so it holds a little less often than in 95 of 100.
PROSPECTS = World("prospects_who_buy", 400, measure_check, {"inside": (0.9, 1), "fewer": (0.4, 0.6)})
