"""Offers of several for the price of fewer: 'three for two', 买二送一, 第二件半价, as so many pieces for so many prices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from brandloom.content.checks.figures import value_of

_N = r"(?:one|two|three|four|five|six|ten|\d{1,2})"
_H = r"(?:\d{1,2}|[一二两三四五六七八九十])"
_NTH = {"second": 2, "2nd": 2, "other": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5}
_FREE = (r"(?:is |are |comes? )?(?:(?:at |for )?(?P<half>half)(?:[- ]price| the price)|(?:completely )?free\b|on us|on the house|for nothing"
         r"|costs? nothing|at no charge)")
_PATTERNS = tuple(re.compile(pattern, re.IGNORECASE) for pattern in (
    rf"\b(?P<get>{_N}) (?:for the price of|for) (?P<pay>{_N})\b(?! (?:days?|weeks?|months?|years?|people|hours?|minutes?|players?|of us))",
    rf"\b(?:take|buy|pick|get|choose|order) (?P<get>{_N})\b[^.!?]{{0,20}}?\b(?:and |you )*(?:only )?pay (?:you )?(?:only )?for (?P<pay>{_N})\b",
    rf"\b(?:take|buy|get|order) (?P<pay>{_N})\b[^.!?]{{0,12}}? (?:and )?(?:get |have )?(?:the )?(?:(?P<nth>{'|'.join(_NTH)})"
    rf"|(?P<more>{_N}))(?: one)? {_FREE}",
    rf"\b(?:every|the|your) (?P<nth>{'|'.join(_NTH)})(?: one)? {_FREE}",
    r"\bbogo\b",
    rf"[买拍]满?(?P<pay>{_H})[件个只份盒双瓶本支]?(?:再|就|得)?(?:送|赠)(?P<more>{_H})",
    rf"[买拍](?P<get>{_H})[件个只份盒双瓶本支]?(?:只付|付|只收)(?P<pay>{_H})",
    rf"[买拍](?P<get>{_H})[件个只份盒双瓶本支]?(?:再)?免(?P<off>{_H})",
    rf"第(?P<nth>{_H})[件个只份盒双瓶本支]?(?:就|也|只要|只收)?(?:(?P<half>半价|一半|五折|5折|对折)|免费|不要钱|白送|0元|零元|送)",
))


@dataclass(frozen=True)
class Offer:
    """So many pieces for the price of so many, and where a text says so."""

    get: Decimal
    pay: Decimal
    start: int
    end: int

    @property
    def same(self) -> tuple[Decimal, Decimal]:
        """Equal for offers that mean the same."""
        return self.get, self.pay


def offers(folded: str) -> list[Offer]:
    """All offers of several for fewer in a folded text; of overlapping ones the first pattern's."""
    found = list[Offer]()
    for pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            if any(item.start < match.end() and match.start() < item.end for item in found):
                continue
            get, pay = _terms({name: value.lower() for name, value in match.groupdict().items() if value})
            if get is not None and pay is not None and get > pay:
                found.append(Offer(get, pay, *match.span()))
    return found


def stated_offers(fields: Iterable[tuple[str, str]]) -> frozenset[tuple[Decimal, Decimal]]:
    """The offers of a record: in the words of a value, or as fields 'buy' and 'pay for' of one group."""
    out, groups = set[tuple[Decimal, Decimal]](), dict[str, dict[str, Decimal]]()
    for key, value in fields:
        out.update(item.same for item in offers(value.lower()))
        match = re.search(r"^(.*?)\b(buy|get|take|pay|pay for)$", key.lower().strip())
        number = value_of(value) if match else None
        if match and number is not None:
            groups.setdefault(match[1].strip(), {})["pay" if match[2].startswith("pay") else "get"] = number
    out.update((terms["get"], terms["pay"]) for terms in groups.values() if len(terms) == 2)
    return frozenset(out)


def _terms(said: dict[str, str]) -> tuple[Decimal | None, Decimal | None]:
    """How many one gets and how many one pays."""
    if not said:
        return Decimal(2), Decimal(1)
    number = {name: _number(value) for name, value in said.items() if name != "half"}
    if "get" in number:
        get, off = number["get"], number.get("off")
        return get, number.get("pay") if off is None or get is None else get - off
    pay = number.get("pay")
    if "nth" in number:
        nth = number["nth"] or Decimal(0)
        return nth, nth - (Decimal("0.5") if "half" in said else 1)
    more = number.get("more") or Decimal(0)
    return (None, None) if pay is None else (pay + more, pay + (more / 2 if "half" in said else 0))


def _number(word: str) -> Decimal | None:
    return Decimal(_NTH[word]) if word in _NTH else value_of(word)
