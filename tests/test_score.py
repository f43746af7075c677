"""`crcm score`: one customer or one day by what a run has learned; needs that changed beyond chance."""

import json
import shutil
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

from crcm_lib.cli import build_app
from crcm_lib.errors import DataError, UsageError
from crcm_lib.ingest.sources.event_lines import read_events
from crcm_lib.models.need_shift import find_shifts, list_habits
from crcm_lib.pipeline.scoring import Scorer
from crcm_lib.reporting.text.scored_customers import describe_scored
from crcm_lib.schema import tables
from crcm_lib.schema.tables import ROOT

GOLDEN = ROOT / "data" / "sample" / "golden"
DAY = pd.Timestamp("2025-12-31")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The golden tables as a published run that kept its policy."""
    folder = shutil.copytree(GOLDEN, tmp_path_factory.mktemp("reports") / "sample-1")
    (folder / "private").mkdir()
    shutil.copy(ROOT / "policy.yaml", folder / "private")
    evidence = {"parameters": {"overrides": "{}"}}
    (folder / "run.json").write_text(json.dumps({"run": "sample-1", "evidence": evidence}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def scorer(run):
    return Scorer(run)


def crcm(*words, given=None):
    return CliRunner().invoke(build_app(), ["score", *map(str, words)], input=given)


def events(*lines: str) -> pd.DataFrame:
    return read_events("\n".join(["customer_id,time,amount,category", *lines]))


def test_customers_of_the_runs_own_day_have_the_runs_own_scores(run, scorer):
    ids = tables.read(run, "tiers").index[::37]
    rows = scorer.score(events(), ids).rows
    for name, columns in (
        ("tiers", ["tier_proposed", "next_tier"]),
        ("stages", ["stage"]),
        ("rfm", ["recency_score", "frequency_score", "monetary_score", "segment"]),
    ):
        kept = tables.read(run, name)[columns]
        both = kept.index.intersection(ids)
        pd.testing.assert_frame_equal(
            rows.loc[both, columns], kept.loc[both], check_dtype=False, check_index_type=False
        )
    card = tables.read(run, "scorecard").loc[ids]
    assert rows["score"].to_numpy() == pytest.approx(card["score"].to_numpy(), abs=1e-4)
    assert rows["weight_known"].to_numpy() == pytest.approx(card["weight_known"].to_numpy())


def test_a_purchase_moves_its_customer_and_nobody_is_measured_against_the_others_scored(run, scorer):
    features = tables.read(run, "customer_features")
    away = features[(features["purchases"] > 3) & (features["days_since_last"] > 100)].index[:2]
    new = events(f"{away[0]},2026-01-02,90.5,stationery")
    alone = scorer.score(new)
    assert alone.as_of == "2026-01-02"
    assert alone.rows.loc[away[0], "days_since_last"] == 0
    assert alone.rows.loc[away[0], "purchases"] == features.loc[away[0], "purchases"] + 1
    assert alone.rows.loc[away[0], "recency_score"] == 5
    beside = scorer.score(new, [away[1]]).rows
    pd.testing.assert_frame_equal(beside.loc[[away[0]]], alone.rows)
    assert beside.loc[away[1], "days_since_last"] == features.loc[away[1], "days_since_last"] + 2


def test_what_the_run_knows_already_is_not_counted_twice(run, scorer):
    known = tables.read(run, "customer_features").query("purchases > 1")
    who = known.index[0]
    again = scorer.score(events(f"{who},2025-12-30,90.5,stationery"))
    assert again.known_events == 1
    assert again.rows.loc[who, "purchases"] == known.loc[who, "purchases"]
    assert "1 events are of days that the run knows" in describe_scored(again)[1]


def test_who_the_run_does_not_know_is_scored_only_if_said_to_be_new(scorer):
    with pytest.raises(UsageError, match="objects to profiling"):
        scorer.score(events("ZZ,2026-01-02,5,stationery"))
    new = scorer.score(events("ZZ,2026-01-02,5,stationery"), are_new=True)
    assert (new.rows.loc["ZZ", "stage"], new.rows.loc["ZZ", "purchases"]) == ("new", 1)
    assert new.in_force.isna().all()
    mixed = scorer.score(events("ZZ,2026-01-02,5,stationery"), [scorer.tiers.index[0]])
    assert mixed.skipped == ["ZZ"]
    assert "ZZ" not in mixed.rows.index


def test_csv_and_json_lines_say_the_same_and_ids_stay_text():
    given = read_events("customer_id,time,amount\n00123,2026-01-02T09:30,-4.50\n")
    same = read_events('{"customer_id": "00123", "time": "2026-01-02T09:30", "amount": -4.50}')
    pd.testing.assert_frame_equal(given, same)
    assert given["customer_id"].item() == "00123"
    assert (given["amount"].item(), given["kind"].item()) == (Decimal("-4.50"), "return")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("customer_id,tme,amount\nA,2026-01-02,1\n", "Did you mean 'time'"),
        ("customer_id,time\nA,2026-01-02\n", "amount: missing"),
        ("customer_id,time,amount\nA,02.01.2026,1\n", "event 1: time must be like"),
        (
            "customer_id,time,amount\nA,2026-01-02,1\nA,2026-01-02,1,5\n",
            "event 2: amount must be|line 2 has more",
        ),
        ("customer_id,time,amount\nA,2026-01-02T10:00+02:00,1\n", "without an offset"),
        ("customer_id,time,amount\nA,2026-01-02,NaN\n", "decimal point, not 'NaN'"),
        ('{"customer_id": 123, "time": "2026-01-02", "amount": 1}', "customer_id must be text"),
        ("[1]\n5\n", "unknown column"),
        ('{"customer_id": "A"\n', "line 1 is no JSON object"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text, words):
    with pytest.raises(DataError, match=words):
        read_events(text)


def test_the_command_reads_a_file_or_standard_input_and_prints_what_it_found(run, tmp_path):
    line = "customer_id,time,amount\n00123,2026-01-02,20\n"
    (tmp_path / "day.csv").write_text(line, "utf-8")
    for done in (crcm(tmp_path / "day.csv", "--run", run), crcm("-", "--run", run, given=line)):
        assert done.exit_code == 0, done.output
        assert "as of 2026-01-02" in done.output
        assert "tier proposed: " in done.output
        assert "needs: " in done.output
    assert crcm("--run", run).exit_code == 2
    assert crcm(tmp_path / "none.csv", "--run", run).exit_code == 2
    assert crcm("--customer", "00123", "--run", run, "--as-of", "2025-06-30").exit_code == 2
    assert crcm("--customer", "00123", "--run", tmp_path).exit_code == 2


# Needs that change ---------------------------------------------------------------------------------------


def buyer(random, *, gap=(10.0, 10.0), coffee=(0.3, 0.3), name="K") -> pd.DataFrame:
    """Baskets of one customer over two years; gap and share of coffee before and in the last 90 days."""
    days, at = [], 730.0
    while at > 0:
        days.append(int(at))
        at -= random.gamma(2.0, gap[1 if at > 640 else 0] / 2)
    lines = [
        (name, DAY - pd.Timedelta(days=730 - day), "coffee" if random.uniform() < share else "tea")
        for day in set(days)
        for share in [coffee[1 if day > 640 else 0]]
        for _line in range(3)
    ]
    return pd.DataFrame(lines, columns=["customer_id", "day", "category"])


def shifts(lines: pd.DataFrame, absence: float = 0.5, seed: int = 0) -> pd.DataFrame:
    habits = list_habits(lines)
    p = pd.Series(absence, index=list(habits))
    return find_shifts(habits, p, as_of=DAY, seed=seed).set_index("test")


def test_where_needs_stay_a_change_is_said_of_at_most_one_customer_in_twenty():
    random, customers = np.random.default_rng(1), 100
    found = sum(
        shifts(buyer(random), absence=random.uniform())["is_beyond_chance"].any() for _n in range(customers)
    )
    assert found <= binom.ppf(0.99, customers, 0.05)


@pytest.mark.parametrize(
    ("test", "change"),
    [("mix", {"coffee": (0.2, 0.9)}), ("rhythm", {"gap": (20.0, 5.0)}), ("rhythm", {"gap": (5.0, 25.0)})],
)
def test_where_they_change_much_it_is_found_in_most(test, change):
    random = np.random.default_rng(2)
    found = [shifts(buyer(random, **change)).loc[test] for _n in range(25)]
    assert sum(row["is_beyond_chance"] for row in found) >= 20
    if test == "mix":
        assert {row["category"] for row in found} == {"coffee"}


def test_an_absence_as_improbable_as_hardly_any_that_ended_is_a_change():
    lines = buyer(np.random.default_rng(3))
    assert shifts(lines, absence=0.001).loc["absence", "is_beyond_chance"]
    assert not shifts(lines, absence=0.04).loc["absence", "is_beyond_chance"]  # one of three tests


def test_of_few_purchases_nothing_is_said_but_of_the_absence():
    lines = buyer(np.random.default_rng(3)).head(6)
    assert set(shifts(lines).index) == {"absence"}
