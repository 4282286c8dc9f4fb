"""Which of several products a part of a text is about, so that the price of one does not bear out the price of another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from brandloom.content.checks.normalise import fold

_NAME = re.compile(r"^(?:product[ _]?)?(?:name|title)$|^product$|^item$|^model$|^course$|"
                   r"^(?:商品|产品|课程)?(?:名称?|标题|品名)$|^品名$|^产品$|^商品$|^课程$",
                   re.IGNORECASE)
_MOST = 200
"""Products among which names are looked for; a text on more is judged by all records together."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:\.(?=\d)[^.!?。！？\n]*)*[.!?。！？\n]*")
_GOES_ON = re.compile(r"^\W*(?:it|its|it['’]s|this one|这款|它|该款|此款|这件|这把|这个|这台|这双|这盒)", re.IGNORECASE)
_SAYS_NOTHING = re.compile(r"[\s,，、;；]*(?:and|or|with|plus|和|与|及|跟|或|加)?[\s,，、;；]*(?:the|our|a|an)?\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Product:
    """One record of several, and the spellings that name it and no other, in lower case."""

    record: object
    names: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A stretch of a text and the products it names; none for a stretch on all of them."""

    start: int
    end: int
    products: tuple[Product, ...]


def products_of(records: object) -> list[Product]:
    """The products of a list of records, or of the list inside one, with what tells their names apart; none for a single product."""
    rows = _rows(records)
    named = [(row, fold(name).lower().strip()) for row in rows for name in [_name(row)] if name]
    if not 1 < len(named) <= _MOST or len({name for _row, name in named}) < 2:
        return []
    every = [name for _row, name in named]
    return [Product(row, tuple(_telling(name, [other for other in every if other != name]))) for row, name in named]


def parts_of(folded: str, products: list[Product]) -> list[Part]:
    """A folded text cut by the product that each part names; a sentence that begins with 'it' is about the product before it."""
    low, out, last = folded.lower(), list[Part](), tuple[Product, ...]()
    for sentence in _SENTENCE.finditer(low):
        places = sorted(_places(low, *sentence.span(), products), key=lambda item: item[0])
        if not places:
            last = last if _GOES_ON.match(sentence.group()) else ()
            out.append(Part(*sentence.span(), last))
            continue
        groups: list[tuple[int, int, tuple[Product, ...]]] = []
        for start, end, product in places:
            if groups and (product in groups[-1][2] or _SAYS_NOTHING.fullmatch(low[groups[-1][1]:start])):
                groups[-1] = groups[-1][0], end, tuple(dict.fromkeys((*groups[-1][2], product)))
            else:
                groups.append((start, end, (product,)))
        cuts = [sentence.start(), *(start for start, _end, _own in groups[1:]), sentence.end()]
        out += [Part(cuts[at], cuts[at + 1], own) for at, (_start, _end, own) in enumerate(groups)]
        last = groups[-1][2]
    return out


def _rows(records: object) -> list[dict[str, object]]:
    if isinstance(records, dict):
        lists = [value for value in records.values() if isinstance(value, list)
                 and sum(isinstance(item, dict) and bool(_name(item)) for item in value) > 1]
        return _rows(lists[0]) if len(lists) == 1 and not _name(records) else []
    return [row for row in records if isinstance(row, dict)] if isinstance(records, (list, tuple)) else []


def _name(row: object) -> str:
    if not isinstance(row, dict):
        return ""
    return next((value for key, value in row.items() if isinstance(value, str) and _NAME.match(str(key).strip()) and 1 < len(value) < 200), "")


def _telling(name: str, others: list[str]) -> Iterator[str]:
    """The name, and the words or pairs of characters at its ends that no other name has."""
    if not any(name in other for other in others):
        yield name
    words = [word for word in re.findall(r"[a-z][a-z'’-]{3,}", name) if not any(re.search(rf"\b{re.escape(word)}", other) for other in others)]
    yield from words
    han = "".join(re.findall("[\u4e00-\u9fff]+", name))
    for piece in (han[:2], han[:3], han[-2:], han[-3:]):
        if len(piece) > 1 and not any(piece in other for other in others):
            yield piece


def _places(text: str, start: int, end: int, products: list[Product]) -> Iterator[tuple[int, int, Product]]:
    for product in products:
        for name in product.names:
            whole = rf"(?<![a-z]){re.escape(name)}(?![a-z])" if name.isascii() else re.escape(name)
            for match in re.compile(whole).finditer(text, start, end):
                yield *match.span(), product
