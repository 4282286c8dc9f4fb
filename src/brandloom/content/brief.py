"""The brief: what a marketer asks for, read from one YAML file and refused in one clear line when it cannot be used."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from brandloom.content.strict import read_yaml
from brandloom.errors import ConfigError
from brandloom.i18n import _

Goal = Literal["sell", "win_back", "cross_sell", "welcome", "announce"]
OfferKind = Literal["percent_off", "amount_off", "free_shipping", "gift", "none"]
Channel = Literal["email", "sms", "push"]
Post = Literal["xiaohongshu", "moments", "wechat_article", "weibo", "douyin", "x", "facebook", "instagram", "linkedin"]
Language = Literal["en", "zh"]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]

LARGEST_BRIEF = 64_000
"""Most bytes a brief file may have."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Offer(_Strict):
    """What the reader gets; `none` sells without one."""

    kind: OfferKind = "none"
    value: Decimal | None = Field(default=None, gt=0)
    """Percent for `percent_off` (10 is 10 %), money in the shop's currency for `amount_off`."""
    code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{2,32}$")
    until: date | None = None
    """Last day on which the offer holds."""
    min_order: Decimal | None = Field(default=None, gt=0)
    """Smallest order it applies to, in the shop's currency."""
    text: Line | None = None
    """What the gift is, or small print in the shop's own words."""

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Offer:
        needs_value = self.kind in ("percent_off", "amount_off")
        if needs_value and self.value is None:
            raise ValueError(f"value: an offer of kind {self.kind} needs one")
        if not needs_value and self.value is not None:
            raise ValueError(f"value: an offer of kind {self.kind} has none")
        if self.kind == "percent_off" and self.value is not None and self.value > 100:
            raise ValueError(f"value: {self.value} percent is more than 100")
        if self.kind == "gift" and not self.text:
            raise ValueError("text: say what the gift is")
        return self


class Fact(_Strict):
    """One true sentence the copy may use; a proof lets it carry a claim such as an award."""

    text: Line
    proof: Line | None = None
    """Where it can be verified: a report, a certificate, a page."""


class Audience(_Strict):
    """Who may be chosen. Within it, the models decide."""

    max_size: int | None = Field(default=None, ge=1)
    countries: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    segments: tuple[Line, ...] = ()
    """Saved segments; whoever is in one of them."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    """Smallest likelihood to buy of a person who is written to."""


class ProductChoice(_Strict):
    """Product ids that may be shown (all when empty) and that must not."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class SenderOverride(_Strict):
    """Differs from the shop's own sender for this campaign only."""

    name: Line | None = None
    reply_to: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")


class Learn(_Strict):
    """Sends in waves; each is shared out among the texts of a cell by what the waves before it brought."""

    waves: int = Field(default=4, ge=2, le=20)
    every: str = Field(default="24h", pattern=r"^[1-9][0-9]{0,3}(min|h|d)$")
    """Pause between waves, from the last message of one to the first of the next; what a message brings within it counts."""
    metric: Literal["clicks", "orders"] = "clicks"
    """What a text is judged by."""
    texts: int = Field(default=3, ge=2, le=8)
    """Most texts per persona, product group, channel and language; a cell too small to tell them apart gets fewer."""

    @property
    def pause(self) -> timedelta:
        """`every` as a time."""
        unit = self.every.lstrip("0123456789")
        return int(self.every.removesuffix(unit)) * {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[unit]


class Brief(_Strict):
    """A campaign as its owner wants it."""

    name: Line
    goal: Goal = "sell"
    offer: Offer = Offer()
    tone: tuple[Line, ...] = ("warm", "clear")
    audience: Audience = Audience()
    channels: tuple[Channel, ...] = Field(default=("email",), min_length=1)
    """Ways to a person; each gets one message, on the channel on which it brings most."""
    posts: tuple[Post, ...] = ()
    """Networks for which a post is written too, once for everybody, about the products most shown."""
    languages: tuple[Language, ...] = Field(default=("en", "zh"), min_length=1)
    budget: Decimal | None = Field(default=None, ge=0)
    """Most money to spend on messages, in the shop's currency; no limit when absent."""
    holdout: float = Field(default=0.10, ge=0, le=0.9)
    """Share of the chosen people who get nothing, so that the effect can be measured."""
    facts: tuple[Fact, ...] = ()
    products: ProductChoice = ProductChoice()
    sender: SenderOverride = SenderOverride()
    brand: str = Field(default="", max_length=40)
    """Brand of the workspace that speaks; the default one where it is empty."""
    learn: Learn | None = None
    """Absent: everything goes out in one wave."""

    @field_validator("tone", mode="before")
    @classmethod
    def _one_tone(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("facts", mode="before")
    @classmethod
    def _plain_facts(cls, value: object) -> object:
        return [{"text": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value

    @field_validator("channels", "posts", "languages")
    @classmethod
    def _no_repeats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))

    def require_current(self, today: date) -> None:
        """Refuse a brief whose offer is over.

        Raises:
            ConfigError: `offer.until` lies before `today`, or before the day of the last wave.
        """
        if self.offer.until is not None and self.offer.until < today:
            raise ConfigError(_("The offer of '{name}' ended on {until}, before {today}. Give offer.until a later date."),
                              name=self.name, until=self.offer.until, today=today)
        if self.offer.until is not None and self.learn is not None:
            last = today + (self.learn.waves - 1) * self.learn.pause
            if self.offer.until < last:
                raise ConfigError(_("{waves} waves, one every {every}, end on {last}, after the offer of '{name}' ({until}). Take fewer or "
                                    "closer waves, or give offer.until a later date."), waves=self.learn.waves, every=self.learn.every,
                                  last=last, name=self.name, until=self.offer.until)


def read_brief(path: Path) -> Brief:
    """Read a brief from a YAML file.

    Raises:
        ConfigError: no such file, not YAML, an unknown key or a value that cannot be used; names file and key, the keys
            that are known there and the closest one.
    """
    return read_yaml(path, Brief, most=LARGEST_BRIEF,
                     unreadable=_("{path} cannot be read: {reason}. Give the path of a brief; examples/brief.yaml is one."))
