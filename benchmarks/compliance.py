"""Advertising law: what the checker finds, what it stops in vain, and how fast it is.

    python -m benchmarks.compliance [--half judge] [--shared ../shared/data/ad-law] [--messages 10000]

Sentences are ours, in `benchmarks/data`. `dev` ones were used to write the rules, and by now `judge`, `late` and `fresh1` to `fresh5` have
been used to mend them as well, and to make the second opinion: each was written before it was judged, and what it showed at first sight is
kept in `data/compliance_first_sight.json`. `fresh6` was used for nothing. First figures are the ones to believe.
A breach counts as found when it does not pass; a sector's ban only when it is blocked. Of the sentences on conduct (`conduct_*.tsv`) `dev`
was written before the rules and used for them, `judge` written with it and looked at once; both are by the hand that wrote the rules. The
peer is the word list that the rules began with (`ad_terms.zh.tsv`), every pack on, matched as it stands.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from brandloom.content import check_copy, review
from brandloom.content.checks.adlaw import listed_words
from brandloom.content.checks.conduct import Conduct, check_conduct
from brandloom.content.checks.ground import ground
from brandloom.content.checks.packs import RESPECT
from brandloom.content.checks.review import check_law

DATA = Path(__file__).parent / "data"
SEED, LENGTH, MIN_CLAUSE = 20261122, 500, 3


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sentences(half: str) -> list[dict[str, str]]:
    """Chinese and English ones of a half; each knows its jurisdiction."""
    rows = [{"jurisdiction": "cn", **row} for row in read(DATA / f"compliance_{half}_cn.tsv")]
    return rows + (read(DATA / f"compliance_{half}_en.tsv") if (DATA / f"compliance_{half}_en.tsv").exists() else [])


def wilson(hits: int, total: int) -> dict[str, float | int]:
    """A share with its 95 % interval."""
    if not total:
        return {"hits": 0, "of": 0, "value": 0.0, "low": 0.0, "high": 1.0}
    z, p = 1.959964, hits / total
    middle, spread = p + z * z / (2 * total), z * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return {"hits": hits, "of": total, "value": round(p, 4), "low": round(max(0.0, (middle - spread) / scale), 4),
            "high": round(min(1.0, (middle + spread) / scale), 4)}


def verdict(row: dict[str, str], *, opinion: bool = True) -> str:
    facts = json.loads(row["facts"]) if row.get("facts") else None
    return review(row["text"], sector=row["sector"], jurisdiction=row["jurisdiction"], facts=facts, opinion=opinion).verdict


def by_list(row: dict[str, str]) -> str:
    """The verdict of the plain word list, every pack on, matched as it is written; a rule's own exceptions excuse what they cover."""
    levels = set()
    for name, spots in _listed(row["text"].lower()).items():
        excused = _listed(row["text"].lower(), "!").get(name + "!", [])
        if any(not any(low <= start and end <= high for low, high in excused) for start, end in spots):
            levels.add(name.rpartition(":")[2])
    return "block" if "ban" in levels else "needs_proof" if "evidence" in levels else "pass"


def _listed(text: str, ending: str = "") -> dict[str, list[tuple[int, int]]]:
    return {name: [match.span() for body in [*map(re.escape, terms), *bodies] for match in re.finditer(body, text, re.IGNORECASE)]
            for name, (terms, bodies) in listed_words().items() if name.endswith("!") == bool(ending)}


def measure(rows: list[dict[str, str]], judge: Any) -> dict[str, Any]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(name: str, hit: bool) -> None:
        counts[name][0] += hit
        counts[name][1] += 1

    for row in rows:
        given, where = judge(row), "zh" if row["jurisdiction"] == "cn" else "en"
        if row["label"] == "lawful":
            count(f"{where} false alarms", given != "pass")
            if row["kind"][:1] in "56":
                count(f"exemption {row['kind']} allowed", given == "pass")
            continue
        count(f"{where} breaches found", given != "pass")
        if row["label"] == "ban" and row["sector"] != "general":
            count(f"{where} sector bans blocked", given == "block")
    return {name: wilson(*counts[name]) for name in sorted(counts)}


def disguised(rows: Iterable[dict[str, str]]) -> dict[str, Any]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        sector = "health_food" if row["sector"] == "health" else row["sector"]
        hit = review(row["text"], sector=sector, jurisdiction=row["jurisdiction"]).verdict != "pass"
        for name in ("all", row["kind"]):
            counts[name][0] += hit
            counts[name][1] += 1
    return {name: wilson(*counts[name]) for name in counts}


