"""Earlier treatments and controls -> did an action change what its `kpi` counts?"""

import numpy as np
import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.outcomes import MIN_ARM, check_arms, keep_comparable
from crcm_lib.features.engagement import count_between, list_events
from crcm_lib.permutation import compare_means
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import LEVEL, holm

Day = str | pd.Timestamp
COLUMNS = ["action", "kpi", "customers", "treated", "controls", "treated_mean", "control_mean"]
COLUMNS += ["difference", "low", "high", "p", "verdict"]
NUMBERS = [name for name in COLUMNS if name not in ("action", "kpi", "customers", "verdict")]


def follow_kpis(engine: Engine, waves: pd.DataFrame, policy: Policy, *, as_of: Day) -> pd.DataFrame:
    """What the KPI of each action counts of those treated and of the controls, while the action ran.

    Parameters
    ----------
    engine
        Holds the clean tables that the KPIs count.
    waves
        From `outcomes.follow_arms`: who is compared, from `start` to `end`.
    policy
        Its playbook names the KPIs.
    as_of
        Last day known.

    Returns
    -------
    The rows of `waves` whose action has a KPI, with `kpi` and `count` (events from the first day of the wave
    to its last end, or to `as_of`; missing where the data lack what it counts).
    """
    kpis = {action.name: action.kpi for action in policy.playbook if action.kpi}
    followed = waves[waves["action"].isin(list(kpis))]
    followed = followed.assign(kpi=followed["action"].map(kpis), count=np.nan)
    events = {str(kpi): list_events(engine, str(kpi), as_of=as_of) for kpi in followed["kpi"].unique()}
    for _wave, wave in followed.groupby(["action", "start"]):
        known = events[str(wave["kpi"].iloc[0])]
        if known is not None:
            start = pd.Timestamp(wave["start"].iloc[0])
            eve, until = start - pd.Timedelta(days=1), min(wave["end"].max(), pd.Timestamp(as_of))
            counts = count_between(known, wave["customer_id"], after=eve, until=until)
            followed.loc[wave.index, "count"] = counts.to_numpy("float64")
    return followed


def compare_kpis(followed: pd.DataFrame, policy: Policy, *, seed: int) -> pd.DataFrame:
    """Treated beside controls, by the KPI of each action of the playbook that names one.

    By permuting the arms within strata (`permutation.compare_means`), adjusted over the actions (Holm).

    Parameters
    ----------
    followed
        From `follow_kpis`.
    policy
        Its playbook names the KPIs.
    seed
        Of the permutations.

    Returns
    -------
    `action`, `kpi`, `customers` (of both arms), `treated` and `controls` (customers compared),
    `treated_mean` and `control_mean` (events per customer), their `difference` with its 95 % interval `low`,
    `high`, `p` adjusted, and `verdict`: `more` or `fewer` with the action, `cannot_tell`, `not_tried`,
    `not_known` (the data lack what is counted), `no_controls`, `too_few`, or `unsound` (the arms are not what
    was drawn, see `outcomes.check_arms`).
    """
    named = [action for action in policy.playbook if action.kpi]
    sound = check_arms(followed).set_index("action")["sound"].to_dict() if len(followed) else {}
    rows = []
    for action in named:
        mine = followed[followed["action"] == action.name]
        row = {"action": action.name, "kpi": action.kpi, "customers": mine["customer_id"].nunique()}
        rows.append(row | _compare(mine, bool(sound.get(action.name, True)), len(named), seed))
    found = pd.DataFrame(rows, columns=[*COLUMNS, "smallest_p"])
    found = found.astype(dict.fromkeys([*NUMBERS, "smallest_p"], "float64"))
    found["p"] = holm(found["p"].to_numpy(float), found["smallest_p"].to_numpy(float))
    beyond = found["p"].le(LEVEL) & found["verdict"].isna()
    known = np.select(
        [beyond & (found["low"] > 0), beyond & (found["high"] < 0)], ["more", "fewer"], "cannot_tell"
    )
    found["verdict"] = found["verdict"].where(found["verdict"].notna(), known)
    return found[COLUMNS]


def _compare(mine: pd.DataFrame, sound: bool, claims: int, seed: int) -> dict[str, object]:
    """The two arms of one action, or why they cannot be compared."""
    if mine.empty:
        return {"verdict": "not_tried"}
    treated = mine["arm"] == "treatment"
    sizes: dict[str, object] = {"treated": int(treated.sum()), "controls": int((~treated).sum())}
    if mine["count"].isna().all():
        return sizes | {"verdict": "not_known"}
    if treated.all():
        return sizes | {"verdict": "no_controls", "treated_mean": float(mine["count"].mean())}
    if not sound:
        return sizes | {"verdict": "unsound"}
    arms = keep_comparable(mine)
    first = arms["first"].to_numpy(bool)
    if min(first.sum(), (~first).sum()) < MIN_ARM:
        return sizes | {"verdict": "too_few"}
    values, strata = arms["count"].to_numpy(float), arms["stratum"].to_numpy()
    found = compare_means(values, first, strata, claims=claims, seed=seed)
    mean = float(values[first].mean())
    sizes = {"treated": int(first.sum()), "controls": int((~first).sum())}
    return sizes | {"treated_mean": mean, "control_mean": mean - found.difference, **found._asdict()}


def hide_small_arms(effects: pd.DataFrame, *, at_least: int) -> pd.DataFrame:
    """`compare_kpis` as people may see it: no numbers of an action with an arm of fewer than `at_least`.

    An arm of nobody hides nothing. Where numbers are hidden, the verdict is `too_few`.
    """
    arms = effects[["treated", "controls"]].fillna(0)
    small = ((arms > 0) & (arms < at_least)).any(axis=1)
    shown = effects.assign(verdict=effects["verdict"].mask(small, "too_few"))
    shown.loc[small, NUMBERS] = np.nan
    shown.attrs["hidden"] = int(effects.loc[small, NUMBERS].notna().to_numpy().sum())
    return shown
