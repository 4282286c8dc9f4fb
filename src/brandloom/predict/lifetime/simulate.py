"""Futures of each customer, drawn from what the model believes after seeing their past.

Given that somebody is still there, their rate, the time they have left and their purchases can be drawn exactly. The random
numbers are the same for everybody, so a customer's forecast depends on nobody else's presence or order; draws of different
customers must therefore never be added up (`totals` adds moments instead).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from brandloom.predict.features import Floats
from brandloom.predict.lifetime.dropout import SHAPES
from brandloom.predict.lifetime.process import Fitted, expected_purchases, p_active

PARAMETERS = 40  # draws of the parameters
PER_PARAMETER = 12  # futures drawn for each
DRAWS = PARAMETERS * PER_PARAMETER


@dataclass(frozen=True)
class Draw:
    """One draw of a shape's parameters, and the level of the time to come: a factor on every rate."""

    shape: str
    q: Floats
    level: float


@dataclass(frozen=True)
class Futures:
    """(n, DRAWS) each: purchase days within the horizon, and days until the next purchase (infinite where none comes)."""

    purchases: Floats
    next_days: Floats


def draw_parameters(fitted: tuple[Fitted, ...], level_sd: float, seed: int) -> tuple[Draw, ...]:
    """`PARAMETERS` draws, each shape as often as its evidence says; the levels are evenly spread quantiles, mixed."""
    rng = np.random.default_rng([seed, 1])
    places = (np.arange(PARAMETERS) + 0.5) / PARAMETERS
    shape_of = np.searchsorted(np.cumsum([one.weight for one in fitted]), places * (1.0 - 1e-12)).clip(max=len(fitted) - 1)
    levels = np.exp(level_sd * ndtri(rng.permutation(places)) - 0.5 * level_sd**2)  # mean 1
    drawn = {k: one.draw(PARAMETERS, rng) for k, one in enumerate(fitted)}
    return tuple(Draw(fitted[k].shape, drawn[k][:, n], float(levels[n])) for n, k in enumerate(shape_of.tolist()))


def active_by_draw(draws: tuple[Draw, ...], past: Floats) -> Floats:
    """(PARAMETERS, n) probability of being still there."""
    return np.stack([p_active(SHAPES[draw.shape], draw.q, past) for draw in draws])


def purchases_by_draw(draws: tuple[Draw, ...], past: Floats, horizon_days: float) -> Floats:
    """(PARAMETERS, n) expected purchase days within the horizon, at each draw's level."""
    return np.stack([draw.level * expected_purchases(SHAPES[draw.shape], draw.q, past, horizon_days) for draw in draws])


def futures(draws: tuple[Draw, ...], past: Floats, active: Floats, horizon_days: float, seed: int) -> Futures:
    """Draw each past's futures; `active` as `active_by_draw` gave it."""
    common = np.random.default_rng([seed, 2])
    shape = (len(draws), PER_PARAMETER)
    is_active, stays, counts = common.random(shape), common.random(shape), common.random(shape)
    waits = common.standard_exponential(shape)
    kinds, kind = np.unique(past[0], return_inverse=True)
    purchases, next_days = (np.empty((past.shape[1], *shape)) for _ in range(2))
    for n, draw in enumerate(draws):
        q, r = draw.q, np.exp(draw.q[0])
        gammas = np.stack([np.random.default_rng([seed, 3, n, int(x)]).standard_gamma(r + x, PER_PARAMETER) for x in kinds])
        rate = draw.level * gammas[kind] / (np.exp(q[0] - q[1]) + past[2])[:, None]
        left = SHAPES[draw.shape].remaining(q[2:], past[2][:, None], stays[n])
        left = np.where(is_active[n] < active[n][:, None], left, 0.0)
        purchases[:, n] = _poisson(rate * np.minimum(left, horizon_days), np.broadcast_to(counts[n], rate.shape))
        wait = waits[n] / np.maximum(rate, 1e-12)
        next_days[:, n] = np.where(wait < left, wait, np.inf)
    return Futures(purchases.reshape(-1, DRAWS), next_days.reshape(-1, DRAWS))


def chunks(n: int, size: int = 4_000) -> Iterator[slice]:
    """Slices of at most `size` rows: draws of everybody at once would not fit in memory."""
    yield from (slice(start, min(start + size, n)) for start in range(0, n, size))


def _poisson(mean: Floats, u: Floats) -> Floats:
    """Smallest count whose Poisson distribution reaches u; from 60 on the normal approximation with its skewness."""
    z = ndtri(u)
    found = np.maximum(np.round(mean + np.sqrt(mean) * z + (z**2 - 1.0) / 6.0 - 1e-9), 0.0)
    small = mean < 60.0
    m, v = mean[small], u[small]
    count, term = np.zeros_like(m), np.exp(-m)
    reached = term.copy()
    open_ = np.flatnonzero(v > reached)
    k = 0
    while len(open_) and k < 200:
        k += 1
        term[open_] *= m[open_] / k
        reached[open_] += term[open_]
        count[open_] = k
        open_ = open_[v[open_] > reached[open_]]
    found[small] = count
    return np.asarray(found)
