"""What customers answer: NPS, csat, their intervals, who stays silent."""

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import end_of
from crcm_lib.schema.engine import Engine, columns_of, has
from crcm_lib.stats import Z_95, student

SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
PROMOTER, DETRACTOR = 9, 6
REACH = {"nps": 200, "csat": 4}  # divided by the number of answers: what one of them can change


def net_promoter_score(answers: pd.Series) -> dict[str, float]:
    """NPS (-100…100) of answers 0…10, its 95 % interval and the counts behind it.

    The interval is the adjusted Wald: 3/4 added to promoters and detractors and 3/2 to the others, then the
    normal interval of a difference of two shares of one sample (Rocks 2016, The American Statistician 70,
    365-372, who found it among the two best).

    >>> score = net_promoter_score(pd.Series([10, 9, 9, 8, 7, 3]))
    >>> {name: round(value, 1) for name, value in score.items()}
    {'nps': 33.3, 'low': -26.7, 'high': 71.2, 'promoters': 3, 'detractors': 1, 'answers': 6}
    """
    known = answers.dropna()
    promoters, detractors = int((known >= PROMOTER).sum()), int((known <= DETRACTOR).sum())
    n = len(known) + 3
    up, down = (promoters + 0.75) / n, (detractors + 0.75) / n
    width = Z_95 * np.sqrt((up + down - (up - down) ** 2) / n)
    return {
        "nps": 100 * (promoters - detractors) / len(known) if len(known) else np.nan,
        "low": float(100 * max(up - down - width, -1)),
        "high": float(100 * min(up - down + width, 1)),
        "promoters": promoters,
        "detractors": detractors,
        "answers": len(known),
    }


def mean_answer(answers: pd.Series, *, scale: tuple[float, float] = SCALES["csat"]) -> dict[str, float]:
    """Mean and its 95 % interval (Student), which ends where the scale does and needs two answers or more."""
    known = answers.dropna().to_numpy(float)
    mean, low, high = student(known) if len(known) else (np.nan,) * 3
    low, high = np.clip([low, high], *scale)
    return {"mean": mean, "low": float(low), "high": float(high), "answers": len(known)}


def compare_groups(satisfaction: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """What each value of `by` answers: NPS, or mean csat where nobody gave an NPS answer; 95 % intervals.

    Columns: group, measure (nps, csat), customers who answered, score, low, high.
    """
    answers = satisfaction.reindex(columns=["nps", "csat"]).astype("float64")
    measure = "nps" if answers["nps"].notna().any() else "csat"
    answered = answers[measure].dropna()
    groups = by.reindex(answered.index).dropna()
    rows = [[name, measure, *_score(answered[part.index], measure)] for name, part in groups.groupby(groups)]
    return pd.DataFrame(rows, columns=["group", "measure", "customers", "score", "low", "high"])


def _score(answers: pd.Series, measure: str) -> tuple[int, float, float, float]:
    """How many answered, and the NPS or the mean of csat with its interval."""
    said = net_promoter_score(answers) if measure == "nps" else mean_answer(answers)
    return said["answers"], said["nps" if measure == "nps" else "mean"], said["low"], said["high"]


def measure_coverage(satisfaction: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Buyers who gave an NPS or csat answer (`answered`) and who did not: customers, share, medians."""
    answers = satisfaction.reindex(columns=["nps", "csat"]).dropna(how="all")
    answered = pd.Series(buyers.index.isin(answers.index), index=buyers.index)
    rows = []
    for name, part in ((True, buyers[answered]), (False, buyers[~answered])):
        medians = {c: part[c].astype(float).median() for c in ("purchases", "spend_total", "days_since_last")}
        share = len(part) / max(len(buyers), 1)
        rows.append({"answered": name, "customers": len(part), "share": share, **medians})
    return pd.DataFrame(rows)


def trend_by_month(engine: Engine, *, as_of) -> pd.DataFrame:
    """NPS and mean csat per month that is over, with intervals; a customer's latest answer of it counts.

    Columns: month, measure (nps, csat), score, low, high, customers.
    """
    columns = ["month", "measure", "score", "low", "high", "customers"]
    if not has(engine, "surveys"):
        return pd.DataFrame(columns=columns)
    answers = engine.execute(f"""
        select month, instrument, score from (
            select date_trunc('month', time) as month, instrument, score, row_number() over (
                partition by customer_id, instrument, date_trunc('month', time)
                order by time desc, score) as nth
            from surveys where time < {_running_month(as_of)} and {_on_scale("nps", "csat")}) as answers
        where nth = 1 order by month, instrument, score""").df()
    rows = []
    for (month, instrument), part in answers.groupby(["month", "instrument"]):
        customers, *score = _score(part["score"], instrument)
        rows.append([month, instrument, *score, customers])
    return pd.DataFrame(rows, columns=columns)


def count_off_scale(engine: Engine, *, as_of) -> int:
    """How many survey answers are off their instrument's scale and therefore not counted."""
    if not has(engine, "surveys"):
        return 0
    known = ", ".join(f"'{name}'" for name in SCALES)
    off = f"instrument in ({known}) and not {_on_scale(*SCALES)}"
    counted = f"select count(*) from surveys where time < {end_of(as_of)} and {off}"
    return engine.execute(counted).fetchall()[0][0]


def answers_per_customer(engine: Engine, until: str) -> pd.DataFrame:
    """Per customer: latest nps answer, mean of csat answers and of marks for resolved tickets."""
    asked = has(engine, "surveys")
    marked = {"satisfaction", "resolved"} <= columns_of(engine, "tickets")
    parts = []
    if asked:
        parts.append(f"""
            select customer_id, time, instrument, score from surveys
            where time < {until} and {_on_scale("nps", "csat")}""")
    if marked:
        parts.append(f"""
            select customer_id, resolved as time, 'csat' as instrument, satisfaction as score from tickets
            where opened < {until} and resolved < {until} and satisfaction between 1 and 5""")
    if not parts:
        return pd.DataFrame(index=pd.Index([], dtype="str", name="customer_id"))
    frame = (
        engine.execute(f"""
        select customer_id, max(case when nth = 1 and instrument = 'nps' then score end) as nps,
            avg(case when instrument = 'csat' then score end) as csat
        from (select customer_id, instrument, score, row_number() over (
                  partition by customer_id, instrument order by time desc, score) as nth
              from ({" union all ".join(parts)}) as answers) as numbered
        group by customer_id order by customer_id""")
        .df()
        .set_index("customer_id")
    )
    return frame if asked else frame.drop(columns="nps")


def _running_month(as_of) -> str:
    """SQL: the start of the first month that is not over on `as_of`."""
    running = (pd.Timestamp(as_of) + pd.Timedelta(days=1)).to_period("M")
    return f"timestamp '{running.start_time:%Y-%m-%d %H:%M:%S}'"


def _on_scale(*instruments: str) -> str:
    """SQL: the answer is on its instrument's scale."""
    limits = ((name, *SCALES[name]) for name in instruments)
    scales = [f"(instrument = '{name}' and score between {low} and {high})" for name, low, high in limits]
    return f"({' or '.join(scales)})"
