"""What a check has read, kept so that a run of the same files does not read them again.

reports/.checked/<source>/ holds the clean tables of the last check of a source: private, and of use only
while description, files, day and code are the same.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crcm_lib.ingest.cleaning import check
from crcm_lib.ingest.sources import Source
from crcm_lib.pipeline.evidence import describe_forgotten, hash_code, hash_inputs, installed_versions
from crcm_lib.pipeline.files import hash_content, hash_file
from crcm_lib.schema.tables import READY

FOLDER, KEY, REPORT = ".checked", "key", "check.json"


def check_inputs(source: Source, as_of: str, out: Path) -> tuple[list[dict], Path]:
    """Read and clean everything that a source describes, unless the last check read the same.

    Returns
    -------
    The name, size and hash of each input file, and the folder of what was read: clean tables, their accounts,
    and `check.json`, the report.

    Raises
    ------
    DataError
        If the source breaks its contract.
    """
    inputs = hash_inputs(source)
    depends = [hash_file(source.path), inputs, describe_forgotten(source), as_of]
    key = hash_content([*depends, hash_code(), installed_versions()])
    folder = out / FOLDER / source.name
    with contextlib.suppress(OSError):
        if (folder / KEY).read_text("utf-8") == key:
            return inputs, folder
    with _made_with_parents(folder.parent), tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        report = check(source, draft, as_of=as_of)
        Path(draft, REPORT).write_text(json.dumps(report, ensure_ascii=False), "utf-8")
        Path(draft, KEY).write_text(key, "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(draft, folder)
        Path(draft).mkdir()  # so that the temporary folder can be removed
    return inputs, folder


@contextlib.contextmanager
def _made_with_parents(folder: Path) -> Iterator[None]:
    """A private folder, made with the one above it; both go again if they stay empty."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()


def read_report(folder: Path) -> list[dict]:
    """The report of a check."""
    report: list[dict] = json.loads((folder / REPORT).read_text("utf-8"))
    return report


def offer(folder: Path, sandbox: Path) -> None:
    """Put what a check has read where cleaning looks for it; without it cleaning reads the files itself."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(folder, sandbox / READY, copy_function=os.link)
