"""A Gaussian process with a free level per test: which texts do better than their rivals, and how sure that is.

Model: log-odds of a click = level of the test + f(text) + text's own residue + binomial noise, f a sum of independent kinds of evidence.
Levels have a flat prior, so only contrasts within a test teach anything; a test shown to an easy audience teaches nothing about words.
The size of each kind is found by restricted likelihood on the data at hand (Patterson and Thompson 1971), so a kind that does not help
gets no weight. Landmarks (Nystrom; Williams and Seeger 2001) keep the cost at n m^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from brandloom.content.response.features import Features

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

KINDS = ("wording", "statistics", "style")
LANDMARKS = 1000
_EVIDENCE_ARMS, _EVIDENCE_LANDMARKS, _EVIDENCE_STEPS = 2500, 250, 60
_START = (0.01, 0.01, 0.04, 0.05)  # variances in squared log-odds: the kinds, then the residue
_LEAST_RESIDUE = 0.03  # words never tell all; below it the development half of the benchmark got worse
_JITTER = 1e-6


@dataclass(frozen=True)
class Trials:
    """Arms that were tested: outcome as log-odds with its noise, and the test it belongs to (0..n_tests-1)."""

    log_odds: Floats
    noise: Floats  # variance
    test: Ints

    def take(self, rows: Ints) -> Trials:
        """The arms of these rows, tests numbered anew."""
        return Trials(self.log_odds[rows], self.noise[rows], np.unique(self.test[rows], return_inverse=True)[1])


@dataclass(frozen=True)
class Variances:
    """Prior variance of each kind of evidence and of what no kind explains, in squared log-odds."""

    kinds: tuple[float, float, float]
    residue: float


@dataclass(frozen=True, repr=False)
class Posterior:
    """What is known of f: m landmarks, the mean of their coefficients and the Cholesky factor of the precision."""

    landmarks: Features
    variances: Variances
    root: Floats  # (m, m) lower, of the landmarks' kernel
    mean: Floats  # (m,)
    precision: Floats  # (m, m) lower
    center: float  # mean of f over the texts trained on, so that 0 is an average text

    def project(self, features: Features) -> Floats:
        """(n, m) coordinates of texts in the space the landmarks span."""
        cross = kernel(self.landmarks, features, self.variances)
        projected: Floats = solve_triangular(self.root, cross, lower=True).T
        return projected

    def predict(self, projected: Floats) -> tuple[Floats, Floats]:
        """(n,) mean against an average text and (n, m) whitened rows; the covariance of two texts is their product."""
        white: Floats = solve_triangular(self.precision, projected.T, lower=True).T
        return projected @ self.mean - self.center, white

    def beyond(self, projected: Floats) -> Floats:
        """(n,) variance of f outside the landmarks' span."""
        return _beyond(projected, self.variances)


def kernel(a: Features, b: Features, variances: Variances) -> Floats:
    """(len(a), len(b)) prior covariance: cosine of n-grams, and bell curves of distance in statistics and in hidden layers."""
    wording, statistics, style = variances.kinds
    total: Floats = wording * (a.grams @ b.grams.T).toarray()
    total += statistics * np.exp(-_squared(a.statistics, b.statistics) / 2)
    if a.hidden.shape[1]:
        total += style * np.exp(-_squared(a.hidden, b.hidden))
    return total


def fit_variances(features: Features, trials: Trials, rng: np.random.Generator) -> Variances:
    """Find the variances by restricted likelihood, on whole tests drawn at random when there are many."""
    rows = _some_tests(trials, rng)
    part, trials = features.take(rows), trials.take(rows)
    marks = part.take(np.sort(rng.permutation(len(part))[:_EVIDENCE_LANDMARKS]))
    has_style = part.hidden.shape[1] > 0
    blocks = [_blocks(marks, marks), _blocks(marks, part)]

    def loss(logs: Floats) -> float:
        variances = _variances(logs, has_style)
        square, cross = (sum((v * block for v, block in zip(variances.kinds, kinds, strict=True)), np.zeros(kinds[0].shape))
                         for kinds in blocks)
        return -_evidence(square, cross, trials, variances)

    start = np.log(_START if has_style else (0.03, 0.02, _START[3]))
    found = minimize(loss, start, method="Nelder-Mead", bounds=[*[(-12.0, 2.0)] * (len(start) - 1), (np.log(_LEAST_RESIDUE), 2.0)],
                     options={"maxfev": _EVIDENCE_STEPS, "xatol": 0.1, "fatol": 0.2, "initial_simplex": _simplex(start)})
    return _variances(found.x, has_style)


