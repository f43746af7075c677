"""The cases of the founding documents: for each preset a rule that differs, and whom it changes."""

from dataclasses import dataclass

import pandas as pd
import pytest

from crcm_lib.config.policy import read_policy
from crcm_lib.decisions import strategy
from crcm_lib.decisions.measured_indicators import list_unknown_names
from crcm_lib.decisions.profiles import list_unknown_profiles
from crcm_lib.features import decision_inputs, points_accounts
from crcm_lib.features.customers import purchase_gaps, summarise_customers
from crcm_lib.features.indicator_tables import list_names
from crcm_lib.ingest.cleaning import clean
from crcm_lib.ingest.sources import read_source
from crcm_lib.models import lifecycle, needs
from crcm_lib.pipeline import checks, leak_check
from crcm_lib.pipeline.policy_preview import preview_policy
from crcm_lib.pipeline.run import run
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.samples import cases
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.inputs import INPUTS

GIVEN = read_policy("policy.yaml")
OWN = {name: read_policy(f"policies/{name}.yaml") for name in cases.CASES}


@dataclass(frozen=True)
class Case:
    """A customer of a kind, and what the preset does for them that the given policy does not.

    `rule` is the path of what differs. `tiers`: by the preset, and by the given policy. `does` and
    `does_not`: actions of the preset, and of the given policy, that reach the customer by one and not by the
    other.
    """

    kind: str
    customer: str
    rule: str
    tiers: tuple[str, str] | None = None
    does: str = ""
    does_not: str = ""


EXPECTED = {
    "bank": Case(
        "large assets, rarely here",
        "B0003",
        "criteria.assets.weight",
        tiers=("strategic", ""),
        does="personal adviser",
        does_not="online standard channel",
    ),
    "software": Case(
        "pay and hardly use it",
        "S0142",
        "playbook.hardly used.points",
        does="hardly used",
        does_not="regular training",
    ),
    "manufacturer": Case(
        "small, buy much",
        "M0062",
        "playbook.standard catalogue.sizes",
        does="standard catalogue",
        does_not="framework terms",
    ),
    "service": Case("coming more", "S0052", "playbook.wider choice.stages", does="wider choice"),
    "technology": Case(
        "large and idle",
        "T0143",
        "criteria.activity.weight",
        tiers=("", "strategic"),
        does="reactivation",
        does_not="preview programme",
    ),
    "retail": Case("often, small baskets", "R0008", "criteria.loyalty.weight", tiers=("key", "regular")),
}


def test_every_case_has_a_preset_a_company_and_a_customer():
    assert list(cases.CASES) == list(cases.PLANTED) == list(EXPECTED)
    for name, expected in EXPECTED.items():
        truth = cases.simulate_case(name)["truth"].set_index("customer_id")["kind"]
        assert truth[expected.customer] == expected.kind
        assert len(truth) <= 300


@pytest.mark.parametrize("name", cases.CASES)
def test_a_case_is_clean_input_of_which_its_preset_leaves_nothing_out(name, tmp_path):
    cases.write_case(tmp_path, name)
    clean(read_source(tmp_path / "source.yaml"), tmp_path / "clean_run")
    engine = open_engine(tmp_path / "clean_run")
    assert list_unknown_names(OWN[name], list_names(engine)).empty
    assert list_unknown_profiles(OWN[name], decision_inputs.find_attributes(engine)).empty
    assert set(cases.simulate_case(name)) - {"truth"} <= set(INPUTS)


def actions_of(name: str) -> dict:
    return {action.name: action for action in read_policy(f"policies/{name}.yaml").playbook}


def test_a_banks_best_have_a_personal_adviser_and_ordinary_customers_the_online_channel():
    bank = actions_of("bank")
    adviser, online = bank["personal adviser"], bank["online standard channel"]
    assert (adviser.zh, adviser.tiers, adviser.channel) == ("专属理财顾问", ("strategic",), "phone")
    assert (online.zh, online.tiers, online.channel) == ("线上标准化渠道", ("regular", "watch"), "app")
    assert online.cost < adviser.cost / 100


