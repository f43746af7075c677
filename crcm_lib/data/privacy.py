"""What people may see of persons: pseudonyms for ids, no small cells, and a search for what slipped through.

Small cells are hidden by the threshold rule (fewer than `at_least` customers) and the dominance or (n, k)
rule with n = 1 (one customer brings more than `DOMINATES` of the money), then by complementary suppression,
so that a total less what is shown reveals nothing: Hundepool et al. (2012), Statistical Disclosure Control,
Wiley, chapters 4 and 5. In a two-way table a hidden cell follows from the totals if it alone links its row
and its column: Gusfield (1988), SIAM J. Computing 17(3), 552-571. What this does not stop: a reader who knows
sizes from elsewhere, compares two tables that overlap in part, or reasons about why the rule chose a group.
"""

import hmac
import html
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crcm_lib.data.tables import ROOT, About
from crcm_lib.errors import GateError, UsageError
from crcm_lib.language import _

DEMO_KEY = b"crcm demo key: published, for synthetic data, protects nobody"
SHORTEST_KEY = 32  # bytes, the length of the hash: RFC 2104, section 3
DIGITS = 12  # hexadecimal; among a million customers two share a pseudonym with probability 0.002
DOMINATES = 0.8  # of a cell's money
LARGEST_SHARE = "largest_share"


def load_key(about: About) -> bytes:
    """The key that pseudonyms are made with: the published one for synthetic data, else a secret one.

    The secret is the file that the environment variable CRCM_KEY_FILE names, or `.crcm/key` under the
    project's root, made at first use. It is never written to a run: who has only the run cannot undo it.
    """
    if about.synthetic:
        return DEMO_KEY
    if named := os.environ.get("CRCM_KEY_FILE"):
        return _read_key(Path(named))
    path = ROOT / ".crcm" / "key"
    if not path.exists():
        _make_key(path)
    return _read_key(path)


