"""Risk: what is owed by age, what of it is lost, value beside risk, which signs warn, who is called."""

import json

import nbformat
import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.credit_policy import Receivables
from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import calendar, care, strategy
from crcm_lib.features import open_invoices, risk_signs
from crcm_lib.features.care_days import list_care_days
from crcm_lib.features.holdout_windows import Holdout
from crcm_lib.models import (
    credit_loss,
    customer_base,
    early_warnings,
    growth_watch,
    receivables,
    risk_register,
    value_risk,
)
from crcm_lib.models.churn import summarise_states
from crcm_lib.reporting.text import risks as words
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import ROOT, find_problems

DAY = pd.Timestamp("2025-12-31")
GOLDEN = ROOT / "data" / "sample" / "golden"
POLICY = read_policy("policy.yaml")
ORDER = [tier.name for tier in POLICY.tiers]
RULES = Receivables()


def invoice(customer: str, number: str, due: str, amount: float, paid: str | None = None) -> dict:
    day = pd.Timestamp(due)
    row = {"customer_id": customer, "invoice_id": number, "issued": day - pd.Timedelta(days=30), "due": day}
    return row | {"amount": amount, "paid": pd.Timestamp(paid) if paid else pd.NaT}


INVOICES = pd.DataFrame(
    [
        invoice("a", "1", "2025-12-31", 10.10),  # due today: not overdue yet
        invoice("a", "2", "2025-12-30", 0.20),
        invoice("a", "3", "2025-12-01", 30.30),
        invoice("b", "4", "2025-11-30", 100.01),
        invoice("b", "5", "2025-10-02", 7.07),
        invoice("b", "6", "2025-10-01", 5.05),
        invoice("b", "7", "2025-10-01", 9.0, "2025-12-31"),
        invoice("b", "8", "2025-11-30", 40.0, "2026-01-02"),  # nobody knows yet that it will be paid
        invoice("c", "9", "2025-09-30", 50.0),  # given up
        invoice("c", "10", "2025-10-31", 50.0),  # of the same amount, and still owed
        invoice("d", "11", "2026-03-01", 1.0),  # not issued yet
        invoice("a", "12", "2025-12-01", -0.30),  # a credit note
    ]
)
DEFAULTS = pd.DataFrame({"customer_id": ["c"], "date": [pd.Timestamp("2025-12-15")], "amount": [50.0]})


@pytest.fixture
def engine():
    return open_frames(invoices=INVOICES, defaults=DEFAULTS)


@pytest.fixture
def owed(engine):
    return open_invoices.list_open(open_invoices.list_invoices(engine, as_of=DAY), DAY)


# What is owed


def test_what_is_owed_is_placed_by_age_and_adds_up_to_the_cent(owed):
    ages = receivables.age_receivables(owed, pd.Series({"a": "key", "b": "watch"}), ["key", "watch"])
    in_all = ages[ages["tier"] == "all"].set_index("bucket")["owed"]
    assert in_all.to_dict() == {
        "not_due": 10.10,
        "1_30": 30.20,
        "31_60": 140.01,
        "61_90": 57.07,
        "over_90": 5.05,
    }
    assert in_all.sum().round(2) == 242.43 == owed["amount"].sum().round(2)
    by_tier = ages[ages["tier"] != "all"].groupby("tier")["owed"].sum().round(4)
    assert by_tier.to_dict() == {"key": 40.30, "no_tier": 50.0, "watch": 152.13}


def test_a_default_gives_up_the_oldest_unpaid_invoice_of_its_amount_and_what_is_known_later_counts_later(
    engine,
):
    invoices = open_invoices.list_invoices(engine, as_of=DAY).set_index("invoice_id")
    assert invoices["given_up"].dropna().to_dict() == {"9": pd.Timestamp("2025-12-15")}
    assert "11" not in invoices.index
    assert pd.isna(invoices.loc["8", "paid"])
    then = open_invoices.list_open(open_invoices.list_invoices(engine, as_of=DAY), "2025-12-14")
    assert set(then["invoice_id"]) == {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "12"}


def test_without_a_day_of_payment_nobody_knows_what_is_owed():
    unknown = open_frames(invoices=INVOICES.drop(columns="paid"))
    for engine, lacking, said in (
        (open_frames(), ["invoices"], "no `invoices` table"),
        (unknown, ["invoices.paid"], "without `invoices.paid` nobody knows"),
    ):
        assert open_invoices.list_lacking(engine) == lacking
        assert open_invoices.list_invoices(engine, as_of=DAY).empty
        assert open_invoices.list_overdue(engine, as_of=DAY, rules=RULES).empty
        assert said in words.explain_lacking(lacking)
    assert words.explain_lacking([]) == ""


