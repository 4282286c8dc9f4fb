"""Rules of law as sequences of concepts: 'treat ..8 disease' is a word of treating and within eight characters one of illness.

Conditions say what stands around a hit: `x<9` a word of concept x at most nine characters before it in its clause, `x<<9` in its
sentence, `x>9` and `x>>9` after it, `x~` anywhere in its clause, `x~~` in its sentence, `x=` over it, `x*` anywhere in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from brandloom.content.checks.concepts import Lexicon, Token
from brandloom.content.checks.finding import Severity
from brandloom.content.checks.normalise import Reading

_CONDITION = re.compile(r"(not )?(.+?)(<<|>>|<|>|~~|~|=|\*)(\d*)")
_STOPS = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")
_CLOSE, _FILLED = 6, 8
"""Up to this many characters two concepts stand in one clause; so many fillers may stand between them besides."""
_LONGEST = 24
"""No word or pattern is longer."""
_COMMAS = re.compile(r"[。！？!?；;\n，,、：:]|\.(?=\s|$)")


@dataclass(frozen=True, eq=False)
class Condition:
    """One statement about the surroundings of a hit."""

    name: str
    where: str
    reach: int = 0
    negated: bool = False


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
    unless: tuple[tuple[Condition, ...], ...]
    only: tuple[tuple[Condition, ...], ...]
    sectors: frozenset[str]
    """Sectors it applies to; empty for all."""
    not_sectors: frozenset[str]
    proven_by: frozenset[str] = frozenset()
    """What a record's figure must be about to be the proof that is asked for, such as an earlier price."""

    def applies_to(self, sector: str) -> bool:
        return sector not in self.not_sectors and (not self.sectors or sector in self.sectors)


class Scene:
    """The concepts found in a text, and where its sentences and clauses end."""

    def __init__(self, reading: Reading, sought: Lexicon, asked: Lexicon) -> None:
        self.text = reading.text
        self._reading, self._asked = reading, asked
        self._tokens: dict[str, list[Token]] = {}
        self._starts: dict[str, list[int]] = {}
        self._keep(sought.find(reading))
        self.concepts = frozenset(self._starts)
        """The concepts that rules look for and that stand in the text."""
        self._live: dict[int, list[tuple[Condition, ...]]] = {}
        self._known: dict[tuple[Condition, int, int], bool] = {}

    def _keep(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            self._tokens.setdefault(token.name, []).append(token)
        for name in {token.name for token in tokens}:
            self._tokens[name].sort(key=_by_place)
            self._starts[name] = [token.start for token in self._tokens[name]]

    @cached_property
    def _all(self) -> Mapping[str, list[int]]:
        """Where concepts begin, those that only conditions ask about too."""
        self._keep(self._asked.find_plain(self._reading))
        return self._starts

    @cached_property
    def _stops(self) -> list[int]:
        return [match.start() for match in _STOPS.finditer(self.text)]

    @cached_property
    def _commas(self) -> list[int]:
        return [match.start() for match in _COMMAS.finditer(self.text)]

    def spans(self, rule: Rule, line: Line) -> Iterator[tuple[int, int]]:
        """Places where a line of a rule matches and nothing excuses it; every concept of the line must stand in the text."""
        for token in self._tokens[line.steps[0].name]:
            for end in self._ends(token.end, line.steps[1:]):
                if self._stands(token.start, end, rule):
                    yield token.start, end

    def _stands(self, start: int, end: int, rule: Rule) -> bool:
        return ((not rule.only or self.any_of(rule.only, start, end))
                and not (rule.unless and self.any_of(rule.unless, start, end)))

    def _ends(self, end: int, steps: Sequence[Step]) -> Iterator[int]:
        if not steps:
            yield end
            return
        name = steps[0].name
        for token in self._tokens[name][bisect_left(self._starts[name], end):]:
            # Words that belong together stand in one clause; only a wide gap may hold a comma.
            marks = self._commas if steps[0].gap <= _CLOSE else self._stops
            if token.start - end > steps[0].gap + _FILLED or self._apart(marks, end, token.start):
                break
            between = len(re.sub(r"\W", "", self.text[end:token.start]))
            if between <= steps[0].gap:
                yield from self._ends(token.end, steps[1:])

    def any_of(self, alternatives: tuple[tuple[Condition, ...], ...], start: int, end: int) -> bool:
        """Whether one of the alternatives holds for a stretch of the text."""
        return any(all(self._holds(condition, start, end) != condition.negated for condition in group) for group in self.live(alternatives))

    def live(self, alternatives: tuple[tuple[Condition, ...], ...]) -> list[tuple[Condition, ...]]:
        """Those of the alternatives whose concepts stand in the text at all."""
        # Packs are kept, so a group of alternatives is known by where it lies.
        live = self._live.get(id(alternatives))
        if live is None:
            live = self._live[id(alternatives)] = [group for group in alternatives if all(map(self._may_hold, group))]
        return live

    def _may_hold(self, condition: Condition) -> bool:
        return condition.negated or condition.name in self._all

    def _holds(self, condition: Condition, start: int, end: int) -> bool:
        if condition.where == "*":
            return condition.name in self._all
        # Rules share their conditions and often their places.
        known = self._known.get((condition, start, end))
        if known is None:
            known = self._known[condition, start, end] = self._look(condition, start, end)
        return known

    def _look(self, condition: Condition, start: int, end: int) -> bool:
        if condition.name not in self._all:
            return False
        where, reach = condition.where[0], condition.reach
        low, high = self._segment(start, end, self._stops if len(condition.where) == 2 else self._commas)
        if where == "=":
            return any(token.end > start for token in self._between(condition.name, start - _LONGEST, end - 1))
        if where == "~":
            return bool(self._between(condition.name, low, high))
        if where == "<":
            near = self._between(condition.name, max(low, start - reach - _LONGEST), start - 1)
            return any(start - token.end <= reach for token in near)
        return any(token.end > end for token in self._between(condition.name, start, min(high, end + reach)))

    def _between(self, name: str, low: int, high: int) -> list[Token]:
        """Tokens of a concept that begin at `low` to `high`."""
        starts = self._starts[name]
        return self._tokens[name][bisect_left(starts, low):bisect_right(starts, high)]

    @staticmethod
    def _segment(start: int, end: int, marks: list[int]) -> tuple[int, int]:
        """The clause or sentence around a stretch: its first and its last place."""
        before, after = bisect_left(marks, start), bisect_left(marks, end)
        return marks[before - 1] + 1 if before else 0, marks[after] if after < len(marks) else 1 << 30

    @staticmethod
    def _apart(marks: list[int], low: int, high: int) -> bool:
        return low < high and bisect_left(marks, low) != bisect_right(marks, high - 1)


def _by_place(token: Token) -> tuple[int, int]:
    return token.start, token.end


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
def parse_condition(line: str) -> tuple[Condition, ...]:
    """'own<16 & not scope~' as conditions that must all hold."""
    return tuple(_condition(part.strip()) for part in line.split("&"))


@cache
def _condition(part: str) -> Condition:
    found = _CONDITION.fullmatch(part)
    if found is None:
        raise ValueError(f"not a condition: {part}")
    return Condition(found[2], found[3], int(found[4] or 0), bool(found[1]))
