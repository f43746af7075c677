"""The plan of a run: parameters, source, policy and notebooks, checked before the first kernel starts."""

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import nbformat
from papermill import inspect_notebook

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.errors import CrcmError, DataError, RunError, UsageError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.cleaning import check_source
from crcm_lib.ingest.sources import Source, find_files, read_source
from crcm_lib.pipeline import cache, checks, schedule
from crcm_lib.pipeline.kernel import KERNEL
from crcm_lib.privacy import pseudonymise
from crcm_lib.schema.tables import ROOT, About

# A notebook may have these parameters and no others.
PARAMETERS = ("source", "as_of", "input_dir", "output_dir", "policy", "overrides", "seed")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class RunSettings:
    """The parameters of a run.

    `as_of` is a day like 2017-12-31, or empty for the last day in the data. `overrides` is a JSON of policy
    paths and their values, like {"rfm.bins": 4}. `cell_timeout` is in seconds.
    """

    source: str
    policy: str = "policy.yaml"
    as_of: str = ""
    out: str = "reports"
    seed: int = 0
    overrides: str = "{}"
    resume: bool = False
    notebooks: str = "notebooks"
    cell_timeout: int = 1800


@dataclass(frozen=True)
class Notebook:
    """A notebook as it was when the run began: an edit during the run changes nothing."""

    content: nbformat.NotebookNode
    parameters: tuple[str, ...]
    title: str
    ancestors: frozenset[str]  # the notebooks it depends on: it reads what they wrote and nothing else


@dataclass(frozen=True)
class Plan:
    """A run whose parameters, source, policy and notebooks have been checked."""

    settings: RunSettings
    out: Path
    source: Source
    policy: Policy
    notebooks: dict[str, Notebook]
    evidence: dict  # all that can change a result, as hashes

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of everything that can change a result."""
        return cache.hash_content(self.evidence)[:8]

    def run_id(self, as_of: str) -> str:
        """Return the run's name; it follows from its content, so the same run has the same name."""
        return f"{self.source.name}-{as_of or 'undated'}-{self.key}"


def plan_run(settings: RunSettings) -> Plan:
    """Check parameters, source, inputs, policy and notebooks; report every problem of all of them at once.

    Raises
    ------
    CrcmError
        Of the class with the lowest exit code among the problems: usage or policy (2) before data (3).
    """
    problems: list[CrcmError] = []

    def attempt(work, *arguments):
        try:
            return work(*arguments)
        except CrcmError as error:
            problems.append(error)
            return None

    attempt(_check_parameters, settings)
    source, inputs = attempt(read_source, locate(settings.source)), None
    if source is not None:
        inputs = attempt(_check_inputs, source)
        attempt(pseudonymise, [], _describe(source))
    policy = attempt(read_policy, locate(settings.policy), settings.overrides)
    notebooks = attempt(read_notebooks, locate(settings.notebooks))
    raise_together(problems)
    return Plan(
        settings=settings,
        out=Path(settings.out).resolve(),
        source=source,
        policy=policy,
        notebooks=notebooks,
        evidence=_gather_evidence(settings, source, inputs, notebooks),
    )


def check_unchanged(plan: Plan) -> None:
    """Make sure that nothing the run depends on has changed since it was planned.

    Raises
    ------
    RunError
        Naming what changed: inputs, source, policy, code or lock.
    """
    now = _gather_evidence(plan.settings, plan.source, _hash_inputs(plan.source), plan.notebooks)
    if changed := sorted(name for name in now if now[name] != plan.evidence[name]):
        message = _("changed while the run was at work: {names}. Run again when they rest.")
        raise RunError(message.format(names=", ".join(changed)))


def raise_together(problems: list[CrcmError]) -> None:
    """Raise one error that holds all problems, each once, in the class with the lowest exit code."""
    if problems:
        gravest = min(problems, key=lambda problem: problem.exit_code)
        raise type(gravest)("\n".join(dict.fromkeys(str(problem) for problem in problems)))


def locate(path: str) -> Path:
    """Resolve a user's path: from the current folder if it exists there, else from the project's root."""
    given = Path(path).expanduser()
    return given.resolve() if given.exists() else ROOT / given