def test_sales_since_the_last_invoice_are_exposure_where_invoices_and_purchases_agree():
    sales = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b"],
            "day": pd.to_datetime(["2025-11-10", "2025-12-05", "2025-11-10", "2025-12-05"]),
            "amount": [100.0, 25.0, 500.0, 25.0],
        }
    )
    bills = [invoice("a", "1", "2025-12-30", 106.0), invoice("b", "2", "2025-12-30", 100.0)]
    engine = open_frames(invoices=pd.DataFrame(bills), transactions=sales)
    uninvoiced = open_invoices.sum_uninvoiced(engine, as_of=DAY)
    assert uninvoiced.to_dict() == {"a": 25.0}  # b pays most of it otherwise
    now = open_invoices.list_open(open_invoices.list_invoices(engine, as_of=DAY), DAY)
    exposure = receivables.measure_exposure(now, uninvoiced)
    assert exposure["exposure"].to_dict() == {"a": 131.0, "b": 100.0}
    assert exposure["overdue"].to_dict() == {"a": 106.0, "b": 100.0}
    groups = receivables.group_exposure(exposure, pd.Series({"a": "key"}), ["key"])
    assert groups.set_index("tier")["exposure_share"].round(3).to_dict() == {"key": 0.567, "no_tier": 0.433}


def test_concentration_is_herfindahls_and_names_no_single_debtor():
    equal = receivables.measure_debtors(pd.Series(5.0, range(20)), at_least=5)
    assert (equal["herfindahl"], equal["equal_customers"], equal["largest_share"]) == pytest.approx(
        (0.05, 20, 0.25)
    )
    assert np.isnan(receivables.measure_debtors(pd.Series(5.0, range(9)), at_least=5)["largest_share"])
    assert "as if 20 equal customers" in words.caption_exposure(equal, "CNY")
    assert "too few owe" in words.caption_exposure(equal | {"herfindahl": np.nan}, "CNY")


def test_small_and_dominated_cells_are_hidden_with_what_would_reveal_them():
    rows = [(f"k{n}", -5, 10.0) for n in range(20)] + [(f"k{n}", 5, 10.0) for n in range(9)]
    rows += [("w1", 5, 10.0)] + [(f"w{n}", -5, 10.0) for n in range(2, 9)]
    rows += [(f"k{n}", 40, 1000.0 if n == 1 else 1.0) for n in range(6)]
    owed = pd.DataFrame(rows, columns=["customer_id", "days_overdue", "amount"])
    tiers = owed["customer_id"].str[0].map({"k": "key", "w": "watch"}).set_axis(owed["customer_id"])
    tiers = tiers[~tiers.index.duplicated()]
    ages = receivables.age_receivables(owed, tiers, ["key", "watch"])
    shown = receivables.hide_ages(ages, at_least=5).set_index("tier")
    assert pd.isna(shown.loc["watch", "1_30"])  # one customer
    assert pd.isna(shown.loc["key", "1_30"])  # else the total less it
    assert pd.isna(shown.loc["all", "31_60"])  # one customer owes nearly all of it
    assert shown.loc["all", ["not_due", "over_90"]].to_list() == [270.0, 0.0]
    plain = receivables.hide_ages(
        ages.assign(customers=ages["customers"] * 10, largest_share=0.1), at_least=5
    )
    assert plain.drop(columns=["tier", "total"]).notna().all(axis=None)


# What of it will be lost


def company(
    seed: int, customers: int = 250, months: int = 30, *, lost: float = 0.03, days: float = 14
) -> pd.DataFrame:
    """Invoices of every month: some never paid and given up 100 days after their due, others late."""
    random = np.random.default_rng(seed)
    month = np.tile(np.arange(months), customers)
    who = np.repeat(np.arange(customers), months)
    issued = DAY - pd.to_timedelta(30 * month, unit="D")
    due = issued + pd.Timedelta(days=30)
    late = random.exponential(days, len(who)).round() - 8
    chance = random.beta(1, 1 / lost - 1, customers)[who]
    never = random.random(len(who)) < chance
    frame = pd.DataFrame({"customer_id": [f"c{n:03d}" for n in who], "issued": issued, "due": due})
    frame["invoice_id"] = [f"{n}" for n in range(len(frame))]
    frame["amount"] = random.lognormal(6, 0.7, len(frame)).round(2)
    frame["paid"] = (due + pd.to_timedelta(late, unit="D")).where(~never)
    frame["given_up"] = (due + pd.Timedelta(days=100)).where(never)
    kinds = dict.fromkeys(open_invoices.DATES, "datetime64[us]")
    return frame[open_invoices.COLUMNS].astype(kinds).sort_values("due", ignore_index=True)


