"""What texts are about: keywords in two languages, shares that change, words that go together."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from crcm_lib.config.policy import read_policy
from crcm_lib.config.service_policy import Improvement, Topic
from crcm_lib.errors import PolicyError
from crcm_lib.features.feedback_texts import list_texts
from crcm_lib.models import satisfaction as service
from crcm_lib.models.satisfaction import further_topics
from crcm_lib.reporting.text import service_feedback as text
from crcm_lib.samples import defects, feedback
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import find_problems

AS_OF = "2024-06-30"
DAY = pd.Timestamp(AS_OF)
TOPICS = read_policy("policy.yaml").topics


def written(*texts, customers=None, days=None):
    count = len(texts)
    who = [f"c{n}" for n in range(count)] if customers is None else customers
    time = [DAY - pd.Timedelta(days=int(day)) for day in (np.zeros(count) if days is None else days)]
    return pd.DataFrame({"customer_id": who, "time": time, "source": "tickets", "text": list(texts)})


def topics_of(one, topics=TOPICS):
    return service.find_topics(written(one), topics)["topic"].dropna().to_list()


@pytest.mark.parametrize(
    ("one", "topics"),
    [
        ("The DELIVERY came late", ["delivery"]),
        ("It was delivered", ["delivery"]),
        ("物流太慢，发货延误", ["delivery"]),
        ("ＡＰＰ 打不开", ["online shop"]),
        ("app打不开", ["online shop"]),
        ("What happened to my order?", []),  # app is no word of it
        ("The plate", []),  # nor late of this
        ("价格和报价不一致，发票也错了", ["billing", "price"]),
        ("No delay, thank you", ["delivery"]),  # negations are not read
        ("", []),
    ],
)
def test_keywords_are_whole_words_in_latin_letters_and_found_anywhere_in_chinese(one, topics):
    assert topics_of(one) == topics


def test_where_keywords_overlap_the_longest_counts():
    topics = [
        Topic(name="money", words=("bill", "退款")),
        Topic(name="people", words=("bill the driver", "退款专员")),
    ]
    assert topics_of("Bill the  driver", topics) == ["people"]
    assert topics_of("退款专员很好", topics) == ["people"]
    assert topics_of("Bill the driver and the bill", topics) == ["money", "people"]
    assert topics_of("a bill", []) == []


@pytest.mark.parametrize("path", ["policies/retail.yaml", "policies/b2b.yaml"])
def test_presets_name_the_same_topics(path):
    assert read_policy(path).topics == TOPICS


@pytest.mark.parametrize(
    ("topics", "words"),
    [
        ([{"name": "a", "words": ["late"]}, {"name": "b", "words": ["Late"]}], "of the topic 'a' already"),
        ([{"name": "a", "words": ["late"]}, {"name": "a", "words": ["early"]}], "is there already"),
        ([{"name": "a", "words": []}], "at least 1"),
        ([{"name": "a", "word": ["late"]}], "words"),
    ],
)
def test_what_does_not_fit_in_the_policy_is_said(topics, words):
    with pytest.raises(PolicyError, match=words):
        read_policy("policy.yaml", json.dumps({"topics": topics}))


def test_texts_of_tickets_and_surveys_are_read_until_the_day():
    tickets = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "opened": pd.to_datetime([AS_OF, AS_OF, "2024-07-01"])}
    )
    surveys = pd.DataFrame({"customer_id": ["a"], "time": [DAY - pd.Timedelta(days=1)], "text": ["late"]})
    engine = open_frames(tickets=tickets.assign(text=["price", "", "late"]), surveys=surveys)
    found = list_texts(engine, as_of=AS_OF)
    assert found[["customer_id", "source"]].to_numpy().tolist() == [["a", "surveys"], ["a", "tickets"]]
    assert list_texts(open_frames(tickets=tickets), as_of=AS_OF).empty


def test_counts_add_up_and_texts_of_no_topic_come_last():
    mentions = service.find_topics(written("late price", "late", "ok", customers=["a", "a", "b"]), TOPICS)
    counts = service.count_topics(mentions)
    assert counts["topic"].fillna("none").to_list() == ["delivery", "price", "none"]
    assert counts[["texts", "customers"]].to_numpy().tolist() == [[2, 1], [1, 1], [1, 1]]
    assert counts["share"].to_list() == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    table = service.summarise_topics(mentions)
    assert find_problems(table, RESULTS["feedback_topics"]) == []
    assert table[["topic", "texts"]].to_numpy().tolist() == [["delivery", 2], ["price", 1]]
    none = service.find_topics(written().astype({"time": "datetime64[ns]"}), TOPICS)
    assert service.count_topics(none).empty
    assert find_problems(service.summarise_topics(none), RESULTS["feedback_topics"]) == []
    assert service.share_by_quarter(none, as_of=AS_OF).empty
    assert service.compare_periods(none, as_of=AS_OF).empty


def test_shares_by_quarter_are_of_quarters_that_are_over():
    mentions = service.find_topics(
        written("late", "ok", "late", "late", customers=list("abca"), days=[0, 1, 100, 100]), TOPICS
    )
    found = service.share_by_quarter(mentions, as_of=AS_OF)
    assert found["share"].to_list() == [1.0, 0.5]
    assert found["customers"].to_list() == [2, 1]
    assert len(service.share_by_quarter(mentions, as_of="2024-06-29")) == 1


def test_the_difference_of_two_periods_worked_by_hand():
    """Two in ten, then six in ten, each text of another customer: variance 20/19 · (.016 + .024)."""
    before, now = ["late"] * 2 + ["ok"] * 8, ["late"] * 6 + ["ok"] * 4
    mentions = service.find_topics(written(*before, *now, days=[180] * 10 + [179] * 10), TOPICS)
    assert service.compare_periods(mentions, as_of=AS_OF).empty  # eight customers mentioned it
    more = written(*before * 2, *now * 2, days=[180] * 20 + [179] * 20)
    (found,) = service.compare_periods(service.find_topics(more, TOPICS), as_of=AS_OF).to_dict("records")
    error = (40 / 39 * (0.16 / 20 + 0.24 / 20)) ** 0.5
    assert (found["share_before"], found["share_now"]) == pytest.approx((0.2, 0.6))
    assert found["low"] == pytest.approx(0.4 - 1.959964 * error)
    assert found["verdict"] == "rises"
    longer_ago = written(*["late"] * 30, days=[365] * 30)
    with_them = service.find_topics(pd.concat([more, longer_ago], ignore_index=True), TOPICS)
    assert service.compare_periods(with_them, as_of=AS_OF).to_dict("records") == [found]
    older = more.assign(time=more["time"] - pd.Timedelta(days=400))
    assert service.compare_periods(service.find_topics(older, TOPICS), as_of=AS_OF).empty


def draw_periods(seed, rise):
    """Customers who write one to four times, each about things of their own; delivery rises by so much."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(90), rng.integers(1, 5, 90))
    days = rng.integers(0, 360, len(who))
    own = rng.beta(0.8, 3, (90, 3))[who] + rise * (days < 180)[:, None] * [1, 0, 0]
    said = rng.random((len(who), 3)) < own
    texts = [" ".join(np.array(["late", "price", "invoice"])[row]) or "ok" for row in said]
    mentions = service.find_topics(written(*texts, customers=[f"c{n}" for n in who], days=days), TOPICS)
    return service.compare_periods(mentions, as_of=AS_OF).set_index("topic")["verdict"]


