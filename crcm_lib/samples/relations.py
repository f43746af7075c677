"""Everything beside the purchases: who the customers are, and what else happens between them and us."""

import numpy as np
import pandas as pd

INDUSTRIES = ("retail", "hotels & catering", "manufacturing", "education", "health", "construction")
CITIES = {
    "华东": ("上海", "杭州"),
    "华南": ("广州", "深圳"),
    "华北": ("北京", "天津"),
    "华中": ("武汉", "长沙"),
    "西南": ("成都", "重庆"),
}
RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B")
DAYS_LATE = {"AAA": -6, "AA": -3, "A": 0, "BBB": 4, "BB": 12, "B": 25}
OWNERS = ("S01", "S02", "S03", "S04", "S05")
NEW_MARKET = "西南"  # the region that account managers judge to open markets
DEFAULT_CHANCE = {"BB": 0.10, "B": 0.40}  # of a company of this rating, to leave an invoice unpaid once
SLOW_SHARE = 0.25  # of the invoices of companies rated BB or B, paid 30 to 110 days later still
REFERRED_SHARE = 0.15  # of newcomers; a customer who stays recommends three times as often as one who leaves
DAY = pd.Timedelta(days=1)


def describe_customers(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """The `customers` table: attributes of customers and prospects."""
    count, company = len(people), people["company"].to_numpy()
    age = pd.to_timedelta(rng.integers(20 * 365, 70 * 365, count), unit="D")
    founded = pd.to_timedelta(rng.integers(2 * 365, 30 * 365, count), unit="D")
    start = people["first_day"]
    size = np.array(["micro", "small", "medium", "large"])[rng.choice(4, count, p=[0.3, 0.4, 0.2, 0.1])]
    rating = np.array(RATINGS)[rng.choice(6, count, p=[0.1, 0.2, 0.3, 0.2, 0.15, 0.05])]
    second = (rng.random(count) < 0.4).astype(int)
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "subject_type": np.where(company, "company", "person"),
            "industry": _only(company, np.array(INDUSTRIES)[rng.integers(0, len(INDUSTRIES), count)]),
            "size": _only(company, size),
            "region": people["region"],
            "city": [CITIES[region][late] for region, late in zip(people["region"], second, strict=True)],
            "founded": (start - founded).where(company),
            "signup": start - pd.to_timedelta(rng.integers(0, 45, count), unit="D"),
            "owner": _only(company, np.array(OWNERS)[rng.integers(0, 5, count)]),
            "birthday": (pd.Timestamp("2023-07-01") - age).where(~company),
            "credit_rating": _only(company, rating),
        }
    )


