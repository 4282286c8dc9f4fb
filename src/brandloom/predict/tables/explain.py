"""Why one row has its score: exact parts per column, the sentence made of them, and what another value would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from brandloom.errors import DataError
from brandloom.i18n import _, translate
from brandloom.predict.tables.encode import Coding
from brandloom.predict.tables.frame import Frame, parse_column
from brandloom.predict.tables.model import TableModel

TOP = 3
CHANCE = _("The chance of '{target}' being {value} is {chance}; a usual row has {usual}.")
EXPECTED = _("'{target}' is expected to be {expected} (80 % interval {low} to {high}); the usual value is {usual}.")
RAISES, LOWERS = _("Most of all it is raised by {facts}."), _("Most of all it is lowered by {facts}.")
IS, EMPTY, AND = _("'{column}' being {value}"), _("'{column}' being empty"), _(" and ")


@dataclass(frozen=True)
class Part:
    """What one column adds to the score before calibration: log-odds, or the target's own unit."""

    column: str
    value: str | None
    part: float


@dataclass(frozen=True)
class Explanation:
    """One row's score, taken apart: `base` and all parts add up to `raw`, from which `score` follows by calibration alone."""

    score: float
    low: float | None
    high: float | None
    raw: float
    base: float
    parts: tuple[Part, ...]
    """Biggest first."""

    def sentences(self, model: TableModel, language: str) -> list[str]:
        """The score and its main reasons in 'en' or 'zh'."""
        card = model.card
        if card.task == "class":
            first = translate(CHANCE, language).format(target=card.target, value=card.positive, chance=f"{self.score:.1%}", usual=f"{card.level:.1%}")
        else:
            first = translate(EXPECTED, language).format(target=card.target, expected=f"{self.score:,.4g}", low=f"{self.low:,.4g}",
                                                         high=f"{self.high:,.4g}", usual=f"{card.level:,.4g}")
        said = [first]
        for template, sign in ((RAISES, 1), (LOWERS, -1)):
            top = [part for part in self.parts if sign * part.part > 1e-9][:TOP]
            if top:
                facts = [translate(EMPTY if part.value is None else IS, language).format(column=part.column, value=part.value) for part in top]
                said.append(translate(template, language).format(facts=translate(AND, language).join(facts)))
        return said


def explain(model: TableModel, frame: Frame, row: int) -> Explanation:
    """Take one row's score apart.

    Args:
        row: the first is 1, as people count.
    Raises:
        DataError: no such row.
    """
    if not 1 <= row <= frame.rows:
        raise DataError(_("{file} has no row {row}. Its rows are 1 to {rows}."), file=frame.name, row=row, rows=frame.rows)
    model.check(frame)
    one = frame.take(np.array([row - 1]))
    scores = model.score(one)
    parts, base = model.blend.contributions(one)
    named = [Part(coding.name, one.columns[coding.name].text(0), float(part))
             for coding, part in zip(model.blend.encoder.codings, parts[0], strict=True)]
    low, high = (None, None) if model.spread is None else (float(scores.low[0]), float(scores.high[0]))
    return Explanation(float(scores.value[0]), low, high, base + float(parts[0].sum()), base,
                       tuple(sorted(named, key=lambda part: (-abs(part.part), part.column))))


def changed(model: TableModel, frame: Frame, row: int, values: Mapping[str, str]) -> Frame:
    """That one row as a table, with other values in some columns, read as the model reads them; '' empties one.

    Raises:
        DataError: no such row, a column that the model does not use, a value that is none of its kind.
    """
    if not 1 <= row <= frame.rows:
        raise DataError(_("{file} has no row {row}. Its rows are 1 to {rows}."), file=frame.name, row=row, rows=frame.rows)
    one = frame.take(np.array([row - 1]))
    columns = dict(one.columns)
    used = {coding.name: coding for coding in model.blend.encoder.codings}
    for name, value in values.items():
        if name not in used:
            raise DataError(_("The model does not use '{column}', so changing it changes nothing. It uses: {columns}."), column=name,
                            columns=", ".join(list(used)[:30]))
        column = parse_column(name, pa.array([value]), model.kinds[name])
        if value.strip() and (column.missing[0] or (column.kind == "category" and value.strip() not in used[name].levels)):
            raise _unreadable(value, name, used[name])
        columns[name] = column
    return replace(one, columns=columns)


def _unreadable(value: str, name: str, coding: Coding) -> DataError:
    if coding.kind == "category":
        return DataError(_("'{value}' is no value of '{column}' that the model has seen. It has seen: {known}."), value=value, column=name,
                         known=", ".join(coding.levels[:12]))
    return DataError(_("'{value}' cannot be read for '{column}': it is no {kind}."), value=value, column=name, kind=coding.kind)