def known(invoices: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    return open_invoices.recall_invoices(invoices, day)


def test_no_share_lost_is_below_zero_where_everything_was_paid():
    for seed in range(60):
        random = np.random.default_rng(seed)
        paid = pd.DataFrame(
            {
                "customer_id": [f"c{n}" for n in range(40)],
                "amount": random.lognormal(6, 0.7, 40).round(2),
                "days": random.integers(0, 100, 40),
                "outcome": "paid",
            }
        )
        assert 0 <= credit_loss._follow(paid, 180)["raw"] < 1e-9


def test_loss_rates_rise_with_age_and_find_the_share_planted():
    rates = credit_loss.estimate_loss_rates(known(company(1), DAY), as_of=DAY, lost_after_days=180)
    table = rates.table.set_index("bucket")
    assert rates.problem == ""
    assert table["rate"].iloc[:4].is_monotonic_increasing
    assert table.loc["not_due", "low"] < 0.035 < table.loc["not_due", "high"]
    assert table.loc["61_90", "rate"] > 0.8  # hardly anybody pays that late
    assert (table["low"] <= table["rate"]).all()
    assert find_problems(rates.table, RESULTS["loss_rates"]) == []


def test_without_censoring_the_share_lost_is_the_plain_share():
    """All seen early enough to be followed to the end: Kaplan and Meier's estimate is the share itself."""
    invoices = company(2, customers=60, months=10)
    seen = credit_loss.see_earlier(known(invoices, DAY), as_of=DAY, lost_after_days=180)
    early = seen[(seen["known_days"] >= 180) & (seen["bucket"] == "1_30")]
    plain = early.loc[early["outcome"] == "lost", "amount"].sum() / early["amount"].sum()
    assert credit_loss._follow(early, 180)["raw"] == pytest.approx(plain)
    assert set(early["outcome"]) == {"paid", "lost"}


def test_a_thin_bucket_is_drawn_towards_the_line_and_one_never_seen_lies_between():
    raw, size = np.array([0.01, 0.05, 0.2, 1.0, np.nan]), np.array([400.0, 300.0, 60.0, 1.5, 0.0])
    draws = credit_loss._draw_rates(raw, size, 0)
    mean = draws.mean(axis=0)
    assert 0.2 < mean[3] < 0.95  # one customer who was lost does not make it certain
    assert mean[0] == pytest.approx(0.01, abs=0.005)
    assert (draws[:, 4] >= draws[:, 3]).all()
    assert np.ptp(np.quantile(draws[:, 3], [0.025, 0.975])) > np.ptp(np.quantile(draws[:, 1], [0.025, 0.975]))


@pytest.mark.parametrize(
    ("invoices", "problem", "said"),
    [
        (company(3, months=4), "short_history", "reach back"),
        (company(3, customers=12), "few_customers", "too few customers were invoiced"),
        (company(3, lost=0.0001), "few_losses", "have lost us"),
    ],
)
def test_below_a_minimum_it_cannot_tell(invoices, problem, said):
    rates = credit_loss.estimate_loss_rates(known(invoices, DAY), as_of=DAY, lost_after_days=180)
    assert rates.problem == problem
    assert said in words.explain_no_rates(rates)
    assert rates.table["rate"].isna().all()
    owed = open_invoices.list_open(known(invoices, DAY), DAY)
    assert credit_loss.expect_loss(owed, rates)["expected"].isna().all()


def test_the_expectation_is_what_is_owed_times_its_rate_beside_what_came_and_one_rate_for_all():
    invoices = company(4)
    rates = credit_loss.estimate_loss_rates(known(invoices, DAY), as_of=DAY, lost_after_days=180)
    losses = credit_loss.expect_loss(open_invoices.list_open(known(invoices, DAY), DAY), rates).set_index(
        "bucket"
    )
    parts = losses.drop(index="all")
    assert losses.loc["all", "owed"] == pytest.approx(parts["owed"].sum())
    assert losses.loc["all", "expected"] == pytest.approx((parts["owed"] * parts["rate"]).sum())
    assert losses.loc["all", "low"] < losses.loc["all", "expected"] < losses.loc["all", "high"]
    checks = credit_loss.check_loss_rates(known(invoices, DAY), as_of=DAY, lost_after_days=180)
    assert len(checks) == 3
    assert (checks["error"] < checks["constant_error"]).all()
    assert checks["error_high"].iloc[0] < 0
    assert "came nearer than one rate for all" in words.caption_checks(checks, 180)
    swapped = checks.assign(error_low=0.1, error_high=0.2)
    assert "one rate for all came nearer" in words.caption_checks(swapped, 180)
    neither = checks.assign(error_low=-0.1, error_high=0.2)
    assert "neither" in words.caption_checks(neither, 180)
    assert (
        words.caption_checks(checks.iloc[:0], 180) == "No earlier day shows whether it would have been right."
    )


@pytest.mark.slow
def test_what_is_lost_falls_into_the_range_in_nine_of_ten_companies_or_more():
    inside = 0
    for seed in range(100):
        invoices = company(seed, customers=120, months=24)
        day = DAY - pd.Timedelta(days=180)
        checks = credit_loss.check_loss_rates(known(invoices, DAY), as_of=DAY, lost_after_days=180, most=1)
        assert checks["day"].to_list() == [day]
        inside += bool(checks["low"].iloc[0] <= checks["happened"].iloc[0] <= checks["high"].iloc[0])
    assert inside >= 90


# Value beside risk


def test_each_customer_has_a_level_of_each_kind_and_they_are_never_added_up():
    tiers = pd.DataFrame(
        {"tier_in_force": ["key"] * 5, "terms_withheld": [True, False, False, False, False]},
        index=list("abcde"),
    )
    churn = pd.DataFrame(
        {"silent_beyond_horizon": [True, False, False, False], "p_no_purchase": [0.9, 0.5, 0.49, 0.1]},
        index=list("abcd"),
    )
    placed = value_risk.place_risks(tiers, churn, pd.Index(["a", "b"]), pd.Index(list("abc")))
    assert placed["leaving"].to_list() == ["gone_silent", "likely", "less_likely", "less_likely", "not_known"]
    assert placed["credit"].to_list() == ["terms_withheld", "overdue", "in_order", "not_known", "not_known"]
    cells = value_risk.cross_risks(placed, pd.Series({"a": 5.0, "c": 7.0, "d": 1.0}), ["key"])
    counts = cells.groupby("risk")["customers"].sum()
    assert counts.to_dict() == {"credit": 5, "leaving": 5}
    found = cells.set_index(["risk", "level"])
    assert found.loc[("leaving", "less_likely"), ["customers", "value"]].to_list() == [2, 8.0]


def test_small_cells_of_the_matrix_are_hidden_and_nothing_is_said_of_what_they_get():
    tier = ["key"] * 60 + ["watch"] * 60
    leaving = ["likely"] * 3 + ["less_likely"] * 57 + ["likely"] * 20 + ["less_likely"] * 40
    index = pd.Index([f"c{n}" for n in range(120)], name="customer_id")
    placed = pd.DataFrame({"tier": tier, "leaving": leaving, "credit": "not_known"}, index)
    cells = value_risk.hide_cells(
        value_risk.cross_risks(placed, pd.Series(10.0, index), ["key", "watch"]), at_least=5
    )
    shown = cells.set_index(["tier", "level"])["customers"]
    assert set(cells["risk"]) == {"leaving"}  # nothing is known of anybody's credit
    assert shown[[("key", "likely"), ("key", "less_likely"), ("watch", "likely")]].isna().all()
    done = pd.DataFrame({"customer_id": index, "action": "call"})
    answers = value_risk.list_answers(placed, done, at_least=5)
    assert len(answers) == 3
    assert words.write_answers(answers, cells).empty
    everything = cells.assign(customers=9)
    assert len(words.write_answers(answers, everything)) == 3
    assert "too few" in words.describe_matrix(cells.assign(customers=pd.NA)).lower()


# Which signs warn


def world(seed: int, *, effect: float = 0.0, customers: int = 400, days: int = 3) -> pd.DataFrame:
    """Who is late now is late later more often; the other signs say nothing, but for `effect` of one.

    One sign is a part of the rule, so that it separates without saying more; customers differ for good.
    """
    random = np.random.default_rng(seed)
    who = np.tile(np.arange(customers), days)
    frailty = random.normal(0, 1, customers)[who]
    habit = random.normal(0, 1, customers)[who]  # who has a sign once has it again
    late = random.random(len(who)) < 1 / (1 + np.exp(1.5 - frailty))
    sign = random.random(len(who)) < 1 / (1 + np.exp(1.2 - habit))
    chance = 1 / (1 + np.exp(2.2 - frailty - 1.2 * late - effect * sign))
    frame = pd.DataFrame({"customer_id": who, "day": np.repeat(np.arange(days), customers), "of": "credit"})
    frame = frame.assign(came=(random.random(len(who)) < chance).astype(float), rule=late.astype(float))
    known = {"late_now": late, "rising_exposure": sign, "default_year": random.random(len(who)) < 0.1}
    known["beyond_habit"] = late & (random.random(len(who)) < 0.5)
    every = [name for names in risk_signs.SIGNS.values() for name in names]
    return frame.assign(**known).reindex(columns=[*risk_signs.COLUMNS, *every])


def verdicts(grades: pd.DataFrame) -> dict[str, str]:
    return grades.set_index("warning")["verdict"].to_dict()


@pytest.mark.slow
def test_signs_that_say_nothing_beyond_the_rule_warn_in_one_of_twenty_worlds_at_most():
    claimed = 0
    for seed in range(200):
        found = verdicts(early_warnings.grade_warnings(world(seed)))
        claimed += any(said == "warns" for name, said in found.items() if name != "late_now")
    assert claimed <= 14  # of 200: 5 % and what chance adds to it


@pytest.mark.slow
def test_a_sign_that_doubles_the_odds_and_more_is_found():
    found = [verdicts(early_warnings.grade_warnings(world(seed, effect=1.0))) for seed in range(50)]
    assert sum(each["rising_exposure"] == "warns" for each in found) >= 40


def test_a_quick_world_of_each_kind():
    null = verdicts(early_warnings.grade_warnings(world(1)))
    assert null["late_now"] == "warns"
    assert null["beyond_habit"] == "as_rule"  # it separates as the rule does
    assert {null["rising_exposure"], null["default_year"]} == {"cannot_tell"}
    planted = early_warnings.grade_warnings(world(2, effect=1.2, customers=600))
    assert verdicts(planted)["rising_exposure"] == "warns"
    row = planted.set_index("warning").loc["rising_exposure"]
    assert row["low"] < row["came"] < row["high"]
    assert row["difference_low"] > 0
    assert find_problems(planted, RESULTS["warning_grades"]) == []


def test_few_customers_with_a_sign_make_no_warning_whatever_came():
    history = world(3)
    few = history["customer_id"].isin(range(15))
    history["default_year"] = few
    history["came"] = history["came"].mask(few, 1.0)
    assert verdicts(early_warnings.grade_warnings(history))["default_year"] == "too_few"


def test_only_signs_that_warned_are_signs_of_today():
    grades = pd.DataFrame(
        {"of": "credit", "warning": ["late_now", "beyond_habit"], "verdict": ["warns", "as_rule"]}
    )
    today = pd.DataFrame(
        {"customer_id": list("abc"), "of": "credit", "late_now": [True, False, True], "beyond_habit": True}
    )
    assert early_warnings.find_warned(today, grades)["customer_id"].to_list() == ["a", "c"]
    assert early_warnings.find_warned(today, grades.iloc[1:]).empty


def test_signs_of_credit_are_those_known_on_the_day():
    paid = [invoice("a", f"p{n}", f"2025-0{n}-01", 10, f"2025-0{n}-06") for n in range(1, 6)]
    paid += [invoice("b", f"q{n}", f"2025-0{n}-01", 10, f"2025-0{n}-20") for n in range(1, 6)]
    now = [invoice("a", "x", "2025-12-20", 50), invoice("b", "y", "2025-12-20", 10)]
    later = [invoice("c", "z", "2025-12-25", 10, "2026-01-20")]
    engine = open_frames(invoices=pd.DataFrame(paid + now + later), defaults=DEFAULTS)
    invoices = open_invoices.list_invoices(engine, as_of=DAY)
    gone = open_invoices.list_defaults(engine, as_of=DAY)
    signs = risk_signs.sign_credit(invoices, gone, as_of=DAY).set_index("customer_id")
    assert signs["late_now"].to_dict() == {"a": True, "b": True, "c": True}
    assert signs["beyond_habit"].to_dict() == {"a": True, "b": False, "c": False}  # of c no habit is known
    window = Holdout(DAY - pd.Timedelta(days=180), DAY, pd.DataFrame(), pd.Series(), pd.Series())
    assert risk_signs.find_late(invoices, gone, window, call_after_days=5) == {"a", "b", "c"}
    assert risk_signs.find_late(invoices, gone, window, call_after_days=30) == {"c"}  # by the default


def test_signs_of_leaving_are_graded_on_earlier_days_of_the_sample(sample_history):
    grades = early_warnings.grade_warnings(sample_history)
    assert sample_history.groupby("of")["day"].nunique().to_dict() == {"credit": 3, "leaving": 3}
    assert verdicts(grades)["unanswered_complaint"] == "warns"
    assert verdicts(grades)["buys_less"] != "warns"


@pytest.fixture(scope="module")
def sample_history():
    from crcm_lib.schema.engine import open_engine

    asked = {"days": 180, "decline": 0.5, "call_after_days": 30}
    return risk_signs.list_past_signs(open_engine(GOLDEN), as_of=DAY, **asked)


# Who grows


def buyers(seed: int, *, grows: int = 0, customers: int = 300) -> pd.DataFrame:
    """Purchase days of two years at rates that wander; some buy five times as often in the second."""
    random = np.random.default_rng(seed)
    rate = random.gamma(3, 6, customers)
    more = np.where(np.arange(customers) < grows, 5.0, 1.0)
    wander = random.gamma(30, 1 / 30, (2, customers))
    days = {"before": random.poisson(rate * wander[0]), "now": random.poisson(rate * more * wander[1])}
    both = [
        pd.DataFrame({"days_observed": 800, "days_since_last": 10, "purchases_365d": counts})
        for counts in days.values()
    ]
    return growth_watch.watch_growth(both[1], both[0], within=180)


@pytest.mark.slow
def test_where_nobody_changes_hardly_any_company_names_anybody():
    assert sum((buyers(seed)["development"] != "within_chance").any() for seed in range(200)) <= 14


def test_those_who_buy_five_times_as_often_are_named():
    """Where a fifteenth of the customers grow, about half of these are found, and hardly anybody else."""
    companies = [buyers(seed, grows=20) for seed in range(10)]
    named = [company.index[company["development"] == "grows"] for company in companies]
    assert sum((each < 20).sum() for each in named) >= 80  # of 200
    assert sum((each >= 20).sum() for each in named) <= 20
    quiet = [buyers(seed) for seed in range(20)]
    assert sum((company["development"] != "within_chance").any() for company in quiet) <= 4
    grown, quiet = (
        companies[0],
        next(each for each in quiet if (each["development"] == "within_chance").all()),
    )
    assert "grow and" in words.caption_development(grown, at_least=1)
    assert "few changed" in words.caption_development(grown, at_least=50)
    assert "nobody's purchase days" in words.caption_development(quiet, at_least=5)
    nobody = open_frames(
        transactions=pd.DataFrame({"customer_id": ["a"], "day": [DAY], "amount": [1.0]}).iloc[:0]
    )
    today = pd.DataFrame({"days_since_last": [], "purchases_365d": []})
    assert growth_watch.watch_growth(today, growth_watch.recall_year_ago(nobody, as_of=DAY), within=1).empty
    assert "too few" in words.caption_development(grown.iloc[:0], at_least=5)


# Who is called, and is sold nothing meanwhile


def test_who_owes_longer_than_the_policy_allows_is_called_with_amount_and_owner(engine):
    late = open_invoices.list_overdue(engine, as_of=DAY, rules=RULES)
    assert late["owed"].to_dict() == {"b": 152.13, "c": 50.0}
    assert late["days_overdue"].to_dict() == {"b": 91.0, "c": 61.0}
    assert list(open_invoices.list_overdue(engine, as_of=DAY, rules=Receivables(call_from=100)).index) == [
        "b"
    ]
    days = list_care_days(engine, as_of=DAY, days=90, policy=POLICY)
    assert set(days["occasion"]) == {"overdue"}
    tiers = pd.Series("key", pd.Index(list("abc"), name="customer_id"))
    given = {"as_of": DAY, "objectors": {"b"}, "refusing": {}}
    festive = days.iloc[:1].assign(customer_id="b", occasion="anniversary")
    planned = care.plan_care(tiers, pd.concat([days, festive]), POLICY, **given)
    mine = planned[planned["occasion"] == "overdue"].set_index("customer_id")
    assert mine["owed"].to_dict() == {"b": 152.13, "c": 50.0}  # objecting to marketing pays no debt
    assert set(mine["owner_role"]) == {"credit controller"}
    assert set(mine["day"]) == {DAY + pd.Timedelta(days=1)}
    assert set(planned.loc[planned["occasion"] != "overdue", "customer_id"]) == {"a"}  # greetings for others
    called = value_risk.count_called(tables.check(planned, "care"))
    assert called[["owner_role", "customers", "owed"]].to_numpy().tolist() == [
        ["credit controller", 2, 202.13]
    ]


def test_nothing_is_sold_to_who_is_called_about_what_they_owe(sample_situation):
    owing = set(sample_situation.index[sample_situation["tier"] == "growth"][:40])
    found = strategy.list_candidates(sample_situation, POLICY, as_of=DAY, owing=owing)
    selling = {action.name for action in POLICY.playbook if action.sells}
    mine = found[found["customer_id"].isin(owing)]
    assert (mine.loc[mine["action"].isin(selling) & ~mine["granted"], "barred"] == "owes_overdue").sum() > 0
    assert set(mine.loc[mine["action"].isin(selling) & ~mine["granted"], "barred"]) <= {
        "owes_overdue",
        "terms_withheld",
        "terms_for_companies",
    }
    assert "owes_overdue" not in set(mine.loc[~mine["action"].isin(selling), "barred"])
    assert "owes_overdue" not in set(found.loc[~found["customer_id"].isin(owing), "barred"])


@pytest.fixture
def sample_situation():
    known = {
        name: tables.read(GOLDEN, name)
        for name in ("scorecard", "customer_features", "stages", "value", "churn")
    }
    return strategy.describe_situation(tables.read(GOLDEN, "tiers"), **known)


def test_begun_promotions_stop_while_something_is_overdue():
    selling = next(a for a in POLICY.playbook if a.lever == "marketing" and a.contact and not a.standard)
    service = next(a for a in POLICY.playbook if a.lever == "service" and a.contact and not a.standard)
    rows = [(who, action.name) for who in "ab" for action in (selling, service)]
    running = pd.DataFrame(rows, columns=["customer_id", "action"]).assign(
        arm="treatment", start=DAY, end=DAY + pd.Timedelta(days=60), reported=True
    )
    earlier = running[["customer_id", "action"]].assign(
        day=DAY + pd.Timedelta(days=9), occasion=2, channel="email", owner_role="somebody"
    )
    given = {"as_of": DAY, "objectors": set(), "refusing": {}}
    begun = calendar.find_begun(earlier, running, POLICY, owing={"a"}, **given)
    kept = set(begun[["customer_id", "action"]].itertuples(index=False, name=None))
    assert kept == {("a", service.name), ("b", selling.name), ("b", service.name)}


# One truth on every page


def shown(name: str) -> str:
    cells = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4).cells
    return json.dumps(
        [o.data.get("text/plain", "") for c in cells for o in c.get("outputs", []) if "data" in o]
    )


