"""Clean tables -> `customer_features`: one row per customer, as known at the end of one day.

The SQL is in `customer_sql`; here its exact sums become doubles, ratios and days.
"""

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features import customer_sql as sql
from crcm_lib.i18n import _
from crcm_lib.schema.engine import Engine, columns_of, has
from crcm_lib.schema.results import RESULTS

DEPENDENT = {  # optional column of `transactions`: the features that need it
    "order_id": ("orders",),
    "product_id": ("products",),
    "category": ("categories",),
    "channel": ("channels", "channel_main", "channel_main_share"),
    "discount": ("discount_share",),
    "cost": ("margin_total", "cost_known_share"),
}
BREADTH = {"orders": "order_id", "products": "product_id", "categories": "category"}
INTERMEDIATE = {  # sums of which only ratios and means are kept
    *("spend_purchases", "spend_repeat", "spend_earlier", "sold", "returned", "discounted", "costed"),
    *("gap_sum", "gap_squares", "gap_last", "channel_main_sold", "channel_sold"),
    *("region_main_sold", "region_sold", "regions"),
}


def summarise_purchases(engine: Engine, *, as_of) -> pd.DataFrame:
    """Purchases and spend of each customer, as known at the end of `as_of`.

    Purchases on one day count as one, because BG/NBD models purchase occasions.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed, inclusive. Nothing dated later counts, returns included.

    Returns
    -------
    One row per customer, indexed and ordered by `customer_id`: `purchases` (distinct purchase days),
    `days_since_last`, `days_first_to_last` (BG/NBD's t_x), `days_observed` (BG/NBD's T), `spend_total`,
    `spend_mean` and `spend_mean_repeat` (per purchase day, in the policy's currency; the latter without the
    first day, missing for one-time buyers), `first_day`, `last_day`. A customer who returned everything has
    0 purchases and missing days.

    Raises
    ------
    DataError
        If there is no transaction on or before `as_of`.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284: frequency, t_x and T of the BG/NBD model.

    Examples
    --------
    >>> import duckdb
    >>> engine = duckdb.connect()
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-11"])
    >>> log = pd.DataFrame({"customer_id": "a", "day": days, "purchase_day": days, "kind": "sale"})
    >>> _registered = engine.register("transactions", log.assign(amount=[5.0, 5.0, 20.0]))
    >>> row = summarise_purchases(engine, as_of="2024-01-31").loc["a"]
    >>> names = ["purchases", "days_since_last", "days_first_to_last", "days_observed", "spend_total"]
    >>> row[names].astype(int).to_list()
    [2, 20, 10, 30, 30]
    """
    end = _day(as_of)
    select = """
        select customer_id, purchases, first_day, last_day, spend_total, spend_purchases, spend_repeat
        from core order by customer_id"""
    sums = engine.execute(sql.query(sql.core(end), select)).df()
    if sums.empty:
        _require_transactions(engine, end)
    customers = _with_days_and_means(sums.set_index("customer_id"), end)
    return customers.drop(columns=["spend_purchases", "spend_repeat"])


