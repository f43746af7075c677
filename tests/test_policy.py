"""The policy: what a manager may write, and what they are told when it does not fit."""

import json
import subprocess
from pathlib import Path

import pytest

from crcm_lib.config import criteria_catalogue
from crcm_lib.config.policy import read_policy
from crcm_lib.errors import PolicyError
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.schema.tables import ROOT

RULE = "by: x, day: 2026-01-01, until: 2026-12-31, because: x"
GIVEN = (ROOT / "policy.yaml").read_text(encoding="utf-8")
PRESETS = sorted((ROOT / "policies").glob("*.yaml"))
VISITED = {"visit", "social", "event"}  # channels on which somebody comes to the customer, or is met


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The given policy with each first text replaced by the second."""
    text = GIVEN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        read_policy(path)
    return str(caught.value)


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_a_whole_policy_of_the_same_tiers_with_chinese_names(path):
    given, preset = read_policy("policy.yaml"), read_policy(path)
    assert [tier.name for tier in preset.tiers] == [tier.name for tier in given.tiers]
    named = [*preset.criteria, *preset.tiers, *preset.playbook, *preset.rfm.segments]
    named += [indicator for criterion in preset.criteria for indicator in criterion.indicators]
    assert [part.name for part in named if not part.zh] == []
    assert preset.fairness.protected == given.fairness.protected


# Windows that a preset has of its own, as its customers decide fast or slowly; all others are as given.
WINDOWS = {
    "bank": {"churn.horizon_days": 90, "rfm.compare_days": 90, "monitoring.compare_days": 90},
    "manufacturer": {"churn.horizon_days": 180, "rfm.compare_days": 365, "monitoring.compare_days": 365},
    "service": {
        "lifecycle.new_share": 0.75,
        "churn.horizon_days": 60,
        "rfm.compare_days": 90,
        "monitoring.compare_days": 90,
    },
    "software": {"churn.horizon_days": 90, "rfm.compare_days": 90, "monitoring.compare_days": 90},
}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_follows_the_given_policy_where_it_has_no_reason_not_to(path):
    given = read_policy("policy.yaml", json.dumps(WINDOWS.get(path.stem, {})))
    preset = read_policy(path)
    for part in ("rfm", "lifecycle", "churn", "monitoring", "privacy", "approvals"):
        assert getattr(preset, part) == getattr(given, part), part


def test_companies_decide_slowly_and_persons_fast():
    slow, given, fast = (
        read_policy(f"{name}.yaml") for name in ("policies/manufacturer", "policy", "policies/service")
    )
    assert slow.monitoring.compare_days > given.monitoring.compare_days > fast.monitoring.compare_days
    assert slow.churn.horizon_days > fast.churn.horizon_days
    assert slow.contact.silent_days > fast.contact.silent_days


def test_the_presets_are_those_that_the_documentation_lists():
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert [
        path.stem for path in PRESETS if f"[policies/{path.name}](../policies/{path.name})" not in page
    ] == []


def test_nobody_visits_a_household_and_it_is_offered_no_price():
    retail = read_policy("policies/retail.yaml")
    assert not {action.channel for action in retail.playbook} & VISITED
    assert not [action.name for action in retail.playbook if action.terms or action.lever == "price"]
    assert not [a.name for a in retail.playbook if "sales" in a.owner_role or "account" in a.owner_role]
    assert not {"industry", "size"} & set(retail.fairness.audit)
    tables = {indicator.table for criterion in retail.criteria for indicator in criterion.indicators}
    assert not tables & {"payments", "renewals", "judgements"}


def test_companies_are_judged_by_contracts_and_credit_too_and_have_account_managers():
    b2b = read_policy("policies/b2b.yaml")
    weights = {criterion.name: criterion.weight for criterion in b2b.criteria}
    assert weights["credit"] > next(
        c.weight for c in read_policy("policy.yaml").criteria if c.name == "credit"
    )
    tables = {indicator.table for criterion in b2b.criteria for indicator in criterion.indicators}
    assert {"payments", "renewals", "judgements"} <= tables
    assert {"industry", "size"} <= set(b2b.fairness.audit)
    assert any(action.owner_role == "key account manager" for action in b2b.playbook)


@pytest.mark.parametrize(
    ("source", "policy"),
    [
        ("data/sources/complete_journey.yaml", "policies/retail.yaml"),
        ("data/sources/sample.yaml", "policy.yaml"),
        ("data/sources/mine.yaml", "policy.yaml"),
    ],
)
def test_make_report_takes_the_retailers_policy_for_the_grocer_alone(source, policy):
    said = subprocess.run(
        ["make", "-n", "report", f"SOURCE={source}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"--policy {policy} " in said


def test_a_run_takes_the_given_policy_unless_told():
    assert RunSettings(source="mine.yaml").policy == "policy.yaml"


def test_the_given_policy_holds_six_criteria_and_five_tiers():
    policy = read_policy("policy.yaml")
    assert [criterion.zh for criterion in policy.criteria] == [
        "贡献度",
        "忠诚度",
        "满意度",
        "潜力",
        "战略匹配度",
        "信用",
    ]
    assert [tier.zh for tier in policy.tiers] == ["战略客户", "重要客户", "潜力客户", "普通客户", "观望客户"]
    assert {action.lever for action in policy.playbook} == {
        "product",
        "price",
        "service",
        "communication",
        "marketing",
    }


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_one(tmp_path):
    path = edited(tmp_path, ("horizon_days: 365", "horizn_days: 365"))
    told = complaint(path)
    assert (
        f"line {line_of(path, 'horizn_days')}: unknown key 'horizn_days'. Did you mean 'horizon_days'?"
        in told
    )


def test_a_repeated_key_is_refused_with_both_lines(tmp_path):
    path = edited(tmp_path, ("currency: source", "currency: source\ncurrency: EUR"))
    first = line_of(path, "currency: source")
    assert f"line {first + 1}: 'currency' is given twice; first on line {first}" in complaint(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("weight: 0.35", "weight: 0.45", "criteria: the weights add up to 1.1, not 1"),
        (
            "column: spend_365d, weight: 0.38",
            "column: spend_365d, weight: 0.28",
            "contribution: the weights add up to 0.9, not 1",
        ),
        ("column: spend_365d", "column: spend_356d", "Did you mean 'spend_365d'?"),
        ("table: satisfaction", "table: satisfation", "Did you mean 'satisfaction'?"),
        ("column: spend_365d", "column: birthday", "'birthday' is protected"),
        ("column: spend_365d", "column: region", "'region' holds words: give `levels`"),
        ("when: {score: {top_share: 0.05}}", "when: {scor: {top_share: 0.05}}", "unknown criterion 'scor'"),
        (
            "when: {score: {top_share: 0.20}}",
            "when: {score: {top_share: 0.05}}",
            "'key' can never be reached: 'strategic' before it takes all of its customers",
        ),
        (
            "when: {score: {top_share: 0.20}}",
            "when: {score: {at_least: 80, below: 70}}",
            "nobody is at least 80 and below 70",
        ),
        ("when: {score: {top_share: 0.20}}", "zh2: x", "unknown key 'zh2'"),
        (
            "    because: little contact",
            "    when: {score: {below: 40}}\n    because: little contact",
            "the last tier, 'watch', has a `when`; leave it out, so that nobody is left over",
        ),
        ("points: [[0, 0], [10, 100]]", "points: [[0, 100], [10, 0]]", "run against `better: higher`"),
        ("lost_quantile: 0.98", "lost_quantile: 0.8", "the windows overlap"),
        ("false_alerts: 0.01", "false_alerts: 0", "should be greater than 0"),
        ("column: overdue_ratio", "column: p_no_purchase", "unknown indicator column 'p_no_purchase'"),
        ("owner: Head of customer management", "owner: NO", "NO is text to some readers"),
        ("horizon_days: 365", "horizon_days: 0365", "0365 has a leading zero"),
        ("horizon_days: 365", 'horizon_days: "365"', "should be a valid integer, not '365'"),
        ("tiers: [strategic]", "tiers: [stratgic]", "Did you mean 'strategic'?"),
        ("  rules: []", f"  rules: [{{before: kye, after: watch, {RULE}}}]", "Did you mean 'key'?"),
        (
            "  rules: []",
            f"  rules: [{{before: watch, after: key, {RULE}}}]",
            "'key' is no worse than 'watch': a move up needs no approval",
        ),
        ("    terms: true\n", "", "pulls the price lever: say terms: true"),
        ("standard: true ", "standard: false ", "exactly one action must say standard: true"),
        ("name: nurture plan", "name: next category", "the name 'next category' is taken on line"),
        ("tiers: {} ", "tiers: {wach: 100} ", "unknown tier 'wach'. Did you mean 'watch'?"),
        ("hours: {} ", "hours: {sales directr: 4} ", "Did you mean 'sales director'?"),
        ("levers: {} ", "levers: {price: -1} ", "budget.levers.price: should be greater than or equal to 0"),
        ("total: null ", "totl: 5 ", "unknown key 'totl'. Did you mean 'total'?"),
        (
            "max_contacts: 5",
            "max_contacts: 3",
            "'nurture plan' is 4 contacts, more than contact.max_contacts (3)",
        ),
        ("max_contacts: 5", "max_actions: 2", "Did you mean 'max_contacts'?"),
        ("of: value_at_risk", "of: spend_expected", "should be 'value' or 'value_at_risk'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_line(tmp_path, old, new, told):
    path = edited(tmp_path, (old, new))
    complaints = complaint(path).splitlines()[1:]
    assert any(told in line for line in complaints), complaints
    assert all(line.startswith("  line ") for line in complaints)


def test_a_tier_that_takes_everyone_leaves_a_gap_below_it(tmp_path):
    path = edited(tmp_path, ("    when: {score: {top_share: 0.20}}\n", ""))
    assert "'key' has no `when` and takes everyone: the tiers after it can never be reached" in complaint(
        path
    )


@pytest.mark.parametrize("count", [2, 6])
def test_there_are_three_to_five_tiers(tmp_path, count):
    start, end = GIVEN.index("  - name: strategic\n"), GIVEN.index("# What to do for whom")
    rows = [
        f"  - {{name: t{n}, zh: x, because: x, when: {{score: {{at_least: {90 - n}}}}}}}"
        for n in range(count - 1)
    ]
    tiers = "\n".join([*rows, "  - {name: rest, zh: x, because: x}\n"])
    path = tmp_path / "policy.yaml"
    path.write_text(GIVEN[:start] + tiers + GIVEN[end:], encoding="utf-8")
    assert f"{count} tier(s); give three to five" in complaint(path)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path):
    path = edited(
        tmp_path,
        ("version: 1", "version: one"),
        ("weight: 0.35", "weight: 0.45"),
        ("column: spend_365d", "column: spend_356d"),
        ("share: 0.10", "share: 0.9"),
    )
    lines = complaint(path).splitlines()
    assert lines[0] == "policy.yaml: 4 problem(s)"
    numbers = [int(line.split()[1].rstrip(":")) for line in lines[1:]]
    assert numbers == sorted(numbers)


RULE = "{approver: Board, disclosure: On the website, start: 2026-01-01, end: 2026-12-31}"
CAPACITY = "    capacity: 40\n    effect: 0.04\n"  # of the framework terms


def with_terms_for_persons(tmp_path, rule=RULE, more=""):
    tiers = "    tiers: [strategic, key]\n"  # of the framework terms, and of no other terms
    terms = f"    terms: true\n    contact: false\n{more}    for_persons: {rule}\n{tiers}"
    changed = (f"    terms: true\n{tiers}", terms)
    return edited(tmp_path, changed, (CAPACITY, "    effect: 0.04\n"))


@pytest.mark.parametrize(
    ("change", "told", "named"),
    [
        ({"rule": RULE.replace("Board", '" "')}, "for_persons.approver", "for_persons"),
        ({"rule": RULE.replace("On the website", '"  "')}, "for_persons.disclosure", "for_persons"),
        (
            {"rule": RULE.replace("2026-12-31", "2026-01-01")},
            "ends (2026-01-01) before it has started",
            "for_persons",
        ),
        ({"more": "    stages: [loyal]\n"}, "leave out 'stages'", "stages"),
        ({"more": "    alerts: [urgent]\n"}, "leave out 'alerts'", "alerts"),
        ({"more": "    capacity: 0\n"}, "leave out 'capacity'", "capacity"),
        ({"more": "    classes: [promising]\n"}, "leave out 'classes'", "classes"),
        ({"more": "    leaving: {below: 0.5}\n"}, "leave out 'leaving'", "leaving"),
        ({"more": "    points: {credit: {at_least: 50}}\n"}, "leave out 'points'", "points"),
        ({"more": "    answers: {nps: {at_least: 9}}\n"}, "leave out 'answers'", "answers"),
        ({"more": "    owned: true\n"}, "leave out 'owned'", "owned"),
    ],
)
def test_terms_of_persons_are_the_same_for_all_in_its_tiers(tmp_path, change, told, named):
    path = with_terms_for_persons(tmp_path, **change)
    lines = path.read_text(encoding="utf-8").splitlines()
    action = lines.index("  - name: framework terms")
    line = next(n for n, words in enumerate(lines, 1) if n > action and words.strip().startswith(named))
    assert any(row.startswith(f"  line {line}:") and told in row for row in complaint(path).splitlines())


def test_terms_of_persons_need_no_approach(tmp_path):
    rule = f"    terms: true\n    for_persons: {RULE}\n"
    path = edited(tmp_path, ("    terms: true\n", rule), (CAPACITY, "    effect: 0.04\n"))
    assert "published and hold without any approach: say contact: false" in complaint(path)
    silent = edited(tmp_path, ("    terms: true\n", rule.replace("terms: true", "terms: false")))
    assert "is no terms action: say terms: true" in complaint(silent)


def test_hours_of_a_role_are_limited_only_where_all_of_its_actions_say_them(tmp_path):
    limited = ("hours: {} ", "hours: {sales director: 40} ")
    assert read_policy(edited(tmp_path, limited)).budget.hours == {"sales director": 40}
    path = edited(tmp_path, limited, ("    cost: 150\n    hours: 4\n", "    cost: 150\n"))
    told = f"line {line_of(path, 'name: executive visit')}: 'executive visit' says no `hours`"
    assert told in complaint(path)


def test_better_terms_for_persons_may_not_leave_out_the_more_loyal(tmp_path):
    rule = RULE
    allowed = with_terms_for_persons(tmp_path)
    (action,) = [each for each in read_policy(allowed).playbook if each.name == "framework terms"]
    assert action.for_persons is not None
    unfair = allowed.read_text(encoding="utf-8").replace(
        f"for_persons: {rule}\n    tiers: [strategic, key]", f"for_persons: {rule}\n    tiers: [key]"
    )
    allowed.write_text(unfair, encoding="utf-8")
    assert "the more loyal would get worse terms" in complaint(allowed)


@pytest.mark.parametrize("content", ["", "[]", "a: &x 1\nb: *x\n", "a: [", "just text"])
def test_a_file_that_is_no_policy_is_told_not_crashed_on(tmp_path, content):
    path = tmp_path / "policy.yaml"
    path.write_text(content, encoding="utf-8")
    assert "problem(s)" in complaint(path)


def test_a_missing_file_is_told(tmp_path):
    assert "cannot be read" in complaint(tmp_path / "nowhere.yaml")


# Overrides


def test_overrides_change_numbers_entries_of_lists_and_keys_that_the_file_leaves_out():
    changed = read_policy(
        ROOT / "policy.yaml",
        '{"rfm.bins": 4, "horizon_days": 180, "tiers.key.zh": "重点", "tiers.1.zh": "首要"}',
    )
    names = {tier.name: tier.zh for tier in changed.tiers}
    assert (changed.rfm.bins, changed.horizon_days, names["key"]) == (4, 180, "重点")
    assert changed.tiers[0].zh == "首要"


def test_without_overrides_the_policy_is_the_file():
    assert read_policy(ROOT / "policy.yaml", "{}") == read_policy(ROOT / "policy.yaml")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ('{"rfm.bin": 4}', r"unknown path 'rfm\.bin'\. Did you mean 'rfm\.bins'\?"),
        ('{"tiers.kye.zh": "x"}', r"unknown path 'tiers\.kye'\. Did you mean 'tiers\.key'\?"),
        ('{"rfm.bins": "four"}', r"rfm\.bins: "),
        ('{"criteria.contribution.weight": 0.9}', "weights"),
        ("{rfm.bins: 4}", "not JSON"),
        ("[4]", "not a JSON object"),
    ],
)
def test_an_override_that_does_not_fit_is_refused_as_the_file_would_be(overrides, words):
    with pytest.raises(PolicyError, match=words):
        read_policy(ROOT / "policy.yaml", overrides)


def test_all_overrides_that_do_not_fit_are_named_at_once():
    with pytest.raises(PolicyError, match=r"2 problem\(s\)"):
        read_policy(ROOT / "policy.yaml", '{"rfm.bin": 4, "horizon": 180}')


NAMED = {  # capabilities 134 to 156 of the founding documents: criteria, and what measures them
    "贡献度": ("年度采购额", "购买频次", "累计贡献利润", "平均订单金额"),
    "忠诚度": ("合作年限", "续约率", "推荐新客户数量", "品牌认同度", "合作稳定性"),
    "满意度": ("满意度评分", "净推荐值", "投诉率"),
    "潜力": ("行业增长潜力", "客户自身发展速度", "合作广度空间", "价格敏感度"),
    "战略匹配度": ("行业标杆", "与战略方向契合", "开拓新市场"),
    "信用": ("信用等级", "历史违约记录", "付款及时性"),
}


def test_the_given_policy_has_every_indicator_that_the_founding_documents_name():
    policy = read_policy("policy.yaml")
    assert [criterion.zh for criterion in policy.criteria] == list(NAMED)
    measured = {indicator.zh for criterion in policy.criteria for indicator in criterion.indicators}
    assert {name for names in NAMED.values() for name in names} - measured == set()


@pytest.mark.parametrize("path", [ROOT / "policy.yaml", *PRESETS], ids=lambda path: path.stem)
def test_every_indicator_is_defined_with_unit_direction_and_source(path):
    listed = criteria_catalogue.list_criteria(read_policy(path))
    words = listed[listed["better"] == "levels"]
    assert (listed["definition"] != "").all()
    assert (listed.drop(words.index)["unit"] != "").all()
    assert listed["weight"].sum() == pytest.approx(1)
    assert (listed["weight"] > 0).all()


def test_the_catalogue_of_the_documentation_is_that_of_the_policy():
    page = criteria_catalogue.PAGE.read_text("utf-8")
    assert criteria_catalogue.renew(page, read_policy("policy.yaml")) == page


def test_what_a_policy_says_of_a_name_goes_before_what_the_table_says():
    listed = criteria_catalogue.list_criteria(read_policy("policy.yaml")).set_index("indicator")
    assert listed.loc["opens markets", "definition"].startswith("how far the customer opens new markets")
    assert listed.loc["opens markets", "unit"] == "0…100"
    assert listed.loc["spend in a year", "definition"] == "spend in the last 365 days"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("loyalty: {satisfaction: 3", "loyalty: {satisfction: 3", "Did you mean 'satisfaction'?"),
        (
            "credit: {strategic fit: 2}\n\n",
            "\n",
            "compare 'strategic fit' with 'credit' too: all pairs, or none",
        ),
        (
            "credit: {strategic fit: 2}",
            "credit: {strategic fit: 2, loyalty: 3}",
            "give each pair of criteria once",
        ),
        ("credit: {strategic fit: 2}", "credit: {strategic fit: 12}", "less than or equal to 9"),
    ],
)
def test_comparisons_of_criteria_are_complete_and_each_pair_is_given_once(tmp_path, old, new, told):
    assert told in complaint(edited(tmp_path, (old, new)))


def test_comparisons_may_be_left_out():
    assert read_policy("policies/b2b.yaml").weighting.ahp == {}
