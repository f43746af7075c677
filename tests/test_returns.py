"""Which sale a return undoes."""

from fixtures.store import clean_rows, rules_by_record


def test_a_return_belongs_to_the_day_of_the_sale_it_undoes(store):
    out = store.write(
        [
            "7,2024-01-05,mug,10",
            "7,2024-01-08,mug,10",
            "7,2024-01-09,jar,10",
            "8,2024-01-09,mug,10",
            "7,2024-01-10,mug,-10",
            "7,2024-01-11,mug,-4",
            "7,2024-01-12,mug,-5",
            "7,2024-01-13,mug,-2",
            "7,2024-01-04,mug,-1",
        ]
    ).clean()
    found = clean_rows(out, "amount, purchase_day::varchar")
    assert [row for row in found if row[0] < 0] == [
        (-1, None),
        (-10, "2024-01-08"),
        (-4, "2024-01-05"),
        (-5, "2024-01-05"),
        (-2, None),
    ]


def test_without_products_only_the_same_amount_matches(store):
    del store.parts["transactions"]["columns"]["product_id"]
    out = store.write(
        ["7,2024-01-05,mug,10", "7,2024-01-06,mug,8", "7,2024-01-07,mug,-10", "7,2024-01-07,mug,-5"]
    ).clean()
    assert [row for row in clean_rows(out, "amount, purchase_day::varchar") if row[0] < 0] == [
        (-10, "2024-01-05"),
        (-5, None),
    ]


def test_declared_returns_are_negative_whatever_their_sign(store):
    store.part(returns="starts_with(item, 'C')").tolerate("negative amount that is no return")
    out = store.write(
        ["7,2024-01-05,mug,10", "7,2024-01-06,Cmug,8", "7,2024-01-06,mug,-8", "7,2024-01-06,Cjar,0"]
    ).clean()
    assert clean_rows(out, "kind, amount") == [("sale", 10), ("return", -8)]
    assert rules_by_record(out) == {3: "negative amount that is no return", 4: "return without an amount"}
    assert rules_by_record(out, "remark") == {2: "return with a positive amount"}
