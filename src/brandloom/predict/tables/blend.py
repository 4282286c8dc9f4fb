"""How much each learner says: weights that would have told unseen rows best, the rest going to the average row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.tables.frame import Floats
from brandloom.predict.tables.members import Task

PULL = 4.0
"""How strongly weights are pulled towards equal parts: as much as so many rows' loss, so that few rows cannot pick a winner by chance."""


@dataclass(frozen=True)
class Weights:
    """score = base * (1 - sum of weights) + sum of weight * member."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    base: float

    def mix(self, raws: list[Floats]) -> Floats:
        """(n,) blended score on the additive scale."""
        total = np.full(len(raws[0]), self.base * (1.0 - sum(self.weights)))
        for weight, raw in zip(self.weights, raws, strict=True):
            total = total + weight * raw
        return total


def base_score(y: Floats, task: Task) -> float:
    """What is said of a row that nothing is known of, on the additive scale."""
    level = float(y.mean())
    return float(np.log(level / (1 - level))) if task == "class" else level


def fit_weights(names: tuple[str, ...], raws: list[Floats], y: Floats, task: Task) -> Weights:
    """Weights of at least 0 and at most 1 in sum, by the log loss (or squared error) of rows the members had not seen.

    Args:
        raws: per member (n,) its out-of-fold score.
    """
    from scipy.optimize import minimize
    base = base_score(y, task)
    z = np.column_stack(raws) - base
    count = z.shape[1]
    unit = 1.0 if task == "class" else max(float(np.var(y)), 1e-300)

    def loss(w: Floats) -> tuple[float, Floats]:
        pull = PULL / len(y)
        gap = w - 1.0 / count
        if task == "class":
            score = base + z @ w
            slope = (1.0 / (1.0 + np.exp(-np.clip(score, -40, 40))) - y) / len(y)
            value = float(np.mean(np.logaddexp(0.0, score) - y * score))
        else:
            error = base + z @ w - y
            value, slope = float(np.mean(error**2)) / unit, 2.0 * error / (len(y) * unit)
        return value + pull * float(gap @ gap), z.T @ slope + 2.0 * pull * gap

    found = minimize(loss, np.full(count, 0.9 / count), jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * count,
                     constraints=[{"type": "ineq", "fun": lambda w: 1.0 - w.sum(), "jac": lambda w: -np.ones(count)}],
                     options={"ftol": 1e-10, "maxiter": 200})
    weights = np.clip(found.x, 0.0, 1.0)
    weights[weights < 0.01] = 0.0
    return Weights(names, tuple((weights / max(1.0, weights.sum())).tolist()), base)
