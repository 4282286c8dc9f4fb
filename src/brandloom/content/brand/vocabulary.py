"""Words that a company uses more than the language at large, and texts of its own that stand for the rest."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from brandloom.content.brand.reading import frequencies, language_of, sentences, size, words
from brandloom.content.checks import check_against, review
from brandloom.govern import holds_personal
from brandloom.govern.names import SURNAMES, is_full_name, is_given_name

PRIOR = 2_000.0
"""Words of the language at large that a company's own words are mixed with."""
LEAST_TEXTS = 3
"""Texts that must hold a word before it counts as the company's."""
SURE = 2.58
"""Standard errors that the log-odds must lie above zero (99 %)."""
COMMON = 150
"""Most frequent words of a language, which are no choice of a brand."""
MOST_WORDS = 40
MOST_HABITS = 100
MOST_PASSAGES = 1_500
LENGTHS = {"en": (6, 34), "zh": (10, 90)}
"""Shortest and longest example, in words and in Chinese characters."""
_SALUTATION = re.compile(r"^\s*(?:dear|hi|hello|hey|good (?:morning|afternoon|evening))\b|^\s*(?:best|kind|warm)? ?(?:regards|wishes)\b|sincerely"
                         r"|^\s*(?:尊敬的|亲爱的)|此致|敬礼|敬上", re.IGNORECASE)
_SURNAMES = SURNAMES - frozenset("高白金黄方万常向易于余夏石江钱龙毛汤武安")
"""Surnames that are seldom words of their own."""
_PARTICLES = frozenset("的了是在和与有也都不很更就这那我你您他她它们个款件条")
_MARKED = re.compile(r"https?:|www\.|[\[\]<>{}|]")
_PERSON = re.compile(r"[\u4e00-\u9fff]{1,3}(?:先生|女士|小姐|太太|经理|老师|医生)|\b(?:Mr|Mrs|Ms|Dr)\.? [A-Z]")


@dataclass(frozen=True)
class Word:
    """A word with how many standard errors its log-odds lie above the language at large."""

    word: str
    z: float
    texts: int


def favoured(texts: Sequence[Sequence[str]], language: str) -> list[Word]:
    """Words used in more texts than the language at large leads to expect, surest first.

    The log-odds of a word among the texts' distinct words, with the language's frequencies as an informative Dirichlet prior and
    each text counting a word once, so that a single long text cannot make a word the company's.

    Args:
        texts: words of each text.
    Source:
        Monroe, Colaresi and Quinn 2008, "Fightin' Words", sections 3.4 and 3.5.
    """
    common = frequencies(language)
    counts = Counter(word for text in texts for word in set(text))
    total = sum(counts.values())
    usual = set(list(common)[:COMMON])
    found = []
    for word, count in counts.items():
        share = common.get(word)
        if share is None or count < LEAST_TEXTS or word in usual or len(word) < 2:
            continue
        prior = PRIOR * share
        odds = math.log((count + prior) / (total + PRIOR - count - prior)) - math.log(share / (1 - share))
        z = odds * math.sqrt(count + prior)
        if z >= SURE:
            found.append(Word(word, round(z, 1), count))
    return sorted(found, key=lambda item: (-item.z, item.word))


def usable(found: Sequence[Word], written: Sequence[str], language: str, *, most: int = MOST_WORDS) -> list[Word]:
    """The words that a writer may be told to like: no names, nothing that claims a fact by itself, nothing the law objects to."""
    people = _People(written, language)
    return list(islice((item for item in found if item.word not in people and harmless_word(item.word, language)), most))


def frequent(texts: Sequence[Sequence[str]], written: Sequence[str], language: str, *, most: int = MOST_HABITS) -> dict[str, int]:
    """The words that most texts hold, each with how many do; names are left out."""
    common, people = frequencies(language), _People(written, language)
    plain = set(list(common)[:2 * COMMON])
    counts = Counter(word for text in texts for word in set(text) if word in common)
    kept = [(word, count) for word, count in counts.items() if count >= LEAST_TEXTS and (word in plain or word not in people)]
    return dict(sorted(kept, key=lambda item: (-item[1], item[0]))[:most])


