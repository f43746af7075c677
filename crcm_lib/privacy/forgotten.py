"""The forgotten: customers whose records are set aside whenever they come again, known by keyed hashes only.

The list is a file beside the key of the pseudonyms. Each line names that key and has an HMAC of an id under
it: the list says nothing of anybody, and where its key is lost it is refused and not passed over.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crcm_lib.errors import UsageError
from crcm_lib.i18n import _
from crcm_lib.privacy.pseudonyms import find_present_key, key_path, keyed_hash, name_key

PURPOSE = "forgotten customer"  # so that a line has nothing in common with a pseudonym
LINE = re.compile(r"([0-9a-f]{12}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Forgotten:
    """The hashes of the forgotten, and the key that they were made with."""

    key: bytes = field(repr=False, default=b"")
    hashes: frozenset[str] = frozenset()

    def including(self, ids: Iterable[str]) -> "Forgotten":
        """The same with these customers."""
        return Forgotten(self.key, self.hashes | {self._hash(each) for each in ids})

    def select(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are forgotten, each exactly as in the list."""
        return [each for each in ids if self._hash(each) in self.hashes] if self.hashes else []

    def fingerprint(self) -> str:
        """The SHA-256 of the list, whatever the order of its lines."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def to_text(self) -> str:
        """The list as its file holds it."""
        return "".join(f"{name_key(self.key)} {each}\n" for each in sorted(self.hashes))

    def _hash(self, customer: str) -> str:
        return keyed_hash(self.key, f"{PURPOSE}\n{customer}")


def list_path() -> Path:
    """Where the list is: beside the key, with its name and `.forgotten`."""
    key = key_path()
    return key.with_name(f"{key.name}.forgotten")


def read_forgotten() -> Forgotten:
    """The list, empty where nobody was forgotten.

    Raises
    ------
    UsageError
        If it cannot be read, or its key is lost: who is forgotten could not be known.
    """
    path, key = list_path(), find_present_key()
    if not path.exists():
        return Forgotten(key or b"")
    if key is None:
        problem = _(
            "{path}: the key that this list of forgotten customers was made with is not there; without it "
            "they would come back. Put the key back beside it"
        )
        raise UsageError(problem.format(path=path))
    if path.stat().st_mode & 0o077:
        raise UsageError(_("{path}: others can read it. Run chmod 600 on it.").format(path=path))
    lines = path.read_text("utf-8").splitlines()
    matches = [LINE.fullmatch(line) for line in lines]
    if damaged := [number for number, match in enumerate(matches, 1) if match is None]:
        problem = _("{path}: {count} line(s) are no hash, the first is line {line}. Take it from a backup")
        raise UsageError(problem.format(path=path, count=len(damaged), line=damaged[0]))
    others = [match for match in matches if match and match[1] != name_key(key)]
    if others:
        problem = _(
            "{path}: {count} of {all} forgotten customers were listed with another key; with this one they "
            "would come back. Set CRCM_KEY_FILE to the key that they were listed with"
        )
        raise UsageError(problem.format(path=path, count=len(others), all=len(lines)))
    return Forgotten(key, frozenset(match[2] for match in matches if match))
