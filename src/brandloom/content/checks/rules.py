"""Rules of law as sequences of concepts: 'treat ..8 disease' is a word of treating and within eight characters one of illness.

Conditions say what stands around a hit: `x<9` a word of concept x at most nine characters before it in its clause, `x<<9` in its
sentence, `x>9` and `x>>9` after it, `x~` anywhere in its clause, `x~~` in its sentence, `x=` over it, `x*` anywhere in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from brandloom.content.checks.concepts import Token
from brandloom.content.checks.finding import Severity

_CONDITION = re.compile(r"(not )?(.+?)(<<|>>|<|>|~~|~|=|\*)(\d*)")
_STOPS = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")
_COMMAS = re.compile(r"[。！？!?；;\n，,、：:]|\.(?=\s|$)")


@dataclass(frozen=True)
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
class Rule:
    """One rule: what it forbids and where, what excuses it, what it rests on, and how to put it right."""

    id: str
    severity: Severity
    group: str
    source: Mapping[str, str]
    reason: Mapping[str, str]
    suggestion: Mapping[str, str]
    match: tuple[tuple[Step, ...], ...]
    unless: tuple[tuple[Condition, ...], ...]
    only: tuple[tuple[Condition, ...], ...]
    sectors: frozenset[str]
    """Sectors it applies to; empty for all."""
    not_sectors: frozenset[str]

    def applies_to(self, sector: str) -> bool:
        return sector not in self.not_sectors and (not self.sectors or sector in self.sectors)


class Scene:
    """The concepts found in one text and where its clauses and sentences end."""

    def __init__(self, text: str, tokens: Iterable[Token]) -> None:
        self.text = text
        self.by_name: dict[str, list[Token]] = defaultdict(list)
        for token in sorted(tokens, key=lambda item: (item.start, item.end)):
            self.by_name[token.name].append(token)

    @cached_property
    def _stops(self) -> list[int]:
        return [match.start() for match in _STOPS.finditer(self.text)]

    @cached_property
    def _commas(self) -> list[int]:
        return [match.start() for match in _COMMAS.finditer(self.text)]

    def spans(self, rule: Rule) -> Iterator[tuple[int, int]]:
        """Places where a rule matches and nothing excuses it."""
        for steps in rule.match:
            if not all(step.name in self.by_name for step in steps):
                continue
            for token in self.by_name[steps[0].name]:
                for end in self._ends(token.end, steps[1:]):
                    if self._stands(token.start, end, rule):
                        yield token.start, end

    def _stands(self, start: int, end: int, rule: Rule) -> bool:
        return ((not rule.only or self.any_of(rule.only, start, end))
                and not (rule.unless and self.any_of(rule.unless, start, end)))

    def _ends(self, end: int, steps: Sequence[Step]) -> Iterator[int]:
        if not steps:
            yield end
            return
        for token in self.by_name[steps[0].name]:
            if token.start < end:
                continue
            if token.start - end > steps[0].gap + 1 or self._apart(self._stops, end, token.start):
                break
            between = len(re.sub(r"\W", "", self.text[end:token.start]))
            if between <= steps[0].gap:
                yield from self._ends(token.end, steps[1:])

    def any_of(self, alternatives: Iterable[Sequence[Condition]], start: int, end: int) -> bool:
        """Whether one of the alternatives holds for a stretch of the text."""
        return any(all(self._holds(condition, start, end) != condition.negated for condition in group) for group in alternatives)

    def _holds(self, condition: Condition, start: int, end: int) -> bool:
        tokens = self.by_name.get(condition.name)
        if not tokens:
            return False
        if condition.where == "*":
            return True
        marks = self._stops if len(condition.where) == 2 else self._commas
        return any(self._near(token, condition, start, end, marks) for token in tokens)

    def _near(self, token: Token, condition: Condition, start: int, end: int, marks: list[int]) -> bool:
        where = condition.where[0]
        if where == "=":
            return token.start < end and start < token.end
        if where == "~":
            return not self._apart(marks, min(token.end, end), max(token.start, start))
        if where == "<":
            return token.start < start and start - token.end <= condition.reach and not self._apart(marks, token.end, start)
        return token.end > end and token.start - end <= condition.reach and not self._apart(marks, end, token.start)

    @staticmethod
    def _apart(marks: list[int], low: int, high: int) -> bool:
        return low < high and bisect_left(marks, low) != bisect_right(marks, high - 1)


def parse_match(line: str) -> tuple[Step, ...]:
    """'treat ..8 disease' as steps."""
    steps: list[Step] = []
    gap = 0
    for part in line.split():
        if part.startswith(".."):
            gap = int(part[2:])
        else:
            steps.append(Step(part, gap))
            gap = 0
    return tuple(steps)


def parse_condition(line: str) -> tuple[Condition, ...]:
    """'own<16 & not scope~' as conditions that must all hold."""
    parsed = []
    for part in line.split("&"):
        found = _CONDITION.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"not a condition: {part.strip()}")
        parsed.append(Condition(found[2], found[3], int(found[4] or 0), bool(found[1])))
    return tuple(parsed)
