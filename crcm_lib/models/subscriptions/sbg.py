"""Subscriptions -> how retention changes with age: the shifted-beta-geometric model (sBG).

At the end of every contract a customer leaves with a probability that is constant for the customer and
differs between customers by a beta distribution (alpha, beta). Customers with a high probability leave first,
so that the retention rate of those who remain rises with age although no customer changes.

References
----------
Fader & Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21(1), 76-90.
Fader & Hardie (2010), Customer-base valuation in a contractual setting: the perils of ignoring heterogeneity,
Marketing Science 29(1), 85-93.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.models.histories import Numbers, weighted_histories
from crcm_lib.models.mle import Fit, Objective, maximise
from crcm_lib.schema import learned_state

SCHEMA_VERSION = 1  # of the JSON of a Retention
MIN_SUBSCRIPTIONS = 30
MIN_PER_OUTCOME = 5  # decisions to renew, and decisions not to


@dataclass(frozen=True)
class Retention:
    """The fitted sBG model.

    Attributes
    ----------
    params
        alpha and beta of the probability of leaving at the end of a contract; empty where nothing is fitted.
    period_days
        The usual length of a contract, in days.
    facts
        `subscriptions`, `stayed` and `left` (decisions), `contracts_in_a_row` (the most of any subscription),
        `loglik` (log-likelihood of all subscriptions).
    reasons
        Ids. Why nothing is fitted: `no_contracts_table`, `no_contract_begun`, `too_few_subscriptions`,
        `no_decision_yet`, `too_few_per_outcome`, `nobody_decided_twice`, or a problem of the fit. Otherwise
        remarks: `alpha_at_bound` or `beta_at_bound`, `nobody_decided_three_times`, `one_cohort`.
    """

    params: dict[str, float]
    period_days: int
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """True where the data are enough for a fit."""
        return bool(self.params)

    def to_json(self) -> str:
        """The fitted model as JSON."""
        return learned_state.to_json(asdict(self), SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "Retention":
        """The fitted model that `to_json` wrote.

        Raises
        ------
        DataError
            If another release wrote it.
        """
        state = learned_state.from_json(text, SCHEMA_VERSION, model="retention", notebook="11_profitability")
        return cls(**{**state, "reasons": tuple(state["reasons"])})


def fit_retention(subscriptions: Subscriptions, *, seed: int = 0) -> Retention:
    """Fit the sBG model by maximum likelihood; a running subscription is right-censored.

    Returns
    -------
    Where the data are not enough (few subscriptions, all or none renewed, no subscription with two decisions)
    or the fit fails, `params` is empty and `reasons` says why.
    """
    rows = subscriptions.rows
    renewals, lost = rows["renewals"].to_numpy(float), rows["lost"].to_numpy(float)
    facts = {
        "subscriptions": len(rows),
        "stayed": int(renewals.sum()),
        "left": int(lost.sum()),
        "contracts_in_a_row": int((renewals + lost).max(initial=0)),
    }
    period = subscriptions.period_days
    if reason := subscriptions.missing or _find_missing(facts):
        return Retention({}, period, facts, (reason,))
    groups, names = weighted_histories(renewals, lost), ("alpha", "beta")
    fit = maximise(sbg_objective, (*groups.columns, groups.weight), names, seed, may_reach_bound=names)
    if fit.problems:
        return Retention({}, period, facts, fit.problems)
    return Retention(fit.params, period, facts | {"loglik": fit.loglik}, tuple(_remark(fit, rows, period)))


def _find_missing(facts: dict[str, float]) -> str:
    """The id of what the data lack for a fit; empty where nothing is missing."""
    if facts["subscriptions"] < MIN_SUBSCRIPTIONS:
        return "too_few_subscriptions"
    if not facts["stayed"] + facts["left"]:
        return "no_decision_yet"
    if min(facts["stayed"], facts["left"]) < MIN_PER_OUTCOME:
        return "too_few_per_outcome"
    return "nobody_decided_twice" if facts["contracts_in_a_row"] < 2 else ""


def _remark(fit: Fit, rows: pd.DataFrame, period: int):
    yield from fit.remarks
    if (rows["renewals"] + rows["lost"]).max() == 2:
        yield "nobody_decided_three_times"
    if (rows["since"].max() - rows["since"].min()).days < period:
        yield "one_cohort"


def sbg_objective(renewals: Numbers, lost: Numbers, weight: Numbers) -> Objective:
    """The negative mean log-likelihood of sBG and its gradient, as a function of log(alpha, beta).

    Parameters
    ----------
    renewals
        Renewals so far of each group of equal subscriptions.
    lost
        1 where the group then left, 0 where it is still there: P(T = t) and S(t) of Fader & Hardie (2007),
        equations 5 and 6.
    weight
        Subscriptions in each group.
    """
    from scipy.special import betaln, digamma

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        alpha, beta = np.exp(logs)
        loglik = weight @ (betaln(alpha + lost, beta + renewals) - betaln(alpha, beta))
        common = digamma(alpha + beta) - digamma(alpha + beta + lost + renewals)
        by_alpha = weight @ (digamma(alpha + lost) - digamma(alpha) + common)
        by_beta = weight @ (digamma(beta + renewals) - digamma(beta) + common)
        gradient = -np.array([by_alpha * alpha, by_beta * beta]) / weight.sum()
        return -float(loglik) / weight.sum(), gradient

    return objective


def survival_curve(params: dict[str, float], renewals, more=0) -> Numbers:
    """The probability of at least `more` further renewals after `renewals` so far: a ratio of S(t) of sBG.

    Fader & Hardie (2007), equation 6: S(t) = B(alpha, beta + t) / B(alpha, beta).
    """
    from scipy.special import betaln

    alpha, beta = params["alpha"], params["beta"]
    before, after = np.asarray(renewals, float), np.asarray(renewals, float) + more
    return np.exp(betaln(alpha, beta + after) - betaln(alpha, beta + before))


def discount_lifetime(params: dict[str, float], renewals, rate: float) -> Numbers:
    """DERL, the discounted expected residual lifetime: renewals to come just before the next decision.

    Parameters
    ----------
    params
        alpha and beta.
    renewals
        So far; n - 1 in the paper, where n is the number of contracts.
    rate
        Discount rate per contract length. At 0 the number is infinite if alpha is at most 1.

    References
    ----------
    Fader & Hardie (2010), equation 6.

    Examples
    --------
    >>> round(float(discount_lifetime({"alpha": 0.668, "beta": 3.806}, 0, 0.10)), 2)
    5.41
    """
    alpha, after = params["alpha"], params["beta"] + np.asarray(renewals, float) + 1
    if rate == 0:
        return (after - 1) / (alpha - 1) if alpha > 1 else np.full_like(after, np.inf)
    return (after - 1) / (alpha + after - 1) * _hyp2f1_1(after, alpha + after, rate)


def _hyp2f1_1(b: Numbers, c: Numbers, rate: float) -> Numbers:
    """2F1(1, b; c; 1 / (1 + rate)) by Gauss's continued fraction, evaluated from its tail (DLMF 15.7).

    Own code, because SciPy's hyp2f1 gives NaN or loses its digits for some large b and c.
    """
    z, tail = 1 / (1 + rate), np.ones_like(c)
    for m in range(int(20 + 20 / np.sqrt(rate)), -1, -1):
        odd = (b + m) * (c - 1 + m) / ((c + 2 * m - 1) * (c + 2 * m))
        even = (m + 1) * (c - b + m) / ((c + 2 * m) * (c + 2 * m + 1))
        tail = 1 - odd * z / (1 - even * z / tail)
    return 1 / tail


def compare_survival(retention: Retention, subscriptions: Subscriptions, *, ahead: int = 3) -> pd.DataFrame:
    """The share of customers who renewed at least so often: Kaplan & Meier (1958), and by the model.

    Parameters
    ----------
    ahead
        How many more renewals than any subscription could have had are projected.

    Returns
    -------
    `renewals` (0, 1, 2, …), `customers` (count, who decided on that renewal; for 0 all who began),
    `retained_share` (of them), `actual_share` and `expected_share` (of all who began). `actual_share` ends
    where nobody has decided; `expected_share` is left out where retention is not known.
    """
    renewals, lost = (subscriptions.rows[name].to_numpy() for name in ("renewals", "lost"))
    most = int((renewals + lost).max(initial=0))
    number = np.arange(most + 1 + (ahead if retention.known else 0))
    stayed = (renewals[:, None] >= number).sum(axis=0)
    left = (lost[:, None] & (renewals[:, None] == number - 1)).sum(axis=0)
    decided = stayed + left
    retained = np.divide(stayed, decided, out=np.full(len(number), np.nan), where=decided > 0)
    survival = pd.DataFrame(
        {
            "renewals": number,
            "customers": decided,
            "retained_share": retained,
            "actual_share": np.cumprod(retained),
        }
    )
    if retention.known:
        survival["expected_share"] = survival_curve(retention.params, 0, number)
    return survival
