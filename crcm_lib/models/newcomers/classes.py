"""What newcomers will spend (新客户归类): learned from older customers' early days, judged on later ones.

A newcomer has bought on one day so far, less than the early days ago; a prospect never. What older customers
spent in their early days is learned from what was known on the evening of the first one. Whether that tells
more than the mean is tried in time order: learned on those whose early days were over before a cut, judged on
those who came after it. Where it does not, or nobody can tell, the mean is what is handed out.
"""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from crcm_lib.features.customer_sql import date
from crcm_lib.features.first_purchase import read_profile, summarise_first_days
from crcm_lib.i18n import _
from crcm_lib.models.clv.backtest import MIN_HOLDOUT_DAYS, first_busy_day
from crcm_lib.models.newcomers.holdout import (
    CLASSES,
    MIN_EARLIER_NEWCOMERS,
    UNKNOWN,
    HoldoutResult,
    cannot_tell,
    classify,
    validate_on_later,
)
from crcm_lib.models.newcomers.poisson_model import PoissonModel
from crcm_lib.privacy import LARGEST_SHARE, hide_small

NEWCOMER, PROSPECT = "newcomer", "prospect"
QUARTER = 4  # the early days are at most this part of the history
LEFT_CENSORED_SHARE = 0.1  # part of the history whose first purchases may not be first ones
MAX_EARLIER_NEWCOMERS = 100_000  # the latest ones count
FACTS = (
    "first_amount", "first_lines", "first_products", "first_categories", "first_discount_share",
    "first_channel", "first_region", "first_weekday",
)  # fmt: skip
NOT_PROFILE = ("first_day", "spend_after", "again_after_days", "holds", "kind", "days_waited")
MONEY = ("expected_total", "expected_mean")
PAST_MONEY = ("past_total", "past_mean", "past_expected", "past_low", "past_high")
STEP = 7  # days between those at which waiting is looked at
MIN_WAITING = 30  # customers who waited as long, at least


