"""The check that a file is written in the encoding that its description declares."""

import codecs
import itertools
from pathlib import Path

from crcm_lib.errors import DataError
from crcm_lib.i18n import _

USUAL = ("utf-8", "utf-16", "gb18030", "big5", "shift_jis", "cp1252")
# These turn text into other text: no file is written in them.
NO_ENCODINGS = {"idna", "punycode", "raw_unicode_escape", "raw-unicode-escape", "undefined", "unicode_escape"}
BLOCK = 1 << 20  # bytes
PROOF = 6  # bytes beyond ASCII, as many as three Chinese characters have
ASCII, BEYOND_ASCII = bytes(range(128)), bytes(range(128, 256))


def codec_of(encoding: str) -> str:
    """The codec of an encoding; UTF-8 may begin with a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def describe_encoding(encoding: str) -> str:
    """Say what is wrong with an encoding's name; "" if nothing is.

    >>> print(describe_encoding("utf-9"))
    unknown encoding 'utf-9'. Usual: utf-8, utf-16, gb18030, big5, shift_jis, cp1252.
    >>> describe_encoding("GBK"), describe_encoding("rot13") == ""
    ('', False)
    """
    try:
        codec = codecs.lookup(encoding)
        if codec._is_text_encoding and codec.name.replace("-", "_") not in NO_ENCODINGS:
            return ""
    except (LookupError, ValueError):  # ValueError: a character that no name has
        pass
    problem = _("unknown encoding {encoding!r}. Usual: {usual}.")
    return problem.format(encoding=encoding[:40], usual=", ".join(USUAL))


def describe_delimiter(delimiter: str) -> str:
    """Say what is wrong with a declared delimiter; "" if nothing is, or none is declared.

    >>> [describe_delimiter(mark) for mark in ("", ";", "tab", "whitespace")]
    ['', '', '', '']
    >>> print(describe_delimiter(";;"))
    delimiter: ';;' is none; give one character (no quote, letter, digit or line break), tab or whitespace
    """
    one = len(delimiter) == 1 and delimiter.isprintable() and not delimiter.isalnum() and delimiter != '"'
    if one or delimiter in ("", "\t", "tab", "whitespace"):
        return ""
    problem = _(
        "delimiter: {delimiter!r} is none; give one character (no quote, letter, digit or line break), "
        "tab or whitespace"
    )
    return problem.format(delimiter=delimiter[:20])


def refuse_wrong_encoding(encoding: str, path: Path) -> None:
    """Decode the whole file strictly.

    Raises
    ------
    DataError
        If a byte does not fit, with its line and the encodings that do fit; which of them is right is not
        guessed. If the file proves to be UTF-8 and another encoding is declared. If it holds NUL characters,
        which no text does.
    """
    if described := describe_encoding(encoding):
        raise DataError(f"{path.name}: {described}")
    decoder = codecs.getincrementaldecoder(codec_of(encoding))("strict")
    utf8 = _Utf8Proof(encoding)
    line = 1
    with open(path, "rb") as stream:
        for block in itertools.chain(iter(lambda: stream.read(BLOCK), b""), [b""]):
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                if isinstance(error, UnicodeDecodeError):
                    line += error.object[: error.start].count(b"\n")
                raise DataError(_describe_undecodable(encoding, path, line)) from None
            if "\0" in text:
                line += text[: text.index("\0")].count("\n")
                raise DataError(_describe_nul(path, line))
            utf8.take(block)
            line += block.count(b"\n")
    if utf8.holds():
        problem = _(
            "{file}: is UTF-8, not {encoding}: all of its {count} bytes beyond ASCII fit. "
            "Declare `encoding: utf-8`"
        )
        raise DataError(problem.format(file=path.name, encoding=encoding.upper(), count=utf8.beyond_ascii))


class _Utf8Proof:
    """Whether a file that is declared otherwise is UTF-8: bytes beyond ASCII fit UTF-8 by design only.

    Text in an encoding of one byte hardly ever fits, so that one character is enough; a few characters in an
    encoding of two bytes fit by chance, so that `PROOF` bytes are asked for.
    """

    def __init__(self, encoding: str):
        one_byte = len(BEYOND_ASCII.decode(encoding, "replace")) == len(BEYOND_ASCII)
        self.enough = 1 if one_byte else PROOF
        self.beyond_ascii = 0
        is_unicode = codecs.lookup(encoding).name.startswith(("utf", "cp65001"))
        self.decoder = None if is_unicode else codecs.getincrementaldecoder("utf-8")("strict")

    def take(self, block: bytes) -> None:
        if self.decoder is not None:
            try:
                self.decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                self.decoder = None
            self.beyond_ascii += len(block.translate(None, ASCII))

    def holds(self) -> bool:
        return self.decoder is not None and self.beyond_ascii >= self.enough


def _describe_nul(path: Path, line: int) -> str:
    problem = _(
        "{file}: line {line} holds a NUL character, which no text has; the file is damaged, or UTF-16 "
        "(`encoding: utf-16`)"
    )
    return problem.format(file=path.name, line=line)


def _describe_undecodable(encoding: str, path: Path, line: int) -> str:
    with open(path, "rb") as stream:
        start = stream.read(BLOCK)
    has_mark = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    fitting = [usual for usual in USUAL if _fits(start, usual) and (has_mark or usual != "utf-16")]
    problem = _(
        "{file}: line {line} is not {encoding}. Declare the encoding it was written in (encoding: …); "
        "the file could be read as {fitting}, which does not prove it."
    )
    return problem.format(
        file=path.name,
        line=line,
        encoding=encoding.upper(),
        fitting=", ".join(fitting) or _("none of the usual ones"),
    )


def _fits(block: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(block)
    except UnicodeError:
        return False
    return True
