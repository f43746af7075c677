"""What a run promises, and whether it came: totals, alerts, the order of tiers, assumed effects of actions.

Each run writes down what it says of the days to come, and grades what earlier runs said once the last of
their days has passed. It needs the run before it alone: promises are carried from run to run, and those that
are not due with what they say of each customer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import promise_grades
from crcm_lib.decisions.arms import find_stakes
from crcm_lib.decisions.promise_grades import MIN_CUSTOMERS, RANGE, expect_share
from crcm_lib.features.customers import spend_between
from crcm_lib.schema.engine import Engine
from crcm_lib.stats import holm

MIN_DAYS_APART = 28  # between promises written down: nightly runs would repeat themselves
NUMBERS = ("promised", "low", "high", "came", "came_low", "came_high")
ROWS = {  # columns of the table `promises`
    **dict.fromkeys(("day", "due"), "datetime64[us]"),
    **dict.fromkeys(("run", "kind", "what", "beside", "verdict"), "str"),
    "customers": "int64",
    **dict.fromkeys(NUMBERS, "float64"),
}
CUSTOMERS = {  # columns of the table `promised_customers`
    **{"customer_id": "str", "day": "datetime64[us]", "tier_in_force": "str", "alerted": "bool"},
    **dict.fromkeys(("spend_expected", "p_no_purchase"), "float64"),
}

GRADES = {
    "spend": promise_grades.grade_spend,
    "alerts": promise_grades.grade_alerts,
    "tiers": promise_grades.grade_order,
}

Day = str | pd.Timestamp
Row = dict[str, Any]


def _empty(columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns)).astype(columns)


@dataclass(frozen=True)
class Promises:
    """The tables `promises` and `promised_customers`; the latter of promises that are not due."""

    rows: pd.DataFrame
    customers: pd.DataFrame

    @classmethod
    def none(cls) -> "Promises":
        """No promise: nothing was run before."""
        return cls(_empty(ROWS), _empty(CUSTOMERS))


def make_promises(
    known: Mapping[str, pd.DataFrame], policy: Policy, *, day: Day, alert_days: int
) -> Promises:
    """What a run says of the days after `day`.

    Parameters
    ----------
    known
        The run's tables `tiers`, `value`, `value_totals`, `churn` and `planned_assignments`.
    policy
        Its horizon, tiers and playbook.
    day
        The run's `as_of`.
    alert_days
        The days ahead of which `p_no_purchase` tells.

    Returns
    -------
    Of at least five customers each, by `kind`: `spend`, the total that all buyers spend within the horizon,
    with its range; `alerts`, the share of those `alerted` and `not_alerted` who buy again within
    `alert_days`, with a range as if the probabilities were right and customers independent, and their
    `difference`; `tiers`, that a tier in force spends more within the horizon than the next one that anybody
    has; `actions`, the assumed rise of spend per customer treated, of actions with controls, over their days.
    """
    start = pd.Timestamp(day)
    customers = _list_customers(known, start)
    due = start + pd.Timedelta(days=policy.horizon_days)
    rows = [
        *_promise_spend(known["value_totals"], due),
        *_promise_alerts(customers, start + pd.Timedelta(days=alert_days)),
        *_promise_order(customers, [tier.name for tier in policy.tiers], due),
        *_promise_actions(known, policy),
    ]
    frame = pd.DataFrame(rows, columns=list(ROWS)).assign(day=start, run="", verdict="not_due")
    return Promises(frame[frame["customers"] >= MIN_CUSTOMERS].astype(ROWS), customers)


def grade_promises(
    earlier: Promises, engine: Engine, present: pd.Index, *, as_of: Day, seed: int
) -> Promises:
    """Earlier promises with what came of those that have become due; what is graded stays so.

    Parameters
    ----------
    earlier
        As the earlier run carried them.
    engine
        Holds the clean tables.
    present
        Customers that have a tier today. Of who has none any more (forgotten, or objecting to profiling)
        nothing is graded or kept; a promised total is that of the others, its range in proportion.
    as_of
        Last day known.
    seed
        Of the permutations.

    Returns
    -------
    `came` with its own 95 % interval where it is a comparison, and the `verdict`: `kept` or `not_kept`
    where the total or share lies in its range or not; where a difference is more than chance (all of one kind
    and run counted, Holm) as promised or the other way round; where an action's rise is more than chance and
    not less than assumed, or less beyond chance (each interval widened for the number of actions). Otherwise
    `cannot_tell`, and `not_due` before the last day.
    """
    today = pd.Timestamp(as_of)
    customers = earlier.customers[earlier.customers["customer_id"].isin(present)]
    is_due = (earlier.rows["verdict"] == "not_due") & (earlier.rows["due"] <= today)
    parts = [earlier.rows[~is_due]]
    for (day, kind, due), rows in earlier.rows[is_due].groupby(["day", "kind", "due"], sort=True):
        if kind == "actions":
            after = earlier.rows.query("kind == 'actions' and day > @day").groupby("what")["day"].min()
            parts.append(promise_grades.grade_actions(rows, engine, after, as_of=today, seed=seed))
            continue
        ours = customers[customers["day"] == day].set_index("customer_id")
        later = spend_between(engine, after=day, until=due)
        grade = GRADES[str(kind)]
        parts.append(grade(rows, ours, later, seed))
    graded = pd.concat(parts).sort_index().astype(ROWS)
    open_days = graded.loc[graded["verdict"] == "not_due", "day"]
    return Promises(graded, customers[customers["day"].isin(open_days)])


def extend_promises(earlier: Promises, ours: Promises) -> Promises:
    """Those of today after earlier ones, unless the latest are of less than `MIN_DAYS_APART` days ago."""
    if len(earlier.rows) and len(ours.rows):
        apart = ours.rows["day"].max() - earlier.rows["day"].max()
        if apart < pd.Timedelta(days=MIN_DAYS_APART):
            return earlier
    parts = zip((earlier.rows, earlier.customers), (ours.rows, ours.customers), strict=True)
    return Promises(*(pd.concat(part, ignore_index=True) for part in parts))


def name_run(promises: Promises, run: str) -> Promises:
    """Promises as the run of this name wrote them, which could not know it."""
    return replace(promises, rows=promises.rows.assign(run=promises.rows["run"].replace("", run)))


def summarise_record(rows: pd.DataFrame) -> pd.DataFrame:
    """How many promises of each kind were kept.

    Returns
    -------
    One row per kind that was promised: `kind`, `kept`, `not_kept`, `cannot_tell`, `not_due`. Of totals and of
    shares of the alerted, `apart` counts those due whose days do not overlap (each the first that begins when
    the one before is due), `missed` those of them not kept, and `p` the chance of as many or more were each
    kept with a probability of 80 %, both kinds counted (Holm); elsewhere missing.
    """
    counts = pd.crosstab(rows["kind"], rows["verdict"])
    kinds = [kind for kind in ("spend", "alerts", "tiers", "actions") if kind in counts.index]
    verdicts = ["kept", "not_kept", "cannot_tell", "not_due"]
    record = counts.reindex(index=kinds, columns=verdicts, fill_value=0)
    record = record.rename_axis("kind").rename_axis(columns=None)
    apart = pd.DataFrame([_count_apart(rows, kind) for kind in kinds], record.index, ["apart", "missed", "p"])
    record = record.join(apart.astype("float64"))
    return record.assign(p=holm(record["p"].to_numpy(float))).reset_index()


def _count_apart(rows: pd.DataFrame, kind: str) -> tuple[float, float, float]:
    from scipy.stats import binom

    what = {"spend": "all", "alerts": "alerted"}.get(kind)
    graded = rows[
        (rows["kind"] == kind) & (rows["what"] == what) & rows["verdict"].isin(("kept", "not_kept"))
    ]
    last, counted = pd.Timestamp.min, []
    days, verdicts = graded[["day", "due"]].to_numpy(), graded["verdict"] == "not_kept"
    for (day, due), is_missed in sorted(zip(map(tuple, days), verdicts, strict=True)):
        if day >= last:
            last = due
            counted.append(bool(is_missed))
    if not counted:
        return float("nan"), float("nan"), float("nan")
    missed = sum(counted)
    return float(len(counted)), float(missed), float(binom.sf(missed - 1, len(counted), 1 - RANGE))


def _list_customers(known: Mapping[str, pd.DataFrame], day: pd.Timestamp) -> pd.DataFrame:
    """One row per customer with a tier: what the promises of the day say of each."""
    tiers, value, churn = known["tiers"], known["value"], known["churn"]
    frame = tiers[["tier_in_force"]].assign(
        day=day,
        spend_expected=value["spend_expected"].reindex(tiers.index),
        p_no_purchase=churn["p_no_purchase"].reindex(tiers.index),
        alerted=churn["alert"].reindex(tiers.index).fillna("none") != "none",
    )
    return frame.rename_axis("customer_id").reset_index()[list(CUSTOMERS)].astype(CUSTOMERS)


def _promise_spend(totals: pd.DataFrame, due: pd.Timestamp) -> list[Row]:
    of_all = totals[totals["group"] == ""].rename(columns={"spend_expected": "promised"})
    of_all = of_all.rename(columns={"spend_low": "low", "spend_high": "high"})
    rows = of_all[["customers", "promised", "low", "high"]].to_dict("records")
    return [
        {"kind": "spend", "what": "all", "due": due, **{str(name): value for name, value in row.items()}}
        for row in rows
        if row["promised"] > 0
    ]


def _promise_alerts(customers: pd.DataFrame, due: pd.Timestamp) -> list[Row]:
    if not customers["alerted"].any():
        return []
    predicted = customers[customers["p_no_purchase"].notna()]
    parts = [predicted.loc[predicted["alerted"] == alerted, "p_no_purchase"] for alerted in (True, False)]
    rows: list[Row] = [
        {"what": what, "customers": len(part), **expect_share(part)}
        for what, part in zip(("alerted", "not_alerted"), parts, strict=True)
    ]
    apart = rows[0]["promised"] - rows[1]["promised"]
    rows.append({"what": "difference", "promised": apart, "customers": min(map(len, parts))})
    return [{"kind": "alerts", "due": due, **row} for row in rows]


def _promise_order(customers: pd.DataFrame, order: list[str], due: pd.Timestamp) -> list[Row]:
    sizes = customers["tier_in_force"].value_counts()
    held = [tier for tier in order if sizes.get(tier, 0) >= MIN_CUSTOMERS]
    return [
        {"kind": "tiers", "what": tier, "beside": below, "customers": int(sizes[tier]), "due": due}
        for tier, below in pairwise(held)
    ]


def _promise_actions(known: Mapping[str, pd.DataFrame], policy: Policy) -> list[Row]:
    playbook, rows = {action.name: action for action in policy.playbook}, []
    situation = known["value"].join(known["churn"]["value_at_risk"])
    for name, arms in known["planned_assignments"].groupby("action"):
        treated = int((arms["arm"] == "treatment").sum())
        of_both = situation.reindex(pd.Index(arms["customer_id"]))
        action = playbook[str(name)]
        rise = action.effect * float(find_stakes(action, of_both, policy).mean())
        if 0 < treated < len(arms) and rise > 0:
            row = {"kind": "actions", "what": name, "customers": treated, "promised": rise}
            rows.append(row | {"due": arms["end"].max()})
    return rows
