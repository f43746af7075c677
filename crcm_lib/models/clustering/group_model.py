"""The ruler that groups are measured with: columns, scales, centres and names."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from crcm_lib.errors import DataError, list_problems
from crcm_lib.i18n import _

# column: (scale, said of a group that is high in it, said of one that is low); without the columns that grow
# with the number of purchases and say no more than it (orders, products, channels)
FEATURES = {
    "purchases": ("log1p", _("frequent"), _("seldom")),
    "spend_mean": ("log", _("big baskets"), _("small baskets")),
    "days_since_last": ("log1p", _("long silent"), _("recently active")),
    "gap_mean_days": ("log1p", _("long pauses"), _("short pauses")),
    "categories": ("log1p", _("broad"), _("narrow")),
    "discount_share": ("sqrt", _("discount-driven"), _("full-price")),
    "returns_share": ("sqrt", _("returning goods"), _("keeping goods")),
    "channel_main_share": ("sqrt", _("one channel"), _("mixed channels")),
    "spend_trend": ("as is", _("rising"), _("falling")),
}
NONE, PROSPECT = _("no natural groups"), _("not clustered: no purchase")
STANDS_OUT, MAX_LOG_FACTOR = 0.5, 3.0  # standard deviations


@dataclass(frozen=True)
class Scale:
    """How one column becomes comparable with the others; learned once, kept."""

    how: str  # log1p, log, sqrt, as is
    floor: float  # the smallest amount told apart, where the scale is log
    fill: float  # the median, for the few customers without a value
    mean: float
    spread: float

    def apply(self, values: pd.Series) -> np.ndarray:
        """Standardised values, cut off at three standard deviations: no outlier is a group of its own."""
        raw = values.astype(float).fillna(self.fill).to_numpy()
        return np.clip(
            (_transform(raw, self.how, self.floor) - self.mean) / self.spread, -MAX_LOG_FACTOR, MAX_LOG_FACTOR
        )


@dataclass(frozen=True)
class GroupModel:
    """The ruler that a customer is measured with: scales, centres, shapes and names of the groups.

    k-means is the mixture whose `shapes` are identity matrices and whose `offsets` are zero, so both are
    assigned by one formula: the largest `offset - |(x - centre) shape|^2 / 2`.
    """

    scales: dict[str, Scale]
    method: str = ""
    centres: tuple = ()
    shapes: tuple = ()
    offsets: tuple = ()
    names: tuple[str, ...] = ()

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
        """The `groups` table: group and name; 0 for prospects and where there are no groups."""
        buys = (customers["purchases"] > 0).to_numpy()
        group = np.zeros(len(customers), dtype="int64")
        if self.names and buys.any():
            group[buys] = self.label(self.measure(customers[buys]))
        name = np.array([NONE, *self.names], dtype=object)[group]
        name[~buys] = PROSPECT
        return pd.DataFrame(
            {"group": group, "group_name": pd.array(name, dtype="str")}, index=customers.index
        )

    def to_json(self) -> str:
        """The whole ruler as text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "GroupModel":
        """The ruler kept by `to_json`."""
        kept = json.loads(text)
        scales = {column: Scale(**scale) for column, scale in kept.pop("scales").items()}
        return cls(scales, **{name: tuple(v) if isinstance(v, list) else v for name, v in kept.items()})


def choose_features(
    customers: pd.DataFrame, *, protected: tuple[str, ...] = (), alike: float = 0.85
) -> pd.DataFrame:
    """Say of each behaviour column whether groups may rest on it, and why.

    A column is used unless it is protected, absent, unknown for more than 5 % of buyers, the same for 95 % of
    them, or ranks them as an earlier used column does (|Spearman's rho| above `alike`).
    """
    ranks = customers[[c for c in FEATURES if c in customers]].astype(float).rank()
    rows, used = [], []
    for column in FEATURES:
        values = customers[column].dropna() if column in customers else pd.Series(dtype=float)
        twin = next((u for u in used if column in ranks and abs(ranks[u].corr(ranks[column])) > alike), None)
        if column in protected:
            because = _("protected by the policy")
        elif values.empty:
            because = _("not available")
        elif len(values) < 0.95 * len(customers):
            because = _("unknown for {share:.0%} of buyers").format(share=1 - len(values) / len(customers))
        elif values.value_counts().iloc[0] > 0.95 * len(customers):
            because = _("the same for more than 95% of buyers")
        elif twin:
            because = _("says the same as {column}").format(column=twin)
        else:
            because = _("used")
            used.append(column)
        rows.append({"column": column, "used": column in used, "because": because})
    return pd.DataFrame(rows)


def learn_scales(buyers: pd.DataFrame, columns) -> dict[str, Scale]:
    """The scale of each column, learned from these buyers."""
    return {column: _learn(buyers[column].astype(float), FEATURES[column][0]) for column in columns}


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


def name_groups(centres: np.ndarray, columns: list[str]) -> tuple[str, ...]:
    """A different name for each group, from the features whose centre is farthest from all buyers' mean.

    The three that stand out most, by half a standard deviation or more; groups that would share a name add
    the next feature, and at last a number.

    >>> name_groups(np.array([[1.0, 0.1], [-1.0, 0.9]]), ["purchases", "discount_share"])
    ('frequent', 'seldom, discount-driven')
    """
    words = [
        [FEATURES[columns[i]][1 if centre[i] > 0 else 2] for i in np.argsort(-np.abs(centre), kind="stable")]
        for centre in centres
    ]
    lengths = [int((np.abs(centre) >= STANDS_OUT).sum().clip(0, 3)) for centre in centres]
    for _round in columns:
        names = [", ".join(w[:n]) or _("like most") for w, n in zip(words, lengths, strict=True)]
        lengths = [n + (names.count(name) > 1) for n, name in zip(lengths, names, strict=True)]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    )


def profile(customers: pd.DataFrame, groups: pd.DataFrame, columns) -> pd.DataFrame:
    """One row per group, and one for all buyers at the end: customers, shares, the median of each column.

    `largest_share` is what the group's largest customer brings of its spend, for `privacy.hide_small`.
    """
    buyers = customers[customers["purchases"] > 0]
    labels = groups.loc[buyers.index, ["group", "group_name"]]
    parts = [*buyers.groupby([labels["group"], labels["group_name"]], sort=True)]
    parts.append(((-1, _("all buyers")), buyers))
    money = buyers["spend_total"].astype(float)
    spend = money.sum()
    return pd.DataFrame(
        [
            {
                "group": name,
                "customers": len(rows),
                "customer_share": len(rows) / max(len(buyers), 1),
                "spend_share": money[rows.index].sum() / spend if spend > 0 else np.nan,
                "largest_share": money[rows.index].max() / max(money[rows.index].sum(), 1e-9),
                **{column: rows[column].astype(float).median() for column in columns},
            }
            for (_number, name), rows in parts
        ]
    )
