"""What came of promises that are due: how a total, a share, an order or an assumed effect is graded."""

import numpy as np
import pandas as pd

from crcm_lib.decisions import outcomes
from crcm_lib.features import decision_inputs
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, Z_95, Comparison, compare_shares

RANGE = 0.80  # chance that what comes lies in a range
Z_RANGE = 1.2815515655446004  # two-sided 80 % of the normal distribution
MIN_CUSTOMERS = 5  # of whom a promise is made, and graded


def expect_share(p_no_purchase: pd.Series) -> dict[str, float]:
    """The share that buys again and its 80 % range: of independent customers, as normal, half a one wider."""
    p, n = 1 - p_no_purchase.to_numpy(float), max(len(p_no_purchase), 1)
    half = (Z_RANGE * np.sqrt((p * (1 - p)).sum()) + 0.5) / n
    share = float(p.sum() / n)
    return {"promised": share, "low": max(0.0, share - half), "high": min(1.0, share + half)}


def grade_spend(rows: pd.DataFrame, ours: pd.DataFrame, later: pd.DataFrame, _seed: int) -> pd.DataFrame:
    """Whether the total of those still there lies in its range; `later` is from `spend_between`."""
    predicted = ours["spend_expected"].dropna()
    came = float(later["spend"].reindex(predicted.index).fillna(0.0).sum())
    still = predicted.sum() / rows["promised"]
    rows = rows.assign(
        customers=len(predicted), came=came, **rows[["promised", "low", "high"]].mul(still, axis=0)
    )
    return rows.assign(verdict=_place(rows, len(predicted)))


def grade_alerts(rows: pd.DataFrame, ours: pd.DataFrame, later: pd.DataFrame, _seed: int) -> pd.DataFrame:
    """Whether as many bought again as was said, of the alerted and the others, and whether they differ so."""
    predicted = ours[ours["p_no_purchase"].notna()]
    again = (later["purchases"].reindex(predicted.index).fillna(0) > 0).to_numpy(float)
    alerted = predicted["alerted"].to_numpy(bool)
    graded = []
    for what, part in (("alerted", alerted), ("not_alerted", ~alerted)):
        row = rows[rows["what"] == what]
        if part.sum() < MIN_CUSTOMERS:
            graded.append(row.assign(customers=int(part.sum()), verdict="cannot_tell"))
            continue
        expected = expect_share(predicted["p_no_purchase"][part])
        row = row.assign(customers=int(part.sum()), came=float(again[part].mean()), **expected)
        graded.append(row.assign(verdict=_place(row, int(part.sum()))))
    row = rows[rows["what"] == "difference"].assign(verdict="cannot_tell")
    if len(row) and min(alerted.sum(), (~alerted).sum()) >= MIN_CUSTOMERS:
        found = compare_shares(again, alerted, np.zeros(len(predicted)))
        row = row.assign(came=found.difference, came_low=found.low, came_high=found.high)
        side = float(np.sign(row["promised"].iloc[0]))
        row["verdict"] = _judge_side(found, side) if found.p <= LEVEL else "cannot_tell"
    return pd.concat([*graded, row])


def _judge_side(found: Comparison, side: float) -> str:
    """Whether an interval lies on the promised side of zero."""
    ends = sorted((found.low * side, found.high * side))
    return "kept" if ends[0] > 0 else "not_kept" if ends[1] < 0 else "cannot_tell"


def grade_order(rows: pd.DataFrame, ours: pd.DataFrame, later: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Whether each tier spent more than the next; the pairs of one day are counted together."""
    day, due = rows["day"].iloc[0], rows["due"].iloc[0]
    followed = outcomes.follow_day(ours["tier_in_force"], later, start=day, end=due)
    pairs = outcomes.compare_neighbours(followed, _order_tiers(rows), seed=seed)
    pairs = pairs[pairs["outcome"] == "spend"].set_index("tier").loc[rows["what"]]
    words = {"kept": "kept", "reversed": "not_kept"}
    came = {"came": "difference", "came_low": "low", "came_high": "high"}
    graded = rows.assign(**{name: pairs[found].to_numpy(float) for name, found in came.items()})
    verdicts = [words.get(verdict, "cannot_tell") for verdict in pairs["verdict"]]
    sizes = ours["tier_in_force"].value_counts().reindex(rows["what"], fill_value=0).to_numpy(int)
    return graded.assign(verdict=verdicts, customers=sizes)


def _order_tiers(rows: pd.DataFrame) -> list[str]:
    """The tiers from the best on, by what each is said to stand above; rows may come in any order."""
    below = dict(zip(rows["what"], rows["beside"], strict=True))
    order = [next(tier for tier in below if tier not in below.values())]
    while order[-1] in below:
        order.append(below[order[-1]])
    return order


def grade_actions(
    rows: pd.DataFrame, engine: Engine, after: pd.Series, *, as_of: pd.Timestamp, seed: int
) -> pd.DataFrame:
    """Waves that began after the promise and not after the next one (`after`, by action) show what came."""
    from scipy.special import ndtri

    arms = decision_inputs.find_arms(engine, as_of=as_of)
    last = {row.what: min(row.due, after.get(row.what, row.due)) for row in rows.itertuples()}
    until = pd.to_datetime(arms["action"].map(last))
    ours = arms[(arms["start"] > rows["day"].iloc[0]) & (arms["start"] <= until)]
    waves = outcomes.follow_arms(engine, ours, as_of=as_of)
    found = outcomes.compare_arms(waves, seed=seed).query("outcome == 'spend'").set_index("action")
    found = found.reindex(rows["what"])
    wider = max(1.0, float(ndtri(1 - LEVEL / max(len(rows), 1))) / Z_95)
    half = (found["high"] - found["difference"]) * wider
    promised_rise = rows["promised"].to_numpy(float)
    below = (found["difference"] + half).to_numpy(float) < promised_rise
    shown = ((found["verdict"] == "higher") & (found["high"] >= promised_rise)).to_numpy(bool)
    came = {"came": found["difference"], "came_low": found["low"], "came_high": found["high"]}
    graded = rows.assign(**{name: column.to_numpy(float) for name, column in came.items()})
    treated = found["treated"].fillna(0).to_numpy(int)
    return graded.assign(
        verdict=np.select([below, shown], ["not_kept", "kept"], "cannot_tell"), customers=treated
    )


def _place(rows: pd.DataFrame, customers: int) -> np.ndarray:
    """Whether what came lies in the range promised."""
    predicted = rows["low"].notna() & (customers >= MIN_CUSTOMERS)
    inside = rows["came"].between(rows["low"], rows["high"])
    return np.select([~predicted, inside], ["cannot_tell", "kept"], "not_kept")
