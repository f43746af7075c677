"""Fields that stand on the first line of an order, or of a block, only."""

import pytest
from fixtures.store import clean_rows, rules_by_record

COLUMNS = {"customer_id": "Email", "time": "Created at", "amount": "Price * Qty", "order_id": "Name"}
NOT_PAID = {"when": "Status in ('voided', 'pending')", "reason": "not paid"}
HEADER = "Name,Email,Status,Created at,Qty,Price"


@pytest.fixture
def orders(store):
    """Fifteen orders of two lines, every third voided; the status stands on the first line."""
    lines = []
    for n in range(15):
        status = "voided" if n % 3 == 0 else "paid"
        lines += [
            f"#{n},k{n % 4}@example.com,{status},2024-01-{1 + n:02d},1,10",
            f"#{n},k{n % 4}@example.com,,2024-01-{1 + n:02d},2,5",
        ]
    return store.write(lines, header=HEADER).part(columns=COLUMNS, exclude=[NOT_PAID])


def test_a_status_on_the_first_line_only_stops_the_run(orders):
    message = orders.refused()
    assert "Status: filled on the first line of an order only, in 15 orders" in message
    assert "fill_down: {columns: [Status], within: Name}" in message


def test_a_status_reaches_the_further_lines_of_its_order(orders):
    out = orders.part(fill_down={"columns": ["Status"], "within": "Name"}).clean()
    assert len(clean_rows(out)) == 20
    assert sum(row[0] for row in clean_rows(out, "amount")) == 200
    assert set(rules_by_record(out).values()) == {"excluded: not paid"}


def test_blanks_that_are_meant_are_declared(orders):
    assert len(clean_rows(orders.part(fill_down=[]).clean())) == 25


def test_fewer_orders_prove_nothing(store):
    lines = ["#1,a,paid,2024-01-01,1,10", "#1,a,,2024-01-01,1,10", "#2,b,paid,2024-01-02,1,10"]
    store.write(lines, header=HEADER).part(columns=COLUMNS, exclude=[NOT_PAID])
    assert len(clean_rows(store.clean())) == 3


def test_a_customer_on_the_first_line_of_a_block_is_filled_down_but_not_into_the_total(store):
    lines = [
        "K1,2024-01-01,1,10",
        ",2024-01-02,1,20",
        "K2,2024-01-03,1,5",
        ",2024-01-04,1,6",
        "Total,,,41",
    ]
    columns = {"customer_id": "Customer", "time": "Day", "amount": "Price"}
    store.write(lines, header="Customer,Day,Qty,Price").part(columns=columns, fill_down="Customer")
    out = store.clean()
    assert clean_rows(out, "customer_id, amount") == [("K1", 10), ("K1", 20), ("K2", 5), ("K2", 6)]


def test_each_file_is_filled_down_for_itself(store):
    store.write([",2024-01-01,1,10"], "b.csv", "Customer,Day,Qty,Price")
    store.write(["K1,2024-01-01,1,10"], "a.csv", "Customer,Day,Qty,Price")
    columns = {"customer_id": "Customer", "time": "Day", "amount": "Price"}
    out = store.part(path="?.csv", columns=columns, fill_down=["Customer"]).clean()
    assert rules_by_record(out) == {1: "customer_id missing"}


def test_a_column_that_is_not_there_is_told(orders):
    assert (
        "fill_down: unknown column 'Stats'. Did you mean 'Status'?"
        in orders.part(fill_down="Stats").refused()
    )
