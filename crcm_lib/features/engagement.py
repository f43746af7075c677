"""Contacts, tickets, answers and referrals -> who learns from us, asks, speaks for us and has ideas."""

from collections.abc import Iterable

import pandas as pd

from crcm_lib.features.customer_sql import date, end_of
from crcm_lib.features.interaction_counts import (
    ADOPTED,
    COMMUNITY,
    IDEAS,
    INBOUND,
    INTERVIEWS,
    TRAININGS,
    UNANSWERED,
    is_one_of,
)
from crcm_lib.schema.engine import Engine, columns_of, has

YEAR, HALF_YEAR = 365, 180  # days
PROMOTER = 9  # of 10, the least answer to NPS that recommends us
KINDS = {"training": TRAININGS, "community": COMMUNITY, "idea": IDEAS, "interview": INTERVIEWS}
COUNTS = ("trainings", "community", "ideas", "interviews")  # of the kinds, in this order
QUESTION = "kind is not null and kind <> 'complaint'"  # a ticket that is no complaint asks for something
KPIS = ("questions", "complaints", "recommendations", "contacts")


def list_lacking(engine: Engine) -> set[str]:
    """Of the tables and columns that engagement is known by, those that the data lack."""
    needed = {"contacts": "channel", "tickets": "kind", "surveys": "score", "referrals": "referred_id"}
    return {table for table, column in needed.items() if column not in columns_of(engine, table)}


def list_dealings(engine: Engine, *, as_of) -> pd.DataFrame:
    """Every training, contact in the community, idea and interview by the end of `as_of`.

    Known by the words of `channel`, see `KINDS`; a training or an interview to which somebody was invited and
    did not come (an outcome of `UNANSWERED`) is none.

    Returns
    -------
    `customer_id`, `time`, `kind` (one of `KINDS`), `adopted` (flag, of an idea); by time. No rows without
    `contacts`.
    """
    known = columns_of(engine, "contacts")
    if not known:
        empty = pd.DataFrame(columns=["customer_id", "time", "kind", "adopted"])
        return empty.astype({"time": "datetime64[us]", "adopted": "bool"})
    is_kind = {kind: is_one_of("channel", words) for kind, words in KINDS.items()}
    named = " ".join(f"when {which} then '{kind}'" for kind, which in is_kind.items())
    adopted, missed = "false", "false"
    if "outcome" in known:
        adopted, missed = is_one_of("outcome", ADOPTED), is_one_of("outcome", UNANSWERED)
    found = engine.execute(f"""
        select customer_id, time, kind, case when kind = 'idea' and adopted then 1 else 0 end as adopted
        from (
            select customer_id, time, case {named} else null end as kind, {adopted} as adopted,
                {missed} as missed
            from contacts where time < {end_of(pd.Timestamp(as_of).normalize())}) as named
        where kind is not null and not missed
        order by time, customer_id, kind""").df()
    return found.assign(adopted=found["adopted"].astype(bool), time=pd.to_datetime(found["time"]))


def summarise_engagement(engine: Engine, *, as_of) -> pd.DataFrame:
    """How each customer is engaged with us, as known at the end of `as_of`.

    Returns
    -------
    Indexed by `customer_id`, everybody whom `contacts`, `tickets`, `surveys`, `referrals` or `transactions`
    name by then; of what the data lack there is no column:

    - `trainings_365d`, `community_365d`, `ideas_365d`, `interviews_365d`, `adopted_365d` (count): trainings
      attended, contacts in the community, ideas, interviews, ideas adopted, in the last 365 days
    - `questions_180d` (count): tickets that are no complaint, in the last 180 days; `open_questions` (count):
      those of them after the last training
    - `recommended_365d` (count): customers whom they recommended in the last 365 days, each once
    - `is_promoter` (flag): the latest answer to NPS, of the last 365 days, is 9 or 10
    - `is_advocate` (flag): recommended somebody, is a promoter or was in the community in the last 365 days;
      absent where the data lack all three
    """
    end = pd.Timestamp(as_of).normalize()
    parts, flags = [], {}
    if has(engine, "contacts"):
        parts.append(_count_dealings(list_dealings(engine, as_of=end), end))
        flags["community_365d"] = 1
    if "kind" in columns_of(engine, "tickets"):
        parts.append(_count_questions(engine, end))
    if has(engine, "referrals"):
        parts.append(_count_recommended(engine, end))
        flags["recommended_365d"] = 1
    if has(engine, "surveys"):
        parts.append(_find_promoters(engine, end))
        flags["is_promoter"] = 1
    everybody = _list_everybody(engine, end)
    counts = pd.concat([part.reindex(everybody) for part in parts], axis=1) if parts else None
    frame = pd.DataFrame(index=everybody) if counts is None else counts.fillna(0).astype("int64")
    if flags:
        frame["is_advocate"] = (frame[list(flags)] > 0).any(axis=1)
    if "is_promoter" in frame:
        frame["is_promoter"] = frame["is_promoter"] > 0
    return frame


def list_recommended(engine: Engine, *, as_of) -> set[str]:
    """Who was recommended by the end of `as_of`; nobody without `referrals`."""
    if not has(engine, "referrals"):
        return set()
    found = engine.execute(f"""
        select distinct referred_id from referrals
        where date <= {date(pd.Timestamp(as_of))} order by referred_id""").df()
    return set(found["referred_id"])


