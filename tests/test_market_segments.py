"""Markets: what industries, sizes and regions bring, said only beyond chance; and which deserve attention."""

import json

import numpy as np
import pandas as pd
import pytest
from worlds.markets import DAY, make_market

from crcm_lib.config.market_policy import Market
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions.target_markets import add_attention, rate_segments
from crcm_lib.errors import PolicyError
from crcm_lib.models import market_segments as markets
from crcm_lib.models.market_segments import SMALL_GROUPS, MarketFacts, compare_segments, place_segments
from crcm_lib.reporting.charts.market_charts import draw_segments
from crcm_lib.reporting.text import attractive_markets as words
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT

DRAWS = 399


def verdict(compared: pd.DataFrame, attribute: str, level: str, measure: str) -> str:
    found = compared.set_index(["attribute", "level", "measure"])["verdict"]
    return str(found[attribute, level, measure])


# Who is in which segment


def test_segments_are_those_of_the_data_and_few_are_put_together():
    customers = pd.DataFrame(
        {
            "industry": ["a"] * 9 + ["b"] * 8 + ["c"] * 6 + ["d"] * 2 + [None] * 5,
            "size": "large",
            "region": [None] * 30,
            "region_main": ["N"] * 15 + ["S"] * 15,
        }
    )
    found = place_segments(customers, as_of=DAY)
    assert list(found) == ["industry", "region"]  # all are large, which sorts nobody
    assert found["industry"].value_counts().to_dict() == {
        "a": 9,
        "b": 8,
        SMALL_GROUPS: 8,
    }  # 2 alone would tell
    assert found["industry"].isna().sum() == 5
    assert set(found["region"]) == {"N", "S"}


def test_the_age_of_a_company_is_a_segment_and_few_young_ones_join_their_neighbours():
    founded = pd.Series(["2024-01-01"] * 6 + ["2018-01-01"] * 6 + ["2010-01-01"] * 6 + ["1990-01-01"] * 6)
    ages = place_segments(pd.DataFrame({"founded": founded}), as_of=DAY)["company_age"]
    assert list(ages.unique()) == list(markets.AGE_BANDS)
    ages = place_segments(pd.DataFrame({"founded": founded[4:]}), as_of=DAY)["company_age"]
    assert ages.value_counts().to_dict() == {"under_10_years": 8, "10_to_19_years": 6, "20_years_and_over": 6}
    late = markets.band_ages(pd.Series(["2026-06-01"]), DAY)
    assert late.isna().all()  # not founded yet


def test_attitudes_are_segments_only_where_they_were_asked_for():
    customers = pd.DataFrame({"purchases": 1}, index=pd.Index([f"c{n}" for n in range(30)]))
    answers = pd.DataFrame({"brand": [1.0] * 10 + [3.0] * 10 + [5.0] * 5}, index=customers.index[:25])
    found = place_segments(customers, answers, as_of=DAY)
    counts = found["attitude: brand"].value_counts().to_dict()
    assert counts == {"low_answers": 10, "middle_answers": 10, "high_answers": 5}
    nothing = place_segments(customers, as_of=DAY)
    assert list(nothing) == []
    assert words.explain_absence(nothing).startswith("Not available")
    assert words.explain_absence(found) == ""


def test_two_years_are_summed_where_there_are_two():
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b"],
            "day": pd.to_datetime(["2024-01-02", "2025-06-01", "2024-12-30", "2024-12-31"]),
            "amount": [10.0, 5.0, 7.0, 2.0],
            "kind": "sale",
        }
    )
    lines = lines.assign(purchase_day=lines["day"], product_id=None, order_id=None)
    both = markets.recall_two_years(open_frames(transactions=lines), as_of=DAY)
    both = both.assign(bought_before=both["purchases_before"] > 0)[["spend", "spend_before", "bought_before"]]
    assert both.loc["a"].to_dict() == {"spend": 5.0, "spend_before": 10.0, "bought_before": True}
    assert both.loc["b"].to_dict() == {"spend": 0.0, "spend_before": 9.0, "bought_before": True}
    assert markets.recall_two_years(open_frames(transactions=lines), as_of="2025-11-01") is None


def test_the_last_year_is_that_of_the_other_pages_returns_on_the_day_of_their_sale():
    golden = ROOT / "data" / "sample" / "golden"
    customers = tables.read(golden, "customer_features")
    years = markets.recall_two_years(open_engine(golden), as_of=tables.read_about(golden).as_of)
    measures, _by = markets.measure_buyers(customers, years, None)
    assert measures["now"].to_list() == pytest.approx(measures["spend"].to_list())


