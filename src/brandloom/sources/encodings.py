"""Which encoding a text file is in, decided by strictly decoding all of it, and rewriting it as UTF-8."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase, RawIOBase
from pathlib import Path

from brandloom.errors import DataError
from brandloom.i18n import _

CHUNK = 1 << 17  # fits the processor's cache, which halves the time
FIRST_PIECE = 1 << 20  # more than a heading may have
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Content:
    """What one reading of a whole file tells."""

    sha256: str
    utf8: bool
    """Every byte is UTF-8 text, without a NUL."""


def find_encoding(stream: BufferedIOBase, file: str) -> str:
    """The encoding of a byte stream that can be rewound.

    A byte-order mark decides. Else UTF-8 if every byte fits it; else GB18030 if every byte fits and the characters are the
    ones Chinese is written with (accented Latin letters happen to form rare GB18030 characters); else Windows-1252.

    Raises:
        DataError: none fits, or the bytes are no text at all.
    """
    head = stream.read(4)
    named = next((name for mark, name in BOMS if head.startswith(mark)), "")
    if _fits(stream, named or "utf-8"):
        return named or "utf-8"
    if not named:
        if _fits(stream, "gb18030") and _looks_chinese(stream):
            return "gb18030"
        if _fits(stream, "cp1252"):
            return "cp1252"
    raise DataError(_("{file} is not text in UTF-8, UTF-16, GB18030 or Windows-1252. Save it as CSV in UTF-8."), file=file)


def examine(path: Path) -> Content:
    """Hash a file and see whether it is UTF-8: both in one reading, which costs as much as either."""
    digest, text = hashlib.sha256(), _Text("utf-8")
    with path.open("rb", buffering=0) as file:
        for piece in _pieces(file):
            digest.update(piece)
            text.take(piece)
    return Content(digest.hexdigest(), text.ends_well())


def first_guess(path: Path) -> str | None:
    """'utf-8' or 'utf-8-sig' where the first piece of a file is that, as of nearly every file is; None: all of it must be read to know."""
    with path.open("rb") as file:
        head = file.read(FIRST_PIECE)
    text = _Text("utf-8")
    text.take(head)
    return None if text.broken else "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def transcode(stream: BufferedIOBase, encoding: str, target: Path) -> None:
    """Rewrite a stream as UTF-8 without a byte-order mark."""
    with target.open("w", encoding="utf-8", newline="") as file:
        for text in _decode(stream, encoding):
            file.write(text)


def _fits(stream: BufferedIOBase, encoding: str) -> bool:
    """Whether every byte decodes, and no NUL is among the characters."""
    text = _Text(encoding)
    stream.seek(0)
    for piece in _pieces(stream):
        text.take(piece)
        if text.broken:
            return False
    return text.ends_well()


def _pieces(stream: RawIOBase | BufferedIOBase) -> Iterator[bytearray]:
    """A stream piece by piece, each good until the next: fresh memory for every piece costs as much as reading it."""
    buffer = bytearray(CHUNK)
    while size := stream.readinto(buffer):
        yield buffer if size == CHUNK else buffer[:size]


class _Text:
    """Decodes pieces strictly until one does not fit or holds a NUL."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._ascii_is_itself = encoding != "utf-16"
        self.broken = False

    def take(self, piece: bytes | bytearray) -> None:
        if self.broken:
            return
        if self._ascii_is_itself and piece.isascii() and not self._decoder.getstate()[0]:  # needs no decoding, and is quickly seen
            self.broken = 0 in piece
        else:
            self._decode(piece)

    def ends_well(self) -> bool:
        """Whether all fitted, up to the last character."""
        if not self.broken:
            self._decode(b"", final=True)
        return not self.broken

    def _decode(self, piece: bytes | bytearray, *, final: bool = False) -> None:
        try:
            self.broken = "\0" in self._decoder.decode(piece, final=final)
        except UnicodeDecodeError:
            self.broken = True


def _looks_chinese(stream: BufferedIOBase) -> bool:
    """Whether most of the non-ASCII characters belong to GB2312, the everyday set."""
    everyday = total = 0
    for text in _decode(stream, "gb18030"):
        odd = [character for character in text if character > "\x7f"]
        total += len(odd)
        everyday += sum(1 for character in odd if _in_gb2312(character))
    return everyday > 0.67 * total


def _in_gb2312(character: str) -> bool:
    try:
        return len(character.encode("gb2312")) == 2
    except UnicodeEncodeError:
        return False


def _decode(stream: BufferedIOBase, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
