"""A customer's card: it recomputes, says what is unknown, tells of nobody else, is found offline."""

import html
import json
import re
import shutil
import stat

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_report import Tab
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import scorecard, tiers
from crcm_lib.errors import UsageError
from crcm_lib.pipeline import erasure, kept_policy, rewriting
from crcm_lib.pipeline.explain import explain
from crcm_lib.privacy.pseudonyms import DEMO_KEY, make_pseudonym
from crcm_lib.reporting import card_pages, customer_card
from crcm_lib.reporting.text import customer_dealings as dealings
from crcm_lib.reporting.text import customer_sections as text
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = read_policy("policy.yaml")
HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e'\""
ODD = '客户 "7" <b>&'


def make_record(folder, overrides="{}"):
    key = make_pseudonym(DEMO_KEY, "with which key")
    evidence = {"pseudonyms": key, "parameters": {"overrides": overrides}}
    record = {"run": "r", "title": "<i>Made</i> up", "as_of": "2025-12-31", "evidence": evidence}
    (folder / "run.json").write_text(json.dumps(record))
    kept_policy.keep(ROOT / "policy.yaml", folder)
    return record


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The sample's tables as a run; one customer's id has signs, and their industry is hostile."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(GOLDEN, folder, dirs_exist_ok=True)
    for path in [*folder.glob("tables/*.parquet"), *folder.glob("clean/*.parquet")]:
        table = pq.read_table(path).to_pandas()
        if "customer_id" in table and "K10002" in set(table["customer_id"]):
            table["customer_id"] = table["customer_id"].replace("K10002", ODD)
            if path.name == "customers.parquet":
                table.loc[table["customer_id"] == ODD, "industry"] = HOSTILE
            table.to_parquet(path, index=False)
    card_pages.write_cards(folder, POLICY, make_record(folder))
    return folder


@pytest.fixture(scope="module")
def known(run):
    return customer_card.read_customers(run, POLICY)


@pytest.fixture(scope="module")
def cards(known):
    return {card.customer_id: card for card in customer_card.make_cards(known, list(known.ids))}


def rows_of(card, title):
    return next((section.rows for section in card.sections if section.title == title), ())


def all_words(card):
    rows = [row for section in card.sections for row in section.rows]
    return "\n".join([card.summary, *(row if isinstance(row, str) else "\t".join(row) for row in rows)])


# What a card says


def test_the_score_is_the_sum_of_its_parts_and_the_numbers_are_the_customers(cards, known):
    placed, features = known.frames["tiers"], known.frames["customer_features"]
    for id_ in known.ids[::7]:
        head, *rows, last = rows_of(cards[id_], "The score, added up")
        assert len({len(row) for row in rows}) == 1
        added = [float(row[4]) for row in rows if row[4] not in ("", "–")]
        assert sum(added) == pytest.approx(float(last[4]), abs=0.05 * (len(added) + 1))
        assert float(last[4]) == pytest.approx(placed.loc[id_, "score"], abs=0.05)
        (days,) = [row[1] for row in rows if row[0].startswith("· purchase days in a year")]
        assert days == f"{features.loc[id_, 'purchases_365d']:,.0f}"
    assert head[0] == "what"


