"""Which tier is in force: small differences change nothing, moves down wait for a named person."""

from datetime import date

import pandas as pd
import pytest
from fixtures.decided import decide
from fixtures.store import COLUMNS, clean_rows

from crcm_lib.config.policy import ReleasedMove, read_policy
from crcm_lib.decisions import approvals, scorecard, standings
from crcm_lib.decisions.standings import reach
from crcm_lib.decisions.tiers import bound_tiers, find_withheld_terms
from crcm_lib.errors import DataError
from crcm_lib.features import decision_inputs
from crcm_lib.schema.engine import open_engine, open_frames
from crcm_lib.schema.tables import check

POLICY = read_policy("policy.yaml")
NAMES, MARGIN = [tier.name for tier in POLICY.tiers], POLICY.approvals.margin
DAYS = {"first": "2025-01-31", "second": "2025-02-28", "third": "2025-03-31"}
SALES = [f"K{n % 20},2024-{1 + n % 6:02d}-{1 + n % 28:02d},mug,{10 + n % 7}.50" for n in range(120)]


def propose(*tiers: str, near: int = 0, spared: int = 0, score: float = 50.0) -> pd.DataFrame:
    """Customers A, B, … with these tiers proposed; `near` tiers on either side lie within the margin.

    Without the criteria that take terms away they would be `spared` tiers better, at this score.
    """
    places = [NAMES.index(tier) for tier in tiers]
    bounds = {
        "tier_proposed": list(tiers),
        "tier_lowest": [NAMES[min(place + near, 4)] for place in places],
        "tier_highest": [NAMES[max(place - near - spared, 0)] for place in places],
        "tier_spared": [NAMES[max(place - spared, 0)] for place in places],
    }
    index = pd.Index(list("ABCDEFGH"[: len(tiers)]), name="customer_id")
    proposed = pd.DataFrame(bounds, index, dtype="str")
    proposed = proposed.assign(reason="conditions_met", firmness=1.0, terms_withheld=spared > 0)
    return proposed.assign(score=50.0, score_spared=score)


def follow(*proposals: pd.DataFrame, policy=POLICY, **decisions) -> pd.DataFrame:
    """The table `tiers` of the last of several runs, a month apart; all decisions are known from then on.

    Each but the first follows a run of the day before with the same points, so that these are seen twice.
    """
    tiers, known = None, decide()
    for number, proposed in enumerate(proposals):
        day = pd.Timestamp("2025-01-31") + pd.offsets.MonthEnd(number)
        if number:
            tiers = put(proposed, tiers, known, policy, as_of=day - pd.Timedelta(days=1))
        known = decide(**decisions)
        known = known[known["day"] <= day]
        tiers = put(proposed, tiers, known, policy, as_of=day)
    return tiers


def put(*given, as_of) -> pd.DataFrame:
    return check(approvals.put_in_force(*given, as_of=as_of), "tiers")


def states(tiers: pd.DataFrame) -> list:
    return tiers[["tier_in_force", "came_by", "state"]].to_numpy().tolist()


def test_on_a_first_run_what_is_proposed_is_in_force():
    tiers = follow(propose("key", "watch"))
    assert states(tiers) == [["key", "first", "agrees"], ["watch", "first", "agrees"]]
    assert (tiers["in_force_since"] == pd.Timestamp("2025-01-31")).all()
    assert tiers["signed_by"].isna().all()


def test_a_clear_move_up_comes_by_itself_and_a_clear_move_down_waits():
    tiers = follow(propose("key", "watch"), propose("regular", "regular"))
    assert states(tiers) == [["key", "first", "waits"], ["regular", "rose", "agrees"]]
    assert tiers["in_force_since"].dt.month.to_list() == [1, 2]
    assert tiers.loc["A", "state_since"] == pd.Timestamp("2025-02-28")
    assert tiers.loc["A", "state_until"] == pd.Timestamp("2025-05-29")  # 90 days


def test_a_difference_within_the_margin_changes_nothing_in_either_direction():
    tiers = follow(propose("key", "watch"), propose("growth", "regular", near=1))
    assert states(tiers) == [["key", "first", "margin"], ["watch", "first", "margin"]]


