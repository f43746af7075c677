"""The chance that a prospect buys, by how long earlier ones took from signing up to their first purchase.

Who signed up and has not bought by the last day has waited at least so long (right-censored): the share still
without a purchase after so many days is Kaplan & Meier's (1958, Journal of the American Statistical
Association 53, 457-481). A prospect who has waited w days buys in the next d with the chance
1 - S(w + d) / S(w). Who bought on the day of signing up was never a prospect and does not count; nor does who
signed up before the record began, as those who bought before it are not in it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.models.metrics import MIN_BUYERS
from crcm_lib.stats import Z_95

MIN_AT_RISK = 30  # prospects who waited as long, at least; who waited longer is judged like them


@dataclass(frozen=True)
class Conversion:
    """How fast prospects become customers.

    Attributes
    ----------
    prospects, bought
        How many signed up and did not buy at once, and how many of them bought later (counts).
    waits, shares
        Days after signing up on which somebody bought for the first time, and the share of prospects without
        a purchase after each of them.
    longest
        The longest wait (days) that `MIN_AT_RISK` prospects had.
    check
        At an earlier day: `day`, `days` (the window), `prospects` known then, `expected` to buy in the window
        by the chances of that day, with the 95 % range `low` to `high` of what chance makes of it, and
        `came`. Empty where too little was known then.
    """

    prospects: int
    bought: int
    waits: list[int]
    shares: list[float]
    longest: int
    check: dict[str, float | str]

    def chance(self, waited: np.ndarray, days: int) -> np.ndarray:
        """The chance of a first purchase in the next `days` for who has waited for so many days."""
        since = np.minimum(waited, self.longest)
        return 1 - self._still(since + days) / self._still(since)

    def _still(self, wait: np.ndarray) -> np.ndarray:
        """The share of prospects without a purchase after so many days."""
        return np.array([1.0, *self.shares])[np.searchsorted(self.waits, wait, side="right")]


def learn_conversion(
    signups: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, days: int
) -> Conversion | None:
    """Learn the chance from those who signed up since `start`, and check it at the day `days` before `end`.

    Parameters
    ----------
    signups
        From `features.first_purchase.read_signups`.
    start, end
        First and last day of the record.
    days
        The window whose purchases are counted in the check.

    Returns
    -------
    None where fewer than `MIN_AT_RISK` signed up or fewer than `metrics.MIN_BUYERS` of them bought later.
    """
    learned = _fit(signups, start, end)
    then = end - pd.Timedelta(days=days)
    earlier = _fit(signups, start, then)
    if learned is None or earlier is None:
        return learned
    known = signups[signups["signup"].between(start, then) & ~(signups["first_day"] <= then)]
    chances = earlier.chance((then - known["signup"]).dt.days.to_numpy(), days)
    half = Z_95 * float(np.sqrt((chances * (1 - chances)).sum()))
    expected = float(chances.sum())
    sizes = {"prospects": len(known), "expected": expected, "came": int((known["first_day"] <= end).sum())}
    limits = {"low": max(expected - half, 0.0), "high": expected + half}
    check = {"day": f"{then:%Y-%m-%d}", "days": days, **sizes, **limits}
    return Conversion(**{**vars(learned), "check": check})


def _fit(signups: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> Conversion | None:
    """Kaplan-Meier over the prospects known at `end`."""
    from scipy.stats import CensoredData, ecdf

    known = signups[signups["signup"].between(start, end)]
    first = known["first_day"].where(known["first_day"] <= end)
    waits = (first.fillna(end) - known["signup"]).dt.days
    waits, bought = waits[waits > 0].to_numpy(float), first[waits > 0].notna().to_numpy()
    if len(waits) < MIN_AT_RISK or bought.sum() < MIN_BUYERS:
        return None
    still = ecdf(CensoredData(uncensored=waits[bought], right=waits[~bought])).sf
    days = np.unique(waits[bought])
    return Conversion(
        prospects=len(waits),
        bought=int(bought.sum()),
        waits=days.astype(int).tolist(),
        shares=np.asarray(still.evaluate(days), float).clip(1e-12).tolist(),
        longest=int(np.sort(waits)[-MIN_AT_RISK]),
        check={},
    )
