"""`crcm forget`: nothing of a forgotten customer is left in any run, and their records never come back."""

import base64
import json
import os
import re
import shutil
import stat

import nbformat
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fixtures.kernels import use_stubs
from fixtures.shop import Shop, write_notebook
from fixtures.store import clean_rows, rules_by_record
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.errors import DataError, GateError, UsageError
from crcm_lib.pipeline import checks, erasure, forget, reports_folder, rewriting
from crcm_lib.pipeline.purge import purge
from crcm_lib.privacy import forgotten
from crcm_lib.privacy.pseudonyms import DEMO_KEY, make_pseudonym
from crcm_lib.schema import tables

KEY = b"0123456789abcdef" * 4
GONE, STAYS = ("K0001", "K0002"), "K0003"
PARAMETERS = 'source = ""\nas_of = ""\ninput_dir = ""\noutput_dir = ""\nseed = 0'
CLEAN = """\
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
clean(read_source(source), output_dir, as_of=as_of)"""
SHOW = """\
import json
from pathlib import Path
import pandas as pd
from crcm_lib.privacy import pseudonymise
from crcm_lib.schema import tables
out = Path(output_dir)
for name in ("tables", "models", "private"):
    (out / name).mkdir(exist_ok=True)
sales = pd.read_parquet(Path(input_dir, "clean", "transactions.parquet"))
spend = sales.groupby("customer_id", as_index=False)["amount"].sum().astype({"amount": float})
spend["shown"] = pseudonymise(spend["customer_id"], tables.read_about(input_dir))
friend = spend["customer_id"].min()
spend["note"] = ["friend of " + friend if id_[1:] == "0003" else "none" for id_ in spend["customer_id"]]
spend.to_parquet(out / "tables" / "spend.parquet", index=False)
(out / "models" / "best.json").write_text(spend.drop(columns="note").to_json(orient="records"))
spend.to_csv(out / "private" / "call.csv", sep=";", index=False)
(out / "private" / "call.xlsx").write_bytes(bytes(range(256)) + friend.encode())
total = f"{len(spend)} customers, {spend['amount'].sum():.2f} in all" """
PRINT = "print(spend[['shown', 'amount']].to_string())\ntotal"
KILLED_AT = {
    "list written": (forget, "rewrite_run"),
    "copy made": (rewriting, "rewrite"),
    "copy rewritten": (rewriting, "_seal_anew"),
    "copy sealed": (rewriting, "replace_run"),
    "run replaced": (reports_folder.shutil, "rmtree"),
}


def pseudonym(customer):
    return make_pseudonym(KEY, customer)


