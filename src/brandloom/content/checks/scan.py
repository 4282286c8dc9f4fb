"""Where the words and patterns of a vocabulary stand in a text, found in a few sweeps however large the vocabulary is.

A `Scanner` finds what `Lexicon` finds, and tests compare the two. Each run of two or three characters of a text is a number, a table says
which numbers begin a word or a pattern, and only there is anything tried. The numbers of a text serve every vocabulary that is looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.concepts import _STANDS, Lexicon, _genuine, _spell_out, _syllable_end, _whole, spaced
from brandloom.content.checks.normalise import Folded, Reading, points
from brandloom.content.checks.tables import read_table

Places = dict[str, list[tuple[int, int]]]
"""Concept -> the stretches of `reading.text` at which it stands, in no order."""
_SLOTS, _SHIFT = 1 << 18, np.uint32(14)
"""Slots of a table: with some thousand beginnings about one run in a hundred is looked at in vain."""
_FIRST, _SECOND, _THIRD = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_Slots = npt.NDArray[np.intp]
_Table = npt.NDArray[np.bool_]


class _Starts(NamedTuple):
    """Where in a text something may begin: a word of two characters, a longer one, a pattern."""

    pairs: Sequence[int]
    heads: Sequence[int]
    openings: Sequence[int]

    def within(self, low: int, high: int) -> _Starts:
        """Those from which two or three characters lie in a stretch."""
        return _Starts(*(found[bisect_left(found, low):bisect_right(found, high - size)]
                         for found, size in zip(self, (2, 3, 2), strict=True)))


class Scanner(Lexicon):
    """A lexicon with tables of how its words and patterns begin.

    Args:
        words, patterns: as for `Lexicon`.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], patterns: Mapping[str, Iterable[str]]) -> None:
        super().__init__(words, patterns)
        self._heads: dict[str, tuple[int, ...]] = {}
        """First three characters -> lengths of the words that begin so."""
        for word in self._words:
            if len(word) > 2:
                self._heads[word[:3]] = tuple(sorted({len(word), *self._heads.get(word[:3], ())}))
        self._pair_table = _table(word for word in self._words if len(word) == 2)
        self._head_table = _table(self._heads)
        self._opening_table = _table(opening for opening in self._openings if len(opening) == 2)
        self._sound_table = _table(sound for sound in self._sounds if len(sound) == 3)
        self._singles, self._initial = _any_of(self._single), _any_of(self._initials)

    def places(self, reading: Reading) -> Places:
        """Every word and every pattern in every spelling."""
        found = self.plain_places(reading)
        if reading.changed:
            self._add_disguised(reading, found)
        if not reading.text.isascii():
            self._add_heard(reading.bare, found)
        return found

    def plain_places(self, reading: Reading) -> Places:
        """Every word and every pattern as it is written."""
        found: Places = defaultdict(list)
        text = reading.text
        starts = self._starts(text)
        for start, end, entry in self._words_in(spaced(text), starts):
            for name in entry.names:
                found[name].append((start, end))
        for start, end, name in self._patterns_in(text, starts):
            found[name].append((start, end))
        return found

    def _starts(self, text: str) -> _Starts:
        pairs, triples = _hashed(spaced(text))
        openings = _hashed(text)[0]
        return _Starts(_taken(self._pair_table, pairs), _taken(self._head_table, triples), _taken(self._opening_table, openings))

    def _words_in(self, text: str, starts: _Starts, low: int = 0) -> Iterator[tuple[int, int, Any]]:
        """Place and entry of the words of a text that begins at `low` of another one, where these may start."""
        words, heads = self._words, self._heads
        spots = [(start - low, start - low + 2) for start in starts.pairs]
        for start in starts.heads:
            start -= low
            spots += [(start, start + length) for length in heads.get(text[start:start + 3], ())]
        if self._singles is not None:
            spots += [match.span() for match in self._singles.finditer(text)]
        for start, end in spots:
            entry = words.get(text[start:end])
            if entry is not None and end <= len(text) and (not entry.is_latin or _whole(text, start, end, entry.is_open)):
                yield low + start, low + end, entry

    def _patterns_in(self, text: str, starts: _Starts, low: int = 0) -> Iterator[tuple[int, int, str]]:
        """Place and concept of the patterns of such a text; each goes on behind its last match."""
        openings = self._openings
        tried: dict[int, list[int]] = {number: list(range(len(text))) for number in self._anywhere}
        for start in starts.openings:
            start -= low
            for number in openings.get(text[start:start + 2], ()):
                tried.setdefault(number, []).append(start)
        if self._initial is not None:
            for match in self._initial.finditer(text):
                for number in openings[match.group()]:
                    tried.setdefault(number, []).append(match.start())
        for number, places in tried.items():
            name, pattern = self._patterns[number]
            match_at, last = pattern.match, 0
            for start in sorted(places):
                if start >= last and (found := match_at(text, start)) and found.end() > start:
                    last = found.end()
                    yield low + start, low + last, name

    def _add_disguised(self, reading: Reading, found: Places) -> None:
        """What stands in the bare text, around what was changed in it, and not in the text itself."""
        text, bare = reading.text, reading.bare
        written, all_starts = spaced(bare.text), self._starts(bare.text)
        for low, high in reading.changed:
            starts = all_starts.within(low, high)
            for start, end, entry in self._words_in(written[low:high], starts, low):
                place = bare.source_span(start, end)
                if text[slice(*place)] != entry.word:
                    for name in entry.names:
                        found[name].append(place)
            for start, end, name in self._patterns_in(bare.text[low:high], starts, low):
                place = bare.source_span(start, end)
                if text[slice(*place)] != bare.text[start:end]:
                    found[name].append(place)

    def _add_heard(self, bare: Folded, found: Places) -> None:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        heard, sounds = _hear(bare.text)
        looks = [(start, sounds[start:start + 3]) for start in _taken(self._sound_table, _hashed(sounds)[1])]
        if heard.text != bare.text:
            looks += [(start, sounds[start:start + 2]) for match in _STANDS.finditer(heard.text) for start in (match.start() - 1, match.start())
                      if start >= 0]
        for start, key in looks:
            for entry in self._sounds.get(key, ()):
                end = start + len(entry.word)
                if heard.text[start:end] != entry.word and sounds[start:end] == entry.sound and _genuine(entry.word, start, heard, bare.text):
                    low, high = heard.source_span(start, end)
                    place = bare.source_span(low, _syllable_end(bare.text, high - 1))
                    for name in entry.names:
                        found[name].append(place)


