"""Keywords out of the shop's own language: what customers search for and write, and what the products are called."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any, Literal

from brandloom.content.articles.terms import contains, find_terms, terms_in, words_of
from brandloom.content.facts import plain_text

Kind = Literal["searches", "reviews", "titles", "other", "rest"]
Intent = Literal["navigational", "transactional", "commercial", "informational"]
PRIOR = 2000.0
"""Texts that the prior of the log-odds is worth."""
NESTED = 0.9
"""Share of a term's texts that a longer term may take before the shorter one says nothing of its own."""
POOL = 200
"""Terms among which keywords are chosen."""
MOST_ALIKE = 2
"""Chosen keywords that may be part of one another."""
_PRIVATE = re.compile(r"\d{5,}|@|https?:|www\.|[<>{}\[\]\\`$]")
_MOST_RELATED = 5


@dataclass(frozen=True)
class Texts:
    """Texts of one kind. `rest` is what the others are compared with: reviews and titles of the shop's other goods."""

    kind: Kind
    texts: tuple[str, ...]
    counts: tuple[int, ...] = ()
    """How often each was said or searched for; once each when empty."""


@dataclass(frozen=True)
class Question:
    """A question in the customers' words, and how often it was asked."""

    text: str
    asked: int


@dataclass(frozen=True)
class Keyword:
    """A term and what is known of it. There is no search volume unless the shop gave one."""

    text: str
    score: float
    """Log-odds of standing in these texts against the rest, in standard deviations; with nothing to compare with, log of the texts."""
    texts: int
    sources: Mapping[str, int]
    """Kind of text -> texts of it that hold the term."""
    intent: Intent | None
    related: tuple[str, ...] = ()
    """Terms it stands together with more than by chance, most so first."""
    questions: tuple[str, ...] = ()
    volume: int | None = None
    """Searches a month, from a file of the shop; None: unknown."""

    def to_dict(self) -> dict[str, Any]:
        return {"keyword": self.text, "score": round(self.score, 2), "texts": self.texts, "sources": dict(self.sources), "intent": self.intent,
                "related": list(self.related), "questions": list(self.questions), "volume": self.volume}


def find_keywords(corpus: Sequence[Texts], language: str, *, most: int = 30, volumes: Mapping[str, int] | None = None) -> list[Keyword]:
    """Terms that set these texts apart, best first.

    Args:
        corpus: texts by kind; those of kind `rest` are the comparison.
        volumes: searches a month by keyword, where the shop has them; nothing is guessed.
    Returns:
        At most `most` keywords, none of which only repeats another. Every one stands in at least three texts.
    Source:
        Log-odds with an informative Dirichlet prior: Monroe, Colaresi and Quinn 2008.
    """
    near = [item for item in corpus if item.kind != "rest"]
    terms = find_terms([text for item in near for text in item.texts], language)
    held: dict[str, Counter[str]] = defaultdict(Counter)
    sets: list[set[str]] = []
    for item in near:
        for number, text in enumerate(item.texts):
            inside = terms_in(text, terms, language)
            sets.append(inside)
            for term in inside:
                held[term][item.kind] += item.counts[number] if item.counts else 1
    ranked = _rank(held, near, [item for item in corpus if item.kind == "rest"], terms, language)
    chosen = _distinct(ranked, sets, most)
    asked = find_questions(near, language)
    related = _related(chosen, sets)
    return [Keyword(term, score, sum(held[term].values()), dict(held[term]), intent_of(term), related[term],
                    tuple(item.text for item in asked if contains(item.text, term, language))[:3], (volumes or {}).get(term))
            for term, score in chosen]


def find_questions(corpus: Sequence[Texts], language: str, *, most: int = 30) -> list[Question]:
    """Questions of searches and of `other` texts, such as service chats, the frequent ones first; none that could name a person.

    Reviews are left out: what they ask is mostly rhetorical.
    """
    pattern = re.compile(words_of(language)["question"], re.IGNORECASE)
    low, high = (4, 30) if language == "zh" else (10, 100)
    counts: Counter[str] = Counter()
    for item in corpus:
        for number, text in enumerate(item.texts if item.kind in ("searches", "other") else ()):
            for sentence in re.split(r"(?<=[？?！!。])|(?<=\.)\s|\n|[，,；;]" if language == "zh" else r"(?<=[?!.])\s|\n", text):
                said = plain_text(sentence).strip(" .。!！,，")
                asks = item.kind == "searches" or sentence.rstrip().endswith(("?", "？", "吗"))
                if asks and low <= len(said) <= high and pattern.search(said) and not _PRIVATE.search(said):
                    counts[said] += item.counts[number] if item.counts else 1
    return [Question(text, count) for text, count in counts.most_common(most)]


