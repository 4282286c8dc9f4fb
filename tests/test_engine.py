"""The engine seam on DuckDB; the same on Spark is in test_conformance.py."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from brandloom.engine import DuckEngine, Engine, ensure_tables, scalar, tables
from brandloom.engine.spark import translate
from brandloom.errors import ConfigError, DataError


def test_canonical_tables_have_the_declared_columns(engine: Engine) -> None:
    for name, schema in tables.CANONICAL.items():
        assert engine.query(f"SELECT * FROM {name}").schema.names == schema.names


def test_a_failed_transaction_leaves_everything_as_it_was(engine: Engine) -> None:
    engine.put("numbers", pa.table({"i": [1, 2, 3]}))
    def change_and_fail() -> None:
        with engine.transaction():
            engine.add("numbers", pa.table({"i": [4]}))
            engine.replace("other", "SELECT 1 AS i")
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    assert scalar(engine, "SELECT SUM(i) FROM numbers") == 6
    assert not engine.exists("other")


def test_values_are_never_read_as_sql(engine: Engine) -> None:
    evil = "x'; DROP TABLE events; --"
    assert scalar(engine, "SELECT $word", word=evil) == evil
    assert engine.exists("events")


def test_rows_that_do_not_fit_are_refused_whole(engine: Engine) -> None:
    with pytest.raises(DataError, match="do not fit"):
        engine.add("products", pa.table({"product": ["a"], "no_such_column": [1]}))
    assert scalar(engine, "SELECT COUNT(*) FROM products") == 0


def test_a_warehouse_in_use_says_so(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match=r"w\.duckdb"):
        DuckEngine(tmp_path / "w.duckdb")


def test_translation_keeps_values_exact() -> None:
    sql = translate("SELECT a FROM t WHERE x < $day AND name = $name AND m > $money AND f = $f",
                    {"day": datetime(2011, 11, 9), "name": "O'Hara \\ $x", "money": Decimal("1.10"), "f": 0.1})
    assert "CAST('2011-11-09 00:00:00' AS TIMESTAMP_NTZ)" in sql
    assert "1.10" in sql and "$" not in sql.replace("$x", "")


def test_a_rare_column_takes_values_when_they_come(tmp_path: Path) -> None:
    duck = DuckEngine(tmp_path / "warehouse.duckdb")
    ensure_tables(duck)
    duck.append("events", "SELECT 1 AS event, 'c1' AS customer, 'view' AS kind")

    def fill_and_fail() -> None:
        with duck.transaction():
            duck.append("events", "SELECT 2 AS event, 's1' AS session")
            duck.append("events", "SELECT 'no number' AS event")

    with pytest.raises(duckdb.ConversionException):
        fill_and_fail()
    duck.append("events", "SELECT 2 AS event, 's2' AS session")
    duck.add("events", pa.table({"event": [3], "campaign": ["spring"]}))
    duck.close()
    again = DuckEngine(tmp_path / "warehouse.duckdb")
    rows = again.query("SELECT event, customer, session, campaign, row_id FROM events ORDER BY event").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (1, "c1", None, None, None), (2, None, "s2", None, None), (3, None, None, "spring", None)]
    again.close()


def test_a_table_of_an_earlier_version_gets_the_columns_it_lacks() -> None:
    duck = DuckEngine()
    old = pa.table({"plan": ["p"], "customer": ["c1"], "action": ["send"]})
    duck.put("decisions", old)
    ensure_tables(duck)
    rows = duck.query("SELECT * FROM decisions").to_pylist()
    assert list(rows[0]) == tables.DECISIONS.names
    assert {name: rows[0][name] for name in old.column_names} == old.to_pylist()[0]
    assert {rows[0][name] for name in ("wave", "text", "text_propensity")} == {None}
    assert duck.query("SELECT * FROM decisions").schema.field("text_propensity").type == pa.float64()
    assert not duck.exists("_new_columns")
    duck.close()
