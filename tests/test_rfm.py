"""RFM scores and segments: a published example, ties, kept cut points, and every combination of scores."""

import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from crcm_lib.config.bands import Band, Segment
from crcm_lib.config.policy import read_policy
from crcm_lib.errors import DataError, PolicyError
from crcm_lib.models.rfm import (
    NOT_YET,
    RFMScorer,
    SegmentMoves,
    count_moves,
    judge_moves,
    name_segments,
    segment_customers,
    tabulate_cuts,
)
from crcm_lib.reporting.text.rfm_segments import (
    describe_cells,
    describe_movement,
    describe_moves,
    describe_scores,
    describe_segments,
)

# README of the R package rfm (Hebbali, CRAN): its first ten customers, and the thresholds of its help page.
# There a value that reaches a threshold has passed it; here it must lie beyond, hence the halves.
PUBLISHED = [
    (205, 6, 472, "343"),
    (140, 3, 340, "412"),
    (194, 4, 405, "323"),
    (132, 5, 448, "433"),
    (90, 9, 843, "555"),
    (84, 9, 763, "555"),
    (281, 8, 699, "355"),
    (246, 4, 157, "321"),
    (349, 3, 363, "212"),
    (619, 4, 196, "121"),
]
THRESHOLDS = {
    "days_since_last": [114.5, 180.5, 296.5, 481.5],
    "purchases": [3.5, 4.5, 5.5, 7.5],
    "spend_total": [255.5, 381.5, 505.5, 665.5],
}


@pytest.fixture
def five_customers():
    """Five customers, each better than the one before in every respect."""
    return pd.DataFrame(
        {
            "days_since_last": [50, 40, 30, 20, 10],
            "purchases": [1, 2, 3, 4, 5],
            "spend_total": [10.0, 20.0, 30.0, 40.0, 50.0],
        },
        index=pd.Index(list("abcde"), name="customer_id"),
    )


@pytest.fixture
def many_customers():
    generator = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "days_since_last": generator.integers(0, 300, 1000),
            "purchases": generator.geometric(0.5, 1000),  # half of them tie at 1
            "spend_total": generator.gamma(2, 50, 1000).round(2),
        },
        index=pd.Index([f"c{n:04}" for n in range(1000)], name="customer_id"),
    )


@pytest.fixture(scope="module")
def segments():
    return read_policy("policy.yaml").rfm.segments


def combinations(n=5):
    names = ["recency_score", "frequency_score", "monetary_score", "absence", "first_bought_lately"]
    scores = [range(1, n + 1)] * 3
    return pd.DataFrame(list(product(*scores, range(3), range(2))), columns=names)


def test_scores_equal_the_published_ones_of_the_r_package_rfm():
    customers = pd.DataFrame(PUBLISHED, columns=["days_since_last", "purchases", "spend_total", "score"])
    scores = RFMScorer(cuts=THRESHOLDS).fit_transform(customers)
    assert scores.astype(str).agg("".join, axis=1).to_list() == customers["score"].to_list()


def test_better_customers_score_higher_on_every_axis(five_customers):
    scores = RFMScorer(n_bins=5).fit_transform(five_customers)
    assert scores.columns.to_list() == ["recency_score", "frequency_score", "monetary_score"]
    for column in scores:
        assert scores[column].to_list() == [1, 2, 3, 4, 5], column


def test_customers_who_tie_get_the_same_score(five_customers):
    tied = five_customers.assign(purchases=1)
    assert RFMScorer().fit_transform(tied)["frequency_score"].to_list() == [1] * 5


def test_equal_values_get_equal_scores_and_better_ones_never_worse(many_customers):
    scores = RFMScorer().fit_transform(many_customers)
    assert scores.groupby(many_customers["purchases"])["frequency_score"].nunique().max() == 1
    assert scores.groupby(many_customers["purchases"])["frequency_score"].first().is_monotonic_increasing
    assert scores.groupby(many_customers["days_since_last"])["recency_score"].first().is_monotonic_decreasing


def test_shuffled_rows_change_nothing(many_customers):
    shuffled = many_customers.sample(frac=1, random_state=1)
    one, other = RFMScorer().fit(many_customers), RFMScorer().fit(shuffled)
    assert one.cuts_ == other.cuts_
    pd.testing.assert_frame_equal(one.transform(many_customers), other.transform(shuffled).sort_index())


def test_next_month_is_scored_with_this_months_cut_points(five_customers):
    scorer = RFMScorer().fit(five_customers)
    best = five_customers.loc[["e"]]
    pd.testing.assert_frame_equal(scorer.transform(best), scorer.transform(five_customers).loc[["e"]])
    beyond = five_customers.assign(spend_total=five_customers["spend_total"] * 100)
    assert scorer.transform(beyond)["monetary_score"].to_list() == [5] * 5


def test_the_cut_points_survive_json(many_customers):
    scorer = RFMScorer(n_bins=4, cuts={"spend_total": (50, 100.5)}).fit(many_customers)
    again = RFMScorer.from_json(scorer.to_json())
    pd.testing.assert_frame_equal(again.transform(many_customers), scorer.transform(many_customers))
    assert again.n_bins == 4


