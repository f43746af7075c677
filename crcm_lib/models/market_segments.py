"""Industries, sizes, regions, ages of companies: what each brings, grows and keeps, and how sure that is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import Survey
from crcm_lib.empirical_bayes import shrink_means
from crcm_lib.features.holdout_windows import history_start
from crcm_lib.features.indicator_tables import summarise_answers
from crcm_lib.features.period_sums import YEAR, sum_two_years
from crcm_lib.privacy import SMALL_GROUPS, hide_small
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, Z_95

OWN = ("subject_type", "industry", "size", "region")  # attributes of the data, as they are
AGE_BANDS = {"under_3_years": 3, "3_to_9_years": 10, "10_to_19_years": 20, "20_years_and_over": np.inf}
WIDER = ("under_10_years", "10_years_and_over")  # the same, two and two together
ATTITUDE = "attitude: "  # before the name of an item of a survey
ANSWERS = ("low_answers", "middle_answers", "high_answers")
MEASURES = ("spend", "growth", "retained", "satisfaction", "gap_days")
DIFFER = ("higher", "lower", "cannot_tell")
FLOORS = {"spend": 0.0, "growth": -1.0, "retained": 0.0, "satisfaction": 0.0, "gap_days": 0.0}
FEWEST = 10  # customers of a segment, and outside it, of whom a measure is known, before it is compared
MAX_LEVELS = 12
DRAWS = 1999  # of segments, by which chance is measured
SAMPLE = 20_000  # customers, at most, in these draws
AT_ONCE = 2_000_000  # customers times draws in memory
COLUMNS = ["attribute", "level", "measure", "customers", "estimate", "low", "high", "shrunk", "overall"]


@dataclass(frozen=True)
class MarketFacts:
    """What is measured of each buyer, by `customer_id`.

    Attributes
    ----------
    segments
        A column per attribute with at least two segments, in the words of the data; missing where unknown.
        Segments of few, and those beyond the `MAX_LEVELS` largest, are `SMALL_GROUPS`.
    measures
        `spend` of the last 365 days; `now` and `before`, of the last and of the earlier year, where the
        history is long enough; `retained`: of who bought in the earlier year, 1 who bought in the last;
        `satisfaction`: mean csat, or the latest nps where more answered that; `gap_days` between purchases.
    satisfaction
        `csat`, `nps`, or "" where neither is known.
    """

    segments: pd.DataFrame
    measures: pd.DataFrame
    satisfaction: str


def gather_facts(
    engine: Engine,
    customers: pd.DataFrame,
    satisfaction: pd.DataFrame | None,
    survey: Survey,
    *,
    as_of: str | pd.Timestamp,
    at_least: int = 5,
) -> MarketFacts:
    """`place_segments` and `measure_buyers` of the clean tables, with the policy's items of attitude."""
    said = summarise_answers(engine, as_of=as_of)
    answers = None if said is None else said[[item for item in survey.attitudes if item in said]]
    scale = survey.item_scale
    segments = place_segments(customers, answers, as_of=as_of, scale=scale, at_least=at_least)
    measures, asked = measure_buyers(customers, recall_two_years(engine, as_of=as_of), satisfaction)
    return MarketFacts(segments, measures, asked)


def recall_two_years(engine: Engine, *, as_of: str | pd.Timestamp) -> pd.DataFrame | None:
    """`period_sums.sum_two_years`; None where the history is shorter than both."""
    end = pd.Timestamp(as_of).normalize()
    if history_start(engine, end) > end - pd.Timedelta(days=2 * YEAR - 1):
        return None
    return sum_two_years(engine, as_of=end)


