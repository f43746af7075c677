"""Every table's columns, units, meaning and limits: schema, validator and data dictionary in one.

A working folder (a run, the committed sample, or an analyst's scratch) holds

- `clean/<table>.parquet` — the input tables after cleaning (`INPUTS`), read by the engine
- `tables/<table>.parquet` — what the notebooks found (`RESULTS`), read as data frames
- `models/<name>.json` — what they learned
- `about.json` — what the folder describes: source, last day, currency
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from crcm_lib.errors import DataError, list_problems, unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.columns import Table
from crcm_lib.schema.results import RESULTS

ROOT = Path(__file__).parents[2]
READY = ".checked"  # in a working folder: clean tables that the check of its run has made
SCRATCH = Path("data/scratch")
PANDAS_KINDS = {
    "text": pd.api.types.is_string_dtype,
    "flag": pd.api.types.is_bool_dtype,
    "time": pd.api.types.is_datetime64_any_dtype,
    "day": pd.api.types.is_datetime64_any_dtype,
    "integer": pd.api.types.is_numeric_dtype,
    "number": pd.api.types.is_numeric_dtype,
    "money": pd.api.types.is_numeric_dtype,
}


@dataclass(frozen=True)
class About:
    """What a working folder describes; written by 01, read by every later notebook."""

    source: str
    title: str
    as_of: str
    first_day: str
    currency: str
    synthetic: bool = False
    tables: dict[str, int] = field(default_factory=dict)

    @property
    def day(self) -> pd.Timestamp:
        """The last day known, as a timestamp at midnight."""
        return pd.Timestamp(self.as_of)

    @property
    def history_days(self) -> int:
        """Days from the first to the last one, both counted."""
        return (self.day - pd.Timestamp(self.first_day)).days + 1


def resolve(path: str | Path) -> Path:
    """Read a relative path from the project's root, so that a notebook runs from any folder.

    The environment variable CRCM_SCRATCH names another folder for `data/scratch`, where notebooks write by
    hand: two people, or two tests, then do not read each other's tables.
    """
    if (elsewhere := os.environ.get("CRCM_SCRATCH")) and Path(path).is_relative_to(SCRATCH):
        return Path(elsewhere) / Path(path).relative_to(SCRATCH)
    return ROOT / path


def check(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return `frame` if it keeps the contract of the results table `name`.

    Raises
    ------
    DataError
        Listing every breach: missing or unknown columns, wrong kinds, missing values,
        numbers outside their limits, repeated keys.
    """
    table = _known(name)
    flat = _flat(frame, table)
    if problems := find_problems(flat, table):
        raise DataError(list_problems(name, problems))
    return frame


def find_problems(flat: pd.DataFrame, table: Table) -> list[str]:
    """List every breach of a table's contract, with counts and without any customer's data."""
    problems = [
        unknown_name("column", column, table.columns)
        for column in flat.columns
        if column not in table.columns and not table.open
    ]
    for name, column in table.columns.items():
        if name not in flat:
            if column.required:
                problems.append(_("{column}: missing").format(column=name))
            continue
        values = flat[name]
        if column.required and (gaps := int(values.isna().sum())):
            problems.append(
                _("{column}: {gaps} of {rows} missing").format(column=name, gaps=gaps, rows=len(values))
            )
        known = values.dropna()
        if len(known) and not PANDAS_KINDS[column.kind](known):
            problems.append(
                _("{column}: should be {kind}, is {dtype}").format(
                    column=name, kind=column.kind, dtype=values.dtype
                )
            )
            continue
        if column.at_least is not None and (low := int((known < column.at_least).sum())):
            problems.append(f"{name}: {low} below {column.at_least}")
        if column.at_most is not None and (high := int((known > column.at_most).sum())):
            problems.append(f"{name}: {high} above {column.at_most}")
        if column.one_of and (other := int((~known.isin(column.one_of)).sum())):
            problems.append(f"{name}: {other} not one of {', '.join(column.one_of)}")
    keys = [name for name in table.key if name in flat]
    if keys and (repeated := int(flat.duplicated(keys).sum())):
        problems.append(f"{', '.join(keys)}: {repeated} repeated")
    return problems


def read(folder: str | Path, name: str) -> pd.DataFrame:
    """Read and check a results table of a working folder; indexed by customer_id where that is its key."""
    table = _known(name)
    frame = pd.read_parquet(_find(table_path(folder, name), table.written_by))
    if table.key == ("customer_id",):
        frame = frame.set_index("customer_id")
    return check(frame, name)


def count_buyers(folder: Path) -> int | None:
    """How many customers of a working folder have bought; None where `customer_features` is not written."""
    if not exists(folder, "customer_features"):
        return None
    purchases = pd.read_parquet(table_path(folder, "customer_features"), columns=["purchases"])
    return int((purchases["purchases"] > 0).sum())


def exists(folder: str | Path, name: str) -> bool:
    """Was this results table written?"""
    return table_path(folder, name).exists()


def write(frame: pd.DataFrame, folder: str | Path, name: str) -> None:
    """Check a results table and write it, ordered by its key, so that equal content gives equal bytes."""
    table = _known(name)
    flat = _flat(check(frame, name), table)
    if table.key:
        flat = flat.sort_values(list(table.key), kind="stable")
    with _replacing(table_path(folder, name)) as draft:
        flat.reset_index(drop=True).to_parquet(draft, index=False)


def table_path(folder: str | Path, name: str) -> Path:
    """Where a results table of a working folder lies."""
    return resolve(folder) / "tables" / f"{name}.parquet"


def write_model(state: str, folder: str | Path, name: str) -> None:
    """Keep what was learned, as JSON, so that tomorrow's customers are measured as today's were."""
    with _replacing(model_path(folder, name)) as draft:
        draft.write_text(state, encoding="utf-8")


def read_model(folder: str | Path, name: str) -> str:
    """Read back what was learned, as JSON."""
    return _find(model_path(folder, name), _("an earlier notebook")).read_text(encoding="utf-8")


def model_path(folder: str | Path, name: str) -> Path:
    """Where a learned model of a working folder lies."""
    return resolve(folder) / "models" / f"{name}.json"


def write_about(about: About, folder: str | Path) -> None:
    """Say what the working folder describes."""
    with _replacing(resolve(folder) / "about.json") as draft:
        draft.write_text(json.dumps(asdict(about), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_about(folder: str | Path) -> About:
    """Read what the working folder describes."""
    path = _find(resolve(folder) / "about.json", "01_data_cleaning")
    return About(**json.loads(path.read_text(encoding="utf-8")))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A draft that takes the place of `path` in one step, so that nobody reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _find(path: Path, notebook: str) -> Path:
    """The path of a file that is there; otherwise an error that says which notebook writes it."""
    if not path.exists():
        words = _("{path}: not there. It is written by {notebook}; run that first, or set input_dir.")
        raise DataError(words.format(path=path, notebook=notebook))
    return path


def _known(name: str) -> Table:
    if name not in RESULTS:
        raise DataError(unknown_name("table", name, RESULTS))
    return RESULTS[name]


def _flat(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    return frame.reset_index() if set(frame.index.names) & set(table.key) else frame
