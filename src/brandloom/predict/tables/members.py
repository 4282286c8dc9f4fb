"""The learners of the blend: boosted trees of three shapes and a regularised linear model, all on the additive scale.

The scale is log-odds for a yes-or-no target and the target's own unit for a number, so that outputs and contributions of several
members can be weighted and added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from brandloom.predict.tables.encode import Encoder
from brandloom.predict.tables.frame import Floats, Ints

if TYPE_CHECKING:
    from lightgbm import Booster

Task = Literal["class", "number"]
MOST_ROUNDS = 1_500
PATIENCE = 60
COMMON: dict[str, Any] = {
    "verbosity": -1, "deterministic": True, "force_row_wise": True, "num_threads": 1, "bagging_freq": 1, "max_bin": 255,
    "cat_smooth": 20.0, "cat_l2": 10.0, "min_data_per_group": 50, "feature_pre_filter": False,
}
SHAPES: dict[str, dict[str, Any]] = {
    "trees_flat": {"learning_rate": 0.06, "num_leaves": 6, "min_data_in_leaf": 30, "feature_fraction": 0.5, "bagging_fraction": 0.8,
                   "lambda_l2": 10.0},
    "trees_deep": {"learning_rate": 0.04, "num_leaves": 24, "min_data_in_leaf": 30, "feature_fraction": 0.5, "bagging_fraction": 0.8,
                   "lambda_l2": 10.0},
    "trees_random": {"learning_rate": 0.06, "num_leaves": 32, "min_data_in_leaf": 20, "feature_fraction": 0.7, "bagging_fraction": 0.9,
                     "lambda_l2": 5.0, "extra_trees": True},
}
SMALL_SHAPES: dict[str, dict[str, Any]] = {
    "trees_flat": {"learning_rate": 0.03, "num_leaves": 5, "min_data_in_leaf": 30, "feature_fraction": 0.5, "bagging_fraction": 0.6,
                   "lambda_l2": 10.0},
    "trees_random": {"learning_rate": 0.03, "num_leaves": 16, "min_data_in_leaf": 20, "feature_fraction": 0.5, "bagging_fraction": 0.7,
                     "lambda_l2": 10.0, "extra_trees": True},
    "trees_flat_random": {"learning_rate": 0.08, "num_leaves": 8, "min_data_in_leaf": 20, "feature_fraction": 0.8, "bagging_fraction": 0.9,
                          "lambda_l2": 5.0, "extra_trees": True},
}
"""Of small tables: chosen, as the shapes above, on tables that no benchmark judges."""
RIDGES = (300.0, 30.0, 3.0, 0.3)
"""Strengths of the linear model's penalty that are tried, as C = 1 / strength."""
KNOTS = 4
"""Bends of each number's curve in the linear model."""


@dataclass(frozen=True)
class Trees:
    """The mean of several LightGBM models, each kept as its text."""

    texts: tuple[str, ...]

    def raw(self, x: Floats) -> Floats:
        """(n,) on the additive scale."""
        if len(x) == 0:
            return np.empty(0)
        return np.asarray(np.mean([_booster(text).predict(x, raw_score=True, num_threads=1) for text in self.texts], axis=0))

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        """(n, features) exact Shapley values, and the base that they are measured from."""
        if len(x) == 0:
            return np.empty((0, x.shape[1])), 0.0
        parts = np.mean([np.asarray(_booster(text).predict(x, pred_contrib=True, num_threads=1)) for text in self.texts], axis=0)
        return parts[:, :-1], float(parts[0, -1])


@dataclass(frozen=True)
class Design:
    """Features of the linear model: bent lines of numbers, one column per common level, one per missing value."""

    knots: tuple[tuple[float, ...], ...]
    """Per feature of the encoder: where its line may bend; of a category its common codes."""
    categorical: tuple[bool, ...]
    missing: tuple[bool, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]

    @property
    def sources(self) -> Ints:
        """(columns,) which feature each column comes from."""
        width = [len(knots) + gap for knots, gap in zip(self.knots, self.missing, strict=True)]
        return np.repeat(np.arange(len(width)), width)

    def matrix(self, x: Floats) -> Floats:
        """(n, columns), centred and scaled."""
        return np.asarray((_bent(x, self.knots, self.categorical, self.missing) - np.array(self.center)) / np.array(self.scale))


@dataclass(frozen=True)
class Linear:
    """Logistic or ridge regression on a design."""

    design: Design
    coefficients: tuple[float, ...]
    intercept: float

    def raw(self, x: Floats) -> Floats:
        # a sum of products row by row: a matrix product's last digits depend on how many rows come at once
        return np.asarray(np.sum(np.ascontiguousarray(self.design.matrix(x) * np.array(self.coefficients)), axis=1) + self.intercept)

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        parts = np.zeros((len(x), x.shape[1]))
        columns = self.design.matrix(x) * np.array(self.coefficients)
        for column, source in enumerate(self.design.sources):
            parts[:, source] += columns[:, column]
        return parts, self.intercept


