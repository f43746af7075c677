"""Keyed pseudonyms for customers' ids, and files that only their owner can read."""

import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from crcm_lib.errors import GateError, UsageError
from crcm_lib.i18n import _
from crcm_lib.schema.tables import ROOT, About

DEMO_KEY = b"crcm demo key: published, for synthetic data, protects nobody"
MIN_KEY_LENGTH = 32  # bytes, the length of the hash: RFC 2104, section 3
DIGITS = 12  # hexadecimal; that two of a million customers share a pseudonym has probability 0.002


def load_key(about: About) -> bytes:
    """The key that pseudonyms are made with: the published one for synthetic data, else a secret one.

    The secret is in the file that the environment variable CRCM_KEY_FILE names, or in `.crcm/key` under the
    project's root, which is made at first use. It is never written to a run, so that nobody can compute the
    ids from the run alone.
    """
    if about.synthetic:
        return DEMO_KEY
    path = key_path()
    if not path.exists() and not os.environ.get("CRCM_KEY_FILE"):
        _make_key(path)
    return _read_key(path)


def key_path() -> Path:
    """Where the secret key is, or would be."""
    return Path(os.environ.get("CRCM_KEY_FILE") or ROOT / ".crcm" / "key")


def find_present_key() -> bytes | None:
    """The secret key, if there is one; none is made."""
    path = key_path()
    return _read_key(path) if path.exists() or os.environ.get("CRCM_KEY_FILE") else None


def name_key(key: bytes) -> str:
    """What tells a key from another, but not the key."""
    return keyed_hash(key, "with which key")[:DIGITS]


def pseudonymise(ids: Iterable[str], about: About) -> list[str]:
    """One pseudonym per id, in order: equal for equal ids and keys, and not reversible without the key.

    Raises
    ------
    GateError
        If two ids would share a pseudonym.

    Examples
    --------
    >>> demo = About("s", "t", "2025-12-31", "2025-01-01", "CNY", synthetic=True)
    >>> pseudonymise(["00123", "123", "00123"], demo)
    ['C-727C8B7D0FE2', 'C-8D7E9E48FA34', 'C-727C8B7D0FE2']
    """
    key, customers = load_key(about), pd.Series(list(ids), dtype="str")
    if gaps := int(customers.isna().sum()):
        raise ValueError(f"{gaps} of {len(customers)} ids are missing; a missing id has no pseudonym.")
    pseudonyms = {id_: make_pseudonym(key, id_) for id_ in customers.unique()}
    if shared := len(pseudonyms) - len(set(pseudonyms.values())):
        problem = _("{count} pseudonym(s) stand for two customers. Use another key (CRCM_KEY_FILE).")
        raise GateError(problem.format(count=shared))
    return [pseudonyms[id_] for id_ in customers]


def make_pseudonym(key: bytes, id_: str) -> str:
    """The pseudonym of one id under a key."""
    return f"C-{keyed_hash(key, id_)[:DIGITS].upper()}"


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA-256 (RFC 2104) of `text` in UTF-8, hexadecimal."""
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def draw_shares(ids: Iterable[str], purpose: str, about: About) -> np.ndarray:
    """A number in [0, 1) for each id that depends on the id, the purpose and the key alone.

    >>> demo = About("s", "t", "2025-12-31", "2025-01-01", "CNY", synthetic=True)
    >>> one, again, other = draw_shares(["a", "a", "b"], "holdout", demo).tolist()
    >>> one == again != other
    True
    """
    key = load_key(about)
    words = (keyed_hash(key, f"{purpose}\0{id_}") for id_ in ids)
    return np.array([int(word[:12], 16) / 16**12 for word in words], dtype=float)


def make_private(folder: str | Path) -> None:
    """Give access to the owner only: mode 0700 for the folder and those in it, 0600 for the files."""
    for path in [Path(folder), *Path(folder).rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _read_key(path: Path) -> bytes:
    try:
        key, mode = path.read_bytes().strip(), path.stat().st_mode
    except OSError as error:
        problem = _("key file {path}: cannot be read ({why}). Set CRCM_KEY_FILE to a file of your own.")
        raise UsageError(problem.format(path=path, why=error.strerror)) from None
    if len(key) < MIN_KEY_LENGTH:
        problem = _("key file {path}: {count} bytes; at least {needed} random bytes are needed.")
        raise UsageError(problem.format(path=path, count=len(key), needed=MIN_KEY_LENGTH))
    if mode & 0o077:
        raise UsageError(_("key file {path}: others can read it. Run chmod 600 on it.").format(path=path))
    return key


def _make_key(path: Path) -> None:
    """Write a new key in one step, so that of two processes at once both read the same."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f"key.{os.getpid()}")
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(MIN_KEY_LENGTH) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
