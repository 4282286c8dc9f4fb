"""Chinese by ear: characters and pinyin as what stands for their sound, so that a word spelled with others of the same sound is found."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.normalise import HAN, Folded, points
from brandloom.content.checks.tables import read_table

_FIRST_SOUND = 0xE000
_LATIN = re.compile("[a-z]+")
_STANDS = re.compile("[\ue000-\uefff]")
"""Characters that stand for a sound."""


class Heard(NamedTuple):
    """A text by ear; every field but `source` has one character for each of `text`."""

    source: str
    text: Folded
    """The source with each syllable of pinyin as one character that stands for its sound."""
    sounds: str
    """The same with every character that has a sound so replaced."""

    def pinyin(self) -> list[int]:
        """Places of the syllables of pinyin."""
        return [] if self.text.text == self.source else [match.start() for match in _STANDS.finditer(self.text.text)]

    def means(self, word: str, start: int) -> bool:
        """Whether a run that sounds like a word is a disguise of it: some characters swapped, the others its own."""
        if self.text.text.startswith(word, start):
            return False
        same = swapped = latin = 0
        for place, letter in enumerate(word, start):
            if self.text.text[place] == letter:
                same += 1
            elif "a" <= self.source[self.text.origin[place]] <= "z":
                latin += 1
            else:
                swapped += 1
        if swapped:
            # Two characters that sound alike are everywhere in honest text; three with half of them right are not.
            return len(word) >= 3 and same + latin >= 1 and same * 2 >= len(word) - 1 and swapped <= len(word) // 2
        return same > 0 or latin >= 2

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Place in the source of a stretch of `text`, to the end of the last syllable."""
        low, high = self.text.source_span(start, end)
        found = _syllables().match(self.source, high - 1)
        return low, found.end() if found else high


@lru_cache(maxsize=16)
def hear(text: str) -> Heard:
    """A text without disguises by ear."""
    spelled = _spell_out(text)
    return Heard(text, spelled, sound(spelled.text))


def sound(text: str) -> str:
    """Each character as the one that stands for its sound, those without as they are."""
    codes = points(text)
    heard = _sounds()[codes]
    return np.where(heard, heard, codes).tobytes().decode("utf-32-le", "surrogatepass")


def _spell_out(text: str) -> Folded:
    """Pinyin syllables beside Chinese characters as one character each, which stands for their sound."""
    pieces: list[str] = []
    origin: list[int] = []
    last = 0
    for word in _LATIN.finditer(text):
        run = _runs().match(text, word.start()) if word.start() >= last else None
        if run is None:
            continue
        parts = _syllables().findall(run.group())
        if "".join(parts) != run.group().replace(" ", ""):
            continue
        pieces += [text[last:run.start()], *(_sound_of()[part] for part in parts)]
        origin += range(last, run.start())
        origin += [run.start() + part.start() for part in _syllables().finditer(run.group())]
        last = run.end()
    return Folded("".join([*pieces, text[last:]]), [*origin, *range(last, len(text))]) if last else Folded(text, range(len(text)))


@cache
def _sounds() -> npt.NDArray[np.uint32]:
    """Code of a character -> code of the one that stands for its sound; 0 where it has none."""
    table = np.zeros(0x110000, dtype=np.uint32)
    for number, row in enumerate(read_table("homophones.zh.tsv")):
        table[[ord(character) for character in row["characters"]]] = _FIRST_SOUND + number
    return table


@cache
def _sound_of() -> dict[str, str]:
    """Syllable of pinyin -> the character that stands for it."""
    return {row["sound"]: chr(_FIRST_SOUND + number) for number, row in enumerate(read_table("homophones.zh.tsv"))}


@cache
def _syllables() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_sound_of(), key=lambda name: -len(name))))


@cache
def _runs() -> re.Pattern[str]:
    syllables = f"(?:{_syllables().pattern})+"
    run = rf"{syllables}(?: {syllables})*"
    return re.compile(rf"(?<![a-z0-9]){run}(?= ?[{HAN}])|(?<=[{HAN}]){run}(?![a-z0-9])")
