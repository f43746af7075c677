import duckdb
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from crcm_lib.models import satisfaction as service
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text import satisfaction as text
from crcm_lib.reporting.text import service_feedback as feedback
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.schema import tables

AS_OF = "2024-06-30"


def at(*texts):
    return pd.to_datetime(list(texts), format="ISO8601")


TRANSACTIONS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "c", "late"],
        "time": at("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-07-01"),
        "order_id": ["1", "2", "3", "4", "5"],
        "kind": "sale",
    }
)
TICKETS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "z"],
        "opened": at("2024-05-01 08:00", "2024-05-02 08:00", "2024-06-30 08:00", "2024-07-01 08:00"),
        "kind": ["complaint", "request", "complaint", "complaint"],
        "cause": ["late", None, "broken", "late"],
        "responded": at("2024-05-01 10:00", "2024-05-02 14:00", "2024-06-30 09:00", "2024-07-01 09:00"),
        "resolved": at("2024-05-01 18:00", "2024-05-03 14:00", "2024-07-01 09:00", "2024-07-02"),
        "satisfaction": [4.0, 2.0, 5.0, 1.0],
    }
)
SURVEYS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "c", "c", "d", "d", "e"],
        "time": at(
            "2024-05-01",
            "2024-06-01",
            "2024-06-02",
            "2024-07-02",
            "2024-06-03",
            "2024-06-30 23:59",
            "2024-06-04",
        ),
        "instrument": ["nps", "nps", "csat", "nps", "csat", "nps", "csat"],
        "score": [3.0, 9.0, 5.0, 10.0, 4.0, 6.0, 9.0],
    }
)


NOBODY = pd.Series(dtype=float)


def listed(tickets):
    return service.list_causes(engine_with(tickets=tickets), as_of=AS_OF)


def engine_with(**frames):
    engine = duckdb.connect()
    for name, frame in frames.items():
        engine.register("given", frame)
        engine.execute(f"create table {name} as from given")
    return engine


@pytest.fixture
def engine():
    return engine_with(transactions=TRANSACTIONS, tickets=TICKETS, surveys=SURVEYS)


@pytest.fixture
def table(engine):
    return service.summarise_satisfaction(engine, as_of=AS_OF)


def test_each_customer_with_an_order_a_ticket_or_an_answer_has_a_row(table):
    tables.check(table, "satisfaction")
    assert list(table.index) == ["a", "b", "c", "d"]


def test_the_latest_nps_answer_counts_and_the_last_day_is_in(table):
    assert table.loc["a", "nps"] == 9
    assert table.loc["d", "nps"] == 6
    assert np.isnan(table.loc["c", "nps"])


def test_csat_is_the_mean_of_survey_answers_and_marks_for_resolved_tickets(table):
    assert table["csat"].to_dict() == pytest.approx({"a": 3, "b": np.nan, "c": 5, "d": 4}, nan_ok=True)


def test_waits_are_medians_of_what_was_done_by_then(table):
    assert table.loc["a", ["hours_to_response", "hours_to_resolution"]].to_list() == [4, 20]
    assert np.isnan(table.loc["b", "hours_to_resolution"])
    assert table["open_tickets"].to_dict() == {"a": 0, "b": 1, "c": 0, "d": 0}


def test_nothing_dated_later_changes_anything(engine):
    until = pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    past = {
        "transactions": TRANSACTIONS[TRANSACTIONS["time"] < until],
        "tickets": TICKETS[TICKETS["opened"] < until].assign(
            resolved=lambda t: t["resolved"].where(t["resolved"] < until),
            satisfaction=lambda t: t["satisfaction"].where(t["resolved"] < until),
        ),
        "surveys": SURVEYS[SURVEYS["time"] < until],
    }
    only_past = engine_with(**past)
    for measure in (
        service.summarise_satisfaction,
        service.trend_by_month,
        service.list_causes,
        service.age_open,
    ):
        pd.testing.assert_frame_equal(measure(engine, as_of=AS_OF), measure(only_past, as_of=AS_OF))


def test_row_order_changes_nothing(table):
    shuffled = engine_with(
        **{
            name: frame.sample(frac=1, random_state=1)
            for name, frame in {"transactions": TRANSACTIONS, "tickets": TICKETS, "surveys": SURVEYS}.items()
        }
    )
    pd.testing.assert_frame_equal(service.summarise_satisfaction(shuffled, as_of=AS_OF), table)


