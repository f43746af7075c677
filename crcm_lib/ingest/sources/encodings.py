"""The check that a file is written in the encoding that its description declares."""

import codecs
import itertools
from pathlib import Path

from crcm_lib.errors import DataError
from crcm_lib.i18n import _

USUAL = ("utf-8", "utf-16", "gb18030", "big5", "shift_jis", "cp1252")
BLOCK = 1 << 20  # bytes


def codec_of(encoding: str) -> str:
    """The codec of an encoding; UTF-8 may begin with a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def refuse_wrong_encoding(encoding: str, path: Path) -> None:
    """Decode the whole file strictly.

    Raises
    ------
    DataError
        If a byte does not fit, with its line and the encodings that do fit; which of them is right is not
        guessed.
    """
    try:
        decoder = codecs.getincrementaldecoder(codec_of(encoding))("strict")
    except LookupError:
        problem = _("{file}: unknown encoding {encoding!r}")
        raise DataError(problem.format(file=path.name, encoding=encoding)) from None
    line = 1
    with open(path, "rb") as stream:
        for block in itertools.chain(iter(lambda: stream.read(BLOCK), b""), [b""]):
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                if isinstance(error, UnicodeDecodeError):
                    line += error.object[: error.start].count(b"\n")
                raise DataError(_describe_undecodable(encoding, path, line)) from None
            line += block.count(b"\n")


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