def summarise_customers(engine: Engine, *, as_of) -> pd.DataFrame:
    """All features of each customer and prospect at the end of `as_of`: the table `customer_features`.

    Beside the columns of `summarise_purchases`: orders, breadth, days between purchases, channel mix,
    discount, returns and margin, as far as the transactions have the columns (`list_unavailable` names the
    others); spend and purchases of the last 30, 90, 180 and 365 days; the trend; then the attributes of the
    input table `customers`. Its prospects have 0 purchases; who signed up after `as_of` is left out.

    `spend_trend` compares the last 90 days with the 90 before, for customers observed for at least 180.
    `margin_total` covers the lines whose cost is known; `cost_known_share` is their share of the sales.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`, and `customers` where there is one.
    as_of
        Last day observed, inclusive.

    Returns
    -------
    One row per customer and prospect, indexed and ordered by `customer_id`.

    Raises
    ------
    DataError
        If there is no transaction on or before `as_of`.
    """
    end = _day(as_of)
    _require_transactions(engine, end)
    columns, attributes = columns_of(engine, "transactions"), columns_of(engine, "customers")
    parts = sql.core(end, sql.line_sums(columns, end), sql.WINDOWS) | sql.gaps()
    for name, column in BREADTH.items():
        if column in columns:
            parts |= sql.breadth(name, column, end)
    for column in ("channel", "region"):
        if column in columns and not (column == "region" and "region" in attributes):
            parts |= sql.mix(column, end)
    parts |= sql.everyone(attributes, end)
    if attributes:
        ours = {column for part in parts.values() if isinstance(part, sql.Part) for column in part.columns}
        ours |= set(RESULTS["customer_features"].columns) - {"customer_id"}
        parts |= sql.attribute_columns(attributes, ours)
    sums = engine.execute(sql.join_all(parts)).df()
    return _with_ratios(_with_days_and_means(sums.set_index("customer_id"), end))


def spend_between(engine: Engine, *, after, until) -> pd.DataFrame:
    """Spend and purchases of each customer in (after, until], indexed by `customer_id`.

    `spend` is the net amount of all lines of those days, returns included, so that `spend_total` as of
    `until` is `spend_total` as of `after` plus `spend`; `purchases` counts the purchase days of the interval.
    Customers with neither have no row.
    """
    start, end = _day(after), _day(until)
    recent = f"case when day > {sql.date(start)} then {sql.money('amount')} else 0 end"
    select = f"""
        select customer_id, sum(recent) as spend,
            count(case when is_purchase = 1 and purchase_day > {sql.date(start)} then 1 end) as purchases
        from daily group by customer_id order by customer_id"""
    sums = engine.execute(sql.query(sql.daily(end, {"recent": recent}), select)).df().set_index("customer_id")
    return sums[(sums["spend"] != 0) | (sums["purchases"] > 0)]


def purchase_gaps(engine: Engine, *, as_of) -> pd.DataFrame:
    """Days between consecutive purchases up to `as_of`, equal histories counted together, without ids.

    Returns
    -------
    One row per distinct (`gaps_of_customer`, `days_of_customer`, `gap_days`): the number of gaps of a
    customer, their sum in days, and the length of one of them in days; `gaps` is the number of such gaps,
    `first_gaps` the number of those that are a customer's first.
    """
    parts = sql.daily(_day(as_of)) | sql.gaps()
    parts["per_customer"] = """
        select customer_id, count(*) as gaps_of_customer, sum(gap) as days_of_customer
        from gap_days group by customer_id"""
    select = """
        select gaps_of_customer, days_of_customer, gap as gap_days, count(*) as gaps,
            count(case when earliest = 1 then 1 end) as first_gaps
        from gap_days join per_customer on per_customer.customer_id = gap_days.customer_id
        group by gaps_of_customer, days_of_customer, gap
        order by gaps_of_customer, days_of_customer, gap"""
    return engine.execute(sql.query(parts, select)).df().astype("int64")


def list_purchase_days(engine: Engine, *, as_of) -> pd.DataFrame:
    """Every purchase day up to `as_of`: `customer_id`, `day`, ordered by both."""
    select = """
        select customer_id, purchase_day as day from daily where is_purchase = 1
        order by customer_id, purchase_day"""
    days = engine.execute(sql.query(sql.daily(_day(as_of)), select)).df()
    return days.assign(day=pd.to_datetime(days["day"]))


def list_sales(engine: Engine, *, as_of) -> pd.DataFrame:
    """Every line of a sale up to `as_of`: `customer_id`, `day`, and `category` where transactions have it."""
    category = ", category" if "category" in columns_of(engine, "transactions") else ""
    select = f"""
        select customer_id, day{category} from transactions
        where kind = 'sale' and day <= {sql.date(_day(as_of))} order by customer_id, day{category}"""
    lines = engine.execute(select).df()
    return lines.assign(day=pd.to_datetime(lines["day"]))


