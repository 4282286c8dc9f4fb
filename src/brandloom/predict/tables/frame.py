"""A company's own table in memory: each column read as numbers, moments or categories, whatever they were written as."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.sources.amounts import DecimalMark, amount_reader
from brandloom.sources.dates import DayMonthOrder, date_reader
from brandloom.sources.formats import open_source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Kind = Literal["number", "date", "category", "empty"]

MISSING = ("", "na", "n/a", "nan", "null", "none", "nil", "-", "--", "?", "#n/a", "nat", "缺失", "空")
ENOUGH_READ = 0.98
"""A column whose values are numbers (or dates) in this share is one; what is left counts as missing, and is counted."""
_UTC = ZoneInfo("UTC")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Column:
    """One column of n rows."""

    name: str
    kind: Kind
    numbers: Floats
    """(n,) the number, or days since 1970 of a moment; NaN where there is none. Empty of a category."""
    codes: Ints
    """(n,) position in `levels`, -1 where there is none. Empty of a number or a date."""
    levels: tuple[str, ...] = ()
    unread: int = 0
    """Cells that are no number (or date) although the others are; they count as missing."""

    @property
    def missing(self) -> Bools:
        """(n,) where there is no value."""
        return np.asarray(self.codes < 0 if self.kind == "category" else np.isnan(self.numbers))

    def take(self, rows: Ints) -> Column:
        return replace(self, numbers=self.numbers[rows] if len(self.numbers) else self.numbers,
                       codes=self.codes[rows] if len(self.codes) else self.codes)

    def text(self, row: int) -> str | None:
        """One cell as a person reads it; None where there is none."""
        if self.missing[row]:
            return None
        if self.kind == "category":
            return self.levels[int(self.codes[row])]
        value = float(self.numbers[row])
        return str(np.datetime64("1970-01-01") + np.timedelta64(int(value), "D")) if self.kind == "date" else f"{value:,.6g}"


@dataclass(frozen=True)
class Frame:
    """A table: columns of equal length by name, in the file's order."""

    name: str
    columns: dict[str, Column]
    rows: int
    refused: int = 0
    """Lines of the file that are no rows: too many or too few cells."""

    def take(self, rows: Ints) -> Frame:
        return replace(self, columns={name: column.take(rows) for name, column in self.columns.items()}, rows=len(rows))

    def column(self, name: str) -> Column:
        """Raises DataError where there is no such column."""
        if name not in self.columns:
            raise DataError(_("{file} has no column '{column}'. It has: {columns}."), file=self.name, column=name,
                            columns=", ".join(list(self.columns)[:30]))
        return self.columns[name]


def read_frame(path: Path, kinds: Mapping[str, Kind] | None = None) -> Frame:
    """Read a CSV, TSV, XLSX, JSON-lines or Parquet file.

    Args:
        kinds: what columns are, where that is known from the file a model learned from; the others are found out.
    Raises:
        DataError: not readable, a column name twice, no rows.
    """
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as scratch:
        connection.execute("SET threads = 1")
        source = open_source(connection, path, Path(scratch))
        _refuse_twins(source.name, source.columns)
        as_type = {"number": "DOUBLE", "time": "TIMESTAMP", "zoned": "TIMESTAMP", "text": "VARCHAR"}
        cells = ", ".join(f"CAST(c{i} AS {as_type[kind]}) AS c{i}" for i, kind in enumerate(source.types))
        try:
            read = connection.sql(f"SELECT {cells} FROM {source.relation} WHERE NOT ({source.malformed})").to_arrow_table()
        except duckdb.Error as error:
            raise DataError(_("{file} cannot be read as a table: {reason}"), file=source.name, reason=str(error).splitlines()[0]) from error
        refused = _refused(connection)
    if read.num_rows == 0:
        raise DataError(_("{file} has column names but no rows. Export it again."), file=source.name)
    columns = {name: parse_column(name, read.column(i), (kinds or {}).get(name)) for i, name in enumerate(source.columns)}
    return Frame(source.name, columns, read.num_rows, refused)


def parse_column(name: str, cells: pa.ChunkedArray | pa.Array, kind: Kind | None = None) -> Column:
    """A column from its cells: texts, numbers or moments."""
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if pa.types.is_floating(cells.type):
        numbers = np.array(cells.to_numpy(zero_copy_only=False), dtype=np.float64)
        numbers[~np.isfinite(numbers)] = np.nan
        if kind == "category":
            return _category(name, pc.cast(pa.array(numbers, from_pandas=True), pa.string()))
        return _numeric(name, "number", numbers)
    if pa.types.is_timestamp(cells.type):
        moments = cells.to_numpy(zero_copy_only=False).astype("datetime64[us]")
        days = moments.astype(np.int64) / (_DAY_S * 1e6)
        return _numeric(name, "date", np.where(np.isnat(moments), np.nan, days))
    texts = pc.utf8_trim_whitespace(cells)
    texts = pc.if_else(pc.is_in(pc.utf8_lower(texts), pa.array(MISSING)), pa.scalar(None, pa.string()), texts)
    return _from_texts(name, texts, kind)


