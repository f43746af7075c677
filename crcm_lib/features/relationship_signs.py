"""Input tables -> what happened between a customer and the company until a day, beside purchases."""

import pandas as pd

from crcm_lib.features.customer_sql import date, days_between, end_of
from crcm_lib.schema.engine import Engine, columns_of, has

DAYS = 180  # that complaints and contacts are counted over
COMPLAINTS = """
    select customer_id, count(*) as complaints from tickets
    where kind = 'complaint' and opened < {until} and opened >= {since} group by customer_id"""
CONTACTS = """
    select customer_id, count(*) as contacts from contacts
    where time < {until} and time >= {since} group by customer_id"""
LAST_CONTACTS = """
    select customer_id, count(*) as contacts, max(time) as last from contacts
    where time < {until} group by customer_id"""
LAST_CHANNELS = """
    select given.customer_id, min(given.channel) as channel from contacts as given
    join (select customer_id, max(time) as last from contacts where time < {until} group by customer_id)
        as latest on latest.customer_id = given.customer_id and latest.last = given.time
    group by given.customer_id"""
ANSWERS = """
    select customer_id, avg(score) as nps from surveys as given
    where instrument = 'nps' and score between 0 and 10 and time < {until} and time = (
        select max(time) from surveys as later where later.customer_id = given.customer_id
            and later.instrument = 'nps' and later.score between 0 and 10 and later.time < {until})
    group by customer_id"""
PAYMENTS = """
    select customer_id, avg(case when paid <= due then 0 else {days_late} end) as days_late
    from invoices where due < {day} and issued <= {day} group by customer_id"""
CONTRACTS = """
    select customer_id, {days_left} as contract_days_left
    from contracts where start <= {day} group by customer_id"""
SIGNS = ("complaints", "contacts", "nps", "days_late", "contract_days_left")


def summarise_signs(engine: Engine, *, as_of) -> pd.DataFrame:
    """Complaints, contacts, answers, payments and contracts of each customer, as known at the end of `as_of`.

    Returns
    -------
    Indexed by `customer_id`, a column for each input table that the data have: `complaints` and `contacts`
    (count in the last 180 days), `nps` (latest answer, 0…10), `days_late` (mean days that invoices due before
    `as_of` were or are late), `contract_days_left` (until the last contract begun ends; below 0 once it has).
    Complaints and contacts of customers without any are 0; the others are then missing.
    """
    end = pd.Timestamp(as_of).normalize()
    day, open_days = date(end), days_between("due", f"least(coalesce(paid, {date(end)}), {date(end)})")
    parts = {
        "until": end_of(end),
        "since": end_of(end - pd.Timedelta(days=DAYS)),
        "day": day,
        "days_late": open_days,
        "days_left": days_between(day, 'cast(max("end") as date)'),
    }
    queries = {"contacts": CONTACTS, "surveys": ANSWERS, "invoices": PAYMENTS, "contracts": CONTRACTS}
    if "paid" not in columns_of(engine, "invoices"):  # without it nobody knows what is still open
        del queries["invoices"]
    if "kind" in columns_of(engine, "tickets"):
        queries = {"tickets": COMPLAINTS} | queries
    frames = []
    for table, query in queries.items():
        if has(engine, table):
            frames.append(engine.execute(query.format(**parts)).df().set_index("customer_id"))
    signs = pd.concat(frames, axis=1).astype("float64") if frames else pd.DataFrame(dtype="float64")
    counted = [name for name in ("complaints", "contacts") if name in signs]
    signs[counted] = signs[counted].fillna(0.0)
    return signs.rename_axis("customer_id").sort_index()


def find_last_contacts(engine: Engine, *, as_of) -> pd.DataFrame | None:
    """How often there was contact with a customer by the end of `as_of`, when last, and by which channel.

    Returns
    -------
    Indexed by `customer_id`: `contacts` (count), `last` (time), `channel` (of several at that time the first
    by name). None without the input table.
    """
    if not has(engine, "contacts"):
        return None
    until = end_of(pd.Timestamp(as_of).normalize())
    counted = engine.execute(LAST_CONTACTS.format(until=until)).df().set_index("customer_id")
    channels = engine.execute(LAST_CHANNELS.format(until=until)).df().set_index("customer_id")
    return counted.join(channels).sort_index()
