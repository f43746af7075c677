"""The SQL from transactions to customers, as named parts of one `with` query.

Plain SQL that DuckDB, PostgreSQL and Spark share: `case`, two aggregates, left joins, `lag`, dates compared
and subtracted. Money is added up as decimals and days as integers, so that neither row order nor the number
of threads can change a result.

A purchase is a day on which a customer bought something that was not returned in full by the last day
observed. A day with a sale of amount 0 and no return is a purchase, as in the published CDNOW counts.
"""

from dataclasses import dataclass, field

import pandas as pd

WINDOWS = (30, 90, 180, 365)  # days
SPEND_DAY = (
    "cast(coalesce(purchase_day, day) as date)"  # of a matched return: the sale's, which it takes back
)
DAY_FACTOR = 10**15  # larger than the difference between the spends of any two days
NULL_SUMS = {"margin_total"}  # sums of which a prospect has none, not zero


@dataclass(frozen=True)
class Part:
    """A query with one row per customer."""

    sql: str
    columns: dict[str, str] = field(default_factory=dict)  # name -> SQL default where a customer has no row


def money(expression: str) -> str:
    """The expression as an exact decimal."""
    return f"cast({expression} as decimal(18, 4))"


def date(day: pd.Timestamp) -> str:
    """A day as an SQL literal."""
    return f"date '{day:%Y-%m-%d}'"


def days_between(earlier: str, later: str) -> str:
    """The days from one date to a later one, as a whole number.

    A difference of dates is a number in PostgreSQL and DuckDB and an interval in Spark; all three cast it.
    """
    return f"cast({later} - {earlier} as bigint)"


def pack_day(day: str) -> str:
    """The days since 1970 times `DAY_FACTOR`, as an exact decimal.

    The least of pack_day(day) + net over a customer's purchase days is that of the first day, so that its net
    comes out of the same pass: a portable min_by(net, day), which PostgreSQL lacks. In DuckDB min_by is no
    faster, and a join back to the first day takes a tenth longer (6 million lines: 0.89, 0.92 and 0.97 s).
    """
    days = days_between("date '1970-01-01'", day)
    return f"cast({days} as decimal(38, 4)) * {DAY_FACTOR}"


def daily(end: pd.Timestamp, sums: dict[str, str] | None = None) -> dict[str, str]:
    """Lines up to the day `end`, added up per customer and purchase day; `is_purchase` is 1 or 0."""
    extra = "".join(f", sum({expression}) as {name}" for name, expression in (sums or {}).items())
    return {
        "summed": f"""
            select customer_id, cast(purchase_day as date) as purchase_day,
                {money(f"sum({money('amount')})")} as net,
                count(case when kind = 'return' then 1 end) as returns{extra}
            from transactions where day <= {date(end)}
            group by customer_id, cast(purchase_day as date)""",
        "daily": """
            select *,
                case when purchase_day is not null and (net > 0 or returns = 0) then 1 else 0 end
                    as is_purchase
            from summed""",
    }


def core(end: pd.Timestamp, sums: dict[str, str] | None = None, windows: tuple[int, ...] = ()) -> dict:
    """Purchases, first and last day, and spend of each customer up to the day `end`.

    `sums` are further sums over the lines (name -> SQL expression); `windows` are days, and each gives the
    number of purchases in that many last days.
    """
    counts = {
        f"purchases_{n}d": "count(case when is_purchase = 1 and purchase_day > "
        f"{date(end - pd.Timedelta(days=n))} then 1 end)"
        for n in windows
    }
    extra = "".join(f", sum({name}) as {name}" for name in sums or {})
    extra += "".join(f", {count} as {name}" for name, count in counts.items())
    names = ("purchases", "spend_total", "spend_purchases", "spend_repeat", *(sums or {}), *counts)
    columns = dict.fromkeys(names, "0") | dict.fromkeys(
        ("first_day", "last_day", *NULL_SUMS & {*names}), "null"
    )
    return daily(end, sums) | {
        "totals": f"""
            select customer_id, count(case when is_purchase = 1 then 1 end) as purchases,
                min(case when is_purchase = 1 then purchase_day end) as first_day,
                max(case when is_purchase = 1 then purchase_day end) as last_day,
                sum(net) as spend_total,
                sum(case when is_purchase = 1 then net else 0 end) as spend_purchases,
                min(case when is_purchase = 1 then {pack_day("purchase_day")} + net end)
                    as first_packed{extra}
            from daily group by customer_id""",
        "core": Part(
            f"""
            select *, spend_purchases - coalesce(first_packed - {pack_day("first_day")}, 0) as spend_repeat
            from totals""",
            columns,
        ),
    }


