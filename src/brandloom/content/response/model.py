"""The fitted scorer: what it says of a text, how sure it is, when it knows nothing, and how it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brandloom.content.response import store
from brandloom.content.response.belief import Belief, before, believe
from brandloom.content.response.domain import Domain, is_english
from brandloom.content.response.encoder import Encoder
from brandloom.content.response.features import Before, Floats, Space, read_texts, script_of, transform
from brandloom.content.response.process import Posterior
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _

FORMAT = 2
OWN = "own"  # the name of a scorer learned from a shop's own tests
CARD, ARRAYS = "response.json", "response.npz"
DEFAULT_SPREAD = 0.29  # deviation of log-odds between rivals of one test, over the development half of upworthy_headlines
REASONS = {  # why a score says nothing; English templates, shown with `say`
    "too_few_tests": _("There are too few tests of the shop's own to learn from."),
    "no_signal": _("On tests it had not seen, the scorer did no better than chance."),
    "unknown_language": _("No test had copy in this language."),
    "far_from_tests": _("No tested copy is like this text."),
}


@dataclass(frozen=True)
class Accuracy:
    """Share of pairs whose winner was picked, with its 95 % interval over groups of tests."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class ResponseCard:
    """What the scorer learned from and how it did. `accuracy` is out of fold, on pairs of one test that differ significantly."""

    tests: int
    texts: int
    impressions: int
    clicks: int
    data_from: str | None  # as given: the first and last date or week of the tests
    data_to: str | None
    languages: tuple[str, ...]  # as given with the tests; empty when they named none
    scripts: tuple[str, ...]
    encoder: str | None
    evidence: dict[str, float]  # share of the explained prior variance per kind
    residue: float  # variance in squared log-odds that no kind explains
    accuracy: Accuracy | None
    seed: int
    reason: str | None  # key of REASONS when the scorer knows nothing
    name: str = OWN
    before: str | None = None  # name of the scorer it began from
    carries: tuple[float, float] = (1.0, 0.0)
    """Factor by which what the tests showed is taken to hold elsewhere, and its deviation; (1, 0) in the shop whose tests they were."""


