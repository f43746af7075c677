"""Every sentence that a page computes: an input for which it is said, and one for which it is not.

`said_only_where` registers a sentence by words of its template. What claims nothing, labels, counts and what
a picture shows, is listed by its words in `WITHOUT_CLAIM`. A new sentence of `reporting/text` that is in
neither list fails here.
"""

import ast
import re
from types import SimpleNamespace as Facts

import numpy as np
import pandas as pd
import pytest
from test_display import AUDIENCE, html_of
from test_strategy import PEOPLE, PLAN, describe, left_undone, plans_of

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions.experiments import Expected
from crcm_lib.features.contract_periods import Subscriptions
from crcm_lib.features.cost_to_serve import ContributionWaterfall, UnavailablePart
from crcm_lib.models.clv.purchase_models import PARETO
from crcm_lib.models.customer_base import count_returns
from crcm_lib.models.lifecycle import STAGES, Windows
from crcm_lib.models.newcomers.classes import LeftCensoring
from crcm_lib.models.newcomers.conversion import Conversion
from crcm_lib.models.profitability import WhaleCurve
from crcm_lib.models.reasons import Reason
from crcm_lib.models.recommendation import PastOffers, PastUpgrades
from crcm_lib.models.rfm import SegmentMoves
from crcm_lib.models.subscriptions.sbg import Retention
from crcm_lib.privacy import hide_small
from crcm_lib.reporting import display
from crcm_lib.reporting.text import (
    actions,
    budget,
    classification,
    clustering,
    clv,
    clv_assumptions,
    contribution,
    data_quality,
    newcomers,
    no_rows,
    numbers,
    occasions,
    offers,
    profile,
    rfm_segments,
    satisfaction,
    subscriptions,
    task_order,
    weighting,
)
from crcm_lib.schema.tables import ROOT, About

POLICY = read_policy("policy.yaml")
TEXT = [*sorted((ROOT / "crcm_lib/reporting/text").glob("*.py")), ROOT / "crcm_lib/reporting/kpis.py"]
OF_OTHER_TESTS = {  # modules whose sentences a test file of their own holds against their inputs
    "checked_tables": "test_indicator_tables.py",
    "churn_warning": "test_churn.py",
    "customer_dealings": "test_customer_card.py",
    "customer_sections": "test_customer_card.py",
    "decisions_without_effect": "test_idle_decisions.py",
    "first_ninety_days": "test_first_ninety_days.py",
    "kpis": "test_report.py",
    "membership": "test_loyalty_programme.py",
    "contact_balance": "test_interaction.py",
    "customer_needs": "test_needs.py",
    "engaged_customers": "test_engagement.py",
    "growth": "test_sales_growth.py",
    "attractive_markets": "test_market_segments.py",
    "monitoring": "test_monitor.py",
    "objective": "test_governance.py",
    "outside_notes": "test_governance.py",
    "policy_dates": "test_governance.py",
    "policy_summary": "test_policy_edit.py",
    "protected_attributes": "test_proxies.py",
    "score_ranges": "test_score_range.py",
    "questionnaire": "test_questionnaire.py",
    "risks": "test_risk.py",
    "scored_customers": "test_score.py",
    "service_feedback": "test_service_feedback.py",
    "track_record": "test_promises.py",
    "run_changes": "test_run_diff.py",
}
CLAIM = re.compile(
    r"\b(more|fewer|less|better|worse|best|good|clear\w*|lost|leads?|nobody|none|no|not|cannot|largest|most|only"
    r"|beats?|chance|kept|reversed|unknown|hardly|too|same|alike|at risk|closer?|everybody|others?)\b",
    re.IGNORECASE,
)
DAY = pd.Timestamp("2025-06-30")
SENTENCES: list[tuple] = []


def said_only_where(words, said, unsaid):
    """Register a sentence: words of its template, and what is written for two inputs, called when tested."""
    SENTENCES.append((words, said, unsaid))


def messages() -> dict[str, str]:
    """Every text that goes through `_` in `reporting/text`, with its module."""
    found = {}
    for path in TEXT:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                found[node.args[0].value] = path.stem
    return found


def is_sentence(message: str) -> bool:
    return message.rstrip().endswith(".") or bool(CLAIM.search(message))


# Actions ---------------------------------------------------------------------------------------------------


def undone(state: str) -> str:
    reasons = pd.DataFrame({"reason": [state], "actions": [9], "customers": [9]})
    return actions.write_left_undone(reasons)["reason"].item()


def experiment(**values) -> pd.DataFrame:
    row = {"action": "call", "assumed": 0.1, "measured": np.nan, "used": 0.1, "used_low": 0.0}
    row |= {"used_high": 0.2, "advice": "assumed", "plan": "one_wave", "needed": 9.0, "waves": 2.0}
    return pd.DataFrame([row | {"control_share": 0.1} | values])


def next_test(plan: str | None) -> str:
    return actions.write_experiments(experiment(plan=plan))["next_test"].item()


def advice(name: str) -> str:
    return actions.write_experiments(experiment(advice=name))["advice"].item()


def advise(name: str) -> str:
    return actions.describe_advice(experiment(advice=name)).markdown


def expected(measured: int, gain: float = 9.0) -> str:
    return actions.describe_expected(Expected(gain, 1.0, 17.0, 3, measured), "EUR", "spend")


def plan(power=None, people=PEOPLE, aside=None, **changes) -> str:
    power = plans_of("one_wave") if power is None else power
    return describe(PLAN | changes, people, power, **(aside or {}))


CONSENTS = pd.DataFrame({"customer_id": ["a"], "purpose": ["marketing"], "status": ["granted"]})
WEEK = pd.DataFrame({"agent": [7]}, index=pd.DatetimeIndex([DAY]))
OBJECTS = pd.DataFrame({"subject_type": ["person"], "customers": [9]})

said_only_where(
    "nobody's objection is known",
    lambda: actions.caption_consents(None, int),
    lambda: actions.caption_consents(CONSENTS, int),
)
said_only_where(
    "ids of the table are of no customer",
    lambda: actions.caption_consents(CONSENTS, int, 3),
    lambda: actions.caption_consents(CONSENTS, int, 0),
)
said_only_where(
    "object to profiling: they are in no score",
    lambda: data_quality.caption_money(9, at_least=5),
    lambda: data_quality.caption_money(0, at_least=5),
)
said_only_where(
    "fewer than {least} customers",
    lambda: data_quality.describe_not_profiled(4, at_least=5),
    lambda: data_quality.describe_not_profiled(5, at_least=5),
)
said_only_where(
    "objections unknown",
    lambda: actions.write_consents(OBJECTS.assign(consent="unknown"))["consent"].item(),
    lambda: actions.write_consents(OBJECTS.assign(consent="may_be_approached"))["consent"].item(),
)
said_only_where(
    "standard offer only",
    lambda: actions.write_consents(OBJECTS.assign(consent="standard_offer_only"))["consent"].item(),
    lambda: actions.write_consents(OBJECTS.assign(consent="may_be_approached"))["consent"].item(),
)
said_only_where(
    "what it is worth cannot be told", lambda: undone("gain_unknown"), lambda: undone("not_worth_its_cost")
)
said_only_where("not worth its cost", lambda: undone("not_worth_its_cost"), lambda: undone("gain_unknown"))
said_only_where(
    "held out of the whole programme, to see",
    lambda: undone("held_out"),
    lambda: undone("no_capacity"),
)
said_only_where("no capacity left", lambda: undone("no_capacity"), lambda: undone("contact_cap"))
said_only_where(
    "customers go without an action that the playbook has for them",
    lambda: html_of(display.caption(left_undone(), otherwise=actions.describe_none_undone(5))),
    lambda: html_of(display.caption(left_undone(running=9), otherwise=actions.describe_none_undone(5))),
)
said_only_where(
    "No contact is planned for enough",
    lambda: actions.describe_workload(WEEK * 0),
    lambda: actions.describe_workload(WEEK),
)
said_only_where(
    "Nobody is treated, and nobody left out",
    lambda: actions.caption_arms(dict.fromkeys(PEOPLE, 0)),
    lambda: actions.caption_arms(PEOPLE),
)
said_only_where("=no test planned: would need", lambda: next_test("none"), lambda: next_test("waves"))
said_only_where("not sized: no value is predicted", lambda: next_test("no_value"), lambda: next_test("none"))
said_only_where(
    "not sized: the history is shorter", lambda: next_test("short_history"), lambda: next_test("no_value")
)
said_only_where(
    "not sized: nobody bought lately", lambda: next_test("nobody_bought"), lambda: next_test("no_value")
)
said_only_where("nobody to test on", lambda: next_test(None), lambda: next_test("none"))
said_only_where("change: it wins less than assumed", lambda: advice("change"), lambda: advice("test_on"))
said_only_where("stop: it does not pay", lambda: advice("stop"), lambda: advice("change"))
said_only_where("test on: cannot tell yet", lambda: advice("test_on"), lambda: advice("keep"))
said_only_where(
    "No action's effect is measured yet: all are assumed", lambda: expected(0), lambda: expected(1)
)
said_only_where("All effects are measured", lambda: expected(3), lambda: expected(2))
said_only_where("are measured, the others assumed", lambda: expected(2), lambda: expected(3))
said_only_where("=What they gain is unknown, as no value", lambda: expected(0, np.nan), lambda: expected(0))
for word, words in (
    ("keep", "at the low end of what"),
    ("stop", "at the high end: stop"),
    ("change", "change them"),
):
    said_only_where(words, lambda word=word: advise(word), lambda: advise("assumed"))
