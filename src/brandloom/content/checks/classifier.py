"""A second opinion on the law of advertising: how much a sentence reads like those that a lawyer would strike.

Rules know the wordings that somebody listed. Naive Bayes on runs of characters (Rennie et al. 2003, hashed and calibrated; made by
`benchmarks/make_law_classifier.py` from labelled sentences of several hands) knows turns that nobody listed, names no article, and so
only ever asks for a person's decision. Its weights are plain numbers; nothing in them is executed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.normalise import points

BITS = 18
"""Runs of characters share 2 ** 18 slots."""
RUNS = {"zh": (1, 4), "en": (2, 5)}
"""Shortest and longest run of characters by language."""
_SHORT = {"zh": 14, "en": 40}
"""A sentence with fewer characters is read together with the next: a cry like 快来！ says nothing alone."""
_ENDS = re.compile(r"[。！？!?\n]+|\.(?=\s|$)")
_FIGURES = re.compile(r"\d")
_MIX, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(1_000_003)
_SHOWN = 3


Weighed = tuple[int, int, float]
"""Start and end of a stretch, and its evidence."""


class Suspect(NamedTuple):
    """A stretch of a text that reads like a breach; `weighing` are the runs of characters that speak most for it, gravest first."""

    start: int
    end: int
    probability: float
    weighing: tuple[str, ...]


@dataclass(frozen=True)
class Classifier:
    """Weights of one language.

    Args:
        weights: of each slot, shape (2 ** BITS,): how much likelier its runs are in a breach, as a log ratio; 0 for runs not seen.
        lean: what the sector and the jurisdiction add in log-odds, by name.
        slope: log-odds of a breach for each unit of the sum of weights over the square root of the number of runs.
        intercept: log-odds before anything is read.
        least: probability from which a sentence is suspect.
    """

    language: str
    weights: npt.NDArray[np.float32]
    lean: Mapping[str, float]
    slope: float
    intercept: float
    least: float

    def suspects(self, text: str, weighed: Sequence[Weighed], sector: str, jurisdiction: str) -> Iterator[Suspect]:
        """Stretches of a folded text, weighed, that read like a breach in advertising of that sector there."""
        bar = math.log(self.least / (1 - self.least))
        for start, end, found in weighed:
            odds = self.odds(found, sector, jurisdiction)
            if odds >= bar:
                yield Suspect(start, end, 1 / (1 + math.exp(-odds)), self._weighing(text[start:end]))

    def odds(self, found: float, sector: str, jurisdiction: str) -> float:
        """Log-odds of a breach for the evidence of a stretch."""
        return self.intercept + self.lean.get(sector, 0.0) + self.lean.get(jurisdiction, 0.0) + self.slope * found

    def weigh(self, texts: Sequence[str]) -> list[list[Weighed]]:
        """The evidence of every stretch of folded texts, as `read` gives them."""
        spans = [list(stretches(text, self.language)) for text in texts]
        found = iter(_evidence(self.weights, texts, self.language, spans).tolist())
        return [[(start, end, next(found)) for start, end in own] for own in spans]

    def log_odds(self, text: str, sector: str, jurisdiction: str) -> float:
        """Of a breach, for a folded text read as one."""
        return self.odds(float(evidence(self.weights, text, self.language, [(0, len(text))])[0]), sector, jurisdiction)

    def _weighing(self, text: str) -> tuple[str, ...]:
        """The runs that add most, none inside another."""
        flat = _padded(text, self.language)
        found = [(weight, flat[place:place + size].strip()) for size, slots in runs(text, self.language)
                 for place, weight in enumerate(self.weights.take(slots).tolist()) if weight > 0]
        shown: list[str] = []
        for _weight, run in sorted(found, key=itemgetter(0), reverse=True):
            if len(run) > 1 and not any(run in other or other in run for other in shown):
                shown.append(run)
        return tuple(shown[:_SHOWN])


def evidence(weights: npt.NDArray[np.float32], text: str, language: str, spans: Sequence[tuple[int, int]]) -> npt.NDArray[np.float64]:
    """(spans,) sum of the weights of the runs in each stretch of a folded text, over the square root of how many of them are known."""
    return _evidence(weights, [text], language, [spans])


def _evidence(weights: npt.NDArray[np.float32], texts: Sequence[str], language: str,
              spans: Sequence[Sequence[tuple[int, int]]]) -> npt.NDArray[np.float64]:
    """The same for the stretches of several texts, one after the other. The weights are short binary fractions, so sums of them are exact."""
    flat = [_padded(text, language) for text in texts]
    begins = [0, *accumulate(map(len, flat))]
    starts = np.array([begin + start for begin, own in zip(begins, spans, strict=False) for start, _end in own], dtype=np.intp)
    ends = np.array([begin + end for begin, own in zip(begins, spans, strict=False) for _start, end in own], dtype=np.intp)
    if language == "en":
        # Places are those of the padded text: a stretch begins with the space before its first word and ends with what follows it.
        after = [start > 0 and text[start] == " " for text, own in zip(texts, spans, strict=True) for start, _end in own]
        starts, ends = starts + np.array(after, dtype=np.intp), ends + 2
    total, known = np.zeros(len(starts)), np.zeros(len(starts))
    for size, slots in _runs("".join(flat), language):
        found = weights.take(slots)
        last = np.minimum(np.maximum(ends - size + 1, starts), len(slots))
        first = np.minimum(starts, len(slots))
        for kept, summed in ((total, found.cumsum(dtype=np.float64)), (known, (found != 0).cumsum())):
            reached = np.concatenate(([0], summed))
            kept += reached[last] - reached[first]
    return total / np.sqrt(np.maximum(known, 1))


def runs(text: str, language: str) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Sizes of runs, and the slot of the run of that size at each place of a folded text; figures count as one figure.

    English has a space before and behind, so that words know where they begin and end: places are those of that padded text.
    """
    return _runs(_padded(text, language), language)


def _runs(flat: str, language: str) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    codes = points(_FIGURES.sub("0", flat)).astype(np.uint64) + np.uint64(1)
    low, high = RUNS[language]
    rolling = codes
    for size in range(1, min(high, len(codes)) + 1):
        if size > 1:
            rolling = rolling[:len(codes) - size + 1] * _STEP ^ codes[size - 1:]
        if size >= low:
            yield size, ((rolling * _MIX + np.uint64(size)) * _MIX >> np.uint64(64 - BITS)).astype(np.intp)


def stretches(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Sentences of a text, short ones with what follows."""
    start, last = 0, len(text)
    for match in _ENDS.finditer(text):
        if match.end() - start >= _SHORT[language]:
            yield start, match.end()
            start = match.end()
    if text[start:last].strip():
        yield start, last


def _padded(text: str, language: str) -> str:
    return f" {text} " if language == "en" else text


@cache
def open_classifier(language: str) -> Classifier:
    """The one that ships for a language, zh or en."""
    with as_file(files("brandloom.content") / "data" / "law" / f"classifier.{language}.npz") as path, np.load(path, allow_pickle=False) as kept:
        weights = np.zeros(1 << BITS, dtype=np.float32)
        weights[kept["slots"]] = kept["weights"]
        lean = dict(zip(kept["leaning"].tolist(), kept["lean"].tolist(), strict=True))
        return Classifier(language, weights, lean, float(kept["slope"]), float(kept["intercept"]), float(kept["least"]))
