"""What sales grew by between two years: from which customers, by how many, how often and how much they buy.

Every part is a sum of one number per customer, so that the parts add up exactly.
"""

import numpy as np
import pandas as pd

from crcm_lib.privacy import LARGEST_SHARE
from crcm_lib.stats import LEVEL, Comparison, holm, total

UNITS = 10_000  # of the smallest amount in one of the currency: sums of whole numbers do not depend on order
WAYS = ("came", "came_back", "frequency", "amount", "left", "returned")
FACTORS = ("customers", "frequency", "amount")
NET, EVERY = "came_less_left", "every_"
GREW, FELL, UNCLEAR = "grew", "fell", "cannot_tell"
BRIDGE = ["part", "customers", "change", "low", "high", LARGEST_SHARE]
FACTOR_TABLE = ["factor", "before", "now", "change", "low", "high", "p"]
PLACE_TABLE = ["by", "place", "customers", "spend_before", "spend", "change", "low", "high", "p", "verdict"]


def split_change(sums: pd.DataFrame) -> pd.DataFrame:
    """The change of each customer's spend from one year to the next, by what made it.

    Parameters
    ----------
    sums
        From `features.period_sums.sum_two_years`.

    Returns
    -------
    By `customer_id`, in currency, one column for each of `WAYS`: all spend of who `came` (first purchase in
    the last year) or `came_back` (bought before, not in the year before), less that of who `left` (no
    purchase in the last year); of who bought in both years by how often (`frequency`, purchase days) and how
    much each time (`amount`); `returned` of who bought in neither. A row's sum is the change of its spend.

    Notes
    -----
    With f purchases of a on average, f₁a₁ − f₀a₀ = (f₁ − f₀)(a₀ + a₁)/2 + (a₁ − a₀)(f₀ + f₁)/2: the Shapley
    value of the two factors (Sun 1998, Energy Policy 26(2), 85-100, eq. 8-9; Albrecht, François & Schoors
    2002, Energy Policy 30, 727-736; the indicator of Bennet 1920). It needs no logarithms, so that a year of
    returns alone does not break it, and adds up over any group of customers.
    """
    before, now = sums["purchases_before"].to_numpy(float), sums["purchases"].to_numpy(float)
    money_before, money = sums["spend_before"].to_numpy(float), sums["spend"].to_numpy(float)
    stayed, change = (before > 0) & (now > 0), money - money_before
    known = sums["spend_earlier"] != 0
    came = (before == 0) & (now > 0)
    mean_before, mean = (
        np.divide(one, count, out=np.zeros(len(sums)), where=count > 0)
        for one, count in ((money_before, before), (money, now))
    )
    often = (now - before) * (mean_before + mean) / 2
    parts = {
        "came": change * (came & ~known),
        "came_back": change * (came & known),
        "frequency": often * stayed,
        "amount": (change - often) * stayed,
        "left": change * ((before > 0) & (now == 0)),
        "returned": change * ((before == 0) & (now == 0)),
    }
    return pd.DataFrame(parts, index=sums.index)[list(WAYS)]


def bridge_sales(sums: pd.DataFrame, not_profiled: tuple[int, float, float] = (0, 0.0, 0.0)) -> pd.DataFrame:
    """The change of sales by what made it, with 95 % intervals; the changes add up to it.

    Parameters
    ----------
    sums
        From `features.period_sums.sum_two_years`.
    not_profiled
        How many customers object to profiling, and their money of the year before and of the last year.

    Returns
    -------
    One row for each of `WAYS` with customers, and for those `not_profiled`: `part`, `customers` (who make
    it), `change` (currency), its 95 % interval `low`, `high` (`stats.total`; missing of who is not profiled),
    and `largest_share` of one customer, which small-cell suppression needs.
    `frequency` and `amount` are of the same customers.
    """
    parts, rows = split_change(sums), []
    groups = group_customers(sums)
    for way in WAYS:
        found, values = total(parts[way].to_numpy()), parts[way].abs()
        count = int((groups == ("stayed" if way in ("frequency", "amount") else way)).sum())
        largest = float(values.max() / values.sum()) if values.sum() > 0 else 0.0
        rows.append((way, count, add_exactly(parts[way]), found.low, found.high, largest))
    table = pd.DataFrame(rows, columns=BRIDGE)
    rest = add_exactly(sums["spend"]) - add_exactly(sums["spend_before"]) - table["change"].sum()
    place = table.index[table["part"] == "amount"]  # the last part takes what rounding leaves
    table.loc[place, "change"] += rest
    objecting, before, now = not_profiled
    table.loc[len(table)] = ["not_profiled", objecting, now - before, np.nan, np.nan, 0.0]
    return table.assign(change=table["change"].round(4))[table["customers"] > 0].reset_index(drop=True)


