"""Complaints by cause: is a cause said to lead where all are alike, and where one does lead?"""

import numpy as np
import pandas as pd

from crcm_lib.models.satisfaction import find_leading_causes
from crcm_lib.reporting.text.service_feedback import SURE
from worlds import World, at_most_5_percent

CAUSES = ["late", "price", "broken", "rude"]
CUSTOMERS = 300  # who complain, one to many times


def draw_causes(seed: int, weights: list[float]) -> pd.DataFrame:
    """Each customer's complaints are mostly of one cause of their own, so they are not independent."""
    random = np.random.default_rng(seed)
    favoured = random.choice(CAUSES, CUSTOMERS, p=weights)
    often = 1 + random.geometric(0.6, CUSTOMERS)
    who = np.repeat(np.arange(CUSTOMERS), often)
    cause = np.where(random.random(len(who)) < 0.8, favoured[who], random.choice(CAUSES, len(who)))
    rows = pd.DataFrame({"customer_id": who.astype(str), "cause": cause})
    return rows.value_counts(sort=False).rename("tickets").reset_index()


def measure_alike(seed: int) -> dict[str, float]:
    """1 where a cause is said to lead although all four are as likely."""
    return {"claimed": find_leading_causes(draw_causes(seed, [0.25] * 4))["p_value"] < SURE}


def measure_leading(seed: int) -> dict[str, float]:
    """1 where the cause that 40 % of customers favour, and of the others 20 % each, is said to lead."""
    found = find_leading_causes(draw_causes(seed, [0.4, 0.2, 0.2, 0.2]))
    return {"claimed": found["p_value"] < SURE and found["causes"] == ["late"]}


ALIKE = World("causes_alike", 400, measure_alike, {"claimed": (0, at_most_5_percent(400))})
LEADING = World("cause_leads", 400, measure_leading, {"claimed": (0.8, 1)})
