"""How much customers spent early on: a mean, and a factor for each attribute. Part of `newcomers`.

A ridge Poisson regression on few indicators per attribute. The more customers' spends differ, the more the
factors are drawn to 1, so that noise ends in the mean and not in a story.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from crcm_lib.i18n import _

MIN_PER_LEVEL = 30  # customers in an indicator, at least
MAX_LEVELS = 12  # of an attribute in words; the rest are one level
WINDOWS_PER_HISTORY = {"first_amount": 5}  # equal groups that a number is cut into
OTHER_PARTS = 3
PRIOR_SD_LOG = 0.5  # logarithm of the factor that an indicator may well have: 1.6 times
MIN_VARIANCE = 0.01  # variance over mean of spend / mean spend that remains, at least
MIN_EFFECT_TOLD = 0.05  # logarithm of a factor that is worth a word
TOLD = 2  # attributes named for a customer
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Attribute:
    """One attribute's groups, and the logarithm of the factor of each against the average customer.

    Attributes
    ----------
    cuts
        Of a number: group k holds those at or above k of the cuts, in the attribute's own unit.
    levels
        Of words: one group for each, and where there is one effect more, a last one for all others.
    """

    name: str
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    effects: tuple[float, ...] = ()

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.effects)

    def place(self, facts: pd.DataFrame) -> np.ndarray:
        """Each customer's group; -1 where the attribute says nothing: not there, empty number, never seen."""
        if self.name not in facts:
            return np.full(len(facts), -1)
        if self.cuts:
            values = pd.to_numeric(facts[self.name]).to_numpy(float)
            return np.where(np.isnan(values), -1, np.searchsorted(self.cuts, values, side="right"))
        found = pd.Index(self.levels).get_indexer(_words(facts[self.name]))
        return np.where(found < 0, len(self.levels) if self.groups > len(self.levels) else -1, found)

    def log_factors(self, facts: pd.DataFrame) -> np.ndarray:
        """The logarithm of each customer's factor; 0 where the attribute says nothing."""
        return np.append(self.effects, 0.0)[self.place(facts)]

    def tell(self, group: int) -> str:
        """A group in words, with its factor."""
        name = self.name.removeprefix("first_").replace("_", " ")
        if self.cuts:
            low, high = (
                f"{self.cuts[k]:,.4g}" if 0 <= k < len(self.cuts) else "" for k in (group - 1, group)
            )
            words = _("{name} below {high}") if not low else _("{name} {low} or more")
            words = _("{name} from {low} to below {high}") if low and high else words
            words = words.format(name=name, low=low, high=high)
        else:
            level = self.levels[group] if group < len(self.levels) else _("another")
            level = WEEKDAYS[int(level) - 1] if name == "weekday" and level.isdigit() else level
            words = _("{name} {level}").format(name=name, level=level or _("unknown"))
        return _("{words} (× {factor:.2f})").format(words=words, factor=np.exp(self.effects[group]))


@dataclass(frozen=True)
class PoissonModel:
    """What customers spent early on, and what that went with; scores one customer alone like all together.

    Attributes
    ----------
    mean
        Mean spend of the customers it was learned from, in currency: the naive baseline.
    customers
        How many these were.
    start
        Logarithm of the average customer's factor on `mean`.
    attributes
        Those with a factor. None: everybody is expected to spend the mean.
    borders
        Thirds of these customers' own predictions, in currency: modest below, promising from the second on.
    """

    mean: float
    customers: int
    start: float = 0.0
    attributes: tuple[Attribute, ...] = ()
    borders: tuple[float, float] = (-np.inf, np.inf)

    def predict(self, facts: pd.DataFrame) -> np.ndarray:
        """Expected spend of each customer, in currency."""
        total = np.full(len(facts), self.start)
        for attribute in self.attributes:
            total += attribute.log_factors(facts)
        return self.mean * np.exp(total)

    def explain(self, facts: pd.DataFrame) -> list[str]:
        """The attributes that move each customer's expectation most, with their factors, in words."""
        if not self.attributes:
            words = _("the mean of {n:,} older customers") if self.customers else _("no older customers yet")
            return [words.format(n=self.customers)] * len(facts)
        places = np.column_stack([attribute.place(facts) for attribute in self.attributes])
        seen, which = np.unique(places, axis=0, return_inverse=True)
        told = [self._tell(row) for row in seen]
        return [told[place] for place in which.ravel()]

    def _tell(self, groups: np.ndarray) -> str:
        sizes = [
            abs(attribute.effects[group]) if group >= 0 else 0.0
            for attribute, group in zip(self.attributes, groups, strict=True)
        ]
        largest = np.argsort(-np.array(sizes), kind="stable")[:TOLD]
        told = [self.attributes[k].tell(groups[k]) for k in largest if sizes[k] >= MIN_EFFECT_TOLD]
        return "; ".join(told) or _("close to the mean in all that is known")

    def to_state(self) -> dict:
        """The learned state for JSON; an unknown mean and infinite borders become empty."""
        mean = self.mean if np.isfinite(self.mean) else None
        borders = [border if np.isfinite(border) else None for border in self.borders]
        return asdict(self) | {"borders": borders, "mean": mean}

    @classmethod
    def from_state(cls, state: dict) -> "PoissonModel":
        """The model that `to_state` kept."""
        listed = [{k: v if k == "name" else tuple(v) for k, v in one.items()} for one in state["attributes"]]
        borders = [
            far if kept is None else kept
            for kept, far in zip(state["borders"], (-np.inf, np.inf), strict=True)
        ]
        attributes = tuple(Attribute(**one) for one in listed)
        mean = np.nan if state["mean"] is None else state["mean"]
        return cls(**{**state, "attributes": attributes, "borders": tuple(borders), "mean": mean})


