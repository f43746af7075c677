"""Customers who were recommended, beside others who came in the same quarter."""

import pandas as pd

from crcm_lib.permutation import compare_means
from crcm_lib.stats import holm

MEASURES = {"again_90d": 90, "spend_180d": 180}  # days that a newcomer must be followed for it
MIN_ARM = 10  # newcomers of both kinds
MIN_IN_QUARTER = 2
COLUMNS = [
    "measure",
    "customers",
    "others",
    "recommended_mean",
    "others_mean",
    "difference",
    "low",
    "high",
    "p",
]


def compare_recommended(
    newcomers: pd.DataFrame, recommended: set[str], *, as_of, seed: int = 0
) -> pd.DataFrame:
    """Recommended newcomers beside others of the same quarter: the second order in time, and early spend.

    By permuting who was recommended within quarters (`permutation.compare_means`), adjusted for both (Holm).

    Parameters
    ----------
    newcomers
        From `features.arrivals.list_arrivals`, those who are certain.
    recommended
        Who was recommended, from `features.engagement.list_recommended`.
    as_of
        Last day known: counted are newcomers followed long enough for the measure.
    seed
        Of the permutations.

    Returns
    -------
    One row per measure that can be compared: `measure` (`again_90d`: share with a second order in 90 days;
    `spend_180d`: spend of the first 180 days, currency), `customers` (recommended) and `others` in the
    quarters that have both, their means (the others weighted as the recommended are spread), the `difference`
    with its 95 % interval, and `p`.
    """
    rows = []
    for measure, days in MEASURES.items():
        followed = newcomers[(pd.Timestamp(as_of) - newcomers["first_day"]).dt.days >= days]
        first = pd.Series(followed.index.isin(list(recommended)), followed.index)
        quarter = followed["first_day"].dt.to_period("Q").astype("str")
        sizes = (
            pd.DataFrame({"quarter": quarter, "first": first})
            .groupby("quarter")["first"]
            .agg(["sum", "size"])
        )
        both = sizes.index[
            (sizes["sum"] >= MIN_IN_QUARTER) & (sizes["size"] - sizes["sum"] >= MIN_IN_QUARTER)
        ]
        kept = quarter.isin(both)
        arms = first[kept].to_numpy(bool)
        if min(arms.sum(), (~arms).sum()) < MIN_ARM:
            continue
        if measure == "again_90d":
            values = followed["again_after_days"].le(days)[kept].to_numpy("float64")
        else:
            values = followed[measure][kept].to_numpy("float64")
        found = compare_means(values, arms, quarter[kept].to_numpy(), claims=len(MEASURES), seed=seed)
        mean = float(values[arms].mean())
        row = {"measure": measure, "customers": int(arms.sum()), "others": int((~arms).sum())}
        row |= {"recommended_mean": mean, "others_mean": mean - found.difference, **found._asdict()}
        rows.append(row)
    compared = pd.DataFrame(rows, columns=[*COLUMNS, "smallest_p"])
    compared["p"] = holm(compared["p"].to_numpy(float), compared["smallest_p"].to_numpy(float))
    return compared[COLUMNS]
