"""The purchase process: while they stay, customers buy at random at a steady rate of their own; one day, unseen, they leave.

Rates are gamma distributed among customers (shape r, mean rate), independent of how long they stay. The likelihood of a customer
is integrated over the moment of leaving by Gauss-Legendre quadrature: no special functions, so it is stable everywhere, and any
shape of leaving fits in. Parameters are (log r, log mean rate per day, two of the shape); the fit is the mode under a weak prior,
its uncertainty the Laplace approximation at the mode.
Source: Schmittlein, Morrison and Colombo 1987 for the model; Fader, Hardie and Lee 2005 for the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, gammaln, logsumexp

from brandloom.predict.features import Floats
from brandloom.predict.lifetime.dropout import SHAPES, Shape
from brandloom.predict.lifetime.summary import Histories

RATE_PRIOR = ((-0.4, 1.0), (float(np.log(1.0 / 90.0)), 1.5))  # log shape, log purchases per day
BOUND_SD = 5.0  # parameters stay within so many prior standard deviations
_NODES, _WEIGHTS = (np.array(part) for part in np.polynomial.legendre.leggauss(32))
NODES, WEIGHTS = (_NODES + 1.0) / 2.0, _WEIGHTS / 2.0
"""Gauss-Legendre on (0, 1)."""


@dataclass(frozen=True)
class Fitted:
    """One shape of leaving: the mode of its four parameters, their covariance, and its share of the evidence."""

    shape: str
    mode: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    weight: float

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """(4, count) parameters from the Laplace approximation."""
        low, high = _bounds(SHAPES[self.shape])
        drawn = rng.multivariate_normal(np.array(self.mode), np.array(self.covariance), size=count, method="cholesky")
        return np.clip(drawn, low, high).T


def fit_process(histories: Histories) -> tuple[Fitted, ...]:
    """Fit every shape of leaving and weigh it by its Laplace evidence."""
    unique, _place, counts = distinct(histories)
    found = [(name, *_fit_shape(shape, unique, counts)) for name, shape in SHAPES.items()]
    evidence = np.array([one[3] for one in found])
    weights = np.exp(evidence - logsumexp(evidence))
    return tuple(Fitted(name, tuple(mode.tolist()), tuple(tuple(row) for row in covariance.tolist()), float(weight))
                 for (name, mode, covariance, _evidence), weight in zip(found, weights, strict=True))


def distinct(histories: Histories) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """(3, m) different rows of frequency, recency and T, sorted; each customer's place among them; how many customers have each."""
    rows = np.stack([histories.frequency, histories.recency_days, histories.t_days], axis=1)
    unique, place, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return np.ascontiguousarray(unique.T), place.reshape(-1).astype(np.int64), counts.astype(float)


def parts(shape: Shape, q: Floats, past: Floats) -> tuple[Floats, Floats]:
    """Log likelihood of each past together with still being there, and together with having left since the last purchase.

    Args:
        q: (4,) parameters.
        past: (3, n) frequency, recency and T in days.
    """
    x, recent, total = past
    r, scale = np.exp(q[0]), np.exp(q[0] - q[1])
    base = gammaln(r + x) - gammaln(r) + r * np.log(scale)
    stays = base - (r + x) * np.log(scale + total) + shape.log_survival(q[2:], total)
    gap = np.maximum(total - recent, 1e-9)
    # nodes squared: the density is steep just after the last purchase
    when = recent[:, None] + gap[:, None] * NODES**2
    inside = shape.log_density(q[2:], when) - (r + x)[:, None] * np.log(scale + when)
    left = base + np.log(gap) + logsumexp(inside, axis=1, b=2.0 * WEIGHTS * NODES)
    return stays, left


def p_active(shape: Shape, q: Floats, past: Floats) -> Floats:
    """(n,) probability that a customer with this past has not left."""
    stays, left = parts(shape, q, past)
    return np.asarray(expit(stays - left))


def expected_purchases(shape: Shape, q: Floats, past: Floats, horizon_days: float) -> Floats:
    """(n,) expected purchase days in the next `horizon_days`."""
    x, _recent, total = past
    r, scale = np.exp(q[0]), np.exp(q[0] - q[1])
    ahead = shape.log_survival(q[2:], total[:, None] + horizon_days * NODES) - shape.log_survival(q[2:], total)[:, None]
    days_there = horizon_days * np.sum(np.exp(ahead) * WEIGHTS, axis=1)
    return np.asarray(p_active(shape, q, past) * (r + x) / (scale + total) * days_there)


def p_repeat(shape: Shape, q: Floats, past: Floats, horizon_days: float, level: float = 1.0) -> Floats:
    """(n,) probability of at least one purchase in the next `horizon_days`; `level` multiplies every rate."""
    x, _recent, total = past
    power, wait = np.exp(q[0]) + x, (np.exp(q[0] - q[1]) + total) / level
    none = (wait / (wait + horizon_days)) ** power
    # integrated over the chance that the first purchase is later than u, which is uniform: smooth for every rate
    later = none[:, None] + (1.0 - none)[:, None] * NODES
    u = wait[:, None] * np.expm1(-np.log(later) / power[:, None])
    there = np.exp(shape.log_survival(q[2:], total[:, None] + u) - shape.log_survival(q[2:], total)[:, None])
    return np.asarray(p_active(shape, q, past) * (1.0 - none) * np.sum(there * WEIGHTS, axis=1))


def _fit_shape(shape: Shape, past: Floats, counts: Floats) -> tuple[Floats, Floats, float]:
    """Mode, covariance and log evidence (up to what all shapes share)."""
    center, sd = _prior(shape)
    low, high = _bounds(shape)

    def cost(q: Floats) -> float:
        stays, left = parts(shape, q, past)
        return float(-np.sum(counts * np.logaddexp(stays, left)) + 0.5 * np.sum(((q - center) / sd) ** 2))

    best = minimize(cost, center, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)))
    mode = np.asarray(best.x, dtype=np.float64)
    covariance = _inverse(_hessian(cost, mode), 1.0 / sd**2)
    log_evidence = -float(best.fun) - float(np.sum(np.log(sd))) + 0.5 * float(np.linalg.slogdet(covariance)[1])
    return mode, covariance, log_evidence


def _hessian(cost: Callable[[Floats], float], at: Floats, step: float = 2e-2) -> Floats:
    n = len(at)
    eye = np.eye(n) * step
    found = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = sum(a * b * cost(at + a * eye[i] + b * eye[j]) for a in (1, -1) for b in (1, -1))
            found[i, j] = found[j, i] = total / (4.0 * step**2)
    return found


def _inverse(hessian: Floats, prior_precision: Floats) -> Floats:
    """Covariance; directions that the data leave flat (a mode on its bound) keep the prior's precision."""
    values, vectors = np.linalg.eigh(hessian)
    values = np.maximum(values, float(np.min(prior_precision)))
    return np.asarray((vectors / values) @ vectors.T)


def _prior(shape: Shape) -> tuple[Floats, Floats]:
    pairs = np.array([*RATE_PRIOR, *shape.prior])
    return pairs[:, 0], pairs[:, 1]


def _bounds(shape: Shape) -> tuple[Floats, Floats]:
    center, sd = _prior(shape)
    return center - BOUND_SD * sd, center + BOUND_SD * sd
