"""Ages in whole calendar years, and the age groups that every table and every audit uses."""

import pandas as pd

AGE_BOUNDS = (0, 30, 45, 60, 200)  # years; a group is [from, below)
AGE_GROUPS = ("under_30", "30_to_44", "45_to_59", "60_and_over")


def whole_years(birthdays: pd.Series, as_of) -> pd.Series:
    """Age on `as_of` in whole calendar years: the number of birthdays up to that day; missing stays missing.

    Who was born on 29 February has the birthday of a common year on 1 March.

    Examples
    --------
    >>> born = pd.Series(pd.to_datetime(["1980-06-30", "1980-07-01", "1980-02-29", None]))
    >>> whole_years(born, "2025-06-30").to_list()
    [45.0, 44.0, 45.0, nan]
    >>> whole_years(born, "2025-02-28").to_list()
    [44.0, 44.0, 44.0, nan]
    """
    day, born = pd.Timestamp(as_of), pd.to_datetime(birthdays)
    birthday_is_later = born.dt.month * 100 + born.dt.day > day.month * 100 + day.day
    return day.year - born.dt.year - birthday_is_later.astype("int64")


def assign_age_groups(birthdays: pd.Series, as_of) -> pd.Series:
    """Age group on `as_of`, one of `AGE_GROUPS`; missing where the birthday is missing or after `as_of`.

    Examples
    --------
    >>> born = pd.Series(pd.to_datetime(["1980-06-30", "1996-01-01", None]))
    >>> assign_age_groups(born, "2025-06-30").to_list()
    ['45_to_59', 'under_30', nan]
    """
    years = whole_years(birthdays, as_of)
    return pd.cut(years, AGE_BOUNDS, right=False, labels=list(AGE_GROUPS)).astype("str")
