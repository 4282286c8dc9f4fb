"""Makes the second opinion on the law that ships: naive Bayes on runs of characters of labelled sentences.

    python -m benchmarks.make_law_classifier [--check]

Sentences are ours: `data/law_corpus` was written for this by hands that had not seen the rules, the `compliance_*` sets of earlier rounds
join them; what only needs a proof is left to the rules. The sentences of one hand are left out in turn, and what the rest then says about
them calibrates the probability and chooses from which one a sentence is suspect: as many breaches as can be found while, of lawful
sentences that the rules let pass, at most `--alarms` are stopped. `fresh6`, by yet another hand, is never read here. `--check` measures and
writes no weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from brandloom.content.checks.classifier import BITS, RUNS, evidence, runs
from brandloom.content.checks.normalise import read
from brandloom.content.checks.packs import sector_of
from brandloom.content.checks.review import review
from brandloom.measure import wilson

DATA = Path(__file__).parent / "data"
SHIPPED = Path(__file__).parent.parent / "src" / "brandloom" / "content" / "data" / "law"
RESULT = Path(__file__).parent / "results" / "law_classifier.json"
OLD = {**dict.fromkeys(("dev", "judge", "late", "fresh1", "fresh2", "fresh3"), "rules"), "fresh4": "fourth", "fresh5": "fifth"}
"""Set -> the hand that wrote it."""
RETAIL = SHIPPED.parents[2] / "campaigns" / "data" / "online_retail.parquet"
LONG_NAME = 18
_HAN = re.compile("[\u4e00-\u9fff]")
SHORTEST = {"zh": 6, "en": 18}
ENDINGS = {"zh": "cn", "en": "en"}
LEAST_SEEN = 2
"""How often a run must stand in them to be kept."""
SMOOTHING = 0.3


@dataclass(frozen=True)
class Example:
    """A sentence of one hand."""

    hand: str
    text: str
    sector: str
    jurisdiction: str
    breach: bool


def examples(language: str) -> list[Example]:
    """Every labelled sentence but those kept for judging."""
    ending = ENDINGS[language]
    named = [(hand, DATA / f"compliance_{name}_{ending}.tsv") for name, hand in OLD.items()]
    named += [(path.stem, path) for path in sorted((DATA / "law_corpus").glob(f"*_{ending}.tsv"))]
    made = {}
    for hand, path in named:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["label"] == "proof":
                    continue
                where, sector = row.get("jurisdiction") or "cn", sector_of(row["sector"])
                made.setdefault(read(row["text"]).text, Example(hand, row["text"], sector, where, row["label"] != "lawful"))
    for text in house_copy(language):
        made.setdefault(read(text).text, Example("house", text, "general", "cn" if language == "zh" else "uk", False))
    return list(made.values())


def house_copy(language: str) -> list[str]:
    """What claims nothing: sentences of our own templates, and for English the names of things."""
    frames = [_strings(yaml.safe_load((SHIPPED.parent / name).read_text("utf-8"))) for name in ("templates.yaml", "openings.yaml")]
    texts = [text for text in sorted({text for found in frames for text in found})
             if bool(_HAN.search(text)) == (language == "zh") and len(text) > SHORTEST[language]]
    return texts + (product_names() if language == "en" else [])


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inside for text in _strings(one)]


def product_names() -> list[str]:
    """Names of things, which claim nothing: every tenth of UCI Online Retail (CC BY 4.0)."""
    names = pq.read_table(RETAIL, columns=["Description"])["Description"].unique().drop_null().to_pylist()
    return sorted({name.strip().capitalize() for name in names if len(name) > LONG_NAME})[::10]


def learn(rows: Sequence[Example], language: str) -> npt.NDArray[np.float32]:
    """(2 ** BITS,) log ratio of how often each run stands in breaches and in lawful sentences; 0 for those seen too seldom."""
    counts = np.zeros((2, 1 << BITS))
    for row in rows:
        for _size, slots in runs(read(row.text).text, language):
            np.add.at(counts[int(row.breach)], slots, 1)
    kept = counts.sum(0) >= LEAST_SEEN
    smooth = counts + SMOOTHING
    shares = smooth / smooth[:, kept].sum(1, keepdims=True)
    return np.where(kept, np.log(shares[1] / shares[0]), 0.0).astype(np.float32)


def out_of_hand(rows: Sequence[Example], language: str) -> npt.NDArray[np.float64]:
    """What the sentences of all other hands say about each one."""
    made = np.zeros(len(rows))
    for hand in sorted({row.hand for row in rows}):
        weights = learn([row for row in rows if row.hand != hand], language)
        for number, row in enumerate(rows):
            if row.hand == hand:
                text = read(row.text).text
                made[number] = evidence(weights, text, language, [(0, len(text))])[0]
    return made


def leaning(rows: Sequence[Example]) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Names of sectors and jurisdictions, and (rows, names) which of them a row has."""
    names = tuple(sorted({name for row in rows for name in (row.sector, row.jurisdiction)}))
    return names, np.array([[float(name in (row.sector, row.jurisdiction)) for name in names] for row in rows])


