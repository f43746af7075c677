"""Which lists there are, and their files."""

import csv
import io
import os
import re
from pathlib import Path

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.errors import UsageError, unknown_name
from crcm_lib.i18n import _
from crcm_lib.reporting.agenda import select_week
from crcm_lib.reporting.exports.calendar_files import write_calendar
from crcm_lib.reporting.exports.task_list import COLUMNS, list_tasks
from crcm_lib.reporting.exports.workbook_files import write_workbook
from crcm_lib.reporting.text import decisions_without_effect, task_order
from crcm_lib.schema import tables

EXPORTS = "private/exports"  # in a run
TASKS = "tasks.csv"
DECISIONS = "decisions.csv"  # the moves that wait, to be filled in and read as the table `approvals`
IDLE = "idle_decisions.csv"  # decisions that changed no tier, for those who signed them
KEPT = (TASKS, DECISIONS, IDLE)  # what `write_lists` does not make
ALL = "all"
SUFFIXES = (".xlsx", ".csv", ".ics")  # of the files of a list
OLE = b"\xd0\xcf\x11\xe0"  # begins an encrypted workbook
FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')  # in names of files
BOM = "\ufeff"  # by which Excel knows UTF-8
FORMULA = re.compile(r"^[=+\-@\t\r]")


def write_exports(folder: Path, policy: Policy) -> None:
    """Write the tasks of a run's plan, and the lists made from them, into its private folder."""
    if not tables.exists(folder, "actions"):
        return
    target = folder / EXPORTS
    target.mkdir(parents=True, exist_ok=True)
    (target / TASKS).write_bytes(write_csv(list_tasks(folder, policy)))
    if len(waiting := read_waiting(folder)):
        blank = dict.fromkeys(["decision", "by", "day", "reason"], "")
        (target / DECISIONS).write_bytes(write_csv(waiting.assign(**blank)))
    if len(idle := _read_idle(folder)):
        (target / IDLE).write_bytes(write_csv(idle))
    write_lists(folder)


def _read_idle(folder: Path) -> pd.DataFrame:
    """The table `idle_decisions` with why each changed nothing, in words; no rows where the run has none."""
    if not tables.exists(folder, "idle_decisions"):
        return pd.DataFrame()
    idle = tables.read(folder, "idle_decisions").reset_index()
    return idle.assign(why_idle=idle["why_idle"].map(decisions_without_effect.name_reasons()))


def write_lists(folder: Path) -> None:
    """Write every list of a run anew from its tasks: one of each role, and one of each owner of customers."""
    target, about, tasks = folder / EXPORTS, tables.read_about(folder), read_tasks(folder)
    by_tier = _read_effects(folder)
    for column, stems in STEMS.items():
        for name, stem in stems(list_names(tasks, column)).items():
            for suffix, content in write_files(tasks[tasks[column] == name], name, about, by_tier).items():
                (target / f"{stem}{suffix}").write_bytes(content)


def save_lists(folder: Path, wanted: str, to: Path, password: str = "") -> list[Path]:
    """Save the lists of a role, an owner or `ALL` of a run in a folder, under the names of who works by them.

    Parameters
    ----------
    folder
        A published run.
    wanted
        A role of the policy, an owner of customers, or `ALL`.
    to
        The folder to save in; made if need be, for its owner only.
    password
        Where given, workbooks alone are saved, encrypted as Excel does it: the other files cannot be, and
        none of an earlier export may lie beside them.

    Returns
    -------
    The files, private to their owner (0600).

    Raises
    ------
    UsageError
        If nobody of that name has a list; or with a password, if a list of an earlier export lies open in the
        folder and would stay so.
    """
    refuse_without_lists(folder)
    tasks, about, by_tier = read_tasks(folder), tables.read_about(folder), _read_effects(folder)
    lists = {name: tasks[tasks[column] == name] for column in STEMS for name in list_names(tasks, column)}
    if wanted not in (ALL, *lists):
        raise UsageError(unknown_name("list", wanted, [ALL, *lists]))
    named = {name: FORBIDDEN.sub("_", name) for name in (lists if wanted == ALL else [wanted])}
    if password:
        _refuse_open(
            to, {f"{FORBIDDEN.sub('_', name)}{suffix}" for name in lists for suffix in SUFFIXES}, named
        )
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    saved = []
    for name, stem in named.items():
        contents = write_files(lists[name], name, about, by_tier)
        if password:
            contents = {".xlsx": encrypt(contents[".xlsx"], password)}
        for suffix, content in contents.items():
            path = to / f"{stem}{suffix}"
            path.unlink(missing_ok=True)
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
            saved.append(path)
    return saved


def refuse_without_lists(folder: Path) -> None:
    """Raise UsageError where a run has no lists."""
    if not (folder / EXPORTS / TASKS).exists():
        raise UsageError(
            _("{run}: has no lists; it planned nothing, or is of an earlier release").format(run=folder.name)
        )


def _refuse_open(to: Path, ours: set[str], replaced: dict[str, str]) -> None:
    """Raise UsageError where a list of an earlier export would stay readable beside the encrypted ones."""
    stays = ours - {f"{stem}.xlsx" for stem in replaced.values()}
    files = [path for path in sorted(to.iterdir()) if path.name in stays] if to.exists() else []
    left = [path.name for path in files if not path.read_bytes().startswith(OLE)]
    if left:
        problem = _(
            "{folder}: {names} of an earlier export would stay readable beside the encrypted workbooks. "
            "Remove them, or save in another folder"
        )
        raise UsageError(problem.format(folder=to, names=", ".join(left)))


