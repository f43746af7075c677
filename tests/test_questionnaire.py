"""Items of questionnaires: what matters most, what goes with low satisfaction, modes and weights."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, kruskal

from crcm_lib.config.policy import read_policy
from crcm_lib.errors import PolicyError
from crcm_lib.models import satisfaction as service
from crcm_lib.models.satisfaction import drivers, items, nonresponse
from crcm_lib.reporting.text import questionnaire as text
from crcm_lib.reporting.text.satisfaction import describe_satisfaction, tabulate_measures
from crcm_lib.samples import feedback
from crcm_lib.schema.engine import open_frames

AS_OF = "2024-06-30"
DAY = pd.Timestamp(AS_OF)
SCALE = (1, 5)


def surveyed(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "instrument", "item", "mode", "score"])


def given(scores, name, mode="online"):
    """Answers of customers c0, c1, … to an item, or to csat, nps or ces."""
    is_item = name not in ("csat", "nps", "ces")
    rows = [
        (f"c{n}", "item" if is_item else name, name if is_item else None, mode, float(score))
        for n, score in enumerate(scores)
    ]
    return surveyed(*rows)


def test_the_latest_answer_to_each_question_counts_and_later_ones_do_not():
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "a", "b", "b"],
            "time": [DAY, DAY + pd.Timedelta(days=1), DAY - pd.Timedelta(days=9), DAY, DAY, DAY],
            "instrument": ["item", "item", "item", "ces", "ces", "item"],
            "item": ["speed", "speed", "speed", None, None, None],
            "score": [4.0, 1.0, 2.0, 7.0, 8.0, 3.0],
        }
    )
    found = service.list_answers(open_frames(surveys=log), as_of=AS_OF)
    assert found[["instrument", "score"]].to_numpy().tolist() == [["ces", 7.0], ["item", 4.0]]
    assert found["mode"].isna().all()
    assert service.list_answers(open_frames(tickets=log), as_of=AS_OF).empty


def test_items_have_their_mean_interval_and_coverage():
    parts = [given([5, 5, 1, 4, 5, 9], "speed"), given([6, 7, 6, 7, 6], "ces"), given([1, 2], "rare")]
    answers = pd.concat(parts)
    found = service.measure_items(answers, scale=SCALE, buyers=20)
    assert found["item"].to_list() == ["ces", "speed"]  # the rare one could name who was asked
    assert found["customers"].to_list() == [5, 5]  # 9 is off the scale
    assert found.loc[1, "mean"] == 4.0
    assert found["coverage"].to_list() == [0.25, 0.25]
    assert text.write_items(found)["item"].to_list() == ["CES, 1 to 7", "speed"]


def test_relative_weights_of_items_that_are_alike_are_alike_and_add_up():
    rng = np.random.default_rng(1)
    common = rng.normal(size=(400, 1))
    values = common + rng.normal(size=(400, 3))
    overall = values.sum(axis=1) + rng.normal(size=400)
    weights = items.weigh_items(values, overall)
    design = np.column_stack([np.ones(400), values])
    rest = overall - design @ np.linalg.lstsq(design, overall, rcond=None)[0]
    assert weights.sum() == pytest.approx(1 - rest.var() / overall.var())
    assert weights == pytest.approx([weights.mean()] * 3, rel=0.25)


def draw_items(seed, parts, gaps=(0, 0, 0), customers=100):
    rng = np.random.default_rng(seed)
    mood = rng.normal(0, 0.6, (customers, 1))
    values = np.clip(np.round(3.6 + mood + rng.normal(0, 0.9, (customers, 3)) - np.array(gaps)), 1, 5)
    noise = rng.normal(0, 0.5 if sum(parts) else 1.0, customers)
    overall = np.clip(np.round(3.5 * (1 - sum(parts)) + values @ np.array(parts) + noise), 1, 5)
    answers = [given(overall, "csat"), *(given(values[:, n], f"item {n}") for n in range(3))]
    return service.rank_items(pd.concat(answers), scale=SCALE, target=4.5)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(0, 0, 0), (0.33, 0.33, 0.33)])
def test_where_no_item_goes_with_satisfaction_or_all_do_alike_none_is_said_to_come_first(parts):
    alarms = sum(draw_items(seed, parts)["verdict"].eq("first").any() for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_the_item_that_drives_satisfaction_and_lies_lowest_comes_first():
    found = [draw_items(seed, (0.7, 0.2, 0.1), (0.4, 0, 0)).iloc[0] for seed in range(10)]
    assert all(row["item"] == "item 0" and row["verdict"] == "first" for row in found)
    reached = draw_items(0, (0.7, 0.2, 0.1), (-1.4, 0, 0))  # it has reached the target: another is first
    assert reached["item"].iloc[0] != "item 0"
    assert reached.set_index("item").loc["item 0", "gap"] == 0


def test_of_few_customers_or_one_item_no_importance_is_told():
    assert draw_items(0, (0.7, 0.2, 0.1), customers=29).empty
    expected = pd.concat([given([3, 4, 5] * 30, name) for name in ("csat", "expected speed", "tone")])
    assert service.rank_items(expected, scale=SCALE, target=4.5).empty  # what is only expected is no item
    one = pd.concat([given([3, 4] * 30, "csat"), given([3, 4] * 30, "speed")])
    assert service.rank_items(one, scale=SCALE, target=4.5).empty
    assert service.rank_items(surveyed(), scale=SCALE, target=4.5).empty


@pytest.mark.parametrize("names", [("expected speed", "experienced speed"), ("期望的速度", "体验到的速度")])
def test_what_was_experienced_is_compared_with_what_was_expected(names):
    expected, experienced = names
    short = pd.concat([given([5, 4] * 20, expected), given([4, 4] * 20, experienced)])
    (row,) = service.measure_expectations(short, scale=SCALE).to_dict("records")
    assert (row["difference"], row["customers"], row["verdict"]) == (-0.5, 40, "falls_short")
    more = pd.concat([given([4, 4] * 20, expected), given([5, 4] * 20, experienced)])
    assert service.measure_expectations(more, scale=SCALE)["verdict"].to_list() == ["exceeds"]
    alike = pd.concat([given([4, 5] * 20, expected), given([5, 4] * 20, experienced)])
    assert service.measure_expectations(alike, scale=SCALE)["verdict"].to_list() == ["cannot_tell"]
    few = pd.concat([given([5, 4] * 10, expected), given([4, 4] * 10, experienced)])
    assert service.measure_expectations(few, scale=SCALE).empty
    assert service.measure_expectations(given([4] * 40, experienced), scale=SCALE).empty


# What goes with satisfaction


def draw_dealings(seed, per_doubling, complaint):
    rng = np.random.default_rng(seed)
    count = 130
    ticket = rng.random(count) < 0.5
    hours = np.where(ticket, np.exp(rng.normal(3, 1, count)), np.nan)
    complained = ticket & (rng.random(count) < 0.5)
    slow = np.nan_to_num(np.log2(np.clip(hours, 1, None)) - 4.3)
    mood = rng.normal(3.4, 1, count) + per_doubling * slow + complaint * complained
    table = pd.DataFrame({"csat": np.clip(np.round(mood), 1, 5), "complaints": complained.astype(int)})
    table = table.assign(hours_to_resolution=hours, open_tickets=0)
    late = pd.DataFrame({"days_late": rng.normal(2, 8, count)})
    return service.fit_drivers(service.describe_dealings(table, late)).set_index("driver")


def test_where_nothing_goes_with_satisfaction_it_is_seldom_said_to():
    alarms = sum(draw_dealings(seed, 0, 0)["verdict"].ne("cannot_tell").any() for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_slow_resolution_and_complaints_are_found_where_they_lower_satisfaction():
    found = [draw_dealings(seed, -0.5, -1.0) for seed in range(15)]
    for driver, truth in (("slow_resolution", -0.5), ("complained", -1.0)):
        assert np.mean([one.loc[driver, "verdict"] == "lower" for one in found]) > 0.7
        assert np.mean([one.loc[driver, "difference"] for one in found]) == pytest.approx(truth, abs=0.25)
        assert np.mean([one.loc["pays_late", "verdict"] == "cannot_tell" for one in found]) > 0.8


def test_of_few_answers_and_of_what_hardly_anybody_has_nothing_is_said():
    table = pd.DataFrame({"csat": [3.0, 4.0] * 29, "complaints": [0, 1] * 29})
    assert service.fit_drivers(service.describe_dealings(table, pd.DataFrame())).empty
    rare = pd.DataFrame({"csat": [3.0, 4.0, 5.0] * 40, "complaints": [1] * 14 + [0] * 106})
    assert service.fit_drivers(service.describe_dealings(rare, pd.DataFrame())).empty
    assert service.describe_dealings(pd.DataFrame(index=["a"]), pd.DataFrame()).empty


def test_a_difference_and_its_hc3_interval_worked_by_hand():
    """Two groups: HC3's variance of a mean of n is the sum of squares over (n-1)²: 40 / 39² each."""
    csat = np.array([2.0, 4.0] * 20 + [3.0, 5.0] * 20)
    dealings = pd.DataFrame({"csat": csat, "complained": [1.0] * 40 + [0.0] * 40})
    (row,) = drivers.fit_drivers(dealings).to_dict("records")
    error = (2 * 40 / 39**2) ** 0.5
    assert row["difference"] == pytest.approx(-1)
    assert row["low"] == pytest.approx(-1 - 1.959964 * error)


