"""One long holdout over all actions: a share of customers who stay out of everything but service.

Who is in it follows from a keyed hash of the customer's id alone, so that it is the same in every run. What
the programme as a whole brings is what the others spend beside them.
"""

import numpy as np
import pandas as pd

from crcm_lib.decisions.outcomes import compare_arms
from crcm_lib.privacy import draw_shares
from crcm_lib.schema.tables import About

COLUMNS = ["customer_id", "group", "since", "holdout_share"]


def draw_holdout(
    customers: pd.Index, share: float, about: About, *, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The table `programme_holdout`: who is in the programme, who is held out of it, and since when.

    Parameters
    ----------
    customers
        Everybody with a tier.
    share
        The policy's `control.holdout_share`; 0: nobody, and the table is empty.
    about
        Whose key the hash has, and the last day known; the plan begins on the next.
    earlier
        The same table of the run before, where there is one. If its share was another one, all begin anew:
        who changes sides was chosen by nothing but the new share, and what came before counts for no side.
    """
    if not share > 0:
        return pd.DataFrame(columns=COLUMNS).astype({"since": "datetime64[us]", "holdout_share": "float64"})
    ids = customers.sort_values()
    held = draw_shares(ids, "programme holdout", about) < share
    since = pd.Series(about.day.normalize() + pd.Timedelta(days=1), ids)
    if earlier is not None:
        same = earlier[earlier["holdout_share"] == share].set_index("customer_id")["since"]
        since = same.reindex(ids).fillna(since)
    group = pd.Series(held, ids).map({True: "holdout", False: "programme"})
    table = pd.DataFrame({"group": group, "since": since.astype("datetime64[us]"), "holdout_share": share})
    return table.rename_axis("customer_id").reset_index()


def find_held_out(holdout: pd.DataFrame) -> pd.Index:
    """Who is held out."""
    held: pd.Series = holdout.loc[holdout["group"] == "holdout", "customer_id"]
    found: pd.Index = pd.Index(held.to_list(), name="customer_id")
    return found


def read_as_arms(holdout: pd.DataFrame | None, as_of: pd.Timestamp) -> pd.DataFrame:
    """The holdout as arms of one action, the programme, as `outcomes.follow_arms` takes them."""
    columns = ["customer_id", "action", "arm", "start", "end", "control_share", "drawn_anew"]
    if holdout is None or holdout.empty:
        return pd.DataFrame(columns=columns)
    arm = holdout["group"].map({"holdout": "control", "programme": "treatment"})
    end = as_of + pd.Timedelta(days=1)  # it goes on
    arms = pd.DataFrame(
        {
            "customer_id": holdout["customer_id"],
            "action": "programme",
            "arm": arm,
            "start": holdout["since"],
            "end": end,
            "control_share": holdout["holdout_share"],
            "drawn_anew": True,
        }
    )
    return arms[arms["start"] <= as_of]


def compare_programme(followed: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """The table `programme_effect`, from `outcomes.follow_arms` of `read_as_arms`.

    Returns
    -------
    As `outcomes.compare_arms`, by `outcome`; with the `total` that the difference of spend, what earlier
    spend foretells taken off, makes over all customers of the programme, and its interval from `total_low` to
    `total_high`.
    """
    compared = compare_arms(followed, seed=seed).drop(columns="action")
    ends = {"total": "cuped", "total_low": "cuped_low", "total_high": "cuped_high"}
    totals = {total: compared[each].astype("float64") * compared["treated"] for total, each in ends.items()}
    return compared.assign(**totals) if len(compared) else compared.assign(**dict.fromkeys(ends, np.nan))
