"""Would the tiers have been right before? What each brought later, beside as many customers by one number.

At earlier days, whose outcomes do not overlap, everybody is scored from what was known then. A rule of one
number picks as many customers as the tiers hold; both are held against what the customers did next. The days
are those of the windows that 04 held out, with the values that its model would have predicted on them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.tiers import name_tiers
from crcm_lib.features import decision_inputs
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.models.churn import measure_rhythm
from crcm_lib.models.rfm import RFMScorer
from crcm_lib.models.satisfaction import summarise_satisfaction
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, Z_95, holm, normal_p

TENTHS = 10
BETTER, WORSE, AS_GOOD = "better", "worse", "cannot_tell"
RULES = ("spend_365d", "value", "rfm")  # the numbers that pick as many customers
OUTCOMES = ("spend", "margin", "bought_again")


@dataclass(frozen=True)
class Origin:
    """A past day: who had which tier, and what came.

    Attributes
    ----------
    start, end
        The last day known, and the last day of the outcome.
    placed
        One row per buyer of that day: `tier`; `spend_365d`, `value` (currency) and `rfm` (the sum of the
        three scores), by which a rule would pick.
    later
        Of the same customers, from `start` to `end`: `spend`, `bought_again` (1 or 0) and, where cost is
        known, `margin`.
    card, model
        Their scorecard of that day, and what it was made and cut with.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    placed: pd.DataFrame
    later: pd.DataFrame
    card: pd.DataFrame = field(default_factory=pd.DataFrame)
    model: scorecard.ScorecardModel | None = None


def score_origins(engine: Engine, policy: Policy, value_past: pd.DataFrame) -> list[Origin]:
    """Score past days by the policy, each from what was known then; the latest first.

    Parameters
    ----------
    engine
        Holds the clean tables.
    value_past
        The table `value_past`: the days, and what was predicted on them; of very many customers a sample.
        Nothing is known of churn but the rhythm, and nothing of groups.
    """
    windows = sorted(set(zip(value_past["start"], value_past["end"], strict=True)), reverse=True)
    known = {day: summarise_customers(engine, as_of=day) for day, _end in windows}
    origins = []
    for start, end in windows:
        value = value_past[value_past["start"] == start].set_index("customer_id")
        customers = known[start].reindex(value.index)
        placed, card, model = _score_day(engine, policy, customers, value, start)
        came = spend_between(engine, after=start, until=end).reindex(placed.index).fillna(0)
        later = {"spend": came["spend"].astype(float), "bought_again": (came["purchases"] > 0).astype(float)}
        if "margin_total" in customers and customers["margin_total"].notna().any():
            if end not in known:  # a window ends where the later one starts
                known[end] = summarise_customers(engine, as_of=end)
            by_then = known[end]["margin_total"].reindex(placed.index)
            later["margin"] = (by_then - customers["margin_total"]).fillna(0).astype(float)
        origins.append(Origin(start, end, placed, pd.DataFrame(later), card, model))
    return origins


def list_past_tiers(origins: Sequence[Origin], policy: Policy, withheld: Iterable[str]) -> pd.DataFrame:
    """The table `past_tiers`: the tiers of the past days, those withheld given to nobody, and what came."""
    days = [
        one.later[["spend", "bought_again"]]
        .assign(tier=name_tiers(one.card, policy, one.model.withhold(withheld)))
        .assign(start=one.start, end=one.end)
        .reset_index()
        for one in origins
        if one.model is not None
    ]
    columns = ["start", "end", "customer_id", "tier", "spend", "bought_again"]
    return pd.concat(days)[columns] if days else pd.DataFrame(columns=columns)


def _score_day(
    engine: Engine, policy: Policy, buyers: pd.DataFrame, value: pd.DataFrame, day: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame, scorecard.ScorecardModel]:
    known = {"customer_features": buyers, "value": value, "churn": measure_rhythm(buyers)}
    known |= {"satisfaction": summarise_satisfaction(engine, as_of=day)}
    known |= decision_inputs.derive(engine, as_of=day)
    raw = scorecard.gather_indicators(policy, **known)
    model = scorecard.fit_scorecard(raw, policy, learned_on=f"{day:%Y-%m-%d}")
    card = scorecard.score(raw, policy, model)
    placed = {
        "tier": name_tiers(card, policy, model),
        "spend_365d": buyers["spend_365d"].astype(float),
        "value": value["value"],
        "rfm": RFMScorer().fit_transform(buyers).sum(axis=1).astype(float),
    }
    return pd.DataFrame(placed), card, model


def compare_rules(origins: Sequence[Origin], policy: Policy) -> pd.DataFrame:
    """The best tier, and the best two, beside as many customers by one number.

    `spend` and `margin` are shares of all that came later, `bought_again` is the share of the chosen who did.
    Both are averaged over the days. Where a rule's number is equal at the border, its customers count in
    part.

    Returns
    -------
    One row per set of tiers, rule and outcome: `tiers` (how many, from the best), `rule` (of `RULES`),
    `outcome` (of `OUTCOMES`), `days` (past days compared), `customers` (mean), `ours`, `theirs`, `difference`
    with its 95 % interval `low`, `high` (0…1), `p`, adjusted over all rows (Holm), and the `verdict`:
    `better`, `worse` or `cannot_tell`. The interval is that of the sum over customers, each of whom is one
    draw with all days (Cochran 1977, Sampling Techniques, eq. 6.13, of a ratio).
    """
    names, rows = [tier.name for tier in policy.tiers], []
    for count in (1, 2):
        chosen = [origin.placed["tier"].isin(names[:count]).to_numpy(float) for origin in origins]
        if not all(each.any() for each in chosen):
            continue
        for rule in RULES:
            picked = [
                pick_as_many(origin.placed[rule].fillna(0), ours.sum())
                for origin, ours in zip(origins, chosen, strict=True)
            ]
            for outcome in OUTCOMES:
                if all(outcome in origin.later for origin in origins):
                    row = compare_picks(origins, outcome, chosen, picked)
                    rows.append({"tiers": count, "rule": rule, "outcome": outcome} | row)
    columns = ["tiers", "rule", "outcome", "days", "customers", "ours", "theirs", "difference"]
    table = pd.DataFrame(rows, columns=[*columns, "low", "high", "p"])
    return judge(table)


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """The table with `p` adjusted over its rows, and the `verdict` that follows."""
    p = holm(table["p"].to_numpy(float))
    claimed = np.where(table["difference"] > 0, BETTER, WORSE)
    return table.assign(p=p, verdict=np.where(p <= LEVEL, claimed, AS_GOOD))