said_only_where("pay cannot be told yet: test on", lambda: advise("test_on"), lambda: advise("keep"))
said_only_where("beyond their cost; {low:units}", lambda: expected(0), lambda: expected(0, np.nan))
said_only_where("nothing measured yet", lambda: advice("assumed"), lambda: advice("test_on"))
said_only_where(
    "all are assumed, as no earlier plan had arms",
    lambda: actions.caption_experiments(experiment()),
    lambda: actions.caption_experiments(experiment(measured=0.1)),
)
said_only_where(
    "Too few customers are held out",
    lambda: actions.describe_holdout(4, 0.05),
    lambda: actions.describe_holdout(5, 0.05),
)
said_only_where(
    "stay out of the whole programme",
    lambda: actions.describe_holdout(50, 0.05),
    lambda: actions.describe_holdout(0, 0.0),
)
said_only_where(
    "No action is tested alone: the nearest",
    lambda: plan(plans_of("none", "none")),
    lambda: plan(plans_of("none", "one_wave")),
)
said_only_where(
    "of them over several plans together",
    lambda: plan(plans_of("waves", "none")),
    lambda: plan(plans_of("one_wave", "none")),
)
said_only_where(
    "effect needs.", lambda: plan(plans_of("one_wave", "none")), lambda: plan(plans_of("waves", "none"))
)
said_only_where(
    "Earlier plans have told enough",
    lambda: plan(plans_of("known")),
    lambda: plan(plans_of("known", "none")),
)
said_only_where(
    "How many must be left out to see an effect is unknown",
    lambda: plan(plans_of("no_value")),
    lambda: plan(plans_of("no_value", "none")),
)
said_only_where(
    "What they gain is unknown, as no value is predicted",
    lambda: plan(gain=np.nan, unknown=120.0),
    lambda: plan(gain=900.0, unknown=20.0),
)
said_only_where(
    "({low:count} to {high:count}); that of {unknown:count} is unknown",
    lambda: plan(unknown=20.0),
    lambda: plan(),
)
said_only_where(
    ", for an expected gain of {gain:count} {currency} ({low:count} to {high:count}).",
    lambda: plan(),
    lambda: plan(gain=np.nan),
)
said_only_where(
    "actions that earlier plans began are still to come",
    lambda: plan(aside={"begun": 3, "begun_cost": 0.9}),
    lambda: plan(),
)
said_only_where("Nothing is planned beyond", lambda: plan(treated=0.0), lambda: plan())
said_only_where(
    "customers refused or never consented and get",
    lambda: plan(aside={"objectors": 5}),
    lambda: plan(aside={"objectors": 4}),
)
said_only_where(
    "first contacts fit only after their comparison ends",
    lambda: plan(aside={"late": 5}),
    lambda: plan(aside={"late": 0}),
)
said_only_where(
    "Besides, {occasions:count} occasions of customers cost",
    lambda: plan(aside={"occasions": 5, "occasions_cost": 3.0}),
    lambda: plan(aside={"occasions": 4, "occasions_cost": 3.0}),
)

CARE = pd.DataFrame({"customer_id": list("abcde"), "cost": 0.5})


def occasions_of(care: pd.DataFrame, *years: int, waiting=None) -> str:
    return occasions.caption_occasions(care, "EUR", list(years), at_least=5, waiting=waiting)


said_only_where(
    "; {n:count} wait for a seat: {event}",
    lambda: occasions_of(CARE, waiting={"customer day": 7}),
    lambda: occasions_of(CARE, waiting={"customer day": 4}),
)


def upgraded(verdict: str, customers: int = 100) -> str:
    return offers.caption_upgrades(PastUpgrades(DAY, DAY, customers, 30, 20, 50, 0.01, verdict), at_least=5)


for verdict, words in (
    (
        "better",
        "=One price band up is offered in the category in which comparable customers buy it: {hits:share} of "
        "{customers:count} bought so after {day:day}, {naive:share} in the category that they buy most, and "
        "{stayed:share} bought in their own band again.",
    ),
    ("worse", "fewer than by the category that they buy most"),
    ("cannot_tell", "the category that they buy most {naive:share}, which chance"),
    ("no_prices", "the data have no categories, or no prices of a piece"),
):
    other = "worse" if verdict == "better" else "better"
    said_only_where(words, lambda verdict=verdict: upgraded(verdict), lambda other=other: upgraded(other))
said_only_where(
    "too few earlier ones could be judged",
    lambda: upgraded("cannot_tell", 4),
    lambda: upgraded("cannot_tell"),
)


def ordered(*differs: bool) -> pd.DataFrame:
    rows = {"tier": "key", "used": 0.1, "action": [f"call {n}" for n in range(len(differs))]}
    return pd.DataFrame(rows | {"differs": np.array(differs, dtype=bool)})


said_only_where(
    "No effect can be measured by tier yet",
    lambda: task_order.describe_order(ordered()),
    lambda: task_order.describe_order(ordered(False)),
)
said_only_where(
    "Effects measured by tier do not differ",
    lambda: task_order.describe_order(ordered(False, False)),
    lambda: task_order.describe_order(ordered(False, True)),
)
said_only_where(
    "Measured effects differ between tiers by more than chance",
    lambda: " ".join(task_order.note_order(ordered(False, True), {"call 1"})),
    lambda: " ".join(task_order.note_order(ordered(False, True), {"call 0"})),
)


def offered(verdict: str, customers: int = 90) -> str:
    past = PastOffers(DAY, DAY, customers, 50, 40, 0.01, verdict)
    return offers.caption_offers(past, at_least=5)


said_only_where(
    "No occasion of a customer is due", lambda: occasions_of(CARE.head(0)), lambda: occasions_of(CARE)
)
said_only_where(
    "=Occasions of customers in the next 90 days",
    lambda: occasions_of(CARE.head(4)),
    lambda: occasions_of(CARE),
)
said_only_where(
    "occasions of customers in the next 90 days cost",
    lambda: occasions_of(CARE),
    lambda: occasions_of(CARE.head(4)),
)
said_only_where("are not all announced yet", lambda: occasions_of(CARE, 2027), lambda: occasions_of(CARE))
said_only_where(
    "Offered by what others bought too", lambda: offered("better"), lambda: offered("cannot_tell")
)
said_only_where("what others bought too, {hits:share}", lambda: offered("worse"), lambda: offered("better"))
said_only_where("which chance explains", lambda: offered("cannot_tell"), lambda: offered("worse"))
said_only_where(
    "too few earlier offers could be judged", lambda: offered("cannot_tell", 4), lambda: offered("better")
)

said_only_where(
    "of the budget is left",
    lambda: plan(aside={"budget": 900.0, "terms_cost": 0.0}),
    lambda: plan(aside={"budget": None, "terms_cost": 0.0}),
)
said_only_where(
    "cost more than the budget",
    lambda: plan(aside={"budget": 900.0, "terms_cost": 901.0}),
    lambda: plan(aside={"budget": 900.0, "terms_cost": 900.0}),
)

CURVE = pd.DataFrame({"budget": [0.0, 90.0], "gain": [0.0, 400.0]})
LIMIT = {
    "kind": "total",
    "of": "",
    "available": 90.0,
    "used": 90.0,
    "gain_per_unit": 2.0,
    "gain_of_tenth": 9.0,
}
EFFORT = pd.DataFrame({"tier": ["key", "watch"], "cost_share": [0.9, 0.1], "value_share": [0.6, 0.4]})


def limits(*rows: dict) -> str:
    written = budget.write_limits(pd.DataFrame(rows, columns=list(LIMIT)), "EUR")
    return budget.caption_limits(written, "EUR")


said_only_where(
    "No money is planned that a gain could be set against",
    lambda: budget.describe_efficiency(CURVE.head(0), 0.0, "EUR"),
    lambda: budget.describe_efficiency(CURVE, 0.0, "EUR"),
)
said_only_where(
    "Line: the most that any plan gains",
    lambda: budget.describe_efficiency(CURVE, 0.0, "EUR"),
    lambda: budget.describe_efficiency(CURVE.head(0), 0.0, "EUR"),
)
said_only_where(
    "No choice within the limits gains more",
    lambda: budget.describe_efficiency(CURVE, 0.0, "EUR"),
    lambda: budget.describe_efficiency(CURVE, 0.02, "EUR"),
)
said_only_where(
    "the plan is at most {gap:share} below the best choice",
    lambda: budget.describe_efficiency(CURVE, 0.02, "EUR"),
    lambda: budget.describe_efficiency(CURVE, 0.0, "EUR"),
)
said_only_where(
    "No budget, capacity or role's hours keep the plan from gaining more", limits, lambda: limits(LIMIT)
)
said_only_where("a tenth more {limit} would gain up to", lambda: limits(LIMIT), limits)
said_only_where(
    "Whether effort goes where the value is cannot be told",
    lambda: budget.describe_effort(EFFORT.assign(value_share=np.nan)),
    lambda: budget.describe_effort(EFFORT),
)
said_only_where(
    "Effort and value are furthest apart in {tier}",
    lambda: budget.describe_effort(EFFORT),
    lambda: budget.describe_effort(EFFORT.assign(value_share=np.nan)),
)
said_only_where("no budget left", lambda: undone("no_budget"), lambda: undone("no_capacity"))
said_only_where("no hours of the role left", lambda: undone("no_hours"), lambda: undone("no_budget"))
said_only_where(
    "not worth its cost beside the customer's other actions",
    lambda: undone("nothing_left_to_gain"),
    lambda: undone("not_worth_its_cost"),
)

