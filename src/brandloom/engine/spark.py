"""The same engine on Spark, for shops that outgrow one machine: a folder of Parquet tables, SQL translated by sqlglot."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from brandloom.engine.base import Batches, Value
from brandloom.errors import ConfigError, DataError, StateError
from brandloom.i18n import _

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_Options = dict[str, bool | float | int | str | None]
_START: _Options = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
_LOCAL: _Options = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": "4"}
_SESSION = {"spark.sql.session.timeZone": "UTC", "spark.sql.timestampType": "TIMESTAMP_NTZ", "spark.sql.ansi.enabled": "true",
            "spark.sql.execution.arrow.pyspark.enabled": "true"}
_SAVED, _DONE, _FRESH = "_saved_", "_done_", "_fresh_"
"""Folders beside the tables: as they were before a transaction; the same after it; written, not yet a table."""
_VIEW = "view.sql"
"""All that the folder of a view holds."""


class SparkEngine:
    """Engine on Spark. `path` is a folder every worker can reach; `master` as Spark spells it, 'local[2]' for this machine.

    A Spark session that runs already is joined, with temporary views of its own, and left running by `close`. Like a DuckDB
    file, the folder belongs to one process at a time.
    """

    name = "spark"

    def __init__(self, path: Path, *, master: str = "local[*]", memory_gb: float = 2.0) -> None:
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise ConfigError(_("Spark is not installed. Run `pip install 'brandloom[spark]'`, or set engine = \"duckdb\".")) from error
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path)
        self._in_transaction = False
        self._overlay: dict[str, str] = {}
        running = SparkSession.getActiveSession()
        base = _start(master, memory_gb) if running is None else running
        self._started = base if running is None else None
        self.session: SparkSession = base.newSession()
        for name, value in _SESSION.items():
            self.session.conf.set(name, value)
        self._recover()
        self._show_all()

    def query(self, sql: str, /, **values: Value) -> pa.Table:
        return self._run(sql, values).toArrow()

    def replace(self, table: str, select: str, /, **values: Value) -> int:
        return self._put_files(table, self._written(self._run(select, values)))

    def append(self, table: str, select: str, /, **values: Value) -> int:
        self._schema(table)
        frame = _fitted(self._run(select, values), self.session.table(table).schema)
        return self._add_files(table, self._written(frame))

    def put(self, table: str, rows: pa.Table, /) -> int:
        return self._put_files(table, self._written_here(rows))

    def add(self, table: str, rows: pa.Table, /) -> int:
        return self._add_files(table, self._written_here(_fitted_here(rows, self._schema(table))))

    def remove(self, table: str, key: str, among: str, /) -> None:
        self.replace(table, f"SELECT t.* FROM {table} t WHERE t.{key} IS NULL OR t.{key} NOT IN (SELECT {key} FROM {among} WHERE {key} IS NOT NULL)")

    def change(self, table: str, key: str, select: str, /) -> None:
        known = self._schema(table)
        new = set(self._run(select, {}).columns) - {key}
        columns = ", ".join(f"CASE WHEN new.{key} IS NULL THEN old.{name} ELSE new.{name} END AS {name}" if name in new else f"old.{name} AS {name}"
                            for name in known.names)
        frame = self._run(f"SELECT {columns} FROM {table} old LEFT JOIN ({select}) new ON new.{key} = old.{key}", {})
        self._put_files(table, self._written(_fitted(frame, self.session.table(table).schema)))

    def view(self, name: str, select: str, /) -> None:
        fresh = self.path / f"{_FRESH}{uuid4().hex}"
        fresh.mkdir()
        (fresh / _VIEW).write_text(select, encoding="utf-8")
        self.drop(name)
        fresh.rename(self.path / name)
        self._lay()

    def map_batches(self, table: str, select: str, function: Batches, schema: pa.Schema, /, **values: Value) -> int:
        from pyspark.sql.pandas.types import from_arrow_schema

        def per_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from function(pa.Table.from_batches([batch])).cast(schema).to_batches()

        frame = self._run(select, values).mapInArrow(per_partition, from_arrow_schema(schema, prefer_timestamp_ntz=True))
        return self._put_files(table, self._written(frame))

    def exists(self, table: str, /) -> bool:
        return (self.path / table).is_dir()

    def drop(self, table: str, /) -> None:
        self.session.catalog.dropTempView(table)
        shutil.rmtree(self.path / table, ignore_errors=True)

    def overlay(self, views: Mapping[str, str], /) -> None:
        lifted, self._overlay = self._overlay, dict(views)
        for table in lifted:
            self.session.catalog.dropTempView(f"{table}_loaded")
            self._show(table)
        self._lay()

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
        """Parquet files never change, so hard links keep every table as it was until the block ends, or the next start if it cannot."""
        if self._in_transaction:
            yield
            return
        saved = self._save()
        self._in_transaction = True
        try:
            yield
        except BaseException:
            self._restore(saved)
            raise
        finally:
            self._in_transaction = False
        _discard(saved)

    def close(self) -> None:
        if self._started is not None:
            self._started.stop()
        self._lock.close()

    def _run(self, sql: str, values: dict[str, Value]) -> DataFrame:
        """A lazy frame; times lose the zone that some of Spark's functions add, since all of ours are UTC."""
        from pyspark.sql import functions as f
        from pyspark.sql.types import TimestampType
        frame = self.session.sql(translate(sql, values))
        zoned = {field.name: f.col(field.name).cast("timestamp_ntz") for field in frame.schema if isinstance(field.dataType, TimestampType)}
        return frame.withColumns(zoned) if zoned else frame

    def _tables(self) -> list[Path]:
        return [folder for folder in sorted(self.path.iterdir()) if folder.is_dir() and not folder.name.startswith("_")]

    def _show_all(self) -> None:
        for folder in self._tables():
            if not (folder / _VIEW).exists():
                self._show(folder.name)
        self._lay()

    def _show(self, table: str) -> None:
        """Make the folder's present files what queries see under this name."""
        from pyspark.sql.pandas.types import from_arrow_schema
        known = from_arrow_schema(self._schema(table), prefer_timestamp_ntz=True)
        rows = self.session.read.schema(known).parquet(str(self.path / table))
        rows.createOrReplaceTempView(f"{table}_loaded" if table in self._overlay else table)

    def _lay(self) -> None:
        """Show the SELECTs of overlay and views; a view of Spark keeps the files it was made from, so again whenever a table has changed."""
        for table, select in self._overlay.items():
            self._show(table)
            self._run(select, {}).createOrReplaceTempView(table)
        for stored in sorted(self.path.glob(f"[!_]*/{_VIEW}")):
            self._run(stored.read_text(encoding="utf-8"), {}).createOrReplaceTempView(stored.parent.name)

    def _schema(self, table: str) -> pa.Schema:
        """Columns by a file's footer, which spares a Spark job; Spark marks constants as never null, a table's columns may be."""
        if not self.exists(table):
            raise StateError(_("Table {table} is not there. Run `brandloom load` first."), table=table)
        return pa.schema([(field.name, field.type) for field in pq.read_schema(next((self.path / table).glob("*.parquet")))])

    def _written(self, frame: DataFrame) -> Path:
        fresh = self.path / f"{_FRESH}{uuid4().hex}"
        frame.write.parquet(str(fresh))
        return fresh

    def _written_here(self, rows: pa.Table) -> Path:
        """Rows that are in memory go to a file without a detour through Spark."""
        fresh = self.path / f"{_FRESH}{uuid4().hex}"
        fresh.mkdir()
        pq.write_table(rows, fresh / f"part-{uuid4().hex}.parquet")
        return fresh

    def _put_files(self, table: str, fresh: Path) -> int:
        """Written beside the old table and only then swapped, so that a select may read what it replaces."""
        rows = _count(fresh)
        self.drop(table)
        fresh.rename(self.path / table)
        self._show(table)
        self._lay()
        return rows

    def _add_files(self, table: str, fresh: Path) -> int:
        rows = _count(fresh)
        for file in fresh.glob("*.parquet"):
            file.rename(self.path / table / file.name)
        shutil.rmtree(fresh)
        self._show(table)
        self._lay()
        return rows

    def _save(self) -> Path:
        fresh = self.path / f"{_FRESH}{uuid4().hex}"
        for table in self._tables():
            _link_files(table, fresh / table.name)
        fresh.mkdir(exist_ok=True)
        return fresh.rename(self.path / f"{_SAVED}{uuid4().hex}")  # whole or not there at all

    def _restore(self, saved: Path) -> None:
        """Bring the saved tables back; `saved` stays until that is done, so a second attempt finds everything."""
        for table in self._tables():
            self.drop(table.name)
        for table in saved.iterdir():
            _link_files(table, self.path / table.name)
        self._show_all()
        _discard(saved)

    def _recover(self) -> None:
        """Undo what an interrupted process began and did not finish."""
        for saved in self.path.glob(f"{_SAVED}*"):
            self._restore(saved)
        for left in (*self.path.glob(f"{_FRESH}*"), *self.path.glob(f"{_DONE}*")):
            shutil.rmtree(left)


