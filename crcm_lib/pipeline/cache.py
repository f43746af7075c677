"""Content hashes: what a run depends on, what each notebook wrote, and what may therefore be reused.

A stage is one executed notebook. Its key is the hash of everything that could change its outputs: inputs,
parameters, policy, code, lock, installed versions, its own cells, and every table that the notebooks before
it wrote. Two stages with one key are the same stage, whoever ran it and when.

ploomber, snakemake and dvc keep such caches too. They compare the times or hashes of declared files; a
notebook here declares none, its sandbox shows what it read and wrote, and the installed versions and the
library's code belong to the key. That, and the privacy of what is copied, are the lines of this module.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path

import nbformat

from crcm_lib.errors import RunError
from crcm_lib.i18n import _
from crcm_lib.schema.tables import ROOT

DATA = ("clean", "tables", "models", "exports")  # a run's private folders: they hold rows with ids
RECORDS = ".stages"


@dataclass(frozen=True)
class Stage:
    """One executed notebook: its key, and what it wrote."""

    name: str
    key: str
    outputs: dict[str, str]  # path inside the run -> sha256
    notebook: str  # sha256 of the executed notebook
    seconds: float
    reused: bool = field(default=False, compare=False)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_content(content) -> str:
    """Return the SHA-256 of anything JSON can write, whatever the order of its keys.

    Examples
    --------
    >>> hash_content({"a": 1, "b": 2}) == hash_content({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_notebook(notebook: nbformat.NotebookNode) -> str:
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


def list_artefacts(folder: Path) -> dict[str, Path]:
    """Return every file that a run publishes beside run.json: path inside the run -> file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: path
        for name, path in sorted(named.items())
        if name != "run.json" and not any(part.startswith(".") for part in Path(name).parts)
    }


def hash_outputs(folder: Path) -> dict[str, str]:
    """Return the hash of every data file that notebooks have written so far."""
    return {
        name: hash_file(path)
        for name, path in list_artefacts(folder).items()
        if name == "about.json" or name.split("/")[0] in DATA
    }


def save_stage(folder: Path, stage: Stage) -> None:
    """Record that a stage is complete; written after all of its files."""
    (folder / RECORDS).mkdir(exist_ok=True)
    executed = replace(stage, reused=False)
    save_atomically(json.dumps(asdict(executed), indent=1), folder / RECORDS / f"{stage.name}.json")


def claim_outputs(name: str, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Return the files that a notebook wrote, with their hashes; it may not change those of earlier ones.

    Raises
    ------
    RunError
        If it changed or removed another notebook's file.
    """
    if touched := sorted(path for path in before if after.get(path) != before[path]):
        raise RunError(
            _("{name}.ipynb: changed {files}, which an earlier notebook wrote.").format(
                name=name, files=", ".join(touched)
            )
        )
    return {path: digest for path, digest in after.items() if path not in before}


def find_stage(name: str, key: str, folders: list[Path]) -> tuple[Path, Stage] | None:
    """Find a complete, undamaged stage with this key in earlier runs, finished or not."""
    for folder in folders:
        try:
            stage = Stage(**json.loads((folder / RECORDS / f"{name}.json").read_text("utf-8")))
            wanted = stage.outputs | {f"{name}.ipynb": stage.notebook}
            if stage.key == key and all(hash_file(folder / path) == wanted[path] for path in wanted):
                return folder, stage
        except (OSError, ValueError, TypeError):
            continue  # half-written or gone: not reusable
    return None


def reuse_stage(folder: Path, origin: Path, stage: Stage) -> Stage:
    """Copy a stage's files from an earlier run into this one."""
    for name in [*stage.outputs, f"{stage.name}.ipynb"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin / name, folder / name)
    return replace(stage, reused=True)


def protect(folder: Path, mask: int) -> None:
    """Make rows with ids private (0700 and 0600) and the rest as readable as the user's umask allows."""
    for path in [folder, *folder.rglob("*")]:
        private = path.relative_to(folder).parts[:1] and (
            path.relative_to(folder).parts[0] in DATA or path.relative_to(folder).parts[0].startswith(".")
        )
        wide = 0o777 if path.is_dir() else 0o666
        path.chmod(wide & (0o700 if private else ~mask & 0o755))


def save_atomically(content: str | bytes, path: Path) -> None:
    """Write a file so that a reader, a full disk or a kill finds the old one or the new one, never half."""
    draft = path.with_name(f".{path.name}.draft")
    with open(draft, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def fsync(*paths: Path) -> None:
    """Make sure that files and folders are on the disk before another process can learn of them."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
