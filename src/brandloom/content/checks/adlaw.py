"""Terms of Chinese advertising law: packs of words and patterns, exceptions per rule, the longest hit wins."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import cast

from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.normalise import fold, unmask
from brandloom.i18n import _

ALWAYS_ON = ("absolute", "guarantee", "invest", "authority", "medical")
"""Packs for every shop; 'medical' because only licensed medical advertisers may use its words (art. 17)."""
NAME_EXEMPTION = "6-4"
"""Article of the SAMR guide: an absolute term inside a product's own name."""


@dataclass(frozen=True)
class Hit:
    """One listed term in a text, in the spelling of the normalised text."""

    term: str
    start: int
    end: int
    pack: str
    rule: str
    level: Severity
    basis: str


@dataclass
class _Rule:
    pack: str
    name: str
    level: Severity
    basis: str
    terms: list[str] = field(default_factory=list)
    patterns: list[re.Pattern[str]] = field(default_factory=list)
    exceptions: list[re.Pattern[str]] = field(default_factory=list)
    _word: re.Pattern[str] | None = None

    def word(self) -> re.Pattern[str] | None:
        if self._word is None and self.terms:
            longest_first = sorted(self.terms, key=lambda term: -len(term))
            self._word = re.compile("(?=(" + "|".join(map(re.escape, longest_first)) + "))", re.IGNORECASE)
        return self._word

    def hits(self, text: str) -> Iterable[Hit]:
        spans = [(m.start(1), m.end(1)) for m in self.word().finditer(text)] if self.word() else []  # type: ignore[union-attr]
        spans += [m.span() for pattern in self.patterns for m in pattern.finditer(text) if m.group()]
        excused = [m.span() for pattern in self.exceptions for m in pattern.finditer(text)] if spans else []
        for start, end in spans:
            if not any(low <= start and end <= high for low, high in excused):
                yield Hit(text[start:end], start, end, self.pack, self.name, self.level, self.basis)


def find_terms(text: str, packs: Sequence[str] = ALWAYS_ON) -> list[Hit]:
    """All listed terms of a text, in order of place; of overlapping ones the longest.

    Args:
        packs: names of the packs to apply: absolute, authority, cosmetics, education, food, guarantee, invest, medical,
            realestate, superstition.
    """
    text = fold(text)
    plain = _longest(hit for rule in _rules() if rule.pack in packs for hit in rule.hits(text))
    bare = unmask(text)
    if bare.text == text:
        return plain
    hidden = []
    for hit in _longest(hit for rule in _rules() if rule.pack in packs for hit in rule.hits(bare.text)):
        start, end = bare.source_span(hit.start, hit.end)
        # Without fillers a term may arise across two words; only one whose letters were disguised adds something.
        if text[start:end] != hit.term and not any(start < other.end and other.start < end for other in plain):
            hidden.append(Hit(hit.term, start, end, hit.pack, hit.rule, hit.level, hit.basis))
    return sorted([*plain, *hidden], key=lambda hit: hit.start)


def check_terms(text: str, place: str, *, names: Sequence[str] = (), packs: Sequence[str] = ALWAYS_ON) -> list[Finding]:
    """Findings for the terms of one place; a term inside a product's own name is a caution that names the exemption."""
    folded = fold(text)
    named = [match.span() for name in names if name for match in re.finditer(re.escape(fold(name)), folded, re.IGNORECASE)]
    found = []
    for hit in find_terms(text, packs):
        seen = folded[hit.start:hit.end]
        if any(start <= hit.start and hit.end <= end for start, end in named):
            found.append(finding("ad-law", "caution", place, seen, _("'{excerpt}' is part of a product's name, which article "
                                 "{exemption} of the SAMR guide allows; make sure it is the registered name."),
                                 article=hit.basis, exemption=NAME_EXEMPTION))
        elif seen != hit.term:
            found.append(finding("ad-law", hit.level, place, seen, _("'{excerpt}' is a disguised spelling of '{term}', a term "
                                 "of pack '{pack}'."), article=hit.basis, term=hit.term, pack=hit.pack))
        else:
            found.append(finding("ad-law", hit.level, place, seen, _LEVELS[hit.level], article=hit.basis, pack=hit.pack))
    return found


def exemptions() -> dict[str, str]:
    """The nine situations in which an absolute term is no breach: article of the SAMR guide -> its text."""
    return {row["article"]: row["text"] for row in _rows("ad_exemptions.zh.tsv")}


_LEVELS = {
    "ban": _("'{excerpt}' must not stand in an advertisement (pack '{pack}')."),
    "evidence": _("'{excerpt}' needs a proof: source, date and scope (pack '{pack}')."),
    "caution": _("'{excerpt}' is lawful only in some cases; a person should decide (pack '{pack}')."),
}


def _longest(hits: Iterable[Hit]) -> list[Hit]:
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda item: (item.start - item.end, item.start)):
        if not any(hit.start < other.end and other.start < hit.end for other in chosen):
            chosen.append(hit)
    return sorted(chosen, key=lambda hit: hit.start)


def _rows(name: str) -> list[dict[str, str]]:
    lines = files("brandloom.content").joinpath("data", name).read_text("utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def _rules() -> tuple[_Rule, ...]:
    rules: dict[str, _Rule] = {}
    for row in _rows("ad_terms.zh.tsv"):
        key = f"{row['rule']}:{row['level']}"
        rule = rules.setdefault(key, _Rule(row["pack"], row["rule"], cast(Severity, row["level"]), row["basis"]))
        if row["kind"] == "term":
            rule.terms.append(row["value"])
        elif row["kind"] == "regex":
            rule.patterns.append(re.compile(row["value"], re.IGNORECASE))
        else:
            is_term = row["kind"] == "except_term"
            rule.exceptions.append(re.compile(re.escape(row["value"]) if is_term else row["value"], re.IGNORECASE))
    return tuple(rules.values())
