"""What is asked of the studio: one JSON object, read strictly, its contradictions named before a model is called."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from brandloom.content.brand import BrandKit, VoiceKit, tone_of, voice_cautions
from brandloom.content.checks import Finding
from brandloom.content.checks.packs import open_pack, sector_of
from brandloom.content.checks.records import check_against
from brandloom.content.facts import plain_text
from brandloom.content.strict import read_object
from brandloom.content.studio.contradictions import contradictions
from brandloom.content.studio.formats import Form, form, limited
from brandloom.errors import ConfigError, DataError
from brandloom.i18n import LANGUAGES, _, say

MOST_BYTES = 2_000_000
MOST_PRODUCTS = 50
SHOWN_FIELDS = 14
"""Fields of a product that the model is shown; checks use all of them."""
_FIRST = ("name", "title", "brand", "price", "category", "material", "colour", "color", "size", "capacity", "weight", "features", "style",
          "名称", "商品名称", "标题", "品牌", "价格", "售价", "类目", "类型", "材质", "颜色", "尺寸", "规格", "容量", "重量", "功能", "卖点", "风格")
_UNSAID = ("id", "sku", "uniq_id", "url", "link", "image", "stock", "number_available_in_stock", "reviews", "number_of_reviews", "rating",
           "average_rating", "number_of_answered_questions", "编号", "图片", "库存", "评论数", "评分", "链接")
"""Fields that copy seldom should speak of; the model is not shown them, a check may still rest on them."""

Record = Mapping[str, Any]
Brands = Callable[[str], BrandKit | None]
"""The kit of a brand by its name; '' asks for the default one, which need not be there."""


class Voice(BaseModel):
    """How the brand speaks."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    tone: str = Field(default="", max_length=300)
    use: tuple[str, ...] = Field(default=(), max_length=50)
    """Words it likes."""
    avoid: tuple[str, ...] = Field(default=(), max_length=500)
    """Words it never says."""
    examples: tuple[str, ...] = Field(default=(), max_length=20)
    """Texts of its own; the model is shown the first."""
    emoji: bool = True


class Asked(BaseModel):
    """One piece of copy to be written, in several variants."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, populate_by_name=True)

    lang: Literal["en", "zh"]
    format: str = "product_description"
    products: tuple[dict[str, Any], ...] = Field(default=(), max_length=MOST_PRODUCTS)
    """Records as the catalogue has them, whatever their fields."""
    facts: tuple[str, ...] = Field(default=(), max_length=100)
    """What else is true and may be said: the offer, its dates, the shop."""
    replying_to: str = Field(default="", max_length=4000)
    """What a customer wrote, in a reply to it: the model reads it, and nothing in it counts as true."""
    persona: str = Field(default="", max_length=300)
    brand: str = Field(default="", max_length=40)
    """Brand of the workspace whose kit says what `voice` leaves open; the default one where it is empty."""
    voice: Voice = Voice()
    limits: dict[str, int | tuple[int, int]] = Field(default_factory=dict)
    """Most characters per part of the format, or [least, most]; `all` for every part."""
    must_say: tuple[str, ...] = Field(default=(), max_length=20)
    must_not_say: tuple[str, ...] = Field(default=(), max_length=200)
    competitors: tuple[str, ...] = Field(default=(), max_length=50)
    """Texts of others that the copy must not repeat."""
    links: tuple[str, ...] = Field(default=(), max_length=50)
    """Hosts, or addresses up to a path, that the copy may link to; without any it holds no link."""
    readability: float | None = Field(default=None, gt=0, le=200)
    """Least Flesch reading ease (English), most characters per sentence (Chinese); without it a hard text is a caution."""
    sector: str | None = None
    jurisdiction: str | None = None
    _spoken: VoiceKit | None = PrivateAttr(default=None)

    @field_validator("products", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, Mapping) else value

    @field_validator("facts", "must_say", "must_not_say", "competitors", "links", mode="before")
    @classmethod
    def _text_or_texts(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("voice", mode="before")
    @classmethod
    def _tone_alone(cls, value: object) -> object:
        return {"tone": value} if isinstance(value, str) else {"tone": ", ".join(value)} if isinstance(value, list) else value

    @property
    def form(self) -> Form:
        """The format with the shop's own limits."""
        chosen = form(self.format, self.lang)
        return limited(chosen, _plain_limits(self.limits, {part.name for part in chosen.parts}))

    @property
    def records(self) -> list[Record]:
        """Everything a claim may rest on."""
        return [*self.products, *({"fact": fact} for fact in self.facts)]

    @property
    def names(self) -> tuple[str, ...]:
        """What the products and brands are called."""
        keys = ("name", "title", "product_name", "brand", "manufacturer", "名称", "商品名称", "标题", "品牌", "店铺", "shop")
        return tuple(plain_text(str(product[key])) for product in self.products for key in keys if product.get(key))

    def with_kit(self, kit: BrandKit) -> Asked:
        """The brief with its voice filled from a brand's kit where it says nothing; words that the brand avoids are added to its own."""
        spoken = kit.voice.get(self.lang)
        if spoken is None:
            return self.model_copy(update={"brand": kit.name})
        own = self.voice
        voice = own.model_copy(update={
            "tone": own.tone or tone_of(spoken, self.lang), "use": own.use or tuple(spoken.use), "examples": own.examples or spoken.examples,
            "avoid": tuple(dict.fromkeys((*own.avoid, *spoken.avoid))),
            "emoji": own.emoji if "emoji" in own.model_fields_set else spoken.emoji.value != "never"})
        filled = self.model_copy(update={"brand": kit.name, "voice": voice})
        filled._spoken = spoken
        return filled

    def voice_cautions(self, text: str, place: str) -> list[Finding]:
        """Where a text leaves the voice of the brand's kit; nothing without one."""
        return [] if self._spoken is None else voice_cautions(text, self._spoken, self.lang, place=place)

    def fact_lines(self) -> list[str]:
        """One line per product and per fact, for the model: the fields that copy speaks of, first things first."""
        return [*(_product_line(product, self.lang) for product in self.products[:5]), *(plain_text(fact) for fact in self.facts)]


