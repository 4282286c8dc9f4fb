"""Where the words and patterns of a vocabulary stand in a text, found in a few sweeps however large the vocabulary is.

Each run of two or three characters of a text is a number, a table says which numbers begin a word or a pattern, and only there is anything
tried. The numbers of a text serve every vocabulary that is looked for. Tests compare what is found with a plain search.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.homophones import hear, sound
from brandloom.content.checks.normalise import Folded, Reading, points
from brandloom.content.checks.openings import needles, openings

Places = dict[str, list[tuple[int, int]]]
"""Concept -> the stretches of `reading.text` at which it stands, in no order."""
REACH = 400
"""Characters that a pattern may span: without an end, each of its starts would read all the rest of a text."""
_SLOTS, _SHIFT = 1 << 18, np.uint32(14)
"""Slots of a table: with some thousand beginnings about one run in a hundred is looked at in vain."""
_FIRST, _SECOND, _THIRD = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SPACES = str.maketrans({"-": " ", "\n": " ", "\t": " ", "\u2019": "'", "\u2010": " ", "\u2011": " "})
_SPACED = re.compile("[-\n\t\u2019\u2010\u2011]")


class _Entry(NamedTuple):
    """A word of the vocabulary and its concepts; `is_latin` when a letter stands at one of its ends, which then must end a word."""

    word: str
    names: tuple[str, ...]
    is_open: bool
    is_latin: bool

    def stands(self, text: str, start: int) -> bool:
        """Whether it stands alone there, if it is Latin; Chinese has no such thing."""
        end = start + len(self.word)
        if _latin(text[start]) and start and _latin(text[start - 1]):
            return False
        if self.is_open or end >= len(text) or not _latin(text[end - 1]):
            return True
        # "won" is not in "won't".
        return not _latin(text[end]) and not text.startswith("'t", end)


class _Start(NamedTuple):
    """What begins with a run of one or two characters: the word that is all of it, and patterns by number."""

    entry: _Entry | None
    numbers: Sequence[int]


_Hit = tuple[int, int, Sequence[str], str]
"""Start and end of a word or a pattern in a text, its concepts, and itself."""


class Scanner:
    """Concepts and the words and patterns that stand for them.

    Args:
        words: concept -> words, folded; an English word matches whole unless it ends in `*`.
        patterns: concept -> regular expressions on folded text, each read for `REACH` characters from where it begins.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], patterns: Mapping[str, Iterable[str]]) -> None:
        self._patterns = [((name,), re.compile(body, re.IGNORECASE), needles(body)) for name, bodies in patterns.items() for body in bodies]
        began: dict[str, list[int]] = defaultdict(list)
        for number, (_names, pattern, _needles) in enumerate(self._patterns):
            for opening in openings(pattern.pattern):
                began[spaced(opening)].append(number)
        entries = _entries(words)
        self._anywhere = began.pop("", [])
        self._starts = {run: _Start(entries.get(run), began.get(run, ())) for run in {*began, *(word for word in entries if len(word) < 3)}}
        self._heads: dict[str, list[_Entry]] = defaultdict(list)
        self._heard: dict[str, list[tuple[str, _Entry]]] = defaultdict(list)
        for word, entry in entries.items():
            if len(word) > 2:
                self._heads[word[:3]].append(entry)
            if len(word) > 1 and not word.isascii():
                # Swapped characters count in words of three and more, pinyin in words of two as well.
                self._heard[sound(word)[:3]].append((sound(word), entry))
        self._weights = Counter(name for entry in entries.values() for name in entry.names)
        self._weights.update(name for numbers in began.values() for number in numbers for name in self._patterns[number][0])
        self._table, self._heard_table = _table([*self._starts, *self._heads]), _table(self._heard)
        self._single = _any_of(run for run in self._starts if len(run) == 1)

    def weight(self, name: str) -> int:
        """How many ways there are to begin a concept: the fewer, the rarer it is in a text."""
        return self._weights[name]

    def places(self, reading: Reading) -> Places:
        """Every word and every pattern in every spelling, shorter words inside longer ones too."""
        found = self.plain_places(reading)
        if reading.changed:
            self._add_disguised(reading, found)
        if not reading.text.isascii():
            self._add_heard(reading.bare, found)
        return found

    def plain_places(self, reading: Reading) -> Places:
        """Every word and every pattern as it is written."""
        found: Places = defaultdict(list)
        for start, end, names, _said in self._hits(reading.text, *_taken(self._table, spaced(reading.text))):
            for name in names:
                found[name].append((start, end))
        return found

    def _hits(self, text: str, pairs: Sequence[int], heads: Sequence[int], low: int = 0) -> list[_Hit]:
        """What stands in a text that begins at `low` of another one, whose runs of two and of three characters may begin something there."""
        flat, known, hits = spaced(text), self._starts, list[_Hit]()
        tried: dict[int, list[int]] = defaultdict(list)
        for number in self._anywhere:
            tried[number] += range(len(text))
        spots = [(start - low, flat[start - low:start - low + 2]) for start in pairs]
        if self._single is not None:
            spots += [(match.start(), match.group()) for match in self._single.finditer(flat)]
        for start, run in spots:
            if run in known:
                entry, numbers = known[run]
                if entry is not None and (not entry.is_latin or entry.stands(flat, start)):
                    hits.append((start, start + len(run), entry.names, run))
                for number in numbers:
                    tried[number].append(start)
        for start in heads:
            start -= low
            for entry in self._heads.get(flat[start:start + 3], ()):
                if flat.startswith(entry.word, start) and (not entry.is_latin or entry.stands(flat, start)):
                    hits.append((start, start + len(entry.word), entry.names, entry.word))
        for number, places in tried.items():
            names, pattern, needed = self._patterns[number]
            # A few places cost less to try than to ask whether the text has what the pattern needs.
            if len(needed) < len(places) and needed and not any(needle in text for needle in needed):
                continue
            match_at, last = pattern.match, 0
            for start in sorted(places):
                if start >= last and (found := match_at(text, start, start + REACH)) and (end := found.end()) > start:
                    hits.append((start, end, names, text[start:end]))
                    last = end
        return hits

    def _add_disguised(self, reading: Reading, found: Places) -> None:
        """What stands in the bare text, around what was changed in it, and not in the text itself."""
        text, bare = reading.text, reading.bare
        pairs, heads = _taken(self._table, spaced(bare.text))
        for low, high in reading.changed:
            for start, end, names, said in self._hits(bare.text[low:high], _within(pairs, low, high - 2), _within(heads, low, high - 3), low):
                place = bare.source_span(low + start, low + end)
                if text[place[0]:place[1]] != said:
                    for name in names:
                        found[name].append(place)

    def _add_heard(self, bare: Folded, found: Places) -> None:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        heard = hear(bare.text)
        looks = [(start, heard.sounds[start:start + 3]) for start in _taken(self._heard_table, heard.sounds)[1]]
        looks += [(start, heard.sounds[start:start + 2]) for place in heard.pinyin() for start in (place - 1, place) if start >= 0]
        for start, key in looks:
            for sounds, entry in self._heard.get(key, ()):
                if heard.sounds.startswith(sounds, start) and heard.means(entry.word, start):
                    place = bare.source_span(*heard.source_span(start, start + len(sounds)))
                    for name in entry.names:
                        found[name].append(place)


