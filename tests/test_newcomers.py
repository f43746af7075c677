"""Newcomers and prospects: truth recovered, the future unseen, nothing protected, plain words if unknown."""

import dataclasses
import json
import re

import duckdb
import numpy as np
import pandas as pd
import pytest
from worlds.prospects import draw_signups

from crcm_lib.errors import DataError
from crcm_lib.features.first_purchase import read_profile, summarise_first_days
from crcm_lib.models.newcomers.class_summaries import (
    EXPECTED_MONEY,
    HOLDOUT_MONEY,
    summarise_classes,
    summarise_holdout,
)
from crcm_lib.models.newcomers.classes import (
    NEWCOMER,
    PROSPECT,
    Newcomers,
    classify_newcomers,
    learn_newcomers,
    read_facts,
)
from crcm_lib.models.newcomers.conversion import learn_conversion
from crcm_lib.models.newcomers.holdout import BEATS, NO_BETTER, UNKNOWN
from crcm_lib.privacy import hide_small
from crcm_lib.reporting.text.newcomers import (
    describe_censoring,
    describe_chance,
    describe_holdout,
    name_grade,
    write_reasons,
)
from crcm_lib.schema.tables import check

START, AS_OF, DAYS = pd.Timestamp("2023-01-01"), pd.Timestamp("2024-12-31"), 90
WEB, HEALTH = 3.0, 2.0  # true factors on later spend


def company(n: int = 2400, *, seed: int = 0, web: float = WEB, health: float = HEALTH):
    """Lines and customers: later spend goes with the first day's channel and the industry."""
    rng = np.random.default_rng(seed)
    customers = pd.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in range(n)],
            "industry": rng.choice(["health", "retail", "other"], n),
            "note": [f"text {i}" if i % 10 else "none" for i in range(n)],
        }
    )
    first = START + pd.to_timedelta(rng.integers(0, (AS_OF - START).days, n), unit="D")
    channel = rng.choice(["web", "shop"], n)
    base = pd.DataFrame({"customer_id": customers["customer_id"], "day": first, "channel": channel})
    expected = (
        50 * np.where(channel == "web", web, 1) * np.where(customers["industry"] == "health", health, 1)
    )
    later = base.assign(
        day=first + pd.to_timedelta(rng.integers(1, DAYS, n), unit="D"),
        amount=(expected * rng.gamma(2, 1 / 2, n)).round(2),
    )
    lines = pd.concat([base.assign(amount=rng.gamma(2, 20, n).round(2) + 1), later])
    return lines[lines["day"] <= AS_OF].assign(kind="sale").reset_index(drop=True), customers


def engine_of(lines: pd.DataFrame, customers: pd.DataFrame | None = None):
    engine = duckdb.connect()
    lines = lines.assign(purchase_day=lines.get("purchase_day", lines["day"]))
    engine.register("lines", lines)
    engine.execute(
        "create table transactions as select * replace (day::date as day, "
        "purchase_day::date as purchase_day, amount::decimal(18,4) as amount) from lines"
    )
    if customers is not None:
        engine.register("listed", customers)
        engine.execute("create table customers as select * from listed")
    return engine


def with_prospects(customers: pd.DataFrame) -> pd.DataFrame:
    asked = pd.DataFrame({"customer_id": ["p1", "p2"], "industry": ["health", "retail"], "note": "new"})
    return pd.concat([customers, asked], ignore_index=True)


def learn(engine, **settings) -> Newcomers:
    return learn_newcomers(engine, as_of=AS_OF, horizon_days=DAYS, **settings)


def classify(engine, learned, **settings) -> pd.DataFrame:
    return classify_newcomers(engine, learned, as_of=AS_OF, **settings)


@pytest.fixture(scope="module")
def lines_and_customers():
    lines, customers = company()
    return lines, with_prospects(customers)


@pytest.fixture(scope="module")
def engine(lines_and_customers):
    return engine_of(*lines_and_customers)


