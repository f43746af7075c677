"""The same customers, had nobody changed: each one's days between purchases in another order.

While a customer neither changes nor leaves, every order of the days between purchases is as likely as the one
that was seen. So whatever is measured on the histories redrawn here is what chance alone makes of it, with
all that two measurements share: an exact permutation test for purchases at random (Lehmann & Romano 2005,
Testing Statistical Hypotheses, section 15.2), a close one for purchases with a rhythm, whose last, open
absence is reordered with the others. The order is drawn in a time in which the average customer buys evenly,
so that a season stays where it was (time rescaling: Brown et al. 2002, Neural Computation 14, 325-346).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.features.customers import summarise_customers
from crcm_lib.schema.engine import Engine, open_frames

SAMPLE = 5_000  # customers whose histories are redrawn, at most
CUSTOMERS_DRAWN = 24_000  # so many in all copies together, if there may be so many copies
FEWEST_COPIES, MOST_COPIES = 8, 20
SEASON_DAYS = 28  # over which the average customer's purchases are averaged
YEAR = 365  # days before the comparison day, whose purchases are drawn anew too
MARK = "|"  # between a customer's id and the number of the copy


def redraw_histories(engine: Engine, *, past, as_of, seed: int, copies: int | None = None) -> Engine:
    """An engine whose `transactions` hold copies of the customers, each with a history redrawn.

    What was bought until a year before the day `past` stays, and so do a customer's first purchase after it,
    the number of purchase days, and their amounts. The days of the later purchases, and which of them has
    which amount, are drawn anew. A purchase day has one line: what is left of it after returns.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`. Of more than 5,000 customers a random sample is taken.
    past
        The day that is compared with `as_of`.
    as_of
        Last day observed, inclusive.
    seed
        Equal seeds give equal histories.
    copies
        Of each customer; None: 24,000 customers in all copies together, but 8 to 20 copies.

    Returns
    -------
    An engine; ids are the customer's, "|" and the number of the copy, which `split_copies` takes apart.
    """
    end, start = pd.Timestamp(as_of).normalize(), pd.Timestamp(past) - pd.Timedelta(days=YEAR)
    bought = _purchase_days(engine, end, seed)
    kept, later = bought[bought["purchase_day"] <= start], bought[bought["purchase_day"] > start]
    count = np.clip(CUSTOMERS_DRAWN // max(bought["customer_id"].nunique(), 1), FEWEST_COPIES, MOST_COPIES)
    random, drawn = np.random.default_rng(seed), []
    for copy in range(copies or int(count)):
        both = pd.concat([kept, _redraw(later, end, random)])
        drawn.append(both.assign(customer_id=both["customer_id"] + f"{MARK}{copy}"))
    lines = pd.concat(drawn).rename(columns={"net": "amount"})
    return open_frames(transactions=lines.assign(day=lines["purchase_day"], kind="sale"))


def summarise_redrawn(redrawn: Engine, known: pd.DataFrame, *, as_of) -> pd.DataFrame:
    """The table `customer_features` of the copies on a day; what purchases do not show is as in `known`."""
    again = summarise_customers(redrawn, as_of=as_of)
    others = known[known.columns.difference(again.columns, sort=False)]
    own_ids = again.index.str.rsplit(MARK, n=1).str[0]
    return again.join(others.reindex(own_ids).set_axis(again.index))


def split_copies(drawn: pd.DataFrame) -> list[pd.DataFrame]:
    """One frame per copy, each indexed by the customers' own ids; `drawn` is indexed by those of the copies.

    >>> drawn = pd.DataFrame({"x": [1, 2, 3]}, index=["K1|0", "K1|1", "a|b|0"])
    >>> [copy["x"].to_dict() for copy in split_copies(drawn)]
    [{'K1': 1, 'a|b': 3}, {'K1': 2}]
    """
    parts = drawn.index.str.rsplit(MARK, n=1)
    own = drawn.set_axis(pd.Index(parts.str[0], name=drawn.index.name))
    numbers = parts.str[1].astype("int64")
    return [own[numbers == number] for number in sorted(set(numbers))]


def gather_copies(observed: pd.Series, copies: Sequence[pd.Series]) -> np.ndarray:
    """One row per customer of the copies: what was observed of them, then the same of each copy."""
    return np.column_stack([each.reindex(copies[0].index) for each in (observed, *copies)]).astype(float)


def _purchase_days(engine: Engine, end: pd.Timestamp, seed: int) -> pd.DataFrame:
    """Customer, day and net amount of every purchase day up to `end`, ordered; of a sample of customers."""
    select = f"""
        select customer_id, purchase_day, net from daily where is_purchase = 1 and customer_id in (
            select customer_id from (select distinct customer_id from daily where is_purchase = 1) as buyers
            order by md5(customer_id || '|{seed}') limit {SAMPLE})
        order by customer_id, purchase_day"""
    bought = engine.execute(sql.query(sql.daily(end), select)).df()
    return bought.assign(purchase_day=pd.to_datetime(bought["purchase_day"]))


def _redraw(bought: pd.DataFrame, end: pd.Timestamp, random: np.random.Generator) -> pd.DataFrame:
    """The same purchases with the waits between them, and their amounts, in another order."""
    if bought.empty:
        return bought
    customer, origin = pd.factorize(bought["customer_id"])[0], bought["purchase_day"].min()
    day, last = (bought["purchase_day"] - origin).dt.days.to_numpy(), (end - origin).days
    row, clock = np.arange(len(day)), _even_time(customer, day, last)
    first = np.flatnonzero(np.r_[True, customer[1:] != customer[:-1]])[customer]
    final = np.r_[first[1:] != first[:-1], True]
    wait = np.where(final, clock[last], np.r_[clock[day[1:]], 0.0]) - clock[day]
    shuffled = wait[np.lexsort((random.random(len(day)), customer))]
    waited = np.cumsum(shuffled) - shuffled
    moment = np.searchsorted(clock, clock[day[first]] + waited - waited[first] - 1e-9)
    place, to_come = row - first, np.flatnonzero(final)[customer] - row  # purchases before and after
    apart = pd.Series(moment - place).groupby(customer).cummax().to_numpy() + place  # no two on one day
    amounts = np.lexsort((random.random(len(day)), place > 0, customer))
    when = origin + pd.to_timedelta(np.minimum(apart, last - to_come), unit="D")
    return bought.assign(purchase_day=when, net=bought["net"].to_numpy()[amounts])


def _even_time(customer: np.ndarray, day: np.ndarray, last: int) -> np.ndarray:
    """For each day the purchases that the average customer would have made since the first day of all."""
    first = np.r_[True, customer[1:] != customer[:-1]]
    known = np.cumsum(np.bincount(day[first] + 1, minlength=last + 2))[: last + 1]
    bought = np.bincount(day[~first], minlength=last + 1)
    around = {"window": SEASON_DAYS, "center": True, "min_periods": 1}
    pace = pd.Series(bought).rolling(**around).sum() / pd.Series(known).rolling(**around).sum().clip(lower=1)
    least = max(float(pace.mean()), 1e-9) / 1000
    return np.cumsum(pace.clip(lower=least).to_numpy())
