"""Scoring every customer into table `predictions`, on whichever engine holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from brandloom.customers import feature_query
from brandloom.engine import Engine
from brandloom.engine.tables import PREDICTIONS
from brandloom.predict.features import FEATURES, feature_matrix
from brandloom.predict.model import PurchaseModel
from brandloom.predict.reasons import reasons_json

BATCH_ROWS = 20_000  # bounds the memory that contributions take


def predict(engine: Engine, model: PurchaseModel, as_of: datetime, *, threads: int = 1, profiles: str | None = None) -> int:
    """Write table `predictions`, one row per customer known before `as_of`; returns the number of rows.

    `expected_spend` counts purchases before returns and is unconditional: the probability to buy times the spend if they do.
    The interval is of that expectation, not of one person's purchase. `reasons` add up in log-odds (see `reasons`).

    Args:
        profiles: a table that `customers.build_profiles` has just written as of the same moment, to save reading events again.
    """
    select, values = (f"SELECT * FROM {profiles}", {}) if profiles else feature_query(as_of)
    columns = ", ".join(f"f.{name} AS {name}" for name in FEATURES)
    return engine.map_batches("predictions", f"SELECT f.customer AS customer, {columns} FROM ({select}) f",
                              _BatchScore(model, as_of, threads), PREDICTIONS, **values)


def scores(engine: Engine, model: PurchaseModel, as_of: datetime, *, threads: int = 1) -> pa.Table:
    """The rows that `predict` would write, sorted by customer, for a reader; table `predictions` stays as it is."""
    select, values = feature_query(as_of)
    columns = ", ".join(f"f.{name} AS {name}" for name in FEATURES)
    rows = engine.query(f"SELECT f.customer AS customer, {columns} FROM ({select}) f", **values)
    return _BatchScore(model, as_of, threads)(rows).sort_by("customer")


@dataclass(frozen=True)
class _BatchScore:
    """The function that runs per batch; a plain object, so that it travels to workers."""

    model: PurchaseModel
    as_of: datetime
    threads: int

    def __call__(self, rows: pa.Table) -> pa.Table:
        parts = [self._score(rows.slice(start, BATCH_ROWS)) for start in range(0, rows.num_rows, BATCH_ROWS)]
        return pa.concat_tables(parts) if parts else PREDICTIONS.empty_table()

    def _score(self, rows: pa.Table) -> pa.Table:
        x = feature_matrix(rows)
        scores = self.model.scorer.score(x, self.threads)
        parts, _base = self.model.scorer.contributions(x)
        n = len(x)
        return pa.table({
            "customer": rows["customer"].cast(pa.string()),
            "as_of": pa.array(np.full(n, np.datetime64(self.as_of, "us"))),
            "horizon_days": pa.array(np.full(n, self.model.card.horizon_days, dtype=np.int32)),
            "p_purchase": scores.p, "p_low": scores.p_low, "p_high": scores.p_high,
            "expected_spend": scores.spend, "spend_low": scores.spend_low, "spend_high": scores.spend_high,
            "reasons": reasons_json(x, parts),
        }, schema=PREDICTIONS)
