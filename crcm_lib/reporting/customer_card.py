"""One customer's card from a run's tables: tier and why, what would change it, what is planned and known."""

import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.decisions import scorecard, tiers
from crcm_lib.features import decision_inputs, interaction_counts, relationship_signs
from crcm_lib.i18n import _
from crcm_lib.models.churn import ChurnModel
from crcm_lib.models.clv import ValueModel
from crcm_lib.privacy import pseudonymise
from crcm_lib.reporting.text import (
    churn_warning,
    classification,
    newcomers,
    offers,
    outside_notes,
    profile,
)
from crcm_lib.reporting.text import customer_dealings as dealings
from crcm_lib.reporting.text import customer_sections as text
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine

PER_CUSTOMER = (
    *("customer_features", "stages", "rfm", "value", "newcomers", "churn", "satisfaction"),
    *("scorecard", "tiers", "tier_history", "actions", "planned_assignments", "calendar"),
    *("care", "next_offers", "upgrade_offers", "points"),
)
OF_FEATURES = [
    "purchases",
    "first_day",
    "last_day",
    "spend_total",
]  # that a card shows of `customer_features`
ONLY_SCORED = ("satisfaction", "signs", "upgrade_offers")  # shown through indicators and reasons
LEARNED = ("value", "churn")  # models whose facts the words need
WIDTH = 100  # characters of a line on a terminal
REASONED = ("tier", "stage", "newcomer", "churn", "upgrade")  # what other pages give reasons for too
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)  # would act on a terminal


@dataclass(frozen=True)
class Section:
    """A part of a card: lines of text; or the rows of a table, its head first, the first column in words."""

    title: str
    rows: tuple[str, ...] | tuple[tuple[str, ...], ...]

    @property
    def is_table(self) -> bool:
        """Whether the rows are those of a table."""
        return not isinstance(self.rows[0], str)


@dataclass(frozen=True)
class Card:
    """What is known of one customer, in words; `pseudonym` is "" where there is no key."""

    customer_id: str
    pseudonym: str
    summary: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class KnownCustomers:
    """What a run knows of its customers: read once, for any number of cards.

    Attributes
    ----------
    frames
        The run's tables by name, and those made of its input tables: `consents`, `arms`, `contacts`,
        `latest_contacts`, `interaction`, `attributes`, `signs`; an absent one is not there.
    raw
        From `scorecard.gather_indicators`.
    model
        The scales and borders that 08 kept.
    run
        What all cards have in common.
    """

    frames: Mapping[str, pd.DataFrame]
    raw: pd.DataFrame
    model: scorecard.ScorecardModel
    run: text.RunFacts

    @property
    def ids(self) -> pd.Index:
        """All customers who have a tier."""
        return self.frames["tiers"].index


def read_customers(folder: Path, policy: Policy) -> KnownCustomers:
    """Read what the cards of a run are made from.

    Parameters
    ----------
    folder
        A run with the tables of 02 and 08; what other notebooks write is used where it is there.
    policy
        The policy of the run.
    """
    about, engine = tables.read_about(folder), open_engine(folder)
    frames = {name: tables.read(folder, name) for name in PER_CUSTOMER if tables.exists(folder, name)}
    inputs = {
        "consents": decision_inputs.find_consents(engine, as_of=about.as_of),
        "arms": decision_inputs.find_arms(engine, as_of=about.as_of),
        "contacts": relationship_signs.find_last_contacts(engine, as_of=about.as_of),
        "latest_contacts": interaction_counts.list_latest_contacts(engine, as_of=about.as_of),
        "interaction": interaction_counts.summarise_interaction(engine, as_of=about.as_of),
        "attributes": decision_inputs.find_attributes(engine),
        "signs": relationship_signs.summarise_signs(engine, as_of=about.as_of),
    }
    frames |= {name: frame for name, frame in inputs.items() if frame is not None}
    derived = decision_inputs.derive(engine, as_of=about.as_of)
    raw = scorecard.gather_indicators(policy, **frames | derived)
    model = scorecard.ScorecardModel.from_json(tables.read_model(folder, "tiers"))
    learned = {name for name in LEARNED if tables.model_path(folder, name).exists()}
    value = ValueModel.from_json(tables.read_model(folder, "value")) if "value" in learned else None
    churn = ChurnModel.from_json(tables.read_model(folder, "churn")) if "churn" in learned else None
    run = text.RunFacts(
        about=about,
        policy=policy,
        basis=value.basis(policy.margin_rate) if value else "spend",
        alert_days=churn.horizon_days if churn else None,
        scored=frozenset(model.scales),
        learned_on=model.learned_on,
        learned_from=model.customers,
        recorded=frozenset(about.tables),
        names=text.name_terms(policy),
    )
    return KnownCustomers(frames, raw, model, run)


