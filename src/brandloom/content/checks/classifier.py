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

    def suspects(self, text: str, sector: str, jurisdiction: str) -> Iterator[Suspect]:
        """Stretches of a folded text, as `read` gives it, that read like a breach in advertising of that sector there."""
        spans = list(stretches(text, self.language))
        offset, bar = self._offset(sector, jurisdiction), math.log(self.least / (1 - self.least))
        for (start, end), found in zip(spans, evidence(self.weights, text, self.language, spans).tolist(), strict=True):
            odds = offset + self.slope * found
            if odds >= bar:
                yield Suspect(start, end, 1 / (1 + math.exp(-odds)), self._weighing(text[start:end]))

    def log_odds(self, text: str, sector: str, jurisdiction: str) -> float:
        """Of a breach, for a folded text read as one."""
        return self._offset(sector, jurisdiction) + self.slope * float(evidence(self.weights, text, self.language, [(0, len(text))])[0])

    def _offset(self, sector: str, jurisdiction: str) -> float:
        return self.intercept + self.lean.get(sector, 0.0) + self.lean.get(jurisdiction, 0.0)

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
    starts, ends = np.array([start for start, _end in spans], dtype=np.intp), np.array([end for _start, end in spans], dtype=np.intp)
    if language == "en":
        # Places are those of the padded text: a stretch begins with the space before its first word and ends with what follows it.
        starts, ends = starts + np.array([start > 0 and text[start] == " " for start in starts], dtype=np.intp), ends + 2
    total, known = np.zeros(len(spans)), np.zeros(len(spans))
    for size, slots in runs(text, language):
        found = weights.take(slots)
        last = np.maximum(ends - size + 1, starts)
        for kept, summed in ((total, np.cumsum(found, dtype=np.float64)), (known, np.cumsum(found != 0))):
            reached = np.concatenate(([0], summed))
            kept += reached[np.minimum(last, len(slots))] - reached[np.minimum(starts, len(slots))]
    return total / np.sqrt(np.maximum(known, 1))


def runs(text: str, language: str) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Sizes of runs, and the slot of the run of that size at each place of a folded text; figures count as one figure.

    English has a space before and behind, so that words know where they begin and end: places are those of that padded text.
    """
    codes = points(_FIGURES.sub("0", _padded(text, language))).astype(np.uint64) + np.uint64(1)
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