def place_segments(
    customers: pd.DataFrame,
    answers: pd.DataFrame | None = None,
    *,
    as_of: str | pd.Timestamp,
    scale: tuple[float, float] = (1.0, 5.0),
    at_least: int = 5,
) -> pd.DataFrame:
    """The segment of each customer by every attribute that the data have; see `MarketFacts.segments`.

    Parameters
    ----------
    customers
        The table `customer_features`. A customer without a region has that of most of their spend.
    answers
        By `customer_id` the answer to items of a survey that ask for an attitude, a column each.
    as_of
        Day on which a company is so old.
    scale
        Lowest and highest answer; each third of it is a segment.
    at_least
        Segments of fewer customers are put together.
    """
    known = pd.DataFrame(index=customers.index)
    for attribute in OWN:
        values = customers.get(attribute, pd.Series(None, customers.index)).astype("object")
        if attribute == "region" and "region_main" in customers:
            values = values.where(values.notna(), customers["region_main"].astype("object"))
        known[attribute] = values
        if attribute == "size" and "founded" in customers:
            known["company_age"] = merge_ages(band_ages(customers["founded"], as_of), at_least)
    if answers is not None:
        thirds = [-np.inf, *np.linspace(*scale, 4)[1:3].tolist(), np.inf]
        for item in answers:
            band = pd.cut(answers[item].reindex(customers.index), thirds, labels=list(ANSWERS), right=False)
            known[ATTITUDE + str(item)] = band.astype("object")
    pooled = {name: _pool(known[name], at_least) for name in known}
    kept = {name: values for name, values in pooled.items() if len(set(values.dropna()) - {SMALL_GROUPS}) > 1}
    return pd.DataFrame(kept, index=customers.index, dtype="object")


def band_ages(founded: pd.Series, as_of: str | pd.Timestamp) -> pd.Series:
    """How old a company is on a day, as one of `AGE_BANDS`; missing where it is unknown or not founded yet.

    >>> band_ages(pd.Series(["2023-06-01", "2001-01-01", None]), "2025-12-31").to_list()
    ['under_3_years', '20_years_and_over', nan]
    """
    years = (pd.Timestamp(as_of).normalize() - pd.to_datetime(founded)).dt.days / 365.25
    bands = pd.cut(years, [0, *AGE_BANDS.values()], labels=list(AGE_BANDS), right=False)
    return bands.astype("object").where(bands.notna(), np.nan)


def merge_ages(bands: pd.Series, at_least: int) -> pd.Series:
    """The youngest and the oldest band together with their neighbours where few companies are in one."""
    counts, names = bands.value_counts(), list(AGE_BANDS)
    for few, both, wide in ((names[0], names[:2], WIDER[0]), (names[3], names[2:], WIDER[1])):
        if 0 < counts.get(few, 0) < at_least:
            bands = bands.replace(dict.fromkeys(both, wide))
    return bands


def _pool(values: pd.Series, at_least: int) -> pd.Series:
    """Small segments as one of at least so many customers, or all of them."""
    counts = values.value_counts()
    order = sorted(counts.index, key=lambda level: (-counts[level], str(level)))
    large = [level for level in order[:MAX_LEVELS] if counts[level] >= at_least]
    while large and 0 < counts.sum() - counts[large].sum() < at_least:
        large.pop()
    return values.where(values.isin(large) | values.isna(), SMALL_GROUPS)


def measure_buyers(
    customers: pd.DataFrame, years: pd.DataFrame | None, satisfaction: pd.DataFrame | None
) -> tuple[pd.DataFrame, str]:
    """`MarketFacts.measures` of those who have bought, and by what satisfaction is measured.

    Parameters
    ----------
    customers
        The table `customer_features`.
    years
        From `recall_two_years`.
    satisfaction
        The table `satisfaction`, if there is one.
    """
    buyers = customers[customers["purchases"] > 0]
    table = pd.DataFrame({"spend": buyers["spend_365d"].astype("float64")})
    if years is not None:
        both = years.reindex(table.index)
        table["now"], table["before"] = both["spend"].fillna(0.0), both["spend_before"].fillna(0.0)
        bought = both["purchases_before"].fillna(0) > 0
        table["retained"] = (buyers["purchases_365d"] > 0).astype("float64").where(bought)
    table["gap_days"] = buyers.get("gap_mean_days", pd.Series(np.nan, table.index)).astype("float64")
    names = [] if satisfaction is None else [name for name in ("csat", "nps") if name in satisfaction]
    answers = {name: satisfaction[name].reindex(table.index).astype("float64") for name in names}
    asked = max(names, key=lambda name: int(answers[name].notna().sum()), default="")
    if not asked or not answers[asked].notna().any():
        return table, ""
    return table.assign(satisfaction=answers[asked]), asked


