"""Where the words and patterns of a vocabulary stand in texts, found in a few sweeps however large the vocabulary is.

Each run of up to eight characters is a number, a table says which numbers are a word or begin a pattern, and only there is anything tried.
Texts are swept side by side, and their numbers serve every vocabulary that is looked for. Tests compare what is found with a plain search.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.homophones import Heard, hear, sound
from brandloom.content.checks.normalise import Reading, points
from brandloom.content.checks.openings import FIGURES, needles, openings

Places = dict[str, list[tuple[int, int]]]
"""Concept -> the stretches of `reading.text` at which it stands, in no order."""
REACH = 400
"""Characters that a pattern may span: without an end, each of its starts would read all the rest of a text."""
_SLOTS, _SHIFT = 1 << 17, np.uint32(15)
"""Slots of a table: with a thousand words of one length about one run in a hundred is looked at in vain."""
_LONGEST = 8
"""Characters by which a longer word is looked for."""
_MIX = np.uint32(0x9E3779B1)
_ANYWHERE, _AT_EDGE, _ZERO = 2, 1, np.uint32(ord("0"))
"""What a slot is taken by: something that may begin inside a Latin word, something that may not."""
_BETWEEN = "\uffff"
"""Stands behind each of the texts that are swept side by side."""
_SPACED = (("\n", " "), ("\t", " "), ("\u2019", "'"), ("\u2010", " "), ("\u2011", " "))

_Numbers = list[npt.NDArray[np.uint32]]
_Taken = npt.NDArray[np.uint8]


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


_Match = tuple[int, int, int, Sequence[str]]
"""Number of a text, start and end of a word or a pattern in it, and its concepts."""
_Hit = tuple[int, int, Sequence[str], str]
"""Start, end and concepts, and the words themselves."""


class Sweep:
    """Texts side by side as numbers, and behind them the stretches in which a disguise was taken off.

    Args:
        readings: the texts; together they take about 50 bytes for each of their characters.
    """

    def __init__(self, readings: Sequence[Reading]) -> None:
        self.readings = readings
        self.stretches = [(number, low, reading.bare.text[low:high]) for number, reading in enumerate(readings) for low, high in reading.changed]
        """Number of the text, place in its bare text, and the stretch of that."""
        self.texts = [*(reading.text for reading in readings), *(stretch for _number, _low, stretch in self.stretches)]
        self.flat = spaced("".join(text + _BETWEEN for text in self.texts))
        self.ends = np.array([*accumulate(len(text) + 1 for text in self.texts)], dtype=np.intp)
        """Where each text ends, what stands behind it counted in."""

    def stop(self, *, plain: bool) -> int:
        """Where the texts end, or the stretches too."""
        last = len(self.readings) if plain else len(self.texts)
        return int(self.ends[last - 1]) if last else 0

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self.flat.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)

    @cached_property
    def begins(self) -> _Taken:
        """What may begin at each place."""
        begins = np.full(len(self._codes), _ANYWHERE | _AT_EDGE, dtype=np.uint8)
        begins[1:][_kinds()[0].take(self._codes[:-1])] = _ANYWHERE
        return begins

    @cached_property
    def runs(self) -> tuple[npt.NDArray[np.uint32], _Taken, npt.NDArray[np.intp]]:
        """Slots of all runs of one character, behind them those of two, and so on; what may begin there; where those of each length begin."""
        numbers = _slots(self._codes, _LONGEST)
        bounds = np.array([0, *accumulate(map(len, numbers))], dtype=np.intp)
        return (np.concatenate([one + np.uint32(size * _SLOTS) for size, one in enumerate(numbers)]),
                np.concatenate([self.begins[:len(one)] for one in numbers]), bounds[:-1])

    @cached_property
    def beginnings(self) -> tuple[_Numbers, list[npt.NDArray[np.int64]], _Taken]:
        """At each place the first one to three characters, with every run of figures behind the first as one: slots, themselves as
        numbers, and what may begin with them."""
        codes = self._codes
        following, begins = [codes[1:], codes[2:]], self.begins
        is_figure = _kinds()[1].take(codes)
        if is_figure.any():
            kept = ~is_figure
            kept[:1] = True
            kept[1:] |= ~is_figure[:-1]
            short, place = np.where(is_figure, _ZERO, codes)[kept], kept.cumsum()
            following = [short[place[place < len(short)]], short[place[place < len(short) - 1] + 1]]
            begins = np.where(is_figure, np.uint8(_ANYWHERE | _AT_EDGE), begins)
        slots, whole = codes * _MIX, codes.astype(np.int64)
        numbers, exact = [slots >> _SHIFT], [whole]
        for then in following:
            slots, whole = (slots[:len(then)] ^ then) * _MIX, whole[:len(then)] << 21 | then
            numbers.append(slots >> _SHIFT)
            exact.append(whole)
        return numbers, exact, begins

    @cached_property
    def heard(self) -> tuple[list[tuple[int, Heard]], npt.NDArray[np.intp], _Numbers]:
        """Texts that are not in Latin letters alone by ear, with their numbers; where each ends among all of them; slots."""
        heard = [(number, hear(reading.bare.text)) for number, reading in enumerate(self.readings) if not reading.text.isascii()]
        ends = np.array([*accumulate(len(one.sounds) + 1 for _number, one in heard)], dtype=np.intp)
        return heard, ends, _slots(points("".join(one.sounds + _BETWEEN for _number, one in heard)), 3)


class _Openings(NamedTuple):
    """Openings of one length, as numbers in their order, and for each the patterns that begin so: those between two bounds of all."""

    openings: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.intp]
    patterns: npt.NDArray[np.intp]
    taken: _Taken

    @classmethod
    def of(cls, size: int, begun: Mapping[str, list[int]], taken: Mapping[str, int]) -> _Openings:
        runs = sorted(run for run in begun if len(run) == size)
        numbers = [sum(ord(letter) << 21 * place for place, letter in enumerate(reversed(run))) for run in runs]
        return cls(np.array(numbers, dtype=np.int64), np.array([0, *accumulate(len(begun[run]) for run in runs)], dtype=np.intp),
                   np.array([pattern for run in runs for pattern in begun[run]], dtype=np.intp), _table(size, [(run, taken[run]) for run in runs]))

    def begin(self, slots: npt.NDArray[np.uint32], exact: npt.NDArray[np.int64], begins: _Taken) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Places at which patterns may begin, and the patterns."""
        places = (self.taken.take(slots) & begins[:len(slots)]).nonzero()[0]
        if not len(places):
            return places, places
        rows = self.openings.searchsorted(exact[places])
        rows[rows == len(self.openings)] = 0
        right = self.openings[rows] == exact[places]
        places, rows = places[right], rows[right]
        counts = self.bounds[rows + 1] - self.bounds[rows]
        firsts = np.repeat(self.bounds[rows] - (counts.cumsum() - counts), counts)
        return np.repeat(places, counts), self.patterns[firsts + np.arange(len(firsts))]