def test_the_register_says_what_the_other_pages_say():
    names = ("customer_features", "churn", "tiers", "value")
    known = {name: tables.read(GOLDEN, name) for name in names}
    risk = tables.read(GOLDEN, "risk")
    exposure = risk.dropna(subset="owed").query("owed > 0")
    called = tables.read(GOLDEN, "care").query("occasion == 'overdue'")
    found = risk_register.gather_risks(known, exposure, called, at_least=5).set_index("risk")
    concentration = customer_base.measure_concentration(known["customer_features"])
    assert found.loc["top_tenth", "share"] == concentration["top_10_share"]
    states = summarise_states(known["churn"], known["customer_features"]).set_index("state")
    assert found.loc["silent", "customers"] == states.loc["silent_beyond_horizon", "customers"]
    assert found.loc["leaving", "amount"] == pytest.approx(known["churn"]["value_at_risk"].sum())
    assert found.loc["terms_withheld", "customers"] == known["tiers"]["terms_withheld"].sum()
    assert found.loc["called", "amount"] == pytest.approx(called["owed"].sum())
    here = shown("17_risk")
    for page, said in (
        ("02_customer_profile", f"{found.loc['top_tenth', 'share']:.1%} of spend"),
        ("05_churn_warning", f"{found.loc['silent', 'amount']:,.0f}"),
        ("09_strategy", f"{len(called)}"),
    ):
        assert said in shown(page)
        assert said in here
    assert f"{found.loc['owed', 'amount']:,.0f}" in here