def let_pass(row: Example, language: str) -> bool:
    """Whether the rules alone have nothing against a sentence."""
    return review(row.text, sector=row.sector, jurisdiction=row.jurisdiction, language=language, opinion=False).verdict == "pass"


def threshold(rows: Sequence[Example], passes: Sequence[bool], chance: npt.NDArray[np.float64], alarms: float) -> float:
    """Least probability at which at most `alarms` of the lawful sentences that the rules let pass are stopped."""
    let = np.sort([one for row, free, one in zip(rows, passes, chance, strict=True) if free and not row.breach])
    return float(let[len(let) - 1 - int(alarms * len(let))])


def measured(rows: Sequence[Example], passes: Sequence[bool], chance: npt.NDArray[np.float64], least: float) -> dict[str, Any]:
    """By hand: what the rules find, and what both find; out of hand."""
    found = {}
    for hand in ["all", *sorted({row.hand for row in rows})]:
        inside = [(row.breach, not free, one > least) for row, free, one in zip(rows, passes, chance, strict=True) if hand in ("all", row.hand)]
        breaches, lawful = [one[1:] for one in inside if one[0]], [one[1:] for one in inside if not one[0]]
        found[hand] = {"sentences": len(inside),
                       "rules found": share([ruled for ruled, _hit in breaches]),
                       "both found": share([hit or ruled for ruled, hit in breaches]),
                       "rules false alarms": share([ruled for ruled, _hit in lawful]),
                       "both false alarms": share([hit or ruled for ruled, hit in lawful])}
    return found


def share(hits: Sequence[bool]) -> dict[str, float | int]:
    found = wilson(int(sum(hits)), len(hits))
    return {"hits": int(sum(hits)), "of": len(hits), "value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def save(path: Path, weights: npt.NDArray[np.float32], names: Sequence[str], line: LogisticRegression, least: float) -> None:
    """Plain arrays of the slots that were seen; half precision is finer than what the weights know."""
    kept = np.flatnonzero(weights)
    np.savez_compressed(path, slots=kept.astype(np.uint32), weights=weights[kept].astype(np.float16), leaning=np.array(names),
                        lean=line.coef_[0][1:].astype(np.float32), slope=np.float32(line.coef_[0][0]), intercept=np.float32(line.intercept_[0]),
                        least=np.float32(least))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alarms", type=float, default=0.02)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    made: dict[str, Any] = {}
    for language in RUNS:
        rows = examples(language)
        said, truth = out_of_hand(rows, language), [row.breach for row in rows]
        names, leans = leaning(rows)
        line = LogisticRegression(max_iter=5000).fit(np.column_stack([said, leans]), truth)
        chance = line.predict_proba(np.column_stack([said, leans]))[:, 1]
        passes = [let_pass(row, language) for row in rows]
        least = threshold(rows, passes, chance, options.alarms)
        made[language] = {"sentences": len(rows), "hands": len({row.hand for row in rows}), "least": round(least, 4),
                          "auc": round(float(roc_auc_score(truth, chance)), 4), "by_hand": measured(rows, passes, chance, least)}
        print(language, json.dumps(made[language], ensure_ascii=False, indent=1))
        if not options.check:
            save(SHIPPED / f"classifier.{language}.npz", learn(rows, language), names, line, least)
    if not options.check:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        RESULT.write_text(json.dumps({"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "languages": made},
                                     indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
