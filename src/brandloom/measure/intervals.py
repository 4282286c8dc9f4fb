"""How sure a number is: intervals for shares, for ratios over customers, and for two arms that somebody looks at daily.

Every function takes plain numbers or arrays and returns an `Estimate`. `level` is in percent, as everywhere in the house.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

_GROUPS = 20_000  # most units the bootstrap draws; beyond it customers are bundled at random first
_CHUNK = 2_000_000  # draws x units held in memory at once


@dataclass(frozen=True)
class Estimate:
    """A number and how far off it may be. `low` and `high` are None where nothing honest can be said."""

    value: float
    low: float | None = None
    high: float | None = None
    level: int = 95
    """Percent of such intervals that hold the truth."""


def wilson(hits: int, trials: int, *, level: int = 95) -> Estimate:
    """Estimate a share, with an interval that stays inside [0, 1] and is right for few trials.

    Args:
        hits: number of successes, 0 to `trials`.
        trials: number of tries; with none the interval is all of [0, 1].
    Source:
        Wilson 1927; recommended over the textbook interval by Brown, Cai and DasGupta 2001.
    Example:
        >>> share = wilson(81, 263)
        >>> round(share.low, 4), round(share.high, 4)
        (0.2553, 0.3662)
    """
    return Estimate(*_wilson_limits(hits, trials, level), level)


def wilson_weighted(weight: Floats, hits: Floats, *, level: int = 95) -> Estimate:
    """Estimate a share from tries of unequal weight, as `wilson` on as many even tries as say as much (Kish 1965).

    Args:
        weight: (n,) 0 or more; hits: (n,) 0 or 1.
    """
    total = float(weight.sum())
    if total <= 0:
        return Estimate(0.0, 0.0, 1.0, level)
    trials = total * total / float(weight @ weight)
    return Estimate(*_wilson_limits(float(weight @ hits) / total * trials, trials, level), level)


def newcombe(hits: int, trials: int, base_hits: int, base_trials: int, *, level: int = 95) -> Estimate:
    """Estimate the difference of two independent shares (first minus base).

    The two Wilson intervals are joined, so it holds for few hits and unequal groups, where the textbook interval does not.

    Source:
        Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10.
    """
    (share, floor, ceiling), (base, base_floor, base_ceiling) = (
        _wilson_limits(*pair, level) for pair in ((hits, trials), (base_hits, base_trials)))
    gap = share - base
    low = gap - float(np.hypot(share - floor, base_ceiling - base))
    high = gap + float(np.hypot(ceiling - share, base - base_floor))
    return Estimate(gap, max(-1.0, low), min(1.0, high), level)


def share_ratio(hits: int, trials: int, base_hits: int, base_trials: int, *, level: int = 95) -> Estimate | None:
    """Estimate the relative change of a share (first over base, minus 1; 0.05 is 5 % more).

    Excludes 0 exactly when `newcombe` does, since both join the same Wilson limits. `high` is None while the base's limits
    reach 0; with no success in the base there is no ratio, and the result is None.

    Source:
        Donner and Zou 2012, "Closed-form confidence intervals for functions of the normal mean and standard deviation" (MOVER-R).
    """
    (share, floor, ceiling), (base, base_floor, base_ceiling) = (
        _wilson_limits(*pair, level) for pair in ((hits, trials), (base_hits, base_trials)))
    if base == 0:
        return None
    product, ratio = share * base, share / base
    down = base_ceiling * (2 * base - base_ceiling), floor * (2 * share - floor)
    up = base_floor * (2 * base - base_floor), ceiling * (2 * share - ceiling)
    low = down[1] / (product + float(np.sqrt(max(0.0, product * product - down[0] * down[1])))) if product > 0 else 0.0
    high = (product + float(np.sqrt(product * product - up[0] * up[1]))) / up[0] if up[0] > 0 else None
    return Estimate(ratio - 1, low - 1, None if high is None else high - 1, level)


def bootstrap(columns: Floats, statistic: Statistic, *, seed: int, draws: int = 2000, level: int = 95,
              method: Literal["percentile", "bca"] = "percentile") -> Estimate:
    """Estimate a function of means over customers (a ratio, a difference of ratios), by drawing the customers again.

    Two columns that come from the same customer stay together in each draw, so a difference between two choices is paired.
    Above 20,000 rows, rows are bundled at random into 20,000 units first: sums and their variance stay the same.

    Args:
        columns: (n, k), one row per customer.
        statistic: maps means of shape (draws, k) to (draws,); must depend on nothing but ratios of the columns.
        seed: the same seed gives the same interval.
        method: 'bca' corrects the bias and skew of a long-tailed statistic, at the price of n more evaluations.
    Source:
        Efron and Tibshirani 1993, chapters 13 (percentile) and 14 (BCa).
    """
    return bootstrap_all(columns, [statistic], seed=seed, draws=draws, level=level, method=method)[0]


def bootstrap_all(columns: Floats, statistics: Sequence[Statistic], *, seed: int, draws: int = 2000, level: int = 95,
                  method: Literal["percentile", "bca"] = "percentile") -> list[Estimate]:
    """Several statistics from the same draws; see `bootstrap`."""
    rng = np.random.default_rng(seed)
    units = _bundle(columns, rng)
    means = _resampled_means(units, draws, rng) if len(columns) > 1 else np.empty((0, columns.shape[1]))
    whole = columns.mean(axis=0, keepdims=True)
    return [_bootstrapped(units, means, statistic, float(statistic(whole)[0]), level, method) for statistic in statistics]


def bootstrap_ratio(top: Floats, bottom: Floats, *, seed: int, draws: int = 2000, level: int = 95,
                    method: Literal["percentile", "bca"] = "percentile") -> Estimate:
    """Estimate sum(top) / sum(bottom) over customers, both (n,); see `bootstrap`."""
    return bootstrap(np.column_stack([top, bottom]), lambda means: means[:, 0] / means[:, 1],
                     seed=seed, draws=draws, level=level, method=method)


def fixed_difference(one: Floats, base: Floats, *, level: int = 95) -> Estimate:
    """Difference of two independent means (first minus base), for one look at an end that was set beforehand.

    Args:
        one, base: (n,) outcomes per person, in any unit; at least two each.
    Source:
        Welch 1938, normal quantiles; arms of a campaign hold hundreds of people.
    """
    gap, spread = float(one.mean() - base.mean()), _spread(one, base)
    half = _quantile(level) * spread
    return Estimate(gap, gap - half, gap + half, level)


def anytime_difference(one: Floats, base: Floats, *, level: int = 95, tightest_at: int | None = None) -> Estimate:
    """Difference of two means that stays right however often one looks and whenever one stops.

    The whole sequence of intervals holds the truth at once with probability `level`, so a campaign may be watched daily and
    stopped at will. The price is width: about 1.5 times the fixed-size interval where it is tightest.

    Args:
        one, base: (n,) outcomes so far, arms drawn at random with a fixed share. Asymptotic: wait for some dozens per arm.
        tightest_at: number of people, both arms together, where the interval is wanted tightest; fix it before looking.
            The present number when None, which is right for a single planned size.
    Source:
        Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
        sequences", Theorem 2.2 on the influence function of a difference of means; the choice of rho is their equation (9).
    """
    people = len(one) + len(base)
    gap, deviation = float(one.mean() - base.mean()), _spread(one, base) * float(np.sqrt(people))
    half = deviation * anytime_factor(people, level=level, tightest_at=tightest_at or people)
    return Estimate(gap, gap - half, gap + half, level)


def anytime_factor(people: int, *, level: int = 95, tightest_at: int) -> float:
    """Half width of the anytime-valid interval, in standard deviations of one observation."""
    alpha = 1 - level / 100
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / tightest_at
    grown = people * rho2 + 1
    return float(np.sqrt(2 * grown / (people * people * rho2) * np.log(np.sqrt(grown) / alpha)))


def _wilson_limits(hits: float, trials: float, level: int) -> tuple[float, float, float]:
    """Share, lower and upper limit."""
    if trials <= 0:
        return 0.0, 0.0, 1.0
    z, share = _quantile(level), hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def _quantile(level: int) -> float:
    return float(ndtri((1 + level / 100) / 2))


def _spread(one: Floats, base: Floats) -> float:
    """Standard error of the difference of two independent means."""
    return float(np.sqrt(one.var(ddof=1) / len(one) + base.var(ddof=1) / len(base)))


def _bundle(columns: Floats, rng: np.random.Generator) -> Floats:
    if len(columns) <= _GROUPS:
        return columns
    group = rng.permutation(len(columns)) % _GROUPS
    return np.column_stack([np.bincount(group, weights=column, minlength=_GROUPS) for column in columns.T])


def _resampled_means(units: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """(draws, k) means of rows drawn with replacement: counting how often each row came is one matrix product."""
    size = len(units)
    step = max(1, _CHUNK // size)
    parts = []
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picked = rng.integers(0, size, (rows, size)) + np.arange(rows)[:, None] * size
        counts = np.bincount(picked.ravel(), minlength=rows * size).reshape(rows, size)
        parts.append(counts @ units / size)
    return np.concatenate(parts)


def _bootstrapped(units: Floats, means: Floats, statistic: Statistic, value: float, level: int, method: str) -> Estimate:
    replicas = np.asarray(statistic(means))
    replicas = replicas[np.isfinite(replicas)]
    if not np.isfinite(value) or len(replicas) < 2:
        return Estimate(value, None, None, level)
    tails = np.array([(1 - level / 100) / 2, (1 + level / 100) / 2])
    if method == "bca":
        tails = _bca_tails(units, statistic, replicas, value, tails)
    low, high = np.quantile(replicas, tails)
    return Estimate(value, float(low), float(high), level)


def _bca_tails(units: Floats, statistic: Statistic, replicas: Floats, value: float, tails: Floats) -> Floats:
    """Percentiles moved for bias (share of replicas below the value) and for skew (jackknife)."""
    below = (np.sum(replicas < value) + np.sum(replicas == value) / 2) / len(replicas)
    bias = ndtri(np.clip(below, 1e-6, 1 - 1e-6))
    size = len(units)
    left_out = np.asarray(statistic((units.sum(axis=0) - units) / (size - 1)))
    gap = left_out.mean() - left_out
    scale = float((gap**2).sum()) ** 1.5
    skew = float((gap**3).sum()) / (6 * scale) if scale > 0 else 0.0
    moved = bias + ndtri(tails)
    return np.asarray(ndtr(bias + moved / (1 - skew * moved)), dtype=np.float64)
