"""Texts that are read, scanned and weighed side by side, which takes a good deal less time than one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cached_property, partial

from brandloom.content.checks.classifier import Weighed, open_classifier
from brandloom.content.checks.normalise import read
from brandloom.content.checks.packs import Pack
from brandloom.content.checks.rules import Scene
from brandloom.content.checks.scan import Places, Scanner, Sweep

CHARACTERS = 65_536
"""Characters of texts that are read side by side: with more nothing is won, and what is kept of them grows."""


class Batch:
    """Texts read side by side; what is asked of one of them is made for all, once.

    Args:
        texts: of one language and for one sector, since what is found in all of them is kept.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        self._scenes: dict[tuple[Pack, tuple[str, ...]], list[Scene]] = {}
        self._weighed: dict[str, list[list[Weighed]]] = {}

    @cached_property
    def _sweep(self) -> Sweep:
        return Sweep([read(text) for text in self._numbers])

    def scene(self, text: str, pack: Pack, sectors: tuple[str, ...]) -> Scene:
        """What the rules of a pack for some sectors ask about in one of the texts."""
        known = self._scenes.get((pack, sectors))
        if known is None:
            sought, asked = pack.lexicons(sectors)
            found = sought.all_places(self._sweep)
            lines = [pack.candidates(sectors, frozenset(places)) for places in found]
            later = _Asked(asked, self._sweep, {number for number, tried in enumerate(lines) if tried})
            known = self._scenes[pack, sectors] = [Scene(*one, partial(later.places, number))
                                                   for number, one in enumerate(zip(self._sweep.readings, found, lines, strict=True))]
        return known[self._numbers[text]]

    def weighed(self, text: str, language: str) -> list[Weighed]:
        """The evidence of the stretches of one of the texts, for the second opinion in a language."""
        known = self._weighed.get(language)
        if known is None:
            known = self._weighed[language] = open_classifier(language).weigh([reading.text for reading in self._sweep.readings])
        return known[self._numbers[text]]


class _Asked:
    """What only conditions ask about: looked for once one of them is tried, in all the texts in which one may be."""

    def __init__(self, scanner: Scanner, sweep: Sweep, wanted: Set[int]) -> None:
        self._scanner, self._sweep, self._wanted = scanner, sweep, wanted

    @cached_property
    def _places(self) -> list[Places]:
        return self._scanner.all_plain_places(self._sweep, self._wanted)

    def places(self, number: int) -> Places:
        return self._places[number]


def batches(texts: Sequence[str]) -> Iterator[tuple[Batch, slice]]:
    """Texts in their order, as many together as are best read side by side, and which they are."""
    first = size = 0
    for place, text in enumerate(texts):
        if place > first and size + len(text) > CHARACTERS:
            yield Batch(texts[first:place]), slice(first, place)
            first, size = place, 0
        size += len(text)
    if first < len(texts):
        yield Batch(texts[first:]), slice(first, len(texts))