@pytest.fixture(scope="module")
def learned(engine) -> Newcomers:
    return learn(engine)


@pytest.fixture(scope="module")
def found(engine, learned) -> pd.DataFrame:
    return classify(engine, learned)


def factors(result, name: str) -> dict[str, float]:
    (one,) = [attribute for attribute in result.model.attributes if attribute.name == name]
    return dict(zip(one.levels, np.exp(one.log_factors), strict=False))


# What was known on the first day


def test_first_day_is_what_was_known_that_evening():
    rows = [
        ("a", "2024-01-01", "2024-01-01", 10.0, "sale", "web", 2.0),
        ("a", "2024-01-01", "2024-01-01", -10.0, "return", "web", 0.0),  # nothing left: not a first day
        ("a", "2024-01-05", "2024-01-05", 30.0, "sale", "shop", 10.0),
        ("a", "2024-01-05", "2024-01-05", 20.0, "sale", "web", 0.0),
        ("a", "2024-01-20", "2024-01-05", -50.0, "return", "web", 0.0),  # known only later
        ("a", "2024-02-01", "2024-02-01", 7.0, "sale", "web", 0.0),
        ("a", "2024-03-01", "2024-03-01", 9.0, "sale", "web", 0.0),  # after the early days
        ("b", "2024-01-08", None, -5.0, "return", "web", 0.0),
    ]
    names = ["customer_id", "day", "purchase_day", "amount", "kind", "channel", "discount"]
    lines = pd.DataFrame(rows, columns=names)
    lines[["day", "purchase_day"]] = lines[["day", "purchase_day"]].apply(pd.to_datetime)
    found = summarise_first_days(engine_of(lines), as_of="2024-12-31", days=30)
    assert list(found.index) == ["a"]
    row = found.loc["a"]
    assert row["first_day"] == pd.Timestamp("2024-01-05")
    assert row["first_amount"] == 50
    assert row["first_lines"] == 2
    assert row["first_discount_share"] == pytest.approx(10 / 60)
    assert row["first_channel"] == "shop"
    assert row["first_weekday"] == "5"
    assert row["spend_after"] == -50 + 7
    assert row["again_after_days"] == 27
    assert not row["is_kept"]
    assert summarise_first_days(engine_of(lines), as_of="2024-01-10", days=30).loc["a", "is_kept"]


def test_a_profile_has_no_dates_nothing_protected_and_nothing_that_we_set():
    listed = pd.DataFrame({"customer_id": ["a", "b"], "signup": pd.to_datetime(["2024-01-01", "2025-01-01"])})
    listed = listed.assign(
        industry="x", Income="high", owner="S1", credit_rating="A", birthday=listed["signup"]
    )
    lines, _customers = company(5)
    found = read_profile(engine_of(lines, listed), as_of="2024-06-30", protected=("income",))
    assert list(found) == ["industry"]
    assert list(found.index) == ["a"]  # b had not signed up yet


# Truth


def test_true_factors_are_recovered_and_beat_the_mean(learned):
    assert learned.days == DAYS
    assert learned.newcomers.grade == BEATS
    channel, industry = (factors(learned.newcomers, name) for name in ("first_channel", "industry"))
    assert channel["web"] / channel["shop"] == pytest.approx(WEB, rel=0.1)
    assert industry["health"] / industry["retail"] == pytest.approx(HEALTH, rel=0.1)
    assert industry["other"] / industry["retail"] == pytest.approx(1, abs=0.1)
    scores = learned.newcomers.scores.set_index(["measure", "model"])["score"].unstack()  # noqa: PD010
    assert (scores.loc["rmse"].idxmin(), scores.loc["gini"].idxmax()) == ("first_day_model",) * 2
    assert abs(scores.loc["bias"]).max() < 0.1


