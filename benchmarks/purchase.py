"""Purchase and spend predictions beside their peers on UCI Online Retail, judged out of time.

    python benchmarks/purchase.py --data online_retail.parquet [--out benchmarks/results/purchase.json]

Purchase within 30 days at the cutoffs 2011-08-01, 09-01 and 10-01, and spend within 90 days at 2011-08-01 and 09-01. Judged are
customers who had bought before the cutoff; every model sees only what came before it. Settings of ours (features, trees, blend,
season rule) were chosen on cutoffs up to 2011-07-01 and on other shops. Differences are paired: the same bootstrap of customers
for both, ours minus the peer, 95 % intervals. Peers: logistic regression on the five classical logarithms, LightGBM with its
library defaults, and 'most recent buyers first' as a marketer would sort.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm as lgb
import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from brandloom import predict
from brandloom.engine import DuckEngine, Engine, ensure_tables
from brandloom.predict.features import FEATURES, Examples, Floats, examples
from brandloom.predict.metrics import (
    Judged,
    auc,
    average_precision,
    captured,
    expected_calibration_error,
    interval_coverage,
    spearman,
)

PURCHASE_CUTOFFS = (datetime(2011, 8, 1), datetime(2011, 9, 1), datetime(2011, 10, 1))
SPEND_CUTOFFS = (datetime(2011, 8, 1), datetime(2011, 9, 1))
NOT_PRODUCTS = ("POST", "DOT", "M", "m", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS", "B")
FIVE_LOGS = ("frequency", "days_since_last", "T_days", "monetary_value", "recency_days")
DRAWS = 500
LOAD = """
SELECT 'c' || CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS customer, CAST(InvoiceDate AS TIMESTAMP) AS occurred_at,
       CASE WHEN StockCode IN {codes} THEN 'adjustment' WHEN InvoiceNo LIKE 'C%' THEN 'return' ELSE 'purchase' END AS kind,
       StockCode AS product, CAST(Quantity AS DOUBLE) AS quantity, CAST(Quantity * UnitPrice AS DECIMAL(18, 4)) AS amount,
       InvoiceNo AS order_id
