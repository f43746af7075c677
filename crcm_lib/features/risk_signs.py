"""What warned of a customer on a day: payments, exposure, purchases, complaints, contracts; and what came."""

import numpy as np
import pandas as pd

from crcm_lib.features.contract_periods import trace_subscriptions
from crcm_lib.features.customer_sql import date
from crcm_lib.features.holdout_windows import Holdout, history_start, hold_out_windows
from crcm_lib.features.open_invoices import list_defaults, list_invoices, list_open, recall_invoices
from crcm_lib.features.unanswered_complaints import list_lacking, list_unanswered
from crcm_lib.schema.engine import Engine, columns_of, has

YEAR = 365  # days
HABIT = 3  # invoices that a customer has paid, before a habit is known
DAYS_BEFORE = (90, 180, 270)  # days before, on which exposure was seen
RISEN = 1.5  # times the mean of these
GROUPS = 5  # of customers by days since their last purchase
CREDIT, LEAVING = "credit", "leaving"
SIGNS = {  # the rule of one column comes first
    CREDIT: ("late_now", "beyond_habit", "rising_exposure", "default_year"),
    LEAVING: ("long_away", "buys_less", "unanswered_complaint", "contract_ends", "cooperation_ended"),
}
COLUMNS = ["customer_id", "day", "of", "rule", "came"]


def list_past_signs(
    engine: Engine, *, as_of, days: int, decline: float, call_after_days: int, most: int = 4, seed: int = 0
) -> pd.DataFrame:
    """The signs of each customer on earlier days, `days` apart, and what came in the `days` after.

    Parameters
    ----------
    days
        The horizon of 05; windows do not overlap.
    decline
        The policy's `churn.decline`: the share of their own earlier spend from which a customer buys less.
    call_after_days
        Of the policy's `receivables`.
    most
        Of the earlier days; each has as many days of history before it as it is followed by.

    Returns
    -------
    One row per customer, `day` and `of`: of `credit`, who was invoiced in the year before, `came` is 1 where
    an invoice became overdue by more than `call_after_days` in the days after, or was given up; of `leaving`,
    who had bought in the days before, where they bought nothing in the days after. `rule` is the rule of one
    column: late on that day (0 or 1), or the fifth by days since the last purchase (0 to 4). A column per
    sign of `SIGNS`, true, false, or missing where the data lack what it takes.
    """
    end = pd.Timestamp(as_of).normalize()
    invoices, defaults = list_invoices(engine, as_of=end), list_defaults(engine, as_of=end)
    first = history_start(engine, end)
    windows = hold_out_windows(engine, end=end, days=days, count=most, seed=seed)
    parts = []
    for window in windows:
        if (window.start - first).days < days:
            break
        signs = sign_leaving(engine, window.customers, as_of=window.start, days=days, decline=decline)
        bought = window.purchases.reindex(signs["customer_id"]).fillna(0).to_numpy(float)
        parts.append(signs.assign(came=(bought == 0).astype(float)))
        owing = sign_credit(invoices, defaults, as_of=window.start)
        late = find_late(invoices, defaults, window, call_after_days=call_after_days)
        parts.append(owing.assign(came=owing["customer_id"].isin(late).astype(float)))
    parts = [part for part in parts if len(part)]
    every = [name for names in SIGNS.values() for name in names]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return found.reindex(columns=[*COLUMNS, *every]).astype({"came": "float64", "rule": "float64"})


def list_signs(engine: Engine, customers: pd.DataFrame, *, as_of, days: int, decline: float) -> pd.DataFrame:
    """The signs of today, as `list_past_signs` has those of earlier days; nobody knows what comes.

    `customers` is the table `customer_features`.
    """
    end = pd.Timestamp(as_of).normalize()
    leaving = sign_leaving(engine, customers, as_of=end, days=days, decline=decline)
    credit = sign_credit(list_invoices(engine, as_of=end), list_defaults(engine, as_of=end), as_of=end)
    parts = [part for part in (leaving, credit) if len(part)]
    every = [name for names in SIGNS.values() for name in names]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS[:4])
    return found.reindex(columns=[*COLUMNS[:4], *every])


