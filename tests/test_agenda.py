"""The week of those who work: what is due, for whom, at what cost; the same on the pages as in the lists."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.reporting import agenda, exports, private_pages
from crcm_lib.reporting.exports import lists
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
MONDAY = pd.Timestamp("2026-01-05")
RUN = {"run": "r", "title": "<i>Made</i> up", "as_of": "2025-12-31", "currency": "CNY"}


class Cells(HTMLParser):
    """The table cells of a page, row by row, and the addresses it links to."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.links, self.cell = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""
        self.links += [value for name, value in attrs if name == "href" and tag == "a"]

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell.strip())
            self.cell = None


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
    exports.write_exports(folder, read_policy(ROOT / "policy.yaml", "{}"))
    private_pages.write_private_pages(folder, RUN)
    return folder


def tasks(*rows):
    frame = pd.DataFrame(rows, columns=["owner_role", "owner", "customer_id", "action", "day", "cost"])
    return frame.assign(day=pd.to_datetime(frame["day"]), hours=0.5, gain=3.0)


def effects(**measured):
    """The table `experiments`, as far as a range is made from it: an effect is none to twice as large."""
    rows = [[name, 0.1, 0.0, 0.2, number] for name, number in measured.items()]
    return pd.DataFrame(rows, columns=["action", "used", "used_low", "used_high", "measured"])


def test_a_week_is_seven_days_after_the_last_known_one():
    days = ["2026-01-06", "2026-01-12", "2026-01-13", None]
    found = agenda.select_week(tasks(*(["a", "", "1", "call", day, 1.0] for day in days)), MONDAY)
    assert found["day"].dt.day.to_list() == [6, 12]


def test_who_has_most_to_do_comes_first_and_nobody_named_has_no_share():
    made = tasks(
        ["b", "x", "1", "call", "2026-01-06", 6.0],
        ["b", "x", "1", "mail", "2026-01-07", 0.5],
        ["b", "", "2", "call", "2026-02-07", 6.0],
        ["a", "", "3", "guide", None, 1.0],
    )
    first, second = agenda.share_out(made, "owner_role", MONDAY)
    assert (first.name, len(first.week), first.customers, first.cost, first.later, first.set_up) == (
        "b",
        2,
        1,
        6.5,
        1,
        0,
    )
    assert first.actions == "1\u00a0× call, 1\u00a0× mail"
    assert (second.name, len(second.week), second.later, second.set_up) == ("a", 0, 0, 1)
    assert [share.name for share in agenda.share_out(made, "owner", MONDAY)] == ["x"]


def test_the_week_in_words():
    due, nothing = tasks(["b", "x", "1", "call", "2026-01-06", 6.0]), effects(call=np.nan)
    words = agenda.describe_week(due, nothing, MONDAY, "CNY", "margin")
    assert words == (
        "1 contacts with 1 customers are due from 2026-01-06 to 2026-01-06; they cost 6.00 CNY. "
        "They are expected to gain 3 CNY of margin beyond their cost; -6 to 12 is likely. No action's effect "
        "is measured yet: all are assumed."
    )
    none = agenda.describe_week(tasks(), nothing, MONDAY, "CNY", "margin")
    assert none == "No contact is due in the week after 2026-01-05."


def test_the_first_page_links_every_page_and_list_and_says_their_sums(run):
    page = (run / "private" / "start.html").read_text("utf-8")
    cells, made = Cells(page), exports.read_tasks(run)
    local = [link for link in cells.links if not link.startswith(("#", ".."))]
    assert local.count("everybody.html") == 1
    assert all((run / "private" / link).is_file() for link in local)
    assert len(local) == 13 * 4 + 1
    by_role = {row[0]: row for row in cells.rows if row and row[0] in set(made["owner_role"])}
    week = agenda.select_week(made, pd.Timestamp("2025-12-31"))
    assert len(by_role) == made["owner_role"].nunique()
    for role, part in week.groupby("owner_role"):
        assert by_role[role][1] == str(len(part))
        assert float(by_role[role][4].replace(",", "")) == pytest.approx(part["cost"].sum(), abs=0.005)
    assert f"{len(week)} contacts with {week['customer_id'].nunique()} customers" in page
    assert "&lt;i&gt;Made" in page