# Classification --------------------------------------------------------------------------------------------


def weights(absence: str, nearest: str = "") -> str:
    row = {"absence": absence, "table": "value", "column": "value", "indicator": "x", "nearest": nearest}
    return classification.write_weights(pd.DataFrame([row]), history_days=365)["remark"].item()


def rule(verdict: str, outcome: str = "spend") -> pd.DataFrame:
    facts = {"tiers": 1, "rule": "spend_365d", "outcome": outcome, "days": 3, "customers": 50}
    return pd.DataFrame([facts | {"ours": 0.2, "theirs": 0.3, "difference": -0.1, "verdict": verdict}])


def rules(*parts: pd.DataFrame) -> str:
    return classification.describe_rules(pd.concat(parts), POLICY)


def verdict(name: str) -> str:
    return classification.write_rules(rule(name), POLICY)["verdict"].item()


def rounded_table(rounded: bool) -> str:
    cells = pd.DataFrame({"region": ["N"], "customers": [5]})
    cells.attrs = {"rounded": rounded}
    return display.frame_to_text(cells, AUDIENCE)


def audit(finding: str, p: float = 0.5) -> pd.DataFrame:
    share = 0.3 if finding == "alike" else 0.2
    row = {"attribute": "age", "group": "under_30", "share": share, "others_share": 0.3}
    return classification.write_audit(pd.DataFrame([row | {"finding": finding, "p": p, "p_adjusted": 0.5}]))


def judged(weights: str, p: float, difference: float) -> str:
    rows = pd.DataFrame([{"weights": weights, "p": p, "difference": difference, "caught": 0.3}])
    return weighting.describe_methods(rows)


def growth(name: str) -> str:
    row = {"tier": "growth", "ratio": 1.4, "low": 1.2, "high": 1.6, "verdict": name}
    return classification.describe_growth(pd.DataFrame([row]))


def placed(share: float) -> str:
    shown = {"tier": ["strategic", "key"], "customers_share": [share, 0.2], "spend_share": [0.5, 0.2]}
    others = pd.DataFrame({"firmness": [1.0, 0.5]}), rule("better"), pd.DataFrame()
    return classification.describe_classification(
        pd.DataFrame(shown), *others, POLICY, history_days=365
    ).markdown


HELD = {"tier_in_force": "key", "tier_proposed": "watch", "signed_by": "Li", "state_until": DAY}


def state(name: str) -> str:
    return classification._write_state(HELD | {"state": name}, POLICY)


def waiting(change: float) -> str:
    row = {"score": 40.0, "tier_in_force": "key", "asks": ["score ≥ 50"]}
    changes = {f"criterion_{n}": np.nan for n in (1, 2, 3)} | {f"change_{n}": np.nan for n in (1, 2, 3)}
    changes |= {"criterion_1": "loyalty", "change_1": change} if change else {}
    return classification._write_waiting(row | changes)


def queue(waits: int, *, first: bool = False) -> str:
    return classification.caption_waiting(pd.DataFrame(index=range(waits)), POLICY, first=first)


CHANGE = {"indicator": "spend", "column": "spend_365d", "now": 1.0, "needed": 2.0}
POINTS = {"loyalty": 0.5, "potential": 0.5}

for name, words in (
    ("margin", "is within {margin:number} points of it"),
    ("once", "must be as clear in the next run too"),
    ("only_terms", "that takes terms away, not attention"),
    ("waits", "waits for a named person until"),
    ("lapsed", "nobody decided on {tier_proposed}"),
    ("kept", "was kept by {signed_by}"),
    ("set", "was set by {signed_by}"),
):
    said_only_where(words, lambda name=name: state(name), lambda: state("agrees"))
said_only_where("; since the last run {named}", lambda: waiting(-9.0), lambda: waiting(0))
said_only_where("there is no earlier run, so every tier", lambda: queue(0, first=True), lambda: queue(0))
said_only_where("No move down waits for a named person", lambda: queue(0), lambda: queue(1))
said_only_where("Moves down that wait for a named person", lambda: queue(1), lambda: queue(0))
said_only_where(
    "No tier was set or kept against the score",
    lambda: classification.caption_set(pd.DataFrame()),
    lambda: classification.caption_set(pd.DataFrame(index=range(1))),
)
said_only_where(
    "Tiers set or kept by a named person",
    lambda: classification.caption_set(pd.DataFrame(index=range(1))),
    lambda: classification.caption_set(pd.DataFrame()),
)
for absence, words in (
    ("no_table", "not available: no `{table}`"),
    ("no_column", "not available: no `{column}` in `{table}`"),
    ("no_value", "not available: `{column}` is empty"),
):
    said_only_where(f"={words}", lambda absence=absence: weights(absence), lambda: weights(""))
said_only_where("; it has `{nearest}`", lambda: weights("no_column", "val"), lambda: weights("no_column"))
said_only_where("holds words, and the policy", lambda: weights("words"), lambda: weights("no_value"))
said_only_where(
    "no single change of what the customer does suffices",
    lambda: classification._write_changes([], "key"),
    lambda: classification._write_changes([CHANGE], "key"),
)
said_only_where(
    "; not known: {names}",
    lambda: classification._write_parts(POINTS, {"loyalty": 9.0, "potential": np.nan}),
    lambda: classification._write_parts(POINTS, {"loyalty": 9.0, "potential": 9.0}),
)
for name, words in (
    ("better", "the criteria choose better"),
    ("worse", "the number alone chooses better"),
    ("cannot_tell", "chance may explain it"),
):
    other = "cannot_tell" if name != "cannot_tell" else "better"
    said_only_where(words, lambda name=name: verdict(name), lambda other=other: verdict(other))
said_only_where(
    "chance may explain the difference", lambda: rules(rule("cannot_tell")), lambda: rules(rule("worse"))
)
said_only_where(
    "the criteria cost {cost:share} of it", lambda: rules(rule("worse")), lambda: rules(rule("better"))
)
said_only_where(
    "there the criteria cost {cost:share} of it",
    lambda: rules(rule("cannot_tell"), rule("worse").assign(rule="value", tiers=2)),
    lambda: rules(rule("worse"), rule("cannot_tell").assign(rule="value", tiers=2)),
)
said_only_where(
    "and bring nothing in return that was measured",
    lambda: rules(rule("worse")),
    lambda: rules(rule("worse"), rule("better", "margin")),
)
for outcome, words in (
    ("margin", "they hold {ours:share} of later margin, not"),
    ("bought_again", "of them bought again"),
):
    said_only_where(
        words,
        lambda outcome=outcome: rules(rule("worse"), rule("better", outcome)),
        lambda outcome=outcome: rules(rule("worse"), rule("cannot_tell", outcome)),
    )
said_only_where(
    "No window of the past shows whether the criteria choose better",
    lambda: rules(rule("cannot_tell").assign(days=0)),
    lambda: rules(rule("cannot_tell")),
)
said_only_where(
    "of the spend that followed, as many customers by their spend alone",
    lambda: rules(rule("better")),
    lambda: rules(rule("better").assign(days=0)),
)
said_only_where(
    "no past day tells which weights choose better",
    lambda: weighting.describe_methods(pd.DataFrame(columns=["caught"])),
    lambda: judged("equal", 0.5, 0.1),
)
CIRCLE = {"a": {"b": 3.0}, "b": {"c": 3.0}, "c": {"a": 3.0}}
LINE = {"a": {"b": 3.0, "c": 9.0}, "b": {"c": 3.0}}
said_only_where(
    "comparisons contradict each other",
    lambda: weighting.describe_comparisons(CIRCLE, list("abc")),
    lambda: weighting.describe_comparisons(LINE, list("abc")),
)
said_only_where(
    "comparisons agree",
    lambda: weighting.describe_comparisons(LINE, list("abc")),
    lambda: weighting.describe_comparisons(CIRCLE, list("abc")),
)
said_only_where(
    "weights would have chosen better", lambda: judged("equal", 0.01, 0.1), lambda: judged("equal", 0.06, 0.1)
)
said_only_where(
    "weights would have chosen worse", lambda: judged("equal", 0.01, -0.1), lambda: judged("equal", 0.01, 0.1)
)
said_only_where(
    "no others would have chosen better beyond chance",
    lambda: judged("equal", 0.06, 0.1),
    lambda: judged("equal", 0.01, 0.1),
)
said_only_where("times as much as others of like spend", lambda: growth("grows"), lambda: growth("not_shown"))
said_only_where("nobody is called {tier}", lambda: growth("not_shown"), lambda: growth("grows"))
said_only_where("are too few to be shown", lambda: placed(np.nan), lambda: placed(0.05))
said_only_where("customers and {spend:share} of {year}", lambda: placed(0.05), lambda: placed(np.nan))
for finding, words in (
    ("fewer", "=fewer, beyond chance"),
    ("more", "=more, beyond chance"),
    ("below_four_fifths", "=below four fifths, yet within chance"),
    ("too_small", "=too small to tell"),
    ("alike", "=within chance"),
):
    other = "alike" if finding != "alike" else "more"
    said_only_where(
        words,
        lambda finding=finding: audit(finding)["remark"].item(),
        lambda other=other: audit(other)["remark"].item(),
    )