def test_where_no_topic_changes_it_is_seldom_said_that_one_does():
    alarms = sum(draw_periods(seed, 0.0).isin(["rises", "falls"]).any() for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_a_topic_that_rises_is_found():
    found = [draw_periods(seed, 0.3) for seed in range(15)]
    assert np.mean([verdict["delivery"] == "rises" for verdict in found]) > 0.9


# Words that go together

ENGLISH = ("forest", "parking", "queue", "music", "lights", "coffee", "towels", "carpet", "window", "garden")
CHINESE = ("停车", "排队", "灯光", "咖啡", "培训", "目录", "颜色", "周末", "花园", "地毯")


def draw_words(seed, share):
    """Everybody uses words of their own number at random; `share` of them also three words together."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(120):
        vocabulary, glue = (ENGLISH, " ") if number % 2 else (CHINESE, "，")
        words = list(rng.choice(vocabulary, min(1 + rng.poisson(2), 9), replace=False))
        if rng.random() < share:
            words += ["plastic", "waste", "wrapping"] if number % 2 else ["塑料", "环保", "浪费"]
        texts.append(glue.join(words))
    return further_topics.find_further_topics(written(*texts), seed=seed)


def test_words_that_go_together_are_a_topic_in_either_language():
    found = draw_words(3, 0.35).topics
    words = [set(each.split(", ")) for each in found["words"]]
    assert {"plastic", "waste", "wrapping"} in words
    assert {"塑料", "环保", "浪费"} in words
    assert (found["customers"] >= 5).all()
    pd.testing.assert_frame_equal(found, draw_words(3, 0.35).topics)  # the same again


@pytest.mark.slow
def test_where_words_are_used_at_random_a_topic_is_seldom_told():
    alarms = sum(len(draw_words(seed, 0.0).topics) > 0 for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_words_used_at_random_are_no_topic():
    found = draw_words(1, 0.0)
    assert found.topics.empty
    assert text.caption_further(found, at_least=5).startswith(
        "No further topic can be told: in the texts of 120"
    )


def test_a_word_of_few_customers_is_never_shown_and_one_that_identifies_is_not_read():
    few = ["plastic waste Xu Meiling"] * 4 + ["plastic waste"] * 20 + ["coffee garden"] * 20 + ["carpet"] * 20
    found = further_topics.find_further_topics(written(*few))
    read = further_topics.tabulate_words([further_topics.list_words(one) for one in few], at_least=5)
    assert "meiling" not in read
    assert "plastic" in read
    shown = ", ".join(found.topics["words"])
    assert "plastic" in shown
    assert "meiling" not in shown
    often = [f"{hostile} plastic waste" for hostile in defects.HOSTILE_TEXTS for _customer in range(20)]
    words = set().union(*(further_topics.list_words(one) for one in often))
    assert not {"buyer", "example", "img", "onerror", "alert", "hyperlink"} & words
    assert further_topics.find_further_topics(written()).topics.empty


def test_halves_of_two_chinese_words_are_no_word():
    phrases = ["塑料包装太多"] * 6 + ["减少塑料包装"] * 6 + ["包装破了"] * 6 + ["停车"] * 12
    used = [further_topics.list_words(one) for one in phrases]
    words = set(further_topics.tabulate_words(used, at_least=5))
    assert {"塑料", "包装", "停车"} <= words
    assert not {"料包", "装太"} & words
    assert further_topics.tabulate_words([], at_least=5).empty


# Before and after a measure


def improved(seed, change, name="new courier"):
    """Texts of 200 days around a measure about delivery, whose share changes by so much."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(110), rng.integers(1, 4, 110))
    days = rng.integers(0, 200, len(who))
    chance = rng.beta(2, 4, 110)[who] + change * (days < 100)
    texts = ["late" if said else "ok" for said in rng.random(len(who)) < chance]
    mentions = service.find_topics(written(*texts, customers=[f"c{n}" for n in who], days=days), TOPICS)
    measure = Improvement(
        name=name, topic="delivery", day=DAY - pd.Timedelta(days=99), owner_role="head of logistics"
    )
    return service.evaluate_improvements(mentions, [measure], as_of=AS_OF)


def test_where_nothing_changed_after_a_measure_it_is_seldom_said_that_something_did():
    alarms = sum(improved(seed, 0.0)["verdict"].ne("cannot_tell").any() for seed in range(100))
    assert alarms <= binom.ppf(0.99, 100, 0.05)


def test_a_topic_that_is_written_about_less_after_a_measure_is_found():
    found = pd.concat([improved(seed, -0.25) for seed in range(15)])
    assert (found["verdict"] == "less").mean() > 0.8
    assert found["difference"].mean() == pytest.approx(-0.2, abs=0.06)  # some had no chance to fall so far
    assert set(found["days"]) == {100}
    assert improved(0, 0.4)["verdict"].to_list() == ["more"]


def test_a_measure_of_late_and_one_to_come_are_not_judged():
    mentions = service.find_topics(written(*["late"] * 40, days=range(40)), TOPICS)
    measures = [
        Improvement(name=f"{n}", topic="delivery", day=DAY - pd.Timedelta(days=n), owner_role="logistics")
        for n in (-1, 20, 30)
    ]
    found = service.evaluate_improvements(mentions, measures, as_of=AS_OF)
    assert found.set_index("name")["verdict"].to_dict() == {"20": "too_early", "30": "too_few"}
    assert set(found["owner_role"]) == {"logistics"}
    written_words = text.write_improvements(found, TOPICS)
    assert written_words["verdict"].to_list() == ["too early", "too few customers"]
    more = text.write_improvements(found.assign(verdict=["more", "less"]), TOPICS)
    assert more["verdict"].to_list() == ["more after it, beyond chance", "less after it, beyond chance"]
    assert service.evaluate_improvements(mentions, [], as_of=AS_OF).empty


def test_a_measure_about_an_unknown_topic_is_refused():
    change = {"improvements": [{"name": "x", "topic": "delivry", "day": "2026-01-01", "owner_role": "x"}]}
    with pytest.raises(PolicyError, match="Did you mean 'delivery'"):
        read_policy("policy.yaml", json.dumps(change))


# The company


@pytest.fixture(scope="module")
def people():
    count = 900
    first = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(count) % 200, unit="D")
    frame = pd.DataFrame({"customer_id": [f"K{n}" for n in range(count)], "purchases": 3, "first_day": first})
    left = pd.Series(pd.NaT, frame.index).mask(frame.index % 5 == 0, first + pd.Timedelta(days=300))
    until = pd.to_datetime(left).fillna(pd.Timestamp("2025-12-31"))
    return frame.assign(dropped_out=pd.to_datetime(left), days_with_us=(until - first).dt.days + 1)


