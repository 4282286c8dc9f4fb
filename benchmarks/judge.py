"""The judge by a model's first token: how well it tells false sentences from true ones, and what it adds to the rules.

    python -m benchmarks.judge                                 fits and judges from the answers kept in facts_cases/judged.jsonl
    python -m benchmarks.judge --collect [--seconds 400]       asks the model first; goes on where an earlier run was stopped

Development: hand, late and rounds 1 to 4 of the cases, up to eight true and eight false sentences of each record. The log-odds of
truth are fitted there as a line in the log-odds of Yes (Platt 1999), one intercept per language, and the probability below which a
sentence is stopped is the 2 % quantile of the true ones. Judging: round 5, on products and wordings that neither the rules nor the
judge met before. The fitted line goes to `content/data/judges.json` with the weights it belongs to. A judge speaks unasked only
where, of the unseen sentences that the rules let pass, it stops a quarter of the false ones and at most 2 % of the true ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.facts import CASES, WRITTEN, wilson
from brandloom.content.checks import check_against
from brandloom.content.checks.judge import Calibration, Judge
from brandloom.llm import open_model, registry
from brandloom.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
KEPT = CASES / "judged.jsonl"
FITTED = ROOT / "src" / "brandloom" / "content" / "data" / "judges.json"
RESULT = ROOT / "benchmarks" / "results" / "judge.json"
DEVELOPMENT, UNSEEN, TOGETHER = ("hand", "late", "round1", "round2", "round3", "round4"), "round6", "four together"
PER_RECORD, TRUE_STOPPED, CAUGHT = 8, 0.02, 0.25
Row = dict[str, Any]


def cases(name: str, most: int | None = None) -> list[Row]:
    """Sentences of one set, grouped by record so that a server reads each record once; up to `most` true and false ones of each."""
    with (CASES / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row | {"set": name, "row": number} for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["record"]].append(row)
    kept = []
    for record, group in groups.items():
        Random(f"1{name}{record}").shuffle(group)
        kept += [row for verdict in ("true", "false") for row in [one for one in group if one["verdict"] == verdict][:most]]
    return kept


def together(rows: Sequence[Row]) -> Iterator[Row]:
    """Texts of four true sentences of one record, and the same with one of them false."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["set"], row["record"]].append(row)
    for (name, record), group in groups.items():
        true, false = ([row for row in group if row["verdict"] == verdict] for verdict in ("true", "false"))
        if len(true) < 4 or not false:
            continue
        rng = Random(f"c{name}{record}")
        right, lie = rng.sample(true, 4), rng.choice(false)
        wrong = [*right]
        wrong[rng.randrange(4)] = lie
        for verdict, parts in (("true", right), ("false", wrong)):
            yield {"set": TOGETHER, "row": f"{name}/{record}/{verdict}", "lang": right[0]["lang"], "verdict": verdict, "kind": "any",
                   "record": record, "of": name, "sentence": ("" if right[0]["lang"] == "zh" else " ").join(part["sentence"] for part in parts),
                   "parts": [[name, part["row"]] for part in parts]}


