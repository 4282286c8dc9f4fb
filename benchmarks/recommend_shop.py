"""Recommendation on online_retail: ours against most popular and most often bought, at four dates.

    python -m benchmarks.recommend_shop --data ../shared/data/online_retail/online_retail.parquet

Each method recommends ten products to every customer who bought before the date; judged on what those who bought again did
buy in the 30 days after it. Intervals are 95 % bootstrap over customers, differences paired. The result goes to
`benchmarks/results/recommend_shop.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.engine import DuckEngine, ensure_tables
from brandloom.recommend import evaluate

CUTOFFS = (datetime(2011, 8, 1), datetime(2011, 9, 1), datetime(2011, 10, 1), datetime(2011, 11, 9))
NOT_PRODUCTS = ("POST", "DOT", "M", "m", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS", "B")
K, HORIZON_DAYS, DRAWS, SEED = 10, 30, 2000, 0


def read_sales(path: Path) -> DuckEngine:
    """The file's purchases as events: distinct rows with a price, no cancellations, no postage or fees."""
    engine = DuckEngine()
    ensure_tables(engine)
    codes = ", ".join(f"'{code}'" for code in NOT_PRODUCTS)
    engine.append("events", f"""
        SELECT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS customer, CAST(InvoiceDate AS TIMESTAMP) AS occurred_at,
               'purchase' AS kind, StockCode AS product, CAST(Quantity AS DOUBLE) AS quantity, InvoiceNo AS order_id
        FROM (SELECT DISTINCT * FROM '{path}')
        WHERE UnitPrice > 0 AND Quantity > 0 AND InvoiceNo NOT LIKE 'C%' AND StockCode NOT IN ({codes})""")
    return engine


def measures(rows: pa.Table) -> dict[str, np.ndarray]:
    """Per customer: hit (0/1), recall, NDCG, and hits among products that are new to the person and that are not."""
    column = lambda name: rows[name].to_numpy().astype(float)  # noqa: E731
    hits, new = column("hits"), column("hits_new")
    return {"hit_rate": (hits > 0).astype(float), "recall": column("recall"), "ndcg": column("ndcg"), "hits_new": new,
            "hits_again": hits - new}


def interval(values: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Mean with its 95 % bootstrap interval over customers."""
    means = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)])
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": round(float(values.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def judge(engine: DuckEngine, cutoff: datetime) -> dict[str, Any]:
    """All methods at one date, and the paired differences of ours to each."""
    started = time.perf_counter()
    rows = evaluate(engine, cutoff, HORIZON_DAYS, K)
    rng = np.random.default_rng(SEED)
    found = {method: measures(rows.filter(pc.equal(rows["method"], method))) for method in ("ours", "popular", "own")}
    judged: dict[str, Any] = {"cutoff": cutoff.date().isoformat(), "customers": len(found["ours"]["hit_rate"]),
                              "seconds": round(time.perf_counter() - started, 1)}
    judged["methods"] = {m: {name: interval(v, rng) for name, v in values.items()} for m, values in found.items()}
    judged["ours_minus"] = {m: {name: interval(found["ours"][name] - v, rng) for name, v in found[m].items()}
                            for m in ("popular", "own")}
    return judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "recommend_shop.json")
    arguments = parser.parse_args()
    engine = read_sales(arguments.data)
    results = []
    for cutoff in CUTOFFS:
        results.append(judge(engine, cutoff))
        means = {m: {name: v["mean"] for name, v in values.items()} for m, values in results[-1]["methods"].items()}
        print(results[-1]["cutoff"], means)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    report = {
        "commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": arguments.data.name, "k": K,
        "horizon_days": HORIZON_DAYS, "bootstrap_draws": DRAWS, "seed": SEED, "machine": platform.machine(),
        "python": platform.python_version(), "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "results": results}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
