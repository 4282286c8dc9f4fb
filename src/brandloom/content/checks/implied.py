"""What needs no fact of its own: idioms with numbers, and properties that follow from stated ones."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from brandloom.content.checks.ground import Ground, stem
from brandloom.content.checks.roles import clause
from brandloom.content.checks.tables import read_table


def harmless(text: str) -> list[tuple[int, int]]:
    """Places of a folded text with idioms and small numbers that say nothing of the product: 'for two', 一举两得."""
    return [match.span() for match in _idioms().finditer(text)]


def implied(text: str, known: Ground) -> list[tuple[int, int]]:
    """Places of a folded text that say what follows from a stated property: rain from 'waterproof', wiping clean from 'non-stick'."""
    if not _any_implied().search(text):
        return []
    return [match.span() for when, says in _implications() for match in says.finditer(text) if _stated(when, known)]


def denied_fields(text: str, known: Ground) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Places that name a field whose value is no: those that deny it too, and those that claim it."""
    right, wrong = list[tuple[int, int]](), list[tuple[int, int]]()
    for name in sorted({other for absent in known.absent for other in _synonyms(absent)}):
        for match in _naming(name).finditer(text):
            before = text[max(0, match.start() - 24):match.start()]
            denied = (_DENIED.search(re.split("[,.;!?，。；！？]", before)[-1])
                      or re.match(r"[ -]free\b|[^，。]{0,4}(?:没有|没放|没加|不加|不放|不支持|不含)", text[match.end():], re.IGNORECASE))
            if not denied and _SELF.search(text[slice(*clause(text, match.start(), match.end()))]):
                denied = _SELF.search(text)
            if _INCLUDING.search(name) and not denied:
                around = text[slice(*clause(text, match.start(), match.end()))]
                denied = _OWN.search(around)
                if not denied and not _COMES.search(around):
                    continue
            (right if denied else wrong).append((match.start() - (len(denied.group()) if denied and denied.re is _DENIED else 0), match.end()))
    return right, wrong


_SELF = re.compile(r"\b(?:sold separately|not included|buy your|bring your|bring a|supply your own)\b|自己[配买备装加]|另外?[购买配备]"
                   r"|自备|自配", re.IGNORECASE)
_INCLUDING = re.compile(r"\bincluded\b|^包?含")
"""Names of fields on what comes with a product."""
_OWN = re.compile(r"\b(?:your own|buy|separately|need|you['’]d pay|you pay|costs?|extra|not included|supply)\b|自己"
                  r"|另[购买配备行]|自备|自配|单独|不含|没有", re.IGNORECASE)
_COMES = re.compile(r"\b(?:comes?|included?|includes|including|in the box|supplied|with|free|thrown in|ready|from us|there)\b|[附送赠配带含]|都有"
                    r"|齐全|一起", re.IGNORECASE)
_DENIED = re.compile(r"(?:\b(?:no|not|never|without|zero|non|isn['’]t|aren['’]t|doesn['’]t|don['’]t|neither|nor|nobody|free of)\b[\w' -]{0,18}|"
                     r"(?:不|没|无|非|别|免|零|勿)[^，。]{0,5})$", re.IGNORECASE)


@cache
def _also_named() -> dict[str, tuple[str, ...]]:
    """Noun -> all names of it in either language."""
    rows = [[*row["en"].split(";"), *(word for word in row["zh"].split(";") if len(word) > 1)] for row in read_table("nouns.tsv")]
    return {name: tuple(names) for names in rows for name in names}


def _synonyms(name: str) -> tuple[str, ...]:
    return _also_named().get(name, (name,))


@lru_cache(maxsize=2000)
def _naming(name: str) -> re.Pattern[str]:
    if not name.isascii():
        return re.compile(re.escape(re.sub("^(?:支持|是否|有无|可|包含|含|带|附|自带)", "", name)))
    words = [re.escape(word) for word in name.split()
             if word not in ("has", "is", "with", "available", "included", "required", "needed")]
    if len(words) == 1 and len(stem(words[0])) >= 5:
        # 'engraving: no' denies 'we engrave' too.
        return re.compile(rf"\b{stem(words[0])}\w*", re.IGNORECASE)
    return re.compile(rf"\b{'[ -]'.join(words)}(?:s|es|ed)?\b" if words else "(?!)", re.IGNORECASE)


def _stated(when: re.Pattern[str], known: Ground) -> bool:
    """True when a field says so; one that says no counts only where the pattern reads that no."""
    for match in when.finditer(known.holding):
        rest = known.holding[match.end():].split("\n", 1)[0]
        if rest.strip() != "no" and not (rest.endswith(" no") and " " not in rest.strip().removesuffix(" no")):
            return True
    return False


@cache
def _idioms() -> re.Pattern[str]:
    return re.compile("|".join(row["regex"] for row in read_table("harmless.tsv")), re.IGNORECASE)


@cache
def _implications() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((re.compile(row["when"], re.IGNORECASE), _says(row["says"])) for row in read_table("implied.tsv"))


def _says(pattern: str) -> re.Pattern[str]:
    """Latin words whole, Chinese ones anywhere."""
    return re.compile(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", re.IGNORECASE)


@cache
def _any_implied() -> re.Pattern[str]:
    return _says("|".join(row["says"] for row in read_table("implied.tsv")))
