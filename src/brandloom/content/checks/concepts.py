"""Finding the words of a vocabulary in a text: as written, with fillers inside, and spelled by sound."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.normalise import HAN, Folded, Reading
from brandloom.content.checks.openings import openings

_SPACES = str.maketrans({"-": " ", "\n": " ", "\t": " ", "\u2019": "'", "\u2010": " ", "\u2011": " "})
_SPACED = re.compile("[-\n\t\u2019\u2010\u2011]")
_LATIN = re.compile("[a-z]+")
_STANDS = re.compile("[\ue000-\uefff]")
"""Characters that stand for a sound."""


_REACH = 400
"""Characters that a pattern may span: without an end, each of its starts would read all the rest of a text."""


class Token(NamedTuple):
    """A word of the vocabulary in a text: its concept, its place in the folded text, and itself."""

    name: str
    start: int
    end: int
    word: str
    disguised: bool = False


@dataclass(frozen=True)
class _Entry:
    """A word of the vocabulary and its concepts; `is_latin` when a letter stands at one of its ends, which then must end a word."""

    word: str
    names: tuple[str, ...]
    is_open: bool = False
    is_latin: bool = False
    sound: str = ""


class Lexicon:
    """Concepts and the words and patterns that stand for them.

    Words and patterns are looked up by their first two characters, so a text costs one look at each of its places however many there are.

    Args:
        words: concept -> words, folded; an English word matches whole unless it ends in `*`.
        patterns: concept -> regular expressions on folded text.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], patterns: Mapping[str, Iterable[str]]) -> None:
        named: dict[str, set[str]] = defaultdict(set)
        for name, group in words.items():
            for word in group:
                named[word].add(name)
        self._words: dict[str, _Entry] = {}
        self._sounds: dict[str, list[_Entry]] = defaultdict(list)
        lengths: dict[str, set[int]] = defaultdict(set)
        for word, names in named.items():
            plain = word.removesuffix("*")
            both = (*(self._words[plain].names if plain in self._words else ()), *sorted(names))
            self._words[plain] = _Entry(plain, both, word.endswith("*"), _latin(plain[0]) or _latin(plain[-1]))
            lengths[plain[:2]].add(len(plain))
            if len(plain) > 1 and not plain.isascii():
                # Swapped characters count in words of three and more, pinyin in words of two as well.
                sound = plain.translate(_sounds())
                self._sounds[sound[:3]].append(_Entry(plain, both, sound=sound))
        self._lengths = {pair: tuple(sorted(found)) for pair, found in lengths.items() if len(pair) == 2}
        self._single = frozenset(word for word in self._words if len(word) == 1)
        self._patterns = [(name, re.compile(body, re.IGNORECASE)) for name, bodies in patterns.items() for body in bodies]
        self._openings: dict[str, list[int]] = defaultdict(list)
        for number, (_name, pattern) in enumerate(self._patterns):
            for opening in openings(pattern.pattern):
                self._openings[opening].append(number)
        self._pairs = _Runs(self._lengths, 2)
        self._opening_pairs = _Runs((opening for opening in self._openings if len(opening) == 2), 2)
        self._sound_triples = _Runs((sound for sound in self._sounds if len(sound) == 3), 3)
        self._initials = frozenset(opening for opening in self._openings if len(opening) == 1)
        self._anywhere = self._openings.pop("", [])
        self._weights = Counter(name for names in named.values() for name in names)
        self._weights.update(self._patterns[number][0] for numbers in self._openings.values() for number in numbers)

    def find(self, reading: Reading) -> list[Token]:
        """Every word and every pattern in every spelling; places are those of `reading.text`."""
        found = self.find_words(reading)
        if self._patterns:
            found += self._match(reading.text)
            for low, high in reading.changed:
                found += _disguised(reading.text, reading.bare, low, self._match(reading.bare.text[low:high]))
        return found

    def find_plain(self, reading: Reading) -> list[Token]:
        """Every word and every pattern as it is written."""
        return [*self._walk(reading.text), *self._match(reading.text)]

    def find_words(self, reading: Reading) -> list[Token]:
        """Every word in every spelling, shorter ones inside longer ones too; places are those of `reading.text`."""
        found = list(self._walk(reading.text))
        for low, high in reading.changed:
            found += _disguised(reading.text, reading.bare, low, self._walk(reading.bare.text[low:high]))
        if not reading.text.isascii():
            found += self._by_sound(reading)
        return found

    def weight(self, name: str) -> int:
        """How many ways there are to begin a concept: the fewer, the rarer it is in a text."""
        return self._weights[name]

    def _walk(self, text: str) -> Iterator[Token]:
        text = spaced(text)
        words, lengths, size = self._words, self._lengths, len(text)
        spots = [(start, start + length) for start, pair in self._pairs.find(text) for length in lengths[pair]]
        spots += [match.span() for character in self._single.intersection(text) for match in re.finditer(re.escape(character), text)]
        for start, end in spots:
            entry = words.get(text[start:end])
            if entry is not None and end <= size and (not entry.is_latin or _whole(text, start, end, entry.is_open)):
                for name in entry.names:
                    yield Token(name, start, end, entry.word)

    def _match(self, text: str) -> Iterator[Token]:
        """Where patterns match: each is tried where its first two characters stand, and goes on behind its last match."""
        places: dict[int, list[int]] = {number: list(range(len(text))) for number in self._anywhere}
        index = self._openings
        for start, pair in self._opening_pairs.find(text):
            for number in index[pair]:
                places.setdefault(number, []).append(start)
        for character in self._initials.intersection(text):
            for match in re.finditer(re.escape(character), text):
                for number in index[character]:
                    places.setdefault(number, []).append(match.start())
        for number, starts in places.items():
            name, pattern = self._patterns[number]
            last = 0
            for start in sorted(starts):
                if start >= last and (found := pattern.match(text, start, start + _REACH)) and found.end() > start:
                    yield Token(name, start, last := found.end(), found.group())

    def _by_sound(self, reading: Reading) -> Iterator[Token]:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        bare, index = reading.bare, self._sounds
        heard = _spell_out(bare.text)
        sounds = heard.text.translate(_sounds())
        looks = self._sound_triples.find(sounds)
        if heard.text != bare.text:
            looks += [(start, sounds[start:start + 2]) for match in _STANDS.finditer(heard.text) for start in (match.start() - 1, match.start())
                      if start >= 0 and sounds[start:start + 2] in index]
        for start, key in looks:
            for entry in index[key]:
                end = start + len(entry.word)
                if heard.text[start:end] != entry.word and sounds[start:end] == entry.sound and _genuine(entry.word, start, heard, bare.text):
                    low, high = heard.source_span(start, end)
                    first, last = bare.source_span(low, _syllable_end(bare.text, high - 1))
                    for name in entry.names:
                        yield Token(name, first, last, entry.word, True)


