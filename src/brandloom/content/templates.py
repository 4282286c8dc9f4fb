"""The shop's own sentences, per channel and language: plain copy for when no text of a model can be sent, and what frames one that can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import yaml

from brandloom.content.brief import Brief, Offer
from brandloom.content.checks.form import SLOT
from brandloom.content.facts import format_day, offer_value, plain_text
from brandloom.content.studio.formats import Part
from brandloom.content.studio.gate import Copy
from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.workspace import ShopConfig

MAIN = {"email": "body", "sms": "text", "push": "text"}
"""The part in which the product and the offer are named."""


def template_slots(brief: Brief, channel: str, language: str) -> dict[str, str]:
    """The parts of the plain template for a brief."""
    content = _templates()[channel][language]
    parts: dict[str, str] = dict(content["goals"][brief.goal])
    main = MAIN[channel]
    parts[main] = _joined(language, parts[main], *_offer_sentence(content, brief.offer))
    return parts


def framed(copy: Copy, brief: Brief, channel: str, language: str, *, key: str) -> dict[str, str]:
    """An opening with the sentences that hold slots: the product, and the offer where the brief has one.

    Args:
        key: of the text, by which one of several ways to name the product is chosen.
    """
    content = _templates()[channel][language]
    parts = {name: text for name, text in copy.items() if isinstance(text, str)}
    leads = content["leads"]
    lead = leads[int.from_bytes(sha256(key.encode()).digest()[4:8], "big") % len(leads)]
    main = MAIN[channel]
    parts[main] = _joined(language, _ended(parts[main], language), lead, *_offer_sentence(content, brief.offer))
    if brief.offer.kind != "none" and "preheader" in parts:
        ending = re.search(r"[?!？！]$", parts["preheader"])
        short = content["brief"][brief.offer.kind] if ending is None else " " * (language == "en") + content["brief"][brief.offer.kind].lstrip(" ,，")
        if brief.offer.value is not None or "offer.value" not in short:
            parts["preheader"] = parts["preheader"].rstrip(".。 ") + short
    return parts


def offer_fact(offer: Offer, shop: ShopConfig, language: str) -> list[str]:
    """The offer as one true sentence; nothing without one."""
    return [filled(sentence, slot_values(offer, shop, language)) for sentence in _offer_sentence(_templates()["email"][language], offer)]


def slot_values(offer: Offer, shop: ShopConfig, language: str) -> dict[str, str]:
    """Values of the slots that are the same for everybody; empty where the brief has none."""
    return {"shop.name": plain_text(shop.name), "offer.code": offer.code or "", "offer.until": format_day(offer, language),
            "offer.value": offer_value(offer, language, shop.currency)}


def filled(template: str, known: Mapping[str, str]) -> str:
    """A text with the values of its slots.

    Raises:
        ConfigError: it needs one that is not there.
    """
    def fill(match: re.Match[str]) -> str:
        if not known.get(match[1]):
            raise ConfigError(_("The text needs {slot}, which this message does not have. Give the person at least one "
                                "product, and the brief the offer it names."), slot=match[1])
        return known[match[1]]
    return SLOT.sub(fill, template)


class Spare:
    """Fills short parts that a model got wrong."""

    def __init__(self, channel: str, language: str) -> None:
        self._words: dict[str, list[str]] = _templates()[channel][language]["spare"]
        self._used: set[str] = set()

    def text(self, part: Part) -> str:
        """A text for the part that no part has yet."""
        known = self._words.get(part.name, [])
        return next((text for text in known if not self.says(text)), known[0] if known else "")

    def items(self, part: Part, count: int) -> list[str]:
        """Texts for a part that is a list."""
        return [text for text in self._words.get(part.name, []) if not self.says(text)][:count]

    def mark(self, text: str) -> None:
        """Remember a text, so that no part repeats it."""
        self._used.add(_bare(text))

    def says(self, text: str) -> bool:
        """Whether a part says just this already."""
        return _bare(text) in self._used

    def with_must_say(self, copy: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        """A campaign's brief prescribes no words: the copy as it is."""
        return copy


def _bare(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def _ended(text: str, language: str) -> str:
    """A line as a sentence, so that another may follow it."""
    return text if re.search(r"[.!?。！？…~～]$", text) else text + ("。" if language == "zh" else ".")


def _joined(language: str, *sentences: str) -> str:
    return (" " if language == "en" else "").join(sentences)


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
