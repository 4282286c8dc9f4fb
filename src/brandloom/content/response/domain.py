"""How far a text is from those a scorer learned from, and so how much of what it says can be carried over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from brandloom.content.brand.reading import frequencies, words
from brandloom.content.response.features import Features, Floats

_INNER, _OUTER = 0.80, 0.95  # quantiles of the distances of held-out texts of the same kind
_RIDGE = 0.1
_LEAST_KNOWN = 0.5  # share of words among the 20,000 most frequent; English headlines have 0.6 and more, other languages up to 0.4


@dataclass(frozen=True)
class Domain:
    """A normal distribution of statistics and hidden layers; distances are Mahalanobis', squared, per dimension."""

    center: Floats  # (k,)
    root: Floats  # (k, k) lower Cholesky factor of the covariance
    limits: Floats  # (2,) full trust up to the first distance, none from the second

    def distance(self, features: Features) -> Floats:
        """(n,) about 1 for a text like those learned from."""
        white = solve_triangular(self.root, (_dense(features) - self.center).T, lower=True)
        found: Floats = (white * white).mean(axis=0)
        return found

    def weight(self, features: Features) -> Floats:
        """(n,) 1 for texts of the kind, falling to 0 for texts of another."""
        inner, outer = self.limits
        found: Floats = np.clip((outer - self.distance(features)) / (outer - inner), 0.0, 1.0)
        return found


def fit_domain(features: Features, rng: np.random.Generator) -> Domain:
    """The limits are quantiles of distances from the half of the texts that a text does not belong to."""
    dense = _dense(features)
    half = rng.permutation(len(dense)) % 2
    apart = np.zeros(len(dense))
    for number in (0, 1):
        center, root = _normal(dense[half != number])
        apart[half == number] = Domain(center, root, np.zeros(2)).distance(features.take(np.flatnonzero(half == number)))
    return Domain(*_normal(dense), np.quantile(apart, [_INNER, _OUTER]))


def is_english(text: str) -> bool:
    """Whether more than half of the words are frequent English ones; False without words."""
    found, known = words(text, "en"), frequencies("en")
    return bool(found) and sum(word.partition("'")[0] in known for word in found) > _LEAST_KNOWN * len(found)


def _normal(dense: Floats) -> tuple[Floats, Floats]:
    return dense.mean(axis=0), cholesky(np.cov(dense.T) + _RIDGE * np.eye(dense.shape[1]), lower=True)


def _dense(features: Features) -> Floats:
    """Columns with a spread of 1."""
    return np.hstack([part * np.sqrt(max(1, part.shape[1])) for part in (features.statistics, features.hidden)])
