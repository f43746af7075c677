"""When each notebook runs: as soon as all that it comes after is done, and a place is free.

A notebook may name the notebooks it reads from, in its metadata: `"crcm": {"after": ["02_profile"]}`.
Without that it comes after every earlier one. All come after the first, which says what the data are.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait

import nbformat

from crcm_lib.errors import unknown_name
from crcm_lib.i18n import _

MAX_PARALLEL = 2  # notebooks at once, where there are as many cores; each takes up to a gigabyte

After = dict[str, frozenset[str]]  # notebook -> all that it comes after, directly or through others


def count_places() -> int:
    """Return how many notebooks may run at once on this machine."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(MAX_PARALLEL, len(affinity(0)) if affinity else os.cpu_count() or 1)


def read_after(notebook: nbformat.NotebookNode, earlier: list[str]) -> tuple[list[str], list[str]]:
    """Return the notebooks that this one says it comes after, all earlier ones by default; and what is wrong.

    Examples
    --------
    >>> notebook = nbformat.v4.new_notebook(metadata={"crcm": {"after": ["02_profile"]}})
    >>> read_after(notebook, ["01_clean", "02_profile", "03_value"])
    (['02_profile'], [])
    >>> read_after(notebook, ["01_clean", "02_profil"])[1]
    ["unknown earlier notebook '02_profile'. Did you mean '02_profil'? Known: 01_clean, 02_profil."]
    """
    told = notebook.metadata.get("crcm", {"after": earlier})
    if not isinstance(told, dict) or set(told) != {"after"} or not isinstance(told["after"], list):
        words = _('the metadata `crcm` should be like {{"after": ["02_customer_profile"]}}, is {told}')
        return earlier, [words.format(told=told)]
    problems = [
        unknown_name(_("earlier notebook"), name, earlier) for name in told["after"] if name not in earlier
    ]
    return told["after"], problems


def follow(direct: dict[str, list[str]]) -> After:
    """Return all that each notebook comes after: what it names, what those come after, and the first.

    Examples
    --------
    >>> found = follow({"01": [], "02": [], "03": ["02"], "04": ["01"], "05": ["03"]})
    >>> {name: sorted(found[name]) for name in ("02", "04", "05")}
    {'02': ['01'], '04': ['01'], '05': ['01', '02', '03']}
    """
    found: After = {}
    for name in sorted(direct):
        named = {*direct[name], *list(found)[:1]}
        found[name] = frozenset(named.union(*(found[each] for each in named)))
    return found


def put_in_order(after: After) -> list[str]:
    """List the notebooks, first those for which most others wait; so none stands before what it comes after.

    Examples
    --------
    >>> put_in_order({"01": set(), "02": {"01"}, "03": {"01"}, "04": {"01", "03"}})
    ['01', '03', '02', '04']
    """
    waiting = Counter(earlier for names in after.values() for earlier in names)
    return sorted(after, key=lambda name: (-waiting[name], name))


def next_to_start(after: After, begun: list[str]) -> list[str]:
    """List the notebooks that will begin next, as many as there are places: those waiting for fewest others.

    Examples
    --------
    >>> next_to_start({"01": set(), "02": {"01"}, "03": {"01", "02"}}, ["01"])[0]
    '02'
    """
    queue = [name for name in put_in_order(after) if name not in begun]
    return sorted(queue, key=lambda name: len(after[name] - {*begun}))[: count_places()]


def execute_in_order(after: After, begin: Callable[[str], Future]) -> Iterator[tuple[str, object]]:
    """Begin every notebook as soon as it may; yield name and result as each ends.

    What is yielded counts as done when the next one is asked for. A failure is raised at once, that of the
    lowest notebook if two are found together; what else is at work is left for the caller to stop.
    """
    queue, done, running = put_in_order(after), set(), {}
    while queue or running:
        ready = [name for name in queue if after[name] <= done][: count_places() - len(running)]
        for name in ready:
            queue.remove(name)
            running[begin(name)] = name
        ended = wait(running, return_when=FIRST_COMPLETED).done
        for future in sorted(ended, key=lambda each: (each.exception() is not None, running[each])):
            name = running.pop(future)
            yield name, future.result()
            done.add(name)