def test_without_invoices_the_register_keeps_concentration_and_leaving():
    known = {name: tables.read(GOLDEN, name) for name in ("customer_features", "churn", "tiers", "value")}
    known["tiers"] = known["tiers"].assign(terms_withheld=False)
    nothing = open_invoices.list_invoices(open_frames(), as_of=DAY)
    exposure = receivables.measure_exposure(
        open_invoices.list_open(nothing, DAY), open_invoices.sum_uninvoiced(open_frames(), as_of=DAY)
    )
    none = open_invoices.list_overdue(open_frames(), as_of=DAY, rules=RULES)
    found = risk_register.gather_risks(known, exposure, none, at_least=5)
    assert found["risk"].to_list() == ["top_tenth", "leaving", "silent"]
    rates = credit_loss.estimate_loss_rates(nothing, as_of=DAY, lost_after_days=180)
    losses = credit_loss.expect_loss(open_invoices.list_open(nothing, DAY), rates)
    grades = early_warnings.grade_warnings(world(1).iloc[:0])
    said = words.describe_risks(found, losses, grades, "CNY", why="Not available.").markdown
    assert said.startswith("Not available.")
    assert "The top tenth brings" in said
    assert "No sign has warned before" in said
    assert "owe" not in said
    assert credit_loss.check_loss_rates(nothing, as_of=DAY, lost_after_days=180).empty


