"""An executed notebook -> one HTML page; a run -> its executive page. One file each, no requests."""

import base64
import hashlib
import os
import re
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from crcm_lib.decisions.promises import summarise_record
from crcm_lib.i18n import _
from crcm_lib.reporting import agenda, exports, kpi_history, kpis, peer_comparison, sanitize
from crcm_lib.reporting.text import actions, monitoring, track_record
from crcm_lib.reporting.text.numbers import write
from crcm_lib.reporting.tier_flow import Flow, draw_flow
from crcm_lib.schema import tables

TEMPLATE = Path(__file__).parent / "templates"
SHOWN = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]  # the first that is there
UNTROUBLED = ("completed", "reused", "published", "done", "ok", "")


def render_notebook(notebook: NotebookNode, *, run: dict) -> str:
    """Return one self-contained HTML page of an executed, or partly executed, notebook.

    Parameters
    ----------
    notebook
        As papermill left it; its first cell is the title.
    run
        The content of `run.json`, for the page's links, day and source.
    """
    page = sanitize.Page()
    intro, *rest = notebook.cells or [NotebookNode(cell_type="markdown", source="", metadata={})]
    heading, _newline, under = intro.source.partition("\n")
    title = split_title(heading)
    broken = any(output.output_type == "error" for cell in rest for output in cell.get("outputs", []))
    body = NotebookNode(notebook | {"cells": rest})
    before, after = _neighbours(run, title)
    return fill_page(
        "report.html.j2",
        run=run,
        title=title,
        broken=broken,
        lacking=find_lacking(notebook, run),
        intro=mark_safe(page.render(under)),
        headline=mark_safe(page.render(headline(notebook))),
        body=mark_safe(_render_cells(body, page, broken)),
        headings=[(anchor, mark_safe(text)) for anchor, text in page.headings],
        before=before,
        after=after,
    )


def headline(notebook: NotebookNode) -> str:
    """Return the Markdown of the cell tagged `headline`, "" if there is none or it did not run."""
    for cell in notebook.cells:
        if "headline" in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                if words := output.get("data", {}).get("text/markdown"):
                    return words
    return ""


def find_lacking(notebook: NotebookNode, run: dict) -> list[str]:
    """The input tables without which the notebook has nothing to say, where the run has none of them.

    A notebook names them in its metadata: `"crcm": {"needs": ["loyalty"]}`; one of several is enough.
    """
    needs = notebook.metadata.get("crcm", {}).get("needs", [])
    return list(needs) if needs and set(needs) <= set(run.get("not_available", [])) else []


def render_index(folder: Path, run: dict) -> str:
    """Return the executive page of a run: cards, tiers, each notebook's answer, what was missing, facts."""
    page = sanitize.Page()
    listed = [
        entry
        | {
            "title": split_title(entry.get("title") or entry["name"]),
            "headline": mark_safe(page.render(entry.get("headline") or "")),
            "trouble": "" if entry.get("status", "") in UNTROUBLED else entry["status"],
        }
        for entry in run.get("notebooks", [])
    ]
    lacking, history = kpis.missing(folder, run), run.get("history", [])
    few = kpis.has_few(folder, run)
    listed_reasons = {f"{row['part']}: {row['because']}" for row in lacking}
    has_about = (tables.resolve(folder) / "about.json").exists()
    emphasis = (run.get("policy") or {}).get("emphasis") or {}
    spoken = [entry for entry in listed if not entry.get("lacking")]
    first = put_first(spoken, [entry["name"] for entry in spoken], emphasis.get("answers", []), only=True)
    numbers = kpis.cards(folder, run)
    return fill_page(
        "index.html.j2",
        run=run,
        finished=run.get("status", "") in UNTROUBLED,
        synthetic=has_about and tables.read_about(folder).synthetic,
        objective=emphasis.get("words", ""),
        documents=list_documents(folder),
        first=first,
        cards=[
            (card, kpi_history.find_trend(card, history))
            for card in put_first(numbers, [card.name for card in numbers], emphasis.get("cards", []))
        ],
        beside=[] if few else peer_comparison.compare(folder, run, numbers),
        tiers=kpis.tiers(folder, run),
        week=None if few else _week(folder, run),
        results=[] if few else _list_results(folder, page),
        flow=None if few else _flow(folder, run),
        pages=[entry for entry in spoken if entry not in first],
        silent=[entry for entry in listed if entry.get("lacking")],
        missing=lacking,
        warnings=[warning for warning in run.get("warnings", []) if warning not in listed_reasons],
        reading=[
            *kpis.reading(run),
            *peer_comparison.explain_unknown(run),
            *kpis.anonymous_sales(folder, run),
        ],
        facts=kpis.facts(run),
    )


def put_first(entries: list, names: list[str], wanted: list[str], *, only: bool = False) -> list:
    """The entries whose names are wanted, in that order, and then all others; or those only.

    >>> put_first([1, 2, 3], ["a", "b", "c"], ["c", "x"])
    [3, 1, 2]
    >>> put_first([1, 2, 3], ["a", "b", "c"], ["c"], only=True)
    [3]
    """
    chosen = [entries[names.index(name)] for name in wanted if name in names]
    rest = [entry for entry, name in zip(entries, names, strict=True) if name not in wanted]
    return chosen if only else chosen + rest