def test_modes_are_compared_by_kruskal_and_wallis():
    low, high = [1, 2, 3, 2, 1, 3] * 4, [3, 4, 5, 4, 5, 4] * 4
    phone = given(high, "csat", "phone").assign(customer_id=lambda t: "p" + t["customer_id"])
    differ = service.compare_modes(pd.concat([given(low, "csat"), phone]))
    assert differ["p_value"].iloc[0] == pytest.approx(kruskal(low, high).pvalue)
    assert text.caption_modes(differ).startswith("Answers differ by how they were asked for, beyond chance")
    alike = service.compare_modes(pd.concat([given(low, "csat"), phone.assign(score=low)]))
    assert "no more than chance explains" in text.caption_modes(alike)
    one = service.compare_modes(given(low, "csat"))
    assert text.caption_modes(one) == "Answers were asked for in one way only, or nobody says how."


def test_answers_are_weighted_to_what_there_is():
    """Loyal 90 of whom 10 answered 5 or 3; lost 10 who all answered 1: 0.9 · 4 + 0.1 · 1."""
    cells = pd.Series(["loyal"] * 90 + ["lost"] * 10, index=[f"c{n}" for n in range(100)])
    csat = pd.Series([5.0, 3.0] * 5 + [np.nan] * 80 + [1.0] * 10, index=cells.index)
    found = service.weigh_answers(pd.DataFrame({"csat": csat, "nps": np.nan}), cells)
    (row,) = found.to_dict("records")
    assert (row["measure"], row["customers"], row["unweighted"]) == ("csat", 20, 2.5)
    assert row["weighted"] == pytest.approx(3.7)
    error = 0.9 * (10 / 9 / 10 * (1 - 10 / 90)) ** 0.5
    assert row["low"] == pytest.approx(3.7 - 1.959964 * error)
    assert text.write_weighted(found)["measure"].to_list() == ["mean csat, 1 to 5"]