def group_customers(sums: pd.DataFrame) -> pd.Series:
    """Who `came`, `came_back`, `stayed`, `left`, or only `returned`; "" of who did nothing in either year."""
    before, now = sums["purchases_before"] > 0, sums["purchases"] > 0
    known = sums["spend_earlier"] != 0
    nothing = (sums["spend_before"] == 0) & (sums["spend"] == 0)
    names = np.select(
        [before & now, before, now & known, now, ~nothing],
        ["stayed", "left", "came_back", "came", "returned"],
        "",
    )
    return pd.Series(names, sums.index, dtype="str")


def add_exactly(amounts: pd.Series) -> float:
    """The sum of amounts of money in whole ten-thousandths, whatever their order."""
    return float((amounts * UNITS).round().astype("int64").sum()) / UNITS


def add_years(sums: pd.DataFrame, not_profiled: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Sales of the year before and of the last year, with those of customers who are not profiled."""
    before, now = (add_exactly(sums[name]) for name in ("spend_before", "spend"))
    return round(before + not_profiled[0], 4), round(now + not_profiled[1], 4)


def split_factors(sums: pd.DataFrame) -> pd.DataFrame:
    """How many customers bought, how often each, and how much each time: what each is to the change.

    Returns
    -------
    One row for each of `FACTORS`: `factor`, `before` and `now` (customers; purchase days per customer; spend
    per purchase day), `change` (currency; the three add up to the change of sales), its 95 % interval and
    its own `p`. No rows where nobody bought, or sales were not above zero, in either year.

    Notes
    -----
    Additive logarithmic mean Divisia index: each factor x gives L(S₁, S₀) ln(x₁/x₀), where
    L(a, b) = (a − b)/ln(a/b) (Ang 2005, Energy Policy 33, 867-871, table 1; Ang 2004, Energy Policy 32,
    1131-1139). It leaves no rest. Each is a function of six sums that is homogeneous of the first degree, so
    that its derivative times a customer's own numbers adds up to it (Euler), which gives the interval.
    """
    counted = [
        np.column_stack([count > 0, count, money]).astype(float)
        for count, money in (
            (sums[f"purchases{year}"].to_numpy(float), sums[f"spend{year}"].to_numpy(float))
            for year in ("_before", "")
        )
    ]
    before, now = (each.sum(axis=0) for each in counted)
    if min(before.min(initial=np.inf), now.min(initial=np.inf)) <= 0:
        return pd.DataFrame(columns=FACTOR_TABLE)
    rows = []
    for place, factor in enumerate(FACTORS):
        values = _influence(counted, before, now, place)
        ratio = (each[place] / (each[place - 1] if place else 1.0) for each in (before, now))
        rows.append((factor, *ratio, *_claim(total(values))))
    return pd.DataFrame(rows, columns=FACTOR_TABLE)


def _influence(counted: list[np.ndarray], before: np.ndarray, now: np.ndarray, place: int) -> np.ndarray:
    """Each customer's part of a factor's effect: its derivative by the six sums, times theirs."""
    sales_before, sales = before[2], now[2]
    log = np.log(sales / sales_before)
    same = abs(log) < 1e-6  # then the mean is that of the two, and moves with half of each
    mean = (sales + sales_before) / 2 if same else (sales - sales_before) / log
    by_sales = 0.5 if same else (1 - mean / sales) / log
    by_before = 0.5 if same else (mean / sales_before - 1) / log
    change = np.log(now[place] / before[place])
    if place:
        change -= np.log(now[place - 1] / before[place - 1])
    parts = counted[1][:, 2] * by_sales * change + counted[0][:, 2] * by_before * change
    for sign, each, of in ((1.0, counted[1], now), (-1.0, counted[0], before)):
        parts = parts + sign * mean * each[:, place] / of[place]
        if place:
            parts = parts - sign * mean * each[:, place - 1] / of[place - 1]
    return parts


def _claim(found: Comparison) -> tuple[float, float, float, float]:
    return found.difference, found.low, found.high, found.p


def judge_change(sums: pd.DataFrame) -> pd.DataFrame:
    """What may be said of the change, of all customers and of those who stayed.

    Returns
    -------
    One row each: `part` ("all", "came_less_left", and of who stayed "frequency", "amount"; then `FACTORS`
    of everybody as "every_customers" and so on), `change`, `low`, `high`, `p` adjusted over all rows (Holm),
    and `verdict`, see `judge`. No rows without customers.
    """
    columns = ["part", "change", "low", "high", "p"]
    if sums.empty:
        return judge(pd.DataFrame(columns=columns).astype(dict.fromkeys(columns[1:], "float64")))
    parts = split_change(sums)
    values = {
        "all": parts.sum(axis=1),
        NET: parts[["came", "came_back", "left"]].sum(axis=1),
        "frequency": parts["frequency"],
        "amount": parts["amount"],
    }
    rows = pd.DataFrame(
        [(name, *_claim(total(one.to_numpy()))) for name, one in values.items()], columns=columns
    )
    factors = split_factors(sums)
    factors = factors.assign(part=EVERY + factors["factor"])[columns]
    return judge(pd.concat([rows, factors], ignore_index=True) if len(factors) else rows)


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `p` adjusted over its rows (Holm) and the `verdict`: grew, fell or cannot_tell.

    Grew or fell is said where the adjusted p is at most 5 % and the 95 % interval does not hold zero.
    """
    p = holm(table["p"].to_numpy(float))
    beyond = (p <= LEVEL) & ((table["low"] > 0) | (table["high"] < 0))
    said = np.where(table["change"] > 0, GREW, FELL)
    return table.assign(p=p, verdict=np.where(beyond, said, UNCLEAR))


def compare_places(places: pd.DataFrame) -> pd.DataFrame:
    """Where sales changed: by category, region and channel, with 95 % intervals.

    Parameters
    ----------
    places
        From `features.period_sums.sum_places`.

    Returns
    -------
    One row per `by` and `place` ("" where lines name none): `customers` of both years, `spend_before`,
    `spend`, `change` (currency), `low`, `high`, `p` adjusted over all rows (Holm), `verdict` (see `judge`)
    and `largest_share` of one customer in the spend of the last year. Places of one value alone are left out.
    """
    rows = []
    for by, of_one in places.assign(place=places["place"].fillna("")).groupby("by", sort=False):
        if of_one["place"].nunique() < 2:
            continue
        for place, each in of_one.groupby("place"):
            money = each["spend"].abs()
            largest = float(money.max() / money.sum()) if money.sum() > 0 else 0.0
            sums = [add_exactly(each[name]) for name in ("spend_before", "spend")]
            found = _claim(total((each["spend"] - each["spend_before"]).to_numpy()))
            rows.append((by, place, each["customer_id"].nunique(), *sums, *found, largest))
    return judge(pd.DataFrame(rows, columns=[*PLACE_TABLE[:-1], LARGEST_SHARE]))


def choose_places(table: pd.DataFrame, *, most: int = 4) -> pd.DataFrame:
    """Of each `by` the rows with the largest changes, either way, in the order of their change; hidden ones
    are left out."""
    table = table.dropna(subset="change")
    ranked = table.assign(size=table["change"].abs()).sort_values("size", ascending=False, kind="stable")
    kept = table.loc[ranked.groupby("by", sort=False).head(most).index]
    order = {by: place for place, by in enumerate(table["by"].unique())}
    kept = kept.assign(order=kept["by"].map(order)).sort_values(["order", "change"], ascending=[True, False])
    return kept.drop(columns="order").reset_index(drop=True)


def share_recurring(
    sums: pd.DataFrame, under_contract: pd.Series | None, *, year_before: bool = True
) -> pd.DataFrame:
    """How much of the last year's sales came again: under contract, from who had bought the year before.

    Parameters
    ----------
    sums
        From `features.period_sums.sum_two_years`.
    under_contract
        From `features.period_sums.sum_under_contract`.
    year_before
        Whether the year before is known.

    Returns
    -------
    One row per `kind`, which add up to the last year's sales: `contract` (spend on days under contract; only
    where contracts are known), `again` (other spend of who had bought in the year before), `other`; where
    the year before is not known, `unknown` in place of the latter two, beside contracts alone; with
    `customers`, `spend`, `share` of sales and its 95 % interval `low`, `high` (customers as units), and
    `largest_share`. No rows where nothing was sold.
    """
    money = sums["spend"].to_numpy(float)
    covered = np.zeros(len(sums))
    if under_contract is not None:
        covered = under_contract.reindex(sums.index).fillna(0.0).to_numpy(float)
    again = (sums["purchases_before"] > 0).to_numpy()
    kinds = {"contract": covered, "again": (money - covered) * again, "other": (money - covered) * ~again}
    if not year_before:
        kinds = {"contract": covered, "unknown": money - covered} if under_contract is not None else {}
    elif under_contract is None:
        kinds.pop("contract")
    rows, sold = [], add_exactly(sums["spend"])
    for kind, values in kinds.items() if sold > 0 else ():
        spend, share = add_exactly(pd.Series(values)), values.sum() / money.sum()
        half = total(values - share * money)  # the share's linearised parts, which add up to zero
        reach = (half.high - half.low) / 2 / money.sum()
        size = np.abs(values)
        largest = float(size.max() / size.sum()) if size.sum() > 0 else 0.0
        ends = max(share - reach, 0.0), min(share + reach, 1.0)
        rows.append((kind, int((values != 0).sum()), spend, share, *ends, largest))
    columns = ["kind", "customers", "spend", "share", "low", "high", LARGEST_SHARE]
    return pd.DataFrame(rows, columns=columns)
