"""What the chosen people really bought afterwards, against choosing blindly and against the marketer's rule of thumb.

A replay plans with the data before `as_of` and looks at what followed. It shows whether the right people and products were
chosen. It cannot show what sending changes: nobody got a message then. That is what `experiment` is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from brandloom.engine import Engine, read_sql
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.measure.intervals import Estimate, Floats, Statistic, bootstrap_all, wilson

_KINDS = ("all", "new", "repeat")
_MEASURES = ("hit", "recall", "ndcg")
_CURVE_POINTS = 51


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


def capture(engine: Engine, *, as_of: datetime, horizon_days: int, plan: str = "", size: int = 0, seed: int = 0,
            draws: int = 2000) -> Capture:
    """Of those who bought in the `horizon_days` after `as_of`, what share had been chosen?

    With `plan`, the chosen are those it decided to send to or to hold out, and the pool is everyone it could have chosen
    (consent, address and caps allowed it): each way of choosing picks the same number from the same pool. Without `plan`,
    the `size` customers with the highest `p_purchase` are chosen from everyone that has a prediction.

    Args:
        as_of: naive UTC; the predictions and the plan saw nothing from here on.
        seed, draws: of the bootstrap over customers.
    Returns:
        Shares of buyers and of net revenue held by the model's choice, by a random one (exact expectation; the interval
        holds 95 % of random choices), and by the most recent buyers; differences paired over customers.
    Raises:
        NotFittedError: no predictions as of that time, or an unknown plan.
        DataError: nobody of the pool bought in the horizon, or nobody was chosen.
    """
    require_predictions(engine)
    rows = engine.query(read_sql("measure", "capture"), plan=plan, as_of=as_of, until=as_of + timedelta(days=horizon_days))
    if rows.num_rows == 0:
        raise NotFittedError(_("Nothing to replay: no predictions as of {as_of}, or no plan '{plan}'. "
                               "Run `brandloom learn --as-of {as_of}` first."), as_of=as_of.date(), plan=plan)
    pool = _Pool.read(rows, size)
    if pool.bought.sum() == 0 or pool.revenue.sum() <= 0:
        raise DataError(_("Nothing to replay: no customer bought in the {days} days after {as_of}. "
                          "Choose a date that lies {days} days before the end of the data."),
                        days=horizon_days, as_of=as_of.date())
    if not 0 < pool.chosen.sum() <= len(pool.chosen):
        raise DataError(_("Nothing to replay: nobody was chosen. Name a plan with an audience, or a size above 0."))
    return _capture(pool, as_of=as_of, horizon_days=horizon_days, seed=seed, draws=draws)


def hit_rate(engine: Engine, *, as_of: datetime, horizon_days: int, k: int = 5, popular_days: int = 90, seed: int = 0,
             draws: int = 2000) -> HitRates:
    """Did people buy what was recommended to them, more often than the most popular products?

    The table `recommendations` (first `k` ranks) is compared with the `k` products that most customers bought in the
    `popular_days` before `as_of`, on everyone who has recommendations and bought in the `horizon_days` after it.
    New products (never bought before) and repeats are measured apart, each on the people who bought such a product.

    Returns:
        Per kind and measure the mean of both lists and the paired difference, each with a bootstrap interval over customers.
        A kind nobody bought is left out.
    Raises:
        NotFittedError: no recommendations.
        DataError: none of these customers bought in the horizon.
    """
    if not engine.exists("recommendations"):
        raise NotFittedError(_("No recommendations yet. Run `brandloom learn` first."))
    rows = engine.query(read_sql("measure", "hits"), k=k, as_of=as_of, since=as_of - timedelta(days=popular_days),
                        until=as_of + timedelta(days=horizon_days))
    if rows.num_rows == 0:
        raise DataError(_("No customer with recommendations bought in the {days} days after {as_of}. "
                          "Choose a date that lies {days} days before the end of the data."),
                        days=horizon_days, as_of=as_of.date())
    found = [row for kind in _KINDS for row in _hit_rows(rows, kind, k, seed, draws)]
    return HitRates(k=k, horizon_days=horizon_days, popular_days=popular_days, rows=tuple(found))


def require_predictions(engine: Engine) -> None:
    """Raises NotFittedError when nothing was learned yet."""
    if not engine.exists("predictions"):
        raise NotFittedError(_("No predictions yet. Run `brandloom learn` first."))


@dataclass(frozen=True)
class _Pool:
    """Aligned arrays, one entry per person who could have been chosen, in the order of their ids."""

    score: Floats
    chosen: Floats
    recent: Floats
    bought: Floats
    revenue: Floats
    by_score: NDArray[np.intp]
    by_recency: NDArray[np.intp]

    @classmethod
    def read(cls, rows: pa.Table, size: int) -> _Pool:
        score, last, bought, revenue = (_floats(rows, name) for name in ("p_purchase", "recency_s", "bought", "revenue"))
        by_score = np.argsort(-score, kind="stable")
        by_recency = np.argsort(last, kind="stable")
        chosen = _first(by_score, size) if size else _floats(rows, "chosen")
        return cls(score, chosen, _first(by_recency, int(chosen.sum())), bought, revenue, by_score, by_recency)


def _capture(pool: _Pool, *, as_of: datetime, horizon_days: int, seed: int, draws: int) -> Capture:
    columns = np.column_stack([pool.chosen, np.ones_like(pool.chosen), *(
        weight * who for weight in (pool.bought, pool.revenue) for who in (np.ones_like(pool.chosen), pool.chosen, pool.recent))])
    statistics = [statistic for first in (2, 5) for statistic in _shares(first)]
    found = bootstrap_all(columns, statistics, seed=seed, draws=draws, method="bca")
    model, recent, over_random, over_recent = (Choice(*pair) for pair in zip(found[:4], found[4:], strict=True))
    return Capture(
        as_of=as_of.date().isoformat(), horizon_days=horizon_days, pool=len(pool.chosen), chosen=int(pool.chosen.sum()),
        buyers=int(pool.bought.sum()), chosen_buyers=int((pool.bought * pool.chosen).sum()),
        revenue=float(pool.revenue.sum()), chosen_revenue=float((pool.revenue * pool.chosen).sum()),
        model=model, random=_random_choice(pool), recent=recent, model_minus_random=over_random,
        model_minus_recent=over_recent, curve=_curve(pool), calibration=calibrate(pool.score, pool.bought))


def _shares(first: int) -> tuple[Statistic, Statistic, Statistic, Statistic]:
    """Statistics of one target whose columns (all, chosen, recent) start at `first`; column 0 is the chosen, 1 everyone."""
    return (lambda m: m[:, first + 1] / m[:, first],
            lambda m: m[:, first + 2] / m[:, first],
            lambda m: m[:, first + 1] / m[:, first] - m[:, 0] / m[:, 1],
            lambda m: (m[:, first + 1] - m[:, first + 2]) / m[:, first])


def _random_choice(pool: _Pool, *, level: int = 95) -> Choice:
    """What a random choice of the same size holds: exact mean; hypergeometric for buyers, normal for the sum of revenue."""
    people, size, buyers = len(pool.chosen), int(pool.chosen.sum()), int(pool.bought.sum())
    share, tails = size / people, ((1 - level / 100) / 2, (1 + level / 100) / 2)
    from scipy.stats import hypergeom  # loading it takes a second, which only this needs
    low, high = (float(hypergeom.ppf(tail, people, buyers, size)) / buyers for tail in tails)
    deviation = np.sqrt(size * (people - size) / people * pool.revenue.var(ddof=1 if people > 1 else 0)) / pool.revenue.sum()
    half = float(ndtri(tails[1]) * deviation)
    return Choice(Estimate(share, low, high, level), Estimate(share, share - half, share + half, level))


def _curve(pool: _Pool) -> tuple[CurvePoint, ...]:
    """The gain curve at 0 %, 2 %, ... 100 % of the pool."""
    contacted = np.linspace(0, 1, _CURVE_POINTS)
    counts = np.rint(contacted * len(pool.chosen)).astype(np.intp)
    held = [np.concatenate([[0.0], np.cumsum(target[order])])[counts] / target.sum()
            for target in (pool.bought, pool.revenue) for order in (pool.by_score, pool.by_recency)]
    return tuple(CurvePoint(*map(float, point)) for point in zip(contacted, *held, strict=True))


def calibrate(score: Floats, bought: Floats, *, parts: int = 10) -> tuple[CalibrationRow, ...]:
    """Compare predicted with observed shares in `parts` equal groups, from the highest score down."""
    order = np.argsort(-score, kind="stable")
    groups = [group for group in np.array_split(order, parts) if len(group)]
    return tuple(CalibrationRow(number, len(group), float(score[group].mean()), wilson(int(bought[group].sum()), len(group)))
                 for number, group in enumerate(groups, start=1))


def _hit_rows(rows: pa.Table, kind: str, k: int, seed: int, draws: int) -> list[HitRow]:
    relevant = _floats(rows, f"relevant_{kind}")
    with_any = relevant > 0
    if not with_any.any():
        return []
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    wanted = relevant[with_any]
    per_list = []
    for name in ("model", "popular"):
        hits, gain = (_floats(rows, f"{name}_{what}_{kind}")[with_any] for what in ("hits", "gain"))
        best = ideal[np.minimum(wanted, k).astype(np.intp)]
        per_list.append([(hits > 0).astype(float), hits / wanted, gain / best])
    columns = np.column_stack(per_list[0] + per_list[1])
    pairs: list[Statistic] = [statistic for number in range(3) for statistic in _pair(number)]
    found = bootstrap_all(columns, pairs, seed=seed, draws=draws)
    return [HitRow(kind, measure, len(wanted), *found[3 * number: 3 * number + 3]) for number, measure in enumerate(_MEASURES)]


def _pair(number: int) -> tuple[Statistic, Statistic, Statistic]:
    return (lambda m: m[:, number], lambda m: m[:, number + 3], lambda m: m[:, number] - m[:, number + 3])


def _first(order: NDArray[np.intp], size: int) -> Floats:
    mask = np.zeros(len(order))
    mask[order[:size]] = 1.0
    return mask


def _floats(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