def short_path(path: Path) -> str:
    """Return a path as text, from the project's root where it lies inside."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def list_notebooks(folder: Path) -> list[Path]:
    """The numbered notebooks of a folder in their order; 00 opens a finished run and is no part of one."""
    return [path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")) if not path.name.startswith("00_")]


def read_notebooks(folder: Path) -> dict[str, Notebook]:
    """Read the numbered notebooks of a folder in their order.

    Raises
    ------
    UsageError
        If there are none, or one has an unknown parameter, depends on a notebook that is not there, or has
        shell lines, whose failures nobody would notice.
    """
    contents, direct, problems = {}, {}, []
    paths = list_notebooks(folder)
    for number, path in enumerate(paths):
        try:
            content = nbformat.read(path, as_version=4)
        except (ValueError, nbformat.ValidationError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        # Whatever kernel an analyst's Jupyter wrote here, a run has only one.
        content.metadata.language_info = {"name": "python"}
        content.metadata.kernelspec = {"name": KERNEL, "display_name": "Python 3", "language": "python"}
        wanted = tuple(inspect_notebook(content))
        problems += [
            f"{path.name}: {unknown_name(_('parameter'), name, PARAMETERS)}"
            for name in wanted
            if name not in PARAMETERS
        ]
        earlier = [other.stem for other in paths[:number]]
        direct[path.stem], unknown = schedule.read_dependencies(content, earlier)
        problems += [f"{path.name}: {problem}" for problem in unknown]
        problems += checks.find_shell_lines(content, path.stem)
        title = next((cell.source for cell in content.cells if cell.cell_type == "markdown"), path.stem)
        contents[path.stem] = content, wanted, title.splitlines()[0].lstrip("# ").strip()
    if problems:
        raise UsageError(list_problems(short_path(folder), problems))
    if not contents:
        message = _("{folder}: no notebooks like 01_data_cleaning.ipynb")
        raise UsageError(message.format(folder=short_path(folder)))
    ancestors = schedule.find_ancestors(direct)
    return {name: Notebook(*parts, ancestors=ancestors[name]) for name, parts in contents.items()}


def _check_parameters(settings: RunSettings) -> None:
    problems = [*_check_out(settings)]
    if settings.as_of and not _is_day(settings.as_of):
        message = _(
            "--as-of {day!r}: write a day like 2017-12-31, or leave it out for the last day in the data"
        )
        problems.append(message.format(day=settings.as_of))
    if not 0 <= settings.seed <= LARGEST_SEED:
        message = _("--seed {seed}: from 0 to {largest}")
        problems.append(message.format(seed=settings.seed, largest=LARGEST_SEED))
    if settings.cell_timeout < 1:
        message = _("--cell-timeout {seconds}: at least 1 second")
        problems.append(message.format(seconds=settings.cell_timeout))
    if problems:
        raise UsageError(list_problems(_("parameters"), problems))


def _check_out(settings: RunSettings) -> Iterator[str]:
    out = Path(settings.out).resolve()
    nearest = next(place for place in [out, *out.parents] if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield _("--out {out}: cannot be written to").format(out=settings.out)
    if (out / "latest").exists() and not (out / "latest").is_symlink():
        message = _("--out {out}: holds a file or folder `latest` that is no link of ours; move it")
        yield message.format(out=settings.out)


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        return date.fromisoformat(text) is not None
    except ValueError:
        return False


def _check_inputs(source: Source) -> list[dict]:
    """Read the first records of every file, then return the hash of each."""
    if problems := check_source(source):
        raise DataError(list_problems(short_path(source.path), problems))
    return _hash_inputs(source)


def _hash_inputs(source: Source) -> list[dict]:
    """Return name, size and hash of every file that the description names, lookups included."""
    entries = [part for parts in source.tables.values() for part in parts]
    entries += [lookup for part in entries for lookup in part.lookups.values()]
    files = {path.resolve() for entry in entries for path in find_files(entry, source)}
    inputs = [
        {"file": path.name, "bytes": path.stat().st_size, "sha256": cache.hash_file(path)} for path in files
    ]
    return sorted(inputs, key=lambda entry: (entry["file"], entry["sha256"]))


def _describe(source: Source) -> About:
    """Return what is known before cleaning, enough to choose the key of the pseudonyms."""
    return About(source.name, source.title, "", "", source.currency, synthetic=source.synthetic)


def _gather_evidence(settings: RunSettings, source: Source, inputs: list[dict], notebooks: dict) -> dict:
    """Return everything that can change a result, as values and hashes."""
    lock = ROOT / "requirements.lock"
    if not lock.exists():
        raise RunError(_("requirements.lock is missing; the run could not say what it ran on"))
    return {
        "parameters": {"as_of": settings.as_of, "overrides": settings.overrides, "seed": settings.seed},
        "source": cache.hash_file(source.path),
        "inputs": inputs,
        "policy": cache.hash_file(locate(settings.policy)),
        "code": cache.hash_code(),
        "lock": cache.hash_file(lock),
        "python": platform.python_version(),
        "versions": cache.installed_versions(),
        "pseudonyms": pseudonymise(["with which key"], _describe(source))[0],
        "language": os.environ.get("CRCM_LANGUAGE", "en"),
        "notebooks": {name: cache.hash_notebook(notebook.content) for name, notebook in notebooks.items()},
    }
