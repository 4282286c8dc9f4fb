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
    """One matter: its fields by name, how customers ask for it, and per language its heading and its question."""

    name: str
    key: re.Pattern[str] | None
    ask: re.Pattern[str] | None
    headings: Mapping[str, str]
    questions: Mapping[str, str]


@cache
def topics() -> dict[str, Topic]:
    """Every topic, in the order in which a page tells of them."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.articles").joinpath("topics.yaml").read_text("utf-8"))
    return {name: Topic(name, _pattern(row["key"]), _pattern(row["ask"]), {language: row[language][0] for language in ("en", "zh")},
                        {language: row[language][1] for language in ("en", "zh")}) for name, row in content.items()}


def topic_of_key(key: str) -> str:
    """The topic of a field by its name."""
    plain = key.replace("_", " ")
    return next((topic.name for topic in topics().values() if topic.key and topic.key.search(plain)), OTHER)


def topics_of_text(text: str) -> set[str]:
    """The topics that a keyword, a question or a sentence speaks of."""
    return {topic.name for topic in topics().values() if topic.ask and topic.ask.search(text)}


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text, re.IGNORECASE) if text else None
