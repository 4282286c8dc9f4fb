"""The fitted scorer: what it says of a text, how sure it is, when it knows nothing, and how it is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import norm

from brandloom.content.response.encoder import Encoder, MiniLM, pull_encoder
from brandloom.content.response.features import Features, Floats, Space, read_texts, script_of, transform
from brandloom.content.response.process import Posterior, Variances
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _

FORMAT = 1
CARD, ARRAYS = "response.json", "response.npz"
_LEAST_TOLD = 0.05  # share of the prior variance that the tests must have explained near a text
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

    def __repr__(self) -> str:
        accuracy = f"{self.card.accuracy.value:.3f}" if self.card.accuracy else "unknown"
        return f"ResponseModel({self.card.tests} tests, accuracy {accuracy}, encoder={self.card.encoder})"

    def score(self, texts: Sequence[str], *, language: str | None = None) -> Scores:
        """Rank copy before it is sent; the highest mean is the best guess.

        Args:
            language: tag of the texts as in the tests; without it only the script is checked.
        """
        features = self._features(texts)
        if features is None or self.posterior is None:
            return self._nothing(len(texts))
        return scores_of(self.posterior, features, [self._unknown(text, language) for text in texts])

    def compare(self, a: str, b: str, *, language: str | None = None) -> Comparison:
        """Probability that `a` wins over `b`, with what both share taken into account."""
        features = self._features([a, b])
        if features is None or self.posterior is None:
            return Comparison(0.5, self.card.reason)
        scores = scores_of(self.posterior, features, [self._unknown(text, language) for text in (a, b)])
        reason = scores.reason[0] or scores.reason[1]
        if reason or a == b:
            return Comparison(0.5, reason)
        first, second = np.array([0]), np.array([1])
        return Comparison(float(win_probability(self.posterior, features, first, second)[0]), None)

    def save(self, folder: Path) -> None:
        """Write `response.json` (card, n-grams) and `response.npz` (plain arrays); nothing in them is ever executed."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {}
        body: dict[str, Any] = {"format": FORMAT, "card": asdict(self.card), "grams": None}
        if self.space and self.posterior:
            body["grams"] = sorted(self.space.grams, key=self.space.grams.__getitem__)
            arrays = _pack(self.space, self.posterior)
        (folder / CARD).write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(folder / ARRAYS, **arrays)

    @staticmethod
    def load(folder: Path, encoder: Encoder | None = None) -> ResponseModel:
        """Read what `save` wrote.

        Raises:
            NotFittedError: no scorer in the folder, or it was fitted with an encoder that is not given.
            DataError: it was written by another version or is damaged.
        """
        card, body = _read(folder)
        try:
            if card.reason is None and card.encoder != (encoder.name if encoder and card.encoder else None):
                raise NotFittedError(_("The scorer in {path} needs the encoder '{encoder}'. Fetch it with `pull_encoder` and pass it."),
                                     path=folder, encoder=card.encoder)
            if body["grams"] is None:
                return ResponseModel(card, None, None, encoder)
            with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
                return ResponseModel(card, *_unpack(arrays, body["grams"], card), encoder)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(_("The scorer in {path} is damaged ({reason}). Fit it again."), path=folder, reason=error) from error

    @staticmethod
    def open(folder: Path, cache: Path) -> ResponseModel:
        """`load` with the encoder it was fitted with, fetched into the cache folder where it is missing.

        Raises:
            NotFittedError, DataError: as `load` does.
            ProviderError: the encoder could not be fetched.
        """
        card, _body = _read(folder)
        wanted = card.encoder is not None and card.reason is None
        return ResponseModel.load(folder, MiniLM.load(pull_encoder(cache)) if wanted else None)

    def _features(self, texts: Sequence[str]) -> Features | None:
        if self.card.reason or self.space is None:
            return None
        return transform(read_texts(texts, self.encoder if self.card.encoder else None), self.space)

    def _unknown(self, text: str, language: str | None) -> str | None:
        named = language and self.card.languages and language not in self.card.languages
        return "unknown_language" if named or script_of(text) not in self.card.scripts else None

    def _nothing(self, count: int) -> Scores:
        spread = sum(self.posterior.variances.kinds) + self.card.residue if self.posterior else DEFAULT_SPREAD**2
        return Scores(np.zeros(count), np.full(count, spread**0.5), (self.card.reason,) * count)


