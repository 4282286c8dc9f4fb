"""What turns features into predictions. Two kinds, one protocol: the blend, and shrunken cells where data is little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaincinv, logit

from brandloom.predict.features import FEATURES, Floats
from brandloom.predict.learners import Linear, Trees, linear_raws, tree_raws
from brandloom.predict.season import Level, sigmoid

Z80 = 1.2815515594  # 80 % of a normal lies within this many sd


@dataclass(frozen=True)
class Scores:
    """(n,) each: probability to buy within the horizon, its 80 % interval, expected spend and its 80 % interval."""

    p: Floats
    p_low: Floats
    p_high: Floats
    spend: Floats
    spend_low: Floats
    spend_high: Floats


class Scorer(Protocol):
    """A fitted model of purchase and spend. `kind` names it in saved files; threads are LightGBM's."""

    @property
    def kind(self) -> str:
        """'blend' or 'cells'."""

    def score(self, x: Floats, threads: int = 1) -> Scores:
        """Predictions for feature rows."""

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        """(n, features) and a base, in log-odds: base + the sum over features is exactly logit(p) of `score`."""


@dataclass(frozen=True)
class Pair:
    """A linear model and trees on the same target, mixed on the log scale."""

    linear: Linear
    trees: Trees

    def raw(self, x: Floats, weight: float, threads: int = 1) -> Floats:
        return weight * self.trees.raw(x, threads) + (1.0 - weight) * self.linear.raw(x)


@dataclass(frozen=True)
class Blend:
    """logit(p) = weight x trees + (1 - weight) x logistic + season level; spend if they buy is mixed the same way, in logs.

    Because the mix is linear in log-odds, contributions of both parts add up exactly. `members` are the same pairs fitted to
    bootstrap samples of customers; with the level's sd they give the intervals. `typical_sd` and `basket_sd` are the members'
    mean spread in training (log-odds, log money). `spend_power` above 1 gives the largest customers back what averaging over
    leaves took from them; the total stays.
    """

    purchase: Pair
    basket: Pair
    members: tuple[Pair, ...]
    basket_members: tuple[Pair, ...]
    weight: float
    level: Level
    typical_sd: float
    basket_sd: float
    spend_power: float = 1.0
    spend_log_scale: float = 0.0
    kind: str = "blend"

    def score(self, x: Floats, threads: int = 1) -> Scores:
        bought, spent = (self.purchase, *self.members), (self.basket, *self.basket_members)
        trees = tree_raws([pair.trees for pair in (*bought, *spent)], x, threads)
        linear = linear_raws([pair.linear for pair in (*bought, *spent)], x)
        raws = [weight * one + (1.0 - weight) * other for weight, one, other in zip(
            [self.weight] * len(bought) + [0.5] * len(spent), trees, linear, strict=True)]
        raw, basket = raws[0] + self.level.shift, raws[len(bought)]
        sd = np.hypot(_spread(raws[1:len(bought)], self.typical_sd), self.level.sd)
        p, low, high = sigmoid(raw), sigmoid(raw - Z80 * sd), sigmoid(raw + Z80 * sd)
        spend = np.exp(self.spend_power * (np.log(p) + basket) + self.spend_log_scale)
        spread = _spread(raws[len(bought) + 1:], self.basket_sd)
        # d log p = (1 - p) d logit p, and both parts err independently
        log_sd = self.spend_power * np.sqrt(((1.0 - p) * sd) ** 2 + spread**2)
        return Scores(p, low, high, spend, spend * np.exp(-Z80 * log_sd), spend * np.exp(Z80 * log_sd))

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        parts, base = self.purchase.trees.contributions(x)
        mixed = self.weight * parts + (1.0 - self.weight) * self.purchase.linear.contributions(x)
        return mixed, self.weight * base + (1.0 - self.weight) * self.purchase.linear.intercept + self.level.shift


@dataclass(frozen=True)
class Cells:
    """Beta posteriors by recency and repeat purchase, each shrunk to the level above: for shops with little history.

    `edges` are days since the last purchase; a customer's row is 0 (never bought), or 1 + the number of edges passed.
    `alpha` and `beta` are (rows x 2) by first-time and repeat buyers. `scale` is the horizon over the window observed.
    """

    edges: tuple[float, ...]
    alpha: tuple[tuple[float, float], ...]
    beta: tuple[tuple[float, float], ...]
    row_p: tuple[float, ...]
    base_p: float
    scale: float
    mean_basket: float
    basket_sd: float
    kind: str = "cells"

    def score(self, x: Floats, threads: int = 1) -> Scores:
        row, repeat = self.cell(x)
        alpha, beta = np.array(self.alpha)[row, repeat], np.array(self.beta)[row, repeat]
        p = stretch(alpha / (alpha + beta), self.scale)
        low, high = (stretch(betaincinv(alpha, beta, q), self.scale) for q in (0.1, 0.9))
        low, high = np.minimum(low, p), np.maximum(high, p)  # a skewed posterior's mean can lie outside
        days = np.nan_to_num(x[:, FEATURES.index("frequency")]) + (row > 0)
        own = np.nan_to_num(x[:, FEATURES.index("monetary_value")])
        basket = (days * own + 2.0 * self.mean_basket) / (days + 2.0)
        wide = np.exp(Z80 * self.basket_sd / np.sqrt(days + 2.0))
        return Scores(p, low, high, p * basket, low * basket / wide, high * basket * wide)

    def contributions(self, x: Floats) -> tuple[Floats, float]:
        row, _repeat = self.cell(x)
        base = float(logit(stretch(np.array([self.base_p]), self.scale))[0])
        by_row = logit(stretch(np.array(self.row_p), self.scale))[row]
        whole = logit(self.score(x).p)
        parts = np.zeros((len(x), len(FEATURES)))
        parts[:, FEATURES.index("days_since_last")] = by_row - base
        parts[:, FEATURES.index("orders")] = whole - by_row
        return parts, base

    def cell(self, x: Floats) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each customer in the tables."""
        since = x[:, FEATURES.index("days_since_last")]
        row = np.where(np.isnan(since), 0, 1 + np.searchsorted(np.array(self.edges), np.nan_to_num(since)))
        return row, (np.nan_to_num(x[:, FEATURES.index("frequency")]) > 0).astype(int)


def stretch(p: Floats, scale: float) -> Floats:
    """Probability over a window `scale` times as long, at the same rate; kept off 0 and 1."""
    return np.clip(1.0 - (1.0 - np.asarray(p)) ** scale, 1e-6, 1.0 - 1e-6)


def _spread(members: list[Floats], typical: float) -> Floats:
    """Sd over bootstrap members, half a customer's own and half what is typical: few members make single sds noisy."""
    center = sum(members) / len(members)  # one after the other: numpy's own order of adding depends on the number of rows
    variance = sum((member - center) ** 2 for member in members) / (len(members) - 1)
    return np.asarray(np.sqrt(0.5 * variance + 0.5 * typical**2))
