"""What was learned from a table: the blend, how to read a row for it, and the card that says what it is worth."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.predict.metrics import Estimate
from brandloom.predict.tables.checks import Finding
from brandloom.predict.tables.fitting import Blend
from brandloom.predict.tables.frame import Floats, Frame, Kind, read_frame
from brandloom.predict.tables.judge import Bin, GroupRow
from brandloom.predict.tables.members import Task
from brandloom.predict.tables.spread import Spread

SCHEMA = 1
FILE = "model.json"


@dataclass(frozen=True)
class TableCard:
    """What a model was learned from, how good it was on rows held back, and what it cannot do."""

    file: str
    target: str
    task: Task
    positive: str | None
    made_at: str
    seed: int
    rows: int
    learned_rows: int
    held_rows: int
    level: float
    """Share of the target among the rows learned from, or their mean."""
    split: str
    """'time' or 'content'."""
    data_from: str | None
    data_to: str | None
    """First and last moment of --time among the rows learned from, ISO dates."""
    held_from: str | None
    columns: tuple[str, ...]
    findings: tuple[Finding, ...]
    metrics: dict[str, Estimate]
    calibration: tuple[Bin, ...]
    importances: dict[str, float]
    """Mean size of each column's part of the score over held-back rows, as a share of all."""
    weights: dict[str, float]
    out_of_fold: dict[str, float]
    """Log loss (or mean squared error) of each member, the blend and the base rate alone on rows they had not learned from."""
    calibrated_by: str
    trials: int
    threshold: float | None
    """Probability from which a row counts as selected: as many rows as have the target."""
    group: str | None = None
    groups: tuple[GroupRow, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scores:
    """(n,) each: probability or expected number; ends of the 80 % interval of a number (NaN of a yes-or-no target)."""

    value: Floats
    low: Floats
    high: Floats
    unseen: dict[str, int] = field(default_factory=dict)
    """Rows per column whose category the model never saw; it takes them as missing."""


@dataclass(frozen=True)
class TableModel:
    """A fitted model for one target of one table."""

    schema: int
    kinds: dict[str, Kind]
    """Columns that are read, and as what."""
    blend: Blend
    spread: Spread | None
    card: TableCard

    def score(self, frame: Frame) -> Scores:
        """Score rows of a table with the same columns.

        Raises:
            DataError: a column the model reads is not there.
        """
        self.check(frame)
        return score_rows(self.blend, self.spread, frame)

    def read(self, path: Path) -> Frame:
        """Read a file as this model reads it."""
        return read_frame(path, self.kinds)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f".{FILE}.{os.getpid()}"
        half.write_bytes(_adapter().dump_json(self))
        half.replace(folder / FILE)

    def check(self, frame: Frame) -> None:
        """Raises DataError where a column that the model reads is absent."""
        absent = [name for name in self.kinds if name not in frame.columns]
        if absent:
            raise DataError(_("{file} has no column '{column}', which the model reads. The model reads: {columns}."), file=frame.name,
                            column=absent[0], columns=", ".join(list(self.kinds)[:30]))


def score_rows(blend: Blend, spread: Spread | None, frame: Frame) -> Scores:
    """Score every row."""
    value = blend.predict(frame)
    low, high = np.full(frame.rows, np.nan), np.full(frame.rows, np.nan)
    if spread is not None:
        low, high = spread.interval(blend.encoder.encode(frame), value)
    return Scores(value, low, high, blend.encoder.unseen(frame))


def load_model(folder: Path) -> TableModel:
    """Raises NotFittedError where there is no model, or one that cannot be read."""
    path = folder / FILE if folder.is_dir() else folder
    try:
        model = _adapter().validate_json(path.read_bytes())
    except OSError as error:
        raise NotFittedError(_("No model in {path}. Make one with `brandloom predict-table FILE --target COL --out {path}`."), path=folder) from error
    except ValidationError as error:
        raise NotFittedError(_("{path} is damaged or from another version. Learn it again."), path=path) from error
    if model.schema != SCHEMA:
        raise NotFittedError(_("{path} is damaged or from another version. Learn it again."), path=path)
    return model


def _adapter() -> TypeAdapter[TableModel]:
    return TypeAdapter(TableModel)
