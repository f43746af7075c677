"""The policy as documents in two languages: whole, true to the policy that a run kept, with the articles."""

import copy
import re
from dataclasses import replace

import pandas as pd
import pytest

from crcm_lib.config.data_inventory import PURPOSES, list_inventory, list_retention
from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.decisions.review_dates import list_dates
from crcm_lib.features.retention import count_overdue
from crcm_lib.ingest.sources import read_source
from crcm_lib.pipeline.leak_check import find_leaks
from crcm_lib.pipeline.publish import list_declared
from crcm_lib.reporting import documents, pages
from crcm_lib.reporting.documents import chinese_terms, document_files, policy_page
from crcm_lib.reporting.text import policy_dates
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
RUN = {"run": "sample-1", "title": "Sample", "as_of": "2025-12-31", "currency": "CNY", "warnings": []}
LANGUAGES = ("en", "zh")


CONTENT = read_policy("policy.yaml").model_dump(mode="json", exclude_unset=True)


def policy_of(**changes) -> Policy:
    """The default policy with changes by path; its rules beyond types are checked in `test_governance`."""
    content = copy.deepcopy(CONTENT)
    for path, value in changes.items():
        *parents, last = (
            path.split(".") if not path.startswith("privacy.inventory") else ["privacy", "inventory"]
        )
        around = content
        for part in parents:
            around = (
                around[part] if isinstance(around, dict) else next(e for e in around if e["name"] == part)
            )
        around[last] = value
    return Policy.model_validate(content)


@pytest.fixture(scope="module")
def facts():
    declared = list_declared(read_source(ROOT / "data" / "sources" / "sample.yaml"))
    return document_files.gather_facts(GOLDEN, policy_of(), declared, RUN)


def write(facts, stem, language="en", policy=None):
    return documents.DOCUMENTS[stem](replace(facts, policy=policy or facts.policy), language)


def words_of(document, *, folded=True) -> str:
    parts = [part for part in document.parts if folded or not part.is_folded]
    return "\n".join("\n".join([*part.paragraphs, *("\t".join(row) for row in part.rows)]) for part in parts)


# The policy page -------------------------------------------------------------------------------------------

