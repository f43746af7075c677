"""Customers -> lifecycle stages, by windows learned from this data's own days between purchases.

How long an absence must be to mean something differs between businesses and between customers. A customer's
border is therefore drawn from their own mean gap, and towards the population's as far as there are few gaps
to judge by: the credibility weight Z = n / (n + K) of n gaps, with K the variance of gaps within customers
over the variance of mean gaps between customers (Bühlmann & Straub 1970, Mitteilungen der Vereinigung
schweizerischer Versicherungsmathematiker 70, 111-133; Bühlmann & Gisler 2005, A Course in Credibility
Theory, chapter 4).
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError, list_problems
from crcm_lib.i18n import _

STAGES = ("prospect", "new", "growing", "loyal", "at risk", "lost", "won back")
ENOUGH_GAPS = 3  # fewer say little about a customer's own rhythm
NEEDED = ("purchases", "days_since_last", "days_first_to_last", "days_observed", "gap_last_days")


@dataclass(frozen=True)
class Windows:
    """What was learned about absences. Days, except `credibility_gaps` (gaps) and the two ratios.

    Everything but the counts is None where nobody has come back yet.
    """

    customers: int  # who came back at least once
    gaps: int  # days between purchases that were seen
    credibility_gaps: float | None  # K; None also where customers do not differ: their own gaps weigh nothing
    new_days: float | None  # until then the first purchase is recent
    at_risk_days: float | None  # absence for a customer without gaps
    lost_days: float | None
    at_risk_ratio: float | None  # absence / own mean gap for a customer with many gaps
    lost_ratio: float | None

    def to_json(self) -> str:
        """The learned state as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Windows":
        """The learned state from its JSON."""
        return cls(**json.loads(text))


def learn_windows(
    gaps: pd.DataFrame, *, new_share: float = 0.5, at_risk_quantile: float = 0.9, lost_quantile: float = 0.98
) -> Windows:
    """Learn from `data.customers.purchase_gaps` how long absences usually are.

    Each customer who came back weighs the same, however often they did. Absences that have not ended yet are
    not counted: the windows speak of customers who return.

    Parameters
    ----------
    gaps
        `gaps_of_customer`, `days_of_customer`, `gap_days`, and how often: `gaps`, `first_gaps`.
    new_share
        Share of the first gaps that are over by the end of the window of the new.
    at_risk_quantile, lost_quantile
        Shares of the gaps that are over by the time a customer is called at risk, and lost.
    """
    if gaps.empty:
        return Windows(0, 0, *[None] * 6)
    days, own = gaps["gap_days"].to_numpy(float), gaps["gaps_of_customer"].to_numpy(float)
    customers = gaps["gaps"].to_numpy(float) / own
    ratio = days / (gaps["days_of_customer"].to_numpy(float) / own)
    enough = own >= ENOUGH_GAPS
    borders = {"at_risk": at_risk_quantile, "lost": lost_quantile}
    far = {name: _quantile(days, customers, share) for name, share in borders.items()}
    typical = float(np.sum(days * customers) / np.sum(customers))
    ratios = {
        name: _quantile(ratio[enough], customers[enough], share) if enough.any() else far[name] / typical
        for name, share in borders.items()
    }
    return Windows(
        customers=int(gaps["first_gaps"].sum()),
        gaps=int(gaps["gaps"].sum()),
        credibility_gaps=_credibility(gaps),
        new_days=_quantile(days, gaps["first_gaps"].to_numpy(float), new_share),
        at_risk_days=far["at_risk"],
        lost_days=far["lost"],
        at_risk_ratio=ratios["at_risk"],
        lost_ratio=ratios["lost"],
    )


