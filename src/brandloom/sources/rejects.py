"""The reject file: which line was refused, for which value and why. Safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from brandloom.engine import DuckEngine
from brandloom.govern import scrub
from brandloom.sources.cells import is_number, safe_cell
from brandloom.sources.formats import literal
from brandloom.sources.reasons import REASONS, reason_text
from brandloom.sources.staging import Staged
from brandloom.sources.texts import clean

COLUMN_OF = {
    "no_date": "occurred_at", "bad_date": "occurred_at", "future_date": "occurred_at", "no_product": "product",
    "no_quantity": "quantity", "bad_quantity": "quantity", "zero_quantity": "quantity", "stock_adjustment": "quantity",
    "no_price": "price", "bad_price": "price", "zero_price": "price", "negative_price": "price", "too_large": "price",
    "no_id": "key", "no_customer": "customer", "no_kind": "kind", "no_text": "text",
}
MASK = "***"


def write_rejects(duck: DuckEngine, staged: Staged, target: Path) -> None:
    """Write one row per refused line, in the file's order: line, column, value, code, reason.

    A value is shown only where it is a date, a number or a product; whatever looks personal in it is masked.
    """
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(_cells("line", "column", "value", "code", "reason"))
        reasons = {code: reason_text(code) for code in REASONS}
        file.writelines(f"{line},{_told(column, value, code, reasons[code])}" for line, column, value, code in _merged(duck, staged))


@lru_cache(maxsize=4096)
def _told(column: str, value: str, code: str, reason: str) -> str:
    """What follows the line's number: many lines are refused for the same value."""
    return _cells(_shown(column), _shown(value), code, reason)


def _cells(*cells: str) -> str:
    row = io.StringIO(newline="")
    csv.writer(row).writerow(cells)
    return row.getvalue()


def _shown(text: str) -> str:
    """A value as the file shows it; plain negative numbers stay as they are."""
    text = scrub(clean(text))[:200]
    return text if is_number(text) else safe_cell(text)


def _merged(duck: DuckEngine, staged: Staged) -> Iterator[tuple[int, str, str, str]]:
    """Refused rows and broken lines in the order of the file.

    DuckDB counts a record by its place among those it could split; every broken line before it moves it down by one.
    """
    broken = sorted(staged.broken)
    shift = 0
    for record, column, value, code in _refused(duck, staged):
        line = record + staged.source.first_line + shift
        while shift < len(broken) and broken[shift] <= line:
            yield broken[shift], "", "", "malformed"
            shift += 1
            line += 1
        yield line, column, value, code
    for line in broken[shift:]:
        yield line, "", "", "malformed"


def _refused(duck: DuckEngine, staged: Staged) -> Iterator[tuple[int, str, str, str]]:
    """Record number from 0, heading, value and code of each refused row."""
    cases, headings = [], []
    for code, role in COLUMN_OF.items():
        name = _present(staged, role)
        if name:
            headings.append(f"WHEN {literal(code)} THEN {literal(staged.heading(name))}")
            cases.append(f"WHEN {literal(code)} THEN {_value(staged, name)}")
    heading = f"CASE r.code {' '.join(headings)} ELSE '' END" if headings else "''"
    value = f"CASE r.code {' '.join(cases)} ELSE '' END" if cases else "''"
    result = duck.connection.sql(f"SELECT r.line, {heading} AS heading, coalesce({value}, '') AS value, r.code FROM refused r "
                                 "JOIN parsed s ON s.line = r.line ORDER BY r.line").to_arrow_table()
    for batch in result.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _present(staged: Staged, role: str) -> str | None:
    choices: dict[str, tuple[str, ...]] = {"price": ("amount", "unit_price", "price"), "product": ("product", "name"),
                                           "key": ("product", "customer", "document"), "occurred_at": ("occurred_at", "written_at")}
    return next((name for name in choices.get(role, (role,)) if name in staged.positions), None)


def _value(staged: Staged, name: str) -> str:
    reads: Any = staged.columns[name].reads
    if name == "customer":
        return f"CASE WHEN s.{name} IS NULL THEN '' ELSE {literal(MASK)} END"
    return f"coalesce(s.{name}_raw, CAST(s.{name} AS VARCHAR))" if reads in {"time", "number"} else f"s.{name}"