def test_parts_add_up_exactly_and_of_one_customer_as_of_all(known):
    card = known.frames["scorecard"]
    parts = tiers.explain_scores(card, POLICY, known.model)
    sums = parts.groupby("customer_id")["adds"].sum().reindex(card.index, fill_value=0.0)
    assert np.allclose(sums, card["score"], atol=1e-5)
    one = tiers.explain_customer(card, "123", POLICY, known.model)
    same = parts[parts["customer_id"] == "123"].drop(columns="customer_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(one, same)


def test_each_change_that_is_named_gives_the_tier_as_it_is_written(cards, known):
    order = [tier.name for tier in POLICY.tiers]
    change = re.compile(r"(?:: |; )(\D[^;:]*?) ([-\d,.]+)(%?) instead of")
    named = [
        (id_, name, float(number.replace(",", "")) / (100 if percent else 1))
        for id_ in known.ids
        for name, number, percent in change.findall(rows_of(cards[id_], "What would bring a better tier")[0])
    ]
    changes = pd.DataFrame(named, columns=["id", "indicator", "needed"])
    for name, part in changes.groupby("indicator"):
        raw = known.raw.loc[part["id"]].assign(**{name: part["needed"].to_numpy()})
        reached = tiers.place(scorecard.score(raw, POLICY, known.model), POLICY, known.model)
        wanted = known.frames["tiers"].loc[part["id"], "next_tier"].map(order.index)
        assert (reached <= wanted.to_numpy()).all()
    assert len(changes) > len(known.ids)


def test_the_tier_of_a_card_is_that_of_the_table_with_its_chinese_name(cards, known):
    chinese = {tier.name: tier.zh for tier in POLICY.tiers}
    for id_, tier in known.frames["tiers"]["tier_in_force"].items():
        assert cards[id_].summary.startswith(f"{tier} {chinese[tier]}")
        assert rows_of(cards[id_], "Tier and why")[0].startswith(f"{tier} {chinese[tier]}: ")


def test_a_card_tells_of_nobody_else(cards):
    distinctive = re.compile(r"\bK\d{5}\b|\bC-[0-9A-F]{12}\b")
    for id_, card in list(cards.items())[::5]:
        assert set(distinctive.findall(all_words(card))) <= {id_, card.pseudonym}


def test_what_is_planned_stands_on_the_card_and_a_control_is_told_so(cards, known):
    arms = known.frames["planned_assignments"]
    for arm, words in (("treatment", "{action}"), ("control", "Not given until")):
        row = arms[(arms["arm"] == arm) & ~arms["action"].eq("")].iloc[0]
        planned = "\n".join(rows_of(cards[row["customer_id"]], "Planned"))
        assert words.format(action=row["action"]) in planned
        assert row["action"] in planned
    day = known.frames["calendar"].iloc[0]
    assert f"{day['day']:%Y-%m-%d}" in "\n".join(rows_of(cards[day["customer_id"]], "Planned"))


def test_days_of_their_own_stand_with_the_working_day_and_that_of_the_contract(cards, known):
    care, days = known.frames["care"], known.frames["calendar"].set_index(["customer_id", "action"])["day"]
    told = {id_: "\n".join(rows_of(cards[id_], "On days of their own")) for id_ in known.ids}
    assert {id_ for id_, words in told.items() if words} == set(care["customer_id"])
    for row in care.to_dict("records"):
        planned = days.get((row["customer_id"], row["action"]))
        assert row["action"] in told[row["customer_id"]]
        assert f"{row['day'] if planned is None else planned:%Y-%m-%d}" in told[row["customer_id"]]
    (line,) = dealings.write_occasions(CARE, [], RUN)
    own = pd.Timestamp("2026-01-03") + pd.Timedelta(days=ENTRY.days_before)
    assert line == f"A contract ends on {own:%Y-%m-%d}: {ENTRY.name} (phone, seller), 2026-01-03."
    talks = care.loc[care["action"] == ENTRY.name, "customer_id"]
    assert all(f"{ENTRY.name} {ENTRY.zh}" in told[id_] for id_ in talks)
    assert len(talks)


def test_what_is_offered_next_is_that_of_the_table_and_nothing_is_to_who_bars_marketing(cards, known):
    offers, granted = known.frames["next_offers"], known.frames["consents"]
    shown = {id_: rows_of(cards[id_], "What to offer next") for id_ in known.ids}
    barred = {id_ for id_, rows in shown.items() if rows == ("Nothing: it would be marketing.",)}
    for id_, items in offers[~offers["customer_id"].isin(barred)].groupby("customer_id")["item"]:
        assert [row.split(":")[0] for row in shown[id_]] == list(items)
    agreed = granted.query("purpose == 'marketing' and status == 'granted'")["customer_id"]
    refused = granted.query("purpose == 'marketing' and status == 'refused'")["customer_id"]
    assert len(barred) > 9
    assert not barred & set(agreed)
    assert barred >= set(refused) & set(offers["customer_id"])


def test_what_is_not_known_is_named_and_a_prospect_has_a_card_too(cards, known):
    for id_ in known.ids[::20]:
        told = "\n".join(rows_of(cards[id_], "What is not known"))
        for name in known.raw.columns[known.raw.loc[id_].isna()]:
            assert name in told, (id_, name)
    prospect = known.frames["customer_features"].query("purchases == 0").index[0]
    words = all_words(cards[prospect])
    assert "nothing was bought that could stop" in words
    assert "No value can be predicted" in words
    assert "bought nothing that was kept" in words


def test_protected_attributes_are_named_and_not_shown(cards, known):
    birthdays = known.frames["attributes"]["birthday"].dropna()
    for id_, birthday in birthdays.iloc[::9].items():
        words = all_words(cards[id_])
        assert f"{birthday:%Y-%m-%d}" not in "\n".join(rows_of(cards[id_], "On record"))
        assert "neither scored nor shown here: " in words
        assert "birthday" in words


EVERYTHING = frozenset(each.name for criterion in POLICY.criteria for each in criterion.indicators)
HALF = {"weight_known": 0.5, "score_low": 40.0, "score_high": 60.0}
ALL = {"weight_known": 1.0, "score_low": 50.0, "score_high": 50.0}
TIERED, BETWEEN = ({"tier_low": low, "tier_high": "key"} for low in ("key", "watch"))
RUN = text.RunFacts(
    about=tables.About("s", "t", "2025-12-31", "2024-01-01", "CNY", synthetic=True),
    policy=POLICY,
    basis="spend",
    alert_days=90,
    scored=frozenset(["would recommend"]),
    learned_on="2025-12-31",
    learned_from=9,
    recorded=frozenset(["contacts", "consents"]),
)
UNRECORDED = text.RunFacts(**vars(RUN) | {"recorded": frozenset()})
TIER = {"tier_in_force": "key", "tier_proposed": "key", "reason": "conditions_met", "firmness": 1.0}
TIER |= {"came_by": "first", "in_force_since": pd.Timestamp("2025-01-01"), "terms_withheld": False}
TIER |= {"signed_by": None, "signed_reason": None}
CHURN = {"reason": "overdue", "alert": "urgent", "value_at_risk": 9.0}
VALUE = {"value": 9.0, "spend_expected": 9.0, "spend_low": 1.0, "spend_high": 20.0, "model": "BG/NBD"}
DAYS = {"start": pd.Timestamp("2025-01-01"), "end": pd.Timestamp("2025-02-01")}
ARM = DAYS | {"action": "call", "arm": "control"}
GRANTED = [{"purpose": "marketing", "status": "granted"}]
REFUSED = [{"purpose": "profiling", "status": "refused"}]
PERSON, COMPANY = (dealings.read_consents([], kind) for kind in ("person", "company"))
AGREED = dealings.read_consents(GRANTED, "person")
OFFERS = [{"rank": 1, "item": "tea", "because_of": "jar", "also_bought_share": 0.25}]
ENTRY = next(entry for entry in POLICY.care if entry.occasion == "contract_end")
CARE = [{"action": ENTRY.name, "occasion": "contract_end", "day": pd.Timestamp("2026-01-03")}]
CARE[0] |= {"channel": "phone", "owner_role": "seller"}
TERMS = next(action for action in POLICY.playbook if action.terms)
ALLOWED = {"approver": "a", "disclosure": "d", "start": "2025-01-01", "end": "2026-12-31"}


def tell_tier(history=(), **changes):
    return text.write_tier("", TIER | changes, {"credit": 1.0}, list(history), RUN)


def with_terms(**changes):
    terms = type(TERMS).model_validate(TERMS.model_dump() | {"for_persons": ALLOWED | changes})
    playbook = tuple(terms if action is TERMS else action for action in POLICY.playbook)
    return text.RunFacts(**vars(RUN) | {"policy": POLICY.model_copy(update={"playbook": playbook})})


def birthdays():
    return [CARE[0] | {"action": "birthday greeting", "occasion": "birthday"}]


def without_protected():
    fairness = POLICY.fairness.model_copy(update={"protected": ()})
    return text.RunFacts(**vars(RUN) | {"policy": POLICY.model_copy(update={"fairness": fairness})})


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        (
            "Nothing is known that could",
            lambda: tell_tier(reason="nothing_known"),
            lambda: tell_tier(),
        ),
        (
            "The same is proposed in",
            lambda: tell_tier(),
            lambda: tell_tier(reason="nothing_known"),
        ),
        (
            "Signed by Li: seen",
            lambda: tell_tier(signed_by="Li", signed_reason="seen", came_by="approved"),
            lambda: tell_tier(),
        ),
        (
            "too few points in credit",
            lambda: tell_tier(terms_withheld=True),
            lambda: tell_tier(),
        ),
        (
            "In force from run to run",
            lambda: tell_tier([DAYS | {"day": DAYS["end"], "tier_in_force": "key"}] * 2),
            lambda: tell_tier([DAYS]),
        ),
        (
            "best tier is proposed already",
            lambda: text.write_way_up("", TIER | {"tier_proposed": "strategic"}, RUN),
            lambda: text.write_way_up("", TIER, RUN),
        ),
        (
            "No better tier can",
            lambda: text.write_way_up("", TIER, RUN),
            lambda: text.write_way_up("", TIER | {"tier_proposed": "strategic"}, RUN),
        ),
        (
            "No better tier can",
            lambda: text.write_way_up("", TIER, RUN),
            lambda: text.write_way_up("strategic, by …", TIER, RUN),
        ),
        (
            "in four of five",
            lambda: text.write_value(VALUE, None, "", RUN),
            lambda: text.write_value(VALUE | {"spend_low": np.nan}, None, "", RUN),
        ),
        (
            "No value can be",
            lambda: text.write_value(None, None, "", RUN),
            lambda: text.write_value(VALUE, None, "", RUN),
        ),
        (
            "Nothing can be said of leaving",
            lambda: text.write_leaving(None, "", RUN),
            lambda: text.write_leaving(CHURN, "", RUN),
        ),
        (
            "away no longer than usual",
            lambda: text.write_leaving(CHURN | {"reason": "within_usual_gap"}, "", RUN),
            lambda: text.write_leaving(CHURN, "", RUN),
        ),
        (
            "nothing is left at risk",
            lambda: text.write_leaving(CHURN | {"reason": "silent_beyond_horizon"}, "", RUN),
            lambda: text.write_leaving(CHURN, "", RUN),
        ),
        (
            "did not find enough",
            lambda: text.write_leaving(CHURN | {"reason": "alerts_not_raised"}, "", RUN),
            lambda: text.write_leaving(CHURN, "", RUN),
        ),
        (
            "Alert: urgent",
            lambda: text.write_leaving(CHURN, "", RUN),
            lambda: text.write_leaving(CHURN | {"reason": "within_usual_gap", "alert": "none"}, "", RUN),
        ),
        (
            "At risk by that",
            lambda: text.write_leaving(CHURN, "", RUN),
            lambda: text.write_leaving(CHURN | {"value_at_risk": 0.0}, "", RUN),
        ),
        (
            "Not given until",
            lambda: dealings.write_planned([], [ARM], [], RUN),
            lambda: dealings.write_planned([], [ARM | {"arm": "treatment"}], [], RUN),
        ),
        (
            "Nothing is planned",
            lambda: dealings.write_planned([], [], [], RUN),
            lambda: dealings.write_planned([], [ARM], [], RUN),
        ),
        (
            "Left out of call by chance",
            lambda: dealings.write_past([ARM], None, RUN),
            lambda: dealings.write_past([ARM | {"arm": "treatment"}], None, RUN),
        ),
        (
            "Contacts: none on record",
            lambda: dealings.write_past([], None, RUN),
            lambda: dealings.write_past([], None, UNRECORDED),
        ),
        (
            "Contacts: not known",
            lambda: dealings.write_past([], None, UNRECORDED),
            lambda: dealings.write_past([], None, RUN),
        ),
        (
            "Earlier actions: none",
            lambda: dealings.write_past([], None, RUN),
            lambda: dealings.write_past([ARM], None, RUN),
        ),
        (
            "Check before any contact",
            lambda: dealings.write_consents(PERSON, UNRECORDED),
            lambda: dealings.write_consents(PERSON, RUN),
        ),
        (
            "No word on record",
            lambda: dealings.write_consents(COMPANY, RUN),
            lambda: dealings.write_consents(AGREED, RUN),
        ),
        (
            "the standard offer only",
            lambda: dealings.write_consents(PERSON, RUN),
            lambda: dealings.write_consents(COMPANY, RUN),
        ),
        (
            "the standard offer only",
            lambda: dealings.write_consents(dealings.read_consents(GRANTED + REFUSED, "company"), RUN),
            lambda: dealings.write_consents(AGREED, RUN),
        ),
        (
            "Nothing: it would be marketing",
            lambda: dealings.write_offers(OFFERS, "", PERSON, RUN),
            lambda: dealings.write_offers(OFFERS, "", AGREED, RUN),
        ),
        (
            "tea: of those who bought jar as they did, 25.0% have it",
            lambda: dealings.write_offers(OFFERS, "", PERSON, UNRECORDED),
            lambda: dealings.write_offers(OFFERS, "", PERSON, RUN),
        ),
        (
            "one band up",
            lambda: dealings.write_offers([], "one band up", AGREED, RUN),
            lambda: dealings.write_offers([], "one band up", PERSON, RUN),
        ),
        (
            "A contract ends on",
            lambda: dealings.write_occasions(CARE, [], RUN),
            lambda: dealings.write_occasions(birthdays(), [], RUN),
        ),
        (
            "Their sign-up comes round",
            lambda: dealings.write_occasions(
                [CARE[0] | {"action": "anniversary thanks", "occasion": "anniversary"}], [], RUN
            ),
            lambda: dealings.write_occasions(CARE, [], RUN),
        ),
        (
            "A seat is kept for them on",
            lambda: dealings.write_occasions(
                [CARE[0] | {"action": "customer day", "occasion": "event"}], [], RUN
            ),
            lambda: dealings.write_occasions(CARE, [], RUN),
        ),
        (
            "A complaint was resolved",
            lambda: dealings.write_occasions(
                [CARE[0] | {"action": "complaint follow-up", "occasion": "complaint"}], [], RUN
            ),
            lambda: dealings.write_occasions(CARE, [], RUN),
        ),
        (
            "Not known of this customer",
            lambda: dealings.write_unknown({"would recommend": None}, HALF, TIERED, RUN),
            lambda: dealings.write_unknown({"would recommend": 9}, ALL, TIERED, RUN),
        ),
        (
            "Whatever it is",
            lambda: dealings.write_unknown({"would recommend": None}, HALF, TIERED, RUN),
            lambda: dealings.write_unknown({"would recommend": None}, HALF, BETWEEN, RUN),
        ),
        (
            "Were it known, the score would lie from",
            lambda: dealings.write_unknown({"would recommend": None}, HALF, BETWEEN, RUN),
            lambda: dealings.write_unknown({"would recommend": None}, {"weight_known": 0.5}, BETWEEN, RUN),
        ),
        (
            "Not known of anybody",
            lambda: dealings.write_unknown({"would recommend": 9}, ALL, TIERED, RUN),
            lambda: dealings.write_unknown(
                {}, ALL, TIERED, text.RunFacts(**vars(RUN) | {"scored": EVERYTHING})
            ),
        ),
        (
            "Everything that the policy scores",
            lambda: dealings.write_unknown(
                dict.fromkeys(EVERYTHING, 1), ALL, TIERED, text.RunFacts(**vars(RUN) | {"scored": EVERYTHING})
            ),
            lambda: dealings.write_unknown({}, ALL, TIERED, RUN),
        ),
        (
            "neither scored nor shown",
            lambda: dealings.write_attributes({"city": "a"}, RUN),
            lambda: dealings.write_attributes({"industry": "a"}, RUN),
        ),
        (
            "Never scored",
            lambda: dealings.write_method(RUN),
            lambda: dealings.write_method(without_protected()),
        ),
        (
            "do not follow from it",
            lambda: dealings.write_method(RUN),
            lambda: dealings.write_method(with_terms()),
        ),
        (
            "these alone: framework terms",
            lambda: dealings.write_method(with_terms()),
            lambda: dealings.write_method(with_terms(end="2025-06-30")),
        ),
    ],
)
def test_a_sentence_of_a_card_is_said_where_it_holds_and_nowhere_else(words, said, unsaid):
    assert words in "\n".join(said())
    assert words not in "\n".join(unsaid())
    assert " {" not in "\n".join(said() + unsaid())