# What is said


def test_where_segments_differ_in_nothing_hardly_any_world_says_so():
    """Measured over 200 worlds of 400 customers with 94 comparisons each: 5 % make any claim."""
    claims = sum(
        (
            compare_segments(make_market(seed, customers=200), seed=seed, draws=199)["verdict"]
            != "cannot_tell"
        ).any()
        for seed in range(8)
    )
    assert claims <= 2


@pytest.mark.slow
def test_of_a_hundred_worlds_without_a_difference_at_most_one_in_twenty_makes_a_claim():
    claims = [
        (
            compare_segments(make_market(1000 + seed, customers=300), seed=seed, draws=999)["verdict"]
            != "cannot_tell"
        ).any()
        for seed in range(100)
    ]
    print(f"claims in {sum(claims)} of {len(claims)} worlds")
    assert sum(claims) <= 9  # one in twenty, and what a hundred draws may be off


def test_what_is_planted_is_found():
    facts = make_market(3, customers=1500, growing=2.0, leaving=0.4, rich=2.0)
    compared = compare_segments(facts, seed=0, draws=DRAWS)
    assert verdict(compared, "industry", "health", "growth") == "higher"
    assert verdict(compared, "size", "large", "spend") == "higher"
    assert verdict(compared, "region", "W", "retained") == "lower"
    assert verdict(compared, "attitude: brand", "high_answers", "satisfaction") == "cannot_tell"


def test_numbers_are_means_shares_and_growth_by_hand():
    index = pd.RangeIndex(40)
    segment = pd.DataFrame({"region": ["N"] * 20 + ["S"] * 20}, index)
    measures = pd.DataFrame({"spend": [10.0, 20.0] * 10 + [50.0] * 20}, index)
    measures = measures.assign(now=measures["spend"], before=[10.0] * 20 + [100.0] * 20)
    measures = measures.assign(retained=[1.0, 1.0, 0.0, 0.0] * 10)
    compared = compare_segments(MarketFacts(segment, measures, ""), seed=0, draws=DRAWS)
    north = compared[compared["level"] == "N"].set_index("measure")
    assert north["estimate"].to_dict() == {"spend": 15.0, "growth": pytest.approx(0.5), "retained": 0.5}
    assert north["overall"].to_dict() == {
        "spend": 32.5,
        "growth": pytest.approx(1300 / 2200 - 1),
        "retained": 0.5,
    }
    assert north["verdict"].to_dict() == {"spend": "lower", "growth": "higher", "retained": "cannot_tell"}
    assert (north["low"] <= north["estimate"]).all()


def test_a_segment_of_few_makes_no_claim_and_stands_in_no_row():
    facts = make_market(2, customers=60)
    compared = compare_segments(facts, seed=0, draws=99)
    assert (compared["customers"] >= markets.FEWEST).all()
    assert SMALL_GROUPS not in set(compared["level"])
    none = MarketFacts(facts.segments.iloc[:, :0], facts.measures, "")
    assert len(compare_segments(none, seed=0, draws=9)) == 0
    assert len(markets.summarise_segments(none, facts.measures["spend"])) == 0


def test_the_order_of_customers_does_not_change_what_is_shown():
    facts = make_market(5, customers=200)
    turned = MarketFacts(facts.segments, facts.measures[::-1], facts.satisfaction)
    one, other = (compare_segments(each, seed=1, draws=99) for each in (facts, turned))
    pd.testing.assert_frame_equal(
        one.drop(columns=["p_adjusted", "verdict"]), other.drop(columns=["p_adjusted", "verdict"])
    )


def test_small_segments_and_what_one_customer_dominates_are_hidden():
    index = pd.RangeIndex(43)
    segment = pd.DataFrame({"region": ["N"] * 20 + ["S"] * 20 + ["W"] * 3}, index)
    measures = pd.DataFrame({"spend": [1e6] + [1.0] * 42, "now": 1.0, "before": 1.0}, index)
    facts = MarketFacts(segment, measures, "")
    hidden = markets.hide_segments(markets.summarise_segments(facts, measures["spend"]), at_least=5)
    by_level = hidden.set_index("level")
    assert by_level["customers"].isna()["W"]
    assert np.isnan(by_level.loc["N", "spend"])  # one of twenty spends nearly all
    shown = words.keep_shown(compare_segments(facts, seed=0, draws=99), hidden)
    assert "N" not in set(shown.loc[shown["measure"] == "spend", "level"])
    crossed = markets.cross_tiers(
        facts, pd.Series(["top"] * 2 + ["rest"] * 41, index), ["top", "rest"], at_least=5
    )
    assert crossed.set_index("level")["top"].isna()["N"]


