"""Customers -> a ValueModel: with the purchase model asked for, or a simpler one where data are too few."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.models.clv.gamma_gamma import fit_spend, take_own_mean
from crcm_lib.models.clv.purchase_models import PARETO, REGULAR, SAME_RATE, fit_purchases, regular_model
from crcm_lib.models.clv.value_model import ValueModel
from crcm_lib.models.histories import (
    HISTORY_COLUMNS,
    margin_rate,
    mean_spend,
    measure_regularity,
    purchase_histories,
)
from crcm_lib.schema.tables import check


def fit_value(customers: pd.DataFrame, *, purchase_model: str = PARETO, seed: int = 0) -> ValueModel:
    """Learn how customers buy, drop out and spend.

    Purchases: the model asked for, by maximum likelihood; where the data cannot carry it or it does not fit,
    a constant rate. Spend: Gamma-Gamma (Fader & Hardie 2013), or a shrunken mean; see `fit_spend`. What was
    not used, and why, stands in `ValueModel.reasons`.

    Parameters
    ----------
    customers
        The table `customer_features`: `purchases`, `days_first_to_last`, `days_observed`, `spend_total`,
        `spend_mean`.
    purchase_model
        A name of `PURCHASE_MODELS`, or `REGULAR` for MBG/CNBD-k with the shape k of these customers' gaps.
    seed
        Of the fits' starting points.

    Raises
    ------
    DataError
        If a column is missing.
    """
    return fit_purchase_models(customers, [purchase_model], seed=seed)[purchase_model]


def fit_purchase_models(
    customers: pd.DataFrame, purchase_models: Iterable[str], *, seed: int = 0
) -> dict[str, ValueModel]:
    """`fit_value` for several purchase models; what they share is measured once.

    `REGULAR` is left out where the customers' shape makes it another of the models asked for.
    """
    check(customers, "customer_features")
    if missing := [column for column in HISTORY_COLUMNS if column not in customers]:
        raise DataError(
            _("customers: {columns} missing; value needs them").format(columns=", ".join(missing))
        )
    buyers = customers[customers["purchases"] > 0]
    histories, n, mean = purchase_histories(buyers), buyers["purchases"].to_numpy(float), mean_spend(buyers)
    facts = {
        "customers": len(buyers),
        "repeaters": int((n > 1).sum()),
        "history_days": float(buyers["days_observed"].max()) if len(buyers) else 0.0,
    }
    if (shape := measure_regularity(buyers)) is not None:
        facts["regularity"] = shape
    margin, fitted = margin_rate(buyers), fit_spend(n, mean, seed=seed)
    regular = regular_model(facts.get("regularity", 1.0))
    models = {}
    for requested in purchase_models:
        if requested == REGULAR and regular in models:
            continue
        name = regular if requested == REGULAR else requested
        spend = take_own_mean(fitted) if name == SAME_RATE else fitted
        used, fit, reasons = fit_purchases(name, histories, facts, seed=seed)
        loglik = {"loglik_purchases": fit.loglik} if np.isfinite(fit.loglik) else {}
        models[requested] = ValueModel(
            purchase_model=used,
            params=fit.params,
            spend_model=spend.spend_model,
            spend_params=spend.params,
            facts=facts | loglik | spend.facts,
            reasons=(*reasons, *spend.reasons),
            margin=margin,
        )
    return models
