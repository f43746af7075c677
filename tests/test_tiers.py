"""Points, scores and tiers: equal inputs give equal tiers, every reason can be checked by hand."""

import re

import duckdb
import numpy as np
import pandas as pd
import pytest
from fixtures.decided import decide

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import approvals, measured_indicators, next_tier, scorecard, tiers
from crcm_lib.decisions.tier_backtest import compare_rules, follow_growth
from crcm_lib.errors import DataError
from crcm_lib.features import decision_inputs
from crcm_lib.reporting.text import classification as text
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
PERCENTILE = next(i for c in POLICY.criteria for i in c.indicators if i.column == "purchases_365d")
AMOUNT = next(i for c in POLICY.criteria for i in c.indicators if i.column == "spend_365d")
GOLDEN = tables.ROOT / "data/sample/golden"
COMPARED = ["indicator", "now", "needed", "points"]
NOTHING = pd.DataFrame(columns=COMPARED)


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """Four hundred customers with tied and unknown numbers, and ten prospects."""
    random = np.random.default_rng(1)
    count = 410
    frame = pd.DataFrame(
        {
            "purchases": random.poisson(4, count) + 1,
            "spend_365d": random.gamma(1, 300, count).round(-1),
            "purchases_365d": random.poisson(3, count),
            "days_observed": random.integers(1, 900, count).astype(float),
            "categories": random.integers(1, 7, count),
            "credit_rating": random.choice(["AAA", "B", None], count),
            "birthday": pd.Timestamp("1990-06-01"),
            "region": random.choice(["north", "south"], count),
        },
        index=pd.Index([f"K{n:03d}" for n in range(count)], name="customer_id"),
    )
    frame.loc[frame.index[:10], ["purchases", "spend_365d", "purchases_365d"]] = 0
    frame.loc[frame.index[:10], "days_observed"] = np.nan
    return frame


@pytest.fixture(scope="module")
def value(customers) -> pd.DataFrame:
    """What is expected of six in ten; of the others and of prospects nothing is known."""
    random = np.random.default_rng(2)
    growth = np.where(random.random(len(customers)) < 0.4, np.nan, random.uniform(-1, 1, len(customers)))
    expected = customers["spend_365d"] * np.exp(growth)
    value = pd.DataFrame({"growth_expected": growth, "spend_expected": expected}, index=customers.index)
    return value[customers["purchases"] > 0]


@pytest.fixture(scope="module")
def raw(customers, value):
    return scorecard.gather_indicators(POLICY, customer_features=customers, value=value)


@pytest.fixture(scope="module")
def model(raw, customers):
    return scorecard.fit_scorecard(raw[customers["purchases"] > 0], POLICY, learned_on="2025-12-31")


@pytest.fixture(scope="module")
def card(raw, model):
    return scorecard.score(raw, POLICY, model)


def place(card, model) -> pd.DataFrame:
    """The table `tiers` of a first run."""
    proposed = tiers.assign_tiers(card, POLICY, model)
    return approvals.put_in_force(proposed, None, decide(), POLICY, as_of="2025-12-31")


@pytest.fixture(scope="module")
def placed(card, model):
    return place(card, model)


def test_every_customer_has_one_tier_and_a_reason(placed, customers):
    check(placed, "tiers")
    assert placed.index.equals(customers.index)
    assert placed["reason"].notna().all()
    assert set(placed["tier_in_force"]) == {tier.name for tier in POLICY.tiers}


def test_customers_equal_in_all_indicators_get_the_same_tier_and_reason(customers, raw, model):
    twins = pd.concat([raw, raw.rename(index=lambda name: f"twin {name}")]).sample(frac=1, random_state=3)
    card = scorecard.score(twins, POLICY, model)
    both = tiers.assign_tiers(card, POLICY, model)
    twin = both.loc[[f"twin {name}" for name in customers.index]].set_axis(customers.index)
    pd.testing.assert_frame_equal(twin, both.loc[customers.index])


