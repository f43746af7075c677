"""What a run depends on, as hashes: parameters, input files, policy, code, installed packages, notebooks."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from nbformat import NotebookNode

from crcm_lib.errors import RunError
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import Source, find_files
from crcm_lib.pipeline.files import hash_content, hash_file
from crcm_lib.pipeline.settings import RunSettings
from crcm_lib.privacy import pseudonymise, read_forgotten
from crcm_lib.privacy.forgotten import Forgotten
from crcm_lib.schema.tables import ROOT, About


def gather_evidence(
    settings: RunSettings, source: Source, inputs: list[dict], notebooks: Mapping[str, NotebookNode]
) -> dict:
    """Return everything that can change a result, as values and hashes."""
    lock = ROOT / "requirements.lock"
    if not lock.exists():
        raise RunError(_("requirements.lock is missing; the run could not say what it ran on"))
    return {
        "parameters": {"as_of": settings.as_of, "overrides": settings.overrides, "seed": settings.seed},
        "source": hash_file(source.path),
        "inputs": inputs,
        "policy": hash_file(Path(settings.policy)),
        "code": hash_code(),
        "lock": hash_file(lock),
        "python": platform.python_version(),
        "versions": installed_versions(),
        "pseudonyms": find_key(source),
        "forgotten": describe_forgotten(source),
        "language": os.environ.get("CRCM_LANGUAGE", "en"),
        "notebooks": {name: hash_notebook(content) for name, content in notebooks.items()},
    }


def check_unchanged(
    before: dict, settings: RunSettings, source: Source, notebooks: Mapping[str, NotebookNode]
) -> None:
    """Make sure that nothing the run depends on has changed since `before` was gathered.

    Raises
    ------
    RunError
        Naming what changed: inputs, source, policy, code or lock.
    """
    now = gather_evidence(settings, source, hash_inputs(source), notebooks)
    if changed := sorted(name for name in now if now[name] != before[name]):
        message = _("changed while the run was at work: {names}. Run again when they rest.")
        raise RunError(message.format(names=", ".join(changed)))


def describe(source: Source) -> About:
    """Return what is known before cleaning, enough to choose the key of the pseudonyms."""
    return About(source.name, source.title, "", "", source.currency, synthetic=source.synthetic)


def find_key(source: Source) -> str:
    """Return what tells the key of the source's pseudonyms from another, but not the key."""
    return pseudonymise(["with which key"], describe(source))[0]


def describe_forgotten(source: Source) -> dict:
    """Return how many customers are forgotten and the hash of their list; none where nobody is real."""
    forgotten = Forgotten() if source.synthetic else read_forgotten()
    return {"customers": len(forgotten.hashes), "sha256": forgotten.fingerprint()}


def hash_inputs(source: Source) -> list[dict]:
    """Return name, size and hash of every file that the description names, lookups included."""
    entries = [part for parts in source.tables.values() for part in parts]
    entries += [lookup for part in entries for lookup in part.lookups.values()]
    files = {path.resolve() for entry in entries for path in find_files(entry, source)}
    inputs = [{"file": path.name, "bytes": path.stat().st_size, "sha256": hash_file(path)} for path in files]
    return sorted(inputs, key=lambda entry: (entry["file"], entry["sha256"]))


def hash_notebook(notebook: NotebookNode) -> str:
    """Return the hash of a notebook's cells, tags and dependencies, without its outputs."""
    cells = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells]
    return hash_content([cells, notebook.metadata.get("crcm", {})])


def hash_code() -> str:
    """Return the hash of every file of the library: any change may change any table."""
    files = sorted(
        path
        for path in (ROOT / "crcm_lib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    )
    return hash_content([[path.relative_to(ROOT).as_posix(), hash_file(path)] for path in files])


def installed_versions() -> dict[str, str]:
    """Return the installed version of each package that pyproject.toml asks for."""
    wanted = (line for line in metadata.requires("crcm") or [] if "extra ==" not in line)
    names = sorted({line.split(";")[0].split("<")[0].split(">")[0].split("=")[0].strip() for line in wanted})
    return {name: metadata.version(name) for name in names}
