"""What the models take for granted, what the data say of it, and what the run did about it."""

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.i18n import _
from crcm_lib.models.clv.fit import MAX_RANK_CORRELATION, MIN_REPEAT_BUYERS
from crcm_lib.models.clv.purchase_models import PARETO, YEAR
from crcm_lib.models.clv.value_model import GAMMA_GAMMA, ValueModel, purchase_histories
from crcm_lib.models.mle import Numbers

MAX_MISPLACED_SHARE = 0.05  # share of customers that the expected counts of purchases may misplace
MAX_RANDOM_SHAPE = 1.5  # Erlang shape of the days between purchases; 1 is wholly random
MAX_DRIFT = 0.05  # share by which the typical purchase may have changed
MAX_COHORT_DEVIATION = (
    0.15  # share by which a third of the customers, by first day, may differ from what is expected
)
THIRDS = 3
MIN_SEASON_CORRELATION = 0.5  # correlation of a year's months with the year before that counts as a season
MAX_COUNT = 7


def check_assumptions(model: ValueModel, customers: pd.DataFrame, engine, *, as_of) -> pd.DataFrame:
    """One row per assumption: `assumption`, `found` in the data, and `so`, what was done about it.

    Parameters
    ----------
    model
        The model that predicts.
    customers
        The `customers` table.
    engine
        Holds the clean table `transactions`.
    as_of
        Last day known.
    """
    buyers = customers[customers["purchases"] > 0]
    counts = compare_counts(model, customers)
    misplaced = float(abs(counts["actual"] - counts["expected"]).sum() / 2)
    rows = [
        _tell_link(model),
        (
            _("repeat purchases spread as the model says"),
            _("{share:.1%} of customers have another count than expected").format(share=misplaced),
            _("close enough") if misplaced <= MAX_MISPLACED_SHARE
            else _("not close: trust the windows held out more than the model's own odds"),
        ),
        _tell_regularity(model),
        _tell_drift(measure_drift(buyers)),
        _tell_cohorts(model, compare_cohorts(model, buyers)),
        _tell_season(measure_season(count_months(engine, as_of=as_of))),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["assumption", "found", "so"])


def measure_drift(buyers: pd.DataFrame) -> tuple[float, float, float]:
    """By how much the same customers' mean purchase changed in the last 180 days: middle, low, high (95 %).

    Missing where fewer than 30 customers bought both in those days and before.
    """
    missing = (float("nan"),) * 3
    if "spend_180d" not in buyers:
        return missing
    earlier, recent = buyers["purchases"] - buyers["purchases_180d"], buyers["purchases_180d"]
    some = buyers[(earlier > 0) & (recent > 0)]
    before = (some["spend_total"] - some["spend_180d"]) / (some["purchases"] - some["purchases_180d"])
    now = some["spend_180d"] / some["purchases_180d"]
    change = np.log((now / before).astype(float)[(now > 0) & (before > 0)])
    if len(change) < MIN_REPEAT_BUYERS:
        return missing
    half = 1.96 * change.std() / np.sqrt(len(change))
    return tuple(float(np.expm1(change.mean() + step)) for step in (0, -half, half))


def compare_cohorts(model: ValueModel, buyers: pd.DataFrame) -> Numbers:
    """Repeat purchases so far over what the model expects, of thirds of the customers by their first day."""
    histories = purchase_histories(buyers)
    if len(buyers) < THIRDS * MIN_REPEAT_BUYERS:
        return np.full(THIRDS, np.nan)
    x, _t_x, age = (column[histories.which] for column in histories.columns)
    nothing = np.zeros(len(age))
    expected = model.process.stays(model.params, nothing, nothing, nothing, age, 0.0)
    third = np.minimum(pd.Series(-age).rank(pct=True).to_numpy() * THIRDS, THIRDS - 1e-9).astype(int)
    sums = [np.bincount(third, weights, minlength=THIRDS) for weights in (x, expected)]
    return np.where(sums[1] > 0, sums[0] / np.where(sums[1] > 0, sums[1], 1), np.nan)


def count_months(engine, *, as_of) -> pd.Series:
    """Purchase days in each whole calendar month up to `as_of`, by its first day."""
    until = pd.Timestamp(as_of)
    found = engine.execute(
        f"""select extract(year from day) as year, extract(month from day) as month, count(*) as purchases
            from (select distinct customer_id, day from transactions
                  where kind = 'sale' and day <= {date(until)}) as days
            group by extract(year from day), extract(month from day) order by year, month"""
    ).df()
    months = pd.PeriodIndex.from_fields(
        year=found["year"].astype(int), month=found["month"].astype(int), freq="M"
    )
    counts = pd.Series(found["purchases"].to_numpy(float), index=months).iloc[1:]  # the first may be cut off
    return counts[counts.index.end_time.normalize() <= until] if len(counts) else counts


def measure_season(months: pd.Series) -> tuple[float, float]:
    """Correlation of the last twelve months with the twelve before, trends taken off; the best month's lead.

    Missing with fewer than 24 months.
    """
    if len(months) < 24 or (months <= 0).any():
        return float("nan"), float("nan")
    logs = np.log(months.to_numpy(float)[-24:])
    time = np.arange(24.0)
    rest = logs - np.polyval(np.polyfit(time, logs, 1), time)
    mean = (rest[:12] + rest[12:]) / 2
    return float(np.corrcoef(rest[:12], rest[12:])[0, 1]), float(np.expm1(mean.max()))