@pytest.mark.parametrize(
    ("points", "found"),
    [
        (MARGIN, [["key", "first", "margin"], ["regular", "rose", "agrees"]]),
        (-MARGIN, [["key", "first", "waits"], ["watch", "first", "margin"]]),
        (MARGIN - 0.1, [["key", "first", "margin"], ["watch", "first", "margin"]]),
    ],
)
def test_within_the_margin_a_score_that_has_moved_as_far_changes_the_tier_the_way_it_went(points, found):
    tiers = follow(propose("key", "watch"), propose("growth", "regular", near=1, score=50 + points))
    assert states(tiers) == found
    moved = tiers["came_by"] == "rose"
    assert (tiers["score_then"] == moved.map({True: 50 + points, False: 50.0})).all()


def test_what_is_clear_in_one_run_changes_nothing_and_in_two_in_a_row_it_does():
    first, moved = propose("key", "watch"), propose("regular", "regular")
    tiers = put(first, None, decide(), POLICY, as_of="2025-01-31")
    once = put(moved, tiers, decide(), POLICY, as_of="2025-02-28")
    assert states(once) == [["key", "first", "once"], ["watch", "first", "once"]]
    back = put(first, once, decide(), POLICY, as_of="2025-03-31")
    again = put(moved, back, decide(), POLICY, as_of="2025-04-30")
    assert states(again) == states(once)
    twice = put(moved, once, decide(), POLICY, as_of="2025-03-31")
    assert states(twice) == [["key", "first", "waits"], ["regular", "rose", "agrees"]]


def test_the_way_of_the_score_is_counted_from_the_day_the_tier_came_into_force():
    half = MARGIN * 0.6
    slowly = [propose("watch", near=1), propose("watch", near=1, score=50 + half)]
    slowly += [propose("regular", near=1, score=50 + 2 * half)]
    assert states(follow(*slowly)) == [["regular", "rose", "agrees"]]
    back = propose("watch", near=1, score=50 + half)  # less than the margin since it rose
    assert states(follow(*slowly, back)) == [["regular", "rose", "margin"]]


def test_however_far_the_score_moves_credit_alone_takes_no_tier():
    down = propose("regular", near=1, spared=1, score=50 - 2 * MARGIN)
    assert states(follow(propose("growth"), down)) == [["growth", "first", "only_terms"]]


def test_who_falls_for_credit_alone_keeps_the_tier_in_force_and_no_rule_releases_it():
    rule = {"before": "key", "after": "watch", "by": "Li", "because": "-"}
    rules = (ReleasedMove(**rule, day=date(2025, 1, 1), until=date(2025, 12, 31)),)
    given = POLICY.approvals.model_copy(update={"rules": rules})
    policy = POLICY.model_copy(update={"approvals": given})
    down = propose("watch", "watch", spared=1)  # growth and regular lie between
    assert states(follow(propose("key", "regular"), down, policy=policy)) == [
        ["watch", "rule", "agrees"],
        ["regular", "first", "only_terms"],
    ]
    for_credit = propose("watch", spared=3)
    assert states(follow(propose("key"), for_credit, policy=policy)) == [["key", "first", "only_terms"]]


def test_bad_credit_withholds_terms_and_the_tier_it_spares_is_that_of_the_score_without_it():
    criteria = tuple(each for each in POLICY.criteria if each.name in ("contribution", "credit"))
    policy = POLICY.model_copy(update={"criteria": criteria})
    weights = {"contribution": 0.5, "credit": 0.5}
    border = {"strategic": 80.0, "key": 60.0, "growth": 50.0, "regular": 40.0}
    cutoffs = {name: {"score": scorecard.Cutoff(at_least=points)} for name, points in border.items()}
    model = scorecard.ScorecardModel(
        policy_version=1,
        learned_on="",
        customers=3,
        scales={},
        weights=(weights,),
        cutoffs=(cutoffs | {"watch": {}},),
    )
    card = pd.DataFrame(
        {"contribution": [70.0, 70, 20], "credit": [0.0, 45, None], "score": [35.0, 57.5, 20]}
    )
    bounds = bound_tiers(card, policy, model)
    assert bounds["tier_proposed"].to_list() == ["watch", "growth", "watch"]
    assert bounds["tier_highest"].to_list() == ["strategic", "strategic", "watch"]
    assert bounds["tier_spared"].to_list() == ["key", "key", "watch"]
    assert bounds["score_spared"].to_list() == [70, 70, 20]
    assert find_withheld_terms(card, policy).to_list() == [True, False, False]