def test_small_cells_are_weighted_together():
    cells = pd.Series(["a"] * 30 + ["b"] * 20 + ["c"] * 6 + ["d"] * 3)
    csat = pd.DataFrame({"csat": 3.0}, index=cells.index)
    joined = nonresponse._join_small(cells, csat["csat"].groupby(cells).count())
    assert joined.value_counts().to_dict() == {"a": 30, "others": 29}
    assert service.weigh_answers(csat, cells)["weighted"].to_list() == [3.0]
    assert service.weigh_answers(csat.head(5), cells.head(5)).empty


# The company


@pytest.mark.parametrize(
    ("planted", "least", "most"), [(feedback.Planted(), 8, 8), (feedback.SILENT, 0, binom.ppf(0.99, 8, 0.05))]
)
def test_the_planted_item_is_found_and_without_it_seldom_one(planted, least, most):
    people = pd.DataFrame({"customer_id": [f"K{n}" for n in range(700)], "purchases": 3})
    people = people.assign(first_day=DAY - pd.Timedelta(days=600), days_with_us=600)
    people["dropped_out"] = pd.to_datetime(pd.Series(pd.NaT, people.index))
    found = 0
    for seed in range(8):
        surveys = feedback.draw_surveys(np.random.default_rng(seed), people, DAY, planted)
        answers = service.list_answers(open_frames(surveys=surveys), as_of=AS_OF)
        ranked = service.rank_items(answers, scale=SCALE, target=4.5)
        found += ranked["verdict"].iloc[0] == "first" and ranked["item"].iloc[0] == "delivery on time"
    assert least <= found <= most


