"""How fast order files load, beside plain DuckDB COPY of the same CSV into a typed table.

The rows are the real Online Retail data, repeated with other customers, orders and days until there are enough. Each run is a
process of its own, ours and the two of COPY in turn, so that none warms the others up. COPY runs twice: plainly, as DuckDB comes,
which keeps the order of the file as our load does, and with `preserve_insertion_order = false`, which is its fastest. Usage:

    python benchmarks/load.py [--data FILE] [--rows 1000000 10000000] [--repeats 5 5] [--memory-gb 4]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "load.json"
SOURCE_ROWS = 541_909
TYPED = ("InvoiceNo VARCHAR, StockCode VARCHAR, Description VARCHAR, Quantity BIGINT, InvoiceDate TIMESTAMP, UnitPrice DOUBLE, "
         "CustomerID BIGINT, Country VARCHAR")


def write_orders(data: Path, rows: int, target: Path) -> None:
    """Repeat the real orders; every repetition has its own invoices and customers and lies a day earlier."""
    connection = duckdb.connect()
    connection.execute(f"""COPY (
        SELECT CASE WHEN r = 0 THEN InvoiceNo WHEN InvoiceNo LIKE 'C%' THEN 'C' || r || substr(InvoiceNo, 2) ELSE r || InvoiceNo END
                   AS InvoiceNo, StockCode, Description, Quantity,
               strftime(CAST(InvoiceDate AS TIMESTAMP) - to_days(CAST(r AS INTEGER)), '%Y-%m-%d %H:%M:%S') AS InvoiceDate, UnitPrice,
               CAST(CustomerID AS BIGINT) + r * 100000 AS CustomerID, Country
        FROM range({-(-rows // SOURCE_ROWS)}) t(r), read_parquet('{data}') LIMIT {rows}) TO '{target}' (HEADER)""")
    connection.close()


def run_ours(file: Path, folder: Path, memory_gb: float) -> dict[str, Any]:
    """Load into a new workspace; opening it is not counted, as COPY's database is opened beforehand too."""
    from brandloom.engine import open_engine
    from brandloom.govern import Vault
    from brandloom.ledger import open_ledger
    from brandloom.settings import Settings
    from brandloom.sources import load
    from brandloom.workspace import create_workspace

    workspace = create_workspace(folder / "shop")
    options = Settings(memory_limit_gb=memory_gb)
    engine, ledger = open_engine(workspace, options), open_ledger(workspace, options)
    started, cpu = time.perf_counter(), time.process_time()
    report = load(engine, ledger, Vault(ledger, workspace), workspace, [file], kind="orders", now=datetime(2026, 1, 1, tzinfo=UTC))
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    engine.close()
    ledger.close()
    return {"rows": report.rows_read, "rows_new": report.rows_new, "seconds": seconds, "cpu_s": cpu_s}


def run_copy(file: Path, folder: Path, memory_gb: float) -> dict[str, Any]:
    """DuckDB alone: the same file into a table with the right types, and the checkpoint that a transaction's end brings."""
    return _copy(file, folder, {"memory_limit": f"{memory_gb}GB"})


def run_copy_unordered(file: Path, folder: Path, memory_gb: float) -> dict[str, Any]:
    """`run_copy`, free to store the rows in any order."""
    return _copy(file, folder, {"memory_limit": f"{memory_gb}GB", "preserve_insertion_order": "false"})


def _copy(file: Path, folder: Path, config: dict[str, str | bool | int | float | list[str]]) -> dict[str, Any]:
    connection = duckdb.connect(str(folder / "plain.duckdb"), config=config)
    connection.execute(f"CREATE TABLE orders ({TYPED})")
    started, cpu = time.perf_counter(), time.process_time()
    connection.execute(f"COPY orders FROM '{file}' (HEADER)")
    connection.execute("CHECKPOINT")
    seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    rows = connection.execute("SELECT count(*) FROM orders").fetchall()[0][0]
    connection.close()
    return {"rows": rows, "seconds": seconds, "cpu_s": cpu_s}


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def measure(who: str, file: Path, memory_gb: float) -> dict[str, Any]:
    """One run in a process and folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="brandloom-load-", dir=file.parent))
    try:
        command = [sys.executable, __file__, "--run", who, "--file", str(file), "--folder", str(folder), "--memory-gb", str(memory_gb)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(folder)


def compare(file: Path, rows: int, repeats: int, memory_gb: float) -> dict[str, Any]:
    """Ours and both of COPY in turn; the ratios of neighbours, so that a busy machine slows all of them."""
    runs = [{who: measure(who, file, memory_gb) for who in RUNS} for _ in range(repeats)]
    ratios = {who: sorted(run[who]["seconds"] / run["ours"]["seconds"] for run in runs) for who in RUNS}
    return {"rows": rows, "file_mb": round(file.stat().st_size / 1e6, 1), "repeats": repeats,
            **{f"{who}_rows_per_s": round(rows / median(run[who]["seconds"] for run in runs)) for who in RUNS},
            "ratio": round(median(ratios["copy"]), 3), "ratio_lowest": round(ratios["copy"][0], 3), "ratio_highest": round(ratios["copy"][-1], 3),
            "cpu_ratio": round(median(run["copy"]["cpu_s"] / run["ours"]["cpu_s"] for run in runs), 3),
            "ratio_unordered": round(median(ratios["copy_unordered"]), 3),
            "cpu_ratio_unordered": round(median(run["copy_unordered"]["cpu_s"] / run["ours"]["cpu_s"] for run in runs), 3),
            **{f"{who}_peak_mb": round(max(run[who]["peak_mb"] for run in runs)) for who in RUNS}, "runs": runs}


RUNS = {"ours": run_ours, "copy": run_copy, "copy_unordered": run_copy_unordered}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "online_retail" / "online_retail.parquet")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, nargs="+", default=[5, 5])
    parser.add_argument("--memory-gb", type=float, default=4.0)
    parser.add_argument("--run", choices=list(RUNS), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        result = RUNS[options.run](options.file, options.folder, options.memory_gb)
        print(json.dumps(result | {"peak_mb": peak_mb()}))
        return
    results = []
    with tempfile.TemporaryDirectory(prefix="brandloom-load-") as place:
        for rows, repeats in zip(options.rows, options.repeats, strict=True):
            file = Path(place) / f"orders-{rows}.csv"
            write_orders(options.data, rows, file)
            results.append(compare(file, rows, repeats, options.memory_gb))
            print(json.dumps({key: value for key, value in results[-1].items() if key != "runs"}))
            file.unlink()
    _write(results, options.memory_gb)


def _write(results: list[dict[str, Any]], memory_gb: float) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": "UCI Online Retail, repeated",
        "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                    "python": platform.python_version(), "duckdb": duckdb.__version__},
        "memory_limit_gb": memory_gb, "results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
