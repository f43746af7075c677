"""What a policy says of its objective, its days, others' numbers, regions, industries and owners."""

import json

import pandas as pd
import pytest
from test_report import fill, make_run
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.config.governance_policy import Emphasis
from crcm_lib.config.policy import Condition, read_policy
from crcm_lib.decisions.criterion_weights import compare_methods
from crcm_lib.decisions.objectives import WITHOUT, place_without
from crcm_lib.decisions.review_dates import find_due, judge_dates, list_dates
from crcm_lib.decisions.scorecard import Scale, fit_scorecard, refit_cutoffs, score
from crcm_lib.decisions.tiers import assign_tiers
from crcm_lib.errors import PolicyError
from crcm_lib.features import decision_inputs
from crcm_lib.reporting import customer_card, kpis, pages, peer_comparison
from crcm_lib.reporting.exports import task_list
from crcm_lib.reporting.text import objective, outside_notes, policy_dates, weighting
from crcm_lib.reporting.text.policy_summary import describe_policy
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = read_policy("policy.yaml")


def policy_of(**changes):
    return read_policy("policy.yaml", json.dumps(changes))


# Objective -------------------------------------------------------------------------------------------------


def test_without_an_objective_the_weights_are_the_criterias_own():
    policy = policy_of()
    assert policy.objective is None
    assert policy.weights == {each.name: each.weight for each in policy.criteria}
    assert policy.emphasis.cards == ()


def test_an_objective_multiplies_the_weights_by_what_the_policy_says():
    """0.25 × 1.5 and 0.10 × 1.5 of 0.35 + 0.375 + 0.15 + 0.15 + 0.05 + 0.10 = 1.175."""
    weights = policy_of(objective="retain").weights
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["loyalty"] == pytest.approx(0.375 / 1.175)
    assert weights["satisfaction"] == pytest.approx(0.15 / 1.175)
    assert weights["contribution"] == pytest.approx(0.35 / 1.175)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objectives": {}, "objective": "grow"}, "say under `objectives` what 'grow' changes"),
        ({"objectives.grow.multipliers": {"potentail": 2}}, "potential"),
        ({"objectives.grow.cards": ["at risk"]}, "at_risk"),
        ({"objectives.grow.answers": ["04_value"]}, "04_clv"),
        ({"objective": "win"}, "retain"),
        ({"privacy.inventory": {"transaction": {}}}, "transactions"),
        ({"privacy.inventory": {"tickets.txt": {}}}, "text"),
    ],
)
def test_what_the_policy_names_must_be_there(changes, said):
    with pytest.raises(PolicyError, match=said):
        policy_of(**changes)


# Days ------------------------------------------------------------------------------------------------------

OTHERS = {
    "improvements": [
        {"name": "courier", "topic": "delivery", "day": "2026-01-01", "review_by": "2026-02-10"}
        | {"owner_role": "service team lead"}
    ],
    "benchmarks": [
        {"name": "rival", "kpi": "repeat_share", "value": 0.5, "unit": "0…1", "source": "a study"}
        | {"day": "2025-02-01", "valid_days": 365}
    ],
    "markets": [
        {"industry": "machinery", "outlook": 70, "because": "orders rise", "source": "an association"}
        | {"day": "2025-02-02"}
    ],
    "region_notes": [
        {"region": "North", "kind": "law", "note": "ask first", "source": "counsel", "day": "2025-02-03"}
    ],
    "approvals.rules": [
        {"before": "regular", "after": "watch", "by": "sales", "day": "2026-01-01", "until": "2026-02-04"}
        | {"because": "few"}
    ],
    "privacy.officer": "privacy officer",
    "privacy.inventory": {"tickets": {"review_by": "2026-02-05"}},
    "review_by": "2026-02-06",
}


def test_every_dated_thing_of_the_policy_has_its_day_and_who_answers_for_it():
    dates = list_dates(policy_of(**OTHERS)).set_index("kind")
    assert dates["day"].dt.strftime("%m-%d").to_dict() == {
        "benchmark": "02-01",
        "outlook": "02-02",
        "region_note": "02-03",
        "approval_rule": "02-04",
        "inventory": "02-05",
        "policy": "02-06",
        "improvement": "02-10",
    }
    roles = dates["role"].to_dict()
    assert roles["policy"] == roles["benchmark"] == "Head of customer management"
    assert (roles["approval_rule"], roles["inventory"]) == ("sales", "privacy officer")
    assert roles["improvement"] == "service team lead"