def summarise_segments(facts: MarketFacts, value: pd.Series) -> pd.DataFrame:
    """Buyers of each segment, what they spend and what is expected of them, by attribute.

    Returns
    -------
    `attribute`, `level`, `customers`, `customer_share` (of those whose segment is known), `spend` and
    `spend_share` of the last 365 days, `value_share` of the predicted value, and `largest_share`, for
    `privacy.hide_small`. Amounts below 0 count as 0.
    """
    money = (
        facts.measures[["spend"]]
        .clip(lower=0)
        .assign(value=value.reindex(facts.measures.index).clip(lower=0))
    )
    parts = []
    for attribute in facts.segments:
        levels = facts.segments[attribute].reindex(money.index)
        found = money.groupby(levels).agg(
            customers=("spend", "size"),
            spend=("spend", "sum"),
            largest=("spend", "max"),
            value=("value", "sum"),
        )
        total = found.sum()
        parts.append(
            pd.DataFrame(
                {
                    "attribute": attribute,
                    "level": found.index.astype("object"),
                    "customers": found["customers"].to_numpy(),
                    "customer_share": (found["customers"] / total["customers"]).to_numpy(),
                    "spend": found["spend"].to_numpy(),
                    "spend_share": (found["spend"] / (total["spend"] or np.nan)).to_numpy(),
                    "value_share": (found["value"] / (total["value"] or np.nan)).to_numpy(),
                    "largest_share": (found["largest"] / found["spend"].where(found["spend"] > 0)).to_numpy(),
                }
            )
        )
    names = ["attribute", "level", "customers", "customer_share", "spend", "spend_share", "value_share"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*names, "largest_share"])