def spaced(text: str) -> str:
    """The text with hyphens and line ends as spaces, one for one, which is how words are kept."""
    return text.translate(_SPACES) if _SPACED.search(text) else text


def _entries(words: Mapping[str, Iterable[str]]) -> dict[str, _Entry]:
    named: dict[str, set[str]] = defaultdict(set)
    for name, group in words.items():
        for word in group:
            named[word].add(name)
    entries: dict[str, _Entry] = {}
    for word, names in named.items():
        plain = word.removesuffix("*")
        both = (*(entries[plain].names if plain in entries else ()), *sorted(names))
        entries[plain] = _Entry(plain, both, word.endswith("*"), _latin(plain[0]) or _latin(plain[-1]))
    return entries


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


@lru_cache(maxsize=16)
def _slots(text: str) -> npt.NDArray[np.intp]:
    """The slot of every run of two characters, and behind them that of every run of three."""
    codes = points(text)
    pairs = codes[:-1] * _FIRST ^ codes[1:] * _SECOND
    triples = pairs[:-1] ^ codes[2:] * _THIRD
    slots = np.concatenate((pairs, triples)) >> _SHIFT
    slots[len(pairs):] += np.uint32(_SLOTS)
    return slots.astype(np.intp)


def _table(runs: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Which slots are taken by runs of two or three characters; shorter ones take none."""
    table = np.zeros(2 * _SLOTS, dtype=np.bool_)
    for run in runs:
        if len(run) > 1:
            table[_slots(run)[-1]] = True
    return table


def _taken(table: npt.NDArray[np.bool_], text: str) -> tuple[list[int], list[int]]:
    """Where in a text a run of two, and where one of three characters may be one that takes a slot."""
    found: list[int] = table.take(_slots(text)).nonzero()[0].tolist()
    pairs = max(len(text) - 1, 0)
    middle = bisect_left(found, pairs)
    return found[:middle], [place - pairs for place in found[middle:]]


def _within(places: Sequence[int], low: int, high: int) -> Sequence[int]:
    return places[bisect_left(places, low):bisect_right(places, high)]


def _any_of(characters: Iterable[str]) -> re.Pattern[str] | None:
    listed = "".join(map(re.escape, sorted(characters)))
    return re.compile(f"[{listed}]") if listed else None