CHANGES = [
    {"goal": "Something else"},
    {"goal_zh": "别的"},
    {"objective": "grow"},
    {"objectives.grow.multipliers": {"credit": 3}},
    {"objectives.retain.cards": ["active"]},
    {"version": 7},
    {"owner": "Somebody else"},
    {"review_by": "2029-01-01"},
    {"currency": "CNY", "horizon_days": 100},
    {"annual_discount_rate": 0.2},
    {"margin_rate": 0.3},
    {"criteria.contribution.weight": 0.30, "criteria.loyalty.weight": 0.30},
    {"criteria.credit.terms_from": 50},
    {"criteria.loyalty.indicators.steady rhythm.better": "higher"},
    {"tiers.key.when.score.top_share": 0.25},
    {"tiers.key.because": "another reason", "tiers.key.because_zh": "别的理由"},
    {"approvals.margin": 12},
    {"approvals.undecided_days": 10},
    {"approvals.decision_days": 10},
    {"playbook.executive visit.tiers": ["strategic", "key"]},
    {"playbook.executive visit.because": "another reason", "playbook.executive visit.because_zh": "别的"},
    {"service_levels.key.resolution_hours": 99},
    {"service_levels.key.satisfaction_floor": 4.1},
    {"budget.total": 1000},
    {"budget.levers": {"marketing": 50}},
    {"budget.tiers": {"watch": 50}},
    {"contact.max_contacts": 9},
    {"contact.quiet_days": 9},
    {"control.share": 0.2},
    {"control.holdout_share": 0.1},
    {"fairness.protected": ["age", "gender"]},
    {"fairness.audit": ["region"]},
    {"privacy.min_cell": 9},
    {"account_ownership.within_days": 3},
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_change_of_the_policy_changes_what_a_reader_sees_of_it(facts, change, language):
    """Beside the list of all keys, which holds everything."""
    changed = policy_of(**change)
    before = words_of(write(facts, "policy", language), folded=False)
    if [*change, language] in (["goal_zh", "en"], ["goal", "zh"]):
        return  # each language has its own
    assert words_of(write(facts, "policy", language, changed), folded=False) != before


def leaves(content):
    if isinstance(content, dict):
        return sum(map(leaves, content.values())) or 1
    if isinstance(content, list) and any(isinstance(each, dict) for each in content):
        return sum(map(leaves, content))
    return 1


def test_every_key_of_the_policy_is_on_its_page_with_its_value(facts):
    settings = dict(policy_page.list_settings(facts.policy))
    assert len(settings) == leaves(facts.policy.model_dump(mode="json"))
    assert settings["playbook.executive visit.cost"] == "150.0"
    assert settings["tiers.strategic.when.score.top_share"] == "0.05"
    assert {path.partition(".")[0] for path in settings} == set(Policy.model_fields)
    changed = dict(policy_page.list_settings(policy_of(**{"survey.response": 0.4})))
    assert {path for path in settings if settings[path] != changed[path]} == {"survey.response"}
    listed = write(facts, "policy").parts[-1]
    assert listed.is_folded
    assert dict(listed.rows) == settings


def test_the_borders_are_those_that_the_run_learned(facts):
    at_least = facts.model.cutoffs[0]["strategic"]["score"].at_least
    rows = {
        row[0]: row
        for row in next(part for part in write(facts, "policy").parts if "Tiers" in part.title).rows
    }
    assert rows["strategic"][1:3] == ("score among the best 5%", f"score: {at_least:.1f}")
    unknown = documents.DOCUMENTS["policy"](replace(facts, model=None), "en")
    assert "score: not known" in words_of(unknown)


def test_who_gets_what_others_do_not_has_a_reason_and_an_approver(facts):
    part = next(part for part in write(facts, "policy").parts if "others do not" in part.title)
    rows = {row[0]: row for row in part.rows}
    assert "standard offer" not in rows
    assert rows["framework terms"][3] == "companies only"
    assert all(row[4] and row[5] for row in part.rows)
    rule = {"approver": "board", "disclosure": "our site", "start": "2026-01-01", "end": "2026-12-31"}
    changes = {"playbook.framework terms.for_persons": rule, "playbook.framework terms.contact": False}
    changes |= {
        f"playbook.framework terms.{key}": value for key, value in {"capacity": None, "stages": []}.items()
    }
    published = write(facts, "policy", policy=policy_of(**changes))
    assert "by a published rule: our site" in words_of(published)
    assert "2026-01-01 – 2026-12-31" in words_of(published)


@pytest.mark.parametrize("stem", documents.DOCUMENTS)
def test_a_document_says_the_same_in_both_languages(facts, stem):
    english, chinese = (write(facts, stem, language) for language in LANGUAGES)
    assert [len(part.rows) for part in english.parts] == [len(part.rows) for part in chinese.parts]
    assert [len(part.head) for part in english.parts] == [len(part.head) for part in chinese.parts]
    said = [chinese.title, chinese.lead, *(part.title for part in chinese.parts)]
    said += [head for part in chinese.parts for head in part.head]
    assert [words for words in said if not re.search("[\u4e00-\u9fff]", words)] == []
    heads = [english.title, english.lead, *(head for part in english.parts for head in part.head)]
    assert [words for words in heads if re.search("[\u4e00-\u9fff]", words)] == []


def test_every_indicator_and_reason_of_the_policy_has_chinese_words(facts):
    part = next(part for part in write(facts, "policy", "zh").parts if part.title == "指标")
    assert [row for row in part.rows if not all(re.search("[\u4e00-\u9fff]", cell) for cell in row[:3])] == []
    entries = [*facts.policy.tiers, *facts.policy.playbook]
    assert [entry.name for entry in entries if not entry.because_zh] == []


# Data inventory --------------------------------------------------------------------------------------------


def test_every_column_of_the_input_tables_has_a_chinese_name():
    assert {name for spec in INPUTS.values() for name in spec.columns} <= set(chinese_terms.COLUMNS)


def test_every_input_table_has_a_purpose():
    assert PURPOSES.keys() == INPUTS.keys()


def test_an_entry_of_a_column_goes_before_that_of_its_table_and_that_before_the_products():
    entries = {
        "customers": {"basis": "contract", "retention_days": 730},
        "customers.birthday": {"purpose": "greetings", "basis": "consent"},
    }
    declared = {"customers": {"customer_id": "no", "birthday": "born"}, "tickets": {"opened": "day"}}
    read = {"customers": {"customer_id", "colour"}}
    found = list_inventory(policy_of(**{"privacy.inventory": entries}), declared, read)
    rows = {f"{row['table']}.{row['column']}": row for row in found.to_dict("records")}
    assert list(rows) == ["customers.customer_id", "customers.birthday", "customers.colour", "tickets.opened"]
    assert rows["customers.birthday"]["purpose"] == rows["customers.birthday"]["purpose_zh"] == "greetings"
    assert [rows[f"customers.{name}"]["basis"] for name in ("birthday", "colour")] == ["consent", "contract"]
    assert rows["customers.birthday"]["retention_days"] == 730
    assert [row["is_read"] for row in rows.values()] == [True, False, True, False]
    assert [row["is_confirmed"] for row in rows.values()] == [True, True, True, False]
    assert rows["customers.birthday"]["is_protected"]
    assert rows["tickets.opened"]["basis"] == "contract"
    assert rows["tickets.opened"]["theirs"] == "day"


def test_the_inventory_of_the_sample_has_every_column_that_it_declares_and_says_what_was_read(facts):
    assert set(facts.inventory["table"]) >= {"transactions", "customers", "tickets"}
    row = facts.inventory.set_index(["table", "column"]).loc[("customers", "birthday")]
    assert (row["theirs"], row["is_read"], row["is_protected"]) == ("birthday", True, True)
    rows = write(facts, "inventory").parts[0].rows
    assert len(rows) == len(facts.inventory)
    assert "proposed: necessary for a contract" in words_of(write(facts, "inventory"))
    assert "to be confirmed by the company" in words_of(write(facts, "inventory"))


DAY = pd.Timestamp("2026-01-01")


def test_records_older_than_they_may_be_kept_are_counted_by_their_own_day():
    opened = pd.to_datetime(["2025-12-31", "2025-12-22", "2025-12-21"])
    engine = open_frames(tickets=pd.DataFrame({"customer_id": ["a", "b", "c"], "opened": opened}))
    row = count_overdue(engine, {"tickets": 10, "surveys": 10}, as_of=DAY).iloc[0]
    assert (row["table"], row["records"], row["overdue"]) == ("tickets", 3, 1)
    assert row["oldest"] == pd.Timestamp("2025-12-21")


def test_a_customers_data_are_kept_from_the_last_transaction_not_from_the_sign_up():
    signup = pd.to_datetime(["2020-01-01", "2020-01-01", "2025-12-30"])
    customers = pd.DataFrame({"customer_id": ["buys", "left", "new"], "signup": signup})
    days = pd.to_datetime(["2025-12-31", "2024-01-01"])
    bought = pd.DataFrame({"customer_id": ["buys", "left"], "day": days})
    found = count_overdue(
        open_frames(customers=customers, transactions=bought), {"customers": 365}, as_of=DAY
    )
    assert found["overdue"].to_list() == [1]


def test_what_is_kept_too_long_is_warned_of_with_the_command_that_answers_it():
    opened = pd.to_datetime(["2025-12-31", "2025-01-01"])
    engine = open_frames(tickets=pd.DataFrame({"opened": opened}))
    (said,) = policy_dates.list_overdue(count_overdue(engine, {"tickets": 100}, as_of=DAY))
    assert said.startswith("Kept too long: 1 of the records of `tickets` are older than 100 days.")
    assert "crcm purge" in said
    assert "crcm forget" in said
    assert policy_dates.list_overdue(count_overdue(engine, {"tickets": 1000}, as_of=DAY)) == []
    assert list_retention(policy_of(**{"privacy.inventory": {"tickets": {"retention_days": 9}}})) == {
        "tickets": 9
    }
    assert list_retention(policy_of()) == {}


# For the law -----------------------------------------------------------------------------------------------

ARTICLES = {  # what each document stands on: PIPL; GDPR; Cybersecurity Law as numbered since 2026
    "notice": ["第十七条", "第二十四条", "第四十五条", "第四十七条", "第六十五条", "GDPR 第13条", "第22条"],
    "private/documents/impact_assessment": ["第五十五条第二项", "第五十六条", "至少", "GDPR 第35条"],
    "private/documents/cybersecurity_checklist": [
        "第二十三条",
        "第二十七条",
        "第四十二条",
        "第四十五条",
        "六个月",
    ],
    "inventory": ["第十九条", "GDPR 第5条第1款(e)项"],
}


@pytest.mark.parametrize("stem", ARTICLES)
def test_a_document_names_the_articles_that_it_answers(facts, stem):
    document = write(facts, stem, "zh")
    said = "\n".join([document.lead, *(part.title for part in document.parts), words_of(document)])
    assert [article for article in ARTICLES[stem] if article not in said] == []


def test_the_notice_has_the_companys_criteria_and_address_and_leaves_open_what_nobody_has_confirmed(facts):
    privacy = {"privacy.controller": "Acme", "privacy.contact": "privacy@acme.example"}
    policy = policy_of(**privacy, objective="retain")
    said = words_of(write(facts, "notice", policy=policy))
    assert "Write to privacy@acme.example." in said
    assert "loyalty\t31.9%\tpurchase days in a year" in said
    assert "Never used for it: age, birthday" in said
    tickets = next(line for line in said.splitlines() if line.startswith("tickets\t"))
    assert tickets.count("(to be filled in)") == 2  # ground and retention
    assert "proposed" not in said
    blank = words_of(write(facts, "notice"))
    assert "Write to ________ (to be filled in)." in blank


def test_the_notice_says_which_terms_of_persons_follow_from_the_tier(facts):
    assert "Prices and other terms of natural persons do not follow from it." in words_of(
        write(facts, "notice")
    )
    rule = {"approver": "board", "disclosure": "our site", "start": "2026-01-01", "end": "2026-12-31"}
    changes = {"playbook.framework terms.for_persons": rule, "playbook.framework terms.contact": False}
    changes |= {
        f"playbook.framework terms.{key}": value for key, value in {"capacity": None, "stages": []}.items()
    }
    policy = policy_of(**changes)
    assert "framework terms: our site" in words_of(write(facts, "notice", policy=policy))
    risks = words_of(write(facts, "private/documents/impact_assessment", policy=policy))
    assert "By a published rule, the same for all who meet it: framework terms." in risks


def test_documents_lie_beside_the_report_in_both_languages_and_the_first_page_links_them(tmp_path, facts):
    for name in ("clean", "models"):
        (tmp_path / name).symlink_to(GOLDEN / name)
    (tmp_path / "about.json").write_text((GOLDEN / "about.json").read_text("utf-8"), "utf-8")
    written = documents.write_documents(tmp_path, facts.policy, {}, RUN)
    assert len(written) == 2 * len(documents.DOCUMENTS)
    linked = pages.list_documents(tmp_path)
    assert len(linked) == len(documents.DOCUMENTS)
    assert all((tmp_path / path).exists() for _words, *both in linked for path in both)
    chinese = (tmp_path / "policy_zh.html").read_text("utf-8")
    assert '<html lang="zh-CN">' in chinese
    assert 'href="policy.html"' in chinese
    assert "本页内容" in chinese
    private = (tmp_path / "private/documents/impact_assessment.html").read_text("utf-8")
    assert 'href="../../index.html"' in private
    assert "for the company only" in private


def test_the_companys_own_address_is_no_leak_and_anybody_elses_is(tmp_path):
    (tmp_path / "notice.html").write_text("<p>Write to privacy@acme.example</p>", "utf-8")
    assert find_leaks(tmp_path, set(), ours="privacy@acme.example") == []
    assert len(find_leaks(tmp_path, set())) == 1
    (tmp_path / "notice.html").write_text("<p>privacy@acme.example jane@home.example</p>", "utf-8")
    assert len(find_leaks(tmp_path, set(), ours="privacy@acme.example")) == 1


def test_each_role_has_a_calendar_of_the_days_that_it_answers_for(tmp_path):
    entries = {"tickets": {"review_by": "2026-02-05"}}
    policy = policy_of(**{"privacy.officer": "privacy officer", "privacy.inventory": entries})
    files = documents.write_review_calendars(tmp_path, policy, DAY)
    assert [path.name for path in files] == [
        "reviews_01_Head_of_customer_management.ics",
        "reviews_02_privacy_officer.ics",
    ]
    officer = files[1].read_text("utf-8")
    assert "DTSTART;VALUE=DATE:20260205" in officer
    assert "TRIGGER:-P30D" in officer
    assert "tickets" in officer
    assert sum(path.read_text("utf-8").count("BEGIN:VEVENT") for path in files) == len(list_dates(policy))
