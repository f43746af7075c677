"""Transactions -> first days: what was known of each customer at the end of the first purchase day."""

from collections.abc import Collection

import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.schema.engine import Engine, columns_of, has

DISTINCT = {"first_products": "product_id", "first_categories": "category"}
MOST_SOLD = ("channel", "region")
SET_BY_US = ("owner", "credit_rating")  # undated, and changed after the first day


def summarise_first_days(engine: Engine, *, as_of, days: int) -> pd.DataFrame:
    """Each customer's first purchase day as known that evening, and the spend of the `days` after it.

    A first day has a sale, and what was returned that very day left something of it.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed, inclusive. Nothing dated later counts.
    days
        How many days after the first one are added up.

    Returns
    -------
    One row per buyer, indexed and ordered by `customer_id`:

    - `first_day`
    - `first_amount` (currency, of the lines of that day), `first_lines` (sales), `first_products`,
      `first_categories`, `first_discount_share`, `first_channel` and `first_region` (those with most sales
      that day), each where transactions have the column for it; `first_weekday` (1 is Monday)
    - `spend_after` (currency): all lines of the `days` after the first day, as far as they are over
    - `again_after_days` (days): to the second day with a purchase; empty if there was none by `as_of`
    - `is_kept` (flag): not everything of the first day was returned by `as_of`

    Examples
    --------
    >>> import duckdb
    >>> engine = duckdb.connect()
    >>> when = pd.to_datetime(["2024-01-01", "2024-01-11", "2024-03-01"]).date
    >>> log = pd.DataFrame({"customer_id": "a", "day": when, "purchase_day": when, "kind": "sale"})
    >>> _registered = engine.register("transactions", log.assign(amount=[5.0, 20.0, 40.0]))
    >>> row = summarise_first_days(engine, as_of="2024-03-31", days=30).loc["a"]
    >>> row[["first_amount", "spend_after", "again_after_days"]].astype(int).to_list()
    [5, 20, 10]
    """
    end = pd.Timestamp(as_of).normalize()
    columns = columns_of(engine, "transactions")
    parts = find_first(end) | {"facts": _facts(columns), "later": _later(end, days)}
    wanted = "select first.customer_id, first_day, first_amount, first_lines, facts.*, later.*"
    joins = """
        from first
        join facts on facts.customer_id = first.customer_id
        join later on later.customer_id = first.customer_id"""
    for name in [column for column in MOST_SOLD if column in columns]:
        parts |= _most_sold(name)
        wanted += f", first_{name}"
        joins += f" left join {name}_first on {name}_first.customer_id = first.customer_id"
    rows = engine.execute(sql.query(parts, f"{wanted}{joins} order by first.customer_id")).df()
    rows = rows.loc[:, ~rows.columns.str.match(r"customer_id_\d+$")].set_index("customer_id")
    first_day = pd.to_datetime(rows["first_day"])
    numbers = rows.drop(columns=["first_day", "is_kept"]).select_dtypes("number").astype("float64")
    weekday = first_day.dt.day_of_week.add(1).astype(str)
    return rows.assign(**numbers, first_day=first_day, is_kept=rows["is_kept"] == 1, first_weekday=weekday)


def read_profile(engine: Engine, *, as_of, protected: Collection[str] = ()) -> pd.DataFrame:
    """The attributes of the input table `customers`, as text, of each customer and prospect.

    Dates, ids, protected attributes and what the company sets itself (`SET_BY_US`) are not even read. The
    attributes are undated: they are taken to have held on the first day already.

    Parameters
    ----------
    engine
        Holds the clean table `customers`, where there is one.
    as_of
        Who signed up later is not known yet.
    protected
        Columns that must not count, in any case of letters (the policy's `fairness.protected`).

    Returns
    -------
    One row per customer or prospect, indexed by `customer_id`; empty where there is no table `customers`.
    """
    if not has(engine, "customers"):
        return pd.DataFrame(index=pd.Index([], name="customer_id", dtype="str"))
    kinds = engine.execute("select * from customers limit 0").df().dtypes
    barred = {name.lower() for name in (*protected, *SET_BY_US, "customer_id")}
    undated = [name for name, kind in kinds.items() if not pd.api.types.is_datetime64_any_dtype(kind)]
    wanted = [name for name in undated if name.lower() not in barred]
    as_text = [f'"{name}" || \'\' as "{name}"' for name in wanted]  # Spark has no `varchar` without a length
    day = sql.date(pd.Timestamp(as_of).normalize())
    signed_up = f" where signup is null or signup <= {day}" if "signup" in kinds else ""
    columns = ", ".join(["customer_id", *as_text])
    attributes = f"select {columns} from customers{signed_up} order by customer_id"
    return engine.execute(attributes).df().set_index("customer_id")


