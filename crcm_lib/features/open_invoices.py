"""Invoices as known at the end of a day: paid, given up or still owed; and sales not yet invoiced."""

import pandas as pd

from crcm_lib.config.credit_policy import Receivables
from crcm_lib.features.customer_sql import date, money
from crcm_lib.schema.engine import Engine, columns_of, has

UNIT = 10_000  # amounts are decimals with four digits: as whole numbers of them they add up exactly
DATES = ("issued", "due", "paid", "given_up")
COLUMNS = ["customer_id", "invoice_id", "issued", "due", "amount", "paid", "given_up"]
YEAR = 365  # days
AGREES = (0.8, 1.25)  # invoiced over bought in a year: between these all sales of a customer are invoiced


def list_lacking(engine: Engine) -> list[str]:
    """What the data lack to say who owes what: the table, or the column as `table.column`."""
    known = columns_of(engine, "invoices")
    if not known:
        return ["invoices"]
    return [] if "paid" in known else ["invoices.paid"]


def list_invoices(engine: Engine, *, as_of) -> pd.DataFrame:
    """Every invoice issued by the end of `as_of`, with what became of it by then.

    A row of `defaults` names no invoice: it gives up the oldest of the customer's invoices of that amount
    that were due by its date and not paid.

    Returns
    -------
    In order of `due`: `customer_id`, `invoice_id`, `issued`, `due`, `amount` (currency; below 0 for a credit
    note), `paid` and `given_up` (days, missing while neither). No rows where the data lack what
    `list_lacking` says.
    """
    end = pd.Timestamp(as_of).normalize()
    if list_lacking(engine):
        empty = pd.DataFrame(columns=COLUMNS).astype(dict.fromkeys(DATES, "datetime64[us]"))
        return empty.astype({"amount": "float64"})
    known = engine.execute(f"""
        select customer_id, invoice_id, cast(issued as timestamp) as issued, cast(due as timestamp) as due,
            {money("amount")} as amount,
            cast(case when paid <= {date(end)} then paid end as timestamp) as paid
        from invoices where issued <= {date(end)} order by due, customer_id, invoice_id""").df()
    kinds = dict.fromkeys(["issued", "due", "paid"], "datetime64[us]") | {"amount": "float64"}
    invoices = known.astype(kinds)
    return invoices.assign(given_up=_match(invoices, list_defaults(engine, as_of=end)))[COLUMNS]


def list_defaults(engine: Engine, *, as_of) -> pd.DataFrame:
    """What was given up by the end of `as_of`: `customer_id`, `date`, `amount`; no rows without the table."""
    if not has(engine, "defaults"):
        empty = pd.DataFrame(columns=["customer_id", "date", "amount"])
        return empty.astype({"date": "datetime64[us]", "amount": "float64"})
    found = engine.execute(f"""
        select customer_id, cast(date as timestamp) as date, {money("amount")} as amount
        from defaults where date <= {date(pd.Timestamp(as_of))} order by date, customer_id, amount""").df()
    return found.astype({"date": "datetime64[us]", "amount": "float64"})


def recall_invoices(invoices: pd.DataFrame, day) -> pd.DataFrame:
    """The invoices as they were known at the end of an earlier day."""
    then = pd.Timestamp(day).normalize()
    known = invoices[invoices["issued"] <= then]
    later = {name: known[name].mask(known[name] > then) for name in ("paid", "given_up")}
    return known.assign(**later).reset_index(drop=True)


def list_open(invoices: pd.DataFrame, day) -> pd.DataFrame:
    """What is owed at the end of a day, with `days_overdue`: since the day it was due, 0 or less before."""
    known = recall_invoices(invoices, day)
    owed = known[known["paid"].isna() & known["given_up"].isna() & known["amount"].ne(0)]
    days = (pd.Timestamp(day).normalize() - owed["due"]).dt.days
    return owed.assign(days_overdue=days.astype("int64")).drop(columns=["paid", "given_up"])


def add_up(amounts: pd.Series, by) -> pd.Series:
    """The sum of amounts by group, exact to the fourth digit whatever the order of the rows."""
    return (amounts * UNIT).round().astype("int64").groupby(by).sum() / UNIT


def sum_uninvoiced(engine: Engine, *, as_of) -> pd.Series:
    """What was sold to a customer since their last invoice, by `customer_id`; only where that is known.

    Known it is of customers whose invoices and purchases agree: what was invoiced in the last 365 days is
    0.8 to 1.25 of what they bought in them up to their last invoice (taxes, and months that began earlier).
    """
    end = pd.Timestamp(as_of).normalize()
    if list_lacking(engine) or not has(engine, "transactions"):
        return pd.Series(dtype="float64", name="uninvoiced").rename_axis("customer_id")
    start = end - pd.Timedelta(days=YEAR)
    sums = engine.execute(f"""
        select billed.customer_id, max(invoiced) as invoiced,
            sum(case when day <= last then {money("amount")} end) as bought,
            sum(case when day > last then {money("amount")} end) as since
        from (
            select customer_id, max(issued) as last, sum({money("amount")}) as invoiced
            from invoices where issued <= {date(end)} and issued > {date(start)}
            group by customer_id) as billed
        join transactions on transactions.customer_id = billed.customer_id
        where day <= {date(end)} and day > {date(start)}
        group by billed.customer_id order by billed.customer_id""").df()
    sums = sums.set_index("customer_id").astype("float64")
    agree = (sums["invoiced"] / sums["bought"].where(sums["bought"] > 0)).between(*AGREES)
    return sums["since"].fillna(0.0).clip(lower=0)[agree].rename("uninvoiced")


def list_overdue(engine: Engine, *, as_of, rules: Receivables) -> pd.DataFrame:
    """Who owes more than `rules.call_after_days` after the day it was due, and how much that is.

    Returns
    -------
    Indexed by `customer_id`: `owed` (currency, of invoices that much overdue, credit notes taken off; at
    least `rules.call_from`) and `days_overdue` (of the oldest of them).
    """
    late = list_open(list_invoices(engine, as_of=as_of), as_of)
    late = late[late["days_overdue"] > rules.call_after_days]
    oldest = late.groupby("customer_id")["days_overdue"].max()
    found = pd.DataFrame({"owed": add_up(late["amount"], late["customer_id"]), "days_overdue": oldest})
    found = found.rename_axis("customer_id").astype("float64")
    return found[(found["owed"] > 0) & (found["owed"] >= float(rules.call_from))]


def _match(invoices: pd.DataFrame, defaults: pd.DataFrame) -> pd.Series:
    """The day on which each invoice was given up: the n-th default of an amount, its n-th unpaid invoice."""
    nothing = pd.Series(pd.NaT, invoices.index, dtype="datetime64[us]")
    if defaults.empty:
        return nothing
    key = ["customer_id", "amount"]
    unpaid = invoices[invoices["paid"].isna()]
    lines = unpaid.assign(nth=unpaid.groupby(key).cumcount(), row=unpaid.index)
    given = defaults.assign(nth=defaults.groupby(key).cumcount())
    both = lines.merge(given, on=[*key, "nth"])
    both = both[both["due"] <= both["date"]].set_index("row")
    nothing[both.index] = both["date"]
    return nothing
