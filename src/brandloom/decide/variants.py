"""Which texts to write when only so many may be written: those that keep most of what one text per reader would be worth.

A message is worth its expected value times how well its text fits the reader. How the fit falls is an assumption, the discount of
DCG (Järvelin and Kekäläinen 2002): a text on the group of the product shown k-th is worth 1 / log2(k + 1) of one on the first, the
general text of the persona comes one place after the last product, that of another persona two places after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import NamedTuple

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.recommend import GENERAL

SHOWN = 4
"""Products a message shows."""
CURVE = 2
"""How far beyond the limit the trade between texts and value is looked at."""


class Variant(NamedTuple):
    """One text to be written."""

    persona: str
    group: str
    channel: str
    language: str

    @property
    def key(self) -> str:
        return "/".join(self)


class Reader(NamedTuple):
    """People to whom the same texts fit equally well."""

    persona: str
    groups: tuple[str, ...]
    """Groups of the products shown, best first."""
    channel: str
    language: str


@dataclass(frozen=True)
class Selection:
    """The texts to write."""

    kept: tuple[Variant, ...]
    shares: tuple[tuple[int, float], ...]
    """How many texts -> share kept of the value that a text per reader would have, up to some way beyond the limit."""

    def best_for(self, reader: Reader) -> Variant:
        """The kept text that fits a reader best; ties go to the one added first."""
        return max(self.kept, key=lambda variant: fit(reader, variant))


def fit(reader: Reader, variant: Variant) -> float:
    """How well a text fits a reader, 0 (another channel or language) to 1 (persona and group of the first product)."""
    if variant[2:] != reader[2:]:
        return 0.0
    if variant.persona != reader.persona:
        return 1 / log2(SHOWN + 3) if variant.group == GENERAL else 0.0
    if variant.group in reader.groups:
        return 1 / log2(reader.groups.index(variant.group) + 2)
    return 1 / log2(SHOWN + 2) if variant.group == GENERAL else 0.0


def choose_variants(readers: Mapping[Reader, float], most: int) -> Selection:
    """Choose at most `most` texts: a general one per channel and language, then each time the one that adds most value.

    The value is submodular, so what is added greedily reaches at least 63 % of what the best choice would add. Where every reader
    can have the text of their first product's group, these are the texts.

    Args:
        readers: kind of reader -> expected value of writing to all of them.
    Raises:
        ConfigError: there are more combinations of channel and language than `most`; each needs a text.
    """
    if not readers:
        return Selection((), ())
    places = sorted({reader[2:] for reader in readers})
    if len(places) > most:
        raise ConfigError(_("max_variants is {most}, but the plan has {places} combinations of channel and language. "
                            "Allow at least as many."), most=most, places=len(places))
    # Everybody counts a little, so that readers worth nothing get a text that fits too.
    worth = {reader: max(value, 0.0) + 1e-9 for reader, value in sorted(readers.items())}
    order, shares = _greedy(worth, places, CURVE * most)
    own = {Variant(reader.persona, reader.groups[0], *reader[2:]) for reader in worth}
    kept = tuple(sorted(own)) if len(own) <= most else tuple(order[:most])
    return Selection(kept, tuple((number, share) for number, share in enumerate(shares, start=len(places))))


def _greedy(worth: Mapping[Reader, float], places: Sequence[tuple[str, ...]], most: int) -> tuple[list[Variant], list[float]]:
    """Texts in the order in which they add most value, and the share kept from the last general text on."""
    fits = _fits(worth)
    reached, best = dict.fromkeys(worth, 0.0), sum(worth.values())
    order = [max((variant for variant in fits if variant.group == GENERAL and variant[2:] == place),
                 key=lambda variant: (_gain(variant, fits, worth, reached), variant)) for place in places]
    for variant in order:
        reached |= fits[variant]
    shares = [sum(worth[reader] * share for reader, share in reached.items()) / best]
    # A gain only falls as texts are added: one that is still the largest after being looked at again is the next (Minoux 1978).
    waiting = [(-_gain(variant, fits, worth, reached), variant) for variant in fits if variant not in order]
    heapq.heapify(waiting)
    while waiting and len(order) < most:
        variant = heapq.heappop(waiting)[1]
        gain = _gain(variant, fits, worth, reached)
        if waiting and gain < -waiting[0][0]:
            heapq.heappush(waiting, (-gain, variant))
            continue
        if gain <= 1e-12 * best:
            break
        order.append(variant)
        reached |= {reader: max(reached[reader], share) for reader, share in fits[variant].items()}
        shares.append(shares[-1] + gain / best)
    return order, shares


def _fits(worth: Mapping[Reader, float]) -> dict[Variant, dict[Reader, float]]:
    """Every text that could be written, with the readers it fits."""
    personas: dict[tuple[str, ...], set[str]] = {}
    for reader in worth:
        personas.setdefault(reader[2:], set()).add(reader.persona)
    found: dict[Variant, dict[Reader, float]] = {}
    for reader in worth:
        own = [Variant(reader.persona, group, *reader[2:]) for group in dict.fromkeys(reader.groups)]
        general = [Variant(persona, GENERAL, *reader[2:]) for persona in sorted(personas[reader[2:]])]
        for variant in (*own, *general):
            found.setdefault(variant, {})[reader] = fit(reader, variant)
    return found


def _gain(variant: Variant, fits: Mapping[Variant, Mapping[Reader, float]], worth: Mapping[Reader, float], reached: Mapping[Reader, float]) -> float:
    return sum(worth[reader] * max(0.0, share - reached[reader]) for reader, share in fits[variant].items())
