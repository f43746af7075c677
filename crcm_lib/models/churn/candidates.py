"""What P(no purchase) is predicted from, and the candidates: logistic regressions that add up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from crcm_lib.models.churn.absence import absence_probability, measure_rhythm
from crcm_lib.models.clv.purchase_models import (
    PURCHASE_MODELS,
    fit_purchases,
    regular_model,
)
from crcm_lib.models.histories import Numbers, measure_regularity, purchase_histories

BASE_RATE, RECENCY, MODEL = "base_rate", "recency", "purchase_model"
RECALIBRATED, LEARNED, POOLED = "recalibrated", "learned", "pooled"
CANDIDATES = (RECENCY, MODEL, RECALIBRATED, LEARNED, POOLED)  # the simplest first
MEMBERS = (RECENCY, RECALIBRATED, LEARNED)  # of the pooled one
SIGNS = {  # a covariate of the learned candidate -> the reason that its contribution is counted to
    "recency": "overdue",
    "overdue": "overdue",
    "rate": "overdue",
    "irregular": "overdue",
    "last_gap": "comes_less",
    "purchases_lately": "comes_less",
    "spend_lately": "spends_less",
    "complaints": "complaints",
    "contacts": "contacts",
    "nps": "answer",
    "days_late": "late_payment",
    "contract_ends": "contract_end",
}
REASONS = tuple(dict.fromkeys(SIGNS.values()))
PRIOR = 0.3  # standard deviation of a coefficient's prior: one of a sign changes the odds by about a third
FAR = 3.0  # standard deviations at which a sign is cut off
NEAR = 1e-4  # to 0 and 1 is no predicted probability
FEW_LEFT = 0.01  # mean chance of having left below which a purchase model sees nobody leave
LATELY = (30, 90, 180)  # days


@dataclass(frozen=True)
class PurchaseFit:
    """A purchase model fitted to what was known on a day; `edge` says why its P(alive) is not used, or ""."""

    name: str
    params: dict[str, float]
    edge: str = ""


@dataclass(frozen=True)
class Candidate:
    """Log odds = intercept + slope × log odds of the purchase model + recency × log(1 + days since the last)
    + once, of who bought once + coefficients × signs.

    The signs are standardised among the customers of their own day (`centre`, `spread`), so that a season or
    a longer history moves nobody.
    """

    name: str
    intercept: float = 0.0
    slope: float = 0.0
    recency: float = 0.0
    once: float = 0.0
    coefficients: dict[str, float] = field(default_factory=dict)

    def parts(self, signs: pd.DataFrame, standard: pd.DataFrame) -> pd.DataFrame:
        """Each sign's part of the log odds."""
        points = standardise(signs[list(self.coefficients)], standard)
        return points * pd.Series(self.coefficients, dtype=float)

    def log_odds(self, signs: pd.DataFrame, standard: pd.DataFrame) -> pd.Series:
        """The log odds of no purchase."""
        given = self.intercept + self.slope * signs["model"] + self.recency * signs["recency"]
        return given + self.once * signs["once"] + self.parts(signs, standard).sum(axis=1)


def fit_purchase_model(customers: pd.DataFrame, *, seed: int = 0) -> PurchaseFit:
    """MBG/CNBD-k, with the shape k of the customers' gaps; the constant rate where the data are too few.

    It is the same at every origin, so that no later window helped to choose it; it lets one-time buyers drop
    out, and P(no purchase) has a closed form. Where a parameter is at its bound, or hardly anybody is seen to
    leave, its P(alive) says nothing.
    """
    n = customers["purchases"].to_numpy(float)
    facts = {
        "customers": len(customers),
        "repeaters": int((n > 1).sum()),
        "history_days": float(customers["days_observed"].max()) if len(customers) else 0.0,
    }
    name = regular_model(measure_regularity(customers) or 1.0)
    histories = purchase_histories(customers)
    name, fit, reasons = fit_purchases(name, histories, facts, seed=seed)
    edge = next((reason.rule for reason in reasons if reason.rule == "parameters_at_bound"), "")
    alive = PURCHASE_MODELS[name].p_alive(fit.params, *histories.columns)
    if np.isnan(alive).any() or not len(alive):
        edge = "no_dropout"
    elif not edge and np.average(1 - alive, weights=histories.weight) < FEW_LEFT:
        edge = "nobody_leaves"
    return PurchaseFit(name, fit.params, edge)


