"""How the matches of a regular expression can begin and what they must have, so that it is tried only where it may match."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache

# The parser of the standard library: it has no other name from Python 3.11 on, and tests compare what is found with a plain search.
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_ANY, _SEVERAL = "\uffff", 300
"""What stands for any character, and how many characters a class may list before it counts as any."""
_EDGE = "\ufffe"
"""Stands before an opening that begins where a word begins."""
_LONGEST, _MOST, _WORTH = 3, 20_000, 24
"""Characters of an opening; openings that are kept of a part of a pattern; how many of one first two characters are told apart by their third."""
FIGURES = "0123456789一二三四五六七八九十"
_RUN, _FIGURE = re.compile(f"[{FIGURES}]+"), "0"
_CATEGORIES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_SPACE": " \t\n\r\f\v"}


def shortened(text: str) -> str:
    """The text with every run of figures as one, so that what follows a number tells its patterns apart."""
    return _RUN.sub(_FIGURE, text)


@cache
def openings(body: str) -> Mapping[str, bool]:
    """The first character of every match and the next two, shortened: fewer where any may follow, none where anything may begin.

    Args:
        body: regular expression for folded text, which is in lower case and half width.
    Returns:
        Opening -> whether no letter or figure may stand before it.
    """
    found: dict[str, bool] = {}
    for opening in _told_apart({one.rstrip(_ANY) for one in _sequence(_parser.parse(body))}):
        plain = opening.lstrip(_EDGE)
        # Before a sign an edge is the end of a word.
        is_edge = opening != plain and plain[:1].isascii() and plain[:1].isalnum()
        found[plain] = found.get(plain, True) and is_edge
    return {one: is_edge for one, is_edge in found.items() if not any(found.get(one[:size], True) <= is_edge for size in range(len(one))
                                                                      if one[:size] in found)}


def _told_apart(found: set[str]) -> set[str]:
    """Those that share two characters as one, where a third would make too many of them or need not follow."""
    groups: dict[str, set[str]] = defaultdict(set)
    for opening in found:
        groups[opening[:2 + opening.startswith(_EDGE)]].add(opening)
    return {one for short, group in groups.items() for one in (group if len(group) <= _WORTH and short not in group else {short})}


def _sequence(items: Any) -> set[str]:
    found = {""}
    for name, value in items:
        if all(map(_is_whole, found)):
            break
        found = _join(found, _one(str(name), value))
    return found


def _join(first: set[str], then: set[str]) -> set[str]:
    """Every one of the first with every one of the others behind it; shorter openings where there would be too many."""
    for longest in range(_LONGEST, 0, -1):
        whole = {one for one in (_cut(one, longest) for one in first) if _is_whole(one)}
        begun, more = {one for one in first if _size(one) < longest and not _is_whole(one)}, {_cut(two, longest) for two in then}
        if len(begun) * len(more) <= _MOST:
            break
    return whole | {_cut(_put_behind(one, two) if one else two, longest) for one in begun for two in more}


def _put_behind(one: str, two: str) -> str:
    two = two.lstrip(_EDGE)
    if one == _EDGE:
        return one + two
    short = shortened(two)
    return one + (short[1:] if one[-1] in FIGURES and short.startswith(_FIGURE) else short)


def _cut(opening: str, longest: int) -> str:
    """At most so many characters, and that anything may follow where more of them would be of use."""
    if _size(opening) < longest or (opening.endswith(_ANY) and _size(opening) == longest):
        return opening
    return opening[:longest + opening.startswith(_EDGE)] + _ANY * (longest < _LONGEST)


def _size(opening: str) -> int:
    return len(opening) - opening.startswith(_EDGE)


def _is_whole(opening: str) -> bool:
    return _size(opening) == _LONGEST or opening.endswith(_ANY)


def _one(name: str, value: Any) -> set[str]:
    if name == "LITERAL":
        return {chr(value).lower()}
    if name == "IN":
        return _members(value)
    if name == "BRANCH":
        return set().union(*map(_sequence, value[1]))
    if name == "SUBPATTERN":
        return _sequence(value[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        return _repeated(*value)
    if name == "AT" and str(value) == "AT_BOUNDARY":
        return {_EDGE}
    # What looks around takes no room; whatever else there is may be anything.
    return {""} if name in ("ASSERT", "ASSERT_NOT", "AT") else {_ANY}


def _repeated(least: int, most: int, part: Any) -> set[str]:
    once = _sequence(part)
    found: set[str] = {""} if least == 0 else set()
    made = {""}
    for times in range(1, min(most, _LONGEST) + 1):
        made = _join(made, once)
        found |= made if times >= min(least, _LONGEST) else set()
    return found


def _members(items: Any) -> set[str]:
    found: set[str] = set()
    for name, value in items:
        if str(name) == "LITERAL":
            found.add(chr(value).lower())
        elif str(name) == "RANGE" and value[1] - value[0] < _SEVERAL:
            found |= {chr(code).lower() for code in range(value[0], value[1] + 1)}
        elif str(name) == "CATEGORY" and str(value) in _CATEGORIES:
            found |= set(_CATEGORIES[str(value)])
        else:
            return {_ANY}
    return found


def needles(body: str) -> frozenset[str]:
    """Wordings of which every match of a regular expression has at least one, as rare and few as they can be told; none where any will do."""
    return frozenset(_needed(_parser.parse(body)))


def _needed(items: Any) -> set[str]:
    """Of the wordings that each part of a sequence asks for, those that a text is the least likely to have."""
    asked: list[set[str]] = []
    run = ""
    for name, value in [*items, (None, None)]:
        if str(name) == "LITERAL":
            run += chr(value).lower()
            continue
        asked += [{run}] if run else []
        run = ""
        asked += [] if name is None else [_needed_by(str(name), value)]
    return min(filter(None, asked), key=_likely, default=set())


def _needed_by(name: str, value: Any) -> set[str]:
    if name == "IN":
        # A category has members in every script.
        listed = set() if any(str(kind) == "CATEGORY" for kind, _member in value) else _members(value)
        return set() if _ANY in listed else listed
    if name == "BRANCH":
        branches = list(map(_needed, value[1]))
        return set().union(*branches) if all(branches) else set()
    if name == "SUBPATTERN":
        return _needed(value[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT") and value[0] > 0:
        return _needed(value[2])
    return set()


def _likely(wordings: set[str]) -> float:
    """How likely a text has one of them: about twenty times less with every further character."""
    return sum(20.0 ** -len(wording) for wording in wordings)
