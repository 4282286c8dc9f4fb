"""Every query and batch score of the loop gives the same rows on Spark as on DuckDB.

The whole loop runs twice on a slice of the real shop, from the files to the report; then every table that either engine holds
is compared row by row, numbers to nine digits. Below that, the engine seam itself is tested on both.
"""

from __future__ import annotations

import csv
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from brandloom import predict, recommend
from brandloom.campaigns import demo_people
from brandloom.campaigns.demo import DATA
from brandloom.campaigns.records import copy_to_warehouse
from brandloom.campaigns.reporting import make_report
from brandloom.campaigns.shop import Shop
from brandloom.content import Brief
from brandloom.deliver import ClickLinks, OutboxChannel, Visit, follow
from brandloom.engine import DuckEngine, Engine, scalar, tables
from brandloom.errors import ConfigError, DataError
from brandloom.govern import lay_persons
from brandloom.govern.identity import Match, record
from brandloom.llm import ScriptedTextModel
from brandloom.measure import holdout_readout, simulate_response
from brandloom.settings import Settings
from brandloom.workspace import SenderConfig, ShopConfig, create_workspace, open_workspace
from conftest import require

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(900)]
AS_OF = datetime(2011, 10, 1)
NOW = datetime(2011, 10, 1, 10, tzinfo=UTC)
EVERY = 16  # one customer in so many
LEARNED = ("profiles", "segments", "predictions", "recommendations", "product_groups", "product_names")
CLICKS = "https://shop.example.com/c"
KINDS = ("orders", "customers", "events", "products", "documents")


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local Spark for all tests; the engines join it. Options for short lives: little compiling, few tasks."""
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    from pyspark.sql import SparkSession
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = SparkSession.builder.master("local[2]").config(map={
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "2g", "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each kind: orders of a slice of the customers, invented people for them, and a few lines of everything else."""
    folder = tmp_path_factory.mktemp("slice")
    rows = pq.read_table(str(DATA / "online_retail.parquet"))
    number = pc.cast(rows["CustomerID"], pa.int64())
    kept = rows.filter(pc.fill_null(pc.equal(pc.subtract(number, pc.multiply(pc.divide(number, EVERY), EVERY)), 0), False))
    people = sorted(set(pc.cast(kept["CustomerID"], pa.int64()).to_pylist()))
    sold = sorted(set(kept["StockCode"].to_pylist()))
    found = {"orders": folder / "orders.parquet", **{kind: folder / f"{kind}.csv" for kind in KINDS[1:]}}
    pq.write_table(kept, found["orders"])
    demo_people.write_customers(found["customers"], people)
    seen = [(who, NOW.replace(tzinfo=None) - timedelta(days=n % 40, hours=n), ("view", "cart", "sent", "search")[n % 4], sold[n], "email")
            for n, who in enumerate(people[:60])]
    _write(found["events"], ("CustomerID", "Time", "Event", "Product", "Channel"), seen)
    _write(found["products"], ("Product", "Name", "Category", "Price", "Stock"),
           [(code, f"O'Hara's \\ \"{code}\" 杯", ("cups", "lamps")[n % 2], f"{n}.25", n % 3) for n, code in enumerate(sold[:30], start=1)])
    _write(found["documents"], ("Title", "Text"), [("Delivery", "We deliver \"within\" 3 days.\nTo most places."), ("退货", "七天内可退货。")])
    return found


