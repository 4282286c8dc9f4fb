"""What a customer's past comes down to here: repeat purchase days, first to last, first to now, and money per purchase day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from brandloom.customers import sample_values
from brandloom.engine import Engine, read_sql
from brandloom.predict.features import Floats

_NUMBERS = ("frequency", "recency_days", "t_days", "second_days", "paid_days", "money", "log_sum", "log_squares")


@dataclass(frozen=True)
class Histories:
    """Customers who bought before a moment, sorted by id; (n,) each, days and the workspace's money.

    `frequency` counts purchase days after the first, `recency_days` runs from the first to the last, `t_days` from the first to
    the moment, `second_days` from the first to the second (NaN without one). `paid_days` are the days with a positive amount,
    `money` its sum, `log_sum` and `log_squares` the sums of its logarithms and of their squares.
    """

    customer: npt.NDArray[np.object_]
    frequency: Floats
    recency_days: Floats
    t_days: Floats
    second_days: Floats
    paid_days: Floats
    money: Floats
    log_sum: Floats
    log_squares: Floats

    def __len__(self) -> int:
        return len(self.frequency)

    def __repr__(self) -> str:
        return f"Histories({len(self)} customers)"

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Histories:
        return Histories(self.customer[rows], *(getattr(self, name)[rows] for name in _NUMBERS))


@dataclass(frozen=True)
class Actual:
    """What happened after a moment, in the order of its `Histories`: purchase days and money before returns."""

    purchases: Floats
    spend: Floats


def summarise(engine: Engine, as_of: datetime, *, share: float = 1.0, seed: int = 0) -> Histories:
    """Histories of a share of the customers from purchases before `as_of`; nothing at or after it is looked at."""
    table = engine.query(read_sql("predict.lifetime", "summary"), as_of=as_of, whole=share >= 1, **sample_values(share, seed))
    order = np.argsort(np.array(table["customer"].to_pylist(), dtype=object), kind="stable")  # engines sort text each in their way
    found = Histories(np.array(table["customer"].to_pylist(), dtype=object), *(_column(table, name) for name in _NUMBERS))
    return found.take(order)


def actual(engine: Engine, histories: Histories, start: datetime, horizon_days: int) -> Actual:
    """Purchase days and spend of these customers in the `horizon_days` from `start`."""
    table = engine.query(
        "SELECT customer, CAST(count(DISTINCT CAST(occurred_at AS DATE)) AS DOUBLE) AS purchases, CAST(sum(amount) AS DOUBLE) AS spend "
        "FROM events WHERE kind = 'purchase' AND customer IS NOT NULL AND occurred_at >= $start AND occurred_at < $end GROUP BY customer",
        start=start, end=start + timedelta(days=horizon_days))
    place = {customer: n for n, customer in enumerate(histories.customer)}
    rows = np.array([place.get(customer, -1) for customer in table["customer"].to_pylist()], dtype=np.int64)
    purchases, spend = np.zeros(len(histories)), np.zeros(len(histories))
    known = rows >= 0
    purchases[rows[known]] = _column(table, "purchases")[known]
    spend[rows[known]] = _column(table, "spend")[known]
    return Actual(purchases, spend)


def _column(table: pa.Table, name: str) -> Floats:
    column = table[name].cast(pa.float64()).combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