def test_whose_terms_are_withheld_is_counted_by_tier_with_what_they_owe():
    tiers = pd.DataFrame(
        {"tier_in_force": ["key", "key", "watch"], "terms_withheld": [True, True, False]}, list("abc")
    )
    exposure, value = pd.DataFrame({"exposure": [5.0]}, ["a"]), pd.Series({"a": 3.0, "b": 1.0})
    counted = value_risk.count_withheld(tiers, exposure, value, ["key", "watch"])
    assert counted.to_numpy().tolist() == [["key", 2, 4.0, 5.0, 0.75]]
    assert value_risk.count_withheld(tiers, exposure.iloc[:0], value, ["key"])["exposure"].isna().all()


def test_the_table_of_customers_says_what_is_known_of_each():
    index = pd.Index(list("abc"), name="customer_id")
    placed = pd.DataFrame({"tier": "key", "leaving": "likely", "credit": "in_order"}, index)
    exposure = pd.DataFrame(
        {"owed": [5.0], "overdue": [2.0], "days_overdue": [3.0], "exposure": [6.0]}, ["a"]
    )
    warned = pd.DataFrame({"customer_id": ["a", "a"], "warning": ["buys_less", "late_now"]})
    watch = pd.DataFrame({"development": ["grows"]}, ["b"])
    risk = value_risk.join_risks(placed, exposure, warned, watch, pd.Index(["a", "b"]))
    assert risk.loc["a", "warnings"] == "buys_less+late_now"
    assert risk["owed"].to_list()[:2] == [5.0, 0.0]
    assert pd.isna(risk.loc["c", "owed"])
    assert find_problems(risk.reset_index(), RESULTS["risk"]) == []


