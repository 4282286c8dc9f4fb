"""A language model as one more check of the facts: how readily it says Yes when asked whether they support a sentence.

Only the probability of its first token is read, never what it writes. A model says Yes too easily, each in its own measure, so the
answer counts only through a calibration: log-odds of truth as a line in the log-odds of Yes, fitted for that model on sentences
whose truth is known (Platt 1999). Models without one are heard and stop nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from brandloom.content.checks.borne import sentences
from brandloom.content.checks.finding import Finding, finding, located
from brandloom.i18n import _
from brandloom.llm import Completion, Message, TextModel

TOP = 10
"""Likeliest first tokens that are asked for; both answers are among them."""
MOST_SENTENCES = 40
"""Sentences of a text that are asked about; no form of copy has more in one part."""
_MOST = 4000
"""Most characters of facts that are shown."""
_SYSTEM = "You check advertising copy against facts. Answer with one word: Yes or No."
_ASK = "Facts:\n{facts}\n\nText: {text}\n\nIs every statement in the text supported by the facts? Answer Yes or No."
_YES, _NO = frozenset(("yes", "是", "是的", "对")), frozenset(("no", "否", "不", "不是"))
_LEAST_MASS = 0.5
"""Below this probability of either answer, the model did not answer the question."""


@dataclass(frozen=True)
class Calibration:
    """What one model's answers are worth."""

    model: str
    weights: str
    """SHA-256 of the weights it was fitted with."""
    slope: float
    intercept: Mapping[str, float]
    """By language of the text."""
    least: float
    """Probability of truth below which a sentence is stopped."""
    sentences: int
    """How many it was fitted on."""
    default: bool
    """Whether it judges where nobody says otherwise: only where it was seen to help on sentences it was not fitted on."""

    def probability(self, log_odds: float, language: str) -> float:
        """Probability that a sentence is true."""
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, self.slope * log_odds + self.intercept[language]))))


@dataclass(frozen=True)
class Opinion:
    """What the judge thinks of one sentence."""

    start: int
    end: int
    sentence: str
    log_odds: float
    """Of Yes against No, as the model answers."""
    probability: float | None
    """That it is true; None for a model without calibration."""


class Judge:
    """Asks a model about each sentence of a text, once for each sentence and record.

    Args:
        model: any text model; the one that wrote the text will do.
        records: what is true, as for `check_against`.
        language: of the texts.
        calibration: None takes the one kept for the model's name, if any.
    """

    def __init__(self, model: TextModel, records: object, language: str, *, calibration: Calibration | None = None) -> None:
        self.model = model.name
        self._model, self._language = model, language
        self._facts = "\n".join(fact_lines(records))[:_MOST]
        self.calibration = calibration or calibrations().get(model.name)
        self.silent = False
        """Whether the model has been found to tell no probabilities; it is not asked again."""
        self.asked: list[Completion] = []
        """Every answer, for what it cost."""
        self._known: dict[str, float] = {}

    def opinions(self, text: str) -> list[Opinion]:
        """What it thinks of each sentence, in order; none where the model tells no probabilities.

        Raises:
            ProviderError, ConfigError: the model failed.
        """
        found = []
        for start, end in islice(sentences(text), MOST_SENTENCES):
            odds = self.ask(text[start:end])
            if odds is None:
                return []
            chance = None if self.calibration is None else self.calibration.probability(odds, self._language)
            found.append(Opinion(start, end, text[start:end], odds, chance))
        return found

    def check(self, text: str, place: str = "text") -> list[Finding]:
        """A finding that asks for proof, for each sentence that is more likely false than the calibration allows."""
        least = 0.0 if self.calibration is None else self.calibration.least
        return [located(replace(finding("judge", "evidence", place, one.sentence, _(
                    "'{excerpt}' goes beyond the facts, so a language model judges: it holds with a probability of {chance} %."),
                    span=(one.start, one.end), chance=round(100 * one.probability))), text)
                for one in self.opinions(text) if one.probability is not None and one.probability < least]

    def weakest(self, copy: Mapping[str, str | Sequence[str]]) -> float | None:
        """The lowest log-odds of Yes of any sentence; None where the model tells none."""
        texts = [text for value in copy.values() for text in ([value] if isinstance(value, str) else value)]
        return min((one.log_odds for text in texts for one in self.opinions(text)), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Who judged, on what footing, and how often it was asked."""
        return {"model": self.model, "calibrated": self.calibration is not None, "silent": self.silent, "calls": len(self.asked)}

    def messages(self, sentence: str) -> list[Message]:
        """The question, its facts first so that a server reads them once for all sentences."""
        return [Message("system", _SYSTEM), Message("user", _ASK.format(facts=self._facts, text=sentence))]

    def ask(self, sentence: str) -> float | None:
        """Log-odds of Yes for one sentence; None where the model tells no probabilities."""
        if self.silent:
            return None
        if sentence not in self._known:
            answer = self._model.complete(self.messages(sentence), max_tokens=1, top=TOP)
            self.asked.append(answer)
            odds = log_odds(answer.first)
            if odds is None:
                self.silent = True
                return None
            self._known[sentence] = odds
        return self._known[sentence]


def chosen_judge(model: TextModel | None, records: object, language: str, *, wanted: bool | None = None) -> Judge | None:
    """A judge for what a model writes: where it is wanted, or where nobody says and its calibration is one that was seen to help."""
    judge = None if model is None or wanted is False else Judge(model, records, language)
    if judge is None or wanted:
        return judge
    return judge if judge.calibration is not None and judge.calibration.default else None


def log_odds(first: Mapping[str, float] | None) -> float | None:
    """Of Yes against No among first tokens; None where neither is likely."""
    told = first or {}
    yes = sum(chance for token, chance in told.items() if token.strip().lower() in _YES)
    no = sum(chance for token, chance in told.items() if token.strip().lower() in _NO)
    return math.log((yes + 1e-6) / (no + 1e-6)) if yes + no >= _LEAST_MASS else None


def fact_lines(records: object, key: str = "") -> Iterator[str]:
    """Every field of a record, or of a list of records, as 'field: value'."""
    if isinstance(records, Mapping):
        for name, value in records.items():
            yield from fact_lines(value, f"{key} {name}".strip())
    elif isinstance(records, (list, tuple)) and any(isinstance(value, (Mapping, list, tuple)) for value in records):
        for value in records:
            yield from fact_lines(value, key)
    elif isinstance(records, (list, tuple)):
        yield f"{key}: {', '.join(map(str, records))}"
    elif records is not None:
        yield f"{key}: {({True: 'yes', False: 'no'}[records] if isinstance(records, bool) else records)}"


@cache
def calibrations() -> Mapping[str, Calibration]:
    """Those that come with the checks, by the model's name; written by `benchmarks/judge.py`."""
    rows = json.loads(files("brandloom.content").joinpath("data", "judges.json").read_text("utf-8"))
    return {row["model"]: Calibration(**row) for row in rows}
