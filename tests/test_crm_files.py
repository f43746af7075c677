"""What goes back into a CRM system: read by a checker that knows the vendors' limits from their pages alone.

Round trips: a made-up export -> a drafted description -> clean tables -> a run's tables -> import files, in
which every customer of the export stands once, with the id that the system gave and the tier in force.
"""

import csv
import json
import re
import shutil
import stat
from datetime import date

import openpyxl
import pandas as pd
import pytest
from fixtures.exports import WRITERS, Layout
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.config.policy import read_policy
from crcm_lib.errors import UsageError
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.drafting import confirm, draft_source, list_unconfirmed, write_draft
from crcm_lib.ingest.sources import read_source
from crcm_lib.reporting import exports
from crcm_lib.reporting.exports import crm_files
from crcm_lib.reporting.exports.crm_files import list_accounts, save_crm_files, shorten
from crcm_lib.reporting.exports.crm_systems import SYSTEMS
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = read_policy("policy.yaml")
FORMS = {"zoho": "zoho_crm", "fxiaoke": "fxiaoke"}
ACCOUNTS = {
    "zoho": [
        "CRCM Tier",
        "CRCM Score",
        "CRCM Segment",
        "CRCM Alert",
        "CRCM Value",
        "CRCM Reason",
        "CRCM As Of",
    ],
    "fxiaoke": ["客户级别", "CRCM评分", "CRCM分群", "CRCM预警", "CRCM价值", "CRCM原因", "CRCM日期"],
}
TASKS = {
    "zoho": ["Related To", "Subject", "Due Date", "Owner", "Priority", "Status", "Description"],
    "fxiaoke": ["客户编号", "主题", "截止日期", "负责人", "优先级", "状态", "销售记录内容"],
}
OF_RUN = ("customer_features", "stages", "rfm", "churn", "value", "tiers", "actions", "calendar", "care")


# The checker: from the vendors' pages (shared by hand), not from the code under test


def read_zoho(path):
    """The rows of a file for Zoho CRM, if it is one that its import takes."""
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert len(raw) <= 25_000_000
    head, *rows = csv.reader(raw.decode("utf-8").splitlines())
    assert len(rows) <= 10_000
    assert len(set(head)) == len(head) <= 200
    for row in rows:
        assert len(row) == len(head)
        assert not any(set('"|<>\n\r') & set(cell) for cell in row)
        assert not any(cell.startswith(("=", "+", "@")) for cell in row)
        for name, cell in zip(head, row, strict=True):
            assert len(cell) <= (2_000 if name in ("CRCM Reason", "Description") else 255)
            assert len(cell) <= 16 or name not in ("CRCM Score", "CRCM Value")
    return pd.DataFrame(rows, columns=head, dtype="str")


def read_fxiaoke(path):
    """The rows of a workbook for 纷享销客: one sheet, one line of headers, text alone."""
    book = openpyxl.load_workbook(path)
    (sheet,) = book.worksheets
    assert sheet.auto_filter.ref is None
    head, *rows = sheet.iter_rows(values_only=True)
    assert len(rows) <= 2_000
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    return pd.DataFrame(rows, columns=head, dtype="object").fillna("").astype("str")


READERS = {"zoho": read_zoho, "fxiaoke": read_fxiaoke}


def read_files(folder, system, what):
    files = sorted(path for path in folder.iterdir() if re.match(f"{system}_{what}[_.]", path.name))
    return pd.concat([READERS[system](path) for path in files], ignore_index=True)


# Exports of made-up systems, and runs of them


def clean_export(form, folder):
    """A made-up export, drafted, confirmed and cleaned as `crcm init`, `confirm` and 01 do."""
    folder.mkdir()
    written = WRITERS[form](folder, Layout())
    target = folder / "shop.yaml"
    write_draft(draft_source(written.files, target), target)
    confirm(target, written.accept)
    confirm(target, dict.fromkeys(list_unconfirmed(target)))
    clean(read_source(target), folder / "run", as_of="2025-12-31")
    return folder / "run"


