"""Input tables -> the tables that an indicator of the policy may read, one row per customer as of a day.

Nothing dated after `as_of` counts: an invoice paid later is still open, a later judgement is not yet given. A
count is 0 for every customer known by then who has nothing to count; what nobody can know of a customer
(answers, judgements, measures) is missing. `schema.indicators` says what the columns are.
"""

import pandas as pd

from crcm_lib.features.customer_sql import date, days_between, end_of, money
from crcm_lib.features.interaction_counts import summarise_interaction
from crcm_lib.features.points_accounts import summarise_points
from crcm_lib.schema.engine import Engine, columns_of, has
from crcm_lib.schema.indicators import LAST, MEAN, OF_A_NAME, WINDOW

FOREVER = "2200-01-01"  # a day after all that checked data hold
PAYMENTS = """
    select customer_id,
        avg(case when paid <= due then 1.0 else 0.0 end) as paid_on_time_share,
        avg(case when paid <= due then 0 else {days_late} end) as days_late_mean
    from invoices where due < {day} and issued <= {day} group by customer_id"""
RENEWALS = """
    select customer_id, avg(case when renewed then 1.0 else 0.0 end) as renewed_share
    from contracts where "end" <= {day} and renewed is not null group by customer_id"""
JUDGEMENTS = """
    select customer_id, indicator as name, avg(value) as value
    from judgements as given
    where date <= {day} and date = (
        select max(date) from judgements as later
        where later.customer_id = given.customer_id and later.indicator = given.indicator and date <= {day})
    group by customer_id, indicator"""
SERVICE = """
    select customer_id,
        count(case when opened >= {since} then 1 end) as tickets_365d,
        count(case when opened >= {since} and {complaint} then 1 end) as complaints_365d,
        count(case when {open} and {complaint} then 1 end) as open_complaints,
        max(case when {open} then {days_open} else 0 end) as days_open
    from tickets where opened < {until} group by customer_id"""
CES = """
    select customer_id, 'ces' as name, avg(score) as value from surveys
    where time < {until} and instrument = 'ces' and score between 1 and 7 group by customer_id"""
ITEMS = """
    select customer_id, item as name, avg(score) as value from surveys
    where time < {until} and instrument = 'item' and item is not null and score is not null
    group by customer_id, item"""
REFERRALS = """
    select customer_id, count(*) as referrals,
        count(case when first >= {since_day} then 1 end) as referrals_365d
    from (select customer_id, referred_id, min(date) as first from referrals
          where date <= {day} group by customer_id, referred_id) as made
    group by customer_id"""
DEFAULTS = """
    select customer_id, count(*) as defaults, sum({amount}) as amount, max(date) as last
    from defaults where date <= {day} group by customer_id"""
MEASURES = """
    select given.customer_id, given.name, avg(given.value) as value from measures as given
    join (select customer_id, name, max(day) as last from measures where day <= {day}
          group by customer_id, name) as latest
        on latest.customer_id = given.customer_id and latest.name = given.name and latest.last = given.day
    group by given.customer_id, given.name"""
MEASURE_MEANS = """
    select customer_id, name, avg(value) as value from measures
    where day <= {day} and day >= {since_day} group by customer_id, name"""
OPPORTUNITIES = """
    select customer_id, count(*) as open_opportunities, sum({amount}) as open_amount,
        sum({amount} * {chance}) as expected_amount
    from opportunities where opened <= {day} and (closed is null or closed > {day}) group by customer_id"""
INVOICED = "select distinct customer_id from invoices where issued <= {day}"
KNOWN_BY_SALES = "select customer_id from transactions where day <= {day}"
KNOWN_BY_NAME = "select customer_id from customers"