def test_prospects_are_seen_by_their_profile_alone(learned, found):
    assert [one.name for one in learned.prospects.model.attributes] == ["industry"]
    assert learned.prospects.grade == BEATS
    asked = found[found["kind"] == PROSPECT]
    assert list(asked.index) == ["p1", "p2"]
    later = 50 * (1 + WEB) / 2 * np.array([HEALTH, 1])
    assert asked["spend_expected"].to_numpy() == pytest.approx(41 + later, rel=0.15)
    assert list(asked["class"]) == ["promising", "modest"]
    first = asked.iloc[0]
    assert (first["reason"], first["attribute_1"], first["level_1"]) == ("attributes", "industry", "health")
    assert 1 < first["factor_1"] < 2
    assert write_reasons(asked).iloc[0].startswith("industry health (× 1.")


def test_the_attributes_named_are_those_that_move_it_most(found):
    newcomers = found[found["kind"] == NEWCOMER]
    named = pd.concat([newcomers["attribute_1"], newcomers["attribute_2"]]).dropna()
    assert newcomers["attribute_2"].notna().mean() > 0.9
    assert named.isin(["first_channel", "industry"]).mean() > 0.8
    words = write_reasons(newcomers).str.split("; ")
    assert (words.str.len() == 2).mean() > 0.9
    assert words.explode().str.match("channel|industry").mean() > 0.8


def test_what_tells_nothing_ends_in_the_mean_and_the_words_say_so():
    lines, customers = company(1200, seed=3, web=1, health=1)
    engine = engine_of(lines, customers)
    learned = learn(engine)
    assert learned.newcomers.grade == NO_BETTER
    assert learned.newcomers.model.attributes == ()
    found = classify(engine, learned)
    assert len(set(found["spend_expected"])) == 1
    assert set(found["class"]) == {"ordinary"}
    assert set(found["reason"]) == {"mean_of_all"}
    assert write_reasons(found).str.startswith("the mean of ").all()
    assert name_grade(learned.newcomers.grade) == "no better than the mean"


# Validation


def test_the_validation_is_in_time_order(engine, learned):
    first = summarise_first_days(engine, as_of=AS_OF, days=DAYS)["first_day"]
    came = first[learned.newcomers.compared.index]
    assert came.min() > learned.newcomers.cutoff_day
    assert came.max() <= AS_OF - pd.Timedelta(days=DAYS)
    assert (
        len(came)
        == (
            first.between(learned.newcomers.cutoff_day, AS_OF - pd.Timedelta(days=DAYS), inclusive="right")
        ).sum()
    )


def test_the_validation_cannot_see_what_came_after_its_cutoff_day(lines_and_customers, learned):
    lines, customers = lines_and_customers
    opening = lines.groupby("customer_id")["day"].transform("min") == lines["day"]
    future = (lines["day"] > learned.newcomers.cutoff_day) & ~opening
    dearer = lines.assign(amount=lines["amount"].where(~future, 9 * lines["amount"]))
    changed = learn(engine_of(dearer, customers)).newcomers
    before = learned.newcomers.compared
    assert changed.grade == BEATS
    pd.testing.assert_frame_equal(changed.compared[["predicted", "naive"]], before[["predicted", "naive"]])
    assert changed.compared["actual"].sum() == pytest.approx(9 * before["actual"].sum())


@pytest.mark.parametrize("n", [40, 250])
def test_too_few_to_judge_is_said_with_the_limit(n):
    lines, customers = company(n)
    learned = learn(engine_of(lines, customers))
    assert learned.newcomers.grade == UNKNOWN
    assert learned.newcomers.reason == "too_few_earlier"
    assert "needs 100" in describe_holdout(learned.newcomers)
    assert learned.newcomers.model.attributes == ()
    assert learned.newcomers.model.mean > 0


