"""Time and peak memory of every stage of the loop, from load to report, and how they grow with the number of customers.

    python benchmarks/loop.py [--data FILE] [--sizes 1 10 100] [--messages 500] [--memory-gb 2]

The orders are those of Online Retail (4,372 customers, 541,909 lines), repeated with other customers and orders, every repeated
customer's days moved up to 13 days back, so that no two are alike; names, addresses and consents are the demo's invented ones.
Up to 10 repetitions all of it is loaded from files. Beyond, the orders are loaded once and repeated inside the warehouse
(stage `repeat`, not part of the loop); the people still come from a file. Each size runs in a process of its own.

The language model is left out: its reply is empty, so every text is the template's. What a plan sends goes to an outbox in
memory; sending is stopped after `--messages` messages, as SIGTERM stops it. The result goes to `benchmarks/results/loop.json`,
where sizes measured earlier stay.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from brandloom.campaigns import Shop, demo_people
from brandloom.campaigns.demo import AS_OF, CONFIG, DATA
from brandloom.content import read_brief
from brandloom.deliver import Message, OutboxChannel, Receipt
from brandloom.engine import scalar
from brandloom.llm import ScriptedTextModel
from brandloom.measure import Meter
from brandloom.settings import Settings
from brandloom.workspace import create_workspace

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
APART = 100_000  # between the customer numbers of two repetitions
MOST_DAYS = 14
FROM_FILES = 10  # repetitions that are loaded as files
LEARNING = {("Profiles and segments", 0.0): "profiles", ("Profiles and segments", 0.7): "segments",
            ("Purchase model", 0.0): "purchase model: fit", ("Purchase model", 0.8): "purchase model: predict",
            ("Recommendations", 0.0): "recommendations: fit", ("Recommendations", 0.5): "recommendations: write",
            ("Recommendations", 0.8): "product groups"}
PLANNING = {("Choosing people", 0.0): "eligibility and decide", ("Choosing people", 1.0): "write and keep the plan"}
LEARN_STAGES = (*LEARNING.values(), "keep what was learned")


class Stages:
    """One stage of a meter after the other; told by name, or by the progress that the loop reports anyway."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.cpu_s: list[float] = []
        self._open = ExitStack()
        self._name = ""

    def begin(self, name: str) -> None:
        self.end()
        self._name = name
        print(datetime.now(UTC).strftime("%H:%M:%S"), name, file=sys.stderr, flush=True)
        self._open.enter_context(self.meter.stage(name))
        self._open.callback(lambda since: self.cpu_s.append(time.process_time() - since), time.process_time())

    def end(self) -> None:
        self._open.close()

    def at(self, marks: dict[tuple[str, float], str]) -> Any:
        def progress(stage: str, done: float) -> None:
            name = marks.get((stage, round(done, 6)))
            if name and name != self._name:  # a stage may say twice that it begins
                self.begin(name)
        return progress


class Bounded(OutboxChannel):
    """An outbox that asks the sender to stop after so many messages; its opening tells when queueing has ended."""

    def __init__(self, most: int, stages: Stages) -> None:
        super().__init__()
        self._most, self._stages = most, stages

    def open(self) -> None:
        self._stages.begin("send")

    def send(self, message: Message) -> Receipt:
        receipt = super().send(message)
        if len(self) >= self._most:
            signal.raise_signal(signal.SIGTERM)
        return receipt


def numbers_of(data: Path) -> list[int]:
    column = pq.read_table(data, columns=["CustomerID"]).column("CustomerID")
    return sorted(int(number) for number in pc.unique(pc.drop_null(column)).to_pylist())


def repetitions(numbers: list[int], times: int) -> pa.Table:
    """Every customer's number in every repetition, and by how many days it lies earlier; the first is the shop as it was."""
    rng = np.random.default_rng(SEED)
    round_ = np.repeat(np.arange(times), len(numbers))
    number = np.tile(np.array(numbers, dtype=np.int64), times)
    days = np.where(round_ == 0, 0, rng.integers(0, MOST_DAYS, len(round_)))
    return pa.table({"round": round_, "number": number, "repeated": number + round_ * APART, "days": days})


def write_orders(data: Path, repeated: pa.Table, times: int, target: Path) -> None:
    """The repeated orders as one Parquet file."""
    connection = duckdb.connect()
    connection.register("repeated", repeated)
    connection.execute(f"""COPY (
        SELECT CASE WHEN r = 0 THEN InvoiceNo WHEN InvoiceNo LIKE 'C%' THEN 'C' || r || substr(InvoiceNo, 2)
                    ELSE r || InvoiceNo END AS InvoiceNo, StockCode, Description, Quantity,
               CAST(InvoiceDate AS TIMESTAMP) - to_days(CAST(coalesce(p.days, r % {MOST_DAYS}) AS INTEGER)) AS InvoiceDate,
               UnitPrice, CAST(p.repeated AS DOUBLE) AS CustomerID, Country
        FROM range({times}) t(r), read_parquet('{data}') o
        LEFT JOIN repeated p ON p.round = t.r AND p.number = CAST(o.CustomerID AS BIGINT)) TO '{target}' (FORMAT parquet)""")
    connection.close()


