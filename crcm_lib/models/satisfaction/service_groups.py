"""How long tickets of each tier, kind, channel and team wait, and whether a team keeps less than others."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import ServiceLevel
from crcm_lib.models.satisfaction.service import STEPS, wait_quantiles
from crcm_lib.models.satisfaction.service_levels import FEWEST, GROUPS
from crcm_lib.stats import LEVEL, Comparison, compare_events, holm

EVERY = ("all", "tier")  # by which waits are shown of any data
BY_GROUP = ["by", "group", "step", "customers", "tickets", "waiting", "p50_hours", "p90_hours"]
TEAMS = ["team", "customers", "tickets", "kept_share", "others_kept_share", *Comparison._fields[:3]]


def measure_waits_by_group(waits: pd.DataFrame, tiers: pd.Series) -> pd.DataFrame:
    """Hours that half and nine tenths of the tickets of each tier, kind, channel and team wait at most.

    Parameters
    ----------
    waits
        From `list_waits`.
    tiers
        Each customer's tier, by `customer_id`.

    Returns
    -------
    One row per `by` (all, tier, kind, channel, team: those that the data have), `group` and `step`, the group
    with most tickets first: `customers`, `tickets`, `waiting` still, and the quantiles `p50_hours` and
    `p90_hours`, missing where so many wait that they are not known (Kaplan & Meier 1958, Journal of the
    American Statistical Association 53, 457-481: who still waits has waited at least so long).
    """
    named = waits.assign(all="all", tier=waits["customer_id"].map(tiers))
    rows = []
    for by in (*EVERY, *(name for name in GROUPS if name in waits)):
        for (group, step), part in named.groupby([by, "step"], sort=False):
            hours = wait_quantiles(part["waited"].to_numpy(), part["done"].to_numpy(bool), (0.5, 0.9))
            counts = part["customer_id"].nunique(), len(part), int((~part["done"].astype(bool)).sum())
            rows.append((by, group, step, *counts, *hours))
    table = pd.DataFrame(rows, columns=BY_GROUP)
    most = table.groupby(["by", "group"])["tickets"].transform("max")
    order = table.assign(
        most=-most, at=table["by"].map({name: n for n, name in enumerate((*EVERY, *GROUPS))})
    )
    return order.sort_values(["at", "most", "group", "step"], ignore_index=True)[BY_GROUP]


def compare_teams(waits: pd.DataFrame, tiers: pd.Series, levels: Mapping[str, ServiceLevel]) -> pd.DataFrame:
    """The share of steps that a team did in the hours promised to the customer's tier, beside the others'.

    Judged are the steps that `measure_attainment` judges. The customers are the units, as in
    `stats.compare_events`. Which tickets come to a team is not drawn by lot: a team with harder ones keeps
    less.

    Returns
    -------
    One row per `team`: `customers`, `tickets` (a step is one), `kept_share`, `others_kept_share`, their
    `difference` with its 95 % interval (`low`, `high`) and a `verdict`: less or more than the others beyond
    chance (keeps_less, keeps_more; Holm over the teams), cannot_tell, or too_few (fewer than `FEWEST`
    customers of either).
    """
    columns = [*TEAMS, "verdict"]
    judged = _judge_steps(waits, tiers, levels) if "team" in waits else waits.iloc[:0]
    if judged.empty or judged["team"].nunique() < 2:
        return pd.DataFrame(columns=columns)
    whose = np.unique(judged["customer_id"], return_inverse=True)[1]
    kept, rows, found = judged["kept"].to_numpy(float), [], []
    for team in sorted(judged["team"].unique()):
        mine = (judged["team"] == team).to_numpy()
        parts = [
            np.bincount(whose, weights=each) for each in (kept * mine, 1.0 * mine, kept * ~mine, 1.0 * ~mine)
        ]
        compared = compare_events(*parts)
        enough = min((parts[1] > 0).sum(), (parts[3] > 0).sum()) >= FEWEST
        found.append(compared if enough else None)
        shares = parts[0].sum() / parts[1].sum(), parts[2].sum() / parts[3].sum()
        rows.append((team, int((parts[1] > 0).sum()), int(mine.sum()), *shares, *compared[:3]))
    table = pd.DataFrame(rows, columns=TEAMS).assign(verdict="too_few")
    at = [n for n, each in enumerate(found) if each is not None]
    adjusted = holm([found[n].p for n in at])
    for n, p in zip(at, adjusted, strict=True):
        side = "keeps_less" if table.loc[n, "difference"] < 0 else "keeps_more"
        table.loc[n, "verdict"] = side if p <= LEVEL else "cannot_tell"
    few = table["verdict"] == "too_few"
    table.loc[few, ["difference", "low", "high"]] = np.nan
    return table


def _judge_steps(waits: pd.DataFrame, tiers: pd.Series, levels: Mapping[str, ServiceLevel]) -> pd.DataFrame:
    """Steps of a team that have had the hours promised to the customer's tier, and whether they kept them."""
    hours = {
        (tier, step): getattr(level, f"{step}_hours")
        for tier, level in levels.items()
        for step in STEPS.values()
    }
    keys = zip(waits["customer_id"].map(tiers).astype("object"), waits["step"], strict=True)
    promised = pd.Series([hours.get(key) for key in keys], waits.index, dtype="float64")
    judged = waits[(waits["age"] >= promised) & waits["team"].notna()]
    in_time = judged["done"].astype(bool) & (judged["waited"] <= promised[judged.index])
    return judged.assign(kept=in_time)