# In words and in the policy


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"survey": {"item_scale": [5, 1]}}, "the lowest answer and then the highest"),
        ({"survey": {"item_scale": [1, 5], "item_target": 7}}, "not on the scale from 1 to 5"),
    ],
)
def test_what_does_not_fit_in_the_policy_is_said(change, words):
    with pytest.raises(PolicyError, match=words):
        read_policy("policy.yaml", json.dumps(change))


RANKED = pd.DataFrame({"item": ["speed"], "mean": [3.2], "importance": [0.6], "verdict": ["first"]})
DRIVER = pd.DataFrame({"driver": ["complained"], "difference": [-1.2], "p_value": [0], "verdict": ["lower"]})


def test_the_first_item_and_what_goes_with_low_satisfaction_are_said_where_they_are_sure():
    assert (
        text.say_first_item(RANKED)
        == "Of the items speed comes first: it has 60.0% of the importance, at 3.2."
    )
    assert text.say_first_item(RANKED.assign(verdict="cannot_tell")) == ""
    assert text.say_drivers(DRIVER) == "With lower satisfaction goes, in points of csat: complained (-1.2)."
    assert text.say_drivers(DRIVER.assign(verdict="higher")) == ""
    nobody = tabulate_measures(
        {"nps": 1, "low": 0, "high": 2, "answers": 0}, {"mean": 1, "low": 0, "high": 2, "answers": 0}
    )
    words = describe_satisfaction(nobody, [], ["", "Of the items <b>x</b> comes first."]).markdown
    assert words == "Of the items &#60;b&#62;x&#60;/b&#62; comes first."


def test_verdicts_have_words():
    for name, words in {
        "first": "first, beyond chance",
        "next": "after it",
        "cannot_tell": "cannot tell",
    }.items():
        assert text.write_priorities(RANKED.assign(verdict=name))["verdict"].to_list() == [words]
    for name, words in {"lower": "lower, beyond chance", "higher": "higher, beyond chance"}.items():
        assert text.write_drivers(DRIVER.assign(verdict=name))["verdict"].to_list() == [words]
    pairs = pd.DataFrame({"subject": ["speed"], "p_value": [0.5]})
    for name, words in {
        "falls_short": "falls short, beyond chance",
        "exceeds": "exceeds, beyond chance",
    }.items():
        assert text.write_expectations(pairs.assign(verdict=name))["verdict"].to_list() == [words]
    modes = pd.DataFrame({"instrument": ["nps"], "p_value": [0.5]})
    assert text.write_modes(modes)["instrument"].to_list() == ["NPS"]
    for name in ("complained", "still_open", "pays_late", "slow_response", "slow_resolution"):
        assert text.write_drivers(DRIVER.assign(driver=name))["driver"].item() != "nan"
    assert "speed 3.2, 60.0%." in text.describe_priorities(RANKED, "")
    assert text.describe_priorities(RANKED.head(0), "").startswith("Too few customers answered several items")
    assert text.describe_priorities(RANKED.head(0), "no table") == "no table"
