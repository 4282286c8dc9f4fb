"""What a figure is about: a price or an earlier price, delivery or warranty, stock or reviews."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from brandloom.content.checks.tables import read_table

_STOP = re.compile(r"[,;!?，。；！？、\n(（]|\.(?!\d)|[:：](?=\s*(?:you|that|we|so|now|it)\b)|\band (?=\w+ (?:the|it|a)\b)|(?<=[\d元])但")
_REACH = 34.0
"""Characters within which a word says what a figure is about; a Chinese character counts as 2.5."""


@lru_cache(maxsize=20_000)
def roles_of_key(key: str, kind: str | None = None) -> frozenset[str]:
    """The roles that a field's name gives to a figure of this kind, or to any."""
    return frozenset(role for role, kinds, _side, pattern in _roles() if (kind is None or kind in kinds) and pattern.search(key))


@lru_cache(maxsize=50_000)
def role_at(text: str, start: int, end: int, kind: str) -> frozenset[str]:
    """The role of the word nearest to a figure in its clause; none when no such word stands near."""
    low, high = clause(text, start, end)
    best: tuple[float, str] | None = None
    if not _any_role().search(text, low, high):
        return frozenset()
    for role, kinds, side, pattern in _roles():
        for match in pattern.finditer(text, low, high) if kind in kinds else ():
            gap = text[match.end():start] if match.end() <= start else text[end:match.start()] if match.start() >= end else ""
            if (side == "before" and match.start() >= end) or (side == "after" and match.end() <= start):
                continue
            distance = sum(2.5 if "\u4e00" <= c <= "\u9fff" else 1.0 for c in gap)
            if distance <= _REACH and (best is None or distance < best[0]):
                best = distance, role
    return frozenset((best[1],)) if best else frozenset()


def clause(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the clause around a place begins and ends."""
    low = max((match.end() for match in _STOP.finditer(text, max(0, start - 120), start)), default=max(0, start - 120))
    after = _STOP.search(text, end, end + 120)
    return low, after.start() if after else min(len(text), end + 120)


@cache
def _roles() -> tuple[tuple[str, frozenset[str], str, re.Pattern[str]], ...]:
    """Role, the kinds of figure it can be about, the side of the figure on which its words stand, and those words."""
    return tuple((row["role"], frozenset(row["kinds"].split(";")), row["side"], re.compile(row["regex"], re.IGNORECASE))
                 for row in read_table("roles.tsv"))


@cache
def _any_role() -> re.Pattern[str]:
    return re.compile("|".join(pattern.pattern for _role, _kinds, _side, pattern in _roles()), re.IGNORECASE)
