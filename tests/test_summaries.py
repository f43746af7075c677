"""Summaries of what cleaning wrote, without amounts that could be one customer's."""

import pandas as pd
from fixtures.engines import engine_of
from fixtures.store import GOOD

from crcm_lib.ingest.cleaning.summaries import count_months, count_rules, is_balanced, summarise_money
from crcm_lib.reporting.text import data_quality
from crcm_lib.schema import tables


def money_account(**records: int) -> pd.DataFrame:
    states = [state.replace("_", " ") for state in records]
    account = pd.DataFrame({"currency": "EUR", "state": states, "records": records.values()})
    account["amount"] = account["records"] * 1.5
    total = account[["records", "amount"]].sum()
    read = pd.DataFrame({"currency": ["EUR"], "state": ["read"], **{k: [v] for k, v in total.items()}})
    return pd.concat([read, account], ignore_index=True)


def test_rules_are_counted_with_the_first_record_as_an_example(store):
    out = store.write([*GOOD, ",2024-01-05,mug,1", ",2024-01-05,mug,2", "7,soon,mug,1"]).clean()
    rules = count_rules(tables.read(out, "rejects"), "reject")
    assert rules.to_numpy().tolist() == [
        ["transactions", "customer_id missing", 2, "log.csv", 5],
        ["transactions", "time not readable", 1, "log.csv", 7],
    ]
    assert count_rules(tables.read(out, "rejects"), "remark").empty


def test_the_money_account_balances_or_not():
    account = money_account(sales=10, other_currency=3)
    assert is_balanced(account)
    account.loc[0, "amount"] += 0.01
    assert not is_balanced(account)


def test_rules_with_few_records_stand_together_until_they_are_enough():
    money = summarise_money(
        money_account(sales=100, exact_duplicate=20, amount_missing=6, time_missing=2, summary_line=1),
        at_least=5,
    )
    assert money[["state", "rules", "records"]].to_numpy().tolist() == [
        ["read", 1, 129],
        ["sales", 1, 100],
        ["exact duplicate", 1, 20],
        ["pooled", 3, 9],
    ]
    assert money["amount"].notna().all()
    names = data_quality.name_states(money).to_list()
    assert names == ["read", "sales", "set aside: exact duplicate", "set aside: 3 other reasons"]


def test_an_amount_over_few_records_and_the_total_that_would_give_it_away_are_missing():
    money = summarise_money(money_account(sales=100, time_missing=2), at_least=5).set_index("state")
    assert money["amount"].isna().to_dict() == {"read": True, "sales": False, "time missing": True}
    money = summarise_money(money_account(sales=3), at_least=5)
    assert money["amount"].isna().all()


def test_every_month_is_counted_and_the_last_is_partial():
    days = pd.to_datetime(["2024-01-05", "2024-01-06", "2024-03-01"])
    lines = pd.DataFrame({"customer_id": ["7", "7", "8"], "day": days, "time": days})
    months = count_months(engine_of(lines), pd.Timestamp("2024-03-30"))
    assert months["month"].dt.strftime("%Y-%m").to_list() == ["2024-01", "2024-02", "2024-03"]
    assert months["lines"].to_list() == [2, 0, 1]
    assert months["customers"].to_list() == [1, 0, 1]
    assert months["partial"].to_list() == [False, False, True]
