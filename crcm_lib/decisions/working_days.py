"""Working days of a country: Monday to Friday less its public holidays, and the weekend days worked instead.

The days are those of the library `holidays`. A country may announce its arrangement of each year in the year
before (in China, which days off are worked off at a weekend): of a year not announced yet the holidays that
follow from the calendar, lunar ones too, are known, and `list_unannounced` says that the rest is not.
"""

from functools import cache

import numpy as np
import pandas as pd

MONDAY_TO_FRIDAY = "1111100"


def list_working_days(start: np.datetime64, end: np.datetime64, country: str | None) -> np.ndarray:
    """Every working day from `start` to `end`, both counted, in order.

    Parameters
    ----------
    country
        ISO 3166 code of two letters; None: Monday to Friday, no holidays.

    Examples
    --------
    >>> days = list_working_days(np.datetime64("2026-02-13"), np.datetime64("2026-02-25"), "CN")
    >>> print(*(str(day)[5:] for day in days))  # round the Spring Festival
    02-13 02-14 02-24 02-25
    """
    days = np.arange(start, end + 1, dtype="datetime64[D]")
    if country is None:
        return days[np.is_busday(days, MONDAY_TO_FRIDAY)]
    years = range(pd.Timestamp(start).year, pd.Timestamp(end).year + 1)
    off, worked = np.array([], "datetime64[D]"), np.array([], "datetime64[D]")
    for year in years:
        known = _read_year(country, year)
        off, worked = np.union1d(off, known[0]), np.union1d(worked, known[1])
    usual = np.is_busday(days, MONDAY_TO_FRIDAY) & ~np.isin(days, off)
    return days[usual | np.isin(days, worked)]


def name_holidays(start: np.datetime64, end: np.datetime64, country: str | None) -> dict[pd.Timestamp, str]:
    """The public holidays of a country from `start` to `end`, with their names."""
    if country is None:
        return {}
    named: dict[pd.Timestamp, str] = {}
    for year in range(pd.Timestamp(start).year, pd.Timestamp(end).year + 1):
        named |= _read_names(country, year)
    return {day: name for day, name in sorted(named.items()) if start <= np.datetime64(day, "D") <= end}


def list_unannounced(start: np.datetime64, end: np.datetime64, country: str | None) -> list[int]:
    """The years whose days off and days worked instead are not known yet, where a country announces them.

    Without an end, as where nothing is planned, there is none.

    >>> list_unannounced(np.datetime64("2026-01-01"), np.datetime64("2035-01-01"), "US")
    []
    """
    if country is None or pd.isna(end):
        return []
    from holidays import country_holidays

    known = country_holidays(country)
    years = range(pd.Timestamp(start).year, pd.Timestamp(end).year + 1)
    announces = getattr(known, "has_substituted_holidays", False) and known.special_public_holidays
    last = max(known.special_public_holidays) if announces else known.end_year
    return [year for year in years if year > min(last, known.end_year)]


@cache
def _read_year(country: str, year: int) -> tuple[np.ndarray, np.ndarray]:
    """The public holidays of a year, and the weekend days that are worked."""
    from holidays import country_holidays

    known = country_holidays(country, years=[year])
    worked = [day for day in known.weekend_workdays if day.year == year]
    return np.array(sorted(known), "datetime64[D]"), np.array(sorted(worked), "datetime64[D]")


@cache
def _read_names(country: str, year: int) -> dict[pd.Timestamp, str]:
    from holidays import country_holidays

    return {
        pd.Timestamp(day): name
        for day, name in country_holidays(country, years=[year], language="en_US").items()
    }
