"""Is a file written in the encoding that its description declares? Strictly, and before a record is read."""

import codecs
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
        raise DataError(_("{file}: unknown encoding {encoding!r}").format(
            file=path.name, encoding=encoding)) from None  # fmt: skip
    lines = 1
    with open(path, "rb") as stream:
        while True:
            block = stream.read(BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                lines += (
                    error.object[: error.start].count(b"\n") if isinstance(error, UnicodeDecodeError) else 0
                )
                raise DataError(_undecodable(encoding, path, lines)) from None
            if not block:
                return
            lines += block.count(b"\n")


def _undecodable(encoding: str, path: Path, line: int) -> str:
    with open(path, "rb") as stream:
        start = stream.read(BLOCK)
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    fitting = [usual for usual in USUAL if _fits(start, usual) and (marked or usual != "utf-16")]
    return _("{file}: line {line} is not {encoding}. Declare the encoding it was written in (encoding: …); "
             "the file could be read as {fitting}, which does not prove it.").format(
        file=path.name, line=line, encoding=encoding.upper(),
        fitting=", ".join(fitting) or _("none of the usual ones"))  # fmt: skip


def _fits(block: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)("strict").decode(block)
    except UnicodeError:
        return False
    return True
