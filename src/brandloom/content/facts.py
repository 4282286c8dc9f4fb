"""The facts a text may use. Only these types enter a prompt, and none of them has a place for a person's data."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Protocol

import nh3
from babel.dates import format_date
from babel.numbers import format_currency

from brandloom.content.brief import Brief, Offer
from brandloom.govern import without_hidden
from brandloom.workspace import ShopConfig

LOCALES = {"en": "en_GB", "zh": "zh_CN"}
"""Babel locale in which prices and dates of a language are written."""
SLOTS = ("first_name", "product.name", "product.price", "offer.code", "offer.until", "offer.value", "shop.name")
"""Slots a text may hold; filled per person at send time."""
_NO_NAME = re.compile(r"(?:https?://|www\.)\S*|[{}]", re.IGNORECASE)
"""What no name of a product shows a reader: links, which mail programs make clickable, and what looks like a slot."""
_SMALL_WORDS = {"and", "of", "the", "with", "in", "on", "for", "a", "an", "to", "by", "or", "at", "from"}


class PersonaLike(Protocol):
    """A segment of customers as `customers.personas` gives it."""

    @property
    def key(self) -> str: ...
    @property
    def label_en(self) -> str: ...
    @property
    def label_zh(self) -> str: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True)
class Persona:
    """A segment of customers: how many they are and what they are called, never who they are."""

    key: str
    label_en: str
    label_zh: str
    size: int


@dataclass(frozen=True)
class Product:
    """A product of the catalogue; `price` in the shop's currency, `url` http(s) only."""

    id: str
    name: str
    category: str | None = None
    price: Decimal | None = None
    description: str | None = None
    url: str | None = None

    @cached_property
    def display(self) -> str:
        """The name as a reader should see it."""
        return humanise(self.name)


@dataclass(frozen=True)
class ProductGroup:
    """Products that go together, with a few that stand for it."""

    key: str
    label: str
    products: tuple[Product, ...]


@dataclass(frozen=True)
class Request:
    """One text to be written."""

    persona: PersonaLike
    group: ProductGroup
    channel: str
    language: str
    number: int = 1
    """Of the text among those for the same people, from 1."""

    @property
    def cell(self) -> str:
        """The people it is for."""
        return f"{self.persona.key}/{self.group.key}/{self.channel}/{self.language}"

    @property
    def key(self) -> str:
        """The cell's own for its first text: 'loyal/candles/email/en', then 'loyal/candles/email/en#2' ..."""
        return text_key(self.cell, self.number)


def text_key(cell: str, number: int) -> str:
    """Key of a cell's text, numbered from 1."""
    return cell if number == 1 else f"{cell}#{number}"


@dataclass(frozen=True)
class Facts:
    """What one text may say: `evidence` is all true wording, `names` the names it may quote, `slots` those with a value."""

    evidence: tuple[str, ...]
    names: tuple[str, ...]
    slots: frozenset[str]
    offer: Offer = field(default_factory=Offer)
    currency: str = "EUR"


def build_facts(brief: Brief, request: Request, shop: ShopConfig) -> Facts:
    """Gather the facts that one text may use."""
    group = request.group
    products = [product.display for product in group.products[:3]]
    evidence = [plain_text(group.label), *products, shop.name, *(fact.text for fact in brief.facts),
                *(item for product in group.products[:3] for item in (product.category, product.description) if item),
                *_offer_evidence(brief.offer)]
    return Facts(tuple(map(plain_text, evidence)), (*products, plain_text(shop.name), plain_text(group.label)),
                 available_slots(brief), brief.offer, shop.currency)


def available_slots(brief: Brief) -> frozenset[str]:
    """Slots that have a value under this brief."""
    offer = brief.offer
    absent = {name for name, value in (("offer.code", offer.code), ("offer.until", offer.until),
                                       ("offer.value", offer.value)) if value is None}
    return frozenset(SLOTS) - absent


def _offer_evidence(offer: Offer) -> list[str]:
    words = {"percent_off": ["discount, offer, save, 优惠, 折扣, 立减, 省"],
             "amount_off": ["discount, offer, save, 优惠, 折扣, 立减, 省"],
             "free_shipping": ["offer, free shipping, free delivery, 包邮, 免运费, 优惠"],
             "gift": ["offer, free gift, 赠品, 礼品, 优惠"], "none": []}[offer.kind]
    code = ["use code, voucher code, 优惠码"] if offer.code else []
    return [*words, *code, *([offer.text] if offer.text else []), *(["limited time, 限时"] if offer.until else [])]


def offer_value(offer: Offer, language: str, currency: str) -> str:
    """The offer's value as a reader sees it: '10%' in English, '9折' in Chinese, or money; empty without one."""
    if offer.value is None:
        return ""
    if offer.kind == "amount_off":
        return format_price(offer.value, currency, language)
    if language == "zh" and offer.value < 100:
        return f"{((100 - offer.value) / 10).normalize():f}折"
    return f"{offer.value.normalize():f}%"


def format_price(amount: Decimal, currency: str, language: str) -> str:
    """Money as the language writes it."""
    return format_currency(amount, currency, locale=LOCALES[language])


def format_day(offer: Offer, language: str) -> str:
    """The last day of the offer as the language writes it; empty without one."""
    if offer.until is None:
        return ""
    return format_date(offer.until, "d MMMM y" if language == "en" else "y年M月d日", locale=LOCALES[language])


def plain_text(text: str) -> str:
    """One line of plain text out of whatever a file or a model gave: no tags, no invisible or control characters."""
    text = without_hidden(text)
    text = html.unescape(nh3.clean(text, tags=set())) if "<" in text or "&" in text else text
    return " ".join(without_hidden(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)).split())


def humanise(name: str) -> str:
    """A catalogue name in capitals as a reader would write it; other names keep their letters."""
    name = " ".join(_NO_NAME.sub(" ", plain_text(name)).split()) or "-"
    if not name.isascii() or name != name.upper() or not any(c.isalpha() for c in name):
        return name
    words = re.sub(r"\s*,\s*", ", ", name).lower().split()
    return " ".join(word if index and word in _SMALL_WORDS else _capital(word) for index, word in enumerate(words))


def _capital(word: str) -> str:
    parts = re.split(r"([-/(&.])", word)
    return "".join(part[:1].upper() + part[1:] for part in parts)
