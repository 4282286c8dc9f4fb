"""How customers leave: three shapes of the time from the first purchase to the unseen moment after which nobody comes back.

`pareto`: everybody leaves at a rate of their own, gamma distributed among customers (Schmittlein, Morrison and Colombo 1987).
`weibull`: the rate falls with time since the first purchase. `stayers`: some never leave, the others at one rate.
Purchases say little about which is true (on CDNOW the first and the last are within 0.3 in log likelihood) and the forecasts of
far horizons differ by a seventh, so none is chosen: they are averaged by their evidence (see `process`).
Each has two unbounded parameters; `prior` is their normal prior, weak and in the ranges retail knows. Times are days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from brandloom.predict.features import Floats

Prior = tuple[tuple[float, float], tuple[float, float]]
"""Mean and standard deviation of each parameter."""


class Shape(Protocol):
    """A distribution of the time to leaving. `q` has the two parameters in front: each broadcasts against the times."""

    @property
    def prior(self) -> Prior:
        """Of the two parameters."""

    def log_survival(self, q: Floats, t: Floats) -> Floats:
        """log P(still there after t days)."""

    def log_density(self, q: Floats, t: Floats) -> Floats:
        """log density of leaving at t days."""

    def remaining(self, q: Floats, t: Floats, u: Floats) -> Floats:
        """Days until they leave of somebody still there after t, at the survival quantile u in (0, 1); may be infinite."""


@dataclass(frozen=True)
class Pareto:
    prior: Prior = ((-0.4, 1.0), (float(np.log(180.0)), 1.5))  # log shape, log of (scale / shape): days

    def log_survival(self, q: Floats, t: Floats) -> Floats:
        s, scale = np.exp(q[0]), np.exp(q[0] + q[1])
        return np.asarray(-s * np.log1p(t / scale))

    def log_density(self, q: Floats, t: Floats) -> Floats:
        s, scale = np.exp(q[0]), np.exp(q[0] + q[1])
        return np.asarray(-q[1] - (s + 1.0) * np.log1p(t / scale))

    def remaining(self, q: Floats, t: Floats, u: Floats) -> Floats:
        s, scale = np.exp(q[0]), np.exp(q[0] + q[1])
        return np.asarray((scale + t) * np.expm1(np.minimum(-np.log(u) / s, 300.0)))


@dataclass(frozen=True)
class Weibull:
    """The power is held below 1: a rate that rises with age fitted well and forecast badly on a shop without any leaving."""

    prior: Prior = ((1.0, 1.0), (float(np.log(365.0)), 1.5))  # logit of the power, log scale in days

    def log_survival(self, q: Floats, t: Floats) -> Floats:
        return np.asarray(-((t / np.exp(q[1])) ** expit(q[0])))

    def log_density(self, q: Floats, t: Floats) -> Floats:
        k, late = expit(q[0]), np.maximum(t, 1e-3) / np.exp(q[1])  # the rate is infinite at 0
        return np.asarray(np.log(k) - q[1] + (k - 1.0) * np.log(late) - late**k)

    def remaining(self, q: Floats, t: Floats, u: Floats) -> Floats:
        k, scale = expit(q[0]), np.exp(q[1])
        return np.asarray(scale * ((t / scale) ** k - np.log(u)) ** (1.0 / k) - t)


@dataclass(frozen=True)
class Stayers:
    prior: Prior = ((0.0, 1.5), (float(np.log(120.0)), 1.5))  # logit of the share who never leave, log of the others' mean stay

    def log_survival(self, q: Floats, t: Floats) -> Floats:
        stay = expit(q[0])
        return np.asarray(np.log(stay + (1.0 - stay) * np.exp(-t / np.exp(q[1]))))

    def log_density(self, q: Floats, t: Floats) -> Floats:
        return np.asarray(np.log(expit(-q[0])) - q[1] - t / np.exp(q[1]))

    def remaining(self, q: Floats, t: Floats, u: Floats) -> Floats:
        stay, mean = expit(q[0]), np.exp(q[1])
        left = (u * np.exp(self.log_survival(q, t)) - stay) / (1.0 - stay)
        some = left > 0
        return np.where(some, np.maximum(-mean * np.log(np.where(some, left, 1.0)) - t, 0.0), np.inf)


SHAPES: Mapping[str, Shape] = {"pareto": Pareto(), "weibull": Weibull(), "stayers": Stayers()}
