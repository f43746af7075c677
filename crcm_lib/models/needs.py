"""What kind of need a customer's purchases show: premium, personalised, price-led or standardised."""

import numpy as np
import pandas as pd

from crcm_lib.empirical_bayes import fit_rates
from crcm_lib.features.purchase_mix import sum_purchase_mix
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import holm

NEEDS = {  # need -> what of the purchase mix shows it
    "premium": "top_price",
    "personalised": "rare",
    "price_led": "discounted",
    "standardised": "common",
}
YEAR = 365  # days
SURE = 0.9  # probability from which a need is said
BEYOND = 0.2  # of the way from everybody's share to all of what is bought
YEARS = ["need", "customers", "before", "now", "began", "ended", "p"]
COLUMNS = ["need", "probability", "days", *NEEDS]


def find_needs(engine: Engine, *, as_of) -> pd.DataFrame:
    """`classify_needs` of the purchases in the `YEAR` days up to `as_of`."""
    end = pd.Timestamp(as_of).normalize()
    return classify_needs(sum_purchase_mix(engine, after=end - pd.Timedelta(days=YEAR), until=end))


def classify_needs(mix: pd.DataFrame) -> pd.DataFrame:
    """The need that each customer's purchases show, where they show one.

    A customer's true share of each kind is known only as well as the purchase days tell: customers' shares
    are drawn from a beta distribution (fitted to all of them), and what is left after a customer's own days
    is a beta distribution again. A need is shown where that share lies a fifth of the way beyond everybody's
    with a probability of 90 %; of several needs the one most probably beyond.

    Parameters
    ----------
    mix
        From `features.purchase_mix.sum_purchase_mix`.

    Returns
    -------
    By `customer_id`: `need` (one of `NEEDS`, "" where none is shown), `probability` (that the share lies
    beyond, of that need; the largest of them where none is shown), `days`, and for each need its expected
    share (0…1; missing where the data cannot tell).
    """
    from scipy.stats import beta

    found = pd.DataFrame({"days": mix["days"].astype("int64")}, index=mix.index)
    chances = pd.DataFrame(0.0, mix.index, list(NEEDS))
    for need, column in NEEDS.items():
        fitted = fit_rates(mix[column], mix["days"]) if column in mix else None
        if fitted is None:
            found[need] = np.nan
            continue
        a, b = mix[column] + fitted[0], mix["days"] - mix[column] + fitted[1]
        everybody = fitted[0] / sum(fitted)
        chances[need] = beta.sf(everybody + BEYOND * (1 - everybody), a, b)
        found[need] = (a / (a + b)).round(6)
    found["probability"] = chances.max(axis=1).round(6) if len(mix) else pd.Series(dtype="float64")
    named = chances.idxmax(axis=1).where(found["probability"] >= SURE, "") if len(mix) else ""
    return found.assign(need=named).astype({"need": "str"})[COLUMNS]


def summarise_needs(needs: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Customers by need, those who show none last: `need`, customers, purchase `days` of the year, `spend`.

    Parameters
    ----------
    needs
        From `classify_needs`.
    customers
        The table `customer_features`.
    """
    spend = customers["spend_365d"].reindex(needs.index).astype("float64")
    by_need = needs.assign(spend=spend).groupby("need")
    table = by_need.agg(customers=("days", "size"), days=("days", "median"), spend=("spend", "sum"))
    table = table.reindex([*NEEDS, ""])
    table["customers"] = table["customers"].fillna(0).astype("int64")
    table["spend_per_customer"] = table["spend"] / table["customers"].where(table["customers"] > 0)
    return table.drop(columns="spend").reset_index()


def count_days_needed(mix: pd.DataFrame) -> int:
    """The fewest purchase days from which a customer, all of whose purchases show one need, is known to "
    "have it."""
    from scipy.stats import beta

    fewest = 0
    for column in NEEDS.values():
        fitted = fit_rates(mix[column], mix["days"]) if column in mix else None
        if fitted is not None:
            everybody, days = fitted[0] / sum(fitted), np.arange(1, 1000)
            sure = beta.sf(everybody + BEYOND * (1 - everybody), fitted[0] + days, fitted[1]) >= SURE
            first = int(days[sure][0]) if sure.any() else 0
            fewest = min(filter(None, (fewest, first)), default=0)
    return fewest


def spread_shares(needs: pd.DataFrame) -> pd.DataFrame:
    """How customers' expected shares spread: `need`, `everybody` (mean by purchase days), `low` and `high` "
    "tenth."""
    rows = []
    for need in NEEDS:
        shares = needs[need].dropna()
        if len(shares):
            everybody = np.average(shares, weights=needs.loc[shares.index, "days"])
            low, high = shares.quantile([0.1, 0.9])
            rows.append({"need": need, "everybody": everybody, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["need", "everybody", "low", "high"])


def compare_years(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Whether a need is shown by more customers than a year before, among those who bought in both years.

    Parameters
    ----------
    now, before
        From `classify_needs`, of this year and of the year before.

    Returns
    -------
    One row per need: `need`, `customers` (bought in both years), `before` and `now` (who showed it), `began`
    and `ended` (who showed it in one of the years alone), `p` of no change (exact sign test over these, all
    needs counted by Holm). No rows where nobody bought in both.
    """
    from scipy.stats import binomtest

    both = now.index.intersection(before.index)
    rows = []
    for need in NEEDS:
        then, today = before.loc[both, "need"] == need, now.loc[both, "need"] == need
        began, ended = int((today & ~then).sum()), int((then & ~today).sum())
        counts = {"before": int(then.sum()), "now": int(today.sum()), "began": began, "ended": ended}
        p = float(binomtest(began, began + ended).pvalue) if began + ended else 1.0
        rows.append({"need": need, "customers": len(both), **counts, "p": p})
    table = pd.DataFrame(rows if len(both) else [], columns=YEARS)
    return table.assign(p=holm(table["p"].to_numpy("float64")))