def test_of_a_history_of_days_nothing_is_expected_and_the_table_can_still_be_written():
    days = [START, START + pd.Timedelta(days=20), START + pd.Timedelta(days=20)]
    engine = engine_of(
        pd.DataFrame({"customer_id": ["a", "a", "b"], "day": days, "amount": 9.0, "kind": "sale"})
    )
    given = {"as_of": START + pd.Timedelta(days=21)}
    learned = learn_newcomers(engine, horizon_days=90, **given)
    found = check(classify_newcomers(engine, learned, **given), "newcomers")
    assert found["class"].to_dict() == {"b": UNKNOWN}
    assert found["spend_expected"].isna().all()
    assert learned.newcomers.reason == "short_history"
    assert "21 days of history are too few" in describe_holdout(learned.newcomers)


def test_those_on_record_from_the_start_may_have_bought_before(lines_and_customers):
    lines, customers = lines_and_customers
    early = pd.DataFrame({"customer_id": [f"e{i}" for i in range(900)], "day": START, "channel": "shop"})
    rich = early.assign(day=START + pd.Timedelta(days=9), channel="web")
    lines = pd.concat([lines, early.assign(amount=9.0, kind="sale"), rich.assign(amount=5000.0, kind="sale")])
    learned = learn(engine_of(lines, customers))
    assert learned.newcomers.model.mean < 500
    assert learned.left_censoring.are_left_out
    assert learned.left_censoring.customers >= 900
    assert "left out: they may have bought before" in describe_censoring(learned.left_censoring)
    assert describe_censoring(None) == ""


# What changes nothing


def test_nothing_after_as_of_counts(lines_and_customers, learned, found):
    lines, customers = lines_and_customers
    after = lines.assign(day=lines["day"] + pd.Timedelta(days=800), amount=700.0)
    new = after.assign(customer_id="p1")
    engine = engine_of(pd.concat([lines, after, new]), customers)
    again = learn(engine)
    assert again.to_json() == learned.to_json()
    pd.testing.assert_frame_equal(classify(engine, again), found)


def test_row_order_and_ids_change_nothing(lines_and_customers, learned, found):
    lines, customers = lines_and_customers
    names = {name: f"x{place}" for place, name in enumerate(customers["customer_id"][::-1])}
    renamed = [frame.assign(customer_id=frame["customer_id"].map(names)) for frame in (lines, customers)]
    engine = engine_of(*(frame.sample(frac=1, random_state=5) for frame in renamed))
    again = learn(engine)
    assert again.to_json() == learned.to_json()
    other = classify(engine, again).loc[[names[name] for name in found.index]]
    pd.testing.assert_frame_equal(other.reset_index(drop=True), found.reset_index(drop=True))


def test_amounts_times_c_are_predictions_times_c(lines_and_customers, found):
    lines, customers = lines_and_customers
    engine = engine_of(lines.assign(amount=lines["amount"] * 7), customers)
    dearer = classify(engine, learn(engine))
    for column in ("spend_expected", "spend_to_come"):
        assert dearer[column].to_numpy() == pytest.approx(7 * found[column].to_numpy(), rel=1e-6, nan_ok=True)
    assert list(dearer["class"]) == list(found["class"])
    assert len(set(found["class"])) == 3


def test_one_customer_alone_gets_the_same_later(engine, learned, found):
    kept = Newcomers.from_json(learned.to_json())
    facts = read_facts(engine, as_of=AS_OF, days=DAYS).loc[found.index]
    for name in (found.index[3], "p2"):
        pd.testing.assert_frame_equal(kept.predict(facts.loc[[name]]), found.loc[[name]])
    assert not set(found.index) & set(json.loads(learned.to_json()))
    assert found.index[3] not in learned.to_json()


def test_models_of_another_release_are_refused(learned):
    with pytest.raises(DataError, match="schema_version is 99, and this release reads 2"):
        Newcomers.from_json(learned.to_json().replace('"schema_version": 2', '"schema_version": 99'))