said_only_where(
    "within chance once all groups are counted",
    lambda: audit("alike", p=0.05)["remark"].item(),
    lambda: audit("alike", p=0.06)["remark"].item(),
)
said_only_where(
    "The data have none of the policy's audit attributes",
    lambda: classification.describe_audit(audit("alike").head(0)),
    lambda: classification.describe_audit(audit("alike")),
)

# Groups ----------------------------------------------------------------------------------------------------


def feature(reason: str) -> str:
    row = {"column": "x", "used": False, "reason": reason, "unknown_share": 0.7, "other": "y"}
    return clustering.write_features(pd.DataFrame([row]))["because"].item()


def groups(found: bool, spend_share: float = 0.4) -> str:
    model = Facts(traits=["purchases:high", "purchases:low"], method="k-means")
    facts = {"buyers": 9, "features": 1}
    findings = Facts(found=found, model=model, jaccard=pd.Series([0.9]), reason=Reason("too_few", facts))
    parts = pd.DataFrame([{"traits": "purchases:high", "customer_share": 0.3, "spend_share": spend_share}])
    return clustering.describe_groups(findings, parts).markdown


for reason, words in (
    ("not_available", "=not available"),
    ("often_unknown", "unknown for {unknown_share:share} of buyers"),
    ("hardly_varies", "the same for more than 95% of buyers"),
    ("repeats_another", "says the same as {other}"),
):
    said_only_where(words, lambda reason=reason: feature(reason), lambda: feature("used"))
for name, words in (("no_groups", "no natural groups"), ("no_purchase", "not clustered: no purchase")):
    trait = {"no_groups": clustering.NO_GROUPS, "no_purchase": clustering.NO_PURCHASE}[name]
    said_only_where(
        words,
        lambda trait=trait: clustering.name_group(trait),
        lambda: clustering.name_group("purchases:low"),
    )
said_only_where(
    "like most", lambda: clustering.name_group("#1"), lambda: clustering.name_group("purchases:low #1")
)
for name, words in (
    ("too_few", "too little to separate groups"),
    ("no_better_than_chance", "better separated and more stable than chance"),
    ("not_reproduced", "do not all reappear in another sample"),
):
    other = "not_reproduced" if name != "not_reproduced" else "too_few"
    facts = {"buyers": 9, "features": 1}
    said_only_where(
        words,
        lambda name=name, facts=facts: clustering.describe_absence(Reason(name, facts)),
        lambda other=other, facts=facts: clustering.describe_absence(Reason(other, facts)),
    )
said_only_where("No natural groups**", lambda: groups(found=False), lambda: groups(found=True))
said_only_where("that chance does not explain", lambda: groups(found=True), lambda: groups(found=False))
said_only_where(
    "**{name}** is {people:share} of buyers and",
    lambda: groups(True),
    lambda: groups(True, spend_share=np.nan),
)

# Contribution ----------------------------------------------------------------------------------------------


def curve(known: bool = True, negative: int = 9, total: float = 100.0, peak: float = 150.0) -> WhaleCurve:
    return WhaleCurve(pd.DataFrame({"customers": [50]}), total, peak, negative, known)


def remarks(*parts: UnavailablePart, unknown: int = 0) -> str:
    waterfall = ContributionWaterfall(pd.DataFrame(), parts)
    many = pd.DataFrame({"customers": [unknown], "spend_total": [9.0]}) if unknown else pd.DataFrame()
    return " ".join(contribution.list_remarks(waterfall, many, "EUR", 5)["remark"])


def whale(**facts) -> str:
    return contribution.describe_whale(curve(**facts), 5)


def drawn(known: bool, points: int) -> str:
    frame = pd.DataFrame({"customer_share": [0.0, 0.5], "cumulative": [0.0, 9.0]}).head(points)
    return contribution.describe_curve(curve(known), frame, "EUR")


def unprofitable(known: bool, rows: int) -> str:
    costly = pd.DataFrame({"contribution": [-9.0]}).head(rows)
    return contribution.caption_unprofitable(costly, curve(known), "EUR")


BARS = pd.DataFrame({"step": ["gross_sales"], "amount": [9.0], "amount_share": [1.0]})
SUMS = pd.DataFrame({"start": [DAY], "end": [DAY + pd.Timedelta(days=30)]})

said_only_where(
    "=no table {tables}",
    lambda: remarks(UnavailablePart("late_payment", "no_table", ("invoices",))),
    lambda: remarks(),
)
said_only_where(
    "=no `{column}` in {tables}",
    lambda: remarks(UnavailablePart("discounts", "no_column", ("transactions",), "discount")),
    lambda: remarks(),
)
said_only_where(
    "Not available: {part} ({reason}).",
    lambda: remarks(UnavailablePart("late_payment", "no_table", ("invoices",))),
    lambda: remarks(unknown=9),
)
said_only_where("the cost of most of whose sales is unknown", lambda: remarks(unknown=9), lambda: remarks())
said_only_where(
    "too few customers, or one dominates them",
    lambda: contribution.describe_bars(BARS.head(0), "EUR"),
    lambda: contribution.describe_bars(BARS, "EUR"),
)
said_only_where(
    "No window of the past could be held out",
    lambda: contribution.caption_reconciliation(SUMS.head(0), "EUR"),
    lambda: contribution.caption_reconciliation(SUMS, "EUR"),
)
said_only_where("No picture: cost is unknown", lambda: drawn(False, 2), lambda: drawn(True, 2))
said_only_where("who contribute most first. {parts}", lambda: drawn(True, 2), lambda: drawn(True, 0))
said_only_where("customers cost more than they bring; ", lambda: whale(), lambda: whale(negative=0))
said_only_where("contribution would be {peak:money}", lambda: whale(total=-10.0), lambda: whale(peak=100.01))
said_only_where(
    "contribution would be {peak_share:share} of today's", lambda: whale(), lambda: whale(peak=100.01)
)
said_only_where("together that is hardly anything", lambda: whale(peak=100.01), lambda: whale())
said_only_where("Cost is unknown, so what remains", lambda: whale(known=False), lambda: whale(negative=0))
said_only_where(
    "No customer costs more than they bring", lambda: whale(negative=0), lambda: whale(negative=1)
)
said_only_where(
    "=Fewer than {n} customers cost more than they bring.",
    lambda: whale(negative=4),
    lambda: whale(negative=5),
)
said_only_where(
    "Together they cost {lost:money}", lambda: unprofitable(True, 1), lambda: unprofitable(True, 0)
)
said_only_where(
    "Cost is unknown, and so is who costs more", lambda: unprofitable(False, 0), lambda: unprofitable(True, 0)
)
said_only_where(
    "None of the fifth with the largest gross sales",
    lambda: unprofitable(True, 0),
    lambda: unprofitable(False, 0),
)

# Data quality ----------------------------------------------------------------------------------------------


def count(**facts) -> str:
    row = {"counted": 100, "failing": 7, "worst_column": None, "worst_gaps": 7, "gap_days": 0} | facts
    return data_quality._write_count(row | {"newest_day": facts.get("newest_day", DAY)})


def verdict_of(reason: str, capability: str = "rfm_scores", subject: str = "tickets", **facts) -> str:
    numbers_of = dict.fromkeys(["counted", "needed", "related", "history_days", "needed_days", "gap_days"], 9)
    row = {"capability": capability, "verdict": "no", "reason": reason, "subject": subject} | numbers_of
    return data_quality.write_reasons(pd.DataFrame([row | {"usual_gap_days": 2} | facts])).item()


def months(partial: bool) -> str:
    rows = pd.DataFrame({"month": [DAY], "lines": [9], "partial": [partial]})
    return data_quality.describe_months(rows)


said_only_where(
    "; most gaps in {worst_column}",
    lambda: count(dimension="completeness", worst_column="email"),
    lambda: count(dimension="completeness"),
)
said_only_where(
    "the last month is partial",
    lambda: count(dimension="timeliness", newest_day=pd.Timestamp("2025-06-29")),
    lambda: count(dimension="timeliness"),
)
said_only_where(
    "=fewer than {n}", lambda: verdict_of("customers", counted=4), lambda: verdict_of("customers", counted=5)
)
said_only_where(
    "where customers buy is unknown",
    lambda: verdict_of("no_column", subject="channel"),
    lambda: verdict_of("column", subject="channel"),
)
for subject, words in (
    ("category", "needs cannot be told apart"),
    ("cost", "value is spend, not profit"),
    ("discount", "who buys at a discount is unknown"),
):
    said_only_where(
        words,
        lambda subject=subject: verdict_of("no_column", subject=subject),
        lambda subject=subject: verdict_of("column", subject=subject),
    )
