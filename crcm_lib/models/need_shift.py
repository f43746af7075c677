"""Whether a customer's needs have changed: away too long, another rhythm, other categories, beyond chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.stats import LEVEL, holm

RECENT_DAYS = 90  # compared with all days before
MIN_GAPS = 6  # between purchases, for their order to tell anything
MIN_DAYS = 3  # with purchases, recent and earlier, for a mix
DRAWS = 999  # orders drawn for one customer; for many customers more, up to
MAX_DRAWS = 19_999
TESTS = ("absence", "rhythm", "mix")


@dataclass(frozen=True)
class Habits:
    """What is known of one customer: days of purchases in rising order, and lines by day and category."""

    days: np.ndarray
    lines: np.ndarray
    categories: tuple[str, ...]


def list_habits(sales: pd.DataFrame) -> dict[str, Habits]:
    """The habits of each customer.

    Parameters
    ----------
    sales
        A row per line of a sale: `customer_id`, `day`, and `category` where it is known.
    """
    found = {}
    for customer, lines in sales.groupby("customer_id", sort=False):
        days = np.sort(pd.to_datetime(lines["day"]).unique()).astype("datetime64[D]")
        bought = lines["category"].fillna("") if "category" in lines else pd.Series("", lines.index)
        counts = pd.crosstab(pd.to_datetime(lines["day"]), bought.astype("str"))
        counts = counts.drop(columns="", errors="ignore")
        found[str(customer)] = Habits(days, counts.to_numpy(float), tuple(map(str, counts.columns)))
    return found


def find_shifts(
    habits: dict[str, Habits], absence_p: pd.Series, *, as_of: str | pd.Timestamp, seed: int
) -> pd.DataFrame:
    """Three tests of each customer, and which of them are beyond chance, all customers and tests counted.

    - absence: away for as improbably long as `absence_p` of those who came back at earlier days; from
      `churn.absence.share_as_unusual`, a conformal p-value.
    - rhythm: purchase days in the last 90 days, against the same days between purchases in other orders: had
      the customer kept one rhythm, every order would be as likely (Good 2005, Permutation, Parametric and
      Bootstrap Tests of Hypotheses, 3rd ed., chapter 3). First and last day stay. Two-sided.
    - mix: lines by category in the last 90 days, against all before, by chi-squared; what is permuted are
      whole purchase days, as lines of one basket belong together.

    Returns
    -------
    A row per customer of `habits` and test that can be made: `customer_id`, `test`, `p`, `p_adjusted` (Holm
    over all rows), `is_beyond_chance` (at most 5 %); of a rhythm `recent` and `expected` purchase days; of a
    mix the category whose share rose most, with `share_before` and `share_now`.
    """
    today, random = np.datetime64(pd.Timestamp(as_of), "D"), np.random.default_rng(seed)
    draws = min(MAX_DRAWS, max(DRAWS, int(2 * len(TESTS) * len(habits) / LEVEL)))
    rows = []
    for customer, known in habits.items():
        if pd.notna(absence_p.get(customer, np.nan)):
            rows.append({"customer_id": customer, "test": "absence", "p": float(absence_p[customer])})
        for test, compare in (("rhythm", compare_rhythm), ("mix", compare_mix)):
            found = compare(known, today, random, draws)
            rows += [{"customer_id": customer, "test": test, **found}] if found else []
    columns = ["customer_id", "test", "p", "recent", "expected", "category", "share_before", "share_now"]
    frame = pd.DataFrame(rows, columns=columns)
    adjusted = holm(frame["p"].to_numpy(float))
    return frame.assign(p_adjusted=adjusted, is_beyond_chance=adjusted <= LEVEL)


def compare_rhythm(
    known: Habits, today: np.datetime64, random: np.random.Generator, draws: int
) -> dict[str, object]:
    """Purchase days of the last 90 days against the same gaps in other orders; nothing where too few."""
    days = (known.days - known.days[0]).astype(int) if len(known.days) else np.zeros(0, int)
    gaps, start = np.diff(days), int((today - known.days[0]).astype(int)) - RECENT_DAYS if len(days) else 0
    if len(gaps) < MIN_GAPS or start <= RECENT_DAYS:
        return {}
    orders = random.permuted(np.tile(gaps, (draws, 1)), axis=1)
    others = (orders.cumsum(axis=1) > start).sum(axis=1)
    recent = int((days > start).sum())
    tails = ((others <= recent).sum(), (others >= recent).sum())
    p = min(1.0, 2 * (1 + min(tails)) / (1 + draws))
    return {"p": float(p), "recent": recent, "expected": float(others.mean())}


def compare_mix(
    known: Habits, today: np.datetime64, random: np.random.Generator, draws: int
) -> dict[str, object]:
    """Lines by category of the last 90 days against all before; nothing where days or categories are few."""
    recent = known.days > today - RECENT_DAYS
    few = min(recent.sum(), (~recent).sum()) < MIN_DAYS
    if few or len(known.categories) < 2 or not known.lines.sum():
        return {}
    orders = np.vstack([recent, random.permuted(np.tile(recent, (draws, 1)), axis=1)]).astype(float)
    distances = _chi_squared(orders @ known.lines, known.lines.sum(axis=0))
    p = (distances >= distances[0] - 1e-9).mean()  # the customer's own order is one of them
    shares = [_shares(known.lines[part].sum(axis=0)) for part in (~recent, recent)]
    largest = int(np.argmax(shares[1] - shares[0]))
    named = {"category": known.categories[largest]}
    return {"p": float(p), **named, "share_before": shares[0][largest], "share_now": shares[1][largest]}


def _chi_squared(recent: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Of recent lines by category, shape (draws, categories), against their share of all lines."""
    share = recent.sum(axis=1, keepdims=True) / total.sum()
    expected = np.maximum(total * share, 1e-12), np.maximum(total * (1 - share), 1e-12)
    parts = ((recent - expected[0]) ** 2 / expected[0]) + ((recent - expected[0]) ** 2 / expected[1])
    summed: np.ndarray = parts.sum(axis=1)
    return summed


def _shares(counts: np.ndarray) -> Sequence[float]:
    shares: np.ndarray = counts / max(counts.sum(), 1.0)
    return shares
