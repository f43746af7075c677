"""Settings files that people edit: YAML read with line numbers, and every problem found in one go."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crcm_lib.config.yaml_limits import MAX_CHARACTERS, find_excess
from crcm_lib.errors import list_problems, unknown_name
from crcm_lib.i18n import _

SHOWN = 60  # characters of a given value in a message
MAX_BITS = 256  # of a whole number
TEXT, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
KEY_TAGS = {TEXT, *(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))}
LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
BOOLEAN_WORDS = {"yes", "no", "on", "off", "y", "n"}
Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]  # the keys and numbers (from 0) that lead to an entry of a file
Mapping = dict[str, Any]


@dataclass
class SettingsFile:
    """A file's content, the line of every entry (by its place), and its problems (line and words)."""

    path: Path
    content: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def note(self, where: Place, problem: str, **values: object) -> None:
        """Note a problem of the entry at `where`, or of the nearest entry around it."""
        self.problems.append((self.line(where), problem.format(**values) if values else problem))

    def line(self, where: Place) -> int:
        """The line of an entry, or of the nearest entry around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def get(self, *where: str) -> Any:
        """The entry at a place; None where the file has none."""
        return get_entry(self.content, *where)

    def rows(self, *where: str) -> list[tuple[Place, Mapping]]:
        """The mappings of a list with their places; nothing where the file holds something else."""
        return rows_in(self.content, (), *where)

    def report(self) -> str:
        """All problems, in the order of the file."""
        line = _("line {line}: {problem}")
        ordered = [line.format(line=n, problem=words) for n, words in sorted(set(self.problems))]
        return list_problems(self.path.name, ordered)


def get_entry(content: Any, *where: str) -> Any:
    """The entry that the keys lead to; None where there is none."""
    for key in where:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def rows_in(content: Any, at: Place, *where: str) -> list[tuple[Place, Mapping]]:
    """The mappings of the list that the keys lead to, with their places; `at` is the place of `content`."""
    rows = get_entry(content, *where)
    if not isinstance(rows, list):
        return []
    return [((*at, *where, n), row) for n, row in enumerate(rows) if isinstance(row, dict)]


def read_settings(path: str | Path) -> SettingsFile:
    """Read a YAML file with its line numbers; traps and repeated keys are noted as problems.

    YAML 1.2 by ruamel.yaml. Refused because other readers take them for something else: `NO`, `yes`,
    `on` without quotes (false or true in YAML 1.1) and numbers with a leading zero (octal in YAML 1.1).
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    settings = SettingsFile(Path(path))
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        settings.note(
            (), _("cannot be read: {why}").format(why=getattr(error, "strerror", None) or _("not UTF-8"))
        )
        return settings
    if len(text) > MAX_CHARACTERS:
        settings.note(
            (), _("has {size} characters; {most} at most").format(size=len(text), most=MAX_CHARACTERS)
        )
        return settings
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    try:
        if excess := find_excess(text):
            settings.problems.append(excess)
        elif (root := reader.compose(text)) is not None:
            _walk(root, (), settings, YAML(typ="safe", pure=True).constructor)
            settings.content = _unshare(reader.constructor.construct_document(root))
    except YAMLError as error:
        settings.problems.append(_describe_syntax(error, text))
    return settings


def _describe_syntax(error: Exception, text: str) -> tuple[int, str]:
    """The line and the words of what is not YAML."""
    mark, position = getattr(error, "problem_mark", None), getattr(error, "position", None)
    if mark is None and position is not None:
        return text.count("\n", 0, position) + 1, _("not YAML: a character that no YAML file may hold")
    problem = _("not YAML: {why}").format(why=getattr(error, "problem", None) or _("unreadable"))
    return (mark.line + 1 if mark else 1), problem


def _unshare(content: Any) -> Any:
    """The content without shared entries: what changes one use of an alias must not change the others."""
    if isinstance(content, dict):
        return {key: _unshare(value) for key, value in content.items()}
    return [_unshare(value) for value in content] if isinstance(content, list) else content