def repeat_inside(shop: Shop, repeated: pa.Table) -> None:
    """The same repetition of what is loaded, at the level of the canonical tables."""
    ids = [pa.array(shop.vault.pseudonyms([str(n) for n in repeated[name].to_pylist()])) for name in ("number", "repeated")]
    people = pa.table({"round": repeated["round"], "days": repeated["days"], "customer": ids[0], "other": ids[1]})
    engine = shop.engine
    engine.put("bench_people", people)
    engine.append("events", f"""
        SELECT e.event + t.r * 1000000000000000 AS event, p.other AS customer,
               e.occurred_at - to_days(CAST(coalesce(p.days, t.r % {MOST_DAYS}) AS INTEGER)) AS occurred_at, e.kind, e.product,
               e.quantity, e.amount, concat(t.r, '-', e.order_id) AS order_id, e.session, e.channel, e.campaign, e.properties
        FROM events e CROSS JOIN range(1, {1 + max(repeated["round"].to_pylist())}) t(r)
        LEFT JOIN bench_people p ON p.customer = e.customer AND p.round = t.r
        WHERE e.kind <> 'sent'""")
    engine.replace("customers", """
        SELECT c.customer AS customer, o.first_seen - to_days(CAST(p.days AS INTEGER)) AS first_seen, o.country AS country,
               c.language AS language, c.attributes AS attributes
        FROM customers c JOIN bench_people p ON p.other = c.customer JOIN customers o ON o.customer = p.customer""")
    engine.drop("bench_people")


def load(shop: Shop, data: Path, times: int, stages: Stages, scratch: Path) -> dict[str, int]:
    """Orders, people and other tools' mails, as files; returns the rows of each file."""
    numbers = numbers_of(data)
    repeated = repetitions(numbers, times)
    inside = times > FROM_FILES
    orders = data
    if times > 1 and not inside:
        orders = scratch / "orders.parquet"
        write_orders(data, repeated, times, orders)
    people, mails = scratch / "people.csv", scratch / "mails.csv"
    everyone = repeated["repeated"].to_pylist()
    demo_people.write_customers(people, everyone, seed=SEED)
    demo_people.write_earlier_mails(mails, everyone, now=AS_OF + timedelta(hours=10), seed=SEED)
    stages.begin("load orders")
    rows = {"orders": shop.load(orders, kind="orders").rows_read}
    stages.begin("load people")
    rows["people"] = shop.load(people, kind="customers").rows_read
    rows["mails"] = shop.load(mails, kind="events").rows_read
    if inside:
        stages.begin("repeat")
        repeat_inside(shop, repeated)
    stages.end()
    return rows


def run_loop(data: Path, times: int, messages: int, memory_gb: float, folder: Path) -> dict[str, Any]:
    """The whole loop once; returns stages and counts."""
    stages = Stages()
    model = ScriptedTextModel(lambda _messages, _schema: "", name="none, templates only")
    with Shop(create_workspace(folder / "shop", CONFIG), Settings(memory_limit_gb=memory_gb), model=model) as shop:
        loaded = load(shop, data, times, stages, folder)
        shop.clock = lambda: (AS_OF + timedelta(hours=10)).replace(tzinfo=UTC)
        learned = shop.learn(AS_OF, progress=stages.at({**LEARNING, ("Recommendations", 1.0): "keep what was learned"}))
        brief = read_brief(Path(str(DATA / "brief.yaml")))
        everyone = brief.model_copy(update={"budget": None, "audience": brief.audience.model_copy(update={"max_size": None})})
        plan = shop.plan(everyone, as_of=AS_OF, progress=stages.at(PLANNING))
        stages.begin("approve")
        shop.approve(plan, by="benchmark")
        stages.begin("queue")
        sent = shop.launch(plan.id, channel=Bounded(messages, stages))
        stages.begin("report")
        shop.report(plan.id, html=folder / "report.html")
        stages.end()
        counts = {"customers": learned.customers, "events": int(str(scalar(shop.engine, "SELECT count(*) FROM events"))),
                  "loaded": loaded, "recommendations": learned.recommendations, "queued": sent.audience, "sent": sent.sent}
    measured = [{"stage": s.name, "seconds": round(s.seconds, 3), "cpu_s": round(cpu, 3), "peak_mb": round(s.peak_mb)}
                for s, cpu in zip(stages.meter.stages, stages.cpu_s, strict=True)]
    return {"times": times, "counts": counts, "stages": measured,
            "load": "files" if times <= FROM_FILES else "orders once, repeated in the warehouse",
            "workspace_mb": round(sum(f.stat().st_size for f in (folder / "shop").rglob("*") if f.is_file()) / 1e6)}


