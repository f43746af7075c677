"""Contacts: counted per customer, compared with customers as units, told only beyond chance; what follows."""

import numpy as np
import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import calendar, care
from crcm_lib.features import care_days
from crcm_lib.features import interaction_counts as counts
from crcm_lib.models import interaction as model
from crcm_lib.reporting.text import contact_balance as words
from crcm_lib.reporting.text.customer_dealings import write_interaction
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import ROOT

AS_OF = "2025-12-31"
POLICY = read_policy("policy.yaml")
CONTACTS = pd.DataFrame(
    [
        ("a", "2025-01-01 09:00", "phone", "outbound", "answered"),
        ("a", "2025-12-30 09:00", "Email", "OUT", " No Reply "),
        ("a", "2025-12-31 23:59", "活动", "呼入", "已参加"),
        ("a", "2024-12-31 09:00", "phone", "outbound", "answered"),  # a year and a day ago
        ("a", "2026-01-01 00:00", "phone", "outbound", "answered"),  # tomorrow
        ("b", "2025-06-01 09:00", "social", "outbound", "called the neighbour"),
    ],
    columns=["customer_id", "time", "channel", "direction", "outcome"],
).assign(time=lambda f: pd.to_datetime(f["time"]))
SALES = pd.DataFrame({"customer_id": ["a", "c"], "day": pd.to_datetime(["2025-03-01", "2025-03-01"])})
SALES = SALES.assign(time=SALES["day"], purchase_day=SALES["day"], kind="sale", channel="shop", amount=9.0)


def engine(contacts=CONTACTS, **more):
    return open_frames(contacts=contacts, transactions=SALES, **more)


