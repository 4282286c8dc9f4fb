"""Facts of a brief that the catalogue says otherwise: price, stock, dates. Named before a model is called, because both would count as true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from brandloom.content.checks.figures import Figure, figures, value_of
from brandloom.content.facts import plain_text
from brandloom.i18n import _, say

_PRICE_FIELD = re.compile(r"^(?:unit |sale |selling |list |current |retail )?(?:price|cost)(?: (?:gbp|usd|eur|cny|rmb))?$|"
                          "^(?:价格|售价|单价|零售价|现价|定价)$", re.I)
_STOCK_FIELD = re.compile(r"^(?:stock|in stock|inventory|availability|available|quantity available|number available in stock|"
                          "库存|现货|存货)$", re.I)
_FROM_FIELD = re.compile(r"^(?:available from|on sale from|release(?: date)?|launch(?: date)?|(?:上市|开售|发售)(?:日期|时间)?)$", re.I)
_NAME_FIELD = re.compile(r"^(?:name|title|product name|名称|商品名称|标题)$", re.I)
_COSTS = re.compile(r"\bcosts?\b|\bpriced?\b|\bsells? (?:for|at)\b|售价|价格|定价|只要|仅需|卖", re.I)
_OFFER = re.compile(r"\b(?:now|until|till|off|instead of|sale|offer|reduced|discount|coupon|code|members?|from|was|rrp|save|bundle|"
                    r"set of|pack of|pair|each of|"
                    r"delivery|shipping|postage|returns?|deposit|instal\w*|month\w*|week\w*|refill|spare|replacement|engraving|gift wrap\w*)\b|"
                    r"活动|优惠|折|特价|限时|券|原价|会员|减|立省|起|套|运费|邮费|配送|押金|分期|每月|替换|补充|包装|刻字|[二两三四五六]件", re.I)
_IN_STOCK = re.compile(r"\bin stock\b|\bavailable (?:now|today|immediately)\b|\bready to ship\b|现货|有货|库存充足|随时可发", re.I)
_NOT = re.compile(r"\b(?:not|no longer|never|back|soon|out of|isn't|again)\b|没有?|无|缺|不|即将|补", re.I)
_GONE = re.compile(r"^(?:0(?:\.0+)?|no|none|false|out of stock|sold out|unavailable|售罄|缺货|无货|无|否|没有)$", re.I)
_ENDS = re.compile(r"(?:\buntil\b|\btill\b|\bends?(?: on)?\b|\bby\b|\bthrough\b|\bvalid to\b|截至|截止|到|至)[^0-9]{0,12}$", re.I)
_BEGINS = re.compile(r"(?:\bfrom\b|\bsince\b|\bstarting\b|\bas of\b|\bon\b|自|从)[^0-9]{0,12}$", re.I)
_BEGIN_AFTER = re.compile(r"^\s*(?:起|开售|上市|发售)")
_ON_SALE = re.compile(r"\bon sale\b|\bavailable\b|\bin the shops?\b|\blaunch\w*|开售|上市|发售|有售", re.I)

Record = Mapping[str, Any]


def contradictions(facts: Sequence[str], products: Sequence[Record], today: date | None = None) -> Iterator[str]:
    """What of a brief is at odds with the catalogue, or with the day, one sentence each.

    Args:
        today: the day an offer must not have ended before; None leaves offers alone.
    """
    yield from _two_prices(products)
    for fact in facts:
        said = plain_text(fact)
        concerned = [product for product in products if any(name.lower() in said.lower() for name in _names(product))] or list(products)
        yield from _price(said, concerned)
        yield from _stock(said, concerned)
        yield from _dates(said, concerned, today)


def _two_prices(products: Sequence[Record]) -> Iterator[str]:
    known: dict[str, tuple[int, set[Decimal]]] = {}
    for number, product in enumerate(products, 1):
        prices = {price for price, _said in _prices(product)}
        for name in _names(product)[:1]:
            first, before = known.setdefault(name.lower(), (number, prices))
            if prices and before and prices.isdisjoint(before):
                yield say(_("products {first} and {second} are both called '{name}' and cost {one} and {other}. Leave one out, or name them apart."),
                          first=first, second=number, name=name, one=min(before), other=min(prices))


def _price(fact: str, products: Sequence[Record]) -> Iterator[str]:
    if not _COSTS.search(fact) or _OFFER.search(fact):
        return
    stated = [item for product in products for item in _prices(product)]
    asked = [item for item in figures(fact) if item.kind == "money"]
    if stated and asked and all(item.number not in {price for price, _said in stated} for item in asked):
        yield say(_("the fact '{fact}' is at odds with the catalogue, where it is {said}. Correct one of the two; an offer says until when "
                    "it holds."), fact=fact, said=", ".join(dict.fromkeys(said for _price, said in stated)))


def _stock(fact: str, products: Sequence[Record]) -> Iterator[str]:
    claim = _IN_STOCK.search(fact)
    if claim is None or _NOT.search(fact[max(0, claim.start() - 12):claim.start()]):
        return
    stocks = [(key, value) for product in products for key, value in product.items() if _STOCK_FIELD.match(_spaced(key))]
    if stocks and all(value is not None and _GONE.match(str(value).strip()) for _key, value in stocks):
        yield say(_("the fact '{fact}' is at odds with the catalogue, where it is {said}. Correct one of the two."), fact=fact,
                  said=f"{stocks[0][0]}: {stocks[0][1]}")


def _dates(fact: str, products: Sequence[Record], today: date | None) -> Iterator[str]:
    for item in figures(fact):
        day = _day(item)
        if day is None:
            continue
        if today is not None and day < today and _ENDS.search(fact[:item.start]):
            yield say(_("the fact '{fact}' ended on {day}, before today. Leave it out, or correct the date."), fact=fact, day=day.isoformat())
        begins = _ON_SALE.search(fact) and (_BEGINS.search(fact[:item.start]) or _BEGIN_AFTER.match(fact[item.end:]))
        for product in products if begins else ():
            for key, value in product.items():
                first = next((found for one in figures(str(value)) if (found := _day(one))), None) if _FROM_FIELD.match(_spaced(key)) else None
                if first is not None and day < first:
                    yield say(_("the fact '{fact}' is at odds with the catalogue, where it is {said}. Correct one of the two."), fact=fact,
                              said=f"{key}: {value}")


def _prices(product: Record) -> list[tuple[Decimal, str]]:
    """Prices that a record states outright, each with the field in its words."""
    found = []
    for key, value in product.items():
        if _PRICE_FIELD.match(_spaced(key)) and not isinstance(value, bool):
            money: list[Decimal | None] = [item.number for item in figures(str(value)) if item.kind == "money"]
            for number in money or [value_of(str(value))]:
                if number is not None:
                    found.append((number, f"{key}: {value}"))
    return found


def _names(product: Record) -> list[str]:
    return [plain_text(str(value)) for key, value in product.items() if value and _NAME_FIELD.match(_spaced(key))]


def _day(item: Figure) -> date | None:
    try:
        return date.fromisoformat(item.day) if item.kind == "date" else None
    except ValueError:
        return None


def _spaced(key: str) -> str:
    return re.sub(r"[_\-]+", " ", key).strip()
