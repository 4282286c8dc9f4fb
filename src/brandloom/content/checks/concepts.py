"""Finding the words of a vocabulary in a text in one pass: as written, with fillers inside, and spelled by sound."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from brandloom.content.checks.normalise import HARD_STOPS, Reading

_SPACES = str.maketrans({"-": " ", "\n": " ", "\t": " ", "\u2019": "'", "\u2010": " ", "\u2011": " "})
_END = ""
"""Key of a trie node under which the words that end there lie: their concepts, themselves, whether their end is open."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the vocabulary in a text: its concept, its place in the folded text, and itself."""

    name: str
    start: int
    end: int
    word: str
    disguised: bool = False


class Lexicon:
    """Concepts and the words and patterns that stand for them.

    Args:
        words: concept -> words, folded; an English word matches whole unless it ends in `*`.
        patterns: concept -> regular expressions on folded text.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], patterns: Mapping[str, Iterable[str]]) -> None:
        self._root: dict[str, Any] = {}
        self._sounds: dict[str, Any] = {}
        named: dict[str, set[str]] = defaultdict(set)
        for name, group in words.items():
            for word in group:
                named[word].add(name)
        for word, names in named.items():
            plain = word.removesuffix("*")
            _put(self._root, plain, (tuple(sorted(names)), plain, word.endswith("*")))
            sounds = [_sounds().get(character, character) for character in plain]
            if len(plain) > 1 and not plain.isascii() and any(len(sound) > 1 for sound in sounds):
                _put(self._sounds, sounds, (tuple(sorted(names)), plain, False))
        self._patterns = [(name, re.compile(body, re.IGNORECASE)) for name, bodies in patterns.items() for body in bodies]

    def find(self, reading: Reading) -> list[Token]:
        """Every word in every spelling, shorter ones inside longer ones too; places are those of `reading.text`."""
        text = reading.text
        found = [*self._walk(text), *self._match(text)]
        bare = reading.bare
        if bare.text != text:
            seen = {(token.name, token.start) for token in found}
            for token in [*self._walk(bare.text), *self._match(bare.text)]:
                start, end = bare.source_span(token.start, token.end)
                if (token.name, start) not in seen and text[start:end] != token.word and _one_word(text, bare.origin, token):
                    found.append(Token(token.name, start, end, token.word, True))
        if not reading.text.isascii():
            found += self._by_sound(reading)
        return found

    def _walk(self, text: str) -> Iterator[Token]:
        root, text, size = self._root, text.translate(_SPACES), len(text)
        for start, character in enumerate(text):
            node = root.get(character)
            if node is None or (character.isascii() and character.isalnum() and start and _latin(text[start - 1])):
                continue
            place = start + 1
            while node is not None:
                for names, word, is_open in node.get(_END, ()):
                    if is_open or not _latin(text[place - 1]) or place == size or not _latin(text[place]):
                        for name in names:
                            yield Token(name, start, place, word)
                if place == size:
                    break
                node = node.get(text[place])
                place += 1

    def _match(self, text: str) -> Iterator[Token]:
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                if match.end() > match.start():
                    yield Token(name, match.start(), match.end(), match.group())

    def _by_sound(self, reading: Reading) -> Iterator[Token]:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        units = list(_units(reading.bare.text))
        for first, (sound, *_rest) in enumerate(units):
            node = self._sounds.get(sound)
            place = first + 1
            while node is not None:
                for names, word, _is_open in node.get(_END, ()):
                    if _genuine(word, units[first:place], reading.bare.text):
                        start, end = reading.bare.source_span(units[first][1], units[place - 1][2])
                        for name in names:
                            yield Token(name, start, end, word, True)
                if place == len(units):
                    break
                node = node.get(units[place][0])
                place += 1


def _put(root: dict[str, Any], letters: Sequence[str], value: tuple[tuple[str, ...], str, bool]) -> None:
    node = root
    for letter in letters:
        node = node.setdefault(letter, {})
    node.setdefault(_END, []).append(value)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _one_word(text: str, origin: Sequence[int], token: Token) -> bool:
    """Whether the fillers inside a word are a disguise; a comma between two words is none."""
    places = origin[token.start:token.end]
    gaps = [text[one + 1:other] for one, other in zip(places, places[1:], strict=False) if other - one > 1]
    hard = [gap for gap in gaps if HARD_STOPS.intersection(gap)]
    return not hard or len(hard) >= max(2, len(places) // 2)


def _units(text: str) -> Iterator[tuple[str, int, int]]:
    """Sounds of a text with their places: a Chinese character, a pinyin syllable, or any other character as it is."""
    sounds, syllables = _sounds(), _syllables()
    place, size = 0, len(text)
    while place < size:
        character = text[place]
        if "a" <= character <= "z":
            run = syllables.match(text, place)
            if run and (run.end() == size or not _latin(text[run.end()])) and (not place or not _latin(text[place - 1])):
                for part in _SYLLABLE().finditer(run.group()):
                    yield part.group(), place + part.start(), place + part.end()
                place = run.end()
                if place < size and text[place] == " ":
                    place += 1
                continue
            while place < size and _latin(text[place]):
                place += 1
            yield "\0", place - 1, place
            continue
        yield sounds.get(character, character), place, place + 1
        place += 1


def _genuine(word: str, units: Sequence[tuple[str, int, int]], text: str) -> bool:
    """Whether a run of sounds is meant as the word: some letters swapped, the others its own."""
    same = swapped = latin = 0
    for letter, (_sound, start, end) in zip(word, units, strict=True):
        written = text[start:end]
        if written == letter:
            same += 1
        elif written.isascii() and written.isalpha():
            latin += 1
        else:
            swapped += 1
    if not swapped and not latin:
        return False
    if swapped:
        # Two characters that sound alike are everywhere in honest text; three with half of them right are not.
        return len(word) >= 3 and same + latin >= 1 and same * 2 >= len(word) - 1 and swapped <= len(word) // 2
    beside = text[max(0, units[0][1] - 2):units[0][1]] + text[units[-1][2]:units[-1][2] + 2]
    return same > 0 or any("\u4e00" <= character <= "\u9fff" for character in beside)


@cache
def _sounds() -> dict[str, str]:
    lines = files("brandloom.content").joinpath("data", "homophones.zh.tsv").read_text("utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    table: dict[str, str] = {}
    for row in rows:
        for character in row["characters"]:
            table.setdefault(character, row["sound"])
    return table


@cache
def _SYLLABLE() -> re.Pattern[str]:
    names = sorted({sound for sound in _sounds().values() if sound.isalpha()}, key=lambda name: -len(name))
    return re.compile("|".join(names))


@cache
def _syllables() -> re.Pattern[str]:
    return re.compile(f"(?:{_SYLLABLE().pattern})+")
