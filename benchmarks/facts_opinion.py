"""What a small model on what the fact gate sees would add to its rules: a study before it is built.

    python -m benchmarks.facts_opinion [--out benchmarks/results/facts_opinion.json]

Sentences are the rounds of `facts_cases` by hands that had not seen the gate; each hand is judged by a model that learned from the others.
Of them only `round8` and `round9` were not used to mend the gate, so they are the fair judges of its rules; the rounds that were are too
easy for the rules and teach the model to trust them too much. The shares are of false sentences stopped where a fifth of the true ones is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.facts import WRITTEN, hand_cases
from brandloom.content.checks import check_against
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.ground import ground, stem
from brandloom.content.checks.normalise import fold

Floats = npt.NDArray[np.float64]
HANDS = ("round6", "round7", "round8", "round9")
ALARMS, PENALTY = 0.2, 0.1
CLASSES = ("price", "quantity", "duration", "date", "feature", "discount", "comparison", "superlative", "testimonial", "health", "delivery",
           "guarantee", "material", "brand", "stock", "gift", "shop", "award")
_DENIES = re.compile(r"\b(?:no|not|never|without)\b|n['’]t\b|不|没|无", re.IGNORECASE)
_WIDENS = re.compile(r"\b(?:any|every|all|always|whatever|free|each|no matter|however|even|anyone|everyone)\b|都|任何|随时|全场|所有|照样|照常"
                     r"|免费|只要|一律|通通|统统|不限|也行|也能|就能|就行|一口价", re.IGNORECASE)


def features(language: str, record: Any, sentence: str) -> list[float]:
    """What the gate found, and how much of the sentence the record holds."""
    known, found, text = ground(record), check_against(sentence, record, language=language, today=WRITTEN), fold(sentence).lower()
    figures = [one for one in read_figures(text) if not one.casual]
    stated, numbers = {(one.figure.kind, one.figure.number) for one in known.stated}, {one.figure.number for one in known.stated}
    digits = re.findall(r"\d+(?:\.\d+)?", text)
    held = ([stem(word) in known.words for word in re.findall("[a-z]{4,}", text)] if language == "en" else
            [run[at:at + 2] in known.text for run in re.findall("[\u4e00-\u9fff]+", text) for at in range(len(run) - 1)])
    return [len(found), sum(one.rule in CLASSES[:4] for one in found), len(figures), share([(one.kind, one.number) in stated for one in figures]),
            share([one.number in numbers for one in figures]), len(digits), share([one in known.text for one in digits]), share(held), len(held),
            bool(_DENIES.search(text)), len(_WIDENS.findall(text)), len(text), language == "zh",
            *(sum(one.rule == kind for one in found) for kind in CLASSES)]


def share(hits: list[bool]) -> float:
    """-1 where there is nothing to count."""
    return sum(hits) / len(hits) if hits else -1.0


def read(name: str) -> tuple[Floats, Floats]:
    """(n, features), and (n,) whether the sentence is false."""
    rows = list(hand_cases(name))
    return (np.array([features(language, record, sentence) for language, _verdict, _kind, record, sentence in rows], dtype=np.float64),
            np.array([verdict == "false" for _language, verdict, *_rest in rows], dtype=np.float64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "facts_opinion.json")
    options = parser.parse_args()
    sets, made = {name: read(name) for name in HANDS}, {}
    for name, (x, y) in sets.items():
        others = [sets[other] for other in HANDS if other != name]
        taught, truth = np.concatenate([one for one, _y in others]), np.concatenate([one for _x, one in others])
        middle, spread = taught.mean(0), taught.std(0) + 1e-9
        chance = LogisticRegression(C=PENALTY, max_iter=5000).fit((taught - middle) / spread, truth).predict_proba((x - middle) / spread)[:, 1]
        ruled = x[:, 0] > 0
        made[name] = {"sentences": len(y), "rules: false stopped": round(float(ruled[y == 1].mean()), 4),
                      "rules: true stopped": round(float(ruled[y == 0].mean()), 4), "rules: auc": round(float(roc_auc_score(y, ruled)), 4),
                      "model: auc": round(float(roc_auc_score(y, chance)), 4),
                      "model: false stopped": round(float((chance[y == 1] > np.quantile(chance[y == 0], 1 - ALARMS)).mean()), 4)}
        print(name, made[name])
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    options.out.write_text(json.dumps({"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"),
                                       "data": "our sentences in benchmarks/facts_cases",
                                       "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
                                       "alarms": ALARMS, "hands": made},
                                      indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