class Scanner:
    """Concepts and the words and patterns that stand for them.

    Args:
        words: concept -> words, folded; an English word matches whole unless it ends in `*`.
        patterns: concept -> regular expressions on folded text, each read for `REACH` characters from where it begins.
    """

    def __init__(self, words: Mapping[str, Iterable[str]], patterns: Mapping[str, Iterable[str]]) -> None:
        self._patterns = [((name,), re.compile(body, re.IGNORECASE), needles(body)) for name, bodies in patterns.items() for body in bodies]
        entries, taken = _entries(words), defaultdict[str, int](int)
        begun, self._heard = defaultdict[str, list[int]](list), defaultdict[str, list[tuple[str, _Entry]]](list)
        self._weights = Counter(name for entry in entries.values() for name in entry.names)
        for number, (names, pattern, _needles) in enumerate(self._patterns):
            found = openings(pattern.pattern)
            self._weights.update(names * len(found))
            for opening, at_edge in found.items():
                begun[spaced(opening)].append(number)
                taken[spaced(opening)] |= _AT_EDGE if at_edge else _ANYWHERE
        self._anywhere = begun.pop("", [])
        taken.pop("", None)
        self._openings = [_Openings.of(size, begun, taken) for size in (1, 2, 3)]
        self._words: dict[str, list[_Entry]] = defaultdict(list)
        for word, entry in entries.items():
            self._words[word[:_LONGEST]].append(entry)
            if len(word) > 1 and not word.isascii():
                # Swapped characters count in words of three and more, pinyin in words of two as well.
                self._heard[sound(word)[:3]].append((sound(word), entry))
        begin = [(run, _AT_EDGE if _latin(run[0]) else _ANYWHERE) for run in self._words]
        self._taken = np.concatenate([_table(size, begin) for size in range(1, _LONGEST + 1)])
        self._heard_table = _table(3, [(sounds, _ANYWHERE) for sounds in self._heard])

    def weight(self, name: str) -> int:
        """How many ways there are to begin a concept: the fewer, the rarer it is in a text."""
        return self._weights[name]

    def places(self, reading: Reading) -> Places:
        """Every word and every pattern in every spelling, shorter words inside longer ones too."""
        return self.all_places(Sweep([reading]))[0]

    def plain_places(self, reading: Reading) -> Places:
        """Every word and every pattern as it is written."""
        return self.all_plain_places(Sweep([reading]))[0]

    def all_places(self, sweep: Sweep) -> list[Places]:
        """The same as `places` for each of the texts."""
        found, hits = self._scan(sweep, sweep.stop(plain=False), None)
        for place, own in hits.items():
            number, low, _stretch = sweep.stretches[place - len(sweep.readings)]
            _add_disguised(sweep.readings[number], low, own, found[number])
        self._add_heard(sweep, found)
        return found

    def all_plain_places(self, sweep: Sweep, wanted: Set[int] | None = None) -> list[Places]:
        """The same as `plain_places` for each of the texts; none for those whose numbers are not wanted."""
        return self._scan(sweep, sweep.stop(plain=True), wanted)[0]

    def _scan(self, sweep: Sweep, stop: int, wanted: Set[int] | None) -> tuple[list[Places], dict[int, list[_Hit]]]:
        """What stands in each text, and number of a stretch -> what stands in it."""
        found: list[Places] = [defaultdict(list) for _reading in sweep.readings]
        hits: dict[int, list[_Hit]] = defaultdict(list)
        for texts, matches in ((None, self._said(sweep, stop, wanted)), (sweep.texts, self._matched(sweep, stop, wanted))):
            for number, start, end, names in matches:
                if number < len(found):
                    places = found[number]
                    for name in names:
                        places[name].append((start, end))
                else:
                    hits[number].append((start, end, names, texts[number][start:end] if texts else spaced(sweep.texts[number])[start:end]))
        return found, hits

    def _said(self, sweep: Sweep, stop: int, wanted: Set[int] | None) -> Iterator[_Match]:
        """The words that stand in the texts."""
        slots, begins, bounds = sweep.runs
        flat, ends, words = sweep.flat, sweep.ends, self._words
        found = (self._taken.take(slots) & begins).nonzero()[0]
        sizes = bounds.searchsorted(found, "right")
        places = found - bounds[sizes - 1]
        numbers = ends.searchsorted(places, "right")
        starts = places - np.where(numbers, ends[numbers - 1], 0)
        for place, size, number, start in zip(places.tolist(), sizes.tolist(), numbers.tolist(), starts.tolist(), strict=True):
            if place >= stop or (wanted is not None and number not in wanted):
                continue
            for entry in words.get(flat[place:place + size], ()):
                length = len(entry.word)
                if (length <= size or flat.startswith(entry.word, place)) and (not entry.is_latin or entry.stands(flat, place)):
                    yield number, start, start + length, entry.names

    def _matched(self, sweep: Sweep, stop: int, wanted: Set[int] | None) -> Iterator[_Match]:
        """The patterns that match in the texts."""
        if not self._patterns:
            return
        slots, exact, begins = sweep.beginnings
        begun = [known.begin(*one, begins) for known, one in zip(self._openings, zip(slots, exact, strict=True), strict=True) if len(known.openings)]
        begun += [(np.arange(stop), np.full(stop, pattern)) for pattern in self._anywhere]
        places, patterns = np.concatenate([one for one, _patterns in begun]), np.concatenate([one for _places, one in begun])
        if not len(places):
            return
        numbers = sweep.ends.searchsorted(places, "right")
        rows = numbers * len(self._patterns) + patterns
        order = np.lexsort((places, rows))
        order = order[:int(np.count_nonzero(places < stop))]
        rows, starts = rows[order], (places - np.where(numbers, sweep.ends[numbers - 1], 0))[order].tolist()
        bounds = [0, *(np.flatnonzero(rows[1:] != rows[:-1]) + 1).tolist(), len(starts)] if starts else []
        for low, high in pairwise(bounds):
            number, pattern = divmod(int(rows[low]), len(self._patterns))
            if wanted is None or number in wanted:
                yield from self._try(pattern, number, sweep.texts[number], starts[low:high])

    def _try(self, pattern: int, number: int, text: str, places: list[int]) -> Iterator[_Match]:
        """What a pattern matches at some places of a text."""
        names, compiled, needed = self._patterns[pattern]
        # A few places cost less to try than to ask whether the text has what the pattern needs.
        if len(needed) < len(places) and needed and not any(needle in text for needle in needed):
            return
        match_at, last = compiled.match, 0
        for start in places:
            if start >= last and (found := match_at(text, start, start + REACH)) and (end := found.end()) > start:
                yield number, start, end, names
                last = end

    def _add_heard(self, sweep: Sweep, found: list[Places]) -> None:
        """Words of which some characters were swapped for others, or for pinyin, of the same sound."""
        if not self._heard:
            return
        heard, ends, slots = sweep.heard
        places = self._heard_table.take(slots[2]).nonzero()[0] if len(slots) > 2 else np.empty(0, dtype=np.intp)
        rows = ends.searchsorted(places, "right")
        starts = places - np.where(rows, ends[rows - 1], 0)
        looks = [(row, start, 3) for row, start in zip(rows.tolist(), starts.tolist(), strict=True)]
        looks += [(row, start, 2) for row, (_number, one) in enumerate(heard) for place in one.pinyin() for start in (place - 1, place) if start >= 0]
        for row, start, size in looks:
            number, one = heard[row]
            for sounds, entry in self._heard.get(one.sounds[start:start + size], ()):
                if one.sounds.startswith(sounds, start) and one.means(entry.word, start):
                    place = sweep.readings[number].bare.source_span(*one.source_span(start, start + len(sounds)))
                    for name in entry.names:
                        found[number][name].append(place)


