"""Rules of law as sequences of concepts: 'treat ..8 disease' is a word of treating and within eight characters one of illness.

Conditions say what stands around a hit: `x<9` a word of concept x at most nine characters before it in its clause, `x<<9` in its
sentence, `x>9` and `x>>9` after it, `x~` anywhere in its clause, `x~~` in its sentence, `x=` over it, `x*` anywhere in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, cached_property
from operator import itemgetter

from brandloom.content.checks.finding import Severity
from brandloom.content.checks.normalise import Reading
from brandloom.content.checks.scan import Places

_CONDITION = re.compile(r"(not )?(.+?)(<<|>>|<|>|~~|~|=|\*)(\d*)")
_STOPS = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")
_FILLER = re.compile(r"\W")
_CLOSE, _FILLED = 6, 8
"""Up to this many characters two concepts stand in one clause; so many fillers may stand between them besides."""
_LONGEST = 24
"""No word or pattern is longer."""
_NO_END = 1 << 30
_COMMAS = re.compile(r"[。！？!?；;\n，,、：:]|\.(?=\s|$)")


@dataclass(frozen=True, eq=False)
class Condition:
    """One statement about the surroundings of a hit."""

    name: str
    where: str
    reach: int = 0
    negated: bool = False

    @cached_property
    def side(self) -> str:
        """The sign alone, whether it asks about the clause or the sentence."""
        return self.where[0]

    @cached_property
    def whole(self) -> bool:
        """Whether it asks about the sentence."""
        return len(self.where) == 2


@dataclass(frozen=True, eq=False)
class Group:
    """Conditions that must all hold."""

    conditions: tuple[Condition, ...]
    present: frozenset[str]
    """The concepts that must stand in the text."""
    near: frozenset[str]
    """Those of them that must stand around a hit."""


@dataclass(frozen=True)
class Step:
    """A concept and how many characters may lie before it."""

    name: str
    gap: int


@dataclass(frozen=True)
class Line:
    """One way to break a rule: concepts in order."""

    steps: tuple[Step, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(step.name for step in self.steps)


@dataclass(frozen=True)
class Rule:
    """One rule: what it forbids and where, what excuses it, what it rests on, and how to put it right."""

    id: str
    severity: Severity
    group: str
    source: Mapping[str, str]
    reason: Mapping[str, str]
    suggestion: Mapping[str, str]
    match: tuple[Line, ...]
    unless: tuple[Group, ...]
    only: tuple[Group, ...]
    sectors: frozenset[str]
    """Sectors it applies to; empty for all."""
    not_sectors: frozenset[str]
    proven_by: frozenset[str] = frozenset()
    """What a record's figure must be about to be the proof that is asked for, such as an earlier price."""

    def applies_to(self, sector: str) -> bool:
        return sector not in self.not_sectors and (not self.sectors or sector in self.sectors)


Tried = tuple[int, frozenset[str], Rule, Line]
"""A line of a rule with its concepts and its place in the order of trying."""