class _People(Container[str]):
    """Words that may be somebody's name, by their shape and by how the texts write them."""

    def __init__(self, written: Sequence[str], language: str) -> None:
        self._chinese = language == "zh"
        self._capital = Counter(word.lower() for text in written for word in set(re.findall(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+", text)))
        self._small = Counter(word for text in written for word in set(re.findall(r"(?<![A-Za-z'’])[a-z]+", text)))
        # Where every word has a capital nothing tells a surname from a word.
        self._headlines = self._capital.total() > self._small.total()

    def __contains__(self, word: object) -> bool:
        text = str(word)
        if self._chinese:
            return len(text) == 3 and is_full_name(text)
        return self._headlines or is_given_name(text) or self._small[text] <= self._capital[text]


def harmless_word(word: str, language: str) -> bool:
    """True when neither the fact gate nor advertising law objects to the word standing alone."""
    return not check_against(word, [], language=language) and review(word, language=language).verdict == "pass"


def passages(texts: Sequence[str], language: str) -> list[str]:
    """Pieces of the texts that can be shown as examples: whole sentences of a fitting length, without people, figures or links."""
    low, high = LENGTHS[language]
    if len(texts) < 3:
        low = min(size(text, language) for text in texts)
    found: dict[str, None] = {}
    for text in texts:
        for line in text.splitlines():
            piece = ""
            for sentence in sentences(line):
                longer = f"{piece} {sentence}".strip() if language == "en" else piece + sentence
                if size(longer, language) > high:
                    break
                piece = longer
            if low <= size(piece, language) and language_of(piece) == language and not _private(piece):
                found.setdefault(piece)
    fit = [piece for piece in found if not _MARKED.search(piece)]
    calm = [piece for piece in fit if not re.search(r"\d|(?<=[a-z,;] )[A-Z][a-z]", piece)]
    return calm or [piece for piece in fit if not re.search(r"\d", piece)] or fit


def medoids(pieces: Sequence[str], *, most: int = 5) -> list[str]:
    """The pieces whose nearest one is closest to all of them: k-medoids, built greedily and then swapped.

    Closeness is the cosine of weighted runs of three characters. Of more than `MOST_PASSAGES` pieces evenly spaced ones are taken.
    Source:
        Kaufman and Rousseeuw 1990, Partitioning Around Medoids.
    """
    if len(pieces) <= most:
        return list(pieces)
    pieces = [pieces[int(at)] for at in np.linspace(0, len(pieces) - 1, min(len(pieces), MOST_PASSAGES)).round()]
    near = _closeness(pieces)
    chosen: list[int] = []
    best = np.zeros(len(pieces))
    for _each in range(min(most, len(pieces))):
        gain = np.maximum(near, best[:, None]).sum(axis=0)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        best = np.maximum(best, near[:, chosen[-1]])
    for _round in range(10):
        before = list(chosen)
        for place in range(len(chosen)):
            others = near[:, chosen[:place] + chosen[place + 1:]].max(axis=1) if len(chosen) > 1 else np.zeros(len(pieces))
            gain = np.maximum(near, others[:, None]).sum(axis=0)
            gain[chosen[:place] + chosen[place + 1:]] = -1
            if gain.max() > gain[chosen[place]] + 1e-9:
                chosen[place] = int(gain.argmax())
        if chosen == before:
            break
    return [pieces[at] for at in chosen]


def _closeness(pieces: Sequence[str]) -> npt.NDArray[np.float64]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3) if language_of(pieces[0]) == "en" else (1, 2), sublinear_tf=True)
    rows = weights.fit_transform(pieces)
    return np.asarray((rows @ rows.T).todense(), dtype=np.float64)


def _private(piece: str) -> bool:
    return bool(holds_personal(piece) or _SALUTATION.search(piece) or _PERSON.search(piece)
                or re.search(r"\[(?:email|phone|id|card|account|ip|plate|address)\]", piece) or _named(piece))


def _named(piece: str) -> bool:
    """True when somebody may be named: a frequent given name, a capital on a word no list holds, a surname before single characters."""
    common = frequencies("en")
    capital = re.findall(r"(?<![A-Za-z])[A-Z][A-Za-z]+", piece)
    if any(is_given_name(word) or word.lower() not in common for word in capital if not word.isupper() or is_given_name(word)):
        return True
    tokens = words(piece, "zh") if language_of(piece) == "zh" else []
    return any(len(first) == 1 and first in _SURNAMES and len(second) == 1 and second not in _PARTICLES
               for first, second in pairwise(tokens)) or any(len(token) == 3 and is_full_name(token) for token in tokens)