def summarise_payments(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `payments`; None where nobody knows when invoices were paid."""
    if "paid" not in columns_of(engine, "invoices"):
        return None
    day = date(pd.Timestamp(as_of))
    return _ask(
        engine, PAYMENTS, as_of, days_late=days_between("due", f"least(coalesce(paid, {day}), {day})")
    )


def summarise_renewals(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `renewals`; None where nobody knows which contracts were renewed."""
    return _ask(engine, RENEWALS, as_of) if "renewed" in columns_of(engine, "contracts") else None


def summarise_judgements(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `judgements`: a column per indicator that was judged by then."""
    return _spread(_ask(engine, JUDGEMENTS, as_of)) if has(engine, "judgements") else None


def find_customers(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `customers`: what the input table says, days left out; it is not dated, but for `signup`."""
    if not has(engine, "customers"):
        return None
    given = engine.execute("select * from customers").df().set_index("customer_id").sort_index()
    if "signup" in given:
        given = given[~(pd.to_datetime(given["signup"]) > pd.Timestamp(as_of))]
    return given.select_dtypes(exclude=["datetime", "datetimetz"])


def summarise_service(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `service`; complaints only where `kind` is known, what is open where `resolved` is."""
    present = columns_of(engine, "tickets")
    if not present:
        return None
    parts = {
        "complaint": "kind = 'complaint'" if "kind" in present else "false",
        "open": f"(resolved is null or resolved >= {end_of(as_of)})" if "resolved" in present else "false",
        "days_open": days_between("cast(opened as date)", date(pd.Timestamp(as_of))),
    }
    counted = _for_everyone(engine, _ask(engine, SERVICE, as_of, **parts), as_of)
    unknown = {"kind": ["complaints_365d", "open_complaints"], "resolved": ["open_complaints", "days_open"]}
    absent = {column for name, columns in unknown.items() if name not in present for column in columns}
    return counted.drop(columns=sorted(absent))


def summarise_answers(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `answers`: `ces` and a column per survey item."""
    present = columns_of(engine, "surveys")
    if not present:
        return None
    answers = [_ask(engine, CES, as_of)]
    if "item" in present:
        items = _ask(engine, ITEMS, as_of)
        answers.append(items[items["name"] != "ces"])
    return _spread(pd.concat(answers))


def summarise_referrals(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `referrals`: who was recommended twice counts once, from the first time."""
    if not has(engine, "referrals"):
        return None
    return _for_everyone(engine, _ask(engine, REFERRALS, as_of), as_of)


def summarise_defaults(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `defaults`; 0 only for who was ever invoiced, or for everyone where there are no invoices."""
    if not has(engine, "defaults"):
        return None
    found = _ask(engine, DEFAULTS, as_of, amount=money("amount"))
    since = (pd.Timestamp(as_of).normalize() - pd.to_datetime(found["last"])).dt.days
    found = found.drop(columns="last").astype({"amount": "float64"})
    if has(engine, "invoices"):
        invoiced = _ask(engine, INVOICED, as_of)
        counted = _for_all(invoiced.index, found)
    else:
        counted = _for_everyone(engine, found, as_of)
    return counted.assign(days_since_default=since.astype("float64"))


def summarise_measures(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `measures`: of every measure its last value and its mean over a year."""
    if not has(engine, "measures"):
        return None
    last, mean = _ask(engine, MEASURES, as_of), _ask(engine, MEASURE_MEANS, as_of)
    return _spread(pd.concat([last.assign(name=last["name"] + LAST), mean.assign(name=mean["name"] + MEAN)]))


def summarise_opportunities(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """The table `opportunities`; None where nobody knows what is still open, amounts only where given."""
    present = columns_of(engine, "opportunities")
    if "closed" not in present:
        return None
    amount = money("coalesce(amount, 0)") if "amount" in present else "0"
    chance = "coalesce(probability, 0)" if {"amount", "probability"} <= present else "0"
    found = _ask(engine, OPPORTUNITIES, as_of, amount=amount, chance=chance).astype("float64")
    counted = _for_everyone(engine, found.astype({"open_opportunities": "int64"}), as_of)
    given = {"open_amount": amount, "expected_amount": chance}
    return counted.drop(columns=[column for column, expression in given.items() if expression == "0"])


MAKERS = {  # one line per table of `schema.indicators.INDICATORS`
    "payments": summarise_payments,
    "renewals": summarise_renewals,
    "judgements": summarise_judgements,
    "customers": find_customers,
    "interaction": summarise_interaction,
    "loyalty": summarise_points,
    "service": summarise_service,
    "answers": summarise_answers,
    "referrals": summarise_referrals,
    "defaults": summarise_defaults,
    "measures": summarise_measures,
    "opportunities": summarise_opportunities,
}


def list_names(engine: Engine) -> dict[str, pd.DataFrame]:
    """The tables in which the data give the names of columns, as of their last day, to look names up in."""
    made = {name: MAKERS[name](engine, as_of=FOREVER) for name in OF_A_NAME}
    measured = made.get("measures")
    if measured is not None:  # of so late a day no year holds a value, yet every measure has a mean
        means = {name.removesuffix(LAST) + MEAN: measured[name] for name in map(str, measured)}
        made["measures"] = measured.assign(**means)
    return {name: table for name, table in made.items() if table is not None and len(table)}


def _ask(engine: Engine, query: str, as_of, **parts: str) -> pd.DataFrame:
    """The rows of a query by customer, in order."""
    end = pd.Timestamp(as_of).normalize()
    start = end - pd.Timedelta(days=WINDOW - 1)
    days = {"day": date(end), "until": end_of(end), "since_day": date(start)}
    days["since"] = end_of(start - pd.Timedelta(days=1))
    return engine.execute(query.format(**days, **parts)).df().set_index("customer_id").sort_index()


def _spread(named: pd.DataFrame) -> pd.DataFrame:
    """Rows of customer, `name` and `value` as a column per name."""
    wide = named.set_index("name", append=True)["value"].unstack()  # noqa: PD010
    return wide.rename_axis(columns=None).astype("float64")


def _for_everyone(engine: Engine, counted: pd.DataFrame, as_of) -> pd.DataFrame:
    """The same with zeros for all customers known by the day of whom there is nothing to count."""
    lists = {"transactions": KNOWN_BY_SALES, "customers": KNOWN_BY_NAME}
    texts = [text for table, text in lists.items() if has(engine, table)]
    if not texts:
        return counted
    return _for_all(_ask(engine, " union ".join(texts), as_of).index, counted)


def _for_all(customers: pd.Index, counted: pd.DataFrame) -> pd.DataFrame:
    return counted.reindex(customers.union(counted.index), fill_value=0).rename_axis("customer_id")
