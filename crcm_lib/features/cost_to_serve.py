"""Transactions and what serving costs -> what remains of each customer's gross sales, step by step."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features.customer_sql import Part, date, days_between, join_all, money, query
from crcm_lib.i18n import _
from crcm_lib.schema.engine import Engine, columns_of

MIN_KNOWN_SHARE = 0.5  # share of the sales whose cost must be known before contribution is computed
SERVING = {"tickets": "opened", "contacts": "time", "assignments": "start"}  # tables that may have a `cost`
STEPS = ("discounts", "returns", "sales_of_unknown_cost", "cost_of_goods", "cost_to_serve", "late_payment")
COSTS = STEPS[2:]


@dataclass(frozen=True)
class UnavailablePart:
    """A part of the waterfall that the data cannot give.

    Attributes
    ----------
    part
        `discounts`, `contribution` (all after `spend_total`), `cost_to_serve` or `late_payment`.
    reason
        `no_table`, `no_column` or `cost_rarely_known`.
    tables
        The input tables that would hold it.
    column
        The column that would hold it; empty where the table is missing.
    known_share
        Share of the sales whose cost is known (0…1), where that is the reason.
    """

    part: str
    reason: str
    tables: tuple[str, ...]
    column: str = ""
    known_share: float = 0.0


@dataclass(frozen=True)
class ContributionWaterfall:
    """Gross sales of each customer, what each step takes off, and the contribution that remains.

    Attributes
    ----------
    rows
        Indexed by `customer_id`, in currency: `gross_sales` (before discounts and returns), then the known
        steps of `STEPS`, each a positive number that is taken off; `spend_total` is left after discounts and
        returns, `contribution` after all steps. Without known cost, everything after `spend_total` is absent.
        `contribution` is empty for customers the cost of most of whose sales is unknown.
    unavailable
        The parts that the data cannot give.
    """

    rows: pd.DataFrame
    unavailable: tuple[UnavailablePart, ...]

    @property
    def known(self) -> bool:
        """True where cost is known, so that there is a contribution."""
        return "contribution" in self.rows

    @property
    def steps(self) -> list[str]:
        """The known steps, in order."""
        return [step for step in STEPS if step in self.rows]


def contribution_waterfall(engine: Engine, *, as_of, annual_interest_rate: float) -> ContributionWaterfall:
    """Each customer's money from gross sales to contribution, as known at the end of `as_of`.

    gross sales − discounts − returns = `spend_total` of the table `customer_features`; − sales of unknown
    cost (so that nothing is earned where nothing is known) − cost of goods − cost to serve − cost of late
    payment = contribution.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`, with `cost` and `discount` where known; cost to serve is the
        `cost` of `tickets`, `contacts` and, for those treated, `assignments`; late payment is computed from
        `invoices`.
    as_of
        Last day known, inclusive. An invoice paid later is still open.
    annual_interest_rate
        What money outstanding costs, 0.1 = 10 % a year: an invoice costs amount × days late × rate / 365.

    Raises
    ------
    DataError
        If there is no transaction on or before `as_of`.
    """
    day = date(pd.Timestamp(as_of).normalize())
    parts, steps, unavailable = _sales(engine, day)
    if missing := _find_missing_cost(engine, day):
        unavailable.append(missing)
    else:
        steps += ["sales_of_unknown_cost", "cost_of_goods"]
        for part, missing in (_serving(engine, day), _late(engine, day, annual_interest_rate)):
            parts |= part
            unavailable += missing
            steps += [column for one in part.values() for column in one.columns]
    rows = engine.execute(_join_steps(parts, steps)).df().set_index("customer_id")
    if rows.empty:
        raise DataError(_("transactions: none on or before as_of={day}.").format(day=day[6:-1]))
    if "contribution" in rows:
        unknown = (rows["sold"] > 0) & (rows["costed"] < MIN_KNOWN_SHARE * rows["sold"])
        rows["contribution"] = rows["contribution"].mask(unknown)
    return ContributionWaterfall(rows.drop(columns=["sold", "costed"], errors="ignore"), tuple(unavailable))


def _sales(engine: Engine, day: str) -> tuple[dict[str, Part], list[str], list[UnavailablePart]]:
    """The sums over the lines, the steps that they give, and the parts that they cannot give."""
    given = columns_of(engine, "transactions")
    sale, amount = "case when kind = 'return' then 0 else {} end", money("amount")
    discount = f"coalesce({money('discount')}, 0)" if "discount" in given else "0"
    sums = {
        "gross_sales": sale.format(f"{amount} + {discount}"),
        "returns": f"case when kind = 'return' then -{amount} else 0 end",
        "spend_total": amount,
    }
    if "discount" in given:
        sums["discounts"] = sale.format(discount)
    if "cost" in given:
        sums["sales_of_unknown_cost"] = f"case when cost is null then {amount} else 0 end"
        sums["cost_of_goods"] = f"coalesce({money('cost')}, 0)"
        sums["sold"] = sale.format(amount)
        sums["costed"] = sale.format(f"case when cost is null then 0 else {amount} end")
    added = ", ".join(f"sum({expression}) as {name}" for name, expression in sums.items())
    lines = f"""
        select customer_id, {added}
        from transactions where day <= {day} group by customer_id"""
    steps = [step for step in ("discounts", "returns") if step in sums]
    absent = UnavailablePart("discounts", "no_column", ("transactions",), "discount")
    return (
        {"sales_part": Part(lines, dict.fromkeys(sums, "0"))},
        steps,
        [] if "discount" in given else [absent],
    )


def _find_missing_cost(engine: Engine, day: str) -> UnavailablePart | None:
    """Why there is no contribution; None where the cost of enough of all sales is known."""
    if "cost" not in columns_of(engine, "transactions"):
        return UnavailablePart("contribution", "no_column", ("transactions",), "cost")
    amount = money("amount")
    sums = f"""
        select sum({amount}) as sold, sum(case when cost is not null then {amount} end) as costed
        from transactions where day <= {day} and kind <> 'return'"""
    sold, costed = engine.execute(sums).fetchone() or (0, 0)
    share = float(costed or 0) / float(sold) if sold else 0.0
    if share >= MIN_KNOWN_SHARE:
        return None
    return UnavailablePart("contribution", "cost_rarely_known", ("transactions",), "cost", share)


def _serving(engine: Engine, day: str) -> tuple[dict[str, Part], list[UnavailablePart]]:
    """The cost of tickets, contacts and actions, from the tables that state it."""
    priced = {table: when for table, when in SERVING.items() if "cost" in columns_of(engine, table)}
    others = tuple(table for table in SERVING if table not in priced)
    absent = [UnavailablePart("cost_to_serve", "no_column", others, "cost")] if others else []
    if not priced:
        return {}, absent
    each = " union all ".join(
        f"select customer_id, {money('cost')} as cost from {table} where cast({when} as date) <= {day}"
        + (" and arm = 'treatment'" if table == "assignments" else "")
        for table, when in priced.items()
    )
    sums = f"""
        select customer_id, coalesce(sum(cost), 0) as cost_to_serve
        from ({each}) as each_time group by customer_id"""
    return {"cost_to_serve_part": Part(sums, {"cost_to_serve": "0"})}, absent


def _late(engine: Engine, day: str, rate: float) -> tuple[dict[str, Part], list[UnavailablePart]]:
    """The cost of late payment: simple interest on what was invoiced, from the day on which it was due."""
    given = columns_of(engine, "invoices")
    if not given:
        return {}, [UnavailablePart("late_payment", "no_table", ("invoices",))]
    if "paid" not in given:
        return {}, [UnavailablePart("late_payment", "no_column", ("invoices",), "paid")]
    paid = f"least(coalesce(cast(paid as date), {day}), {day})"
    days = days_between("cast(due as date)", paid)
    interest = f"""
        select customer_id, sum({money(f"amount * {days} * {float(rate)!r} / 365")}) as late_payment
        from invoices
        where cast(issued as date) <= {day} and cast(due as date) < {day} and amount > 0 and {days} > 0
        group by customer_id"""
    return {"late_payment_part": Part(interest, {"late_payment": "0"})}, []


def _join_steps(parts: dict[str, Part], steps: list[str]) -> str:
    """Everyone known by then, with gross sales, the steps, and what is left after them."""
    everyone = " union ".join(f"select customer_id from {name}" for name in parts)
    before, after = ([s for s in steps if (s in COSTS) == late] for late in (False, True))
    columns = ["customer_id", "gross_sales", *before, "spend_total", *after]
    if after:
        columns += [f"spend_total - {' - '.join(map(money, after))} as contribution", "sold", "costed"]
    joined = {"joined": join_all({**parts, "everyone": everyone})}
    return query(joined, f"select {', '.join(columns)} from joined order by customer_id")
