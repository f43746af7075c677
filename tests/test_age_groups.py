"""Ages in whole calendar years: what a person would say, and one answer for the profile and the audit."""

import pandas as pd
import pytest

from crcm_lib.decisions import fairness
from crcm_lib.features.age_groups import AGE_GROUPS, assign_age_groups, whole_years
from crcm_lib.models import customer_base


@pytest.mark.parametrize(
    ("born", "as_of", "years", "group"),
    [
        ("1980-06-30", "2025-06-30", 45, "45_to_59"),  # on the birthday itself; 44.998 years of 365.25 days
        ("1980-07-01", "2025-06-30", 44, "30_to_44"),
        ("1995-06-30", "2025-06-30", 30, "30_to_44"),
        ("1965-06-30", "2025-06-30", 60, "60_and_over"),
        ("2000-02-29", "2029-02-28", 28, "under_30"),  # a common year's birthday is 1 March
        ("2000-02-29", "2030-02-28", 29, "under_30"),
        ("2000-02-29", "2030-03-01", 30, "30_to_44"),
        ("1964-02-29", "2024-02-28", 59, "45_to_59"),
        ("1964-02-29", "2024-02-29", 60, "60_and_over"),
        ("1994-03-01", "2024-02-29", 29, "under_30"),
    ],
)
def test_ages_are_those_a_person_would_say(born, as_of, years, group):
    birthdays = pd.Series(pd.to_datetime([born]))
    assert whole_years(birthdays, as_of).to_list() == [years]
    assert assign_age_groups(birthdays, as_of).to_list() == [group]


def test_who_is_not_born_yet_or_gave_no_birthday_has_no_group():
    birthdays = pd.Series(pd.to_datetime(["2025-07-01", None]))
    assert assign_age_groups(birthdays, "2025-06-30").isna().all()


@pytest.mark.parametrize("as_of", ["2025-06-30", "2024-02-29", "2025-02-28", "2025-03-01", "2025-12-31"])
def test_the_fairness_audit_and_the_profile_agree_on_every_birthday(as_of):
    birthdays = pd.Series(pd.date_range("1940-01-01", as_of, freq="D"), name="birthday")
    customers = pd.DataFrame({"birthday": birthdays, "purchases": 1, "spend_total": 2.0})
    audited = fairness.group_attribute(customers, "age", as_of=as_of)
    assert audited.notna().all()
    profile = customer_base.break_down_all(customers, as_of=as_of).set_index("level")["customers"]
    assert profile.to_dict() == audited.value_counts().to_dict()
    assert list(dict.fromkeys(audited.iloc[::-1])) == list(AGE_GROUPS)  # the youngest first
    years = int(as_of[:4]) - birthdays.dt.year - (birthdays.dt.strftime("%m%d") > as_of[5:].replace("-", ""))
    bounds = {"under_30": (0, 29), "30_to_44": (30, 44), "45_to_59": (45, 59), "60_and_over": (60, 199)}
    for group, (youngest, oldest) in bounds.items():
        assert years[audited == group].between(youngest, oldest).all()