def test_answers_off_their_scale_are_counted_and_left_out(engine):
    assert service.count_off_scale(engine, as_of=AS_OF) == 1
    assert "e" not in service.summarise_satisfaction(engine, as_of=AS_OF).index


def test_without_tickets_and_surveys_the_table_is_empty_and_the_absence_is_said():
    engine = engine_with(transactions=TRANSACTIONS)
    table = tables.check(service.summarise_satisfaction(engine, as_of=AS_OF), "satisfaction")
    assert table.empty
    missing = service.list_missing(engine)
    assert missing == ["tickets", "surveys"]
    assert text.describe_missing(missing, "tickets") == "Not available: no `tickets` table."
    for measure in (service.trend_by_month, service.list_causes, service.age_open):
        assert measure(engine, as_of=AS_OF).empty
    assert service.count_off_scale(engine, as_of=AS_OF) == 0


def test_tables_without_rows_are_no_trouble():
    engine = engine_with(transactions=TRANSACTIONS, tickets=TICKETS.iloc[:0], surveys=SURVEYS.iloc[:0])
    table = tables.check(service.summarise_satisfaction(engine, as_of=AS_OF), "satisfaction")
    assert table["tickets"].sum() == 0
    assert service.trend_by_month(engine, as_of=AS_OF).empty


def test_columns_that_tickets_do_not_have_stay_absent():
    engine = engine_with(transactions=TRANSACTIONS, tickets=TICKETS[["customer_id", "opened"]])
    table = tables.check(service.summarise_satisfaction(engine, as_of=AS_OF), "satisfaction")
    assert list(table) == ["tickets"]
    assert table["tickets"].to_dict() == {"a": 2, "b": 1, "c": 0}


def test_nps_and_its_adjusted_wald_interval_worked_by_hand():
    """Rocks (2016): 3 pseudo-answers, 3/4 + 3/2 + 3/4. 60 promoters, 25 detractors, 15 others."""
    found = service.net_promoter_score(
        pd.Series([10] * 40 + [9] * 20 + [7] * 10 + [8] * 5 + [6] * 20 + [0] * 5)
    )
    up, down = 60.75 / 103, 25.75 / 103
    error = ((up + down - (up - down) ** 2) / 103) ** 0.5
    assert found["nps"] == 35
    assert found["low"] == pytest.approx(100 * (up - down - 1.959964 * error), abs=1e-4)
    assert found["high"] == pytest.approx(100 * (up - down + 1.959964 * error), abs=1e-4)


@pytest.mark.parametrize("size", [10, 40])
def test_the_nps_interval_covers_the_truth_as_often_as_it_says(size):
    rng = np.random.default_rng(0)
    answers = rng.choice([10, 8, 3], p=[0.5, 0.3, 0.2], size=(1000, size))
    found = [service.net_promoter_score(pd.Series(row)) for row in answers]
    assert np.mean([one["low"] <= 30 <= one["high"] for one in found]) == pytest.approx(0.95, abs=0.025)


def test_no_answers_give_no_number():
    assert np.isnan(service.net_promoter_score(pd.Series(dtype=float))["nps"])
    assert np.isnan(service.mean_answer(pd.Series(dtype=float))["mean"])


def test_a_mean_answers_interval_stays_on_the_scale():
    found = service.mean_answer(pd.Series([5.0, 5.0, 1.0]))
    assert (found["low"], found["high"]) == (1, 5)


def test_rates_are_drawn_towards_everyones_the_less_is_known():
    rates = service.shrink_rates(pd.Series([0, 1, 0, 20, 2, 1]), pd.Series([1, 1, 100, 100, 20, 30]))
    everyone = 24 / 252
    assert rates[0] == pytest.approx(everyone, abs=0.06)
    assert rates[1] < 0.5
    assert rates[2] < 0.02
    assert rates[3] == pytest.approx(0.2, abs=0.03)


def test_the_spread_of_rates_is_recovered():
    rng = np.random.default_rng(1)
    truth = rng.beta(2, 18, size=3000)
    orders = rng.integers(1, 30, size=3000)
    rates = service.shrink_rates(pd.Series(rng.binomial(orders, truth)), pd.Series(orders))
    assert rates[orders == 1].min() == pytest.approx(2 / 21, abs=0.01)


def test_no_complaints_at_all_and_more_complaints_than_orders_are_no_trouble():
    assert service.shrink_rates(pd.Series([0, 0]), pd.Series([3, 0])).to_list() == [0, 0]
    more, as_many = (service.shrink_rates(pd.Series([5, 0]), pd.Series([n, 9])) for n in (1, 5))
    pd.testing.assert_series_equal(more, as_many)


