"""From a table to a judged model: check, hold rows back, learn from the rest, judge, and say all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _
from brandloom.predict.metrics import Estimate
from brandloom.predict.tables.checks import Finding, check_columns, check_price, check_rows
from brandloom.predict.tables.fitting import Fitted, Rows, content_order, encode_folds, fit_blend
from brandloom.predict.tables.folds import Fold, folds, held_back
from brandloom.predict.tables.frame import Bools, Floats, Frame, Hashes, Ints, row_hashes
from brandloom.predict.tables.judge import Told, calibration_table, judge, judge_groups
from brandloom.predict.tables.model import SCHEMA, Scores, TableCard, TableModel, score_rows
from brandloom.predict.tables.search import SEARCHED, search_shape
from brandloom.predict.tables.spread import Spread, fit_spread
from brandloom.predict.tables.target import Target, read_target

HELD_SHARE = 0.2
EXPLAINED_ROWS = 300
"""Held-back rows that importances are worked out on."""
FEW_HELD = 200
LIMITS = {
    "always": _("It tells what goes together with the target, not what would change it."),
    "content": _("Rows were split by what they hold, not by time: where the world moves, it will do worse than said here."),
    "few": _("Few rows judge it: read the intervals, not the values."),
    "weak": _("It is not clearly better than the base rate on the rows held back."),
    "people": _("Columns that nobody may be judged by have to be left out with --drop."),
}
_ONE_KIND = _("{file}: in time order, the rows to learn from or to judge hold one kind of '{target}' only. Bring a longer time, or leave out "
              "--time.")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Wanted:
    """What to predict and how."""

    target: str
    positive: str | None = None
    time: str | None = None
    group: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    trials: int = 0
    """Settings that optuna tries; 0 keeps the usual ones."""
    minutes: float = 10.0
    seed: int = 0


@dataclass(frozen=True)
class Learned:
    """A model, and what it says of the table it came from."""

    model: TableModel
    scores: Scores
    """Of every row; those learned from are scored by models that had not seen them (NaN where there was none, and of their intervals)."""
    part: tuple[str, ...]
    """(n,) 'learned', 'held_back', 'no_target'"""


@dataclass(frozen=True)
class _Sides:
    """The rows of each use, as positions in the file."""

    train: Ints
    held: Ints
    time: Floats | None
    """(n,) days since 1970 of every row."""


def learn_table(frame: Frame, wanted: Wanted, *, now: datetime, store: Path | None = None,
                progress: Progress = lambda stage, done: None) -> Learned:
    """Learn a target of a table and judge it on a fifth of the rows, the latest where there is a time.

    The same rows in another order give the same model.

    Args:
        now: naive UTC; a row of a later time is an error.
        store: file that keeps a search of settings, so that it can go on.
    Raises:
        DataError: the table cannot be learned from; says why.
        ConfigError: a search without optuna, or options that contradict each other.
    """
    target = read_target(frame, wanted.target, wanted.positive)
    _check_options(frame, wanted)
    time = row_times(frame, wanted.time, target.known, now)
    names, findings = check_columns(frame, target, time=wanted.time, group=wanted.group, keep=wanted.keep, drop=wanted.drop, now=now)
    if not names:
        raise DataError(_("{file}: no column is left to learn from; all were found empty, constant, names of rows, or the answer itself. "
                          "Use --keep for those that are known beforehand."), file=frame.name)
    hashes = row_hashes(frame, seed=wanted.seed, without=(wanted.target,))
    sides = _split(frame, target, hashes, time)
    findings += check_price(wanted.target) + check_rows(frame, target, sides.train, sides.held, hashes, time=wanted.time)
    dated = any(frame.columns[name].kind == "date" for name in names)
    rows = Rows(frame.take(sides.train), names, target.y[sides.train], hashes[sides.train], target.task, wanted.time if dated else None)
    fitted, spread = _fit(rows, None if sides.time is None else sides.time[sides.train], wanted, store, progress)
    progress(_("Judging"), 0.0)
    scores = _scores(frame, fitted, spread, sides.train)
    card = _card(fitted, frame, target, scores, sides, (names, findings), wanted, now)
    progress(_("Judging"), 1.0)
    part = np.full(frame.rows, "no_target", dtype=object)
    part[sides.train], part[sides.held] = "learned", "held_back"
    kinds = {name: frame.columns[name].kind for name in (*names, *((wanted.time,) if rows.time is not None and wanted.time else ()))}
    return Learned(TableModel(SCHEMA, kinds, fitted.blend, spread, card), scores, tuple(part.tolist()))


def _check_options(frame: Frame, wanted: Wanted) -> None:
    for option, names in (("--time", (wanted.time,)), ("--group", (wanted.group,)), ("--keep", wanted.keep), ("--drop", wanted.drop)):
        for name in names:
            if name is not None:
                frame.column(name)
            if name == wanted.target:
                raise ConfigError(_("{option} names the target '{column}' itself. Name another column."), option=option, column=name)
    both = next((name for name in wanted.keep if name in wanted.drop), None)
    if both is not None:
        raise ConfigError(_("'{column}' stands in --keep and in --drop. Choose one."), column=both)


def _split(frame: Frame, target: Target, hashes: Hashes, time: Floats | None) -> _Sides:
    known = np.flatnonzero(target.known)
    late = held_back(target.y[known], hashes[known], share=HELD_SHARE, is_class=target.task == "class", time=None if time is None else time[known])
    train, held = known[~late], known[late]
    if target.task == "class" and any(not 0 < target.y[rows].sum() < len(rows) for rows in (train, held)):
        raise DataError(_ONE_KIND, file=frame.name, target=target.column)
    return _Sides(train[content_order(hashes[train], target.y[train])], held, time)


def row_times(frame: Frame, name: str | None, known: Bools, now: datetime) -> Floats | None:
    """Days since 1970 of every row; of a number in time order, the number."""
    if name is None:
        return None
    column = frame.column(name)
    if column.kind not in ("date", "number"):
        raise DataError(_("{file}: '{column}' holds no dates that can be read. Name a column of dates, or leave out --time."), file=frame.name,
                        column=name)
    missing = np.flatnonzero(column.missing & known)
    if len(missing):
        raise DataError(_("{file}: '{column}' is empty in {count} rows, first in row {row}. Fill it in, or leave those rows out."),
                        file=frame.name, column=name, count=len(missing), row=int(missing[0]) + 1)
    today = (now - datetime(1970, 1, 1)).total_seconds() / 86_400
    ahead = np.flatnonzero((column.numbers > today + 1) & known & (column.kind == "date"))
    if len(ahead):
        raise DataError(_("{file}: '{column}' is after today in {count} rows, first in row {row}; what has not happened cannot be learned from. "
                          "Mend the dates or leave those rows out."), file=frame.name, column=name, count=len(ahead), row=int(ahead[0]) + 1)
    return column.numbers


def _fit(rows: Rows, time: Floats | None, wanted: Wanted, store: Path | None, progress: Progress) -> tuple[Fitted, Spread | None]:
    parts = _usable(folds(rows.y, rows.hashes, is_class=rows.task == "class", time=time), rows, wanted.target)
    encoded = encode_folds(rows, parts)
    shapes = {}
    if wanted.trials:
        name = f"{rows.task} {wanted.target} {wanted.seed} {int(np.bitwise_xor.reduce(rows.hashes)):x} {' '.join(rows.names)}"
        shapes[SEARCHED] = search_shape(rows, encoded, trials=wanted.trials, minutes=wanted.minutes, seed=wanted.seed, store=store, name=name,
                                        progress=lambda done: progress(_("Searching settings"), done))
    fitted = fit_blend(rows, encoded, seed=wanted.seed, shapes=shapes, progress=lambda done: progress(_("Learning"), done))
    if rows.task == "class":
        return fitted, None
    return fitted, fit_spread(rows, encoded, fitted.blend.encoder, fitted.blend.encoder.encode(rows.frame), seed=wanted.seed)


def _usable(parts: list[Fold], rows: Rows, target: str) -> list[Fold]:
    """Without folds in which one kind is absent, which a table in time order may have."""
    if rows.task == "number":
        return parts
    good = [fold for fold in parts if 0 < rows.y[fold.train].sum() < len(fold.train) and len(fold.test)]
    if not good:
        raise DataError(_ONE_KIND, file=rows.frame.name, target=target)
    return good


def _scores(frame: Frame, fitted: Fitted, spread: Spread | None, train: Ints) -> Scores:
    others = np.setdiff1d(np.arange(frame.rows), train)
    scores = score_rows(fitted.blend, spread, frame.take(others))
    value, low, high = (np.full(frame.rows, np.nan) for _end in range(3))
    value[others], low[others], high[others] = scores.value, scores.low, scores.high
    value[train] = fitted.blend.calibration.probability(fitted.unseen) if fitted.blend.task == "class" else fitted.unseen
    return Scores(value, low, high, scores.unseen)


def _card(fitted: Fitted, frame: Frame, target: Target, scores: Scores, sides: _Sides, columns: tuple[tuple[str, ...], list[Finding]],
          wanted: Wanted, now: datetime) -> TableCard:
    is_class, held, blend = target.task == "class", sides.held, fitted.blend
    level = float(target.y[sides.train].mean())
    told = Told(target.y[held], scores.value[held], np.full(len(held), level), scores.low[held], scores.high[held])
    metrics = judge(told, is_class=is_class, seed=wanted.seed)
    said = scores.value[sides.train]
    threshold = float(np.quantile(said[~np.isnan(said)], 1.0 - level)) if is_class else None
    groups = () if wanted.group is None else judge_groups(
        [frame.column(wanted.group).text(int(row)) for row in held], told, threshold, missing="?")
    moment = frame.column(wanted.time).text if wanted.time is not None else None
    by_time = None if sides.time is None else (sides.train[np.argsort(sides.time[sides.train], kind="stable")],
                                               held[np.argmin(sides.time[held])])
    limits = ["always", *(["content"] if wanted.time is None else []), *(["few"] if len(held) < FEW_HELD else []),
              *(["weak"] if _weak(metrics, is_class) else []), "people"]
    return TableCard(
        frame.name, target.column, target.task, target.positive, now.isoformat(timespec="seconds"), wanted.seed, frame.rows, len(sides.train),
        len(held), level, "content" if wanted.time is None else "time",
        moment(int(by_time[0][0])) if moment and by_time else None, moment(int(by_time[0][-1])) if moment and by_time else None,
        moment(int(by_time[1])) if moment and by_time else None, columns[0], tuple(columns[1]), metrics,
        calibration_table(told.y, told.p, is_class=is_class), importances(fitted, frame.take(held[:: -(-len(held) // EXPLAINED_ROWS)])),
        dict(zip(blend.weights.names, blend.weights.weights, strict=True)), fitted.losses, blend.calibration.kind, wanted.trials, threshold,
        wanted.group, groups, tuple(LIMITS[name] for name in limits))


def _weak(metrics: dict[str, Estimate], is_class: bool) -> bool:
    saved = metrics.get("log_loss_saved" if is_class else "error_saved")
    return saved is None or saved.low <= 0


def importances(fitted: Fitted, frame: Frame) -> dict[str, float]:
    """Mean size of each column's part of the score, as a share of all parts; biggest first."""
    parts, _base = fitted.blend.contributions(frame)
    size = np.abs(parts).mean(axis=0)
    total = float(size.sum()) or 1.0
    names = [coding.name for coding in fitted.blend.encoder.codings]
    return dict(sorted(((name, float(value) / total) for name, value in zip(names, size, strict=True)), key=lambda pair: (-pair[1], pair[0])))
