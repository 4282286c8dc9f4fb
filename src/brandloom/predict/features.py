"""Training examples and the features models see: the numbers of a customer's profile at a cutoff, and what came after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from brandloom.customers import feature_query, sample_values
from brandloom.engine import Engine, read_sql

Floats = npt.NDArray[np.float64]

FEATURES = (
    "days_since_last", "recency_days", "T_days", "frequency", "orders", "items", "n_products", "net_revenue",
    "monetary_value", "avg_basket", "last_basket", "max_basket", "products_per_order", "returns_share", "returns_90d",
    "mean_gap_days", "gap_spread_days", "last_gap_days", "max_gap_days", "overdue_ratio", "days_since_third_last",
    "active_months", "purchase_days_per_month", "purchase_days_14d", "purchase_days_60d", "purchase_days_year_ago",
    "orders_30d", "orders_90d", "orders_180d", "orders_365d", "spend_30d", "spend_90d", "spend_180d", "spend_365d",
    "visits_7d", "visits_30d", "carts_30d", "days_since_visit", "known_days",
)


@dataclass(frozen=True)
class Examples:
    """Customers at one or more cutoffs and what they did in the horizon after each.

    Rows are sorted by cutoff, then customer. `x` has a column per name in `FEATURES`, missing values as NaN;
    `cutoff` is a row's place in `cutoffs`, 0 for the latest. `bought` is 0/1, `spend` is money before returns.
    """

    x: Floats
    bought: Floats
    spend: Floats
    cutoff: npt.NDArray[np.int64]
    customer: npt.NDArray[np.object_]
    cutoffs: tuple[datetime, ...]

    def __len__(self) -> int:
        return len(self.bought)

    def __repr__(self) -> str:
        return f"Examples({len(self)} rows at {len(set(self.cutoff.tolist()))} cutoffs)"

    def where(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Examples:
        return Examples(self.x[keep], self.bought[keep], self.spend[keep], self.cutoff[keep], self.customer[keep], self.cutoffs)


Reader = Callable[[list[datetime]], Examples]
"""Examples at cutoffs (latest first) of one sample of customers and one horizon."""


def examples(engine: Engine, cutoffs: list[datetime], horizon_days: int, *, share: float = 1.0, seed: int = 0) -> Examples:
    """Read examples at each cutoff (latest first); the label window must have ended for the labels to be true."""
    with reader(engine, max(cutoffs) + timedelta(days=horizon_days), horizon_days, share=share, seed=seed) as read:
        return read(cutoffs)


@contextmanager
def reader(engine: Engine, end: datetime, horizon_days: int, *, share: float = 1.0, seed: int = 0) -> Iterator[Reader]:
    """A function that reads examples whose windows end by `end`; a cutoff asked for again is not read again."""
    known: dict[datetime, pa.Table] = {}
    with _sampled(engine, end, share, seed) as events:
        def read(cutoffs: list[datetime]) -> Examples:
            for cutoff in cutoffs:
                if cutoff not in known:
                    known[cutoff] = _at_cutoff(engine, cutoff, horizon_days, share=share, seed=seed, events=events)
            return _joined({cutoff: known[cutoff] for cutoff in cutoffs})
        yield read


def _joined(parts: dict[datetime, pa.Table]) -> Examples:
    joined = pa.concat_tables(parts.values())
    return Examples(feature_matrix(joined), _column(joined, "bought"), _column(joined, "spend"),
                    np.repeat(np.arange(len(parts)), [table.num_rows for table in parts.values()]),
                    np.array(joined["customer"].to_pylist(), dtype=object), tuple(parts))


def feature_matrix(table: pa.Table) -> Floats:
    """(rows, features) in the order of `FEATURES`; null becomes NaN."""
    if table.num_rows == 0:
        return np.empty((0, len(FEATURES)))
    return np.column_stack([_column(table, name) for name in FEATURES])


def actual_purchases(engine: Engine, start: datetime, end: datetime) -> pa.Table:
    """What really happened: (customer, orders, spend) of everybody who bought in [start, end), spend before returns."""
    return engine.query(f"SELECT customer, CAST(orders AS BIGINT) AS orders, spend "
                        f"FROM ({read_sql('predict', 'actual_purchases')}) t ORDER BY customer", start=start, end=end)


@contextmanager
def _sampled(engine: Engine, end: datetime, share: float, seed: int) -> Iterator[str]:
    """Table of the events before `end` of a share of the customers: a sample of a large shop is put aside once."""
    if share >= 1:
        yield "events"
        return
    engine.replace("predict_events", "SELECT customer, kind, product, occurred_at, quantity, amount, order_id FROM events "
                   "WHERE customer IS NOT NULL AND occurred_at < $end AND md5(concat(customer, $salt)) < $below",
                   end=end, **sample_values(share, seed))
    try:
        yield "predict_events"
    finally:
        engine.drop("predict_events")


def _at_cutoff(engine: Engine, cutoff: datetime, horizon_days: int, *, share: float, seed: int, events: str) -> pa.Table:
    features, values = feature_query(cutoff, share=share, seed=seed, events=events)
    labels = read_sql("predict", "actual_purchases").replace("FROM events\n", f"FROM {events}\n")
    return engine.query(
        f"SELECT f.*, CAST(CASE WHEN t.orders > 0 THEN 1 ELSE 0 END AS DOUBLE) AS bought, coalesce(t.spend, 0) AS spend "
        f"FROM ({features}) f LEFT JOIN ({labels}) t ON t.customer = f.customer "
        f"WHERE f.known_days IS NOT NULL ORDER BY f.customer",
        start=cutoff, end=cutoff + timedelta(days=horizon_days), **values)


def _column(table: pa.Table, name: str) -> Floats:
    column = table[name].cast(pa.float64()).combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
