"""The pages of a run that show real ids: the week at a glance, and a list for each role and each owner.

They lie in the run's private folder, beside the lists that they link to, and are made from the same tasks.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from crcm_lib.i18n import _
from crcm_lib.reporting import agenda, card_pages, exports, kpis, pages
from crcm_lib.reporting.text.numbers import fill, write
from crcm_lib.schema import tables

PRIVATE = "private"
START = "start.html"
EVERYBODY = "everybody"
MAX_ROWS = 1000  # of a page; the lists have them all


def write_private_pages(folder: Path, run: dict) -> None:
    """Write the first page, a page of everybody and one per role and owner from a run's tasks, if it has any.

    Parameters
    ----------
    folder
        A run with its lists.
    run
        The content of `run.json`.
    """
    if not (folder / exports.EXPORTS).exists():
        return
    tasks, about = exports.read_tasks(folder), tables.read_about(folder)
    experiments = tables.read(folder, "experiments")
    as_of, linked = about.day, about if (folder / card_pages.CARDS).exists() else None
    parts: dict[str, list[dict[str, Any]]] = {}
    for column, name_stems in exports.STEMS.items():
        stems = name_stems(exports.list_names(tasks, column))
        parts[column] = []
        for share in agenda.share_out(tasks, column, as_of):
            part = _describe(share, experiments, stems[share.name])
            parts[column].append(part)
            rows = _rows(share, column, run, linked)
            page = pages.fill_page("list.html.j2", run=run, **part, **rows)
            (folder / PRIVATE / part["page"]).write_text(page, "utf-8")
    everybody = agenda.gather(_("Everybody"), tasks, as_of)
    part = _describe(everybody, experiments, EVERYBODY)
    part["files"] = [(f"{Path(exports.EXPORTS).name}/{exports.TASKS}", "CSV")]
    page = pages.fill_page("list.html.j2", run=run, **part, **_rows(everybody, "", run, linked))
    (folder / PRIVATE / part["page"]).write_text(page, "utf-8")
    start = pages.fill_page(
        "start.html.j2",
        run=run,
        week=agenda.describe_week(tasks, experiments, as_of, run["currency"], kpis.name_measure(folder, run)),
        everybody=part["page"],
        roles=parts["owner_role"],
        owners=parts["owner"],
        waiting=_list_waiting(folder, linked),
        reviews=_list_reviews(folder),
        decisions=f"{Path(exports.EXPORTS).name}/{exports.DECISIONS}",
        **card_pages.search_box(folder, "customers/"),
    )
    (folder / PRIVATE / START).write_text(start, "utf-8")


def _list_reviews(folder: Path) -> list[tuple[str, str]]:
    """The calendars of the policy's days: the role, as its file names it, and the file seen from here."""
    files = sorted((folder / PRIVATE / "documents").glob("reviews_*.ics"))
    return [(path.stem.split("_", 2)[2].replace("_", " "), f"documents/{path.name}") for path in files]


def _describe(share: agenda.Share, experiments: pd.DataFrame, stem: str) -> dict[str, Any]:
    """What the first page says of a role or owner, and where their page and files are."""
    words = {".xlsx": _("workbook"), ".csv": "CSV", ".ics": _("calendar")}
    later = fill(_("{n:count} later"), n=share.later) if share.later else ""
    set_up = fill(_("{n:count} to set up once"), n=share.set_up) if share.set_up else ""
    return {
        "name": share.name,
        "page": f"{stem}.html",
        "due": write(len(share.week), "count"),
        "customers": write(share.customers, "count"),
        "actions": share.actions,
        "cost": write(share.cost, "cents"),
        "gain": agenda.write_gain(share.expect(experiments)),
        "hours": write(share.hours, "points"),
        "rest": ", ".join(filter(None, [later, set_up])),
        "files": [(f"{Path(exports.EXPORTS).name}/{stem}{suffix}", word) for suffix, word in words.items()],
    }


def _list_waiting(folder: Path, linked: tables.About | None) -> list[dict[str, str]]:
    """The moves down that wait for a named person, in words."""
    return [
        {
            "customer": row["customer_id"],
            "link": card_pages.card_link(row["customer_id"], linked) if linked else "",
            "move": fill(_("{tier_in_force} → {tier_proposed}"), **row),
            "because": row["because"],
            "since": write(row["waits_since"], "day"),
            "by": write(row["decide_by"], "day"),
        }
        for row in exports.read_waiting(folder).head(MAX_ROWS).to_dict("records")
    ]


def _rows(share: agenda.Share, column: str, run: dict, linked: tables.About | None) -> dict[str, Any]:
    """The week's tasks in words, without `column`, the same in all; what to say, once per action.

    What to offer stands beside what to do. A customer is a link to the card, where the run has cards:
    `linked` says whose data they are.
    """
    heads = exports.head_columns(run["currency"])
    filled = share.week.notna() & (share.week != "")
    shown_columns = {name for name in heads if name not in (column, "say", "offer") and filled[name].any()}
    kinds = {"day": "day", "cost": "cents", "gain": "money", "hours": "number"}
    classes = {"day": "whole", "occasion": "minor", "why": "long"}
    classes |= dict.fromkeys(("cost", "gain", "hours"), "num minor")
    shown = share.week.head(MAX_ROWS)
    offered = (": " + shown["offer"]).where(shown["offer"] != "", "")
    shown = shown.assign(action=shown["action"] + offered)
    rows = [
        [
            (
                head,
                write(row[name], kinds.get(name, "text"), missing=""),
                classes.get(name, ""),
                card_pages.card_link(row[name], linked) if linked and name == "customer_id" else "",
            )
            for name, head in heads.items()
            if name in shown_columns
        ]
        for row in shown.to_dict("records")
    ]
    more = len(share.week) - len(shown)
    says = share.week.drop_duplicates("action")[["action", "say"]].itertuples(index=False, name=None)
    return {
        "heads": [(head, classes.get(name, "")) for name, head in heads.items() if name in shown_columns],
        "rows": rows,
        "says": sorted(says),
        "more": fill(_("… and {more:count} more: see the lists"), more=more) if more else "",
    }
