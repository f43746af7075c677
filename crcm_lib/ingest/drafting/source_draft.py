"""Exported files -> a drafted description, its evidence, and a list of what is unsure."""

import glob
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crcm_lib.errors import DataError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.drafting import unknown_shape
from crcm_lib.ingest.drafting.export_files import Export, read_exports
from crcm_lib.ingest.drafting.money_and_place import find_currency, propose_time_zone
from crcm_lib.ingest.drafting.part_draft import PartDraft, Place, Proposal, find_forms, list_required
from crcm_lib.ingest.drafting.recipe_files import Match, find_role, known_names
from crcm_lib.ingest.drafting.recipe_parts import draft_parts
from crcm_lib.ingest.sources.description import Source
from crcm_lib.ingest.sources.headers import safe_names
from crcm_lib.ingest.sources.readers import open_staging
from crcm_lib.schema.inputs import INPUTS
from crcm_lib.schema.tables import ROOT

MAX_LISTED = 12  # names of columns in a message


@dataclass
class SourceDraft:
    """A drafted description.

    Attributes
    ----------
    content
        What the file holds, but for `to_confirm`.
    evidence
        By the place of a line, what proves it.
    unsure
        By key, what has to be confirmed.
    notes
        What somebody who reads the draft should know, a line each.
    """

    content: dict[str, Any]
    evidence: dict[Place, str] = field(default_factory=dict)
    unsure: dict[str, Proposal] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draft_source(paths: Sequence[Path], target: Path, encoding: str = "") -> SourceDraft:
    """Draft the description of exported files.

    Parameters
    ----------
    paths
        The files; all sheets of a workbook are taken.
    target
        Where the description will be; its name becomes that of the source.
    encoding
        The encoding of files that are not UTF-8, if somebody has said it.

    Raises
    ------
    DataError
        Listing every problem of every file, or saying that no file holds sales.
    """
    exports, problems = [], []
    for path in paths:
        try:
            exports += read_exports(path, known_names(), encoding)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError(list_problems("init", problems))
    matches = [(export, find_role(export)) for export in exports]
    drafts = draft_parts([match for _export, match in matches if match])
    unknown = [export for export, match in matches if match is None]
    notes = []
    if not any(draft.table == "transactions" for draft in drafts):
        if len(unknown) != 1 or len(exports) > 1:
            raise DataError(_describe_no_sales(matches))
        with tempfile.TemporaryDirectory(prefix="crcm-init-") as folder, open_staging(Path(folder)) as engine:
            drafts = [unknown_shape.draft_part(engine, unknown.pop(), _provisional_source(target))]
    notes += [_describe_unknown(export) for export in unknown]
    notes += _list_unused(drafts, [match for _export, match in matches if match])
    drafts, said = _read_parts(drafts, target)
    draft = _assemble(drafts, target)
    draft.notes = notes + said
    return draft


def _describe_no_sales(matches: list[tuple[Export, Match | None]]) -> str:
    """Say that no file holds sales, what each was taken for, and which of its columns no recipe knows."""
    lines = []
    for export, match in matches:
        if match is None:
            lines.append(_describe_unknown(export))
        else:
            said = _("{file}: {title}, {role}; columns known: {known}")
            known = ", ".join(list(match.names.values())[:MAX_LISTED])
            lines.append(
                said.format(file=export.label, title=match.recipe.title, role=match.role, known=known)
            )
    head = _("no file holds sales: who, when, how much. Give the file of orders or invoices too")
    return list_problems(head, lines)


def _list_unused(drafts: list[PartDraft], matches: list[Match]) -> list[str]:
    """The files that are recognised and yet read by no part."""
    used = {match.export.label for draft in drafts for match in (draft.match, *draft.lookups.values())}
    said = _("{file}: {title}, {role}; no table takes it, or columns that one needs are missing")
    return [
        said.format(file=match.export.label, title=match.recipe.title, role=match.role)
        for match in matches
        if match.export.label not in used
    ]


def _describe_unknown(export: Export) -> str:
    names = ", ".join(safe_names(export.header[:MAX_LISTED], export.header))
    more = _(" and {count} more").format(count=len(export.header) - MAX_LISTED)
    said = _("{file}: no recipe knows its columns and it is left out: {names}{more}")
    return said.format(file=export.label, names=names, more=more if len(export.header) > MAX_LISTED else "")


