"""The run that a run remembers, its `previous`: the newest published one of the source and an earlier day.

It is one of the inputs: its name is part of this run's name, and of the key of the stages that read it.
"""

import json
from pathlib import Path

from crcm_lib.errors import CrcmError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import Source
from crcm_lib.pipeline import checks
from crcm_lib.pipeline.evidence import describe_forgotten, find_key
from crcm_lib.pipeline.files import locate, short_path
from crcm_lib.pipeline.settings import NO_RUN
from crcm_lib.privacy.forgotten import list_path
from crcm_lib.schema import tables


def check_given(given: str, source: Source | None, as_of: str) -> None:
    """Refuse an earlier run that cannot be one: missing, damaged, of another source or key, or not earlier.

    Parameters
    ----------
    given
        `--previous`: a folder, "none", or empty.
    source
        What is run now; None if it could not be read.
    as_of
        The last day known now; empty while nobody knows it.
    """
    if given in ("", NO_RUN):
        return
    folder = locate(given).resolve()
    problems = _find_damage(folder)
    if source is not None and (record := _read_record(folder)):
        problems += _find_differences(record, source, as_of)
    if problems:
        raise UsageError(list_problems(f"--previous {given}", problems))


def check_forgotten(source: Source, out: Path) -> None:
    """Refuse to run without the list of the forgotten that runs of this source or key knew.

    Raises
    ------
    UsageError
        If the list has fewer than they knew; the others would come back.
    """
    known = 0
    for path in out.glob("[!.]*/run.json"):
        record = _read_record(path.parent)
        if record and (
            record["source"] == source.name or record["evidence"].get("pseudonyms") == find_key(source)
        ):
            since = sum(each["customers"] for each in record.get("forgotten", []))
            known = max(known, since, record["evidence"].get("forgotten", {}).get("customers", 0))
    if (listed := describe_forgotten(source)["customers"]) < known:
        problem = _(
            "{path}: {listed} forgotten customers, but a run knows of {known}; without their list they would "
            "come back. Put it back beside the key that it was made with"
        )
        raise UsageError(problem.format(path=list_path(), listed=listed, known=known))


def choose(given: str, source: Source, evidence: dict, as_of: str, out: Path) -> Path | None:
    """The folder of the earlier run, or None.

    Without one given it is the newest of those that would not be refused. Of several of one day, those by
    the same policy and code come first, and then the last by name.
    """
    if given == NO_RUN:
        return None
    if given:
        check_given(given, source, as_of)
        return locate(given).resolve()

    def rank(record: dict) -> tuple:
        was = record["evidence"]
        rules = [(each["policy"], each["parameters"]["overrides"]) for each in (was, evidence)]
        return record["as_of"], rules[0] == rules[1], was["code"] == evidence["code"], record["run"]

    found = [(_read_record(path.parent), path.parent) for path in out.glob(f"{source.name}-*/run.json")]
    fits = [(rank(record), folder) for record, folder in found if _fits(record, source, as_of)]
    return next((folder for _rank, folder in sorted(fits, reverse=True) if not _find_damage(folder)), None)


def _fits(record: dict, source: Source, as_of: str) -> bool:
    return bool(record) and bool(as_of) and not _find_differences(record, source, as_of)


def _find_differences(record: dict, source: Source, as_of: str) -> list[str]:
    """Why a published run is not an earlier one of this source, with the same pseudonyms."""
    problems = []
    if record["source"] != source.name:
        message = _("is of the source {theirs}, not of {ours}")
        problems.append(message.format(theirs=record["source"], ours=source.name))
    if record["evidence"].get("pseudonyms") != find_key(source):
        problems.append(_("its pseudonyms have another key; give the one that it was run with"))
    if as_of and record["as_of"] >= as_of:
        message = _("is as of {theirs}, which is not before {ours}")
        problems.append(message.format(theirs=record["as_of"], ours=as_of))
    return problems


def _read_record(folder: Path) -> dict:
    """What run.json says; empty where it cannot be read or is not a run's."""
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
        return record if {"run", "source", "as_of", "evidence"} <= record.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _find_damage(folder: Path) -> list[str]:
    """What changed since the run was published, and what this release cannot read."""
    if not folder.is_dir():
        return [_("there is no folder {folder}").format(folder=short_path(folder))]
    if problems := checks.verify(folder):
        return problems
    from crcm_lib.decisions.scorecard import ScorecardModel
    from crcm_lib.models.clv import ValueModel

    for name, model in (("value", ValueModel), ("tiers", ScorecardModel)):
        try:
            if tables.model_path(folder, name).exists():
                model.from_json(tables.read_model(folder, name))
            if name == "tiers" and tables.exists(folder, name):
                tables.read(folder, name)
        except CrcmError as error:
            problems.append(str(error))
    return problems