def list_documents(folder: Path) -> list[tuple[str, str, str]]:
    """The documents that a run has: in words, and the files in English and in Chinese."""
    private = "private/documents"
    names = {
        "policy": _("The policy (客户分级管理制度)"),
        "inventory": _("Data inventory (数据清单)"),
        "notice": _("Notice to customers (告知书)"),
        f"{private}/impact_assessment": _("Impact assessment (个人信息保护影响评估), private"),
        f"{private}/cybersecurity_checklist": _("Cybersecurity Law (网络安全法), checklist, private"),
    }
    named = [(words, f"{stem}.html", f"{stem}_zh.html") for stem, words in names.items()]
    return [entry for entry in named if (folder / entry[1]).exists()]


def _week(folder: Path, run: dict) -> dict | None:
    """What is due in the week after the run's last day, by role; None where there is no plan."""
    if not (folder / exports.EXPORTS).exists():
        return None
    tasks, as_of = exports.read_tasks(folder), tables.read_about(folder).day
    experiments = tables.read(folder, "experiments")
    roles = agenda.share_out(tasks, "owner_role", as_of)
    rows = [
        (
            each.name,
            write(len(each.week)),
            each.actions,
            write(each.hours, "points"),
            write(each.cost, "cents"),
            agenda.write_gain(each.expect(experiments)),
        )
        for each in roles
    ]
    measure = kpis.name_measure(folder, run)
    words = agenda.describe_week(tasks, experiments, as_of, run.get("currency", ""), measure)
    return {"words": words, "roles": rows}


def _list_results(folder: Path, page: sanitize.Page) -> list:
    """What earlier plans and promises came to, as 09 and 10 say it; empty where these did not run."""
    names = ("programme_effect", "action_effects", "experiments", "promises")
    if not all(tables.exists(folder, name) for name in names):
        return []
    programme, effects, experiments, promises = (tables.read(folder, name) for name in names)
    said = [
        monitoring.describe_programme(programme),
        monitoring.describe_actions(effects),
        actions.describe_advice(experiments),
        track_record.describe_record(summarise_record(promises)),
    ]
    return [mark_safe(page.render(each.markdown)) for each in said if each.markdown]


def _flow(folder: Path, run: dict) -> Flow | None:
    """How customers moved between tiers; None where that is not known."""
    if not tables.exists(folder, "moves"):
        return None
    return draw_flow(tables.read(folder, "moves"), (run.get("policy") or {}).get("tiers", []))


def split_title(heading: str) -> dict[str, str]:
    """Split a notebook's title into its label and its question.

    >>> split_title("# 03 · RFM — who is recent, frequent, valuable?")
    {'label': '03 · RFM', 'question': 'Who is recent, frequent, valuable?'}
    >>> split_title("03_rfm")
    {'label': '03 · rfm', 'question': 'Rfm'}
    """
    words = heading.lstrip("# ").strip()
    if found := re.fullmatch(r"(\d\d)_(\w+)", words):
        name = found[2].replace("_", " ")
        return {"label": f"{found[1]} · {name}", "question": name.capitalize()}
    label, dash, question = words.partition(" — ")
    question = question.strip() if dash else label.partition(" · ")[2] or label
    return {"label": label.strip(), "question": question[:1].upper() + question[1:]}


def _neighbours(run: dict, title: dict[str, str]) -> list[dict | None]:
    """The pages before and after this one, found by the number that title and file name begin with."""
    pages = [
        entry | {"title": split_title(entry.get("title") or entry["name"])}
        for entry in run.get("notebooks", [])
        if entry.get("html")
    ]
    here = [n for n, entry in enumerate(pages) if entry["name"][:2] == title["label"][:2]]
    if not here:
        return [None, None]
    return [pages[n] if 0 <= n < len(pages) else None for n in (here[0] - 1, here[0] + 1)]


def _render_cells(notebook: NotebookNode, page: sanitize.Page, broken: bool) -> str:
    exporter = _exporter()
    exporter.register_filter("prose", page.render)
    return exporter.from_notebook_node(notebook, resources={"broken": broken})[0]


@cache
def _exporter():
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": SHOWN}}),
        template_name="base",
        template_file=str(TEMPLATE / "notebook.html.j2"),
    )
    for name, function in {
        "python": sanitize.highlight_code,
        "inert": sanitize.clean_html,
        "plain": sanitize.plain,
        "base64": lambda text: base64.b64encode("".join(text).encode("utf-8")).decode(),
    }.items():
        exporter.register_filter(name, function)
    exporter.environment.globals["_"] = _
    return exporter


@cache
def _pages():
    """The page templates, with what each page carries inside: style, script, the script's hash."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATE / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    pages.globals |= {
        "_": _,
        "css": mark_safe((TEMPLATE / "report.css").read_text("utf-8")),
        "script": mark_safe(script),
        "script_hash": f"sha256-{digest}",
        "language": os.environ.get("CRCM_LANGUAGE", "en").replace("_", "-"),
    }
    return pages


def fill_page(template: str, *, run: dict, **values) -> str:
    """Return a page made from one of the templates."""
    facts = {"run": "", "title": "", "as_of": "", "status": "", "warnings": []} | run
    return _pages().get_template(template).render(run=facts, **values)


def mark_safe(html: str):
    """Mark HTML that `markup` has made inert, or that ships with the library, as ready to use."""
    from markupsafe import Markup

    return Markup(html)
