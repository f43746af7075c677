"""A search for identifiers that must not be in a report: raw ids, e-mail addresses, phone numbers."""

import html
import re
from collections.abc import Iterable

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
PHONE = re.compile(
    r"(?<![A-Za-z0-9.])(?:\+\d{1,3}[ -]?(?:\(?\d{1,4}\)?[ -]?){2,4}\d{2,4}|1[3-9]\d{9}|0\d{2,3}-\d{7,8})"
    r"(?![A-Za-z0-9]|\.\d)"
)
PICTURE = re.compile(r"data:[\w/+.;=-]+;base64,[A-Za-z0-9+/=]+")
# A run of Latin letters and digits, or one character of another script.
WORD = re.compile(r"[A-Za-z0-9]+|[^\W_]")


def find_identifiers(text: str, ids: Iterable[str]) -> list[str]:
    """Every e-mail address, phone number and raw id that occurs in a text, sorted; pictures are skipped.

    Ids are matched as whole words. Those of up to 3 Latin letters and digits, and numbers of up to 4 digits,
    are not searched: they cannot be distinguished from words and numbers that belong to the report.

    Examples
    --------
    >>> find_identifiers("Call K1042 (客户00123) at +86 10 5555 1234, a.b@example.com.", ["K1042", "00123"])
    ['+86 10 5555 1234', '00123', 'K1042', 'a.b@example.com']
    """
    text = html.unescape(PICTURE.sub(" ", text))
    identifiers = {*EMAIL.findall(text), *PHONE.findall(text)}
    ids_by_words: dict[tuple[str, ...], str] = {}
    lengths: dict[str, set[int]] = {}  # numbers of words of the ids that begin with a word
    for customer in sorted({str(customer) for customer in ids}):
        words = tuple(WORD.findall(customer))
        if words and len(customer) >= _min_length(customer):
            ids_by_words[words] = customer
            lengths.setdefault(words[0], set()).add(len(words))
    words = tuple(WORD.findall(text))
    for place, word in enumerate(words):
        for length in lengths.get(word, ()):
            if words[place : place + length] in ids_by_words:
                identifiers.add(ids_by_words[words[place : place + length]])
    return sorted(identifiers)


def _min_length(customer: str) -> int:
    """The fewest characters with which an id of this script is searched."""
    if not customer.isascii():
        return 2
    return 5 if customer.isdecimal() else 4