def sign_credit(invoices: pd.DataFrame, defaults: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """The signs of credit on a day, of each customer invoiced in the 365 days before.

    `late_now`: owes what is overdue. `beyond_habit`: the oldest of it by more days than anything that they
    have paid before, of at least three invoices. `rising_exposure`: owes more than one and a half times as
    much as on average 90, 180 and 270 days before. `default_year`: gave us a default in the last 365 days;
    missing where there are none in the data.
    """
    end = pd.Timestamp(as_of).normalize()
    known = recall_invoices(invoices, end)
    known = known[known["amount"] > 0]
    ids = pd.Index(sorted(known.loc[known["issued"] > end - pd.Timedelta(days=YEAR), "customer_id"].unique()))
    owed = list_open(known, end)
    oldest = owed.groupby("customer_id")["days_overdue"].max().reindex(ids)
    paid = known[known["paid"].notna()]
    late = (paid["paid"] - paid["due"]).dt.days.clip(lower=0).groupby(paid["customer_id"])
    most, times = late.max().reindex(ids), late.size().reindex(ids).fillna(0)
    before = [_owed(known, end - pd.Timedelta(days=back), ids) for back in DAYS_BEFORE]
    usual = sum(before) / len(before)
    lost = defaults.loc[
        (defaults["date"] <= end) & (defaults["date"] > end - pd.Timedelta(days=YEAR)), "customer_id"
    ]
    late_now = (oldest > 0).to_numpy()
    signs = {
        "late_now": late_now,
        "beyond_habit": late_now & ((oldest > most) & (times >= HABIT)).to_numpy(),
        "rising_exposure": ((usual > 0) & (_owed(known, end, ids) > RISEN * usual)).to_numpy(),
        "default_year": ids.isin(lost) if len(defaults) else np.nan,
    }
    return pd.DataFrame(
        {"customer_id": ids, "day": end, "of": CREDIT, "rule": late_now.astype(float), **signs}
    )


def sign_leaving(
    engine: Engine, customers: pd.DataFrame, *, as_of, days: int, decline: float
) -> pd.DataFrame:
    """The signs of leaving on a day, of each customer who has bought in the `days` before.

    `long_away`: in the last fifth of these customers by days since the last purchase. `buys_less`: spent at
    least `decline` less in the last 90 days than in the 90 before. `unanswered_complaint`: from
    `list_unanswered`. `contract_ends`: the last contract begun ends within `days`. `cooperation_ended`: a
    contract was not renewed, and none is running. Missing is what the data do not hold.
    """
    end = pd.Timestamp(as_of).normalize()
    active = customers[customers["days_since_last"] <= days].sort_index()
    ids, away = active.index, active["days_since_last"].astype("float64")
    fifth = np.floor((away.rank(method="average") - 0.5) / max(len(away), 1) * GROUPS).clip(upper=GROUPS - 1)
    trend = active["spend_trend"] if "spend_trend" in active else pd.Series(np.nan, ids)
    least = -decline / (2 - decline) if decline < 2 else -1.0
    signs: dict = {"long_away": (fifth == GROUPS - 1).to_numpy(), "buys_less": (trend <= least).to_numpy()}
    signs["unanswered_complaint"] = np.nan
    if not list_lacking(engine):
        signs["unanswered_complaint"] = ids.isin(list_unanswered(engine, as_of=end)["customer_id"])
    ending, ended = _find_contracts(engine, end, days)
    signs |= {"contract_ends": ids.isin(ending), "cooperation_ended": ids.isin(ended)}
    if not has(engine, "contracts"):
        signs |= dict.fromkeys(("contract_ends", "cooperation_ended"), np.nan)
    return pd.DataFrame(
        {"customer_id": ids, "day": end, "of": LEAVING, "rule": fifth.to_numpy(float), **signs}
    )


def find_late(
    invoices: pd.DataFrame, defaults: pd.DataFrame, window: Holdout, *, call_after_days: int
) -> set[str]:
    """Who had an invoice become overdue by more than `call_after_days` in a window, or given up."""
    beyond = invoices["due"] + pd.Timedelta(days=call_after_days + 1)
    came = (beyond > window.start) & (beyond <= window.end) & (invoices["amount"] > 0)
    open_still = ~(invoices["paid"] < beyond) & ~(invoices["given_up"] < beyond)
    lost = (defaults["date"] > window.start) & (defaults["date"] <= window.end)
    return set(invoices.loc[came & open_still, "customer_id"]) | set(defaults.loc[lost, "customer_id"])


def _owed(known: pd.DataFrame, day: pd.Timestamp, ids: pd.Index) -> pd.Series:
    return list_open(known, day).groupby("customer_id")["amount"].sum().reindex(ids).fillna(0.0)


def _find_contracts(engine: Engine, end: pd.Timestamp, days: int) -> tuple[set[str], set[str]]:
    """Whose contract ends in the days ahead, and whose has ended without another."""
    if not {"start", "end"} <= columns_of(engine, "contracts"):
        return set(), set()
    last = engine.execute(f"""
        select customer_id, cast(max("end") as timestamp) as day from contracts
        where start <= {date(end)} group by customer_id order by customer_id""").df()
    soon = (last["day"] > end) & (last["day"] <= end + pd.Timedelta(days=days))
    rows = trace_subscriptions(engine, as_of=end).rows
    running = set(rows.loc[rows["next_end"].notna(), "customer_id"])
    return set(last.loc[soon, "customer_id"]), set(rows.loc[rows["lost"], "customer_id"]) - running
