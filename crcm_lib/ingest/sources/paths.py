"""Where the files of a source are: every path is confined to its folder."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.ingest.sources.encodings import describe_delimiter
from crcm_lib.ingest.sources.postgres import is_postgres, take_snapshot
from crcm_lib.schema.tables import ROOT

DELIMITERS = {".csv": ",", ".tsv": "\t"}  # what the end of a file's name declares
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".xlsx")
MAX_PATH, MAX_NAME = 4_000, 255  # bytes of a path, of one of its parts
SHOWN = 80  # characters of a path in a message
DATA_FOLDER = "$CRCM_DATA/"


def find_files(file: File, source: Source) -> list[Path]:
    """The paths of a `File`, sorted; confined to the description's folder, the project, the package.

    What a PostgreSQL server is asked stands in a file of this run's own.

    Raises
    ------
    DataError
        If nothing is there, a path leads out of its folder, or a server does not answer.
    """
    if is_postgres(file.database):
        return [take_snapshot(file.database, file.query)]
    _refuse_long(file.path or file.database)
    folder, pattern = _split_path(file, source)
    allowed = [folder.resolve()]
    if not file.package and not file.path.startswith(DATA_FOLDER):
        allowed.append(ROOT.resolve())
    paths = sorted(_glob(folder, pattern))
    outside = [path for path in paths if not _is_inside(path.resolve(), allowed)]
    normal = Path(os.path.normpath(folder / pattern))
    if outside or (not paths and not _is_inside(normal, allowed)):
        problem = _(
            "{path}: leads out of the folder of the description and of the project; move the file, or "
            "write the absolute path"
        )
        raise DataError(problem.format(path=file.path or file.database))
    if not paths:
        raise DataError(_describe_missing(folder, pattern, file))
    return paths


def _refuse_long(path: str) -> None:
    """Refuse what no operating system takes for a path."""
    longest = max(len(part.encode()) for part in path.split("/"))
    if len(path.encode()) > MAX_PATH or longest > MAX_NAME or "\0" in path:
        problem = _("{path}…: is no path; it has {count} characters or a character that no path has")
        raise DataError(problem.format(path=path[:SHOWN].replace("\0", ""), count=len(path)))


def _split_path(file: File, source: Source) -> tuple[Path, str]:
    """The folder that a path or pattern starts from, and the rest."""
    pattern, folder = file.path or file.database, source.path.parent
    if file.package:
        folder = _package_folder(file.package)
    elif pattern.startswith(DATA_FOLDER):
        if not (named := os.environ.get("CRCM_DATA")):
            problem = _("{path}: CRCM_DATA is not set; set it to the folder that holds the file")
            raise DataError(problem.format(path=pattern))
        folder, pattern = Path(named).expanduser(), pattern.removeprefix(DATA_FOLDER)
    if Path(pattern).is_absolute():
        if file.package:
            raise DataError(_("{path}: a path inside a package is relative").format(path=pattern))
        folder = Path(Path(pattern).anchor)
        pattern = str(Path(pattern).relative_to(folder))
    return folder, pattern


def _is_inside(path: Path, folders: list[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _glob(folder: Path, pattern: str) -> list[Path]:
    if not re.search(r"[*?\[]", pattern):
        return [folder / pattern] if (folder / pattern).is_file() else []
    # `Path.glob` does not accept `..`, so that these steps are taken before.
    steps_up = re.match(r"(\.\./)*", pattern)[0]
    return [path for path in (folder / steps_up).glob(pattern.removeprefix(steps_up)) if path.is_file()]


def _describe_missing(folder: Path, pattern: str, file: File) -> str:
    parent = (folder / pattern).parent
    names = sorted(path.name for path in parent.iterdir() if path.is_file()) if parent.is_dir() else []
    if names:
        hint = unknown_name(_("file"), Path(pattern).name, names[:20])
    else:
        hint = _("the folder is not there or empty.")
    return _("{path}: no such file; {hint}").format(path=file.path or file.database, hint=hint)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(package) if re.fullmatch(r"[A-Za-z_]\w*", package) else None
    if spec is None or not spec.submodule_search_locations:
        problem = _("package {package!r} is not installed; install it, or give a path")
        raise DataError(problem.format(package=package))
    return Path(next(iter(spec.submodule_search_locations)))


def delimiter_of(file: File, path: Path, required: bool = True) -> str:
    """The delimiter that is declared, by key or by the end of the file's name; nothing is guessed.

    Parameters
    ----------
    required
        Refuse a file whose delimiter is not declared; otherwise it is "".

    Raises
    ------
    DataError
        If the kind of file is unknown, or the delimiter is none.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        problem = _("{file}: {suffix!r} is not a known kind of file. Known: {known}.")
        raise DataError(problem.format(file=path.name, suffix=path.suffix, known=", ".join(SUFFIXES)))
    if described := describe_delimiter(file.delimiter):
        raise DataError(f"{path.name}: {described}")
    if delimiter := file.delimiter or DELIMITERS.get(suffix, ""):
        return {"tab": "\t", "whitespace": " "}.get(delimiter, delimiter)
    if not required:
        return ""
    problem = _('{file}: declare its delimiter (for example ",", "tab" or "whitespace")')
    raise DataError(problem.format(file=path.name))
