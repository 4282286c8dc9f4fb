"""Every query and batch score of the loop gives the same rows on Spark as on DuckDB.

The whole loop runs twice on a slice of the real shop, from the file to the replay; then every table that either engine holds
is compared row by row, numbers to nine digits.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import require

from brandloom.campaigns import demo_people
from brandloom.campaigns.demo import DATA
from brandloom.campaigns.reporting import make_report
from brandloom.campaigns.shop import Shop
from brandloom.content import Brief
from brandloom.deliver import OutboxChannel
from brandloom.engine import tables
from brandloom.llm import ScriptedTextModel
from brandloom.measure import holdout_readout, simulate_response
from brandloom.settings import Settings
from brandloom.workspace import SenderConfig, ShopConfig, create_workspace

pytestmark = [pytest.mark.spark, pytest.mark.slow]
AS_OF = datetime(2011, 10, 1)
NOW = datetime(2011, 10, 1, 10, tzinfo=UTC)
LEARNED = ("profiles", "segments", "predictions", "recommendations", "product_groups")


@pytest.fixture(scope="module")
def slice_of_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Orders of every twelfth customer and invented people for them, as files."""
    folder = tmp_path_factory.mktemp("slice")
    rows = pq.read_table(str(DATA / "online_retail.parquet"))
    number = pc.cast(rows["CustomerID"], pa.int64())
    wanted = pc.and_(pc.is_valid(number), pc.equal(pc.subtract(number, pc.multiply(pc.divide(number, 12), 12)), 0))
    kept = rows.filter(pc.fill_null(wanted, False))
    orders, people = folder / "orders.parquet", folder / "customers.csv"
    pq.write_table(kept, orders)
    demo_people.write_customers(people, sorted(set(pc.cast(kept["CustomerID"], pa.int64()).to_pylist())))
    return orders, people


@pytest.fixture(scope="module")
def shops(slice_of_shop: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The loop run on both engines: the open shop and what its steps returned."""
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    folder = tmp_path_factory.mktemp("shops")
    master = folder / "key"
    master.write_bytes(b"k" * 32)
    ran: dict[str, dict[str, Any]] = {}
    for engine in ("duckdb", "spark"):
        config = ShopConfig(engine=engine, currency="GBP", sender=SenderConfig(postal_address="1 Test Street"))  # type: ignore[arg-type]
        workspace = create_workspace(folder / engine, config)
        shutil.copy(master, workspace.path / "workspace.key")  # the same key gives the same pseudonyms
        ran[engine] = _run(workspace.path, slice_of_shop)
    yield ran
    for one in ran.values():
        one["shop"].close()


def _run(path: Path, files: tuple[Path, Path]) -> dict[str, Any]:
    from brandloom.workspace import open_workspace
    shop = Shop(open_workspace(path), Settings(), model=ScriptedTextModel(lambda messages, schema: "no copy today"))
    loaded = [shop.load(files[0], kind="orders"), shop.load(files[1], kind="customers")]
    again = shop.load(files[0], kind="orders")
    shop.clock = lambda: NOW
    learned = shop.learn(AS_OF)
    backtest = shop.backtest(datetime(2011, 9, 1))
    plan = shop.plan(Brief(name="both"), as_of=AS_OF)
    shop.approve(plan, by="test")
    sent = shop.launch(plan, channel=OutboxChannel())
    truth = simulate_response(shop.engine, plan.id, true_lift=0.3, horizon_days=30, seed=1)
    readout = holdout_readout(shop.engine, plan.id, simulated=True)
    return {"shop": shop, "loaded": loaded, "again": again, "learned": learned, "backtest": backtest, "plan": plan, "sent": sent,
            "truth": truth, "readout": readout, "report": make_report(shop, plan)}


@pytest.mark.parametrize("table", [*tables.CANONICAL, *LEARNED])
def test_tables_are_equal_row_by_row(shops: dict[str, dict[str, Any]], table: str) -> None:
    duck, spark = (_rows(shops[name]["shop"], table) for name in ("duckdb", "spark"))
    assert len(duck) == len(spark)
    if table != "documents":
        assert duck, "an empty table proves nothing"
    for left, right in zip(duck, spark, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            assert _same(left[name], right[name]), f"{table}.{name}: {left[name]!r} on DuckDB, {right[name]!r} on Spark in {left}"


def test_steps_report_the_same(shops: dict[str, dict[str, Any]]) -> None:
    duck, spark = shops["duckdb"], shops["spark"]
    for left, right in zip(duck["loaded"], spark["loaded"], strict=True):
        assert (left.rows_read, left.rows_new, left.rows_refused, left.reasons) == (right.rows_read, right.rows_new, right.rows_refused, right.reasons)
    assert duck["again"].rows_new == spark["again"].rows_new == 0
    assert _same(duck["learned"].to_dict(), spark["learned"].to_dict())
    assert _same(duck["backtest"].to_dict(), spark["backtest"].to_dict())
    assert duck["plan"].digest == spark["plan"].digest
    assert duck["sent"].sent == spark["sent"].sent > 0
    assert _same(vars(duck["truth"]), vars(spark["truth"]))


def test_reports_are_equal(shops: dict[str, dict[str, Any]]) -> None:
    from dataclasses import asdict
    left, right = (asdict(shops[name]["report"]) for name in ("duckdb", "spark"))
    for report in (left, right):
        report["shop"].pop("made_at")
        report["content"].pop("seconds")
    assert _same(left, right)


def _rows(shop: Shop, table: str) -> list[dict[str, Any]]:
    rows = shop.engine.query(f"SELECT * FROM {table}").to_pylist()
    for row in rows:
        row.pop("load", None)  # the id of a load is random
    return sorted(rows, key=lambda row: [str(_key(value)) for _name, value in sorted(row.items())])


def _key(value: Any) -> Any:
    """Only what is exact on both decides the order; figures come after."""
    return "" if isinstance(value, (float, Decimal)) else value


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, (int, float, Decimal)) and isinstance(right, (int, float, Decimal)) and not isinstance(left, bool):
        return math.isclose(float(left), float(right), rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(float(left)) and math.isnan(float(right)))
    return bool(left == right)
