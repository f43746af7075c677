"""What was learned about buying and spending, and what it says each customer will be worth."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.data.tables import check
from crcm_lib.language import _
from crcm_lib.models.value import expectations
from crcm_lib.models.value.likelihoods import Distinct, find_distinct

BGNBD, RATE = "BG/NBD", "simple rate"
GAMMA_GAMMA, MEAN = "Gamma-Gamma", "shrunken mean"
YEAR = 365.0
DAYS = ["days_first_to_last", "days_observed"]


@dataclass(frozen=True)
class ValueModel:
    """What was learned about buying and spending; scores any customer, alone or with others, with one ruler.

    Attributes
    ----------
    purchases, spend
        Which model is used for purchases and for spend per purchase.
    params
        BG/NBD's r, alpha (days), a, b; or of the simple rate r = 1 and alpha (days).
    spend_params
        p, q, v of Gamma-Gamma where it was fitted; and what own purchases are weighed against:
        `level` (currency), `slope` (of its logarithm on that of the purchases), `worth` (purchases).
    facts
        What the data said: customers, repeat buyers, days of history, log-likelihood, correlation …
    reasons
        Why a rung of the ladder was left, and remarks on the fits, in words.
    margin
        Margin per unit of spend where cost is known.
    """

    purchases: str
    params: dict[str, float]
    spend: str
    spend_params: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    margin: float | None = None

    @property
    def name(self) -> str:
        """The models' names, as in the column `model`."""
        return f"{self.purchases} + {self.spend}"

    def to_json(self) -> str:
        """The learned state as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ValueModel":
        """Read the learned state back."""
        state = json.loads(text)
        return cls(**{**state, "reasons": tuple(state["reasons"])})

    def basis(self, margin_rate: float | None = None) -> str:
        """What `value` counts: margin where a rate is declared or was learned from cost, otherwise spend."""
        return _("spend") if margin_rate is None and self.margin is None else _("margin")

    def predict(
        self,
        customers: pd.DataFrame,
        *,
        horizon_days: float,
        annual_discount_rate: float = 0.0,
        margin_rate: float | None = None,
    ) -> pd.DataFrame:
        """Predict the table `value`: one row per customer who has bought; of prospects nothing is known yet.

        Parameters
        ----------
        customers
            The `customers` table.
        horizon_days
            How far to look ahead, in days.
        annual_discount_rate
            0.1 makes 1.10 in a year worth 1.00 today; every purchase is discounted from its own day.
        margin_rate
            Margin per unit of spend; None takes the one learned from cost, or 1 where cost is unknown.

        Returns
        -------
        The `value` table, indexed by `customer_id`. Each different history is scored once. `p_alive` is empty
        for one-time buyers (BG/NBD says 1 of them by construction) and under the simple rate.
        """
        buyers = customers[customers["purchases"] > 0]
        x = buyers["purchases"].to_numpy(float) - 1
        histories = find_distinct(x, *(buyers[column].to_numpy(float) for column in DAYS))
        rate = np.log1p(annual_discount_rate) / YEAR
        alive, stays, stays_discounted = self._look_ahead(histories, float(horizon_days), rate)
        spend = self.expect_spend(x + 1, mean_spend(buyers))
        margin = next((known for known in (margin_rate, self.margin) if known is not None), 1.0)
        frame = pd.DataFrame(
            {
                "p_alive": np.where(x > 0, alive[histories.which], np.nan),
                "expected_purchases": (np.nan_to_num(alive, nan=1.0) * stays)[histories.which],
                "expected_spend_per_purchase": spend,
            },
            index=buyers.index,
        )
        frame["spend_expected"] = frame["expected_purchases"] * spend
        frame["spend_if_stays"] = stays[histories.which] * spend
        discounted = (np.nan_to_num(alive, nan=1.0) * stays_discounted)[histories.which]
        frame["value"] = discounted * spend * max(margin, 0.0)
        frame["model"] = pd.Series(self.name, index=frame.index, dtype="str")
        return check(frame, "value")

    def _look_ahead(self, histories: Distinct, horizon: float, rate: float):
        """P(alive), and purchases if alive without and with discount, once per different history."""
        x, t_x, age = histories.columns
        if self.purchases == RATE:
            pace = (self.params["r"] + x) / (self.params["alpha"] + age)
            return np.full(len(x), np.nan), pace * horizon, pace * _annuity(horizon, rate)
        pairs = find_distinct(x, age)
        alive = expectations.probability_alive(self.params, x, t_x, age)
        stays = expectations.alive_purchases(self.params, *pairs.columns, horizon)
        worth = expectations.discounted_alive_purchases(self.params, *pairs.columns, horizon, rate)
        return alive, stays[pairs.which], worth[pairs.which]

    def expect_spend(self, purchases: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Expected spend per purchase: the own mean, drawn to the prior as if that were `worth` purchases.

        A one-time buyer's mean is one purchase, so it counts 1 / (1 + `worth`). A missing mean does not.
        """
        known = np.isfinite(mean) & (mean > 0)
        level, slope, worth = (self.spend_params[name] for name in ("level", "slope", "worth"))
        prior = level * np.maximum(purchases, 1) ** slope
        own = np.where(known, purchases, 0) / (np.where(known, purchases, 0) + worth)
        if self.spend == GAMMA_GAMMA:
            fitter = expectations.spend_fitter({name: self.spend_params[name] for name in "pqv"})
            return np.where(
                known,
                fitter.conditional_expected_average_profit(purchases, np.where(known, mean, level)),
                prior,
            )
        return prior + own * (np.where(known, mean, prior) - prior)

    def expect_counts(self, customers: pd.DataFrame, up_to: int = 7) -> np.ndarray:
        """Share of buyers expected to have 0, 1, … `up_to` or more purchases after the first one by now."""
        ages = find_distinct(customers.loc[customers["purchases"] > 0, "days_observed"].to_numpy(float))
        params = {"a": 1e-12, "b": 1.0, **self.params}
        return expectations.count_shares(params, ages.columns[0], ages.weight, up_to)


def mean_spend(customers: pd.DataFrame) -> np.ndarray:
    """Mean spend per purchase, the first one included; missing where it is unknown or not above zero."""
    if "spend_mean" in customers:
        mean = customers["spend_mean"].to_numpy(float)
    else:
        mean = customers["spend_total"].to_numpy(float) / customers["purchases"].to_numpy(float)
    return np.where(mean > 0, mean, np.nan)


def _annuity(horizon: float, rate: float) -> float:
    return horizon if rate == 0 else float(-np.expm1(-rate * horizon) / rate)
