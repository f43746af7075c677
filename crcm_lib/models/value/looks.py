"""Windows of the past: what was known at the start of each, what the plain models made of it, what came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from crcm_lib.data.customer_sql import date
from crcm_lib.data.customers import spend_between, summarise_customers
from crcm_lib.data.tables import open_beside
from crcm_lib.errors import DataError
from crcm_lib.models.value import correction
from crcm_lib.models.value.ladder import fit_value, refit_purchases
from crcm_lib.models.value.lookback import LAST_PERIOD, SAME_RATE, last_period, same_rate
from crcm_lib.models.value.model import ValueModel
from crcm_lib.models.value.processes import MBGNBD, PARETO, REGULAR, name_regular
from crcm_lib.models.value.recalibration import Surprise, find_factor, measure_surprise, tell_factor
from crcm_lib.models.value.standings import PLAIN

SAMPLE = 50_000  # customers that windows are judged on, at most


@dataclass(frozen=True)
class Look:
    """One window of the past: what was known at its start, what the models made of it, what came.

    Attributes
    ----------
    spends
        One row per customer: `actual`, and a column for each model and baseline (currency).
    purchases
        Purchase days of each customer in the window.
    surprises
        By how much the totals of the plain models were off, before any recalibration.
    """

    cut: pd.Timestamp
    until: pd.Timestamp
    customers: pd.DataFrame
    models: dict[str, ValueModel]
    spends: pd.DataFrame
    purchases: pd.Series
    surprises: dict[str, Surprise]

    @property
    def days(self) -> int:
        """How long the window is."""
        return (self.until - self.cut).days

    def add(self, name: str, model: ValueModel) -> "Look":
        """The same window with one more model and what it had predicted."""
        predicted = model.predict(self.customers, horizon_days=self.days)["spend_expected"]
        return replace(
            self, models=self.models | {name: model}, spends=self.spends.assign(**{name: predicted})
        )

    def recalibrate(self, earlier: Sequence["Look"]) -> "Look":
        """The same window, each model's total changed by what earlier windows say of it."""
        models = {name: recalibrate(model, name, earlier) for name, model in self.models.items()}
        changed = {name: self.spends[name] * model.recalibration for name, model in models.items()}
        return replace(self, models=models, spends=self.spends.assign(**changed))

    def lesson(self) -> correction.Lesson:
        """What a correction can learn from this window."""
        predicted, actual = (self.spends[name].to_numpy(float) for name in (PARETO, "actual"))
        return correction.Lesson(self.models[PARETO].describe(self.customers), predicted, actual)


def look_back_on_all(engine, until: pd.Timestamp, step: int, count: int, seed: int) -> list[Look]:
    """The windows, the latest first, as far back as somebody had bought before them.

    Of more than 50,000 customers a random sample of as many is looked at, the same in every window.
    """
    engine, looks = _take_sample(engine, until, seed), []
    for back in range(1, count + 1):
        start = until - pd.Timedelta(days=step * back)
        look = _look_back(engine, start, start + pd.Timedelta(days=step), seed)
        if look is None:
            break
        looks.append(look)
    return looks


def _take_sample(engine, until: pd.Timestamp, seed: int):
    """An engine with the lines of some customers, drawn by a hash of their ids; the same one where few do."""
    known = f"select distinct customer_id from transactions where day <= {date(until)}"
    if engine.execute(f"select count(*) as n from ({known}) as known").df()["n"].item() <= SAMPLE:
        return engine
    schema = f"sample_{seed}"
    sample = open_beside(engine, schema)
    # Made by the engine given, which may itself see other transactions than `main` holds.
    engine.execute(f"""
        create or replace table {schema}.transactions as select * from transactions where customer_id in (
            select customer_id from ({known}) as known order by md5(customer_id || '|{seed}') limit {SAMPLE})""")
    return sample


def _look_back(engine, cut: pd.Timestamp, until: pd.Timestamp, seed: int) -> Look | None:
    """What the plain models and the baselines would have predicted on `cut`; None where nobody had bought."""
    try:
        customers = summarise_customers(engine, as_of=cut)
    except DataError:
        return None
    customers = customers[customers["purchases"] > 0]
    if customers.empty:
        return None
    days = (until - cut).days
    simplest = fit_value(customers, purchases=PLAIN[0], seed=seed)
    rhythm = name_regular(simplest.facts.get("regularity", 1.0)) != MBGNBD
    others = [name for name in PLAIN[1:] if name != REGULAR or rhythm]
    models = {name: refit_purchases(simplest, customers, name, seed=seed) for name in others}
    models = {PLAIN[0]: simplest, **models}
    later = spend_between(engine, after=cut, until=until).reindex(customers.index).fillna(0)
    spends = {"actual": later["spend"].astype(float)} | {
        name: model.predict(customers, horizon_days=days)["spend_expected"] for name, model in models.items()
    }
    spends |= {SAME_RATE: same_rate(customers, days), LAST_PERIOD: last_period(engine, customers, cut, days)}
    found = {name: measure_surprise(spends["actual"], spends[name], days) for name in models}
    surprises = {name: one for name, one in found.items() if one is not None}
    return Look(cut, until, customers, models, pd.DataFrame(spends), later["purchases"], surprises)


def recalibrate(model: ValueModel, name: str, looks: Sequence[Look]) -> ValueModel:
    """The model under this name, its totals changed by what windows before, the latest first, say of it.

    A correction leaves the total to the model that it corrects, and so has that one's surprises.
    """
    plain = name if name in PLAIN else PARETO
    surprises = [look.surprises[plain] for look in looks if plain in look.surprises]
    factor = find_factor(surprises)
    if factor == 1:
        return model
    return replace(model, recalibration=factor, reasons=(*model.reasons, tell_factor(factor, surprises)))
