"""A run's tiers and tasks as files that a CRM system imports, within the limits that `crm_systems` has."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from crcm_lib.config.policy import Policy
from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.reporting import agenda
from crcm_lib.reporting.exports.crm_systems import SYSTEMS, Field, System, list_limits
from crcm_lib.reporting.exports.lists import read_tasks, refuse_without_lists
from crcm_lib.reporting.exports.task_list import list_words, write_why
from crcm_lib.reporting.exports.workbook_files import INERT
from crcm_lib.reporting.text.classification import write_short_reasons
from crcm_lib.schema import tables

PAGE = "fields_to_create.html"
ZOHO_ID = re.compile(r"(zcrm_)?\d{15,20}")
FXIAOKE_ID = re.compile(r"[0-9a-f]{24}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
UNSEEN = re.compile(r"[\x00-\x1f\x7f]+")
FORMULA = re.compile(r"^[=+\-@]+")


def save_crm_files(folder: Path, policy: Policy, name: str, to: Path) -> list[Path]:
    """Save what a CRM system imports from a run: accounts with their tier, tasks, and what to create first.

    Parameters
    ----------
    folder
        A published run with the tables of 08.
    policy
        The policy that the run followed.
    name
        Of the system: a key of `SYSTEMS`.
    to
        The folder to save in; made if need be, for its owner only.

    Returns
    -------
    The files, private to their owner (0600), with real ids; of more records than the system takes at a time,
    or more bytes, numbered parts.

    Raises
    ------
    UsageError
        If the run has no tiers, or an id cannot be written as the system takes it.
    """
    if not tables.exists(folder, "tiers"):
        raise UsageError(_("{run}: has no tiers; nothing can go into a CRM").format(run=folder.name))
    system = SYSTEMS[name]
    accounts, tasks = list_accounts(folder, policy, system), list_crm_tasks(folder, policy, system)
    system = _name_key(system, list(accounts["customer_id"]))
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    stale = re.compile(rf"{name}_(accounts|tasks)(_\d+)?\{system.suffix}")
    for path in to.iterdir():
        if stale.fullmatch(path.name):
            path.unlink()  # a part of an earlier export must not be imported with these
    parts = {}
    for stem, table, fields in (("accounts", accounts, system.accounts), ("tasks", tasks, system.tasks)):
        filled = _fill(table, fields, system)
        write = _split_csv if system.suffix == ".csv" else _split_workbooks
        contents = list(write(filled, system))
        for number, content in enumerate(contents, start=1):
            part = f"_{number:02d}" if len(contents) > 1 else ""
            parts[f"{name}_{stem}{part}{system.suffix}"] = content
    parts[PAGE] = _write_page(folder, policy, system, list(parts)).encode("utf-8")
    return [_save(to / path, content) for path, content in parts.items()]


def list_accounts(folder: Path, policy: Policy, system: System) -> pd.DataFrame:
    """Every customer of a run once: id, tier in force, score, segment, alert, value, the reason, the day.

    Parameters
    ----------
    folder, policy
        A run, and the policy that it followed.
    system
        Whose names and words are used.

    Returns
    -------
    Columns of `system.accounts` by their `fact`; missing where the run does not know it.
    """
    tiers = tables.read(folder, "tiers")
    names = _name(system, policy)
    facts = {"segment": ("rfm", "segment"), "alert": ("churn", "alert"), "value": ("value", "value")}
    found = {
        fact: tables.read(folder, table)[column].reindex(tiers.index)
        for fact, (table, column) in facts.items()
        if tables.exists(folder, table)
    }
    why = write_why(folder, tiers.index).reindex(tiers.index)
    reason = write_short_reasons(tiers, policy)
    accounts = pd.DataFrame(
        {
            "tier": tiers["tier_in_force"].map(names),
            "score": tiers["score"],
            **{fact: found.get(fact) for fact in facts},
            "reason": (reason + "; " + why).where(why.notna(), reason),
            "as_of": tables.read_about(folder).day,
        },
        index=tiers.index,
    )
    return accounts.assign(
        segment=accounts["segment"].map(names).fillna(""),
        alert=accounts["alert"].astype("object").map(lambda word: system.words.get(word, word)).fillna(""),
    ).reset_index()


def list_crm_tasks(folder: Path, policy: Policy, system: System) -> pd.DataFrame:
    """The tasks of a run's plan: columns of `system.tasks` by their `fact`, in the order of the days."""
    if tables.exists(folder, "actions"):
        refuse_without_lists(folder)
    tasks = read_tasks(folder)
    say = tasks["action"].map(list_words(policy, chinese=True)) if system.chinese else tasks["say"]
    offer = ("; " + system.words["offer"] + tasks["offer"]).where(tasks["offer"] != "", "")
    names, due = _name(system, policy), tables.read_about(folder).day + pd.Timedelta(days=agenda.DAYS)
    lines = tasks["channel"] + ", " + tasks["occasion"] + ", " + tasks["owner_role"]
    return pd.DataFrame(
        {
            "customer_id": tasks["customer_id"],
            "subject": tasks["action"].map(names),
            "day": tasks["day"],
            "owner": tasks["owner"],
            "priority": (tasks["day"] <= due).map({True: system.words["soon"], False: system.words["later"]}),
            "status": system.words["open"],
            "description": say + offer + " (" + lines + ") " + tasks["why"],
        }
    )


