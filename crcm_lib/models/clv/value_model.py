"""What was learned about buying and spending, and the customers' predicted value under it."""

from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.models.clv.gamma_gamma import expected_spend
from crcm_lib.models.clv.purchase_models import PURCHASE_MODELS, PurchaseModel
from crcm_lib.models.clv.residual_boosting import Correction, describe_covariates
from crcm_lib.models.histories import Numbers, mean_spend, purchase_histories, weighted_histories
from crcm_lib.models.reasons import Reason
from crcm_lib.schema import learned_state
from crcm_lib.schema.tables import check

SCHEMA_VERSION = 2  # of the JSON of a ValueModel
YEAR = 365.0
MIN_RATE_DAYS = 90  # days over which a newcomer's spend per day is taken, at least
TENTHS = 10


@dataclass(frozen=True)
class ValueModel:
    """What was learned about buying and spending; predicts any customer, alone or with others.

    Attributes
    ----------
    purchase_model, spend_model
        Ids of the models used: of `PURCHASE_MODELS`, and `GAMMA_GAMMA`, `SHRUNKEN_MEAN` or `OWN_MEAN`.
    params
        Of the purchase model, in days: BG/NBD's r, alpha, a, b; Pareto/NBD's r, alpha, s, beta; or r = 1 and
        alpha of the constant rate.
    spend_params
        p, q, v of Gamma-Gamma where it is used; `population_mean` (currency), `slope` and `prior_weight`
        (pseudo-purchases) of the mean that customers are shrunk to; see `fit_spend`.
    facts
        Numbers of the data: `customers`, `repeaters`, `history_days`, `regularity` (Erlang shape),
        `spend_correlation` with its interval, `loglik_purchases`, `loglik_spend`.
    reasons
        Why a model asked for was not used, and remarks on the fits.
    margin
        Margin per unit of spend; None where no cost is known.
    correction
        Each customer's factor, learned from earlier windows, on the expected purchases; None without.
    recalibration
        Factor on all expected purchases, learned from the totals of earlier windows.
    """

    purchase_model: str
    params: dict[str, float]
    spend_model: str
    spend_params: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    margin: float | None = None
    correction: Correction | None = None
    recalibration: float = 1.0

    @property
    def name(self) -> str:
        """The models' ids, as in the column `model`."""
        plain = f"{self.purchase_model} + {self.spend_model}"
        return plain if self.correction is None else f"{plain}, corrected"

    @property
    def purchase_process(self) -> PurchaseModel:
        """The purchase model, as an object."""
        return PURCHASE_MODELS[self.purchase_model]

    def to_json(self) -> str:
        """The learned state as JSON."""
        return learned_state.to_json(asdict(self), SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "ValueModel":
        """Read the learned state back.

        Raises
        ------
        DataError
            If another version of the library wrote it.
        """
        state = learned_state.from_json(text, SCHEMA_VERSION, model="value model", notebook="04_clv")
        correction = state.pop("correction")
        reasons = tuple(Reason(**reason) for reason in state.pop("reasons"))
        return cls(
            **state,
            reasons=reasons,
            correction=None if correction is None else Correction.from_state(correction),
        )

    def basis(self, margin_rate: float | None = None) -> str:
        """What `value` counts: "margin" where a rate is declared or was learned from cost, else "spend"."""
        return "spend" if margin_rate is None and self.margin is None else "margin"

    def margin_used(self, margin_rate: float | None = None) -> float:
        """What `value` counts per unit of spend: the declared or learned margin, never below 0; else 1."""
        return max(next((known for known in (margin_rate, self.margin) if known is not None), 1.0), 0.0)

    def predict(
        self,
        customers: pd.DataFrame,
        *,
        horizon_days: float,
        annual_discount_rate: float = 0.0,
        margin_rate: float | None = None,
    ) -> pd.DataFrame:
        """Predict the table `value`: one row per customer who has bought; nothing is known of prospects.

        Parameters
        ----------
        customers
            The table `customer_features`.
        horizon_days
            Length of the period predicted, in days.
        annual_discount_rate
            With 0.1, 1.10 in a year has the present value 1.00; purchases are discounted from their own day.
        margin_rate
            Margin per unit of spend; None takes the one learned from cost, or 1 where no cost is known.

        Returns
        -------
        The table `value`, indexed by `customer_id`. `p_alive` is empty for one-time buyers (BG/NBD says 1 of
        them by construction) and under the constant rate. `growth_expected` runs from -1 to 1: the
        difference of the spend expected per day and that of the last year, over their sum; missing without
        `spend_365d`.
        """
        buyers = customers[customers["purchases"] > 0]
        histories = purchase_histories(buyers)
        n, rate = buyers["purchases"].to_numpy(float), np.log1p(annual_discount_rate) / YEAR
        process, given = self.purchase_process, (self.params, *histories.columns)
        p_alive = process.p_alive(*given)[histories.which]
        expected = process.expected_purchases(*given, float(horizon_days))
        present = expected if rate == 0 else process.expected_purchases(*given, float(horizon_days), rate)
        spend, factor = self.expected_spend(n, mean_spend(buyers)), self.factors(buyers)
        expected, present = expected[histories.which] * factor, present[histories.which] * factor
        alive = np.nan_to_num(p_alive, nan=1.0)
        frame = pd.DataFrame(
            {
                "p_alive": np.where(n > 1, p_alive, np.nan),
                "expected_purchases": alive * expected,
                "expected_spend_per_purchase": spend,
            },
            index=buyers.index,
        )
        frame["spend_expected"] = frame["expected_purchases"] * spend
        frame["spend_if_stays"] = expected * spend
        frame["value"] = alive * present * spend * self.margin_used(margin_rate)
        frame["growth_expected"] = _expect_growth(buyers, frame["spend_expected"] / float(horizon_days))
        frame["model"] = pd.Series(self.name, index=frame.index, dtype="str")
        return check(frame, "value")

    def factors(self, buyers: pd.DataFrame) -> Numbers:
        """The factor on each customer's expected purchases: correction times recalibration."""
        if self.correction is None or buyers.empty:
            return np.full(len(buyers), self.recalibration)
        return self.recalibration * self.correction.factor(self.covariates(buyers))

    def covariates(self, buyers: pd.DataFrame) -> pd.DataFrame:
        """What a correction is learned from and predicts with; see `describe_covariates`."""
        histories = purchase_histories(buyers)
        x, t_x, T = histories.columns
        rate = (self.params["r"] / self.purchase_process.k + x) / (self.params["alpha"] + T)
        p_alive = self.purchase_process.p_alive(self.params, x, t_x, T)
        typical_spend = max(self.spend_params["population_mean"], 1e-300)
        return describe_covariates(buyers, rate[histories.which], p_alive[histories.which], typical_spend)

    def expected_spend(self, n: Numbers, mean: Numbers) -> Numbers:
        """Expected spend per purchase (currency) of customers with n purchases of this mean."""
        return expected_spend(self.spend_model, self.spend_params, n, mean)

    def count_distribution(self, customers: pd.DataFrame, max_count: int = 7) -> Numbers:
        """Share of buyers expected to have 0, 1, … `max_count` or more repeat purchases so far."""
        ages = weighted_histories(customers.loc[customers["purchases"] > 0, "days_observed"].to_numpy(float))
        return self.purchase_process.count_distribution(self.params, ages.columns[0], ages.weight, max_count)


def _expect_growth(buyers: pd.DataFrame, expected_per_day: pd.Series) -> pd.Series:
    """-1 for who is expected to spend nothing more, 0 as much as now, 1 for who spent nothing lately."""
    if "spend_365d" not in buyers:
        return pd.Series(np.nan, index=buyers.index)
    days = buyers["days_observed"].clip(MIN_RATE_DAYS, YEAR)
    now = buyers["spend_365d"].astype(float).clip(lower=0) / days
    return (expected_per_day - now) / (expected_per_day + now).where(expected_per_day + now > 0)


def sum_tenths(value: pd.Series) -> pd.DataFrame:
    """Predicted value by tenth of the customers, the most valuable tenth first.

    Returns
    -------
    `tenth` (1 to 10), `customers`, `value` (currency), `value_share`; `largest_share`, the part of the
    tenth's value that its largest customer brings, which small-cell suppression needs.
    """
    ranked = value.sort_values(ascending=False).reset_index(drop=True)
    tenth = (ranked.index * TENTHS // max(len(ranked), 1) + 1).rename("tenth")
    sums = ranked.groupby(tenth).agg(customers="size", value="sum", largest="max").reset_index()
    value_share = sums["value"] / max(float(ranked.sum()), 1e-300)
    largest_share = sums.pop("largest") / sums["value"].clip(lower=1e-300)
    return sums.assign(value_share=value_share, largest_share=largest_share)
