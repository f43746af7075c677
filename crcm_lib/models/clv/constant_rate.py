"""Constant rates: everyone buys at a Poisson rate of their own and nobody drops out."""

from dataclasses import dataclass

import numpy as np

from crcm_lib.models.clv.bgnbd import BGCNBD
from crcm_lib.models.clv.lifetimes_adapter import annuity
from crcm_lib.models.histories import Numbers, WeightedHistories
from crcm_lib.models.mle import Fit

YEAR = 365.0
MIN_DAYS = 30.0  # days that count as observed, at least, where a rate is taken as it is


@dataclass(frozen=True)
class ConstantRate:
    """The fallback where the data cannot carry a purchase model; a `PurchaseModel` without a likelihood.

    A customer's purchases are shrunk towards one purchase at the rate of all customers: (1 + x) purchases in
    alpha + T days.
    """

    name = "constant_rate"
    k = 1
    param_names = ()
    objective = None

    def fit(self, histories: WeightedHistories, *, seed: int = 0) -> Fit:
        """r = 1, and alpha (days) the inverse of the rate of all customers; `seed` changes nothing.

        Half a purchase in a year is added to all purchases and days, so that the rate is never zero.
        """
        x, _t_x, T = histories.columns
        rate = (histories.weight @ x + 0.5) / (histories.weight @ T + YEAR)
        return Fit({"r": 1.0, "alpha": float(1 / rate)}, float("nan"))

    def p_alive(self, params: dict[str, float], x: Numbers, t_x: Numbers, T: Numbers) -> Numbers:
        """NaN: dropout is not modelled."""
        return np.full(len(x), np.nan)

    def expected_purchases(
        self, params: dict[str, float], x, t_x, T, horizon_days, discount_rate: float = 0.0
    ) -> Numbers:
        """Expected purchases within the horizon."""
        return (params["r"] + x) / (params["alpha"] + T) * annuity(horizon_days, discount_rate)

    def p_no_purchase(self, params: dict[str, float], x, t_x, T, horizon_days: float) -> Numbers:
        """P(no purchase within the horizon)."""
        known = params["alpha"] + T
        return (known / (known + horizon_days)) ** (params["r"] + x)

    def count_distribution(self, params: dict[str, float], T: Numbers, weight, max_count: int) -> Numbers:
        """The negative binomial: BG/NBD's distribution with a dropout probability of nearly zero."""
        return BGCNBD(1, 0).count_distribution({"a": 1e-12, "b": 1.0, **params}, T, weight, max_count)

    def sample(self, params: dict[str, float], x, t_x, T, horizon_days, rate_factor, random) -> Numbers:
        """One draw of each customer's purchases within the horizon."""
        rate = random.gamma(params["r"] + x) / (params["alpha"] + T)
        return random.poisson(rate_factor * rate * horizon_days)


@dataclass(frozen=True)
class SameRate(ConstantRate):
    """The simple rule: customers go on as until now. A `PurchaseModel` without a likelihood.

    All purchases, the first one included, over the days observed, at least 30.
    """

    name = "same_rate"

    def expected_purchases(
        self, params: dict[str, float], x, t_x, T, horizon_days, discount_rate: float = 0.0
    ) -> Numbers:
        """Expected purchases within the horizon."""
        return (1 + x) / np.maximum(T, MIN_DAYS) * annuity(horizon_days, discount_rate)

    def p_no_purchase(self, params: dict[str, float], x, t_x, T, horizon_days: float) -> Numbers:
        """P(no purchase within the horizon)."""
        known = np.maximum(T, MIN_DAYS)
        return (known / (known + horizon_days)) ** (1 + x)

    def sample(self, params: dict[str, float], x, t_x, T, horizon_days, rate_factor, random) -> Numbers:
        """One draw of each customer's purchases within the horizon."""
        return random.poisson(rate_factor * random.gamma(1 + x) / np.maximum(T, MIN_DAYS) * horizon_days)
