"""Customers -> a ValueModel, on the highest rung of the ladder that the data can carry, and why there."""

from dataclasses import replace

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.models.clv.gamma_gamma import fit_gamma_gamma
from crcm_lib.models.clv.purchase_models import PARETO, PROCESSES, RATE, REGULAR, fit_constant_rate, name_cnbd
from crcm_lib.models.clv.value_model import (
    DAYS,
    GAMMA_GAMMA,
    MEAN,
    ValueModel,
    mean_spend,
    purchase_histories,
)
from crcm_lib.models.mle import Fit, WeightedHistories, weighted_histories
from crcm_lib.schema.tables import check

MIN_CUSTOMERS, MIN_REPEAT_BUYERS, MIN_HISTORY_DAYS = 100, 30, 90
MAX_RANK_CORRELATION = 0.3  # rank correlation of frequency and spend that Gamma-Gamma may still overlook
MAX_PRIOR_TO_MEAN = 1.5  # times the mean of the customers' means that Gamma-Gamma may expect of a stranger
MIN_PRIOR_WEIGHT = 0.01  # purchases that the prior of spend weighs, at least


def fit_value(customers: pd.DataFrame, *, purchases: str = PARETO, seed: int = 0) -> ValueModel:
    """Learn how customers buy and spend, on the highest rung of the ladder that the data can carry.

    Purchases: the model asked for, by maximum likelihood; below it a simple rate, where a customer's
    purchases are weighed against one purchase at everybody's pace, and nobody leaves. Spend:
    Gamma-Gamma (Fader & Hardie 2013) on every purchase, the first one included; below it an own mean
    weighed against the mean of customers who buy about as often.

    Parameters
    ----------
    customers
        The `customers` table: `purchases`, `days_first_to_last`, `days_observed`, `spend_total`,
        `spend_mean`.
    purchases
        A purchase model of `processes.PROCESSES`; `processes.REGULAR` is the one of the customers' rhythm.
    seed
        Of the fits' starting points.
    """
    check(customers, "customer_features")
    if lacking := [column for column in DAYS if column not in customers]:
        raise DataError(
            _("customers: {columns} missing; value needs them").format(columns=", ".join(lacking))
        )
    buyers = customers[customers["purchases"] > 0]
    x = buyers["purchases"].to_numpy(float) - 1
    facts = {
        "customers": len(buyers),
        "repeaters": int((x > 0).sum()),
        "history_days": float(buyers["days_observed"].max()) if len(buyers) else 0.0,
    }
    if (shape := measure_regularity(buyers)) is not None:
        facts["regularity"] = shape
    name, params, told, reasons = _fit_purchases(purchase_histories(buyers), purchases, facts, seed)
    spend, spend_params, told_spend, reasons_spend = _fit_spend(x + 1, mean_spend(buyers), seed)
    return ValueModel(
        name, params, spend, spend_params, {**facts, **told, **told_spend},
        (*reasons, *reasons_spend), _learn_margin(buyers),
    )  # fmt: skip


def refit_purchases(model: ValueModel, customers: pd.DataFrame, name: str, *, seed: int = 0) -> ValueModel:
    """The model with another purchase model learned from the same customers, its spend as it was."""
    buyers = customers[customers["purchases"] > 0]
    name, params, told, reasons = _fit_purchases(purchase_histories(buyers), name, model.facts, seed)
    facts = {fact: known for fact, known in model.facts.items() if fact != "loglik_purchases"}
    return replace(model, purchases=name, params=params, facts=facts | told, reasons=reasons)


def _fit_purchases(histories: WeightedHistories, name: str, facts: dict, seed: int):
    if name == REGULAR:
        name = name_cnbd(facts.get("regularity", 1.0))
    reasons = list(_too_little(name, facts)) if name != RATE else []
    if not reasons:
        fit = PROCESSES[name].fit(histories, seed=seed)
        if not fit.problems:
            told = {} if name == RATE else {"loglik_purchases": fit.loglik}
            return name, fit.params, told, tuple(_remark(name, fit.remarks))
        reasons = [
            _("{model} does not suit these histories: {why}").format(model=name, why="; ".join(fit.problems))
        ]
    return RATE, fit_constant_rate(histories).params, {}, tuple(reasons)


def constant_rate(buyers: pd.DataFrame) -> dict:
    """The lowest rung for purchases, as fields of a ValueModel."""
    return {"purchases": RATE, "params": fit_constant_rate(purchase_histories(buyers)).params}


def shrunken_mean_spend(buyers: pd.DataFrame) -> dict:
    """The lowest rung for spend, as fields of a ValueModel: own mean and one purchase at the mean."""
    mean = mean_spend(buyers)
    n = buyers["purchases"].to_numpy(float)[np.isfinite(mean)]
    return {"spend": MEAN, "spend_params": _mean_params(n, mean[np.isfinite(mean)], 0.0, 1.0)}


def _remark(name: str, remarks: tuple[str, ...]):
    if remarks:
        yield _("{model} at its edge ({what}): leaving is hardly seen, or equally likely for all").format(
            model=name, what=", ".join(remarks)
        )


