"""Lists for those who work: what a role or an owner is to do, in a workbook, a CSV file and a calendar."""

import csv
import io
import json
import os
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import icalendar
import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.config.policy import read_policy
from crcm_lib.errors import UsageError
from crcm_lib.pipeline import erasure, rewriting
from crcm_lib.reporting import exports, private_pages
from crcm_lib.reporting.exports import calendar_files, lists
from crcm_lib.reporting.exports.task_list import COLUMNS, list_tasks, list_words
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT, About

NO_EFFECTS = pd.DataFrame({"action": [], "differs": []})
GOLDEN = ROOT / "data" / "sample" / "golden"
ABOUT = About("s", "t", "2026-01-04", "2025-01-01", "CNY", synthetic=True)
RECORD = {"run": "r", "title": "t", "as_of": "2025-12-31", "currency": "CNY"}
HOSTILE = {"id": "=HYPERLINK(1)", "why": "+1-2", "say": "http://x.org/a?b", "long": "00123456789012345678"}


@pytest.fixture(scope="module")
def policy():
    return read_policy(ROOT / "policy.yaml", "{}")


@pytest.fixture(scope="module")
def run(tmp_path_factory, policy):
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
    exports.write_exports(folder, policy)
    return folder


@pytest.fixture(scope="module")
def tasks(run):
    return exports.read_tasks(run)


def task(**facts):
    whole = dict.fromkeys(COLUMNS, "x") | {"day": pd.Timestamp("2026-01-05"), "cost": 1.5, "owner": ""}
    whole |= {"gain": np.nan, "hours": 0.25}
    return pd.DataFrame([whole | facts])


# What is a task


@pytest.mark.parametrize("money", ["cost", "gain"])
def test_money_adds_up_to_that_of_the_plan_to_the_cent(tasks, money):
    plan = pd.concat([tables.read(GOLDEN, name) for name in ("actions", "care")])
    assert tasks[money].sum() == pytest.approx(plan[money].sum(), abs=0.005)
    per_action = tasks.groupby(["customer_id", "action"])[money].sum(min_count=1)
    planned = plan.set_index(["customer_id", "action"])[money]
    pd.testing.assert_series_equal(per_action, planned.reindex(per_action.index), atol=0.005, rtol=0)


def test_an_action_that_offers_says_what_and_no_other_does(tasks, policy):
    offering = {action.name for action in policy.playbook if action.offers}
    assert offering == {"next category"}
    named = tasks[tasks["offer"] != ""]
    assert set(named["action"]) == offering | {"points expiry reminder"}
    points = named.loc[named["action"] == "points expiry reminder", "offer"]
    assert points.str.fullmatch(r"[\d,]+ points expire").all()
    named = named[named["action"].isin(offering)]
    offers = tables.read(GOLDEN, "next_offers")
    first = named.iloc[0]
    mine = offers[offers["customer_id"] == first["customer_id"]].sort_values("rank")["item"]
    assert first["offer"] == ", ".join(mine)


def test_what_to_say_is_the_same_for_all_of_an_action_and_no_calendar_names_one_customers_offer(tasks):
    assert len(tasks[["action", "say"]].drop_duplicates()) == len(set(tasks["action"]))
    mine = tasks[tasks["action"] == "next category"]
    written = calendar_files.write_calendar(mine, "role", pd.Timestamp("2025-12-31"))
    (said,) = {
        str(e["description"]).split("\n")[0] for e in icalendar.Calendar.from_ical(written).walk("VEVENT")
    }
    assert said == mine["say"].iloc[0]
    assert mine["offer"].nunique() > 5