def surveys_of(people, planted, seed=0):
    last = pd.Timestamp("2025-12-31")
    return feedback.draw_surveys(np.random.default_rng(seed), people, last, planted)


@pytest.mark.parametrize(
    ("planted", "verdict"), [(feedback.Planted(), "rises"), (feedback.SILENT, "cannot_tell")]
)
def test_the_planted_rise_of_the_online_shop_is_found_and_without_it_nothing_is(people, planted, verdict):
    surveys = surveys_of(people, planted)
    texts = surveys.dropna(subset="text").assign(source="surveys").reset_index(drop=True)
    mentions = service.find_topics(texts[["customer_id", "time", "source", "text"]], TOPICS)
    changes = service.compare_periods(mentions, as_of="2025-12-31").set_index("topic")["verdict"]
    assert changes["online shop"] == verdict
    assert (changes.drop("online shop") != "rises").all()


def test_the_planted_topic_of_no_keyword_is_found_in_both_languages(people):
    texts = surveys_of(people, feedback.Planted()).dropna(subset="text").reset_index(drop=True)
    texts = texts.assign(source="surveys")
    mentions = service.find_topics(texts, TOPICS)
    rest = texts.loc[mentions.index[mentions["topic"].isna()]]
    words = ", ".join(service.find_further_topics(rest).topics["words"])
    assert "plastic" in words
    assert "塑料" in words


