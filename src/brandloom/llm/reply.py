"""Read what endpoints really send back: content as text or parts, thoughts before the answer, JSON inside prose."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_THOUGHT = re.compile(r"\A\s*<think>.*?(</think>|\Z)\s*", re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """The first choice of a chat completion."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    first: Mapping[str, float] | None = None
    """Token -> probability of it standing first."""


def read_reply(answer: object) -> Reply | None:
    """Read the body of a chat completion; None when it holds no text and does not say that it was cut before any.

    Reasoning, whether in its own field or as a `<think>` block before the answer, is not part of the text.
    """
    body: dict[str, Any] = answer if isinstance(answer, dict) else {}
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    text = _THOUGHT.sub("", _content_text(message.get("content") if isinstance(message, dict) else None)).strip()
    finish_reason = str(choice.get("finish_reason") or "stop")
    if not text and finish_reason not in ("length", "content_filter"):
        return None
    prompt_tokens, completion_tokens = read_usage(answer)
    return Reply(text=text, model=str(body.get("model") or ""), prompt_tokens=prompt_tokens or 0,
                 completion_tokens=completion_tokens or 0, finish_reason=finish_reason, first=_first_tokens(choice))


def read_usage(answer: object) -> tuple[int | None, int | None]:
    """Prompt and completion tokens of the body of a chat completion; None where it does not tell them."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    counts = usage if isinstance(usage, dict) else {}
    return _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))


def extract_json(text: str) -> str:
    """The JSON object or array in a text, as it stands there; the text itself when there is none.

    Example:
        >>> extract_json('Here you are: ```json\\n{"subject": "Hi"}\\n``` Enjoy!')
        '{"subject": "Hi"}'
    """
    decoder = json.JSONDecoder()
    for match in re.finditer(r"[{\[]", text):
        try:
            _value, end = decoder.raw_decode(text, match.start())
        except ValueError:
            continue
        return text[match.start():end]
    return text


def _first_tokens(choice: Mapping[str, Any]) -> dict[str, float] | None:
    """The likeliest first tokens, where the choice tells them."""
    told = choice.get("logprobs")
    places = told.get("content") if isinstance(told, dict) else None
    place = places[0] if isinstance(places, list) and places and isinstance(places[0], dict) else {}
    rows = place.get("top_logprobs")
    found = dict[str, float]()
    for row in rows if isinstance(rows, list) else ():
        token, chance = (row.get("token"), row.get("logprob")) if isinstance(row, dict) else (None, None)
        if isinstance(token, str) and isinstance(chance, int | float) and chance <= 0:
            found[token] = found.get(token, 0.0) + math.exp(chance)
    return found or None


def _content_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in ("text", "output_text")]
    return "".join(part for part in parts if isinstance(part, str))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
