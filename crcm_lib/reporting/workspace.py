"""What a notebook works in: its tables, the nearest first; the policy; what may be shown to whom.

Tables are read from where the notebook writes first, then from `input_dir`: so a table that an analyst made
by hand with one notebook reaches the next one.
"""

import ast
import filecmp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pandas as pd

from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.errors import DataError, UsageError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.privacy import count_hidden, hide_small, pseudonymise, round_cells, round_count
from crcm_lib.reporting import display
from crcm_lib.reporting.charts.style import set_house_style
from crcm_lib.reporting.text.numbers import fill
from crcm_lib.schema import tables
from crcm_lib.schema.engine import Engine, columns_of, open_engine
from crcm_lib.schema.results import RESULTS


@dataclass(frozen=True)
class Workspace:
    """The tables and rules of one notebook.

    Attributes
    ----------
    folders
        Where tables are looked for, in this order.
    writes
        Where this notebook writes.
    policy
        The classification policy, with the overrides applied.
    about
        Source, last day and currency of the tables.
    overrides
        The JSON of changed policy paths, as it was given.
    """

    folders: tuple[Path, ...]
    writes: Path
    policy: Policy
    about: tables.About
    overrides: str = "{}"

    @property
    def as_of(self) -> pd.Timestamp:
        """The last day known, at midnight."""
        return self.about.day

    @property
    def currency(self) -> str:
        """The ISO 4217 code of all amounts."""
        return self.about.currency

    @property
    def min_cell(self) -> int:
        """Groups of fewer customers are not shown."""
        return self.policy.privacy.min_cell

    @cached_property
    def engine(self) -> Engine:
        """An engine with a view for each clean input table."""
        return open_engine(*self.folders)

    def read(self, name: str) -> pd.DataFrame:
        """A result table, checked; indexed by `customer_id` where that is its key."""
        return tables.read(self._nearest(tables.table_path, name), name)

    def read_all(self, names: Iterable[str]) -> dict[str, pd.DataFrame]:
        """Those of the result tables that were written, by name."""
        written = [name for name in names if any(tables.exists(folder, name) for folder in self.folders)]
        return {name: self.read(name) for name in written}

    def read_model(self, name: str) -> str:
        """What an earlier notebook learned, as JSON."""
        return tables.read_model(self._nearest(tables.model_path, name), name)

    def write(self, frame: pd.DataFrame, name: str) -> None:
        """Check a result table and write it."""
        self._sign()
        tables.write(frame, self.writes, name)

    def write_model(self, state: str, name: str) -> None:
        """Keep what was learned, as JSON."""
        self._sign()
        tables.write_model(state, self.writes, name)

    def hide(
        self, groups: pd.DataFrame, *, counts: str = "customers", money: Iterable[str] = ()
    ) -> pd.DataFrame:
        """A frame of one row per group without small cells, to draw from; see `privacy.hide_small`.

        Where the frame is shown, a line below it says how many numbers are hidden, and why.
        """
        published = hide_small(groups, counts=counts, money=list(money), at_least=self.min_cell)
        hidden = groups.attrs.get("hidden", 0) + count_hidden(groups, published)
        published.attrs = {**groups.attrs, "hidden": hidden}
        return published

    def round(
        self, cells: pd.DataFrame, counts: Sequence[str] = ("customers",), **ranges: float | pd.Series
    ) -> pd.DataFrame:
        """Cells crossed with an attribute, a label or an answer of persons; see `privacy.round_cells`.

        Small ones have been hidden before. Where the frame is shown, a line below it says how it is rounded.
        Those of a company all of whose customers are companies stay as they are.
        """
        if not self.has_persons:
            return cells
        rounded = round_cells(cells, self.about, base=self.min_cell, counts=counts, ranges=ranges)
        rounded.attrs = {**cells.attrs, "rounded": True}
        return rounded

    def round_count(self, count: int) -> int:
        """A number that a sentence says of such a cell, as `round` shows it in a table."""
        return round_count(count, self.about, base=self.min_cell) if self.has_persons else count

    @cached_property
    def has_persons(self) -> bool:
        """Whether any customer is a natural person, or may be one."""
        if "subject_type" not in columns_of(self.engine, "customers"):
            return True
        persons = "select count(*) from customers where coalesce(subject_type, 'person') <> 'company'"
        return bool(self.engine.execute(persons).fetchall()[0][0])

    def counts(self, frame: pd.DataFrame, rows: str, columns: str) -> pd.DataFrame:
        """How many customers have each pair of values; cells that are or betray a small one are missing."""
        crossed = pd.crosstab(frame[rows], frame[columns])
        return hide_small(crossed, counts=list(crossed.columns), at_least=self.min_cell)

    def count_buyers(self) -> int | None:
        """How many customers have bought; None where `customer_features` is not written yet."""
        return tables.count_buyers(self._nearest(tables.table_path, "customer_features"))

    def pseudonyms(self, customers: Iterable[str]) -> list[str]:
        """The pseudonyms of customers, for a picture; frames are shown under pseudonyms by themselves."""
        return pseudonymise(customers, self.about)

    def by_hand(self) -> list[str]:
        """Result tables that come from where this notebook writes and differ from those of `input_dir`."""
        by_hand = []
        for name in RESULTS:
            own, *given = (tables.table_path(folder, name) for folder in self.folders)
            if given and own.exists():
                same = given[0].exists() and filecmp.cmp(own, given[0], shallow=False)
                by_hand += [] if same else [name]
        return by_hand

    def _nearest(self, path_of, name: str) -> Path:
        return next((folder for folder in self.folders if path_of(folder, name).exists()), self.folders[-1])

    def _sign(self) -> None:
        """Say whose tables lie there, so that nobody mixes them with those of another source or day."""
        if not (self.writes / "about.json").exists():
            tables.write_about(self.about, self.writes)

    def __repr__(self) -> str:
        facts = [
            fill(_("{source}, as of {day}"), source=self.about.source, day=self.about.as_of),
            fill(_("policy version {version}"), version=self.policy.version),
        ]
        if self.overrides.strip() not in ("", "{}"):
            facts.append(fill(_("overrides {overrides}"), overrides=self.overrides))
        if changed := self.by_hand():
            facts.append(fill(_("made by hand: {names}"), names=changed))
        return " · ".join(facts)

    _repr_markdown_ = __repr__