def test_a_price_band_up_is_on_the_list_of_an_action_that_offers_where_the_run_offers_it(
    tasks, policy, tmp_path
):
    shutil.copytree(GOLDEN, tmp_path / "run")
    (who, other) = tasks.loc[tasks["action"] == "next category", "customer_id"].head(2)
    up = {
        "category": "tea",
        "band": "low",
        "next_band": "middle",
        "price_from": 4.5,
        "comparable": 9,
        "share": 2 / 9,
    }
    tables.write(pd.DataFrame(up, pd.Index([who], name="customer_id")), tmp_path / "run", "upgrade_offers")
    made = list_tasks(tmp_path / "run", policy)
    said = made[made["action"] == "next category"].set_index("customer_id")["offer"]
    words = "; one price band up in tea, from 4.50 a piece: 22.2% of 9 comparable customers buy it"
    assert said[who].endswith(words)
    assert "price band" not in said[other]
    assert not made.loc[made["action"] != "next category", "offer"].str.contains("price band").any()
    assert not tasks["offer"].str.contains("price band").any()


def test_every_contact_of_the_calendar_is_a_task_and_what_needs_no_approach_has_no_day(tasks, policy):
    calendar = tables.read(GOLDEN, "calendar")
    dated = tasks.dropna(subset="day")
    assert len(dated) == len(calendar)
    silent = {action.name for action in policy.playbook if not action.contact}
    assert set(tasks.loc[tasks["day"].isna(), "action"]) == silent