def list_unavailable(engine: Engine) -> pd.DataFrame:
    """Features that these data cannot fill: `unavailable`, and the `missing_table` or `missing_column`.

    One row per feature, named as in `customer_features`; "attributes" and "prospects" where there is no input
    table `customers`. `missing_column` is one of `transactions`, empty where the whole table is missing.
    """
    columns = columns_of(engine, "transactions")
    rows = [
        (feature, "transactions", column)
        for column, features in DEPENDENT.items()
        if column not in columns
        for feature in features
    ]
    if not has(engine, "customers"):
        rows += [(feature, "customers", "") for feature in ("attributes", "prospects")]
    return pd.DataFrame(rows, columns=["unavailable", "missing_table", "missing_column"], dtype="str")


def _with_days_and_means(sums: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """The sums with days up to `end` and means per purchase day."""
    purchases = sums["purchases"].astype("int64")
    first, last = (pd.to_datetime(sums[name]) for name in ("first_day", "last_day"))
    return sums.assign(
        purchases=purchases,
        days_since_last=(end - last).dt.days.astype("float64"),
        days_first_to_last=(last - first).dt.days.astype("float64"),
        days_observed=(end - first).dt.days.astype("float64"),
        spend_mean=_divide(sums["spend_purchases"], purchases),
        spend_mean_repeat=_divide(sums["spend_repeat"], purchases - 1),
        first_day=first,
        last_day=last,
    )


def _with_ratios(sums: pd.DataFrame) -> pd.DataFrame:
    """The columns of `customer_features` in the order of the schema, then the attributes."""
    gaps, sold = sums["purchases"] - 1, sums["sold"]
    squares = gaps * sums["gap_squares"] - sums["gap_sum"] ** 2  # exact, in whole numbers
    recent, earlier = sums["spend_90d"].clip(lower=0), sums["spend_earlier"].clip(lower=0)
    ratios = {
        "gap_mean_days": _divide(sums["gap_sum"], gaps),
        "gap_spread_days": np.sqrt(_divide(squares, gaps * (gaps - 1))),
        "gap_last_days": sums["gap_last"].astype("float64"),
        "returns_share": _divide(sums["returned"], sold).clip(upper=1),
        "spend_trend": _divide(recent - earlier, recent + earlier).where(sums["days_observed"] >= 180),
    }
    if "discounted" in sums:
        ratios["discount_share"] = _divide(sums["discounted"], sold + sums["discounted"])
    if "costed" in sums:
        ratios["cost_known_share"] = _divide(sums["costed"], sold).clip(0, 1)
    for column in ("channel", "region"):
        if f"{column}_main" in sums:
            ratios[f"{column}_main_share"] = _divide(sums[f"{column}_main_sold"], sums[f"{column}_sold"])
    ratios["gap_variation"] = _divide(ratios["gap_spread_days"], ratios["gap_mean_days"])
    customers = sums.assign(**ratios)
    ours = [column for column in RESULTS["customer_features"].columns if column in customers]
    attributes = [column for column in sums if column not in ours and column not in INTERMEDIATE]
    return customers[ours + attributes]


def _divide(part: pd.Series, whole: pd.Series) -> pd.Series:
    """The quotient; missing where `whole` is not positive."""
    return part.astype("float64") / whole.where(whole > 0)


def _day(day) -> pd.Timestamp:
    return pd.Timestamp(day).normalize()


def _require_transactions(engine: Engine, end: pd.Timestamp) -> None:
    """Raise DataError where there is no transaction on or before `end`."""
    earliest = engine.execute("select min(day) from transactions").fetchone()[0]
    if earliest is None:
        raise DataError(_("transactions: there are none."))
    if pd.Timestamp(earliest) > end:
        message = _(
            "transactions: none on or before as_of={as_of}; the earliest is {earliest}. Pass a later as_of."
        )
        days = {"as_of": end, "earliest": pd.Timestamp(earliest)}
        raise DataError(message.format(**{name: f"{day:%Y-%m-%d}" for name, day in days.items()}))
