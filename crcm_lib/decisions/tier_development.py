"""Does each tier become what it should? What its customers did, beside the same days a year before.

A tier chosen by what customers did lately must fall afterwards, as those who happened to buy much come back
to what they usually do (regression to the mean: Barnett, van der Pols & Dobson 2005, International Journal of
Epidemiology 34, 215-220). So customers are not followed from before to after: those who had the tier at the
start of either period are compared, chosen on both days by one rule from equally much known before. What
choosing does, it does on both days alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import scorecard
from crcm_lib.decisions.tiers import name_tiers
from crcm_lib.features.cost_to_serve import contribution_waterfall
from crcm_lib.features.customers import spend_between, summarise_customers
from crcm_lib.features.period_sums import WINDOW, YEAR, reach_back, sum_answers
from crcm_lib.models.churn import measure_decline, measure_rhythm
from crcm_lib.models.clv import ValueModel
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, compare_events, holm

Day = str | pd.Timestamp
MIN_DAYS = 180  # of a period, and of what is known before it
MIN_CUSTOMERS = 30  # of a tier in either period, from which it is compared
RISES, FALLS, UNCLEAR, TOO_FEW = "rises", "falls", "cannot_tell", "too_few"
MEASURES = {  # measure -> what is divided by what
    "bought": ("bought", "customers"),
    "frequency": ("purchases", "customers"),
    "amount": ("spend", "purchases"),
    "spend": ("spend", "customers"),
    "contribution": ("contribution", "of_known_cost"),
    "satisfaction": ("points", "answers"),
}
COLUMNS = ["tier", "measure", "customers_before", "customers", "before", "now", "difference", "low", "high"]


@dataclass(frozen=True)
class Period:
    """A stretch of days, who had which tier at its start, and what they did in it.

    Attributes
    ----------
    start, end
        The last day before it, and its last day.
    tiers
        By `customer_id`, of all who had bought in the days known before.
    done
        Of the same customers: `customers` (1 each), `bought` (1 or 0), `purchases` (days), `spend`; where
        known `contribution` (currency) with `of_known_cost` (1 or 0), `points` and `answers`.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    tiers: pd.Series
    done: pd.DataFrame

    @property
    def days(self) -> int:
        """Its length."""
        return (self.end - self.start).days


@dataclass(frozen=True)
class Development:
    """A period and the same days a year before; `days` of each, and known before each. None without both."""

    now: Period | None = None
    before: Period | None = None
    days: int = 0
    known: bool = field(default=False)


