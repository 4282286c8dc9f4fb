"""Which visits end in a purchase: boosted trees, a GRU and their mean beside peers, on a log of clicks and on a made-up world with an order in it.

    python -m benchmarks.sessions [--data ../shared/data/taobao_user_behavior/user_behavior_2h.parquet]

Visits are cut where 30 minutes pass without a step. All learn from visits that are over at four fifths of the time that visits begin in
and are judged after each step of those that begin later. Peers: the share after each kind of step, a Markov chain of kinds (the chance to
reach a purchase before the end), LightGBM as it comes on the same columns as our trees, and, where torch is installed, its GRU of our size
on the same steps. Intervals are 95 %, by bootstrap over visits. `--data` takes columns user_id, item_id, category_id, behavior_type (pv, fav,
cart, buy) and timestamp in epoch seconds. The world (`order`) makes a purchase likely after a cart that follows a search, however long ago
the search was if only nothing else was carted since.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from brandloom.predict.metrics import average_precision, expected_calibration_error
from brandloom.predict.sessions import KINDS, Steps, cut_sessions, fit_sessions
from brandloom.predict.sessions.model import PARTS, sequence_columns, tree_columns
from brandloom.predict.tables.calibrate import log_loss_rows

Floats = npt.NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
DRAWS, SEED = 200, 7
METRICS: dict[str, Callable[[Floats, Floats], float]] = {
    "log_loss": lambda y, p: float(log_loss_rows(y, p).mean()), "average_precision": average_precision, "ece": expected_calibration_error}


def log_of_clicks(path: Path) -> pa.Table:
    return duckdb.connect().execute(f"""SELECT user_id::VARCHAR AS visitor, user_id::VARCHAR AS customer,
        to_timestamp("timestamp")::TIMESTAMP AS occurred_at,
        CASE behavior_type WHEN 'pv' THEN 'view' WHEN 'fav' THEN 'favourite' WHEN 'buy' THEN 'purchase' ELSE behavior_type END AS kind,
        item_id::VARCHAR AS product, category_id::VARCHAR AS category, NULL::DOUBLE AS price
        FROM '{path}' ORDER BY user_id, "timestamp", item_id""").to_arrow_table()


def order_world(visits: int, seed: int) -> pa.Table:
    """Steps of visits one after another; a cart is followed by a purchase in 6 of 10 cases where the last step that was no view was a search."""
    rng, rows = np.random.default_rng(seed), list[tuple[str, float, str, str]]()
    for number in range(visits):
        at, last = number * 20, ""
        for place in range(rng.integers(2, 14)):
            kind = str(rng.choice(["view", "view", "view", "search", "cart"]))
            rows.append((f"v{number:07}", at + place, kind, str(rng.integers(20))))
            if kind == "cart" and last == "search" and rng.random() < 0.6:
                rows.append((f"v{number:07}", at + place + 0.5, "purchase", "0"))
                break
            last = last if kind == "view" else kind
    start = datetime(2024, 6, 1)
    return pa.table({"visitor": [row[0] for row in rows], "customer": [row[0] for row in rows],
                     "occurred_at": pa.array([start + timedelta(minutes=row[1]) for row in rows], pa.timestamp("us")),
                     "kind": [row[2] for row in rows], "product": [row[3] for row in rows], "category": ["all"] * len(rows),
                     "price": pa.nulls(len(rows), pa.float64())})


def compare(steps: Steps) -> dict[str, Any]:
    """Every way's scores on the later visits."""
    moment = datetime(1970, 1, 1) + timedelta(seconds=float(np.quantile(steps.starts, 0.8)))
    past, judged = steps.of_visits(steps.finished(moment)), steps.of_visits(steps.starts > (moment - datetime(1970, 1, 1)).total_seconds())
    told: dict[str, Floats] = {"Markov chain of kinds": markov(past)[judged.kind],
                               "LightGBM as it comes": library(past, judged)}
    seconds = {}
    for way in (*PARTS, "chosen"):
        started = time.process_time()
        model = fit_sessions(past, moment, ways=PARTS if way == "chosen" else (way,), seed=SEED)
        seconds[way] = round(time.process_time() - started, 1)
        told[f"ours: {way}"] = model.probability(judged)
    if find_spec("torch"):
        told["torch GRU"] = torch_gru(past, judged)
    return {"visits": len(steps.customer), "steps": len(steps), "judged_steps": len(judged), "judged_followed": int(judged.follows.sum()),
            "chosen": model.card.chosen, "seconds": seconds, "scores": scores(told, judged)}