said_only_where(
    "not available: transactions have no {subject}",
    lambda: verdict_of("no_column", subject="cost"),
    lambda: verdict_of("column", subject="cost"),
)
said_only_where(
    "not available: no {subject} table", lambda: verdict_of("no_table"), lambda: verdict_of("table")
)
said_only_where(
    "records of {subject} can be used", lambda: verdict_of("no_usable_record"), lambda: verdict_of("no_table")
)
said_only_where(
    "is in the transactions; compare how", lambda: verdict_of("no_ids_in_common"), lambda: verdict_of("table")
)
said_only_where(
    "ids differ from another only in", lambda: verdict_of("nearly_equal_ids"), lambda: verdict_of("ids")
)
said_only_where(
    "one id has {counted:count} of", lambda: verdict_of("one_id_of_many_records"), lambda: verdict_of("ids")
)
said_only_where("no line is a return", lambda: verdict_of("no_returns"), lambda: verdict_of("returns"))
said_only_where(
    "ranking by recency, frequency and spend stands in for it",
    lambda: verdict_of("repeat_buyers", "predicted_value"),
    lambda: verdict_of("repeat_buyers", "predicted_value", verdict="limited"),
)
said_only_where(
    "alarms would reflect the age of the data", lambda: verdict_of("old_data"), lambda: verdict_of("gap")
)
said_only_where("The last month is not over", lambda: months(True), lambda: months(False))
said_only_where(
    "No rule set a record aside",
    lambda: data_quality.describe_rules(pd.Series(dtype="int64")),
    lambda: data_quality.describe_rules(pd.Series({"rule": 9}, name="records")),
)


def data_of(set_aside: int, score: float) -> str:
    about = About("shop", "A shop", "2025-06-30", "2024-01-01", "EUR", synthetic=True)
    rows = pd.DataFrame(
        {"read": [90], "kept": [90 - set_aside], "set_aside": [set_aside]}, index=["contacts"]
    )
    quality = pd.DataFrame({"table": ["contacts"], "dimension": ["validity"], "score": [score]})
    verdict = pd.DataFrame({"capability": ["rfm_scores"], "verdict": ["yes"]})
    return data_quality.describe_data(about, rows, verdict, quality).markdown


def rows_of(set_aside: int) -> str:
    rows = pd.DataFrame({"read": [90], "set_aside": [set_aside]}, index=["contacts"])
    return data_quality.describe_rows(rows)


said_only_where("records are kept", lambda: rows_of(0), lambda: rows_of(1))
said_only_where(": none set aside", lambda: data_of(0, 0.9), lambda: data_of(1, 0.9))
said_only_where(
    "{set_aside:count} set aside, each with its reason", lambda: data_of(1, 0.9), lambda: data_of(0, 0.9)
)
said_only_where("Every quality score is 100 %", lambda: data_of(1, 1.0), lambda: data_of(1, 0.99))
said_only_where("The lowest quality score is", lambda: data_of(1, 0.99), lambda: data_of(1, 1.0))

# Newcomers -------------------------------------------------------------------------------------------------


def compared(low: float, high: float, rmse: float = -0.1) -> str:
    facts = {"loss_low": low, "loss_high": high, "rmse_change": rmse, "bias": 0.1, "mean_bias": 0.1}
    return " ".join(map(str, newcomers._write_comparison(facts).values()))


def held_out(reason: str) -> str:
    facts = {"earlier": 9, "later": 9, "spent": 3, "history_days": 60} | {
        "loss_low": -0.2,
        "loss_high": -0.1,
        "rmse_change": -0.1,
        "bias": 0.1,
        "mean_bias": 0.1,
    }
    return newcomers.describe_holdout(Facts(reason=reason, facts=facts))


def censored(left_out: bool) -> str:
    return newcomers.describe_censoring(LeftCensoring(9, "2025-01-31", left_out))


def chance(check: dict | None) -> str:
    known = None if check is None else Conversion(40, 9, np.array([3]), np.array([0.8]), 90, check)
    return newcomers.describe_chance(known, 90, "EUR")


CHECK = {"day": "2025-01-31", "prospects": 30, "expected": 9, "low": 4, "high": 14, "came": 8}
for grade, words in (
    (newcomers.BEATS, "beats the mean"),
    (newcomers.NO_BETTER, "no better than the mean"),
    (newcomers.UNKNOWN, "=cannot tell"),
):
    other = newcomers.UNKNOWN if grade != newcomers.UNKNOWN else newcomers.BEATS
    said_only_where(
        words,
        lambda grade=grade: newcomers.name_grade(grade),
        lambda other=other: newcomers.name_grade(other),
    )
said_only_where(
    "chance could explain the difference in fit", lambda: compared(-0.1, 0.1), lambda: compared(-0.2, -0.1)
)
said_only_where(
    "the better fit is more than chance explains", lambda: compared(-0.2, -0.1), lambda: compared(-0.1, 0.0)
)
said_only_where(
    "the worse fit is more than chance explains", lambda: compared(0.1, 0.2), lambda: compared(0.0, 0.2)
)
said_only_where(
    "the two measures do not agree", lambda: compared(-0.2, -0.1, rmse=0.1), lambda: compared(-0.2, -0.1)
)
said_only_where("={size:share} less", lambda: compared(0, 0), lambda: compared(0, 0, rmse=0.1))
said_only_where("={size:share} more", lambda: compared(0, 0, rmse=0.1), lambda: compared(0, 0))
said_only_where(
    "are too few for early days to end in", lambda: held_out("short_history"), lambda: held_out("compared")
)
said_only_where(
    "no attribute has two groups of enough earlier newcomers",
    lambda: held_out("no_attribute"),
    lambda: held_out("compared"),
)
said_only_where("are left out: they may have bought before", lambda: censored(True), lambda: censored(False))
said_only_where("without them too few remain, so they count", lambda: censored(False), lambda: censored(True))
said_only_where("how many do is not known, so no total is given", lambda: chance(None), lambda: chance({}))
said_only_where("the total by each one's chance to do so within", lambda: chance({}), lambda: chance(None))
said_only_where("were expected to buy within as many days", lambda: chance(CHECK), lambda: chance({}))
for reason, words in (
    ("close_to_mean", "close to the mean in all that is known"),
    ("no_earlier_customers", "no older customers yet"),
):
    said_only_where(
        words,
        lambda reason=reason: newcomers._write_reason({"reason": reason}),
        lambda: newcomers._write_reason({"reason": "mean_of_all"}),
    )

# Numbers ---------------------------------------------------------------------------------------------------

said_only_where(
    "number(s) are hidden, because they tell of fewer",
    lambda: numbers.describe_hidden(2, at_least=5),
    lambda: numbers.describe_hidden(0, at_least=5),
)
said_only_where(
    "Counts are rounded to multiples of",
    lambda: rounded_table(True),
    lambda: rounded_table(False),
)
said_only_where(
    "last year's spend", lambda: numbers.name_year_spend(365), lambda: numbers.name_year_spend(364)
)
said_only_where(
    "the spend of {n} days", lambda: numbers.name_year_spend(364), lambda: numbers.name_year_spend(365)
)

# Customers and segments ------------------------------------------------------------------------------------

WINDOWS = Windows(100, 400, 1.0, 30.0, 100.0, 200.0, 2.0, 4.0)
NOBODY_LOST = Windows(100, 400, 1.0, 30.0, 100.0, None, 2.0, None)
ONE_DAY = Windows(0, 0, *[None] * 6)


def base(top: float = 0.5, **customers: int) -> str:
    sizes = pd.Series(customers, dtype="int64").rename(lambda name: name.replace("_", " "))
    by_stage = (
        sizes.reindex(list(STAGES), fill_value=0)
        .to_frame("customers")
        .assign(spend_total=lambda f: f["customers"])
    )
    measures = {"top_10_share": top}
    return profile.describe_base(by_stage, measures, returned(0), at_least=5).markdown


def returned(customers: int) -> pd.DataFrame:
    groups = pd.Series("at risk", index=range(customers), name="stage")
    bought = pd.Series(1, index=range(customers), dtype="int64")
    return count_returns(groups, bought, ["at risk"]).assign(day=DAY, days=90.0)


def beside_the_lost(came_back: int) -> pd.DataFrame:
    groups = pd.Series(["at risk"] * 100 + ["lost"] * 100, name="stage")
    bought = pd.Series([1] * came_back + [0] * (100 - came_back) + [1] * 40 + [0] * 60)
    return count_returns(groups, bought, ["at risk", "lost"])


