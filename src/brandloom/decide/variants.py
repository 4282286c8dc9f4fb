"""Keeping the number of texts small: rare combinations join a larger one, so that model calls never grow with customers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.recommend import GENERAL


class Variant(NamedTuple):
    """One text to be written."""

    persona: str
    group: str
    channel: str
    language: str

    @property
    def key(self) -> str:
        return "/".join(self)


def keep_variants(wanted: Counter[Variant], most: int) -> frozenset[Variant]:
    """The variants to write, at most `most`: the rarest is given up again and again until the rest fits.

    A given-up variant's people fall back to the general text of their persona; when only general texts are left and they are
    still too many, the rarest persona joins the most common one of the same channel and language.

    Raises:
        ConfigError: there are more channels and languages than `most`.
    """
    left = Counter(wanted)
    places = {(v.channel, v.language) for v in left}
    if len(places) > most:
        raise ConfigError(_("max_variants is {most}, but the plan has {places} combinations of channel and language. "
                            "Allow at least as many."), most=most, places=len(places))
    while len(left) > most:
        rarest = min(left, key=lambda v: (v.group == GENERAL, left[v] if v.group != GENERAL or _shared(v, left) else 1 << 62, v))
        people = left.pop(rarest)
        left[_fallback(rarest, left)] += people
    return frozenset(left)


def _shared(variant: Variant, left: Counter[Variant]) -> bool:
    """Whether another text is there for the same channel and language."""
    return sum(v[2:] == variant[2:] for v in left) > 1


def _fallback(variant: Variant, left: Counter[Variant]) -> Variant:
    general = variant._replace(group=GENERAL)
    if general != variant:
        return general
    return min((v for v in left if v[2:] == variant[2:]), key=lambda v: (-left[v], v))


def assign(variant: Variant, groups: Sequence[str], kept: frozenset[Variant], sizes: Counter[Variant]) -> Variant:
    """The kept variant for one person: their own, else that of their next-best product group, else the general text.

    Args:
        groups: groups of the products this person is shown, best first.
    """
    for group in groups:
        candidate = variant._replace(group=group)
        if candidate in kept:
            return candidate
    general = variant._replace(group=GENERAL)
    if general in kept:
        return general
    return min((v for v in kept if v[2:] == variant[2:]), key=lambda v: (v.group != GENERAL, -sizes[v], v))