def _too_little(model: str, facts: dict):
    limits = {"customers": MIN_CUSTOMERS, "repeaters": MIN_REPEAT_BUYERS, "history_days": MIN_HISTORY_DAYS}
    words = {
        "customers": _("{n:.0f} customers, and {model} needs {fewest}"),
        "repeaters": _("{n:.0f} bought more than once, and {model} needs {fewest}"),
        "history_days": _("{n:.0f} days of history, and {model} needs {fewest}"),
    }
    for fact, fewest in limits.items():
        if facts[fact] < fewest:
            yield words[fact].format(n=facts[fact], model=model, fewest=fewest)


def _fit_spend(n, mean, seed: int):
    known = np.isfinite(mean)
    n, mean = n[known], mean[known]
    facts, slope, worth = frequency_spend_correlation(n, mean), 0.0, 1.0
    if (n > 1).sum() < MIN_REPEAT_BUYERS:
        few = _("{n} repeat buyers' spend is known, and Gamma-Gamma needs {fewest}").format(
            n=int((n > 1).sum()), fewest=MIN_REPEAT_BUYERS
        )
        return MEAN, _mean_params(n, mean, slope, worth), facts, (few,)
    fit = fit_gamma_gamma(weighted_histories(n, mean), seed=seed)
    facts["loglik_spend"] = fit.loglik
    reasons = tuple(_why_not_gamma_gamma(fit, float(mean.mean()), facts["link"]))
    if not fit.problems or fit.params["q"] <= 1:  # the wider spends spread, the less a stranger's weighs
        worth = max((fit.params["q"] - 1) / fit.params["p"], MIN_PRIOR_WEIGHT)
    if not reasons:
        return (
            GAMMA_GAMMA,
            {**fit.params, "level": _population_mean_spend(fit), "slope": 0.0, "worth": worth},
            facts,
            (),
        )
    if abs(facts["link"]) > MAX_RANK_CORRELATION:
        slope = float(np.polyfit(np.log(n), np.log(mean), 1)[0])
    return MEAN, _mean_params(n, mean, slope, worth), facts, reasons


def _why_not_gamma_gamma(fit: Fit, mean: float, link: float):
    if fit.problems:
        yield _("Gamma-Gamma does not suit: {why}").format(why="; ".join(fit.problems))
    elif _population_mean_spend(fit) > MAX_PRIOR_TO_MEAN * mean:
        words = _(
            "Gamma-Gamma does not suit: spends differ so much that it expects {level:,.0f} of a stranger "
            "where the mean is {mean:,.0f}"
        )
        yield words.format(level=_population_mean_spend(fit), mean=mean)
    if abs(link) > MAX_RANK_CORRELATION:
        yield _("spend goes with frequency (rank correlation {link:.2f}), which Gamma-Gamma excludes").format(
            link=link
        )


def _population_mean_spend(fit: Fit) -> float:
    """Gamma-Gamma's population mean of spend per purchase."""
    return fit.params["p"] * fit.params["v"] / (fit.params["q"] - 1)


def _mean_params(n, mean, slope: float, worth: float) -> dict[str, float]:
    """The level at which the expected spends add up to all the money that came in."""
    level = float((n * mean).sum() / (n * n**slope).sum()) if len(n) else 0.0
    return {"level": level, "slope": slope, "worth": worth}


def frequency_spend_correlation(n: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    """Rank correlation of purchases and mean spend among repeat buyers, with its 95 % interval (Fisher's z).

    Gamma-Gamma assumes that there is none.
    """
    again = n > 1
    if again.sum() < 4 or np.ptp(n[again]) == 0 or np.ptp(mean[again]) == 0:
        return {"link": 0.0, "link_low": -1.0, "link_high": 1.0}
    link = float(np.corrcoef(pd.Series(n[again]).rank(), pd.Series(mean[again]).rank())[0, 1])
    half = 1.96 / np.sqrt(again.sum() - 3)
    middle = np.arctanh(np.clip(link, -0.999999, 0.999999))
    return {
        "link": link,
        "link_low": float(np.tanh(middle - half)),
        "link_high": float(np.tanh(middle + half)),
    }


def measure_regularity(buyers: pd.DataFrame) -> float | None:
    """The Erlang shape k of the days between purchases: 1 is wholly random, more is more regular.

    By moments: of n gaps of shape k, the expected sum of squares over the squared sum is (k + 1) / (n k + 1).
    None where fewer than 30 customers have three gaps.
    """
    if "gap_spread_days" not in buyers:
        return None
    known = buyers[(buyers["purchases"] >= 4) & (buyers["gap_mean_days"] > 0)]
    n = known["purchases"].to_numpy(float) - 1
    if len(known) < MIN_REPEAT_BUYERS:
        return None
    ratio = (known["gap_spread_days"] / known["gap_mean_days"]).to_numpy(float)
    seen = float(((1 + ratio**2 * (n - 1) / n) / n).mean())  # sum of squares over the squared sum
    shapes = np.exp(np.linspace(np.log(0.2), np.log(50), 400))
    expected = np.array([((k + 1) / (n * k + 1)).mean() for k in shapes])
    return float(np.interp(-seen, -expected, shapes))


def _learn_margin(buyers: pd.DataFrame) -> float | None:
    """Margin per unit of spend, over the part of everybody's spend whose cost is known."""
    if "margin_total" not in buyers or buyers["margin_total"].isna().all():
        return None
    known = buyers[buyers["margin_total"].notna()]
    covered = known.get("cost_known_share", 1.0)
    spend = float((known["spend_total"] * covered).sum())
    return float(known["margin_total"].sum()) / spend if spend > 0 else None
