"""A second opinion on facts: how likely a sentence says more than the records bear out.

The rules read figures and the turns that somebody listed. This model reads the sentence with all blotted out that the records hold: what is
left over ('every · , however small' of a record that knows the part and no more) tells of claims that nobody listed. Logistic regression
on hashed runs of characters of that rest and on a few measures of how the sentence lies on the record, and a second one on its result and
on what the rules found (stacking, Wolpert 1992). Made by `benchmarks/make_facts_classifier.py`; weights are plain numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import as_file, files
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.content.checks.classifier import BITS, runs
from brandloom.content.checks.figures import Figure, read_figures
from brandloom.content.checks.ground import Ground, stem
from brandloom.content.checks.roles import clause

Floats = npt.NDArray[np.float64]
MEASURES = ("figures", "digits", "longest stretch not held", "widening words", "nearer to another figure", "says no where")
RULED = ("any", "price", "quantity", "duration", "date", "feature", "discount", "comparison", "testimonial", "delivery", "guarantee", "material",
         "others")
"""What the second step hears of the rules: whether they found anything, and how many findings of each class."""
_HELD, _STATED, _UNSTATED = "·", "=", "#"
_LEAST_WORD = 4
FARTHEST = 3.0
"""Standard deviations beyond which a measure says no more."""
_SMALL = frozenset(("the", "and", "with", "from", "that", "this", "your", "you", "our", "for", "are", "have", "has", "its", "will", "can", "just",
                    "more", "most", "they", "them", "than", "then", "here", "there", "what", "when", "which", "who", "into", "onto", "over",
                    "under", "about", "been", "were", "was", "his", "her", "their"))
_WIDENS = re.compile(r"\b(?:any|every|all|always|what|when|wher|who|how)ever\b|\b(?:any\w*|every\w*|all|always|free|each|no matter|even|both|only"
                     r"|just)\b|都|任何|随时|全场|所有|照样|照常|免费|只要|一律|通通|统统|不限|也行|也能|就能|就行|一口价|全部|每|全年|终身|永久|随便"
                     r"|多少", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:no|not|never|without|nothing|none|nobody|cannot|false)\b|n['’]t\b|不|没|无|免|别|非|未|否", re.IGNORECASE)
_WORD, _HAN_RUN = re.compile("[a-z]{3,}"), re.compile("[\u4e00-\u9fff]{2,}")


class Reading(NamedTuple):
    """A sentence as the model takes it in."""

    rest: str
    """Folded, in lower case, with what the records hold blotted out."""
    measures: tuple[float, ...]
    """As `MEASURES` names them."""


@dataclass(frozen=True)
class Entailment:
    """Weights of both steps.

    Args:
        weights: of each run of characters of the rest, shape (2 ** BITS,), and `measured` of each measure, shape (measures,), after
            `middle` and `spread` are taken out: log-odds that the sentence says more than the records.
        ruled: what the first step's log-odds and the rules' findings add in the second, shape (1 + RULED,).
        lets: probability below which the rules' findings in a sentence give way.
        stops: probability from which a sentence is stopped of which no rule says anything.
    """

    weights: Floats
    measured: Floats
    middle: Floats
    spread: Floats
    intercept: float
    ruled: Floats
    ruled_intercept: float
    lets: float
    stops: float

    def log_odds(self, reading: Reading) -> float:
        """Of the first step, which hears nothing of the rules."""
        found = slots(reading.rest)
        scaled = np.clip((np.array(reading.measures) - self.middle) / self.spread, -FARTHEST, FARTHEST)
        return self.intercept + float(self.measured @ scaled) + float(self.weights[found].sum()) / math.sqrt(max(1, len(found)))

    def probability(self, reading: Reading, kinds: Collection[str]) -> float:
        """That a sentence says more than the records, given the classes of what the rules found in it."""
        odds = self.ruled_intercept + float(self.ruled @ np.array([self.log_odds(reading), *told(kinds)]))
        return 1 / (1 + math.exp(-odds))


def told(kinds: Collection[str]) -> list[float]:
    """(RULED,) what the second step hears of findings of these classes."""
    named = [float(sum(kind == name for kind in kinds)) for name in RULED[1:-1]]
    return [float(bool(kinds)), *named, len(kinds) - sum(named)]


def slots(rest: str) -> npt.NDArray[np.intp]:
    """Slots of the runs of one to four characters, each once."""
    return np.unique(np.concatenate([found for _size, found in runs(rest, "zh")])) if rest else np.empty(0, dtype=np.intp)


@cache
def open_entailment() -> Entailment:
    """The one that ships."""
    with as_file(files("brandloom.content") / "data" / "facts" / "entailment.npz") as path, np.load(path, allow_pickle=False) as kept:
        weights = np.zeros(1 << BITS)
        weights[kept["slots"]] = kept["weights"]
        arrays = {name: kept[name].astype(np.float64) for name in ("measured", "middle", "spread", "ruled")}
        return Entailment(weights, arrays["measured"], arrays["middle"], arrays["spread"], float(kept["intercept"]), arrays["ruled"],
                          float(kept["ruled_intercept"]), float(kept["lets"]), float(kept["stops"]))


def read_sentence(text: str, known: Ground) -> Reading:
    """Read a folded sentence against the records."""
    text = text.lower()
    figures = [one for one in read_figures(text) if not one.casual]
    stated = {(one.figure.kind, one.figure.number) for one in known.stated}
    said = words(text)
    lacking = [word not in (known.words if word.isascii() else known.text) for word in said]
    return Reading(_blotted(text, known, {one.start: (one.end, (one.kind, one.number) in stated) for one in figures}), (
        len(figures), len(re.findall(r"\d+(?:\.\d+)?", text)), max((len(list(run)) for is_lacking, run in groupby(lacking) if is_lacking), default=0),
        len(_WIDENS.findall(text)), min(_margins(text, figures, known), default=0), _is_denied(set(said), known)))


def words(text: str) -> list[str]:
    """Stems of English words and pairs of Chinese characters of a text in lower case."""
    return ([stem(word) for word in _WORD.findall(text) if word not in _SMALL]
            + [run[at:at + 2] for run in _HAN_RUN.findall(text) for at in range(len(run) - 1)])


def lacking(text: str, known: Ground) -> list[str]:
    """English words and stretches of Chinese of a text in lower case that the records do not hold, longest first."""
    held = _held(text, known)
    rest = "".join(" " if held[place] else sign for place, sign in enumerate(text))
    found = [word for word in re.findall("[a-z]{4,}|[\u4e00-\u9fff]{2,}", rest) if word not in _SMALL]
    return sorted(dict.fromkeys(found), key=len, reverse=True)


def _blotted(text: str, known: Ground, figures: dict[int, tuple[int, bool]]) -> str:
    """The text with a sign for what the records hold, and one for each figure that is stated or not."""
    held, out, at = _held(text, known), list[str](), 0
    while at < len(text):
        if at in figures:
            at, is_stated = figures[at]
            out.append(_STATED if is_stated else _UNSTATED)
        elif held[at]:
            if not out or out[-1] != _HELD:
                out.append(_HELD)
            at += 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def _held(text: str, known: Ground) -> bytearray:
    """1 for each English word that the records use, and each Chinese character that stands in them with one of its neighbours."""
    held = bytearray(len(text))
    for match in _WORD.finditer(text):
        if len(match.group()) >= _LEAST_WORD and stem(match.group()) in known.words:
            held[match.start():match.end()] = b"\1" * len(match.group())
    for match in _HAN_RUN.finditer(text):
        for at in range(match.start(), match.end() - 1):
            if text[at:at + 2] in known.text:
                held[at:at + 2] = b"\1\1"
    return held


def _margins(text: str, figures: list[Figure], known: Ground) -> Iterator[int]:
    """Of each figure that is stated: how many more words its clause shares with that field than with another figure of the kind."""
    for one in figures:
        alike = [item for item in known.stated if item.figure.kind == one.kind]
        if any(item.figure.number == one.number for item in alike):
            around = set(words(text[slice(*clause(text, one.start, one.end))]))
            shared = [(item.figure.number == one.number, len(around & (_words_of(item.said.lower()) | item.owners))) for item in alike]
            yield max(size for same, size in shared if same) - max((size for same, size in shared if not same), default=0)


def _is_denied(said: set[str], known: Ground) -> bool:
    """Whether the field that shares most with the sentence says no."""
    nearest, most = "", 0.0
    for key, value in known.fields:
        field = f"{key} {value}".lower()
        own = _words_of(field)
        shared = len(said & own) / (1 + len(own) ** 0.5)
        if shared > most:
            nearest, most = field, shared
    return bool(_DENIES.search(nearest))


@lru_cache(maxsize=20_000)
def _words_of(said: str) -> frozenset[str]:
    return frozenset(words(said))
