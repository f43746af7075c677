"""What was learned about buying and spending, and what it says each customer will be worth."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv import lifetimes_adapter
from crcm_lib.models.clv.purchase_models import PROCESSES, YEAR, Process
from crcm_lib.models.clv.residual_boosting import Correction, describe_covariates
from crcm_lib.models.mle import WeightedHistories, weighted_histories
from crcm_lib.schema.tables import check

GAMMA_GAMMA, MEAN = "Gamma-Gamma", "shrunken mean"
DAYS = ["days_first_to_last", "days_observed"]


@dataclass(frozen=True)
class ValueModel:
    """What was learned about buying and spending; scores any customer, alone or with others, with one ruler.

    Attributes
    ----------
    purchases, spend
        Which model is used for purchases and for spend per purchase.
    params
        Of the purchase model, in days: BG/NBD's r, alpha, a, b; Pareto/NBD's r, alpha, s, beta; or of the
        simple rate r = 1 and alpha.
    spend_params
        p, q, v of Gamma-Gamma where it was fitted; and what own purchases are weighed against:
        `level` (currency), `slope` (of its logarithm on that of the purchases), `worth` (purchases).
    facts
        What the data said: customers, repeat buyers, days of history, log-likelihood, correlation …
    reasons
        Why a rung of the ladder was left, and remarks on the fits, in words.
    margin
        Margin per unit of spend where cost is known.
    correction
        What the purchase model misses, where it was learned.
    recalibration
        Factor on all expected purchases: what of the totals' surprises in the past is taken to last.
    """

    purchases: str
    params: dict[str, float]
    spend: str
    spend_params: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    margin: float | None = None
    correction: Correction | None = None
    recalibration: float = 1.0

    @property
    def name(self) -> str:
        """The models' names, as in the column `model`."""
        plain = f"{self.purchases} + {self.spend}"
        return plain if self.correction is None else _("{model}, corrected").format(model=plain)

    @property
    def process(self) -> Process:
        """The purchase model."""
        return PROCESSES[self.purchases]

    def to_json(self) -> str:
        """The learned state as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ValueModel":
        """Read the learned state back."""
        state = json.loads(text)
        kept = state.pop("correction")
        correction = None if kept is None else Correction.from_state(kept)
        return cls(**{**state, "reasons": tuple(state["reasons"]), "correction": correction})

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
        histories = purchase_histories(buyers)
        rate = np.log1p(annual_discount_rate) / YEAR
        alive, stays, stays_discounted = self._look_ahead(histories, float(horizon_days), rate)
        spend = self.expect_spend(x + 1, mean_spend(buyers))
        margin = next((known for known in (margin_rate, self.margin) if known is not None), 1.0)
        factor = self.correct(buyers)
        stays, stays_discounted = stays[histories.which] * factor, stays_discounted[histories.which] * factor
        here = np.nan_to_num(alive, nan=1.0)[histories.which]
        frame = pd.DataFrame(
            {
                "p_alive": np.where(x > 0, alive[histories.which], np.nan),
                "expected_purchases": here * stays,
                "expected_spend_per_purchase": spend,
            },
            index=buyers.index,
        )
        frame["spend_expected"] = frame["expected_purchases"] * spend
        frame["spend_if_stays"] = stays * spend
        frame["value"] = here * stays_discounted * spend * max(margin, 0.0)
        frame["model"] = pd.Series(self.name, index=frame.index, dtype="str")
        return check(frame, "value")

    def correct(self, buyers: pd.DataFrame) -> np.ndarray:
        """The factor on each customer's expected purchases; 1 where nothing was learned beyond the model."""
        if self.correction is None or buyers.empty:
            return np.full(len(buyers), self.recalibration)
        return self.recalibration * self.correction.factor(self.describe(buyers))

    def describe(self, buyers: pd.DataFrame) -> pd.DataFrame:
        """The traits of customers that a correction may rest on."""
        histories = purchase_histories(buyers)
        x, t_x, age = histories.columns
        pace = (self.params["r"] / self.process.k + x) / (self.params["alpha"] + age)
        alive = self.process.alive(self.params, x, t_x, age)
        level = max(self.spend_params["level"], 1e-300)
        return describe_covariates(buyers, pace[histories.which], alive[histories.which], level)

    def _look_ahead(self, histories: WeightedHistories, horizon: float, rate: float):
        """P(alive), and purchases if alive without and with discount, once per different history."""
        alive = self.process.alive(self.params, *histories.columns)
        stays = self.process.stays(self.params, *histories.columns, horizon, 0.0)
        worth = stays if rate == 0 else self.process.stays(self.params, *histories.columns, horizon, rate)
        return alive, stays, worth

    def expect_spend(self, purchases: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """Expected spend per purchase: the own mean, drawn to the prior as if that were `worth` purchases.

        A one-time buyer's mean is one purchase, so it counts 1 / (1 + `worth`). A missing mean does not.
        """
        known = np.isfinite(mean) & (mean > 0)
        level, slope, worth = (self.spend_params[name] for name in ("level", "slope", "worth"))
        prior = level * np.maximum(purchases, 1) ** slope
        own = np.where(known, purchases, 0) / (np.where(known, purchases, 0) + worth)
        if self.spend == GAMMA_GAMMA:
            fitter = lifetimes_adapter.spend_fitter({name: self.spend_params[name] for name in "pqv"})
            return np.where(
                known,
                fitter.conditional_expected_average_profit(purchases, np.where(known, mean, level)),
                prior,
            )
        return prior + own * (np.where(known, mean, prior) - prior)

    def expect_counts(self, customers: pd.DataFrame, up_to: int = 7) -> np.ndarray:
        """Share of buyers expected to have 0, 1, … `up_to` or more purchases after the first one by now."""
        ages = weighted_histories(customers.loc[customers["purchases"] > 0, "days_observed"].to_numpy(float))
        return self.process.counts(self.params, ages.columns[0], ages.weight, up_to)


def purchase_histories(buyers: pd.DataFrame) -> WeightedHistories:
    """The different (x, t_x, T) of customers who have bought."""
    return weighted_histories(
        buyers["purchases"].to_numpy(float) - 1, *(buyers[c].to_numpy(float) for c in DAYS)
    )


def mean_spend(customers: pd.DataFrame) -> np.ndarray:
    """Mean spend per purchase, the first one included; missing where it is unknown or not above zero."""
    if "spend_mean" in customers:
        mean = customers["spend_mean"].to_numpy(float)
    else:
        mean = customers["spend_total"].to_numpy(float) / customers["purchases"].to_numpy(float)
    return np.where(mean > 0, mean, np.nan)
