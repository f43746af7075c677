"""When each notebook runs: as soon as all that it depends on are done, and a place is free.

A notebook may name the notebooks that it reads from, in its metadata: `"crcm": {"after": ["02_profile"]}`.
Without that it comes after every earlier one. All come after the first, which says what the data are. It may
also name the input tables without which it has nothing to say, as `"needs": ["loyalty"]`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from graphlib import TopologicalSorter

import nbformat

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _
from crcm_lib.schema.inputs import INPUTS

MAX_PARALLEL = 2  # notebooks at once, where there are as many cores; each takes up to a gigabyte

Ancestors = dict[str, frozenset[str]]  # notebook -> all that it depends on, directly or through others


def count_places() -> int:
    """Return how many notebooks may run at once on this machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(MAX_PARALLEL, len(affinity(0)) if affinity else os.cpu_count() or 1)


def read_dependencies(notebook: nbformat.NotebookNode, earlier: list[str]) -> tuple[list[str], list[str]]:
    """Return the notebooks that this one names, all earlier ones by default; and a list of problems.

    Examples
    --------
    >>> notebook = nbformat.v4.new_notebook(metadata={"crcm": {"after": ["02_profile"]}})
    >>> read_dependencies(notebook, ["01_clean", "02_profile", "03_value"])
    (['02_profile'], [])
    >>> read_dependencies(notebook, ["01_clean", "02_profil"])[1]
    ["unknown earlier notebook '02_profile'. Did you mean '02_profil'? Known: 01_clean, 02_profil."]
    """
    declared = notebook.metadata.get("crcm", {"after": earlier})
    known = isinstance(declared, dict) and {"after"} <= set(declared) <= {"after", "needs"}
    names = declared["after"] if known else None
    needs = declared.get("needs", []) if known else None
    if not isinstance(names, list) or not isinstance(needs, list):
        message = _('the metadata `crcm` should be like {{"after": ["02_customer_profile"]}}, is {declared}')
        return earlier, [message.format(declared=declared)]
    unknown = [unknown_name(_("earlier notebook"), name, earlier) for name in names if name not in earlier]
    tables = [unknown_name(_("input table"), name, INPUTS) for name in needs if name not in INPUTS]
    return names, unknown + tables


def find_ancestors(direct: dict[str, list[str]]) -> Ancestors:
    """Return all that each notebook depends on: those it names, those they depend on, and the first.

    Examples
    --------
    >>> ancestors = find_ancestors({"01": [], "02": [], "03": ["02"], "04": ["01"], "05": ["03"]})
    >>> {name: sorted(ancestors[name]) for name in ("02", "04", "05")}
    {'02': ['01'], '04': ['01'], '05': ['01', '02', '03']}
    """
    ancestors: Ancestors = {}
    for name in sorted(direct):
        parents = {*direct[name], *list(ancestors)[:1]}
        ancestors[name] = frozenset(parents.union(*(ancestors[each] for each in parents)))
    return ancestors


def rank(ancestors: Ancestors) -> list[str]:
    """List the notebooks by how many others wait for them, most first: the order to begin them in.

    Examples
    --------
    >>> rank({"01": set(), "02": {"01"}, "03": {"01"}, "04": {"01", "03"}})
    ['01', '03', '02', '04']
    """
    waiting = Counter(earlier for names in ancestors.values() for earlier in names)
    return sorted(ancestors, key=lambda name: (-waiting[name], name))


def execute_in_order(ancestors: Ancestors, begin: Callable[[str], Future]) -> Iterator[tuple[str, object]]:
    """Begin every notebook as soon as it may; yield its name and result as each ends.

    A notebook counts as done when the next one is asked for. A failure is raised at once, that of the first
    by name if two end together; the caller stops those still at work.
    """
    order, sorter = rank(ancestors), TopologicalSorter(ancestors)
    sorter.prepare()
    ready: list[str] = []
    running: dict[Future, str] = {}
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=order.index)
        while ready and len(running) < count_places():
            name = ready.pop(0)
            running[begin(name)] = name
        ended = wait(running, return_when=FIRST_COMPLETED).done
        for future in sorted(ended, key=lambda each: (each.exception() is not None, running[each])):
            name = running.pop(future)
            yield name, future.result()
            sorter.done(name)
