"""What a model is told of a campaign's text: one system text and three worked examples per language, then theme, reader and goal.

The examples are made for the theme, the reader and the angle that are asked for, from frames and moments (`data/openings.yaml`), because a
small model writes what it was just shown: carried over from another trade, an example becomes nonsense.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal, cast

import yaml

from brandloom.content.brand import BrandKit
from brandloom.content.brief import Brief
from brandloom.content.facts import Request, plain_text
from brandloom.content.studio.asked import Asked, Voice
from brandloom.llm import Message
from brandloom.recommend import GENERAL, theme_of

ROOM: dict[str, dict[str, dict[str, int]]] = {"email": {"body": {"en": 320, "zh": 110}}, "sms": {"text": {"en": 70, "zh": 24}},
                                         "push": {"text": {"en": 80, "zh": 28}, "title": {"en": 46, "zh": 20}}}
"""Most characters of parts of the opening, in which the sentences on the product and the offer are not counted."""
FORMS = {"email": "email", "sms": "slogan", "push": "push"}
"""The studio's form that an opening has: of a text message it is one line."""


EXAMPLES = 3
"""Worked examples a request comes with."""


@dataclass(frozen=True)
class Opening:
    """One opening to be written."""

    asked: Asked
    """What the gate judges it by."""
    angle: str
    shown: str
    """The theme, and names of the products that stand for it: all that may be offered."""
    request: str
    """The last message to the model."""
    examples: tuple[tuple[str, dict[str, str]], ...]
    """Worked examples: a request, and its answer as part -> text; the last has the angle that is asked for."""

    def conversation(self, parts: Collection[str], forbidden: Sequence[str]) -> list[Message]:
        """System text, worked examples and request.

        Args:
            parts: those the form has.
            forbidden: words of earlier tries that no fact bears out.
        """
        words = _content()[self.asked.lang]
        messages = [Message("system", words["system" if "body" in parts else "short_system"].strip())]
        for request, answer in self.examples:
            messages += [Message("user", request), Message("assistant", json.dumps({part: answer[part] for part in parts}, ensure_ascii=False))]
        avoid = "\n" + words["avoid"].replace("{words}", ", ".join(forbidden[-8:])) if forbidden else ""
        return [*messages, Message("user", self.request + avoid)]


def opening(brief: Brief, request: Request, *, kit: BrandKit | None = None) -> Opening:
    """The opening of one text of a campaign. Texts for the same people each have another angle.

    Args:
        kit: of the brand that speaks.
    """
    language, words = request.language, _content()[request.language]
    reader = words["readers"].get(request.persona.key, {})
    label = plain_text(request.persona.label_zh if language == "zh" else request.persona.label_en)
    general = request.group.key == GENERAL
    theme = words["general"] if general else plain_text(request.group.label).lower()
    told, facts = reader.get("told", label), [plain_text(fact.text) for fact in brief.facts]
    voice = Voice(tone="" if kit and "tone" not in brief.model_fields_set else ", ".join(brief.tone))
    # As fields of a record they bear out no code and no discount, whatever a category is called.
    record = {"theme": theme, "reader": told}
    limits: dict[str, int | tuple[int, int]] = {part: room[language] for part, room in ROOM[request.channel].items()}
    asked = Asked(lang=cast(Literal["en", "zh"], language), format=FORMS[request.channel], products=(record,), facts=tuple(facts), persona=told,
                  voice=voice, limits=limits, must_not_say=tuple(reader.get("never", ())))
    asked = asked if kit is None else asked.with_kit(kit)
    voice = asked.voice
    angle = _angle(request, list(words["angles"]), list(words["readers"]))
    also = words["also"].replace("{facts}", "; ".join(facts)) if facts else ""
    if voice.examples:
        also += words["voice"].replace("{example}", " ".join(voice.examples[0].split())[:200]) + "\n"
    values = {"theme": theme, "also": also, "reader": told, "goal": words["goals"][brief.goal], "tone": voice.tone or words["tone"]}
    order = [*(other for other in words["angles"] if other != angle), angle][-EXAMPLES:]
    place = words["from"].replace("{theme}", theme) if not general else words["general_from"]
    shelf = words["shelves"][reader.get("shelf", "plain")].replace("{from}", place)
    examples = [(_request(words, {**values, "also": "", "angle": words["angles"][other]}),
                 {part: _filled(text, moment=moment, shelf=shelf, **{"from": place}) for part, text in words["frames"][other].items()})
                for other, moment in zip(order, _moments(request), strict=False)]
    shown = " / ".join([*([] if general else [plain_text(request.group.label)]), *(product.display for product in request.group.products), *facts])
    return Opening(asked, angle, shown, _request(words, {**values, "angle": words["angles"][angle]}), tuple(examples))


def marks(language: str) -> Sequence[str]:
    """Words of the orders that are no copy."""
    return tuple(_content()[language]["marks"])


def _moments(request: Request) -> list[str]:
    """Moments of the request's theme; those of no theme in particular where it is none we know. Texts begin at different ones."""
    known = _content()[request.language]["moments"]
    theme = theme_of(request.group.label) if request.group.key != GENERAL else None
    key = request.group.key if request.group.key in known else theme.key if theme and theme.key in known else "general"
    at = _number(request.key) % len(known[key])
    return [*known[key][at:], *known[key][:at]]


def _filled(text: str, **values: str) -> str:
    """A frame with its moment; a moment that begins a sentence begins with a capital."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text[:1].upper() + text[1:]


def _request(words: dict[str, Any], values: dict[str, str]) -> str:
    text: str = words["request"]
    for name in ("theme", "also", "reader", "goal", "tone", "angle"):
        text = text.replace("{" + name + "}", values[name])
    return text


def _angle(request: Request, known: Sequence[str], readers: Sequence[str]) -> str:
    """The same text keeps its angle from plan to plan; texts for the same people differ in it, and so do personas told of one theme."""
    place = readers.index(request.persona.key) if request.persona.key in readers else 0
    return known[(_number(request.cell.partition("/")[2]) + place + request.number) % len(known)]


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


@cache
def _content() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content").joinpath("data", "openings.yaml").read_text("utf-8"))
    return content
