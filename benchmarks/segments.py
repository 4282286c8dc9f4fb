"""Fifty segments written as rules: everybody evaluated, one event, a batch, midnight, and sizes estimated from a sample.

The shop is made up by a fixed hash (no public data set of this size may be shipped); `--data` takes a Parquet file of events
(customer, occurred_at, kind, product, quantity, amount, order_id) instead. Beside the shared pass stands what one would write by
hand, a query per rule over the events. After the updates everybody is evaluated again: nobody may then enter or leave. Usage:

    python -m benchmarks.segments [--customers 100000 1000000] [--events-each 10] [--data FILE] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "segments.json"
AS_OF = datetime(2024, 7, 1, 12)
RULES = [rule for days in (7, 14, 30, 60, 90, 180, 365) for rule in (
    f"ordered and never ordered in the last {days} days",
    f"bought category \"c{days % 9}\" at least 2 times in the last {days} days",
    f"最近 {days} 天 消费 至少 {days} 且 国家 属于 \"FR\", \"DE\"",
    f"viewed at least 3 times in the last {days} days and never bought in the last {days} days",
    f"spent net more than {4 * days} or (ordered at least 3 times in the last {days} days and not country is \"CN\")",
    f"put in cart in the last {days} days and never ordered in the last {days} days",
    f"bought product \"p{days}\" and first_seen more than {days} days ago")] + ["returned at least 2 times since 2024-01-01"]
PEER_RULES = 3
ONE_BY_ONE = 15


def make_shop(engine: Any, customers: int, each: int, data: Path | None, *, in_order: bool = False) -> None:
    """Half of the events in the hands of a seventh of the customers, over two years; ids as long as real pseudonyms.

    Args:
        in_order: events lie in the order of their times, as the loads of a shop bring them; else at random, which is the worst case to look up a day.
    """
    from brandloom.engine import ensure_tables
    ensure_tables(engine)
    if data is not None:
        engine.execute(f"INSERT INTO events BY NAME SELECT row_number() OVER () AS event, * FROM read_parquet('{data}')")
        engine.execute("INSERT INTO customers BY NAME SELECT customer, min(occurred_at) AS first_seen FROM events "
                       "WHERE customer IS NOT NULL GROUP BY customer")
        return
    pick = lambda salt, most: f"CAST(hash(i * 31 + {salt}) % {most} AS BIGINT)"  # noqa: E731
    second = f"i * 63_100_000 // {customers * each}" if in_order else pick(4, 63_100_000)
    engine.execute(f"""INSERT INTO customers BY NAME SELECT 'c' || md5(CAST(i AS VARCHAR)) AS customer,
        TIMESTAMP '2022-07-01' + INTERVAL 1 MINUTE * {pick(1, 1_000_000)} AS first_seen,
        CASE {pick(2, 5)} WHEN 0 THEN 'FR' WHEN 1 THEN 'DE' WHEN 2 THEN 'CN' WHEN 3 THEN 'GB' END AS country FROM range({customers}) t(i)""")
    engine.execute("INSERT INTO products BY NAME SELECT 'p' || i AS product, 'c' || (i % 40) AS category FROM range(2000) t(i)")
    engine.execute(f"""INSERT INTO events BY NAME SELECT i + 1 AS event, 'c' || md5(CAST(CAST(floor({customers} * pow({pick(3, 10**6)} / 1e6, 2.8))
            AS BIGINT) AS VARCHAR)) AS customer, TIMESTAMP '2022-07-01' + INTERVAL 1 SECOND * ({second}) AS occurred_at,
        CASE WHEN {pick(5, 100)} < 40 THEN 'purchase' WHEN {pick(5, 100)} < 45 THEN 'return'
            WHEN {pick(5, 100)} < 60 THEN 'cart' ELSE 'view' END AS kind,
        'p' || {pick(6, 2000)} AS product, 1.0 AS quantity,
        CAST(CASE WHEN {pick(5, 100)} < 40 THEN 1 WHEN {pick(5, 100)} < 45 THEN -1 ELSE 0 END * {pick(7, 6000)} / 100.0 AS DECIMAL(18, 4)) AS amount,
        'o' || CAST(i // 3 AS VARCHAR) AS order_id FROM range({customers * each}) t(i)""")


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """The result, wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    return work(), time.perf_counter() - wall, time.process_time() - cpu


def measure(customers: int, each: int, data: Path | None, threads: int) -> dict[str, Any]:
    from brandloom.customers import rules as r
    from brandloom.engine import DuckEngine
    named = {f"segment {number:02d}": r.parse(text) for number, text in enumerate(RULES)}
    with tempfile.TemporaryDirectory() as folder:
        engine = DuckEngine(Path(folder) / "w.duckdb", threads=threads)
        make_shop(engine, customers, each, data)
        counts = {name: engine.query(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py() for name in ("customers", "events")}
        made_mb = peak_mb()
        _done, wall, cpu = timed(lambda: r.refresh(engine, named, AS_OF))
        print(f"{customers:,} customers evaluated in {wall:.1f} s, {cpu:.1f} s of processor time", file=sys.stderr, flush=True)
        full_mb = peak_mb()
        peers = [timed(lambda rule=rule: r.evaluate(engine, rule, AS_OF)) for rule in list(named.values())[:PEER_RULES]]
        exact = r.sizes(engine)
        for name, (found, _wall, _cpu) in zip(named, peers, strict=False):
            assert exact[name] == len(found.customers), name
        sample = sizes(engine, named, exact)
        live = updates(engine, named)
        engine.close()
    return {**counts, "rules": len(named), "threads": threads, "full_s": round(wall, 2), "full_cpu_s": round(cpu, 2),
            "made_mb": made_mb, "full_mb": full_mb,
            "one_query_per_rule_s": round(statistics.mean(one[1] for one in peers) * len(named), 1),
            "one_query_per_rule_cpu_s": round(statistics.mean(one[2] for one in peers) * len(named), 1),
            "peer_rules_timed": PEER_RULES, "sample": sample, "live": live}


def sizes(engine: Any, named: dict[str, Any], exact: dict[str, int]) -> dict[str, Any]:
    """How long an estimate takes, how often its interval holds the truth, and how wide it is."""
    from brandloom.customers import rules as r
    people, wall, _cpu = timed(lambda: r.draw_sample(engine, seed=1))
    asked = {name: timed(lambda rule=rule: r.estimate_size(engine, rule, AS_OF, people, seed=1)) for name, rule in named.items()}
    found = {name: one[0] for name, one in asked.items()}
    spans = [one[1] for one in asked.values()]
    return {"n": next(iter(found.values())).n, "draw_s": round(wall, 2), "estimate_ms": round(1000 * statistics.median(spans), 1),
            "slowest_ms": round(1000 * max(spans), 1), "held": sum(one.low <= exact[name] <= one.high for name, one in found.items()),
            "asked": len(found), "half_width": round(statistics.median((one.high - one.low) / 2 / people for one in found.values()), 4)}


def updates(engine: Any, named: dict[str, Any]) -> dict[str, Any]:
    """Single events, a batch, a midnight; then everybody again, which may move nobody."""
    from brandloom.customers import rules as r
    now, number, singles = AS_OF, 10**12, []
    for step in range(ONE_BY_ONE):
        now += timedelta(seconds=1)
        number += 1
        arrive(engine, f"SELECT customer FROM customers LIMIT 1 OFFSET {step * 97}", number, now)
        done, wall, cpu = timed(lambda now=now: r.update(engine, named, now))
        assert done.evaluated >= 1 and not done.full
        singles.append((wall, cpu))
    now += timedelta(seconds=1)
    batch = arrive(engine, "SELECT customer FROM customers LIMIT 10000", number + 1, now)
    batched, batch_wall, batch_cpu = timed(lambda: r.update(engine, named, now))
    midnight = datetime(now.year, now.month, now.day) + timedelta(days=1)
    turned, night_wall, night_cpu = timed(lambda: r.update(engine, named, midnight))
    again = r.refresh(engine, named, midnight)
    return {"event_ms": round(1000 * statistics.median(one[0] for one in singles), 1),
            "event_slowest_ms": round(1000 * max(one[0] for one in singles), 1),
            "event_cpu_ms": round(1000 * statistics.median(one[1] for one in singles), 1), "batch": batch, "batch_s": round(batch_wall, 2),
            "batch_cpu_s": round(batch_cpu, 2), "batch_moves": batched.entered + batched.left, "midnight_evaluated": turned.evaluated,
            "midnight_s": round(night_wall, 2), "midnight_cpu_s": round(night_cpu, 2), "midnight_moves": turned.entered + turned.left,
            "wrong_after": again.entered + again.left}


def arrive(engine: Any, who: str, first: int, now: datetime) -> int:
    """One purchase for each of these customers, a moment before now."""
    return int(engine.execute(f"INSERT INTO events BY NAME SELECT {first} + row_number() OVER () AS event, customer, $at AS occurred_at, "
                              f"'purchase' AS kind, 'p7' AS product, 1.0 AS quantity, CAST(25 AS DECIMAL(18, 4)) AS amount FROM ({who}) chosen",
                              at=now - timedelta(microseconds=1)))


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--events-each", type=int, default=10)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one, options.events_each, options.data, options.threads)))
        return
    load, results = round(os.getloadavg()[0], 1), []
    for customers in options.customers[:1] if options.data else options.customers:
        words = ["--one", str(customers), "--events-each", str(options.events_each), "--threads", str(options.threads),
                 *(["--data", str(options.data)] if options.data else [])]
        run = subprocess.run([sys.executable, "-m", "benchmarks.segments", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        results.append(json.loads(run.stdout))
        print(run.stdout, flush=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    RESULT.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": options.data.name if options.data else "a made-up shop",
        "machine": {"cores": os.cpu_count(), "load_average": load, "platform": platform.platform(), "python": platform.python_version()},
        "seed": 1, "results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
