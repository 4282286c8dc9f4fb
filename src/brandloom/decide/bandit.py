"""Allocating impressions among copy variants: the scorer's prior, the clicks so far, and how many impressions are still to come.

Each arm's click rate has a gamma posterior (Poisson clicks): the prior mean is the campaign's level times the scorer's ratio, its
strength comes from the scorer's deviation; the level is estimated from all arms at once. The next impressions go to the highest
index: expected rate plus deviation times log(1 + impressions left / impressions the posterior counts for). The bonus is the worth
of learning while there is time to use it (an index with a horizon, Lai 1987): it is large for an arm little shown in a long campaign
and vanishes at the end, so nobody has to fix a share for testing. A wave is dealt in chunks; chunks under way count as impressions
whose clicks came as expected (Desautels, Krause and Burdick 2014), and so do outcomes that are still to arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brandloom.errors import ConfigError
from brandloom.i18n import _

Floats = npt.NDArray[np.float64]

CHUNKS = 20  # parts of a wave; more gives a finer split
EXPLORATION = 1.2  # how much the bonus counts, and
WIDENING = 1.6  # how far the scorer's deviations are widened; chosen on the development half of `benchmarks/headlines.py`
_LEVEL_STRENGTH = 200.0  # impressions that the level given counts for


@dataclass(frozen=True)
class Arm:
    """A variant with what is known of it. `score` and `deviation` are the scorer's, in log-odds of a click; 0 for all when unknown."""

    key: str
    impressions: int = 0
    """With their outcome known."""
    clicks: int = 0
    pending: int = 0
    """Sent, outcome not yet known."""
    score: float = 0.0
    deviation: float = 0.3


@dataclass(frozen=True)
class Allocation:
    """How the next wave is split. `share` is each arm's probability for one person: log it as the propensity."""

    share: Mapping[str, float]
    expected_rate: Mapping[str, float]
    deviation: Mapping[str, float]

    def draw(self, people: int, rng: np.random.Generator) -> tuple[list[str], Floats]:
        """An arm for each person and the probability with which that arm was drawn for them.

        The wave is cut by the shares at a random start and dealt out in random order: each person's probabilities are exactly the shares,
        and each arm gets its share of the wave to within one person, which people drawn one by one would not.
        """
        keys, shares = list(self.share), np.array(list(self.share.values()))
        ends = np.cumsum(shares / shares.sum())
        ends[-1] = 1.0
        places = (rng.permutation(people) + rng.random()) / max(people, 1)
        drawn = np.minimum(np.searchsorted(ends, places, side="right"), len(keys) - 1)
        return [keys[number] for number in drawn], shares[drawn]


@dataclass(frozen=True)
class Belief:
    """Gamma posteriors of click rates, arrays of one shape (..., arms): clicks and impressions they count for."""

    clicks: Floats
    impressions: Floats

    @property
    def rate(self) -> Floats:
        """Expected clicks per impression."""
        rate: Floats = self.clicks / self.impressions
        return rate


def allocate(arms: Sequence[Arm], *, wave: int, remaining: int, level: float = 0.015, floor: float = 0.0) -> Allocation:
    """Split the next wave among the arms.

    Args:
        wave: people written to before the next outcomes are read.
        remaining: people still to be written to, the wave among them.
        level: usual click rate of such campaigns; it only counts until there are clicks.
        floor: share of the wave dealt evenly whatever is known, 0..1. Above 0 every arm keeps a probability, so the log can judge
            other rules later (off-policy estimates need it); it costs about that share of what the best arm would gain.
    Raises:
        ConfigError: no arms, a wave outside 1..remaining, or a share or level that cannot be used.
    """
    if not arms or not 1 <= wave <= remaining:
        raise ConfigError(_("A wave of {wave} with {remaining} left among {arms} variants cannot be split. Give at least one variant and "
                            "a wave of 1 to what is left."), wave=wave, remaining=remaining, arms=len(arms))
    if not 0 <= floor <= 1 or not 0 < level < 1 or any(arm.deviation <= 0 for arm in arms):
        raise ConfigError(_("The floor lies in 0..1, the level between 0 and 1, and deviations are above 0."))
    rows = np.array([(arm.clicks, arm.impressions, arm.score, arm.deviation, arm.pending) for arm in arms], dtype=np.float64)
    clicks, impressions, score, deviation, waiting = rows.T
    belief = believe(clicks, impressions, score, deviation, level=level)
    dealt = deal(Belief(belief.clicks + waiting * belief.rate, belief.impressions + waiting), wave=wave, remaining=remaining)
    share = (1 - floor) * dealt + floor / len(arms)
    keys, spread = [arm.key for arm in arms], np.sqrt(belief.clicks) / belief.impressions
    return Allocation(dict(zip(keys, share.tolist(), strict=True)), dict(zip(keys, belief.rate.tolist(), strict=True)),
                      dict(zip(keys, spread.tolist(), strict=True)))


def believe(clicks: Floats, impressions: Floats, score: Floats, deviation: Floats, *, level: float,
            widening: float = WIDENING) -> Belief:
    """Posterior of the arms; leading axes are separate campaigns. An arm with score -inf does not exist and is never dealt."""
    ratio = np.exp(score)
    strength = 1 / np.expm1((widening * deviation)**2)  # shape of the gamma with the log-normal's coefficient of variation
    current = np.full((*score.shape[:-1], 1), level)
    for _round in range(3):  # the level that makes clicks and expectation agree, each arm shrunk to it by its own strength
        trust = strength / (strength + impressions * ratio * current)
        seen = (trust * clicks).sum(axis=-1, keepdims=True) + _LEVEL_STRENGTH * level
        current = seen / ((trust * impressions * ratio).sum(axis=-1, keepdims=True) + _LEVEL_STRENGTH)
    with np.errstate(divide="ignore"):
        return Belief(strength + clicks, strength / (ratio * current) + impressions)


def deal(belief: Belief, *, wave: int, remaining: int, exploration: float = EXPLORATION) -> Floats:
    """(..., arms) share of the wave for each arm, dealt chunk by chunk."""
    rate, impressions = belief.rate, belief.impressions.copy()
    chunks = min(CHUNKS, wave)
    dealt = np.zeros(rate.shape)
    for number in range(chunks):
        left = remaining - wave * number / chunks
        best = index(rate, impressions, left, exploration=exploration).argmax(axis=-1)
        one = best[..., None] == np.arange(rate.shape[-1])
        dealt += one
        impressions = impressions + one * (wave / chunks)
    return dealt / chunks


def index(rate: Floats, impressions: Floats, left: float, *, exploration: float = EXPLORATION) -> Floats:
    """(..., arms) what the next impression is worth, learning included; `impressions` are those the posterior counts for."""
    worth: Floats = rate + exploration * np.sqrt(rate / impressions) * np.log1p(left / impressions)
    return worth
