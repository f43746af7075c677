"""What was learned of the groups: columns, scales, centres, and the traits that stand out."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError, list_problems
from crcm_lib.i18n import _
from crcm_lib.schema import learned_state

SCHEMA_VERSION = 1  # of the JSON of a GroupModel
# The scale of each column that groups may rest on; without the columns that grow with the number of purchases
# and say no more than it (orders, products, channels).
SCALES = {
    "purchases": "log1p",
    "spend_mean": "log",
    "days_since_last": "log1p",
    "gap_mean_days": "log1p",
    "categories": "log1p",
    "discount_share": "sqrt",
    "returns_share": "sqrt",
    "channel_main_share": "sqrt",
    "spend_trend": "as is",
}
HIGH, LOW = ":high", ":low"  # the two sides of a trait
NO_GROUPS, NO_PURCHASE, ALL_BUYERS = "no_groups", "no_purchase", "all_buyers"
STANDS_OUT, MAX_Z_SCORE = 0.5, 3.0  # standard deviations
MIN_KNOWN_SHARE, MAX_SAME_SHARE = 0.95, 0.95  # of buyers: with a value; with the most frequent value


@dataclass(frozen=True)
class Scale:
    """How one column becomes comparable with the others; learned once, kept."""

    how: str  # log1p, log, sqrt, as is
    floor: float  # smaller amounts count as this one, where the scale is log
    fill: float  # the median, for the few customers without a value
    mean: float
    spread: float

    def apply(self, values: pd.Series) -> np.ndarray:
        """Standardised values, cut off at three standard deviations: no outlier is a group of its own."""
        raw = values.astype(float).fillna(self.fill).to_numpy()
        scores = (_transform(raw, self.how, self.floor) - self.mean) / self.spread
        return np.clip(scores, -MAX_Z_SCORE, MAX_Z_SCORE)


@dataclass(frozen=True)
class GroupModel:
    """Scales, centres, shapes and traits of the groups: all that assigns a customer to one.

    k-means is the mixture whose `shapes` are identity matrices and whose `offsets` are zero, so both are
    assigned by one formula: the largest `offset - |(x - centre) shape|^2 / 2`.
    """

    scales: dict[str, Scale]
    method: str = ""
    centres: tuple = ()
    shapes: tuple = ()
    offsets: tuple = ()
    traits: tuple[str, ...] = ()

    def measure(self, customers: pd.DataFrame) -> np.ndarray:
        """Points of buyers on the learned scales, one column per feature."""
        missing = [_("{column}: missing").format(column=c) for c in self.scales if c not in customers]
        if missing:
            raise DataError(list_problems("customers", missing))
        return np.column_stack([scale.apply(customers[c]) for c, scale in self.scales.items()])

    def label(self, points: np.ndarray) -> np.ndarray:
        """The group of each point, 1…k, added up column by column: one alone scores as in a batch."""
        scores = np.empty((len(points), len(self.centres)))
        for group, (centre, shape, offset) in enumerate(
            zip(self.centres, self.shapes, self.offsets, strict=True)
        ):
            far = np.zeros(len(points))
            for axis in np.asarray(shape).T:
                step = np.zeros(len(points))
                for value, middle, weight in zip(points.T, centre, axis, strict=True):
                    step += (value - middle) * weight
                far += step * step
            scores[:, group] = offset - far / 2
        return scores.argmax(axis=1) + 1

    def assign(self, customers: pd.DataFrame) -> pd.DataFrame:
        """The `groups` table: number and traits; 0 for prospects and where there are no groups."""
        buys = (customers["purchases"] > 0).to_numpy()
        group = np.zeros(len(customers), dtype="int64")
        if self.traits and buys.any():
            group[buys] = self.label(self.measure(customers[buys]))
        traits = np.array([NO_GROUPS, *self.traits], dtype=object)[group]
        traits[~buys] = NO_PURCHASE
        return pd.DataFrame({"group": group, "traits": pd.array(traits, dtype="str")}, index=customers.index)

    def to_json(self) -> str:
        """The learned state as JSON."""
        return learned_state.to_json(asdict(self) | {"columns": list(self.scales)}, SCHEMA_VERSION)

    @classmethod
    def from_json(cls, text: str) -> "GroupModel":
        """The learned state that `to_json` wrote; DataError if another release did."""
        state = learned_state.from_json(text, SCHEMA_VERSION, model="groups", notebook="06_clustering")
        scales = {column: Scale(**state["scales"][column]) for column in state.pop("columns")}
        state.pop("scales")
        return cls(scales, **{name: tuple(v) if isinstance(v, list) else v for name, v in state.items()})


def choose_features(
    customers: pd.DataFrame, *, protected: tuple[str, ...] = (), max_correlation: float = 0.85
) -> pd.DataFrame:
    """Whether groups may rest on each column of behaviour, and why.

    Returns
    -------
    One row per column: `column`, `used`, `reason` (`used`, `protected`, `not_available`, `often_unknown`,
    `hardly_varies`, or `repeats_another`: ranks the buyers as an earlier used column does, |Spearman's rho|
    above `max_correlation`), `unknown_share` of the buyers, and the `other` column that it repeats.
    """
    ranks = customers[[c for c in SCALES if c in customers]].astype(float).rank()
    rows, used = [], []
    for column in SCALES:
        values = customers[column].dropna() if column in customers else pd.Series(dtype=float)
        correlations = {other: abs(ranks[other].corr(ranks[column])) for other in used if column in ranks}
        other = next((name for name, size in correlations.items() if size > max_correlation), None)
        if column in protected:
            reason = "protected"
        elif values.empty:
            reason = "not_available"
        elif len(values) < MIN_KNOWN_SHARE * len(customers):
            reason = "often_unknown"
        elif values.value_counts().iloc[0] > MAX_SAME_SHARE * len(customers):
            reason = "hardly_varies"
        else:
            reason = "repeats_another" if other else "used"
        used += [column] if reason == "used" else []
        unknown = 1 - len(values) / max(len(customers), 1)
        other = other if reason == "repeats_another" else None
        rows.append((column, reason == "used", reason, unknown, other))
    return pd.DataFrame(rows, columns=["column", "used", "reason", "unknown_share", "other"])


def learn_scales(buyers: pd.DataFrame, columns) -> dict[str, Scale]:
    """The scale of each column, learned from these buyers."""
    return {column: _learn(buyers[column].astype(float), SCALES[column]) for column in columns}


def _learn(values: pd.Series, how: str) -> Scale:
    known = values.dropna().to_numpy()
    floor = float(np.median(known[known > 0]) / 100) if how == "log" and (known > 0).any() else 1.0
    scaled = _transform(known, how, floor)
    return Scale(
        how,
        round(floor, 9),
        round(float(np.median(known)), 9),
        round(float(scaled.mean()), 9),
        round(float(scaled.std()), 9) or 1.0,
    )


def _transform(raw: np.ndarray, how: str, floor: float) -> np.ndarray:
    if how == "log1p":
        return np.log1p(raw.clip(0))
    if how == "log":
        return np.log(raw.clip(floor))
    return np.sqrt(raw.clip(0, 1)) if how == "sqrt" else raw


def find_traits(centres: np.ndarray, columns: list[str]) -> tuple[str, ...]:
    """What stands out in each group, different for each: ids like "purchases:high discount_share:low".

    The three columns whose centre is farthest from all buyers' mean, by half a standard deviation or more;
    groups that would be alike add the next column, and at last a number.

    >>> find_traits(np.array([[1.0, 0.1], [-1.0, 0.9]]), ["purchases", "discount_share"])
    ('purchases:high', 'purchases:low discount_share:high')
    """
    ranked = [
        [columns[i] + (HIGH if centre[i] > 0 else LOW) for i in np.argsort(-np.abs(centre), kind="stable")]
        for centre in centres
    ]
    lengths = [int((np.abs(centre) >= STANDS_OUT).sum().clip(0, 3)) for centre in centres]
    for _round in columns:
        traits = [" ".join(names[:length]) for names, length in zip(ranked, lengths, strict=True)]
        lengths = [n + (traits.count(each) > 1) for n, each in zip(lengths, traits, strict=True)]
    return tuple(
        each if traits.count(each) == 1 else f"{each} #{traits[: i + 1].count(each)}".strip()
        for i, each in enumerate(traits)
    )


def profile(customers: pd.DataFrame, groups: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """One row per group, and one for all buyers at the end: customers, shares, the median of each column.

    `traits` of the last row is "all_buyers". `largest_share` is what the group's largest customer brings of
    its spend, for `privacy.hide_small`.
    """
    buyers = customers[customers["purchases"] > 0]
    labels = groups.loc[buyers.index]
    parts = [(rows["traits"].iloc[0], rows.index) for _number, rows in labels.groupby("group", sort=True)]
    money = buyers["spend_total"].astype(float)
    return pd.DataFrame(
        [
            {"traits": traits}
            | _describe_members(buyers.loc[members], money)
            | {column: buyers.loc[members, column].astype(float).median() for column in columns}
            for traits, members in [*parts, (ALL_BUYERS, buyers.index)]
        ]
    )


def _describe_members(members: pd.DataFrame, money: pd.Series) -> dict[str, float]:
    own, spend = money[members.index], money.sum()
    return {
        "customers": len(members),
        "customer_share": len(members) / max(len(money), 1),
        "spend_share": own.sum() / spend if spend > 0 else np.nan,
        "largest_share": own.max() / max(own.sum(), 1e-9),
    }
