"""What is to be predicted: a yes-or-no target or a number, and which rows tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.predict.tables.frame import Bools, Floats, Frame
from brandloom.predict.tables.members import Task

LEAST_ROWS = 40
LEAST_OF_A_CLASS = 8
_YES = ("1", "yes", "y", "true", "t", "是", "有", "成功", "已购买", "购买", "positive", "bought", "converted")


@dataclass(frozen=True)
class Target:
    """The target of every row."""

    column: str
    task: Task
    positive: str | None
    """The value whose probability is predicted, of a yes-or-no target."""
    y: Floats
    """(n,) 0/1 or the number; NaN where the file does not tell."""

    @property
    def known(self) -> Bools:
        return ~np.isnan(self.y)


def read_target(frame: Frame, name: str, positive: str | None = None) -> Target:
    """Find out what kind of target a column is.

    Args:
        positive: the value to predict; needed where there are more than two. Of two, the one that says yes or else the rarer.
    Raises:
        DataError: no such column, empty, a date, one value only, more than two classes, too few rows.
    """
    column = frame.column(name)
    known = int(np.sum(~column.missing))
    if known == 0:
        raise DataError(_("{file}: the target '{column}' is empty in every row. Name the column that holds what happened."),
                        file=frame.name, column=name)
    if column.kind == "date":
        raise DataError(_("{file}: the target '{column}' holds dates. Name a column with two classes or a number."), file=frame.name, column=name)
    if known < LEAST_ROWS:
        raise DataError(_("{file}: learning needs at least {needed} rows whose '{column}' is known; there are {found}. Bring more rows."),
                        file=frame.name, needed=LEAST_ROWS, column=name, found=known)
    if column.kind == "number":
        values, counts = np.unique(column.numbers[~column.missing], return_counts=True)
        if len(values) > 2 and positive is None:
            return Target(name, "number", None, column.numbers)
        labels, codes = [f"{value:.12g}" for value in values], np.searchsorted(values, column.numbers)
    else:
        labels, codes = list(column.levels), column.codes
        counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    there = [label for label, count in zip(labels, counts, strict=True) if count]
    if len(there) == 1:
        raise DataError(_("{file}: the target '{column}' has one value only, {value}; there is nothing to tell apart. Bring rows of both kinds."),
                        file=frame.name, column=name, value=there[0])
    chosen = _positive(frame, name, there, positive, dict(zip(labels, counts.tolist(), strict=True)))
    y = np.where(column.missing, np.nan, (codes == labels.index(chosen)).astype(np.float64))
    few = int(min(np.nansum(y), np.nansum(1 - y)))
    if few < LEAST_OF_A_CLASS:
        raise DataError(_("{file}: learning needs at least {needed} rows of each kind of '{column}'; there are {found} of the rarer. "
                          "Bring more rows."), file=frame.name, needed=LEAST_OF_A_CLASS, column=name, found=few)
    return Target(name, "class", chosen, y)


def _positive(frame: Frame, name: str, there: list[str], positive: str | None, counts: dict[str, int]) -> str:
    if positive is not None:
        if positive not in there:
            raise DataError(_("{file}: '{column}' never is '{value}'. It is: {known}."), file=frame.name, column=name, value=positive,
                            known=", ".join(there[:12]))
        return positive
    if len(there) > 2:
        raise DataError(_("{file}: the target '{column}' has {count} kinds ({known}). Name the one to predict with --positive."),
                        file=frame.name, column=name, count=len(there), known=", ".join(there[:6]))
    said = [label for label in there if label.strip().lower() in _YES]
    return said[0] if len(said) == 1 else min(there, key=lambda label: (counts[label], label))
