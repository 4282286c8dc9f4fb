"""What sending really changed: the holdout read-out, its power, and a documented simulated response to show it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from brandloom.measure.intervals import Estimate

Verdict = Literal["works", "harms", "open", "broken"]


@dataclass(frozen=True)
class Arm:
    """One arm of the experiment."""

    people: int
    buyers: int
    share: Estimate
    """Share that bought, Wilson."""
    spend: Estimate
    """Mean spend per person, in the workspace's currency, bootstrap."""


@dataclass(frozen=True)
class Power:
    """Smallest change a holdout of this size would find, if there is one, four times in five."""

    effect: float
    """Absolute, in shares (0.01 is one percentage point)."""
    lift: float
    """Relative to the holdout's share (0.05 is 5 %)."""
    power: float
    level: int


@dataclass(frozen=True)
class Readout:
    """The difference between people who got a message and those held out at random."""

    plan: str
    simulated: bool
    window_days: int
    sent: Arm
    holdout: Arm
    effect: Estimate
    """Absolute, fixed size: valid for one look at the end."""
    effect_anytime: Estimate
    """Absolute, valid however often one looks."""
    lift: Estimate
    """Relative to the holdout."""
    spend_effect: Estimate
    """Money per person, fixed size."""
    designed_holdout: float
    srm_p_value: float
    """Chance of a split this uneven if the assignment worked; below 0.001 the experiment is broken."""
    detectable: Power
    verdict: Verdict


@dataclass(frozen=True)
class Truth:
    """What the simulator knows and a real shop never does."""

    effect: float
    """Exact average absolute effect over everyone in the experiment."""
    lift: float
    """The same relative to the average probability without a message."""
    true_lift: float
    """The lift that was asked for."""
    seed: int