@pytest.mark.parametrize(
    ("near", "score", "reached"),
    [
        (0, 50.0, ["growth", "regular"]),
        (1, 50.0, ["key", "watch"]),
        (1, 50.0 + MARGIN, ["key", "regular"]),
        (1, 50.0 - MARGIN, ["growth", "watch"]),
    ],
)
def test_a_tier_is_reached_by_the_margin_in_redrawn_histories_as_in_those_seen(near, score, reached):
    then, now = propose("key", "watch"), propose("growth", "regular", near=near, score=score)
    assert reach(then, now, POLICY).to_list() == reached
    ((before, after),) = standings._pair([then], [now], POLICY)
    assert (before.to_list(), after.to_list()) == (["key", "watch"], reached)


def test_who_comes_back_waits_no_longer():
    tiers = follow(propose("key"), propose("watch"), propose("key"))
    assert states(tiers) == [["key", "first", "agrees"]]
    assert tiers[["state_since", "state_until"]].isna().all(axis=None)


def test_a_new_customer_has_the_tier_proposed_and_one_of_a_tier_that_is_gone_too():
    before = follow(propose("key", "key")).replace({"tier_in_force": {"key": "gold"}}).iloc[:1]
    tiers = approvals.put_in_force(propose("watch", "watch"), before, decide(), POLICY, as_of="2025-02-28")
    assert states(tiers) == [["watch", "first", "agrees"]] * 2


def test_an_approved_move_comes_into_force_and_names_who_signed_it():
    approve = {"decision": "approve", "day": "2025-03-05"}
    tiers = follow(propose("key"), propose("watch"), propose("watch"), A=approve)
    assert states(tiers) == [["watch", "approved", "agrees"]]
    assert tiers.loc["A", ["signed_by", "signed_reason"]].to_list() == ["Li", "seen"]
    assert tiers.loc["A", "in_force_since"] == pd.Timestamp("2025-03-31")


def test_an_approval_of_before_the_move_was_proposed_releases_nothing():
    approve = {"decision": "approve", "day": "2025-02-10"}
    assert states(follow(propose("key"), propose("watch"), propose("watch"), A=approve)) == [
        ["key", "first", "waits"]
    ]


@pytest.mark.parametrize(
    ("today", "in_force", "state"),
    [("watch", "regular", "waits"), ("growth", "growth", "agrees"), ("key", "key", "agrees")],
)
def test_an_approval_reaches_as_far_as_what_was_signed_and_what_is_proposed_today(today, in_force, state):
    approve = {"decision": "approve", "day": "2025-03-05"}
    before = follow(propose("key"), propose("regular"))
    tiers = put(propose(today), before, decide(A=approve), POLICY, as_of="2025-03-31")
    assert tiers.loc["A", ["tier_in_force", "state"]].to_list() == [in_force, state]


def test_an_approval_is_used_up_by_its_move():
    approve = {"decision": "approve", "day": "2025-03-05"}
    runs = [propose(tier) for tier in ("key", "regular", "regular", "watch")]
    assert states(follow(*runs, A=approve)) == [["regular", "approved", "waits"]]


def test_a_move_up_within_the_margin_can_be_approved():
    approve = {"decision": "approve", "day": "2025-03-05"}
    near = propose("key", near=1)
    assert states(follow(propose("growth"), near, near, A=approve)) == [["key", "approved", "agrees"]]