DEFAULT_SPREAD = 0.29  # deviation of log-odds between rivals of one test, over the development half of upworthy_headlines


def scores_of(posterior: Posterior, features: Features, reasons: Sequence[str | None]) -> Scores:
    """Means and deviations; a text far from all tests says so and counts as unknown."""
    projected = posterior.project(features)
    mean, white = posterior.predict(projected)
    variance = (white * white).sum(axis=1) + posterior.beyond(projected)
    prior = sum(posterior.variances.kinds)
    told = [reason or ("far_from_tests" if left > (1 - _LEAST_TOLD) * prior else None)
            for reason, left in zip(reasons, variance, strict=True)]
    nothing = np.array([reason is not None for reason in told], dtype=bool)
    return Scores(np.where(nothing, 0.0, mean), np.sqrt(np.where(nothing, prior, variance) + posterior.variances.residue), tuple(told))


def win_probability(posterior: Posterior, features: Features, first: Any, second: Any) -> Floats:
    """(n,) probability that the text at row `first` beats the one at row `second`."""
    projected = posterior.project(features)
    mean, white = posterior.predict(projected)
    apart, lost = white[first] - white[second], posterior.beyond(projected)
    variance = (apart * apart).sum(axis=1) + lost[first] + lost[second] + 2 * posterior.variances.residue
    return np.asarray(norm.cdf((mean[first] - mean[second]) / np.sqrt(variance)))


def _pack(space: Space, posterior: Posterior) -> dict[str, Any]:
    marks = posterior.landmarks
    size = len(posterior.mean)
    lower = np.tril_indices(size)
    return {"idf": space.idf.astype(np.float32), "center": space.center, "scale": space.scale, "hidden_center": space.hidden_center,
            "hidden_scale": space.hidden_scale, "mark_statistics": marks.statistics.astype(np.float32),
            "mark_hidden": marks.hidden.astype(np.float32), "mark_data": marks.grams.data.astype(np.float32),
            "mark_indices": marks.grams.indices.astype(np.int32), "mark_indptr": marks.grams.indptr.astype(np.int32),
            "kinds": np.array(posterior.variances.kinds), "root": posterior.root[lower], "mean": posterior.mean,
            "precision": posterior.precision[lower].astype(np.float32), "centre_of_scores": np.array(posterior.center)}


def _unpack(arrays: Any, grams: list[str], card: ResponseCard) -> tuple[Space, Posterior]:
    wide = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays if name not in ("mark_indices", "mark_indptr")}
    space = Space({gram: at for at, gram in enumerate(grams)}, wide["idf"], wide["center"], wide["scale"], card.encoder,
                  wide["hidden_center"], wide["hidden_scale"])
    size = len(wide["mean"])
    sparse_marks = sparse.csr_matrix((wide["mark_data"], arrays["mark_indices"], arrays["mark_indptr"]), shape=(size, len(grams)))
    kinds = wide["kinds"].tolist()
    posterior = Posterior(Features(wide["mark_statistics"], wide["mark_hidden"], sparse_marks),
                          Variances((kinds[0], kinds[1], kinds[2]), card.residue), _lower(wide["root"], size), wide["mean"],
                          _lower(wide["precision"], size), float(wide["centre_of_scores"]))
    return space, posterior


def _read(folder: Path) -> tuple[ResponseCard, dict[str, Any]]:
    if not (folder / CARD).is_file():
        raise NotFittedError(_("No response scorer in {path}. Make one with `brandloom copy-tests learn`."), path=folder)
    try:
        body = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if body["format"] != FORMAT:
            raise DataError(_("{path} was written by another version. Fit the scorer again."), path=folder / CARD)
        return _card(body["card"]), body
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(_("The scorer in {path} is damaged ({reason}). Fit it again."), path=folder, reason=error) from error


def _lower(packed: Floats, size: int) -> Floats:
    full = np.zeros((size, size))
    full[np.tril_indices(size)] = packed
    return full


def _card(packed: dict[str, Any]) -> ResponseCard:
    accuracy = Accuracy(**packed["accuracy"]) if packed["accuracy"] else None
    return ResponseCard(**{**packed, "accuracy": accuracy, "languages": tuple(packed["languages"]), "scripts": tuple(packed["scripts"])})
