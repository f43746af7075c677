"""What would change the predicted value: the same customers under other assumptions."""

from dataclasses import replace

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.models.clv.fit import constant_rate, shrunken_mean_spend
from crcm_lib.models.clv.value_model import ValueModel


def vary(
    model: ValueModel, customers: pd.DataFrame, *, horizon_days: float, annual_discount_rate: float
) -> pd.DataFrame:
    """Predict again with half and twice the horizon, without and with twice the discount, and simpler models.

    Returns
    -------
    One row per change: `total` value (currency, before margin), `against_base` (share), and `top_tenth_kept`,
    the share of the most valuable tenth of customers who stay in it.
    """
    settings = {
        "horizon_days": horizon_days,
        "annual_discount_rate": annual_discount_rate,
        "margin_rate": 1.0,
    }
    buyers = customers[customers["purchases"] > 0]
    variants = {
        _("as the policy says"): (model, {}),
        _("half the horizon"): (model, {"horizon_days": horizon_days / 2}),
        _("twice the horizon"): (model, {"horizon_days": horizon_days * 2}),
        _("no discount"): (model, {"annual_discount_rate": 0.0}),
        _("twice the discount rate"): (model, {"annual_discount_rate": annual_discount_rate * 2}),
        _("a simple rate of purchases, nobody leaves"): (replace(model, **constant_rate(buyers)), {}),
        _("a plain shrunken mean of spend"): (replace(model, **shrunken_mean_spend(buyers)), {}),
    }
    values = {
        name: variant.predict(buyers, **{**settings, **changed})["value"]
        for name, (variant, changed) in variants.items()
    }
    base = values[_("as the policy says")]
    top = _top_tenth(base)
    rows = [
        {
            "change": name,
            "total": float(value.sum()),
            "against_base": float(value.sum() / base.sum() - 1) if base.sum() > 0 else 0.0,
            "top_tenth_kept": float(_top_tenth(value)[top].mean()) if top.any() else 1.0,
        }
        for name, value in values.items()
    ]
    return pd.DataFrame(rows)


def _top_tenth(value: pd.Series) -> pd.Series:
    return value.rank(pct=True, method="average") > 0.9