def make_cards(known: KnownCustomers, customers: Sequence[str], *, has_key: bool = True) -> list[Card]:
    """The cards of these customers, in their order; each holds nothing of any other.

    Parameters
    ----------
    customers
        Ids, all of them in `known.ids`.
    has_key
        Without it the cards have no pseudonyms.
    """
    chosen = pd.Index(customers, dtype="str", name="customer_id")
    frames = {name: _choose(frame, chosen) for name, frame in known.frames.items()}
    frames["raw"] = known.raw.loc[chosen]
    frames["parts"] = tiers.explain_scores(frames["scorecard"], known.run.policy, known.model)
    reasons = _write_reasons(frames, known)
    frames["customer_features"] = frames["customer_features"][OF_FEATURES]
    shown = {name: frame for name, frame in frames.items() if name not in ONLY_SCORED}
    facts = {name: _by_customer(frame) for name, frame in (shown | reasons).items()}
    pseudonyms = pseudonymise(chosen, known.run.about) if has_key else [""] * len(chosen)
    return [
        _make_card(
            id_, pseudonym, {name: rows[id_] for name, rows in facts.items() if id_ in rows}, known.run
        )
        for id_, pseudonym in zip(chosen, pseudonyms, strict=True)
    ]


def _choose(frame: pd.DataFrame, chosen: pd.Index) -> pd.DataFrame:
    """The rows of these customers, in their order where there is one row of each."""
    if frame.index.name == "customer_id":
        places = frame.index.get_indexer(chosen)
        return frame.iloc[places[places >= 0]]
    return frame[frame["customer_id"].isin(chosen)]


def _by_customer(frame: pd.DataFrame) -> dict[str, Any]:
    """Each customer's row as a dictionary; a list of them where a customer may have several."""
    if frame.index.name == "customer_id":
        return frame.to_dict("index")
    grouped: dict[str, list[dict]] = {}
    for row in frame.to_dict("records"):
        grouped.setdefault(row["customer_id"], []).append(row)
    return grouped


def _write_reasons(frames: Mapping[str, pd.DataFrame], known: KnownCustomers) -> dict[str, pd.DataFrame]:
    """The sentences that other pages say of customers too, by subject; each in a column `why`."""
    features = frames["customer_features"]
    reasons = {
        "why_tier": classification.write_reasons(
            frames["tiers"], frames["scorecard"], frames["raw"], known.run.policy, known.model
        ).rename(columns={"because": "why"})
    }
    if "stages" in frames:
        reasons["why_stage"] = profile.write_stage_reasons(frames["stages"], features).to_frame("why")
    if "newcomers" in frames:
        reasons["why_newcomer"] = newcomers.write_reasons(frames["newcomers"]).to_frame("why")
    if "churn" in frames:
        signs = frames.get("signs", pd.DataFrame(index=features.index))
        reasons["why_churn"] = churn_warning.write_reasons(frames["churn"], features, signs).to_frame("why")
    if "upgrade_offers" in frames:
        reasons["why_upgrade"] = offers.write_upgrades(frames["upgrade_offers"]).to_frame("why")
    return reasons


