"""Customers -> a ValueModel, on the highest rung of the ladder that the data can carry, and why there."""

import numpy as np
import pandas as pd

from crcm_lib.data.tables import check
from crcm_lib.errors import DataError
from crcm_lib.language import _
from crcm_lib.models.value.likelihoods import Fit, find_distinct, fit_bgnbd, fit_gamma_gamma
from crcm_lib.models.value.model import BGNBD, DAYS, GAMMA_GAMMA, MEAN, RATE, YEAR, ValueModel, mean_spend

FEWEST_CUSTOMERS, FEWEST_REPEATERS, SHORTEST_DAYS = 100, 30, 90
STRONGEST_LINK = 0.3  # rank correlation of frequency and spend that Gamma-Gamma may still overlook
FARTHEST_LEVEL = 1.5  # times the mean of the customers' means that Gamma-Gamma may expect of a stranger
LEAST_WORTH = 0.01  # purchases that the prior of spend weighs, at least


def fit_value(customers: pd.DataFrame, *, seed: int = 0) -> ValueModel:
    """Learn how customers buy and spend, on the highest rung of the ladder that the data can carry.

    Purchases: BG/NBD (Fader, Hardie & Lee 2005) by maximum likelihood; below it a simple rate, where a
    customer's purchases are weighed against one purchase at everybody's pace, and nobody leaves. Spend:
    Gamma-Gamma (Fader & Hardie 2013) on every purchase, the first one included; below it an own mean
    weighed against the mean of customers who buy about as often.

    Parameters
    ----------
    customers
        The `customers` table: `purchases`, `days_first_to_last`, `days_observed`, `spend_total`,
        `spend_mean`.
    seed
        Of the fits' starting points.
    """
    check(customers, "customers")
    if lacking := [column for column in DAYS if column not in customers]:
        raise DataError(
            _("customers: {columns} missing; value needs them").format(columns=", ".join(lacking))
        )
    buyers = customers[customers["purchases"] > 0]
    x = buyers["purchases"].to_numpy(float) - 1
    t_x, age = (buyers[column].to_numpy(float) for column in DAYS)
    facts = {
        "customers": len(buyers),
        "repeaters": int((x > 0).sum()),
        "history_days": float(age.max(initial=0)),
    }
    purchases, params, told, reasons = _fit_purchases(x, t_x, age, seed)
    spend, spend_params, told_spend, reasons_spend = _fit_spend(x + 1, mean_spend(buyers), seed)
    return ValueModel(
        purchases, params, spend, spend_params, {**facts, **told, **told_spend},
        (*reasons, *reasons_spend), _learn_margin(buyers),
    )  # fmt: skip


def _fit_purchases(x, t_x, age, seed: int):
    reasons = list(_too_little(len(x), int((x > 0).sum()), float(age.max(initial=0))))
    if not reasons:
        fit = fit_bgnbd(find_distinct(x, t_x, age), seed=seed)
        if not fit.problems:
            return BGNBD, fit.params, {"loglik_purchases": fit.loglik}, tuple(_remark(fit.remarks))
        reasons = [_("BG/NBD does not suit these histories: {why}").format(why="; ".join(fit.problems))]
    return RATE, _rate_params(x, age), {}, tuple(reasons)


def _rate_params(x, age) -> dict[str, float]:
    pace = (x.sum() + 0.5) / (age.sum() + YEAR)  # half a purchase in a year, so that unseen is not impossible
    return {"r": 1.0, "alpha": float(1 / pace)}


def simple_rate(buyers: pd.DataFrame) -> dict:
    """The lowest rung for purchases, as fields of a ValueModel."""
    x, age = buyers["purchases"].to_numpy(float) - 1, buyers["days_observed"].to_numpy(float)
    return {"purchases": RATE, "params": _rate_params(x, age)}


def simple_spend(buyers: pd.DataFrame) -> dict:
    """The lowest rung for spend, as fields of a ValueModel: own mean and one purchase at the mean."""
    mean = mean_spend(buyers)
    n = buyers["purchases"].to_numpy(float)[np.isfinite(mean)]
    return {"spend": MEAN, "spend_params": _mean_params(n, mean[np.isfinite(mean)], 0.0, 1.0)}


def _remark(remarks: tuple[str, ...]):
    if remarks:
        yield _("BG/NBD at its edge ({what}): leaving is hardly seen, or equally likely for all").format(
            what=", ".join(remarks)
        )