def scores(told: dict[str, Floats], judged: Steps) -> dict[str, Any]:
    """Each metric with its interval, and what ours gains in log loss over each, on the same drawn visits."""
    rng, ends = np.random.default_rng(SEED), judged.ends()
    starts = np.r_[0, ends[:-1] + 1]
    drawn = [np.concatenate([np.arange(starts[visit], ends[visit] + 1) for visit in rng.integers(0, len(ends), len(ends))]) for _draw in range(DRAWS)]
    y, made = judged.follows, {}
    for name, p in told.items():
        made[name] = {metric: _between(read(y, p), [read(y[rows], p[rows]) for rows in drawn]) for metric, read in METRICS.items()}
        gain = log_loss_rows(y, told["ours: chosen"]) - log_loss_rows(y, p)
        made[name]["chosen_minus"] = _between(float(gain.mean()), [float(gain[rows].mean()) for rows in drawn])
    return made


def _between(value: float, drawn: list[float]) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(value, 5), "low": round(float(low), 5), "high": round(float(high), 5)}


def markov(steps: Steps) -> Floats:
    """(KINDS,) chance to reach a purchase before the end from each kind, with one move of each sort added."""
    size, purchase = len(KINDS), KINDS.index("purchase")
    moves = np.full((size, size + 1), 1.0 / (size + 1))
    following = np.r_[steps.kind[1:], 0]
    following[steps.ends()] = size
    np.add.at(moves, (steps.kind, following), 1.0)
    moves /= moves.sum(1, keepdims=True)
    inner = [kind for kind in range(size) if kind != purchase]
    reach = np.linalg.solve(np.eye(len(inner)) - moves[np.ix_(inner, inner)], moves[inner, purchase])
    whole = np.zeros(size)
    whole[inner] = reach
    whole[purchase] = moves[purchase, purchase] + moves[purchase, inner] @ reach
    return np.asarray(np.clip(whole, 1e-6, 1 - 1e-6))


def library(past: Steps, judged: Steps) -> Floats:
    """LightGBM as it comes."""
    model = lgb.LGBMClassifier(verbosity=-1, n_jobs=1, random_state=SEED).fit(tree_columns(past), past.follows)
    told = np.asarray(model.predict_proba(tree_columns(judged)), dtype=np.float64)[:, 1]
    return np.clip(told, 1e-9, 1 - 1e-9)


def torch_gru(past: Steps, judged: Steps) -> Floats:
    """torch's GRU of our size and inputs, Adam at our rate, as many passes as do best on the last fifth of the past's visits."""
    import torch
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    aside = past.starts > np.quantile(past.starts, 0.8)

    def pad(steps: Steps, visits: npt.NDArray[np.int64]) -> tuple[Any, Any, Any]:
        x, ends = sequence_columns(steps), steps.ends()
        starts = np.r_[0, ends[:-1] + 1]
        most = int((ends[visits] - starts[visits]).max()) + 1
        places = np.minimum(starts[visits][:, None] + np.arange(most), ends[visits][:, None])
        real = starts[visits][:, None] + np.arange(most) <= ends[visits][:, None]
        return torch.tensor(x[places], dtype=torch.float32), torch.tensor(steps.follows[places], dtype=torch.float32), torch.tensor(real)

    unit, head = torch.nn.GRU(sequence_columns(past).shape[1], 24, batch_first=True), torch.nn.Linear(24, 1)
    adam = torch.optim.Adam([*unit.parameters(), *head.parameters()], lr=0.01)
    best, kept, rng = np.inf, np.zeros(len(judged)), np.random.default_rng(SEED)
    learned, later = np.flatnonzero(~aside), np.flatnonzero(aside)
    lengths = np.diff(np.r_[-1, past.ends()])
    for _turn in range(20):
        order = learned[np.lexsort((rng.random(len(learned)), lengths[learned]))]
        for rows in [part for part in np.array_split(order, max(1, len(order) // 256)) if len(part)]:
            x, y, real = pad(past, rows)
            adam.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(head(unit(x)[0])[:, :, 0][real], y[real]).backward()
            adam.step()
        with torch.no_grad():
            x, y, real = pad(past, later)
            loss = float(torch.nn.functional.binary_cross_entropy_with_logits(head(unit(x)[0])[:, :, 0][real], y[real]))
            if loss < best:
                x, _y, real = pad(judged, np.arange(len(judged.customer)))
                best, kept = loss, torch.sigmoid(head(unit(x)[0])[:, :, 0][real]).numpy().astype(np.float64)
    return np.clip(kept, 1e-9, 1 - 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "taobao_user_behavior" / "user_behavior_2h.parquet")
    parser.add_argument("--visits", type=int, default=8000, help="of the made-up world")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "sessions.json")
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    sets = {"clicks": compare(cut_sessions(log_of_clicks(options.data))), "order": compare(cut_sessions(order_world(options.visits, SEED)))}
    result = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": f"{options.data.name}; made-up visits",
              "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
              "sets": sets}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, one in sets.items():
        print(name, {key: value for key, value in one.items() if key != "scores"})
        for way, row in one["scores"].items():
            print(f"  {way:24}", *(f"{metric} {row[metric]['value']:.4f}" for metric in row))


if __name__ == "__main__":
    main()
