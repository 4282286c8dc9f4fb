"""How wide a line is in a page of search results, estimated from the advance widths of the usual sans-serif fonts."""

from __future__ import annotations

import unicodedata
from functools import cache

TITLE_PX, TITLE_SIZE = 580, 20
"""Width at which results cut a title, and the size it is set in. 29 Chinese characters, about what Baidu shows as well."""
DESCRIPTION_PX, DESCRIPTION_SIZE = 920, 14
"""The same for a description: about 155 Latin or 65 Chinese characters."""
_WIDTHS = {191: "'", 222: "ijl‘’", 260: "|", 278: " !,./:;I[\\]ft", 333: "()-`r“”", 334: "{}", 355: '"', 389: "*", 469: "^", 500: "Jckszvxy",
           556: "#$0123456789?L_abdeghnopqu", 584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%",
           944: "W", 1000: "—…", 1015: "@"}
"""Thousandths of the font size, for Helvetica and the fonts made to its measures."""


def pixels(text: str, size: float) -> float:
    """Estimated width of one line in CSS pixels; a Chinese character counts as one full size, accents count nothing."""
    return sum(_thousandths(character) for character in unicodedata.normalize("NFD", text)) * size / 1000


def cut_to(text: str, most: float, size: float) -> str:
    """The longest beginning that fits, without a broken word; the text itself where it fits."""
    if pixels(text, size) <= most:
        return text
    kept = text
    while kept and pixels(kept + "…", size) > most:
        shorter = kept.rpartition(" ")[0] if " " in kept else kept[:-1]
        kept = shorter.rstrip(" ,;:，；：、-–|") or kept[:-1]
    return kept + "…" if kept else ""


def _thousandths(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 1000
    return _table().get(character, 556)


@cache
def _table() -> dict[str, int]:
    return {character: width for width, characters in _WIDTHS.items() for character in characters}
