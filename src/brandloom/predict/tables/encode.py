"""From columns to the numbers a learner takes; everything that depends on data is fitted on training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.tables.frame import Bools, Column, Floats, Frame, Hashes, Ints, Kind

FEW_LEVELS = 32
"""Categories of more levels are told by the mean of the target in them, which trees cannot learn by heart."""
PRIOR_ROWS = 20.0
"""A level's mean counts as so many rows of the overall mean more."""
CROSS_FIT = 5
_WEEK = 7


@dataclass(frozen=True)
class Coding:
    """How one column becomes features."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    """Levels in the training rows; others are unknown."""
    means: tuple[float, ...] = ()
    """Smoothed mean of the target per level, of a category with many levels."""
    overall: float = 0.0

    @property
    def many(self) -> bool:
        return bool(self.means)

    @property
    def width(self) -> int:
        return 3 if self.kind == "date" else 2 if self.many else 1


@dataclass(frozen=True)
class Encoder:
    """Fitted codings of all columns used."""

    codings: tuple[Coding, ...]
    time: str | None = None
    """Column that says when a row happened; other dates count in days before it."""

    @property
    def sources(self) -> Ints:
        """(features,) which column each feature comes from."""
        return np.repeat(np.arange(len(self.codings)), [coding.width for coding in self.codings])

    @property
    def categorical(self) -> list[int]:
        """Features that are codes without an order."""
        first = np.cumsum([0, *(coding.width for coding in self.codings)])
        return [int(first[i]) for i, coding in enumerate(self.codings) if coding.kind == "category" and not coding.many]

    def encode(self, frame: Frame) -> Floats:
        """(n, features), NaN where missing or, of a category, never seen in training."""
        parts = [_encode(coding, frame, self.time) for coding in self.codings]
        return np.column_stack(parts) if parts else np.empty((frame.rows, 0))

    def unseen(self, frame: Frame) -> dict[str, int]:
        """Rows per column whose category was not in the training rows."""
        found = {}
        for coding in self.codings:
            if coding.kind == "category":
                column = frame.column(coding.name)
                found[coding.name] = int(np.sum((_places(coding, column) < 0) & ~column.missing))
        return {name: count for name, count in found.items() if count}


def fit_encoder(frame: Frame, names: tuple[str, ...], y: Floats, hashes: Hashes, *, time: str | None = None) -> tuple[Encoder, Floats]:
    """Learn codings from training rows.

    Returns:
        The encoder, and (n, features) of the same rows, in which no row's mean of a category holds its own target.
    """
    codings = tuple(_fit(frame.column(name), y) for name in names)
    encoder = Encoder(codings, time)
    x = encoder.encode(frame)
    part = (hashes % np.uint64(CROSS_FIT)).astype(np.int64)
    first = np.cumsum([0, *(coding.width for coding in codings)])
    for i, coding in enumerate(codings):
        if coding.many:
            x[:, first[i]] = _cross_fitted(_places(coding, frame.column(coding.name)), y, part, len(coding.levels))
    return encoder, x


def _fit(column: Column, y: Floats) -> Coding:
    if column.kind != "category":
        return Coding(column.name, column.kind)
    there = np.unique(column.codes[column.codes >= 0])
    levels = tuple(column.levels[i] for i in there)
    if len(levels) <= FEW_LEVELS:
        return Coding(column.name, "category", levels)
    place = np.full(len(column.levels) + 1, -1, dtype=np.int64)
    place[there] = np.arange(len(there))
    overall = float(y.mean())
    return Coding(column.name, "category", levels, tuple(_means(place[column.codes], y, len(levels), overall).tolist()), overall)


def _means(codes: Ints, y: Floats, levels: int, overall: float) -> Floats:
    seen = codes >= 0
    total = np.bincount(codes[seen], weights=y[seen], minlength=levels)
    count = np.bincount(codes[seen], minlength=levels)
    return np.asarray((total + PRIOR_ROWS * overall) / (count + PRIOR_ROWS))


def _cross_fitted(codes: Ints, y: Floats, part: Ints, levels: int) -> Floats:
    told = np.full(len(y), np.nan)
    for k in range(CROSS_FIT):
        others, own = part != k, part == k
        if not np.any(others):
            continue
        means = _means(codes[others], y[others], levels, float(y[others].mean()))
        told[own] = np.append(means, np.nan)[codes[own]]
    return told


def _encode(coding: Coding, frame: Frame, time: str | None) -> Floats:
    column = frame.column(coding.name)
    if coding.kind == "date":
        days = column.numbers
        known: Bools = ~np.isnan(days)
        whole = np.where(known, days, 0.0)
        month = (np.datetime64("1970-01-01") + whole.astype("timedelta64[D]")).astype("datetime64[M]").astype(np.int64) % 12 + 1
        ago = frame.column(time).numbers - days if time is not None and time != coding.name else days
        return np.column_stack([ago, np.where(known, month, np.nan), np.where(known, np.floor(whole + 3) % _WEEK, np.nan)])
    if coding.kind != "category":
        return column.numbers[:, None]
    place = _places(coding, column)
    if not coding.many:
        return np.where(place >= 0, place, np.nan)[:, None].astype(np.float64)
    means = np.append(np.array(coding.means), np.nan)[place]
    return np.column_stack([means, (place >= 0).astype(np.float64)])


def _places(coding: Coding, column: Column) -> Ints:
    """(n,) position in the coding's levels, -1 where missing or unknown."""
    known = {level: i for i, level in enumerate(coding.levels)}
    to = np.array([known.get(level, -1) for level in column.levels] + [-1], dtype=np.int64)
    return to[column.codes]
