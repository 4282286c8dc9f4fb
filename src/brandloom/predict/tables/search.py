"""Searching settings of the trees with optuna, under a number of trials and a time limit; a search that was stopped goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.predict.tables.fitting import Encoded, Rows, loss, out_of_fold_trees
from brandloom.predict.tables.members import tree_settings

SEARCHED = "trees_searched"


def search_shape(rows: Rows, encoded: list[Encoded], *, trials: int, minutes: float, seed: int, store: Path | None, name: str,
                 progress: Callable[[float], None] = lambda done: None) -> dict[str, Any]:
    """Settings with the lowest out-of-fold loss. The same trials give the same settings; a time limit that bites does not.

    Args:
        store: file that keeps what was tried, so that the next call goes on where this one stopped.
        name: which search it is; another table, target or seed needs another name.
    Raises:
        ConfigError: optuna is not installed.
    """
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ConfigError(_("Searching settings needs optuna: pip install 'brandloom[search]'. Or leave out --trials.")) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(store))) if store is not None else None
    end = time.monotonic() + 60 * minutes

    def objective(trial: Any) -> float:
        shape = _suggest(trial)
        raw, _rounds = out_of_fold_trees(rows, encoded, tree_settings(shape, len(rows.y), rows.task, seed))
        return loss(rows.y, raw, rows.task)

    def finished() -> list[Any]:
        # of a trial that was cut off nothing is known, and its seed would be drawn twice: it is tried again
        return [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    while len(finished()) < trials and (time.monotonic() < end or not finished()):
        # a sampler per trial, seeded by its number: going on gives what not stopping would have given
        study.sampler = optuna.samplers.TPESampler(seed=seed * 100_003 + len(finished()), n_startup_trials=8)
        study.optimize(objective, n_trials=1)
        progress(len(finished()) / trials)
    return dict(_suggest(optuna.trial.FixedTrial(study.best_params)))


def _suggest(trial: Any) -> dict[str, Any]:
    number, whole = trial.suggest_float, trial.suggest_int
    return {"learning_rate": number("learning_rate", 0.02, 0.12, log=True), "num_leaves": whole("num_leaves", 3, 64, log=True),
            "min_data_in_leaf": whole("min_data_in_leaf", 10, 200, log=True), "feature_fraction": number("feature_fraction", 0.3, 1.0),
            "bagging_fraction": number("bagging_fraction", 0.5, 1.0), "lambda_l2": number("lambda_l2", 0.1, 100.0, log=True),
            "extra_trees": trial.suggest_categorical("extra_trees", [False, True])}