Member = Trees | Linear


def tree_settings(shape: Mapping[str, Any], rows: int, task: Task, seed: int) -> dict[str, Any]:
    """LightGBM's parameters; leaves of a small table may be smaller."""
    leaf = max(5, min(int(shape["min_data_in_leaf"]), rows // 25))
    return {**COMMON, **shape, "min_data_in_leaf": leaf, "objective": "binary" if task == "class" else "regression",
            "metric": "binary_logloss" if task == "class" else "l2", "seed": seed}


def grow(settings: Mapping[str, Any], encoder: Encoder, x: Floats, y: Floats, rounds: int, watch: tuple[Floats, Floats] | None = None,
         patience: int = PATIENCE) -> tuple[Booster, list[float]]:
    """One LightGBM model, and its loss on the rows watched after each round."""
    import lightgbm as lgb
    params = dict(settings)
    data = lgb.Dataset(x, y, categorical_feature=encoder.categorical, params=params, free_raw_data=True)
    curve: dict[str, dict[str, list[float]]] = {}
    calls: list[Any] = [lgb.record_evaluation(curve), lgb.early_stopping(patience, verbose=False)] if watch is not None else []
    seen = [lgb.Dataset(watch[0], watch[1], reference=data, params=params)] if watch is not None else None
    booster = lgb.train(params, data, rounds, valid_sets=seen, callbacks=calls)
    return booster, (next(iter(curve["valid_0"].values())) if curve else [])


def fit_trees(settings: Mapping[str, Any], encoder: Encoder, x: Floats, y: Floats, rounds: int, copies: int) -> Trees:
    """The final model: `copies` of it from different seeds."""
    return Trees(tuple(grow({**settings, "seed": int(settings["seed"]) + 1 + k}, encoder, x, y, rounds)[0].model_to_string()
                       for k in range(copies)))


def fit_linear(encoder: Encoder, x: Floats, y: Floats, task: Task, strength: float) -> Linear:
    """Penalised regression; `strength` is the penalty on squared coefficients of scaled columns."""
    from sklearn.linear_model import LogisticRegression, Ridge
    design = _fit_design(encoder, x)
    z = design.matrix(x)
    if z.shape[1] == 0:
        level = float(y.mean())
        return Linear(design, (), float(np.log(level / (1 - level))) if task == "class" else level)
    fitted = (LogisticRegression(C=1.0 / strength, solver="newton-cholesky", max_iter=60) if task == "class"
              else Ridge(alpha=strength, solver="cholesky")).fit(z, y)
    return Linear(design, tuple(np.ravel(fitted.coef_).tolist()), float(np.ravel(fitted.intercept_)[0]))


def _fit_design(encoder: Encoder, x: Floats) -> Design:
    codes = set(encoder.categorical)
    common = max(5, len(x) // 400)
    knots, gaps = [], []
    for feature in range(x.shape[1]):
        values = x[:, feature]
        there = values[~np.isnan(values)]
        if feature in codes:
            levels, counts = np.unique(there, return_counts=True)
            knots.append(tuple(levels[counts >= common].tolist()))
        else:
            knots.append(_knots(there, len(x)))
        gaps.append(len(values) - len(there) >= common)
    categorical = tuple(feature in codes for feature in range(x.shape[1]))
    bent = _bent(x, knots, categorical, gaps)
    scale = bent.std(axis=0)
    return Design(tuple(knots), categorical, tuple(gaps), tuple(bent.mean(axis=0).tolist()),
                  tuple(np.where(scale > 1e-12, scale, 1.0).tolist()))


def _knots(values: Floats, rows: int) -> tuple[float, ...]:
    """Lowest bend first; fewer of a small table. A constant has none."""
    if len(values) == 0 or np.ptp(values) == 0:
        return ()
    shares = np.linspace(0.02, 0.98, 2 + (KNOTS if rows >= 2_000 else 1 if rows >= 400 else 0))
    ends = np.unique(np.quantile(values, shares))
    return tuple(ends.tolist()) if len(ends) > 1 else (float(values.min()), float(values.max()))


def _bent(x: Floats, knots: Any, categorical: Any, gaps: Any) -> Floats:
    """Between two neighbouring knots a value moves one column from 0 to 1; the last knot's column tells a value beyond it."""
    columns = []
    for feature, places in enumerate(knots):
        values = x[:, feature]
        if categorical[feature]:
            columns += [(values == code).astype(np.float64) for code in places]
        elif places:
            middle = np.where(np.isnan(values), places[len(places) // 2], values)
            columns += [np.clip((middle - low) / (high - low), 0.0, 1.0) for low, high in pairwise(places)]
            columns.append((middle > places[-1]).astype(np.float64))
        if gaps[feature]:
            columns.append(np.isnan(values).astype(np.float64))
    return np.column_stack(columns) if columns else np.empty((len(x), 0))


@lru_cache(maxsize=64)
def _booster(text: str) -> Booster:
    import lightgbm as lgb
    return lgb.Booster(model_str=text)
