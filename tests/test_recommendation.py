"""What to offer next: by what is bought together, held against the most popular on days it had not seen."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.features.item_purchases import choose_kind, count_item_days
from crcm_lib.models import recommendation
from crcm_lib.models.recommendation.co_purchase import learn, recommend

AS_OF = "2026-06-30"


def engine_with(rows, columns=("customer_id", "category", "day")):
    frame = pd.DataFrame(rows, columns=list(columns)).assign(kind="sale")
    frame["day"] = pd.to_datetime(frame["day"]).dt.date
    engine = duckdb.connect()
    engine.register("given", frame)
    engine.execute("create table transactions as select * from given")
    return engine


def baskets(*customers, day="2026-01-01"):
    return [(f"c{n}", item, day) for n, items in enumerate(customers) for item in items]


def bought(*customers):
    return count_item_days(engine_with(baskets(*customers)), kind="category", until=AS_OF, at_least=1)


# What is bought together


def test_what_goes_with_what_they_have_is_offered_and_what_they_have_is_not():
    """Four bought a and b, four c and d: who bought a alone is offered b."""
    made = bought("ab", "ab", "ab", "ab", "cd", "cd", "cd", "cd", "a")
    offers = recommend(learn(made), made).set_index(["customer_id", "rank"])
    assert offers.loc[("c8", 1), ["item", "because_of"]].to_list() == ["b", "a"]
    assert offers.loc[("c8", 1), "also_bought_share"] == pytest.approx(4 / 5)
    owned = {(f"c{n}", item) for n, items in enumerate(["ab"] * 4 + ["cd"] * 4 + ["a"]) for item in items}
    assert not owned & set(zip(offers.index.get_level_values(0), offers["item"], strict=True))


def test_similarity_is_the_cosine_of_the_buyers_rows_adding_up_to_one():
    learned = learn(bought("ab", "ab", "a", "bc"))
    place = {item: n for n, item in enumerate(learned.items)}
    cosine_ab, cosine_bc = 2 / np.sqrt(3 * 3), 1 / np.sqrt(3 * 1)
    assert learned.together[place["a"], place["b"]] == 2
    assert learned.similarity[place["b"], place["a"]] == pytest.approx(cosine_ab / (cosine_ab + cosine_bc))
    assert learned.similarity[place["a"]].sum() == pytest.approx(1)
    assert not learned.similarity.diagonal().any()


def test_by_popularity_the_most_bought_come_first_and_equals_in_one_order():
    made = bought("ab", "ac", "ad", "bc", "e")
    offers = recommend(learn(made), made, by="popularity")
    assert offers[offers["customer_id"] == "c4"]["item"].to_list() == ["a", "b", "c"]


def test_who_has_everything_is_offered_nothing():
    made = bought("abc", "ab")
    offers = recommend(learn(made), made)
    assert offers["customer_id"].to_list() == ["c1"]


def test_an_item_of_few_buyers_is_never_offered():
    engine = engine_with(baskets("ab", "ab", "ab", "ab", "ab", "az", "a"))
    offers = recommendation.offer(engine, as_of=AS_OF, by="co_purchase", at_least=5)
    assert offers[["customer_id", "item", "kind"]].to_numpy().tolist() == [
        ["c5", "b", "category"],
        ["c6", "b", "category"],
    ]


def test_later_purchases_change_nothing():
    rows = baskets("ab", "ab", "ac", "bc", "a")
    later = [(f"c{n}", "z", "2026-07-01") for n in range(5)]
    first, second = (
        recommendation.offer(engine_with(each), as_of=AS_OF, by="co_purchase", at_least=1)
        for each in (rows, rows + later)
    )
    pd.testing.assert_frame_equal(first, second)


def test_the_order_of_the_rows_does_not_matter():
    rows = baskets("abd", "ab", "ac", "bcd", "ad", "d")
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    first, second = (
        recommendation.offer(engine_with(each), as_of=AS_OF, by="co_purchase", at_least=1)
        for each in (rows, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


def test_products_are_offered_where_there_are_too_few_categories():
    columns = ("customer_id", "category", "product_id", "day")
    few = engine_with([("a", "one", f"p{n}", "2026-01-01") for n in range(20)], columns)
    assert choose_kind(few) == "product"
    many = engine_with([("a", f"k{n}", f"p{n}", "2026-01-01") for n in range(20)], columns)
    assert choose_kind(many) == "category"
    nothing = engine_with([("a", "2026-01-01")], ("customer_id", "day"))
    assert choose_kind(nothing) == ""
    assert recommendation.offer(nothing, as_of=AS_OF, by="popularity").empty
    assert recommendation.judge_offers(nothing, as_of=AS_OF).verdict == "cannot_tell"


# Past offers


def company(random, together):
    """200 customers and 40 items, of which each likes a tenth: by itself, or ten that go together."""
    rows = []
    for customer in range(200):
        popular = random.gamma(1.0, size=40)
        liked = (
            np.arange(4) + 4 * random.integers(10)
            if together
            else random.choice(40, 4, False, popular / popular.sum())
        )
        for item in liked:
            first = pd.Timestamp("2025-12-01") + pd.Timedelta(days=int(random.integers(0, 210)))
            rows += [(f"c{customer}", f"i{item:02d}", first), (f"c{customer}", f"i{item:02d}", first)]
    return engine_with(rows)


@pytest.mark.slow
def test_where_nothing_goes_together_it_is_said_better_than_popularity_in_at_most_one_of_twenty():
    random = np.random.default_rng(7)
    verdicts = [recommendation.judge_offers(company(random, False), as_of=AS_OF).verdict for _n in range(60)]
    assert verdicts.count("better") <= 6  # of 60 at 5 %: more than 6 has probability 0.03


def test_where_items_go_together_this_is_found():
    random = np.random.default_rng(7)
    found = [recommendation.judge_offers(company(random, True), as_of=AS_OF) for _n in range(10)]
    assert sum(each.verdict == "better" for each in found) >= 8
    assert {each.choice for each in found if each.verdict == "better"} == {"co_purchase"}


def test_of_a_short_history_or_few_customers_nothing_is_told():
    rows = [(f"c{n}", item, "2026-05-01") for n in range(50) for item in "ab"]
    assert recommendation.judge_offers(engine_with(rows), as_of=AS_OF).customers == 0
    few = [(f"c{n}", "abcdefghijklm"[n + k], f"2026-0{1 + 4 * k}-10") for n in range(10) for k in (0, 1)]
    judged = recommendation.judge_offers(engine_with(few), as_of=AS_OF, at_least=1)
    assert (judged.verdict, judged.choice) == ("cannot_tell", "popularity")
