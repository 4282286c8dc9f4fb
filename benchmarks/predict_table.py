"""Conversion tables: our blend beside LightGBM, tuned LightGBM, CatBoost, their mean and logistic regression, on the same folds.

    python -m benchmarks.predict_table --data shared/data [--sets online_shoppers] [--work FOLDER]

Stratified five-fold, and twenty tables of 300 rows judged on the rows left over. Everything is learned from training rows alone.
Nothing of ours was chosen on these sets: shapes of trees, penalties and pulls were set on hillstrom_email (visit), cookie_cats_ab
(retention) and superstore (orders at a loss). Each model's scores are kept in the work folder, so that a run that was stopped goes on
where it stood. Peers that are not installed (catboost, optuna) are left out and named.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np
from sklearn.model_selection import StratifiedKFold

from benchmarks.purchase import commit, compare
from brandloom.predict.metrics import auc, average_precision, expected_calibration_error
from brandloom.predict.tables.calibrate import log_loss_rows
from brandloom.predict.tables.fitting import Rows, content_order, encode_folds, fit_blend
from brandloom.predict.tables.folds import folds
from brandloom.predict.tables.frame import Frame, read_frame, row_hashes

FOLDS, SMALL_ROWS, SMALL_DRAWS, TRIALS, MOST_JUDGED = 5, 300, 20, 30, 8_000
METRICS = {"auc": auc, "average_precision": average_precision, "log_loss": lambda y, p: float(log_loss_rows(y, p).mean()),
           "ece": expected_calibration_error}
RFM = """
WITH t AS (SELECT customer_id, CAST(strptime(trans_date, '%d-%b-%y') AS DATE) AS day, CAST(tran_amount AS DOUBLE) AS amount
           FROM read_parquet($transactions)),
g AS (SELECT *, date_diff('day', lag(day) OVER (PARTITION BY customer_id ORDER BY day), day) AS gap FROM t)
SELECT r.response, date_diff('day', max(day), DATE '2015-03-17') AS days_since_last, date_diff('day', min(day), max(day)) AS tenure_days,
       count(*) AS orders, sum(amount) AS amount, avg(amount) AS mean_amount, max(amount) AS max_amount, min(amount) AS min_amount,
       stddev(amount) AS sd_amount, avg(gap) AS mean_gap, max(gap) AS max_gap, arg_max(amount, day) AS last_amount,
       coalesce(sum(CASE WHEN day >= DATE '2014-12-17' THEN amount END), 0) AS amount_90,
       count(CASE WHEN day >= DATE '2014-12-17' THEN 1 END) AS orders_90,
       coalesce(sum(CASE WHEN day >= DATE '2014-03-17' THEN amount END), 0) AS amount_365,
       count(CASE WHEN day >= DATE '2014-03-17' THEN 1 END) AS orders_365
