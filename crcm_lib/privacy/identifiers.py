"""A search for what must not be in a report: raw ids, e-mail addresses, phone numbers."""

import html
import re
from collections.abc import Iterable

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
