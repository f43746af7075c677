"""Who buys what and when: BG/NBD purchases and gamma-gamma spend from known parameters, in planted groups."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

REGIONS = ("华东", "华南", "华北", "华中", "西南")
CATEGORIES = ("beverages", "snacks", "household", "stationery", "equipment", "spare parts")
CATEGORY_PRICE = np.array([6.0, 4.0, 9.0, 3.0, 420.0, 35.0])  # yuan a piece, before the product's own factor
CATEGORY_COST = np.array([0.72, 0.66, 0.70, 0.58, 0.81, 0.52])  # cost as a share of the list price
CHANNELS = ("field sales", "phone", "web shop", "app", "store")
PRODUCTS_PER_CATEGORY = 12
SEASON_SWING = (
    0.35  # purchases are 35 % more frequent at the peak than over the year, 35 % less in the trough
)
SEASON_PEAK = 350  # day of the year: mid December
RETURN_SHARE = 0.03
SOMEWHERE_ELSE = "P-900"  # a product nobody bought, so that its return matches no sale


@dataclass(frozen=True)
class Group:
    """A planted group: r, alpha, a, b of BG/NBD (per day) and p, q, v of gamma-gamma (yuan per purchase)."""

    name: str
    share: float
    company_share: float
    bgnbd: tuple[float, float, float, float]
    gamma_gamma: tuple[float, float, float]
    discounted: float
    categories: tuple[float, ...]
    channels: tuple[float, ...]


GROUPS = (
    Group(
        "restockers",
        share=0.22,
        company_share=0.95,
        bgnbd=(3.0, 96.0, 0.5, 9.0),
        gamma_gamma=(6.0, 6.0, 480.0),
        discounted=0.15,
        categories=(0.38, 0.34, 0.20, 0.06, 0.01, 0.01),
        channels=(0.45, 0.30, 0.20, 0.03, 0.02),
    ),
    Group(
        "project buyers",
        share=0.13,
        company_share=0.90,
        bgnbd=(1.5, 210.0, 0.8, 5.0),
        gamma_gamma=(4.0, 5.0, 2600.0),
        discounted=0.30,
        categories=(0.02, 0.01, 0.06, 0.08, 0.55, 0.28),
        channels=(0.70, 0.15, 0.10, 0.02, 0.03),
    ),
    Group(
        "bargain hunters",
        share=0.37,
        company_share=0.05,
        bgnbd=(1.2, 130.0, 1.0, 3.5),
        gamma_gamma=(3.0, 5.0, 90.0),
        discounted=0.75,
        categories=(0.20, 0.38, 0.34, 0.07, 0.00, 0.01),
        channels=(0.00, 0.02, 0.33, 0.45, 0.20),
    ),
    Group(
        "enthusiasts",
        share=0.28,
        company_share=0.08,
        bgnbd=(3.0, 180.0, 0.6, 8.0),
        gamma_gamma=(8.0, 6.0, 130.0),
        discounted=0.08,
        categories=(0.10, 0.05, 0.10, 0.55, 0.05, 0.15),
        channels=(0.02, 0.03, 0.60, 0.30, 0.05),
    ),
)


def plant_people(rng: np.random.Generator, customers: int) -> pd.DataFrame:
    """One row per customer: their group and the true rates that drive everything they do."""
    group = rng.choice(len(GROUPS), customers, p=[group.share for group in GROUPS])
    r, alpha, a, b = np.array([group.bgnbd for group in GROUPS])[group].T
    p, q, v = np.array([group.gamma_gamma for group in GROUPS])[group].T
    company = rng.random(customers) < np.array([group.company_share for group in GROUPS])[group]
    return pd.DataFrame(
        {
            "customer_id": [f"K{number}" for number in range(10_001, 10_001 + customers)],
            "group": pd.Categorical.from_codes(group, [group.name for group in GROUPS]),
            "company": company,
            "region": np.array(REGIONS)[rng.choice(len(REGIONS), customers, p=[0.35, 0.25, 0.2, 0.12, 0.08])],
            "purchase_rate": rng.gamma(r) / alpha,
            "dropout_chance": rng.beta(a, b),
            "spend_per_purchase": p * v / rng.gamma(q),
        }
    )


def season_clock(first: pd.Timestamp, days: int) -> np.ndarray:
    """The season as a clock: how many average days have gone by at the start of each calendar day."""
    day_of_year = (first + pd.to_timedelta(np.arange(days), unit="D")).day_of_year
    pace = 1 + SEASON_SWING * np.cos(2 * np.pi * (day_of_year.to_numpy() - SEASON_PEAK) / 365.25)
    return np.concatenate([[0.0], np.cumsum(pace)])


def draw_purchases(rng: np.random.Generator, people: pd.DataFrame, clock: np.ndarray) -> pd.DataFrame:
    """One row per purchase: `who` (row of `people`) and `at` (days from the first day, fractions too).

    Given how many purchases a Poisson process would make until the last day, their times are uniform; the
    customer leaves right after the repeat purchase whose number is geometric with their own dropout chance
    (BG/NBD: Fader, Hardie & Lee 2005, Marketing Science 24(2), section 2). The season
    only changes how fast the clock runs.
    """
    span, rows = clock[-1], np.arange(len(people))
    first = span * 0.97 * rng.random(len(people)) ** 1.6  # more of them join early
    would_buy = rng.poisson(people["purchase_rate"] * (span - first))
    leaves_after = rng.geometric(np.clip(people["dropout_chance"], 1e-12, 1))
    who = np.repeat(rows, would_buy)
    at = first[who] + (span - first)[who] * rng.random(len(who))
    order = np.lexsort((at, who))
    who, at = who[order], at[order]
    number = np.arange(len(who)) - np.repeat(np.cumsum(would_buy) - would_buy, would_buy) + 1
    stays = number <= leaves_after[who]
    who, at = np.concatenate([rows, who[stays]]), np.concatenate([first, at[stays]])
    order = np.lexsort((at, who))
    when = np.interp(at[order], clock, np.arange(len(clock)))
    purchases = pd.DataFrame({"who": who[order], "at": when})
    return purchases.assign(last_one=(leaves_after <= would_buy)[purchases["who"]])


def plant_truth(people: pd.DataFrame, purchases: pd.DataFrame, first: pd.Timestamp) -> pd.DataFrame:
    """What only a simulator knows: who has left, when, and what the others will spend.

    `spend_expected_365d` (yuan): those who stay make (1 − exp(−λp·365)) / p purchases in 365 days.
    """
    by_customer = purchases.groupby("who")
    left = by_customer["last_one"].first().to_numpy()
    last = by_customer["at"].max().to_numpy()
    rate, chance = people["purchase_rate"], people["dropout_chance"].clip(lower=1e-9)
    to_come = ~left * -np.expm1(-rate * chance * 365) / chance
    return people.assign(
        first_day=first + pd.to_timedelta(np.floor(by_customer["at"].min()), unit="D"),
        alive=~left,
        dropped_out=pd.Series(first + pd.to_timedelta(np.floor(last), unit="D")).where(left),
        purchases=by_customer.size(),
        spend_rate=rate * people["spend_per_purchase"] * ~left,
        spend_expected_365d=to_come * people["spend_per_purchase"],
    )


def draw_lines(
    rng: np.random.Generator, people: pd.DataFrame, purchases: pd.DataFrame, first: pd.Timestamp
) -> pd.DataFrame:
    """Split each purchase's spend over one to four lines of products; money in whole fen."""
    group = people["group"].cat.codes.to_numpy()
    who = purchases["who"].to_numpy()
    shape = np.array([group.gamma_gamma[0] for group in GROUPS])[group[who]]
    spend = rng.gamma(shape) * people["spend_per_purchase"].to_numpy()[who] / shape
    lines = 1 + np.minimum(rng.poisson(0.45, len(who)), 3)
    order = np.repeat(np.arange(len(who)), lines)
    share = rng.exponential(size=len(order))
    share /= np.bincount(order, share)[order]
    group = group[who[order]]
    category = _pick(rng, [group.categories for group in GROUPS], group)
    product = category * PRODUCTS_PER_CATEGORY + rng.integers(0, PRODUCTS_PER_CATEGORY, len(order))
    price = CATEGORY_PRICE[category] * (0.5 + product % PRODUCTS_PER_CATEGORY / 8)
    quantity = np.maximum(1, np.round(spend[order] * share / price)).astype(int)
    off = np.where(
        rng.random(len(order)) < np.array([group.discounted for group in GROUPS])[group],
        rng.choice([0.05, 0.10, 0.20], len(order)),
        0,
    )
    unit = np.maximum(1, np.round(100 * spend[order] * share / quantity / (1 - off))).astype(np.int64)
    discount = np.round(unit * quantity * off).astype(np.int64)
    day, minute = np.floor(purchases["at"].to_numpy()), rng.integers(8 * 60, 20 * 60, len(who))
    time = first + pd.to_timedelta(day * 1440 + minute, unit="min")
    channel = _pick(rng, [group.channels for group in GROUPS], people["group"].cat.codes.to_numpy()[who])
    return pd.DataFrame(
        {
            "customer_id": people["customer_id"].to_numpy()[who[order]],
            "time": time[order],
            "amount": unit * quantity - discount,
            "order_id": np.array([f"A{number}" for number in range(100_001, 100_001 + len(who))])[order],
            "product_id": np.array([f"P-{number:03d}" for number in range(101, 181)])[product],
            "category": np.array(CATEGORIES)[category],
            "quantity": quantity,
            "unit_price": unit,
            "cost": np.round(unit * quantity * CATEGORY_COST[category]).astype(np.int64),
            "discount": discount,
            "channel": np.array(CHANNELS)[channel[order]],
            "region": people["region"].to_numpy()[who[order]],
            "kind": "sale",
        }
    )


