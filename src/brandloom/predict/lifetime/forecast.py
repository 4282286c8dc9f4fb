"""Forecasts: per customer with 80 % intervals, and for all together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.predict.features import Floats
from brandloom.predict.lifetime.dropout import SHAPES
from brandloom.predict.lifetime.model import LifetimeModel
from brandloom.predict.lifetime.process import distinct, p_repeat
from brandloom.predict.lifetime.simulate import DRAWS, Draw, active_by_draw, chunks, draw_parameters, futures, purchases_by_draw
from brandloom.predict.lifetime.summary import Histories

LOW, HIGH = 0.1, 0.9
NEXT_LIMIT_DAYS = 1095  # a purchase expected later than in three years is reported as none
MAX_HORIZON_DAYS = 730
NUMBERS = ("p_active", "p_active_low", "p_active_high", "purchases", "purchases_low", "purchases_high", "p_repeat", "value",
           "value_low", "value_high", "next_days", "next_low", "next_high")


@dataclass(frozen=True)
class Total:
    """An expected sum over all customers and its 80 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """What is expected of each customer from `as_of` on, and of all together within the horizon.

    `customers` has, sorted by id: customer; frequency, recency_days, t_days; p_active with p_active_low and _high (80 % interval
    of the probability, from the parameters); purchases, purchases_low and _high (purchase days within the horizon);
    p_repeat (of at least one); value, value_low and _high (money before returns within the horizon); next_days, next_low and
    next_high (days to the next purchase: half, a tenth and nine tenths of the futures have one by then; null where they never do).
    """

    customers: pa.Table
    purchases: Total
    value: Total
    active: Total


def forecast(model: LifetimeModel, histories: Histories, horizon_days: int) -> Forecast:
    """Forecast these customers over a horizon; the same model and customer give the same numbers whoever else is asked for.

    Raises:
        ConfigError: the horizon is not 1 to 730 days.
    """
    check_horizon(horizon_days)
    draws = draw_parameters(model.process, model.card.level_sd, model.card.seed)
    past, place, counts = distinct(histories)
    worth = model.money.expected(histories)
    columns = {name: np.empty(len(histories)) for name in NUMBERS}
    sums = _Sums.empty(len(draws))
    order = np.argsort(place, kind="stable")
    for rows in chunks(past.shape[1]):
        people = order[np.searchsorted(place[order], rows.start):np.searchsorted(place[order], rows.stop)]
        known, purchases, by_draw = _by_past(draws, past[:, rows], horizon_days, model.card.seed)
        local = place[people] - rows.start
        for name, values in known.items():
            columns[name][people] = values[local]
        low, high = _value_interval(model, histories.take(people), purchases, local)
        columns["value"][people] = columns["purchases"][people] * worth[people]
        columns["value_low"][people], columns["value_high"][people] = low, high
        sums = sums.plus(by_draw, counts[rows],
                         np.bincount(local, weights=worth[people], minlength=rows.stop - rows.start).astype(np.float64),
                         float(np.sum(_value_variance(model, histories.take(people), by_draw, local))))
    return Forecast(_table(histories, columns), sums.purchases(), sums.value(model), sums.active())


def check_horizon(days: int) -> None:
    """Refuse a horizon that cannot be used."""
    if not 1 <= days <= MAX_HORIZON_DAYS:
        raise ConfigError(_("A horizon of {days} days cannot be used. Choose 1 to {most}."), days=days, most=MAX_HORIZON_DAYS)


def quantile_ranks(model: LifetimeModel, histories: Histories, horizon_days: int, happened: Floats) -> tuple[Floats, Floats]:
    """(n,) shares of each customer's futures with fewer purchase days than happened, and with just as many."""
    draws = draw_parameters(model.process, model.card.level_sd, model.card.seed)
    below, equal = np.empty(len(histories)), np.empty(len(histories))
    past = np.stack([histories.frequency, histories.recency_days, histories.t_days])
    for rows in chunks(len(histories)):
        active = active_by_draw(draws, past[:, rows])
        drawn = futures(draws, past[:, rows], active, horizon_days, model.card.seed).purchases
        below[rows] = np.mean(drawn < happened[rows, None], axis=1)
        equal[rows] = np.mean(drawn == happened[rows, None], axis=1)
    return below, equal


@dataclass(frozen=True)
class _ByDraw:
    """(parameter draws, m) each: probability of being there, expected purchase days; and (m,) their variance given the parameters."""

    active: Floats
    purchases: Floats
    variance: Floats