def test_who_uses_the_software_is_trained_and_who_does_not_is_asked_why():
    software = actions_of("software")
    training, asked = software["regular training"], software["hardly used"]
    assert (training.zh, software["tips on functions"].zh) == ("定期培训", "新功能推荐")
    assert asked.zh == "主动联系了解原因"
    assert training.occasions > 1
    assert asked.points["usage"].below <= training.points["usage"].at_least  # nobody gets both


def test_equal_seeds_give_equal_companies():
    one, same, other = (cases.simulate_case("software", seed) for seed in (0, 0, 1))
    for table in one:
        pd.testing.assert_frame_equal(one[table], same[table])
    assert not one["transactions"].equals(other["transactions"])


def test_a_service_keeps_customers_new_for_longer_by_its_own_window(tmp_path):
    """`lifecycle.new_share`: three quarters, not half, of the first two visits' gap."""
    cases.write_case(tmp_path, "service")
    clean(read_source(tmp_path / "source.yaml"), tmp_path / "out")
    engine, day = open_engine(tmp_path / "out"), cases.LAST_DAY
    customers, gaps = summarise_customers(engine, as_of=day), purchase_gaps(engine, as_of=day)
    stages = []
    for policy in (OWN["service"], GIVEN):
        shares = policy.lifecycle.model_dump(exclude={"lost_return_share"})
        stages.append(lifecycle.assign_stages(customers, lifecycle.learn_windows(gaps, **shares))["stage"])
    own, given = (set(stage.index[stage == "new"]) for stage in stages)
    truth = cases.simulate_case("service")["truth"].set_index("customer_id")["kind"]
    assert given < own
    assert set(truth[sorted(own - given)]) == {"first visits"}


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.CASES)
def test_a_case_runs_end_to_end_and_its_preset_treats_a_customer_otherwise(name, tmp_path):
    cases.write_case(tmp_path, name)
    settings = {"source": str(tmp_path / "source.yaml"), "policy": f"policies/{name}.yaml"}
    published = run(RunSettings(**settings, out=str(tmp_path / "reports"))).resolve()
    assert checks.verify(published) == []
    assert leak_check.find_leaks(published, leak_check.read_ids(published)) == []
    expected, own, given = EXPECTED[name], OWN[name], GIVEN
    assert read_at(own, expected.rule) != read_at(given, expected.rule)
    proposed = preview_policy(published, own, given).proposed
    ours, theirs = proposed.loc[expected.customer]
    if expected.tiers is not None:
        for tier, found, other in zip(expected.tiers, (ours, theirs), (theirs, ours), strict=True):
            assert not tier or (found == tier != other)
    if expected.does:
        assert expected.does in reach(published, own)[expected.customer]
        assert expected.does not in {action.name for action in given.playbook}
        planned = tables.read(published, "actions")
        assert expected.does in set(planned["action"])
    if expected.does_not:
        here = {action.name for action in own.playbook} & {expected.does_not}
        found = reach(published, own if here else given)[expected.customer]
        assert (expected.does_not in found) != bool(here)


def read_at(policy, path: str):
    """What a policy has at a path; None where it has nothing there."""
    part = policy
    for key in path.split("."):
        if isinstance(part, tuple):
            part = {each.name: each for each in part}.get(key)
        else:
            part = getattr(part, key, None)
    return part


def reach(published, policy) -> dict[str, set[str]]:
    """By customer, the actions of a policy that reach them with the tiers that it proposes."""
    engine = open_engine(published)
    own = read_policy(published / "private" / "policy.yaml")
    proposed = preview_policy(published, own, policy).proposed
    known = {name: tables.read(published, name) for name in strategy.READS if tables.exists(published, name)}
    known["attributes"] = decision_inputs.find_attributes(engine)
    known["members"] = points_accounts.find_members(engine, as_of=cases.LAST_DAY)
    known["needs"] = needs.find_needs(engine, as_of=cases.LAST_DAY)
    tiers = tables.read(published, "tiers").assign(tier_in_force=proposed["after"])
    situation = strategy.describe_situation(tiers, **known)
    found = strategy.list_candidates(situation, policy, as_of=cases.LAST_DAY)
    return found.groupby("customer_id")["action"].agg(set).to_dict()
