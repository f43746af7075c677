"""Completeness: what must hold before a run is published, and what `crcm verify` checks again."""

import json
import re
from pathlib import Path

import nbformat

from crcm_lib.errors import DataError
from crcm_lib.i18n import _
from crcm_lib.pipeline import files
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
    """List what changed in a published run since run.json was written, and what was never complete."""
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
        if (version := run.get("schema_version")) != SCHEMA_VERSION:
            message = _(
                "run.json has schema_version {version}; this crcm reads {ours}. Use the crcm that wrote it."
            )
            return [message.format(version=version, ours=SCHEMA_VERSION)]
        promised, names = run["artefacts"], [notebook["name"] for notebook in run["notebooks"]]
    except FileNotFoundError:
        return [_("run.json is missing: not a published run")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [_("run.json cannot be read")]
    present = {name: files.hash_file(path) for name, path in files.list_artefacts(folder).items()}
    problems = [_("{name}: missing").format(name=name) for name in promised if name not in present]
    problems += [
        _("{name}: not part of the run").format(name=name) for name in present if name not in promised
    ]
    problems += [
        _("{name}: changed since it was published").format(name=name)
        for name in promised
        if name in present and present[name] != promised[name]
    ]
    for name in names:
        try:
            problems += find_incomplete(nbformat.read(folder / f"{name}.ipynb", as_version=4), name)
        except FileNotFoundError:
            problems.append(_("{name}.ipynb: missing").format(name=name))
        except (ValueError, AttributeError, nbformat.ValidationError):
            problems.append(_("{name}.ipynb: cannot be read").format(name=name))
        problems += find_bad_tables(folder, name)
    return problems