def fit_posterior(features: Features, trials: Trials, variances: Variances, rng: np.random.Generator) -> Posterior:
    """The posterior given the variances; `LANDMARKS` texts or all, whichever is less."""
    landmarks = features.take(np.sort(rng.permutation(len(features))[:LANDMARKS]))
    root = cholesky(kernel(landmarks, landmarks, variances) + _JITTER * np.eye(len(landmarks)), lower=True)
    projected = solve_triangular(root, kernel(landmarks, features, variances), lower=True).T
    weight = 1 / (trials.noise + variances.residue + _beyond(projected, variances))
    x, y = within(projected, weight, trials.test), within(trials.log_odds[:, None], weight, trials.test)[:, 0]
    precision = cholesky(np.eye(len(landmarks)) + x.T @ (weight[:, None] * x), lower=True)
    mean = cho_solve((precision, True), x.T @ (weight * y))
    return Posterior(landmarks, variances, root, mean, precision, float((projected @ mean).mean()))


def within(values: Floats, weight: Floats, test: Ints) -> Floats:
    """(n, k) values minus the weighted mean of their test."""
    order = np.argsort(test, kind="stable")
    starts = np.flatnonzero(np.diff(test[order], prepend=-1))
    sums = np.add.reduceat((weight[:, None] * values)[order], starts, axis=0)
    centred: Floats = values - (sums / np.add.reduceat(weight[order], starts)[:, None])[test]
    return centred


def _evidence(square: Floats, cross: Floats, trials: Trials, variances: Variances) -> float:
    """Restricted log likelihood up to a constant; what the landmarks miss of the prior counts as noise (Snelson 2006)."""
    root = cholesky(square + _JITTER * np.eye(len(square)), lower=True)
    projected = solve_triangular(root, cross, lower=True).T
    noise = trials.noise + variances.residue + _beyond(projected, variances)
    weight = 1 / noise
    x, y = within(projected, weight, trials.test), within(trials.log_odds[:, None], weight, trials.test)[:, 0]
    factor = cholesky(np.eye(len(square)) + x.T @ (weight[:, None] * x), lower=True)
    pull = solve_triangular(factor, x.T @ (weight * y), lower=True)
    levels = np.log(np.bincount(trials.test, weight)).sum()
    return float(-0.5 * (np.log(noise).sum() + levels + 2 * np.log(np.diag(factor)).sum() + (weight * y * y).sum() - pull @ pull))


def _beyond(projected: Floats, variances: Variances) -> Floats:
    lost: Floats = np.maximum(sum(variances.kinds) - (projected * projected).sum(axis=1), 0.0)
    return lost


def _blocks(a: Features, b: Features) -> list[Floats]:
    """The kernel of each kind at variance 1; without an encoder there is no style."""
    units = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)] if a.hidden.shape[1] else [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
    found = [kernel(a, b, Variances(unit, 0.0)) for unit in units]
    return [*found, np.zeros_like(found[0])] if len(found) == 2 else found


def _variances(logs: Floats, has_style: bool) -> Variances:
    values = np.exp(logs).tolist()
    return Variances((values[0], values[1], values[2] if has_style else 0.0), values[-1])


def _simplex(start: Floats) -> Floats:
    """Steps of a factor of e: the default of the method, 5 % of a logarithm, would hardly move."""
    return np.vstack([start, start + np.eye(len(start))])


def _some_tests(trials: Trials, rng: np.random.Generator) -> Ints:
    order = rng.permutation(trials.test.max() + 1)
    sizes = np.bincount(trials.test)[order]
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[np.cumsum(sizes) <= max(_EVIDENCE_ARMS, int(sizes[0]))]] = True
    return np.flatnonzero(chosen[trials.test])


def _squared(a: Floats, b: Floats) -> Floats:
    squared: Floats = np.maximum((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T, 0.0)
    return squared
