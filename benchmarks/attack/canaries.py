"""Canaries through the whole loop by its commands, and thousands of requests of the writers: what leaves, and what stays where."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.attack import secrets
from benchmarks.attack.commands import Commands, Trace, mail_server
from benchmarks.attack.detector import Canaries, planted
from benchmarks.attack.server import Recorder, recording, well_behaved
from benchmarks.attack.shop import AS_OF, write_shop
from brandloom.campaigns import open_shop
from brandloom.campaigns.catalogue import read_products
from brandloom.content import Brief, ProductGroup, Request, write_variants
from brandloom.content.facts import Persona
from brandloom.content.studio import read_asked, write_copy
from brandloom.errors import BrandloomError
from brandloom.llm import EndpointModel

FILES = (("customers.csv", "customers"), ("customers_zh.csv", "customers"), ("products.csv", "products"), ("orders.csv", "orders"),
         ("orders_zh.csv", "orders"), ("events.jsonl", "events"), ("reviews.csv", "documents"), ("reviews_zh.csv", "documents"))


def run_loop(folder: Path, recorder: Recorder, environment: Mapping[str, str], trace: Trace,
             elsewhere: Callable[[Commands, Path, str], None]) -> str:
    """Load, learn, plan, preview, approve, launch, report, `write` and `check-copy`; gives the plan's id.

    Args:
        elsewhere: called before the plan is launched, to try what is refused.
    """
    started, commands, shop = time.monotonic(), Commands(environment, trace), folder / "shop"
    commands("init", shop, "--name", "Lantern Hall")
    config = (shop / "brandloom.toml").read_text()
    config = config.replace('postal_address = ""', 'postal_address = "1 Quay"').replace('quiet_until = "08:00"', 'quiet_until = "21:00"')
    (shop / "brandloom.toml").write_text(config)
    for file, kind in FILES:
        commands("load", shop, folder / file, "--as", kind)
    commands("load", shop, folder / "customers.csv", "--as", "orders", fails=True)  # the wrong kind: an error that names columns
    commands("learn", shop, "--as-of", AS_OF)
    plan = str(json.loads(commands("plan", shop, "--brief", folder / "brief.yaml", "--as-of", AS_OF, "--json"))["plan"])
    commands("preview", shop, plan, "--json")
    commands("preview", shop, plan, "--customer", "nobody-we-know", fails=True)
    commands("launch", shop, plan, fails=True)  # not approved
    commands("approve", shop, plan, "--by", "Ana")
    elsewhere(commands, shop, plan)
    commands("launch", shop, plan, "--json")
    commands("report", shop, plan, "--html", folder / "report.html", "--json")
    records = [row["attributes"] or row["name"] for row in _rows(shop, "SELECT name, attributes FROM products ORDER BY product LIMIT 3")]
    brief = {"lang": "en", "format": "product_description", "products": [{"name": str(records[0]), "price": "12.50 EUR"}]}
    commands("write", "-", "-n", 2, given=json.dumps(brief).encode())
    texts = _rows(shop, "SELECT document, text FROM documents ORDER BY document LIMIT 40")
    lines = "\n".join(json.dumps({"id": row["document"], "text": row["text"]}, ensure_ascii=False) for row in texts)
    commands("check-copy", "-", given=lines.encode())
    trace.seconds = time.monotonic() - started
    return plan


def _rows(workspace: Path, sql: str) -> list[dict[str, Any]]:
    shop = open_shop(workspace)
    try:
        return shop.engine.query(sql).to_pylist()
    finally:
        shop.close()


def many_requests(workspace: Path, recorder: Recorder, requests: int, *, seed: int = 7) -> int:
    """Let the writers ask the model until so many requests came in: briefs, personas and products of the loaded shop."""
    rng, shop = Random(seed), open_shop(workspace)
    texts = [row["text"] for row in shop.engine.query("SELECT text FROM documents").to_pylist()]
    ids = shop.engine.query("SELECT product FROM products").column("product").to_pylist()
    products = list(read_products(shop.engine, ids).values())
    config = shop.workspace.config
    shop.close()
    with EndpointModel(recorder.url, key="k", model="obedient") as model:
        while len(recorder.bodies) < requests:
            # Most replies are empty: what matters is what was asked, and a writer that gets nothing asks again.
            recorder.reply = well_behaved if rng.random() < 0.1 else lambda _body: "..."
            group = ProductGroup("g", rng.choice(products).name, tuple(rng.sample(products, 3)))
            persona = Persona("p", f"people who like {rng.choice(products).name}", "老朋友", rng.randrange(20, 9000))
            fact = rng.choice((*(product.description or product.name for product in products), *texts))[:200].replace("\n", " ")
            with contextlib.suppress(BrandloomError):  # a brief may be refused; what was asked until then is recorded
                brief = Brief.model_validate({"name": "Lights", "goal": rng.choice(("sell", "win_back", "announce")), "facts": [fact],
                                              "tone": rng.choice(("warm", "dry", "playful"))})
                write_variants(model, brief, [Request(persona, group, "email", language) for language in ("en", "zh")], shop=config)
            record = {"name": rng.choice(products).name, "description": rng.choice(products).description, "review": rng.choice(texts)[:300]}
            with contextlib.suppress(BrandloomError):
                asked = read_asked(json.dumps({"lang": rng.choice(("en", "zh")), "format": "product_description", "products": [record],
                                               "persona": f"people who like {record['name']}"}), source="b")
                if rng.random() < 0.1:
                    write_copy(model, asked, variants=2, most_calls=6)
    return len(recorder.bodies)


def places(folder: Path, trace: Trace, recorder: Recorder, cache: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Everything there is to search, by kind of place."""
    shop, found = folder / "shop", dict[str, list[tuple[str, bytes]]]()
    found["requests to the model"] = [("request", piece) for piece in recorder.pieces()]
    found["printed by commands"] = [(name, text) for name, text in trace.output.items() if not name.endswith("preview")]
    found["list of processes"] = [("process", line) for line in trace.processes]
    kinds = {"warehouse": "warehouse files", "ledger": "ledger", "rejects": "reject files", "models": "model files", "plans": "plan folders"}
    for path in sorted(shop.rglob("*")):
        if path.is_file() and path.name not in ("workspace.key",):
            head = path.relative_to(shop).parts[0].partition(".")[0]
            found.setdefault(kinds.get(head, f"{head} files"), []).append((str(path.relative_to(shop)), path.read_bytes()))
    found["warehouse rows"] = [(table, json.dumps(_rows(shop, f"SELECT DISTINCT * FROM {table}"), default=str, ensure_ascii=False).encode())
                               for table in ("customers", "products", "events", "documents", "decisions", "messages", "profiles", "segments",
                                             "predictions", "recommendations", "product_groups")]
    found["report"] = [("report.html", (folder / "report.html").read_bytes())]
    found["answers and spend"] = [(path.name, path.read_bytes()) for path in sorted(cache.rglob("*")) if path.is_file()]
    return found