def find_borders(customers: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Each customer's own last whole days of absence before at risk and before lost.

    `at_risk_after_days` and `lost_after_days` = Z × ratio × own mean gap + (1 − Z) × the population's days.
    Empty for prospects, and for all where nobody has come back yet.
    """
    gaps = (customers["purchases"] - 1).clip(lower=0)
    return _borders(gaps, customers["days_first_to_last"], windows).where(customers["purchases"] > 0)


def assign_stages(customers: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Put each customer in exactly one stage and say why: `stage`, `because`, and the two borders.

    The first that holds wins:

    - prospect: no purchase (or all of them returned)
    - lost, at risk: away for longer than the customer's own border
    - won back: the last purchase ended an absence that was beyond the customer's border of lost by then
    - new: bought once only, or for the first time within the window of the new
    - loyal: three or more purchases, over longer than the population's border of at risk
    - growing: everyone else; came back, and is on the way

    Raises
    ------
    DataError
        If a column is missing: `purchases`, `days_since_last`, `days_first_to_last`, `days_observed`,
        `gap_last_days`.
    """
    if problems := [_("{column}: missing").format(column=c) for c in NEEDED if c not in customers]:
        raise DataError(list_problems("customers", problems))
    borders = find_borders(customers, windows)
    away, last_gap = customers["days_since_last"], customers["gap_last_days"]
    then = _borders(customers["purchases"] - 2, customers["days_first_to_last"] - last_gap, windows)
    tenure = np.inf if windows.at_risk_days is None else windows.at_risk_days
    young = np.inf if windows.new_days is None else windows.new_days
    held = {
        "prospect": customers["purchases"] == 0,
        "lost": away > borders["lost_after_days"],
        "at risk": away > borders["at_risk_after_days"],
        "won back": last_gap > then["lost_after_days"],
        "new": (customers["purchases"] == 1) | (customers["days_observed"] <= young),
        "loyal": (customers["purchases"] >= 3) & (customers["days_first_to_last"] >= tenure),
    }
    stage = np.select([held[name].to_numpy() for name in held], list(held), default="growing")
    stages = pd.DataFrame({"stage": stage.astype(object)}, index=customers.index).astype("str")
    facts = customers.assign(**borders, lost_then=then["lost_after_days"])
    return stages.assign(because=_reasons(stages["stage"], facts), **borders)


def describe_windows(windows: Windows) -> pd.DataFrame:
    """The learned windows in words: `window`, `learned`, `unit`."""
    days, gaps, times = _("days"), _("gaps"), _("× own mean gap")
    rows = [
        (_("new: first purchase not longer ago than"), windows.new_days, days),
        (_("at risk: away longer than, for a customer without a rhythm"), windows.at_risk_days, days),
        (_("lost: away longer than, for a customer without a rhythm"), windows.lost_days, days),
        (_("at risk: away longer than, for a customer with many gaps"), windows.at_risk_ratio, times),
        (_("lost: away longer than, for a customer with many gaps"), windows.lost_ratio, times),
        (_("gaps at which the own rhythm weighs half"), windows.credibility_gaps, gaps),
        (_("learned from customers who came back"), windows.customers, _("customers")),
        (_("learned from days between purchases"), windows.gaps, gaps),
    ]
    return pd.DataFrame(rows, columns=["window", "learned", "unit"]).astype({"learned": "float64"})


def _borders(gaps: pd.Series, span: pd.Series, windows: Windows) -> pd.DataFrame:
    """The borders for customers with so many gaps that last so many days together; empty below no gaps."""
    gaps = gaps.where(gaps >= 0).astype("float64")
    pull = windows.credibility_gaps
    weight = gaps * 0.0 if pull is None else (gaps / (gaps + pull)).fillna(0.0).where(gaps.notna())
    own = (span / gaps.where(gaps > 0)).fillna(0.0)
    found = {}
    for name in ("at_risk", "lost"):
        days, ratio = getattr(windows, f"{name}_days"), getattr(windows, f"{name}_ratio")
        border = np.nan if days is None else weight * ratio * own + (1 - weight) * days
        found[f"{name}_after_days"] = np.floor(pd.Series(border, index=gaps.index, dtype="float64"))
    return pd.DataFrame(found)


def _credibility(gaps: pd.DataFrame) -> float | None:
    """K, or None where mean gaps differ between customers by no more than chance."""
    squares = gaps["gaps"] * gaps["gap_days"] ** 2
    same = ["gaps_of_customer", "days_of_customer"]
    each = gaps.assign(squares=squares).groupby(same, as_index=False)[["gaps", "squares"]].sum()
    n, customers = each["gaps_of_customer"], each["gaps"] / each["gaps_of_customer"]
    mean, all_gaps, everyone = each["days_of_customer"] / n, each["gaps"].sum(), customers.sum()
    grand = (each["gaps"] * mean).sum() / all_gaps
    spare = all_gaps - (each["gaps"] * n).sum() / all_gaps
    if all_gaps <= everyone or spare <= 0:
        return None
    within = (each["squares"] - each["gaps"] * mean**2).sum() / (all_gaps - everyone)
    between = ((each["gaps"] * (mean - grand) ** 2).sum() - (everyone - 1) * within) / spare
    return float(within / between) if between > 0 else None


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The least value by which at least `share` of the weight is reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))
    return float(values[order][min(place, len(values) - 1)])


def _reasons(stages: pd.Series, facts: pd.DataFrame) -> pd.Series:
    """One sentence per customer, with the customer's own numbers."""
    words = {
        "prospect": _("has not bought yet, or returned everything"),
        "lost": _("{away:.0f} days away; by own rhythm lost after {lost:.0f}"),
        "at risk": _("{away:.0f} days away; by own rhythm at risk after {risk:.0f}, lost after {lost:.0f}"),
        "won back": _("came back after {gap:.0f} days away; lost would have been after {then:.0f}"),
        "new": _("first purchase {age:.0f} days ago, purchases so far: {count}"),
        "loyal": _("{count} purchases over {span:.0f} days, the last {away:.0f} days ago"),
        "growing": _(
            "came back; {count} purchases over {span:.0f} days so far, the last {away:.0f} days ago"
        ),
    }
    names = {
        "away": "days_since_last", "lost": "lost_after_days", "risk": "at_risk_after_days",
        "gap": "gap_last_days", "then": "lost_then", "age": "days_observed", "count": "purchases",
        "span": "days_first_to_last",
    }  # fmt: skip
    values = facts[list(names.values())].itertuples(index=False, name=None)
    told = [
        words[stage].format(**dict(zip(names, row, strict=True)))
        for stage, row in zip(stages, values, strict=True)
    ]
    return pd.Series(told, index=facts.index, dtype="str")
