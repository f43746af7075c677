"""What differs between two published runs, for whoever reviews the second."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crcm_lib.decisions.drift import measure_drift
from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.pipeline.files import short_path
from crcm_lib.schema import tables

RULES = {"policy": "policy", "source": "source", "code": "code", "lock": "lock", "python": "python"}
DRIFTING = ("customer_features", "value", "scorecard")  # tables of what is measured of customers
SHARED = 1e-9  # by which learned numbers may differ and count as equal


@dataclass(frozen=True)
class RunDiff:
    """Two runs side by side.

    Attributes
    ----------
    before, now
        Their `run.json`.
    rules
        Which of policy, source description, code, lock and Python differ; and parameters, by name.
    inputs
        Files that were `added`, `removed` or `changed`: `file`, `change`.
    rows
        Rows of the clean tables: `table`, `before`, `now`.
    numbers
        Of the first page: `name`, `before`, `now`.
    tiers
        Customers by tier before (rows) and now (columns), of those in both runs.
    customers
        How many are in both runs, came and went.
    reasons
        How many in both have the same tier for another reason.
    models
        What was learned: `model`, `numbers` (compared), `changed`, `largest` (relative change).
    drift
        From `decisions.drift.measure_drift`, of what is measured of customers.
    """

    before: dict
    now: dict
    rules: list[str]
    inputs: pd.DataFrame
    rows: pd.DataFrame
    numbers: pd.DataFrame
    tiers: pd.DataFrame
    customers: dict[str, int]
    reasons: int
    models: pd.DataFrame
    drift: pd.DataFrame


def compare_runs(before: Path, now: Path) -> RunDiff:
    """Compare two published runs of one source.

    Raises
    ------
    UsageError
        If either is not a published run, or they are of different sources.
    """
    records = [_read_record(folder) for folder in (before, now)]
    old, new = records
    if old["source"] != new["source"]:
        message = _("{first} is of {a}, {second} of {b}; only runs of one source can be compared")
        raise UsageError(
            message.format(first=old["run"], a=old["source"], second=new["run"], b=new["source"])
        )
    tiers = [tables.read(folder, "tiers") for folder in (before, now)]
    both = tiers[0].index.intersection(tiers[1].index)
    left, right = (each.loc[both] for each in tiers)
    order = new["policy"]["tiers"]
    same = left["tier_in_force"] == right["tier_in_force"]
    return RunDiff(
        old,
        new,
        _list_rules(old, new),
        _compare_inputs(old, new),
        _compare_rows(before, now),
        _compare_numbers(old, new),
        pd.crosstab(left["tier_in_force"], right["tier_in_force"]).reindex(
            index=order, columns=order, fill_value=0
        ),
        {"both": len(both), "came": len(tiers[1]) - len(both), "went": len(tiers[0]) - len(both)},
        int((same & (left["reason"] != right["reason"])).sum()),
        _compare_models(before, now),
        measure_drift(*(_read_measures(folder) for folder in (before, now))),
    )


def _read_record(folder: Path) -> dict:
    try:
        return json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise UsageError(_("{folder}: not a published run").format(folder=short_path(folder))) from None


def _list_rules(old: dict, new: dict) -> list[str]:
    changed = [name for name, key in RULES.items() if old["evidence"].get(key) != new["evidence"].get(key)]
    parameters = [old["parameters"], new["parameters"]]
    return changed + [name for name in parameters[1] if parameters[0].get(name) != parameters[1][name]]


def _compare_inputs(old: dict, new: dict) -> pd.DataFrame:
    hashes = [{each["file"]: each["sha256"] for each in run["evidence"]["inputs"]} for run in (old, new)]
    rows = [
        (name, "added" if name not in hashes[0] else "removed" if name not in hashes[1] else "changed")
        for name in sorted({**hashes[0], **hashes[1]})
        if hashes[0].get(name) != hashes[1].get(name)
    ]
    return pd.DataFrame(rows, columns=["file", "change"])


def _compare_rows(before: Path, now: Path) -> pd.DataFrame:
    counts = [tables.read_about(folder).tables for folder in (before, now)]
    names = sorted({**counts[0], **counts[1]})
    rows = [(name, counts[0].get(name, 0), counts[1].get(name, 0)) for name in names]
    return pd.DataFrame(rows, columns=["table", "before", "now"])


def _compare_numbers(old: dict, new: dict) -> pd.DataFrame:
    numbers = [(run.get("history") or [{"numbers": {}}])[-1]["numbers"] for run in (old, new)]
    rows = [(name, numbers[0].get(name), numbers[1].get(name)) for name in {**numbers[0], **numbers[1]}]
    return pd.DataFrame(rows, columns=["name", "before", "now"]).astype({"before": float, "now": float})


def _compare_models(before: Path, now: Path) -> pd.DataFrame:
    """The numbers of each model that both runs learned, at the same place in its JSON."""
    rows = []
    for path in sorted((now / "models").glob("*.json")):
        if not (before / "models" / path.name).exists():
            rows.append((path.stem, 0, 0, float("nan")))
            continue
        old, new = (
            dict(_flatten(json.loads((folder / "models" / path.name).read_text("utf-8"))))
            for folder in (before, now)
        )
        shared = old.keys() & new.keys()
        change = [abs(new[key] - old[key]) / max(abs(old[key]), abs(new[key]), SHARED) for key in shared]
        moved = [each for each in change if each > SHARED]
        rows.append((path.stem, len(shared), len(moved), max(moved, default=0.0)))
    return pd.DataFrame(rows, columns=["model", "numbers", "changed", "largest"])


def _flatten(node, place: str = ""):
    """Each number of a JSON document with its place."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _flatten(value, f"{place}/{number}")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield place, float(node)


def _read_measures(folder: Path) -> pd.DataFrame:
    """What is measured of each customer, side by side."""
    known = [tables.read(folder, name) for name in DRIFTING if tables.exists(folder, name)]
    whole = pd.concat(known, axis=1)
    return whole.loc[:, ~whole.columns.duplicated()]
