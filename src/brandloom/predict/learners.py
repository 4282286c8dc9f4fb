"""The two learners behind the blend: a logistic or log-linear model on a few logarithms, and LightGBM on all features.

Both speak log-odds (or log money), so that their outputs and contributions can be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from brandloom.predict.features import FEATURES, Floats
from brandloom.predict.patterns import Forests, forests
from brandloom.predict.shapley import PatternTable, pattern_table, shapley_values

if TYPE_CHECKING:
    from lightgbm import Booster
    from sklearn.linear_model import LogisticRegression, Ridge

LOGGED_FOR_PURCHASE = ("frequency", "days_since_last", "T_days", "monetary_value", "recency_days", "orders_90d",
                       "purchase_days_per_month", "n_products", "active_months", "overdue_ratio", "visits_7d", "carts_30d")
LOGGED_FOR_SPEND = (*LOGGED_FOR_PURCHASE, "avg_basket", "last_basket", "max_basket", "spend_90d", "spend_365d", "net_revenue")
TREE_PARAMS = {
    "learning_rate": 0.04, "num_leaves": 8, "min_data_in_leaf": 40, "feature_fraction": 0.5, "bagging_fraction": 0.8,
    "bagging_freq": 1, "lambda_l2": 10.0, "verbosity": -1, "deterministic": True, "force_row_wise": True,
}
N_TREES = 120
MANY_ROWS = 5_000  # from which making the patterns of a dozen models pays


@dataclass(frozen=True)
class Linear:
    """A linear model on log1p of features; `logged` names them, missing and negative values count as 0."""

    logged: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def raw(self, x: Floats, logs: Floats | None = None) -> Floats:
        """(n,) log-odds or log money; `logs` are those of `logged`, where they are there already."""
        # neither a matrix product nor columns in memory order: their last digits depend on how many rows come at once
        parts = np.ascontiguousarray(self._scaled(_logs(x, self.logged) if logs is None else logs) * np.array(self.coefficients))
        return np.asarray(np.sum(parts, axis=1) + self.intercept)

    def contributions(self, x: Floats) -> Floats:
        """(n, features) parts that add up, with `intercept`, to `raw`; measured from the average customer in training."""
        parts = np.zeros((len(x), len(FEATURES)))
        parts[:, [FEATURES.index(name) for name in self.logged]] = self._scaled(_logs(x, self.logged)) * np.array(self.coefficients)
        return parts

    def _scaled(self, logs: Floats) -> Floats:
        scaled: Floats = (logs - np.array(self.center)) / np.array(self.scale)
        return scaled


@dataclass(frozen=True)
class Trees:
    """A LightGBM model kept as its text, so that it can be saved, pickled to workers and compared."""

    text: str

    def raw(self, x: Floats, threads: int = 1) -> Floats:
        """(n,) log-odds or log money."""
        if len(x) == 0:
            return np.empty(0)
        return np.asarray(_booster(self.text).predict(x, raw_score=True, num_threads=threads), dtype=np.float64)

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        """(n, features) exact Shapley values of the trees, and the base they start from."""
        return shapley_values(_tables(self.text), x)


def tree_raws(models: Sequence[Trees], x: Floats, threads: int = 1) -> Sequence[Floats]:
    """(models, n) the raw predictions of several models; for many rows from their patterns, to the same last digit."""
    patterns = _forests(tuple(model.text for model in models)) if len(x) >= MANY_ROWS else None
    return [model.raw(x, threads) for model in models] if patterns is None else list(patterns.raw(x, threads))


def linear_raws(models: Sequence[Linear], x: Floats) -> list[Floats]:
    """(models, n) the raw predictions of several models, with the logarithms taken once."""
    logs = {names: _logs(x, names) for names in {model.logged for model in models}}
    return [model.raw(x, logs[model.logged]) for model in models]


def fit_logistic(x: Floats, y: Floats, weight: Floats) -> Linear:
    """Log-odds of `y` (0/1, both present) from a dozen logarithms."""
    from sklearn.linear_model import LogisticRegression  # loading it takes a second, which only learning needs
    return _fit_linear(LogisticRegression(C=1.0, solver="newton-cholesky"), LOGGED_FOR_PURCHASE, x, y, weight)


def fit_log_money(x: Floats, spend: Floats, weight: Floats) -> Linear:
    """Log of the mean spend of people who buy (`spend` > 0): least squares on logs, then a level that restores the total."""
    from sklearn.linear_model import Ridge
    fitted = _fit_linear(Ridge(alpha=10.0), LOGGED_FOR_SPEND, x, np.log(spend), weight)
    level = np.log(np.sum(weight * spend) / np.sum(weight * np.exp(fitted.raw(x))))
    return Linear(fitted.logged, fitted.center, fitted.scale, fitted.coefficients, fitted.intercept + float(level))


def fit_trees(x: Floats, y: Floats, weight: Floats, *, objective: str, seed: int, trees: int = N_TREES) -> Trees:
    """LightGBM on one thread, with settings chosen on cutoffs before those that any benchmark judges. `objective`: binary or gamma."""
    import lightgbm as lgb
    data = lgb.Dataset(x, y, weight=weight, feature_name=list(FEATURES), params={"verbosity": -1})
    leaf = max(1, min(TREE_PARAMS["min_data_in_leaf"], len(y) // 20))
    params = {**TREE_PARAMS, "objective": objective, "seed": seed, "num_threads": 1, "min_data_in_leaf": leaf}
    return Trees(lgb.train(params, data, trees).model_to_string())


def _fit_linear(estimator: LogisticRegression | Ridge, logged: tuple[str, ...], x: Floats, y: Floats, weight: Floats) -> Linear:
    z = _logs(x, logged)
    center, scale = z.mean(axis=0), z.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    estimator.fit((z - center) / scale, y, sample_weight=weight)
    return Linear(logged, tuple(center.tolist()), tuple(scale.tolist()), tuple(np.ravel(estimator.coef_).tolist()),
                  float(np.ravel(estimator.intercept_)[0]))


def _logs(x: Floats, names: tuple[str, ...]) -> Floats:
    columns: Floats = np.log1p(np.maximum(np.nan_to_num(x[:, [FEATURES.index(name) for name in names]]), 0.0))
    return columns


@lru_cache(maxsize=64)
def _booster(text: str) -> Booster:
    import lightgbm as lgb
    return lgb.Booster(model_str=text)


@lru_cache(maxsize=4)
def _forests(texts: tuple[str, ...]) -> Forests | None:
    return forests([_booster(text).dump_model() for text in texts])


@lru_cache(maxsize=4)
def _tables(text: str) -> tuple[PatternTable, ...]:
    return tuple(pattern_table(tree) for tree in _booster(text).dump_model()["tree_info"])
