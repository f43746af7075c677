"""The SQL from transactions to customers, as named parts of one `with` query.

Plain SQL that DuckDB, PostgreSQL and Spark share: `case`, two aggregates, left joins, `lag`, dates compared
and subtracted. Money is added up as decimals and days as integers, so that neither row order nor the number
of threads can change a result.

A purchase is a customer's purchase day that holds: it has a sale, and its returns known by then left
something of it. A day given away for nothing (amount 0, no return) holds, as in the published CDNOW counts.
"""

from dataclasses import dataclass, field

import pandas as pd

WINDOWS = (30, 90, 180, 365)  # days
DAY = 10**15  # what a day weighs in `first_packed`; the spends of two days differ by less
UNKNOWN = {"margin_total"}  # sums that stay empty where nothing is known


@dataclass(frozen=True)
class Part:
    """One row per customer: a query, and its columns with what a prospect gets in each."""

    sql: str
    columns: dict[str, str] = field(default_factory=dict)


def money(expression: str) -> str:
    """The expression as an exact decimal."""
    return f"cast({expression} as decimal(18, 4))"


def date(day: pd.Timestamp) -> str:
    """A day as an SQL literal."""
    return f"date '{day:%Y-%m-%d}'"


def weight(day: str) -> str:
    """The number of a day times `DAY`, as an exact decimal."""
    return f"cast(cast({day} - date '1970-01-01' as bigint) as decimal(38, 4)) * {DAY}"


def daily(until: pd.Timestamp, sums: dict[str, str] | None = None) -> dict[str, str]:
    """Lines up to `until`, added up per customer and purchase day; `holds` marks the purchases."""
    extra = "".join(f", sum({expression}) as {name}" for name, expression in (sums or {}).items())
    return {
        "summed": f"""
            select customer_id, cast(purchase_day as date) as purchase_day,
                {money(f"sum({money('amount')})")} as net,
                count(case when kind = 'return' then 1 end) as returns{extra}
            from transactions where day <= {date(until)}
            group by customer_id, cast(purchase_day as date)""",
        "daily": """
            select *,
                case when purchase_day is not null and (net > 0 or returns = 0) then 1 else 0 end as holds
            from summed""",
    }


def core(until: pd.Timestamp, sums: dict[str, str] | None = None, windows: tuple[int, ...] = ()) -> dict:
    """Purchases, first and last day, and spend of each customer; with `sums` and purchases in `windows`.

    The spend of the first day comes out of the same pass: the least weight of a day plus its spend is that of
    the first day, and less the weight it is the spend. Reading the lines a second time costs a fifth more.
    """
    counts = {
        f"purchases_{n}d": "count(case when holds = 1 and purchase_day > "
        f"{date(until - pd.Timedelta(days=n))} then 1 end)"
        for n in windows
    }
    extra = "".join(f", sum({name}) as {name}" for name in sums or {})
    extra += "".join(f", {count} as {name}" for name, count in counts.items())
    names = ("purchases", "spend_total", "spend_purchases", "spend_repeat", *(sums or {}), *counts)
    columns = dict.fromkeys(names, "0") | dict.fromkeys(
        ("first_day", "last_day", *UNKNOWN & {*names}), "null"
    )
    return daily(until, sums) | {
        "totals": f"""
            select customer_id, count(case when holds = 1 then 1 end) as purchases,
                min(case when holds = 1 then purchase_day end) as first_day,
                max(case when holds = 1 then purchase_day end) as last_day,
                sum(net) as spend_total,
                sum(case when holds = 1 then net else 0 end) as spend_purchases,
                min(case when holds = 1 then {weight("purchase_day")} + net end) as first_packed{extra}
            from daily group by customer_id""",
        "core": Part(
            f"""
            select *, spend_purchases - coalesce(first_packed - {weight("first_day")}, 0) as spend_repeat
            from totals""",
            columns,
        ),
    }