def test_a_level_never_seen_and_a_missing_column_count_as_average(engine, learned, found):
    facts = read_facts(engine, as_of=AS_OF, days=DAYS).loc[found.index[:1]]
    strange = learned.predict(facts.assign(first_channel="drone"))["spend_expected"].item()
    without = learned.predict(facts.drop(columns="first_channel"))["spend_expected"].item()
    own = factors(learned.newcomers, "first_channel")[facts["first_channel"].item()]
    assert strange == pytest.approx(without)
    assert without == pytest.approx(found["spend_expected"].iloc[0] / own)
    nothing = learned.predict(facts[["kind", "days_waited"]])["spend_expected"].item()
    assert nothing == pytest.approx(learned.newcomers.model.mean, rel=0.3)


# What must not count


def test_a_protected_attribute_cannot_enter_even_if_it_tells_everything(lines_and_customers, learned, found):
    lines, customers = lines_and_customers
    spend = lines.groupby("customer_id")["amount"].sum().reindex(customers["customer_id"])
    oracle = np.where(spend > spend.median(), "high", "low")
    engine = engine_of(lines, customers.assign(Income=oracle))
    barred = learn(engine, protected=("INCOME", "age"))
    assert barred.to_json() == learned.to_json()
    pd.testing.assert_frame_equal(classify(engine, barred, protected=("INCOME",)), found)
    open_to_all = learn(engine)  # it would have entered
    assert "Income" in [one.name for one in open_to_all.newcomers.model.attributes]


def test_what_the_first_day_says_can_be_protected_too(engine):
    used = [one.name for one in learn(engine, protected=("channel", "industry")).newcomers.model.attributes]
    assert "first_channel" not in used
    assert "industry" not in used


def test_free_text_is_not_used(learned):
    assert "note" not in [one.name for one in learned.newcomers.model.attributes]


# Who is listed


def test_newcomers_bought_once_lately_and_kept_something_of_it(lines_and_customers):
    lines, customers = lines_and_customers
    day = AS_OF - pd.Timedelta(days=10)
    one = {"channel": "web", "amount": 20.0, "kind": "sale"}
    back = {**one, "amount": -20.0, "kind": "return", "purchase_day": day}
    extra = pd.DataFrame(
        [
            {"customer_id": "once", "day": day, **one},
            {"customer_id": "twice", "day": day, **one},
            {"customer_id": "twice", "day": day + pd.Timedelta(days=3), **one},
            {"customer_id": "returned", "day": day, **one},
            {"customer_id": "returned", "day": day + pd.Timedelta(days=3), **back},
            {"customer_id": "long ago", "day": AS_OF - pd.Timedelta(days=DAYS), **one},
        ]
    )
    every = pd.concat([lines, extra], ignore_index=True)
    every["purchase_day"] = every["purchase_day"].fillna(every["day"])
    engine = engine_of(every, customers)
    learned = learn(engine)
    found = classify(engine, learned)
    assert set(extra["customer_id"]) & set(found.index) == {"once"}
    row = found.loc["once"]
    assert row["days_waited"] == 10
    assert row["spend_to_come"] == pytest.approx(row["spend_expected"] * learned.waiting[7])


def test_waiting_leaves_the_share_that_is_true(lines_and_customers):
    lines, customers = lines_and_customers
    later = lines.duplicated("customer_id")
    gone = later & lines["customer_id"].str[-1].isin(list("02468"))  # half never come again, the others once
    learned = learn(engine_of(lines[~gone], customers))
    waited = np.array(list(learned.waiting))
    ahead = (DAYS - 1 - waited) / (DAYS - 1)  # on any day of the early ones
    true = ahead / ((1 + ahead) / 2)  # those still to come, of those who have not come yet; over a half
    assert len(waited) == 13
    assert np.array(list(learned.waiting.values())) == pytest.approx(true, abs=0.12)
    assert learned.waiting[84] < 0.25


# Degenerate inputs


