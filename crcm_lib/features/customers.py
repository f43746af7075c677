"""Transactions -> customers: one row per customer, as known at the end of one day.

The SQL is in `customer_sql`; here the finished sums become doubles, ratios and days.
"""

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features import customer_sql as sql
from crcm_lib.i18n import _
from crcm_lib.schema.engine import has
from crcm_lib.schema.results import RESULTS

NEEDED = {  # column of `transactions`: what of `customers` needs it
    "order_id": ("orders",),
    "product_id": ("products",),
    "category": ("categories",),
    "channel": ("channels", "channel_main", "channel_main_share"),
    "discount": ("discount_share",),
    "cost": ("margin_total", "cost_known_share"),
}
BREADTH = {"orders": "order_id", "products": "product_id", "categories": "category"}
HELPERS = {
    "spend_purchases", "spend_repeat", "spend_earlier", "sold", "returned", "discounted", "costed",
    "gap_sum", "gap_squares", "gap_last", "channel_main_sold", "channel_sold",
    "region_main_sold", "region_sold", "regions",
}  # fmt: skip


def summarise_purchases(engine, *, as_of) -> pd.DataFrame:
    """Reduce the transactions to one row per customer, as known at the end of `as_of`.

    Purchases on one day count as one, because BG/NBD models purchase occasions.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed, inclusive. Nothing dated later counts, returns included.

    Returns
    -------
    The core of the table `customers`, indexed and ordered by `customer_id`: `purchases` (distinct purchase
    days), `days_since_last`, `days_first_to_last` (BG/NBD's t_x), `days_observed` (BG/NBD's T),
    `spend_total`, `spend_mean`, `spend_mean_repeat` (empty for one-time buyers), `first_day`, `last_day`.
    Who returned everything stays, with 0 purchases and no days.

    Raises
    ------
    DataError
        If there is no transaction on or before `as_of`.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284: what BG/NBD needs to know of a customer.

    Examples
    --------
    >>> import duckdb
    >>> engine = duckdb.connect()
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-11"])
    >>> log = pd.DataFrame({"customer_id": "a", "day": days, "purchase_day": days, "kind": "sale"})
    >>> _registered = engine.register("transactions", log.assign(amount=[5.0, 5.0, 20.0]))
    >>> row = summarise_purchases(engine, as_of="2024-01-31").loc["a"]
    >>> wanted = ["purchases", "days_since_last", "days_first_to_last", "days_observed", "spend_total"]
    >>> row[wanted].astype(int).to_list()
    [2, 20, 10, 30, 30]
    """
    until = _day(as_of)
    wanted = """select customer_id, purchases, first_day, last_day, spend_total, spend_purchases, spend_repeat
        from core order by customer_id"""
    totals = engine.execute(sql.query(sql.core(until), wanted)).df()
    if totals.empty:
        _refuse_nothing(engine, until)
    customers = _with_days_and_means(totals.set_index("customer_id"), until)
    return customers.drop(columns=["spend_purchases", "spend_repeat"])


def summarise_customers(engine, *, as_of) -> pd.DataFrame:
    """Everything known of each customer and prospect at the end of `as_of`: the table `customers`.

    The core of `summarise_purchases` and, where the transactions have the columns for it (`list_absent` says
    where not): orders, breadth, days between purchases, channel mix, discount, returns, margin; spend and
    purchases of the last 30, 90, 180 and 365 days; the trend; then the attributes of the input table
    `customers`, with its prospects, who have 0 purchases. Who signed up after `as_of` is not known yet.

    `spend_trend` compares the last 90 days with the 90 before, for customers observed for all 180.
    `margin_total` covers the lines whose cost is known; `cost_known_share` is their share of the sales.
    """
    until, columns = _day(as_of), _columns(engine, "transactions")
    _refuse_nothing(engine, until)
    given = _columns(engine, "customers")
    parts = sql.core(until, sql.line_sums(columns, until), sql.WINDOWS) | sql.gaps()
    for name, column in BREADTH.items():
        if column in columns:
            parts |= sql.breadth(name, column, until)
    for column in ("channel", "region"):
        if column in columns and not (column == "region" and "region" in given):
            parts |= sql.mix(column, until)
    parts |= sql.known(given, until)
    if given:
        taken = {column for part in parts.values() if isinstance(part, sql.Part) for column in part.columns}
        parts |= sql.attributes(given, taken | set(RESULTS["customer_features"].columns) - {"customer_id"})
    totals = engine.execute(sql.join_all(parts)).df()
    return _with_ratios(_with_days_and_means(totals.set_index("customer_id"), until))


def spend_between(engine, *, after, until) -> pd.DataFrame:
    """What each customer bought in (after, until]: `spend` and `purchases`, indexed by `customer_id`.

    `spend` adds up all lines of those days, returns included, so that the `spend_total` known on `until` is
    the one known on `after` plus it; `purchases` counts the purchase days in between that hold on `until`.
    Customers with neither have no row.
    """
    start, end = _day(after), _day(until)
    recent = f"case when day > {sql.date(start)} then {sql.money('amount')} else 0 end"
    found = engine.execute(
        sql.query(
            sql.daily(end, {"recent": recent}),
            f"""select customer_id, sum(recent) as spend,
                count(case when holds = 1 and purchase_day > {sql.date(start)} then 1 end) as purchases
            from daily group by customer_id order by customer_id""",
        )
    ).df()
    found = found.set_index("customer_id")
    return found[(found["spend"] != 0) | (found["purchases"] > 0)]