def tabulate(run):
    """Let the run have the tables of the sample's first customers, under the ids of its own."""
    ids = pd.read_parquet(run / "clean" / "customers.parquet")["customer_id"]
    names = dict(zip(tables.read(GOLDEN, "actions")["customer_id"].drop_duplicates(), ids, strict=False))
    for name in OF_RUN:
        frame = pd.read_parquet(tables.table_path(GOLDEN, name))
        kept = frame[frame["customer_id"].isin(names)]
        tables.table_path(run, name).parent.mkdir(exist_ok=True)
        kept.assign(customer_id=kept["customer_id"].map(names)).to_parquet(tables.table_path(run, name))
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crm")
    made = {system: tabulate(clean_export(form, folder / system)) for system, form in FORMS.items()}
    for run in made.values():
        exports.write_exports(run, POLICY)
    return made


@pytest.fixture(scope="module")
def saved(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("files")
    for system, run in runs.items():
        save_crm_files(run, POLICY, system, out / system)
    return out


def exported_ids(system, run):
    """The ids in the export's own list of accounts, read as the export was written."""
    if system == "zoho":
        with open(run.parent / "Accounts.csv", encoding="utf-8", newline="") as stream:
            return {row["Record Id"] for row in csv.DictReader(stream)}
    head, *rows = openpyxl.load_workbook(run.parent / "客户.xlsx").worksheets[0].iter_rows(values_only=True)
    return {row[head.index("客户编号")] for row in rows}


@pytest.mark.parametrize(("system", "key"), [("zoho", "Record Id"), ("fxiaoke", "客户编号")])
def test_every_customer_comes_back_once_under_the_id_of_the_export_with_the_tier_in_force(
    system, key, runs, saved
):
    accounts = read_files(saved / system, system, "accounts")
    assert list(accounts) == [key, *ACCOUNTS[system]]
    assert accounts[key].is_unique
    assert set(accounts[key]) == exported_ids(system, runs[system])
    tier = accounts.set_index(key)[ACCOUNTS[system][0]]
    named = {each.name: each.name if system == "zoho" else each.zh for each in POLICY.tiers}
    wanted = tables.read(runs[system], "tiers")["tier_in_force"].map(named)
    assert tier.to_dict() == wanted.to_dict()
    assert tier.nunique() > 2
    day = accounts[ACCOUNTS[system][-1]].unique()
    assert [date.fromisoformat(each) for each in day] == [tables.read_about(runs[system]).day.date()]
    assert (accounts[ACCOUNTS[system][5]] != "").all()


@pytest.mark.parametrize("system", FORMS)
def test_every_task_of_the_plan_comes_back_for_a_customer_of_the_export(system, runs, saved):
    tasks = read_files(saved / system, system, "tasks")
    assert list(tasks) == TASKS[system]
    assert set(tasks.iloc[:, 0]) <= exported_ids(system, runs[system])
    dated = tasks[tasks.iloc[:, 2] != ""]
    assert len(dated) == len(tables.read(runs[system], "calendar"))
    assert set(tasks.iloc[:, 4]) <= ({"High", "Normal"} if system == "zoho" else {"高", "普通"})
    due = tables.read_about(runs[system]).day + pd.Timedelta(days=7)
    first = tasks.iloc[:, 4].isin(["High", "高"])
    assert first.any()
    assert (pd.to_datetime(tasks.loc[first].iloc[:, 2]) <= due).all()
    assert (tasks.iloc[:, 1] != "").all()
    assert (tasks.iloc[:, 6] != "").all()


def test_what_to_say_is_chinese_in_a_chinese_system(saved):
    told = {system: read_files(saved / system, system, "tasks").iloc[:, 6] for system in FORMS}
    named = {action.name: (action.zh, action.say, action.say_zh) for action in POLICY.playbook if action.say}
    tasks = read_files(saved / "fxiaoke", "fxiaoke", "tasks")
    for zh, say, say_zh in named.values():
        mine = tasks.loc[tasks["主题"] == zh, "销售记录内容"]
        assert mine.str.startswith(say_zh).all()
        assert not mine.str.contains(say, regex=False).any()
    assert not told["zoho"].str.contains("[一-鿿]", regex=True).any()


def test_a_run_with_a_plan_and_without_lists_is_refused_and_not_taken_for_one_without_tasks(runs, tmp_path):
    shutil.copytree(runs["zoho"], tmp_path / "run")
    (tmp_path / "run" / exports.EXPORTS / exports.TASKS).unlink()
    with pytest.raises(UsageError, match="has no lists"):
        save_crm_files(tmp_path / "run", POLICY, "zoho", tmp_path / "out")


@pytest.mark.parametrize("system", FORMS)
def test_the_files_are_private_equal_when_made_again_and_without_parts_of_an_earlier_export(
    system, runs, saved, tmp_path
):
    folder = tmp_path / "out"
    folder.mkdir(mode=0o700)
    suffix = SYSTEMS[system].suffix
    (folder / f"{system}_accounts_02{suffix}").write_text("of an earlier export")
    (folder / "mine.txt").write_text("not ours")
    paths = save_crm_files(runs[system], POLICY, system, folder)
    assert {path.name for path in folder.iterdir()} == {*(path.name for path in paths), "mine.txt"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    assert stat.S_IMODE((saved / system).stat().st_mode) == 0o700
    for path in paths:
        assert path.read_bytes() == (saved / system / path.name).read_bytes()


@pytest.mark.parametrize("system", FORMS)
def test_more_than_a_file_may_hold_is_split_and_nothing_is_lost(system, runs, saved, tmp_path, monkeypatch):
    small = crm_files.replace(SYSTEMS[system], max_rows=15)
    monkeypatch.setitem(SYSTEMS, system, small)
    save_crm_files(runs[system], POLICY, system, tmp_path / "out")
    parts = sorted((tmp_path / "out").glob(f"{system}_accounts_*"))
    assert [len(READERS[system](part)) for part in parts] == [15, 15, 10]
    whole = read_files(saved / system, system, "accounts")
    assert read_files(tmp_path / "out", system, "accounts").equals(whole)


def test_a_file_is_split_by_its_bytes_too(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(SYSTEMS, "zoho", crm_files.replace(SYSTEMS["zoho"], max_bytes=3_000))
    save_crm_files(runs["zoho"], POLICY, "zoho", tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("zoho_accounts_*"))
    assert len(parts) > 1
    assert all(part.stat().st_size <= 3_000 for part in parts)
    assert len(read_files(tmp_path / "out", "zoho", "accounts")) == 40


# Ids and words


@pytest.mark.parametrize(
    ("system", "ids", "key"),
    [
        ("zoho", ["4980000000000000001", "zcrm_4980000000000000002"], "Record Id"),
        ("zoho", ["4980000000000000001", "K2"], "CRCM ID"),
        ("zoho", ["00123"], "CRCM ID"),
        ("fxiaoke", ["KH0001", "公司2"], "客户名称"),
        ("fxiaoke", ["5f0c3b1a2d4e6f7890abcdef"], "客户ID"),
        ("fxiaoke", ["KH0001"], "客户编号"),
    ],
)
def test_the_key_is_named_after_what_the_ids_look_like(system, ids, key):
    named = crm_files._name_key(SYSTEMS[system], ids)
    assert named.accounts[0].label == key
    assert named.tasks[0].label == (key if system == "fxiaoke" else "Related To")


@pytest.mark.parametrize("bad", ["=HYPERLINK(1)", "a|b", "a<b", 'a"b', "a\nb", "x" * 256])
def test_an_id_that_cannot_be_written_exactly_is_refused(bad, runs, monkeypatch, tmp_path):
    accounts = list_accounts(runs["zoho"], POLICY, SYSTEMS["zoho"])
    accounts.loc[0, "customer_id"] = bad
    monkeypatch.setattr(crm_files, "list_accounts", lambda *_given: accounts)
    with pytest.raises(UsageError, match=r"^1 ids cannot be imported into Zoho CRM") as caught:
        save_crm_files(runs["zoho"], POLICY, "zoho", tmp_path / "out")
    assert bad not in str(caught.value)
    assert not list(tmp_path.glob("out/*"))


def test_words_from_the_data_lose_what_the_system_forbids_and_ids_lose_nothing(runs):
    zoho = SYSTEMS["zoho"]
    field = zoho.tasks[3]
    words = pd.Series(['=1+1 "A" <b>|c\nd', "x " * 300])
    first, second = crm_files._write_values(words, field, zoho)
    assert first == "1+1 'A' ‹b›/c d"
    assert len(second) <= 255
    assert second.endswith("x…")


@pytest.mark.parametrize("length", [1, 2, 7, 20])
def test_a_cut_text_is_never_too_long_and_a_short_one_is_left(length):
    for text in ("a bc def ghij klmno", "战略客户重要客户战略客户", "", "abcdefghijklmnopqrstuvwxyz" * 2):
        cut = shorten(text, length)
        assert len(cut) <= length
        assert (cut == text) == (len(text) <= length)


# The page


@pytest.mark.parametrize("system", FORMS)
def test_the_page_names_every_field_of_the_file_that_the_system_does_not_have_and_every_tier(system, saved):
    page = (saved / system / "fields_to_create.html").read_text("utf-8")
    created = re.findall(
        r'<th scope="row">([^<]+)</th><td>[A-Za-z_]+__c|<th scope="row">([^<]+)</th><td>CRCM_', page
    )
    assert {"".join(pair) for pair in created} >= {name for name in ACCOUNTS[system] if "CRCM" in name}
    for tier in POLICY.tiers:
        assert (tier.zh if system == "fxiaoke" else tier.name) in page
    assert "No file has been imported into a live" in page
    assert "assumed" in page
    assert not re.search(r"""(?:src|href)=["']?https?:""", page)


def test_a_page_without_zohos_ids_asks_for_the_unique_field_and_says_that_tasks_need_it(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    exports.write_exports(tmp_path / "run", POLICY)
    save_crm_files(tmp_path / "run", POLICY, "zoho", tmp_path / "out")
    assert read_files(tmp_path / "out", "zoho", "tasks")["Description"].str.contains("; offer: P-").any()
    told = crm_files.list_crm_tasks(tmp_path / "run", POLICY, SYSTEMS["fxiaoke"])["description"]
    assert told.str.contains("向您推荐您还没有在我们这里买过的产品; 推荐：P-", regex=False).any()
    page = (tmp_path / "out" / "fields_to_create.html").read_text("utf-8")
    assert "CRCM_ID" in page
    assert "has to be replaced by the Record Id" in page
    accounts = read_files(tmp_path / "out", "zoho", "accounts")
    assert accounts["CRCM ID"].is_unique
    assert set(accounts["CRCM ID"]) == set(tables.read(GOLDEN, "tiers").index)


# The command


def test_a_run_without_tiers_is_refused(tmp_path):
    with pytest.raises(UsageError, match="has no tiers"):
        save_crm_files(tmp_path, POLICY, "zoho", tmp_path / "out")


def test_the_command_lists_the_files_and_follows_the_policy_of_the_run(runs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs["fxiaoke"], run)
    text = (ROOT / "policy.yaml").read_text("utf-8").replace("zh: 战略客户", "zh: 钻石客户")
    (run / "private" / "policy.yaml").write_text(text, "utf-8")
    (run / "run.json").write_text(json.dumps({"evidence": {"parameters": {"overrides": "{}"}}}), "utf-8")
    said = CliRunner().invoke(
        build_app(), ["export", str(run), "--for", "fxiaoke", "--to", str(tmp_path / "out")]
    )
    assert said.exit_code == 0, said.output
    assert [line.rsplit("/", 1)[-1] for line in said.output.splitlines()] == [
        *("fxiaoke_accounts.xlsx", "fxiaoke_tasks.xlsx", "fields_to_create.html")
    ]
    tiers = set(read_files(tmp_path / "out", "fxiaoke", "accounts")["客户级别"])
    assert "战略客户" not in tiers
    assert "钻石客户" in tiers or "strategic" not in set(tables.read(run, "tiers")["tier_in_force"])


def test_import_files_cannot_be_encrypted(runs, tmp_path):
    said = CliRunner().invoke(
        build_app(),
        ["export", str(runs["zoho"]), "--for", "zoho", "--encrypt", "--to", str(tmp_path / "out")],
    )
    assert said.exit_code == 2
    assert "cannot be encrypted" in said.output


@pytest.mark.slow
@pytest.mark.parametrize("system", FORMS)
def test_the_whole_way_from_a_systems_export_by_a_run_back_into_it(system, tmp_path):
    clean_export(FORMS[system], tmp_path / "export")
    source, reports = tmp_path / "export" / "shop.yaml", tmp_path / "reports"
    command = CliRunner()
    done = command.invoke(build_app(), ["run", "--source", str(source), "--out", str(reports)])
    assert done.exit_code == 0, done.output
    run = reports / "latest"
    done = command.invoke(build_app(), ["export", str(run), "--for", system, "--to", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    accounts = read_files(tmp_path / "out", system, "accounts")
    named = {each.name: each.name if system == "zoho" else each.zh for each in POLICY.tiers}
    wanted = tables.read(run, "tiers")["tier_in_force"].map(named)
    assert dict(zip(accounts.iloc[:, 0], accounts.iloc[:, 1], strict=True)) == wanted.to_dict()
    assert set(accounts.iloc[:, 0]) <= exported_ids(system, tmp_path / "export" / "run")