def open_workspace(
    input_dir: str, output_dir: str, *, policy: str = "policy.yaml", overrides: str = "{}"
) -> Workspace:
    """The workspace of a notebook; from here on the notebook shows frames and pictures in the house's way.

    Parameters
    ----------
    input_dir
        The run or folder that is read where `output_dir` has nothing.
    output_dir
        Where the notebook writes; what lies there comes first.
    policy
        The policy file.
    overrides
        A JSON object of policy paths and values, like `{"rfm.bins": 4}`.

    Raises
    ------
    UsageError
        If papermill passed a parameter that the notebook does not have.
    DataError
        If the two folders hold tables of different sources or days.
    PolicyError
        If the policy, or an override, does not fit.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        check_parameters(shell.user_ns.get("In", []))
    folders = tuple(dict.fromkeys(tables.resolve(folder) for folder in (output_dir, input_dir)))
    rules = read_policy(tables.resolve(policy), overrides)
    workspace = Workspace(folders, folders[0], rules, _about(folders), overrides)
    set_house_style()
    if shell is not None:
        audience = display.Audience(workspace.about, workspace.min_cell, workspace.count_buyers())
        display.register(shell, audience)
    return workspace


def check_parameters(cells: list[str]) -> None:
    """Refuse what papermill passed although the notebook has no such parameter: it would change nothing.

    Parameters
    ----------
    cells
        The code that this session ran, as IPython keeps it in `In`.
    """
    for before, cell in pairwise(cells):
        if not cell.startswith("# Parameters\n"):
            continue
        known, given = _assigned(before), _assigned(cell)
        if problems := [unknown_name("parameter", name, known) for name in given if name not in known]:
            raise UsageError(list_problems(_("parameters"), problems))


def _assigned(code: str) -> list[str]:
    targets = [node.targets[0] for node in ast.parse(code).body if isinstance(node, ast.Assign)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _about(folders: tuple[Path, ...]) -> tables.About:
    """What the folders describe; all of them the same, or the notebook would mix two companies or days."""
    found = {folder: tables.read_about(folder) for folder in folders if (folder / "about.json").exists()}
    if not found:
        return tables.read_about(folders[-1])  # which says what is missing
    described = {(about.source, about.as_of): folder for folder, about in found.items()}
    if len(described) > 1:
        words = _(
            "{parts}: tables of different sources or days. Delete the first folder, or set input_dir to it."
        )
        parts = [f"{folder} ({source}, {day})" for (source, day), folder in described.items()]
        raise DataError(words.format(parts="; ".join(parts)))
    return next(iter(found.values()))