def degenerate() -> dict[str, tuple]:
    lines, customers = company(600)
    flat = lines.assign(amount=20.0)
    silent = lines[~lines.duplicated("customer_id")]
    return {
        "one customer": (lines[lines["customer_id"] == lines["customer_id"].iloc[0]], customers.head(1)),
        "no older customers": (lines.assign(day=AS_OF - pd.Timedelta(days=3)), with_prospects(customers)),
        "two months": (lines[lines["day"] > AS_OF - pd.Timedelta(days=60)], with_prospects(customers)),
        "all amounts equal": (flat.groupby("customer_id").head(1), with_prospects(customers)),
        "nobody came again": (silent, with_prospects(customers)),
        "no table customers": (lines.drop(columns="channel"), None),
        "no attributes": (lines, with_prospects(customers)[["customer_id"]]),
    }


@pytest.mark.parametrize("case", degenerate())
def test_degenerate_inputs_end_in_a_number_or_in_plain_words(case):
    engine = engine_of(*degenerate()[case])
    learned = learn(engine)
    for result in (learned.newcomers, learned.prospects):
        assert result.grade in (BEATS, NO_BETTER, UNKNOWN)
        assert "nan" not in describe_holdout(result)
    found = classify(engine, learned)
    unknown = found["spend_expected"].isna()
    assert (found.loc[unknown, "class"] == UNKNOWN).all()
    assert (found.loc[~unknown, "spend_expected"] >= 0).all()
    assert unknown.all() == (case in ("one customer", "no older customers", "two months"))
    assert write_reasons(found).str.len().gt(0).all()
    kept = Newcomers.from_json(learned.to_json())
    days = learned.days or 28
    facts = read_facts(engine, as_of=AS_OF, days=days).loc[found.index]
    pd.testing.assert_frame_equal(kept.predict(facts), found)
    assert summarise_classes(found)["customers"].sum() == len(found)
    assert len(summarise_holdout(learned.newcomers)) <= 3


# Whether a prospect buys at all


def test_the_chance_that_a_prospect_buys_is_the_true_one():
    learned = learn_conversion(draw_signups(20_000, 0), start=START, end=AS_OF, days=DAYS)
    waited = np.array([0, 30, 120])
    still = 0.5 + 0.5 * np.exp(-waited / 60)
    truth = 1 - (0.5 + 0.5 * np.exp(-(waited + DAYS) / 60)) / still
    assert learned.chance(waited, DAYS) == pytest.approx(truth, abs=0.02)
    longest = learned.chance(np.array([learned.longest, 5000]), DAYS)
    assert longest[0] == longest[1] < 0.01


def test_the_chance_knows_nothing_of_later_days_and_of_who_bought_at_once():
    signups = draw_signups(2000, 1)
    later = signups.assign(first_day=signups["first_day"].fillna(AS_OF + pd.Timedelta(days=5)))
    at_once = signups.head(500).assign(first_day=signups["signup"].head(500))
    at_once.index = "x" + at_once.index
    before = signups.head(500).assign(signup=START - pd.Timedelta(days=9))
    before.index = "y" + before.index
    known = {"start": START, "end": AS_OF, "days": DAYS}
    learned = learn_conversion(signups, **known)
    assert learn_conversion(pd.concat([later, at_once, before]), **known) == learned
    assert learn_conversion(signups.head(20), **known) is None


@pytest.fixture(scope="module")
def asked():
    """A company with signups, and prospects: p1 for a week, p2 for two years, p3 for an unknown time."""
    lines, customers = company()
    first = lines.groupby("customer_id")["day"].min().reindex(customers["customer_id"])
    waits = np.random.default_rng(3).integers(1, 40, len(customers))
    customers = customers.assign(signup=(first - pd.to_timedelta(waits, unit="D")).to_numpy())
    signups = {"p1": AS_OF - pd.Timedelta(days=7), "p2": START, "p3": None}
    prospects = pd.DataFrame({"customer_id": list(signups), "signup": pd.to_datetime([*signups.values()])})
    engine = engine_of(lines, pd.concat([customers, prospects.assign(industry="health", note="new")]))
    learned = learn(engine)
    return learned, classify(engine, learned)


