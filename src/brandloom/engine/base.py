"""The one seam between rooms and the database that runs their queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Protocol

import pyarrow as pa

Value = str | int | float | bool | None | datetime | date | Decimal
Batches = Callable[[pa.Table], pa.Table]


class Engine(Protocol):
    """Tables live here and queries run here. SQL is DuckDB's dialect; values come in as `$name`, never as text.

    A table whose name begins with an underscore is scratch: `close` may take it away.
    A room uses nothing else, so what it does runs unchanged on every engine; `tests/test_conformance.py` compares them.
    """

    name: str

    def query(self, sql: str, /, **values: Value) -> pa.Table:
        """Run one SELECT and return its rows."""

    def replace(self, table: str, select: str, /, **values: Value) -> int:
        """Make `table` the result of `select` (which may read the old one) and return its number of rows."""

    def append(self, table: str, select: str, /, **values: Value) -> int:
        """Add the result of `select` to an existing table, matching columns by name; return the rows added."""

    def put(self, table: str, rows: pa.Table, /) -> int:
        """Make `table` exactly these rows."""

    def add(self, table: str, rows: pa.Table, /) -> int:
        """Add these rows to an existing table, matching columns by name."""

    def remove(self, table: str, key: str, among: str, /) -> None:
        """Take out the rows of `table` whose column `key` holds a value of that column of table `among`."""

    def change(self, table: str, key: str, select: str, /) -> None:
        """Give each row of `table` the values of the row of `select` (which may read the table) with the same `key`, in the columns it has.

        Keys of `select` are unique. Cheaper than `remove` and `append` where a few columns of many rows change.
        """

    def view(self, name: str, select: str, /) -> None:
        """Make `name`, whatever it was, a stored SELECT without values: queries read it like a table, from what its tables hold then.

        Nothing is written to it; to make it a table again, `drop` it first.
        """

    def map_batches(self, table: str, select: str, function: Batches, schema: pa.Schema, /, **values: Value) -> int:
        """Make `table` the result of a row-wise Python `function` (a model's batch score) over the rows of `select`.

        `function` gets parts of the rows, in any split and order, and must not depend on the split.
        """

    def exists(self, table: str, /) -> bool:
        """Whether the table is there."""

    def drop(self, table: str, /) -> None:
        """Remove a table or view if it is there."""

    def overlay(self, views: Mapping[str, str], /) -> None:
        """From now until `close`, queries that name one of these tables read its SELECT in its place; none lifts all.

        A SELECT reads the table of its own name as `NAME_loaded`. Writing always goes to the table itself, but the SELECT of
        `replace` and `append` is a query as well: what rewrites a table from itself does so inside `as_loaded`.
        """

    def as_loaded(self) -> AbstractContextManager[None]:
        """Inside the block no overlay is in force. Open it outside of a transaction."""

    def transaction(self) -> AbstractContextManager[None]:
        """All changes inside the block happen, or none does. A block inside another is part of it: the outer one's end decides."""

    def close(self) -> None:
        """Release files and memory."""


def scalar(engine: Engine, sql: str, /, **values: Value) -> object:
    """The first column of the first row, as a Python value; None when there is no row."""
    table = engine.query(sql, **values)
    return table.column(0)[0].as_py() if table.num_rows else None


def read_sql(room: str, name: str) -> str:
    """Text of `<room>/<name>.sql` in the package."""
    return files("brandloom").joinpath(*room.split("."), f"{name}.sql").read_text(encoding="utf-8")
