"""What a search result shows: title and description cut to the width there is, and the slug of the address."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from brandloom.content.articles.order import Order
from brandloom.content.articles.outline import Outline, capital, sound
from brandloom.content.articles.terms import words_of
from brandloom.content.articles.widths import DESCRIPTION_PX, DESCRIPTION_SIZE, TITLE_PX, TITLE_SIZE, cut_to, pixels
from brandloom.content.articles.write import Passage
from brandloom.content.facts import plain_text
from brandloom.content.studio.gate import Gate

LONGEST_SLUG = 60
_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)\s+(?=[A-Z0-9])|\n")


def page_title(order: Order, outline: Outline) -> str:
    """The headline with the shop's name where both fit, else alone; cut between words as the last resort."""
    shop = plain_text(order.shop.name)
    named = f"{outline.headline}{'_' if order.lang == 'zh' else ' | '}{shop}" if shop and shop not in outline.headline else ""
    fitting = (text for text in (named, outline.headline, capital(outline.keyword)) if text and pixels(text, TITLE_SIZE) <= TITLE_PX)
    return next(fitting, "") or cut_to(capital(outline.keyword), TITLE_PX, TITLE_SIZE)


def page_description(order: Order, passages: Sequence[Passage]) -> str:
    """Checked sentences from the top of the article, as many as are shown; the keyword stands in the first."""
    sentences = [text.strip() for item in passages if item.source != "given" for text in _SENTENCE.split(item.text) if text and text.strip()]
    space, made = "" if order.lang == "zh" else " ", ""
    for sentence in dict.fromkeys(sentences):
        longer = (made + space + sentence).strip()
        if pixels(longer, DESCRIPTION_SIZE) <= DESCRIPTION_PX:
            made = longer
    if made or not sentences:
        return made
    short = cut_to(sentences[0], DESCRIPTION_PX, DESCRIPTION_SIZE)
    return short if sound(Gate(order), short) is None else ""


def slug(text: str, language: str) -> str:
    """Words of a keyword or headline for an address: ASCII in lower case for English; Chinese characters stay, as search results show them."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() if language == "en" else unicodedata.normalize("NFKC", text)
    words = re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]+", plain.lower())
    kept = [word for word in words if language == "zh" or word not in words_of("en")["edge"]] or words
    made = "-".join(kept)
    while len(made) > LONGEST_SLUG and "-" in made:
        made = made.rpartition("-")[0]
    return made[:LONGEST_SLUG] or "article-" + hashlib.sha256(text.encode()).hexdigest()[:8]
