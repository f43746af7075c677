"""Text as numbers: the forms that exports write are read where they are declared, and stop the run else."""

from decimal import Decimal

import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, rules_by_record

from crcm_lib.errors import DataError
from crcm_lib.ingest.sources.expressions import ExpressionError, parse

FORMS = [  # as it stands in the file, what is declared beside the decimal point, what it is
    ("(1234.50)", {"negative": "(1)"}, "-1234.5"),
    ("1234.50-", {"negative": "1-"}, "-1234.5"),
    ("'-23.85", {"negative": "'-1"}, "-23.85"),
    ("−23.85", {"negative": "−1"}, "-23.85"),
    ("¥23.85", {"currency_sign": "¥"}, "23.85"),
    ("23.85 €", {"currency_sign": "€"}, "23.85"),
    ("EUR 23.85", {"currency_sign": "EUR"}, "23.85"),
    ("23.85元", {"currency_sign": "元"}, "23.85"),
    ("-$23.85", {"currency_sign": "$"}, "-23.85"),
    ("12.5%", {"number_format": "percent"}, "0.125"),
    ("２３．８５", {"number_format": "full_width"}, "23.85"),
    ("1.5E+2", {"number_format": "scientific"}, "150"),
    ("1,234.50", {"thousands": ","}, "1234.5"),
    ("1\u202f234.50", {"thousands": " "}, "1234.5"),
    ("1\u00a0234.50", {"thousands": " "}, "1234.5"),
    ("1’234.50", {"thousands": "'"}, "1234.5"),
    ("(¥1,234.50)", {"negative": "(1)", "currency_sign": "¥", "thousands": ","}, "-1234.5"),
    ("－１，２３４．５", {"number_format": "full_width", "thousands": ","}, "-1234.5"),
]


@pytest.mark.parametrize(("text", "declared", "number"), FORMS)
def test_a_form_stops_the_run_until_it_is_declared(store, text, declared, number):
    store.part(decimal=".").write([*GOOD, f'9,2024-01-08,mug,"{text}"'])
    message = store.refused()
    assert "1 of 5 numbers (20.0%) are written as" in message
    for key, word in declared.items():
        assert f"{key}: {word}" in message or f'{key}: "{word}"' in message
    assert "34" not in message  # the digits are masked
    out = store.part(**declared).clean()
    assert dict(clean_rows(out, "customer_id, amount"))["9"] == Decimal(number)
    assert dict(clean_rows(out, "customer_id, amount"))["00123"] == 5  # plain numbers are read as before


def test_numbers_grouped_as_in_india_are_read(store):
    store.part(decimal=".", thousands=",").write(
        ['7,2024-01-05,mug,"1,23,456.50"', '8,2024-01-05,mug,"12,345.00"']
    )
    assert clean_rows(store.clean(), "amount") == [(Decimal("123456.5"),), (12345,)]


def test_amounts_under_the_signs_of_several_currencies_are_no_column(store):
    store.part(decimal=".").write(["7,2024-01-05,mug,¥12.50", "8,2024-01-05,mug,$9.90"])
    assert "signs of several currencies ($, ¥)" in store.refused()
    with pytest.raises(DataError, match="signs of several currencies"):
        store.part(currency_sign=["¥", "$"]).source()
    assert (
        len(
            clean_rows(
                store.write(["7,2024-01-05,mug,€1", "8,2024-01-05,mug,EUR 2"])
                .part(currency_sign=["€", "EUR"])
                .clean()
            )
        )
        == 2
    )


def test_only_the_large_orders_hold_the_mark(store):
    store.part(decimal=",").write(['7,2024-01-05,mug,"549,17"', '8,2024-01-05,mug,"2.333,20"'])
    assert 'written as 9.999,99; declare thousands: "."' in store.refused()
    out = store.part(thousands=".").clean()
    assert clean_rows(out, "amount") == [(Decimal("549.17"),), (Decimal("2333.2"),)]


def test_a_column_of_two_conventions_is_not_read(store):
    store.part(decimal=".", thousands=",").write(
        ['7,2024-01-05,mug,"1,234.50"', '8,2024-01-05,mug,"1.234,50"']
    )
    assert "the column mixes two conventions" in store.refused()


def test_a_text_is_a_number_where_an_expression_needs_one(store):
    columns = COLUMNS | {"amount": "price * (1 - replace(item, '%', '') / 100)"}
    out = store.part(columns=columns).write(["7,2024-01-05,10%,50", "8,2024-01-05,5%,100"]).clean()
    assert clean_rows(out, "amount") == [(45,), (95,)]
    store.part(columns=COLUMNS | {"amount": "replace(price, ' kr', '')"}, decimal=",")
    out = store.write(['7,2024-01-05,mug,"1234,50 kr"']).clean("marks")
    assert clean_rows(out, "amount") == [(Decimal("1234.5"),)]  # in the way of the file it is from


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        ("2000", "600.00", "1200000"),
        ("999999", "99999999.99", "99999899990000.01"),
        ("10000000", "0.1234567", "1234567"),
        ("-30000", "45000.5", "-1350015000"),
    ],
)
def test_lines_of_a_million_and_more_are_exact(store, quantity, price, amount):
    store.part(columns=COLUMNS | {"amount": "price * item"})
    out = store.write([f"7,2024-01-05,{quantity},{price}"]).clean()
    assert clean_rows(out, "amount") == [(Decimal(amount),)]


def test_halves_of_the_last_place_are_rounded_away_from_zero_whatever_the_size(store):
    amounts = {"2.00005": "2.0001", "-2.00005": "-2.0001", "2.0000499999": "2", "99999999.99995": "100000000"}
    amounts |= {"100000000.00005": "100000000.0001", "-123456789012.00005": "-123456789012.0001"}
    store.write([f"7,2024-01-{day:02d},mug,{text}" for day, text in enumerate(amounts, 1)])
    assert clean_rows(store.clean(), "amount") == [(Decimal(text),) for text in amounts.values()]


def test_a_product_that_no_number_holds_is_set_aside(store):
    store.part(columns=COLUMNS | {"amount": "price * item * item"})
    out = store.write(["7,2024-01-05,2,1", f"8,2024-01-05,{'9' * 17},{'9' * 17}"]).clean()
    assert rules_by_record(out) == {2: "amount not readable"}


def test_exchange_rates_keep_ten_places(store):
    store.part(columns=COLUMNS | {"amount": "price * item"})
    out = store.write(["7,2024-01-05,0.0066713145,1000000"]).clean()
    assert clean_rows(out, "amount") == [(Decimal("6671.3145"),)]


def test_an_amount_too_small_for_the_table_is_remarked_upon(store):
    out = store.write([*GOOD, "9,2024-01-08,mug,0.00004"]).clean()
    assert rules_by_record(out, "remark") == {5: "amount rounds to zero"}


def test_a_number_of_forty_digits_in_an_expression_is_refused():
    with pytest.raises(ExpressionError, match="at most 18 digits"):
        parse("price * " + "1" * 40)


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
    ],
)
def test_declared_marks_are_followed_to_the_letter(store, marks, price, amount):
    out = store.write(["7,2024-01-05,mug,4", f'9,2024-01-05,mug,"{price}"']).part(**marks).clean()
    amounts = [row[1] for row in clean_rows(out, "customer_id, amount") if row[0] == "9"]
    assert amounts == ([Decimal(amount)] if amount else [])
