"""Logs and catalogues in files, as tables with the columns that were asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.sources.formats import open_source

_MOMENTS = ("DOUBLE", "TIMESTAMP")


def read_file(path: Path, columns: Sequence[str], *, order: str | None = None) -> pa.Table:
    """Columns of a CSV, TSV, XLSX, JSON-lines or Parquet file: ids and words as they are written, `order` as numbers or times.

    Raises:
        DataError: not readable, a column is absent, `order` holds something that is neither a number nor a time.
    """
    wanted = [*(name for name in dict.fromkeys(columns) if name != order), *([order] if order else [])]
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as scratch:
        source = open_source(connection, path, Path(scratch))
        absent = next((name for name in wanted if name not in source.columns), None)
        if absent is not None:
            raise DataError(_("{file} has no column {name}. Columns: {columns}."), file=source.name, name=repr(absent),
                            columns=", ".join(source.columns))
        if path.suffix.lower() == ".parquet":
            return pq.read_table(path, columns=wanted)
        cells = ", ".join(f"CAST(c{source.columns.index(name)} AS VARCHAR) AS c{number}" for number, name in enumerate(wanted))
        try:  # a copy first: types asked of a CSV file would be read by its reader, which leaves out what it cannot read
            connection.execute(f"CREATE TEMP TABLE copied AS SELECT {cells} FROM {source.relation} WHERE NOT ({source.malformed})")
        except duckdb.Error as error:
            raise DataError(_("{file} cannot be read as a table: {reason}"), file=source.name, reason=str(error).splitlines()[0]) from error
        last = len(wanted) - 1
        kind = "VARCHAR" if order is None else _kind_of(connection, f"c{last}", source.name, order)
        chosen = ", ".join(f"TRY_CAST(c{number} AS {kind if number == last else 'VARCHAR'}) AS c{number}" for number in range(len(wanted)))
        return connection.sql(f"SELECT {chosen} FROM copied").to_arrow_table().rename_columns(wanted)


def _kind_of(connection: duckdb.DuckDBPyConnection, column: str, file: str, name: str) -> str:
    for kind in _MOMENTS:
        found = connection.execute(
            f"SELECT {column} FROM copied WHERE TRIM({column}) <> '' AND TRY_CAST({column} AS {kind}) IS NULL LIMIT 1").fetchone()
        if found is None:
            return kind
        wrong = found[0]
    raise DataError(_("{file}, column {name}: {value} is neither a number nor a time like 2024-05-31 10:00."), file=file, name=repr(name),
                    value=repr(wrong))
