"""One campaign for a million people: calls to the model, messages assembled and checked per second, memory.

Products are the real ones of Online Retail with their last prices; people are a first name, a language and four products drawn at
random. Every message is rendered and verified as at sending; a sample is parsed once more by another program, which compares each
price, name and link with the catalogue. Usage:

    python benchmarks/assemble.py [--data FILE] [--people 1000000] [--processes 2]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "assemble.json"
VARIANTS = 40
NAMES = ("Anna", "Ben", "Chloe", "David", "Ella", "李雷", "韩梅梅", "", "王小明", "O'Neil")
PARSED_EVERY = 500


def catalogue(data: Path) -> list[Any]:
    """Products with their last price, as content.Product."""
    from brandloom.content import Product
    rows = duckdb.execute(f"""SELECT StockCode, arg_max(Description, InvoiceDate), arg_max(UnitPrice, InvoiceDate) FROM read_parquet('{data}')
        WHERE UnitPrice > 0 AND Quantity > 0 AND Description IS NOT NULL GROUP BY StockCode ORDER BY StockCode""").fetchall()
    return [Product(code, name, price=Decimal(str(round(price, 2)))) for code, name, price in rows]


def campaign() -> tuple[Any, Any, list[Any]]:
    """Brief, shop and the variants one campaign would have: persona x product group x language."""
    from brandloom.content import Brief, Variant
    from brandloom.content.templates import template_slots
    from brandloom.workspace import SenderConfig, ShopConfig
    brief = Brief(name="spring", offer={"kind": "percent_off", "value": 10, "code": "SPRING10", "until": date(2026, 12, 1)})
    sender = SenderConfig(name="Harbour Gifts", email="hello@harbour.example", postal_address="12 Quay Street, Bristol BS1 4DJ",
                          website="https://harbour.example")
    shop = ShopConfig(name="Harbour Gifts", currency="GBP", sender=sender)
    variants = []
    for number in range(VARIANTS):
        language = ("en", "zh")[number % 2]
        slots = template_slots(brief, "email", language)
        slots = slots | {"headline": f"{slots['headline']} ({number})"}
        variants.append(Variant(f"p{number}/g/email/{language}", f"p{number}", "g", "email", language, MappingProxyType(slots), "model"))
    return brief, shop, variants


def assemble(data: Path, first: int, people: int) -> dict[str, Any]:
    """Render and verify the messages of a share of the people; memory is looked at after a tenth and at the end."""
    from brandloom.content import Press, verify
    products, (brief, shop, variants) = catalogue(data), campaign()
    rng, hosts = random.Random(first), frozenset({"harbour.example"})
    people_at = [(rng.randrange(VARIANTS), NAMES[rng.randrange(len(NAMES))], [products[rng.randrange(len(products))] for _ in range(4)])
                 for _ in range(20_000)]
    refused = wrong = parsed = size = 0
    press = Press(brief, shop, label_key=b"benchmark")
    early, started, cpu = 0.0, time.perf_counter(), time.process_time()
    for number in range(people):
        which, name, shown = people_at[number % len(people_at)]
        variant = variants[which]
        message = press.message(variant, {"first_name": name}, shown, unsubscribe_url=f"https://harbour.example/u/{first + number:x}",
                                produce_id=f"spring:{variant.key}")
        refused += bool(verify(message, products=shown, currency="GBP", language=variant.language, hosts=hosts))
        size += len(message.html)
        if number % PARSED_EVERY == 0:
            parsed, wrong = parsed + 1, wrong + (not as_in_catalogue(message.html, shown, hosts))
        if number == people // 10:
            early = resident_mb()
    return {"messages": people, "refused": refused, "parsed": parsed, "wrong": wrong, "mean_bytes": round(size / people),
            "seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "early_mb": early, "late_mb": resident_mb()}


def as_in_catalogue(page: str, products: list[Any], hosts: frozenset[str]) -> bool:
    """Whether a page, read by a parser that knows nothing of how it was made, shows each product's name and price and only good links."""
    reader = _Reader()
    reader.feed(page)
    words = " ".join(" ".join(reader.words).split())
    prices = all(f"£{product.price:,.2f}" in words for product in products)
    names = all(" ".join(product.display.split()) in words for product in products)
    return prices and names and all(link.split("/")[2].split("?")[0] in hosts for link in reader.links)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for key, value in attrs if key == "href"]


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def shares(people: int, processes: int) -> Iterator[tuple[int, int]]:
    for number in range(processes):
        first = people * number // processes
        yield first, people * (number + 1) // processes - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "online_retail" / "online_retail.parquet")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--share", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share:
        print(json.dumps(assemble(options.data, *options.share)))
        return
    started = time.perf_counter()
    runs = [subprocess.Popen([sys.executable, __file__, "--data", str(options.data), "--share", str(first), str(count)],
                             stdout=subprocess.PIPE, text=True) for first, count in shares(options.people, options.processes)]
    parts = [json.loads(run.communicate()[0]) for run in runs]
    result = {
        "people": options.people, "processes": options.processes, "variants": VARIANTS,
        "calls_per_1000_people": 1000 * VARIANTS / options.people, "messages_per_s": round(options.people / max(part["seconds"] for part in parts)),
        "messages_per_cpu_s": round(options.people / sum(part["cpu_s"] for part in parts)), "with_start_s": round(time.perf_counter() - started, 1),
        "refused": sum(part["refused"] for part in parts), "parsed": sum(part["parsed"] for part in parts),
        "wrong": sum(part["wrong"] for part in parts), "mean_bytes": parts[0]["mean_bytes"],
        "early_mb": round(max(part["early_mb"] for part in parts)), "late_mb": round(max(part["late_mb"] for part in parts))}
    print(json.dumps(result))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    RESULT.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": options.data.name,
        "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                    "python": platform.python_version()}, "results": [result]}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