def _walk(node: Any, where: Place, settings: SettingsFile, constructor: Any) -> None:
    """Note lines and traps of a node and all within it; what an alias names is noted at each use."""
    settings.lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node.value, str):
        _check_scalar(node, where, settings, constructor)
    elif node.id == "sequence":
        for n, item in enumerate(node.value):
            _walk(item, (*where, n), settings, constructor)
    else:
        _walk_mapping(node, where, settings, constructor)


def _walk_mapping(node: Any, where: Place, settings: SettingsFile, constructor: Any) -> None:
    first: dict[str, int] = {}
    for key, value in list(node.value):
        line = key.start_mark.line + 1
        if key.id != "scalar":
            settings.problems.append((line, _("a key that is a list or a mapping; a key is a word")))
            node.value.remove((key, value))
            continue
        if key.tag == MERGE:  # its entries count where the mapping has none of its own
            for merged in value.value if value.id == "sequence" else [value]:
                _walk(merged, where, settings, constructor)
            continue
        if key.tag not in KEY_TAGS:
            key.tag = TEXT
        name = str(key.value)
        if name in first:
            problem = _("{key!r} is given twice; first on line {line}")
            settings.problems.append((line, problem.format(key=name, line=first[name])))
        first.setdefault(name, line)
        settings.lines[(*where, name)] = line
        _walk(value, (*where, name), settings, constructor)


def _check_scalar(node: Any, where: Place, settings: SettingsFile, constructor: Any) -> None:
    if node.tag != TEXT and not _can_be_made(node, constructor):
        problem = _("{value} is no day and no number that can be read; mend it, or write it in quotes")
        settings.note(where, problem, value=node.value[:SHOWN])
        node.tag = TEXT  # so that the rest of the file can be checked
    if node.style is not None:
        return
    if node.value.lower() in BOOLEAN_WORDS:
        problem = _(
            '{value} is text to some readers, true or false to others; write true, false or "{value}"'
        )
        settings.note(where, problem, value=node.value)
    elif LEADING_ZERO.fullmatch(node.value):
        problem = _(
            '{value} has a leading zero, octal to some readers; leave the zero out or write "{value}"'
        )
        settings.note(where, problem, value=node.value)


def _can_be_made(node: Any, constructor: Any) -> bool:
    """Whether a value is none of: an impossible day, a number of hundreds of digits."""
    try:
        value = constructor.construct_object(node)
    except (ValueError, OverflowError):
        return False
    return not isinstance(value, int) or value.bit_length() <= MAX_BITS


def build(settings: SettingsFile, model: type[Model]) -> Model | None:
    """Check the content against a pydantic model, strictly; None, and problems noted, if it misfits."""
    try:
        return model.model_validate_json(json.dumps(settings.content, default=str), strict=True)
    except ValidationError as error:
        for problem in error.errors():
            where = tuple(problem["loc"])
            settings.note(where, _in_words(problem, where, model))
    return None


def _in_words(problem: ErrorDetails, where: Place, model: type[BaseModel]) -> str:
    name = ".".join(str(part + 1 if isinstance(part, int) else part) for part in where) or _("the file")
    if problem["type"] == "extra_forbidden":
        return unknown_name(_("key"), str(where[-1]), known_keys(model, where[:-1]))
    if problem["type"] == "missing":
        return _("{name}: missing").format(name=name)
    given = problem.get("input")
    if isinstance(given, str) and len(given) > SHOWN:
        given = given[:SHOWN] + "…"
    shown = "" if isinstance(given, dict | list) else _(", not {given!r}").format(given=given)
    wanted = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name}: {wanted}{shown}"


def known_keys(model: type[BaseModel], where: Place) -> list[str]:
    """The keys that an entry of a model's file may have.

    >>> from crcm_lib.config.bands import Band
    >>> known_keys(Band, ())
    ['at_least', 'below']
    """
    kind: Any = model
    for part in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:
            kind = next(iter(get_args(kind)[-1:] if get_origin(kind) is dict else get_args(kind)), None)
        kind = _without_none(kind)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return next(choice for choice in get_args(kind) if choice is not type(None))
    return kind