@lru_cache(maxsize=16)
def _hear(text: str) -> tuple[Folded, str]:
    """The text with pinyin as characters that stand for its sounds, and the same with every character that has a sound so replaced."""
    heard = _spell_out(text)
    codes = points(heard.text)
    sounds = _sounds()[codes]
    return heard, np.where(sounds, sounds, codes).tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _sounds() -> npt.NDArray[np.uint32]:
    """Code of a character -> code of the one that stands for its sound, as in `Lexicon`; 0 where it has none."""
    table = np.zeros(0x110000, dtype=np.uint32)
    for number, row in enumerate(read_table("homophones.zh.tsv")):
        table[[ord(character) for character in row["characters"]]] = 0xE000 + number
    return table


@lru_cache(maxsize=16)
def _hashed(text: str) -> tuple[_Slots, _Slots]:
    """The slot of every run of two and of every run of three characters."""
    codes = points(text)
    pairs = codes[:-1] * _FIRST ^ codes[1:] * _SECOND
    return (pairs >> _SHIFT).astype(np.intp), ((pairs[:-1] ^ codes[2:] * _THIRD) >> _SHIFT).astype(np.intp)


def _table(runs: Iterable[str]) -> _Table:
    """Which slots are taken by runs that are all of two or all of three characters."""
    table = np.zeros(_SLOTS, dtype=np.bool_)
    for run in runs:
        table[_hashed(run)[len(run) - 2]] = True
    return table


def _taken(table: _Table, slots: _Slots) -> list[int]:
    found: list[int] = np.flatnonzero(table[slots]).tolist()
    return found


def _any_of(characters: Iterable[str]) -> re.Pattern[str] | None:
    listed = "".join(map(re.escape, sorted(characters)))
    return re.compile(f"[{listed}]") if listed else None
