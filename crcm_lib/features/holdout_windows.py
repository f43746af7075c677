"""Days held out: what was known of customers at their start, and what the customers did in them."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features.customer_sql import date
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.schema.engine import Engine, open_beside

MIN_HOLDOUT_DAYS, MAX_HOLDOUT_DAYS = 28, 365
HOLDOUT_SHARE = 0.25  # share of the history that `hold_out_latest` holds out
STRAY_SHARE = 0.01  # share of the lines that may lie before the start of a history
SAMPLE = 50_000  # customers of whom windows are made, at most


@dataclass(frozen=True)
class Holdout:
    """A window of the past: the days after `start` up to `end`.

    Attributes
    ----------
    customers
        The table `customer_features` as known on `start`.
    spend, purchases
        What each of these customers spent in the window (currency), and on how many days they bought.
    spend_last, spend_before
        What they spent in the window before this one, and in the one before that; None where not asked for.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    customers: pd.DataFrame
    spend: pd.Series
    purchases: pd.Series
    spend_last: pd.Series | None = None
    spend_before: pd.Series | None = None

    @property
    def days(self) -> int:
        """The length of the window."""
        return (self.end - self.start).days


def history_start(engine: Engine, end: pd.Timestamp) -> pd.Timestamp:
    """The day by which 1 % of the lines up to `end` are dated: a single stray early record is no history.

    `end` itself where there are no lines.
    """
    query = "select day, count(*) as lines from transactions where day <= {} group by day order by day"
    lines = engine.execute(query.format(date(end))).df()
    if lines.empty:
        return end
    total = lines["lines"].cumsum()
    return pd.Timestamp(lines["day"].iloc[int(total.searchsorted(STRAY_SHARE * total.iloc[-1]))])


def hold_out_latest(engine: Engine, *, as_of) -> Holdout:
    """The last quarter of the history, at most 365 days.

    Of fewer than 28 days nothing is said: `spend` and `purchases` are then empty.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed; nothing dated later counts.
    """
    end = pd.Timestamp(as_of)
    days = int(min(MAX_HOLDOUT_DAYS, (end - history_start(engine, end)).days * HOLDOUT_SHARE))
    start = end - pd.Timedelta(days=days)
    customers, later = summarise_customers(engine, as_of=start), spend_between(engine, after=start, until=end)
    later = later.reindex(customers.index if days >= MIN_HOLDOUT_DAYS else customers.index[:0]).fillna(0)
    return Holdout(start, end, customers, later["spend"].astype(float), later["purchases"])


def hold_out_windows(engine: Engine, *, end: pd.Timestamp, days: int, count: int, seed: int) -> list[Holdout]:
    """At most `count` windows of equal length, the latest first; each ends where the later one starts.

    The customers of a window are those who had bought before it. The windows reach back as far as there are
    any. Of more than 50,000 customers a random sample of as many is taken, the same in every window.
    """
    engine = _sample_customers(engine, end, seed)
    starts = [end - pd.Timedelta(days=days * place) for place in range(1, count + 3)]
    ends = [end, *starts[:-1]]
    bought = [spend_between(engine, after=a, until=b) for a, b in zip(starts, ends, strict=True)]
    windows = []
    for place, (start, window_end) in enumerate(zip(starts[:count], ends[:count], strict=True)):
        try:
            customers = summarise_customers(engine, as_of=start)
        except DataError:
            break
        customers = customers[customers["purchases"] > 0]
        if customers.empty:
            break
        later, last, before = (sums.reindex(customers.index).fillna(0) for sums in bought[place : place + 3])
        spends = (later["spend"].astype(float), later["purchases"], last["spend"], before["spend"])
        windows.append(Holdout(start, window_end, customers, *spends))
    return windows


def _sample_customers(engine: Engine, end: pd.Timestamp, seed: int) -> Engine:
    """An engine with the lines of `SAMPLE` customers, drawn by a hash of their ids; all lines of fewer."""
    buyers = f"select distinct customer_id from transactions where day <= {date(end)}"
    if engine.execute(f"select count(*) as n from ({buyers}) as buyers").df()["n"].item() <= SAMPLE:
        return engine
    schema = f"sample_{seed}"
    sample = open_beside(engine, schema)
    # Made by the engine given, which may itself see other transactions than `main` holds.
    engine.execute(f"""
        create or replace table {schema}.transactions as select * from transactions where customer_id in (
            select customer_id from ({buyers}) as buyers
            order by md5(customer_id || '|{seed}') limit {SAMPLE})""")
    return sample