def describe_signs(
    customers: pd.DataFrame, purchases: PurchaseFit, horizon: int, more: pd.DataFrame, usual: float
) -> pd.DataFrame:
    """What is known of buyers that says whether they will buy; missing is "like everybody".

    Parameters
    ----------
    customers
        Rows of `customer_features` with a purchase.
    more
        From `features.relationship_signs`.
    usual
        The usual gap (days) of all, from `usual_gap`.

    Returns
    -------
    `model` and `own`: log odds of no purchase by the purchase model, and of a customer who is certainly still
    there; `chance`: of an absence this long if still there; `once`: 1 for who bought once, else 0; then the
    keys of `SIGNS` that the data have.
    """
    histories, model = purchase_histories(customers), PURCHASE_MODELS[purchases.name]
    given = (purchases.params, *histories.columns)
    own, chance = model.p_no_purchase(*given, float(horizon)), absence_probability(purchases.name, *given)
    alive = np.ones(len(own)) if purchases.edge else model.p_alive(*given)
    log_odds = {"model": 1 - alive * (1 - own), "own": own}
    signs = pd.DataFrame({name: _log_odds(p)[histories.which] for name, p in log_odds.items()})
    signs = signs.set_index(customers.index)
    signs = signs.assign(chance=chance[histories.which], once=(customers["purchases"] == 1).astype(float))
    rate = (purchases.params["r"] / model.k + customers["purchases"] - 1) / (
        purchases.params["alpha"] + customers["days_observed"]
    )
    overdue = measure_rhythm(customers, usual)["overdue_ratio"]
    found = {"recency": np.log1p(customers["days_since_last"]), "overdue": np.log1p(overdue)}
    found |= {"rate": np.log(rate)} | _describe_trend(customers, horizon)
    signs = signs.assign(**found, **_describe_relationship(more.reindex(customers.index), horizon))
    return signs.astype("float64").replace([np.inf, -np.inf], np.nan)


def _describe_trend(customers: pd.DataFrame, horizon: int) -> dict[str, pd.Series]:
    """Lately against always: purchases, spend, and the last gap."""
    days = next((window for window in LATELY if window >= horizon), LATELY[-1])
    age, spend = customers["days_observed"] + 1, customers["spend_total"].astype(float).clip(lower=0)
    share = age.clip(upper=days) / age
    found = {}
    if f"purchases_{days}d" in customers:
        usual = customers["purchases"] * share
        found["purchases_lately"] = -np.log((customers[f"purchases_{days}d"] + 0.5) / (usual + 0.5))
        lately = customers[f"spend_{days}d"].astype(float).clip(lower=0)
        found["spend_lately"] = -np.log1p(lately / (spend * share).where(spend > 0))
    if "gap_mean_days" in customers:
        found["irregular"] = customers["gap_spread_days"] / customers["gap_mean_days"]
        found["last_gap"] = np.log1p(customers["gap_last_days"] / customers["gap_mean_days"])
    return found


def _describe_relationship(more: pd.DataFrame, horizon: int) -> dict[str, pd.Series]:
    found = {name: np.log1p(more[name].fillna(0)) for name in ("complaints", "contacts") if name in more}
    if "nps" in more:
        found["nps"] = -more["nps"]
    if "days_late" in more:
        found["days_late"] = np.log1p(more["days_late"])
    if "contract_days_left" in more:
        found["contract_ends"] = more["contract_days_left"].abs().le(horizon).astype(float)
    return found


def _log_odds(p: Numbers) -> Numbers:
    p = np.clip(p, NEAR, 1 - NEAR)
    return np.log(p / (1 - p))


