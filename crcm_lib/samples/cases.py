"""A small synthetic company for each preset of the policy: what its founding case is about is planted.

The kinds of customers of each case differ in how often they buy, for how much, and in what is counted of
them beside (assets of a bank's customer, logins to a software), so that a rule of the preset can be tried.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from crcm_lib.schema.inputs import INPUTS

LAST_DAY = pd.Timestamp("2025-12-31")
REGIONS = ("华东", "华南", "华北", "西南")
CASES = ("bank", "software", "manufacturer", "service", "technology", "retail")
LEFT = 0.35  # of the history, before its end: when those who leave have stopped buying


@dataclass(frozen=True)
class Kind:
    """Customers of one kind.

    `gap` is the mean of days between purchases and `steady` the shape of its gamma distribution (100: almost
    always the same); `spend` the mean in yuan of one purchase; `leaves` marks who stops; `joined` how many
    days ago the first purchase was (least, most), null for any. `measures`: what is counted each month, and
    what it is in the last three months.
    """

    name: str
    customers: int
    gap: float
    spend: float
    steady: float = 2.0
    leaves: bool = False
    joined: tuple[int, int] | None = None
    sizes: tuple[str, ...] = ()
    nps: float = 8.0
    measures: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A synthetic company: its kinds of customers, what they buy, and for how many days it has been kept."""

    title: str
    kinds: tuple[Kind, ...]
    categories: tuple[str, ...]
    days: int = 915
    industries: tuple[str, ...] = ()  # none: the customers are persons
    contracts: bool = False


PLANTED = {
    "bank": Case(
        "Synthetic bank (persons)",
        (
            Kind("large assets, rarely here", 12, 75, 60, measures={"assets": (3e6, 3e6)}),
            Kind("large assets, often here", 12, 6, 20, measures={"assets": (1.1e6, 1.1e6)}),
            Kind("everyday users", 110, 5, 4, measures={"assets": (2e4, 2e4)}),
            Kind("occasional users", 86, 30, 5, measures={"assets": (1.5e4, 1.5e4)}),
            Kind("leaving", 20, 10, 5, leaves=True, nps=5, measures={"assets": (3e4, 2e3)}),
        ),
        ("transfers", "cards", "investments", "loans", "deposits"),
    ),
    "software": Case(
        "Synthetic software company (companies, by the month)",
        (
            Kind("daily users", 80, 30, 300, 100, measures={"logins": (22, 22), "features": (8, 8)}),
            Kind("growing users", 60, 30, 150, 60, measures={"logins": (12, 18), "features": (4, 6)}),
            Kind(
                "pay and hardly use it",
                30,
                30,
                450,
                100,
                nps=6,
                measures={"logins": (15, 2), "features": (5, 1)},
            ),
            Kind("small users", 50, 45, 60, 10, measures={"logins": (6, 6), "features": (3, 3)}),
            Kind(
                "left", 20, 30, 120, 40, leaves=True, nps=4, measures={"logins": (3, 0), "features": (2, 0)}
            ),
        ),
        ("base", "reports", "interfaces", "mobile"),
        industries=("retail", "logistics", "health", "education"),
        contracts=True,
    ),
    "manufacturer": Case(
        "Synthetic manufacturer (large and small companies)",
        (
            Kind("large, by plan", 40, 20, 6000, 6, sizes=("large",)),
            Kind("large, by project", 20, 70, 12000, sizes=("large",)),
            Kind("small, buy much", 20, 15, 5000, 6, sizes=("small",)),
            Kind("workshops", 100, 35, 300, sizes=("micro", "small")),
            Kind("medium", 45, 30, 1500, 4, sizes=("medium",)),
            Kind("left", 15, 30, 900, leaves=True, sizes=("small", "medium"), nps=4),
        ),
        ("bearings", "seals", "drives", "spare parts", "services"),
        days=1095,
        industries=("automotive", "electronics", "machinery", "food"),
    ),
    "service": Case(
        "Synthetic service company (persons)",
        (
            Kind("first visits", 45, 40, 90, joined=(1, 45)),
            Kind("coming more", 60, 40, 80, joined=(70, 150)),
            Kind("regulars", 85, 21, 120, 6),
            Kind("left", 50, 24, 100, leaves=True, nps=5),
        ),
        ("care", "repair", "courses", "cleaning"),
    ),
    "technology": Case(
        "Synthetic technology company (companies)",
        (
            Kind("builders", 55, 30, 900, 20, measures={"active_days": (18, 19), "calls": (4e4, 6e4)}),
            Kind("users", 85, 30, 250, 20, measures={"active_days": (11, 11), "calls": (9e3, 9e3)}),
            Kind(
                "large and idle",
                14,
                28,
                2000,
                30,
                nps=6,
                measures={"active_days": (12, 1), "calls": (2e4, 2e2)},
            ),
            Kind("small users", 66, 40, 60, 8, measures={"active_days": (6, 6), "calls": (1e3, 1e3)}),
            Kind(
                "left", 20, 30, 200, leaves=True, nps=4, measures={"active_days": (3, 0), "calls": (2e2, 0)}
            ),
        ),
        ("compute", "storage", "models", "support"),
        industries=("games", "finance", "media", "health"),
    ),
    "retail": Case(
        "Synthetic retailer (households)",
        (
            Kind("often, small baskets", 60, 4, 55, 4),
            Kind("rarely, large baskets", 50, 60, 900),
            Kind("now and then", 100, 25, 90),
            Kind("left", 30, 15, 80, leaves=True, nps=5),
        ),
        ("fresh", "bakery", "drinks", "household", "frozen"),
    ),
}