# Sentences


def test_sentences_say_only_what_the_figures_say():
    risks = pd.DataFrame(
        [
            ("owed", "17", 20, 1000.0, np.nan),
            ("overdue", "17", 9, 300.0, 0.3),
            ("top_tenth", "02", 9, 5.0, 0.5),
        ],
        columns=risk_register.COLUMNS,
    )
    losses = pd.DataFrame(
        {"bucket": ["all"], "customers": [20], "expected": [90.0], "low": [10.0], "high": [200.0]}
    )
    grades = pd.DataFrame({"verdict": ["warns", "cannot_tell"], "warning": ["late_now", "buys_less"]})
    said = words.describe_risks(risks, losses, grades, "CNY").markdown
    assert "20 customers owe **1,000 CNY**; 30.0% of it is overdue." in said
    assert "90.00 is expected to be lost (10.00 to 200)" in said
    assert "before, beyond chance: late now." in said
    few = words.describe_risks(risks.assign(customers=4), losses.assign(customers=4), grades, "CNY").markdown
    assert "owe" not in few
    assert "lost" not in few
    assert "overdue" not in words.describe_risks(risks.drop(index=1), losses, grades, "CNY").markdown
    unknown = words.describe_risks(risks, losses.assign(expected=np.nan), grades, "CNY").markdown
    assert "expected to be lost" not in unknown


