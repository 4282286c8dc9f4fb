"""What a scorer believes of texts: means, what their doubt shares, and what each doubts alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from brandloom.content.response.features import Before, Features, Floats
from brandloom.content.response.process import Posterior, spread

LEAST_TOLD = 0.05  # share of the prior variance that the tests must have explained near a text


@dataclass(frozen=True)
class Belief:
    """Log-odds of a click of n texts; the covariance of two of them is the product of their rows of `shared`."""

    mean: Floats  # (n,)
    shared: Floats  # (n, k)
    alone: Floats  # (n,) variance
    told: Any  # (n,) whether the tests say anything of the text

    @property
    def deviation(self) -> Floats:
        """(n,) of each text by itself."""
        found: Floats = np.sqrt((self.shared * self.shared).sum(axis=1) + self.alone)
        return found

    def wins(self, first: Any, second: Any) -> Floats:
        """(pairs,) probability that the text at row `first` beats the one at row `second`."""
        apart = self.shared[first] - self.shared[second]
        variance = (apart * apart).sum(axis=1) + self.alone[first] + self.alone[second]
        return np.asarray(norm.cdf((self.mean[first] - self.mean[second]) / np.sqrt(variance)))


def believe(posterior: Posterior, features: Features, *, weight: Floats, carries: tuple[float, float]) -> Belief:
    """Belief about texts of the shop that the tests are of, or of another.

    Args:
        weight: (n,) 0..1, how much each text is of the kind that was tested.
        carries: mean and deviation of the factor by which differences found in the tests hold for the texts; (1, 0) in the same shop.
    """
    projected = posterior.project(features)
    mean, white = posterior.predict(projected)
    mean = mean + features.before.mean
    beyond, prior = posterior.beyond(features, projected), spread(features, posterior.variances)
    known = (features.before.doubt**2).sum(axis=1) > 0
    slope, doubt = weight * carries[0], weight * carries[1]
    shared = np.hstack([slope[:, None] * white, (doubt * mean)[:, None]])
    alone = slope**2 * beyond + (1 - slope**2) * prior + posterior.variances.residue
    left = (white * white).sum(axis=1) + beyond
    return Belief(slope * mean, shared, alone, (left <= (1 - LEAST_TOLD) * prior) | known)


def before(belief: Belief) -> Before:
    """A belief as what is known before further tests."""
    return Before(belief.mean, belief.shared)
