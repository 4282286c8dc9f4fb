"""Words that claim something, found by concept in English and Chinese; a concept may stand for a narrower one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import cast

from brandloom.content.checks.finding import Severity
from brandloom.content.checks.normalise import fold
from brandloom.content.checks.tables import read_table
from brandloom.i18n import _

TOKEN = re.compile(r"[a-zà-öø-ÿ]+(?:['’][a-z]+)?|\d+(?:\.\d+)?|[%#&/]", re.IGNORECASE)
_IDIOM = "none"
"""Class of phrases that hide the claim words inside them ('at least', 最近)."""


@dataclass(frozen=True)
class Concept:
    """One thing that can be claimed. In a bag (its name ends in '+') every entry stands for itself alone."""

    kind: str
    severity: Severity
    scope: str
    """'both', or 'copy': an objection to generated copy only, harmless in a text that a person wrote."""
    name: str
    broader: tuple[str, ...] = ()
    """Concepts that hold wherever this one does."""

    @property
    def is_bag(self) -> bool:
        return self.name.endswith("+")


@dataclass(frozen=True)
class Mention:
    """A listed entry in a folded text."""

    concepts: tuple[Concept, ...]
    entry: str
    start: int
    end: int


def all_mentions(text: str) -> list[Mention]:
    """All listed entries of a folded text, in order; of overlapping ones the longest."""
    found = sorted([*_english(text), *_chinese(text)], key=lambda item: (item.start - item.end, item.start))
    taken, kept = bytearray(len(text)), list[Mention]()
    for item in found:
        if not any(taken[item.start:item.end]):
            taken[item.start:item.end] = b"\1" * (item.end - item.start)
            kept.append(item)
    return sorted(kept, key=lambda item: item.start)


def is_idiom(mention: Mention) -> bool:
    """True for a phrase that only hides claim words."""
    return mention.concepts[0].kind == _IDIOM


def mentions(text: str) -> list[Mention]:
    """The listed entries that claim something."""
    return [item for item in all_mentions(text) if not is_idiom(item)]


def claims(text: str) -> list[tuple[str, str, str]]:
    """Claims of a text: (class, concept, words)."""
    text = fold(text)
    return [(item.concepts[0].kind, item.concepts[0].name, text[item.start:item.end]) for item in mentions(text)]


CLASSES = {
    "superlative": _("'{excerpt}' ranks or praises beyond proof, and no fact says so."),
    "price": _("'{excerpt}' says what it costs, and no fact says so."),
    "quantity": _("'{excerpt}' says how much or how many, and no fact says so."),
    "discount": _("'{excerpt}' promises a saving that no fact gives."),
    "delivery": _("'{excerpt}' promises a delivery that no fact states."),
    "gift": _("'{excerpt}' promises something free that no fact gives."),
    "stock": _("'{excerpt}' speaks of stock or scarcity, and no fact says so."),
    "date": _("'{excerpt}' names a time that no fact gives."),
    "award": _("'{excerpt}' claims an award, a rating or a certificate that no fact proves."),
    "testimonial": _("'{excerpt}' claims that others like, buy or praise it, and no fact says so."),
    "comparison": _("'{excerpt}' compares with others, and no fact bears it out."),
    "novelty": _("'{excerpt}' says that it is new, and no fact says so."),
    "health": _("'{excerpt}' claims an effect on health, and no fact proves it."),
    "eco": _("'{excerpt}' is an environmental claim that no fact proves."),
    "guarantee": _("'{excerpt}' gives a guarantee or promise that no fact states."),
    "material": _("'{excerpt}' names a material that no fact names."),
    "ingredient": _("'{excerpt}' names an ingredient that no fact names."),
    "origin": _("'{excerpt}' names an origin that no fact names."),
    "colour": _("'{excerpt}' names a colour that no fact names."),
    "brand": _("'{excerpt}' is a name that no fact gives."),
    "process": _("'{excerpt}' says how it is made, and no fact says so."),
    "quality": _("'{excerpt}' claims a quality that no fact states."),
    "feature": _("'{excerpt}' claims a property that no fact states."),
    "yield": _("'{excerpt}' claims a result that no fact proves."),
    "audience": _("'{excerpt}' says who it is for, and no fact says so."),
    "occasion": _("'{excerpt}' names an occasion that no fact names."),
    "customer": _("'{excerpt}' speaks of what the reader did or is, which no fact states."),
    "shop": _("'{excerpt}' says something about the shop that no fact states."),
    "trade": _("'{excerpt}' speaks of trade terms that no fact states."),
}


@lru_cache(maxsize=50_000)
def same_word(word: str) -> str:
    """A word in lower case without the endings of plural and genitive."""
    word = re.sub(r"['’]s$", "", word.lower())
    if len(word) <= 3 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if re.search(r"(?:s|x|ch|sh)es$", word) else word.removesuffix("s")


@dataclass(frozen=True)
class _Lexicon:
    phrases: dict[str, list[tuple[tuple[str, ...], str]]]
    """First English word -> entries as words, longest first."""
    stems: dict[str, list[tuple[tuple[str, ...], str]]]
    """First letters of entries whose first word has an open end."""
    chinese: dict[str, list[str]]
    """First character -> entries, longest first."""
    concepts: dict[str, tuple[Concept, ...]]
    """Entry -> its concepts."""


def _english(text: str) -> Iterator[Mention]:
    book = _lexicon()
    tokens = [(same_word(match.group()), match.group().lower(), match.start(), match.end()) for match in TOKEN.finditer(text)]
    for at, (word, raw, start, _end) in enumerate(tokens):
        entries = list(book.phrases.get(word, ()))
        for size in range(2, len(raw) + 1):
            entries += book.stems.get(raw[:size], ())
        fitting = [(len(words), entry) for words, entry in entries if _fits(words, tokens[at:at + len(words)])]
        if fitting:
            size, entry = max(fitting)
            yield Mention(book.concepts[entry], entry, start, tokens[at + size - 1][3])


def _fits(words: tuple[str, ...], tokens: list[tuple[str, str, int, int]]) -> bool:
    return len(words) == len(tokens) and all(
        token[1].startswith(word[:-1]) if word.endswith("*") else token[0] == word for word, token in zip(words, tokens, strict=True))


def _chinese(text: str) -> Iterator[Mention]:
    if text.isascii():
        return
    book = _lexicon()
    for at, character in enumerate(text):
        for entry in book.chinese.get(character, ()):
            if text.startswith(entry, at) and _whole(text, at, at + len(entry)):
                yield Mention(book.concepts[entry], entry, at, at + len(entry))
                break


def _whole(text: str, start: int, end: int) -> bool:
    """False where Latin letters of an entry go on in the text."""
    latin = re.compile("[A-Za-z0-9]")
    return not ((start and latin.match(text[start]) and latin.match(text[start - 1]))
                or (end < len(text) and latin.match(text[end - 1]) and latin.match(text[end])))


@cache
def _lexicon() -> _Lexicon:
    book = _Lexicon({}, {}, {}, {})
    for row in read_table("claims.tsv"):
        concept = Concept(row["class"], cast(Severity, row["severity"]), row["scope"], row["concept"],
                          tuple(filter(None, row["broader"].split(";"))))
        for entry in filter(None, row["en"].split(";")):
            words = tuple(word if word.endswith("*") else same_word(word) for word in _words(entry))
            where, key = (book.stems, words[0][:-1]) if words[0].endswith("*") else (book.phrases, words[0])
            where.setdefault(key, []).append((words, entry))
            book.concepts[entry] = (*book.concepts.get(entry, ()), concept)
        for entry in filter(None, row["zh"].split(";")):
            if entry.isascii():
                words = tuple(map(same_word, _words(entry)))
                book.phrases.setdefault(words[0], []).append((words, entry))
            else:
                book.chinese.setdefault(entry[0], []).append(entry)
            book.concepts[entry] = (*book.concepts.get(entry, ()), concept)
    for entries in book.chinese.values():
        entries.sort(key=len, reverse=True)
    return book


def _words(entry: str) -> list[str]:
    return re.findall(r"[a-zà-öø-ÿ]+(?:['’][a-z]+)?\*?|\d+(?:\.\d+)?\*?|[%#&/]", entry.lower())


@cache
def broader(name: str) -> frozenset[str]:
    """The concepts that hold wherever the named one does, itself included."""
    above = {item.name: item.broader for items in _lexicon().concepts.values() for item in items}
    seen, todo = {name}, [name]
    while todo:
        new = [item for item in above.get(todo.pop(), ()) if item not in seen]
        seen.update(new)
        todo += new
    return frozenset(seen)
