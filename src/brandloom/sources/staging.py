"""From a scanned file to typed rows in DuckDB's temporary tables, without a Python object per row.

`staged` holds one row per record in the file's order: per canonical column its value, and where SQL could not read it the text
as found (`<name>_raw`). Distinct texts that are left go through Python once; `parsed` is the view with both put together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
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

LARGEST = 1e15  # numbers from here on are read as text first and then refused
FIRST, LAST = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2500-01-01'"  # times beyond are none
BATCH = 100_000
SAME_LINE = ("order_id", "customer", "product", "occurred_at", "quantity")
READ_LATER = frozenset({"time", "day", "number"})  # kinds of column with values that SQL may leave as text
PLAIN = {"number": ("DOUBLE", re.compile(r"-?[0-9]+(?:\.[0-9]+)?")),
         "time": ("TIMESTAMP", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"))}


@dataclass(frozen=True)
class Staged:
    """What came of staging one file."""

    records: int
    """Rows that were staged."""
    first_row: int
    """The number of the first row of `staged`: an open transaction numbers its rows from far up."""
    broken: dict[int, str]
    """Line -> what is wrong with it, for lines DuckDB could not split into fields."""
    source: Source
    positions: dict[str, int]
    """Canonical name -> position of its column."""
    columns: Mapping[str, Column]
    plain: frozenset[str]
    """Columns that the CSV reader converted: nothing of them is left to read, and `staged` has no text of theirs."""

    def heading(self, name: str) -> str:
        return self.source.columns[self.positions[name]] if name in self.positions else ""


def plain_columns(source: Source, positions: dict[str, int], columns: Mapping[str, Column], sample: list[list[str]]) -> frozenset[str]:
    """Columns of numbers and times of a CSV file that are written plainly as far as the sample goes."""
    return frozenset(name for name, at in positions.items() if columns[name].reads in PLAIN and source.can_type(at) and sample[at]
                     and all(PLAIN[columns[name].reads][1].fullmatch(value) for value in sample[at]))


def stage(duck: DuckEngine, source: Source, positions: dict[str, int], columns: Mapping[str, Column], others: Iterable[int],
          zone: ZoneInfo, *, plain: Set[str] = frozenset(), careful: Set[str] = frozenset(), also: Mapping[str, str] | None = None) -> Staged:
    """Scan the file once into `staged`; columns at `others` come along as text named by their position, c7.

    Every row gets `same`, a hash of those of `SAME_LINE` that the file has: rows that say the same have the same hash. `also` adds
    columns, name -> SQL over the ones staged.

    Columns in `plain` are converted by the CSV reader, which is fast; if one value of them does not fit, all is scanned again
    the careful way, so that the result is the same.
    """
    others = tuple(others)
    inner, outer = ([f"{source.malformed} AS malformed"], ["malformed"]) if source.malformed != "FALSE" else ([], [])
    for name, at in positions.items():
        kind = "plain" if name in plain else source.types[at]
        read, shown = _cells(name, columns[name].reads, at, kind, _zone_of(columns[name], zone), name in careful)
        inner, outer = inner + read, outer + shown
    relation = source.typed({positions[name]: PLAIN[columns[name].reads][0] for name in plain})
    inner += [f"{_text(at, source.types[at])} AS c{at}" for at in others]
    outer += [f"c{at}" for at in others]
    said = [name for name in SAME_LINE if name in positions]
    said += [f"{name}_raw" for name in said if columns[name].reads in READ_LATER and name not in plain]
    made = {"same": f"CAST(hash({', '.join(said)}) >> 32 AS UINTEGER)" if said else "CAST(0 AS UINTEGER)", **(also or {})}
    extra = ", ".join(f"{sql} AS {name}" for name, sql in made.items())
    connection = duck.connection
    for table in ("staged", "reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    with _in_file_order(connection):
        try:
            connection.execute(f"CREATE TEMP TABLE staged AS SELECT *, {extra} FROM (SELECT {', '.join(outer)} "
                               f"FROM (SELECT {', '.join(inner)} FROM {relation}))")
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            raise DataError(_("{file} cannot be read: {reason}."), file=source.name, reason=_first_line(error)) from error
    if plain and not _fits(connection, plain, columns):
        return stage(duck, source, positions, columns, others, zone, careful=careful, also=also)
    records = int(_one(connection, "SELECT count(*) FROM staged"))
    broken = _broken_lines(connection)
    if records + len(broken) == 0:
        raise DataError(_("{file} has a heading and no rows. Export it again."), file=source.name)
    return Staged(records, int(_one(connection, "SELECT coalesce(min(rowid), 0) FROM staged")), broken, source, positions, columns, frozenset(plain))


def parse(duck: DuckEngine, staged: Staged, date_order: str | None, zone: ZoneInfo) -> None:
    """Read what SQL left, and make the view `parsed`: line, malformed, every canonical column and every other one.

    Raises:
        DataError: days and months of a column are in doubt and `date_order` is not given.
    """
    connection = duck.connection
    values, joins = [], []
    for name, column in staged.columns.items():
        if name not in staged.positions or column.reads not in READ_LATER:
            continue
        value, raw = f"s.{name}", f"s.{name}_raw"
        if name in staged.plain:
            raw = f"CAST(NULL AS VARCHAR) AS {name}_raw"
        elif int(_one(connection, f"SELECT count({name}_raw) FROM staged")):
            reader = _amount_reader if column.reads == "number" else _date_reader
            _map_values(connection, name, column.reads, reader(connection, staged, name, date_order, _zone_of(column, zone)))
            joins.append(f"LEFT JOIN map_{name} ON map_{name}.raw = s.{name}_raw")
            value = f"coalesce(s.{name}, map_{name}.value)"
        values.append(f"{value} AS {name}, {raw}")
    read = {name for name, column in staged.columns.items() if column.reads in READ_LATER and name in staged.positions}
    dropped = ", ".join(sorted(read | {f"{name}_raw" for name in read - staged.plain}))
    if staged.source.malformed == "FALSE":
        values.append("FALSE AS malformed")
    plain = f"s.* EXCLUDE ({dropped})" if read else "s.*"
    connection.execute(f"CREATE OR REPLACE TEMP VIEW parsed AS SELECT s.rowid - {staged.first_row} AS line, {', '.join([plain, *values])} "
                       f"FROM staged s {' '.join(joins)}")


def _cells(name: str, reads: str, at: int, kind: str, zone: ZoneInfo, careful: bool) -> tuple[list[str], list[str]]:
    """SQL of one canonical column in two layers, so that each value is converted once: what to read, and what to make of it."""
    text = _text(at, kind)
    if reads == "label":
        return [f"{text if kind != 'text' else f'c{at}'} AS {name}"], [name]
    if reads not in READ_LATER:
        return [f"{_trimmed(at) if kind == 'text' else text} AS {name}"], [name]
    if kind == "plain":
        ready = _in_utc(f"c{at}", zone) if reads == "time" else f"c{at}"
        return [f"c{at}"], [f"{ready} AS {name}"]
    value = _time(at, kind, text) if reads != "number" else _number(at, kind, text, careful)
    ready = _in_utc(f"{name}_read", zone) if reads != "number" and kind != "zoned" else f"{name}_read"
    return ([f"{value} AS {name}_read", f"{text} AS {name}_text"],
            [f"{ready} AS {name}", f"CASE WHEN {name}_read IS NULL THEN {name}_text END AS {name}_raw"])


def _in_utc(moment: str, zone: ZoneInfo) -> str:
    return moment if zone.key == "UTC" else f"CAST(timezone({literal(zone.key)}, {moment}) AS TIMESTAMP)"


def _fits(connection: duckdb.DuckDBPyConnection, plain: Set[str], columns: Mapping[str, Column]) -> bool:
    """Whether the CSV reader could convert every value, and none is out of bounds."""
    if _rejects(connection) and _one(connection, "SELECT 1 FROM reject_errors WHERE error_type = 'CAST' LIMIT 1"):
        return False
    bounds = [f"(abs({name}) < {LARGEST})" if columns[name].reads == "number" else f"({name} BETWEEN {FIRST} AND {LAST})" for name in plain]
    return bool(_one(connection, f"SELECT coalesce(bool_and({' AND '.join(f'coalesce({bound}, TRUE)' for bound in bounds)}), TRUE) FROM staged"))


def _zone_of(column: Column, zone: ZoneInfo) -> ZoneInfo:
    return ZoneInfo("UTC") if column.reads == "day" else zone  # a birthday is the same day everywhere


def _text(at: int, kind: str) -> str:
    if kind == "number":  # 17850.0 is the id 17850
        return f"CASE WHEN c{at} = trunc(c{at}) THEN CAST(CAST(c{at} AS HUGEINT) AS VARCHAR) ELSE CAST(c{at} AS VARCHAR) END"
    return f"nullif(trim(c{at}), '')" if kind == "text" else f"CAST(c{at} AS VARCHAR)"


def _trimmed(at: int) -> str:
    """`_text` of a column of text, where `trim` runs only for values that can have outer blanks: it is slow."""
    return f"CASE WHEN c{at} < '!' OR ends_with(c{at}, ' ') OR strlen(c{at}) <> length(c{at}) THEN {_text(at, 'text')} ELSE c{at} END"


def _number(at: int, kind: str, text: str, careful: bool) -> str:
    """The number where it is written plainly. `careful` leaves out '1.299', which means 1299 where commas are decimal."""
    if kind == "number":
        return f"CASE WHEN abs(c{at}) < {LARGEST} THEN CAST(c{at} AS DOUBLE) END"
    number = f"TRY_CAST({text} AS DOUBLE)"
    pointless = f" AND NOT contains({text}, '.')" if careful else ""
    return f"CASE WHEN abs({number}) < {LARGEST}{pointless} THEN {number} END"


def _time(at: int, kind: str, text: str) -> str:
    """The moment where it is ISO without a zone (then still in the shop's zone), or of a column that holds moments."""
    if kind == "zoned":
        return f"CAST(timezone('UTC', c{at}) AS TIMESTAMP)"
    if kind == "time":
        return f"CAST(c{at} AS TIMESTAMP)"
    if kind == "number":
        return "CAST(NULL AS TIMESTAMP)"
    long = f"(strlen({text}) = 19 AND substr({text}, 17, 1) = ':')"
    usual = f"({long} OR strlen({text}) = 10 OR (strlen({text}) = 16 AND substr({text}, 14, 1) = ':'))"
    moment = f"TRY_CAST({text} AS TIMESTAMP)"
    return f"CASE WHEN {usual} AND {moment} BETWEEN {FIRST} AND {LAST} THEN {moment} END"


@contextmanager
def _in_file_order(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    before = _one(connection, "SELECT current_setting('preserve_insertion_order')")
    connection.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.execute(f"SET preserve_insertion_order = {before}")


def _rejects(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(_one(connection, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'"))


def _broken_lines(connection: duckdb.DuckDBPyConnection) -> dict[int, str]:
    if not _rejects(connection):
        return {}
    return dict(connection.execute("SELECT line, min(error_message) FROM reject_errors GROUP BY line").fetchall())


def written_with_commas(duck: DuckEngine, staged: Staged) -> set[str]:
    """Number columns of text whose decimal mark is a comma: there '1.299', which SQL took for a fraction, may mean 1299."""
    found = set()
    for name, column in staged.columns.items():
        at = staged.positions.get(name)
        if at is not None and column.reads == "number" and staged.source.types[at] == "text" and name not in staged.plain:
            mark = DecimalMark()
            for text in _distinct(duck.connection, name):
                mark.see(text)
            if mark.settled == ",":
                found.add(name)
    return found


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
    connection.execute(f"CREATE OR REPLACE TEMP TABLE map_{name} (raw VARCHAR, value {'DOUBLE' if reads == 'number' else 'TIMESTAMP'})")
    found = connection.sql(f"SELECT DISTINCT {name}_raw AS raw FROM staged WHERE {name}_raw IS NOT NULL").to_arrow_table()
    for batch in found.to_batches(max_chunksize=BATCH):
        texts = batch.column(0).to_pylist()
        values = [read(text) for text in texts]
        kind = pa.float64() if reads == "number" else pa.timestamp("us")
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
    rows = connection.execute(sql).fetchall()  # read to its end: an open result blocks the connection
    return rows[0][0] if rows else None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