# In the terminal


def call(run, *words):
    return CliRunner().invoke(build_app(), ["explain", *words, "--run", str(run)])


def test_the_id_or_the_pseudonym_gives_the_same_card_with_whom_to_ask(run):
    answer = call(run, "K10001")
    assert answer.exit_code == 0
    assert answer.output.splitlines()[0].startswith(f"K10001 ({make_pseudonym(DEMO_KEY, 'K10001')})")
    named = [make_pseudonym(DEMO_KEY, "K10001"), make_pseudonym(DEMO_KEY, "K10001").lower()]
    assert [call(run, name).output for name in named] == [answer.output] * 2
    assert POLICY.owner in answer.output
    assert "Never scored: age" in answer.output


def test_an_exact_id_wins_though_it_looks_like_another(run):
    assert call(run, "00123").output.startswith("00123 (")
    assert call(run, "123").output.startswith("123 (")


def test_whom_nobody_knows_exits_2_and_no_id_that_looks_alike_is_named(run):
    for unknown in ("K1000", "k10001", "C-000000000000", "0123"):
        answer = call(run, unknown)
        assert answer.exit_code == 2
        assert "Ids are exact text" in answer.output
        assert not re.search(r"K1\d{4}|00123 is\b(?! not)|C-[0-9A-F]{12}", answer.output)


