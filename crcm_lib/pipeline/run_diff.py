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

RULES = ("policy", "source", "code", "lock", "python")  # of the evidence in run.json
DRIFTING = ("customer_features", "value", "scorecard")  # tables of what is measured of customers
NEEDED = {"run", "source", "policy", "parameters", "evidence"}  # keys of a run.json
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
        Customers by tier in force before (rows) and now (columns), of those in both runs.
    customers
        How many are in `both` runs, `came` and `went`; of those in both, of how many another tier is
        `proposed`, and how many have the same tier proposed for another reason (`reasons`).
    models
        What was learned: `model`, `state` (`in both`, `only before`, `only now`), `values` that either has,
        `changed` (different, or in one only), `largest` (relative change of a number).
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
    return RunDiff(
        old,
        new,
        _list_rules(old, new),
        _compare_inputs(old, new),
        _compare_rows(before, now),
        _compare_numbers(old, new),
        _cross_tiers(*tiers, [run["policy"]["tiers"] for run in records]),
        _count_customers(*tiers),
        _compare_models(before, now),
        measure_drift(*(_read_measures(folder) for folder in (before, now))),
    )


def _read_record(folder: Path) -> dict:
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict) or not record.keys() >= NEEDED:
        raise UsageError(_("{folder}: not a published run").format(folder=short_path(folder)))
    return record


def _cross_tiers(before: pd.DataFrame, now: pd.DataFrame, orders: list[list[str]]) -> pd.DataFrame:
    """Tier in force before by tier in force now; each policy's own tiers, and those kept from older ones."""
    both = before.index.intersection(now.index)
    crossed = pd.crosstab(
        before.loc[both, "tier_in_force"].rename("tier"), now.loc[both, "tier_in_force"].rename(None)
    )
    rows, columns = (
        list(dict.fromkeys([*order, *found]))
        for order, found in zip(orders, (crossed.index, crossed.columns), strict=True)
    )
    return crossed.reindex(index=pd.Index(rows, name="tier"), columns=columns, fill_value=0)


def _count_customers(before: pd.DataFrame, now: pd.DataFrame) -> dict[str, int]:
    both = before.index.intersection(now.index)
    left, right = before.loc[both], now.loc[both]
    same = left["tier_proposed"] == right["tier_proposed"]
    return {
        "both": len(both),
        "came": len(now) - len(both),
        "went": len(before) - len(both),
        "proposed": int((~same).sum()),
        "reasons": int((same & (left["reason"] != right["reason"])).sum()),
    }


def _list_rules(old: dict, new: dict) -> list[str]:
    changed = [name for name in RULES if old["evidence"].get(name) != new["evidence"].get(name)]
    before, now = old["parameters"], new["parameters"]
    return changed + [name for name in {**before, **now} if before.get(name) != now.get(name)]


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
    """What either run learned, value by value, at the same place in the model's JSON."""
    names = sorted({path.stem for folder in (before, now) for path in (folder / "models").glob("*.json")})
    return pd.DataFrame(
        [_compare_model(name, before, now) for name in names],
        columns=["model", "state", "values", "changed", "largest"],
    )


def _compare_model(name: str, before: Path, now: Path) -> dict:
    paths = [folder / "models" / f"{name}.json" for folder in (before, now)]
    if not all(path.exists() for path in paths):
        state = "only now" if paths[1].exists() else "only before"
        return {"model": name, "state": state, "values": 0, "changed": 0, "largest": float("nan")}
    old, new = (dict(_flatten(json.loads(path.read_text("utf-8")))) for path in paths)
    shared = old.keys() & new.keys()
    changes = [_change(old[key], new[key]) for key in shared]
    different = sum(each > SHARED for each in changes) + len(old.keys() ^ new.keys())
    largest = max((each for each in changes if SHARED < each < float("inf")), default=0.0)
    either = len(old.keys() | new.keys())
    return {"model": name, "state": "in both", "values": either, "changed": different, "largest": largest}


def _change(old, new) -> float:
    """The relative change of a number; of anything else 0 where it is the same, and infinity."""
    if isinstance(old, float) and isinstance(new, float):
        return abs(new - old) / max(abs(old), abs(new), SHARED)
    return 0.0 if old == new else float("inf")


def _flatten(node, place: str = ""):
    """Each value of a JSON document with its place; numbers as floats."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _flatten(value, f"{place}/{number}")
    else:
        is_number = isinstance(node, int | float) and not isinstance(node, bool)
        yield place, float(node) if is_number else node


def _read_measures(folder: Path) -> pd.DataFrame:
    """What is measured of each customer, side by side."""
    known = [tables.read(folder, name) for name in DRIFTING if tables.exists(folder, name)]
    whole = pd.concat(known, axis=1)
    return whole.loc[:, ~whole.columns.duplicated()]
