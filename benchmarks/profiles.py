"""All profiles built from the events on DuckDB, at two sizes of shop: processor time, wall time, peak memory, growth over ten times.
Then the last days one after the other, each brought in by an update and by building everything, which must give the same rows; the first
of these updates in a process of its own, for its memory. Events lie in the order of their times, as a shop's loads bring them.

The shop is the one of benchmarks/segments.py, made up by a fixed hash (no public data set of this size may be shipped); `--data` takes a
Parquet file of events (customer, occurred_at, kind, product, quantity, amount, order_id) instead. Each size runs in a process of its
own, so that peaks do not mix; making the shop has its own peak, which the build's can only exceed. Usage:

    python -m benchmarks.profiles [--customers 100000 1000000] [--events-each 10] [--data FILE] [--threads 2] [--repeat 2] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.segments import AS_OF, ROOT, make_shop, peak_mb, timed

RESULT = ROOT / "benchmarks" / "results" / "profiles.json"
BAR_S, BAR_GB = 60, 4  # 10 million events of 1 million customers on two cores


def measure(customers: int, each: int, data: Path | None, threads: int, repeat: int) -> dict[str, Any]:
    """Sizes, the best of several builds in wall and processor seconds, and the memory of the process before and after."""
    from brandloom.customers import build_profiles, profile_features
    from brandloom.engine import DuckEngine
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.duckdb"
        engine = DuckEngine(path, threads=threads)
        make_shop(engine, customers, each, data, in_order=True)
        counts = {name: engine.query(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py() for name in ("customers", "events")}
        made = peak_mb()
        numbers, _wall, numbers_cpu = timed(lambda: profile_features(engine, AS_OF, "numbers"))
        whole = [timed(lambda: build_profiles(engine, AS_OF)) for _ in range(repeat)]
        assert whole[0][0] == counts["customers"] == numbers, counts
        peak = peak_mb()
        engine.close()
        days = pass_days(path, threads, repeat)
    return {**counts, "threads": threads, "repeat": repeat, "made_mb": made, "peak_mb": peak, "update": days,
            "wall_s": round(min(one[1] for one in whole), 2), "slowest_wall_s": round(max(one[1] for one in whole), 2),
            "cpu_s": round(min(one[2] for one in whole), 2), "numbers_cpu_s": round(numbers_cpu, 2)}


def pass_days(path: Path, threads: int, days: int) -> dict[str, Any]:
    """The last whole days of the shop: each updated from the day before, then built; the best of each, and what there was to do."""
    from brandloom.customers import build_profiles
    from brandloom.engine import DuckEngine
    engine = DuckEngine(path, threads=threads)
    last = engine.query("SELECT max(occurred_at) AS at FROM events")["at"][0].as_py()
    end = datetime(last.year, last.month, last.day)
    build_profiles(engine, end - timedelta(days=days + 1))
    engine.close()
    alone = json.loads(subprocess.run([sys.executable, "-m", "benchmarks.profiles", "--update", str(path), (end - timedelta(days=days)).isoformat(),
                                       "--threads", str(threads)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    engine = DuckEngine(path, threads=threads)
    updates, builds = [], []
    for as_of in (end - timedelta(days=back) for back in reversed(range(days))):
        updates.append(one_update(engine, as_of))
        engine.replace("updated", "SELECT * FROM profiles")
        builds.append(timed(lambda as_of=as_of: build_profiles(engine, as_of)))
        for one, other in (("updated", "profiles"), ("profiles", "updated")):
            differing = engine.query(f"SELECT count(*) AS n FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}) rest")["n"][0].as_py()
            assert differing == 0, f"{differing} rows of {one} are not in {other}"
    events = engine.query("SELECT count(*) AS n FROM events WHERE occurred_at >= $start AND occurred_at < $end",
                          start=end - timedelta(days=1), end=end)["n"][0].as_py()
    read = min(timed(lambda: engine.query("SELECT customer, days_since_last, spend_90d FROM profiles"))[2] for _ in range(days))
    engine.close()
    return {"days": days, "events_of_a_day": events, "alone": alone, "read_cpu_s": round(read, 2),
            **{name: max(one[name] for one in updates) for name in ("computed", "moved")},
            **{f"update_{unit}": min(one[unit] for one in updates) for unit in ("wall_s", "cpu_s")},
            **{f"build_{unit}": round(min(one[at] for one in builds), 2) for at, unit in ((1, "wall_s"), (2, "cpu_s"))}}


def one_update(engine: Any, as_of: datetime) -> dict[str, Any]:
    """What one update did, its wall and processor seconds."""
    from brandloom.customers import update_profiles
    done, wall, cpu = timed(lambda: update_profiles(engine, as_of))
    assert not done.full
    return {"computed": done.computed, "moved": done.moved, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}


def own_peak_mb() -> int:
    """Of this program alone: what `getrusage` tells begins with the memory of the process that started it."""
    told = next(line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(told.split()[1]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--events-each", type=int, default=10)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--one", action="store_true", help="measure the first size in this process and print it")
    parser.add_argument("--update", nargs=2, metavar=("FILE", "AS_OF"), help="update the profiles of this warehouse and print what it took")
    args = parser.parse_args()
    if args.update:
        from brandloom.engine import DuckEngine
        engine = DuckEngine(Path(args.update[0]), threads=args.threads)
        print(json.dumps({**one_update(engine, datetime.fromisoformat(args.update[1])), "peak_mb": own_peak_mb()}))
        engine.close()
        return
    if args.one:
        print(json.dumps(measure(args.customers[0], args.events_each, args.data, args.threads, args.repeat)))
        return
    load, parts = round(os.getloadavg()[0], 1), []
    for size in args.customers if args.data is None else args.customers[:1]:
        again = [sys.executable, "-m", "benchmarks.profiles", "--one", "--customers", str(size), "--events-each", str(args.events_each),
                 "--threads", str(args.threads), "--repeat", str(args.repeat), *(["--data", str(args.data)] if args.data else [])]
        parts.append(json.loads(subprocess.run(again, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout))
        print(parts[-1], file=sys.stderr, flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    machine = {"cores": os.cpu_count(), "load_average": load, "platform": platform.platform(), "python": platform.python_version()}
    args.out.write_text(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "machine": machine, "seed": 1,
                                  "data": args.data.name if args.data else "a made-up shop", "bar": {"wall_s": BAR_S, "peak_gb": BAR_GB},
                                  "results": parts}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
