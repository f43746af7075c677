"""What customers would answer if each lifecycle stage answered as often as it is there."""

import numpy as np
import pandas as pd

from crcm_lib.models.satisfaction.answers import DETRACTOR, PROMOTER
from crcm_lib.stats import Z_95

FEWEST = 10  # answers of a cell, below which it joins the other small ones
SCALES = {"nps": (-100.0, 100.0), "csat": (1.0, 5.0)}
COLUMNS = ["measure", "customers", "unweighted", "weighted", "low", "high"]


def weigh_answers(satisfaction: pd.DataFrame, cells: pd.Series) -> pd.DataFrame:
    """NPS and mean csat, each as answered and weighted so that cells count by their customers.

    Post-stratification with the variance of a stratified sample (Särndal, Swensson & Wretman 1992, Model
    Assisted Survey Sampling, Springer, section 7.6). It removes what lies in the cells answering more or less
    often, and nothing of who is silent within a cell.

    Parameters
    ----------
    satisfaction
        The table of 07: `nps`, `csat`, one row per customer.
    cells
        Each customer's cell, of those too who did not answer. Cells of fewer than `FEWEST` answers are one,
        with the next smallest where they have too few together.

    Returns
    -------
    Columns: measure (nps, csat), customers who answered, unweighted, weighted, its 95 % interval. A measure
    with fewer than `FEWEST` answers has no row.
    """
    answers = satisfaction.reindex(cells.index).reindex(columns=["nps", "csat"]).astype("float64")
    scores = {"nps": 100.0 * ((answers["nps"] >= PROMOTER).astype(float) - (answers["nps"] <= DETRACTOR))}
    scores = {"nps": scores["nps"].where(answers["nps"].notna()), "csat": answers["csat"]}
    rows = []
    for measure, score in scores.items():
        joined = _join_small(cells, score.groupby(cells).count())
        count = score.groupby(joined).count()
        if not len(count) or count.min() < FEWEST:
            continue
        size, mean, spread = (getattr(score.groupby(joined), name)() for name in ("size", "mean", "var"))
        share = size / size.sum()
        weighted = float((share * mean).sum())
        error = float(np.sqrt((share**2 * spread / count * (1 - count / size)).sum()))
        low, high = np.clip([weighted - Z_95 * error, weighted + Z_95 * error], *SCALES[measure])
        rows.append((measure, int(count.sum()), score.mean(), weighted, float(low), float(high)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _join_small(cells: pd.Series, answers: pd.Series) -> pd.Series:
    """The cells, the small ones under one name, `others`."""
    counts = answers.sort_values(kind="stable")
    small = int((counts < FEWEST).sum())
    while 0 < small < len(counts) and counts.iloc[:small].sum() < FEWEST:
        small += 1
    return cells.where(~cells.isin(counts.index[:small]), "others")