LIST_SECTORS = {"food": "food", "cosmetics": "cosmetics", "education": "education", "realestate": "realestate"}
"""Packs of the labelled sentences that are laws of a sector here."""


def labelled(folder: Path) -> dict[str, Any]:
    """The 33 labelled sentences, judged by the review that the product runs.

    A sentence is right when each term it is labelled with lies under a finding in one of the sectors of its packs, and one without
    terms when it passes as general copy and in the one sector that it is about, if any. A pack that the label switched
    off has no switch in the product: labels of one sentence are joined.
    """
    rows = read(folder / "labelled_sentences.tsv")
    terms: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        terms[row["sentence"]] |= {term for term in (row["expected_hits"] or "").split("|") if term}
    wrong = [row["sentence"] for row in rows if not _right(row["sentence"], terms[row["sentence"]], row["packs"].split())]
    return {"right": len(rows) - len(wrong), "of": len(rows), "wrong": wrong}


def _right(sentence: str, terms: set[str], packs: list[str]) -> bool:
    named = [LIST_SECTORS[pack] for pack in packs if pack in LIST_SECTORS]
    found = [review(sentence, language="zh", sector=sector) for sector in ("general", *(named if terms or len(named) == 1 else ()))]
    if not terms:
        return all(one.verdict == "pass" for one in found)
    covered = [item.span for one in found for item in one.findings]
    return all(any(low < match.end() and match.start() < high for low, high in covered)
               for term in terms for match in re.finditer(re.escape(term), sentence)) and any(one.verdict != "pass" for one in found)


def messages(rows: list[dict[str, str]], number: int) -> list[str]:
    """Messages of 500 characters: lawful Chinese sentences of the half, and in every tenth message one breach."""
    rng = random.Random(SEED)
    lawful = [row["text"] for row in rows if row["jurisdiction"] == "cn" and row["label"] == "lawful"]
    breaches = [row["text"] for row in rows if row["jurisdiction"] == "cn" and row["label"] != "lawful"]
    made = []
    for place in range(number):
        parts = [rng.choice(breaches)] if place % 10 == 0 else []
        while sum(map(len, parts)) + len(parts) < LENGTH:
            parts.append(rng.choice(lawful))
        made.append("。".join(parts)[:LENGTH])
    return made


def unlike(rows: list[dict[str, str]], number: int) -> list[str]:
    """Messages in which no sentence is met twice: clauses of lawful sentences, each with two or three characters of another, in any order."""
    rng = random.Random(SEED)
    clauses = [part for row in rows if row["jurisdiction"] == "cn" and row["label"] == "lawful"
               for part in re.split("[，。！；、]", row["text"]) if len(part) > MIN_CLAUSE]
    scraps = sorted({clause[start:start + size] for clause in clauses for size in (2, 3) for start in range(0, len(clause) - size, size)})
    made = []
    for _place in range(number):
        text = ""
        while len(text) < LENGTH:
            text += "，".join(rng.choice(clauses) + rng.choice(scraps) for _clause in range(3)) + "。"
        made.append(text[:LENGTH])
    return made


def ordinary(folder: Path, number: int) -> list[str]:
    """Product copy as shops write it, cut into messages; none when the file is not there."""
    file = folder / "advertisegen_half_a.jsonl"
    if not file.exists():
        return []
    lines = file.read_text("utf-8").splitlines()
    text = "".join(json.loads(line)["summary"] for line in lines)
    return [text[start:start + LENGTH] for start in range(0, min(len(text) - LENGTH, number * LENGTH), LENGTH)]


def reviews(file: Path, number: int) -> list[str]:
    """What buyers write, one review after the other, cut into messages of which none is met twice; none when the file is not there."""
    if not file.exists():
        return []
    text = "".join(dict.fromkeys(review for review in pq.read_table(file, columns=["review"])["review"].to_pylist() if review))
    return [text[start:start + LENGTH] for start in range(0, min(len(text) - LENGTH, number * LENGTH), LENGTH)]


