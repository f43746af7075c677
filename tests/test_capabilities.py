"""Every capability of the mission: where it is served exists, shows something, and is missed when broken."""

import random
from functools import cache

import pytest
from fixtures import capabilities
from fixtures.capabilities import GROUPS, PAGE, STATUS, has_test, list_sections, read_capabilities

from crcm_lib.config.yaml_loader import read_settings
from crcm_lib.schema.tables import ROOT

ROWS = read_capabilities()
SERVED = [row for row in ROWS if row.status == "served"]
BROKEN = 30  # drawn at random, a test each


def test_all_capabilities_have_a_row_in_order():
    assert [row.number for row in ROWS] == list(range(1, 375))
    assert set(GROUPS) <= {row.number for row in ROWS}
    assert {row.status for row in ROWS} <= set(STATUS)
    assert all(row.zh and row.name for row in ROWS)


def test_the_page_is_written_from_the_table():
    assert PAGE.read_text("utf-8") == capabilities.write_page(ROWS)


def test_what_is_served_names_a_place_a_function_and_a_test():
    lacking = [
        row.number
        for row in SERVED
        if not (row.function and row.test and (row.section or row.policy or row.note))
    ]
    assert lacking == []
    assert [row.number for row in ROWS if row.status != "served" and not row.note and not row.section] == []


def test_every_section_is_there_and_shows_something_on_the_sample():
    wrong = []
    for row in ROWS:
        label, _colon, heading = row.section.partition(": ")
        if row.section and not list_sections(label).get(heading):
            wrong.append((row.number, row.section))
    assert wrong == []


def test_every_function_is_there():
    for row in ROWS:
        if row.function:
            assert callable(capabilities.find_function(row.function)[2]), row.number


def test_every_test_is_there():
    assert [(row.number, row.test) for row in ROWS if row.test and not has_test(row.test)] == []


def test_every_policy_key_is_there():
    wrong = []
    for row in ROWS:
        preset, colon, key = row.policy.rpartition(": ")
        path = ROOT / (f"policies/{preset}.yaml" if colon else "policy.yaml")
        if row.policy and not _has_key(_read_policy(path), key.split(".")):
            wrong.append((row.number, row.policy))
    assert wrong == []


@cache
def _read_policy(path):
    return read_settings(path).content


def _has_key(content, parts) -> bool:
    """Whether a policy has this path; an entry of a list goes by its name."""
    for part in parts:
        if isinstance(content, list):
            content = {str(entry.get("name")): entry for entry in content if isinstance(entry, dict)}
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", random.Random(12).sample(SERVED, min(BROKEN, len(SERVED))), ids=lambda row: str(row.number)
)
def test_a_capability_that_falls_silent_is_missed(row):
    outcome = capabilities.break_and_test(row)
    assert outcome.returncode == 1, f"{row.function} broken, and {row.test}: {outcome.stdout[-500:]}"
