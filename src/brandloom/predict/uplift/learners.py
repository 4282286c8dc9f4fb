"""Learners of an effect: what a treatment adds to a person's outcome. All speak units of the outcome and split exactly into features.

Linear ones and trees, fitted per arm (T), with the treatment as a feature (S) or on doubly robust pseudo-outcomes (DR; Kennedy 2023).
Trees use squared error for yes/no outcomes too, so that an effect is a plain difference and contributions add up to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from brandloom.predict.features import Floats

if TYPE_CHECKING:
    from lightgbm import Booster

OUTCOME_TREES = {"num_leaves": 8, "min_data_in_leaf": 200, "learning_rate": 0.05}
EFFECT_TREES = {"num_leaves": 4, "min_data_in_leaf": 1000, "learning_rate": 0.05}
"""Effects are small beside the spread of outcomes: few, large leaves."""
N_OUTCOME_TREES, N_EFFECT_TREES, N_NUISANCE_TREES = 120, 60, 80
SAMPLED = 500
"""Rows over which the usual size of a switch is worked out."""
RIDGE = 0.01
"""Penalty of linear learners per row, on standardised features."""


@dataclass(frozen=True)
class LinearEffect:
    """Base plus coefficients times standardised features; a missing value counts as the mean."""

    center: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    base: float

    def predict(self, x: Floats) -> Floats:
        parts, base = self.contributions(x)
        return np.asarray(parts.sum(axis=1) + base)

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        return _standard(x, np.array(self.center), np.array(self.scale)) * np.array(self.coefficients), self.base


@dataclass(frozen=True)
class TreesEffect:
    """LightGBM models kept as text: of the effect itself, or of the outcome with and without the treatment.

    `texts` holds one model of the effect, two of the outcome (treated, control), or one of the outcome that has the treatment as
    its last feature (`is_switch`). `usual` is then what the switch itself adds on average over the rows that taught it.
    """

    texts: tuple[str, ...]
    is_switch: bool = False
    usual: float = 0.0

    def predict(self, x: Floats) -> Floats:
        if self.is_switch:
            on, off = (predict_trees(self.texts[0], np.column_stack([x, np.full(len(x), value)])) for value in (1.0, 0.0))
            return on - off
        first = predict_trees(self.texts[0], x)
        return first - predict_trees(self.texts[1], x) if len(self.texts) > 1 else first

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        if self.is_switch:
            on, off = (_parts(self.texts[0], np.column_stack([x, np.full(len(x), value)])) for value in (1.0, 0.0))
            # What the switch itself adds belongs to no feature: its usual size is the base, the rest is spread.
            parts = on[:, :-2] - off[:, :-2]
            switch, base = on[:, -2] - off[:, -2], self.usual
            share = np.abs(parts) / np.maximum(np.abs(parts).sum(axis=1, keepdims=True), 1e-300)
            return parts + share * (switch - base)[:, None], base
        first = _parts(self.texts[0], x)
        both = first - _parts(self.texts[1], x) if len(self.texts) > 1 else first
        return both[:, :-1], float(both[0, -1]) if len(x) else 0.0


Effect = LinearEffect | TreesEffect
"""A fitted effect: `predict` gives (n,) what the treatment adds for each row, in units of the outcome, `contributions` (n, features) parts and
a base that add up to it."""
Learner = Callable[[Floats, Floats, Floats, Floats, Floats, int], Effect]
"""From features (n, p), treated (n,), outcome (n,), its pseudo-outcome (n,), weights (n,) and a seed."""


def t_linear(x: Floats, treated: Floats, y: Floats, pseudo: Floats, weight: Floats, seed: int) -> Effect:
    """The difference of a ridge regression among the treated and one among the others."""
    center, scale = _measure(x)
    fitted = [_ridge(_standard(x[treated == arm], center, scale), y[treated == arm], weight[treated == arm]) for arm in (1.0, 0.0)]
    return LinearEffect(_floats(center), _floats(scale), _floats(fitted[0][0] - fitted[1][0]), fitted[0][1] - fitted[1][1])


def dr_linear(x: Floats, treated: Floats, y: Floats, pseudo: Floats, weight: Floats, seed: int) -> Effect:
    """A ridge regression of pseudo-outcomes."""
    center, scale = _measure(x)
    coefficients, base = _ridge(_standard(x, center, scale), pseudo, weight)
    return LinearEffect(_floats(center), _floats(scale), _floats(coefficients), base)


def t_trees(x: Floats, treated: Floats, y: Floats, pseudo: Floats, weight: Floats, seed: int) -> Effect:
    """The difference of trees among the treated and trees among the others."""
    return TreesEffect(tuple(grow(x[treated == arm], y[treated == arm], weight[treated == arm], seed, OUTCOME_TREES, N_OUTCOME_TREES)
                             for arm in (1.0, 0.0)))


def s_trees(x: Floats, treated: Floats, y: Floats, pseudo: Floats, weight: Floats, seed: int) -> Effect:
    """Trees that may ask whether a person was treated."""
    text = grow(np.column_stack([x, treated]), y, weight, seed, OUTCOME_TREES, N_OUTCOME_TREES)
    some = x[:: -(-len(x) // SAMPLED)]
    on, off = (_parts(text, np.column_stack([some, np.full(len(some), value)])) for value in (1.0, 0.0))
    return TreesEffect((text,), is_switch=True, usual=float(np.mean(on[:, -2] - off[:, -2])))


def dr_trees(x: Floats, treated: Floats, y: Floats, pseudo: Floats, weight: Floats, seed: int) -> Effect:
    """Shallow trees on pseudo-outcomes."""
    return TreesEffect((grow(x, pseudo, weight, seed, EFFECT_TREES, N_EFFECT_TREES),))


LEARNERS: dict[str, Learner] = {"t_linear": t_linear, "dr_linear": dr_linear, "t_trees": t_trees, "s_trees": s_trees, "dr_trees": dr_trees}


def pseudo_outcomes(x: Floats, treated: Floats, y: Floats, chance: Floats, seed: int, folds: int = 5) -> Floats:
    """(n,) doubly robust pseudo-outcomes: their mean over any group is its effect, whatever the outcome models miss.

    Args:
        chance: (n,) of being treated.
    """
    fold = np.random.default_rng([seed, 71]).permutation(len(y)) % folds
    with_, without = np.zeros(len(y)), np.zeros(len(y))
    for k in range(folds):
        inside = fold == k
        for arm, column in ((1.0, with_), (0.0, without)):
            rows = ~inside & (treated == arm)
            column[inside] = outcome(x[rows], y[rows], seed)(x[inside])
    return np.asarray(with_ - without + treated * (y - with_) / chance - (1 - treated) * (y - without) / (1 - chance))


def outcome(x: Floats, y: Floats, seed: int) -> Callable[[Floats], Floats]:
    """The mean of a linear and a tree model of an outcome."""
    center, scale = _measure(x)
    coefficients, base = _ridge(_standard(x, center, scale), y, np.ones(len(y)))
    text = grow(x, y, np.ones(len(y)), seed, OUTCOME_TREES, N_NUISANCE_TREES)
    return lambda rows: np.asarray(0.5 * (_standard(rows, center, scale) @ coefficients + base) + 0.5 * predict_trees(text, rows))


def grow(x: Floats, y: Floats, weight: Floats, seed: int, settings: dict[str, float], trees: int, objective: str = "regression") -> str:
    """LightGBM on one thread, as text; leaves shrink with tables of few rows."""
    import lightgbm as lgb
    leaf = max(5, min(int(settings["min_data_in_leaf"]), len(y) // 20))
    params = {**settings, "min_data_in_leaf": leaf, "objective": objective, "seed": seed, "verbosity": -1, "num_threads": 1,
              "deterministic": True, "force_row_wise": True}
    return lgb.train(params, lgb.Dataset(x, y, weight=weight, params={"verbosity": -1}), trees).model_to_string()


def predict_trees(text: str, x: Floats) -> Floats:
    """(n,) predictions of a model kept as text."""
    return np.asarray(_booster(text).predict(x, num_threads=1), dtype=np.float64) if len(x) else np.empty(0)


def _parts(text: str, x: Floats) -> Floats:
    if not len(x):
        return np.zeros((0, x.shape[1] + 1))
    return np.asarray(_booster(text).predict(x, pred_contrib=True, num_threads=1), dtype=np.float64)


def _ridge(z: Floats, y: Floats, weight: Floats) -> tuple[Floats, float]:
    """Coefficients and intercept of weighted least squares with a penalty that grows with the rows."""
    total = weight.sum()
    middle, mean = weight @ z / total, float(weight @ y / total)
    centred = z - middle
    gram = centred.T @ (centred * weight[:, None]) + RIDGE * total * np.eye(z.shape[1])
    coefficients = np.linalg.solve(gram, centred.T @ (weight * (y - mean)))
    return coefficients, mean - float(middle @ coefficients)


def _measure(x: Floats) -> tuple[Floats, Floats]:
    some = ~np.isnan(x).all(axis=0)
    center, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
    center[some], scale[some] = np.nanmean(x[:, some], axis=0), np.nanstd(x[:, some], axis=0)
    return center, np.where(scale > 0, scale, 1.0)


def _standard(x: Floats, center: Floats, scale: Floats) -> Floats:
    return np.asarray(np.nan_to_num((x - center) / scale))


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


@lru_cache(maxsize=64)
def _booster(text: str) -> Booster:
    import lightgbm as lgb
    return lgb.Booster(model_str=text)
