"""One or more values of a policy file changed, with its comments, order and quotes kept."""

import io
import tempfile
from pathlib import Path
from typing import Any

from crcm_lib.config.overrides import put
from crcm_lib.config.policy import Policy, read_policy
from crcm_lib.config.yaml_loader import SettingsFile
from crcm_lib.errors import PolicyError, UsageError, list_problems
from crcm_lib.i18n import _
from crcm_lib.schema.tables import resolve

WIDE = 10_000  # characters of a line, so that none is broken


def change_policy(path: str | Path, changes: dict[str, str]) -> tuple[str, Policy]:
    """The text of a policy file with changed values, and the policy that it then is; writes nothing.

    Parameters
    ----------
    path
        The policy file; as it is, it must be valid.
    changes
        By path (`criteria.contribution.weight`, `playbook.executive visit.cost`; an entry of a list by its
        name or number, the first one 1) the new value, in YAML.

    Raises
    ------
    PolicyError
        If the file has problems; if a path leads nowhere, with the nearest that leads somewhere; or if the
        changed file breaks a rule, listing every problem with its line.
    UsageError
        If a value is no YAML.
    """
    file = resolve(path)
    read_policy(file)
    editor = _make_editor()
    settings = SettingsFile(file, editor.load(file.read_text("utf-8")))
    put_all = [put(settings, key.split("."), _parse(key, given), Policy) for key, given in changes.items()]
    if problems := [problem for _where, problem in put_all if problem]:
        raise PolicyError(list_problems(file.name, problems))
    stream = io.StringIO()
    editor.dump(settings.content, stream)
    text = stream.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, file.name)
        draft.write_text(text, "utf-8")
        return text, read_policy(draft)


def _make_editor() -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    class Representer(RoundTripRepresenter):
        """Writes null as `null`; ruamel's own leaves it empty."""

    def write_null(representer: Representer, _nothing: None) -> Any:
        return representer.represent_scalar("tag:yaml.org,2002:null", "null")

    Representer.add_representer(type(None), write_null)
    editor = YAML(typ="rt")
    editor.Representer = Representer
    editor.preserve_quotes, editor.width = True, WIDE
    editor.indent(mapping=2, sequence=4, offset=2)
    return editor


def _parse(key: str, given: str) -> Any:
    """A value as YAML has it; lists and mappings on one line."""
    from ruamel.yaml.error import YAMLError

    try:
        value = _make_editor().load(given)
    except YAMLError as error:
        message = _("{path}: {given!r} is no YAML value: {why}")
        why = getattr(error, "problem", None) or _("unreadable")
        raise UsageError(message.format(path=key, given=given, why=why)) from None
    if hasattr(value, "fa"):
        value.fa.set_flow_style()
    return value