def test_without_the_runs_key_an_id_has_a_card_and_a_pseudonym_none(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "real")
    about = json.loads((run / "about.json").read_text()) | {"synthetic": False}
    (tmp_path / "real" / "about.json").write_text(json.dumps(about))
    (tmp_path / "key").write_bytes(b"0123456789abcdef" * 4)
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("CRCM_KEY_FILE", str(tmp_path / "key"))
    assert explain(tmp_path / "real", "K10001").startswith("K10001 ·")
    with pytest.raises(UsageError, match="set CRCM_KEY_FILE"):
        explain(tmp_path / "real", make_pseudonym(DEMO_KEY, "K10001"))


def test_what_the_data_say_cannot_act_on_a_terminal(run):
    words = explain(run, ODD)
    assert "<img src=x" in words
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", words)


def test_the_policy_of_the_run_explains_it_with_its_overrides(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    make_record(tmp_path / "run", '{"rfm.compare_days": 90}')
    assert kept_policy.read(tmp_path / "run").rfm.compare_days == 90
    (tmp_path / "run" / kept_policy.POLICY).unlink()
    with pytest.raises(UsageError, match="keeps no policy"):
        explain(tmp_path / "run", "123")


# As pages


def read_pages(run):
    return {path.name: path.read_text("utf-8") for path in sorted((run / card_pages.CARDS).iterdir())}


def test_every_customer_has_one_card_on_the_page_that_the_id_leads_to(run, known):
    pages = read_pages(run)
    assert len(pages) == card_pages.SHARDS
    about = tables.read_about(run)
    for id_ in known.ids:
        page, _hash, anchor = card_pages.card_link(id_, about).removeprefix("customers/").partition("#")
        assert f'id="{anchor}" data-customer="{html.escape(id_).replace("&quot;", "&#34;")}"' in pages[page]
    assert sum(page.count("<article") for page in pages.values()) == len(known.ids)


def test_hostile_words_are_shown_and_never_run(run):
    pages = "".join(read_pages(run).values())
    assert "<img src=x" not in pages
    assert "&lt;img src=x onerror=alert(1)&gt;" in pages
    assert "<i>Made</i>" not in pages


def test_equal_tables_give_equal_pages(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    card_pages.write_cards(tmp_path / "run", POLICY, json.loads((run / "run.json").read_text()))
    assert read_pages(tmp_path / "run") == read_pages(run)


def test_of_too_many_customers_those_with_a_plan_have_pages_and_the_pages_say_so(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(card_pages, "MAX_CARDS", 40)
    card_pages.write_cards(tmp_path / "run", POLICY, {"run": "r"})
    pages = read_pages(tmp_path / "run")
    shown = set(re.findall(r'data-customer="([^"]+)"', "".join(pages.values())))
    assert len(shown) == 40
    actions = tables.read(run, "actions")
    standard = next(action.name for action in POLICY.playbook if action.standard)
    first = actions[actions["action"] != standard].groupby("customer_id")["priority"].min()
    assert first[list(shown)].max() <= first.nsmallest(40).max()
    assert all("have no page here: crcm explain" in page for page in pages.values())


def test_a_run_without_tiers_has_no_cards(tmp_path):
    card_pages.write_cards(tmp_path, POLICY, {})
    assert list(tmp_path.iterdir()) == []


def test_the_browser_finds_the_same_page_as_python_by_id_pseudonym_and_chinese(run, known, chromium):
    tab = Tab(chromium, (run / card_pages.CARDS / "cards_00.html").as_uri())
    sought = [(id_, id_) for id_ in ("00123", "123", ODD, *known.ids[100:400:60])]
    sought += [(make_pseudonym(DEMO_KEY, id_), id_) for id_ in known.ids[7:400:60]]
    sought += [(f" {make_pseudonym(DEMO_KEY, 'K10003').lower()} ", "K10003")]
    for typed, id_ in sought:
        tab.page.fill(".find input", typed)
        tab.page.press(".find input", "Enter")
        tab.page.wait_for_function("name => location.hash === '#' + name", arg=make_pseudonym(DEMO_KEY, id_))
        shown = tab.page.locator("article:visible")
        assert shown.count() == 1
        assert shown.get_attribute("data-customer") == id_
        assert not tab.page.locator(".not-found").is_visible()
    assert all(url.startswith("file:") for url in tab.asked)
    assert tab.said == []


def test_who_is_not_there_is_said_to_be_not_found_and_no_card_is_shown(run, chromium):
    tab = Tab(chromium, (run / card_pages.CARDS / "cards_00.html").as_uri())
    for typed in ("K9", "C-000000000000", "c-00000000000a"):
        tab.page.fill(".find input", typed)
        tab.page.press(".find input", "Enter")
        tab.page.wait_for_selector(".not-found:visible")
        assert tab.page.locator("article:visible").count() == 0


# Forgotten, and verified


def test_the_card_of_a_forgotten_customer_goes_and_all_others_stay_as_they_were(run, tmp_path):
    folder, gone = tmp_path / "run", "K10004"
    shutil.copytree(run, folder)
    name = make_pseudonym(DEMO_KEY, gone)
    before = read_pages(folder)
    assert gone in "".join(before.values())
    rewriting.rewrite(folder, erasure.Traces(frozenset({gone}), frozenset({name})))
    after = read_pages(folder)
    assert not any(gone in page or name in page for page in after.values())
    article = re.compile(r"<article.*?</article>", re.S)
    left = [each for page in before.values() for each in article.findall(page) if gone not in each]
    assert [each for page in after.values() for each in article.findall(page)] == left
    with pytest.raises(UsageError, match="no customer of this id"):
        explain(folder, gone)


@pytest.mark.parametrize("left", [0, 2])
def test_where_hardly_anybody_is_left_so_are_hardly_any_cards(run, known, tmp_path, left):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("cards_*"))
    for path in [*tmp_path.glob("run/tables/*.parquet"), *tmp_path.glob("run/clean/*.parquet")]:
        table = pd.read_parquet(path)
        if "customer_id" in table:
            table[table["customer_id"].isin(known.ids[:left])].to_parquet(path, index=False)
    card_pages.write_cards(tmp_path / "run", POLICY, {"run": "r"})
    assert "".join(read_pages(tmp_path / "run").values()).count("<article") == left


def test_a_published_run_has_cards_for_its_owner_only_and_keeps_its_policy(sample_run):
    pages = sorted((sample_run / card_pages.CARDS).iterdir())
    assert len(pages) == card_pages.SHARDS
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*pages, sample_run / kept_policy.POLICY]} == {
        0o600
    }
    assert stat.S_IMODE((sample_run / card_pages.CARDS).stat().st_mode) == 0o700
    assert (sample_run / kept_policy.POLICY).read_bytes() == (ROOT / "policy.yaml").read_bytes()
    assert "customers/" in (sample_run / "private" / "start.html").read_text("utf-8")
    assert CliRunner().invoke(build_app(), ["verify", str(sample_run)]).exit_code == 0
    assert call(sample_run, "123").exit_code == 0