def test_what_is_kept_waits_no_longer_and_waits_anew_when_that_ends():
    keep = {"decision": "keep", "day": "2025-03-05", "until": "2025-04-15"}
    runs = [propose("key"), propose("watch"), propose("watch"), propose("watch")]
    kept = follow(*runs[:3], A=keep)
    assert states(kept) == [["key", "first", "kept"]]
    assert kept.loc["A", ["signed_by", "state_until"]].to_list() == ["Li", pd.Timestamp("2025-04-15")]
    over = follow(*runs, A=keep)
    assert states(over) == [["key", "first", "waits"]]
    assert over.loc["A", "state_since"] == pd.Timestamp("2025-04-29")


def test_a_tier_set_by_a_person_holds_against_the_score_until_it_ends():
    put = {"decision": "set", "tier": "strategic", "day": "2025-01-10", "until": "2025-02-28"}
    runs = [propose("regular")] * 3
    held, ended = follow(*runs[:2], A=put), follow(*runs, A=put)
    assert states(held) == [["strategic", "set", "set"]]
    assert held.loc["A", "state_until"] == pd.Timestamp("2025-02-28")
    assert states(ended) == [["regular", "set_ended", "agrees"]]
    assert ended.loc["A", "signed_by"] == "Li"


def test_without_an_end_of_its_own_a_decision_ends_by_the_policy():
    tiers = follow(propose("regular"), A={"decision": "set", "tier": "key", "day": "2025-01-10"})
    assert tiers.loc["A", "state_until"] == pd.Timestamp("2026-01-10")


def test_an_undecided_move_lapses_and_waits_anew_and_the_tier_stays_in_force():
    runs = [propose("key")] + [propose("watch")] * 9
    found = [follow(*runs[:number]) for number in range(2, 10)]
    assert [tiers["state"].item() for tiers in found] == ["waits"] * 3 + ["lapsed"] * 3 + ["waits"] * 2
    assert {tiers["tier_in_force"].item() for tiers in found} == {"key"}


def test_a_rule_of_the_policy_releases_its_moves_while_it_lasts_and_signs_them():
    rule = ReleasedMove(
        before="regular",
        after="watch",
        by="Head of sales",
        day=date(2025, 1, 1),
        until=date(2025, 2, 28),
        because="little contact costs nobody anything",
    )
    given = POLICY.approvals.model_copy(update={"rules": (rule,)})
    policy = POLICY.model_copy(update={"approvals": given})
    first, down = propose("regular", "key"), propose("watch", "watch")
    released = follow(first, down, policy=policy)
    assert states(released) == [["watch", "rule", "agrees"], ["key", "first", "waits"]]
    assert released.loc["A", "signed_by"] == "Head of sales"
    assert released["signed_by"].isna().to_list() == [False, True]
    once = put(down, follow(first, policy=policy), decide(), policy, as_of="2025-02-28")
    assert states(once)[0] == ["regular", "first", "once"]
    late = follow(first, first, down, policy=policy)
    assert states(late)[0] == ["regular", "first", "waits"]
    near = follow(first, propose("watch", "watch", near=1), policy=policy)
    assert states(near)[0] == ["regular", "first", "margin"]


def test_equal_customers_with_an_equal_history_are_never_parted():
    runs = [propose(tier, tier, tier, near=near) for tier, near in (("key", 0), ("watch", 0), ("growth", 1))]
    tiers = follow(*runs)
    assert len(tiers.drop_duplicates()) == 1


def test_the_queue_holds_what_waits_and_no_more_the_first_to_lapse_first():
    early = propose("key", "strategic", "regular"), propose("watch", "strategic", "watch")
    tiers = follow(*early, propose("watch", "watch", "watch"))
    queue = approvals.list_waiting(tiers, POLICY)
    assert list(queue.index) == ["A", "C", "B"]
    check(queue.assign(because="-"), "waiting_moves")
    assert queue.loc["A", ["tier_in_force", "tier_proposed"]].to_list() == ["key", "watch"]


def test_the_rows_order_changes_nothing():
    runs = [propose("key", "watch", "regular"), propose("watch", "key", "regular")]
    keep = {"decision": "keep", "day": "2025-02-05"}
    turned = follow(*(run.iloc[::-1] for run in runs), B=keep).sort_index()
    pd.testing.assert_frame_equal(turned, follow(*runs, B=keep))


