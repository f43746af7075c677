"""Text as numbers and times: declared or proven, never guessed."""

from decimal import Decimal

import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, rules_by_record


def test_times_given_elsewhere_become_local_days(store):
    store.part(times_in="UTC")
    out = store.write(
        ["7,2023-12-31 23:30:00,mug,1", "8,2024-01-01T00:30:00+05:00,mug,1", "9,2024-01-01,mug,1"]
    ).clean()
    assert clean_rows(out, "customer_id, time::varchar") == [
        ("7", "2024-01-01 00:30:00"),
        ("8", "2023-12-31 20:30:00"),
        ("9", "2024-01-01 00:00:00"),
    ]


def test_declared_words_for_missing_leave_ids_alone(store):
    store.part(missing=["NA", "-"], columns=COLUMNS | {"category": "item"})
    out = store.write(["NA,2024-01-05,-,1", "7,2024-01-05,mug,NA"]).clean()
    assert clean_rows(out, "customer_id, product_id, category") == [("NA", "-", None)]
    assert rules_by_record(out) == {2: "amount missing"}


def test_ambiguous_dates_stop_the_run_and_say_what_to_declare(store):
    message = store.write(["7,01/02/2011,mug,1", "8,03/04/2011,mug,1"]).refused()
    assert "time: 2 of 2 times are not ISO 8601, for example 99/99/9999" in message
    assert '"%d/%m/%Y" (2), "%m/%d/%Y" (2)' in message
    assert "Declare time_format" in message
    assert "2011" not in message
    out = store.part(time_format="%d/%m/%Y").clean("again")
    assert clean_rows(out, "day::varchar") == [("2011-02-01",), ("2011-04-03",)]


def test_a_column_of_two_conventions_stops_the_run(store):
    assert "1 of 5 times are not ISO 8601" in store.write([*GOOD, "7,13/02/2024,mug,1"]).refused()


def test_a_declared_format_that_fits_nothing_stops_the_run(store):
    assert "4 of 4 times are not %d.%m.%Y" in store.write(GOOD).part(time_format="%d.%m.%Y").refused()


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        (["12,50", "3"], "1 of 2 numbers hold a comma"),
        (["1.250", "3.000"], "every one of 2 dots stands before three digits"),
    ],
)
def test_ambiguous_numbers_stop_the_run(store, prices, message):
    assert message in store.write([f'7,2024-01-05,mug,"{price}"' for price in prices]).refused()


@pytest.mark.parametrize(
    ("marks", "price", "amount"),
    [
        ({"decimal": ","}, "12,50", "12.5"),
        ({"decimal": ",", "thousands": "."}, "1.250,5", "1250.5"),
        ({"decimal": ".", "thousands": ","}, "1,250.5", "1250.5"),
        ({"decimal": "."}, "1.250", "1.25"),
        ({"decimal": ",", "thousands": "."}, "1.250", "1250"),
        ({"decimal": ".", "thousands": ","}, "1,25", None),
    ],
)
def test_declared_marks_are_followed_to_the_letter(store, marks, price, amount):
    out = store.write([*GOOD[:1], f'9,2024-01-05,mug,"{price}"']).part(**marks).clean()
    amounts = [row[1] for row in clean_rows(out, "customer_id, amount") if row[0] == "9"]
    assert amounts == ([Decimal(amount)] if amount else [])
