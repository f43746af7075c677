"""All assignments so far: what runs have drawn, what was reported as done, and what this run plans.

Each run carries them on in its own table, so that only the run before is read and none is lost with older
ones.
"""

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions.arms import find_stakes
from crcm_lib.schema.results import RESULTS

KEY = ["customer_id", "action", "wave"]
COLUMNS = list(RESULTS["assignment_history"].columns)
DAYS = ("wave", "start", "end")
Day = str | pd.Timestamp


def gather_assignments(
    reported: pd.DataFrame, earlier: pd.DataFrame | None, customers: pd.Index
) -> pd.DataFrame:
    """The assignments of earlier runs beside those reported, which win where both know of one.

    Parameters
    ----------
    reported
        From `decision_inputs.find_arms`: what was really done.
    earlier
        The table `assignment_history` of the run before, where there is one.
    customers
        Whose assignments are carried on: who has no tier objects to profiling by now, or was deleted.

    Returns
    -------
    The table `assignment_history`. Where a reported assignment of a customer and action overlaps in time with
    an earlier one, `arm`, `start` and `end` are the reported ones; `wave` and `drawn`, what was drawn at
    random for which day, stay.
    """
    ours = (
        pd.DataFrame(columns=COLUMNS) if earlier is None else earlier[earlier["customer_id"].isin(customers)]
    )
    ours = _type(ours).reset_index(drop=True)
    done = reported.reset_index(drop=True).rename_axis("row").reset_index()
    pairs = (
        ours.rename_axis("place")
        .reset_index()
        .merge(done, on=["customer_id", "action"], suffixes=("", "_done"))
    )
    pairs = pairs[(pairs["start_done"] <= pairs["end"]) & (pairs["end_done"] >= pairs["start"])]
    pairs["treated"] = pairs["arm_done"] == "treatment"
    known = pairs.groupby("place").agg(
        treated=("treated", "any"), start=("start_done", "min"), end=("end_done", "max")
    )
    ours.loc[known.index, "arm"] = known["treated"].map({True: "treatment", False: "control"}).astype("str")
    for day in ("start", "end"):
        ours.loc[known.index, day] = known[day].astype("datetime64[us]")
    ours.loc[known.index, "reported"] = True
    new = done[~done["row"].isin(pairs["row"])].drop(columns="row")
    new = new.assign(wave=new["start"], reported=True).reindex(columns=COLUMNS)
    return _order(pd.concat([ours, _type(new)], ignore_index=True))


def extend_assignments(
    history: pd.DataFrame,
    planned: pd.DataFrame,
    chances: pd.Series,
    situation: pd.DataFrame,
    policy: Policy,
) -> pd.DataFrame:
    """The table `assignment_history` with what this run plans.

    Parameters
    ----------
    history
        From `gather_assignments`.
    planned
        The table `planned_assignments`; those that an earlier run began are known already.
    chances
        By action, the chance with which its controls were drawn.
    situation
        From `strategy.describe_situation`: what the actions may win, kept for when it is measured.
    policy
        What each action wins a share of.
    """
    new = planned.assign(wave=planned["start"], drawn=planned["arm"], reported=False, stake=float("nan"))
    new["control_share"] = new["action"].map(chances).astype("float64")
    for action in policy.playbook:
        mine = new["action"] == action.name
        if mine.any() and not action.standard:
            ids = pd.Index(new.loc[mine, "customer_id"])
            new.loc[mine, "stake"] = find_stakes(action, situation.reindex(ids), policy).to_numpy()
    both = pd.concat([history, _type(new.reindex(columns=COLUMNS))], ignore_index=True)
    return _order(both)


def read_as_drawn(history: pd.DataFrame) -> pd.DataFrame:
    """The assignments as arms to compare: as drawn, whatever was done then (intention to treat).

    Returns
    -------
    `history` with `arm` as drawn where a run has drawn it, `start` the day of the wave, and `drawn_anew`,
    whether the arms of the wave were drawn independently of all earlier ones.
    """
    anew = history["drawn"].notna()
    arm = history["drawn"].where(anew, history["arm"])
    start = history["wave"].where(anew, history["start"])
    return history.assign(arm=arm, start=start, drawn_anew=anew)


def _order(history: pd.DataFrame) -> pd.DataFrame:
    """Each assignment once, the first kept."""
    return history.drop_duplicates(KEY).sort_values(KEY, ignore_index=True)


def _type(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(DAYS, "datetime64[us]") | dict.fromkeys(
        ("control_share", "stake", "cost"), "float64"
    )
    kinds |= dict.fromkeys(("customer_id", "action", "arm", "drawn"), "str")
    return frame[COLUMNS].astype(kinds).assign(reported=frame["reported"].astype(bool))