class Scene:
    """The concepts found in a text, and where its sentences and clauses end.

    Args:
        places: those that rules look for.
        lines: what the text may match, the gravest first: place in that order, concepts, rule and line of it.
        asked: gives those that only conditions ask about.
    """

    def __init__(self, reading: Reading, places: Places, lines: Sequence[Tried], asked: Callable[[], Places]) -> None:
        self.reading, self.text, self.lines = reading, reading.text, lines
        self._places, self._asked = places, asked
        self._sorted: dict[str, list[tuple[int, int]]] = {}
        self._names: dict[tuple[int, int], set[str]] = {}
        self._segments: dict[tuple[int, int, bool], tuple[int, int]] = {}

    @cached_property
    def _present(self) -> Set[str]:
        """Concepts that stand in the text, those that only conditions ask about too; what they are is looked for once something is found."""
        self._places.update(self._asked())
        return self._places.keys()

    def _of(self, name: str) -> list[tuple[int, int]]:
        """Where a concept that is present stands, from left to right; `(place,)` is before whatever begins at that place."""
        found = self._sorted.get(name)
        if found is None:
            found = self._sorted[name] = sorted(self._places[name])
        return found

    @cached_property
    def _stops(self) -> list[int]:
        return [match.start() for match in _STOPS.finditer(self.text)]

    @cached_property
    def _commas(self) -> list[int]:
        return [match.start() for match in _COMMAS.finditer(self.text)]

    def spans(self, rule: Rule, line: Line) -> Iterator[tuple[int, int]]:
        """Places where a line of a rule matches and nothing excuses it; every concept of the line must stand in the text."""
        first, *more = line.steps
        for start, last in self._of(first.name):
            for end in self._ends(last, more) if more else (last,):
                if self._stands(start, end, rule):
                    yield start, end

    def _stands(self, start: int, end: int, rule: Rule) -> bool:
        return ((not rule.only or self.first_of(rule.only, start, end) is not None)
                and not (rule.unless and self.first_of(rule.unless, start, end)))

    def _ends(self, end: int, steps: Sequence[Step]) -> Iterator[int]:
        if not steps:
            yield end
            return
        places, gap = self._of(steps[0].name), steps[0].gap
        for low, high in places[bisect_left(places, (end,)):]:
            # Words that belong together stand in one clause; only a wide gap may hold a comma.
            if low - end > gap + _FILLED or self._apart(self._commas if gap <= _CLOSE else self._stops, end, low):
                break
            if low - end <= gap or len(_FILLER.sub("", self.text[end:low])) <= gap:
                yield from self._ends(high, steps[1:])

    def first_of(self, alternatives: Collection[Group], start: int, end: int) -> Group | None:
        """The first of the alternatives that holds for a stretch of the text."""
        near = self._near(start, end)
        names, by_name, always = _by_name(alternatives)
        live = [item for name in names & near for item in by_name[name] if item[1].near <= near]
        live += always
        if len(live) > 1:
            live.sort(key=itemgetter(0))
        for _place, group in live:
            if self._all_hold(group, start, end):
                return group
        return None

    def _all_hold(self, group: Group, start: int, end: int) -> bool:
        present = self._present
        for condition in group.conditions:
            holds = condition.name in present and (condition.where == "*" or self._look(condition, start, end))
            if holds == condition.negated:
                return False
        return True

    def _near(self, start: int, end: int) -> set[str]:
        """The concepts in the sentence of a stretch and a little around it: no condition but `*` looks further."""
        segment = self._segment(start, end, whole=True)
        known = self._names.get(segment)
        if known is None:
            begun, (low, high) = self._begun, segment
            stretch = begun[bisect_left(begun, (low - _LONGEST, "")):bisect_left(begun, (high + 1, ""))]
            known = self._names[segment] = {name for _start, name in stretch}
        return known

    @cached_property
    def _begun(self) -> list[tuple[int, str]]:
        """Where concepts begin, from left to right."""
        return sorted([(start, name) for name in self._present for start, _end in self._places[name]])

    def _look(self, condition: Condition, start: int, end: int) -> bool:
        """Whether a concept that is present stands where a condition asks for it."""
        places, where, reach = self._of(condition.name), condition.side, condition.reach
        if where == "=":
            for place in range(bisect_left(places, (start - _LONGEST,)), len(places)):
                low, high = places[place]
                if low >= end:
                    return False
                if high > start:
                    return True
            return False
        low, high = self._segment(start, end, whole=condition.whole)
        if where == "~":
            place = bisect_left(places, (low,))
            return place < len(places) and places[place][0] <= high
        if where == "<":
            for place in range(bisect_left(places, (start,)) - 1, -1, -1):
                first, last = places[place]
                if first < low or first < start - reach - _LONGEST:
                    return False
                if start - last <= reach:
                    return True
            return False
        furthest = min(high, end + reach)
        for place in range(bisect_left(places, (start,)), len(places)):
            first, last = places[place]
            if first > furthest:
                return False
            if last > end:
                return True
        return False

    def _segment(self, start: int, end: int, *, whole: bool) -> tuple[int, int]:
        """The sentence, if whole, or the clause around a stretch: its first and its last place."""
        known = self._segments.get((start, end, whole))
        if known is None:
            marks = self._stops if whole else self._commas
            before, after = bisect_left(marks, start), bisect_left(marks, end)
            known = self._segments[start, end, whole] = (marks[before - 1] + 1 if before else 0, marks[after] if after < len(marks) else _NO_END)
        return known

    @staticmethod
    def _apart(marks: list[int], low: int, high: int) -> bool:
        return low < high and bisect_left(marks, low) != bisect_right(marks, high - 1)


_Placed = list[tuple[int, Group]]
"""Groups with their places among the alternatives."""
_INDEXED: dict[int, tuple[Collection[Group], tuple[frozenset[str], dict[str, _Placed], _Placed]]] = {}


def _by_name(alternatives: Collection[Group]) -> tuple[frozenset[str], dict[str, _Placed], _Placed]:
    """Groups by one of the concepts that must stand near, those concepts, and the groups for which none must."""
    # Packs are kept, so a collection of alternatives is known by where it lies.
    known = _INDEXED.get(id(alternatives))
    if known is None:
        shared = Counter(name for group in alternatives for name in group.near)
        found: dict[str, _Placed] = defaultdict(list)
        for item in enumerate(alternatives):
            found[min(sorted(item[1].near), key=shared.__getitem__, default="")].append(item)
        always = found.pop("", [])
        known = _INDEXED[id(alternatives)] = alternatives, (frozenset(found), dict(found), always)
    return known[1]


def parse_match(line: str) -> Line:
    """'treat ..8 disease' as steps."""
    steps: list[Step] = []
    gap = 0
    for part in line.split():
        if part.startswith(".."):
            gap = int(part[2:])
        else:
            steps.append(Step(part, gap))
            gap = 0
    return Line(tuple(steps))


@cache
def parse_condition(line: str) -> Group:
    """'own<16 & not scope~' as conditions that must all hold."""
    conditions = tuple(_condition(part.strip()) for part in line.split("&"))
    asked = [one for one in conditions if not one.negated]
    return Group(conditions, frozenset(one.name for one in asked), frozenset(one.name for one in asked if one.where != "*"))


@cache
def _condition(part: str) -> Condition:
    found = _CONDITION.fullmatch(part)
    if found is None:
        raise ValueError(f"not a condition: {part}")
    return Condition(found[2], found[3], int(found[4] or 0), bool(found[1]))
