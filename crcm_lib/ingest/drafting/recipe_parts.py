"""Recipes and the files that fit them -> the parts of a description, before anything of the files is read."""

from typing import Any

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.ingest.drafting.part_draft import PartDraft, Place, Proposal, list_required
from crcm_lib.ingest.drafting.recipe_files import (
    FillDownRecipe,
    Match,
    PartRecipe,
    write_expression,
    write_first,
)
from crcm_lib.schema.inputs import names_customers


def draft_parts(matches: list[Match]) -> list[PartDraft]:
    """The parts that the recipes of the files make of them."""
    drafts = []
    for recipe in {match.recipe.name: match.recipe for match in matches}.values():
        own = [match for match in matches if match.recipe.name == recipe.name]
        names = {match.role: match.names for match in own}
        customer = max(
            recipe.customer, key=lambda way: sum(_is_written(way.get(m.role, ""), m, names) for m in own)
        )
        for part in recipe.parts:
            if not names.keys() & set(part.unless):
                drafts += [
                    draft
                    for match in own
                    if match.role == part.role and (draft := _draft_part(part, match, own, customer))
                ]
    return drafts


def _is_written(template: str, match: Match, names: dict[str, dict[str, str]]) -> bool:
    return bool(template) and write_expression(template, names | {"": match.names}) is not None


def _draft_part(
    recipe: PartRecipe, match: Match, own: list[Match], customer: dict[str, str]
) -> PartDraft | None:
    """A part by its recipe; None where a column that it cannot do without is not there."""
    others = {other.role: other for other in own if other.role in recipe.lookups}
    for role in others:
        _refuse_several([other.export.label for other in own if other.role == role], match)
    names = {"": match.names} | {role: other.names for role, other in others.items()}
    lookups = {}
    for role, pairs in recipe.lookups.items():
        if role in others and (key := _find_key(pairs, match, others[role])):
            lookups[role] = others[role].export.keys | {"key": key}
    names = {role: fields for role, fields in names.items() if not role or role in lookups}
    wanted = {"customer_id": [customer.get(match.role, "")]} if names_customers(recipe.table) else {}
    written = {column: write_first(list(texts), names) for column, texts in (wanted | recipe.columns).items()}
    columns = {column: text for column, text in written.items() if text}
    if {*list_required(recipe.table), *recipe.needs} - columns.keys():
        return None
    keys: dict[str, Any] = dict(match.export.keys) | recipe.keys | {"columns": columns}
    if lookups:
        keys["lookups"] = lookups
    if recipe.fill_down:
        keys["fill_down"] = _write_fill_down(recipe.fill_down, match)
    if returns := write_first(list(recipe.returns), names):
        keys["returns"] = returns
    rows = [(write_first(list(row.when), names), row.reason) for row in recipe.exclude]
    if exclude := [{"when": when, "reason": reason} for when, reason in rows if when]:
        keys["exclude"] = exclude
    draft = PartDraft(recipe.table, match, keys, lookups={role: others[role] for role in lookups})
    _say_how_written(draft, (), match)
    for role, other in draft.lookups.items():
        _say_how_written(draft, ("lookups", role), other)
    if match.recipe.generic:
        why = _("by its name only")
        draft.unsure |= {column: Proposal(text, why) for column, text in columns.items()}
    return draft


def _refuse_several(files: list[str], match: Match) -> None:
    """A lookup has one file, or several under one pattern, which nobody has named here."""
    if len(files) > 1:
        problem = _(
            "{names}: {file} is looked up in several files; put them into one, or give their pattern as the "
            "path of a description of your own"
        )
        raise DataError(problem.format(names=", ".join(files), file=match.export.label))


def _say_how_written(draft: PartDraft, place: Place, match: Match) -> None:
    """Put down what proves how a file is written, and what does not."""
    draft.evidence |= {(*place, key): proof for key, proof in match.export.evidence.items()}
    if match.export.candidates:
        why = _("every byte fits {fitting}").format(fitting=", ".join(match.export.candidates))
        key = ".".join((*map(str, place), "encoding"))
        draft.unsure[key] = Proposal(match.export.keys["encoding"], why)


def _find_key(pairs: list[dict[str, str]], match: Match, other: Match) -> dict[str, str]:
    """The first pair of keys that both files have, by the names of their columns."""
    for pair in pairs:
        if all(ours in match.names and theirs in other.names for ours, theirs in pair.items()):
            return {match.names[ours]: other.names[theirs] for ours, theirs in pair.items()}
    return {}


def _write_fill_down(fill: FillDownRecipe, match: Match) -> dict[str, Any] | list:
    """What is filled down; an empty list where the blanks are meant."""
    columns = [match.names[name] for name in fill.columns if name in match.names]
    if not columns:
        return []
    return {"columns": columns} | ({"within": match.names[fill.within]} if fill.within in match.names else {})