def test_a_page_holds_the_weeks_tasks_of_its_role_each_once(run):
    made = agenda.select_week(exports.read_tasks(run), pd.Timestamp("2025-12-31"))
    (path,) = (run / "private").glob("role_02_*.html")
    mine = made[made["owner_role"] == "key account manager"]
    rows = Cells(path.read_text("utf-8")).rows[1:]
    assert [row[2] for row in rows] == mine["customer_id"].to_list()
    assert [row[0] for row in rows] == mine["day"].dt.strftime("%Y-%m-%d").to_list()
    assert [float(row[7]) for row in rows] == mine["cost"].to_list()


def test_the_page_of_everybody_holds_every_task_of_the_week_with_role_and_owner(run):
    made = agenda.select_week(exports.read_tasks(run), pd.Timestamp("2025-12-31"))
    rows = Cells((run / "private" / "everybody.html").read_text("utf-8")).rows
    assert rows[0][:4] == ["by", "role", "owner", "customer"]
    offered = (": " + made["offer"]).where(made["offer"] != "", "")
    assert [row[5] for row in rows[1:]] == (made["action"] + offered).to_list()
    assert (offered != "").sum() > 20
    assert [row[1:4] for row in rows[1:]] == made[["owner_role", "owner", "customer_id"]].to_numpy().tolist()


def test_a_move_that_waits_is_shown_and_can_be_decided_in_a_file(tmp_path):
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    tiers = tables.read(tmp_path, "tiers")
    who = tiers.index[tiers["tier_in_force"] == "key"][0]
    row = {"tier_in_force": "key", "tier_proposed": "watch", "waits_since": pd.Timestamp("2025-12-31")}
    row |= {"decide_by": pd.Timestamp("2026-03-31"), "score": 12.0, "because": "=bought <nothing>"}
    tables.write(pd.DataFrame(row, index=pd.Index([who], name="customer_id")), tmp_path, "waiting_moves")
    exports.write_exports(tmp_path, read_policy(ROOT / "policy.yaml", "{}"))
    private_pages.write_private_pages(tmp_path, RUN)
    page = (tmp_path / "private" / "start.html").read_text("utf-8")
    assert [who, "key → watch", "=bought <nothing>", "2025-12-31", "2026-03-31"] in Cells(page).rows
    given = pd.read_csv(tmp_path / exports.EXPORTS / exports.DECISIONS, dtype="str", encoding="utf-8-sig")
    assert given["because"].item() == "'=bought <nothing>"
    assert {"customer_id", "decision", "by", "day", "reason"} <= set(given)
    assert "Needs your decision" not in (tmp_path / "private" / "role_05_sales_director.html").read_text(
        "utf-8"
    )


def test_where_nothing_waits_nothing_is_asked(run):
    assert "Needs your decision" not in (run / "private" / "start.html").read_text("utf-8")
    assert not (run / exports.EXPORTS / exports.DECISIONS).exists()


def test_a_long_week_is_cut_and_says_where_the_rest_is(run, monkeypatch):
    monkeypatch.setattr(private_pages, "MAX_ROWS", 3)
    private_pages.write_private_pages(run, RUN)
    (path,) = (run / "private").glob("role_01_*.html")
    page = path.read_text("utf-8")
    assert len(Cells(page).rows) == 1 + 3
    assert re.search(r"… and \d+ more: see the lists", page)


def test_a_run_without_a_plan_has_no_private_pages(tmp_path):
    tables.write_about(tables.read_about(GOLDEN), tmp_path)
    private_pages.write_private_pages(tmp_path, RUN)
    assert not (tmp_path / "private").exists()


def test_the_file_of_decisions_is_read_as_the_documentation_says(tmp_path):
    """Some are decided and some are not yet; the source description is that of docs/lists.md."""
    words = (ROOT / "docs" / "lists.md").read_text("utf-8")
    described = re.search(r"```yaml\n(.*?)```", words, re.S)[1]
    sample = (ROOT / "data" / "sources" / "sample.yaml").read_text("utf-8")
    sample = sample.replace("../sample/", f"{ROOT}/data/sample/")
    (tmp_path / "mine.yaml").write_text(sample + described, "utf-8")
    rows = pd.DataFrame({"customer_id": ["123", "K10001"], "because": "x", "decision": ["approve", ""]})
    rows = rows.assign(by=["Head of sales", ""], day=["2025-12-20", ""], reason=["agreed", ""])
    (tmp_path / "decisions.csv").write_bytes(lists.write_csv(rows))
    clean(read_source(tmp_path / "mine.yaml"), tmp_path / "out", as_of="")
    found = pd.read_parquet(tmp_path / "out" / "clean" / "approvals.parquet")
    assert found[["customer_id", "decision", "by"]].to_numpy().tolist() == [
        ["123", "approve", "Head of sales"]
    ]