def shorten(text: str, length: int) -> str:
    """A text of at most so many characters, cut at a word where there is one to cut at.

    >>> shorten("a named person who knows the account", 20)
    'a named person who…'
    >>> shorten("战略客户重要客户", 5)
    '战略客户…'
    """
    if len(text) <= length:
        return text
    whole, _space, _rest = text[:length].rpartition(" ")
    return (whole or text[: length - 1]).rstrip(" ,;:") + "…"


def _name(system: System, policy: Policy) -> dict[str, str]:
    """What the system shows for the names of the policy: the Chinese ones where it is a Chinese system."""
    named = [*policy.tiers, *policy.rfm.segments, *policy.playbook, *policy.care]
    return {each.name: (each.zh or each.name) if system.chinese else each.name for each in named}


def _name_key(system: System, ids: list[str]) -> System:
    """The system with the label of its key, by what the ids look like."""
    label = system.accounts[0].label
    api = system.accounts[0].api
    if system.name == "zoho" and ids and all(map(ZOHO_ID.fullmatch, ids)):
        label, api = "Record Id", ""
    if system.name == "fxiaoke" and ids and all(map(FXIAOKE_ID.fullmatch, ids)):
        label = "客户ID"
    elif system.name == "fxiaoke" and any(map(CHINESE.search, ids)):
        label = "客户名称"
    tasks = replace(system.tasks[0], label=label) if system.name == "fxiaoke" else system.tasks[0]
    return replace(
        system,
        accounts=(replace(system.accounts[0], label=label, api=api), *system.accounts[1:]),
        tasks=(tasks, *system.tasks[1:]),
    )


def _fill(table: pd.DataFrame, fields: tuple[Field, ...], system: System) -> pd.DataFrame:
    """The columns of a file under their labels, all of them text that the system takes."""
    return pd.DataFrame(
        {each.label: _write_values(table[each.fact], each, system) for each in fields}, dtype="str"
    )


def _write_values(values: pd.Series, each: Field, system: System) -> pd.Series:
    if each.kind == "date":
        return pd.to_datetime(values).dt.strftime("%Y-%m-%d").fillna("")
    if each.kind == "decimal":
        return values.map(lambda number: "" if pd.isna(number) else f"{number:.2f}")
    if each.kind == "key":
        _refuse_ids(values, each, system)
        return values
    signs = str.maketrans(system.forbidden)
    clean = values.astype("str").str.replace(UNSEEN, " ", regex=True).str.translate(signs)
    return clean.str.replace(FORMULA, "", regex=True).map(lambda text: shorten(text, each.length))


def _refuse_ids(ids: pd.Series, each: Field, system: System) -> None:
    """An id is written exactly or not at all."""
    signs = set(system.forbidden)
    bad = [
        id_
        for id_ in ids
        if signs & set(id_) or UNSEEN.search(id_) or FORMULA.match(id_) or len(id_) > each.length
    ]
    if bad:
        problem = _(
            "{count} ids cannot be imported into {system} as they are: they begin like formulas, are longer "
            "than {length} characters, or hold signs that it forbids ({signs})"
        )
        facts = {"count": len(bad), "system": system.title, "length": each.length}
        raise UsageError(problem.format(**facts, signs=" ".join(sorted(signs)) or "–"))


def _split_csv(table: pd.DataFrame, system: System) -> Iterator[bytes]:
    """The table as CSV files in UTF-8, without a byte order mark; a table without rows is a file too."""
    head, *lines = [_write_line(row) for row in [list(table.columns), *table.itertuples(index=False)]]
    part, size = [head], len(head)
    for line in lines:
        if len(part) > system.max_rows or size + len(line) > system.max_bytes:
            yield b"".join(part)
            part, size = [head], len(head)
        part.append(line)
        size += len(line)
    yield b"".join(part)


def _write_line(cells) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue().encode("utf-8")


def _split_workbooks(table: pd.DataFrame, system: System) -> Iterator[bytes]:
    """The table as workbooks of one sheet, plain text in every cell: no filter, no link, no formula."""
    import xlsxwriter

    for start in range(0, max(len(table), 1), system.max_rows):
        written = io.BytesIO()
        with xlsxwriter.Workbook(written, INERT) as book:
            book.set_properties({"created": pd.Timestamp("2000-01-01").to_pydatetime(), "author": "CRCM"})
            sheet, text = book.add_worksheet(), book.add_format({"num_format": "@"})
            part = table.iloc[start : start + system.max_rows]
            for row, cells in enumerate([list(table.columns), *part.itertuples(index=False)]):
                for place, cell in enumerate(cells):
                    sheet.write_string(row, place, cell, text)
        yield written.getvalue()


def _write_page(folder: Path, policy: Policy, system: System, files: list[str]) -> str:
    """What to create first, how to import, and what of it nobody could try."""
    from crcm_lib.reporting import pages

    record = folder / "run.json"
    names = _name(system, policy)
    shown = [shorten(names[tier.name], system.accounts[1].length) for tier in policy.tiers]
    return pages.fill_page(
        "crm_fields.html.j2",
        run=json.loads(record.read_text("utf-8")) if record.exists() else {},
        system=system,
        key=system.accounts[0],
        fields=[each for each in system.accounts if each.is_own or each.kind == "picklist"],
        tiers=shown,
        files=files,
        limits=list_limits(system),
    )


def _save(path: Path, content: bytes) -> Path:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    return path