def summed(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Seconds, seconds of processor and peak by stage, with `learn` as a whole."""
    found = {row["stage"]: {name: row.get(name, 0.0) for name in ("seconds", "cpu_s", "peak_mb")} for row in result["stages"]}
    parts = [found[name] for name in LEARN_STAGES]
    whole = {name: round(sum(part[name] for part in parts), 3) for name in ("seconds", "cpu_s")}
    return {**found, "learn, all": {**whole, "peak_mb": max(part["peak_mb"] for part in parts)}}


def growth(results: list[dict[str, Any]], what: str = "seconds") -> dict[str, list[float | None]]:
    """Slope of log time over log customers between neighbouring sizes: 1 is linear, None where the work differs or is unknown."""
    slopes: dict[str, list[float | None]] = {}
    for before, after in pairwise(results):
        step = math.log(after["counts"]["customers"] / before["counts"]["customers"])
        old, new = summed(before), summed(after)
        for name in new:
            other_work = name in ("send", "repeat") or (name == "load orders" and before["load"] != after["load"])
            other_work |= not (old.get(name, {}).get(what) and new[name][what])  # not measured, or too short to tell
            slower = max(new[name][what], 1e-3) / max(old[name][what], 1e-3) if not other_work else None
            slopes.setdefault(name, []).append(None if slower is None else round(math.log(slower) / step, 2))
    return slopes


def measure(options: argparse.Namespace, times: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="brandloom-loop-", dir=options.scratch) as folder:
        command = [sys.executable, __file__, "--run", str(times), "--folder", folder, "--data", str(options.data),
                   "--messages", str(options.messages), "--memory-gb", str(options.memory_gb)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))


def table(results: list[dict[str, Any]], slopes: dict[str, list[float | None]]) -> str:
    """Stage by size, for reading: seconds (of them on the processor) and peak memory."""
    columns = [summed(result) for result in results]
    lines = [f"{'customers':28}" + "".join(f"{r['counts']['customers']:>26,}" for r in results) + "   growth"]
    for name in dict.fromkeys(name for column in columns for name in column):
        cells = [f"{c[name]['seconds']:>8.2f} s ({c[name]['cpu_s']:.1f})".ljust(18) + f"{c[name]['peak_mb']:>5.0f} MB"
                 if name in c else " " * 26 for c in columns]
        lines.append(f"{name:28}{''.join(cells)}   " + "  ".join("-" if s is None else f"{s:.2f}" for s in slopes.get(name, [])))
    return "\n".join(lines)


def measured_before(file: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """Results of other sizes that the file holds already; each carries its own commit and time."""
    found = json.loads(file.read_text(encoding="utf-8"))["results"] if file.exists() else []
    return [result for result in found if result["times"] not in sizes]


def write(file: Path, results: list[dict[str, Any]], options: argparse.Namespace) -> None:
    libraries = ("duckdb", "pyarrow", "numpy", "scipy", "lightgbm", "scikit-learn", "sqlalchemy")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({
        "at": results[-1]["at"], "commit": results[-1]["commit"], "seed": SEED, "data": options.data.name,
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "versions": {name: version(name) for name in libraries}, "memory_limit_gb": options.memory_gb,
        "messages": options.messages, "language_model": "none: its replies are empty, so every text is the template's",
        "growth": growth(results), "growth_cpu": growth(results, "cpu_s"),
        "results": results}, indent=1) + "\n", encoding="utf-8")


def commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(str(DATA / "online_retail.parquet")))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 100], help="repetitions of the 4,372 customers")
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--memory-gb", type=float, default=2.0, help="limit of the warehouse; the process takes more")
    parser.add_argument("--scratch", type=Path, help="folder for the workspaces: 12 GB for 100 repetitions")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "loop.json")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run_loop(options.data, options.run, options.messages, options.memory_gb, options.folder)))
        return
    results = measured_before(options.out, options.sizes)
    for times in options.sizes:
        stamp = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
        busy = os.getloadavg()[0]
        measured = {**stamp, **measure(options, times), "load_average": [round(busy, 1), round(os.getloadavg()[1], 1)]}
        results = sorted([*results, measured], key=lambda result: int(result["times"]))
        write(options.out, results, options)
        print(table(results, growth(results)), flush=True)


if __name__ == "__main__":
    main()