def test_a_tier_that_the_policy_does_not_have_is_refused():
    with pytest.raises(
        DataError, match=r"1 decision\(s\) set a tier .*unknown tier 'kye'. Did you mean 'key'"
    ):
        follow(propose("key"), A={"decision": "set", "tier": "kye", "day": "2025-01-10"})


def test_a_run_refuses_such_a_decision_before_any_kernel(shop, monkeypatch):
    monkeypatch.setattr("crcm_lib.pipeline.kernel.Kernel.__init__", None)
    rows = "customer_id,decision,by,day,reason,tier\nK0001,set,Li,2024-02-01,why,platinum\n"
    shop.source.with_name("approvals.csv").write_text(rows)
    columns = "customer_id: customer_id, decision: decision, by: by, day: day, reason: reason, tier: tier"
    part = f"""
  approvals:
    path: {shop.source.with_name("approvals.csv")}
    delimiter: ","
    time_format: "%Y-%m-%d"
    columns: {{{columns}}}
"""
    shop.source.write_text(shop.source.read_text().rstrip() + part)
    with pytest.raises(DataError, match="unknown tier 'platinum'"):
        shop.run()


# From the file to the decisions


def write(store, *records: str, header: str = "customer_id,decision,by,day,reason,tier,until"):
    store.part(columns=COLUMNS).write(SALES)
    store.part("approvals", path="approvals.csv", columns={name: name for name in header.split(",")})
    return store.write(records, "approvals.csv", header)


def test_the_latest_decision_signed_by_the_day_counts(store):
    write(
        store,
        "K1,keep,Li,2024-03-01,known for years,,",
        "K1,approve,Wang,2024-04-01,gone quiet,,",
        "K1,set,Wang,2024-12-01,later,key,",
        "K2,set,Li,2024-03-01,reference customer,key,2024-12-31",
    )
    out = store.clean(as_of="2024-06-28")
    assert len(clean_rows(out, table="approvals")) == 3
    engine = open_engine(out)
    found = decision_inputs.find_approvals(engine, as_of="2024-06-28")
    assert found["decision"].to_dict() == {"K1": "approve", "K2": "set"}
    assert found["tier"].to_dict()["K2"] == "key"
    past = decision_inputs.find_approvals(engine, as_of="2024-03-31")
    assert past["decision"].to_dict() == {"K1": "keep", "K2": "set"}
    assert decision_inputs.find_approvals(open_frames(), as_of="2024-03-31").empty


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("K999,keep,Li,2024-03-01,why,,", "record 2 of approvals.csv: no record of a customer has this id"),
        ("K2,agree,Li,2024-03-01,why,,", "record 2 of approvals.csv: a decision is approve, keep or set"),
        ("K2,set,Li,2024-03-01,why,,", "record 2 of approvals.csv: `set` needs a tier"),
        ("K2,keep,Li,2024-03-01,why,key,", "record 2 of approvals.csv: `set` needs a tier"),
        ("K2,keep,,2024-03-01,why,,", "record 2 of approvals.csv: by missing"),
        ("K2,keep,Li,2024-03-01,,,", "record 2 of approvals.csv: reason missing"),
        ("K2,keep,Li,2024-03-01,why,,2024-02-01", "record 2 of approvals.csv: ends before the day"),
        (
            "K1,approve,Li,2024-03-01,why,,",
            "2 record(s), the first is record 1 of approvals.csv: two different",
        ),
    ],
)
def test_a_decision_that_cannot_be_obeyed_stops_the_run_with_its_place_and_cure(store, record, said):
    message = write(store, "K1,keep,Li,2024-03-01,why,,", record).refused(as_of="2024-06-28")
    assert said in message
    assert not any(word in message for word in ("K999", "K1", "K2"))


def test_the_same_decision_twice_is_one_and_columns_that_nobody_needs_may_be_absent(store):
    write(store, *["K1,keep,Li,2024-03-01,why"] * 2, header="customer_id,decision,by,day,reason")
    assert len(clean_rows(store.clean(as_of="2024-06-28"), table="approvals")) == 1
