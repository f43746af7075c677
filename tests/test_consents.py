"""Consents fail closed: what cannot be read as a consent is a refusal, whoever wrote it and however."""

import duckdb
import pandas as pd
import pytest
from fixtures.store import Store, clean_rows

from crcm_lib.decisions import strategy
from crcm_lib.features import decision_inputs
from crcm_lib.ingest.cleaning.consents import NOT_PROFILED
from crcm_lib.privacy.consent_words import find_latest, match_ids, read_answer, read_purpose
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine

BUYERS = ("K1", "K2", "K3", "Ü4")
SALES = [f"{who},2024-0{month}-05,mug,{month}.50" for who in BUYERS for month in (1, 2, 3)]
GRANTS = [
    f"{who},{purpose},granted,2024-01-02" for who in BUYERS for purpose in ("marketing", "profiling", "email")
]
CONSENTS = {"customer_id": "who", "purpose": "what", "status": "answer", "date": "day"}


@pytest.fixture
def asked(store):
    """A store that cleans some more consents beside the grants of all buyers."""

    def clean(*records: str, grants=GRANTS, **options):
        store.write(SALES).write([*grants, *records], "c.csv", "who,what,answer,day")
        store.part("consents", path="c.csv", columns=CONSENTS)
        return store.clean(**options)

    return clean


def refusals(folder, customer="K1") -> set[str]:
    """What a customer refuses in the end, by the clean tables; all where they are set aside altogether."""
    engine = open_engine(folder)
    if not engine.execute("select count(*) from transactions where customer_id = ?", [customer]).fetchone()[
        0
    ]:
        return {"all"}
    consents = decision_inputs.find_consents(engine, as_of="2024-03-31")
    mine = consents[(consents["customer_id"] == customer) & (consents["status"] == "refused")]
    return set(mine["purpose"])


WRITTEN = [
    # the eleven ways of the review
    ("{id},Marketing,refused,2024-02-01", {"marketing"}),
    ("{id},all,refused,2024-02-01", {"all"}),
    ("{id},营销,refused,2024-02-01", {"marketing"}),
    ("{id},e-mail,refused,2024-02-01", {"email"}),
    ("{id},Phone,refused,2024-02-01", {"phone"}),
    ("{id},telephone,refused,2024-02-01", {"phone"}),
    ("{id},marketing,withdrawn,2024-02-01", {"marketing"}),
    ("{id},marketing,Refused,2024-02-01", {"marketing"}),
    ("{id},marketing,refused,", {"marketing"}),
    ("{id} ,marketing,refused,2024-02-01", {"marketing"}),
    ("k{number},marketing,refused,2024-02-01", {"marketing"}),
    # others of the kind
    ("{id},ＭＡＲＫＥＴＩＮＧ,ｒｅｆｕｓｅｄ,2024-02-01", {"marketing"}),
    ("{id},  e mail marketing ,opt-out,2024-02-01", {"email"}),
    ("{id},短信,拒绝,2024-02-01", {"sms"}),
    ("{id},微信,撤回,2024-02-01", {"wechat"}),
    ("{id},邮件,不同意,2024-02-01", {"mail", "email"}),
    ("{id},全部,退订,2024-02-01", {"all"}),
    ("{id},画像,拒绝,2024-02-01", {"all"}),
    ("{id},cookies,granted,2024-02-01", {"all"}),
    ("{id},,granted,2024-02-01", {"all"}),
    ("{id},marketing,perhaps,2024-02-01", {"marketing"}),
    ("{id},marketing,,2024-02-01", {"marketing"}),
    ("{id},marketing,granted,soon", {"marketing"}),
    ("{id},marketing,granted,1024-02-30", {"marketing"}),
    ("{id},marketing,granted,2024-02-01,surplus", {"all"}),
    ("{id}\u200b,marketing,refused,2024-02-01", {"marketing"}),
    ("\u202e{id},marketing,refused,2024-02-01", {"marketing"}),
    ("{wide},marketing,refused,2024-02-01", {"marketing"}),
    ("K-{number},marketing,refused,2024-02-01", {"marketing"}),
    ("K0{number},email,refused,2024-02-01", set()),  # no number, so that its zeros are part of it
]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """The clean tables of a store in which every record of `WRITTEN` is of another customer."""
    store, sales, records = Store(tmp_path_factory.mktemp("heard")), [*SALES], [*GRANTS]
    for number, (record, _refused) in enumerate(WRITTEN, 100):
        sales.append(f"K{number},2024-01-05,mug,1.50")
        records += [
            f"K{number},{purpose},granted,2024-01-02" for purpose in ("marketing", "profiling", "sms")
        ]
        wide = f"K{number}".translate({sign: sign + 0xFEE0 for sign in range(33, 127)})
        records.append(record.format(id=f"K{number}", number=number, wide=wide))
    store.write(sales).write(records, "c.csv", "who,what,answer,day")
    return store.part("consents", path="c.csv", columns=CONSENTS).clean(as_of="2024-03-31")