def simulate_case(name: str, seed: int = 0) -> dict[str, pd.DataFrame]:
    """The input tables of a synthetic company by name, and `truth`: `customer_id` and `kind` of each.

    Parameters
    ----------
    name
        One of `CASES`.
    seed
        Equal seeds give equal tables.
    """
    case = PLANTED[name]
    draw = {table: np.random.default_rng([seed, n]) for n, table in enumerate(_STREAMS)}
    kinds = [kind for kind in case.kinds for _each in range(kind.customers)]
    truth = pd.DataFrame(
        {
            "customer_id": [f"{name[0].upper()}{n:04d}" for n in range(1, len(kinds) + 1)],
            "kind": [kind.name for kind in kinds],
        }
    )
    first = LAST_DAY - pd.Timedelta(days=case.days - 1)
    bought = [_draw_days(draw["transactions"], kind, case.days) for kind in kinds]
    tables = {
        "customers": _describe(draw["customers"], truth, kinds, bought, case),
        "transactions": _list_sales(draw["lines"], truth, kinds, bought, case),
        "surveys": _ask(draw["surveys"], truth, kinds),
        "measures": _count(draw["measures"], truth, kinds, bought, case.days),
        "contracts": _sign(draw["contracts"], truth, kinds, bought, first)
        if case.contracts
        else truth.iloc[:0],
        "truth": truth,
    }
    return {table: rows for table, rows in tables.items() if len(rows)}


# One stream of random numbers each: a change in one table leaves the others as they were.
_STREAMS = ("transactions", "lines", "customers", "surveys", "measures", "contracts")


def write_case(folder: str | Path, name: str, seed: int = 0) -> None:
    """Write the tables of `simulate_case` as CSV to `folder`, their description `source.yaml`, and the truth.

    The truth is `truth/customers.csv`, which the description does not name.
    """
    folder = Path(folder)
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    tables = simulate_case(name, seed)
    tables.pop("truth").to_csv(folder / "truth" / "customers.csv", index=False, lineterminator="\n")
    described = [
        f"# A small synthetic company, made by `crcm sample --case {name}`. Nobody in it is real.",
        f"name: {name}_case",
        f"title: {PLANTED[name].title}",
        "synthetic: true",
        "currency: CNY",
        "time_zone: Asia/Shanghai",
        f"last_day: {LAST_DAY:%Y-%m-%d}",
        "tables:",
    ]
    for table, rows in tables.items():
        rows.to_csv(folder / f"{table}.csv", index=False, lineterminator="\n", date_format="%Y-%m-%d")
        columns = ", ".join(f"{column}: {column}" for column in rows)
        described += [f"  {table}:", f"    path: {table}.csv", f"    columns: {{{columns}}}"]
    (folder / "source.yaml").write_text("\n".join(described) + "\n", encoding="utf-8")


def _draw_days(rng: np.random.Generator, kind: Kind, days: int) -> np.ndarray:
    """The days of a customer's purchases, counted from the first day of the history."""
    pace = kind.gap * rng.gamma(20) / 20
    start = rng.integers(0, int(days * 0.4))
    if kind.joined:
        start = days - rng.integers(*kind.joined)
    end = days - rng.integers(int(days * LEFT / 2), int(days * LEFT)) if kind.leaves else days
    gaps = 1 + rng.gamma(kind.steady, pace / kind.steady, size=int(3 * days / pace) + 5)
    at = np.unique(np.floor(start + np.concatenate([[0.0], np.cumsum(gaps)])).astype(int))
    within: np.ndarray = at[at < end]
    return within


