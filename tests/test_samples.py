"""The synthetic company: what is planted can be found again, and the truth stays out of the input."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.cleaning.consents import NOT_PROFILED
from crcm_lib.ingest.sources import read_source
from crcm_lib.models.clv.purchase_models import BGNBD, PURCHASE_MODELS
from crcm_lib.models.histories import weighted_histories
from crcm_lib.samples import GROUPS, LAST_DAY, SEASON_SWING, defects, purchases, simulate, write_sample
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import find_problems, resolve

SAMPLE = resolve("data/sample")
NOT_SIMULATED = ("approvals", "opportunities", "measures")
SIMULATED = [name for name in INPUTS if name not in NOT_SIMULATED]


@pytest.fixture(scope="module")
def many():
    """8,000 customers over three years."""
    return simulate(seed=7, customers=8_000, days=1095)


@pytest.fixture(scope="module")
def few():
    return simulate()


def buyers(tables) -> pd.DataFrame:
    truth = tables["truth"]
    return truth[truth["purchases"] > 0]


def sales(tables) -> pd.DataFrame:
    lines = tables["transactions"]
    return lines[lines["kind"] == "sale"]


def of_group(tables, group) -> pd.DataFrame:
    """The sales of one planted group."""
    members = buyers(tables).query("group == @group.name")["customer_id"]
    return sales(tables)[sales(tables)["customer_id"].isin(members)]


# The same from the same seed


def files(folder) -> dict[str, bytes]:
    written = [*folder.glob("*.csv"), *folder.glob("truth/*.csv")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in written}


def test_the_committed_sample_is_what_the_seed_gives_byte_for_byte(tmp_path):
    write_sample(tmp_path)
    assert files(tmp_path) == files(SAMPLE)


def test_another_seed_gives_another_company():
    one, other = (simulate(seed, customers=100)["transactions"] for seed in (1, 2))
    assert not one.equals(other)


def test_the_size_is_on_demand():
    assert len(simulate(customers=333, days=200)["customers"]) == 333


def test_too_small_a_company_is_refused():
    with pytest.raises(ValueError, match="at least 100 customers and 60 days, got 99 and 915"):
        simulate(customers=99)


# Every input table


@pytest.mark.parametrize("name", SIMULATED)
def test_every_input_table_is_there_and_keeps_its_contract(few, name):
    assert len(few[name]) > 0
    table = few[name]
    assert find_problems(table, INPUTS[name]) == []
    assert set(table) <= set(INPUTS[name].columns)


def test_the_history_is_thirty_months_and_no_clock(few):
    days = sales(few)["time"].dt.normalize()
    assert (days.min(), days.max()) == (pd.Timestamp("2023-07-01"), pd.Timestamp("2025-12-31"))


def test_nothing_happens_after_the_last_day(few):
    future = {("invoices", "due"), ("contracts", "end")}
    for name in SIMULATED:
        for column in few[name].select_dtypes("datetime"):
            if (name, column) not in future:
                assert few[name][column].max() < LAST_DAY + pd.Timedelta(days=1), (name, column)


def test_everybody_in_an_event_is_a_known_customer(few):
    known = set(few["customers"]["customer_id"])
    for name in SIMULATED:
        if "customer_id" in few[name]:  # what a channel cost is of no customer
            assert set(few[name]["customer_id"]) <= known, name


def test_one_in_twenty_is_a_prospect_who_never_bought(few):
    never = set(few["customers"]["customer_id"]) - set(few["transactions"]["customer_id"])
    assert len(never) == 60
    assert never == set(few["truth"].query("purchases == 0")["customer_id"])


def test_money_is_in_cents_and_adds_up(few):
    lines = few["transactions"]
    for column in ("amount", "unit_price", "cost", "discount"):
        cents = lines[column] * 100
        assert np.allclose(cents, cents.round(), atol=1e-6)
    one = sales(few)
    assert np.allclose(one["unit_price"] * one["quantity"] - one["discount"], one["amount"], atol=0.005)


def test_service_takes_its_course(few):
    tickets, invoices = few["tickets"], few["invoices"]
    assert (tickets["responded"].dropna() > tickets["opened"][tickets["responded"].notna()]).all()
    assert (tickets["resolved"] > tickets["responded"])[tickets["resolved"].notna()].all()
    assert tickets["satisfaction"][tickets["resolved"].isna()].isna().all()
    assert (invoices["paid"] > invoices["issued"])[invoices["paid"].notna()].all()


# What is planted


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_the_planted_rates_are_those_of_the_groups(many, group):
    truth = buyers(many).query("group == @group.name")
    (r, alpha, a, b), (p, q, v) = group.bgnbd, group.gamma_gamma
    assert len(truth) == pytest.approx(group.share * len(buyers(many)), rel=0.08)
    assert truth["purchase_rate"].mean() == pytest.approx(r / alpha, rel=0.06)
    assert truth["purchase_rate"].var() == pytest.approx(r / alpha**2, rel=0.25)
    assert truth["dropout_chance"].mean() == pytest.approx(a / (a + b), rel=0.12)
    assert truth["spend_per_purchase"].mean() == pytest.approx(p * v / (q - 1), rel=0.08)


def test_bg_nbd_fitted_to_purchases_without_a_season_finds_what_was_planted(monkeypatch):
    monkeypatch.setattr(purchases, "SEASON_SWING", 0)
    steady = simulate(seed=7, customers=8_000, days=1095)
    group = GROUPS[0]
    lines = of_group(steady, group)
    days = lines.assign(day=lines["time"].dt.normalize()).groupby("customer_id")["day"]
    first, last = days.min(), days.max()
    x, t_x, T = days.nunique() - 1, (last - first).dt.days / 10, (LAST_DAY - first).dt.days / 10
    columns = [column.to_numpy(float) for column in (x, t_x, T)]
    params = PURCHASE_MODELS[BGNBD].fit(weighted_histories(*columns)).params
    r, alpha, a, b = params.values()
    planted = group.bgnbd
    assert r / alpha / 10 == pytest.approx(planted[0] / planted[1], rel=0.06)
    assert r == pytest.approx(planted[0], rel=0.2)
    assert a / (a + b) == pytest.approx(planted[2] / (planted[2] + planted[3]), rel=0.25)
    alive = steady["truth"].set_index("customer_id").loc[x.index, "alive"].astype(float)
    p_alive = PURCHASE_MODELS[BGNBD].p_alive(params, *columns)
    assert p_alive.mean() == pytest.approx(alive.mean(), abs=0.015)


def test_spend_per_purchase_is_the_customers_own(many):
    lines = sales(many)
    spend = (
        lines.groupby(["customer_id", "order_id"])["amount"]
        .sum()
        .groupby("customer_id")
        .agg(["mean", "size"])
    )
    often = spend[spend["size"] >= 20].join(many["truth"].set_index("customer_id"))
    ratio = often["mean"] / often["spend_per_purchase"]
    assert len(often) > 500
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert ratio.std() < 0.2


def test_nobody_buys_after_dropping_out(many):
    last = sales(many).groupby("customer_id")["time"].max().dt.normalize()
    truth = buyers(many).set_index("customer_id")
    left = truth[~truth["alive"].astype(bool)]
    assert (last[left.index] == left["dropped_out"]).all()
    assert truth.loc[truth["alive"].astype(bool), "dropped_out"].isna().all()


def test_those_who_dropped_out_expect_no_spend_and_others_what_their_rates_say(many):
    truth = buyers(many)
    alive = truth["alive"].astype(bool)
    assert (truth.loc[~alive, ["spend_rate", "spend_expected_365d"]] == 0).all(axis=None)
    stay = truth[alive]
    assert (stay["spend_expected_365d"] < stay["spend_rate"] * 365).all()
    loyal = stay[stay["dropout_chance"] < 1e-4]
    assert np.allclose(loyal["spend_expected_365d"] / (loyal["spend_rate"] * 365), 1, atol=0.01)


def test_the_season_is_visible(many):
    """In a year a cosine of swing s puts 1/4 + s/(π√2) of its purchases in the quarter around its peak."""
    orders = sales(many).drop_duplicates("order_id")
    settled = orders[orders["time"] >= LAST_DAY - pd.Timedelta(days=729)]
    from_peak = (settled["time"].dt.day_of_year - 350 + 182) % 365 - 182
    near, far = (from_peak.abs() <= 45).mean(), (from_peak.abs() >= 137).mean()
    expected = SEASON_SWING / (np.pi * np.sqrt(2))
    assert near - 0.25 == pytest.approx(expected, abs=0.015)
    assert 0.25 - far == pytest.approx(expected, abs=0.015)


def test_groups_differ_in_rhythm_spend_categories_and_discounts(many):
    facts = {}
    for group in GROUPS:
        lines = of_group(many, group)
        orders = lines.groupby("order_id")["amount"].sum()
        facts[group.name] = (
            round(len(orders) / lines["customer_id"].nunique(), 1),
            round(orders.mean(), -1),
            lines["category"].mode()[0],
            round((lines["discount"] > 0).mean(), 2),
        )
    for place in range(4):
        assert len({fact[place] for fact in facts.values()}) == 4, facts


def test_a_complaint_comes_before_a_third_of_the_dropouts(many):
    left = buyers(many).dropna(subset="dropped_out").set_index("customer_id")["dropped_out"]
    complaints = many["tickets"].query("kind == 'complaint'")
    before = complaints["customer_id"].map(left) - complaints["opened"]
    recent = complaints[before.between(pd.Timedelta(days=-1), pd.Timedelta(days=15))]
    assert recent["customer_id"].nunique() / len(left) == pytest.approx(0.36, abs=0.03)


def test_a_matched_return_undoes_one_line_of_its_order(few):
    back = few["truth_returns"].dropna(subset="sale_day")
    one = sales(few)
    pair = back.merge(
        one.assign(amount=-one["amount"]),
        on=["customer_id", "order_id", "product_id", "amount"],
        suffixes=("", "_sold"),
    )
    assert len(pair) == len(back) > 300
    assert (pair["sale_day"] == pair["time_sold"].dt.normalize()).all()
    assert (pair["time"] > pair["time_sold"]).all()


def test_an_unmatched_return_is_of_something_nobody_bought(few):
    strays = few["truth_returns"].query("sale_day.isna()")
    assert len(strays) == 6
    assert not set(strays["product_id"]) & set(sales(few)["product_id"])


# What is written


def test_the_truth_is_in_no_table_that_a_source_reads(few):
    source = read_source("data/sources/sample.yaml")
    read = {part.path for parts in source.tables.values() for part in parts}
    assert read == {f"../sample/{name}.csv" for name in SIMULATED}
    planted = {"group", "purchase_rate", "dropout_chance", "spend_per_purchase", "alive", "dropped_out"}
    for path in SAMPLE.glob("*.csv"):
        assert not planted & set(path.open(encoding="utf-8").readline().strip().split(","))


def test_spoilt_records_are_additions(few):
    texts = {"transactions": few["transactions"].to_csv(index=False, lineterminator="\n")}
    spoilt, log = defects.spoil(texts)
    before, after = texts["transactions"].split("\n"), iter(spoilt["transactions"].split("\n"))
    assert all(line in after for line in before)
    added = spoilt["transactions"].count("\n") - texts["transactions"].count("\n")
    assert added == log.query("table == 'transactions'")["records"].sum() == 20


def test_cleaning_sets_aside_what_was_spoilt_and_nothing_else(tmp_path, few):
    about = clean(read_source("data/sources/sample.yaml"), tmp_path)
    log = pd.read_csv(SAMPLE / "truth" / "mess.csv").query("expected == 'reject'")
    rejects = pd.read_parquet(tmp_path / "tables" / "rejects.parquet").query("severity == 'reject'")
    objecting = rejects["rule"] == NOT_PROFILED  # no mess: these records are as they should be
    spoilt, not_profiled = (rejects.loc[part, "table"].value_counts() for part in (~objecting, objecting))
    assert spoilt.to_dict() == log.groupby("table")["records"].sum().to_dict()
    assert not_profiled["customers"] > 10
    assert about.tables == {name: len(few[name]) - not_profiled.get(name, 0) for name in SIMULATED}


def test_unusual_ids_and_hostile_text_reach_the_files_as_they_are():
    ids = {
        row[0]
        for row in duckdb.connect()
        .execute(
            "select customer_id from read_csv(?, all_varchar=true, nullstr='')",
            [str(SAMPLE / "customers.csv")],
        )
        .fetchall()
    }
    assert {"00123", "123", "NA"} <= ids
    text = (SAMPLE / "tickets.csv").read_text(encoding="utf-8")
    for hostile in defects.HOSTILE_TEXTS:
        assert hostile.replace('"', '""') in text
    assert "华东" in (SAMPLE / "customers.csv").read_text(encoding="utf-8")


def test_the_committed_sample_is_small():
    assert sum(len(content) for content in files(SAMPLE).values()) < 2_500_000


@pytest.mark.parametrize("customers", [100, 130])
def test_the_smallest_company_can_be_written_too(tmp_path, customers):
    write_sample(tmp_path, seed=0, customers=customers, days=60)
    assert len((tmp_path / "customers.csv").read_text(encoding="utf-8").splitlines()) > customers


# What indicators read


def test_who_stays_recommends_more_and_identifies_more_with_the_brand(many):
    truth = many["truth"].set_index("customer_id")
    bought = truth[truth["purchases"] > 0]
    stays = bought["dropped_out"].isna()
    made = many["referrals"]["customer_id"].value_counts().reindex(bought.index, fill_value=0)
    assert made[stays].mean() > 2 * made[~stays].mean()
    brand = many["surveys"].query("item == 'brand'")
    by_stay = brand["score"].groupby(brand["customer_id"].map(stays)).mean()
    assert by_stay[True] - by_stay[False] == pytest.approx(1.15, abs=0.1)


def test_better_customers_come_from_trade_fairs_and_every_recommended_one_by_recommendation(many):
    truth, customers = many["truth"].set_index("customer_id"), many["customers"].set_index("customer_id")
    channel = customers["acquisition_channel"]
    rates = truth["purchase_rate"].groupby(channel.reindex(truth.index)).median()
    assert rates["trade fair"] > 1.3 * rates["walk-in"] > 1.3 * rates["social media"]
    assert rates["search advertising"] == pytest.approx(rates["walk-in"], rel=0.25)
    assert set(channel.index[channel == "recommendation"]) == set(many["referrals"]["referred_id"])


def test_a_channel_costs_its_price_for_each_customer_won_and_nothing_for_walking_in(many):
    costs, truth = many["acquisition"], many["truth"].set_index("customer_id")
    channel = many["customers"].set_index("customer_id")["acquisition_channel"]
    won = channel[truth["purchases"] > 0].value_counts()
    each = costs.groupby("channel")["cost"].sum() / won
    assert each.dropna().to_dict() == pytest.approx(
        {
            "recommendation": 20,
            "search advertising": 60,
            "social media": 35,
            "trade fair": 150,
        },
        rel=0.1,
    )


def test_a_newcomer_is_recommended_once_before_the_first_purchase_by_a_customer(many):
    truth, referrals = many["truth"].set_index("customer_id"), many["referrals"]
    first = truth["first_day"]
    assert referrals["referred_id"].is_unique
    assert (referrals["date"] < referrals["referred_id"].map(first)).all()
    assert (referrals["date"] > referrals["customer_id"].map(first)).all()
    gone = referrals["customer_id"].map(truth["dropped_out"])
    assert not (gone < referrals["date"]).any()


def test_those_rated_low_leave_invoices_unpaid_once(many):
    companies = many["customers"].dropna(subset="credit_rating").set_index("customer_id")["credit_rating"]
    lost = many["defaults"]["customer_id"].map(companies)
    assert set(lost) == {"BB", "B"}
    assert many["defaults"]["customer_id"].is_unique
    sizes = companies.value_counts()
    assert lost.value_counts()["B"] / sizes["B"] > 2 * lost.value_counts()["BB"] / sizes["BB"]


def test_some_rated_low_pay_a_month_or_more_late_and_no_others_do(many):
    rating = many["customers"].dropna(subset="credit_rating").set_index("customer_id")["credit_rating"]
    late = (many["invoices"]["paid"] - many["invoices"]["due"]).dt.days
    share = late.gt(45).groupby(many["invoices"]["customer_id"].map(rating)).mean()
    assert share[["AAA", "AA", "A", "BBB"]].max() == 0
    assert 0.1 < share["BB"] < 0.3


def test_what_was_given_up_is_an_invoice_that_nobody_has_paid(many):
    unpaid = many["invoices"][many["invoices"]["paid"].isna()].set_index("customer_id")
    for row in many["defaults"].itertuples():
        mine = unpaid.loc[[row.customer_id]]
        assert (mine["due"] + pd.Timedelta(days=90) == row.date)[mine["amount"] == row.amount].any()


def test_one_region_is_judged_to_open_markets(many):
    region = many["customers"].set_index("customer_id")["region"]
    judged = many["judgements"].query("indicator == 'opens_markets'")
    means = judged["value"].groupby(judged["customer_id"].map(region)).mean()
    assert means.idxmax() == "西南"
    assert means["西南"] - means.drop("西南").max() > 15
