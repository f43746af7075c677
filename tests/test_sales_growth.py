"""Growth of sales: parts that add up to the cent with the other pages, claims that chance does not make."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.features import decision_inputs, period_sums
from crcm_lib.models import discount_use
from crcm_lib.models import sales_growth as growth
from crcm_lib.reporting import kpis
from crcm_lib.reporting.charts.growth_charts import growth_bars
from crcm_lib.reporting.text import growth as words
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT
from crcm_lib.stats import total

GOLDEN = ROOT / "data/sample/golden"
AS_OF = pd.Timestamp("2025-12-31")
COLUMNS = ["spend_earlier", "spend_before", "spend", "purchases_before", "purchases"]


def years(*rows: tuple) -> pd.DataFrame:
    """`sum_two_years` of customers a, b, …: spend earlier, before, now; purchases before, now."""
    index = pd.Index([chr(97 + n) for n in range(len(rows))], name="customer_id")
    return pd.DataFrame(rows, index, COLUMNS).astype(dict.fromkeys(COLUMNS[:3], "float64"))


def world(seed: int, *, often: float = 1.0, amount: float = 1.0, come: float = 1.0, customers: int = 900):
    """Two years of a company in which lives begin and end at one rate; unless planted, nothing changes.

    In the last year customers buy `often` times as often, spend `amount` times as much each time, and
    `come` of those who would come do.
    """
    random = np.random.default_rng(seed)
    many = random.poisson(customers * 3)
    rate, level = random.gamma(1.2, 3.0, many), np.exp(random.normal(3.5, 1.0, many))
    birth = random.uniform(-6, 2, many)
    death = birth + random.exponential(2.0, many)
    spans = [
        np.clip(np.minimum(death, b) - np.maximum(birth, a), 0, None) for a, b in ((-6, 0), (0, 1), (1, 2))
    ]
    earlier, before, now = (
        random.poisson(rate * span * more) for span, more in zip(spans, (1, 1, often), strict=True)
    )
    spend = [
        np.round(level * more * random.gamma(2 * np.maximum(count, 1e-9), 0.5) * (count > 0), 2)
        for count, more in ((before, 1.0), (now, amount))
    ]
    frame = pd.DataFrame(dict(zip(COLUMNS, (earlier * 1.0, *spend, before, now), strict=True)))
    frame = frame[(random.random(many) < come) | (birth < 1)]
    frame = frame[(frame[["spend_before", "spend"]] != 0).any(axis=1)]
    return frame.set_axis([f"c{n}" for n in range(len(frame))]).rename_axis("customer_id")


@pytest.fixture(scope="module")
def engine():
    return open_engine(GOLDEN)


@pytest.fixture(scope="module")
def sums(engine):
    return period_sums.sum_two_years(engine, as_of=AS_OF)


# Sums


def test_two_years_of_a_few_lines_are_summed_by_hand():
    rows = [
        ("a", "2023-06-01", "2023-06-01", "sale", 5),
        ("a", "2024-06-01", "2024-06-01", "sale", 10),
        ("a", "2025-01-10", "2024-06-01", "return", -4),  # of the year before, as its sale is
        ("a", "2025-02-01", "2025-02-01", "sale", 8),
        ("a", "2025-02-01", "2025-02-01", "sale", 2),
        ("b", "2025-03-01", "2025-03-01", "sale", 7),
        ("b", "2026-01-01", "2026-01-01", "sale", 99),
    ]
    lines = pd.DataFrame(rows, columns=["customer_id", "day", "purchase_day", "kind", "amount"])
    lines = lines.assign(day=pd.to_datetime(lines["day"]), purchase_day=pd.to_datetime(lines["purchase_day"]))
    found = period_sums.sum_two_years(open_frames(transactions=lines), as_of=AS_OF)
    assert found.loc["a", COLUMNS].to_list() == [5, 6, 10, 1, 1]
    assert found.loc["b", COLUMNS].to_list() == [0, 0, 7, 0, 1]
    assert period_sums.sum_not_profiled(open_frames(transactions=lines), as_of=AS_OF) == (0.0, 0.0)


def test_the_last_year_is_that_of_the_customers_table_and_all_years_its_total(sums):
    customers = tables.read(GOLDEN, "customer_features")
    ours = sums.reindex(customers.index).fillna(0)
    assert (ours["spend"] == customers["spend_365d"]).all()
    assert (ours["purchases"] == customers["purchases_365d"]).all()
    whole = growth.add_exactly(ours["spend_earlier"] + ours["spend_before"] + ours["spend"])
    assert whole == growth.add_exactly(customers["spend_total"])


def test_the_bridge_ends_to_the_cent_where_the_first_page_does(engine, sums):
    others = period_sums.sum_not_profiled(engine, as_of=AS_OF)
    now, before, _history = kpis._spend_by_year(GOLDEN)
    assert growth.add_years(sums, others) == (round(before, 4), round(now, 4))
    people = decision_inputs.count_not_profiled(engine)
    bridge = growth.bridge_sales(sums, (people, *others))
    assert people > 0
    assert round(bridge["change"].sum(), 4) == round(now - before, 4)
    assert round(growth.split_factors(sums)["change"].sum(), 2) == round(
        growth.add_exactly(sums["spend"]) - growth.add_exactly(sums["spend_before"]), 2
    )


def test_places_add_up_to_the_same_sales(engine, sums):
    places = growth.compare_places(period_sums.sum_places(engine, as_of=AS_OF))
    for _by, of_one in places.groupby("by"):
        assert round(of_one["spend"].sum(), 2) == round(sums["spend"].sum(), 2)
        assert round(of_one["change"].sum(), 2) == round((sums["spend"] - sums["spend_before"]).sum(), 2)
    largest = growth.choose_places(places, most=1)
    assert len(largest) == places["by"].nunique()
    assert period_sums.sum_places(open_frames(transactions=pd.DataFrame({"day": [AS_OF]})), as_of=AS_OF).empty


# Parts


def test_the_change_of_one_customer_is_split_by_hand():
    """Twice 10, then three times 12: one more of 11 on average, and 2 more 2.5 times on average."""
    parts = growth.split_change(years((5, 20, 36, 2, 3)))
    assert parts.loc["a", ["frequency", "amount"]].to_list() == [11, 5]
    assert parts.drop(columns=["frequency", "amount"]).to_numpy().sum() == 0


def test_every_customer_is_in_one_part_and_returns_alone_have_their_own():
    ours = years((0, 0, 9, 0, 1), (3, 0, 9, 0, 1), (3, 9, 0, 1, 0), (0, 9, 9, 1, 1), (3, -2, 0, 0, 0))
    parts = growth.split_change(ours)
    assert parts.sum(axis=1).to_list() == [9, 9, -9, 0, 2]
    assert growth.group_customers(ours).to_list() == ["came", "came_back", "left", "stayed", "returned"]
    bridge = growth.bridge_sales(ours).set_index("part")
    assert bridge["change"].to_dict() == {
        "came": 9,
        "came_back": 9,
        "frequency": 0,
        "amount": 0,
        "left": -9,
        "returned": 2,
    }
    assert bridge["largest_share"]["left"] == 1


def test_factors_are_angs_index():
    """Ang (2005), table 1: one customer who buys three times 12 after twice 10."""
    factors = growth.split_factors(years((5, 20, 36, 2, 3))).set_index("factor")
    mean = (36 - 20) / np.log(36 / 20)
    expected = [0.0, mean * np.log(3 / 2), mean * np.log(12 / 10)]
    assert factors["change"].to_list() == pytest.approx(expected)
    assert factors["change"].sum() == pytest.approx(16)
    equal = growth.split_factors(years((0, 20, 20, 2, 4), (0, 5, 5, 1, 1)))["change"]
    assert equal.to_list() == pytest.approx([0, 25 * np.log(5 / 3), 25 * np.log(3 / 5)])
    assert growth.split_factors(years((0, 0, 5, 0, 1))).empty


def test_an_effects_parts_are_its_derivative():
    """Euler: what a customer adds is the change of the effect when all of theirs weighs a little more."""
    frame = world(5, customers=60)
    base = growth.split_factors(frame)["change"].to_numpy()
    counted = [
        np.column_stack([one > 0, one, money]).astype(float)
        for one, money in (
            (frame["purchases_before"].to_numpy(), frame["spend_before"].to_numpy()),
            (frame["purchases"].to_numpy(), frame["spend"].to_numpy()),
        )
    ]
    sides = [each.sum(axis=0) for each in counted]
    for place in range(3):
        parts = growth._influence(counted, *sides, place)
        assert parts.sum() == pytest.approx(base[place])
    weighed = [each.copy() for each in counted]
    for each in weighed:
        each[0] *= 1 + 1e-6
    moved = growth._influence(weighed, *(each.sum(axis=0) for each in weighed), 1).sum()
    assert (moved - base[1]) / 1e-6 == pytest.approx(
        growth._influence(counted, *sides, 1)[0], rel=1e-3, abs=1e-3
    )


# Claims


def claimed(frame: pd.DataFrame) -> set[str]:
    found = growth.judge_change(frame)
    return set(found.loc[found["verdict"] != "cannot_tell", "part"])


@pytest.mark.slow
def test_where_nothing_changes_hardly_any_company_is_said_to_grow():
    assert sum(bool(claimed(world(seed))) for seed in range(400)) <= 24  # 5 % and what chance adds
    assert sum(bool(claimed(world(seed, customers=200))) for seed in range(200)) <= 14


@pytest.mark.slow
@pytest.mark.parametrize("planted", [{}, {"often": 1.2}, {"amount": 1.15}, {"customers": 200}])
def test_intervals_hold_the_mean_of_many_companies_in_nineteen_of_twenty(planted):
    ways, ends = [], []
    for seed in range(300):
        frame = world(seed, **planted)
        both = pd.concat([growth.bridge_sales(frame), growth.judge_change(frame)])[
            ["part", "change", "low", "high"]
        ]
        both = both[
            both["part"].isin(["came", "left", "all", "came_less_left", "every_frequency", "every_amount"])
        ]
        ways.append(both["change"].to_numpy())
        ends.append(both[["low", "high"]].to_numpy())
    mean, ends = np.mean(ways, axis=0), np.array(ends)
    covered = ((ends[:, :, 0] <= mean) & (mean <= ends[:, :, 1])).mean(axis=0)
    assert covered.min() >= 0.92


@pytest.mark.slow
def test_what_is_planted_is_found_and_nothing_beside_it():
    often = [claimed(world(seed, often=1.3)) for seed in range(60)]
    amount = [claimed(world(seed, amount=1.5)) for seed in range(60)]
    assert sum("every_frequency" in each for each in often) >= 54
    assert sum("amount" in each for each in amount) >= 48
    assert sum("amount" in each for each in often) <= 4
    assert sum("frequency" in each for each in amount) <= 4
    fewer = [claimed(world(seed, come=0.3)) for seed in range(60)]
    assert sum("every_customers" in each for each in fewer) >= 54
    assert sum("amount" in each for each in fewer) <= 4


def test_a_quick_world_of_each_kind():
    assert claimed(world(1)) == set()
    found = growth.judge_change(world(1, often=1.5)).set_index("part")
    assert found["verdict"][["frequency", "every_frequency"]].to_list() == ["grew", "grew"]
    assert found["verdict"]["amount"] == "cannot_tell"
    fell = growth.judge_change(world(2, amount=0.6)).set_index("part")
    assert fell["verdict"][["all", "amount"]].to_list() == ["fell", "fell"]
    assert growth.judge_change(world(1).iloc[:0]).empty


def test_one_large_customer_makes_no_claim():
    one = total(np.array([1000.0, *np.ones(40)]))
    assert one.p > 0.3
    assert one.low < 100 < 1040 < one.high
    assert np.isnan(total(np.array([5.0, 0.0])).low)


def test_places_that_grew_are_named_and_the_others_are_not():
    random = np.random.default_rng(7)
    frames = []
    for place, more in (("tea", 2.0), ("cake", 1.0)):
        before = random.gamma(2, 10, 150)
        spend = random.gamma(2, 10 * more, 150)
        ids = [f"{place}{n}" for n in range(150)]
        frames.append(
            pd.DataFrame({"place": place, "customer_id": ids, "spend_before": before, "spend": spend})
        )
    found = growth.compare_places(pd.concat(frames).assign(by="category")).set_index("place")
    assert found["verdict"].to_dict() == {"tea": "grew", "cake": "cannot_tell"}
    assert growth.compare_places(frames[0].assign(by="category")).empty  # one alone is all sales


# What comes again, and at a discount


def test_recurring_sales_add_up_to_all_and_a_contract_counts_once():
    ours = years((0, 5, 30, 1, 3), (0, 0, 20, 0, 2), (9, 5, 50, 1, 5))
    covered = pd.Series({"b": 15.0, "c": 10.0})
    found = growth.share_recurring(ours, covered).set_index("kind")
    assert found["spend"].to_dict() == {"contract": 25, "again": 70, "other": 5}
    assert found["share"].sum() == pytest.approx(1)
    assert (found["low"] <= found["share"]).all()
    assert growth.share_recurring(ours, None)["spend"].to_list() == [80, 20]
    alone = growth.share_recurring(ours, covered, year_before=False)
    assert alone["kind"].to_list() == ["contract", "unknown"]
    assert growth.share_recurring(ours, None, year_before=False).empty


def test_spend_under_contract_is_that_of_its_days():
    days = pd.to_datetime(["2025-03-01", "2025-06-30", "2025-07-01"])
    lines = pd.DataFrame({"customer_id": "a", "day": days, "purchase_day": days, "amount": [1.0, 2.0, 4.0]})
    spans = {"start": ["2025-03-01", "2025-05-01"], "end": ["2025-06-30", "2025-06-30"]}
    contracts = pd.DataFrame({"customer_id": "a", **{k: pd.to_datetime(v) for k, v in spans.items()}})
    engine = open_frames(transactions=lines, contracts=contracts)
    assert period_sums.sum_under_contract(engine, as_of=AS_OF).to_dict() == {"a": 3.0}
    assert period_sums.sum_under_contract(open_frames(transactions=lines), as_of=AS_OF) is None


@pytest.mark.slow
def test_the_interval_of_the_recurring_share_holds_the_truth():
    found = [growth.share_recurring(world(seed), None).iloc[0] for seed in range(200)]
    mean = np.mean([each["share"] for each in found])
    assert sum(each["low"] <= mean <= each["high"] for each in found) >= 184


def test_the_share_at_a_discount_is_that_of_purchase_days():
    mix = pd.DataFrame({"days": [4, 6, 5], "discounted": [1.0, 3.0, 0.0]}, index=list("abc"))
    tiers = pd.Series(["key", "key", "watch"], index=list("abc"))
    found = discount_use.share_discounted(mix, tiers, ["key", "growth", "watch"])
    assert found["group"].to_list() == ["key", "watch"]
    assert found["discounted_share"].to_list() == [0.4, 0.0]
    assert discount_use.share_discounted(mix[["days"]], tiers, ["key"]).empty


def test_item_days_of_several_prices_are_counted():
    rows = [("a", 1.0), ("b", 1.0), ("c", 1.5)]
    lines = pd.DataFrame(rows, columns=["customer_id", "unit_price"])
    lines = lines.assign(product_id="p", kind="sale", day=AS_OF, amount=1.0)
    both = pd.concat([lines, lines.head(2).assign(product_id="q"), lines.head(1).assign(product_id="r")])
    found = period_sums.count_prices(open_frames(transactions=both), as_of=AS_OF)
    assert found == {"item_days": 2, "varied": 1}
    assert (
        period_sums.count_prices(open_frames(transactions=lines.drop(columns="unit_price")), as_of=AS_OF)
        == {}
    )


# Sentences


def test_a_short_history_says_so_and_nothing_of_growth():
    assert words.explain_no_bridge(730) == ""
    why = words.explain_no_bridge(545)
    assert "730 days" in why and "545" in why and "season" in why  # noqa: PT018
    none = growth.judge_change(world(1).iloc[:0])
    tiers = pd.DataFrame(columns=["tier", "measure", "verdict"])
    said = words.describe_growth(
        (0, 0), none, tiers, growth.share_recurring(world(1), None, year_before=False), ""
    )
    assert said.markdown.startswith("What sales grew by cannot be told")
    assert words.describe_bridge(pd.DataFrame(columns=["part"]), "CNY", why) == why
    assert words.explain_no_places(why) == why
    assert "only one of each" in words.explain_no_places("")
    assert words.explain_no_recurring("") == "Nothing was sold in the last year."


@pytest.mark.parametrize(
    ("frame", "said", "unsaid"),
    [
        (world(1), "no change of a part is beyond chance", "grew"),
        (world(1, often=1.5), "purchases per customer grew", "fell"),
        (world(2, amount=0.6), "spend per purchase fell", "grew"),
    ],
)
def test_growth_is_said_only_beyond_chance(frame, said, unsaid):
    claims = growth.judge_change(frame)
    tiers = pd.DataFrame(columns=["tier", "measure", "verdict"])
    again = growth.share_recurring(frame, None)
    sentence = words.describe_growth(growth.add_years(frame), claims, tiers, again, "").markdown
    assert said in sentence
    assert unsaid not in sentence
    assert f"{again['share'].iloc[0]:.1%} of the last year's sales came again" in sentence
    assert said in words.caption_bridge(claims, "CNY")
    explained = claims.set_index("part")["verdict"]["all"] == "cannot_tell"
    assert ("which chance explains" in sentence) == explained
    written = words.write_factors(growth.split_factors(frame), claims)
    assert ("cannot tell" in set(written["verdict"])) or not explained


def test_the_waterfall_closes_and_hidden_parts_become_one_bar():
    frame = years(*[(0, 0, 9, 0, 1)] * 6, *[(0, 9, 9, 1, 1)] * 6, (0, 9, 0, 1, 0))
    bridge = growth.bridge_sales(frame)
    before, now = growth.add_years(frame)
    bars = growth_bars(before, now, bridge)
    assert bars["end"].iloc[-2] == now == bars["amount"].iloc[-1]
    hidden = bridge.assign(change=bridge["change"].where(bridge["part"] == "came"))
    bars = growth_bars(before, now, hidden)
    assert bars["part"].to_list() == ["year_before", "came", "hidden", "last_year"]
    assert bars["end"].iloc[-2] == now
    assert growth_bars(before, now, bridge.assign(change=np.nan)).empty
    said = words.describe_bridge(bars, "CNY", "")
    assert "came for the first time 54.00" in said
    assert "too few" in words.describe_bridge(bars.iloc[:0], "CNY", "")


def test_captions_say_how_recurring_revenue_is_defined():
    frame = world(1)
    said = {
        "No contract is known": growth.share_recurring(frame, None),
        "bought on days under contract, and else": growth.share_recurring(frame, frame["spend"] / 2),
        "is not known; sales": growth.share_recurring(frame, frame["spend"] / 2, year_before=False),
    }
    for part, table in said.items():
        caption = words.caption_recurring(table, "CNY")
        assert [each for each in said if each in caption] == [part]
        assert words.write_recurring(table)["kind"].notna().all()


def test_price_sensitivity_is_not_claimed_and_what_it_takes_is_said():
    said = words.caption_discounts({}, known=True)
    assert "no price sensitivity" in said and "at random" in said and "outside figures" in said  # noqa: PT018
    assert "different prices" not in said
    assert "no discount" not in said
    assert "In 50.0% of 8 cases" in words.caption_discounts({"item_days": 8, "varied": 4}, known=True)
    none = words.caption_discounts({}, known=False)
    assert "name no discount" in none
    assert "(confounding)" not in none


def test_places_say_how_many_of_all_changed():
    table = pd.DataFrame({"by": "region", "place": ["", "n"], "verdict": ["grew", "cannot_tell"]})
    assert "1 of all is beyond chance" in words.caption_places(table, "CNY")
    assert "2 of all are beyond" in words.caption_places(table.assign(verdict="fell"), "CNY")
    assert "none is beyond" in words.caption_places(table.tail(1), "CNY")
    written = words.write_places(table.assign(spend=1.0, spend_before=1.0))
    assert written["place"].to_list() == ["not named", "n"]
