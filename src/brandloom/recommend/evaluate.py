"""Backtest: recommend as of a past date, compare with what people then bought."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from brandloom.engine import Engine
from brandloom.recommend.fit import fit
from brandloom.recommend.history import MAX_ITEMS, Floats
from brandloom.recommend.measures import Judged, Top, bought_after, gains
from brandloom.recommend.model import Recommender, histories_matrix, top

METHODS = ("ours", "popular", "own")


def evaluate(engine: Engine, cutoff: datetime, horizon_days: int, k: int = 10) -> pa.Table:
    """Hits of each customer who bought before `cutoff` and again in the `horizon_days` after it.

    `popular` recommends to everyone what most customers bought in the last 30 days; `own` what each person bought most often,
    filled up with popular products. All three choose among the products that are sold at `cutoff`.

    Returns:
        One row per customer and method: customer, method, bought (distinct products in the window), bought_new (of these, not
        bought before), hits, hits_new (products in the list of `k` that were bought), recall, ndcg, both in 0..1.
    """
    model = fit(engine, cutoff)
    judged = bought_after(engine, model, cutoff, cutoff + timedelta(days=horizon_days))
    recent = recent_buyers(engine, model, cutoff)
    lists = {"ours": _ours(model, judged, k), "popular": _same_for_all(recent, judged, k), "own": _own(recent, model, judged, k)}
    return pa.concat_tables([_rows(method, judged, lists[method], k) for method in METHODS])


def recent_buyers(engine: Engine, model: Recommender, cutoff: datetime) -> Floats:
    """Distinct customers of each product in the 30 days before `cutoff`; 0 where it is not sold."""
    rows = engine.query(
        "SELECT product, count(DISTINCT customer) AS buyers FROM events WHERE kind = 'purchase' AND product IS NOT NULL"
        " AND occurred_at < $cutoff AND occurred_at >= $since GROUP BY product", cutoff=cutoff, since=cutoff - timedelta(days=30))
    counts = dict(zip(rows["product"].to_pylist(), rows["buyers"].to_pylist(), strict=True))
    return np.array([counts.get(p, 0) for p in model.products], dtype=float) * model.sold


def _ours(model: Recommender, judged: Judged, k: int) -> Top:
    best, _again, _together = model.best(judged.histories.latest(MAX_ITEMS), k)
    return best


def _same_for_all(recent: Floats, judged: Judged, k: int) -> Top:
    _, rank, code, score = top(recent[None, :], k)
    people = len(judged.bought)
    return (np.repeat(np.arange(people), len(code)), np.tile(rank, people), np.tile(code, people), np.tile(score, people))


def _own(recent: Floats, model: Recommender, judged: Judged, k: int) -> Top:
    h = judged.histories
    often = histories_matrix(h, h.times + 0.5 ** (h.age / 365), len(model.products)).toarray()
    return top((often + recent / (recent.max(initial=1.0) * 10)) * model.sold, k)


def _rows(method: str, judged: Judged, best: Top, k: int) -> pa.Table:
    result = gains(judged, best, k)
    return pa.table({
        "customer": judged.customers, "method": pa.array([method] * len(judged.bought)), "bought": judged.bought,
        "bought_new": result.bought_new, "hits": result.hits, "hits_new": result.hits_new, "recall": result.recall,
        "ndcg": result.ndcg})