@cache
def records(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    return found


def collect(seconds: float) -> None:
    """Ask the model about every sentence that it was not asked about before."""
    development = [row for name in DEVELOPMENT for row in cases(name, PER_RECORD)]
    rows = [*cases(UNSEEN), *development, *together(development)]
    known = {(row["model"], row["set"], row["row"]) for row in kept()}
    until, judges = time.monotonic() + seconds, dict[tuple[str, str], Judge]()
    with open_model(read_settings().model_copy(update={"model_cache_mb": 0})) as model, KEPT.open("a", encoding="utf-8") as file:
        for row in rows:
            if (model.name, row["set"], row["row"]) in known:
                continue
            if time.monotonic() > until:
                print("stopped by --seconds; the same command goes on")
                return
            name = row.get("of", row["set"])
            judge = judges.setdefault((name, row["record"]), Judge(model, records(name)[row["record"]], row["lang"]))
            odds = judge.ask(row["sentence"])
            file.write(json.dumps({"model": model.name, **{key: row[key] for key in ("set", "row", "lang", "verdict", "kind", "record", "parts")
                                                           if key in row}, "log_odds": odds, "seconds": round(judge.asked[-1].seconds, 3)}) + "\n")
            file.flush()


def kept() -> list[Row]:
    """Every answer so far."""
    return [json.loads(line) for line in KEPT.read_text("utf-8").splitlines()] if KEPT.is_file() else []


def fit(model: str, rows: Sequence[Row]) -> Calibration:
    """The line from answers to probabilities, and where it stops a sentence."""
    languages = ("en", "zh")
    features = np.array([[row["log_odds"], float(row["lang"] == "zh")] for row in rows])
    line = LogisticRegression(C=1e6, max_iter=1000).fit(features, [row["verdict"] == "true" for row in rows])
    slope, chinese = line.coef_[0]
    made = Calibration(model, registry()[model].sha256 if model in registry() else "", round(float(slope), 4), dict(zip(languages, (
        round(float(line.intercept_[0]), 4), round(float(line.intercept_[0] + chinese), 4)), strict=True)), 0.0, len(rows), default=False)
    chances = [made.probability(row["log_odds"], row["lang"]) for row in rows if row["verdict"] == "true"]
    return Calibration(**vars(made) | {"least": round(float(np.quantile(chances, TRUE_STOPPED)), 4)})


def auc(rows: Sequence[Row]) -> float:
    """Share of pairs of a true and a false sentence of which the true one has the higher score."""
    true, false = (np.array([row["score"] for row in rows if row["verdict"] == verdict]) for verdict in ("true", "false"))
    return float((np.sign(true[:, None] - false[None, :]) + 1).mean() / 2)


def between(rows: Sequence[Row]) -> dict[str, float]:
    """AUC with its 95 % interval by drawing records anew 1,000 times."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["set"], row["record"]].append(row)
    rng, drawn = np.random.default_rng(5), list[float]()
    for _turn in range(1000):
        sample = [row for at in rng.integers(len(groups), size=len(groups)) for row in list(groups.values())[at]]
        if len({row["verdict"] for row in sample}) == 2:
            drawn.append(auc(sample))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(auc(rows), 4), "low": round(float(low), 4), "high": round(float(high), 4), "count": len(rows)}


def stopped(rows: Sequence[Row]) -> dict[str, Any]:
    """Shares of false and true sentences stopped by the rules, by the judge, and by either."""
    by = {"rules": lambda row: row["rules"], "judge": lambda row: row["judge"], "both": lambda row: row["rules"] or row["judge"]}
    table: dict[str, Any] = {f"{verdict}, {name}": wilson(sum(map(stops, group)), len(group))
                             for verdict in ("false", "true") for group in [[row for row in rows if row["verdict"] == verdict]]
                             for name, stops in by.items()}
    passed = [row for row in rows if not row["rules"]]
    return table | {f"{verdict}, judge where the rules let pass": wilson(sum(row["judge"] for row in group), len(group))
                    for verdict in ("false", "true") for group in [[row for row in passed if row["verdict"] == verdict]] if group}


def judged(rows: Sequence[Row], line: Calibration) -> list[Row]:
    """Rows with what the judge and the rules say of them."""
    texts = {(name, row["row"]): row for name in (*DEVELOPMENT, UNSEEN) for row in cases(name)}
    found = []
    for row in rows:
        text = texts[row["set"], row["row"]]
        chance = line.probability(row["log_odds"], row["lang"])
        rules = check_against(text["sentence"], records(row["set"])[text["record"]], language=row["lang"], today=WRITTEN)
        found.append(row | {"score": chance, "judge": chance < line.least, "rules": bool(rules)})
    return found


def measure(model: str, rows: Sequence[Row]) -> tuple[dict[str, Any], Calibration]:
    """Everything about one model, and its calibration."""
    single = {(row["set"], row["row"]): row for row in rows if row["set"] != TOGETHER}
    line = fit(model, [row for row in single.values() if row["set"] in DEVELOPMENT])
    seen, unseen = (judged([row for row in single.values() if (row["set"] == UNSEEN) == new], line) for new in (False, True))
    whole = [row | {"score": row["log_odds"]} for row in rows if row["set"] == TOGETHER]
    apart = [row | {"score": min(single[name, number]["log_odds"] for name, number in row["parts"])} for row in whole
             if all((name, number) in single for name, number in row["parts"])]
    table = stopped(unseen)
    caught, lost = (table.get(f"{verdict}, judge where the rules let pass", {"share": 0.0})["share"] for verdict in ("false", "true"))
    line = Calibration(**vars(line) | {"default": caught >= CAUGHT and lost <= TRUE_STOPPED})
    return {"model": model, "calibration": vars(line), "auc_development": {language: between([row for row in seen if row["lang"] == language])
                                                                           for language in ("en", "zh")},
            "auc_unseen": {language: between([row for row in unseen if row["lang"] == language]) for language in ("en", "zh")} | {
                "both": between(unseen), "where the rules let pass": between([row for row in unseen if not row["rules"]])},
            "development": stopped(seen), "unseen": table,
            "four_whole": between(whole) if apart else None, "four_apart": between(apart) if apart else None,
            "seconds": round(float(np.mean([row["seconds"] for row in single.values()])), 3)}, line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collect", action="store_true", help="ask the model of the settings about the sentences first")
    parser.add_argument("--seconds", type=float, default=400.0, help="stop asking after so long")
    options = parser.parse_args()
    if options.collect:
        collect(options.seconds)
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in kept():
        if row["log_odds"] is not None:
            groups[row["model"]].append(row)
    measured = [measure(model, rows) for model, rows in groups.items()]
    FITTED.write_text(json.dumps([vars(line) for _result, line in measured], indent=1) + "\n", encoding="utf-8")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    RESULT.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": "facts_cases",
        "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                    "python": platform.python_version()}, "results": [result for result, _line in measured]}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps([result for result, _line in measured], indent=1))


if __name__ == "__main__":
    main()
