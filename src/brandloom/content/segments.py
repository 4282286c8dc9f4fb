"""How a text message is put together around its text, and how many segments that takes at most.

    Lantern Hall: What would you read by? Have a look at Brass Lamp. https://... AI-generated. Reply STOP to opt out
    【灯笼堂】今晚想点哪一盏？先看看铜台灯。 https://... AI生成 拒收请回复R

Who sends it stands first and how to refuse last, as the law of China, the US and the EU asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from brandloom.content.brief import Brief
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.facts import plain_text
from brandloom.content.studio.formats import segments, to_gsm
from brandloom.content.templates import filled, slot_values
from brandloom.govern import visible_label
from brandloom.i18n import _, translate
from brandloom.workspace import ShopConfig

OPT_OUT = _("Reply STOP to opt out")
NAME_ROOM = {"en": 24, "zh": 10}
"""Characters that every text leaves for the product's name; a longer name is shortened where the message would get too long."""
_PAGE, _TOKEN = len("/?product=") + 12, len("?s=") + 22  # of a product's page, and of `deliver.ShortLinks`


@dataclass(frozen=True)
class Wording:
    """All of a shop's text messages but the text."""

    signature: str
    most_segments: int
    link_room: int
    """Characters of the link at most, as far as one can tell beforehand."""

    @classmethod
    def of(cls, shop: ShopConfig, *, sender: str = "") -> Wording:
        """As a shop's configuration has it.

        Args:
            sender: name that signs where the configuration names no signature; the shop's sender's when empty.
        """
        name = re.sub(r"[【】\[\]]", "", plain_text(shop.sms.signature or sender or shop.sender.name))
        room = len(shop.sender.click_url) + _TOKEN if shop.sender.click_url else len(shop.sender.website) + _PAGE
        return cls(name[:24].strip(), shop.sms.most_segments, room)

    def head(self, language: str) -> str:
        """What a message begins with."""
        return f"【{self.signature}】" if language == "zh" else f"{to_gsm(self.signature)}: "


def text_message(text: str, language: str, wording: Wording, *, url: str, labelled: bool) -> str:
    """A whole message: signature, text, link, AI mark and the way to refuse."""
    mark = visible_label(language, producer="").mark if labelled else ""
    ending = [url, f"{mark}." if mark and language == "en" else mark, translate(OPT_OUT, language)]
    made = wording.head(language) + " ".join(part for part in (text, *ending) if part)
    return made if language == "zh" else to_gsm(made)


def check_segments(slots: Mapping[str, str], brief: Brief, shop: ShopConfig, language: str, *, labelled: bool) -> list[Finding]:
    """Whether a text fits its segments with the longest fillings; nothing where it does."""
    wording = Wording.of(shop, sender=brief.sender.name or "")
    known = slot_values(brief.offer, shop, language) | {"product.name": ("n" if language == "en" else "名") * NAME_ROOM[language]}
    longest = text_message(filled(slots["text"], known), language, wording, url="u" * wording.link_room, labelled=labelled)
    return too_long(longest, wording)


def too_long(text: str, wording: Wording) -> list[Finding]:
    """That a message takes more segments than the shop allows; nothing where it does not."""
    if (counted := segments(text)) <= wording.most_segments:
        return []
    return [finding("length", "ban", "text", text, _("The message can take {segments} segments; {most} are allowed (sms.most_segments)."),
                    segments=counted, most=wording.most_segments)]
