"""A Gaussian process with a free level per test: which texts do better than their rivals, and how sure that is.

Model: log-odds of a click = level of the test + f(text) + text's own residue + binomial noise, f a sum of independent kinds of evidence.
Levels have a flat prior, so only contrasts within a test teach anything; a test shown to an easy audience teaches nothing about words.
The size of each kind is found by restricted likelihood on the data at hand (Patterson and Thompson 1971), so a kind that does not help
gets no weight. Landmarks (Nystrom; Williams and Seeger 2001) keep the cost at n m^2. What an earlier scorer knew enters as the mean and
the covariance that f has before the first test, which is updating its posterior and no second model beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from brandloom.content.response.features import Before, Features

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

KINDS = ("wording", "statistics", "style")
LANDMARKS = 1000
_EVIDENCE_ARMS, _EVIDENCE_LANDMARKS, _EVIDENCE_STEPS = 2500, 250, 60
_START = (0.01, 0.01, 0.04, 0.05)  # variances in squared log-odds: the kinds, then the residue
_LEAST_RESIDUE = 0.03  # words never tell all; below it the development half of the benchmark got worse
_MOST = 0.5  # of any one variance: texts that may stand for one another seldom differ by a factor of two in clicks
_LEAST = 1e-4
_NEAR = 2.0
"""Deviation, in logarithms, of a shop's variances from those that an earlier scorer lets expect."""
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


_NONE = Variances((0.0, 0.0, 0.0), 0.0)


@dataclass(frozen=True, repr=False)
class Posterior:
    """What is known of f: m landmarks, the mean of their coefficients and the Cholesky factor of the precision."""

    landmarks: Features
    variances: Variances
    root: Floats  # (m, m) lower, of the landmarks' kernel; follows from the two above
    mean: Floats  # (m,)
    precision: Floats  # (m, m) lower
    center: float  # mean of f over the texts trained on, so that 0 is an average text
    """f is what the texts of the shop add to what was known before, see `Before`."""

    def project(self, features: Features) -> Floats:
        """(n, m) coordinates of texts in the space the landmarks span."""
        cross = kernel(self.landmarks, features, self.variances)
        projected: Floats = solve_triangular(self.root, cross, lower=True).T
        return projected

    def predict(self, projected: Floats) -> tuple[Floats, Floats]:
        """(n,) mean against an average text and (n, m) whitened rows; the covariance of two texts is their product."""
        white: Floats = solve_triangular(self.precision, projected.T, lower=True).T
        return projected @ self.mean - self.center, white

    def beyond(self, features: Features, projected: Floats) -> Floats:
        """(n,) variance of f outside the landmarks' span."""
        return _beyond(projected, spread(features, self.variances))


def kernel(a: Features, b: Features, variances: Variances) -> Floats:
    """(len(a), len(b)) prior covariance: cosine of n-grams, and bell curves of distance in statistics and in hidden layers."""
    wording, statistics, style = variances.kinds
    total: Floats = wording * (a.grams @ b.grams.T).toarray()
    total += statistics * np.exp(-_squared(a.statistics, b.statistics) / 2)
    if a.hidden.shape[1]:
        total += style * np.exp(-_squared(a.hidden, b.hidden))
    total += a.before.doubt @ b.before.doubt.T
    return total


def spread(features: Features, variances: Variances) -> Floats:
    """(n,) prior variance of f."""
    doubt = features.before.doubt
    found: Floats = sum(variances.kinds) + (doubt * doubt).sum(axis=1)
    return found


def root_of(landmarks: Features, variances: Variances) -> Floats:
    """(m, m) lower Cholesky factor of the landmarks' kernel."""
    root: Floats = cholesky(kernel(landmarks, landmarks, variances) + _JITTER * np.eye(len(landmarks)), lower=True)
    return root