def read_signups(engine: Engine, *, as_of) -> pd.DataFrame:
    """When customers and prospects signed up and first bought: `signup`, `first_day` (empty: not by `as_of`).

    Indexed and ordered by `customer_id`; no rows where customers have no column `signup`.
    """
    if "signup" not in columns_of(engine, "customers"):
        days = pd.DataFrame({"signup": pd.to_datetime([]), "first_day": pd.to_datetime([])})
        return days.set_index(pd.Index([], name="customer_id", dtype="str"))
    end = pd.Timestamp(as_of).normalize()
    select = f"""
        select customers.customer_id, cast(signup as date) as signup, first_day
        from customers left join first on first.customer_id = customers.customer_id
        where signup is not null and signup <= {sql.date(end)}
        order by customers.customer_id"""
    rows = engine.execute(sql.query(find_first(end), select)).df().set_index("customer_id")
    return rows.apply(pd.to_datetime)


def find_first(end: pd.Timestamp) -> dict[str, str]:
    """The first day of each customer that was a purchase as known that evening, and the day of the next."""
    return {
        "evenings": f"""
            select
                customer_id,
                day,
                {sql.money(f"sum({sql.money('amount')})")} as net,
                count(case when kind = 'sale' then 1 end) as sales,
                count(case when kind = 'return' then 1 end) as returns
            from transactions
            where day <= {sql.date(end)} and cast(purchase_day as date) = day
            group by customer_id, day""",
        "bought": """
            select
                *,
                row_number() over (partition by customer_id order by day) as place,
                lead(day) over (partition by customer_id order by day) as next_day
            from evenings
            where sales > 0 and (net > 0 or returns = 0)""",
        "first": """
            select customer_id, day as first_day, next_day, net as first_amount, sales as first_lines
            from bought
            where place = 1""",
        "first_sales": """
            select transactions.*
            from transactions
            join first on first.customer_id = transactions.customer_id and first_day = day
            where kind = 'sale'""",
    }


def _facts(columns: set[str]) -> str:
    """How broad the first day was, and which share of the list price was taken off."""
    facts = [f"count(distinct {column}) as {name}" for name, column in DISTINCT.items() if column in columns]
    if "discount" in columns:
        discount, sold = (f"sum({sql.money(name)})" for name in ("discount", "amount"))
        facts.append(f"{discount} / nullif({discount} + {sold}, 0) as first_discount_share")
    return f"select {', '.join(['customer_id', *facts])} from first_sales group by customer_id"


def _later(end: pd.Timestamp, days: int) -> str:
    """Spend of the days after the first, days to the second purchase, and whether the first was kept."""
    after = f"day > first_day and {sql.days_between('first_day', 'day')} <= {int(days)}"
    of_first = "cast(purchase_day as date) = first_day"
    return f"""
        select
            transactions.customer_id,
            sum(case when {after} then {sql.money("amount")} else 0 end) as spend_after,
            max({sql.days_between("first_day", "next_day")}) as again_after_days,
            case
                when sum(case when {of_first} then {sql.money("amount")} else 0 end) > 0 then 1
                when count(case when {of_first} and kind = 'return' then 1 end) = 0 then 1
                else 0
            end as is_kept
        from transactions
        join first on first.customer_id = transactions.customer_id
        where day <= {sql.date(end)}
        group by transactions.customer_id"""


def _most_sold(column: str) -> dict[str, str]:
    """The value of a column that most of the first day's sales have."""
    return {
        f"{column}_sold": f"""
            select customer_id, {column} as used, sum({sql.money("amount")}) as sold
            from first_sales
            where {column} is not null
            group by customer_id, {column}""",
        f"{column}_place": f"""
            select *, row_number() over (partition by customer_id order by sold desc, used) as place
            from {column}_sold""",
        f"{column}_first": f"select customer_id, used as first_{column} from {column}_place where place = 1",
    }