def _read_parts(drafts: list[PartDraft], target: Path) -> tuple[list[PartDraft], list[str]]:
    """Read the files of every part; parts other than sales that cannot be read are left out and named."""
    kept, notes, problems = [], [], []
    for draft in drafts:
        draft.keys["path"] = locate_beside(draft.match.export.path, target)
        for role, match in draft.lookups.items():
            draft.keys["lookups"][role]["path"] = locate_beside(match.export.path, target)
        source = _provisional_source(target, {draft.table: [draft.keys | {"fill_down": []}]})
        try:
            with (
                tempfile.TemporaryDirectory(prefix="crcm-init-") as folder,
                open_staging(Path(folder)) as engine,
            ):
                find_forms(engine, draft, source)
        except DataError as error:
            said = f"{draft.table} ({draft.match.export.label}): {error}"
            (problems if draft.table == "transactions" else notes).append(said)
        else:
            kept.append(draft)
    if problems:
        raise DataError(list_problems("init", problems))
    return kept, notes


def _provisional_source(target: Path, tables: dict[str, Any] | None = None) -> Source:
    """A source of these parts, to read them; nothing that is asked of it depends on its currency and zone."""
    top = {"name": "draft", "title": "draft", "currency": "XXX", "time_zone": "UTC"}
    source = Source.model_validate(top | {"tables": tables or {}})
    source._path = target
    return source


def locate_beside(path: Path, target: Path) -> str:
    """How a description names a file: relative to itself where it may, otherwise by the absolute path."""
    path, folder, root = path.resolve(), target.resolve().parent, ROOT.resolve()
    if path.is_relative_to(folder) or (path.is_relative_to(root) and folder.is_relative_to(root)):
        path = Path(os.path.relpath(path, folder))
    return glob.escape(path.as_posix())  # a bracket in a name is no pattern


def _assemble(drafts: list[PartDraft], target: Path) -> SourceDraft:
    """One description of all parts, the transactions first."""
    tables: dict[str, list[PartDraft]] = {}
    for draft in sorted(drafts, key=lambda draft: list(INPUTS).index(draft.table)):
        tables.setdefault(draft.table, []).append(draft)
    recipe = tables["transactions"][0].match.recipe
    name = re.sub(r"[^a-z0-9]+", "_", target.stem.lower()).strip("_")
    name = name if re.match("[a-z]", name) else f"source_{name}".rstrip("_")
    content: dict[str, Any] = {"name": name, "title": f"{recipe.title} ({target.stem})"}
    whole = SourceDraft(content)
    sales = tables["transactions"]
    content["currency"], proof, unsure = find_currency(sales, recipe.proposals.get("currency", ""))
    whole.evidence[("currency",)] = proof
    whole.unsure |= {"currency": unsure} if unsure else {}
    zone = propose_time_zone(sales, recipe.proposals.get("time_zone", ""))
    content["time_zone"], whole.unsure["time_zone"] = zone.value, zone
    content["tables"] = {}
    for table, parts in tables.items():
        single = len(parts) == 1
        content["tables"][table] = _order(parts[0].keys) if single else [_order(part.keys) for part in parts]
        for number, part in enumerate(parts):
            part.keys["columns"] |= dict.fromkeys(set(list_required(table)) - part.keys["columns"].keys(), "")
            place: Place = ("tables", table) if single else ("tables", table, number)
            prefix = table if single else f"{table}.{number + 1}"
            whole.evidence |= {(*place, *inner): proof for inner, proof in part.evidence.items() if proof}
            whole.unsure |= {f"{prefix}.{key}": proposal for key, proposal in part.unsure.items()}
            if part.unused:
                listed = ", ".join(safe_names(part.unused, part.match.export.header))
                whole.evidence[(*place, "columns")] = _("not read: {names}").format(names=listed)
    return whole


def _order(keys: dict[str, Any]) -> dict[str, Any]:
    """The keys of a part: where and how it is read, then what is read."""
    last = ("columns", "lookups", "returns", "exclude", "anonymous")
    first = {"path": keys["path"]} | {key: value for key, value in keys.items() if key not in last}
    return first | {key: keys[key] for key in last if key in keys}