@pytest.mark.parametrize(
    ("as_of", "state"),
    [("2026-01-06", None), ("2026-01-07", "near"), ("2026-02-06", "near"), ("2026-02-07", "passed")],
)
def test_a_day_warns_thirty_days_before_and_has_passed_the_day_after(as_of, state):
    due = find_due(policy_of(review_by="2026-02-06"), as_of).set_index("kind")
    assert (None if due.empty else due.loc["policy", "state"]) == state


def test_what_is_said_of_days_that_have_passed_near_and_neither():
    due = find_due(policy_of(review_by="2026-02-06"), "2026-02-07")
    (said,) = policy_dates.list_due(due)
    assert said.startswith("Overdue since 2026-02-06: the policy, ")
    assert said.endswith("(`review_by`); Head of customer management answers for it.")
    assert policy_dates.caption_dates(due) == "Days that the policy names: 1 passed, 0 within 30 days."
    near = find_due(policy_of(review_by="2026-02-06"), "2026-02-01")
    assert policy_dates.list_due(near)[0].startswith("Due by 2026-02-06")
    assert list(policy_dates.write_dates(near)["state"]) == ["near"]
    none = judge_dates(policy_of(review_by="2026-02-06"), "2025-02-01")
    assert set(none["state"]) == {"later"}
    assert policy_dates.caption_dates(none).startswith("None of the days")


# The objective in 08, on the first page and on the cards ----------------------------------------------------


def three_buyers(chosen=None):
    """A policy of two criteria of equal weight, and three customers: a leads by one, b by the other."""
    criteria = tuple(
        each.model_copy(update={"weight": 0.5, "indicators": each.indicators[:1]})
        for each in POLICY.criteria[:2]
    )
    tiers = (
        POLICY.tiers[0].model_copy(update={"when": {"score": Condition(top_share=0.34)}}),
        POLICY.tiers[-1],
    )
    declared = {"retain": Emphasis(multipliers={"loyalty": 4})}
    update = {"criteria": criteria, "tiers": tiers, "objectives": declared, "objective": chosen}
    policy = POLICY.model_copy(update=update)
    names = [criterion.indicators[0].name for criterion in criteria]
    raw = pd.DataFrame([[100, 20], [30, 80], [0, 0]], list("abc"), names).astype(float)
    raw.index.name = "customer_id"
    model = fit_scorecard(raw, policy, learned_on="")
    line = Scale(raw=(0.0, 100.0), points=(0.0, 100.0))
    model = model.model_copy(update={"scales": dict.fromkeys(names, line)})
    card = score(raw, policy, model)
    return policy, card, refit_cutoffs(card, policy, model, model.weights[0])


def test_who_has_another_tier_because_of_the_objective_by_hand():
    """Without it a has 60 points and b 55; loyalty four times as heavy, a has 36 and b 70."""
    policy, card, model = three_buyers("retain")
    assert model.weights[0] == pytest.approx({"contribution": 0.2, "loyalty": 0.8})
    proposed = assign_tiers(card, policy, model)
    assert proposed["tier_proposed"].to_list() == ["watch", "strategic", "watch"]
    without = place_without(card, card.index, policy, model)
    assert without["tier_without_objective"].to_list() == ["strategic", "watch", "watch"]
    said = objective.describe_objective(proposed.join(without), policy, at_least=1)
    assert "loyalty × 4.00 (50.0% → 80.0%)" in said
    assert "1 are proposed a better tier and 1 a worse one" in said
    hidden = objective.describe_objective(proposed.join(without), policy, at_least=5)
    assert "fewer than 5 are proposed a better tier and fewer than 5 a worse one" in hidden


def test_an_objective_that_changes_nobodys_tier_says_so():
    policy, card, model = three_buyers("retain")
    same = assign_tiers(card, policy, model)
    same["tier_without_objective"] = same["tier_proposed"]
    assert "Nobody is proposed another tier" in objective.describe_objective(same, policy, at_least=5)


def test_without_an_objective_nothing_is_said_and_the_declared_ones_stand_beside_the_other_weights():
    policy, card, model = three_buyers()
    assert place_without(card, card.index, policy, model).columns.empty
    assert objective.describe_objective(assign_tiers(card, policy, model), policy, at_least=5) == ""
    assert objective.summarise_emphasis(policy) == {}
    methods = compare_methods(card, card.index, [], policy, model).set_index("weights")
    assert methods.loc["retain", ["contribution", "loyalty"]].to_list() == pytest.approx([0.2, 0.8])
    assert methods.loc["retain", ["rise", "fall"]].to_list() == pytest.approx([1 / 3, 1 / 3])
    assert weighting.write_methods(methods.reset_index())["weights"].notna().all()