@pytest.mark.parametrize(("record", "refused"), WRITTEN)
def test_an_objection_is_heard_however_it_is_written(heard, record, refused):
    number = 100 + [written for written, _refused in WRITTEN].index(record)
    assert refusals(heard, f"K{number}") == refused


def test_composed_and_decomposed_accents_are_one_id(asked):
    assert refusals(asked("U\u03084,marketing,refused,2024-02-01"), "Ü4") == {"marketing"}


@pytest.mark.parametrize(
    ("records", "refused"),
    [
        (["K1,marketing,refused,2024-02-01", "K1,marketing,granted,2024-02-02"], set()),
        (["K1,marketing,granted,2024-02-01", "K1,marketing,no,2024-02-01"], {"marketing"}),
        (["K1,marketing,perhaps,2024-02-01", "K1,marketing,yes,2024-02-02"], set()),
        (["K1,marketing,refused,", "K1,marketing,granted,2024-03-02"], {"marketing"}),  # it may be older
        (["k1,marketing,refused,2024-02-01", "K1,marketing,同意,2024-02-02"], set()),
        (["K1,profiling,refused,2024-02-01", "K1,all,granted,2024-02-02"], set()),
    ],
)
def test_the_latest_word_counts_and_of_an_undated_refusal_nobody_knows_that_it_is_not(
    asked, records, refused
):
    assert refusals(asked(*records)) == refused


def test_an_unreadable_record_is_kept_with_a_remark_and_not_set_aside(asked):
    out = asked(
        "K1,marketing,perhaps,2024-02-01", "K9,marketing,granted,2024-02-01", ",email,granted,2024-02-01"
    )
    rejects = tables.read(out, "rejects")
    said = {row.record: (row.severity, row.rule) for row in rejects.itertuples()}
    first = len(GRANTS) + 1
    assert said == {
        first: ("remark", "counts as a refusal: status not readable"),
        first + 1: ("remark", "customer_id matches no customer"),
        first + 2: ("reject", "customer_id missing"),
    }
    kept = {row[:2] for row in clean_rows(out, "purpose, status", "consents")}
    assert kept == {(purpose, "granted") for purpose in ("marketing", "profiling", "email")} | {
        ("marketing", "refused")
    }
    account = tables.read(out, "row_account").query("table == 'consents'").set_index("state")["records"]
    assert account.to_dict() == {"read": len(GRANTS) + 3, "kept": len(GRANTS) + 2, "customer_id missing": 1}
    assert decision_inputs.count_unmatched_consents(open_engine(out)) == 1


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "a header and no records"),
        (["K1,marketing,A,2024-01-02", "K2,marketing,A,2024-01-02"], "2 of 2 records cannot be read.*status"),
        (["K1,cookies,granted,2024-01-02"], "1 of 1 records cannot be read.*purpose"),
        (["X1,marketing,granted,2024-01-02"], "none of 1 records is of a customer"),
        ([",marketing,granted,2024-01-02"], "none of 1 records names a customer"),
    ],
)
def test_a_table_that_says_nothing_stops_the_run(store, records, reason):
    store.write(SALES).write(records, "c.csv", "who,what,answer,day")
    message = store.part("consents", path="c.csv", columns=CONSENTS).refused()
    assert "consents: 2 problem(s)" in message
    assert duckdb.execute("select regexp_matches(?, ?)", [message.replace("\n", " "), reason]).fetchone()[0]
    assert "K1" not in message


