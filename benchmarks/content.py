"""Copy by the embedded model on products nobody prepared: what passes the gate, what it carries, how much variants differ.

Products come from amazon_toys_catalog (English), taobao_titles_ner and advertisegen (Chinese), drawn by a seed. For each the studio writes
variants, each from an angle of its own; the peer is the same model without angles, sampled at temperature 0.7 with other seeds, its first
answers put through the same gate. To compare how much variants differ at the same pass rate, the peer then goes on until it has as many that
pass, within PEER_TRIES. What the studio publishes is looked at a second time by a method that shares nothing with the gate: every
digit of the copy must stand in the record, and the model is asked whether the record supports the text (first-token probability).
The copy itself goes, unedited and poor ones too, to `docs/samples/copy.md`. Usage:

    python -m benchmarks.content [--data FOLDER] [--per-set 6] [--variants 2] [--seed 11]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow.parquet as pq

from brandloom.content.checks.judge import Judge
from brandloom.content.studio import Asked, Gate, coverage, mean_similarity, read_asked, write_copy
from brandloom.content.studio.prompts import angles, conversation
from brandloom.content.studio.reply import read_reply
from brandloom.llm import TextModel, open_model
from brandloom.measure import wilson
from brandloom.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "content.json"
SAMPLES = ROOT / "docs" / "samples" / "copy.md"
PEER_TRIES = 6
FORMATS = {"en": ("product_description", "facebook", "google_ads", "push"), "zh": ("product_description", "xiaohongshu", "weibo", "slogan")}


def briefs(folder: Path, per_set: int, seed: int) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """Name of the set, brief, and the human reference where the set has one."""
    rng = random.Random(seed)
    toys = pq.read_table(folder / "amazon_toys_catalog" / "amazon_toys.parquet").to_pylist()
    titles = pq.read_table(folder / "taobao_titles_ner" / "train.parquet").to_pylist()
    lines = [json.loads(line) for line in (folder / "advertisegen" / "advertisegen_half_a.jsonl").read_text("utf-8").splitlines()]
    for number, row in enumerate(rng.sample([row for row in toys if row["price"]], per_set)):
        record = {"name": row["product_name"], "manufacturer": row["manufacturer"], "category": row["amazon_category_and_sub_category"],
                  "price": f"{row['price']:.2f} GBP"}
        yield "amazon_toys_catalog", _brief("en", number, record), None
    for number, row in enumerate(rng.sample([row for row in titles if 10 <= len(row["text"]) <= 40], per_set)):
        yield "taobao_titles_ner", _brief("zh", number, {"标题": row["text"], **marked(row["chars"], row["bio"])}), None
    for number, line in enumerate(rng.sample(lines, per_set)):
        yield "advertisegen", _brief("zh", 0 if number % 2 else number, attributes(line["content"])), line["summary"]


def _brief(language: str, number: int, record: dict[str, Any]) -> dict[str, Any]:
    return {"lang": language, "format": FORMATS[language][number % 4], "products": [{key: value for key, value in record.items() if value}]}


def marked(characters: list[str], marks: list[str]) -> dict[str, str]:
    """Product, brand and model words that the set marks in a title; the first of each."""
    names, found = {"HCCX": "商品", "HPPX": "品牌", "XH": "型号"}, dict[str, str]()
    for at, mark in enumerate(marks):
        kind = names.get(mark[2:])
        if mark.startswith("B-") and kind and kind not in found:
            end = next((end for end in range(at + 1, len(marks)) if marks[end] != f"I-{mark[2:]}"), len(marks))
            found[kind] = "".join(characters[at:end])
    return found


def attributes(content: str) -> dict[str, Any]:
    """'材质#棉*材质#麻' as a record."""
    record: dict[str, list[str]] = {}
    for pair in content.split("*"):
        key, _mark, value = pair.partition("#")
        record.setdefault(key, []).append(value)
    return {key: values if len(values) > 1 else values[0] for key, values in record.items()}


def sampled(model: TextModel, asked: Asked, variants: int) -> tuple[int, list[dict[str, Any]]]:
    """The peer: the same request and example, always the first angle, temperature 0.7.

    Returns:
        How many of its first `variants` answers pass the gate, and the first ones that do of at most PEER_TRIES.
    """
    gate = Gate(asked)
    room = {part.name: gate.room(part) for part in gate.form.parts}
    messages, passed, at_once = conversation(asked, gate.form, next(iter(angles(asked.lang))), room), list[dict[str, Any]](), 0
    for seed in range(PEER_TRIES):
        if len(passed) == variants:
            break
        reply = read_reply(model.complete(messages, max_tokens=400, temperature=0.7, seed=100 + seed).text, asked.lang)
        if isinstance(reply, dict) and not any(item.blocks for item in gate.check(reply)):
            passed.append(reply)
            at_once += seed < variants
    return at_once, passed


def supported(model: TextModel, asked: Asked, text: str) -> str:
    """Yes or no: does the record support every sentence? By the first token of the same model, which is the judge's way."""
    found = Judge(model, asked.records, asked.lang).opinions(text)
    return "yes" if found and all(one.log_odds > 0 if one.probability is None else one.probability >= 0.5 for one in found) else "no"


