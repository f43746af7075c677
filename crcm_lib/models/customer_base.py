"""The customer base as a whole: cohorts, concentration of spend, and sizes of groups of customers."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.features.age_groups import assign_age_groups
from crcm_lib.privacy import SMALL_GROUPS, hide_small
from crcm_lib.schema.engine import Engine, columns_of
from crcm_lib.stats import wilson

SPEND_BANDS = {  # of buyers, largest spender first: the share of buyers at which each band ends
    "top_1_percent": 0.01,
    "next_9_percent": 0.1,
    "next_10_percent": 0.2,
    "next_30_percent": 0.5,
    "lower_half": 1.0,
}
BUYER_KINDS = ("bought_on_several_days", "bought_on_one_day", "prospect_or_returned_all")
SIZES = ["customers", "customer_share", "spend_total", "spend_share", "spend_mean", "largest_share"]
MONEY = ("spend_total", "spend_share", "spend_mean")  # the columns of SIZES that a small group must not show
MAX_LEVELS = 8
NOT_GIVEN, OTHERS = "not_given", SMALL_GROUPS


def follow_cohorts(engine: Engine, *, as_of) -> pd.DataFrame:
    """Retention by cohort: of those who first bought in a calendar month, how many bought in a later one.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`.
    as_of
        Last day observed, inclusive.

    Returns
    -------
    One row per cohort and month up to the month of `as_of`: `cohort` (first day of the month), `months_later`
    (calendar months), `customers` in the cohort, `active` of them, `retained_share` (active / customers), and
    `complete`: whether that month was over by `as_of`. The data's first cohort also contains everyone who was
    a customer before the data began.
    """
    end = pd.Timestamp(as_of).normalize()
    parts = sql.daily(end) | {
        "active_months": """
            select distinct customer_id,
                12 * extract(year from purchase_day) + extract(month from purchase_day) - 1 as month_number
            from daily where is_purchase = 1""",
        "cohorts": "select customer_id, min(month_number) as cohort from active_months group by customer_id",
    }
    select = """
        select cohort, month_number - cohort as months_later, count(*) as active
        from active_months join cohorts on cohorts.customer_id = active_months.customer_id
        group by cohort, month_number - cohort order by cohort, month_number - cohort"""
    counts = engine.execute(sql.query(parts, select)).df().astype("int64")
    now = 12 * end.year + end.month - 1
    pairs = [(cohort, later) for cohort in counts["cohort"].unique() for later in range(now - cohort + 1)]
    index = pd.MultiIndex.from_tuples(pairs, names=["cohort", "months_later"])
    cohorts = counts.set_index(["cohort", "months_later"]).reindex(index, fill_value=0).reset_index()
    size = cohorts["active"].where(cohorts["months_later"] == 0).groupby(cohorts["cohort"]).transform("max")
    month_is_over = end == end + pd.offsets.MonthEnd(0)
    return cohorts.assign(
        cohort=[pd.Timestamp(year=c // 12, month=c % 12 + 1, day=1) for c in cohorts["cohort"]],
        customers=size.astype("int64"),
        retained_share=cohorts["active"] / size,
        complete=(cohorts["cohort"] + cohorts["months_later"] < now) | month_is_over,
    )[["cohort", "months_later", "customers", "active", "retained_share", "complete"]]


def hide_small_cohorts(cohorts: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """The complete months after the first of `follow_cohorts`, without small cells.

    `active` and `retained_share` are missing and `hidden` is True where 1 to `at_least` - 1 of a cohort were
    active, and everywhere in a cohort of fewer than `at_least` customers.
    """
    later = cohorts[cohorts["complete"] & (cohorts["months_later"] > 0)]
    hidden = later["active"].between(1, at_least - 1) | (later["customers"] < at_least)
    return later.assign(
        hidden=hidden,
        active=later["active"].astype("Int64").mask(hidden),
        retained_share=later["retained_share"].mask(hidden),
    )


def split_by_purchases(customers: pd.DataFrame) -> pd.DataFrame:
    """Repeat buyers, one-time buyers and those without a purchase, as in `BUYER_KINDS`; columns `SIZES`."""
    several, one, none = BUYER_KINDS
    groups = pd.Series(several, index=customers.index, name="customers_who", dtype="object")
    groups = groups.mask(customers["purchases"] == 1, one).mask(customers["purchases"] == 0, none)
    return size_groups(customers, groups, list(BUYER_KINDS))


def sum_categories(engine: Engine, *, as_of, at_least: int = 5) -> pd.DataFrame:
    """Buyers and sales of each product category up to `as_of`; returns are not taken off.

    Categories of fewer than `at_least` buyers are one, `OTHERS`, because what hardly anybody buys can name
    who does.

    Returns
    -------
    Largest sales first, `OTHERS` last: `category`, `customers`, `customer_share` of all buyers (who may buy
    in several), `spend_total`, `spend_share`, `spend_mean` per buyer, `largest_share` (the largest buyer's
    share of the category). No rows where the transactions have no categories.
    """
    if "category" not in columns_of(engine, "transactions"):
        return pd.DataFrame(columns=["category", *SIZES])
    parts = {
        "bought": f"""
            select customer_id, coalesce(category, '{NOT_GIVEN}') as category,
                sum({sql.money("amount")}) as sold from transactions
            where day <= {sql.date(pd.Timestamp(as_of))} and kind = 'sale'
            group by customer_id, coalesce(category, '{NOT_GIVEN}')""",
        "sizes": "select category, count(*) as customers from bought group by category",
        "named": f"""
            select customer_id, sold,
                case when customers < {at_least} then '{OTHERS}' else bought.category end as category
            from bought join sizes on sizes.category = bought.category""",
        "sold": "select customer_id, category, sum(sold) as sold from named group by customer_id, category",
    }
    select = f"""
        select category, count(*) as customers, sum(sold) as sales, max(sold) as largest,
            (select count(distinct customer_id) from sold) as buyers
        from sold group by category
        order by case when category = '{OTHERS}' then 1 else 0 end, sum(sold) desc, category"""
    sums = engine.execute(sql.query(parts, select)).df()
    return pd.DataFrame(
        {
            "category": sums["category"].astype("object"),
            "customers": sums["customers"],
            "customer_share": sums["customers"] / sums["buyers"],
            "spend_total": sums["sales"],
            "spend_share": sums["sales"] / sums["sales"].sum(),
            "spend_mean": sums["sales"] / sums["customers"],
            "largest_share": sums["largest"] / sums["sales"].where(sums["sales"] > 0),
        }
    )


def lorenz_curve(customers: pd.DataFrame, *, points: int = 100, at_least: int = 5) -> pd.DataFrame:
    """The Lorenz curve of buyers' spend: `share_of_customers` (smallest spenders first), `share_of_spend`.

    A negative spend (more returned than bought) counts as 0. Lorenz (1905), Publications of the American
    Statistical Association 9(70), 209-219.

    Parameters
    ----------
    customers
        `purchases` and `spend_total`; customers without a purchase are left out.
    points
        Number of steps along the axis of customers.
    at_least
        Of fewer buyers there is no curve: it would tell what each of them spends.
    """
    spend = _sorted_spend(customers).iloc[::-1]
    if len(spend) < at_least:
        return pd.DataFrame({"share_of_customers": [], "share_of_spend": []}, dtype=float)
    if not spend.sum():
        return pd.DataFrame({"share_of_customers": [0.0, 1.0], "share_of_spend": [0.0, 1.0]})
    reached = pd.concat([pd.Series([0.0]), spend.cumsum()], ignore_index=True)
    places = [round(len(spend) * place / points) for place in range(points + 1)]
    return pd.DataFrame(
        {
            "share_of_customers": [place / len(spend) for place in places],
            "share_of_spend": (reached.iloc[places] / reached.iloc[-1]).to_list(),
        }
    ).drop_duplicates(ignore_index=True)


def measure_concentration(customers: pd.DataFrame, *, at_least: int = 5) -> dict[str, float]:
    """Concentration of spend over buyers, each measure 0…1 and NaN where nothing was spent.

    `top_10_share`: share of spend of the tenth of buyers who spend most (rounded up; NaN where they are fewer
    than `at_least`). `gini`: the Gini coefficient, 0 where all spend the same. `hhi`: the
    Herfindahl-Hirschman index, the sum of squared shares; its inverse is the number of equal customers that
    would be as concentrated.

    Examples
    --------
    >>> four = pd.DataFrame({"purchases": 1, "spend_total": [70.0, 10.0, 10.0, 10.0]})
    >>> {name: round(value, 3) for name, value in measure_concentration(four, at_least=1).items()}
    {'top_10_share': 0.7, 'gini': 0.45, 'hhi': 0.52}
    """
    spend = _sorted_spend(customers)
    total, buyers = spend.sum(), len(spend)
    if not total:
        return dict.fromkeys(("top_10_share", "gini", "hhi"), float("nan"))
    top = math.ceil(buyers / 10)
    ranks = pd.Series(range(buyers, 0, -1))  # the largest spender has the highest rank
    return {
        "top_10_share": float(spend.head(top).sum() / total) if top >= at_least else float("nan"),
        "gini": float(2 * (ranks * spend).sum() / (buyers * total) - (buyers + 1) / buyers),
        "hhi": float(((spend / total) ** 2).sum()),
    }


def split_by_spend(customers: pd.DataFrame) -> pd.DataFrame:
    """Sizes of the `SPEND_BANDS` of buyers, largest spenders first, indexed by `band`; columns `SIZES`."""
    spend = _sorted_spend(customers)
    ends = [0, *(math.ceil(len(spend) * share) for share in SPEND_BANDS.values())]
    parts = [spend.iloc[start:end] for start, end in pairwise(ends)]
    return _sizes(parts, pd.Index(SPEND_BANDS, name="band"), spend.sum())


def break_down(customers: pd.DataFrame, column: str, *, at_least: int = 5) -> pd.DataFrame:
    """Customers and their spend by the levels of a column, the most numerous first.

    Levels of fewer than `at_least` customers, and those beyond the `MAX_LEVELS` largest, are one level
    `OTHERS`, because the name of a level can identify a person too. Missing values are the level `NOT_GIVEN`.

    Returns
    -------
    Indexed by level, the columns of `size_groups`.
    """
    levels = customers[column].astype("object").where(customers[column].notna(), NOT_GIVEN).astype("str")
    counts = levels.value_counts()
    order = sorted(counts.index, key=lambda level: (-counts[level], level))
    large = [level for level in order[:MAX_LEVELS] if counts[level] >= at_least]
    levels = levels.where(levels.isin(large), OTHERS).rename(column)
    return size_groups(customers, levels, large + ([OTHERS] if (levels == OTHERS).any() else []))


def size_groups(customers: pd.DataFrame, groups: pd.Series, order: list[str]) -> pd.DataFrame:
    """Customers and spend of each group, indexed by group in the order given.

    Returns
    -------
    The columns `SIZES`: `customers`, `customer_share`, `spend_total` (negative spends count as 0),
    `spend_share`, `spend_mean` per customer, `largest_share` (the largest customer's share of the group's
    spend; `privacy.hide_small` needs it).
    """
    spend = customers["spend_total"].clip(lower=0).reindex(groups.index)
    parts = [spend[groups == group].sort_values(ascending=False) for group in order]
    return _sizes(parts, pd.Index(order, name=groups.name, dtype="object"), spend.sum())


def count_returns(groups: pd.Series, purchases: pd.Series, order: list[str]) -> pd.DataFrame:
    """Of those in each group on an earlier day, how many bought again in the days held out after it.

    Parameters
    ----------
    groups
        The group of each customer on that day.
    purchases
        On how many days each customer then known bought in the days held out; empty where these are too few.

    Returns
    -------
    Indexed by group in the order given: `customers_then`, `bought_again_share` with its 95 % interval `low`,
    `high` (Wilson); missing for a group without customers. No rows where nothing was held out.
    """
    order = order if len(purchases) else []
    known = groups.reindex(purchases.index)
    again = (purchases > 0).groupby(known).agg(["size", "sum"]).reindex(order, fill_value=0)
    ends = [wilson(hits, n) if n else (np.nan, np.nan) for n, hits in again.itertuples(index=False)]
    interval = pd.DataFrame(ends, again.index, columns=["low", "high"], dtype="float64")
    share = again["sum"] / again["size"].where(again["size"] > 0)
    columns = {"customers_then": again["size"], "bought_again_share": share, **interval}
    return pd.DataFrame(columns).rename_axis(groups.name)


def break_down_all(customers: pd.DataFrame, *, as_of, at_least: int = 5) -> pd.DataFrame:
    """`break_down` of every column of text that has at least two levels, one below the other.

    These are the attributes that came with the customers, the main channel and region, and `age_group` on
    `as_of` where birthdays are known. `attribute` and `level` name the rows; the other columns are `SIZES`.
    """
    if "birthday" in customers:
        customers = customers.assign(age_group=assign_age_groups(customers["birthday"], as_of))
    tables = [
        groups.rename_axis("level").reset_index().assign(attribute=column)
        for column in customers
        if pd.api.types.is_string_dtype(customers[column])
        and len(groups := break_down(customers, column, at_least=at_least)) > 1
    ]
    columns = ["attribute", "level", *SIZES]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def hide_per_attribute(groups: pd.DataFrame, attributes: list[str], *, at_least: int = 5) -> pd.DataFrame:
    """The rows of these attributes of `break_down_all`, in this order, without small and dominated groups.

    Each attribute is hidden by itself, because every attribute sorts the same customers anew.
    """
    parts = [
        hide_small(groups[groups["attribute"] == attribute], money=MONEY, at_least=at_least)
        for attribute in attributes
        if (groups["attribute"] == attribute).any()
    ]
    return pd.concat(parts, ignore_index=True) if parts else groups.iloc[:0].drop(columns="largest_share")


def _sorted_spend(customers: pd.DataFrame) -> pd.Series:
    """Spend of each buyer, largest first; a negative spend counts as 0."""
    spend = customers.loc[customers["purchases"] > 0, "spend_total"].clip(lower=0)
    return spend.sort_values(ascending=False, ignore_index=True)


def _sizes(parts: list[pd.Series], index: pd.Index, total: float) -> pd.DataFrame:
    sizes = pd.DataFrame(
        {
            "customers": [len(part) for part in parts],
            "spend_total": [float(part.sum()) for part in parts],
            "largest": [float(part.max()) if len(part) else 0.0 for part in parts],
        },
        index=index,
    )
    people, money = sizes["customers"], sizes["spend_total"]
    return pd.DataFrame(
        {
            "customers": people,
            "customer_share": people / people.sum(),
            "spend_total": money,
            "spend_share": money / total if total else float("nan"),
            "spend_mean": money / people.where(people > 0),
            "largest_share": sizes["largest"] / money.where(money > 0),
        }
    )
