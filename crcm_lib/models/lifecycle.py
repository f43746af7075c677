"""Customers -> lifecycle stages, by windows learned from this data's own days between purchases.

How long an absence is unusual differs between businesses and between customers. A customer's threshold is
therefore a credibility estimate: Z = n / (n + K) of the customer's own mean gap and 1 - Z of the population's
days, where n is the number of the customer's gaps and K the variance of gaps within customers over the
variance of mean gaps between customers (Bühlmann & Straub 1970, Mitteilungen der Vereinigung schweizerischer
Versicherungsmathematiker 70, 111-133; Bühlmann & Gisler 2005, A Course in Credibility Theory, chapter 4).
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError, list_problems
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.i18n import _
from crcm_lib.schema import learned_state

SCHEMA_VERSION = 1  # of the JSON of Windows
STAGES = ("prospect", "new", "one order", "growing", "loyal", "at risk", "lost", "won back")
REASONS = {  # the rules in their order, the first that holds decides: reason -> stage
    "no_purchase": "prospect",
    "absent_beyond_lost": "lost",
    "absent_beyond_at_risk": "at risk",
    "returned_after_lost": "won back",
    "first_purchase_recent": "new",
    "bought_once": "one order",
    "many_purchases_over_long": "loyal",
    "came_back": "growing",
}
MIN_GAPS_FOR_RATIO = 3  # the mean of fewer gaps is too uncertain to divide an absence by
MIN_BEYOND = 30  # customers by whom the name of the lost is judged
NEEDED = ("purchases", "days_since_last", "days_first_to_last", "days_observed", "gap_last_days")


@dataclass(frozen=True)
class Windows:
    """The learned lengths of absences. Days, except `credibility_gaps` (gaps) and the two ratios.

    Everything but the counts is None where nobody has come back yet.
    """

    customers: int  # who came back at least once
    gaps: int  # observed gaps between consecutive purchases
    credibility_gaps: float | None  # K; None also where mean gaps do not differ between customers: then Z = 0
    new_days: float | None  # a first purchase is recent for so many days
    at_risk_days: float | None  # threshold of a customer without gaps
    lost_days: float | None
    at_risk_ratio: float | None  # threshold over own mean gap, for a customer with many gaps
    lost_ratio: float | None

    def to_json(self) -> str:
        """The learned state as JSON."""
        return learned_state.to_json(asdict(self), SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "Windows":
        """The learned state that `to_json` wrote; DataError if another release did."""
        state = learned_state.from_json(
            text, SCHEMA_VERSION, model="lifecycle", notebook="02_customer_profile"
        )
        return cls(**state)


def learn_windows(
    gaps: pd.DataFrame, *, new_share: float = 0.5, at_risk_quantile: float = 0.9, lost_quantile: float = 0.98
) -> Windows:
    """Quantiles of the days between purchases; each customer who came back has the same weight.

    Absences that have not ended yet are not counted: the windows describe customers who return.

    Parameters
    ----------
    gaps
        From `features.customers.purchase_gaps`: `gaps_of_customer`, `days_of_customer`, `gap_days`, and their
        counts `gaps` and `first_gaps`.
    new_share
        Share of the first gaps that are over after `new_days`.
    at_risk_quantile, lost_quantile
        Shares of the gaps that are over when a customer counts as at risk, and as lost.
    """
    if gaps.empty:
        return Windows(0, 0, *[None] * 6)
    days, gaps_each = gaps["gap_days"].to_numpy(float), gaps["gaps_of_customer"].to_numpy(float)
    customers = gaps["gaps"].to_numpy(float) / gaps_each  # a customer with n gaps has weight 1/n in each
    ratio = days / (gaps["days_of_customer"].to_numpy(float) / gaps_each)
    enough = gaps_each >= MIN_GAPS_FOR_RATIO
    shares = {"at_risk": at_risk_quantile, "lost": lost_quantile}
    absences = {name: _quantile(days, customers, share) for name, share in shares.items()}
    mean_gap = float(np.sum(days * customers) / np.sum(customers))
    if enough.any():
        ratios = {name: _quantile(ratio[enough], customers[enough], share) for name, share in shares.items()}
    else:
        ratios = {name: absence / mean_gap for name, absence in absences.items()}
    return Windows(
        customers=int(gaps["first_gaps"].sum()),
        gaps=int(gaps["gaps"].sum()),
        credibility_gaps=_credibility(gaps),
        new_days=_quantile(days, gaps["first_gaps"].to_numpy(float), new_share),
        at_risk_days=absences["at_risk"],
        lost_days=absences["lost"],
        at_risk_ratio=ratios["at_risk"],
        lost_ratio=ratios["lost"],
    )


def widen_lost(
    windows: Windows, before: Holdout, past: Holdout, *, lost_return_share: float = 0.5
) -> Windows:
    """The windows with that of lost so much longer that the name held on two earlier days, or without it.

    Parameters
    ----------
    windows
        Of today.
    before, past
        Two look-backs from `holdout_windows.hold_out_latest`, the earlier first. On that one the window is
        made longer, on the later one it is tested, so that what 02 says of the name was not chosen for it.
    lost_return_share
        At most this share of those absent beyond the window may have bought again.

    Returns
    -------
    The windows, those of lost times the least factor from 1 on that does it; without a window of lost where
    none does, or the later day refutes it: so also where fewer than 30 were beyond the window on either day,
    or no days were held out, by which the name cannot be judged.
    """
    nobody = replace(windows, lost_days=None, lost_ratio=None)
    if windows.lost_days is None:
        return nobody
    beyond, came = _follow_absent(windows, before)
    last_of_equals = np.r_[beyond[1:] < beyond[:-1], True][: len(beyond)]
    holds = (came <= lost_return_share) & last_of_equals & (np.arange(1, len(beyond) + 1) >= MIN_BEYOND)
    if not holds.any():
        return nobody
    most = np.flatnonzero(holds)[-1]
    factor = 1.0 if most + 1 == len(beyond) else float(beyond[most + 1])  # whoever is beyond it is lost
    wider = replace(
        windows, lost_days=windows.lost_days * factor, lost_ratio=(windows.lost_ratio or 1) * factor
    )
    beyond, came = _follow_absent(wider, past)
    return wider if len(beyond) >= MIN_BEYOND and came[-1] <= lost_return_share else nobody


def _follow_absent(windows: Windows, lookback: Holdout) -> tuple[np.ndarray, np.ndarray]:
    """Absences over the window of lost, the longest first; and the share of those so far who bought again."""
    thresholds = find_thresholds(lookback.customers, windows)
    absent = lookback.customers["days_since_last"] / thresholds["lost_after_days"]
    absent = absent.reindex(lookback.purchases.index)
    absent = absent[absent > 1].sort_values(ascending=False)
    came = (lookback.purchases[absent.index] > 0).to_numpy().cumsum() / np.arange(1, len(absent) + 1)
    return absent.to_numpy(), came


def find_thresholds(customers: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Each customer's last whole days of absence before at risk and before lost.

    `at_risk_after_days` and `lost_after_days` = Z × ratio × own mean gap + (1 - Z) × the population's days,
    rounded down. Missing for prospects, and for all where nobody has come back yet.
    """
    gaps = (customers["purchases"] - 1).clip(lower=0)
    thresholds = _thresholds(gaps, customers["days_first_to_last"], windows)
    return thresholds.where(customers["purchases"] > 0)