def conduct(half: str) -> dict[str, dict[str, float | int]]:
    """Respect, links, personal data, readability and likeness: how many of a set get what they are labelled with (stop, look or pass)."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in read(DATA / f"conduct_{half}.tsv"):
        asked = json.loads(row["given"] or "{}")
        measure_ = Conduct(tuple(asked.get("competitors", ())), tuple(asked["links"]) if "links" in asked else None, asked.get("readability"),
                           ground(asked.get("facts", {})).text)
        found = [item for item in check_conduct(row["text"], row["language"], measure_) if item.rule == row["check"]]
        given = "stop" if any(item.blocks for item in found) else "look" if found else "pass"
        kind = "false alarms" if row["label"] == "pass" else "found"
        counts[f"{row['check']} {kind}"][0] += given != "pass" if row["label"] == "pass" else given == row["label"]
        counts[f"{row['check']} {kind}"][1] += 1
    return {name: wilson(*counts[name]) for name in sorted(counts)}


def respect_in_catalogues(shared: Path, number: int = 6_000) -> dict[str, dict[str, float | int]]:
    """Product rows of real shops in which a word of the respect pack is found; nearly all of them are lawful."""
    found = {}
    for name, file in (("amazon_toys_catalog", "amazon_toys.parquet"), ("taobao_titles_ner", "train.parquet")):
        if (shared / name / file).exists():
            rows = pq.read_table(shared / name / file).slice(0, number).to_pylist()
            texts = [" ".join(value for value in row.values() if isinstance(value, str)) for row in rows]
            found[name] = wilson(sum(bool(check_law(text, "text", jurisdiction=RESPECT)) for text in texts), len(texts))
    return found


def every_breach(rows: list[dict[str, str]]) -> dict[str, float | int]:
    """Of two breaches of a sector in one text, joined by a comma, how many are pointed at, when each alone is."""
    found = [row for row in rows if row["label"] != "lawful" and verdict(row) != "pass"]
    hits = total = 0
    for one, other in pairwise(found):
        if (one["sector"], one["jurisdiction"]) == (other["sector"], other["jurisdiction"]):
            join = len(one["text"])
            spans = [item.span for item in review(f"{one['text']}；{other['text']}", sector=one["sector"], jurisdiction=one["jurisdiction"]).findings]
            hits += any(low < join for low, _high in spans) + any(high > join + 1 for _low, high in spans)
            total += 2
    return wilson(hits, total)


def speed(texts: list[str], workers: int) -> dict[str, Any]:
    lines = [json.dumps({"id": place, "text": text}, ensure_ascii=False) for place, text in enumerate(texts)]
    list(check_copy(lines[:10], language="zh", workers=1))
    started, cpu = time.perf_counter(), os.times()
    done = sum(1 for _row in check_copy(lines, language="zh", workers=workers))
    spent, after = time.perf_counter() - started, os.times()
    used = (after.user - cpu.user) + (after.children_user - cpu.children_user)
    return {"messages": done, "characters": LENGTH, "workers": workers, "seconds": round(spent, 2), "cpu_seconds": round(used, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--halves", nargs="*", default=["dev", "judge", "late", "fresh1", "fresh2", "fresh3", "fresh4", "fresh5", "fresh6"])
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[1] / ".." / "shared" / "data" / "ad-law")
    parser.add_argument("--copy", type=Path, default=Path(__file__).parents[1] / ".." / "shared" / "data" / "advertisegen")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "compliance.json")
    options = parser.parse_args()
    halves = [half for half in options.halves if (DATA / f"compliance_{half}_cn.tsv").exists()]
    load = round(os.getloadavg()[0], 1)
    found = {}
    for half in halves:
        rows = sentences(half)
        hidden = DATA / f"compliance_{half}_disguised.tsv"
        found[half] = {"rules": measure(rows, verdict), "rules_alone": measure(rows, partial(verdict, opinion=False)),
                       "word_list": measure([row for row in rows if row["jurisdiction"] == "cn"], by_list),
                       "disguised": disguised(read(hidden)) if hidden.exists() else {}}
        print(half, {name: f"{one['hits']}/{one['of']}" for name, one in found[half]["rules"].items()})
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    every = [row for half in halves for row in sentences(half)]
    others = {"product copy of advertisegen": ordinary(options.copy, options.messages),
             "buyers' reviews of online_shopping_10_cats":
                 reviews(options.copy.parent / "online_shopping_10_cats" / "online_shopping_10_cats.parquet", options.messages)}
    report = {
        "commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": "our sentences in benchmarks/data",
        "machine": {"cores": os.cpu_count(), "load_average": load, "platform": platform.platform(), "python": platform.python_version()},
        "halves": found, "first_sight": json.loads((DATA / "compliance_first_sight.json").read_text("utf-8")),
        "conduct": {half: conduct(half) for half in ("dev", "judge")},
        "respect_in_catalogues": respect_in_catalogues(options.copy.parent),
        "every_breach": every_breach(every), "labelled": labelled(options.shared) if options.shared.exists() else None,
        "speed": {"sentences shared by messages": speed(messages(every, options.messages), options.workers),
                  "no sentence twice, made of lawful near misses": speed(unlike(every, options.messages), options.workers),
                  **{name: speed(texts, options.workers) for name, texts in others.items() if texts}}}
    print(report["labelled"], report["every_breach"], report["speed"])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