def because(reason: str, lost_after: float = 9.0) -> str:
    stage = {
        "reason": reason,
        "at_risk_after_days": 5.0,
        "lost_after_days": lost_after,
        "lost_before_days": 8,
    }
    days = ["purchases", "days_since_last", "days_first_to_last", "days_observed", "gap_last_days"]
    customers = pd.DataFrame([dict.fromkeys(days, 10.0)])
    return profile.write_stage_reasons(pd.DataFrame([stage]), customers).item()


def movement(verdict: str, moved: float = 0.6, sampled: bool = False) -> str:
    return rfm_segments.describe_movement(SegmentMoves(100, moved, 0.5, verdict, sampled), DAY)


def segments(spend: float = 9.0, history: int = 90) -> str:
    sizes = pd.DataFrame({"customers": [40], "spend_total": [spend]}, index=["loyal"])
    told = rfm_segments.describe_segments(
        sizes, SegmentMoves(0, 0, 0, "cannot_tell"), DAY, history_days=history
    )
    return told.markdown


def map_of_moves(moved: int) -> str:
    grid = pd.DataFrame({"a": [50, 0], "b": [moved, 9]}, index=["a", "not yet a customer"])
    return rfm_segments.describe_moves(grid.reindex(["a", "b", "not yet a customer"], fill_value=0))


LEVELS = pd.DataFrame({"attribute": ["age"], "level": ["under_30"], "spend_mean": [9.0]})
COHORTS = {"cohort": DAY, "months_later": 1, "customers": 9, "active": 6, "hidden": False}

said_only_where(
    "No curve: nobody has come back yet",
    lambda: profile.describe_absences(ONE_DAY),
    lambda: profile.describe_absences(WINDOWS),
)
said_only_where(
    "=lost {lost_days:days} days.",
    lambda: profile.describe_absences(WINDOWS),
    lambda: profile.describe_absences(NOBODY_LOST),
)
said_only_where(
    "lost none: no earlier day shows",
    lambda: profile.describe_absences(NOBODY_LOST),
    lambda: profile.describe_absences(WINDOWS),
)
said_only_where(
    "No curve: too few have bought",
    lambda: profile.describe_concentration(pd.DataFrame(), {}),
    lambda: profile.describe_concentration(
        pd.DataFrame({"share_of_customers": [0, 1], "share_of_spend": [0, 1]}), {"gini": 0.1}
    ),
)
said_only_where(
    "No map: no later month can be shown yet",
    lambda: profile.describe_retention(pd.DataFrame([COHORTS | {"hidden": True}])),
    lambda: profile.describe_retention(pd.DataFrame([COHORTS])),
)
said_only_where(
    "No dots: these data have no such attributes",
    lambda: profile.describe_attributes(LEVELS.head(0)),
    lambda: profile.describe_attributes(LEVELS),
)
said_only_where(
    "most spend per customer in {best:text}",
    lambda: profile.describe_attributes(LEVELS),
    lambda: profile.describe_attributes(LEVELS.head(0)),
)
for reason, words in (
    ("no_purchase", "has not bought yet, or returned everything"),
    (
        "absent_beyond_lost",
        "=absent for {days_since_last:lasting}; by own rhythm lost after {lost_after_days:days}",
    ),
    ("absent_beyond_at_risk", "at risk after {at_risk_after_days:days}, lost after {lost_after_days:days}"),
    ("returned_after_lost", "lost would have been after {lost_before_days:days}"),
    ("bought_once", ", none since"),
):
    said_only_where(words, lambda reason=reason: because(reason), lambda: because("many_purchases_over_long"))
said_only_where(
    "=absent for {days_since_last:lasting}; by own rhythm at risk after {at_risk_after_days:days}",
    lambda: because("absent_beyond_at_risk", lost_after=np.nan),
    lambda: because("bought_once"),
)
said_only_where(
    "Of those so named on {day:day}",
    lambda: profile.describe_returns(returned(5), ["at risk"]),
    lambda: profile.describe_returns(returned(4), ["at risk"]),
)
said_only_where(
    "Cannot be told yet: the history is too short",
    lambda: profile.caption_returns(DAY, 5, returned(0)),
    lambda: profile.caption_returns(DAY, 90, returned(9)),
)
said_only_where(
    "Of these fewer came back than of the lost",
    lambda: profile.caption_returns(DAY, 90, beside_the_lost(5)),
    lambda: profile.caption_returns(DAY, 90, beside_the_lost(40)),
)
said_only_where(
    "Most are **{stage}**", lambda: base(loyal=60, lost=40), lambda: base(loyal=40, lost=30, new=30)
)
said_only_where(
    "The largest stage is **{stage}**",
    lambda: base(loyal=40, lost=30, new=30),
    lambda: base(loyal=60, lost=40),
)
said_only_where("are at risk or lost", lambda: base(loyal=60, lost=40), lambda: base(loyal=60, at_risk=40))
said_only_where(
    "are at risk, and nobody is called lost",
    lambda: base(loyal=60, at_risk=40),
    lambda: base(loyal=60, at_risk=30, lost=10),
)
said_only_where("The top tenth brings", lambda: base(loyal=60), lambda: base(top=np.nan, loyal=60))
said_only_where("Too few customers have bought to show", lambda: base(loyal=4), lambda: base(loyal=5))
said_only_where("All purchases are of one day", lambda: segments(history=1), lambda: segments(history=2))
said_only_where("Too few buyers, or too little spend", lambda: segments(spend=0.0), lambda: segments())
said_only_where("bring {spend:share} of spend and are", lambda: segments(), lambda: segments(spend=0.0))
said_only_where(
    "Who changed segment cannot be told", lambda: movement("short_history"), lambda: movement("more")
)
said_only_where(
    ": more than the {chance:share} that chance alone",
    lambda: movement("more"),
    lambda: movement("more", 0.5),
)
said_only_where(
    "clearly but hardly more than chance", lambda: movement("more", 0.5001), lambda: movement("more", 0.51)
)
said_only_where("not clearly more than chance", lambda: movement("as_by_chance"), lambda: movement("more"))
said_only_where(
    "there are too few to tell that from chance", lambda: movement("cannot_tell"), lambda: movement("more")
)
said_only_where(
    "of a sample of {n:count} buyers", lambda: movement("more", sampled=True), lambda: movement("more")
)
said_only_where(
    "customers then, {stayed:count} are in the same", lambda: map_of_moves(5), lambda: map_of_moves(4)
)

# Satisfaction ----------------------------------------------------------------------------------------------

MONTHS = pd.DataFrame({"measure": ["nps"], "score": [9.0], "low": [1.0], "high": [20.0]})
BY_GROUP = MONTHS.assign(group="all buyers", customers=9)


def satisfied(nps: int = 0, csat: int = 0, missing=()) -> str:
    score = {"low": 1.0, "high": 9.0}
    answered = {"nps": 5.0, "answers": nps} | score, {"mean": 4.0, "answers": csat} | score
    measures = hide_small(satisfaction.tabulate_measures(*answered))
    return satisfaction.describe_satisfaction(measures, list(missing)).markdown


said_only_where(
    "Not available: no `{table}` table.",
    lambda: satisfaction.describe_missing(["tickets"], "tickets"),
    lambda: satisfaction.describe_missing(["surveys"], "tickets"),
)
for frame, write in (
    (BY_GROUP, satisfaction.describe_groups),
    (MONTHS, satisfaction.describe_trend),
):
    said_only_where(
        "Too few answers.",
        lambda frame=frame, write=write: write(frame.head(0), ""),
        lambda frame=frame, write=write: write(frame.assign(month=DAY), ""),
    )
said_only_where("=NPS is **{value:count}** (95 %", lambda: satisfied(nps=5), lambda: satisfied(nps=4))
said_only_where("Mean satisfaction is", lambda: satisfied(csat=5), lambda: satisfied(nps=5, csat=5))
said_only_where("Too few answers to say anything", lambda: satisfied(), lambda: satisfied(nps=5))
said_only_where("Not available: {absent}.", lambda: satisfied(missing=["surveys"]), lambda: satisfied())
said_only_where("=no {table} table", lambda: satisfied(missing=["surveys"]), lambda: satisfied())

# Subscriptions ---------------------------------------------------------------------------------------------


def kept(*reasons: str, **counts: int) -> str:
    facts = {"subscriptions": 9, "stayed": 5, "left": 4}
    known = dict.fromkeys(["of_usual_length", "contracts"], 20) | counts
    rows = Subscriptions(
        pd.DataFrame(),
        365,
        known
        | {"side_by_side": known.get("side_by_side", 0)}
        | {name: known.get(name, 0) for name in ("silent", "contradicted", "value_unknown")},
    )
    return " ".join(subscriptions.list_remarks(Retention({}, 365, facts, reasons), rows)["remark"])


def renewals(n: float = 9, value: float = 9.0, column: str = "renewal_value") -> str:
    amounts = {"p_renewal": 0.8, "renewal_value": value, "value_low": 1.0, "value_high": 20.0}
    running = pd.DataFrame([{"subscriptions": n} | amounts])
    ours = Facts(rows=pd.DataFrame(columns=[column]), horizon=Facts(days=365))
    return subscriptions.describe_renewals(
        ours, running.dropna(subset="p_renewal").head(int(n != 0)), "EUR", 5
    )


