"""Where the files of a source lie: found, and confined to their place."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

from crcm_lib.errors import DataError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import File, Source
from crcm_lib.schema.tables import ROOT

SUFFIXES = {".csv": ",", ".tsv": "\t"}  # the delimiter that a name declares
KINDS = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".xlsx")
ELSEWHERE = "$CRCM_DATA/"


def find_files(file: File, source: Source) -> list[Path]:
    """The files that an entry names, sorted; confined to the description's folder, the project, the package.

    Raises
    ------
    DataError
        If nothing is there, or a path leads out of its place.
    """
    pattern, home = file.path or file.database, source.path.parent
    if file.package:
        home = _package_folder(file.package)
    elif pattern.startswith(ELSEWHERE):
        if not (given := os.environ.get("CRCM_DATA")):
            raise DataError(
                _("{path}: CRCM_DATA is not set; set it to the folder that holds the file").format(
                    path=pattern
                )
            )
        home, pattern = Path(given).expanduser(), pattern.removeprefix(ELSEWHERE)
    if Path(pattern).is_absolute():
        if file.package:
            raise DataError(_("{path}: a path inside a package is relative").format(path=pattern))
        home, pattern = Path(Path(pattern).anchor), str(Path(pattern).relative_to(Path(pattern).anchor))
    allowed = [home.resolve()] + ([] if file.package or file.path.startswith(ELSEWHERE) else [ROOT.resolve()])
    found = sorted(_glob(home, pattern))
    outside = [path for path in found if not any(path.resolve().is_relative_to(place) for place in allowed)]
    if outside or (not found and _leads_out(home / pattern, allowed)):
        said = _("{path}: leads out of the folder of the description and of the project; move the file, or "
                 "write the absolute path")  # fmt: skip
        raise DataError(said.format(path=file.path or file.database))
    if not found:
        raise DataError(_missing(home, pattern, file))
    return found


def _leads_out(path: Path, allowed: list[Path]) -> bool:
    place = Path(os.path.normpath(path))
    return not any(place.is_relative_to(home) for home in allowed)


def _glob(home: Path, pattern: str) -> list[Path]:
    if not re.search(r"[*?\[]", pattern):
        return [home / pattern] if (home / pattern).is_file() else []
    climb = re.match(r"(\.\./)*", pattern)[0]
    return [path for path in (home / climb).glob(pattern[len(climb):]) if path.is_file()]  # fmt: skip


def _missing(home: Path, pattern: str, file: File) -> str:
    folder = (home / pattern).parent
    there = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    hint = (
        unknown_name(_("file"), Path(pattern).name, there[:20])
        if there
        else _("the folder is not there or empty.")
    )
    return _("{path}: no such file; {hint}").format(path=file.path or file.database, hint=hint)


def _package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it."""
    found = find_spec(package) if re.fullmatch(r"[A-Za-z_]\w*", package) else None
    if found is None or not found.submodule_search_locations:
        raise DataError(
            _("package {package!r} is not installed; install it, or give a path").format(package=package)
        )
    return Path(next(iter(found.submodule_search_locations)))


def delimiter_of(file: File, path: Path) -> str:
    """The delimiter that is declared, by key or by the file's name; nothing is guessed."""
    if path.suffix.lower() not in KINDS:
        raise DataError(_("{file}: {suffix!r} is not a known kind of file. Known: {known}.").format(
            file=path.name, suffix=path.suffix, known=", ".join(KINDS)))  # fmt: skip
    if delimiter := file.delimiter or SUFFIXES.get(path.suffix.lower(), ""):
        return {"tab": "\t", "whitespace": " "}.get(delimiter, delimiter)
    raise DataError(
        _('{file}: declare its delimiter (for example ",", "tab" or "whitespace")').format(file=path.name)
    )
