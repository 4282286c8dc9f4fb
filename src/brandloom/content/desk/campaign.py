"""A campaign's text on the desk: what its slots may hold, what it is checked by, and what the desk asks of the plan it belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from brandloom.content.brand import BrandKit
from brandloom.content.brief import Brief, Offer
from brandloom.content.checks import ALWAYS_ON, PARTS, SLOT, Finding, check
from brandloom.content.checks.conduct import Conduct, check_conduct
from brandloom.content.checks.words import check_words
from brandloom.content.facts import Facts, Request, build_facts
from brandloom.content.openings import opening
from brandloom.content.studio import Asked
from brandloom.content.studio.gate import Copy
from brandloom.workspace import ShopConfig

_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)|(?<=\n)")


@dataclass(frozen=True)
class CampaignText:
    """All that one text of a plan is judged by, as it was when the plan was made."""

    plan: str
    key: str
    """persona/product_group/channel/language, as the plan names the text."""
    cell: str
    """Key of the people it is for; texts of one cell compete with each other."""
    channel: str
    angle: str
    asked: Asked
    """What the model was asked for: the opening, without the shop's own sentences around it."""
    prompt: tuple[dict[str, str], ...]
    """The messages it was asked with."""
    facts: Facts
    people: int
    """Persons of its cell,"""
    budget: float
    """and what writing to them costs."""

    def check(self, parts: Copy, kit: BrandKit | None = None) -> list[Finding]:
        """What is wrong with a wording: the campaign's own checks with its slots, the brand's words, and conduct.

        Args:
            kit: the brand's kit as it is now.
        """
        asked = self.asked if kit is None else self.asked.with_kit(kit)
        found = check(parts, self.facts, language=asked.lang, channel=self.channel, packs=ALWAYS_ON)
        known = " ".join((*self.facts.evidence, *self.facts.names)).lower()
        for place, text in parts.items():
            if place in PARTS[self.channel] and isinstance(text, str):
                found += check_words(text, avoid=(*asked.must_not_say, *asked.voice.avoid), place=place)
                found += check_conduct(without_slots(text), asked.lang, Conduct(known=known), place=place)
        told = {(item.rule, item.place, item.excerpt): item for item in reversed(found)}
        cautions = asked.voice_cautions("\n".join(without_slots(text) for text in parts.values() if isinstance(text, str)), "body")
        return [*reversed(told.values()), *cautions]

    def opening_of(self, parts: Copy) -> dict[str, str]:
        """The parts as a model would have written them: without the sentences in which slots stand."""
        texts = {name: text for name, text in parts.items() if isinstance(text, str)}
        # A preheader is one sentence with the offer at its end, after a comma.
        return {name: without_slots(text) or re.split(r"[,，;；]?[^,，;；]*\{\{", text)[0].strip() for name, text in texts.items()}

    def to_json(self) -> str:
        """As the ledger keeps it; the same text gives the same JSON."""
        facts = asdict(self.facts) | {"slots": sorted(self.facts.slots), "offer": self.facts.offer.model_dump(mode="json")}
        plain = {name: getattr(self, name) for name in ("plan", "key", "cell", "channel", "angle", "prompt", "people", "budget")}
        return json.dumps({"campaign": plain | {"facts": facts}, "asked": self.asked.model_dump(mode="json")}, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True)
class Campaign:
    """What all texts of a plan share."""

    plan: str
    brief: Brief
    shop: ShopConfig
    kit: BrandKit | None


def campaign_text(campaign: Campaign, request: Request, *, people: int, budget: float) -> CampaignText:
    """What a text of a plan is judged by."""
    brief, shop, kit = campaign.brief, campaign.shop, campaign.kit
    told = opening(brief, request, kit=kit)
    facts = build_facts(brief, request, shop)
    prompt = tuple({"role": one.role, "content": one.content} for one in told.conversation([part.name for part in told.asked.form.parts], ()))
    return CampaignText(campaign.plan, request.key, request.cell, request.channel, told.angle, told.asked, prompt,
                        replace(facts, evidence=(*facts.evidence, told.asked.persona)), people, budget)


def read_campaign_text(content: dict[str, Any]) -> CampaignText:
    """What `to_json` wrote, as JSON's values."""
    plain = dict(content["campaign"])
    facts = plain.pop("facts")
    offer = Offer.model_validate(facts["offer"])
    return CampaignText(**{**plain, "prompt": tuple(plain["prompt"])}, asked=Asked.model_validate(content["asked"]), facts=Facts(
        tuple(facts["evidence"]), tuple(facts["names"]), frozenset(facts["slots"]), offer, facts["currency"]))


def without_slots(text: str) -> str:
    """The sentences without slots: those that a model may have written, for the others are the shop's own."""
    return "".join(sentence for sentence in _SENTENCE.split(text) if not SLOT.search(sentence)).strip()


class Revision(Protocol):
    """A plan with other words in one text, not kept yet."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong with messages made of them."""

    def keep(self, connection: Connection, *, by: str, now: datetime) -> None:
        """Let the plan say so from now on; what was approved before holds no longer.

        Raises:
            StateError: somebody else changed the plan meanwhile.
        """


class Plans(Protocol):
    """What the desk needs of the plans whose texts lie on it."""

    def revise(self, text: CampaignText, parts: Copy) -> Revision:
        """Try other words in a plan.

        Raises:
            StateError: the plan is being sent or was sent.
        """