def translate(sql: str, values: dict[str, Value]) -> str:
    """Turn one DuckDB statement with `$name` values into Spark SQL with literals built by the syntax tree, not by text."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in list(tree.find_all(exp.Parameter, exp.Placeholder)):
        name = node.name or node.this.name
        node.replace(_literal(values[name]))
    return tree.sql(dialect="spark")


def _literal(value: Value) -> exp.Expr:
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "timestamp_ntz", dialect="spark")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, Decimal):
        return exp.Literal.number(format(value, "f"))
    if isinstance(value, float):
        return exp.cast(exp.Literal.number(repr(value)), "double")
    return exp.convert(value)


def _start(master: str, memory_gb: float) -> SparkSession:
    from pyspark.sql import SparkSession
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers need our packages
    builder = SparkSession.builder.master(master).appName("brandloom").config(map=_START)
    builder = builder.config("spark.driver.memory", f"{int(memory_gb * 1024)}m")  # Java takes no fractions
    return (builder.config(map=_LOCAL) if master.startswith("local") else builder).getOrCreate()


def _lock(path: Path) -> IO[bytes]:
    """Hold the folder for this process; the system lets go of it when the process ends, however it ends."""
    file = (path / "_lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigError(_("{path} cannot be opened: {reason}. If another brandloom process uses it, wait or stop it."),
                          path=path, reason=error.strerror) from error
    return file


def _fitted(frame: DataFrame, known: StructType) -> DataFrame:
    """The columns of a table by name; those that the frame lacks are null."""
    from pyspark.sql import functions as f
    _refuse_unknown(frame.columns, known.names)
    return frame.select(*(f.col(field.name).cast(field.dataType) if field.name in frame.columns
                          else f.lit(None).cast(field.dataType).alias(field.name) for field in known))


def _fitted_here(rows: pa.Table, known: pa.Schema) -> pa.Table:
    """The same for rows in memory."""
    _refuse_unknown(rows.column_names, known.names)
    columns = [rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type) for field in known]
    try:
        return pa.table(columns, names=known.names).cast(known)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(_("Rows do not fit the table: {reason}."), reason=str(error).splitlines()[0]) from error


def _refuse_unknown(columns: list[str], known: list[str]) -> None:
    unknown = sorted(set(columns) - set(known))
    if unknown:
        raise DataError(_("Rows do not fit the table: {reason}."), reason=", ".join(unknown))


def _count(folder: Path) -> int:
    return int(ds.dataset(folder, format="parquet").count_rows())  # from the footers


def _discard(saved: Path) -> None:
    """One rename ends the transaction; what follows is tidying."""
    shutil.rmtree(saved.rename(saved.with_name(f"{_DONE}{uuid4().hex}")))


def _link_files(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link, ignore=shutil.ignore_patterns("_*", ".*"))


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