def intent_of(text: str) -> Intent | None:
    """What somebody who types this wants, by its words; None where they do not tell."""
    cues: dict[str, str] = words_of("intent")
    known: tuple[Intent, ...] = ("navigational", "transactional", "commercial", "informational")
    return next((name for name in known if re.search(cues[name], text, re.IGNORECASE)), None)


def split_by_topic(corpus: Sequence[Texts], topic: str, language: str, *, least: int = 20) -> list[Texts]:
    """Where nothing was given to compare with: texts on the topic stay, the others become the rest. All stay where either is too few."""
    words = [word for word in re.findall(r"[a-z0-9]{3,}|[\u4e00-\u9fff]{2,}", topic.lower()) if word not in words_of("en")["edge"]]
    if any(item.kind == "rest" for item in corpus) or not words:
        return list(corpus)
    near, rest = [], list[str]()
    for item in corpus:
        on = [any(contains(text, word, language) for word in words) for text in item.texts]
        kept = tuple(text for text, hit in zip(item.texts, on, strict=True) if hit)
        counts = tuple(count for count, hit in zip(item.counts, on, strict=True) if hit) if item.counts else ()
        near.append(replace(item, texts=kept, counts=counts))
        rest += [text for text, hit in zip(item.texts, on, strict=True) if not hit]
    enough = sum(len(item.texts) for item in near) >= least and len(rest) >= least
    return [*near, Texts("rest", tuple(rest))] if enough else list(corpus)


def _rank(held: Mapping[str, Counter[str]], near: Sequence[Texts], rest: Sequence[Texts], terms: set[str], language: str) -> list[tuple[str, float]]:
    """Terms by z-score against the rest; by texts where there is no rest."""
    elsewhere: Counter[str] = Counter()
    for item in rest:
        for text in item.texts:
            elsewhere.update(terms_in(text, terms, language))
    here, there = (sum(sum(item.counts) if item.counts else len(item.texts) for item in side) for side in (near, rest))
    scores = {}
    for term, sources in held.items():
        count = sum(sources.values())
        scores[term] = _z(min(count, here), here, elsewhere[term], there) if there else log(1 + count) * sqrt(_units(term, language))
    return sorted(((term, score) for term, score in scores.items() if score > 0), key=lambda item: (-item[1], item[0]))


def _z(count: int, here: int, other: int, there: int) -> float:
    prior = PRIOR * (count + other) / (here + there)
    most = PRIOR - prior
    gap = log((count + prior) / (here - count + most)) - log((other + prior) / (there - other + most))
    return gap / sqrt(1 / (count + prior) + 1 / (other + prior))


def _units(term: str, language: str) -> int:
    return len(term) - 1 if language == "zh" else len(term.split())


def _distinct(ranked: Sequence[tuple[str, float]], sets: Sequence[set[str]], most: int) -> list[tuple[str, float]]:
    """The best ones without those that say the same: a term nearly all of whose texts hold a longer one, and words in another order."""
    pool = ranked[:max(POOL, 6 * most)]
    names = {term for term, _score in pool}
    texts: Counter[str] = Counter()
    for inside in sets:
        texts.update(inside & names)
    chosen: list[tuple[str, float]] = []
    for term, score in pool:
        told = any(_inside(term, longer) and texts[longer] >= NESTED * texts[term] for longer in names)
        longer_than = sum(_inside(kept, term) or _inside(term, kept) for kept, _score in chosen)
        if not told and longer_than < MOST_ALIKE and not any(_same_words(kept, term) for kept, _score in chosen):
            chosen.append((term, score))
        if len(chosen) == most:
            break
    return chosen


def _inside(short: str, long: str) -> bool:
    if short == long:
        return False
    return f" {short} " in f" {long} " if short.isascii() else short in long


def _same_words(one: str, other: str) -> bool:
    """'toy trains' and 'train toy'."""
    return one.isascii() and sorted(word.rstrip("s") for word in one.split()) == sorted(word.rstrip("s") for word in other.split())


def _related(chosen: Sequence[tuple[str, float]], sets: Sequence[set[str]]) -> dict[str, tuple[str, ...]]:
    """For each keyword the others it stands with, by normalised pointwise mutual information."""
    names = {term for term, _score in chosen}
    alone, pairs, total = Counter[str](), Counter[tuple[str, str]](), max(1, len(sets))
    for inside in sets:
        here = sorted(inside & names)
        alone.update(here)
        pairs.update((one, other) for at, one in enumerate(here) for other in here[at + 1:])
    found = defaultdict[str, list[tuple[float, str]]](list)
    for (one, other), count in pairs.items():
        if count >= 2 and count < total and not _inside(one, other) and not _inside(other, one):
            value = log(count * total / (alone[one] * alone[other])) / -log(count / total)
            if value > 0:
                found[one].append((value, other))
                found[other].append((value, one))
    return {term: tuple(other for _value, other in sorted(found[term], reverse=True)[:_MOST_RELATED]) for term in names}
