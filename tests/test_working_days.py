"""Nobody is approached on a holiday: working days by country, from the library `holidays`."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import calendar
from crcm_lib.decisions.working_days import list_unannounced, list_working_days, name_holidays
from crcm_lib.errors import PolicyError
from crcm_lib.schema.tables import ROOT

POLICY = read_policy("policy.yaml")


def days(start, end, country):
    return [str(day) for day in list_working_days(np.datetime64(start), np.datetime64(end), country)]


def test_without_a_country_monday_to_friday_are_worked():
    assert days("2025-12-31", "2026-01-05", None) == ["2025-12-31", "2026-01-01", "2026-01-02", "2026-01-05"]


@pytest.mark.parametrize("country", ["CN", "US", "GB", "DE", "JP"])
@pytest.mark.parametrize("year", [2025, 2026, 2027])
def test_new_years_day_is_worked_nowhere(country, year):
    assert f"{year}-01-01" not in days(f"{year}-01-01", f"{year}-01-07", country)


def test_the_spring_festival_is_off_and_its_working_weekends_are_worked():
    """The arrangement of the State Council for 2026: 15 to 23 February off, 14 and 28 February worked."""
    found = days("2026-02-09", "2026-03-01", "CN")
    off = {f"2026-02-{day}" for day in range(16, 24)}
    assert not off & set(found)
    assert {"2026-02-14", "2026-02-24", "2026-02-28"} <= set(found)
    assert "2026-02-17" in {f"{day:%Y-%m-%d}" for day in name_holidays(*of_year(2026), "CN")}


def test_days_of_the_moon_are_found_in_each_year():
    """Mid-Autumn: 6 October 2025, 25 September 2026, 15 September 2027."""
    for year, day in ((2025, "2025-10-06"), (2026, "2026-09-25"), (2027, "2027-09-15")):
        named = name_holidays(*of_year(year), "CN")
        assert "Mid-Autumn" in named[pd.Timestamp(day)]


def test_a_year_that_is_not_announced_is_said():
    assert list_unannounced(*of_year(2026), "CN") == []
    assert list_unannounced(np.datetime64("2026-06-01"), np.datetime64("2041-01-01"), "CN")[-1] == 2041
    assert list_unannounced(*of_year(2090), "US") == []
    assert list_unannounced(np.datetime64("2041-01-01"), pd.NaT, "CN") == []
    assert list_unannounced(*of_year(2150), "US") == [2150]
    assert list_unannounced(*of_year(2150), None) == []


def of_year(year):
    return np.datetime64(f"{year}-01-01"), np.datetime64(f"{year}-12-31")


def test_no_contact_is_planned_on_a_holiday_and_one_on_a_working_saturday_is():
    actions = pd.DataFrame(
        [
            {"customer_id": f"K{n}", "action": "personal call", "channel": "phone"}
            | {"owner_role": "key account manager", "priority": 1}
            for n in range(40)
        ]
    )
    planned = calendar.plan_calendar(actions, POLICY, as_of="2026-02-12")
    per_day = planned["day"].dt.strftime("%m-%d").value_counts().sort_index()
    assert per_day.to_dict() == dict.fromkeys(["02-13", "02-14", "02-24", "02-25", "02-26"], 8)


def test_an_unknown_country_is_an_error_with_its_line():
    with pytest.raises(PolicyError, match=r"line \d+: the holidays of 'XX' are not known"):
        read_policy(ROOT / "policy.yaml", '{"calendar.country": "XX"}')
    with pytest.raises(PolicyError, match="country"):
        read_policy(ROOT / "policy.yaml", '{"calendar.country": "China"}')
    assert (
        read_policy(ROOT / "policy.yaml", '{"calendar.country": null, "care": []}').calendar.country is None
    )
