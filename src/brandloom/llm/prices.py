"""What a request may cost, told before it is made."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from brandloom.llm.base import Message, Schema

_MICRO = 1_000_000
_TURN = 5
"""Tokens that mark the beginning, the role and the end of a turn."""
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
_WORD = re.compile(r"[^\W\d_]+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Price:
    """What a model costs, per million tokens."""

    input: Decimal
    output: Decimal
    currency: str = "USD"

    def micros(self, prompt_tokens: int, completion_tokens: int) -> int:
        """The cost in millionths of the currency, rounded up: tokens times the price of a million of them."""
        return int((prompt_tokens * self.input + completion_tokens * self.output).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True)
class Estimate:
    """The most that requests may cost. Prompt tokens are estimated; every answer is taken to be as long as it may be."""

    prompt_tokens: int
    completion_tokens: int
    money: Decimal | None
    """None where the model's price is not known."""
    currency: str | None

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Estimate) -> Estimate:
        known = self.money is not None and other.money is not None and self.currency == other.currency
        return Estimate(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens,
                        self.money + other.money if known and self.money is not None and other.money is not None else None,
                        self.currency if known else None)

    def to_dict(self) -> dict[str, Any]:
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                "money": None if self.money is None else str(self.money), "currency": self.currency}


def estimate(messages: Sequence[Message], max_tokens: int, price: Price | None = None, *, schema: Schema | None = None,
             calls: int = 1) -> Estimate:
    """The most that so many requests like this one may cost.

    Example:
        >>> estimate([Message("user", "Write a headline.")], 50, Price(Decimal(2), Decimal(8))).money
        Decimal('0.000432')
    """
    prompt = _TURN + sum(_TURN + count_tokens(message.content) for message in messages)
    if schema is not None:
        prompt += count_tokens(json.dumps(schema, ensure_ascii=False))
    prompt, completion = prompt * calls, max_tokens * calls
    money = to_money(price.micros(prompt, completion)) if price else None
    return Estimate(prompt, completion, money, price.currency if price else None)


def count_tokens(text: str) -> int:
    """Tokens of a text, rather too many than too few; no tokenizer is asked, because every model has its own.

    A Chinese, Japanese or Korean character counts as one; a word as one per four letters begun, or two where they are not plain
    Latin; a digit or mark as one, an emoji as three. A single space belongs to the word after it. Measured against the vocabulary
    of Qwen2.5: 1.4 times the true count for Chinese copy, 1.3 times for English headlines, right for catalogue rows full of names
    and codes (1 in 100 of them is told 13 % too few).
    """
    wide, others = len(_WIDE.findall(text)), _WIDE.sub(" ", text)
    words: int = sum(-(-len(word) // (4 if word.isascii() else 2)) for word in _WORD.findall(others))
    breaks: int = sum(gap != " " for gap in _SPACE.findall(text))
    rest = _SPACE.sub("", _WORD.sub("", others))
    signs: int = sum(1 if letter < "\u2e80" else 3 for letter in rest)
    return wide + words + breaks + signs


def to_money(micros: int) -> Decimal:
    """Millionths of a currency as an amount."""
    return Decimal(micros) / _MICRO
