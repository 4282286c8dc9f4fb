"""Forms of copy: which parts each has, how long they may be, and how its channel counts."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

import yaml

from brandloom.errors import ConfigError
from brandloom.i18n import _

Unit = Literal["chars", "wide", "han", "sms"]
Label = Literal["mark", "foot", "none"]

GSM_7 = frozenset("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
                  "abcdefghijklmnopqrstuvwxyzäöñüà")
"""Characters of the basic set of GSM 03.38; one septet each."""
GSM_7_TWO = frozenset("^{}\\[~]|€\f")
"""Characters of its extension table; two septets each."""
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\u202f": " ", "•": "-", "×": "x"})


@dataclass(frozen=True)
class Part:
    """One part of a form, or a list of them where `most` is above one."""

    name: str
    low: int
    high: int
    unit: Unit
    hard: bool
    """True where the channel cuts or refuses what is longer; else it is what reads well."""
    least: int = 1
    most: int = 1
    calm: bool = False
    """No exclamation marks: the ad networks refuse them here."""

    @property
    def many(self) -> bool:
        return self.most > 1


@dataclass(frozen=True)
class Form:
    """A form of copy in one language."""

    name: str
    family: str
    """Which worked example the model is shown: mail, short, post, ads, line, description, bullets, page or reply."""
    label: Label
    """How the AI label is shown: a short mark in the text, at its foot outside the text's own length, or not at all where the
    shop's own page or the ad network carries it."""
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)


def form_names() -> list[str]:
    """Every form there is."""
    return sorted(_forms())


def form(name: str, language: str) -> Form:
    """A form of copy with its limits in a language.

    Raises:
        ConfigError: there is no such form; names those there are.
    """
    found = _forms().get(name.strip().lower().replace("-", "_").replace(" ", "_"))
    if found is None:
        close = difflib.get_close_matches(name, form_names(), n=3) or form_names()
        raise ConfigError(_("There is no format '{name}'. Known: {known}."), name=name, known=", ".join(close))
    parts = tuple(_part(key, content, language) for key, content in found["parts"].items())
    return Form(name, found["family"], cast(Label, found["label"]), parts)


def limited(form: Form, limits: Mapping[str, int | tuple[int, int]]) -> Form:
    """The same form with a shop's own limits: most characters per part, or (least, most); `all` sets every part's most.

    Raises:
        ConfigError: no part of that name, or a limit above what the channel takes.
    """
    parts = {part.name: part for part in form.parts}
    for name, value in limits.items():
        low, high = value if isinstance(value, tuple) else (None, value)
        chosen = list(parts) if name == "all" else [name]
        if not set(chosen) <= set(parts):
            raise ConfigError(_("limits: {form} has no part '{name}'; its parts are {known}."), form=form.name, name=name,
                              known=", ".join(parts))
        for one in chosen:
            parts[one] = _narrowed(form, parts[one], low, high)
    return replace(form, parts=tuple(parts.values()))


def _narrowed(form: Form, part: Part, low: int | None, high: int) -> Part:
    if part.hard and high > part.high:
        raise ConfigError(_("limits: {part} of {form} takes at most {most}, not {asked}."), part=part.name, form=form.name,
                          most=part.high, asked=high)
    least = min(part.low, high) if low is None else low
    if not 0 < least <= high:
        raise ConfigError(_("limits: {part} cannot be between {low} and {high} long."), part=part.name, low=least, high=high)
    return replace(part, low=least, high=high)


def length(text: str, unit: Unit) -> int:
    """How long a text is as its channel counts: characters, wide characters double, half ones half, or message segments."""
    text = unicodedata.normalize("NFC", text)
    if unit == "sms":
        return segments(text)
    if unit == "chars":
        return len(text)
    double = sum(1 + _is_wide(character) for character in text)
    return double if unit == "wide" else -(-double // 2)


def segments(text: str) -> int:
    """Number of SMS segments: 160 septets in one or 153 in each of several (GSM-7), else 70 or 67 UTF-16 units (UCS-2)."""
    if is_gsm(text):
        size, alone, joined = sum(2 if character in GSM_7_TWO else 1 for character in text), 160, 153
    else:
        size, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if size <= alone else -(-size // joined)


def is_gsm(text: str) -> bool:
    """Whether a text message can be sent in the short alphabet (GSM-7); one other character makes all of it UCS-2."""
    return all(character in GSM_7 or character in GSM_7_TWO for character in text)


def to_gsm(text: str) -> str:
    """The text in the letters of GSM-7 where that changes signs and accents only, else as it is: other letters cost twice the segments."""
    plain = "".join(_letter(letter) for letter in text.translate(_PLAIN))
    return plain if is_gsm(plain) else text


def _letter(letter: str) -> str:
    if is_gsm(letter):
        return letter
    return "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)) or letter


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _part(name: str, content: Mapping[str, Any], language: str) -> Part:
    low, high = content["length"][language]
    least, most = content.get("count", (1, 1))
    return Part(name, low, high, cast(Unit, content.get("unit", "chars")), content["limit"] == "hard", least, most,
                bool(content.get("calm", False)))


@cache
def _forms() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.studio").joinpath("formats.yaml").read_text("utf-8"))
    return content
