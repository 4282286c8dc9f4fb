"""A mean with its interval over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_DRAWS = 4000


@dataclass(frozen=True)
class Range:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


def mean_range(values: ArrayLike, groups: Sequence[str], *, seed: int = 0) -> Range:
    """The mean of values, and the middle 95 % of the means of 4,000 draws of as many groups with replacement.

    Args:
        values: (n,) numbers; those of one group are drawn together, as the one witness they are.
        groups: (n,) which group each belongs to.
    Source:
        Efron and Tibshirani 1993, the percentile bootstrap, over clusters.
    """
    numbers = np.asarray(values, float)
    names, place = np.unique(list(groups), return_inverse=True)
    sums, counts = np.bincount(place, weights=numbers), np.bincount(place)
    drawn = np.random.default_rng(seed).integers(0, len(names), (_DRAWS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return Range(float(numbers.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975)))
