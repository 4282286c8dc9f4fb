"""The brand kit: one YAML file per brand, read strictly, written so that a person can edit it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from brandloom.content.brand.scales import SCALES
from brandloom.content.strict import read_yaml
from brandloom.errors import ConfigError
from brandloom.i18n import _, say

LARGEST_KIT = 256_000
"""Most bytes a kit may have."""
NAME = re.compile(r"[^\W_][\w-]{0,39}")
UNKNOWN: Literal["unknown"] = "unknown"

Language = Literal["en", "zh"]
Channel = Literal["all", "email", "sms", "push", "social", "web", "ads"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Line = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\r\n]*$")]
Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\r\n]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Sender(_Strict):
    """Who messages of this brand come from; what is empty here is taken from `brandloom.toml`."""

    name: str = Field(default="", max_length=100, pattern=r"^[^\r\n]*$")
    email: str = Field(default="", max_length=254, pattern=r"^$|^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;.]+$")
    website: str = Field(default="", max_length=500, pattern=r"^$|^https?://[^\s\"'<>]+$")


class Logo(_Strict):
    """The brand's picture."""

    file: str = Field(default="", max_length=200)
    """PNG, JPEG or SVG, from the folder in which the kit lies."""
    url: str = Field(default="", max_length=500, pattern=r"^$|^https://[^\s\"'<>]+$")
    """Where the same picture stands on the web; a mail then links to it instead of carrying it."""
    alt: str = Field(default="", max_length=100, pattern=r"^[^\r\n]*$")
    width: int = Field(default=160, ge=24, le=600)
    """Points wide in a mail."""


class Colours(_Strict):
    """What a layout is painted in; every other shade is computed from these."""

    primary: Colour = "#0c5c50"
    """Buttons and what stands out."""
    page: Colour = "#f3efe8"
    """Ground around the sheet."""


class LegalNote(_Strict):
    """A sentence that has to stand at the foot."""

    language: Language
    channel: Channel = "all"
    text: Line


class Measured(_Strict):
    """One scale: the mean of the texts and the range in which eight of ten lie."""

    value: float | Literal["unknown"] = UNKNOWN
    usual: tuple[float, float] | None = None
    texts: int = Field(default=0, ge=0)
    """Texts behind the value; fewer than are needed make it unknown."""

    @field_validator("usual")
    @classmethod
    def _upwards(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError("give the lower end first")
        return value


class Habit(_Strict):
    """A choice of the brand, and how many texts show it."""

    value: Literal["you", "你", "您", "we", "I", "我们", "我", "mixed", "none", "never", "seldom", "often", "unknown"] = UNKNOWN
    texts: int = Field(default=0, ge=0)


class VoiceKit(_Strict):
    """How the brand speaks in one language."""

    texts: int = Field(default=0, ge=0)
    tone: str = Field(default="", max_length=300)
    """The tone in the company's own words; said from the scales where it is empty."""
    address: Habit = Habit()
    first_person: Habit = Habit()
    emoji: Habit = Habit()
    scales: dict[str, Measured] = Field(default_factory=dict)
    use: dict[Word, int] = Field(default_factory=dict, max_length=200)
    """Words it likes, each with the texts that hold it; 0 for a word added by hand."""
    avoid: tuple[Word, ...] = Field(default=(), max_length=500)
    """Words it never says: given by the company, never learned."""
    examples: tuple[Annotated[str, Field(min_length=1, max_length=600)], ...] = Field(default=(), max_length=20)
    """Texts of its own that stand for the rest."""
    habits: dict[Word, int] = Field(default_factory=dict, max_length=300)
    """Its most frequent words, each with the texts that hold it; from these a text's distance is measured."""
    distance: Measured = Measured()
    """How far its own texts lie from the kit; `usual` ends where nine of ten do."""

    @field_validator("use", "habits", mode="before")
    @classmethod
    def _words_alone(cls, value: object) -> object:
        return dict.fromkeys(value, 0) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value

    @field_validator("address", "first_person", "emoji", mode="before")
    @classmethod
    def _choice_alone(cls, value: object) -> object:
        return {"value": value} if isinstance(value, str) else value

    @field_validator("scales", mode="before")
    @classmethod
    def _value_alone(cls, value: object) -> object:
        return {name: {"value": item} if isinstance(item, int | float | str) else item for name, item in value.items()} if isinstance(value, dict) \
            else value

    @field_validator("scales")
    @classmethod
    def _known_scales(cls, value: dict[str, Measured]) -> dict[str, Measured]:
        known = [scale.name for scale in SCALES]
        for name in value:
            if name not in known:
                raise ValueError(f"there is no scale '{name}'; scales are {', '.join(known)}")
        return value


class BrandKit(_Strict):
    """One brand of a workspace."""

    name: str = Field(pattern=rf"^{NAME.pattern}$")
    sender: Sender = Sender()
    postal_address: str = Field(default="", max_length=300, pattern=r"^[^\r\n]*$")
    logo: Logo = Logo()
    colours: Colours = Colours()
    legal: tuple[LegalNote, ...] = Field(default=(), max_length=50)
    notes: str = Field(default="", max_length=2_000)
    """Whatever people want to remember; nothing reads it."""
    voice: dict[Language, VoiceKit] = Field(default_factory=dict)
    learned: dict[str, str] = Field(default_factory=dict)
    """Seals of what was learned, by which an edit is recognised. Not for editing."""

    def legal_notes(self, language: str, channel: str) -> tuple[str, ...]:
        """The notes of a language that stand in every channel or in this one."""
        return tuple(note.text for note in self.legal if note.language == language and note.channel in ("all", channel))


def read_kit(path: Path) -> BrandKit:
    """Read a kit.

    Raises:
        ConfigError: no such file, not YAML, an unknown key or a value that cannot be used; names file, key and what is allowed.
    """
    kit = read_yaml(path, BrandKit, most=LARGEST_KIT, unreadable=_("{path} cannot be read: {reason}. `brandloom brand learn` makes a kit."))
    if kit.name != path.stem:
        raise ConfigError(_("{path}: the kit is called '{name}', its file '{file}'. Give both the same name."), path=path, name=kit.name,
                          file=path.stem)
    return kit


def write_kit(kit: BrandKit, path: Path) -> None:
    """Write a kit in one step, so that no reader ever finds half of it."""
    head = say(_("Brand kit. Edit what you like: `brandloom brand learn` keeps your edits and says so; delete a line to have it learned again."))
    body = yaml.dump(_readable(kit), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=150)
    parts = path.with_suffix(f".{os.getpid()}.part")
    parts.write_text(f"# {head}\n{body}", encoding="utf-8")
    parts.replace(path)


def seal(value: object) -> str:
    """A short mark of a value by which a change is seen."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else list(value) if isinstance(value, tuple) else value
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:8]


class _OneLine(dict[str, Any]):
    """A mapping that is written in one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(_OneLine, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True))


def _readable(kit: BrandKit) -> dict[str, Any]:
    """The kit as plain values; what belongs together in one line, and nothing that says nothing."""
    content = kit.model_dump(mode="json", exclude_none=True)
    for language, voice in content["voice"].items():
        for name in ("address", "first_person", "emoji", "distance", "use", "habits"):
            voice[name] = _OneLine(voice[name])
        voice["scales"] = {name: _OneLine(value) for name, value in voice["scales"].items()}
        content["voice"][language] = voice
    content["legal"] = [_OneLine(note) for note in content["legal"]]
    content["learned"] = _OneLine(content["learned"])
    return dict(content)