def test_the_order_of_the_rows_changes_nothing(customers, value, placed):
    shuffled = customers.sample(frac=1, random_state=2)
    raw = scorecard.gather_indicators(POLICY, customer_features=shuffled, value=value)
    model = scorecard.fit_scorecard(raw[shuffled["purchases"] > 0], POLICY, learned_on="2025-12-31")
    again = tiers.assign_tiers(scorecard.score(raw, POLICY, model), POLICY, model)
    pd.testing.assert_frame_equal(again.loc[placed.index], placed[again.columns])


def test_equal_numbers_get_equal_points_and_larger_ones_never_fewer(raw, card):
    pairs = pd.DataFrame({"raw": raw["spend in a year"], "points": card["points_spend in a year"]})
    assert (pairs.groupby("raw")["points"].nunique() < 2).all()
    assert pairs.sort_values("raw")["points"].is_monotonic_increasing


def test_points_are_the_middle_of_the_share_below_and_the_share_not_above():
    scale = scorecard.fit_scale(pd.Series([0.0, 0.0, 10.0, 20.0]), PERCENTILE)
    assert scale.measure(pd.Series([0.0, 10.0, 20.0, 99.0, -5.0])).to_list() == [25.0, 62.5, 87.5, 87.5, 25.0]


def test_points_in_proportion_to_an_amount():
    scale = scorecard.fit_scale(pd.Series(np.arange(101.0)), AMOUNT)
    assert scale.measure(pd.Series([0.0, 33.0, 66.0, 99.0, 500.0, -5.0])).to_list() == pytest.approx(
        [0, 33.333333, 66.666667, 100, 100, 0]
    )
    nothing = scorecard.fit_scale(pd.Series([0.0, 0.0]), AMOUNT)
    assert nothing.measure(pd.Series([0.0, 5.0])).to_list() == [0, 0]


@pytest.mark.parametrize("indicator", [PERCENTILE, AMOUNT], ids=lambda each: each.scale)
def test_a_scale_tells_which_number_has_so_many_points(indicator):
    scale = scorecard.fit_scale(pd.Series(np.random.default_rng(1).gamma(1, 100, 500)), indicator)
    for points in (10.0, 50.0, 90.0):
        reached = scale.reach(np.array([points, 101]))
        assert scale.measure(pd.Series(reached)).iloc[0] == pytest.approx(points, abs=1e-5)
        assert np.isnan(reached[1])


def test_lower_is_better_turns_the_points_round():
    overdue = next(i for c in POLICY.criteria for i in c.indicators if i.column == "overdue_ratio")
    scale = scorecard.fit_scale(pd.Series([1.0, 2.0]), overdue)
    assert scale.measure(pd.Series([1.0, 2.0])).to_list() == [75.0, 25.0]


def test_given_anchors_and_words_are_taken_as_given(card, customers):
    late = next(i for c in POLICY.criteria for i in c.indicators if i.column == "days_late_mean")
    scale = scorecard.fit_scale(pd.Series([5.0]), late)
    assert scale.measure(pd.Series([0.0, 15.0, 60.0, 90.0])).to_list() == [100, 75, 0, 0]
    rated = card.loc[customers["credit_rating"] == "AAA", "points_credit rating"]
    assert (rated == 100).all()


def test_a_long_scale_is_kept_short_and_stays_within_half_a_percentile():
    values = pd.Series(np.random.default_rng(5).lognormal(size=20_000))
    scale = scorecard.fit_scale(values, PERCENTILE)
    exact = 100 * (values.rank(method="average") - 0.5) / len(values)
    assert len(scale.raw) <= scorecard.KNOTS + 2
    assert (scale.measure(values) - exact).abs().max() < 0.5


def test_the_kept_model_measures_one_customer_alone_as_with_all_others(raw, card, placed, model):
    kept = scorecard.ScorecardModel.from_json(model.to_json())
    alone = scorecard.score(raw.loc[["K123"]], POLICY, kept)
    pd.testing.assert_frame_equal(alone, card.loc[["K123"]])
    proposed = tiers.assign_tiers(alone, POLICY, kept)
    pd.testing.assert_frame_equal(proposed, placed.loc[["K123"], list(proposed)])


