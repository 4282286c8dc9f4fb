"""What the chosen people really bought afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from brandloom.measure.intervals import Estimate


@dataclass(frozen=True)
class Choice:
    """What one way of choosing the same number of people would have held."""

    buyers: Estimate
    """Share of all later buyers of the pool, 0 to 1."""
    revenue: Estimate
    """Share of the pool's later net revenue."""


@dataclass(frozen=True)
class CurvePoint:
    """Share of buyers and of revenue held by the best `contacted` share of the pool, all 0 to 1."""

    contacted: float
    model_buyers: float
    recent_buyers: float
    model_revenue: float
    recent_revenue: float


@dataclass(frozen=True)
class CalibrationRow:
    """One tenth of the pool, from the most to the least likely to buy."""

    decile: int
    customers: int
    predicted: float
    """Mean predicted probability."""
    observed: Estimate
    """Share that bought, Wilson interval."""


@dataclass(frozen=True)
class Capture:
    """The replay of one choice of people; differences are paired over customers."""

    as_of: str
    horizon_days: int
    pool: int
    """People who could have been chosen (consent, address, caps); every way of choosing picks from these."""
    chosen: int
    buyers: int
    """People of the pool who bought in the horizon."""
    chosen_buyers: int
    revenue: float
    chosen_revenue: float
    model: Choice
    random: Choice
    recent: Choice
    model_minus_random: Choice
    model_minus_recent: Choice
    curve: tuple[CurvePoint, ...]
    calibration: tuple[CalibrationRow, ...]


@dataclass(frozen=True)
class HitRow:
    """One measure on one kind of purchase: our list, the popular list, and the paired difference."""

    kind: str
    """all, new (never bought before), repeat"""
    measure: str
    """hit (any of the k bought), recall (share of what they bought), ndcg (early ranks count more)"""
    customers: int
    """People who bought at least one product of this kind in the horizon."""
    model: Estimate
    popular: Estimate
    difference: Estimate


@dataclass(frozen=True)
class HitRates:
    k: int
    horizon_days: int
    popular_days: int
    rows: tuple[HitRow, ...]