@dataclass(frozen=True)
class _Sums:
    """Sums over customers: by parameter draw, and the variances that are independent between customers."""

    by_draw: Floats  # (3, draws): active, purchases, value
    variance: Floats  # (3,)

    @classmethod
    def empty(cls, draws: int) -> _Sums:
        return cls(np.zeros((3, draws)), np.zeros(3))

    def plus(self, found: _ByDraw, counts: Floats, worth: Floats, value_variance: float) -> _Sums:
        mean = found.active.mean(axis=0)
        sums = np.stack([found.active @ counts, found.purchases @ counts, found.purchases @ worth])
        variance = np.array([np.sum(counts * mean * (1.0 - mean)), np.sum(counts * found.variance), value_variance])
        return _Sums(self.by_draw + sums, self.variance + variance)

    def active(self) -> Total:
        return _total(self.by_draw[0], self.variance[0])

    def purchases(self) -> Total:
        return _total(self.by_draw[1], self.variance[1])

    def value(self, model: LifetimeModel) -> Total:
        # the error of the money level moves every customer's value together
        spread = float(np.mean(self.by_draw[2])) * model.money.level_sd
        return _total(self.by_draw[2], self.variance[2] + spread**2)


def _total(by_draw: Floats, variance: float) -> Total:
    """Mixture of normals around each parameter draw's sum."""
    places = ndtri((np.arange(50) + 0.5) / 50)
    drawn = np.maximum(by_draw[:, None] + np.sqrt(variance) * places, 0.0)
    low, high = np.quantile(drawn, [LOW, HIGH])
    return Total(float(np.mean(by_draw)), float(low), float(high))


def _by_past(draws: tuple[Draw, ...], past: Floats, horizon_days: int, seed: int) -> tuple[dict[str, Floats], Floats, _ByDraw]:
    """Columns that depend on the past alone, the futures' purchase days, and what the totals need."""
    active = active_by_draw(draws, past)
    drawn = futures(draws, past, active, horizon_days, seed)
    mean = purchases_by_draw(draws, past, horizon_days)
    again = np.mean([p_repeat(SHAPES[draw.shape], draw.q, past, horizon_days, draw.level) for draw in draws], axis=0)
    next_days, next_low, next_high = (_quantile(drawn.next_days, q) for q in (0.5, LOW, HIGH))
    known = {"p_active": active.mean(axis=0), "p_active_low": np.quantile(active, LOW, axis=0),
             "p_active_high": np.quantile(active, HIGH, axis=0), "purchases": mean.mean(axis=0),
             "purchases_low": _quantile(drawn.purchases, LOW), "purchases_high": _quantile(drawn.purchases, HIGH),
             "p_repeat": again, "next_days": next_days, "next_low": next_low, "next_high": next_high}
    variance = np.maximum(drawn.purchases.var(axis=1) - mean.var(axis=0), 0.0)
    return known, drawn.purchases, _ByDraw(active, mean, variance)


def _value_interval(model: LifetimeModel, histories: Histories, purchases: Floats, place: Floats) -> tuple[Floats, Floats]:
    """(n,) ends of the 80 % interval of money: drawn purchase days, each customer's drawn level, and the scatter of so few amounts."""
    rng = np.random.default_rng([model.card.seed, 4])
    levels, scatter = rng.standard_normal(DRAWS), rng.standard_normal(DRAWS)
    mean, sd = model.money.posterior(histories)
    low, high = np.empty(len(histories)), np.empty(len(histories))
    for rows in chunks(len(histories)):
        count = purchases[place[rows]]
        width = np.log1p(np.expm1(model.money.within**2) / np.maximum(count, 1.0))
        logs = mean[rows, None] + sd[rows, None] * levels + 0.5 * model.money.within**2 + np.sqrt(width) * scatter - 0.5 * width
        drawn = model.money.factor * count * np.exp(logs)
        low[rows], high[rows] = _quantile(drawn, LOW), _quantile(drawn, HIGH)
    return low, high


def _value_variance(model: LifetimeModel, histories: Histories, found: _ByDraw, place: Floats) -> Floats:
    """(n,) variance of each customer's money, given the parameters and the level."""
    worth2 = model.money.expected(histories) ** 2
    _mean, sd = model.money.posterior(histories)
    count, variance = found.purchases.mean(axis=0)[place], found.variance[place]
    return np.asarray(worth2 * (variance + count * np.expm1(model.money.within**2) + (variance + count**2) * np.expm1(sd**2)))


def _quantile(drawn: Floats, q: float) -> Floats:
    """Smallest draw that a share q of the draws does not exceed: counts stay counts, and infinity may be the answer."""
    place = int(np.ceil(q * DRAWS)) - 1
    return np.asarray(np.partition(drawn, place, axis=1)[:, place])


def _table(histories: Histories, columns: dict[str, Floats]) -> pa.Table:
    known = {"customer": pa.array(histories.customer.tolist(), pa.string()), "frequency": histories.frequency,
             "recency_days": histories.recency_days, "t_days": histories.t_days}
    for name, values in columns.items():
        never = values > NEXT_LIMIT_DAYS if name.startswith("next_") else None
        known[name] = pa.array(values, pa.float64(), mask=never)
    return pa.table(known)