def _tell_link(model: ValueModel):
    facts = model.facts
    name = _("spend per purchase does not go with frequency")
    if facts["repeaters"] < MIN_REPEAT_BUYERS:
        return name, _("too few repeat buyers to tell"), _("spend per purchase is a shrunken mean")
    found = _("rank correlation {link:+.2f} ({low:+.2f} to {high:+.2f}); the limit is ±{limit:.2f}").format(
        link=facts["link"], low=facts["link_low"], high=facts["link_high"], limit=MAX_RANK_CORRELATION
    )
    used = model.spend == GAMMA_GAMMA
    return name, found, _("Gamma-Gamma is used") if used else _("Gamma-Gamma is not used: see remarks")


def _tell_regularity(model: ValueModel):
    name = _("customers buy at random moments, not at regular ones")
    shape = model.facts.get("regularity")
    if shape is None:
        return name, _("too few customers with three or more pauses"), _("cannot tell")
    found = _(
        "pauses are as even as those of an Erlang distribution of shape {shape:.1f}; 1 is random"
    ).format(shape=shape)
    if shape <= MAX_RANDOM_SHAPE:
        return name, found, _("holds")
    if model.process.k > 1:
        return name, found, _("not needed: {model} knows a rhythm").format(model=model.purchases)
    if model.correction is not None:
        return name, found, _("does not hold; the correction sees each customer's rhythm")
    return name, found, _("does not hold: who is overdue is more surely gone than the model says; see 05")


def _tell_drift(drift: tuple[float, float, float]):
    name = _("a customer's purchases keep their size")
    middle, low, high = drift
    if np.isnan(middle):
        return name, _("too few bought both in the last 180 days and before"), _("cannot tell")
    found = _("the same customers' purchases changed by {middle:+.1%} ({low:+.1%} to {high:+.1%})").format(
        middle=middle, low=low, high=high
    )
    holds = low <= MAX_DRIFT and high >= -MAX_DRIFT
    return name, found, _("holds") if holds else _("does not hold: read totals with this change in mind")


def _tell_cohorts(model: ValueModel, ratios: Numbers):
    name = _("customers won early and late are alike")
    if np.isnan(ratios).any():
        return name, _("too few customers to compare"), _("cannot tell")
    found = _("repeat purchases against expected, earliest to latest third: {ratios}").format(
        ratios=", ".join(f"{ratio:.0%}" for ratio in ratios)
    )
    if (abs(ratios - 1) <= MAX_COHORT_DEVIATION).all():
        return name, found, _("holds")
    if model.correction is not None:
        return name, found, _("does not hold; the correction knows for how long a customer is known")
    return name, found, _("does not hold: trust the ranking within a third more than between thirds")


def _tell_season(season: tuple[float, float]):
    name = _("no season")
    correlation, lead = season
    if np.isnan(correlation):
        return name, _("fewer than 24 whole months: a season cannot be told from a trend"), _("cannot tell")
    found = _("months repeat last year's with correlation {correlation:+.2f}; the best is {lead:+.0%} "
              "above the year").format(correlation=correlation, lead=lead)  # fmt: skip
    if correlation < MIN_SEASON_CORRELATION:
        return name, found, _("holds")
    return (
        name,
        found,
        _("does not hold: fair over whole years only; a shorter horizon needs the season in mind"),
    )


def describe_model(model: ValueModel) -> pd.DataFrame:
    """What was learned, one row each: `what` and `found`, in words."""
    facts, params, spend = model.facts, model.params, model.spend_params
    rows = [
        (_("model"), model.name),
        (_("learned from"), _("{n:,} customers, {again:,} of them repeat buyers, {days:,.0f} days").format(
            n=facts["customers"], again=facts["repeaters"], days=facts["history_days"])),
        (_("pace"), _("{pace:.2f} purchase days in 30 days, averaged over customers while they stay").format(
            pace=30 * params["r"] / params["alpha"] / model.process.k)),
        (_("leaving"), _tell_leaving(model)),
        (_("spend"), _("{level:,.2f} per purchase day is expected of a stranger, and weighs as much as "
            "{worth:.2f} own purchases").format(level=spend["level"], worth=spend["worth"])),
        (_("margin"), _("cost is unknown: value is revenue") if model.margin is None
            else _("{margin:.1%} of spend, from known cost").format(margin=model.margin)),
        *((_("remark"), reason) for reason in model.reasons),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "found"])


def _tell_leaving(model: ValueModel) -> str:
    params = model.params
    if "a" in params:
        share = params["a"] / (params["a"] + params["b"])
        return _("{chance:.1%} leave after a purchase, on average").format(chance=share)
    if model.purchases == PARETO:
        half = params["beta"] * np.expm1(np.log(2) / params["s"]) if params["s"] > 0.02 else np.inf
        if half > 100 * YEAR:
            return _("half of all customers stay for longer than can be told")
        return _("half of all customers leave within {days:,.0f} days of their first purchase").format(
            days=half
        )
    return _("not modelled: the simple rate takes everybody to stay")


def compare_counts(model: ValueModel, customers: pd.DataFrame) -> pd.DataFrame:
    """Share of buyers by purchases after the first one: `purchases` (0, 1, … 7+), `actual`, `expected`."""
    again = customers.loc[customers["purchases"] > 0, "purchases"].to_numpy(float) - 1
    actual = np.bincount(np.minimum(again, MAX_COUNT).astype(int), minlength=MAX_COUNT + 1)
    names = [*map(str, range(MAX_COUNT)), f"{MAX_COUNT}+"]
    return pd.DataFrame(
        {
            "purchases": names,
            "customers": actual,
            "actual": actual / max(len(again), 1),
            "expected": model.expect_counts(customers, MAX_COUNT),
        }
    )
