"""Completeness: what must hold before a run is published, and what `crcm verify` checks again."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from crcm_lib.errors import CrcmError, DataError
from crcm_lib.i18n import _
from crcm_lib.pipeline import files, seal
from crcm_lib.schema import tables
from crcm_lib.schema.results import RESULTS

SCHEMA_VERSION = 1  # of run.json

# `get_ipython().system` and `os.system` are as silent as `!`; `platform.system` asks for a name.
SHELL = re.compile(
    r"^\s*(?:!|%%|%sx\b|%system\b)|=\s*!"
    r"|(?<!platform)\.(?:system|getoutput|popen|run_cell_magic|run_line_magic)\b"
)

# A thread that fails leaves its cell's status untouched; its traceback on stderr does not.
HIDDEN_FAILURES = ("Traceback (most recent call last)", "Exception in thread", "Exception ignored in")


def find_incomplete(notebook: nbformat.NotebookNode, name: str) -> list[str]:
    """List the signs that a notebook did not run from its first cell to its last."""
    problems = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        where = _("{name}.ipynb, cell [{number}]: ").format(name=name, number=number)
        status = cell.metadata.get("papermill", {}).get("status")
        if status != "completed" or cell.execution_count != number:
            problems.append(
                where
                + _("not executed in its turn (status {status}, count {count})").format(
                    status=status, count=cell.execution_count
                )
            )
        for output in cell.outputs:
            if output.output_type == "error":
                problems.append(where + _("ends in {error}").format(error=output.ename))
            if output.output_type == "stream" and any(sign in output.text for sign in HIDDEN_FAILURES):
                problems.append(where + _("something failed beside the cell; see what it printed"))
    if notebook.metadata.get("papermill", {}).get("exception") is not False:
        problems.append(_("{name}.ipynb: has no record of completion").format(name=name))
    return problems


def find_bad_tables(folder: Path, name: str) -> list[str]:
    """List the result tables of a notebook that are missing or break their contract."""
    problems = []
    for table in (table for table in RESULTS if RESULTS[table].written_by == name):
        try:
            tables.read(folder, table)
        except DataError as error:
            problems.append(f"{name}.ipynb: {error}".replace(str(folder), folder.name))
    return problems


def find_shell_lines(notebook: nbformat.NotebookNode, name: str) -> list[str]:
    """List lines whose failure nobody would notice: `!command`, cell magics, calls of a shell."""
    return [
        _("{name}.ipynb: {line!r} is a shell line; its failure would go unnoticed. Use the library.").format(
            name=name, line=line.strip()[:40]
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if SHELL.search(line)
    ]


def verify(folder: Path) -> list[str]:
    """List what changed in a published run since run.json was written, and what was never complete.

    `seal.describe` says what an empty list proves.
    """
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        if (version := run.get("schema_version")) != SCHEMA_VERSION:
            message = _(
                "run.json has schema_version {version}; this crcm reads {ours}. Use the crcm that wrote it."
            )
            return [message.format(version=version, ours=SCHEMA_VERSION)]
        names = [notebook["name"] for notebook in run["notebooks"]]
        problems = [*_compare_files(folder, run, names), *_compare_record(folder, run)]
    except FileNotFoundError:
        return [_("run.json is missing: not a published run")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [_("run.json cannot be read")]
    for name in names:
        try:
            notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
            problems += find_incomplete(notebook, name)
        except FileNotFoundError:
            problems.append(_("{name}.ipynb: missing").format(name=name))
        except (ValueError, AttributeError, nbformat.ValidationError):
            problems.append(_("{name}.ipynb: cannot be read").format(name=name))
        problems += find_bad_tables(folder, name)
    return list(dict.fromkeys(problems))


def _compare_files(folder: Path, run: dict, names: list[str]) -> Iterator[str]:
    """Yield what is missing, changed, added, linked, or open to others than the owner."""
    promised = run["artefacts"] | run.get("stages", {})
    records = {f"{files.RECORDS}/{name}.json" for name in names}
    known = {*promised, *records, "run.json"}
    folders = {parent.as_posix() for name in known for parent in Path(name).parents}
    present = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    for name in promised:
        if name not in present:
            yield _("{name}: missing").format(name=name)
        elif not present[name].is_symlink() and files.hash_file(present[name]) != promised[name]:
            yield _("{name}: changed since it was published").format(name=name)
    for name, path in present.items():
        if path.is_symlink():
            yield _("{name}: a link, where the run has none").format(name=name)
        elif name not in (folders if path.is_dir() else known):
            yield _("{name}: not part of the run").format(name=name)
    for path in files.list_private(folder):
        if not path.is_symlink() and path.stat().st_mode & 0o077:
            name = path.relative_to(folder).as_posix()
            yield _("{name}: others than the owner may read it; run chmod go= on it").format(name=name)


def _compare_record(folder: Path, run: dict) -> Iterator[str]:
    """Yield what run.json says otherwise than the run's own files, its name and its seal."""
    evidence, key = run["evidence"], files.hash_content(run["evidence"])[:8]
    if (
        run["run"] != f"{run['source']}-{run['as_of'] or 'undated'}-{key}"
        or run["parameters"] != evidence["parameters"]
    ):
        yield _("run.json: source, day, parameters or hashes of the inputs are not those of this run")
    if {notebook["name"] for notebook in run["notebooks"]} != evidence["notebooks"].keys():
        yield _("run.json: other notebooks than the run had")
    about = {}
    with contextlib.suppress(OSError, ValueError):
        about = json.loads((folder / "about.json").read_text("utf-8"))
        if any(about.get(name, run[name]) != run[name] for name in ("source", "title", "as_of")):
            yield _("run.json: another source, title or day than about.json")
    for notebook in run["notebooks"]:
        if not _is_its_headline(folder, notebook):
            message = _("run.json: another headline than {name}.ipynb has")
            yield message.format(name=notebook["name"])
    if not _is_its_index(folder, run):
        yield _("index.html: says something else than run.json")
    yield from seal.find_problems(run, is_synthetic=about.get("synthetic", False))


def _is_its_index(folder: Path, run: dict) -> bool:
    """Whether index.html is what run.json and the tables give.

    Another release would write it otherwise, and it still counts customers forgotten since.
    """
    from crcm_lib.pipeline.evidence import hash_code
    from crcm_lib.reporting import pages

    known = run["evidence"]["code"] == hash_code() and "forgotten" not in run
    if not known or run["evidence"].get("language") != os.environ.get("CRCM_LANGUAGE", "en"):
        return True
    summary = {name: value for name, value in run.items() if name not in ("evidence", "artefacts", "stages")}
    try:
        return (folder / "index.html").read_text("utf-8") == pages.render_index(folder, summary)
    except (CrcmError, OSError, ValueError, KeyError, TypeError):
        return True  # a damaged page or table is told elsewhere


def _is_its_headline(folder: Path, entry: dict) -> bool:
    """Whether run.json gives a notebook's own headline; that the notebook is missing is told elsewhere."""
    from crcm_lib.reporting import pages

    try:
        notebook = nbformat.read(folder / f"{entry['name']}.ipynb", as_version=4)
        return pages.headline(notebook) == entry["headline"]
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        return True