# Which are attractive


def compared_with(**verdicts: str) -> pd.DataFrame:
    rows = [
        {
            "attribute": "industry",
            "level": "health",
            "measure": measure,
            "customers": 30,
            "estimate": 1.0,
            "verdict": said,
        }
        for measure, said in verdicts.items()
    ]
    return pd.DataFrame(rows)


def market(outlook: float, day: str = "2025-06-01", **more: object) -> Market:
    given = {
        "industry": "health",
        "outlook": outlook,
        "source": "head of sales",
        "day": day,
        "because": "x",
    } | more
    return Market.model_validate_json(json.dumps(given), strict=True)


@pytest.mark.parametrize(
    ("verdicts", "judged", "potential", "position", "attention"),
    [
        ({"growth": "higher", "spend": "higher"}, [], "higher", "strong", "invest"),
        ({"growth": "higher", "retained": "lower"}, [], "higher", "weak", "repair"),
        ({"growth": "higher", "spend": "cannot_tell"}, [], "higher", "cannot_tell", "develop"),
        ({"growth": "lower", "spend": "higher"}, [], "lower", "strong", "hold"),
        ({"growth": "lower", "spend": "lower"}, [], "lower", "weak", "select"),
        (
            {"growth": "cannot_tell", "spend": "higher", "satisfaction": "lower"},
            [],
            "cannot_tell",
            "mixed",
            "look_into",
        ),
        ({"growth": "cannot_tell", "spend": "cannot_tell"}, [], "cannot_tell", "cannot_tell", "cannot_tell"),
        ({"growth": "cannot_tell", "spend": "higher"}, [80], "judged_higher", "strong", "invest"),
        ({"growth": "cannot_tell", "spend": "higher"}, [50], "cannot_tell", "strong", "hold"),
        ({"growth": "cannot_tell", "spend": "cannot_tell"}, [30], "judged_lower", "cannot_tell", "watch"),
        ({"growth": "higher", "spend": "higher"}, [30], "disputed", "strong", "hold"),
        ({"spend": "lower"}, [90], "judged_higher", "weak", "repair"),
    ],
)
def test_attention_follows_from_potential_and_position(verdicts, judged, potential, position, attention):
    rated = rate_segments(compared_with(**verdicts), tuple(map(market, judged)), as_of=DAY)
    (row,) = rated.to_dict("records")
    assert (row["potential"], row["position"], row["attention"]) == (potential, position, attention)
    assert add_attention(compared_with(**verdicts), rated)["attention"].to_list() == [attention] * len(
        verdicts
    )


def test_an_outlook_is_dated_and_counts_from_its_day_on():
    seen = compared_with(growth="cannot_tell")
    rated = rate_segments(seen, (market(80, "2026-02-01"),), as_of=DAY)
    assert rated["outlook"].isna().all()
    rated = rate_segments(seen, (market(80, "2024-02-01", competition=70),), as_of=DAY)
    assert rated[["outlook", "competition"]].to_numpy().tolist() == [[80.0, 70.0]]
    assert "judged more than a year ago" in words.caption_attention(rated, pd.Timestamp(DAY))
    assert (
        rate_segments(seen, read_policy("policies/manufacturer.yaml").markets, as_of=DAY)["outlook"]
        .isna()
        .all()
    )
    ours = read_policy("policies/manufacturer.yaml").markets[0]
    assert ours.segment == ("industry", "automotive")
    found = rate_segments(seen.assign(level="automotive"), (ours,), as_of=DAY)
    assert found["attention"].to_list() == ["develop"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"outlook": 50}, "name one of industry, size, region"),
        ({"industry": "a", "region": "b"}, "name one of industry, size, region"),
        ({"industry": "a", "outlook": 500}, "100"),
        ({"industry": "a", "twice": True}, "'a' is judged on line"),
        ({"industry": "a", "source": ""}, "source"),
    ],
)
def test_an_outlook_names_one_market_once_and_who_judged_it(given, told):
    full = {"outlook": 50, "source": "head of sales", "day": "2025-01-01", "because": "x"} | given
    listed = [full, full] if full.pop("twice", False) else [full]
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", json.dumps({"markets": listed}))
    assert told in str(caught.value)