def pseudonyms(ids: Iterable[str], about: About) -> list[str]:
    """One pseudonym per id, in order: equal for equal ids and keys, without the key not to be undone.

    Raises
    ------
    GateError
        If two ids would share a pseudonym.

    Examples
    --------
    >>> demo = About("s", "t", "2025-12-31", "2025-01-01", "CNY", synthetic=True)
    >>> pseudonyms(["00123", "123", "00123"], demo)
    ['C-727C8B7D0FE2', 'C-8D7E9E48FA34', 'C-727C8B7D0FE2']
    """
    key, names = load_key(about), pd.Series(list(ids), dtype="str")
    if gaps := int(names.isna().sum()):
        raise ValueError(f"{gaps} of {len(names)} ids are missing; a missing id has no pseudonym.")
    made = {name: f"C-{keyed_hash(key, name)[:DIGITS].upper()}" for name in names.unique()}
    if shared := len(made) - len(set(made.values())):
        raise GateError(
            _("{count} pseudonym(s) stand for two customers. Use another key (CRCM_KEY_FILE).").format(
                count=shared
            )
        )
    return [made[name] for name in names]


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA-256 (RFC 2104) of `text` in UTF-8, hexadecimal."""
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def hide_small(
    frame: pd.DataFrame,
    *,
    counts: str | Sequence[str] = "customers",
    money: Sequence[str] = (),
    at_least: int = 5,
) -> pd.DataFrame:
    """The table as people may see it: what would tell of a few customers is missing.

    Parameters
    ----------
    frame
        One row per group; groups do not overlap. No total row.
    counts
        The column with the number of customers in the group. Several columns mean a two-way table of counts.
    money
        Every column that tells of the groups' money: a sum first, then its shares, means. If the frame has a
        column `largest_share` (share of that sum that the group's largest customer brings), groups that one
        customer dominates are hidden too; the column itself never comes back.
    at_least
        Groups of 1 to `at_least` - 1 customers are hidden.

    Returns
    -------
    A copy. In a row whose count is hidden every number and date is missing, shares and means too. A total (of
    a two-way table: of a row or column) may be shown beside it if it is at least `at_least` and something of
    what it adds up is shown.

    Examples
    --------
    >>> groups = pd.DataFrame({"customers": [40, 2, 9], "spend": [900.0, 80.0, 200.0]}, index=list("abc"))
    >>> hide_small(groups, money=["spend"])
       customers  spend
    a         40  900.0
    b       <NA>    NaN
    c       <NA>    NaN
    """
    if not isinstance(counts, str):
        return _blank(frame, list(counts), _hide_two_way(frame[list(counts)].to_numpy(), at_least))
    people = frame[counts].fillna(0).to_numpy()
    hidden = _hide_list(people, _small(people, at_least), at_least)
    covered = hidden.copy()
    if money and LARGEST_SHARE in frame:
        share = frame[LARGEST_SHARE].fillna(0).to_numpy()
        covered = _hide_dominated(frame[money[0]].abs().fillna(0).to_numpy(), share, hidden)
    shown = frame.drop(columns=LARGEST_SHARE, errors="ignore")
    numbers = list(shown.select_dtypes(["number", "datetime"]))
    return _blank(_blank(shown, numbers, hidden), list(money), covered)


def say_hidden(frame: pd.DataFrame, shown: pd.DataFrame, *, at_least: int = 5) -> str:
    """A sentence that says how many numbers `hide_small` hid; empty if none."""
    hidden = int((shown.isna() & frame[shown.columns].notna()).to_numpy().sum())
    if not hidden:
        return ""
    return _(
        "{hidden} number(s) are hidden, because they tell of fewer than {at_least} customers or of one "
        "dominating customer, or because others could be computed from them."
    ).format(hidden=f"{hidden:,}", at_least=at_least)


EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(
    r"(?<![A-Za-z0-9.])(?:\+\d{1,3}[ -]?(?:\(?\d{1,4}\)?[ -]?){2,4}\d{2,4}|1[3-9]\d{9}|0\d{2,3}-\d{7,8})"
    r"(?![A-Za-z0-9]|\.\d)"
)
PICTURE = re.compile(r"data:[\w/+.;=-]+;base64,[A-Za-z0-9+/=]+")
WORD = re.compile(r"[A-Za-z0-9]+|[^\W_]")  # a run of letters and digits, or one character of another script


def find_identifiers(text: str, ids: Iterable[str]) -> list[str]:
    """Every e-mail address, phone number and raw id that occurs in a text, sorted; pictures are passed over.

    Ids are found as whole words. Those of up to 3 Latin letters and digits, and numbers of up to 4 digits,
    are not looked for: nobody can tell them from words and numbers that belong to the report.

    Examples
    --------
    >>> find_identifiers("Call K1042 (客户00123) at +86 10 5555 1234, a.b@example.com.", ["K1042", "00123"])
    ['+86 10 5555 1234', '00123', 'K1042', 'a.b@example.com']
    """
    text = html.unescape(PICTURE.sub(" ", text))
    found = {*EMAIL.findall(text), *PHONE.findall(text)}
    wanted: dict[tuple[str, ...], str] = {}
    lengths: dict[str, set[int]] = {}  # of the ids that begin with a word
    for name in sorted({str(name) for name in ids}):
        words = tuple(WORD.findall(name))
        if words and len(name) >= (2 if not name.isascii() else 5 if name.isdecimal() else 4):
            wanted[words] = name
            lengths.setdefault(words[0], set()).add(len(words))
    words = WORD.findall(text)
    for place, word in enumerate(words):
        for length in lengths.get(word, ()):
            if name := wanted.get(tuple(words[place : place + length])):
                found.add(name)
    return sorted(found)


def make_private(folder: str | Path) -> None:
    """Let only the owner in: 0700 for the folder and those in it, 0600 for the files."""
    for path in [Path(folder), *Path(folder).rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def _read_key(path: Path) -> bytes:
    try:
        key, mode = path.read_bytes().strip(), path.stat().st_mode
    except OSError as error:
        raise UsageError(
            _("key file {path}: cannot be read ({why}). Set CRCM_KEY_FILE to a file of your own.").format(
                path=path, why=error.strerror
            )
        ) from None
    if len(key) < SHORTEST_KEY:
        raise UsageError(
            _("key file {path}: {count} bytes; at least {needed} random bytes are needed.").format(
                path=path, count=len(key), needed=SHORTEST_KEY
            )
        )
    if mode & 0o077:
        raise UsageError(_("key file {path}: others can read it. Run chmod 600 on it.").format(path=path))
    return key


def _make_key(path: Path) -> None:
    """Write a new key in one step, so that of two processes at once both read the same."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f"key.{os.getpid()}")
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(SHORTEST_KEY) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _small(people: np.ndarray, at_least: int) -> np.ndarray:
    return (people > 0) & (people < at_least)


def _is_safe(people: np.ndarray, hidden: np.ndarray, at_least: int) -> bool:
    """Given the total, could each hidden group have `at_least` customers? Where all zeros show it has one."""
    least = 0 if (people[hidden] == 0).any() else 1
    return hidden.sum() > 1 and people[hidden].sum() - least * (hidden.sum() - 1) >= at_least


def _hide_list(people: np.ndarray, hidden: np.ndarray, at_least: int) -> np.ndarray:
    """Hide further groups, the smallest first with all their equals, until the total reveals none."""
    if people.sum() < at_least:
        return hidden  # a total as small as this is hidden itself
    while hidden.any() and not hidden.all() and not _is_safe(people, hidden, at_least):
        hidden = _hide_next(people, hidden)
    return hidden


def _hide_next(people: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hide the smallest groups still shown; empty ones only when nothing else is."""
    order = np.where(hidden, np.inf, np.where(people > 0, people, np.finfo(float).max))
    return hidden | (order == order.min())


def _hide_dominated(size: np.ndarray, share: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Hide money that one customer dominates, and more until none dominates all that is hidden together."""
    hidden = hidden | ((share > DOMINATES) & (size > 0))
    while hidden.any() and not hidden.all():
        largest = (size * share)[hidden].max()
        if hidden.sum() > 1 and largest <= DOMINATES * size[hidden].sum():
            break
        hidden = _hide_next(size, hidden)
    return hidden


def _hide_two_way(people: np.ndarray, at_least: int) -> np.ndarray:
    """Hide further cells until no row, no column and no combination of them reveals one."""
    people = np.nan_to_num(people.astype(float))
    hidden, before = _small(people, at_least), None
    while before is None or (hidden != before).any():
        before = hidden.copy()
        for row, line in enumerate(people):
            hidden[row] = _hide_list(line, hidden[row], at_least)
        for column, line in enumerate(people.T):
            hidden[:, column] = _hide_list(line, hidden[:, column], at_least)
        for row, column in _told_by_totals(people, hidden, at_least):
            if not hidden[row].all():
                hidden[row] = _hide_next(people[row], hidden[row])
            elif not hidden[:, column].all():
                hidden[:, column] = _hide_next(people[:, column], hidden[:, column])
    return hidden


def _told_by_totals(people: np.ndarray, hidden: np.ndarray, at_least: int) -> list[tuple[int, int]]:
    """Hidden cells that the totals of rows and columns determine; totals that are too small are not known."""
    rows, columns = np.nonzero(hidden)
    sums = np.vstack(
        [
            np.equal.outer(np.arange(side), place)
            for side, place in zip(hidden.shape, (rows, columns), strict=True)
        ]
    )
    known = np.concatenate([people.sum(axis=1), people.sum(axis=0)]) >= at_least
    sums = sums[known].astype(float)
    told = np.diag(np.linalg.pinv(sums) @ sums) if len(rows) else ()  # 1 where the totals tell all of a cell
    return [(row, column) for row, column, share in zip(rows, columns, told, strict=True) if share > 1 - 1e-9]


def _blank(frame: pd.DataFrame, columns: list[str], mask: np.ndarray) -> pd.DataFrame:
    """A copy with missing values where the mask (per row, or per row and column) holds."""
    blank = {}
    for place, column in enumerate(columns):
        values = frame[column]
        if pd.api.types.is_integer_dtype(values):
            values = values.astype("Int64")
        blank[column] = values.mask(mask if mask.ndim == 1 else mask[:, place])
    return frame.assign(**blank)