# In words


def test_topics_have_their_chinese_name_beside_the_english_one():
    names = text.name_topics(pd.Series(["delivery", None]), TOPICS)
    assert names.to_list() == ["delivery 配送", "no keyword found"]


def test_what_is_said_of_changes_and_further_topics():
    row = {"topic": "delivery", "customers": 30, "share_before": 0.2, "share_now": 0.5, "p_value": 0.01}
    rows = pd.DataFrame([row | {"verdict": verdict} for verdict in ("rises", "falls", "cannot_tell")])
    words = text.write_changes(rows, TOPICS)["verdict"].to_list()
    assert words == ["rises, beyond chance", "falls, beyond chance", "cannot tell"]
    lines = pd.DataFrame({"topic": ["delivery"] * 2, "share": [0.2, 0.4]})
    assert "delivery 20.0% → 40.0%." in text.describe_quarters(lines, "")
    assert text.describe_quarters(lines.head(0), "") == "Too few texts."
    few = further_topics.FurtherTopics(pd.DataFrame(columns=["words", "customers"]), 4)
    assert text.caption_further(few, at_least=5) == "Fewer than 5 customers wrote a text without a keyword."
    some = further_topics.FurtherTopics(pd.DataFrame({"words": ["a, b"], "customers": [9]}), 40)
    assert text.caption_further(some, at_least=5).startswith("Words that customers use together")