def test_what_stands_in_place_of_tables_and_pictures():
    nothing = pd.DataFrame({"came": [], "verdict": [], "days": []})
    assert words.caption_grades(nothing, 180).startswith("No earlier day is long enough ago")
    assert "with and without them" in words.caption_grades(pd.DataFrame({"days": [3]}), 180)
    assert words.describe_grades(nothing).startswith("Too few customers")
    rates = pd.DataFrame({"age": ["1–30"], "rate": [0.1], "low": [0.05], "high": [0.2]})
    assert "1–30 10.0% (5.0% to 20.0%)" in words.describe_rates(rates, 0.03, "")
    assert words.describe_rates(rates.iloc[:0], 0.03, "why") == "why"
    assert words.describe_rates(rates.iloc[:0], 0.03, "").startswith("Too few customers of any age")
    dots = pd.DataFrame({"warning": ["late now"], "came": [0.4], "others_came": [0.1]})
    assert "late now 40.0%, without it 10.0%" in words.describe_grades(dots)
    assert words.explain_nobody_called("why") == "why"
    assert words.explain_nobody_called("").startswith("Nobody owes enough")
    assert words.explain_none_owed() == "Nobody owes anything."
    assert words.explain_no_answers().startswith("No action or occasion")
    assert words.explain_no_warnings().startswith("Nobody has a sign")
    assert words.explain_none_withheld() == "Nobody's terms are withheld for credit."
    assert "100" in words.caption_called(Receivables(call_from=100), "CNY")
    assert "Owe something" in words.caption_called(RULES, "CNY")
    losses = pd.DataFrame({"bucket": ["1_30", "all"], "customers": [3, 3], "owed": 9.0})
    losses = losses.assign(rate=0.1, expected=1.0, low=0.0, high=2.0)
    assert words.hide_losses(losses, at_least=5)["owed"].isna().all()
    grades = pd.DataFrame([{"customers": 3, "others": 90, "came": 1.0, "low": 0.4, "p": 0.01}])
    assert words.hide_grades(grades, at_least=5)["came"].isna().all()


def test_who_is_sold_nothing_meanwhile_is_told_apart_in_what_is_left_undone():
    from crcm_lib.reporting.text.actions import write_left_undone

    undone = pd.DataFrame({"reason": ["owes_overdue"], "actions": [9], "customers": [9]})
    assert (
        write_left_undone(undone)["reason"].item() == "owes what is overdue, and is called about that first"
    )
