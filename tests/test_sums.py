"""One plan, one sum: headline, first pages, tables, lists, workbooks and calendars of a run agree."""

import json
import re

import icalendar
import openpyxl
import pandas as pd
import pytest
from test_agenda import Cells

from crcm_lib.decisions.experiments import expect_gain
from crcm_lib.reporting import agenda, exports
from crcm_lib.reporting.text import monitoring
from crcm_lib.schema import tables

CENT = 0.005


@pytest.fixture(scope="module")
def plan(sample_run):
    """Every action and occasion of the run with its cost and gain, the standard offers left out."""
    actions, care = (tables.read(sample_run, name) for name in ("actions", "care"))
    return pd.concat([actions[actions["action"] != "standard offer"], care], ignore_index=True)


@pytest.fixture(scope="module")
def week(sample_run):
    return agenda.select_week(exports.read_tasks(sample_run), tables.read_about(sample_run).day)


def list_roles(folder):
    """The name of each role's list, by the stem of its files."""
    tasks = exports.read_tasks(folder)
    names = exports.list_names(tasks, "owner_role")
    return {stem: name for name, stem in exports.STEMS["owner_role"](names).items()}


def read_number(words):
    return float(words.replace(",", ""))


def test_the_files_of_all_roles_together_hold_the_plan_to_the_cent(sample_run, plan):
    books, texts = [], []
    for stem in list_roles(sample_run):
        path = sample_run / exports.EXPORTS / stem
        head, *rows = openpyxl.load_workbook(f"{path}.xlsx")["all"].iter_rows(values_only=True)
        books.append(pd.DataFrame(rows, columns=head))
        texts.append(pd.read_csv(f"{path}.csv", encoding="utf-8-sig"))
    heads = {"cost": "cost, CNY", "gain": "expected gain, CNY"}
    for name, head in heads.items():
        assert pd.concat(books)[head].astype(float).sum() == pytest.approx(plan[name].sum(), abs=CENT)
        assert pd.concat(texts)[name].sum() == pytest.approx(plan[name].sum(), abs=CENT)
    assert len(pd.concat(books)) == len(pd.concat(texts)) == len(exports.read_tasks(sample_run))


def test_the_lists_of_owners_hold_the_tasks_of_all_customers_who_have_one(sample_run):
    tasks = exports.read_tasks(sample_run)
    owned = tasks[tasks["owner"] != ""]
    files = (sample_run / exports.EXPORTS).glob("owner_*.csv")
    lists = pd.concat([pd.read_csv(path, encoding="utf-8-sig") for path in files])
    assert len(lists) == len(owned) > 100
    for name in ("cost", "gain"):
        assert lists[name].sum() == pytest.approx(owned[name].sum(), abs=CENT)


def test_the_calendars_hold_every_contact_once(sample_run):
    found = 0
    for stem in list_roles(sample_run):
        content = (sample_run / exports.EXPORTS / f"{stem}.ics").read_bytes()
        entries = icalendar.Calendar.from_ical(content).walk("VEVENT")
        found += sum(int(re.match(r"[\d,]+", str(entry["summary"]))[0].replace(",", "")) for entry in entries)
    assert (
        found
        == len(tables.read(sample_run, "calendar"))
        == exports.read_tasks(sample_run)["day"].notna().sum()
    )


def test_the_headline_counts_what_the_tables_hold(sample_run, plan):
    record = json.loads((sample_run / "run.json").read_text("utf-8"))
    said = next(page["headline"] for page in record["notebooks"] if page["name"] == "09_strategy")
    actions = plan[plan["priority"].notna()]
    counts = r"([\d,]+) customers get ([\d,]+) actions that cost ([\d,]+) CNY.*? gain of ([\d,]+) CNY"
    customers, times, cost, gain = map(read_number, re.match(counts, said).groups())
    assert (customers, times) == (actions["customer_id"].nunique(), len(actions))
    assert cost == pytest.approx(actions["cost"].sum(), abs=0.5)
    assert gain == pytest.approx(actions["gain"].sum(), abs=0.5)
    occasions, money = re.search(r"Besides, ([\d,]+) occasions of customers cost ([\d,]+) CNY", said).groups()
    care = plan[plan["priority"].isna()]
    assert read_number(occasions) == len(care)
    assert read_number(money) == pytest.approx(care["cost"].sum(), abs=0.5)


@pytest.mark.parametrize("page", ["index.html", "private/start.html"])
def test_the_first_pages_say_the_week_that_the_lists_hold(sample_run, week, page):
    content = (sample_run / page).read_text("utf-8")
    due = r"([\d,]+) contacts with ([\d,]+) customers are due .*?"
    money = r"they cost ([\d,.]+) CNY\. .*?gain ([\d,]+) CNY of margin"
    contacts, customers, cost, gain = map(read_number, re.search(due + money, content).groups())
    assert (contacts, customers) == (len(week), week["customer_id"].nunique())
    assert cost == pytest.approx(week["cost"].sum(), abs=CENT)
    assert gain == pytest.approx(week["gain"].sum(), abs=0.5)
    roles = set(list_roles(sample_run).values())
    rows = {row[0]: row for row in Cells(content).rows if row and row[0] in roles}
    assert set(rows) == roles
    assert sum(read_number(row[1]) for row in rows.values()) == contacts
    assert sum(read_number(row[4]) for row in rows.values()) == pytest.approx(cost, abs=CENT)
    gains = [row[5].split(" (")[0] for row in rows.values()]
    known = [read_number(words) for words in gains if words != "–"]
    assert sum(known) == pytest.approx(gain, abs=0.5 * len(known))


def test_the_range_on_the_first_page_is_that_of_the_tasks_effects(sample_run, week):
    expected = expect_gain(week, tables.read(sample_run, "experiments"))
    words = f"; {expected.low:,.0f} to {expected.high:,.0f} is likely."
    assert expected.low < expected.gain < expected.high
    assert words in (sample_run / "index.html").read_text("utf-8")


def test_the_page_of_a_role_says_and_lists_the_week_of_its_workbook(sample_run, week):
    for stem, name in list_roles(sample_run).items():
        content = (sample_run / "private" / f"{stem}.html").read_text("utf-8")
        mine = week[week["owner_role"] == name]
        said = r"([\d,]+) contacts with ([\d,]+) customers this week; they cost ([\d,.]+) CNY"
        contacts, customers, cost = map(read_number, re.search(said, content).groups())
        sheet = openpyxl.load_workbook(sample_run / exports.EXPORTS / f"{stem}.xlsx")["this week"]
        costs = [row[8] for row in sheet.iter_rows(min_row=2, values_only=True) if row[3]]
        assert (contacts, customers) == (len(mine), mine["customer_id"].nunique()) == (len(costs), customers)
        assert cost == pytest.approx(mine["cost"].sum(), abs=CENT) == pytest.approx(sum(costs), abs=CENT)


def test_the_first_page_says_of_earlier_plans_what_10_says(sample_run):
    record = json.loads((sample_run / "run.json").read_text("utf-8"))
    said = next(page["headline"] for page in record["notebooks"] if page["name"] == "10_monitoring")
    content = (sample_run / "index.html").read_text("utf-8")
    part = content.partition('id="results"')[2].partition("</ul>")[0]
    told = [re.sub(r"<.*?>", "", words).strip() for words in re.findall(r"<li>(.*?)</li>", part, re.S)]
    assert "Nothing that earlier runs promised is due yet." in told
    effects = monitoring.describe_actions(tables.read(sample_run, "action_effects")).markdown
    assert effects in told
    assert effects in said
