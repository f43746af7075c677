"""Worlds of customers in industries, sizes and regions that differ in nothing, or in what is planted."""

import numpy as np
import pandas as pd

from crcm_lib.models.market_segments import MarketFacts, measure_buyers, place_segments

DAY = "2025-12-31"


def make_market(
    seed: int, *, customers: int = 400, growing: float = 0.0, leaving: float = 0.0, rich: float = 0.0
):
    """`MarketFacts` of a company; spend is lognormal, a quarter are persons, some segments are small.

    `growing`: how much more the industry health grows; `leaving`: what share of the region W leaves beside
    the fifth that leaves everywhere; `rich`: how much more (log) the large ones spend.
    """
    random = np.random.default_rng(seed)
    index = pd.Index([f"c{n}" for n in range(customers)], name="customer_id")
    company = random.random(customers) < 0.75
    industry = random.choice(["health", "retail", "food", "games"], customers, p=[0.3, 0.4, 0.2, 0.1])
    size = random.choice(["small", "medium", "large"], customers, p=[0.6, 0.3, 0.1])
    region = random.choice(["N", "S", "W"], customers, p=[0.5, 0.3, 0.2])
    before = random.lognormal(5 + rich * (size == "large"), 1.2, customers) * (
        random.random(customers) < 0.85
    )
    stays = random.random(customers) >= 0.2 + leaving * (region == "W")
    now = before * stays * random.lognormal(0.02, 0.4, customers) * (1 + growing * (industry == "health"))
    now = np.where(before == 0, random.lognormal(5, 1.2, customers), now)
    features = pd.DataFrame(
        {
            "purchases": 3,
            "spend_365d": now,
            "purchases_365d": (now > 0).astype(int),
            "gap_mean_days": random.gamma(3, 12, customers),
            "subject_type": np.where(company, "company", "person"),
            "industry": pd.Series(industry, index).where(company),
            "size": pd.Series(size, index).where(company),
            "region": region,
            "founded": pd.Timestamp(DAY) - pd.to_timedelta(random.integers(200, 12_000, customers), unit="D"),
        },
        index,
    )
    years = {"spend": now, "spend_before": before, "purchases_before": (before > 0).astype("int64")}
    answered = pd.Series(np.clip(random.normal(7, 2, customers).round(), 0, 10), index)
    said = pd.DataFrame({"nps": answered.where(random.random(customers) < 0.4)})
    brand = pd.DataFrame({"brand": random.integers(1, 6, customers).astype(float)}, index)
    segments = place_segments(features, brand[random.random(customers) < 0.5], as_of=DAY)
    measures, by = measure_buyers(features, pd.DataFrame(years, index), said)
    return MarketFacts(segments, measures, by)