def test_where_nobody_had_consented_by_then_nobody_has(asked):
    out = asked(as_of="2024-01-06", grants=["K1,marketing,granted,2024-02-02"])
    consents = decision_inputs.find_consents(open_engine(out), as_of="2024-01-06")
    assert list(consents.columns) == ["customer_id", "purpose", "status"]
    assert consents.empty


def test_who_objects_to_profiling_leaves_every_clean_table_but_not_the_money(asked):
    out = asked("k1,profiling,objected,2024-02-01")
    for table in ("transactions", "consents"):
        assert {who for (who,) in clean_rows(out, "distinct customer_id", table)} == {*BUYERS} - {"K1"}
    assert decision_inputs.count_not_profiled(open_engine(out)) == 1
    money = tables.read(out, "money_account").set_index("state")["amount"]
    assert money[NOT_PROFILED] == 1.5 + 2.5 + 3.5
    assert money["sales"] + money[NOT_PROFILED] == money["read"]
    daily = clean_rows(out, "day::varchar, amount::double", "daily_not_profiled")
    assert daily == [("2024-01-05", 1.5), ("2024-02-05", 2.5), ("2024-03-05", 3.5)]


def test_the_others_are_as_if_those_who_object_had_never_bought(asked, store):
    out = asked("K2,profiling,refused,2024-02-01")
    engine = open_engine(out)
    kept = engine.execute("from transactions").df()
    store.write([line for line in SALES if not line.startswith("K2")])
    store.parts.pop("consents")
    other = open_engine(store.clean("other")).execute("from transactions").df()
    assert kept.equals(other)


def test_if_all_who_were_asked_object_the_others_have_still_not_consented(asked):
    out = asked(grants=["K1,profiling,refused,2024-01-02"])
    consents = decision_inputs.find_consents(open_engine(out), as_of="2024-03-31")
    assert consents is not None
    assert consents.empty


@pytest.mark.parametrize("channel", ["email", "E-Mail", "电邮"])
def test_a_policy_may_write_a_channel_in_any_of_its_names(channel, asked):
    out = asked("K1,newsletter,refused,2024-02-01")
    consents = decision_inputs.find_consents(open_engine(out), as_of="2024-03-31")
    assert strategy.find_refusing(consents, channel) == {"K1"}


def test_a_grant_whose_id_could_mean_two_counts_for_none_and_a_refusal_for_both():
    record = {"customer_id": ["ab1"], "purpose": ["email"], "date": [pd.Timestamp("2024-01-02")]}
    customers = ["AB1", "aB1", "c"]
    assert find_latest(pd.DataFrame(record | {"status": ["granted"]}), customers).empty
    refused = find_latest(pd.DataFrame(record | {"status": ["refused"]}), customers)
    assert refused["customer_id"].to_list() == ["AB1", "aB1"]


def test_an_id_means_whoever_is_written_exactly_so_else_whoever_is_alike():
    pairs = match_ids(["AB1", "ab1", "x"], ["AB1", "aB1", "Ab1"])
    assert pairs[pairs["given"] == "AB1"]["customer_id"].to_list() == ["AB1"]
    assert sorted(pairs[pairs["given"] == "ab1"]["customer_id"]) == ["AB1", "Ab1", "aB1"]
    assert pairs.set_index("given")["is_certain"].to_dict() == {"AB1": True, "ab1": False}


@pytest.mark.parametrize("text", ["cookies", "no", "do not call", "none", "", "phone / sms"])
def test_a_purpose_that_is_not_in_the_list_is_not_guessed(text):
    assert read_purpose(text) is None


@pytest.mark.parametrize("text", ["1", "not refused", "granted?no", "pending", "unknown", "未知"])
def test_an_answer_that_is_not_in_the_list_is_not_guessed(text):
    assert read_answer(text) is None