def row_hashes(frame: Frame, *, seed: int, without: Sequence[str] = ()) -> Hashes:
    """(n,) a number per row from its content alone: equal rows are equal, and neither the order of rows nor of columns counts.

    Numbers count as written to six significant digits, so that a file and its Parquet copy agree.
    """
    total = np.full(frame.rows, _stable(f"seed {seed}"), dtype=np.uint64)
    for name, column in frame.columns.items():
        if name in without:
            continue
        if column.kind == "category":
            known = np.array([_stable(level) for level in column.levels] + [0], dtype=np.uint64)
            values = known[column.codes]
        else:
            rounded = np.nan_to_num(column.numbers, nan=-1.2345e300) + 0.0
            values = np.array([float(f"{value:.6g}") for value in rounded]).view(np.uint64)
        total += _mixed(values ^ np.uint64(_stable(name)))  # a sum, so that the order of columns does not count
    return _mixed(total)


def _from_texts(name: str, texts: pa.Array, kind: Kind | None) -> Column:
    coded = pc.dictionary_encode(texts)
    distinct = [str(value) for value in coded.dictionary.to_pylist()]
    codes = np.array(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    if not distinct:
        return _numeric(name, "empty", np.full(len(texts), np.nan)) if kind in (None, "empty") else _nothing(name, kind, len(texts))
    if kind == "category" or (kind is None and _is_code(distinct)):
        return _category(name, texts)
    for wanted, read in (("number", _numbers), ("date", _days)):
        if kind not in (None, wanted):
            continue
        values = read(distinct)
        good = ~np.isnan(values)
        if kind == wanted or counts[good].sum() >= ENOUGH_READ * counts.sum():
            numbers = np.append(values, np.nan)[codes]
            return _numeric(name, "date" if wanted == "date" else "number", numbers, int(counts[~good].sum()))
    return _category(name, texts)


def _is_code(distinct: list[str]) -> bool:
    """Digits that are a name and no quantity: 00731."""
    return any(len(text) > 1 and text[0] == "0" and text.isdigit() for text in distinct)


def _numbers(distinct: list[str]) -> Floats:
    if all(len(text) == 8 and text.isdigit() and text[:2] in ("19", "20") for text in distinct):
        return np.full(len(distinct), np.nan)  # 20240131 is a day
    mark = DecimalMark()
    for text in distinct:
        mark.see(text)
    read = amount_reader(mark.settled)
    return np.array([_number(text, read) for text in distinct])


def _number(text: str, read: object) -> float:
    if text.endswith("%"):
        return _number(text[:-1].rstrip(), read) / 100.0
    value = read(text)  # type: ignore[operator]
    if value is not None:
        return float(value)
    try:  # 1e-05, as programs write it
        return float(text) if text[:1] in "+-.0123456789" and "_" not in text else float("nan")
    except ValueError:
        return float("nan")


def _days(distinct: list[str]) -> Floats:
    order = DayMonthOrder()
    for text in distinct:
        order.see(text)
    read = date_reader(order.settled or "dmy", _UTC)
    epoch = np.datetime64("1970-01-01", "us")
    moments = [read(text) for text in distinct]
    return np.array([np.nan if one is None else (np.datetime64(one, "us") - epoch) / np.timedelta64(1, "s") / _DAY_S for one in moments])


def _numeric(name: str, kind: Kind, numbers: Floats, unread: int = 0) -> Column:
    empty = kind != "empty" and bool(np.all(np.isnan(numbers))) and unread == 0
    return Column(name, "empty" if empty else kind, numbers, np.empty(0, dtype=np.int64), unread=unread)


def _nothing(name: str, kind: Kind, rows: int) -> Column:
    """A column that a model knows, and that holds nothing here."""
    if kind == "category":
        return Column(name, kind, np.empty(0), np.full(rows, -1, dtype=np.int64))
    return Column(name, kind, np.full(rows, np.nan), np.empty(0, dtype=np.int64))


def _category(name: str, texts: pa.Array) -> Column:
    coded = pc.dictionary_encode(texts)
    levels = [str(level) for level in coded.dictionary.to_pylist()]
    codes = np.array(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    order = sorted(range(len(levels)), key=levels.__getitem__)  # so that codes do not depend on the order of rows
    place = np.append(np.argsort(order), -1).astype(np.int64)
    return Column(name, "category", np.empty(0), place[codes], tuple(levels[i] for i in order))


def _refuse_twins(file: str, columns: Sequence[str]) -> None:
    """The reader tells twins apart as 'x' and 'x (2)'; a model could not tell which is meant."""
    for name in columns:
        base, _mark, number = name.rpartition(" (")
        if base in columns and number[:-1].isdigit() and number.endswith(")"):
            raise DataError(_("{file}: the column name '{column}' stands more than once. Rename one of them."), file=file, column=base)


def _refused(connection: duckdb.DuckDBPyConnection) -> int:
    there = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
    if not there or not there[0]:
        return 0
    found = connection.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
    return int(found[0]) if found else 0


def _stable(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _mixed(values: Hashes) -> Hashes:
    """SplitMix64's finaliser: every bit of the input moves every bit of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))
