"""Past days with what was known on them and who bought in the days after; today, which has no days after."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.holdout_windows import history_start, hold_out_windows
from crcm_lib.features.relationship_signs import summarise_signs
from crcm_lib.models.churn.absence import usual_gap
from crcm_lib.models.churn.candidates import (
    PurchaseFit,
    describe_signs,
    fit_purchase_model,
    measure_standard,
)
from crcm_lib.models.histories import Numbers
from crcm_lib.schema.engine import Engine

HORIZONS = (180, 90, 60, 30)  # days, the longest first
MIN_ORIGINS, MAX_ORIGINS = 3, 5


@dataclass(frozen=True)
class Origin:
    """A day, and what was known then of those who had bought.

    Attributes
    ----------
    day
        The last day known.
    customers
        Rows of `customer_features` with a purchase.
    purchase_fit
        The purchase model fitted to them.
    usual_gap_days
        The usual gap of all between purchases.
    signs
        From `describe_signs`.
    standard
        From `measure_standard`.
    missed
        1 for who bought nothing in the outcome window, 0 for the others; None of today.
    """

    day: pd.Timestamp
    customers: pd.DataFrame
    purchase_fit: PurchaseFit
    usual_gap_days: float
    signs: pd.DataFrame
    standard: pd.DataFrame
    missed: Numbers | None = None


def choose_horizon(history_days: int, asked: int | None = None) -> tuple[int, int]:
    """Days ahead, and how many origins the history has for them.

    The longest of `HORIZONS` that leaves three origins, each known for as long as its outcome window; the
    shortest where none does.

    >>> choose_horizon(901), choose_horizon(361), choose_horizon(40), choose_horizon(361, asked=100)
    ((180, 4), (90, 3), (30, 0), (100, 2))
    """
    fits = (days for days in HORIZONS if history_days // days - 1 >= MIN_ORIGINS)
    days = asked or next(fits, HORIZONS[-1])
    return days, min(max(history_days // days - 1, 0), MAX_ORIGINS)


def describe_origin(
    day,
    customers: pd.DataFrame,
    more: pd.DataFrame,
    horizon: int,
    missed: Numbers | None = None,
    seed: int = 0,
) -> Origin:
    """Fit the purchase model to these buyers and describe them."""
    fit, usual = fit_purchase_model(customers, seed=seed), usual_gap(customers)
    signs = describe_signs(customers, fit, horizon, more, usual)
    return Origin(pd.Timestamp(day), customers, fit, usual, signs, measure_standard(signs), missed)


def list_origins(
    engine: Engine, customers: pd.DataFrame, *, as_of, horizon_days: int | None = None, seed: int = 0
) -> tuple[int, list[Origin]]:
    """The horizon in days, and the origins, the earliest first and today, with `customers`, as the last.

    An origin has at most 50,000 customers, see `hold_out_windows`; today has all.
    """
    end = pd.Timestamp(as_of).normalize()
    horizon, count = choose_horizon((end - history_start(engine, end)).days, horizon_days)
    holdouts = hold_out_windows(engine, end=end, days=horizon, count=count, seed=seed) if count else []
    origins = []
    for window in reversed(holdouts):
        more, missed = summarise_signs(engine, as_of=window.start), np.asarray(window.purchases == 0, float)
        origins.append(describe_origin(window.start, window.customers, more, horizon, missed, seed))
    buyers = customers[customers["purchases"] > 0]
    today = describe_origin(end, buyers, summarise_signs(engine, as_of=end), horizon, seed=seed)
    return horizon, [*origins, today]
