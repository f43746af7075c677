"""Every error a user can cause. Anything else that escapes is a bug."""

from difflib import get_close_matches

from crcm_lib.i18n import _


class CrcmError(Exception):
    """Base class, so that the command line catches ours and only ours."""

    exit_code = 2


class UsageError(CrcmError):
    """A parameter or command cannot be carried out as given."""


class PolicyError(CrcmError):
    """The policy file asks for something that cannot be done."""


class DataError(CrcmError):
    """A file, a source description or a table breaks its contract."""

    exit_code = 3


class RunError(CrcmError):
    """A notebook did not finish."""

    exit_code = 4


class LockedError(CrcmError):
    """Another run is writing to the same reports folder."""

    exit_code = 5


class GateError(CrcmError):
    """A gate (privacy, fairness, validity) refused to publish."""

    exit_code = 6


def unknown_name(kind: str, name: str, known) -> str:
    """Say that `name` is unknown, suggest the nearest, and list what is known."""
    near = get_close_matches(name, known, n=1)
    hint = _(" Did you mean {name!r}?").format(name=near[0]) if near else ""
    return _("unknown {kind} {name!r}.{hint} Known: {known}.").format(
        kind=kind, name=name, hint=hint, known=", ".join(sorted(known))
    )


def list_problems(where: str, problems: list[str]) -> str:
    """Put all problems of one file or table under one heading."""
    heading = _("{where}: {count} problem(s)").format(where=where, count=len(problems))
    return "\n".join([heading, *(f"  {problem}" for problem in problems)])
