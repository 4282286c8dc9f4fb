"""How easy a text is to read, by the measures that are usual for its language.

English: reading ease after Flesch (1948), 206.835 - 1.015 words per sentence - 84.6 syllables per word; the easier, the higher, plain
English at 60 to 70. Chinese has no such formula in common use: characters between two full stops, and the share of characters outside
the first level of GB/T 2312, the 3,755 that are read every day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.normalise import points
from brandloom.i18n import _

FEWEST_WORDS, FEWEST_CHARACTERS = 20, 20
"""Below this a text is too short to be measured."""
HARD, LONG, RARE = 45.0, 60.0, 0.12
"""From where a text is called hard without a limit: reading ease of 'difficult' (Flesch: below 50; names of goods cost a few points),
characters per sentence, share of rare characters."""
_SENTENCE = re.compile(r"[^.!?。！？…\n]*[^\s.!?。！？…](?:\.(?=\w)[^.!?。！？…\n]*)*[.!?。！？…]*")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_HAN = 0x4E00, 0x9FFF
_SILENT = re.compile(r"(?<![aeiouysxzcg])(?<!sh)(?<!ch)es$|(?<![aeiouytd])ed$|(?<![aeioul])e$|(?<=[aeiou]l)e$")
_VOWELS = re.compile(r"[aeiouy]+")
_APART = re.compile(r"(?<![ct])ia|io(?![nu])|(?<=[dr])ea$|creat|[aeiou]ing$|eo|(?<![qg])ua(?=[lrt])|ism$")


@dataclass(frozen=True)
class Ease:
    """How easy a text is, by the measures of its language."""

    measure: str
    value: float
    hardest: tuple[int, int]
    """Place of the hardest sentence."""
    rare: float = 0.0
    """Share of characters outside the first level of GB/T 2312; 0 for English."""


def ease_of(text: str, language: str) -> Ease | None:
    """Measure a text; None where it is too short."""
    spans = list(_sentences(text))
    if language == "zh":
        codes = points(text)
        han = (codes >= _HAN[0]) & (codes <= _HAN[1])
        upto = [0, *han.cumsum().tolist()]
        counts = [(upto[span[1]] - upto[span[0]], span) for span in spans]
        total = upto[-1]
        if total < FEWEST_CHARACTERS:
            return None
        rare = int(np.count_nonzero(han & ~_common()[codes])) / total
        return Ease("characters per sentence", total / sum(count > 0 for count, _span in counts), max(counts)[1], rare)
    read = [(words, span) for span in spans if (words := _WORD.findall(text, *span))]
    words = [word for group, _span in read for word in group]
    if len(words) < FEWEST_WORDS:
        return None
    hardest = min(read, key=lambda item: _flesch(item[0], 1))
    return Ease("Flesch reading ease", _flesch(words, len(read)), hardest[1])


def check_readability(text: str, language: str, *, limit: float | None = None, place: str = "text") -> list[Finding]:
    """A caution for a text that is hard to read, with the figure and its measure; a ban where it is beyond a limit that was set.

    Args:
        limit: least Flesch reading ease of an English text, most characters per sentence of a Chinese one.
    """
    ease = ease_of(text, language)
    if ease is None:
        return []
    bound = limit if limit is not None else LONG if language == "zh" else HARD
    severity: Severity = "caution" if limit is None else "ban"
    beyond = ease.value > bound if language == "zh" else ease.value < bound
    found = [_hard(text, ease, language, bound, severity, place)] if beyond else []
    if ease.rare > RARE:
        found.append(replace(finding("readability", "caution", place, text, _("{share} % of the characters are outside the first level of GB/T 2312, "
                                                                              "which most readers know; {most} % is usual at most."),
                                     share=round(100 * ease.rare), most=round(100 * RARE)), span=(0, len(text)),
                             suggestion=_("Use commoner words.")))
    return found


def syllables(word: str) -> int:
    """Syllables of an English word, by its groups of vowels."""
    plain = re.sub(r"'s$|s'$|[^a-z]", "", word.lower().replace("’", "'"))
    heard = _VOWELS.findall(_SILENT.sub("", plain))
    return max(1, len(heard) + len(_APART.findall(plain)))


def _hard(text: str, ease: Ease, language: str, bound: float, severity: Severity, place: str) -> Finding:
    start, end = ease.hardest
    template = _("Hard to read: {value} characters per sentence; at most {bound} read well. This sentence is the longest.") if language == "zh" else \
        _("Hard to read: Flesch reading ease {value}; at least {bound} is wanted. This sentence is the hardest.")
    made = finding("readability", severity, place, text[start:end], template, value=f"{ease.value:.0f}", bound=f"{bound:g}")
    return replace(made, span=(start, end), suggestion=_("Make two sentences of it, and use short, common words."))


def _flesch(words: list[str], sentences: int) -> float:
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * sum(map(syllables, words)) / len(words)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    for match in _SENTENCE.finditer(text):
        lead = len(match.group()) - len(match.group().lstrip())
        if match.group().strip():
            yield match.start() + lead, match.end()


@cache
def _common() -> npt.NDArray[np.bool_]:
    """Whether a character, by its code, is of the first level of GB/T 2312: rows 16 to 55."""
    table = np.zeros(0x110000, dtype=np.bool_)
    level = "".join(bytes((row, cell)).decode("gb2312", "ignore") for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    table[points(level)] = True
    return table
