"""What the model is told: one system text and one worked example per language, the same bytes for every request.

The texts are data (`en.yaml`, `zh.yaml`). The example belongs to another trade than the shop's, so that a fact copied from it
shows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def prompt(language: str) -> dict[str, Any]:
    """The prompt of one language: system, example, angles, goals, what to avoid."""
    text = files("brandloom.content").joinpath("prompts", f"{language}.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def example_answer(language: str) -> dict[str, str]:
    """What the worked example answers."""
    answer: dict[str, str] = prompt(language)["example"]["answer"]
    return answer


def example_facts(language: str) -> Sequence[str]:
    """Words that are true of the example's shop only, lower case."""
    return tuple(prompt(language)["example"]["marks"])


def prefix(language: str) -> tuple[str, str, str]:
    """System text, the example's request and its answer: the part that every request of a language shares."""
    content = prompt(language)
    answer = json.dumps(example_answer(language), ensure_ascii=False, separators=(", ", ": "))
    return content["system"].strip(), content["example"]["request"].strip(), answer


def angle(language: str, persona: str) -> str | None:
    """How to speak to a persona we know; None for one we do not."""
    found: str | None = prompt(language)["angles"].get(persona)
    return found


def goal(language: str, name: str) -> str:
    """What the text is for."""
    text: str = prompt(language)["goals"][name]
    return text