def list_events(engine: Engine, kpi: str, *, as_of) -> pd.DataFrame | None:
    """Every event that a KPI of an action counts, by the end of `as_of`: `customer_id`, `time`.

    Parameters
    ----------
    kpi
        One of `KPIS`: `questions` (tickets that are no complaint), `complaints`, `recommendations`, or
        `contacts`, those begun by the customer, as ours are what we do ourselves.

    Returns
    -------
    None where the data lack the table, or the column by which they are known.
    """
    until = end_of(pd.Timestamp(as_of).normalize())
    queries = {
        "questions": ("tickets", "kind", f"select customer_id, opened as time from tickets where {QUESTION}"),
        "complaints": (
            "tickets",
            "kind",
            "select customer_id, opened as time from tickets where kind = 'complaint'",
        ),
        "recommendations": (
            "referrals",
            "date",
            "select customer_id, cast(date as timestamp) as time from referrals where true",
        ),
        "contacts": (
            "contacts",
            "direction",
            f"select customer_id, time from contacts where {is_one_of('direction', INBOUND)}",
        ),
    }
    table, column, query = queries[kpi]
    if column not in columns_of(engine, table):
        return None
    moment = {"tickets": "opened", "referrals": "date", "contacts": "time"}[table]
    before = f"{moment} <= {date(pd.Timestamp(as_of))}" if moment == "date" else f"{moment} < {until}"
    found = engine.execute(f"{query} and {before} order by 2, 1").df()
    return found.assign(time=pd.to_datetime(found["time"]))


def count_between(events: pd.DataFrame, customers: Iterable[str], *, after, until) -> pd.Series:
    """Events of each customer later than the day `after`, up to the end of `until`.

    Parameters
    ----------
    events
        `customer_id` and `time`.
    """
    first, last = (pd.Timestamp(day).normalize() + pd.Timedelta(days=1) for day in (after, until))
    within = events[(events["time"] >= first) & (events["time"] < last)]
    index = pd.Index(customers, name="customer_id")
    return within.groupby("customer_id").size().reindex(index).fillna(0).astype("int64")


def _count_dealings(dealings: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    of_year = dealings[dealings["time"] >= end - pd.Timedelta(days=YEAR - 1)]
    counts = of_year.groupby(["customer_id", "kind"]).size().unstack(fill_value=0)  # noqa: PD010
    counts = counts.reindex(columns=list(KINDS), fill_value=0)
    counts.columns = pd.Index([f"{name}_365d" for name in COUNTS])
    return counts.assign(adopted_365d=of_year.groupby("customer_id")["adopted"].sum())


def _count_questions(engine: Engine, end: pd.Timestamp) -> pd.DataFrame:
    asked = list_events(engine, "questions", as_of=end)
    asked = asked[asked["time"] >= end - pd.Timedelta(days=HALF_YEAR - 1)]
    dealings = list_dealings(engine, as_of=end)
    trained = dealings[dealings["kind"] == "training"].groupby("customer_id")["time"].max()
    last = trained.reindex(asked["customer_id"]).set_axis(asked.index)
    counts = asked.assign(is_open=last.isna() | (asked["time"] > last)).groupby("customer_id")["is_open"]
    return pd.DataFrame({"questions_180d": counts.size(), "open_questions": counts.sum()})


def _count_recommended(engine: Engine, end: pd.Timestamp) -> pd.DataFrame:
    found = engine.execute(f"""
        select customer_id, count(distinct referred_id) as recommended_365d from referrals
        where date <= {date(end)} and date > {date(end - pd.Timedelta(days=YEAR))}
        group by customer_id order by customer_id""").df()
    return found.set_index("customer_id")


def _find_promoters(engine: Engine, end: pd.Timestamp) -> pd.DataFrame:
    found = engine.execute(f"""
        select given.customer_id as customer_id, case when avg(score) >= {PROMOTER} then 1 else 0 end as yes
        from surveys as given join (
            select customer_id, max(time) as last from surveys
            where instrument = 'nps' and score between 0 and 10 and time < {end_of(end)}
            group by customer_id) as latest
            on latest.customer_id = given.customer_id and latest.last = given.time
        where instrument = 'nps' and score between 0 and 10
            and time >= {end_of(end - pd.Timedelta(days=YEAR))}
        group by given.customer_id order by given.customer_id""").df()
    return found.rename(columns={"yes": "is_promoter"}).set_index("customer_id")


def _list_everybody(engine: Engine, end: pd.Timestamp) -> pd.Index:
    until = end_of(end)
    moments = {"contacts": f"time < {until}", "tickets": f"opened < {until}", "surveys": f"time < {until}"}
    moments |= {"referrals": f"date <= {date(end)}", "transactions": f"day <= {date(end)}"}
    parts = [
        f"select customer_id from {table} where {before}"
        for table, before in moments.items()
        if has(engine, table)
    ]
    if not parts:
        return pd.Index([], dtype="str", name="customer_id")
    found = engine.execute(f"select distinct customer_id from ({' union all '.join(parts)}) as named").df()
    return pd.Index(found["customer_id"], dtype="str", name="customer_id").sort_values()
