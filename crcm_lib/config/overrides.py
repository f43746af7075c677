"""Changes to a settings file for one run: a JSON object of paths and values, checked like the file itself."""

import json
from typing import Any

from pydantic import BaseModel

from crcm_lib.config.yaml_loader import Place, SettingsFile, known_keys
from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _


def apply_overrides(settings: SettingsFile, overrides: str, model: type[BaseModel]) -> None:
    """Put the values of `overrides` into the content of `settings`; what does not fit is noted as a problem.

    Parameters
    ----------
    settings
        A settings file as it was read; its content is changed.
    overrides
        A JSON object like `{"rfm.bins": 4, "criteria.contribution.weight": 0.4}`. A path names keys from the
        outside in; an entry of a list is named by its `name`, or by its number, the first one 1.
    model
        The model of the file: says which keys there may be where the file leaves one out.
    """
    try:
        changes = json.loads(overrides)
    except json.JSONDecodeError as error:
        words = _("overrides: not JSON ({why} at character {place}); write it like {example}")
        settings.note((), words, why=error.msg, place=error.pos + 1, example='{"rfm.bins": 4}')
        return
    if not isinstance(changes, dict):
        settings.note((), _("overrides: not a JSON object of paths and values"))
        return
    for path, value in changes.items():
        where, problem = put(settings, path.split("."), value, model)
        if problem:
            settings.note(where, _("overrides: {reason}"), reason=problem)


def put(settings: SettingsFile, path: list[str], value: Any, model: type[BaseModel]) -> tuple[Place, str]:
    """Walk down the path and set its last part; at the first part that is unknown say where, and the problem.

    `settings`, `value` and `model` are as in `apply_overrides`; `path` is its parts. The problem is "" where
    there is none.
    """
    around: Any = settings.content
    where: Place = ()
    for place, part in enumerate(path):
        entries = _entries(around)
        known = [*entries, *(name for name in known_keys(model, where) if name not in entries)]
        is_last = place == len(path) - 1
        if part not in (known if is_last else entries):
            wrong, possible = (".".join((*path[:place], name)) for name in (part, "{}"))
            return where, unknown_name(_("path"), wrong, [possible.format(name) for name in known])
        key = entries.get(part, part)
        if is_last:
            around[key] = value
            return where, ""
        around, where = around[key], (*where, key)
    return where, ""


def _entries(around: Any) -> dict[str, Any]:
    """The keys of a mapping, or the names and numbers of a list's entries, with what reaches them."""
    if isinstance(around, dict):
        return {str(key): key for key in around}
    if not isinstance(around, list):
        return {}
    numbered = {str(n + 1): n for n in range(len(around))}
    named = {str(row["name"]): n for n, row in enumerate(around) if isinstance(row, dict) and "name" in row}
    return numbered | named