def draw_returns(rng: np.random.Generator, sales: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """Some lines come back whole, 1 to 30 days later, under the number of their order; a few match no sale.

    `sale_day` is the day of the sale that a return undoes, empty for an unmatched one.
    """
    back = sales[rng.random(len(sales)) < RETURN_SHARE].sort_values("time", kind="stable")
    returns = back.assign(
        sale_day=back["time"].dt.normalize(),
        time=back["time"] + pd.to_timedelta(rng.integers(1, 31, len(back)), unit="D"),
    )
    strays = back.iloc[:6].assign(product_id=SOMEWHERE_ELSE, order_id=None, sale_day=pd.NaT)
    strays["time"] += pd.to_timedelta(40, unit="D")
    returns = pd.concat([returns, strays], ignore_index=True)
    minus = ["amount", "quantity", "cost"]
    returns = returns.assign(kind="return", discount=0, **{name: -returns[name] for name in minus})
    return returns[returns["time"] < last + pd.Timedelta(days=1)]


def _pick(rng: np.random.Generator, weights: list, group: np.ndarray) -> np.ndarray:
    """Draw one option for each row, by the weights of its group."""
    steps = np.cumsum(np.array(weights), axis=1)
    steps /= steps[:, -1:]
    return (rng.random(len(group))[:, None] >= steps[group]).sum(axis=1)