def fit_variances(features: Features, trials: Trials, rng: np.random.Generator, *, near: Variances | None = None) -> Variances:
    """Find the variances by restricted likelihood, on whole tests drawn at random when there are many.

    Args:
        near: what they are likely to be, within a factor of ten or so; a few tests cannot tell.
    """
    rows = _some_tests(trials, rng)
    part, trials = features.take(rows), _unexpected(features, trials).take(rows)
    marks = part.take(np.sort(rng.permutation(len(part))[:_EVIDENCE_LANDMARKS]))
    has_style = part.hidden.shape[1] > 0
    known, blocks = [kernel(marks, other, _NONE) for other in (marks, part)], [_blocks(marks, marks), _blocks(marks, part)]

    def loss(logs: Floats) -> float:
        variances = _variances(logs, has_style)
        square, cross = (sum((v * block for v, block in zip(variances.kinds, kinds, strict=True)), start=fixed)
                         for kinds, fixed in zip(blocks, known, strict=True))
        unlikely = 0.0 if near is None else 0.5 * float(((logs - start)**2).sum()) / _NEAR**2
        return unlikely - _evidence(square, cross, trials, spread(part, variances), variances.residue)

    start = np.log(_START if has_style else (0.03, 0.02, _START[3]))
    if near is not None:
        start = np.log(np.maximum((*near.kinds[:2 + has_style], near.residue), _LEAST))
    most = np.log(_MOST)
    found = minimize(loss, start, method="Nelder-Mead", bounds=[*[(-12.0, most)] * (len(start) - 1), (np.log(_LEAST_RESIDUE), most)],
                     options={"maxfev": _EVIDENCE_STEPS, "xatol": 0.1, "fatol": 0.2, "initial_simplex": _simplex(start)})
    return _variances(found.x, has_style)


def fit_posterior(features: Features, trials: Trials, variances: Variances, rng: np.random.Generator, *,
                  most: int = LANDMARKS) -> Posterior:
    """The posterior given the variances; `most` landmarks or all texts, whichever is less."""
    trials = _unexpected(features, trials)
    landmarks = _as_kept(features.take(np.sort(rng.permutation(len(features))[:most])))
    root = root_of(landmarks, variances)
    projected = solve_triangular(root, kernel(landmarks, features, variances), lower=True).T
    weight = 1 / (trials.noise + variances.residue + _beyond(projected, spread(features, variances)))
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


def _unexpected(features: Features, trials: Trials) -> Trials:
    """Outcomes against what was expected before."""
    return replace(trials, log_odds=trials.log_odds - features.before.mean)


def _as_kept(features: Features) -> Features:
    """Rounded as the file has them, so that a loaded posterior is the fitted one."""
    rounded = [values.astype(np.float32).astype(np.float64) for values in
               (features.statistics, features.hidden, features.grams, features.before.doubt)]
    return Features(rounded[0], rounded[1], rounded[2], Before(features.before.mean, rounded[3]))


def _evidence(square: Floats, cross: Floats, trials: Trials, prior: Floats, residue: float) -> float:
    """Restricted log likelihood up to a constant; what the landmarks miss of the prior counts as noise (Snelson 2006)."""
    root = cholesky(square + _JITTER * np.eye(len(square)), lower=True)
    projected = solve_triangular(root, cross, lower=True).T
    noise = trials.noise + residue + _beyond(projected, prior)
    weight = 1 / noise
    x, y = within(projected, weight, trials.test), within(trials.log_odds[:, None], weight, trials.test)[:, 0]
    factor = cholesky(np.eye(len(square)) + x.T @ (weight[:, None] * x), lower=True)
    pull = solve_triangular(factor, x.T @ (weight * y), lower=True)
    levels = np.log(np.bincount(trials.test, weight)).sum()
    return float(-0.5 * (np.log(noise).sum() + levels + 2 * np.log(np.diag(factor)).sum() + (weight * y * y).sum() - pull @ pull))


def _beyond(projected: Floats, prior: Floats) -> Floats:
    lost: Floats = np.maximum(prior - (projected * projected).sum(axis=1), 0.0)
    return lost


def _blocks(a: Features, b: Features) -> list[Floats]:
    """The kernel of each kind at variance 1; without an encoder there is no style."""
    units = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)] if a.hidden.shape[1] else [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
    known = kernel(a, b, _NONE)
    found = [kernel(a, b, Variances(unit, 0.0)) - known for unit in units]
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