@pytest.fixture(scope="module")
def shops(spark: Any, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The loop run on both engines: the open shop and what its steps returned."""
    folder = tmp_path_factory.mktemp("shops")
    ran: dict[str, dict[str, Any]] = {}
    for engine in ("duckdb", "spark"):
        config = ShopConfig(engine=engine, currency="GBP", sender=SenderConfig(postal_address="1 Test Street", click_url=CLICKS))  # type: ignore[arg-type]
        workspace = create_workspace(folder / engine, config)
        (workspace.path / "workspace.key").write_bytes(b"k" * 32)  # the same key gives the same pseudonyms
        ran[engine] = _run(workspace.path, files)
    yield ran
    for one in ran.values():
        one["shop"].close()


def _run(path: Path, files: dict[str, Path]) -> dict[str, Any]:
    shop = Shop(open_workspace(path), Settings(), model=ScriptedTextModel(lambda messages, schema: "no copy today"))
    minutes = count()
    shop.clock = lambda: datetime(2012, 1, 1, tzinfo=UTC) + timedelta(minutes=next(minutes))  # a load refuses what lies in the future
    loaded = {kind: shop.load(files[kind], kind=kind) for kind in KINDS}  # type: ignore[arg-type]
    again = shop.load(files["orders"], kind="orders")
    shop.clock = lambda: NOW
    one, other = (row["customer"] for row in shop.engine.query("SELECT customer FROM customers ORDER BY customer LIMIT 2").to_pylist())
    record(shop.ledger, shop.audit, [Match(one, other, "manual")], by="test", now=NOW)
    lay_persons(shop.engine, shop.ledger)
    learned = shop.learn(AS_OF)
    backtest = shop.backtest(datetime(2011, 9, 1))
    plan = shop.plan(Brief(name="both"), as_of=AS_OF)
    shop.approve(plan, by="test")
    channel = OutboxChannel()
    sent = shop.launch(plan, channel=channel)
    _follow_links(shop, channel, 5)
    copy_to_warehouse(shop, plan)
    truth = simulate_response(shop.engine, plan.id, true_lift=0.3, horizon_days=30, seed=1)
    readout = holdout_readout(shop.engine, plan.id, simulated=True)
    return {"shop": shop, "loaded": loaded, "again": again, "learned": learned, "backtest": backtest, "plan": plan, "sent": sent,
            "truth": truth, "readout": readout, "report": make_report(shop, plan)}


def _follow_links(shop: Shop, channel: OutboxChannel, messages: int) -> None:
    """The first readers follow their first link."""
    links = ClickLinks(shop.workspace.derive_key("clicks"), CLICKS)
    for data in list(channel)[:messages]:
        page = str(message_from_bytes(data, policy=policy.default).get_body(("html",)).get_content())  # type: ignore[union-attr]
        token = parse_qs(urlsplit(re.findall(rf'href="({re.escape(CLICKS)}[^"]+)"', page)[0]).query)["t"][0]
        assert follow(shop.ledger, links, token, Visit("GET", {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}),
                      now=NOW + timedelta(hours=1)).counted


@pytest.mark.parametrize("table", [*tables.CANONICAL, *LEARNED])
def test_tables_are_equal_row_by_row(shops: dict[str, dict[str, Any]], table: str) -> None:
    _assert_equal(table, *(_rows(shops[name]["shop"].engine, table) for name in ("duckdb", "spark")))


def test_steps_report_the_same(shops: dict[str, dict[str, Any]]) -> None:
    duck, spark = shops["duckdb"], shops["spark"]
    for kind in KINDS:
        left, right = duck["loaded"][kind], spark["loaded"][kind]
        assert left.rows_new > 0
        assert [(left.rows_read, left.rows_new, left.rows_refused, left.reasons)] == [(right.rows_read, right.rows_new, right.rows_refused, right.reasons)]
    assert duck["again"].rows_new == spark["again"].rows_new == 0
    for step in ("learned", "backtest"):
        assert _same(duck[step].to_dict(), spark[step].to_dict()), step
    assert _same(duck["plan"].decision, spark["plan"].decision)
    assert [(one.key, one.slots) for one in duck["plan"].variants] == [(one.key, one.slots) for one in spark["plan"].variants]
    assert duck["sent"].sent == spark["sent"].sent > 0
    for step in ("truth", "readout"):
        assert _same(asdict(duck[step]), asdict(spark[step])), step


def test_reports_are_equal(shops: dict[str, dict[str, Any]]) -> None:
    left, right = (asdict(shops[name]["report"]) for name in ("duckdb", "spark"))
    for report in (left, right):
        report["shop"].pop("made_at")
        report["content"].pop("seconds")
    for chapter in left:
        assert _same(left[chapter], right[chapter]), chapter


def test_batch_scores_do_not_depend_on_the_split(shops: dict[str, dict[str, Any]]) -> None:
    duck, shop = shops["duckdb"]["shop"].engine, shops["spark"]["shop"]
    shop.engine.session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    predict.predict(shop.engine, predict.PurchaseModel.load(shop.workspace.models / "purchase"), AS_OF)
    recommend.recommend(shop.engine, recommend.fit(duck, AS_OF), AS_OF, k=10)
    for table in ("predictions", "recommendations"):
        _assert_equal(table, _rows(duck, table), _rows(shop.engine, table))


@pytest.fixture(params=["duckdb", "spark"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty engine of each kind."""
    engine: Engine
    if request.param == "duckdb":
        engine = DuckEngine(tmp_path / "w.duckdb")
    else:
        request.getfixturevalue("spark")
        engine = _spark_engine(tmp_path / "w")
    yield engine
    engine.close()


def test_a_failed_transaction_leaves_everything_as_it_was(either: Engine) -> None:
    either.put("kept", pa.table({"i": [1, 2]}))
    either.put("dropped", pa.table({"i": [9]}))
    with pytest.raises(KeyError):
        _change_and_fail(either)
    assert _rows(either, "kept") == [{"i": 1}, {"i": 2}]
    assert either.exists("dropped") and scalar(either, "SELECT i FROM dropped") == 9
    assert not either.exists("made")


def _change_and_fail(engine: Engine) -> None:
    with engine.transaction():
        engine.add("kept", pa.table({"i": [3]}))
        with engine.transaction():  # a part of the outer block
            engine.replace("made", "SELECT i + 1 AS i FROM kept")
        engine.drop("dropped")
        assert scalar(engine, "SELECT SUM(i) AS s FROM made") == 9
        raise KeyError


def test_a_finished_transaction_stays(either: Engine) -> None:
    with either.transaction():
        either.put("kept", pa.table({"i": [1, 2]}))
        with either.transaction():
            assert either.replace("kept", "SELECT i FROM kept WHERE i > 1") == 1  # may read what it replaces
    assert _rows(either, "kept") == [{"i": 2}]


def test_append_and_add_match_columns_by_name(either: Engine) -> None:
    either.put("t", pa.table({"a": pa.array([1], pa.int64()), "b": ["x"], "c": pa.array([1.5])}))
    assert either.append("t", "SELECT 'y' AS b, 2 AS a UNION ALL SELECT 'z' AS b, 3 AS a") == 2
    assert either.add("t", pa.table({"c": [2.5], "a": pa.array([4], pa.int32())})) == 1
    assert _rows(either, "t") == [{"a": 1, "b": "x", "c": 1.5}, {"a": 2, "b": "y", "c": None}, {"a": 3, "b": "z", "c": None},
                                  {"a": 4, "b": None, "c": 2.5}]
    with pytest.raises(DataError, match="do not fit"):
        either.add("t", pa.table({"a": [5], "d": [1]}))
    with pytest.raises(DataError, match="do not fit"):
        either.add("t", pa.table({"a": ["five"]}))
    assert scalar(either, "SELECT COUNT(*) AS n FROM t") == 4


def test_rows_are_removed_and_changed_by_their_key(either: Engine) -> None:
    either.put("t", pa.table({"who": ["a", "b", "c", None], "n": [1, 2, 3, 4], "kept": ["x", "y", "z", "w"]}))
    either.put("gone", pa.table({"who": ["b", None, "q"]}))
    either.remove("t", "who", "gone")
    either.change("t", "who", "SELECT who, n + 10 AS n FROM t WHERE who = 'c'")
    assert _rows(either, "t") == [{"who": None, "n": 4, "kept": "w"}, {"who": "a", "n": 1, "kept": "x"}, {"who": "c", "n": 13, "kept": "z"}]
    assert either.query("SELECT * FROM t").schema.field("n").type == pa.int64()


def test_a_view_reads_what_its_tables_hold(either: Engine, tmp_path: Path) -> None:
    either.put("t", pa.table({"i": [1, 2]}))
    either.put("twice", pa.table({"i": [9]}))  # a table gives way
    either.view("twice", "SELECT 2 * i AS i FROM t")
    assert either.exists("twice") and _rows(either, "twice") == [{"i": 2}, {"i": 4}]
    either.add("t", pa.table({"i": [3]}))
    with pytest.raises(KeyError):
        _view_and_fail(either)
    assert _rows(either, "twice") == [{"i": 2}, {"i": 4}, {"i": 6}]
    either.close()
    again = DuckEngine(tmp_path / "w.duckdb") if either.name == "duckdb" else _spark_engine(tmp_path / "w")
    assert _rows(again, "twice") == [{"i": 2}, {"i": 4}, {"i": 6}]
    again.drop("twice")
    assert not again.exists("twice") and again.replace("twice", "SELECT i FROM t") == 3
    again.close()


def _view_and_fail(engine: Engine) -> None:
    with engine.transaction():
        engine.view("twice", "SELECT 3 * i AS i FROM t")
        engine.replace("t", "SELECT i FROM t WHERE i = 1")
        assert _rows(engine, "twice") == [{"i": 3}]
        raise KeyError


def test_scratch_is_a_table_like_any_other_until_the_end(either: Engine) -> None:
    with either.transaction():
        assert either.replace("_s", "SELECT 1 AS i") == 1
        assert either.append("_s", "SELECT 2 AS i") == 1
        either.add("_s", pa.table({"i": pa.array([3], pa.int32())}))
        either.put("kept", either.query("SELECT sum(i) AS total FROM _s"))
        assert either.exists("_s")
        either.drop("_s")
        assert not either.exists("_s")
    assert int(str(scalar(either, "SELECT total FROM kept"))) == 6


def test_values_come_through_as_values(either: Engine) -> None:
    either.put("events", pa.table({"i": [1]}))
    words = ["x'; DROP TABLE events; --", "O''Hara's \\ \\' \"mug\"", "$other @x ? {y} %s", "杯\n\t🙂", ""]
    for word in words:
        assert scalar(either, "SELECT $word AS word", word=word) == word
    assert either.exists("events")
    moment = datetime(2011, 10, 1, 23, 59, 59, 123456)
    row = either.query("SELECT $a AS a, $b AS b, $c AS c, CAST($d AS DOUBLE) AS d, $e AS e, $f AS f, CAST($g AS VARCHAR) AS g",
                       a=moment, b=date(2012, 2, 29), c=Decimal("12345678901234.5678"), d=0.1, e=2**40, f=True, g=None).to_pylist()[0]
    assert row == {"a": moment, "b": date(2012, 2, 29), "c": Decimal("12345678901234.5678"), "d": 0.1, "e": 2**40, "f": True, "g": None}


def test_an_overlay_is_what_queries_see_and_never_what_is_written(either: Engine) -> None:
    either.put("t", pa.table({"who": ["a", "b", "c"]}))
    either.put("same", pa.table({"who": ["b"], "person": ["a"]}))
    view = {"t": "SELECT coalesce(s.person, t.who) AS who FROM t_loaded t LEFT JOIN same s ON s.who = t.who"}

    def seen() -> list[str]:
        return list(either.query("SELECT who FROM t ORDER BY who")["who"].to_pylist())

    either.overlay(view)
    assert seen() == ["a", "a", "c"]
    either.add("t", pa.table({"who": ["b"]}))
    either.append("t", "SELECT 'd' AS who")
    assert seen() == ["a", "a", "a", "c", "d"]

    def add_and_fail() -> None:
        with either.as_loaded(), either.transaction():
            assert seen() == ["a", "b", "b", "c", "d"]
            either.add("t", pa.table({"who": ["e"]}))
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()
    assert seen() == ["a", "a", "a", "c", "d"]
    either.put("same", pa.table({"who": ["c"], "person": ["d"]}))
    assert seen() == ["a", "b", "b", "d", "d"]
    either.overlay({})
    assert seen() == ["a", "b", "b", "c", "d"]


def test_types_survive_a_round_trip(either: Engine) -> None:
    for name, schema in tables.CANONICAL.items():
        either.put(name, schema.empty_table())
        assert either.query(f"SELECT * FROM {name}").schema.names == schema.names
    row = {"plan": "p", "customer": "c", "products": ["a'b", "c"], "propensity": 0.25, "decided_at": datetime(2011, 3, 27, 1, 30)}
    assert either.add("decisions", pa.Table.from_pylist([row], schema=tables.DECISIONS)) == 1
    found = either.query("SELECT * FROM decisions").to_pylist()[0]
    assert {name: found[name] for name in row} == row and found["cost"] is None
    month = either.query("SELECT date_trunc('month', decided_at) AS month FROM decisions").column("month")[0].as_py()
    assert getattr(month, "tzinfo", None) is None


def test_batches_reach_the_function_once_whatever_the_split(either: Engine) -> None:
    either.put("numbers", pa.table({"i": pa.array([], pa.int64())}))
    for start in range(0, 40, 10):
        either.add("numbers", pa.table({"i": list(range(start, start + 10))}))
    schema = pa.schema([("i", pa.int64()), ("twice", pa.float64())])

    def twice(rows: pa.Table) -> pa.Table:
        return pa.table({"i": rows["i"], "twice": pc.multiply(rows["i"], 2)})

    for options in ({"spark.sql.files.maxPartitionBytes": "200", "spark.sql.execution.arrow.maxRecordsPerBatch": "3"}, {}):
        for name, value in options.items() if either.name == "spark" else ():
            either.session.conf.set(name, value)  # type: ignore[attr-defined]
        assert either.map_batches("doubled", "SELECT i FROM numbers WHERE i >= $low", twice, schema, low=5) == 35
        assert _rows(either, "doubled") == [{"i": i, "twice": 2.0 * i} for i in range(5, 40)]
    assert either.map_batches("doubled", "SELECT i FROM numbers WHERE i < 0", twice, schema) == 0
    assert either.query("SELECT * FROM doubled").column_names == schema.names


def test_the_next_start_undoes_what_an_interrupted_process_began(spark: Any, tmp_path: Path) -> None:
    engine = _spark_engine(tmp_path / "w")
    engine.put("kept", pa.table({"i": [1, 2]}))
    with engine.transaction():
        engine.add("kept", pa.table({"i": [3]}))
        engine.put("made", pa.table({"i": [1]}))
        shutil.copytree(tmp_path / "w", tmp_path / "killed")  # what the disk holds if the process ends here
    engine.close()
    after = _spark_engine(tmp_path / "killed")
    assert _rows(after, "kept") == [{"i": 1}, {"i": 2}]
    assert not after.exists("made")
    assert {entry.name for entry in (tmp_path / "killed").iterdir()} == {"kept", "_lock"}
    after.close()


def test_a_spark_warehouse_belongs_to_one_process(spark: Any, tmp_path: Path) -> None:
    engine = _spark_engine(tmp_path / "w")
    with pytest.raises(ConfigError, match="another brandloom process"):
        _spark_engine(tmp_path / "w")
    engine.close()
    _spark_engine(tmp_path / "w").close()


def _spark_engine(path: Path) -> Engine:
    from brandloom.engine.spark import SparkEngine
    return SparkEngine(path)


def _write(path: Path, heading: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *rows])


def _assert_equal(table: str, left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    assert left, "an empty table proves nothing"
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert _same(one[name], other[name]), f"{table}.{name}: {one[name]!r} on DuckDB, {other[name]!r} on Spark in {one}"


def _rows(engine: Engine, table: str) -> list[dict[str, Any]]:
    rows = engine.query(f"SELECT * FROM {table}").to_pylist()
    for row in rows:
        row.pop("load", None)  # the id of a load is random
    return sorted(rows, key=lambda row: [_key(value) for _name, value in sorted(row.items())])


def _key(value: Any) -> str:
    """Only what is exact on both decides the order."""
    return "" if isinstance(value, (float, Decimal)) else f"{value:020}" if isinstance(value, int) else str(value)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, (int, float, Decimal)) and isinstance(right, (int, float, Decimal)) and not isinstance(left, bool):
        return math.isclose(float(left), float(right), rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(float(left)) and math.isnan(float(right)))
    return bool(left == right)