def encrypt(workbook: bytes, password: str) -> bytes:
    """A workbook that asks for the password when Excel opens it (ECMA-376 agile encryption, AES-256)."""
    try:
        from msoffcrypto.format.ooxml import OOXMLFile
    except ImportError:
        raise UsageError(_("Encryption needs the extra package: pip install 'crcm[encrypt]'.")) from None
    encrypted = io.BytesIO()
    OOXMLFile(io.BytesIO(workbook)).encrypt(password, encrypted)
    return encrypted.getvalue()


def name_roles(roles: list[str]) -> dict[str, str]:
    """The stem of each role's files: a number, so that no two are alike, and the role.

    >>> name_roles(["key account manager", "大客户经理"])
    {'key account manager': 'role_01_key_account_manager', '大客户经理': 'role_02_大客户经理'}
    """
    named = {role: re.sub(r"\W+", "_", role) for role in roles}
    return {role: f"role_{number:02d}_{slug}" for number, (role, slug) in enumerate(named.items(), start=1)}


def name_owners(owners: list[str]) -> dict[str, str]:
    """The stem of each owner's files: a number, as an owner may be a name, and run.json lists the files."""
    return {owner: f"owner_{number:02d}" for number, owner in enumerate(owners, start=1)}


STEMS = {"owner_role": name_roles, "owner": name_owners}


def read_waiting(folder: Path) -> pd.DataFrame:
    """The moves down that wait for a named person: who, from which tier to which, why, and until when."""
    columns = ["customer_id", "tier_in_force", "tier_proposed", "because", "waits_since", "decide_by"]
    if not tables.exists(folder, "waiting_moves"):
        return pd.DataFrame(columns=columns)
    waiting = tables.read(folder, "waiting_moves").reset_index()
    return waiting.sort_values(["decide_by", "customer_id"], ignore_index=True)[columns]


def _read_effects(folder: Path) -> pd.DataFrame:
    """The table `effects_by_tier`; no rows where the run has none."""
    if not tables.exists(folder, "effects_by_tier"):
        return pd.DataFrame({"action": [], "differs": []})
    return tables.read(folder, "effects_by_tier")


def list_names(tasks: pd.DataFrame, column: str) -> list[str]:
    """The roles, or the owners, who have a list, in the order of their numbers."""
    return sorted(set(tasks[column]) - {""})


def write_files(
    tasks: pd.DataFrame, name: str, about: tables.About, by_tier: pd.DataFrame
) -> dict[str, bytes]:
    """The files of one list by their suffix: a workbook with this week's tasks first, CSV, and a calendar.

    `by_tier` is from `_read_effects`: the workbook's notes say which tasks go by it.
    """
    notes = pd.DataFrame({_("how to read the list"): task_order.note_order(by_tier, set(tasks["action"]))})
    sheets = {_("this week"): select_week(tasks, about.day), _("all"): tasks, _("notes"): notes}
    return {
        ".xlsx": write_workbook(sheets, COLUMNS, head_columns(about.currency), about.day.to_pydatetime()),
        ".csv": write_csv(tasks),
        ".ics": write_calendar(tasks, name, about.day),
    }


def head_columns(currency: str) -> dict[str, str]:
    """What stands above the columns of a list."""
    return {
        "day": _("by"),
        "owner_role": _("role"),
        "owner": _("owner"),
        "customer_id": _("customer"),
        "tier": _("tier"),
        "action": _("what to do"),
        "channel": _("channel"),
        "occasion": _("time"),
        "cost": _("cost, {currency}").format(currency=currency),
        "gain": _("expected gain, {currency}").format(currency=currency),
        "hours": _("hours"),
        "why": _("why"),
        "say": _("what to say"),
        "offer": _("what to offer"),
    }


def write_csv(tasks: pd.DataFrame) -> bytes:
    """A list as CSV in UTF-8 with a byte order mark; no cell begins like a formula."""
    written, shown = io.StringIO(), tasks.copy()
    for name in shown.select_dtypes("datetime"):
        shown[name] = shown[name].dt.strftime("%Y-%m-%d")
    for name in shown.select_dtypes("float"):
        shown[name] = shown[name].round(10)
    for name in shown.select_dtypes(["object", "string"]):
        text = shown[name].astype("object").where(shown[name].notna(), "").astype("str")
        shown[name] = text.where(~text.str.contains(FORMULA), "'" + text)
    shown.to_csv(written, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    return (BOM + written.getvalue()).encode("utf-8")


def read_tasks(folder: Path) -> pd.DataFrame:
    """The tasks of a run as `list_tasks` made them; none where it has no lists."""
    path = folder / EXPORTS / TASKS
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    tasks = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    for name in tasks.columns:
        tasks[name] = tasks[name].str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True)
    tasks = tasks.reindex(columns=list(COLUMNS), fill_value="")  # an earlier release had fewer
    return tasks.assign(
        day=pd.to_datetime(tasks["day"], format="%Y-%m-%d").astype("datetime64[us]"),
        **{name: pd.to_numeric(tasks[name]).astype("float64") for name in ("cost", "gain", "hours")},
    )
