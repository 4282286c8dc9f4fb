"""Does a brand kit tell its company's texts from others, how many texts does it need, and does anybody's data get into it?

    python -m benchmarks.brand [--data FOLDER]

Data: the folder of public data sets. Each group of texts (at most 400, drawn by hash) is halved by the hash of the text: a kit is learned on
one half, read back from its YAML file, and has to rank the other half before another group's texts; the AUC is stated with a bootstrap interval
over texts. Settings of the product (weight of the words, cap of a scale, number of words kept) were chosen on the groups called `development`
alone; the pairs of the groups called `judging` were measured once. Makers' product names are the hard case: eight companies, one trade, one
kind of text. The peer is the usual one-class measure of authorship: cosine of a text's weighted letter runs with their mean over the same half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score

from brandloom.content.brand import BrandKit, VoiceKit, compare, learn_kit, read_corpus, read_kit, write_kit

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MOST, DRAWS, SEED = 400, 200, 0
DEVELOPMENT = ("faq", "headlines", "clothes", "listings")
SIZES = (1, 5, 10, 20, 50, 200)
Groups = dict[str, tuple[str, list[str]]]


def groups(data: Path) -> Groups:
    """Name -> language and texts, one company or one kind of text each."""
    rows = lambda sql: [row[0] for row in duckdb.sql(sql).fetchall()]  # noqa: E731
    faq = json.loads((data / "ecommerce_faq" / "faq_even.json").read_text("utf-8"))["questions"]
    guide = json.loads((data / "abcd_service" / "guidelines.json").read_text("utf-8"))
    upworthy = data / "upworthy_headlines" / "packages_half_a.parquet"
    toys = data / "amazon_toys_catalog" / "amazon_toys.parquet"
    found: Groups = {
        "faq": ("en", [item["answer"] for item in faq]),
        "headlines": ("en", rows(f"SELECT DISTINCT headline FROM '{upworthy}'")),
        "introductions": ("en", [" ".join(re.sub("<[^>]+>", " ", text).split()) for text in
                                 rows(f"SELECT DISTINCT lede FROM '{upworthy}' WHERE lede IS NOT NULL")]),
        "service guide": ("en", [text for text in leaves(guide) if len(text.split()) >= 8]),
        "clothes": ("zh", [json.loads(line)["summary"] for line in (data / "advertisegen" / "advertisegen_half_a.jsonl").open(encoding="utf-8")]),
        "listings": ("zh", rows(f"SELECT DISTINCT text FROM '{data}/taobao_titles_ner/train.parquet'")),
        "service chat": ("zh", [text for part in ("test_a", "train") for line in rows(
            f"SELECT response FROM '{data}/taobao_service_dialogue_ecd/ecd_sample_{part}.parquet' WHERE label = 1")
            if len(text := line.replace(" ", "")) >= 6])}
    for maker in rows(f"SELECT manufacturer FROM '{toys}' GROUP BY 1 HAVING count(*) > 100 AND manufacturer IS NOT NULL ORDER BY count(*) DESC"):
        found[f"toys: {maker}"] = ("en", [row[0] for row in duckdb.execute(f"SELECT product_name FROM '{toys}' WHERE manufacturer = ?", [maker])
                                          .fetchall()])
    return found


def leaves(value: object) -> Iterator[str]:
    """Every string of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from leaves(item)


