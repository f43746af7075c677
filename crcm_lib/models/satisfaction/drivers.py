"""What goes with low satisfaction, and whether answers depend on how they were asked for."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crcm_lib.models.satisfaction.answers import mean_answer, net_promoter_score
from crcm_lib.stats import LEVEL, Z_95, holm

FEWEST = 60  # customers with an answer, below whom nothing is fitted
EITHER = 15  # customers who have, and who lack, what is looked at
DRIVERS = ["driver", "customers", "difference", "low", "high", "p_value", "verdict"]
MODES = ["instrument", "mode", "customers", "score", "low", "high", "p_value"]


def describe_dealings(satisfaction: pd.DataFrame, signs: pd.DataFrame) -> pd.DataFrame:
    """What could go with a customer's satisfaction, one column each, for those who answered csat.

    Parameters
    ----------
    satisfaction
        The table of 07: `csat`, and what there is of `complaints`, `open_tickets`, `hours_to_response`,
        `hours_to_resolution`.
    signs
        From `features.relationship_signs.summarise_signs`: `days_late`, where there are invoices.

    Returns
    -------
    `csat` and those of: `complained`, `still_open`, `pays_late` (1 or 0; a week and more), `slow_response`,
    `slow_resolution` (how often the median hours double those of the median customer with a ticket; 0 for
    customers without one, whom `has_ticket` sets apart). Without the customers who lack one of them.
    """
    answered = satisfaction.dropna(subset="csat") if "csat" in satisfaction else satisfaction.head(0)
    known = pd.DataFrame({"csat": answered.get("csat", pd.Series(dtype="float64"))})
    for name, source in (("complained", "complaints"), ("still_open", "open_tickets")):
        if source in answered:
            known[name] = (answered[source] > 0).astype(float)
    for name in ("response", "resolution"):
        if f"hours_to_{name}" in answered:
            hours = np.log2(answered[f"hours_to_{name}"].astype("float64").clip(lower=1))
            known[f"slow_{name}"] = (hours - hours.median()).fillna(0.0)
            known["has_ticket"] = hours.notna().astype(float)
    if "days_late" in signs:
        late = signs["days_late"].reindex(known.index)
        known["pays_late"] = (late >= 7).astype(float).where(late.notna(), 0.0)
    return known.astype("float64")


def fit_drivers(dealings: pd.DataFrame) -> pd.DataFrame:
    """By how many points of csat customers differ who are alike in all but one of the columns.

    Least squares with standard errors that hold where the spread differs (HC3: MacKinnon & White 1985,
    Journal of Econometrics 29, 305-325); a column that fewer than `EITHER` customers have, or lack, is left
    out. What goes with satisfaction need not be what makes it.

    Returns
    -------
    Largest difference first: `driver`, `customers` (who have it), `difference` (csat points, of having it or
    of a doubling), its 95 % interval, p adjusted by Holm and `verdict`: lower, higher, cannot_tell. No rows
    with fewer than `FEWEST` answers.
    """
    kept = [name for name in dealings.columns.drop("csat") if _is_usable(dealings[name])]
    if len(dealings) < FEWEST or not kept or dealings["csat"].std() == 0:
        return pd.DataFrame(columns=DRIVERS)
    design = np.column_stack([np.ones(len(dealings)), dealings[kept].to_numpy(float)])
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ dealings["csat"].to_numpy(float)
    rest = dealings["csat"].to_numpy(float) - design @ beta
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design).clip(max=0.99)
    spread = design * (rest / (1 - leverage))[:, None]
    error = np.sqrt(np.diag(inverse @ spread.T @ spread @ inverse))
    found = pd.DataFrame({"driver": kept, "customers": [int((dealings[name] != 0).sum()) for name in kept]})
    with_ticket = int(dealings["has_ticket"].sum()) if "has_ticket" in dealings else 0
    found["customers"] = found["customers"].where(~found["driver"].str.startswith("slow"), with_ticket)
    found["difference"] = beta[1:]
    found["low"], found["high"] = beta[1:] - Z_95 * error[1:], beta[1:] + Z_95 * error[1:]
    found["p_value"] = _student(beta[1:] / error[1:], len(dealings) - design.shape[1])
    found = found[found["driver"] != "has_ticket"].reset_index(drop=True)
    found["p_value"] = holm(found["p_value"].to_numpy(float))
    sure = found["p_value"] < LEVEL
    found["verdict"] = np.select([sure & (found["difference"] < 0), sure], ["lower", "higher"], "cannot_tell")
    order = found["difference"].abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)[DRIVERS]


def _is_usable(values: pd.Series) -> bool:
    """Whether enough customers have it and enough lack it, or it is a number that varies."""
    have = int((values != 0).sum())
    return bool(have >= EITHER and (len(values) - have >= EITHER or values.nunique() > 2))


def _student(ratios: np.ndarray, freedom: int) -> np.ndarray:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(max(freedom, 1), -np.abs(ratios)))


def compare_modes(answers: pd.DataFrame, *, at_least: int = 5) -> pd.DataFrame:
    """NPS and mean csat by how they were asked for, and whether that makes a difference.

    Parameters
    ----------
    answers
        From `items.list_answers`.
    at_least
        Modes of fewer customers are left out.

    Returns
    -------
    A row per instrument and mode: instrument, mode, customers, score, its 95 % interval, and the p of the
    instrument (Kruskal & Wallis 1952, Journal of the American Statistical Association 47, 583-621; adjusted
    over both, Holm). No rows where an instrument has no second mode.
    """
    from scipy.stats import kruskal

    rows, p_values = [], {}
    for instrument, part in answers[answers["instrument"].isin(["nps", "csat"])].groupby("instrument"):
        by_mode = {name: each["score"] for name, each in part.groupby("mode") if len(each) >= at_least}
        if len(by_mode) < 2 or part["score"].std() == 0:
            continue
        p_values[instrument] = float(kruskal(*by_mode.values()).pvalue)
        for mode, scores in by_mode.items():
            said: Mapping = net_promoter_score(scores) if instrument == "nps" else mean_answer(scores)
            score = said["nps"] if instrument == "nps" else said["mean"]
            rows.append((instrument, mode, said["answers"], score, said["low"], said["high"]))
    adjusted = dict(zip(p_values, holm(np.array(list(p_values.values()))), strict=True))
    found = pd.DataFrame(rows, columns=MODES[:-1])
    return found.assign(p_value=found["instrument"].map(adjusted).astype("float64"))