class _Runs:
    """Runs of two or three characters that are looked for, as one sorted array of numbers: a text is searched for all of them at once."""

    def __init__(self, runs: Iterable[str], size: int) -> None:
        numbered = sorted((int(_codes(run, size)[0]), run) for run in runs)
        self._size = size
        self._numbers = np.array([number for number, _run in numbered], dtype=np.uint64)
        self._runs = [run for _number, run in numbered]

    def find(self, text: str) -> list[tuple[int, str]]:
        """Every place at which one of them stands, from left to right."""
        codes = _codes(text, self._size)
        if not len(codes) or not self._runs:
            return []
        near = np.searchsorted(self._numbers, codes)
        near[near == len(self._runs)] = 0
        places = np.flatnonzero(self._numbers[near] == codes)
        return [(place, self._runs[at]) for place, at in zip(places.tolist(), near[places].tolist(), strict=True)]


@lru_cache(maxsize=256)
def _codes(text: str, size: int) -> npt.NDArray[np.uint64]:
    """The runs of so many characters of a text as numbers; kept, since every vocabulary asks for them."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    pairs = points[:-1] << np.uint64(21) | points[1:]
    return pairs if size == 2 else pairs[:-1] << np.uint64(21) | points[2:]


def spaced(text: str) -> str:
    """The text with hyphens and line ends as spaces, one for one, which is how words are kept."""
    return text.translate(_SPACES) if _SPACED.search(text) else text


def _whole(text: str, start: int, end: int, is_open: bool) -> bool:
    """Whether a Latin word stands alone; Chinese has no such thing."""
    if _latin(text[start]) and start and _latin(text[start - 1]):
        return False
    if is_open or end >= len(text) or not _latin(text[end - 1]):
        return True
    # "won" is not in "won't".
    return not _latin(text[end]) and not text.startswith("'t", end)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _disguised(text: str, bare: Folded, offset: int, tokens: Iterable[Token]) -> Iterator[Token]:
    """Those of the tokens of a stretch of the bare text that the text itself does not show."""
    for token in tokens:
        start, end = bare.source_span(token.start + offset, token.end + offset)
        if text[start:end] != token.word:
            yield Token(token.name, start, end, token.word, True)


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
    return Folded("".join([*pieces, text[last:]]), [*origin, *range(last, len(text))] if last else range(len(text)))


def _syllable_end(text: str, place: int) -> int:
    """One past a character, or past the syllable that begins there."""
    found = _syllables().match(text, place)
    return found.end() if found else place + 1


def _genuine(word: str, start: int, heard: Folded, text: str) -> bool:
    """Whether a run of sounds is meant as the word: some characters swapped, the others its own."""
    same = swapped = latin = 0
    for place, letter in enumerate(word, start):
        if heard.text[place] == letter:
            same += 1
        elif "a" <= text[heard.origin[place]] <= "z":
            latin += 1
        else:
            swapped += 1
    if swapped:
        # Two characters that sound alike are everywhere in honest text; three with half of them right are not.
        return len(word) >= 3 and same + latin >= 1 and same * 2 >= len(word) - 1 and swapped <= len(word) // 2
    return same > 0 or latin >= 2


@cache
def _sounds() -> dict[int, str]:
    """Character -> the character that stands for its sound."""
    return {ord(character): stand for stand, row in _rows() for character in row["characters"]}


@cache
def _sound_of() -> dict[str, str]:
    return {row["sound"]: stand for stand, row in _rows()}


def _rows() -> Sequence[tuple[str, dict[str, str]]]:
    lines = files("brandloom.content").joinpath("data", "homophones.zh.tsv").read_text("utf-8").splitlines()
    return [(chr(0xE000 + number), row) for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))]


@cache
def _syllables() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_sound_of(), key=lambda name: -len(name))))


@cache
def _runs() -> re.Pattern[str]:
    syllables = f"(?:{_syllables().pattern})+"
    run = rf"{syllables}(?: {syllables})*"
    return re.compile(rf"(?<![a-z0-9]){run}(?= ?[{HAN}])|(?<=[{HAN}]){run}(?![a-z0-9])")
