"""Publishing: pages rendered and checked, run.json written last, the report swapped in one atomic step.

papermill, ploomber and snakemake write results where readers find them while they are still being made; none
has a swap in one step, so this stays our own.
"""

import json
import os
import shutil
from pathlib import Path

import nbformat

from crcm_lib.config.data_inventory import list_retention
from crcm_lib.config.policy import Policy
from crcm_lib.decisions.review_dates import find_due
from crcm_lib.errors import GateError, list_problems
from crcm_lib.features import decision_inputs
from crcm_lib.features.retention import count_overdue
from crcm_lib.i18n import _
from crcm_lib.ingest.sources import Source
from crcm_lib.pipeline import checks, files, kept_policy, leak_check
from crcm_lib.pipeline.evidence import check_unchanged, describe
from crcm_lib.pipeline.plan import Plan
from crcm_lib.pipeline.reports_folder import REPLACED, STAGING, read_as_of
from crcm_lib.pipeline.seal import seal
from crcm_lib.pipeline.stages import Stage
from crcm_lib.privacy import load_key
from crcm_lib.reporting.text import data_quality, objective, policy_dates
from crcm_lib.schema import tables
from crcm_lib.schema.engine import open_engine
from crcm_lib.schema.inputs import INPUTS


def finish(plan: Plan, staging: Path, done: list[Stage], mask: int) -> str:
    """Render the pages, check them, and write run.json last; return the run's name."""
    from crcm_lib.reporting import card_pages, documents, exports, kpi_history, kpis, pages, private_pages

    contents = {name: notebook.content for name, notebook in plan.notebooks.items()}
    check_unchanged(plan.evidence, plan.settings, plan.source, contents)
    run_id = plan.run_id(read_as_of(staging))
    summary = _summarise(plan, staging, done, run_id)
    earlier = json.loads((plan.previous / "run.json").read_text("utf-8")) if plan.previous else {}
    numbers = kpis.cards(staging, summary)
    summary["history"] = kpi_history.extend(earlier.get("history", []), run_id, summary["as_of"], numbers)
    for entry in summary["notebooks"]:
        notebook = nbformat.read(staging / f"{entry['name']}.ipynb", as_version=4)
        entry |= {"headline": pages.headline(notebook), "lacking": pages.find_lacking(notebook, summary)}
        page = pages.render_notebook(notebook, run=summary)
        files.save_atomically(page, staging / entry["html"])
    kept_policy.keep(Path(plan.settings.policy), staging)
    exports.write_exports(staging, plan.policy)
    card_pages.write_cards(staging, plan.policy, summary)
    if summary["as_of"]:
        documents.write_documents(staging, plan.policy, list_declared(plan.source), summary)
        documents.write_review_calendars(staging, plan.policy, tables.read_about(staging).day)
    files.save_atomically(pages.render_index(staging, summary), staging / "index.html")
    private_pages.write_private_pages(staging, summary)
    ours = plan.policy.privacy.contact or ""
    if leaks := leak_check.find_leaks(staging, leak_check.read_ids(staging), ours=ours):
        raise GateError(list_problems(_("raw personal data in the report; not published"), leaks))
    artefacts = {name: files.hash_file(path) for name, path in files.list_artefacts(staging).items()}
    stages = {name: files.hash_file(path) for name, path in files.list_records(staging).items()}
    record = summary | {"evidence": plan.evidence, "artefacts": artefacts, "stages": stages}
    record = seal(record, load_key(describe(plan.source)))
    files.save_atomically(json.dumps(record, indent=1, ensure_ascii=False) + "\n", staging / "run.json")
    files.protect(staging, mask)
    if problems := checks.verify(staging):
        raise GateError(list_problems(run_id, problems))
    files.fsync(*staging.rglob("*"), staging)
    return run_id


