"""Bounds of YAML files, checked on the parser's events before anything is built of them.

A few lines of aliases can stand for billions of entries, and a few kilobytes of brackets for more levels than
Python can build; a settings file that people edit needs neither.
"""

import re
from typing import Any

from crcm_lib.i18n import _

MAX_CHARACTERS = 200_000
MAX_ENTRIES = 10_000  # keys and values, those of aliases counted wherever they are used
MAX_LEVELS = 50
MAX_TEXT = 10_000  # characters of one text
# Control characters but tab and line ends, marks that turn the direction of what follows, lone surrogates.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def find_excess(text: str) -> tuple[int, str] | None:
    """The line on which a YAML text exceeds a bound, and the problem in words; None if it exceeds none.

    Raises
    ------
    ruamel.yaml.error.YAMLError
        If it is not YAML.

    Examples
    --------
    >>> find_excess("a: &a [1, 2]\\nb: *a\\n")
    >>> find_excess("a: 1\\nb: &b [*b]\\n")
    (2, 'the alias *b stands inside of what it names')
    """
    from ruamel.yaml import YAML

    sizes: dict[str, int] = {}  # of what anchors name, in entries
    open_entries: list[tuple[str, int]] = []  # the anchor of each open collection, the entries before it
    entries = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        anchor, kind = getattr(event, "anchor", None) or "", type(event).__name__
        problem = ""
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            open_entries.append((anchor, entries))
            entries += 1
            if len(open_entries) > MAX_LEVELS:
                problem = _("more than {most} levels of entries inside each other").format(most=MAX_LEVELS)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            opened, before = open_entries.pop()
            sizes[opened] = entries - before
        elif kind == "ScalarEvent":
            entries += 1
            sizes[anchor] = 1
            problem = _describe_text(event)
        elif kind == "AliasEvent":
            entries += sizes.get(anchor, 1)
            if anchor in (opened for opened, _before in open_entries):
                problem = _("the alias *{name} stands inside of what it names").format(name=anchor)
        if not problem and entries > MAX_ENTRIES:
            problem = _("more than {most} entries, those of aliases counted where they are used")
            problem = problem.format(most=MAX_ENTRIES)
        if problem:
            return event.start_mark.line + 1, problem
    return None


def _describe_text(event: Any) -> str:
    if len(event.value) > MAX_TEXT:
        problem = _("a text of {count} characters; {most} at most")
        return problem.format(count=len(event.value), most=MAX_TEXT)
    if found := UNSEEN.search(event.value):
        problem = _("a text holds the character U+{code}, which cannot be seen; take it out")
        return problem.format(code=f"{ord(found[0]):04X}")
    return ""