def contacts_of(seed: int, *, customers: int = 400, answered=(0.5, 0.5, 0.5), go_together: float = 4.0):
    """Outbound contacts by three channels: answered as often as said, by customers who differ."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), 1 + random.poisson(random.gamma(1.0, 3.0, customers)))
    liking = random.beta(go_together, go_together, customers)[who]
    channel = random.integers(0, 3, len(who))
    chance = np.clip(liking + np.array(answered)[channel] - 0.5, 0, 1)
    time = pd.Timestamp(AS_OF) - pd.to_timedelta(random.integers(0, 364, len(who)), unit="D")
    return pd.DataFrame(
        {
            "customer_id": [f"c{n}" for n in who],
            "time": time,
            "channel": np.array(["phone", "email", "chat"])[channel],
            "direction": "outbound",
            "outcome": np.where(random.random(len(who)) < chance, "answered", "no answer"),
        }
    )


# What is counted


def test_a_year_of_contacts_is_counted_by_hand():
    found = counts.summarise_interaction(engine(), as_of=AS_OF)
    assert found.loc["a"].to_dict() == {
        "contacts_365d": 3,
        "events_365d": 1,
        "social_365d": 0,
        "inbound_365d": 1,
        "outbound_365d": 2,
        "days_since_contact": 0,
        "answered_share": 0.5,
    }
    assert found.loc["b", ["contacts_365d", "social_365d", "days_since_contact"]].to_list() == [1, 1, 213]
    assert np.isnan(found.loc["b", "answered_share"])  # the outcome is in no list of words
    assert found.loc["c", "contacts_365d"] == 0  # bought, and nobody spoke with them
    assert np.isnan(found.loc["c", "days_since_contact"])


def test_what_the_data_do_not_have_is_absent_and_order_changes_nothing():
    plain = counts.summarise_interaction(engine(CONTACTS.drop(columns=["direction", "outcome"])), as_of=AS_OF)
    assert "outbound_365d" not in plain
    assert "answered_share" not in plain
    none = counts.summarise_interaction(open_frames(transactions=SALES), as_of=AS_OF)
    assert none.shape == (0, 0)
    assert words.describe_missing(none) == "Not available: no `contacts` table."
    assert words.describe_missing(plain) == ""
    mixed = engine(CONTACTS.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(
        counts.summarise_interaction(mixed, as_of=AS_OF), counts.summarise_interaction(engine(), as_of=AS_OF)
    )


def test_words_that_are_in_no_list_are_told_and_not_guessed():
    unknown = counts.list_unknown_words(engine(), as_of=AS_OF)
    assert unknown[["column", "word", "contacts"]].to_numpy().tolist() == [
        ["outcome", "called the neighbour", 1]
    ]
    said = words.caption_channels(unknown, at_least=5)
    assert "Counted as unknown are 1" in said
    assert "neighbour" not in said  # of one customer
    assert "neighbour" in words.caption_channels(unknown, at_least=1)
    assert words.caption_channels(unknown.iloc[:0], at_least=1) == "Contacts of the last 365 days by channel"


def test_the_year_before_counts_only_where_it_is_whole():
    whole = counts.count_by_channel(engine(), as_of=AS_OF)
    assert set(whole["year"]) == {"now"}  # the first contact is of the last day of the year before
    early = CONTACTS.head(1).assign(time=pd.Timestamp("2023-12-01"))
    both = counts.count_by_channel(engine(pd.concat([early, CONTACTS])), as_of=AS_OF)
    assert set(both["year"]) == {"now", "before"}
    bought = counts.count_purchases_by_channel(engine(), as_of=AS_OF)
    assert bought["purchases"].to_list() == [1, 1]


def test_the_latest_contacts_stand_on_the_card():
    latest = counts.list_latest_contacts(engine(), as_of=AS_OF, most=2)
    mine = latest[latest["customer_id"] == "a"].to_dict("records")
    assert [f"{row['time']:%m-%d}" for row in mine] == ["12-31", "12-30"]
    balance = counts.summarise_interaction(engine(), as_of=AS_OF).loc["a"].to_dict()
    said = write_interaction(mine, balance)
    assert "2025-12-31 活动, 呼入, 已参加" in said[0]
    assert said[1] == (
        "In 365 days 1 contacts begun by the customer and 2 by us; of these with a known outcome 50.0% "
        "answered."
    )
    assert write_interaction([], None) == []


# Who answers


@pytest.mark.parametrize("seed", range(3))
def test_planted_channels_are_found(seed):
    found = model.measure_channels(
        counts.count_by_channel(engine(contacts_of(seed, answered=(0.5, 0.3, 0.75))), as_of=AS_OF)
    ).set_index("channel")
    assert found["verdict"].to_dict() == {"phone": "cannot_tell", "email": "less", "chat": "more"} | {
        "phone": found.loc["phone", "verdict"]
    }
    said = words.write_response(found.reset_index())
    assert "chat" in said.split(":")[0]
    assert "email" in said.split(";")[1]


def test_where_channels_are_answered_alike_hardly_any_world_says_otherwise():
    """Customers differ much in how they answer, so that contacts as units would claim far too often."""
    claims = 0
    for seed in range(50):
        found = model.measure_channels(_by_channel(contacts_of(seed, customers=120, go_together=0.7)))
        claims += (found["verdict"] != "cannot_tell").any()
    assert claims <= 6


def _by_channel(contacts: pd.DataFrame) -> pd.DataFrame:
    """`count_by_channel` without an engine."""
    answered = contacts["outcome"] == "answered"
    rows = contacts.assign(
        year="now", contacts=1, inbound=0, outbound=1, answered=answered, unanswered=~answered
    )
    keys = ["customer_id", "channel", "year"]
    return (
        rows.groupby(keys)[["contacts", "inbound", "outbound", "answered", "unanswered"]].sum().reset_index()
    )


def test_the_share_answered_and_its_interval_hold_the_truth():
    covered = 0
    for seed in range(60):
        found = model.measure_answers(_by_channel(contacts_of(seed, customers=150)))
        covered += found["low"] <= 0.5 <= found["high"]
    assert covered >= 54


def test_few_customers_make_no_claim():
    few = _by_channel(contacts_of(1, customers=15, answered=(0.9, 0.1, 0.5)))
    assert set(model.measure_channels(few)["verdict"]) == {"cannot_tell"}
    nothing = model.measure_channels(few).assign(difference=np.nan)
    assert words.write_response(nothing).startswith(
        "Whether channels are answered differently cannot be told"
    )
    alike = model.measure_channels(few).assign(difference=0.1)
    assert (
        words.write_response(alike)
        == "No channel is answered more or less often than the others beyond chance."
    )


# Is the effort where the value is?


def effort_world(seed: int, rates: tuple[float, float, float]):
    random = np.random.default_rng(seed)
    ids = [f"c{n}" for n in range(450)]
    tiers = pd.Series(np.repeat(["key", "regular", "watch"], 150), ids)
    value = pd.Series(random.gamma(0.8, 1.0, 450) * np.repeat([100, 100, 100], 150), ids)
    effort = pd.Series(random.poisson(random.gamma(1.0, np.repeat(rates, 150))), ids)
    return model.share_effort(effort, value, tiers, ["key", "regular", "watch"])


def test_effort_and_value_are_shares_of_all():
    ids = list("abcd")
    table = model.share_effort(
        pd.Series([1, 3, 0, 4], ids),
        pd.Series([50.0, 50.0, -9.0, 100.0], ids),
        pd.Series(["key", "key", "watch", "watch"], ids),
        ["key", "watch"],
    ).set_index("tier")
    assert table["effort_share"].to_list() == [0.5, 0.5]
    assert table["value_share"].to_list() == [0.5, 0.5]
    assert table["largest_share"].to_list() == [0.5, 1.0]
    assert set(table["verdict"]) == {"cannot_tell"}


def test_what_each_owner_carries_is_counted_by_hand():
    table = pd.DataFrame({"contacts_365d": [2, 4, 1]}, index=list("abc"))
    load = model.size_owners(
        table, pd.Series({"a": "S1", "b": "S1"}), pd.Series({"a": 30.0, "b": 10.0, "c": 60.0})
    )
    assert load.to_numpy().tolist() == [["S1", 2, 6, 3.0, 0.4, 0.75], ["nobody", 1, 1, 1.0, 0.6, 1.0]]
    assert words.write_owners(load)["owner"].to_list() == ["S1", "(no owner)"]
    assert len(model.size_owners(table.iloc[:, :0], pd.Series(dtype=str), pd.Series(dtype=float))) == 0


def test_a_tier_with_more_effort_than_value_is_found_and_hardly_any_null_world_says_so():
    found = effort_world(1, (1.0, 1.0, 4.0)).set_index("tier")
    assert found["verdict"].to_dict() == {"key": "less", "regular": "less", "watch": "more"}
    said = words.caption_effort(found.reset_index())
    assert said == "A larger share of the contacts than of the value: watch. A smaller share: key, regular"
    null = [effort_world(seed, (2.0, 2.0, 2.0)) for seed in range(100)]
    assert sum((each["verdict"] != "cannot_tell").any() for each in null) <= 9
    assert words.caption_effort(null[0].assign(verdict="cannot_tell")) == (
        "No tier gets more or less of the contacts than of the value beyond chance"
    )
    assert words.caption_effort(null[0].assign(difference=np.nan)).endswith("cannot be told.")
    assert "of the contacts" in words.describe_effort(null[0], "")
    assert words.describe_effort(null[0].assign(value_share=np.nan), "why") == "why"


# Do channels shift?


def mixes(seed: int, now: float):
    random = np.random.default_rng(seed)
    rows = []
    for year, share in (("before", 0.4), ("now", now)):
        often = 1 + random.poisson(2.0, 300)
        chat = random.binomial(often, np.clip(random.beta(2, 3, 300) - 0.4 + share, 0, 1))
        for channel, number in (("chat", chat), ("phone", often - chat)):
            rows.append(
                pd.DataFrame(
                    {"customer_id": range(300), "channel": channel, "year": year, "contacts": number}
                )
            )
    return model.compare_mix(pd.concat(rows, ignore_index=True), "contacts")


def test_a_shift_of_channels_is_found_and_hardly_any_null_world_says_so():
    found = mixes(1, 0.55).set_index("channel")
    assert found["verdict"].to_dict() == {"chat": "more", "phone": "less"}
    written = words.write_mix(found.reset_index()).set_index("channel")["compared"]
    assert written.to_dict() == {"chat": "a larger share", "phone": "a smaller share"}
    assert sum((mixes(seed, 0.4)["verdict"] != "cannot_tell").any() for seed in range(40)) <= 5
    only_now = pd.DataFrame({"customer_id": ["a"], "channel": "chat", "year": "now", "contacts": 1})
    assert len(model.compare_mix(only_now, "contacts")) == 0


# Who is silent, and what is done about it


def test_silent_is_who_bought_is_not_lost_and_had_no_contact_for_longer():
    ago = pd.Series({"a": 180, "b": 181, "c": 181, "d": 999, "e": 999, "f": 999})
    since = pd.Timestamp(AS_OF) - pd.to_timedelta(ago, unit="D")
    stages = pd.Series({"a": "loyal", "b": "loyal", "c": "new", "d": "lost", "e": "prospect"})
    found = model.find_silent(since, stages, as_of=AS_OF, days=180)
    assert found.to_dict() == dict(zip("abcdef", [0, 1, 1, 0, 0, 0], strict=True))
    table = pd.DataFrame(index=pd.Index(list("abcde")))
    owners, known = pd.Series({"a": "S1", "b": "S1"}), table.assign(silent=[False, True, True, False, False])
    states = model.list_states(known, owners, stages)
    assert states.to_numpy().tolist() == [["S1", "in_contact"], ["S1", "silent"], ["nobody", "silent"]]
    crossed = pd.crosstab(states["group"], states["state"])
    written = words.write_states(crossed, "owner")
    assert written[["owner", "silent", "in_contact", "silent_share"]].to_numpy().tolist() == [
        ["S1", 1, 1, 0.5],
        ["(no owner)", 1, 0, 1.0],
    ]
    assert words.write_states(crossed, "tier", ["key", "S1"])["tier"].to_list() == ["key", "S1"]


def test_silence_counts_from_the_last_contact_or_else_from_the_first_purchase():
    since = counts.find_quiet_since(engine(), as_of=AS_OF)
    assert since.astype("str").to_dict() == {"a": "2025-12-31", "c": "2025-03-01"}
    assert len(counts.find_quiet_since(open_frames(transactions=SALES), as_of=AS_OF)) == 0


def test_of_the_sample_the_silent_of_12_are_those_whom_the_calendar_has_by_that_day(sample_run):
    as_of, stages = tables.read_about(sample_run).as_of, tables.read(sample_run, "stages")["stage"]
    silent = tables.read(sample_run, "interaction")["silent"]
    days = care_days.list_care_days(open_engine(sample_run), as_of=as_of, days=1, policy=POLICY)
    days = care.drop_inactive(days[(days["occasion"] == "silence") & (days["day"] <= as_of)], stages)
    assert set(silent.index[silent]) == set(days["customer_id"])
    assert 10 < silent.sum() < len(silent) / 2


def test_a_silence_is_an_occasion_of_those_who_still_buy():
    days = care_days.list_care_days(engine(), as_of=AS_OF, days=30, policy=POLICY)
    silences = days[days["occasion"] == "silence"].set_index("customer_id")["day"]
    assert silences.to_dict() == {"c": pd.Timestamp("2025-08-29")}  # 181 days after the first purchase
    nobody = care_days.list_care_days(open_frames(transactions=SALES), as_of=AS_OF, days=30, policy=POLICY)
    assert "silence" not in set(nobody["occasion"])
    kept = care.drop_inactive(days, pd.Series({"c": "loyal"}))
    assert "silence" in set(kept["occasion"])
    assert "silence" not in set(care.drop_inactive(days, pd.Series({"c": "lost"}))["occasion"])
    planned = care.plan_care(
        pd.Series({"c": "key"}), kept, POLICY, as_of=AS_OF, objectors=set(), refusing={}
    ).set_index("action")
    assert planned.loc["silent customer call", "day"] == pd.Timestamp("2026-01-01")


def test_after_a_contact_or_complaint_nobody_is_approached_anew_for_so_long():
    tickets = pd.DataFrame({"customer_id": ["c", "b"], "kind": ["complaint", "request"]})
    tickets["opened"] = pd.Timestamp("2025-12-28")
    quiet = counts.find_quiet(engine(tickets=tickets), as_of=AS_OF, days=7)
    assert quiet.to_dict() == {"a": pd.Timestamp("2026-01-07"), "c": pd.Timestamp("2026-01-04")}
    assert len(counts.find_quiet(engine(tickets=tickets), as_of=AS_OF, days=0)) == 0
    assert len(counts.find_quiet(open_frames(), as_of=AS_OF, days=7)) == 0


def test_the_calendar_waits_until_the_quiet_time_is_over_and_service_does_not():
    named = {action.name: action for action in POLICY.playbook}
    actions = pd.DataFrame({"customer_id": ["a", "b", "a"], "priority": [1, 2, 3]})
    actions["action"] = ["second order", "second order", "satisfaction repair"]
    actions["channel"] = [named[name].channel for name in actions["action"]]
    actions["owner_role"] = [named[name].owner_role for name in actions["action"]]
    quiet = pd.Series({"a": pd.Timestamp("2026-01-20")})
    planned = calendar.plan_calendar(actions, POLICY, as_of=AS_OF, quiet=quiet).set_index(
        ["customer_id", "action"]
    )
    assert planned.loc[("a", "second order"), "day"] == pd.Timestamp("2026-01-21")
    assert planned.loc[("b", "second order"), "day"] < pd.Timestamp("2026-01-10")
    assert planned.loc[("a", "satisfaction repair"), "day"] < pd.Timestamp("2026-01-10")


# The sample, and the sentences


def test_what_the_sample_plants_is_found():
    sample = open_engine(ROOT / "data/sample/golden")
    by_channel = counts.count_by_channel(sample, as_of=AS_OF)
    shift = model.compare_mix(by_channel, "contacts").set_index("channel")["verdict"]
    begun = {"training": "more", "community": "more"}  # there were none before
    assert shift[shift != "cannot_tell"].to_dict() == {"chat": "more", "phone": "less"} | begun
    bought = counts.count_purchases_by_channel(sample, as_of=AS_OF)
    assert set(model.compare_mix(bought, "purchases")["verdict"]) == {"cannot_tell"}  # nothing planted
    answers = model.measure_channels(by_channel).set_index("channel")["verdict"]
    assert (answers["chat"], answers["campaign"]) == ("more", "less")
    golden = tables.read(ROOT / "data/sample/golden", "interaction")
    truth = pd.read_csv(
        ROOT / "data/sample/truth/contacts.csv", dtype={"customer_id": str}, keep_default_na=False
    ).set_index("customer_id")
    active = golden["silent"] | (golden["days_since_contact"] <= 180)
    planted = truth["silent"].astype(str).eq("True").reindex(golden.index).fillna(False)
    assert golden.loc[active & planted, "silent"].mean() > 0.95


def test_who_takes_part_and_through_how_many_channels():
    table = pd.DataFrame({"events_365d": [1, 0, 2], "social_365d": [0, 0, 3]}, index=list("abc"))
    taking = model.list_participants(table, pd.Series("key", list("abc")))
    assert sorted(taking["by"]) == ["event", "event", "social"]
    asked = pd.DataFrame(
        {"customer_id": ["a", "a", "x"], "channel": ["chat", "phone", "chat"], "year": "now", "inbound": 1}
    )
    bought = pd.DataFrame(
        {"customer_id": ["a", "b"], "channel": ["shop", "shop"], "year": "now", "purchases": 1}
    )
    pairs = model.list_pairs(asked.assign(contacts=1, outbound=0), bought)
    named = words.name_asked(pairs)
    assert "did not ask" in set(named["asked"])
    kinds = words.name_kinds(model.count_channels_used(pairs))
    assert len(kinds) == 2
    assert set(kinds["bought"]) == {"bought through one"}


def test_the_takeaway_says_what_is_known():
    found = model.measure_channels(_by_channel(contacts_of(1)))
    answers = model.measure_answers(_by_channel(contacts_of(1)))
    effort = effort_world(1, (1.0, 1.0, 4.0))
    states = pd.DataFrame({"group": "key", "state": ["silent"] * 9 + ["in_contact"] * 31})
    mix = mixes(1, 0.55)
    said = words.describe_interaction(answers, found, effort, states, mix).markdown
    assert "are answered" in said
    assert "**9** active customers of 40 are silent" in said
    few = words.describe_interaction(answers | {"low": np.nan}, found, effort, states.tail(35), mix).markdown
    assert "are answered (" not in few
    assert "silent" not in few  # four of them
    assert words.describe_interaction(answers, found, effort, states, mix, why="None.").markdown == "None."
    response = words.describe_response(found, "")
    assert response.startswith("Dots with 95 % intervals")
    assert words.describe_response(found.assign(low=np.nan), "why") == "why"
    assert "more than 90 days" in words.caption_silent(90)
