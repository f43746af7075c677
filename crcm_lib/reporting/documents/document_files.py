"""Which documents a run has, and their files: each in English and in Chinese."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crcm_lib.config.data_inventory import list_inventory, list_retention
from crcm_lib.config.policy import Policy
from crcm_lib.decisions.scorecard import ScorecardModel
from crcm_lib.features.retention import count_overdue
from crcm_lib.reporting import pages
from crcm_lib.reporting.documents.customer_notice import write_notice
from crcm_lib.reporting.documents.document_parts import Document, Facts, choose
from crcm_lib.reporting.documents.impact_assessment import write_assessment
from crcm_lib.reporting.documents.inventory_page import write_inventory
from crcm_lib.reporting.documents.policy_page import write_policy
from crcm_lib.reporting.documents.security_checklist import write_checklist
from crcm_lib.schema import tables
from crcm_lib.schema.engine import Engine, columns_of, open_engine
from crcm_lib.schema.inputs import INPUTS

FOLDER = "private/documents"  # in a run: what only the company reads
DOCUMENTS: dict[str, Callable[[Facts, str], Document]] = {
    "policy": write_policy,
    "inventory": write_inventory,
    "notice": write_notice,
    f"{FOLDER}/impact_assessment": write_assessment,
    f"{FOLDER}/cybersecurity_checklist": write_checklist,
}
SUFFIXES = {"en": ".html", "zh": "_zh.html"}
FRAME = {"On this page": "本页内容", "Skip to the content": "跳到正文"}  # what every page has
TAGS = {"en": "en", "zh": "zh-CN"}


def write_documents(
    folder: Path, policy: Policy, declared: Mapping[str, Mapping[str, str]], run: Mapping[str, Any]
) -> list[Path]:
    """Write every document of a run in both languages, beside its pages or in its private folder.

    Parameters
    ----------
    folder
        A run with its clean tables; the borders are those of its `models/tiers.json`, where it has one.
    policy
        The policy that it followed.
    declared
        By table our columns, and what the source calls them.
    run
        The content of `run.json`.

    Returns
    -------
    The files.
    """
    facts = gather_facts(folder, policy, declared, run)
    written = []
    for stem, write in DOCUMENTS.items():
        for language, suffix in SUFFIXES.items():
            path = folder / f"{stem}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill_document(write(facts, language), stem, language, run), "utf-8")
            written.append(path)
    return written


def gather_facts(
    folder: Path, policy: Policy, declared: Mapping[str, Mapping[str, str]], run: Mapping[str, Any]
) -> Facts:
    """What the documents of a run are written from; arguments as in `write_documents`."""
    engine = open_engine(folder)
    has_borders = tables.model_path(folder, "tiers").exists()
    model = ScorecardModel.from_json(tables.read_model(folder, "tiers")) if has_borders else None
    retention = count_overdue(engine, list_retention(policy), as_of=tables.read_about(folder).day)
    return Facts(policy, model, run, list_inventory(policy, declared, list_read(engine)), retention)


def list_read(engine: Engine) -> dict[str, set[str]]:
    """The columns of each input table that the clean tables have."""
    return {table: set(columns_of(engine, table)) for table in INPUTS}


def fill_document(document: Document, stem: str, language: str, run: Mapping[str, Any]) -> str:
    """A document as one HTML page, with a link to the same in the other language."""
    other = "zh" if language == "en" else "en"
    return pages.fill_page(
        "document.html.j2",
        run=dict(run),
        document=document,
        w=choose(language),
        _=(lambda words: FRAME.get(words, words)) if language == "zh" else (lambda words: words),
        language=TAGS[language],
        other=f"{Path(stem).name}{SUFFIXES[other]}",
        home="../" * (len(Path(stem).parts) - 1) + "index.html",
        is_private=len(Path(stem).parts) > 1,
    )
