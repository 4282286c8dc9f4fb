"""Fitting the lifetime model as of a moment, and looking back once: the same on older data, against what followed."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from brandloom.engine import Engine
from brandloom.errors import NotFittedError
from brandloom.i18n import _
from brandloom.predict.lifetime.dropout import SHAPES
from brandloom.predict.lifetime.forecast import check_horizon, forecast, quantile_ranks
from brandloom.predict.lifetime.model import Check, LifetimeCard, LifetimeModel
from brandloom.predict.lifetime.money import fit_money
from brandloom.predict.lifetime.process import Fitted, fit_process
from brandloom.predict.lifetime.summary import actual, summarise
from brandloom.predict.metrics import Estimate
from brandloom.predict.training import read_history

MAX_FITTED_CUSTOMERS = 20_000
LEVEL_SD, LEVEL_WEIGHT = 0.15, 3.0  # what totals missed by, in logs, on five shops (see `benchmarks/lifetime.py`)
MIN_CHECKED = 50  # customers known at the cutoff that is looked back to

LIMITS_ALWAYS = _("It takes buying to be random at a steady rate: seasons, campaigns and price changes to come are not in it.")
LIMITS_LEAVING = _("Leaving is never seen, only silence: the chance of being still active is an inference.")
LIMITS_FEW = _("Fewer than 50 repeat buyers: the numbers lean on what shops are usually like, and the intervals are wide for it.")
LIMITS_FAR = _("The horizon is longer than the history it was learned from.")
FEW_REPEATERS = 50


def fit(engine: Engine, as_of: datetime, *, horizon_days: int = 180, seed: int = 0) -> LifetimeModel:
    """Learn the purchase process and the money per purchase day from purchases before `as_of`.

    Args:
        horizon_days: what the model will mainly be asked for, 1 to 730; sets how far it looks back to check itself.
    Raises:
        ConfigError: the horizon cannot be used.
        NotFittedError: no purchase, or only one customer, or less than two days of history, before `as_of`.
    """
    check_horizon(horizon_days)
    history = read_history(engine, as_of)
    if history.buyers < 2:
        raise NotFittedError(_("Learning how customers come back needs at least two of them before {date}; there is one. "
                               "Load more orders, or choose a later date."), date=as_of.date())
    share = min(1.0, MAX_FITTED_CUSTOMERS / history.buyers)
    histories = summarise(engine, as_of, share=share, seed=seed)
    days = min(horizon_days, (as_of - history.first).days // 3)
    check = _look_back(engine, as_of - timedelta(days=days), days, share=share, seed=seed) if days else None
    process, money = fit_process(histories), fit_money(histories)
    repeaters = int(np.sum(histories.frequency > 0))
    card = LifetimeCard(
        as_of=as_of, horizon_days=horizon_days, seed=seed, data_from=history.first, data_to=history.last, customers=history.buyers,
        fitted_customers=len(histories), repeaters=repeaters, parameters=describe(process),
        shapes={one.shape: one.weight for one in process}, level_sd=_level_sd(check), check=check,
        limits=_limits(repeaters, horizon_days > (as_of - history.first).days))
    return LifetimeModel(process, money, card)


def describe(process: tuple[Fitted, ...], *, draws: int = 2_000) -> dict[str, Estimate]:
    """What the parameters say in words a shop knows, over all shapes of leaving, with 95 % intervals.

    `days_between` is the mean time between purchase days of customers who stay, `regularity` the gamma shape of their rates (small:
    few buy often and many rarely), `share_after_year` the share of new customers who have not left after a year.
    """
    rng = np.random.default_rng(0)
    counts = [round(draws * one.weight) for one in process]
    parts = [(one.shape, one.draw(count, rng)) for one, count in zip(process, counts, strict=True) if count]
    rates = np.concatenate([q[1] for _name, q in parts])
    gammas = np.concatenate([q[0] for _name, q in parts])
    stay = np.concatenate([np.exp(SHAPES[name].log_survival(q[2:], np.array(365.0))) for name, q in parts])
    found = {"days_between": np.exp(-rates), "regularity": np.exp(gammas), "share_after_year": stay}
    return {name: Estimate(float(np.median(v)), *(float(end) for end in np.quantile(v, [0.025, 0.975]))) for name, v in found.items()}


def _look_back(engine: Engine, cutoff: datetime, days: int, *, share: float, seed: int) -> Check | None:
    """Fit as of `cutoff` with the same rules, and compare with the `days` after it."""
    past = summarise(engine, cutoff, share=share, seed=seed)
    if len(past) < MIN_CHECKED:
        return None
    model = LifetimeModel(fit_process(past), fit_money(past), _blank(cutoff, days, seed))
    truth = actual(engine, past, cutoff, days)
    total = forecast(model, past, days)
    below, equal = quantile_ranks(model, past, days, truth.purchases)
    rank = below + equal * np.random.default_rng([seed, 5]).random(len(past))
    expected = total.customers["purchases"].to_numpy()
    return Check(cutoff, days, len(past), total.purchases.value, total.purchases.low, total.purchases.high, float(truth.purchases.sum()),
                 float(np.mean(np.abs(expected - truth.purchases))), float(np.mean((rank >= 0.1) & (rank <= 0.9))))


def _level_sd(check: Check | None) -> float:
    """What earlier shops' totals missed by, and this one's."""
    if check is None:
        return LEVEL_SD
    missed = np.log((check.actual + 1.0) / (check.forecast + 1.0))
    return float(np.sqrt((LEVEL_WEIGHT * LEVEL_SD**2 + missed**2) / (LEVEL_WEIGHT + 1.0)))


def _blank(as_of: datetime, days: int, seed: int) -> LifetimeCard:
    return LifetimeCard(as_of, days, seed, as_of, as_of, 0, 0, 0, {}, {}, LEVEL_SD, None, ())


def _limits(repeaters: int, far: bool) -> tuple[str, ...]:
    return (LIMITS_ALWAYS, LIMITS_LEAVING, *((LIMITS_FEW,) if repeaters < FEW_REPEATERS else ()), *((LIMITS_FAR,) if far else ()))
