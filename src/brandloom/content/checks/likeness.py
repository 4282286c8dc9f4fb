"""Whether a text repeats another one: a passage taken over as it is, or the whole said with few words changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache

from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.normalise import HAN, read
from brandloom.i18n import _

PASSAGE, TURN = {"zh": 14, "en": 9}, {"zh": 8, "en": 6}
"""Characters (Chinese) or words (English) in a row that are a passage taken over, and a turn of phrase that a person should look at."""
SHARE = 0.5
"""Share of a text's pieces that stand in the other one from which the whole counts as taken over."""
_PIECE = {"zh": 2, "en": 2}
_FEWEST = 8
"""Pieces of which a text must consist before its share means anything."""
_UNIT = re.compile(rf"[a-z0-9]+(?:'[a-z]+)?|[{HAN}]")


@dataclass(frozen=True)
class _Units:
    """The words and Chinese characters of a text with their places."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def check_alike(text: str, others: Sequence[str], language: str, *, known: str = "", place: str = "text") -> list[Finding]:
    """Findings for what a text shares with a competitor's: a ban for a passage or the greater part, a caution for a turn of phrase.

    Args:
        others: texts it must differ from.
        known: wording of the records in lower case, which every text about the goods shares.
    """
    if not others:
        return []
    ours, found = _units(text), list[Finding]()
    for other in others:
        theirs = _units(other)
        start, size = _longest(ours, theirs, known)
        share = _share(ours, theirs, known, language)
        if size < TURN[language] and share < SHARE:
            continue
        span = (ours.spans[start][0], ours.spans[start + size - 1][1]) if size >= TURN[language] else (0, len(text))
        template = _("'{excerpt}' stands word for word in a competitor's text.") if size >= PASSAGE[language] else \
            _("{share} % of the text is that of a competitor.") if share >= SHARE else _("'{excerpt}' is a turn of phrase of a competitor's text.")
        severity: Severity = "ban" if size >= PASSAGE[language] or share >= SHARE else "caution"
        made = finding("similar", severity, place, text[slice(*span)], template, share=round(100 * share))
        found.append(replace(made, span=span, suggestion=_("Say it in your own words, from the facts of your own product.")))
    return found


def _longest(ours: _Units, theirs: _Units, known: str) -> tuple[int, int]:
    """First unit and length of the longest run that both have and the records do not."""
    matcher = SequenceMatcher(None, ours.words, theirs.words, autojunk=False)
    best = (0, 0)
    for block in matcher.get_matching_blocks():
        words = ours.words[block.a:block.a + block.size]
        if block.size > best[1] and not _stated(words, known):
            best = block.a, block.size
    return best


def _stated(words: tuple[str, ...], known: str) -> bool:
    return bool(words) and _squeezed("".join(words)) in _squeezed(known)


def _share(ours: _Units, theirs: _Units, known: str, language: str) -> float:
    """Share of the text's pairs of units, those of the records left out, that the other text has."""
    size = _PIECE[language]
    pieces = Counter(piece for at in range(len(ours.words) - size + 1) if not _stated(piece := ours.words[at:at + size], known))
    other = Counter(theirs.words[at:at + size] for at in range(len(theirs.words) - size + 1))
    total = sum(pieces.values())
    return sum((pieces & other).values()) / total if total >= _FEWEST else 0.0


@lru_cache(maxsize=1_000)
def _units(text: str) -> _Units:
    reading = read(text)
    matches = list(_UNIT.finditer(reading.text))
    return _Units(tuple(match.group() for match in matches), tuple(reading.source_span(*match.span()) for match in matches))


@lru_cache(maxsize=5_000)
def _squeezed(text: str) -> str:
    return re.sub(r"\W", "", text)
