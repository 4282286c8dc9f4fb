"""Which rows are learned from and which judge, by what the rows hold or by their time, never by where they stand in the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.tables.frame import Bools, Floats, Hashes, Ints

FOLDS = 5
SMALL = 2_500
"""Rows under which the folds are drawn anew several times, because one draw would decide too much."""
REPEATS = 3
STRATA = 5


@dataclass(frozen=True)
class Fold:
    """Positions of rows to learn from and of rows to judge."""

    train: Ints
    test: Ints


def held_back(y: Floats, hashes: Hashes, *, share: float, is_class: bool, time: Floats | None) -> Bools:
    """(n,) which rows only judge: the latest by time where there is one, else a share of each class (or of each fifth of a number).

    Rows that happened at the same moment stay on one side; equal rows do too, but for those at the border.
    """
    if time is not None:
        cut = np.quantile(time, 1.0 - share, method="higher")
        late = time >= cut
        return np.asarray(late if 0 < late.sum() < len(y) else time > cut)
    held = np.zeros(len(y), dtype=bool)
    for rows in _strata(y, is_class):
        order = rows[np.argsort(hashes[rows], kind="stable")]
        held[order[:round(share * len(order))]] = True
    return held


def folds(y: Floats, hashes: Hashes, *, is_class: bool, time: Floats | None) -> list[Fold]:
    """Rows to learn from and to judge on, several times: every row is judged by models that have not seen it.

    With a time the rows before teach and the next block judges, so the earliest block is never judged.
    """
    if time is not None:
        return _in_time(time)
    found = []
    for repeat in range(REPEATS if len(y) < SMALL else 1):
        salted = (hashes ^ np.uint64(repeat * 0x9E3779B97F4A7C15 % 2**64)) * np.uint64(0xD6E8FEB86659FD93)
        part = np.empty(len(y), dtype=np.int64)
        for rows in _strata(y, is_class):
            order = rows[np.argsort(salted[rows], kind="stable")]
            part[order] = np.arange(len(order)) * FOLDS // len(order)
        found += [Fold(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(FOLDS)]
    return found


def _in_time(time: Floats) -> list[Fold]:
    """Blocks of about equal size; a moment is never cut in two."""
    edges = np.unique(np.quantile(time, np.linspace(0, 1, FOLDS + 2)[1:-1], method="higher"))
    block = np.searchsorted(edges, time, side="right")
    there = np.unique(block)
    return [Fold(np.flatnonzero(block < k), np.flatnonzero(block == k)) for k in there[1:]]


def _strata(y: Floats, is_class: bool) -> list[Ints]:
    if is_class:
        return [np.flatnonzero(y == label) for label in np.unique(y)]
    edges = np.unique(np.quantile(y, np.linspace(0, 1, STRATA + 1)[1:-1]))
    place = np.searchsorted(edges, y, side="right")
    return [np.flatnonzero(place == k) for k in np.unique(place)]