def read_asked(text: str, *, source: str, brands: Brands | None = None, today: date | None = None) -> Asked:
    """Read a brief for the studio.

    Args:
        text: one JSON object.
        source: its name for messages.
        brands: the workspace's brand kits.
        today: the day on which it is written; an offer that ended before it is refused.
    Raises:
        DataError: no JSON object, an unknown key, a wrong value.
        ConfigError: it contradicts itself or the catalogue.
    """
    found = read_object(text, source=source, most=MOST_BYTES)
    try:
        asked = Asked.model_validate(found)
    except ValidationError as error:
        raise DataError(_("{file}: {what}"), file=source, what=_first_fault(error)) from error
    try:
        sector_of(asked.sector)
        if asked.jurisdiction:
            open_pack(asked.jurisdiction)
    except DataError as error:
        raise DataError(_("{file}: {what}"), file=source, what=error.text()) from error
    asked = _branded(asked, source, brands)
    _refuse_contradictions(asked, source, today)
    return asked


def _branded(asked: Asked, source: str, brands: Brands | None) -> Asked:
    if brands is None and asked.brand:
        raise ConfigError(_("{file}: it names the brand '{name}', but no workspace is given. Add --workspace DIR, or take `brand` out."), file=source,
                          name=asked.brand)
    kit = brands(asked.brand) if brands is not None else None
    return asked if kit is None else asked.with_kit(kit)


def _refuse_contradictions(asked: Asked, source: str, today: date | None) -> None:
    """A brief that cannot be met is refused with the two places that are at odds."""
    parts = asked.form.parts
    if asked.replying_to and asked.form.family != "reply":
        raise ConfigError(_("{file}: replying_to belongs to a reply, and the format is {form}. Ask for review_reply or comment_reply."), file=source,
                          form=asked.format)
    wrong = next(contradictions(asked.facts, asked.products, today), None)
    if wrong is not None:
        raise ConfigError(_("{file}: {what}"), file=source, what=wrong)
    if not asked.products and not asked.facts and not asked.replying_to:
        raise ConfigError(_("{file}: nothing to write about. Give products, facts or both."), file=source)
    room = sum(part.high * part.most for part in parts if part.unit != "sms") or 300
    if sum(len(said) for said in asked.must_say) > room:
        raise ConfigError(_("{file}: what must_say asks for is longer than the {room} characters of {form}."), file=source, room=room,
                          form=asked.format)
    for said in asked.must_say:
        for banned in (*asked.must_not_say, *asked.voice.avoid):
            if banned and banned.casefold() in said.casefold():
                raise ConfigError(_("{file}: must_say '{said}' holds '{banned}', which must not be said. Take one of them out."),
                                  file=source, said=said, banned=banned)
        untrue = next((item for item in check_against(said, asked.records, language=asked.lang) if item.blocks), None)
        if untrue is not None:
            raise ConfigError(_("{file}: must_say '{said}' is at odds with the facts: {reason} Correct it, or add the fact."),
                              file=source, said=said, reason=untrue.text())


def _plain_limits(limits: Mapping[str, int | tuple[int, int]], parts: Collection[str]) -> dict[str, int | tuple[int, int]]:
    names = {"max_chars": "all", "max_length": "all", "body": "text", "content": "text"}
    return {name if name in parts else names.get(name, name): value for name, value in limits.items()}


def _product_line(product: Record, language: str) -> str:
    comma, colon = ("；", "：") if language == "zh" else ("; ", ": ")
    known = [(key, value) for key, value in product.items() if value not in (None, "", [], {}) and key.lower() not in _UNSAID]
    ranked = sorted(known, key=lambda item: (_FIRST.index(item[0].lower()) if item[0].lower() in _FIRST else len(_FIRST), len(str(item[1]))))
    return comma.join(f"{plain_text(key)}{colon}{_value(value, language)}" for key, value in ranked[:SHOWN_FIELDS])


def _value(value: object, language: str) -> str:
    if isinstance(value, (list, tuple)):
        return ("、" if language == "zh" else ", ").join(_value(item, language) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(item, language)}" for key, item in value.items())
    if isinstance(value, bool):
        return {"en": ("no", "yes"), "zh": ("否", "是")}[language][value]
    return plain_text(str(value))[:400]


def _first_fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = list(Voice.model_fields) if place.startswith("voice.") else list(Asked.model_fields)
        close = difflib.get_close_matches(place.rpartition(".")[2], known, n=1)
        return say(_("unknown key '{key}'. {hint}"), key=place, hint=f"'{close[0]}'?" if close else ", ".join(known))
    if place == "lang":
        return say(_("lang must be one of {known}; the checks know no other language."), known=", ".join(LANGUAGES))
    return f"{place}: {first['msg']}"


__all__ = ["Asked", "Brands", "Record", "Voice", "read_asked"]
