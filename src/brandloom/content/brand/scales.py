"""The scales of a voice: each a plain count by a plain unit, so that a person can check it by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from brandloom.content.brand.reading import EMOJI, sentences, size, words
from brandloom.content.checks.tables import read_table
from brandloom.i18n import _


class Counted:
    """A text with what the scales count in it, each counted once."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language = text, language

    @cached_property
    def words(self) -> list[str]:
        return words(self.text, self.language)

    @cached_property
    def size(self) -> int:
        return size(self.text, self.language)

    @cached_property
    def sentences(self) -> int:
        return len(sentences(self.text))

    def of(self, *groups: str) -> int:
        """How many words of the text stand in a list of `data/register.tsv`."""
        return sum(word in _listed(self.language, group) for group in groups for word in self.words)

    def marks(self, pattern: str) -> int:
        return len(re.findall(pattern, self.text))


@dataclass(frozen=True)
class Scale:
    """One measure of a text: `count` divided by `base`, times `per`."""

    name: str
    title: str
    """Template of the catalogue."""
    unit: str
    """Template of the catalogue: what the figure counts."""
    per: int
    count: Callable[[Counted], float]
    base: Callable[[Counted], int]
    least: int
    """Smallest base from which one text's value says anything."""
    step: float
    """Difference that nobody would hear; spreads below it count as it."""
    languages: tuple[str, ...] = ("en", "zh")

    def value(self, counted: Counted) -> float | None:
        """The text's value, or None where the text is too short for it."""
        base = self.base(counted)
        return self.per * self.count(counted) / base if base >= self.least else None


def _size(text: Counted) -> int:
    return text.size


def _sentences(text: Counted) -> int:
    return text.sentences


def _words(text: Counted) -> int:
    return len(text.words)


def _shouted(text: Counted) -> int:
    return text.marks(r"\b[A-Z]{3,}\b") if text.language == "en" else 0


def _capitals(text: Counted) -> float:
    """Words with a capital that do not begin a sentence."""
    return text.marks(r"(?<=[^\s.!?…:] )[A-Z]")


SCALES = (
    Scale("formality", _("Formality"), _("formal less informal words per 100 words"), 100,
          lambda text: text.of("formal") - text.of("informal"), _words, 4, 1.0),
    Scale("warmth", _("Warmth"), _("words of warmth per 100 words"), 100, lambda text: text.of("warm"), _words, 4, 1.0),
    Scale("energy", _("Energy"), _("lively words, words in capitals and exclamation marks per 100 words"), 100,
          lambda text: text.of("lively") + text.marks("[!！]") + _shouted(text), _words, 4, 1.0),
    Scale("sentence_length", _("Sentence length"), _("words per sentence, characters in Chinese"), 1, _size, _sentences, 1, 2.0),
    Scale("word_length", _("Word length"), _("letters per word, characters in Chinese"), 1, lambda text: sum(map(len, text.words)), _words, 4, 0.1),
    Scale("commas", _("Commas"), _("commas and semicolons per sentence"), 1, lambda text: text.marks("[,;，；、]"), _sentences, 1, 0.3),
    Scale("reader", _("Addressing the reader"), _("words that address the reader per 100 words"), 100, lambda text: text.of("you"), _words, 4, 1.0),
    Scale("first_person", _("First person"), _("words of the first person per 100 words"), 100, lambda text: text.of("we"), _words, 4, 1.0),
    Scale("exclamations", _("Exclamation marks"), _("exclamation marks per 10 sentences"), 10, lambda text: text.marks("[!！]"), _sentences, 1, 0.5),
    Scale("questions", _("Question marks"), _("question marks per 10 sentences"), 10, lambda text: text.marks("[?？]"), _sentences, 1, 0.5),
    Scale("figures", _("Numbers"), _("figures per 100 words, characters in Chinese"), 100, lambda text: text.marks(r"\d+(?:[.,:]\d+)*"), _size,
          4, 0.5),
    Scale("emoji", _("Emoji"), _("emoji per 100 words, characters in Chinese"), 100,
          lambda text: len(EMOJI.findall(text.text)), _size, 4, 0.3),
    Scale("capitals", _("Capitals"), _("words with a capital inside the sentence, of 100"), 100, _capitals, _words, 4, 5.0, ("en",)),
)
"""In the order in which a kit shows them."""


def scales_of(language: str) -> tuple[Scale, ...]:
    """The scales that a language has."""
    return tuple(scale for scale in SCALES if language in scale.languages)


@cache
def _listed(language: str, group: str) -> frozenset[str]:
    return next(frozenset(row["words"].split(";")) for row in read_table("register.tsv") if (row["language"], row["scale"]) == (language, group))
