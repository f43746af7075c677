"""The customer base as a whole: cohorts, concentration, and groups by what is known of customers."""

import math
from itertools import pairwise

import pandas as pd

from crcm_lib.features import customer_sql as sql
from crcm_lib.features.age_groups import assign_age_groups
from crcm_lib.i18n import _

BANDS = (
    (0.01, _("top 1 %")),
    (0.1, _("next 9 %")),
    (0.2, _("next 10 %")),
    (0.5, _("next 30 %")),
    (1.0, _("other half")),
)
MAX_LEVELS = 8
NOT_GIVEN = _("(not given)")
OTHERS = _("(small groups)")


def follow_cohorts(engine, *, as_of) -> pd.DataFrame:
    """Of the customers who first bought in a calendar month, how many bought again in each later month.

    Returns
    -------
    One row per cohort and month up to the month of `as_of`: `cohort` (first day of the month), `months_later`
    (calendar months), `customers` in the cohort, `active` of them, `retained_share`, and `complete`: whether
    that month was over by `as_of`. The data's first month also holds everyone who was a customer before.
    """
    until = pd.Timestamp(as_of).normalize()
    parts = sql.daily(until) | {
        "bought": """
            select distinct customer_id,
                12 * extract(year from purchase_day) + extract(month from purchase_day) - 1 as month_number
            from daily where is_purchase = 1""",
        "started": "select customer_id, min(month_number) as cohort from bought group by customer_id",
    }
    found = engine.execute(
        sql.query(
            parts,
            """select cohort, month_number - cohort as months_later, count(*) as active
            from bought join started on started.customer_id = bought.customer_id
            group by cohort, month_number - cohort order by cohort, month_number - cohort""",
        )
    ).df()
    found = found.astype("int64")
    now = 12 * until.year + until.month - 1
    every = [(c, m) for c in found["cohort"].unique() for m in range(now - c + 1)]
    index = pd.MultiIndex.from_tuples(every, names=["cohort", "months_later"])
    cohorts = found.set_index(["cohort", "months_later"]).reindex(index, fill_value=0).reset_index()
    size = cohorts["active"].where(cohorts["months_later"] == 0).groupby(cohorts["cohort"]).transform("max")
    over = until == until + pd.offsets.MonthEnd(0)
    return cohorts.assign(
        cohort=[pd.Timestamp(year=c // 12, month=c % 12 + 1, day=1) for c in cohorts["cohort"]],
        customers=size.astype("int64"),
        retained_share=cohorts["active"] / size,
        complete=(cohorts["cohort"] + cohorts["months_later"] < now) | over,
    )[["cohort", "months_later", "customers", "active", "retained_share", "complete"]]


def split_by_purchases(customers: pd.DataFrame) -> pd.DataFrame:
    """Who came back, who bought once, and who has not bought; the columns of `size_groups`."""
    names = [_("bought on several days"), _("bought on one day"), _("prospect, or returned all")]
    groups = pd.Series(names[0], index=customers.index, name="customers_who", dtype="object")
    groups = groups.mask(customers["purchases"] == 1, names[1]).mask(customers["purchases"] == 0, names[2])
    return size_groups(customers, groups, names)


def sum_categories(engine, *, as_of) -> pd.DataFrame:
    """Who buys what: customers and sales of each product category up to `as_of`, returns not taken off.

    Returns
    -------
    Most sales first: `category`, `customers`, `customer_share` of all buyers (who may buy in several),
    `spend_total`, `spend_share`, `largest_share` (the largest customer's share of the category). No rows
    without categories.
    """
    if "category" not in {
        column[0] for column in engine.execute("select * from transactions limit 0").description
    }:
        return pd.DataFrame(
            columns=["category", "customers", "customer_share", "spend_total", "spend_share", "largest_share"]
        )
    sold = f"""
        select customer_id, category, sum({sql.money("amount")}) as sold from transactions
        where day <= {sql.date(pd.Timestamp(as_of))} and kind = 'sale'
        group by customer_id, category"""
    found = engine.execute(
        sql.query(
            {"sold": sold},
            """select category, count(*) as customers, sum(sold) as sales, max(sold) as largest,
                (select count(distinct customer_id) from sold) as buyers
            from sold group by category order by sum(sold) desc, category""",
        )
    ).df()
    return pd.DataFrame(
        {
            "category": found["category"].astype("object").where(found["category"].notna(), NOT_GIVEN),
            "customers": found["customers"],
            "customer_share": found["customers"] / found["buyers"],
            "spend_total": found["sales"],
            "spend_share": found["sales"] / found["sales"].sum(),
            "largest_share": found["largest"] / found["sales"].where(found["sales"] > 0),
        }
    )


def draw_lorenz(customers: pd.DataFrame, *, points: int = 100) -> pd.DataFrame:
    """Share of spend that the smallest share of buyers brings: `share_of_customers`, `share_of_spend`.

    Who returned more than they bought counts as 0. Lorenz (1905), Publications of the ASA 9(70), 209-219.
    """
    spend = _spend(customers).iloc[::-1]
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
    """How much of the spend comes from few buyers: each 0…1, NaN where it would tell of too few.

    `top_10_share`: share of spend of the tenth of buyers who spend most (at least one buyer, rounded up; NaN
    where they are fewer than `at_least`). `gini`: 0 where all spend the same. `hhi`, the Herfindahl-Hirschman
    index: the sum of squared shares; 1 / hhi is the number of equal customers that would be as concentrated.

    Examples
    --------
    >>> four = pd.DataFrame({"purchases": 1, "spend_total": [70.0, 10.0, 10.0, 10.0]})
    >>> {name: round(value, 3) for name, value in measure_concentration(four, at_least=1).items()}
    {'top_10_share': 0.7, 'gini': 0.45, 'hhi': 0.52}
    """
    spend = _spend(customers)
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
    """Bands of buyers by their place in spend: `customers`, their spend and its share, `largest_share`."""
    spend = _spend(customers)
    ends = [0, *(math.ceil(len(spend) * share) for share, _name in BANDS)]
    parts = [spend.iloc[start:end] for start, end in pairwise(ends)]
    return _sizes(parts, pd.Index([name for _share, name in BANDS], name="buyers"), spend.sum())


def break_down(customers: pd.DataFrame, column: str, *, at_least: int = 5) -> pd.DataFrame:
    """Customers and their spend by the levels of a column, the most numerous first.

    Levels of fewer than `at_least` customers, and those beyond the eight largest, are one level "(small
    groups)", because the name of a level can tell of a person too.

    Returns
    -------
    Indexed by level: `customers`, `customer_share`, `spend_total`, `spend_share`, `spend_mean` per customer,
    `largest_share` (the largest customer's share of the level's spend; for `privacy.hide_small`).
    """
    levels = customers[column].astype("object").where(customers[column].notna(), NOT_GIVEN).astype("str")
    sizes = levels.value_counts()
    order = sorted(sizes.index, key=lambda level: (-sizes[level], level))
    kept = [level for level in order[:MAX_LEVELS] if sizes[level] >= at_least]
    levels = levels.where(levels.isin(kept), OTHERS).rename(column)
    return size_groups(customers, levels, kept + ([OTHERS] if (levels == OTHERS).any() else []))


def size_groups(customers: pd.DataFrame, groups: pd.Series, order: list[str]) -> pd.DataFrame:
    """Customers and spend of each group, in the order given; the columns of `break_down`."""
    spend = customers["spend_total"].clip(lower=0).reindex(groups.index)
    parts = [spend[groups == group].sort_values(ascending=False) for group in order]
    return _sizes(parts, pd.Index(order, name=groups.name, dtype="object"), spend.sum())


def break_down_all(customers: pd.DataFrame, *, as_of, at_least: int = 5) -> pd.DataFrame:
    """`break_down` of every column of text that has two levels or more, one below the other.

    These are the attributes that came with the customers, the main channel and region, and the age group on
    `as_of` where birthdays are known. `attribute` and `level` name the rows.
    """
    told = (
        customers.assign(age_group=assign_age_groups(customers["birthday"], as_of))
        if "birthday" in customers
        else customers
    )
    tables = [
        groups.rename_axis("level").reset_index().assign(attribute=column)
        for column in told
        if pd.api.types.is_string_dtype(told[column])
        and len(groups := break_down(told, column, at_least=at_least)) > 1
    ]
    columns = [
        "attribute",
        "level",
        "customers",
        "customer_share",
        "spend_total",
        "spend_share",
        "spend_mean",
    ]
    columns.append("largest_share")
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _spend(customers: pd.DataFrame) -> pd.Series:
    """Buyers' spend, largest first."""
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