def line_sums(columns: set[str], end: pd.Timestamp) -> dict[str, str]:
    """Sums over the lines up to the day `end` beside the amount: name -> SQL expression.

    A window of days holds the sales of its days less what came back of them, as it holds their purchases.
    """
    amount, sale = money("amount"), "case when kind = 'sale' then {} else 0 end"
    sums = {
        f"spend_{n}d": f"case when {SPEND_DAY} > {date(end - pd.Timedelta(days=n))} then {amount} else 0 end"
        for n in WINDOWS
    }
    sums["spend_earlier"] = (
        f"case when {SPEND_DAY} > {date(end - pd.Timedelta(days=180))} and "
        f"{SPEND_DAY} <= {date(end - pd.Timedelta(days=90))} then {amount} else 0 end"
    )
    sums["sold"] = sale.format(amount)
    sums["returned"] = f"case when kind = 'return' then -{amount} else 0 end"
    if "discount" in columns:
        sums["discounted"] = sale.format(f"coalesce({money('discount')}, 0)")
    if "cost" in columns:
        sums["margin_total"] = f"{amount} - {money('cost')}"
        sums["costed"] = f"case when kind = 'sale' and cost is not null then {amount} else 0 end"
    return sums


def gaps() -> dict:
    """Days between consecutive purchases of a customer, and their sums per customer."""
    return {
        "neighbours": """
            select customer_id, purchase_day,
                lag(purchase_day) over (partition by customer_id order by purchase_day) as before,
                lag(purchase_day, 2) over (partition by customer_id order by purchase_day) as before_that,
                lead(purchase_day) over (partition by customer_id order by purchase_day) as later
            from daily where is_purchase = 1""",
        "gap_days": f"""
            select customer_id, {days_between("before", "purchase_day")} as gap,
                case when later is null then 1 else 0 end as latest,
                case when before_that is null then 1 else 0 end as earliest
            from neighbours where before is not null""",
        "gaps": Part(
            """
            select customer_id, sum(gap) as gap_sum, sum(gap * gap) as gap_squares,
                max(case when latest = 1 then gap end) as gap_last
            from gap_days group by customer_id""",
            dict.fromkeys(("gap_sum", "gap_squares", "gap_last"), "null"),
        ),
    }


def breadth(name: str, column: str, end: pd.Timestamp) -> dict:
    """Number of distinct values of a column of `transactions` in each customer's sales."""
    return {
        name: Part(
            f"""
            select customer_id, count(*) as {name} from (
                select distinct customer_id, {column} from transactions
                where day <= {date(end)} and kind = 'sale' and {column} is not null) as different
            group by customer_id""",
            {name: "0"},
        )
    }


def mix(column: str, end: pd.Timestamp) -> dict:
    """The value of a column of `transactions` with most of a customer's sales, and the number of values."""
    return {
        f"{column}_sales": f"""
            select customer_id, {column} as level, sum({money("amount")}) as sold
            from transactions where day <= {date(end)} and kind = 'sale' and {column} is not null
            group by customer_id, {column}""",
        f"{column}_ranked": f"""
            select *, row_number() over (partition by customer_id order by sold desc, level) as place
            from {column}_sales""",
        f"{column}_mix": Part(
            f"""
            select customer_id, count(*) as {column}s,
                max(case when place = 1 then level end) as {column}_main,
                max(case when place = 1 then sold end) as {column}_main_sold, sum(sold) as {column}_sold
            from {column}_ranked group by customer_id""",
            {f"{column}s": "0"}
            | dict.fromkeys((f"{column}_main", f"{column}_main_sold", f"{column}_sold"), "null"),
        ),
    }


def everyone(attributes: set[str], end: pd.Timestamp) -> dict[str, str]:
    """Ids of all customers and prospects on the day `end`; who signed up later is left out.

    `attributes` are the columns of the input table `customers`; none where there is no such table.
    """
    signed_up = f" where signup is null or signup <= {date(end)}" if "signup" in attributes else ""
    listed = f" union select customer_id from customers{signed_up}" if attributes else ""
    return {"everyone": f"select customer_id from core{listed}"}


def attribute_columns(attributes: set[str], taken: set[str]) -> dict:
    """The columns of the input table `customers`; one whose name is `taken` gets the suffix `_given`."""
    names = {a: f"{a}_given" if a in taken else a for a in sorted(attributes - {"customer_id"})}
    listed = "".join(f', "{a}" as "{name}"' for a, name in names.items())
    return {
        "given": Part(f"select customer_id{listed} from customers", dict.fromkeys(names.values(), "null"))
    }


def query(parts: dict[str, str | Part], select: str) -> str:
    """One query: the parts as common table expressions, then `select`."""
    texts = {name: part.sql if isinstance(part, Part) else part for name, part in parts.items()}
    return "with " + ",\n".join(f"{name} as ({text})" for name, text in texts.items()) + f"\n{select}"


def join_all(parts: dict[str, str | Part]) -> str:
    """One query: every id of the part `everyone` with the columns of each `Part`, ordered by id."""
    per_customer = {name: part for name, part in parts.items() if isinstance(part, Part)}
    columns = [
        f'coalesce({name}."{column}", {default}) as "{column}"' if default != "null" else f'{name}."{column}"'
        for name, part in per_customer.items()
        for column, default in part.columns.items()
    ]
    joins = "".join(
        f"\nleft join {name} on {name}.customer_id = everyone.customer_id" for name in per_customer
    )
    select = f"select everyone.customer_id, {', '.join(columns)} from everyone{joins}"
    return query(parts, f"{select}\norder by everyone.customer_id")


def end_of(as_of) -> str:
    """The first moment after the day `as_of`, as SQL."""
    return f"timestamp '{pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1):%Y-%m-%d %H:%M:%S}'"
