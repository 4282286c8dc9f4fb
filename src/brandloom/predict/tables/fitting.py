"""Learning from rows: members are tried out of fold, weighted by what they told of unseen rows, calibrated, and fitted on all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from brandloom.predict.tables.blend import Weights, fit_weights
from brandloom.predict.tables.calibrate import Calibration, choose_calibration
from brandloom.predict.tables.encode import Encoder, fit_encoder
from brandloom.predict.tables.folds import SMALL, Fold
from brandloom.predict.tables.frame import Floats, Frame, Hashes, Ints
from brandloom.predict.tables.members import (
    MOST_ROUNDS,
    RIDGES,
    SHAPES,
    SMALL_SHAPES,
    Linear,
    Member,
    Task,
    fit_linear,
    fit_trees,
    grow,
    tree_settings,
)

COPIES, SMALL_COPIES = 5, 10
"""Trees are fitted from so many seeds, and their mean speaks; more of small tables, where they are cheap and differ more."""


@dataclass(frozen=True)
class Rows:
    """What is learned from: a frame in an order that depends on content alone."""

    frame: Frame
    names: tuple[str, ...]
    """Columns that may be used."""
    y: Floats
    hashes: Hashes
    task: Task
    time: str | None = None


@dataclass(frozen=True)
class Encoded:
    """One fold, encoded by what its training rows show."""

    fold: Fold
    encoder: Encoder
    x: Floats
    y: Floats
    x_test: Floats


@dataclass(frozen=True)
class Blend:
    """The fitted model: members, their weights, and the calibration that follows."""

    task: Task
    encoder: Encoder
    members: tuple[Member, ...]
    weights: Weights
    calibration: Calibration

    def raw(self, x: Floats) -> Floats:
        """(n,) score before calibration: log-odds, or the number itself."""
        return self.weights.mix([member.raw(x) for member in self.members]) if self.members else np.full(len(x), self.weights.base)

    def predict(self, frame: Frame) -> Floats:
        """(n,) calibrated probability, or the number expected."""
        raw = self.raw(self.encoder.encode(frame))
        return self.calibration.probability(raw) if self.task == "class" else raw

    def contributions(self, frame: Frame) -> tuple[Floats, float]:
        """(n, columns) each column's part of the score before calibration, and the base: base + a row's parts is its `raw`.

        Parts of a blend are the members' parts times their weights: exact, since the score is their weighted sum.
        """
        x = self.encoder.encode(frame)
        parts, base = np.zeros((len(x), len(self.encoder.codings))), self.weights.base * (1.0 - sum(self.weights.weights))
        for member, weight in zip(self.members, self.weights.weights, strict=True):
            by_feature, start = member.contributions(x)
            base += weight * start
            for feature, source in enumerate(self.encoder.sources):
                parts[:, source] += weight * by_feature[:, feature]
        return parts, base


@dataclass(frozen=True)
class Fitted:
    """A blend and what it said of rows it had not learned from."""

    blend: Blend
    unseen: Floats
    """(n,) out-of-fold score before calibration, of `Rows`; NaN of rows that were never judged."""
    losses: dict[str, float]
    """Out-of-fold log loss (or mean squared error) per member, and of the base alone."""
    rounds: dict[str, int]


def fit_blend(rows: Rows, encoded: list[Encoded], *, seed: int, shapes: Mapping[str, Mapping[str, Any]] | None = None,
              progress: Callable[[float], None] = lambda done: None) -> Fitted:
    """Fit every member out of fold, weigh, calibrate, and fit those that count on all rows.

    Args:
        encoded: the folds, of `encode_folds`.
        shapes: trees to grow beside the usual three, by name.
    """
    known = {**usual_shapes(len(rows.y)), **(shapes or {})}
    raws: dict[str, Floats] = {}
    rounds: dict[str, int] = {}
    strength = RIDGES[0]
    for done, (name, shape) in enumerate(known.items()):
        settings = tree_settings(shape, len(rows.y), rows.task, seed)
        raws[name], rounds[name] = out_of_fold_trees(rows, encoded, settings)
        progress((done + 1) / (len(known) + 2))
    raws["linear"], strength = _out_of_fold_linear(rows, encoded)
    progress((len(known) + 1) / (len(known) + 2))
    judged = ~np.isnan(raws["linear"])
    y = rows.y[judged]
    weights = fit_weights(tuple(raws), [raw[judged] for raw in raws.values()], y, rows.task)
    unseen = weights.mix(list(raws.values()))
    part = np.zeros(len(rows.y), dtype=np.int64)
    for k, one in enumerate(encoded):
        part[one.fold.test] = k
    calibration = choose_calibration(unseen[judged], y, part[judged]) if rows.task == "class" else Calibration()
    encoder, x = fit_encoder(rows.frame, rows.names, rows.y, rows.hashes, time=rows.time)
    kept = [i for i, weight in enumerate(weights.weights) if weight > 0]
    members = tuple(_final(name, encoder, x, rows, known, rounds, strength, seed) for name in (weights.names[i] for i in kept))
    blend = Blend(rows.task, encoder, members, Weights(tuple(weights.names[i] for i in kept), tuple(weights.weights[i] for i in kept),
                                                       weights.base), calibration)
    progress(1.0)
    told = {**raws, "blend": unseen, "base": np.where(judged, weights.base, np.nan)}
    losses = {name: loss(rows.y, raw, rows.task) for name, raw in told.items()}
    return Fitted(blend, unseen, losses, rounds)


def encode_folds(rows: Rows, parts: list[Fold]) -> list[Encoded]:
    found = []
    for fold in parts:
        encoder, x = fit_encoder(rows.frame.take(fold.train), rows.names, rows.y[fold.train], rows.hashes[fold.train], time=rows.time)
        found.append(Encoded(fold, encoder, x, rows.y[fold.train], encoder.encode(rows.frame.take(fold.test))))
    return found


def out_of_fold_trees(rows: Rows, encoded: list[Encoded], settings: Mapping[str, Any]) -> tuple[Floats, int]:
    """(n,) mean score of rows by models that had not seen them, and the number of rounds that suits all folds together."""
    grown = [grow(settings, one.encoder, one.x, one.y, MOST_ROUNDS, (one.x_test, rows.y[one.fold.test])) for one in encoded]
    length = max(len(curve) for _booster, curve in grown)
    weight = np.array([len(one.fold.test) for one in encoded], dtype=np.float64)
    curves = np.array([curve + [curve[-1]] * (length - len(curve)) for _booster, curve in grown])
    rounds = int(np.argmin(weight @ curves)) + 1
    raws = [np.asarray(booster.predict(one.x_test, raw_score=True, num_iteration=rounds, num_threads=1))
            for (booster, _curve), one in zip(grown, encoded, strict=True)]
    return _gathered(rows, encoded, raws), rounds


def usual_shapes(rows: int) -> dict[str, dict[str, Any]]:
    """The trees that are grown for so many rows."""
    return SMALL_SHAPES if rows < SMALL else SHAPES


def loss(y: Floats, raw: Floats, task: Task) -> float:
    """Mean log loss of log-odds, or mean squared error, over rows that have a score."""
    there = ~np.isnan(raw)
    score, truth = raw[there], y[there]
    if task == "number":
        return float(np.mean((score - truth) ** 2))
    return float(np.mean(np.logaddexp(0.0, score) - truth * score))


def _out_of_fold_linear(rows: Rows, encoded: list[Encoded]) -> tuple[Floats, float]:
    tried = {}
    for strength in RIDGES:
        raws = [fit_linear(one.encoder, one.x, one.y, rows.task, strength).raw(one.x_test) for one in encoded]
        tried[strength] = _gathered(rows, encoded, raws)
    best = min(RIDGES, key=lambda strength: loss(rows.y, tried[strength], rows.task))
    return tried[best], best


def _gathered(rows: Rows, encoded: list[Encoded], raws: list[Floats]) -> Floats:
    total, count = np.zeros(len(rows.y)), np.zeros(len(rows.y))
    for one, raw in zip(encoded, raws, strict=True):
        total[one.fold.test] += raw
        count[one.fold.test] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _final(name: str, encoder: Encoder, x: Floats, rows: Rows, shapes: Mapping[str, Mapping[str, Any]], rounds: Mapping[str, int],
           strength: float, seed: int) -> Member:
    if name == "linear":
        fitted: Linear = fit_linear(encoder, x, rows.y, rows.task, strength)
        return fitted
    return fit_trees(tree_settings(shapes[name], len(rows.y), rows.task, seed), encoder, x, rows.y, rounds[name],
                     SMALL_COPIES if len(rows.y) < SMALL else COPIES)


def content_order(hashes: Hashes, y: Floats) -> Ints:
    """Positions in an order that does not depend on how the file is sorted."""
    return np.lexsort((y, hashes))
