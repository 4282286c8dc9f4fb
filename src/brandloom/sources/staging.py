"""From a scanned file to typed rows in DuckDB's temporary tables, without a Python object per row.

`staged` holds one row per record in the file's order: per canonical column its value, and where SQL could not read it the text
as found (`<name>_raw`). Distinct texts that are left go through Python once; `parsed` is the view with both put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Iterator
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from brandloom.engine import DuckEngine
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.sources.amounts import DecimalMark, amount_reader
from brandloom.sources.columns import Column
from brandloom.sources.dates import DayMonthOrder, date_reader
from brandloom.sources.formats import Source, literal

BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288) || chr(65279)"
LARGEST = 1e15  # numbers from here on are read as text first and then refused
BATCH = 100_000
_EPOCHS = (("1e8", "1e11", 1_000_000), ("1e11", "1e14", 1_000), ("1e14", "1e17", 1))  # from, below, microseconds per unit


@dataclass(frozen=True)
class Staged:
    """What came of staging one file."""

    records: int
    """Rows in `staged`."""
    broken: dict[int, str]
    """Line -> what is wrong with it, for lines DuckDB could not split into fields."""
    source: Source
    positions: dict[str, int]
    """Canonical name -> position of its column."""
    columns: Mapping[str, Column]

    def heading(self, name: str) -> str:
        return self.source.columns[self.positions[name]] if name in self.positions else ""


def stage(duck: DuckEngine, source: Source, positions: dict[str, int], columns: Mapping[str, Column],
          others: Iterable[int], zone: ZoneInfo) -> Staged:
    """Scan the file once into `staged`; columns at `others` come along as text named by their position, c7."""
    cells = [part for name, at in positions.items() for part in _cells(name, columns[name].reads, at, source.types[at], zone)]
    cells += [f"{_text(at, source.types[at])} AS c{at}" for at in others]
    connection = duck.connection
    for table in ("staged", "reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    with _in_file_order(connection):
        try:
            connection.execute(f"CREATE TEMP TABLE staged AS SELECT {source.malformed} AS malformed, {', '.join(cells)} FROM {source.relation}")
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            raise DataError(_("{file} cannot be read: {reason}."), file=source.name, reason=_first_line(error)) from error
    records = int(_one(connection, "SELECT count(*) FROM staged"))
    broken = _broken_lines(connection)
    if records + len(broken) == 0:
        raise DataError(_("{file} has a heading and no rows. Export it again."), file=source.name)
    return Staged(records, broken, source, positions, columns)


def parse(duck: DuckEngine, staged: Staged, date_order: str | None, zone: ZoneInfo) -> None:
    """Read what SQL left, and make the view `parsed`: line, malformed, every canonical column and every other one.

    Raises:
        DataError: days and months of a column are in doubt and `date_order` is not given.
    """
    connection = duck.connection
    values, joins = [], []
    for name, column in staged.columns.items():
        if name not in staged.positions or column.reads not in {"time", "number"}:
            continue
        value = f"s.{name}"
        if int(_one(connection, f"SELECT count({name}_raw) FROM staged")):
            reader = _date_reader if column.reads == "time" else _amount_reader
            _map_values(connection, name, column.reads, reader(connection, staged, name, date_order, zone))
            joins.append(f"LEFT JOIN map_{name} ON map_{name}.raw = s.{name}_raw")
            value = f"coalesce(s.{name}, map_{name}.value)"
        values.append(f"{value} AS {name}, s.{name}_raw")
    read = {name for name, column in staged.columns.items() if column.reads in {"time", "number"} and name in staged.positions}
    dropped = ", ".join(sorted(read | {f"{name}_raw" for name in read}))
    first = _one(connection, "SELECT coalesce(min(rowid), 0) FROM staged")  # rows of an open transaction are numbered from far up
    plain = f"s.* EXCLUDE ({dropped})" if read else "s.*"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW parsed AS SELECT s.rowid - {first} AS line, {', '.join([plain, *values])} "
                       f"FROM staged s {' '.join(joins)}")


def _cells(name: str, reads: str, at: int, kind: str, zone: ZoneInfo) -> list[str]:
    if reads == "time":
        return [f"{expression} AS {name}{suffix}" for expression, suffix in zip(_time(at, kind, zone), ("", "_raw"), strict=True)]
    if reads == "number":
        return [f"{expression} AS {name}{suffix}" for expression, suffix in zip(_number(at, kind), ("", "_raw"), strict=True)]
    return [f"{_text(at, kind)} AS {name}"]


def _text(at: int, kind: str) -> str:
    if kind == "number":  # 17850.0 is the id 17850
        return f"CASE WHEN c{at} = trunc(c{at}) THEN CAST(CAST(c{at} AS HUGEINT) AS VARCHAR) ELSE CAST(c{at} AS VARCHAR) END"
    if kind != "text":
        return f"CAST(c{at} AS VARCHAR)"
    return f"nullif(trim(c{at}, {BLANKS}), '')"


def _number(at: int, kind: str) -> tuple[str, str]:
    """Value, and text where the value is missing. '1.299' is left: it may mean 1299."""
    if kind == "number":
        return f"CASE WHEN abs(c{at}) < {LARGEST} THEN CAST(c{at} AS DOUBLE) END", f"CASE WHEN NOT abs(c{at}) < {LARGEST} THEN CAST(c{at} AS VARCHAR) END"
    text = _text(at, kind)
    easy = f"(abs(TRY_CAST({text} AS DOUBLE)) < {LARGEST} AND NOT suffix(left(right({text}, 4), 1), '.'))"
    return f"CASE WHEN {easy} THEN TRY_CAST({text} AS DOUBLE) END", f"CASE WHEN {easy} THEN NULL ELSE {text} END"


def _time(at: int, kind: str, zone: ZoneInfo) -> tuple[str, str]:
    """Moment in UTC, and text where the moment is missing."""
    def utc(moment: str) -> str:
        return moment if zone.key == "UTC" else f"CAST(timezone({literal(zone.key)}, {moment}) AS TIMESTAMP)"

    if kind == "zoned":
        return f"CAST(timezone('UTC', c{at}) AS TIMESTAMP)", "CAST(NULL AS VARCHAR)"
    if kind == "time":
        return utc(f"CAST(c{at} AS TIMESTAMP)"), "CAST(NULL AS VARCHAR)"
    if kind == "number":
        cases = " ".join(f"WHEN c{at} >= {low} AND c{at} < {high} THEN make_timestamp(CAST(c{at} * {unit} AS BIGINT))"
                         for low, high, unit in _EPOCHS)
        return f"CASE {cases} END", f"CASE WHEN c{at} >= 1e8 AND c{at} < 1e17 THEN NULL ELSE CAST(c{at} AS VARCHAR) END"
    text = _text(at, kind)
    iso = (f"CASE WHEN {text}[5] = '-' AND {text}[8] = '-' AND (length({text}) = 10 OR ({text}[14] = ':' AND (length({text}) = 16"
           f" OR (length({text}) = 19 AND {text}[17] = ':')))) THEN TRY_CAST({text} AS TIMESTAMP) END")
    return utc(iso), f"CASE WHEN {iso} IS NULL THEN {text} END"


@contextmanager
def _in_file_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    before = _one(connection, "SELECT current_setting('preserve_insertion_order')")
    connection.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.execute(f"SET preserve_insertion_order = {before}")


def _broken_lines(connection: duckdb.DuckDBPyConnection) -> dict[int, str]:
    made = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
    if not made:
        return {}
    return dict(connection.execute("SELECT line, min(error_message) FROM reject_errors GROUP BY line").fetchall())


def _date_reader(connection: duckdb.DuckDBPyConnection, staged: Staged, name: str, order: str | None,
                 zone: ZoneInfo) -> Callable[[str], datetime | None]:
    seen = DayMonthOrder()
    for text in _distinct(connection, name):
        seen.see(text)
    settled = order or seen.settled
    if seen.ambiguous and settled is None:
        raise DataError(_("{file}: the column '{column}' has dates such as 05/01/2024, and nothing in it shows whether the day or the "
                          "month comes first. Say so: --date-order dmy, mdy or ymd."),
                        file=staged.source.name, column=staged.heading(name))
    return date_reader(settled, zone)


def _amount_reader(connection: duckdb.DuckDBPyConnection, staged: Staged, name: str, order: str | None,
                   zone: ZoneInfo) -> Callable[[str], Decimal | None]:
    mark = DecimalMark(point_seen=bool(_one(connection, f"SELECT coalesce(bool_or({name} <> trunc({name})), FALSE) FROM staged")))
    for text in _distinct(connection, name):
        mark.see(text)
    return amount_reader(mark.settled)


def _map_values(connection: duckdb.DuckDBPyConnection, name: str, reads: str, read: Callable[[str], Any]) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE map_{name} (raw VARCHAR, value {'TIMESTAMP' if reads == 'time' else 'DOUBLE'})")
    found = connection.sql(f"SELECT DISTINCT {name}_raw AS raw FROM staged WHERE {name}_raw IS NOT NULL").to_arrow_table()
    for batch in found.to_batches(max_chunksize=BATCH):
        texts = batch.column(0).to_pylist()
        values = [read(text) for text in texts]
        kind = pa.timestamp("us") if reads == "time" else pa.float64()
        rows = pa.table({"raw": pa.array(texts, pa.string()), "value": pa.array(
            [float(value) if isinstance(value, Decimal) else value for value in values], kind)})
        insert_rows(connection, f"map_{name}", rows)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Add arrow rows to a temporary table."""
    connection.register("_arriving", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM _arriving")
    finally:
        connection.unregister("_arriving")


def _distinct(connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[str]:
    found = connection.sql(f"SELECT DISTINCT {name}_raw FROM staged WHERE {name}_raw IS NOT NULL").to_arrow_table()
    for batch in found.to_batches(max_chunksize=BATCH):
        yield from batch.column(0).to_pylist()


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
