"""A brand's own words: those to avoid, in every disguise, and those that must be said."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.normalise import read
from brandloom.content.checks.scan import Scanner, spaced
from brandloom.i18n import _


def check_words(text: str, *, avoid: Sequence[str] = (), must_say: Sequence[str] = (), place: str = "text") -> list[Finding]:
    """Findings for words the brand avoids, with their places in the text, and for words that are missing.

    Args:
        avoid: words and phrases; a Latin word matches whole unless it ends in `*`. Disguised spellings are found too.
        must_say: each has to stand in the text, in any spelling that reads the same.
    """
    reading = read(text)
    if not avoid and not must_say:
        return []
    hits = {place: word for word, places in _scanner(tuple(avoid)).places(reading).items() for place in places}
    found = []
    for start, end in sorted(hits):
        if any(low <= start and end <= high and (low, high) != (start, end) for low, high in hits):
            continue
        span = reading.source_span(start, end)
        found.append(finding("brand-word", "ban", place, text[span[0]:span[1]], _("'{excerpt}' is a word the brand avoids: '{word}'."),
                             span=span, word=hits[start, end]))
    said = _scanner(tuple(must_say)).places(reading)
    found += [finding("must-say", "ban", place, word, _("'{excerpt}' has to be said and is missing.")) for word in must_say
              if _plain(word).strip("*") and _plain(word).removesuffix("*") not in said]
    return found


def _plain(word: str) -> str:
    return spaced(read(word).text).strip()


@lru_cache(maxsize=64)
def _scanner(words: tuple[str, ...]) -> Scanner:
    """Each word as a concept of its own."""
    return Scanner({plain.removesuffix("*"): [plain] for word in words if (plain := _plain(word)).strip("*")}, {})
