"""Rules on Spark: whole and piece by piece, they say what the oracle says."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from brandloom.customers.rules import evaluate, members, update
from brandloom.engine import Engine, ensure_tables, tables
from conftest import require
from rule_world import AS_OF, event, oracle, put, random_rule, random_shop

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def spark_engine(tmp_path: Path) -> Iterator[Engine]:
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    from brandloom.engine.spark import SparkEngine
    os.environ["PYSPARK_PYTHON"] = sys.executable
    engine = SparkEngine(tmp_path / "warehouse", memory_gb=1)
    ensure_tables(engine)
    yield engine
    engine.close()


def test_rules_on_spark_agree_with_the_oracle(spark_engine: Engine) -> None:
    rng = random.Random(11)
    customers, events = random_shop(rng, people=30)
    put(spark_engine, customers, events)
    rules = {f"rule {number}": random_rule(rng, 2) for number in range(25)}
    assert update(spark_engine, rules, AS_OF).full
    assert set(evaluate(spark_engine, rules["rule 0"], AS_OF).customers) == oracle(rules["rule 0"], customers, events, AS_OF)
    for name, rule in rules.items():
        assert set(members(spark_engine, name)) == oracle(rule, customers, events, AS_OF), rule
    now = AS_OF + timedelta(days=1)
    new = [{**event(rng, f"c{number:03d}"), "event": 1000 + number, "occurred_at": AS_OF} for number in (3, 31)]
    spark_engine.add("events", pa.Table.from_pylist(new, schema=tables.EVENTS))
    assert not update(spark_engine, rules, now).full
    for name, rule in rules.items():
        assert set(members(spark_engine, name)) == oracle(rule, customers, [*events, *new], now), rule
