"""One price band up is offered only where comparable customers' purchases foretold later ones before."""

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.features.price_bands import count_price_days
from crcm_lib.models.recommendation import upgrades

AS_OF = "2026-06-30"
COLUMNS = ["customer_id", "category", "day", "unit_price"]


def engine_with(rows, columns=COLUMNS):
    frame = pd.DataFrame(rows, columns=list(columns)).assign(kind="sale")
    frame = frame if "amount" in frame else frame.assign(amount=frame.get("unit_price", 1.0))
    frame["day"] = pd.to_datetime(frame["day"]).dt.date
    engine = duckdb.connect()
    engine.register("given", frame)
    engine.execute("create table transactions as select * from given")
    return engine


def ladder():
    """Of twelve comparable customers six have gone from 1 to 2 in tea; nobody has in jars, bought often."""
    rows = [(f"c{n:02d}", "tea", f"2026-01-{day:02d}", 1.0) for n in range(12) for day in (1, 2)]
    rows += [(f"c{n:02d}", "tea", "2026-02-01", 2.0) for n in range(6)]
    rows += [(f"c{n:02d}", "tea", f"2026-02-{day:02d}", 1.0) for n in range(6, 12) for day in (1, 2)]
    rows += [(f"d{n:02d}", "tea", "2026-02-01", 3.0) for n in range(8)]
    for band, name in enumerate("cde"):
        days = [f"2026-01-{day:02d}" for day in (3, 4, 5)]
        rows += [(f"{name}{n:02d}", "jar", day, band + 1.0) for n in range(12) for day in days]
    return engine_with(rows)


def possible_of(engine, at_least=5):
    bought = count_price_days(engine, until=AS_OF)
    return upgrades.list_possible(bought, upgrades.find_borders(bought, at_least=at_least), at_least=at_least)


# What is offered


def test_a_price_is_that_of_a_piece_and_days_of_one_price_are_counted_once():
    rows = [
        ("a", "tea", "2026-01-01", 6.0, 3),
        ("a", "tea", "2026-01-01", 2.0, 1),
        ("a", "tea", "2026-01-02", 4.0, 2),
    ]
    rows += [("a", "tea", "2026-01-03", 0.0, 2), ("a", "tea", "2026-07-01", 9.0, 1)]
    found = count_price_days(
        engine_with(rows, ["customer_id", "category", "day", "amount", "quantity"]), until=AS_OF
    )
    assert found[["price", "days", "spend"]].to_numpy().tolist() == [[2.0, 2, 12.0]]


def test_the_band_above_is_offered_where_comparable_customers_have_bought_it():
    made = possible_of(ladder()).set_index(["customer_id", "category"])
    assert made.loc[("c07", "tea"), "place"] == 0
    assert made.loc[("c07", "tea"), "share"] == pytest.approx(6 / 11)
    assert made.loc[("c07", "tea"), "comparable"] == 11
    assert not made.index.get_level_values("category").isin(["jar"]).any()  # nobody has bought above
    assert ("c01", "tea") not in made.index  # has bought above already
    assert not made.index.get_level_values("customer_id").str.startswith("d").any()  # in the highest


def test_fewer_comparable_buyers_than_may_be_shown_are_no_evidence():
    assert len(possible_of(ladder(), at_least=6)) == 6
    assert possible_of(ladder(), at_least=7).empty


def test_without_prices_or_categories_it_is_said_so_and_nothing_is_offered():
    bare = [
        engine_with([("a", "2026-01-01", 1.0)], ["customer_id", "day", "unit_price"]),
        engine_with([("a", "tea", "2026-01-01")], ["customer_id", "category", "day"]),
    ]
    for engine in bare:
        judged = upgrades.judge_upgrades(engine, as_of=AS_OF)
        assert judged.verdict == "no_prices"
        assert upgrades.offer_upgrades(engine, judged, as_of=AS_OF).empty


def test_the_order_of_rows_and_later_purchases_change_nothing():
    engine = company(np.random.default_rng(1), ladders=True)
    rows = engine.execute("select customer_id, category, day, unit_price from transactions").df()
    later = pd.DataFrame([("c000", "k0", "2026-07-01", 99.0)], columns=COLUMNS)
    other = pd.concat([rows.sample(frac=1, random_state=0), later])
    first, second = (upgrades.judge_upgrades(each, as_of=AS_OF) for each in (engine, engine_with(other)))
    assert first == second
    better = replace(first, verdict="better")
    made = [upgrades.offer_upgrades(each, better, as_of=AS_OF) for each in (engine, engine_with(other))]
    pd.testing.assert_frame_equal(*made)


# Past upgrades


def company(random, *, ladders):
    """300 customers of five categories out of eight.

    With ladders they move up for good in k0 and k1, each on a day of their own; in others one in six buys in
    two bands and the rest in one. Without, bands are by chance.
    """
    rows = [(f"t{n:03d}", f"k{n % 8}", "2025-07-08", 11.0 + 10 * (n // 8 % 2)) for n in range(800 * ladders)]
    for customer in range(300):
        when = random.integers(90, 450)
        for category in random.choice(8, 5, replace=False):
            both = random.uniform() < 1 / 6
            for day in random.integers(0, 360, random.poisson(6) + 1):
                up = day >= when if category < 2 else both and random.uniform() < 0.4
                band = int(up) if ladders else random.choice(3, p=[0.7, 0.2, 0.1])
                first = pd.Timestamp("2025-07-06") + pd.Timedelta(days=int(day))
                rows.append((f"c{customer:03d}", f"k{category}", first, band * 10.0 + 1))
    return engine_with(rows)


def test_where_comparable_customers_move_up_in_some_categories_this_is_found_and_offered():
    random = np.random.default_rng(7)
    engines = [company(random, ladders=True) for _n in range(10)]
    found = [upgrades.judge_upgrades(engine, as_of=AS_OF) for engine in engines]
    assert sum(each.verdict == "better" for each in found) >= 8
    engine, past = next(pair for pair in zip(engines, found, strict=True) if pair[1].verdict == "better")
    made = upgrades.offer_upgrades(engine, past, as_of=AS_OF)
    can = possible_of(engine).query("category in ['k0', 'k1']")["customer_id"].unique()
    assert made.set_index("customer_id").loc[can, "category"].isin(["k0", "k1"]).mean() > 0.9
    assert 20 < len(can) < len(made) - 20
    assert made["customer_id"].is_unique


@pytest.mark.slow
def test_where_bands_are_chance_it_is_claimed_in_at_most_one_of_twenty():
    random = np.random.default_rng(7)
    verdicts = [
        upgrades.judge_upgrades(company(random, ladders=False), as_of=AS_OF).verdict for _n in range(60)
    ]
    assert verdicts.count("better") <= 6  # of 60 at 5 %: more than 6 has probability 0.03


@pytest.mark.parametrize("verdict", ["worse", "cannot_tell", "no_prices"])
def test_what_was_not_better_before_is_offered_to_nobody(verdict):
    engine = company(np.random.default_rng(1), ladders=True)
    judged = replace(upgrades.judge_upgrades(engine, as_of=AS_OF), verdict=verdict)
    assert upgrades.offer_upgrades(engine, judged, as_of=AS_OF).empty