def choose_days(history_days: int) -> int:
    """How long both periods can be, and what is known before each: at most a year; 0 where not half a year.

    The earlier period starts a year before the later one; as many days as it has are known before it.

    >>> choose_days(730), choose_days(915), choose_days(2000), choose_days(545)
    (182, 275, 365, 0)
    """
    days = min(YEAR, (history_days - YEAR) // 2)
    return days if days >= MIN_DAYS else 0


def follow_two_periods(
    engine: Engine,
    policy: Policy,
    value: ValueModel,
    *,
    as_of: Day,
    history_days: int,
    withheld: Iterable[str] = (),
) -> Development:
    """The latest period and the same days a year before, with the tiers at the start of each.

    Tiers are what the policy makes of purchases alone, of as many days before either start: other tables may
    not reach back as far. The scales are learned on each day anew.

    Parameters
    ----------
    engine
        Holds the clean tables.
    policy
        Names criteria and tiers; `annual_discount_rate` is the cost of late payment, as in 11.
    value
        What 04 learned; the customers' own numbers are those known on the day.
    as_of, history_days
        The last day known, and how many there are.
    withheld
        Tiers that 08 gives to nobody.
    """
    days = choose_days(history_days)
    if not days:
        return Development()
    end = pd.Timestamp(as_of).normalize()
    periods = [
        _follow(engine, policy, value, end - pd.Timedelta(days=back), days, withheld) for back in (0, YEAR)
    ]
    return Development(periods[0], periods[1], days, True)


def _follow(
    engine: Engine, policy: Policy, value: ValueModel, end: pd.Timestamp, days: int, withheld: Iterable[str]
) -> Period:
    start = end - pd.Timedelta(days=days)
    tiers = place_by_purchases(reach_back(engine, day=start, days=days), policy, value, start, withheld)
    came = spend_between(engine, after=start, until=end).reindex(tiers.index).fillna(0)
    done = pd.DataFrame(
        {
            "customers": 1.0,
            "bought": (came["purchases"] > 0).astype(float),
            "purchases": came["purchases"].astype(float),
            "spend": came["spend"].astype(float),
        }
    )
    if (contribution := contribute_between(engine, policy, start, end)) is not None:
        known = contribution.reindex(tiers.index)
        done["contribution"] = known.fillna(0.0)
        done["of_known_cost"] = known.notna().astype(float)
    if (answers := sum_answers(engine, after=start, until=end)) is not None:
        done = done.join(answers.reindex(tiers.index).fillna(0.0))
    return Period(start, end, tiers, done)


def place_by_purchases(
    engine: Engine, policy: Policy, value: ValueModel, day: Day, withheld: Iterable[str] = ()
) -> pd.Series:
    """The tier that the policy makes of what the engine's purchases show on a day, by `customer_id`."""
    customers = summarise_customers(engine, as_of=day)
    buyers = customers[customers["purchases"] > 0]
    terms = policy.model_dump(include={"horizon_days", "annual_discount_rate", "margin_rate"})
    seen = {"customer_features": buyers, "value": value.predict(buyers, **terms)}
    churn = measure_rhythm(buyers).join(measure_decline(buyers))
    raw = scorecard.gather_indicators(policy, **seen, churn=churn)
    model = scorecard.fit_scorecard(raw, policy, learned_on=f"{day:%Y-%m-%d}")
    return name_tiers(scorecard.score(raw, policy, model), policy, model.withhold(withheld))


def contribute_between(engine: Engine, policy: Policy, start: Day, end: Day) -> pd.Series | None:
    """What each customer contributed after `start` up to `end`; None where cost is unknown.

    What 11's waterfall says at the end less what it says at the start, so that periods add up to it; missing
    where the cost of most of a customer's sales is unknown at the end.
    """
    rate = policy.annual_discount_rate
    by_then = contribution_waterfall(engine, as_of=end, annual_interest_rate=rate)
    if not by_then.known:
        return None
    until = by_then.rows["contribution"]
    before = contribution_waterfall(engine, as_of=start, annual_interest_rate=rate)
    earlier = before.rows["contribution"] if before.known else pd.Series(dtype="float64")
    return until - earlier.reindex(until.index).fillna(0.0)


def contribute_by_year(engine: Engine, policy: Policy, *, as_of: Day, history_days: int) -> pd.DataFrame:
    """The table `profit_by_year`: what each customer contributed in the last year and in the year before.

    Returns
    -------
    By `customer_id`: `contribution_before`, `contribution_year` (currency; missing where the cost of most of
    a customer's sales is unknown; the former also where the data do not reach back two years). No rows where
    cost is unknown.
    """
    end = pd.Timestamp(as_of).normalize()
    year = contribute_between(engine, policy, end - WINDOW, end)
    if year is None:
        columns = {"contribution_before": "float64", "contribution_year": "float64"}
        return pd.DataFrame(columns=list(columns)).astype(columns).rename_axis("customer_id")
    before = None
    if history_days >= 2 * YEAR:
        before = contribute_between(engine, policy, end - 2 * WINDOW, end - WINDOW)
    earlier = pd.Series(np.nan, year.index) if before is None else before.reindex(year.index)
    return pd.DataFrame({"contribution_before": earlier, "contribution_year": year})


def compare_periods(development: Development, policy: Policy) -> pd.DataFrame:
    """Each tier's customers in the later period beside those who had the tier a year before.

    Returns
    -------
    The rows of the table `tier_development`, tiers in the policy's order: `tier`, `measure` (of `MEASURES`,
    those that the data have), `customers_before`, `customers`, `before`, `now` (per customer, per purchase
    day, per answer), `difference` with its 95 % interval `low`, `high`, `p` adjusted over all rows (Holm),
    and `verdict`: rises, falls (beyond chance), cannot_tell, or too_few (fewer than 30 customers in either).
    No rows where the data do not reach back.

    Notes
    -----
    Customers are the units, also who is in both periods: see `stats.compare_events`.
    """
    columns = [*COLUMNS, "p", "verdict"]
    if development.now is None or development.before is None:
        return pd.DataFrame(columns=columns)
    periods = (development.now, development.before)
    everybody = periods[0].tiers.index.union(periods[1].tiers.index)
    rows = []
    for tier in policy.tiers:
        ours = [each.done[each.tiers == tier.name].reindex(everybody).fillna(0.0) for each in periods]
        counts = [int(each["customers"].sum()) for each in ours]
        for measure, (of, by) in MEASURES.items():
            if not all(of in each and by in each for each in ours):
                continue
            sums = [each[name].to_numpy() for each in ours for name in (of, by)]
            units = [int((each[by] > 0).sum()) for each in ours]
            found = compare_events(*sums)
            means = [top.sum() / down.sum() if down.sum() else np.nan for top, down in (sums[2:], sums[:2])]
            enough = min(units) >= MIN_CUSTOMERS
            row = dict(zip(COLUMNS, (tier.name, measure, *counts[::-1], *means), strict=False))
            row |= {"difference": found.difference, "low": found.low, "high": found.high}
            rows.append(row | {"p": found.p if enough else np.nan, "enough": enough})
    table = pd.DataFrame(rows)
    p = holm(table["p"].to_numpy(float))
    beyond = (p <= LEVEL) & ((table["low"] > 0) | (table["high"] < 0))
    said = np.where(table["difference"] > 0, RISES, FALLS)
    table["verdict"] = np.select([~table["enough"], beyond], [TOO_FEW, said], UNCLEAR)
    return table.assign(p=p)[columns]