def line_sums(columns: set[str], until: pd.Timestamp) -> dict[str, str]:
    """What is added up over the lines beside their amount."""
    amount, sale = money("amount"), "case when kind = 'sale' then {} else 0 end"
    sums = {
        f"spend_{n}d": f"case when day > {date(until - pd.Timedelta(days=n))} then {amount} else 0 end"
        for n in WINDOWS
    }
    sums["spend_earlier"] = (
        f"case when day > {date(until - pd.Timedelta(days=180))} and "
        f"day <= {date(until - pd.Timedelta(days=90))} then {amount} else 0 end"
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
    """Days between a customer's neighbouring purchases, and their sums per customer."""
    return {
        "steps": """
            select customer_id, purchase_day,
                lag(purchase_day) over (partition by customer_id order by purchase_day) as before,
                lag(purchase_day, 2) over (partition by customer_id order by purchase_day) as before_that,
                lead(purchase_day) over (partition by customer_id order by purchase_day) as later
            from daily where holds = 1""",
        "gap_days": """
            select customer_id, cast(purchase_day - before as bigint) as gap,
                case when later is null then 1 else 0 end as latest,
                case when before_that is null then 1 else 0 end as earliest
            from steps where before is not null""",
        "gaps": Part(
            """
            select customer_id, sum(gap) as gap_sum, sum(gap * gap) as gap_squares,
                max(case when latest = 1 then gap end) as gap_last
            from gap_days group by customer_id""",
            dict.fromkeys(("gap_sum", "gap_squares", "gap_last"), "null"),
        ),
    }


def breadth(name: str, column: str, until: pd.Timestamp) -> dict:
    """How many different values of a transactions column a customer's sales have."""
    return {
        name: Part(
            f"""
            select customer_id, count(*) as {name} from (
                select distinct customer_id, {column} from transactions
                where day <= {date(until)} and kind = 'sale' and {column} is not null) as different
            group by customer_id""",
            {name: "0"},
        )
    }


def mix(column: str, until: pd.Timestamp) -> dict:
    """The value of a transactions column that most of a customer's sales have, and how many values."""
    return {
        f"{column}_sales": f"""
            select customer_id, {column} as used, sum({money("amount")}) as sold
            from transactions where day <= {date(until)} and kind = 'sale' and {column} is not null
            group by customer_id, {column}""",
        f"{column}_ranked": f"""
            select *, row_number() over (partition by customer_id order by sold desc, used) as place
            from {column}_sales""",
        f"{column}_mix": Part(
            f"""
            select customer_id, count(*) as {column}s,
                max(case when place = 1 then used end) as {column}_main,
                max(case when place = 1 then sold end) as {column}_main_sold, sum(sold) as {column}_sold
            from {column}_ranked group by customer_id""",
            {f"{column}s": "0"}
            | dict.fromkeys((f"{column}_main", f"{column}_main_sold", f"{column}_sold"), "null"),
        ),
    }


def known(given: set[str], until: pd.Timestamp) -> dict[str, str]:
    """Every id known by `until`: who bought, and who is listed and had not signed up later."""
    signed_up = f" where signup is null or signup <= {date(until)}" if "signup" in given else ""
    listed = f" union select customer_id from customers{signed_up}" if given else ""
    return {"everyone": f"select customer_id from core{listed}"}


def attributes(given: set[str], taken: set[str]) -> dict:
    """What the input table `customers` says, under another name where ours is taken."""
    names = {a: f"{a}_given" if a in taken else a for a in sorted(given - {"customer_id"})}
    listed = "".join(f', "{a}" as "{name}"' for a, name in names.items())
    return {
        "given": Part(f"select customer_id{listed} from customers", dict.fromkeys(names.values(), "null"))
    }


def query(parts: dict[str, str | Part], wanted: str) -> str:
    """One `with` query over the parts."""
    texts = {name: part.sql if isinstance(part, Part) else part for name, part in parts.items()}
    return "with " + ",\n".join(f"{name} as ({text})" for name, text in texts.items()) + f"\n{wanted}"


def join_all(parts: dict[str, str | Part]) -> str:
    """Everyone, with the columns of each `Part`, ordered by id."""
    per_customer = {name: part for name, part in parts.items() if isinstance(part, Part)}
    columns = [
        f'coalesce({name}."{column}", {default}) as "{column}"' if default != "null" else f'{name}."{column}"'
        for name, part in per_customer.items()
        for column, default in part.columns.items()
    ]
    joins = "".join(
        f"\nleft join {name} on {name}.customer_id = everyone.customer_id" for name in per_customer
    )
    wanted = f"select everyone.customer_id, {', '.join(columns)} from everyone{joins}"
    return query(parts, f"{wanted}\norder by everyone.customer_id")