def test_no_outlook_is_of_what_is_protected():
    given = [{"region": "a", "outlook": 50, "source": "x", "day": "2025-01-01", "because": "x"}]
    protected = [*read_policy("policy.yaml").fairness.protected, "region"]
    with pytest.raises(PolicyError) as caught:
        read_policy("policy.yaml", json.dumps({"markets": given, "fairness.protected": protected}))
    assert "'region' is named by `fairness.protected`" in str(caught.value)


# On the sample, and sentences


def test_on_the_sample_companies_spend_more_and_who_dislikes_the_brand_less():
    found = tables.read(ROOT / "data" / "sample" / "golden", "markets")
    assert verdict(found, "subject_type", "company", "spend") == "higher"
    assert verdict(found, "subject_type", "company", "gap_days") == "lower"
    assert verdict(found, "attitude: brand", "low_answers", "spend") == "lower"
    planted = {"subject_type", "attitude: brand"}  # regions, industries, sizes and ages are drawn alike
    assert set(found.loc[found["verdict"] != "cannot_tell", "attribute"]) <= planted
    assert {"company_age", "industry", "size", "region"} <= set(found["attribute"])


def test_the_takeaway_names_segments_that_differ_and_that_of_others_nothing_can_be_told():
    facts = make_market(3, customers=1500, growing=2.0, leaving=0.4, rich=2.0)
    compared = compare_segments(facts, seed=0, draws=DRAWS)
    rated = rate_segments(compared, (), as_of=DAY)
    said = words.describe_markets(compared, rated, "").markdown
    assert "segments differ from the others" in said
    assert "customers of health (industry) spend more" in said
    assert "grow more (+" in said
    assert "nothing can be told beyond chance" in said
    alike = compared.assign(verdict="cannot_tell")
    quiet = words.describe_markets(alike, rate_segments(alike, (), as_of=DAY), "").markdown
    assert quiet.startswith("**No segment deserves other attention than the rest**")
    assert words.describe_markets(compared, rated, "Not available.").markdown == "Not available."
    assert "No segment has enough customers" in words.describe_markets(compared, rated.iloc[:0], "").markdown


def test_a_name_of_the_data_cannot_mark_up_the_takeaway():
    facts = make_market(3, customers=1500, rich=2.0)
    hostile = MarketFacts(facts.segments.replace({"large": "<b>{x}</b>"}), facts.measures, "")
    compared = compare_segments(hostile, seed=0, draws=DRAWS)
    said = words.describe_markets(compared, rate_segments(compared, (), as_of=DAY), "").markdown
    assert "<b>" not in said


def test_captions_and_pictures_claim_only_what_is_beyond_chance():
    facts = make_market(3, customers=1500, growing=2.0, rich=2.0)
    compared = compare_segments(facts, seed=0, draws=DRAWS)
    spend = words.label_segments(compared[compared["measure"] == "spend"])
    assert "size: large higher (" in words.describe_spend(spend, "EUR", "")
    assert "No segment differs" in words.describe_spend(spend.assign(verdict="cannot_tell"), "EUR", "")
    growth = words.label_segments(compared[compared["measure"] == "growth"])
    assert "industry: health higher (+" in words.describe_growth(growth, years=True, why="")
    assert "shorter than two years" in words.describe_growth(growth.iloc[:0], years=False, why="")
    assert words.describe_growth(growth, years=True, why="Not available.") == "Not available."
    axes = draw_segments(growth, "growth", "", share=True)
    assert len(axes.get_yticklabels()) == len(growth)
    assert "Satisfaction: nps, 0 to 10" in words.caption_stays("nps")
    assert set(words.write_stays(compared)["verdict"]) <= {"higher", "lower", "cannot tell"}
    rated = rate_segments(compared, (), as_of=DAY)
    assert "nobody has judged an outlook" in words.caption_attention(rated, pd.Timestamp(DAY))
    shown = words.write_attention(rated)
    assert len(shown) == (rated["attention"] != "cannot_tell").sum()
    assert words.explain_no_attention(rated, "").startswith("No segment differs")
    assert words.explain_no_stays().startswith("Too few customers")


def test_every_verdict_has_its_words():
    from crcm_lib.decisions.target_markets import ATTENTION, POTENTIALS

    assert all(words.name_attention(each) for each in set(ATTENTION.values()))
    assert all(words.name_potential(each) for each in POTENTIALS)
    named = [words.name_attribute(each) for each in (*markets.OWN, "company_age", "attitude: brand")]
    assert named == ["business type", "industry", "size", "region", "company age", "answer to brand"]
    assert [words.name_level(each) for each in markets.WIDER] == ["under 10 years", "10 years and over"]
    assert all(words.name_level(each) != each for each in (*markets.AGE_BANDS, *markets.ANSWERS))
