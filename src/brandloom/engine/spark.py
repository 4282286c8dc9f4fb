"""The same engine on Spark, for shops that outgrow one machine: a folder of Parquet tables, SQL translated by sqlglot."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import sqlglot
from sqlglot import exp

from brandloom.engine.base import Batches, Value
from brandloom.errors import ConfigError, StateError
from brandloom.i18n import _

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class SparkEngine:
    """Engine on Spark. `path` is a folder every worker can reach; `master` as Spark spells it, 'local[2]' for this machine."""

    name = "spark"

    def __init__(self, path: Path, *, master: str = "local[*]", memory_gb: float = 2.0) -> None:
        try:
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise ConfigError(_("Spark is not installed. Run `pip install 'brandloom[spark]'`, or set engine = \"duckdb\".")) from error
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers need our packages
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.session: SparkSession = (
            SparkSession.builder.master(master).appName("brandloom")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.driver.memory", f"{int(memory_gb * 1024)}m")  # Java takes no fractions
            .config("spark.ui.enabled", "false")
            .config("spark.sql.ansi.enabled", "true")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .getOrCreate()
        )
        for folder in sorted(path.iterdir()):
            if folder.is_dir() and not folder.name.startswith("_"):
                self._show(folder.name)

    def query(self, sql: str, /, **values: Value) -> pa.Table:
        return self._run(sql, values).toArrow()

    def replace(self, table: str, select: str, /, **values: Value) -> int:
        return self._write(table, self._run(select, values))

    def append(self, table: str, select: str, /, **values: Value) -> int:
        return self._extend(table, self._run(select, values))

    def put(self, table: str, rows: pa.Table, /) -> int:
        return self._write(table, self._frame(rows))

    def add(self, table: str, rows: pa.Table, /) -> int:
        return self._extend(table, self._frame(rows))

    def map_batches(self, table: str, select: str, function: Batches, schema: pa.Schema, /, **values: Value) -> int:
        from pyspark.sql.pandas.types import from_arrow_schema

        def per_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from function(pa.Table.from_batches([batch])).cast(schema).to_batches()

        frame = self._run(select, values).mapInArrow(per_partition, from_arrow_schema(schema, prefer_timestamp_ntz=True))
        return self._write(table, frame)

    def exists(self, table: str, /) -> bool:
        return (self.path / table).is_dir()

    def drop(self, table: str, /) -> None:
        self.session.catalog.dropTempView(table)
        shutil.rmtree(self.path / table, ignore_errors=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep every table as it was until the block ends; Parquet folders are immutable, so hard links are enough."""
        saved = self.path / f"_saved_{uuid4().hex}"
        shutil.copytree(self.path, saved, ignore=shutil.ignore_patterns("_*"), copy_function=_link)
        try:
            yield
        except BaseException:
            for folder in [f for f in self.path.iterdir() if not f.name.startswith("_")]:
                self.drop(folder.name)
            for folder in saved.iterdir():
                folder.rename(self.path / folder.name)
                self._show(folder.name)
            raise
        finally:
            shutil.rmtree(saved, ignore_errors=True)

    def close(self) -> None:
        self.session.stop()

    def _run(self, sql: str, values: dict[str, Value]) -> DataFrame:
        return self.session.sql(translate(sql, values))

    def _frame(self, rows: pa.Table) -> DataFrame:
        from pyspark.sql.pandas.types import from_arrow_schema
        return self.session.createDataFrame(rows, schema=from_arrow_schema(rows.schema, prefer_timestamp_ntz=True))

    def _write(self, table: str, frame: DataFrame) -> int:
        """Write beside the old table, then swap, so that a select may read what it replaces."""
        fresh = self.path / f"_new_{table}_{uuid4().hex}"
        frame.write.parquet(str(fresh))
        self.drop(table)
        fresh.rename(self.path / table)
        return self._show(table)

    def _extend(self, table: str, frame: DataFrame) -> int:
        if not self.exists(table):
            raise StateError(_("Table {table} is not there. Run `brandloom load` first."), table=table)
        known = self.session.table(table)
        from pyspark.sql import functions as f
        columns = [f.col(field.name).cast(field.dataType) if field.name in frame.columns
                   else f.lit(None).cast(field.dataType).alias(field.name) for field in known.schema.fields]
        before = known.count()
        frame.select(*columns).write.mode("append").parquet(str(self.path / table))
        return self._show(table) - before

    def _show(self, table: str) -> int:
        frame = self.session.read.parquet(str(self.path / table))
        frame.createOrReplaceTempView(table)
        return frame.count()


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


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
