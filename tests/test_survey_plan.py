"""Whom to invite to a survey: enough of each tier, by a keyed hash, never twice within quiet days."""

import json

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.config.service_policy import Survey
from crcm_lib.decisions import care, survey_plan
from crcm_lib.errors import PolicyError
from crcm_lib.features.care_days import find_answered
from crcm_lib.schema.engine import open_frames
from crcm_lib.schema.results import RESULTS
from crcm_lib.schema.tables import About, find_problems

ASKED = Survey(quiet_days=180, margin=0.4, response=0.5)
NOBODY = pd.DataFrame()


def about(day="2026-01-31"):
    return About("s", "t", day, "2020-01-01", "CNY", synthetic=True)


def tiers(count=2000, tier="key"):
    return pd.Series(tier, pd.Index([f"K{n}" for n in range(count)], name="customer_id"))


def draw(day="2026-01-31", answered=(), people=None, survey=ASKED, satisfaction=NOBODY):
    people = tiers() if people is None else people
    return survey_plan.draw_invitations(satisfaction, people, survey, about(day), answered=set(answered))


def test_a_sample_is_as_large_as_cochran_says():
    """Spread 1, margin 0.4: n0 = (1.959964 / 0.4)² = 24.01; of 100 customers 24.01 / 1.2401, 20."""
    answers = pd.DataFrame({"csat": [3.0, 5.0] * 8}, index=[f"K{n}" for n in range(16)])
    spread = answers["csat"].std()
    plan = survey_plan.plan_sample(answers / spread, tiers(100), ASKED)
    (row,) = plan.to_dict("records")
    assert (row["customers"], row["answers"], row["needed"]) == (100, 16, 20)
    assert row["margin_now"] == pytest.approx(1.959964 / 4)
    assert row["invite_share"] == pytest.approx(20 / 0.5 / 100)
    assert row["invited"] == 40
    assert find_problems(plan, RESULTS["survey_plan"]) == []


def test_a_small_tier_is_asked_as_a_whole_and_an_unknown_spread_is_assumed():
    (row,) = survey_plan.plan_sample(NOBODY, tiers(8), ASKED).to_dict("records")
    assert row["invite_share"] == 1
    assert np.isnan(row["margin_now"])
    assert len(survey_plan.plan_sample(NOBODY, pd.concat([tiers(9), tiers(9, "watch")]), ASKED)) == 2


def test_over_a_round_as_many_are_invited_as_the_plan_says_and_nobody_twice():
    first, second = draw("2025-12-31"), draw("2026-03-31")  # 90 days each, half a round
    both = pd.concat([first, second])
    assert both["customer_id"].is_unique
    plan = survey_plan.plan_sample(NOBODY, tiers(), ASKED)["invited"].item()
    assert len(both) == pytest.approx(plan, abs=4 * plan**0.5)


@pytest.mark.parametrize("days", [1, 7, 45, 100])
def test_runs_that_overlap_invite_the_same_customers_on_the_same_days(days):
    now, later = pd.Timestamp("2026-01-31"), pd.Timestamp("2026-01-31") + pd.Timedelta(days=days)
    one, other = draw(f"{now:%Y-%m-%d}"), draw(f"{later:%Y-%m-%d}")
    shared = [
        each[(each["day"] > later) & (each["day"] <= now + pd.Timedelta(days=90))] for each in (one, other)
    ]
    keyed = [part.set_index("customer_id")["day"].sort_index() for part in shared]
    pd.testing.assert_series_equal(*keyed)
    assert one["day"].between(now + pd.Timedelta(days=1), now + pd.Timedelta(days=90)).all()


def test_between_two_invitations_of_a_customer_lie_whole_periods():
    days = [draw(f"{pd.Timestamp('2024-01-31') + pd.Timedelta(days=90 * n):%Y-%m-%d}") for n in range(16)]
    gaps = pd.concat(days).groupby("customer_id")["day"].apply(lambda each: each.sort_values().diff().dt.days)
    assert (gaps.dropna() % 180 == 0).all()
    assert gaps.min() >= 180
    rounds = pd.concat(days)["customer_id"].value_counts()
    assert rounds.max() < 7  # of eight rounds: not always the same are drawn


def test_who_answered_is_not_asked_and_the_order_of_customers_changes_nothing():
    everybody = draw()
    some = everybody["customer_id"].iloc[:3]
    assert set(draw(answered=some)["customer_id"]) == set(everybody["customer_id"]) - set(some)
    pd.testing.assert_frame_equal(draw(people=tiers().sample(frac=1, random_state=1)), everybody)


def test_who_answered_within_the_days_is_found():
    log = pd.DataFrame({"customer_id": ["a", "b", "c", "d"], "instrument": "nps", "score": 9})
    log["time"] = pd.to_datetime(
        ["2026-01-31 23:00", "2026-02-01", "2025-08-05", "2025-08-04"], format="ISO8601"
    )
    assert find_answered(open_frames(surveys=log), as_of="2026-01-31", days=180) == {"a", "c"}
    assert find_answered(open_frames(tickets=log), as_of="2026-01-31", days=180) == set()


def test_an_invitation_reaches_the_plan_but_nobody_who_objects():
    policy = read_policy("policy.yaml")
    people = tiers(300)
    days = pd.DataFrame(
        {"customer_id": ["K1"], "occasion": ["birthday"], "day": pd.to_datetime(["2026-02-03"])}
    )
    asked = {"survey": policy.survey, "about": about(), "answered": set()}
    both = survey_plan.add_invitations(days, NOBODY, people, **asked)
    assert both["day"].is_monotonic_increasing
    assert set(both["occasion"]) == {"birthday", "survey"}
    invited = set(both.loc[both["occasion"] == "survey", "customer_id"])
    objecting = set(sorted(invited)[:5])
    planned = care.plan_care(people, both, policy, as_of="2026-01-31", objectors=objecting, refusing={})
    assert set(planned.loc[planned["occasion"] == "survey", "customer_id"]) == invited - objecting


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"survey.quiet_days": 7}, "greater than or equal to 30"),
        ({"survey.margin": 0}, "greater than 0"),
        ({"survey.response": 1.5}, "less than or equal to 1"),
    ],
)
def test_what_does_not_fit_in_the_policy_is_said(change, words):
    with pytest.raises(PolicyError, match=words):
        read_policy("policy.yaml", json.dumps(change))
