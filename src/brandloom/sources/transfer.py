"""Carrying staged rows into the warehouse: a plain INSERT where both live in one DuckDB, Arrow batches where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa

from brandloom.engine import DuckEngine, Engine
from brandloom.engine.tables import CANONICAL

BATCH = 500_000


@contextmanager
def staging_engine(engine: Engine) -> Iterator[DuckEngine]:
    """A DuckDB for temporary tables: the warehouse itself if it is one, else one in memory."""
    if isinstance(engine, DuckEngine):
        yield engine
        return
    staging = DuckEngine()
    try:
        yield staging
    finally:
        staging.close()


def known_rows(engine: Engine, staging: DuckEngine, table: str, columns: tuple[str, ...], first: datetime, last: datetime) -> str:
    """Name of a relation in `staging` with these columns of the warehouse's rows that occurred from `first` to `last`."""
    if engine is staging:
        return table
    rows = engine.query(f"SELECT {', '.join(columns)} FROM {table} WHERE occurred_at BETWEEN $first AND $last", first=first, last=last)
    staging.put("known", rows)
    return "known"


def append(engine: Engine, staging: DuckEngine, table: str, select: str) -> None:
    """Add the rows of a staging select to a table of the warehouse."""
    if engine is staging:
        engine.append(table, select)
        return
    schema = CANONICAL[table]
    reader = staging.connection.sql(select).to_arrow_reader(BATCH)
    for batch in reader:
        rows = pa.Table.from_batches([batch])
        engine.add(table, rows.cast(pa.schema([schema.field(name) for name in rows.column_names])))


def hand_over(engine: Engine, staging: DuckEngine, table: str, select: str, schema: pa.Schema) -> None:
    """Make `table` in the warehouse from a staging select; for merging by SQL that runs on every engine."""
    engine.put(table, staging.connection.sql(select).to_arrow_table().select(schema.names).cast(schema))
