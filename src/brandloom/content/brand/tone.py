"""A voice in a few words that a model, or a person, can write by."""

from __future__ import annotations

from brandloom.content.brand.kit import VoiceKit
from brandloom.i18n import _, translate

_LOW_HIGH = {
    "formality": (-2.0, 2.0, _("casual"), _("formal")),
    "warmth": (0.5, 2.5, _("matter-of-fact"), _("warm")),
    "energy": (1.5, 5.0, _("calm"), _("lively")),
}
"""Scale, the value up to which the first word holds, the value from which the second does; between them neither is said."""
_SHORT_LONG = {"en": (10.0, 20.0), "zh": (16.0, 35.0)}


def tone_of(voice: VoiceKit, language: str) -> str:
    """The tone as the company put it, or else said from the scales that are known; '' where none is."""
    if voice.tone:
        return voice.tone
    said = []
    for name, (low, high, below, above) in _LOW_HIGH.items():
        value = _value(voice, name)
        if value is not None and not low < value < high:
            said.append(translate(below if value <= low else above, language))
    length = _value(voice, "sentence_length")
    if length is not None:
        short, long = _SHORT_LONG[language]
        template = _("short sentences, about {count} words") if length <= short else _("long sentences, about {count} words") if length >= long \
            else _("sentences of about {count} words")
        said.append(translate(template, language).format(count=round(length)))
    if _value(voice, "exclamations") == 0:
        said.append(translate(_("no exclamation marks"), language))
    if voice.address.value in ("你", "您", "you"):
        said.append(translate(_("call the reader '{form}'"), language).format(form=voice.address.value))
    if voice.first_person.value in ("we", "I", "我们", "我"):
        said.append(translate(_("speak as '{form}'"), language).format(form=voice.first_person.value))
    return ("，" if language == "zh" else ", ").join(said)


def _value(voice: VoiceKit, scale: str) -> float | None:
    measured = voice.scales.get(scale)
    return measured.value if measured is not None and not isinstance(measured.value, str) else None
