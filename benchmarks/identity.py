"""Ids that are one person: exact keys, and splink on top, on invented people whose true identity is known.

    python -m benchmarks.identity [--persons 6000] [--out benchmarks/results/identity.json]

Nobody's real data has both several ids and the truth in the open, so people are invented (`identity_world`): households, typos, moves,
new phones, swapped fields, pinyin, gaps. Thresholds, levels and guards were chosen on the development worlds only; the judged ones have
other seeds and, but for the first, other troubles: messier second records, and twice as many households. Pairs are judged after
transitive closure, as merged; intervals resample persons. `splink alone` is every pair from the same threshold, without our guards.
The cost of reading `events` through the mapping is measured in processor time, best of five, on DuckDB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.identity_world import Trouble, World, make_world
from benchmarks.purchase import commit
from brandloom.engine import DuckEngine, ensure_tables
from brandloom.govern import Audit, Vault, lay_persons
from brandloom.govern.identity import Match, find_matches, record
from brandloom.govern.identity.probable import MERGE, REVIEW, score_pairs
from brandloom.govern.identity.traits import traits
from brandloom.govern.persons import components
from brandloom.ledger.database import open_ledger_at
from brandloom.workspace import create_workspace

MESSY = Trouble(new_email=0.6, new_phone=0.5, typo=0.2, initial=0.15, moved=0.3, no_birth=0.85)
HOUSEHOLDS = Trouble(household=0.4, shared_phone=0.4, shared_email=0.2)
WORLDS: tuple[tuple[str, str, int, Trouble], ...] = (
    ("development", "as designed", 1, Trouble()),
    ("judged", "as designed", 101, Trouble()), ("judged", "messier", 102, MESSY), ("judged", "more households", 103, HOUSEHOLDS))
NOW = datetime(2024, 5, 1, tzinfo=UTC)
DRAWS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=6000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "identity.json")
    asked = parser.parse_args()
    import splink
    result = {"commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": "invented people",
              "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                          "python": platform.python_version()}, "splink": splink.__version__, "merge_from": MERGE,
              "review_from": REVIEW, "worlds": [judge(half, name, make_world(asked.persons, seed, trouble), seed)
                                                for half, name, seed, trouble in WORLDS],
              "view": view_cost(asked.events)}
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


def judge(half: str, name: str, world: World, seed: int) -> dict[str, Any]:
    """Exact keys, both, and splink without the guards, on one world."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = create_workspace(Path(folder) / "shop")
        ledger = open_ledger_at(f"sqlite:///{folder}/l.sqlite")
        vault = Vault(ledger, workspace)
        vault.seal(world.people, now=NOW)
        started = time.process_time()
        exact = find_matches(ledger, vault, calling_code="44")
        exact_s = time.process_time() - started
        started = time.process_time()
        both = find_matches(ledger, vault, probable=True, calling_code="44", seed=seed)
        both_s = time.process_time() - started
        ledger.close()
    alone = [row[:2] for row in score_pairs([traits(one, calling_code="44") for one in world.people], seed=seed) if row[2] >= MERGE]
    probable = [one for one in both.matches if one.rule == "probable"]
    wrong = sum(world.truth[one.customer] != world.truth[one.other] for one in probable)
    review = sum(world.truth[one.customer] == world.truth[one.other] for one in both.review)
    return {"half": half, "world": name, "seed": seed, "ids": len(world.people), "persons": len(set(world.truth.values())),
            "exact": measured(world, [(one.customer, one.other) for one in exact.matches]), "exact_cpu_s": round(exact_s, 2),
            "both": measured(world, [(one.customer, one.other) for one in both.matches]), "both_cpu_s": round(both_s, 2),
            "splink_alone": measured(world, alone), "probable": len(probable), "probable_wrong": wrong,
            "expected_wrong": round(both.expected_false, 1), "review": len(both.review), "review_true": review,
            "set_aside": len(exact.set_aside)}


def measured(world: World, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Precision and recall of pairs after closure, with 95 % intervals over persons."""
    person = components(pairs)
    groups: dict[str, list[str]] = {}
    for customer, head in person.items():
        groups.setdefault(head, []).append(customer)
    said, right, true = Counter[int](), Counter[int](), Counter[int]()
    for ids in groups.values():
        for one, other in combinations(sorted(ids), 2):
            said[world.truth[one]] += 1
            right[world.truth[one]] += world.truth[one] == world.truth[other]
    for number, held in Counter(world.truth.values()).items():
        true[number] = held * (held - 1) // 2
    rows = np.array([(said[number], right[number], true[number]) for number in true])
    draws = np.random.default_rng(7).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), DRAWS) @ rows
    precision, recall = draws[:, 1] / np.maximum(draws[:, 0], 1), draws[:, 1] / draws[:, 2]
    total = rows.sum(axis=0)
    return {"precision": figure(total[1] / max(1, total[0]), precision), "recall": figure(total[1] / total[2], recall)}


def figure(value: float, draws: Any) -> dict[str, Any]:
    return {"mean": round(float(value), 4), "interval": [round(float(v), 4) for v in np.percentile(draws, [2.5, 97.5])]}


def view_cost(events: int) -> dict[str, Any]:
    """A sum per customer over `events` before and after one customer in ten was merged with another."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    customers = events // 10
    engine.append("events", "SELECT i AS event, 'c_' || printf('%024x', (i * 7919) % " + str(customers) + ") AS customer, "
                  "TIMESTAMP '2024-01-01' + INTERVAL 1 MINUTE * i AS occurred_at, 'purchase' AS kind, 'p' AS product, 1.0 AS quantity, "
                  f"CAST(10 AS DECIMAL(18, 4)) AS amount FROM range({events}) t(i)")
    plain = best(engine)
    with tempfile.TemporaryDirectory() as folder:
        workspace = create_workspace(Path(folder) / "shop")
        ledger = open_ledger_at(f"sqlite:///{folder}/l.sqlite")
        audit = Audit(ledger, workspace.derive_key("audit"))
        pairs = [Match(f"c_{number:024x}", f"c_{number + 1:024x}", "email") for number in range(0, customers // 5, 2)]
        started = time.process_time()
        record(ledger, audit, pairs, by="benchmark", now=NOW)
        record_s = time.process_time() - started
        started = time.process_time()
        lay_persons(engine, ledger)
        lay_s = time.process_time() - started
        ledger.close()
    mapped = best(engine)
    rows = engine.query("SELECT count(DISTINCT customer) AS n FROM events").column(0)[0].as_py()
    assert rows == customers - len(pairs)
    engine.close()
    return {"events": events, "customers": customers, "merges": len(pairs), "record_cpu_s": round(record_s, 2), "lay_cpu_s": round(lay_s, 2),
            "plain_cpu_s": round(plain, 3), "merged_cpu_s": round(mapped, 3), "ratio": round(mapped / plain, 2)}


def best(engine: DuckEngine) -> float:
    found = []
    for _ in range(5):
        started = time.process_time()
        rows: pa.Table = engine.query("SELECT customer, count(*) AS n, sum(amount) AS spent, max(occurred_at) AS last FROM events GROUP BY customer")
        assert rows.num_rows
        found.append(time.process_time() - started)
    return min(found)


if __name__ == "__main__":
    main()
