"""The report's chapter on waves as it is stored: what each text brought, in each wave and in all; `waves` draws it."""

from __future__ import annotations

from dataclasses import dataclass

from brandloom.measure.intervals import Estimate
from brandloom.measure.words import Count, Words


@dataclass(frozen=True)
class WaveRow:
    """One text in one wave."""

    wave: int
    text: str
    share: float
    """Probability of this text for a person of the wave."""
    sent: int
    successes: int
    """People of them who clicked or ordered, to date."""
    rate: Estimate


@dataclass(frozen=True)
class TextRow:
    """One text over all waves."""

    text: str
    name: str
    """A, B, C ... in the order of the plan."""
    subject: str
    sent: int
    successes: int
    rate: Estimate
    always: Estimate | None = None
    """What sending it to everybody of the cell would have brought, from the logged probabilities; None while nothing is known."""
    effective: float | None = None
    """Messages that the estimate rests on."""


@dataclass(frozen=True)
class CellWaves:
    """A persona, product group, channel and language with several texts."""

    cell: str
    persona: Words
    group: Words
    channel: str
    language: str
    texts: tuple[TextRow, ...]
    rows: tuple[WaveRow, ...]
    moved: tuple[Words, ...] = ()
    """Wave by wave, where the shares went and on what grounds."""


@dataclass(frozen=True)
class Waves:
    metric: str
    """clicks or orders"""
    waves: int
    opened: int
    every: str
    floor: float
    """Share of a wave dealt evenly whatever is known."""
    cells: tuple[CellWaves, ...]
    machines: tuple[Count, ...] = ()
    """Clicks left out because a machine made them, by reason."""
