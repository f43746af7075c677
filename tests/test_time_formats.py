"""Text and numbers as times: declared or proven, never guessed."""

import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, rules_by_record

from crcm_lib.errors import DataError


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
    ("texts", "form"),
    [
        (["Mar 08, 2024", "Mar 13, 2024"], "%b %d, %Y"),
        (["8 March 2024", "13 March 2024"], "%d %B %Y"),
        (["08-Mar-24", "13-Mar-24"], "%d-%b-%y"),
        (["2025-11-30 23:05:18 PM", "x"], ""),
        (["45292", "45293.5"], "excel"),
        (["1704067200", "1704153600"], "unix"),
        (["1704067200000", "1704153600000"], "unix_ms"),
        (["2024年3月8日", "2024年3月13日"], "%Y年%m月%d日"),
    ],
)
def test_times_that_do_not_fit_are_told_with_the_format_that_does(store, texts, form):
    message = store.write([f'7,"{text}",mug,1' for text in texts]).refused()
    assert (f'they fit "{form}" (2)' in message) if form else ("none of the usual formats" in message)


def test_an_offset_is_taken_off_in_every_way_to_write_it(store):
    store.write(
        [
            "1,2024-03-01 20:30:00 +02:00,mug,1",
            "2,2024-03-01 20:30:00+0200,mug,1",
            "3,2024-03-01T20:30:00+02,mug,1",
            "4,2024-03-01 18:30:00 Z,mug,1",
            "5,2024-03-01T20:30+02:00,mug,1",
            "6,2024-03-01 13:30:00 -0500,mug,1",
        ]
    )
    store.top["time_zone"] = "Asia/Shanghai"
    assert {row[0] for row in clean_rows(store.clean(), "time::varchar")} == {"2024-03-02 02:30:00"}


def test_a_declared_offset_turns_the_same_way(store):
    store.top["time_zone"] = "Asia/Shanghai"
    store.part(time_format="%d.%m.%Y %H:%M %z")
    out = store.write(["1,01.03.2024 20:30 +0200,mug,1", "2,01.03.2024 18:30 Z,mug,1"]).clean()
    assert {row[0] for row in clean_rows(out, "time::varchar")} == {"2024-03-02 02:30:00"}


@pytest.mark.parametrize(("form", "value"), [("unix", "1704067200"), ("unix_ms", "1704067200000")])
def test_seconds_since_1970_are_read_where_they_are_declared(store, form, value):
    out = store.part(time_format=form).write([f"7,{value},mug,1"]).clean()
    assert clean_rows(out, "time::varchar") == [("2024-01-01 01:00:00",)]


def test_serial_numbers_and_dates_of_a_sheet_are_one_column(store):
    out = store.part(time_format="excel").write(["7,45292,mug,1", "8,45292.75,mug,1", "9,2024-01-01,mug,1"])
    assert clean_rows(out.clean(), "time::varchar") == [
        ("2024-01-01 00:00:00",),
        ("2024-01-01 18:00:00",),
        ("2024-01-01 00:00:00",),
    ]


def test_numbers_where_times_are_needed_are_told_with_the_days_they_would_be(store):
    import duckdb

    path = store.folder / "log.parquet"
    duckdb.sql("select '7' as id, 1704067200 as when, 'mug' as item, 1 as price").write_parquet(str(path))
    message = store.part(path="log.parquet").refused()
    assert message.endswith("Plausible: unix (2024-01-01 … 2024-01-01)")


@pytest.mark.parametrize(("form", "code"), [("%Q", "%Q"), ("%Y-%m-%", "%"), ("dd/mm/yyyy", "no time format")])
def test_a_format_that_cannot_be_one_is_told_with_its_line(store, form, code):
    with pytest.raises(DataError, match="line 1: .*time_format") as caught:
        store.part(time_format=form).source()
    assert code in str(caught.value)


def test_days_and_months_in_the_wrong_order_stop_the_run(store):
    days = [f"{day:02d}/{month:02d}/2024" for month in (1, 2, 3) for day in (3, 9, 14, 20, 27)]
    store.write([f"{n},{day},mug,1" for n, day in enumerate(days)])
    message = store.part(time_format="%m/%d/%Y").refused()
    assert 'they fit "%d/%m/%Y" (9)' in message
    assert len(clean_rows(store.part(time_format="%d/%m/%Y").clean())) == 15


def test_one_mistyped_year_does_not_decide_what_day_it_is(store):
    lines = [f"K{n % 9},2024-{1 + n % 12:02d}-{1 + n % 28:02d},mug,{n}" for n in range(1, 80)]
    out = store.write([*lines, "3,2052-01-17,mug,5"]).clean()
    assert store.about.as_of == "2024-12-24"
    assert rules_by_record(out) == {80: "time far beyond the rest"}
    many = [f"3,2052-01-{n:02d},mug,5" for n in range(1, 9)]
    store.write([*lines, *many]).clean("many")
    assert store.about.as_of == "2052-01-08"  # eight records are no slip of the pen


def test_a_day_that_stands_for_none_is_no_purchase(store):
    out = store.write([*GOOD, "9,1900-01-01,mug,1", "9,9999-12-31,mug,1"]).clean()
    assert rules_by_record(out) == {5: "time is a placeholder", 6: "time is a placeholder"}
    people = {"path": "c.csv", "columns": {"customer_id": "id", "birthday": "born"}}
    store.write(["7,1900-01-01", "00123,1980-02-03"], "c.csv", "id,born").part("customers", **people)
    out = store.clean("people")
    assert clean_rows(out, "birthday::varchar", table="customers") == [("1980-02-03",), (None,)]
    assert "birthday is a placeholder" in rules_by_record(out, "remark").values()


def test_a_birthday_of_two_digits_is_not_in_the_future(store):
    people = {
        "path": "c.csv",
        "time_format": "%d.%m.%y",
        "columns": {"customer_id": "id", "birthday": "born"},
    }
    store.write(GOOD).write(["7,03.02.58", "00123,04.05.99", "NA,06.07.12"], "c.csv", "id,born")
    out = store.part("customers", **people).clean()
    assert sorted(clean_rows(out, "birthday::varchar", table="customers")) == [
        ("1958-02-03",),
        ("1999-05-04",),
        ("2012-07-06",),
    ]