def test_what_an_earlier_plan_began_is_a_task_with_its_cost_and_without_a_gain(run, policy, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    whole = tables.read(run, "calendar")
    planned = tables.read(run, "actions")
    nobody = planned[planned["action"] == "standard offer"].iloc[0]
    row = {"day": pd.Timestamp("2026-02-03"), "action": "nurture plan", "occasion": 3, "channel": "email"}
    row |= {"customer_id": nobody["customer_id"], "owner_role": "marketing manager"}
    more = pd.concat([whole, pd.DataFrame([row])], ignore_index=True).astype(whole.dtypes)
    tables.write(more, tmp_path / "run", "calendar")
    made = list_tasks(tmp_path / "run", policy)
    (begun,) = made[(made["customer_id"] == row["customer_id"]) & (made["action"] == "nurture plan")].to_dict(
        "records"
    )
    assert (begun["occasion"], begun["cost"], begun["tier"]) == ("3 of 4", 0.3, nobody["tier"])
    assert np.isnan(begun["gain"])
    others = made[~((made["customer_id"] == row["customer_id"]) & (made["action"] == "nurture plan"))]
    pd.testing.assert_frame_equal(others.reset_index(drop=True), list_tasks(run, policy))


def test_controls_and_standard_offers_are_on_no_list(tasks, policy):
    arms = tables.read(GOLDEN, "planned_assignments")
    controls = arms.loc[arms["arm"] == "control", ["customer_id", "action"]]
    assert tasks.merge(controls, on=["customer_id", "action"]).empty
    assert "standard offer" not in set(tasks["action"])


def test_who_is_held_out_of_the_programme_is_on_lists_for_service_alone(tasks, policy):
    holdout = tables.read(GOLDEN, "programme_holdout").reset_index()
    held = holdout.loc[holdout["group"] == "holdout", "customer_id"]
    assert len(held) > 20
    serving = {action.name for action in policy.playbook if action.lever == "service"}
    serving |= {entry.name for entry in policy.care if entry.is_service}
    assert set(tasks.loc[tasks["customer_id"].isin(held), "action"]) <= serving


def test_a_task_says_why_in_the_customers_own_numbers_and_how_often(tasks):
    first = tasks[tasks["action"] == "account manager review"].iloc[0]
    assert re.match(r"[a-z ]+: .*\d+ days", first["why"])
    assert first["occasion"] == "1 of 2"
    assert (tasks["say"] != "").all()
    assert (tasks["why"] != "").all()


def test_a_task_says_the_playbooks_sentence_for_the_customer_and_without_one_why(run, policy):
    by_name = {action.name: action for action in policy.playbook}
    silent = by_name["second order"].model_copy(update={"say": ""})
    playbook = tuple(silent if name == silent.name else action for name, action in by_name.items())
    said = list_tasks(run, policy.model_copy(update={"playbook": playbook})).groupby("action")["say"].first()
    assert said["second order"] == silent.because
    assert said["win back message"] == by_name["win back message"].say


def test_in_chinese_a_list_says_the_playbooks_chinese_sentence_and_else_what_there_is(policy):
    chinese, english = (list_words(policy, chinese=each) for each in (True, False))
    by_name = {action.name: action for action in policy.playbook}
    assert chinese["second order"] == by_name["second order"].say_zh
    assert english["second order"] == by_name["second order"].say
    untold = policy.model_copy(
        update={"playbook": (by_name["second order"].model_copy(update={"say_zh": ""}),)}
    )
    assert list_words(untold, chinese=True)["second order"] == by_name["second order"].say
    assert chinese.keys() == english.keys() >= {entry.name for entry in policy.care}


def test_a_run_without_a_plan_has_no_lists(tmp_path, policy):
    shutil.copytree(GOLDEN / "clean", tmp_path / "clean")
    shutil.copy(GOLDEN / "about.json", tmp_path)
    exports.write_exports(tmp_path, policy)
    assert not (tmp_path / "private").exists()
    assert list_tasks(tmp_path, policy).empty


# The files


def test_each_role_and_each_owner_has_a_workbook_a_csv_file_and_a_calendar(run, tasks):
    names = {path.name for path in (run / exports.EXPORTS).iterdir()} - {"tasks.csv"}
    whose = tasks["owner_role"].nunique() + (set(tasks["owner"]) - {""}).__len__()
    assert {Path(name).suffix for name in names} == {".xlsx", ".csv", ".ics"}
    assert len(names) == 3 * whose
    assert not any(owner in name for name in names for owner in set(tasks["owner"]) - {""})


def test_the_lists_of_all_roles_hold_every_task_once(run, tasks):
    files = sorted((run / exports.EXPORTS).glob("role_*.csv"))
    read = pd.concat(
        [pd.read_csv(path, dtype="str", encoding="utf-8-sig", keep_default_na=False) for path in files]
    )
    assert len(read) == len(tasks)
    assert read["cost"].astype(float).sum() == pytest.approx(tasks["cost"].sum(), abs=0.005)


def test_a_workbook_holds_the_same_cells_as_the_list(run, tasks):
    for number, role in enumerate(sorted(set(tasks["owner_role"])), start=1):
        (path,) = (run / exports.EXPORTS).glob(f"role_{number:02d}_*.xlsx")
        compare(openpyxl.load_workbook(path), tasks[tasks["owner_role"] == role])


def compare(book, wanted):
    assert book.sheetnames == ["this week", "all", "notes"]
    assert "not who will respond" in book["notes"]["A2"].value
    head, *rows = book["all"].iter_rows(values_only=True)
    assert head == tuple(lists.head_columns("CNY").values())
    shown = pd.DataFrame(rows, columns=list(COLUMNS))
    for name, kind in COLUMNS.items():
        given, found = wanted[name].reset_index(drop=True), shown[name]
        if kind == "day":
            assert pd.to_datetime(found).equals(
                given.astype("datetime64[ns]").astype(pd.to_datetime(found).dtype)
            )
        elif kind == "money":
            assert found.astype(float).to_list() == pytest.approx(given.to_list(), abs=1e-9, nan_ok=True)
        else:
            assert found.fillna("").astype("str").to_list() == given.to_list()


def test_a_list_says_where_its_order_follows_what_was_measured_in_whose_tier(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "run")
    rows = {"tier": ["key", "growth"], "measured": [0.01, 0.3], "error": 0.01, "used": [0.01, 0.3]}
    rows |= {"action": "second order", "p_adjusted": 0.001, "differs": True}
    tables.write(pd.DataFrame(rows), tmp_path / "run", "effects_by_tier")
    exports.write_exports(tmp_path / "run", read_policy(ROOT / "policy.yaml", "{}"))
    tasks = exports.read_tasks(tmp_path / "run")
    stems = exports.STEMS["owner_role"](exports.list_names(tasks, "owner_role"))
    noted = {}
    for role, stem in stems.items():
        book = openpyxl.load_workbook(tmp_path / "run" / exports.EXPORTS / f"{stem}.xlsx")
        noted[role] = [row[0].value for row in book["notes"].iter_rows(min_row=2)]
    mine = set(tasks.loc[tasks["action"] == "second order", "owner_role"])
    assert 0 < len(mine) < len(noted)
    for role, notes in noted.items():
        assert (len(notes) == 2) == (role in mine)
    assert notes_of(noted, mine).endswith("times worth: second order (growth 30.0%, key 1.0%).")


def notes_of(noted, roles):
    return noted[min(roles)][1]


def test_this_week_is_seven_days_and_comes_first(run, tasks):
    (path,) = (run / exports.EXPORTS).glob("role_01_*.xlsx")
    sheet = openpyxl.load_workbook(path)["this week"]
    days = {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert min(days) == pd.Timestamp("2026-01-04")  # a Sunday that is worked, after the holidays
    assert max(days) <= pd.Timestamp("2026-01-07")
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref.startswith("A1:N")


def test_ids_are_text_and_nothing_is_a_formula_or_a_link(tmp_path):
    hostile = task(
        customer_id=HOSTILE["long"], why=HOSTILE["why"], say=HOSTILE["say"], owner=HOSTILE["id"], tier="战略"
    )
    for suffix, content in lists.write_files(hostile, "role", ABOUT, NO_EFFECTS).items():
        (tmp_path / f"list{suffix}").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "list.xlsx") as parts:
        sheets = [
            parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/sheet")
        ]
        assert not any("<f>" in sheet or "hyperlink" in sheet for sheet in sheets)
    row = next(openpyxl.load_workbook(tmp_path / "list.xlsx")["all"].iter_rows(min_row=2))
    assert {cell.data_type for cell in row[1:8]} == {"s"}
    assert row[3].value == HOSTILE["long"]
    assert row[4].value == "战略"
    content = (tmp_path / "list.csv").read_bytes().decode("utf-8-sig")
    (line,) = list(csv.DictReader(io.StringIO(content)))
    assert line["owner"] == "'" + HOSTILE["id"]
    assert line["why"] == "'+1-2"
    assert line["customer_id"] == HOSTILE["long"]


def test_csv_is_read_back_as_it_was(tmp_path):
    (tmp_path / exports.EXPORTS).mkdir(parents=True)
    hostile = pd.concat(
        [task(why="+1-2", say='a "b", c\nd'), task(day=pd.NaT, cost=0.1, customer_id="007")],
        ignore_index=True,
    )
    (tmp_path / exports.EXPORTS / "tasks.csv").write_bytes(lists.write_csv(hostile))
    pd.testing.assert_frame_equal(exports.read_tasks(tmp_path), hostile, check_dtype=False)


def test_a_calendar_has_an_entry_a_day_and_action_that_names_whom_it_concerns(tasks):
    mine = tasks[tasks["owner_role"] == "key account manager"]
    calendar = icalendar.Calendar.from_ical(lists.write_files(mine, "kam", ABOUT, NO_EFFECTS)[".ics"])
    entries = list(calendar.walk("VEVENT"))
    assert len(entries) == mine.dropna(subset="day").groupby(["day", "action", "channel"]).ngroups
    named = [line for event in entries for line in str(event["description"]).splitlines()[1:]]
    assert sorted(named) == sorted(mine.dropna(subset="day")["customer_id"])
    assert not any(f"{event['dtstart'].dt}" in ("2026-01-01", "2026-01-02") for event in entries)
    assert len({str(event["uid"]) for event in entries}) == len(entries)


def test_of_many_customers_an_entry_says_how_many_more():
    many = pd.concat([task(customer_id=f"K{n}") for n in range(70)], ignore_index=True)
    (event,) = icalendar.Calendar.from_ical(lists.write_files(many, "r", ABOUT, NO_EFFECTS)[".ics"]).walk(
        "VEVENT"
    )
    assert str(event["description"]).splitlines()[-1] == "… and 10 more: see the list"


def test_equal_tasks_give_equal_bytes(run, tmp_path, policy):
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    exports.write_exports(tmp_path, policy)
    for path in (run / exports.EXPORTS).iterdir():
        assert path.read_bytes() == (tmp_path / exports.EXPORTS / path.name).read_bytes(), path.name


def test_who_is_forgotten_is_on_no_list_and_no_page_of_one(run, tmp_path, tasks):
    copy, gone = tmp_path / "copy", tasks["customer_id"].iloc[0]
    private_pages.write_private_pages(run, RECORD)
    (run / "run.json").write_text(json.dumps(RECORD))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    shutil.copytree(run, copy, copy_function=os.link)
    rewriting.rewrite(copy, erasure.Traces(frozenset([gone]), frozenset()))
    texts = {path: read(path) for path in (copy / "private").rglob("*") if path.is_file()}
    assert {path.suffix for path in texts} == {".xlsx", ".csv", ".ics", ".html"}
    assert not [path.name for path, text in texts.items() if re.search(rf"\b{gone}\b", text)]
    assert len(exports.read_tasks(copy)) == (tasks["customer_id"] != gone).sum()
    assert before == {path: path.read_bytes() for path in before}  # none of its files is the run's own


def test_decisions_that_changed_nothing_stay_listed_when_somebody_is_forgotten(policy, tasks, tmp_path):
    folder, (gone, stays) = tmp_path / "run", tasks["customer_id"].unique()[:2]
    shutil.copytree(GOLDEN, folder)
    day = pd.Timestamp("2025-12-01")
    signed = {"decision": "approve", "by": "Li", "day": day, "reason": "x", "tier": None, "until": pd.NaT}
    idle = pd.DataFrame([signed | {"why_idle": "too_early"}] * 2, pd.Index([gone, stays], name="customer_id"))
    idle = idle.astype({"tier": "str", "until": "datetime64[us]"})
    tables.write(idle, folder, "idle_decisions")
    exports.write_exports(folder, policy)
    (folder / "run.json").write_text(json.dumps(RECORD))
    rewriting.rewrite(folder, erasure.Traces(frozenset([gone]), frozenset()))
    listed = (folder / exports.EXPORTS / exports.IDLE).read_text("utf-8-sig")
    assert stays in listed
    assert gone not in listed


def read(path):
    """The text of a file: of a workbook all its parts, of a calendar its lines unfolded."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as parts:
            return "\n".join(parts.read(name).decode() for name in parts.namelist())
    return path.read_bytes().decode().replace("\r\n ", "")


# Handed out


def test_a_list_is_saved_under_the_name_of_who_works_by_it(run, tmp_path):
    saved = exports.save_lists(run, "S02", tmp_path / "out")
    assert [path.name for path in saved] == ["S02.xlsx", "S02.csv", "S02.ics"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in saved} == {0o600}
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    exports.save_lists(run, "S02", tmp_path / "out")
    everybody = exports.save_lists(run, exports.ALL, tmp_path / "all")
    assert len(everybody) == 3 * 13


def test_nobodys_list_is_refused_with_who_has_one(run, tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'sales director'"):
        exports.save_lists(run, "sales directer", tmp_path)
    with pytest.raises(UsageError, match="has no lists"):
        exports.save_lists(tmp_path, "all", tmp_path)


def test_with_a_password_there_are_workbooks_alone_that_ask_for_it(run, tmp_path):
    import msoffcrypto

    (path,) = exports.save_lists(run, "S02", tmp_path, password="open 芝麻")
    with open(path, "rb") as file, pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(file)
    with open(path, "rb") as file:
        locked = msoffcrypto.OfficeFile(file)
        locked.load_key(password="open 芝麻")
        opened = io.BytesIO()
        locked.decrypt(opened)
    assert openpyxl.load_workbook(opened).sheetnames == ["this week", "all", "notes"]


def test_no_list_stays_readable_beside_an_encrypted_one(run, tmp_path):
    (path,) = exports.save_lists(run, "S02", tmp_path / "a", password="open")
    assert exports.save_lists(run, "S02", tmp_path / "a", password="again") == [path]
    exports.save_lists(run, "S03", tmp_path / "a", password="open")
    exports.save_lists(run, "S02", tmp_path / "b")
    for wanted in ("S02", "S03"):
        with pytest.raises(UsageError, match="would stay readable") as told:
            exports.save_lists(run, wanted, tmp_path / "b", password="open")
        assert "S02.csv" in str(told.value)
        assert ("S02.xlsx" in str(told.value)) == (wanted == "S03")
    assert {file.name for file in (tmp_path / "b").iterdir()} == {f"S02{suffix}" for suffix in lists.SUFFIXES}
    for name in ("S02.csv", "S02.ics"):
        (tmp_path / "b" / name).unlink()
    exports.save_lists(run, "S02", tmp_path / "b", password="open")
    (tmp_path / "b" / "mine.csv").write_text("not ours")
    exports.save_lists(run, "S02", tmp_path / "b", password="open")


def test_the_command_says_what_is_left_out_because_it_cannot_be_encrypted(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CRCM_EXPORT_PASSWORD", "open")
    words = ["export", str(run), "--for", "S03", "--to", str(tmp_path)]
    done = CliRunner().invoke(build_app(), [*words, "--encrypt"])
    assert "CSV and calendar files" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["S03.xlsx"]
    assert "CSV and calendar" not in CliRunner().invoke(build_app(), words).stderr


def test_the_command_saves_and_says_where(run, tmp_path):
    done = CliRunner().invoke(build_app(), ["export", str(run), "--for", "S03", "--to", str(tmp_path)])
    assert done.output.split() == [str(tmp_path / f"S03{suffix}") for suffix in (".xlsx", ".csv", ".ics")]


@pytest.mark.slow
def test_libreoffice_reads_the_same_cells(run, tasks, tmp_path):
    """Every cell of a workbook, converted by LibreOffice without a window to CSV."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None and not os.environ.get("CI"):
        pytest.skip("no LibreOffice on this machine")
    assert office, "CI installs LibreOffice"
    hostile = task(
        customer_id=HOSTILE["long"],
        why=HOSTILE["why"],
        say=HOSTILE["say"],
        owner=HOSTILE["id"],
        tier="战略客户",
    )
    mine = pd.concat([tasks[tasks["owner_role"] == "key account manager"], hostile], ignore_index=True)
    (tmp_path / "list.xlsx").write_bytes(lists.write_files(mine, "kam", ABOUT, NO_EFFECTS)[".xlsx"])
    options = (
        '--convert-to csv:"Text - txt - csv (StarCalc)":44,34,76,1,,0,false,true,false,false,false,2'.replace(
            '"', ""
        )
    )
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run(
        [
            office,
            profile,
            "--headless",
            *options.split(" ", 1),
            "--outdir",
            str(tmp_path),
            str(tmp_path / "list.xlsx"),
        ],
        check=True,
        capture_output=True,
        timeout=180,
    )
    (converted,) = tmp_path.glob("list*.csv")
    rows = list(csv.reader(io.StringIO(converted.read_text("utf-8"))))[1:]
    shown = pd.DataFrame(rows, columns=list(COLUMNS))
    assert len(shown) == len(mine)
    for name, kind in COLUMNS.items():
        given = mine[name]
        if kind == "day":
            assert shown[name].to_list() == given.dt.strftime("%Y-%m-%d").fillna("").to_list()
        elif kind == "money":
            numbers = pd.to_numeric(shown[name].str.replace(",", ""))
            assert numbers.to_list() == pytest.approx(given.to_list(), abs=1e-6, nan_ok=True)
        else:
            assert shown[name].to_list() == given.astype("str").to_list()
