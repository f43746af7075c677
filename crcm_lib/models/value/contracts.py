"""Subscriptions -> how retention changes with age, and what each customer's renewals will be worth.

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

from crcm_lib.data.contracts import Subscriptions, tell_contracts
from crcm_lib.language import _
from crcm_lib.models.value.search import Numbers, Objective, find_distinct, maximise

FEWEST_SUBSCRIPTIONS = 30
FEWEST_OF_A_KIND = 5  # decisions to stay, and to leave
YEAR = 365.0


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
    if reasons := tuple(_why_not(facts)):
        return Retention({}, period, facts, reasons)
    groups, names = find_distinct(renewals, lost), ("alpha", "beta")
    fit = maximise(sbg_objective, (*groups.columns, groups.weight), names, seed, may_run_off=names)
    if fit.problems:
        why = _("the model does not suit these contracts: {why}").format(why="; ".join(fit.problems))
        return Retention({}, period, facts, (why,))
    return Retention(fit.params, period, facts | {"loglik": fit.loglik}, tuple(_remark(fit, rows, period)))


def _why_not(facts: dict[str, float]):
    decided = facts["stayed"] + facts["left"]
    if facts["subscriptions"] < FEWEST_SUBSCRIPTIONS:
        yield _("{n} subscriptions, and retention needs {fewest}").format(
            n=facts["subscriptions"], fewest=FEWEST_SUBSCRIPTIONS
        )
    elif not decided:
        yield _("no contract has come up for renewal yet")
    elif min(facts["stayed"], facts["left"]) < FEWEST_OF_A_KIND:
        yield _("of {n} contracts that came up for renewal {stayed} were renewed and {left} were not, and "
                "retention needs {fewest} of each").format(
            n=decided, stayed=facts["stayed"], left=facts["left"], fewest=FEWEST_OF_A_KIND)  # fmt: skip
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


def survive(params: dict[str, float], renewals, more=0) -> Numbers:
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


def predict_renewals(
    retention: Retention, subscriptions: Subscriptions, *, as_of, horizon_days: float,
    annual_discount_rate: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """What the renewals of every customer under contract will be worth.

    Returns
    -------
    Indexed by `customer_id`, one row per subscription that is running or waits to be renewed; no rows where
    retention is not known:

    - `renewals` (count): so far
    - `next_end` (day): last day of the contract; the next renewal is decided then
    - `p_renewal` (0…1): chance of the next renewal
    - `expected_renewals` (count): within the horizon
    - `lifetime_discounted` (count): renewals without end, discounted from the next decision on; left out
      where there is no discount
    - `renewal_value` (currency): of the renewals within the horizon, each at the latest contract's value,
      whole and on its own day, discounted; left out where no contract's value is known
    """
    rows = subscriptions.running if retention.known else subscriptions.running.iloc[:0]
    wait = (rows["next_end"] - pd.Timestamp(as_of).normalize()).dt.days.clip(lower=0).to_numpy(float)
    groups = find_distinct(rows["renewals"].to_numpy(float), wait)
    plain, worth = _look_ahead(retention, *groups.columns, float(horizon_days), annual_discount_rate)
    once = survive(retention.params, groups.columns[0], 1) if retention.known else plain
    table = rows[["renewals", "next_end"]].assign(
        p_renewal=once[groups.which], expected_renewals=plain[groups.which]
    )
    if annual_discount_rate > 0 and retention.known:
        per_period = (1 + annual_discount_rate) ** (retention.period_days / YEAR) - 1
        table["lifetime_discounted"] = discount_lifetime(retention.params, rows["renewals"], per_period)
    if subscriptions.rows["value"].notna().any():
        value = rows["value"].fillna(subscriptions.rows["value"].median())
        table["renewal_value"] = worth[groups.which] * value
    return table


def _look_ahead(retention: Retention, renewals: Numbers, wait: Numbers, horizon: float, yearly: float):
    """Renewals expected within the horizon, plain and discounted, once per different subscription."""
    if not len(renewals):
        return np.zeros(0), np.zeros(0)
    steps = np.arange(1 + max(int((horizon - wait.min()) // retention.period_days), 0))
    days = wait[:, None] + steps * retention.period_days
    chance = np.where(days <= horizon, survive(retention.params, renewals[:, None], steps + 1), 0.0)
    return chance.sum(axis=1), (chance * (1 + yearly) ** (-days / YEAR)).sum(axis=1)


def sum_renewals(renewals: pd.DataFrame) -> pd.DataFrame:
    """The table of `predict_renewals` by `renewals` so far: `customers`, mean chance, expected sums."""
    by_age = renewals.groupby("renewals")
    sums = by_age[[name for name in ("expected_renewals", "renewal_value") if name in renewals]].sum()
    return (
        by_age.agg(customers=("p_renewal", "size"), p_renewal=("p_renewal", "mean")).join(sums).reset_index()
    )


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
    return table.assign(expected=survive(retention.params, 0, number)) if retention.known else table


def tell_retention(retention: Retention, subscriptions: Subscriptions) -> pd.DataFrame:
    """What was learned about renewing, one row each: `what` and `found`, in words."""
    facts, rows = retention.facts, []
    if facts["subscriptions"]:
        rows = [
            (_("usual length"), _("{days} days, the median of {n:,} contracts").format(
                days=retention.period_days, n=subscriptions.counts["contracts"])),
            (_("learned from"), _("{n:,} subscriptions, up to {most} contracts in a row; {stayed:,} renewed, "
                "{left:,} not").format(n=facts["subscriptions"], most=facts["contracts_in_a_row"],
                stayed=facts["stayed"], left=facts["left"])),
        ]  # fmt: skip
    if retention.known:
        rates = survive(retention.params, np.array([0, 1, 4]), 1)
        rows += [
            (_("renewal"), _("{first:.1%} renew the first contract, {second:.1%} the second, {fifth:.1%} the "
                "fifth").format(first=rates[0], second=rates[1], fifth=rates[2])),
            (_("model"), _("shifted-beta-geometric, alpha {alpha:.3f}, beta {beta:.3f}").format(
                **retention.params)),
        ]  # fmt: skip
    else:
        rows += [(_("retention"), _("cannot be told"))]
    remarks = [*retention.reasons, *tell_contracts(subscriptions)]
    return pd.DataFrame([*rows, *((_("remark"), words) for words in remarks)], columns=["what", "found"])