def test_given_cuts_are_used_and_the_others_learned(five_customers):
    scorer = RFMScorer(cuts={"purchases": [4]}).fit(five_customers)
    assert scorer.transform(five_customers)["frequency_score"].to_list() == [1, 1, 1, 1, 2]
    assert scorer.cuts_["spend_total"] == pytest.approx([18, 26, 34, 42])
    assert tabulate_cuts(scorer).loc["purchases"].to_list()[:2] == [True, 4]


def test_it_is_an_estimator(five_customers):
    scorer = RFMScorer(n_bins=3)
    assert scorer.get_params() == {"n_bins": 3, "cuts": None}
    assert clone(scorer).fit(five_customers) is not scorer
    assert scorer.fit(five_customers) is scorer
    with pytest.raises(NotFittedError):
        RFMScorer().transform(five_customers)


def test_fit_leaves_the_input_alone(five_customers):
    before = five_customers.copy()
    clone(RFMScorer()).fit_transform(five_customers)
    pd.testing.assert_frame_equal(five_customers, before)


def test_wrong_settings_are_all_named(five_customers):
    wrong = RFMScorer(n_bins=1, cuts={"purchase": [1], "spend_total": [5, 5]})
    with pytest.raises(
        ValueError, match=r"(?s)3 problem.*n_bins must be at least 2, got 1.*'purchases'.*increasing"
    ):
        wrong.fit(five_customers)


def test_prospects_cannot_be_scored(five_customers):
    with pytest.raises(DataError, match="days_since_last: empty for 1 of 5; score buyers only"):
        RFMScorer().fit(five_customers.assign(days_since_last=[np.nan, 1, 2, 3, 4]))
    with pytest.raises(DataError, match="purchases: missing"):
        RFMScorer().fit(five_customers.drop(columns="purchases"))


def test_nobody_is_no_reason_to_stop(five_customers):
    assert RFMScorer().fit_transform(five_customers.head(0)).empty


def test_every_combination_of_scores_has_exactly_one_segment(segments):
    """All 750, absences too: the first rule that holds wins; checked against the rules read one by one."""
    every = combinations()
    named = name_segments(every, segments)
    assert named.notna().all()
    assert len(every) == 750
    for place, scores in every.iterrows():
        holding = [
            s.name for s in segments if all(b.at_least <= scores[c] < b.below for c, b in s.when.items())
        ]
        assert named[place] == holding[0], scores.to_dict()


def test_no_segment_is_empty_by_construction(segments):
    named = name_segments(combinations(), segments)
    assert set(named) == {segment.name for segment in segments}


def test_only_an_absence_in_days_makes_a_name_of_leaving(segments):
    """Some fifth is always the least recent: by scores alone somebody would be lost in every company."""
    named = combinations().assign(segment=name_segments(combinations(), segments))
    leaving = {"cannot lose", "lost", "at risk", "about to sleep"}
    assert set(named.loc[named["absence"] == 0, "segment"]) & leaving == set()
    assert set(named.loc[named["absence"] > 0, "segment"]) == leaving
    assert (named.loc[named["segment"] == "lost", "absence"] == 2).all()


def test_segments_mean_what_they_say(segments):
    named = combinations().assign(segment=name_segments(combinations(), segments))
    assert (named.loc[named["segment"] == "new", "first_bought_lately"] == 1).all()
    lowest, highest = (getattr(named.groupby("segment"), end)() for end in ("min", "max"))
    assert (lowest.loc["champions", ["recency_score", "frequency_score", "monetary_score"]] == 4).all()
    assert highest.loc["infrequent", ["recency_score", "frequency_score"]].to_list() == [2, 3]
    assert lowest.loc["loyal", "frequency_score"] == lowest.loc["cannot lose", "frequency_score"] == 4


def test_reasons_say_only_what_was_measured(segments):
    reasons = " ".join(segment.because for segment in segments)
    assert not re.search(r"cooling|long ago|for long\b|lately,|seldom", reasons)


def test_each_day_is_cut_by_itself(five_customers):
    """Twice the purchases and the spend of everybody: nobody's segment changes, as only standings count."""
    rules = read_policy("policy.yaml").rfm
    nothing = pd.DataFrame(0, index=five_customers.index, columns=["absence", "first_bought_lately"])
    doubled = five_customers.assign(**five_customers[["purchases", "spend_total"]] * 2)
    one, other = (segment_customers(each, nothing, rules) for each in (five_customers, doubled))
    assert one.equals(other)
    assert (one["e"], one["a"]) == ("champions", "infrequent")


def test_rules_that_leave_somebody_out_are_refused():
    recent = Segment(name="recent", when={"recency_score": Band(at_least=4)}, because="came lately")
    with pytest.raises(PolicyError, match="recent: the last segment has a `when`"):
        name_segments(combinations(), [recent])


