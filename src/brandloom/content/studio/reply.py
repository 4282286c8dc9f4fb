"""Reading what a model replied."""

from __future__ import annotations

import json
import re


def read_reply(text: str, language: str) -> object:
    """The parts out of a reply: a JSON object, alone or in a fence, its typography tidied; else the text itself."""
    body = re.sub(r"^\s*```(?:json)?|```\s*$", "", text)
    try:
        parts = json.loads(body[body.find("{"):body.rfind("}") + 1] if "{" in body else body)
    except (ValueError, RecursionError):
        return text
    if not isinstance(parts, dict):
        return text
    return {name: tidy(value, language) if isinstance(value, str) else value for name, value in parts.items()}


def tidy(text: str, language: str) -> str:
    """One line with even spacing; in Chinese, full-width marks after Chinese characters and slots without spaces around."""
    text = " ".join(text.split())
    text = re.sub(r"\{\{\s*([a-z_.]+)\s*\}\}", r"{{ \1 }}", text)
    if language != "zh":
        return text
    for mark, wide in ((",", "，"), ("!", "！"), ("?", "？"), (":", "："), (";", "；")):
        text = re.sub(rf"(?<=[\u4e00-\u9fff}}]){re.escape(mark)}\s*", wide, text)
    return re.sub(r"(?<=[\u4e00-\u9fff}])\.(?=\s|$)\s*", "。", text)
