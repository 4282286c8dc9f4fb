"""Uplift: whom an e-mail changes, beside the learners of the specialist libraries, on random splits of a real experiment.

    python -m benchmarks.uplift [--data FILE.parquet] [--arm segment] [--control "No E-Mail"] [--outcomes visit spend] [--splits 5]

Any table of one row per person with an arm given at random and an outcome will do; every other column but those named by `--drop` is a
feature. Each split learns on 70 % and is judged on the rest: Qini (area between the gain curve and a random order, per 1,000
persons), the effect among the 30 % ranked first, and the whole area. Peers that are not installed are left out and named. Ours
ranks nobody where ranking seems to bring nothing on the rows learned from: its Qini is then that of a random order.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from brandloom.predict.uplift import fit_uplift

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "hillstrom_email" / "hillstrom.parquet"
TRAIN, TOP = 0.7, 0.3
Floats = np.ndarray
Peer = Callable[[Floats, Floats, Floats, Floats, int], Floats]
"""From features, treated, outcome, features to judge and a seed: a score for each row to judge."""
LGBM = {"n_estimators": 120, "num_leaves": 8, "min_child_samples": 200, "learning_rate": 0.05, "verbose": -1, "n_jobs": 1}


def matrix(table: pa.Table, leave: set[str]) -> tuple[Floats, list[str]]:
    """Numbers as they are, texts of few values as one column each."""
    columns, names = [], []
    for name in table.schema.names:
        if name in leave:
            continue
        values = table[name].to_pylist()
        if isinstance(values[0], str):
            for one in sorted(set(values)):
                columns.append(np.array([value == one for value in values], dtype=float))
                names.append(f"{name}={one}")
        else:
            columns.append(np.array(values, dtype=float))
            names.append(name)
    return np.column_stack(columns), names


def t_linear(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    scale = StandardScaler().fit(x)
    yes_no = set(np.unique(y)) <= {0.0, 1.0}
    made = []
    for arm in (1, 0):
        model = (LogisticRegression(max_iter=500) if yes_no else LinearRegression()).fit(scale.transform(x[w == arm]), y[w == arm])
        made.append(model.predict_proba(scale.transform(rows))[:, 1] if yes_no else model.predict(scale.transform(rows)))
    return made[0] - made[1]


def t_lightgbm(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    return _outcome(x[w == 1], y[w == 1], seed, LGBM).predict(rows) - _outcome(x[w == 0], y[w == 0], seed, LGBM).predict(rows)


def t_lightgbm_default(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    plain = {"verbose": -1, "n_jobs": 1}
    return _outcome(x[w == 1], y[w == 1], seed, plain).predict(rows) - _outcome(x[w == 0], y[w == 0], seed, plain).predict(rows)


def response(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    """Who buys anyway: what is used where nobody asks for effects."""
    return np.asarray(_outcome(x[w == 1], y[w == 1], seed, LGBM).predict(rows))


def causalml_x(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    from causalml.inference.meta import BaseXRegressor
    model = BaseXRegressor(learner=lgb.LGBMRegressor(random_state=seed, **LGBM))
    model.fit(x, w.astype(int), y, p=np.full(len(y), w.mean()))
    return np.asarray(model.predict(rows, p=np.full(len(rows), w.mean()))).ravel()


def causalml_r(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    from causalml.inference.meta import BaseRRegressor
    model = BaseRRegressor(learner=lgb.LGBMRegressor(random_state=seed, **LGBM), random_state=seed)
    model.fit(x, w.astype(int), y, p=np.full(len(y), w.mean()), verbose=False)
    return np.asarray(model.predict(rows)).ravel()


def econml_dr(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    from econml.dr import DRLearner
    from sklearn.linear_model import RidgeCV
    model = DRLearner(model_propensity=LogisticRegression(C=0.01), model_regression=lgb.LGBMRegressor(random_state=seed, **LGBM),
                      model_final=RidgeCV(), cv=5, random_state=seed)
    scale = StandardScaler().fit(x)
    model.fit(y, w.astype(int), X=scale.transform(x))
    return np.asarray(model.effect(scale.transform(rows))).ravel()


def econml_forest(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    from econml.dml import CausalForestDML
    model = CausalForestDML(model_y=lgb.LGBMRegressor(random_state=seed, **LGBM), model_t=LogisticRegression(C=0.01), discrete_treatment=True,
                            n_estimators=200, min_samples_leaf=200, random_state=seed, n_jobs=1)
    model.fit(y, w.astype(int), X=x)
    return np.asarray(model.effect(rows)).ravel()


def class_transformation(x: Floats, w: Floats, y: Floats, rows: Floats, seed: int) -> Floats:
    from sklift.models import ClassTransformation
    if set(np.unique(y)) - {0.0, 1.0}:
        raise ImportError("yes/no outcomes only")
    model = ClassTransformation(lgb.LGBMClassifier(random_state=seed, **LGBM))
    model.fit(x, y.astype(int), w.astype(int))
    return np.asarray(model.predict(rows)).ravel()


PEERS: dict[str, Peer] = {"T linear": t_linear, "T LightGBM": t_lightgbm, "T LightGBM, library defaults": t_lightgbm_default,
                          "response model": response, "X (causalml)": causalml_x, "R (causalml)": causalml_r, "DR, ridge (econml)": econml_dr,
                          "causal forest (econml)": econml_forest, "ClassTransformation (scikit-uplift)": class_transformation}


def _outcome(x: Floats, y: Floats, seed: int, settings: dict[str, Any]) -> lgb.LGBMRegressor:
    return lgb.LGBMRegressor(random_state=seed, **settings).fit(x, y)


def judged(score: Floats, w: Floats, y: Floats, rng: np.random.Generator) -> dict[str, float]:
    """Areas per 1,000 persons and the effect among those ranked first; ties in random order."""
    order = np.lexsort((rng.random(len(score)), -score))
    w, y = w[order], y[order]
    treated, rest = np.cumsum(w), np.cumsum(1 - w)
    n = np.arange(1, len(y) + 1) / len(y)
    effect = np.cumsum(y * w) / np.maximum(treated, 1) - np.cumsum(y * (1 - w)) / np.maximum(rest, 1)
    gain = effect * n
    return {"qini": 1000 * float(np.mean(gain - n * gain[-1])), "top": float(effect[int(TOP * len(y)) - 1]), "auuc": float(np.mean(gain))}


def measure(x: Floats, arm: Floats, y: Floats, names: list[str], control: str, splits: int) -> dict[str, Any]:
    arms = sorted(set(arm.tolist()) - {control})
    found: dict[str, dict[str, list[dict[str, float]]]] = {one: {} for one in arms}
    cards: dict[str, list[dict[str, Any]]] = {one: [] for one in arms}
    absent: dict[str, str] = {}
    for split in range(splits):
        train = np.random.default_rng([split, 2026]).random(len(y)) < TRAIN
        model = fit_uplift(x[train], arm[train], y[train], control=control, features=names, seed=split)
        for one in arms:
            here = (arm == one) | (arm == control)
            learn, test = train & here, ~train & here
            w = (arm == one).astype(float)
            card = model.cards[one]
            cards[one].append({"verdict": card.verdict, "learner": card.learner, "area": list(card.area), "average": list(card.average)})
            scores = {"brandloom": model.predict(x[test])[one]}
            for peer, score in PEERS.items():
                try:
                    scores[peer] = score(x[learn], w[learn], y[learn], x[test], split)
                except ImportError as error:
                    absent[peer] = str(error)
            for peer, score in scores.items():
                found[one].setdefault(peer, []).append(judged(score, w[test], y[test], np.random.default_rng([split, 7])))
            print(split, one, card.verdict, {peer: round(rows[-1]["qini"], 2) for peer, rows in found[one].items()}, flush=True)
    return {"arms": {one: {"average": float(y[arm == one].mean() - y[arm == control].mean()), "cards": cards[one],
                           "models": {peer: _summary(rows, found[one]["brandloom"]) for peer, rows in found[one].items()}} for one in arms},
            "absent": absent}


def _summary(rows: list[dict[str, float]], ours: list[dict[str, float]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in ("qini", "top", "auuc"):
        values, gaps = np.array([row[key] for row in rows]), np.array([mine[key] - row[key] for mine, row in zip(ours, rows, strict=True)])
        made[key] = {"mean": float(values.mean()), "sd": float(values.std(ddof=1)) if len(rows) > 1 else 0.0, "ours_minus": float(gaps.mean()),
                     "ours_minus_sd": float(gaps.std(ddof=1)) if len(rows) > 1 else 0.0}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--arm", default="segment")
    parser.add_argument("--control", default="No E-Mail")
    parser.add_argument("--outcomes", nargs="*", default=["visit", "spend"])
    parser.add_argument("--drop", nargs="*", default=["visit", "conversion", "spend"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "uplift.json")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    table = pq.read_table(options.data)
    x, names = matrix(table, {options.arm, *options.outcomes, *options.drop})
    arm = np.array(table[options.arm].to_pylist())
    load = round(os.getloadavg()[0], 1)
    outcomes = {name: measure(x, arm, np.array(table[name].to_pylist(), dtype=float), names, options.control, options.splits)
                for name in options.outcomes}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    options.out.write_text(json.dumps({
        "commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": options.data.name, "rows": len(x), "splits": options.splits,
        "machine": {"cores": os.cpu_count(), "load_average": load, "platform": platform.platform(), "python": platform.python_version()},
        "outcomes": outcomes}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
