"""What a fact is about and what a question asks for, so that one finds the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

OTHER = "other"


@dataclass(frozen=True)
class Topic:
    """One matter: its fields by name, what answers whom, and per language its heading and its question."""

    name: str
    key: re.Pattern[str] | None
    answers: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
    """How a customer asks, and how a field or a sentence that answers just this is worded."""
    headings: Mapping[str, str]
    questions: Mapping[str, str]


@cache
def topics() -> dict[str, Topic]:
    """Every topic, in the order in which a page tells of them."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.articles").joinpath("topics.yaml").read_text("utf-8"))
    return {name: Topic(name, re.compile(row["key"], re.IGNORECASE) if row["key"] else None,
                        tuple((re.compile(ask, re.IGNORECASE), re.compile(key, re.IGNORECASE)) for ask, key in row["answers"]),
                        {language: row[language][0] for language in ("en", "zh")},
                        {language: row[language][1] for language in ("en", "zh")}) for name, row in content.items()}


def topic_of_key(key: str) -> str:
    """The topic of a field by its name."""
    plain = key.replace("_", " ")
    return next((topic.name for topic in topics().values() if topic.key and topic.key.search(plain)), OTHER)


def answers(question: str, key: str, value: str) -> bool:
    """Whether a fact answers a question or serves a keyword: its field's name does, or the sentence where it has none."""
    said = key.replace("_", " ") or value
    return any(ask.search(question) and wording.search(said) for topic in topics().values() for ask, wording in topic.answers)


def topic_of_sentence(text: str) -> str:
    """The topic of a fact without a field: terms such as delivery and returns before what it names in passing."""
    return next((topic.name for topic in reversed(topics().values()) if topic.key and topic.key.search(text)), OTHER)