def digits_known(asked: Asked, text: str) -> bool:
    """Whether every run of digits in the copy stands in the records."""
    known = set(re.findall(r"\d+", json.dumps([dict(record) for record in asked.records], ensure_ascii=False)))
    return set(re.findall(r"\d+", text)) <= known


def judge(model: TextModel, name: str, brief: dict[str, Any], reference: str | None, variants: int) -> dict[str, Any]:
    """One product: what came of it."""
    asked = read_asked(json.dumps(brief, ensure_ascii=False), source=name)
    started = time.perf_counter()
    written = write_copy(model, asked, variants=variants)
    seconds = time.perf_counter() - started
    own = [draft for draft in written.drafts if draft.source != "plain"]
    texts = [_words(draft.copy) for draft in own]
    at_once, peers = sampled(model, asked, variants)
    return {"set": name, "format": asked.format, "lang": asked.lang, "brief": brief, "seconds": seconds, "variants": variants,
            "at_once": sum(draft.source == "model" for draft in own), "repaired": sum(draft.source == "repaired" for draft in own),
            "calls": sum(draft.calls for draft in written.drafts), "tokens": sum(draft.completion_tokens for draft in written.drafts),
            "coverage": [draft.coverage for draft in own if draft.coverage is not None], "similarity": written.similarity,
            "reference_coverage": coverage({"text": reference}, asked) if reference else None,
            "peer_passed": at_once, "peer_similarity": mean_similarity(peers, ignore=asked.names),
            "digits_known": [digits_known(asked, text) for text in texts], "supported": [supported(model, asked, text) for text in texts],
            "drafts": [draft.to_dict(written.form, asked.lang) for draft in written.drafts]}


def _words(copy: Any) -> str:
    return "\n".join(value if isinstance(value, str) else "\n".join(value) for value in copy.values())


def summary(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    variants = sum(row["variants"] for row in rows)
    own = sum(row["at_once"] + row["repaired"] for row in rows)
    both = [row for row in rows if row["similarity"] is not None and row["peer_similarity"] is not None]
    share = wilson(own, variants)
    covered = [value for row in rows for value in row["coverage"]]
    references = [row["reference_coverage"] for row in rows if row["reference_coverage"] is not None]
    return {"set": name, "products": len(rows), "variants": variants, "at_once": sum(row["at_once"] for row in rows), "own": own,
            "own_share": share.value, "own_low": share.low, "own_high": share.high, "peer_passed": sum(row["peer_passed"] for row in rows),
            "calls": sum(row["calls"] for row in rows), "seconds": sum(row["seconds"] for row in rows),
            "coverage": mean(covered) if covered else None, "reference_coverage": mean(references) if references else None,
            "similarity": mean(row["similarity"] for row in both) if both else None,
            "peer_similarity": mean(row["peer_similarity"] for row in both) if both else None, "pairs": len(both),
            "digits_known": sum(sum(row["digits_known"]) for row in rows),
            "supported": sum(answer == "yes" for row in rows for answer in row["supported"])}


def samples(rows: list[dict[str, Any]], model: str) -> str:
    """The copy as it came, with what the checks said."""
    lines = ["# Samples of copy", "", f"Written by {model} through the studio, unedited, the poor ones too; made by `python -m benchmarks.content`."]
    for row in rows:
        lines += ["", f"## {row['set']}: {row['format']}, {row['lang']}", "", "```json", json.dumps(row["brief"], ensure_ascii=False), "```"]
        for draft in row["drafts"]:
            refused = sorted({" ".join([item["rule"], *([f"({item['excerpt']})"] if item["excerpt"] else [])])
                              for item in draft["checks"] if item["draft"] == "rejected"})
            before = f"; refused before: {', '.join(refused)}" if refused else ""
            lines += ["", f"**{draft['source']}, {draft['angle']}**, {draft['calls']} calls{before}", "",
                      *(f"> {line}" for line in draft["text"].splitlines())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with the three sets")
    parser.add_argument("--per-set", type=int, default=6)
    parser.add_argument("--variants", type=int, default=2)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    rows = []
    with open_model(read_settings().model_copy(update={"model_cache_mb": 0})) as model:
        for name, brief, reference in briefs(options.data, options.per_set, options.seed):
            rows.append(judge(model, name, brief, reference, options.variants))
            print(json.dumps({key: rows[-1][key] for key in ("set", "format", "at_once", "repaired", "peer_passed", "seconds")}), flush=True)
        title = model.name
    names = list(dict.fromkeys(row["set"] for row in rows))
    results = [*(summary([row for row in rows if row["set"] == name], name) for name in names), summary(rows, "all")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    RESULT.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": ", ".join(names), "model": title, "seed": options.seed,
        "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                    "python": platform.python_version()}, "results": results}, indent=2) + "\n", encoding="utf-8")
    SAMPLES.parent.mkdir(exist_ok=True)
    SAMPLES.write_text(samples(rows, title), encoding="utf-8")


if __name__ == "__main__":
    main()
