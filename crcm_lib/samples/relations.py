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
CAUSES = ("late delivery", "damaged goods", "wrong item", "price query", "invoice query", "product advice")
WORDS = (
    "The delivery came two days late.",
    "Two boxes were damaged.",
    "We received the wrong item.",
    "The price differs from the offer.",
    "The invoice shows another address.",
    "Which model fits our machine?",
)
OWNERS = ("S01", "S02", "S03", "S04", "S05")
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


def draw_tickets(rng: np.random.Generator, people: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The `tickets` table. Of those who left, 35 % complained in the two weeks before: a planted reason."""
    who, time = _moments(rng, people[people["purchases"] > 0], 0.0007, 0.1)
    who = np.flatnonzero(people["purchases"] > 0)[who]
    gone = people["dropped_out"].notna().to_numpy() & (rng.random(len(people)) < 0.35)
    before = people["dropped_out"] - pd.to_timedelta(rng.integers(60, 14 * 1440, len(people)), unit="min")
    angry = np.concatenate([np.zeros(len(who), bool), np.ones(gone.sum(), bool)])
    who = np.concatenate([who, np.flatnonzero(gone)])
    opened = pd.Series([*time, *before[gone]], dtype="datetime64[ns]").reset_index(drop=True)
    opened = opened.clip(lower=people["first_day"].to_numpy()[who] + DAY / 2)
    complaint = angry | (rng.random(len(who)) < 0.3)
    cause = np.where(complaint, rng.integers(0, 4, len(who)), rng.integers(3, 6, len(who)))
    responded = opened + pd.to_timedelta(np.round(rng.gamma(1.5, 240 * (1 + angry))) + 5, unit="min")
    resolved = responded + pd.to_timedelta(np.round(rng.gamma(1.2, 1500 * (1 + 2 * angry))) + 10, unit="min")
    resolved = resolved.where((resolved < last + DAY) & (rng.random(len(who)) < 0.97))
    happy = np.clip(np.round(rng.normal(np.where(angry, 1.8, np.where(complaint, 3.0, 4.3)), 0.8)), 1, 5)
    asked = rng.random(len(who)) < 0.6
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[who],
            "opened": opened,
            "kind": np.where(complaint, "complaint", "request"),
            "cause": np.array(CAUSES)[cause],
            "responded": responded.where(responded < last + DAY),
            "resolved": resolved,
            "text": np.array(WORDS)[cause],
            "satisfaction": pd.Series(happy).where(resolved.notna() & asked).astype("Int64"),
        }
    )[opened.to_numpy() < last + DAY]


def draw_surveys(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """The `surveys` table: NPS, CSAT, CES and one item; those who will leave answer lower."""
    who, time = _moments(rng, people[people["purchases"] > 0], 0.0009, 0.25)
    who = np.flatnonzero(people["purchases"] > 0)[who]
    kind = rng.choice(4, len(who), p=[0.45, 0.3, 0.15, 0.1])
    low = people["dropped_out"].notna().to_numpy()[who]
    top = np.array([10, 5, 7, 5])[kind]
    score = np.round(top * rng.beta(np.where(low, 4.0, 7.0), np.where(low, 2.5, 2.0)))
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[who],
            "time": time,
            "instrument": np.array(["nps", "csat", "ces", "item"])[kind],
            "score": np.maximum(score, np.where(kind == 0, 0, 1)).astype(int),
            "item": pd.Series("delivery on time", index=range(len(who))).where(kind == 3),
            "mode": np.array(["online", "phone", "face to face"])[rng.choice(3, len(who), p=[0.7, 0.2, 0.1])],
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
    """The `loyalty` table: a point per 10 yuan to persons in the programme (60 %), now and then redeemed."""
    members = people.loc[~people["company"] & (rng.random(len(people)) < 0.6), "customer_id"]
    sales = lines[(lines["kind"] == "sale") & lines["customer_id"].isin(members)]
    orders = sales.groupby(["customer_id", "order_id"]).agg(time=("time", "first"), amount=("amount", "sum"))
    earned = orders.reset_index().assign(points=lambda o: o["amount"] // 1000, reason="purchase")
    spent = earned[(rng.random(len(earned)) < 0.1) & (earned["points"] > 4)]
    spent = spent.assign(points=-(spent["points"] // 2), reason="redeemed")
    moves = pd.concat([earned[earned["points"] > 0], spent], ignore_index=True)
    return moves.drop(columns=["order_id", "amount"])


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


def _moments(rng: np.random.Generator, people: pd.DataFrame, per_day: float, at_start: float):
    """Random moments while each customer is with us: row numbers in `people`, and times in office hours."""
    days = people["days_with_us"].to_numpy()
    who = np.repeat(np.arange(len(people)), rng.poisson(at_start + per_day * days))
    minute = np.floor(rng.random(len(who)) * days[who]) * 1440 + rng.integers(480, 1200, len(who))
    return who, people["first_day"].to_numpy()[who] + pd.to_timedelta(minute, unit="min")


def _only(where: np.ndarray, values: np.ndarray) -> pd.Series:
    return pd.Series(values, dtype="str").where(where)