def test_what_a_prospect_will_bring_is_given_by_the_chance_to_buy(asked):
    learned, found = asked
    assert found.loc["p1", "p_buys"] > 0.9  # everybody who signed up bought within 40 days
    assert found.loc["p2", "p_buys"] < found.loc["p1", "p_buys"]
    known = found.loc[["p1", "p2"]]
    assert known["spend_to_come"].to_numpy() == pytest.approx(known["spend_expected"] * known["p_buys"])
    assert found.loc["p3", ["p_buys", "spend_to_come", "days_waited"]].isna().all()
    assert found.loc["p3", "spend_expected"] > 0
    assert found.loc[found["kind"] == NEWCOMER, "p_buys"].isna().all()
    kept = Newcomers.from_json(learned.to_json())
    assert kept.conversion == learned.conversion


def test_the_total_of_prospects_counts_their_chance_and_is_left_out_where_one_has_none(asked):
    _learned, found = asked
    both = summarise_classes(found.loc[["p1", "p2"]]).set_index("kind").loc[[PROSPECT]]
    assert both["spend_expected_total"].sum() == pytest.approx(found.loc[["p1", "p2"], "spend_to_come"].sum())
    assert summarise_classes(found.loc[["p3"]])["spend_expected_total"].isna().all()
    assert summarise_classes(found.loc[["p3"]])["spend_expected_mean"].notna().all()


def test_the_table_says_what_its_total_counts(asked):
    learned, _found = asked
    words = describe_chance(learned.conversion, DAYS, "EUR")
    assert words.startswith(
        "Expected spend in the first 90 days, EUR; of prospects the mean if they buy, and the"
    )
    assert "were expected to buy within as many days (" in words
    unknown = describe_chance(None, DAYS, "EUR")
    assert unknown.endswith("of prospects if they buy: how many do is not known, so no total is given")


def test_how_the_model_did_is_said_without_the_statisticians_words(learned):
    words = describe_holdout(learned.newcomers)
    assert re.search(
        r"missed by \d+\.\d% less than the mean of all does, and the better fit is more than", words
    )
    assert not re.search("RMSE|Gini|deviance|interval|loss", words)
    facts = {**learned.newcomers.facts, "loss_low": -0.2, "loss_high": 0.1, "rmse_change": 0.02}
    chance = describe_holdout(dataclasses.replace(learned.newcomers, facts=facts))
    assert "missed by 2.0% more than the mean of all does, and chance could explain the difference" in chance


# Sums over classes


def test_small_groups_are_hidden(found, learned):
    few = pd.concat(
        [
            found[found["class"] == name].head(3 if name == "modest" else 40)
            for name in found["class"].unique()
        ]
    )
    classes = hide_small(summarise_classes(few), money=EXPECTED_MONEY).set_index(["kind", "class"])
    assert pd.isna(classes.loc[(NEWCOMER, "modest"), "customers"])
    assert pd.isna(classes.loc[(NEWCOMER, "modest"), "spend_expected_mean"])
    assert pd.isna(classes.loc[(PROSPECT, "promising"), "spend_expected_total"])
    past = hide_small(summarise_holdout(learned.newcomers), money=HOLDOUT_MONEY).set_index("class")
    assert past.loc["modest", "customers"] > 100  # the past is another list


def test_classes_tell_what_earlier_newcomers_then_spent(learned):
    past = summarise_holdout(learned.newcomers).set_index("class")
    compared = learned.newcomers.compared
    for name in ("promising", "ordinary", "modest"):
        actual = compared.loc[compared["class"] == name, "actual"]
        assert past.loc[name, "spend_mean"] == pytest.approx(actual.mean())
        half = 1.96 * actual.std() / len(actual) ** 0.5
        assert past.loc[name, "spend_high"] - past.loc[name, "spend_low"] == pytest.approx(2 * half, rel=0.05)
    assert past["spend_mean"].is_monotonic_decreasing
    assert past["customers"].sum() == len(compared)
    assert 0 < past["again_share"].min() <= 1