def assign_stages(customers: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Each customer's lifecycle stage, with the rule that decided it and the numbers it compared.

    The first rule that holds decides:

    - prospect: no purchase (or all of them returned)
    - lost, at risk: absent for longer than the customer's own threshold; nobody is lost without a window
    - won back: the last purchase ended an absence beyond the customer's threshold of lost at that time
    - new: first bought within `new_days`
    - one order: bought on one day only, longer ago than that; such a customer has no rhythm to be late for,
      and is lost as all others, but not at risk
    - loyal: three or more purchases, over at least the population's threshold of at risk
    - growing: everyone else, who came back and is neither new nor loyal

    Parameters
    ----------
    customers
        `purchases`, `days_since_last`, `days_first_to_last`, `days_observed` and `gap_last_days`, one row per
        customer, as of the day on which they are judged.
    windows
        From `learn_windows`, on the same or on an earlier day.

    Returns
    -------
    On the index of `customers`: `stage` (one of `STAGES`), `reason` (a key of `REASONS`), the two thresholds
    of `find_thresholds`, and `lost_before_days`: the threshold of lost before the last purchase.

    Raises
    ------
    DataError
        If a column is missing.
    """
    if problems := [_("{column}: missing").format(column=c) for c in NEEDED if c not in customers]:
        raise DataError(list_problems("customers", problems))
    thresholds = find_thresholds(customers, windows)
    absence, last_gap = customers["days_since_last"], customers["gap_last_days"]
    before = _thresholds(customers["purchases"] - 2, customers["days_first_to_last"] - last_gap, windows)
    min_tenure = np.inf if windows.at_risk_days is None else windows.at_risk_days
    new_days = np.inf if windows.new_days is None else windows.new_days
    holds = {
        "no_purchase": customers["purchases"] == 0,
        "absent_beyond_lost": absence > thresholds["lost_after_days"],
        "absent_beyond_at_risk": (absence > thresholds["at_risk_after_days"]) & (customers["purchases"] > 1),
        "returned_after_lost": last_gap > before["lost_after_days"],
        "first_purchase_recent": customers["days_observed"] <= new_days,
        "bought_once": customers["purchases"] == 1,
        "many_purchases_over_long": (customers["purchases"] >= 3)
        & (customers["days_first_to_last"] >= min_tenure),
    }
    reason = np.select([holds[name].to_numpy() for name in holds], list(holds), default="came_back")
    reasons = pd.Series(reason.astype(object), index=customers.index)
    stages = pd.DataFrame({"stage": reasons.map(REASONS), "reason": reasons}).astype("str")
    return stages.assign(**thresholds, lost_before_days=before["lost_after_days"])


def grade_absence(customers: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """What the rules of RFM segments may ask beside the scores.

    Parameters
    ----------
    customers, stages
        Buyers on a day, and their rows of `assign_stages`.

    Returns
    -------
    On the index of `customers`: `absence`, 0 within the usual absence, 1 beyond the customer's threshold of
    at risk, 2 beyond that of lost; `first_bought_lately`, 1 within `new_days` of the first purchase.
    """
    own = stages.reindex(customers.index)
    beyond = [customers["days_since_last"] > own[f"{name}_after_days"] for name in ("at_risk", "lost")]
    lately = own["reason"] == "first_purchase_recent"
    return pd.DataFrame(
        {"absence": sum(each.astype("int64") for each in beyond), "first_bought_lately": lately * 1}
    )


def date_entries(purchases: pd.DataFrame, stages: pd.DataFrame, windows: Windows) -> pd.Series:
    """The day on which each customer came into the present stage, by the present windows.

    Parameters
    ----------
    purchases
        From `features.customers.list_purchase_days`: `customer_id`, `day`, in order.
    stages
        From `assign_stages` on the last day known.
    windows
        Those that the stages were assigned with.

    Returns
    -------
    On the index of `stages`: a day, never after the last day known; missing for prospects. An absence beyond
    the threshold of at risk ends a stage, and so does every purchase after which another one holds.
    """
    if purchases.empty:
        return pd.Series(pd.NaT, stages.index, "datetime64[us]", name="entered")
    rows = _stages_after_purchases(purchases, windows)
    own, late = rows["customer_id"], rows["late"]
    begins = (own != own.shift()) | (rows["stage"] != rows["stage"].shift()) | late.shift(fill_value=False)
    aged = rows["first"] + pd.Timedelta(days=np.floor(windows.new_days or 0) + 1)
    from_new = (rows["stage"] == "growing") & (rows["stage"].shift() == "new") & ~late.shift(fill_value=False)
    since = rows["day"].where(~(from_new & (own == own.shift())), np.minimum(aged, rows["day"])).where(begins)
    last = rows.assign(since=since.ffill(), aged=aged).groupby("customer_id").last().reindex(stages.index)
    days = {
        name: last["day"] + pd.to_timedelta(stages[f"{column}_after_days"] + 1, unit="D")
        for name, column in (("at risk", "at_risk"), ("lost", "lost"))
    }
    days["new"], days["one order"] = last["first"], last["aged"]
    entered = last["since"].where(stages["stage"] == last["stage"], last["aged"])
    for name, day in days.items():
        entered = entered.mask(stages["stage"] == name, day)
    return entered.where(stages["stage"] != "prospect").rename("entered")


def _stages_after_purchases(purchases: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """For each purchase the stage right after it, and whether the next one came later than at risk."""
    own = purchases.groupby("customer_id")["day"]
    first = own.transform("first")
    gap, count = own.diff().dt.days, own.cumcount() + 1
    span = (purchases["day"] - first).dt.days
    limits = _thresholds(count - 1, span, windows)
    limits.loc[count == 1, "at_risk_after_days"] = np.floor(
        windows.new_days or np.inf
    )  # then it is one order
    before = limits.groupby(purchases["customer_id"]).shift()
    min_tenure = np.inf if windows.at_risk_days is None else windows.at_risk_days
    holds = [
        gap > before["lost_after_days"],
        span <= (np.inf if windows.new_days is None else windows.new_days),
        (count >= 3) & (span >= min_tenure),
    ]
    stage = np.select(holds, ["won back", "new", "loyal"], default="growing")
    next_gap = own.shift(-1) - purchases["day"]
    return purchases.assign(stage=stage, first=first, late=next_gap.dt.days > limits["at_risk_after_days"])


def _thresholds(gaps: pd.Series, span: pd.Series, windows: Windows) -> pd.DataFrame:
    """Thresholds of customers with so many gaps that last `span` days together; missing below no gaps."""
    gaps = gaps.where(gaps >= 0).astype("float64")
    k = windows.credibility_gaps
    weight = gaps * 0.0 if k is None else (gaps / (gaps + k)).fillna(0.0).where(gaps.notna())
    mean_gap = (span / gaps.where(gaps > 0)).fillna(0.0)
    thresholds = {}
    for name in ("at_risk", "lost"):
        days, ratio = getattr(windows, f"{name}_days"), getattr(windows, f"{name}_ratio")
        after = np.nan if days is None else weight * ratio * mean_gap + (1 - weight) * days
        thresholds[f"{name}_after_days"] = np.floor(pd.Series(after, index=gaps.index, dtype="float64"))
    return pd.DataFrame(thresholds)


def _credibility(gaps: pd.DataFrame) -> float | None:
    """K of Bühlmann & Straub, or None where mean gaps differ between customers by no more than chance."""
    squares = gaps["gaps"] * gaps["gap_days"] ** 2
    history = ["gaps_of_customer", "days_of_customer"]
    sums = gaps.assign(squares=squares).groupby(history, as_index=False)[["gaps", "squares"]].sum()
    n, customers = sums["gaps_of_customer"], sums["gaps"] / sums["gaps_of_customer"]
    mean, all_gaps, all_customers = sums["days_of_customer"] / n, sums["gaps"].sum(), customers.sum()
    grand_mean = (sums["gaps"] * mean).sum() / all_gaps
    normaliser = all_gaps - (sums["gaps"] * n).sum() / all_gaps
    if all_gaps <= all_customers or normaliser <= 0:
        return None
    within = (sums["squares"] - sums["gaps"] * mean**2).sum() / (all_gaps - all_customers)
    scatter = (sums["gaps"] * (mean - grand_mean) ** 2).sum()
    between = (scatter - (all_customers - 1) * within) / normaliser
    return float(within / between) if between > 0 else None


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The weighted quantile: the least value at which at least `share` of the weight is reached.

    NumPy's "inverted_cdf" has no tolerance and takes the next value where rounding leaves a sum of weights
    just below the share.
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
    return float(values[order][min(place, len(values) - 1)])
