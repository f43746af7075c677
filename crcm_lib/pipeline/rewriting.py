"""A published run rewritten without somebody who is forgotten, and sealed anew with a tombstone."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from crcm_lib.errors import GateError, list_problems
from crcm_lib.i18n import _
from crcm_lib.pipeline import checks, erasure, files, kept_policy, seal
from crcm_lib.pipeline.reports_folder import REWRITTEN, replace_run
from crcm_lib.privacy.pseudonyms import make_pseudonym
from crcm_lib.reporting import card_pages, exports, private_pages

TOMBSTONE = "forgotten"  # in run.json: how many customers, on which day


def erase_files(folder: Path, traces: erasure.Traces) -> Iterator[tuple[Path, erasure.Erased]]:
    """Each file of a folder that holds a trace, with what is left of it.

    Tables come last: who is searched for is known by them, should this be killed half way. Lists,
    their pages and customers' cards are left out: they are made anew from the tasks and the tables.
    """
    artefacts = [path for name, path in files.list_artefacts(folder).items() if not _is_made_anew(name)]
    for path in sorted(artefacts, key=lambda path: (path.suffix in (".parquet", ".csv"), path)):
        try:
            erased = erasure.erase(path, traces)
        except (OSError, ValueError):
            erased = erasure.Erased(None)  # nobody can say what is in a damaged file
        if erased is not None:
            yield path, erased


def find_obstacles(run: Path, key: bytes) -> list[str]:
    """Why a run cannot be sealed anew: another key made its pseudonyms, or it is not what was published."""
    if not (run / "run.json").exists():
        return []
    try:
        record = json.loads((run / "run.json").read_text("utf-8"))
        its_key = record["evidence"].get("pseudonyms", "")
    except (ValueError, KeyError, AttributeError):
        its_key = ""
    if its_key != make_pseudonym(key, "with which key"):
        problem = _(
            "{run}: its pseudonyms have another key; set CRCM_KEY_FILE to that one, or remove the run"
        )
        return [problem.format(run=run.name)]
    problem = _("{run}: {problem}; remove the run, or restore what was published")
    return [problem.format(run=run.name, problem=each) for each in checks.verify(run)]


def rewrite_run(run: Path, traces: erasure.Traces, tombstone: dict, key: bytes) -> None:
    """Let a copy of the run without the traces take its place."""
    copy = run.parent / f"{REWRITTEN}{run.name}"
    shutil.copytree(run, copy, copy_function=os.link)
    rewrite(copy, traces)
    _seal_anew(copy, tombstone, key)
    if problems := checks.verify(copy):
        raise GateError(list_problems(run.name, problems))
    files.fsync(*copy.rglob("*"), copy)
    replace_run(run.parent, run.name)


def rewrite(folder: Path, traces: erasure.Traces) -> None:
    """Change every file of a folder that holds a trace, in place."""
    for path, erased in erase_files(folder, traces):
        if erased.content is None:
            path.unlink()
        else:
            _save(erased.content, path)
    if not (folder / "run.json").exists():
        return
    record = json.loads((folder / "run.json").read_text("utf-8"))
    for name, path in files.list_artefacts(folder).items():
        if _is_made_anew(name):
            path.unlink()  # and not overwritten: the run that this is a copy of shares the file
    if (folder / exports.EXPORTS).exists():
        exports.write_lists(folder)
        private_pages.write_private_pages(folder, record)
    if (folder / card_pages.CARDS).exists():
        card_pages.write_cards(folder, kept_policy.read(folder), record)


def _is_made_anew(name: str) -> bool:
    """Whether a file of a run is a list, a page of one, or a page of cards."""
    place = Path(name)
    if place.parent.as_posix() == card_pages.CARDS:
        return True
    lists = place.parent.as_posix() == exports.EXPORTS and place.name not in exports.KEPT
    return lists or (place.parent.as_posix() == private_pages.PRIVATE and place.suffix == ".html")


def _save(content: str | bytes, path: Path) -> None:
    """Write a file anew, as readable as it was."""
    mode = path.stat().st_mode & 0o777
    files.save_atomically(content, path)
    path.chmod(mode)


def _seal_anew(run: Path, tombstone: dict, key: bytes) -> None:
    """Bring the hashes up to date, say that somebody was forgotten, and seal that."""
    record = json.loads((run / "run.json").read_text("utf-8"))
    page = run / "index.html"
    sentence = _(
        "{customers} customer(s) forgotten on {day}: no row or example of them is left; totals count them."
    )
    note = f'</h1>\n<p class="prose">{sentence.format(**tombstone)}</p>'
    _save(page.read_text("utf-8").replace("</h1>", note, 1), page)
    hashes = {name: files.hash_file(path) for name, path in files.list_artefacts(run).items()}
    for path in files.list_records(run).values():
        stage = json.loads(path.read_text("utf-8"))
        stage["outputs"] = {name: hashes[name] for name in stage["outputs"] if name in hashes}
        stage["notebook"] = hashes[f"{stage['name']}.ipynb"]
        _save(json.dumps(stage, indent=1), path)
    record["artefacts"] = hashes
    if "stages" in record:
        record["stages"] = {name: files.hash_file(path) for name, path in files.list_records(run).items()}
    record[TOMBSTONE] = [*record.get(TOMBSTONE, []), tombstone]
    _save(json.dumps(seal.seal(record, key), indent=1, ensure_ascii=False) + "\n", run / "run.json")
