"""Purchases of a year beside those of the year before -> who grows or declines beyond chance."""

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features.customers import summarise_customers
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL

LEAST = 30  # customers to compare with
YEAR = 365  # days
TRIMMED = 0.1
MEDIAN = 0.4549  # of a chi-squared variable with one degree of freedom


def recall_year_ago(engine: Engine, *, as_of) -> pd.DataFrame:
    """The table `customer_features` as it was 365 days before `as_of`; no rows where nobody had bought."""
    then = pd.Timestamp(as_of).normalize() - pd.Timedelta(days=YEAR)
    try:
        return summarise_customers(engine, as_of=then)
    except DataError:
        return pd.DataFrame({"days_observed": [], "purchases_365d": []}, dtype="float64")


def watch_growth(now: pd.DataFrame, before: pd.DataFrame, *, within: float) -> pd.DataFrame:
    """Who buys on more days, or on fewer, than a year ago, beyond what everybody and chance make of it.

    Of a customer's purchase days of both years the share of the last one is compared with that of all; how
    far customers differ anyway is the spread of a beta-binomial, taken from the middle of them so that those
    who really change do not hide each other (empirical null; Efron 2004, Journal of the American Statistical
    Association 99, 96-104). One in twenty of those named at most is expected to be so by chance (Benjamini &
    Hochberg 1995, Journal of the Royal Statistical Society B 57, 289-300).

    Parameters
    ----------
    now, before
        The table `customer_features` on the last day, and as it was 365 days before.
    within
        Days: who has bought nothing for longer is not compared, as that is leaving, which 05 tells.

    Returns
    -------
    By `customer_id`, who was a customer for both years: `purchases_before`, `purchases_now` (purchase days of
    each year), `expected` (of the second, had the customer changed like all), `p`, and `development`: grows,
    declines, or within_chance. No rows where fewer than `LEAST` can be compared.
    """
    from scipy.stats import false_discovery_control

    columns = ["purchases_before", "purchases_now", "expected", "p", "development"]
    both = before.index[before["days_observed"] >= YEAR].intersection(now.index)
    both = both[(now.loc[both, "days_since_last"] <= within).to_numpy(bool)]
    first = before.loc[both, "purchases_365d"].astype("float64")
    last = now.loc[both, "purchases_365d"].astype("float64")
    kept = (first + last > 0) & last.gt(0)
    first, last = first[kept], last[kept]
    if len(first) < LEAST:
        return pd.DataFrame(columns=columns).rename_axis("customer_id")
    days = first + last
    place = (last / days).rank(pct=True)  # a tenth at either end is left out of what all have done
    middle = place.between(TRIMMED, 1 - TRIMMED)
    share = float(last[middle].sum() / days[middle].sum())
    low, high = _tails(last.to_numpy(), days.to_numpy(), share)
    p = pd.Series(np.minimum(1.0, 2 * np.minimum(low, high)), first.index)
    named = false_discovery_control(p.to_numpy()) <= LEVEL
    kind = np.select([named & (high < low), named], ["grows", "declines"], "within_chance")
    found = pd.DataFrame(
        {
            "purchases_before": first,
            "purchases_now": last,
            "expected": days * share,
            "p": p,
            "development": kind,
        }
    )
    return found.astype(dict.fromkeys(columns[:2], "int64")).rename_axis("customer_id")


def _tails(last: np.ndarray, days: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The chances of so many or fewer, and of so many or more, of each customer's days in the last year."""
    from scipy.stats import betabinom, binom

    several = (days > 1) & (0 < share < 1)
    squares = ((last - days * share) ** 2 / (days * max(share * (1 - share), 1e-12)))[several]
    spread, high = 0.0, 0.99
    for _step in range(30):  # bisection: the median of the squares is that of a normal law
        middle = (spread + high) / 2
        typical = float(np.median(squares / (1 + middle * (days[several] - 1)))) if len(squares) else 0.0
        spread, high = (middle, high) if typical > MEDIAN else (spread, middle)
    if spread < 1e-6:
        return binom.cdf(last, days, share), binom.sf(last - 1, days, share)
    weight = 1 / spread - 1
    law = betabinom(days.astype(int), share * weight, (1 - share) * weight)
    return law.cdf(last), law.sf(last - 1)
