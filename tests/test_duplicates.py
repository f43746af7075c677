"""Records that repeat: copies, keys, ids that a normalisation made equal."""

from fixtures.store import GOOD, clean_rows, rules_by_record


def test_equal_lines_are_kept_with_a_remark_unless_declared(store):
    out = store.write([*GOOD, GOOD[0], GOOD[0]]).tolerate("exact duplicate kept").clean()
    assert (len(clean_rows(out)), rules_by_record(out, "remark")) == (
        6,
        {5: "exact duplicate", 6: "exact duplicate"},
    )
    out = store.part(duplicates="reject").clean("again")
    assert (len(clean_rows(out)), rules_by_record(out)) == (4, {5: "exact duplicate", 6: "exact duplicate"})


def test_equal_answers_are_one_answer(store):
    store.write(
        ["7,2024-01-05,nps,9", "7,2024-01-05,nps,9", "7,2024-01-05,nps,11", "7,2024-01-05,poll,3"],
        "s.csv",
        "id,at,kind,score",
    )
    store.part(
        "surveys",
        path="s.csv",
        columns={"customer_id": "id", "time": "at", "instrument": "kind", "score": "score"},
    )
    out = store.write(GOOD).clean()
    assert rules_by_record(out) == {2: "exact duplicate", 3: "score not allowed", 4: "instrument not allowed"}


def test_of_two_records_of_a_customer_the_fuller_one_is_kept(store):
    store.write(["7,Aachen,", "7,Kiel,2020-05-01", "8,Bonn,", "8,Berlin,"], "who.csv", "id,city,since")
    store.part("customers", path="who.csv", columns={"customer_id": "id", "city": "city", "signup": "since"})
    out = store.write(GOOD).clean()
    assert clean_rows(out, "customer_id, city", "customers") == [("7", "Kiel"), ("8", "Berlin")]
    assert rules_by_record(out) == {1: "repeated key", 3: "repeated key"}


def test_a_declared_normalisation_of_ids_is_counted(store):
    store.part(id_format="integer")
    out = store.write(
        [
            "17850.0,2024-01-05,mug,1",
            "17850,2024-01-06,mug,1",
            "00123,2024-01-06,mug,1",
            "8.0,2024-01-06,mug,1",
        ]
    ).clean()
    assert {row[0] for row in clean_rows(out, "customer_id")} == {"17850", "00123", "8"}
    assert rules_by_record(out, "remark") == {1: "id merged"}
