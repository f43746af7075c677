"""The playbooks of the given policies: whom an action reaches, by what is known, and what it says to them."""

import re

import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import action_choice, strategy
from crcm_lib.errors import PolicyError
from crcm_lib.features import decision_inputs, engagement, points_accounts
from crcm_lib.models import needs
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
PATHS = ["policy.yaml", "policies/b2b.yaml", "policies/retail.yaml"]  # these are tried on the sample
PRESETS = [f"policies/{path.name}" for path in sorted((ROOT / "policies").glob("*.yaml"))]
POLICIES = {path: read_policy(path) for path in ["policy.yaml", *PRESETS]}
ACTIONS = [(path, action) for path, policy in POLICIES.items() for action in policy.playbook]
NAMED = [f"{path}: {action.name}" for path, action in ACTIONS]
# By word: the stages of which a sentence with it may be true.
WORDS = {
    r"\bwarm\b": {"new", "one order", "growing", "loyal", "won back", "at risk"},
    r"^Welcome|\bnew here\b": {"new", "one order"},
    r"\bfirst (order|purchase)\b": {"new", "one order"},
    r"\bwith us for long\b|\blong-standing\b|\bthose who stay\b": {"loyal"},
    r"\bkeep(s)? coming\b": {"loyal"},
    r"\bbeen a long time\b|\bcome back\b": {"lost"},
    r"\bfor a while\b|\blonger than we expected\b": {"at risk", "lost"},
    r"\bnot lost yet\b": {"at risk"},
    r"欢迎|刚开始|新顾客": {"new", "one order"},
    r"第一单|第一次": {"new", "one order"},
    r"合作已久|老顾客": {"loyal"},
    r"回来|很久没有联系|很久没有见": {"lost"},
    r"有一段时间|比我们预想": {"at risk", "lost"},
}
# Of the sample: why nobody gets it.
UNREACHED = {
    "personal call": "05 raises no alert for a customer of the sample",
    "service call": "05 raises no alert for a customer of the sample",
}


@pytest.fixture(scope="module")
def sample():
    """The situation of the sample's customers, as 09 describes it."""
    known = {name: tables.read(GOLDEN, name) for name in strategy.READS}
    engine = open_engine(GOLDEN)
    known["attributes"] = decision_inputs.find_attributes(engine)
    known["members"] = points_accounts.find_members(engine, as_of="2025-12-31")
    known["engagement"] = engagement.summarise_engagement(engine, as_of="2025-12-31")
    known["needs"] = needs.find_needs(engine, as_of="2025-12-31")
    return strategy.describe_situation(tables.read(GOLDEN, "tiers"), **known)


def candidates(situation, policy):
    return strategy.list_candidates(situation, policy, as_of="2025-12-31")


# What an action asks for


ASKS = {
    "stages": ({"stages": ("loyal",)}, "stage", "loyal", "new"),
    "alerts": ({"alerts": ("urgent",)}, "alert", "urgent", "none"),
    "classes": ({"classes": ("promising",)}, "class", "promising", "cannot_tell"),
    "leaving": ({"leaving": {"at_least": 0.5}}, "p_no_purchase", 0.5, 0.49),
    "points": ({"points": {"credit": {"at_least": 60}}}, "points of credit", 60.0, 59.9),
    "answers": ({"answers": {"nps": {"below": 7}, "csat": {"below": 3}}}, "nps", 6.0, 7.0),
    "owned": ({"owned": True}, "owner", "S01", ""),
    "needs": ({"needs": ("premium",)}, "need", "premium", ""),
    "asks_for_help": ({"asks_for_help": 2}, "open_questions", 2.0, 1.0),
    "advocates": ({"advocates": True}, "is_advocate", True, False),
    "industries": ({"industries": ("health", "retail")}, "industry", "retail", "education"),
    "sizes": ({"sizes": ("large",)}, "size", "large", "small"),
    "regions": ({"regions": ("华东",)}, "region", "华东", "华北"),
    "company_age": ({"company_age": {"below": 3}}, "founded", "2023-06-01", "2020-06-01"),
}


@pytest.mark.parametrize("key", ASKS)
def test_a_condition_holds_for_those_who_meet_it_and_never_for_what_is_unknown(key):
    asked, column, meets, fails = ASKS[key]
    ids = pd.Index(["meets", "fails", "unknown"], name="customer_id")
    tiers = pd.DataFrame({"tier_in_force": "key"}, index=ids)
    situation = strategy.describe_situation(tiers, value=pd.DataFrame({"value": 1000.0}, index=ids))
    nobody = reach(situation, asked)  # no table says anything
    assert nobody == set()
    situation[column] = pd.Series([meets, fails, None], index=ids)
    assert reach(situation, asked) == {"meets"}
    assert reach(situation, {}) == set(ids)


def reach(situation, asked):
    action = next(each for each in POLICIES["policy.yaml"].playbook if each.name == "regular care")
    plain = {"stages": (), **asked}
    changed = action.model_validate(action.model_dump() | plain)
    standard = next(each for each in POLICIES["policy.yaml"].playbook if each.standard)
    policy = POLICIES["policy.yaml"].model_copy(update={"playbook": (changed, standard)})
    return set(candidates(situation, policy)["customer_id"])