@dataclass(frozen=True)
class Scores:
    """One entry per text. Where `reason` is set the mean is 0 and the deviation that of an unknown text."""

    mean: Floats  # log-odds of a click against an average text of the tests
    deviation: Floats
    reason: tuple[str | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Probability that the first text gets the higher click rate in a fair test; 0.5 with a reason when nothing is known."""

    probability: float
    reason: str | None


@dataclass(frozen=True, repr=False)
class ResponseModel:
    """Predicted response of copy. Scores compare only within one model and between texts that could stand for one another."""

    card: ResponseCard
    space: Space | None
    posterior: Posterior | None
    encoder: Encoder | None
    domain: Domain | None = None
    """Texts it may speak of; None for the tests of a shop, which are about its own texts."""
    before: ResponseModel | None = None
    """What it began from."""

    def __repr__(self) -> str:
        accuracy = f"{self.card.accuracy.value:.3f}" if self.card.accuracy else "unknown"
        return f"ResponseModel({self.card.name}, {self.card.tests} tests, accuracy {accuracy}, encoder={self.card.encoder})"

    def score(self, texts: Sequence[str], *, language: str | None = None) -> Scores:
        """Rank copy before it is sent; the highest mean is the best guess.

        Args:
            language: tag of the texts as in the tests; without it only the script is checked.
        """
        if self.card.reason or self.space is None or self.posterior is None or not texts:
            return self._nothing(len(texts))
        belief, reasons = self._believe(texts, language)
        nothing = np.array([reason is not None for reason in reasons])
        return Scores(np.where(nothing, 0.0, belief.mean), np.where(nothing, self._unknown_deviation(), belief.deviation), reasons)

    def compare(self, a: str, b: str, *, language: str | None = None) -> Comparison:
        """Probability that `a` wins over `b`, with what both share taken into account."""
        if self.card.reason or self.space is None or self.posterior is None:
            return Comparison(0.5, self.card.reason)
        belief, reasons = self._believe([a, b], language)
        reason = reasons[0] or reasons[1]
        if reason or a == b:
            return Comparison(0.5, reason)
        return Comparison(float(belief.wins(np.array([0]), np.array([1]))[0]), None)

    def told_before(self, texts: Sequence[str], *, language: str | None = None) -> Before:
        """What this scorer knows of texts before tests of them; nothing of texts it says nothing about."""
        belief, reasons = self._believe(texts, language)
        known = np.array([reason is None for reason in reasons])
        found = before(belief)
        return Before(np.where(known, found.mean, 0.0), np.where(known[:, None], found.doubt, 0.0))

    def save(self, folder: Path) -> None:
        """Write `response.json` (card, n-grams) and `response.npz` (plain arrays); nothing in them is ever executed."""
        folder.mkdir(parents=True, exist_ok=True)
        grams = None if self.space is None or self.posterior is None else sorted(self.space.grams, key=self.space.grams.__getitem__)
        arrays = {} if self.space is None or self.posterior is None else store.pack(self.space, self.posterior, self.domain)
        body = {"format": FORMAT, "card": asdict(self.card), "grams": grams}
        (folder / CARD).write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(folder / ARRAYS, **arrays)

    @staticmethod
    def load(folder: Path, encoder: Encoder | None = None, before: ResponseModel | None = None) -> ResponseModel:
        """Read what `save` wrote.

        Raises:
            NotFittedError: no scorer in the folder, or the encoder or scorer it was fitted with is not given.
            DataError: it was written by another version or is damaged.
        """
        card, body = read_card(folder)
        try:
            if card.reason is None and card.encoder != (encoder.name if encoder and card.encoder else None):
                raise NotFittedError(_("The scorer in {path} needs the encoder '{encoder}'. Fetch it with `pull_encoder` and pass it."),
                                     path=folder, encoder=card.encoder)
            if card.before and card.before != (before.card.name if before else None):
                raise NotFittedError(_("The scorer in {path} began from '{before}', which is not there. Fit it again."), path=folder,
                                     before=card.before)
            began = before if card.before else None
            if body["grams"] is None:
                return ResponseModel(card, None, None, encoder, None, began)
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                space, posterior, domain = store.unpack(arrays, body["grams"], encoder=card.encoder, residue=card.residue)
            return ResponseModel(card, space, posterior, encoder, domain, began)
        except (KeyError, TypeError, ValueError, OSError, np.linalg.LinAlgError) as error:
            raise DataError(_("The scorer in {path} is damaged ({reason}). Fit it again."), path=folder, reason=error) from error

    def _believe(self, texts: Sequence[str], language: str | None) -> tuple[Belief, tuple[str | None, ...]]:
        """Beliefs, and why they say nothing where they do."""
        assert self.space is not None and self.posterior is not None, "callers have looked"
        earlier = self.before.told_before(texts, language=language) if self.before else None
        features = transform(read_texts(texts, self.encoder if self.card.encoder else None, earlier), self.space)
        weight = np.ones(len(texts)) if self.domain is None else self.domain.weight(features)
        belief = believe(self.posterior, features, weight=weight, carries=self.card.carries)
        known = (features.before.doubt**2).sum(axis=1) > 0
        reasons = [None if had else self._unknown(text, language) or (None if told and near > 0 else "far_from_tests")
                   for text, had, told, near in zip(texts, known, belief.told, weight, strict=True)]
        return belief, tuple(reasons)

    def _unknown(self, text: str, language: str | None) -> str | None:
        named = language and self.card.languages and language not in self.card.languages
        foreign = self.domain is not None and not is_english(text)
        return "unknown_language" if named or foreign or script_of(text) not in self.card.scripts else None

    def _unknown_deviation(self) -> float:
        known = sum(self.posterior.variances.kinds) + self.card.residue if self.posterior else 0.0
        return float(max(known, DEFAULT_SPREAD**2)**0.5) if self.card.before or not known else float(known**0.5)

    def _nothing(self, count: int) -> Scores:
        return Scores(np.zeros(count), np.full(count, self._unknown_deviation()), (self.card.reason,) * count)


def read_card(folder: Path) -> tuple[ResponseCard, dict[str, Any]]:
    """The card of a scorer and the rest of its file.

    Raises:
        NotFittedError, DataError: see `ResponseModel.load`.
    """
    if not (folder / CARD).is_file():
        raise NotFittedError(_("No response scorer in {path}. Make one with `brandloom copy-tests learn`."), path=folder)
    try:
        body = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if body["format"] != FORMAT:
            raise DataError(_("{path} was written by another version. Fit the scorer again."), path=folder / CARD)
        return _card(body["card"]), body
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(_("The scorer in {path} is damaged ({reason}). Fit it again."), path=folder, reason=error) from error


def _card(packed: dict[str, Any]) -> ResponseCard:
    accuracy = Accuracy(**packed["accuracy"]) if packed["accuracy"] else None
    lists = {name: tuple(packed[name]) for name in ("languages", "scripts", "carries")}
    return ResponseCard(**{**packed, "accuracy": accuracy, **lists})
