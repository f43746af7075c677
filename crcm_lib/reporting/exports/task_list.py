"""The plan as tasks: one line for each contact and each thing to set up, with why and what to say."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from crcm_lib.config.policy import Action, Policy
from crcm_lib.features.decision_inputs import find_attributes
from crcm_lib.i18n import IS_CHINESE, _
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.reporting.text.offers import write_upgrades
from crcm_lib.reporting.text.outside_notes import list_notes
from crcm_lib.reporting.text.profile import write_stage_reasons
from crcm_lib.schema import tables
from crcm_lib.schema.engine import columns_of, open_engine

COLUMNS = {  # of a task, in the order in which a reader needs them
    "day": "day",
    "owner_role": "text",
    "owner": "text",
    "customer_id": "text",
    "tier": "text",
    "action": "text",
    "channel": "text",
    "occasion": "text",
    "cost": "money",
    "gain": "money",
    "hours": "money",
    "why": "text",
    "say": "text",
    "offer": "text",
}


def list_tasks(folder: Path, policy: Policy) -> pd.DataFrame:
    """Every task of a run: its plan, occasions of customers, what earlier plans began; no standard offers.

    Parameters
    ----------
    folder
        A run: its tables `actions`, `calendar`, and where they are there `care`, `next_offers`, `tiers`,
        `stages`, `customer_features`, and the clean table `customers` with `owner`.
    policy
        Its playbook says what to say: see `list_words`.

    Returns
    -------
    Columns `COLUMNS`, by day: `day` (missing for what needs no approach and is set up once), `owner` (of the
    customer; "" where nobody is named), `occasion` ("2 of 3"), `cost`, expected `gain` (less its cost;
    missing where it is unknown) and `hours` (of the role; missing where the policy names none) of this one,
    so that costs and gains of a customer's action add up to those of the tables `actions` and `care`; what an
    earlier plan began has no gain here, as that one counted it; `why` is the customer's own, `say` is the
    same for all of an action, and `offer` names what to offer this customer ("" where the action offers
    nothing). No rows where the run has no plan.
    """
    if not tables.exists(folder, "actions"):
        return pd.DataFrame(columns=list(COLUMNS))
    actions, calendar = tables.read(folder, "actions"), tables.read(folder, "calendar")
    playbook = {action.name: action for action in policy.playbook if not action.standard}
    hours = {entry.name: entry.hours for entry in [*playbook.values(), *policy.care]}
    planned = pd.concat([_read_care(folder), actions[actions["action"].isin(playbook)]], ignore_index=True)
    keys = ["customer_id", "action"]
    begun = _find_begun(folder, calendar, planned[keys], playbook)
    dated = planned.merge(calendar[[*keys, "day", "occasion"]], on=keys, how="left")
    of_action = dated.groupby(keys)["action"].transform("size")
    dated = pd.concat([dated.assign(cost=dated["cost"] / of_action, gain=dated["gain"] / of_action), begun])
    dated = dated.reset_index(drop=True)
    of_action = pd.concat([of_action, begun["times"]], ignore_index=True).astype("int64")
    once = _("once")
    words = _("{occasion} of {times}")
    occasion = [
        once if times == 1 else words.format(occasion=int(number), times=times)
        for number, times in zip(dated["occasion"].fillna(1), of_action, strict=True)
    ]
    tasks = dated.assign(
        occasion=occasion,
        hours=dated["action"].map(hours).astype("float64"),
        owner=dated["customer_id"].map(_find_owners(folder)).astype("object").fillna("").astype("str"),
        why=_join_notes(
            dated["customer_id"].map(write_why(folder, dated["customer_id"].unique())).fillna(""),
            dated["customer_id"].map(write_notes(folder, dated["customer_id"].unique(), policy)),
        ),
        say=dated["action"].map(list_words(policy, chinese=IS_CHINESE)),
        offer=_write_offers(folder, dated, playbook),
    )
    return tasks.sort_values(["day", "priority", *keys], ignore_index=True)[list(COLUMNS)]


def list_words(policy: Policy, *, chinese: bool) -> dict[str, str]:
    """What to say for each action and occasion: `say`, in Chinese `say_zh`; where it has none, `because`."""
    return {
        entry.name: (entry.say_zh if chinese else "") or entry.say or entry.because
        for entry in [*policy.care, *policy.playbook]
    }


def _find_begun(
    folder: Path, calendar: pd.DataFrame, planned: pd.DataFrame, playbook: dict[str, Action]
) -> pd.DataFrame:
    """The contacts of the calendar that belong to no action of the plan: an earlier run began these.

    Beside the columns of `calendar`: `tier` in force, `cost` of the contact, `times` that the action is done,
    and `priority` 0, as who has begun goes on first.
    """
    listed = pd.MultiIndex.from_frame(calendar[["customer_id", "action"]])
    begun = calendar[~listed.isin(pd.MultiIndex.from_frame(planned))]
    facts = [playbook[name] for name in begun["action"]]
    tier = begun["customer_id"].map(tables.read(folder, "tiers")["tier_in_force"]) if len(begun) else ""
    cost = pd.Series([float(action.cost) for action in facts], begun.index, dtype="float64")
    times = pd.Series([action.occasions for action in facts], begun.index, dtype="int64")
    return begun.assign(tier=tier, cost=cost, times=times, priority=0)


def _read_care(folder: Path) -> pd.DataFrame:
    """The occasions of customers like actions, before all others; the tier is the one in force."""
    if not tables.exists(folder, "care"):
        return pd.DataFrame()
    care = tables.read(folder, "care").drop(columns=["occasion", "day"])
    tier = care["customer_id"].map(tables.read(folder, "tiers")["tier_in_force"])
    return care.assign(tier=tier, priority=0)


def _write_offers(folder: Path, tasks: pd.DataFrame, playbook: dict[str, Action]) -> pd.Series:
    """What a task offers its customer: an item not bought yet, a price band up, points; or ""."""
    is_offer = tasks["action"].isin([name for name, action in playbook.items() if action.offers])
    offers = _write_points(tasks)
    if not is_offer.any():
        return offers
    for table, write in (("next_offers", _name_items), ("upgrade_offers", write_upgrades)):
        if tables.exists(folder, table):
            said = tasks["customer_id"].map(write(tables.read(folder, table))).where(is_offer)
            offers += "; " + said.astype("object").fillna("").astype("str")
    return offers.str.strip("; ")


def _write_points(tasks: pd.DataFrame) -> pd.Series:
    """How many points are about to expire, where that is what the task is about."""
    words = _("{points:count} points expire")
    if "points" not in tasks:
        return pd.Series("", index=tasks.index)
    return (
        tasks["points"]
        .map(lambda points: fill(words, points=points) if pd.notna(points) else "")
        .astype("str")
    )


def _name_items(offers: pd.DataFrame) -> pd.Series:
    """The items to offer to each customer, the best first."""
    items: pd.Series = (
        offers.sort_values(["customer_id", "rank"]).groupby("customer_id")["item"].agg(", ".join)
    )
    return items


def _find_owners(folder: Path) -> dict[str, str]:
    """Who looks after each customer, where the data name anybody."""
    engine = open_engine(folder)
    if "owner" not in columns_of(engine, "customers"):
        return {}
    named = "select customer_id, owner from customers where owner is not null"
    return dict(engine.execute(named).fetchall())


def _join_notes(why: pd.Series, notes: pd.Series) -> pd.Series:
    """The customer's own reason, and what is to be known of the industry and region beside it."""
    both = why.astype("object") + " " + notes.astype("object").fillna("")
    return both.str.strip().astype("str")


def write_notes(folder: Path, customers: Iterable[str], policy: Policy) -> dict[str, str]:
    """What the policy says of the industry and region of each of these customers; only those it speaks of."""
    if not policy.markets and not policy.region_notes:
        return {}
    attributes = find_attributes(open_engine(folder))
    if attributes is None:
        return {}
    chosen, day = attributes[attributes.index.isin(list(customers))], tables.read_about(folder).day
    said = {id_: " ".join(list_notes(row, policy, day)) for id_, row in chosen.to_dict("index").items()}
    return {str(id_): words for id_, words in said.items() if words}


def write_why(folder: Path, customers: pd.Index) -> pd.Series:
    """A sentence for each of these customers: the lifecycle stage and the numbers behind it.

    Customers without a stage are left out, and all are where the run has none.
    """
    if not tables.exists(folder, "stages"):
        return pd.Series(dtype="str")
    stages = tables.read(folder, "stages").reindex(customers).dropna(subset="stage")
    known = tables.read(folder, "customer_features")
    sentences = write_stage_reasons(stages, known)
    return stages["stage"].astype("str") + ": " + sentences