def looked_back(comparison: str, *reasons: str) -> str:
    days = Facts(start=DAY, end=DAY + pd.Timedelta(days=90), decisions=[1], comparison=comparison)
    days.retention = Retention({}, 365, {}, reasons)
    return subscriptions.caption_backtest(days)


for reason, words in (
    ("alpha_at_bound", "The fit ends at a limit"),
    ("anything_else", "The model does not fit these contracts"),
    ("no_contracts_table", "There is no table `contracts`"),
    ("no_contract_begun", "No contract has begun"),
    ("too_few_subscriptions", "subscriptions, and retention needs {fewest}"),
    ("no_decision_yet", "No contract has come up for renewal yet"),
    ("too_few_per_outcome", "and retention needs {fewest_each} of each"),
    ("nobody_decided_twice", "Nobody's contract has come up for renewal twice"),
    ("nobody_decided_three_times", "No contract has come up for renewal a third time"),
    ("one_cohort", "All began within one contract's length"),
):
    said_only_where(words, lambda reason=reason: kept(reason), lambda: kept())
for name, words in (
    ("side_by_side", "customers hold contracts side by side"),
    ("silent", "contracts are taken as not renewed"),
    ("contradicted", "contracts are marked as not renewed"),
    ("value_unknown", "subscriptions is unknown; the median stands in"),
):
    said_only_where(words, lambda name=name: kept(**{name: 3}), lambda: kept())
said_only_where("contracts do not last about", lambda: kept(of_usual_length=19), lambda: kept())
said_only_where("subscriptions are running; the next", lambda: renewals(), lambda: renewals(0))
said_only_where("The value of no contract is known", lambda: renewals(column="x"), lambda: renewals())
said_only_where("Fewer than {n} subscriptions are running", lambda: renewals(np.nan), lambda: renewals())
said_only_where("One of them dominates the value", lambda: renewals(value=np.nan), lambda: renewals())
said_only_where(
    "=Renewals within {days:days} days are worth", lambda: renewals(), lambda: renewals(value=np.nan)
)
for name, words in (
    ("closer", "=closer than one rate for all"),
    ("as_close", "about as close as one rate for all"),
    ("less_close", "less close than one rate for all"),
):
    other = "closer" if name != "closer" else "as_close"
    said_only_where(words, lambda name=name: looked_back(name), lambda other=other: looked_back(other))
said_only_where(
    "Held out: the {days:days} days after {start:day}; the model's chances are",
    lambda: looked_back("closer"),
    lambda: looked_back("no_contracts"),
)
said_only_where(
    "There are no contracts to look back on",
    lambda: looked_back("no_contracts"),
    lambda: looked_back("closer"),
)
said_only_where(
    "contracts came up for renewal, and a comparison needs",
    lambda: looked_back("too_few_decisions"),
    lambda: looked_back("closer"),
)
said_only_where(
    "Held out: nothing could be fitted before",
    lambda: looked_back("no_fit", "no_decision_yet"),
    lambda: looked_back("closer"),
)
said_only_where(
    "No picture: too few contracts have come up",
    lambda: subscriptions.describe_survival(pd.DataFrame({"actual_share": [np.nan]})),
    lambda: subscriptions.describe_survival(
        pd.DataFrame({"renewals": [0, 1], "actual_share": [1.0, 0.8], "customers": [9, 9]})
    ),
)
said_only_where(
    "not seen yet",
    lambda: subscriptions._describe_renewal({"renewals": 1, "actual_share": np.nan, "customers": 0}),
    lambda: subscriptions._describe_renewal({"renewals": 1, "actual_share": np.nan, "customers": 9}),
)

# Customer lifetime value -----------------------------------------------------------------------------------


def selection(rule: str = "smallest_loss", **facts) -> Facts:
    known = {"windows": 3, "days": 60, "tied": [], "history_days": 20, "buyers": 9, "needed": 30} | facts
    grade = Facts(grade="good", change=-0.1, low=-0.2, high=-0.05, bias=0.1, baseline="last_period")
    window = Facts(holdout=Facts(days=60))
    names = {"fitted_name": staticmethod(lambda model: model), "champion": "same_rate"}
    return Facts(reason=Reason(rule, known), grade=grade, windows=[window], latest=window, **names)


def graded(grade: str, baseline: str = "last_period") -> str:
    chosen = selection()
    chosen.grade = Facts(**vars(chosen.grade) | {"grade": grade, "baseline": baseline})
    return clv.describe_grade(chosen)


def ungraded(rule: str) -> str:
    chosen = selection(rule)
    chosen.grade.change = np.nan
    return clv.describe_grade(chosen)


def ranged(low: float = np.nan, horizon: float = 60, latest: bool = True) -> str:
    chosen = selection()
    chosen.latest = chosen.latest if latest else None
    return clv.describe_range(chosen, pd.Series({"spend_low": low, "spend_high": 20.0}), horizon)


def reason(rule: str, **facts) -> str:
    known = {"model": "Pareto/NBD", "repeaters": 9, "needed": 30, "correlation": 0.3}
    known |= {"population_mean": 90.0, "observed_mean": 30.0, "change": 0.1, "biases": [0.1]}
    return clv.describe_reason(Reason(rule, known | facts))


def scenario(name: str) -> str:
    return clv.label_scenarios(pd.DataFrame({"scenario": [name]}))["scenario"].item()


def valued(grade: str = "good", customers: int = 9) -> str:
    chosen = selection("history_too_short" if grade == "cannot_tell" else "smallest_loss")
    chosen.grade.grade, chosen.grade.change = grade, np.nan if grade == "cannot_tell" else -0.1
    value = pd.DataFrame({"value": [9.0] * customers})
    totals = pd.DataFrame({"spend_expected": [90.0], "spend_low": [50.0], "spend_high": [120.0]})
    tenths = pd.DataFrame({"value_share": [0.3, 0.2]})
    model = Facts(basis=lambda margin_rate: "spend")
    workspace = Facts(policy=POLICY, currency="EUR")
    return clv.describe_value(value, totals, tenths, model, chosen, workspace).markdown


TENTHS = pd.DataFrame({"decile": [1], "predicted": [9.0], "actual": [8.0], "value_share": [0.3]})
TOTALS = pd.DataFrame({"group": [""], "spend_expected": [9.0], "spend_low": [5.0], "spend_high": [12.0]})

for grade, words in (
    ("good", "smaller than that of the best simple rule"),
    ("fair", "but its totals were off by {bias:change}"),
    ("tie", "which chance may explain ({windows} windows"),
    ("weak", "larger than that of the simple rule"),
):
    other = "tie" if grade != "tie" else "good"
    said_only_where(words, lambda grade=grade: graded(grade), lambda other=other: graded(other))
said_only_where(
    "the simple rule did best", lambda: graded("tie", baseline="same_rate"), lambda: graded("tie")
)
said_only_where(
    "days of history are too few to hold some out",
    lambda: ungraded("history_too_short"),
    lambda: ungraded("too_few_buyers"),
)
said_only_where(
    "no other is within chance of it",
    lambda: clv.describe_selection(selection()),
    lambda: clv.describe_selection(selection(tied=["last_period"])),
)
said_only_where(
    "=within chance of it: {names}",
    lambda: clv.describe_selection(selection(tied=["last_period"])),
    lambda: clv.describe_selection(selection()),
)
said_only_where(
    "in four of five cases, if it is off as the last four", lambda: ranged(low=5.0), lambda: ranged()
)
said_only_where("no range: nothing could be held out", lambda: ranged(latest=False), lambda: ranged())
said_only_where(
    "no range: the history is too short to have tested", lambda: ranged(horizon=999), lambda: ranged()
)
said_only_where("no range: fewer than four windows", lambda: ranged(), lambda: ranged(horizon=999))
said_only_where(
    "bought more than once, and {model} needs",
    lambda: reason("too_few_repeaters"),
    lambda: reason("spend_depends_on_frequency"),
)
said_only_where(
    "Gamma-Gamma does not suit",
    lambda: reason("spends_too_different"),
    lambda: reason("spend_depends_on_frequency"),
)
said_only_where(
    "at its edge ({parameters})",
    lambda: reason("parameters_at_bound", parameters=["s_at_bound"]),
    lambda: reason("model_does_not_fit", problems=["no_maximum"]),
)
said_only_where(
    "{model} does not fit: {problems}",
    lambda: reason("model_does_not_fit", problems=["no_maximum"]),
    lambda: reason("parameters_at_bound", parameters=["s_at_bound"]),
)
for problem, words in (
    ("not_finite", "the likelihood is not a number"),
    ("no_maximum", "no maximum was found"),
    ("mean_not_finite", "mean spend has no finite expectation"),
):
    said_only_where(
        words,
        lambda problem=problem: reason("model_does_not_fit", problems=[problem]),
        lambda: reason("model_does_not_fit", problems=["s_at_bound"]),
    )
