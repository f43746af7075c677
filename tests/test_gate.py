"""What is set aside beyond a limit stops the run and says what form it has; it is declared with a reason."""

import pytest
from fixtures.store import COLUMNS, GOOD, clean_rows, find_problems, rules_by_record

from crcm_lib.schema import tables

SALES = [f"K{n % 25},2024-{1 + n % 12:02d}-{1 + n % 28:02d},mug,{10 + n % 7}.50" for n in range(200)]


def spoil(lines, at, **fields):
    """The lines with other fields in some of them."""
    places = {"id": 0, "when": 1, "item": 2, "price": 3}
    spoilt = list(lines)
    for n in at:
        values = spoilt[n].split(",")
        for name, value in fields.items():
            values[places[name]] = value
        spoilt[n] = ",".join(values)
    return spoilt


@pytest.mark.parametrize(
    ("count", "fields", "rule"),
    [
        (5, {"id": ""}, "customer_id missing: 5 of 200 records (2.5%)"),
        (3, {"price": "free"}, "amount not readable: 3 of 200 records (1.5%)"),
        (5, {"when": "soon"}, "time not readable: 5 of 200 records (2.5%)"),
        (5, {"when": "1900-01-01"}, "time is a placeholder: 5 of 200 records (2.5%)"),
        (5, {"id": "K1\u200b"}, "control character in customer_id: 5 of 200 records (2.5%)"),
        (3, {"price": "900", "id": ""}, "customer_id missing: 3 of 200 records (1.5%) with 5"),
        (1, {"price": "2000", "id": ""}, "customer_id missing: 1 of 200 records (0.5%) with 4"),
    ],
)
def test_more_than_a_limit_stops_the_run(store, count, fields, rule):
    message = store.write(spoil(SALES, range(count), **fields)).refused()
    assert f"transactions: {rule}" in message
    assert "the first is record 1 of log.csv" in message
    assert find_problems(store.source())  # and the check says it too


@pytest.mark.parametrize(
    ("count", "fields"),
    [(2, {"id": ""}), (2, {"price": "free"}), (2, {"when": "soon"}), (1, {"price": "200", "id": ""})],
)
def test_a_slip_of_the_pen_is_set_aside_and_named(store, count, fields):
    out = store.write(spoil(SALES, range(0, count), **fields)).clean()
    assert len(rules_by_record(out)) == count


def test_what_could_not_be_read_is_told_by_its_form(store):
    spoilt = spoil(spoil(SALES, range(4), price="n/a"), range(4, 7), price="12 pieces")
    message = store.write(spoilt).refused()
    assert "amount not readable: 7 of 200 records (3.5%)" in message
    assert "in forms such as a/a (4), 99 aaaaaa (3)" in message
    assert "pieces" not in message


def test_declared_exclusions_may_be_as_large_as_they_are(store):
    store.part(exclude=[{"when": "item = 'mug'", "reason": "mugs are samples"}])
    assert len(clean_rows(store.write([*SALES, *GOOD]).clean())) == 2


def test_sales_of_nobody_are_declared_with_a_reason_and_a_limit(store):
    store.write(spoil(SALES, range(0, 200, 4), id=""))
    assert "anonymous: {reason: …, at_most: 0.2" in store.refused()
    store.part(anonymous={"reason": "paid in cash", "at_most": 0.26})
    out = store.clean()
    money = tables.read(out, "money_account").set_index("state")["amount"]
    assert money["anonymous: paid in cash"] + money["sales"] == pytest.approx(money["read"])
    assert set(rules_by_record(out).values()) == {"anonymous: paid in cash"}
    limits = tables.read(out, "set_aside_limits").iloc[0]
    assert (limits["records"], limits["share"], limits["reason"]) == (50, 0.25, "paid in cash")


def test_anonymous_sales_beyond_their_limit_stop_the_run(store):
    store.write(spoil(SALES, range(0, 200, 4), id=""))
    assert "Raise at_most to" in store.part(anonymous={"reason": "cash", "at_most": 0.1}).refused()


def test_a_limit_is_raised_with_a_reason_that_the_report_prints(store):
    raised = {"rule": "time not readable", "at_most": 0.05, "reason": "the old till had no clock"}
    out = store.write(spoil(SALES, range(8), when="soon")).part(limits=[raised]).clean()
    limits = tables.read(out, "set_aside_limits")
    assert limits["reason"].tolist() == ["the old till had no clock"]
    assert limits["records"].tolist() == [8]
    store.part(limits=[raised | {"at_most": 0.03}])
    assert any("above the limit of 3.0%" in problem for problem in find_problems(store.source()))


def test_whether_equal_lines_count_twice_has_to_be_declared_where_they_are_many(store):
    message = store.write([*SALES, *SALES[:20]]).refused()
    assert "exact duplicate kept: 20 of 220 records" in message
    assert "Declare duplicates" in message
    assert len(clean_rows(store.part(duplicates="keep").clean("kept"))) == 220
    assert len(clean_rows(store.part(duplicates="reject").clean("gone"))) == 200


def test_a_table_of_people_from_the_order_file_is_no_disaster(store):
    people = {"path": "log.csv", "columns": {"customer_id": "id", "city": "item"}}
    out = store.write(SALES).part("customers", **people).clean()
    assert len(clean_rows(out, table="customers")) == 25
    quality = tables.read(out, "quality").query("table == 'customers' and dimension == 'validity'")
    assert quality["score"].item() == 1


def test_another_table_has_the_same_gate(store):
    contacts = {"path": "c.csv", "columns": {"customer_id": "id", "time": "at", "channel": "'phone'"}}
    lines = [f"K{n % 25},{'soon' if n < 10 else '2024-02-03'} {n}" for n in range(100)]
    store.write(SALES).write([line.rsplit(" ", 1)[0] for line in lines], "c.csv", "id,at")
    message = store.part("contacts", duplicates="keep", **contacts).refused()
    assert "contacts: time not readable: 10 of 100 records (10.0%)" in message


def test_a_wrong_currency_is_a_gate_too(store):
    store.part(columns=COLUMNS | {"currency": "item"})
    message = store.write([line.replace("mug", "USD" if n % 5 else "EUR") for n, line in enumerate(SALES)])
    assert "Convert them with a rate in the expression" in message.refused()


def test_a_line_of_totals_makes_no_share_smaller(store):
    total = sum(float(line.split(",")[3]) for line in SALES)
    message = store.write([*spoil(SALES, range(3), id=""), f"Total,,,{total}"]).refused()
    assert "customer_id missing: 3 of 200 records (1.5%) with 1." in message


def test_files_put_one_after_the_other_have_several_headers(store):
    out = store.write([*SALES[:9], "id,when,item,price", *SALES[9:]]).clean()
    assert rules_by_record(out) == {10: "repeated header"}
    assert tables.read(out, "quality").query("dimension == 'validity'")["score"].item() == 1


def test_a_kind_that_is_neither_sale_nor_return_is_asked_about(store):
    lines = [line.replace("mug", "Refund" if n % 10 == 0 else "SALE") for n, line in enumerate(SALES)]
    store.part(columns=COLUMNS | {"kind": "item"})
    message = store.write(lines).refused()
    assert "kind not allowed: 20 of 200 records" in message
    assert "Declare which lines are returns" in message
    out = store.part(returns="item = 'Refund'").clean()
    assert {row[0] for row in clean_rows(out, "kind")} == {"sale", "return"}
