"""The purchase model on DuckDB at two sizes of shop: learning, and scoring everybody, by processor and wall seconds and peak memory.

Scoring is told three ways: from events to rows of `predictions` (reasons included), the same from profiles that are there already,
as `brandloom learn` does it, and the model's own part, given features: chance, spend and both intervals without reasons. A sample of
the customers is learned from, of which the size is told; everybody is scored.

The shop is the one of benchmarks/segments.py, made up by a fixed hash; each size runs in a process of its own. Usage:

    python -m benchmarks.predict_speed [--customers 100000 1000000] [--events-each 10] [--threads 2] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.segments import AS_OF, ROOT, make_shop, peak_mb, timed

RESULT = ROOT / "benchmarks" / "results" / "predict_speed.json"
BAR = {"fit_wall_s": 180, "customers_per_s": 200_000, "peak_gb": 4}  # 10 million events of 1 million customers on two cores
SCORED = 200_000  # rows that the model's own part is timed on, at most


def measure(customers: int, each: int, threads: int) -> dict[str, Any]:
    """Seconds of every stage, and the memory of the process after each."""
    from brandloom import predict
    from brandloom.customers import profile_features
    from brandloom.engine import DuckEngine
    from brandloom.predict.features import feature_matrix
    from brandloom.predict.training import MAX_TRAINING_CUSTOMERS
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckEngine(Path(folder) / "w.duckdb", threads=threads)
        make_shop(engine, customers, each, None)
        counts = {name: engine.query(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py() for name in ("customers", "events")}
        stages: dict[str, dict[str, float]] = {"made": {"peak_mb": peak_mb()}}

        def stage(name: str, work: Any) -> Any:
            found, wall, cpu = timed(work)
            stages[name] = {"wall_s": round(wall, 2), "cpu_s": round(cpu, 2), "peak_mb": peak_mb()}
            print(name, stages[name], file=sys.stderr, flush=True)
            return found

        model = stage("fit", lambda: predict.fit(engine, AS_OF, threads=threads))
        rows = stage("predict", lambda: predict.predict(engine, model, AS_OF, threads=threads))
        assert rows == counts["customers"], rows
        stage("features", lambda: profile_features(engine, AS_OF, "numbers"))
        stage("predict_from_profiles", lambda: predict.predict(engine, model, AS_OF, threads=threads, profiles="numbers"))
        x = feature_matrix(engine.query(f"SELECT * FROM numbers LIMIT {SCORED}"))
        stage("score", lambda: model.scorer.score(x, threads))
        engine.close()
    return {**counts, "threads": threads, "training_customers": min(customers, MAX_TRAINING_CUSTOMERS), "training_rows": model.card.training_rows,
            "kind": model.card.kind, "metrics": {name: model.card.metrics[name].value for name in ("auc", "ece") if name in model.card.metrics},
            "scored": len(x), "stages": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--events-each", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--one", action="store_true", help="measure the first size in this process and print it")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.customers[0], args.events_each, args.threads)))
        return
    load, parts = round(os.getloadavg()[0], 1), []
    for size in args.customers:
        again = [sys.executable, "-m", "benchmarks.predict_speed", "--one", "--customers", str(size), "--events-each", str(args.events_each),
                 "--threads", str(args.threads)]
        parts.append(json.loads(subprocess.run(again, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    machine = {"cores": os.cpu_count(), "load_average": load, "platform": platform.platform(), "python": platform.python_version()}
    args.out.write_text(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "machine": machine, "seed": 1,
                                  "data": "a made-up shop", "bar": BAR, "results": parts}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