def test_under_an_objective_the_weights_without_it_stand_beside_the_other_weights():
    policy, card, model = three_buyers("retain")
    methods = compare_methods(card, card.index, [], policy, model).set_index("weights")
    assert methods.loc[WITHOUT, ["rise", "fall"]].to_list() == pytest.approx([1 / 3, 1 / 3])
    assert "retain" not in methods.index
    assert weighting.write_methods(methods.reset_index())["weights"].notna().all()


def test_the_objectives_numbers_and_answers_come_first_on_the_first_page(tmp_path):
    run = make_run()
    run["policy"] |= {"emphasis": objective.summarise_emphasis(policy_of(objective="grow"))}
    folder = fill(tmp_path)
    plain, page = pages.render_index(folder, make_run()), pages.render_index(folder, run)
    assert "What is the objective" not in plain
    assert "Objective of the policy: grow 增长" in page
    assert page.index("04_clv.html") < page.index("At a glance</h2>") < page.index("03_rfm.html")
    assert plain.index("02_customer_profile.html") < plain.index("04_clv.html")
    first, others = "Predicted value</h3>", "Repeat customers</h3>"
    assert page.index(first) < page.index(others)
    assert plain.index(first) > plain.index(others)


# Others' numbers -------------------------------------------------------------------------------------------


def beside(*benchmarks, as_of="2025-12-31", folder=GOLDEN):
    given = [each.model_dump(mode="json") for each in policy_of(benchmarks=list(benchmarks)).benchmarks]
    run = {"policy": {"benchmarks": given, "min_cell": 5}, "as_of": as_of, "currency": "CNY"}
    return peer_comparison.compare(folder, run, kpis.cards(folder, run)), run


RIVAL = {"name": "rival", "kpi": "repeat_share", "value": 0.5, "unit": "0…1", "source": "a study"}
RIVAL |= {"day": "2025-01-01", "valid_days": 364}


def test_others_numbers_stand_beside_ours_with_source_and_day():
    (row,), _run = beside(RIVAL)
    ours = next(card for card in kpis.cards(GOLDEN, _run) if card.name == "repeat_share")
    assert (row["theirs"], row["ours"], row["source"]) == ("50.0%", f"{ours.number:.1%}", "a study")
    assert not row["is_old"]
    assert beside(RIVAL, as_of="2026-01-01")[0][0]["is_old"]


def test_market_share_and_share_of_wallet_are_of_the_benchmarks_money():
    bought = tables.read(GOLDEN, "customer_features")["purchases_365d"] > 0
    market = RIVAL | {"name": "market", "kpi": "market_spend", "value": 1e8, "unit": "CNY"}
    wallet = RIVAL | {"name": "wallet", "kpi": "wallet", "value": 1e4, "unit": "CNY"}
    rows, run = beside(market, wallet)
    spend = next(card for card in kpis.cards(GOLDEN, run) if card.name == "spend_year").number
    assert rows[0]["ours"] == f"{spend / 1e8:.1%}"
    assert rows[1]["ours"] == f"{spend / bought.sum() / 1e4:.1%}"
    assert rows[0]["kpi"] == "market share (市场份额)"


def test_share_of_wallet_and_of_the_market_are_said_to_be_unknown_where_no_benchmark_is_given():
    (said,) = peer_comparison.explain_unknown({})
    assert said.startswith("Not known: share of wallet (客户份额), market share (市场份额).")
    wallet = RIVAL | {"name": "wallet", "kpi": "wallet", "value": 1e4, "unit": "CNY"}
    (said,) = peer_comparison.explain_unknown(beside(wallet)[1])
    assert said.startswith("Not known: market share")
    market = RIVAL | {"name": "market", "kpi": "market_spend", "value": 1e8, "unit": "CNY"}
    assert peer_comparison.explain_unknown(beside(wallet, market)[1]) == []


def test_without_benchmarks_nothing_stands_beside_ours_and_a_hidden_number_stays_hidden(tmp_path):
    assert beside()[0] == []
    page = pages.render_index(fill(tmp_path), make_run())
    assert "Beside others" not in page
    assert "Not known: share of wallet" in page
    risk = RIVAL | {"name": "risk", "kpi": "at_risk", "value": 9, "unit": "CNY"}
    assert peer_comparison.compare(GOLDEN, beside(risk)[1], [])[0]["ours"] == "–"


