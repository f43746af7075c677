"""Sensitivity of predicted value: the same customers under other assumptions."""

from dataclasses import replace

import pandas as pd

from crcm_lib.models.clv.gamma_gamma import fit_shrunken_mean
from crcm_lib.models.clv.purchase_models import CONSTANT_RATE, PURCHASE_MODELS
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.histories import mean_spend, purchase_histories

TOP = 0.9  # rank above which a customer is in the most valuable tenth


def compare_scenarios(
    model: ValueModel, customers: pd.DataFrame, *, horizon_days: float, annual_discount_rate: float
) -> pd.DataFrame:
    """Predict again with half and twice the horizon, no and twice the discount, and simpler models.

    Returns
    -------
    One row per `scenario` (`base`, `half_horizon`, `twice_horizon`, `no_discount`, `twice_discount`,
    `constant_rate`, `shrunken_mean`): `total` value (currency, before margin), `change` (total / that of
    `base` - 1), and `top_tenth_kept_share`, the share of the most valuable tenth of customers who stay in it.
    """
    buyers = customers[customers["purchases"] > 0]
    rate = PURCHASE_MODELS[CONSTANT_RATE].fit(purchase_histories(buyers))
    spend = fit_shrunken_mean(buyers["purchases"].to_numpy(float), mean_spend(buyers))
    base = {"horizon_days": horizon_days, "annual_discount_rate": annual_discount_rate, "margin_rate": 1.0}
    simpler_purchases = replace(model, purchase_model=CONSTANT_RATE, params=rate.params)
    simpler_spend = replace(model, spend_model=spend.spend_model, spend_params=spend.params)
    scenarios = {
        "base": (model, {}),
        "half_horizon": (model, {"horizon_days": horizon_days / 2}),
        "twice_horizon": (model, {"horizon_days": horizon_days * 2}),
        "no_discount": (model, {"annual_discount_rate": 0.0}),
        "twice_discount": (model, {"annual_discount_rate": annual_discount_rate * 2}),
        "constant_rate": (simpler_purchases, {}),
        "shrunken_mean": (simpler_spend, {}),
    }
    values = {
        name: used.predict(buyers, **(base | changed))["value"] for name, (used, changed) in scenarios.items()
    }
    total, top = float(values["base"].sum()), _top_tenth(values["base"])
    rows = [
        {
            "scenario": name,
            "total": float(value.sum()),
            "change": float(value.sum()) / total - 1 if total > 0 else 0.0,
            "top_tenth_kept_share": float(_top_tenth(value)[top].mean()) if top.any() else 1.0,
        }
        for name, value in values.items()
    ]
    return pd.DataFrame(rows)


def _top_tenth(value: pd.Series) -> pd.Series:
    return value.rank(pct=True, method="average") > TOP