def test_tickets_still_waiting_make_the_wait_longer():
    hours, done = np.array([1.0, 2.0, 3.0, 50.0, 60.0]), np.array([True, True, True, False, False])
    assert service.wait_quantiles(hours[done], done[done], (0.5,)) == [2]
    assert service.wait_quantiles(hours, done, (0.5,)) == [3]
    assert np.isnan(service.wait_quantiles(hours, done, (0.9,))[0])


def test_open_tickets_are_counted_by_age(engine):
    ages = service.age_open(engine, as_of=AS_OF).set_index("age")["tickets"]
    assert ages.to_dict() == {"up_to_7_days": 1, "up_to_30_days": 0, "longer": 0}


def test_causes_of_complaints_come_most_frequent_first():
    more = pd.concat([TICKETS, TICKETS.iloc[[0]]])
    causes = service.count_causes(listed(more), at_least=1)
    assert causes["cause"].to_list() == ["late", "broken"]
    assert causes["tickets"].to_list() == [2, 1]
    assert feedback.write_causes(causes)["cumulative_share"].to_list() == pytest.approx([2 / 3, 1])


def test_a_month_is_told_when_it_is_over():
    asked = SURVEYS[SURVEYS["instrument"] == "nps"].assign(time=at(*["2024-06-05"] * 4))
    assert service.trend_by_month(engine_with(surveys=asked), as_of="2024-06-29").empty
    assert len(service.trend_by_month(engine_with(surveys=asked), as_of="2024-06-30")) == 1


def test_a_customer_counts_once_a_month():
    twice = SURVEYS[SURVEYS["instrument"] == "nps"].assign(time=at(*["2024-06-05"] * 4), customer_id="a")
    month = service.trend_by_month(engine_with(surveys=twice), as_of=AS_OF)
    assert month["customers"].to_list() == [1]


def test_nps_by_group_counts_who_answered(table):
    by = pd.Series({"a": "x", "b": "x", "d": "y"})
    found = service.compare_groups(table, by).set_index("group")
    assert found["customers"].to_dict() == {"x": 1, "y": 1}
    assert found["score"].to_dict() == {"x": 100, "y": -100}
    assert text.name_measure(found) == "NPS, −100 to 100"


def test_where_nobody_was_asked_for_nps_groups_are_compared_by_csat(table):
    found = service.compare_groups(table.assign(nps=np.nan), pd.Series({"a": "x", "c": "x", "d": "y"}))
    assert found.set_index("group")["score"].to_dict() == {"x": 4.0, "y": 4.0}
    assert text.name_measure(found) == "mean csat, 1 to 5"
    assert text.describe_groups(found.head(1), "") == (
        "Dots with 95 % intervals, mean csat, 1 to 5. x 4.0 (1.0 to 5.0, 2 answered)."
    )


def test_coverage_separates_the_silent_from_those_who_answered(table):
    buyers = pd.DataFrame(
        {"purchases": [2, 1, 1], "spend_total": 10.0, "days_since_last": 5.0}, index=["a", "b", "c"]
    )
    coverage = service.measure_coverage(table, buyers)
    assert coverage["customers"].to_list() == [2, 1]  # a by both, c by csat alone
    assert coverage["share"].sum() == 1
    assert text.write_coverage(coverage)["buyers"].to_list() == ["answered", "silent"]


def test_tickets_without_a_cause_are_counted_and_said_to_have_none():
    causes = service.count_causes(listed(TICKETS.assign(cause=None)), at_least=1)
    assert causes["cause"].isna().all()
    assert feedback.write_causes(causes)["cause"].to_list() == ["not stated"]
    assert service.find_leading_causes(listed(TICKETS.assign(cause=None)), at_least=1)["causes"] == []


def complaints(**counts):
    """So many customers complained once of each cause, as `list_causes` gives them."""
    causes = [cause for cause, customers in counts.items() for _customer in range(customers)]
    ids = [f"{cause}{number}" for number, cause in enumerate(causes)]
    return pd.DataFrame({"customer_id": ids, "cause": causes, "tickets": 1})