def ask_brand(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Answers to the survey item `brand`, 1…5; those who will leave identify less with it: planted."""
    who, time = draw_moments(rng, people[people["purchases"] > 0], 0.0003, 0.1)
    who = np.flatnonzero(people["purchases"] > 0)[who]
    leaves = people["dropped_out"].notna().to_numpy()[who]
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[who],
            "time": time,
            "instrument": "item",
            "score": np.clip(np.round(rng.normal(np.where(leaves, 2.8, 4.0), 0.8)), 1, 5).astype(int),
            "item": "brand",
            "mode": "online",
        }
    )


def issue_invoices(
    rng: np.random.Generator, lines: pd.DataFrame, customers: pd.DataFrame, last: pd.Timestamp
):
    """The `invoices` table: a company's sales of a month, due in 30 days, paid late by its rating."""
    rating = customers.dropna(subset="credit_rating").set_index("customer_id")["credit_rating"]
    sales = lines[(lines["kind"] == "sale") & lines["customer_id"].isin(rating.index)]
    month = sales["time"].dt.to_period("M").dt.end_time.dt.normalize().rename("issued")
    bills = sales.groupby(["customer_id", month])["amount"].sum().reset_index()
    late = bills["customer_id"].map(rating).map(DAYS_LATE) + np.round(rng.normal(0, 6, len(bills)))
    due = bills["issued"] + 30 * DAY
    paid = (due + pd.to_timedelta(late, unit="D")).clip(lower=bills["issued"] + DAY)
    number = [f"F{number}" for number in range(200_001, 200_001 + len(bills))]
    return bills.assign(invoice_id=number, due=due, paid=paid.where(paid <= last))[bills["issued"] <= last]


def pay_slowly(rng: np.random.Generator, invoices: pd.DataFrame, customers: pd.DataFrame, last: pd.Timestamp):
    """The `invoices`, some of companies rated low paid much later or not by the last day."""
    rating = customers.set_index("customer_id")["credit_rating"]
    low = invoices["customer_id"].map(rating).isin(list(DEFAULT_CHANCE))
    slow = low & (rng.random(len(invoices)) < SLOW_SHARE)
    more = pd.Series(rng.integers(30, 111, len(invoices)), invoices.index).where(slow, 0)
    paid = invoices["paid"] + pd.to_timedelta(more, unit="D")
    return invoices.assign(paid=paid.where(paid <= last))


def sign_contracts(rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The `contracts` table: half of the companies sign for a year at a time, renewed while they stay."""
    signed = people[people["company"] & (people["purchases"] > 0) & (rng.random(len(people)) < 0.5)]
    years = [signed.assign(start=signed["first_day"] + pd.Timedelta(days=365 * year)) for year in range(10)]
    periods = pd.concat(years, ignore_index=True)
    periods = periods[periods["start"] <= periods["dropped_out"].fillna(last)]
    leaves = periods["dropped_out"].fillna(last + DAY)
    end = periods["start"] + pd.Timedelta(days=364)
    yearly_spend = periods["purchase_rate"] * periods["spend_per_purchase"] * 365
    renewed = pd.Series(end < leaves, dtype="boolean").where(end <= last)
    return pd.DataFrame(
        {
            "customer_id": periods["customer_id"],
            "start": periods["start"],
            "end": end,
            "renewed": renewed,
            "value": (yearly_spend.round(-2) * 100).astype(np.int64),
        }
    )


def move_points(rng: np.random.Generator, lines: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """The `loyalty` table: a point per 10 yuan to persons in the programme, 12 of them as a welcome.

    60 % of the persons join, most with their first order and some later; joining changes nothing of what
    they buy. At one order in four a member uses half of the points they have or all of them.
    """
    members = people.loc[~people["company"] & (rng.random(len(people)) < 0.6), "customer_id"]
    joins_with = pd.Series(rng.geometric(0.7, len(members)), members.to_numpy())  # which of their orders
    sales = lines[(lines["kind"] == "sale") & lines["customer_id"].isin(members)]
    orders = sales.groupby(["customer_id", "order_id"]).agg(time=("time", "first"), amount=("amount", "sum"))
    orders = orders.reset_index().sort_values(["customer_id", "time", "order_id"], kind="stable")
    nth = orders.groupby("customer_id").cumcount() + 1
    joined = orders["customer_id"].map(joins_with)
    orders = orders[nth >= joined]
    welcome = orders[(nth == joined)[orders.index]].assign(points=12, reason="welcome")
    earned = orders.assign(points=orders["amount"] // 1000, reason="purchase")
    used = _use_points(rng, orders.assign(points=earned["points"]))
    moves = pd.concat([welcome, earned[earned["points"] > 0], used], ignore_index=True)
    return moves[["customer_id", "time", "points", "reason"]]


def _use_points(rng: np.random.Generator, orders: pd.DataFrame) -> pd.DataFrame:
    """What members redeem, a minute after the order: of the balance that has not expired after a year."""
    wants, share = rng.random(len(orders)) < 0.25, rng.choice([0.5, 1.0], len(orders))
    rows, lots, who = [], [], None
    facts = zip(orders["customer_id"], orders["time"], orders["points"], wants, share, strict=True)
    for customer, time, points, uses, part in facts:
        if customer != who:
            lots, who = [[time, 12]], customer
        lots = [lot for lot in lots if lot[0].normalize() + 365 * DAY > time] + [[time, points]]
        balance = sum(lot[1] for lot in lots)
        if uses and balance >= 20:
            spent = int(balance * part)
            rows.append((customer, time + pd.Timedelta(minutes=1), -spent, "redeemed"))
            for lot in lots:
                spent, lot[1] = max(0, spent - lot[1]), max(0, lot[1] - spent)
    return pd.DataFrame(rows, columns=["customer_id", "time", "points", "reason"])


def judge(rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The `judgements` table: account managers judge about a third of the companies once."""
    judged = people[people["company"] & (rng.random(len(people)) < 0.35)]
    who = np.repeat(judged["customer_id"].to_numpy(), 3)
    indicator = np.tile(["strategic_fit", "benchmark_customer", "growth_outlook"], len(judged))
    age = np.repeat(rng.integers(20, 200, len(judged)), 3)
    return pd.DataFrame(
        {
            "customer_id": who,
            "indicator": indicator,
            "value": 5 * np.round(20 * rng.beta(3, 2.5, len(who))).astype(int),
            "author": np.array(OWNERS)[np.repeat(rng.integers(0, 5, len(judged)), 3)],
            "date": last - pd.to_timedelta(age, unit="D"),
        }
    )


def judge_markets(
    rng: np.random.Generator, people: pd.DataFrame, judged: pd.DataFrame, last: pd.Timestamp
) -> pd.DataFrame:
    """More `judgements`: whether a company opens markets; those of one region do, a planted difference."""
    who = judged.drop_duplicates("customer_id").set_index("customer_id")
    regions = people.set_index("customer_id")["region"].reindex(who.index)
    value = rng.beta(np.where(regions == NEW_MARKET, 6, 2), 3)
    age = pd.to_timedelta(rng.integers(20, 200, len(who)), unit="D")
    return pd.DataFrame(
        {
            "customer_id": who.index,
            "indicator": "opens_markets",
            "value": 5 * np.round(20 * value).astype(int),
            "author": who["author"].to_numpy(),
            "date": last - age,
        }
    )


def recommend(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """The `referrals` table: who brought a newcomer, from customers who were with us on that day."""
    start = people["first_day"].min() + 60 * DAY
    came = people[(people["first_day"] > start) & (rng.random(len(people)) < REFERRED_SHARE)]
    until = people["dropped_out"].fillna(pd.Timestamp.max.normalize())
    stays = people["dropped_out"].isna().to_numpy()
    rows = []
    for newcomer, first in zip(came["customer_id"], came["first_day"], strict=True):
        day = first - DAY * int(rng.integers(1, 30))
        there = (people["first_day"] < day) & (until >= day) & (people["purchases"] > 0)
        chance = np.where(there, np.where(stays, 3.0, 1.0), 0.0)
        if chance.any():
            who = rng.choice(len(people), p=chance / chance.sum())
            rows.append((people["customer_id"].iloc[who], newcomer, day))
    return pd.DataFrame(rows, columns=["customer_id", "referred_id", "date"])


def give_up(rng: np.random.Generator, invoices: pd.DataFrame, customers: pd.DataFrame, last: pd.Timestamp):
    """Of companies rated low some leave one invoice unpaid, which is given up 90 days after it was due.

    Returns the `invoices`, those left unpaid without a day of payment, and the table `defaults`.
    """
    rating = customers.set_index("customer_id")["credit_rating"]
    chance = invoices["customer_id"].map(rating).map(DEFAULT_CHANCE).fillna(0.0)
    first = ~invoices.assign(u=rng.random(len(invoices))).sort_values("u").duplicated("customer_id")
    lost = invoices[first.reindex(invoices.index) & (rng.random(len(invoices)) < chance)]
    given_up = lost.assign(date=lost["due"] + 90 * DAY)[["customer_id", "date", "amount"]]
    unpaid = invoices.assign(paid=invoices["paid"].mask(invoices.index.isin(lost.index)))
    return unpaid, given_up[given_up["date"] <= last]


def recall_assignments(rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The `assignments` table: a message half a year ago, a fifth as control; true effect none."""
    start = last - 183 * DAY
    known = people[(people["first_day"] < start) & (rng.random(len(people)) < 0.25)]
    treated = rng.random(len(known)) < 0.8
    return pd.DataFrame(
        {
            "customer_id": known["customer_id"],
            "action": "win back message",
            "arm": np.where(treated, "treatment", "control"),
            "start": start,
            "end": start + 30 * DAY,
            "cost": np.where(treated, 1500, 0),
        }
    )


def ask_consent(rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The `consents` table: profiling and marketing, asked once of most; some are silent, some refuse."""
    parts = []
    for purpose, refused in (("profiling", 0.04), ("marketing", 0.12)):
        asked = people[rng.random(len(people)) < 0.85]
        status = np.where(rng.random(len(asked)) < refused, "refused", "granted")
        date = asked["first_day"].clip(upper=last - 10 * DAY) + pd.to_timedelta(
            rng.integers(0, 10, len(asked)), unit="D"
        )
        answers = {"customer_id": asked["customer_id"], "purpose": purpose, "status": status, "date": date}
        parts.append(pd.DataFrame(answers))
    return pd.concat(parts, ignore_index=True)


def draw_moments(rng: np.random.Generator, people: pd.DataFrame, per_day: float, at_start: float):
    """Random moments while each customer is with us: row numbers in `people`, and times in office hours."""
    days = people["days_with_us"].to_numpy()
    who = np.repeat(np.arange(len(people)), rng.poisson(at_start + per_day * days))
    minute = np.floor(rng.random(len(who)) * days[who]) * 1440 + rng.integers(480, 1200, len(who))
    return who, people["first_day"].to_numpy()[who] + pd.to_timedelta(minute, unit="min")


def _only(where: np.ndarray, values: np.ndarray) -> pd.Series:
    return pd.Series(values, dtype="str").where(where)
