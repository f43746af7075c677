"""Service of new customers beside that of the others: complaints, waits and marks, beyond chance or not."""

import numpy as np
import pandas as pd

from crcm_lib.features.early_tickets import MEASURES
from crcm_lib.stats import LEVEL, compare_events, holm

MIN_CUSTOMERS = 10  # of both kinds with something to compare, else it is not
MORE, LESS, UNKNOWN, FEW = "more", "less", "cannot_tell", "too_few"
COLUMNS = ["measure", "customers", "others", "new", "rest", "difference", "low", "high", "p", "verdict"]


def compare_early_service(sums: pd.DataFrame) -> pd.DataFrame:
    """The first 90 days of customers beside all later ones, over the last 365 days.

    The unit is the customer, so that several tickets of one count as what they are: see
    `stats.compare_events`. Who passed the first 90 days in the year is on both sides, each time with their
    own events.

    Parameters
    ----------
    sums
        From `features.early_tickets.sum_early_service`.

    Returns
    -------
    One row per measure that the data have: `measure` (complaints, per purchase day; response_hours and
    resolution_hours, per ticket; satisfaction, mean mark 1…5), `customers` with such events in their first 90
    days, `others` with such later; `new` and `rest` (the mean of both), `difference` with its 95 % interval
    `low`, `high`, `p` (adjusted for the number of measures, Holm) and `verdict`: more or less beyond chance,
    cannot_tell, or too_few of either kind.
    """
    sides = {}
    for early in (True, False):
        rows = sums[sums.index.get_level_values("is_early") == early].droplevel("is_early")
        sides[early] = rows
    everybody = sides[True].index.union(sides[False].index)
    found = []
    for measure, count in MEASURES.items():
        hits, events, other, of = (
            sides[early][name].reindex(everybody).fillna(0.0).to_numpy("float64")
            for early in (True, False)
            for name in (measure, count)
        )
        if not events.sum() + of.sum() or (measure == "complaints" and not hits.sum() + other.sum()):
            continue
        sizes = {"customers": int((events > 0).sum()), "others": int((of > 0).sum())}
        row = {"measure": measure, **sizes}
        row |= {"new": _divide(hits, events), "rest": _divide(other, of), "p": np.nan}
        if min(sizes.values()) >= MIN_CUSTOMERS:
            compared = compare_events(hits, events, other, of)
            row |= {name: getattr(compared, name) for name in ("difference", "low", "high", "p")}
        found.append(row)
    table = pd.DataFrame(found, columns=COLUMNS[:-1])
    table["p"] = holm(table["p"].to_numpy("float64"))
    beyond, up = table["p"] <= LEVEL, table["difference"] > 0
    verdict = np.where(beyond & up, MORE, np.where(beyond, LESS, UNKNOWN))
    return table.assign(verdict=np.where(table["p"].isna(), FEW, verdict))[COLUMNS]


def _divide(hits: np.ndarray, events: np.ndarray) -> float:
    return float(hits.sum() / events.sum()) if events.sum() else float("nan")
