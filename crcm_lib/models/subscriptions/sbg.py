"""Subscriptions -> how retention changes with age.

The shifted-beta-geometric model (sBG): at the end of every contract a customer leaves with an own, constant
chance; the chances differ between customers by a beta distribution (alpha, beta). Those who leave easily go
first, so that retention rises with age without anybody changing.

References
----------
Fader & Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21(1), 76-90.
Fader & Hardie (2010), Customer-base valuation in a contractual setting: the perils of ignoring heterogeneity,
Marketing Science 29(1), 85-93.
"""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.i18n import _
from crcm_lib.models.mle import Numbers, Objective, maximise, weighted_histories

MIN_SUBSCRIPTIONS = 30
MIN_PER_OUTCOME = 5  # decisions to stay, and to leave


@dataclass(frozen=True)
class Retention:
    """What was learned about renewing.

    Attributes
    ----------
    params
        alpha and beta of the chance to leave at the end of a contract; empty where the data cannot tell.
    period_days
        The usual length of a contract, in days.
    facts
        `subscriptions`, `stayed` and `left` (decisions), `contracts_in_a_row` (most of them), `loglik`.
    reasons
        Why nothing was learned, or remarks on the fit, in words.
    """

    params: dict[str, float]
    period_days: int
    facts: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Could the data tell?"""
        return bool(self.params)

    def to_json(self) -> str:
        """The learned state as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Retention":
        """Read the learned state back."""
        state = json.loads(text)
        return cls(**{**state, "reasons": tuple(state["reasons"])})