FROM (SELECT DISTINCT * FROM read_parquet($path))
WHERE CustomerID IS NOT NULL AND UnitPrice > 0 AND (Quantity > 0 OR InvoiceNo LIKE 'C%')
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="online_retail.parquet")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "purchase.json")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    engine = load(asked.data)
    result = {
        "commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(), "machine": platform.machine(), "data": asked.data.name,
        "seed": asked.seed, "draws": DRAWS, "tuned_on": "cutoffs up to 2011-07-01, and other shops for the season rule",
        "purchase_30_days": judge_purchase(engine, asked.seed), "spend_90_days": judge_spend(engine, asked.seed),
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    json.dump({key: result[key] for key in ("purchase_30_days", "spend_90_days")}, sys.stdout, indent=1)


def load(path: Path) -> Engine:
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    engine.append("events", LOAD.format(codes=NOT_PRODUCTS), path=str(path))
    engine.append("customers", "SELECT customer, min(occurred_at) AS first_seen FROM events GROUP BY customer")
    return engine


def judge_purchase(engine: Engine, seed: int) -> dict[str, object]:
    """Mean over the cutoffs of each metric, and paired differences with intervals."""
    scores: dict[str, list[Floats]] = {}
    truth, coverage, seconds, floor = [], [], [], []
    for cutoff in PURCHASE_CUTOFFS:
        started = time.perf_counter()
        model = predict.fit(engine, cutoff, horizon_days=30, seed=seed)
        seconds.append(time.perf_counter() - started)
        rows, train = judged_rows(engine, cutoff, 30), training_rows(engine, cutoff, 30)
        ours = model.scorer.score(rows.x)
        coverage.append(interval_coverage(Judged.of(ours, rows.bought, rows.spend)))
        floor.append(ece_of_chance(ours.p, seed))
        truth.append(rows.bought)
        for name, score in {"brandloom": ours.p, "rfm_logistic": rfm_logistic(train, rows.x, seed),
                            "lightgbm_default": lightgbm_default(train, rows.x, seed),
                            "most_recent": most_recent(rows.x)}.items():
            scores.setdefault(name, []).append(score)
    metrics = {"auc": auc, "average_precision": average_precision, "brier": lambda y, p: float(np.mean((p - y) ** 2)),
               "ece": expected_calibration_error, "buyers_in_top_tenth": captured}
    table = compare(metrics, truth, scores, seed, unscaled=("most_recent",), scaled=("brier", "ece"))
    return {"cutoffs": [str(c.date()) for c in PURCHASE_CUTOFFS], "base_rates": [round(float(y.mean()), 4) for y in truth],
            "customers": [len(y) for y in truth], "models": table, "interval_coverage_of_bins": coverage,
            "ece_of_chance": [round(one, 4) for one in floor], "fit_seconds": [round(s, 1) for s in seconds]}


def ece_of_chance(p: Floats, seed: int) -> float:
    """Mean calibration error of probabilities that are exactly right, with as many customers: what chance alone brings."""
    rng = np.random.default_rng(seed)
    return float(np.mean([expected_calibration_error((rng.random(len(p)) < p).astype(float), p) for _draw in range(DRAWS)]))


def judge_spend(engine: Engine, seed: int) -> dict[str, object]:
    scores: dict[str, list[Floats]] = {}
    truth = []
    for cutoff in SPEND_CUTOFFS:
        model = predict.fit(engine, cutoff, horizon_days=90, seed=seed)
        rows, train = judged_rows(engine, cutoff, 90), training_rows(engine, cutoff, 90)
        truth.append(rows.spend)
        for name, score in {"brandloom": model.scorer.score(rows.x).spend, "rfm_two_part": rfm_two_part(train, rows.x, seed),
                            "lightgbm_tweedie_default": tweedie_default(train, rows.x, seed),
                            "most_recent": most_recent(rows.x)}.items():
            scores.setdefault(name, []).append(score)
    metrics = {"spearman": spearman, "mae": lambda y, s: float(np.mean(np.abs(y - s))),
               "rmse": lambda y, s: float(np.sqrt(np.mean((y - s) ** 2))), "spend_in_top_tenth": captured,
               "total_bias": lambda y, s: float(np.sum(s) / np.sum(y) - 1.0)}
    table = compare(metrics, truth, scores, seed, unscaled=("most_recent",), scaled=("mae", "rmse", "total_bias"))
    return {"cutoffs": [str(c.date()) for c in SPEND_CUTOFFS], "mean_spend": [round(float(y.mean()), 2) for y in truth],
            "share_who_spend": [round(float(np.mean(y > 0)), 4) for y in truth], "models": table}


def judged_rows(engine: Engine, cutoff: datetime, horizon_days: int) -> Examples:
    return buyers(examples(engine, [cutoff], horizon_days))


def training_rows(engine: Engine, cutoff: datetime, horizon_days: int) -> Examples:
    """The peers learn from the same three cutoffs as we do."""
    return buyers(examples(engine, [cutoff - timedelta(days=horizon_days + 30 * k) for k in range(3)], horizon_days))


def buyers(rows: Examples) -> Examples:
    return rows.where(~np.isnan(rows.x[:, FEATURES.index("days_since_last")]))


def rfm_logistic(train: Examples, x: Floats, seed: int) -> Floats:
    model = LogisticRegression(max_iter=500).fit(logs(train.x), train.bought)
    return np.asarray(model.predict_proba(logs(x))[:, 1])


def lightgbm_default(train: Examples, x: Floats, seed: int) -> Floats:
    return boosted({"objective": "binary"}, train.x, train.bought, x, seed)


def tweedie_default(train: Examples, x: Floats, seed: int) -> Floats:
    return boosted({"objective": "tweedie"}, train.x, np.maximum(train.spend, 0.0), x, seed)


def rfm_two_part(train: Examples, x: Floats, seed: int) -> Floats:
    some = train.spend > 0
    money = Ridge(1.0).fit(logs(train.x[some]), np.log(train.spend[some]))
    level = train.spend[some].sum() / np.exp(money.predict(logs(train.x[some]))).sum()
    return np.asarray(rfm_logistic(train, x, seed) * level * np.exp(money.predict(logs(x))))


def most_recent(x: Floats) -> Floats:
    """Whoever bought last comes first; ties by spend so far."""
    since, spent = x[:, FEATURES.index("days_since_last")], x[:, FEATURES.index("net_revenue")]
    return np.asarray(-since + 0.5 * np.argsort(np.argsort(spent)) / len(spent))


def boosted(params: dict[str, str], train_x: Floats, y: Floats, x: Floats, seed: int) -> Floats:
    settings = {**params, "verbosity": -1, "num_threads": 1, "seed": seed, "deterministic": True, "force_row_wise": True}
    return np.asarray(lgb.train(settings, lgb.Dataset(train_x, y), 100).predict(x))


def logs(x: Floats) -> Floats:
    return np.log1p(np.maximum(np.nan_to_num(x[:, [FEATURES.index(name) for name in FIVE_LOGS]]), 0.0))


def compare(metrics, truth, scores, seed, *, unscaled, scaled):  # type: ignore[no-untyped-def]
    """Per model and metric: mean over cutoffs, its value at each, and ours minus it with a paired interval."""
    rng = np.random.default_rng(seed)
    draws = [[rng.integers(0, len(y), len(y)) for y in truth] for _ in range(DRAWS)]
    table: dict[str, dict[str, object]] = {}
    ours_by_metric = {m: [_mean(f, truth, scores["brandloom"], rows) for rows in draws] for m, f in metrics.items()}
    for name, scored in scores.items():
        for metric, f in metrics.items():
            if name in unscaled and metric in scaled:
                continue  # an order of customers has no probability or money
            each = [f(y, s) for y, s in zip(truth, scored, strict=True)]
            entry: dict[str, object] = {"mean": round(float(np.mean(each)), 4), "each": [round(float(v), 4) for v in each]}
            drawn = np.array([_mean(f, truth, scored, rows) for rows in draws])
            entry["interval"] = _interval(drawn)
            if name != "brandloom":
                entry["ours_minus"] = round(float(np.mean([f(y, s) for y, s in zip(truth, scores["brandloom"], strict=True)])
                                                  - np.mean(each)), 4)
                entry["ours_minus_interval"] = _interval(np.array(ours_by_metric[metric]) - drawn)
            table.setdefault(name, {})[metric] = entry
    return table


def _mean(f, truth, scored, rows) -> float:  # type: ignore[no-untyped-def]
    return float(np.mean([f(y[r], s[r]) for y, s, r in zip(truth, scored, rows, strict=True)]))


def _interval(values: Floats) -> list[float]:
    return [round(float(v), 4) for v in np.quantile(values, [0.025, 0.975])]


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
