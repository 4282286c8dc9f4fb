"""Words that claim something. A claim is allowed when a fact names the same concept, in either language."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import cast

from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.normalise import fold
from brandloom.i18n import _


@dataclass(frozen=True)
class _Concept:
    kind: str
    severity: Severity
    name: str
    words: re.Pattern[str]


def claims(text: str) -> list[tuple[str, str, str]]:
    """Claims of a text: (class, concept, words)."""
    text = fold(text)
    return [(concept.kind, concept.name, match.group()) for concept in _concepts() for match in concept.words.finditer(text)]


@lru_cache(maxsize=256)
def known_claims(evidence: tuple[str, ...]) -> frozenset[str]:
    """Concepts the facts prove."""
    return frozenset(name for line in evidence for _kind, name, _words in claims(line))


def check_claims(text: str, place: str, *, evidence: Sequence[str] = ()) -> list[Finding]:
    """A finding for each concept a text claims and no fact names."""
    text, known, found = fold(text), known_claims(tuple(evidence)), []
    for concept in _concepts():
        match = None if concept.name in known else concept.words.search(text)
        if match:
            found.append(finding("claim", concept.severity, place, match.group(), _CLASSES[concept.kind],
                                 concept=concept.name))
    return found


_CLASSES = {
    "superlative": _("'{excerpt}' ranks or praises beyond proof, and no fact says so."),
    "price": _("'{excerpt}' promises a saving that the brief does not give."),
    "shipping": _("'{excerpt}' promises a delivery that no fact states."),
    "gift": _("'{excerpt}' promises something free that the brief does not give."),
    "stock": _("'{excerpt}' speaks of stock or scarcity, and no fact says so."),
    "urgency": _("'{excerpt}' presses for time without a date in the brief."),
    "award": _("'{excerpt}' claims an award, a rating or a certificate that no fact proves."),
    "popularity": _("'{excerpt}' claims that others like or buy it, and no fact says so."),
    "novelty": _("'{excerpt}' says that it is new, and no fact says so."),
    "health": _("'{excerpt}' claims an effect on health, and no fact proves it."),
    "eco": _("'{excerpt}' is an environmental claim that no fact proves."),
    "guarantee": _("'{excerpt}' gives a guarantee or promise that no fact states."),
    "material": _("'{excerpt}' names a material that no fact names."),
    "origin": _("'{excerpt}' names an origin that no fact names."),
    "process": _("'{excerpt}' says how it is made, and no fact says so."),
    "quality": _("'{excerpt}' claims a quality that no fact states."),
    "feature": _("'{excerpt}' claims a property that no fact states."),
    "occasion": _("'{excerpt}' names an occasion that no fact names."),
    "customer": _("'{excerpt}' speaks of what the reader did or is, which no fact states."),
    "shop": _("'{excerpt}' says something about the shop that no fact states."),
    "trade": _("'{excerpt}' speaks of trade terms that no fact states."),
}


@cache
def _concepts() -> tuple[_Concept, ...]:
    lines = files("brandloom.content").joinpath("data", "claims.tsv").read_text("utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(_Concept(row["class"], cast(Severity, row["severity"]), row["concept"], _pattern(row["en"], row["zh"]))
                 for row in rows)


def _pattern(english: str, chinese: str) -> re.Pattern[str]:
    """One pattern per concept. English words match whole, `*` leaves the end open; Chinese words match anywhere."""
    def word(item: str) -> str:
        body = item.rstrip("*").replace(r"\w+", "\0")
        escaped = re.escape(body).replace("\0", r"(?!of\b)\w+").replace(r"\ ", r"[\s-]+")
        start = r"(?<![A-Za-z])" if body[:1].isalnum() else ""
        return start + escaped + ("[A-Za-z]*" if item.endswith("*") else r"(?![A-Za-z])" if body[-1:].isalnum() else "")

    # An open group such as (?!近|后) holds bars of its own.
    zh = re.split(r"\|(?![^()]*\))", chinese)
    return re.compile("|".join([*(word(item) for item in english.split("|")), *(item for item in zh if item)]), re.IGNORECASE)
