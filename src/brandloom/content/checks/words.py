"""A brand's own words: those to avoid, in every disguise, and those that must be said."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from brandloom.content.checks.concepts import Lexicon, spaced
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.normalise import read
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
    hits = {(token.start, token.end): token for token in _lexicon(tuple(avoid)).find_words(reading)}
    found = []
    for start, end in sorted(hits):
        if any(low <= start and end <= high and (low, high) != (start, end) for low, high in hits):
            continue
        span = reading.source_span(start, end)
        found.append(finding("brand-word", "ban", place, text[span[0]:span[1]], _("'{excerpt}' is a word the brand avoids: '{word}'."),
                             span=span, word=hits[start, end].word))
    said = {token.word for token in _lexicon(tuple(must_say)).find_words(reading)}
    found += [finding("must-say", "ban", place, word, _("'{excerpt}' has to be said and is missing.")) for word in must_say
              if _plain(word).strip("*") and _plain(word).removesuffix("*") not in said]
    return found


def _plain(word: str) -> str:
    return spaced(read(word).text).strip()


@lru_cache(maxsize=64)
def _lexicon(words: tuple[str, ...]) -> Lexicon:
    return Lexicon({"word": [plain for word in words if (plain := _plain(word)).strip("*")]}, {})