def pick_as_many(number: pd.Series, count: float) -> np.ndarray:
    """1 for the `count` customers with the largest number, 0 for the others; those equal at the border share.

    >>> pick_as_many(pd.Series([3.0, 1.0, 1.0, 0.0]), 2).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    values = number.to_numpy(float)
    border = np.sort(values)[::-1][int(count) - 1] if count else np.inf
    above, equal = values > border, values == border
    picked: np.ndarray = above + equal * (count - above.sum()) / max(equal.sum(), 1)
    return picked


def compare_picks(
    origins: Sequence[Origin], outcome: str, chosen: Sequence[np.ndarray], picked: Sequence[np.ndarray]
) -> dict[str, float]:
    """The difference of two selections in an outcome, averaged over days, with its interval and p.

    `chosen` and `picked` have for each day how far each customer is in the selection, 0…1, as many in both.
    The numbers are those of a row of `compare_rules`.
    """
    sides, parts = [], []
    for origin, ours, theirs in zip(origins, chosen, picked, strict=True):
        came, more = origin.later[outcome].to_numpy(float), ours - theirs
        whole = ours.sum() if outcome == "bought_again" else came.sum()
        if not whole > 0:
            continue
        shares = np.round(
            [came @ ours / whole, came @ theirs / whole], 12
        )  # shares of a tie add up with last bits
        if outcome == "bought_again":
            mean = [np.average(came, weights=side) if side.any() else 0.0 for side in (more > 0, more < 0)]
            influence = more * (came - np.where(more > 0, *mean))
        else:
            influence = came * (more - (shares[0] - shares[1]))
        sides.append(shares)
        parts.append(pd.Series(influence / whole, index=origin.placed.index))
    if not sides:
        return {"days": 0, "p": np.nan}
    ours, theirs = np.mean(sides, axis=0)
    numbers = {"days": len(sides), "customers": float(np.mean([each.sum() for each in chosen]))}
    return numbers | {"ours": ours, "theirs": theirs} | _normal(ours - theirs, _error(parts))


def _error(parts: Sequence[pd.Series]) -> float:
    """Standard error of a mean over days of sums over customers, each of whom is one draw with all days."""
    return float(np.sqrt((pd.concat(parts).groupby(level=0).sum() ** 2).sum())) / len(parts)


def _normal(difference: float, error: float) -> dict[str, float]:
    """A difference with its 95 % interval and two-sided p; an error of 0 proves nothing."""
    limits = {"low": difference - Z_95 * error, "high": difference + Z_95 * error}
    return {"difference": difference, **limits, "p": normal_p(difference, error)}


def follow_growth(origins: Sequence[Origin], policy: Policy) -> pd.DataFrame:
    """Did tiers that ask for a criterion of its own, such as potential, bring more than their like?

    Returns
    -------
    One row per such tier: `tier`, `below` (the tier after it), `days`, `customers` (mean); `ratio`, later
    spend over that of customers in the same tenths of last year's spend, with its 95 % interval `low`,
    `high`; `mean` and `mean_below`, later spend per customer (currency), averaged over the days; and
    `verdict`: `grows` where the interval lies above 1 and the mean is not below the next tier's, otherwise
    `not_shown`.
    """
    rows = [
        _follow(origins, tier.name, policy.tiers[place + 1].name)
        for place, tier in enumerate(policy.tiers[:-1])
        if any(name != "score" for name in tier.when)
    ]
    columns = ["tier", "below", "days", "customers", "ratio", "low", "high", "mean", "mean_below"]
    table = pd.DataFrame(rows, columns=columns)
    grows = (table["low"] > 1) & (table["mean"] >= table["mean_below"])
    return table.assign(verdict=np.where(grows, "grows", "not_shown"))


def _follow(origins: Sequence[Origin], tier: str, below: str) -> dict[str, object]:
    found, parts = [], []
    for origin in origins:
        spend, place = origin.later["spend"], origin.placed["tier"]
        members, under = (place == tier).to_numpy(), (place == below).to_numpy()
        tenth = np.ceil(TENTHS * origin.placed["spend_365d"].rank(pct=True))
        expected = spend.groupby(tenth).transform("mean")
        like = expected[members].sum()
        if like > 0:
            ratio, mean_below = spend[members].sum() / like, spend[under].mean() if under.any() else 0.0
            found.append((members.sum(), ratio, spend[members].mean(), mean_below))
            parts.append((spend - ratio * expected)[members] / like)
    count, ratio, mean, mean_below = np.mean(found, axis=0) if found else [np.nan] * 4
    half = Z_95 * _error(parts) if found else np.nan
    limits = {"ratio": ratio, "low": ratio - half, "high": ratio + half}
    numbers = {"customers": count, **limits, "mean": mean, "mean_below": mean_below}
    return {"tier": tier, "below": below, "days": len(found), **numbers}
