"""The scorer that ships: does it pick winners it has not seen, does it know what it does not know, and what does it add to a shop's own tests?

    python -m benchmarks.response [--data PATH] [--shared FOLDER] [--cache FOLDER]

Data: Upworthy Research Archive, exploratory set, half a (CC BY 4.0). Everything is judged on the judging half; what is judged is the twin of the
shipped scorer, made by the same code from the development half alone (`benchmarks/make_scorer.py`).

`own tests`: the judging half in order of time. Its last 40 % of groups are judged; of the earlier ones 5 to 250 tests are a shop's own, drawn at
random. A shop's own scorer alone needs 30 tests; below it says nothing, which counts as a coin.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from benchmarks.headlines import DATA, Cached, Floats, over_groups, read_tests
from benchmarks.make_scorer import PACKAGE, half_of, twin
from brandloom.content.response import Arms, MiniLM, ResponseModel, fit_response, pull_encoder, read_arms
from brandloom.content.response.features import read_texts, transform
from brandloom.content.response.fit import pairs_of, z_scores
from brandloom.content.response.shipped import load_with_words

SEED, LATER = 3, 0.4
OWN = {5: 6, 20: 6, 100: 4, 250: 2}
"""Number of own tests -> draws; no more than there are."""
SUBJECTS = (
    "20% off all wooden toys this weekend", "Your order has shipped", "New in: summer dresses from $29", "Free shipping on orders over $50",
    "Last chance: sale ends tonight", "Your cart is waiting for you", "Back in stock: the bestselling lamp", "Meet our new autumn collection",
    "Happy birthday! A gift for you", "Thank you for your order", "Our best sellers, picked for you", "Introducing the Glow Table Lamp",
    "Gift ideas for mom under $30", "Save 15% on your next order", "Price drop on items in your wishlist", "Flash sale: up to 40% off kitchenware")
FOREIGN = (
    "Descubre las mejores ofertas de verano para toda la familia", "Este niño hizo algo increíble y todos lloraron al verlo",
    "Entdecken Sie unsere neue Kollektion für den Herbst", "Warum dieser Mann seinen Beruf aufgab und nie wieder zurückkam",
    "Découvrez notre nouvelle collection à prix doux", "Il a tout quitté pour vivre dans une cabane au fond des bois",
    "Scopri le offerte di oggi su tutti i giocattoli", "Denna man sa upp sig och kom aldrig tillbaka")
"""Written for this benchmark: product mail, and other languages in the same script."""


def right(arms: Arms, mean: Floats) -> tuple[Floats, Floats, Floats]:
    """(pairs,) 1, 0 or 0.5 for each significant pair, its group, and its signed gap in scores."""
    first, second = pairs_of(arms.test)
    z = z_scores(arms, first, second)
    clear = np.abs(z) > 1.96
    gap = (mean[first] - mean[second])[clear]
    return np.where(gap == 0, 0.5, (gap > 0) == (z[clear] > 0)), arms.group[first[clear]], gap * np.sign(z[clear])


def accuracy(arms: Arms, mean: Floats) -> dict[str, Any]:
    won, group, gap = right(arms, mean)
    sides = np.r_[np.ones(len(gap)), np.zeros(len(gap))]
    return {"accuracy": over_groups(won, np.ones(len(won)), group), "auc": round(float(roc_auc_score(sides, np.r_[gap, -gap])), 4)}


def kinds(development: pa.Table, judged: Arms, scorer: ResponseModel, hidden: Cached) -> dict[str, Any]:
    """What each part brings; all learned from the development half."""
    models = {"no_encoder": fit_response(development, seed=SEED), "word_vectors": fit_response(development, encoder=scorer.encoder, seed=SEED),
              "whole_encoder": fit_response(development, encoder=hidden, seed=SEED)}
    found = {"longer": accuracy(judged, np.array([float(len(text)) for text in judged.text]))}
    found |= {name: accuracy(judged, model.score(judged.text).mean) for name, model in models.items()}
    return found | {"shipped_recipe": accuracy(judged, scorer.score(judged.text).mean)}


def domains(scorer: ResponseModel, sets: dict[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Per set of texts: what the scorer says of them."""
    rows = []
    assert scorer.space is not None and scorer.domain is not None
    for name, texts in sets.items():
        scores = scorer.score(texts)
        features = transform(read_texts(texts, scorer.encoder), scorer.space)
        counted = Counter(scores.reason)
        rows.append({"texts": name, "count": len(texts), "scored": round(counted[None] / len(texts), 4),
                     "unknown_language": round(counted["unknown_language"] / len(texts), 4),
                     "far_from_tests": round(counted["far_from_tests"] / len(texts), 4),
                     "distance": round(float(np.median(scorer.domain.distance(features))), 2),
                     "spread_of_scores": round(float(scores.mean.std()), 3), "deviation": round(float(np.median(scores.deviation)), 3)})
        print(rows[-1], flush=True)
    return rows


