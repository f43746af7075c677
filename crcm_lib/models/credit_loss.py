"""Invoices seen at earlier days -> what share of each age is finally lost, and what that says of those owed.

A provision matrix (坏账准备; IFRS 9, paragraph B5.5.35) from the company's own history: a loss rate for each
bucket of days overdue, times what is owed in it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.features.open_invoices import list_open, recall_invoices
from crcm_lib.models.receivables import BUCKETS, place_buckets

STEP = 30  # days between two of the days on which the invoices are seen
MIN_LOST = 5  # customers who lost us something before anything is said
MIN_CUSTOMERS = 20  # with invoices seen
PRIOR_SIZES = 2.0 ** np.arange(0, 9)  # customers that the line over the buckets may count for
DRAWS = 2000
COLUMNS = ["bucket", "customers", "lost_customers", "seen", "raw", "rate", "low", "high"]


@dataclass(frozen=True)
class LossRates:
    """What share of the money of each age was finally lost.

    Attributes
    ----------
    table
        One row per bucket: `bucket`, `customers` (whose invoices were seen in it), `lost_customers` (with one
        that was then lost), `seen` (currency, on all days together), `raw` (share lost, Kaplan-Meier),
        `rate` (drawn towards a line over the buckets, the more the fewer customers there are), with its 95 %
        interval `low`, `high`. The rates are missing where `problem` says why.
    constant
        The share lost of all that was seen: one rate for all ages.
    days
        How many days the invoices were seen on.
    problem
        `short_history`, `few_customers`, `few_losses`; empty: none.
    draws
        Draws of the rates, a row each, a column per bucket.
    """

    table: pd.DataFrame
    constant: float
    days: int
    problem: str
    draws: np.ndarray


def estimate_loss_rates(invoices: pd.DataFrame, *, as_of, lost_after_days: int, seed: int = 0) -> LossRates:
    """The share of what is owed in each bucket that is given up, or not paid in `lost_after_days`.

    Invoices are seen every 30 days before `as_of`. What is paid in the days after one of them, beside what is
    given up, is followed by the cumulative incidence of Aalen & Johansen (1978, Scandinavian Journal of
    Statistics 5, 141-150), invoices weighted by their amount; those seen too late to be followed to the end
    are censored. What is not paid by then counts as lost.

    Thin buckets are drawn towards a line over the buckets: the share lost of a bucket is Beta distributed
    around a logistic line, a customer's invoices in it go together (effective number of customers, Kish
    1965, Survey Sampling, section 8.2), and line and spread are those of the beta-binomial likelihood
    (empirical Bayes; Griffiths 1973, Biometrics 29, 637-648), the spread being averaged over `PRIOR_SIZES`.
    Of a bucket in which nobody was seen any rate between that of the bucket before and all is as likely.

    Parameters
    ----------
    invoices
        From `open_invoices.list_invoices`; credit notes do not count.
    as_of
        Nothing that became known later counts.
    lost_after_days
        Of the policy's `receivables`.
    """
    end = pd.Timestamp(as_of).normalize()
    seen = see_earlier(invoices, as_of=end, lost_after_days=lost_after_days)
    columns = {name: _follow(seen[seen["bucket"] == name], lost_after_days) for name in BUCKETS}
    table = pd.DataFrame(columns).T.rename_axis("bucket").reset_index()
    lost = int(seen.loc[seen["outcome"].eq("lost"), "customer_id"].nunique())
    problem = "few_losses" if lost < MIN_LOST else ""
    problem = "few_customers" if seen["customer_id"].nunique() < MIN_CUSTOMERS else problem
    problem = "short_history" if not (seen["known_days"] >= lost_after_days).any() else problem
    constant = float("nan") if problem else _follow(seen, lost_after_days)["raw"]
    rates = pd.DataFrame(np.nan, table.index, ["rate", "low", "high"])
    draws = np.full((DRAWS, len(BUCKETS)), np.nan)
    if not problem:
        draws = _draw_rates(table["raw"].to_numpy(float), table["effective"].to_numpy(float), seed)
        spread = np.quantile(draws, [0.025, 0.975], axis=0)
        rates = pd.DataFrame({"rate": draws.mean(axis=0), "low": spread[0], "high": spread[1]})
    table = table.drop(columns="effective").join(rates)[COLUMNS]
    table = table.astype(dict.fromkeys(COLUMNS[3:], "float64") | dict.fromkeys(COLUMNS[1:3], "int64"))
    return LossRates(table, constant, int(seen["seen_on"].nunique()), problem, draws)


def see_earlier(invoices: pd.DataFrame, *, as_of, lost_after_days: int) -> pd.DataFrame:
    """Every open invoice on each of the earlier days, and what came of it by `as_of`.

    Returns
    -------
    One row per day and invoice: `seen_on`, `customer_id`, `amount`, `bucket`, `known_days` (how long it could
    be followed), `days` (until it was decided, at most `lost_after_days`) and `outcome`: paid, lost, or
    unknown (still open, seen for fewer days).
    """
    end = pd.Timestamp(as_of).normalize()
    known = recall_invoices(invoices[invoices["amount"] > 0], end)
    first = known["issued"].min() if len(known) else end
    days = [end - pd.Timedelta(days=STEP * n) for n in range(1, (end - first).days // STEP + 1)]
    decided = known.set_index("invoice_id")[["paid", "given_up"]]
    parts = [_see(list_open(known, day), decided, day, end) for day in days]
    columns = ["seen_on", "customer_id", "amount", "bucket", "known_days", "days", "outcome"]
    if not parts:
        return pd.DataFrame(columns=columns).astype({"known_days": "int64", "amount": "float64"})
    seen = pd.concat(parts, ignore_index=True)
    late = seen["days"] >= lost_after_days
    after = seen["outcome"].mask(
        late & (seen["days"] > lost_after_days) | (late & seen["outcome"].ne("paid"))
    )
    return seen.assign(outcome=after.fillna("lost"), days=seen["days"].clip(upper=lost_after_days))[columns]


def _see(owed: pd.DataFrame, decided: pd.DataFrame, day: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    came = decided.reindex(owed["invoice_id"])
    first = came.min(axis=1).to_numpy("datetime64[us]")
    outcome = np.where(came["given_up"].notna(), "lost", np.where(came["paid"].notna(), "paid", "unknown"))
    until = pd.Series(first, owed.index).fillna(end)
    return owed.assign(
        seen_on=day,
        bucket=place_buckets(owed["days_overdue"]),
        known_days=(end - day).days,
        days=(until - day).dt.days,
        outcome=outcome,
    )


def _follow(seen: pd.DataFrame, lost_after_days: int) -> dict[str, float]:
    """Customers, those lost, amount, effective number of customers, and the share of the amount lost."""
    amount, days = seen["amount"].to_numpy(float), seen["days"].to_numpy(int)
    ends: np.ndarray = np.arange(lost_after_days + 1)
    outcome = seen["outcome"].to_numpy(object)
    by_day = {
        kind: np.bincount(days[outcome == kind], amount[outcome == kind], minlength=len(ends))
        for kind in ("paid", "lost", "unknown")
    }
    gone = sum(by_day.values())
    at_risk = amount.sum() - np.concatenate([[0.0], np.cumsum(gone)[:-1]]) if len(seen) else 0.0 * ends
    hazard = {k: np.divide(v, at_risk, out=0.0 * ends, where=at_risk > 1e-9) for k, v in by_day.items()}
    # Whoever is not paid at the end is lost, so that a loss on the last day needs no hazard of its own.
    leaves = hazard["paid"] + np.where(ends < lost_after_days, hazard["lost"], 0.0)
    staying = np.concatenate([[1.0], np.cumprod(1 - leaves)[:-1]])
    raw = max(0.0, 1 - float((staying * hazard["paid"]).sum())) if len(seen) else float("nan")
    each = seen.groupby("customer_id")["amount"].sum().to_numpy(float)
    lost = seen.loc[outcome == "lost", "customer_id"].nunique()
    effective = float(each.sum() ** 2 / (each**2).sum()) if len(each) else 0.0
    counts = {"customers": len(each), "lost_customers": lost, "seen": float(amount.sum())}
    return counts | {"effective": effective, "raw": raw}


def _draw_rates(raw: np.ndarray, size: np.ndarray, seed: int) -> np.ndarray:
    """Draws of each bucket's rate given what was seen of it and of the others; see `estimate_loss_rates`."""
    from scipy.optimize import minimize
    from scipy.special import betaln, expit

    known = size > 0
    lost, paid = np.where(known, raw, 0.0) * size, (1 - np.where(known, raw, 0.0)) * size
    place = np.arange(len(raw), dtype=float)

    def line(parameters: np.ndarray) -> np.ndarray:
        mean: np.ndarray = expit(parameters[0] + np.exp(parameters[1]) * place)
        return mean.clip(1e-6, 1 - 1e-6)

    def misfit(parameters: np.ndarray, weight: float) -> float:
        a, b = weight * line(parameters), weight * (1 - line(parameters))
        return -float((betaln(a + lost, b + paid) - betaln(a, b)).sum()) + 0.02 * float((parameters**2).sum())

    fits = [minimize(misfit, [-3.0, 0.0], (weight,), method="Nelder-Mead") for weight in PRIOR_SIZES]
    likelihood = np.exp(np.array([min(fit.fun for fit in fits) - fit.fun for fit in fits]))
    rng = np.random.default_rng(seed)
    which = rng.choice(len(fits), DRAWS, p=likelihood / likelihood.sum())
    means = np.array([line(fit.x) for fit in fits])[which]
    weight = PRIOR_SIZES[which][:, None]
    draws = rng.beta(weight * means + lost, weight * (1 - means) + paid)
    for n in np.flatnonzero(~known):  # nobody was seen in it: anything between its neighbour's rate and one
        before = draws[:, n - 1] if n else np.zeros(DRAWS)
        draws[:, n] = before + rng.random(DRAWS) * ((1.0 if n else draws[:, 1]) - before)
    return draws


