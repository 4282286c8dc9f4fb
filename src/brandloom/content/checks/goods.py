"""Whether an opening offers only things that the message shows: "here are some tea bags" is untrue of a shelf of cups."""

from __future__ import annotations

import re

from brandloom.content.checks.finding import Finding, finding
from brandloom.i18n import _
from brandloom.recommend import goods_in, has_chinese

_OFFERS = {
    "en": re.compile(r"\b(?:here(?: is| are|'s|’s)|we(?:'ve|’ve| have)?(?: \w+){0,2}? "
                     r"(?:put|kept|keep|chosen?|pick(?:ed)?|look(?:ed)? out|laid|saved|found|gathered|selected|brought)|have a look at|see)\b",
                     re.IGNORECASE),
    "zh": re.compile("这里有|这几|这些|我们(?!想)[^，。！？]{0,14}?[留备挑选找摆带]|为你[留备挑选找摆带]"),
}
"""What begins a sentence's offer. What stands before it is the reader's scene, in which there may be any thing."""
_PLACES = ("shelf", "shelves", "货架")
"""Where a shop keeps its things, and not what it offers."""
_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)|\n")


def check_goods(text: str, place: str, language: str, shown: str) -> list[Finding]:
    """Findings for things that are offered and are not among those shown.

    Args:
        shown: label of the theme and names of the products. Where these are in another language, things of the same kind pass.
    """
    words = {_one(word) for word, _theme in goods_in(shown)} | {_one(word) for word in re.findall(r"[^\W\d_]+", shown.lower())}
    kinds = {theme.key for _word, theme in goods_in(shown)}
    foreign = has_chinese(shown) is not (language == "zh") or (language == "zh" and bool(re.search("[A-Za-z]{3}", shown)))
    found, start = list[Finding](), 0
    for sentence in _SENTENCE.split(text):
        offer = _OFFERS[language].search(sentence)
        for word, theme in goods_in(sentence[offer.end():]) if offer else ():
            if word in _PLACES or _one(word) in words or (language == "zh" and word in shown) or (foreign and theme.key in kinds):
                continue
            at = start + sentence.lower().find(word, offer.end() if offer else 0)
            found.append(finding("goods", "ban", place, word, _("'{excerpt}' is offered, but the message shows no such thing."),
                                 span=(at, at + len(word))))
        start += len(sentence)
    return found


def _one(word: str) -> str:
    """Singular and plural alike."""
    return word if len(word) < 4 else word.removesuffix("s")