def own_tests(tests: pa.Table, scorer: ResponseModel) -> list[dict[str, Any]]:
    """Own alone, shipped alone and both, on later tests, by the number of own tests."""
    arms = read_arms(tests)
    weeks = dict(zip(tests["test"].to_pylist(), tests["period"].to_pylist(), strict=True))
    names = arms.table["test"].to_pylist()
    last: dict[int, int] = {}
    for name, group in zip(names, arms.group.tolist(), strict=True):
        last[group] = max(last.get(group, 0), weeks[name])
    order = sorted(last, key=lambda group: (last[group], group))
    late = set(order[int(len(order) * (1 - LATER)):])
    judged_names = {name for name, group in zip(names, arms.group.tolist(), strict=True) if group in late}
    early = sorted(set(names) - judged_names)
    judged = read_arms(tests.filter(pa.array([name in judged_names for name in tests["test"].to_pylist()])))
    shipped, group, _gap = right(judged, scorer.score(judged.text).mean)
    rng, rows = np.random.default_rng(SEED), []
    for wanted, draws in OWN.items():
        count = min(wanted, len(early))
        won: dict[str, list[Floats]] = {"own": [], "both": []}
        for _draw in range(draws):
            names_drawn = set(rng.choice(early, count, replace=False).tolist())
            drawn = tests.filter(pa.array([name in names_drawn for name in tests["test"].to_pylist()]))
            for name, before in (("own", None), ("both", scorer)):
                won[name].append(right(judged, fit_response(drawn, encoder=scorer.encoder, before=before, seed=SEED).score(judged.text).mean)[0])
        own, both = (np.mean(won[name], axis=0) for name in ("own", "both"))
        one = np.ones(len(own))
        rows.append({"tests": count, "draws": draws, "judged_pairs": len(own), "own": over_groups(own, one, group),
                     "shipped": over_groups(shipped, one, group), "both": over_groups(both, one, group),
                     "both_minus_own": over_groups(both - own, one, group), "both_minus_shipped": over_groups(both - shipped, one, group)})
        print(rows[-1], flush=True)
    return rows


def file_of(folder: Path) -> dict[str, Any]:
    """Size of the shipped files, time to load them, and what the card says."""
    seconds = []
    for _run in range(7):
        started = time.perf_counter()
        model = load_with_words(folder)
        seconds.append(time.perf_counter() - started)
    held = model.card.accuracy
    return {"megabytes": round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 2), "load_ms": round(1000 * float(np.median(seconds))),
            "name": model.card.name, "tests": model.card.tests, "texts": model.card.texts,
            "out_of_fold": None if held is None else {"value": round(held.value, 4), "low": round(held.low, 4), "high": round(held.high, 4),
                                                      "pairs": held.pairs}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--shared", type=Path, default=DATA.parents[1], help="folder with amazon_toys_catalog, advertisegen and ecommerce_faq")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "brandloom", help="folder for the encoder and its vectors")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "response.json")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    encoder = MiniLM.load(pull_encoder(options.cache))
    hidden = Cached(encoder, options.cache / "headlines.hidden.npz")
    raw = pq.read_table(options.data)
    tests = read_tests(raw)
    scorer = twin(tests, raw, encoder, hidden)
    development, judging = half_of(tests, raw, 0), half_of(tests, raw, 1)
    judged = read_arms(judging)
    toys = pq.read_table(options.shared / "amazon_toys_catalog" / "amazon_toys.parquet")["product_name"].drop_null().to_pylist()
    copy = [json.loads(line)["summary"] for line in
            (options.shared / "advertisegen" / "advertisegen_half_a.jsonl").read_text(encoding="utf-8").splitlines()]
    sets = {"headlines of the judging half": sorted(set(judged.text)), "names of toys (amazon_toys)": toys[::5],
            "Chinese copy (advertisegen)": copy, "subjects of product mail": SUBJECTS, "other languages": FOREIGN}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    report = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": options.data.name, "seed": SEED,
              "machine": platform.machine(), "python": platform.python_version(), "file": file_of(PACKAGE), "domains": domains(scorer, sets)}
    report["kinds"] = kinds(development, judged, scorer, hidden)
    print({name: found["accuracy"]["value"] for name, found in report["kinds"].items()}, flush=True)
    report["own_tests"] = own_tests(judging, scorer)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
