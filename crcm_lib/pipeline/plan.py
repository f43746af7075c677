"""The plan of a run: parameters, source, policy and notebooks, checked before the first kernel starts."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from papermill import inspect_notebook

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.errors import CrcmError, UsageError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import Source, read_source
from crcm_lib.pipeline import checks, previous, schedule
from crcm_lib.pipeline.checked_inputs import check_inputs
from crcm_lib.pipeline.evidence import describe, gather_evidence
from crcm_lib.pipeline.files import hash_content, locate, short_path
from crcm_lib.pipeline.kernel import KERNEL
from crcm_lib.pipeline.settings import RunSettings, check_parameters
from crcm_lib.privacy import pseudonymise

if TYPE_CHECKING:
    import pandas as pd

# A notebook may have these parameters and no others.
PARAMETERS = ("source", "as_of", "input_dir", "output_dir", "policy", "overrides", "previous", "seed")


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
    checked: Path  # what the check of the inputs has read
    previous: Path | None = None  # the earlier run; `choose_previous` finds it

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of everything that can change a result."""
        return hash_content(self.evidence)[:8]

    def choose_previous(self, as_of: str) -> "Plan":
        """Return the plan with its earlier run, which can be chosen as soon as this run's day is known.

        Raises
        ------
        UsageError
            If the one that was asked for is not of an earlier day.
        """
        if "previous" in self.evidence:
            return self
        folder = previous.choose(self.settings.previous, self.source, self.evidence, as_of, self.out)
        name = folder.name if folder else previous.NO_RUN
        return replace(self, previous=folder, evidence=self.evidence | {"previous": name})

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

    attempt(check_parameters, settings)
    paths = (locate(path) for path in (settings.source, settings.policy, settings.notebooks))
    source_path, policy_path, notebooks_path = paths
    source, read = attempt(read_source, source_path), None
    if source is not None:
        if not problems:
            read = attempt(check_inputs, source, settings.as_of, Path(settings.out).resolve())
        attempt(pseudonymise, [], describe(source))
    attempt(previous.check_given, settings.previous, source, settings.as_of)
    if source is not None:
        attempt(previous.check_forgotten, source, Path(settings.out).resolve())
    policy = attempt(read_policy, policy_path, settings.overrides)
    notebooks = attempt(read_notebooks, notebooks_path)
    if read and policy is not None:
        attempt(check_decisions, read[1], policy)
    raise_together(problems)
    settings = replace(
        settings, source=str(source_path), policy=str(policy_path), notebooks=str(notebooks_path)
    )
    contents = {name: notebook.content for name, notebook in notebooks.items()}
    inputs, checked = read
    return Plan(
        settings=settings,
        out=Path(settings.out).resolve(),
        source=source,
        policy=policy,
        notebooks=notebooks,
        evidence=gather_evidence(settings, source, inputs, contents),
        checked=checked,
    )


def check_decisions(checked: Path, policy: Policy) -> None:
    """Refuse decisions on tiers that the policy does not have; `checked` holds what the check has read."""
    import pandas as pd

    from crcm_lib.decisions.approvals import refuse_unknown_tiers

    path = checked / "clean" / "approvals.parquet"
    if path.exists() and "tier" in (signed := pd.read_parquet(path)):
        refuse_unknown_tiers(signed, policy)


def find_unknown_names(plan: Plan) -> "pd.DataFrame":
    """The indicators of the policy whose table the checked data have without the column that they name.

    The columns are those of `measured_indicators.list_unknown_names`. A run leaves such an indicator out.
    """
    from crcm_lib.decisions.measured_indicators import list_unknown_names
    from crcm_lib.features.indicator_tables import list_names
    from crcm_lib.schema.engine import open_engine

    return list_unknown_names(plan.policy, list_names(open_engine(plan.checked)))


def find_unknown_profiles(plan: Plan) -> "pd.DataFrame":
    """Industries, sizes and regions that actions ask for and no checked customer has, from `profiles`."""
    from crcm_lib.decisions.profiles import list_unknown_profiles
    from crcm_lib.features.decision_inputs import find_attributes
    from crcm_lib.schema.engine import open_engine

    return list_unknown_profiles(plan.policy, find_attributes(open_engine(plan.checked)))


def raise_together(problems: list[CrcmError]) -> None:
    """Raise one error that holds all problems, each once, in the class with the lowest exit code."""
    if problems:
        gravest = min(problems, key=lambda problem: problem.exit_code)
        raise type(gravest)("\n".join(dict.fromkeys(str(problem) for problem in problems)))


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
