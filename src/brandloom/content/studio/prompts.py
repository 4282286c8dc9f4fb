"""What the studio tells a model: one system text per language, two worked examples per family of forms, then the brief."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from brandloom.content.studio.asked import Asked
from brandloom.content.studio.formats import Form, Part
from brandloom.llm import Message


@cache
def _content() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.studio").joinpath("prompts.yaml").read_text("utf-8"))
    return content


def angles(language: str) -> dict[str, str]:
    """Angle -> how the model is told of it, in the order in which they are tried."""
    found: dict[str, str] = _content()[language]["angles"]
    return found


def example_marks(language: str) -> Sequence[str]:
    """Words that are true of the worked example only."""
    return tuple(_content()[language]["marks"])


def conversation(asked: Asked, form: Form, angle: str, room: dict[str, int], *, forbidden: Sequence[str] = ()) -> list[Message]:
    """System text, worked examples and request.

    Args:
        room: most characters per part.
        forbidden: words of earlier tries that no fact bears out.
    """
    words = _content()[asked.lang]
    examples = [words[kind][form.family] for kind in ("examples", "more_examples") if form.family in words[kind]]
    messages = [Message("system", words["system"].strip())]
    # A small model follows the last example most, so one with the angle that is asked for stands there.
    for example in sorted(examples, key=lambda one: bool(one["angle"] == angle)):
        answer = {part.name: _example_value(part, example["answer"][part.name]) for part in form.parts}
        shown = _request(asked.lang, form, example["facts"].splitlines(), "", words["angles"][example["angle"]], room)
        messages += [Message("user", shown), Message("assistant", json.dumps(answer, ensure_ascii=False))]
    return [*messages, Message("user", _request(asked.lang, form, asked.fact_lines(), _extras(asked, forbidden), words["angles"][angle], room))]


def _request(language: str, form: Form, facts: Sequence[str], extras: str, angle: str, room: dict[str, int]) -> str:
    words = _content()[language]
    text: str = words["request"].strip()
    lengths = ("；" if language == "zh" else "; ").join(_length(words["lengths"], part, room[part.name]) for part in form.parts)
    for name, value in (("form", words["forms"][form.name]), ("facts", "\n".join(facts)), ("extras", extras), ("angle", angle),
                        ("lengths", lengths)):
        text = text.replace("{" + name + "}", value)
    return text


def _length(words: dict[str, str], part: Part, most: int) -> str:
    if part.unit == "sms":
        return words["sms"].format(part=part.name, chars=most)
    high = most // 2 if part.unit == "wide" and words is _content()["zh"]["lengths"] else most
    low = min(part.low, high)
    if part.many:
        return words["many"].format(part=part.name, least=part.least, most=min(part.most, part.least + 2), low=low, high=high)
    return words["one"].format(part=part.name, low=low, high=min(high, max(3 * low, 300)))


def _extras(asked: Asked, forbidden: Sequence[str]) -> str:
    comma = "、" if asked.lang == "zh" else ", "
    values = {"persona": asked.persona, "tone": asked.voice.tone, "use": comma.join(asked.voice.use[:8]),
              "must_say": comma.join(asked.must_say), "avoid": comma.join([*forbidden[-8:], *asked.must_not_say, *asked.voice.avoid][:16]),
              "example": asked.voice.examples[0][:200] if asked.voice.examples else "",
              "replying_to": asked.replying_to[:1500].replace("<<<", "").replace(">>>", "")}
    lines = [_content()[asked.lang]["extras"][name].replace("{value}", " ".join(value.split())) for name, value in values.items() if value]
    return "".join(line + "\n" for line in lines)


def _example_value(part: Part, value: str | list[str]) -> str | list[str]:
    return value if isinstance(value, str) or part.many else value[0]