def expect_loss(owed: pd.DataFrame, rates: LossRates, *, seed: int = 0) -> pd.DataFrame:
    """What of the money owed will be lost (provision matrix), bucket by bucket.

    Parameters
    ----------
    owed
        From `open_invoices.list_open`; credit notes do not count.

    Returns
    -------
    One row per bucket, and one for all: `bucket`, `customers`, `owed`, `rate`, `expected`, and the range
    `low` to `high` into which what is lost falls with 95 % probability: rates drawn, then who of the
    customers is lost, all that a customer owes together. Missing where the rates are.
    """
    positive = owed[owed["amount"] > 0]
    each = positive.assign(bucket=place_buckets(positive["days_overdue"]))
    cells = each.pivot_table(index="customer_id", columns="bucket", values="amount", aggfunc="sum")
    cells = cells.reindex(columns=BUCKETS).fillna(0.0)
    amounts = cells.to_numpy(float)
    rng = np.random.default_rng(seed)
    lost = np.zeros((len(rates.draws), len(BUCKETS)))
    if not rates.problem:
        for n, draw in enumerate(rates.draws):
            falls = rng.random(len(amounts))[:, None] < draw
            lost[n] = (amounts * falls).sum(axis=0)
    rate = rates.table["rate"].to_numpy(float)
    sums = amounts.sum(axis=0).round(4)
    expected = sums * rate if not rates.problem else np.full(len(BUCKETS), np.nan)
    whole = np.column_stack([lost, lost.sum(axis=1)])
    spread = np.quantile(whole, [0.025, 0.975], axis=0) + (np.nan if rates.problem else 0.0)
    total = float(sums.sum())
    counts = [*(amounts > 0).sum(axis=0), int((amounts > 0).any(axis=1).sum())]
    return pd.DataFrame(
        {
            "bucket": [*BUCKETS, "all"],
            "customers": np.array(counts, dtype="int64"),
            "owed": [*sums, round(total, 4)],
            "rate": [*rate, expected.sum() / total if total else np.nan],
            "expected": [*expected, expected.sum()],
            "low": spread[0],
            "high": spread[1],
        }
    )