def _add_disguised(reading: Reading, low: int, hits: Iterable[_Hit], found: Places) -> None:
    """Add what stands in a stretch of the bare text and not in the text itself."""
    text, bare = reading.text, reading.bare
    for start, end, names, said in hits:
        place = bare.source_span(low + start, low + end)
        if text[slice(*place)] != said:
            for name in names:
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


def _slots(codes: npt.NDArray[np.uint32], longest: int) -> _Numbers:
    """For each length up to the longest the slot of every run of so many characters."""
    rolling = codes * _MIX
    found = [rolling >> _SHIFT]
    for size in range(2, min(longest, len(codes)) + 1):
        rolling = (rolling[:-1] ^ codes[size - 1:]) * _MIX
        found.append(rolling >> _SHIFT)
    return found + [np.empty(0, dtype=np.uint32)] * (longest - len(found))


@cache
def _kinds() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether a character, by its code, is a Latin letter or figure, and whether it is a figure, a Chinese one too."""
    letters, figures = np.zeros((2, 0x110000), dtype=np.bool_)
    letters[[code for code in range(128) if _latin(chr(code))]] = True
    figures[points(FIGURES)] = True
    return letters, figures


def _table(size: int, runs: Iterable[tuple[str, int]]) -> _Taken:
    """What each slot is taken by, for those of some runs that have so many characters."""
    table, chosen = np.zeros(_SLOTS, dtype=np.uint8), [(run, kind) for run, kind in runs if len(run) == size]
    if chosen:
        # Runs side by side as one text: of every so many places, the one at which a run begins.
        np.bitwise_or.at(table, _slots(points("".join(run for run, _kind in chosen)), size)[-1][::size], [kind for _run, kind in chosen])
    return table