def halves(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """At most `MOST` distinct texts in the order of their hashes, cut in two."""
    drawn = sorted(set(texts), key=lambda text: hashlib.sha256(text.encode()).digest())[:MOST]
    return drawn[:len(drawn) // 2], drawn[len(drawn) // 2:]


def kept(texts: Sequence[str], language: str) -> VoiceKit:
    """The voice as it is read back from the kit's file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "brand.yaml"
        write_kit(learn_kit(BrandKit(name="brand"), {language: list(texts)}).kit, path)
        return read_kit(path).voice[language]  # type: ignore[index]


def scores(voice: VoiceKit, texts: Sequence[str], language: str) -> np.ndarray[Any, Any]:
    return np.array([-(compare(voice, text, language).distance or 0.0) for text in texts])


def peer(learned: Sequence[str], texts: Sequence[str], language: str) -> np.ndarray[Any, Any]:
    """Cosine with the centroid of TF-IDF letter trigrams (one and two characters in Chinese)."""
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3) if language == "en" else (1, 2), sublinear_tf=True)
    centre = np.asarray(weights.fit_transform(learned).mean(axis=0)).ravel()
    return np.asarray(weights.transform(texts) @ centre / np.linalg.norm(centre))


def auc(own: np.ndarray[Any, Any], other: np.ndarray[Any, Any], rng: np.random.Generator) -> dict[str, float]:
    truth = np.r_[np.ones(len(own)), np.zeros(len(other))]
    drawn = [roc_auc_score(truth, np.r_[rng.choice(own, len(own)), rng.choice(other, len(other))]) for _draw in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"value": round(float(roc_auc_score(truth, np.r_[own, other])), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


def judge_pairs(found: Groups, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Every ordered pair of groups of one language: AUC of the kit, of its scales alone, and of the peer."""
    parts = {name: (language, *halves(texts)) for name, (language, texts) in found.items()}
    rows = []
    for name, (language, learned, own) in parts.items():
        voice = kept(learned, language)
        scales_only = voice.model_copy(update={"habits": {}})
        mine, plain = scores(voice, own, language), scores(scales_only, own, language)
        for other, (spoken, _unused, texts) in parts.items():
            if other == name or spoken != language:
                continue
            toys = name.startswith("toys") and other.startswith("toys")
            kind = "development" if name in DEVELOPMENT and other in DEVELOPMENT else "makers" if toys else "kinds"
            near = peer(learned, [*own, *texts], language)
            rows.append({"brand": name, "other": other, "language": language, "group": kind, "learned": len(learned), "own": len(own),
                         "others": len(texts), "kit": auc(mine, scores(voice, texts, language), rng),
                         "scales": auc(plain, scores(scales_only, texts, language), rng)["value"],
                         "peer": auc(near[:len(own)], near[len(own):], rng)["value"]})
    return rows


def by_size(found: Groups) -> list[dict[str, Any]]:
    """Mean AUC over the judged pairs by the number of texts a kit is learned from."""
    rows = []
    parts = {name: (language, *halves(texts)) for name, (language, texts) in found.items() if name not in DEVELOPMENT}
    for size in SIZES:
        values = []
        for name, (language, learned, own) in parts.items():
            if len(learned) < min(size, 50):
                continue
            voice = kept(learned[:size], language)
            mine = scores(voice, own, language)
            for other, (spoken, _unused, texts) in parts.items():
                if other != name and spoken == language:
                    truth = np.r_[np.ones(len(own)), np.zeros(len(texts))]
                    values.append(float(roc_auc_score(truth, np.r_[mine, scores(voice, texts, language)])))
        rows.append({"texts": size, "pairs": len(values), "auc": round(float(np.mean(values)), 3) if values else None})
    return rows


def cautions(found: Groups) -> list[dict[str, Any]]:
    """Cautions per text on a company's own other half, and on the texts of all other groups of the language."""
    parts = {name: (language, *halves(texts)) for name, (language, texts) in found.items()}
    rows = []
    for name, (language, learned, own) in parts.items():
        voice = kept(learned, language)
        others = [text for other, (spoken, _unused, texts) in parts.items() if other != name and spoken == language for text in texts]
        count = lambda texts: round(float(np.mean([len(compare(voice, text, language).findings) for text in texts])), 2)  # noqa: E731, B023
        rows.append({"brand": name, "own": count(own), "others": count(others)})
    return rows


def canaries(found: Groups, people: int = 500) -> dict[str, Any]:
    """Invented people put into real texts in five ways each; what of them stands in the kit's file."""
    rng = Random(SEED)
    given = ["Anna", "Zbigniew", "Oluwaseun", "Marta", "Kevin", "Xochitl", "Siobhan", "Ravindra"]
    last = ["Quillfeather", "Brzezinski", "Okonkwo-Reyes", "Vanterpool", "Ashgrove", "Nkemelu"]
    chinese = ["王秀芳", "李雷", "欧阳建国", "赵晓雯", "陈梓轩", "韩梅梅"]
    marks: set[str] = set()
    texts: dict[str, list[str]] = {"en": [], "zh": []}
    for number in range(people):
        first, surname, name = rng.choice(given), rng.choice(last), rng.choice(chinese)
        mail, phone = f"{first.lower()}.{number}@mail-example.com", f"+44 7700 90{number:04d}"
        mobile, id_number = f"138{number:08d}", f"11010119900101{number:03d}X"
        marks |= {first, surname, name, mail, phone, mobile, id_number, f"{number} Larch Road"}
        english, han = rng.choice(found["faq"][1]), rng.choice(found["clothes"][1])
        texts["en"] += [f"Dear {first} {surname},\n{english}", f"{english} Ask {first} at {mail} or {phone}.",
                        f"{english}\n{first} {surname}\n{phone}", f"{first} wrote to us: {english}",
                        f"Send it to {first} {surname}, {number} Larch Road, Leeds. {english}"]
        texts["zh"] += [f"{name}您好，{han}", f"{han}请联系{name}，电话{mobile}。", f"{han}\n{name}\n{mobile}",
                        f"{name}女士说：{han}", f"身份证{id_number}的{name}先生，{han}"]
    with TemporaryDirectory() as folder:
        source, path = Path(folder) / "texts.json", Path(folder) / "brand.yaml"
        source.write_text(json.dumps(texts["en"] + texts["zh"], ensure_ascii=False), encoding="utf-8")
        write_kit(learn_kit(BrandKit(name="brand"), read_corpus([source]).texts).kit, path)
        written = path.read_text("utf-8")
    return {"people": people, "texts": len(texts["en"]) + len(texts["zh"]), "marks": len(marks),
            "in_kit": sorted(mark for mark in marks if mark.lower() in written.lower())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only-development", action="store_true", help="print the development pairs and write nothing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "brand.json")
    options = parser.parse_args()
    found, rng = groups(options.data), np.random.default_rng(SEED)
    if options.only_development:
        for row in judge_pairs({name: found[name] for name in DEVELOPMENT}, rng):
            print(row)
        return
    started = time.process_time()
    learn_kit(BrandKit(name="brand"), {"zh": found["clothes"][1], "en": found["headlines"][1]})
    seconds = time.process_time() - started
    pairs = judge_pairs(found, rng)
    mean = {group: {measure: round(float(np.mean([row[measure]["value"] if measure == "kit" else row[measure] for row in pairs
                                                  if row["group"] == group])), 3) for measure in ("kit", "scales", "peer")}
            | {"pairs": sum(row["group"] == group for row in pairs), "lowest": min(row["kit"]["value"] for row in pairs if row["group"] == group)}
            for group in ("development", "kinds", "makers")}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    report = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": "public texts of 15 companies and kinds",
              "machine": platform.machine(), "python": platform.python_version(), "seed": SEED, "bootstrap_draws": DRAWS,
              "learn_texts": len(found["clothes"][1]) + len(found["headlines"][1]), "learn_cpu_seconds": round(seconds, 1),
              "mean": mean, "pairs": pairs, "by_size": by_size(found), "cautions": cautions(found), "canaries": canaries(found)}
    options.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
