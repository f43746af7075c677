"""The numbers of the first page beside those of earlier runs."""

import pytest

from crcm_lib.reporting import kpi_history
from crcm_lib.reporting.kpi_history import MAX_RUNS, Trend, extend, find_trend
from crcm_lib.reporting.kpis import Card


def card(number, name="spend_year"):
    return Card("label", "value", name=name, number=number)


def history(*numbers, name="spend_year"):
    kept = []
    for month, number in enumerate(numbers, start=1):
        kept = extend(kept, f"run-{month}", f"2026-{month:02d}-28", [card(number, name)])
    return kept


def test_a_run_adds_its_numbers_at_the_end_and_hidden_ones_are_left_out():
    kept = extend(
        history(1.0), "run-2", "2026-02-28", [card(2), card(float("nan"), "active"), Card("no name", "1")]
    )
    assert [each["run"] for each in kept] == ["run-1", "run-2"]
    assert kept[-1] == {"run": "run-2", "as_of": "2026-02-28", "numbers": {"spend_year": 2.0}}


def test_two_years_of_monthly_runs_are_kept():
    assert len(history(*range(1, 13))) == 12
    kept = []
    for number in range(40):
        kept = extend(kept, f"run-{number}", "2026-01-28", [card(number)])
    assert [kept[0]["run"], len(kept)] == ["run-16", MAX_RUNS]


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (200.0, 230.0, "▲ 15.0% since 2026-01-28"),
        (200.0, 150.0, "▼ 25.0% since 2026-01-28"),
        (200.0, 200.0, "= 0.0% since 2026-01-28"),
    ],
)
def test_a_change_is_said_with_its_direction_and_day(before, now, words):
    assert find_trend(card(now), history(before, now)).words == words


def test_a_share_changes_by_points():
    trend = find_trend(card(0.42, "repeat_share"), history(0.40, 0.42, name="repeat_share"))
    assert trend.words == "▲ 2.0 points since 2026-01-28"


@pytest.mark.parametrize("numbers", [(), (230.0,), (100.0, float("nan")), (100.0, float("nan"), 230.0)])
def test_nothing_is_said_where_this_run_or_the_one_before_has_no_number(numbers):
    assert find_trend(card(230.0), history(*numbers)) == Trend()


def test_of_nothing_there_is_no_share():
    trend = find_trend(card(5.0), history(0.0, 5.0))
    assert (trend.words, trend.points) == ("", "0.0,22.0 100.0,2.0")


def test_the_line_goes_from_the_first_run_to_the_last_within_its_box():
    points = [tuple(map(float, point.split(","))) for point in kpi_history._draw([3.0, 1.0, 2.0]).split()]
    assert [x for x, _y in points] == [0, 50, 100]
    assert [y for _x, y in points] == [2, 22, 12]
    assert {y for _x, y in [tuple(p.split(",")) for p in kpi_history._draw([1.0, 1.0]).split()]} == {"22.0"}