def fit_poisson(facts: pd.DataFrame, spend: np.ndarray, *, names: list[str]) -> PoissonModel:
    """Learn what customers spent against what was known before.

    Parameters
    ----------
    facts
        One row per customer: the attributes `names`, numbers or text.
    spend
        What each spent then, in currency; below zero counts as nothing.

    Returns
    -------
    The mean, with a factor for each attribute that can carry one: enough customers in at least two groups.
    """
    spend = spend.clip(0)
    plain = fit_mean(spend)
    mean = plain.mean
    attributes = [one for name in names if (one := _group(facts[name])) is not None]
    if not mean > 0 or not attributes or np.ptp(spend) == 0:
        return plain
    places = [attribute.place(facts) for attribute in attributes]
    order = np.lexsort((*places, spend))  # of equals, so that neither row order nor ids can change a digit
    places = [place[order] for place in places]
    start, learned = _regress(attributes, places, spend[order] / mean)
    model = replace(plain, start=start, attributes=learned)
    low, high = np.quantile(model.predict(facts), [1 / 3, 2 / 3], method="inverted_cdf")
    return replace(model, borders=(float(low), float(high)))


def fit_mean(spend: np.ndarray) -> PoissonModel:
    """The naive baseline: everybody is expected to spend the mean, in currency; of nobody it is unknown."""
    return PoissonModel(float(np.sort(spend.clip(0)).mean()) if len(spend) else np.nan, len(spend))


def _group(values: pd.Series) -> Attribute | None:
    """How an attribute is cut into groups of enough customers; None if there are not two, as in free text."""
    if pd.api.types.is_numeric_dtype(values):
        known = np.sort(values.dropna().to_numpy(float))
        parts = WINDOWS_PER_HISTORY.get(str(values.name), OTHER_PARTS)
        cuts: list[float] = []
        for cut in np.unique(known[len(known) * np.arange(1, parts) // parts]) if len(known) else ():
            below, since = np.searchsorted(known, cut), np.searchsorted(known, cuts[-1]) if cuts else 0
            if below - since >= MIN_PER_LEVEL and len(known) - below >= MIN_PER_LEVEL:
                cuts.append(float(cut))
        return Attribute(str(values.name), tuple(cuts), effects=(0.0,) * (len(cuts) + 1)) if cuts else None
    counts = _words(values).value_counts()
    counts = (
        counts[counts >= MIN_PER_LEVEL]
        .reset_index()
        .sort_values(["count", values.name], ascending=[False, True])
    )
    levels = tuple(sorted(counts[values.name].head(MAX_LEVELS)))
    covered = int(counts["count"].head(MAX_LEVELS).sum())
    others = len(values) - covered >= MIN_PER_LEVEL
    if covered < len(values) / 2 or len(levels) + others < 2:
        return None
    return Attribute(str(values.name), levels=levels, effects=(0.0,) * (len(levels) + others))


def _regress(attributes: list[Attribute], places: list[np.ndarray], share: np.ndarray):
    """Poisson regression of spend / mean; the ridge is a normal prior on log factors, sd `PRIOR_SD_LOG`."""
    from sklearn.linear_model import PoissonRegressor

    blocks = [_indicate(one, place) for one, place in zip(attributes, places, strict=True)]
    points, noise = np.hstack(blocks), float(share.var())
    for _again in range(2):  # the noise that is left is known only after a first fit
        ridge = PoissonRegressor(
            alpha=noise / (len(share) * PRIOR_SD_LOG**2), solver="newton-cholesky", tol=1e-10, max_iter=200
        ).fit(points, share)
        expected = ridge.predict(points)
        noise = max(float(((share - expected) ** 2 / expected).mean()), MIN_VARIANCE)
    parts = np.split(ridge.coef_, np.cumsum([block.shape[1] for block in blocks])[:-1])
    start, learned = float(ridge.intercept_), []
    for one, block, part in zip(attributes, blocks, parts, strict=True):
        effects = np.append(0.0, np.cumsum(part)) if one.cuts else part
        middle = float((block @ part).mean())
        start += middle
        learned.append(replace(one, effects=tuple(float(effect - middle) for effect in effects)))
    return start, tuple(learned)


def _indicate(attribute: Attribute, place: np.ndarray) -> np.ndarray:
    """Indicators: of a number "at or above the k-th cut", of words one for each group; unknown is average."""
    groups = np.arange(attribute.groups)
    shown = place[:, None] >= groups[1:] if attribute.cuts else place[:, None] == groups
    shown = shown.astype(float)
    known = place >= 0
    shown[~known] = shown[known].mean(axis=0)
    return shown


def _words(values: pd.Series) -> pd.Series:
    return values.astype("str").where(values.notna(), "")