def test_all_problems_of_the_rules_are_named_at_once():
    rules = [
        Segment(name="all", because="everyone"),
        Segment(name="b", when={"recencyscore": Band(at_least=4)}, because="?"),
        Segment(name="b", because="rest"),
    ]
    with pytest.raises(
        PolicyError, match=r"(?s)3 problem.*Did you mean 'recency_score'.*never reached.*b: named twice"
    ):
        name_segments(combinations(), rules)


def test_moves_count_everybody_once():
    now = pd.Series(["loyal", "lost", "lost", "new"], index=list("abcd"), name="segment")
    before = pd.Series(["loyal", "loyal", "lost"], index=list("abc"), name="segment")
    moves = count_moves(now, before, ["loyal", "new", "lost"])
    assert moves.loc["loyal"].to_list() == [1, 0, 1]
    assert moves.loc[NOT_YET].to_list() == [0, 1, 0]
    assert moves.to_numpy().sum() == 4


def test_moves_are_judged_beside_their_copies():
    random = np.random.default_rng(0)
    chance = random.random((800, 6)) < 0.4
    assert judge_moves(chance.astype(float), days_before=28).verdict == "as_by_chance"
    for share, verdict in ((0.5, "more"), (0.3, "as_by_chance")):
        chance[:, 0] = random.random(800) < share
        assert judge_moves(chance.astype(float), days_before=28).verdict == verdict
    assert judge_moves(chance[:29].astype(float), days_before=28).verdict == "cannot_tell"


def test_of_movement_since_a_day_with_too_little_history_nothing_is_said():
    moved = np.ones((95, 6))
    short = judge_moves(moved, days_before=27)
    assert short.verdict == "short_history"
    assert np.isnan([short.moved, short.by_chance]).all()
    day = pd.Timestamp("2024-01-12")
    told = "Who changed segment cannot be told: fewer than 28 days are known before 2024-01-12."
    assert describe_movement(short, day) == told
    assert "cannot be told" not in describe_movement(judge_moves(moved, days_before=28), day)
    by_segment = pd.DataFrame({"customers": [40, 60], "spend_total": [900.0, 100.0]}, index=["loyal", "lost"])
    assert describe_segments(by_segment, short, day, history_days=23).markdown.endswith(told)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("more", "changed segment: more than the 50.0% that chance alone would move."),
        ("as_by_chance", "changed segment, not clearly more than chance alone would move (50.0%)."),
        ("cannot_tell", "changed segment; there are too few to tell that from chance."),
    ],
)
def test_the_takeaway_holds_movement_against_chance_and_says_nothing_of_few(verdict, said):
    by_segment = pd.DataFrame({"customers": [40, 60], "spend_total": [900.0, 100.0]}, index=["loyal", "lost"])
    day, movement = pd.Timestamp("2024-01-31"), SegmentMoves(100, 0.55, 0.5, verdict)
    told = describe_segments(by_segment, movement, day, history_days=90).markdown
    assert told == (
        "**loyal** bring 90.0% of spend and are 40.0% of buyers. "
        f"Since 2024-01-31, 55.0% of 100 buyers of that day {said}"
    )
    few = SegmentMoves(100, 0.04, 0.5, verdict)
    assert "Since" not in describe_segments(by_segment, few, day, history_days=90).markdown
    assert (
        "Too few"
        in describe_segments(by_segment.assign(customers=[4, 60]), movement, day, history_days=90).markdown
    )


def test_a_history_of_one_day_has_no_segments_to_speak_of():
    everyone_lost = pd.DataFrame({"customers": [0, 40], "spend_total": [0.0, 900.0]}, index=["loyal", "lost"])
    movement, day = SegmentMoves(0, 0.0, 0.0, "cannot_tell"), pd.Timestamp("2024-03-01")
    told = describe_segments(everyone_lost, movement, day, history_days=1).markdown
    assert told == "All purchases are of one day: who is recent, or frequent, cannot be told yet."
    later = describe_segments(everyone_lost, movement, day, history_days=2).markdown
    assert later.startswith("**lost** bring 100.0% of spend")


def test_words_of_pictures_hide_what_is_hidden():
    cells = pd.DataFrame({1: [7.0, 40.0], 2: [30.0, np.nan]}, index=[2, 1])
    assert describe_cells(cells).endswith("best on both 30, worst on both 40.")
    assert describe_cells(cells.iloc[::-1]).endswith("best on both hidden, worst on both 7.")
    by_score = pd.DataFrame({1: [12, pd.NA], 2: [1234, 9]}, index=["recency", "monetary"], dtype="Int64")
    assert (
        describe_scores(by_score)
        == "Bars, buyers by score. recency: 1: 12, 2: 1,234; monetary: 1: hidden, 2: 9."
    )


def test_words_of_moves_count_nobody_out():
    moves = pd.DataFrame({"loyal": [30, 9, 0], "lost": [12, 50, 8]}, index=["loyal", "lost", NOT_YET])
    assert describe_moves(moves).endswith("2 segments: of 101 customers then, 80 are in the same.")
    moves.loc["loyal", "lost"] = 2
    moves.loc["lost", "loyal"] = 1  # three have moved
    assert describe_moves(moves) == "Map of moves between 2 segments."
    assert describe_moves(moves * 0 + 1) == "Map of moves between 2 segments."
