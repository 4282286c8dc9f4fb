"""The reject file: which line was refused, for which value and why. Safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brandloom.engine import DuckEngine
from brandloom.govern import scrub
from brandloom.sources.cells import is_number, safe_cell
from brandloom.sources.formats import literal
from brandloom.sources.reasons import REASONS, reason_text
from brandloom.sources.staging import BATCH, Staged
from brandloom.sources.texts import clean

COLUMN_OF = {
    "no_date": "occurred_at", "bad_date": "occurred_at", "future_date": "occurred_at", "no_product": "product",
    "no_quantity": "quantity", "bad_quantity": "quantity", "zero_quantity": "quantity", "stock_adjustment": "quantity",
    "no_price": "price", "bad_price": "price", "zero_price": "price", "negative_price": "price", "too_large": "price",
    "no_id": "key", "no_customer": "customer", "no_kind": "kind", "no_text": "text",
}
MASK = "***"
SEPARATOR = "\x1f"  # in no heading and no code


def write_rejects(duck: DuckEngine, staged: Staged, target: Path, *, among: str = "parsed") -> None:
    """Write one row per refused line, in the file's order: line, column, value, code, reason.

    A value is shown only where it is a date, a number or a product; whatever looks personal in it is masked.

    Args:
        among: FROM item with the rows of `parsed` that can be refused for a value.
    """
    refused = _refused(duck, staged, among)
    told = refused.column("told").combine_chunks().dictionary_encode()  # many lines are refused for the same value
    reasons = {code: reason_text(code) for code in REASONS}
    texts = [_told(cells, reasons) for cells in [*told.dictionary.to_pylist(), SEPARATOR.join(("", "malformed", ""))]]
    lines = _in_file(refused.column("line").to_numpy(), np.sort(np.fromiter(staged.broken, np.int64)), staged.source.first_line)
    which = np.concatenate([told.indices.to_numpy(), np.full(len(staged.broken), len(texts) - 1)])
    order = np.argsort(lines)
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(_cells("line", "column", "value", "code", "reason"))
        for at in range(0, len(order), BATCH):
            some = order[at:at + BATCH]
            file.writelines(f"{line},{texts[text]}" for line, text in zip(lines[some].tolist(), which[some].tolist(), strict=True))


def _in_file(records: NDArray[np.int64], broken: NDArray[np.int64], first_line: int) -> NDArray[np.int64]:
    """Line numbers of these records, then those of the broken lines.

    DuckDB counts a record by its place among those it could split; every broken line before it moves it down by one.
    """
    lines = records + first_line
    return np.concatenate([lines + np.searchsorted(broken - np.arange(len(broken)), lines, side="right"), broken])


def _told(cells: str, reasons: dict[str, str]) -> str:
    """What follows the line's number."""
    heading, code, value = cells.split(SEPARATOR, 2)
    return _cells(_shown(heading), _shown(value), code, reasons[code])


def _cells(*cells: str) -> str:
    row = io.StringIO(newline="")
    csv.writer(row).writerow(cells)
    return row.getvalue()


def _shown(text: str) -> str:
    """A value as the file shows it; plain negative numbers stay as they are."""
    text = scrub(clean(text))[:200]
    return text if is_number(text) else safe_cell(text)


def _refused(duck: DuckEngine, staged: Staged, among: str) -> pa.Table:
    """Of each refused row its record number from 0, and in one text heading, code and value."""
    cases, headings = [], []
    for code, role in COLUMN_OF.items():
        name = _present(staged, role)
        if name:
            headings.append(f"WHEN {literal(code)} THEN {literal(staged.heading(name))}")
            cases.append(f"WHEN {literal(code)} THEN {_value(staged, name)}")
    heading = f"CASE r.code {' '.join(headings)} ELSE '' END" if headings else "''"
    value = f"CASE r.code {' '.join(cases)} ELSE '' END" if cases else "''"
    return duck.connection.sql(f"SELECT r.line, concat_ws({literal(SEPARATOR)}, {heading}, r.code, coalesce({value}, '')) AS told "
                               f"FROM refused r LEFT JOIN {among} s ON s.line = r.line").to_arrow_table()


def _present(staged: Staged, role: str) -> str | None:
    choices: dict[str, tuple[str, ...]] = {"price": ("amount", "unit_price", "price"), "product": ("product", "name"),
                                           "key": ("product", "customer", "document"), "occurred_at": ("occurred_at", "written_at")}
    return next((name for name in choices.get(role, (role,)) if name in staged.positions), None)


def _value(staged: Staged, name: str) -> str:
    reads: Any = staged.columns[name].reads
    if name == "customer":
        return f"CASE WHEN s.{name} IS NULL THEN '' ELSE {literal(MASK)} END"
    return f"coalesce(s.{name}_raw, CAST(s.{name} AS VARCHAR))" if reads in {"time", "number"} else f"s.{name}"