def test_the_reason_recomputes_the_score_and_the_tier(placed, card, raw, model):
    some = placed.iloc[::10]
    written = text.write_reasons(some, card, raw, POLICY, model)
    for _customer, row in some.join(written).iterrows():
        score, parts = re.search(r"score ([\d.]+) \(.*?\) = ([^;]*)", row["because"]).groups()
        added = sum(
            float(points) * float(weight) / 100
            for points, weight in re.findall(r"([\d.]+) × ([\d.]+)%", parts)
        )
        assert added == pytest.approx(float(score), abs=0.3)
        assert float(score) == pytest.approx(row["score"], abs=0.006)
    border = model.cutoffs[0]["strategic"]["score"].at_least
    assert placed["tier_proposed"].eq("strategic").equals(placed["score"].ge(border))


def test_at_most_the_asked_share_of_the_buyers_is_in_the_top_tier(placed, customers):
    buyers = placed[customers["purchases"] > 0]
    assert 0 < (buyers["tier_proposed"] == "strategic").mean() <= 0.05
    assert buyers["tier_proposed"].isin(["strategic", "key"]).mean() <= 0.20


def test_the_missing_points_lift_a_customer_exactly_into_the_next_tier(card, placed, model):
    near = placed[(placed["next_tier"] == "key") & placed["to_next_tier"].notna()]
    assert len(near) > 20
    for beyond, reached in ((1e-6, True), (-0.01, False)):
        scores = card.loc[near.index, "score"] + near["to_next_tier"] + beyond
        lifted = tiers.assign_tiers(card.loc[near.index].assign(score=scores), POLICY, model)
        assert (lifted["tier_proposed"] == ("key" if reached else near["tier_proposed"])).all()


def test_the_way_to_a_tier_with_two_conditions_is_the_longer_of_the_two(card, placed, model):
    near, asked = placed[placed["next_tier"] == "growth"], model.cutoffs[0]["growth"]
    weights = model.weights[0] | {"score": 1.0}
    missing = pd.DataFrame(
        {name: weights[name] * (asked[name].at_least - card.loc[near.index, name]) for name in asked}
    )
    assert np.allclose(near["to_next_tier"], missing.max(axis=1), atol=1e-5)


def test_what_the_data_lack_is_named_and_its_weight_shown_where_it_went(raw, customers):
    shown = measured_indicators.explain_weights(raw, POLICY, customer_features=customers)
    assert shown["weight"].sum() == pytest.approx(1)
    assert shown["used"].sum() == pytest.approx(1)
    absent = shown[shown["used"] == 0]
    assert (absent["absence"] != "").all()
    remarks = text.write_weights(absent, history_days=365)["remark"]
    assert "not available: no `churn`" in set(remarks)
    assert "not available: `growth_outlook` is empty" not in set(remarks)
    assert "not available: no `margin_total` in `customer_features`" in set(remarks)
    short = text.write_weights(shown, history_days=23).set_index("indicator")["remark"]
    assert short["spend in a year"] == "23 days are known"
    assert short["time with us"] == ""
    assert (
        text.write_weights(shown, history_days=365).set_index("indicator")["remark"]["spend in a year"] == ""
    )
    contribution = shown[shown["criterion"] == "contribution"]["used"].sum()
    assert contribution == pytest.approx(0.35 / (0.35 + 0.25 + 0.15 + 0.10))


def test_unknown_is_not_zero(card, customers, value):
    unknown = ~customers.index.isin(value.index[value["growth_expected"].notna()])
    assert card.loc[unknown, "points_expected growth"].isna().all()
    assert (card.loc[unknown, "weight_known"] < card.loc[~unknown, "weight_known"].max()).all()


def test_a_condition_on_what_is_unknown_is_not_met(card, model):
    blank = card.assign(potential=np.nan)
    assert "growth" not in set(tiers.assign_tiers(blank, POLICY, model)["tier_proposed"])


def test_a_customer_of_whom_nothing_is_known_is_in_the_last_tier(raw, model):
    nobody = pd.DataFrame(np.nan, index=pd.Index(["X"], name="customer_id"), columns=raw.columns)
    card = scorecard.score(nobody, POLICY, model)
    placed = place(card, model)
    assert placed.iloc[0][["tier_in_force", "score", "reason"]].to_list() == ["watch", 0, "nothing_known"]
    assert "nothing known" in text.write_reasons(placed, card, nobody, POLICY, model)["because"].iloc[0]