FROM g JOIN read_parquet($response) r USING (customer_id) GROUP BY customer_id, r.response ORDER BY customer_id
"""


@dataclass(frozen=True)
class Task:
    """One table: ours reads `frame`; the peers take `x`, with codes of categories in the columns `categorical`."""

    name: str
    frame: Frame
    names: tuple[str, ...]
    y: np.ndarray
    x: np.ndarray
    categorical: list[int]


Model = Callable[[Task, np.ndarray, np.ndarray, int], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--sets", nargs="*", default=list(READERS), choices=list(READERS))
    parser.add_argument("--work", type=Path, default=Path("build/predict_table"), help="scores of finished folds are kept here")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "predict_table.json")
    parser.add_argument("--first-folds", type=int, default=FOLDS, help="judge on the first of the five folds only")
    parser.add_argument("--small-draws", type=int, default=SMALL_DRAWS, help="tables of 300 rows")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    absent = [name for name in ("catboost", "optuna") if find_spec(name) is None]
    result: dict[str, object] = {
        "commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
        "machine": platform.machine(), "data": ", ".join(asked.sets), "seed": asked.seed, "folds": FOLDS, "trials": TRIALS,
        "tuned_on": "hillstrom_email (visit), cookie_cats_ab (retention), superstore (orders at a loss)", "absent": absent, "sets": {}}
    if asked.out.is_file():  # sets that are not asked for now keep their figures
        result["sets"] = json.loads(asked.out.read_text(encoding="utf-8"))["sets"]
    sets: dict[str, object] = dict(result["sets"])  # type: ignore[call-overload]
    for name in asked.sets:
        sets[name] = judge(READERS[name](asked.data, asked.work), asked, absent)
        result["sets"], result["data"] = sets, ", ".join(sets)
        asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def judge(task: Task, asked: argparse.Namespace, absent: list[str]) -> dict[str, object]:
    work, seed = asked.work, asked.seed
    models = {name: model for name, (model, needs) in MODELS.items() if needs not in absent}
    parts = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(task.x, task.y))
    truth, scores, seconds = [], {}, {}
    for k, (train, test) in enumerate(parts[:asked.first_folds]):
        truth.append(task.y[test])
        for name, found in run_all(task, models, train, test, work / f"{task.name}-{seed}-fold{k}", seed).items():
            scores.setdefault(name, []).append(found[:-1])
            seconds.setdefault(name, []).append(round(float(found[-1]), 1))
    return {"rows": len(task.y), "base_rate": round(float(task.y.mean()), 4), "columns": len(task.names), "folds_judged": len(truth),
            "models": compare(METRICS, truth, scores, seed, unscaled=(), scaled=()), "fit_cpu_seconds": seconds,
            "small": judge_small(task, models, asked) if asked.small_draws else None}


def judge_small(task: Task, models: dict[str, Model], asked: argparse.Namespace) -> dict[str, object]:
    """Tables of 300 rows: mean over the draws, and ours minus the peer with an interval over the draws."""
    work, seed, count = asked.work, asked.seed, asked.small_draws
    each: dict[str, dict[str, list[float]]] = {}
    for draw in range(count):
        rng = np.random.default_rng([seed, draw])
        train = np.sort(np.concatenate([rng.choice(np.flatnonzero(task.y == label), size, replace=False)
                                        for label, size in _sizes(task.y).items()]))
        rest = np.setdiff1d(np.arange(len(task.y)), train)
        test = np.sort(rng.choice(rest, min(MOST_JUDGED, len(rest)), replace=False))
        found = run_all(task, models, train, test, work / f"{task.name}-{seed}-small{draw}", seed)
        found["base_rate"] = np.full(len(test) + 1, task.y[train].mean())
        for name, scored in found.items():
            for metric, f in METRICS.items():
                each.setdefault(name, {}).setdefault(metric, []).append(f(task.y[test], scored[:-1]))
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, count, (1000, count))
    table: dict[str, object] = {}
    for name, metrics in each.items():
        table[name] = {metric: _paired(np.array(values), np.array(each["brandloom"][metric]), draws, name) for metric, values in metrics.items()}
    worse = int(np.sum(np.array(each["brandloom"]["log_loss"]) > np.array(each["base_rate"]["log_loss"])))
    return {"rows": SMALL_ROWS, "draws": count, "models": table, "draws_worse_than_base_rate": worse,
            "worst_excess_over_base_rate": round(float(np.max(np.array(each["brandloom"]["log_loss"]) - np.array(each["base_rate"]["log_loss"]))), 4),
            "draws_worse_than_base_rate_of_peers": {name: int(np.sum(np.array(metrics["log_loss"]) > np.array(each["base_rate"]["log_loss"])))
                                                    for name, metrics in each.items() if name not in ("brandloom", "base_rate")}}


def _sizes(y: np.ndarray) -> dict[int, int]:
    yes = max(2, round(SMALL_ROWS * float(y.mean())))
    return {0: SMALL_ROWS - yes, 1: yes}


def _paired(values: np.ndarray, ours: np.ndarray, draws: np.ndarray, name: str) -> dict[str, object]:
    entry: dict[str, object] = {"mean": round(float(values.mean()), 4),
                                "interval": [round(float(v), 4) for v in np.quantile(values[draws].mean(axis=1), [0.025, 0.975])]}
    if name != "brandloom":
        gap = ours - values
        entry["ours_minus"] = round(float(gap.mean()), 4)
        entry["ours_minus_interval"] = [round(float(v), 4) for v in np.quantile(gap[draws].mean(axis=1), [0.025, 0.975])]
    return entry


def run_all(task: Task, models: dict[str, Model], train: np.ndarray, test: np.ndarray, stem: Path, seed: int) -> dict[str, np.ndarray]:
    """Each model's probabilities of the judged rows, with the processor seconds it took as the last number."""
    found = {}
    for name, model in models.items():
        kept = Path(f"{stem}-{name}.npy")
        if not kept.is_file():
            begun = time.process_time()
            p = model(task, train, test, seed)
            np.save(kept, np.append(p, time.process_time() - begun))
            print(kept.stem, round(float(log_loss_rows(task.y[test], p).mean()), 4), flush=True)
        found[name] = np.load(kept)
    if {"lightgbm_tuned", "catboost_default"} <= set(found):
        found["mean_of_both"] = (found["lightgbm_tuned"] + found["catboost_default"]) / 2
    return found


