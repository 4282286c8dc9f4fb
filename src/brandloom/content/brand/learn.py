"""A voice learned from a company's own texts, and what a person has edited kept when it is learned again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from brandloom.content.brand.distance import distance_of
from brandloom.content.brand.kit import UNKNOWN, BrandKit, Habit, Measured, VoiceKit, seal
from brandloom.content.brand.reading import EMOJI
from brandloom.content.brand.scales import Counted, scales_of
from brandloom.content.brand.vocabulary import favoured, frequent, medoids, passages, usable

LEAST_TEXTS = 5
"""Texts from which a scale is measured."""
LEAST_FOR_NEVER = 10
"""Texts from which 'never' is said: of fewer, three in ten could still hold it and none show it (95 %)."""
_LEARNED = ("address", "first_person", "emoji", "use", "examples", "habits", "distance")


@dataclass(frozen=True)
class Learned:
    """A kit after learning, and what of it was left as a person had written it."""

    kit: BrandKit
    kept: tuple[str, ...]
    """Places such as 'en.use' whose edits won over what was learned."""


def learn_kit(before: BrandKit, texts: Mapping[str, Sequence[str]]) -> Learned:
    """Learn the voice of each language that there are texts in; everything else of the kit stays.

    A value that differs from what was last learned was edited by a person, and stays; one that is no longer in the file is learned again.

    Args:
        before: the kit as it stands, or one with a name only.
        texts: language -> texts, personal data masked.
    """
    voices, seals, kept = dict(before.voice), dict(before.learned), list[str]()
    for language, group in texts.items():
        fresh = learn_voice(group, language)
        old = before.voice.get(language, VoiceKit())  # type: ignore[call-overload]
        values: dict[str, Any] = {"texts": fresh.texts, "tone": old.tone, "avoid": old.avoid}
        scales = dict(fresh.scales)
        for name in scales:
            if name in old.scales and _edited(old.scales[name], before.learned.get(f"{language}.scales.{name}"), Measured()):
                kept.append(f"{language}.scales.{name}")
                scales[name] = old.scales[name]
            else:
                seals[f"{language}.scales.{name}"] = seal(fresh.scales[name])
        for name in _LEARNED:
            place, value = f"{language}.{name}", getattr(fresh, name)
            if name in old.model_fields_set and _edited(getattr(old, name), before.learned.get(place), VoiceKit.model_fields[name].get_default(
                    call_default_factory=True)):
                kept.append(place)
                value = getattr(old, name)
            else:
                seals[place] = seal(value)
            values[name] = value
        kept += [f"{language}.{name}" for name in ("tone", "avoid") if values[name]]
        voices[language] = VoiceKit(**values, scales=scales)  # type: ignore[index]
    return Learned(before.model_copy(update={"voice": voices, "learned": seals}), tuple(kept))


def learn_voice(texts: Sequence[str], language: str) -> VoiceKit:
    """Measure a voice; a value with too few texts behind it is 'unknown'."""
    counted = [Counted(text, language) for text in texts]
    spoken = [text.words for text in counted]
    use = usable(favoured(spoken, language), texts, language) if len(texts) >= LEAST_TEXTS else []
    examples = medoids(passages(texts, language))
    voice = VoiceKit(
        texts=len(texts), scales={scale.name: _measured([scale.value(text) for text in counted]) for scale in scales_of(language)},
        address=_address(counted, language), first_person=_first_person(counted, language), emoji=_emoji(texts),
        use={item.word: item.texts for item in use}, examples=tuple(examples), habits=frequent(spoken, texts, language))
    if len(texts) < LEAST_TEXTS:
        return voice
    far = [distance_of(voice, text) for text in counted]
    return voice.model_copy(update={"distance": Measured(value=round(float(np.mean(far)), 2), texts=len(texts),
                                                         usual=(round(float(min(far)), 2), round(float(np.quantile(far, 0.9)), 2)))})


def _edited(value: object, sealed: str | None, empty: object) -> bool:
    """True when a value is neither what was learned nor nothing at all; without a seal only nothing counts as untouched."""
    return value != empty if sealed is None else seal(value) != sealed


def _measured(values: Sequence[float | None]) -> Measured:
    known = [value for value in values if value is not None]
    if len(known) < LEAST_TEXTS:
        return Measured(texts=len(known))
    low, high = np.quantile(known, (0.1, 0.9))
    return Measured(value=round(float(np.mean(known)), 2), usual=(round(float(low), 2), round(float(high), 2)), texts=len(known))


def _address(counted: Sequence[Counted], language: str) -> Habit:
    """What the reader is called, in the texts that call them anything."""
    if language == "en":
        said = sum(text.of("you") > 0 for text in counted)
        return _choice({"you": said}, len(counted))
    return _choice({"您": sum("您" in text.text for text in counted), "你": sum("你" in text.text for text in counted)}, len(counted))


def _first_person(counted: Sequence[Counted], language: str) -> Habit:
    many, one = (("we", "us", "our", "ours", "we're", "we've", "we'll"), ("i", "me", "my", "mine", "i'm", "i've", "i'll")) if language == "en" \
        else (("我们", "咱们", "本店", "小店"), ("我",))
    names = ("we", "I") if language == "en" else ("我们", "我")
    return _choice({name: sum(not set(group).isdisjoint(text.words) for text in counted) for name, group in zip(names, (many, one), strict=True)},
                   len(counted))


def _choice(said: Mapping[str, int], texts: int) -> Habit:
    """The form that nine of ten texts with any of them use; 'none' where hardly a text does."""
    total = sum(said.values())
    if texts < LEAST_TEXTS or total < LEAST_TEXTS:
        return Habit(value="none" if texts >= 2 * LEAST_FOR_NEVER and total * 20 < texts else UNKNOWN, texts=texts if total == 0 else total)
    name = max(said, key=lambda form: said[form])
    return Habit.model_validate({"value": name if said[name] >= 0.9 * total else "mixed", "texts": total})


def _emoji(texts: Sequence[str]) -> Habit:
    if len(texts) < LEAST_FOR_NEVER:
        return Habit(texts=len(texts))
    share = sum(bool(EMOJI.search(text)) for text in texts) / len(texts)
    return Habit(value="never" if share == 0 else "often" if share >= 0.3 else "seldom", texts=len(texts))
