"""Where the words and patterns of a vocabulary stand in a text, found in a few sweeps however large the vocabulary is.

Each run of two or three characters of a text is a number, a table says which numbers begin a word or a pattern, and only there is anything
tried. The numbers of a text serve every vocabulary that is looked for. Tests compare what is found with a plain search.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.homophones import hear, sound
from brandloom.content.checks.normalise import Folded, Reading, points
from brandloom.content.checks.openings import FIGURES, beginning, needles, openings, shortened

Places = dict[str, list[tuple[int, int]]]
"""Concept -> the stretches of `reading.text` at which it stands, in no order."""
REACH = 400
"""Characters that a pattern may span: without an end, each of its starts would read all the rest of a text."""
_SLOTS, _SHIFT = 1 << 18, np.uint32(14)
"""Slots of a table: with some thousand beginnings about one run in thirty is looked at in vain."""
_FIRST, _SECOND, _THIRD = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_ANYWHERE, _AT_EDGE, _ZERO = 2, 1, np.uint32(ord("0"))
"""What a slot is taken by: something that may begin inside a Latin word, something that may not."""
_SPACED = (("\n", " "), ("\t", " "), ("\u2019", "'"), ("\u2010", " "), ("\u2011", " "))


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


_Begun = tuple[Sequence[int], Mapping[str, _Entry], Sequence[int]]
"""What begins with a run of one to three characters: words of some lengths, and patterns by number."""
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
        entries, began, taken = _entries(words), defaultdict[str, list[int]](list), defaultdict[str, int](int)
        self._weights = Counter(name for entry in entries.values() for name in entry.names)
        for number, (names, pattern, _needles) in enumerate(self._patterns):
            found = openings(pattern.pattern)
            self._weights.update(names * len(found))
            for opening, at_edge in found.items():
                began[spaced(opening)].append(number)
                taken[spaced(opening)] |= _AT_EDGE if at_edge else _ANYWHERE
        heads: dict[str, dict[str, _Entry]] = defaultdict(dict)
        self._heard: dict[str, list[tuple[str, _Entry]]] = defaultdict(list)
        for word, entry in entries.items():
            heads[beginning(word)][word] = entry
            taken[beginning(word)] |= _AT_EDGE if _latin(word[0]) else _ANYWHERE
            if len(word) > 1 and not word.isascii():
                # Swapped characters count in words of three and more, pinyin in words of two as well.
                self._heard[sound(word)[:3]].append((sound(word), entry))
        self._anywhere = began.pop("", [])
        taken.pop("", None)
        self._begun: dict[str, _Begun] = {run: (sorted({len(word) for word in heads[run]}), heads[run], began[run]) for run in taken}
        self._table = _table(taken)
        self._heard_table = _table(dict.fromkeys(self._heard, _ANYWHERE))

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
        for start, end, names, _said in self._hits(reading.text, spaced(reading.text)):
            for name in names:
                found[name].append((start, end))
        return found

    def _hits(self, text: str, flat: str) -> list[_Hit]:
        """What stands in a text, of which `flat` is the spaced form."""
        begun, hits = self._begun, list[_Hit]()
        tried: dict[int, list[int]] = {number: list(range(len(text))) for number in self._anywhere}
        sweep = _sweep(flat)
        short, origin = sweep.text, sweep.origin
        spots: list[tuple[int, _Begun]] = []
        for size, places in enumerate(sweep.taken(self._table), 1):
            for place in places:
                key = short[place:place + size]
                if key[0] == "0":
                    # A number may begin at each of its figures.
                    spots += [(start, known) for start in range(origin[place], origin[place + 1])
                              if (known := begun.get(flat[start] + key[1:])) is not None]
                elif (known := begun.get(key)) is not None:
                    spots.append((origin[place], known))
        for start, (lengths, words, numbers) in spots:
            for length in lengths:
                entry = words.get(flat[start:start + length])
                if entry is not None and (not entry.is_latin or entry.stands(flat, start)):
                    hits.append((start, start + len(entry.word), entry.names, entry.word))
            for number in numbers:
                if number in tried:
                    tried[number].append(start)
                else:
                    tried[number] = [start]
        for number, places in tried.items():
            self._try(number, text, places, hits)
        return hits

    def _try(self, number: int, text: str, places: list[int], hits: list[_Hit]) -> None:
        """Add what a pattern matches at some places."""
        names, pattern, needed = self._patterns[number]
        # A few places cost less to try than to ask whether the text has what the pattern needs.
        if len(needed) < len(places) and needed and not any(needle in text for needle in needed):
            return
        match_at, last = pattern.match, 0
        places.sort()
        for start in places:
            if start >= last and (found := match_at(text, start, start + REACH)) and (end := found.end()) > start:
                hits.append((start, end, names, text[start:end]))
                last = end

    def _add_disguised(self, reading: Reading, found: Places) -> None:
        """What stands in the bare text, around what was changed in it, and not in the text itself."""
        text, bare = reading.text, reading.bare
        for low, high in reading.changed:
            stretch = bare.text[low:high]
            for start, end, names, said in self._hits(stretch, spaced(stretch)):
                place = bare.source_span(low + start, low + end)
                if text[place[0]:place[1]] != said:
                    for name in names:
                        found[name].append(place)

    def _add_heard(self, bare: Folded, found: Places) -> None:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        heard = hear(bare.text)
        looks = [(start, heard.sounds[start:start + 3]) for start in self._heard_table.take(_triples(heard.sounds)).nonzero()[0].tolist()]
        looks += [(start, heard.sounds[start:start + 2]) for place in heard.pinyin() for start in (place - 1, place) if start >= 0]
        for start, key in looks:
            for sounds, entry in self._heard.get(key, ()):
                if heard.sounds.startswith(sounds, start) and heard.means(entry.word, start):
                    place = bare.source_span(*heard.source_span(start, start + len(sounds)))
                    for name in entry.names:
                        found[name].append(place)


def spaced(text: str) -> str:
    """The text with hyphens and line ends as spaces, one for one, which is how words are kept."""
    text = text.replace("-", " ")
    for sign, plain in _SPACED:
        # Asking whether a sign is there costs a fifth of replacing none.
        if sign in text:
            text = text.replace(sign, plain)
    return text


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


class _Sweep(NamedTuple):
    """A text with every run of figures as one; `origin` tells where each of its characters stood, and at the end where the text ended."""

    text: str
    origin: Sequence[int]
    slots: npt.NDArray[np.intp]
    begins: npt.NDArray[np.uint8] | None
    """What may begin at each slot; None for a text in Chinese, in which there is little that may not."""

    def taken(self, table: npt.NDArray[np.uint8]) -> tuple[list[int], list[int], list[int]]:
        """Where a character, a run of two and one of three may be one that takes a slot."""
        taken = table.take(self.slots)
        found: list[int] = (taken if self.begins is None else taken & self.begins).nonzero()[0].tolist()
        pairs = len(self.text)
        triples = pairs + max(pairs - 1, 0)
        second = bisect_left(found, pairs)
        third = bisect_left(found, triples, second)
        return found[:second], [place - pairs for place in found[second:third]], [place - triples for place in found[third:]]


@lru_cache(maxsize=16)
def _sweep(text: str) -> _Sweep:
    codes, (letters, figures) = points(text), _kinds()
    is_figure = figures.take(codes)
    begins: npt.NDArray[np.uint8] | None = None
    if text.isascii():
        begins = np.full(len(codes), _ANYWHERE | _AT_EDGE, dtype=np.uint8)
        begins[1:][letters.take(codes[:-1])] = _ANYWHERE
        begins[is_figure] = _ANYWHERE | _AT_EDGE
    origin: Sequence[int] = range(len(codes) + 1)
    if is_figure.any():
        kept = ~is_figure
        kept[:1] = True
        kept[1:] |= ~is_figure[:-1]
        origin = [*kept.nonzero()[0].tolist(), len(kept)]
        codes = np.where(is_figure, _ZERO, codes)[kept]
        text, begins = codes.tobytes().decode("utf-32-le", "surrogatepass"), None if begins is None else begins[kept]
    return _Sweep(text, origin, _slots(codes), None if begins is None else np.concatenate((begins, begins[:-1], begins[:-2])))


def _slots(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    """The slot of every character, and behind them those of every run of two and of three."""
    ones = codes * _FIRST
    pairs = ones[:-1] ^ codes[1:] * _SECOND
    slots = np.concatenate((ones, pairs, pairs[:-1] ^ codes[2:] * _THIRD)) >> _SHIFT
    slots[len(codes):] += np.uint32(_SLOTS)
    slots[len(codes) + len(pairs):] += np.uint32(_SLOTS)
    return slots.astype(np.intp)


@cache
def _kinds() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether a character, by its code, is a Latin letter or figure, and whether it is a figure, a Chinese one too."""
    letters, figures = np.zeros((2, 0x110000), dtype=np.bool_)
    letters[[code for code in range(128) if _latin(chr(code))]] = True
    figures[points(FIGURES)] = True
    return letters, figures


def _table(runs: Mapping[str, int]) -> npt.NDArray[np.uint8]:
    """What each slot is taken by, for runs of one to three characters."""
    table = np.zeros(3 * _SLOTS, dtype=np.uint8)
    for size in (1, 2, 3):
        chosen = [run for run in runs if len(run) == size]
        if chosen:
            # Runs side by side as one text: of every so many places, the one at which a run begins.
            slots = _slots(points("".join(map(shortened, chosen))))
            first = sum(len(chosen) * size - shorter for shorter in range(size - 1))
            np.bitwise_or.at(table, slots[first::size][:len(chosen)], [runs[run] for run in chosen])
    return table


@lru_cache(maxsize=4)
def _triples(text: str) -> npt.NDArray[np.intp]:
    """The slot of every run of three."""
    codes = points(text)
    slots: npt.NDArray[np.uint32] = (codes[:-2] * _FIRST ^ codes[1:-1] * _SECOND ^ codes[2:] * _THIRD) >> _SHIFT
    slots += np.uint32(2 * _SLOTS)
    return slots.astype(np.intp)