def test_firmness_is_one_far_from_the_borders_and_less_close_to_them(placed, model):
    border = model.cutoffs[0]["strategic"]["score"].at_least
    distance = (placed["score"] - border).abs()
    assert placed.loc[placed["score"].idxmax(), "firmness"] == 1
    assert placed.loc[distance < 0.3, "firmness"].mean() < placed.loc[distance > 5, "firmness"].mean()


def test_weights_are_varied_alone_and_together_and_still_add_up(model):
    criteria = len(model.weights[0])
    assert len(model.weights) == 1 + 2 * criteria + 2**criteria == len(model.cutoffs)
    assert all(sum(weights.values()) == pytest.approx(1) for weights in model.weights)


def test_a_score_made_of_one_criterion_does_not_depend_on_its_weight(customers):
    raw = scorecard.gather_indicators(POLICY, customer_features=customers[["spend_365d"]])
    model = scorecard.fit_scorecard(raw, POLICY, learned_on="2025-12-31")
    card = scorecard.score(raw, POLICY, model)
    assert (tiers.assign_tiers(card, POLICY, model)["firmness"] == 1).all()
    assert (tiers.compare_weights(card, POLICY, model)[["changed_up", "changed_down"]] == 0).all(axis=None)


def test_who_would_change_tier_is_counted_as_with_a_policy_of_these_weights(raw, customers, card, model):
    compared = tiers.compare_weights(card, POLICY, model).set_index("criterion")
    assert compared["weight"].sum() == pytest.approx(1)
    changed = pd.Series({name: change_weight(name, 1.1, raw, customers) for name in compared.index})
    assert compared["changed_up"].to_dict() == pytest.approx(changed.to_dict(), abs=0.011)
    assert compared["changed_up"].max() > 0.01


def change_weight(name, by, raw, customers):
    """The share of customers whose tier is another where one criterion weighs more."""
    weights = {each.name: each.weight * (by if each.name == name else 1) for each in POLICY.criteria}
    other = [
        each.model_copy(update={"weight": weights[each.name] / sum(weights.values())})
        for each in POLICY.criteria
    ]
    policy, bought = POLICY.model_copy(update={"criteria": tuple(other)}), raw[customers["purchases"] > 0]
    one, two = (
        tiers.name_tiers(
            scorecard.score(
                raw, each, learned := scorecard.fit_scorecard(bought, each, learned_on="2025-12-31")
            ),
            each,
            learned,
        )
        for each in (POLICY, policy)
    )
    return float((one != two).mean())


def test_where_all_are_alike_nobody_is_in_the_top_share():
    alike = pd.DataFrame({"spend_365d": [5.0] * 50}, index=pd.Index(map(str, range(50)), name="customer_id"))
    raw = scorecard.gather_indicators(POLICY, customer_features=alike)
    model = scorecard.fit_scorecard(raw, POLICY, learned_on="2025-12-31")
    card = scorecard.score(raw, POLICY, model)
    placed = place(card, model)
    assert set(placed["tier_proposed"]) == {"watch"}
    assert set(placed["reason"]) == {"last_tier"}
    because = text.write_reasons(placed.head(1), card, raw, POLICY, model)["because"].iloc[0]
    assert "score out of reach" in because


def test_data_without_any_indicator_are_refused():
    with pytest.raises(DataError, match="none of the policy's indicators"):
        scorecard.gather_indicators(POLICY, customer_features=pd.DataFrame({"city": ["x"]}))


def test_the_summary_adds_up_and_names_tiers_that_nobody_reached(placed, customers):
    summary = tiers.summarise_tiers(placed.head(3), POLICY, spend=customers["spend_365d"])
    assert summary["tier"].to_list() == [tier.name for tier in POLICY.tiers]
    assert summary["customers"].sum() == 3
    assert summary["spend"].sum() == pytest.approx(customers["spend_365d"].head(3).sum())


