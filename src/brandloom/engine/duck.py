"""The embedded engine: one DuckDB file, no server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from brandloom.engine.base import Batches, Value
from brandloom.engine.tables import RARE
from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _


class DuckEngine:
    """Engine on DuckDB; `path` None keeps everything in memory."""

    name = "duckdb"

    def __init__(self, path: Path | None = None, *, memory_limit_gb: float = 2.0, threads: int | None = None) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_gb}GB", "preserve_insertion_order": "false"}
        if threads:
            config["threads"] = threads
        if path is not None:
            config["temp_directory"] = str(path.parent / "tmp")
        try:
            self.connection = duckdb.connect(str(path) if path else ":memory:", config=config)
        except duckdb.IOException as error:
            raise ConfigError(_("{path} cannot be opened: {reason}. If another brandloom process uses it, wait or stop it."),
                              path=path, reason=str(error).splitlines()[0]) from error
        self.connection.execute("SET TimeZone = 'UTC'")
        self._in_transaction = False
        self._overlay: dict[str, str] = {}
        self._catalog = str(self.connection.execute("SELECT current_database()").fetchall()[0][0])
        database = self._catalog.replace('"', '""')
        self._home = f'"{database}".main'

    def query(self, sql: str, /, **values: Value) -> pa.Table:
        try:
            return self.connection.sql(sql, params=values or None).to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise ConfigError(_("The warehouse ran out of memory. Raise BRANDLOOM_MEMORY_LIMIT_GB.")) from error

    def execute(self, sql: str, /, **values: Value) -> int:
        """Run one statement that changes data; returns the number of rows it touched."""
        rows = self.connection.execute(sql, values or None).fetchall()  # to the end: an open result blocks the connection
        return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0

    def replace(self, table: str, select: str, /, **values: Value) -> int:
        return self.execute(f"CREATE OR REPLACE {_kept(table)} {table} AS {select}", **values)

    def append(self, table: str, select: str, /, **values: Value) -> int:
        self._store(table, self.connection.sql(select, params=values or None).columns)
        return self.execute(f"INSERT INTO {self._at(table)} BY NAME {select}", **values)

    def put(self, table: str, rows: pa.Table, /) -> int:
        with self._registered(rows) as name:
            if rows.num_rows == 0 and _rare_columns(rows.schema):
                return self._create(table, name, _rare_columns(rows.schema))
            return self.execute(f"CREATE OR REPLACE {_kept(table)} {table} AS SELECT * FROM {name}")

    def add(self, table: str, rows: pa.Table, /) -> int:
        self._store(table, rows.column_names)
        with self._registered(rows) as name:
            return self.execute(f"INSERT INTO {self._at(table)} BY NAME SELECT * FROM {name}")

    def remove(self, table: str, key: str, among: str, /) -> None:
        self.execute(f"DELETE FROM {self._at(table)} WHERE {key} IN (SELECT {key} FROM {among})")

    def change(self, table: str, key: str, select: str, /) -> None:
        columns = ", ".join(f"{name} = new.{name}" for name in self.connection.sql(select).columns if name != key)
        self.execute(f"UPDATE {self._at(table)} AS old SET {columns} FROM ({select}) new WHERE new.{key} = old.{key}")

    def view(self, name: str, select: str, /) -> None:
        self.drop(name)
        self.execute(f"CREATE VIEW {self._at(name)} AS {select}")

    def map_batches(self, table: str, select: str, function: Batches, schema: pa.Schema, /, **values: Value) -> int:
        rows = function(self.query(select, **values)).cast(schema)
        return self.put(table, rows)

    def exists(self, table: str, /) -> bool:
        found = self.connection.execute("SELECT 1 FROM information_schema.tables WHERE table_name = $name", {"name": table})
        return bool(found.fetchall())

    def drop(self, table: str, /) -> None:
        there = "SELECT table_type FROM information_schema.tables WHERE table_name = $name AND table_catalog = $catalog"
        found = self.connection.execute(there, {"name": table, "catalog": "temp" if _scratch(table) else self._catalog}).fetchall()
        if found:
            self.connection.execute(f"DROP {'VIEW' if found[0][0] == 'VIEW' else 'TABLE'} {self._at(table)}")

    def overlay(self, views: Mapping[str, str], /) -> None:
        self._lift()
        for table, select in views.items():  # temporary views come before tables of the same name, and are never stored
            self.connection.execute(f"CREATE TEMP VIEW {table}_loaded AS SELECT * FROM {self._home}.{table}")
            self.connection.execute(f"CREATE TEMP VIEW {table} AS {select}")
        self._overlay = dict(views)

    @contextmanager
    def as_loaded(self) -> Iterator[None]:
        views = self._overlay
        self.overlay({})
        try:
            yield
        finally:
            self.overlay(views)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._in_transaction:
            yield
            return
        self.connection.execute("BEGIN TRANSACTION")
        self._in_transaction = True
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        finally:
            self._in_transaction = False
        self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()

    def _at(self, table: str) -> str:
        return f"temp.main.{table}" if _scratch(table) else f"{self._home}.{table}"

    def _lift(self) -> None:
        for table in self._overlay:
            self.connection.execute(f"DROP VIEW temp.main.{table}")
            self.connection.execute(f"DROP VIEW temp.main.{table}_loaded")
        self._overlay = {}

    def _create(self, table: str, like: str, rare: set[str]) -> int:
        """Make an empty table whose rare columns are computed as NULL: every stored column costs a load about a twentieth."""
        columns = ", ".join(f"{name} {kind} GENERATED ALWAYS AS (CAST(NULL AS {kind})) VIRTUAL" if name in rare else f"{name} {kind}"
                            for name, kind, *_rest in self.connection.execute(f"DESCRIBE SELECT * FROM {like}").fetchall())
        return self.execute(f"CREATE OR REPLACE {_kept(table)} {table} ({columns})")

    def _store(self, table: str, arriving: list[str]) -> None:
        """Turn computed columns for which values arrive into stored ones."""
        computed = self.connection.execute("SELECT column_name, data_type FROM information_schema.columns "
                                           "WHERE table_name = $table AND is_generated = 'ALWAYS'", {"table": table}).fetchall()
        for name, kind in computed:
            if name in arriving:
                self.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
                self.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    @contextmanager
    def _registered(self, rows: pa.Table) -> Iterator[str]:
        self.connection.register("_incoming", rows)
        try:
            yield "_incoming"
        except duckdb.Error as error:
            raise DataError(_("Rows do not fit the table: {reason}."), reason=str(error).splitlines()[0]) from error
        finally:
            self.connection.unregister("_incoming")


def _scratch(table: str) -> bool:
    return table.startswith("_")


def _kept(table: str) -> str:
    """Scratch stays out of the file: writing it there costs more than making it."""
    return "TEMP TABLE" if _scratch(table) else "TABLE"


def _rare_columns(schema: pa.Schema) -> set[str]:
    return {field.name for field in schema if RARE in (field.metadata or {})}