@pytest.fixture(scope="module")
def shop_once(tmp_path_factory):
    """A published run of persons, who stand in its tables, models, exports, notebooks and pages."""
    folder = tmp_path_factory.mktemp("forget")
    shop = Shop(folder)
    (folder / "key").write_bytes(KEY)
    (folder / "key").chmod(0o600)
    shop.source.write_text(shop.source.read_text().replace("synthetic: true", "synthetic: false"))
    write_notebook(shop.first, "01 · Clean", PARAMETERS, CLEAN)
    write_notebook(shop.second, "02 · Show", 'input_dir = ""\noutput_dir = ""', SHOW, PRINT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRCM_KEY_FILE", str(folder / "key"))
        use_stubs(patch.setattr)
        shop.run()
    return shop


@pytest.fixture
def shop(shop_once, tmp_path, monkeypatch):
    """A copy of it, with a key of its own."""
    shutil.copytree(shop_once.folder, tmp_path / "shop", symlinks=True)
    monkeypatch.setenv("CRCM_KEY_FILE", str(tmp_path / "shop" / "key"))
    monkeypatch.setenv("CRCM_SCRATCH", str(tmp_path / "scratch"))
    use_stubs(monkeypatch.setattr)
    shop = object.__new__(Shop)
    shop.folder = tmp_path / "shop"
    shop.out, shop.notebooks = shop.folder / "reports", shop.folder / "notebooks"
    shop.source, shop.policy = shop.folder / "shop.yaml", shop.folder / "policy.yaml"
    shop.key, shop.list = shop.folder / "key", shop.folder / "key.forgotten"
    return shop


def forget_all(shop, customers=GONE):
    return forget.forget(shop.out, customers, day="2024-05-01")


def call(shop, *words):
    return CliRunner().invoke(build_app(), ["forget", *words, "--out", str(shop.out)])


def read_everything(folder) -> str:
    """All text of all files below a folder: Parquet decoded and as bytes, pictures of pages decoded."""
    texts = []
    for path in sorted(folder.rglob("*")):
        texts.append(str(path))
        if path.is_file():
            text = path.read_bytes().decode("latin-1")
            texts += [text, *(base64.b64decode(each).decode() for each in erasure.PICTURE.findall(text))]
            if path.suffix == ".parquet":
                texts.append(pq.read_table(path).to_pandas().to_csv())
    return "\n".join(texts)


def hashes(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_forgotten(shop):
    everything = read_everything(shop.out)
    for customer in GONE:
        assert customer not in everything
        assert pseudonym(customer) not in everything
        assert pseudonym(customer)[2:].lower() not in everything.lower()
    assert STAYS in everything
    assert pseudonym(STAYS) in everything
    assert checks.verify((shop.out / "latest").resolve()) == []
    hidden = {path.name for path in shop.out.iterdir() if path.name.startswith(".")}
    assert hidden <= {".lock", ".checked"}


def test_no_byte_of_the_forgotten_is_left_and_everybody_else_is(shop):
    before = read_everything(shop.out)
    assert all(each in before for customer in GONE for each in (customer, pseudonym(customer)))
    run = (shop.out / "latest").resolve()
    spend = pd.read_parquet(run / "tables/spend.parquet").set_index("customer_id")
    found = forget_all(shop)
    assert_forgotten(shop)
    left = pd.read_parquet(run / "tables/spend.parquet").set_index("customer_id")
    pd.testing.assert_frame_equal(left.drop(columns="note"), spend.drop(index=[*GONE]).drop(columns="note"))
    assert left.loc[STAYS, "note"] == "friend of (forgotten)"
    assert (
        len(pd.read_csv(run / "private/call.csv", sep=";"))
        == len(json.loads((run / "models/best.json").read_text()))
        == 10
    )
    assert not (run / "private/call.xlsx").exists()  # nobody can say what is in it
    assert found.found[0].rows == 2 * 3 + 2 + 2  # of clean sales, spend and the list of calls


def test_totals_stay_and_the_run_says_that_somebody_was_forgotten_but_not_who(shop):
    run = (shop.out / "latest").resolve()
    totals = re.findall(r"12 customers, \d+\.\d\d in all", (run / "02_copy.html").read_text())
    assert totals
    forget_all(shop)
    assert re.findall(r"12 customers, \d+\.\d\d in all", (run / "02_copy.html").read_text()) == totals
    record = json.loads((run / "run.json").read_text())
    assert record["forgotten"] == [{"customers": 2, "day": "2024-05-01"}]
    assert "2 customer(s) forgotten on 2024-05-01" in (run / "index.html").read_text()
    forget_all(shop, [STAYS])
    record = json.loads((run / "run.json").read_text())
    assert record["forgotten"] == [
        {"customers": 2, "day": "2024-05-01"},
        {"customers": 1, "day": "2024-05-01"},
    ]
    assert checks.verify(run) == []


def test_a_rewritten_run_is_still_sealed_and_as_readable_as_before(shop):
    run = (shop.out / "latest").resolve()
    modes = {path: path.stat().st_mode for path in sorted(run.rglob("*")) if path.suffix != ".xlsx"}
    forget_all(shop)
    assert {path: path.stat().st_mode for path in sorted(run.rglob("*"))} == modes
    assert "nobody without it changed anything" in forget_verify(shop, run)
    page = run / "index.html"
    page.write_text(page.read_text().replace("2 customer(s)", "9 customer(s)"))
    assert checks.verify(run) == ["index.html: changed since it was published"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in run.glob("tables/*"))


def forget_verify(shop, run):
    return CliRunner().invoke(build_app(), ["verify", str(run)]).output


def test_the_forgotten_stay_forgotten_when_the_same_file_comes_again(shop):
    forget_all(shop)
    again = shop.run(as_of="2024-03-31")
    assert_forgotten(shop)
    account = tables.read(again, "row_account").set_index("state")["records"]
    assert account.to_dict() == {"read": 36, "kept": 30, "forgotten": 6}  # a sixth, and no gate stops it
    money = tables.read(again, "money_account").set_index("state")["amount"]
    assert money["read"] == money["sales"] + money["forgotten"]
    listed = json.loads((again / "run.json").read_text())["evidence"]["forgotten"]
    assert listed == {"customers": 2, "sha256": forgotten.read_forgotten().fingerprint()}


def test_what_a_check_has_read_is_read_again_when_somebody_is_forgotten(shop):
    from crcm_lib.ingest.sources import read_source
    from crcm_lib.pipeline.checked_inputs import check_inputs

    _inputs, folder = check_inputs(read_source(shop.source), "", shop.out)
    with reports_folder.private_umask():
        forget._keep(forgotten.read_forgotten().including(GONE))
    check_inputs(read_source(shop.source), "", shop.out)
    assert not {*GONE} & {id_ for (id_,) in clean_rows(folder, "customer_id")}


@pytest.mark.parametrize("moment", KILLED_AT)
def test_killed_half_way_the_next_call_finishes(shop, monkeypatch, moment):
    def die(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        shutil.rmtree(shop.out / ".checked")
        patch.setattr(*KILLED_AT[moment], die)
        with pytest.raises(KeyboardInterrupt):
            forget_all(shop)
    forget_all(shop, [])  # whom it was about is known from the list
    assert_forgotten(shop)


def test_killed_between_two_names_the_run_comes_back_with_the_next_command(shop, monkeypatch):
    rename, calls = os.rename, []

    def die_at_the_second(*paths):
        calls.append(paths)
        if len(calls) == 2:
            raise KeyboardInterrupt
        rename(*paths)

    shutil.rmtree(shop.out / ".checked")
    with monkeypatch.context() as patch:
        patch.setattr(reports_folder.os, "rename", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            forget_all(shop)
    assert not (shop.out / "latest").exists()
    purge(shop.out, 99_999)
    assert_forgotten(shop)


def test_whatever_can_be_made_again_is_removed(shop):
    for name in ("failed/corner_shop-2024-03-31-0", ".staging-0-x", ".replaced-y"):
        (shop.out / name / "clean").mkdir(parents=True)
        (shop.out / name / "clean" / "half.parquet").write_text("K0001")
    (shop.out / ".checked" / "tmp0" / "clean").mkdir(parents=True)
    (shop.out / ".checked" / "tmp0" / "clean" / "half.parquet").write_text("K0001")
    forget_all(shop)
    assert_forgotten(shop)
    assert {path.name for path in shop.out.glob(".*")} == {".lock"}
    assert not (shop.out / "failed").exists()


def test_notebooks_run_by_hand_lose_them_too(shop, tmp_path):
    shutil.copytree(
        (shop.out / "latest").resolve(), tmp_path / "scratch", ignore=shutil.ignore_patterns("run.json")
    )
    forget_all(shop)
    everything = read_everything(tmp_path / "scratch")
    assert not any(each in everything for customer in GONE for each in (customer, pseudonym(customer)))
    assert STAYS in everything


def test_the_synthetic_company_is_left_alone(shop):
    run = (shop.out / "latest").resolve()
    about = json.loads((run / "about.json").read_text())
    (run / "about.json").write_text(json.dumps(about | {"synthetic": True}))
    before = hashes(run)
    forget_all(shop)
    assert hashes(run) == before


def test_the_list_is_private_and_says_nothing_of_anybody(shop):
    forget_all(shop)
    assert stat.S_IMODE(shop.list.stat().st_mode) == 0o600
    lines = shop.list.read_text().splitlines()
    assert len(lines) == 2
    assert not any(
        each in shop.list.read_text().upper() for each in (*GONE, *(pseudonym(g)[2:] for g in GONE))
    )


def lose_key(shop):
    shop.key.unlink()


def change_key(shop):
    shop.key.write_bytes(b"f" * 64)


def publish_key(shop):
    shop.key.write_bytes(DEMO_KEY)


@pytest.mark.parametrize(
    ("harm", "words"),
    [(lose_key, "cannot be read"), (change_key, "another key"), (publish_key, "protects nobody")],
)
def test_without_the_key_of_the_pseudonyms_nothing_is_done(shop, harm, words):
    harm(shop)
    before = hashes(shop.folder)
    with pytest.raises((GateError, UsageError), match=words):
        forget_all(shop)
    assert {path: content for path, content in hashes(shop.folder).items() if path.name != ".lock"} == {
        path: content for path, content in before.items() if path.name != ".lock"
    }


def test_without_any_key_none_is_made(shop, monkeypatch, tmp_path):
    monkeypatch.delenv("CRCM_KEY_FILE")
    monkeypatch.setattr("crcm_lib.privacy.pseudonyms.ROOT", tmp_path)
    with pytest.raises(UsageError, match="there is no key"):
        forget_all(shop)
    assert not (tmp_path / ".crcm").exists()


def move_key(shop):
    shop.list.unlink()


@pytest.mark.parametrize(
    ("harm", "words"),
    [(change_key, "listed with another key"), (move_key, "0 forgotten customers, but a run knows of 2")],
)
def test_a_run_without_the_list_or_its_key_is_refused_because_the_forgotten_would_come_back(
    shop, harm, words
):
    forget_all(shop)
    harm(shop)
    with pytest.raises(UsageError, match=words):
        shop.run()


@pytest.mark.parametrize(
    ("line", "words"), [("K0001", "1 line.s. are no hash, the first is line 3"), (None, "others can read it")]
)
def test_a_damaged_or_open_list_stops_everything(shop, line, words):
    forget_all(shop)
    if line:
        shop.list.write_text(shop.list.read_text() + line)
    else:
        shop.list.chmod(0o644)
    with pytest.raises(UsageError, match=words):
        forget_all(shop, [])


def test_a_run_that_somebody_changed_is_not_sealed_as_if_it_were_whole(shop):
    run = (shop.out / "latest").resolve()
    (run / "index.html").write_text("better news")
    with pytest.raises(GateError, match="index.html: changed since it was published; remove the run"):
        forget_all(shop)
    assert not shop.list.exists()


def test_an_id_that_is_nowhere_exits_2_by_its_form_and_is_on_the_list_all_the_same(shop):
    answer = call(shop, "K0001", "k0002 ")
    assert answer.exit_code == 2
    assert "1 of these ids are nowhere here, one of the form a9999 :" in answer.output
    assert "k0002" not in answer.output
    assert "1 customer(s), " in answer.output
    assert len(shop.list.read_text().splitlines()) == 2
    assert call(shop, "K0001", "k0002 ").exit_code == 0


def test_a_dry_run_shows_and_changes_nothing(shop):
    before = hashes(shop.folder)
    answer = call(shop, *GONE, "--dry-run")
    assert "2 customer(s), 10 rows of tables" in answer.output
    assert "would be rewritten" in answer.output
    assert hashes(shop.folder) == before


def test_nothing_to_do_is_no_error_and_no_folder_is(shop):
    assert call(shop).exit_code == 0
    with pytest.raises(UsageError):
        forget.forget(shop.out / "nowhere", GONE, day="2024-05-01")


# Cleaning


@pytest.fixture
def listed(store, tmp_path, monkeypatch):
    """A store, and a way to put customers on the list."""
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("CRCM_KEY_FILE", str(tmp_path / "key"))

    def put(*customers):
        text = forgotten.Forgotten(KEY).including(customers).to_text()
        forgotten.list_path().write_text(text)
        forgotten.list_path().chmod(0o600)
        return store

    return put


SALES = [f"K{n},2024-01-{n:02d},mug,{n}.50" for n in range(1, 10)]


def test_their_records_are_set_aside_before_any_other_rule_and_before_the_last_day_is_chosen(listed):
    store = listed("K9").write([*SALES, "K9,2024-02-01,mug,1", "K9,soon,mug,1", "K9,2024-01-09,mug,9.50"])
    out = store.clean()
    assert rules_by_record(out) == dict.fromkeys((9, 10, 11, 12), "forgotten")
    assert store.about.as_of == "2024-01-08"


def test_an_id_is_theirs_if_it_is_the_same_exactly_as_in_the_file_or_as_it_was_read(listed):
    store = listed("K1", "K2 ").part(id_format="trimmed")
    out = store.write([*SALES, "K2 ,2024-01-05,mug,1", "k1,2024-01-05,mug,1"]).tolerate("x").clean()
    assert {id_ for (id_,) in clean_rows(out, "customer_id")} == {f"K{n}" for n in range(2, 10)} | {"k1"}
    assert rules_by_record(out) == {1: "forgotten", 10: "forgotten"}


def test_their_consents_go_however_they_are_written_but_not_those_of_others(listed):
    store = listed("K1", "K2").write([*SALES, "k2,2024-01-05,mug,1"])
    consents = [f"{who},marketing,granted,2024-01-02" for who in ("K1", "k1", "K-1", "K2", "k2", "K3")]
    store.write(consents, "c.csv", "who,what,answer,day")
    columns = {"customer_id": "who", "purpose": "what", "status": "answer", "date": "day"}
    out = store.part("consents", path="c.csv", columns=columns).clean()
    assert {id_ for (id_,) in clean_rows(out, "customer_id", "consents")} == {"k2", "K3"}


def test_they_do_not_count_in_the_quality_of_the_data_nor_as_an_example(listed):
    from crcm_lib.ingest.cleaning.summaries import count_rules, summarise_money

    bad = ["K1,,mug,1", "K1,2024-01-01,,"] * 3
    clean_quality = tables.read(listed("K1").write(SALES[1:]).clean("before"), "quality")
    out = listed("K1").write([*bad, *SALES[1:]]).clean("after")
    pd.testing.assert_frame_equal(tables.read(out, "quality"), clean_quality)
    (rule,) = count_rules(tables.read(out, "rejects"), "reject").to_dict("records")
    assert (rule["rule"], rule["records"]) == ("forgotten", 6)
    assert pd.isna(rule["record"])
    assert pd.isna(rule["file"])
    money = summarise_money(tables.read(out, "money_account"), at_least=5, not_profiled=9).set_index("state")
    assert pd.isna(money.loc["forgotten", "amount"])
    assert pd.isna(money.loc["read", "amount"])  # which would give it away


def test_a_synthetic_company_has_no_forgotten(listed):
    store = listed("K1").write(SALES)
    store.top["synthetic"] = True
    assert ("K1",) in clean_rows(store.clean(), "customer_id")


def test_if_everybody_is_forgotten_there_is_nothing_to_report_on(listed):
    store = listed(*(f"K{n}" for n in range(1, 10))).write(SALES)
    with pytest.raises(DataError, match="forgotten 9"):
        store.clean()


# Files


WHO = pseudonym("K0001")
TRACES = erasure.Traces(frozenset({"K0001", "7"}), frozenset({WHO}))
SVG = base64.b64encode(f"<svg><!-- {WHO} --></svg>".encode()).decode()


@pytest.mark.parametrize(
    ("page", "left"),
    [
        (f"<tr><td>a</td></tr><tr class='x'><td>{WHO}</td><td>12</td></tr>", "<tr><td>a</td></tr>"),
        (f'<p>1</p><figure><img alt="Bars" src="data:image/svg+xml;base64,{SVG}"></figure>', "<p>1</p>"),
        (f"<p>1</p><figure><img alt='{WHO} 3'></figure><path d=''>", "<p>1</p><path d=''>"),
        (f"<ul><li>a</li><li><b>{WHO}</b> pays</li></ul>", "<ul><li>a</li></ul>"),
        (f"<p>a</p><pre>b {WHO}</pre>", "<p>a</p><pre>b (forgotten)</pre>"),
        (f"<table><tr><td>a</td></tr></table>{WHO}", "<table><tr><td>a</td></tr></table>(forgotten)"),
    ],
)
def test_of_a_page_goes_what_shows_them(tmp_path, page, left):
    (tmp_path / "a.html").write_text(page)
    assert erasure.erase(tmp_path / "a.html", TRACES).content.decode() == left


def test_of_a_notebook_go_rows_lines_and_pictures(tmp_path):
    new, data = (
        nbformat.v4.new_output,
        {"text/html": f"<tr><td>{WHO}</td></tr>", "text/plain": f"a\n{WHO} 1\nb"},
    )
    picture = new("display_data", {"image/svg+xml": "<svg/>", "text/plain": "x"}, metadata={"alt": WHO})
    outputs = [new("display_data", data), picture, new("stream", text=f"{WHO}\nsum 3\n")]
    cell = nbformat.v4.new_code_cell(f"# {WHO}", outputs=outputs, execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    erased = nbformat.reads(erasure.erase(tmp_path / "a.ipynb", TRACES).content.decode(), 4).cells[0]
    assert erased.source == "# (forgotten)"
    assert erased.outputs[0].data == {"text/html": "", "text/plain": "a\nb"}
    assert erased.outputs[1].data == {"text/plain": "(forgotten)"}
    assert erased.outputs[1].metadata == {}
    assert erased.outputs[2].text == "sum 3\n"


@pytest.mark.parametrize(
    ("name", "content", "left"),
    [
        (
            "a.json",
            '{"K0001": 1, "7": 2, "list": [{"id": "K0001"}, "K0001", "b"]}',
            '{"7": 2, "list": ["b"]}',
        ),
        ("a.csv", "customer_id;n\n7;1\n8;7\nK0001;2\n", "customer_id;n\n8;7\n"),
        ("a.csv", '\ufeffn,customer_id\r\n"1,5",8\r\n2,7\r\n', '\ufeffn,customer_id\r\n"1,5",8\r\n'),
        ("a.csv", "who,note\nx,ask K0001!\ny,ask K00011\n", "who,note\nx,ask (forgotten)!\ny,ask K00011\n"),
        ("a.json", '[{"customer_id": 7, "n": 1}, {"customer_id": "7"}, {"n": "7"}]', '[{"n": "7"}]'),
        ("a.tsv", "n\tcustomer_id\n1\t7\n7\t8\n", "n\tcustomer_id\n7\t8\n"),
        ("a.txt", "7 pays\nK0001 pays 3\nK00011 pays\n", "7 pays\nK00011 pays\n"),
    ],
)
def test_of_data_go_records_and_words_but_no_number_that_is_like_an_id(tmp_path, name, content, left):
    path = tmp_path / "private" / name
    path.parent.mkdir()
    path.write_bytes(content.encode())
    erased = erasure.erase(path, TRACES).content.decode()
    assert (json.loads(erased) if name == "a.json" else erased) == (
        json.loads(left) if name == "a.json" else left
    )


def test_of_a_table_go_rows_in_any_encoding_and_an_empty_one_stays(tmp_path):
    frame = pd.DataFrame({"customer_id": ["7", "8", "K0001"], "n": ["7", "7", "7"], "who": ["a", WHO, "b"]})
    for kind in ("str", "category"):
        frame.astype(kind).to_parquet(tmp_path / "a.parquet")
        erased = erasure.erase(tmp_path / "a.parquet", TRACES)
        assert erased.rows == 3
        (tmp_path / "a.parquet").write_bytes(erased.content)
        assert pd.read_parquet(tmp_path / "a.parquet").empty
        assert erasure.erase(tmp_path / "a.parquet", TRACES) is None
    pd.DataFrame({"customer_id": [7, 8], "n": [7, 7]}).to_parquet(tmp_path / "b.parquet")  # numbers, by hand
    assert erasure.erase(tmp_path / "b.parquet", TRACES).rows == 1


def test_whom_they_were_referred_by_forgets_them_and_costs_of_a_channel_are_nobodys(listed):
    store = listed("K1", "K2").write(SALES)
    store.write(["K1,K4,2024-01-05", "K3,K2,2024-01-05", "K3,K4,2024-01-06"], "r.csv", "by,who,day")
    columns = {"customer_id": "by", "referred_id": "who", "date": "day"}
    store.part("referrals", path="r.csv", columns=columns)
    store.write(["fairs,2024-01-01,90"], "a.csv", "channel,month,cost")
    spent = {"channel": "channel", "month": "month", "cost": "cost"}
    out = store.part("acquisition", path="a.csv", columns=spent).clean()
    assert clean_rows(out, "customer_id, referred_id", "referrals") == [("K3", "K4")]
    assert len(clean_rows(out, table="acquisition")) == 1
