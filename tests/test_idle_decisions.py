"""A decision that changed no tier is told of with why; one that did its work is not, now or later."""

import csv
import shutil

import pandas as pd
import pytest
from fixtures.decided import decide
from test_approvals import POLICY, propose

from crcm_lib.decisions import approvals, idle_decisions
from crcm_lib.reporting import exports
from crcm_lib.reporting.text import decisions_without_effect as text
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

NOBODY = decide()


def follow(*proposals, signed: dict, known_from: int = 1):
    """The table `tiers` of the last of several monthly runs, and its idle decisions.

    All decisions are delivered to run number `known_from`, 0 for the first, and to those after it.
    """
    made, known = None, None
    for number, proposed in enumerate(proposals):
        day = pd.Timestamp("2025-01-31") + pd.offsets.MonthEnd(number)
        decided = decide(**signed) if number >= known_from else NOBODY
        decided = decided[decided["day"] <= day]
        before, made = made, approvals.put_in_force(proposed, made, decided, POLICY, as_of=day)
        new = idle_decisions.choose_new(decided, known)
        idle = idle_decisions.list_idle(made, before, new, POLICY, as_of=day)
        known = decided
    return made, tables.check(idle.reset_index(), "idle_decisions").set_index("customer_id")


FALLS = (propose("key"), propose("regular"), propose("regular"))  # waits from 2025-02-28 on


@pytest.mark.parametrize(
    ("signed", "proposals", "why"),
    [
        ({"decision": "approve", "day": "2025-03-05"}, FALLS, None),
        ({"decision": "keep", "day": "2025-03-05"}, FALLS, None),
        ({"decision": "set", "day": "2025-03-05", "tier": "watch"}, FALLS, None),
        ({"decision": "approve", "day": "2025-02-27"}, FALLS, "too_early"),
        ({"decision": "keep", "day": "2025-02-27"}, FALLS, "too_early"),
        ({"decision": "approve", "day": "2025-02-15"}, [propose("key")] * 2, "agreed"),
        ({"decision": "keep", "day": "2025-01-15"}, [propose("key")], "agreed"),
        ({"decision": "set", "day": "2025-03-05", "tier": "key"}, FALLS, "in_force_already"),
        (
            {"decision": "set", "day": "2025-03-05", "tier": "watch", "until": "2025-03-20"},
            FALLS,
            "ended",
        ),
        ({"decision": "keep", "day": "2025-03-05", "until": "2025-03-20"}, FALLS, "ended"),
        ({"decision": "approve", "day": "2025-03-05"}, (*FALLS, *[FALLS[1]] * 4), "lapsed"),
        ({"decision": "approve", "day": "2025-03-05"}, (*FALLS[:2], propose("strategic", near=1)), "turned"),
    ],
)
def test_a_decision_is_idle_for_the_reason_that_holds_and_effective_ones_are_not(signed, proposals, why):
    _made, idle = follow(*proposals, signed={"A": signed}, known_from=len(proposals) - 1)
    assert idle["why_idle"].to_list() == ([why] if why else [])
    if why:
        assert idle.loc["A", ["decision", "by"]].to_list() == [signed["decision"], "Li"]


def test_what_changed_nothing_left_the_tier_and_its_state_as_without_it():
    for day in ("2025-02-27", "2025-02-15"):
        made, idle = follow(*FALLS, signed={"A": {"decision": "approve", "day": day}}, known_from=2)
        alone, _none = follow(*FALLS, signed={}, known_from=2)
        assert len(idle) == 1
        pd.testing.assert_frame_equal(made, alone)


def test_a_decision_is_told_of_by_the_first_run_that_knows_it_and_by_none_after():
    signed = {"A": {"decision": "approve", "day": "2025-02-15"}}
    said = [len(follow(*FALLS[:n], signed=signed, known_from=1)[1]) for n in (1, 2, 3)]
    assert said == [0, 1, 0]
    done = {"A": {"decision": "approve", "day": "2025-03-05"}}
    assert [len(follow(*FALLS, *[FALLS[1]] * n, signed=done, known_from=2)[1]) for n in (0, 1, 2)] == [
        0,
        0,
        0,
    ]


def test_one_that_is_delivered_late_is_new_though_it_was_signed_before_the_earlier_run():
    signed = {"A": {"decision": "approve", "day": "2025-02-15"}}
    assert len(follow(*FALLS, signed=signed, known_from=2)[1]) == 1


def test_whom_the_run_does_not_know_is_nobody_s_idle_decision():
    made, idle = follow(*FALLS, signed={"Z": {"decision": "approve", "day": "2025-02-15"}}, known_from=2)
    assert idle.empty
    assert list(made.index) == ["A"]


# Words


def make_idle(*why):
    index = pd.Index([f"K{n}" for n in range(len(why))], name="customer_id")
    return pd.DataFrame({"why_idle": list(why)}, index)


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        ("1 changed no tier (1: the tier proposed was in force", ["agreed"], ["ended"]),
        ("was in force already; it is held there", ["in_force_already"], ["agreed"]),
        ("had ended before this run", ["ended"], ["lapsed"]),
        ("the wait that it was signed in had lapsed", ["lapsed"], ["ended"]),
        ("2: signed before the tiers differed", ["too_early", "ended", "too_early"], ["too_early"]),
        ("is no move any more", ["turned"], ["too_early"]),
        ("each did what it says", [], ["agreed"]),
    ],
)
def test_the_page_counts_them_exactly_by_reason(words, said, unsaid):
    assert words in text.caption_idle(make_idle(*said), 5)
    assert words not in text.caption_idle(make_idle(*unsaid), 5)
    assert set(text.name_reasons()) == set(idle_decisions.WHY)


def test_without_decisions_nothing_is_said():
    assert text.caption_idle(make_idle(), 0) == ""


def test_those_who_signed_find_theirs_under_their_customers_ids_in_the_private_part(tmp_path):
    shutil.copytree(ROOT / "data" / "sample" / "golden", tmp_path / "run")
    exports.write_exports(tmp_path / "run", POLICY)
    path = tmp_path / "run" / exports.EXPORTS / exports.IDLE
    assert not path.exists()
    _made, idle = follow(*FALLS, signed={"A": {"decision": "approve", "day": "2025-02-15"}}, known_from=2)
    tables.write(idle, tmp_path / "run", "idle_decisions")
    exports.write_exports(tmp_path / "run", POLICY)
    (row,) = csv.DictReader(path.read_text("utf-8-sig").splitlines())
    assert row["customer_id"] == "A"
    assert row["by"] == "Li"
    assert row["why_idle"] == "signed before the tiers differed"