def _list_sales(
    rng: np.random.Generator, truth: pd.DataFrame, kinds: list[Kind], bought: list[np.ndarray], case: Case
) -> pd.DataFrame:
    """One line per purchase; each customer prefers one category."""
    first = LAST_DAY - pd.Timedelta(days=case.days - 1)
    counts = [len(days) for days in bought]
    spend = np.repeat([kind.spend * rng.gamma(8) / 8 for kind in kinds], counts)
    likes = np.repeat(rng.integers(0, len(case.categories), len(kinds)), counts)
    other = rng.integers(0, len(case.categories), len(spend))
    category = np.where(rng.random(len(spend)) < 0.6, likes, other)
    sales = pd.DataFrame(
        {
            "customer_id": np.repeat(truth["customer_id"].to_numpy(), counts),
            "time": first + pd.to_timedelta(np.concatenate(bought), unit="D"),
            "amount": np.maximum(0.01, np.round(spend * rng.gamma(6, size=len(spend)) / 6, 2)),
            "category": np.array(case.categories)[category],
        }
    )
    return sales.sort_values(["time", "customer_id"], kind="stable", ignore_index=True)


def _describe(
    rng: np.random.Generator, truth: pd.DataFrame, kinds: list[Kind], bought: list[np.ndarray], case: Case
) -> pd.DataFrame:
    first = LAST_DAY - pd.Timedelta(days=case.days - 1)
    joined = first + pd.to_timedelta([days[0] for days in bought], unit="D")
    table = truth[["customer_id"]].assign(
        subject_type="company" if case.industries else "person",
        region=np.array(REGIONS)[rng.choice(4, len(kinds), p=[0.4, 0.25, 0.2, 0.15])],
        signup=joined,
    )
    if not case.industries:
        return table
    return table.assign(
        industry=np.array(case.industries)[rng.integers(0, len(case.industries), len(kinds))],
        size=[rng.choice(kind.sizes or ("small", "medium", "large")) for kind in kinds],
        founded=joined - pd.to_timedelta(rng.integers(100, 25 * 365, len(kinds)), unit="D"),
        owner=np.array(["S01", "S02", "S03"])[rng.integers(0, 3, len(kinds))],
    )


def _ask(rng: np.random.Generator, truth: pd.DataFrame, kinds: list[Kind]) -> pd.DataFrame:
    """Two in five customers answered whether they would recommend the company, in the last year."""
    asked = truth[["customer_id"]].assign(
        time=LAST_DAY - pd.to_timedelta(rng.integers(1, 365, len(kinds)), unit="D"),
        instrument="nps",
        score=np.clip(np.round(rng.normal([kind.nps for kind in kinds], 1.5)), 0, 10).astype(int),
    )
    return asked[rng.random(len(kinds)) < 0.4].sort_values("time", kind="stable")


def _count(
    rng: np.random.Generator, truth: pd.DataFrame, kinds: list[Kind], bought: list[np.ndarray], days: int
) -> pd.DataFrame:
    """What is counted of each customer at the end of every month since the first purchase."""
    ends = pd.date_range(LAST_DAY - pd.Timedelta(days=days), LAST_DAY, freq="ME")
    first = LAST_DAY - pd.Timedelta(days=days - 1)
    rows = []
    for customer, kind, at in zip(truth["customer_id"], kinds, bought, strict=True):
        own = ends[ends >= first + pd.Timedelta(days=int(at[0]))]
        for name, (before, now) in kind.measures.items():
            level = np.where(own > LAST_DAY - pd.Timedelta(days=92), now, before) * rng.gamma(30) / 30
            value = np.round(level * rng.gamma(60, size=len(own)) / 60)
            rows.append(pd.DataFrame({"customer_id": customer, "day": own, "name": name, "value": value}))
    columns = list(INPUTS["measures"].columns)
    counted = pd.concat(rows) if rows else pd.DataFrame(columns=columns)
    return counted.sort_values(["day", "customer_id", "name"], kind="stable", ignore_index=True)


def _sign(
    rng: np.random.Generator,
    truth: pd.DataFrame,
    kinds: list[Kind],
    bought: list[np.ndarray],
    first: pd.Timestamp,
) -> pd.DataFrame:
    """Contracts of a year from the first purchase on; who leaves does not renew."""
    rows = []
    for customer, kind, at in zip(truth["customer_id"], kinds, bought, strict=True):
        start, stays = first + pd.Timedelta(days=int(at[0])), True
        while start <= LAST_DAY and stays:
            end = start + pd.Timedelta(days=364)
            stays = bool(rng.random() < 0.92) and not (
                kind.leaves and end > LAST_DAY - pd.Timedelta(days=365)
            )
            renewed = stays if end <= LAST_DAY else None
            rows.append((customer, start, end, renewed))
            start = end + pd.Timedelta(days=1)
    signed = pd.DataFrame(rows, columns=["customer_id", "start", "end", "renewed"])
    return signed.sort_values(["start", "customer_id"], kind="stable", ignore_index=True)