def check_loss_rates(
    invoices: pd.DataFrame, *, as_of, lost_after_days: int, most: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Would it have been right before? What was expected on earlier days beside what was lost since.

    Returns
    -------
    One row for each earlier day, the latest first, `lost_after_days` apart: `day`, `customers`, `owed` then,
    `expected` by the rates known then with the range `low`, `high`, `happened` (currency, given up or not
    paid in `lost_after_days`), `constant` (what one rate for all ages would have expected), and the mean
    squared errors of customers' shares lost, weighted by what they owe, of both: `error`, `constant_error`
    with `error_low`, `error_high`, the 95 % interval of the first less the second. No rows where no earlier
    day could be judged.
    """
    end = pd.Timestamp(as_of).normalize()
    rows = []
    for n in range(1, most + 1):
        day = end - pd.Timedelta(days=n * lost_after_days)
        rates = estimate_loss_rates(invoices, as_of=day, lost_after_days=lost_after_days, seed=seed)
        if rates.problem:
            break
        rows.append({"day": day} | _check(invoices, rates, day, lost_after_days, seed))
    columns = ["day", "customers", "owed", "expected", "low", "high", "happened", "constant"]
    return pd.DataFrame(rows, columns=[*columns, "error", "constant_error", "error_low", "error_high"])


def _check(invoices: pd.DataFrame, rates: LossRates, day: pd.Timestamp, days: int, seed: int) -> dict:
    from scipy.stats import t

    owed = list_open(invoices[invoices["amount"] > 0], day)
    said = expect_loss(owed, rates, seed=seed).set_index("bucket").loc["all"]
    later = day + pd.Timedelta(days=days)
    then = recall_invoices(invoices, later).set_index("invoice_id").reindex(owed["invoice_id"])
    lost = then["paid"].isna().to_numpy()
    rate = place_buckets(owed["days_overdue"]).map(rates.table.set_index("bucket")["rate"]).to_numpy(float)
    weight = owed["amount"].to_numpy(float) / owed["amount"].sum()
    errors, others = weight * (lost - rate) ** 2, weight * (lost - rates.constant) ** 2
    differs = pd.Series(errors - others).groupby(owed["customer_id"].to_numpy()).sum()
    squares = (differs - differs.mean()) ** 2
    freedom = max(squares.sum() ** 2 / max((squares**2).sum(), 1e-300) - 1, 1.0)  # Satterthwaite
    half = float(t.ppf(0.975, freedom) * np.sqrt(squares.sum()))
    facts = {name: float(said[name]) for name in ("owed", "expected", "low", "high")}
    facts |= {"happened": round(float(owed.loc[lost, "amount"].sum()), 4)}
    facts |= {"constant": float(said["owed"]) * rates.constant, "error": errors.sum()}
    facts |= {"constant_error": others.sum(), "customers": int(said["customers"])}
    difference = float(differs.sum())
    return facts | {"error_low": difference - half, "error_high": difference + half}