said_only_where("no discount", lambda: scenario("no_discount"), lambda: scenario("base"))
said_only_where("nobody drops out", lambda: scenario("constant_rate"), lambda: scenario("base"))
said_only_where(
    "No picture: there is too little to compare",
    lambda: clv.describe_deciles(TENTHS.head(0), "EUR"),
    lambda: clv.describe_deciles(TENTHS, "EUR"),
)
said_only_where(
    "too few customers to show who carries the value",
    lambda: clv.describe_tenths(TENTHS.assign(value_share=np.nan), "EUR"),
    lambda: clv.describe_tenths(TENTHS, "EUR"),
)
said_only_where(
    "or nothing is expected of them, or {why}",
    lambda: clv.describe_totals(TOTALS.head(0), "EUR", "no range"),
    lambda: clv.describe_totals(TOTALS, "EUR", "no range"),
)
said_only_where("No value is predicted", lambda: valued(customers=0), lambda: valued())
said_only_where("customers who have bought are expected", lambda: valued(), lambda: valued(customers=0))
for grade, words in (
    ("good", "**Good**"),
    ("fair", "**Fair**"),
    ("tie", "**As good as a simple rule**"),
    ("weak", "**Worse than a simple rule**"),
    ("cannot_tell", "**Cannot tell**"),
):
    other = "tie" if grade != "tie" else "good"
    said_only_where(
        f"={words.strip('*')}", lambda grade=grade: valued(grade), lambda other=other: valued(other)
    )


def learned(margin: float | None = 0.3, purchase_model: str = PARETO, s: float = 1.0) -> str:
    """What was learned; half of all drop out within 100 · (2^(1/s) - 1) days, of 400 that are known."""
    params = {"r": 1.0, "alpha": 30.0, "s": s, "beta": 100.0}
    model = Facts(params=params, purchase_process=Facts(k=1), margin=margin, purchase_model=purchase_model)
    model.name, model.reasons = "Pareto/NBD", []
    model.facts = {"customers": 900, "repeaters": 400, "history_days": 400}
    model.spend_params = {"population_mean": 9.0, "prior_weight": 2.0}
    return " ".join(clv.describe_model(model)["learned"])


said_only_where("cost is unknown: value is revenue", lambda: learned(margin=None), lambda: learned())
said_only_where(
    "the constant rate takes everybody to stay", lambda: learned(purchase_model="other"), lambda: learned()
)
said_only_where("dropout is hardly seen: half of all", lambda: learned(s=0.2), lambda: learned())


def assumption(name: str, consequence: str = "holds", **measured: float) -> str:
    check = Facts(assumption=name, measured=measured, consequence=consequence)
    return " ".join(clv_assumptions.describe_assumptions([check]).iloc[0])


EVEN = {"erlang_shape": 2.0}
for consequence, words in (
    ("within_chance", "cannot tell: the thirds differ, and chance may explain it"),
    ("gamma_gamma_not_used", "Gamma-Gamma is not used"),
    ("trust_backtest", "trust the backtest more than the model's own"),
    ("model_knows_regularity", "not needed: the model knows how regular"),
    ("correction_knows_gaps", "the correction knows each customer's gaps"),
    ("p_alive_too_high", "who is overdue is more surely gone"),
    ("totals_may_drift", "read totals with this change in mind"),
    ("correction_knows_age", "the correction knows for how long"),
    ("trust_ranking_within_cohort", "trust the ranking within a third"),
    ("whole_years_only", "fair over whole years only"),
):
    said_only_where(
        words,
        lambda consequence=consequence: assumption("purchases_at_random", consequence, **EVEN),
        lambda: assumption("purchases_at_random", "holds", **EVEN),
    )
TO_MEASURE = {
    "spend_independent_of_frequency": {
        "spend_correlation": 0.1,
        "spend_correlation_low": 0.0,
        "spend_correlation_high": 0.2,
        "limit": 0.1,
    },
    "purchases_at_random": EVEN,
    "spend_is_stationary": {"change": 0.1, "change_low": 0.0, "change_high": 0.2},
    "cohorts_are_alike": {"actual_to_expected": [1.0, 1.1], "half_width": 0.2},
    "no_season": {"correlation": 0.5, "best_month_excess": 0.2},
}
for name, words in (
    ("spend_independent_of_frequency", "too few repeat buyers to tell"),
    ("purchases_at_random", "too few customers with three or more gaps"),
    ("spend_is_stationary", "too few bought both in the last 180 days"),
    ("cohorts_are_alike", "too few customers to compare"),
    ("no_season", "a season cannot be told from a trend"),
):
    said_only_where(
        words,
        lambda name=name: assumption(name, "cannot_tell"),
        lambda name=name: assumption(name, "holds", **TO_MEASURE[name]),
    )

# The check -------------------------------------------------------------------------------------------------

WITHOUT_CLAIM = (  # what a picture or a table shows, labels and counts
    "Who is likely to leave is not who will respond.",
    "=kept with a remark",
    "records kept{days}",
    "Money read, kept and set aside",
    "Columns per week, stacked by role",
    "Columns of customers by score",
    "Bars per tier. {rows}.",
    "Bars, the scores of example customers",
    "Bars, tiers changed by 10 % more / less weight",
    "Share in the two best tiers, beside everyone else's",
    "Points with intervals for {groups:count} groups",
    "=none",
    "On the latest day held out {found}. Weights are changed by who signs the policy.",
    "spend, at most a year's",
    "Lines, silhouette and stability",
    "Sample of {n:count} buyers",
    "Map of the groups' centres",
    "=sales of unknown cost",
    "Bars, from gross sales to what remains",
    "{main_step}: {main_step_share:share} of gross sales",
    "newest record {newest_day:day}",
    "customers bought; scores of five levels want",
    "customers; stable groups want",
    "customers bought on more than one day, over",
    "customers have a rhythm of their own",
    "{rules:count} other reasons",
    "Bars, share of records set aside by table",
    "Bars, records set aside by rule",
    "Grid of quality scores",
    "Bars, transaction lines by month. {parts}.",
    "The data carry **{yes} of {all} parts",
    "=unknown",
    "=no",
    "=yes",
    "what is true of them all would tell of each",
    "=other half",
    "=(not given)",
    "=new: first purchase not longer ago than",
    "=at risk: absent longer than, for a customer",
    "=lost: absent longer than, for a customer",
    "Curve of the share of absences that are over",
    "={buyers:count} customers have bought. ",
    "Bars, share of customers and of spend",
    "Lorenz curve. The lower half of buyers",
    "Map of {cohorts} monthly cohorts",
    "Dots, share of customers and of spend",
    "Bars, buyers by score",
    "Map of customers by recency and frequency score",
    "=Map of moves between {segments} segments.",
    "Dots with 95 % intervals, {measure}",
    "Lines with 95 % intervals per month",
    "Bars, complaints by cause with running share",
    "Lines, share of customers by renewals",
    "Bars, mean {currency} per customer by tenth",
    "Bars, share of the predicted value",
    "80 % prediction intervals around what is expected",
    "=same rate as before",
    "=spend per purchase does not depend on frequency",
    "=customers buy at random moments",
    "=customers won early and late are alike",
    "=no season",
    "the same customers' purchases changed by",
    "repeat purchases against expected, earliest to latest third",
    "months repeat last year's with correlation",
)


def covers(words: str, message: str) -> bool:
    """Whether a registered sentence is this message: "=" asks for its beginning."""
    return message.startswith(words[1:]) if words.startswith("=") else words in message


def is_said(words: str, text: str) -> bool:
    parts = re.split(r"\{[^}]*\}", words.removeprefix("="))
    return bool(re.search(".+?".join(map(re.escape, parts)), text))


@pytest.mark.parametrize(("words", "said", "unsaid"), SENTENCES, ids=[each[0] for each in SENTENCES])
def test_a_sentence_is_said_where_it_holds_and_nowhere_else(words, said, unsaid):
    assert is_said(words, said())
    assert not is_said(words, unsaid())


def test_every_sentence_is_held_against_an_input_for_which_it_is_not_said():
    listed = [words for words, _said, _unsaid in SENTENCES] + list(WITHOUT_CLAIM)
    missing = {
        message: module
        for message, module in messages().items()
        if is_sentence(message)
        and module not in {*OF_OTHER_TESTS, "no_rows"}
        and not any(covers(words, message) for words in listed)
    }
    assert missing == {}


def test_no_sentence_is_listed_that_is_not_there():
    listed = [words for words, _said, _unsaid in SENTENCES] + list(WITHOUT_CLAIM)
    known = messages()
    assert [words for words in listed if not any(covers(words, each) for each in known)] == []


def test_what_stands_in_place_of_a_table_is_not_said_beside_its_rows():
    """The sentences of `no_rows` are said through `caption(…, otherwise=…)` alone."""
    rows = pd.DataFrame({"rule": ["a"], "records": [9]})
    names = re.findall(
        r'^        "(\w+)": _\(', (ROOT / "crcm_lib/reporting/text/no_rows.py").read_text(), re.M
    )
    assert len(names) > 10
    for name in names:
        words = no_rows.explain_no_rows(name)
        assert words in html_of(display.caption(rows.head(0), otherwise=words)).replace("&#x27;", "'")
        assert words not in html_of(display.caption(rows, otherwise=words))
