"""A file that no recipe knows: what its columns could be, by their content. Nothing of it is sure."""

import duckdb

from crcm_lib.i18n import _
from crcm_lib.ingest.drafting.export_files import Export
from crcm_lib.ingest.drafting.field_forms import find_number_form, find_time_form
from crcm_lib.ingest.drafting.part_draft import PartDraft, Proposal
from crcm_lib.ingest.drafting.recipe_files import Match, Recipe
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.ingest.sources.expression_sql import sql_identifier
from crcm_lib.ingest.sources.headers import safe_names
from crcm_lib.ingest.sources.readers import read_raw

UNKNOWN = Recipe(name="unknown", title="an unknown export", generic=True, roles={}, customer=[], parts=[])


def draft_part(engine: duckdb.DuckDBPyConnection, export: Export, source: Source) -> PartDraft:
    """A part of transactions; customer, time and amount are proposed only where one column can be it."""
    file = File.model_validate(export.keys | {"path": str(export.path.resolve())})
    raw = read_raw(engine, file, source, "unknown")
    times, numbers = [], []
    for name in (name for name in raw.columns if "`" not in name):
        column = f"trim({sql_identifier(name)}::varchar)"
        texts = f"select {column} as t from {sql_identifier(raw.name)} where {column} <> ''"
        form = find_time_form(engine, texts, ("", "UTC"))
        if form.filled and form.read == form.filled:
            times.append(name)
            continue
        form = find_number_form(engine, texts, file)
        if form.filled and form.read == form.filled:
            numbers.append(name)
    others = [name for name in raw.columns if "`" not in name and name not in (*times, *numbers)]
    columns, unsure = {}, {}
    for column, choices in (("customer_id", others), ("time", times), ("amount", numbers)):
        if len(choices) == 1:
            columns[column] = f"`{choices[0]}`"
        listed = ", ".join(safe_names(choices, export.header)) or _("none")
        why = _("no recipe knows this file; by their content it could be: {names}").format(names=listed)
        unsure[column] = Proposal(columns.get(column, ""), why)
    draft = PartDraft(
        "transactions", Match(export, UNKNOWN, "unknown"), dict(export.keys) | {"columns": columns}
    )
    draft.evidence = {(key,): proof for key, proof in export.evidence.items()}
    draft.unsure = unsure
    return draft
