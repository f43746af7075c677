"""Whom to invite to a survey: how many of each tier, and who, by a keyed hash, each on their own day.

A customer's day comes round every `quiet_days`, always on the same one; in each round a share of the tier is
drawn. So nobody is invited twice within the quiet days, in whatever runs, and nothing has to be remembered.
"""

from typing import Any

import numpy as np
import pandas as pd

from crcm_lib.config.service_policy import Survey
from crcm_lib.decisions.care import DAYS
from crcm_lib.privacy import draw_shares
from crcm_lib.schema.tables import About
from crcm_lib.stats import Z_95

FEWEST = 10  # answers of a tier from which their own spread is known
UNKNOWN_SPREAD = 1.2  # points: the standard deviation of csat where it is not
COLUMNS = ["tier", "customers", "answers", "margin_now", "needed", "invite_share", "invited"]


def plan_sample(satisfaction: pd.DataFrame, tiers: pd.Series, survey: Survey) -> pd.DataFrame:
    """How many customers of each tier to invite, so that its mean csat is known to within the margin.

    n = n0 / (1 + n0 / N) with n0 = (z s / margin)², s the standard deviation of the answers and N the tier's
    customers (Cochran 1977, Sampling Techniques, 3rd edition, section 4.6); divided by the share who answer.

    Parameters
    ----------
    satisfaction
        The table of 07: `csat`.
    tiers
        Each customer's tier, by `customer_id`.
    survey
        The policy's.

    Returns
    -------
    The table `survey_plan`, a row per tier by name. `margin_now` is
    missing with fewer than `FEWEST` answers; then the spread is taken to be `UNKNOWN_SPREAD`.
    """
    csat = satisfaction.reindex(columns=["csat"])["csat"].astype("float64").reindex(tiers.index)
    rows = []
    for tier, members in tiers.groupby(tiers.astype("object")):
        answers = csat[members.index].dropna()
        known = len(answers) >= FEWEST
        spread = max(float(answers.std(ddof=1)), 0.1) if known else UNKNOWN_SPREAD
        endless = (Z_95 * spread / survey.margin) ** 2
        needed = int(np.ceil(endless / (1 + endless / len(members))))
        share = min(1.0, needed / survey.response / len(members))
        margin = Z_95 * spread / np.sqrt(len(answers)) if known else np.nan
        rows.append((tier, len(members), len(answers), margin, needed, share, round(share * len(members))))
    return pd.DataFrame(rows, columns=COLUMNS)


def draw_invitations(
    satisfaction: pd.DataFrame, tiers: pd.Series, survey: Survey, about: About, *, answered: set[str]
) -> pd.DataFrame:
    """Who is invited in the `care.DAYS` after the last day known, on which day.

    Parameters
    ----------
    satisfaction, tiers, survey
        As in `plan_sample`.
    about
        Whose key the hash has, and the last day known.
    answered
        Who answered within the quiet days, and is not asked again.

    Returns
    -------
    `customer_id`, `occasion` (survey), `day`, as `features.care_days.list_care_days` gives them.
    """
    asked = tiers[~tiers.index.isin(list(answered))].sort_index()
    offset = np.floor(draw_shares(asked.index, "survey day", about) * survey.quiet_days).astype("int64")
    first = int((about.day.normalize() - pd.Timestamp(1970, 1, 1)).days) + 1
    behind = (first - offset) // survey.quiet_days + ((first - offset) % survey.quiet_days > 0)
    due = behind * survey.quiet_days + offset  # the first day of their own from the next on, since 1970
    plan = plan_sample(satisfaction, tiers, survey).set_index("tier")["invite_share"]
    share = asked.astype("object").map(plan).to_numpy("float64")
    drawn = np.zeros(len(asked), dtype=bool)
    for round_ in np.unique(behind):
        inside = behind == round_
        draws = draw_shares(asked.index[inside], f"survey round {round_}", about)
        drawn[inside] = draws < share[inside]
    drawn &= due < first + DAYS
    day = pd.to_datetime(pd.Series(due[drawn]), unit="D", origin="unix")
    invited = pd.DataFrame({"customer_id": asked.index[drawn], "occasion": "survey"})
    return invited.assign(day=day.astype("datetime64[us]").to_numpy())


def add_invitations(
    days: pd.DataFrame, satisfaction: pd.DataFrame, tiers: pd.Series, **asked: Any
) -> pd.DataFrame:
    """The days of `list_care_days` with those of `draw_invitations`, of which `asked` is the rest, by day."""
    invited = draw_invitations(satisfaction, tiers, **asked)
    both = pd.concat([each for each in (days, invited) if len(each)] or [days], ignore_index=True)
    return both.sort_values(["day", "customer_id", "occasion"], ignore_index=True)