def test_one_low_answer_is_enough_and_all_other_conditions_hold_together():
    ids = pd.Index(["nps", "csat", "both", "neither", "silent"], name="customer_id")
    situation = strategy.describe_situation(pd.DataFrame({"tier_in_force": "key"}, index=ids))
    situation["nps"] = [3.0, 9.0, 0.0, 7.0, None]
    situation["csat"] = [None, 2.9, 1.0, 3.0, None]
    low = {"answers": {"nps": {"below": 7}, "csat": {"below": 3}}}
    assert reach(situation, low) == {"nps", "csat", "both"}
    situation["stage"] = ["loyal", "loyal", "new", "loyal", "loyal"]
    assert reach(situation, low | {"stages": ("loyal",)}) == {"nps", "csat"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('{"playbook.co-development.points": {"credits": {"at_least": 60}}}', "Did you mean 'credit'"),
        ('{"playbook.co-development.points": {"credit": {"at_least": 600}}}', "600 is outside 0 to 100"),
        ('{"playbook.watch list.leaving": {"at_least": 50}}', "50 is outside 0 to 1"),
        ('{"playbook.watch list.leaving": {}}', "asks for nothing"),
        ('{"playbook.watch list.leaving": {"at_least": 0.6, "below": 0.5}}', "nobody is at least 0.6"),
        ('{"playbook.satisfaction repair.answers": {"ces": {"below": 3}}}', "ces"),
        ('{"playbook.satisfaction repair.answers": {"csat": {"below": 7}}}', "7 is outside 1 to 5"),
        ('{"playbook.promising start.classes": ["promissing"]}', "promissing"),
        ('{"playbook.executive visit.owned": "S01"}', "owned"),
        ('{"playbook.executive visit.company_age": {"at_least": -1}}', "-1 is outside 0 to 1000"),
        ('{"playbook.executive visit.company_age": {}}', "asks for nothing"),
    ],
)
def test_a_condition_that_nobody_can_meet_or_that_is_not_known_is_an_error(change, told):
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", change)
    assert told in str(caught.value)


def test_an_error_of_a_condition_names_its_line(tmp_path):
    text = (ROOT / "policy.yaml").read_text("utf-8")
    path = tmp_path / "policy.yaml"
    path.write_text(
        text.replace("points: {credit: {at_least: 60}}", "points: {credt: {at_least: 60}}"), "utf-8"
    )
    line = 1 + next(n for n, row in enumerate(path.read_text("utf-8").splitlines()) if "credt:" in row)
    with pytest.raises(PolicyError) as caught:
        read_policy(path)
    assert f"line {line}: " in str(caught.value)
    assert "Did you mean 'credit'" in str(caught.value)


# The given playbooks


@pytest.mark.parametrize("path", PATHS)
def test_every_action_reaches_somebody_of_the_sample_or_it_is_said_why_not(path, sample):
    found = candidates(sample, POLICIES[path])
    free = set(found.loc[found["barred"] == "", "action"])
    missing = {a.name for a in POLICIES[path].playbook if not a.standard} - free
    assert missing == UNREACHED.keys() & {a.name for a in POLICIES[path].playbook}
    assert not sample["alert"].isin(["warning", "urgent"]).any()  # which is the reason


@pytest.mark.parametrize("path", PATHS)
def test_every_action_that_reaches_somebody_is_chosen_for_somebody(path, sample):
    policy = POLICIES[path]
    rows = action_choice.choose_actions(candidates(sample, policy), sample, policy, seed=0).rows
    chosen = set(rows.loc[rows["arm"] == "treatment", "action"])
    assert {a.name for a in policy.playbook if not a.standard} - chosen == UNREACHED.keys() & {
        a.name for a in policy.playbook
    }


@pytest.mark.parametrize(("path", "action"), ACTIONS, ids=NAMED)
def test_what_is_said_is_true_of_every_stage_that_the_action_reaches(path, action):
    for words, stages in WORDS.items():
        for sentence in (action.say, action.say_zh, action.because):
            if re.search(words, sentence):
                assert action.stages, f"{sentence!r} needs `stages`"
                assert set(action.stages) <= stages, sentence


def test_each_of_these_words_is_said_somewhere():
    """Were a pattern wrong, the test above would hold for any sentence."""
    said = [sentence for _path, action in ACTIONS for sentence in (action.say, action.say_zh, action.because)]
    assert [words for words in WORDS if not any(re.search(words, sentence) for sentence in said)] == []


@pytest.mark.parametrize("path", POLICIES)
def test_every_occasion_has_a_sentence_for_the_customer_in_both_languages(path):
    for entry in POLICIES[path].care:
        assert entry.say != entry.because, entry.name
        assert entry.say, entry.name
        assert entry.say_zh, entry.name
        assert not re.search(r"[A-Za-z]", entry.say_zh), entry.name


@pytest.mark.parametrize(("path", "action"), ACTIONS, ids=NAMED)
def test_every_action_but_the_standard_offer_has_a_sentence_for_the_customer(path, action):
    assert bool(action.say) != action.standard
    assert bool(action.say_zh) == bool(action.say)
    assert not re.search(r"[A-Za-z]", action.say_zh)
    assert len(action.say_zh) < max(len(action.say), 1)
    assert action.zh
    assert action.effect <= 0.10
    assert action.lever != "price" or action.terms


@pytest.mark.parametrize("path", POLICIES)
def test_who_is_only_likely_to_leave_is_promised_little_and_called_by_nobody(path):
    """Risk is not sensitivity: the watch list claims next to nothing and approaches nobody."""
    (watch,) = [action for action in POLICIES[path].playbook if action.name == "watch list"]
    assert not watch.contact
    assert watch.effect <= 0.005


@pytest.mark.parametrize("path", POLICIES)
def test_the_founding_documents_actions_are_there(path):
    zh = {action.zh for action in POLICIES[path].playbook}
    always = {"高潜新客培育", "满意度修复", "挽回", "唤醒", "选择性激活", "观察名单", "常规信息推送"}
    assert always <= zh
    companies = {"定制化解决方案", "联合开发", "高层互访", "重要客户定期关怀", "增量价格激励", "促成二次购买"}
    assert (companies <= zh) == (path in ("policy.yaml", "policies/b2b.yaml"))