def test_the_name_of_a_cause_of_few_customers_is_not_shown():
    counted = service.count_causes(complaints(late=7, broken=6, Xu_Mei_at_desk_4=2))
    assert feedback.write_causes(counted)["cause"].to_list() == ["late", "broken", "(small groups)"]
    assert counted["tickets"].to_list() == [7, 6, 2]
    few = complaints(late=7, Xu_Mei_at_desk_4=1)
    often = pd.concat([few, few.tail(1).assign(tickets=40)])  # the most frequent, but of one customer
    assert service.find_leading_causes(often)["causes"] == ["late"]


def test_a_tie_is_a_tie_and_a_lead_within_chance_is_none():
    tie = service.find_leading_causes(complaints(price=73, late=73, broken=71, rude=69))
    assert say_leading(tie) == "Of 286 complaints, late and price have 73 each: no cause leads."
    near = service.find_leading_causes(complaints(price=73, late=75, broken=71))
    assert say_leading(near).startswith("Of 219 complaints, late has 75, no more beyond the next cause than")
    led = service.find_leading_causes(complaints(price=60, late=90, broken=10))
    assert say_leading(led) == "**late** leads the causes of complaint: 90 of 160."
    assert led["p_value"] == pytest.approx(scipy.stats.binomtest(90, 150).pvalue)


def test_many_complaints_of_one_customer_do_not_make_a_leading_cause():
    often = complaints(price=9, late=10)
    often.loc[often["cause"] == "late", "tickets"] = [30] + [1] * 9
    assert service.find_leading_causes(often)["p_value"] == 1


def say_leading(leading):
    values = leading | {"causes": " and ".join(leading["causes"])}
    return fill(feedback.write_leading_causes(leading), **values)


def measures(nps, csat):
    return hide_small(text.tabulate_measures(service.net_promoter_score(nps), service.mean_answer(csat)))


# In words


def test_only_the_table_that_is_missing_is_said_to_be():
    assert text.describe_missing(["surveys"], "tickets") == ""
    assert text.describe_missing(["surveys"], "surveys") == "Not available: no `surveys` table."


def test_the_takeaway_says_what_is_known_and_what_is_missing():
    answers = measures(pd.Series([10.0] * 8 + [3.0] * 2), NOBODY)
    assert "NPS is **60**" in text.describe_satisfaction(answers, []).markdown
    nobody = measures(NOBODY, NOBODY)
    words = text.describe_satisfaction(nobody, ["surveys"]).markdown
    assert words == "Not available: no surveys table."
    words = text.describe_satisfaction(nobody, ["tickets", "surveys"]).markdown
    assert words == "Not available: no tickets table and no surveys table."
    assert text.describe_satisfaction(nobody, []).markdown == "Too few answers to say anything."


def test_answers_to_csat_alone_are_said_and_count_as_answers():
    surveys = SURVEYS[SURVEYS["instrument"] == "csat"]
    table = service.summarise_satisfaction(engine_with(surveys=surveys), as_of=AS_OF)
    buyers = pd.DataFrame(
        {"purchases": [2, 1, 1], "spend_total": 10.0, "days_since_last": 5.0}, index=["a", "c", "d"]
    )
    assert service.measure_coverage(table, buyers)["customers"].to_list() == [2, 1]
    answers = measures(NOBODY, pd.Series([4.0, 5, 3, 4, 4]))
    words = text.describe_satisfaction(answers, []).markdown
    assert words.startswith("Mean satisfaction is **4.0** of 5 (95 % between 3.1 and 4.9; 5 customers")


def test_marks_for_tickets_are_read_where_there_are_no_surveys():
    table = service.summarise_satisfaction(
        engine_with(transactions=TRANSACTIONS, tickets=TICKETS), as_of=AS_OF
    )
    assert table["csat"].dropna().to_dict() == {"a": 3.0}


def test_of_few_answers_nothing_is_said():
    few = measures(pd.Series([10.0] * 4), pd.Series([5.0] * 4))
    assert text.describe_satisfaction(few, []).markdown.startswith("Too few")


def test_alt_texts_name_groups_months_and_causes_and_say_what_is_hidden():
    groups = pd.DataFrame(
        {"group": ["a", "b"], "customers": [40, None], "score": [-0.3, None], "low": [-9.0, None]}
    ).assign(measure="nps")
    words = text.describe_groups(groups.assign(high=[9.0, None]), "")
    assert words == "Dots with 95 % intervals, NPS, −100 to 100. a 0 (-9 to 9, 40 answered); b hidden."
    assert text.describe_groups(groups.assign(score=None, high=None), "no surveys") == "no surveys"
    assert text.describe_trend(pd.DataFrame(), "") == "Too few answers."
