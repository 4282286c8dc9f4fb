"""What a model is told of a campaign's text: one system text and a few worked examples per language, then theme, reader and goal.

The examples are of several trades and say nothing of the things themselves, so that a small model which copies them still tells no
untruth; the words of their trades may not come back (`marks`).
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
from brandloom.recommend import GENERAL

ROOM: dict[str, dict[str, dict[str, int]]] = {"email": {"body": {"en": 320, "zh": 110}}, "sms": {"text": {"en": 70, "zh": 24}},
                                         "push": {"text": {"en": 80, "zh": 28}, "title": {"en": 46, "zh": 20}}}
"""Most characters of parts of the opening, in which the sentences on the product and the offer are not counted."""
FORMS = {"email": "email", "sms": "slogan", "push": "push"}
"""The studio's form that an opening has: of a text message it is one line."""


@dataclass(frozen=True)
class Opening:
    """One opening to be written."""

    asked: Asked
    """What the gate judges it by."""
    angle: str
    general: bool
    """Whether it is about no one theme."""
    request: str
    """The last message to the model."""
    cell: str
    """The people it is for; see `Request.cell`."""
    shown: str
    """The theme, and names of the products that stand for it: all that may be offered."""

    def conversation(self, parts: Collection[str], forbidden: Sequence[str]) -> list[Message]:
        """System text, worked examples and request. All but the last message is the same for openings of one kind and angle.

        Args:
            parts: those the form has.
            forbidden: words of earlier tries that no fact bears out.
        """
        words = _words(self.asked.lang, short="body" not in parts)
        messages = [Message("system", words["system"].strip())]
        examples = words["general_examples" if self.general else "examples"]
        # A small model follows the last example most, so one with the angle that is asked for stands there.
        shown = [(angle, known[0]) for angle, known in examples.items() if angle != self.angle]
        for angle, example in [*shown, (self.angle, _nearest(examples[self.angle], self.asked.persona, self.cell))]:
            answer = {part: example[part] for part in parts}
            messages += [Message("user", _request(words, {**example, "also": "", "tone": words["tone"], "angle": words["angles"][angle]})),
                         Message("assistant", json.dumps(answer, ensure_ascii=False))]
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
    values = {"theme": theme, "also": also, "reader": told, "goal": words["goals"][brief.goal], "tone": voice.tone or words["tone"],
              "angle": words["angles"][angle]}
    shown = " / ".join([*([] if general else [plain_text(request.group.label)]), *(product.display for product in request.group.products), *facts])
    return Opening(asked, angle, general, _request(words, values), request.cell, shown)


def marks(language: str) -> Sequence[str]:
    """Words that are true of the worked examples only."""
    return tuple(_content()[language]["marks"])


def _request(words: dict[str, Any], values: dict[str, str]) -> str:
    text: str = words["request"]
    for name in ("theme", "also", "reader", "goal", "tone", "angle"):
        text = text.replace("{" + name + "}", values[name])
    return text


def _angle(request: Request, known: Sequence[str], readers: Sequence[str]) -> str:
    """The same text keeps its angle from plan to plan; texts for the same people differ in it, and so do personas told of one theme."""
    place = readers.index(request.persona.key) if request.persona.key in readers else 0
    return known[(_number(request.cell.partition("/")[2]) + place + request.number) % len(known)]


def _nearest(examples: Sequence[dict[str, str]], reader: str, cell: str) -> dict[str, str]:
    """One written to the same reader, else any, so that not every shop's mail is modelled on the same one."""
    same = [example for example in examples if example["reader"] == reader]
    return same[0] if same else examples[_number(cell) % len(examples)]


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def _words(language: str, *, short: bool) -> dict[str, Any]:
    """What is said of mail; of a text message the examples and the orders are its own."""
    return _content()[language] | (_content("openings_short")[language] if short else {})


@cache
def _content(name: str = "openings") -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content").joinpath("data", f"{name}.yaml").read_text("utf-8"))
    return content