def search(canaries: Canaries, everything: Mapping[str, Sequence[tuple[str, bytes]]]) -> dict[str, dict[str, Any]]:
    """Per kind of place: bytes searched and canaries found, with examples."""
    result: dict[str, dict[str, Any]] = {}
    for kind, pieces in everything.items():
        hits: Counter[str] = Counter()
        for name, data in pieces:
            for value in canaries.found_in(data) - canaries.elsewhere:
                hits[f"{name}: {value}"] += 1
        result[kind] = {"pieces": len(pieces), "bytes": sum(len(data) for _name, data in pieces), "canaries": len(hits), "examples": list(hits)[:5]}
    return result


def run(folder: Path, *, people: int, requests: int, leaks: int, seed: int = 1) -> dict[str, Any]:
    """The whole proof; figures for the results file."""
    canaries, trace, cache = Canaries(seed), Trace(), folder / "cache"
    known = write_shop(folder, canaries, people=people)
    values = sorted(canaries.known)
    count, caught, missed = planted(canaries, [value for value in values if len(value) != 17], leaks, Random(seed))
    given = secrets.Given.new(seed + 1)
    with recording(well_behaved) as recorder, mail_server(given.password, trace.mails) as carrier:
        environment = {"BRANDLOOM_CACHE": str(cache), "BRANDLOOM_MODEL_URL": recorder.url, "BRANDLOOM_MODEL_KEY": given.key,
                       "BRANDLOOM_MODEL_NAME": "obedient", "BRANDLOOM_LANGUAGE": "en",
                       "BRANDLOOM_SMTP_URL": f"smtp://shop:{given.password}@{carrier}"}
        run_loop(folder, recorder, environment, trace, lambda commands, shop, plan: given.refused(commands, shop, plan, recorder, carrier))
        secret = given.search(folder, trace, recorder)
        asked = many_requests(folder / "shop", recorder, requests)
        found = search(canaries, places(folder, trace, recorder, cache))
        size = recorder.bytes
    mailed = {value for mail in trace.mails for value in canaries.found_in(mail)}
    return {"people": len(known), "canaries": len(values), "planted": count, "planted_found": caught, "planted_missed": missed[:10],
            "requests": asked, "bytes_to_model": size, "mails": len(trace.mails), "canaries_in_mails": len(mailed), "places": found,
            "found": sum(one["canaries"] for one in found.values()), "seconds": trace.seconds, "secrets": secret}
