"""Files of runs: where they are, their hashes, who may read them, and how they are written whole."""

import hashlib
import json
import os
from pathlib import Path

from crcm_lib.schema.tables import ROOT

RECORDS = ".stages"  # of the notebooks that a run has executed
DATA = ("clean", "tables", "models", "private")  # a run's private folders: they hold rows with ids


def locate(path: str) -> Path:
    """Resolve a user's path: from the current folder if it exists there, else from the project's root."""
    given = Path(path).expanduser()
    return given.resolve() if given.exists() else ROOT / given


def short_path(path: Path) -> str:
    """Return a path as text, from the project's root where it lies inside."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


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
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def canonical_json(content) -> str:
    """Return JSON that is the same for equal content, whatever the order of its keys."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def list_artefacts(folder: Path) -> dict[str, Path]:
    """Return every file that a run publishes beside run.json: path inside the run -> file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: path
        for name, path in sorted(named.items())
        if name != "run.json" and not any(part.startswith(".") for part in Path(name).parts)
    }


def list_records(folder: Path) -> dict[str, Path]:
    """Return the records of a run's stages: path inside the run -> file."""
    return {path.relative_to(folder).as_posix(): path for path in sorted((folder / RECORDS).glob("*.json"))}


def list_private(folder: Path) -> list[Path]:
    """Return the folders and files of a run that only its owner may read."""
    tops = [folder / name for name in (*DATA, RECORDS) if (folder / name).exists()]
    return [path for top in tops for path in [top, *sorted(top.rglob("*"))]]


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