def hide_segments(summary: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`summarise_segments` without small and dominated segments, each attribute by itself."""
    money = ["spend", "spend_share", "value_share"]
    parts = [
        hide_small(part, money=money, at_least=at_least)
        for _name, part in summary.groupby("attribute", sort=False)
    ]
    return pd.concat(parts) if parts else summary.drop(columns="largest_share")


def cross_tiers(facts: MarketFacts, tiers: pd.Series, order: list[str], *, at_least: int) -> pd.DataFrame:
    """Buyers of each segment by tier, in the order given: `attribute`, `level`, a column per tier.

    Small cells, and those from which one could be computed, are missing.
    """
    parts = []
    for attribute in facts.segments:
        levels = facts.segments[attribute].reindex(facts.measures.index)
        crossed = pd.crosstab(levels, tiers.reindex(levels.index)).reindex(columns=order, fill_value=0)
        shown = hide_small(crossed, counts=order, at_least=at_least)
        parts.append(shown.rename_axis("level").reset_index().assign(attribute=attribute))
    columns = ["attribute", "level", *order]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def compare_segments(facts: MarketFacts, *, seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Each segment beside all others of its attribute, in every measure that is known.

    Chance is measured by drawing the segments of customers anew: a difference is held against the largest
    that chance brings among all comparisons of its attribute (Westfall & Young 1993, Resampling-Based
    Multiple Testing, algorithm 2.5), each as a multiple of what is usual for it, and the attributes are
    counted (Bonferroni). So any false claim of the page has a chance of 5 % at most, however spend is spread.

    Returns
    -------
    One row per segment and measure with `FEWEST` customers on both sides: `attribute`, `level`, `measure`,
    `customers` (known), `estimate` with its own 95 % interval `low`, `high` (a mean; of `growth` spend of the
    last year over the earlier one, less 1; of `retained` a share), `shrunk` (drawn towards the mean of the
    segments by how much they differ), `overall` (all of the attribute), `p_adjusted`, and `verdict`: one of
    `DIFFER`.
    """
    random = np.random.default_rng(seed)
    parts = []
    for attribute in facts.segments:
        levels = facts.segments[attribute].reindex(facts.measures.index).dropna()
        rows, values = _estimate(attribute, levels, facts.measures.loc[levels.index])
        if rows:
            p = _adjust(levels, rows, values, random, draws)
            parts.append(pd.DataFrame(rows).assign(p=p))
    if not parts:
        return pd.DataFrame(columns=[*COLUMNS, "p_adjusted", "verdict"])
    table = pd.concat(parts, ignore_index=True)
    adjusted = (table["p"] * len(parts)).clip(upper=1)
    differs = np.where(table["estimate"] > table["overall"], "higher", "lower")
    verdict = np.where((adjusted <= LEVEL) & table["same_way"], differs, "cannot_tell")
    table = _shrink(table).assign(p_adjusted=adjusted, verdict=verdict)
    return table[[*COLUMNS, "p_adjusted", "verdict"]]


def _estimate(
    attribute: str, levels: pd.Series, measures: pd.DataFrame
) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """What each segment shows, and the number per customer that is compared.

    Spend and gaps are compared by ranks and growth by each customer's own change, so that a few large
    customers neither make a claim nor hide one.
    """
    rows: list[dict[str, object]] = []
    compared: dict[str, np.ndarray] = {}
    for measure in MEASURES:
        needed = ["now", "before"] if measure == "growth" else [measure]
        if not set(needed) <= set(measures):
            continue
        seen = measures[needed].astype("float64")
        numbers = _compare_by(seen, measure)
        known = np.isfinite(numbers)
        overall = _summarise(seen[known])
        if overall is None:
            continue
        compared[measure] = numbers
        for level in sorted(set(levels) - {SMALL_GROUPS}, key=str):
            inside = (levels == level).to_numpy() & known
            outside = known & ~inside
            facts = _summarise(seen[inside]) if min(inside.sum(), outside.sum()) >= FEWEST else None
            if facts is None:
                continue
            row = {"attribute": attribute, "level": level, "measure": measure, "customers": int(inside.sum())}
            facts["low"] = max(facts["low"], FLOORS[measure])
            above = numbers[inside].mean() > numbers[outside].mean()
            same_way = above == (facts["estimate"] > overall["estimate"])
            rows.append(row | facts | {"overall": overall["estimate"], "same_way": bool(same_way)})
    return rows, compared


def _compare_by(seen: pd.DataFrame, measure: str) -> np.ndarray:
    """The number of each customer by which segments are compared in a measure; missing where unknown."""
    numbers: pd.Series = seen[seen.columns[0]]
    if measure == "growth":
        both = seen.clip(lower=0)
        total = both.sum(axis=1)
        numbers = (both["now"] - both["before"]) / total.where(total > 0)
    elif measure in ("spend", "gap_days"):
        numbers = numbers.rank()
    found: np.ndarray = numbers.to_numpy("float64")
    return found


def _summarise(seen: pd.DataFrame) -> dict[str, float] | None:
    """The mean, or of two years the growth from the second to the first, with its interval and error."""
    if len(seen) < 2:
        return None
    if "before" not in seen:
        return _mean(seen.iloc[:, 0].to_numpy())
    return _ratio(seen["now"].to_numpy(), seen["before"].to_numpy())


def _mean(values: np.ndarray) -> dict[str, float]:
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return _interval(mean, error)


def _ratio(now: np.ndarray, before: np.ndarray) -> dict[str, float] | None:
    """Growth and its error by linearisation (Cochran 1977, Sampling Techniques, section 6.4)."""
    if not before.sum() > 0:
        return None
    ratio = now.sum() / before.sum()
    spread = ((now - ratio * before) ** 2).sum() * len(now) / (len(now) - 1)
    return _interval(float(ratio - 1), float(np.sqrt(spread) / before.sum()))


def _interval(estimate: float, error: float) -> dict[str, float]:
    return {
        "estimate": estimate,
        "low": estimate - Z_95 * error,
        "high": estimate + Z_95 * error,
        "error": error,
    }


def _adjust(
    levels: pd.Series,
    rows: list[dict[str, object]],
    values: dict[str, np.ndarray],
    random: np.random.Generator,
    draws: int,
) -> np.ndarray:
    """The p of each row, held against the largest difference of all rows of each draw."""
    codes, names = pd.factorize(levels, sort=True)
    numbers = np.column_stack(list(values.values()))
    if len(codes) > SAMPLE:
        chosen = random.choice(len(codes), SAMPLE, replace=False)
        codes, numbers = codes[chosen], numbers[chosen]
    statistics = _draw(numbers, codes, len(names), random, draws)
    columns = list(values)
    where = [(names.get_loc(row["level"]), columns.index(str(row["measure"]))) for row in rows]
    ours = np.column_stack([statistics[:, level, measure] for level, measure in where])
    usual = np.quantile(ours, 1 - LEVEL, axis=0)  # so that a measure that spreads widely hides no other
    scaled = ours / np.where(usual > 0, usual, np.inf)
    largest = np.sort(scaled.max(axis=1))
    adjusted: np.ndarray = 1 - np.searchsorted(largest, scaled[0] - 1e-12) / len(largest)
    return adjusted


def _draw(
    numbers: np.ndarray, codes: np.ndarray, count: int, random: np.random.Generator, draws: int
) -> np.ndarray:
    """By draw (the first is what was seen), segment and measure: the difference to all others over its error.

    Without sign. Welch's error, so that segments may spread differently (Janssen 1997, Statistics &
    Probability Letters 36, 9-21).
    """
    known = np.isfinite(numbers)
    centred = np.where(known, numbers - np.nanmean(numbers, axis=0), 0.0)
    sums = np.column_stack([known, centred, centred**2])
    total = sums.sum(axis=0)
    found = np.zeros((draws + 1, count, numbers.shape[1]))
    at_once = max(1, AT_ONCE // len(codes))
    for start in range(0, draws + 1, at_once):
        drawn = np.tile(codes, (min(at_once, draws + 1 - start), 1))
        seen = 1 if start == 0 else 0
        drawn[seen:] = random.permuted(drawn[seen:], axis=1)
        for code in range(count):
            inside = (drawn == code).astype(float) @ sums
            found[start : start + len(drawn), code] = _welch(inside, total - inside)
    return found


def _welch(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Of known, sum and sum of squares of each measure on both sides; 0 where there is no spread."""
    means, variance, enough = [], 0.0, True
    for side in (inside, outside):
        size, total, square = np.split(side, 3, axis=1)
        n = np.maximum(size, 2)
        means.append(total / n)
        variance = variance + np.maximum(square - total**2 / n, 0) / (n - 1) / n
        enough = enough & (size >= 2)
    size, _total, square = np.split(inside + outside, 3, axis=1)
    scale = square / np.maximum(size, 1)
    usable = enough & (variance > 1e-12 * scale)
    t: np.ndarray = np.where(usable, np.abs(means[0] - means[1]) / np.sqrt(np.where(usable, variance, 1)), 0)
    return t


def _shrink(table: pd.DataFrame) -> pd.DataFrame:
    """`shrunk`: each estimate drawn towards the mean of its attribute's segments."""
    shrunk = table["estimate"].copy()
    for _key, part in table.groupby(["attribute", "measure"], sort=False):
        shrunk[part.index] = shrink_means(part["estimate"].to_numpy(float), part["error"].to_numpy(float))
    return table.assign(shrunk=shrunk)