def purchase_gaps(engine, *, as_of) -> pd.DataFrame:
    """How many days pass between purchases: equal histories counted once, without ids.

    Returns
    -------
    One row per distinct (`gaps_of_customer`, `days_of_customer`, `gap_days`): how many gaps a customer has,
    their sum in days, and one of them; `gaps` counts these, `first_gaps` those that are a customer's first.
    """
    parts = sql.daily(_day(as_of)) | sql.gaps()
    parts["counted"] = """
        select customer_id, count(*) as gaps_of_customer, sum(gap) as days_of_customer
        from gap_days group by customer_id"""
    found = engine.execute(
        sql.query(
            parts,
            """select gaps_of_customer, days_of_customer, gap as gap_days, count(*) as gaps,
                count(case when earliest = 1 then 1 end) as first_gaps
            from gap_days join counted on counted.customer_id = gap_days.customer_id
            group by gaps_of_customer, days_of_customer, gap
            order by gaps_of_customer, days_of_customer, gap""",
        )
    ).df()
    return found.astype("int64")


def list_absent(engine) -> list[str]:
    """Say in words which columns of `customers` this data cannot fill, and why."""
    columns = _columns(engine, "transactions")
    words = [
        _("not available: {wanted} (no `{column}` in `transactions`)").format(
            wanted=", ".join(f"`{name}`" for name in wanted), column=column
        )
        for column, wanted in NEEDED.items()
        if column not in columns
    ]
    if not has(engine, "customers"):
        words.append(_("not available: attributes and prospects (no table `customers`)"))
    return words


def _with_days_and_means(totals: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """The finished sums with days up to `until` and means per purchase."""
    purchases = totals["purchases"].astype("int64")
    first, last = (pd.to_datetime(totals[name]) for name in ("first_day", "last_day"))
    return totals.assign(
        purchases=purchases,
        days_since_last=(until - last).dt.days.astype("float64"),
        days_first_to_last=(last - first).dt.days.astype("float64"),
        days_observed=(until - first).dt.days.astype("float64"),
        spend_mean=_divide(totals["spend_purchases"], purchases),
        spend_mean_repeat=_divide(totals["spend_repeat"], purchases - 1),
        first_day=first,
        last_day=last,
    )


def _with_ratios(totals: pd.DataFrame) -> pd.DataFrame:
    """Shares, means and spreads of the finished sums, in the order of the schema; the sums behind them go."""
    gaps, sold = totals["purchases"] - 1, totals["sold"]
    squares = gaps * totals["gap_squares"] - totals["gap_sum"] ** 2  # whole numbers: exact
    recent, earlier = totals["spend_90d"].clip(lower=0), totals["spend_earlier"].clip(lower=0)
    found = {
        "gap_mean_days": _divide(totals["gap_sum"], gaps),
        "gap_spread_days": np.sqrt(_divide(squares, gaps * (gaps - 1))),
        "gap_last_days": totals["gap_last"].astype("float64"),
        "returns_share": _divide(totals["returned"], sold).clip(upper=1),
        "spend_trend": _divide(recent - earlier, recent + earlier).where(totals["days_observed"] >= 180),
    }
    if "discounted" in totals:
        found["discount_share"] = _divide(totals["discounted"], sold + totals["discounted"])
    if "costed" in totals:
        found["cost_known_share"] = _divide(totals["costed"], sold).clip(0, 1)
    for column in ("channel", "region"):
        if f"{column}_main" in totals:
            found[f"{column}_main_share"] = _divide(totals[f"{column}_main_sold"], totals[f"{column}_sold"])
    customers = totals.assign(**found)
    ours = [column for column in RESULTS["customer_features"].columns if column in customers]
    given = [column for column in totals if column not in ours and column not in HELPERS]
    return customers[ours + given]


def _divide(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Empty where there is nothing to divide by."""
    return part.astype("float64") / whole.where(whole > 0)


def _columns(engine, table: str) -> set[str]:
    """The columns of an input table; none where it is absent."""
    if not has(engine, table):
        return set()
    return {column[0] for column in engine.execute(f"select * from {table} limit 0").description}


def _day(day) -> pd.Timestamp:
    return pd.Timestamp(day).normalize()


def _refuse_nothing(engine, until: pd.Timestamp) -> None:
    earliest = engine.execute("select min(day) from transactions").fetchone()[0]
    if earliest is None:
        raise DataError(_("transactions: there are none."))
    if pd.Timestamp(earliest) > until:
        words = _(
            "transactions: none on or before as_of={as_of}; the earliest is {earliest}. Pass a later as_of."
        )
        days = {"as_of": until, "earliest": pd.Timestamp(earliest)}
        raise DataError(words.format(**{name: f"{day:%Y-%m-%d}" for name, day in days.items()}))
