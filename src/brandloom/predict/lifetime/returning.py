"""How many come back after a first order: what the model expects of new customers, beside what was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.lifetime.dropout import SHAPES
from brandloom.predict.lifetime.model import LifetimeModel
from brandloom.predict.lifetime.process import p_repeat
from brandloom.predict.lifetime.simulate import draw_parameters
from brandloom.predict.lifetime.summary import Histories

DAYS = (30, 60, 90, 180, 365)
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True)
class Returning:
    """Share of new customers who buy again within `days`: expected with its 80 % interval, and seen (None: nobody watched so long)."""

    days: int
    expected: float
    low: float
    high: float
    seen: float | None


def returning(model: LifetimeModel, histories: Histories) -> tuple[Returning, ...]:
    """For 30 days to a year; the interval is of the share, from what is uncertain in the parameters and in the level."""
    draws = draw_parameters(model.process, model.card.level_sd, model.card.seed)
    new = np.zeros((3, 1))
    found = []
    for days in DAYS:
        shares = np.array([p_repeat(SHAPES[draw.shape], draw.q, new, days, draw.level)[0] for draw in draws])
        low, high = np.quantile(shares, [LOW, HIGH])
        found.append(Returning(days, float(shares.mean()), float(low), float(high), seen_share(histories, days)))
    return tuple(found)


def seen_share(histories: Histories, days: int) -> float | None:
    """Share who bought a second time within `days` of the first (Kaplan and Meier: those not watched so long count while they were)."""
    if len(histories) == 0 or histories.t_days.max() < days:
        return None
    came = ~np.isnan(histories.second_days)
    waited = np.where(came, histories.second_days, histories.t_days)
    still = 1.0
    for day in np.unique(waited[came & (waited <= days)]):
        still *= 1.0 - float(np.sum(came & (waited == day))) / float(np.sum(waited >= day))
    return 1.0 - still
