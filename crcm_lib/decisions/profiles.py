"""Whom an action is for by profile: industry, size, region and age of the company."""

from difflib import get_close_matches

import pandas as pd

from crcm_lib.config.policy import Action, Policy

DAYS = 365.25  # in a year of a company's age
LISTS = {"industries": "industry", "sizes": "size", "regions": "region"}  # condition -> attribute
PREFIX = "for "  # before the name of an action, where what it asks of a profile stands beside indicators


def asks_profile(action: Action) -> bool:
    """Whether the action asks for an industry, a size, a region or an age of the company."""
    return action.company_age is not None or any(getattr(action, name) for name in LISTS)


def meets_profile(customers: pd.DataFrame, action: Action, *, as_of: str | pd.Timestamp) -> pd.Series:
    """Which customers meet all that the action asks of a profile; what is not known meets nothing.

    Parameters
    ----------
    customers
        `industry`, `size`, `region`, `founded` (day) where the data have them; where customers have no region
        of their own `region_main`, that of most of their spend.
    action
        Of the playbook.
    as_of
        Day on which a company is so old, in years of `DAYS` days.
    """
    meets = pd.Series(True, index=customers.index)
    for name, attribute in LISTS.items():
        asked = getattr(action, name)
        if asked:
            meets &= _read(customers, attribute).isin(asked)
    if action.company_age is not None:
        founded = pd.to_datetime(customers.get("founded", pd.Series(pd.NaT, customers.index)))
        years = (pd.Timestamp(as_of).normalize() - founded).dt.days / DAYS
        meets &= action.company_age.holds(years)
    return meets


def list_conditions(customers: pd.DataFrame, policy: Policy, *, as_of: str | pd.Timestamp) -> pd.DataFrame:
    """By `PREFIX` and name of each action that asks for a profile: 1 for who meets it, 0 for others."""
    asking = [action for action in policy.playbook if asks_profile(action)]
    met = {
        PREFIX + each.name: meets_profile(customers, each, as_of=as_of).astype("float64") for each in asking
    }
    return pd.DataFrame(met, index=customers.index)


def list_unknown_profiles(policy: Policy, customers: pd.DataFrame | None) -> pd.DataFrame:
    """What actions ask of a profile and no customer has: nobody would ever get them, for that alone.

    Parameters
    ----------
    policy
        Its playbook.
    customers
        The input table `customers`, or None without one.

    Returns
    -------
    One row per action and name: `action`, `condition` (like `regions`), `asked`, and `nearest` ("" if no name
    of the data is near).
    """
    rows = []
    for action in policy.playbook:
        for name, attribute in LISTS.items():
            given = None if customers is None else _read(customers, attribute).dropna()
            known = [] if given is None else sorted(set(given.astype("str")))
            for asked in getattr(action, name):
                near = get_close_matches(asked, known, n=1)
                row = {"action": action.name, "condition": name, "asked": asked}
                rows += [] if asked in known else [row | {"nearest": next(iter(near), "")}]
    return pd.DataFrame(rows, columns=["action", "condition", "asked", "nearest"])


def _read(customers: pd.DataFrame, attribute: str) -> pd.Series:
    nothing = pd.Series(None, customers.index, dtype="object")
    own = customers.get(attribute, nothing).astype("object")
    if attribute != "region":
        return own
    return own.where(own.notna(), customers.get("region_main", nothing).astype("object"))
