"""Fitting where there is little data: counts by recency and repeat purchase, each shrunk towards the level above."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from brandloom.engine import Engine
from brandloom.predict.features import FEATURES, Examples, Floats, examples
from brandloom.predict.scorers import Cells

MIN_HISTORY_DAYS = 2
PRIOR = (0.5, 1.5)  # of the shop's share of buyers: one in four, worth two customers
STRENGTH = 4.0  # customers' worth of the level above that a cell starts with
DOUBT = 1.0  # customers' worth of the prior that each recency row keeps: rows nobody was seen in stay uncertain


def fit_cells(engine: Engine, as_of: datetime, horizon_days: int, first: datetime, *, share: float,
              seed: int) -> tuple[Cells, Examples]:
    """Fit on one cutoff whose window has ended; where history is shorter than two horizons, on its later half.

    Returns:
        The scorer, and the rows it used.
    """
    window = max(1, min(horizon_days, (as_of - first).days // 2))
    rows = examples(engine, [as_of - timedelta(days=window)], window, share=share, seed=seed)
    return cells_from(rows, window_days=window, horizon_days=horizon_days), rows


def cells_from(rows: Examples, *, window_days: int, horizon_days: int) -> Cells:
    """Posterior counts per cell from rows whose labels cover `window_days`."""
    edges = (float(window_days), 3.0 * window_days)
    shape = (len(edges) + 2, 2)
    empty = Cells(edges, (), (), (), 0.0, 1.0, 0.0, 0.0)
    row, repeat = empty.cell(rows.x)
    n, hits = np.zeros(shape), np.zeros(shape)
    np.add.at(n, (row, repeat), 1.0)
    np.add.at(hits, (row, repeat), rows.bought)
    base = (hits.sum() + PRIOR[0]) / (n.sum() + sum(PRIOR))
    prior = PRIOR[0] / sum(PRIOR)
    by_row = (hits.sum(axis=1) + STRENGTH * base + DOUBT * prior) / (n.sum(axis=1) + STRENGTH + DOUBT)
    alpha = hits + STRENGTH * by_row[:, None]
    beta = n - hits + STRENGTH * (1.0 - by_row[:, None])
    mean, sd = _baskets(rows)
    return Cells(edges, _pairs(alpha), _pairs(beta), tuple(by_row.tolist()), float(base), horizon_days / window_days, mean, sd)


def _baskets(rows: Examples) -> tuple[float, float]:
    """Mean spend of a buyer in the window (else of a past purchase day) and its sd in logs, held by a prior of 1."""
    past = rows.x[:, FEATURES.index("monetary_value")]
    seen = rows.spend[rows.spend > 0] if np.any(rows.spend > 0) else past[past > 0]
    if len(seen) == 0:
        return 0.0, 1.0
    return float(np.mean(seen)), float(np.sqrt((2.0 + np.sum((np.log(seen) - np.mean(np.log(seen))) ** 2)) / (2.0 + len(seen))))


def _pairs(table: Floats) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in table)