def ours(task: Task, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    frame = task.frame.take(train)
    hashes = row_hashes(Frame("", {name: frame.columns[name] for name in task.names}, frame.rows), seed=seed)
    order = content_order(hashes, task.y[train])
    rows = Rows(frame.take(order), task.names, task.y[train][order], hashes[order], "class")
    fitted = fit_blend(rows, encode_folds(rows, folds(rows.y, rows.hashes, is_class=True, time=None)), seed=seed)
    return fitted.blend.predict(task.frame.take(test))


def lightgbm_default(task: Task, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from lightgbm import Dataset
    from lightgbm import train as fit
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": seed}
    data = Dataset(task.x[train], task.y[train], categorical_feature=task.categorical, params=params)
    return np.asarray(fit(params, data, 100).predict(task.x[test]))


def lightgbm_tuned(task: Task, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Thirty trials of optuna's TPE, each by three-fold log loss with early stopping; the best is fitted on all training rows."""
    import lightgbm as lgb
    import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x, y = task.x[train], task.y[train]
    parts = list(StratifiedKFold(3, shuffle=True, random_state=seed).split(x, y))

    def settings(trial: optuna.Trial) -> dict[str, object]:
        number, whole = trial.suggest_float, trial.suggest_int
        return {"objective": "binary", "metric": "binary_logloss", "verbosity": -1, "num_threads": 1, "seed": seed, "bagging_freq": 1,
                "feature_pre_filter": False, "learning_rate": number("learning_rate", 0.02, 0.2, log=True),
                "num_leaves": whole("num_leaves", 4, 64, log=True), "min_data_in_leaf": whole("min_data_in_leaf", 5, 200, log=True),
                "feature_fraction": number("feature_fraction", 0.3, 1.0), "bagging_fraction": number("bagging_fraction", 0.5, 1.0),
                "lambda_l1": number("lambda_l1", 1e-3, 10.0, log=True), "lambda_l2": number("lambda_l2", 1e-3, 30.0, log=True)}

    def objective(trial: optuna.Trial) -> float:
        params = settings(trial)
        data = lgb.Dataset(x, y, categorical_feature=task.categorical, params={**params, "verbosity": -1}, free_raw_data=False)
        run = lgb.cv(params, data, 1000, folds=parts, callbacks=[lgb.early_stopping(40, verbose=False)])
        curve = run["valid binary_logloss-mean"]
        trial.set_user_attr("rounds", int(np.argmin(curve)) + 1)
        return float(min(curve))
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=TRIALS)
    params = settings(optuna.trial.FixedTrial(study.best_params))
    rounds = round(study.best_trial.user_attrs["rounds"] * 1.1)
    data = lgb.Dataset(x, y, categorical_feature=task.categorical, params=params)
    return np.asarray(lgb.train(params, data, rounds).predict(task.x[test]))


def catboost_default(task: Task, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from catboost import CatBoostClassifier
    model = CatBoostClassifier(thread_count=1, verbose=0, random_seed=seed, allow_writing_files=False, cat_features=task.categorical)
    return np.asarray(model.fit(_texts(task, train), task.y[train]).predict_proba(_texts(task, test))[:, 1])


def _texts(task: Task, rows: np.ndarray) -> np.ndarray:
    x = task.x[rows].astype(object)
    for column in task.categorical:
        x[:, column] = ["" if np.isnan(code) else str(int(code)) for code in task.x[rows, column]]
    return x


def logistic(task: Task, train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    numbers = [i for i in range(task.x.shape[1]) if i not in task.categorical]
    model = make_pipeline(ColumnTransformer([("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
                                             ("c", OneHotEncoder(handle_unknown="ignore"), task.categorical)]), LogisticRegression(max_iter=2000))
    return np.asarray(model.fit(task.x[train], task.y[train]).predict_proba(task.x[test])[:, 1])


def online_shoppers(data: Path, work: Path) -> Task:
    return _task(data / "online_shoppers" / "online_shoppers_intention.parquet", "Revenue", ())


def bank_marketing(data: Path, work: Path) -> Task:
    return _task(data / "bank_marketing" / "bank_additional_full.parquet", "y", ("duration",))


def retail_transactions_response(data: Path, work: Path) -> Task:
    """Recency, frequency and money of each customer, made of the transactions."""
    folder, made = data / "retail_transactions_response", work / "retail_transactions_response.parquet"
    with duckdb.connect() as connection:
        table = connection.execute(RFM, {"transactions": str(folder / "transactions.parquet"), "response": str(folder / "response.parquet")})
        connection.register("made", table.to_arrow_table())
        connection.execute(f"COPY made TO '{made}' (FORMAT parquet)")
    return _task(made, "response", ())


def _task(file: Path, target: str, without: tuple[str, ...]) -> Task:
    frame = read_frame(file)
    told = frame.columns[target]
    y = told.numbers if told.kind == "number" else np.array([float(level.lower() in ("yes", "true", "1")) for level in told.levels])[told.codes]
    names = tuple(name for name in frame.columns if name != target and name not in without)
    columns = [frame.columns[name] for name in names]
    x = np.column_stack([np.where(c.codes >= 0, c.codes, np.nan) if c.kind == "category" else c.numbers for c in columns])
    return Task(file.parent.name if file.stem != "retail_transactions_response" else file.stem, frame, names, y.astype(np.float64), x,
                [i for i, c in enumerate(columns) if c.kind == "category"])


READERS = {"online_shoppers": online_shoppers, "retail_transactions_response": retail_transactions_response, "bank_marketing": bank_marketing}
MODELS: dict[str, tuple[Model, str]] = {
    "brandloom": (ours, ""), "lightgbm_default": (lightgbm_default, ""), "lightgbm_tuned": (lightgbm_tuned, "optuna"),
    "catboost_default": (catboost_default, "catboost"), "logistic": (logistic, "")}

if __name__ == "__main__":
    main()
