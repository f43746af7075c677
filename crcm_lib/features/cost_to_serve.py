"""Transactions and what serving costs -> what remains of each customer's gross sales, step by step."""

from dataclasses import dataclass

import pandas as pd

from crcm_lib.errors import DataError
from crcm_lib.features.customer_sql import Part, date, join_all, money, query
from crcm_lib.i18n import _
from crcm_lib.schema.engine import has

MIN_KNOWN_SHARE = 0.5  # share of the sales whose cost must be known before anything is said of what remains
SERVING = {"tickets": "opened", "contacts": "time", "assignments": "start"}  # tables that may have a `cost`
STEPS = ("discounts", "returns", "sales_of_unknown_cost", "cost_of_goods", "cost_to_serve", "late_payment")
COSTS = STEPS[2:]


@dataclass(frozen=True)
class ContributionWaterfall:
    """What remains of gross sales.

    Attributes
    ----------
    rows
        Indexed by `customer_id`, in currency: `gross_sales` (before discounts and returns), then the steps
        that are known, each a positive number that is taken off; `spend_total` is left after discounts and
        returns, `contribution` after all steps. Without known cost, everything after `spend_total` is absent.
        `contribution` is empty for customers the cost of most of whose sales is unknown.
    absent
        What is not available and why, in words.
    """

    rows: pd.DataFrame
    absent: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Is cost known?"""
        return "contribution" in self.rows

    @property
    def steps(self) -> list[str]:
        """The known steps, in order."""
        return [step for step in STEPS if step in self.rows]


def contribution_waterfall(engine, *, as_of, annual_interest_rate: float) -> ContributionWaterfall:
    """Follow each customer's money from gross sales to what remains, as known at the end of `as_of`.

    gross sales − discounts − returns = `spend_total` of the table `customers`; − sales of unknown cost (so
    that nothing is earned where nothing is known) − cost of goods − cost to serve − cost of late payment.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`, with `cost` and `discount` where known; cost to serve is the
        `cost` of `tickets`, `contacts` and, for those treated, `assignments`; late payment is read off
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
    parts, steps, absent = _sales(engine, day)
    if why := _why_cost_is_unknown(engine, day):
        absent.append(_("not available: what remains after cost ({why})").format(why=why))
    else:
        steps += ["sales_of_unknown_cost", "cost_of_goods"]
        for found, words in (_serving(engine, day), _late(engine, day, annual_interest_rate)):
            parts, absent = parts | found, absent + words
            steps += [column for part in found.values() for column in part.columns]
    rows = engine.execute(_wanted(parts, steps)).df().set_index("customer_id")
    if rows.empty:
        raise DataError(_("transactions: none on or before as_of={day}.").format(day=day[6:-1]))
    if "contribution" in rows:
        unknown = (rows["sold"] > 0) & (rows["costed"] < MIN_KNOWN_SHARE * rows["sold"])
        rows["contribution"] = rows["contribution"].mask(unknown)
    return ContributionWaterfall(rows.drop(columns=["sold", "costed"], errors="ignore"), tuple(absent))


def _columns(engine, table: str) -> set[str]:
    if not has(engine, table):
        return set()
    return {column[0] for column in engine.execute(f"select * from {table} limit 0").description}


def _sales(engine, day: str) -> tuple[dict, list[str], list[str]]:
    """Sums over the lines; the steps they know; what they do not know."""
    given = _columns(engine, "transactions")
    sale, amount = "case when kind = 'return' then 0 else {} end", money("amount")
    off = f"coalesce({money('discount')}, 0)" if "discount" in given else "0"
    sums = {
        "gross_sales": sale.format(f"{amount} + {off}"),
        "returns": f"case when kind = 'return' then -{amount} else 0 end",
        "spend_total": amount,
    }
    absent = [] if "discount" in given else [_("not available: discounts (no `discount` in `transactions`)")]
    if "discount" in given:
        sums["discounts"] = sale.format(off)
    if "cost" in given:
        sums["sales_of_unknown_cost"] = f"case when cost is null then {amount} else 0 end"
        sums["cost_of_goods"] = f"coalesce({money('cost')}, 0)"
        sums["sold"] = sale.format(amount)
        sums["costed"] = sale.format(f"case when cost is null then 0 else {amount} end")
    added = ", ".join(f"sum({expression}) as {name}" for name, expression in sums.items())
    lines = f"select customer_id, {added} from transactions where day <= {day} group by customer_id"
    steps = [step for step in ("discounts", "returns") if step in sums]
    return {"sales_part": Part(lines, dict.fromkeys(sums, "0"))}, steps, absent


def _why_cost_is_unknown(engine, day: str) -> str:
    """Empty where the cost of enough of all sales is known."""
    if "cost" not in _columns(engine, "transactions"):
        return _("no `cost` in `transactions`")
    amount = money("amount")
    sold, costed = engine.execute(
        f"select sum({amount}), sum(case when cost is not null then {amount} end) from transactions "
        f"where day <= {day} and kind <> 'return'"
    ).fetchone()
    share = float(costed or 0) / float(sold) if sold else 0.0
    return (
        "" if share >= MIN_KNOWN_SHARE else _("it is known for {share:.0%} of the sales").format(share=share)
    )


def _serving(engine, day: str) -> tuple[dict, list[str]]:
    """The cost of tickets, contacts and actions, where these tables state it."""
    told = {table: when for table, when in SERVING.items() if "cost" in _columns(engine, table)}
    untold = [f"`{table}`" for table in SERVING if table not in told]
    absent = [_("not available: cost to serve from {tables} (no `cost` there)").format(
        tables=", ".join(untold))] if untold else []  # fmt: skip
    if not told:
        return {}, absent
    each = " union all ".join(
        f"select customer_id, {money('cost')} as cost from {table} where cast({when} as date) <= {day}"
        + (" and arm = 'treatment'" if table == "assignments" else "")
        for table, when in told.items()
    )
    sums = "select customer_id, coalesce(sum(cost), 0) as cost_to_serve"
    served = Part(f"{sums} from ({each}) as each_time group by customer_id", {"cost_to_serve": "0"})
    return {"cost_to_serve_part": served}, absent


def _late(engine, day: str, rate: float) -> tuple[dict, list[str]]:
    """What it costs to wait for money: simple interest on what was invoiced, from the day it was due."""
    given = _columns(engine, "invoices")
    if not given or "paid" not in given:
        lacks = _("no table `invoices`") if not given else _("no `paid` in `invoices`")
        return {}, [_("not available: cost of late payment ({lacks})").format(lacks=lacks)]
    days = f"least(coalesce(cast(paid as date), {day}), {day}) - cast(due as date)"
    waited = f"""
        select customer_id, sum({money(f"amount * ({days}) * {float(rate)!r} / 365")}) as late_payment
        from invoices
        where cast(issued as date) <= {day} and cast(due as date) < {day} and amount > 0 and {days} > 0
        group by customer_id"""
    return {"late_payment_part": Part(waited, {"late_payment": "0"})}, []


def _wanted(parts: dict, steps: list[str]) -> str:
    """Everyone known by then, with gross sales, the steps, and what is left after them."""
    known = " union ".join(f"select customer_id from {name}" for name in parts)
    before, after = ([s for s in steps if (s in COSTS) == late] for late in (False, True))
    columns = ["customer_id", "gross_sales", *before, "spend_total", *after]
    if after:
        columns += [f"spend_total - {' - '.join(map(money, after))} as contribution", "sold", "costed"]
    joined = {"joined": join_all({**parts, "everyone": known})}
    return query(joined, f"select {', '.join(columns)} from joined order by customer_id")
