"""The shop's own plain copy, per goal, offer and language: what is sent when the model's text cannot be."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from brandloom.content.brief import Brief, Offer


def template_slots(brief: Brief, channel: str, language: str) -> dict[str, str]:
    """The parts of the plain template for a brief."""
    content = _templates()[channel][language]
    parts: dict[str, str] = dict(content["goals"][brief.goal])
    parts["body"] = (" " if language == "en" else "").join([parts["body"], *_offer_sentence(content, brief.offer)])
    return parts


def _offer_sentence(content: dict[str, Any], offer: Offer) -> list[str]:
    if offer.kind == "none":
        return []
    given = "_".join(["with", *(["code"] if offer.code else []), *(["until"] if offer.until else [])])
    sentence: str = content["offers"][offer.kind][given if given != "with" else "plain"]
    return [sentence]


@cache
def _templates() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("brandloom.content").joinpath("data", "templates.yaml").read_text("utf-8"))
    return content