def test_a_customers_parts_add_up_to_the_score(card, model):
    for customer in tiers.choose_examples(place(card, model), POLICY):
        parts = tiers.explain_customer(card, customer, POLICY, model)
        assert parts["adds"].sum() == pytest.approx(card.loc[customer, "score"], abs=1e-5)


def test_abc_classes_are_the_plain_baseline_and_ties_share_one():
    spend = pd.Series([50.0, 30.0, 10.0, 5.0, 5.0, 0.0, np.nan])
    assert tiers.classify_abc(spend).to_list() == ["A", "A", "B", "B", "B", "C", "C"]


def test_input_tables_become_indicators_and_nothing_later_counts():
    engine = open_engine(GOLDEN)
    derived = decision_inputs.derive(engine, as_of="2025-06-30")
    assert derived["payments"]["paid_on_time_share"].between(0, 1).all()
    later = decision_inputs.derive(engine, as_of="2025-12-31")["judgements"]
    assert len(derived.get("judgements", [])) < len(later)
    paid_later = "select * replace (case when paid <= date '2025-06-30' then paid end as paid) from invoices"
    engine.execute(f"create table unpaid as {paid_later}")
    engine.execute("create or replace view invoices as from unpaid")
    pd.testing.assert_frame_equal(
        decision_inputs.derive(engine, as_of="2025-06-30")["payments"], derived["payments"]
    )


def test_payments_are_on_time_or_late_by_days_and_open_invoices_late_until_the_day():
    engine = duckdb.connect()
    engine.execute("""create table invoices as select 'a' as customer_id, * from (values
        ('early', date '2025-01-01', date '2025-01-31', date '2025-01-10'),
        ('late', date '2025-01-01', date '2025-01-31', date '2025-02-10'),
        ('open', date '2025-01-01', date '2025-02-18', null),
        ('not due', date '2025-02-01', date '2025-03-31', null)) as t(invoice_id, issued, due, paid)""")
    found = decision_inputs.derive(engine, as_of="2025-02-28")["payments"].loc["a"]
    assert found["paid_on_time_share"] == pytest.approx(1 / 3)
    assert found["days_late_mean"] == pytest.approx((0 + 10 + 10) / 3)


def test_the_latest_word_counts_per_matter_and_not_one_that_comes_later():
    engine = duckdb.connect()
    engine.execute("""create table judgements as select 'a' as customer_id, * from (values
        ('fit', 10, date '2025-01-01'), ('fit', 40, date '2025-02-01'), ('fit', 60, date '2025-02-01'),
        ('fit', 90, date '2025-04-01'), ('growth', 20, date '2025-01-01')) as t(indicator, value, date)""")
    judged = decision_inputs.derive(engine, as_of="2025-03-01")["judgements"]
    assert judged.loc["a"].to_dict() == {"fit": 50, "growth": 20}
    engine.execute("""create table consents as select 'a' as customer_id, * from (values
        ('email', 'refused', date '2025-01-01'), ('email', 'granted', date '2025-02-01'),
        ('phone', 'granted', date '2025-02-01'), ('phone', 'refused', date '2025-02-01'),
        ('email', 'refused', date '2025-04-01')) as t(purpose, status, date)""")
    consents = decision_inputs.find_consents(engine, as_of="2025-03-01")
    assert consents.to_dict("list") == {
        "customer_id": ["a", "a"],
        "purpose": ["email", "phone"],
        "status": ["granted", "refused"],
    }


def test_absent_input_tables_give_no_evidence():
    engine = duckdb.connect()
    assert decision_inputs.derive(engine, as_of="2025-06-30") == {}
    assert decision_inputs.find_consents(engine, as_of="2025-06-30") is None
    assert decision_inputs.find_arms(engine, as_of="2025-06-30").empty