def _summarise(plan: Plan, staging: Path, done: list[Stage], run_id: str) -> dict:
    """Return what the pages and run.json say of the run."""
    policy = plan.policy
    about = tables.read_about(staging) if (staging / "about.json").exists() else None
    present = about.tables if about else {}
    currency = about.currency if policy.currency == "source" and about else policy.currency
    return {
        "schema_version": checks.SCHEMA_VERSION,
        "run": run_id,
        "status": "published",
        "title": about.title if about else plan.source.title,
        "source": plan.source.name,
        "as_of": read_as_of(staging),
        "currency": currency,
        "policy": {
            "file": files.short_path(Path(plan.settings.policy)),
            "version": policy.version,
            "goal": policy.goal,
            "review_by": str(policy.review_by),
            "owner": policy.owner,
            "emphasis": objective.summarise_emphasis(policy),
            "benchmarks": [each.model_dump(mode="json") for each in policy.benchmarks],
        }
        | {"horizon_days": policy.horizon_days, "margin_rate": policy.margin_rate}
        | {"min_cell": policy.privacy.min_cell, "tiers": [tier.name for tier in policy.tiers]},
        "parameters": plan.evidence["parameters"],
        "notebooks": [
            {
                "name": stage.name,
                "title": plan.notebooks[stage.name].title,
                "status": "reused" if stage.reused else "completed",
                "seconds": stage.seconds,
                "headline": "",
                "html": f"{stage.name}.html",
            }
            for stage in done
        ],
        "warnings": [
            *_list_due(staging, policy),
            *_list_warnings(staging, policy.privacy.min_cell),
        ],
        "not_profiled": _describe_not_profiled(staging, policy.privacy.min_cell),
        "not_available": [name for name in INPUTS if name not in present],
    }


def list_declared(source: Source) -> dict[str, dict[str, str]]:
    """By table our columns, and what the source calls them."""
    return {
        table: {ours: theirs for part in parts for ours, theirs in part.columns.items()}
        for table, parts in source.tables.items()
    }


def _list_due(folder: Path, policy: Policy) -> list[str]:
    """Say which days of the policy have passed or are near, and which records are kept too long."""
    if not read_as_of(folder):
        return []
    day = tables.read_about(folder).day
    overdue = count_overdue(open_engine(folder), list_retention(policy), as_of=day)
    return [*policy_dates.list_due(find_due(policy, day)), *policy_dates.list_overdue(overdue)]


def _list_warnings(folder: Path, min_cell: int) -> list[str]:
    """List what the data can carry only in part or not at all."""
    if not tables.exists(folder, "verdict"):
        return []
    return data_quality.list_warnings(tables.read(folder, "verdict"), at_least=min_cell)


def _describe_not_profiled(folder: Path, min_cell: int) -> str:
    """Say how many customers object to profiling; "" where none does."""
    count = decision_inputs.count_not_profiled(open_engine(folder))
    return data_quality.describe_not_profiled(count, at_least=min_cell)


def publish(plan: Plan, staging: Path, run_id: str) -> Path:
    """Give the finished folder its public name and point `latest` at it, each in one step.

    A run of the same name has the same content. Where it is already there and whole, it stays as it is.

    Raises
    ------
    GateError
        If the same inputs, policy, code and parameters gave other tables than before.
    """
    final = plan.out / run_id
    if final.exists() and not checks.verify(final):
        before, now = (json.loads((place / "run.json").read_text("utf-8")) for place in (final, staging))
        if changed := _list_changed(before["artefacts"], now["artefacts"]):
            problems = [_("{table}: other content than before").format(table=name) for name in changed]
            heading = _("{run}: the same run gave another result; the earlier one stays").format(run=run_id)
            raise GateError(list_problems(heading, problems))
        shutil.rmtree(staging)
    elif final.exists():  # somebody changed it since; it is replaced
        os.rename(final, plan.out / f"{REPLACED}{staging.name.removeprefix(STAGING)}")
        os.rename(staging, final)
    else:
        os.rename(staging, final)
    pointer = plan.out / f"{REPLACED}latest"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(run_id)
    os.replace(pointer, plan.out / "latest")
    files.fsync(plan.out)
    return final


def _list_changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """List the data files that differ between two runs."""
    names = {name for name in {**before, **now} if name.split("/")[0] in files.DATA}
    return sorted(name for name in names if before.get(name) != now.get(name))