def measure_standard(signs: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of each sign among the customers of a day, as `centre` and `spread`."""
    known = signs[[name for name in SIGNS if name in signs]].dropna(axis="columns", how="all")
    standard = pd.DataFrame({"centre": known.mean(), "spread": known.std(ddof=0)})
    return standard[standard["spread"] > 1e-9]


def standardise(signs: pd.DataFrame, standard: pd.DataFrame) -> pd.DataFrame:
    """The signs in standard deviations from the mean of their day; what is missing or constant is 0."""
    centre, spread = (standard[name].reindex(signs.columns) for name in ("centre", "spread"))
    return ((signs - centre) / spread).clip(-FAR, FAR).fillna(0.0)


def fit_candidate(
    name: str, signs: Sequence[pd.DataFrame], missed: Sequence[Numbers], standards: Sequence[pd.DataFrame]
) -> Candidate:
    """Learn a candidate from earlier origins: their signs, and who did not buy (1) or did (0).

    A coefficient has the prior N(0, 0.3²), so that few customers change little: `recalibrated` and `learned`
    start from the purchase model as it is. Recency has none, and cannot fall with the days. `pooled` is the
    mean of the log odds of the other learned ones: a combination with equal weights is hard to beat, as
    weights and choices have errors of their own (Bates & Granger 1969, Operational Research Quarterly 20,
    451-468; Genest & Zidek 1986, Statistical Science 1, 114-135: the logarithmic opinion pool). Its level is
    then learned once more, and one for those who bought once: its members see a rhythm that they do not have.
    """
    if name == MODEL:
        return Candidate(MODEL, slope=1.0)
    if name == POOLED:
        pooled = pool([fit_candidate(member, signs, missed, standards) for member in MEMBERS])
        offset = np.concatenate([pooled.log_odds(*each) for each in zip(signs, standards, strict=True)])
        once = np.concatenate([each[["once"]] for each in signs])
        level, once_level = fit_logistic(once, np.concatenate(missed), offset, prior=PRIOR)
        return replace(pooled, intercept=pooled.intercept + level, once=once_level)
    if name == RECENCY:
        points = np.concatenate([each[["recency"]].to_numpy() for each in signs])
        intercept, rise = fit_logistic(points, np.concatenate(missed), np.zeros(len(points)), prior=np.inf)
        return Candidate(RECENCY, intercept, recency=max(rise, 0.0))
    shared = [sign for sign in SIGNS if all(sign in standard.index for standard in standards)]
    used = shared if name == LEARNED else []
    points = pd.concat(
        [
            standardise(each[used], own).assign(model=each["model"])
            for each, own in zip(signs, standards, strict=True)
        ]
    )
    offset = points["model"].to_numpy()
    intercept, *found = fit_logistic(points.to_numpy(), np.concatenate(missed), offset, prior=PRIOR)
    coefficients = dict(zip(used, found[:-1], strict=True))
    return Candidate(name, intercept, slope=1 + found[-1], coefficients=coefficients)


def pool(members: Sequence[Candidate]) -> Candidate:
    """The candidate whose log odds are the mean of those of others."""
    means = (np.mean([getattr(each, part) for each in members]) for part in ("intercept", "slope", "recency"))
    signs = {sign for each in members for sign in each.coefficients}
    coefficients = {
        sign: sum(each.coefficients.get(sign, 0.0) for each in members) / len(members)
        for sign in sorted(signs)
    }
    return Candidate(POOLED, *map(float, means), coefficients=coefficients)


def fit_logistic(points: Numbers, outcome: Numbers, offset: Numbers, *, prior: float) -> list[float]:
    """Intercept and coefficients of highest posterior density, by Newton's method in a trust region.

    scikit-learn's LogisticRegression knows no offset, and so would shrink towards "all alike".

    Parameters
    ----------
    points
        Shape (n, k).
    outcome, offset
        0 or 1, and log odds to begin with; shape (n,).
    prior
        Standard deviation of the normal prior around 0 of the coefficients, not of the intercept.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    design = np.column_stack([np.ones(len(points)), points])
    precision = np.append(0.0, np.full(points.shape[1], prior**-2.0))

    def loss(found: Numbers) -> tuple[float, Numbers]:
        log_odds = offset + design @ found
        slope = design.T @ (expit(log_odds) - outcome) + precision * found
        return np.logaddexp(0, log_odds).sum() - outcome @ log_odds + precision @ found**2 / 2, slope

    def curvature(found: Numbers) -> Numbers:
        p = expit(offset + design @ found)
        return (design * (p * (1 - p))[:, None]).T @ design + np.diag(precision)

    start = np.zeros(design.shape[1])
    return minimize(loss, start, jac=True, hess=curvature, method="trust-exact").x.tolist()
