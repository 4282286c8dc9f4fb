"""How the matches of a regular expression can begin and what they must have, so that it is tried only where it may match."""

from __future__ import annotations

# The parser of the standard library: it has no other name from Python 3.11 on, and tests compare what is found with a plain search.
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_ANY, _SEVERAL = "\uffff", 300
"""What stands for any character, and how many characters a class may list before it counts as any."""
_CATEGORIES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_SPACE": " \t\n\r\f\v"}


def openings(body: str) -> set[str]:
    """The first two characters of every possible match, one where any may follow, and the empty text where anything may begin.

    Args:
        body: regular expression for folded text, which is in lower case and half width.
    """
    found = _sequence(_parser.parse(body))
    return {"" if opening[:1] in ("", _ANY) else opening.rstrip(_ANY) for opening in found}


def _sequence(items: Any) -> set[str]:
    found = {""}
    for name, value in items:
        if all(map(_is_whole, found)):
            break
        found = _join(found, _one(str(name), value))
    return found


def _join(first: set[str], then: set[str]) -> set[str]:
    return {one if _is_whole(one) else (one + two)[:2] for one in first for two in then}


def _is_whole(opening: str) -> bool:
    return len(opening) == 2 or opening.endswith(_ANY)


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
        least, most, part = value
        once = _sequence(part)
        found = _join(once, once) if most > 1 else set()
        return found | (once if least < 2 else set()) | ({""} if least == 0 else set())
    # What looks around takes no room; whatever else there is may be anything.
    return {""} if name in ("ASSERT", "ASSERT_NOT", "AT") else {_ANY}


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
