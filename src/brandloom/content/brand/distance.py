"""How far a text lies from a voice: scale by scale, and in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brandloom.content.brand.kit import Measured, VoiceKit
from brandloom.content.brand.reading import EMOJI, frequencies
from brandloom.content.brand.scales import Counted, Scale, scales_of
from brandloom.content.brand.vocabulary import PRIOR
from brandloom.content.checks import Finding, check_words
from brandloom.content.checks.finding import finding
from brandloom.i18n import _, say

FARTHEST = 25.0
"""A single scale weighs at most five spreads, squared."""
WORDS_WEIGHT = 4.0
"""Weight of the words beside the scales, chosen on the development half of `benchmarks/brand.py`."""
FAR = 2.0
"""Spreads outside of which a scale is a caution."""
_TINY = 1e-8
"""Share of a word that no list holds."""


@dataclass(frozen=True)
class Reading:
    """One scale of a text beside the brand's own."""

    scale: str
    value: float
    usual: tuple[float, float]
    far: bool
    texts: int


@dataclass(frozen=True)
class Comparison:
    """A text beside a voice."""

    language: str
    distance: float | None
    """0 in the middle of the brand's own texts, 1 where nine of ten of them lie within; None where the voice is unknown."""
    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]


def compare(voice: VoiceKit, text: str, language: str) -> Comparison:
    """Measure a text against a voice; what is unknown of the voice is left out."""
    counted = Counted(text, language)
    known = [(scale, voice.scales[scale.name], value) for scale in scales_of(language)
             if scale.name in voice.scales and voice.scales[scale.name].usual is not None and (value := scale.value(counted)) is not None]
    readings = tuple(Reading(scale.name, round(value, 2), measured.usual or (0.0, 0.0), _far(scale, measured, value), measured.texts)
                     for scale, measured, value in known)
    own, distance = voice.distance, None
    if own.usual is not None and isinstance(own.value, float):
        distance = round((distance_of(voice, counted) - own.value) / max(own.usual[1] - own.value, 0.1), 2)
    return Comparison(language, distance, readings, tuple(check_voice(text, voice, language)))


def distance_of(voice: VoiceKit, counted: Counted) -> float:
    """Mean squared distance over the scales, each in spreads of the brand's texts, less the weight of evidence of its words.

    The words' part is the mean log-likelihood ratio of the text's words under the brand's habits against the language at large.
    """
    squares = [min(_spreads(scale, voice.scales[scale.name], value) ** 2, FARTHEST) for scale in scales_of(counted.language)
               if scale.name in voice.scales and voice.scales[scale.name].usual is not None and (value := scale.value(counted)) is not None]
    return (float(np.mean(squares)) if squares else 1.0) - WORDS_WEIGHT * _evidence(voice.habits, counted)


def check_voice(text: str, voice: VoiceKit, language: str, *, place: str = "text") -> list[Finding]:
    """Cautions where a text leaves the voice, and objections to words that the brand avoids."""
    return [*check_words(text, avoid=voice.avoid, place=place), *voice_cautions(text, voice, language, place=place)]


def voice_cautions(text: str, voice: VoiceKit, language: str, *, place: str = "text") -> list[Finding]:
    """Scales far from the brand's, the other form of address, emoji where the brand uses none."""
    counted, found = Counted(text, language), list[Finding]()
    for scale in scales_of(language):
        measured, value = voice.scales.get(scale.name), scale.value(counted)
        if measured is None or measured.usual is None or value is None or not _far(scale, measured, value):
            continue
        found.append(finding("voice", "caution", place, f"{value:g}", _("{scale}: {value} {unit}; the brand's texts have {low} to {high}."),
                             scale=say(scale.title), value=f"{value:.1f}", unit=say(scale.unit), low=f"{measured.usual[0]:g}",
                             high=f"{measured.usual[1]:g}"))
    other = {"您": "你", "你": "您"}.get(voice.address.value)
    if other is not None and other in text:
        found.append(finding("voice", "caution", place, other, _("The brand calls the reader {form}; '{excerpt}' stands here."),
                             form=voice.address.value))
    if voice.emoji.value == "never" and (mark := EMOJI.search(text)):
        found.append(finding("voice", "caution", place, mark.group(), _("The brand uses no emoji; '{excerpt}' stands here.")))
    return found


def _spreads(scale: Scale, measured: Measured, value: float) -> float:
    """Distance from the mean in spreads; eight of ten values of a normal spread lie within 1.28 of it to each side."""
    assert measured.usual is not None
    middle = measured.value if isinstance(measured.value, float) else sum(measured.usual) / 2
    return (value - middle) / max((measured.usual[1] - measured.usual[0]) / 2.56, scale.step)


def _far(scale: Scale, measured: Measured, value: float) -> bool:
    assert measured.usual is not None
    outside = max(measured.usual[0] - value, value - measured.usual[1])
    return outside > scale.step and abs(_spreads(scale, measured, value)) > FAR


def _evidence(habits: Mapping[str, int], counted: Counted) -> float:
    if not habits or not counted.words:
        return 0.0
    common, total = frequencies(counted.language), sum(habits.values())
    ratios = []
    for word in counted.words:
        share = common.get(word, _TINY)
        ratios.append(math.log((habits.get(word, 0) + PRIOR * share) / ((total + PRIOR) * share)))
    return float(np.mean(ratios))
