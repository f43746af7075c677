"""Actions for an industry, a size, a region or an age of the company: never for what is protected."""

import json

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions.profiles import list_conditions, list_unknown_profiles, meets_profile
from crcm_lib.decisions.proxies import scan_proxies
from crcm_lib.errors import PolicyError
from crcm_lib.reporting.text.checked_tables import write_unknown_profiles
from crcm_lib.reporting.text.policy_summary import describe_policy
from crcm_lib.reporting.text.protected_attributes import describe_proxies

DAY = "2025-12-31"
VISIT = "playbook.executive visit."


def policy_with(**asked: object):
    return read_policy("policy.yaml", json.dumps({VISIT + key: value for key, value in asked.items()}))


def action_with(**asked: object):
    return next(each for each in policy_with(**asked).playbook if each.name == "executive visit")


CUSTOMERS = pd.DataFrame(
    {
        "industry": ["health", "retail", None],
        "size": ["large", "small", "large"],
        "region": ["华东", None, None],
        "region_main": ["华北", "华南", None],
        "founded": pd.to_datetime(["2022-12-31", "2023-01-01", None]),
    },
    pd.Index(list("abc"), name="customer_id"),
)


def who(**asked: object) -> str:
    met = meets_profile(CUSTOMERS, action_with(**asked), as_of=DAY)
    return "".join(met.index[met])


def test_all_that_is_asked_of_a_profile_must_be_known_and_hold():
    assert who() == "abc"
    assert who(industries=["health"]) == "a"
    assert who(sizes=["large"]) == "ac"
    assert who(sizes=["large"], industries=["retail", "health"]) == "a"
    assert who(company_age={"below": 3}) == "b"
    assert who(company_age={"at_least": 2}) == "ab"


def test_the_region_is_the_customers_own_and_else_where_most_is_bought():
    assert who(regions=["华东"]) == "a"
    assert who(regions=["华北"]) == ""
    assert who(regions=["华南"]) == "b"
    nothing_known = pd.DataFrame(index=CUSTOMERS.index)
    assert not meets_profile(nothing_known, action_with(regions=["华东"]), as_of=DAY).any()


@pytest.mark.parametrize(
    ("attribute", "asked"), [("region", {"regions": ["华东"]}), ("founded", {"company_age": {"below": 3}})]
)
def test_what_is_protected_decides_on_no_action(attribute, asked):
    protected = {"fairness.protected": [*read_policy("policy.yaml").fairness.protected, attribute]}
    changes = {VISIT + key: value for key, value in asked.items()}
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", json.dumps(changes | protected))
    assert f"'executive visit' asks for '{attribute}', which `fairness.protected` names" in str(caught.value)


def test_terms_of_persons_ask_for_no_profile():
    rule = {"approver": "Board", "disclosure": "on the website", "start": "2026-01-01", "end": "2026-12-31"}
    terms = {"terms": True, "for_persons": rule, "regions": ["华东"]}
    with pytest.raises(PolicyError) as caught:
        policy_with(**terms)
    assert "leave out 'regions'" in str(caught.value)


def test_a_region_that_stands_for_a_protected_group_is_warned_of():
    random = np.random.default_rng(0)
    index = pd.Index([f"c{n}" for n in range(300)], name="customer_id")
    region = pd.Series(random.choice(["N", "S"], 300), index)
    moved = random.random(300) < 0.1
    ethnic = pd.Series(np.where(moved, "x", np.where(region == "N", "x", "y")), index)
    customers = pd.DataFrame(
        {"region": region, "gender": ethnic, "industry": random.choice(["a", "b"], 300)}, index
    )
    card = pd.DataFrame({"points_i": random.random(300) * 100, "score": random.random(300) * 100}, index)
    found = scan_proxies(card, customers, policy_with(regions=["N"]), as_of=DAY)
    assert found.loc[found["is_proxy"], "indicator"].to_list() == ["for executive visit"]
    assert "asked for by an action" in describe_proxies(found)
    harmless = scan_proxies(card, customers, policy_with(industries=["a"]), as_of=DAY)
    assert not harmless["is_proxy"].any()
    assert "a profile that an action asks for" in describe_proxies(harmless)
    assert "for executive visit" not in set(
        scan_proxies(card, customers, policy_with(), as_of=DAY)["indicator"]
    )


def test_only_actions_that_ask_are_compared():
    assert list(list_conditions(CUSTOMERS, policy_with(), as_of=DAY)) == []
    met = list_conditions(CUSTOMERS, policy_with(sizes=["small"]), as_of=DAY)
    assert met["for executive visit"].to_list() == [0, 1, 0]


def test_a_profile_that_no_customer_has_is_named_with_the_nearest():
    unknown = list_unknown_profiles(policy_with(industries=["helth", "retail"]), CUSTOMERS)
    assert unknown.to_dict("records") == [
        {"action": "executive visit", "condition": "industries", "asked": "helth", "nearest": "health"}
    ]
    said = write_unknown_profiles(unknown)
    assert said == "playbook.executive visit: no customer is of 'helth' (industries). Did you mean 'health'?"
    assert write_unknown_profiles(unknown.iloc[:0]) == ""
    assert len(list_unknown_profiles(policy_with(sizes=["large"]), None)) == 1


def test_a_policy_in_words_names_the_profile():
    asked = {"industries": ["health"], "sizes": ["large"], "company_age": {"at_least": 2, "below": 10}}
    lines = describe_policy(policy_with(**asked), None, "")
    assert any("health, large, company founded 2 to 10 years ago" in line for line in lines)
    open_ended = describe_policy(policy_with(company_age={"at_least": 2}), None, "")
    assert any("company founded 2 years ago or more" in line for line in open_ended)
