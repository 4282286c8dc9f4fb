"""Which encoding a text file is in, decided by strictly decoding all of it, and rewriting it as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from brandloom.errors import DataError
from brandloom.i18n import _

CHUNK = 1 << 17  # fits the processor's cache, which halves the time
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


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


def transcode(stream: BufferedIOBase, encoding: str, target: Path) -> None:
    """Rewrite a stream as UTF-8 without a byte-order mark."""
    with target.open("w", encoding="utf-8", newline="") as file:
        for text in _decode(stream, encoding):
            file.write(text)


def _fits(stream: BufferedIOBase, encoding: str) -> bool:
    """Whether every byte decodes, and no NUL is among the characters."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    stream.seek(0)
    buffer = bytearray(CHUNK)  # read into again and again: fresh pages for each piece cost as much as reading them
    try:
        while size := stream.readinto(buffer):
            piece = buffer if size == CHUNK else buffer[:size]
            if encoding != "utf-16" and piece.isascii() and not decoder.getstate()[0]:  # stands for itself, and is quickly seen
                if 0 in piece:
                    return False
            elif "\0" in decoder.decode(piece):
                return False
        return "\0" not in decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False


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
