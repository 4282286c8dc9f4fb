"""Terms of a corpus: words and short phrases of English, and Chinese words found by what holds together and what stands free.

No word list of Chinese is needed: a string is a word where its parts occur together far more often than by chance and where many
different characters stand before and after it (pointwise mutual information and boundary entropy; Sproat and Shih 1990, Huang and
Powers 2003). So names that no dictionary holds are found too.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.resources import files
from math import log
from typing import Any

import yaml

LONGEST_WORDS = 3
"""Words in an English term."""
LONGEST_HAN = 6
"""Characters in a Chinese term."""
LEAST_TEXTS = 3
"""Texts in which a term has to stand, so that no single person's words become one."""
COHESION = 12.0
"""How many times as often as by chance the parts of a Chinese word stand together, at the weakest place."""
FREEDOM = 1.0
"""Least entropy, in nats, of the characters on either side of a Chinese word."""
MOST_CHARACTERS = 3_000_000
"""Characters from which Chinese words are learned; of a longer corpus every so many-th text is read."""
_WORD = re.compile(r"[a-z0-9]+(?:['’&-][a-z0-9]+)*")
_BREAK = re.compile(r"[^a-z0-9'’&\s-]+|\s-\s")
_HAN = re.compile("[\u4e00-\u9fff]+")


@cache
def words_of(language: str) -> dict[str, Any]:
    """Edge words, words of opinion and question forms of a language, and the cues of intent."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.articles").joinpath("words.yaml").read_text("utf-8"))
    return content[language]


def find_terms(texts: Sequence[str], language: str) -> set[str]:
    """Every term that stands in at least `LEAST_TEXTS` of the texts."""
    if language == "zh":
        return _chinese(texts)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_phrases(text))
    return {term for term, count in counts.items() if count >= LEAST_TEXTS}


def terms_in(text: str, terms: Collection[str], language: str) -> set[str]:
    """Which of the terms stand in a text."""
    return _pieces(text, terms) if language == "zh" else {term for term in _phrases(text) if term in terms}


def contains(text: str, term: str, language: str) -> bool:
    """Whether a text holds a term, as whole words in English."""
    return places(text, term, language) != []


def places(text: str, term: str, language: str) -> list[tuple[int, int]]:
    """Where a term stands in a text, whatever its case."""
    pattern = re.escape(term).replace(r"\ ", r"[\s-]+")
    whole = pattern if language == "zh" and not term.isascii() else rf"(?<![A-Za-z0-9]){pattern}(?:s|es)?(?![A-Za-z0-9])"
    return [match.span() for match in re.finditer(whole, text, re.IGNORECASE)] if term else []


def words_in(text: str, language: str) -> list[str]:
    """What lengths and densities are counted in: words of English, characters of Chinese."""
    return re.findall("[\u3400-\u9fff]|[A-Za-z0-9]+", text) if language == "zh" else _WORD.findall(text.lower())


def _phrases(text: str) -> set[str]:
    """Word sequences that neither begin nor end with an edge word and cross no punctuation."""
    edge, opinion = _edges("en"), _opinions("en")
    found: set[str] = set()
    for part in _BREAK.split(text.lower()):
        words = _WORD.findall(part)
        for at, first in enumerate(words):
            if first in edge:
                continue
            for size in range(1, min(LONGEST_WORDS, len(words) - at) + 1):
                last = words[at + size - 1]
                if last in edge or (size == 1 and (first in opinion or len(first) < 2)):
                    continue
                if not all(word.isdigit() for word in words[at:at + size]):
                    found.add(" ".join(words[at:at + size]))
    return found


def _pieces(text: str, terms: Collection[str]) -> set[str]:
    return {run[at:at + size] for run in _HAN.findall(text) for size in range(2, LONGEST_HAN + 1) for at in range(len(run) - size + 1)
            if run[at:at + size] in terms}


def _chinese(texts: Sequence[str]) -> set[str]:
    total = sum(map(len, texts))
    texts = texts[::max(1, -(-total // MOST_CHARACTERS))]
    runs = [run for text in texts for run in _HAN.findall(text)]
    counts: Counter[str] = Counter()
    for run in runs:
        for size in range(1, LONGEST_HAN + 1):
            counts.update(run[at:at + size] for at in range(len(run) - size + 1))
    size_of_corpus = sum(map(len, runs))
    edge, opinion = _edges("zh"), _opinions("zh")
    said_alone = {run for run, count in Counter(runs).items() if count >= LEAST_TEXTS and 1 < len(run) <= LONGEST_HAN and run[0] not in edge
                  and run[-1] not in edge and run not in opinion}
    likely = {term for term, count in counts.items() if count >= LEAST_TEXTS and len(term) > 1 and term[0] not in edge
              and term[-1] not in edge and term not in opinion and _cohesion(term, counts, size_of_corpus) >= COHESION}
    free = _free(runs, likely) | said_alone
    texts_with = Counter(term for text in texts for term in _pieces(text, free))
    return {term for term, count in texts_with.items() if count >= LEAST_TEXTS}


def _cohesion(term: str, counts: Counter[str], size: int) -> float:
    return min(counts[term] * size / (counts[term[:cut]] * counts[term[cut:]]) for cut in range(1, len(term)))


def _free(runs: Iterable[str], terms: Collection[str]) -> set[str]:
    """Terms with many different neighbours on both sides; the edge of a run is a new neighbour each time."""
    before, after = defaultdict[str, Counter[str]](Counter), defaultdict[str, Counter[str]](Counter)
    for number, run in enumerate(runs):
        for size in range(2, LONGEST_HAN + 1):
            for at in range(len(run) - size + 1):
                term = run[at:at + size]
                if term in terms:
                    before[term][run[at - 1] if at else f"<{number}"] += 1
                    after[term][run[at + size] if at + size < len(run) else f">{number}"] += 1
    return {term for term in terms if min(_entropy(before[term]), _entropy(after[term])) >= FREEDOM}


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(count / total * log(count / total) for count in counts.values())


@cache
def _edges(language: str) -> frozenset[str]:
    return frozenset(words_of(language)["edge"])


@cache
def _opinions(language: str) -> frozenset[str]:
    return frozenset(words_of(language)["opinion"])
