"""Classes of newcomers (新客户归类) by expected early spend, fitted on older customers' first days.

A newcomer has bought on one day so far, less than the early days ago; a prospect never. The early spend of
older customers is regressed on what was known on the evening of their first day. Whether that predicts better
than the mean is validated in time order: fitted on those whose early days were over by a cutoff day, compared
on those who came after it. Where it does not, or nothing can be compared, everybody is expected to spend the
mean.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from crcm_lib.features.arrivals import LEFT_CENSORED_SHARE
from crcm_lib.features.customer_sql import date
from crcm_lib.features.first_purchase import read_profile, read_signups, summarise_first_days
from crcm_lib.features.holdout_windows import MIN_HOLDOUT_DAYS, history_start
from crcm_lib.models.newcomers.conversion import Conversion, learn_conversion
from crcm_lib.models.newcomers.holdout import (
    MIN_EARLIER_NEWCOMERS,
    HoldoutResult,
    classify,
    no_comparison,
    validate_on_later,
)
from crcm_lib.models.newcomers.poisson_model import PoissonModel
from crcm_lib.schema import learned_state
from crcm_lib.schema.engine import Engine

SCHEMA_VERSION = 2  # of the JSON of Newcomers
NEWCOMER, PROSPECT = "newcomer", "prospect"
EARLY_SHARE = 0.25  # the early days are at most this part of the history
MAX_EARLIER_NEWCOMERS = 100_000  # the latest ones count
FACTS = (
    "first_amount",
    "first_lines",
    "first_products",
    "first_categories",
    "first_discount_share",
    "first_channel",
    "first_region",
    "first_weekday",
)
NOT_PROFILE = ("first_day", "spend_after", "again_after_days", "is_kept", "kind", "days_waited", "p_buys")
WAITING_STEP = 7  # days between those for which the share still to come is measured
MIN_WAITING = 30  # customers who waited as long, at least


@dataclass(frozen=True)
class LeftCensoring:
    """Customers whose first recorded purchase is so early that they may have bought before the record.

    Attributes
    ----------
    customers
        How many there are (count).
    until
        Their first recorded purchase is on or before this day.
    are_left_out
        False where too few customers would remain without them.
    """

    customers: int
    until: str
    are_left_out: bool


@dataclass(frozen=True)
class Newcomers:
    """The fitted models of newcomers' and prospects' early spend.

    Attributes
    ----------
    days
        How many early days there are; 0 where the history is too short.
    newcomers, prospects
        Of newcomers the spend of the early days after the first one is expected; of prospects, who may never
        buy, the spend of the first day and the early days after it, if they do.
    waiting
        Share of a newcomer's expected spend still to come after so many days without a second purchase.
    left_censoring
        None where nobody's first recorded purchase is that early.
    conversion
        How fast prospects become customers; None where it is not known.
    """

    days: int
    newcomers: HoldoutResult
    prospects: HoldoutResult
    waiting: dict[int, float] = field(default_factory=dict)
    left_censoring: LeftCensoring | None = None
    conversion: Conversion | None = None

    def to_json(self) -> str:
        """The fitted models as JSON, without any customer's data."""
        state = {"days": self.days, "waiting": list(self.waiting.items())}
        for name, part in (("left_censoring", self.left_censoring), ("conversion", self.conversion)):
            state[name] = vars(part) if part else None
        for kind, result in ((NEWCOMER, self.newcomers), (PROSPECT, self.prospects)):
            state[kind] = {
                "model": result.model.to_state(),
                "grade": result.grade,
                "reason": result.reason,
                "facts": {name: fact for name, fact in result.facts.items() if np.isfinite(fact)},
            }
        return learned_state.to_json(state, SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "Newcomers":
        """The fitted models that `to_json` wrote; scores and compared customers are not kept.

        Raises
        ------
        DataError
            If another release wrote it.
        """
        state = learned_state.from_json(text, SCHEMA_VERSION, model="newcomers", notebook="04_clv")
        results = []
        for part in (state[NEWCOMER], state[PROSPECT]):
            model = PoissonModel.from_state(part["model"])
            empty = no_comparison(model, part["reason"], **part["facts"])
            results.append(HoldoutResult(**{**vars(empty), "grade": part["grade"]}))
        waiting = {int(day): share for day, share in state["waiting"]}
        censoring = state["left_censoring"] and LeftCensoring(**state["left_censoring"])
        conversion = state["conversion"] and Conversion(**state["conversion"])
        return cls(state["days"], *results, waiting, censoring, conversion)

    def predict(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Expected early spend, class and reason of each customer.

        Parameters
        ----------
        facts
            Indexed by `customer_id`: `kind`, `days_waited` (days since the first purchase; of prospects since
            they signed up, missing where that is not known) and what is known of the attributes; what is
            missing counts as average.

        Returns
        -------
        The table `newcomers`, indexed by `customer_id`: `kind`; `class`; `spend_expected` (currency, over
        `days`), of a newcomer after the first day, of a prospect from the first purchase on, if there is one;
        `spend_to_come` (currency), the part still expected after `days_waited` without a second purchase, of
        a prospect `p_buys` of it; `p_buys`, a prospect's chance to buy in the next `days`, empty for
        newcomers and where it is not known; `days_waited`; `reason` and what `PoissonModel.explain` has.
        """
        parts = []
        for kind, result in ((NEWCOMER, self.newcomers), (PROSPECT, self.prospects)):
            own = facts[facts["kind"] == kind]
            expected = result.model.predict(own)
            chance = self._chance(own["days_waited"].to_numpy(float)) if kind == PROSPECT else np.nan
            to_come = chance if kind == PROSPECT else self._share_to_come(own["days_waited"].to_numpy(float))
            part = pd.DataFrame(
                {
                    "kind": own["kind"],
                    "class": classify(result.model, expected),
                    "spend_expected": expected,
                    "spend_to_come": expected * to_come,
                    "p_buys": chance,
                    "days_waited": own["days_waited"].astype("float64"),
                }
            )
            parts.append(part.join(result.model.explain(own)))
        return pd.concat(parts).loc[facts.index]

    def _chance(self, waited: np.ndarray) -> np.ndarray:
        """A prospect's chance to buy in the next `days`; NaN where it, or the wait, is not known."""
        if self.conversion is None:
            return np.full(len(waited), np.nan)
        known = np.nan_to_num(waited)
        return np.where(np.isnan(waited), np.nan, self.conversion.chance(known, self.days))

    def _share_to_come(self, waited: np.ndarray) -> np.ndarray:
        if not self.waiting:
            return np.ones(len(waited))
        days, shares = (np.array(list(part), float) for part in (self.waiting, self.waiting.values()))
        return shares[np.searchsorted(days, waited, side="right") - 1]


def learn_newcomers(
    engine: Engine, *, as_of, horizon_days: float, protected: Collection[str] = ()
) -> Newcomers:
    """Fit older customers' early spend, and validate the fit on later newcomers.

    Parameters
    ----------
    engine
        Holds the clean table `transactions`, and `customers` where there is one.
    as_of
        Last day known; nothing dated later counts.
    horizon_days
        How many early days are wanted; a quarter of the history is the most there can be.
    protected
        Attributes that must not count: the policy's `fairness.protected`.
    """
    end = pd.Timestamp(as_of).normalize()
    start = history_start(engine, end)
    history = (end - start).days
    days = int(min(horizon_days, history * EARLY_SHARE))
    if days < MIN_HOLDOUT_DAYS:
        nothing = no_comparison(PoissonModel(np.nan, 0), "short_history", history_days=history)
        return Newcomers(0, nothing, nothing)
    facts = read_facts(engine, as_of=end, days=days, protected=protected)
    over = facts[facts["first_day"] <= end - pd.Timedelta(days=days)]
    older, censoring = _leave_out_censored(over, start + pd.Timedelta(days=LEFT_CENSORED_SHARE * history))
    after = older["spend_after"].to_numpy(float)
    profile = [name for name in facts if name not in NOT_PROFILE and name not in FACTS]
    first_day = [name for name in facts if name in (*FACTS, *profile)]
    newcomers = validate_on_later(older, after, names=first_day, days=days)
    first = older["first_amount"].to_numpy(float)
    prospects = validate_on_later(older, first + after, names=profile, days=days)
    waiting = _share_by_waiting(older, days)
    conversion = learn_conversion(read_signups(engine, as_of=end), start=start, end=end, days=days)
    return Newcomers(days, newcomers, prospects, waiting, censoring, conversion)


def read_facts(engine: Engine, *, as_of, days: int, protected: Collection[str] = ()) -> pd.DataFrame:
    """The first day and profile of all buyers and prospects, without any protected attribute.

    Returns
    -------
    Indexed by `customer_id`: the columns of `summarise_first_days` (empty for prospects) and of
    `read_profile`; `kind`: newcomer (one purchase day so far, not all returned, less than `days` ago),
    prospect (no line so far), or empty for all others; `days_waited` since the first day, of prospects since
    they signed up.
    """
    end = pd.Timestamp(as_of).normalize()
    first = summarise_first_days(engine, as_of=end, days=days)
    profile = read_profile(engine, as_of=end, protected=protected)
    barred = {name.lower() for name in protected} | {name.lower() for name in profile}
    allowed = [name for name in first if name not in FACTS or name.removeprefix("first_") not in barred]
    profile = profile.drop(columns=[name for name in profile if name in (*first, *NOT_PROFILE)])
    bought = engine.execute(f"select distinct customer_id from transactions where day <= {date(end)}").df()
    prospects = profile.index.difference(bought["customer_id"])
    everybody = first.index.union(prospects).rename("customer_id")
    facts = first[allowed].join(profile).reindex(everybody)
    facts.loc[prospects, profile.columns] = profile.loc[prospects]
    waited = (end - facts["first_day"]).dt.days
    new = facts["again_after_days"].isna() & facts["is_kept"].eq(True) & (waited < days)
    kind = np.select([facts.index.isin(prospects), new], [PROSPECT, NEWCOMER], "")
    signed_up = read_signups(engine, as_of=end)["signup"].reindex(prospects)
    waited.loc[prospects] = (end - signed_up).dt.days
    return facts.assign(kind=kind, days_waited=waited.astype("float64"))


def classify_newcomers(
    engine: Engine, learned: Newcomers, *, as_of, protected: Collection[str] = ()
) -> pd.DataFrame:
    """The table `newcomers`: every newcomer and prospect of `as_of` with class and reason."""
    facts = read_facts(engine, as_of=as_of, days=learned.days or MIN_HOLDOUT_DAYS, protected=protected)
    return learned.predict(facts[facts["kind"] != ""])


def _leave_out_censored(over: pd.DataFrame, until: pd.Timestamp) -> tuple[pd.DataFrame, LeftCensoring | None]:
    """Without customers who may have bought before the record began, if enough remain."""
    after = over[over["first_day"] > until]
    early = len(over) - len(after)
    are_left_out = len(after) >= MIN_EARLIER_NEWCOMERS
    older = after if are_left_out else over
    if len(older) > MAX_EARLIER_NEWCOMERS:
        older = older[older["first_day"] >= older["first_day"].nlargest(MAX_EARLIER_NEWCOMERS).iloc[-1]]
    return older, LeftCensoring(early, f"{until:%Y-%m-%d}", are_left_out) if early else None


def _share_by_waiting(older: pd.DataFrame, days: int) -> dict[int, float]:
    """Mean spend of those without a second purchase by each day, over the mean of all."""
    spend, again = older["spend_after"].clip(lower=0), older["again_after_days"].fillna(np.inf)
    mean, shares = float(np.sort(spend).mean()) if len(older) else 0.0, {0: 1.0}
    for day in range(WAITING_STEP, days, WAITING_STEP):
        waiting = np.sort(spend[again > day])
        if len(waiting) < MIN_WAITING or mean <= 0:
            break
        shares[day] = float(waiting.mean()) / mean
    return shares