@dataclass(frozen=True)
class Newcomers:
    """What early days say of newcomers and prospects.

    Attributes
    ----------
    days
        How many early days are looked at; 0 where the history is too short.
    newcomers, prospects
        Of newcomers the spend of the early days after the first one is expected; of prospects, who may never
        buy, what they spend if they do: on the first day and in the early days after it.
    waiting
        Share of a newcomer's expected spend still to come after so many days without a second purchase.
    remarks
        What is to be known when reading it.
    """

    days: int
    newcomers: HoldoutResult
    prospects: HoldoutResult
    waiting: dict[int, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The learned state as JSON, without any customer's data."""
        state = {"days": self.days, "waiting": list(self.waiting.items()), "remarks": self.remarks}
        for kind, trial in ((NEWCOMER, self.newcomers), (PROSPECT, self.prospects)):
            state[kind] = {"model": trial.model.to_state(), "word": trial.word, "because": trial.because}
        return json.dumps(state, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Newcomers":
        """Read the learned state back; scores and judged customers stay with the run that found them."""
        state = json.loads(text)
        trials = [
            replace(cannot_tell(PoissonModel.from_state(kept["model"]), kept["because"]), word=kept["word"])
            for kept in (state[NEWCOMER], state[PROSPECT])
        ]
        waiting = {int(day): share for day, share in state["waiting"]}
        return cls(state["days"], *trials, waiting, tuple(state["remarks"]))

    def predict(self, facts: pd.DataFrame) -> pd.DataFrame:
        """Expected early spend, class and reason of each customer.

        Parameters
        ----------
        facts
            Indexed by `customer_id`: `kind`, `days_waited` (days since the first purchase; 0 for prospects)
            and what is known of the attributes; what is missing counts as average.

        Returns
        -------
        Indexed by `customer_id`: `kind`; `class`; `spend_expected` (currency, over `days`), of a newcomer
        after the first day, of a prospect from the first purchase on, if there is one; `spend_to_come`
        (currency), what of it is still expected after `days_waited` without a second purchase, empty for
        prospects; `days_waited`; `because`.
        """
        parts = []
        for kind, trial in ((NEWCOMER, self.newcomers), (PROSPECT, self.prospects)):
            own = facts[facts["kind"] == kind]
            expected = trial.model.predict(own)
            share = self._share_to_come(own["days_waited"].to_numpy(float))
            parts.append(
                pd.DataFrame(
                    {
                        "kind": own["kind"],
                        "class": classify(trial.model, expected),
                        "spend_expected": expected,
                        "spend_to_come": expected * share if kind == NEWCOMER else np.nan,
                        "days_waited": own["days_waited"].astype("float64"),
                        "because": pd.Series(trial.model.explain(own), index=own.index, dtype="str"),
                    }
                )
            )
        return pd.concat(parts).loc[facts.index]

    def _share_to_come(self, waited: np.ndarray) -> np.ndarray:
        days, shares = (
            np.array(part, dtype=float) for part in (list(self.waiting), list(self.waiting.values()))
        )
        if not len(days):
            return np.ones(len(waited))
        return shares[np.searchsorted(days, waited, side="right") - 1]


def learn_newcomers(engine, *, as_of, horizon_days: float, protected: tuple[str, ...] = ()) -> Newcomers:
    """Learn what older customers spent in their early days, and try it on later newcomers.

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
    until = pd.Timestamp(as_of).normalize()
    start = first_busy_day(engine, until)
    history = (until - start).days
    days = int(min(horizon_days, history // QUARTER))
    if days < MIN_HOLDOUT_DAYS:
        words = _("{days} days of history are too few for early days to end in").format(days=history)
        nothing = cannot_tell(PoissonModel(np.nan, 0), words)
        return Newcomers(0, nothing, nothing)
    facts = read_facts(engine, as_of=until, days=days, protected=protected)
    over = facts[facts["first_day"] <= until - pd.Timedelta(days=days)]
    older, remarks = _choose_older(over, start + pd.Timedelta(days=LEFT_CENSORED_SHARE * history))
    after = older["spend_after"].to_numpy(float)
    profile = [name for name in facts if name not in NOT_PROFILE and name not in FACTS]
    newcomers = validate_on_later(
        older, after, names=[name for name in facts if name in (*FACTS, *profile)], days=days
    )
    first = older["first_amount"].to_numpy(float)
    prospects = validate_on_later(older, first + after, names=profile, days=days)
    return Newcomers(days, newcomers, prospects, _share_by_waiting(older, days), remarks)


def read_facts(engine, *, as_of, days: int, protected: tuple[str, ...] = ()) -> pd.DataFrame:
    """Everybody's first day and profile: buyers and prospects, without any protected attribute.

    Returns
    -------
    Indexed by `customer_id`: the columns of `summarise_first_days` (empty for prospects) and of
    `read_profile`; `kind`: newcomer (one purchase day so far, not all returned, less than `days` ago),
    prospect (no line so far), or empty for all others; `days_waited` since the first day, 0 for prospects.
    """
    until = pd.Timestamp(as_of).normalize()
    first = summarise_first_days(engine, as_of=until, days=days)
    profile = read_profile(engine, as_of=until, protected=protected)
    barred = {name.lower() for name in protected} | {name.lower() for name in profile}
    kept = [name for name in first if name not in FACTS or name.removeprefix("first_") not in barred]
    profile = profile.drop(columns=[name for name in profile if name in (*first, *NOT_PROFILE)])
    bought = engine.execute(f"select distinct customer_id from transactions where day <= {date(until)}").df()[
        "customer_id"
    ]
    asked = profile.index.difference(bought)
    facts = first[kept].join(profile).reindex(first.index.union(asked).rename("customer_id"))
    facts.loc[asked, profile.columns] = profile.loc[asked]
    waited = (until - facts["first_day"]).dt.days
    new = facts["again_after_days"].isna() & facts["holds"].eq(True) & (waited < days)
    kind = np.select([facts.index.isin(asked), new], [PROSPECT, NEWCOMER], "")
    return facts.assign(kind=kind, days_waited=waited.fillna(0).astype("float64"))


def classify_newcomers(engine, learned: Newcomers, *, as_of, protected: tuple[str, ...] = ()) -> pd.DataFrame:
    """Every newcomer and prospect of `as_of` with class and reason, as `Newcomers.predict` returns them."""
    facts = read_facts(engine, as_of=as_of, days=learned.days or MIN_HOLDOUT_DAYS, protected=protected)
    return learned.predict(facts[facts["kind"] != ""])


def summarise_classes(found: pd.DataFrame, learned: Newcomers, *, at_least: int = 5) -> pd.DataFrame:
    """How many are in each class, what is expected, and what earlier newcomers of that class then spent.

    Parameters
    ----------
    found
        From `classify_newcomers`.
    at_least
        Groups of fewer customers are hidden.

    Returns
    -------
    One row per kind and class: `customers`, `expected_total` and `expected_mean` (currency); of those judged
    on the trial `past_customers`, `past_expected` and `past_mean` (currency; what they were expected to spend
    and spent), `past_low` and `past_high` (95 % interval of that mean), `past_again` (share of newcomers who
    bought again; empty for prospects).
    """
    classes = [(kind, name) for kind in (NEWCOMER, PROSPECT) for name in (*CLASSES, UNKNOWN)]
    rows = pd.MultiIndex.from_tuples(classes, names=["kind", "class"])
    expected = found.groupby(["kind", "class"])["spend_expected"]
    today = {"customers": expected.size(), "expected_total": expected.sum(), "expected_mean": expected.mean()}
    today = pd.DataFrame(today | {LARGEST_SHARE: _largest_share(expected)}).reindex(rows)
    shown = hide_small(today.fillna({"customers": 0}), money=MONEY, at_least=at_least)
    past = [  # both trials judged the same customers: two lists, not one
        hide_small(part, counts="past_customers", money=PAST_MONEY, at_least=at_least)
        for part in (_look_back(learned.newcomers, NEWCOMER), _look_back(learned.prospects, PROSPECT))
    ]
    table = shown.join(pd.concat(past)).drop(columns="past_total").reset_index()
    some = table["customers"].ne(0) | table["past_expected"].notna()
    return table[some.fillna(True)].astype({"customers": "Int64", "past_customers": "Int64"})


def _look_back(trial: HoldoutResult, kind: str) -> pd.DataFrame:
    """What those judged spent, by class, with the t interval of the mean."""
    from scipy.special import stdtrit

    judged = trial.judged.assign(kind=kind).groupby(["kind", "class"])
    spent = judged["actual"]
    n, mean = spent.size(), spent.mean()
    half = stdtrit((n - 1).clip(lower=1).astype(float), 0.975) * spent.std() / np.sqrt(n)
    again = judged["again"].mean() if kind == NEWCOMER else np.nan
    return pd.DataFrame(
        {
            "past_customers": n, "past_total": spent.sum(), "past_expected": judged["predicted"].mean(),
            "past_mean": mean, "past_low": (mean - half).clip(lower=0), "past_high": mean + half,
            "past_again": again, LARGEST_SHARE: _largest_share(spent),
        }
    )  # fmt: skip


def _largest_share(money) -> pd.Series:
    """What the largest customer of each group brings of its money."""
    return money.max() / money.sum().clip(lower=1e-300)


def _choose_older(over: pd.DataFrame, settled: pd.Timestamp) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Without those who may have bought before the record began, if enough remain; and what was done."""
    came = over[over["first_day"] > settled]
    early = len(over) - len(came)
    remark = _("{n:,} whose first recorded purchase is by {day} are left out: they may have bought before")
    if len(came) < MIN_EARLIER_NEWCOMERS:
        came = over
        remark = _("{n:,} whose first recorded purchase is by {day} may have bought before; without them "
                   "too few remain, so they count")  # fmt: skip
    if len(came) > MAX_EARLIER_NEWCOMERS:
        came = came[came["first_day"] >= came["first_day"].nlargest(MAX_EARLIER_NEWCOMERS).iloc[-1]]
    remark = remark.format(n=early, day=f"{settled:%Y-%m-%d}")
    return came, (remark,) if early else ()


def _share_by_waiting(older: pd.DataFrame, days: int) -> dict[int, float]:
    """Mean spend of those without a second purchase by then, over everybody's: what waiting leaves of it."""
    spend, again = older["spend_after"].clip(lower=0), older["again_after_days"].fillna(np.inf)
    total, shares = float(np.sort(spend).mean()) if len(older) else 0.0, {0: 1.0}
    for day in range(STEP, days, STEP):
        waiting = np.sort(spend[again > day])
        if len(waiting) < MIN_WAITING or total <= 0:
            break
        shares[day] = float(waiting.mean()) / total
    return shares