def _make_card(id_: str, pseudonym: str, facts: Mapping[str, Any], run: text.RunFacts) -> Card:
    """Write one customer's card from the rows that each table has of them."""
    tier, card = facts["tiers"], facts["scorecard"]
    stage, value, attributes = (facts.get(name) for name in ("stages", "value", "attributes"))
    why = {name: facts.get(f"why_{name}", {}).get("why", "") for name in REASONED}
    actions, arms = facts.get("actions", []), facts.get("planned_assignments", [])
    calendar, kind = facts.get("calendar", []), (attributes or {}).get("subject_type", "person")
    said = dealings.read_consents(facts.get("consents", []), kind)
    contacts = dealings.write_interaction(facts.get("latest_contacts", []), facts.get("interaction"))
    score = text.tabulate_score(facts.get("parts", []), facts["raw"], card, run)
    sections = [  # what to do first, then why, then what is on record
        (_("Planned"), dealings.write_planned(actions, arms, calendar, run)),
        (_("On days of their own"), dealings.write_occasions(facts.get("care", []), calendar, run)),
        (
            _("What to offer next"),
            dealings.write_offers(facts.get("next_offers", []), why["upgrade"], said, run),
        ),
        (_("Consents"), dealings.write_consents(said, run)),
        (_("Tier and why"), text.write_tier(why["tier"], tier, card, facts.get("tier_history", []), run)),
        (_("What would bring a better tier"), text.write_way_up(facts["why_tier"]["next_needs"], tier, run)),
        (_("Where they stand"), text.write_stage(stage, why["stage"], facts["customer_features"], run)),
        (_("Chance of leaving"), text.write_leaving(facts.get("churn"), why["churn"], run)),
        (_("What to expect"), text.write_value(value, facts.get("newcomers"), why["newcomer"], run)),
        (_("How recent, how often, how much"), text.write_rfm(facts.get("rfm"), run)),
        (_("The score, added up"), score),
        (_("What is not known"), dealings.write_unknown(facts["raw"], card, tier, run)),
        (_("Loyalty programme"), dealings.write_points(facts.get("points"), run)),
        (
            _("Done so far"),
            [*dealings.write_past(facts.get("arms", []), facts.get("contacts"), run), *contacts],
        ),
        (
            _("Industry, region and owner"),
            [
                *outside_notes.list_notes(attributes, run.policy, run.about.day),
                *outside_notes.describe_ownership((attributes or {}).get("owner"), run.policy),
            ],
        ),
        (_("On record"), dealings.write_attributes(attributes, run)),
    ]
    summary = text.write_summary(tier["tier_in_force"], stage, value, run)
    return Card(
        id_, pseudonym, summary, tuple(Section(title, tuple(rows)) for title, rows in sections if rows)
    )


def write_text(card: Card, run: text.RunFacts) -> str:
    """A card as plain text for a terminal, with how it was found and whom to ask; nothing in it acts."""
    named = " ".join(filter(None, [card.customer_id, card.pseudonym and f"({card.pseudonym})"]))
    heading = fill(
        _("{customer} · as of {day} · {title}"), customer=named, day=run.about.as_of, title=run.about.title
    )
    parts = [heading, card.summary]
    method = Section(_("How this was found, and whom to ask"), tuple(dealings.write_method(run)))
    for section in (*card.sections, method):
        parts += ["", section.title.upper() if section.title.isascii() else section.title]
        parts += (
            _align(section.rows)
            if section.is_table
            else [
                part
                for line in section.rows
                for part in textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="    ")
            ]
        )
    return "\n".join(UNPRINTABLE.sub("�", line) for line in parts)


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of a table as lines: the first column to the left, others to the right; Chinese is two wide."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0] + " " * (widths[0] - _width(row[0]))]
        cells += [
            " " * (width - _width(cell)) + cell for width, cell in zip(widths[1:], row[1:], strict=True)
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def _width(words: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in words)