def test_the_next_tier_is_the_one_that_fewest_points_of_the_score_are_missing_to(placed, card, model):
    weights, cutoffs = model.weights[0], model.cutoffs[0]
    one = placed[placed["next_tier"] == "growth"].index[0]
    missing = [
        (cutoff.at_least - (placed["score"] if name == "score" else card[name])[one]) * weights.get(name, 1)
        for name, cutoff in cutoffs["growth"].items()
    ]
    assert placed.loc[one, "to_next_tier"] == pytest.approx(max(missing), abs=1e-5)
    key = cutoffs["key"]["score"].at_least - placed.loc[one, "score"]
    assert placed.loc[one, "to_next_tier"] <= key


def one_by_one(customer, raw, placed, policy, model) -> list[dict]:
    """What `find_changes` says of one customer, by trying every step of every indicator in turn."""
    row, wanted, found = raw.loc[[customer]], placed.loc[customer, "next_tier"], []
    names = [tier.name for tier in policy.tiers]
    for indicator in (each for criterion in policy.criteria for each in criterion.indicators):
        scale = model.scales.get(indicator.name)
        is_own = indicator.table in next_tier.OWN_DEEDS and indicator.column not in next_tier.NOT_ASKED
        if not is_own or scale is None or scale.levels or pd.isna(row[indicator.name].iloc[0]):
            continue
        points = float(scale.measure(row[indicator.name]).iloc[0])
        aims = np.linspace(points, max(scale.points), next_tier.STEPS + 1)[1:]
        needed = np.array([scale.reach(np.array([aim]))[0] for aim in aims])
        column = (
            RESULTS[indicator.table].columns.get(indicator.column) if indicator.table in RESULTS else None
        )
        if column is not None and column.kind == "integer":
            needed = np.ceil(needed) if indicator.better == "higher" else np.floor(needed)
        tried = pd.concat([row] * len(aims), ignore_index=True).assign(**{indicator.name: needed})
        reached = tiers.name_tiers(scorecard.score(tried, policy, model), policy, model)
        enough = np.flatnonzero(reached.map(names.index) <= names.index(wanted))
        if len(enough):
            first = {"needed": needed[enough[0]], "points": aims[enough[0]] - points}
            found.append({"indicator": indicator.name, "now": float(row[indicator.name].iloc[0])} | first)
    return sorted(found, key=lambda change: change["points"])


def test_what_would_bring_a_customer_to_the_next_tier_does_bring_them_there(placed, raw, model):
    order = [tier.name for tier in POLICY.tiers]
    changes = next_tier.find_changes(raw, placed, POLICY, model)
    for name, part in changes.groupby("indicator"):
        better = raw.loc[part["customer_id"]].assign(**{name: part["needed"].to_numpy()})
        reached = tiers.name_tiers(scorecard.score(better, POLICY, model), POLICY, model).map(order.index)
        wanted = placed.loc[part["customer_id"], "next_tier"].map(order.index)
        assert (reached <= wanted).all()
        assert (part["needed"] != part["now"]).all()
    assert len(changes) > 100
    assert not set(changes["customer_id"]) & set(placed.index[placed["tier_proposed"] == "strategic"])


@pytest.mark.parametrize("width", [None, 2.0], ids=["steps halved", "steps in turn"])
def test_a_customer_alone_and_among_many_is_told_the_same(placed, raw, model, width):
    near = placed[placed["next_tier"].notna()][:: 70 if width is None else 200]
    limited = {name: dict(asked) for name, asked in model.cutoffs[0].items()}
    for column, cut in limited["growth"].items():
        limited["growth"][column] = cut.model_copy(update={"below": width and cut.at_least + width})
    model = model.model_copy(update={"cutoffs": (limited, *model.cutoffs[1:])})
    changes = next_tier.find_changes(raw, near, POLICY, model).groupby("customer_id")
    for customer in near.index:
        expected = one_by_one(customer, raw, placed, POLICY, model)
        found = changes.get_group(customer)[COMPARED] if customer in changes.groups else NOTHING
        assert found.to_dict("records") == [{name: each[name] for name in COMPARED} for each in expected]
    alone = next_tier.find_changes(raw, near.iloc[[0]], POLICY, model)
    pd.testing.assert_frame_equal(alone, changes.get_group(near.index[0]), check_exact=True)


