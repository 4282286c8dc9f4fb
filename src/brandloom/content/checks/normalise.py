"""One spelling for what means the same, so that a disguised word is found; every character remembers where it stood."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from opencc import OpenCC

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_FILLER = re.compile(r"[\s.·•・‧∙⋅。_*~|/\\^+=#@&\-—–'\"`()\[\]{}<>☆★♥❤✨🔥]|[\U0001f000-\U0001faff]")


@dataclass(frozen=True)
class Folded:
    """A text in one spelling; `origin[i]` is the place of character i in the text it was made from."""

    text: str
    origin: tuple[int, ...]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        return self.origin[start], self.origin[end - 1] + 1


def strip_invisible(text: str) -> str:
    """Without zero-width and other characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def fold(text: str) -> str:
    """NFKC, no invisible characters, simplified Chinese. Length may change: use it where places do not matter."""
    return _simplify(unicodedata.normalize("NFKC", strip_invisible(text)))


def unmask(text: str) -> Folded:
    """A folded text without the fillers put inside words and with homophones, look-alikes and pinyin spelled out."""
    kept = [(character, place) for place, character in enumerate(text) if not _FILLER.match(character)]
    letters, origin = "".join(c for c, _place in kept), [place for _c, place in kept]
    for pattern, plain in _variants():
        letters, origin = _replace(letters, origin, pattern, plain)
    return Folded(letters, tuple(origin))


def _replace(letters: str, origin: list[int], pattern: re.Pattern[str], plain: str) -> tuple[str, list[int]]:
    out: list[str] = []
    places: list[int] = []
    last = 0
    for match in pattern.finditer(letters):
        start, end = match.span()
        out.append(letters[last:start] + plain)
        # The first letter keeps the first place and the others the last, so that a span covers all that was replaced.
        places += origin[last:start] + [origin[start]] + [origin[end - 1]] * (len(plain) - 1)
        last = end
    return "".join([*out, letters[last:]]), places + origin[last:]


@cache
def _variants() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Disguises by longest first; a pinyin syllable counts only beside a Chinese character."""
    rows = csv.DictReader(files("brandloom.content").joinpath("data", "ad_variants.zh.tsv").read_text("utf-8").splitlines(),
                          delimiter="\t", quoting=csv.QUOTE_NONE)
    pairs = sorted(((row["disguise"], row["plain"]) for row in rows), key=lambda pair: -len(pair[0]))
    return tuple((re.compile(_pattern(disguise), re.IGNORECASE), plain) for disguise, plain in pairs)


def _pattern(disguise: str) -> str:
    word = re.escape(disguise)
    if not disguise.isascii():
        return word
    return rf"(?<![A-Za-z0-9]){word}(?=[{_HAN}])|(?<=[{_HAN}]){word}(?![A-Za-z0-9])"


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


def _simplify(text: str) -> str:
    return text if text.isascii() else _converter().convert(text)
