"""A status that nobody reads says which records are no sale; whoever leaves them in says so."""

import pytest
from fixtures.store import COLUMNS, clean_rows, find_problems, rules_by_record

from crcm_lib.ingest.cleaning.unread_status import NO_SALE
from crcm_lib.schema import tables

HEADER = "id,when,item,price,{}"


def write_sales(store, name, words, *, usual="paid", records=200):
    """Sales of which the first carry these words in a further column, and the others the usual one."""
    texts = [*words, *[usual] * (records - len(words))]
    lines = [
        f"K{n % 25},2024-{1 + n % 12:02d}-{1 + n % 28:02d},mug {n % 90},10.{n % 100:02d},{text}"
        for n, text in enumerate(texts)
    ]
    return store.write(lines, header=HEADER.format(name))


@pytest.mark.parametrize(
    ("name", "word", "usual"),
    [
        ("Financial Status", "voided", "paid"),
        ("Financial Status", "REFUNDED", "paid"),
        ("Order Status", "wc-cancelled", "wc-completed"),
        ("Order Status", "On hold", "Completed"),
        ("订单状态", "交易关闭", "交易成功"),
        ("订单状态", "等待买家付款", "交易成功"),
        ("state", "draft", "whatever else they write"),
        ("Zustand", "storniert", "bezahlt"),
        ("F27", "cancelled", "completed"),  # its texts tell what it is
    ],
)
def test_sales_that_are_none_stop_the_run_and_the_line_that_excludes_them_is_given(store, name, word, usual):
    message = write_sales(store, name, [word] * 8, usual=usual).refused()
    assert f"transactions: {NO_SALE}: 8 of 200 records (4.0%) with 3.8% of the money" in message
    assert f"Column {name} says {word.lower()} (8)" in message
    when = message.partition('when: "')[2].partition('"')[0]
    out = store.part(exclude=[{"when": when, "reason": "cancelled or unpaid"}]).clean()
    assert set(rules_by_record(out).values()) == {"excluded: cancelled or unpaid"}
    assert len(clean_rows(out)) == 192


def test_the_check_says_it_too_and_prints_no_text_of_the_file(store):
    write_sales(store, "Status", ["void"] * 6 + ["Wang Xiaoming"] * 3)
    (problem,) = find_problems(store.source())
    assert "Column Status says void (6)" in problem
    assert "Wang" not in problem


def test_a_few_are_kept_with_a_remark(store):
    out = write_sales(store, "Status", ["test", "void"]).clean()
    assert rules_by_record(out, "remark") == {1: NO_SALE, 2: NO_SALE}
    assert len(clean_rows(out)) == 200
    quality = tables.read(out, "quality").query("dimension == 'validity'")
    assert quality["score"].item() == 1  # no value of theirs is doubted


def test_that_they_count_is_declared_with_a_reason(store):
    reason = "paid on delivery, and pending until then"
    limit = {"rule": NO_SALE, "at_most": 0.1, "reason": reason}
    out = write_sales(store, "Payment Status", ["pending"] * 15).part(limits=[limit]).clean()
    limits = tables.read(out, "set_aside_limits").iloc[0]
    assert (limits["records"], limits["reason"]) == (15, reason)
    store.part(limits=[limit | {"at_most": 0.05}])
    assert any(NO_SALE in problem for problem in find_problems(store.source()))


@pytest.mark.parametrize(
    ("name", "words", "usual"),
    [
        ("status", ["completed"] * 50, "paid"),
        ("订单状态", ["已发货"] * 50, "交易成功"),
        ("product", ["Test"] * 20, "Pregnancy test"),
        ("item group", ["Test"] * 50, "Mug"),
        ("note", ["cancelled"] * 30 + ["Test"] * 9, "please ring twice"),
        ("Customer status", ["cancelled"] * 60, "paid"),
        ("Email Status", ["failed"] * 60, "sent"),
        ("Fulfillment Status", ["pending"] * 60, "fulfilled"),
        ("State", ["NY"] * 60, "CA"),
        ("Payment Status", ["partially_refunded"] * 60, "paid"),
    ],
)
def test_other_words_and_other_columns_are_left_alone(store, name, words, usual):
    out = write_sales(store, name, words, usual=usual).clean()
    assert rules_by_record(out, "remark") == {}
    assert len(clean_rows(out)) == 200


def test_a_column_that_the_description_reads_is_left_alone(store):
    write_sales(store, "Status", ["cancelled"] * 30)
    assert len(clean_rows(store.part(columns=COLUMNS | {"channel": "Status"}).clean())) == 200
    store.part(columns=COLUMNS, returns="Status = 'cancelled'")
    assert NO_SALE not in " ".join(find_problems(store.source()))


def test_refunds_that_are_records_of_their_own_are_not_taken_off_twice(store):
    write_sales(store, "Status", ["refunded"] * 20)
    assert NO_SALE in store.refused()
    back = ["K1,2024-12-30,mug 3,-10.03,refunded"]
    lines = (store.folder / "log.csv").read_text().splitlines()
    out = store.write([*lines[1:], *back], header=lines[0]).clean()
    assert rules_by_record(out, "remark") == {}


def test_a_status_in_a_lookup_counts_as_well(store):
    lines = [
        f"K{n % 25},2024-{1 + n % 12:02d}-{1 + n % 28:02d},mug,10.{n % 100:02d},O{n}" for n in range(200)
    ]
    store.write(lines, header=HEADER.format("order"))
    heads = [f"O{n},{'已取消' if n < 12 else '交易成功'}" for n in range(200)]
    store.write(heads, name="heads.csv", header="order,订单 状态")
    store.part(lookups={"heads": {"path": "heads.csv", "key": "order"}})
    message = store.refused()
    assert "Column heads.订单 状态 says 已取消 (12)" in message
    when = message.partition('when: "')[2].partition('"')[0]
    assert len(clean_rows(store.part(exclude=[{"when": when, "reason": "cancelled"}]).clean())) == 188


def test_what_is_owed_is_an_invoice_and_what_is_void_is_none(store):
    write_sales(store, "Status", [])
    header = "id,no,at,by,sum,Status"
    lines = [f"K{n % 25},I{n},2024-03-{1 + n % 20:02d},2024-04-01,{n}.00,unpaid" for n in range(1, 101)]
    columns = {"customer_id": "id", "invoice_id": "no", "issued": "at", "due": "by", "amount": "sum"}
    store.write(lines, "i.csv", header).part("invoices", path="i.csv", columns=columns)
    assert find_problems(store.source()) == []
    store.write([line.replace("unpaid", "void") for line in lines[:50]] + lines[50:], "i.csv", header)
    assert f"invoices: {NO_SALE}: 50 of 100 records" in " ".join(find_problems(store.source()))