def fit_retention(subscriptions: Subscriptions, *, seed: int = 0) -> Retention:
    """Fit the sBG model by maximum likelihood; who is still under contract counts as having stayed so far.

    Where the data cannot tell (few subscriptions, all or none renewed, nobody asked to renew twice) `params`
    is empty and `reasons` says why.
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
    if reasons := (subscriptions.absent,) if subscriptions.absent else tuple(_why_not(facts)):
        return Retention({}, period, facts, reasons)
    groups, names = weighted_histories(renewals, lost), ("alpha", "beta")
    fit = maximise(sbg_objective, (*groups.columns, groups.weight), names, seed, may_run_off=names)
    if fit.problems:
        why = _("the model does not suit these contracts: {why}").format(why="; ".join(fit.problems))
        return Retention({}, period, facts, (why,))
    return Retention(fit.params, period, facts | {"loglik": fit.loglik}, tuple(_remark(fit, rows, period)))


def _why_not(facts: dict[str, float]):
    decided = facts["stayed"] + facts["left"]
    if facts["subscriptions"] < MIN_SUBSCRIPTIONS:
        yield _("{n} subscriptions, and retention needs {fewest}").format(
            n=facts["subscriptions"], fewest=MIN_SUBSCRIPTIONS
        )
    elif not decided:
        yield _("no contract has come up for renewal yet")
    elif min(facts["stayed"], facts["left"]) < MIN_PER_OUTCOME:
        yield _("of {n} contracts that came up for renewal {stayed} were renewed and {left} were not, and "
                "retention needs {fewest} of each").format(
            n=decided, stayed=facts["stayed"], left=facts["left"], fewest=MIN_PER_OUTCOME)  # fmt: skip
    elif facts["contracts_in_a_row"] < 2:
        yield _("nobody's contract has come up for renewal twice: whether retention changes cannot be told")


def _remark(fit, rows: pd.DataFrame, period: int):
    if fit.remarks:
        yield _("at the model's edge ({what}): customers leave equally easily, or either at once or never"
                ).format(what=", ".join(fit.remarks))  # fmt: skip
    if (rows["renewals"] + rows["lost"]).max() == 2:
        yield _("nobody was asked to renew a third time: beyond the second, the model's form alone speaks")
    if (rows["since"].max() - rows["since"].min()).days < period:
        yield _("all began within one contract's length: those who begin later may differ")


def sbg_objective(renewals: Numbers, lost: Numbers, weight: Numbers) -> Objective:
    """The negative mean log-likelihood of sBG and its gradient, as a function of log(alpha, beta).

    Parameters
    ----------
    renewals
        How often a group's contracts were renewed.
    lost
        1 where the group then left, 0 where it is still there: P(T = t) and S(t) of Fader & Hardie (2007).
    weight
        Customers in the group.
    """
    from scipy.special import betaln, digamma

    def objective(logs: Numbers) -> tuple[float, Numbers]:
        alpha, beta = np.exp(logs)
        loglik = weight @ (betaln(alpha + lost, beta + renewals) - betaln(alpha, beta))
        common = digamma(alpha + beta) - digamma(alpha + beta + lost + renewals)
        slope_alpha = weight @ (digamma(alpha + lost) - digamma(alpha) + common)
        slope_beta = weight @ (digamma(beta + renewals) - digamma(beta) + common)
        return -float(loglik) / weight.sum(), -np.array(
            [slope_alpha * alpha, slope_beta * beta]
        ) / weight.sum()

    return objective


def survival_curve(params: dict[str, float], renewals, more=0) -> Numbers:
    """The chance that somebody with `renewals` so far renews at least `more` times: S(t) of sBG."""
    from scipy.special import betaln

    alpha, beta = params["alpha"], params["beta"]
    so_far, then = np.asarray(renewals, float), np.asarray(renewals, float) + more
    return np.exp(betaln(alpha, beta + then) - betaln(alpha, beta + so_far))


def discount_lifetime(params: dict[str, float], renewals, rate: float) -> Numbers:
    """DERL: renewals expected of somebody just before the next decision, each later one discounted by `rate`.

    Parameters
    ----------
    params
        alpha and beta.
    renewals
        So far; n - 1 in the paper, where n is the number of contracts.
    rate
        Per contract length. At 0 the number is infinite if alpha is at most 1.

    References
    ----------
    Fader & Hardie (2010), eq. 6.

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
    """2F1(1, b; c; 1 / (1 + rate)) by Gauss's continued fraction, from its tail (DLMF 15.7).

    SciPy's hyp2f1 is not a number, or loses its digits, for some large b and c.
    """
    z, tail = 1 / (1 + rate), np.ones_like(c)
    for m in range(int(20 + 20 / np.sqrt(rate)), -1, -1):
        odd = (b + m) * (c - 1 + m) / ((c + 2 * m - 1) * (c + 2 * m))
        even = (m + 1) * (c - b + m) / ((c + 2 * m) * (c + 2 * m + 1))
        tail = 1 - odd * z / (1 - even * z / tail)
    return 1 / tail


def compare_survival(retention: Retention, subscriptions: Subscriptions, *, ahead: int = 3) -> pd.DataFrame:
    """Share of customers who renewed at least so often, as it was (Kaplan & Meier 1958) and by the model.

    Returns
    -------
    `renewals` (1, 2, … and `ahead` more than anybody could have had), `customers` (who were asked for that
    renewal), `retained` (share of them who renewed), `actual` and `expected` (0…1, of all who began).
    `actual` ends where nobody was asked; `expected` is left out where retention is not known.
    """
    rows = subscriptions.rows
    most = int((rows["renewals"] + rows["lost"]).max()) if len(rows) else 0
    number = np.arange(1, most + 1 + (ahead if retention.known else 0))
    stayed = (rows["renewals"].to_numpy()[:, None] >= number).sum(axis=0)
    left = (rows["lost"].to_numpy()[:, None] & (rows["renewals"].to_numpy()[:, None] == number - 1)).sum(
        axis=0
    )
    asked = stayed + left
    retained = np.divide(stayed, asked, out=np.full(len(number), np.nan), where=asked > 0)
    table = pd.DataFrame(
        {"renewals": number, "customers": asked, "retained": retained, "actual": np.cumprod(retained)}
    )
    return table.assign(expected=survival_curve(retention.params, 0, number)) if retention.known else table
