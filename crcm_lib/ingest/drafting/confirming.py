"""The lines of a draft that are unsure, confirmed one by one; the comments of the file are kept."""

import io
from pathlib import Path
from typing import Any

from crcm_lib.errors import DataError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.ingest.sources.description import TO_CONFIRM, Part
from crcm_lib.schema.inputs import INPUTS

WIDE = 4096  # characters, so that no line is folded


def list_unconfirmed(path: Path) -> dict[str, dict[str, Any]]:
    """What a description still has to confirm: by key, `proposal` and `why`."""
    content = _load(path)
    waiting = content.get(TO_CONFIRM) if isinstance(content, dict) else None
    return {str(key): dict(entry) for key, entry in waiting.items()} if isinstance(waiting, dict) else {}


def confirm(path: Path, accepted: dict[str, str | None]) -> None:
    """Write accepted values into a description and strike them from what is to confirm.

    Parameters
    ----------
    path
        The description.
    accepted
        By key (`currency`, `transactions.time`, `transactions.time_format.time`, `contacts.2.channel`) the
        value, in YAML; None for what is proposed. Keys that are not waiting are set too; "" takes an
        optional one out.

    Raises
    ------
    UsageError
        If a key leads nowhere, a value is no YAML, or nothing is proposed where None is given. Nothing is
        written then.
    """
    content = _load(path)
    waiting = content.get(TO_CONFIRM) or {}
    problems = []
    for key, given in accepted.items():
        try:
            value = _parse(given) if given is not None else _proposal(waiting, key)
            _refuse_other_encoding(key, value, waiting)
            _set(content, key, value)
        except UsageError as error:
            problems.append(str(error))
        waiting.pop(key, None)
    if problems:
        raise UsageError(list_problems(path.name, problems))
    if not waiting:
        content.pop(TO_CONFIRM, None)
    stream = io.StringIO()
    _editor().dump(content, stream)
    path.write_text(stream.getvalue(), encoding="utf-8")


def _editor():
    from ruamel.yaml import YAML

    editor = YAML(typ="rt")
    editor.preserve_quotes, editor.width = True, WIDE
    editor.indent(mapping=2, sequence=4, offset=2)
    return editor


def _load(path: Path) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _editor().load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "problem", None) or _("unreadable")
        raise DataError(_("{path}: cannot be read: {why}").format(path=path, why=why)) from None


def _parse(text: str) -> Any:
    """A value as YAML has it; expressions, formats and names are text as they stand."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not text.startswith(("{", "[")):
        return text
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise UsageError(_("{text!r} is no YAML").format(text=text)) from None


def _proposal(waiting: dict[str, Any], key: str) -> Any:
    value = waiting.get(key, {}).get("proposal")
    if value in (None, ""):
        problem = _("{key}: nothing is proposed; give a value: --accept {key}=VALUE")
        raise UsageError(problem.format(key=key))
    return value


def _refuse_other_encoding(key: str, value: Any, waiting: dict[str, Any]) -> None:
    """Another encoding gives other names of columns: the draft has to be made anew."""
    if key.endswith(".encoding") and key in waiting and value != waiting[key].get("proposal"):
        problem = _(
            "{key}: another encoding changes the names of columns; draft anew: "
            "crcm init FILE… --force --encoding {value}"
        )
        raise UsageError(problem.format(key=key, value=value))


def _set(content: Any, key: str, value: Any) -> None:
    """Set the entry that a key names, or take it out if the value is empty."""
    entry, last = _find_entry(content, key)
    if value == "" and last in entry:
        del entry[last]
    elif value != "":
        entry[last] = value if last != "at_most" else float(value)


def _find_entry(content: Any, key: str) -> tuple[Any, str]:
    """The mapping that holds a key's entry, and the entry's name in it."""
    first, _dot, rest = key.partition(".")
    if not rest:
        return content, first
    tables = content.get("tables", {})
    if first not in tables:
        raise UsageError(_("{key}: the description has no table {table}").format(key=key, table=first))
    part = tables[first]
    if isinstance(part, list):
        number, _dot, rest = rest.partition(".")
        if not number.isdigit() or not 1 <= int(number) <= len(part):
            problem = _("{key}: the table has {count} parts; write {table}.1.… to {table}.{count}.…")
            raise UsageError(problem.format(key=key, table=first, count=len(part)))
        part = part[int(number) - 1]
    *steps, last = rest.split(".")
    if not steps and last not in Part.model_fields:
        if last not in INPUTS[first].columns and not INPUTS[first].open:
            raise UsageError(_("{key}: there is no such key or column").format(key=key))
        return part["columns"], last
    for step in steps:
        if not isinstance(part.get(step), dict):
            raise UsageError(_("{key}: there is no such key or column").format(key=key))
        part = part[step]
    return part, last