def _too_little(customers: int, repeaters: int, days: float):
    if customers < FEWEST_CUSTOMERS:
        yield _("{n} customers, and BG/NBD needs {fewest}").format(n=customers, fewest=FEWEST_CUSTOMERS)
    if repeaters < FEWEST_REPEATERS:
        yield _("{n} bought more than once, and BG/NBD needs {fewest}").format(
            n=repeaters, fewest=FEWEST_REPEATERS
        )
    if days < SHORTEST_DAYS:
        yield _("{n:.0f} days of history, and BG/NBD needs {fewest}").format(n=days, fewest=SHORTEST_DAYS)


def _fit_spend(n, mean, seed: int):
    known = np.isfinite(mean)
    n, mean = n[known], mean[known]
    facts, slope, worth = measure_link(n, mean), 0.0, 1.0
    if (n > 1).sum() < FEWEST_REPEATERS:
        few = _("{n} repeat buyers' spend is known, and Gamma-Gamma needs {fewest}").format(
            n=int((n > 1).sum()), fewest=FEWEST_REPEATERS
        )
        return MEAN, _mean_params(n, mean, slope, worth), facts, (few,)
    fit = fit_gamma_gamma(find_distinct(n, mean), seed=seed)
    facts["loglik_spend"] = fit.loglik
    reasons = tuple(_why_not_gamma_gamma(fit, float(mean.mean()), facts["link"]))
    if not fit.problems or fit.params["q"] <= 1:  # the wider spends spread, the less a stranger's weighs
        worth = max((fit.params["q"] - 1) / fit.params["p"], LEAST_WORTH)
    if not reasons:
        return GAMMA_GAMMA, {**fit.params, "level": _stranger(fit), "slope": 0.0, "worth": worth}, facts, ()
    if abs(facts["link"]) > STRONGEST_LINK:
        slope = float(np.polyfit(np.log(n), np.log(mean), 1)[0])
    return MEAN, _mean_params(n, mean, slope, worth), facts, reasons


def _why_not_gamma_gamma(fit: Fit, mean: float, link: float):
    if fit.problems:
        yield _("Gamma-Gamma does not suit: {why}").format(why="; ".join(fit.problems))
    elif _stranger(fit) > FARTHEST_LEVEL * mean:
        yield _("Gamma-Gamma does not suit: spends differ so much that it expects {level:,.0f} of a stranger "
                "where the mean is {mean:,.0f}").format(level=_stranger(fit), mean=mean)  # fmt: skip
    if abs(link) > STRONGEST_LINK:
        yield _("spend goes with frequency (rank correlation {link:.2f}), which Gamma-Gamma excludes").format(
            link=link
        )


def _stranger(fit: Fit) -> float:
    """Gamma-Gamma's population mean of spend per purchase."""
    return fit.params["p"] * fit.params["v"] / (fit.params["q"] - 1)


def _mean_params(n, mean, slope: float, worth: float) -> dict[str, float]:
    """The level at which the expected spends add up to all the money that came in."""
    level = float((n * mean).sum() / (n * n**slope).sum()) if len(n) else 0.0
    return {"level": level, "slope": slope, "worth": worth}


def measure_link(n: np.ndarray, mean: np.ndarray) -> dict[str, float]:
    """Rank correlation of purchases and mean spend among repeat buyers, with its 95 % interval (Fisher's z).

    Gamma-Gamma assumes that there is none.
    """
    again = n > 1
    if again.sum() < 4 or np.ptp(n[again]) == 0 or np.ptp(mean[again]) == 0:
        return {"link": 0.0, "link_low": -1.0, "link_high": 1.0}
    link = float(pd.Series(n[again]).corr(pd.Series(mean[again]), method="spearman"))
    half = 1.96 / np.sqrt(again.sum() - 3)
    middle = np.arctanh(np.clip(link, -0.999999, 0.999999))
    return {
        "link": link,
        "link_low": float(np.tanh(middle - half)),
        "link_high": float(np.tanh(middle + half)),
    }


def _learn_margin(buyers: pd.DataFrame) -> float | None:
    """Margin per unit of spend, over the part of everybody's spend whose cost is known."""
    if "margin_total" not in buyers or buyers["margin_total"].isna().all():
        return None
    known = buyers[buyers["margin_total"].notna()]
    covered = known.get("cost_known_share", 1.0)
    spend = float((known["spend_total"] * covered).sum())
    return float(known["margin_total"].sum()) / spend if spend > 0 else None