# Industries, regions, owners -------------------------------------------------------------------------------

DAY = pd.Timestamp("2025-12-31")
OUTLOOK = {"industry": "machinery", "outlook": 70, "because": "orders rise", "source": "an association"}
NOTE = {"region": "North", "kind": "law", "note": "ask first", "source": "counsel", "day": "2025-02-03"}


def test_the_outlook_of_an_industry_and_the_notes_on_a_region_are_said_of_its_customers_alone():
    policy = policy_of(markets=[OUTLOOK | {"day": "2024-01-01"}], region_notes=[NOTE])
    customer = {"industry": "machinery", "region": "North"}
    assert outside_notes.list_notes(customer, policy, DAY) == [
        "Outlook of machinery: 70 of 100, 50 is as all. orders rise (an association, 2024-01-01, old)",
        "Region North, law: ask first (counsel, 2025-02-03)",
    ]
    assert outside_notes.list_notes({"industry": "retail", "region": None}, policy, DAY) == []
    assert outside_notes.list_notes(None, policy, DAY) == []
    assert outside_notes.list_notes(customer, policy_of(), DAY) == []


def test_whose_a_customer_is_and_the_rule_where_two_claim_it():
    (owned,) = outside_notes.describe_ownership("S02", policy_of())
    assert owned.startswith("Owner: S02. Where two claim the customer: the owner named")
    assert owned.endswith("sales director decides within 10 days.")
    (nobody,) = outside_notes.describe_ownership(float("nan"), policy_of())
    assert nobody.startswith("No owner is named. The rule: ")
    assert outside_notes.describe_ownership("S02", policy_of(account_ownership=None)) == []


def test_lists_and_cards_say_what_the_policy_says_of_industry_region_and_owner():
    attributes = decision_inputs.find_attributes(open_engine(GOLDEN))
    region = attributes["region"].value_counts().index[0]
    policy = policy_of(region_notes=[NOTE | {"region": region}])
    tasks = task_list.list_tasks(GOLDEN, policy)
    here = tasks["customer_id"].map(attributes["region"]) == region
    noted = tasks["why"].str.contains(f"Region {region}, law: ask first (counsel, 2025-02-03)", regex=False)
    assert here.any()
    assert noted.equals(here)
    known = customer_card.read_customers(GOLDEN, policy)
    chosen = attributes.index[(attributes["region"] == region) & attributes.index.isin(known.ids)][0]
    (card,) = customer_card.make_cards(known, [chosen])
    rows = next(section.rows for section in card.sections if section.title == "Industry, region and owner")
    assert rows[0] == f"Region {region}, law: ask first (counsel, 2025-02-03)"
    assert "sales director decides within 10 days." in rows[1]
    card = customer_card.make_cards(
        customer_card.read_customers(GOLDEN, policy_of(account_ownership=None)), [chosen]
    )
    assert "Industry, region and owner" not in [section.title for section in card[0].sections]


def test_policy_show_prints_the_objective_and_the_weights_that_it_gives():
    lines = describe_policy(policy_of(objective="retain"), None, "no run")
    assert "objective retain: loyalty × 1.50 (25.0% → 31.9%), satisfaction × 1.50 (10.0% → 12.8%)" in lines
    assert "   31.9%  loyalty 忠诚度" in [line for line in lines if "loyalty 忠诚度" in line]
    plain = describe_policy(policy_of(), None, "no run")
    assert "   25.0%  loyalty 忠诚度" in plain
    assert not [line for line in plain if line.startswith("objective")]


@pytest.mark.parametrize(("day", "said"), [("2024-03-20", True), ("2024-06-01", False)])
def test_check_warns_of_days_of_the_policy_by_the_last_day_known(shop, day, said):
    """The shop's last day known is 2024-03-13."""
    text = shop.policy.read_text("utf-8").replace("review_by: 2027-06-30", f"review_by: {day}")
    shop.policy.write_text(text, "utf-8")
    words = ["--source", str(shop.source), "--policy", str(shop.policy), "--out", str(shop.out)]
    done = CliRunner().invoke(build_app(), ["check", *words])
    assert done.exit_code == 0, done.output
    assert ("(`review_by`); Head of customer management answers for it." in done.output) is said