@pytest.mark.slow
def test_of_the_sample_a_customer_alone_and_among_many_is_told_the_same():
    names = ["customer_features", "rfm", "value", "churn", "satisfaction"]
    known = {name: tables.read(GOLDEN, name) for name in names}
    known |= decision_inputs.derive(open_engine(GOLDEN), as_of=tables.read_about(GOLDEN).as_of)
    kept = scorecard.ScorecardModel.from_json(tables.read_model(GOLDEN, "tiers"))
    sample, placed = scorecard.gather_indicators(POLICY, **known), tables.read(GOLDEN, "tiers")
    changes = next_tier.find_changes(sample, placed, POLICY, kept)
    tried = placed[placed["next_tier"].notna()].sample(60, random_state=4)
    for customer in tried.index:
        expected = one_by_one(customer, sample, placed, POLICY, kept)
        found = changes.loc[changes["customer_id"] == customer, COMPARED].to_dict("records")
        assert found == [{name: change[name] for name in COMPARED} for change in expected]
    assert len(changes) > len(placed)


def test_the_way_to_the_next_tier_is_said_in_what_a_customer_does(placed, card, raw, model):
    words = text.write_reasons(placed.head(60), card, raw, POLICY, model)["next_needs"]
    assert words.str.contains("purchase days in a year").any()
    assert not words.str.contains("predicted value|time with us|expected growth").any()
    best = words[placed.head(60)["tier_proposed"] == "strategic"]
    assert (best == "").all()


def test_nobody_reaches_a_tier_that_is_withheld(card, model, placed):
    without = tiers.name_tiers(card, POLICY, model.withhold(["growth"]))
    assert "growth" not in set(without)
    others = placed["tier_proposed"] != "growth"
    assert without[others].equals(placed.loc[others, "tier_proposed"].rename(None))
    assert set(without[~others]) <= {"regular", "watch"}


def test_scores_are_counted_by_tier_and_add_up(placed):
    counts = tiers.count_scores(placed, POLICY)
    assert counts.to_numpy().sum() == len(placed)
    assert list(counts.columns) == [tier.name for tier in POLICY.tiers]
    at_the_top = placed.assign(score=100.0)
    assert tiers.count_scores(at_the_top, POLICY).loc[96].sum() == len(placed)


def test_another_releases_scorecard_is_refused_and_the_order_of_criteria_is_kept(model):
    kept = scorecard.ScorecardModel.from_json(model.to_json())
    assert [list(weights) for weights in kept.weights] == [list(weights) for weights in model.weights]
    with pytest.raises(DataError, match="scorecard: schema_version is 99.*Run 08_classification again"):
        scorecard.ScorecardModel.from_json(
            model.to_json().replace('"schema_version": 1', '"schema_version": 99')
        )


# In words


def test_a_sum_of_what_is_known_of_nobody_is_no_zero(placed, customers):
    unknown = pd.Series(dtype="float64")
    shown = tiers.summarise_tiers(placed, POLICY, spend=customers["spend_365d"], value=unknown)
    assert shown[["value", "value_share"]].isna().all(axis=None)
    few = placed[placed["tier_in_force"] != "growth"]
    known = tiers.summarise_tiers(few, POLICY, value=pd.Series(2.0, few.index[:9])).set_index("tier")
    assert known["value"].sum() == 18
    assert known.loc["growth", ["customers", "value"]].to_list() == [0, 0]


def test_the_takeaway_names_the_two_best_tiers_or_says_that_they_are_too_few(placed, customers):
    summary = tiers.summarise_tiers(placed, POLICY, spend=customers["spend_365d"])
    past = compare_rules([], POLICY), follow_growth([], POLICY), POLICY
    words = text.describe_classification(summary, placed, *past, history_days=365).markdown
    assert "**strategic and key** are " in words
    assert "of last year's spend. " in words
    short = text.describe_classification(summary, placed, *past, history_days=23).markdown
    assert "of the spend of 23 days. " in short
    assert "year" not in short
    hidden = summary.assign(customers_share=np.nan, spend_share=np.nan)
    words = text.describe_classification(hidden, placed, *past, history_days=365).markdown
    assert "410 customers have a tier and a reason; **strategic and key** are too few" in words
